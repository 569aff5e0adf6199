"""Make what `qm9lib.pretrained` reads: weights, and what the *accuracy* chapter tells of them.

Ten steps. Each stores its results, so that the others need not be repeated::

    python tools/pretrained.py train --seed 1   # one more member, in hours; again to go on
    python tools/pretrained.py train --seed 0 --labels mu,alpha,homo  # one network for several
    python tools/pretrained.py stability # five seeds with the norm, and with other cures
    python tools/pretrained.py curve     # a network for each of five sizes of the training set
    python tools/pretrained.py together  # twelve labels by one network, and each by its own
    python tools/pretrained.py sizes     # trained on small molecules, judged on larger ones
    python tools/pretrained.py simple    # the simpler models of the book, for the error ladder
    python tools/pretrained.py live      # five seeds of `python -m qm9lib train`; a quiet machine
    python tools/pretrained.py measure   # all members, on the validation set and, once, on the test
    python tools/pretrained.py errors    # a network that learns how wrong those for H are
    python tools/pretrained.py ladder    # the figure of the landing page

``simple``, ``live`` and ``measure`` look at the test set when all is chosen; ``measure`` refuses to
do so again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from scipy.optimize import minimize

import qm9lib
from qm9course import ladder
from qm9lib import LABELS, models, pretrained, training
from qm9lib.data.files import replacing, write_safetensors
from qm9lib.models import composition, gnn, painn
from qm9lib.models.readouts import readout_for
from qm9lib.pretrained import domain, weights
from qm9lib.units import written

CHECKPOINTS = Path(__file__).parents[1] / "_build" / "members"
FRAGMENT = Path(__file__).parents[1] / "book" / "_static" / "ladder.html"
LABEL = "H"
TOGETHER = "all"  # name of a network of several labels
CURVE = (1_000, 3_000, 10_000, 30_000, 110_000)
SMALL = 8  # heavy atoms
STEPS = 12_000  # of each network of the curve
SEEDS = range(5)
CHANGES: dict[str, tuple[dict[str, Any], bool]] = {
    "without the norm": ({}, False),
    "half the learning rate": ({"learning_rate": 3e-3}, False),
    "norm": ({}, True),
    "norm, half the learning rate": ({"learning_rate": 3e-3}, True),
}
"""What may cure the leaps of the training error: settings, and whether to norm."""
UNIT = "kcal/mol"
SMALLEST = 0.05  # kcal/mol, that is added to errors before their logarithm is learned


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Help)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("train", help="train one more member")
    one.add_argument("--epochs", type=int, default=50)
    one.add_argument("--features", type=int, default=64)
    one.add_argument("--radial", type=int, default=8, help="radial functions")
    one.add_argument("--seed", type=int, required=True)
    one.add_argument("--learning-rate", type=float, default=4e-3)
    one.add_argument("--labels", default=LABEL, help="label names, separated by commas")
    one.add_argument("--name", help="name of the files: by default the label, or `all` for several")
    commands.add_parser("stability", help="compare ways to prevent leaps of the training error")
    commands.add_parser("curve", help="the learning curve")
    commands.add_parser("together", help="one network for twelve labels, or twelve networks")
    commands.add_parser("sizes", help="trained on small molecules, judged on larger ones")
    commands.add_parser("simple", help="the models of the earlier chapters")
    seeds = commands.add_parser("live", help="five seeds of the live run")
    seeds.add_argument("--minutes", type=float, default=1)
    commands.add_parser("measure", help="errors of the ensemble, and the model card")
    wrong = commands.add_parser("errors", help="a network that learns how wrong those for H are")
    wrong.add_argument("--epochs", type=int, default=8)
    commands.add_parser("ladder", help="the figure of the landing page")
    options = parser.parse_args()
    steps: dict[str, Callable[[argparse.Namespace], None]] = {
        "train": train, "stability": stability, "curve": curve, "together": together,
        "sizes": sizes, "simple": simple, "live": live, "measure": measure,
        "errors": errors, "ladder": draw_ladder,
    }  # fmt: skip
    steps[options.command](options)


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    pass


def train(options: argparse.Namespace) -> None:
    """Train a member, or go on where the last call was ended."""
    labels = options.labels.split(",")
    name = f"{options.name or (labels[0] if len(labels) == 1 else TOGETHER)}-{options.seed}"
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    split = qm9lib.load().split("dimenet")
    settings = training.Settings.for_painn(
        epochs=options.epochs, learning_rate=options.learning_rate, seed=options.seed
    )
    if jax.default_backend() != "cpu":
        settings = dataclasses.replace(settings, chunk_size=None)  # a GPU takes a batch at once
    network = painn.PaiNN(
        options.features,
        radial=options.radial,
        pooling=readout_for(*labels),
        key=jax.random.key(options.seed),
    )
    model, run = training.fit(
        network, split.train, split.valid, labels, settings, checkpoint=CHECKPOINTS / name
    )
    if len(run.history) < options.epochs:
        raise SystemExit(f"{name} has {len(run.history)} of its {options.epochs} epochs: go on")
    models.save(model, weights.FOLDER / f"{name}.safetensors")
    _write(weights.FOLDER, name, run.to_dict())


def stability(options: argparse.Namespace) -> None:
    """Train five seeds of each of `CHANGES` for three epochs.

    What is done is kept, so that a call goes on where the last one was ended.
    """
    split = qm9lib.load().split("dimenet")
    choosing = split.valid[:1_000]
    path = ladder.FOLDER / "stability.json"
    done = json.loads(path.read_text("utf-8"))["changes"] if path.exists() else {}
    for name, (changes, norm) in CHANGES.items():
        runs = done.setdefault(name, [])
        for seed in SEEDS[len(runs) :]:
            settings = training.Settings.for_painn(**{"epochs": 3, "seed": seed, **changes})
            network = painn.PaiNN(norm=norm, key=jax.random.key(seed))
            _, run = training.fit(network, split.train, choosing, LABEL, settings)
            runs.append(run.to_dict())
            _write(ladder.FOLDER, "stability", {"unit": UNIT, "changes": done})
            worst = max(epoch.train_worst or 0.0 for epoch in run.history)
            print(f"{name}, seed {seed}: {worst:,.0f}, {run.valid_mae[-1]:.3f} {UNIT}", flush=True)


def curve(options: argparse.Namespace) -> None:
    """Train on more and more molecules; the first 1,000 of the validation set choose the epoch."""
    split = qm9lib.load().split("dimenet")
    choosing, judging = split.valid[:1_000], split.valid[1_000:]
    points = []
    for size in CURVE:
        settings = training.Settings.for_painn(epochs=round(STEPS * 32 / size))
        network = painn.PaiNN(key=jax.random.key(0))
        model, run = training.fit(network, split.train[:size], choosing, LABEL, settings)
        points.append({"run": run.to_dict(), "mae": _error(model.predict(judging), judging)["mae"]})
        print(f"{size:,}: {points[-1]['mae']:.3f} {UNIT}", flush=True)
    _write(ladder.FOLDER, "curve", {"molecules": len(judging), "unit": UNIT, "points": points})


def together(options: argparse.Namespace) -> None:
    """Train one network on twelve labels, and one on each, with the same few molecules.

    The first half of the 2,000 validation molecules chooses the epoch; the errors are those of the
    others.
    """
    split = qm9lib.load().split("dimenet")
    train, choosing, judging = split.train[:10_000], split.valid[:1_000], split.valid[1_000:2_000]
    path = ladder.FOLDER / "together.json"
    done = json.loads(path.read_text("utf-8"))["runs"] if path.exists() else []
    twelve = [*ladder.TWELVE]
    for labels in [twelve, *([label] for label in twelve)][len(done) :]:
        network = painn.PaiNN(pooling=readout_for(*labels), key=jax.random.key(0))
        settings = training.Settings.for_painn(epochs=10)
        model, run = training.fit(network, train, choosing, labels, settings)
        found = model.predict_each(judging)
        done.append({
            "errors": {label: _error(found[label], judging, label)["mae"] for label in labels},
            "run": run.to_dict(),
        })  # fmt: skip
        _write(ladder.FOLDER, "together", {"molecules": len(judging), "runs": done})
        print(done[-1]["errors"], flush=True)


def sizes(options: argparse.Namespace) -> None:
    """Train on molecules with up to eight heavy atoms, and on as many of all sizes.

    Two seeds of each, which make an ensemble. Of the validation molecules, the first thousand
    choose the epoch (those of the kind that is trained on), and the others judge.
    """
    split = qm9lib.load().split("dimenet")
    small = split.train[split.train.n_heavy <= SMALL]
    choosing, judging = split.valid[:1_000], split.valid[1_000:]
    kinds = {
        f"up to {SMALL} heavy atoms": (small, choosing[choosing.n_heavy <= SMALL]),
        "all sizes": (split.train[: len(small)], choosing),
    }
    larger = judging.n_heavy > SMALL
    rows = []
    for name, (train, choose_by) in kinds.items():
        models_of, runs = [], []
        for seed in range(2):
            network = painn.PaiNN(key=jax.random.key(seed))
            settings = training.Settings.for_painn(epochs=15, seed=seed)
            model, run = training.fit(network, train, choose_by, LABEL, settings)
            models_of.append(model)
            runs.append(run.to_dict())
        mean, deviation = models.Ensemble(tuple(models_of)).predict(judging)
        deviation = qm9lib.convert(deviation, "hartree", UNIT)
        rows.append({
            "name": name, "molecules": len(train), "runs": runs,
            "judged": [
                {
                    "heavy": kind, **_error(mean[which], judging[which]),
                    "deviation": float(np.mean(deviation[which])),
                }
                for kind, which in ((f"up to {SMALL}", ~larger), ("9", larger))
            ],
        })  # fmt: skip
        print(rows[-1]["judged"], flush=True)
    _write(ladder.FOLDER, "sizes", {"unit": UNIT, "rows": rows})


def simple(options: argparse.Namespace) -> None:
    """Measure the models of the earlier chapters, made as they are made there."""
    qm9 = qm9lib.load()
    full, course = qm9.split("dimenet"), qm9.split("course")
    mean = np.full(len(full.test), full.train.target(LABEL).mean())
    baseline = composition.fit(full.train, LABEL).predict(full.test)
    classic, bessel = gnn.GraphNetwork, gnn.bessel_edges
    networks = {
        "graph network, 1/r": (classic(key=jax.random.key(1)), training.Settings(epochs=140)),
        "graph network, Bessel": (
            classic(edge_function=bessel, key=jax.random.key(0)),
            training.Settings(epochs=40, learning_rate=6e-3),
        ),
    }
    rows = [
        ("always the mean", mean, len(full.train), "none", "baseline"),
        ("composition", baseline, len(full.train), "milliseconds", "baseline"),
    ]
    for name, (network, settings) in networks.items():
        model, _ = training.fit(network, course.train, course.valid, LABEL, settings)
        rows.append((name, model.predict(full.test), len(course.train), "1 minute", "gnn"))
    _write(
        ladder.FOLDER,
        "simple",
        {
            "unit": UNIT,
            "rungs": [
                {"name": name, "mae": _error(predicted, full.test)["mae"], "molecules": n,
                 "cost": cost, "source": source}
                for name, predicted, n, cost, source in rows
            ],
        },
    )  # fmt: skip


def live(options: argparse.Namespace) -> None:
    """Train five seeds from the command line, and evaluate each on the test set, once."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            path = Path(folder, "model.safetensors")
            start = time.perf_counter()
            _command("train", str(path), "--minutes", str(options.minutes), "--seed", str(seed))
            seconds = time.perf_counter() - start
            run = json.loads(path.with_suffix(".json").read_text())
            evaluated = json.loads(_command("evaluate", str(path), "--part", "test"))
            errors = evaluated["errors"][LABEL]
            test = {
                "n": evaluated["n"],
                f"mae ({UNIT})": errors["mae"], f"rmse ({UNIT})": errors["rmse"],
            }  # fmt: skip
            found.append({"seed": seed, "seconds": seconds, "run": run, "test": test})
            print(f"seed {seed}: {seconds:.0f} s, {test['mae (kcal/mol)']:.3f} {UNIT}", flush=True)
    _write(ladder.FOLDER, "live", {"unit": UNIT, "minutes": options.minutes, "seeds": found})


