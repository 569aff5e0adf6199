"""Run what a slow or busy machine could break, on one: the tests marked `timing`, and builds.

All run at the same time, nicer than the endless loops that take the cores meanwhile: each gets a
small share of one core. Ends with 0 only if all have passed and the builds gave the same pages.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from notebooks import ROOT

# Ends with whoever started it, however and however soon that has ended.
LOOP = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    sum(range(10_000))"
MARK = "pytest.mark.timing"


@dataclass
class Job:
    """A command that runs beside others; what it prints goes to a file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    start: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    computed: float = 0.0
    status: int | None = None

    def look(self) -> None:
        """See whether the job has ended; note its status and times if so."""
        if self.status is not None:
            return
        pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        if pid:
            self.seconds = time.monotonic() - self.start
            self.computed = usage.ru_utime + usage.ru_stime
            self.status = self.process.returncode = os.waitstatus_to_exitcode(status)

    def end(self) -> None:
        """End the job, and what it has started in its group."""
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@contextlib.contextmanager
def busy(loops: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run so many endless loops while the ``with`` block runs."""
    running = []
    try:
        for _ in range(loops):
            command = [sys.executable, "-c", LOOP, str(os.getpid())]
            running.append(subprocess.Popen(command))
        yield running
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()


def run(commands: Mapping[str, Sequence[str]], folder: Path, loops: int, nice: int) -> list[Job]:
    """Run commands side by side, beside endless loops, and tell of each when it has ended.

    Parameters
    ----------
    commands
        By name.
    folder
        Where their messages go.
    loops
        Number of loops.
    nice
        How much nicer than the loops the commands are: each step takes a fifth of their share.
    """
    jobs: list[Job] = []
    told = 0
    with busy(loops):
        try:
            for name, command in commands.items():
                log = folder / f"{name.replace(' ', '-')}.log"
                with log.open("wb") as file:
                    process = subprocess.Popen(
                        ["nice", "-n", str(nice), *command],
                        stdin=subprocess.DEVNULL,
                        stdout=file,
                        stderr=subprocess.STDOUT,
                        cwd=ROOT,
                        process_group=0,  # to be ended with all that it starts
                    )
                jobs.append(Job(name, process, log))
            while told < len(jobs):
                time.sleep(0.2)
                for job in jobs:
                    before = job.status
                    job.look()
                    if job.status != before:
                        told += 1
                        print(line(job), flush=True)
        finally:
            for job in jobs:
                job.end()
    return jobs


def line(job: Job) -> str:
    """Tell how a job has ended: the slowdown is that of one that computes on one core."""
    slower = job.seconds / max(job.computed, 0.01)
    return (
        f"{job.name:12} {'failed' if job.status else 'passed'} after {job.seconds:6.0f} s, "
        f"{job.computed:5.0f} s of a processor: {slower:.1f} times slower"
    )


def pages(folder: Path) -> dict[str, bytes]:
    """Return the pages of a built site by their names."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*.html")
    }


def timing_tests(root: Path) -> list[str]:
    """Return the files that have marked tests: to collect all others takes longer than these."""
    files = sorted((root / "tests").rglob("test_*.py"))
    return [str(file) for file in files if MARK in file.read_text("utf-8")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--loops", type=int, default=8, help="endless loops for each core (default: %(default)s)"
    )
    parser.add_argument(
        "--nice", type=int, default=1,
        help="niceness of the tests relative to the loops; 19 would take days (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--builds", type=int, default=3, help="builds at once (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    # As with Ctrl-C, so that loops and jobs are ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="stress-") as name:
        folder = Path(name)
        book = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(ROOT), "--quiet"]
        sites = {f"build {n + 1}": folder / f"site-{n + 1}" for n in range(options.builds)}
        commands = {
            build: [*book, "--warningiserror", "--keep-going", "--path-output", str(site)]
            for build, site in sites.items()
        }
        tests = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", "--durations=0"]
        commands["tests"] = [*tests, "-m", "timing", *timing_tests(ROOT)]
        loops = options.loops * (os.cpu_count() or 1)
        print(f"{len(commands)} commands beside {loops} endless loops", flush=True)
        start = time.monotonic()
        jobs = run(commands, folder, loops, options.nice)
        failed = [job.name for job in jobs if job.status]
        for job in jobs:
            if job.status or job.name == "tests":
                print(f"\n== {job.name}\n{job.log.read_text('utf-8', errors='replace')}")
        if not failed:
            built = [pages(site / "_build" / "html") for site in sites.values()]
            if any(site != built[0] or not site for site in built):
                failed.append("the builds differ")
    print(f"{'failed: ' + ', '.join(failed) if failed else 'all passed'}, in "
          f"{(time.monotonic() - start) / 60:.1f} minutes")  # fmt: skip
    return int(bool(failed))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
