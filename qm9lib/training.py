"""Train a network on what the composition model leaves over.

Batched and masked: molecules of similar size are padded together, all of them stay on the device,
and XLA compiles one step per padded size.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int
from tqdm import tqdm

from qm9lib import composition
from qm9lib.composition import Composition
from qm9lib.dataset import QM9
from qm9lib.graphs import Batch, bucketed, chunks
from qm9lib.labels import LABELS, convert
from qm9lib.metrics import mae

Network = Callable[[Int[Array, " atoms"], Float[Array, "atoms 3"]], Float[Array, ""]]
"""An Equinox module from atomic numbers and positions (Å) of one molecule to a number."""

_PREDICTED_TOGETHER = 256  # molecules; one length, so that any number of them needs one program


@dataclass(frozen=True)
class Settings:
    """How a network is trained.

    Attributes
    ----------
    epochs
        Passes over the training molecules.
    batch_size
        Molecules per step.
    learning_rate
        Highest step size of Adam, reached after ``warmup`` steps; falls to 0 along a cosine.
    warmup
        Steps until the highest learning rate.
    clip
        Largest norm of the gradient; a longer one is shortened to it.
    average
        Decay of the exponential moving average of the weights, which is what is kept.
    seed
        Seed of the order of the molecules. (The initial weights come with the network.)
    """

    epochs: int = 100
    batch_size: int = 32
    learning_rate: float = 3e-3
    warmup: int = 100
    clip: float = 1.0
    average: float = 0.999
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)!r}")
        if not 0 <= self.average < 1:
            raise ValueError(f"average must be at least 0 and below 1, not {self.average!r}")


@dataclass(frozen=True)
class Epoch:
    """What was measured after one pass: seconds since the start and errors in `Run.unit`."""

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
    history
        One `Epoch` per pass.
    """

    label: str
    unit: str
    settings: Settings
    history: list[Epoch] = field(default_factory=list)

    @property
    def valid_mae(self) -> list[float]:
        """Validation error after each epoch, in ``unit``."""
        return [epoch.valid_mae for epoch in self.history]

    @property
    def best_epoch(self) -> int:
        """Epoch whose weights were kept, from 0: the one with the least validation error."""
        return int(np.argmin(self.valid_mae))

    def to_dict(self) -> dict[str, object]:
        """Return plain numbers, strings, lists and dictionaries, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with what turns its output into a label.

    Attributes
    ----------
    network
        Trained `Network`.
    reference
        Composition model that the network adds to.
    mean, scale
        Mean and standard deviation of the training residual, in the label's published unit.
    """

    network: Network
    reference: Composition
    mean: float
    scale: float

    def predict(self, qm9: QM9, unit: str | None = None) -> Float[np.ndarray, " molecules"]:
        """Predict the label of all molecules, in float64.

        Parameters
        ----------
        qm9
            Molecules.
        unit
            Unit of the result; by default the published one of the label.
        """
        standardised = _predict_all(self.network, bucketed(qm9))
        values = self.reference.predict(qm9) + self.mean + self.scale * standardised
        published = LABELS[self.reference.label].unit
        return values if unit is None else convert(values, published, unit)


