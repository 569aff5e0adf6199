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
