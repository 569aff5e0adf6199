"""Measure the kernels of the book: what the chapter *kernels* and the error ladder tell of them.

Two steps, the second of which looks at the test set, once::

    python tools/kernels.py curves   # errors on validation molecules, of more and more data
    python tools/kernels.py test     # errors on all test molecules, with what they cost

The results are in ``qm9course/results/kernels.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import qm9lib
from qm9course import kernels, ladder
from qm9lib import QM9
from qm9lib.data.files import replacing
from qm9lib.models import kernel
from qm9lib.training.run import environment

SIZES = (500, 1_000, 2_000, 5_000)  # with fewer there is no fluorine
LARGE = (5_000, 10_000, 30_000, 110_000)
WAVES = 6_144
JUDGED = 1_000  # validation molecules
WIDTHS = {"Coulomb matrix": 1_000.0, "bag of bonds": 300.0}  # hartree

Predict = Callable[[QM9, QM9], np.ndarray]


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("curves", help="errors on validation molecules")
    commands.add_parser("test", help="errors on all test molecules, once")
    steps = {"curves": curves, "test": test}
    steps[parser.parse_args().command]()


def curves() -> None:
    """Measure learning curves on validation molecules of the course."""
    split = qm9lib.load().split("dimenet")
    judged = split.valid[:JUDGED]
    models: dict[str, tuple[Predict, tuple[int, ...]]] = {
        "Coulomb matrix": (_coulomb, SIZES),
        "bag of bonds": (_bags, SIZES),
        "power spectrum": (_exact, SIZES),
        f"power spectrum, {WAVES:,} waves": (_waves, LARGE),
    }
    found = []
    for name, (predict, sizes) in models.items():
        points = []
        for size in sizes:
            start = time.perf_counter()
            predicted = predict(split.train[:size], judged)
            seconds = time.perf_counter() - start
            error = qm9lib.mae(predicted, judged.target("H"))
            points.append({"molecules": size, "mae": error, "seconds": seconds})
            print(f"{name}, {size:,}: {error:.3f} kcal/mol, {seconds:.0f} s", flush=True)
        found.append({"name": name, "points": points})
    _store(curves={"judged": len(judged), "unit": "kcal/mol", "models": found})


def test() -> None:
    """Measure the chosen models on the test set; refuse to do so again."""
    if "test" in _stored():
        raise SystemExit("the test set has been looked at: remove the record to do so again")
    qm9 = qm9lib.load()
    split = qm9.split("dimenet")
    rows = []
    for name, predict, size in (
        ("kernel, power spectrum", _exact, 1_000),
        ("kernel, power spectrum", _exact, 5_000),
        ("power spectrum, 4,096 waves", _few_waves, 5_000),
        (f"power spectrum, {WAVES:,} waves", _waves, 110_000),
    ):
        start = time.perf_counter()
        predicted = predict(split.train[:size], split.test)
        seconds = time.perf_counter() - start
        error = qm9lib.mae(predicted, split.test.target("H"))
        rows.append({"name": name, "molecules": size, "mae": error, "seconds": seconds})
        print(f"{name}, {size:,}: {error:.3f} kcal/mol, {seconds:.0f} s", flush=True)
    _store(test={"judged": len(split.test), "unit": "kcal/mol", "models": rows})


def _coulomb(train: QM9, others: QM9) -> np.ndarray:
    x, y = kernels.coulomb_matrices(train), kernels.coulomb_matrices(others)
    return kernels.predict(train, others, x, y, width=WIDTHS["Coulomb matrix"])


def _bags(train: QM9, others: QM9) -> np.ndarray:
    x, y = kernels.bags_of_bonds(train, train), kernels.bags_of_bonds(others, train)
    return kernels.predict(train, others, x, y, width=WIDTHS["bag of bonds"])


def _exact(train: QM9, others: QM9) -> np.ndarray:
    return kernel.fit(train, progress=True).predict(others, progress=True)


def _waves(train: QM9, others: QM9) -> np.ndarray:
    return kernel.fit(train, waves=WAVES, progress=True).predict(others, progress=True)


def _few_waves(train: QM9, others: QM9) -> np.ndarray:
    return kernel.fit(train, waves=4_096, progress=True).predict(others, progress=True)


def _stored() -> dict[str, Any]:
    path = ladder.FOLDER / "kernels.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _store(**parts: Any) -> None:
    made = {"environment": environment() | {"processors": str(os.cpu_count())}}
    record = _stored() | {name: part | made for name, part in parts.items()}
    with replacing(ladder.FOLDER / "kernels.json") as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