def fit(
    network: Network,
    train: QM9,
    valid: QM9,
    label: str = "H",
    settings: Settings | None = None,
    *,
    progress: bool = True,
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

    Returns
    -------
    model : Model
        With the averaged weights of the best epoch.
    run : Run
        Settings and history.

    Raises
    ------
    ValueError
        If a set is empty, or the two have a molecule in common.

    Notes
    -----
    Mean squared error, Adam with warm-up and cosine decay, gradient clipping, and an exponential
    moving average of the weights.

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
    settings = Settings() if settings is None else settings
    _check_sets(train, valid)
    published = LABELS[label].unit
    unit = "kcal/mol" if published == "hartree" else published
    reference = composition.fit(train, label)
    residual = reference.residual(train)
    mean, scale = float(residual.mean()), float(residual.std())
    # Cast to float32 only here, where the numbers are about 1.
    targets = jnp.asarray((residual - mean) / scale, jnp.float32)

    buckets = bucketed(train)
    bucket_targets = [targets[bucket.row] for bucket in buckets]
    steps_per_epoch = sum(-(-len(bucket.row) // settings.batch_size) for bucket in buckets)
    optimizer = optax.chain(
        optax.clip_by_global_norm(settings.clip),
        optax.adam(
            optax.warmup_cosine_decay_schedule(
                0.0,
                settings.learning_rate,
                min(settings.warmup, steps_per_epoch * settings.epochs // 2),
                steps_per_epoch * settings.epochs,
            )
        ),
    )
    tree, static = eqx.partition(network, eqx.is_inexact_array)
    # One vector of weights: Adam on a dozen small arrays would take longer than the network.
    weights, unravel = ravel_pytree(tree)

    def network_of(weights: Float[Array, " weights"]) -> Network:
        return eqx.combine(unravel(weights), static)

    step = _make_step(network_of, optimizer, settings.average)
    state = _State(weights, weights, optimizer.init(weights), jnp.zeros((), jnp.int32))
    state = jax.tree.map(jnp.copy, state)  # each step gives its arrays away: they must be its own

    valid_buckets, valid_residual = bucketed(valid), reference.residual(valid) - mean
    run = Run(label, unit, settings)
    best = Model(network, reference, mean, scale)
    rng = np.random.default_rng(settings.seed)
    start = time.perf_counter()
    with tqdm(
        total=settings.epochs * len(train),
        unit=" molecules",
        unit_scale=True,
        **({} if progress else {"disable": True}),
    ) as bar:
        for _ in range(settings.epochs):
            loss_sums = []
            for number, rows in _order(buckets, settings.batch_size, rng):
                state, loss_sum = step(state, buckets[number], bucket_targets[number], rows)
                loss_sums.append(loss_sum)
                bar.update(int(np.sum(rows >= 0)))
            # A copy, for the next step gives the arrays of this state away.
            model = Model(network_of(jnp.copy(state.averaged)), reference, mean, scale)
            predicted = scale * _predict_all(model.network, valid_buckets)
            epoch = Epoch(
                seconds=time.perf_counter() - start,
                train_rmse=convert(
                    scale * float(np.sqrt(sum(jax.device_get(loss_sums)) / len(train))),
                    published,
                    unit,
                ),
                valid_mae=mae(predicted, valid_residual, unit=published, to=unit),
            )
            run.history.append(epoch)
            bar.set_postfix_str(f"validation MAE {epoch.valid_mae:.2f} {unit}")
            if run.best_epoch == len(run.history) - 1:
                best = model
    return best, run


class _State(NamedTuple):
    """What a step changes: weights, their moving average, Adam's moments, number of steps."""

    weights: Float[Array, " weights"]
    averaged: Float[Array, " weights"]
    optimizer: optax.OptState
    steps: Int[Array, ""]


def _make_step(
    network_of: Callable[[Array], Network],
    optimizer: optax.GradientTransformation,
    average: float,
) -> Callable[..., tuple[_State, Float[Array, ""]]]:
    """Return the compiled training step.

    It takes the state, a bucket, its targets and rows of shape (batch,); it returns the new state
    and the sum of the squared errors.
    """

    def loss_of(weights: Array, bucket: Batch, targets: Array, rows: Array) -> tuple[Array, Array]:
        # Rows of -1 fill up the batch: they take part with weight zero.
        real = (rows >= 0).astype(jnp.float32)
        predicted = jax.vmap(network_of(weights))(
            bucket.atomic_numbers[rows], bucket.positions[rows]
        )
        squared_errors = jnp.sum(real * (predicted - targets[rows]) ** 2)
        return squared_errors / jnp.sum(real), squared_errors

    @partial(jax.jit, donate_argnums=0)
    def step(state: _State, bucket: Batch, targets: Array, rows: Array) -> tuple[_State, Array]:
        gradient, squared_errors = jax.grad(loss_of, has_aux=True)(
            state.weights, bucket, targets, rows
        )
        updates, optimizer_state = optimizer.update(gradient, state.optimizer, state.weights)
        weights = optax.apply_updates(state.weights, updates)
        # A young average forgets faster, so that the initial weights do not linger in it.
        count = state.steps.astype(jnp.float32)
        decay = jnp.minimum(average, (1.0 + count) / (10.0 + count))
        averaged = optax.incremental_update(weights, state.averaged, 1.0 - decay)
        return _State(weights, averaged, optimizer_state, state.steps + 1), squared_errors

    return step


def _predict_all(network: Network, buckets: list[Batch]) -> Float[np.ndarray, " molecules"]:
    """Apply a network to all molecules of the buckets; return its output by row."""
    output = np.empty(sum(len(bucket.row) for bucket in buckets))
    for bucket in buckets:
        rows = np.asarray(bucket.row)
        for piece in chunks(np.arange(len(rows), dtype=np.int32), _PREDICTED_TOGETHER):
            real = piece >= 0
            output[rows[piece[real]]] = np.asarray(_predict(network, bucket, jnp.asarray(piece)))[
                real
            ]
    return output


@eqx.filter_jit
def _predict(network: Network, bucket: Batch, rows: Int[Array, " batch"]) -> Float[Array, " batch"]:
    return jax.vmap(network)(bucket.atomic_numbers[rows], bucket.positions[rows])


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


def _check_sets(train: QM9, valid: QM9) -> None:
    for name, part in (("training", train), ("validation", valid)):
        if not len(part):
            raise ValueError(f"the {name} set is empty")
    common = np.intersect1d(train.index, valid.index)
    if len(common):
        raise ValueError(
            f"{len(common):,} molecules are in the training and in the validation set, such as "
            f"number {common[0]}: the validation error would not be one; use qm9.split()"
        )
