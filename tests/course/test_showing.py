"""How an outcome is shown: in a terminal, in a notebook, and where nothing but text will do."""

from __future__ import annotations

import io
import os
import re

import nbformat
import pytest

import notebooks
from qm9course import check, progress, showing

LINES = [
    ("", "labels: 1 of 3 right", ""),
    ("right", "  1.1  right", "        One"),
    ("wrong", "  1.2  wrong", "        Two"),
    ("error", "  1.3  error", "        Three"),
    ("not checked", "  1.4  not checked", "  Four"),
]


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self, encoding: str = "utf-8", tty: bool = True) -> None:
        super().__init__(io.BytesIO(), encoding)
        self.isatty = lambda: tty  # type: ignore[method-assign]

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]


def shown(monkeypatch: pytest.MonkeyPatch, stream: Terminal, **environment: str) -> str:
    """Return what is written to a stream in an environment."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        showing.show(LINES)
    return stream.text()


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": ""}, {"TERM": "xterm"}])
def test_terminal_gets_marks_and_colours(monkeypatch, environment):
    assert shown(monkeypatch, Terminal(), **environment).splitlines() == [
        "labels: 1 of 3 right",
        "\x1b[1;32m✓ 1.1  right\x1b[0m        One",
        "\x1b[1;31m✗ 1.2  wrong\x1b[0m        Two",
        "\x1b[1;31m✗ 1.3  error\x1b[0m        Three",
        "  1.4  not checked  Four",
    ]


@pytest.mark.parametrize(
    ("stream", "environment"),
    [
        ({}, {"NO_COLOR": "1"}),
        ({}, {"TERM": "dumb"}),
        ({"tty": False}, {}),
        ({"encoding": "ascii"}, {}),
        ({"encoding": "latin-1"}, {}),
        ({"encoding": "cp1252"}, {}),
    ],
    ids=str,
)
def test_words_alone_where_more_is_not_wanted_or_not_possible(monkeypatch, stream, environment):
    text = shown(monkeypatch, Terminal(**stream), **environment)
    assert text.splitlines() == [head + rest for _, head, rest in LINES]


def test_old_console_of_windows_gets_words_alone(monkeypatch):
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.delenv("WT_SESSION", raising=False)
    assert "\x1b" not in shown(monkeypatch, Terminal())
    assert "\x1b[1;32m✓" in shown(monkeypatch, Terminal(), WT_SESSION="1")


def test_stream_that_is_none_or_strange_is_no_terminal():
    assert not showing.colourful(None)
    assert not showing.colourful(object())


def brightness(colour: str) -> float:
    """Relative luminance, as the guidelines for accessible pages (WCAG) define it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_badges_have_their_own_ground_and_enough_contrast():
    """So they can be read on any page, light or dark."""
    for mark in "✓✗":
        style = showing.NOTEBOOK[mark]
        ground = re.search(r"background-color: (#[0-9a-f]{6})$", style)[1]
        assert "; color: #fff;" in style
        assert 1.05 / (brightness(ground) + 0.05) >= 4.5
    assert "color" not in showing.NOTEBOOK[""]


def test_html_says_the_same_and_quotes_what_students_wrote():
    text = showing.html([("error", "1.1 error", ": <b> & \n  in f, line 3: return a < b")])
    assert "✗ 1.1 error</span>: &lt;b&gt; &amp;\n  in f, line 3: return a &lt; b</pre>" in text


def test_lines_fit_the_page_with_their_mark():
    text = showing.plain([("right", "1.1 right", ": " + "word " * 40)], marks=True)
    assert max(map(len, text.splitlines())) <= 84


CELL = """
from qm9course import check, progress
check("1.1", lambda energy: 627.5095 * energy)
check("1.2", lambda atomic_numbers, total, references: total)
"""


@pytest.mark.parametrize("no_color", ["", "1"])
def test_cell_of_a_notebook_gets_badges_and_text(tmp_path, no_color):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    environment = {**os.environ, **notebooks.ENVIRONMENT, "NO_COLOR": no_color}
    notebooks.client(notebook, tmp_path).execute(env=environment)
    outputs = notebook.cells[0].outputs
    if no_color:
        text = "".join(output.text for output in outputs)
        assert re.match(r"1\.1 right: .*\n(.*\n)*1\.2 wrong: ", text)
        return
    right, wrong = (output.data for output in outputs)
    assert right["text/plain"].startswith("✓ 1.1 right: ")
    assert f'<span style="{showing.NOTEBOOK["✓"]}">✓ 1.1 right</span>: ' in right["text/html"]
    assert wrong["text/plain"].startswith("✗ 1.2 wrong: ")
    assert f'<span style="{showing.NOTEBOOK["✗"]}">✗ 1.2 wrong</span>: ' in wrong["text/html"]


def test_check_and_progress_mark_what_they_tell(monkeypatch):
    monkeypatch.setattr("qm9course._outcomes", {})
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    stream = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        check("1.1", lambda energy: 627.5095 * energy)
        progress()
    first, *rest = stream.text().splitlines()
    assert first.startswith("\x1b[1;32m✓ 1.1 right\x1b[0m: 1 hartree")
    assert "\x1b[1;32m✓ 1.1  right\x1b[0m        Hartree to kcal/mol" in rest
    assert "  1.2  not checked  Atomization enthalpy" in rest
