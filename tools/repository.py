"""Write the address of your fork everywhere: links, Colab buttons, install cells, citation.

Example: python tools/repository.py https://github.com/ada/qm9-course

The old address is read from _config.yml. Running it twice changes nothing more.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from notebooks import (
    PLACEHOLDER,
    ROOT,
    NotebookError,
    Repository,
    chapters,
    derive,
    read_repository,
    student_page,
    write,
)

FILES = ("_config.yml", "README.md", "CONTRIBUTING.md", "CITATION.cff", "pyproject.toml")
"""What names the repository, besides the chapters below `book/` and the forms in `.github/`."""

ADDRESS = re.compile(
    r"https://github\.com/(?P<owner>[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38})/(?P<name>[A-Za-z0-9._-]+)"
)
BRANCH = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._/-]*[A-Za-z0-9_-])?")


def parse(url: str, branch: str) -> Repository:
    """Check an address that somebody typed.

    Parameters
    ----------
    url
        `https://github.com/OWNER/NAME`; a slash or `.git` at its end is dropped.
    branch
        The branch from which the book is published.
    """
    url = url.strip().removesuffix("/").removesuffix(".git")
    match = ADDRESS.fullmatch(url)
    if url != PLACEHOLDER.url and (match is None or not match["name"].strip(".")):
        raise NotebookError(f"the address must be https://github.com/OWNER/NAME, not {url!r}")
    if not BRANCH.fullmatch(branch) or ".." in branch or "//" in branch:
        raise NotebookError(f"{branch!r} is not the name of a branch")
    return Repository(url, branch)


def restamp(text: str, old: Repository, new: Repository) -> str:
    """Replace the address `old` by `new`: on GitHub, Colab and Pages, with its branch."""
    old_owner, old_name = old.url.split("/")[-2:]
    owner, name = new.url.split("/")[-2:]
    end = r"(?![\w-])"
    slug = rf"(github\.com/|google\.com/github/){re.escape(old_owner)}/{re.escape(old_name)}{end}"
    ref = rf"(?P<ref>(?:\.git)?@|/(?:blob|edit|raw|tree)/){re.escape(old.branch)}{end}"

    def put(match: re.Match[str]) -> str:
        end = match["ref"] + new.branch if match["ref"] else ""
        return f"{match[1]}{owner}/{name}{end}"

    text = re.sub(f"{slug}(?:{ref})?", put, text)
    return re.sub(
        rf"{re.escape(old_owner)}\.github\.io/{re.escape(old_name)}{end}",
        f"{owner}.github.io/{name}",
        text,
    )


def documents(root: Path) -> list[Path]:
    """Return the files that name the repository; notebooks are derived from some of them."""
    book = [path for path in (root / "book").rglob("*.md") if ".ipynb_checkpoints" not in str(path)]
    forms = [path for path in (root / ".github").rglob("*") if path.suffix in (".md", ".yml")]
    return [root / file for file in FILES] + sorted(book) + sorted(forms)


def stamp(root: Path, new: Repository) -> list[str]:
    """Write the address in all files of the project.

    Returns
    -------
    list of str
        The files that changed.
    """
    old = read_repository(root)
    pairs = chapters(root)
    watched = documents(root)
    pages = [page for page in map(student_page, pairs.values()) if page is not None]
    watched += [path.with_suffix(".ipynb") for path in (*pairs.values(), *pages)]
    before = {path: path.read_text("utf-8") for path in watched if path.exists()}

    for path in before:
        if path.suffix != ".ipynb":
            # A file that somebody forgot may still have the placeholder.
            text = restamp(restamp(path.read_text("utf-8"), PLACEHOLDER, new), old, new)
            if path.name == "_config.yml":
                text = re.sub(r"(?m)^(  branch: ).*$", rf"\g<1>{new.branch}", text)
            write(path, text)
    for path in pairs.values():
        derive(path, new)
    return [
        str(path.relative_to(root)) for path in before if path.read_text("utf-8") != before[path]
    ]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", help="https://github.com/OWNER/NAME")
    parser.add_argument("--branch", default="main", help="branch (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        changed = stamp(root, parse(options.url, options.branch))
    except NotebookError as error:
        print(f"repository: {error}", file=sys.stderr)
        return 2
    print("\n".join(f"changed {file}" for file in changed) or "nothing to change")
    return 0


if __name__ == "__main__":
    sys.exit(main())
