import hashlib
import json
import os
import platform
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree
from limits import HANG
from safetensors import safe_open

import qm9lib
from qm9course import ladder
from qm9lib import QM9, training
from qm9lib.data.files import write_safetensors
from qm9lib.errors import DataError
from qm9lib.models.gnn import GraphNetwork, bessel_edges, inverse_distance_edges
from qm9lib.models.graphs import bucketed
from qm9lib.models.painn import PaiNN
from qm9lib.training import Settings, checks, fit, loop
from qm9lib.training import run as records
from qm9lib.training import step as stepping
from qm9lib.training.checkpoint import State


@pytest.fixture(autouse=True)
def _optax_promotes():
    """Let Adam in optax multiply floats by its int32 step count; our own step stays strict."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture(scope="module")
def parts(sample: QM9) -> tuple[QM9, QM9, QM9]:
    """Training, validation and test molecules of two padded sizes: few programs to compile."""
    small = np.flatnonzero(sample.n_atoms <= 17)
    order = np.random.default_rng(0).permutation(small)
    return sample[order[:800]], sample[order[800:1000]], sample[order[1000:1200]]


def run(parts, edge_function=inverse_distance_edges, **settings):
    train, valid, _ = parts
    network = GraphNetwork(edge_function=edge_function, key=jax.random.key(0))
    return fit(network, train, valid, settings=Settings(**settings), progress=False)


def test_learns_more_than_the_composition(parts) -> None:
    model, record = run(parts, bessel_edges, epochs=12)
    test = parts[2]
    truth = test.target("H")
    learned = qm9lib.mae(model.predict(test), truth)
    assert learned < 0.8 * qm9lib.mae(model.target.reference.predict(test), truth)
    assert min(record.valid_mae) == record.valid_mae[record.best_epoch]
    assert record.unit == "kcal/mol"


def test_the_best_epoch_is_what_is_returned(parts, monkeypatch) -> None:
    """Whatever the weights do: the second of three epochs is called the best here."""
    predictions = []

    def validation_error(predicted, true, **_):
        predictions.append(predicted)
        return [3.0, 1.0, 2.0][len(predictions) - 1]

    monkeypatch.setattr(loop, "mae", validation_error)
    model, record = run(parts, epochs=3)
    assert record.best_epoch == 1 and record.valid_mae == [3.0, 1.0, 2.0]
    kept = model.predict(parts[1]) - model.target.reference.predict(parts[1]) - model.target.mean
    np.testing.assert_allclose(kept, predictions[1], atol=1e-10)
    assert np.abs(predictions[1] - predictions[2]).max() > 1e-6


def test_same_seed_same_result(parts) -> None:
    first, second = run(parts, epochs=2), run(parts, epochs=2)
    assert first[1].valid_mae == second[1].valid_mae
    assert run(parts, epochs=2, seed=1)[1].valid_mae != first[1].valid_mae


def test_prediction_does_not_depend_on_company(parts) -> None:
    model, _ = run(parts, epochs=1)
    test = parts[2]
    alone = np.concatenate([model.predict(test[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(alone, model.predict(test)[:3], rtol=0, atol=1e-7)
    np.testing.assert_allclose(
        model.predict(test, "eV"), qm9lib.convert(model.predict(test), "hartree", "eV")
    )


def test_one_step_against_plain_gradient_descent(parts) -> None:
    """The compiled step, without Adam, against a gradient taken molecule by molecule."""
    train = parts[0][:6]
    network = GraphNetwork(key=jax.random.key(1))
    tree, static = eqx.partition(network, eqx.is_inexact_array)
    weights, unravel = ravel_pytree(tree)

    def network_of(weights):
        return eqx.combine(unravel(weights), static)

    optimizer = optax.scale(-1.0)
    gradient_of, update = stepping.make_step(network_of, optimizer, Settings(average=0.0))
    state = State(weights, weights, optimizer.init(weights), jnp.zeros((), jnp.int32))
    bucket = bucketed(train, sizes=(29,))[0]
    targets = jnp.arange(6.0)[:, None]
    rows = np.array([0, 2, 5, -1], np.int32)
    with jax.numpy_dtype_promotion("strict"):
        downhill, squared_errors = gradient_of(weights, bucket, targets, rows)
        after = update(state, downhill, jnp.float32(0.1))

    def plain(weights):
        network = network_of(weights)
        errors = [
            network(
                jnp.asarray(train[i].atomic_numbers, jnp.int32),
                jnp.asarray(train[i].positions, jnp.float32),
            )
            - float(i)
            for i in (0, 2, 5)
        ]
        return sum(error**2 for error in errors) / 3.0

    expected_loss, gradient = jax.value_and_grad(plain)(weights)
    assert float(squared_errors) == pytest.approx(3 * float(expected_loss), rel=1e-4)
    assert int(after.steps) == 1
    np.testing.assert_allclose(after.weights, weights - 0.1 * gradient, rtol=1e-3, atol=1e-5)


def test_every_molecule_once_an_epoch(parts) -> None:
    buckets = bucketed(parts[0])
    seen = [
        int(buckets[number].row[row])
        for number, rows in loop._order(buckets, 32, np.random.default_rng(0))
        for row in rows
        if row >= 0
    ]
    assert sorted(seen) == list(range(800))


def test_run_is_json(parts) -> None:
    _, record = run(parts, epochs=1)
    restored = json.loads(json.dumps(record.to_dict()))
    assert restored["settings"]["epochs"] == 1 and len(restored["history"]) == 1
    assert restored["environment"]["jax"] == jax.__version__
    assert training.Run.from_dict(restored) == record


def test_learning_rate_rises_and_falls() -> None:
    settings = Settings(learning_rate=0.5, warmup=10)
    assert settings.rate(0.0, 0) == pytest.approx(0.05)
    assert settings.rate(0.0, 9) == pytest.approx(0.5)
    assert settings.rate(0.5, 100) == pytest.approx(0.25)
    assert settings.rate(1.0, 200) == settings.rate(1.2, 200) == 0.0


def test_absolute_error_is_another_loss(parts) -> None:
    first, second = (run(parts, epochs=2, loss=loss)[1] for loss in ("squared", "absolute"))
    assert first.valid_mae != second.valid_mae


class Clock:
    """Goes on by a second whenever it is looked at, which `fit` does once a step and an epoch."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 1.0
        return self.seconds