def measure(options: argparse.Namespace) -> None:
    """Choose the networks of each label on the validation set, measure them, and write the card."""
    path = weights.FOLDER / "results.json"
    if path.exists():
        raise SystemExit(
            f"{path} exists: the test set is looked at once. After new training, remove it"
        )
    split = qm9lib.load().split("dimenet")
    pretrained.save_domain(domain.measure(split.train))
    networks = {file.stem: models.load(file) for file in sorted(weights.FOLDER.glob("*-?.saf*"))}
    # Those without the norm give an unusual molecule any number: they are here to show that.
    networks = {name: model for name, model in networks.items() if normed(model)}
    found = {
        part: {name: model.predict_each(getattr(split, part)) for name, model in networks.items()}
        for part in ("valid", "test")
    }
    records = {}
    for label in LABELS:
        known = [name for name, model in networks.items() if label in model.labels]
        if not known:
            continue
        chosen = choose({name: found["valid"][name][label] for name in known}, split.valid, label)
        predicted = {
            part: np.array([each[name][label] for name in chosen]) for part, each in found.items()
        }
        unit = LABELS[label].error_unit
        spread = predicted["valid"].std(axis=0, ddof=1)
        error = _absolute(predicted["valid"].mean(axis=0), split.valid, label)
        [scale] = {networks[name].only(label).target.deviation for name in chosen}
        records[label] = {
            "label": label, "unit": unit, "split": "dimenet", "networks": chosen,
            "calibration": {
                **calibrate(qm9lib.convert(spread, LABELS[label].unit, unit), error),
                "most": float(f"{4 * scale:.1g}"),
            },
            **{
                part: part_record(values, getattr(split, part), label)
                for part, values in predicted.items()
            },
        }  # fmt: skip
    _write(weights.FOLDER, "results", records)
    write_safetensors(
        ladder.FOLDER / "explored.safetensors", explored(), {"format": ladder.EXPLORED_FORMAT}
    )
    (weights.FOLDER / "README.md").write_text(card(), encoding="utf-8")


