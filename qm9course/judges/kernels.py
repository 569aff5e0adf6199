"""Exercises of the chapter *kernels*: molecules as matrices, and how alike two of them are."""

from __future__ import annotations

from typing import Any

import numpy as np

from qm9course.checking import Answer, Case, Exercise, Judge, Right, compared
from qm9course.diagnosis import as_numbers
from qm9course.judges import Part, Parts, alone_and_together, at_random, matrices, quiet
from qm9course.judges.matrices import norms
from qm9course.judges.twins import judge_twins

# 4.3


def _vectors() -> list[Case]:
    three = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 0.5]])
    return [
        Case("3 and 2 vectors of 2 numbers", (three, np.array([[1.0, 1.0], [0.0, 2.5]]), 1.5)),
        Case("3 vectors with 3 others", (at_random(3, 4), at_random(3, 4, seed=1), 0.8)),
        Case("5 and 4 vectors of 3 numbers", (at_random(5, 3), at_random(4, 3, seed=1), 2.5)),
    ]


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum((a[:, None] - b[None]) ** 2, axis=-1))


def _streets(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum(np.abs(a[:, None] - b[None]), axis=-1))


def _same_index(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    pairs = zip(a, b, strict=False)
    return np.array([np.sum((x - y) ** 2) for x, y in pairs])


def _gauss(squares: Any, sigma: float) -> Any:
    return np.exp(-squares / (2 * sigma**2))


def _kernel_of(length: Part = _squares, exponent: Part = _gauss) -> Answer:
    return lambda a, b, sigma: exponent(length(a, b), sigma)


_LENGTHS: Parts = {
    "the distance is not squared: |x - y|² is the sum of squared differences, without a root": (
        lambda a, b: np.sqrt(_squares(a, b))
    ),
    "the differences are added without their signs, and not squared: |x - y|² is the sum of their "
    "squares": _streets,
    "the sum of |differences| was squared: square each difference first, then add": (
        lambda a, b: _streets(a, b) ** 2
    ),
    "the differences were added before they were squared: square each of them first": (
        lambda a, b: (a[:, None] - b[None]).sum(axis=-1) ** 2
    ),
    "this is the mean over the features; |x - y|² is a sum": (
        lambda a, b: _squares(a, b) / a.shape[1]
    ),
    "the squared distance was squared once more": lambda a, b: _squares(a, b) ** 2,
    "|x - y|² is |x|² + |y|² - 2 x · y, and the 2 is missing": (
        lambda a, b: _squares(a, b) + a @ b.T
    ),
    "|x - y|² is |x|² + |y|² - 2 x · y, with a minus sign": lambda a, b: _squares(a, -b),
    "the vectors of a were compared with each other, and b was not used": (
        lambda a, b: _squares(a, a)
    ),
    "the vectors of b were compared with each other, and a was not used": (
        lambda a, b: _squares(b, b)
    ),
    "only vectors of the same index were compared: take all pairs, a[:, None] - b[None, :]": (
        _same_index
    ),
    "the sum over axis=0 runs over the vectors of a: the features are the last axis, axis=-1": (
        lambda a, b: np.sum((a[:, None] - b[None]) ** 2, axis=0)
    ),
    "the sum over axis=1 runs over the vectors of b: the features are the last axis, axis=-1": (
        lambda a, b: np.sum((a[:, None] - b[None]) ** 2, axis=1)
    ),
    "the sum runs over all pairs and features, which leaves one number: np.sum(..., axis=-1)": (
        lambda a, b: _squares(a, b).sum()
    ),
    "the features are not added up: np.sum(..., axis=-1) makes a squared distance of them": (
        lambda a, b: (a[:, None] - b[None]) ** 2
    ),
}
_WIDTHS: Parts = {
    "the 2 is missing: the exponent is divided by 2 σ²": lambda q, s: np.exp(-q / s**2),
    "sigma is not squared: the exponent is divided by 2 σ²": lambda q, s: np.exp(-q / (2 * s)),
    "the exponent is divided by sigma alone, and not by 2 σ²": lambda q, s: np.exp(-q / s),
    "the 2 was squared together with sigma: 2 * sigma**2, and not (2 * sigma)**2": (
        lambda q, s: np.exp(-q / (2 * s) ** 2)
    ),
    "brackets are missing: a / 2 * s**2 is a / 2, times s². Write a / (2 * s**2)": (
        lambda q, s: np.exp(-q / 2 * s**2)
    ),
    "brackets are missing: the division by 2 σ² belongs inside np.exp(...)": (
        lambda q, s: np.exp(-q) / (2 * s**2)
    ),
    "it was multiplied by sigma, and not divided by 2 σ²: the wider the kernel, the slower it "
    "falls": lambda q, s: np.exp(-q * s),
    "it was multiplied by sigma squared, and not divided by 2 σ²": lambda q, s: np.exp(-q * s**2),
    "sigma is missing: the exponent is divided by 2 σ²": lambda q, s: np.exp(-q / 2),
    "sigma and the 2 are missing: the exponent is divided by 2 σ²": lambda q, s: np.exp(-q),
    "the minus sign in the exponent is missing: vectors that are far apart are not alike": (
        lambda q, s: np.exp(q / (2 * s**2))
    ),
    "this is the exponent, without np.exp": lambda q, s: -q / (2 * s**2),
    "this is the exponent, without its minus sign and without np.exp": lambda q, s: q / (2 * s**2),
    "this is a squared distance, and no kernel yet: np.exp(-squares / (2 * sigma**2))": (
        lambda q, s: q
    ),
    "it was divided by σ √(2π), as for a probability: a kernel is 1 for two equal vectors": (
        lambda q, s: _gauss(q, s) / (s * np.sqrt(2 * np.pi))
    ),
    "it was taken from 1, which makes a distance: a kernel is 1 for two equal vectors": (
        lambda q, s: 1 - _gauss(q, s)
    ),
    "the rows were divided by their sums: leave each number as it is": (
        lambda q, s: _gauss(q, s) / _gauss(q, s).sum(axis=1, keepdims=True)
    ),
}
_EXPONENTIAL: dict[str, Answer] = {
    "this is the Laplacian kernel exp(-Σ|difference| / σ), which falls like a tent: square the "
    "differences": _kernel_of(_streets, lambda q, s: np.exp(-q / s)),
    "this is the exponential kernel exp(-|x - y| / σ): the Gaussian one has the squared distance, "
    "and 2 σ²": _kernel_of(lambda a, b: np.sqrt(_squares(a, b)), lambda q, s: np.exp(-q / s)),
}
_KERNEL_MISTAKES: dict[str, Answer] = {
    **_EXPONENTIAL,
    **alone_and_together(_kernel_of, length=_LENGTHS, exponent=_WIDTHS),
    "the exponentials of the features were added: add the squares first, then take np.exp once": (
        lambda a, b, s: _gauss((a[:, None] - b[None]) ** 2, s).sum(axis=-1)
    ),
    "this is the mean of one kernel for each feature: add the squares first, then take np.exp "
    "once": lambda a, b, s: _gauss((a[:, None] - b[None]) ** 2, s).mean(axis=-1),
    "these are cosines of the angles between the vectors: the kernel needs their distance": quiet(
        lambda a, b, s: (a @ b.T) / np.outer(norms(a), norms(b))
    ),
    "only the norms |x| and |y| were compared: |x - y|² needs the difference of the vectors": (
        lambda a, b, s: _gauss((norms(a)[:, None] - norms(b)) ** 2, s)
    ),
    "these are inner products x · y: the kernel needs the distance of the two": (
        lambda a, b, s: a @ b.T
    ),
    "this takes the inner product in place of the squared distance": quiet(
        lambda a, b, s: _gauss(a @ b.T, s)
    ),
}


def _explain_pairs(error: BaseException, arguments: tuple[Any, ...]) -> str | None:
    if "broadcast" not in str(error) or len(arguments) != 3:
        return None
    a, b, _ = (np.shape(x) for x in arguments)
    return (
        f"a has the shape {a} and b has {b}: they differ in their number of vectors, and each of a "
        "has to meet each of b. a[:, None, :] - b[None, :, :] makes all pairs, and the features "
        "are the last axis"
    )


# 4.4


def _systems() -> list[Case]:
    two = np.array([[2.0, 1.0], [1.0, 3.0]])
    kernel, between, targets = _kernel(4, 4)
    larger, more, values = _kernel(6, 3)
    return [
        Case(
            "2 training molecules, 3 new ones",
            (two, np.array([4.0, -2.0]), np.array([[1.0, 0.0], [0.5, 1.5], [2.0, 2.0]]), 0.4),
        ),
        Case("4 training molecules, 4 new ones", (kernel, targets, between, 0.3)),
        Case("6 training molecules, 3 new ones", (larger, values, more, 0.2)),
    ]


def _kernel(n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a kernel of n training molecules, that of m new ones with them, and targets."""
    x, new = at_random(n, 3), at_random(m, 3, seed=1)
    kernels = [np.round(1.5 * _gauss(_squares(a, x), 1.2), 6) for a in (x, new)]
    return kernels[0], kernels[1], np.round(3 + 2 * at_random(n, seed=2), 1)


def _with_ridge(kernel: np.ndarray, ridge: float) -> np.ndarray:
    return kernel + ridge * np.eye(len(kernel))


def _on_diagonal(kernel: np.ndarray, ridge: float) -> np.ndarray:
    changed = kernel.copy()
    np.fill_diagonal(changed, ridge)
    return changed


_RIDGES: Parts = {
    "the ridge was added to all entries of the kernel: it belongs on the diagonal alone, "
    "ridge * np.eye(n)": lambda k, r: k + r,
    "the ridge is missing: solve with kernel + ridge * np.eye(n)": lambda k, r: k,
    "the ridge was subtracted: add it, ridge * np.eye(n)": lambda k, r: _with_ridge(k, -r),
    "the ridge was squared: add it as it is": lambda k, r: _with_ridge(k, r**2),
    "the root of the ridge was added: add the ridge as it is": (
        lambda k, r: _with_ridge(k, np.sqrt(r))
    ),
    "the ridge was multiplied by the number of molecules, as for a mean of squares; here it is "
    "added as it is": lambda k, r: _with_ridge(k, len(k) * r),
    "the ridge was divided by the number of molecules; here it is added as it is": (
        lambda k, r: _with_ridge(k, r / len(k))
    ),
    "1 was added to the diagonal, and not the ridge: ridge * np.eye(n)": (
        lambda k, r: _with_ridge(k, 1.0)
    ),
    "the ridge took the place of the diagonal: add it to what is there": _on_diagonal,
    "the diagonal was set to 1 + ridge. This kernel has other numbers there: add the ridge to "
    "them": lambda k, r: _on_diagonal(k, 1 + r),
    "the kernel was multiplied by the ridge: add ridge * np.eye(n)": lambda k, r: r * k,
    "the kernel was multiplied by 1 + ridge, everywhere: add ridge * np.eye(n)": (
        lambda k, r: k * (1 + r)
    ),
    "the ridge was multiplied by the kernel's own diagonal: add ridge * np.eye(n)": (
        lambda k, r: k + r * np.diag(np.diag(k))
    ),
}


def _solved(a: np.ndarray, y: np.ndarray, between: np.ndarray, kernel: np.ndarray) -> Any:
    return between @ np.linalg.solve(a, y)


def _regression(ridge: Part = _with_ridge, form: Part = _solved) -> Answer:
    return lambda kernel, targets, between, strength: form(
        ridge(kernel, strength), targets, between, kernel
    )


_FORMS: Parts = {
    "these are the weights alpha, one for each training molecule: the predictions are between @ "
    "alpha": lambda a, y, b, k: np.linalg.solve(a, y),
    "these are predictions of the training molecules: the new ones are between @ alpha": (
        lambda a, y, b, k: k @ np.linalg.solve(a, y)
    ),
    "the mean was subtracted from the targets and not added to the predictions; here the targets "
    "stay as they are": lambda a, y, b, k: b @ np.linalg.solve(a, y - y.mean()),
    "the mean was subtracted from the targets and added back at the end. That is often wise, but "
    "a different model: here the targets stay as they are": (
        lambda a, y, b, k: b @ np.linalg.solve(a, y - y.mean()) + y.mean()
    ),
    "the matrix was multiplied by the targets, and not its inverse: np.linalg.solve(matrix, "
    "targets)": lambda a, y, b, k: b @ (a @ y),
    "np.linalg.inv(matrix) * targets multiplies element by element: the product of a matrix and a "
    "vector is @": lambda a, y, b, k: b @ (np.linalg.inv(a) * y),
    "np.linalg.inv(matrix) * targets multiplies element by element; then it was added up along the "
    "wrong axis": lambda a, y, b, k: b @ (np.linalg.inv(a) * y[:, None]).sum(axis=1),
    "1 / matrix and matrix ** -1 take the reciprocal of each number: the inverse is "
    "np.linalg.inv(matrix)": lambda a, y, b, k: b @ ((1 / a) @ y),
    "between was multiplied element by element with *: the product is between @ alpha": (
        lambda a, y, b, k: b * np.linalg.solve(a, y)
    ),
    "the targets were divided by their standard deviation, and the predictions not multiplied by "
    "it; here the targets stay as they are": lambda a, y, b, k: b @ np.linalg.solve(a, y / y.std()),
    "the sign is the other way round": lambda a, y, b, k: -b @ np.linalg.solve(a, y),
    "the columns of the kernel were taken for features, KᵀK + ridge I: that is a different model. "
    "Solve with K + ridge I": lambda a, y, b, k: b @ np.linalg.solve(k @ k + a - k, k @ y),
    "the sum over the training molecules was divided by their number: leave it as it is": (
        lambda a, y, b, k: b @ np.linalg.solve(a, y) / len(y)
    ),
}
_REGRESSION_MISTAKES: dict[str, Answer] = {
    "these are the targets of the training molecules: the predictions are between @ alpha": (
        lambda k, y, b, r: y
    ),
    "this is the mean of the targets, for every molecule: the predictions are between @ alpha": (
        lambda k, y, b, r: np.full(len(b), y.mean())
    ),
    **alone_and_together(_regression, ridge=_RIDGES, form=_FORMS),
    "nothing was solved: between @ targets adds up the targets of all neighbours": (
        lambda k, y, b, r: b @ y
    ),
    "this is a mean of the targets, weighted by the kernel. It does not see that some training "
    "molecules are alike; solve for alpha": lambda k, y, b, r: b @ y / b.sum(axis=1),
    "this is the target of the one nearest training molecule: all of them take part": (
        lambda k, y, b, r: y[b.argmax(axis=1)]
    ),
    "the ridge was added to the kernel of the new molecules, too: between stays as it is": (
        lambda k, y, b, r: (b + r) @ np.linalg.solve(_with_ridge(k, r), y)
    ),
    "the ridge was added to the inverse of the kernel: add it first, and then take the inverse": (
        lambda k, y, b, r: b @ (_with_ridge(np.linalg.inv(k), r) @ y)
    ),
    "the mean of the targets was added, and never subtracted: here the targets stay as they are": (
        lambda k, y, b, r: b @ np.linalg.solve(_with_ridge(k, r), y) + y.mean()
    ),
    "the ridge was added to the weights and not to the kernel": (
        lambda k, y, b, r: b @ (np.linalg.solve(k, y) + r)
    ),
}


def _explain_solving(error: BaseException, arguments: tuple[Any, ...]) -> str | None:
    said = str(error)
    if len(arguments) < 3 or not any(w in said for w in ("mismatch", "aligned", "broadcast")):
        return None
    between = np.shape(arguments[1] if np.ndim(arguments[1]) == 2 else arguments[2])
    return (
        f"between has the shape {between}, a row for each new molecule and a column for each of "
        f"the {len(arguments[0])} training molecules, and the kernel is {np.shape(arguments[0])}. "
        "In a product a @ b, a has as many columns as b has rows; a sum needs equal shapes"
    )


# 4.5


def _pairs_of_molecules() -> list[Case]:
    z = [
        np.array(numbers)
        for numbers in ([8, 1, 1], [6, 1, 1, 8, 1, 1], [7, 6, 1, 6, 9], [6, 7, 9, 6])
    ]
    atoms = [np.round(0.7 * at_random(len(n), 4, seed=i), 2) for i, n in enumerate(z)]
    return [
        Case("water and methanol", (z[0], atoms[0], z[1], atoms[1], 0.8)),
        Case("methanol and a molecule with F", (z[1], atoms[1], z[2], atoms[2], 1.5)),
        Case("two molecules with N and F", (z[2], atoms[2], z[3], atoms[3], 1.2)),
    ]


_all_pairs = _kernel_of()


def _sum_of_same(pairs: np.ndarray, same: np.ndarray) -> Any:
    return np.sum(pairs * same)


def _molecular(kernel: Part = _all_pairs, pool: Part = _sum_of_same) -> Answer:
    return lambda za, a, zb, b, sigma: pool(kernel(a, b, sigma), za[:, None] == zb[None])


_POOLS: Parts = {
    "the elements are ignored: only pairs of atoms of the same element count": (
        lambda k, same: k.sum()
    ),
    "only atoms with the same index were compared: the numbering means nothing; take all pairs": (
        lambda k, same: np.trace(k * same)
    ),
    "only atoms with the same index were compared, and of any element: take all pairs of one "
    "element": lambda k, same: np.trace(k),
    "this is the mean over the pairs of one element: take the sum": (
        lambda k, same: (k * same).sum() / same.sum()
    ),
    "this was divided by the number of all pairs: take the sum": lambda k, same: (k * same).mean(),
    "this was divided by the number of atoms of A: take the sum": (
        lambda k, same: (k * same).sum() / len(k)
    ),
    "this was divided by the number of atoms of B: take the sum": (
        lambda k, same: (k * same).sum() / k.shape[1]
    ),
    "this was divided by the root of the product of both numbers of atoms: take the sum": (
        lambda k, same: (k * same).sum() / np.sqrt(k.size)
    ),
    "pairs with j ≤ i are left out. Within one molecule they would be double; here the atoms are "
    "of two molecules, and all pairs count": lambda k, same: np.triu(k * same, 1).sum(),
    "pairs with j < i are left out. Within one molecule they would be double; here the atoms are "
    "of two molecules, and all pairs count": lambda k, same: np.triu(k * same).sum(),
    "pairs with i = j are left out: they are atoms of two molecules, and count": (
        lambda k, same: (k * same).sum() - np.trace(k * same)
    ),
    "only pairs of different elements count here: it is the other way round": (
        lambda k, same: (k * ~same).sum()
    ),
    "pairs of different elements count as 1, since exp(0) is 1: choose the pairs after np.exp, "
    "not before": lambda k, same: (k * same).sum() + (~same).sum(),
    "these are the numbers of all pairs: add up those of the same element": (
        lambda k, same: k * same
    ),
    "this has a number for each atom of A: add them up, too": (
        lambda k, same: (k * same).sum(axis=1)
    ),
    "this has a number for each atom of B: add them up, too": (
        lambda k, same: (k * same).sum(axis=0)
    ),
    "only the best partner of each atom of A counts here: take all pairs": (
        lambda k, same: (k * same).max(axis=1).sum()
    ),
    "only the best partner of each atom of B counts here: take all pairs": (
        lambda k, same: (k * same).max(axis=0).sum()
    ),
    "this is the one pair that is most alike: add up all of them": (
        lambda k, same: (k * same).max()
    ),
    "this is the first atom of A alone: is `return` inside the loop?": (
        lambda k, same: (k * same)[0].sum()
    ),
    "this is the last atom of A alone: does each pass of the loop start again from 0?": (
        lambda k, same: (k * same)[-1].sum()
    ),
    "each element counts as often as A has atoms of it: loop over the different elements, "
    "np.unique(numbers_a)": lambda k, same: (k * same * same.sum(axis=0)).sum(),
    "each element counts as often as B has atoms of it: loop over the different elements, "
    "np.unique(numbers_b)": lambda k, same: (k * same * same.sum(axis=1)[:, None]).sum(),
    "each atom of A was compared with the first such atom of B alone: take all pairs": (
        lambda k, same: (k * same * (np.cumsum(same, axis=1) == 1)).sum()
    ),
    "this is one pair of atoms alone: is `return` inside both loops?": (lambda k, same: k[same][0]),
    "the pairs are counted, not weighted by their kernel": lambda k, same: same.sum(),
    "the numbers of the pairs were multiplied: add them up": lambda k, same: k[same].prod(),
}


def _of_sums(za: np.ndarray, a: np.ndarray, zb: np.ndarray, b: np.ndarray, s: float) -> float:
    return sum(
        float(_gauss(np.sum((a[za == z].sum(axis=0) - b[zb == z].sum(axis=0)) ** 2), s))
        for z in set(za.tolist()) & set(zb.tolist())
    )


def _weighted(za: np.ndarray, a: np.ndarray, zb: np.ndarray, b: np.ndarray, s: float) -> Any:
    return np.sum(_kernel_of()(a, b, s) * np.where(za[:, None] == zb, za[:, None] * zb, 0))


def _normalised(za: np.ndarray, a: np.ndarray, zb: np.ndarray, b: np.ndarray, s: float) -> Any:
    of = _molecular()
    return of(za, a, zb, b, s) / np.sqrt(of(za, a, za, a, s) * of(zb, b, zb, b, s))


_MOLECULAR_MISTAKES: dict[str, Answer] = {
    **alone_and_together(
        _molecular,
        kernel={
            **_EXPONENTIAL,
            **{text: _kernel_of(exponent=part) for text, part in _WIDTHS.items()},
            **{text: _kernel_of(part) for text, part in list(_LENGTHS.items())[:5]},
        },
        pool=_POOLS,
    ),
    "this was divided by the root of the kernels of A and of B with themselves, so that it is 1 "
    "for equal molecules: often done, but not here": _normalised,
    "the features of all atoms of an element were added before they were compared: compare atom "
    "with atom, and add the kernels": _of_sums,
    "the features of all atoms were added before they were compared: compare atom with atom, and "
    "add the kernels": lambda za, a, zb, b, s: _gauss(np.sum((a.sum(0) - b.sum(0)) ** 2), s),
    "the means of the features were compared: compare atom with atom, and add the kernels": (
        lambda za, a, zb, b, s: _gauss(np.sum((a.mean(0) - b.mean(0)) ** 2), s)
    ),
    "each pair was multiplied by its atomic numbers: all elements count alike": _weighted,
    "the hydrogen atoms are left out: they are atoms, too": (
        lambda za, a, zb, b, s: _molecular()(za[za > 1], a[za > 1], zb, b, s)
    ),
    "fluorine is left out: there are five elements, 1, 6, 7, 8 and 9": (
        lambda za, a, zb, b, s: _molecular()(za[za < 9], a[za < 9], zb, b, s)
    ),
    "molecule A was compared with itself: take B for the second": (
        lambda za, a, zb, b, s: _molecular()(za, a, za, a, s)
    ),
}


def _explain_atoms(error: BaseException, arguments: tuple[Any, ...]) -> str | None:
    if "broadcast" not in str(error) or len(arguments) != 5:
        return None
    return (
        f"A has {len(arguments[0])} atoms and B has {len(arguments[2])}: to compare all with all, "
        "give them axes of their own, numbers_a[:, None] == numbers_b[None, :], and "
        "atoms_a[:, None, :] - atoms_b[None, :, :] for the features"
    )


# 4.6


def _frequencies() -> list[Case]:
    return [
        Case(text, (at_random(n, d), at_random(d, wide, seed=1), at_random(wide, seed=2) + 3))
        for text, n, d, wide in (
            ("3 vectors of 2 numbers, 4 features", 3, 2, 4),
            ("5 vectors of 3 numbers, 3 features", 5, 3, 3),
            ("2 vectors of 4 numbers, 6 features", 2, 4, 6),
        )
    ]


def _waves(
    factor: Part = lambda x, w: np.sqrt(2 / w.shape[1]),
    angle: Part = lambda x, w, b: x @ w + b,
    wave: Part = np.cos,
) -> Answer:
    return lambda x, w, b: factor(x, w) * wave(angle(x, w, b))


_FACTORS: Parts = {
    "the 2 under the root is missing: the mean square of a cosine is a half, and the 2 makes up "
    "for it": lambda x, w: np.sqrt(1 / w.shape[1]),
    "the root of 2 / D is missing: this is multiplied by 2 / D": lambda x, w: 2 / w.shape[1],
    "it was divided by D: the factor is the root of 2 / D": lambda x, w: 1 / w.shape[1],
    "the factor, the root of 2 / D, is missing: products would grow with the number of features": (
        lambda x, w: 1.0
    ),
    "the root of D is missing: products would grow with the number of features": (
        lambda x, w: np.sqrt(2)
    ),
    "the root of 2 was divided by D, not by the root of D: √(2 / D) has both under the root": (
        lambda x, w: np.sqrt(2) / w.shape[1]
    ),
    "the root of the 2 is missing: √(2 / D) has both under the root": (
        lambda x, w: 2 / np.sqrt(w.shape[1])
    ),
    "the 2 is in the wrong place under the root: it is 2 / D, and not 1 / (2 D)": (
        lambda x, w: np.sqrt(0.5 / w.shape[1])
    ),
    "this is the root of D / 2: it should be the root of 2 / D": (
        lambda x, w: np.sqrt(w.shape[1] / 2)
    ),
    "2 is divided by the number of features that x has, which is len(frequencies): D is "
    "frequencies.shape[1]": lambda x, w: np.sqrt(2 / w.shape[0]),
    "2 is divided by the number of vectors, len(x): D is frequencies.shape[1]": (
        lambda x, w: np.sqrt(2 / len(x))
    ),
    "2 is divided by the number of all frequencies, d times D: D is frequencies.shape[1]": (
        lambda x, w: np.sqrt(2 / w.size)
    ),
}
_ANGLES: Parts = {
    "the phases are missing: add them to x W": lambda x, w, b: x @ w,
    "the phases were subtracted, or x W has the wrong sign: add the two": lambda x, w, b: x @ w - b,
    "the products were multiplied by the phases: add them": lambda x, w, b: (x @ w) * b,
    "there is a 2π too many: x W + b is an angle already": (
        lambda x, w, b: 2 * np.pi * (x @ w + b)
    ),
    "x W was multiplied by 2π: it is an angle already": lambda x, w, b: 2 * np.pi * x @ w + b,
    "the phases were multiplied by 2π: they are angles already": (
        lambda x, w, b: x @ w + 2 * np.pi * b
    ),
    "the angles were taken for degrees: they are in radians already": (
        lambda x, w, b: np.deg2rad(x @ w + b)
    ),
    "the angles were converted into degrees: np.cos takes radians": (
        lambda x, w, b: np.rad2deg(x @ w + b)
    ),
    "this is the product of each number with each frequency: add up over the features, which x @ "
    "frequencies does": lambda x, w, b: x[:, :, None] * w + b,
    "the features of x were added up first, and the frequencies too: x @ frequencies multiplies "
    "before it adds": lambda x, w, b: x.sum(1)[:, None] * w.sum(0) + b,
}
_SHAPES: Parts = {
    "this is the sine: the exercise asks for the cosine": np.sin,
    "this is the angle: take its cosine": lambda t: t,
    "the cosine was squared": lambda t: np.cos(t) ** 2,
    "cosine and sine are side by side, a different recipe, without phases: here it is one cosine "
    "for "
    "each frequency": lambda t: np.concatenate([np.cos(t), np.sin(t)], axis=-1),
}


def _side_by_side(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.hstack([np.cos(x @ w), np.sin(x @ w)]) / np.sqrt(w.shape[1])


_WAVE_MISTAKES: dict[str, Answer] = {
    **alone_and_together(_waves, factor=_FACTORS, angle=_ANGLES, wave=_SHAPES),
    "the cosine of x was taken, and then the product: first x W + b, then its cosine": (
        lambda x, w, b: np.sqrt(2 / len(b)) * (np.cos(x) @ w + b)
    ),
    "the cosine of x was taken, and then the product; phases belong inside the cosine, too": (
        lambda x, w, b: np.sqrt(2 / len(b)) * np.cos(x) @ w
    ),
    "the phases were added to the cosine: they belong inside its brackets": (
        lambda x, w, b: np.sqrt(2 / len(b)) * (np.cos(x @ w) + b)
    ),
    "the phases were added to the features: they belong inside the brackets of the cosine": (
        lambda x, w, b: np.sqrt(2 / len(b)) * np.cos(x @ w) + b
    ),
    "the factor is inside the cosine: it belongs before it": (
        lambda x, w, b: np.cos(np.sqrt(2 / len(b)) * (x @ w + b))
    ),
    "cosines and sines are side by side, the other recipe, without phases: here it is the root of "
    "2 / D times one cosine for each frequency": _side_by_side,
    "these are the inner products of the features, which come near the kernel: return the "
    "features": lambda x, w, b: _waves()(x, w, b) @ _waves()(x, w, b).T,
    "the features of each vector were added up: each of the D cosines is a feature": (
        lambda x, w, b: _waves()(x, w, b).sum(axis=1)
    ),
    "this is the mean of the features: each of the D cosines is a feature": (
        lambda x, w, b: _waves()(x, w, b).mean(axis=1)
    ),
    "each row was divided by its length: leave it as it is": (
        lambda x, w, b: _waves()(x, w, b) / norms(_waves()(x, w, b))[:, None]
    ),
}


def _or_complex(judge: Judge) -> Judge:
    """Return a judge that names complex numbers, as exp(i t) gives them."""

    def problem(answer: Answer) -> str | None:
        found = answer(*(x.copy() for x in _frequencies()[0].arguments))
        if getattr(getattr(found, "dtype", None), "kind", None) == "c":
            return (
                "it returns complex numbers. exp(it) is cos(t) + i sin(t): take its real part, or "
                "use np.cos directly"
            )
        return judge(answer)

    return problem


def _explain_frequencies(error: BaseException, arguments: tuple[Any, ...]) -> str | None:
    if (
        not any(w in str(error) for w in ("mismatch", "aligned", "broadcast"))
        or len(arguments) != 3
    ):
        return None
    x, w, b = (np.shape(array) for array in arguments)
    return (
        f"x has the shape {x}, the frequencies have {w} and the phases {b}: x @ frequencies is "
        f"{(x[0], w[1])}, and the phases are added to each row of it"
    )


# 4.7


def _uncertain() -> list[Case]:
    kernel, between, _ = _kernel(4, 4)
    prior = np.array([1.5, 1.9, 2.4, 1.7])
    two, new = np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([[1.0, 0.5], [0.3, 0.6]])
    hand = np.array([[1.0, 0.0], [0.5, 1.5], [0.4, -0.6]])
    return [
        Case(
            "2 training molecules, 3 new ones",
            (np.array([[2.0, 1.0], [1.0, 3.0]]), hand, np.array([2.0, 3.0, 2.5]), 0.4),
        ),
        Case("4 training molecules, 4 new ones", (kernel, between, prior, 0.3)),
        Case(
            "a training molecule once more, with rounded numbers,",
            (two, new, np.array([1 - 1e-6, 1.2]), 1e-9),
        ),
    ]


def _explained(a: np.ndarray, between: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum(between * np.linalg.solve(a, between.T).T, axis=1))


def _root(variance: Any) -> Any:
    return np.sqrt(np.maximum(variance, 0))


def _left(a: np.ndarray, b: np.ndarray, prior: np.ndarray, r: float) -> Any:
    return _root(prior - _explained(a, b))


def _deviation(ridge: Part = _with_ridge, form: Part = _left) -> Answer:
    return lambda kernel, between, prior, strength: form(
        ridge(kernel, strength), between, prior, strength
    )


def _whole(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(b @ np.linalg.solve(a, b.T))


_SPREADS: Parts = {
    "these are variances: take the root": lambda a, b, p, r: np.maximum(p - _explained(a, b), 0),
    "the sign is wrong: the part that the training molecules explain is subtracted from the prior, "
    "not added": (lambda a, b, p, r: _root(p + _explained(a, b))),
    "the prior is missing: this is the part that the training molecules explain: subtract it from "
    "the prior": lambda a, b, p, r: _root(_explained(a, b)),
    "this is the variance that the training molecules explain: subtract it from the prior, and "
    "take the root": lambda a, b, p, r: _explained(a, b),
    "1 was taken for the prior: the kernels of these molecules with themselves are not 1": (
        lambda a, b, p, r: _root(1 - _explained(a, b))
    ),
    "this is the root of the prior, as if there were no training molecules": (
        lambda a, b, p, r: np.sqrt(p)
    ),
    "the ridge was added at the end: that is the spread of a noisy measurement; the exercise asks "
    "for that of the value itself": lambda a, b, p, r: _root(p - _explained(a, b) + r),
    "this is a matrix for all pairs of new molecules: the variances are on its diagonal": (
        lambda a, b, p, r: _root(p[:, None] - _whole(a, b))
    ),
    "this is a matrix for all pairs of new molecules; the variances are on its diagonal": (
        lambda a, b, p, r: _root(p - _whole(a, b))
    ),
    "this is a matrix with a row and a column for each new molecule: return its diagonal alone": (
        lambda a, b, p, r: _root(np.diag(p) - _whole(a, b))
    ),
    "the rows of the matrix for all pairs were added up: the exercise asks for its diagonal": (
        lambda a, b, p, r: _root(p - _whole(a, b).sum(axis=1))
    ),
    "the inverse is missing: between · between does not know that training molecules are alike": (
        lambda a, b, p, r: _root(p - np.sum(b**2, axis=1))
    ),
    "the matrix was used, and not its inverse: np.linalg.solve(matrix, between.T)": (
        lambda a, b, p, r: _root(p - np.sum(b @ a * b, axis=1))
    ),
    "1 / matrix and matrix ** -1 take the reciprocal of each number: the inverse is "
    "np.linalg.inv(matrix)": lambda a, b, p, r: _root(p - np.sum(b @ (1 / a) * b, axis=1)),
    "between appears only once: multiply from both sides, between_i A⁻¹ between_iᵀ": (
        lambda a, b, p, r: _root(p - np.linalg.solve(a, b.T).T.sum(axis=1))
    ),
    "the roots were taken before the difference: subtract the variances, and take the root last": (
        lambda a, b, p, r: np.sqrt(p) - _root(_explained(a, b))
    ),
    "this is one number, a mean: each new molecule has its own deviation": (
        lambda a, b, p, r: np.mean(_left(a, b, p, r))
    ),
    "the variance was divided by the prior: that is a share; leave it as it is": (
        lambda a, b, p, r: _root((p - _explained(a, b)) / p)
    ),
    "the prior was squared: it is a variance already": (
        lambda a, b, p, r: _root(p**2 - _explained(a, b))
    ),
    "this was divided by the root of the number of training molecules: leave it as it is": (
        lambda a, b, p, r: _left(a, b, p, r) / np.sqrt(len(a))
    ),
    "these are two standard deviations: the exercise asks for one": lambda a, b, p, r: (
        2 * _left(a, b, p, r)
    ),
}
_CLIP = "np.maximum(variance, 0) comes before the root"
_DEVIATION_MISTAKES = alone_and_together(_deviation, ridge=_RIDGES, form=_SPREADS)


def _or_nan(judge: Judge) -> Judge:
    """Return a judge that tells the root of a negative number from other mistakes."""

    def problem(answer: Answer) -> str | None:
        missing = []

        def filled(*arguments: Any) -> Any:
            found = answer(*arguments)
            numbers = as_numbers(found)
            if numbers is None or not np.isnan(numbers).any():
                return found
            missing.append(int(np.isnan(numbers).sum()))
            return np.nan_to_num(numbers.astype(float))

        with np.errstate(invalid="ignore"):
            said = judge(filled)
        if not missing:
            return said
        if said is None or isinstance(said, Right):
            return (
                "for a molecule that was also in training it returns NaN: its variance is zero, "
                f"rounding made it a little less, and that has no root. {_CLIP}"
            )
        if said.startswith("for "):
            return judge(answer)
        return f"{said}. And where a variance is less than zero, it returns NaN: {_CLIP}"

    return problem


EXERCISES = (
    Exercise(
        "4.1",
        "The Coulomb matrix",
        "coulomb_matrix",
        compared(
            matrices.coulomb(),
            matrices.molecules,
            matrices.MATRIX_MISTAKES,
            unit="hartree",
            rtol=5e-4,  # 0.529 will do
        ),
        (
            "Distances first: positions[:, None] - positions[None, :] are the differences of all "
            "pairs. Divided by 0.529177, a length in Å is one in bohr.",
            "np.outer(z, z) has all products Z_i Z_j. On the diagonal the distance is 0, so write "
            "the diagonal last: np.fill_diagonal(matrix, ...) changes the matrix itself.",
            "With r in bohr and 1 on its diagonal: matrix = np.outer(z, z) / r; "
            "np.fill_diagonal(matrix, 0.5 * z**2.4); return matrix.",
        ),
        "a molecule has become a table of numbers that holds its elements and its shape, and that "
        "does not change when it is turned or moved",
        explain=matrices.explain_power,
    ),
    Exercise(
        "4.2",
        "Sort the rows",
        "sort_rows",
        compared(
            matrices.rows_sorted(),
            matrices.to_sort,
            matrices.SORT_MISTAKES,
            whole=lambda: [
                Case("whole numbers", (np.array([[1, 6, 2], [6, 0, 1], [2, 1, 5]]),)),
            ],
        ),
        (
            "np.linalg.norm(matrix, axis=1) has the norm of each row. What you need is the order, "
            "largest first, not the norms themselves.",
            "np.argsort gives the order from the smallest to the largest: reverse the sign of what "
            "it sorts. Then rows and columns both go into this order.",
            "order = np.argsort(-np.linalg.norm(matrix, axis=1)); return matrix[order][:, order].",
        ),
        "now the numbering of the atoms is gone, too. What is left is a jump where two norms "
        "change places",
    ),
    Exercise(
        "4.3",
        "A Gaussian kernel",
        "gaussian_kernel",
        compared(
            _kernel_of(),
            _vectors,
            _KERNEL_MISTAKES,
            whole=lambda: [
                Case(
                    "whole numbers", (np.array([[0, 1], [2, 1]]), np.array([[1, 1], [3, 0]]), 2.0)
                ),
            ],
            atol=1e-6,  # float32
        ),
        (
            "a[:, None, :] - b[None, :, :] are the differences of all pairs, of shape (n, m, d).",
            "The sum of their squares over the last axis is the squared distance, of shape (n, m). "
            "It needs no root.",
            "squares = np.sum((a[:, None, :] - b[None, :, :]) ** 2, axis=-1); "
            "return np.exp(-squares / (2 * sigma**2)).",
        ),
        "one number between 0 and 1 says how alike two molecules are; sigma says how far the model "
        "looks",
        explain=_explain_pairs,
    ),
    Exercise(
        "4.4",
        "Solve and predict",
        "solve_and_predict",
        compared(_regression(), _systems, _REGRESSION_MISTAKES, rtol=5e-4, atol=1e-4),
        (
            "np.eye(n) has ones on its diagonal, and zeros elsewhere.",
            "np.linalg.solve(matrix, targets) is the inverse times the targets, without computing "
            "the inverse. Each training molecule gets one weight, alpha.",
            "alpha = np.linalg.solve(kernel + ridge * np.eye(len(kernel)), targets); "
            "return between @ alpha.",
        ),
        "that is the whole training: one linear system, as large as the number of molecules, and "
        "no learning rate",
        explain=_explain_solving,
    ),
    Exercise(
        "4.5",
        "Atom by atom",
        "molecular_kernel",
        compared(
            _molecular(),
            _pairs_of_molecules,
            _MOLECULAR_MISTAKES,
            whole=lambda: [
                Case(
                    "H₂ and N₂, which have no element in common,",
                    (np.ones(2, int), at_random(2, 3), np.full(2, 7), at_random(2, 3), 1.0),
                )
            ],
        ),
        (
            "4.3 gives the kernel of all pairs of atoms, of shape (atoms of A, atoms of B). Which "
            "of them count?",
            "numbers_a[:, None] == numbers_b[None, :] is True where the elements are the same, and "
            "times True is times 1.",
            "np.sum(k * (numbers_a[:, None] == numbers_b[None, :])), where k are the Gaussian "
            "kernels of all pairs of atoms.",
        ),
        "with a sum over pairs of atoms, a prediction is a sum over atoms, too: two copies of a "
        "molecule get exactly twice the energy",
        explain=_explain_atoms,
    ),
    Exercise(
        "4.6",
        "Random features",
        "random_features",
        _or_complex(compared(_waves(), _frequencies, _WAVE_MISTAKES, rtol=1e-3, atol=1e-5)),
        (
            "x @ frequencies has a row for each vector and a column for each frequency. The phases "
            "are added to each row.",
            "D is the number of frequencies, frequencies.shape[1] or len(phases). The factor is "
            "the root of 2 / D.",
            "np.sqrt(2 / len(phases)) * np.cos(x @ frequencies + phases).",
        ),
        "with D features a kernel fit is a linear model, and its cost grows with the number of "
        "molecules, not with its cube",
        explain=_explain_frequencies,
    ),
    Exercise(
        "4.7",
        "How sure is the model?",
        "predictive_deviation",
        _or_nan(compared(_deviation(), _uncertain, _DEVIATION_MISTAKES, rtol=1e-3, atol=2e-3)),
        (
            "Before any training the variance of molecule i is prior[i]. The training molecules "
            "reduce it: subtract what they explain.",
            "np.linalg.solve(kernel + ridge * np.eye(n), between.T) has the shape (n, m). Multiply "
            "it element by element with between.T, and add up over the training molecules, axis=0.",
            "explained = np.sum(between.T * np.linalg.solve(kernel + ridge * np.eye(len(kernel)), "
            "between.T), axis=0); return np.sqrt(np.maximum(prior - explained, 0)).",
        ),
        "the model knows where it has no neighbours. No target enters: the deviation does not say "
        "whether the energies were right",
        explain=_explain_solving,
    ),
    Exercise(
        "4.8",
        "Twins",
        "twins",
        judge_twins,
        (
            "Stay in a plane, and let four of the distances come in two equal pairs. Keep three "
            "atoms fixed, and look for two places for the fourth.",
            "Put two atoms at (0, 0) and (4, 0), and a third one at (1, 1), in both arrangements. "
            "The third one is √2 from the first and √10 from the second. Where can the "
            "fourth one be, so that its distances from them are √2 and √10 again?",
            "The fourth atom is at (1, -1) in the kite and at (3, 1) in the trapezium. Each has "
            "the squared distances 2, 2, 4, 10, 10 and 16 Å². Add z = 0.",
        ),
        "a list of distances does not make a molecule: a model that sees nothing else, such as a "
        "bag of bonds, must predict the same energy for both",
    ),
)
