from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import filled
from scipy.spatial.distance import cdist

from qm9lib import QM9
from qm9lib.models import graphs
from qm9lib.models.gnn import GraphNetwork, bessel_edges
from qm9lib.models.graphs import bucketed, chunks, distances, inverse_distance, one_hot
from qm9lib.models.painn import PaiNN


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


def test_no_other_sizes_waste_less(qm9: QM9) -> None:
    """Six programs to compile; each size one off leaves more pairs of atoms as padding."""
    molecules = np.bincount(qm9.n_atoms)

    def padding(sizes: list[int]) -> float:
        n = np.arange(len(molecules))
        padded = np.array(sizes)[np.searchsorted(sizes, n)]
        return 1 - (molecules * n**2).sum() / (molecules * padded**2).sum()

    sizes = [*graphs.SIZES]
    assert sizes[-1] == qm9.n_atoms.max() and len(sizes) == 6
    assert padding(sizes) == pytest.approx(0.07, abs=0.005)
    assert padding([29]) == pytest.approx(0.60, abs=0.005)
    for i in range(5):
        for step in (-1, 1):
            other = [size + step * (j == i) for j, size in enumerate(sizes)]
            assert padding(other) > padding(sizes)


def test_molecules_of_padding(sample: QM9) -> None:
    batch = graphs.pad(sample, np.array([4, -1]), atoms=6)
    assert np.asarray(batch.atomic_numbers).tolist() == [[6, 7, 1, 0, 0, 0], [0] * 6]
    assert not np.asarray(batch.positions)[1].any()


def test_molecules_that_do_not_fit(sample: QM9) -> None:
    with pytest.raises(ValueError, match=r"^molecule 5 has 3 atoms, more than the 2 places of"):
        graphs.pad(sample, np.array([4, -1]), atoms=2)


def test_chunks_fill_up_with_minus_one() -> None:
    pieces = list(chunks(np.arange(7), 3))
    assert [piece.tolist() for piece in pieces] == [[0, 1, 2], [3, 4, 5], [6, -1, -1]]


def test_chunks_of_a_whole_number() -> None:
    pieces = list(chunks(np.arange(6, dtype=np.int16), 3))
    assert [piece.tolist() for piece in pieces] == [[0, 1, 2], [3, 4, 5]]
    assert {piece.dtype for piece in pieces} == {np.dtype(np.int16)}


def test_arrays_of_a_batch(sample: QM9) -> None:
    with jax.enable_x64(True):
        batch = graphs.pad(sample, np.array([4, -1, 0]), atoms=6)
    assert [array.dtype for array in batch] == [np.int32, np.float32, np.int32]
    assert np.asarray(batch.row).tolist() == [4, -1, 0]
    np.testing.assert_array_equal(batch.positions[2, :5], sample[0].positions.astype(np.float32))


def test_bessel_functions_against_the_paper() -> None:
    """Equation 7, times the cosine that falls to zero, also beyond the cutoff."""
    r = np.linspace(0.3, 7.0, 60)[:, None]
    k = np.arange(1, 7)
    expected = np.sqrt(2 / 4) * np.sin(k * np.pi * r / 4) / r
    expected *= np.where(r < 4, 0.5 * (np.cos(np.pi * r / 4) + 1), 0)
    found = graphs.radial_bessel(jnp.asarray(r[:, 0], jnp.float32), 6, 4.0)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    matrix = graphs.radial_bessel(jnp.asarray(r.reshape(6, 10), jnp.float32), 6, 4.0)
    np.testing.assert_allclose(matrix, expected.reshape(6, 10, 6), atol=2e-6)
    one = graphs.radial_bessel(jnp.asarray(r[:, 0], jnp.float32), 1, 4.0)
    np.testing.assert_allclose(one, expected[:, :1], atol=2e-6)


def test_pairs_of_real_atoms() -> None:
    mask = np.array([True, False, True, True])
    expected = [[i != j and mask[i] and mask[j] for j in range(4)] for i in range(4)]
    found = graphs.pairs(jnp.asarray(mask))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, expected)


def test_elements_are_looked_at_before_a_program_is_compiled(sample: QM9) -> None:
    numbers = jnp.asarray(sample[4].atomic_numbers, jnp.int32)
    np.testing.assert_array_equal(jax.jit(one_hot)(numbers), one_hot(numbers))
    assert not np.asarray(one_hot(jnp.array([0, 1])))[0].any()
    for unknown in (2, 5, 10, -1):
        with pytest.raises(ValueError, match=f"atomic number {unknown} is not an element"):
            one_hot(jnp.array([0, unknown]))


