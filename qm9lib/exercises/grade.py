"""Grade students' notebooks: each runs in a child process with limits of time and memory.

Nothing of a notebook runs in the process of the grader. Where a cell or an answer ends the child,
another child goes on without it. Still, a notebook runs with the rights of whoever grades: take a
container for notebooks of strangers.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from qm9lib.cache import DataError
from qm9lib.exercises import BY_NUMBER, CHAPTERS, exercises

MISSING, STOPPED, NOT_REACHED = "missing", "stopped", "not reached"
"""Outcomes that a grader meets beside the five of `check`."""

_SHARE = 0.1  # of the minutes, for one cell or one answer
_START = 60.0  # seconds that a child may take for its imports
_WAITING = 5.0  # times as long may take what waits and does not compute


def _spent(waited: float, computed: float) -> float:
    """Return how many seconds of its limit something has used up.

    Those of the processor, so that nobody is graded down by a busy machine; but not more than have
    passed, however many threads compute; and at least a part of these, so that what sleeps ends.

    Parameters
    ----------
    waited
        Seconds that have passed.
    computed
        Seconds of the processor.

    Examples
    --------
    >>> _spent(10.0, 2.5), _spent(10.0, 40.0), _spent(10.0, 0.0)
    (2.5, 10.0, 2.0)
    """
    return max(min(waited, computed), waited / _WAITING)


@dataclass
class Row:
    """What was found in one notebook.

    Attributes
    ----------
    notebook
        As it was given.
    chapter
        Whose exercises it has; empty if nothing could be graded.
    outcomes
        By exercise: one of the five of `check`, or ``missing`` (no such function), ``stopped`` (the
        answer ended the process or took too long), ``not reached`` (the time was spent before).
    reasons
        By exercise, what the student would read.
    notes
        What else the grader should know.
    """

    notebook: str
    chapter: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def right(self) -> int:
        """Number of right answers."""
        return sum(outcome == "right" for outcome in self.outcomes.values())


def grade(
    notebooks: Iterable[str | Path], minutes: float = 5.0, memory: float = 8.0
) -> Iterator[Row]:
    """Grade notebooks, one after the other; whatever one of them does, the next one comes.

    Parameters
    ----------
    notebooks
        Paths of ``.ipynb`` files.
    minutes
        Time for one notebook; a single cell or answer may take a tenth of it. While a busy machine
        does other things, it does not count.
    memory
        GB that one notebook may use (on Linux; elsewhere there is no limit).

    Raises
    ------
    DataError
        If IPython, which runs the cells, is not installed.
    """
    if importlib.util.find_spec("IPython") is None:
        raise DataError("grading needs IPython, which runs the cells: pip install ipython")
    for path in notebooks:
        row = Row(str(path))
        try:
            cells = read_cells(Path(path))
            row.chapter = chapter_of(cells)
        except DataError as error:
            row.notes.append(str(error))
        else:
            row.notes += changed_checks(cells, row.chapter)
            _run(row, cells, minutes, memory)
        yield row


def read_cells(path: Path) -> list[str]:
    """Return the sources of the code cells of a notebook.

    Raises
    ------
    DataError
        If it is none.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        sources = [cell["source"] for cell in content["cells"] if cell.get("cell_type") == "code"]
        return ["".join(source) for source in sources]
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError("not a notebook (.ipynb, version 4)") from error


def chapter_of(cells: Sequence[str]) -> str:
    """Return whose exercises cells have: of the checks, or else of the functions, most count.

    Raises
    ------
    DataError
        If there is neither.
    """
    text = "\n".join(cells)
    numbers = Counter(re.findall(r"\bcheck\(\s*[\"'](\d+)\.\d+[\"']", text))
    numbers += Counter(
        number
        for number, chapter in BY_NUMBER.items()
        for exercise in exercises(chapter)
        if re.search(rf"^def {exercise.function}\b", text, re.MULTILINE)
    )
    for number, _ in numbers.most_common():
        if number in BY_NUMBER:
            return BY_NUMBER[number]
    raise DataError("no exercise of this course found in it")


def changed_checks(cells: Sequence[str], chapter: str) -> list[str]:
    """Return a note for each check that is not there as the students got it."""
    lines = {line.strip() for cell in cells for line in cell.splitlines()}
    return [
        f"{exercise.name}: its check was changed or removed; the function counts"
        for exercise in exercises(chapter)
        if f'check("{exercise.name}", {exercise.function})' not in lines
    ]


def table(rows: Sequence[Row], reasons: bool = False) -> str:
    """Return the rows as text: a table for each chapter, and what else is to be known below.

    Examples
    --------
    >>> print(table([Row("a.ipynb", "labels", {"1.1": "right", "1.2": "wrong"})]))
    labels
    notebook  right  1.1    1.2
    a.ipynb     1/2  right  wrong
    """
    width = max([len("notebook"), *(len(row.notebook) for row in rows)])
    parts = []
    for chapter in CHAPTERS:
        found = [row for row in rows if row.chapter == chapter]
        if not found:
            continue
        names = list(found[0].outcomes)
        widths = {
            name: max(len(name), *(len(row.outcomes.get(name, "")) for row in found))
            for name in names
        }
        head = f"{'notebook':{width}}  right  " + "  ".join(f"{n:{widths[n]}}" for n in names)
        lines = [
            f"{row.notebook:{width}}  {f'{row.right}/{len(row.outcomes)}':>5}  "
            + "  ".join(f"{row.outcomes.get(n, ''):{widths[n]}}" for n in names)
            for row in found
        ]
        parts.append("\n".join(line.rstrip() for line in (chapter, head, *lines)))
    below = [
        f"{row.notebook}: {said}"
        for row in rows
        for said in (
            *row.notes,
            *(
                f"{name} {row.outcomes[name]}: {reason}"
                for name, reason in row.reasons.items()
                if reasons and row.outcomes[name] != "right"
            ),
        )
    ]
    return "\n\n".join([*parts, *(["\n".join(below)] if below else [])])


