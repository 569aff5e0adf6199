"""Progress bars: lively on a terminal and in a notebook, rare lines in a log."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import termios
import time

import pytest
from limits import HANG

from qm9lib import progress

MANY = """
import time
from qm9lib import progress
with progress.bar(total=1000) as bar:
    for _ in range(1000):
        time.sleep(0.001)
        bar.update()
"""


@pytest.fixture(autouse=True)
def _bars_are_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)


@pytest.mark.timing
def test_a_log_gets_few_lines() -> None:
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", MANY], stderr=subprocess.PIPE, text=True, timeout=HANG
    )
    assert done.returncode == 0 and "1000/1000" in done.stderr
    # One at the start, one at the end, and one in 30 s however long it took.
    most = 2 + (time.monotonic() - start) / progress.SECONDS_IN_A_LOG
    assert done.stderr.count("/1000 ") <= most


@pytest.mark.timing
def test_a_terminal_gets_many() -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen([sys.executable, "-c", MANY], stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 10_000):
                shown += piece
        except OSError:  # how Linux tells that the other end is closed
            pass
        assert process.wait(timeout=HANG) == 0
    os.close(ours)
    assert shown.count(b"/1000 ") > 3


def test_a_notebook_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    OutStream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    monkeypatch.setattr(sys, "stderr", OutStream())
    assert progress.watched()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not progress.watched()
