"""Molecules that a reader can turn, in a notebook and on a page.

Python draws the molecule as an SVG image. A script of a few kilobytes, ``viewer.js``, turns it; it
asks no other host for anything, and where no script runs the drawing remains.
"""

from __future__ import annotations

import hashlib
import html
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from qm9lib.data.dataset import Molecule
from qm9lib.data.geometry import COVALENT_RADII, bonds, principal_axes
from qm9lib.labels import LABELS, SYMBOLS, written

BALLS: dict[int, str] = {1: "#ffffff", 6: "#555555", 7: "#2f5fd0", 8: "#d03030", 9: "#90d060"}
"""Colour of each element's ball by atomic number, as chemists have them."""

# ColorBrewer's RdBu and matplotlib's viridis: colour-blind readers can tell their colours apart.
_DIVERGING = "b2182b d6604d f4a582 fddbc7 f7f7f7 d1e5f0 92c5de 4393c3 2166ac".split()
_SEQUENTIAL = "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725".split()

_UNIT = 100  # of the drawing per Å
_STICK = 9.0  # half the width of a bond, in these units
_SMALLEST = 1.9  # Å; molecules with a smaller radius are drawn no larger
_TILT = (0.936, 0.352, 0.96, 0.28)  # cosine and sine of two angles, so that depth is seen
_LOWEST, _HIGHEST = 0.45, 0.8  # height of a drawing by its width
_MANY = 3  # bonds of a kind; of more only the shortest and the longest are told
_ORDER = "CNOFH"  # of the two elements of a bond


class View:
    """One or several molecules that turn, with a text alternative; made by `view`.

    Parameters
    ----------
    html
        What a browser shows: style, drawings, script. Complete in itself.
    alt
        What is to be seen, in words.
    """

    def __init__(self, html: str, alt: str) -> None:
        self.html = html
        self.alt = alt

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"[molecules] {self.alt}"


def view(
    molecule: Molecule | Mapping[str, Molecule],
    *,
    values: Shaped[np.ndarray, "..."]
    | Sequence[float]
    | Mapping[str, Shaped[np.ndarray, "..."]]
    | Mapping[str, Sequence[float]]
    | None = None,
    label: str = "",
    unit: str = "",
    tags: bool = False,
    labels: Mapping[str, str] | None = None,
) -> View:
    """Show molecules as balls and sticks that can be turned and zoomed.

    A molecule is seen from where it is flattest, a little from the side. The same molecule gives
    the same bytes on every machine.

    Parameters
    ----------
    molecule
        A molecule; or several by title, shown as a gallery.
    values
        One finite number per atom to colour it by, shape (atoms,); for a gallery, an array for each
        title. Values of both signs have a scale with zero in its middle: red below, blue above.
        Without values, the colours tell the elements.
    label, unit
        What the values are, such as ``"Mulliken charge"`` and ``"e"``.
    tags
        Whether each atom carries its value in figures.
    labels
        Labels of QM9 to write below each molecule, by name, and the unit of each:
        ``{"gap": "eV"}``. Formula, SMILES and number are always there.

    Returns
    -------
    View
        Shown by a notebook. Its text alternative tells formula, atoms, bond lengths and the range
        of the values.

    Raises
    ------
    TypeError
        If a molecule is no `Molecule`, or molecules and values are not both for a gallery.
    ValueError
        If there is no molecule or no atom, a position or value is not finite, or there is not one
        value per atom.
    UnknownNameError
        If there is no such label or unit.

    Examples
    --------
    >>> import qm9lib
    >>> methane = qm9lib.load_sample()[0]
    >>> view(methane)
    [molecules] CH4, SMILES C: 5 atoms (1 C, 4 H); bonds: 4 C-H of 1.09 Å.
    >>> view(methane, values=methane.charges, label="Mulliken charge", unit="e")
    [molecules] CH4, SMILES C: 5 atoms (1 C, 4 H); bonds: 4 C-H of 1.09 Å; Mulliken charge from
    −0.536 e (C) to 0.134 e (H).
    """
    several = isinstance(molecule, Mapping)
    molecules = dict(molecule) if isinstance(molecule, Mapping) else {"": molecule}
    if not molecules:
        raise ValueError("no molecule to show: give a Molecule, or a dict of title: Molecule")
    for title, one in molecules.items():
        _check(one, title)
    numbers, scale = _numbers(molecules, values, several), None
    if numbers:
        scale = _Scale([value for of_one in numbers.values() for value in of_one])
    scenes = {title: _scene(one) for title, one in molecules.items()}
    aspect = max(scene.aspect for scene in scenes.values())  # of all, so that cards are in line
    figures, told = [], []
    for title, one in molecules.items():
        alt = _alternative(one, scenes[title].bonds, numbers.get(title), label, unit)
        alt = f"{title}: {alt}" if title else alt
        colors = [BALLS[int(z)] for z in one.atomic_numbers]
        if scale:
            colors = [scale.color(value) for value in numbers[title]]
        tagged = numbers.get(title) if tags else None
        drawing = _drawing(one, scenes[title], aspect, colors, tagged, alt, title)
        caption = _caption(one, title, labels or {})
        figures.append(f'<figure class="qm9-molecule">{drawing}{caption}</figure>')
        told.append(alt)
    bar = scale.bar(label, unit) if scale else ""
    hint = '<p class="qm9-hint" hidden>Drag to turn, or use the arrow keys or the buttons.</p>'
    drawn = [hint, *figures] if several else [*figures, hint]
    room = "qm9-one" if not several else "qm9-two" if len(molecules) < 3 else "qm9-many"
    shown = (
        f'<div class="qm9-molecules {room}">'
        f"<style>{_shipped('viewer.css')}</style>"
        f"{bar}{''.join(drawn)}"
        f"<script>{_shipped('viewer.js')}</script></div>"
    )
    return View(shown, " ".join(f"{alt}." for alt in told))


