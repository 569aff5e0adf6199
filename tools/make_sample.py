"""Draw the bundled sample, ``qm9lib/data/sample.csv.gz``, from the installed qm9pack.

The sample holds whole lines of qm9pack's CSV files, so that one reader takes both; only the
frequencies, which no label needs, are left out to keep it under 1 MB.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from qm9lib.data import qm9pack

MOLECULES = 2_000
FREQUENCIES = 15  # the piece of a line split at the quotes that holds the frequencies


def draw(n_heavy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose all molecules up to five heavy atoms, and as many of each larger size as will fit."""
    small = np.flatnonzero(n_heavy <= 5)
    sizes = [6, 7, 8, 9]
    counts = np.diff(np.linspace(0, MOLECULES - len(small), len(sizes) + 1).astype(int))
    larger = [
        rng.choice(np.flatnonzero(n_heavy == size), count, replace=False)
        for size, count in zip(sizes, counts, strict=True)
    ]
    return np.sort(np.concatenate([small, *larger]))


def main() -> None:
    """Write the sample and say how large it is."""
    columns = qm9pack.read()
    heavy = (columns["atomic_numbers"] > 1).astype(np.int64)
    chosen = draw(np.add.reduceat(heavy, columns["offsets"][:-1]), np.random.default_rng(0))
    parts = [
        (qm9pack.installed_folder() / name).read_bytes().splitlines() for name in qm9pack.FILES
    ]
    header, lines = parts[0][0], [line for part in parts for line in part[1:]]
    rows = []
    for i in chosen:
        pieces = lines[i].split(b'"')
        pieces[FREQUENCIES] = b"[]"
        rows.append(b'"'.join(pieces))
    text = b"\n".join([header, *rows, b""])
    path = Path(__file__).parents[1] / "qm9lib" / "data" / "sample.csv.gz"
    path.write_bytes(gzip.compress(text, 9, mtime=0))
    sample = qm9pack.parse_csv(text)
    print(f"{path.name}: {len(sample['index'])} molecules, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
