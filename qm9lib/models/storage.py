"""One file for a trained model: the weights of its network, and the way from outputs to labels."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qm9lib.data.files import damaged, read_safetensors, write_safetensors
from qm9lib.errors import DataError
from qm9lib.labels import ELEMENTS, LABELS
from qm9lib.models.composition import Composition
from qm9lib.models.model import Model, Network
from qm9lib.models.painn import PaiNN
from qm9lib.models.readouts import READOUTS
from qm9lib.models.target import Target

_FORMAT, _WHAT = "qm9lib-model-4", "model"
_REMEDY = "write one with `python -m qm9lib train`"
_FEW = 16  # layers, which can be made within a second
_LARGEST = 1e9  # of mean, scale and reference, in any unit of a label
_LARGEST_WEIGHT = 1e6  # of a network whose inputs and outputs are about 1
_CUTOFFS = (0.1, 1000.0)  # Å
_MOST = 10_000  # features, layers or radial functions of a network in a file
_OF_TARGET = ("mean", "scale")
_NETWORKS = {"PaiNN": PaiNN}  # what can be read from a file: made from a ``config``


def save(model: Model, path: str | Path) -> None:
    """Write a model to one safetensors file; `load` reads it.

    Parameters
    ----------
    model
        Model with float32 weights.
    path
        File to write or replace; it appears only when complete.

    Raises
    ------
    ValueError
        If `load` does not know the network's class, or its weights are not float32.
    DataError
        If the file cannot be written.
    """
    description = describe(model.network)
    if description["class"] not in _NETWORKS:
        known = ", ".join(_NETWORKS)
        raise ValueError(f"cannot save a {description['class']}: only {known}")
    arrays = {name: np.asarray(leaf) for name, leaf in trained_arrays(model.network).items()}
    if others := {array.dtype.name for array in arrays.values()} - {"float32"}:
        raise ValueError(
            f"cannot save weights in {', '.join(sorted(others))}: files store float32, so that "
            "a model predicts the same after loading; cast them with jax.tree.map"
        )
    references = [target.reference for target in model.targets]
    arrays["reference"] = np.array([(one.coefficients, one.charges) for one in references])
    record = {
        "network": description, "elements": model.elements,
        "targets": [
            {"label": t.label, "mean": t.mean, "scale": t.scale} for t in model.targets
        ],
    }  # fmt: skip
    write_safetensors(Path(path), arrays, {"format": _FORMAT, "model": json.dumps(record)})


def load(path: str | Path) -> Model:
    """Read a model that `save` wrote.

    Parameters
    ----------
    path
        A safetensors file.

    Returns
    -------
    Model
        It predicts exactly what the saved model did.

    Raises
    ------
    DataError
        If there is no such file, or it is damaged, of another version, or not a model of qm9lib.

    Examples
    --------
    >>> import tempfile
    >>> network = PaiNN(features=4, layers=1, key=jax.random.key(0))
    >>> model = Model(network, (Target(Composition("H", np.zeros(5)), mean=0.0, scale=1.0),))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/model.safetensors")
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
        # The shapes alone: making random numbers only to throw them away would take seconds.
        return eqx.filter_eval_shape(make, **config | changed, key=jax.random.key(0))

    # Many layers take long to make; all are the same size, so count the numbers first.
    if (layers := config["layers"]) > _FEW:
        one, two = (_numbers(shapes(layers=n)) for n in (1, 2))
        named = one + (layers - 1) * (two - one) + 2 * len(ELEMENTS) * len(record["targets"])
        stored = sum(array.size for array in found.values())
        if named > stored:
            raise _damaged(
                path, f"it names {layers} layers but has {stored:,} numbers, expected {named:,}"
            )
    network = shapes()
    expected = {name: (leaf.shape, leaf.dtype) for name, leaf in trained_arrays(network).items()}
    shape = (len(record["targets"]), 2, len(ELEMENTS))
    expected["reference"] = (shape, np.dtype(np.float64))
    for name in sorted({*expected, *found}):
        given = (found[name].shape, found[name].dtype) if name in found else None
        if given != expected.get(name):
            wanted = expected.get(name)
            raise _damaged(path, f"its array {name} is {given}, expected {wanted}")
    if not all(np.isfinite(array).all() for array in found.values()):
        raise _damaged(path, "some of its numbers are not finite")
    for name, array in found.items():
        most = _LARGEST if name == "reference" else _LARGEST_WEIGHT
        if not np.abs(array).max(initial=0) < most:
            raise _damaged(path, f"a number of its array {name} is not below {most:g}")
    targets = tuple(
        Target(Composition(one["label"], *reference), float(one["mean"]), float(one["scale"]))
        for one, reference in zip(record["targets"], found.pop("reference"), strict=True)
    )
    trained, static = eqx.partition(network, _is_trained)
    leaves = [jnp.asarray(found[name]) for name in expected if name in found]
    network = eqx.combine(jax.tree.unflatten(jax.tree.structure(trained), leaves), static)
    return Model(network, targets, tuple(record["elements"]))


