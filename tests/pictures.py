"""What every drawing in a page must have."""

import re
from xml.etree import ElementTree

PHONE = 350  # pixels that a phone has for a figure


def check_element(svg: str) -> ElementTree.Element:
    """Assert what every drawing in a page must have, and return it parsed."""
    root = ElementTree.fromstring(svg)
    assert not re.search(r"<\?xml|<!|<metadata|<style|#000000|\n", svg)
    assert root.attrib.keys() >= {"viewBox", "width", "height", "style"}
    wide, high = map(float, root.attrib["viewBox"].split()[2:])  # points
    assert abs(float(root.attrib["width"]) - wide * 96 / 72) <= 0.5
    assert abs(float(root.attrib["height"]) - high * 96 / 72) <= 0.5
    assert "max-width:100%;height:auto" in root.attrib["style"]
    ids = re.findall(r' id="([^"]+)"', svg)
    used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)
    assert len(ids) == len(set(ids))
    assert {a or b for a, b in used} == set(ids)
    assert len({name.partition("-")[0] for name in ids}) <= 1
    return root


def text_sizes(svg: str) -> list[float]:
    """Sizes of all text, in pixels, where the drawing is shown at a phone's width."""
    width = float(re.search(r"viewBox=\"0 0 ([\d.]+)", svg)[1])
    points = re.findall(r"scale\(([\d.]+) -\1\)", svg)  # of fonts that are 100 units high
    smaller = re.findall(r" scale\(([\d.]+)\)\"", svg)  # exponents
    by = 100 * min(map(float, ["1", *smaller])) * min(PHONE / width, 96 / 72)
    return [float(size) * by for size in points]
