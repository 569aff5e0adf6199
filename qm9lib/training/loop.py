"""The training loop: a network learns the residual that the reference of each label leaves.

Molecules of similar size are padded together and stay on the device. Every epoch goes through all
of them once, in random batches; then the averaged weights are tested on the validation molecules,
and the weights of the best epoch are kept.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from qm9lib.data.dataset import QM9
from qm9lib.errors import DataError
from qm9lib.labels import LABELS
from qm9lib.metrics import mae
from qm9lib.models import programs, target
from qm9lib.models.graphs import Batch, bucketed, chunks
from qm9lib.models.model import Model, Network, predict_all
from qm9lib.models.readouts import FROM_ZERO
from qm9lib.models.storage import describe
from qm9lib.progress import bar as progress_bar
from qm9lib.progress import watched
from qm9lib.training import checkpoint as checkpoints
from qm9lib.training import optimizers
from qm9lib.training.checkpoint import State
from qm9lib.training.checks import check_kinds, check_outputs, check_sets, checked_mesh
from qm9lib.training.run import DEVIATIONS, Epoch, Run, Settings, environment, index_sha256
from qm9lib.training.step import make_step, placement
from qm9lib.units import written

_LEAP = 20.0  # times the error of the median batch; batches of 32 have up to 8 times as much
_IN_FLIGHT = 16  # steps that a device may have queued before the loop waits for one


def fit(
    network: Network,
    train: QM9,
    valid: QM9,
    label: str | Sequence[str] = "H",
    settings: Settings | None = None,
    *,
    progress: bool = True,
    checkpoint: str | Path | None = None,
    mesh: Mesh | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[Model, Run]:
    """Train a network on the residuals that the references of its labels leave.

    Parameters
    ----------
    network
        Equinox module for one molecule, such as `qm9lib.models.gnn.GraphNetwork`. It returns
        one number for each label.
    train
        Training molecules. References, means and scales come from these alone.
    valid
        Validation molecules: they decide which epoch's weights are kept, and nothing else.
    label
        Name of the label, or names of several labels to learn together, each scaled by its standard
        deviation.
    settings
        By default ``Settings()``.
    progress
        Whether to show a progress bar with the current validation error.
    checkpoint
        File to write after every epoch. If it exists, training continues from there. With a fixed
        number of epochs, it ends with the same weights (bit for bit, on the same machine) as if it
        had not been interrupted.
    mesh
        Devices to train on, along one axis: each takes its share of every batch. They may belong to
        several processes (``jax.distributed``), which all call `fit` with the same arguments. The
        default is one device.
    clock
        Clock, in seconds, for ``minutes`` and for the history. Tests use one of their own.

    Returns
    -------
    model : Model
        Model with the averaged weights of the best epoch.
    run : Run
        Settings and history.

    Raises
    ------
    ValueError
        If a set is empty, the two sets share a molecule, a label or position is not a finite
        number, the network does not have one output for each label, a batch cannot be divided among
        the devices or into chunks, or several processes are to train by the clock.
    DataError
        If the checkpoint is damaged or from another training, nothing is left to learn, an element
        of the validation molecules is in no training molecule, time runs out before the first step,
        or the error is not a number after the first epoch.
    TypeError
        If the network is not a network, a set not a `QM9`, or the settings not `Settings`.

    Notes
    -----
    AdamW or Muon with warm-up and cosine decay, gradient clipping, and an exponential moving
    average of the weights. Ctrl-C ends the training; the best weights so far are returned.

    After the warm-up, a batch with more than twenty times the error of its epoch's median batch is
    reported on stderr: the averaged weights would hide it.

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
    check_kinds(network, train, valid, settings)
    labels = (label,) if isinstance(label, str) else tuple(label)
    check_sets(train, valid, labels)
    check_outputs(network, labels)
    training = _Training(network, train, valid, labels, settings, mesh, clock)
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
                        "the error is no longer a finite number: the best weights are kept",
                        file=sys.stderr,
                    )
                    break
                for molecules in training.epoch():
                    bar.update(molecules)
                if not training.seen:
                    break
                whole = training.seen == len(train)
                bar.set_postfix_str(training.validate(), refresh=watched())
                if warning := training.leap():
                    bar.write(warning, file=sys.stderr)
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
            "time ran out before the first step of training: preparing and compiling took "
            f"{training.seconds() / 60:.2g} minutes, and the limit for everything was "
            f"{settings.minutes:.2g}; give more minutes"
        )
    return training.model(), run


