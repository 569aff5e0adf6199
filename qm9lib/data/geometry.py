"""The bonds of a molecule, and the direction from which it is best seen."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from qm9lib.labels import check_elements

COVALENT_RADII = {1: 0.31, 6: 0.76, 7: 0.71, 8: 0.66, 9: 0.57}
"""Radius of a bonded atom by atomic number, Å (Cordero et al. 2008)."""

ATOMIC_WEIGHTS = {1: 1.008, 6: 12.011, 7: 14.007, 8: 15.999, 9: 18.998}
"""Standard atomic weight by atomic number (CIAAW 2021), for centres of mass."""

BONDED = 1.15
"""Atoms count as bonded if they are closer than this many times the sum of their radii.

With this value, 130,787 molecules of QM9 have as many bonds as their SMILES.
"""

_OFF_CENTRE = 0.1  # Å; an atom nearer to the centre than this cannot decide between the two sides


def bonds(
    atomic_numbers: Int[np.ndarray, " atoms"],
    positions: Float[np.ndarray, "atoms 3"],
    reach: float = BONDED,
) -> Int[np.ndarray, "bonds 2"]:
    """Return the pairs of atoms that are close enough to be bonded.

    Parameters
    ----------
    atomic_numbers
        Shape (atoms,); H, C, N, O and F only.
    positions
        Shape (atoms, 3), Å.
    reach
        Atoms count as bonded if they are closer than this many times the sum of their radii.

    Returns
    -------
    np.ndarray
        Shape (bonds, 2): two atoms, the lower index first, in the order of the atoms.

    Raises
    ------
    ValueError
        If an atom is of another element.

    Examples
    --------
    >>> water = np.array([8, 1, 1]), np.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    >>> bonds(*water)
    array([[0, 1],
           [0, 2]])
    """
    check_elements(atomic_numbers)
    radius = np.array([COVALENT_RADII[int(z)] for z in atomic_numbers])
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    return np.argwhere(np.triu(distance < reach * (radius[:, None] + radius[None]), k=1))


def principal_axes(positions: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, "3 3"]:
    """Return the axes of a molecule, from the one along which it is longest to the flattest.

    With ``(positions - positions.mean(axis=0)) @ axes.T`` it lies flat before the reader, who looks
    along z. The axes are the same to the last bit on every machine. No eigenvalue routine of NumPy
    promises that, and for molecules such as methane, where all directions are equivalent, its axes
    would be far off.

    Parameters
    ----------
    positions
        Shape (atoms, 3), Å.

    Returns
    -------
    np.ndarray
        Shape (3, 3), one unit vector per row; a rotation, never a reflection. Along the first and
        second axes, the first atom that is well off the centre has a positive coordinate.

    Examples
    --------
    >>> bent = np.array([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    >>> principal_axes(bent)
    array([[ 0.,  0., -1.],
           [ 0., -1.,  0.],
           [-1.,  0.,  0.]])
    """
    atoms: list[list[float]] = positions.tolist()
    middle = [math.fsum(values) / len(atoms) for values in zip(*atoms, strict=True)]
    atoms = [[v - m for v, m in zip(atom, middle, strict=True)] for atom in atoms]
    first, second, _ = _by_spread(atoms)
    for axis in (first, second):
        along = (sum(v * a for v, a in zip(atom, axis, strict=True)) for atom in atoms)
        if next((value for value in along if abs(value) > _OFF_CENTRE), 0.0) < 0:
            axis[:] = [-a for a in axis]
    third = [first[i - 2] * second[i - 1] - first[i - 1] * second[i - 2] for i in range(3)]
    return np.array([first, second, third]) + 0.0  # no -0


def _by_spread(atoms: list[list[float]]) -> list[list[float]]:
    """Return the axes from largest to smallest spread, by Jacobi's method.

    Python's plain sums, products and roots have one right result, whatever the processor.
    """
    m = [[math.fsum(x[a] * x[b] for x in atoms) for b in range(3)] for a in range(3)]
    axes = [[float(a == b) for b in range(3)] for a in range(3)]
    for _ in range(10):  # convergence is quadratic: five are enough
        for a, b in ((0, 1), (0, 2), (1, 2)):
            if abs(m[a][b]) < 1e-14:
                continue
            ratio = (m[b][b] - m[a][a]) / (2 * m[a][b])
            tangent = math.copysign(1, ratio) / (abs(ratio) + math.sqrt(ratio * ratio + 1))
            cosine = 1 / math.sqrt(tangent * tangent + 1)
            sine = tangent * cosine
            for rows in (m, axes):
                rows[a], rows[b] = (
                    [cosine * p - sine * q for p, q in zip(rows[a], rows[b], strict=True)],
                    [sine * p + cosine * q for p, q in zip(rows[a], rows[b], strict=True)],
                )
            for row in m:
                row[a], row[b] = cosine * row[a] - sine * row[b], sine * row[a] + cosine * row[b]
    return [axes[a] for a in sorted(range(3), key=lambda a: -m[a][a])]