def _check(molecule: object, title: str) -> None:
    name = f"molecule {title!r}" if title else "the molecule"
    if not isinstance(molecule, Molecule):
        raise TypeError(
            f"{name} is a {type(molecule).__name__}, expected a Molecule, such as "
            "qm9lib.load_sample()[0]; for several, give a dict of title: Molecule"
        )
    if not len(molecule):
        raise ValueError(f"{name} has no atoms, so there is nothing to show")
    if others := sorted({int(z) for z in molecule.atomic_numbers} - set(SYMBOLS)):
        raise ValueError(
            f"{name} has atoms of atomic number {others}, expected {[*SYMBOLS]}; "
            "take padded atoms away first"
        )
    if not np.all(np.isfinite(molecule.positions)):
        raise ValueError(f"{name} has positions that are not finite, expected numbers in Å")


def _numbers(
    molecules: Mapping[str, Molecule], values: object, several: bool
) -> dict[str, list[float]]:
    """Return the checked values of each molecule by title; nothing for no values."""
    if values is None:
        return {}
    if several != isinstance(values, Mapping):
        expected = "a dict with the same titles" if several else "one number per atom"
        raise TypeError(f"values are a {type(values).__name__}, expected {expected}")
    given = values if isinstance(values, Mapping) else {"": values}
    if set(given) != set(molecules):
        raise ValueError(f"values have the titles {[*given]}, expected {[*molecules]}")
    checked = {}
    for title, molecule in molecules.items():
        array = np.asarray(given[title], float)
        name = f"values of {title!r}" if title else "values"
        if array.shape != (len(molecule),):
            raise ValueError(
                f"{name} have shape {array.shape}, expected ({len(molecule)},): one number for "
                f"each atom of {molecule.formula}, in the order of its atoms"
            )
        if not np.all(np.isfinite(array)):
            where = np.flatnonzero(~np.isfinite(array)).tolist()
            raise ValueError(
                f"{name} are not finite at atoms {where}, expected numbers; a colour has to be "
                "chosen for each atom, so put in a number or leave the values out"
            )
        checked[title] = [float(value) for value in array]
    return checked


