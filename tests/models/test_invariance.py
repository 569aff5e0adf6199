"""The checks themselves: each finds the model that breaks its symmetry, and no other."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from qm9lib.models.invariance import (
    assert_invariant,
    assert_padding_invariant,
    assert_permutation_invariant,
)


def good(numbers: np.ndarray, positions: np.ndarray) -> float:
    return float(np.sum(1 / pdist(positions[numbers > 0])))


def test_good_model_passes(water) -> None:
    assert_invariant(good, *water)
    assert_permutation_invariant(good, *water)
    assert_padding_invariant(good, *water)


@pytest.mark.parametrize(
    ("check", "model", "broken"),
    [
        (assert_invariant, lambda z, x: np.sum(np.linalg.norm(x, axis=1)), "translation"),
        (assert_invariant, lambda z, x: np.ptp(x[:, 0]), "rotation"),
        (assert_invariant, lambda z, x: np.linalg.det(x[1:4] - x[0]), "reflection"),
        (assert_permutation_invariant, lambda z, x: x[0] @ x[1], "permutation"),
        (assert_padding_invariant, lambda z, x: np.mean(z), "padding"),
        (assert_padding_invariant, lambda z, x: np.sum(x**2), "padding"),
        (assert_invariant, lambda z, x: np.nan, "translation"),
    ],
)
def test_broken_model_is_named(sample, check, model, broken: str) -> None:
    methanol = sample[7]
    with pytest.raises(AssertionError, match=f"not invariant to {broken}: .* became"):
        check(model, methanol.atomic_numbers, methanol.positions)
