"""Keep each chapter's two files in step: NAME.md, which people edit, and NAME.ipynb.

derive   write the notebook from the Markdown, citations and links as `links.py` has them for a
         notebook that lies alone; outputs stay only if no code cell has changed
execute  derive, run every cell, store the outputs, and note in runtimes.json how long it took
check    say where a pair is out of step; changes nothing

From solutions/NAME.md comes a second pair too: the students' exercises/NAME.md and .ipynb, which is
never executed here and has no outputs. The table on the teachers' page follows from all solutions.

A notebook carries the SHA-256 of the Markdown file that it belongs to, so `check` also sees
an edit that was never executed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from traitlets.config import Config

from exercises import EXERCISES, SOLUTIONS, ExerciseError, overview, student
from links import LinkError, for_notebook

ROOT = Path(__file__).resolve().parents[1]

ENVIRONMENT: Mapping[str, str] = {
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "0",
    "JAX_PLATFORMS": "cpu",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "NO_COLOR": "",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TQDM_DISABLE": "1",
}
"""What a chapter's kernel is given, here and (by conftest.py) when the tests run the notebooks."""

RESUMED = ("gnn", "accuracy", "targets")
"""Chapters that train for minutes, most of which the tests are spared by checkpoints.

`execute` trains from the beginning and keeps a checkpoint of each training, which says that the
last steps are still to do; the tests and the Colab check do them."""

LAST_STEPS = 50
"""Steps of each training that the tests do."""

CHECKPOINTS = ROOT / "tests" / "files" / "trainings"
"""Where they are: `NAME-1.safetensors` of a chapter's first training, and so on."""

STARTUP = """\
def _resume():  # in a function: a startup file shares the names of the notebook
    import dataclasses, itertools
    from qm9lib import training
    from qm9lib.training import checkpoint

    fit, write, numbers = training.fit, checkpoint.write, itertools.count(1)

    def write_the_end(path, state, best, run):
        if len(run.history) == run.settings.epochs:
            state = state._replace(steps=state.steps - {steps})
            write(path, state, best, dataclasses.replace(run, history=run.history[:-1]))

    def resume(*arguments, **options):
        path = {prefix!r} + f"-{{next(numbers)}}.safetensors"
        return fit(*arguments, checkpoint=path, **options)

    training.fit, checkpoint.write = resume, write_the_end

_resume()
del _resume
"""

HANG = 3600
"""Seconds that no cell takes, and no step around it, on the slowest and busiest machine."""

PATIENCE: Mapping[str, Any] = {"timeout": HANG, "startup_timeout": HANG, "iopub_timeout": HANG}
"""For nbclient, which by default waits 4 s for the outputs of a cell, and then does without."""

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
STAMP = "source_sha256"
TEACHERS = "teachers.md"
RUNTIMES = "runtimes.json"
"""In `book/`: seconds that each notebook took when it was last executed, by its name."""

SETUP_METADATA: Mapping[str, Any] = {
    "cellView": "form",
    "jupyter": {"source_hidden": True},
    "tags": ["remove-cell"],
}
"""Folds the setup cell in Colab, which shows its title, and in JupyterLab, which shows its first
line; takes it off the site."""

SETUP_CELL = """\
# @title Setup
# For Colab: install the course's package if it is missing; what is there keeps its version.
import importlib.metadata
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

if importlib.util.find_spec("qm9lib") is None:
    kept = ("jax", "matplotlib", "numpy", "scipy", "tensorflow")
    installed = {str(d.name) for d in importlib.metadata.distributions()}
    pins = [
        f"{name}=={importlib.metadata.version(name)}"
        for name in sorted(installed)
        if name.lower().startswith(kept)
    ]
    package = "qm9lib[data] @ git+{url}@{branch}"
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "constraints.txt")
        file.write_text("\\n".join(pins))
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", str(file)]
        subprocess.run([*pip, package], check=True)
    importlib.invalidate_caches()"""

CODE_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?P<body>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)


