"""The compiled training step: a gradient, and the update that it causes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from qm9lib.models.graphs import Batch
from qm9lib.models.model import Network
from qm9lib.training.checkpoint import State
from qm9lib.training.run import Settings

Placement = tuple[Callable[[Any], Any], Callable[[np.ndarray], Any]]


def placement(mesh: Mesh | None) -> Placement:
    """Return functions to put arrays on all devices, and to share a batch's rows among them."""
    if mesh is None:
        return (lambda tree: tree), (lambda rows: rows)
    everywhere = NamedSharding(mesh, PartitionSpec())
    divided = NamedSharding(mesh, PartitionSpec(mesh.axis_names[0]))
    return (
        lambda tree: jax.device_put(jax.device_get(tree), everywhere),
        lambda rows: jax.device_put(rows, divided),
    )


def make_step(
    network_of: Callable[[Array], Network],
    optimizer: optax.GradientTransformation,
    settings: Settings,
    mesh: Mesh | None = None,
) -> tuple[jax.stages.Wrapped, Callable[..., State]]:
    """Return the two compiled halves of a training step.

    The first takes the weights, a bucket, its targets of shape (molecules, labels) and rows of
    shape (batch,), and returns the gradient and the sum of the squared errors, each the mean over
    the labels. The second takes the state, the gradient and the learning rate, and returns the new
    state; it does not depend on the size of the molecules.
    """

    def loss_of(weights: Array, bucket: Batch, targets: Array, rows: Array) -> tuple[Array, Array]:
        # Rows of -1 fill up the batch, with weight zero.
        real = (rows >= 0).astype(weights.dtype)
        predicted = jax.vmap(network_of(weights))(
            bucket.atomic_numbers[rows], bucket.positions[rows]
        )
        # The mean over the labels, if there are several.
        errors = predicted.reshape(targets[rows].shape) - targets[rows]
        squared_errors = jnp.sum(real * jnp.mean(errors**2, axis=1))
        absolute = jnp.sum(real * jnp.mean(jnp.abs(errors), axis=1))
        loss = squared_errors if settings.loss == "squared" else absolute
        return loss, jnp.stack([jnp.sum(real), squared_errors])

    def sums(weights: Array, bucket: Batch, targets: Array, rows: Array) -> Array:
        # Gradient, number of molecules and squared errors in one array: one message per step.
        return jnp.concatenate(jax.grad(loss_of, has_aux=True)(weights, bucket, targets, rows))

    def local(weights: Array, bucket: Batch, targets: Array, rows: Array) -> Array:
        chunk = settings.chunk_size or len(rows)
        if chunk >= len(rows):
            return sums(weights, bucket, targets, rows)

        def add(total: Array, rows: Array) -> tuple[Array, None]:
            return total + sums(weights, bucket, targets, rows), None

        return jax.lax.scan(
            add, jnp.zeros(len(weights) + 2, weights.dtype), rows.reshape(-1, chunk)
        )[0]

    def total(weights: Array, bucket: Batch, targets: Array, rows: Array) -> Array:
        if mesh is None:
            return local(weights, bucket, targets, rows)
        (axis,) = mesh.axis_names
        everywhere, divided = PartitionSpec(), PartitionSpec(axis)
        return jax.shard_map(
            lambda *arguments: jax.lax.psum(local(*arguments), axis),
            mesh=mesh,
            in_specs=(everywhere, everywhere, everywhere, divided),
            out_specs=everywhere,
            check_vma=False,  # the scan begins with zeros that do not vary, and ends with what does
        )(weights, bucket, targets, rows)

    @jax.jit
    def gradient(weights: Array, bucket: Batch, targets: Array, rows: Array) -> tuple[Array, Array]:
        found = total(weights, bucket, targets, rows)
        return found[:-2] / found[-2], found[-1]

    # The old state is not donated: Ctrl-C in the middle of a step would leave none.
    @jax.jit
    def update(state: State, gradient: Array, rate: Array) -> State:
        updates, optimizer_state = optimizer.update(gradient, state.optimizer, state.weights)
        weights = state.weights + rate * cast("Array", updates)
        # A young average forgets faster, so that the initial weights do not linger in it.
        count = state.steps.astype(jnp.float32)
        decay = jnp.minimum(settings.average, (1.0 + count) / (10.0 + count))
        step = (1.0 - decay).astype(weights.dtype)
        averaged = optax.incremental_update(weights, state.averaged, step)
        return State(weights, averaged, optimizer_state, state.steps + 1)

    return gradient, update
