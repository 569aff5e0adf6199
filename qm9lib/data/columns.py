"""The arrays of a data set by field name, as all readers return them."""

from __future__ import annotations

import numpy as np

Columns = dict[str, np.ndarray]
"""The arrays of a `qm9lib.QM9` by field name."""


def concatenate(parts: list[Columns]) -> Columns:
    """Join parts that have ``n_atoms`` in place of ``offsets``, in the order of the index.

    Parameters
    ----------
    parts
        Some molecules each: ``index``, ``n_atoms``, ``atomic_numbers``, ``positions``,
        ``charges``, ``labels`` and ``smiles``.

    Returns
    -------
    dict
        The arrays of a `qm9lib.QM9`.
    """
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    index, n_atoms = columns["index"], columns.pop("n_atoms")
    if np.any(np.diff(index) < 0):
        molecules = np.argsort(index, kind="stable")
        atoms = np.argsort(np.repeat(index, n_atoms), kind="stable")
        n_atoms = n_atoms[molecules]
        for name in columns:
            of_atoms = name in ("atomic_numbers", "positions", "charges")
            columns[name] = columns[name][atoms if of_atoms else molecules]
    columns["offsets"] = np.concatenate([[0], np.cumsum(n_atoms)])
    return columns