@pytest.mark.timing
def test_the_clock_ends_the_training(parts) -> None:
    """Of 25 or 26 batches an epoch: epochs do not count, and the last one is cut short."""
    network = GraphNetwork(key=jax.random.key(0))
    settings = Settings(minutes=1.0, epochs=1)
    _, record = fit(network, *parts[:2], settings=settings, progress=False, clock=Clock())
    seconds = [epoch.seconds for epoch in record.history]
    assert len(seconds) == 3 and 25 < seconds[0] < 30 and 50 < seconds[1] < 60
    assert 60.0 <= seconds[2] <= 62.0


def test_the_learning_rate_falls_with_the_clock(parts, monkeypatch) -> None:
    asked = []
    rate = Settings.rate
    monkeypatch.setattr(Settings, "rate", lambda self, *now: asked.append(now) or rate(self, *now))
    network = GraphNetwork(key=jax.random.key(0))
    fit(network, *parts[:2], settings=Settings(minutes=0.5), progress=False, clock=Clock())
    progress, steps = zip(*asked, strict=True)
    assert steps == tuple(range(len(steps))) and len(steps) > 20
    np.testing.assert_allclose(np.diff(progress)[:20], 1.0 / 30.0)  # a second of half a minute
    # After the last step the end of its epoch, the next one and its first step ask the clock.
    assert progress[-1] < 1.0 < progress[-1] + 3.5 / 30.0


@pytest.mark.timing
@pytest.mark.parametrize("seconds", [1e-9, 0.5, 1.5, 2.5])
def test_untouched_weights_are_no_trained_model(parts, seconds) -> None:
    """Wherever the clock runs out, there is a step or an error."""
    network = GraphNetwork(key=jax.random.key(0))
    settings = Settings(minutes=seconds / 60)
    try:
        _, record = fit(network, *parts[:2], settings=settings, progress=False, clock=Clock())
    except DataError as error:
        assert "time ran out before the first step of training" in str(error)  # noqa: PT017
        assert "give more minutes" in str(error) and seconds < 2  # noqa: PT017
    else:
        assert len(record.history) == 1 and seconds > 2


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_with_float64_switched_on(parts, dtype, optimizer) -> None:
    """Weights keep their dtype, and those in float32 learn what they learn without it."""
    train, valid = parts[0][:64], parts[1][:16]
    settings = Settings(epochs=1, optimizer=optimizer, chunk_size=8)
    network = PaiNN(4, 1, 3, key=jax.random.key(0))
    options = {"settings": settings, "progress": False}
    expected = fit(network, train, valid, **options)[1].valid_mae
    with jax.enable_x64(True):
        network = jax.tree.map(lambda x: x.astype(dtype) if eqx.is_array(x) else x, network)
        model, run = fit(network, train, valid, **options)
        leaves = jax.tree.leaves(eqx.filter(model.network, eqx.is_array))
        assert {leaf.dtype.name for leaf in leaves} == {dtype}
    np.testing.assert_allclose(run.valid_mae, expected, rtol=1e-3)


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, -1e20])
@pytest.mark.parametrize("name", ["labels", "positions"])
def test_values_that_are_no_number(parts, part, value, name) -> None:
    sets = [parts[0], parts[1]]
    array = getattr(sets[part], name).copy()
    array[-2:] = value
    sets[part] = replace(sets[part], **{name: array})
    count = 2 if name == "labels" else 1  # two atoms of the last molecule
    what = ("training", "validation")[part]
    with pytest.raises(ValueError, match=rf"^{count} of the .* {what} molecules have no finite "):
        fit(GraphNetwork(key=jax.random.key(0)), *sets, progress=False)


@pytest.mark.parametrize("molecules", [1, 2, 3])
@pytest.mark.parametrize("label", ["H", "alpha"])
def test_rounding_is_nothing_to_learn(sample, parts, molecules, label) -> None:
    """CH4, NH3 and H2O: composition tells what is a sum of theirs but for the last bits."""
    train = sample[:molecules]
    elements = train.composition.any(axis=0)
    valid = parts[1][~parts[1].composition[:, ~elements].any(axis=1)]
    with pytest.raises(DataError, match=f"of the {molecules} .* exactly, .* more molecules"):
        fit(GraphNetwork(key=jax.random.key(0)), train, valid, label, progress=False)


@pytest.mark.parametrize(("number", "symbol"), [(7, "N"), (9, "F")])
def test_elements_of_the_validation_are_those_of_the_training(sample, parts, number, symbol):
    """Nothing is known of others: their error would be tens of thousands of kcal/mol."""
    column = [1, 6, 7, 8, 9].index(number)
    has = sample.composition > 0
    without = sample[~has[:, column]][:64]
    seen = without.composition.any(axis=0) | (np.arange(5) == column)
    with_it = sample[np.flatnonzero(has[:, column] & ~has[:, ~seen].any(axis=1))[-4:]]
    said = f"contain {symbol}, but none of the 64 training molecules does"
    with pytest.raises(ValueError, match=said):
        fit(GraphNetwork(key=jax.random.key(0)), without, with_it, progress=False)


def test_patience_ends_the_training(parts, monkeypatch) -> None:
    errors = iter([3.0, 2.0, 2.5, 2.4, 1.0])
    monkeypatch.setattr(loop, "mae", lambda *_, **__: next(errors))
    _, record = run(parts, epochs=5, patience=2)
    assert record.valid_mae == [3.0, 2.0, 2.5, 2.4]


