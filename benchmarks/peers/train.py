"""Train a peer's network on exported molecules: SchNetPack's PaiNN, or PyTorch Geometric's SchNet.

Runs in the peers' own environment, without qm9lib. ``benchmarks/accuracy.py`` calls it:

    python benchmarks/peers/train.py --model schnetpack-painn --train FILE --seconds 15
    python benchmarks/peers/train.py --model schnetpack-painn --train FILE --valid FILE < RECIPES

Neighbour lists are made before the clock starts. Without ``--valid`` all batches are collated
before, too, and a step is forward, backward and AdamW, no more. With ``--valid`` each line of the
input is a recipe for a training (see ``benchmarks/race.py``), and all else is as in
``qm9lib.training``: new batches in every epoch, AdamW or Muon, warm-up and cosine, clipping, an
average of the weights. The clock of these trainings counts the seconds of the processor.

Prints a line of JSON for each training; before the first recipe, one with the versions.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import time
import typing
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch_geometric.nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import dataloader

# SchNetPack 2.1 imports this name, which it uses only to annotate, from where newer releases of
# PyTorch no longer have it.
if not hasattr(dataloader, "T_co"):
    dataloader.T_co = typing.TypeVar("T_co", covariant=True)

import schnetpack
from schnetpack import properties

LEARNING_RATE, WARMUP, CLIP, AVERAGE = 3e-3, 100, 1.0, 0.999  # those of qm9lib.training.Settings
WARM = 20  # steps before the clock starts, where only speed is measured
COLLATED = 200  # batches that are made in advance there
SIZES = (8, 32, 128, 31)  # of batches that are tried before a race: whatever compiles, does so then
MOMENTUM, NEWTON_SCHULZ = 0.95, (3.4445, -4.7750, 2.0315)  # Muon, as in optax and in torch.optim


class Batch(NamedTuple):
    """Molecules one after the other; pairs (i, j) of atoms that see each other."""

    atomic_numbers: torch.Tensor
    positions: torch.Tensor
    molecule: torch.Tensor  # of each atom
    i: torch.Tensor
    j: torch.Tensor
    targets: torch.Tensor


class Molecules:
    """Molecules of a file, with their neighbour lists."""

    def __init__(self, path: Path, cutoff: float) -> None:
        with np.load(path) as file:
            self.atomic_numbers = file["atomic_numbers"].astype(np.int64)
            self.positions = file["positions"]
            self.offsets = file["offsets"]
            self.targets = file["targets"]
            self.unit = float(file["unit"])
        i, j, self.edge_offsets = [], [], np.zeros(len(self) + 1, np.int64)
        for number, (start, end) in enumerate(zip(self.offsets, self.offsets[1:], strict=False)):
            x = self.positions[start:end]
            squared = np.sum((x[:, None] - x[None]) ** 2, axis=-1)
            np.fill_diagonal(squared, np.inf)
            receivers, senders = np.nonzero(squared < cutoff**2)
            i.append(receivers.astype(np.int8))
            j.append(senders.astype(np.int8))
            self.edge_offsets[number + 1] = self.edge_offsets[number] + len(receivers)
        self.i, self.j = np.concatenate(i), np.concatenate(j)

    def __len__(self) -> int:
        return len(self.targets)

    def collate(self, rows: np.ndarray) -> Batch:
        """Put the molecules in the given rows together."""
        atoms, n_atoms = spans(self.offsets, rows)
        edges, n_edges = spans(self.edge_offsets, rows)
        first = np.repeat(np.cumsum(n_atoms) - n_atoms, n_edges)
        arrays = (
            self.atomic_numbers[atoms],
            self.positions[atoms],
            np.repeat(np.arange(len(rows)), n_atoms),
            first + self.i[edges],
            first + self.j[edges],
            self.targets[rows],
        )
        return Batch(*map(torch.from_numpy, arrays))

    def batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield all molecules in random order, but for a last batch that would not be full."""
        rows = rng.permutation(len(self))
        for start in range(0, len(rows) - size + 1, size):
            yield self.collate(rows[start : start + size])