class NotebookError(Exception):
    """Something that the person who edits a chapter has to mend."""


@dataclass(frozen=True)
class Repository:
    """Where the course lives, as `_config.yml` says."""

    url: str
    branch: str

    @property
    def site(self) -> str | None:
        """Where GitHub publishes the book; None if nobody has stamped an address yet."""
        owner, name = self.url.split("/")[-2:]
        return None if self.url == PLACEHOLDER.url else f"https://{owner}.github.io/{name}"

    def colab(self, page: str) -> str:
        """Return the address that opens a notebook, a path in `book/`, in Colab."""
        slug = "/".join(self.url.split("/")[-2:])
        return f"https://colab.research.google.com/github/{slug}/blob/{self.branch}/book/{page}"


PLACEHOLDER = Repository("https://github.com/--your-account--/qm9-course", "main")
"""The address before anyone has stamped theirs; no account can have this name."""


def read_repository(root: Path) -> Repository:
    """Read the repository's address and branch from `_config.yml`."""
    try:
        entry = yaml.safe_load((root / "_config.yml").read_text("utf-8"))["repository"]
        return Repository(url=entry["url"], branch=entry["branch"])
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise NotebookError(f"_config.yml names no repository: url and branch ({error})") from error


def setup_source(repository: Repository) -> str:
    """Return the source of the cell that every chapter begins with."""
    url, branch = repository.url, repository.branch
    return SETUP_CELL.replace("{url}", url).replace("{branch}", branch)


def is_setup(source: str) -> bool:
    """Tell a setup cell, of this or an earlier version, from other cells."""
    return 'find_spec("qm9lib")' in source


def chapters(root: Path, names: Iterable[str] = ()) -> dict[str, Path]:
    """Find the chapters' Markdown files.

    Parameters
    ----------
    root
        The project's folder.
    names
        Chapters to choose (`labels`, `exercises/labels`, `book/labels.md`); all if empty.

    Returns
    -------
    dict
        The path of each `NAME.md` below `book/` that has a jupytext header, by `NAME`; without the
        students' pages, which are derived from the solutions.
    """
    book = root / "book"
    found = {
        path.relative_to(book).with_suffix("").as_posix(): path
        for path in sorted(book.rglob("*.md"))
        if "jupytext" in header(path) and path.parent != book / EXERCISES
    }
    if not found:
        raise NotebookError("no chapter found: none of book/*.md has a jupytext header")
    if not names:
        return found
    wanted = [re.sub(r"\.(md|ipynb)$", "", name.removeprefix("book/")) for name in names]
    if unknown := [name for name in wanted if name not in found]:
        raise NotebookError(f"no chapter {', '.join(unknown)}; there are: {', '.join(found)}")
    return {name: found[name] for name in wanted}


def student_page(path: Path) -> Path | None:
    """Return where the students' page of a solution `NAME.md` is; None for other chapters."""
    return path.parents[1] / EXERCISES / path.name if path.parent.name == SOLUTIONS else None


def derive_student_page(path: Path, repository: Repository) -> None:
    """Write the students' pair from `solutions/NAME.md`, if that is what the path is."""
    page = student_page(path)
    if page is None:
        return
    page.parent.mkdir(exist_ok=True)
    write(page, student_text(path, repository))
    write_notebook(page.with_suffix(".ipynb"), from_markdown(page, repository))


def student_text(path: Path, repository: Repository) -> str:
    """Return the text of the students' page of `solutions/NAME.md`."""
    colab = repository.colab(f"{EXERCISES}/{path.stem}.ipynb")
    try:
        return student(path.read_text("utf-8"), path.stem, colab)
    except ExerciseError as error:
        raise NotebookError(str(error)) from error