def _record(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    """Return a file's description of its model, with every part checked."""
    try:
        record = json.loads(metadata.get("model", ""))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "its record is not valid JSON") from error
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
    targets = record.get("targets")
    if not isinstance(targets, list) or not all(isinstance(one, dict) for one in targets):
        raise _damaged(path, "its record names no targets")
    numbers = {"cutoff": config["cutoff"]}
    for one in targets:
        numbers |= {f"{name} of {one.get('label')!r:.20}": one.get(name) for name in _OF_TARGET}
    for name, value in numbers.items():
        # Compared, not converted: JSON may hold an integer that no float can.
        if type(value) not in (int, float) or not abs(value) < _LARGEST:
            raise _damaged(
                path, f"{name} is {value!r:.60}, expected a finite number below {_LARGEST:g}"
            )
    for one in targets:
        if not one["scale"] > 0:
            raise _damaged(path, f"scale is {one['scale']!r:.60}, expected a positive number")
    low, high = _CUTOFFS
    if not low <= config["cutoff"] <= high:
        raise _damaged(path, f"cutoff is {config['cutoff']!r:.60}, expected {low:g} to {high:g} Å")
    pooling = config["pooling"]
    names = [pooling] if isinstance(pooling, str) else pooling
    if not isinstance(names, list) or not all(name in [*READOUTS] for name in names):
        raise _damaged(path, f"pooling is {pooling!r:.60}, expected {', '.join(READOUTS)}")
    if type(config["norm"]) is not bool:
        raise _damaged(path, f"norm is {config['norm']!r:.60}, expected true or false")
    labels = [one.get("label") for one in targets]
    if unknown := [label for label in labels if label not in [*LABELS]]:
        raise _damaged(path, f"unknown label {unknown[0]!r:.60}")
    if not labels or len({*labels}) < len(labels) or len(labels) != len(names):
        raise _damaged(path, f"its {len(names)} readouts are for {', '.join(labels) or 'no label'}")
    elements = record.get("elements")
    if not isinstance(elements, list) or not all(z in ELEMENTS for z in elements):
        raise _damaged(path, f"its elements are {elements!r:.60}")
    return record


def _damaged(path: Path, reason: str) -> DataError:
    return damaged(path, _WHAT, _REMEDY, reason)


def describe(network: Network) -> dict[str, Any]:
    """Return the class of a network and the contents of its ``config``, if it has one."""
    return {"class": type(network).__name__, **getattr(network, "config", {})}


def trained_arrays(network: Network) -> dict[str, Any]:
    """Return the trained arrays of a network, or their shapes, by their path in the network.

    Examples
    --------
    >>> network = PaiNN(features=4, layers=1, key=jax.random.key(0))
    >>> trained_arrays(network)["messages.0.filters"].shape
    (2, 8, 4)
    """
    arrays = eqx.filter(network, _is_trained)
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(arrays)
    }


def _is_trained(leaf: object) -> bool:
    """Return whether a leaf of a network is a trained array, or the shape of one."""
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct) and bool(
        jnp.issubdtype(leaf.dtype, jnp.inexact)
    )


def _numbers(network: Network) -> int:
    return sum(math.prod(leaf.shape) for leaf in trained_arrays(network).values())
