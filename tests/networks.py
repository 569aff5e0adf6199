"""Networks for tests, without the time that JAX takes to compile random numbers."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


def filled(make: Callable[..., Any], *arguments: Any, seed: int = 0, **keywords: Any) -> Any:
    """Return a network as `make` returns it, biases included, with numbers from NumPy."""
    shapes = eqx.filter_eval_shape(make, *arguments, **keywords, key=jax.random.key(0))
    rng = np.random.default_rng(seed)

    def fill(leaf: object) -> object:
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            return leaf
        scale = 0.3 if leaf.ndim < 2 else 1 / np.sqrt(leaf.shape[-1])
        return jnp.asarray(scale * rng.normal(size=leaf.shape), jnp.float32)

    return jax.tree.map(fill, shapes)
