"""What the training molecules look like, to recognise predictions far from them.

A network is only as good as the molecules it has seen. Five simple signs give away most of the
others: more heavy atoms than in QM9; an odd number of electrons; atoms that are not all bonded
together; two elements at a distance that hardly ever occurs in QM9, such as the 1.9 Å of a C-C
bond being broken; and an atom with too few or too many bonds, as when a file lacks the hydrogens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse.csgraph import connected_components

from qm9lib.data.dataset import QM9
from qm9lib.data.geometry import COVALENT_RADII, bonds
from qm9lib.labels import ELEMENTS, SYMBOLS, check_elements

MOST_HEAVY = 9
"""Number of atoms other than hydrogen in the largest molecules of QM9."""

FEWEST = 3
"""Number of atoms in the smallest molecules of QM9."""

BONDED = 1.25
"""Atoms count as bonded if they are closer than this many times the sum of their radii."""

BIN, BINS = 0.05, 80
"""Width of a step in distance, Å, and the number of steps; from 4 Å on, all distances occur."""

VALENCE_BIN = 0.2
"""Width of a step in valence, in single bonds."""

SELDOM = 10
"""Fewer training pairs than this in a step in distance count as none."""

RARE = 1e-4
"""Fraction of an element's training atoms: fewer in a step in valence count as none."""

DECAY = 0.37
"""How the strength of a bond falls with its length, Å (Brown and Altermatt 1985)."""

SHAPE = (len(ELEMENTS), len(ELEMENTS), BINS)
"""Shape of the counts: element, element, distance."""

VALENCE_SHAPE = (len(ELEMENTS), 40)
"""Shape of the valences: element, sum of bonds up to 8; the last bin holds all beyond."""


