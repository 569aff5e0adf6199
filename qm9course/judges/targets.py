"""Exercises of the chapter *targets*: laws of labels, readouts, and errors of several labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from qm9course.checking import (
    REMEMBERS,
    Answer,
    Case,
    Exercise,
    Judge,
    Right,
    compared,
    remembers,
    snapshot,
)
from qm9course.diagnosis import as_numbers, describe
from qm9course.judges import Part, Parts, alone_and_together, plain_truths, quiet, sample
from qm9lib import convert
from qm9lib.data.geometry import ATOMIC_WEIGHTS

_MEV = convert(1.0, "hartree", "meV")
_BOHR = 1.889726  # 1 Å in bohr

# 7.1

Orbitals = tuple[float, float]


def _pairs() -> list[Case]:
    water, ethanol, methane, ethanal, pyridine, epoxide = (
        (molecule.target("homo"), molecule.target("lumo"))
        for molecule in (sample()[i] for i in (2, 13, 0, 10, 201, 100))
    )
    return [
        Case("water and ethanol", (water, ethanol)),
        Case("ethanol and water", (ethanol, water)),
        Case("methane and acetaldehyde", (methane, ethanal)),
        Case("acetaldehyde and methane", (ethanal, methane)),
        Case("pyridine and oxiranol", (pyridine, epoxide)),
        Case("a strong donor and a strong acceptor", ((-0.15, 0.02), (-0.45, -0.17))),
    ]


def _own_gaps(one: Orbitals, other: Orbitals) -> tuple[float, float]:
    return one[1] - one[0], other[1] - other[0]


def _joint_gap(one: Orbitals, other: Orbitals) -> float:
    return min(one[1], other[1]) - max(one[0], other[0])


def _moves(one: Orbitals, other: Orbitals) -> bool:
    return (one[0] > other[0]) != (one[1] < other[1])


def _frontier(gap: Part = _joint_gap, moves: Part = _moves) -> Answer:
    return lambda one, other: (gap(one, other), bool(moves(one, other)))


_GAPS: Parts = {
    "this is the sum of the two gaps: a gap does not grow with the system": (
        lambda one, other: sum(_own_gaps(one, other))
    ),
    "this is the mean of the two gaps: the highest of the homos and the lowest of the lumos "
    "decide": (lambda one, other: sum(_own_gaps(one, other)) / 2),
    "this is the smaller of the two gaps: homo and lumo may belong to different molecules, and "
    "then their gap is smaller than both": lambda one, other: min(_own_gaps(one, other)),
    "this is the larger of the two gaps: the highest of the homos and the lowest of the lumos "
    "decide": lambda one, other: max(_own_gaps(one, other)),
    "this takes the lower of the two homos: the electron that leaves comes from the higher one": (
        lambda one, other: min(one[1], other[1]) - min(one[0], other[0])
    ),
    "this takes the higher of the two lumos: an electron goes to the lower one": (
        lambda one, other: max(one[1], other[1]) - max(one[0], other[0])
    ),
    "max and min are swapped: it is the highest of the homos and the lowest of the lumos": (
        lambda one, other: max(one[1], other[1]) - min(one[0], other[0])
    ),
    "the sign is the other way round: the gap is lumo minus homo": (
        lambda one, other: -_joint_gap(one, other)
    ),
    "the sign of the gap is lost: where the lumo of one lies below the homo of the other, it is "
    "negative": lambda one, other: abs(_joint_gap(one, other)),
    "this takes the lowest and the highest of all four numbers: the lumos have a lowest one of "
    "their own, and the homos a highest": lambda one, other: min(*one, *other) - max(*one, *other),
    "homo and lumo were added: the gap is their difference": (
        lambda one, other: min(one[1], other[1]) + max(one[0], other[0])
    ),
    "this is the mean of the lumos minus the mean of the homos: one molecule alone has the highest "
    "homo": lambda one, other: (one[1] + other[1] - one[0] - other[0]) / 2,
    "this is the lumo of the first molecule minus the homo of the second: which of them gives and "
    "which takes depends on the two": lambda one, other: one[1] - other[0],
    "this is the lumo of the second molecule minus the homo of the first: which of them gives and "
    "which takes depends on the two": lambda one, other: other[1] - one[0],
    "this is the gap of the first molecule alone": lambda one, other: one[1] - one[0],
    "this is the gap of the second molecule alone": lambda one, other: other[1] - other[0],
    "this takes the lumo that is nearest to zero: with their signs, the lowest one counts": (
        lambda one, other: min(one[1], other[1], key=abs) - max(one[0], other[0])
    ),
}
_TRUTHS: Parts = {
    "True and False are swapped: True means that homo and lumo lie on different molecules": (
        lambda one, other: not _moves(one, other)
    ),
    "the second result is always True: sometimes one molecule has both the highest homo and the "
    "lowest lumo": lambda one, other: True,
    "the second result is always False: for water and ethanol, ethanol gives and water takes": (
        lambda one, other: False
    ),
    "the second result says whether the first molecule gives the electron; the exercise asks "
    "whether the other one takes it": lambda one, other: one[0] > other[0],
    "the second result says whether the second molecule gives the electron; the exercise asks "
    "whether the other one takes it": lambda one, other: other[0] > one[0],
    "the second result says whether the first molecule takes the electron; the exercise asks "
    "whether it comes from the other one": lambda one, other: one[1] < other[1],
    "the second result says whether the second molecule takes the electron; the exercise asks "
    "whether it comes from the other one": lambda one, other: other[1] < one[1],
    "the second result is True where the first molecule gives and the second takes, and not the "
    "other way round: both count": lambda one, other: one[0] > other[0] and other[1] < one[1],
    "the second result is True where the second molecule gives and the first takes, and not the "
    "other way round: both count": lambda one, other: other[0] > one[0] and one[1] < other[1],
    "the second result is True where the first molecule has both orbitals; the exercise asks "
    "whether they lie on different molecules": lambda one, other: (
        one[0] > other[0] and one[1] < other[1]
    ),
    "the second result is True where the gap is negative, so that the electron moves by itself; "
    "the exercise asks whether homo and lumo lie on different molecules": (
        lambda one, other: _joint_gap(one, other) < 0
    ),
}
_judge_frontier = compared(
    _frontier(),
    _pairs,
    alone_and_together(_frontier, gap=_GAPS, moves=_TRUTHS),
    parts=("the gap", "does the electron move"),
)


def _plain_truth(answer: Answer) -> str | None:
    """Judge the pairs."""
    plain = plain_truths(answer)
    for case in _pairs():
        found = plain(*case.arguments)
        if isinstance(found, tuple) and [isinstance(x, bool | np.bool_) for x in found] == [1, 0]:
            return "the results are swapped: first the gap, then True or False"
        if isinstance(found, tuple) and len(found) == 3 and as_numbers(found) is not None:
            return (
                "it returns three results, expected two: the gap, and True or False, as in `return "
                "gap, moves`"
            )
    return _judge_frontier(plain)


# 7.2


def _charged() -> list[Case]:
    return [
        Case(
            "three atoms, none padded,",
            (np.array([-0.7, 0.4, 0.45]), np.array([True, True, True])),
        ),
        Case(
            "five atoms and three padded ones",
            (
                np.array([-0.42, 0.1, 0.13, 0.08, 0.05, 0.9, -0.3, 0.7]),
                np.array([True] * 5 + [False] * 3),
            ),
        ),
        Case(
            "two atoms and two padded ones",
            (np.array([0.3, -0.52, 0.2, 0.25]), np.array([True, True, False, False])),
        ),
    ]


def _surplus(q: np.ndarray, mask: np.ndarray) -> Any:
    return q[mask].mean()


def _shifted(q: np.ndarray, surplus: Any, mask: np.ndarray) -> Any:
    return np.where(mask, q - surplus, 0.0)


def _neutral(surplus: Part = _surplus, form: Part = _shifted) -> Answer:
    return lambda charges, mask: form(charges, surplus(charges, mask), mask)


def _first_alone(q: np.ndarray, surplus: Any, mask: np.ndarray) -> Any:
    found = np.where(mask, q, 0.0)
    found[0] -= surplus * mask.sum()
    return found


_SURPLUSES: Parts = {
    "the mean is that of all slots, padded ones included: count only the real atoms": (
        lambda q, m: q.mean()
    ),
    "the sum of the real atoms was divided by the number of all slots, padded ones included": (
        lambda q, m: q[m].sum() / len(q)
    ),
    "the padded slots were added to the sum: their charges mean nothing": (
        lambda q, m: q.sum() / m.sum()
    ),
    "the whole surplus was subtracted from each atom: share it, divided by the number of real "
    "atoms": (lambda q, m: q[m].sum()),
    "the sum of all slots, padded ones included, was subtracted from each atom: share the surplus "
    "of the real ones among them": lambda q, m: q.sum(),
    "the surplus was added, which doubles it: subtract it": lambda q, m: -q[m].mean(),
    "the charges are as they were: their sum is not zero": lambda q, m: 0.0,
    "the surplus was divided by n - 1: all n real atoms share it": (
        lambda q, m: q[m].sum() / (m.sum() - 1)
    ),
    "this is the median, not the mean: with it the charges do not add up to zero": (
        lambda q, m: np.median(q[m])
    ),
    "the mean is one of absolute values: the signs of the charges count": (
        lambda q, m: np.abs(q[m]).mean()
    ),
}
_PLACES: Parts = {
    "the padded slots are not zero: they took part in the shift, too": lambda q, s, m: q - s,
    "the padded slots are not zero: they have the numbers that they had before": (
        lambda q, s, m: np.where(m, q - s, q)
    ),
    "the padded slots were set to zero first, and then took part in the shift: set them to zero "
    "last": lambda q, s, m: np.where(m, q, 0.0) - s,
    "the padded slots have left the array: keep its shape, with 0 in them": (
        lambda q, s, m: (q - s)[m]
    ),
    "the real atoms are zero, and the padded ones are left: the mask is the wrong way round": (
        lambda q, s, m: np.where(m, 0.0, q - s)
    ),
    "this is what was to be subtracted, one number: return the charges without it": (
        lambda q, s, m: s
    ),
    "only the first atom was changed: subtract the same share of the surplus from all real "
    "atoms": _first_alone,
    "only charges of the sign of the surplus were changed: subtract it from all real atoms alike": (
        lambda q, s, m: np.where(m & (np.sign(q) == np.sign(s)), q - s, np.where(m, q, 0.0))
    ),
}


def _balanced(q: np.ndarray, mask: np.ndarray) -> Any:
    """Scale the positive charges until they balance the negative ones."""
    real = np.where(mask, q, 0.0)
    plus, minus = real[real > 0].sum(), -real[real < 0].sum()
    return np.where(real > 0, real * minus / plus, real)


def _balanced_minus(q: np.ndarray, mask: np.ndarray) -> Any:
    return -_balanced(-q, mask)


_NEUTRAL_MISTAKES: dict[str, Answer] = {
    **alone_and_together(_neutral, surplus=_SURPLUSES, form=_PLACES),
    "the charges were divided by their sum, so that they add up to 1: subtract a number, the same "
    "one for each": quiet(lambda q, m: np.where(m, q / q[m].sum(), 0.0)),
    "the charges were divided by their mean: subtract it": quiet(
        lambda q, m: np.where(m, q / q[m].mean(), 0.0)
    ),
    "the positive charges were scaled until they balance the negative ones: shift all real atoms "
    "by the same number": _balanced,
    "the negative charges were scaled until they balance the positive ones: shift all real atoms "
    "by the same number": _balanced_minus,
    "each charge was shifted in proportion to its size: subtract the same number from all of "
    "them": (lambda q, m: np.where(m, q - q[m].sum() * np.abs(q) / np.abs(q[m]).sum(), 0.0)),
    "the charges were also divided by their standard deviation: only shift them": (
        lambda q, m: np.where(m, (q - q[m].mean()) / q[m].std(), 0.0)
    ),
}


def _explain_mask(error: BaseException, _: tuple[Any, ...]) -> str | None:
    if "boolean" in str(error) and any(w in str(error) for w in ("subtract", "negative")):
        return "a mask of True and False has no minus sign: ~mask is the mask the other way round"
    if "broadcast" in str(error):
        return (
            "array[mask] holds the real atoms alone, and is shorter than the array that it came "
            "from: np.where(mask, ..., 0.0) keeps the length"
        )
    return None


# 7.3


def _bodies() -> list[Case]:
    cases = [
        Case(
            "two atoms, 1 Å apart,",
            (
                np.array([1.0, 3.0]),
                np.array([12.0, 1.0]),
                np.array([[2.0, 0.0, 0.0], [2.0, 0.6, 0.8]]),
            ),
        )
    ]
    for i in (13, 10, 100):
        molecule = sample()[i]
        z = molecule.atomic_numbers
        cases.append(
            Case(
                f"{molecule.formula} (number {molecule.index})",
                (
                    np.round(z - molecule.charges, 3),
                    np.array([ATOMIC_WEIGHTS[int(n)] for n in z]),
                    molecule.positions + [1.0, -2.0, 0.5],
                ),
                atoms=len(z),
            )
        )
    return cases


def _of_mass(q: np.ndarray, m: np.ndarray, x: np.ndarray) -> Any:
    return m @ x / m.sum()


def _second(q: np.ndarray, m: np.ndarray, d: np.ndarray) -> Any:
    return q @ (d**2).sum(axis=1)


def _extent(
    centre: Part = _of_mass, form: Part = _second, factor: Part = lambda: _BOHR**2
) -> Answer:
    return lambda q, m, x: form(q, m, x - centre(q, m, x)) * factor()


_CENTRES: Parts = {
    "the distances are counted from the origin: count them from the centre of mass": (
        lambda q, m, x: np.zeros(3)
    ),
    "this is counted from the mean of the positions: in the centre of mass, heavy atoms count "
    "more": (lambda q, m, x: x.mean(axis=0)),
    "this is counted from the centre of the charges: the masses make the centre of mass": (
        lambda q, m, x: q @ x / q.sum()
    ),
    "the centre was divided by the number of atoms: divide the sum of mass times position by the "
    "sum of the masses": lambda q, m, x: m @ x / len(m),
    "the centre was divided by the number of atoms and by the sum of the masses: divide the sum "
    "of mass times position by the sum of the masses alone": (
        lambda q, m, x: m @ x / m.sum() / len(m)
    ),
    "the sum of mass times position is not yet a place: divide it by the sum of the masses": (
        lambda q, m, x: m @ x
    ),
    "this is counted from the heaviest atom: count from the centre of mass": (
        lambda q, m, x: x[np.argmax(m)]
    ),
    "this is counted from the first atom: count from the centre of mass": lambda q, m, x: x[0],
}
_SECONDS: Parts = {
    "the distances are not squared": lambda q, m, d: q @ np.sqrt((d**2).sum(axis=1)),
    "the charges are missing: each squared distance is multiplied by the charge of its atom": (
        lambda q, m, d: (d**2).sum()
    ),
    "this is weighted with the masses, as a moment of inertia is: the masses are for the centre "
    "alone": lambda q, m, d: m @ (d**2).sum(axis=1),
    "this is a mean over the atoms: the extent is the sum": (
        lambda q, m, d: (q * (d**2).sum(axis=1)).mean()
    ),
    "this was divided by the sum of the charges, which makes a mean: the extent is the sum": (
        lambda q, m, d: _second(q, m, d) / q.sum()
    ),
    "this was divided by the sum of the masses: the extent is the sum": (
        lambda q, m, d: _second(q, m, d) / m.sum()
    ),
    "charge times distance was added up as vectors before it was squared: square each distance "
    "first": lambda q, m, d: ((q @ d) ** 2).sum(),
    "charge times distance was squared, and so the charge, too: square the distance alone": (
        lambda q, m, d: q**2 @ (d**2).sum(axis=1)
    ),
    "x, y and z were added before they were squared: a squared distance is x² + y² + z²": (
        lambda q, m, d: q @ d.sum(axis=1) ** 2
    ),
    "this is the sum of charge times distance, squared at the end: square each distance first": (
        lambda q, m, d: (q @ np.sqrt((d**2).sum(axis=1))) ** 2
    ),
    "a root was taken at the end: the extent is in bohr², without a root": (
        lambda q, m, d: np.sqrt(np.abs(_second(q, m, d)))
    ),
    "each atom has its own number here: add them up": lambda q, m, d: q * (d**2).sum(axis=1),
    "x, y and z have a number each: add them up, too": lambda q, m, d: q @ d**2,
}
_FACTORS: Parts = {
    "the result is in Å²: 1 Å is 1.889726 bohr, and a square takes that factor twice": lambda: 1.0,
    "the factor from Å to bohr is there once: a square takes it twice": lambda: _BOHR,
    "it was divided by the factor from Å to bohr, twice: an Å is longer than a bohr, so multiply": (
        lambda: _BOHR**-2
    ),
    "it was divided by the factor from Å to bohr, and only once: an Å is longer than a bohr, so "
    "multiply, twice": lambda: 1 / _BOHR,
}


# 7.4


def _scored() -> list[Case]:
    return [
        Case(
            "three atoms, none padded,",
            (np.array([1.0, 2.0, 4.0]), np.array([0.0, 1.0, 0.5]), np.array([True] * 3)),
        ),
        Case(
            "four atoms and two padded ones",
            (
                np.array([-0.4, 0.3, 2.5, 1.2, 7.0, -6.0]),
                np.array([1.5, -0.5, 0.8, 2.0, 1.0, 3.0]),
                np.array([True] * 4 + [False] * 2),
            ),
        ),
        Case(
            "two atoms and three padded ones",
            (
                np.array([3.0, -1.0, 0.0, 0.0, 0.0]),
                np.array([-1.0, 0.7, 0.0, 0.0, 0.0]),
                np.array([True, True, False, False, False]),
            ),
        ),
    ]


_LARGE = (
    (
        Case(
            "scores around 1,000",
            (
                np.array([1.0, 2.0, 4.0, 9.0]),
                np.array([1000.0, 1001.0, 999.5, 0.0]),
                np.array([True, True, True, False]),
            ),
        ),
        "e to the power of 1,000 is more than a number can hold. Take the largest score off all of "
        "them first: the factor cancels, and the largest exponential is 1",
    ),
    (
        Case(
            "scores around -1,000, and 0 for a padded atom,",
            (
                np.array([1.0, 2.0, 4.0, 9.0]),
                np.array([-1000.0, -1001.0, -999.5, 0.0]),
                np.array([True, True, True, False]),
            ),
        ),
        "e to the power of -1,000 is 0 in the computer, and 0/0 is no number. Take the largest "
        "score of the real atoms off first: a padded one must not be that largest one",
    ),
)


def _softmax(s: np.ndarray, mask: np.ndarray) -> Any:
    weights = np.where(mask, np.exp(s - s[mask].max()), 0.0)
    return weights / weights.sum()


def _weighted(n: np.ndarray, w: np.ndarray, mask: np.ndarray) -> Any:
    return np.sum(w * n)


def _pooled(weights: Part = _softmax, form: Part = _weighted) -> Answer:
    return lambda numbers, scores, mask: form(numbers, weights(scores, mask), mask)


def _everywhere(s: np.ndarray, mask: np.ndarray) -> Any:
    return _softmax(s, np.ones(len(s), bool))


def _highest(s: np.ndarray, mask: np.ndarray) -> Any:
    return np.arange(len(s)) == np.argmax(np.where(mask, s, -np.inf))


_WEIGHTS: Parts = {
    "the padded atoms take part: they have no weight, whatever their scores are": _everywhere,
    "the padded atoms were given the score 0, and e⁰ is 1: a score of -np.inf has no weight": (
        lambda s, m: _softmax(np.where(m, s, 0.0), np.ones(len(s), bool))
    ),
    "this is the plain mean: the scores are not used": lambda s, m: m / m.sum(),
    "the weights do not add up to 1: divide by the sum of the exponentials": (
        lambda s, m: np.where(m, np.exp(s), 0.0)
    ),
    "the weights do not add up to 1: the largest score was subtracted, and the exponentials were "
    "not divided by their sum": lambda s, m: np.where(m, np.exp(s - s[m].max()), 0.0),
    "the exponentials were divided by the number of atoms: divide by their own sum, so that the "
    "weights add up to 1": lambda s, m: np.where(m, np.exp(s), 0.0) / m.sum(),
    "this is the number of the atom with the highest score: all real atoms contribute": _highest,
    "the scores are weights without np.exp: e to the power of a score is never negative": (
        lambda s, m: np.where(m, s, 0.0) / s[m].sum()
    ),
    "the sign of the scores is the other way round: the higher a score, the more an atom counts": (
        lambda s, m: _softmax(-s, m)
    ),
    "the mask is the wrong way round: True is a real atom": lambda s, m: _softmax(s, ~m),
    "these are powers of 2: the weights are powers of e, np.exp": (
        lambda s, m: _softmax(s * np.log(2), m)
    ),
    "these are powers of 10: the weights are powers of e, np.exp": (
        lambda s, m: _softmax(s * np.log(10), m)
    ),
    "the scores were divided by the root of the number of atoms: leave them as they are": (
        lambda s, m: _softmax(s / np.sqrt(m.sum()), m)
    ),
}
_MEANS: Parts = {
    "the weighted numbers were divided by the number of atoms as well: weights that add up to 1 "
    "make the mean by themselves": lambda n, w, m: np.sum(w * n) / m.sum(),
    "these are the weights: multiply them by the numbers, and add up": lambda n, w, m: w,
    "these are the weights of the real atoms: multiply them by the numbers, and add up": (
        lambda n, w, m: w[m]
    ),
    "each atom has its own product here: add them up": lambda n, w, m: w * n,
    "each real atom has its own product here: add them up": lambda n, w, m: (w * n)[m],
    "the weights were squared: once is enough": lambda n, w, m: np.sum(w**2 * n),
}
_POOLED_MISTAKES: dict[str, Answer] = {
    "the padded atoms are in the sum of the exponentials: their numbers are left out, and their "
    "weights are not": lambda n, s, m: np.sum((_everywhere(s, m) * n)[m]),
    **alone_and_together(_pooled, weights=_WEIGHTS, form=_MEANS),
    "numbers and scores are swapped: the scores make the weights": (
        lambda n, s, m: np.sum(_softmax(n, m) * s)
    ),
    "the numbers make their own weights here: the scores make them": (
        lambda n, s, m: np.sum(_softmax(n, m) * n)
    ),
    "this is the largest of the numbers: all real atoms contribute, by their scores": (
        lambda n, s, m: n[m].max()
    ),
    "this is the sum of the numbers: the scores are not used": lambda n, s, m: n[m].sum(),
    "this is the sum of score times number: the weights are exponentials, divided by their sum": (
        lambda n, s, m: np.sum((n * s)[m])
    ),
    "this is the logarithm of a sum of exponentials, another soft maximum: the weights are those "
    "of a mean of the numbers": lambda n, s, m: np.log(np.exp(s[m]).sum()),
    "the mean of all slots was taken, padded ones included": lambda n, s, m: n.mean(),
}


def _without_overflow(judge: Judge) -> Judge:
    """Return a judge that tries large scores where all else is right."""

    def problem(answer: Answer) -> str | None:
        with np.errstate(all="ignore"):
            said = judge(answer)
            if said is not None and not isinstance(said, Right):
                return said
            for case, why in _LARGE:
                found = answer(*(x.copy() for x in case.arguments))
                numbers, wanted = as_numbers(found), _pooled()(*case.arguments)
                if numbers is None or not np.allclose(numbers, wanted, rtol=1e-3):
                    what = describe(found)
                    if numbers is not None and not np.isfinite(numbers).all():
                        what = "NaN" if np.isnan(numbers).any() else "infinity"
                        return f"for {case.text} it returns {what}: {why}"
                    return (
                        f"for {case.text} it returns {what}, expected {wanted:.4g}. Is a score cut "
                        f"off, or a small number added to a sum? {why[:1].upper()}{why[1:]}"
                    )
        return said

    return problem


# 7.5


def _complete() -> list[Case]:
    scale = np.array([0.5, 20.0, 4.0])
    truth = np.array([[1.0, 30.0, -8.0], [2.5, 75.0, -3.0], [0.5, 50.0, 2.0], [1.8, 12.0, 6.0]])
    off = np.array([[0.1, -4.0, 1.0], [-0.3, 9.0, -0.8], [0.25, 1.0, 2.0], [-0.05, -7.0, 0.4]])
    two = np.array([[0.2, -0.5], [0.1, 0.9], [-0.6, 0.3]])
    return [
        Case("four molecules and three labels", (truth + off, truth, scale)),
        Case("three molecules and two labels", (two[::-1] * 3, two, np.array([0.2, 5.0]))),
    ]


def _with_missing() -> list[Case]:
    predicted, truth, scale = _complete()[0].arguments
    some, few = truth.copy(), truth.copy()
    some[2, 1] = some[0, 0] = np.nan
    few[1:, 2] = few[3, 0] = np.nan
    return [
        *_complete(),
        Case("two values that were not computed", (predicted, some, scale)),
        Case("a label of one molecule alone", (predicted, few, scale)),
    ]


def _in_deviations(p: np.ndarray, t: np.ndarray, s: np.ndarray) -> Any:
    return np.abs(p - t) / s


def _over_both(e: np.ndarray) -> Any:
    return np.nanmean(e, axis=0).mean()


def _joint(residual: Part = _in_deviations, mean: Part = _over_both) -> Answer:
    return lambda p, t, s: mean(residual(p, t, s))


_RESIDUALS: Parts = {
    "the labels are not divided by their scale, so that the one with the largest numbers decides": (
        lambda p, t, s: np.abs(p - t)
    ),
    "the errors were multiplied by the scale: divide by it, to count them in standard deviations": (
        lambda p, t, s: np.abs(p - t) * s
    ),
    "the scale was squared: divide by it once": lambda p, t, s: np.abs(p - t) / s**2,
    "the errors were squared: the mean absolute error takes np.abs": (
        lambda p, t, s: ((p - t) / s) ** 2
    ),
    "the errors were squared, and the scale was not: the mean absolute error takes np.abs": (
        lambda p, t, s: (p - t) ** 2 / s
    ),
    "the errors keep their signs, so that they cancel: np.abs before the mean": (
        lambda p, t, s: (p - t) / s
    ),
    "predictions and truth were added: an error is their difference": (
        lambda p, t, s: np.abs(p + t) / s
    ),
    "the predictions are divided by the scale, and the truth is not: take the difference first": (
        lambda p, t, s: np.abs(p / s - t)
    ),
    "each error was divided by the true value: divide by the scale of the label": (
        lambda p, t, s: np.abs(p - t) / np.abs(t)
    ),
    "the standard deviations were computed from these few molecules: they are given, in scale": (
        lambda p, t, s: np.abs(p - t) / np.nanstd(t, axis=0)
    ),
    "one scale was taken for all labels, the mean of them: each has its own": (
        lambda p, t, s: np.abs(p - t) / s.mean()
    ),
}
_AVERAGES: Parts = {
    "all entries are in one mean, so that a label with more molecules counts more: first a mean "
    "for each label, then the mean of the labels": np.nanmean,
    "a label that was not computed was taken for an error of 0: leave such an entry out of the "
    "mean": (lambda e: np.nan_to_num(e).mean()),
    "molecules that lack a label were left out of all labels: leave out single entries": (
        lambda e: e[~np.isnan(e).any(axis=1)].mean()
    ),
    "the mean over the labels was taken first, for each molecule: take the mean over the molecules "
    "first, axis 0": lambda e: np.nanmean(e, axis=1).mean(),
    "these are the errors of the labels: return their mean, one number": (
        lambda e: np.nanmean(e, axis=0)
    ),
    "these are the errors of the molecules: the mean runs over the molecules first, axis 0, and "
    "then over the labels": lambda e: np.nanmean(e, axis=1),
    "the errors of the labels were added: return their mean": (
        lambda e: np.nanmean(e, axis=0).sum()
    ),
    "all errors were added: return a mean": np.nansum,
    "this is a median: take means": lambda e: np.nanmedian(e, axis=0).mean(),
    "this is the mean of the medians of the molecules: take means": (
        lambda e: np.nanmedian(e, axis=1).mean()
    ),
    "this is the largest label's error alone: return the mean of all labels": (
        lambda e: np.nanmean(e, axis=0).max()
    ),
    "this is the root of a mean square: the mean absolute error has neither": (
        lambda e: np.sqrt(np.nanmean(e**2, axis=0)).mean()
    ),
    "this is the root of a mean square over all entries: the mean absolute error has neither": (
        lambda e: np.sqrt(np.nanmean(e**2))
    ),
    "the sign was removed too late: np.abs before the mean, or errors cancel": (
        lambda e: np.abs(np.nanmean(e, axis=0)).mean()
    ),
}
_JOINT_MISTAKES: dict[str, Answer] = {
    "the mean was taken before np.abs, so that errors of opposite sign cancel: np.abs first": quiet(
        lambda p, t, s: np.abs(np.nanmean((p - t) / s, axis=0)).mean()
    ),
    "a true value that was not computed was taken for 0: leave such an entry out of the mean": (
        lambda p, t, s: (np.abs(p - np.nan_to_num(t)) / s).mean()
    ),
    "the truth that is missing was replaced by the label's mean: leave such an entry out": (
        lambda p, t, s: (np.abs(p - np.where(np.isnan(t), np.nanmean(t, axis=0), t)) / s).mean()
    ),
    "the whole error was divided by the mean scale at the end: divide each label by its own": (
        lambda p, t, s: _over_both(np.abs(p - t)) / s.mean()
    ),
    **alone_and_together(_joint, residual=_RESIDUALS, mean=_AVERAGES),
}
_LEAVE_OUT = "an entry that is NaN was not computed: leave it out of the mean, as np.nanmean does"
_judge_complete = compared(_joint(), _complete, _JOINT_MISTAKES, rtol=1e-3, atol=1e-5)
_judge_missing = compared(_joint(), _with_missing, _JOINT_MISTAKES, rtol=1e-3, atol=1e-5)


def _or_missing(answer: Answer) -> str | None:
    """Judge the error; of an answer that returns NaN, say what is wrong besides that."""
    found = [as_numbers(answer(*(x.copy() for x in c.arguments))) for c in _with_missing()]
    nan = [x is not None and bool(np.isnan(x.astype(float)).any()) for x in found]
    if not any(nan[2:]) or any(nan[:2]):
        return _judge_missing(answer)
    said = _judge_complete(answer)
    if said is None or isinstance(said, Right):
        return f"where a label was not computed for some molecule, it returns NaN: {_LEAVE_OUT}"
    return f"{said}. And where a label was not computed, it returns NaN: {_LEAVE_OUT}"


def _explain_scale(error: BaseException, arguments: tuple[Any, ...]) -> str | None:
    if "broadcast" not in str(error) or len(arguments) != 3:
        return None
    molecules, labels = np.shape(arguments[0])
    return (
        f"here are {molecules} molecules, in rows, and {labels} labels, in columns, and scale has "
        "a number for each column: predicted / scale divides each column by its own, as it is"
    )


# 7.6


def _sizes() -> list[Case]:
    return [
        Case(
            "errors that grow with the molecule",
            (np.array([-0.31, -0.05, 0.12, 0.2, 0.46]), np.array([6, 11, 15, 18, 24])),
        ),
        Case(
            "errors that fall with the molecule",
            (np.array([0.42, 0.35, 0.3, 0.11]), np.array([9, 14, 12, 20])),
        ),
        Case(
            "errors that are all above zero",
            (np.array([0.5, 0.8, 0.55, 0.9, 0.75]), np.array([12, 20, 15, 17, 22])),
        ),
    ]


def _line(x: Any, y: Any, place: int = 0) -> float:
    return float(np.polyfit(x, y, 1)[place])


def _growth(error: Part = lambda e: e, fit: Part = _line, factor: Part = lambda: 1000.0) -> Answer:
    return lambda e, n: factor() * fit(n, error(e))


def _neighbours(n: Any, e: Any) -> float:
    order = np.argsort(n)
    return float(np.mean(np.diff(e[order]) / np.diff(n[order])))


_SIGNS: Parts = {
    "the absolute errors were taken: with them a model that overshoots looks like one that falls "
    "short. Keep the signs": np.abs,
    "the errors were squared: keep them as they are, with their signs": np.square,
    "the sign is the other way round: the error is given, prediction minus truth; keep its sign": (
        lambda e: -e
    ),
    "each error was rounded first: do not round": lambda e: np.round(e, 1),
}
_FITS: Parts = {
    "this line goes through the origin: an error that all molecules share is no growth. Fit an "
    "intercept, too": lambda n, e: float(n @ e / (n @ n)),
    "the axes are swapped: the number of atoms is x, and the error y": lambda n, e: _line(e, n),
    "this is the intercept: np.polyfit gives the slope first": lambda n, e: _line(n, e, 1),
    "these are slope and intercept: return the slope alone": lambda n, e: np.polyfit(n, e, 1),
    "these are intercept and slope: return the slope alone": (
        lambda n, e: np.polyfit(n, e, 1)[::-1]
    ),
    "this is the mean of error per atom, without a line: an error that all molecules share is no "
    "growth": lambda n, e: float(np.mean(e / n)),
    "this is the sum of the errors over the sum of the atoms, without a line": (
        lambda n, e: float(e.sum() / n.sum())
    ),
    "this is the mean error: the slope says how it changes with the number of atoms": (
        lambda n, e: float(np.mean(e))
    ),
    "this is a line through the first and the last molecule: fit it to all of them": (
        lambda n, e: float((e[-1] - e[0]) / (n[-1] - n[0]))
    ),
    "this is a line through the smallest and the largest molecule: fit it to all of them": (
        lambda n, e: float((e[n.argmax()] - e[n.argmin()]) / (n.max() - n.min()))
    ),
    "this is a mean of the slopes between neighbours: fit one line to all molecules": _neighbours,
    "this is the coefficient of correlation: the exercise asks for the slope": (
        lambda n, e: float(np.corrcoef(n, e)[0, 1])
    ),
    "this is the covariance: divide it by the variance of the numbers of atoms": (
        lambda n, e: float(np.cov(n, e, ddof=0)[0, 1])
    ),
    "this is the covariance, with n - 1: divide it by the variance of the numbers of atoms": (
        lambda n, e: float(np.cov(n, e)[0, 1])
    ),
    "np.cov divides by n - 1 and np.var by n: take both in the same way, with ddof": (
        lambda n, e: _line(n, e) * len(n) / (len(n) - 1)
    ),
    "the logarithms were fitted: here the law is a straight line, in the numbers themselves": (
        lambda n, e: _line(np.log(n), e)
    ),
    "numbers of atoms and errors were sorted separately: keep each error with its molecule": (
        lambda n, e: _line(np.sort(n), np.sort(e))
    ),
    "this is a coefficient of a parabola: fit a straight line, of degree 1": (
        lambda n, e: float(np.polyfit(n, e, 2)[0])
    ),
    "this is the middle coefficient of a parabola: fit a straight line, of degree 1": (
        lambda n, e: float(np.polyfit(n, e, 2)[1])
    ),
    "each error was divided by its number of atoms before the fit: the slope is per atom already": (
        lambda n, e: _line(n, e / n)
    ),
    "the slope was multiplied by the mean number of atoms: leave it per atom": (
        lambda n, e: _line(n, e) * float(n.mean())
    ),
    "the slope was divided by the mean number of atoms: it is per atom already": (
        lambda n, e: _line(n, e) / float(n.mean())
    ),
}
_PER_ATOM: Parts = {
    "the slope is in eV per atom: 1 eV is 1,000 meV": lambda: 1.0,
    "the slope was divided by 1,000: a meV is the smaller unit, so its numbers are larger": (
        lambda: 1e-3
    ),
    "the factor of 1,000 is there twice": lambda: 1e6,
    "the factor was that of hartree: the errors come in eV, and 1 eV is 1,000 meV": lambda: _MEV,
}
_judge_growth = compared(
    _growth(),
    _sizes,
    alone_and_together(_growth, error=_SIGNS, fit=_FITS, factor=_PER_ATOM),
    rtol=1e-3,
    atol=1e-4,
)


def _named_slope(answer: Answer) -> str | None:
    """Judge the growth; of the results of scipy.stats.linregress, say which one is the slope."""
    if hasattr(answer(*(x.copy() for x in _sizes()[0].arguments)), "slope"):
        return "linregress returns several results, with names: take its .slope"
    return _judge_growth(answer)


# 7.7


def _predicted() -> list[Case]:
    homo = np.array([-0.2618, -0.2372, -0.3045, -0.2519])
    lumo = np.array([0.0813, -0.0231, 0.0456, -0.0312])
    same_way = np.array([0.0021, -0.0034, 0.0012, -0.0008])
    own = np.array([0.0004, 0.0011, -0.0019, 0.0026])
    return [
        Case(
            "errors that go the same way",
            (homo + same_way, lumo + 1.2 * same_way + 0.3 * own, homo, lumo),
        ),
        Case(
            "errors that have nothing to do with each other",
            (homo + own, lumo + same_way[::-1], homo, lumo),
        ),
        Case(
            "errors that go opposite ways",
            (homo[:3] + same_way[:3], lumo[:3] - own[:3] - same_way[:3], homo[:3], lumo[:3]),
        ),
    ]


def _of_gap(h: Any, low: Any, true_h: Any, true_l: Any) -> Any:
    return (low - h) - (true_l - true_h)


def _absolute(e: Any) -> Any:
    return np.abs(e).mean()


def _gap_error(residual: Part = _of_gap, mean: Part = _absolute) -> Answer:
    return lambda *labels: _MEV * mean(residual(*labels))


_DIFFERENCES: Parts = {
    "this is the error of homo alone: the gap has lumo, too": lambda h, u, H, U: h - H,
    "this is the error of lumo alone: the gap has homo, too": lambda h, u, H, U: u - U,
    "the errors of homo and lumo were added without their signs: in the gap they can cancel, so "
    "take the gaps first": lambda h, u, H, U: np.abs(h - H) + np.abs(u - U),
    "this is the mean of the two errors: the gap is a difference, and its error a different "
    "number": (lambda h, u, H, U: (np.abs(h - H) + np.abs(u - U)) / 2),
    "the errors of homo and lumo were added with their signs: the gap is lumo minus homo, so one "
    "is subtracted": lambda h, u, H, U: (h - H) + (u - U),
    "this is half of the sum of the errors, with their signs: the gap is lumo minus homo": (
        lambda h, u, H, U: ((h - H) + (u - U)) / 2
    ),
    "the errors were combined as the root of the sum of their squares, as if they had nothing to "
    "do with each other: take the gaps, and then their difference": (
        lambda h, u, H, U: np.hypot(h - H, u - U)
    ),
    "these are the predicted gaps: subtract the true ones": lambda h, u, H, U: u - h,
    "these are the true gaps: subtract them from the predicted ones": lambda h, u, H, U: U - H,
    "the predicted gap is homo minus lumo, and the true one lumo minus homo: take both as lumo "
    "minus homo": lambda h, u, H, U: (h - u) - (U - H),
    "this is the difference of the two absolute errors: take the gaps first, and one np.abs last": (
        lambda h, u, H, U: np.abs(u - U) - np.abs(h - H)
    ),
}
_GAP_MEANS: Parts = {
    "the errors keep their signs, so that they cancel between molecules: np.abs before the mean": (
        lambda e: e.mean()
    ),
    "np.abs came after the mean, where errors of opposite sign have cancelled: np.abs first": (
        lambda e: np.abs(e.mean())
    ),
    "this is the root of the mean square: the mean absolute error has np.abs": (
        lambda e: np.sqrt((e**2).mean())
    ),
    "this is a mean square: the mean absolute error has np.abs": lambda e: (e**2).mean(),
    "this is a standard deviation of the errors: the mean absolute error has np.abs": (
        lambda e: e.std()
    ),
    "this is the median: the exercise asks for the mean": lambda e: np.median(np.abs(e)),
    "this is the largest error: the exercise asks for the mean": lambda e: np.abs(e).max(),
    "this is the sum over the molecules: the exercise asks for the mean": lambda e: np.abs(e).sum(),
    "each molecule has its own error here: take their mean": np.abs,
    "the sum was divided by n - 1: the mean of n numbers has n": (
        lambda e: np.abs(e).sum() / (len(e) - 1)
    ),
}
_GAP_MISTAKES: dict[str, Answer] = {
    "the mean absolute errors of homo and lumo were subtracted: take the gaps of each molecule "
    "first": lambda h, u, H, U: _MEV * (_absolute(u - U) - _absolute(h - H)),
    "the mean absolute errors of homo and lumo were subtracted, in the order homo, lumo: take the "
    "gaps of each molecule first": lambda h, u, H, U: _MEV * (_absolute(h - H) - _absolute(u - U)),
    "this is the larger of the errors of homo and lumo: the gap has an error of its own": (
        lambda h, u, H, U: _MEV * max(_absolute(u - U), _absolute(h - H))
    ),
    "the two mean absolute errors were combined as the root of the sum of their squares, as if "
    "they had nothing to do with each other": (
        lambda h, u, H, U: _MEV * np.hypot(_absolute(u - U), _absolute(h - H))
    ),
    **alone_and_together(_gap_error, residual=_DIFFERENCES, mean=_GAP_MEANS),
}


# 7.8

_NOTHING = 1e-6  # of the largest singular value: less is zero, as the page says
_VISIBLE = 1e-4  # of the largest singular value: a change of an energy that is none


def _formulas() -> list[Case]:
    rng = np.random.RandomState(0)
    carbon, oxygen = rng.randint(2, 20, 30), rng.randint(0, 4, 30)
    composition = np.asarray(sample().composition[:10])
    return [
        Case(
            "CH₄, H₂O and NH₃ (columns H, C, N, O)",
            (np.array([[4, 1, 0, 0], [2, 0, 0, 1], [3, 0, 1, 0]]),),
        ),
        Case("C₂H₄, C₃H₆ and C₄H₈ (H, C)", (np.array([[4, 2], [6, 3], [8, 4]]),)),
        Case("CH₄, C₂H₆ and C₂H₄ (H, C)", (np.array([[4, 1], [6, 2], [4, 2]]),)),
        Case("C₂H₄, C₂H₂O and C₄H₆O (H, C, O)", (np.array([[4, 2, 0], [2, 2, 1], [6, 4, 1]]),)),
        Case(
            "30 molecules with two hydrogens for each carbon (H, C, O)",
            (np.stack([2 * carbon, carbon, oxygen], axis=1),),
        ),
        Case("C₁₈H₃₈, C₁₉H₄₀ and C₂₀H₄₂ (H, C)", (np.array([[38, 18], [40, 19], [42, 20]]),)),
        Case("ten molecules without fluorine (H, C, N, O, F)", (composition[:10].copy(),)),
        Case("CH₄, C₂H₂ and C₂H₆ (H, C, N, O, F)", (composition[[0, 3, 6]],)),
    ]


def _hidden(answer: Answer) -> str | None:
    cases = _formulas()
    results = [snapshot(answer(case.arguments[0].copy())) for case in cases]
    if all(found is None for found in results):
        return (
            "it returns None each time: is a `return` missing? For C₂H₄, C₃H₆ and C₄H₈ there is "
            "such a vector"
        )
    if remembers(answer, cases[0].arguments, results[0]):
        return REMEMBERS
    for case, found in zip(cases, results, strict=True):
        counts = case.arguments[0].astype(float)
        said = _of_one_set(counts, found)
        if said:
            return f"for {case.text} {said}"
    return None


def _of_one_set(counts: np.ndarray, found: object) -> str | None:
    """Return what is wrong with the answer for one set of molecules, or None."""
    molecules, elements = counts.shape
    values = np.linalg.svd(counts, compute_uv=False)
    rank = int((values > _NOTHING * values[0]).sum())
    if found is None:
        if rank == elements:
            return None
        if molecules < elements:
            return (
                f"it returns None: with {elements} elements and {molecules} molecules there is "
                "always such a vector. np.linalg.svd gives a row of Vᵀ for each element, but only "
                f"{molecules} singular values: a row without one counts as if its value were zero"
            )
        return (
            "it returns None, but there is such a vector. The smallest singular value is zero, but "
            "rounding may leave 1e-16 of it: compare it with a small part of the largest one"
        )
    numbers = as_numbers(found)
    if numbers is None or numbers.ndim == 0 or numbers.dtype == bool:
        return f"it returns {describe(found)}, expected a vector of length 1, or None"
    numbers = numbers.astype(float)
    if numbers.shape != (elements,):
        return _of_another_shape(counts, numbers)
    if not np.isfinite(numbers).all():
        return "the vector has numbers that are infinite or NaN: is it divided by its length, 0?"
    length = float(np.linalg.norm(numbers))
    if length < 1e-6:
        if rank == elements:
            return "it returns the zero vector: there is no other one, so return None"
        return (
            "it returns the zero vector, which changes nothing and says nothing: return one of "
            "length 1"
        )
    change = float(np.abs(counts @ (numbers / length)).max())
    if rank == elements:
        small = values[-1]
        return (
            f"there is no such vector: the smallest singular value is {small:.2g}, which is not "
            f"zero, and this vector changes an energy by {change:.2g}. Return None"
        )
    if change > _VISIBLE * values[0]:
        return _not_hidden(counts, numbers / length, change)
    if abs(length - 1) > 1e-3:
        return (
            f"the vector has the length {length:.4g}, and changes no energy: divide it by its "
            "length, so that it is 1"
        )
    return None


def _of_another_shape(counts: np.ndarray, numbers: np.ndarray) -> str:
    molecules, elements = counts.shape
    given = f"it returns an array of shape {numbers.shape}, expected ({elements},)"
    if numbers.size == elements:
        return f"{given}: give the vector one axis, .ravel() or [:, 0]"
    if numbers.shape == (molecules,):
        return (
            f"{given}: this has a number for each molecule, as the columns of U have; the rows of "
            "Vᵀ have one for each element"
        )
    if numbers.ndim == 2 and elements in numbers.shape:
        return f"{given}: are these several vectors? Return one of them"
    return given


def _not_hidden(counts: np.ndarray, vector: np.ndarray, change: float) -> str:
    """Return what a vector of length 1 is that changes energies although another does not."""

    def along(other: np.ndarray) -> bool:
        return np.allclose(np.abs(vector), np.abs(other), atol=1e-3)

    u, _, vt = np.linalg.svd(counts)
    said = f"counts @ c is not zero: an energy changes by {change:.2g}"
    if along(vt[0]):
        return (
            f"{said}. This is the singular vector of the largest value: that of the smallest comes "
            "last"
        )
    if u.shape == vt.shape and along(u[:, -1]):
        return (
            f"{said}. This is a left singular vector, a column of U: it mixes molecules. Take a "
            "row of Vᵀ"
        )
    if along(vt[:, -1]):
        return (
            f"{said}. This is a column of Vᵀ: np.linalg.svd returns the vectors as its rows, vt[-1]"
        )
    if along(vt[::-1, 0]):
        return f"{said}. np.linalg.eigh returns the vectors as columns: take vectors[:, 0]"
    if along(vt[:, 0]):
        return f"{said}. This is a column of Vᵀ, and the first: take a row, and the last, vt[-1]"
    if vector.min() >= 0 and np.allclose(vector, vector.max()):
        return (
            f"{said}. The same number for each element changes every molecule: some must be "
            "negative"
        )
    return said


EXERCISES = (
    Exercise(
        "7.1",
        "One gives, the other takes",
        "frontier",
        _plain_truth,
        (
            "An electron leaves the highest occupied orbital there is, and goes to the lowest "
            "unoccupied one there is. Does it matter on which molecules they are?",
            "The gap is min(the two lumos) - max(the two homos). The electron moves if one "
            "molecule has the higher homo and the other one the lower lumo.",
            "gap = min(one[1], other[1]) - max(one[0], other[0]); return gap, (one[0] > other[0]) "
            "!= (one[1] < other[1]).",
        ),
        "no rule makes the gap of the pair out of the two gaps: a readout for it needs both "
        "orbitals",
    ),
    Exercise(
        "7.2",
        "Charges that add up to zero",
        "neutral",
        compared(_neutral(), _charged, _NEUTRAL_MISTAKES, rtol=1e-3, atol=1e-5),
        (
            "charges[mask] are the charges of the real atoms. What do they add up to, and how many "
            "atoms share it?",
            "Subtract the mean of the real atoms. np.where(mask, a, b) chooses a for real atoms "
            "and b for padded ones.",
            "np.where(mask, charges - charges[mask].mean(), 0.0).",
        ),
        "with these charges a dipole does not depend on the origin, and nothing had to be learned "
        "for that",
        explain=_explain_mask,
    ),
    Exercise(
        "7.3",
        "How far a molecule reaches",
        "extent",
        compared(
            _extent(),
            _bodies,
            alone_and_together(_extent, centre=_CENTRES, form=_SECONDS, factor=_FACTORS),
            rtol=1e-3,
        ),
        (
            "The centre of mass is the sum of mass times position, divided by the sum of the "
            "masses. masses @ positions is that sum.",
            "The squared distance of an atom is the sum of the squares of x, y and z from the "
            "centre, axis 1. A factor for lengths enters a square twice.",
            "d = positions - masses @ positions / masses.sum(); return 1.889726**2 * (charges @ "
            "(d**2).sum(axis=1)).",
        ),
        "far atoms count most: twice as far is four times as much",
    ),
    Exercise(
        "7.4",
        "Attention as a readout",
        "pooled",
        _without_overflow(compared(_pooled(), _scored, _POOLED_MISTAKES, rtol=1e-3, atol=1e-5)),
        (
            "The weights are the exponentials of the scores, divided by their sum. A padded atom "
            "has the weight 0.",
            "Subtract the largest score of the real atoms from all scores: the weights stay the "
            "same, and no exponential is larger than 1.",
            "w = np.where(mask, np.exp(np.where(mask, scores - scores[mask].max(), 0)), 0); return "
            "np.sum(w * numbers) / np.sum(w).",
        ),
        "with equal scores this is the mean, and with one high score that atom's number: a network "
        "chooses by learning the scores",
        explain=_explain_mask,
    ),
    Exercise(
        "7.5",
        "One number for many labels",
        "joint_error",
        _or_missing,
        (
            "An error divided by the label's standard deviation has no unit: then errors of "
            "different labels can be averaged.",
            "np.nanmean(array, axis=0) is the mean over the molecules, and leaves NaN out. It "
            "gives a number for each label.",
            "np.nanmean(np.abs(predicted - truth) / scale, axis=0).mean().",
        ),
        "one number to train and to compare with: whoever reads it must know the scales that are "
        "in it",
        explain=_explain_scale,
    ),
    Exercise(
        "7.6",
        "Does the error grow with the molecule?",
        "growth",
        _named_slope,
        (
            "The number of atoms is x, the error is y. You look for the slope of a straight line "
            "that need not go through the origin.",
            "np.polyfit(x, y, 1) gives slope and intercept, in this order. 1 eV is 1,000 meV.",
            "return 1000 * np.polyfit(n_atoms, error, 1)[0].",
        ),
        "a slope that is not zero is the mark of a readout that does not obey the label's law",
    ),
    Exercise(
        "7.7",
        "The error of a difference",
        "gap_error",
        compared(_gap_error(), _predicted, _GAP_MISTAKES, unit="meV", rtol=1e-3),
        (
            "Each molecule has a predicted gap, lumo minus homo, and a true one. What is the mean "
            "of their absolute difference?",
            "Take the difference of the gaps for each molecule, then np.abs, then the mean, and "
            "last the unit.",
            "27211.386 * np.mean(np.abs((lumo - homo) - (true_lumo - true_homo))).",
        ),
        "errors that homo and lumo share cancel in the gap, and opposite ones add up: the mean "
        "errors of the two do not show which of these happens",
    ),
    Exercise(
        "7.8",
        "What no energy shows",
        "hidden",
        _hidden,
        (
            "You look for numbers c, one for each element, with counts @ c = 0: a vector of "
            "length 1 whose product with counts has the length 0. Which row of Vᵀ comes nearest "
            "to that?",
            "The length of counts @ (row i of Vᵀ) is singular value i. If the last one is zero, or "
            "if there are fewer values than elements, the last row is the answer.",
            "_, s, vt = np.linalg.svd(counts); return vt[-1] if len(s) < len(vt) or s[-1] < 1e-6 * "
            "s[0] else None.",
        ),
        "where such a vector exists, energies of atoms are not unique: two tables that differ a "
        "lot predict the same",
    ),
)
