"""One record of QM9: the text file ``dsgdb9nsd_NNNNNN.xyz`` of a molecule.

The reader is strict: it accepts what the published files hold and nothing else, so that writing a
record gives back the bytes that were read. The format is the one described in the data set's readme
(Ramakrishnan et al. 2014), with tabs between the fields::

    3                                             number of atoms
    gdb 3   799.58812   437.90386   ...   6.002   number of the molecule, fifteen properties
    O   -0.0343604951    0.9775395708   ...       element, x, y, z (Å), Mulliken charge (e)
    H    0.0647664923    0.0205721989   ...
    H    0.8717903737    1.3007924048   ...
    1671.4222   3803.6305   3907.698              harmonic frequencies (1/cm)
    O   O                                         SMILES: in GDB-17, of the relaxed geometry
    InChI=1S/H2O/h1H2   InChI=1S/H2O/h1H2         InChI: the same two

Numbers are written the way Mathematica does: no trailing zeros (``1.``, ``0.25``), and ``1.2*^-6``
for 1.2e-6. In the lines of the atoms, a space takes the place of a missing minus sign.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from qm9lib.errors import RecordError
from qm9lib.labels import LABELS

# Plain decimals from 1e-5 to 1e6, powers of ten outside; no trailing zeros; at most 15 digits, as
# many as a float64 keeps, and nine decimals from 100 on. Nothing is tried twice (?>, ++), so that
# 18 million numbers are read fast.
_FRACTION = r"(?:\d{1,%d}+(?<!0))?"
_REAL = (
    r"(?>0\.(?:0{0,4}+[1-9]\d{0,14}+(?<!0))?"
    r"|[1-9](?>"
    rf"\.{_FRACTION % 14}(?:\*\^-?(?:[1-9]\d|[6-9]))?"
    rf"|\d\.{_FRACTION % 13}"
    rf"|\d{{2,5}}+\.{_FRACTION % 9}))"
)
_SIGNED = f"-?{_REAL}"
_PADDED = f"[ -]{_REAL}"
# The rotational constant A of four linear molecules is the whole number 0.
_PROPERTY = rf"(?>{_SIGNED}|0|-?[1-9]\d{{0,5}})"
_COUNT = r"(?:[2-9]|[1-9]\d{1,2})"
_INDEX = r"gdb [1-9]\d{0,5}"
_ELEMENT = "[HCNOF]"
_SMILES = "[!-~]+"
_INCHI = "InChI=[!-~]+"
_ATOM = rf"{_ELEMENT}(?:\t{_PADDED}){{4}}\n"

_RECORD = re.compile(
    rf"({_COUNT})\n"
    rf"({_INDEX})\t((?:{_PROPERTY}\t){{15}})\n"
    rf"((?:{_ATOM})++)"
    rf"((?:{_SIGNED}\t)*+{_SIGNED})\n"
    rf"({_SMILES})\t({_SMILES})\t\n"
    rf"({_INCHI})\t({_INCHI})(\n?)",
    re.ASCII,
)


@dataclass(frozen=True)
class Record:
    """The contents of one record, in its own units.

    Attributes
    ----------
    index
        Number of the molecule, from 1.
    properties
        A, B, C (GHz), mu (D), alpha (a0³), homo, lumo, gap (hartree), r2 (a0²), zpve, U0, U, H, G
        (hartree) and Cv (cal/(mol K)): the labels 1 to 15 of ``qm9lib.LABELS``. A number without
        a point is an int, so that it is written without one.
    symbols
        Element of each atom.
    positions
        x, y, z of each atom, Å.
    charges
        Mulliken charge of each atom, e.
    frequencies
        Harmonic vibrational frequencies, 1/cm: 3 N - 6 of them for N atoms, 3 N - 5 for most linear
        molecules; the published files give some lists twice.
    smiles
        SMILES in GDB-17, and of the relaxed geometry.
    inchi
        InChI of the same two.
    line_end
        Whether the last line ends with a line break; copies differ here.
    """

    index: int
    properties: tuple[int | float, ...]
    symbols: tuple[str, ...]
    positions: tuple[tuple[float, float, float], ...]
    charges: tuple[float, ...]
    frequencies: tuple[float, ...]
    smiles: tuple[str, str]
    inchi: tuple[str, str]
    line_end: bool = True


def parse_record(text: str | bytes, file: str = "record") -> Record:
    r"""Read one record.

    Parameters
    ----------
    text
        The whole file, including line breaks.
    file
        Its name, for error messages.

    Returns
    -------
    Record
        ``format_record`` turns it back into the same text.

    Raises
    ------
    RecordError
        If the text is anything but a record as published; the message gives file, line and column,
        what was found and what was expected.

    Examples
    --------
    >>> record = parse_record(hcn)  # the text of dsgdb9nsd_000005.xyz
    >>> record.symbols, record.positions[2], record.properties[0]
    (('C', 'N', 'H'), (-0.0278026991, 2.1989492963, 0.0141537903), 0.0)
    >>> parse_record(hcn.replace("0.0141537903", "0.0141E0"))
    Traceback (most recent call last):
    qm9lib.errors.RecordError: record, line 5, column 31: found ' 0.0141E0', expected z: ...
    """
    parts = split_record(text, file)
    words = parts.atoms.replace("*^", "e").split()
    x, y, z, charges = (tuple(map(float, words[column::5])) for column in range(1, 5))
    return Record(
        index=parts.number,
        properties=_numbers(parts.properties),
        symbols=tuple(words[::5]),
        positions=tuple(zip(x, y, z, strict=True)),
        charges=charges,
        frequencies=_numbers(parts.frequencies),
        smiles=parts.smiles,
        inchi=parts.inchi,
        line_end=parts.line_end,
    )


class RecordParts(NamedTuple):
    """The parts of a record that has been checked, with the numbers still as text."""

    number: int
    n_atoms: int
    properties: str
    atoms: str
    frequencies: str
    smiles: tuple[str, str]
    inchi: tuple[str, str]
    line_end: bool


def split_record(text: str | bytes, file: str = "record") -> RecordParts:
    """Check a record and take it apart, like `parse_record` but without converting the numbers.

    Readers of many records convert the numbers of many at once, which takes a third of the time.
    Parameters and errors are as in `parse_record`.

    Examples
    --------
    >>> parts = split_record(hcn)  # the text of dsgdb9nsd_000005.xyz
    >>> parts.n_atoms, parts.smiles
    (3, ('C#N', 'C#N'))
    """
    if isinstance(text, bytes):
        text = text.decode("latin-1")  # never fails: the grammar refuses what is not ASCII
    match = _RECORD.fullmatch(text)
    if match is None:
        raise _defect(text, file)
    count, index, properties, atoms, frequencies, *names, line_end = match.groups()
    n_atoms = int(count)
    if atoms.count("\n") != n_atoms or frequencies.count("\t") + 1 not in _vibrations(n_atoms):
        raise _defect(text, file)
    smiles, inchi = (names[0], names[1]), (names[2], names[3])
    return RecordParts(
        int(index[4:]), n_atoms, properties, atoms, frequencies, smiles, inchi, bool(line_end)
    )


def format_record(record: Record) -> str:
    """Write one record in the format of the published files.

    Parameters
    ----------
    record
        A result of `parse_record`, or a record made from numbers with at most 15 digits, and at
        most nine decimals from 100 on.

    Returns
    -------
    str
        The text of the file; encode it as ASCII.

    Raises
    ------
    RecordError
        If no published file could hold the record: a number is not finite or has too many digits,
        an element is not one of QM9's, or lists have different lengths.

    Examples
    --------
    >>> text = format_record(parse_record(hcn))  # the text of dsgdb9nsd_000005.xyz
    >>> text == hcn
    True
    """
    lines = [
        f"{len(record.symbols)}",
        f"gdb {record.index}\t" + "".join(f"{_spell(value)}\t" for value in record.properties),
    ]
    for symbol, position, charge in zip(
        record.symbols, record.positions, record.charges, strict=False
    ):
        words = (_spell(value) for value in (*position, charge))
        padded = (word if word.startswith("-") else f" {word}" for word in words)
        lines.append("\t".join((symbol, *padded)))
    lines.append("\t".join(_spell(value) for value in record.frequencies))
    lines.append("".join(f"{smiles}\t" for smiles in record.smiles))
    lines.append("\t".join(record.inchi))
    text = "\n".join(lines) + "\n" * bool(record.line_end)
    # Any fault in the values shows up as a text that cannot be read back.
    if parse_record(text, f"record {record.index}") != record:
        raise RecordError(f"record {record.index} cannot be written: its lists do not fit together")
    return text


def _numbers(text: str) -> tuple[int | float, ...]:
    words = text.replace("*^", "e").split()
    if text.count(".") == len(words):
        return tuple(map(float, words))
    return tuple(float(word) if "." in word else int(word) for word in words)


def _spell(value: int | float) -> str:
    if isinstance(value, int):
        return str(value)
    value = float(value)  # a NumPy scalar would show its type
    size = abs(value)
    if 1e-4 <= size < 1e6 or size == 0:
        return repr(value).removesuffix("0") if value == int(value) else repr(value)
    if 1e-5 <= size < 1e-4:
        return np.format_float_positional(value, trim=".")
    text = np.format_float_scientific(value, trim=".", exp_digits=1)
    return text.replace("e", "*^").replace("+", "")


@cache
def _vibrations(n_atoms: int) -> tuple[int, ...]:
    """Return how many frequencies a record with this number of atoms may have."""
    nonlinear, linear = 3 * n_atoms - 6, 3 * n_atoms - 5
    return tuple(n for n in (nonlinear, linear, 2 * nonlinear, 2 * linear) if n > 0)


_Field = tuple[str, str]
"""Regular expression for a field, and a description of the field."""


def _defect(text: str, file: str) -> RecordError:
    """Return the first defect in a text that is not a record, looking field by field."""
    lines = text.removesuffix("\n").split("\n")

    def error(line: int, column: int, found: str, expected: str) -> RecordError:
        where = f"{file}, line {line}, column {column}"
        return RecordError(f"{where}: found {found}, expected {expected}")

    def check(number: int, fields: list[_Field]) -> None:
        if number > len(lines):
            raise error(number, 1, "the end of the file", fields[0][1])
        words, column = lines[number - 1].split("\t"), 1
        for word, (pattern, expected) in zip(words, fields, strict=False):
            if not re.fullmatch(pattern, word, re.ASCII):
                shown = repr(word if len(word) <= 40 else f"{word[:40]}...") if word else "nothing"
                raise error(number, column, shown, expected)
            column += len(word) + 1
        if len(words) < len(fields):
            expected = f"a tab and then {fields[len(words)][1]}"
            raise error(number, column - 1, "the end of the line", expected)
        if len(words) > len(fields):
            raise error(number, column - 1, "a tab", "the end of the line")

    number = "a number such as 0.5, 1. or 1.2*^-6, without zeros at the end"
    padded = f"a minus sign or a space, and {number}"
    last = ("", "the end of the line")
    properties = [(_PROPERTY, f"{name}: {number}") for name in [*LABELS][1:]]
    atom = [(_ELEMENT, "an element: H, C, N, O or F")]
    atom += [(_PADDED, f"{name}: {padded}") for name in ("x", "y", "z", "Mulliken charge")]
    try:
        check(1, [(_COUNT, "the number of atoms")])
        n_atoms = int(lines[0])
        check(2, [(_INDEX, "gdb and the number of the molecule"), *properties, last])
        for line in range(3, n_atoms + 3):
            check(line, atom)
        found = lines[n_atoms + 2].count("\t") + 1 if n_atoms + 2 < len(lines) else 1
        check(n_atoms + 3, [(_SIGNED, f"a frequency: {number}")] * found)
        if found not in _vibrations(n_atoms):
            counts = " or ".join(map(str, _vibrations(n_atoms)))
            raise error(n_atoms + 3, 1, f"{found} frequencies", f"{counts} for {n_atoms} atoms")
        check(n_atoms + 4, [(_SMILES, "a SMILES")] * 2 + [last])
        check(n_atoms + 5, [(_INCHI, "an InChI")] * 2)
    except RecordError as defect:
        return defect
    return error(n_atoms + 6, 1, "another line", "the end of the file")
