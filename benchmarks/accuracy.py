"""Training of our PaiNN against peers: speed, race to an accuracy, operations, scaling, devices.

The peers are SchNetPack's PaiNN and PyTorch Geometric's SchNet, in their own environment, at equal
width, depth, cutoff and, but for the race, number of radial functions and batch size. All train on
the same molecules of the dimenet split, each in a process of its own.

- throughput: molecules per second of the training step, and peak memory. Of the peers the fastest
  of one and two threads is taken; their batches are made in advance. With ``--compile`` they run a
  second time, under ``torch.compile``, which neither of them does by itself. In turns.
- race: validation error after given core seconds, the same for all, and the first of these lengths
  with at most 1 kcal/mol. AdamW for everybody and Muon for everybody, learning rate and batch size
  of each searched for in the same way; of the peers the faster of plain and compiled. See
  ``race.py``. An hour and a quarter.
- flops: operations per second of our step, against a product of large matrices; and its parts.
- scaling: our throughput and memory with more molecules.
- devices: our throughput on several virtual devices, at a batch of 64.

    make bench-peers
    python benchmarks/accuracy.py --only race    (Linux)

Prints a table and writes ``benchmarks/results/accuracy.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import race as races

import qm9lib
from qm9lib import convert
from qm9lib.models import composition

HERE = Path(__file__).parent
RESULT = HERE / "results" / "accuracy.json"
KEPT = HERE.parent / "_build" / "race.json"
PEERS = {"schnetpack-painn": "SchNetPack PaiNN", "pyg-schnet": "PyG SchNet"}
VARIANTS: dict[str, tuple[object, ...]] = {
    "1 thread": ("--threads", 1),
    "2 threads": ("--threads", 2),
}
COMPILED = {f"{name}, compiled": (*words, "--compile") for name, words in VARIANTS.items()}
WIDTHS = (32, 64)
ROUNDS = 3
MOLECULES = 8192  # that throughput is measured on
VALID = 1000
WIDTH = 32  # in the race
ENOUGH_MINUTES = 30.0  # for a child that only measures speed, compilation included


class PeerError(Exception):
    """The peers' environment is missing, or a peer does not run in it."""


def child(command: list[object], minutes: float = ENOUGH_MINUTES) -> dict[str, Any]:
    """Run a command in a fresh process; return what it prints, and its wall time."""
    start = time.perf_counter()
    words = [str(word) for word in command]
    print("..", " ".join(Path(word).name for word in words[1:]), file=sys.stderr, flush=True)
    out = subprocess.run(words, check=True, stdout=subprocess.PIPE, timeout=60 * minutes)
    result = json.loads(out.stdout.splitlines()[-1])
    return {**result, "wall (s)": time.perf_counter() - start}


def ours(section: str, *arguments: object) -> dict[str, Any]:
    """Run a section of ``ours.py``."""
    return child([sys.executable, HERE / "ours.py", section, *arguments])


def peer(model: str, options: argparse.Namespace, *arguments: object) -> dict[str, Any]:
    """Run ``peers/train.py`` in the peers' environment."""
    return child([*peer_command(model, options), *arguments])


def peer_command(model: str, options: argparse.Namespace) -> list[object]:
    """Return the command that trains a peer."""
    if not options.peers.exists():
        raise PeerError(f"there is no {options.peers}: `make bench-peers` installs it")
    return [options.peers, HERE / "peers" / "train.py", "--model", model]


def export(train: qm9lib.QM9, valid: qm9lib.QM9, folder: Path) -> tuple[Path, Path]:
    """Write two sets for the peers, with the target that `qm9lib.training.fit` makes of them."""
    reference = composition.fit(train, "H")
    residual = reference.residual(train)
    mean, scale = float(residual.mean()), float(residual.std())
    folder.mkdir(exist_ok=True)
    paths = folder / "train.npz", folder / "valid.npz"
    for path, part in zip(paths, (train, valid), strict=True):
        np.savez(
            path,
            atomic_numbers=part.atomic_numbers,
            positions=part.positions.astype(np.float32),
            offsets=part.offsets,
            targets=((reference.residual(part) - mean) / scale).astype(np.float32),
            unit=convert(scale, "hartree", "kcal/mol"),
        )
    return paths


def fastest_variant(
    model: str,
    options: argparse.Namespace,
    common: tuple[object, ...],
    variants: dict[str, tuple[object, ...]],
) -> tuple[str, tuple[object, ...]]:
    """Return which of some variants makes a peer fast on this machine: its name, its arguments."""
    tried = {}
    for variant in variants.items():
        measured = peer(model, options, *common, *variant[1], "--seconds", options.seconds / 3)
        tried[variant] = measured["molecules per second"]
        print(f"   {variant[0]}: {tried[variant]:.0f} molecules/s", file=sys.stderr)
    return max(tried, key=lambda variant: tried[variant])


