"""Checks of the arguments of a training, before anything is prepared."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from qm9lib.data.dataset import QM9, check_finite
from qm9lib.errors import DataError
from qm9lib.labels import SYMBOLS
from qm9lib.models.model import Network
from qm9lib.training.run import Settings


def check_kinds(network: object, train: object, valid: object, settings: object) -> None:
    """Raise an error if an argument is of the wrong kind."""
    for name, given, is_one, wanted in (
        ("network", network, callable(network), "a network, such as PaiNN"),
        ("train", train, isinstance(train, QM9), "a QM9"),
        ("valid", valid, isinstance(valid, QM9), "a QM9"),
        ("settings", settings, isinstance(settings, Settings), "Settings, such as Settings()"),
    ):
        if not is_one:
            raise TypeError(f"{name} is {given!r:.60}, expected {wanted}")


def check_sets(train: QM9, valid: QM9, labels: tuple[str, ...]) -> None:
    """Raise an error if nothing can be learned, or the validation error would be meaningless."""
    for name, part in (("training", train), ("validation", valid)):
        if not len(part):
            raise ValueError(f"the {name} set is empty")
        for label in labels:
            check_finite(part, label, f"{name} molecules")
    common = np.intersect1d(train.index, valid.index)
    if len(common):
        raise ValueError(
            f"the training and the validation set share {len(common):,} of their molecules, such "
            f"as number {common[0]}, so the validation error would be worthless; use qm9.split()"
        )
    has = [{*np.unique(part.atomic_numbers).tolist()} for part in (train, valid)]
    if new := has[1] - has[0]:
        named = " and ".join(SYMBOLS[z] for z in sorted(new))
        raise DataError(
            f"the validation molecules contain {named}, but none of the {len(train):,} training "
            "molecules does, so the network cannot learn about it: use more training molecules"
        )


def check_outputs(network: Network, labels: tuple[str, ...]) -> None:
    """Raise an error if the network does not have one output for each label."""
    if len({*labels}) < len(labels) or not labels:
        raise ValueError(f"name each label once, given {', '.join(labels) or 'none'}")
    one = jax.ShapeDtypeStruct((1,), jnp.int32), jax.ShapeDtypeStruct((1, 3), jnp.float32)
    given = eqx.filter_eval_shape(network, *one).shape
    if len(given) > 1 or math.prod(given) != len(labels):
        raise ValueError(
            f"the network gives an array of shape {given} for a molecule, but there are "
            f"{len(labels)} labels ({', '.join(labels)}): it must give one number for each, like a "
            "PaiNN with a pooling for each label"
        )


def checked_mesh(mesh: Mesh | None, settings: Settings) -> Mesh | None:
    """Return a checked mesh whose work is divided here, whatever the type of its axis."""
    if settings.minutes is not None and jax.process_count() > 1:
        raise ValueError(
            "several processes cannot train by the clock, since each has its own: give epochs "
            "instead of minutes"
        )
    devices = 1 if mesh is None else mesh.size
    if mesh is not None and (len(mesh.axis_names) != 1 or settings.batch_size % devices):
        raise ValueError(
            f"a batch of {settings.batch_size} cannot be divided over a mesh of shape "
            f"{dict(mesh.shape)}: use one axis, and a batch_size divisible by its number of devices"
        )
    part, chunk = settings.batch_size // devices, settings.chunk_size
    if chunk is not None and chunk < part and part % chunk:
        raise ValueError(
            f"the {part} molecules of each device cannot be split into chunks of {chunk}: use a "
            "chunk_size that divides them"
        )
    return mesh if mesh is None else Mesh(mesh.devices, mesh.axis_names)
