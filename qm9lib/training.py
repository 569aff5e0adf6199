"""Train a network on what the composition model leaves over.

Batched and masked: molecules of similar size are padded together, all of them stay on the device,
and XLA compiles one step per padded size.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int

from qm9lib import composition, optimizers, programs
from qm9lib.cache import DataError, damaged, read_safetensors, write_safetensors
from qm9lib.dataset import QM9, check_finite
from qm9lib.graphs import Batch, bucketed, chunks
from qm9lib.labels import LABELS, UnknownNameError, convert
from qm9lib.metrics import mae
from qm9lib.models import Model, Network, describe, predict_all
from qm9lib.progress import bar as progress_bar
from qm9lib.progress import watched

_CHECKPOINT = "qm9lib-checkpoint-1"
_ROUNDING = 1e-12  # of a label: 50 hartree to 5e-11, far below the 1e-6 of the published ones
_IN_FLIGHT = 16  # steps that may be queued before the loop waits for one


@dataclass(frozen=True)
class Settings:
    """How a network is trained.

    Attributes
    ----------
    epochs
        Passes over the training molecules.
    minutes
        Time that training may take, compilation included, instead of a number of epochs. The
        learning rate then falls with the clock, so that the result depends on the machine.
    batch_size
        Molecules per step.
    chunk_size
        Molecules whose gradient a device computes at a time, of its part of the batch; by default
        all of them. A few at a time stay in the cache of a processor, which a wide network needs.
    loss
        ``"squared"`` error or ``"absolute"`` error, averaged over the batch.
    optimizer
        ``"adamw"`` or ``"muon"``; see `qm9lib.optimizers.make`.
    learning_rate
        Highest step size, reached after ``warmup`` steps; falls to 0 along a cosine.
    warmup
        Steps until the highest learning rate.
    weight_decay
        Decoupled weight decay (Loshchilov and Hutter 2019); 0 for plain Adam.
    clip
        Largest norm of the gradient; a longer one is shortened to it.
    average
        Decay of the exponential moving average of the weights, which is what is kept.
    patience
        Epochs without a better validation error after which training stops; by default never.
    seed
        Seed of the order of the molecules. (The initial weights come with the network.)
    """

    epochs: int = 100
    minutes: float | None = None
    batch_size: int = 32
    chunk_size: int | None = None
    loss: str = "squared"
    optimizer: str = "adamw"
    learning_rate: float = 3e-3
    warmup: int = 100
    weight_decay: float = 0.0
    clip: float = 1.0
    average: float = 0.999
    patience: int | None = None
    seed: int = 0

    def rate(self, progress: float, step: int) -> float:
        """Return the learning rate of a step (from 0), given how much of the training is done."""
        rising = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return self.learning_rate * rising * 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))

    @classmethod
    def for_painn(cls, **changes: Any) -> Settings:
        """Return what trains a `qm9lib.painn.PaiNN` fast, as ``python -m qm9lib train`` does.

        Muon on the absolute error, at a learning rate of 0.006. Chunks of four molecules are for
        processors; give ``chunk_size=None`` for a device with memory enough.

        Examples
        --------
        >>> Settings.for_painn(minutes=3.0).optimizer
        'muon'
        """
        recipe = {"optimizer": "muon", "loss": "absolute", "learning_rate": 6e-3, "chunk_size": 4}
        return cls(**{**recipe, **changes})

    def __post_init__(self) -> None:
        for name in (
            "epochs", "minutes", "batch_size", "chunk_size", "learning_rate", "clip", "patience",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, not {value!r}")
        if self.loss not in ("squared", "absolute"):
            raise UnknownNameError("loss", self.loss, ["squared", "absolute"])
        if self.optimizer not in optimizers.OPTIMIZERS:
            raise UnknownNameError("optimizer", self.optimizer, [*optimizers.OPTIMIZERS])
        for name in ("weight_decay", "warmup", "seed"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)!r}")
        if not 0 <= self.average < 1:
            raise ValueError(f"average must be at least 0 and below 1, not {self.average!r}")


@dataclass(frozen=True)
class Epoch:
    """What was measured after one pass: seconds since the start, and errors in `Run.unit`."""

    seconds: float
    train_rmse: float
    valid_mae: float


@dataclass
class Run:
    """Record of a training: what was asked and what happened.

    Attributes
    ----------
    label
        Name of the label.
    unit
        Unit of the errors: kcal/mol for energies, the published one for other labels.
    settings
        As given to `fit`.
    n_train
        Number of training molecules.
    n_valid
        Number of validation molecules.
    molecules
        SHA-256 of the numbers of all of them, in order.
    network
        Class of the network and, where it has a ``config``, what it is made from.
    environment
        Versions of Python and of the packages, and the devices.
    history
        One `Epoch` per pass; the last one may be cut short by the clock or by Ctrl-C.
    """

    label: str
    unit: str
    settings: Settings
    n_train: int
    n_valid: int
    molecules: str
    network: dict[str, Any]
    environment: dict[str, str]
    history: list[Epoch] = field(default_factory=list)

    @property
    def valid_mae(self) -> list[float]:
        """Validation error after each epoch, in ``unit``."""
        return [epoch.valid_mae for epoch in self.history]

    @property
    def best_epoch(self) -> int:
        """Epoch whose weights were kept, from 0: the one with the least validation error."""
        return int(np.argmin(np.nan_to_num(self.valid_mae, nan=np.inf))) if self.history else 0

    @property
    def out_of_patience(self) -> bool:
        """Whether the last ``settings.patience`` epochs were all no better than the best."""
        patience = self.settings.patience
        return patience is not None and len(self.history) > self.best_epoch + patience

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings, lists and dictionaries, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Run:
        """Return the run that `to_dict` described."""
        settings = Settings(**record["settings"])
        history = [Epoch(**epoch) for epoch in record["history"]]
        return cls(**{**record, "settings": settings, "history": history})


def fit(
    network: Network,
    train: QM9,
    valid: QM9,
    label: str = "H",
    settings: Settings | None = None,
    *,
    progress: bool = True,
    checkpoint: str | Path | None = None,
    mesh: Mesh | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[Model, Run]:
    """Train a network on the residual of the composition model.

    Parameters
    ----------
    network
        Equinox module for one molecule, such as `qm9lib.gnn.GraphNetwork`.
    train
        Training molecules. The composition model, mean and scale come from these alone.
    valid
        Validation molecules: they decide which epoch's weights are kept, and nothing else.
    label
        Name of the label.
    settings
        By default ``Settings()``.
    progress
        Show a progress bar with the current validation error.
    checkpoint
        File that is written after every epoch. If it exists, training goes on from there. With a
        number of epochs it ends with the same weights, bit for bit on the same machine, as if it
        had not been interrupted.
    mesh
        Devices to train on, along one axis: each takes its part of every batch. They may belong to
        several processes (``jax.distributed``), which all call `fit` with the same arguments. By
        default one device.
    clock
        What tells the seconds, of which ``minutes`` and the history are. A test turns its own.

    Returns
    -------
    model : Model
        With the averaged weights of the best epoch.
    run : Run
        Settings and history.

    Raises
    ------
    ValueError
        If a set is empty, the two have a molecule in common, a label or position is no finite
        number, a batch cannot be divided among the devices or into chunks, or several processes
        are to train by the clock.
    DataError
        If the checkpoint is damaged or of another training, nothing is left to learn, the time is
        over before the first step, or the error is no number after the first epoch.

    Notes
    -----
    AdamW or Muon with warm-up and cosine decay, gradient clipping, and an exponential moving
    average of the weights. Ctrl-C ends the training; the best weights so far are returned.

    Examples
    --------
    >>> import qm9lib
    >>> from qm9lib.gnn import GraphNetwork
    >>> sample = qm9lib.load_sample()
    >>> network = GraphNetwork(key=jax.random.key(0))
    >>> model, run = fit(network, sample[:150], sample[150:200], settings=Settings(epochs=2),
    ...                  progress=False)
    >>> len(run.history), model.predict(sample[:2]).shape
    (2, (2,))
    """
    programs.keep()
    settings = Settings() if settings is None else settings
    _check_sets(train, valid, label)
    mesh = _checked(mesh, settings)
    start = clock()
    published = LABELS[label].unit
    unit = "kcal/mol" if published == "hartree" else published
    reference = composition.fit(train, label)
    residual = reference.residual(train)
    mean, scale = float(residual.mean()), float(residual.std())
    if not scale > _ROUNDING * np.abs(train.target(label)).max():
        raise DataError(
            f"composition tells {label} of the {len(train)} training molecules exactly, so that "
            "nothing is left to learn but rounding: take more molecules"
        )
    tree, static = eqx.partition(network, eqx.is_inexact_array)
    weights, unravel = ravel_pytree(tree)
    # Cast to the dtype of the weights only here, where the numbers are about 1.
    targets = jnp.asarray((residual - mean) / scale, weights.dtype)
    buckets = bucketed(train)
    bucket_targets = [targets[bucket.row] for bucket in buckets]
    steps_per_epoch = sum(-(-len(bucket.row) // settings.batch_size) for bucket in buckets)
    valid_buckets, valid_residual = bucketed(valid), reference.residual(valid) - mean

    def network_of(weights: Float[Array, " weights"]) -> Network:
        return eqx.combine(unravel(weights), static)

    optimizer = optimizers.make(settings.optimizer, tree, settings.weight_decay, settings.clip)
    gradient, update = _make_step(network_of, optimizer, settings, mesh)
    state = _State(weights, weights, optimizer.init(weights), jnp.zeros((), jnp.int32))
    run = Run(
        label, unit, settings, len(train), len(valid), _index_sha256(train, valid),
        describe(network), _environment(),
    )  # fmt: skip
    best = weights
    if checkpoint is not None and os.path.exists(checkpoint):
        state, best = _read_checkpoint(Path(checkpoint), state, run)
        start -= run.history[-1].seconds
    place, share = _placement(mesh)
    state, buckets, bucket_targets = place(state), place(buckets), place(bucket_targets)
    steps = int(state.steps)
    gradients = _compiled(
        gradient,
        state.weights,
        buckets,
        bucket_targets,
        share(np.full(settings.batch_size, -1, np.int32)),
    )

    def progress_now() -> float:
        if settings.minutes is not None:
            return (clock() - start) / (60.0 * settings.minutes)
        return steps / (steps_per_epoch * settings.epochs)

    loss_sums: list[Array] = []
    seen = 0  # molecules since the last validation

    def validate() -> None:
        nonlocal best, seen
        # By way of the host: of several processes each needs its own.
        averaged = jnp.asarray(jax.device_get(state.averaged))
        predicted = scale * predict_all(network_of(averaged), valid_buckets)
        train_rmse = scale * float(np.sqrt(sum(jax.device_get(loss_sums)) / seen))
        epoch = Epoch(
            seconds=clock() - start,
            train_rmse=convert(train_rmse, published, unit),
            valid_mae=mae(predicted, valid_residual, unit=published, to=unit),
        )
        run.history.append(epoch)
        loss_sums.clear()
        seen = 0
        if not np.isfinite(epoch.valid_mae) and len(run.history) == 1:
            raise DataError(
                "the validation error of the first epoch is no number: use a learning rate "
                f"smaller than {settings.learning_rate:g}"
            )
        if run.best_epoch == len(run.history) - 1:
            best = averaged
        bar.set_postfix_str(f"validation MAE {epoch.valid_mae:.2f} {unit}", refresh=watched())

    with progress_bar(
        total=None if settings.minutes else settings.epochs * len(train),
        initial=len(run.history) * len(train),
        unit=" molecules",
        unit_scale=True,
        **({} if progress else {"disable": True}),
    ) as bar:
        try:
            while progress_now() < 1.0 and not run.out_of_patience:
                if run.history and not np.isfinite(run.valid_mae[-1]):
                    bar.write(
                        "the error is no number any more: the best weights are kept",
                        file=sys.stderr,
                    )
                    break
                # Each epoch has its own order, whatever came before: a resumed training meets it.
                rng = np.random.default_rng([settings.seed, len(run.history)])
                for number, rows in _order(buckets, settings.batch_size, rng):
                    done = progress_now()
                    if done >= 1.0:  # the clock may cut the last epoch short
                        break
                    rate = jnp.asarray(settings.rate(done, steps), weights.dtype)
                    downhill, loss_sum = gradients[number](
                        state.weights, buckets[number], bucket_targets[number], share(rows)
                    )
                    state = update(state, downhill, rate)
                    steps += 1
                    loss_sums.append(loss_sum)
                    seen += int(np.sum(rows >= 0))
                    bar.update(int(np.sum(rows >= 0)))
                    if steps % _IN_FLIGHT == 0:  # or the clock would be that of the queue
                        loss_sum.block_until_ready()
                if not seen:
                    break
                whole = seen == len(train)
                validate()
                if checkpoint is not None and whole and jax.process_index() == 0:
                    _write_checkpoint(Path(checkpoint), state, best, run)
        except KeyboardInterrupt:
            if not (seen or run.history):
                raise  # there is nothing to keep
            bar.write("interrupted: the best weights so far are kept", file=sys.stderr)
            if seen:
                validate()
    if not run.history:
        raise DataError(
            f"the time was over before the first step of training: {settings.minutes:g} minutes, "
            f"and preparing and compiling took {(clock() - start) / 60:.2g}; take more minutes, or "
            "epochs in their place"
        )
    return Model(network_of(best), reference, mean, scale), run


Placement = tuple[Callable[[Any], Any], Callable[[np.ndarray], Any]]


def _placement(mesh: Mesh | None) -> Placement:
    """Return what puts arrays on all devices, and what shares the rows of a batch among them."""
    if mesh is None:
        return (lambda tree: tree), (lambda rows: rows)
    everywhere = NamedSharding(mesh, PartitionSpec())
    divided = NamedSharding(mesh, PartitionSpec(mesh.axis_names[0]))
    return (
        lambda tree: jax.device_put(jax.device_get(tree), everywhere),
        lambda rows: jax.device_put(rows, divided),
    )


def _checked(mesh: Mesh | None, settings: Settings) -> Mesh | None:
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


def _write_checkpoint(path: Path, state: _State, best: Array, run: Run) -> None:
    leaves = {str(i): np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
    metadata = {"format": _CHECKPOINT, "run": json.dumps(run.to_dict())}
    write_safetensors(path, {**leaves, "best": np.asarray(best)}, metadata)


def _read_checkpoint(path: Path, state: _State, run: Run) -> tuple[_State, Array]:
    """Return state and best weights of a checkpoint, and put its history into the run."""
    what, remedy = "checkpoint", "delete it to start anew"
    metadata, found = read_safetensors(path, _CHECKPOINT, what, remedy)
    try:
        stored = Run.from_dict(json.loads(metadata["run"]))
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise damaged(path, what, remedy, f"its record: {error!r:.200}") from error
    if not stored.history:
        raise damaged(path, what, remedy, "it tells of no epoch")
    expected = {str(i): leaf for i, leaf in enumerate(jax.tree.leaves(state))}
    expected["best"] = state.weights
    if {name: (a.shape, a.dtype) for name, a in found.items()} != {
        name: (a.shape, a.dtype) for name, a in expected.items()
    }:
        raise damaged(path, what, remedy, "its arrays are not those of this network")
    leaves = [jnp.asarray(found[name]) for name in expected]
    best = leaves.pop()
    before, now = stored.to_dict(), run.to_dict()
    if stored.settings.minutes and run.settings.minutes:  # by the clock no two are alike
        before["settings"]["minutes"] = now["settings"]["minutes"]
    different = [
        f"{name} was {before[name]!r} and is {now[name]!r}"
        for name in now
        if name not in ("history", "environment") and before[name] != now[name]
    ]
    if different:
        raise DataError(
            f"{path} is of another training: {'; '.join(different)}. Delete it to start anew, or "
            "name another file"
        )
    run.history.extend(stored.history)
    return jax.tree.unflatten(jax.tree.structure(state), leaves), best


def _index_sha256(train: QM9, valid: QM9) -> str:
    return hashlib.sha256(np.concatenate([train.index, valid.index]).tobytes()).hexdigest()


def _environment() -> dict[str, str]:
    packages = ("qm9lib", "jax", "jaxlib", "numpy", "optax", "equinox")
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "devices": ", ".join(f"{device.device_kind} {device.id}" for device in jax.devices()),
        "processors": str(os.cpu_count()),
    }


class _State(NamedTuple):
    """What a step changes: weights, their moving average, Adam's moments, number of steps."""

    weights: Float[Array, " weights"]
    averaged: Float[Array, " weights"]
    optimizer: optax.OptState
    steps: Int[Array, ""]


