"""Weights, records, model card and the chapters' stored numbers, all against the real data."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import jax
import numpy as np
import pytest
from jax import tree
from scipy.stats import spearmanr

import pretrained as tool
from qm9course import ladder
from qm9lib import LABELS, QM9, convert, mae, models, pretrained
from qm9lib.errors import DataError, UnknownNameError
from qm9lib.models import Ensemble
from qm9lib.pretrained import domain, weights

BOOK = Path(tool.__file__).parents[1] / "book"


@pytest.fixture(scope="module", autouse=True)
def _optimized() -> Iterator[None]:
    """Compile as readers do: here few programs run for long."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    return pretrained.load("H")


@pytest.fixture(scope="module")
def validation(qm9: QM9, ensemble: Ensemble) -> tuple[QM9, np.ndarray, np.ndarray]:
    """Validation molecules, and mean and deviation (kcal/mol) that the ensemble predicts."""
    molecules = qm9.split("dimenet").valid
    return molecules, *ensemble.predict(molecules, "kcal/mol")


def check_stored(molecules: QM9, error: np.ndarray, stored: dict) -> None:
    assert stored["molecules"] == len(molecules)
    assert stored["mae"] == pytest.approx(error.mean(), rel=1e-3)
    assert stored["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-3)
    for row in stored["by_heavy_atoms"]:
        which = molecules.n_heavy == row["heavy"]
        assert row["molecules"] == which.sum()
        assert row["mae"] == pytest.approx(error[which].mean(), rel=1e-2)
    charged = np.array(["+" in smiles for smiles in molecules.smiles])
    assert stored["zwitterions"]["molecules"] == charged.sum() > 20
    assert stored["zwitterions"]["mae"] == pytest.approx(error[charged].mean(), rel=1e-3)


def test_the_stored_errors_are_those_of_the_stored_weights(validation, qm9, ensemble) -> None:
    stored = pretrained.results("H")
    molecules, predicted, deviation = validation
    error = np.abs(predicted - molecules.target("H", "kcal/mol"))
    check_stored(molecules, error, stored["valid"])
    learned = pretrained.learned_error(molecules, "H")
    fitted = tool.calibrate(deviation, error, learned)
    assert fitted | {"most": 100.0} == pytest.approx(stored["calibration"], rel=0.02)
    measured = ladder.results("uncertainty")
    left = slice(-measured["molecules"], None)
    ranks = {way["name"]: way["rank"] for way in measured["ways"]}
    number = f"{len(ensemble.members)} networks"
    expected = pretrained.calibration("H").uncertainty(deviation, learned)
    for name, way in ((number, deviation), (f"learned, and {number}", expected)):
        assert ranks[name] == pytest.approx(spearmanr(way[left], error[left]).statistic, abs=0.01)
    test = qm9.split("dimenet").test
    predicted, _ = ensemble.predict(test, "kcal/mol")
    check_stored(test, np.abs(predicted - test.target("H", "kcal/mol")), stored["test"])


def test_accuracy_that_the_course_promises(validation) -> None:
    """Below SchNet's published 14 meV, measured here, and what the model card states.

    That the live run of the course gets below 1 kcal/mol is tried in the chapter's notebook.
    """
    molecules, predicted, _ = validation
    errors = 43.364104 * np.abs(predicted - molecules.target("H", "kcal/mol"))  # meV
    assert errors.mean() < 14
    card = (weights.FOLDER / "README.md").read_text(encoding="utf-8")
    [stated] = re.findall(r"^\| H \|[^|]+\| [\d.]+ kcal/mol = ([\d.]+) meV \|", card, re.MULTILINE)
    assert float(stated) == pytest.approx(errors.mean(), abs=0.06)


def test_each_member_has_its_record(ensemble: Ensemble) -> None:
    stored = pretrained.results("H")["valid"]["members"]
    runs = pretrained.runs("H")
    assert len(runs) == len(ensemble.members) == len(stored) > 1
    for run, member, error in zip(runs, ensemble.members, stored, strict=True):
        pooling = models.describe(member.network)["pooling"]
        assert run.network | {"pooling": pooling} == models.describe(member.network)
        best = run.history[run.best_epoch]
        alone = best.valid_each["H"] if best.valid_each else best.valid_mae
        assert alone == pytest.approx(error, rel=1e-3)
        assert "H" in run.labels and (run.n_train, run.n_valid) == (110_000, 10_000)


def test_a_network_by_its_name() -> None:
    model, run = pretrained.network("H-1")
    assert [*model.labels] == run.labels == ["H"] and not tool.normed(model)
    assert all(tool.normed(member) for member in pretrained.load("H").members)
    with pytest.raises(UnknownNameError, match="unknown pretrained network 'H-9'; use one of: H-0"):
        pretrained.network("H-9")


def test_each_network_of_an_ensemble_makes_it_better_by_a_percent(sample: QM9) -> None:
    few = sample[:4]
    true = few.target("H")
    off = {"b": [3, -3, 3, -3], "a": [2, 2, -2, -2], "c": [-6, 2, -2, 6], "d": [9, 9, 9, 9]}
    predicted = {name: true + np.array(by, float) for name, by in off.items()}
    assert tool.choose(predicted, few, "H") == ["a", "b", "c"]
    del predicted["c"]
    assert tool.choose(predicted, few, "H") == ["a", "b"]


def test_files_are_small() -> None:
    for path in weights.FOLDER.iterdir():
        assert path.stat().st_size < 5_000_000, path


def test_the_model_card_is_made_of_the_stored_numbers() -> None:
    assert (weights.FOLDER / "README.md").read_text(encoding="utf-8") == tool.card()


def test_the_domain_is_that_of_the_training_molecules(qm9: QM9) -> None:
    few = qm9.split("dimenet").train[::50]
    known, part = pretrained.training_domain(), domain.measure(few)
    for name in ("counts", "valences"):
        all_of_them, some = getattr(known, name), getattr(part, name)
        assert np.all(some <= all_of_them)
        # A fiftieth of the molecules has about a fiftieth of the pairs, and of the atoms.
        assert some.sum() * 50 == pytest.approx(all_of_them.sum(), rel=0.01)
    assert known.valences.sum() == len(qm9.split("dimenet").train.atomic_numbers)


def test_few_validation_molecules_are_outside_of_it(qm9: QM9) -> None:
    known = pretrained.training_domain()
    few = qm9.split("dimenet").valid[:2_000]
    told = sum(bool(known.concerns(m.atomic_numbers, m.positions)) for m in few)
    assert told <= 0.02 * len(few)


def test_the_norm_cures_the_leaps() -> None:
    changes = ladder.results("stability")["changes"]
    assert [*changes] == [*tool.CHANGES]
    for name, (settings, norm) in tool.CHANGES.items():
        assert [run["settings"]["seed"] for run in changes[name]] == [*tool.SEEDS]
        for run in changes[name]:
            assert run["network"]["norm"] == norm and settings.items() <= run["settings"].items()

    def leaps(name: str) -> list[bool]:
        runs = changes[name]
        return [e["train_worst"] > 20 * e["train_median"] for run in runs for e in run["history"]]

    assert any(leaps("without the norm")) and not any(leaps("norm"))
    for run in changes["norm"]:
        errors = [epoch["train_rmse"] for epoch in run["history"]]
        assert all(later < 2 * sooner for sooner, later in pairwise(errors))


def test_simple_rungs_of_the_ladder(qm9: QM9) -> None:
    split = qm9.split("dimenet")
    true = split.test.target("H")
    guess = np.full(len(true), split.train.target("H").mean())
    rungs = {rung.name: rung for rung in ladder.rungs()}
    assert rungs["always the mean"].mae == pytest.approx(mae(guess, true), rel=1e-9)
    assert rungs["composition"].mae == pytest.approx(19.94, abs=0.01)
    assert rungs["SchNet"].mae == pytest.approx(0.3228, abs=1e-4)  # 14 meV
    assert rungs["graph network, 1/r"].mae < 7.5 and rungs["graph network, Bessel"].mae < 4
    assert [rung.mae for rung in ladder.rungs()] == sorted(r.mae for r in rungs.values())[::-1]


def test_the_landing_page_shows_this_ladder() -> None:
    picture = ladder.picture()
    assert tool.FRAGMENT.is_relative_to(BOOK)
    page = (BOOK / "index.md").read_text(encoding="utf-8")
    assert f"```{{raw}} html\n:file: {tool.FRAGMENT.relative_to(BOOK)}\n```\n" in page
    # Not compared by bytes: another matplotlib draws another file.
    stored, fresh = (
        re.sub(r"base64,[^\"]+", "base64,", text)
        for text in (tool.FRAGMENT.read_text(encoding="utf-8"), picture.html + "\n")
    )
    assert stored == fresh and "base64," in stored


def test_the_ladder_is_written_for_the_landing_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tool, "FRAGMENT", tmp_path / "ladder.html")
    monkeypatch.setattr("sys.argv", ["pretrained.py", "ladder"])
    tool.main()
    assert (tmp_path / "ladder.html").read_text(encoding="utf-8") == ladder.picture().html + "\n"


