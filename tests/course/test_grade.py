"""The grader: broken and hostile notebooks become rows, and none of them stops the run."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from limits import HANG

import notebooks
import qm9course
from qm9course import student
from qm9course.grade import _TooLongError, at_most, grade, table
from qm9lib.errors import DataError

BOOK = notebooks.ROOT / "book"
NAMES = [exercise.name for exercise in qm9course.exercises("labels")]
CHECK = 'check("1.1", to_kcal_per_mol)'
AGES = f"{10**6 + os.getpid()}"
"""Seconds that outlast any test, and by which its sleeper is known."""


def stored(kind, path, *changes):
    """Write a notebook of *labels* with cells changed: (part of the cell, what to put there)."""
    notebook = nbformat.read(BOOK / kind / "labels.ipynb", as_version=4)
    for part, new in changes:
        (cell,) = [c for c in notebooks.code_cells(notebook) if part in c.source]
        if new is None:
            notebook.cells.remove(cell)
        else:
            cell.source = new
    nbformat.write(notebook, path)
    return path


def first(body):
    """The first answer with another body."""
    lines = "\n".join("    " + line for line in body.splitlines())
    return ("def to_kcal_per_mol", f"def to_kcal_per_mol(energy):\n{lines}")


# Name: changes of the solutions, outcome of exercise 1.1, and words of its reason or of the notes.
BROKEN = {
    "right": ([], "right", ""),
    "loop": ([first("while True:\n    pass")], "error", "more than 6 s"),
    "stubborn_loop": (
        [first("import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True:\n    pass")],
        "stopped",
        "the answer took too long",
    ),
    "sleeper": ([first(f"import time\ntime.sleep({AGES})")], "error", "more than 6 s"),
    "loop_in_a_cell": ([("hint", "while True:\n    pass")], "right", "TimeoutError"),
    "memory_bomb": ([first("return [0] * 10**10")], "error", "MemoryError"),
    "slow_memory_bomb": ([first("x = [0]\nwhile True:\n    x += x")], "error", "Error"),
    "memory_of_numpy": (
        [first("import numpy\nreturn numpy.ones(10**10)")],
        "error",
        "does not fit into memory",
    ),
    "exit": ([first("import sys\nsys.exit(0)")], "error", "exit() ends the program"),
    "hard_exit": ([first("import os\nos._exit(0)")], "stopped", "ended the process with status 0"),
    "kill": (
        [first("import os\nos.kill(os.getpid(), 9)")],
        "stopped",
        "was killed by the system (SIGKILL)",
    ),
    "exit_in_a_cell": ([(CHECK, "import sys\nsys.exit(1)")], "right", "check was changed"),
    "hard_exit_in_a_cell": (
        [(CHECK, "import os\nos._exit(3)")],
        "right",
        "ended the process with status 3; it was left out",
    ),
    "deleted": ([("def to_kcal_per_mol", None)], "missing", "there is no to_kcal_per_mol"),
    "renamed": (
        [("def to_kcal_per_mol", "def kcal_per_mol(energy):\n    return 627.5095 * energy")],
        "missing",
        "is it kcal_per_mol?",
    ),
    "edited_check": (
        [first("return 1.0"), (CHECK, 'check("1.1", lambda energy: 627.5095 * energy)')],
        "wrong",
        "1.1: its check was changed or removed",
    ),
    "new_checker": (
        [
            first("return 1.0"),
            ("hint", "import qm9course as e\ne.examine = e.check = None"),
        ],
        "wrong",
        "whatever the arguments are, it returns 1",
    ),
    "syntax": ([first("return (1")], "missing", "SyntaxError"),
    "question": ([first("return float(input())")], "error", "nobody answers input()"),
    "talkative": ([first("print('x' * 10**8)\nreturn 627.5095 * energy")], "right", ""),
    "magic": (
        [("hint", "%matplotlib inline\n!true\nimport numpy as np")],
        "right",
        "",
    ),
    "no_streams": ([("hint", "import sys\nsys.stdout = sys.stderr = None")], "right", ""),
    "closed_streams": (
        [("hint", "import sys\nsys.stdout.close()\nsys.stderr.close()")],
        "right",
        "",
    ),
    "name_used_again": ([(CHECK, "to_kcal_per_mol = 627.5")], "right", "its check was changed"),
    "litter": ([first("open('litter', 'w').close()\nreturn 627.5095 * energy")], "right", ""),
    "threads": (
        [
            first(
                f"import subprocess\nsubprocess.Popen(['sleep', '{AGES}'])\n"
                "return 627.5095 * energy"
            )
        ],
        "right",
        "",
    ),
}
RIGHT = "return 627.5095 * energy"


def everywhere(data, around=""):
    """Write bytes into whatever the process has open but for its standard streams."""
    return (
        f"import os\nfor number in range(3, 200):\n    try:\n        os.write(number, {data})\n"
        f"    except OSError:\n        pass\n{around}"
    )


# Attacks, within the first answer; what is left of them shows in the good notebook behind.
ANSWERS = {
    "forged name": everywhere(b'{"name": "1.2"}\n', RIGHT),
    "forged list": everywhere(b'{"name": []}\n', RIGHT),
    "forged brackets": everywhere("b'[' * 100_000 + b'\\n'", RIGHT),
    "forged reply": everywhere(b'{"reply": "1", "value": 627.5095, "changes": {}}\n', RIGHT),
    "forged outcome": everywhere(b'{"functions": [], "others": {}, "names": []}\n', RIGHT),
    "no letters": everywhere(b"\xff\xfe\x00\n", RIGHT),
    "flood": everywhere("b'x' * 70_000_000", RIGHT),
    "closed pipes": f"import os\nos.closerange(3, 200)\n{RIGHT}",
    "signal above 31": "import os\nos.kill(os.getpid(), 34)",
    "no memory at all": "import ctypes\nctypes.string_at(0)",
    "surrogate": "raise ValueError('\\ud800')",
    "escape sequences": "raise ValueError('\\x1b]0;owned\\x07\\x1b[2J\\r\\x00')",
    "ten megabytes": "raise ValueError('x' * 10**7)",
    "interrupt": "raise KeyboardInterrupt",
    "no exception": "class E(BaseException):\n    pass\nraise E",
    "checker changed": (
        "import qm9course.checking as c, qm9course.diagnosis as d\n"
        "import qm9course.wire as w\nc.same = d.same = lambda *a, **k: True\n"
        "c.judged = c.examine = c.guarded = lambda *a, **k: True\n"
        "w.encode = lambda *a, **k: 627.5095\nreturn 1.0"
    ),
    "always equal": (
        "class Any(float):\n    __eq__ = __le__ = __ge__ = lambda *a: True\nreturn Any(1.0)"
    ),
    "array that lies": (
        "class Any:\n    def __array__(self, *a, **k):\n        raise SystemExit\n"
        "    __repr__ = __array__\nreturn Any()"
    ),
    "endless list": "x = []\nx.append(x)\nreturn x",
    "deep list": "x = 1.0\nfor _ in range(10**5):\n    x = [x]\nreturn x",
    "huge number": "return 10 ** 10**5",
    "new session": (
        f"import subprocess\nsubprocess.Popen(['sleep', '{AGES}'], start_new_session=True)\n{RIGHT}"
    ),
    "daemon": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        f"        os.execvpe('sleep', ['sleep', '{AGES}'], {{}})\n    os._exit(0)\n{RIGHT}"
    ),
    "many": (
        "import os, time\nfor _ in range(60):\n    if os.fork() == 0:\n"
        f"        time.sleep({AGES})\n{RIGHT}"
    ),
    "thread that stays": (
        f"import threading, time\nthreading.Thread(target=time.sleep, args=({AGES},)).start()\n"
        f"{RIGHT}"
    ),
    "large file": "open('x', 'wb').truncate(10**10)",
    "folder removed": f"import os, shutil\nshutil.rmtree(os.getcwd() + '/..', True)\n{RIGHT}",
    "home": (
        "import pathlib\nfor name in ('.ipython/profile_default/startup/x.py',\n"
        "             '.config/matplotlib/matplotlibrc', '.pdbrc'):\n"
        "    path = pathlib.Path.home() / name\n"
        "    path.parent.mkdir(parents=True, exist_ok=True)\n"
        f"    path.write_text('raise SystemExit')\n{RIGHT}"
    ),
    "site folder": (
        "import pathlib, sysconfig\nfolder = pathlib.Path(sysconfig.get_path('purelib'))\n"
        "(folder / 'numpy.py').write_text('raise SystemExit')\n"
        f"(folder / 'x.pth').write_text('import nothing_of_this_name')\n{RIGHT}"
    ),
    "pip": (
        "import pathlib, subprocess, sys\nfor name in ('numpy', 'qm9lib'):\n"
        "    path = pathlib.Path(name).absolute()\n    if path.exists():\n        continue\n"
        "    path.mkdir()\n    (path / f'{name}.py').write_text('raise SystemExit')\n"
        "    (path / 'setup.py').write_text('import setuptools\\nsetuptools.setup('\n"
        "        f'name={name!r}, version=\"99\", py_modules=[{name!r}])')\n"
        "    pip = [sys.executable, '-m', 'pip']\n"
        "    options = ['--no-index', '--no-build-isolation', '--no-deps']\n"
        "    subprocess.run([*pip, 'install', *options, path])\n"
        f"    subprocess.run([*pip, 'uninstall', '-y', 'matplotlib', 'ipython'])\n{RIGHT}"
    ),
}
KILLED = "import os\nos.kill(os.getppid(), 9)\nos.kill(os.getppid(), 15)\n" + RIGHT
PARTS = 3
NO_NOTEBOOK = {
    "text.ipynb": b"To be or not to be",
    "empty.ipynb": b"",
    "bytes.ipynb": bytes(range(256)),
    "list.ipynb": b"[1, 2]",
    "deep.ipynb": b"[" * 100_000,
    "no_cells.ipynb": b'{"nbformat": 4}',
    "odd_cells.ipynb": b'{"cells": [{"cell_type": "code", "source": 3}]}',
    "old.ipynb": b'{"worksheets": []}',
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The command line over everything, in parts: what it printed, wrote and left behind."""
    folder = tmp_path_factory.mktemp("notebooks")
    paths = [stored("solutions", folder / f"{name}.ipynb", *BROKEN[name][0]) for name in BROKEN]
    paths.append(stored("exercises", folder / "untouched.ipynb"))
    for name, content in NO_NOTEBOOK.items():
        (folder / name).write_bytes(content)
    paths += [folder / name for name in NO_NOTEBOOK]
    paths += [folder / "nowhere.ipynb", folder]
    paths.append(folder / "stranger.ipynb")
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")]), paths[-1])
    work = tmp_path_factory.mktemp("work")

    def run(part):
        number, paths = part
        results = folder / f"grades-{number}.json"
        done = subprocess.run(
            [sys.executable, "-m", "qm9course", "grade", *map(str, paths), "--minutes", "1",
             "--memory", "1", "--json", str(results), "--reasons"],
            capture_output=True, text=True, cwd=work, check=False, timeout=HANG,
        )  # fmt: skip
        return done, json.loads(results.read_text())

    # What loops and what sleeps would take its time alone; and all have to be told apart.
    parts = [paths[start::PARTS] for start in range(PARTS)]
    with ThreadPoolExecutor(PARTS) as pool:
        runs, tables = zip(*pool.map(run, enumerate(parts)), strict=True)
    for rows, part in zip(tables, parts, strict=True):
        assert [row["notebook"] for row in rows] == [str(path) for path in part]
    rows = {Path(row["notebook"]).stem: row for row in itertools.chain(*tables)}
    return runs, rows, list(work.iterdir())