def test_interrupt_before_the_first_step(parts, monkeypatch) -> None:
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "_order", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(parts, epochs=1)


def interrupt_at(monkeypatch, epoch: int) -> None:
    """Press Ctrl-C in the middle of an epoch, counted from 0."""
    order, started = loop._order, []

    def interrupted(*arguments):
        started.append(None)
        for i, entry in enumerate(order(*arguments)):
            if len(started) == epoch + 1 and i == 5:
                raise KeyboardInterrupt
            yield entry

    monkeypatch.setattr(loop, "_order", interrupted)


def test_interrupted_training_keeps_the_best(parts, monkeypatch) -> None:
    interrupt_at(monkeypatch, 1)
    model, record = run(parts, epochs=9)
    assert len(record.history) == 2  # the second one is cut short, and measured too
    error = qm9lib.mae(model.predict(parts[1]), parts[1].target("H"), to="kcal/mol")
    assert error == pytest.approx(min(record.valid_mae), rel=1e-5)


def test_resumed_training_ends_with_the_same_bits(parts, monkeypatch, tmp_path: Path) -> None:
    train, valid, test = parts
    network, file = PaiNN(4, 1, 4, key=jax.random.key(0)), tmp_path / "checkpoint"
    settings = Settings(epochs=3, batch_size=64)

    def fitted(**keywords):
        return fit(network, train, valid, settings=settings, progress=False, **keywords)

    whole, whole_run = fitted()
    with monkeypatch.context() as patch:
        interrupt_at(patch, 2)
        fitted(checkpoint=file)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    resumed, resumed_run = fitted(checkpoint=file)
    np.testing.assert_array_equal(resumed.predict(test), whole.predict(test))
    assert resumed_run.valid_mae == whole_run.valid_mae
    seconds = [epoch.seconds for epoch in resumed_run.history]
    assert seconds == sorted(seconds)
    again, again_run = fitted(checkpoint=file)  # it is complete: nothing is left to do
    assert again_run.history == resumed_run.history
    np.testing.assert_array_equal(again.predict(test), whole.predict(test))

    with pytest.raises(DataError, match="batch_size was 64 and is 32. Name another"):
        fit(network, train, valid, settings=Settings(epochs=3), progress=False, checkpoint=file)
    with pytest.raises(DataError, match="another training: label was 'H' and is 'U0'"):
        fit(network, train, valid, "U0", settings=settings, progress=False, checkpoint=file)
    other = GraphNetwork(key=jax.random.key(0))
    said = "another training: class was 'PaiNN' and is 'GraphNetwork'"
    with pytest.raises(DataError, match=said):
        fit(other, train, valid, settings=settings, progress=False, checkpoint=file)
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(DataError, match="is damaged, or is not a checkpoint .*: name another file"):
        fitted(checkpoint=file)


@pytest.mark.parametrize("chunk_size", [8, 64])
def test_chunks_change_nothing(parts, chunk_size: int) -> None:
    network = PaiNN(4, 1, 3, key=jax.random.key(0))
    histories = [
        fit(
            network, parts[0], parts[1], progress=False,
            settings=Settings(epochs=2, optimizer="muon", loss="absolute", chunk_size=size),
        )[1]
        for size in (None, chunk_size)
    ]  # fmt: skip
    for name in ("train_rmse", "valid_mae"):
        expected, found = ([getattr(e, name) for e in run.history] for run in histories)
        np.testing.assert_allclose(found, expected, rtol=1e-4)


PARALLEL = """
import sys
devices, process, port = (int(argument) for argument in sys.argv[1:])
chunk_size = 2 if devices and not port else None
import jax
jax.config.update("jax_platforms", "cpu")
if port:
    jax.distributed.initialize(
        f"127.0.0.1:{port}", num_processes=2, process_id=process,
        initialization_timeout=3600, heartbeat_timeout_seconds=3600,
    )
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
import qm9lib
from qm9lib.models.painn import PaiNN
from qm9lib.training import Settings, fit

sample = qm9lib.load_sample()
small = sample[sample.n_atoms <= 15]
mesh = jax.make_mesh((devices,), ("batch",)) if devices else None
if port:  # XLA gives two processes 30 s to meet for the first time: they go there side by side
    print("ready", flush=True)
    sys.stdin.readline()
    everywhere = NamedSharding(mesh, PartitionSpec("batch"))
    jnp.sum(jax.device_put(np.ones(devices), everywhere)).block_until_ready()
_, run = fit(
    PaiNN(8, 2, 4, key=jax.random.key(0)), small[:320], small[320:400],
    settings=Settings(epochs=2, learning_rate=1e-3, chunk_size=chunk_size),
    progress=False, mesh=mesh,
)
print(len(jax.devices()), *(f"{epoch.train_rmse} {epoch.valid_mae}" for epoch in run.history))
"""


def losses(output: str) -> tuple[int, np.ndarray]:
    devices, *numbers = output.splitlines()[-1].split()  # Gloo greets before that
    return int(devices), np.array(numbers, float)


COLLECTIVE = ("timeout", "call_terminate_timeout")