def errors(options: argparse.Namespace) -> None:
    """Train a network on the errors of those for H, and calibrate the expected error with it.

    It learns from the errors on the training molecules: of new molecules there are too few. These
    errors are too small, which the calibration on validation molecules makes up for; their order
    is what counts. The first half of the validation molecules chooses the epoch.
    """
    split, name = qm9lib.load().split("dimenet"), f"{LABEL}-errors"
    ensemble = pretrained.load(LABEL)
    predicted = {part: ensemble.predict(getattr(split, part), UNIT) for part in ("train", "valid")}
    wrong = {
        part: np.abs(mean - getattr(split, part).target(LABEL, UNIT))
        for part, (mean, _) in predicted.items()
    }
    half = len(split.valid) // 2
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    model, run = training.fit(
        painn.PaiNN(pooling="mean", key=jax.random.key(0)),
        with_errors(split.train, wrong["train"]),
        with_errors(split.valid[:half], wrong["valid"][:half]),
        LABEL,
        training.Settings.for_painn(epochs=options.epochs, loss="squared"),
        checkpoint=CHECKPOINTS / name,
    )
    models.save(model, weights.FOLDER / f"{name}.safetensors")
    _write(weights.FOLDER, name, of_logarithms(run).to_dict())
    path = weights.FOLDER / "results.json"
    records = json.loads(path.read_text("utf-8"))
    learned = pretrained.learned_error(split.valid, LABEL, model)
    records[LABEL] |= {
        "errors": name,
        "calibration": {
            **calibrate(predicted["valid"][1], wrong["valid"], learned),
            "most": records[LABEL]["calibration"]["most"],
        },
    }
    _write(weights.FOLDER, "results", records)
    (weights.FOLDER / "README.md").write_text(card(), encoding="utf-8")


