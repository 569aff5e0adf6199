"""Predictions for molecules from a file, each with its uncertainty and with warnings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from qm9lib import pretrained
from qm9lib.data import xyz
from qm9lib.data.dataset import QM9
from qm9lib.labels import ELEMENTS, LABELS, SYMBOLS
from qm9lib.models.storage import Ensemble
from qm9lib.pretrained.weights import Calibration
from qm9lib.units import convert, written

MOST_APART = 100
"""Disagreement of the pretrained networks, kcal/mol, beyond which there is no prediction.

It is the energy of a bond. Far outside what they know their numbers grow without limit.
"""


def predict(
    molecules: Sequence[xyz.XYZMolecule],
    ensemble: Ensemble | None = None,
) -> list[dict[str, Any]]:
    r"""Predict one label of molecules that may be unlike those of QM9.

    Parameters
    ----------
    molecules
        As `qm9lib.data.xyz.read` returns them.
    ensemble
        Models to predict with; by default the pretrained ones of H.

    Returns
    -------
    list of dict
        For each molecule, ready for JSON: ``line`` of the file, ``comment``, ``formula``, the label
        with its unit, ``uncertainty`` with its unit, and ``warnings``. The label is None for a
        molecule with other elements than H, C, N, O and F, or than the training molecules, and
        where the pretrained networks disagree by more than `MOST_APART`. The uncertainty is the
        absolute error to be expected, calibrated on validation molecules; of your own models it is
        the standard deviation over them, and None if there is one alone.

    Examples
    --------
    >>> hydrogen = xyz.parse("2\n\nH 0 0 0\nH 0 0 0.74\n")
    >>> [result] = predict(hydrogen)
    >>> result["formula"], result["warnings"]
    ('H2', ['2 atoms; QM9 has molecules of 3 and more', 'H and H are 0.74 Å apart; ...'])
    """
    calibration = None
    if ensemble is None:
        ensemble, calibration = pretrained.load("H"), pretrained.calibration("H")
    unit = LABELS[ensemble.label].unit
    small = "kcal/mol" if unit == "hartree" else unit
    value, error = f"{ensemble.label} ({unit})", f"uncertainty ({small})"

    results: list[dict[str, Any]] = [
        {
            "line": molecule.line, "comment": molecule.comment, "formula": molecule.formula,
            value: None, error: None, "warnings": [],
        }
        for molecule in molecules
    ]  # fmt: skip
    known, unseen = [], _unseen(ensemble)
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
        for i, (predicted, uncertainty, warnings) in zip(
            known, _predict(qm9, ensemble, calibration, unit, small), strict=True
        ):
            results[i] |= {value: predicted, error: uncertainty}
            results[i]["warnings"] += warnings
    return results


def _unseen(ensemble: Ensemble) -> set[str]:
    """Return the elements that the training molecules of one of the models did not have."""
    unseen = np.any([member.reference.unseen for member in ensemble.members], axis=0)
    return {SYMBOLS[z] for z, is_new in zip(ELEMENTS, unseen, strict=True) if is_new}


def _warn_of_comments(
    molecules: Sequence[xyz.XYZMolecule], results: Sequence[dict[str, Any]]
) -> None:
    """Warn of what the comment lines say and the networks cannot know."""
    for molecule, result in zip(molecules, results, strict=True):
        if molecule.charge:
            result["warnings"].append(
                f"its comment tells of a charge of {molecule.charge:+d}: the networks take every "
                "molecule for a neutral one"
            )
        if molecule.multiplicity not in (None, 1):
            result["warnings"].append(
                f"its comment tells of a multiplicity of {molecule.multiplicity}: the networks "
                "take the electrons of every molecule as paired"
            )
    repeated = [result for m, result in zip(molecules, results, strict=True) if m.periodic]
    for result in repeated[:1]:  # a trajectory would say it a thousand times
        others = f" (so do {len(repeated) - 1} more of this file)" if repeated[1:] else ""
        result["warnings"].append(
            f"its comment tells of a lattice{others}, which is ignored: the networks see the atoms "
            "of the file alone"
        )


def _predict(
    qm9: QM9, ensemble: Ensemble, calibration: Calibration | None, unit: str, small: str
) -> list[tuple[float | None, float | None, list[str]]]:
    mean, deviation = ensemble.predict(qm9)
    deviation = convert(deviation, unit, small)
    expected = deviation if calibration is None else calibration.uncertainty(deviation)
    domain = pretrained.training_domain()
    found: list[tuple[float | None, float | None, list[str]]] = []
    for molecule, value, spread, error in zip(qm9, mean, deviation, expected, strict=True):
        warnings = domain.concerns(molecule.atomic_numbers, molecule.positions)
        uncertainty = None if len(ensemble.members) == 1 else float(error)
        reason = ""
        if calibration is not None and not spread <= MOST_APART:  # NaN, where numbers overflow
            reason = f"the networks disagree by more than {MOST_APART} kcal/mol"
        elif not np.isfinite(value):
            reason = "the networks give no number for these positions"
        elif calibration is not None and spread > calibration.limit:
            warnings.append(
                f"the networks disagree by {written(float(spread), 2)} {small}, more than for 999 "
                "of 1,000 molecules of QM9: the error may be far larger than the uncertainty says"
            )
        if reason:
            found.append((None, None, [f"no prediction: {reason}", *warnings]))
            continue
        found.append((float(value), uncertainty, warnings))
    return found
