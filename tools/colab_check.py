"""Run every committed notebook as Colab would, without Colab.

Each notebook lies alone in an empty folder. Its Python has the packages of
tools/colab_packages.txt, in a new environment without qm9lib, and no cached data. The setup cell
installs from the address in _config.yml, which git is told to find in a local clone. Afterwards
every package that was there before must have the version that it had. Exercises and solutions,
whose setup cells are all the same, share one installation: the first of them makes it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from notebooks import ROOT, NotebookError, Repository, chapters, read_repository, student_page

PACKAGES = ROOT / "tools" / "colab_packages.txt"


@dataclass(frozen=True)
class Outcome:
    """What happened to one notebook; `problem` is empty if all went well."""

    name: str
    seconds: float
    added: Sequence[str]
    problem: str


def call(*command: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Run a command and return its output; what it says on failure is in the error."""
    result = subprocess.run(
        [str(part) for part in command], env=env, cwd=cwd, capture_output=True, text=True
    )
    if result.returncode:
        said = (result.stdout + result.stderr).strip()
        raise NotebookError(f"{command[0]} failed with status {result.returncode}:\n{said}")
    return result.stdout


def clone(root: Path, folder: Path, revision: str, branch: str) -> None:
    """Make a bare clone of the project in which `branch` is `revision`."""
    commit = call("git", "rev-parse", "--verify", f"{revision}^{{commit}}", cwd=root).strip()
    call("git", "clone", "--quiet", "--bare", root, folder)
    call("git", "update-ref", f"refs/heads/{branch}", commit, cwd=folder)


def environment(folder: Path, repository: Repository) -> dict[str, str]:
    """Return what a notebook's process sees: this folder's caches, and git's local clone."""
    outer = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV", "QM9LIB_CACHE")
    }
    return outer | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{(folder / 'repository.git').as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": repository.url,
        "PIP_CACHE_DIR": call(sys.executable, "-m", "pip", "cache", "dir").strip(),
    }


def versions(python: Path) -> dict[str, str]:
    """Return the version of each package that an environment has."""
    listed = json.loads(call(python, "-m", "pip", "list", "--format=json"))
    return {entry["name"]: entry["version"] for entry in listed}


def run_notebook(
    name: str, text: str, python: Path, folder: Path, base: Mapping[str, str], *, shares: bool
) -> Outcome:
    """Run one notebook in its own folder, then take away what it has installed.

    One that shares finds the package that an earlier one has left, if there was one, and leaves it.
    """
    work, cache = folder / "work" / name, folder / "cache" / name
    work.mkdir(parents=True)
    cache.mkdir(parents=True)
    file = work / f"{Path(name).name}.ipynb"
    file.write_text(text, "utf-8")
    env = {**base, "XDG_CACHE_HOME": str(cache), "QM9LIB_CACHE": str(cache / "qm9lib")}

    before, problems = versions(python), []
    if "qm9lib" in before and not shares:
        raise NotebookError("the environment has qm9lib before the notebook runs")
    start = time.perf_counter()
    try:
        # By its path: `jupyter execute` would take the first one on PATH, an active venv's.
        call(python.parent / "jupyter-execute", "--timeout=900", file, env=env, cwd=work)
    except NotebookError as error:
        problems.append(str(error))
    seconds = time.perf_counter() - start

    after = versions(python)
    added = sorted(set(after) - set(before))
    changed = [
        f"{package} {version} -> {after.get(package, 'gone')}"
        for package, version in before.items()
        if after.get(package) != version
    ]
    if not problems and "qm9lib" not in after:
        problems.append("qm9lib was not installed")
    if changed:
        problems.append("changed: " + ", ".join(changed))
    if added and not shares:
        call(python, "-m", "pip", "uninstall", "--quiet", "--yes", *added)
    if changed:
        call(python, "-m", "pip", "install", "--quiet", *(f"{n}=={v}" for n, v in before.items()))
    return Outcome(name, seconds, added, "\n".join(problems))


def check(names: Sequence[str], revision: str, folder: Path) -> list[Outcome]:
    """Run the named chapters, or all, of one revision."""
    repository, wanted = read_repository(ROOT), chapters(ROOT, names)
    clone(ROOT, folder / "repository.git", revision, repository.branch)
    print("making an environment as Colab has it (a few minutes)", flush=True)
    venv.create(folder / "environment", with_pip=True)
    python = folder / "environment" / "bin" / "python"
    call(python, "-m", "pip", "install", "--quiet", "--requirement", PACKAGES)
    base = environment(folder, repository)

    alone = [path for path in wanted.values() if student_page(path) is None]
    solutions = [path for path in wanted.values() if student_page(path) is not None]
    students = [page for page in map(student_page, solutions) if page is not None]
    outcomes = []
    for path in (*alone, *students, *solutions):
        file = path.with_suffix(".ipynb").relative_to(ROOT).as_posix()
        name = file.removeprefix("book/").removesuffix(".ipynb")
        text = call("git", "show", f"{revision}:{file}")
        shares = path not in alone
        outcomes.append(run_notebook(name, text, python, folder, base, shares=shares))
        print(f"{name}: {'failed' if outcomes[-1].problem else 'passed'}", flush=True)
    return outcomes


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a line for each notebook, and below them what went wrong."""
    width = max(len(outcome.name) for outcome in outcomes)
    lines = [f"{'notebook':{width}}  seconds  result  packages added"]
    for outcome in outcomes:
        result = "failed" if outcome.problem else "passed"
        added = ", ".join(outcome.added)
        lines.append(f"{outcome.name:{width}}  {outcome.seconds:7.1f}  {result}  {added}")
    lines += [f"\n{outcome.name}: {outcome.problem}" for outcome in outcomes if outcome.problem]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="chapters (default: all)")
    parser.add_argument("--revision", default="HEAD", help="commit to try (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="colab-") as folder:
            outcomes = check(options.names, options.revision, Path(folder))
    except NotebookError as error:
        print(f"colab_check: {error}", file=sys.stderr)
        return 2
    print("\n" + table(outcomes))
    return int(any(outcome.problem for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
