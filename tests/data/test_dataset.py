import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import constants

import qm9lib
from qm9lib import QM9, Molecule
from qm9lib.data import qm9pack
from qm9lib.data.geometry import ATOMIC_WEIGHTS

UNCHARACTERIZED = Path(__file__).parents[1] / "files" / "uncharacterized.txt"


# The whole set ---------------------------------------------------------------------------------


def test_missing_molecules_are_the_official_ones(qm9: QM9) -> None:
    missing = np.setdiff1d(np.arange(1, 133_886), qm9.index)
    np.testing.assert_array_equal(missing, np.loadtxt(UNCHARACTERIZED, dtype=int))
    assert len(missing) == 3_054 and len(qm9) == 130_831
    assert np.all(np.diff(qm9.index) > 0)


def test_published_counts_and_means(qm9: QM9) -> None:
    assert np.bincount(qm9.n_heavy).tolist() == [0, 3, 5, 9, 31, 127, 608, 3138, 17879, 109031]
    assert (qm9.composition > 0).sum(axis=0).tolist() == [130789, 130828, 79879, 111322, 1923]
    assert qm9.target("U0").mean() == pytest.approx(-410.819448, abs=1e-6)
    assert qm9.target("H").std() == pytest.approx(39.893913, abs=1e-6)
    assert qm9.atomization_energy("U0", "eV").mean() == pytest.approx(-76.116, abs=1e-3)
    assert len(np.unique(qm9.smiles)) == len(qm9)


def test_labels_agree_with_each_other(qm9: QM9) -> None:
    # Labels are rounded to 1e-4 (orbitals) and 1e-6 (energies) hartree.
    gap = qm9.target("lumo") - qm9.target("homo")
    assert np.abs(gap - qm9.target("gap")).max() < 1.5e-4
    rt = qm9lib.convert(constants.R * 298.15 / 1e3, "kJ/mol", "hartree")
    assert np.abs(qm9.target("H") - qm9.target("U") - rt).max() < 1.6e-6
    np.testing.assert_array_equal(qm9.labels[:, 0], qm9.index)


def test_atoms_and_smiles_agree(qm9: QM9) -> None:
    # Count the letters of the SMILES: independent of how the elements were read.
    for column, letter in ((1, "C"), (2, "N"), (3, "O"), (4, "F")):
        text = np.char.upper(qm9.smiles)
        np.testing.assert_array_equal(np.char.count(text, letter), qm9.composition[:, column])


def test_dimenet_split(qm9: QM9) -> None:
    order = np.random.RandomState(42).permutation(130_831)
    train, valid, test = qm9.split("dimenet")
    assert (len(train), len(valid), len(test)) == (110_000, 10_000, 10_831)
    parts = np.concatenate([train.index, valid.index, test.index])
    np.testing.assert_array_equal(parts, qm9.index[order])
    again = qm9.split("dimenet")
    np.testing.assert_array_equal(again.test.labels, test.labels)


def test_course_split_is_the_head_of_the_other(qm9: QM9) -> None:
    for part, whole, size in zip(
        qm9.split("course"), qm9.split("dimenet"), (5_000, 1_000, 1_000), strict=True
    ):
        np.testing.assert_array_equal(part.index, whole.index[:size])
        np.testing.assert_array_equal(part[17].positions, whole[17].positions)


def test_split_refuses_other_sets(qm9: QM9, sample: QM9) -> None:
    with pytest.raises(ValueError, match="130,831 characterized.*this set has 2,000 molecules"):
        sample.split("course")
    with pytest.raises(ValueError, match="this set has 130,831 molecules"):
        qm9[::-1].split("course")
    with pytest.raises(ValueError, match="unknown split 'random'; use one of: dimenet, course"):
        qm9.split("random")


# The arrays ------------------------------------------------------------------------------------


