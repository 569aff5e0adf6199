"""The grader's side of a student's process: start it, ask it, and end everything it has started.

Each notebook gets its own home, package folder and cache, which are deleted afterwards.
"""

from __future__ import annotations

import os
import queue
import secrets
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from qm9course import wire
from qm9course.checking import NotAttemptedError, StoppedError
from qm9lib.data import cache, files
from qm9lib.errors import DataError

_START = 60.0  # seconds that the process may take for its imports
_WAITING = 5.0  # times as long is allowed for code that waits without computing
_AT_ONCE = 0.05  # seconds; for faster replies, the processor's clock is not worth reading
_KEPT = ("PATH", "LANG", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""Variables that a notebook sees, besides some of JAX; others may hold the teacher's secrets."""

_GOODBYE = 20.0  # seconds that it may take to end after it has closed its pipe
_LARGEST = 64_000_000  # bytes of one message


class EndedError(Exception):
    """Raised if the process has gone, or breaks the rules; the message says how."""


def spent(waited: float, computed: float) -> float:
    """Return how many seconds of its limit something has used up.

    Processor time counts, so that nobody is marked down because of a busy machine; but never more
    than has passed, however many threads compute, and at least a part of that, so that code that
    sleeps is ended, too.

    Parameters
    ----------
    waited
        Seconds that have passed.
    computed
        Seconds of processor time.

    Examples
    --------
    >>> spent(10.0, 2.5), spent(10.0, 40.0), spent(10.0, 0.0)
    (2.5, 10.0, 2.0)
    """
    return max(min(waited, computed), waited / _WAITING)


class Student:
    """The process of one notebook, as a context manager: at its end, nothing is left.

    Parameters
    ----------
    chapter, cells
        The chapter of the exercises, and the code cells to run.
    seconds
        Limit for a single cell or answer.
    total
        Limit for all together, in seconds.
    memory
        Limit in GB.
    sandbox
        Whether to run it in bubblewrap.

    Attributes
    ----------
    used
        Seconds used up so far.
    """

    def __init__(
        self, chapter: str, cells: Sequence[str], seconds: float, total: float, memory: float,
        sandbox: bool = False,
    ) -> None:  # fmt: skip
        self.used = 0.0
        self._job = {"chapter": chapter, "cells": [*cells], "seconds": seconds, "memory": memory}
        self._seconds, self._total, self._sandbox = seconds, total, sandbox
        self._computed = 0.0  # processor time when the last message came
        # Threads do the reading and writing, so a process that does neither cannot stop the grader.
        self._lines: queue.Queue[bytes | EndedError | None] = queue.Queue(maxsize=100)
        self._threads: list[threading.Thread] = []
        self._number = 0
        self._before: set[int] = set()

    def __enter__(self) -> Student:
        self._before = _descendants(os.getpid(), _table())
        _adopt(True)
        self._folder = tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True)
        try:
            self._start(Path(self._folder.name))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _start(self, folder: Path) -> None:
        python, environment = _home(folder)
        command = [str(python), "-m", "qm9course.child"]
        if self._sandbox:
            command = [*sandboxed(folder), *command]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            cwd=folder / "work", env=environment, start_new_session=True, bufsize=0,
        )  # fmt: skip
        self._in_a_thread(self._read)
        self._send(self._job)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        place: TracebackType | None,
    ) -> None:
        if (process := self.__dict__.get("_process")) is not None:
            _end(process, self._before)
            while any(thread.is_alive() for thread in self._threads) and self._lines.full():
                _drain(self._lines)  # the reader is waiting for a free place
            for thread in self._threads:
                thread.join(_GOODBYE)
            process.stdin.close()
            process.stdout.close()
        _adopt(False)
        self._folder.cleanup()

    def _in_a_thread(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _read(self) -> None:
        assert self._process.stdout is not None
        line = bytearray()
        while chunk := self._process.stdout.read(1 << 16):
            *lines, rest = chunk.split(b"\n")
            for part in lines:
                self._lines.put(bytes(line + part))
                line.clear()
            line += rest
            if len(line) > _LARGEST:
                self._lines.put(EndedError(f"sent more than {_LARGEST:,} bytes"))
                return
        self._lines.put(None)

    def receive(self) -> dict[str, Any]:
        """Return the next message.

        Raises
        ------
        EndedError
            If none arrives in time, the process has ended, or what arrives is not a message.
        """
        started = time.monotonic()
        step = 2 * self._seconds + (0.0 if self.used else _START)
        ended = False
        while True:
            try:
                line = self._lines.get(timeout=0.1)
                break
            except queue.Empty:
                took = self._took(started)
            if ended:  # and something it started keeps its pipe open
                raise EndedError(self._ending())
            ended = self._process.poll() is not None
            # The process interrupts code that takes too long; this is for code that goes on anyway.
            if took > step or self.used + took > self._total:
                self.used += took
                raise EndedError("took too long")
        self.used += self._took(started)
        if time.monotonic() - started >= _AT_ONCE:
            self._computed = _computed(self._process.pid)
        if self.used > self._total:
            raise EndedError("took too long")
        if isinstance(line, EndedError):
            raise line
        if line is None:
            raise EndedError(self._ending())
        try:
            return wire.loads(line)
        except wire.WireError as error:
            raise EndedError(f"wrote to the grader's pipe: {error}") from error

    def _took(self, started: float) -> float:
        waited = time.monotonic() - started
        if waited < _AT_ONCE:
            return waited
        return spent(waited, _computed(self._process.pid) - self._computed)

    def answer(self, name: str) -> Callable[..., Any]:
        """Return an answer, for a judge, as a function that is called in the process."""

        def call(*arguments: Any) -> Any:
            self._number += 1
            number = f"{self._number}-{secrets.token_hex(8)}"
            self._send({"name": name, "number": number, "arguments": arguments})
            message = self.receive()
            try:
                if message.get("reply") != number:
                    raise wire.WireError("a reply to a question that was not asked")
                if message.get("untouched") is True:
                    raise NotAttemptedError
                if "stopped" in message:
                    raise StoppedError(str(message["stopped"]))
                wire.update(arguments, message.get("changes"))
                return wire.decode(message.get("value"))
            except wire.WireError as error:
                raise EndedError(f"wrote to the grader's pipe: {error}") from error

        return call

    def _send(self, message: object) -> None:
        data = wire.pack(message)
        self._in_a_thread(self._write, struct.pack("<Q", len(data)) + data)

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            view = memoryview(data)
            while view:
                view = view[self._process.stdin.write(view) :]
        except (BrokenPipeError, ValueError):
            pass  # it has ended, which the reader notices

    def _ending(self) -> str:
        """Return how a process that has fallen silent has ended."""
        try:
            code = self._process.wait(_GOODBYE)
        except subprocess.TimeoutExpired:
            return "closed the grader's pipe"
        if code >= 0:
            return f"ended the process with status {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:  # a signal without a name
            name = f"signal {-code}"
        guess = {"SIGKILL": ": too much memory?", "SIGSEGV": ": a fault of a compiled library?"}
        return f"was killed by the system ({name}){guess.get(name, '')}"


def _drain(lines: queue.Queue[Any]) -> None:
    while not lines.empty():
        lines.get_nowait()


def _home(folder: Path) -> tuple[Path, dict[str, str]]:
    """Create the folders of a notebook; return its Python and its environment."""
    for name in ("home", "work", "tmp", "cache"):
        (folder / name).mkdir()
    venv.EnvBuilder(symlinks=os.name != "nt", with_pip=False).create(folder / "python")
    python = folder / "python" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # pip installs into this one, and cannot remove what is ours.
    (own,) = (folder / "python").rglob("site-packages")
    found = [*sys.path, str(Path(__file__).parents[1])]
    added = [p for p in found if "-packages" in p or not p.startswith(sys.base_prefix)]
    lines = [f"import site; site.addsitedir({p!r})" for p in added if os.path.isabs(p)]
    (own / "grader.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _link_data(folder / "cache")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(("LC_", "XLA_", "JAX_PLATFORM", "OMP_"))
    }
    home = str(folder / "home")
    return python, {
        **kept, "HOME": home, "USERPROFILE": home, "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": f"{home}/.cache", "XDG_CONFIG_HOME": f"{home}/.config",
        "XDG_DATA_HOME": f"{home}/.local/share", "IPYTHONDIR": f"{home}/.ipython",
        "MPLCONFIGDIR": f"{home}/.matplotlib", "QM9LIB_CACHE": str(folder / "cache"),
        "MPLBACKEND": "agg", "TQDM_DISABLE": "1", "PYTHONNOUSERSITE": "1",
    }  # fmt: skip


def _link_data(folder: Path) -> None:
    """Let a notebook find the molecules that are here, and keep everything else separate."""
    for kind in cache.KINDS:
        path = cache.arrays_path(kind)
        if path.is_file():
            (folder / path.name).symlink_to(path)


def check_sandbox() -> None:
    """Make sure that bubblewrap works here.

    Raises
    ------
    DataError
        If it is not installed, or the system does not allow what it does.
    """
    with tempfile.TemporaryDirectory() as folder:
        python, environment = _home(Path(folder))
        command = [*sandboxed(Path(folder)), str(python), "-c", "import qm9course.child"]
        done = subprocess.run(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
            text=True,
        )  # fmt: skip
    if done.returncode:
        raise DataError(f"bubblewrap does not work here: {' '.join(done.stderr.split())[-300:]}")


def sandboxed(folder: Path) -> list[str]:
    """Return the command line for bubblewrap: read-only system, no network, one writable folder.

    Raises
    ------
    DataError
        If bubblewrap is not installed.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise DataError(
            "--sandbox needs bubblewrap (bwrap), on Linux: install your system's package bubblewrap"
        )
    # Everything Python needs, but not the folder that the grader was started in.
    packages = Path(__file__).parent, Path(files.__file__).parents[1]
    seen = {sys.prefix, sys.base_prefix, *map(str, packages)}
    seen |= {path for path in sys.path if "-packages" in path and os.path.isdir(path)}
    if files.cache_folder().is_dir():
        seen.add(str(files.cache_folder()))
    command = [program, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    hidden = {tempfile.gettempdir(), "/tmp", "/var/tmp", str(Path.home())} - {"/"}
    for path in sorted(hidden):
        if os.path.isdir(path):
            command += ["--tmpfs", os.path.realpath(path)]
    for path in sorted(seen):
        command += ["--ro-bind", os.path.realpath(path), path]
    return [
        *command, "--bind", str(folder), str(folder), "--unshare-all", "--die-with-parent",
        "--new-session", "--cap-drop", "ALL", "--chdir", str(folder / "work"), "--",
    ]  # fmt: skip


# Processes, as Linux lists them; elsewhere only the group of the process is known ---------------


def _table() -> dict[int, tuple[int, float]]:
    """Return the parent and the processor time of every process."""
    found = {}
    for entry in os.scandir("/proc") if sys.platform == "linux" else ():
        if entry.name.isdecimal():
            try:
                text = Path(entry.path, "stat").read_text("utf-8", errors="replace")
            except OSError:  # it has ended meanwhile
                continue
            words = text.rpartition(")")[2].split()
            ticks = sum(map(int, words[11:15]))  # its own, and its children's that it waited for
            found[int(entry.name)] = int(words[1]), ticks / os.sysconf("SC_CLK_TCK")
    return found


def _descendants(process: int, table: dict[int, tuple[int, float]]) -> set[int]:
    found, new = set[int](), {process}
    while new:
        new = {number for number, (parent, _) in table.items() if parent in new} - found
        found |= new
    return found


def _computed(process: int) -> float:
    """Return the processor time of a process and of everything it has started."""
    if sys.platform != "linux":
        return time.monotonic()
    table = _table()
    family = {process, *_descendants(process, table)}
    return sum(seconds for number, (_, seconds) in table.items() if number in family)


def _adopt(orphans: bool) -> None:
    """Become, or stop being, the parent of processes whose own parent has ended."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(36, int(orphans), 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _end(process: subprocess.Popen[bytes], before: set[int]) -> None:
    """End a process and everything it has started, even in a session of its own."""
    if hasattr(os, "killpg"):
        _kill(process.pid, os.killpg)
    else:
        process.kill()
    process.wait()
    while left := _descendants(os.getpid(), _table()) - before:
        for number in left:
            _kill(number, os.kill)
            try:
                os.waitpid(number, os.WNOHANG)
            except ChildProcessError:  # not ours, or not yet
                pass
        time.sleep(0.01)


def _kill(number: int, how: Callable[[int, int], None]) -> None:
    try:
        how(number, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended
