r"""PaiNN: a network that passes scalars and vectors between atoms (Schütt et al. 2021).

Every atom carries a scalar feature vector :math:`s_i` and a list of vectors :math:`\vec v_i`, one
per channel. Scalars do not change when the molecule is rotated, vectors turn with it, and only
operations that preserve this are used: the network is *equivariant*, and its energy is invariant.

The code handles one molecule; ``jax.vmap(network)`` handles a batch. It computes in the dtype of
its weights, float32 unless they are cast. All pairs of a molecule are computed, as dense arrays:
with at most 29 atoms, that is faster than neighbour lists.
"""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qm9lib.errors import UnknownNameError
from qm9lib.labels import ELEMENTS
from qm9lib.models.graphs import check_one_molecule, normal, one_if_known, pairs, radial_bessel
from qm9lib.models.perceptrons import per_atom, perceptron
from qm9lib.models.readouts import NEED_VECTORS, READOUTS, Atoms, Readout, Sum, centred

_NEAR = 1e-6  # Å²: keeps roots and their derivatives finite for two atoms in the same place
_SMALL = 1e-8  # the same for the length of a vector feature


def shortened(features: Float[Array, "atoms *rest"]) -> Float[Array, "atoms *rest"]:
    r"""Shorten the features of each atom to about length 1 per channel, if they are longer.

    .. math:: \hat x_i = x_i \Big/ \sqrt{1 + \lVert x_i \rVert^2 / F}

    with F channels, scalars or vectors. Short features stay as they are, and long ones keep their
    direction. It is the RMS norm (Zhang and Sennrich 2019) with its small constant set to 1, and
    without learned weights: the layers that follow have their own.

    Examples
    --------
    >>> [f"{x:.2f}" for x in shortened(jnp.array([[0.3, 0.4], [300.0, 400.0]])).ravel()]
    ['0.28', '0.38', '0.85', '1.13']
    """
    axes = tuple(range(1, features.ndim))
    squared = jnp.sum(features**2, axis=axes, keepdims=True) / features.shape[-1]
    return features * jax.lax.rsqrt(1.0 + squared)


class Edges(eqx.Module):
    """The geometry as the layers see it, for every receiver i and sender j.

    Attributes
    ----------
    radial
        Radial functions of the distance, shape (i, radial, j); zero for pairs left out.
    directed
        The same times the unit vector from i to j, shape (i, 3, radial, j).
    """

    radial: Float[Array, "atoms radial atoms"]
    directed: Float[Array, "atoms 3 radial atoms"]

    def __init__(
        self, positions: Float[Array, "atoms 3"], mask: Bool[Array, " atoms"], n: int, cutoff: float
    ) -> None:
        pair = pairs(mask)
        to_sender = positions[None, :, :] - positions[:, None, :]
        squared = jnp.sum(to_sender**2, axis=-1) + _NEAR
        # A padded atom could be anywhere, so its distances are set to 1.
        distance = jnp.sqrt(jnp.where(pair, squared, 1.0))
        radial = jnp.where(pair[:, :, None], radial_bessel(distance, n, cutoff), 0.0)
        direction = jnp.where(pair[:, :, None], to_sender / distance[:, :, None], 0.0)
        self.radial = jnp.moveaxis(radial, 2, 1)
        self.directed = jnp.moveaxis(direction, 2, 1)[:, :, None, :] * self.radial[:, None]


