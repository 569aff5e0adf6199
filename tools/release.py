"""Gather what a release has: the wheel, the site, PDFs, slides, notebooks, and their SHA-256.

`make release` builds the book with its downloads first, and a workflow calls it for each tag. With
``--tag`` the tag has to be the version that everything else names.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from notebooks import ROOT

BUILT = ROOT / "_build"
SITE = "molecular-energies-site"
SUMS = "SHA256SUMS"


class ReleaseError(Exception):
    """Something that a person has to build or to write."""


def problems(root: Path, tag: str) -> list[str]:
    """Return where the version is not that of the tag."""
    version = tag.removeprefix("v")
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    citation = yaml.safe_load((root / "CITATION.cff").read_text("utf-8"))
    changes = (root / "CHANGELOG.md").read_text("utf-8")
    found = []
    for file, named in (("pyproject.toml", project), ("CITATION.cff", citation)):
        if str(named["version"]) != version:
            found.append(f"{file} has version {named['version']}, but the tag is {tag}")
    if f"\n## [{version}]" not in changes:
        found.append(f"CHANGELOG.md has no section [{version}]: rename the section Unreleased")
    return found


def pack_site(site: Path, target: Path) -> None:
    """Write the site as a zip, with all that its pages link to."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(site.rglob("*")):
            if file.is_file():
                archive.write(file, Path(SITE, file.relative_to(site)))


def gather(built: Path, target: Path, root: Path = ROOT) -> list[Path]:
    """Write all files of a release.

    Parameters
    ----------
    built
        Folder of the site, ``html``, and of the downloads.
    target
        Folder of the release; what is in it goes.
    root
        The project.

    Raises
    ------
    ReleaseError
        If something has not been built.
    subprocess.CalledProcessError
        If pip fails; it has said why.
    """
    for folder in (built / "html", built / "downloads"):
        if not folder.is_dir() or not any(folder.iterdir()):
            raise ReleaseError(f"{folder} is missing or empty: make downloads")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", target, root], check=True)
    for file in (built / "downloads").iterdir():
        shutil.copyfile(file, target / file.name)
    pack_site(built / "html", target / f"{SITE}.zip")
    files = sorted(target.iterdir())
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (target / SUMS).write_text("".join(lines), "utf-8")
    return [*files, target / SUMS]


def zenodo(root: Path = ROOT) -> dict[str, object]:
    """Return what Zenodo is told of a release: what CITATION.cff says."""
    citation = yaml.safe_load((root / "CITATION.cff").read_text("utf-8"))
    return {
        "title": citation["title"],
        "upload_type": "lesson",
        "description": " ".join(citation["abstract"].split()),
        "creators": [{"name": author["name"]} for author in citation["authors"]],
        "access_right": "open",
        "license": "cc-by-4.0",
        "notes": "Text and figures: CC BY 4.0. Code: MIT.",
        "language": "eng",
        "keywords": citation["keywords"],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=BUILT / "release")
    parser.add_argument("--tag", help="the tag, such as v1.0.0")
    parser.add_argument(
        "--zenodo", action="store_true", help="only write .zenodo.json, from CITATION.cff"
    )
    options = parser.parse_args(arguments)
    if options.zenodo:
        (ROOT / ".zenodo.json").write_text(json.dumps(zenodo(), indent=2) + "\n", "utf-8")
        return 0
    try:
        if options.tag and (found := problems(ROOT, options.tag)):
            raise ReleaseError("; ".join(found))
        files = gather(BUILT, options.folder)
    except (ReleaseError, subprocess.CalledProcessError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    for file in files:
        print(f"{file.stat().st_size / 1e6:8.1f} MB  {file.name}")
    print(f"The release: {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