def test_views_and_parts_hold_the_same_atoms(sample: QM9) -> None:
    rows = np.array([1999, 0, 0, 512])
    part = sample[rows]
    for i, row in enumerate(rows):
        for name in ("index", "atomic_numbers", "positions", "charges", "labels", "smiles"):
            np.testing.assert_array_equal(getattr(part[i], name), getattr(sample[int(row)], name))
    assert part[1] is not part[2] and part.offsets[-1] == len(part.atomic_numbers)


def test_ways_to_index(sample: QM9) -> None:
    mask = sample.target("H") < -400
    np.testing.assert_array_equal(sample[mask].index, sample.index[mask])
    np.testing.assert_array_equal(sample[2:5].index, sample.index[2:5])
    np.testing.assert_array_equal(sample[[3, 1]].index, sample.index[[3, 1]])
    for i in (-1, -2000):  # from the end
        assert sample[i].index == sample.index[i]
        np.testing.assert_array_equal(sample[i].positions, sample[i + 2000].positions)
    assert sample[np.int64(3)].index == sample.index[3]
    assert len(sample[[]]) == 0 and len(sample[5:5].atomic_numbers) == 0
    assert [m.index for m in sample[:3]] == sample.index[:3].tolist()


@pytest.mark.parametrize("i", [2000, -2001])
def test_molecule_out_of_range(sample: QM9, i: int) -> None:
    with pytest.raises(IndexError, match=f"molecule {i} is out of range: this set has 2000"):
        sample[i]


@pytest.mark.parametrize(
    "key",
    [[0, 2000], np.ones(3, bool), "H", None, True, np.True_, np.array([[0, 1]]), 1.5, [0.5],
     (0, 1), np.array(["H"]), np.ones((2000, 1), bool), slice(None, None, 0),
     slice(None, None, 1.5), [[1], [2, 3]], {1: 2}],
)  # fmt: skip
def test_other_bad_indices(sample: QM9, key: object) -> None:
    with pytest.raises(IndexError, match="integers from 0 to 1999, or 2000 booleans"):
        sample[key]