def test_the_wavenumber_in_the_chapter_is_that_of_the_record() -> None:
    record = (BOOK.parent / "tests" / "files" / "dsgdb9nsd_000007.xyz").read_text(encoding="utf-8")
    wavenumbers = record.splitlines()[-3].split()
    assert len(wavenumbers) == 3 * 8 - 6
    assert f"highest = {max(wavenumbers, key=float)}  # cm" in (BOOK / "accuracy.md").read_text(
        encoding="utf-8"
    )


def test_all_twelve_labels(qm9: QM9) -> None:
    """Half a thousand molecules have about the error that is stored of ten thousand."""
    few = qm9.split("dimenet").valid[:500]
    assert {*pretrained.labels()} == {*ladder.TWELVE}
    ensembles = pretrained.load_each(pretrained.labels())
    assert len(ensembles) < 5  # labels of the same networks share one
    found = {k: v for ensemble in ensembles for k, v in ensemble.predict_each(few).items()}
    assert {*found} == {*ladder.TWELVE}
    for label, (mean, deviation) in found.items():
        stored, published = pretrained.results(label), LABELS[label]
        assert stored["unit"] == published.error_unit and len(stored["networks"]) > 1
        error = mae(mean, few.target(label), unit=published.unit, to=published.error_unit)
        assert error == pytest.approx(stored["valid"]["mae"], rel=0.25), label
        assert stored["valid"]["mae"] == pytest.approx(stored["test"]["mae"], rel=0.1), label
        assert np.median(deviation) > 0