def with_errors(qm9: qm9lib.QM9, error: np.ndarray) -> qm9lib.QM9:
    """Return molecules that have logarithms of errors (kcal/mol) where they had H."""
    found = qm9.labels.copy()
    # An error that happens to be almost zero says no more than a small one.
    found[:, LABELS[LABEL].index] = np.log(error + SMALLEST)
    return dataclasses.replace(qm9, labels=found)


def of_logarithms(run: training.Run) -> training.Run:
    """Return the record of a training on `with_errors` with the unit that its errors have."""
    factor = qm9lib.convert(1.0, run.unit, LABELS[LABEL].unit)
    names = ("train_rmse", "valid_mae", "train_median", "train_worst")
    history = [
        dataclasses.replace(epoch, **{name: factor * getattr(epoch, name) for name in names})
        for epoch in run.history
    ]
    return dataclasses.replace(run, unit=f"logarithm of an error in {UNIT}", history=history)


def normed(model: models.Model) -> bool:
    """Return whether the layers of a model's network see features that are shortened."""
    return bool(models.describe(model.network).get("norm"))


def part_record(predicted: np.ndarray, qm9: qm9lib.QM9, label: str) -> dict[str, Any]:
    """Return the errors of an ensemble on a part; predictions of shape (members, molecules)."""
    mean = predicted.mean(axis=0)
    charged = np.array(["+" in smiles for smiles in qm9.smiles])
    return {
        **_error(mean, qm9, label),
        "members": [_error(values, qm9, label)["mae"] for values in predicted],
        "by_heavy_atoms": by_heavy_atoms(mean, qm9, label),
        "zwitterions": _error(mean[charged], qm9[charged], label),
    }


