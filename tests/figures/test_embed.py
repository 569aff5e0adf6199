"""Drawings as images that carry them; tests/web opens them in JupyterLab."""

import base64
import re
from xml.etree import ElementTree

import pytest

import qm9lib
from qm9lib.figures import embed
from qm9lib.figures.picture import Picture
from qm9lib.figures.style import axes

SVG = "{http://www.w3.org/2000/svg}"


def shown(kind: str, sample: qm9lib.QM9) -> str:
    molecules = {"a − b": sample[0], "c": sample[1]}
    charges = {title: molecule.charges for title, molecule in molecules.items()}
    return {
        "figure": lambda: Picture(axes()[0], "Empty axes.", caption="Nothing.").html,
        "molecule": lambda: qm9lib.view(sample[0]).html,
        "gallery": lambda: qm9lib.view(molecules, values=charges, tags=True).html,
    }[kind]()


@pytest.mark.parametrize("kind", ["figure", "molecule", "gallery"])
def test_what_a_notebook_that_is_not_trusted_keeps_is_complete(
    kind: str, sample: qm9lib.QM9
) -> None:
    """Without script, style sheet, SVG elements and elements of our own; and nothing promised."""
    html = re.sub(r"<(script|style)>.*?</\1>|</?qm9-[^>]*>", "", shown(kind, sample), flags=re.S)
    assert not re.search("<svg|<button|Drag to turn", html)
    images = re.findall(r'<img [^>]*src="data:image/svg\+xml;base64,([^"]+)" alt="[^"]+">', html)
    assert len(images) == html.count("<figure ") == html.count("<figcaption>") > 0
    for image in images:
        root = ElementTree.fromstring(base64.b64decode(image, validate=True).decode("ascii"))
        assert root.tag == f"{SVG}svg"
        assert min(float(root.attrib[side]) for side in ("width", "height")) > 100
        # Ink is black where no page gives another colour; here is what it can be read on.
        assert root[0].tag == f"{SVG}style" and root[0].text == "svg:root{background:#fff}"


def test_captions_keep_their_lines_where_terms_float(sample: qm9lib.QM9) -> None:
    """The style of each term stands in it, and so holds in any style sheet, or without ours."""
    html = qm9lib.view(sample[0], labels={"gap": "eV"}).html
    terms, facts = (re.findall(rf'<{tag} style="([^"]+)"', html) for tag in ("dt", "dd"))
    assert len(terms) == len(facts) == html.count("<dt") == 4
    assert all("clear:left" in style and "width:auto" in style for style in terms)
    assert all("float:none" in style and "width:auto" in style for style in facts)


@pytest.mark.parametrize("kind", ["figure", "molecule", "gallery"])
def test_the_page_has_the_drawing_itself(kind: str, sample: qm9lib.QM9) -> None:
    html = shown(kind, sample)
    page = embed.inlined(html)
    names = re.findall(r' alt="([^"]+)"', html)
    assert re.findall(r'<svg role="img" aria-label="([^"]+)"', page) == names != []
    assert not re.search("<img|base64|root{", page) and embed.script() not in page
    assert embed.inlined(page) == page
