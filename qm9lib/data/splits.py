"""The named splits of the 130,831 characterized molecules: rows that never change."""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import Int

from qm9lib.errors import UnknownNameError

CHARACTERIZED = 130_831
"""Number of molecules of QM9 without the 3,054 that the authors list as uncharacterized."""

# SHA-256 of the 130,831 indices as little-endian int64: distinguishes the whole set from a part.
_INDEX_SHA256 = "0f765488b299e839161159ae9209ae86dc40bbd9d22c8e8051515367b97d8b38"

_NAMES = ("dimenet", "course")


def parts(name: str, index: Int[np.ndarray, " molecules"]) -> tuple[Int[np.ndarray, " _"], ...]:
    """Return the rows of the training, validation and test parts of a named split.

    Parameters
    ----------
    name
        ``"dimenet"``: 110,000, 10,000 and 10,831 molecules. ``"course"``: the first 5,000, 1,000
        and 1,000 of those three.
    index
        Numbers of the molecules in QM9, shape (molecules,): all characterized ones, in order.

    Returns
    -------
    tuple of np.ndarray
        Rows of the three parts; always the same.

    Raises
    ------
    UnknownNameError
        If there is no such split.
    ValueError
        If ``index`` has other molecules.

    Examples
    --------
    >>> import qm9lib
    >>> [len(rows) for rows in parts("dimenet", qm9lib.load().index)]
    [110000, 10000, 10831]
    """
    if name not in _NAMES:
        raise UnknownNameError("split", name, list(_NAMES))
    if hashlib.sha256(index.astype("<i8").tobytes()).hexdigest() != _INDEX_SHA256:
        raise ValueError(
            f"split({name!r}) is defined on the {CHARACTERIZED:,} characterized molecules in "
            f"published order, as load() returns them; this set has {len(index):,} molecules. "
            "For another set, permute it yourself: qm9[permutation[:n]]"
        )
    order = np.random.RandomState(42).permutation(CHARACTERIZED)
    train, valid, test = order[:110_000], order[110_000:120_000], order[120_000:]
    if name == "course":
        return train[:5_000], valid[:1_000], test[:1_000]
    return train, valid, test
