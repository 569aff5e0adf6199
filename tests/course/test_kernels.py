"""What the chapter on kernels compares with, and its stored results."""

import numpy as np
import pytest

import qm9lib
from qm9course import kernels, ladder
from qm9lib import QM9


def test_coulomb_matrix_of_water_by_hand(sample: QM9) -> None:
    water = sample[2]
    [found] = kernels.coulomb_matrices(sample[[2]])
    bond = np.linalg.norm(water.positions[1] - water.positions[0]) / 0.529177
    expected = [0.5 * 8**2.4, 8 / bond, 8 / bond]
    np.testing.assert_allclose(found[:3], expected, rtol=1e-3)
    assert found.shape == (435,) and np.count_nonzero(found) == 6


def test_numbering_of_the_atoms_does_not_matter(sample: QM9) -> None:
    one = sample[[1000]]
    order = np.random.default_rng(0).permutation(len(one.positions))
    other = QM9(
        index=one.index, offsets=one.offsets, atomic_numbers=one.atomic_numbers[order],
        positions=one.positions[order], charges=one.charges[order], labels=one.labels,
        smiles=one.smiles,
    )  # fmt: skip
    for describe in (kernels.coulomb_matrices, lambda qm9: kernels.bags_of_bonds(qm9, one)):
        np.testing.assert_allclose(describe(other), describe(one), atol=1e-9)


def test_bags_have_places_for_all(sample: QM9) -> None:
    some = sample[:50]
    found = kernels.bags_of_bonds(some, some)
    n = some.n_atoms
    np.testing.assert_array_equal((found > 0).sum(axis=1), n * (n - 1) // 2 + n)
    total = kernels.coulomb_matrices(some).sum(axis=1)
    np.testing.assert_allclose(found.sum(axis=1), total, rtol=1e-9)


def test_what_finds_no_place_is_left_out(sample: QM9) -> None:
    few = kernels.bags_of_bonds(sample[[0]], sample[[2]])  # methane, with the places of water
    assert few.shape == (1, 6) and np.count_nonzero(few) == 3  # one H-H, two H


def test_stored_results_are_those_of_the_chapter(sample: QM9) -> None:
    record = ladder.results("kernels")
    rows = {(row["name"], row["molecules"]): row for row in record["test"]["models"]}
    assert record["test"]["judged"] == 10_831
    assert rows["kernel, power spectrum", 1_000]["mae"] < 2.3
    few = [row["mae"] for (_, size), row in rows.items() if size == 5_000]
    assert max(few) < 1.35
    assert min(row["mae"] for (_, size), row in rows.items() if size == 110_000) < 0.75


def test_a_point_of_the_curves_is_found_again(qm9: QM9) -> None:
    split = qm9.split("dimenet")
    train, judged = split.train[:1000], split.valid[:1000]
    x, y = kernels.coulomb_matrices(train), kernels.coulomb_matrices(judged)
    predicted = kernels.predict(train, judged, x, y, width=1000.0)
    error = qm9lib.mae(predicted, judged.target("H"))
    assert error == pytest.approx(ladder.curves()["Coulomb matrix"][1000], rel=1e-4)


def test_curves_fall() -> None:
    curves = ladder.curves()
    assert [*curves][-1] == "PaiNN" and 110_000 in curves["PaiNN"]
    for name, errors in curves.items():
        assert [*errors] == sorted(errors)
        # With 110,000 molecules PaiNN has too few steps to be better than with 30,000.
        falling = [*errors.values()][: -1 if name == "PaiNN" else None]
        assert falling == sorted(falling, reverse=True)