@pytest.mark.parametrize("name", BROKEN)
def test_broken_answer_is_a_row_and_the_others_count(graded, name):
    _, rows, _ = graded
    _, outcome, words = BROKEN[name]
    row = rows[name]
    assert list(row["outcomes"]) == NAMES
    assert row["outcomes"]["1.1"] == outcome, row
    assert words in row["reasons"]["1.1"] + " ".join(row["notes"]), row
    if "hint" in str(BROKEN[name][0]) and name != "magic":
        return  # without the cell of the imports nothing else can be right
    assert all(row["outcomes"][other] == "right" for other in NAMES[1:]), row
    assert row["right"] == 5 + (outcome == "right")


def test_untouched_notebook_has_attempted_nothing(graded):
    _, rows, _ = graded
    assert set(rows["untouched"]["outcomes"].values()) == {"not attempted"}
    assert rows["untouched"]["notes"] == []


@pytest.mark.parametrize("name", [*NO_NOTEBOOK, "nowhere.ipynb", "stranger.ipynb"])
def test_what_is_no_notebook_is_a_row(graded, name):
    _, rows, _ = graded
    row = rows[Path(name).stem]
    assert row["chapter"] == "" and row["outcomes"] == {}
    (note,) = row["notes"]
    said = {"nowhere.ipynb": "cannot be read", "stranger.ipynb": "no exercise of this course"}
    assert said.get(name, "not a notebook") in note


