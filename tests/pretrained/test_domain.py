import numpy as np
import pytest

from qm9lib import QM9, pretrained
from qm9lib.pretrained import domain
from qm9lib.pretrained.domain import Domain, valences_of

ALL_VALENCES = np.ones(domain.VALENCE_SHAPE, int)


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
                if i < j and distance < 4.0:
                    a, b = (element[int(molecule.atomic_numbers[k])] for k in (i, j))
                    for pair in {(a, b), (b, a)}:
                        expected[*pair, int(distance / 0.05)] += 1
    counts = domain.measure(few).counts
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
    torn, apart = measured.concerns(methane.atomic_numbers, positions)
    assert torn == "the atoms form 2 pieces without a bond between them"
    assert apart == f"H and C are 1.40 Å apart; {KNOWN} no such pair between 1.40 and 1.45 Å"


KNOWN = "the training molecules have"


@pytest.mark.parametrize(
    ("pairs", "told"),
    [(0, "no such pair"), (1, "only one such pair"), (9, "only 9 such pairs"), (10, "")],
)
def test_fewer_than_ten_pairs_are_seldom(pairs: int, told: str) -> None:
    """Of 20 million pairs: one or two may be mistakes of the data, and teach nothing."""
    water = np.array([8, 1, 1], np.int8), np.array([[0.0, 0, 0], [0, 0, 0.96], [0.9, 0, -0.3]])
    concerns = Domain(np.full((5, 5, 80), pairs), ALL_VALENCES).concerns(*water)
    # The shortest of the distances is 0.949 Å.
    said = f"H and O are 0.95 Å apart; {KNOWN} {told} between 0.90 and 0.95 Å"
    assert concerns == ([said] if told else [])


def test_the_shortest_of_the_seldom_distances_is_told() -> None:
    counts = np.full((5, 5, 80), 100)
    counts[0, 0] = counts[0, 3] = counts[3, 0] = 0  # H-H and H-O
    numbers = np.array([1, 8, 1], np.int8)
    positions = np.array([[0.0, 0, 0], [0, 0, 1.02], [0, 0, 1.98]])
    [concern] = Domain(counts, ALL_VALENCES).concerns(numbers, positions)
    assert concern == f"H and O are 0.96 Å apart; {KNOWN} no such pair between 0.95 and 1.00 Å"


def test_distances_beyond_four_are_not_looked_at() -> None:
    """The last step of 0.05 Å begins at 3.95 Å; beyond 4 Å everything occurs."""
    carbons = np.full(4, 6, np.int8)
    chain = np.arange(4.0)[:, None] * [1.327, 0.0, 0.0]  # from end to end 3.981 Å
    domain = Domain(np.tile(100 * (np.arange(80) < 79), (5, 5, 1)), ALL_VALENCES)
    told = f"C and C are 3.98 Å apart; {KNOWN} no such pair between 3.95 and 4.00 Å"
    assert domain.concerns(carbons, chain) == [told]
    assert domain.concerns(carbons, 1.01 * chain) == []
    assert domain.concerns(carbons, np.arange(4.0)[:, None] * [4 / 3, 0.0, 0.0]) == []


def test_too_many_heavy_atoms(sample: QM9, measured: Domain) -> None:
    carbons = np.full(10, 6, np.int8)
    chain = 1.35 * np.eye(3)[[0] * 10] * np.arange(10)[:, None]
    told = "10 atoms are not hydrogen; QM9 has molecules of up to 9"
    assert told in measured.concerns(carbons, chain)
    assert not any("not hydrogen" in c for c in measured.concerns(carbons[:9], chain[:9]))


def test_atoms_that_are_no_molecule(sample: QM9, measured: Domain) -> None:
    alone = measured.concerns(np.array([6], np.int8), np.zeros((1, 3)))
    assert alone == ["1 atom; QM9 has molecules of 3 and more"]
    methane = sample[0]
    two = np.vstack([methane.positions, methane.positions + [8.0, 0, 0]])
    concerns = measured.concerns(np.tile(methane.atomic_numbers, 2), two)
    assert concerns == ["the atoms form 2 pieces without a bond between them"]


def test_nearly_every_molecule_is_in_one_piece(qm9: QM9) -> None:
    few = qm9.split("course").valid
    assert sum(domain.pieces(m.atomic_numbers, m.positions) > 1 for m in few) <= 2


# Valences --------------------------------------------------------------------------------------

RADIUS = {1: 0.31, 6: 0.76, 7: 0.71, 8: 0.66, 9: 0.57}


