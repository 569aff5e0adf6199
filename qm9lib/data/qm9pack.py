"""The CSV files of the PyPI package ``qm9pack``: the molecules without a separate download.

``qm9pack`` (by R. Ramakrishnan, an author of QM9) carries the 130,831 characterized molecules as
three CSV files. They are read as data, with their SHA-256 checked; the package's own code is not
imported.

The same reader reads the bundled sample, whose lines are taken from those files.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import numpy as np

from qm9lib.data.columns import Columns, concatenate
from qm9lib.errors import DataError
from qm9lib.labels import LABELS, SYMBOLS

VERSION = "1.0.3"

FILES: dict[str, str] = {
    "qm9_part1.csv": "19f0a5d595462d52cd82eef3370f3e9eb55a1f52cb14985657200349568deff3",
    "qm9_part2.csv": "2bca113fdc0b28a13563c80ed9b240e934f3da6c64c64fe74ddb4f0f36036e61",
    "qm9_part3.csv": "9c5efb5733d2af149db8d95d36ff198b4ffed12d9f7b344220a1e5877d5c6a43",
}
"""SHA-256 of each CSV file of qm9pack 1.0.3, in the order of the molecules."""

# A row has eight quoted fields. Split at the quotes it has 17 pieces; these are the ones read.
_PIECES = 17
_INDEX, _SMILES, _ELEMENTS, _POSITIONS, _CHARGES, _PROPERTIES = 2, 3, 9, 11, 13, 16


def is_installed() -> bool:
    """Return whether the package is installed; its code is not run."""
    return importlib.util.find_spec("qm9pack") is not None


def installed_folder() -> Path:
    """Return the folder with the CSV files of the installed package.

    Raises
    ------
    DataError
        If the package is not installed; the message says how to install it.
    """
    spec = importlib.util.find_spec("qm9pack")
    if spec is None or spec.origin is None:
        raise DataError(
            f"qm9pack is not installed: run `pip install qm9pack=={VERSION}` (104 MB) and call "
            "load() again, or use qm9lib.load_sample() for 2,000 molecules that need no download"
        )
    return Path(spec.origin).parent / "data"


def read(folder: Path | None = None) -> Columns:
    """Read the 130,831 characterized molecules from qm9pack's CSV files.

    Parameters
    ----------
    folder
        Folder with the files named in ``FILES``; by default the folder of the installed package.

    Returns
    -------
    dict
        The arrays of a `qm9lib.QM9` by field name.

    Raises
    ------
    DataError
        If a file is missing, or its SHA-256 differs from the published one.
    """
    folder = installed_folder() if folder is None else folder

    def checked(name: str) -> bytes:
        return _checked_bytes(folder / name, FILES[name])

    # Reading and hashing release the interpreter lock, so the next file loads while one is parsed.
    with ThreadPoolExecutor(max_workers=1) as pool:
        parts = [parse_csv(text) for text in pool.map(checked, FILES)]
    return concatenate(parts)


def read_sample() -> Columns:
    """Read the bundled sample of 2,000 molecules; returns what `read` returns."""
    packed = resources.files("qm9lib").joinpath("data/sample.csv.gz").read_bytes()
    return concatenate([parse_csv(gzip.decompress(packed))])


def _checked_bytes(path: Path, sha256: str) -> bytes:
    advice = f"reinstall it with `pip install --force-reinstall qm9pack=={VERSION}`"
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; {advice}") from error
    found = hashlib.sha256(text).hexdigest()
    if found != sha256:
        raise DataError(
            f"{path} is not the file of qm9pack {VERSION}: its SHA-256 is {found}, "
            f"expected {sha256}; {advice}"
        )
    return text


def parse_csv(text: bytes) -> Columns:
    """Parse CSV text in the format of qm9pack, header line included.

    Parameters
    ----------
    text
        Whole lines: file name, index, SMILES, InChI, number of atoms, stoichiometry, elements,
        coordinates (Å), Mulliken charges (e), frequencies, and the fifteen properties.

    Returns
    -------
    dict
        ``index``, ``n_atoms``, ``atomic_numbers``, ``positions``, ``charges``, ``labels`` and
        ``smiles`` of the molecules in the order of the lines.

    Raises
    ------
    DataError
        If a line has the wrong number of fields, an element is not one of H C N O F, or the counts
        of numbers do not match the atoms.
    """
    # One list per column, not one per row: 130,831 small lists would keep the garbage
    # collector busy for longer than the parsing takes.
    columns: dict[int, list[bytes]] = {
        piece: [] for piece in (_INDEX, _SMILES, _ELEMENTS, _POSITIONS, _CHARGES, _PROPERTIES)
    }
    for number, line in enumerate(text.splitlines()[1:], start=2):
        pieces = line.split(b'"')
        if len(pieces) != _PIECES:
            raise DataError(
                f"line {number}: expected 8 quoted fields, found {(len(pieces) - 1) / 2:g}"
            )
        for piece, column in columns.items():
            column.append(pieces[piece])

    # "['C','H']" has four characters per atom, plus one.
    # intp: where it has 32 bits, as in a web page, np.repeat does not accept int64.
    n_atoms = np.array([len(field) // 4 for field in columns[_ELEMENTS]], dtype=np.intp)
    symbols = np.frombuffer(b"".join(columns[_ELEMENTS]).translate(None, b"[]', "), dtype=np.uint8)
    atomic_number_of = np.zeros(256, dtype=np.int8)
    for atomic_number, symbol in SYMBOLS.items():
        atomic_number_of[ord(symbol)] = atomic_number
    atomic_numbers = atomic_number_of[symbols]
    if not atomic_numbers.all():
        found = chr(symbols[np.argmin(atomic_numbers)])
        raise DataError(f"element {found!r} is not one of {', '.join(SYMBOLS.values())}")

    properties = _numbers(b"\n".join(columns[_PROPERTIES]).replace(b"\n,", b",").lstrip(b","))
    index = _numbers(b",".join(field.strip(b",") for field in columns[_INDEX]))
    positions = _numbers(b",".join(columns[_POSITIONS]).translate(None, b"[]"))
    charges = _numbers(b",".join(columns[_CHARGES]).translate(None, b"[]"))
    molecules, atoms = len(n_atoms), int(n_atoms.sum())
    for what, array, size in (
        ("elements", atomic_numbers, atoms),
        ("coordinates", positions, 3 * atoms),
        ("charges", charges, atoms),
        ("indices", index, molecules),
        ("properties", properties, (len(LABELS) - 1) * molecules),
    ):
        if array.size != size:
            raise DataError(f"found {array.size} {what} in {molecules} lines, expected {size}")
    return {
        "index": index.astype(np.int64),
        "n_atoms": n_atoms,
        "atomic_numbers": atomic_numbers,
        "positions": positions.reshape(atoms, 3),
        "charges": charges,
        "labels": np.column_stack([index, properties.reshape(molecules, len(LABELS) - 1)]),
        "smiles": np.array([field.decode("ascii") for field in columns[_SMILES]], dtype=np.str_),
    }


def _numbers(text: bytes) -> np.ndarray:
    # NumPy's text reader: correctly rounded float64, without a Python object per number. Meeting
    # anything else, it raises or warns, depending on the version; the caller's count fails anyway.
    try:
        return np.fromstring(text, dtype=np.float64, sep=",")
    except ValueError as error:
        raise DataError(f"a field contains something that is not a number: {error}") from error