class _Scale:
    """Colours for numbers: from blue to yellow; with both signs, red, white for zero, and blue."""

    def __init__(self, values: Sequence[float]) -> None:
        self.low, self.high = min(values), max(values)
        self.stops = _SEQUENTIAL
        if self.low < 0 < self.high:
            self.high = max(-self.low, self.high)
            self.low = -self.high
            self.stops = _DIVERGING

    def color(self, value: float) -> str:
        span = self.high - self.low
        place = (value - self.low) / span * (len(self.stops) - 1) if span else 0.0
        k = min(int(place), len(self.stops) - 2)
        ends = _channels(self.stops[k]), _channels(self.stops[k + 1])
        mixed = (a + (place - k) * (b - a) for a, b in zip(*ends, strict=True))
        return "#" + "".join(f"{round(channel):02x}" for channel in mixed)

    def bar(self, label: str, unit: str) -> str:
        colors = ",".join(f"#{stop}" for stop in self.stops)
        ticks = [self.low, (self.low + self.high) / 2, self.high]
        return (
            f'<div class="qm9-bar"><i style="background:linear-gradient(to right,{colors})"></i>'
            f"<span>{''.join(f'<span>{written(tick)}</span>' for tick in ticks)}</span>"
            f"{html.escape(label or 'value')}{f' ({_unit(unit)})' if unit else ''}</div>"
        )


def _channels(color: str) -> list[int]:
    return [int(color[k : k + 2], 16) for k in (0, 2, 4)]


