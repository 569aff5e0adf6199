"""The training loop: a network learns what the composition model leaves over.

Molecules of similar size are padded together and stay on the device. In every epoch all of them
come once, in random batches; after it the averaged weights are measured on the validation
molecules, and those of the best epoch are kept.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from qm9lib.data.dataset import QM9, check_finite
from qm9lib.errors import DataError
from qm9lib.labels import LABELS, SYMBOLS
from qm9lib.metrics import mae
from qm9lib.models import composition, programs
from qm9lib.models.graphs import Batch, bucketed, chunks
from qm9lib.models.storage import Model, Network, describe, predict_all
from qm9lib.progress import bar as progress_bar
from qm9lib.progress import watched
from qm9lib.training import checkpoint as checkpoints
from qm9lib.training import optimizers
from qm9lib.training.checkpoint import State
from qm9lib.training.run import Epoch, Run, Settings, environment, index_sha256
from qm9lib.training.step import checked_mesh, compiled, make_step, placement
from qm9lib.units import convert

_ROUNDING = 1e-12  # of a label: 50 hartree to 5e-11, far below the 1e-6 of the published ones
_IN_FLIGHT = 16  # steps that may be queued before the loop waits for one


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
        Equinox module for one molecule, such as `qm9lib.models.gnn.GraphNetwork`.
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
        If the checkpoint is damaged or of another training, nothing is left to learn, an element of
        the validation molecules is in no training molecule, the time is over before the first step,
        or the error is no number after the first epoch.
    TypeError
        If the network is none, a set is no `QM9`, or the settings are no `Settings`.

    Notes
    -----
    AdamW or Muon with warm-up and cosine decay, gradient clipping, and an exponential moving
    average of the weights. Ctrl-C ends the training; the best weights so far are returned.

    Examples
    --------
    >>> import qm9lib
    >>> from qm9lib.models.gnn import GraphNetwork
    >>> sample = qm9lib.load_sample()
    >>> network = GraphNetwork(key=jax.random.key(0))
    >>> model, run = fit(network, sample[700:850], sample[850:900], settings=Settings(epochs=2),
    ...                  progress=False)
    >>> len(run.history), model.predict(sample[:2]).shape
    (2, (2,))
    """
    programs.keep()
    settings = Settings() if settings is None else settings
    _check_kinds(network, train, valid, settings)
    _check_sets(train, valid, label)
    training = _Training(network, train, valid, label, settings, mesh, clock)
    run = training.run
    if checkpoint is not None and os.path.exists(checkpoint):
        training.resume(Path(checkpoint))
    training.compile()
    with progress_bar(
        total=None if settings.minutes else settings.epochs * len(train),
        initial=len(run.history) * len(train),
        unit=" molecules",
        unit_scale=True,
        **({} if progress else {"disable": True}),
    ) as bar:
        try:
            while training.done() < 1.0 and not run.out_of_patience:
                if run.history and not np.isfinite(run.valid_mae[-1]):
                    bar.write(
                        "the error is no number any more: the best weights are kept",
                        file=sys.stderr,
                    )
                    break
                for molecules in training.epoch():
                    bar.update(molecules)
                if not training.seen:
                    break
                whole = training.seen == len(train)
                bar.set_postfix_str(training.validate(), refresh=watched())
                if checkpoint is not None and whole and jax.process_index() == 0:
                    checkpoints.write(Path(checkpoint), training.state, training.best, run)
        except KeyboardInterrupt:
            if not (training.seen or run.history):
                raise  # there is nothing to keep
            bar.write("interrupted: the best weights so far are kept", file=sys.stderr)
            if training.seen:
                bar.set_postfix_str(training.validate(), refresh=watched())
    if not run.history:
        raise DataError(
            "the time was over before the first step of training: preparing and compiling took "
            f"{training.seconds() / 60:.2g} minutes, and all of it was to take "
            f"{settings.minutes:.2g}; take more minutes"
        )
    return training.model(), run