@pytest.mark.parametrize(
    ("numbers", "positions"), [((2, 3), (2, 3, 3)), ((3,), (3, 2)), ((), (3,))]
)
def test_no_molecule(numbers: tuple[int, ...], positions: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a network takes one molecule"):
        graphs.check_one_molecule(jnp.ones(numbers, jnp.int32), jnp.zeros(positions))


def test_bad_sets(sample: QM9) -> None:
    with pytest.raises(ValueError, match="the set is empty"):
        bucketed(sample[:0])
    assert [len(batch.row) for batch in bucketed(sample[:3], sizes=(1, 3, 4, 5))] == [1, 1, 1]
    with pytest.raises(ValueError, match="molecule 1 has 5 atoms, more than the largest .* size 4"):
        bucketed(sample[:2], sizes=(3, 4))
    sulfur = sample[:1].atomic_numbers.copy()
    sulfur[0] = 16
    arrays = {name: getattr(sample[:1], name) for name in QM9.__dataclass_fields__}
    with pytest.raises(ValueError, match="atomic number 16 is not an element of QM9"):
        bucketed(QM9(**arrays | {"atomic_numbers": sulfur}))


@pytest.mark.parametrize(
    ("atoms", "more"), [(1, ()), (29, ()), (30, (58,)), (58, (58,)), (59, (58, 116))]
)
def test_sizes_grow_with_the_largest_molecule(
    sample: QM9, atoms: int, more: tuple[int, ...]
) -> None:
    one = sample[:1]
    hydrogen = replace(
        one,
        atomic_numbers=np.ones(atoms, one.atomic_numbers.dtype),
        positions=np.arange(3.0 * atoms).reshape(-1, 3),
        charges=np.zeros(atoms, one.charges.dtype),
        offsets=np.array([0, atoms], one.offsets.dtype),
    )
    assert graphs.sizes_for(hydrogen) == (*graphs.SIZES, *more)
    assert graphs.sizes_for(sample[:0]) == graphs.SIZES


FOREIGN = [17, 16, 3, 2, 10, 200, -1]


@pytest.fixture(scope="module")
def networks() -> dict[str, Any]:
    return {
        "PaiNN": filled(PaiNN, features=4, layers=2),
        "GraphNetwork": filled(GraphNetwork),
        "Bessel": filled(GraphNetwork, edge_function=bessel_edges),
    }


@pytest.mark.parametrize("number", FOREIGN)
@pytest.mark.parametrize("name", ["PaiNN", "GraphNetwork", "Bessel"])
def test_all_networks_refuse_other_elements(networks: Any, name: str, number: int) -> None:
    network = networks[name]
    numbers, positions = jnp.array([number, 1, 1]), jnp.asarray(np.eye(3), jnp.float32)
    with pytest.raises(ValueError, match=f"atomic number {number} is not an element of QM9"):
        network(numbers, positions)
    with pytest.raises(ValueError, match=f"atomic number {number} is not an element of QM9"):
        jax.grad(network, argnums=1)(numbers, positions)
    # Compiled or in a batch nothing can be raised; nothing that looks like a result comes out.
    batch = jnp.stack([jnp.array([8, 1, 1]), numbers]), jnp.stack([positions, positions])
    with jax.debug_nans(False):
        value, gradient = jax.jit(jax.value_and_grad(network, argnums=1))(numbers, positions)
        assert np.isnan(value) and np.isnan(gradient[1:]).all()
        assert np.isnan(jax.vmap(network)(*batch)).tolist() == [False, True]


@pytest.mark.parametrize("name", ["PaiNN", "GraphNetwork"])
def test_atomic_numbers_are_integers(networks: Any, name: str, unchecked: None) -> None:
    said = "atomic numbers are given as float.*, expected integers"
    with pytest.raises(ValueError, match=said):
        networks[name](np.array([8.0, 1.0, 1.0]), jnp.asarray(np.eye(3), jnp.float32))
    with pytest.raises(ValueError, match=said):
        one_hot(np.array([8.0, 1.0, 1.0]))


def test_atoms_of_a_foreign_molecule_have_no_energy(networks: Any) -> None:
    numbers, positions = jnp.array([3, 1, 0]), jnp.asarray(np.eye(3), jnp.float32)
    with jax.debug_nans(False):
        assert np.isnan(eqx.filter_jit(networks["PaiNN"].atom_energies)(numbers, positions)).all()


@pytest.mark.parametrize("name", ["PaiNN", "GraphNetwork", "Bessel"])
def test_a_molecule_without_atoms(networks: Any, name: str) -> None:
    with pytest.raises(ValueError, match="with at least one atom; given none"):
        networks[name](jnp.zeros(0, jnp.int32), jnp.zeros((0, 3)))


@pytest.mark.parametrize("distance", [1e3, 1e7, 1e11])
def test_molecules_far_from_the_origin(sample: QM9, distance: float) -> None:
    """In float32 their atoms would be at a few places, if at more than one."""
    far = replace(sample[:50], positions=sample[:50].positions + distance)
    for there, here in zip(bucketed(far), bucketed(sample[:50]), strict=True):
        at, near = (np.asarray(batch.positions - batch.positions[:, :1]) for batch in (there, here))
        real = np.asarray(here.atomic_numbers) > 0
        np.testing.assert_allclose(at[real], near[real], atol=1e-6 + 1e-15 * distance)
