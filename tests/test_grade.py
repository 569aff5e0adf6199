"""The grader: broken and hostile notebooks become rows, and none of them stops the run."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from limits import HANG

import notebooks
from qm9lib import exercises
from qm9lib.exercises.grade import grade, table

BOOK = notebooks.ROOT / "book"
NAMES = [exercise.name for exercise in exercises.exercises("labels")]
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
        "larger than the memory",
    ),
    "exit": ([first("import sys\nsys.exit(0)")], "error", "exit() ends the program"),
    "hard_exit": ([first("import os\nos._exit(0)")], "stopped", "ended the process with status 0"),
    "kill": (
        [first("import os\nos.kill(os.getpid(), 9)")],
        "stopped",
        "was ended by the system (SIGKILL)",
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
            ("hint", "import qm9lib.exercises as e\ne.examine = e.check = None"),
        ],
        "wrong",
        "expected",
    ),
    "syntax": ([first("return (1")], "missing", "SyntaxError"),
    "question": ([first("return float(input())")], "error", "nobody answers input()"),
    "talkative": ([first("print('x' * 10**8)\nreturn 627.5095 * energy")], "right", ""),
    "magic": (
        [("hint", "%matplotlib inline\n!true\nimport numpy as np")],
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
            [sys.executable, "-m", "qm9lib", "grade", *map(str, paths), "--minutes", "1",
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


@pytest.mark.timing
def test_limit_is_for_loops_alone(tmp_path):
    """However busy the machine, what loops is stopped, and what does not counts."""
    (row,) = grade([stored("solutions", tmp_path / "loop.ipynb", *BROKEN["loop"][0])], minutes=0.5)
    assert row.outcomes == dict.fromkeys(NAMES, "right") | {"1.1": "error"}
    assert "more than 3 s" in row.reasons["1.1"]


def test_wrong_usage_is_told(tmp_path, monkeypatch):
    from qm9lib.__main__ import main

    with pytest.raises(SystemExit):
        main(["grade"])
    assert main(["grade", "x.ipynb", "--json", str(tmp_path)]) == 1
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["grade", "x.ipynb"]) == 1


def test_chapters_have_tables_of_their_own():
    rows = [row for row in grade([BOOK / "labels.ipynb", BOOK / "_static"])]
    assert [row.notes != [] for row in rows] == [True, True]
    assert table(rows).count("\n") == 1
