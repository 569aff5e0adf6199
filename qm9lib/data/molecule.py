"""One molecule, from QM9 or from a file of your own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int8

from qm9lib.labels import ELEMENTS, LABELS, SYMBOLS, check_elements
from qm9lib.units import convert


@dataclass(frozen=True, eq=False, repr=False)
class Molecule:
    """One molecule: a view of its rows in a `QM9`.

    Attributes
    ----------
    index
        Number in QM9, from 1.
    atomic_numbers
        Shape (atoms,), int8.
    positions
        Shape (atoms, 3), float64, Å.
    charges
        Mulliken charges, shape (atoms,), float64, elementary charges.
    labels
        Shape (16,), float64, in the units of ``LABELS``.
    smiles
        SMILES of the molecule in GDB-17.
    """

    index: int
    atomic_numbers: Int8[np.ndarray, " atoms"]
    positions: Float[np.ndarray, "atoms 3"]
    charges: Float[np.ndarray, " atoms"]
    labels: Float[np.ndarray, " 16"]
    smiles: str

    def __len__(self) -> int:
        """Return the number of atoms."""
        return len(self.atomic_numbers)

    @property
    def formula(self) -> str:
        """Chemical formula in Hill order, such as ``CH4``."""
        check_elements(self.atomic_numbers)
        order = "CHFNO" if 6 in self.atomic_numbers else "FHNO"
        counts = {SYMBOLS[z]: int(np.sum(self.atomic_numbers == z)) for z in ELEMENTS}
        return "".join(s + (str(counts[s]) if counts[s] > 1 else "") for s in order if counts[s])

    def target(self, label: str, unit: str | None = None) -> float:
        """Return one label, in its published unit or in ``unit``; see `QM9.target`."""
        published = LABELS[label]
        value = float(self.labels[published.index])
        return value if unit is None else convert(value, published.unit, unit)

    def __repr__(self) -> str:
        return f"Molecule({self.index}: {self.formula}, {self.smiles}, {len(self)} atoms)"