def test_table_lists_all_and_nothing_is_left_behind(graded):
    runs, rows, left = graded
    for run in runs:
        assert run.returncode == 1  # some were no notebooks
        assert "Traceback" not in run.stdout + run.stderr
        assert "  right  1.1 " in run.stdout.splitlines()[1]
    printed = "".join(run.stdout for run in runs)
    assert all(row["notebook"] in printed for row in rows.values())
    assert left == []
    deadline = time.monotonic() + HANG
    while sleeping():  # it was killed; the system may be slow to do so
        assert time.monotonic() < deadline
        time.sleep(0.05)


def sleeping():
    """Return whether the process that a notebook has started is still there."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is not ours
            found.append(path.read_bytes())
    return f"sleep\0{AGES}\0".encode() in found


@pytest.fixture(scope="module")
def hostile_class(tmp_path_factory):
    """One run of the command line: attacks, and a good notebook before, between and after them."""
    folder = tmp_path_factory.mktemp("class")
    paths = [stored("solutions", folder / "good.ipynb")]
    for number, body in enumerate(ANSWERS.values()):
        path = folder / f"{number}.ipynb"
        paths += [stored("solutions", path, first(body)), paths[0]]
    odd = folder / "\x1b[2J\udcff\n.ipynb"
    stored("solutions", odd)
    results = folder / "grades.json"
    done = subprocess.run(
        [sys.executable, "-m", "qm9course", "grade", *map(str, paths), str(odd), "--minutes", "10",
         "--memory", "2", "--json", str(results), "--reasons"],
        capture_output=True, check=False, timeout=HANG,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "TMPDIR": str(folder)},
    )  # fmt: skip
    return done, json.loads(results.read_text("ascii")), folder


ATTACKS = {
    **dict.fromkeys(ANSWERS, "stopped"),
    **dict.fromkeys(
        ("checker changed", "always equal", "array that lies", "endless list", "deep list",
         "huge number"), "wrong",
    ),
    **dict.fromkeys(
        ("surrogate", "escape sequences", "ten megabytes", "large file", "folder removed"), "error"
    ),
    **dict.fromkeys(
        ("new session", "daemon", "many", "thread that stays", "home", "site folder", "pip"),
        "right",
    ),
}  # fmt: skip


def test_hostile_class_has_every_row(hostile_class):
    done, rows, _ = hostile_class
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert len(rows) == 2 * len(ANSWERS) + 2 >= 60
    for good in (*rows[::2], rows[-1]):
        assert good["outcomes"] == dict.fromkeys(NAMES, "right"), good
        assert good["notes"] == []
    others = {name: row["outcomes"]["1.1"] for name, row in zip(ANSWERS, rows[1::2], strict=False)}
    assert others == ATTACKS
    for name, row in zip(ANSWERS, rows[1::2], strict=False):
        if name != "checker changed":  # which spoils what its own answers return
            assert all(row["outcomes"][other] == "right" for other in NAMES[1:]), row
    said = [*itertools.chain(*(row["reasons"].values() for row in rows))]
    assert max(map(len, said)) < 2_100
    # What the teacher's terminal gets is text alone, whatever names and messages are.
    shown = done.stdout.decode("ascii")
    assert all(letter.isprintable() or letter == "\n" for letter in shown)
    assert "?[2J??.ipynb" in shown


def test_nothing_of_the_hostile_class_survives(hostile_class):
    *_, folder = hostile_class
    deadline = time.monotonic() + HANG
    while of_a_notebook(folder):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not sleeping()
    assert not [*folder.glob("grade-*")]


def of_a_notebook(folder):
    """Return processes whose folders are those that a grader has made in this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"{folder}/grade-".encode() in path.read_bytes():
                found.append(path)
    return found