def explored() -> dict[str, np.ndarray]:
    """Predict the explorer's molecules, and round to a tenth of the expected error."""
    molecules, found = qm9lib.load()[:: ladder.EXPLORED], {}
    for ensemble in pretrained.load_each(pretrained.labels()):
        for name, (mean, _) in ensemble.predict_each(molecules).items():
            label, error = LABELS[name], pretrained.results(name)["valid"]["mae"]
            error = qm9lib.convert(error, label.error_unit, label.unit)
            found[name] = mean.round(1 - math.floor(math.log10(error)))
    return found


def choose(predicted: dict[str, np.ndarray], valid: qm9lib.QM9, label: str) -> list[str]:
    """Return the networks whose mean has the least error, best first: at least two of them.

    Of more of them, each has to make the error smaller by a percent: it has to be computed, too.
    """
    order = sorted(predicted, key=lambda name: _error(predicted[name], valid, label)["mae"])

    def error(count: int) -> float:
        mean = np.mean([predicted[name] for name in order[:count]], axis=0)
        return _error(mean, valid, label)["mae"]

    best = 2
    for count in range(3, len(order) + 1):
        if error(count) < 0.99 ** (count - best) * error(best):
            best = count
    return sorted(order[:best])


def draw_ladder(options: argparse.Namespace) -> None:
    """Write the figure, which the landing page includes."""
    FRAGMENT.write_text(ladder.picture().html + "\n", encoding="utf-8")


