import numpy as np
import pytest

from qm9lib import mae, rmse


def test_closed_form() -> None:
    predicted, true = np.array([0.0, 0.0]), np.array([3.0, -4.0])
    assert mae(predicted, true, to="hartree") == 3.5
    assert rmse(predicted, true, to="hartree") == pytest.approx(np.sqrt(12.5))
    assert mae(predicted, true) == pytest.approx(3.5 * 627.5095, rel=1e-7)
    assert mae(predicted, true, unit="D", to="D") == 3.5
    assert rmse(predicted, true) == pytest.approx(np.sqrt(12.5) * 627.5095, rel=1e-7)
    assert rmse(predicted, true, unit="meV", to="eV") == pytest.approx(np.sqrt(12.5) / 1000)


def test_lists_are_taken_too(unchecked: None) -> None:
    assert mae([1.0, 2.0], [1.0, 4.0], to="hartree") == 1.0


@pytest.mark.parametrize("metric", [mae, rmse])
def test_shapes_that_would_broadcast_are_refused(metric) -> None:
    with pytest.raises(
        ValueError, match=r"same shape \(n,\) with n > 0; given \(3,\) and \(3, 1\)"
    ):
        metric(np.zeros(3), np.zeros((3, 1)))
    with pytest.raises(ValueError, match=r"given \(0,\) and \(0,\)"):
        metric(np.zeros(0), np.zeros(0))


def test_integers_do_not_wrap_around(unchecked: None) -> None:
    for kind in (np.uint8, np.int8, np.uint64):
        low, high = np.array([1, 100], kind), np.array([2, 127], kind)
        assert mae(low, high, to="hartree") == mae(high, low, to="hartree") == 14.0
    assert mae(np.array([-100], np.int8), np.array([100], np.int8), to="hartree") == 200.0


@pytest.mark.parametrize("values", [np.array([1j]), np.array([True]), np.array(["1"])])
def test_only_real_numbers_have_an_error(values: np.ndarray, unchecked: None) -> None:
    with pytest.raises(ValueError, match="need to be real, given"):
        rmse(values, np.ones(1))