def check_student_page(path: Path, repository: Repository) -> list[str]:
    """Compare the students' pair with `solutions/NAME.md`; empty if all is well."""
    page = student_page(path)
    if page is None:
        return []
    if not page.exists() or page.read_text("utf-8") != student_text(path, repository):
        return [f"{EXERCISES}/{page.name} is not what follows from {SOLUTIONS}/{path.name}"]
    notebook = page.with_suffix(".ipynb")
    if not notebook.exists() or read_notebook(notebook) != from_markdown(page, repository):
        return [f"{EXERCISES}/{notebook.name} is not what follows from {EXERCISES}/{page.name}"]
    return []


def teachers_text(root: Path) -> str:
    """Return the text of the teachers' page with the tables of all exercises as they are now."""
    book = root / "book"
    text = (book / TEACHERS).read_text("utf-8")
    order = re.findall(rf"{SOLUTIONS}/(\w+)\.ipynb", (root / "_toc.yml").read_text("utf-8"))
    chapters = {
        n: (book / f"{n}.md").read_text("utf-8") for n in order if (book / f"{n}.md").exists()
    }
    try:
        table = overview(
            {n: (book / SOLUTIONS / f"{n}.md").read_text("utf-8") for n in order}, chapters
        )
    except ExerciseError as error:
        raise NotebookError(str(error)) from error
    found, count = re.subn(
        r"(<!-- exercises -->\n\n).*?(\n\n<!-- end of exercises -->)",
        lambda match: match[1] + table + match[2],
        text,
        flags=re.DOTALL,
    )
    if count != 1:
        raise NotebookError(f"{TEACHERS} must have one place for the table of the exercises")
    return found


def record_runtime(root: Path, name: str, seconds: float) -> None:
    """Note in `runtimes.json` how long a notebook took; entries of missing notebooks go.

    Parameters
    ----------
    root
        The project's folder.
    name
        The notebook, as in `chapters`.
    seconds
        Time of its execution; one decimal is kept.

    Raises
    ------
    NotebookError
        If the file is there and cannot be read.
    """
    path = root / "book" / RUNTIMES
    try:
        known = dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}
    except (ValueError, TypeError) as error:
        raise NotebookError(
            f"{path.name} is not a table of seconds; delete it ({error})"
        ) from error
    known[name] = round(seconds, 1)
    kept = {name: known[name] for name in chapters(root) if name in known}
    write(path, json.dumps(kept, indent=2, sort_keys=True) + "\n")


def header(path: Path) -> dict[str, object]:
    """Return the YAML header of a Markdown file; empty if it has none."""
    match = re.match(r"---\n(.*?\n)---\n", path.read_text("utf-8"), re.DOTALL)
    try:
        return dict(yaml.safe_load(match[1]) or {}) if match else {}
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise NotebookError(f"{path.name}: its header is not valid YAML ({error})") from error


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a text file, the same for any line ending."""
    return hashlib.sha256(path.read_text("utf-8").encode()).hexdigest()


def from_markdown(path: Path, repository: Repository) -> NotebookNode:
    """Read `NAME.md` as a notebook without outputs and without anything that varies.

    Parameters
    ----------
    path
        The source, `NAME.md`.
    repository
        To whose site the notebook's links lead.
    """
    source = jupytext.reads(path.read_text("utf-8"), fmt="md:myst")
    notebook = nbformat.v4.new_notebook(cells=source.cells)
    # Format 4.4 has no cell ids, which would be new at random in every run.
    notebook.nbformat_minor = 4
    for cell in notebook.cells:
        cell.pop("id", None)
        if cell.cell_type == "markdown":
            try:
                cell.source = for_notebook(cell.source, path, repository.site)
            except LinkError as error:
                raise NotebookError(f"{path.name}: {error}") from error
    notebook.metadata = NotebookNode(kernelspec=KERNEL, language_info={"name": "python"})
    return notebook


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook file; an unreadable one is a `NotebookError`."""
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises many kinds, none with a base class of its own
        raise NotebookError(f"{path.name} is not a readable notebook ({error})") from error


def write(path: Path, text: str) -> None:
    """Replace a file's text in one step, or leave it alone if the text is the same."""
    if path.exists() and path.read_text("utf-8") == text:
        return
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        whole = Path(folder, path.name)
        whole.write_text(text, encoding="utf-8", newline="\n")
        os.replace(whole, path)