# What runs in the background of a shell ignores Ctrl-C, and so do its children.
HEEDING = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, "-m", "qm9course", *sys.argv[1:]])
"""


@pytest.mark.timing
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
        signal.SIGKILL,
    ],
)  # fmt: skip
def test_grader_that_is_ended_takes_its_notebook_along(tmp_path, number):
    """And the rows so far are stored."""
    good, results = stored("solutions", tmp_path / "good.ipynb"), tmp_path / "grades.json"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    body = f"import time\nopen({str(pipe)!r}, 'w').close()\ntime.sleep({AGES})"
    if number != signal.SIGKILL:  # then nobody is left who could end what has a session of its own
        start = f"subprocess.Popen(['sleep', '{AGES}'], start_new_session=True)"
        body = f"import subprocess\n{start}\n{body}"
    slow = stored("solutions", tmp_path / "slow.ipynb", first(body))
    process = subprocess.Popen(
        [sys.executable, "-c", HEEDING, "grade", good, slow, "--json", results, "--minutes", "99"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )  # fmt: skip
    with open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
        while not select.select([opened], [], [], 0.1)[0]:  # until the answer runs
            assert process.poll() is None
    process.send_signal(number)
    _, said = process.communicate(timeout=HANG)
    expected = -9 if number == signal.SIGKILL else 128 + number
    assert process.returncode == expected
    assert "Traceback" not in said
    deadline = time.monotonic() + HANG
    while of_a_notebook(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert number == signal.SIGKILL or not [*tmp_path.glob("grade-*")]
    (row,) = json.loads(results.read_text())
    assert row["right"] == 6


SANDBOXED = {
    "killed": KILLED,
    "network": (
        "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 1), 1)\n"
        f"except ConnectionRefusedError:\n    pass\n{RIGHT}"
    ),
    "others": "import os\nassert not os.path.exists('{others}')\n" + RIGHT,
    "secret": f"import os\nassert 'SECRET' not in os.environ\n{RIGHT}",
    "system": (
        "import pathlib, numpy\n"
        f"(pathlib.Path(numpy.__file__).parent / 'x').write_text('x')\n{RIGHT}"
    ),
    "new session": ANSWERS["new session"],
}


def test_sandbox(tmp_path, monkeypatch):
    """A notebook sees no process, no file of the teacher's, and writes nowhere but to its own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("SECRET", "of the teacher")
    monkeypatch.syspath_prepend(str(tmp_path))  # as the folder that a command is started in
    try:
        student.check_sandbox()
    except DataError as error:  # a system that allows no sandbox: then it is refused, and said
        with pytest.raises(DataError, match=re.escape(str(error)[:60])):
            next(grade([tmp_path], sandbox=True))
        return
    paths = [
        stored(
            "solutions",
            tmp_path / f"{name}.ipynb",
            first(body.replace("{others}", str(tmp_path / "killed.ipynb"))),
        )
        for name, body in SANDBOXED.items()
    ]
    rows = {Path(row.notebook).stem: row for row in grade(paths, minutes=1.0, sandbox=True)}
    found = {name: row.outcomes["1.1"] for name, row in rows.items()}
    assert found == {
        "killed": "right", "network": "right", "others": "right", "secret": "right",
        "system": "error", "new session": "right",
    }, rows  # fmt: skip
    assert "Read-only file system" in rows["system"].reasons["1.1"]
    assert all(row.outcomes[name] == "right" for row in rows.values() for name in NAMES[1:])
    assert not of_a_notebook(tmp_path)