def to_json(rows: Sequence[Row]) -> str:
    """Return the rows as JSON."""
    return json.dumps([{**asdict(row), "right": row.right} for row in rows], indent=2) + "\n"


def _run(row: Row, cells: list[str], minutes: float, memory: float) -> None:
    """Run cells and examine the answers, in as many children as it takes."""
    known = {exercise.name: exercise for exercise in exercises(row.chapter)}
    left = 60 * minutes
    skipped: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        while left > 0 and set(row.outcomes) != set(known):
            job = {
                "chapter": row.chapter,
                "cells": [c if i not in skipped else "" for i, c in enumerate(cells)],
                "answers": [name for name in known if name not in row.outcomes],
                "seconds": 60 * minutes * _SHARE,
                "memory": memory,
            }
            events, ending, used = _child(job, Path(folder), left)
            left -= used
            running: Any = None
            for event in events:
                running = event.get("begins")
                if event.get("name") in known and event.get("name") not in row.outcomes:
                    row.outcomes[event["name"]] = str(event["status"])
                    row.reasons[event["name"]] = str(event["message"])
                if "failed" in event:
                    row.notes.append(f"code cell {event['failed'] + 1} failed: {event['error']}")
            if ending is None:
                break
            if isinstance(running, str) and running in known:
                row.outcomes[running] = STOPPED
                row.reasons[running] = f"the answer {ending}"
            elif isinstance(running, int) and running not in skipped:
                skipped.append(running)
                row.notes.append(f"code cell {running + 1} {ending}; it was left out")
            else:
                row.notes.append(f"the notebook {ending}")
                break
    row.notes = list(dict.fromkeys(row.notes))  # a second child meets the same cells
    for name in known:
        if name not in row.outcomes:
            row.outcomes[name] = NOT_REACHED
            row.reasons[name] = f"the {minutes:g} minutes of the notebook were over before"
    row.outcomes = {name: row.outcomes[name] for name in known}


def _child(
    job: dict[str, Any], folder: Path, seconds: float
) -> tuple[list[dict[str, Any]], str | None, float]:
    """Run a child; return what it reported, how it ended if not as it should, and its time."""
    work = Path(tempfile.mkdtemp(dir=folder))
    report = folder / f"{work.name}.jsonl"  # not in the folder where the notebook runs
    report.touch()
    process = subprocess.Popen(
        [sys.executable, "-m", "qm9lib.exercises.child", str(report)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=work,
        env={**os.environ, "MPLBACKEND": "agg", "TQDM_DISABLE": "1", "IPYTHONDIR": str(work)},
        start_new_session=True,  # so that what it starts can be ended with it
    )
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(job).encode())
        process.stdin.close()
    except BrokenPipeError:
        pass  # it has ended already, which is told below
    in_time, used = _wait(process, report, job["seconds"], seconds)
    ending = None if in_time else "took too long"
    _end(process)
    events = []
    for line in report.read_text("utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # the line at which the child was ended
        if isinstance(event, dict):
            events.append(event)
    if ending is None and not (events and events[-1].get("done")):
        code = process.returncode
        ending = f"ended the process with status {code}"
        if code < 0:
            ending = f"was ended by the system ({signal.Signals(-code).name}): too much memory?"
    return events, ending, used


def _wait(
    process: subprocess.Popen[bytes], report: Path, step: float, seconds: float
) -> tuple[bool, float]:
    """Wait for a child.

    Returns
    -------
    tuple
        Whether it ended in time, each of its steps and all together, and how long it took.
    """
    used, size, limit = 0.0, 0, _START + 2 * step
    start = last = _clocks(process.pid)  # the last time that the report has grown
    while True:
        try:
            process.wait(timeout=0.05)
            return True, used
        except subprocess.TimeoutExpired:
            now = _clocks(process.pid)
        used = _spent(now[0] - start[0], now[1] - start[1])
        if report.stat().st_size > size:
            size, limit, last = report.stat().st_size, 2 * step, now
        # The child interrupts a step that is too long; this is for one that goes on all the same.
        if used > seconds or _spent(now[0] - last[0], now[1] - last[1]) > limit:
            return False, used


def _clocks(process: int) -> tuple[float, float]:
    """Return the time, and that of the processor for a child: the same where nothing tells it."""
    now = time.monotonic()
    # The number of its clock, as clock_getcpuclockid(3) makes it, which Python does not have.
    return now, time.clock_gettime(~process << 3 | 2) if sys.platform == "linux" else now


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a child and what it has started."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass  # all of them have ended
    process.wait()


def nearest(name: str, names: Iterable[str]) -> str:
    """Return words on the name most like a missing one, or nothing.

    Examples
    --------
    >>> nearest("to_kcal", ["to_kcals", "np"])
    '; is it to_kcals?'
    """
    found = difflib.get_close_matches(name, names, n=1)
    return f"; is it {found[0]}?" if found else ""