@pytest.mark.timing
def test_many_devices_and_processes_learn_the_same(tmp_path: Path) -> None:
    """One device, eight of one process in chunks, and two processes with four devices each."""
    probe = socket.socket()  # open to the end of the test: nobody else is given its port
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]

    def start(devices: int, here: int, process: int = 0, port: int = 0) -> subprocess.Popen:
        # XLA ends a process whose devices do not meet in time, which is 40 s.
        hang = [f"--xla_cpu_collective_{name}_seconds={HANG:.0f}" for name in COLLECTIVE]
        given = os.environ.get("XLA_FLAGS", "")
        flags = " ".join([given, f"--xla_force_host_platform_device_count={here}", *hang])
        command = [sys.executable, "-c", PARALLEL, str(devices), str(process), str(port)]
        return subprocess.Popen(
            command, env=os.environ | {"XLA_FLAGS": flags}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    with probe, ExitStack() as stack:
        groups = [[start(0, 1)], [start(8, 8)], [start(8, 4, i, port) for i in (0, 1)]]
        processes = [process for group in groups for process in group]
        for process in processes:
            stack.enter_context(process)
            stack.callback(process.kill)
        for process in groups[-1]:
            lines = iter(process.stdout.readline, "")
            assert any(line == "ready\n" for line in lines), process.stderr.read()
        for process in groups[-1]:
            process.stdin.write("\n")
            process.stdin.flush()
        results = []
        for process in processes:
            output, messages = process.communicate(timeout=HANG)
            assert process.returncode == 0, messages
            results.append(losses(output))
    (one, expected), *others = results
    assert one == 1 and expected.shape == (4,)
    for devices, found in others:
        assert devices == 8
        np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.timing
def test_training_by_the_clock_resumes_too(parts, tmp_path: Path) -> None:
    """By the clock no two requests are alike: the time that is left depends on the start."""
    network, file = GraphNetwork(key=jax.random.key(0)), tmp_path / "checkpoint"
    first, second = (
        fit(
            network, *parts[:2], settings=Settings(minutes=minutes), progress=False,
            checkpoint=file, clock=Clock(),
        )[1].history
        for minutes in (0.8, 1.3)
    )  # fmt: skip
    # A part of an epoch is lost: a checkpoint is of whole ones. What these took counts.
    assert len(first) == 2 and len(second) == 3
    assert second[0] == first[0] and second[1] != first[1]
    assert 78.0 <= second[2].seconds <= 80.0


def test_a_learning_rate_that_is_far_too_large(parts) -> None:
    settings = Settings(epochs=2, learning_rate=1e30, warmup=0)
    with (
        jax.debug_nans(False),
        pytest.raises(DataError, match="is not a number: use .* than 1e.30"),
    ):
        fit(GraphNetwork(key=jax.random.key(0)), parts[0], parts[1], settings=settings)


def test_an_epoch_without_a_number_is_not_the_best(parts) -> None:
    settings = Settings(epochs=1)
    run = fit(GraphNetwork(key=jax.random.key(0)), parts[0], parts[1], settings=settings)[1]
    epoch = run.history[0]
    run.history = [replace(epoch, valid_mae=mae) for mae in (3.0, 2.0, float("nan"), 2.5)]
    assert run.best_epoch == 1


def test_batches_that_the_devices_cannot_share(parts) -> None:
    mesh = jax.make_mesh((1,), ("batch",))
    network = GraphNetwork(key=jax.random.key(0))
    square = jax.make_mesh((1, 1), ("a", "b"))
    with pytest.raises(ValueError, match="a batch of 32 cannot be divided over a mesh of shape"):
        fit(network, parts[0], parts[1], mesh=square)
    with pytest.raises(
        ValueError, match="the 32 molecules of each device cannot be split .* of 5:"
    ):
        fit(network, parts[0], parts[1], settings=Settings(chunk_size=5))
    first = fit(network, parts[0], parts[1], settings=Settings(epochs=1), progress=False)[1]
    second = fit(
        network, parts[0], parts[1], settings=Settings(epochs=1), progress=False, mesh=mesh
    )[1]
    assert first.valid_mae == pytest.approx(second.valid_mae, rel=1e-5)


def test_progress_bar_tells_the_error(parts, capsys, monkeypatch) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    network = GraphNetwork(key=jax.random.key(0))
    fit(network, parts[0], parts[1], settings=Settings(epochs=1))
    assert "validation MAE" in (shown := capsys.readouterr().err) and "kcal/mol" in shown


def test_bad_input(parts) -> None:
    train, valid, _ = parts
    network = GraphNetwork(key=jax.random.key(0))
    with pytest.raises(ValueError, match="training and the validation set share 200 of their"):
        fit(network, valid, valid)
    with pytest.raises(ValueError, match="the validation set is empty"):
        fit(network, train, valid[:0])
    with pytest.raises(ValueError, match="unknown label 'energy'"):
        fit(network, train, valid, "energy")
    with pytest.raises(ValueError, match="epochs must be positive, not 0"):
        Settings(epochs=0)
    with pytest.raises(ValueError, match="minutes must be positive, not -1.0"):
        Settings(minutes=-1.0)
    with pytest.raises(ValueError, match="unknown loss 'cubed'; use one of: squared, absolute"):
        Settings(loss="cubed")
    with pytest.raises(ValueError, match="average must be at least 0 and below 1, not 1"):
        Settings(average=1.0)


# Against hand computations ----------------------------------------------------------------------


@pytest.fixture
def watched(monkeypatch) -> dict[str, list]:
    """What goes in and out of each step of the trainings of a test, as float64, and their rows."""
    seen = {name: [] for name in ("before", "gradient", "rate", "after", "averaged", "rows")}
    make, order = stepping.make_step, loop._order

    def watching(*arguments, **keywords):
        gradient, update = make(*arguments, **keywords)

        def watching_update(state, downhill, rate):
            after = update(state, downhill, rate)
            for name, array in (
                ("before", state.weights), ("gradient", downhill), ("rate", rate),
                ("after", after.weights), ("averaged", after.averaged),
            ):  # fmt: skip
                seen[name].append(np.asarray(array, np.float64))
            return after

        return gradient, watching_update

    def watching_order(buckets, *arguments):
        entries = list(order(buckets, *arguments))
        seen["rows"].append([
            np.asarray(buckets[number].row)[rows[rows >= 0]].tolist() for number, rows in entries
        ])  # fmt: skip
        return iter(entries)

    monkeypatch.setattr(loop, "make_step", watching)
    monkeypatch.setattr(loop, "_order", watching_order)
    return seen


class Tiny(eqx.Module):
    """The smallest network that has something to learn: compiled at once, and smooth."""

    inner: jax.Array
    outer: jax.Array

    def __init__(self, seed: int = 4) -> None:
        rng = np.random.default_rng(seed)
        self.inner = jnp.asarray(rng.normal(size=(10, 3)), jnp.float32)
        self.outer = jnp.asarray(rng.normal(size=3), jnp.float32)

    def __call__(self, z: jax.Array, x: jax.Array) -> jax.Array:
        size = jnp.sum(x**2, axis=1) / 10.0
        atoms = jnp.tanh(self.inner[z] * size[:, None]) @ self.outer
        return jnp.sum(jnp.where(z > 0, atoms, 0.0)) / 10.0


def tiny(parts, label="H", **settings):
    """Train a few weights on a few molecules."""
    network = Tiny()
    chosen = Settings(**{"epochs": 3, "batch_size": 16, "learning_rate": 0.01, **settings})
    return fit(network, parts[0][:80], parts[1][:20], label, chosen, progress=False)


def test_training_by_hand(parts, watched) -> None:
    """Warm-up, cosine, clipping, AdamW with decay, and the average, in NumPy and float64."""
    model, run = tiny(parts, learning_rate=0.05, warmup=4, weight_decay=0.3, clip=0.8, average=0.6)
    steps = len(watched["rate"])
    assert steps == 3 * sum(-(-len(b.row) // 16) for b in bucketed(parts[0][:80]))
    weights, first, second = watched["before"][0], 0.0, 0.0
    average, lengths, apart = weights, [], []
    for step in range(steps):
        rate = 0.05 * min(1.0, (step + 1) / 4) * 0.5 * (1 + np.cos(np.pi * step / steps))
        assert float(watched["rate"][step]) == pytest.approx(rate, rel=1e-5)
        gradient = watched["gradient"][step]
        lengths.append(np.linalg.norm(gradient))
        gradient = gradient * min(1.0, 0.8 / lengths[-1])
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        adam = (first / (1 - 0.9 ** (step + 1))) / (
            np.sqrt(second / (1 - 0.999 ** (step + 1))) + 1e-8
        )
        weights = weights - rate * (adam + 0.3 * weights)
        keep = min(0.6, (1 + step) / (10 + step))
        average = keep * average + (1 - keep) * weights
        np.testing.assert_allclose(watched["after"][step], weights, rtol=1e-4, atol=2e-5)
        np.testing.assert_allclose(watched["averaged"][step], average, rtol=1e-4, atol=2e-5)
        apart.append(np.abs(average - weights).max())
    assert min(lengths) < 0.8 < max(lengths)  # some are clipped, some are not
    assert max(apart) > 0.02
    # The average after an epoch is what is validated and kept.
    kept, _ = ravel_pytree(eqx.filter(model.network, eqx.is_inexact_array))
    last = steps // 3 * (run.best_epoch + 1) - 1
    np.testing.assert_allclose(kept, watched["averaged"][last], rtol=1e-6)


def test_each_epoch_has_its_own_order(parts, watched) -> None:
    tiny(parts, seed=3)
    tiny(parts, seed=4, epochs=1)
    for rows in watched["rows"]:
        assert sorted(sum(rows, [])) == list(range(80))
    assert len(watched["rows"]) == 4
    assert all(a != b for i, a in enumerate(watched["rows"]) for b in watched["rows"][:i])


def test_training_ends_when_the_error_is_no_number(parts, monkeypatch, capsys) -> None:
    errors = iter([3.0, 2.0, float("nan"), 1.0, 1.0])
    monkeypatch.setattr(loop, "mae", lambda *_, **__: next(errors))
    _, run = tiny(parts, epochs=5)
    np.testing.assert_array_equal(run.valid_mae, [3.0, 2.0, np.nan])
    assert run.best_epoch == 1
    assert "the error is no longer a finite number" in capsys.readouterr().err


@pytest.mark.parametrize(("label", "unit"), [("H", "kcal/mol"), ("mu", "D")])
def test_errors_by_hand(parts, label: str, unit: str) -> None:
    """With steps of nothing: errors of the initial weights, the same in each epoch."""
    train, valid = parts[0][:80], parts[1][:20]
    model, run = tiny(parts, label, epochs=2, learning_rate=1e-30, warmup=0)
    published = qm9lib.LABELS[label].unit
    residual = train.target(label)
    if label == "H":
        residual = residual - qm9lib.models.composition.fit(train, label).predict(train)
    found = model.target.mean, model.target.scale
    assert found == pytest.approx((residual.mean(), residual.std()), rel=1e-9)
    in_unit = {"unit": published, "to": unit}
    rmse = qm9lib.rmse(model.predict(train), train.target(label), **in_unit)
    mae = qm9lib.mae(model.predict(valid), valid.target(label), **in_unit)
    assert (run.label, run.unit, run.n_train, run.n_valid) == (label, unit, 80, 20)
    for epoch in run.history:
        assert epoch.train_rmse == pytest.approx(rmse, rel=1e-4)
        assert epoch.train_median is not None and epoch.train_worst is not None
        assert epoch.train_median < epoch.train_worst and rmse < epoch.train_worst < 4 * rmse
        assert epoch.valid_mae == pytest.approx(mae, rel=1e-4)
    assert 0 < run.history[0].seconds < run.history[1].seconds < 600
    assert model.labels == (label,)


class Two(eqx.Module):
    """`Tiny` twice, for two labels."""

    parts: tuple[Tiny, Tiny]

    def __init__(self) -> None:
        self.parts = Tiny(4), Tiny(5)

    def __call__(self, z: jax.Array, x: jax.Array) -> jax.Array:
        return jnp.stack([part(z, x) for part in self.parts])


def test_several_labels_by_hand(parts) -> None:
    """With steps of nothing: each label has its own error, and counts by its deviation."""
    train, valid = parts[0][:80], parts[1][:20]
    settings = Settings(epochs=1, batch_size=16, learning_rate=1e-30, warmup=0)
    model, run = fit(Two(), train, valid, ["H", "mu"], settings, progress=False)
    assert (run.label, run.labels, run.unit) == ("H,mu", ["H", "mu"], "standard deviations")
    assert model.labels == ("H", "mu")
    [epoch] = run.history
    each = {
        label: qm9lib.mae(
            model.predict(valid, label=label), valid.target(label), unit=unit, to=to
        )
        for label, unit, to in (("H", "hartree", "kcal/mol"), ("mu", "D", "D"))
    }  # fmt: skip
    assert epoch.valid_each == pytest.approx(each, rel=1e-5)
    deviations = [target.deviation for target in model.targets]
    expected = np.mean([each["H"] / deviations[0], each["mu"] / deviations[1]])
    assert epoch.valid_mae == pytest.approx(expected, rel=1e-5)
    squares = [
        np.mean((model.predict(train, label=label) - train.target(label)) ** 2) / target.scale**2
        for label, target in zip(model.labels, model.targets, strict=True)
    ]
    assert epoch.train_rmse == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-5)


def test_labels_learned_together_are_learned_each(parts) -> None:
    """A trunk and two readouts: both errors fall, and the length is counted from 0."""
    network = PaiNN(8, 2, pooling=("sum", "dipole"), key=jax.random.key(0))
    settings = Settings.for_painn(epochs=12, warmup=20, chunk_size=None)
    model, run = fit(network, parts[0], parts[1], ("U0", "mu"), settings, progress=False)
    first, last = run.history[0].valid_each, run.history[run.best_epoch].valid_each
    assert first is not None and last is not None
    assert last["U0"] < 0.9 * first["U0"] and last["mu"] < 0.5 * first["mu"]
    assert model.targets[1].mean == 0.0 and model.predict(parts[2], label="mu").min() >= 0
    assert Settings(**run.to_dict()["settings"]) == settings


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("H", "mu", "gap"), r"array of shape \(2,\) .* there are 3 labels \(H, mu, gap\)"),
        ("H", r"array of shape \(2,\) for a molecule, but there are 1 labels"),
        (("H", "H"), "name each label once, given H, H"),
        ((), "name each label once, given none"),
    ],
)
def test_one_output_for_each_label(parts, labels, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(Two(), parts[0], parts[1], labels, progress=False)


@pytest.mark.parametrize("loss", ["squared", "absolute"])
def test_gradient_of_each_loss_by_finite_differences(parts, loss: str) -> None:
    """The mean over the real rows, also in chunks."""
    train = parts[0][:6]
    tree, static = eqx.partition(Tiny(), eqx.is_inexact_array)
    weights, unravel = ravel_pytree(tree)
    bucket = bucketed(train, sizes=(29,))[0]
    targets = jnp.linspace(-1.0, 1.0, 6)[:, None]
    rows = np.array([5, 0, 3, 2, -1, -1], np.int32)

    def network_of(weights):
        return eqx.combine(unravel(weights), static)

    @jax.jit
    def errors(weights):
        predicted = jax.vmap(network_of(weights))(bucket.atomic_numbers, bucket.positions)
        return predicted - targets[:, 0]

    def mean_loss(weights) -> float:
        chosen = np.asarray(errors(weights), np.float64)[[5, 0, 3, 2]]
        return np.mean(chosen**2 if loss == "squared" else np.abs(chosen))

    rng = np.random.default_rng(0)
    direction = rng.normal(size=weights.shape).astype(np.float32)
    slope = (mean_loss(weights + 1e-3 * direction) - mean_loss(weights - 1e-3 * direction)) / 2e-3
    for chunk_size in (None, 2, 3, 6, 8):
        settings = Settings(loss=loss, chunk_size=chunk_size)
        gradient_of, _ = stepping.make_step(network_of, optax.identity(), settings)
        gradient, squared = gradient_of(weights, bucket, targets, rows)
        assert float(gradient @ direction) == pytest.approx(slope, rel=2e-2, abs=1e-4)
        expected = np.sum(np.asarray(errors(weights))[[5, 0, 3, 2]] ** 2)
        assert float(squared) == pytest.approx(float(expected), rel=1e-5)


def test_rate_in_closed_form() -> None:
    for warmup in (0, 1, 7):
        settings = Settings(learning_rate=0.2, warmup=warmup)
        for step in (0, 1, 5, 6, 7, 50):
            for progress in (0.0, 0.1, 0.7, 1.0, 1.3):
                rising = 1.0 if step >= warmup else (step + 1) / warmup
                falling = 0.5 + 0.5 * np.cos(np.pi * min(progress, 1.0))
                expected = 0.2 * rising * falling
                assert settings.rate(progress, step) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("epochs", 1, (0, -1)), ("batch_size", 1, (0, -1)), ("chunk_size", 1, (0, -1)),
        ("patience", 1, (0, -1)), ("minutes", 1e-9, (0.0, -1.0, float("nan"))),
        ("learning_rate", 1e-9, (0.0, -1.0, float("nan"))), ("clip", 1e-9, (0.0, -1.0)),
    ],
)  # fmt: skip
def test_settings_that_are_positive(name: str, good: float, bad: tuple[float, ...]) -> None:
    assert getattr(Settings(**{name: good}), name) == good
    for value in bad:
        with pytest.raises(ValueError, match=f"{name} must be positive, not {value}"):
            Settings(**{name: value})