def test_arrays_are_read_only(qm9: QM9, sample: QM9) -> None:
    for data in (qm9, sample, sample[:5]):
        for name in ("index", "offsets", "atomic_numbers", "positions", "charges", "labels"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(data, name)[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        sample[0].positions[0, 0] = 1.0


def test_arrays_of_the_caller_stay_as_they_are(sample: QM9) -> None:
    positions = sample.positions.copy()
    replace(sample, positions=positions)
    positions[0] = 1.0


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("atomic_numbers", lambda a: a.astype(float), "integers, given one of float64"),
        ("atomic_numbers", lambda a: a > 1, "integers, given one of bool"),
        ("atomic_numbers", lambda a: a.tolist(), "integers, given one <class 'list'>"),
        ("index", lambda a: a.astype(str), "integers, given one of <U"),
        ("offsets", lambda a: np.asarray(3), "integers, given one of int64"),
        ("positions", lambda a: a.astype(int), "floats, given one of int64"),
        ("positions", lambda a: a.astype(complex), "floats, given one of complex128"),
        ("labels", lambda a: a.astype(object), "floats, given one of object"),
        ("smiles", lambda a: a.astype(bytes), "text, given one of |S"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_arrays_of_other_kinds(sample: QM9, name: str, change: Any, words: str) -> None:
    expected = re.escape(f"{name} must be a NumPy array of {words}")
    with pytest.raises(ValueError, match=expected):
        replace(sample, **{name: change(getattr(sample, name))})


@pytest.mark.usefixtures("unchecked")
def test_offsets_of_nothing(sample: QM9) -> None:
    with pytest.raises(ValueError, match="offsets must begin with 0, given none"):
        replace(sample, offsets=np.zeros(0, int))


@pytest.mark.parametrize("number", [16, 17, 3, 2, 0, -1, 127])
def test_elements_of_others(sample: QM9, number: int) -> None:
    numbers = sample.atomic_numbers.copy()
    numbers[7] = number
    with pytest.raises(ValueError, match=f"atomic number {number} is not an element of QM9; all"):
        replace(sample, atomic_numbers=numbers)


@pytest.mark.parametrize("offsets", [[0, 9, 5, 12], [0, 5, 5, 12], [1, 5, 9, 12], [0, -3, 9, 12]])
def test_offsets_that_are_none(sample: QM9, offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="offsets must begin with 0 and grow by at least 1"):
        replace(sample[:3], offsets=np.array(offsets))


def test_arrays_that_do_not_fit_together(sample: QM9) -> None:
    arrays = {name: getattr(sample[:3], name) for name in QM9.__dataclass_fields__}
    with pytest.raises(
        ValueError, match=r"positions has shape \(11, 3\), expected \(12, 3\) for 3 molecules"
    ):
        QM9(**arrays | {"positions": arrays["positions"][:-1]})
    with pytest.raises(ValueError, match=r"labels has shape \(3, 15\), expected \(3, 16\)"):
        QM9(**arrays | {"labels": arrays["labels"][:, :-1]})


@pytest.mark.parametrize(
    ("name", "shape"),
    [("offsets", (4,)), ("atomic_numbers", (12,)), ("positions", (12, 3)), ("charges", (12,)),
     ("labels", (3, 16)), ("smiles", (3,))],
)  # fmt: skip
def test_each_array_has_its_shape(sample: QM9, name: str, shape: tuple[int, ...]) -> None:
    arrays = {field: getattr(sample[:3], field) for field in QM9.__dataclass_fields__}
    assert arrays[name].shape == shape
    QM9(**arrays)
    wrong = arrays[name][1:]
    if name == "offsets":  # the last one tells how many atoms there are
        wrong = np.append(arrays[name], 12)
    for array in (wrong, arrays[name][None]) if name != "offsets" else (wrong,):
        with pytest.raises(ValueError, match=rf"{name} has shape .* for 3 molecules with 12 atoms"):
            QM9(**arrays | {name: array})


@pytest.mark.parametrize(
    ("numbers", "formula"),
    [([9, 7, 1, 1], "FH2N"), ([6, 9, 8, 9, 1], "CHF2O"), ([6, 6, 7], "C2N"), ([8], "O")],
)
def test_formula_in_hill_order(numbers: list[int], formula: str) -> None:
    n = len(numbers)
    molecule = Molecule(7, np.array(numbers, np.int8), np.zeros((n, 3)), np.zeros(n),
                        np.zeros(16), "X")  # fmt: skip
    assert molecule.formula == formula and len(molecule) == n
    assert repr(molecule) == f"Molecule(7: {formula}, X, {n} atoms)"


def test_one_target(sample: QM9) -> None:
    for label in ("mu", "H", "Cv"):
        assert sample[5].target(label) == sample.labels[5, qm9lib.LABELS[label].index]
    assert sample[5].target("H", "meV") == pytest.approx(sample[5].target("H") * 27211.386)


def test_atoms_by_element(sample: QM9) -> None:
    """Also where the last molecules lack the last elements, and of no molecule at all."""
    for part in (sample[:1], sample[[2, 0, 5]], sample[:0]):
        expected = [[m.atomic_numbers.tolist().count(z) for z in qm9lib.ELEMENTS] for m in part]
        assert part.composition.tolist() == expected and part.composition.shape == (len(part), 5)
        assert part.n_heavy.tolist() == [sum(row[1:]) for row in expected]
        assert part.n_atoms.tolist() == [sum(row) for row in expected]


def test_loading_again_gives_the_same(qm9: QM9, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def columns(*arguments):
        asked.append(arguments)
        return {name: getattr(qm9, name) for name in QM9.__dataclass_fields__}

    monkeypatch.setattr("qm9lib.data.sources.columns", columns)
    qm9lib.load()
    qm9lib.load("figshare", keep_uncharacterized=True)
    qm9lib.load_sample()
    assert asked == [("auto", False), ("figshare", True), ("sample",)]


def test_composition_and_formula(sample: QM9) -> None:
    for i in (0, 7, 500, 1999):
        numbers = sample[i].atomic_numbers.tolist()
        assert sample.composition[i].tolist() == [numbers.count(z) for z in qm9lib.ELEMENTS]
    assert [sample[i].formula for i in range(5)] == ["CH4", "H3N", "H2O", "C2H2", "CHN"]


def test_spread_by_hand(sample: QM9) -> None:
    """Without a centre: moments of inertia are sums over pairs (Lagrange)."""
    for i in (0, 7, 500, 1999):
        mass = np.array([ATOMIC_WEIGHTS[z] for z in sample[i].atomic_numbers])
        positions = sample[i].positions.astype(np.float64)
        squared = ((positions[:, None] - positions[None]) ** 2).sum(axis=2)
        from_each = (squared @ mass - mass @ squared @ mass / (2 * mass.sum())) / mass.sum()
        expected = [from_each[sample[i].atomic_numbers == z].sum() for z in qm9lib.ELEMENTS]
        np.testing.assert_allclose(sample.spread[i], expected, rtol=1e-9, atol=1e-9)
    assert sample[:0].spread.shape == (0, 5)


def test_target(sample: QM9) -> None:
    np.testing.assert_array_equal(sample.target("H"), sample.labels[:, 13])
    np.testing.assert_allclose(
        sample.target("H", "eV"), sample.labels[:, 13] * 27.211386, rtol=1e-8
    )
    assert sample[3].target("mu") == 0.0
    assert sample[0].target("H", "eV") == pytest.approx(-1101.38, abs=0.005)
    with pytest.raises(ValueError, match="unknown label 'energy'"):
        sample.target("energy")
    with pytest.raises(ValueError, match=r"unit for dipole moment \(given in D\) 'eV'"):
        sample.target("mu", "eV")


def test_atomization_energy_of_methane(sample: QM9) -> None:
    by_hand = -40.47893 - (-37.846772 + 4 * -0.500273)
    assert sample.atomization_energy()[0] == pytest.approx(by_hand, abs=1e-9)
    enthalpy = sample.labels[0, 13] - (-37.844411 + 4 * -0.497912)
    assert sample.atomization_energy("H")[0] == pytest.approx(enthalpy, abs=1e-9)
    in_ev = sample.atomization_energy("H", "eV")
    assert in_ev[0] == pytest.approx(27.211386 * enthalpy, rel=1e-8)
    with pytest.raises(ValueError, match="unknown total energy 'gap'; use one of: U0, U, H, G"):
        sample.atomization_energy("gap")


def test_sample_is_part_of_the_whole(qm9: QM9, sample: QM9) -> None:
    rows = np.searchsorted(qm9.index, sample.index)
    same = qm9[rows]
    for name in QM9.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(sample, name), getattr(same, name))
    assert np.bincount(sample.n_heavy)[:6].tolist() == np.bincount(qm9.n_heavy)[:6].tolist()
    assert np.all(np.bincount(sample.n_heavy)[6:] > 400)
    packed = Path(qm9pack.__file__).parent / "sample.csv.gz"
    assert packed.stat().st_size < 1_000_000


def test_where_the_molecules_of_dimenet_differ(qm9: QM9) -> None:
    """As the docstring of `split` says: its file lacks the molecule after each wrong one."""
    numbers = np.arange(1, 133_886)
    theirs = np.setdiff1d(numbers, np.setdiff1d(numbers, qm9.index) + 1)
    test = np.random.RandomState(42).permutation(130_831)[120_000:]
    differs = theirs != qm9.index
    assert (int(differs.sum()), int(differs[test].sum())) == (1_993, 173)
    docstring = str(QM9.split.__doc__)
    assert "1,993" in docstring and "173 of the test" in docstring