def write_notebook(path: Path, notebook: NotebookNode) -> None:
    """Write a notebook file in nbformat's own layout."""
    nbformat.validate(notebook)
    write(path, nbformat.writes(notebook) + "\n")


def stamp_setup(path: Path, repository: Repository) -> None:
    """Put the setup cell before all other code cells of `NAME.md`, or renew it there."""
    text = path.read_text("utf-8")
    options = yaml.safe_dump(SETUP_METADATA, default_flow_style=None)
    block = "```{code-cell}\n" + re.sub(r"(?m)^", ":", options.strip())
    block += "\n\n" + setup_source(repository) + "\n```"
    first = CODE_CELL.search(text)
    if first is None:
        raise NotebookError(f"{path.name} has no code cell")
    if is_setup(first["body"]):
        text = text[: first.start()] + block + text[first.end() :]
    else:
        text = text[: first.start()] + block + "\n\n" + text[first.start() :]
    write(path, text)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the code cells of a notebook."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def derive(path: Path, repository: Repository) -> bool:
    """Renew the setup cell of `NAME.md` and write `NAME.ipynb` from it.

    Outputs are kept, and the notebook stays executed, only if all its code cells are as they
    were; the setup cell does not count, since it prints nothing.

    Returns
    -------
    bool
        Whether the notebook has its outputs; if not, it has to be executed.
    """
    stamp_setup(path, repository)
    notebook = from_markdown(path, repository)
    target = path.with_suffix(".ipynb")
    new = code_cells(notebook)
    kept = False
    if target.exists():
        old_notebook = read_notebook(target)
        old = code_cells(old_notebook)
        kept = STAMP in old_notebook.metadata and _essence(old) == _essence(new)
        if kept:
            for before, after in zip(old, new, strict=True):
                after.outputs, after.execution_count = before.outputs, before.execution_count
            notebook.metadata[STAMP] = fingerprint(path)
    write_notebook(target, notebook)
    derive_student_page(path, repository)
    return kept


def _essence(cells: Sequence[NotebookNode]) -> list[tuple[str, dict[str, object]]]:
    """Return what outputs depend on: source and metadata of the cells, save the setup cell's."""
    return [
        ("setup", {}) if is_setup(cell.source) else (cell.source, cell.metadata) for cell in cells
    ]


def is_resumed(path: Path) -> bool:
    """Return whether a notebook, or its Markdown file, is one of `RESUMED`."""
    return path.parent == ROOT / "book" and path.stem in RESUMED


@contextmanager
def spared(path: Path) -> Iterator[dict[str, str]]:
    """Yield what lets the kernel of one of `RESUMED` use its checkpoints; nothing for others.

    Parameters
    ----------
    path
        The chapter's `NAME.md` or `NAME.ipynb`.
    """
    if not is_resumed(path):
        yield {}
        return
    with tempfile.TemporaryDirectory() as folder:
        startup = Path(folder, "profile_default", "startup", "00-resume.py")
        startup.parent.mkdir(parents=True)
        startup.write_text(
            STARTUP.format(prefix=str(CHECKPOINTS / path.stem), steps=LAST_STEPS), "utf-8"
        )
        yield {"IPYTHONDIR": folder}


@contextmanager
def kernel_environment(path: Path) -> Iterator[dict[str, str]]:
    """Yield what a chapter's kernel is given; one of `RESUMED` uses its checkpoints.

    Parameters
    ----------
    path
        The chapter's `NAME.md` or `NAME.ipynb`.
    """
    with spared(path) as checkpoints:
        yield {**ENVIRONMENT, **checkpoints}


def sockets() -> dict[str, str]:
    """Return how to reach a new kernel: traits of its `KernelManager`.

    By default a kernel is told ports that were free a moment ago. It dies where another process,
    such as the kernel of another worker, was faster; names of sockets are its own.
    """
    if sys.platform == "win32":
        return {}
    name = f"kernel-{uuid.uuid4().hex[:12]}"
    # A short path: the system allows about a hundred characters.
    return {"transport": "ipc", "ip": str(Path(tempfile.gettempdir(), name))}


