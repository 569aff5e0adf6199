"""How the outcome of an answer is shown: with a mark and a colour, wherever they can be seen.

The word that says the same is always there. If nobody is watching, as with a file, or if colours
are unwanted (``NO_COLOR``) or impossible, there is only the word.
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
"""Green and red as chosen by the terminal, bold."""

BLOCK = (
    "font-family: var(--pst-font-family-monospace, monospace); "
    "white-space: pre-wrap; line-height: 1.5"
)
"""Style of the whole text: columns line up, in the typeface of the site or of the notebook."""

BADGE = "padding: 0 0.3em; border-radius: 0.25em; color: #fff; background-color: "
NOTEBOOK: Mapping[str, str] = {
    "✓": BADGE + "#1a7f37",
    "✗": BADGE + "#c5222e",
    "": "padding: 0 0.3em",  # so that what follows lines up
}
"""White letters on their own background are legible on light and dark pages."""

PAGE: Callable[[str], None] | None = None
"""Shows HTML in the page if Python runs in one; otherwise None."""

Line = tuple[str, str, str]
"""The outcome that a line reports, or nothing; its beginning, which is marked; and the rest."""


def show(lines: Iterable[Line]) -> None:
    """Print lines, with marks and colours if the reader can see them.

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
    """Return whether a stream is a terminal with colours that can print the marks."""
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
    """Return lines without colours, with marks on request.

    Examples
    --------
    >>> print(plain([("", "labels", ""), ("wrong", "  1.1 wrong", "")], marks=True))
    labels
    ✗ 1.1 wrong
    """
    return _text(lines, lambda mark, head: head, marks=marks)


def html(lines: Iterable[Line]) -> str:
    """Return lines as HTML for a notebook, and for the site.

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
    """Return a PNG file, or its base64 as in notebooks, as HTML with a text alternative.

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
    """Return wrapped lines, with each mark and the head that follows it as painted by `paint`."""
    found = []
    for outcome, head, rest in lines:
        mark = MARKS.get(outcome, "") if marks else ""
        if mark:
            head = f"{mark} {head.removeprefix('  ')}"  # in place of an indent
        broken = wrapped(head + rest)
        found.append(paint(mark, head) + quote(broken[len(head) :]))
    return "\n".join(found)
