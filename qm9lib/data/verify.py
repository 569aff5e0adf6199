"""Checks of the data against the published values, and against physics.

The cache file is not taken at its word: counts, hashes and identities are computed anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from qm9lib.data import cache, figshare, files
from qm9lib.data.dataset import QM9
from qm9lib.data.splits import CHARACTERIZED
from qm9lib.labels import ELEMENTS, SYMBOLS
from qm9lib.units import GAS_CONSTANT, convert


class Check(NamedTuple):
    """One check: its name, whether it passed, and what was found."""

    name: str
    passed: bool
    found: str


CONTENT = {
    "atomic_numbers": "12864330fe28f3189ce94a18b379f2c4b1dea95fe2291a1835e6bf52cd032d1b",
    "charges": "dfaf5e91e8b9d41e75999f527d4638bca22445509b688141a34987b3f18b8f4b",
    "index": "0f765488b299e839161159ae9209ae86dc40bbd9d22c8e8051515367b97d8b38",
    "labels": "faa61c8243d3f31aea2266de4c9448071aac8a7ab77654ddaf85c353850e1d2e",
    "offsets": "44bc07b16a7de005353f7ea8a0b919aee4f8fec0a7bf7594410443d122c1f0cd",
    "positions": "73385df9ba938da2641726f22080d079a7ba7316cdd1ee80f763d76151030914",
    "smiles": "6767e549683879828a81601a747b44cbe1fb40d0885220fb8ec326f7642c951f",
}
"""SHA-256 of each array of the 130,831 characterized molecules, whatever their source."""


def checks(qm9: QM9) -> Iterator[Check]:
    """Check all molecules of QM9.

    Parameters
    ----------
    qm9
        The result of `qm9lib.load`, with or without the uncharacterized molecules.

    Yields
    ------
    Check
        Number and content of the characterized molecules; finite labels and positions; for every
        molecule, the identities gap = lumo - homo and H - U = RT (ideal gas at 298.15 K), and
        U0 < U < H and G < H; atoms against the SMILES.

    Raises
    ------
    DataError
        If the uncharacterized molecules are included, and the file that lists them is missing.

    Examples
    --------
    >>> import qm9lib
    >>> for check in checks(qm9lib.load()):
    ...     assert check.passed, check
    >>> check.name
    'heavy atoms as in the SMILES'
    """
    characterized = qm9 if len(qm9) <= CHARACTERIZED else qm9[~_is_listed(qm9)]
    yield Check(
        f"{CHARACTERIZED:,} characterized molecules",
        len(characterized) == CHARACTERIZED,
        f"{len(characterized):,}",
    )
    found = cache.digests({name: getattr(characterized, name) for name in CONTENT})
    different = [name for name in CONTENT if found[name] != CONTENT[name]]
    yield Check(
        "their content (SHA-256)", not different, f"different: {different}" if different else "same"
    )
    finite = np.isfinite(qm9.labels).all() and np.isfinite(qm9.positions).all()
    yield Check("labels and positions are finite", bool(finite), "yes" if finite else "no")

    # Orbital energies are given to 1e-4 hartree, the others to 1e-6: half of that for each term.
    gap = qm9.target("lumo") - qm9.target("homo") - qm9.target("gap")
    yield _identity("gap = lumo - homo", gap, 1.5e-4)
    rt = convert(GAS_CONSTANT * 298.15 / 1e3, "kJ/mol", "hartree")
    yield _identity("H - U = RT", qm9.target("H") - qm9.target("U") - rt, 1e-6)
    u0, u, h, g = (qm9.target(name) for name in ("U0", "U", "H", "G"))
    disordered = int(np.sum(~((u0 < u) & (u < h) & (g < h))))
    yield Check("U0 < U < H and G < H", disordered == 0, f"{disordered:,} exceptions")

    letters = np.char.upper(qm9.smiles)
    counts = [np.char.count(letters, SYMBOLS[z]) for z in ELEMENTS if z > 1]
    wrong = int(np.sum(np.any(np.column_stack(counts) != qm9.composition[:, 1:], axis=1)))
    yield Check("heavy atoms as in the SMILES", wrong == 0, f"{wrong:,} exceptions")


def file_checks() -> Iterator[Check]:
    """Check the fetched files in the cache; yields nothing if there are none."""
    for file in figshare.PUBLISHED.files:
        path = figshare.folder() / file.name
        if path.exists():
            found = files.file_sha256(path)
            yield Check(f"{path.name} (SHA-256)", found == file.sha256, found)


def _identity(name: str, difference: Float[np.ndarray, " molecules"], within: float) -> Check:
    largest = float(np.abs(difference).max())
    return Check(
        f"{name} within {within:.1e} hartree",
        largest <= within,
        f"largest difference {largest:.1e}",
    )


def _is_listed(qm9: QM9) -> Bool[np.ndarray, " molecules"]:
    path = figshare.folder() / figshare.PUBLISHED.uncharacterized.name
    return np.isin(qm9.index, list(figshare.read_uncharacterized(path)))
