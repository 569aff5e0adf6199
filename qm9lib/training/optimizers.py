"""Optimisers that take all weights of a network as one vector.

Adam on a dozen small arrays would take longer than a small network; on one vector it takes no time.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from optax.contrib import MuonDimensionNumbers

from qm9lib.errors import UnknownNameError

OPTIMIZERS = ("adamw", "muon")


def make(name: str, weights: Any, weight_decay: float, clip: float) -> optax.GradientTransformation:
    r"""Return an optimiser for ``ravel_pytree(weights)``, with a learning rate of 1.

    ``"adamw"`` is Adam with decoupled weight decay (Loshchilov and Hutter 2019). ``"muon"`` treats
    the matrices of the network differently: their averaged gradient :math:`U \Sigma V^T` becomes
    about :math:`U V^T`, so that every direction is learned at the same pace (Jordan et al. 2024).
    All other arrays go to Adam with Nesterov momentum. Muon's steps are scaled to the length of
    Adam's (Liu et al. 2025), so that one learning rate fits both.

    Parameters
    ----------
    name
        One of ``OPTIMIZERS``.
    weights
        Tree of the network's arrays; a leaf with two axes is a matrix.
    weight_decay
        Fraction of the weights that a step with learning rate 1 takes away.
    clip
        Largest norm of the gradient; a longer gradient is shortened to this.

    Returns
    -------
    optax.GradientTransformation
        An optimiser for vectors. Its updates point downhill: *add* them.

    Raises
    ------
    UnknownNameError
        If there is no such optimiser.

    Examples
    --------
    >>> from jax.flatten_util import ravel_pytree
    >>> weights = {"matrix": jnp.ones((2, 3)), "bias": jnp.zeros(3)}
    >>> vector, unravel = ravel_pytree(weights)
    >>> optimizer = make("muon", weights, weight_decay=0.0, clip=1.0)
    >>> updates, _ = optimizer.update(vector, optimizer.init(vector), vector)
    >>> updates.shape == vector.shape
    True
    """
    clipped = optax.clip_by_global_norm(clip)
    if name not in OPTIMIZERS:
        raise UnknownNameError("optimizer", name, [*OPTIMIZERS])
    if name == "adamw":
        return optax.chain(clipped, optax.adamw(1.0, weight_decay=weight_decay))
    indices = _indices(weights)
    back = np.argsort(np.concatenate([index.ravel() for index in indices.values()]))
    inner = optax.contrib.muon(
        1.0,
        consistent_rms=0.2,
        weight_decay=weight_decay,
        adam_weight_decay=weight_decay,
        muon_weight_dimension_numbers={
            shape: MuonDimensionNumbers(1, 2) if index.ndim == 3 else None
            for shape, index in indices.items()
        },
    )

    def split(vector: jax.Array) -> dict[str, jax.Array]:
        return {shape: vector[index] for shape, index in indices.items()}

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        parts, state = inner.update(split(updates), state, split(params))
        stacks = cast("dict[str, jax.Array]", parts)
        return jnp.concatenate([stacks[shape].ravel() for shape in indices])[back], state

    return optax.chain(
        clipped, optax.GradientTransformation(lambda vector: inner.init(split(vector)), update)
    )


def _indices(weights: Any) -> dict[str, np.ndarray]:
    """Return the indices in the vector of the matrices of each shape, stacked, and of all the rest.

    Stacked, because Muon multiplies matrices again and again: ten small ones at once are faster.
    """
    indices: defaultdict[str, list[np.ndarray]] = defaultdict(list)
    start = 0  # `ravel_pytree` puts the leaves one after the other
    for leaf in jax.tree.leaves(weights):
        index = np.arange(start, start + leaf.size).reshape(leaf.shape)
        start += leaf.size
        matrix = leaf.ndim == 2
        indices["x".join(map(str, leaf.shape)) if matrix else "rest"].append(
            index if matrix else index.ravel()
        )
    return {
        shape: np.concatenate(found) if shape == "rest" else np.stack(found)
        for shape, found in indices.items()
    }
