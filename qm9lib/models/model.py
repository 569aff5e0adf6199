"""A trained model: a network and the targets that turn its outputs into labels; also ensembles.

Precision: a network computes in the dtype of its weights, which are float32 in every file, with or
without ``jax_enable_x64``; labels, composition models and errors are float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from qm9lib.data.dataset import QM9
from qm9lib.errors import DataError, UnknownNameError
from qm9lib.labels import ELEMENTS, SYMBOLS
from qm9lib.models import programs
from qm9lib.models.graphs import SIZES, Batch, bucketed, chunks, sizes_for
from qm9lib.models.painn import PaiNN
from qm9lib.models.target import Target

Network = Callable[[Int[Array, " atoms"], Float[Array, "atoms 3"]], Float[Array, "*targets"]]
"""An Equinox module from a molecule's atomic numbers and positions (Å) to one or more numbers."""

_PREDICTED_TOGETHER = 64  # molecules; one length, so that one program serves any number of them


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with the targets that turn its outputs into labels.

    Attributes
    ----------
    network
        Trained `Network`.
    targets
        One `Target` for each output.
    elements
        Atomic numbers that occur in the training molecules.

    Examples
    --------
    >>> import qm9lib
    >>> from qm9lib.models.composition import Composition
    >>> network = PaiNN(features=4, layers=1, key=jax.random.key(0))
    >>> model = Model(network, (Target(Composition("H", np.zeros(5)), mean=-0.6, scale=0.1),))
    >>> model.predict(qm9lib.load_sample()[:3], "eV").shape
    (3,)
    """

    network: Network
    targets: tuple[Target, ...]
    elements: tuple[int, ...] = ELEMENTS

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels."""
        return tuple(target.label for target in self.targets)

    @property
    def target(self) -> Target:
        """The target of a model with a single label.

        Raises
        ------
        ValueError
            If there are several labels.
        """
        return self.targets[self._number(None)]

    def only(self, *labels: str) -> Model:
        """Return a model of these labels alone; its network leaves out the others.

        Raises
        ------
        UnknownNameError
            If the model lacks one of the labels.
        """
        numbers, network = [self._number(label) for label in labels], self.network
        if isinstance(network, PaiNN):
            network = network.only(*numbers)
        elif len(self.targets) > 1:
            raise TypeError(
                f"a {type(network).__name__} cannot be restricted to some of its labels"
            )
        return Model(network, tuple(self.targets[n] for n in numbers), self.elements)

    def predict(
        self, qm9: QM9, unit: str | None = None, label: str | None = None
    ) -> Float[np.ndarray, " molecules"]:
        """Predict a label of all molecules, in float64.

        Parameters
        ----------
        qm9
            Molecules.
        unit
            Unit of the result; by default the label's published unit.
        label
            Name of the label; not needed if the model has only one.

        Raises
        ------
        DataError
            If a molecule has an element that no training molecule had.
        TypeError
            If it is given anything other than a `QM9`.
        UnknownNameError
            If the model has no such label.
        ValueError
            If the model has several labels, and none is named.
        """
        number = self._number(label)
        return self.targets[number].values(qm9, self._outputs(qm9)[:, number], unit)

    def predict_each(self, qm9: QM9) -> dict[str, Float[np.ndarray, " molecules"]]:
        """Predict every label of all molecules, in its published unit; errors as in `predict`."""
        outputs = self._outputs(qm9)
        return {
            target.label: target.values(qm9, outputs[:, number])
            for number, target in enumerate(self.targets)
        }

    def _number(self, label: str | None) -> int:
        labels = self.labels
        if label in labels:
            return labels.index(label)
        if label is not None:
            raise UnknownNameError("label of this model", label, [*labels])
        if len(labels) > 1:
            raise ValueError(
                f"the model has {len(labels)} labels ({', '.join(labels)}): name one, as in "
                f"label={labels[0]!r}"
            )
        return 0

    def _outputs(self, qm9: QM9) -> Float[np.ndarray, "molecules targets"]:
        """Return the network's output for molecules whose elements it was trained on."""
        if not isinstance(qm9, QM9):
            raise TypeError(
                f"a model predicts the molecules of a QM9 set, given {qm9!r:.60}; qm9[[3]] is a "
                "set of one molecule"
            )
        unseen = ~np.isin(ELEMENTS, self.elements)
        without = qm9.composition[:, unseen].any(axis=1)
        if without.any():
            named = " and ".join(np.array([*SYMBOLS.values()])[unseen])
            raise DataError(
                f"molecule {qm9.index[np.argmax(without)]} has an element that no training "
                f"molecule of this model had ({named}), so it knows nothing about it: leave out "
                "such molecules, or train with some"
            )
        found = predict_all(self.network, bucketed(qm9, sizes_for(qm9)))
        return found.reshape(len(qm9), len(self.targets))


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Models of the same labels that differ in their initial weights and in the order of training.

    Their mean is better than the average member; where they disagree, none should be trusted.

    Attributes
    ----------
    members
        At least one `Model`.

    Examples
    --------
    >>> import qm9lib
    >>> from qm9lib.models.composition import Composition
    >>> target = Target(Composition("H", np.zeros(5)), mean=0.0, scale=1.0)
    >>> networks = [PaiNN(features=4, layers=1, key=jax.random.key(seed)) for seed in (0, 1)]
    >>> ensemble = Ensemble(tuple(Model(network, (target,)) for network in networks))
    >>> mean, deviation = ensemble.predict(qm9lib.load_sample()[:3])
    >>> mean.shape, deviation.shape
    ((3,), (3,))
    """

    members: tuple[Model, ...]

    def __post_init__(self) -> None:
        labels = sorted({", ".join(member.labels) for member in self.members})
        if len(labels) != 1:
            raise ValueError(
                "an ensemble needs at least one model, and all must have the same labels; "
                f"given {len(self.members)} models of {' and '.join(labels) or 'no label'}"
            )

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels."""
        return self.members[0].labels

    def predict(
        self, qm9: QM9, unit: str | None = None, label: str | None = None
    ) -> tuple[Float[np.ndarray, " molecules"], Float[np.ndarray, " molecules"]]:
        """Predict a label of all molecules, in float64.

        Parameters
        ----------
        qm9
            Molecules.
        unit
            Unit of both results; by default the label's published unit.
        label
            Name of the label; not needed if the models have only one.

        Returns
        -------
        mean, deviation
            Mean and standard deviation over the members; with a single member the deviation is NaN.
        """
        return _spread(np.array([m.predict(qm9, unit, label) for m in self.members]))

    def predict_each(
        self, qm9: QM9
    ) -> dict[str, tuple[Float[np.ndarray, " molecules"], Float[np.ndarray, " molecules"]]]:
        """Return the result of `predict` for every label, in its published unit."""
        found = [member.predict_each(qm9) for member in self.members]
        return {label: _spread(np.array([one[label] for one in found])) for label in self.labels}