def throughput(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Compare the training steps."""
    train, valid, _ = qm9lib.load().split("dimenet")
    path, _ = export(train[:MOLECULES], valid[:VALID], folder)
    result: dict[str, Any] = {}
    for width in WIDTHS:
        common = ("--train", path, "--features", width)
        # As it comes and, if asked for, compiled: rivals of their own.
        rivals = {
            title + suffix: (model, *fastest_variant(model, options, common, variants))
            for model, title in PEERS.items()
            for suffix, variants in [("", VARIANTS), (" compiled", COMPILED)][: 1 + options.compile]
        }
        mine = ("--features", width, "--molecules", MOLECULES)
        once = ours("speed", *mine, "--epochs", 3)["molecules per second"]
        epochs = 1 + math.ceil(options.seconds * once / MOLECULES)
        best: dict[str, dict[str, Any]] = {}
        # In turns, and the best of each: what else the machine does then hits all alike.
        for _ in range(options.rounds):
            keep(best, "ours", ours("speed", *mine, "--epochs", epochs))
            for title, (model, _, words) in rivals.items():
                seconds = ("--seconds", options.seconds)
                keep(best, title, peer(model, options, *common, *words, *seconds))
        speed = best["ours"]["molecules per second"]
        for name, measured in best.items():
            title = f"{width} features, {name}"
            result[f"{title} (molecules/s)"] = round(measured["molecules per second"])
            result[f"{title}: memory (MB)"] = round(measured["memory (MB)"])
            result[f"{title}: parameters"] = measured["parameters"]
            if name in rivals:
                result[f"{title}: fastest with"] = rivals[name][1]
                ratio = speed / measured["molecules per second"]
                result[f"{title}: ours is faster by"] = round(ratio, 2)
    return result


def keep(best: dict[str, dict[str, Any]], name: str, measured: dict[str, Any]) -> None:
    """Keep the fastest run of each."""
    speed = "molecules per second"
    if name not in best or measured[speed] > best[name][speed]:
        best[name] = measured


def race(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Compare the errors after the same core seconds, with the same recipe and search for all."""
    train, valid, _ = qm9lib.load().split("dimenet")
    paths = export(train, valid[:VALID], folder)
    size = ("--features", WIDTH)
    mine: list[object] = [sys.executable, HERE / "ours.py", "race", *size]
    rivals: dict[str, dict[str, list[object]]] = {
        "ours": {"compiled": [*mine, "--valid", VALID, "--devices", 1]}
    }
    radial = {}
    for model, title in PEERS.items():
        # SchNet was published with more radial functions; it is not to fail for want of them.
        radial[title] = 50 if model == "pyg-schnet" else 8
        command = [
            *peer_command(model, options), *size, "--radial", radial[title],
            "--train", paths[0], "--valid", paths[1], "--threads", 1,
        ]  # fmt: skip
        rivals[title] = {"as it comes": command, "compiled": [*command, "--compile"]}
    chosen = {
        "tuning (core s)": options.tuning,
        "lengths (core s)": sorted(options.lengths),
        "start of the search (learning rate, batch)": list(races.START),
        "trainings of a search, at most": races.TRIALS,
        "batch sizes": [races.SMALLEST, races.LARGEST],
        "training molecules": len(train),
        "validation molecules": VALID,
        "features": WIDTH,
        "layers": 3,
        "cutoff (Å)": 5.0,
        "radial functions": {"ours": 8, **radial},
        "cores": 1,
    }
    result = races.hold(rivals, folder, KEPT, chosen, options.seeds)
    print(races.table(result))
    return result


def flops(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure the operations per second of our step, and its parts."""
    result = {}
    for width in WIDTHS:
        for name, value in ours("flops", "--features", width, "--molecules", MOLECULES).items():
            if name not in ("memory (MB)", "wall (s)"):
                result[f"{width} features, {name}"] = round(value, 3 if value < 10 else 1)
    return result


def scaling(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure our training with more and more molecules."""
    result = {}
    for n in options.molecules:
        epochs = 1 + max(1, 20_000 // n)
        measured = ours("speed", "--molecules", n, "--epochs", epochs)
        result[f"{n:,} molecules (molecules/s)"] = round(measured["molecules per second"])
        result[f"{n:,} molecules: memory (MB)"] = round(measured["memory (MB)"])
    return result


def devices(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure our training on more and more virtual devices."""
    result = {}
    for n in (1, 2, 4, 8):
        measured = ours("speed", "--molecules", MOLECULES, "--batch", 64, "--devices", n)
        result[f"{n} virtual devices (molecules/s)"] = round(measured["molecules per second"])
    return result


SECTIONS = {
    "throughput": throughput,
    "race": race,
    "flops": flops,
    "scaling": scaling,
    "devices": devices,
}


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=list(SECTIONS))
    parser.add_argument("--seconds", type=float, default=15.0, help="of a run, for throughput")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="for throughput")
    parser.add_argument(
        "--tuning", type=float, default=20.0, help="core seconds of each training of a search"
    )
    parser.add_argument(
        "--lengths", type=float, nargs="+", default=[120.0, 300.0], help="core seconds of the race"
    )
    parser.add_argument(
        "--seeds", type=int, default=2, help="for the shortest length and the better optimiser"
    )
    parser.add_argument(
        "--compile", action="store_true", help="try torch.compile for the peers, too: minutes each"
    )
    parser.add_argument(
        "--molecules", type=int, nargs="+", default=[1_000, 10_000, 110_000], help="for scaling"
    )
    parser.add_argument(
        "--peers", type=Path, default=HERE.parent / ".venv-peers" / "bin" / "python",
        help="Python of the peers' environment",
    )  # fmt: skip
    options = parser.parse_args()

    # Sections that are not measured now keep what is there.
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for section in options.only:
        with tempfile.TemporaryDirectory() as folder:
            measured = SECTIONS[section](options, Path(folder))
        print(section)
        for key, value in measured.items():
            if key != "record":
                print(f"  {key:70} {value}")
        result[section] = {
            **measured,
            "processors": os.cpu_count(),
            "machine": platform.machine(),
            "python": platform.python_version(),
        }
        RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
        if section == "race":
            KEPT.unlink()  # the next race is a new one
    print(f"written to {RESULT.relative_to(HERE.parent)}")


if __name__ == "__main__":
    try:
        main()
    except (PeerError, races.RivalError) as error:
        raise SystemExit(f"error: {error}") from error
