import numpy as np
import pytest

from qm9lib import domain
from qm9lib.dataset import QM9
from qm9lib.domain import Domain


@pytest.fixture(scope="module")
def measured(sample: QM9) -> Domain:
    return domain.measure(sample)


def test_counts_against_loops(sample: QM9) -> None:
    few = sample[50:60]
    expected = np.zeros((5, 5, 80), int)
    element = {1: 0, 6: 1, 7: 2, 8: 3, 9: 4}
    for molecule in few:
        for i in range(len(molecule)):
            for j in range(len(molecule)):
                distance = np.linalg.norm(molecule.positions[i] - molecule.positions[j])
                if i != j and distance < 4.0:
                    a, b = (element[int(molecule.atomic_numbers[k])] for k in (i, j))
                    expected[a, b, int(distance / 0.05)] += 1
    counts = domain.measure(few).counts
    # A pair of one element is met in both directions, here as there.
    np.testing.assert_array_equal(counts, expected)


def test_symmetric_and_nothing_at_bond_breaking(measured: Domain) -> None:
    np.testing.assert_array_equal(measured.counts, measured.counts.transpose(1, 0, 2))
    hydrogen, carbon = 0, 1
    assert measured.counts[carbon, hydrogen, int(1.09 / 0.05)] > 10_000
    assert not measured.counts[carbon, hydrogen, int(1.4 / 0.05)]
    assert not measured.counts[:, :, : int(0.9 / 0.05)].any()


def test_a_torn_molecule_is_told(sample: QM9, measured: Domain) -> None:
    methane = sample[0]
    positions = methane.positions.copy()
    assert measured.concerns(methane.atomic_numbers, positions) == []
    positions[1] = positions[0] + 1.4 * (positions[1] - positions[0]) / 1.09
    [concern] = measured.concerns(methane.atomic_numbers, positions)
    assert concern == "H and C are 1.40 Å apart, which is seldom or never so in QM9"


def test_too_many_heavy_atoms(sample: QM9, measured: Domain) -> None:
    carbons = np.full(10, 6, np.int8)
    far = 100.0 * np.arange(30.0).reshape(10, 3)
    assert measured.concerns(carbons, far) == [
        "10 atoms are not hydrogen; QM9 has molecules of up to 9"
    ]
    assert measured.concerns(carbons[:9], far[:9]) == []


def test_an_atom_alone(measured: Domain) -> None:
    assert measured.concerns(np.array([6], np.int8), np.zeros((1, 3))) == []