class _Training:
    """The changing state of a training, and what its steps need.

    Attributes
    ----------
    run
        The record, which grows by one `Epoch` with each validation.
    state
        Weights, their average, and the state of the optimizer.
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
        labels: tuple[str, ...],
        settings: Settings,
        mesh: Mesh | None,
        clock: Callable[[], float],
    ) -> None:
        self.settings, self.clock, self.start = settings, clock, clock()
        mesh = checked_mesh(mesh, settings)
        pooling = getattr(network, "pooling", "sum")
        poolings = [pooling] * len(labels) if isinstance(pooling, str) else pooling
        self.targets = tuple(
            target.fit(train, label, from_zero=pooling in FROM_ZERO)
            for label, pooling in zip(labels, poolings, strict=True)
        )
        self.elements = tuple(np.unique(train.atomic_numbers).tolist())
        tree, self.static = eqx.partition(network, eqx.is_inexact_array)
        weights, self.unravel = ravel_pytree(tree)
        # Cast to the dtype of the weights only here, when the numbers are about 1.
        learned = self.standardised(train).astype(weights.dtype)
        self.buckets = bucketed(train)
        self.learned = [jnp.asarray(learned[np.asarray(bucket.row)]) for bucket in self.buckets]
        batches = [-(-len(bucket.row) // settings.batch_size) for bucket in self.buckets]
        self.steps_in_all = sum(batches) * settings.epochs
        self.valid_buckets = bucketed(valid)
        self.valid_learned = self.standardised(valid)
        optimizer = optimizers.make(settings.optimizer, tree, settings.weight_decay, settings.clip)
        self.gradient, self.update = make_step(self.network, optimizer, settings, mesh)
        self.on_devices, self.divided = placement(mesh)
        # Queued steps of several devices wait for one another: for ever, if there are few threads.
        self.in_flight = _IN_FLIGHT if mesh is None or mesh.size == 1 else 1
        remembered = jax.jit(optimizer.init)(weights)
        self.state = State(weights, weights, remembered, jnp.zeros((), jnp.int32))
        self.best = weights
        deviations = np.array([one.deviation for one in self.targets])
        # One label has its own unit. Several are each measured by their standard deviation.
        self.factor, self.measures, unit = 1.0, deviations, DEVIATIONS
        if len(labels) == 1:
            self.factor, self.measures = deviations[0], np.ones(1)
            unit = LABELS[labels[0]].error_unit
        self.run = Run(
            ",".join(labels), unit, settings, len(train), len(valid), index_sha256(train, valid),
            describe(network), environment(),
        )  # fmt: skip
        self.batches: list[tuple[Array, int]] = []  # squared errors, molecules
        self.seen = 0

    def standardised(self, qm9: QM9) -> Float[np.ndarray, "molecules labels"]:
        """Return the outputs expected of the network, centred on 0, of size about 1."""
        return np.stack([one.standardised(qm9) for one in self.targets], axis=1)

    def network(self, weights: Float[Array, " weights"]) -> Network:
        """Return the network with the given weights."""
        return eqx.combine(self.unravel(weights), self.static)

    def model(self) -> Model:
        """Return the model of the best epoch."""
        return Model(self.network(self.best), self.targets, self.elements)

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint."""
        self.state, self.best = checkpoints.read(path, self.state, self.run)
        self.start -= self.run.history[-1].seconds

    def compile(self) -> None:
        """Put all arrays on the devices, and compile everything that will be called."""
        # One molecule of each padded size, so that validation finds its programs compiled.
        few = [
            Batch(numbers[:1], positions[:1], jnp.array([0]))
            for numbers, positions, _ in self.valid_buckets
        ]
        self.state = self.on_devices(self.state)
        self.buckets, self.learned = self.on_devices(self.buckets), self.on_devices(self.learned)
        self.steps = int(self.state.steps)
        rows = self.divided(np.full(self.settings.batch_size, -1, np.int32))
        # Several at a time, since XLA uses one core for each.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            compiling = [
                pool.submit(self.gradient.lower(self.state.weights, *arrays, rows).compile)
                for arrays in zip(self.buckets, self.learned, strict=True)
            ]
            predict_all(self.network(self.best), few)
            self.gradients = [program.result() for program in compiling]

    def seconds(self) -> float:
        """Return the seconds since the start."""
        return self.clock() - self.start

    def done(self) -> float:
        """Return how much of the training is done, from 0 to 1, by time or by steps."""
        if self.settings.minutes is not None:
            return self.seconds() / (60.0 * self.settings.minutes)
        return self.steps / self.steps_in_all

    def epoch(self) -> Iterator[int]:
        """Take the steps of one pass, and after each, yield the number of its molecules."""
        # Each epoch has its own order, whatever came before: a resumed training repeats it.
        rng = np.random.default_rng([self.settings.seed, len(self.run.history)])
        for number, rows in _order(self.buckets, self.settings.batch_size, rng):
            done = self.done()
            if done >= 1.0:  # the clock may cut the last epoch short
                break
            rate = jnp.asarray(self.settings.rate(done, self.steps), self.state.weights.dtype)
            downhill, squared_errors = self.gradients[number](
                self.state.weights, self.buckets[number], self.learned[number], self.divided(rows)
            )
            self.state = self.update(self.state, downhill, rate)
            self.steps += 1
            molecules = int(np.sum(rows >= 0))
            self.batches.append((squared_errors, molecules))
            self.seen += molecules
            yield molecules
            if self.steps % self.in_flight == 0:  # or the clock would time the queue
                squared_errors.block_until_ready()

    def batch_errors(self) -> Float[np.ndarray, " batches"]:
        """Return the RMSE of each batch since the last validation, in the unit of the run."""
        squared_errors, molecules = np.array(jax.device_get(self.batches)).T
        return self.factor * np.sqrt(squared_errors / molecules)

    def leap(self) -> str | None:
        """Return a warning if the error of a batch leapt in the last pass."""
        epoch, unit = self.run.history[-1], self.run.unit
        worst, median = epoch.train_worst, epoch.train_median
        if worst is None or median is None or not worst > _LEAP * median:
            return None
        return (
            f"the training error of a batch in pass {len(self.run.history)} leapt to "
            f"{written(worst)} {unit}; the median batch has {written(median)}: the steps are too "
            "large for this network (try a smaller learning rate, or a PaiNN with norm=True), or "
            "a label is wrong"
        )

    def validate(self) -> str:
        """Test the averaged weights on the validation molecules, keep the best, say how good."""
        # By way of the host: each of several processes needs its own copy.
        averaged = jnp.asarray(jax.device_get(self.state.averaged))
        predicted = predict_all(self.network(averaged), self.valid_buckets)
        found = predicted.reshape(self.valid_learned.shape).T, self.valid_learned.T
        each = [
            mae(one.scale * given, one.scale * true, unit=label.unit, to=label.error_unit)
            for one, given, true in zip(self.targets, *found, strict=True)
            for label in [LABELS[one.label]]
        ]
        errors, molecules = self.batch_errors(), [molecules for _, molecules in self.batches]
        late = errors[max(0, self.settings.warmup + len(errors) - self.steps) :]
        unit = self.run.unit
        epoch = Epoch(
            seconds=self.seconds(),
            train_rmse=float(np.sqrt(np.average(errors**2, weights=molecules))),
            train_median=float(np.median(errors)),
            # While the steps grow, any error may be large.
            train_worst=float(late.max()) if late.size else None,
            valid_mae=float(np.mean(each / self.measures)),
            valid_each=dict(zip(self.run.labels, each, strict=True)) if each[1:] else None,
        )
        self.run.history.append(epoch)
        self.batches.clear()
        self.seen = 0
        if not np.isfinite(epoch.valid_mae) and len(self.run.history) == 1:
            raise DataError(
                "the validation error of the first epoch is not a number: use a learning rate "
                f"smaller than {self.settings.learning_rate:g}"
            )
        if self.run.best_epoch == len(self.run.history) - 1:
            self.best = averaged
        return f"validation MAE {epoch.valid_mae:.2f} {unit}"


def _order(
    buckets: list[Batch], batch_size: int, rng: np.random.Generator
) -> Iterator[tuple[int, Int[np.ndarray, " batch"]]]:
    """Yield (number of the bucket, rows in it) in random order; every molecule occurs once."""
    plan = [
        (number, rows)
        for number, bucket in enumerate(buckets)
        for rows in chunks(rng.permutation(len(bucket.row)).astype(np.int32), batch_size)
    ]
    for i in rng.permutation(len(plan)):
        yield plan[i]
