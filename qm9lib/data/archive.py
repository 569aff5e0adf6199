"""The archive of QM9's records, read as a stream: nothing is unpacked to disk."""

from __future__ import annotations

import bz2
import re
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import Float

from qm9lib import progress
from qm9lib.data.columns import Columns, concatenate
from qm9lib.data.records import RecordParts, split_record
from qm9lib.errors import DataError, RecordError
from qm9lib.labels import LABELS, SYMBOLS

_MEMBER = re.compile(r"(?:\./)?(dsgdb9nsd_(\d{6})\.xyz)")
_LARGEST_RECORD = 65_536  # bytes; the published ones have less than 4,000
_BLOCK = 512  # bytes, in a tar file
_CHUNK = 1 << 24  # bytes: enough for the two threads rarely to wait for each other
_CUT_OFF = "is cut off, or is not a tar file compressed with bzip2"
_TOGETHER = 500  # records whose numbers are converted at once
_ELEMENTS = "".join(SYMBOLS.values()).encode("ascii")
_ATOMIC_NUMBERS = np.zeros(256, dtype=np.int8)  # by letter
_ATOMIC_NUMBERS[np.frombuffer(_ELEMENTS, dtype=np.uint8)] = [*SYMBOLS]


def read(path: Path, molecules: int, leave_out: Collection[int] = ()) -> Columns:
    """Read an archive of records as a stream; nothing is unpacked to disk.

    Decompression runs in a second thread, and takes longer than everything else.

    Parameters
    ----------
    path
        A tar file packed with bzip2, with one member ``dsgdb9nsd_NNNNNN.xyz`` per molecule.
    molecules
        Number of molecules that it must hold.
    leave_out
        Numbers of the molecules to skip.

    Returns
    -------
    dict
        The arrays of a `qm9lib.QM9` by field name, in the order of the index.

    Raises
    ------
    RecordError
        If a record is not as published.
    DataError
        If the archive is damaged, or does not hold exactly this many molecules, each once.
    """
    numbers: list[int] = []
    records: list[RecordParts] = []
    parts: list[Columns] = []
    with progress.bar(total=molecules, desc=path.name, unit=" molecules", unit_scale=True) as bar:
        for name, number, text in _members(path):
            numbers.append(number)
            if number not in leave_out:
                records.append(split_record(text, name))
                if records[-1].number != number:
                    raise RecordError(
                        f"{name}, line 2, column 5: found {records[-1].number}, expected {number} "
                        "as in the name of the file"
                    )
            if len(records) == _TOGETHER:
                parts.append(_columns(records))
                records = []
                bar.update(len(numbers) - bar.n)
        parts.append(_columns(records))
        bar.update(len(numbers) - bar.n)
    if len(numbers) != molecules or len(set(numbers)) != molecules:
        raise DataError(
            f"{path} has {len(numbers):,} records of {len(set(numbers)):,} molecules, expected "
            f"{molecules:,}, each once"
        )
    return concatenate(parts)


def _columns(records: list[RecordParts]) -> Columns:
    """Convert the texts of records to arrays, all their numbers at once."""
    index = np.array([record.number for record in records], dtype=np.int64)
    atoms = "".join(record.atoms for record in records).encode("ascii")
    letters = atoms.translate(None, b"-0123456789.*^ \t\n")
    numbers = _numbers(atoms.translate(None, _ELEMENTS)).reshape(-1, 4)
    properties = _numbers("".join(record.properties for record in records).encode("ascii"))
    return {
        "index": index,
        "n_atoms": np.array([record.n_atoms for record in records], dtype=np.int64),
        "atomic_numbers": _ATOMIC_NUMBERS[np.frombuffer(letters, dtype=np.uint8)],
        "positions": numbers[:, :3],
        "charges": numbers[:, 3],
        "labels": np.column_stack([index, properties.reshape(len(index), len(LABELS) - 1)]),
        "smiles": np.array([record.smiles[0] for record in records], dtype=np.str_),
    }


def _numbers(text: bytes) -> Float[np.ndarray, " numbers"]:
    # NumPy's text reader: correctly rounded float64, without a Python object per number.
    return np.fromstring(text.replace(b"*^", b"e"), dtype=np.float64, sep=" ")


def _members(path: Path) -> Iterator[tuple[str, int, bytes]]:
    """Yield name, number and text of each record in a tar file.

    Python's tarfile takes more than twice as long as the decompression, which has a core of its
    own; this reader takes a tenth as long.
    """
    blocks = _decompressed(path)
    buffer, start = b"", 0

    def take(size: int) -> bytes:
        nonlocal buffer, start
        while len(buffer) - start < size:
            block = next(blocks, b"")
            if not block:
                raise DataError(f"{path} {_CUT_OFF}")
            buffer, start = buffer[start:] + block, 0
        start += size
        return buffer[start - size : start]

    while True:
        header = take(_BLOCK)
        if not any(header):  # a block of zeros ends the archive
            return
        name, size, is_file = _read_header(header, path)
        if size > _LARGEST_RECORD:
            raise DataError(
                f"{path}: {name!r} has {size:,} bytes, expected at most {_LARGEST_RECORD:,}"
            )
        text = take(size + -size % _BLOCK)[:size]
        # Folders, links and other files are not read. Nothing is ever written under these names.
        if is_file and (matched := _MEMBER.fullmatch(name)):
            yield matched[1], int(matched[2]), text


def _read_header(header: bytes, path: Path) -> tuple[str, int, bool]:
    """Return name, size, and whether it is a plain file, from a header of a (POSIX) tar file."""
    try:
        if int(header[148:156].rstrip(b" \0"), 8) != sum(header) - sum(header[148:156]) + 8 * 32:
            raise ValueError("checksum")
        size = int(header[124:136].rstrip(b" \0"), 8)
        if size < 0:
            raise ValueError("size")
    except ValueError as error:
        raise DataError(
            f"{path} is not a tar file, or is damaged: a header cannot be read"
        ) from error
    return header[:100].rstrip(b"\0").decode("latin-1"), size, header[156:157] in (b"0", b"\0")


def _decompressed(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a bzip2 file; a second thread prepares the next ones."""
    with bz2.open(path) as file, ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(file.read, _CHUNK)
        try:
            while block := future.result():
                future = pool.submit(file.read, _CHUNK)
                yield block
        except EOFError as error:
            raise DataError(f"{path} {_CUT_OFF}") from error
        except OSError as error:
            raise DataError(f"{path} is damaged, or not compressed with bzip2: {error}") from error
