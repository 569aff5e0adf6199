"""Predictions for molecules that may be unlike those of QM9, with what is told beside them."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qm9lib import QM9, convert, models, pretrained
from qm9lib.data import xyz
from qm9lib.models import Ensemble
from qm9lib.models.composition import Composition
from qm9lib.models.model import Network
from qm9lib.models.painn import PaiNN
from qm9lib.models.target import Target
from qm9lib.pretrained import predict
from qm9lib.units import written

WATER = "3\nwater\nO 0 0 0.119\nH 0 0.763 -0.477\nH 0 -0.763 -0.477\n"


def test_water() -> None:
    """The published enthalpy, from a geometry that is not the published one."""
    [result] = predict.predict(xyz.parse(WATER))
    expected = result["uncertainty of H (kcal/mol)"]
    error = convert(result["H (hartree)"] + 76.400922, "hartree", "kcal/mol")
    assert abs(error) < 1.5 * expected < 15  # there are few molecules so small to learn from
    assert any("disagree about H" in warning for warning in result["warnings"])
    assert (result["formula"], result["comment"], result["line"]) == ("H2O", "water", 1)
    json.dumps(result, allow_nan=False)


def test_one_prediction_does_not_depend_on_the_others(sample: QM9) -> None:
    several = predict.predict(xyz.parse(WATER + "1\n\nSi 0 0 0\n" + WATER.replace("0.119", "0.12")))
    [alone] = predict.predict(xyz.parse(WATER))
    assert several[0]["H (hartree)"] == pytest.approx(alone["H (hartree)"], abs=1e-6)
    assert several[2]["H (hartree)"] != alone["H (hartree)"]
    assert several[1]["H (hartree)"] is None and several[1]["uncertainty of H (kcal/mol)"] is None
    assert several[1]["warnings"] == ["no prediction: the models know H, C, N, O and F, not Si"]


HYDROGEN = "2\nhydrogen\nH 0 0 0\nH 0 0 0.74\n"


def opposite(label: str, coefficients: list[float]) -> Ensemble:
    """Two models that disagree by 0.0002 for each atom: their mean is the composition model."""

    def network(sign: float) -> Network:
        return lambda z, x: jnp.float32(sign * 1e-4) * jnp.sum(z > 0).astype(jnp.float32)

    reference = Composition(label, np.array(coefficients))
    target = Target(reference, 0.0, 1.0)
    return Ensemble(tuple(models.Model(network(sign), (target,)) for sign in (1.0, -1.0)))


def published(number: int) -> list[xyz.XYZMolecule]:
    return xyz.read(Path(__file__).parents[1] / "files" / f"dsgdb9nsd_{number:06}.xyz")


def test_expected_error_and_disagreement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models, errors and a calibration by hand: methane has five atoms, ethane eight."""
    per_atom = np.sqrt(2) * 1e-4 * 627.5095  # standard deviation in kcal/mol
    calibration = pretrained.Calibration(
        floor=0.03, scale=2.0, limit=6 * per_atom, most=100.0, power=1.5
    )
    ensemble = opposite("H", [-0.6, -38.0, -54.8, -75.2, -99.9])
    monkeypatch.setattr(pretrained, "labels", lambda: ["H"])
    monkeypatch.setattr(pretrained, "load_each", lambda _: [ensemble])
    monkeypatch.setattr(pretrained, "calibration", {"H": calibration}.__getitem__)
    monkeypatch.setattr(pretrained, "learned_error", lambda qm9, label: 0.1 * qm9.n_atoms)
    methane, silicon, ethane = predict.predict(
        [*published(1), *xyz.parse("1\n\nSi 0 0 0\n"), *published(7)]
    )
    assert [*methane] == [
        "line", "comment", "formula", "H (hartree)", "uncertainty of H (kcal/mol)", "warnings"
    ]  # fmt: skip
    assert silicon["H (hartree)"] is None and silicon["uncertainty of H (kcal/mol)"] is None
    assert methane["H (hartree)"] == pytest.approx(-38.0 - 4 * 0.6, abs=1e-7)
    assert ethane["H (hartree)"] == pytest.approx(-2 * 38.0 - 6 * 0.6, abs=1e-7)
    for result, atoms in ((methane, 5), (ethane, 8)):
        learned = 0.1 * atoms
        expected = learned**1.5 * np.hypot(0.03, 2.0 * atoms * per_atom / learned)
        assert result["uncertainty of H (kcal/mol)"] == pytest.approx(expected, rel=1e-5)
    assert methane["warnings"] == []
    [warning] = ethane["warnings"]
    spread = written(8 * per_atom, 2)
    assert warning.startswith(f"the networks disagree about H by {spread} kcal/mol, more")


