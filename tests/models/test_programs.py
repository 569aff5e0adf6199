"""Compiled programs are found by the next process, and never stand in anybody's way."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from limits import HANG

from qm9lib.models import programs

PROCESS = """
import sys
import jax
import jax.numpy as jnp
from qm9lib.models import programs

programs._processor = lambda: sys.argv[1]
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
programs.keep()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
print(float(jax.jit(lambda x: (jnp.sin(x) @ x).sum())(jnp.ones((3, 3)))))
print(events.count("/jax/compilation_cache/cache_hits"), programs.size())
"""


def start(cache: Path, processor: str = "this one", **environment: str) -> subprocess.Popen[str]:
    """Start a process that compiles a little."""
    kept = {name: value for name, value in os.environ.items() if "COMPILATION_CACHE" not in name}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROCESS, processor],
        env={**kept, "QM9LIB_CACHE": str(cache), **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def told(process: subprocess.Popen[str]) -> tuple[int, int]:
    """Return how many programs a process has found, and the bytes kept; the rest must be right."""
    output, messages = process.communicate(timeout=HANG)
    assert (process.returncode, messages) == (0, "")
    value, numbers = output.splitlines()
    assert float(value) == pytest.approx(27 * 0.8414709848, rel=1e-6)
    hits, size = map(int, numbers.split())
    return hits, size


def test_the_next_process_finds_what_this_one_compiled(tmp_path: Path) -> None:
    hits, size = told(start(tmp_path))
    assert hits == 0 and size > 0
    again, size_again = told(start(tmp_path))
    assert again > 0 and size_again == size
    # A processor of another kind may lack instructions that the program has.
    assert told(start(tmp_path, "another"))[0] == 0
    assert len(list(tmp_path.glob("programs-*"))) == 2


@pytest.mark.timing
def test_four_processes_at_once(tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(start(tmp_path)) for _ in range(4)]
        for process in processes:
            stack.callback(process.kill)
        for process in processes:
            assert told(process)[1] > 0
    assert told(start(tmp_path))[0] > 0


def test_jax_is_obeyed(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    assert told(start(ours, JAX_ENABLE_COMPILATION_CACHE="false")) == (0, 0)
    assert told(start(ours, JAX_COMPILATION_CACHE_DIR=str(theirs))) == (0, 0)
    assert not ours.exists() and any(theirs.glob("*-cache"))


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    assert told(start(file / "cache")) == (0, 0)
    assert told(start(Path("/proc/nowhere"))) == (0, 0)


def test_damaged_programs_are_compiled_anew(tmp_path: Path) -> None:
    told(start(tmp_path))
    (kept,) = tmp_path.glob("programs-*")
    for program in kept.glob("*-cache"):
        program.write_bytes(program.read_bytes()[:100])
    assert told(start(tmp_path))[0] == 0
    assert all(program.stat().st_size == 100 for program in kept.glob("*-cache"))
    # A process that was killed while it wrote leaves a program that JAX has not dated.
    for date in kept.glob("*-atime"):
        date.unlink()
    assert told(start(tmp_path))[0] == 0
    assert told(start(tmp_path))[0] > 0


def test_size_counts_programs_of_all_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QM9LIB_CACHE", str(tmp_path))
    assert programs.size() == 0
    for name, size in (("programs-a/x-cache", 3), ("programs-b/y-cache", 4), ("other/z-cache", 5)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(bytes(size))
    assert programs.size() == 7
    assert programs.folder().parent == tmp_path
