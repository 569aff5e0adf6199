"""Molecules as balls and sticks: how each lies before the reader, its colours, and its SVG.

``viewer.js`` draws the same picture again when a reader turns the molecule.
"""

from __future__ import annotations

import hashlib
import html
import math
from collections.abc import Sequence
from typing import NamedTuple

from qm9lib.data.geometry import COVALENT_RADII, bonds, principal_axes
from qm9lib.data.molecule import Molecule
from qm9lib.figures.embed import embedded
from qm9lib.labels import SYMBOLS
from qm9lib.units import written

BALLS: dict[int, str] = {1: "#ffffff", 6: "#555555", 7: "#2f5fd0", 8: "#d03030", 9: "#90d060"}
"""Colour of each element's ball by atomic number, as is usual in chemistry."""

# ColorBrewer's RdBu and matplotlib's viridis: colour-blind readers can tell their colours apart.
_DIVERGING = "b2182b d6604d f4a582 fddbc7 f7f7f7 d1e5f0 92c5de 4393c3 2166ac".split()
_SEQUENTIAL = "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725".split()

_ARROW = "#b8590a"  # darker than the orange of the plots: visible on white, on black and on balls
_HEAD = 40.0  # length of the head of an arrow
_WIDTH = 320  # pixels, if no style sets the width
_UNIT = 100  # of the drawing per Å
_STICK = 9.0  # half the width of a bond, in these units
_SMALLEST = 1.9  # Å; molecules with a smaller radius are drawn no larger
_TILT = (0.936, 0.352, 0.96, 0.28)  # cosine and sine of two angles, to make depth visible
_LOWEST, _HIGHEST = 0.45, 0.8  # height of a drawing relative to its width


Point = tuple[float, float, float]


class Scene(NamedTuple):
    """Atoms before the reader, in hundredths of an ångström; made by `scene`.

    Attributes
    ----------
    positions
        x to the right, y up, and z towards the reader, of each atom.
    radii
        Radius of each ball.
    bonds
        Pairs of atoms.
    reach
        From the centre to the edge of the outermost ball: it fits the width at every rotation.
    aside
        From the long axis, which is x, to the edge of the outermost ball.
    arrow
        Tail and tip of the arrow, if there is one.
    """

    positions: list[Point]
    radii: list[float]
    bonds: list[list[int]]
    reach: float
    aside: float
    arrow: tuple[Point, Point] | None

    @property
    def aspect(self) -> float:
        """Height of a drawing relative to its width."""
        return min(max(self.aside / self.reach, _LOWEST), _HIGHEST)


def scene(molecule: Molecule, arrow: Sequence[float] | None = None) -> Scene:
    """Return how a molecule lies before the reader: flat, its long axis across, a little tilted.

    It is the same to the last bit on every machine.

    Parameters
    ----------
    molecule
        Molecule to show.
    arrow
        A vector that turns with it, as drawn in Å; it is centred on the molecule.

    Examples
    --------
    >>> import qm9lib
    >>> scene(qm9lib.load_sample()[2]).positions  # water: O, H, H
    [(0.0, 27.8, 10.5), (72.6, -20.4, -30.3), (-72.6, -35.3, 9.4)]
    """
    axes: list[list[float]] = principal_axes(molecule.positions).tolist()

    def along(x: float, y: float, z: float) -> list[float]:
        # Without a matrix product, whose last bit may differ from one processor to the next.
        return [a[0] * x + a[1] * y + a[2] * z for a in axes]

    turned = [along(*at) for at in molecule.positions.tolist()]
    middle = [(min(column) + max(column)) / 2 for column in zip(*turned, strict=True)]
    positions = [
        _tilted(*(_UNIT * (v - m) for v, m in zip(atom, middle, strict=True))) for atom in turned
    ]
    ends = None
    if arrow is not None:
        half = [_UNIT * v / 2 for v in along(*map(float, arrow))]
        ends = _tilted(*(-v for v in half)), _tilted(*half)
    radii = [_round(_UNIT * (0.2 + 0.3 * COVALENT_RADII[int(z)])) for z in molecule.atomic_numbers]
    outermost = [*zip(positions, radii, strict=True), *((end, 0.0) for end in ends or ())]
    reach = max(math.hypot(*at) + r for at, r in outermost)
    aside = max(math.hypot(*at[1:]) + r for at, r in outermost)
    pairs = bonds(molecule.atomic_numbers, molecule.positions).tolist()
    return Scene(positions, radii, pairs, reach, aside, ends)


def _tilted(x: float, y: float, z: float) -> Point:
    ca, sa, cb, sb = _TILT
    x, z = cb * x + sb * z, cb * z - sb * x
    y, z = ca * y - sa * z, ca * z + sa * y
    return _round(x), _round(y), _round(z)


