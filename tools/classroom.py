"""Pack all notebooks and the data into one zip: for a classroom without network.

In it are the chapters, exercises and solutions; the wheels of qm9lib, and of qm9pack, which holds
the molecules; and a text that tells what to install beforehand.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from notebooks import ROOT
from qm9lib.data.qm9pack import VERSION

NAME = "molecular-energies"

README = """\
Molecular energies with graph neural networks: notebooks and data for a classroom without network
==================================================================================================

book/            the chapters; book/exercises and book/solutions beside them
wheels/          the course's package qm9lib, and qm9pack, which holds the 130,831 molecules
requirements.txt what else the notebooks need

Once, on a machine with a network and of the same kind as those of the classroom (system, Python
3.11 to 3.13), unpack this and fetch the rest, about 1 GB:

    python -m pip download -r requirements.txt jupyterlab -d wheels

Then, on each machine of the classroom, without network:

    python -m venv course
    course/bin/pip install --no-index --find-links wheels -r requirements.txt qm9lib jupyterlab
    course/bin/python -m qm9lib fetch
    course/bin/jupyter lab book

On Windows it is course\\Scripts in the place of course/bin. Where one folder serves all, set
QM9LIB_CACHE to it before the third command: the molecules are then prepared once.
"""


def wheels(folder: Path) -> None:
    """Put the wheels of the package and of the data into a folder.

    Raises
    ------
    subprocess.CalledProcessError
        If pip fails; it has said why.
    """
    pip = [sys.executable, "-m", "pip"]
    quiet = ["--quiet", "--no-deps"]
    subprocess.run([*pip, "wheel", *quiet, "--wheel-dir", folder, ROOT], check=True)
    subprocess.run([*pip, "download", *quiet, "--dest", folder, f"qm9pack=={VERSION}"], check=True)


def content(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name of each file in the zip, and where it is; wheels are those of a folder."""
    for part in ("", "exercises", "solutions"):
        for path in sorted((ROOT / "book" / part).glob("*.ipynb")):
            yield path.relative_to(ROOT).as_posix(), path
    yield "requirements.txt", ROOT / "requirements.txt"
    for licence in ("LICENSE", "LICENSE-TEXT"):
        yield licence, ROOT / licence
    for path in sorted(folder.glob("*.whl")):
        yield f"wheels/{path.name}", path


def pack(folder: Path, target: Path) -> None:
    """Write the zip with the wheels of a folder; it is whole, or not there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{NAME}/README.txt", README)
        for name, path in content(folder):
            archive.write(path, f"{NAME}/{name}")
    os.replace(unfinished, target)


def main() -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where to write the zip file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        try:
            wheels(Path(name))
        except subprocess.CalledProcessError as error:
            print(f"classroom: {error.cmd[3]} of pip failed (see above)", file=sys.stderr)
            return 1
        target = options.folder / f"{NAME}.zip"
        pack(Path(name), target)
    print(f"Notebooks and data: {target} ({target.stat().st_size / 1e6:.0f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