class Message(eqx.Module):
    r"""The message that an atom receives from all others (eqs. 7 and 8).

    .. math::

        \begin{aligned}
        \Delta s_i &= \sum_j \phi_s(s_j) \circ W_s(r_{ij}) \\
        \Delta \vec v_i &= \sum_j \vec v_j \circ \phi_{vv}(s_j) \circ W_{vv}(r_{ij})
            + \sum_j \phi_{vs}(s_j) \circ W_{vs}(r_{ij})\, \frac{\vec r_{ij}}{r_{ij}}
        \end{aligned}

    The filters are linear in the radial functions, :math:`W(r) = \sum_k w_k R_k(r)`, so the sum
    over the neighbours j can be done first, as one matrix product, and the weights :math:`w_k` come
    afterwards: no array of atoms x atoms x features is ever created.
    """

    network: eqx.nn.MLP
    filters: Float[Array, "parts radial features"]

    def __init__(self, features: int, radial: int, parts: int, *, key: PRNGKeyArray) -> None:
        # parts: s and vs in the first layer, where all vectors are zero; s, vs and vv later.
        network, filters = jax.random.split(key)
        self.network = perceptron(features, parts * features, features, network)
        self.filters = normal(filters, (parts, radial, features), radial)

    def __call__(
        self,
        scalars: Float[Array, "atoms features"],
        vectors: Float[Array, "atoms 3 features"] | None,
        edges: Edges,
    ) -> tuple[Float[Array, "atoms features"], Float[Array, "atoms 3 features"]]:
        """Return the sums over all senders."""
        atoms, features = scalars.shape
        sent = per_atom(self.network, scalars).reshape(atoms, -1, features)
        if vectors is None:
            carried = sent[:, :1]
        else:
            carried = jnp.concatenate([sent[:, :1], sent[:, 2:] * vectors], axis=1)
        # (i radial, j) @ (j, channel features): scalars, and the vectors' x, y and z.
        received = edges.radial.reshape(-1, atoms) @ carried.reshape(atoms, -1)
        received = received.reshape(atoms, -1, carried.shape[1], features)
        new_scalars = jnp.sum(received[:, :, 0] * self.filters[None, 0], axis=1)
        directed = edges.directed.reshape(-1, atoms) @ sent[:, 1]
        directed = directed.reshape(atoms, 3, -1, features)
        new_vectors = jnp.sum(directed * self.filters[None, 1:2], axis=2)
        if vectors is not None:
            new_vectors += jnp.sum(received[:, :, 1:] * self.filters[None, 2, :, None], axis=1)
        return new_scalars, new_vectors


