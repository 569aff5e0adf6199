import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

import qm9lib
from qm9lib import training
from qm9lib.dataset import QM9
from qm9lib.gnn import GraphNetwork, bessel_edges, inverse_distance_edges
from qm9lib.training import Settings, fit


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
    assert learned < 0.8 * qm9lib.mae(model.reference.predict(test), truth)
    assert min(record.valid_mae) == record.valid_mae[record.best_epoch]
    assert record.unit == "kcal/mol"


def test_the_best_epoch_is_what_is_returned(parts, monkeypatch) -> None:
    """Whatever the weights do: the second of three epochs is called the best here."""
    predictions = []

    def validation_error(predicted, true, **_):
        predictions.append(predicted)
        return [3.0, 1.0, 2.0][len(predictions) - 1]

    monkeypatch.setattr(training, "mae", validation_error)
    model, record = run(parts, epochs=3)
    assert record.best_epoch == 1 and record.valid_mae == [3.0, 1.0, 2.0]
    kept = model.predict(parts[1]) - model.reference.predict(parts[1]) - model.mean
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

    optimizer = optax.identity()
    step = training._make_step(network_of, optimizer, Settings(average=0.0))
    state = training._State(weights, weights, optimizer.init(weights), jnp.zeros((), jnp.int32))
    state = jax.tree.map(jnp.copy, state)
    bucket = training.bucketed(train, sizes=(29,))[0]
    targets = jnp.arange(6.0)
    rows = np.array([0, 2, 5, -1], np.int32)
    with jax.numpy_dtype_promotion("strict"):
        after, squared_errors = step(state, bucket, targets, rows, jnp.float32(0.1))

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
    buckets = training.bucketed(parts[0])
    seen = [
        int(buckets[number].row[row])
        for number, rows in training._order(buckets, 32, np.random.default_rng(0))
        for row in rows
        if row >= 0
    ]
    assert sorted(seen) == list(range(800))


def test_run_is_json(parts) -> None:
    _, record = run(parts, epochs=1)
    restored = json.loads(json.dumps(record.to_dict()))
    assert restored["settings"]["epochs"] == 1 and len(restored["history"]) == 1


def test_progress_bar_tells_the_error(parts, capsys, monkeypatch) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    network = GraphNetwork(key=jax.random.key(0))
    fit(network, parts[0], parts[1], settings=Settings(epochs=1))
    assert "validation MAE" in (shown := capsys.readouterr().err) and "kcal/mol" in shown


def test_bad_input(parts) -> None:
    train, valid, _ = parts
    network = GraphNetwork(key=jax.random.key(0))
    with pytest.raises(ValueError, match="200 molecules are in the training and in the validation"):
        fit(network, valid, valid)
    with pytest.raises(ValueError, match="the validation set is empty"):
        fit(network, train, valid[:0])
    with pytest.raises(ValueError, match="unknown label 'energy'"):
        fit(network, train, valid, "energy")
    with pytest.raises(ValueError, match="epochs must be positive, not 0"):
        Settings(epochs=0)
    with pytest.raises(ValueError, match="average must be at least 0 and below 1, not 1"):
        Settings(average=1.0)