def blas_threads(together: int) -> str:
    """Return how many threads OpenBLAS may have where so many processes run together.

    By default it has one for each core, and those that find no core free spin: the chapter on
    kernels then takes up to four times the processor's time.

    Examples
    --------
    >>> blas_threads(10_000)
    '1'
    """
    return str(max(1, (os.cpu_count() or 1) // together))


def client(notebook: NotebookNode, folder: Path, **traits: Any) -> NotebookClient:
    """Return what executes a notebook in a folder, however long that takes."""
    return NotebookClient(
        notebook,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(folder)}},
        config=Config(KernelManager=sockets()),
        **PATIENCE,
        **traits,
    )


def execute(path: Path, repository: Repository) -> None:
    """Run a chapter from its Markdown source and write its notebook with the outputs.

    A notebook whose execution fails is not written.

    Parameters
    ----------
    path
        The chapter's `NAME.md`.
    repository
        What the setup cell installs from.
    """
    stamp_setup(path, repository)
    notebook = from_markdown(path, repository)
    running = client(
        notebook,
        path.parent,
        extra_arguments=["--log-level=ERROR"],
        record_timing=False,
        coalesce_streams=True,
    )
    metadata = notebook.metadata.copy()
    if is_resumed(path):
        for checkpoint in CHECKPOINTS.glob(f"{path.stem}-*.safetensors"):
            checkpoint.unlink()
    try:
        with kernel_environment(path) as environment:
            running.execute(env={**os.environ, **environment})
    except CellExecutionError as error:
        raise NotebookError(f"{_failed_cell(notebook)}\n{strip_ansi(str(error))}") from error
    except (RuntimeError, TimeoutError) as error:  # a kernel that died, or a cell too slow
        raise NotebookError(str(error)) from error
    # The kernel adds its version, which is not the same on every machine.
    notebook.metadata = metadata
    notebook.metadata[STAMP] = fingerprint(path)
    for number, cell in enumerate(notebook.cells):
        _settle(cell, number)
    write_notebook(path.with_suffix(".ipynb"), notebook)
    derive_student_page(path, repository)


def _place(number: int, cell: NotebookNode) -> str:
    """Name a cell for people: its number, and its first line to search for."""
    return f"cell {number} ({cell.source.strip().partition(chr(10))[0][:40]})"


def _failed_cell(notebook: NotebookNode) -> str:
    for number, cell in enumerate(notebook.cells):
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            if "raises-exception" not in cell.metadata.get("tags", []):
                return f"{_place(number, cell)} failed:"
    return "a cell failed:"


def _settle(cell: NotebookNode, number: int) -> None:
    """Remove from a cell's outputs what differs between machines, or refuse it."""
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            # An error shown on purpose: the frames above its last line name installed files.
            output.traceback = output.traceback[-1:]
    outputs = str(cell.get("outputs", []))
    if re.search(r"<[\w. ]+ at 0x[0-9a-f]+>", outputs):
        raise NotebookError(
            f"{_place(number, cell)} shows a memory address: its object needs a __repr__"
        )
    for folder in (str(ROOT), sys.prefix, str(Path.home())):
        if folder + os.sep in outputs:
            raise NotebookError(
                f"{_place(number, cell)} shows a path of this machine: {folder}{os.sep}..."
            )


def check(path: Path, repository: Repository) -> list[str]:
    """Compare a chapter's two files, and those that the students get of it.

    Returns
    -------
    list of str
        One line for each thing out of step; empty if all is well.
    """
    return [*_check_pair(path, repository), *check_student_page(path, repository)]


