"""A fair race to a small error: all rivals with the same recipe, the same search, the same times.

Each rival is trained with each optimiser. Learning rate and batch size are searched for in the same
way for all: from the same start, with trainings of the same length, the best by validation error,
until no neighbour is better or the trainings are used up. With the best settings follow longer
trainings, of the same lengths for all. Every clock counts the seconds of the processor in a process
that has one core, so that it makes no difference what else the machine does; preparation and
compilation are told apart.

``benchmarks/accuracy.py --only race`` calls this. What was trained is kept in ``_build/race.json``,
where a race that was interrupted goes on. See the functions here for the rules; they need no rival.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from qm9lib.data.files import replacing

OPTIMIZERS = {"adamw": "AdamW", "muon": "Muon"}
Setting = tuple[float, int]
"""Learning rate and batch size."""

START: Setting = (3e-3, 32)
SMALLEST, LARGEST = 8, 128  # batches: smaller ones only waste time, larger ones take few steps
TRIALS = 12  # trainings at most in a search
TRY = 5.0  # core seconds of the training that tells which variant of a rival is fastest
GOAL = 1.0  # kcal/mol
UNIT = "core seconds (kcal/mol)"

Rivals = Mapping[str, Mapping[str, Sequence[object]]]
"""For each rival the commands of its variants."""


@dataclass(frozen=True)
class Training:
    """A training, and the validation error in kcal/mol at its end (None: not a number)."""

    rival: str
    optimizer: str
    learning_rate: float
    batch: int
    seconds: float
    seed: int
    error: float | None
    molecules_per_second: float


class RivalError(Exception):
    """A rival's process ended before its time."""


def ranked(errors: Mapping[Setting, float | None]) -> list[Setting]:
    """Return the settings with a finite error, best first."""
    return sorted(
        (setting for setting, error in errors.items() if error is not None),
        key=lambda setting: errors[setting] or 0.0,
    )


