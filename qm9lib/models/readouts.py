r"""From the features of the atoms to one number for the molecule: a readout for each kind of label.

The value for two molecules far apart determines the readout that a label needs:

============  ====================================================  ==========================
readout       two molecules far apart                               labels
============  ====================================================  ==========================
`Sum`         the sum of the two numbers                            energies, alpha, zpve, Cv
`Mean`        their mean, weighted by the numbers of atoms          none of QM9
`Attention`   nearly the number of the one with the higher score    homo, lumo, gap
`Dipole`      the length of the sum of the two vectors              mu
`Extent`      grows with the square of the distance between them    r2
============  ====================================================  ==========================
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qm9lib.data.geometry import ATOMIC_WEIGHTS
from qm9lib.labels import LABELS
from qm9lib.models.graphs import normal
from qm9lib.models.perceptrons import per_atom, perceptron

_LOWEST = -1e9  # score of a padded atom: finite, for a molecule that is all padding
_SMALL = 1e-8  # D²: keeps the length of a zero dipole differentiable


class Atoms(NamedTuple):
    """The input of a readout, for one molecule.

    Attributes
    ----------
    scalars
        Shape (atoms, features).
    vectors
        Shape (atoms, 3, features).
    positions
        Shape (atoms, 3), Å, relative to the centre of mass; arbitrary for a padded atom.
    mask
        Shape (atoms,), true for real atoms.
    """

    scalars: Float[Array, "atoms features"]
    vectors: Float[Array, "atoms 3 features"]
    positions: Float[Array, "atoms 3"]
    mask: Bool[Array, " atoms"]


def centred(
    atomic_numbers: Int[Array, " atoms"], positions: Float[Array, "atoms 3"]
) -> Float[Array, "atoms 3"]:
    """Return positions (Å) relative to the centre of mass.

    Examples
    --------
    >>> centred(jnp.array([1, 1]), jnp.array([[0.0, 0, 1.0], [0, 0, 2.0]]))[:, 2]
    Array([-0.5,  0.5], dtype=float32)
    """
    weights = [ATOMIC_WEIGHTS.get(z, 0.0) for z in range(max(ATOMIC_WEIGHTS) + 1)]
    mass = jnp.asarray(weights, positions.dtype)[atomic_numbers][:, None]
    return positions - jnp.sum(mass * positions, axis=0)[None] / jnp.maximum(jnp.sum(mass), 1.0)


class Sum(eqx.Module):
    """A number per atom, and their sum: for labels that grow with the molecule, as energies do."""

    network: eqx.nn.MLP

    def __init__(self, features: int, *, key: PRNGKeyArray) -> None:
        self.network = perceptron(features, 1, max(1, features // 2), key)

    def each(self, atoms: Atoms) -> Float[Array, " atoms"]:
        """Return the number of each atom; 0 for a padded one."""
        return jnp.where(atoms.mask, per_atom(self.network, atoms.scalars)[:, 0], 0.0)

    def __call__(self, atoms: Atoms) -> Float[Array, ""]:
        """Return the number of the molecule."""
        return jnp.sum(self.each(atoms))


class Mean(Sum):
    """A number per atom, and their mean: for labels that do not grow with the molecule."""

    def __call__(self, atoms: Atoms) -> Float[Array, ""]:
        """Return the number of the molecule."""
        total = jnp.sum(self.each(atoms))
        return total / jnp.maximum(jnp.sum(atoms.mask), 1).astype(total.dtype)


class Attention(eqx.Module):
    r"""A number and a score per atom: for what a few atoms decide, such as the highest orbital.

    .. math:: y = \sum_i \frac{e^{a_i}}{\sum_j e^{a_j}}\, x_i

    With equal scores, it is the mean; if one score is far above all others, it is the number of
    that atom, so the readout can learn to be a maximum.
    """

    network: eqx.nn.MLP

    def __init__(self, features: int, *, key: PRNGKeyArray) -> None:
        self.network = perceptron(features, 2, max(1, features // 2), key)

    def parts(self, atoms: Atoms) -> Float[Array, " atoms"]:
        """Return the weight of each atom: positive, adding up to 1; 0 for a padded atom."""
        scores = jnp.where(atoms.mask, per_atom(self.network, atoms.scalars)[:, 1], _LOWEST)
        return jnp.where(atoms.mask, jax.nn.softmax(scores), 0.0)

    def __call__(self, atoms: Atoms) -> Float[Array, ""]:
        """Return the number of the molecule."""
        numbers = jnp.where(atoms.mask, per_atom(self.network, atoms.scalars)[:, 0], 0.0)
        return jnp.sum(self.parts(atoms) * numbers)


class Dipole(eqx.Module):
    r"""A charge and a dipole per atom, and the length of the molecule's vector (PaiNN, eq. 11).

    .. math:: \vec\mu = \sum_i \Big(\sum_f g_{if}\, \vec v_{if} + q_i \vec r_i\Big),
        \qquad \sum_i q_i = 0

    The charges and the weights g come from the scalar features. The total charge is subtracted from
    all atoms in equal parts: the dipole of a neutral molecule does not depend on the origin.
    """

    network: eqx.nn.MLP
    mix: Float[Array, " features"]

    def __init__(self, features: int, *, key: PRNGKeyArray) -> None:
        network, mix = jax.random.split(key)
        self.network = perceptron(features, 1 + features, max(1, features // 2), network)
        self.mix = normal(mix, (features,), features)

    def charges(self, atoms: Atoms) -> Float[Array, " atoms"]:
        """Return the charge of each atom, adding up to 0; 0 for a padded atom."""
        charge = jnp.where(atoms.mask, per_atom(self.network, atoms.scalars)[:, 0], 0.0)
        surplus = jnp.sum(charge) / jnp.maximum(jnp.sum(atoms.mask), 1).astype(charge.dtype)
        return jnp.where(atoms.mask, charge - surplus, 0.0)

    def vector(self, atoms: Atoms) -> Float[Array, " 3"]:
        """Return the dipole vector, which turns with the molecule."""
        gates = per_atom(self.network, atoms.scalars)[:, 1:] * self.mix[None]
        own = jnp.sum(gates[:, None, :] * atoms.vectors, axis=2)
        carried = self.charges(atoms)[:, None] * atoms.positions
        return jnp.sum(jnp.where(atoms.mask[:, None], own + carried, 0.0), axis=0)

    def __call__(self, atoms: Atoms) -> Float[Array, ""]:
        """Return the length of the vector."""
        return jnp.sqrt(jnp.sum(self.vector(atoms) ** 2) + _SMALL)


class Extent(eqx.Module):
    r"""A charge per atom, times the square of its distance from the centre of mass.

    .. math:: y = \sum_i q_i\, \lVert \vec r_i - \vec c \rVert^2 + x_i

    For the spatial extent of the electrons: q counts the electrons of an atom, and x measures how
    far they spread around it.
    """

    network: eqx.nn.MLP

    def __init__(self, features: int, *, key: PRNGKeyArray) -> None:
        self.network = perceptron(features, 2, max(1, features // 2), key)

    def __call__(self, atoms: Atoms) -> Float[Array, ""]:
        """Return the number of the molecule."""
        found = per_atom(self.network, atoms.scalars)
        squared = jnp.sum(atoms.positions**2, axis=1)
        return jnp.sum(jnp.where(atoms.mask, found[:, 0] * squared + found[:, 1], 0.0))


Readout = Sum | Attention | Dipole | Extent

READOUTS: dict[str, type[Readout]] = {
    "sum": Sum, "mean": Mean, "attention": Attention, "dipole": Dipole, "extent": Extent,
}  # fmt: skip
"""The readouts, by the names under which `qm9lib.models.painn.PaiNN` knows them."""

NEED_VECTORS = {"dipole"}
"""Readouts that use the vectors of the atoms."""

FROM_ZERO = {"dipole"}
"""Readouts whose 0 is the label's 0: a length cannot be measured from the mean."""


def readout_for(*labels: str) -> str | tuple[str, ...]:
    """Return the ``pooling`` that suits a label: one name, or one for each of several labels.

    Examples
    --------
    >>> readout_for("H")
    'sum'
    >>> readout_for("H", "gap", "mu", "r2")
    ('sum', 'attention', 'dipole', 'extent')
    """
    special = {"mu": "dipole", "r2": "extent"}
    by_law = {"extensive": "sum", "intensive": "attention", "neither": "mean"}
    names = tuple(special.get(label) or by_law[LABELS[label].scaling] for label in labels)
    return names if len(names) > 1 else names[0]
