"""A label as a sum over elements: the baseline, and the reference that networks start from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from qm9lib.data.dataset import QM9, check_finite
from qm9lib.labels import ELEMENTS, LABELS, SYMBOLS
from qm9lib.units import convert


@dataclass(frozen=True, eq=False)
class Composition:
    """A label as (number of atoms of each element) · (value of each element).

    For the spatial extent r2, plus (sum of squared distances from the centre of mass) · (charge).

    Attributes
    ----------
    label
        Name of the label.
    coefficients
        Value per atom of H, C, N, O and F in the published unit of the label; shape (5,), float64.
    charges
        Value per Å² of `QM9.spread` for the same elements; shape (5,), float64.

    Examples
    --------
    >>> import qm9lib
    >>> sample = qm9lib.load_sample()
    >>> model = fit(sample, "H")
    >>> round(qm9lib.mae(model.predict(sample), sample.target("H")), 1)
    17.0
    """

    label: str
    coefficients: Float[np.ndarray, " 5"]
    charges: Float[np.ndarray, " 5"] = field(default_factory=lambda: np.zeros(5))

    def predict(self, qm9: QM9, unit: str | None = None) -> Float[np.ndarray, " molecules"]:
        """Return this model's prediction for the label of each molecule, float64.

        Parameters
        ----------
        qm9
            Molecules.
        unit
            Unit of the result; by default the published unit.
        """
        values = qm9.composition @ self.coefficients
        if self.charges.any():
            values = values + qm9.spread @ self.charges
        return self.in_unit(values, unit)

    def in_unit(
        self, values: Float[np.ndarray, " molecules"], unit: str | None
    ) -> Float[np.ndarray, " molecules"]:
        """Convert values of the label from its published unit; None leaves them as they are.

        Examples
        --------
        >>> Composition("H", np.zeros(5)).in_unit(np.array([1.0]), "kcal/mol").round(1)
        array([627.5])
        """
        return values if unit is None else convert(values, LABELS[self.label].unit, unit)

    def residual(self, qm9: QM9, unit: str | None = None) -> Float[np.ndarray, " molecules"]:
        """Return the residual of this model: label minus prediction, float64.

        A total energy is a few hundred hartree, known to 1e-6. The difference is taken in float64;
        what is left is small enough for float32.
        """
        return qm9.target(self.label, unit) - self.predict(qm9, unit)

    def __repr__(self) -> str:
        values = (
            f"{SYMBOLS[z]} {value:.4f}"
            for z, value in zip(ELEMENTS, self.coefficients, strict=True)
        )
        return f"Composition({self.label} in {LABELS[self.label].unit}: {', '.join(values)})"


def fit(qm9: QM9, label: str = "H", *, spread: bool = False) -> Composition:
    """Fit a composition model by exact least squares.

    Parameters
    ----------
    qm9
        Training molecules.
    label
        Name of the label.
    spread
        Whether to fit the charges, too.

    Returns
    -------
    Composition
        The model with the least squared error. An element that no molecule contains gets 0.

    Raises
    ------
    UnknownNameError
        If the label is unknown.
    ValueError
        If there are no molecules, or a label or position is not a finite number.
    """
    if not len(qm9):
        raise ValueError("cannot fit a composition model to an empty set of molecules")
    check_finite(qm9, label, "molecules")
    features = qm9.composition.astype(np.float64)
    if spread:
        features = np.hstack([features, qm9.spread])
    found, *_ = np.linalg.lstsq(features, qm9.target(label), rcond=None)
    return Composition(label, found[:5], found[5:] if spread else np.zeros(5))


class Descent(NamedTuple):
    """Weights and bias after each epoch of `sgd`: shapes (epochs, features) and (epochs,)."""

    weights: Float[np.ndarray, "epochs features"]
    biases: Float[np.ndarray, " epochs"]


def sgd(
    features: Float[np.ndarray, "molecules features"],
    targets: Float[np.ndarray, " molecules"],
    *,
    start: Float[np.ndarray, " features"],
    learning_rate: float,
    epochs: int = 16,
    decay: float = 0.9,
) -> Descent:
    """Fit a linear model by stochastic gradient descent, one molecule at a time.

    This is the recipe of the *baseline* chapter, for teaching; to fit a model, use `fit`.

    Parameters
    ----------
    features
        Shape (molecules, features).
    targets
        Standardised values, shape (molecules,).
    start
        Initial weights, shape (features,); the bias starts at 0.
    learning_rate
        Step size of the first epoch.
    epochs
        Passes over the molecules, in the given order.
    decay
        Factor by which the step size shrinks from one epoch to the next.

    Returns
    -------
    Descent
        Float64 copies of the float32 weights.

    Examples
    --------
    >>> x = np.array([[-1.0], [1.0], [0.5]])
    >>> sgd(x, 3 * x[:, 0], start=np.zeros(1), learning_rate=0.2, decay=1.0).weights[-1].round(2)
    array([3.])
    """

    def step(carry: tuple[Array, Array, Array], molecule: tuple[Array, Array]) -> Any:
        weights, bias, size = carry
        x, y = molecule
        error = jnp.dot(weights, x) + bias - y
        return (weights - 2 * size * error * x, bias - 2 * size * error, size), None

    @jax.jit
    def epoch(weights: Array, bias: Array, size: Array) -> tuple[Array, Array]:
        (weights, bias, _), _ = jax.lax.scan(step, (weights, bias, size), molecules)
        return weights, bias

    molecules = jnp.asarray(features, jnp.float32), jnp.asarray(targets, jnp.float32)
    weights, bias = jnp.asarray(start, jnp.float32), jnp.zeros((), jnp.float32)
    history = []
    for number in range(epochs):
        size = jnp.asarray(learning_rate * decay**number, jnp.float32)
        weights, bias = epoch(weights, bias, size)
        history.append((np.asarray(weights, np.float64), float(bias)))
    return Descent(np.array([w for w, _ in history]), np.array([b for _, b in history]))
