"""What a training is given, checked; and its compiled step: a gradient, and what it changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from qm9lib.data.dataset import QM9, check_finite
from qm9lib.errors import DataError
from qm9lib.labels import SYMBOLS
from qm9lib.models.graphs import Batch
from qm9lib.models.storage import Network
from qm9lib.training.checkpoint import State
from qm9lib.training.run import Settings

Placement = tuple[Callable[[Any], Any], Callable[[np.ndarray], Any]]


def placement(mesh: Mesh | None) -> Placement:
    """Return what puts arrays on all devices, and what shares the rows of a batch among them."""
    if mesh is None:
        return (lambda tree: tree), (lambda rows: rows)
    everywhere = NamedSharding(mesh, PartitionSpec())
    divided = NamedSharding(mesh, PartitionSpec(mesh.axis_names[0]))
    return (
        lambda tree: jax.device_put(jax.device_get(tree), everywhere),
        lambda rows: jax.device_put(rows, divided),
    )


def check_kinds(network: object, train: object, valid: object, settings: object) -> None:
    """Raise an error where one of them is something else."""
    for name, given, is_one, wanted in (
        ("network", network, callable(network), "a network, such as PaiNN"),
        ("train", train, isinstance(train, QM9), "a QM9"),
        ("valid", valid, isinstance(valid, QM9), "a QM9"),
        ("settings", settings, isinstance(settings, Settings), "Settings, such as Settings()"),
    ):
        if not is_one:
            raise TypeError(f"{name} is {given!r:.60}, expected {wanted}")


def check_sets(train: QM9, valid: QM9, label: str) -> None:
    """Raise an error where nothing can be learned, or the validation error would not be one."""
    for name, part in (("training", train), ("validation", valid)):
        if not len(part):
            raise ValueError(f"the {name} set is empty")
        check_finite(part, label, f"{name} molecules")
    common = np.intersect1d(train.index, valid.index)
    if len(common):
        raise ValueError(
            f"the training and the validation set share {len(common):,} of their molecules, such "
            f"as number {common[0]}: the validation error would not be one; use qm9.split()"
        )
    has = [{*np.unique(part.atomic_numbers).tolist()} for part in (train, valid)]
    if new := has[1] - has[0]:
        named = " and ".join(SYMBOLS[z] for z in sorted(new))
        raise DataError(
            f"the validation molecules contain {named}, and none of the {len(train):,} training "
            "molecules does, so that nothing can be learned of it: take more training molecules"
        )


def checked_mesh(mesh: Mesh | None, settings: Settings) -> Mesh | None:
    """Return a mesh whose work is divided here, whatever its axis says; check what it must."""
    if settings.minutes is not None and jax.process_count() > 1:
        raise ValueError(
            "several processes cannot train by the clock, for each has its own: give epochs in "
            "place of minutes"
        )
    devices = 1 if mesh is None else mesh.size
    if mesh is not None and (len(mesh.axis_names) != 1 or settings.batch_size % devices):
        raise ValueError(
            f"a batch of {settings.batch_size} cannot be shared among a mesh of shape "
            f"{dict(mesh.shape)}: use one axis, and a batch_size that its devices divide"
        )
    part, chunk = settings.batch_size // devices, settings.chunk_size
    if chunk is not None and chunk < part and part % chunk:
        raise ValueError(
            f"the {part} molecules of each device cannot be cut into chunks of {chunk}: use a "
            "chunk_size that divides them"
        )
    return mesh if mesh is None else Mesh(mesh.devices, mesh.axis_names)


def make_step(
    network_of: Callable[[Array], Network],
    optimizer: optax.GradientTransformation,
    settings: Settings,
    mesh: Mesh | None = None,
) -> tuple[jax.stages.Wrapped, Callable[..., State]]:
    """Return the two compiled halves of a training step.

    The first takes the weights, a bucket, its targets and rows of shape (batch,), and returns the
    gradient and the sum of the squared errors. The second takes the state, the gradient and the
    learning rate, and returns the new state; it does not depend on the size of the molecules.
    """

    def loss_of(weights: Array, bucket: Batch, targets: Array, rows: Array) -> tuple[Array, Array]:
        # Rows of -1 fill up the batch: they take part with weight zero.
        real = (rows >= 0).astype(weights.dtype)
        predicted = jax.vmap(network_of(weights))(
            bucket.atomic_numbers[rows], bucket.positions[rows]
        )
        errors = predicted - targets[rows]
        squared_errors = jnp.sum(real * errors**2)
        loss = squared_errors if settings.loss == "squared" else jnp.sum(real * jnp.abs(errors))
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

    # The old state is not given away: Ctrl-C in the middle of a step would leave none.
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
