"""The graph network of the *gnn* chapter: edge, node and global update.

The blocks are those of Battaglia et al. (2018), in the smallest form that predicts an energy. The
code handles one molecule; ``jax.vmap(network)`` handles a batch. It computes in the dtype of its
weights, float32 unless they are cast.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qm9lib.models.graphs import (
    check_one_molecule,
    distances,
    inverse_distance,
    normal,
    one_hot,
    one_if_known,
    pairs,
    radial_bessel,
)

EdgeFunction = Callable[
    [Float[Array, "atoms 3"], Bool[Array, " atoms"]], Float[Array, "atoms atoms features"]
]
"""From positions (Å) and the mask of real atoms to the features of every pair of atoms."""


def inverse_distance_edges(
    positions: Float[Array, "atoms 3"], mask: Bool[Array, " atoms"]
) -> Float[Array, "atoms atoms 1"]:
    """One feature per edge: `qm9lib.models.graphs.inverse_distance`, in 1/Å.

    Examples
    --------
    >>> pair = jnp.array([[0.0, 0, 0], [0, 0, 2.0]])
    >>> inverse_distance_edges(pair, jnp.array([True, True]))[0, 1]
    Array([0.5], dtype=float32)
    """
    return inverse_distance(positions, mask)[:, :, None]


def bessel_edges(
    positions: Float[Array, "atoms 3"], mask: Bool[Array, " atoms"], n: int = 8, cutoff: float = 5.0
) -> Float[Array, "atoms atoms n"]:
    """Several features per edge: `qm9lib.models.graphs.radial_bessel` of the distance.

    Parameters
    ----------
    positions
        Shape (atoms, 3), Å.
    mask
        Shape (atoms,), true for real atoms.
    n
        Number of functions.
    cutoff
        Distance c in Å beyond which atoms do not see each other.

    Returns
    -------
    Array
        Shape (atoms, atoms, n); zero for pairs that `qm9lib.models.graphs.pairs` leaves out.

    Examples
    --------
    >>> pair = jnp.array([[0.0, 0, 0], [0, 0, 2.5]])
    >>> bessel_edges(pair, jnp.array([True, True]), n=3)[0, 1].round(3)
    Array([ 0.126, -0.   , -0.126], dtype=float32)
    """
    pair = pairs(mask)
    distance = jnp.where(pair, distances(positions, mask), 1.0)
    return jnp.where(pair[:, :, None], radial_bessel(distance, n, cutoff), 0.0)


class GraphLayer(eqx.Module):
    r"""One round of edge, node and global update.

    .. math::

        \begin{aligned}
        e'_{ij} &= \sigma\Big(\sum_k e_{ijk} W_{e,k} v_j + b_e\Big) \\
        v'_i &= \sigma\Big(W_v \sum_{j \ne i} e'_{ij}\Big) + v_i \\
        u' &= \sigma\Big(W_u \sum_i v'_i\Big) + u
        \end{aligned}

    with the leaky ReLU :math:`\sigma`, the edge features :math:`e_{ijk}` (one, the inverse
    distance, in the classic network) and the sender j.
    """

    edge_weight: Float[Array, "features nodes messages"]
    edge_bias: Float[Array, " messages"]
    node_weight: Float[Array, "messages nodes"]
    global_weight: Float[Array, "nodes globals"]

    def __init__(
        self, features: int, nodes: int, messages: int, global_features: int, *, key: PRNGKeyArray
    ) -> None:
        edge, node, update = jax.random.split(key, 3)
        self.edge_weight = normal(edge, (features, nodes, messages), features * nodes)
        self.edge_bias = jnp.zeros(messages, jnp.float32)
        self.node_weight = normal(node, (messages, nodes), messages)
        # The global feature is a sum over all atoms, so its weights start small.
        self.global_weight = 0.1 * normal(update, (nodes, global_features), nodes)

    def __call__(
        self,
        nodes: Float[Array, "atoms nodes"],
        edges: Float[Array, "atoms atoms features"],
        global_features: Float[Array, " globals"],
        mask: Bool[Array, " atoms"],
    ) -> tuple[Float[Array, "atoms nodes"], Float[Array, " globals"]]:
        """Update the nodes and the global feature; the edge features stay as they are.

        Parameters
        ----------
        nodes
            Shape (atoms, nodes).
        edges
            Shape (atoms, atoms, features): first axis receiver, second axis sender.
        global_features
            Shape (globals,).
        mask
            Shape (atoms,), true for real atoms.
        """
        sent = jnp.einsum("jn,knm->jkm", nodes, self.edge_weight)
        # A plain sum over the few edge features, which XLA fuses with what follows. An einsum
        # would be thousands of tiny matrix products.
        weighted = sum(edges[:, :, k, None] * sent[None, :, k, :] for k in range(edges.shape[2]))
        message = jax.nn.leaky_relu(weighted + self.edge_bias[None, None, :])
        received = jnp.sum(jnp.where(pairs(mask)[:, :, None], message, 0.0), axis=1)
        nodes = jax.nn.leaky_relu(received @ self.node_weight) + nodes
        nodes = jnp.where(mask[:, None], nodes, 0.0)
        update = jax.nn.leaky_relu(jnp.sum(nodes, axis=0) @ self.global_weight)
        return nodes, global_features + update


class GraphNetwork(eqx.Module):
    """Graph layers, then the energy as a linear function of the global feature.

    Parameters
    ----------
    layers
        Number of layers.
    nodes, messages, global_features
        Lengths of the node features (at least 9), the messages and the global feature.
    edge_function
        Function from positions and mask to edge features: `inverse_distance_edges` or
        `bessel_edges`.
    key
        Key for the initial weights.

    Examples
    --------
    >>> network = GraphNetwork(key=jax.random.key(0))
    >>> water = jnp.array([8, 1, 1]), jnp.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    >>> network(*water).shape
    ()
    >>> count_parameters(network)
    1321
    """

    layers: list[GraphLayer]
    weight: Float[Array, " globals"]
    bias: Float[Array, ""]
    edge_function: EdgeFunction = eqx.field(static=True)
    nodes: int = eqx.field(static=True)

    def __init__(
        self,
        layers: int = 2,
        nodes: int = 16,
        messages: int = 16,
        global_features: int = 8,
        edge_function: EdgeFunction = inverse_distance_edges,
        *,
        key: PRNGKeyArray,
    ) -> None:
        two_atoms = jnp.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        features = edge_function(two_atoms, jnp.array([True, True])).shape[-1]
        *layer_keys, out_key = jax.random.split(key, layers + 1)
        self.layers = [
            GraphLayer(features, nodes, messages, global_features, key=k) for k in layer_keys
        ]
        self.weight = normal(out_key, (global_features,), global_features)
        self.bias = jnp.zeros((), jnp.float32)
        self.edge_function = edge_function
        self.nodes = nodes

    # The shapes are checked by hand, so that a student can read the error message.
    def __call__(
        self, atomic_numbers: Int[Array, "..."], positions: Float[Array, "..."]
    ) -> Float[Array, ""]:
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
            A number, in the standardised unit that the network was trained in.

        Raises
        ------
        ValueError
            If the shapes are not those of one molecule, or an element does not occur in QM9 (a
            compiled network returns NaN for it).
        """
        check_one_molecule(atomic_numbers, positions)
        return self._energy(atomic_numbers, positions)

    # Compiled as a whole even if the caller does not compile it: run one by one, the operations
    # would be compiled separately, which takes many seconds.
    @eqx.filter_jit
    def _energy(
        self, atomic_numbers: Int[Array, " atoms"], positions: Float[Array, "atoms 3"]
    ) -> Float[Array, ""]:
        mask = atomic_numbers > 0
        dtype = self.weight.dtype
        edges = self.edge_function(positions.astype(dtype), mask)
        nodes = one_hot(atomic_numbers, self.nodes).astype(dtype)
        global_features = jnp.zeros(self.weight.shape, dtype)
        for layer in self.layers:
            nodes, global_features = layer(nodes, edges, global_features, mask)
        return (self.weight @ global_features + self.bias) * one_if_known(atomic_numbers)


def count_parameters(network: eqx.Module) -> int:
    """Return the number of trained parameters of a network."""
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array)))