def test_own_models_of_other_labels() -> None:
    """No calibration, so the standard deviation, in the unit of the label, and no limit."""
    [dipole] = predict.predict(published(1), opposite("mu", [0.5, 1.0, 1.0, 1.0, 1.0]))
    assert dipole["mu (D)"] == pytest.approx(3.0, abs=1e-6)
    assert dipole["uncertainty of mu (D)"] == pytest.approx(np.sqrt(2) * 5e-4, rel=1e-4)
    [gap] = predict.predict(published(1), opposite("gap", [0.1, 0.1, 0.1, 0.1, 0.1]))
    assert gap["gap (hartree)"] == pytest.approx(0.5, abs=1e-7)
    assert gap["uncertainty of gap (kcal/mol)"] == pytest.approx(
        np.sqrt(2) * 5e-4 * 627.5095, rel=1e-4
    )
    assert dipole["warnings"] == gap["warnings"] == []
    [outside] = predict.predict(xyz.parse(HYDROGEN), opposite("mu", [0.5, 1.0, 1.0, 1.0, 1.0]))
    assert "2 atoms; QM9 has molecules of 3 and more" in outside["warnings"]


CATION = "4\ncharge=1\nO 0 0 .08\nH .937 0 -.213\nH -.4685 .8115 -.213\nH -.4685 -.8115 -.213\n"
ODD = "the atomic numbers add up to {}, which is odd: an ion or a radical; QM9 has neutral mol"
NEUTRAL = "the networks treat every molecule as neutral"
PAIRED = "the networks treat all electrons as paired"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (CATION, [f"its comment gives a charge of +1: {NEUTRAL}", ODD.format(11)]),
        (CATION.replace("charge=1", ""), [ODD.format(11)]),
        ("2\nhydroxyl\nO 0 0 0\nH 0 0 .97\n", [ODD.format(9)]),
        ("2\n-1 1\nO 0 0 0\nH 0 0 .97\n",
         [f"its comment gives a charge of -1: {NEUTRAL}", ODD.format(9)]),
        ("3\n0 3\nC 0 0 0\nH 0 .9 .6\nH 0 -.9 .6\n",
         [f"its comment gives a multiplicity of 3: {PAIRED}"]),
        (WATER.replace("water", "charge=2"), ["its comment gives a charge of +2"]),
        (WATER.replace("water", "0 1"), []),
        (WATER.replace("water", 'pbc="T T T"'), ["its comment gives a lattice, which is ign"]),
    ],
)  # fmt: skip
def test_ions_and_radicals(text: str, told: list[str]) -> None:
    [result] = predict.predict(xyz.parse(text), opposite("H", [0.0] * 5))
    words = ("comment", "odd")
    found = [warning for warning in result["warnings"] if any(word in warning for word in words)]
    assert len(found) == len(told)
    for warning, start in zip(found, told, strict=True):
        assert warning.startswith(start)
    json.dumps(result, allow_nan=False)


def test_a_lattice_is_told_once() -> None:
    crystal = WATER.replace("water", 'Lattice="9 0 0 0 9 0 0 0 9"')
    results = predict.predict(xyz.parse(WATER + 3 * crystal), opposite("H", [0.0] * 5))
    told = [[w for w in result["warnings"] if "lattice" in w] for result in results]
    assert [len(warnings) for warnings in told] == [0, 1, 0, 0]
    assert "a lattice (as do 2 more in this file), which is ignored" in told[1][0]


def test_only_molecules_of_other_elements() -> None:
    salt = xyz.parse("2\n\nNa 0 0 0\nCl 0 0 2.4\n")
    [result] = predict.predict(salt, opposite("H", [0.0] * 5))
    assert result == {
        "line": 1, "comment": "", "formula": "ClNa", "H (hartree)": None,
        "uncertainty of H (kcal/mol)": None,
        "warnings": ["no prediction: the models know H, C, N, O and F, not Cl, Na"],
    }  # fmt: skip


