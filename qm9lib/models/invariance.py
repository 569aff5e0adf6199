"""Tests of the symmetries that a model of molecular energies must have.

The chapters apply these functions to a network, and the package's own tests run them. Each takes a
function from atomic numbers and positions to a number, so any model can be tested.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import SupportsFloat

import numpy as np
from jaxtyping import Float, Integer
from scipy.spatial.transform import Rotation

Energy = Callable[[np.ndarray, np.ndarray], SupportsFloat]
"""From atomic numbers, shape (atoms,), and positions in Å, shape (atoms, 3), to a number."""


def assert_invariant(
    energy: Energy,
    atomic_numbers: Integer[np.ndarray, " atoms"],
    positions: Float[np.ndarray, "atoms 3"],
    *,
    tolerance: float = 1e-4,
    trials: int = 4,
    seed: int = 0,
) -> None:
    """Assert that moving, turning or mirroring a molecule leaves its energy unchanged.

    Parameters
    ----------
    energy
        The model.
    atomic_numbers
        Shape (atoms,), integer.
    positions
        Shape (atoms, 3), Å.
    tolerance
        Largest change allowed, relative to the energy or to 1, whichever is larger.
    trials
        Random translations, rotations and reflections to try.
    seed
        Seed of the random choices.

    Raises
    ------
    AssertionError
        If it does not; the message gives the transformation, both energies and the tolerance.

    Examples
    --------
    >>> water = np.array([8, 1, 1]), np.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    >>> assert_invariant(lambda z, x: float(np.linalg.norm(x[0] - x[1])), *water)
    >>> assert_invariant(lambda z, x: float(x[:, 0].sum()), *water)
    Traceback (most recent call last):
    AssertionError: not invariant to translation: 0.72 became ...
    """
    rng = np.random.default_rng(seed)
    before = float(energy(atomic_numbers, positions))
    for _ in range(trials):
        shift = rng.normal(scale=2.0, size=3)
        rotation = Rotation.random(random_state=np.random.RandomState(rng.integers(2**31)))
        mirror = np.diag([1.0, 1.0, -1.0])
        for name, moved in (
            ("translation", positions + shift),
            ("rotation", positions @ rotation.as_matrix().T),
            ("reflection", positions @ mirror),
        ):
            _compare(name, before, energy(atomic_numbers, moved), tolerance)


def assert_permutation_invariant(
    energy: Energy,
    atomic_numbers: Integer[np.ndarray, " atoms"],
    positions: Float[np.ndarray, "atoms 3"],
    *,
    tolerance: float = 1e-4,
    trials: int = 4,
    seed: int = 0,
) -> None:
    """Assert that numbering the atoms in another order leaves the energy unchanged.

    Parameters and errors are as in `assert_invariant`.

    Examples
    --------
    >>> water = np.array([8, 1, 1]), np.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    >>> assert_permutation_invariant(lambda z, x: float(z.sum()), *water)
    >>> assert_permutation_invariant(lambda z, x: float(z[0]), *water)
    Traceback (most recent call last):
    AssertionError: not invariant to permutation: 8 became ...
    """
    rng = np.random.default_rng(seed)
    before = float(energy(atomic_numbers, positions))
    n = len(atomic_numbers)
    # The reversed order first: unlike a random one, it is never the order of the input.
    for order in (np.arange(n)[::-1], *(rng.permutation(n) for _ in range(trials))):
        after = energy(atomic_numbers[order], positions[order])
        _compare("permutation", before, after, tolerance)


def assert_padding_invariant(
    energy: Energy,
    atomic_numbers: Integer[np.ndarray, " atoms"],
    positions: Float[np.ndarray, "atoms 3"],
    *,
    tolerance: float = 1e-4,
    padding: int = 5,
    seed: int = 0,
) -> None:
    """Assert that padded atoms contribute nothing, wherever they are.

    The padded atoms have atomic number 0. They are placed at the origin, then at random. Other
    parameters and errors are as in `assert_invariant`.

    Parameters
    ----------
    padding
        Number of padded atoms.

    Examples
    --------
    >>> water = np.array([8, 1, 1]), np.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    >>> assert_padding_invariant(lambda z, x: float(z.sum()), *water)
    >>> assert_padding_invariant(lambda z, x: float(len(z)), *water)
    Traceback (most recent call last):
    AssertionError: not invariant to padding: 3 became 8 ...
    """
    before = float(energy(atomic_numbers, positions))
    numbers = np.concatenate([atomic_numbers, np.zeros(padding, atomic_numbers.dtype)])
    anywhere = np.random.default_rng(seed).normal(scale=2.0, size=(padding, 3))
    for added in (np.zeros((padding, 3)), anywhere):
        padded = np.concatenate([positions, added.astype(positions.dtype)])
        _compare("padding", before, energy(numbers, padded), tolerance)


def _compare(name: str, before: float, changed: SupportsFloat, tolerance: float) -> None:
    after = float(changed)
    # Written so that a NaN fails.
    if not abs(after - before) <= tolerance * max(1.0, abs(before)):
        raise AssertionError(
            f"not invariant to {name}: {before:.6g} became {after:.6g} "
            f"(tolerance {tolerance * max(1.0, abs(before)):.1g})"
        )
