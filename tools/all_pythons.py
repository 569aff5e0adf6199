"""Run make's checks with every Python that the project supports, each in a copy of its own.

The copies, in _build/pythons/VERSION, are clones of the last commit, and each has its own .venv.
They stay there, so that a second run installs nothing. A Python is looked for on PATH, as
python3.12 is, and then among the versions of pyenv; none may be missing. `colab` is run where
tools/colab_packages.txt knows what Colab has on that Python.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PYTHONS: Mapping[str, Sequence[str]] = {
    "3.11": ("check", "book", "test"),
    "3.12": ("check", "book", "test", "colab"),
    "3.13": ("check", "book", "test", "colab"),
}
"""What make does with each Python."""


class MissingPythonError(Exception):
    """A Python that is asked for is nowhere to be found."""


@dataclass(frozen=True)
class Outcome:
    """How one target of make ended with one Python."""

    version: str
    target: str
    seconds: float
    passed: bool


def candidates(version: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield where a Python of a version may be: first on PATH, then pyenv's, newest first."""
    name = f"python{version}"
    for folder in environ.get("PATH", "").split(os.pathsep):
        # One of a virtual environment may vanish with it.
        if folder and not (Path(folder).parent / "pyvenv.cfg").exists():
            yield Path(folder, name)
    pyenv = Path(environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for home in sorted(pyenv.glob(f"versions/{version}.*"), key=_numbers, reverse=True):
        yield home / "bin" / name


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.name)]


def find_python(version: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Find a Python that can make virtual environments.

    Parameters
    ----------
    version
        As in ``"3.12"``.
    environ
        Variables to look at: `PATH` and `PYENV_ROOT`.

    Returns
    -------
    Path
        The first one that runs, has this version, and has `venv` and `ensurepip`.

    Raises
    ------
    MissingPythonError
        If there is none.
    """
    code = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    for path in candidates(version, environ):
        if not path.exists():
            continue
        # A shim of pyenv exists, and fails unless that version is switched on.
        tried = subprocess.run([path, "-c", code], capture_output=True, text=True, env=environ)
        if tried.returncode == 0 and tried.stdout.strip() == version:
            return path
    raise MissingPythonError(
        f"no Python {version} with venv: it is neither on PATH (python{version}) nor in pyenv. "
        f"Install it (`pyenv install {version}`, or your system's python{version} and "
        f"python{version}-venv), and try again"
    )


def copy(root: Path, folder: Path) -> None:
    """Make `folder` a clone of the project's last commit; one from an earlier run is renewed."""
    commit = _git(root, "rev-parse", "HEAD")
    if not (folder / ".git").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        _git(root, "clone", "--quiet", "--no-checkout", str(root), str(folder))
    _git(folder, "fetch", "--quiet", str(root), "HEAD")
    _git(folder, "checkout", "--quiet", "--force", "--detach", commit)
    _git(folder, "clean", "--quiet", "--force", "-d")  # what git ignores stays: .venv


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def run(
    version: str, python: Path, target: str, folder: Path, environ: Mapping[str, str] = os.environ
) -> Outcome:
    """Let make reach one target in a copy, with one Python; settings such as ISA are passed on."""
    ours = ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "PYTHONPATH", "VIRTUAL_ENV")
    env = {name: value for name, value in environ.items() if name not in ours}
    command = ["make", "--no-print-directory", f"PYTHON={python}", target]
    if target == "colab":
        command.append(f"COLAB_PYTHON={python}")
    print(f"== Python {version}: make {target}", flush=True)
    start = time.perf_counter()
    result = subprocess.run(command, cwd=folder, env=env)
    return Outcome(version, target, time.perf_counter() - start, result.returncode == 0)


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a line for each target and Python."""
    lines = ["Python  target  minutes  result"]
    for outcome in outcomes:
        result = "passed" if outcome.passed else "failed"
        lines.append(
            f"{outcome.version:6}  {outcome.target:6}  {outcome.seconds / 60:7.1f}  {result}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("versions", nargs="*", metavar="VERSION", help="Pythons (default: all)")
    parser.add_argument("--find", action="store_true", help="only show where they are")
    options = parser.parse_args(arguments)
    if unknown := set(options.versions) - set(PYTHONS):
        parser.error(f"no Python {', '.join(sorted(unknown))}; there are: {', '.join(PYTHONS)}")

    found, missing = {}, 0
    for version in options.versions or PYTHONS:
        try:
            found[version] = find_python(version)
            print(f"Python {version}: {found[version]}", flush=True)
        except MissingPythonError as error:
            missing += 1
            print(f"all_pythons: {error}", file=sys.stderr)
    if missing or options.find:
        return 2 if missing else 0

    if _git(root, "status", "--porcelain"):
        print("note: uncommitted changes are not checked", flush=True)
    outcomes = []
    for version, python in found.items():
        folder = root / "_build" / "pythons" / version
        copy(root, folder)
        for target in PYTHONS[version]:
            outcomes.append(run(version, python, target, folder))
    print("\n" + table(outcomes))
    return int(not all(outcome.passed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
