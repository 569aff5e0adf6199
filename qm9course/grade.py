"""Grade students' notebooks: each runs in a process of its own, and its answers are judged here.

The code of a notebook never runs where its answers are judged: `qm9course.student` passes
arguments to its process, and values back. If a cell or an answer ends the process, another process
continues without it.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
import re
import signal
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from qm9course import BY_NUMBER, CHAPTERS, checking, exercises, student
from qm9course.checking import Exercise
from qm9lib.errors import DataError

MISSING, STOPPED, NOT_REACHED = "missing", "stopped", "not reached"
"""Outcomes that a grader meets besides the five of `check`."""

_SHARE = 0.1  # of the minutes, for one cell or one answer
_JUDGING = 300.0  # seconds of processor time for judging one answer; the longest takes some ten
_LARGEST = 50_000_000  # bytes of a notebook
_LONGEST = 2_000  # characters of a reason or note
_MOST = 100  # notes on one notebook
_NAMES = 10_000  # functions of a notebook, one of which may be the one asked for


@dataclass
class Row:
    """The result for one notebook.

    Attributes
    ----------
    notebook
        Its path, as it was given.
    chapter
        The chapter of its exercises; empty if nothing could be graded.
    outcomes
        By exercise: one of the five of `check`, or ``missing`` (no such function), ``stopped`` (the
        answer ended the process or took too long), ``not reached`` (time ran out before).
    reasons
        By exercise, the message that the student would read.
    notes
        Anything else that the grader should know.
    failed
        Whether the grader itself could not continue, which is not the notebook's fault.
    """

    notebook: str
    chapter: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failed: bool = False

    @property
    def right(self) -> int:
        """Number of right answers."""
        return sum(outcome == "right" for outcome in self.outcomes.values())


def grade(
    notebooks: Iterable[str | Path],
    minutes: float = 5.0,
    memory: float = 8.0,
    *,
    sandbox: bool = False,
) -> Iterator[Row]:
    """Grade notebooks, one after the other; whatever one of them does, the next is still graded.

    Parameters
    ----------
    notebooks
        Paths of ``.ipynb`` files.
    minutes
        Time for one notebook; a single cell or answer may take a tenth of it. Time that a busy
        machine spends on other things does not count.
    memory
        GB that one notebook may use (on Linux; elsewhere there is no limit).
    sandbox
        Whether to run each in bubblewrap (on Linux): without a network, without the teacher's
        files, and with only a folder of its own to write to.

    Raises
    ------
    DataError
        If IPython, which runs the cells, or the sandbox is not installed.
    """
    if importlib.util.find_spec("IPython") is None:
        raise DataError("grading needs IPython, which runs the cells: pip install ipython")
    if sandbox:
        student.check_sandbox()  # before the first notebook
    for path in notebooks:
        row = Row(str(path))
        try:
            cells = read_cells(Path(path))
            row.chapter = chapter_of(cells)
            row.notes += changed_checks(cells, row.chapter)
            _run(row, cells, minutes, memory, sandbox)
        except DataError as error:
            row.notes.append(str(error))
            row.failed = bool(row.chapter)  # it is a notebook, and something else is wrong
        except Exception as error:  # a bug of ours: the class should not have to wait for the fix
            row.notes.append(f"the grader itself failed on it ({type(error).__name__}: {error})")
            row.failed = True
        _finish(row, minutes)
        yield row


def read_cells(path: Path) -> list[str]:
    """Return the sources of the code cells of a notebook.

    Raises
    ------
    DataError
        If it is not a notebook.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():  # a pipe would never end
            raise DataError("is not a regular file")
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            raise DataError(f"has more than {_LARGEST:,} bytes: clear its outputs")
        content = json.loads(text.decode("utf-8-sig"))
        sources = [cell["source"] for cell in content["cells"] if cell.get("cell_type") == "code"]
        return ["".join(source) for source in sources]
    except OSError as error:
        where = ": name its notebooks, as in FOLDER/*.ipynb" if path.is_dir() else ""
        raise DataError(f"cannot be read: {error.strerror or error}{where}") from error
    except DataError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError("not a notebook (.ipynb, version 4)") from error


