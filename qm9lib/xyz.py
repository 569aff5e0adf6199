"""Molecules from an XYZ file, the format that most chemistry programs write.

Each molecule is a line with the number of its atoms, a comment line, and a line for each atom: its
element and x, y and z in Å; further columns are ignored. Several molecules may follow one another.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qm9lib.cache import DataError
from qm9lib.columns import concatenate
from qm9lib.dataset import QM9
from qm9lib.labels import ELEMENTS, LABELS
from qm9lib.records import RecordError, parse_record

_SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb "
    "Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm "
    "Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
).split()
_LARGEST = 1_000  # atoms: the networks look at all pairs of them
_SAME_PLACE = 0.1  # Å; no two atoms are nearer than 0.7 Å in any molecule


class XYZMolecule(NamedTuple):
    """One molecule of a file: where it stands, its comment, elements and positions (Å)."""

    line: int
    comment: str
    symbols: tuple[str, ...]
    positions: tuple[tuple[float, float, float], ...]

    @property
    def formula(self) -> str:
        """Chemical formula in Hill order: carbon, hydrogen, and the others by the alphabet."""
        counts = Counter(self.symbols)
        first = ("C", "H") if "C" in counts else ()
        order = sorted(counts, key=lambda s: (first.index(s) if s in first else len(first), s))
        return "".join(s + (str(counts[s]) if counts[s] > 1 else "") for s in order)

    @property
    def foreign(self) -> list[str]:
        """Its elements that QM9 does not have, in alphabetical order."""
        return sorted({s for s in self.symbols if _SYMBOLS.index(s) + 1 not in ELEMENTS})


def parse(text: str, file: str = "file") -> list[XYZMolecule]:
    r"""Read the molecules of an XYZ file, or the one of a record of QM9.

    Parameters
    ----------
    text
        The whole file.
    file
        Its name, for error messages.

    Returns
    -------
    list of XYZMolecule
        In the order of the file.

    Raises
    ------
    DataError
        If there is no molecule, a line is not what it should be, an element does not exist, a
        coordinate is no finite number, or two atoms are at one place. The message names the line.

    Examples
    --------
    >>> parse("2\nhydrogen\nH 0 0 0\nH 0 0 0.74\n")[0].symbols
    ('H', 'H')
    >>> parse("1\n\nXx 0 0 0\n")
    Traceback (most recent call last):
    qm9lib.cache.DataError: file, line 3: 'Xx' is no chemical element; expected a symbol such as C
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > 1 and lines[1].startswith("gdb "):
        try:
            record = parse_record(text, file)
        except RecordError:  # not as published, but perhaps still a good XYZ file
            pass
        else:
            return [XYZMolecule(1, f"gdb {record.index}", record.symbols, record.positions)]
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise DataError(f"{file} is empty: expected the number of atoms in its first line")
    molecules, start = [], 0
    while start < len(lines):
        molecule = _molecule(lines, start, file)
        molecules.append(molecule)
        start += 2 + len(molecule.symbols)
    return molecules


def _molecule(lines: list[str], start: int, file: str) -> XYZMolecule:
    count = lines[start].strip()
    digits = count.isascii() and count.isdigit() and len(count) <= len(str(_LARGEST))
    if not digits or not 0 < int(count) <= _LARGEST:
        raise DataError(
            f"{file}, line {start + 1}: found {_short(count)}, expected the number of atoms of a "
            f"molecule, from 1 to {_LARGEST:,}"
        )
    comment, *atoms = lines[start + 1 : start + 2 + int(count)] or [""]
    if len(atoms) < int(count):
        raise DataError(
            f"{file} ends after {len(atoms)} of the {count} atoms that line {start + 1} announces"
        )
    symbols: list[str] = []
    positions: list[tuple[float, float, float]] = []
    for number, line in enumerate(atoms, start + 3):
        symbol, position = _atom(line, f"{file}, line {number}")
        for other, place in enumerate(positions, start + 3):
            if math.dist(place, position) < _SAME_PLACE:
                raise DataError(
                    f"{file}, line {number}: this atom is at the place of that of line {other} "
                    f"({math.dist(place, position):.3f} Å apart); remove one of them"
                )
        symbols.append(symbol)
        positions.append(position)
    return XYZMolecule(start + 1, comment.strip(), tuple(symbols), tuple(positions))


def _atom(line: str, place: str) -> tuple[str, tuple[float, float, float]]:
    words = line.split()
    if len(words) < 4:
        raise DataError(
            f"{place}: found {_short(line)}, expected an element and its x, y and z in Å, such as "
            "'C 0.0 0.0 1.2'"
        )
    symbol = words[0].capitalize()
    if not words[0].isascii() or symbol not in _SYMBOLS:
        raise DataError(
            f"{place}: {_short(words[0])} is no chemical element; expected a symbol such as C"
        )
    position = []
    for name, word in zip("xyz", words[1:4], strict=True):
        try:
            value = float(word.replace("*^", "e"))  # the spelling of QM9
        except ValueError:
            value = math.nan
        if "_" in word:  # Python's own spelling of numbers
            value = math.nan
        if not abs(value) < 1e6:
            raise DataError(
                f"{place}: {name} is {_short(word)}, expected a finite number of Å, such as 1.2"
            )
        position.append(value)
    return symbol, (position[0], position[1], position[2])


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")


def read(path: str | Path) -> list[XYZMolecule]:
    """Read the molecules of a file; see `parse`.

    Raises
    ------
    DataError
        As `parse`, and if there is no such file or it is not text.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a text file, so it is no XYZ file") from error
    return parse(text, str(path))


def to_qm9(molecules: list[XYZMolecule]) -> QM9:
    r"""Return molecules as the models take them; charges and labels are NaN, for nobody knows them.

    Parameters
    ----------
    molecules
        Molecules without `XYZMolecule.foreign` elements, at least one.

    Returns
    -------
    QM9
        Numbered from 1 in ``index``.

    Raises
    ------
    ValueError
        If a molecule has an element that QM9 does not have.

    Examples
    --------
    >>> to_qm9(parse("2\nhydrogen\nH 0 0 0\nH 0 0 0.74\n"))[0].formula
    'H2'
    """
    for molecule in molecules:
        if molecule.foreign:
            raise ValueError(f"{', '.join(molecule.foreign)} is not among H, C, N, O and F")
    parts = [
        {
            "index": np.array([number]),
            "n_atoms": np.array([len(molecule.symbols)]),
            "atomic_numbers": np.array(
                [_SYMBOLS.index(s) + 1 for s in molecule.symbols], dtype=np.int8
            ),
            # Centred: float32 keeps few digits of a place that is far from the origin.
            "positions": np.array(molecule.positions) - np.mean(molecule.positions, axis=0),
            "charges": np.full(len(molecule.symbols), np.nan),
            "labels": np.array([[number] + [np.nan] * (len(LABELS) - 1)]),
            "smiles": np.array([""]),
        }
        for number, molecule in enumerate(molecules, 1)
    ]
    return QM9(**concatenate(parts))