class _Training:
    """What changes while a network is trained, and what the steps need.

    Attributes
    ----------
    run
        The record, which grows by an `Epoch` with each validation.
    state
        Weights, their average, and what the optimizer remembers.
    best
        Averaged weights of the best epoch.
    seen
        Molecules trained on since the last validation.
    """

    def __init__(
        self,
        network: Network,
        train: QM9,
        valid: QM9,
        label: str,
        settings: Settings,
        mesh: Mesh | None,
        clock: Callable[[], float],
    ) -> None:
        self.settings, self.clock, self.start = settings, clock, clock()
        mesh = checked_mesh(mesh, settings)
        self.reference = composition.fit(train, label)
        residual = self.reference.residual(train)
        self.mean, self.scale = float(residual.mean()), float(residual.std())
        if not self.scale > _ROUNDING * np.abs(train.target(label)).max():
            raise DataError(
                f"composition determines {label} of the {len(train)} training molecules exactly, "
                "so that nothing is left to learn but rounding: take more molecules"
            )
        tree, self.static = eqx.partition(network, eqx.is_inexact_array)
        weights, self.unravel = ravel_pytree(tree)
        # Cast to the dtype of the weights only here, where the numbers are about 1.
        targets = jnp.asarray((residual - self.mean) / self.scale, weights.dtype)
        self.buckets = bucketed(train)
        self.targets = [targets[bucket.row] for bucket in self.buckets]
        batches = [-(-len(bucket.row) // settings.batch_size) for bucket in self.buckets]
        self.steps_in_all = sum(batches) * settings.epochs
        self.valid_buckets = bucketed(valid)
        self.valid_residual = self.reference.residual(valid) - self.mean
        optimizer = optimizers.make(settings.optimizer, tree, settings.weight_decay, settings.clip)
        self.gradient, self.update = make_step(self.network, optimizer, settings, mesh)
        self.on_devices, self.divided = placement(mesh)
        self.state = State(weights, weights, optimizer.init(weights), jnp.zeros((), jnp.int32))
        self.best = weights
        published = LABELS[label].unit
        self.published, unit = published, "kcal/mol" if published == "hartree" else published
        self.run = Run(
            label, unit, settings, len(train), len(valid), index_sha256(train, valid),
            describe(network), environment(),
        )  # fmt: skip
        self.loss_sums: list[Array] = []
        self.seen = 0

    def network(self, weights: Float[Array, " weights"]) -> Network:
        """Return the network with the given weights."""
        return eqx.combine(self.unravel(weights), self.static)

    def model(self) -> Model:
        """Return the model of the best epoch."""
        return Model(self.network(self.best), self.reference, self.mean, self.scale)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        self.state, self.best = checkpoints.read(path, self.state, self.run)
        self.start -= self.run.history[-1].seconds

    def compile(self) -> None:
        """Put all arrays on the devices, and compile the gradient for each padded size."""
        self.state = self.on_devices(self.state)
        self.buckets, self.targets = self.on_devices(self.buckets), self.on_devices(self.targets)
        self.steps = int(self.state.steps)
        rows = self.divided(np.full(self.settings.batch_size, -1, np.int32))
        self.gradients = compiled(
            self.gradient, self.state.weights, self.buckets, self.targets, rows
        )

    def seconds(self) -> float:
        """Return the seconds since the start."""
        return self.clock() - self.start

    def done(self) -> float:
        """Return how much of the training is done, from 0 to 1: of the time, or of the steps."""
        if self.settings.minutes is not None:
            return self.seconds() / (60.0 * self.settings.minutes)
        return self.steps / self.steps_in_all

    def epoch(self) -> Iterator[int]:
        """Take the steps of one pass, and yield after each how many molecules it was of."""
        # Each epoch has its own order, whatever came before: a resumed training meets it.
        rng = np.random.default_rng([self.settings.seed, len(self.run.history)])
        for number, rows in _order(self.buckets, self.settings.batch_size, rng):
            done = self.done()
            if done >= 1.0:  # the clock may cut the last epoch short
                break
            rate = jnp.asarray(self.settings.rate(done, self.steps), self.state.weights.dtype)
            downhill, loss_sum = self.gradients[number](
                self.state.weights, self.buckets[number], self.targets[number], self.divided(rows)
            )
            self.state = self.update(self.state, downhill, rate)
            self.steps += 1
            self.loss_sums.append(loss_sum)
            molecules = int(np.sum(rows >= 0))
            self.seen += molecules
            yield molecules
            if self.steps % _IN_FLIGHT == 0:  # or the clock would be that of the queue
                loss_sum.block_until_ready()

    def validate(self) -> str:
        """Measure the averaged weights on the validation molecules, keep the best, say how good."""
        # By way of the host: of several processes each needs its own.
        averaged = jnp.asarray(jax.device_get(self.state.averaged))
        predicted = self.scale * predict_all(self.network(averaged), self.valid_buckets)
        squared_errors = sum(jax.device_get(self.loss_sums))
        unit = self.run.unit
        epoch = Epoch(
            seconds=self.seconds(),
            train_rmse=convert(
                self.scale * float(np.sqrt(squared_errors / self.seen)), self.published, unit
            ),
            valid_mae=mae(predicted, self.valid_residual, unit=self.published, to=unit),
        )
        self.run.history.append(epoch)
        self.loss_sums.clear()
        self.seen = 0
        if not np.isfinite(epoch.valid_mae) and len(self.run.history) == 1:
            raise DataError(
                "the validation error of the first epoch is no number: use a learning rate "
                f"smaller than {self.settings.learning_rate:g}"
            )
        if self.run.best_epoch == len(self.run.history) - 1:
            self.best = averaged
        return f"validation MAE {epoch.valid_mae:.2f} {unit}"


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


def _check_kinds(network: object, train: object, valid: object, settings: object) -> None:
    for name, given, is_one, wanted in (
        ("network", network, callable(network), "a network, such as PaiNN"),
        ("train", train, isinstance(train, QM9), "a QM9"),
        ("valid", valid, isinstance(valid, QM9), "a QM9"),
        ("settings", settings, isinstance(settings, Settings), "Settings, such as Settings()"),
    ):
        if not is_one:
            raise TypeError(f"{name} is {given!r:.60}, expected {wanted}")


def _check_sets(train: QM9, valid: QM9, label: str) -> None:
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
