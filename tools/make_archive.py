"""Rebuild an archive of QM9 records, ``dsgdb9nsd.xyz.tar.bz2``, from the CSV files of qm9pack.

It has the 130,831 characterized molecules in the format of the published archive, so that reading
one can be tested and measured without the network. qm9pack keeps the spelling of every number, but
only the SMILES and InChI of GDB-17: these stand for those of the relaxed geometry too.

    python tools/make_archive.py FILE
"""

from __future__ import annotations

import argparse
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from qm9lib.data import qm9pack

# Pieces of a line split at its quotes, and what is between the numbers.
_NAME, _INDEX, _SMILES, _INCHI = 1, 2, 3, 5
_ELEMENTS, _POSITIONS, _CHARGES, _FREQUENCIES, _PROPERTIES = 9, 11, 13, 15, 16


def records(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the file name and text of each record that a CSV file of qm9pack tells.

    The text is put together from the pieces as they are: no number is read or written.
    """
    for line in text.splitlines()[1:]:
        pieces = line.replace(b"E-", b"*^-").split(b'"')

        def numbers(piece: int, pieces: list[bytes] = pieces) -> list[bytes]:
            return pieces[piece].translate(None, b"[]' ").strip(b",").split(b",")

        symbols, positions, charges = numbers(_ELEMENTS), numbers(_POSITIONS), numbers(_CHARGES)
        lines = [
            b"%d" % len(symbols),
            b"gdb " + pieces[_INDEX].strip(b",") + b"\t" + b"\t".join(numbers(_PROPERTIES)) + b"\t",
        ]
        for atom, (symbol, charge) in enumerate(zip(symbols, charges, strict=True)):
            words = (*positions[3 * atom : 3 * atom + 3], charge)
            padded = (word if word.startswith(b"-") else b" " + word for word in words)
            lines.append(b"\t".join((symbol, *padded)))
        lines.append(b"\t".join(numbers(_FREQUENCIES)))
        # The formulas are text: E- in them is no exponent (there is none in the present files).
        lines.append((line.split(b'"')[_SMILES] + b"\t") * 2)
        lines.append(b"\t".join([line.split(b'"')[_INCHI]] * 2))
        yield pieces[_NAME].decode("ascii"), b"\n".join(lines) + b"\n"


def all_records() -> Iterator[tuple[str, bytes]]:
    """Yield the file name and text of all 130,831 records, in order."""
    folder = qm9pack.installed_folder()
    for name in qm9pack.FILES:
        yield from records((folder / name).read_bytes())


def write(
    path: Path, members: Iterator[tuple[str, bytes]], total: int | None = None, level: int = 9
) -> None:
    """Write the records as a tar file compressed by bzip2, in blocks of ``level`` times 100 kB."""
    with tarfile.open(path, "w:bz2", format=tarfile.USTAR_FORMAT, compresslevel=level) as archive:
        for name, text in tqdm(members, total=total, unit=" records", unit_scale=True):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, help="archive to write")
    write(parser.parse_args().file, all_records(), total=130_831)
