"""Exercises of the chapter *baseline*: least squares, gradients and scaling, with six numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from qm9course.checking import Answer, Case, Exercise, Judge, Right, compared
from qm9course.diagnosis import as_numbers, describe, same
from qm9course.judges import sample as _sample
from qm9lib import ATOM_REFERENCES, ELEMENTS, QM9, convert

_HARTREE = convert(1.0, "hartree", "kcal/mol")


def _counts() -> np.ndarray:
    return _sample().composition.astype(float)


# 3.1


def _flat_molecules() -> list[Case]:
    sample = _sample()
    some = sample[np.flatnonzero(sample.composition[:, 4])[:3]]
    return [
        Case(
            "water and methane",
            (np.array([8, 1, 1, 6, 1, 1, 1, 1], np.int8), np.array([0, 3, 8])),
        ),
        Case("hydrogen fluoride alone", (np.array([1, 9], np.int8), np.array([0, 2]))),
        Case("three molecules with fluorine", (some.atomic_numbers, some.offsets)),
        Case("the sample", (sample.atomic_numbers, sample.offsets)),
    ]


def _count(z: np.ndarray, offsets: np.ndarray, elements: tuple[int, ...] = ELEMENTS) -> np.ndarray:
    """Count by differences of cumulated sums, so that no loop is needed."""
    of_element = z[:, None] == np.array(elements)
    before = np.vstack([np.zeros(len(elements)), np.cumsum(of_element, axis=0)])
    return np.diff(before[offsets], axis=0)


def _count_of_all(z: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return _count(z, offsets[[0, -1]])[0]


def _without_last_atom(z: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    kept = np.ones(len(z), bool)
    kept[offsets[1:] - 1] = False
    return _count(z[kept], offsets - np.arange(len(offsets)))


def _cumulated(z: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return np.cumsum(_count(z, offsets), axis=0)


def _shares(z: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return _count(z, offsets) / np.diff(offsets)[:, None]


def _between(z: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    of_element = z[:, None] == np.array(ELEMENTS)
    before = np.vstack([np.zeros(len(ELEMENTS)), np.cumsum(of_element, axis=0)])
    return before[np.minimum(ends, len(z))] - before[np.minimum(starts, len(z))]


def _with_next_atom(z: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return _between(z, offsets[:-1], offsets[1:] + 1)


def _ends_as_lengths(z: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return _between(z, offsets[:-1], offsets[:-1] + offsets[1:])


def _summed_ends(z: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    starts = np.concatenate([[0], np.cumsum(offsets[1:])])
    return _between(z, starts[:-1], starts[1:])


def _shifted_sums(z: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    of_element = z[:, None] == np.array(ELEMENTS)
    sums = np.cumsum(of_element, axis=0)
    return sums[offsets[1:] - 1] - sums[offsets[:-1]]


def _in_int8(z: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    sums = np.cumsum(z[:, None] == np.array(ELEMENTS), axis=0, dtype=np.int8)
    return np.diff(np.vstack([np.zeros(5, np.int8), sums]).astype(int)[offsets], axis=0)


def _pushed_left(z: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    rows = _count(z, offsets)
    return np.array([[*row[row > 0], *row[row == 0]] for row in rows])


def _one_bin(z: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    rows = _count(z, offsets)
    return np.column_stack([rows[:, :3], rows[:, 3] + rows[:, 4], np.zeros(len(rows))])


def _explain_counting(error: BaseException, _: tuple[Any, ...]) -> str | None:
    if isinstance(error, IndexError) and "is out of bounds for axis 0 with size" in str(error):
        return (
            "np.bincount counts only up to the largest number that occurs, so without fluorine "
            "it has no item 9: give it minlength=10. Or an index is beyond the end of offsets "
            "or of atomic_numbers"
        )
    return None


def _present(z: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return np.minimum(_count(z, offsets), 1)


# 3.2


def _least_squares() -> list[Case]:
    counts, enthalpy = _counts(), _sample().target("H")
    return [
        Case("the sample", (counts, enthalpy)),
        Case("every fifth molecule of the sample", (counts[::5], enthalpy[::5])),
    ]


def _fit(counts: np.ndarray, energies: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.lstsq(counts, energies, rcond=None)[0])


def _fit_with_constant(counts: np.ndarray, energies: np.ndarray) -> np.ndarray:
    return _fit(np.column_stack([counts, np.ones(len(counts))]), energies)


def _fit_constant_first(counts: np.ndarray, energies: np.ndarray) -> np.ndarray:
    return np.roll(_fit_with_constant(counts, energies), 1)


def _fit_shares(counts: np.ndarray, energies: np.ndarray) -> np.ndarray:
    return _fit(counts / counts.sum(axis=1, keepdims=True), energies)


def _fit_energies_per_atom(counts: np.ndarray, energies: np.ndarray) -> np.ndarray:
    return _fit(counts, energies / counts.sum(axis=1))


def _fit_all_per_atom(counts: np.ndarray, energies: np.ndarray) -> np.ndarray:
    atoms = counts.sum(axis=1)
    return _fit(counts / atoms[:, None], energies / atoms)


def _fit_one_by_one(counts: np.ndarray, energies: np.ndarray) -> np.ndarray:
    return np.asarray(counts.T @ energies / np.sum(counts**2, axis=0))


def _or_near(judge: Judge) -> Judge:
    """Return a judge that also recognises energies near the exact solution."""

    def problem(answer: Answer) -> str | None:
        problem = judge(answer)
        if problem is None or isinstance(problem, Right) or not problem.startswith("for "):
            return problem  # right, or a mistake that has a name
        counts, energies = _least_squares()[0].arguments
        found = as_numbers(answer(counts.copy(), energies.copy()))
        if found is None or found.shape != (5,) or not np.isfinite(found).all():
            return problem
        with np.errstate(all="ignore"):  # of huge numbers
            rms = [
                float(np.sqrt(np.mean((counts @ w - energies) ** 2)))
                for w in (found.astype(float), _fit(counts, energies))
            ]
        if not rms[0] < 0.3 * float(np.sqrt(np.mean(energies**2))):
            return problem
        return (
            "these energies lower the error, but are not at the bottom: the root mean square error "
            f"is {rms[0]:.5f} hartree, and {rms[1]:.5f} is possible. Descent that was stopped, a "
            "penalty on the energies, or rounding can do that. The equations have an exact "
            "solution: solve them"
        )

    return problem


_FIT_MISTAKES: dict[str, Answer] = {
    "np.linalg.lstsq returns four things; the solution is the first of them": (
        lambda counts, energies: np.linalg.lstsq(counts, energies, rcond=None)
    ),
    "there is a constant in the fit, and it was returned as well. A molecule without "
    "atoms has no energy: fit the five elements alone": _fit_with_constant,
    "there is a constant in the fit, and it was returned first. A molecule without "
    "atoms has no energy: fit the five elements alone": _fit_constant_first,
    "there is a constant in the fit that was not returned, or energies and counts were "
    "centred: so the five energies lack a part": (
        lambda counts, energies: _fit_with_constant(counts, energies)[:5]
    ),
    "the counts were divided by the number of atoms, and the energies were not: shares "
    "do not know how large the molecule is": _fit_shares,
    "the energies were divided by the number of atoms, and the counts were not": (
        _fit_energies_per_atom
    ),
    "counts and energies were divided by the number of atoms. Then an error counts less in a "
    "large molecule, and the fit changes": _fit_all_per_atom,
    "the mean was subtracted from the energies, and not from the counts: use the energies as they "
    "are": lambda counts, energies: _fit(counts, energies - energies.mean()),
    "each element was fitted as if there were no others, so that hydrogen gets the energy of the "
    "carbon next to it, too: solve the five equations together": _fit_one_by_one,
    "this is the right side Xᵀy of the equations: they still need to be solved": (
        lambda counts, energies: counts.T @ energies
    ),
    "these are predictions, one for each molecule: return the five energies": (
        lambda counts, energies: counts @ _fit(counts, energies)
    ),
    "these are the free atoms, which were not fitted: in a molecule an atom has its share of the "
    "bonds, too": lambda counts, energies: np.array([ATOM_REFERENCES["H"][z] for z in ELEMENTS]),
    "XᵀX was multiplied by Xᵀy: the equations need to be solved for w": (
        lambda counts, energies: counts.T @ counts @ counts.T @ energies
    ),
    "the inverse of XᵀX was multiplied element by element with *: the matrix product is @": (
        lambda counts, energies: (np.linalg.inv(counts.T @ counts) * (counts.T @ energies)).sum(0)
    ),
    "the inverse of XᵀX was multiplied element by element with *; the matrix product is @": (
        lambda counts, energies: np.diag(np.linalg.inv(counts.T @ counts)) * (counts.T @ energies)
    ),
    "XᵀX was divided by the number of molecules, and Xᵀy was not": (
        lambda counts, energies: _fit(counts, energies) * len(counts)
    ),
    "Xᵀy was divided by the number of molecules, and XᵀX was not": (
        lambda counts, energies: _fit(counts, energies) / len(counts)
    ),
    "only the first half of the molecules was used: fit all that the function is given": (
        lambda counts, energies: _fit(counts[: len(counts) // 2], energies[: len(counts) // 2])
    ),
}


# 3.3

_TRUE = np.array([-40.0, -76.0, -100.0])
_PREDICTED = _TRUE + np.array([0.01, -0.02, 0.06])
_COLUMN = (
    "a column of shape (n, 1) minus a row of shape (n,) is a table of shape (n, n): all "
    "predictions minus all truths. Make the column flat first, with .ravel()"
)


def _raw_mae(predicted: np.ndarray, true: np.ndarray) -> float:
    return _HARTREE * float(np.mean(np.abs(predicted - true)))


def _rmse(predicted: np.ndarray, true: np.ndarray) -> float:
    return _HARTREE * float(np.sqrt(np.mean((predicted - true) ** 2)))


_OTHER_ERRORS: dict[str, Answer] = {
    "this is the root of the mean square (RMSE), in which large errors weigh more": _rmse,
    "errors of opposite sign cancel here: take the absolute value of each before the mean": (
        lambda predicted, true: _HARTREE * np.mean(predicted - true)
    ),
    "errors of opposite sign cancel here: the absolute value comes before the mean, not after": (
        lambda predicted, true: _HARTREE * np.abs(np.mean(predicted - true))
    ),
    "this is the sum of the errors: it grows with the number of molecules. Take the mean": (
        lambda predicted, true: _HARTREE * np.sum(np.abs(predicted - true))
    ),
    "this is the mean of the squares, in hartree², multiplied by the factor for hartree: take the "
    "absolute values": lambda predicted, true: _HARTREE * np.mean((predicted - true) ** 2),
    "this is the mean of the squares, in (kcal/mol)²: take the absolute values": (
        lambda predicted, true: np.mean((_HARTREE * (predicted - true)) ** 2)
    ),
    "this is the median, the error in the middle: the exercise asks for a mean": (
        lambda predicted, true: _HARTREE * np.median(np.abs(predicted - true))
    ),
    "this is the largest error of all: the exercise asks for a mean": (
        lambda predicted, true: _HARTREE * np.max(np.abs(predicted - true))
    ),
    "absolute values of the energies were subtracted, so that signs are lost: first the "
    "difference, then its absolute value": (
        lambda predicted, true: _HARTREE * np.mean(np.abs(np.abs(predicted) - np.abs(true)))
    ),
    "absolute values of the energies were subtracted, and the errors keep their signs: first the "
    "difference, then its absolute value": (
        lambda predicted, true: _HARTREE * np.mean(np.abs(predicted) - np.abs(true))
    ),
    "this was divided by n - 1: a mean divides by the number of molecules": (
        lambda predicted, true: _HARTREE * np.sum(np.abs(predicted - true)) / (len(predicted) - 1)
    ),
    "these are relative errors, divided by the true energies: the exercise asks for an error in "
    "kcal/mol": (lambda predicted, true: _HARTREE * np.mean(np.abs((predicted - true) / true))),
    "these are relative errors, divided by the true energies: the exercise asks for kcal/mol": (
        lambda predicted, true: np.mean(np.abs((predicted - true) / true))
    ),
    "these are errors in per cent of the true energies: the exercise asks for an error in "
    "kcal/mol": (lambda predicted, true: 100 * np.mean(np.abs((predicted - true) / true))),
    "the last molecule is missing in the sum: range(len(true)) takes all, without - 1": (
        lambda predicted, true: _HARTREE * np.sum(np.abs(predicted - true)[:-1]) / len(predicted)
    ),
    "the last molecule is missing: range(len(true)) takes all, without - 1": (
        lambda predicted, true: _HARTREE * np.mean(np.abs(predicted - true)[:-1])
    ),
    "the first molecule is missing": (
        lambda predicted, true: _HARTREE * np.mean(np.abs(predicted - true)[1:])
    ),
    "both arrays were sorted, so a prediction meets the truth of another molecule: keep the "
    "order": lambda predicted, true: _raw_mae(np.sort(predicted, axis=0), np.sort(true)),
}
_ROW = (
    "a row of shape (n,) minus a column of shape (n, 1) is a table of shape (n, n): all "
    "predictions minus all truths"
)


def _flat(error: Answer) -> Answer:
    def of_flat(predicted: np.ndarray, true: np.ndarray) -> Any:
        return error(np.ravel(predicted), np.ravel(true))

    return of_flat


def _mae_mistakes() -> dict[str, Answer]:
    """Return each mistake with flat predictions and, as most students have both, with a column."""
    mistakes = {text: _flat(error) for text, error in _OTHER_ERRORS.items()}
    mistakes[
        "predicted[0] of a column is the first molecule alone: predicted[:, 0] is all of it"
    ] = lambda predicted, true: _raw_mae(predicted[0] if predicted.ndim == 2 else predicted, true)
    mistakes[_COLUMN] = _raw_mae
    mistakes[f"{_ROW}. Make the predictions flat, and leave the truth as it is"] = (
        lambda predicted, true: _raw_mae(predicted, true[:, None])
    )
    mistakes[f"{_ROW}. Both are flat by now: subtract them as they are"] = lambda predicted, true: (
        _raw_mae(np.ravel(predicted), true[:, None])
    )
    for text, error in _OTHER_ERRORS.items():
        mistakes[f"{text}. And {_COLUMN}"] = error
    return mistakes


# 3.4


def _gradients() -> list[Case]:
    counts, enthalpy = _counts()[:200], _sample().target("H")[:200]
    targets = (enthalpy - enthalpy.mean()) / enthalpy.std()
    small = np.array([[1.0, 2.0], [0.0, 1.0], [3.0, 0.0]])
    return [
        Case("3 molecules, 2 weights", (np.array([1.0, -1.0]), small, np.array([0.0, 1.0, 2.0]))),
        Case("200 molecules, 5 weights", (np.ones(5), counts, targets)),
    ]


def _gradient(weights: np.ndarray, features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.asarray(2 * features.T @ (features @ weights - targets) / len(targets))


def _of_absolute_error(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(x.T @ np.sign(x @ w - y) / len(y))


def _of_root(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _gradient(w, x, y) / (2 * np.sqrt(np.mean((x @ w - y) ** 2)))


def _without_targets(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _gradient(w, x, np.zeros(len(y)))


def _product_of_means(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(2 * np.mean(x @ w - y) * x.mean(axis=0))


def _or_step(judge: Judge) -> Judge:
    """Return a judge that also recognises weights after a step of descent, of any rate."""

    def problem(answer: Answer) -> str | None:
        problem = judge(answer)
        if problem is None or isinstance(problem, Right) or not problem.startswith("for "):
            return problem
        rates = []
        for case in _gradients():
            w, x, y = case.arguments
            found = as_numbers(answer(w.copy(), x.copy(), y.copy()))
            if found is None or found.shape != w.shape or not np.isfinite(found).all():
                return problem
            step, slope = found.astype(float) - w, _gradient(w, x, y)
            with np.errstate(all="ignore"):  # of huge numbers
                rate = float(-(step @ slope) / (slope @ slope))
            if (
                not np.isfinite(rate)
                or abs(rate) < 1e-6
                or not np.allclose(step, -rate * slope, rtol=1e-2, atol=1e-6)
            ):
                return problem
            rates.append(rate)
        if not np.allclose(rates, rates[0], rtol=1e-2):
            return problem
        return (
            "these are new weights, after a step of descent. Return the gradient itself; whoever "
            "calls the function takes the step"
        )

    return problem


_GRADIENT_MISTAKES: dict[str, Answer] = {
    "this is the last molecule alone: does each pass of the loop overwrite the gradient? Add to "
    "it, with +=": lambda w, x, y: 2 * (x[-1] @ w - y[-1]) * x[-1],
    "the features were squared: the derivative of (X w - y)² is 2 (X w - y) times X": (
        lambda w, x, y: 2 * (x**2).T @ (x @ w - y) / len(y)
    ),
    "the predictions are missing: the gradient depends on the weights through X w - y": (
        lambda w, x, y: -2 * x.T @ y / len(y)
    ),
    "all weights get the mean of the gradient: each has its own": (
        lambda w, x, y: np.full(len(w), _gradient(w, x, y).mean())
    ),
    "the factor 2 is missing: the derivative of a square r² is 2 r times that of r": (
        lambda w, x, y: _gradient(w, x, y) / 2
    ),
    "this is the gradient of the sum of squares: divide by the number of molecules": (
        lambda w, x, y: _gradient(w, x, y) * len(y)
    ),
    "the factor 2 is missing, and the sum over molecules is not yet a mean": (
        lambda w, x, y: _gradient(w, x, y) * len(y) / 2
    ),
    "it was divided by the number of weights: the mean is over molecules": (
        lambda w, x, y: _gradient(w, x, y) * len(y) / len(w)
    ),
    "the sign is the other way round: the gradient points uphill, and it is descent "
    "that subtracts it": lambda w, x, y: -_gradient(w, x, y),
    "the features are missing: by the chain rule, the error of each molecule is "
    "multiplied by its features": lambda w, x, y: 2 * np.mean(x @ w - y),
    "this has a row for each molecule: take the mean over molecules, axis=0": (
        lambda w, x, y: 2 * (x @ w - y)[:, None] * x
    ),
    "this is the mean over the weights, too: each weight has its own derivative, so "
    "take it along axis=0": lambda w, x, y: np.mean(2 * (x @ w - y)[:, None] * x),
    "this is the mean squared error itself: the exercise asks for its derivatives": (
        lambda w, x, y: np.mean((x @ w - y) ** 2)
    ),
    "this is the gradient of the mean absolute error": _of_absolute_error,
    "this is the gradient of the root of the mean squared error": _of_root,
    "it was divided by the number of all features, molecules times columns; the mean "
    "is over molecules alone": lambda w, x, y: _gradient(w, x, y) / len(w),
    "the mean of a product is not the product of the means: multiply the error of each "
    "molecule by its features first": _product_of_means,
    "the targets are missing: an error is the prediction minus the target": (_without_targets),
    "the absolute error was used instead of the error: keep the sign": (
        lambda w, x, y: 2 * np.mean(np.abs(x @ w - y)[:, None] * x, axis=0)
    ),
    "this is the mean absolute error times the mean of the features: multiply the error of each "
    "molecule, with its sign, by its features": (
        lambda w, x, y: 2 * np.mean(np.abs(x @ w - y)) * x.mean(axis=0)
    ),
    "this is the gradient of the first molecule alone: is `return` inside the loop?": (
        lambda w, x, y: _gradient(w, x[:1], y[:1])
    ),
    "this is the gradient of the last molecule alone: add up all of them": (
        lambda w, x, y: _gradient(w, x[-1:], y[-1:])
    ),
    "the first molecule is missing in the sum": (
        lambda w, x, y: _gradient(w, x[1:], y[1:]) * (len(y) - 1) / len(y)
    ),
    "the last molecule is missing in the sum": (
        lambda w, x, y: _gradient(w, x[:-1], y[:-1]) * (len(y) - 1) / len(y)
    ),
    "the errors are not multiplied by the features: the derivative of x · w with respect to w "
    "is x": (lambda w, x, y: np.full(len(w), 2 * np.mean(x @ w - y))),
    "the mean runs over the columns of each molecule: take it over the molecules, axis=0": (
        lambda w, x, y: np.mean(2 * (x @ w - y)[:, None] * x, axis=1)
    ),
    "the errors are squared before they are multiplied by the features: the derivative of r² is "
    "2 r, and not r²": lambda w, x, y: 2 * np.mean(((x @ w - y) ** 2)[:, None] * x, axis=0),
    "the predictions are a column and the targets a row, so that all were subtracted from all: "
    "make both flat": lambda w, x, y: (
        2 * np.mean(((x @ w)[:, None] - y).mean(axis=1)[:, None] * x, axis=0)
    ),
    "the predictions are a column and the targets a row, so that all were subtracted from all; "
    "make both flat": lambda w, x, y: (
        2 * np.sum(((x @ w)[:, None] - y).sum(axis=1)[:, None] * x, axis=0) / len(y)
    ),
    **{
        f"a one-sided difference with a step of {step:g} is not exact: a derivative on paper has "
        "no step, and a difference to both sides is better": (
            lambda w, x, y, step=step: _gradient(w, x, y) + step * np.mean(x**2, axis=0)
        )
        for step in (1.0, 0.1, 0.01, 0.001)
    },
}


# 3.5


def _features() -> list[Case]:
    counts = _counts()
    return [
        Case("features (3, 0) and (0, 1)", (np.array([[3.0, 0.0], [0.0, 1.0]]),)),
        Case("features (1, 0) and (0, 3)", (np.array([[1.0, 0.0], [0.0, 3.0]]),)),
        Case("counts of elements", (counts,)),
        Case("scaled counts", ((counts - counts.mean(axis=0)) / counts.std(axis=0),)),
    ]


def _curvatures(x: np.ndarray) -> np.ndarray:
    """Eigenvalues of XᵀX / N, the smallest first; those of the Hessian are twice as large."""
    return np.linalg.eigvalsh(x.T @ x / len(x))


def _covariance(x: np.ndarray) -> float:
    return float(np.linalg.eigvalsh(np.cov(x.T))[-1])


def _row_sum(x: np.ndarray) -> float:
    return float(np.abs(x.T @ x / len(x)).sum(axis=1).max())


def _or_complex(judge: Judge) -> Judge:
    """Return a judge that names complex numbers, which jnp.linalg.eigvals always returns."""

    def problem(answer: Answer) -> str | None:
        found = answer(_features()[0].arguments[0])
        kind = getattr(getattr(found, "dtype", None), "kind", None)
        if isinstance(found, complex) or kind == "c":
            return (
                "it returns a complex number. A symmetric matrix has real eigenvalues: use "
                "eigvalsh, which also sorts them, or take .real"
            )
        reason = judge(answer)
        if reason is None or isinstance(reason, Right) or not reason.startswith("for "):
            return reason
        return _near_a_rate(answer) or reason

    return problem


def _near_a_rate(answer: Answer) -> str | None:
    """Recognise the bound of another direction, and a rate that is near the bound."""
    cases = [case.arguments[0] for case in _features()]
    found = [as_numbers(answer(x.copy())) for x in cases]
    rates = [float(rate) for rate in found if rate is not None and not rate.ndim]
    if len(rates) < len(cases) or not np.isfinite(rates).all():
        return None
    shares = [rate * float(_curvatures(x)[-1]) for rate, x in zip(rates, cases, strict=True)]
    if all(
        np.isclose(1 / _curvatures(x), rate, rtol=1e-3).any()
        for rate, x in zip(rates, cases, strict=True)
    ):
        return (
            "for some features this is the bound for a direction other than the steepest: "
            "np.linalg.eig does not sort its eigenvalues, so take the largest"
        )
    if all(0.3 < share < 3 for share in shares):
        return (
            f"near, but not the bound: it is {min(shares):.3g} to {max(shares):.3g} times what is "
            "right. A few trials or products with a matrix are not enough: compute the exact bound"
        )
    return None


def _largest_of(change: Callable[[np.ndarray], np.ndarray]) -> Answer:
    """Return the bound for features that were changed first."""
    return lambda x: 1 / _curvatures(change(x))[-1]


_RATE_MISTAKES: dict[str, Answer] = {
    "just half of it: one step of this size ends at the bottom of the steepest "
    "direction, and with up to twice this rate descent still gets closer": (
        lambda x: 0.5 / _curvatures(x)[-1]
    ),
    "twice too large: the curvature of the mean squared error is 2 XᵀX / N, not XᵀX / "
    "N, since the derivative of a square brings a factor 2": (lambda x: 2 / _curvatures(x)[-1]),
    "this is the bound for the flattest direction. The steepest one diverges first: "
    "take the largest eigenvalue": lambda x: 1 / _curvatures(x)[0],
    "this is right for the sum of squared errors. The loss is their mean: divide XᵀX "
    "by the number of molecules": lambda x: 1 / (_curvatures(x)[-1] * len(x)),
    "the factor 2 of the derivative is missing, and the mean over molecules: the "
    "curvatures are the eigenvalues of 2 XᵀX / N": (lambda x: 2 / (_curvatures(x)[-1] * len(x))),
    "this is the largest eigenvalue itself, not a rate: the steeper, the smaller the "
    "steps": lambda x: _curvatures(x)[-1],
    "this is the largest curvature, not a rate: the steeper, the smaller the steps": (
        lambda x: 2 * _curvatures(x)[-1]
    ),
    "the trace is the sum of all curvatures: safe, but smaller than needed": (
        lambda x: 1 / _curvatures(x).sum()
    ),
    "singular values of X are the square roots of the eigenvalues of XᵀX: square the "
    "largest": lambda x: len(x) / np.linalg.svd(x, compute_uv=False)[0],
    "the covariance has the means subtracted: that is a different matrix from XᵀX / N": (
        lambda x: 1 / np.linalg.eigvalsh(np.cov(x.T, bias=True))[-1]
    ),
    "this is the bound for steps with the one largest molecule: here each step sees "
    "the mean over all": lambda x: 1 / np.max(np.sum(x**2, axis=1)),
    "np.cov subtracts the mean; here there is no constant, so the mean counts: use XᵀX / "
    "N": lambda x: 1 / _covariance(x),
    "np.cov subtracts the mean; here there is no constant, so the mean counts. And the curvatures "
    "are twice the eigenvalues of XᵀX / N": lambda x: 2 / _covariance(x),
    "the largest sum of a row is never less than the largest eigenvalue: this rate is "
    "safe, but not the exact bound": lambda x: 1 / _row_sum(x),
    "these are the bounds of all directions: the smallest of them counts for all": (
        lambda x: 1 / _curvatures(x)
    ),
    "these are the bounds of all directions, smallest first: return the smallest alone": (
        lambda x: 1 / _curvatures(x)[::-1]
    ),
    "a column of ones was added: the model here has no constant": _largest_of(
        lambda x: np.column_stack([x, np.ones(len(x))])
    ),
    "the features were scaled first: the bound is that of the features as they are": _largest_of(
        lambda x: (x - x.mean(axis=0)) / _or_one(x.std(axis=0))
    ),
    "XᵀX was divided by the number of columns: the mean is over molecules": (
        lambda x: x.shape[1] / (len(x) * _curvatures(x)[-1])
    ),
    "XᵀX was divided by N - 1: the loss is a mean, with N": (
        lambda x: (len(x) - 1) / (len(x) * _curvatures(x)[-1])
    ),
    "this is the condition number, the largest over the smallest curvature: the bound depends on "
    "the largest alone": lambda x: _curvatures(x)[-1] / _curvatures(x)[0],
    "2 / (largest + smallest) is the rate that is fastest; the bound, at which descent is just no "
    "longer stable, is larger": lambda x: 2 / (2 * _curvatures(x)[[0, -1]].sum()),
    "this takes the largest number on the diagonal of XᵀX: where columns are not at right angles, "
    "the largest eigenvalue is larger": lambda x: 1 / np.diag(x.T @ x / len(x)).max(),
    "np.linalg.norm(X, 1) is the largest sum of a column: the largest singular value is "
    "np.linalg.norm(X, 2)": lambda x: len(x) / np.linalg.norm(x, 1) ** 2,
    "np.linalg.norm of a matrix is the root of the sum of its squares, unless you "
    "write norm(matrix, 2): safe, but not the exact bound": (
        lambda x: 1 / np.linalg.norm(x.T @ x / len(x))
    ),
}


# 3.6


def _to_scale() -> list[Case]:
    counts = _counts()
    fluorine = counts[:, 4] > 0
    narrow = np.tile([[1.0, 2.0], [3.0, 2.0]], (500, 1))
    return [
        Case("two halves of the sample", (counts[::2], counts[1::2])),
        Case(
            "training molecules without fluorine, and others with fluorine,",
            (counts[~fluorine], counts[fluorine]),
        ),
        Case("training features of which one is always 2", (narrow, np.array([[2.0, 3.0]]))),
    ]


def _or_one(spread: np.ndarray) -> np.ndarray:
    return np.where(spread == 0, 1.0, spread)


def _by(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    center, spread = train.mean(axis=0), _or_one(train.std(axis=0))
    return (train - center) / spread, (other - center) / spread


def _each_by_itself(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _by(train, train)[0], _by(other, other)[0]


def _both_together(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    both = np.vstack([train, other])
    return _by(both, train)[1], _by(both, other)[1]


def _by_variance(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    center, spread = train.mean(axis=0), _or_one(train.var(axis=0))
    return (train - center) / spread, (other - center) / spread


def _not_centred(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    spread = _or_one(train.std(axis=0))
    return train / spread, other / spread


def _only_centred(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return train - train.mean(axis=0), other - train.mean(axis=0)


def _by_all_numbers(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (train - train.mean()) / train.std(), (other - train.mean()) / train.std()


def _by_rows(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    one, two = _by(train.T, train.T)[0].T, _by(other.T, other.T)[0].T
    return one, two


def _from_zero_to_one(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, width = train.min(axis=0), _or_one(np.ptp(train, axis=0))
    return (train - low) / width, (other - low) / width


def _not_the_other(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _by(train, other)[0], other


def _with_small_number(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    center, spread = train.mean(axis=0), train.std(axis=0) + 1e-8
    return (train - center) / spread, (other - center) / spread


def _at_least_one(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    center, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1.0)
    return (train - center) / spread, (other - center) / spread


def _nan_to_num(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    center, spread = train.mean(axis=0), train.std(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        one, two = (np.nan_to_num((x - center) / spread) for x in (train, other))
    return one, two


def _zero_if_constant(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    one, two = (np.where(train.std(axis=0) == 0, 0.0, x) for x in _by(train, other))
    return one, two


def _scaled_by(
    center: Callable[[np.ndarray, np.ndarray], Any],
    spread: Callable[[np.ndarray, np.ndarray], Any],
    other: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None,
) -> Answer:
    """Return a scaling of both sets by a centre and a spread; of the other one by other ones."""

    def scaled(train: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        low, wide = center(train, others), spread(train, others)
        mine = other(train, others) if other else (low, wide)
        return (train - low) / wide, (others - mine[0]) / mine[1]

    return scaled


def _mean(train: np.ndarray, _: np.ndarray) -> np.ndarray:
    return train.mean(axis=0)


def _std(train: np.ndarray, _: np.ndarray) -> np.ndarray:
    return _or_one(train.std(axis=0))


def _without_brackets(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    off = _mean(train, other) / _std(train, other)
    return train - off, other - off


def _along_rows(
    train: np.ndarray, other: np.ndarray, keepdims: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    center, spread = train.mean(axis=1), _or_one(train.std(axis=1))
    if keepdims:
        center, spread = center[:, None], spread[:, None]
    return (train - center) / spread, (other - center) / spread


def _or_rows(judge: Judge) -> Judge:
    """Return a judge that recognises axis=1, which stops unless the table is square."""
    train = np.array([[1.0, 2.0, 6.0], [0.0, 4.0, 5.0], [2.0, 7.0, 9.0]])
    other = train + 1.0

    def problem(answer: Answer) -> str | None:
        found = answer(train.copy(), other.copy())
        if any(same(found, _along_rows(train, other, k), 2e-3, 2e-3) for k in (False, True)):
            return (
                "axis=1 takes mean and spread over the columns of a molecule; you need them over "
                "the molecules, one for each column: axis=0"
            )
        return judge(answer)

    return problem


_SCALE_MISTAKES: dict[str, Answer] = {
    "the other set was scaled with its own mean and spread. Then one molecule has two "
    "sets of features, and the weights fit only one: use those of the training set": (
        _each_by_itself
    ),
    "mean and spread come from both sets together: so training has seen the other "
    "molecules. Use those of the training set alone": _both_together,
    "this was divided by the variance; divide by its root, the standard deviation": (_by_variance),
    "the mean was not subtracted": _not_centred,
    "the mean was subtracted; now divide by the standard deviation": _only_centred,
    "one mean and one spread for the whole table: each column needs its own, axis=0": (
        _by_all_numbers
    ),
    "each molecule was scaled by its own atoms: a mean over molecules is axis=0": (_by_rows),
    "this brings each column between 0 and 1: the exercise asks for mean 0 and standard deviation "
    "1": _from_zero_to_one,
    "the other set came back as it was": _not_the_other,
    "a small number added to the spread avoids the division by zero, and multiplies "
    "other molecules by a hundred million: divide by 1 where the spread is 0": (_with_small_number),
    "spreads below 1 were replaced by 1, too: divide by 1 only where the spread is 0": (
        _at_least_one
    ),
    "np.nan_to_num turns 0/0 into 0, and 1/0 into the largest number there is: divide by 1 "
    "where the spread is 0, before any harm is done": _nan_to_num,
    "where the spread is 0, other molecules became 0 as well, though they may differ: "
    "divide by 1 there, and keep the difference": _zero_if_constant,
    "train had been scaled when its mean and spread were taken for the other set: they are 0 and 1 "
    "by then. Compute both before anything is changed": _scaled_by(
        _mean, _std, lambda train, other: (np.zeros(train.shape[1]), np.ones(train.shape[1]))
    ),
    "1 was added to each spread: divide by 1 only where the spread is 0": _scaled_by(
        _mean, lambda train, other: train.std(axis=0) + 1
    ),
    "where the spread is 0, the mean was not subtracted: only the division changes": (
        _scaled_by(
            lambda train, other: np.where(train.std(axis=0) == 0, 0, _mean(train, other)), _std
        )
    ),
    "the other set was divided by its own spread: mean and spread are those of the training set": (
        _scaled_by(
            _mean,
            _std,
            lambda train, other: (_mean(train, other), _or_one(other.std(axis=0))),
        )
    ),
    "the mean of the other set was subtracted from it: take that of the training set": _scaled_by(
        _mean, _std, lambda train, other: (other.mean(axis=0), _std(train, other))
    ),
    "the mean was not subtracted from the other set. Or was it computed when train had been "
    "centred? It is 0 by then": _scaled_by(
        _mean, _std, lambda train, other: (0 * _mean(train, other), _std(train, other))
    ),
    "the other set was not divided by the spread": _scaled_by(
        _mean, _std, lambda train, other: (_mean(train, other), 1 + 0 * _std(train, other))
    ),
    "if one spread is 0, all columns are divided by 1: np.where(spread == 0, 1, spread) looks at "
    "each column by itself": _scaled_by(
        _mean,
        lambda train, other: (
            np.ones(train.shape[1]) if (train.std(axis=0) == 0).any() else train.std(axis=0)
        ),
    ),
    "this was divided by the root of the mean square, the spread around 0; the standard deviation "
    "is the spread around the mean": _scaled_by(
        _mean, lambda train, other: _or_one(np.sqrt(np.mean(train**2, axis=0)))
    ),
    "brackets are missing: the mean is subtracted before the division": _without_brackets,
}


# 3.7

_GOAL = 13.0  # kcal/mol; the composition alone reaches 17.4 on the second half
_COLUMNS = 500  # with as many columns as training molecules anything can be learned by heart
_COUNTS_HELP = "keep the counts: np.column_stack([qm9.composition, your_columns])"


class _Halves(NamedTuple):
    train: QM9
    test: QM9


@functools.cache
def _halves() -> _Halves:
    sample = _sample()
    order = np.random.RandomState(0).permutation(len(sample))
    return _Halves(sample[order[:1000]], sample[order[1000:]])


def _with_labels_of_others(qm9: QM9) -> QM9:
    """Return the same molecules, with what was computed for them given to the wrong ones."""
    labels = np.column_stack([qm9.labels[:, :1], np.roll(qm9.labels[:, 1:], 1, axis=0)])
    return QM9(
        index=qm9.index, offsets=qm9.offsets, atomic_numbers=qm9.atomic_numbers,
        positions=qm9.positions, charges=np.roll(qm9.charges, 1), labels=labels,
        smiles=qm9.smiles,
    )  # fmt: skip


def _with_numbers_of_others(qm9: QM9) -> QM9:
    """Return the same molecules under the numbers of each other."""
    return replace(qm9, index=np.roll(qm9.index, 1))


def _misshapen(found: object, qm9: QM9) -> str | None:
    """Return what is wrong with type, shape or values of a matrix of features."""
    n = len(qm9)
    form = f"an array of shape (molecules, columns), here ({n}, columns)"
    numbers = as_numbers(found)
    if numbers is None:
        missing = ": is a `return` missing?" if found is None else ""
        return f"it returns {describe(found)}, expected {form}{missing}"
    if numbers.shape == (n,):
        return (
            "it returns one number for each molecule, without columns: an array of shape "
            f"({n},), expected ({n}, columns). np.column_stack makes columns of it"
        )
    if numbers.ndim and len(numbers) == len(_sample()):
        return (
            f"it returns rows for all {len(_sample()):,} molecules of the sample, and was given "
            f"{n} of them: use the argument qm9, and not the name `sample`"
        )
    if numbers.ndim == 2 and numbers.shape[1] == n != numbers.shape[0]:
        return f"the array is transposed, of shape {numbers.shape}: each molecule needs a row"
    if numbers.ndim != 2 or len(numbers) != n or not numbers.shape[1]:
        given = f"an array of shape {numbers.shape}" if numbers.ndim else describe(numbers)
        inside = ". Is `return` inside the loop?" if len(np.atleast_1d(numbers)) == 1 else ""
        return f"it returns {given}, expected {form}{inside}"
    if numbers.shape[1] > _COLUMNS:
        return (
            f"{numbers.shape[1]:,} columns are too many for 1,000 training molecules: least "
            f"squares would memorise them. Choose at most {_COLUMNS}, better a few dozen"
        )
    with np.errstate(over="ignore"):  # of longer floats
        bad = np.flatnonzero(~np.isfinite(numbers.astype(float)).all(axis=1))
    if len(bad):
        return (
            f"features of {len(bad)} of {n} molecules are infinite or NaN, such as those of "
            f"{qm9.smiles[bad[0]]}: look for a division by zero, or for a mean of nothing"
        )
    return None


def _unlawful(answer: Answer) -> str | None:
    """Return why a function is none of one molecule at a time, tried on a few of them."""
    few = _halves().test[:50]
    found = []
    for qm9 in (few, few, _with_labels_of_others(few), few[::2]):
        result = answer(qm9)
        problem = _misshapen(result, qm9)
        if problem:
            return problem
        found.append(np.asarray(result, float))
    first, again, other_labels, half = found
    if not _alike(first, again):
        return (
            "two calls with the same molecules give different features: weights that fit the "
            "first are useless for the second. Is there a random number in it?"
        )
    if not _alike(first, other_labels):
        return (
            "the features change if labels and charges are swapped between the molecules, so they "
            "are made from those. Both come out of the very calculation that the model is to "
            "replace. Use atomic_numbers, positions and smiles alone"
        )
    if not _alike(first, np.asarray(answer(_with_numbers_of_others(few)), float)):
        return (
            "the features change with the numbers of the molecules, qm9.index. A number is only a "
            "name: in QM9 it grows with the size, and molecules from elsewhere have no number. "
            "Use atomic_numbers, positions and smiles alone"
        )
    if first.shape[1] != half.shape[1]:
        return (
            f"it returns {first.shape[1]} columns for 50 molecules and {half.shape[1]} for 25 of "
            "them: the columns must not depend on which molecules there are. Write down a fixed "
            "list of what you count"
        )
    if not _alike(first[::2], half):
        return (
            "the features of a molecule change with the other molecules of the set. Is there a "
            "mean or a maximum over molecules in it? Then training and test molecules are "
            "measured with two different rulers"
        )
    return None


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape:
        return False
    size = np.max(np.abs(one))
    # Divided, so that the difference of two huge numbers is not infinite.
    return not size or np.allclose(one / size, other / size, rtol=1e-4, atol=1e-7)


class _Errors(NamedTuple):
    """Mean absolute errors in kcal/mol, and predicted minus true of the test molecules."""

    train: float
    test: float
    of_each: np.ndarray


def _errors(train: np.ndarray, test: np.ndarray) -> _Errors:
    truth = [part.target("H", "kcal/mol") for part in _halves()]
    # Columns of any size can be solved for if each is brought to at most 1. But where all numbers
    # of a column are tiny, least squares as on the page leaves it out, and that is better.
    size = _or_one(np.maximum(np.abs(train).max(axis=0), np.abs(test).max(axis=0)))
    found = []
    for x, y in ((train / size, test / size), (train, test)):
        weights = _fit(x, truth[0])
        off = [x @ weights - truth[0], y @ weights - truth[1]]
        found.append(_Errors(float(np.abs(off[0]).mean()), float(np.abs(off[1]).mean()), off[1]))
    return min(found, key=lambda errors: errors.test)


def _judge_features(answer: Answer) -> str | None:
    problem = _unlawful(answer)
    if problem:
        return problem
    matrices = []
    for part in _halves():
        result = answer(part)
        problem = _misshapen(result, part)
        if problem:
            return problem
        matrices.append(np.asarray(result, float))
    train, test = matrices
    if _alike(train, test):
        return (
            "the second 1,000 molecules get the same features as the first: does it remember the "
            "features of an earlier call, for instance by the number of molecules?"
        )
    if train.shape[1] != test.shape[1]:
        return (
            f"it returns {train.shape[1]} columns for the one half and {test.shape[1]} for the "
            "other: the columns must not depend on which molecules there are"
        )
    return _judge_errors(train, test)


def _judge_errors(train: np.ndarray, test: np.ndarray) -> str | None:
    found = _errors(train, test)
    if found.test < 1:
        return (
            f"an error of {found.test:.2g} kcal/mol is too good for a sum over features: is "
            "the enthalpy itself read from somewhere?"
        )
    counts = [part.composition.astype(float) for part in _halves()]
    bar = _errors(counts[0], counts[1]).test
    if found.test < _GOAL:
        return Right(
            f"{found.test:.1f} kcal/mol on the second half, against {bar:.1f} of the counts alone"
        )
    said = f"{found.test:,.{0 if found.test > 1000 else 1}f} kcal/mol on the second half"
    with_counts = _errors(np.hstack([train, counts[0]]), np.hstack([test, counts[1]])).test
    if with_counts < _GOAL:
        return (
            f"{said}, but it would be {with_counts:.1f} with the counts of the elements beside "
            f"your columns; {_COUNTS_HELP}"
        )
    if found.train < _GOAL:
        return (
            f"{said}, and {found.train:.1f} on the first: the weights fit the molecules that they "
            "were made from, and no others. A column that is zero for almost all molecules gets a "
            "weight that a few decide: use fewer columns, and merge the rare ones"
        )
    if found.test > 1.02 * bar:
        if with_counts < 0.98 * found.test:
            return f"{said}; the counts alone reach {bar:.1f}. Start from them: {_COUNTS_HELP}"
        return (
            f"{said}, and {found.train:.1f} on the first; the counts alone reach {bar:.1f} on the "
            "second. More columns made it worse: weights of rare ones are guesses. Merge them"
        )
    if found.test > 0.95 * bar:
        start = f"{said}, and {bar:.1f} with the counts alone"
        if _same_for_isomers(np.vstack([train, test]), np.vstack(counts)):
            return (
                f"{start}: your columns add hardly anything new. Isomers have the same counts; add "
                "a number in which they differ"
            )
        return (
            f"{start}. Your numbers differ between isomers, but hardly with the energy: count "
            "other things, such as bonds, rings or groups"
        )
    return (
        f"{said}: better than the {bar:.1f} of the counts alone; the goal is below {_GOAL:.0f}. "
        f"Farthest off are {_farthest(found.of_each)}. What is special about them?"
    )


def _same_for_isomers(features: np.ndarray, counts: np.ndarray) -> bool:
    """Tell whether molecules with the same counts of elements have the same features."""
    _, first, formula = np.unique(counts, axis=0, return_index=True, return_inverse=True)
    return all(
        _alike(column, column[first[formula.ravel()]]) for column in features.astype(float).T
    )


def _farthest(of_each: np.ndarray) -> str:
    """Name the three test molecules with the largest errors."""
    smiles = _halves().test.smiles
    return ", ".join(
        f"{smiles[i]} ({abs(of_each[i]):.0f} too {'high' if of_each[i] > 0 else 'low'})"
        for i in np.argsort(-np.abs(of_each))[:3]
    )


_hill: Callable[..., np.ndarray] = functools.partial(_count, elements=(6, 1, 7, 8, 9))
_alphabet: Callable[..., np.ndarray] = functools.partial(_count, elements=(6, 9, 1, 7, 8))
_heavy: Callable[..., np.ndarray] = functools.partial(_count, elements=(6, 7, 8, 9))
_ten: Callable[..., np.ndarray] = functools.partial(_count, elements=tuple(range(10)))


EXERCISES = (
    Exercise(
        "3.1",
        "Count the elements",
        "count_elements",
        compared(
            _count,
            _flat_molecules,
            {
                "the columns are in the order C, H, N, O, F; expected: H, C, N, O, F, by atomic "
                "number": _hill,
                "the columns are in alphabetical order; expected: H, C, N, O, F, by atomic "
                "number": _alphabet,
                "the hydrogen atoms are missing: they have energy, too, and the first column": (
                    _heavy
                ),
                "there is a column for each atomic number from 0 to 9; keep those of H, C, N, O "
                "and F: [:, [1, 6, 7, 8, 9]]": _ten,
                "each element was counted once; count its atoms": _present,
                "these are shares, which lose the size of the molecule; give the counts": _shares,
                "the last atom of each molecule is missing: atoms[a:b] ends before b, so take "
                "atomic_numbers[offsets[i] : offsets[i + 1]]": _without_last_atom,
                "each row counts the molecules before it, too: begin at offsets[i], not at 0": (
                    _cumulated
                ),
                "this counts all molecules together: each needs its own row": _count_of_all,
                "these are electrons: an atom counts 1, and not its atomic number": (
                    lambda z, offsets: _count(z, offsets) * np.array(ELEMENTS)
                ),
                "the first atom of the next molecule is counted, too: a slice ends before its "
                "second number, atomic_numbers[offsets[i] : offsets[i + 1]]": _with_next_atom,
                "offsets[i + 1] was taken for the number of atoms: it is where the molecule ends": (
                    _ends_as_lengths
                ),
                "offsets[i + 1] was taken for the number of atoms, and added to the place before: "
                "it is where the molecule ends": _summed_ends,
                "cumulative sums need a 0 in front: without it, sums[offsets[i]] already counts "
                "the first atom of molecule i": _shifted_sums,
                "the sums are too large for int8, which ends at 127: they need larger integers, "
                "dtype=int": _in_int8,
                "np.unique leaves out elements that a molecule does not have, and its counts moved "
                "to the left: each element needs its own column": _pushed_left,
                "oxygen and fluorine were counted together: the last bin of np.histogram includes "
                "both of its edges, so give it one more bin": _one_bin,
                "every row counts all molecules together: each needs its own. [[0] * 5] * n is one "
                "list, n times": lambda z, offsets: np.tile(
                    _count_of_all(z, offsets), (len(offsets) - 1, 1)
                ),
                "the column of fluorine is always zero: its atomic number is 9": (
                    lambda z, offsets: _count(z, offsets, (1, 6, 7, 8, 10))
                ),
                "only the first molecule is counted, and the other rows are zero: is `return` "
                "inside the loop?": lambda z, offsets: (
                    _count(z, offsets) * (np.arange(len(offsets) - 1) == 0)[:, None]
                ),
            },
        ),
        (
            "The atoms of molecule i are atomic_numbers[offsets[i] : offsets[i + 1]].",
            "If z holds a molecule's atomic numbers, np.sum(z == 6) counts its carbon atoms.",
            "A list of rows [np.sum(z == n) for n in (1, 6, 7, 8, 9)], one for each molecule.",
        ),
        "these five numbers are all that the baseline sees of a molecule",
        explain=_explain_counting,
    ),
    Exercise(
        "3.2",
        "The normal equations",
        "fit_elements",
        _or_near(
            compared(
                _fit,
                _least_squares,
                _FIT_MISTAKES,
                unit="hartree",
                rtol=0.0,
                atol=2e-4,  # float32 reaches that
            )
        ),
        (
            "The equations are XᵀX w = Xᵀy, where X are the counts and y the energies.",
            "XᵀX is counts.T @ counts, of shape (5, 5). np.linalg.solve(a, b) solves a w = b.",
            "np.linalg.solve(counts.T @ counts, counts.T @ energies), or the first result of "
            "np.linalg.lstsq(counts, energies, rcond=None).",
        ),
        "a linear model needs no gradient descent: its best weights are the solution of five "
        "equations",
    ),
    Exercise(
        "3.3",
        "Mean absolute error in kcal/mol",
        "mae_in_kcal",
        compared(
            _flat(_raw_mae),
            lambda: [
                Case("three predictions", (_PREDICTED, _TRUE)),
                Case("a column of predictions, of shape (3, 1)", (_PREDICTED[:, None], _TRUE)),
                # Sorted, these would meet the truth of the other.
                Case("two predictions", (np.array([0.9, 0.5]), np.array([0.7, 1.2]))),
                Case("two of opposite sign", (np.array([0.3, -0.4]), np.array([-0.1, 0.7]))),
            ],
            _mae_mistakes(),
            unit="kcal/mol",
        ),
        (
            "The difference for each molecule, without its sign; then the mean of all.",
            "np.mean(np.abs(a - b)) is in hartree; one hartree is 627.5095 kcal/mol.",
            "A network returns a column. Make both flat: np.ravel(predicted) - np.ravel(true).",
        ),
        "arrays that differ in shape are among the commonest silent errors in machine learning: "
        "look at .shape before you subtract",
    ),
    Exercise(
        "3.4",
        "The gradient by hand",
        "gradient",
        _or_step(
            compared(
                _gradient,
                _gradients,
                _GRADIENT_MISTAKES,
                whole=lambda: [
                    Case(
                        "weights and features that are whole numbers",
                        (np.array([1, 0]), np.array([[1, 2], [0, 1], [3, 0]]), np.arange(3)),
                    )
                ],
                rtol=1e-4,
                atol=1e-3,  # finite differences reach that
            )
        ),
        (
            "For one molecule the error is r = x · w - y, and the derivative of r² is 2 r x.",
            "features @ weights - targets are the errors r of all, of shape (molecules,).",
            "2 * features.T @ r / len(r).",
        ),
        "the line that jax.grad writes for you; for a linear model, you can check it by hand",
    ),
    Exercise(
        "3.5",
        "How large a step can descent take?",
        "largest_rate",
        _or_complex(
            compared(
                lambda x: 1 / _curvatures(x)[-1],
                _features,
                _RATE_MISTAKES,
                rtol=1e-3,
            )
        ),
        (
            "Along a direction of curvature c, a step multiplies the distance to the bottom by "
            "1 - rate * c. For which rates does the distance shrink?",
            "It shrinks for |1 - rate * c| < 1, so for rate < 2 / c. The steepest direction "
            "decides. The curvatures are the eigenvalues of 2 XᵀX / N.",
            "2 / np.linalg.eigvalsh(2 * features.T @ features / len(features))[-1].",
        ),
        "the steepest direction limits the rate, and the flattest one then sets how long it takes",
    ),
    Exercise(
        "3.6",
        "Scale the features",
        "scale",
        _or_rows(
            compared(
                _by,
                _to_scale,
                _SCALE_MISTAKES,
                whole=lambda: [
                    Case(
                        "counts that are integers",
                        (_sample().composition[:1500], _sample().composition[1500:]),
                    )
                ],
                parts=("train", "other"),
                rtol=2e-3,  # n or n - 1 in the standard deviation: both are right
                atol=2e-3,
            )
        ),
        (
            "train.mean(axis=0) has one mean for each column; NumPy subtracts it from all rows.",
            "The spread is train.std(axis=0). Where it is 0, use 1: np.where(spread == 0, 1, "
            "spread).",
            "return (train - center) / spread, (other - center) / spread.",
        ),
        "the bowl gets rounder, and mean and spread are now a part of the model: store them with "
        "the weights",
    ),
    Exercise(
        "3.7",
        "Beat the baseline",
        "features",
        _judge_features,
        (
            "The formula fixes how many rings and multiple bonds there are together. It does not "
            "say which of them there are.",
            'In a SMILES, "=" is a double bond and "#" a triple one, and the two ends of a ring '
            'bond bear the same digit. "=O" and "#N" are groups of their own. Or count the '
            "distances between atoms in steps of 0.1 Å, up to 3 Å.",
            'np.column_stack([qm9.composition, [[s.count(p) for p in ("=", "#", "1", "2", "3", '
            '"#N", "N#")] for s in qm9.smiles]]).',
        ),
        "What the formula lacks is what is bonded to what; the next two chapters find that in the "
        "positions, first with a kernel, then with a network",
    ),
)
