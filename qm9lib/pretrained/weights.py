"""Trained networks that come with the package, and what was measured of them.

The folder ``stored`` holds, for a label such as H: the members of the ensemble
(``H-0.safetensors`` and so on), the record of each one's training (``H-0.json``), what was measured
with all of them (``H.json``), and the model card for people (``README.md``).
``tools/pretrained.py`` makes them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from qm9lib import models
from qm9lib.data.files import damaged, read_safetensors, write_safetensors
from qm9lib.errors import UnknownNameError
from qm9lib.models.model import Ensemble
from qm9lib.pretrained.domain import SHAPE, VALENCE_SHAPE, Domain
from qm9lib.training.run import Run

FOLDER = Path(__file__).parent / "stored"
"""Where the files are."""

_DOMAIN = "qm9lib-domain-2"


@dataclass(frozen=True)
class Calibration:
    """From the disagreement of an ensemble to the error that is to be expected.

    Attributes
    ----------
    floor
        Expected error where all members agree, kcal/mol.
    scale
        Expected error per standard deviation of the members, where they disagree much.
    limit
        Standard deviation (kcal/mol) that one in a thousand validation molecules exceeds.
    """

    floor: float
    scale: float
    limit: float

    def uncertainty(self, deviation: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Return the expected absolute error, given the members' standard deviation (kcal/mol).

        Examples
        --------
        >>> Calibration(floor=0.3, scale=2.0, limit=1.0).uncertainty(np.array([0.0, 0.2]))
        array([0.3, 0.5])
        """
        return np.hypot(self.floor, self.scale * deviation)


def labels() -> list[str]:
    """Return the labels that there are weights for.

    Examples
    --------
    >>> labels()
    ['H']
    """
    return sorted({path.name.split("-")[0] for path in FOLDER.glob("*-0.safetensors")})


def load(label: str = "H") -> Ensemble:
    """Return the trained ensemble of a label.

    Parameters
    ----------
    label
        Name of the label.

    Raises
    ------
    UnknownNameError
        If there are no weights for the label.

    Examples
    --------
    >>> import qm9lib
    >>> molecules = qm9lib.load_sample()[:3]
    >>> predicted, deviation = load("H").predict(molecules, "kcal/mol")
    >>> bool(abs(predicted - molecules.target("H", "kcal/mol")).max() < 10)
    True
    """
    return Ensemble(tuple(models.load(path) for path in _members(label)))


def runs(label: str = "H") -> list[Run]:
    """Return the record of each member's training, in the order of the members.

    Examples
    --------
    >>> runs("H")[0].n_train
    110000
    """
    texts = [path.with_suffix(".json").read_text(encoding="utf-8") for path in _members(label)]
    return [Run.from_dict(json.loads(text)) for text in texts]


def results(label: str = "H") -> dict[str, Any]:
    """Return what was measured with the ensemble of a label, as on the model card; kcal/mol.

    Raises
    ------
    UnknownNameError
        If there are no weights for the label.

    Examples
    --------
    >>> results("H")["test"]["molecules"]
    10831
    """
    if label not in labels():
        raise UnknownNameError("pretrained label", label, labels())
    found: dict[str, Any] = json.loads((FOLDER / f"{label}.json").read_text(encoding="utf-8"))
    return found


def calibration(label: str = "H") -> Calibration:
    """Return how the ensemble's disagreement relates to its error, as found on the validation set.

    Examples
    --------
    >>> calibration("H").floor > 0
    True
    """
    return Calibration(**results(label)["calibration"])


def training_domain() -> Domain:
    """Return which distances and valences the 110,000 training molecules have.

    Examples
    --------
    >>> training_domain().counts.shape
    (5, 5, 80)
    """
    path = FOLDER / "domain.safetensors"
    what, remedy = "domain", "install qm9lib again"
    _, arrays = read_safetensors(path, _DOMAIN, what, remedy)
    for name, shape in (("counts", SHAPE), ("valences", VALENCE_SHAPE)):
        if name not in arrays or arrays[name].shape != shape:
            raise damaged(path, what, remedy, f"it has no array {name} of shape {shape}")
    return Domain(arrays["counts"], arrays["valences"])


def save_domain(measured: Domain, folder: Path = FOLDER) -> None:
    """Write the file that `training_domain` reads."""
    arrays = {"counts": measured.counts, "valences": measured.valences}
    write_safetensors(
        folder / "domain.safetensors",
        {name: array.astype(np.int32) for name, array in arrays.items()},
        {"format": _DOMAIN},
    )


def _members(label: str) -> list[Path]:
    if label not in labels():
        raise UnknownNameError("pretrained label", label, labels())
    return sorted(FOLDER.glob(f"{label}-*.safetensors"))
