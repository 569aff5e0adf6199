"""The settings of a training, and its record."""

from __future__ import annotations

import hashlib
import math
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from qm9lib.data.dataset import QM9
from qm9lib.errors import UnknownNameError
from qm9lib.training import optimizers

DEVIATIONS = "standard deviations"
"""Unit of errors that are averages over several labels."""


@dataclass(frozen=True)
class Settings:
    """How a network is trained.

    Attributes
    ----------
    epochs
        Passes over the training molecules.
    minutes
        Time that training may take, compilation included, instead of a number of epochs. The
        learning rate then falls with the clock, so that the result depends on the machine.
    batch_size
        Molecules per step.
    chunk_size
        Molecules of its share of the batch whose gradient a device computes at a time; by default
        all of them. A few at a time stay in a processor's cache, which a wide network needs.
    loss
        ``"squared"`` error or ``"absolute"`` error, averaged over the batch.
    optimizer
        ``"adamw"`` or ``"muon"``; see `qm9lib.training.optimizers.make`.
    learning_rate
        Highest step size, reached after ``warmup`` steps; falls to 0 along a cosine.
    warmup
        Steps until the highest learning rate.
    weight_decay
        Decoupled weight decay (Loshchilov and Hutter 2019); 0 for plain Adam.
    clip
        Largest norm of the gradient; a longer gradient is shortened to this.
    average
        Decay of the exponential moving average of the weights; this average is what is kept.
    patience
        Epochs without a better validation error before training stops; by default it never does.
    seed
        Seed of the order of the molecules. (The initial weights come with the network.)
    """

    epochs: int = 100
    minutes: float | None = None
    batch_size: int = 32
    chunk_size: int | None = None
    loss: str = "squared"
    optimizer: str = "adamw"
    learning_rate: float = 3e-3
    warmup: int = 100
    weight_decay: float = 0.0
    clip: float = 1.0
    average: float = 0.999
    patience: int | None = None
    seed: int = 0

    def rate(self, progress: float, step: int) -> float:
        """Return the learning rate of a step (from 0), given how much of the training is done."""
        rising = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return self.learning_rate * rising * 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))

    @classmethod
    def for_painn(cls, **changes: Any) -> Settings:
        """Return settings to train a `qm9lib.models.painn.PaiNN` fast: ``python -m qm9lib train``.

        Muon on the absolute error, at a learning rate of 0.006. Chunks of four molecules suit
        processors; give ``chunk_size=None`` for a device with enough memory.

        Examples
        --------
        >>> Settings.for_painn(minutes=3.0).optimizer
        'muon'
        """
        recipe = {"optimizer": "muon", "loss": "absolute", "learning_rate": 6e-3, "chunk_size": 4}
        return cls(**{**recipe, **changes})

    def __post_init__(self) -> None:
        for name in (
            "epochs", "minutes", "batch_size", "chunk_size", "learning_rate", "clip", "patience",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, not {value!r}")
            if value == math.inf:
                raise ValueError(f"{name} must be finite, not {value!r}")
            whole = name in ("epochs", "batch_size", "chunk_size", "patience")
            if value is not None and whole and value != int(value):
                raise ValueError(f"{name} must be a whole number, not {value!r}")
        if self.loss not in ("squared", "absolute"):
            raise UnknownNameError("loss", self.loss, ["squared", "absolute"])
        if self.optimizer not in optimizers.OPTIMIZERS:
            raise UnknownNameError("optimizer", self.optimizer, [*optimizers.OPTIMIZERS])
        for name in ("weight_decay", "warmup", "seed"):
            value = getattr(self, name)
            if not value >= 0:
                raise ValueError(f"{name} must not be negative, not {value!r}")
            if name != "weight_decay" and value != int(value):
                raise ValueError(f"{name} must be a whole number, not {value!r}")
        if not 0 <= self.average < 1:
            raise ValueError(f"average must be at least 0 and below 1, not {self.average!r}")


@dataclass(frozen=True)
class Epoch:
    """Measurements after one pass: seconds since the start, and errors in `Run.unit`.

    ``train_median`` and ``train_worst`` are RMSEs of the median batch, and of the worst batch after
    the warm-up: None if no batch came after it, or in records older than these fields.
    ``valid_each`` has the validation error of each of several labels, in kcal/mol or its own unit.
    """

    seconds: float
    train_rmse: float
    valid_mae: float
    train_median: float | None = None
    train_worst: float | None = None
    valid_each: dict[str, float] | None = None


@dataclass
class Run:
    """Record of a training: what was asked for, and what happened.

    Attributes
    ----------
    label
        Name of the label; several names are separated by commas.
    unit
        Unit of the errors: kcal/mol for energies, the published unit for other labels. With several
        labels, errors are averages over them, in standard deviations of the training molecules.
    settings
        As given to `fit`.
    n_train
        Number of training molecules.
    n_valid
        Number of validation molecules.
    molecules
        SHA-256 of the numbers of all of them, in order.
    network
        Class of the network and, if it has one, its ``config``.
    environment
        Versions of Python and of the packages, and the devices.
    history
        One `Epoch` per pass; the last may be cut short by the clock or by Ctrl-C.
    """

    label: str
    unit: str
    settings: Settings
    n_train: int
    n_valid: int
    molecules: str
    network: dict[str, Any]
    environment: dict[str, str]
    history: list[Epoch] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """Names of the labels."""
        return self.label.split(",")

    @property
    def valid_mae(self) -> list[float]:
        """Validation error after each epoch, in ``unit``."""
        return [epoch.valid_mae for epoch in self.history]

    @property
    def best_epoch(self) -> int:
        """Epoch whose weights were kept, from 0: the one with the smallest validation error."""
        return int(np.argmin(np.nan_to_num(self.valid_mae, nan=np.inf))) if self.history else 0

    @property
    def out_of_patience(self) -> bool:
        """Whether none of the last ``settings.patience`` epochs improved on the best."""
        patience = self.settings.patience
        return patience is not None and len(self.history) > self.best_epoch + patience

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings, lists and dictionaries, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Run:
        """Return the run that `to_dict` described."""
        settings = Settings(**record["settings"])
        history = [Epoch(**epoch) for epoch in record["history"]]
        return cls(**{**record, "settings": settings, "history": history})


def index_sha256(train: QM9, valid: QM9) -> str:
    """Return the SHA-256 of the numbers of all molecules, in order."""
    return hashlib.sha256(np.concatenate([train.index, valid.index]).tobytes()).hexdigest()


def environment() -> dict[str, str]:
    """Return the versions of Python and of the packages, and the devices."""
    packages = ("qm9lib", "jax", "jaxlib", "numpy", "optax", "equinox")
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "devices": ", ".join(f"{device.device_kind} {device.id}" for device in jax.devices()),
        "processors": str(os.cpu_count()),
    }