def chapter_of(cells: Sequence[str]) -> str:
    """Return the chapter that most of the checks and functions in the cells belong to.

    Raises
    ------
    DataError
        If there are neither.
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
    raise DataError("contains no exercise of this course")


def changed_checks(cells: Sequence[str], chapter: str) -> list[str]:
    """Return a note for each check that is no longer as the students received it."""
    lines = {line.strip() for cell in cells for line in cell.splitlines()}
    return [
        f"{exercise.name}: its check was changed or removed; only the function is graded"
        for exercise in exercises(chapter)
        if f'check("{exercise.name}", {exercise.function})' not in lines
    ]


def table(rows: Sequence[Row], reasons: bool = False) -> str:
    """Return the rows as text: a table for each chapter, with the notes below.

    Examples
    --------
    >>> print(table([Row("a.ipynb", "labels", {"1.1": "right", "1.2": "wrong"})]))
    labels
    notebook  right  1.1    1.2
    a.ipynb     1/2  right  wrong
    """
    title = {row.notebook: plain(row.notebook, 10_000).replace("\n", "?") for row in rows}
    width = max([len("notebook"), *map(len, title.values())])
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
            f"{title[row.notebook]:{width}}  {f'{row.right}/{len(row.outcomes)}':>5}  "
            + "  ".join(f"{row.outcomes.get(n, ''):{widths[n]}}" for n in names)
            for row in found
        ]
        parts.append("\n".join(line.rstrip() for line in (chapter, head, *lines)))
    below = [
        f"{title[row.notebook]}: {said}"
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


def _run(row: Row, cells: list[str], minutes: float, memory: float, sandbox: bool) -> None:
    """Run cells and judge the answers, in as many processes as it takes."""
    known = {exercise.name: exercise for exercise in exercises(row.chapter)}
    left = 60 * minutes
    skipped: list[int] = []
    while left > 0 and set(row.outcomes) != set(known):
        job = [cell if i not in skipped else "" for i, cell in enumerate(cells)]
        running: int | str | None = None
        started = False
        with student.Student(
            row.chapter, job, 60 * minutes * _SHARE, left, memory, sandbox
        ) as process:
            try:
                for _ in range(2 * len(cells) + 1):  # each begins, and may fail
                    message, started = process.receive(), True
                    if "functions" in message:
                        break
                    running = _told_of_cell(row, message, len(cells))
                else:
                    raise student.EndedError("reported more cells than it has")
                running = None
                for name, exercise in known.items():
                    if name not in row.outcomes:
                        running = name
                        _judge(row, exercise, process, message)
            except student.EndedError as ending:
                if not started:
                    row.chapter = ""
                    raise DataError(
                        f"its process {ending} before the first cell, which is a problem with "
                        "this machine, not with the notebook; is --memory too small?"
                    ) from ending
                if isinstance(running, str):
                    row.outcomes[running] = STOPPED
                    row.reasons[running] = f"the answer {ending}"
                elif running is not None and running not in skipped:
                    skipped.append(running)
                    row.notes.append(f"code cell {running + 1} {ending}; it was left out")
                else:
                    row.notes.append(f"the notebook {ending}")
                    left = 0.0
        left -= process.used


def _told_of_cell(row: Row, message: dict[str, Any], cells: int) -> int:
    """Note what a process reports on the cell that it runs; return the number of the cell."""
    number = message.get("begins", message.get("failed"))
    if type(number) is not int or not 0 <= number < cells:
        raise student.EndedError("wrote to the grader's pipe: no cell")
    if "failed" in message:
        row.notes.append(f"code cell {number + 1} failed: {message.get('error')}")
    return number


def _judge(row: Row, exercise: Exercise, process: student.Student, found: dict[str, Any]) -> None:
    """Judge one answer, which the notebook's process computes."""
    name, function = exercise.name, exercise.function
    functions, others, names = (found.get(part) for part in ("functions", "others", "names"))
    if not (isinstance(functions, list) and isinstance(others, dict) and isinstance(names, list)):
        raise student.EndedError("wrote to the grader's pipe: no functions")
    if function in others:
        row.outcomes[name] = "wrong"
        row.reasons[name] = checking.no_function(exercise, str(others[function]))
    elif function not in functions:
        row.outcomes[name] = MISSING
        near = nearest(function, (str(name)[:60] for name in names[:_NAMES]))
        row.reasons[name] = f"there is no {function}{near}"
    else:
        try:
            with at_most(_JUDGING) as limit:
                outcome = checking.judged(exercise, limit.not_within(process.answer(name)))
        except student.EndedError:
            raise
        except _TooLongError:
            row.outcomes[name] = STOPPED
            row.reasons[name] = "what the answer returns takes too long to judge"
        except Exception as error:  # no judge expects the value this answer returned
            row.outcomes[name] = "wrong"
            row.reasons[name] = f"what it returns cannot be judged ({type(error).__name__})"
        else:
            row.outcomes[name], row.reasons[name] = outcome.status, outcome.message


