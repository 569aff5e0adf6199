"""Sphinx extension: the directive ``{status}`` tells how the book was built.

Its argument is one of ``build``, ``notebooks``, ``data`` and ``packages``. Nothing of what it shows
is typed: it comes from git, the installed packages, the constraints, the run times that
``tools/notebooks.py`` wrote, and the package's own tables.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from packaging.utils import canonicalize_name
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from versions import version

from qm9lib.data import figshare, qm9pack, verify
from qm9lib.data.splits import CHARACTERIZED

RUNTIMES = "book/runtimes.json"

NOT_MEASURED = "not measured"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table.

    Examples
    --------
    >>> print(table(["what", "value"], [["Python", "3.12"]]))
    | what | value |
    |---|---|
    | Python | 3.12 |
    """
    lines = [f"| {' | '.join(line)} |" for line in [head, *rows]]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def commit(root: Path) -> tuple[str, str] | None:
    """Return hash and date of the source's commit; None without a repository or without git.

    Parameters
    ----------
    root
        Folder of the source: the repository's own top, and not a folder inside of another one.
    """
    git = ["git", "-C", str(root)]
    try:
        top = _output([*git, "rev-parse", "--show-toplevel"])
        if Path(top).resolve() != root.resolve():
            return None
        found, seconds = _output([*git, "log", "-1", "--format=%h %ct"]).split()
        changed = _output([*git, "status", "--porcelain", "--untracked-files=no"])
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return f"`{found}`" + (", with changes" if changed else ""), day(int(seconds))


def _output(command: list[str]) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def day(seconds: int) -> str:
    """Return the date of a time in seconds since 1970.

    Examples
    --------
    >>> day(0)
    '1970-01-01'
    """
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def build(root: Path) -> str:
    """Return version, commit and date of the source, and what built it, as a Markdown table."""
    found = commit(root)
    date = found[1] if found else "unknown"
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        date = day(int(epoch))
    rows = [
        ("qm9lib", metadata.version("qm9lib")),
        ("commit", found[0] if found else "unknown: built without git"),
        ("date of the source", date),
        ("Python", platform.python_version()),
        ("system", f"{platform.system()} {platform.machine()}"),
    ]
    return table(["what", "value"], rows)


def notebooks(root: Path, names: Iterable[str]) -> str:
    """Return how long each notebook ran when its outputs were made, as a Markdown table.

    Parameters
    ----------
    root
        Folder of the source; the times are in its ``book/runtimes.json``: seconds by name.
    names
        Notebooks, such as ``labels`` or ``solutions/labels``.
    """
    file = root / RUNTIMES
    seconds: dict[str, float] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    rows = [
        (
            f"[](/book/{name}.ipynb)",
            f"{seconds[name]:.1f} s" if name in seconds else NOT_MEASURED,
        )
        for name in names
    ]
    return table(["notebook", "time"], rows)


def data() -> str:
    """Return the number of molecules, and the SHA-256 of each file, as Markdown tables."""
    release = figshare.PUBLISHED
    counts = [
        ("published", f"{release.molecules:,}"),
        ("uncharacterized, left out", f"{release.uncharacterized_molecules:,}"),
        ("used here", f"{CHARACTERIZED:,}"),
    ]
    files = [(file.name, "figshare", file.sha256) for file in release.files]
    files += [
        (name, f"qm9pack {qm9pack.VERSION}", digest) for name, digest in qm9pack.FILES.items()
    ]
    files += [(name, "array in memory", digest) for name, digest in verify.CONTENT.items()]
    return "\n\n".join(
        [
            table(["molecules", "number"], counts),
            table(["data", "where", "SHA-256"], [(n, w, f"`{d}`") for n, w, d in files]),
        ]
    )


def locked(root: Path) -> dict[str, str]:
    """Return the versions that the constraints of this Python version name, by package."""
    file = root / "constraints" / f"{sys.version_info[0]}.{sys.version_info[1]}.txt"
    if not file.exists():
        return {}
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", file.read_text("utf-8"), re.MULTILINE)
    return {canonicalize_name(name): pinned for name, pinned in found}


def packages(root: Path) -> str:
    """Return the versions of the required packages, installed and locked, as a Markdown table."""
    lines = (root / "requirements.txt").read_text("utf-8").splitlines()
    names = [match[0] for line in lines if (match := re.match(r"[\w.-]+", line))]
    lock = locked(root)
    rows = []
    for name in sorted(set(names), key=str.lower):
        built = version(f"pip:{name}", root)
        wanted = lock.get(canonicalize_name(name), "")
        if built or wanted:
            same = "yes" if built == wanted else "no"
            rows.append((name, built or "not installed", wanted or "not locked", same))
    return table(["package", "built with", "locked", "same"], rows)


class Status(SphinxDirective):
    """``{status} build``, ``notebooks``, ``data`` or ``packages``: a table of facts."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table, made of the Markdown that the functions above return."""
        root = Path(self.env.srcdir)
        kind = self.arguments[0]
        if kind == "notebooks":
            self.env.note_dependency(str(root / RUNTIMES))
            text = notebooks(root, self._notebooks())
        elif kind in ("build", "packages"):
            self.env.note_reread()
            text = {"build": build, "packages": packages}[kind](root)
        elif kind == "data":
            text = data()
        else:
            raise self.error(f"status has no {kind!r}: use build, notebooks, data or packages")
        source, line = self.get_source_info()
        content = StringList(text.splitlines(), source=source)
        node = nodes.container(classes=["build-status"])
        self.state.nested_parse(content, line, node)
        return [node]

    def _notebooks(self) -> list[str]:
        """Return the notebooks with outputs, in the order of the contents."""
        contents = getattr(self.config, "external_site_map", None) or sorted(self.env.found_docs)
        names = [name.removesuffix(".ipynb").removeprefix("book/") for name in contents]
        return [
            name
            for name in names
            if not name.startswith("exercises/")  # the students run these
            and self.env.doc2path(f"book/{name}").endswith(".ipynb")
        ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("status", Status)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