def next_trial(errors: Mapping[Setting, float | None]) -> Setting | None:
    """Return the setting to try next, or None if all neighbours of the best one were tried.

    Neighbours have twice or half the learning rate, or twice or half the batch size.
    """
    if not errors:
        return START
    best = ranked(errors)
    if not best:  # not a number so far
        return min(errors)[0] / 2, START[1]
    rate, batch = best[0]
    around = [(2 * rate, batch), (rate / 2, batch), (rate, batch // 2), (rate, 2 * batch)]
    for setting in around:
        if setting not in errors and SMALLEST <= setting[1] <= LARGEST:
            return setting
    return None


def edge(errors: Mapping[Setting, float | None]) -> str:
    """Say whether a search ended within what was tried."""
    best = ranked(errors)[0]
    if next_trial(errors) is not None:
        return f"not finished after {len(errors)} trainings"
    if best[1] in (SMALLEST, LARGEST):
        return "the best batch size is at the end of its range"
    return "all neighbours are worse"


def tried(trainings: Sequence[Training], rival: str, optimizer: str, seconds: float) -> Any:
    """Return the error of each setting of a search."""
    return {
        (one.learning_rate, one.batch): one.error
        for one in trainings
        if (one.rival, one.optimizer, one.seconds, one.seed) == (rival, optimizer, seconds, 0)
    }


def errors_at(
    trainings: Sequence[Training], rival: str, optimizer: str, seconds: float
) -> list[float]:
    """Return the errors after a length of the race, one for each seed."""
    found = [
        one.error
        for one in trainings
        if (one.rival, one.optimizer, one.seconds) == (rival, optimizer, seconds)
    ]
    return [float("inf") if error is None else error for error in found]


def summary(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be read of a record."""
    trainings = [Training(**one) for one in record["trainings"]]
    tuning, lengths = record["options"]["tuning (core s)"], record["options"]["lengths (core s)"]
    result: dict[str, Any] = {}
    for rival, facts in record["rivals"].items():
        result[f"{rival}: fastest"] = facts["fastest"]
        result[f"{rival}: parameters"] = facts["parameters"]
        result[f"{rival}: preparation and compilation (core s)"] = round(facts["preparation (s)"])
        reached = []
        for optimizer, name in OPTIMIZERS.items():
            errors = tried(trainings, rival, optimizer, tuning)
            if not ranked(errors):
                continue
            rate, batch = ranked(errors)[0]
            title = f"{rival}, {name}"
            result[f"{title}: learning rate"] = rate
            result[f"{title}: batch size"] = batch
            result[f"{title}: search"] = edge(errors)
            result[f"{title}: after {tuning:g} {UNIT}"] = round(errors[rate, batch], 2)
            for length in lengths:
                found = errors_at(trainings, rival, optimizer, length)
                if not found:
                    continue
                result[f"{title}: after {length:g} {UNIT}"] = round(fmean(found), 2)
                if found[1:]:
                    each = ", ".join(f"{error:.2f}" for error in found)
                    result[f"{title}: after {length:g} {UNIT}, each seed"] = each
                if fmean(found) <= GOAL:
                    reached.append(length)
            speeds = [
                one.molecules_per_second
                for one in trainings
                if (one.rival, one.optimizer, one.batch) == (rival, optimizer, batch)
                and one.seconds in lengths
            ]
            if speeds:
                result[f"{title}: molecules per core second"] = round(fmean(speeds))
        first = f"{min(reached):g}" if reached else "none"
        result[f"{rival}: first length with at most {GOAL:g} kcal/mol (core s)"] = first
    return result


def table(section: Mapping[str, Any]) -> str:
    """Return the table of the README, in Markdown."""
    record = section["record"]
    options = record["options"]
    times = [options["tuning (core s)"], *options["lengths (core s)"]]
    head = ["rival", "optimiser", "learning rate", "batch", "molecules / core s"]
    head += [f"{length:g} core s" for length in times]
    lines = [head, ["---"] * len(head)]
    for rival in record["rivals"]:
        for name in OPTIMIZERS.values():
            title = f"{rival}, {name}"
            lines.append(
                [rival, name]
                + [
                    str(section.get(f"{title}: {key}", "–"))
                    for key in ("learning rate", "batch size", "molecules per core second")
                ]
                + [str(section.get(f"{title}: after {length:g} {UNIT}", "–")) for length in times]
            )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def processor() -> dict[str, Any]:
    """Return the model of the processor, and whether it has AVX-512 (Linux)."""
    lines = (line.partition(":") for line in Path("/proc/cpuinfo").open())
    facts = {name.strip(): value.strip() for name, _, value in lines}
    return {
        "model": facts.get("model name", "unknown"),
        "family, model, stepping": ", ".join(
            facts.get(name, "?") for name in ("cpu family", "model", "stepping")
        ),
        "AVX-512": "avx512f" in facts.get("flags", "").split(),
    }


@contextlib.contextmanager
def one_core() -> Iterator[int]:
    """Keep this process and its children on one core (Linux)."""
    before = os.sched_getaffinity(0)
    core = max(before)
    os.sched_setaffinity(0, {core})
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)


class Process:
    """A variant of a rival, in a process of its own that starts with the first question."""

    def __init__(self, command: Sequence[object], scratch: Path) -> None:
        self.words = [str(word) for word in command]
        self.scratch = scratch
        self.child: subprocess.Popen[str] | None = None
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self.child is not None:
            self.child.__exit__(None, None, None)  # closes its input, and waits

    def start(self) -> subprocess.Popen[str]:
        """Start the process; keep what it says of itself in ``facts``."""
        print("..", " ".join(Path(word).name for word in self.words[1:]), file=sys.stderr)
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "XLA_FLAGS": os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false",
            # What one process compiles, the next one finds; but nothing from before.
            "JAX_COMPILATION_CACHE_DIR": str(self.scratch / "jax"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
            "TORCHINDUCTOR_CACHE_DIR": str(self.scratch / "inductor"),
            "TORCHINDUCTOR_COMPILE_THREADS": "1",
        }
        self.child = subprocess.Popen(
            self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.facts = self.answer(self.child)
        return self.child

    def answer(self, child: subprocess.Popen[str]) -> dict[str, Any]:
        """Return the next line of the process."""
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            raise RivalError(f"{' '.join(self.words)} ended with {child.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def train(self, rival: str, recipe: Mapping[str, Any]) -> Training:
        """Train by a recipe."""
        child = self.child or self.start()
        assert child.stdin is not None
        print(json.dumps(recipe), file=child.stdin, flush=True)
        outcome = self.answer(child)
        self.facts.setdefault("first preparation (s)", outcome.get("preparation (s)", 0.0))
        speed = outcome.get("molecules per second", 0.0)
        found = Training(rival, **recipe, error=outcome["error"], molecules_per_second=speed)
        print(f"   {found}", file=sys.stderr, flush=True)
        return found


def recipe_of(optimizer: str, setting: Setting, seconds: float, seed: int = 0) -> dict[str, Any]:
    """Return what a rival is told."""
    return {
        "optimizer": optimizer, "learning_rate": setting[0], "batch": setting[1],
        "seconds": seconds, "seed": seed,
    }  # fmt: skip


def facts_of(rival: str, variants: Mapping[str, Sequence[object]], scratch: Path) -> dict[str, Any]:
    """Try all variants of a rival for a moment; return what is known of the fastest one."""
    facts: dict[str, dict[str, Any]] = {}
    speeds: dict[str, float] = {}
    for variant, command in variants.items():
        with Process(command, scratch) as process:
            short = process.train(rival, recipe_of("adamw", START, TRY))
        facts[variant], speeds[variant] = process.facts, short.molecules_per_second
    best = max(speeds, key=lambda variant: speeds[variant])
    return {
        "fastest": best,
        "molecules per core second of each": {name: round(speed) for name, speed in speeds.items()},
        "versions": facts[best]["versions"],
        "parameters": facts[best]["parameters"],
        "preparation (s)": facts[best]["preparation (s)"] + facts[best]["first preparation (s)"],
    }


def hold(
    rivals: Rivals, scratch: Path, kept: Path, options: Mapping[str, Any], seeds: int
) -> dict[str, Any]:
    """Hold the race; return its summary, and the record that it comes from."""
    record: dict[str, Any] = {
        "options": dict(options), "processor": processor(), "rivals": {}, "trainings": [],
    }  # fmt: skip
    if kept.exists() and (before := json.loads(kept.read_text()))["options"] == options:
        print(f"   going on with {kept}", file=sys.stderr)
        record = before
    trainings = [Training(**one) for one in record["trainings"]]
    tuning, lengths = options["tuning (core s)"], options["lengths (core s)"]

    def keep() -> None:
        record["trainings"] = [asdict(one) for one in trainings]
        with replacing(kept) as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

    def search(process: Process, rival: str, optimizer: str) -> None:
        while len(errors := tried(trainings, rival, optimizer, tuning)) < TRIALS:
            setting = next_trial(errors)
            if setting is None:
                break
            trainings.append(process.train(rival, recipe_of(optimizer, setting, tuning)))
            keep()

    def race(process: Process, rival: str, optimizer: str, length: float, seeds: int) -> None:
        best = ranked(tried(trainings, rival, optimizer, tuning))[0]
        for seed in range(len(errors_at(trainings, rival, optimizer, length)), seeds):
            trainings.append(process.train(rival, recipe_of(optimizer, best, length, seed)))
            keep()

    def command(rival: str) -> Sequence[object]:
        return rivals[rival][record["rivals"][rival]["fastest"]]

    with one_core():
        for rival, variants in rivals.items():
            if rival not in record["rivals"]:
                record["rivals"][rival] = facts_of(rival, variants, scratch)
                keep()
        # One length after the other: a race that is stopped has compared all rivals at some.
        for length in lengths:
            for rival in rivals:
                with Process(command(rival), scratch) as process:
                    for optimizer in OPTIMIZERS:
                        search(process, rival, optimizer)
                        race(process, rival, optimizer, length, 1)
        # More seeds last, of the shortest length, with the optimiser that was better there.
        for rival in rivals:
            firsts = {
                optimizer: errors_at(trainings, rival, optimizer, lengths[0])[0]
                for optimizer in OPTIMIZERS
            }
            better = min(firsts, key=lambda optimizer: firsts[optimizer])
            with Process(command(rival), scratch) as process:
                race(process, rival, better, lengths[0], seeds)
    return {**summary(record), "record": record}
