"""Sphinx extension: "suggest edit" leads to a chapter's source, NAME.md, not to NAME.ipynb."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def link_source(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Turn the theme's edit button of a notebook page to the Markdown file beside it."""
    groups = context.get("header_buttons", [])
    for button in [button for group in groups for button in group.get("buttons", [group])]:
        if button.get("label") == "source-edit-button":
            button["url"] = button["url"].removesuffix(".ipynb").removesuffix(".md") + ".md"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect after the theme has made its buttons, which it does at priority 501."""
    app.connect("html-page-context", link_source, priority=502)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
