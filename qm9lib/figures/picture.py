"""A figure with a text alternative, as SVG that suits a light or a dark page."""

from __future__ import annotations

import hashlib
import html
import io
import re
from xml.etree import ElementTree

from matplotlib.figure import Figure
from matplotlib.legend import Legend

from qm9lib.figures.embed import embedded, script
from qm9lib.figures.style import styled


class Picture:
    """A figure with a text alternative and a caption, shown in notebooks and on the page.

    Black lines and text take the colour of the page's text, and the page's background shows
    through. A notebook that is not trusted shows them in black on white.

    Parameters
    ----------
    figure
        The figure; it is drawn immediately.
    alt
        What the figure shows, in a sentence or two, for those who cannot see it. Its numbers should
        be computed.
    caption
        What to look at, for all readers; plain text below the figure. Every figure of the book has
        one.

    Raises
    ------
    ValueError
        If the text alternative is empty.

    Examples
    --------
    >>> from qm9lib.figures.style import axes
    >>> figure, (ax,) = axes()
    >>> picture = Picture(figure, "Two empty axes.", caption="Nothing to see & nothing to miss.")
    >>> picture
    [figure] Two empty axes.
    >>> picture.html.partition("<script>")[0][-62:]
    '<figcaption>Nothing to see &amp; nothing to miss.</figcaption>'
    """

    @styled
    def __init__(self, figure: Figure, alt: str, *, caption: str = "") -> None:
        if not alt.strip():
            raise ValueError("a picture needs a text alternative: say what it shows")
        self.figure = figure
        self.alt = alt
        self.caption = caption
        for box in figure.findobj(Legend):
            box.set_frame_on(False)  # a white one would hide light text on a dark page
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", dpi=150)
        self.svg = _adaptable(buffer.getvalue().decode("utf-8"))

    @property
    def html(self) -> str:
        """The figure as a piece of HTML."""
        below = f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else ""
        return (
            f'<figure class="qm9-figure" style="margin:1em 0">{embedded(self.svg, self.alt)}{below}'
            f"{script()}</figure>"
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"[figure] {self.alt}"


def _adaptable(svg: str) -> str:
    """Turn matplotlib's SVG file into an element that can share a page with others.

    Black becomes the colour of the text. The element is as wide as its figure, or as the page if
    that is narrower. Unneeded parts are left out, and the names within begin with a hash of the
    content, since two figures on a page must not share names.
    """
    root = ElementTree.fromstring(svg)  # without prolog and comments
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {name.rpartition("}")[2]: v for name, v in element.attrib.items()}
        element.text = element.tail = None
    # The style sheet would apply to the whole page; its only rule is inherited from the root.
    width, height = (float(points) * 96 / 72 for points in root.attrib["viewBox"].split()[2:])
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": root.attrib["viewBox"],
        "width": f"{width:.0f}",
        "height": f"{height:.0f}",
        "style": "display:block;max-width:100%;height:auto",
        "fill": "currentColor",  # matplotlib leaves it out if it is black
        "stroke-linejoin": "round",
    }
    _simplify(root)
    names: dict[str, str] = {}
    for element in root.iter():
        for name, value in element.attrib.items():
            if used := re.search(r"url\(#([^)]+)\)" if name != "href" else r"^#(.+)", value):
                short = names.setdefault(used[1], f"~{len(names)}")
                element.attrib[name] = value.replace(f"#{used[1]}", f"#{short}")
    for element in root.iter():
        if (own := element.attrib.pop("id", None)) in names:
            element.attrib["id"] = names[own]
    _simplify(root)  # a group may have lost its name, and so its use
    text = ElementTree.tostring(root, encoding="unicode")
    return text.replace("~", f"q{hashlib.sha256(text.encode()).hexdigest()[:6]}-")


def _simplify(parent: ElementTree.Element) -> None:
    """Shorten numbers and paths, and remove elements that show nothing."""
    kept: list[ElementTree.Element] = []
    for child in parent:
        _simplify(child)
        attributes = child.attrib
        for name in {"d", "x", "y", "width", "height"} & attributes.keys():
            short = re.sub(r"-?\d+\.\d+", _two_decimals, attributes[name])
            attributes[name] = re.sub(r"\s*([A-Za-z])\s*", r"\1", " ".join(short.split()))
        if "transform" in attributes:
            attributes["transform"] = re.sub(
                r"translate\([^)]*\)",
                lambda match: re.sub(r"-?\d+\.\d+", _two_decimals, match[0]),
                attributes["transform"],
            )
        if "style" in attributes:
            attributes["style"] = re.sub(
                r"([:;]) +", r"\1", attributes["style"].replace("#000000", "currentColor")
            )
        if "href" in attributes:
            attributes["href"] = re.sub(r"\s", "", attributes["href"])
        if child.tag in ("metadata", "style") or attributes.get("style") == "fill:none":
            continue
        if child.tag in ("g", "defs") and len(child) == 0:
            continue
        kept += list(child) if child.tag == "g" and not attributes else [child]
    parent[:] = kept


def _two_decimals(match: re.Match[str]) -> str:
    """Round to a hundredth of a point, which nobody can see."""
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")
