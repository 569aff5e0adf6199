"""How a notebook holds a drawing: as an image, which is shown before anything has run.

JupyterLab, and previews on code hosts, drop SVG elements and scripts from outputs that they do not
trust, but keep an image with an embedded file. It has a white background, since it cannot know the
colours of the page. When the script of a trusted output runs, and on the pages of the book, the
drawing itself takes the image's place, and takes on the colours of the text around it.
"""

from __future__ import annotations

import base64
import html
import re
from functools import cache
from pathlib import Path

_CARD = "<style>svg:root{background:#fff}</style>"  # of a file; within a page, no SVG is the root
_START = '<img class="qm9-drawing" style="max-width:100%" src="data:image/svg+xml;base64,'

_IMAGE = re.compile(rf'{re.escape(_START)}([\w+/=]+)" alt="([^"]*)">')


def embedded(svg: str, alt: str) -> str:
    """Return a drawing as an HTML image with its file embedded.

    Parameters
    ----------
    svg
        The drawing, an SVG element with namespace, width and height.
    alt
        What it shows.

    Examples
    --------
    >>> image = embedded('<svg xmlns="http://www.w3.org/2000/svg" width="9"></svg>', "A < B")
    >>> image[:52], image[-16:]
    ('<img class="qm9-drawing" style="max-width:100%" src=', ' alt="A &lt; B">')
    """
    file = svg.replace(">", f">{_CARD}", 1).encode("ascii", "xmlcharrefreplace")
    return f'{_START}{base64.b64encode(file).decode("ascii")}" alt="{html.escape(alt)}">'


def inlined(page: str) -> str:
    """Replace images by the drawings themselves, and remove the script that would do so.

    Parameters
    ----------
    page
        HTML with images of `embedded`.

    Examples
    --------
    >>> inlined("<p>" + embedded('<svg width="9"></svg>', "A < B") + "</p>")
    '<p><svg role="img" aria-label="A &lt; B" width="9"></svg></p>'
    """
    page = page.replace(script(), "")
    return _IMAGE.sub(
        lambda image: (
            f'<svg role="img" aria-label="{image[2]}"'
            + base64.b64decode(image[1]).decode("ascii").replace(_CARD, "", 1)[4:]
        ),
        page,
    )


def script() -> str:
    """Return the script that does the same as `inlined` in a browser; it goes next to the images.

    It leaves other outputs alone, since they may not be trusted.
    """
    return f"<script>{shipped('embed.js')}</script>"


@cache
def shipped(name: str) -> str:
    """Return a file of the package without comments and indentation."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    lines = (re.sub(r"(^|\s)//.*", "", line).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)
