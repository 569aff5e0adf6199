"""Run every committed notebook as Colab would, without Colab.

Each notebook lies alone in an empty folder, without cached data. All run in one new environment:
the Python and the packages that tools/colab_packages.txt names, and no qm9lib. The setup cell,
which has to be the same in all of them, installs it: the first notebook runs by itself, and its
setup cell finds nothing. Git is told to find the address of _config.yml in a local clone.
What it prints must be what is stored. The chapters that train for minutes go on from checkpoints,
as in the tests, unless ``--whole`` is given. Afterwards every package that was there before must
have the version that it had.
"""

from __future__ import annotations

import argparse
import configparser
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from all_pythons import MissingPythonError, find_python
from notebooks import (
    PATIENCE,
    ROOT,
    RUNTIMES,
    NotebookError,
    Repository,
    blas_threads,
    chapters,
    code_cells,
    read_repository,
    setup_source,
    sockets,
    spared,
    student_page,
)
from qm9lib.models.programs import SECONDS

PACKAGES = ROOT / "tools" / "colab_packages.txt"
SANITIZE = ROOT / "tests" / "nbval_sanitize.cfg"

EXECUTE = """\
import json, sys
import nbclient, nbformat
from traitlets.config import Config

patience, sockets = json.loads(sys.argv[2])
config = Config(KernelManager=sockets)
notebook = nbformat.read(sys.argv[1], 4)
nbclient.execute(notebook, kernel_name="python3", config=config, **patience)
nbformat.write(notebook, sys.argv[1])
"""


@dataclass(frozen=True)
class Outcome:
    """What happened to one notebook; `problem` is empty if all went well."""

    name: str
    seconds: float
    problem: str


def colab_python(packages: str) -> str:
    """Return the version of Colab's Python, as in "3.13", that the list of its packages names."""
    found = re.search(r"^# Python (\d+\.\d+):", packages, re.MULTILINE)
    if found is None:
        raise NotebookError(f"{PACKAGES.name} does not say which Python it is for")
    return found[1]


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
    notebook: tuple[str, str], python: Path, folder: Path, base: Mapping[str, str], whole: bool
) -> Outcome:
    """Run one notebook, given by name and text, in its own folder and with its own data."""
    name, text = notebook
    work, cache = folder / "work" / name, folder / "cache" / name
    work.mkdir(parents=True)
    cache.mkdir(parents=True)
    file = work / f"{Path(name).name}.ipynb"
    file.write_text(text, "utf-8")
    env = {**base, "XDG_CACHE_HOME": str(cache), "QM9LIB_CACHE": str(cache / "qm9lib")}
    problem = ""
    start = time.perf_counter()
    # `notebooks` looks only at the path, by which it knows what has checkpoints.
    checkpoints: AbstractContextManager[dict[str, str]] = nullcontext({})
    if not whole:
        checkpoints = spared(ROOT / "book" / f"{name}.ipynb")
    try:
        with checkpoints as more:
            how = json.dumps([PATIENCE, sockets()])
            call(python, "-c", EXECUTE, file, how, env=env | more, cwd=work)
        problem = "\n".join(differences(text, file.read_text("utf-8")))
    except NotebookError as error:
        problem = str(error)
    outcome = Outcome(name, time.perf_counter() - start, problem)
    print(f"{name}: {'failed' if problem else 'passed'}", flush=True)
    return outcome


