"""What the training molecules look like, so that a prediction far from them can be told.

A network is only as good as the molecules it has seen. Four simple things tell most of the others:
more heavy atoms than QM9 has, an odd number of electrons, atoms that are not all bonded together,
and two elements at a distance at which QM9 hardly ever has them, such as the 1.9 Å of a carbon bond
that is being torn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse.csgraph import connected_components

from qm9lib.data.dataset import QM9
from qm9lib.data.geometry import bonds
from qm9lib.data.molecule import Molecule
from qm9lib.labels import ELEMENTS, SYMBOLS

MOST_HEAVY = 9
"""Atoms other than hydrogen in the largest molecules of QM9."""

BONDED = 1.25
"""Atoms count as bonded up to this many times the sum of their radii."""

_FEWEST = 3  # atoms of the smallest molecules of QM9
_BIN = 0.05  # Å
_BINS = 80  # up to 4 Å; beyond, all distances occur
SHAPE = (len(ELEMENTS), len(ELEMENTS), _BINS)
"""Of the counts: element, element, distance."""

_SELDOM = 10  # so few training pairs in a bin count as none


@dataclass(frozen=True, eq=False)
class Domain:
    """How often each pair of elements occurs at each distance in the training molecules.

    Attributes
    ----------
    counts
        Shape (5, 5, 80): element, element (H, C, N, O, F; in both orders), and distance in steps of
        0.05 Å from 0.

    Examples
    --------
    >>> import qm9lib
    >>> sample = qm9lib.load_sample()
    >>> domain = measure(sample)
    >>> domain.concerns(sample[100].atomic_numbers, sample[100].positions)
    []
    >>> water = np.array([8, 1, 1], np.int8), np.array([[0.0, 0, 0], [0, 0, 0.62], [0.9, 0, -0.3]])
    >>> domain.concerns(*water)
    ['H and O are 0.62 Å apart; the training molecules have no such pair between 0.60 and 0.65 Å']
    """

    counts: Int[np.ndarray, "5 5 80"]

    def concerns(
        self, atomic_numbers: Int[np.ndarray, " atoms"], positions: Float[np.ndarray, "atoms 3"]
    ) -> list[str]:
        """Return why a prediction for a molecule is not to be trusted, in sentences; or nothing.

        Parameters
        ----------
        atomic_numbers
            Shape (atoms,); H, C, N, O and F only.
        positions
            Shape (atoms, 3), Å.
        """
        found = []
        heavy = int(np.sum(atomic_numbers > 1))
        if heavy > MOST_HEAVY:
            found.append(f"{heavy} atoms are not hydrogen; QM9 has molecules of up to {MOST_HEAVY}")
        if len(atomic_numbers) < _FEWEST:
            atoms = "1 atom" if len(atomic_numbers) == 1 else f"{len(atomic_numbers)} atoms"
            found.append(f"{atoms}; QM9 has molecules of {_FEWEST} and more")
        electrons = int(np.sum(atomic_numbers, dtype=np.int64))
        if electrons % 2:
            found.append(
                f"the atomic numbers add up to {electrons}, which is odd: an ion or a radical; "
                "QM9 has neutral molecules whose electrons are all in pairs"
            )
        if (parts := pieces(atomic_numbers, positions)) > 1:
            found.append(f"the atoms form {parts} pieces without a bond between them")
        first, second, step, distance = _pairs(atomic_numbers, positions)
        count = self.counts[first, second, step]
        rare = count < _SELDOM
        if np.any(rare):
            # One example says enough: the shortest distance is the easiest to find.
            i = np.flatnonzero(rare)[np.argmin(distance[rare])]
            names = " and ".join(SYMBOLS[ELEMENTS[e]] for e in sorted((first[i], second[i])))
            few = {0: "no such pair", 1: "only one such pair"}
            known = few.get(int(count[i]), f"only {count[i]} such pairs")
            found.append(
                f"{names} are {distance[i]:.2f} Å apart; the training molecules have {known} "
                f"between {_BIN * step[i]:.2f} and {_BIN * (step[i] + 1):.2f} Å"
            )
        return found


def measure(qm9: QM9) -> Domain:
    """Count the distances of all pairs of atoms.

    Parameters
    ----------
    qm9
        Training molecules.
    """
    counts = np.zeros(SHAPE, np.int64)
    for molecule in qm9:
        _add(counts, molecule)
    both = counts + counts.transpose(1, 0, 2)
    for element in range(len(ELEMENTS)):
        both[element, element] = counts[element, element]  # each pair once
    return Domain(both)


def pieces(
    atomic_numbers: Int[np.ndarray, " atoms"], positions: Float[np.ndarray, "atoms 3"]
) -> int:
    """Return into how many pieces bonds join the atoms; 1 for a molecule.

    Examples
    --------
    >>> pieces(np.array([1, 1, 1]), np.array([[0.0, 0, 0], [0.74, 0, 0], [5.0, 0, 0]]))
    2
    """
    bonded = np.zeros((len(atomic_numbers), len(atomic_numbers)), bool)
    bonded[tuple(bonds(atomic_numbers, positions, BONDED).T)] = True
    return int(connected_components(bonded, directed=False)[0])


def _add(counts: np.ndarray, molecule: Molecule) -> None:
    first, second, step, _ = _pairs(molecule.atomic_numbers, molecule.positions)
    np.add.at(counts, (first, second, step), 1)


def _pairs(
    atomic_numbers: np.ndarray, positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return elements, step and distance of all pairs that are nearer than the last step."""
    a, b = np.triu_indices(len(atomic_numbers), k=1)
    distance = np.linalg.norm(positions[a] - positions[b], axis=1)
    near = distance < _BIN * _BINS
    element = np.searchsorted(ELEMENTS, atomic_numbers)
    a, b, distance = a[near], b[near], distance[near]
    return element[a], element[b], (distance / _BIN).astype(np.int64), distance
