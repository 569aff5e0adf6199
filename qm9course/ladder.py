"""The error ladder: from guessing the mean to the best published networks, on one axis."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from qm9lib import convert, pretrained
from qm9lib.data.files import read_safetensors
from qm9lib.errors import UnknownNameError
from qm9lib.figures import plots
from qm9lib.figures.picture import Picture

FOLDER = Path(__file__).parent / "results"
"""The folder of this book's stored results, measured by ``tools``."""


def results(name: str) -> dict[str, Any]:
    """Return the results that chapters quote from trainings too long for a page.

    Parameters
    ----------
    name
        ``"simple"``: errors of the models of the earlier chapters; ``"live"``: five seeds of
        `python -m qm9lib train`; ``"curve"``: networks trained on fewer molecules; ``"kernels"``:
        kernels, measured by ``tools/kernels.py``. Errors are in kcal/mol.

    Raises
    ------
    UnknownNameError
        If nothing is stored under the name.

    Examples
    --------
    >>> len(results("live")["seeds"])
    5
    """
    known = sorted(path.stem for path in FOLDER.glob("*.json"))
    if name not in known:
        raise UnknownNameError("result", name, known)
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


EXPLORED = 43
"""One in this many molecules of QM9 is in the explorer; a prime, to miss any period of the list."""

EXPLORED_FORMAT = "qm9course-explored-1"


def explored() -> dict[str, Float[np.ndarray, " molecules"]]:
    """Return the pretrained networks' predictions for the explorer's molecules, by label.

    They are in the published unit of the label, rounded to a tenth of the networks' error, and
    stored by ``tools/pretrained.py measure``.

    Raises
    ------
    DataError
        If the stored file is damaged.

    Examples
    --------
    >>> len(explored()["H"])
    3043
    """
    _, arrays = read_safetensors(
        FOLDER / "explored.safetensors", EXPLORED_FORMAT, "result", "install qm9lib again"
    )
    return arrays


@dataclass(frozen=True)
class Rung:
    """One result for the enthalpy H.

    Attributes
    ----------
    name
        Name of the model.
    mae
        Mean absolute error on test molecules, kcal/mol.
    molecules
        Number of training molecules.
    cost
        Time of training, in words.
    source
        Chapter of this book, or key of the bibliography.
    ours
        Whether it was measured here.
    """

    name: str
    mae: float
    molecules: int
    cost: str
    source: str
    ours: bool


# In meV, as printed. The first two: Gilmer et al., Table 2, as ratios to 43 meV.
PUBLISHED: tuple[Rung, ...] = tuple(
    Rung(name, convert(mev, "meV", "kcal/mol"), molecules, cost, source, ours=False)
    for name, mev, molecules, cost, source in (
        ("kernel ridge regression, HDAD", 0.59 * 43, 118_000, "not stated", "Gilmer2017"),
        ("enn-s2s", 0.39 * 43, 110_000, "not stated", "Gilmer2017"),
        ("SchNet", 14.0, 110_000, "not stated", "Schutt2018"),
        ("PaiNN, as published", 5.98, 110_000, "not stated", "Schutt2021"),
        ("EquiformerV2 with noisy nodes", 4.24, 110_000, "72 to 137 GPU hours", "Liao2024"),
    )
)
"""Results from the literature: splits and recipes differ, so do not compare digits."""


TWELVE: dict[str, dict[str, float]] = {
    "mu": {"SchNet": 0.021, "PaiNN": 0.012, "best": 0.009},
    "alpha": {"SchNet": 0.124, "PaiNN": 0.045, "best": 0.039},
    "homo": {"SchNet": 47, "PaiNN": 28, "best": 12.2},
    "lumo": {"SchNet": 39, "PaiNN": 20, "best": 11.4},
    "gap": {"SchNet": 74, "PaiNN": 46, "best": 22.0},
    "r2": {"SchNet": 0.158, "PaiNN": 0.066, "best": 0.033},
    "zpve": {"SchNet": 1.62, "PaiNN": 1.28, "best": 1.018},
    "U0": {"SchNet": 12, "PaiNN": 5.85, "best": 4.34},
    "U": {"SchNet": 12, "PaiNN": 5.83, "best": 4.28},
    "H": {"SchNet": 12, "PaiNN": 5.98, "best": 4.24},
    "G": {"SchNet": 13, "PaiNN": 7.35, "best": 5.34},
    "Cv": {"SchNet": 0.034, "PaiNN": 0.024, "best": 0.020},
}
"""Published test errors of the twelve labels: energies in meV, all others in the label's unit.

SchNet: the benchmarks of SchNetPack (100,000 training molecules). PaiNN: Schütt et al. 2021. Best:
EquiformerV2 with noisy nodes (Liao et al. 2024), except for gap and zpve (GNS-TAT with noisy nodes,
another partition) and r2 (TorchMD-NET). One network for each label.
"""