def test_valences_against_loops(sample: QM9, measured: Domain) -> None:
    expected = np.zeros(domain.VALENCE_SHAPE, int)
    for molecule in sample[50:60]:
        found = valences_of(molecule.atomic_numbers, molecule.positions)
        for i, (z, x) in enumerate(zip(molecule.atomic_numbers, molecule.positions, strict=True)):
            worth = 0.0
            for j, (other, y) in enumerate(
                zip(molecule.atomic_numbers, molecule.positions, strict=True)
            ):
                distance = np.linalg.norm(x - y)
                if i != j and distance < 4.0:
                    worth += np.exp((RADIUS[int(z)] + RADIUS[int(other)] - distance) / 0.37)
            assert found[i] == pytest.approx(worth, rel=1e-12)
            expected[[1, 6, 7, 8, 9].index(int(z)), int(worth / 0.2)] += 1
    np.testing.assert_array_equal(domain.measure(sample[50:60]).valences, expected)
    assert measured.valences.sum() == len(sample.atomic_numbers)


def test_bonds_that_are_far_too_many_are_counted_in_the_last_step() -> None:
    crowd = np.array([6, 1, 1, 1], np.int8), 0.3 * np.eye(4)[:, :3]
    assert valences_of(*crowd).max() > 8
    numbers = np.full(4, 6, np.int8)
    known = Domain(np.full((5, 5, 80), 99), np.eye(40, dtype=int)[[39] * 5])
    assert known.concerns(numbers, 0.3 * np.eye(4)[:, :3]) == []


def test_atoms_without_neighbours_have_no_bonds() -> None:
    found = valences_of(np.array([6, 8], np.int8), np.array([[0.0, 0, 0], [9.0, 0, 0]]))
    assert found.dtype == np.float64 and found.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("worth", "words"),
    [
        (0, "3.8 single bonds, as many as those of 22 of the 10,039 in training molecules"),
        (
            39,
            "only 3.8 single bonds, as few as those of 19 of the 10,039 in training molecules; "
            "are hydrogens missing?",
        ),
    ],
    ids=["many", "few"],
)
def test_an_odd_valence_is_told(sample: QM9, worth: int, words: str) -> None:
    """Where only atoms without bonds are known, a carbon has too many, and else too few."""
    valences = np.ones((5, 40), int)
    valences[1, worth] = 10_000
    methane = sample[0]
    known = Domain(np.full((5, 5, 80), 99), valences)
    assert known.concerns(methane.atomic_numbers, methane.positions) == [
        f"the bonds of C (atom 1) are worth {words}"
    ]


@pytest.mark.parametrize(("atoms", "rare"), [(0, True), (1, True), (2, False)])
def test_fewer_than_one_in_ten_thousand_is_rare(sample: QM9, atoms: int, rare: bool) -> None:
    valences = np.ones((5, 40), int)
    valences[1] = 0
    valences[1, [18, 19]] = atoms, 20_000 - atoms
    methane = sample[0]
    known = Domain(np.full((5, 5, 80), 99), valences)
    assert bool(known.concerns(methane.atomic_numbers, methane.positions)) is rare


def test_an_element_that_was_never_seen_is_rare(sample: QM9) -> None:
    valences = np.ones((5, 40), int)
    valences[1] = 0
    known = Domain(np.full((5, 5, 80), 99), valences)
    assert len(known.concerns(sample[0].atomic_numbers, sample[0].positions)) == 1


def test_small_molecules_of_qm9_are_told_nothing_false(qm9: QM9) -> None:
    """They are unlike the others, and what is said of them can be counted."""
    known = pretrained.training_domain()
    said = {m.index: known.concerns(m.atomic_numbers, m.positions) for m in qm9[:200]}
    assert {number: concerns for number, concerns in said.items() if concerns} == {
        3: [
            "H and H are 1.51 Å apart; the training molecules have no such pair between 1.50 and "
            "1.55 Å"
        ],
        5: [
            "the bonds of C (atom 1) are worth only 3.4 single bonds, as few as those of 24 of the "
            "699,984 in training molecules; are hydrogens missing?"
        ],
        6: [
            "the bonds of H (atom 3) are worth only 1.0 single bonds, as few as those of 23 of the "
            "1,016,618 in training molecules"
        ],
    }


def test_molecules_that_have_lost_their_hydrogens(qm9: QM9) -> None:
    """As in many a file: of 200 molecules every one is noticed, and of the whole ones none."""
    known = pretrained.training_domain()
    for molecule in qm9.split("course").valid[:200]:
        assert known.concerns(molecule.atomic_numbers, molecule.positions) == []
        heavy = molecule.atomic_numbers > 1
        concerns = known.concerns(molecule.atomic_numbers[heavy], molecule.positions[heavy])
        assert any("are hydrogens missing?" in concern for concern in concerns), molecule
