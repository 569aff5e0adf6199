"""The part of a label that a network learns, and the way back from its output to the label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from qm9lib.data.dataset import QM9
from qm9lib.errors import DataError
from qm9lib.labels import ELEMENTS, LABELS
from qm9lib.models import composition
from qm9lib.models.composition import Composition
from qm9lib.units import convert

_SPREAD = "r2"  # the only label that grows with the distance between atoms
_ROUNDING = 1e-12  # of a label: 50 hartree to 5e-11, far below the 1e-6 of the published values


@dataclass(frozen=True, eq=False)
class Target:
    """Label = reference + mean + scale * output of the network.

    Attributes
    ----------
    reference
        Composition model that the network adds to; zero for a label that is not a sum over atoms.
    mean
        Mean of its residual over the training molecules, in the label's published unit.
    scale
        Standard deviation of the residual, in the same unit.
    """

    reference: Composition
    mean: float
    scale: float

    @property
    def label(self) -> str:
        """Name of the label."""
        return self.reference.label

    @property
    def deviation(self) -> float:
        """The scale, in the unit in which errors of the label are given."""
        label = LABELS[self.label]
        return convert(self.scale, label.unit, label.error_unit)

    def standardised(self, qm9: QM9) -> Float[np.ndarray, " molecules"]:
        """Return the outputs expected of the network, centred on 0, of size about 1; float64."""
        return (self.reference.residual(qm9) - self.mean) / self.scale

    def values(
        self, qm9: QM9, output: Float[np.ndarray, " molecules"], unit: str | None = None
    ) -> Float[np.ndarray, " molecules"]:
        """Return the label for a network's output, by default in the published unit."""
        values = self.reference.predict(qm9) + self.mean + self.scale * output
        return self.reference.in_unit(values, unit)


def fit(train: QM9, label: str, *, from_zero: bool = False) -> Target:
    """Return the target of a label, from training molecules alone.

    An extensive label is measured from the composition model, r2 from one with charges (which
    leaves 3 of 280 bohr²), any other label from its mean.

    Parameters
    ----------
    train
        Training molecules.
    label
        Name of the label.
    from_zero
        Measure from 0 instead of the mean: for a readout that is a length.

    Raises
    ------
    UnknownNameError
        If the label is unknown.
    ValueError
        If there are no molecules, or a label is not a finite number.
    DataError
        If nothing is left to learn.

    Examples
    --------
    >>> import qm9lib
    >>> sample = qm9lib.load_sample()
    >>> gap = fit(sample, "gap")
    >>> round(float(gap.standardised(sample).std()), 3)
    1.0
    """
    if LABELS[label].scaling == "extensive" or label == _SPREAD:
        reference = composition.fit(train, label, spread=label == _SPREAD)
    else:
        reference = Composition(label, np.zeros(len(ELEMENTS)))
    residual = reference.residual(train)
    mean, scale = float(residual.mean()), float(residual.std())
    if not scale > _ROUNDING * np.abs(train.target(label)).max():
        known = "composition determines" if reference.coefficients.any() else "one number is"
        raise DataError(
            f"{known} {label} of the {len(train)} training molecules exactly, so that nothing is "
            "left to learn but rounding: use more molecules"
        )
    return Target(reference, 0.0 if from_zero else mean, scale)
