"""How far predictions are from the truth."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from qm9lib.units import convert


def _difference(
    predicted: Float[np.ndarray, "..."], true: Float[np.ndarray, "..."]
) -> Float[np.ndarray, " n"]:
    predicted, true = np.asarray(predicted), np.asarray(true)
    if predicted.shape != true.shape or predicted.ndim != 1 or not predicted.size:
        # (n,) minus (n, 1) would be an (n, n) array, and its mean silently a wrong error.
        raise ValueError(
            f"predicted and true values need the same shape (n,) with n > 0; "
            f"given {predicted.shape} and {true.shape}"
        )
    for values in (predicted, true):
        if values.dtype.kind not in "iuf":
            raise ValueError(f"predicted and true values need to be real, given {values.dtype}")
    # Unsigned integers would wrap around, and small ones overflow.
    return predicted.astype(np.float64) - true.astype(np.float64)


def mae(
    predicted: Float[np.ndarray, "..."],
    true: Float[np.ndarray, "..."],
    *,
    unit: str = "hartree",
    to: str = "kcal/mol",
) -> float:
    """Return the mean absolute error.

    Parameters
    ----------
    predicted, true
        Values, shape (n,), in ``unit``.
    unit
        Unit of the values.
    to
        Unit of the result.

    Returns
    -------
    float
        The mean of ``|predicted - true|`` in the unit ``to``.

    Raises
    ------
    ValueError
        If the shapes differ, or are not (n,) with n > 0.

    Examples
    --------
    >>> round(mae(np.array([1.0, 2.0]), np.array([1.0, 4.0]), to="hartree"), 3)
    1.0
    """
    return convert(float(np.mean(np.abs(_difference(predicted, true)))), unit, to)


def rmse(
    predicted: Float[np.ndarray, "..."],
    true: Float[np.ndarray, "..."],
    *,
    unit: str = "hartree",
    to: str = "kcal/mol",
) -> float:
    """Return the root mean square error, with the parameters and errors of `mae`.

    Examples
    --------
    >>> round(rmse(np.array([1.0, 2.0]), np.array([1.0, 4.0]), to="hartree"), 3)
    1.414
    """
    return convert(float(np.sqrt(np.mean(_difference(predicted, true) ** 2))), unit, to)