class Scale:
    """Colours for numbers: from blue to yellow; with both signs, red, white for zero, and blue.

    Parameters
    ----------
    values
        All numbers that need a colour; finite, and at least one.

    Examples
    --------
    >>> Scale([-0.5, 0.1]).color(0.0)
    '#f7f7f7'
    """

    def __init__(self, values: Sequence[float]) -> None:
        self.low, self.high = min(values), max(values)
        self.stops = _SEQUENTIAL
        if self.low < 0 < self.high:
            self.high = max(-self.low, self.high)
            self.low = -self.high
            self.stops = _DIVERGING

    def color(self, value: float) -> str:
        """Return the colour of a number, as ``#rrggbb``."""
        span = self.high - self.low
        at = (value - self.low) / span * (len(self.stops) - 1) if span else 0.0
        k = min(int(at), len(self.stops) - 2)
        ends = _channels(self.stops[k]), _channels(self.stops[k + 1])
        mixed = (a + (at - k) * (b - a) for a, b in zip(*ends, strict=True))
        return "#" + "".join(f"{round(channel):02x}" for channel in mixed)

    def bar(self, caption: str) -> str:
        """Return a bar of the colours from low to high, above its caption; both are HTML."""
        colors = ",".join(f"#{stop}" for stop in self.stops)
        ticks = [self.low, (self.low + self.high) / 2, self.high]
        return (
            '<div class="qm9-bar" style="max-width:28rem"><i style="display:block;height:0.75rem;'
            f'border:1px solid;background:linear-gradient(to right,{colors})"></i>'
            '<span style="display:flex;justify-content:space-between">'
            f"{''.join(f'<span>{written(tick)}</span>' for tick in ticks)}</span>{caption}</div>"
        )


def _channels(color: str) -> list[int]:
    return [int(color[k : k + 2], 16) for k in (0, 2, 4)]


def ink(color: str) -> str:
    """Return black or white, whichever is legible on a colour.

    Examples
    --------
    >>> ink("#ffffff"), ink("#555555")
    ('#000', '#fff')
    """
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in _channels(color[1:]))
    ]
    bright = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000" if bright > 0.179 else "#fff"


def drawing(
    molecule: Molecule,
    scene: Scene,
    aspect: float,
    colors: Sequence[str],
    tags: Sequence[float] | None,
    alt: str,
    title: str,
) -> str:
    """Return the HTML element that ``viewer.js`` looks for, with an image of its first drawing.

    Parameters
    ----------
    molecule
        Molecule to draw.
    scene
        Its position.
    aspect
        Height of the drawing relative to its width.
    colors
        Colour of each ball, as ``#rrggbb``.
    tags
        A number to write below each atom, if any.
    alt
        Text alternative.
    title
        Name of the molecule for the buttons that turn it; if empty, its formula.

    Examples
    --------
    >>> import qm9lib
    >>> water = qm9lib.load_sample()[2]
    >>> colors = [BALLS[z] for z in (8, 1, 1)]
    >>> drawing(water, scene(water), 0.5, colors, None, "A water molecule.", "")[:31]
    '<qm9-molecule data-name="H2O" d'
    """
    positions, radii, pairs, reach, aside, arrow = scene
    camera = _round(4 * max(reach, _UNIT * _SMALLEST))
    # A little more, for the perspective and for tags below the outermost atoms.
    more = 1.1 if tags else 1.04
    half = math.ceil(more * max(reach, aside / aspect, _UNIT * _SMALLEST))
    high = math.ceil(aspect * half)
    content = repr((positions, radii, colors, tags, alt, arrow))
    name = f"qm9-{hashlib.sha256(content.encode()).hexdigest()[:8]}"  # no two drawings share a name
    parts: list[tuple[float, str]] = []
    for i, (x, y, z) in enumerate(positions):
        f = camera / (camera - z)
        symbol, text = SYMBOLS[int(molecule.atomic_numbers[i])], ink(colors[i])
        parts.append((z, (
            f'<g data-n="{i}" transform="translate({_put(x * f)} {_put(-y * f)}) '
            f'scale({_put(f, 3)})"><circle r="{_put(radii[i])}" fill="{colors[i]}" '
            f'stroke="currentColor" stroke-opacity=".6" stroke-width="2"/>'
            f'<circle r="{_put(radii[i])}" fill="url(#{name}-ball)"/>'
            f'<text y=".35em" font-size="{_put(0.9 * radii[i], 0)}" fill="{text}">{symbol}</text>'
            f"{_tag(tags[i], radii[i], 0.055 * half) if tags else ''}</g>"
        )))  # fmt: skip
    for i, j in sorted(pairs + [[j, i] for i, j in pairs]):
        depth, transform, path = _half_bond(positions[i], positions[j], radii[i], radii[j], camera)
        parts.append((depth, (
            f'<g data-n="{i} {j}" transform="{transform}"><path fill="{colors[i]}" d="{path}"/>'
            f'<path fill="url(#{name}-stick)" d="{path}"/></g>'
        )))  # fmt: skip
    parts.sort(key=lambda part: part[0])  # distant parts are painted first
    if arrow:  # and the arrow last, as half of it lies within the balls
        parts.append((math.inf, _arrow(*arrow, camera)))
    atoms = ";".join(
        " ".join(_put(v) for v in (*position, r))
        for position, r in zip(positions, radii, strict=True)
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-{half} -{high} {2 * half} {2 * high}" '
        f'width="{_WIDTH}" height="{_put(_WIDTH * high / half, 0)}" text-anchor="middle" '
        'font-family="system-ui, sans-serif" font-weight="600" text-rendering="geometricPrecision">'
        f"<defs>{_shades(name)}</defs><g>{''.join(part for _, part in parts)}</g></svg>"
    )
    return (
        f'<qm9-molecule data-name="{html.escape(title or molecule.formula)}" '
        f'data-atoms="{_put(camera)} {_put(_STICK)};{atoms}">{embedded(svg, alt)}</qm9-molecule>'
    )