def calibrate(
    deviation: np.ndarray, error: np.ndarray, learned: np.ndarray | None = None
) -> dict[str, float]:
    """Fit all of `Calibration` but ``most`` to absolute errors, as if they were Laplacian.

    The power stays 1 where no errors have been learned.
    """
    limit = float(np.quantile(deviation, 0.999))

    def calibration(parameters: np.ndarray) -> pretrained.Calibration:
        floor, scale = map(float, np.exp(parameters[:2]))
        return pretrained.Calibration(floor, scale, limit, np.inf, *map(float, parameters[2:]))

    def surprise(parameters: np.ndarray) -> float:
        expected = calibration(parameters).uncertainty(
            deviation, 1.0 if learned is None else learned
        )
        return float(np.mean(np.log(expected) + error / expected))

    start = [math.log(np.mean(error)), 0.0] if learned is None else [0.0, 0.0, 1.0]
    found = minimize(surprise, start, method="Nelder-Mead", options={"maxiter": 2000}).x
    record = dataclasses.asdict(calibration(found))
    return {name: value for name, value in record.items() if name != "most"}


def by_heavy_atoms(predicted: np.ndarray, qm9: qm9lib.QM9, label: str) -> list[dict[str, float]]:
    """Return number of molecules and error for each number of heavy atoms."""
    error = _absolute(predicted, qm9, label)
    return [
        {"heavy": int(n), "molecules": int(np.sum(which)), "mae": float(np.mean(error[which]))}
        for n in np.unique(qm9.n_heavy)
        for which in [qm9.n_heavy == n]
    ]


