"""Train a peer's network on exported molecules: SchNetPack's PaiNN, or PyTorch Geometric's SchNet.

Runs in the peers' own environment, without qm9lib. ``benchmarks/accuracy.py`` calls it:

    python benchmarks/peers/train.py --model schnetpack-painn --train FILE --seconds 15
    python benchmarks/peers/train.py --model ... --train FILE --valid FILE --seconds 600 --until 1

Neighbour lists are made before the clock starts. Without ``--valid`` all batches are collated
before, too, and a step is forward, backward and AdamW, no more. With ``--valid`` the recipe is
that of ``qm9lib.training``: new batches in every epoch, clipping, an average of the weights.

Prints one line of JSON; progress goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch_geometric.nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
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


def make_step(
    network: Callable[[Batch], torch.Tensor], optimizer: torch.optim.Optimizer, clip: float | None
) -> Callable[[Batch], None]:
    """Return the training step: absolute error, gradient, AdamW."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]

    def step(batch: Batch) -> None:
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.l1_loss(network(batch), batch.targets).backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(weights, clip)
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


def until(
    step: Callable[[Batch], None],
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    sets: tuple[Molecules, Molecules],
    options: argparse.Namespace,
) -> Iterator[tuple[float, float]]:
    """Train for some time; yield seconds and validation error after each epoch, and at the end."""
    train, valid = sets
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
    rng = np.random.default_rng(0)
    start, steps = time.perf_counter(), 0
    while (time.perf_counter() - start) < options.seconds:
        for batch in train.batches(options.batch, rng):
            done = (time.perf_counter() - start) / options.seconds
            if done >= 1.0:
                break
            # The learning rate rises, then falls along a cosine with the clock.
            rate = LEARNING_RATE * min(1.0, (steps + 1) / WARMUP)
            optimizer.param_groups[0]["lr"] = rate * 0.5 * (1.0 + math.cos(math.pi * done))
            step(batch)
            averaged.update_parameters(network)
            steps += 1
        measured = error(averaged, valid)
        seconds = time.perf_counter() - start
        print(f"{options.model}: {seconds:.0f} s, {measured:.3f} kcal/mol", file=sys.stderr)
        yield seconds, measured
        if measured <= options.until:
            return


def peak_memory() -> float:
    """Return the most memory that this process has had, in MB (Linux)."""
    # Not getrusage: what it tells starts at the memory of the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").open())
    return int(status["VmHWM"].split()[0]) / 1e3


def main() -> None:
    """Train, and print one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--train", type=Path, required=True, help=".npz of molecules")
    parser.add_argument("--valid", type=Path, help=".npz of molecules")
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--radial", type=int, default=8)
    parser.add_argument("--cutoff", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=15.0, help="of training")
    parser.add_argument("--until", type=float, default=0.0, help="kcal/mol at which to stop")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    options = parser.parse_args()

    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    train = Molecules(options.train, options.cutoff)
    network = MODELS[options.model](
        options.features, options.layers, options.radial, options.cutoff
    )
    # The networks read their number of molecules off a tensor, which would cut the program in two;
    # and as the batches differ in their numbers of atoms and pairs, one program has to do for all.
    torch._dynamo.config.capture_scalar_outputs = True
    called = torch.compile(network, dynamic=True) if options.compile else network
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True
    )
    result: dict[str, object] = {"parameters": sum(w.numel() for w in network.parameters())}
    if options.valid is None:
        batches = []
        for batch in train.batches(options.batch, np.random.default_rng(0)):
            batches.append(batch)
            if len(batches) == COLLATED:
                break
        step = make_step(called, optimizer, None)
        rate, first = speed(step, batches, options.seconds)
        result |= {"molecules per second": rate, "first steps (s)": first}
    else:
        step = make_step(called, optimizer, CLIP)
        sets = train, Molecules(options.valid, options.cutoff)
        for size in (options.batch, options.batch - 1):  # compiles, where that is asked for
            called(train.collate(np.arange(size))).sum().backward()
        result["history"] = list(until(step, network, optimizer, sets, options))
    result["memory (MB)"] = peak_memory()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
