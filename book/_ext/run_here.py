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
import zipfile
from pathlib import Path
from typing import Any

from npm import WHEELS, node, packages
from page_python import needed
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

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


def total(app: Sphinx) -> int:
    """Return the bytes that are transferred before the first exercise runs."""
    core = packages(app) / "pyodide"
    text = [(core / name).read_bytes() for name in CORE if not name.endswith(".zip")]
    first = [lock(app)["packages"][name]["file_name"] for name in FIRST]
    return (
        sum(len(gzip.compress(part, 6)) for part in (*text, editor(packages(app)).encode()))
        + (core / "python_stdlib.zip").stat().st_size
        + sum(path.stat().st_size for path in wheels(app) if path.name in first)
        + len(course())
    )


@functools.cache
def told(app: Sphinx) -> dict[str, str]:
    """Return what all pages tell their script: sizes, and a mark of the files that may change."""
    worker = (ROOT / "book" / "_static" / FOLDER / "worker.js").read_bytes()
    content = b"".join((course(), editor(packages(app)).encode(), worker))
    return {
        "megabytes": f"{total(app) / 1e6:.0f}",
        "mark": hashlib.sha256(content).hexdigest()[:10],
        "pyodide": f"pyodide-{lock(app)['info']['version']}",
    }


def add_files(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give a page of exercises the script, and which of them can be run in it."""
    folder, _, chapter = pagename.rpartition("/")
    if folder != "book/exercises" or not wheels(app):
        return
    elsewhere = [one.name for one in qm9course.exercises(chapter) if one.needs_jax]
    options = {**told(app), "elsewhere": elsewhere, "page": pagename}
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
    app.connect("html-page-context", add_files)
    # Behind lean_pages, which deletes scripts that no page names: Pyodide names its own.
    app.connect("build-finished", write_files, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