def _spread(predicted: Float[np.ndarray, "members molecules"]) -> tuple[np.ndarray, np.ndarray]:
    if len(predicted) == 1:
        return predicted[0], np.full(predicted.shape[1], np.nan)
    return predicted.mean(axis=0), predicted.std(axis=0, ddof=1)


def predict_all(network: Network, buckets: list[Batch]) -> Float[np.ndarray, "molecules *targets"]:
    """Apply a network to all molecules of the buckets; return its output by row."""
    programs.keep()
    output = np.empty(0)
    for bucket in buckets:
        numbers, positions, rows = (np.asarray(array) for array in bucket)
        # The pairs of one large molecule take as much memory as those of many small ones.
        together = _PREDICTED_TOGETHER if positions.shape[1] <= SIZES[-1] else 1
        for piece in chunks(np.arange(len(rows), dtype=np.int32), together):
            real = piece >= 0
            # Sliced here, so that the program does not depend on the total number of molecules.
            found = _predict(network, jnp.asarray(numbers[piece]), jnp.asarray(positions[piece]))
            if not output.size:
                molecules = sum(len(bucket.row) for bucket in buckets)
                output = np.empty((molecules, *found.shape[1:]))
            output[rows[piece[real]]] = np.asarray(found)[real]
    return output


@eqx.filter_jit
def _predict(
    network: Network,
    atomic_numbers: Int[Array, "batch atoms"],
    positions: Float[Array, "batch atoms 3"],
) -> Float[Array, "batch *targets"]:
    return jax.vmap(network)(atomic_numbers, positions)
