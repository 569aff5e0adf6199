"""Sphinx extension: formulas are drawn by KaTeX while the book is built; pages need no script.

One Node process draws all formulas of a build. It starts with the first of them, is spoken to over
its standard input and output, and ends when its input does: there is no address to find, nothing
to wait for but the answer, and a process that dies shows as the end of its output.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from docutils import nodes
from npm import node, packages
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.locale import _
from sphinx.util.logging import get_node_location
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

SCRIPT = Path(__file__).with_suffix(".js")


class FormulaError(ExtensionError):
    """A formula could not be drawn."""


class Painter:
    """A Node process that draws formulas.

    Parameters
    ----------
    katex
        KaTeX's script.
    """

    def __init__(self, katex: Path) -> None:
        if not katex.is_file():
            raise ExtensionError(f"{katex} is missing: run `make book`, or see CONTRIBUTING.md")
        self.process = subprocess.Popen(
            [node(), str(SCRIPT), str(katex.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def draw(self, latex: str, display: bool) -> str:
        """Return a formula as HTML.

        Parameters
        ----------
        latex
            The formula.
        display
            Whether it has a line of its own.

        Raises
        ------
        FormulaError
            If KaTeX refuses it, or Node has ended.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        options = {"displayMode": display, "throwOnError": True, "strict": "error"}
        request = {"latex": latex, "options": options}
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line.endswith("\n"):
            self.close()
            raise FormulaError(f"Node ended with status {self.process.returncode}")
        answer = json.loads(line)
        if "error" in answer:
            raise FormulaError(answer["error"])
        return str(answer["html"])

    def close(self) -> None:
        """End the process, which has nothing to do when its input ends."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended before, and left a request unread
        self.process.stdout.close()
        self.process.wait()


class Formulas:
    """The formulas of a build.

    A process that Sphinx forks to write pages side by side must not read the answers to another
    one, so each has a painter of its own. That of a fork ends with the fork.
    """

    def __init__(self) -> None:
        self.painters: dict[int, Painter] = {}

    def html(self, translator: HTML5Translator, node: nodes.math | nodes.math_block) -> str:
        """Draw the formula of a node; what goes wrong is told with page and formula."""
        latex = node.astext()
        try:
            if os.getpid() not in self.painters:
                app = translator.builder.app
                katex = packages(app) / "katex" / "dist" / "katex.min.js"
                self.painters[os.getpid()] = Painter(katex)
            return self.painters[os.getpid()].draw(latex, isinstance(node, nodes.math_block))
        except FormulaError as error:
            page = get_node_location(node) or translator.builder.current_docname
            formula = " ".join(latex.split())
            raise FormulaError(f"{page}: cannot draw the formula {formula} ({error})") from error

    def end(self, app: Sphinx, exception: Exception | None) -> None:
        """End the process, if there is one."""
        if painter := self.painters.pop(os.getpid(), None):
            painter.close()


Visitor = Callable[[HTML5Translator, nodes.Element], None]


def visitors(formulas: Formulas) -> tuple[Visitor, Visitor]:
    """Return what writes a formula in the text, and one on a line of its own."""

    def visit_math(self: HTML5Translator, node: nodes.math) -> None:
        self.body.append(self.starttag(node, "span", "", CLASS="math"))
        self.body.append(formulas.html(self, node) + "</span>")
        raise nodes.SkipNode

    def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
        self.body.append(self.starttag(node, "div", CLASS="math"))
        if node["number"]:
            self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
            self.add_permalink_ref(node, _("Permalink to this equation"))
            self.body.append("</span>")
        self.body.append(formulas.html(self, node) + "</div>")
        raise nodes.SkipNode

    return visit_math, visit_math_block


def add_styles(app: Sphinx) -> None:
    """Let pages have KaTeX's style sheet, which lean_pages copies, and ours."""
    app.add_css_file("katex/katex.min.css")
    app.add_css_file("formulas.css")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer ``katex``; choose it with ``html_math_renderer``."""
    formulas = Formulas()
    inline, block = visitors(formulas)
    app.add_html_math_renderer("katex", (inline, None), (block, None))
    app.connect("builder-inited", add_styles)
    app.connect("build-finished", formulas.end)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