def _make_step(
    network_of: Callable[[Array], Network],
    optimizer: optax.GradientTransformation,
    settings: Settings,
    mesh: Mesh | None = None,
) -> tuple[Callable[..., tuple[Array, Array]], Callable[..., _State]]:
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
    def update(state: _State, gradient: Array, rate: Array) -> _State:
        updates, optimizer_state = optimizer.update(gradient, state.optimizer, state.weights)
        weights = state.weights + rate * cast("Array", updates)
        # A young average forgets faster, so that the initial weights do not linger in it.
        count = state.steps.astype(jnp.float32)
        decay = jnp.minimum(settings.average, (1.0 + count) / (10.0 + count))
        step = (1.0 - decay).astype(weights.dtype)
        averaged = optax.incremental_update(weights, state.averaged, step)
        return _State(weights, averaged, optimizer_state, state.steps + 1)

    return gradient, update


def _compiled(
    gradient: Any, weights: Array, buckets: list[Batch], targets: list[Array], rows: Any
) -> list[Callable[..., tuple[Array, Array]]]:
    """Compile the gradient for all padded sizes, several at a time: XLA uses one core for one."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        programs = [
            pool.submit(gradient.lower(weights, bucket, target, rows).compile)
            for bucket, target in zip(buckets, targets, strict=True)
        ]
        return [program.result() for program in programs]


def _order(
    buckets: list[Batch], batch_size: int, rng: np.random.Generator
) -> Iterator[tuple[int, Int[np.ndarray, " batch"]]]:
    """Yield (number of the bucket, rows in it) in random order; every molecule comes once."""
    plan = [
        (number, rows)
        for number, bucket in enumerate(buckets)
        for rows in chunks(rng.permutation(len(bucket.row)).astype(np.int32), batch_size)
    ]
    for i in rng.permutation(len(plan)):
        yield plan[i]


def _check_sets(train: QM9, valid: QM9, label: str) -> None:
    for name, part in (("training", train), ("validation", valid)):
        if not len(part):
            raise ValueError(f"the {name} set is empty")
        check_finite(part, label, f"{name} molecules")
    common = np.intersect1d(train.index, valid.index)
    if len(common):
        raise ValueError(
            f"{len(common):,} molecules are in the training and in the validation set, such as "
            f"number {common[0]}: the validation error would not be one; use qm9.split()"
        )
