"""Molecules that a reader can turn, in a notebook and on a page.

Python draws the molecule as an SVG image. A script of a few kilobytes, ``viewer.js``, turns it; it
contacts no other host, and if no script can run, the image remains.
"""

from __future__ import annotations

import html
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Shaped

from qm9lib.data.molecule import Molecule
from qm9lib.figures.balls import BALLS, Scale, drawing, scene
from qm9lib.figures.embed import script, shipped
from qm9lib.labels import LABELS, SYMBOLS
from qm9lib.units import written

_MANY = 3  # bonds of a kind; if there are more, only the shortest and the longest are given
_ORDER = "CNOFH"  # of the two elements of a bond
# JupyterLab floats both at fixed widths, and drops our style sheet from untrusted outputs.
_TERM = 'style="float:left;clear:left;width:auto;margin-right:0.75rem"'
_FACT = 'style="float:none;width:auto"'


class View:
    """One or more molecules that turn, with a text alternative; made by `view`.

    Parameters
    ----------
    html
        What a browser shows: style, drawings and script, complete in itself.
    alt
        What there is to see, in words.
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
    arrow: Shaped[np.ndarray, "..."] | Sequence[float] | None = None,
    arrow_label: str = "",
    labels: Mapping[str, str] | None = None,
) -> View:
    """Show molecules as balls and sticks that can be turned and zoomed.

    A molecule is seen along its flattest direction, a little from the side. The same molecule gives
    the same bytes on every machine.

    Parameters
    ----------
    molecule
        One molecule, or several by title, shown as a gallery.
    values
        One finite number per atom to colour it by, shape (atoms,); for a gallery, an array for each
        title. Values of both signs get a scale with zero in the middle: red below, blue above.
        Without values, the colours show the elements.
    label, unit
        Name and unit of the values, such as ``"Mulliken charge"`` and ``"e"``.
    tags
        Whether to write its value on each atom.
    arrow
        For one molecule: a vector of three finite numbers to draw through its centre, at one
        ångström per unit.
    arrow_label
        Name of the vector, with its unit, such as ``"dipole moment, 2.2 D"``.
    labels
        Labels of QM9 to write below each molecule, by name, and the unit of each:
        ``{"gap": "eV"}``. Formula, SMILES and number are always there.

    Returns
    -------
    View
        An object that a notebook shows. Its text alternative gives formula, atoms, bond lengths and
        the range of the values.

    Raises
    ------
    TypeError
        If a molecule is not a `Molecule`, only one of molecules and values is for a gallery, or a
        gallery is given an arrow.
    ValueError
        If there is no molecule or no atom, a position or value is not finite, the values are not
        one per atom, or the arrow is not three numbers.
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
        scale = Scale([value for of_one in numbers.values() for value in of_one])
    vector = None if arrow is None else _vector(arrow, several)
    scenes = {title: scene(one, vector) for title, one in molecules.items()}
    aspect = max(scene.aspect for scene in scenes.values())  # of all, so that cards line up
    figures, alternatives = [], []
    for title, one in molecules.items():
        alt = _alternative(one, scenes[title].bonds, numbers.get(title), label, unit)
        if vector:
            ahead = np.argmax(one.positions.astype(float) @ np.array(vector))
            end = SYMBOLS[int(one.atomic_numbers[ahead])]
            alt += f"; an arrow{f' for the {arrow_label}' if arrow_label else ''}, towards {end}"
        alt = f"{title}: {alt}" if title else alt
        colors = [BALLS[int(z)] for z in one.atomic_numbers]
        if scale:
            colors = [scale.color(value) for value in numbers[title]]
        tagged = numbers.get(title) if tags else None
        drawn = drawing(one, scenes[title], aspect, colors, tagged, alt, title)
        caption = _caption(one, title, labels or {})
        figures.append(f'<figure class="qm9-molecule">{drawn}{caption}</figure>')
        alternatives.append(alt)
    measured = html.escape(label or "value") + (f" ({_unit(unit)})" if unit else "")
    bar = scale.bar(measured) if scale else ""
    room = "qm9-one" if not several else "qm9-two" if len(molecules) < 3 else "qm9-many"
    shown = (
        f'<div class="qm9-molecules {room}">'
        f"<style>{shipped('viewer.css')}</style>"
        f"{bar}{''.join(figures)}{script()}"
        f"<script>{shipped('viewer.js')}</script></div>"
    )
    return View(shown, " ".join(f"{alt}." for alt in alternatives))


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
            "remove the padding first"
        )
    if not np.all(np.isfinite(molecule.positions)):
        raise ValueError(f"{name} has positions that are not finite, expected numbers in Å")


def _vector(arrow: object, several: bool) -> list[float]:
    if several:
        raise TypeError("an arrow needs a single molecule: show several one at a time")
    array = np.asarray(arrow, float)
    if array.shape != (3,) or not np.all(np.isfinite(array)):
        raise ValueError(f"an arrow must be three finite numbers, x, y and z; given {arrow!r:.60}")
    return array.tolist()


def _numbers(
    molecules: Mapping[str, Molecule], values: object, several: bool
) -> dict[str, list[float]]:
    """Return the checked values of each molecule by title; empty if there are none."""
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
                f"{name} are not finite at atoms {where}, expected numbers; every atom needs a "
                "colour, so put in a number or leave the values out"
            )
        checked[title] = [float(value) for value in array]
    return checked


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
    spans = []
    for kind in sorted(kinds, key=lambda kind: [_ORDER.index(s) for s in kind.split("-")]):
        lengths = kinds[kind]
        different = list(dict.fromkeys(lengths))
        if len(different) > 1 and len(lengths) > _MANY:
            span = f"{lengths[0]} to {lengths[-1]}"
        elif len(different) > 1:
            span = f"{', '.join(lengths[:-1])} and {lengths[-1]}"
        else:
            span = lengths[0]
        spans.append(f"{len(lengths)} {kind} of {span} Å")
    text = (
        f"{molecule.formula}, SMILES {molecule.smiles}: {atoms} ({counts}); "
        f"bonds: {', '.join(spans) or 'none'}"
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
    listed = "".join(
        f"<dt {_TERM}>{term}</dt><dd {_FACT}>{text}</dd>" for term, text in rows.items()
    )
    heading = f"<strong>{html.escape(title)}</strong>" if title else ""
    return f"<figcaption>{heading}<dl>{listed}</dl></figcaption>"
