import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from qm9lib import graphs
from qm9lib.dataset import QM9
from qm9lib.graphs import bucketed, chunks, distances, inverse_distance, one_hot


def test_one_hot_is_the_classic_one(sample: QM9) -> None:
    """Column = atomic number - 1, sixteen columns."""
    numbers = sample[10].atomic_numbers
    expected = np.zeros((len(numbers), 16))
    expected[np.arange(len(numbers)), numbers - 1] = 1
    np.testing.assert_array_equal(one_hot(numbers), expected)


def test_one_hot_refuses() -> None:
    with pytest.raises(
        ValueError, match=r"atomic number 16 is not .*; allowed are H \(1\), C \(6\)"
    ):
        one_hot(np.array([6, 16]))
    with pytest.raises(ValueError, match="width 8 is too small"):
        one_hot(np.array([6, 1]), width=8)


def test_distances_against_scipy(sample: QM9) -> None:
    positions = sample[1500].positions
    mask = jnp.ones(len(positions), bool)
    found = distances(jnp.asarray(positions, jnp.float32), mask)
    np.testing.assert_allclose(found, cdist(positions, positions), atol=1e-5)


def test_inverse_distance_is_one_over_r(sample: QM9) -> None:
    positions = sample[1500].positions
    expected = cdist(positions, positions)
    np.fill_diagonal(expected, np.inf)
    found = inverse_distance(jnp.asarray(positions, jnp.float32), jnp.ones(len(positions), bool))
    np.testing.assert_allclose(found, 1 / expected, rtol=1e-5)


def test_gradients_are_finite_and_zero_for_padding() -> None:
    positions = jnp.array([[0.0, 0, 0], [1.0, 0, 0], [0, 0, 0], [0, 0, 0]])
    mask = jnp.array([True, True, False, False])
    for function in (distances, inverse_distance):
        gradient = jax.grad(lambda x, f=function: f(x, mask).sum())(positions)
        assert np.all(np.isfinite(gradient))
        np.testing.assert_array_equal(gradient[2:], 0.0)
    # d/dx of 2/r at r = 1 along x
    np.testing.assert_allclose(gradient[0], [2.0, 0, 0], rtol=1e-6)


def test_every_molecule_is_in_one_bucket(sample: QM9) -> None:
    rows = []
    for batch in bucketed(sample):
        numbers, positions = np.asarray(batch.atomic_numbers), np.asarray(batch.positions)
        for row, z, x in zip(np.asarray(batch.row).tolist(), numbers, positions, strict=True):
            np.testing.assert_array_equal(z[z > 0], sample[row].atomic_numbers)
            np.testing.assert_array_equal(x[z > 0], sample[row].positions.astype(np.float32))
            np.testing.assert_array_equal(x[z == 0], 0.0)
            rows.append(row)
    assert sorted(rows) == list(range(len(sample)))


def test_sizes_waste_little(qm9: QM9) -> None:
    n = qm9.n_atoms
    assert graphs.SIZES[-1] == n.max()
    assert len(graphs.SIZES) <= 12
    padded = np.array(graphs.SIZES)[np.searchsorted(graphs.SIZES, n)]
    assert 1.0 < (padded**2).sum() / (n**2).sum() < 1.08


def test_molecules_of_padding(sample: QM9) -> None:
    batch = graphs.pad(sample, np.array([4, -1]), atoms=6)
    assert np.asarray(batch.atomic_numbers).tolist() == [[6, 7, 1, 0, 0, 0], [0] * 6]
    assert not np.asarray(batch.positions)[1].any()


def test_chunks_fill_up_with_minus_one() -> None:
    pieces = list(chunks(np.arange(7), 3))
    assert [piece.tolist() for piece in pieces] == [[0, 1, 2], [3, 4, 5], [6, -1, -1]]


def test_bad_sets(sample: QM9) -> None:
    with pytest.raises(ValueError, match="the set is empty"):
        bucketed(sample[:0])
    with pytest.raises(ValueError, match="molecule 1 has 5 atoms, more than the largest .* size 4"):
        bucketed(sample[:2], sizes=(3, 4))
    sulfur = sample[:1].atomic_numbers.copy()
    sulfur[0] = 16
    arrays = {name: getattr(sample[:1], name) for name in QM9.__dataclass_fields__}
    with pytest.raises(ValueError, match="atomic number 16 is not an element of QM9"):
        bucketed(QM9(**arrays | {"atomic_numbers": sulfur}))
