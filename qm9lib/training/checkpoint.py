"""The state of a training in a file, from which it resumes to give the same bits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from qm9lib.data.files import damaged, read_safetensors, write_safetensors
from qm9lib.errors import DataError
from qm9lib.training.run import Run

_FORMAT = "qm9lib-checkpoint-1"


class State(NamedTuple):
    """The state that a step changes: weights, moving average, Adam's moments, number of steps."""

    weights: Float[Array, " weights"]
    averaged: Float[Array, " weights"]
    optimizer: optax.OptState
    steps: Int[Array, ""]


def write(path: Path, state: State, best: Array, run: Run) -> None:
    """Write state, best weights and record, replacing the last checkpoint."""
    leaves = {str(i): np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
    metadata = {"format": _FORMAT, "run": json.dumps(run.to_dict())}
    write_safetensors(path, {**leaves, "best": np.asarray(best)}, metadata)


def read(path: Path, state: State, run: Run) -> tuple[State, Array]:
    """Return state and best weights of a checkpoint, and put its history into the run."""
    what, remedy = "checkpoint", "name another file to start afresh"
    metadata, found = read_safetensors(path, _FORMAT, what, remedy)
    try:
        stored = Run.from_dict(json.loads(metadata["run"]))
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise damaged(path, what, remedy, f"its record: {error!r:.200}") from error
    if not stored.history:
        raise damaged(path, what, remedy, "it records no epoch")
    before, now = stored.to_dict(), run.to_dict()
    if stored.settings.minutes and run.settings.minutes:  # by the clock, no two are alike
        before["settings"]["minutes"] = now["settings"]["minutes"]
    different = [
        f"{name} was {old!r} and is {new!r}"
        for name, old, new in _different(before, now)
        if name not in ("history", "environment")
    ]
    if different:
        raise DataError(
            f"{path} belongs to another training: {'; '.join(different)}. Name another file to "
            "start afresh"
        )
    expected = {str(i): leaf for i, leaf in enumerate(jax.tree.leaves(state))}
    expected["best"] = state.weights
    if {name: (a.shape, a.dtype) for name, a in found.items()} != {
        name: (a.shape, a.dtype) for name, a in expected.items()
    }:
        raise damaged(path, what, remedy, "its arrays are not those of this network")
    leaves = [jnp.asarray(found[name]) for name in expected]
    best = leaves.pop()
    run.history.extend(stored.history)
    return jax.tree.unflatten(jax.tree.structure(state), leaves), best


def _different(before: dict[str, Any], now: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the names under which two records differ, with both values; tables by entry."""
    for name in now:
        old, new = before.get(name), now[name]
        if name in ("settings", "network") and isinstance(old, dict):
            yield from _different(old, new)
        elif old != new:
            yield name, old, new