def test_published_errors_that_the_networks_reach() -> None:
    """At least nine of twelve are at or below SchNet's, and all within 1.5 times of it."""
    ratios = []
    for label, published in ladder.TWELVE.items():
        stored = pretrained.results(label)
        unit = "meV" if stored["unit"] == "kcal/mol" else stored["unit"]
        error = convert(stored["test"]["mae"], stored["unit"], unit)
        ratios.append(error / published["SchNet"])
    assert sum(ratio <= 1 for ratio in ratios) >= 9 and max(ratios) <= 1.5


def test_what_the_explorer_shows(qm9: QM9) -> None:
    """The stored predictions are those of the stored networks, to the last digit but one."""
    stored, few = ladder.explored(), qm9[:: ladder.EXPLORED][:40]
    for ensemble in pretrained.load_each(["H", "gap", "mu"]):
        for label, (mean, _) in ensemble.predict_each(few).items():
            unit, error = LABELS[label].unit, pretrained.results(label)
            size = convert(error["valid"]["mae"], error["unit"], unit)
            assert len(stored[label]) == len(qm9[:: ladder.EXPLORED])
            np.testing.assert_allclose(stored[label][:40], mean, rtol=0, atol=0.15 * size)


def test_labels_without_weights() -> None:
    with pytest.raises(UnknownNameError, match="unknown pretrained label 'A'; use one of: mu, "):
        pretrained.load("A")
    with pytest.raises(UnknownNameError, match="unknown pretrained label 'A'; use one of: mu, "):
        pretrained.results("A")


def test_calibration_finds_what_made_the_errors() -> None:
    rng = np.random.default_rng(0)
    deviation = rng.gamma(2.0, 0.2, 20_000)
    error = rng.exponential(np.hypot(0.3, 1.7 * deviation))
    found = tool.calibrate(deviation, error)
    assert found["floor"] == pytest.approx(0.3, rel=0.05)
    assert found["scale"] == pytest.approx(1.7, rel=0.05)
    assert np.mean(deviation > found["limit"]) == pytest.approx(1e-3, rel=0.01)


def test_calibration_of_learned_errors() -> None:
    rng = np.random.default_rng(0)
    deviation, learned = rng.gamma(2.0, 0.2, 20_000), rng.gamma(3.0, 0.1, 20_000) + 0.05
    error = rng.exponential(learned**1.8 * np.hypot(1.4, 0.7 * deviation / learned))
    found = tool.calibrate(deviation, error, learned)
    assert found["floor"] == pytest.approx(1.4, rel=0.1)
    assert found["scale"] == pytest.approx(0.7, rel=0.1)
    assert found["power"] == pytest.approx(1.8, rel=0.1)
    calibration = pretrained.Calibration(**found, most=2.0)
    expected = calibration.uncertainty(deviation, learned)
    assert np.mean(expected) == pytest.approx(np.mean(error), rel=0.03)
    # What the network for errors says far from all that it knows is not believed.
    assert calibration.uncertainty(np.zeros(1), np.array([1e21])) == pytest.approx(2.0)


def test_the_network_for_errors_ranks_them_by_itself(validation) -> None:
    molecules, predicted, _ = validation
    error = np.abs(predicted - molecules.target("H", "kcal/mol"))
    half = len(molecules) // 2  # the first half chose its epoch
    rank = spearmanr(pretrained.learned_error(molecules, "H")[half:], error[half:]).statistic
    assert rank > 0.4
    assert pretrained.error_network("mu") is None
    assert (pretrained.learned_error(molecules[:3], "mu") == 1.0).all()


def test_an_ensemble_is_of_one_label(ensemble: Ensemble) -> None:
    with pytest.raises(ValueError, match="given 0 models of no label"):
        Ensemble(())
    one = ensemble.members[0]
    free_energy = replace(one.target, reference=replace(one.target.reference, label="G"))
    other = replace(one, targets=(free_energy,))
    with pytest.raises(
        ValueError, match="all must have the same labels; given 2 models of G and H"
    ):
        Ensemble((one, other))


def test_weights_are_finite(ensemble: Ensemble) -> None:
    for member in ensemble.members:
        leaves = [leaf for leaf in tree.leaves(member.network) if hasattr(leaf, "dtype")]
        assert all(np.isfinite(leaf).all() for leaf in leaves)


def test_a_damaged_domain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    (tmp_path / "domain.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match="not a domain of this version of qm9lib .*install qm9lib"):
        pretrained.training_domain()
