from dataclasses import replace

import jax
import numpy as np
import pytest

import qm9lib
from qm9lib import QM9
from qm9lib.models import composition


def test_least_squares_on_the_dimenet_split(qm9: QM9) -> None:
    train, _, test = qm9.split("dimenet")
    model = composition.fit(train, "H")
    assert qm9lib.mae(model.predict(test), test.target("H")) == pytest.approx(19.94, abs=0.005)


def test_coefficients_of_the_published_fit(qm9: QM9) -> None:
    found = qm9lib.convert(composition.fit(qm9, "U0").coefficients, "hartree", "eV")
    expected = [-16.4298, -1036.0477, -1489.8019, -2046.9840, -2717.5008]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_residual_is_what_is_left(sample: QM9) -> None:
    model = composition.fit(sample, "H")
    residual = model.residual(sample, "kcal/mol")
    np.testing.assert_allclose(
        model.predict(sample, "kcal/mol") + residual, sample.target("H", "kcal/mol"), rtol=1e-12
    )
    # Normal equations: the residual is orthogonal to every column.
    np.testing.assert_allclose(sample.composition.T @ residual, 0.0, atol=1e-5)
    assert residual.dtype == np.float64


def test_element_that_does_not_occur(sample: QM9) -> None:
    hydrocarbons = sample[sample.composition[:, 2:].sum(axis=1) == 0]
    model = composition.fit(hydrocarbons, "H")
    np.testing.assert_allclose(model.coefficients[2:], 0.0, atol=1e-9)


def test_bad_input(sample: QM9) -> None:
    with pytest.raises(ValueError, match="empty set of molecules"):
        composition.fit(sample[:0])
    with pytest.raises(ValueError, match="unknown label 'E'"):
        composition.fit(sample, "E")


def test_sgd_finds_least_squares_on_good_features() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    y = x @ [0.5, -1.0, 2.0] + 0.25 + 0.01 * rng.normal(size=400)
    exact, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(400)]), y, rcond=None)
    found = composition.sgd(x, y, start=np.zeros(3), learning_rate=1e-2, epochs=30)
    np.testing.assert_allclose([*found.weights[-1], found.biases[-1]], exact, atol=2e-3)


def test_one_sgd_step_by_hand() -> None:
    x, y = np.array([[1.0, 2.0]]), np.array([3.0])
    found = composition.sgd(x, y, start=np.ones(2), learning_rate=0.1, epochs=2, decay=0.5)
    # error 1 + 2 - 3 = 0 first; start elsewhere for a step that moves
    np.testing.assert_allclose(found.weights, 1.0)
    found = composition.sgd(x, y, start=np.zeros(2), learning_rate=0.1, epochs=2, decay=0.5)
    # error -3: weights 0.6 * (1, 2), bias 0.6; then error 0.6, step 0.05
    np.testing.assert_allclose(found.weights[0], [0.6, 1.2], rtol=1e-6)
    np.testing.assert_allclose(found.biases, [0.6, 0.6 - 0.1 * 0.6], rtol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
@pytest.mark.parametrize("name", ["labels", "positions"])
def test_values_that_are_no_number(sample: QM9, name: str, value: float) -> None:
    array = getattr(sample, name).copy()
    array[-1:] = value
    with pytest.raises(ValueError, match="^1 of the 2,000 molecules have no finite "):
        composition.fit(replace(sample, **{name: array}), "H")


def test_elements_that_no_training_molecule_had(sample: QM9) -> None:
    model = composition.fit(sample[sample.composition[:, 4] == 0], "H")
    assert (model.coefficients == 0).tolist() == [False] * 4 + [True]


def test_repr_names_elements(sample: QM9) -> None:
    assert repr(composition.fit(sample, "H")).startswith("Composition(H in hartree: H -0.6")


def test_sgd_is_in_float32_whatever_jax_is_set_to() -> None:
    rng = np.random.default_rng(1)
    x, y, start = rng.normal(size=(30, 2)), rng.normal(size=30), rng.normal(size=2)
    usual = composition.sgd(x, y, start=start, learning_rate=0.02)
    with jax.enable_x64(True):
        again = composition.sgd(x, y, start=start, learning_rate=0.02)
    for found, expected in zip(again, usual, strict=True):
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, expected)


def test_sgd_by_hand() -> None:
    """The recipe of the chapter: sixteen passes, each with nine tenths of the step size."""
    rng = np.random.default_rng(1)
    x, y, weights, bias = rng.normal(size=(9, 2)), rng.normal(size=9), np.array([0.3, -0.2]), 0.0
    found = composition.sgd(x, y, start=weights, learning_rate=0.02)
    assert found.weights.shape == (16, 2) and found.biases.shape == (16,)
    for number in range(16):
        for features, target in zip(x, y, strict=True):
            slope = 2 * 0.02 * 0.9**number * (weights @ features + bias - target)
            weights, bias = weights - slope * features, bias - slope
        np.testing.assert_allclose(found.weights[number], weights, atol=1e-5)
        assert found.biases[number] == pytest.approx(bias, abs=1e-5)


def test_prediction_is_a_sum_over_atoms(sample: QM9) -> None:
    model = composition.Composition("H", np.array([-0.5, -38.0, -55.0, -75.0, -100.0]))
    methane, ammonia, water = model.predict(sample[:3])
    expected = [-38 - 4 * 0.5, -55 - 3 * 0.5, -75 - 2 * 0.5]
    np.testing.assert_allclose([methane, ammonia, water], expected, rtol=1e-12)
    in_ev = model.predict(sample[:3], "eV")
    np.testing.assert_allclose(in_ev, np.array(expected) * 27.211386, rtol=1e-8)


def test_enthalpy_is_what_is_fitted_by_default(sample: QM9) -> None:
    found, expected = composition.fit(sample), composition.fit(sample, "H")
    assert found.label == "H"
    np.testing.assert_array_equal(found.coefficients, expected.coefficients)
