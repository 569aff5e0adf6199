"""The process of one student: run the notebook, then call its answers as the judge asks.

Only the grader starts it (`qm9course.student`). Nothing is judged here: whatever the code of a
notebook does to this process changes the results of its own answers, and nothing else.
"""

from __future__ import annotations

import os
import pickle
import re
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

import qm9course
from qm9course import checking, student, wire
from qm9course.diagnosis import describe


def main() -> None:
    """Run the cells of the job, then answer calls until the grader has no more."""
    # Ours alone: kept from what a notebook prints, asks for or starts.
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    job = _receive(requests)
    _die_with_the_grader()
    _limit_memory(job["memory"])
    # It takes a second, charged to no answer; the setup cell names matplotlib but draws nothing.
    if any(re.search(r"\b(plots|pyplot|pylab)\b", cell) for cell in job["cells"]):
        import matplotlib.pyplot  # noqa: F401
    from IPython.core.interactiveshell import InteractiveShell

    class Shell(InteractiveShell):
        def enable_gui(self, gui: str | None = None) -> None:
            """Do nothing, as nothing is shown; `%matplotlib inline` calls this."""

    # Kept by value, since a notebook may change the modules.
    write, flush, dumps, spent = replies.write, replies.flush, wire.dumps, student.spent

    def tell(**event: Any) -> None:
        write(dumps(event))
        flush()

    known = {exercise.name: exercise for exercise in qm9course.exercises(job["chapter"])}
    # The answers are called below, whatever the notebook's own checks say or have become.
    qm9course.check = lambda name, answer: None
    shell = Shell.instance()
    functions = [exercise.function for exercise in known.values()]
    answers: dict[str, Any] = {}
    for number, cell in enumerate(job["cells"]):
        if not cell.strip():
            continue
        tell(begins=number)
        with _limited(job["seconds"], spent):
            error = _run(shell, cell)
            if error is not None and not isinstance(error, SystemExit):
                tell(failed=number, error=f"{checking.kind_of(error)}: {error}"[:500])
        # A later cell may use the name of an answer for a number.
        answers |= {name: value for name in functions if callable(value := shell.user_ns.get(name))}
    tell(
        functions=[name for name in functions if name in answers],
        others={
            name: describe(shell.user_ns[name])[:200]
            for name in functions
            if name in shell.user_ns and name not in answers
        },
        names=[name for name, value in shell.user_ns.items() if callable(value)][:10_000],
    )
    guarded = checking.guarded
    while (request := _receive(requests)) is not None:
        exercise = known[request["name"]]
        tell(**_call(guarded(answers[exercise.function], exercise), request, job, spent))


def _run(shell: Any, cell: str) -> BaseException | None:
    """Run a cell; return the error that stopped it, if any."""
    streams = sys.stdout, sys.stderr
    try:
        result = shell.run_cell(cell, store_history=False, silent=True)
    except Exception as error:  # IPython's own, as when a cell has taken its streams away
        return error
    finally:
        sys.stdout, sys.stderr = streams
    return result.error_before_exec or result.error_in_exec


def _call(
    answer: Callable[..., Any],
    request: dict[str, Any],
    job: dict[str, Any],
    spent: Callable[[float, float], float],
) -> dict[str, Any]:
    """Call an answer; return the message that reports the result."""
    answered: dict[str, Any] = {"reply": request["number"]}
    arguments = request["arguments"]
    before = [x.copy() if isinstance(x, np.ndarray) else None for x in arguments]
    try:
        with _limited(job["seconds"], spent):
            answered["value"] = wire.encode(answer(*arguments))
    except checking.NotAttemptedError:
        answered["untouched"] = True
    except checking.StoppedError as stopped:
        answered["stopped"] = str(stopped)[:2000]
    except (
        Exception,
        SystemExit,
    ) as error:  # raised, or out of time, while its result was examined
        answered["stopped"] = (
            f"its result cannot be passed to the grader ({checking.kind_of(error)})"
        )
    answered["changes"] = {
        str(index): wire.encode(now.calls if isinstance(now, wire.Counted) else now)
        for index, (now, then) in enumerate(zip(arguments, before, strict=True))
        if isinstance(now, wire.Counted)
        or (then is not None and then.tobytes() != np.asarray(now).tobytes())
    }
    return answered


def _receive(requests: Any) -> Any:
    """Return the next request, or None at the end."""
    head = requests.read(8)
    if len(head) < 8:
        return None
    return pickle.loads(requests.read(struct.unpack("<Q", head)[0]))


def _die_with_the_grader() -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _limit_memory(gigabytes: float) -> None:
    if sys.platform == "linux":
        import resource

        size = int(gigabytes * 1e9)
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # nor may a file fill the disk
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@contextmanager
def _limited(seconds: float, spent: Callable[[float, float], float]) -> Iterator[None]:
    """Interrupt code that takes longer, again and again, if the system can."""
    limit, waited, computed = seconds, time.monotonic(), time.process_time()

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal limit
        if spent(time.monotonic() - waited, time.process_time() - computed) >= limit:
            limit += 1.0  # for reporting the interruption, which must not be interrupted
            raise TimeoutError(f"it took more than {seconds:.0f} s")

    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


if __name__ == "__main__":
    main()