def test_settings_that_may_be_zero() -> None:
    for name, value in (("weight_decay", -1e-9), ("warmup", -1), ("seed", -1)):
        assert getattr(Settings(**{name: type(value)(0)}), name) == 0
        with pytest.raises(ValueError, match=f"{name} must not be negative, not {value}"):
            Settings(**{name: value})
    assert Settings(average=0.0).average == 0.0 and Settings(average=0.9999).average == 0.9999
    for value in (-1e-9, 1.0, 1.5):
        with pytest.raises(ValueError, match=f"at least 0 and below 1, not {value}"):
            Settings(average=value)
    assert {Settings(loss=loss).loss for loss in ("squared", "absolute")} == {"squared", "absolute"}
    with pytest.raises(ValueError, match="unknown optimizer 'sgd'; use one of: adamw, muon"):
        Settings(optimizer="sgd")


def test_the_recipe_is_that_of_the_stored_results() -> None:
    """The live runs of the book were trained with what is the recipe now."""
    for seed in ladder.results("live")["seeds"]:
        stored = Settings(**seed["run"]["settings"])
        assert Settings.for_painn(minutes=stored.minutes, seed=stored.seed) == stored
    changed = Settings.for_painn(loss="squared", epochs=3)
    assert (changed.loss, changed.epochs, changed.optimizer) == ("squared", 3, "muon")


