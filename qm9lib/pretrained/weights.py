"""Trained networks that come with the package, and their measured errors.

The folder ``stored`` holds the networks (``H-0.safetensors``, ``all-0.safetensors`` and so on), the
record of each one's training (``H-0.json``), a list of which networks predict each label, with what
was measured (``results.json``), and the model card for human readers (``README.md``). They are made
by ``tools/pretrained.py``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from qm9lib import models
from qm9lib.data.dataset import QM9
from qm9lib.data.files import damaged, read_safetensors, write_safetensors
from qm9lib.errors import UnknownNameError
from qm9lib.models.model import Ensemble, Model
from qm9lib.pretrained.domain import SHAPE, VALENCE_SHAPE, Domain
from qm9lib.training.run import Run

FOLDER = Path(__file__).parent / "stored"
"""Where the files are."""

LOGARITHMS = -10.0, 50.0
"""Between these, the logarithm of a learned error is believed."""

_DOMAIN = "qm9lib-domain-2"


@dataclass(frozen=True)
class Calibration:
    r"""From the disagreement of an ensemble to the expected error.

    .. math:: u^p \sqrt{a^2 + (b \sigma / u)^2}

    Here σ is the standard deviation of the members, and u the error that a network has learned to
    expect for such a molecule. For most labels there is no such network, and u is 1.

    Attributes
    ----------
    floor
        The number a: for u = 1, the expected error if all members agree, in the unit of the label's
        errors.
    scale
        The number b: expected error per standard deviation of the members, if they disagree
        strongly.
    limit
        Standard deviation that only one in a thousand validation molecules exceeds.
    most
        Standard deviation beyond which there is no prediction: about four times the standard
        deviation of what the networks learn. Far from the molecules they know, the networks'
        numbers grow without limit.
    power
        The exponent p. From easy to difficult molecules, errors rise less steeply for the training
        molecules, from which u was learned, than for new ones; a power above 1 makes up for that.
    """

    floor: float
    scale: float
    limit: float
    most: float
    power: float = 1.0

    def uncertainty(
        self, deviation: Float[np.ndarray, "*n"], learned: Float[np.ndarray, "*n"] | float = 1.0
    ) -> Float[np.ndarray, "*n"]:
        """Return the expected absolute error, at most ``most``.

        Parameters
        ----------
        deviation
            The members' standard deviation, in the unit of the label's errors.
        learned
            What `learned_error` returns.

        Examples
        --------
        >>> found = Calibration(floor=0.3, scale=2.0, limit=1.0, most=100.0)
        >>> found.uncertainty(np.array([0.0, 0.2]))
        array([0.3, 0.5])
        """
        expected = learned**self.power * np.hypot(self.floor, self.scale * deviation / learned)
        return np.minimum(expected, self.most)


def labels() -> list[str]:
    """Return the labels for which there are networks, in the order of ``LABELS``.

    Examples
    --------
    >>> "H" in labels()
    True
    """
    return [*_results()]


def load(label: str = "H") -> Ensemble:
    """Return the trained ensemble of a label.

    Parameters
    ----------
    label
        Name of the label.

    Raises
    ------
    UnknownNameError
        If there is no network for the label.

    Examples
    --------
    >>> import qm9lib
    >>> molecules = qm9lib.load_sample()[:3]
    >>> predicted, deviation = load("H").predict(molecules, "kcal/mol")
    >>> bool(abs(predicted - molecules.target("H", "kcal/mol")).max() < 10)
    True
    """
    [ensemble] = load_each([label])
    return ensemble


def load_each(labels: Sequence[str]) -> list[Ensemble]:
    """Return ensembles that cover the labels; labels with the same networks share one.

    Raises
    ------
    UnknownNameError
        If there is no network for a label.

    Examples
    --------
    >>> [ensemble.labels for ensemble in load_each(["H"])]
    [('H',)]
    """
    shared: dict[tuple[str, ...], list[str]] = {}
    for label in labels:
        shared.setdefault(tuple(results(label)["networks"]), []).append(label)
    return [
        Ensemble(tuple(models.load(_file(name)).only(*group) for name in names))
        for names, group in shared.items()
    ]


def network(name: str) -> tuple[Model, Run]:
    """Return one of the stored networks, and the record of its training.

    Raises
    ------
    UnknownNameError
        If there is no network by this name.

    Examples
    --------
    >>> model, run = network("H-0")
    >>> model.labels, run.n_train
    (('H',), 110000)
    """
    known = sorted(path.stem for path in FOLDER.glob("*-*.safetensors"))
    if name not in known:
        raise UnknownNameError("pretrained network", name, known)
    return models.load(_file(name)), _run(name)


def runs(label: str = "H") -> list[Run]:
    """Return the record of each member's training, in the order of the members.

    Examples
    --------
    >>> runs("H")[0].n_train
    110000
    """
    return [_run(name) for name in results(label)["networks"]]


def results(label: str = "H") -> dict[str, Any]:
    """Return the measured results of a label's ensemble, as on the model card.

    Errors are in the ``unit`` given there.

    Raises
    ------
    UnknownNameError
        If there is no network for the label.

    Examples
    --------
    >>> results("H")["test"]["molecules"]
    10831
    """
    known = _results()
    if label not in known:
        raise UnknownNameError("pretrained label", label, [*known])
    found: dict[str, Any] = known[label]
    return found


def calibration(label: str = "H") -> Calibration:
    """Return how the ensemble's disagreement relates to its error, as found on the validation set.

    Examples
    --------
    >>> calibration("H").floor > 0
    True
    """
    return Calibration(**results(label)["calibration"])


def error_network(label: str = "H") -> Model | None:
    """Return the network that has learned how wrong a label's ensemble is, if there is one.

    It has the form of a model of that label, but predicts the logarithm of an absolute error, in
    the unit of the label's errors. It learned from the errors of the training molecules.

    Examples
    --------
    >>> import qm9lib
    >>> network = error_network("H")
    >>> error = np.exp(network.predict(qm9lib.load_sample()[:2]))
    >>> bool(np.all((error > 0) & (error < 10))), error_network("mu")
    (True, None)
    """
    name = results(label).get("errors")
    return models.load(_file(name)) if name else None


def learned_error(
    qm9: QM9, label: str = "H", network: Model | None = None
) -> Float[np.ndarray, " molecules"]:
    """Return the error that `error_network`, or another one, predicts for each molecule.

    Returns
    -------
    ndarray
        Shape (molecules,), in the unit of the label's errors; ones if there is no such network.

    Examples
    --------
    >>> import qm9lib
    >>> learned_error(qm9lib.load_sample()[:2], "mu")
    array([1., 1.])
    """
    network = network or error_network(label)
    if network is None:
        return np.ones(len(qm9))
    # Far from the molecules it knows, its numbers grow without limit.
    return np.exp(np.clip(network.predict(qm9), *LOGARITHMS))


def training_domain() -> Domain:
    """Return the distances and valences that occur in the 110,000 training molecules.

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


def _results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))
    return found


def _run(name: str) -> Run:
    record = _file(name).with_suffix(".json").read_text(encoding="utf-8")
    return Run.from_dict(json.loads(record))


def _file(name: str) -> Path:
    return FOLDER / f"{name}.safetensors"