def _half_bond(
    a: Sequence[float], b: Sequence[float], r_a: float, r_b: float, camera: float
) -> tuple[float, str, str]:
    """Return depth, transform and outline of the half-bond at atom a; as in viewer.js."""
    d = [q - p for p, q in zip(a, b, strict=True)]
    length = math.hypot(*d) or 1.0  # two atoms at one position have no direction
    near, far = (math.sqrt(r**2 - _STICK**2) / length for r in (r_a, r_b))
    start = [p + near * v for p, v in zip(a, d, strict=True)]
    end = [p + (1 + near - far) / 2 * v for p, v in zip(a, d, strict=True)]
    f, f2 = (camera / (camera - at[2]) for at in (start, end))
    x, y, x2, y2 = start[0] * f, -start[1] * f, end[0] * f2, -end[1] * f2
    long = math.hypot(x2 - x, y2 - y)
    c, s = ((x2 - x) / long, (y2 - y) / long) if long > 0 else (1.0, 0.0)
    at_start, at_end, along = _put(_STICK * f), _put(_STICK * f2), _put(long)
    slope = d[2] / length  # the end that points towards the reader is round
    tail = f"A{_put(_STICK * f * slope)} {at_start} 0 0 1 0-{at_start}" if slope > 0 else "Z"
    head = f"V{at_end}"
    if slope < 0:
        head = f"A{_put(_STICK * f2 * -slope)} {at_end} 0 0 1 {along} {at_end}"
    transform = " ".join([*(_put(v, 3) for v in (c, s, -s, c)), _put(x), _put(y)])
    path = f"M0-{at_start}L{along}-{at_end}{head}L0 {at_start}{tail}"
    return (start[2] + end[2]) / 2, f"matrix({transform})", path


def _arrow(tail: Point, tip: Point, camera: float) -> str:
    """Return the arrow; as in viewer.js."""
    (x, y), (x2, y2) = (
        (x * camera / (camera - z), -y * camera / (camera - z)) for x, y, z in (tail, tip)
    )
    long = math.hypot(x2 - x, y2 - y)
    c, s = ((x2 - x) / long, (y2 - y) / long) if long > 0 else (1.0, 0.0)
    neck, transform = long - min(_HEAD, long), " ".join(_put(v, 3) for v in (c, s, -s, c))
    path = f"M0-6H{_put(neck)}v-12L{_put(long)} 0L{_put(neck)} 18v-12H0z"
    return (
        f'<path data-arrow="{" ".join(_put(v) for v in (*tail, *tip))}" fill="{_ARROW}" '
        f'stroke="#fff" stroke-width="3" paint-order="stroke" '
        f'transform="matrix({transform} {_put(x)} {_put(y)})" d="{path}"/>'
    )


def _tag(value: float, radius: float, size: float) -> str:
    text = written(value, 2)
    wide, high, top = size * (0.6 * len(text) + 0.5), 1.2 * size, 0.6 * radius
    return (
        f'<rect x="{_put(-wide / 2)}" y="{_put(top)}" width="{_put(wide)}" height="{_put(high)}" '
        f'rx="{_put(size / 4)}" fill="#fff" fill-opacity=".9"/><text y="{_put(top + 0.95 * size)}" '
        f'font-size="{_put(size)}" fill="#111">{text}</text>'
    )


def _shades(name: str) -> str:
    """Return the light from the upper left, for balls and sticks of all colours."""
    ball = (("#fff", 0.75, 0), ("#fff", 0.12, 0.35), ("#000", 0, 0.6), ("#000", 0.5, 1))
    stick = (("#000", 0.5, 0), ("#fff", 0.25, 0.4), ("#000", 0.05, 0.6), ("#000", 0.55, 1))
    stops = [
        "".join(
            f'<stop offset="{offset}" stop-color="{color}" stop-opacity="{opacity}"/>'
            for color, opacity, offset in shade
        )
        for shade in (ball, stick)
    ]
    return (
        f'<radialGradient id="{name}-ball" cx=".42" cy=".4" r=".62" fx=".33" fy=".28">{stops[0]}'
        f'</radialGradient><linearGradient id="{name}-stick" gradientUnits="userSpaceOnUse" '
        f'x1="0" y1="-{_put(_STICK)}" x2="0" y2="{_put(_STICK)}">{stops[1]}</linearGradient>'
    )


def _round(value: float) -> float:
    """Round to a thousandth of an ångström; never -0."""
    return round(value, 1) + 0.0


def _put(value: float, digits: int = 1) -> str:
    return f"{round(value, digits) + 0.0:.10g}"
