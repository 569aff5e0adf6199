"""Small networks that are applied to the features of each atom, as matrix products."""

from __future__ import annotations

from typing import cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


def perceptron(inputs: int, outputs: int, width: int, key: PRNGKeyArray) -> eqx.nn.MLP:
    """Return a network with one hidden layer and SiLU (a smooth ReLU), in float32.

    Examples
    --------
    >>> [layer.weight.shape for layer in perceptron(4, 1, 8, jax.random.key(0)).layers]
    [(8, 4), (1, 8)]
    """
    return eqx.nn.MLP(
        inputs, outputs, width, depth=1, activation=jax.nn.silu, dtype=jnp.float32, key=key
    )


def per_atom(
    network: eqx.nn.MLP, features: Float[Array, "atoms inputs"]
) -> Float[Array, "atoms outputs"]:
    """Return ``jax.vmap(network)(features)``, written as matrix products.

    The XLA of jax 0.7 (Colab's) compiles the former to a wrong gradient in the positions if the
    atomic numbers are constants, as in ``jax.grad(jax.jit(lambda x: painn(z, x)))``.

    Examples
    --------
    >>> per_atom(perceptron(4, 1, 8, jax.random.key(0)), jnp.ones((3, 4))).shape
    (3, 1)
    """
    for number, layer in enumerate(network.layers):
        if number:
            features = jax.nn.silu(features)
        features = features @ layer.weight.T + cast("Array", layer.bias)[None]
    return features
