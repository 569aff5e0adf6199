"""Scripts and styles of a single page, for the extensions that fill one."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx


def add(app: Sphinx, doctree: nodes.document | None, marked: str, name: str) -> None:
    """Give ``NAME.js`` and ``NAME.css`` to a page that has a container of class ``marked``.

    To no other page; and before the script what all such scripts share.
    """
    if doctree is not None and any(
        marked in node["classes"] for node in doctree.findall(nodes.container)
    ):
        for script in ("page.js", f"{name}.js"):
            app.add_js_file(script, loading_method="defer")
        app.add_css_file(f"{name}.css")