def card() -> str:
    """Return the model card, made of the stored results and runs alone."""
    found = {label: pretrained.results(label) for label in pretrained.labels()}
    runs = {
        name: run
        for label, result in found.items()
        for name, run in zip(result["networks"], pretrained.runs(label), strict=True)
    }
    errors = "\n".join(
        f"| {label} | {', '.join(result['networks'])} | {_in_units(result, 'valid')} | "
        f"**{_in_units(result, 'test')}** | {written(result['test']['rmse'], 3)} |"
        for label, result in found.items()
    )
    networks = "\n".join(
        f"| `{name}.safetensors` | {label.replace(',', ', ')} | {run.network['features']} | "
        f"{run.network['layers']} | {'yes' if run.network['norm'] else 'no'} | "
        f"{len(run.history)} | {run.history[-1].seconds / 3600:.1f} |"
        for name, label, run in [
            *((name, run.label, run) for name, run in sorted(runs.items())),
            *(
                (result["errors"], f"errors of {label}", pretrained.network(result["errors"])[1])
                for label, result in found.items()
                if "errors" in result
            ),
        ]
    )
    sizes = "\n".join(
        f"| {row['heavy']} | {row['molecules']:,} | {row['mae']:.3f} |"
        for row in found[LABEL]["test"]["by_heavy_atoms"]
    )
    uncertainties = "\n".join(
        " | ".join(
            [f"| {label}", result["unit"], *(
                written(getattr(pretrained.calibration(label), name))
                for name in ("floor", "scale", "power", "limit", "most")
            ), ""]
        ).rstrip()
        for label, result in found.items()
    )  # fmt: skip
    test = found[LABEL]["test"]
    zwitterions = test["zwitterions"]
    some = next(iter(runs.values()))
    environment = some.environment
    return f"""# Model card: labels of small organic molecules

Made by `tools/pretrained.py measure` and `errors`; a test makes it again and compares.

- **What**: {len(runs)} PaiNN networks (Schütt et al. 2021). Each label has an ensemble of those
  that were best for it on the validation molecules; the prediction is their mean.
- **For**: labels of QM9 at B3LYP/6-31G(2df,p), of neutral molecules of H, C, N, O and F with up to
  nine heavy atoms, at a geometry relaxed with that method. Teaching, not production.
- **Data**: QM9 (Ramakrishnan et al. 2014) without the 3,054 uncharacterized molecules, `dimenet`
  split: {some.n_train:,} molecules for training, {some.n_valid:,} to choose epochs, settings and
  networks, {test["molecules"]:,} for the test, on which these networks were tested once.
- **Trained on**: {environment["processors"]} CPU cores in all, one core for each network;
  jax {environment["jax"]}, Python {environment["python"]}. The records beside the weights hold
  settings, versions and the history of each.

## Errors

| label | networks | MAE, validation | MAE, test | RMSE, test |
|---|---|---|---|---|
{errors}

| network | labels | features | layers | norm | epochs | hours |
|---|---|---|---|---|---|---|
{networks}

The enthalpy {LABEL} by size, on the test set:

| heavy atoms | molecules | MAE (kcal/mol) |
|---|---|---|
{sizes}

## Uncertainty

`python -m qm9lib predict` states the absolute error to be expected,
u^power × hypot(floor, scale × σ / u), fitted to the validation set. σ is the standard deviation of
the networks. For {LABEL}, u is the error (kcal/mol) that the network `{LABEL}-errors` predicts: it
has learned from the errors of the training molecules which molecules are difficult. For all other
labels, u is 1. The expected errors are right on average over molecules like those of QM9. For the
other labels they are nearly the same for all molecules, and say little about a single one; where a
kind is harder, such as the zwitterions below, the error is larger than stated. There is a warning
where the networks disagree by more than the limit, as they do for one validation molecule in a
thousand. Where they disagree by more than about four times the standard deviation of what they
learn (the label minus its reference, which for energies is the composition model), there is no
prediction.

| label | unit | floor | scale | power | limit | no prediction beyond |
|---|---|---|---|---|---|---|
{uncertainties}

## Limits

- Zwitterions, where a proton has moved within the molecule: {zwitterions["molecules"]} of the test
  molecules, with an MAE of {zwitterions["mae"]:.1f} kcal/mol for {LABEL}.
- Networks without the norm may give an unusual molecule any number. No ensemble
  contains such a network; `H-1` is stored here only as an example of one. With the norm, the number
  may still be wrong.
- Other elements: no prediction.
- Ions and radicals: the networks see elements and positions only, and take them for neutral
  molecules. There is a warning if the atomic numbers add up to an odd number, or if the comment
  line of the file mentions a charge or a multiplicity.
- More than nine heavy atoms, distances that QM9 seldom has (bonds being broken, two molecules
  side by side), and atoms with too few or too many bonds (missing hydrogens): a number with a
  warning. `domain.safetensors` holds the distances and valences of the training molecules.
- QM9 has minima only: the networks' forces have never been trained.
- The dipole moment is learned as a length: the network's vector may point the other way.
- The error is measured against B3LYP, which is itself several kcal/mol off experiment.
"""


def _in_units(result: dict[str, Any], part: str) -> str:
    """Write an error in its unit, and an energy also in the one that papers have."""
    error, unit = result[part]["mae"], result["unit"]
    text = f"{written(error, 3)} {unit}"
    if unit == UNIT:
        text += f" = {written(qm9lib.convert(error, unit, 'meV'), 3)} meV"
    return text


def _absolute(predicted: np.ndarray, qm9: qm9lib.QM9, label: str = LABEL) -> np.ndarray:
    unit, to = LABELS[label].unit, LABELS[label].error_unit
    return np.abs(qm9lib.convert(predicted - qm9.target(label), unit, to))


def _error(predicted: np.ndarray, qm9: qm9lib.QM9, label: str = LABEL) -> dict[str, float]:
    error = _absolute(predicted, qm9, label)
    return {
        "molecules": len(qm9), "mae": float(np.mean(error)),
        "rmse": float(np.sqrt(np.mean(error**2))),
    }  # fmt: skip


def _command(*arguments: str) -> str:
    command = [sys.executable, "-m", "qm9lib", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _write(folder: Path, name: str, record: dict[str, Any]) -> None:
    with replacing(folder / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