@dataclass(frozen=True, eq=False)
class Domain:
    """How often each pair of elements occurs at each distance in the training molecules.

    Attributes
    ----------
    counts
        Shape (5, 5, 80): element, element (H, C, N, O, F; in both orders), and distance in steps of
        0.05 Å from 0.
    valences
        Number of atoms by the sum of their bonds: shape (5, 40), element, and the sum in steps of
        0.2. See `valences_of`.

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
    valences: Int[np.ndarray, "5 40"]

    def concerns(
        self, atomic_numbers: Int[np.ndarray, " atoms"], positions: Float[np.ndarray, "atoms 3"]
    ) -> list[str]:
        """Return reasons not to trust a prediction for a molecule, as sentences; empty if none.

        Parameters
        ----------
        atomic_numbers
            Shape (atoms,); H, C, N, O and F only.
        positions
            Shape (atoms, 3), Å.

        Raises
        ------
        ValueError
            If an atom is of any other element.
        """
        check_elements(atomic_numbers)
        found = []
        heavy = int(np.sum(atomic_numbers > 1))
        if heavy > MOST_HEAVY:
            found.append(f"{heavy} atoms are not hydrogen; QM9 has molecules of up to {MOST_HEAVY}")
        if len(atomic_numbers) < FEWEST:
            atoms = "1 atom" if len(atomic_numbers) == 1 else f"{len(atomic_numbers)} atoms"
            found.append(f"{atoms}; QM9 has molecules of {FEWEST} and more")
        electrons = int(np.sum(atomic_numbers, dtype=np.int64))
        if electrons % 2:
            found.append(
                f"the atomic numbers add up to {electrons}, which is odd: an ion or a radical; "
                "QM9 has neutral molecules whose electrons are all in pairs"
            )
        if (parts := pieces(atomic_numbers, positions)) > 1:
            found.append(f"the atoms form {parts} pieces without a bond between them")
        a, b, distance = _pairs(positions)
        element, step = np.searchsorted(ELEMENTS, atomic_numbers), _steps(distance)
        first, second = element[a], element[b]
        count = self.counts[first, second, step]
        rare = count < SELDOM
        if np.any(rare):
            # One example is enough: the shortest distance is the easiest to find.
            i = np.flatnonzero(rare)[np.argmin(distance[rare])]
            names = " and ".join(SYMBOLS[ELEMENTS[e]] for e in sorted((first[i], second[i])))
            few = {0: "no such pair", 1: "only one such pair"}
            known = few.get(int(count[i]), f"only {count[i]} such pairs")
            found.append(
                f"{names} are {distance[i]:.2f} Å apart; the training molecules have {known} "
                f"between {BIN * step[i]:.2f} and {BIN * (step[i] + 1):.2f} Å"
            )
        elif len(atomic_numbers) >= FEWEST:
            found += self._odd_valence(element, _valences(atomic_numbers, a, b, distance))
        return found

    def _odd_valence(self, element: np.ndarray, valences: np.ndarray) -> list[str]:
        count = self.valences[element, _valence_steps(valences)]
        rare = np.flatnonzero(count < np.maximum(1, RARE * self.valences.sum(axis=1)[element]))
        if not len(rare):
            return []
        i = rare[0]
        known, step = self.valences[element[i]], int(_valence_steps(valences[i : i + 1])[0])
        steps = np.arange(VALENCE_SHAPE[1])
        few = step < np.average(steps, weights=known + 1e-9)
        count = int(known[: step + 1].sum() if few else known[step:].sum())
        worth = f"{'only ' if few else ''}{valences[i]:.1f} single bonds"
        of_all = f"{count:,} of the {known.sum():,} in training molecules"
        # A hydrogen atom cannot lack hydrogens.
        question = "; are hydrogens missing?" if few and element[i] else ""
        return [
            f"the bonds of {SYMBOLS[ELEMENTS[element[i]]]} (atom {i + 1}) are worth {worth}, as "
            f"{'few' if few else 'many'} as those of {of_all}{question}"
        ]


def measure(qm9: QM9) -> Domain:
    """Count the distances of all pairs of atoms, and the sums of the atoms' bonds.

    Parameters
    ----------
    qm9
        Training molecules.
    """
    counts, valences = np.zeros(SHAPE, np.int64), np.zeros(VALENCE_SHAPE, np.int64)
    for molecule in qm9:
        element = np.searchsorted(ELEMENTS, molecule.atomic_numbers)
        a, b, distance = _pairs(molecule.positions)
        np.add.at(counts, (element[a], element[b], _steps(distance)), 1)
        steps = _valence_steps(_valences(molecule.atomic_numbers, a, b, distance))
        np.add.at(valences, (element, steps), 1)
    both = counts + counts.transpose(1, 0, 2)
    for i in range(len(ELEMENTS)):
        both[i, i] = counts[i, i]  # each pair once
    return Domain(both, valences)


def pieces(
    atomic_numbers: Int[np.ndarray, " atoms"], positions: Float[np.ndarray, "atoms 3"]
) -> int:
    """Return the number of pieces into which bonds join the atoms; 1 for a molecule.

    Examples
    --------
    >>> pieces(np.array([1, 1, 1]), np.array([[0.0, 0, 0], [0.74, 0, 0], [5.0, 0, 0]]))
    2
    """
    bonded = np.zeros((len(atomic_numbers), len(atomic_numbers)), bool)
    bonded[tuple(bonds(atomic_numbers, positions, BONDED).T)] = True
    return int(connected_components(bonded, directed=False)[0])


def valences_of(
    atomic_numbers: Int[np.ndarray, " atoms"], positions: Float[np.ndarray, "atoms 3"]
) -> Float[np.ndarray, " atoms"]:
    r"""Return the sum of each atom's bonds, in single bonds.

    A bond counts :math:`e^{(R - r)/0.37}`, with its length r and the sum R of two covalent radii in
    Å (Pauling 1947; constant from Brown and Altermatt 1985): 1 for a single bond, 1.7 for
    a double bond of carbon, and nearly nothing for atoms that are not bonded.

    Parameters
    ----------
    atomic_numbers
        Shape (atoms,); H, C, N, O and F only.
    positions
        Shape (atoms, 3), Å.

    Examples
    --------
    >>> import qm9lib
    >>> methane = qm9lib.load_sample()[0]
    >>> valences_of(methane.atomic_numbers, methane.positions).round(1)
    array([3.8, 1.1, 1.1, 1.1, 1.1])
    """
    check_elements(atomic_numbers)
    return _valences(atomic_numbers, *_pairs(positions))


def _valences(
    atomic_numbers: np.ndarray, a: np.ndarray, b: np.ndarray, distance: np.ndarray
) -> np.ndarray:
    radius = np.array([COVALENT_RADII[int(z)] for z in atomic_numbers])
    bond = np.exp((radius[a] + radius[b] - distance) / DECAY)
    found = np.zeros(len(atomic_numbers))
    for atom in (a, b):
        np.add.at(found, atom, bond)
    return found


def _pairs(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return atoms and distance of all pairs that are closer than the last step."""
    a, b = np.triu_indices(len(positions), k=1)
    distance = np.linalg.norm(positions[a] - positions[b], axis=1)
    near = distance < BIN * BINS
    return a[near], b[near], distance[near]


def _steps(distance: np.ndarray) -> np.ndarray:
    return (distance / BIN).astype(np.int64)


def _valence_steps(valences: np.ndarray) -> np.ndarray:
    return np.minimum(valences / VALENCE_BIN, VALENCE_SHAPE[1] - 1).astype(np.int64)
