"""From molecules to arrays that a network can take: one-hot elements, distances, padded batches.

A padded atom has atomic number 0. A mask excludes it, from the value and from the gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Integer, PRNGKeyArray

from qm9lib.data.dataset import QM9
from qm9lib.labels import ELEMENTS, check_elements

SIZES: tuple[int, ...] = (15, 17, 19, 21, 23, 29)
"""Padded numbers of atoms. XLA compiles one program for each.

These six leave 7 % of QM9's pairs of atoms as padding; one size would leave 60 %.
"""


class Batch(NamedTuple):
    """Molecules padded to a common number of atoms.

    Attributes
    ----------
    atomic_numbers
        Shape (batch, atoms), int32; 0 for a padded atom.
    positions
        Shape (batch, atoms, 3), float32, Å; 0 for a padded atom.
    row
        Row of each molecule in the `QM9` it came from, shape (batch,), int32; -1 for a padding
        molecule, whose atoms are all padded.
    """

    atomic_numbers: Int[Array, "batch atoms"]
    positions: Float[Array, "batch atoms 3"]
    row: Int[Array, " batch"]


def one_hot(
    atomic_numbers: Integer[np.ndarray | Array, "*atoms"], width: int = 16
) -> Float[Array, "*atoms width"]:
    """Encode elements as unit vectors: column ``atomic number - 1`` is 1.

    Parameters
    ----------
    atomic_numbers
        Shape (..., atoms), integer; 0 for a padded atom.
    width
        Number of columns, at least 9.

    Returns
    -------
    Array
        Shape (..., atoms, width), float32; the row of a padded atom is zero.

    Raises
    ------
    ValueError
        If ``width`` is too small for fluorine, or an atomic number is not one of H, C, N, O, F.

    Examples
    --------
    >>> one_hot(np.array([6, 1, 0]), width=9)
    Array([[0., 0., 0., 0., 0., 1., 0., 0., 0.],
           [1., 0., 0., 0., 0., 0., 0., 0., 0.],
           [0., 0., 0., 0., 0., 0., 0., 0., 0.]], dtype=float32)
    """
    if width < max(ELEMENTS):
        raise ValueError(f"width {width} is too small: fluorine needs column 8, so at least 9")
    if not isinstance(atomic_numbers, jax.core.Tracer):
        check_elements(np.asarray(atomic_numbers), padding=True)
    return jax.nn.one_hot(jnp.asarray(atomic_numbers) - 1, width, dtype=jnp.float32)


def distances(
    positions: Float[Array, "atoms 3"], mask: Bool[Array, " atoms"]
) -> Float[Array, "atoms atoms"]:
    """Return the distances between the atoms of one molecule, in Å.

    The square root has no derivative at zero: an atom's distance to itself would put NaN into
    every gradient. So the root is taken only for pairs of two different, real atoms; all other
    pairs get the distance 0 with derivative 0.

    Parameters
    ----------
    positions
        Shape (atoms, 3), Å.
    mask
        Shape (atoms,), true for real atoms.

    Returns
    -------
    Array
        Shape (atoms, atoms).

    Examples
    --------
    >>> distances(jnp.array([[0.0, 0, 0], [0, 3.0, 4.0]]), jnp.array([True, True]))
    Array([[0., 5.],
           [5., 0.]], dtype=float32)
    """
    pair = pairs(mask)
    difference = positions[:, None, :] - positions[None, :, :]
    squared = jnp.sum(difference**2, axis=-1)
    return jnp.where(pair, jnp.sqrt(jnp.where(pair, squared, 1.0)), 0.0)


def pairs(mask: Bool[Array, " atoms"]) -> Bool[Array, "atoms atoms"]:
    """Return which pairs are two different real atoms, given which atoms are real.

    Examples
    --------
    >>> pairs(jnp.array([True, True, False])).astype(int)
    Array([[0, 1, 0],
           [1, 0, 0],
           [0, 0, 0]], dtype=int32)
    """
    return mask[:, None] & mask[None, :] & ~jnp.eye(mask.shape[0], dtype=bool)


def inverse_distance(
    positions: Float[Array, "atoms 3"], mask: Bool[Array, " atoms"]
) -> Float[Array, "atoms atoms"]:
    """Return one over the distance of two atoms, in 1/Å: the edge weight of the *gnn* chapter.

    Parameters
    ----------
    positions
        Shape (atoms, 3), Å.
    mask
        Shape (atoms,), true for real atoms.

    Returns
    -------
    Array
        Shape (atoms, atoms); 0 on the diagonal and for padded atoms, with gradient 0 there.

    Examples
    --------
    >>> inverse_distance(jnp.array([[0.0, 0, 0], [0, 0, 2.0]]), jnp.array([True, True]))
    Array([[0. , 0.5],
           [0.5, 0. ]], dtype=float32)
    """
    distance = distances(positions, mask)
    return jnp.where(pairs(mask), 1.0 / jnp.where(pairs(mask), distance, 1.0), 0.0)


def radial_bessel(
    distance: Float[Array, "*pairs"], n: int, cutoff: float
) -> Float[Array, "*pairs {n}"]:
    r"""Radial Bessel functions of the distance (Gasteiger et al. 2020, eq. 7), cut off smoothly.

    Function k is :math:`\sqrt{2/c}\,\sin(k \pi r / c) / r` times a cosine that falls from 1 at
    r = 0 to 0 at the cutoff c.

    Parameters
    ----------
    distance
        Distances r in Å, larger than 0; any shape.
    n
        Number of functions.
    cutoff
        Distance c in Å beyond which all functions are 0.

    Returns
    -------
    Array
        Shape (..., n).

    Examples
    --------
    >>> radial_bessel(jnp.array([2.5, 4.0]), n=3, cutoff=5.0).round(3)
    Array([[ 0.126, -0.   , -0.126],
           [ 0.009, -0.014,  0.014]], dtype=float32)
    """
    angle = jnp.pi * distance / cutoff
    # sin(k x) = 2 cos(x) sin((k - 1) x) - sin((k - 2) x): one sine for all k.
    cosine, sines = jnp.cos(angle), [jnp.zeros_like(angle), jnp.sin(angle)]
    for _ in range(n - 1):
        sines.append(2.0 * cosine * sines[-1] - sines[-2])
    inside = jnp.where(distance < cutoff, 0.5 * (cosine + 1.0), 0.0)
    scale = math.sqrt(2.0 / cutoff) * inside / distance
    return jnp.stack(sines[1:], axis=-1) * scale[..., None]


def check_one_molecule(atomic_numbers: Array, positions: Array) -> None:
    """Raise an error that a student can read if the arrays are not those of one molecule.

    Raises
    ------
    ValueError
        If the shapes are not (atoms,) and (atoms, 3), there are no atoms, or an atom is not H, C,
        N, O or F. Within `jax.jit` and `jax.vmap`, the elements are not known yet; see
        `one_if_known`.

    Examples
    --------
    >>> check_one_molecule(jnp.array([8, 1, 1]), jnp.zeros((3, 3)))
    """
    if atomic_numbers.ndim != 1 or positions.shape != (*atomic_numbers.shape, 3):
        raise ValueError(
            f"a network takes one molecule: atomic numbers (atoms,) and positions (atoms, 3); "
            f"given {atomic_numbers.shape} and {positions.shape}; "
            "for a batch use jax.vmap(network)"
        )
    if not atomic_numbers.shape[0]:
        raise ValueError("a network takes one molecule with at least one atom; given none")
    if not isinstance(atomic_numbers, jax.core.Tracer):
        check_elements(np.asarray(atomic_numbers), padding=True)


def one_if_known(atomic_numbers: Int[Array, " atoms"]) -> Float[Array, ""]:
    """Return 1, or NaN if an atom is not H, C, N, O or F (or padded, 0).

    A compiled network cannot raise an error for such an atom. Multiplied by this number, its output
    and its gradient become NaN, too, instead of the values of some other element.

    Examples
    --------
    >>> jax.jit(one_if_known)(jnp.array([17, 1])), jax.jit(one_if_known)(jnp.array([9, 1, 0]))
    (Array(nan, dtype=float32, weak_type=True), Array(1., dtype=float32, weak_type=True))
    """
    elements = jnp.array([0, *ELEMENTS], atomic_numbers.dtype)
    known = (atomic_numbers[:, None] == elements[None, :]).any(axis=1)
    return jnp.where(known.all(), 1.0, jnp.nan)


def normal(key: PRNGKeyArray, shape: tuple[int, ...], inputs: int) -> Float[Array, "..."]:
    """Return initial weights: random numbers of standard deviation 1/sqrt(inputs), in float32.

    A sum over that many inputs is then initially about as large as one of them.
    """
    return jax.random.normal(key, shape, jnp.float32) / math.sqrt(inputs)


def bucketed(qm9: QM9, sizes: Sequence[int] = SIZES) -> list[Batch]:
    """Pad all molecules, grouped by similar size.

    Parameters
    ----------
    qm9
        Molecules.
    sizes
        Padded numbers of atoms, increasing.

    Returns
    -------
    list of Batch
        One batch per size that has molecules. Every molecule is in exactly one batch.

    Raises
    ------
    ValueError
        If there are no molecules, or one is larger than the last size.

    Examples
    --------
    >>> import qm9lib
    >>> [batch.positions.shape for batch in bucketed(qm9lib.load_sample()[:5], sizes=(3, 5))]
    [(2, 3, 3), (3, 5, 3)]
    """
    if not len(qm9):
        raise ValueError("there is no molecule to make a batch from: the set is empty")
    n_atoms = qm9.n_atoms
    if n_atoms.max() > sizes[-1]:
        raise ValueError(
            f"molecule {qm9.index[np.argmax(n_atoms)]} has {n_atoms.max()} atoms, "
            f"more than the largest padded size {sizes[-1]}"
        )
    bucket = np.searchsorted(sizes, n_atoms)
    return [
        pad(qm9, np.flatnonzero(bucket == number), size)
        for number, size in enumerate(sizes)
        if np.any(bucket == number)
    ]


def sizes_for(qm9: QM9) -> tuple[int, ...]:
    """Return `SIZES`, with larger sizes added if a molecule is larger than any in QM9.

    Examples
    --------
    >>> import qm9lib
    >>> sizes_for(qm9lib.load_sample()) == SIZES
    True
    """
    sizes = [*SIZES]
    while sizes[-1] < qm9.n_atoms.max(initial=0):
        sizes.append(2 * sizes[-1])
    return tuple(sizes)


def pad(qm9: QM9, rows: Int[np.ndarray, " batch"], atoms: int | np.integer) -> Batch:
    """Pad the molecules in the given rows to a number of atoms.

    Parameters
    ----------
    qm9
        Molecules.
    rows
        Rows to take, shape (batch,); -1 gives a padding molecule.
    atoms
        Padded number of atoms, at least as many as in the largest molecule.

    Returns
    -------
    Batch
        Arrays on the default device.

    Raises
    ------
    ValueError
        If a molecule has more atoms.

    Examples
    --------
    >>> import qm9lib
    >>> pad(qm9lib.load_sample(), np.array([2, 3]), atoms=5).atomic_numbers
    Array([[8, 1, 1, 0, 0],
           [6, 6, 1, 1, 0]], dtype=int32)
    """
    molecules = qm9[rows]
    n_atoms = np.where(rows >= 0, molecules.n_atoms, 0)
    if np.any(n_atoms > atoms):
        raise ValueError(
            f"molecule {molecules.index[np.argmax(n_atoms)]} has {n_atoms.max()} atoms, more than "
            f"the {atoms} places of a padded molecule: pad to {n_atoms.max()}"
        )
    real = np.arange(atoms) < n_atoms[:, None]
    flat = np.repeat(rows >= 0, molecules.n_atoms)
    atomic_numbers = np.zeros(real.shape, np.int32)
    positions = np.zeros((*real.shape, 3), np.float32)
    atomic_numbers[real] = molecules.atomic_numbers[flat]
    positions[real] = _near_the_origin(molecules.positions, molecules.offsets)[flat]
    return Batch(
        jnp.asarray(atomic_numbers), jnp.asarray(positions), jnp.asarray(rows, dtype=jnp.int32)
    )


_FAR = 100.0  # Å; beyond this, float32 resolves positions to 1e-5 Å at best


def _near_the_origin(
    positions: Float[np.ndarray, "atoms 3"], offsets: Int[np.ndarray, " molecules_and_1"]
) -> Float[np.ndarray, "atoms 3"]:
    """Move molecules that are far from the origin to it, while they are float64."""
    if not (np.abs(positions) > _FAR).any():
        return positions
    return positions - np.repeat(positions[offsets[:-1]], np.diff(offsets), axis=0)


def chunks(
    rows: Int[np.ndarray, " molecules"], length: int
) -> Iterator[Int[np.ndarray, " length"]]:
    """Cut rows into pieces of equal length; the last is filled up with -1.

    Examples
    --------
    >>> list(chunks(np.array([5, 3, 4]), 2))
    [array([5, 3]), array([ 4, -1])]
    """
    filled = np.full(-(-len(rows) // length) * length, -1, rows.dtype)
    filled[: len(rows)] = rows
    yield from filled.reshape(-1, length)
