"""The surroundings of each atom, as numbers that no turn, reflection or renumbering changes.

The neighbours of an atom form a density: each is a smooth bump at its distance, in its direction,
and in the channel of its element. Its expansion in spherical harmonics turns with the molecule; the
**power spectrum**, a sum of products over the harmonics of one degree, does not (Bartók, Kondor and
Csányi 2013). It is long, so principal components shorten it in two places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from qm9lib.data.dataset import QM9
from qm9lib.labels import ELEMENTS
from qm9lib.models import programs
from qm9lib.models.graphs import Batch, bucketed, chunks, pairs, sizes_for
from qm9lib.progress import bar

CUTOFF = 5.0  # Å; neighbours beyond it are not seen
RADIAL = 12  # Gaussians from 0.8 Å to just before the cutoff
DEGREE = 4  # of the spherical harmonics, at most
CHANNELS = 20  # kept for each degree
FEATURES = 256  # kept of each atom's power spectrum

_FIRST, _LAST = 0.8, 4.7  # Å, the centres of the first and the last Gaussian
_NEAR = 1.6  # Å; beyond it, a neighbour's weight falls with the eighth power of its distance
_TOGETHER = 32  # molecules; the data on their pairs still fit in a processor's cache
_NOTHING = 1e-10  # fraction of the largest variance below which a direction is rounding error
_FOR_THE_AXES = 1_000  # molecules used for the principal components


class Atoms(NamedTuple):
    """Features of all atoms of one element, molecule by molecule.

    Attributes
    ----------
    features
        Shape (atoms, features), float32.
    molecule
        Row of each atom's molecule, shape (atoms,), never decreasing.
    """

    features: Float[np.ndarray, "atoms features"]
    molecule: Int[np.ndarray, " atoms"]


def spherical_harmonics(
    directions: Float[Array, "*points 3"], degree: int
) -> list[Float[Array, "*points _"]]:
    r"""Return real spherical harmonics of degree 0, 1, ..., in Racah's normalisation.

    With it, the harmonics of one degree l obey the addition theorem
    :math:`\sum_m Y_{lm}(u)\, Y_{lm}(v) = P_l(u \cdot v)`, with the Legendre polynomial
    :math:`P_l`: their products depend on the angle between two directions, and on nothing else.

    Parameters
    ----------
    directions
        Unit vectors; shape (..., 3).
    degree
        The highest degree.

    Returns
    -------
    list of Array
        For each degree l, an array of shape (..., 2 l + 1).

    Examples
    --------
    >>> one, along = spherical_harmonics(jnp.array([0.0, 0.6, 0.8]), 1)
    >>> one, np.asarray(along).round(2)
    (Array([1.], dtype=float32), array([0.6, 0.8, 0. ], dtype=float32))
    """
    x, y, z = directions[..., 0], directions[..., 1], directions[..., 2]
    # (x + iy)^m gives the part around the axis; the rest is a polynomial in z.
    around = [(jnp.ones_like(x), jnp.zeros_like(x))]
    for _ in range(degree):
        real, imaginary = around[-1]
        around.append((x * real - y * imaginary, x * imaginary + y * real))
    along: dict[tuple[int, int], Array] = {}
    for m in range(degree + 1):
        along[m, m] = jnp.full_like(x, math.prod(range(1, 2 * m, 2)))
        for n in range(m + 1, degree + 1):
            before = along.get((n - 2, m), jnp.zeros_like(x))
            along[n, m] = ((2 * n - 1) * z * along[n - 1, m] - (n + m - 1) * before) / (n - m)
    found = []
    for n in range(degree + 1):
        columns = []
        for m in range(-n, n + 1):
            k = abs(m)
            size = math.sqrt((1 + (k > 0)) * math.factorial(n - k) / math.factorial(n + k))
            columns.append(size * along[n, k] * around[k][m < 0])
        found.append(jnp.stack(columns, axis=-1))
    return found


def density(
    atomic_numbers: Int[Array, " atoms"], positions: Float[Array, "atoms 3"]
) -> list[Float[Array, "atoms _ channels"]]:
    """Expand the neighbours of each atom in a molecule; the result turns with the molecule.

    Parameters
    ----------
    atomic_numbers
        Shape (atoms,); 0 for a padded atom.
    positions
        Shape (atoms, 3), Å.

    Returns
    -------
    list of Array
        For each degree l, an array of shape (atoms, 2 l + 1, channels), with a channel for each
        element and radial function.

    Examples
    --------
    >>> water = jnp.array([8, 1, 1]), jnp.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    >>> [c.shape for c in density(*water)]
    [(3, 1, 60), (3, 3, 60), (3, 5, 60), (3, 7, 60), (3, 9, 60)]
    """
    pair = pairs(atomic_numbers > 0)
    to = positions[None, :, :] - positions[:, None, :]
    squared = jnp.where(pair, jnp.sum(to**2, axis=-1), 1.0)
    distance = jnp.sqrt(squared)
    fade = 0.5 * (1.0 + jnp.cos(jnp.pi * distance / CUTOFF)) / (1.0 + (distance / _NEAR) ** 8)
    weight = jnp.where(pair & (distance < CUTOFF), fade, 0.0)
    middles = jnp.linspace(_FIRST, _LAST, RADIAL, dtype=positions.dtype)
    steps = (distance[:, :, None] - middles[None, None, :]) / (middles[1] - middles[0])
    radial = weight[:, :, None] * jnp.exp(-0.5 * steps**2)
    elements = jnp.array(ELEMENTS, atomic_numbers.dtype)
    is_element = (atomic_numbers[:, None] == elements[None, :]).astype(positions.dtype)
    channels = radial[:, :, None, :] * is_element[None, :, :, None]
    channels = channels.reshape(*radial.shape[:2], -1)
    harmonics = spherical_harmonics(to / distance[:, :, None], DEGREE)
    # One product for all degrees takes half as long as one for each.
    together = jnp.einsum("ijm,ijc->imc", jnp.concatenate(harmonics, axis=-1), channels)
    return jnp.split(together, [(n + 1) ** 2 for n in range(DEGREE)], axis=1)


def power_spectrum(
    densities: list[Float[Array, "atoms _ channels"]],
) -> Float[Array, "atoms spectrum"]:
    r"""Contract densities to numbers that no rotation changes.

    For each degree l and each pair of channels c, d, the sum :math:`\sum_m a_{mc} a_{md}`, times
    the root of 2 l + 1. Two neighbours j, k add to it the product of their radial functions times
    :math:`\sqrt{2l+1}\,P_l(\cos\theta_{jk})`: their distances, and the angle between them, in
    polynomials whose mean square over all directions is 1, so that no degree outweighs another. The
    whole is divided by the root of its length, so that its length grows with the number of
    neighbours, and not with the square of that number.

    Parameters
    ----------
    densities
        For each degree l, an array of shape (atoms, 2 l + 1, channels).

    Returns
    -------
    Array
        Shape (atoms, degrees · channels · (channels + 1) / 2).

    Examples
    --------
    >>> water = jnp.array([8, 1, 1]), jnp.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    >>> power_spectrum(density(*water)).shape
    (3, 9150)
    """
    columns = []
    for degree, a in enumerate(densities):
        channels = a.shape[-1]
        first, second = np.triu_indices(channels)
        # Each pair of channels occurs once, and counts as it does in the full symmetric matrix.
        twice = np.where(first == second, 1.0, math.sqrt(2.0)) * math.sqrt(2 * degree + 1)
        products = jnp.einsum("imc,imd->icd", a, a).reshape(len(a), -1)
        # "clip": no index is out of range, and checking would take as long as the products.
        products = jnp.take(products, first * channels + second, axis=1, mode="clip")
        columns.append(products * jnp.asarray(twice, a.dtype)[None, :])
    found = jnp.concatenate(columns, axis=1)
    squared = jnp.sum(found**2, axis=1, keepdims=True)
    # A lone atom has no neighbours, and a spectrum of zeros.
    return found / jnp.where(squared > 0, squared, 1.0) ** 0.25


@dataclass(frozen=True, eq=False)
class PowerSpectrum:
    """The power spectrum of atoms, shortened by principal components; made by `fit`.

    Attributes
    ----------
    axes
        For each degree, the combinations of channels that are kept; shape (channels, kept).
    middles, maps
        For each element in the training molecules, the mean of the spectra, shape (spectrum,), and
        the matrix that leads to the features, shape (spectrum, features).

    Examples
    --------
    >>> import qm9lib
    >>> sample = qm9lib.load_sample()
    >>> spectrum = fit(sample[:50])
    >>> found = spectrum(sample[:3])  # methane, ammonia, water
    >>> found[1].features.shape[0], found[1].molecule
    (9, array([0, 0, 0, 0, 1, 1, 1, 2, 2]))
    """

    axes: tuple[Float[np.ndarray, "channels kept"], ...]
    middles: dict[int, Float[np.ndarray, " spectrum"]]
    maps: dict[int, Float[np.ndarray, "spectrum features"]]

    def __call__(self, qm9: QM9, progress: bool = False) -> dict[int, Atoms]:
        """Return the features of all atoms by atomic number.

        Parameters
        ----------
        qm9
            Molecules.
        progress
            Whether to show a progress bar.

        Raises
        ------
        ValueError
            If there are no molecules, or an element did not occur in the molecules of `fit`.
        """
        new = sorted({*np.unique(qm9.atomic_numbers).tolist()} - {*self.maps})
        if new:
            raise ValueError(
                f"atomic number {new[0]} was in none of the molecules that the features were made "
                "from: fit with molecules that contain it"
            )
        molecule = np.repeat(np.arange(len(qm9)), qm9.n_atoms)
        index = np.empty(len(molecule), np.int64)  # of each atom among all atoms of its element
        found = {}
        for z in np.unique(qm9.atomic_numbers).tolist():
            those = np.flatnonzero(qm9.atomic_numbers == z)
            index[those] = np.arange(len(those))
            features = np.empty((len(those), self.maps[z].shape[1]), np.float32)
            found[z] = Atoms(features, molecule[those])
        with bar(total=len(qm9), unit="molecule", disable=None if progress else True) as shown:
            for numbers, rows, spectra in _of_molecules(qm9, _spectrum, self.axes):
                for z, atoms in found.items():
                    some, atom = np.nonzero(numbers == z)
                    features = (spectra[some, atom] - self.middles[z]) @ self.maps[z]
                    atoms.features[index[qm9.offsets[rows[some]] + atom]] = features
                shown.update(len(rows))
        return found


def fit(qm9: QM9) -> PowerSpectrum:
    """Find the principal components of the densities and of the spectra.

    Parameters
    ----------
    qm9
        Training molecules; the first 1,000 are enough, and no more are used, except for molecules
        with an element that these lack.

    Raises
    ------
    ValueError
        If there are no molecules.
    """
    some = qm9[: min(_FOR_THE_AXES, len(qm9))]
    rest = ~some.composition.any(axis=0)
    if rest.any():
        more = np.flatnonzero(qm9.composition[:, rest].any(axis=1))[:_FOR_THE_AXES]
        some = qm9[np.union1d(np.arange(len(some)), more)]
    moments: list[np.ndarray] = []
    for _, _, densities in _of_molecules(some, _density):
        flat = [np.asarray(a, np.float64).reshape(-1, a.shape[-1]) for a in densities]
        products = [a.T @ a for a in flat]
        moments = [a + b for a, b in zip(moments, products, strict=True)] if moments else products
    axes = tuple(np.linalg.eigh(m)[1][:, : -CHANNELS - 1 : -1].astype(np.float32) for m in moments)
    spectra: dict[int, list[np.ndarray]] = {z: [] for z in ELEMENTS}
    for numbers, _, found in _of_molecules(some, _spectrum, axes):
        for z, parts in spectra.items():
            parts.append(found[numbers == z])
    middles, maps = {}, {}
    for z, parts in spectra.items():
        if not sum(map(len, parts)):
            continue
        of_element = np.concatenate(parts).astype(np.float64)
        middles[z] = of_element.mean(axis=0).astype(np.float32)
        centred = of_element - middles[z]
        variance, directions = np.linalg.eigh(centred.T @ centred / len(centred))
        # Few atoms span few directions; the rest would be whatever the routine happens to give.
        rank = int(np.sum(variance > _NOTHING * variance[-1]))
        kept = slice(None, -min(rank, FEATURES) - 1, -1)
        # One scale for each element: the mean squared distance of two of its atoms is 2. If all are
        # alike, as in one symmetric molecule, the length of the spectra sets the scale.
        length = np.mean(np.sum(of_element**2, axis=1))
        size = math.sqrt(max(variance[kept].sum(), 1e-4 * length, 1e-30))
        maps[z] = (directions[:, kept] / size).astype(np.float32)
    return PowerSpectrum(axes, middles, maps)


def _pieces(qm9: QM9) -> Iterator[tuple[Batch, int]]:
    """Yield padded molecules, several at a time, and how many are real; real ones come first."""
    for bucket in bucketed(qm9, sizes_for(qm9)):
        parts = [np.asarray(part) for part in bucket]
        for piece in chunks(np.arange(len(bucket.row), dtype=np.int32), _TOGETHER):
            yield Batch(*(part[piece] for part in parts)), int(np.sum(piece >= 0))


def _of_molecules(
    qm9: QM9, describe: Callable[..., Any], *axes: Any
) -> Iterator[tuple[np.ndarray, np.ndarray, Any]]:
    """Yield atomic numbers, rows and descriptions, without the padding."""

    def described() -> Iterator[tuple[int, Any]]:
        for batch, real in _pieces(qm9):
            found = describe(batch.atomic_numbers, batch.positions, *axes)
            yield real, (batch.atomic_numbers, batch.row, found)

    programs.keep()
    # The next piece is requested first: JAX computes it while the caller works with this one.
    for (real, piece), _next in pairwise(chain(described(), [(0, None)])):
        yield jax.tree.map(lambda array, real=real: np.asarray(array)[:real], piece)


_density = jax.jit(jax.vmap(density))


@jax.jit
@partial(jax.vmap, in_axes=(0, 0, None))
def _spectrum(atomic_numbers: Array, positions: Array, axes: tuple[Array, ...]) -> Array:
    found = density(atomic_numbers, positions)
    return power_spectrum([a @ kept for a, kept in zip(found, axes, strict=True)])
