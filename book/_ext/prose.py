"""Sphinx extension: a chapter has its text from NAME.md, and its outputs from NAME.ipynb.

In the notebook, citations and links are links to the web, for it may lie alone. In the source they
are what Sphinx understands: the site keeps its citations, and its links stay within it. Boxes that
are asides stand in the margin of the site, where there is one.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import jupytext
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

ASIDE = re.compile(r"(?:^|(?<=\n))> \*\*(?:History|If you know PyTorch)\.\*\*.*(?:\n>.*)*")
"""A box that is no part of the argument."""


def take_prose(app: Sphinx, docname: str, content: list[str]) -> None:
    """Replace the Markdown cells of a notebook that is read by those of its source."""
    notebook = Path(app.env.doc2path(docname))
    source = notebook.with_suffix(".md")
    if notebook.suffix != ".ipynb" or not source.exists():
        return
    app.env.note_dependency(str(source))
    content[0] = with_prose(content[0], source.read_text("utf-8"), docname)


def with_prose(notebook: str, source: str, name: str) -> str:
    """Return the JSON of a notebook with the text of its source.

    Raises
    ------
    ExtensionError
        If the two have not the same kinds of cells.
    """
    found = json.loads(notebook)
    cells = jupytext.reads(source, fmt="md:myst").cells
    if [cell["cell_type"] for cell in found["cells"]] != [cell.cell_type for cell in cells]:
        raise ExtensionError(
            f"{name}.ipynb is not made from {name}.md: for details, run `make check`"
        )
    for cell, ours in zip(found["cells"], cells, strict=True):
        if ours.cell_type == "markdown":
            cell["source"] = ASIDE.sub(_in_the_margin, ours.source)
    return json.dumps(found)


def _in_the_margin(box: re.Match[str]) -> str:
    text = re.sub(r"^> ?", "", box[0], flags=re.MULTILINE)
    return f"````{{margin}}\n{text}\n````"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the event at which Sphinx has read a file and not yet parsed it."""
    app.connect("source-read", take_prose)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