def test_molecules_larger_than_any_of_qm9() -> None:
    chain = "".join(f"C {1.5 * i} {0.5 * (i % 2)} 0\n" for i in range(40))
    [result] = predict.predict(xyz.parse(f"40\n\n{chain}"), pretrained.load("U0"))
    assert np.isfinite(result["U0 (hartree)"])
    assert "40 atoms are not hydrogen; QM9 has molecules of up to 9" in result["warnings"]


def test_own_models_have_their_own_spread() -> None:
    ensemble = pretrained.load("H")
    [both] = predict.predict(xyz.parse(WATER), ensemble)
    [one] = predict.predict(xyz.parse(WATER), Ensemble(ensemble.members[:1]))
    assert one["uncertainty of H (kcal/mol)"] is None and both["uncertainty of H (kcal/mol)"] > 0
    assert both["H (hartree)"] != one["H (hartree)"]


def test_what_is_no_number_is_no_prediction() -> None:
    """Nine atoms in a heap, two of them at 0.37 Å: the trained networks overflow."""
    rng = np.random.default_rng(1626)
    numbers = rng.choice([1, 6, 7, 8, 9], 9)
    symbols = dict(zip([1, 6, 7, 8, 9], "HCNOF", strict=True))
    rows = [
        f"{symbols[z]} {x} {y} {w}"
        for z, (x, y, w) in zip(numbers, rng.normal(scale=2.0, size=(9, 3)), strict=True)
    ]
    heap = xyz.parse("\n".join(["9", "", *rows]))
    model, _ = pretrained.network("H-1")  # without the norm
    alone = Ensemble((model,))
    with jax.debug_nans(False):
        for ensemble, reason in (
            (None, "disagree by more than 100 kcal/mol"),
            (alone, "give no number for these positions"),
        ):
            [result] = predict.predict(heap, ensemble, ["H"])
            assert result["H (hartree)"] is None and result["uncertainty of H (kcal/mol)"] is None
            assert result["warnings"][0] == f"no prediction of H: the networks {reason}"
            json.dumps(result, allow_nan=False)


@pytest.mark.parametrize("times", [0.999, 1.001])
def test_networks_that_differ_by_a_bond_predict_nothing(times: float) -> None:
    """The calibrated ones; of your own, nobody knows what much is."""
    molecules = xyz.parse(WATER)
    apart = (
        times * pretrained.calibration("H").most * np.sqrt(2) / convert(1.0, "hartree", "kcal/mol")
    )
    zero, network = Composition("H", np.zeros(5)), PaiNN(4, 1, key=jax.random.key(0))
    ensemble = Ensemble(
        tuple(models.Model(network, (Target(zero, mean, 1.0),)) for mean in (0.0, apart))
    )
    found = ensemble.predict(xyz.to_qm9(molecules))
    [judged] = predict._judged("H", *found, np.ones(1), pretrained.calibration("H"))
    assert (judged.value is None) == (judged.uncertainty is None) == (times > 1)
    [said] = judged.refusals if times > 1 else judged.doubts
    wanted = (
        "by more than 100 kcal/mol" if times > 1 else "about H by 100 kcal/mol, more than for 999"
    )
    assert wanted in said
    [result] = predict.predict(molecules, ensemble)
    assert result["H (hartree)"] is not None


def test_elements_that_no_training_molecule_had() -> None:
    """They have no prediction, and the others have theirs."""
    reference = Composition("H", np.array([-0.6, -38.1, -54.7, -75.2, 0.0]))
    network = PaiNN(4, 1, key=jax.random.key(0))
    target = Target(reference, 0.0, 1.0)
    ensemble = Ensemble((models.Model(network, (target,), elements=(1, 6, 7, 8)),))
    fluorine = "2\n\nF 0 0 0\nH 0 0 0.92\n"
    found = predict.predict(xyz.parse(fluorine + WATER), ensemble)
    assert found[0]["H (hartree)"] is None and found[1]["H (hartree)"] < -70
    assert found[0]["warnings"] == ["no prediction: no training molecule of the models had F"]
