"""Sphinx extension: what a reader can take along, the PDFs and the zip of `make downloads`.

`make downloads` builds the book once to print it, and once more with the environment variable
``DOWNLOADS``, the folder of what came out. Then the directive ``downloads`` lists that, or some of
it, with sizes, and the files go into the site. Without it stands what the directive contains.
"""

from __future__ import annotations

import os
import shutil
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

WORDS = {
    "book-students.pdf": "the book as a PDF",
    "book-teachers.pdf": "the PDF for teachers, with solutions",
    "slides.zip": "slides of each chapter, to show and to print",
    "molecular-energies.zip": "all notebooks with the data, for a classroom without network",
}
"""What `make downloads` makes, in the order of the page."""


def files() -> list[Path]:
    """Return what there is to download; nothing unless the build was told where."""
    folder = os.environ.get("DOWNLOADS")
    return [Path(folder, name) for name in WORDS] if folder else []


class Downloads(SphinxDirective):
    """`{downloads}`: links to what can be taken along; its content where there is nothing.

    With names of files, to these alone.
    """

    has_content = True
    optional_arguments = len(WORDS)

    def run(self) -> list[nodes.Node]:
        """Return one paragraph with the links, or what the directive contains."""
        self.env.note_reread()
        if not (found := files()):
            return self.parse_content_to_nodes()
        if unknown := set(self.arguments) - set(WORDS):
            raise self.error(f"downloads has no {', '.join(sorted(unknown))}")
        links = [
            f'<a href="../downloads/{file.name}" download>{escape(WORDS[file.name])}</a> '
            f"({file.stat().st_size / 1e6:.0f} MB)"
            for file in found
            if file.name in self.arguments or not self.arguments
        ]
        title = "" if self.arguments else "<strong>Take it along.</strong> "
        html = f"<p>{title}Download {'; '.join(links)}.</p>"
        return [nodes.raw("", html, format="html")]


def copy(app: Sphinx, exception: Exception | None) -> None:
    """After the build: put the files into the site."""
    if exception is None and app.builder.format == "html" and files():
        target = Path(app.outdir) / "downloads"
        target.mkdir(exist_ok=True)
        for file in files():
            shutil.copyfile(file, target / file.name)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the steps of a build."""
    app.add_directive("downloads", Downloads)
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
