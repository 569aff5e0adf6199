"""Kernels: against sums that are written out, closed forms, and what a Gaussian process is."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qm9lib
from qm9lib import QM9
from qm9lib.data.columns import concatenate
from qm9lib.errors import DataError, UnknownNameError
from qm9lib.models import composition, kernel, similarity
from qm9lib.models.descriptors import Atoms
from qm9lib.models.similarity import local_kernel, make_waves


def atoms_of(seed: int, molecules: int, features: int = 4) -> dict[int, Atoms]:
    rng = np.random.default_rng(seed)
    found = {}
    for z in (1, 6, 9):
        counts = rng.integers(0, 4, molecules)
        rows = np.repeat(np.arange(molecules), counts)
        if len(rows):
            found[z] = Atoms(rng.normal(size=(len(rows), features)).astype(np.float32), rows)
    return found


def by_hand(a: dict[int, Atoms], b: dict[int, Atoms], shape: Any, width: float) -> np.ndarray:
    found = np.zeros(shape)
    for z in {*a} & {*b}:
        for x, i in zip(*a[z], strict=True):
            for y, j in zip(*b[z], strict=True):
                squared = np.sum((x.astype(float) - y.astype(float)) ** 2)
                found[i, j] += np.exp(-squared / (2 * width**2))
    return found


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(1, 9), st.floats(0.3, 5.0))
def test_local_kernel_is_a_sum_over_pairs(seed: int, n: int, m: int, width: float) -> None:
    a, b = atoms_of(seed, n), atoms_of(seed + 1, m)
    with pytest.MonkeyPatch.context() as patch:  # several blocks, which cut molecules in two
        patch.setattr(similarity, "_ROWS", 5)
        patch.setattr(similarity, "_COLUMNS", 7)
        between = local_kernel(a, b, (n, m), width=width)
        own = local_kernel(a, a, (n, n), width=width)
    np.testing.assert_allclose(between, by_hand(a, b, (n, m), width), atol=1e-12)
    np.testing.assert_allclose(own, by_hand(a, a, (n, n), width), atol=1e-12)
    np.testing.assert_array_equal(own, own.T)
    assert np.linalg.eigvalsh(own).min() > -1e-12 * max(1, own.max())


def test_waves_are_the_kernel_on_average() -> None:
    a, b = atoms_of(1, 6), atoms_of(2, 5)
    exact = by_hand(a, b, (6, 5), 1.3)
    off = []
    for size in (200, 20_000):
        waves = make_waves(dict.fromkeys((1, 6, 9), 4), size, width=1.3)
        assert waves.size == size
        off.append(np.abs(waves(a, 6) @ waves(b, 5).T - exact).mean())
    # A hundred times the waves, a tenth of the error.
    assert off[1] < 0.3 * off[0] and off[1] < 0.1 * exact.mean()


def test_waves_by_hand() -> None:
    atoms = {6: Atoms(np.array([[0.5], [2.0], [1.0]], np.float32), np.array([0, 0, 2]))}
    waves = make_waves({6: 1, 9: 1}, 10, width=1.0)
    found = waves(atoms, 3)
    count = len(waves.phases[6])
    of_atom = np.sqrt(2 / count) * np.cos(
        atoms[6].features @ waves.frequencies[6] + waves.phases[6]
    )
    np.testing.assert_allclose(found[0, :count], of_atom[0] + of_atom[1], atol=1e-6)
    np.testing.assert_allclose(found[2, :count], of_atom[2], atol=1e-6)
    assert not found[1].any() and not found[:, count:].any() and found.dtype == np.float64


def test_waves_have_their_spread() -> None:
    waves = make_waves({1: 50, 6: 50}, 4000, width=2.5, seed=3)
    for z in (1, 6):
        assert waves.frequencies[z].std() == pytest.approx(1 / 2.5, rel=0.01)
        assert 0 <= waves.phases[z].min() and waves.phases[z].max() <= 2 * np.pi
        assert waves.phases[z].mean() == pytest.approx(np.pi, rel=0.03)
    other = make_waves({1: 50, 6: 50}, 4000, width=2.5, seed=4)
    assert not np.array_equal(other.frequencies[6], waves.frequencies[6])


@pytest.mark.parametrize("size", [5, 6, 31, 1000])
def test_each_element_has_waves(size: int) -> None:
    waves = make_waves(dict.fromkeys((1, 6, 7, 8, 9), 3), size, width=1.0)
    assert waves.size == size and min(len(phases) for phases in waves.phases.values()) >= 1
    with pytest.raises(ValueError, match="4 waves are too few for 5 elements"):
        make_waves(dict.fromkeys((1, 6, 7, 8, 9), 3), 4, width=1.0)


@pytest.fixture(scope="module")
def sets(sample: QM9) -> tuple[QM9, QM9]:
    order = np.random.RandomState(0).permutation(len(sample))
    return sample[order[:300]], sample[order[300:400]]


@pytest.fixture(scope="module")
def model(sets: tuple[QM9, QM9]) -> kernel.KernelModel:
    return kernel.fit(sets[0], "H")


def test_it_beats_composition_by_far(model: Any, sets: tuple[QM9, QM9]) -> None:
    train, others = sets
    reference = composition.fit(train, "H")
    error = qm9lib.mae(model.predict(others), others.target("H"))
    assert error < 0.25 * qm9lib.mae(reference.predict(others), others.target("H"))
    kcal = model.predict(others, "kcal/mol")
    np.testing.assert_allclose(kcal, 627.5095 * model.predict(others), rtol=1e-6)


def test_training_molecules_are_reproduced(model: Any, sets: tuple[QM9, QM9]) -> None:
    train, _ = sets
    assert qm9lib.mae(model.predict(train), train.target("H")) < 0.1


def test_weights_solve_the_system(model: Any, sets: tuple[QM9, QM9]) -> None:
    train, _ = sets
    atoms = model.spectrum(train)
    matrix = local_kernel(atoms, atoms, (300, 300), width=kernel.WIDTH)
    ridge = kernel.RIDGE * np.mean(np.diag(matrix))
    residual = model.reference.residual(train)
    left = (matrix + ridge * np.eye(300)) @ model.weights - residual
    assert np.abs(left).max() < 1e-8 * np.abs(residual).max() * 300


def test_a_second_fit_has_the_same_digits(model: Any, sets: tuple[QM9, QM9]) -> None:
    train, others = sets
    again = kernel.fit(train, "H")
    np.testing.assert_array_equal(again.predict(others), model.predict(others))


def test_the_ridge_means_the_same_with_waves(sets: tuple[QM9, QM9]) -> None:
    """So large a ridge that nearly nothing is learned: as little with waves as without."""
    train, others = sets
    reference = composition.fit(train, "H").predict(others)
    exact, waves = (
        kernel.fit(train, "H", ridge=30.0, waves=n).predict(others) - reference
        for n in (None, 3000)
    )
    assert np.linalg.norm(waves) == pytest.approx(np.linalg.norm(exact), rel=0.1)


def test_a_large_ridge_leaves_composition_alone(sets: tuple[QM9, QM9]) -> None:
    train, others = sets
    model = kernel.fit(train, "H", ridge=1e9)
    expected = composition.fit(train, "H").predict(others)
    np.testing.assert_allclose(model.predict(others), expected, atol=1e-6)


def test_waves_come_near_the_kernel(model: Any, sets: tuple[QM9, QM9]) -> None:
    train, others = sets
    waves = kernel.fit(train, "H", waves=3000)
    true = others.target("H")
    exact, found = (qm9lib.mae(m.predict(others), true) for m in (model, waves))
    assert found < 1.5 * exact
    other = kernel.fit(train, "H", waves=3000, seed=1)
    assert not np.array_equal(other.predict(others), waves.predict(others))
    with pytest.raises(ValueError, match="not computed for random waves: fit with waves=None"):
        waves.deviation(others)


def test_energies_of_molecules_far_apart_add_up(model: Any, sets: tuple[QM9, QM9]) -> None:
    one = sets[1][:1]
    pair = one.positions, one.positions + [500.0, 0, 0]
    both = QM9(
        index=one.index, offsets=2 * one.offsets, positions=np.concatenate(pair),
        atomic_numbers=np.tile(one.atomic_numbers, 2), charges=np.tile(one.charges, 2),
        labels=one.labels, smiles=one.smiles,
    )  # fmt: skip
    np.testing.assert_allclose(model.predict(both), 2 * model.predict(one), atol=1e-5)


def test_deviation_is_that_of_a_gaussian_process(model: Any, sets: tuple[QM9, QM9]) -> None:
    train, others = sets
    known, new = model.deviation(train), model.deviation(others)
    assert np.all(known < 0.01) and np.all((new >= 0) & (new <= 1))
    assert np.median(new) > 3 * np.median(known)
    atoms, more = model.spectrum(train), model.spectrum(others)
    matrix = local_kernel(atoms, atoms, (300, 300), width=kernel.WIDTH)
    matrix += kernel.RIDGE * np.mean(np.diag(matrix)) * np.eye(300)
    between = local_kernel(more, atoms, (100, 300), width=kernel.WIDTH)
    own = np.diag(local_kernel(more, more, (100, 100), width=kernel.WIDTH))
    left = own - np.sum(between * np.linalg.solve(matrix, between.T).T, axis=1)
    np.testing.assert_allclose(new, np.sqrt(left / own), rtol=1e-3)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"width": 0.0}, ValueError, "width is 0.0, expected a finite number above 0"),
        ({"ridge": -1.0}, ValueError, "ridge is -1.0, expected"),
        ({"ridge": float("nan")}, ValueError, "ridge is nan, expected"),
        ({"label": "enthalpy"}, UnknownNameError, "unknown label 'enthalpy'"),
        ({"waves": 3}, ValueError, "3 waves are too few"),
    ],
)
def test_wrong_arguments(sets: tuple[QM9, QM9], changes: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        kernel.fit(sets[0], **changes)


def test_a_singular_matrix_is_told(sets: tuple[QM9, QM9]) -> None:
    train = sets[0][:40]
    names = ["index", "atomic_numbers", "positions", "charges", "labels", "smiles", "n_atoms"]
    again = QM9(**concatenate([{name: getattr(train, name) for name in names}] * 2))
    with pytest.raises(DataError, match="is singular: .* too similar for a ridge of 1e-30"):
        kernel.fit(again, ridge=1e-30)


def test_more_molecules_than_memory(monkeypatch: pytest.MonkeyPatch, qm9: QM9) -> None:
    monkeypatch.setattr(kernel, "_memory", lambda: 16 * 10**9)
    said = (
        "110,000 training molecules need a matrix of 97 GB; at most 28,284 fit into 16 GB of memory"
    )
    with pytest.raises(DataError, match=f"{said}: fit with waves=6144"):
        kernel.fit(qm9.split("dimenet").train)
    with pytest.raises(DataError, match="50,000 waves need .*: use fewer"):
        kernel.fit(qm9.split("course").train, waves=50_000)
    assert kernel._check_memory(28_284, of_molecules=True) is None


def test_memory_of_this_machine() -> None:
    assert kernel._memory() > 10**8


def test_values_that_are_no_number(sets: tuple[QM9, QM9]) -> None:
    with pytest.raises(ValueError, match="cannot fit a composition model to an empty set"):
        kernel.fit(sets[0][:0])
