"""A trained model: a network, the composition model that it adds to, and a file for both."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from qm9lib import programs
from qm9lib.cache import reading, write_safetensors
from qm9lib.composition import Composition
from qm9lib.dataset import QM9
from qm9lib.graphs import SIZES, Batch, bucketed, chunks
from qm9lib.labels import ELEMENTS, LABELS, convert
from qm9lib.painn import PaiNN

Network = Callable[[Int[Array, " atoms"], Float[Array, "atoms 3"]], Float[Array, ""]]
"""An Equinox module from atomic numbers and positions (Å) of one molecule to a number."""

_FORMAT = "qm9lib-model-1"
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
        """
        sizes = list(SIZES)
        while sizes[-1] < qm9.n_atoms.max(initial=0):  # larger than any molecule of QM9
            sizes.append(2 * sizes[-1])
        standardised = predict_all(self.network, bucketed(qm9, sizes))
        values = self.reference.predict(qm9) + self.mean + self.scale * standardised
        published = LABELS[self.reference.label].unit
        return values if unit is None else convert(values, published, unit)

    def save(self, path: str | Path) -> None:
        """Write the model to one safetensors file; `load` reads it.

        Parameters
        ----------
        path
            File to write or replace; it appears when it is complete.

        Raises
        ------
        ValueError
            If the network is of a class that `load` does not know.
        DataError
            If the file cannot be written.
        """
        description = describe(self.network)
        if description["class"] not in _NETWORKS:
            known = ", ".join(_NETWORKS)
            raise ValueError(f"cannot save a {description['class']}: only {known}")
        arrays = {name: np.asarray(leaf) for name, leaf in _leaves(self.network).items()}
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
    remedy = "write one with `python -m qm9lib train`"
    with reading(Path(path), _FORMAT, "model", remedy) as (metadata, found):
        record = json.loads(metadata["model"])
        config = dict(record["network"])
        make = _NETWORKS[config.pop("class")]
        # The shapes alone: random numbers to be thrown away would take seconds.
        network = eqx.filter_eval_shape(make, **config, key=jax.random.key(0))
        reference = Composition(LABELS[record["label"]].name, found.pop("reference"))
        mean, scale = float(record["mean"]), float(record["scale"])
        expected = {name: leaf.shape for name, leaf in _leaves(network).items()}
        if {name: array.shape for name, array in found.items()} != expected:
            raise ValueError("its arrays are not those of the network that it names")
        numbers = [mean, scale, *reference.coefficients, *(array.sum() for array in found.values())]
        if reference.coefficients.shape != (len(ELEMENTS),) or not np.all(np.isfinite(numbers)):
            raise ValueError("its numbers are not finite, or not one for each element")
        trained, static = eqx.partition(network, _is_trained)
        leaves = [jnp.asarray(found[name], jnp.float32) for name in expected]
        network = eqx.combine(jax.tree.unflatten(jax.tree.structure(trained), leaves), static)
        return Model(network, reference, mean, scale)
    raise AssertionError("unreachable")


def describe(network: Network) -> dict[str, Any]:
    """Return the class of a network and, where it has a ``config``, what it is made from."""
    return {"class": type(network).__name__, **getattr(network, "config", {})}


def predict_all(network: Network, buckets: list[Batch]) -> Float[np.ndarray, " molecules"]:
    """Apply a network to all molecules of the buckets; return its output by row."""
    programs.keep()
    output = np.empty(sum(len(bucket.row) for bucket in buckets))
    for bucket in buckets:
        rows = np.asarray(bucket.row)
        # All pairs of a large molecule fill the memory that many small ones take.
        together = _PREDICTED_TOGETHER if bucket.positions.shape[1] <= SIZES[-1] else 1
        for piece in chunks(np.arange(len(rows), dtype=np.int32), together):
            real = piece >= 0
            # Taken here, so that the program does not depend on how many there are in all.
            molecules = bucket.atomic_numbers[piece], bucket.positions[piece]
            output[rows[piece[real]]] = np.asarray(_predict(network, *molecules))[real]
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


def _leaves(network: Network) -> dict[str, Any]:
    """Return the trained arrays, or their shapes, by their place in the network."""
    arrays = eqx.filter(network, _is_trained)
    return {
        jax.tree_util.keystr(place, simple=True, separator="."): leaf
        for place, leaf in jax.tree_util.tree_leaves_with_path(arrays)
    }