def _ink(color: str) -> str:
    """Return black or white, whichever can be read on a colour."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in _channels(color[1:]))
    ]
    bright = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000" if bright > 0.179 else "#fff"


def _unit(unit: str) -> str:
    return re.sub(r"\^(-?\d+)", r"<sup>\1</sup>", html.escape(unit))


def _alternative(
    molecule: Molecule,
    pairs: Sequence[Sequence[int]],
    values: Sequence[float] | None,
    label: str,
    unit: str,
) -> str:
    symbols = [SYMBOLS[int(z)] for z in molecule.atomic_numbers]
    counts = ", ".join(f"{n} {symbol}" for symbol, n in _counted(symbols).items())
    atoms = "1 atom" if len(molecule) == 1 else f"{len(molecule)} atoms"
    kinds: dict[str, list[str]] = {}
    found = ((math.dist(molecule.positions[i], molecule.positions[j]), i, j) for i, j in pairs)
    for length, i, j in sorted(found):
        kind = "-".join(sorted((symbols[i], symbols[j]), key=_ORDER.index))
        kinds.setdefault(kind, []).append(f"{length:.{2 if length >= 1 else 3}f}")
    told = []
    for kind in sorted(kinds, key=lambda kind: [_ORDER.index(s) for s in kind.split("-")]):
        lengths = kinds[kind]
        different = list(dict.fromkeys(lengths))
        if len(different) > 1 and len(lengths) > _MANY:
            span = f"{lengths[0]} to {lengths[-1]}"
        elif len(different) > 1:
            span = f"{', '.join(lengths[:-1])} and {lengths[-1]}"
        else:
            span = lengths[0]
        told.append(f"{len(lengths)} {kind} of {span} Å")
    text = (
        f"{molecule.formula}, SMILES {molecule.smiles}: {atoms} ({counts}); "
        f"bonds: {', '.join(told) or 'none'}"
    )
    if values is not None:
        ends = (
            f"{written(values[k])}{f' {unit}' if unit else ''} ({symbols[k]})"
            for k in (int(np.argmin(values)), int(np.argmax(values)))
        )
        text += f"; {label or 'value'} from {' to '.join(ends)}"
    return text


def _counted(symbols: Sequence[str]) -> dict[str, int]:
    counts = Counter(symbols)
    return {symbol: counts[symbol] for symbol in "CHFNO" if counts[symbol]}


def _caption(molecule: Molecule, title: str, labels: Mapping[str, str]) -> str:
    rows = {
        "formula": re.sub(r"(\d+)", r"<sub>\1</sub>", molecule.formula),
        "SMILES": f"<code>{html.escape(molecule.smiles)}</code>",
        "number in QM9": f"{molecule.index}",
    }
    for name, unit in labels.items():
        # Chemistry happens in the last digits of a total energy.
        digits = 7 if LABELS[name].origin == "total" else 4
        value = written(molecule.target(name, unit), digits)
        rows[f"{LABELS[name].description} ({name})"] = f"{value} {_unit(unit)}"
    listed = "".join(f"<dt>{term}</dt><dd>{text}</dd>" for term, text in rows.items())
    heading = f"<strong>{html.escape(title)}</strong>" if title else ""
    return f"<figcaption>{heading}<dl>{listed}</dl></figcaption>"


class _Scene(NamedTuple):
    """Atoms in the drawing: x, y and z towards the reader, and what room they take."""

    places: list[tuple[float, float, float]]
    radii: list[float]
    bonds: list[list[int]]
    reach: float  # from the centre: the width holds the outermost atom however it is turned
    aside: float  # from the long axis, that is x

    @property
    def aspect(self) -> float:
        return min(max(self.aside / self.reach, _LOWEST), _HIGHEST)


def _drawing(
    molecule: Molecule,
    scene: _Scene,
    aspect: float,
    colors: Sequence[str],
    tags: Sequence[float] | None,
    alt: str,
    title: str,
) -> str:
    """Return the element that the script looks for, with its first drawing."""
    places, radii, pairs, reach, aside = scene
    camera = _round(4 * max(reach, _UNIT * _SMALLEST))
    # A little more, for the perspective; and for what is written below the outermost atoms.
    more = 1.1 if tags else 1.04
    half = math.ceil(more * max(reach, aside / aspect, _UNIT * _SMALLEST))
    high = math.ceil(aspect * half)
    content = repr((places, radii, colors, tags, alt))
    name = f"qm9-{hashlib.sha256(content.encode()).hexdigest()[:8]}"  # no two drawings share one
    parts: list[tuple[float, str]] = []
    for i, (x, y, z) in enumerate(places):
        f = camera / (camera - z)
        symbol, ink = SYMBOLS[int(molecule.atomic_numbers[i])], _ink(colors[i])
        parts.append((z, (
            f'<g data-n="{i}" transform="translate({_put(x * f)} {_put(-y * f)}) '
            f'scale({_put(f, 3)})"><circle r="{_put(radii[i])}" fill="{colors[i]}" '
            f'stroke="currentColor" stroke-opacity=".6" stroke-width="2"/>'
            f'<circle r="{_put(radii[i])}" fill="url(#{name}-ball)"/>'
            f'<text y=".35em" font-size="{_put(0.9 * radii[i], 0)}" fill="{ink}">{symbol}</text>'
            f"{_tag(tags[i], radii[i], 0.055 * half) if tags else ''}</g>"
        )))  # fmt: skip
    for i, j in sorted(pairs + [[j, i] for i, j in pairs]):
        depth, transform, path = _half_bond(places[i], places[j], radii[i], radii[j], camera)
        parts.append((depth, (
            f'<g data-n="{i} {j}" transform="{transform}"><path fill="{colors[i]}" d="{path}"/>'
            f'<path fill="url(#{name}-stick)" d="{path}"/></g>'
        )))  # fmt: skip
    parts.sort(key=lambda part: part[0])  # what is far is painted first
    atoms = ";".join(
        " ".join(_put(v) for v in (*place, r)) for place, r in zip(places, radii, strict=True)
    )
    return (
        f'<qm9-molecule data-name="{html.escape(title or molecule.formula)}" '
        f'data-atoms="{_put(camera)} {_put(_STICK)};{atoms}">'
        f'<svg role="img" aria-label="{html.escape(alt)}" '
        f'viewBox="-{half} -{high} {2 * half} {2 * high}">'
        f"<defs>{_shades(name)}</defs><g>{''.join(part for _, part in parts)}</g></svg>"
        "</qm9-molecule>"
    )


def _scene(molecule: Molecule) -> _Scene:
    axes: list[list[float]] = principal_axes(molecule.positions).tolist()
    # Without a matrix product, whose last bit may differ from one processor to the next.
    turned = [
        [a[0] * x + a[1] * y + a[2] * z for a in axes] for x, y, z in molecule.positions.tolist()
    ]
    middle = [(min(column) + max(column)) / 2 for column in zip(*turned, strict=True)]
    ca, sa, cb, sb = _TILT
    places = []
    for atom in turned:
        x, y, z = (_UNIT * (v - m) for v, m in zip(atom, middle, strict=True))
        x, z = cb * x + sb * z, cb * z - sb * x
        y, z = ca * y - sa * z, ca * z + sa * y
        places.append((_round(x), _round(y), _round(z)))
    radii = [_round(_UNIT * (0.2 + 0.3 * COVALENT_RADII[int(z)])) for z in molecule.atomic_numbers]
    reach = max(math.hypot(*at) + r for at, r in zip(places, radii, strict=True))
    aside = max(math.hypot(*at[1:]) + r for at, r in zip(places, radii, strict=True))
    pairs = bonds(molecule.atomic_numbers, molecule.positions).tolist()
    return _Scene(places, radii, pairs, reach, aside)


def _half_bond(
    a: Sequence[float], b: Sequence[float], r_a: float, r_b: float, camera: float
) -> tuple[float, str, str]:
    """Return depth, transform and outline of the half of a bond from atom a; as in viewer.js."""
    d = [q - p for p, q in zip(a, b, strict=True)]
    length = math.hypot(*d) or 1.0  # atoms in one place have no direction
    near, far = (math.sqrt(r**2 - _STICK**2) / length for r in (r_a, r_b))
    start = [p + near * v for p, v in zip(a, d, strict=True)]
    end = [p + (1 + near - far) / 2 * v for p, v in zip(a, d, strict=True)]
    f, f2 = (camera / (camera - at[2]) for at in (start, end))
    x, y, x2, y2 = start[0] * f, -start[1] * f, end[0] * f2, -end[1] * f2
    long = math.hypot(x2 - x, y2 - y)
    c, s = ((x2 - x) / long, (y2 - y) / long) if long > 0 else (1.0, 0.0)
    at_start, at_end, along = _put(_STICK * f), _put(_STICK * f2), _put(long)
    slope = d[2] / length  # the end that leans towards the reader is round
    tail = f"A{_put(_STICK * f * slope)} {at_start} 0 0 1 0-{at_start}" if slope > 0 else "Z"
    head = f"V{at_end}"
    if slope < 0:
        head = f"A{_put(_STICK * f2 * -slope)} {at_end} 0 0 1 {along} {at_end}"
    transform = " ".join([*(_put(v, 3) for v in (c, s, -s, c)), _put(x), _put(y)])
    path = f"M0-{at_start}L{along}-{at_end}{head}L0 {at_start}{tail}"
    return (start[2] + end[2]) / 2, f"matrix({transform})", path


def _tag(value: float, radius: float, size: float) -> str:
    text = written(value, 2)
    wide, high, top = size * (0.6 * len(text) + 0.5), 1.2 * size, 0.6 * radius
    return (
        f'<rect x="{_put(-wide / 2)}" y="{_put(top)}" width="{_put(wide)}" height="{_put(high)}" '
        f'rx="{_put(size / 4)}" fill="#fff" fill-opacity=".9"/><text y="{_put(top + 0.95 * size)}" '
        f'font-size="{_put(size)}" fill="#111">{text}</text>'
    )


def _shades(name: str) -> str:
    """Light from the upper left, for balls and sticks of all colours."""
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


@cache
def _shipped(name: str) -> str:
    """Return a file of the package without comments and indentation."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    lines = (re.sub(r"(^|\s)//.*", "", line).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)
