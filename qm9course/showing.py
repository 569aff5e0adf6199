"""How it is shown what came of an answer: a mark and a colour where they can be seen.

The word that says the same is always there. Where nobody looks, as in a file, or where colours are
not wanted (``NO_COLOR``) or not possible, there is only the word.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

from qm9course.checking import wrapped

MARKS: Mapping[str, str] = {"right": "✓", "wrong": "✗", "error": "✗"}
"""Marks of outcomes; the others are neither right nor wrong."""

TERMINAL: Mapping[str, str] = {"✓": "\x1b[1;32m", "✗": "\x1b[1;31m"}
"""Green and red of the terminal's own choice, bold."""

BLOCK = (
    "font-family: var(--pst-font-family-monospace, monospace); "
    "white-space: pre-wrap; line-height: 1.5"
)
"""Of the whole text: columns stay in line, in the type of the site or of the notebook."""

BADGE = "padding: 0 0.3em; border-radius: 0.25em; color: #fff; background-color: "
NOTEBOOK: Mapping[str, str] = {
    "✓": BADGE + "#1a7f37",
    "✗": BADGE + "#c5222e",
    "": "padding: 0 0.3em",  # what comes behind is in line
}
"""White letters on a ground of their own can be read on a light page and on a dark one."""

PAGE: Callable[[str], None] | None = None
"""Shows HTML in the page where Python runs in one; elsewhere there is none."""

Line = tuple[str, str, str]
"""The outcome that a line tells of, or nothing; its beginning, which is marked; and the rest."""


def show(lines: Iterable[Line]) -> None:
    """Print lines, with marks and colours if whoever reads them can see these.

    Examples
    --------
    >>> show([("right", "1.1 right", ": well done")])
    1.1 right: well done
    """
    lines = list(lines)
    stream = sys.stdout
    if os.environ.get("NO_COLOR"):
        print(plain(lines))
    elif PAGE is not None:
        PAGE(html(lines))
    elif type(stream).__module__.startswith("ipykernel"):  # the output of a notebook's cell
        from IPython.display import display

        display({"text/plain": plain(lines, marks=True), "text/html": html(lines)}, raw=True)
    elif colourful(stream):
        print(_text(lines, lambda mark, head: f"{TERMINAL[mark]}{head}\x1b[0m" if mark else head))
    else:
        print(plain(lines))


def colourful(stream: Any) -> bool:
    """Return whether a stream is a terminal that knows colours and can print the marks."""
    if not getattr(stream, "isatty", bool)() or os.environ.get("TERM") == "dumb":
        return False
    if sys.platform == "win32" and "WT_SESSION" not in os.environ:
        return False  # an old console would show the codes
    try:
        "".join(MARKS.values()).encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def plain(lines: Iterable[Line], *, marks: bool = False) -> str:
    """Return lines without colours, and with marks if these are wanted.

    Examples
    --------
    >>> print(plain([("", "labels", ""), ("wrong", "  1.1 wrong", "")], marks=True))
    labels
    ✗ 1.1 wrong
    """
    return _text(lines, lambda mark, head: head, marks=marks)


def html(lines: Iterable[Line]) -> str:
    """Return lines as HTML that a notebook shows, on the site as well.

    Examples
    --------
    >>> html([("right", "1.1 right", ": 1 < 2")])
    '<pre class="qm9-outcome" ...✓ 1.1 right</span>: 1 &lt; 2</pre>'
    """

    def badge(mark: str, head: str) -> str:
        return f'<span style="{NOTEBOOK[mark]}">{escape(head)}</span>' if head else ""

    text = _text(lines, badge, quote=escape)
    return f'<pre class="qm9-outcome" style="{BLOCK}">{text}</pre>'


def image(png: bytes | str, alt: str) -> str:
    """Return a PNG file, or its base64 as notebooks have it, as HTML with a text alternative.

    Examples
    --------
    >>> image(b"file", "1 < 2")
    '<img alt="1 &lt; 2" src="data:image/png;base64,ZmlsZQ==">'
    """
    text = base64.b64encode(png).decode() if isinstance(png, bytes) else png
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{text}">'


def _text(
    lines: Iterable[Line],
    paint: Callable[[str, str], str],
    *,
    marks: bool = True,
    quote: Callable[[str], str] = str,
) -> str:
    """Return lines, broken, with what `paint` makes of a mark and the head that begins with it."""
    found = []
    for outcome, head, rest in lines:
        mark = MARKS.get(outcome, "") if marks else ""
        if mark:
            head = f"{mark} {head.removeprefix('  ')}"  # in place of an indent
        broken = wrapped(head + rest)
        found.append(paint(mark, head) + quote(broken[len(head) :]))
    return "\n".join(found)