def spans(offsets: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of all entries of the given rows, and how many each row has."""
    lengths = offsets[rows + 1] - offsets[rows]
    shifts = offsets[rows] - (np.cumsum(lengths) - lengths)
    return np.arange(lengths.sum()) + np.repeat(shifts, lengths), lengths


class SchNetPackPaiNN(torch.nn.Module):
    """SchNetPack's PaiNN with its own distances, radial functions, cutoff and readout."""

    def __init__(self, features: int, layers: int, radial: int, cutoff: float) -> None:
        super().__init__()
        self.network = schnetpack.model.NeuralNetworkPotential(
            representation=schnetpack.representation.PaiNN(
                n_atom_basis=features,
                n_interactions=layers,
                radial_basis=schnetpack.nn.BesselRBF(radial, cutoff),
                cutoff_fn=schnetpack.nn.CosineCutoff(cutoff),
            ),
            input_modules=[schnetpack.atomistic.PairwiseDistances()],
            output_modules=[schnetpack.atomistic.Atomwise(features, output_key="energy")],
        )
        self.register_buffer("no_offset", torch.zeros(1, 3))

    def forward(self, batch: Batch) -> torch.Tensor:
        """Predict the molecules of a batch."""
        inputs = {
            properties.Z: batch.atomic_numbers,
            properties.R: batch.positions,
            properties.idx_m: batch.molecule,
            properties.idx_i: batch.i,
            properties.idx_j: batch.j,
            properties.offsets: self.no_offset,
        }
        return self.network(inputs)["energy"]


class PyGSchNet(torch.nn.Module):
    """PyTorch Geometric's SchNet, given the neighbour lists."""

    def __init__(self, features: int, layers: int, radial: int, cutoff: float) -> None:
        super().__init__()
        self.network = torch_geometric.nn.SchNet(
            hidden_channels=features,
            num_filters=features,
            num_interactions=layers,
            num_gaussians=radial,
            cutoff=cutoff,
            interaction_graph=self.edges,
        )
        self.batch: Batch | None = None

    def edges(self, positions: torch.Tensor, molecule: torch.Tensor) -> tuple:
        """Return pairs of atoms and their distances; without it, torch-cluster would be needed."""
        assert self.batch is not None
        i, j = self.batch.i, self.batch.j
        return torch.stack([j, i]), (positions[i] - positions[j]).norm(dim=-1)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Predict the molecules of a batch."""
        self.batch = batch
        return self.network(batch.atomic_numbers, batch.positions, batch.molecule).squeeze(-1)


MODELS = {"schnetpack-painn": SchNetPackPaiNN, "pyg-schnet": PyGSchNet}


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum and steps as long as Adam's: that of optax, to the last digits.

    PyTorch's own (``adjust_lr_fn="match_rms_adamw"``) computes in bfloat16 and takes one matrix
    after the other: 5 ms a step for the networks here, half as long as PyG's SchNet itself takes.
    Here, as in qm9lib, matrices of one shape are stacked: 1 ms or less.
    """

    def __init__(self, matrices: list[torch.Tensor]) -> None:
        super().__init__(matrices, {"lr": 0.0})

    @torch.no_grad()
    def step(self) -> None:
        """Change all matrices."""
        for group in self.param_groups:
            stacks = defaultdict(list)
            for matrix in group["params"]:
                stacks[tuple(matrix.shape)].append(matrix)
            for shape, stack in stacks.items():
                gradient = torch.stack([matrix.grad for matrix in stack])
                state = self.state[stack[0]]
                if not state:
                    state.update(momentum=torch.zeros_like(gradient), steps=0)
                state["steps"] += 1
                state["momentum"].lerp_(gradient, 1.0 - MOMENTUM)
                old = MOMENTUM / (1.0 - MOMENTUM ** (state["steps"] + 1))
                new = (1.0 - MOMENTUM) / (1.0 - MOMENTUM ** state["steps"])
                updates = orthogonal(old * state["momentum"] + new * gradient)
                length = 0.2 * math.sqrt(max(shape))
                torch._foreach_add_(stack, list(updates.unbind()), alpha=-length * group["lr"])


def orthogonal(stack: torch.Tensor) -> torch.Tensor:
    """Return about U V^T for each matrix U S V^T of a stack, by five steps of Newton and Schulz."""
    if stack.shape[1] > stack.shape[2]:
        return orthogonal(stack.mT).mT
    a, b, c = NEWTON_SCHULZ
    stack = stack / stack.norm(dim=(1, 2), keepdim=True).clamp(min=1e-8)
    for _ in range(5):
        gram = stack @ stack.mT
        stack = torch.baddbmm(
            stack, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), stack, beta=a
        )
    return stack