def _check_pair(path: Path, repository: Repository) -> list[str]:
    target = path.with_suffix(".ipynb")
    described: dict[str, object] = dict(header(path)["jupytext"])  # type: ignore[call-overload]
    if "text_representation" not in described or "kernelspec" not in header(path):
        return [f"{path.name}: the header must have text_representation and kernelspec"]
    if not target.exists():
        return [f"{target.name} is missing"]
    expected, actual = from_markdown(path, repository), read_notebook(target)

    problems = []
    first = next(iter(code_cells(expected)), None)
    if first is None or first.source != setup_source(repository):
        problems.append(f"{path.name}: its first code cell is not the setup cell")
    elif first.metadata != SETUP_METADATA:
        problems.append(f"{path.name}: its setup cell is not folded")
    for number, (ours, theirs) in enumerate(zip(expected.cells, actual.cells, strict=False)):
        for part in ("cell_type", "source", "metadata"):
            if ours[part] != theirs[part]:
                problems.append(f"{_place(number, ours)}: {part} differs between .md and .ipynb")
    if len(expected.cells) != len(actual.cells):
        problems.append(f"{len(expected.cells)} cells in .md, {len(actual.cells)} in .ipynb")
    if actual.metadata.get(STAMP) is None:
        problems.append(f"{target.name} has not been executed")
    elif actual.metadata[STAMP] != fingerprint(path):
        problems.append(f"{path.name} has changed since {target.name} was made from it")
    for number, cell in enumerate(actual.cells):
        problems += [f"{_place(number, cell)}: {problem}" for problem in _bad_outputs(cell)]
    return problems


def _bad_outputs(cell: NotebookNode) -> Iterable[str]:
    if cell.cell_type != "code":
        return
    if cell.execution_count is None and cell.source.strip():
        yield "not executed"
    for output in cell.outputs:
        if output.output_type == "error" and "raises-exception" not in cell.metadata.get(
            "tags", []
        ):
            yield f"stored output is an error: {output.ename}"
        if output.output_type == "stream" and output.name == "stderr":
            yield f"stored output has standard error: {output.text.splitlines()[0]}"


def orphans(root: Path) -> list[str]:
    """Return the notebooks below `book/` that have no Markdown source."""
    return [
        path.relative_to(root).as_posix()
        for path in sorted((root / "book").rglob("*.ipynb"))
        if ".ipynb_checkpoints" not in path.parts and not path.with_suffix(".md").exists()
    ]


def run(action: str, names: Sequence[str], root: Path) -> int:
    """Carry out one action for the named chapters and return the exit status."""
    repository = read_repository(root)
    failed = 0
    for name, path in chapters(root, names).items():
        start = time.perf_counter()
        try:
            if action == "derive":
                state = "in step" if derive(path, repository) else "written, not executed yet"
                print(f"{name}: {state}")
            elif action == "execute":
                execute(path, repository)
                seconds = time.perf_counter() - start
                print(f"{name}: executed in {seconds:.1f} s", flush=True)
                record_runtime(root, name, seconds)
            elif problems := check(path, repository):
                failed += 1
                print(*(f"{name}: {problem}" for problem in problems), sep="\n", file=sys.stderr)
        except NotebookError as error:
            failed += 1
            print(f"{name}: {error}", file=sys.stderr)
    teachers = root / "book" / TEACHERS
    if teachers.exists():
        text = teachers_text(root)
        if action != "check":
            write(teachers, text)
        elif teachers.read_text("utf-8") != text:
            failed += 1
            print(f"{TEACHERS}: its table does not match the exercises", file=sys.stderr)
    if action == "check" and not names:
        for orphan in orphans(root):
            failed += 1
            print(f"{orphan} has no .md beside it", file=sys.stderr)
    if action == "check":
        if failed:
            print(
                "pairs out of step: edit only the .md, then run `make notebooks`", file=sys.stderr
            )
        else:
            print("all pairs in step")
    return int(failed > 0)


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["derive", "execute", "check"])
    parser.add_argument("names", nargs="*", metavar="NAME", help="chapters (default: all)")
    options = parser.parse_args(arguments)
    try:
        return run(options.action, options.names, root)
    except NotebookError as error:
        print(f"notebooks: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
