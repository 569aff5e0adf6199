"""The sixteen labels of QM9, their units, and the energies of free atoms.

Everything that other modules need to know about a label is defined here, and only here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Integer

from qm9lib.errors import UnknownNameError

SYMBOLS: dict[int, str] = {1: "H", 6: "C", 7: "N", 8: "O", 9: "F"}
"""Chemical symbols of the five elements of QM9, by atomic number."""

ELEMENTS: tuple[int, ...] = tuple(SYMBOLS)
"""Atomic numbers of the five elements of QM9, in the order of every per-element array."""


def check_elements(atomic_numbers: Integer[np.ndarray, "..."], padding: bool = False) -> None:
    """Raise an error if an atom belongs to an element that does not occur in QM9.

    Parameters
    ----------
    atomic_numbers
        Integers, in any shape.
    padding
        Whether to allow 0, too, which stands for a padded atom.

    Raises
    ------
    ValueError
        If there is such an atom (the message names its number, and those that are allowed), or if
        the numbers are not integers.

    Examples
    --------
    >>> check_elements(np.array([8, 1, 1, 0]), padding=True)
    """
    if atomic_numbers.dtype.kind not in "iu":
        raise ValueError(
            f"atomic numbers are given as {atomic_numbers.dtype}, expected integers; convert them "
            "with .astype(int)"
        )
    allowed = [0, *ELEMENTS] if padding else ELEMENTS
    unknown = atomic_numbers[~np.isin(atomic_numbers, allowed, kind="table")]
    if unknown.size:
        known = ", ".join(f"{symbol} ({z})" for z, symbol in SYMBOLS.items())
        raise ValueError(
            f"atomic number {unknown.min()} is not an element of QM9; allowed are {known}"
        )


@dataclass(frozen=True)
class Label:
    """One column of the label array.

    Attributes
    ----------
    index
        Column in ``QM9.labels``.
    name
        Key in ``LABELS``, as in the published data.
    symbol
        The usual symbol, in LaTeX.
    unit
        Unit of the published values.
    description
        The quantity, in a few words.
    scaling
        ``"extensive"`` if it grows with the number of atoms (for two molecules far apart: the sum),
        ``"intensive"`` if it does not, ``"neither"`` if it follows another law.
    origin
        ``"total"`` for energies relative to separated nuclei and electrons,
        ``"difference"`` for differences of two energies, ``""`` for everything else.
    """

    index: int
    name: str
    symbol: str
    unit: str
    description: str
    scaling: Literal["extensive", "intensive", "neither"]
    origin: Literal["total", "difference", ""] = ""

    @property
    def error_unit(self) -> str:
        """Unit in which errors are given: kcal/mol for energies, the published unit otherwise."""
        return "kcal/mol" if self.unit == "hartree" else self.unit


class LabelTable(Mapping[str, Label]):
    """The labels by name or by column; a notebook shows it as a table.

    Examples
    --------
    >>> LABELS["H"].unit
    'hartree'
    >>> LABELS[13].name
    'H'
    >>> len(LABELS)
    16
    """

    def __init__(self, labels: tuple[Label, ...]) -> None:
        self._labels = labels
        self._by_name = {label.name: label for label in labels}

    def __getitem__(self, key: str | int) -> Label:
        """Return the label with this name or column; a ``KeyError`` lists those allowed."""
        if isinstance(key, int | np.integer) and 0 <= key < len(self._labels):
            return self._labels[key]
        if isinstance(key, str) and key in self._by_name:
            return self._by_name[key]
        raise UnknownNameError("label", key, [*self._by_name], "or a column from 0 to 15")

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._labels)

    def __repr__(self) -> str:
        return f"LabelTable({', '.join(self)})"

    def _repr_markdown_(self) -> str:
        rows = [
            "| column | name | symbol | unit | description | scaling | origin |",
            "|" + "---|" * 7,
        ]
        rows += [
            f"| {x.index} | {x.name} | ${x.symbol}$ | {x.unit} | {x.description} | {x.scaling} "
            f"| {x.origin} |"
            for x in self._labels
        ]
        return "\n".join(rows)


LABELS = LabelTable((
    Label(0, "index", r"i", "-", "number of the molecule, from 1", "neither"),
    Label(1, "A", r"A", "GHz", "rotational constant", "neither"),
    Label(2, "B", r"B", "GHz", "rotational constant", "neither"),
    Label(3, "C", r"C", "GHz", "rotational constant", "neither"),
    Label(4, "mu", r"\mu", "D", "dipole moment", "neither"),
    Label(5, "alpha", r"\alpha", "bohr^3", "isotropic polarizability", "extensive"),
    Label(6, "homo", r"\epsilon_\mathrm{HOMO}", "hartree",
          "energy of the highest occupied orbital", "intensive"),
    Label(7, "lumo", r"\epsilon_\mathrm{LUMO}", "hartree",
          "energy of the lowest unoccupied orbital", "intensive"),
    Label(8, "gap", r"\epsilon_\mathrm{gap}", "hartree", "lumo minus homo",
          "intensive", "difference"),
    Label(9, "r2", r"\langle R^2 \rangle", "bohr^2", "spatial extent of the electrons", "neither"),
    Label(10, "zpve", r"\mathrm{zpve}", "hartree", "zero-point vibrational energy",
          "extensive", "difference"),
    Label(11, "U0", r"U_0", "hartree", "internal energy at 0 K", "extensive", "total"),
    Label(12, "U", r"U", "hartree", "internal energy at 298.15 K", "extensive", "total"),
    Label(13, "H", r"H", "hartree", "enthalpy at 298.15 K", "extensive", "total"),
    Label(14, "G", r"G", "hartree", "free energy at 298.15 K", "extensive", "total"),
    Label(15, "Cv", r"C_\mathrm{v}", "cal/(mol K)", "heat capacity at constant volume, 298.15 K",
          "extensive"),
))  # fmt: skip
"""The sixteen labels, in the order of the columns of ``QM9.labels``."""

# atomref.txt of the published data (Ramakrishnan et al. 2014), hartree.
ATOM_REFERENCES: dict[str, dict[int, float]] = {
    "U0": {1: -0.500273, 6: -37.846772, 7: -54.583861, 8: -75.064579, 9: -99.718730},
    "U": {1: -0.498857, 6: -37.845355, 7: -54.582445, 8: -75.063163, 9: -99.717314},
    "H": {1: -0.497912, 6: -37.844411, 7: -54.581501, 8: -75.062219, 9: -99.716370},
    "G": {1: -0.510927, 6: -37.861317, 7: -54.598897, 8: -75.079532, 9: -99.733544},
}
"""Energy of a free atom in hartree, by label name and atomic number (QM9's ``atomref.txt``)."""
