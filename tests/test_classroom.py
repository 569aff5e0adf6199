"""The zip for a classroom without network."""

import subprocess
import zipfile

import pytest

import classroom
import notebooks
from qm9lib.data import qm9pack


@pytest.fixture
def packed(tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "qm9pack-1-py3-none-any.whl").write_bytes(b"the molecules")
    target = tmp_path / "out" / f"{classroom.NAME}.zip"
    classroom.pack(wheels, target)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    return zipfile.ZipFile(target)


def test_it_has_every_notebook_as_committed_and_the_wheels(packed):
    found = {name.partition("/")[2]: packed.read(name) for name in packed.namelist()}
    assert {name.partition("/")[0] for name in packed.namelist()} == {"molecular-energies"}
    tracked = subprocess.run(
        ["git", "ls-files", "book/*.ipynb"], capture_output=True, text=True, cwd=notebooks.ROOT
    ).stdout.split()
    assert {name for name in found if name.endswith(".ipynb")} == set(tracked)
    for name in [*tracked, "requirements.txt", "LICENSE"]:
        assert found[name] == (notebooks.ROOT / name).read_bytes()
    assert found["wheels/qm9pack-1-py3-none-any.whl"] == b"the molecules"


def test_its_text_names_what_is_in_it(packed):
    text = packed.read("molecular-energies/README.txt").decode()
    for name in ("book/exercises", "book/solutions", "wheels/", "requirements.txt"):
        assert name in text
    fetched, installed = (
        next(line for line in text.splitlines() if words in line)
        for words in ("pip download", "pip install")
    )
    for asked in ("-r requirements.txt", "jupyterlab"):
        assert asked in fetched and asked in installed


def test_the_data_are_those_that_the_package_reads(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: asked.append(command))
    classroom.wheels(tmp_path)
    assert asked[0][-1] == notebooks.ROOT and asked[1][-1] == f"qm9pack=={qm9pack.VERSION}"


def test_where_pip_fails_there_is_no_zip_and_no_traceback(tmp_path):
    done = subprocess.run(
        [classroom.sys.executable, classroom.__file__, tmp_path],
        capture_output=True,
        text=True,
        env={"PIP_NO_INDEX": "1", "PATH": "/nowhere"},
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "classroom: wheel of pip failed (see above)" in done.stderr
    assert not list(tmp_path.iterdir())