def measured() -> tuple[Rung, ...]:
    """Return the results of this book, from `results` and the model card.

    Examples
    --------
    >>> [rung.source for rung in measured()]
    ['baseline', 'baseline', 'kernels', 'kernels', 'gnn', 'gnn', 'accuracy', 'accuracy', 'accuracy']
    """
    simple, live, best = results("simple"), results("live"), pretrained.results("H")
    simpler = [
        Rung(row["name"], row["mae"], row["molecules"], row["cost"], row["source"], ours=True)
        for row in simple["rungs"]
    ]
    tested = sorted(results("kernels")["test"]["models"], key=lambda row: -row["mae"])
    # The best for each number of molecules, which is the last.
    best_of = {row["molecules"]: row for row in tested if row["molecules"] > 1_000}
    kernels = [
        Rung(
            f"kernel, {size:,} molecules", row["mae"], size, _seconds(row["seconds"]), "kernels",
            ours=True,
        )
        for size, row in sorted(best_of.items())
    ]  # fmt: skip
    tests = [seed["test"]["mae (kcal/mol)"] for seed in live["seeds"]]
    hours = [run.history[-1].seconds / 3600 for run in pretrained.runs("H")]
    members = best["valid"]["members"]
    one = members.index(min(members))  # not chosen by its test error
    return (
        *simpler[:2],
        *kernels,
        *simpler[2:],
        Rung(
            "PaiNN, live", sum(tests) / len(tests), 110_000,
            f"{60 * live['minutes']:.0f} seconds of 2 CPU cores", "accuracy", ours=True,
        ),
        Rung(
            "PaiNN, one network", best["test"]["members"][one], 110_000,
            f"{hours[one]:.1f} hours of a CPU core", "accuracy", ours=True,
        ),
        Rung(
            f"PaiNN, {len(hours)} networks", best["test"]["mae"], 110_000,
            f"{sum(hours):.1f} hours of a CPU core", "accuracy", ours=True,
        ),
    )  # fmt: skip


def _seconds(value: float) -> str:
    return f"{10 * round(value / 10)} seconds" if value < 95 else f"{value / 60:.0f} minutes"


def curves() -> dict[str, dict[int, float]]:
    """Return validation errors in kcal/mol, by model and number of training molecules.

    The kernels are judged on the first 1,000 validation molecules, the networks on the others.

    Examples
    --------
    >>> [*curves()][:2]
    ['Coulomb matrix', 'bag of bonds']
    """
    found = {
        model["name"]: {point["molecules"]: point["mae"] for point in model["points"]}
        for model in results("kernels")["curves"]["models"]
    }
    points = results("curve")["points"]
    return found | {"PaiNN": {point["run"]["n_train"]: point["mae"] for point in points}}


def rungs() -> list[Rung]:
    """Return all results, largest error first."""
    return sorted((*measured(), *PUBLISHED), key=lambda rung: -rung.mae)


def picture() -> Picture:
    """Draw the ladder on a logarithmic axis; published results are hatched."""
    found = rungs()
    return plots.bars(
        {rung.name: rung.mae for rung in found},
        xlabel="test MAE of H (kcal/mol)",
        reference={"chemical accuracy": 1.0},
        hatched=[rung.name for rung in found if not rung.ours],
        caption="The way of this course, in errors: from guessing the mean to chemical accuracy "
        "and beyond. The axis is logarithmic. Hatched bars are published results, with splits and "
        "recipes of their own.",
    )
