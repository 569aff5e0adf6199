"""A trained model: a network, the composition model that it adds to, and a file for both.

Of numbers: a network computes in the dtype of its weights, which are float32 in every file, with
``jax_enable_x64`` and without; labels, composition models and errors are float64.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from qm9lib.data.dataset import QM9
from qm9lib.data.files import damaged, read_safetensors, write_safetensors
from qm9lib.errors import DataError
from qm9lib.labels import ELEMENTS, LABELS, SYMBOLS
from qm9lib.models import programs
from qm9lib.models.composition import Composition
from qm9lib.models.graphs import SIZES, Batch, bucketed, chunks, sizes_for
from qm9lib.models.painn import PaiNN

Network = Callable[[Int[Array, " atoms"], Float[Array, "atoms 3"]], Float[Array, ""]]
"""An Equinox module from atomic numbers and positions (Å) of one molecule to a number."""

_FORMAT, _WHAT = "qm9lib-model-2", "model"
_REMEDY = "write one with `python -m qm9lib train`"
_FEW = 16  # layers, which are made within a second
_LARGEST = 1e9  # of mean, scale and reference, in any unit of a label
_LARGEST_WEIGHT = 1e6  # of a network whose inputs and outputs are about 1
_CUTOFFS = (0.1, 1000.0)  # Å
_MOST = 10_000  # features, layers or radial functions of a network in a file
_NETWORKS = {"PaiNN": PaiNN}  # what can be read from a file: made from a ``config``
_PREDICTED_TOGETHER = 64  # molecules; one length, so that any number of them needs one program


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with what turns its output into a label.

    Attributes
    ----------
    network
        Trained `Network`.
    reference
        Composition model that the network adds to.
    mean
        Mean of the training residual, in the label's published unit.
    scale
        Its standard deviation, in the same unit.
    """

    network: Network
    reference: Composition
    mean: float
    scale: float

    def predict(self, qm9: QM9, unit: str | None = None) -> Float[np.ndarray, " molecules"]:
        """Predict the label of all molecules, in float64.

        Parameters
        ----------
        qm9
            Molecules.
        unit
            Unit of the result; by default the published one of the label.

        Raises
        ------
        DataError
            If a molecule has an element that no training molecule had.
        TypeError
            If it is given something else than a `QM9`.
        """
        if not isinstance(qm9, QM9):
            raise TypeError(
                f"a model predicts the molecules of a QM9, given {qm9!r:.60}; qm9[[3]] is a set of "
                "one molecule"
            )
        unseen = self.reference.unseen
        without = qm9.composition[:, unseen].any(axis=1)
        if without.any():
            named = " and ".join(np.array([*SYMBOLS.values()])[unseen])
            raise DataError(
                f"molecule {qm9.index[np.argmax(without)]} has an element that no training "
                f"molecule of this model had ({named}), so that nothing is known of it: leave such "
                "molecules out, or train with some"
            )
        standardised = predict_all(self.network, bucketed(qm9, sizes_for(qm9)))
        values = self.reference.predict(qm9) + self.mean + self.scale * standardised
        return self.reference.in_unit(values, unit)

    def save(self, path: str | Path) -> None:
        """Write the model to one safetensors file; `load` reads it.

        Parameters
        ----------
        path
            File to write or replace; it appears when it is complete.

        Raises
        ------
        ValueError
            If the network is of a class that `load` does not know, or its weights are not float32.
        DataError
            If the file cannot be written.
        """
        description = describe(self.network)
        if description["class"] not in _NETWORKS:
            known = ", ".join(_NETWORKS)
            raise ValueError(f"cannot save a {description['class']}: only {known}")
        arrays = {name: np.asarray(leaf) for name, leaf in trained_arrays(self.network).items()}
        if others := {array.dtype.name for array in arrays.values()} - {"float32"}:
            raise ValueError(
                f"cannot save weights in {', '.join(sorted(others))}: a file has float32, so that "
                "what is read predicts what was saved; cast them with jax.tree.map"
            )
        arrays["reference"] = self.reference.coefficients
        record = {
            "network": description, "label": self.reference.label,
            "mean": self.mean, "scale": self.scale,
        }  # fmt: skip
        write_safetensors(Path(path), arrays, {"format": _FORMAT, "model": json.dumps(record)})


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Models of one label that differ in their initial weights and in the order of training.

    Their mean is better than they are on average; where they disagree, none is to be trusted.

    Attributes
    ----------
    members
        At least one `Model`.

    Examples
    --------
    >>> import qm9lib
    >>> reference = Composition("H", np.zeros(5))
    >>> networks = [PaiNN(features=4, layers=1, key=jax.random.key(seed)) for seed in (0, 1)]
    >>> ensemble = Ensemble(tuple(Model(n, reference, mean=0.0, scale=1.0) for n in networks))
    >>> mean, deviation = ensemble.predict(qm9lib.load_sample()[:3])
    >>> mean.shape, deviation.shape
    ((3,), (3,))
    """

    members: tuple[Model, ...]

    def __post_init__(self) -> None:
        labels = sorted({member.reference.label for member in self.members})
        if len(labels) != 1:
            raise ValueError(
                "an ensemble is of at least one model, and all of one label; "
                f"given {len(self.members)} models of {', '.join(labels) or 'no label'}"
            )

    @property
    def label(self) -> str:
        """Name of the label."""
        return self.members[0].reference.label

    def predict(
        self, qm9: QM9, unit: str | None = None
    ) -> tuple[Float[np.ndarray, " molecules"], Float[np.ndarray, " molecules"]]:
        """Predict the label of all molecules, in float64.

        Parameters
        ----------
        qm9
            Molecules.
        unit
            Unit of both results; by default the published one of the label.

        Returns
        -------
        mean, deviation
            Mean and standard deviation over the members; of one member the deviation is NaN.
        """
        predicted = np.array([member.predict(qm9, unit) for member in self.members])
        if len(self.members) == 1:
            return predicted[0], np.full(len(qm9), np.nan)
        return predicted.mean(axis=0), predicted.std(axis=0, ddof=1)


def load(path: str | Path) -> Model:
    """Read a model that `Model.save` wrote.

    Parameters
    ----------
    path
        A safetensors file.

    Returns
    -------
    Model
        It predicts exactly what the saved one did.

    Raises
    ------
    DataError
        If there is no such file, or it is damaged, of another version, or no model of qm9lib.

    Examples
    --------
    >>> import tempfile
    >>> network = PaiNN(features=4, layers=1, key=jax.random.key(0))
    >>> model = Model(network, Composition("H", np.zeros(5)), mean=0.0, scale=1.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.safetensors")
    ...     again = load(f"{folder}/model.safetensors")
    >>> again.network.config == network.config
    True
    """
    path = Path(path)
    metadata, found = read_safetensors(path, _FORMAT, _WHAT, _REMEDY)
    record = _record(path, metadata)
    config: dict[str, Any] = record["network"]
    make = _NETWORKS[config.pop("class")]

    def shapes(**changed: int) -> Network:
        # The shapes alone: random numbers to be thrown away would take seconds.
        return eqx.filter_eval_shape(make, **config | changed, key=jax.random.key(0))

    # Many layers take long to make; each is as large as any other, so count the numbers first.
    if (layers := config["layers"]) > _FEW:
        one, two = (_numbers(shapes(layers=n)) for n in (1, 2))
        named = one + (layers - 1) * (two - one) + len(ELEMENTS)
        stored = sum(array.size for array in found.values())
        if named > stored:
            raise _damaged(
                path, f"it names {layers} layers and has {stored:,} numbers, expected {named:,}"
            )
    network = shapes()
    expected = {name: (leaf.shape, leaf.dtype) for name, leaf in trained_arrays(network).items()}
    expected["reference"] = ((len(ELEMENTS),), np.dtype(np.float64))
    for name in sorted({*expected, *found}):
        given = (found[name].shape, found[name].dtype) if name in found else None
        if given != expected.get(name):
            wanted = expected.get(name)
            raise _damaged(path, f"its array {name} is {given}, and should be {wanted}")
    if not all(np.isfinite(array).all() for array in found.values()):
        raise _damaged(path, "some of its numbers are not finite")
    for name, array in found.items():
        most = _LARGEST if name == "reference" else _LARGEST_WEIGHT
        if not np.abs(array).max(initial=0) < most:
            raise _damaged(path, f"a number of its array {name} is not below {most:g}")
    reference = Composition(record["label"], found.pop("reference"))
    trained, static = eqx.partition(network, _is_trained)
    leaves = [jnp.asarray(found[name]) for name in expected if name in found]
    network = eqx.combine(jax.tree.unflatten(jax.tree.structure(trained), leaves), static)
    return Model(network, reference, float(record["mean"]), float(record["scale"]))


def _record(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    """Return what a file says of its model, every part of it checked."""
    try:
        record = json.loads(metadata.get("model", ""))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "its record is no JSON") from error
    if not isinstance(record, dict) or not isinstance(record.get("network"), dict):
        raise _damaged(path, "its record names no network")
    config = record["network"]
    if str(config.get("class")) not in _NETWORKS:
        known = ", ".join(_NETWORKS)
        raise _damaged(path, f"its network is a {config.get('class')!r:.60}, not a {known}")
    if {*config} != {"class", "features", "layers", "radial", "cutoff", "pooling", "norm"}:
        raise _damaged(path, f"its network has {', '.join(sorted(config)):.200}")
    for name in ("features", "layers", "radial"):
        if type(config[name]) is not int or not 1 <= config[name] <= _MOST:
            raise _damaged(path, f"{name} is {config[name]!r:.60}, expected 1 to {_MOST:,}")
    numbers = {"cutoff": config["cutoff"], **{name: record.get(name) for name in ("mean", "scale")}}
    for name, value in numbers.items():
        # Compared, not converted: JSON may hold an integer that no float can.
        if type(value) not in (int, float) or not abs(value) < _LARGEST:
            raise _damaged(
                path, f"{name} is {value!r:.60}, expected a finite number below {_LARGEST:g}"
            )
    if not record["scale"] > 0:
        raise _damaged(path, f"scale is {record['scale']!r:.60}, expected a positive number")
    low, high = _CUTOFFS
    if not low <= config["cutoff"] <= high:
        raise _damaged(path, f"cutoff is {config['cutoff']!r:.60}, expected {low:g} to {high:g} Å")
    if config["pooling"] not in ("sum", "mean"):
        raise _damaged(path, f"pooling is {config['pooling']!r:.60}, expected 'sum' or 'mean'")
    if type(config["norm"]) is not bool:
        raise _damaged(path, f"norm is {config['norm']!r:.60}, expected true or false")
    if record.get("label") not in [*LABELS]:
        raise _damaged(path, f"unknown label {record.get('label')!r:.60}")
    return record


def _damaged(path: Path, reason: str) -> DataError:
    return damaged(path, _WHAT, _REMEDY, reason)


def describe(network: Network) -> dict[str, Any]:
    """Return the class of a network and, where it has a ``config``, what it is made from."""
    return {"class": type(network).__name__, **getattr(network, "config", {})}


def trained_arrays(network: Network) -> dict[str, Any]:
    """Return the trained arrays of a network, or their shapes, by their place in it.

    Examples
    --------
    >>> network = PaiNN(features=4, layers=1, key=jax.random.key(0))
    >>> trained_arrays(network)["messages.0.filters"].shape
    (2, 8, 4)
    """
    arrays = eqx.filter(network, _is_trained)
    return {
        jax.tree_util.keystr(place, simple=True, separator="."): leaf
        for place, leaf in jax.tree_util.tree_leaves_with_path(arrays)
    }


def predict_all(network: Network, buckets: list[Batch]) -> Float[np.ndarray, " molecules"]:
    """Apply a network to all molecules of the buckets; return its output by row."""
    programs.keep()
    output = np.empty(sum(len(bucket.row) for bucket in buckets))
    for bucket in buckets:
        numbers, positions, rows = (np.asarray(array) for array in bucket)
        # All pairs of a large molecule fill the memory that many small ones take.
        together = _PREDICTED_TOGETHER if positions.shape[1] <= SIZES[-1] else 1
        for piece in chunks(np.arange(len(rows), dtype=np.int32), together):
            real = piece >= 0
            # Taken here, so that the program does not depend on how many there are in all.
            found = _predict(network, jnp.asarray(numbers[piece]), jnp.asarray(positions[piece]))
            output[rows[piece[real]]] = np.asarray(found)[real]
    return output


@eqx.filter_jit
def _predict(
    network: Network,
    atomic_numbers: Int[Array, "batch atoms"],
    positions: Float[Array, "batch atoms 3"],
) -> Float[Array, " batch"]:
    return jax.vmap(network)(atomic_numbers, positions)


def _is_trained(leaf: object) -> bool:
    """Tell trained arrays, or their shapes, from what else a network has."""
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct) and bool(
        jnp.issubdtype(leaf.dtype, jnp.inexact)
    )


def _numbers(network: Network) -> int:
    return sum(math.prod(leaf.shape) for leaf in trained_arrays(network).values())