def run_with(errors: list[float], patience: int | None = None) -> training.Run:
    history = [training.Epoch(1.0, 1.0, error) for error in errors]
    return training.Run("H", "D", Settings(patience=patience), 1, 1, "", {}, {}, history)


@pytest.mark.parametrize(
    ("errors", "best", "without_better"),
    [([], 0, 0), ([3.0], 0, 0), ([3.0, 2.0, 2.5], 1, 1), ([3.0, 2.0, 2.0, 2.0], 1, 2),
     ([2.0, 3.0, 1.0], 2, 0), ([2.0, float("nan")], 0, 1), ([float("nan"), 3.0], 1, 0)],
)  # fmt: skip
def test_best_epoch_and_patience(errors: list[float], best: int, without_better: int) -> None:
    assert run_with(errors).best_epoch == best and not run_with(errors).out_of_patience
    for patience in (1, 2, 3):
        expected = without_better >= patience
        assert run_with(errors, patience).out_of_patience == expected


def test_a_run_tells_what_it_was(parts) -> None:
    train, valid, _ = parts
    content = np.concatenate([train.index, valid.index]).astype("<i8").tobytes()
    assert records.index_sha256(train, valid) == hashlib.sha256(content).hexdigest()
    found = records.environment()
    for package in ("jax", "jaxlib", "numpy", "optax", "equinox", "qm9lib"):
        assert found[package] == version(package)
    assert found["python"] == platform.python_version()
    assert found["processors"] == str(os.cpu_count())
    devices = [f"{device.device_kind} {device.id}" for device in jax.devices()]
    assert found["devices"].split(", ") == devices
    assert len(found) == 9


