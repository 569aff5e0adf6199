"""Sphinx extension: exercises that run in the page, with Python in the browser.

The build puts into the site what that takes: Pyodide and its wheels, where `make book` could get
them; the two packages of the course, and those that they import, in one zip; the editor. A page has
the script that loads them when a reader asks for it, and nothing more.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import importlib.metadata
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from docutils import nodes
from npm import WHEELS, node, packages
from page_python import WANTED, needed
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

import qm9course

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "run"
"""Where the loaded files lie, in the site's folder of static files."""

CORE = ("pyodide.js", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip")
FIRST = ("numpy",)
"""Wheels that are loaded at once; the others when a cell imports them."""

IMPORTED = ("jaxtyping", "wadler-lindig", "filelock", "platformdirs", "tqdm")
"""What the two packages import, and has no part that would have to be compiled for a browser."""

NOT_IN_A_PAGE = (".safetensors", ".pyc")
"""Trained networks need JAX."""


def wheels(app: Sphinx) -> list[Path]:
    """Return the wheels of the lock file; none if `make book` could not get all of them."""
    folder = Path(app.confdir) / WHEELS
    if not folder.is_dir():
        return []
    found = [folder / entry["file_name"] for entry in lock(app)["packages"].values()]
    return found if all(path.is_file() for path in found) else []


def lock(app: Sphinx) -> dict[str, Any]:
    """Return the part of Pyodide's lock file that tells of the wheels that are here."""
    whole = json.loads((packages(app) / "pyodide" / "pyodide-lock.json").read_text("utf-8"))
    return {"info": whole["info"], "packages": needed(whole)}


@functools.cache
def course() -> bytes:
    """Return the zip of what a page's Python imports; its bytes depend on its content alone."""
    files = {}
    for package in ("qm9lib", "qm9course"):
        for path in sorted((ROOT / package).rglob("*")):
            if path.is_file() and path.suffix not in NOT_IN_A_PAGE:
                files[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    for name in IMPORTED:
        for path in importlib.metadata.files(name) or ():
            if path.suffix != ".pyc" and ".." not in path.parts:
                files[path.as_posix()] = path.read_binary()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


@functools.cache
def editor(modules: Path) -> str:
    """Return the script of the editor, bundled from npm's packages."""
    here = Path(__file__).parent
    command = [node(), here / "bundle.cjs", modules, here / "editor.mjs", "qm9Editor"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise ExtensionError(f"esbuild could not bundle the editor: {done.stderr}")
    return done.stdout


ASKED = """
import json, sys
from qm9course.page import Nowhere, Page
loaded = []
loadable = json.loads(sys.argv[1])
class Asked(Nowhere):
    @staticmethod
    def find_spec(name, path=None, target=None):
        package = name.partition(".")[0]
        if package in loadable and package not in loaded:
            raise ModuleNotFoundError(name=name)
        Nowhere.find_spec(name)
sys.meta_path.insert(0, Asked)
page = Page(lambda html: None, loadable)
for cell in json.load(sys.stdin):
    while (result := page.run(cell, "cell ")) in loadable:
        loaded.append(result)
    assert result == "done"
print(json.dumps(loaded))
"""
"""Runs cells as the worker does, and prints which packages they ask for."""


@functools.cache
def loaded(chapter: str) -> tuple[str, ...]:
    """Return the packages beside NumPy that a page loads before its first exercise has run."""
    notebook = json.loads((ROOT / f"book/exercises/{chapter}.ipynb").read_text("utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    cells = [cell for cell in cells if not cell.startswith("# @title")]
    first = next(i for i, cell in enumerate(cells) if cell.startswith("check("))
    loadable = json.dumps([name for name in WANTED if name not in FIRST])
    done = subprocess.run(
        [sys.executable, "-c", ASKED, loadable],
        input=json.dumps(cells[: first + 1]),
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
    )
    if done.returncode:
        raise ExtensionError(f"the first cells of exercises/{chapter} fail: {done.stderr}")
    return tuple(json.loads(done.stdout.splitlines()[-1]))


@functools.cache
def core_size(app: Sphinx) -> int:
    """Return the bytes that every page transfers: Python without wheels, course and editor."""
    core = packages(app) / "pyodide"
    text = [(core / name).read_bytes() for name in CORE if not name.endswith(".zip")]
    return (
        sum(len(gzip.compress(part, 6)) for part in (*text, editor(packages(app)).encode()))
        + (core / "python_stdlib.zip").stat().st_size
        + len(course())
    )


def megabytes(app: Sphinx, chapter: str) -> str:
    """Return what a page transfers before its first exercise has run, as its buttons tell it."""
    names = [entry["file_name"] for entry in needed(lock(app), FIRST + loaded(chapter)).values()]
    total = core_size(app) + sum(path.stat().st_size for path in wheels(app) if path.name in names)
    return f"{total / 1e6:.0f}"


@functools.cache
def told(app: Sphinx) -> dict[str, str]:
    """Return what all pages tell their script: where Python is, a mark of what may change."""
    worker = (ROOT / "book" / "_static" / FOLDER / "worker.js").read_bytes()
    content = b"".join((course(), editor(packages(app)).encode(), worker))
    return {
        "mark": hashlib.sha256(content).hexdigest()[:10],
        "pyodide": f"pyodide-{lock(app)['info']['version']}",
    }


class RunHere(SphinxDirective):
    """`{run-here}`: its content, in a book whose exercises run in the page."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return what the directive contains, or nothing."""
        self.env.note_reread()
        return self.parse_content_to_nodes() if wheels(self.env.app) else []


def add_files(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give a page of exercises the script, and which of them can be run in it."""
    folder, _, chapter = pagename.rpartition("/")
    if folder != "book/exercises" or not wheels(app):
        return
    elsewhere = [one.name for one in qm9course.exercises(chapter) if one.needs_jax]
    options = {
        **told(app),
        "megabytes": megabytes(app, chapter),
        "elsewhere": elsewhere,
        "page": pagename,
    }
    app.add_js_file(None, body=json.dumps(options), type="application/json", id="qm9-run")
    for script in ("page.js", "run.js"):
        app.add_js_file(script, loading_method="defer")
    app.add_css_file("run.css")


def write_files(app: Sphinx, exception: Exception | None) -> None:
    """After the build: put Python, its packages and the editor beside the script of the worker."""
    if exception is not None or app.builder.format != "html" or not wheels(app):
        return
    target = Path(app.outdir) / "_static" / FOLDER
    python = target / told(app)["pyodide"]
    python.mkdir(parents=True, exist_ok=True)
    for path in (packages(app) / "pyodide" / name for name in CORE):
        shutil.copyfile(path, python / path.name)
    for path in wheels(app):
        shutil.copyfile(path, python / path.name)
    (python / "pyodide-lock.json").write_text(json.dumps(lock(app)), encoding="utf-8")
    (target / "course.zip").write_bytes(course())
    (target / "editor.js").write_text(editor(packages(app)), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the steps of a build."""
    app.add_directive("run-here", RunHere)
    app.connect("html-page-context", add_files)
    # Behind lean_pages, which deletes scripts that no page names: Pyodide names its own.
    app.connect("build-finished", write_files, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