def optimizers_of(name: str, network: torch.nn.Module) -> list[torch.optim.Optimizer]:
    """Return the optimisers of that name in ``qm9lib.training``.

    There as here, Muon takes whatever has two axes, the embedding too. The filters are such a
    matrix in the peers; those of qm9lib have three axes, and so go to Adam with the biases.
    """
    weights = list(network.parameters())
    if name == "adamw":
        return [torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=0.0, fused=True)]
    rest = [weight for weight in weights if weight.ndim != 2]
    return [
        Muon([weight for weight in weights if weight.ndim == 2]),
        # So large a decay makes the momentum constant, as it is in optax.
        torch.optim.NAdam(rest, momentum_decay=1e4, foreach=True),
    ]


def make_step(
    network: Callable[[Batch], torch.Tensor],
    optimizers: Sequence[torch.optim.Optimizer],
    clip: float | None,
) -> Callable[[Batch], None]:
    """Return the training step: absolute error, gradient, update."""
    weights = [
        weight
        for optimizer in optimizers
        for group in optimizer.param_groups
        for weight in group["params"]
    ]

    def step(batch: Batch) -> None:
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.l1_loss(network(batch), batch.targets).backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(weights, clip)
        for optimizer in optimizers:
            optimizer.step()

    return step


def speed(
    step: Callable[[Batch], None], batches: list[Batch], seconds: float
) -> tuple[float, float]:
    """Return molecules per second, and the seconds that the first steps took."""
    start = time.perf_counter()
    for number in range(WARM):
        step(batches[number % len(batches)])
    begun, done, number = time.perf_counter(), 0, 0
    while (elapsed := time.perf_counter() - begun) < seconds:
        batch = batches[number % len(batches)]
        step(batch)
        done += len(batch.targets)
        number += 1
    return done / elapsed, begun - start


