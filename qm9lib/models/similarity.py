"""The similarity of molecules: a sum over pairs of their atoms, exact or by random waves."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from qm9lib.models import programs
from qm9lib.models.descriptors import Atoms
from qm9lib.progress import bar

_ROWS, _COLUMNS = 1024, 8192  # atoms that are compared at a time

# The fraction of the waves that compares the atoms of each element.
_PARTS = {1: 0.25, 6: 0.40, 7: 0.15, 8: 0.17, 9: 0.03}


def local_kernel(
    first: dict[int, Atoms],
    second: dict[int, Atoms],
    shape: tuple[int, int],
    *,
    width: float,
    progress: bool = False,
) -> Float[np.ndarray, "first second"]:
    r"""Compare all pairs of molecules by their atoms.

    The similarity of two molecules A and B is

    .. math:: K(A, B) = \sum_{i \in A} \sum_{j \in B} \delta_{z_i z_j}
        \exp\left(-\frac{|x_i - x_j|^2}{2 \sigma^2}\right)

    with features x and the width σ: only atoms of the same element are compared. For two molecules
    far apart, treated as one, it is the sum of both; so is any energy learned with it.

    Parameters
    ----------
    first, second
        Atoms by atomic number.
    shape
        Number of molecules in each of the two sets.
    width
        Distance σ at which atoms count as much less alike.
    progress
        Whether to show a progress bar.

    Returns
    -------
    np.ndarray
        Shape (molecules of the first, molecules of the second), float64.

    Examples
    --------
    >>> alone = {6: Atoms(np.zeros((2, 1), np.float32), np.array([0, 1]))}
    >>> local_kernel(alone, alone, (2, 2), width=1.0)
    array([[1., 1.],
           [1., 1.]])
    """
    programs.keep()
    found = np.zeros(shape)
    scale = math.sqrt(0.5) / width
    # The kernel of a set with itself is symmetric: half of it is enough.
    half = first is second
    common = [z for z in first if z in second]
    total = sum(len(first[z].molecule) for z in common)
    # In float32, rounding errors would exceed a small ridge, and the matrix would not be positive.
    with (
        _in_float64(),
        bar(total=total, unit="atom", disable=None if progress else True) as shown,
    ):
        for z in common:
            columns = _blocks(second[z], _COLUMNS, scale)
            for row in _blocks(first[z], _ROWS, scale):
                for column in columns:
                    if not (half and column.molecules[-1] < row.molecules[0]):
                        alike = np.asarray(_compare(row.features, column.features))
                        alike = np.add.reduceat(alike[: row.atoms], row.starts, axis=0)
                        alike = np.add.reduceat(alike[:, : column.atoms], column.starts, axis=1)
                        found[np.ix_(row.molecules, column.molecules)] += alike
                shown.update(row.atoms)
    if half:
        for i in range(1, shape[0]):
            found[i, :i] = found[:i, i]
    return found


@dataclass(frozen=True, eq=False)
class Waves:
    r"""Random waves whose products are, on average, the local kernel (Rahimi and Recht 2007).

    An atom with features x becomes :math:`\sqrt{2/D}\, \cos(W x + b)`, and a molecule the sum over
    its atoms, each element with D waves of its own. If W holds normal random numbers of standard
    deviation 1/σ and b uniform ones between 0 and 2π, the product of two atoms is, on average, the
    Gaussian kernel of width σ.

    Attributes
    ----------
    frequencies
        W by atomic number, shape (features, waves).
    phases
        b by atomic number, shape (waves,).

    Examples
    --------
    >>> waves = make_waves({1: 3, 6: 3}, 1000, width=1.0, seed=0)
    >>> waves.size
    1000
    >>> point = np.zeros((1, 3), np.float32)
    >>> found = waves({6: Atoms(point, np.array([0]))}, 1)
    >>> bool(abs(found[0] @ found[0] - 1) < 0.2)  # the kernel of an atom with itself is 1
    True
    """

    frequencies: dict[int, Float[np.ndarray, "features waves"]]
    phases: dict[int, Float[np.ndarray, " waves"]]

    @property
    def size(self) -> int:
        """Total number of waves."""
        return sum(len(phases) for phases in self.phases.values())

    def __call__(self, atoms: dict[int, Atoms], molecules: int) -> Float[np.ndarray, "molecules w"]:
        """Return the sums of the waves over the atoms of each molecule, float64.

        Parameters
        ----------
        atoms
            Atoms by atomic number.
        molecules
            Number of molecules.
        """
        programs.keep()
        found, column = np.zeros((molecules, self.size)), 0
        for z, phases in self.phases.items():
            columns = slice(column, column + len(phases))
            column = columns.stop
            if z not in atoms:
                continue
            for block in _blocks(atoms[z], _ROWS):
                waves = np.asarray(_waves(block.features, self.frequencies[z], phases))
                sums = np.add.reduceat(waves[: block.atoms], block.starts, axis=0)
                found[block.molecules, columns] += sums
        return found


def make_waves(features: dict[int, int], size: int, *, width: float, seed: int = 0) -> Waves:
    """Draw random waves.

    Parameters
    ----------
    features
        Number of features of an atom, by atomic number; each of these elements has waves.
    size
        Total number of waves.
    width
        Width σ of the Gaussian kernel.
    seed
        Seed of the random numbers.

    Raises
    ------
    ValueError
        If there are fewer waves than elements.
    """
    if size < len(features):
        raise ValueError(f"{size} waves are too few for {len(features)} elements")
    parts = np.array([_PARTS[z] for z in features])
    ends = np.round(np.cumsum(parts / parts.sum()) * size).astype(int)
    counts = np.maximum(np.diff(ends, prepend=0), 1)
    counts[np.argmax(counts)] += size - counts.sum()
    rng = np.random.default_rng(seed)
    frequencies, phases = {}, {}
    for (z, n), count in zip(features.items(), counts.tolist(), strict=True):
        frequencies[z] = (rng.normal(size=(n, count)) / width).astype(np.float32)
        phases[z] = rng.uniform(0, 2 * np.pi, count).astype(np.float32)
    return Waves(frequencies, phases)


def _in_float64() -> AbstractContextManager[Any]:
    """Let JAX compute in float64 within a block."""
    if hasattr(jax, "enable_x64"):
        return cast("AbstractContextManager[Any]", jax.enable_x64(True))
    from jax.experimental import enable_x64  # type: ignore[attr-defined]  # until JAX 0.7

    return cast("AbstractContextManager[Any]", enable_x64(True))


class _Block(NamedTuple):
    """Some atoms of one element, padded at the end to the common length of all blocks."""

    features: Float[np.ndarray, "rows features"]
    atoms: int
    molecules: Int[np.ndarray, " molecules"]
    starts: Int[np.ndarray, " molecules"]


def _blocks(atoms: Atoms, length: int, scale: float | None = None) -> list[_Block]:
    """Cut atoms into blocks; if there is a scale, multiply their features by it, in float64."""
    found = []
    for start in range(0, len(atoms.molecule), length):
        features = atoms.features[start : start + length]
        if scale is not None:
            features = scale * features.astype(np.float64)
        molecules, starts = np.unique(atoms.molecule[start : start + length], return_index=True)
        padded = np.pad(features, ((0, length - len(features)), (0, 0)))
        found.append(_Block(padded, len(features), molecules, starts))
    return found


@jax.jit
def _compare(
    first: Float[Array, "rows features"], second: Float[Array, "columns features"]
) -> Float[Array, "rows columns"]:
    """Return exp(-|x - y|²) for all pairs."""
    squared = jnp.sum(first**2, axis=1)[:, None] + jnp.sum(second**2, axis=1)[None, :]
    # Rounding can make the square of a distance a little smaller than 0.
    return jnp.exp(-jnp.maximum(squared - 2.0 * first @ second.T, 0.0))


@jax.jit
def _waves(
    features: Float[Array, "rows features"],
    frequencies: Float[Array, "features waves"],
    phases: Float[Array, " waves"],
) -> Float[Array, "rows waves"]:
    size = math.sqrt(2.0 / phases.shape[0])
    return size * jnp.cos(features @ frequencies + phases[None, :])