def test_sandbox_that_cannot_work_is_said(tmp_path, monkeypatch, capsys):
    from qm9course.__main__ import main

    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'No permissions to create a new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert main(["grade", "--sandbox", "x.ipynb"]) == 1
    said = capsys.readouterr().err
    assert (
        said == "error: bubblewrap does not work here: No permissions to create a new namespace\n"
    )


def test_without_a_sandbox_it_is_said(monkeypatch, capsys):
    from qm9course.__main__ import main

    monkeypatch.setattr(student.shutil, "which", lambda name: None)
    assert main(["grade", "--sandbox", "x.ipynb"]) == 1
    assert "--sandbox needs bubblewrap (bwrap)" in capsys.readouterr().err


def test_a_process_that_cannot_start_is_no_grade(tmp_path):
    """As with less memory than Python itself needs."""
    (row,) = grade([stored("solutions", tmp_path / "good.ipynb")], memory=0.001)
    assert (row.chapter, row.outcomes) == ("", {})
    (note,) = row.notes
    assert "before the first cell, which is a problem with this machine" in note


def test_a_fault_of_the_grader_costs_one_row(tmp_path, monkeypatch):
    good = stored("solutions", tmp_path / "good.ipynb")
    real, calls = student.Student, itertools.count()

    def failing(*arguments, **options):
        if next(calls) == 0:
            raise RuntimeError("of ours")
        return real(*arguments, **options)

    monkeypatch.setattr(student, "Student", failing)
    bad, other = grade([good, good])
    assert bad.outcomes == dict.fromkeys(NAMES, "not reached")
    assert bad.notes == ["the grader itself failed on it (RuntimeError: of ours)"]
    assert other.right == 6