@torch.no_grad()
def error(network: Callable[[Batch], torch.Tensor], molecules: Molecules) -> float:
    """Return the mean absolute error in kcal/mol."""
    total = 0.0
    for rows in np.array_split(np.arange(len(molecules)), max(1, len(molecules) // 128)):
        batch = molecules.collate(rows)
        total += float((network(batch) - batch.targets).abs().sum())
    return molecules.unit * total / len(molecules)


def average(
    averaged: Sequence[torch.Tensor], current: Sequence[torch.Tensor], steps: torch.Tensor
) -> None:
    """Update the average of the weights; a young one forgets faster."""
    decay = min(AVERAGE, (1.0 + float(steps)) / (10.0 + float(steps)))
    torch._foreach_lerp_(averaged, current, 1.0 - decay)


def train_once(
    recipe: dict[str, Any],
    network: torch.nn.Module,
    called: Callable[[Batch], torch.Tensor],
    sets: tuple[Molecules, Molecules],
) -> dict[str, object]:
    """Train from new weights for some seconds of the processor; tell error and speed."""
    train, valid = sets
    averaged = AveragedModel(network, multi_avg_fn=average)
    optimizers = optimizers_of(recipe["optimizer"], network)
    step = make_step(called, optimizers, CLIP)
    rng = np.random.default_rng(recipe["seed"])
    start, steps, done, measured = time.process_time(), 0, 0.0, math.nan
    while done < 1.0:
        for batch in train.batches(recipe["batch"], rng):
            done = (time.process_time() - start) / recipe["seconds"]
            if done >= 1.0:
                break
            # The learning rate rises, then falls along a cosine with the clock.
            rate = recipe["learning_rate"] * min(1.0, (steps + 1) / WARMUP)
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate * 0.5 * (1.0 + math.cos(math.pi * done))
            step(batch)
            averaged.update_parameters(network)
            steps += 1
        seconds = time.process_time() - start
        measured = error(averaged, valid)  # after each pass, as `fit` does, and within the time
    return {
        "error": measured if math.isfinite(measured) else None,
        "molecules per second": steps * recipe["batch"] / seconds,
        "preparation (s)": 0.0,
    }


def serve(
    new_network: Callable[[], torch.nn.Module], train: Molecules, options: argparse.Namespace
) -> None:
    """Compile, if that is asked for; then train by each recipe of the input."""
    sets = train, Molecules(options.valid, options.cutoff)
    network = new_network()
    called = compiled(network) if options.compile else network
    for size in SIZES:
        called(train.collate(np.arange(size))).sum().backward()
    # The first steps of a process are slow.
    for name in ("adamw", "muon"):
        recipe = {"optimizer": name, "learning_rate": 1e-3, "batch": 32, "seconds": 1.0, "seed": 0}
        train_once(recipe, network, called, sets)
    packages = ("torch", "torch_geometric", "schnetpack", "numpy")
    facts = {
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in packages},
        },
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "preparation (s)": sum(os.times()[:4]),  # the compiler is a process of its own
    }
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        recipe = json.loads(line)
        torch.manual_seed(recipe["seed"])
        # The compiled program belongs to this network.
        network.load_state_dict(new_network().state_dict())
        print(json.dumps(train_once(recipe, network, called, sets)), flush=True)


def compiled(network: torch.nn.Module) -> Callable[[Batch], torch.Tensor]:
    """Return the network under ``torch.compile``."""
    # The networks read their number of molecules off a tensor, which would cut the program in two;
    # and as the batches differ in their numbers of atoms and pairs, one program has to do for all.
    torch._dynamo.config.capture_scalar_outputs = True
    return torch.compile(network, dynamic=True)


def peak_memory() -> float:
    """Return the most memory that this process has had, in MB (Linux)."""
    # Not getrusage: what it tells starts at the memory of the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").open())
    return int(status["VmHWM"].split()[0]) / 1e3


def main() -> None:
    """Train, and print JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--train", type=Path, required=True, help=".npz of molecules")
    parser.add_argument("--valid", type=Path, help=".npz of molecules, for recipes")
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--radial", type=int, default=8)
    parser.add_argument("--cutoff", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=15.0, help="of training")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    options = parser.parse_args()

    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    train = Molecules(options.train, options.cutoff)

    def new_network() -> torch.nn.Module:
        size = options.features, options.layers, options.radial, options.cutoff
        return MODELS[options.model](*size)

    if options.valid is not None:
        serve(new_network, train, options)
        return
    network = new_network()
    called = compiled(network) if options.compile else network
    batches = []
    for batch in train.batches(options.batch, np.random.default_rng(0)):
        batches.append(batch)
        if len(batches) == COLLATED:
            break
    step = make_step(called, optimizers_of("adamw", network), None)
    rate, first = speed(step, batches, options.seconds)
    result: dict[str, object] = {
        "parameters": sum(w.numel() for w in network.parameters()),
        "molecules per second": rate,
        "first steps (s)": first,
    }
    result["memory (MB)"] = peak_memory()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
