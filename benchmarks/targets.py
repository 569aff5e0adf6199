"""Cost of learning twelve labels at once, against one: seconds of a training step.

Both networks train on the same molecules with the same settings, in turns; the best round of each
counts, and compilation does not.

    python benchmarks/targets.py [--rounds 8]

Prints a table and writes ``benchmarks/results/targets.json``.
"""

from __future__ import annotations

import argparse

import jax
import report

import qm9lib
from qm9course import ladder
from qm9lib import training
from qm9lib.models import painn
from qm9lib.models.readouts import readout_for

MOLECULES = 4_000
WIDTHS = (32, 64)


def seconds_of_an_epoch(labels: list[str], features: int, split: qm9lib.Split) -> float:
    """Train for three epochs; return the seconds of the faster of the last two."""
    network = painn.PaiNN(features, pooling=readout_for(*labels), key=jax.random.key(0))
    settings = training.Settings.for_painn(epochs=3)
    _, run = training.fit(
        network, split.train[:MOLECULES], split.valid[:32], labels, settings, progress=False
    )
    first, second, third = (epoch.seconds for epoch in run.history)
    return min(second - first, third - second)


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=8, help="of each network")
    rounds = parser.parse_args().rounds
    split = qm9lib.load().split("dimenet")
    result: dict[str, float | int | str | None] = {}
    for features in WIDTHS:
        best = {"H": float("inf"), "twelve labels": float("inf")}
        for _ in range(rounds):
            for name, labels in (("H", ["H"]), ("twelve labels", [*ladder.TWELVE])):
                best[name] = min(best[name], seconds_of_an_epoch(labels, features, split))
        for name, seconds in best.items():
            result[f"{features} features, {name} (molecules/s)"] = round(MOLECULES / seconds)
        ratio = best["twelve labels"] / best["H"]
        result[f"{features} features: step of twelve by that of one"] = round(ratio, 2)
    report.store("targets", result)


if __name__ == "__main__":
    main()
