"""Predictions for molecules from a file, each with its uncertainty and with warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from qm9lib import pretrained
from qm9lib.data import xyz
from qm9lib.labels import ELEMENTS, LABELS, SYMBOLS
from qm9lib.models.model import Ensemble
from qm9lib.pretrained.weights import Calibration
from qm9lib.units import convert, written


def predict(
    molecules: Sequence[xyz.XYZMolecule],
    ensemble: Ensemble | None = None,
    labels: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    r"""Predict the labels of molecules that may be unlike those of QM9.

    Parameters
    ----------
    molecules
        Molecules as returned by `qm9lib.data.xyz.read`.
    ensemble
        Models to predict with; by default the pretrained ones.
    labels
        Names of the labels; by default all labels of the models.

    Returns
    -------
    list of dict
        For each molecule, ready for JSON: ``line`` of the file, ``comment``, ``formula``, each
        label with its unit, its ``uncertainty`` with its unit, and ``warnings``. A label is None if
        the molecule has elements other than H, C, N, O and F, or one that no training molecule of
        the models had, or if the pretrained networks disagree too much (`Calibration.most`). The
        uncertainty is the expected absolute error, calibrated on validation molecules; for your own
        models, it is the standard deviation over them, or None if there is only one.

    Raises
    ------
    UnknownNameError
        If the models lack one of the labels.

    Examples
    --------
    >>> hydrogen = xyz.parse("2\n\nH 0 0 0\nH 0 0 0.74\n")
    >>> [result] = predict(hydrogen, labels=["H"])
    >>> result["formula"], result["warnings"]
    ('H2', ['2 atoms; QM9 has molecules of 3 and more', 'H and H are 0.74 Å apart; ...'])
    """
    if ensemble is None:
        names = pretrained.labels() if labels is None else labels
        ensembles = pretrained.load_each(names)
    else:
        names = ensemble.labels if labels is None else labels
        ensembles = [ensemble]
    calibrations = {} if ensemble else {name: pretrained.calibration(name) for name in names}
    results: list[dict[str, Any]] = [
        {
            "line": molecule.line, "comment": molecule.comment, "formula": molecule.formula,
            **{key: None for label in names for key in _keys(label)}, "warnings": [],
        }
        for molecule in molecules
    ]  # fmt: skip
    known, unseen = [], _unseen(ensembles)
    for i, (molecule, result) in enumerate(zip(molecules, results, strict=True)):
        if others := molecule.foreign:
            reason = f"the models know H, C, N, O and F, not {', '.join(others)}"
        elif others := sorted(unseen & {*molecule.symbols}):
            reason = f"no training molecule of the models had {' or '.join(others)}"
        else:
            known.append(i)
            continue
        result["warnings"].append(f"no prediction: {reason}")
    _warn_of_comments(molecules, results)
    if known:
        qm9 = xyz.to_qm9([molecules[i] for i in known])
        domain = pretrained.training_domain()
        concerns = [domain.concerns(one.atomic_numbers, one.positions) for one in qm9]
        found = {label: both for one in ensembles for label, both in one.predict_each(qm9).items()}
        for label in names:
            learned = np.ones(len(qm9)) if ensemble else pretrained.learned_error(qm9, label)
            judged = _judged(label, *found[label], learned, calibrations.get(label))
            for i, concern, one in zip(known, concerns, judged, strict=True):
                value, error = _keys(label)
                results[i] |= {value: one.value, error: one.uncertainty}
                results[i]["warnings"] += one.refusals + concern + one.doubts
                concern.clear()  # give it only once
    return results


def _keys(label: str) -> tuple[str, str]:
    """Return the names under which a result holds a label and its uncertainty."""
    return (
        f"{label} ({LABELS[label].unit})", f"uncertainty of {label} ({LABELS[label].error_unit})"
    )  # fmt: skip


def _unseen(ensembles: Sequence[Ensemble]) -> set[str]:
    """Return the elements that are missing from the training molecules of at least one model."""
    members = [member for ensemble in ensembles for member in ensemble.members]
    return {SYMBOLS[z] for member in members for z in {*ELEMENTS} - {*member.elements}}


def _warn_of_comments(
    molecules: Sequence[xyz.XYZMolecule], results: Sequence[dict[str, Any]]
) -> None:
    """Warn of facts in the comment lines that the networks cannot know."""
    for molecule, result in zip(molecules, results, strict=True):
        if molecule.charge:
            result["warnings"].append(
                f"its comment gives a charge of {molecule.charge:+d}: the networks treat every "
                "molecule as neutral"
            )
        if molecule.multiplicity not in (None, 1):
            result["warnings"].append(
                f"its comment gives a multiplicity of {molecule.multiplicity}: the networks "
                "treat all electrons as paired"
            )
    repeated = [result for m, result in zip(molecules, results, strict=True) if m.periodic]
    for result in repeated[:1]:  # a trajectory would say it a thousand times
        others = f" (as do {len(repeated) - 1} more in this file)" if repeated[1:] else ""
        result["warnings"].append(
            f"its comment gives a lattice{others}, which is ignored: the networks see only the "
            "atoms in the file"
        )


class _Judged(NamedTuple):
    """A label of a molecule, if it can be predicted, and any remarks on it."""

    value: float | None
    uncertainty: float | None
    refusals: list[str]
    doubts: list[str]


def _judged(
    label: str,
    mean: Float[np.ndarray, " molecules"],
    deviation: Float[np.ndarray, " molecules"],
    learned: Float[np.ndarray, " molecules"],
    calibration: Calibration | None,
) -> Iterator[_Judged]:
    small = LABELS[label].error_unit
    deviation = convert(deviation, LABELS[label].unit, small)
    expected = deviation if calibration is None else calibration.uncertainty(deviation, learned)
    for value, spread, error in zip(mean, deviation, expected, strict=True):
        reason, doubts = "", []
        if calibration is not None and not spread <= calibration.most:  # NaN: numbers overflow
            reason = f"the networks disagree by more than {calibration.most:g} {small}"
        elif not np.isfinite(value):
            reason = "the networks give no number for these positions"
        elif calibration is not None and spread > calibration.limit:
            doubts.append(
                f"the networks disagree about {label} by {written(float(spread), 2)} {small}, more "
                "than for 999 of 1,000 molecules of QM9: the error may be far larger than the "
                "uncertainty says"
            )
        if reason:
            yield _Judged(None, None, [f"no prediction of {label}: {reason}"], [])
        else:
            alone = calibration is None and np.isnan(spread)
            yield _Judged(float(value), None if alone else float(error), [], doubts)
