"""Our power spectrum against SOAP of dscribe and FCHL19 of qmllib: speed and error.

Each describes the same molecules, in turns with the others; all features then go through the same
principal components and the same local kernel, whose width and ridge are chosen for each on
validation molecules that do not judge. So only the description differs. SOAP gets as many radial
functions and degrees as ours, and the same weight of distance; FCHL19 its own defaults.

    python benchmarks/kernels.py [--sizes 1000 5000] [--speed 1000]

Needs the environment ``.venv-kernels`` (``make bench-kernels`` makes it). Prints a table and writes
``benchmarks/results/kernels.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.linalg import cho_factor, cho_solve

import qm9lib
from qm9lib import QM9
from qm9lib.models import composition, descriptors
from qm9lib.models.descriptors import Atoms
from qm9lib.models.similarity import local_kernel

HERE = Path(__file__).parent
PYTHON = HERE.parent / ".venv-kernels" / "bin" / "python"
RESULT = HERE / "results" / "kernels.json"
ROUNDS = 3
AXES = 2_000  # atoms of an element whose components are taken
WIDTHS = (0.8, 0.95, 1.1, 1.35, 1.6)
RIDGES = (1e-8, 3e-8, 1e-7, 3e-7, 1e-6, 3e-6, 1e-5)
CHOOSING, JUDGING = slice(0, 500), slice(500, 5500)

Described = tuple[np.ndarray, float, str]


def ours(qm9: QM9, spectrum: descriptors.PowerSpectrum) -> Described:
    """Return features of all atoms in their order, and the seconds."""
    spectrum(qm9)  # every shape is compiled before the clock starts
    start = time.perf_counter()
    found = spectrum(qm9)
    seconds = time.perf_counter() - start
    width = max(atoms.features.shape[1] for atoms in found.values())
    features = np.zeros((len(qm9.atomic_numbers), width), np.float32)
    molecule = np.repeat(np.arange(len(qm9)), qm9.n_atoms)
    for z, atoms in found.items():
        rows = np.flatnonzero(qm9.atomic_numbers == z)
        assert np.array_equal(molecule[rows], atoms.molecule)
        features[rows, : atoms.features.shape[1]] = atoms.features
    return features, seconds, f"qm9lib {qm9lib.__version__}"


def theirs(name: str, qm9: QM9) -> Described:
    """Let the library describe the molecules in its own process."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "molecules.npz"), Path(folder, "features.npz")
        np.savez(
            source, atomic_numbers=qm9.atomic_numbers, positions=qm9.positions, offsets=qm9.offsets
        )
        options = (descriptors.RADIAL, descriptors.DEGREE, descriptors.CUTOFF)
        command = [PYTHON, HERE / "peers" / "represent.py", name, *options, source, target]
        subprocess.run([*map(str, command)], check=True)
        with np.load(target) as found:
            return found["features"], float(found["seconds"]), str(found["version"])


def compressed(train: QM9, features: np.ndarray, others: np.ndarray, z_others: np.ndarray) -> list:
    """Return both sets by element, cut down to principal components as ours are."""
    found: list[dict[int, np.ndarray]] = [{}, {}]
    for z in np.unique(train.atomic_numbers).tolist():
        own = features[train.atomic_numbers == z]
        middle = own.mean(axis=0)
        # Of fewer atoms than features: their products with each other have the same components.
        some = own[np.linspace(0, len(own) - 1, min(len(own), AXES)).astype(int)] - middle
        squares, ways = np.linalg.eigh(some.astype(np.float64) @ some.T)
        rank = int(np.sum(squares > 1e-10 * squares[-1]))
        kept = slice(None, -min(rank, descriptors.FEATURES) - 1, -1)
        leads = some.T @ (ways[:, kept] / np.sqrt(squares[kept])).astype(np.float32)
        leads /= np.float32(np.sqrt(squares[kept].sum() / len(some)))
        for part, rows in zip(found, (own, others[z_others == z]), strict=True):
            part[z] = rows @ leads - middle @ leads
    return found


def by_element(qm9: QM9, features: dict[int, np.ndarray]) -> dict[int, Atoms]:
    """Return atoms as a kernel takes them."""
    molecule = np.repeat(np.arange(len(qm9)), qm9.n_atoms)
    return {z: Atoms(x, molecule[qm9.atomic_numbers == z]) for z, x in features.items() if len(x)}


def error(train: QM9, valid: QM9, features: np.ndarray, others: np.ndarray) -> dict[str, float]:
    """Fit with the width and ridge that suit the features best; judge on other molecules."""
    own, more = compressed(train, features, others, valid.atomic_numbers)
    a, b = by_element(train, own), by_element(valid, more)
    reference = composition.fit(train, "H")
    y, truth = (reference.residual(part, "kcal/mol") for part in (train, valid))
    n, best = len(train), {"chosen": np.inf}
    for width in WIDTHS:
        matrix = local_kernel(a, a, (n, n), width=width)
        between = local_kernel(b, a, (len(valid), n), width=width)
        for ridge in RIDGES:
            added = matrix + ridge * np.mean(np.diag(matrix)) * np.eye(n)
            try:
                alpha = cho_solve(cho_factor(added, lower=True), y - y.mean())
            except np.linalg.LinAlgError:
                continue
            off = np.abs(between @ alpha + y.mean() - truth)
            if off[CHOOSING].mean() < best["chosen"]:
                best = {
                    "chosen": float(off[CHOOSING].mean()), "mae": float(off[JUDGING].mean()),
                    "width": width, "ridge": ridge,
                }  # fmt: skip
    return best


def main() -> None:
    """Measure speed in turns, then errors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 5_000])
    parser.add_argument("--speed", type=int, default=1_000, help="molecules to measure speed on")
    options = parser.parse_args()
    split = qm9lib.load().split("dimenet")
    spectrum = descriptors.fit(split.train[:1_000])
    describe: dict[str, Callable[[QM9], Described]] = {
        "ours": lambda qm9: ours(qm9, spectrum),
        "SOAP": lambda qm9: theirs("soap", qm9),
        "FCHL19": lambda qm9: theirs("fchl19", qm9),
    }
    some = split.train[: options.speed]
    rows: dict[str, dict] = {name: {"seconds": [], "errors": {}} for name in describe}
    for _ in range(ROUNDS):
        for name, make in describe.items():
            features, seconds, rows[name]["version"] = make(some)
            rows[name] |= {"features": features.shape[1]}
            rows[name]["seconds"].append(seconds)
    valid = split.valid[: JUDGING.stop]
    for size in options.sizes:
        train = split.train[:size]
        for name, make in describe.items():
            found = error(train, valid, make(train)[0], make(valid)[0])
            rows[name]["errors"][str(size)] = found
            print(f"{name}, {size:,} molecules: {found['mae']:.3f} kcal/mol", flush=True)
    atoms = len(some.atomic_numbers)
    for name, row in rows.items():
        row["atoms per second"] = atoms / statistics.median(row["seconds"])
        ratio = row["atoms per second"] / rows["ours"].get("atoms per second", 1)
        print(f"{name:8} {row['atoms per second']:10,.0f} atoms/s ({ratio:.2f} of ours), "
              f"{row['features']:,} features, {row['version']}")  # fmt: skip
    machine = {"processors": os.cpu_count(), "machine": platform.machine()}
    RESULT.write_text(
        json.dumps({"atoms": atoms, "machine": machine, "models": rows}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
