"""Helpers for the course *Molecular energies with graph neural networks*.

Importing the package loads nothing else: a module is imported when one of its names is first used.
That is how ``python -m qm9lib doctor`` can find out what is broken.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qm9lib.data.dataset import QM9, Split, load, load_sample
    from qm9lib.data.molecule import Molecule
    from qm9lib.data.tfdata import qm9_fetch, qm9_parse
    from qm9lib.figures.viewer import view
    from qm9lib.labels import ATOM_REFERENCES, ELEMENTS, LABELS, SYMBOLS
    from qm9lib.metrics import mae, rmse
    from qm9lib.units import convert

__version__ = "0.1.0"

__all__ = [
    "ATOM_REFERENCES",
    "ELEMENTS",
    "LABELS",
    "QM9",
    "SYMBOLS",
    "Molecule",
    "Split",
    "convert",
    "load",
    "load_sample",
    "mae",
    "qm9_fetch",
    "qm9_parse",
    "rmse",
    "view",
]

_HOMES = {
    "qm9lib.data.dataset": ("QM9", "Split", "load", "load_sample"),
    "qm9lib.data.molecule": ("Molecule",),
    "qm9lib.labels": ("ATOM_REFERENCES", "ELEMENTS", "LABELS", "SYMBOLS"),
    "qm9lib.metrics": ("mae", "rmse"),
    "qm9lib.units": ("convert",),
    "qm9lib.data.tfdata": ("qm9_fetch", "qm9_parse"),
    "qm9lib.figures.viewer": ("view",),
}

_ROOMS = ("data", "figures", "models", "pretrained", "training")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(importlib.import_module(home), name)
            return value
    if name in _ROOMS:
        return importlib.import_module(f"qm9lib.{name}")
    raise AttributeError(f"module 'qm9lib' has no attribute {name!r}")