@pytest.mark.timing
@pytest.mark.parametrize(
    "body",
    [
        f"import os, time\nos.closerange(3, 200)\nwhile True:\n    time.sleep({AGES})",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    ],
    ids=["closed", "stopped"],  # the same in every worker, unlike the numbers in the first
)
def test_a_process_that_waits_for_ever_is_ended(tmp_path, monkeypatch, body):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (row,) = grade([stored("solutions", tmp_path / "x.ipynb", first(body))], minutes=0.5)
    assert row.outcomes["1.1"] == "stopped"
    assert not of_a_notebook(tmp_path)


@pytest.mark.timing
def test_limit_is_for_loops_alone(tmp_path):
    """However busy the machine, what loops is stopped, and what does not counts."""
    (row,) = grade([stored("solutions", tmp_path / "loop.ipynb", *BROKEN["loop"][0])], minutes=0.5)
    assert row.outcomes == dict.fromkeys(NAMES, "right") | {"1.1": "error"}
    assert "more than 3 s" in row.reasons["1.1"]


# An interrupt within a finalizer, such as one of JAX's, is lost; the next one comes soon after.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_judge_without_end_costs_one_answer(tmp_path, monkeypatch):
    """Whatever an answer returns, the next one is judged."""

    def endless(answer):
        with contextlib.suppress(BaseException):  # as in a finalizer, whose exceptions are lost
            while True:
                answer(1.0)
        while True:
            with contextlib.suppress(Exception):
                answer(1.0)

    known = qm9course.exercises("labels")
    slow = [replace(known[0], judge=endless), *known[1:]]
    monkeypatch.setattr("qm9course.grade.exercises", lambda chapter: slow)
    monkeypatch.setattr("qm9course.grade._JUDGING", 2.0)
    before = signal.getsignal(signal.SIGPROF)
    (row,) = grade([BOOK / "solutions" / "labels.ipynb"])
    assert row.outcomes == dict.fromkeys(NAMES, "right") | {"1.1": "stopped"}
    assert row.reasons["1.1"] == "what the answer returns takes too long to judge"
    assert signal.getsignal(signal.SIGPROF) == before


def test_no_call_of_the_process_is_interrupted_half_way():
    """Its locks of queues and threads would stay locked, and the grader would wait for ever."""
    done = []

    def call():
        done.append("begun")
        signal.raise_signal(signal.SIGPROF)
        done.append("ended")

    with pytest.raises(_TooLongError), at_most(1e6) as limit:
        with contextlib.suppress(_TooLongError):
            limit.not_within(call)()
        assert done == ["begun", "ended"]
        limit.not_within(lambda: None)()  # what goes on all the same
    with pytest.raises(_TooLongError), at_most(1e6):
        signal.raise_signal(signal.SIGPROF)


def test_wrong_usage_is_told(tmp_path, monkeypatch):
    from qm9course.__main__ import main

    with pytest.raises(SystemExit):
        main(["grade"])
    assert main(["grade", "x.ipynb", "--json", str(tmp_path)]) == 1
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["grade", "x.ipynb"]) == 1


def test_chapters_have_tables_of_their_own():
    rows = [row for row in grade([BOOK / "labels.ipynb", BOOK / "_static"])]
    assert [row.notes != [] for row in rows] == [True, True]
    assert table(rows).count("\n") == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name")
def test_a_pipe_is_no_notebook(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ipynb")
    [row] = grade([tmp_path / "pipe.ipynb"])
    assert row.notes == ["is not a regular file"]