def test_work_that_cannot_be_divided(unchecked: None, monkeypatch) -> None:
    """A mesh is looked at for its size, its axes and its shape."""

    def mesh(size: int, *names: str) -> SimpleNamespace:
        return SimpleNamespace(
            size=size, axis_names=names, shape=dict.fromkeys(names, size), devices=devices
        )

    devices = np.array(jax.devices()[:1])
    for settings, shape, message in (
        (Settings(batch_size=30), (4, "a"), "a batch of 30 cannot be divided over .*'a': 4"),
        (Settings(), (4, "a", "b"), "a batch of 32 cannot be divided"),
        (
            Settings(chunk_size=3),
            (4, "a"),
            "the 8 molecules of each device cannot be split .* of 3",
        ),
        (Settings(chunk_size=5), None, "the 32 molecules of each device cannot be split .* of 5"),
    ):
        with pytest.raises(ValueError, match=message):
            checks.checked_mesh(mesh(*shape) if shape else None, settings)
    for chunk_size in (None, 2, 8, 9, 32):
        divided = checks.checked_mesh(mesh(4, "a"), Settings(chunk_size=chunk_size))
        assert divided.axis_names == ("a",) and divided.devices.tolist() == devices.tolist()
    assert checks.checked_mesh(None, Settings(chunk_size=33)) is None
    assert checks.checked_mesh(None, Settings(minutes=1.0)) is None
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    assert checks.checked_mesh(None, Settings()) is None
    with pytest.raises(ValueError, match="several processes cannot train by the clock"):
        checks.checked_mesh(None, Settings(minutes=1.0))


def test_all_devices_learn_the_same(parts) -> None:
    """Those that there are, in chunks; other tests have several."""
    mesh = jax.make_mesh((jax.device_count(),), ("batch",))
    network, settings = Tiny(), Settings(epochs=2, batch_size=16, chunk_size=4)
    one, all_ = (
        fit(network, parts[0][:80], parts[1][:20], settings=settings, progress=False, mesh=m)[1]
        for m in (None, mesh)
    )
    for name in ("train_rmse", "valid_mae"):
        expected, found = ([getattr(e, name) for e in run.history] for run in (one, all_))
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_sets_that_cannot_be_trained_on(parts) -> None:
    train, valid, _ = parts
    network = GraphNetwork(key=jax.random.key(0))
    with pytest.raises(ValueError, match="the training set is empty"):
        fit(network, train[:0], valid)
    both = valid[[3, 5]]
    message = f"set share 2 of their molecules, such as number {both.index.min()}, "
    with pytest.raises(ValueError, match=message):
        fit(network, valid, both)


