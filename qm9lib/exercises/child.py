"""Run one notebook and examine its answers: the child of `qm9lib.exercises.grade`.

The job comes as JSON on standard input. What happens goes to a file, a line of JSON at a time, so
that it remains whatever the notebook does.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any


def main() -> None:
    """Run the job."""
    report = Path(sys.argv[1]).open("a", encoding="utf-8", buffering=1)
    job = json.load(sys.stdin)
    sys.argv[1:] = []
    _limit_memory(job["memory"])
    from IPython.core.interactiveshell import InteractiveShell

    from qm9lib import exercises
    from qm9lib.exercises import checking, grade

    class Shell(InteractiveShell):
        def enable_gui(self, gui: str | None = None) -> None:
            """Nothing is shown; `%matplotlib inline` asks for this."""

    known = {exercise.name: exercise for exercise in exercises.exercises(job["chapter"])}
    examine, write, flush = checking.examine, report.write, report.flush
    spent = grade._spent

    def tell(**event: Any) -> None:
        write(json.dumps(event) + "\n")
        flush()

    # The answers are examined below, whatever the notebook's own checks say or have become.
    exercises.check = lambda name, answer: None
    shell = Shell.instance()
    functions = [exercise.function for exercise in known.values()]
    answers: dict[str, Any] = {}
    for number, cell in enumerate(job["cells"]):
        if not cell.strip():
            continue
        tell(begins=number)
        with _limited(job["seconds"], spent):
            result = shell.run_cell(cell, store_history=False, silent=True)
            error = result.error_before_exec or result.error_in_exec
            if error is not None and not isinstance(error, SystemExit):
                tell(failed=number, error=f"{checking.kind_of(error)}: {error}"[:200])
        # A later cell may use the name of an answer for a number.
        answers |= {name: value for name in functions if callable(value := shell.user_ns.get(name))}
    names = [name for name, value in shell.user_ns.items() if callable(value)]
    for name in job["answers"]:
        function = known[name].function
        tell(begins=name)
        if function not in answers and function not in shell.user_ns:
            reason = f"there is no {function}{grade.nearest(function, names)}"
            tell(name=name, status=grade.MISSING, message=reason)
            continue
        with _limited(job["seconds"], spent):
            outcome = examine(known[name], answers.get(function, shell.user_ns.get(function)))
        tell(name=name, status=outcome.status, message=outcome.message)
    tell(done=True)


def _limit_memory(gigabytes: float) -> None:
    if sys.platform == "linux":
        import resource

        size = int(gigabytes * 1e9)
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


@contextmanager
def _limited(seconds: float, spent: Callable[[float, float], float]) -> Iterator[None]:
    """Interrupt what takes longer, again and again, where the system can."""
    limit, waited, computed = seconds, time.monotonic(), time.process_time()

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal limit
        if spent(time.monotonic() - waited, time.process_time() - computed) >= limit:
            limit += 1.0  # for what tells of the interruption: that must not be interrupted
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
