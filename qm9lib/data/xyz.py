"""Molecules from an XYZ file, the format that most chemistry programs write.

Each molecule is a line with the number of its atoms, a comment line, and a line for each atom: its
element, and x, y and z in Å; further columns are ignored. A file may hold several molecules, with
blank lines between them, and QM9 records are accepted, too. Where the comment line describes the
columns (``Properties=`` of extended XYZ), they are read accordingly.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qm9lib.data.columns import concatenate
from qm9lib.data.dataset import QM9
from qm9lib.errors import DataError
from qm9lib.labels import ELEMENTS, LABELS

_SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb "
    "Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm "
    "Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
).split()
_LARGEST = 1_000  # atoms: the networks look at every pair
_SAME_PLACE = 0.1  # Å; in no molecule are two atoms closer than 0.7 Å
_IN_NM = 0.35  # Å: if no atom has a neighbour beyond, bonds of 0.07 to 0.35 nm were meant
_MOST = 64_000_000  # bytes of a file; all molecules of QM9 take 90 MB as XYZ

_MOST_MOLECULES = 300_000  # with one atom each, they fill some 200 MB

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# In a comment, as in "charge=1", "charge: +1.0", "charge -1", "charge 1-" and {"charge": 1}.
_TELLS = (
    r"(?<![\w.])(?:%s)[\"']?\s*(?:[=:]\s*)?[\"']?\s*([+−-]?\d+(?:[+−-](?!\d))?)(?:\.0*)?(?![\w.])"
)
_CHARGE = re.compile(
    _TELLS % r"(?:(?:total|net)[ _-]?)?charge|chrg|chg|q(?=\s*[=:])", re.IGNORECASE
)
_MULTIPLICITY = re.compile(_TELLS % r"(?:spin[ _-]?)?mult(?:iplicity)?|mul", re.IGNORECASE)
_UNPAIRED = re.compile(_TELLS % "uhf|nopen|unpaired(?:[ _-]?electrons)?", re.IGNORECASE)
# "0 1", as in input files of Gaussian; perhaps followed by a name.
_BOTH = re.compile(r"\s*([+−-]?\d)\s+([1-9])(?:\s+[a-z].*)?\s*", re.IGNORECASE)
_NOT_ANGSTROM = r"(bohrs?|a\.?u\.?|atomic units?|n(?:m|anomet(?:er|re)s?)|p(?:m|icomet(?:er|re)s?))"
_UNIT = re.compile(  # "units=bohr", "coordinates in nm" or "positions (a.u.)"; or the unit alone
    r"(?<![\w.])(?<!energy )(?:units?[\"']?\s*(?:[=:]|are|in)?\s*[\"'(]?"
    r"|(?:coord\w*|pos|positions?|xyz|geometry)[\"']?\s*(?:[=:]|are)?\s*(?:in\s+|\())"
    rf"{_NOT_ANGSTROM}(?!\w)|^\W*(?:in )?{_NOT_ANGSTROM}\W*$",
    re.IGNORECASE,
)
# A key and its value, which may be in quotes and contain what looks like another key.
_PAIR = re.compile(r"([\w.-]+)[\"']?\s*[=:]\s*(\"[^\"]*\"|'[^']*'|\S*)")
_LATTICE = re.compile(r"(?<![\w.])(?:Lattice|Cell)\s*=", re.IGNORECASE)
_PERIODIC = re.compile(
    r"(?<![\w.])pbc(?:\s*=|[\"']\s*:)\s*(\"[^\"]*\"|'[^']*'|\[[^\]]*\]|\S*)", re.IGNORECASE
)


class XYZMolecule(NamedTuple):
    """One molecule of a file: its first line, comment, elements and positions (Å)."""

    line: int
    comment: str
    symbols: tuple[str, ...]
    positions: tuple[tuple[float, float, float], ...]

    @property
    def formula(self) -> str:
        """Chemical formula in Hill order: carbon, hydrogen, then the others alphabetically."""
        counts = Counter(self.symbols)
        first = ("C", "H") if "C" in counts else ()
        order = sorted(counts, key=lambda s: (first.index(s) if s in first else len(first), s))
        return "".join(s + (str(counts[s]) if counts[s] > 1 else "") for s in order)

    @property
    def foreign(self) -> list[str]:
        """Its elements that do not occur in QM9, in alphabetical order."""
        return sorted({s for s in self.symbols if _SYMBOLS.index(s) + 1 not in ELEMENTS})

    @property
    def charge(self) -> int | None:
        """Charge in elementary charges if the comment gives it: ``charge=1``, or ``1 2``."""
        found = _CHARGE.search(self.comment) or _BOTH.fullmatch(self.comment)
        return _integer(found[1]) if found else None

    @property
    def multiplicity(self) -> int | None:
        """Spin multiplicity if the comment gives it: ``mult=2``, ``uhf=1``, or the 2 in ``1 2``."""
        if found := _MULTIPLICITY.search(self.comment):
            return _integer(found[1])
        if found := _UNPAIRED.search(self.comment):
            return _integer(found[1]) + 1
        found = _BOTH.fullmatch(self.comment)
        return int(found[2]) if found else None

    @property
    def periodic(self) -> bool:
        """Whether the comment mentions a lattice that repeats the atoms."""
        directions = _PERIODIC.search(self.comment)
        if directions:
            return bool(re.search(r"\b(?:t|true|1)\b", directions[1], re.IGNORECASE))
        return bool(_LATTICE.search(self.comment))


def _integer(text: str) -> int:
    """Read 1, +1, -1, 1- and the like; the minus sign may be a true one."""
    digits = text.strip("+-−")
    return -int(digits) if {"-", "−"} & {*text} else int(digits)


def parse(text: str, file: str = "file") -> list[XYZMolecule]:
    r"""Read the molecules of an XYZ file, or of records of QM9.

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
        coordinate is not a finite number, two atoms are in the same place, or the coordinates are
        not in Å (the message names the line); or if there are more than 300,000 molecules.

    Examples
    --------
    >>> parse("2\nhydrogen\nH 0 0 0\nH 0 0 0.74\n")[0].symbols
    ('H', 'H')
    >>> parse("1\n\nXx 0 0 0\n")
    Traceback (most recent call last):
    qm9lib.errors.DataError: file, line 3: 'Xx' is not an element; expected a symbol such as C
    """
    # Not splitlines(), for which a form feed or an odd space in a comment ends a line, too.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    molecules: list[XYZMolecule] = []
    start = 0
    while start < len(lines):
        if not lines[start].strip():
            start += 1
            continue
        molecule = _molecule(lines, start, file)
        start += 2 + len(molecule.symbols)
        if re.match(r"gdb \d+(?:\s|$)", molecule.comment):
            # Skip the rest of a QM9 record: frequencies, SMILES, InChI; and its many properties.
            molecule = molecule._replace(comment=" ".join(molecule.comment.split()[:2]))
            if lines[start + 2 : start + 3] and lines[start + 2].startswith("InChI="):
                start += 3
        molecules.append(molecule)
        if len(molecules) > _MOST_MOLECULES:
            raise DataError(
                f"{file} has more than {_MOST_MOLECULES:,} molecules: split it into several files"
            )
    if not molecules:
        raise DataError(f"{file} is empty: expected the number of atoms in its first line")
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
    while atoms and start + 2 + len(atoms) == len(lines) and not atoms[-1].strip():
        atoms.pop()  # blank lines at the end of the file
    if len(atoms) < int(count):
        raise DataError(
            f"{file} ends after {len(atoms)} of the {count} atoms that line {start + 1} announces"
        )
    if unit := _UNIT.search(comment):
        given = unit[1] or unit[2]
        factor = {"n": "10", "p": "0.01"}.get(given[0].lower(), "0.529177")
        raise DataError(
            f"{file}, line {start + 2}: the comment says the coordinates are in {given}, expected "
            f"Å: multiply them by {factor}, and remove the unit from the comment"
        )
    element, first, columns = _columns(comment, f"{file}, line {start + 2}")
    symbols: list[str] = []
    positions: list[tuple[float, float, float]] = []
    for number, line in enumerate(atoms, start + 3):
        where, words = f"{file}, line {number}", line.split()
        if len(words) < columns:
            raise DataError(
                f"{where}: found {_short(line)}, expected "
                + (
                    "an element and its x, y and z in Å, such as 'C 0.0 0.0 1.2'"
                    if columns == 4
                    else f"the {columns} columns that Properties in line {start + 2} announces"
                )
            )
        symbols.append(_symbol(words[element], where))
        x, y, z = (
            _coordinate(name, word, where)
            for name, word in zip("xyz", words[first : first + 3], strict=True)
        )
        positions.append((x, y, z))
    _check_distances(np.array(positions), start + 3, file)
    return XYZMolecule(start + 1, comment.strip(), tuple(symbols), tuple(positions))


def _columns(comment: str, where: str) -> tuple[int, int, int]:
    """Return the columns of the element and of x, and the least number of columns."""
    values = [value for key, value in _PAIR.findall(comment) if key.lower() == "properties"]
    if not values:
        return 0, 1, 4
    given = values[0].strip("\"'{},")
    words = given.split(":")
    names, kinds, widths = words[::3], words[1::3], words[2::3]
    if len(words) % 3 or not all(re.fullmatch("[1-9][0-9]{0,2}", width) for width in widths):
        raise DataError(
            f"{where}: found Properties={_short(given)}, expected names, kinds and numbers of "
            "columns, such as Properties=species:S:1:pos:R:3"
        )
    column, named = 0, {}
    for name, kind, width in zip(names, kinds, widths, strict=True):
        if name.lower() in named:
            raise DataError(f"{where}: Properties has {_short(name)} twice, expected it once")
        named[name.lower()] = (column, kind.upper(), int(width))
        column += int(width)
    element, position = named.get("species"), named.get("pos")
    if element is None or position is None or element[1:] != ("S", 1) or position[1:] != ("R", 3):
        raise DataError(
            f"{where}: found Properties={_short(given)}, expected it to have species:S:1 and "
            "pos:R:3, the element and its x, y and z"
        )
    return element[0], position[0], column


def _symbol(word: str, where: str) -> str:
    symbol = word.capitalize()
    if not word.isascii() or symbol not in _SYMBOLS:
        raise DataError(f"{where}: {_short(word)} is not an element; expected a symbol such as C")
    return symbol


def _coordinate(name: str, word: str, where: str) -> float:
    # Notations of Fortran (1.2D+00) and QM9 (1.2*^-6), but not those of Python alone (1_000).
    plain = re.sub(r"(?<=[0-9.])(?:[dD]|\*\^)(?=[+-]?[0-9])", "e", word)
    try:
        value = float(plain) if plain.isascii() and "_" not in plain else np.nan
    except ValueError:
        value = np.nan
    if not abs(value) < 1e6:
        raise DataError(
            f"{where}: {name} is {_short(word)}, expected a number of Å below 1e6, such as 1.2"
        )
    return value


def _check_distances(positions: np.ndarray, line: int, file: str) -> None:
    """Raise an error for two atoms in one place, or coordinates in nm; ``line`` is the first."""
    distances = np.linalg.norm(positions[:, None] - positions[None, :], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.min(axis=1)
    if len(positions) > 1 and 0 < nearest.min() and nearest.max() < _IN_NM:
        raise DataError(
            f"{file}, lines {line} to {line + len(positions) - 1}: every atom is within "
            f"{nearest.max():.3f} Å of another one, as if the coordinates were in nm; "
            "expected Å: multiply them by 10"
        )
    if nearest.min() < _SAME_PLACE:
        second = int(np.argmax((np.tril(distances < _SAME_PLACE)).any(axis=1)))
        first = int(np.argmax(distances[second] < _SAME_PLACE))
        raise DataError(
            f"{file}, line {line + second}: this atom is in the same place as the one in line "
            f"{line + first} ({distances[second, first]:.3f} Å apart); remove one of them"
        )


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")


def read(path: str | Path) -> list[XYZMolecule]:
    """Read the molecules of a file; see `parse`.

    The file is UTF-8, or UTF-16 or UTF-32 with a byte order mark; any other text is taken as
    Latin-1, which matters only in comments.

    Raises
    ------
    DataError
        As in `parse`; also if there is no such file, it is not text, or it is larger than 64 MB.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST + 1)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > _MOST:
        raise DataError(f"{path} has more than {_MOST:,} bytes: split it into several files")
    return parse(_decoded(content, path), str(path))


def _decoded(content: bytes, path: str | Path) -> str:
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise DataError(
                f"{path} is not a text file: it begins like {encoding.upper()}, but byte "
                f"{error.start:,} is not valid in it"
            ) from error
        text = content.decode("latin-1")
    if "\0" in text:
        raise DataError(
            f"{path} is not a text file, so it is not an XYZ file; expected UTF-8, Latin-1, or "
            "UTF-16 with a byte order mark"
        )
    return text


def to_qm9(molecules: list[XYZMolecule]) -> QM9:
    r"""Return molecules in the form that models take, with unknown charges and labels set to NaN.

    Parameters
    ----------
    molecules
        At least one molecule, none with `XYZMolecule.foreign` elements.

    Returns
    -------
    QM9
        Numbered from 1 in ``index``.

    Raises
    ------
    ValueError
        If a molecule has an element that does not occur in QM9.

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