def test_checkpoints_that_do_not_fit(parts, tmp_path: Path) -> None:
    network, file = Tiny(), tmp_path / "checkpoint"

    def fitted(epochs: int = 2):
        chosen = Settings(epochs=epochs, batch_size=16)
        return fit(
            network, parts[0][:80], parts[1][:20], settings=chosen, progress=False, checkpoint=file
        )

    _, first = fitted()
    with safe_open(file, "numpy") as stored:
        metadata, arrays = stored.metadata(), {k: stored.get_tensor(k) for k in stored.keys()}
    assert metadata["format"] == "qm9lib-checkpoint-1"
    record = json.loads(metadata["run"])

    def write(changed: dict[str, np.ndarray], **changes) -> None:
        text = json.dumps(record | changes)
        write_safetensors(file, arrays | changed, metadata | {"run": text})

    write({}, environment=record["environment"] | {"python": "3.99"})
    _, again = fitted()  # on another machine
    assert again.history == first.history
    for changed in ({"best": arrays["best"][1:]}, {"0": arrays["0"][1:]}):
        write(changed)
        with pytest.raises(
            DataError, match=r"not a checkpoint .* not those of this network.*afresh"
        ):
            fitted()
    write({}, history=[])
    with pytest.raises(DataError, match="it records no epoch"):
        fitted()
    write({}, n_train=81)
    with pytest.raises(DataError, match="another training: n_train was 81 and is 80. Name another"):
        fitted()
    write({})
    with pytest.raises(DataError, match=r"another training: epochs was 2 and is 3\. Name"):
        fitted(3)


def test_what_the_progress_bar_is_told(parts, monkeypatch, tmp_path: Path) -> None:
    shown = []

    class Bar:
        def __init__(self, **options) -> None:
            self.options, self.molecules, self.texts = options, [], []
            shown.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *_) -> None:
            pass

        def update(self, molecules: int) -> None:
            self.molecules.append(molecules)

        def set_postfix_str(self, text: str, refresh: bool) -> None:
            self.texts.append(text)

    monkeypatch.setattr(loop, "progress_bar", Bar)
    sets = Tiny(), parts[0][:80], parts[1][:20]
    keywords = {"checkpoint": tmp_path / "checkpoint"}
    by_clock = Settings(minutes=0.5, batch_size=16)
    run = fit(*sets, settings=by_clock, clock=Clock(), progress=False, **keywords)[1]
    assert len(run.history) > 1
    settings = Settings(epochs=2, batch_size=16)
    keywords = {"checkpoint": tmp_path / "another"}
    _, run = fit(*sets, settings=settings, **keywords)
    fit(*sets, settings=settings, **keywords)
    clock, epochs, again = shown
    assert clock.options["total"] is None and clock.options["disable"] is True
    assert epochs.options == {
        "total": 160, "initial": 0, "unit": " molecules", "unit_scale": True
    }  # fmt: skip
    assert again.options["initial"] == 160 and again.molecules == []
    assert sum(epochs.molecules) == 160 and 0 < max(epochs.molecules) <= 16
    assert epochs.texts == [f"validation MAE {error:.2f} kcal/mol" for error in run.valid_mae]


def test_settings_are_finite() -> None:
    with pytest.raises(ValueError, match="learning_rate must be finite, not inf"):
        Settings(learning_rate=float("inf"))


def test_settings_that_count_are_whole() -> None:
    """As a reader has it: here the tests' own check of types would come first."""
    code = "from qm9lib.training import Settings\nSettings(batch_size=2.5)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ValueError: batch_size must be a whole number, not 2.5" in done.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network": None}, "network is None, expected a network"),
        ({"train": 3}, "train is 3, expected a QM9"),
        ({"valid": "all"}, "valid is 'all', expected a QM9"),
        ({"settings": {"epochs": 1}}, "settings is {'epochs': 1}, expected Settings"),
    ],
)
def test_what_is_of_another_kind(parts, changes, said, unchecked) -> None:
    given = {"network": Tiny(), "train": parts[0], "valid": parts[1]} | changes
    with pytest.raises(TypeError, match=said):
        fit(**given, progress=False)


def test_a_batch_whose_error_leaps_is_reported(parts, capsys) -> None:
    """One label is wrong by 30 hartree. Without it all is quiet, and so it is in the warm-up."""
    train, valid = parts[0][:400], parts[1][:50]
    labels = train.labels.copy()
    labels[5, list(qm9lib.LABELS).index("H")] += 30.0
    wrong = replace(train, labels=labels)

    def said(train: QM9, warmup: int) -> list[str]:
        settings = Settings(epochs=2, batch_size=8, warmup=warmup)
        fit(Tiny(), train, valid, settings=settings, progress=False)
        return [line for line in capsys.readouterr().err.splitlines() if "leapt" in line]

    first, second = said(wrong, warmup=0)
    assert "of a batch in pass 1 leapt to 6," in first and "kcal/mol; the median batch" in first
    assert "of a batch in pass 2 leapt to 6," in second and "or a label is wrong" in second
    assert said(wrong, warmup=1000) == said(train, warmup=0) == []


def large_steps(parts, learning_rate: float, norm: bool) -> np.ndarray:
    """Return the training RMSE (kcal/mol) of six passes; the recipe's highest rate is 0.006."""
    settings = Settings.for_painn(epochs=6, learning_rate=learning_rate, warmup=20, chunk_size=None)
    network = PaiNN(16, norm=norm, key=jax.random.key(0))
    with jax.debug_nans(False):
        _, record = fit(network, parts[0], parts[1], settings=settings, progress=False)
    return np.array([epoch.train_rmse for epoch in record.history])


def test_steps_six_times_too_large_do_not_leap(parts, capsys) -> None:
    errors = large_steps(parts, 0.035, norm=True)
    assert "leapt" not in capsys.readouterr().err
    assert (errors[2:] < 2 * errors[1:-1]).all()


def test_steps_far_too_large_explode_without_the_norm_alone(parts) -> None:
    """Of six seeds each, the worst with the norm reached 2,367; the best without, 3e15."""
    assert large_steps(parts, 0.1, norm=True).max() < 1e5
    assert not large_steps(parts, 0.1, norm=False).max() < 1e7
