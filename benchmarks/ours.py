"""Train our PaiNN for ``benchmarks/accuracy.py``, each time in a process of its own.

    python benchmarks/ours.py speed --features 32 --epochs 10
    python benchmarks/ours.py speed --molecules 110000 --epochs 2 --batch 64 --devices 2
    python benchmarks/ours.py race --devices 1 < RECIPES
    python benchmarks/ours.py flops --features 32

Prints one line of JSON; ``race`` prints one for each recipe, and one before (see ``race.py``).
Compilation is not counted; ``race`` tells how many seconds it took.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import qm9lib
from qm9lib import training
from qm9lib.errors import DataError
from qm9lib.models import painn
from qm9lib.models.graphs import SIZES, Batch, bucketed

LAYERS, RADIAL, CUTOFF = 3, 8, 5.0
REPEATS = 30
SIDE = 2048  # of the matrices whose product is the measure


def speed(options: argparse.Namespace) -> dict[str, Any]:
    """Measure `qm9lib.training.fit` after its first epoch."""
    train = qm9lib.load().split("dimenet").train[: options.molecules]
    seconds = epochs(train, options)
    return {
        "molecules per second": len(train) / float(np.mean(seconds)),
        "parameters": n_parameters(options.features),
    }


def mesh_of(options: argparse.Namespace) -> jax.sharding.Mesh:
    """Return the virtual devices."""
    return jax.make_mesh((options.devices,), ("batch",))


def epochs(train: qm9lib.QM9, options: argparse.Namespace) -> np.ndarray:
    """Train; return the seconds of each epoch but the first."""
    settings = training.Settings.for_painn(epochs=options.epochs, batch_size=options.batch)
    valid = qm9lib.load().split("dimenet").valid
    # Few and small ones: validation is not what is measured.
    valid = valid[np.flatnonzero(valid.n_atoms <= SIZES[0])[:32]]
    _, run = training.fit(
        new_network(options.features), train, valid, settings=settings, progress=False,
        mesh=mesh_of(options),
    )  # fmt: skip
    return np.diff([epoch.seconds for epoch in run.history])


class Stopwatch:
    """Seconds of the processor since `fit` was ready: it asks at its start, then before each step.

    The first step compiles the update, so this clock starts with the second.
    """

    BEFORE = 4  # at the start; when compiled; before the first step; before the second

    def __init__(self) -> None:
        self.asked, self.started, self.preparation = 0, 0.0, 0.0

    def __call__(self) -> float:
        """Return the seconds; the first questions get 0."""
        now = time.process_time()
        self.asked += 1
        if self.asked == 1:
            self.started = now
        elif self.asked == self.BEFORE:
            self.preparation, self.started = now - self.started, now
        return 0.0 if self.asked <= self.BEFORE else now - self.started


def steps_of(clock: Stopwatch, run: training.Run) -> int:
    """Return the number of steps of a training, from how often it asked."""
    # Before each step and around each pass; once at the start, and twice to see that time is up.
    return clock.asked - 3 - 2 * len(run.history)


def race(options: argparse.Namespace) -> None:
    """Train by each recipe of the input, for its core seconds; tell error and speed."""
    train, valid, _ = qm9lib.load().split("dimenet")
    train, valid = train[: options.molecules], valid[: options.valid]
    facts = {
        "versions": training.run.environment(),
        "parameters": n_parameters(options.features),
        "preparation (s)": sum(os.times()[:4]),
    }
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        recipe = json.loads(line)
        settings = training.Settings.for_painn(
            optimizer=recipe["optimizer"], learning_rate=recipe["learning_rate"],
            batch_size=recipe["batch"], minutes=recipe["seconds"] / 60.0, seed=recipe["seed"],
        )  # fmt: skip
        network, clock = new_network(options.features, recipe["seed"]), Stopwatch()
        try:
            _, run = training.fit(
                network, train, valid, settings=settings, progress=False, clock=clock
            )
        except DataError as error:  # the learning rate was far too large
            print(error, file=sys.stderr)
            outcome = {"error": None}
        else:
            error = run.history[-1].valid_mae
            molecules = steps_of(clock, run) * settings.batch_size
            outcome = {
                "error": error if np.isfinite(error) else None,
                "molecules per second": molecules / recipe["seconds"],
                "preparation (s)": clock.preparation,
            }
        print(json.dumps(outcome), flush=True)


def flops(options: argparse.Namespace) -> dict[str, Any]:
    """Measure a step on the most frequent size of molecules, its parts, and a large product.

    The parts are those of one chunk, on one device; the step is of all chunks on all devices.
    """
    train = qm9lib.load().split("dimenet").train
    # All of these are padded to one size.
    train = train[np.flatnonzero(np.searchsorted(SIZES, train.n_atoms) == 2)[: options.molecules]]
    (bucket,) = bucketed(train)
    rows = jnp.arange(training.Settings.for_painn().chunk_size, dtype=jnp.int32)
    targets = jax.random.normal(jax.random.key(0), (len(train),))
    network = new_network(options.features)
    weights, static = eqx.partition(network, eqx.is_inexact_array)

    def loss(weights: Any, bucket: Batch, targets: jax.Array, rows: jax.Array) -> jax.Array:
        network = eqx.combine(weights, static)
        predicted = jax.vmap(network)(bucket.atomic_numbers[rows], bucket.positions[rows])
        return jnp.mean(jnp.abs(predicted - targets[rows]))

    # Arguments, not constants: XLA would work them out in advance.
    arguments = weights, bucket, targets, rows
    gradient = jax.jit(jax.grad(loss)).lower(*arguments).compile()
    counted = cast("dict[str, float]", gradient.cost_analysis())["flops"]  # without sines, roots
    products = matrix_products(jax.make_jaxpr(jax.grad(loss))(*arguments).jaxpr)
    in_products = sum(operations(*product) for product in products)
    factors = [
        (jnp.ones(left), jax.random.normal(jax.random.key(0), right)) for left, right, _ in products
    ]

    def alone(factors: list[tuple[jax.Array, jax.Array]]) -> list[jax.Array]:
        return [
            jax.lax.dot_general(left, right, dimensions)
            for (left, right), (*_, dimensions) in zip(factors, products, strict=True)
        ]

    def geometry(bucket: Batch, rows: jax.Array) -> painn.Edges:
        mask = bucket.atomic_numbers[rows] > 0
        return jax.vmap(lambda x, mask: painn.Edges(x, mask, RADIAL, CUTOFF))(
            bucket.positions[rows], mask
        )

    square = jax.random.normal(jax.random.key(0), (SIDE, SIDE))
    # In turns: what else the machine does then hits all alike.
    seconds = fastest(
        {
            "forward": compiled(loss, *arguments),
            "gradient": lambda: gradient(*arguments),
            "geometry": compiled(geometry, bucket, rows),
            "products": compiled(alone, factors),
            "large": compiled(jnp.matmul, square, square),
        }
    )
    seconds["step"] = float(epochs(train, options).min()) / -(-len(train) // options.batch)
    chunks = options.batch / training.Settings.for_painn().chunk_size
    large = 2 * SIDE**3 / seconds["large"] / 1e9
    return {
        "atoms, padded": bucket.positions.shape[1],
        "operations of a chunk in matrix products (millions)": in_products / 1e6,
        "operations of a chunk, all, as XLA counts (millions)": counted / 1e6,
        f"step of fit, {chunks:g} chunks (ms)": 1e3 * seconds["step"],
        "a chunk's gradient, forward and backward (ms)": 1e3 * seconds["gradient"],
        "a chunk's forward pass (ms)": 1e3 * seconds["forward"],
        "a chunk's distances and radial functions alone (ms)": 1e3 * seconds["geometry"],
        "a chunk's matrix products alone (ms)": 1e3 * seconds["products"],
        "step of fit, matrix products (GFLOP/s)": chunks * in_products / seconds["step"] / 1e9,
        "gradient, matrix products (GFLOP/s)": in_products / seconds["gradient"] / 1e9,
        "gradient, all operations (GFLOP/s)": counted / seconds["gradient"] / 1e9,
        "matrix products alone (GFLOP/s)": in_products / seconds["products"] / 1e9,
        f"product of {SIDE} x {SIDE} matrices (GFLOP/s)": large,
        "step of fit: part of that rate (%)": chunks * in_products / seconds["step"] / large / 1e7,
    }


def matrix_products(jaxpr: Any) -> list[tuple[Any, Any, Any]]:
    """Return the shapes and the dimension numbers of all matrix products in a program."""
    found = []
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            left, right = (variable.aval.shape for variable in equation.invars)
            found.append((left, right, equation.params["dimension_numbers"]))
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                found += matrix_products(inner)
    return found


def operations(left: tuple[int, ...], right: tuple[int, ...], dimensions: Any) -> int:
    """Return the additions and multiplications of a matrix product."""
    (_, contracted), (_, batched) = dimensions
    free = [size for i, size in enumerate(right) if i not in (*contracted, *batched)]
    return 2 * int(np.prod(left)) * int(np.prod(free))


def compiled(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """Return a compiled call of a function."""
    program = jax.jit(function).lower(*arguments).compile()
    return lambda: program(*arguments)


def fastest(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the least seconds of each call."""
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(REPEATS):
        for name, call in calls.items():
            jax.block_until_ready(call())  # as in a loop: with its arrays in the caches
            start = time.perf_counter()
            jax.block_until_ready(call())
            least[name] = min(least[name], time.perf_counter() - start)
    return least