class Update(eqx.Module):
    r"""The update of an atom's own features (eqs. 9 and 10).

    .. math::

        \begin{aligned}
        \Delta s_i &= a_{ss} + a_{sv} \circ \langle U \vec v_i, V \vec v_i \rangle \\
        \Delta \vec v_i &= a_{vv} \circ U \vec v_i
        \end{aligned}

    with matrices U and V over the channels, and a from a network that sees :math:`s_i` and the
    lengths :math:`\|V \vec v_i\|`.
    """

    mix: Float[Array, "features twice"]
    network: eqx.nn.MLP

    def __init__(self, features: int, parts: int, *, key: PRNGKeyArray) -> None:
        # parts: ss and sv in the last layer, whose vectors are rarely read; else ss, sv and vv.
        mix, network = jax.random.split(key)
        self.mix = normal(mix, (features, 2 * features), features)
        self.network = perceptron(2 * features, parts * features, features, network)

    def __call__(
        self, scalars: Float[Array, "atoms features"], vectors: Float[Array, "atoms 3 features"]
    ) -> tuple[Float[Array, "atoms features"], Float[Array, "atoms 3 features"]]:
        """Return the changes of scalars and vectors."""
        mixed = (vectors.reshape(-1, vectors.shape[2]) @ self.mix).reshape(*vectors.shape[:2], -1)
        u, v = jnp.split(mixed, 2, axis=2)
        length = jnp.sqrt(jnp.sum(v**2, axis=1) + _SMALL)
        a = per_atom(self.network, jnp.concatenate([scalars, length], axis=1))
        ss, sv, *vv = jnp.split(a, a.shape[1] // scalars.shape[1], axis=1)
        new_vectors = vv[0][:, None, :] * u if vv else jnp.zeros_like(vectors)
        return ss + sv * jnp.sum(u * v, axis=1), new_vectors


class PaiNN(eqx.Module):
    """Message and update layers, then a readout.

    Parameters
    ----------
    features
        Number of scalar channels, and of vector channels.
    layers
        Number of message and update layers.
    radial
        Number of radial functions.
    cutoff
        Distance in Å beyond which atoms do not see each other.
    pooling
        One of `qm9lib.models.readouts.READOUTS`: ``"sum"`` over the atoms for labels that grow
        with the molecule, such as an energy, ``"attention"`` for an orbital energy, and so on. A
        tuple gives one readout for each name, and the network returns as many numbers.
    norm
        Whether the layers see features that are `shortened`. In the paper they do not: products of
        features then grow from layer to layer, and an unusual molecule gets a huge energy.
    key
        Key for the initial weights.

    Raises
    ------
    UnknownNameError
        If there is no such pooling.
    ValueError
        If the cutoff is not positive, or there are no features, layers, radial functions or
        poolings.

    Examples
    --------
    >>> network = PaiNN(key=jax.random.key(0))
    >>> water = jnp.array([8, 1, 1]), jnp.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    >>> network(*water).shape
    ()
    >>> forces = -jax.grad(network, argnums=1)(*water)
    >>> forces.shape
    (3, 3)
    >>> PaiNN(pooling=("sum", "dipole"), key=jax.random.key(0))(*water).shape
    (2,)
    """

    embedding: Float[Array, "elements features"]
    messages: list[Message]
    updates: list[Update]
    readout: Readout | tuple[Readout, ...]
    radial: int = eqx.field(static=True)
    cutoff: float = eqx.field(static=True)
    norm: bool = eqx.field(static=True)

    def __init__(
        self,
        features: int = 32,
        layers: int = 3,
        radial: int = 8,
        cutoff: float = 5.0,
        pooling: str | Sequence[str] = "sum",
        norm: bool = True,
        *,
        key: PRNGKeyArray,
    ) -> None:
        names = (pooling,) if isinstance(pooling, str) else tuple(pooling)
        for name in names:
            if name not in READOUTS:
                raise UnknownNameError("pooling", name, [*READOUTS])
        if not cutoff > 0:
            raise ValueError(f"cutoff must be positive, not {cutoff!r}")
        for name, value in (
            ("features", features), ("layers", layers), ("radial", radial),
            ("poolings", len(names)),
        ):  # fmt: skip
            if not value >= 1:
                raise ValueError(f"{name} must be at least 1, not {value!r}")
        embedding, readout, *keys = jax.random.split(key, 2 + 2 * layers)
        self.embedding = normal(embedding, (max(ELEMENTS) + 1, features), 1)
        self.messages = [
            Message(features, radial, 3 if layer else 2, key=keys[2 * layer])
            for layer in range(layers)
        ]
        turned = not NEED_VECTORS.isdisjoint(names)
        self.updates = [
            Update(features, 3 if layer < layers - 1 or turned else 2, key=keys[2 * layer + 1])
            for layer in range(layers)
        ]
        if isinstance(pooling, str):
            self.readout = READOUTS[pooling](features, key=readout)
        else:
            self.readout = tuple(
                READOUTS[name](features, key=one)
                for name, one in zip(names, jax.random.split(readout, len(names)), strict=True)
            )
        self.radial = radial
        self.cutoff = cutoff
        self.norm = norm

    @property
    def pooling(self) -> str | list[str]:
        """The name of the readout, or the names of several."""
        names = {made: name for name, made in READOUTS.items()}
        if isinstance(self.readout, tuple):
            return [names[type(readout)] for readout in self.readout]
        return names[type(self.readout)]

    @property
    def config(self) -> dict[str, int | float | str | list[str]]:
        """The arguments that `PaiNN` was created with, except for the key."""
        return {
            "features": self.embedding.shape[1],
            "layers": len(self.messages),
            "radial": self.radial,
            "cutoff": self.cutoff,
            "pooling": self.pooling,
            "norm": self.norm,
        }

    def only(self, *numbers: int) -> PaiNN:
        """Return the network with only some of its readouts; with one, it returns one number.

        Examples
        --------
        >>> both = PaiNN(pooling=("sum", "dipole"), key=jax.random.key(0))
        >>> both.only(1).pooling
        'dipole'
        """
        if not isinstance(self.readout, tuple):
            return self
        chosen = tuple(self.readout[number] for number in numbers)
        left = chosen if len(chosen) > 1 else chosen[0]
        return eqx.tree_at(lambda network: network.readout, self, left)

    # The shapes are checked by hand, so that a student can read the error message.
    def features(self, atomic_numbers: Int[Array, "..."], positions: Float[Array, "..."]) -> Atoms:
        """Return the features of the atoms after all layers, as the readout sees them."""
        check_one_molecule(atomic_numbers, positions)
        return self._features(atomic_numbers, positions)

    # Compiled as a whole even if the caller does not compile it: run one by one, the operations
    # would be compiled separately, which takes a minute.
    @eqx.filter_jit
    def _features(
        self, atomic_numbers: Int[Array, " atoms"], positions: Float[Array, "atoms 3"]
    ) -> Atoms:
        mask = atomic_numbers > 0
        positions = positions.astype(self.embedding.dtype)
        edges = Edges(positions, mask, self.radial, self.cutoff)
        seen = shortened if self.norm else lambda features: features
        scalars = self.embedding[atomic_numbers]
        vectors: Float[Array, "atoms 3 features"] | None = None
        for message, update in zip(self.messages, self.updates, strict=True):
            received, moved = message(
                seen(scalars), None if vectors is None else seen(vectors), edges
            )
            scalars = scalars + received
            vectors = moved if vectors is None else vectors + moved
            changed, turned = update(seen(scalars), seen(vectors))
            scalars, vectors = scalars + changed, vectors + turned
        assert vectors is not None  # there is at least one layer
        return Atoms(scalars, vectors, centred(atomic_numbers, positions), mask)

    def atom_energies(
        self, atomic_numbers: Int[Array, "..."], positions: Float[Array, "..."]
    ) -> Float[Array, " atoms"]:
        """Return the contribution of each atom to the sum or the mean; 0 for a padded atom.

        Raises
        ------
        ValueError
            If the readout is not a `Sum` or `Mean`, or there are several; see `only`.
        """
        if not isinstance(self.readout, Sum):
            raise ValueError(
                f"a network whose pooling is {self.pooling!r} does not give a number for each "
                "atom; one that sums or averages does, and network.only(i) keeps only readout i"
            )
        check_one_molecule(atomic_numbers, positions)
        return self._each(self.readout, atomic_numbers, positions)

    @eqx.filter_jit
    def _each(
        self,
        readout: Sum,
        atomic_numbers: Int[Array, " atoms"],
        positions: Float[Array, "atoms 3"],
    ) -> Float[Array, " atoms"]:
        each = readout.each(self._features(atomic_numbers, positions))
        return each * one_if_known(atomic_numbers)

    def __call__(
        self, atomic_numbers: Int[Array, "..."], positions: Float[Array, "..."]
    ) -> Float[Array, "*readouts"]:
        """Predict one molecule; for a batch use ``jax.vmap(network)``.

        Parameters
        ----------
        atomic_numbers
            Shape (atoms,), integer; 0 for a padded atom.
        positions
            Shape (atoms, 3), Å.

        Returns
        -------
        Array
            A number, or one for each pooling, in the standardised unit that the network was trained
            in.

        Raises
        ------
        ValueError
            If the shapes are not those of one molecule, or an element does not occur in QM9 (a
            compiled network returns NaN for it).
        """
        check_one_molecule(atomic_numbers, positions)
        return self._predict(atomic_numbers, positions)

    @eqx.filter_jit
    def _predict(
        self, atomic_numbers: Int[Array, " atoms"], positions: Float[Array, "atoms 3"]
    ) -> Float[Array, "*readouts"]:
        atoms = self._features(atomic_numbers, positions)
        if isinstance(self.readout, tuple):
            found = jnp.stack([readout(atoms) for readout in self.readout])
        else:
            found = self.readout(atoms)
        return found * one_if_known(atomic_numbers)