_AGAIN = 0.2  # seconds of processor time before the next attempt to interrupt


class _TooLongError(BaseException):
    """Raised in the middle of a judge, where handlers of exceptions do not catch it."""


class Limit:
    """Interrupts code that has taken too long, but not within calls that must be completed."""

    def __init__(self) -> None:
        self._held = self._over = False

    def not_within(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that, if it has to be interrupted, is interrupted after a call.

        During the call, a lock of a queue or of a thread could stay locked for ever.
        """

        def whole(*arguments: Any) -> Any:
            self._held = True
            try:
                return call(*arguments)
            finally:
                self._held = False
                if self._over:
                    raise _TooLongError

        return whole

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._over = True
        if not self._held:
            raise _TooLongError


@contextmanager
def at_most(seconds: float) -> Iterator[Limit]:
    """Interrupt code that computes for longer in this process, if the system can.

    Examples
    --------
    >>> with at_most(60.0) as limit:
    ...     limit.not_within(abs)(-2)
    2
    """
    limit = Limit()
    # Signals reach only the main thread; Windows has no such clock.
    if not hasattr(signal, "setitimer") or threading.current_thread() != threading.main_thread():
        yield limit
        return
    before = signal.signal(signal.SIGPROF, limit._stop)
    # Again and again: if Python is in a finalizer, it prints the exception, and goes on.
    signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN)
    try:
        yield limit
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def _finish(row: Row, minutes: float) -> None:
    """Give a row an outcome for each exercise, and remove text that could harm a terminal."""
    known = [exercise.name for exercise in exercises(row.chapter)] if row.chapter else []
    for name in known:
        if name not in row.outcomes:
            row.outcomes[name] = NOT_REACHED
            row.reasons[name] = f"the {minutes:g} minutes of the notebook ran out before this"
    row.outcomes = {name: row.outcomes[name] for name in known}
    row.reasons = {name: plain(row.reasons[name]) for name in known}
    row.notes = [plain(note) for note in dict.fromkeys(row.notes)]  # a second process repeats them
    if len(row.notes) > _MOST:
        row.notes[_MOST:] = [f"and {len(row.notes) - _MOST} more notes"]


def plain(text: str, longest: int = _LONGEST) -> str:
    r"""Return a text without terminal control codes, cut to a few lines.

    Examples
    --------
    >>> plain("a\x1b[31mb\ud800" + 9 * "c", longest=10)
    'a?[31mb?cc ...'
    """
    short = text if len(text) <= longest else text[:longest] + " ..."
    return "".join(
        "?" if unicodedata.category(letter)[0] == "C" and letter != "\n" else letter
        for letter in short
    )


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a question about the name most like a missing one, or nothing.

    Examples
    --------
    >>> nearest("to_kcal", ["to_kcals", "np"])
    '; is it to_kcals?'
    """
    found = difflib.get_close_matches(name, names, n=1)
    return f"; is it {found[0]}?" if found else ""