def new_network(features: int, seed: int = 0) -> painn.PaiNN:
    """Return an untrained network of the size that is compared."""
    return painn.PaiNN(features, LAYERS, RADIAL, CUTOFF, key=jax.random.key(seed))


def n_parameters(features: int) -> int:
    """Return the number of weights of that network."""
    weights = eqx.filter(new_network(features), eqx.is_inexact_array)
    return sum(leaf.size for leaf in jax.tree.leaves(weights))


def peak_memory() -> float:
    """Return the most memory that this process has had, in MB (Linux)."""
    # Not getrusage: what it tells starts at the memory of the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").open())
    return int(status["VmHWM"].split()[0]) / 1e3


def main() -> None:
    """Run a section and print JSON."""
    sections = {"speed": speed, "flops": flops}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("section", choices=[*sections, "race"])
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--molecules", type=int, default=110_000, help="to train on")
    parser.add_argument("--valid", type=int, default=1000, help="to validate on, for race")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3, help="one more than is measured")
    parser.add_argument("--devices", type=int, default=2, help="virtual ones")
    options = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", options.devices)
    if options.section == "race":
        race(options)
        return
    result = sections[options.section](options)
    print(json.dumps({**result, "memory (MB)": peak_memory()}))


if __name__ == "__main__":
    main()