def differences(stored: str, executed: str) -> list[str]:
    """Compare what the cells of two notebooks print; empty if one has not been executed.

    Text and text alternatives count, standard error and the drawings do not.
    """
    settings = configparser.ConfigParser()
    settings.read_string(SANITIZE.read_text("utf-8").partition("\n\n")[2])

    def printed(cell: NotebookNode) -> str:
        parts = []
        for output in cell.outputs:
            data = output.get("data", {})
            parts.append(output.get("text", "") if output.get("name") != "stderr" else "")
            parts.append(data.get("text/html") or data.get("text/plain", ""))
            parts.append(output.get("evalue", ""))
        text = "".join(parts)
        for rule in settings.sections():
            text = re.sub(settings[rule]["regex"], settings[rule]["replace"], text)
        return text

    before, after = (code_cells(nbformat.reads(text, as_version=4)) for text in (stored, executed))
    if not any(cell.outputs for cell in before):
        return []
    return [
        line
        for number, (old, new) in enumerate(zip(before, after, strict=True))
        if printed(old) != printed(new)
        for line in difflib.unified_diff(
            printed(old).splitlines(), printed(new).splitlines(),
            f"code cell {number}, stored", f"code cell {number}, here", lineterm="",
        )
    ]  # fmt: skip


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Compare the packages of an environment with those that it had.

    Returns
    -------
    list of str
        A line for each package that the notebooks changed, and one if they left qm9lib out.
    """
    lines = [
        f"{package} was changed: {version} -> {after.get(package, 'gone')}"
        for package, version in before.items()
        if after.get(package) != version
    ]
    if "qm9lib" in before:
        lines.append("qm9lib was there before the first notebook ran")
    elif "qm9lib" not in after:
        lines.append("qm9lib was not installed")
    return lines


def check_setup(notebooks: Mapping[str, str], repository: Repository) -> None:
    """Make sure that all notebooks begin with the same setup cell, so that one may speak for all.

    Raises
    ------
    NotebookError
        If one does not; the error names it.
    """
    for name, text in notebooks.items():
        first = next(iter(code_cells(nbformat.reads(text, as_version=4))), None)
        if first is None or first.source != setup_source(repository):
            raise NotebookError(f"the first code cell of {name} is not the setup cell")


def committed(names: Sequence[str], revision: str) -> dict[str, str]:
    """Return the text of each notebook to run: a short chapter first, then the longest ones."""
    paths = list(chapters(ROOT, names).values())
    pages = [page for page in map(student_page, paths) if page is not None]
    seconds = json.loads((ROOT / "book" / RUNTIMES).read_text("utf-8"))
    files = {
        path.relative_to(ROOT / "book").with_suffix("").as_posix(): path for path in paths + pages
    }
    order = sorted(files, key=lambda name: -seconds.get(name, 0.0))
    chapter = [name for name in order if "/" not in name]
    if chapter:
        order.remove(chapter[-1])
        order.insert(0, chapter[-1])
    return {name: call("git", "show", f"{revision}:book/{name}.ipynb") for name in order}


def check(
    names: Sequence[str], revision: str, folder: Path, python: Path, workers: int, whole: bool
) -> tuple[list[Outcome], list[str]]:
    """Run the named chapters, or all, of one revision; return outcomes and changed packages."""
    repository = read_repository(ROOT)
    notebooks = committed(names, revision)
    check_setup(notebooks, repository)
    clone(ROOT, folder / "repository.git", revision, repository.branch)
    print(f"making an environment as Colab has it, with {python}", flush=True)
    call(python, "-m", "venv", folder / "environment")
    inside = folder / "environment" / "bin" / "python"
    call(inside, "-m", "pip", "install", "--quiet", "--requirement", PACKAGES)
    base = environment(folder, repository) | {
        "OPENBLAS_NUM_THREADS": blas_threads(workers),
        # What one notebook has compiled, another one need not.
        "JAX_COMPILATION_CACHE_DIR": str(folder / "programs"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": str(SECONDS),
    }

    before = versions(inside)
    run = partial(run_notebook, python=inside, folder=folder, base=base, whole=whole)
    first, *others = notebooks.items()
    outcomes = [run(first)]
    after = versions(inside)
    if "qm9lib" in after:
        with ThreadPoolExecutor(workers) as pool:
            outcomes += pool.map(run, others)
    added = sorted(set(after) - set(before))
    print(f"\n{first[0]} installed {', '.join(added) or 'nothing'}")
    return outcomes, changes(before, versions(inside))


def table(outcomes: Sequence[Outcome], changed: Sequence[str]) -> str:
    """Return a line for each notebook, and below them what went wrong."""
    width = max(len(outcome.name) for outcome in outcomes)
    lines = [f"{'notebook':{width}}  seconds  result"]
    for outcome in outcomes:
        result = "failed" if outcome.problem else "passed"
        lines.append(f"{outcome.name:{width}}  {outcome.seconds:7.1f}  {result}")
    lines += [f"\n{outcome.name}: {outcome.problem}" for outcome in outcomes if outcome.problem]
    return "\n".join([*lines, *changed])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="chapters (default: all)")
    parser.add_argument("--revision", default="HEAD", help="commit to try (default: %(default)s)")
    parser.add_argument("--python", type=Path, help="the Python to use (default: Colab's version)")
    parser.add_argument("--workers", type=int, default=2, help="notebooks at a time (default: 2)")
    parser.add_argument("--whole", action="store_true", help="train from the beginning")
    options = parser.parse_args(arguments)
    try:
        python = options.python or find_python(colab_python(PACKAGES.read_text("utf-8")))
        with tempfile.TemporaryDirectory(prefix="colab-") as folder:
            outcomes, changed = check(
                options.names, options.revision, Path(folder), python, options.workers,
                options.whole,
            )  # fmt: skip
    except (NotebookError, MissingPythonError) as error:
        print(f"colab_check: {error}", file=sys.stderr)
        return 2
    print(table(outcomes, changed))
    return int(bool(changed) or any(outcome.problem for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
