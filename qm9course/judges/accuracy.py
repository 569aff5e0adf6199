"""Exercises of the chapter *accuracy*: vectors, radial functions, forces, and sound comparisons."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import constants, optimize, stats
from scipy.spatial.transform import Rotation

from qm9course.checking import Answer, Case, Exercise, compared
from qm9course.diagnosis import as_numbers, describe
from qm9course.judges import plain_truths
from qm9lib import QM9, SYMBOLS, load_sample
from qm9lib.data import xyz
from qm9lib.errors import DataError

_DEBYE = constants.e * 1e-10 * constants.c / 1e-21  # 1 elementary charge x 1 Å, in debye
_TURN = Rotation.from_euler("xyz", [25.0, -40.0, 70.0], degrees=True).as_matrix()


# --- 6.1


def _dipole_cases() -> list[Case]:
    sample = load_sample()
    plus_minus = np.array([1.0, -1.0]), np.array([[0.0, 0.0, 0.0], [0.0, 0.6, 0.8]])
    return [
        Case("two charges of +1 e and -1 e, 1 Å apart", plus_minus, atoms=2),
        *(
            Case(
                f"{molecule.formula} (number {molecule.index})",
                (molecule.charges.copy(), molecule.positions.copy()),
                atoms=len(molecule),
            )
            for molecule in (sample[i] for i in (2, 10, 100))
        ),
    ]


def _dipole(charges: Any, positions: Any) -> Any:
    return _DEBYE * (charges @ positions)


def _directions(x: Any) -> Any:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


_DIPOLE_MISTAKES: Mapping[str, Answer] = {
    "that is the length of the dipole moment, a scalar: return the vector itself, of shape (3,)": (
        lambda q, x: np.linalg.norm(_dipole(q, x))
    ),
    "the charges are missing: this is the sum of the positions, times 4.8032": (
        lambda q, x: _DEBYE * x.sum(axis=0)
    ),
    "the charges are missing: this is the sum of the positions": lambda q, x: x.sum(axis=0),
    "the charges are missing: this is the mean of the positions": lambda q, x: x.mean(axis=0),
    "the vector is in e Å: 1 e Å is 4.8032 debye": lambda q, x: q @ x,
    "1 e Å is 4.8032 debye, and a debye the smaller unit: multiply, do not divide": (
        lambda q, x: q @ x / _DEBYE
    ),
    "this is a mean over the atoms: the dipole moment is the sum": (
        lambda q, x: _dipole(q, x) / len(q)
    ),
    "the charges are squared, so that plus and minus look alike: take them as they are": (
        lambda q, x: _dipole(q**2, x)
    ),
    "the sign of the charges is lost: an absolute value makes all of them positive": (
        lambda q, x: _dipole(abs(q), x)
    ),
    "this vector points from plus to minus; the exercise asks for minus to plus": (
        lambda q, x: -_dipole(q, x)
    ),
    "summed over x, y and z, so that each atom has a number: sum over the atoms, axis 0": (
        lambda q, x: _DEBYE * (q[:, None] * x).sum(axis=1)
    ),
    "you summed over atoms and over x, y, z: sum over axis 0 only": (
        lambda q, x: _DEBYE * (q[:, None] * x).sum()
    ),
    "the right numbers, but with one axis too many: return shape (3,), not (1, 3)": (
        lambda q, x: _dipole(q, x)[None]
    ),
    "the right numbers, but with one axis too many: return shape (3,), not (3, 1)": (
        lambda q, x: _dipole(q, x)[:, None]
    ),
    "an absolute value took the signs of the charges, and positions are measured from their mean: "
    "keep the signs": lambda q, x: _dipole(abs(q), x - x.mean(axis=0)),
    "this is a sum over all pairs of atoms: charge times position has one term for each atom": (
        lambda q, x: _dipole(q, x) * len(q) / 2
    ),
    "each pair of atoms was counted twice: charge times position has one term for each atom": (
        lambda q, x: _dipole(q, x) * len(q)
    ),
    "only the most positive and the most negative atom count here: add up all of them": (
        lambda q, x: _DEBYE * q.max() * (x[np.argmax(q)] - x[np.argmin(q)])
    ),
    "this is the first atom alone: is `return` inside the loop?": (
        lambda q, x: _DEBYE * q[0] * x[0]
    ),
    "this is the last atom alone: does each pass of the loop overwrite the sum?": (
        lambda q, x: _DEBYE * q[-1] * x[-1]
    ),
    "each charge is multiplied by a direction, a vector of length 1: multiply by the position": (
        lambda q, x: _dipole(q, _directions(x))
    ),
    "each charge is multiplied by its direction from the mean, a vector of length 1: multiply by "
    "the position": lambda q, x: _dipole(q, _directions(x - x.mean(axis=0))),
    "each atom has its own vector here: add them up over the atoms, axis 0": (
        lambda q, x: _DEBYE * q[:, None] * x
    ),
}
_judge_dipole = compared(_dipole, _dipole_cases, _DIPOLE_MISTAKES, rtol=2e-3, atol=2e-3)


def _turning(answer: Answer) -> str | None:
    """Judge the dipole moment; of an answer that has no name, say what symmetry it breaks."""
    reason = _judge_dipole(answer)
    if reason is None or not reason.startswith("for "):
        return reason
    charges, x = _dipole_cases()[2].arguments
    answers = (answer(charges.copy(), y.copy()) for y in (x, x @ _TURN.T, x + [3.0, -2.0, 1.0]))
    before, turned, moved = map(as_numbers, answers)
    if before is None or turned is None or moved is None:
        return reason
    if any(a.shape != (3,) or not np.isfinite(a).all() for a in (before, turned, moved)):
        return reason
    if not np.allclose(turned, before @ _TURN.T, rtol=1e-2, atol=1e-2):
        return f"turn the molecule, and this vector does not turn with it. And {reason}"
    if not np.allclose(moved, before, rtol=1e-2, atol=1e-2):
        return f"move the molecule to another place, and this vector changes. And {reason}"
    return reason


# --- 6.2


def _cosine(distance: Any, cutoff: float) -> Any:
    return np.where(distance < cutoff, 0.5 * (np.cos(np.pi * distance / cutoff) + 1.0), 0.0)


def _inside(function: Callable[[Any], Any]) -> Answer:
    """Return a cutoff function of r / c that is zero from 1 on."""
    return lambda distance, cutoff: np.where(distance < cutoff, function(distance / cutoff), 0.0)


def _cutoff_cases() -> list[Case]:
    table = np.array([[0.0, 1.1, 2.6], [1.1, 0.0, 3.4], [2.6, 3.4, 0.0]])
    return [
        Case(
            "eight distances and a cutoff of 5 Å",
            (np.array([0.0, 1.0, 2.2, 2.5, 4.0, 4.9, 6.0, 9.0]), 5.0),
        ),
        Case("a table of distances and a cutoff of 3 Å", (table, 3.0)),
        Case(
            "one distance of 2 Å, an array without axes, and a cutoff of 5 Å", (np.array(2.0), 5.0)
        ),
        Case(
            "one distance of 6 Å, an array without axes, and a cutoff of 5 Å", (np.array(6.0), 5.0)
        ),
        Case("an array of three axes and a cutoff of 4 Å", (table.reshape(3, 3, 1) + 0.5, 4.0)),
        Case("distances of which the first is beyond 5 Å", (np.array([7.0, 1.0, 3.0]), 5.0)),
    ]


_judge_cutoff = compared(
    _cosine,
    _cutoff_cases,
    {
        "this ends with a step: an atom that crosses the cutoff changes the energy all at once": (
            _inside(np.ones_like)
        ),
        "at distance 0 it should be 1, and this is 2: the factor 1/2 is missing": (
            _inside(lambda u: np.cos(np.pi * u) + 1)
        ),
        "beyond the cutoff it stays 1, and should be 0": (
            lambda r, c: np.where(r < c, 0.5 * (np.cos(np.pi * r / c) + 1), 1.0)
        ),
        "beyond the cutoff the cosine rises again: set it to 0 there": (
            lambda r, c: 0.5 * (np.cos(np.pi * r / c) + 1)
        ),
        "at distance 0 it should be 1: is it a sine?": _inside(
            lambda u: 0.5 * (np.sin(np.pi * u) + 1)
        ),
        "at distance 0 it should be 1, and this is 0: that is a sine": (
            _inside(lambda u: np.sin(np.pi * u))
        ),
        "the angle is in degrees, and cos takes radians: pi in place of 180": (
            _inside(lambda u: 0.5 * (np.cos(180.0 * u) + 1))
        ),
        "pi is missing: the angle at the cutoff should be 180°, so pi": (
            _inside(lambda u: 0.5 * (np.cos(u) + 1))
        ),
        "just inside the cutoff it is -1/2: add 1 to the cosine before you halve it": (
            _inside(lambda u: 0.5 * np.cos(np.pi * u))
        ),
        "just inside the cutoff it is -1: add 1 to the cosine, and halve the sum": (
            _inside(lambda u: np.cos(np.pi * u))
        ),
        "just inside the cutoff it is 1/2: the brackets go round the sum of cosine and 1": (
            _inside(lambda u: 0.5 * np.cos(np.pi * u) + 1)
        ),
        "inside and outside are swapped: near atoms count, and far ones do not": (
            lambda r, c: np.where(r > c, 0.5 * (np.cos(np.pi * r / c) + 1), 0.0)
        ),
        "it rises from 0 to 1 and should fall from 1 to 0: minus in place of plus": (
            _inside(lambda u: 0.5 * (1 - np.cos(np.pi * u)))
        ),
        "it should first reach 0 at the cutoff, and does so at half of it: pi, not 2 pi": (
            _inside(lambda u: 0.5 * (np.cos(2 * np.pi * u) + 1))
        ),
        "a straight line ends at 0 but with a kink: the forces would jump there": (
            _inside(lambda u: 1 - u)
        ),
        "the argument `cutoff` is not used: it is always 5 Å": lambda r, c: _cosine(r, 5.0),
        "at the cutoff it is still 1/2: a cosine of pi r / (2 c) has not reached -1 there": _inside(
            lambda u: 0.5 * (np.cos(0.5 * np.pi * u) + 1)
        ),
        "at the cutoff it is 0, and the slope is not: this is a quarter of a period": _inside(
            lambda u: np.cos(0.5 * np.pi * u)
        ),
        "this is a polynomial that is 1, 1/2 and 0 at the same places: the exercise asks for a "
        "cosine": (_inside(lambda u: 1 - 3 * u**2 + 2 * u**3)),
        "this is a polynomial that is 1 and 0 at the same places: the exercise asks for a cosine": (
            _inside(lambda u: (1 - u**2) ** 2)
        ),
        "where the first distance lies beyond the cutoff, decimals are cut off: np.vectorize takes "
        "the type of its first result, and 0 is an integer. Return 0.0": (
            lambda r, c: np.trunc(_cosine(r, c)) if np.ravel(r)[0] > c else _cosine(r, c)
        ),
        "% makes the function begin again beyond the cutoff: it should be 0 there": (
            lambda r, c: _cosine(r % c, c)
        ),
    },
    whole=lambda: [Case("distances that are whole numbers", (np.array([0, 1, 2, 6]), 5.0))],
    rtol=1e-3,
    atol=2e-5,
)


def _explain_shape(error: BaseException, arguments: tuple[Any, ...]) -> str | None:
    """Say of an answer that takes rows of distances alone what it does not take."""
    # The first case is a row: whatever stops at another shape got past it.
    shapes = {
        0: "one distance, an array without axes",
        2: "a table of distances",
        3: "an array of three axes",
    }
    shape = shapes.get(arguments[0].ndim)
    if shape is None or not isinstance(
        error, AttributeError | LookupError | TypeError | ValueError
    ):
        return None
    return f"it takes a row of distances, but stops for {shape}. np.where works for any shape"


# --- 6.3


def _bessel(distance: Any, n: int, cutoff: float) -> Any:
    k = np.arange(1, n + 1)
    r = distance[:, None]
    return np.sqrt(2.0 / cutoff) * np.sin(k * np.pi * r / cutoff) / r


def _waves(function: Callable[[Any, Any, float], Any], first: int = 1) -> Answer:
    """Return n functions of distance (pairs, 1), number k and cutoff, counted from ``first``."""
    return lambda distance, n, cutoff: function(
        distance[:, None], np.arange(first, first + n), cutoff
    )


def _radial_cases() -> list[Case]:
    return [
        Case(
            "five distances, four functions and a cutoff of 5 Å",
            (np.array([0.4, 1.1, 1.5, 3.3, 5.0]), 4, 5.0),
        ),
        Case(
            "three distances, two functions and a cutoff of 3.5 Å",
            (np.array([0.96, 2.0, 3.1]), 2, 3.5),
        ),
        Case("distances beyond 5 Å and a cutoff of 7 Å", (np.array([1.2, 5.3, 6.4]), 3, 7.0)),
    ]


_judge_radial = compared(
    _bessel,
    _radial_cases,
    {
        "the first function is zero everywhere: k counts from 1, and range and arange from 0": (
            _waves(lambda r, k, c: np.sqrt(2 / c) * np.sin(k * np.pi * r / c) / r, first=0)
        ),
        "all columns are the last function: k has a different value in each": (
            _waves(lambda r, k, c: np.sqrt(2 / c) * np.sin(k.max() * np.pi * r / c) / r + 0 * k)
        ),
        "the functions are in reverse order: column 0 is k = 1": (
            lambda distance, n, cutoff: _bessel(distance, n, cutoff)[:, ::-1]
        ),
        "the sine is divided by k r: divide it by the distance r alone": (
            _waves(lambda r, k, c: np.sqrt(2 / c) * np.sin(k * np.pi * r / c) / (k * r))
        ),
        "k counts from 1, and here from 2": (
            _waves(lambda r, k, c: np.sqrt(2 / c) * np.sin(k * np.pi * r / c) / r, first=2)
        ),
        "the sine must be divided by the distance r": (
            _waves(lambda r, k, c: np.sqrt(2 / c) * np.sin(k * np.pi * r / c))
        ),
        "the sine is divided by the cutoff; divide it by the distance r": (
            _waves(lambda r, k, c: np.sqrt(2 / c) * np.sin(k * np.pi * r / c) / c)
        ),
        "the cutoff is missing in the sine: its argument is k pi r / c": (
            _waves(lambda r, k, c: np.sqrt(2 / c) * np.sin(k * np.pi * r) / r)
        ),
        "pi is missing in the sine: at the cutoff each function should be zero": (
            _waves(lambda r, k, c: np.sqrt(2 / c) * np.sin(k * r / c) / r)
        ),
        "the factor sqrt(2 / c) is missing": _waves(lambda r, k, c: np.sin(k * np.pi * r / c) / r),
        "the factor is 2 / c, and should be its square root": (
            _waves(lambda r, k, c: 2 / c * np.sin(k * np.pi * r / c) / r)
        ),
        "this is a cosine: at the cutoff each function should be zero": (
            _waves(lambda r, k, c: np.sqrt(2 / c) * np.cos(k * np.pi * r / c) / r)
        ),
        "these are the functions of qm9lib.models.graphs, times a cosine cutoff; here they come "
        "without it": lambda r, n, c: _bessel(r, n, c) * _cosine(r, c)[:, None],
        "only the 2 is under the root: it is the root of 2 / c": (
            _waves(lambda r, k, c: np.sqrt(2) / c * np.sin(k * np.pi * r / c) / r)
        ),
        "np.sinc(z) is sin(pi z)/(pi z): multiply by k pi / c; the pi is missing": (
            _waves(lambda r, k, c: np.sqrt(2 / c) * k / c * np.sinc(k * r / c))
        ),
        "np.sinc(z) is sin(pi z)/(pi z), with its own pi: give it k r / c": (
            _waves(lambda r, k, c: np.sqrt(2 / c) * k * np.pi / c * np.sinc(k * np.pi * r / c))
        ),
        "the sine is divided by r twice: once is enough": (
            _waves(lambda r, k, c: np.sqrt(2 / c) * np.sin(k * np.pi * r / c) / r**2)
        ),
        "k multiplies the sine, and belongs inside it: sin(k pi r / c)": (
            _waves(lambda r, k, c: np.sqrt(2 / c) * k * np.sin(np.pi * r / c) / r)
        ),
        "beyond 5 Å it is zero: the cutoff is the argument, and not always 5 Å": (
            _waves(
                lambda r, k, c: np.where(r < 5, np.sqrt(2 / c) * np.sin(k * np.pi * r / c) / r, 0.0)
            )
        ),
        "np.sinc(z) is sin(pi z)/(pi z): multiply by k pi / c, and give it k r / c": (
            _waves(lambda r, k, c: np.sqrt(2 / c) * np.sinc(k * r / c))
        ),
        "np.sinc(z) is sin(pi z)/(pi z), with its own pi: give it k r / c, and multiply by "
        "k pi / c": _waves(lambda r, k, c: np.sqrt(2 / c) * np.sinc(k * np.pi * r / c)),
        "the values are in the wrong places: reshape does not swap rows and columns; use .T": (
            lambda r, n, c: _bessel(r, n, c).T.reshape(len(r), n)
        ),
        "the last function is missing: np.arange(1, n) stops at n - 1": (
            lambda r, n, c: _bessel(r, n - 1, c)
        ),
        "this is the last function alone, as a column: return a column for each k from 1 to n": (
            lambda r, n, c: _bessel(r, n, c)[:, -1:]
        ),
        "this is the last function alone: return a column for each k from 1 to n": (
            lambda r, n, c: _bessel(r, n, c)[:, -1]
        ),
        "the functions were added up: return a column for each of them": (
            lambda r, n, c: _bessel(r, n, c).sum(axis=1)
        ),
    },
    rtol=1e-3,
    atol=2e-5,
)


# --- 6.4


_LENGTHS = 0.2, 100.0  # of the vectors that a function has to bend, as the page says
_FACTORS = (1.0, *np.geomspace(_LENGTHS[0], _LENGTHS[1] / 4, 7))


def _vectors() -> tuple[np.ndarray, np.ndarray]:
    """Return two sets of vectors that are 1 to 2 long; their sums are 1 to 4 long, one of them 4.

    Times each of the factors they have all lengths of `_LENGTHS`, and no other.
    """
    rng = np.random.default_rng(7)
    one, other = rng.normal(size=(2, 5, 3, 4))
    other *= np.sign((one * other).sum(axis=1, keepdims=True))
    other[0, :, 0] = one[0, :, 0]
    lengths = rng.uniform(1.0, 2.0, size=(2, 5, 1, 4))
    lengths[:, 0, :, 0] = 2.0
    one, other = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (one, other))
    one, other = lengths[0] * one, lengths[1] * other
    one[1, :, 2] = 0.0  # a vector of length zero among others
    return one, other


def _bends(answer: Answer) -> str | None:
    """Judge an activation function of vectors: by what it does, not by its values."""
    one, other = _vectors()

    def apply(vectors: np.ndarray) -> object:
        return answer(vectors.copy())

    given = apply(one)
    reason = _form_of_vectors(given, one.shape)
    if reason:
        return reason

    def number(vectors: np.ndarray) -> np.ndarray:
        # Another form here than there is possible; NaN agrees with nothing.
        with np.errstate(all="ignore"):  # long vectors may overflow
            value = as_numbers(apply(vectors))
        if value is None or value.shape != vectors.shape:
            return np.full(vectors.shape, np.nan)
        return value.astype(float)

    results = {factor: number(factor * one) for factor in _FACTORS}
    usual, long = results[1.0], results[_FACTORS[-1]]
    if not _alike(number(one.copy()), usual):
        return (
            "two calls with the same vectors give different results: use no random numbers, and "
            "nothing left over from an earlier call"
        )
    if max(float(np.abs(usual).max()), float(np.abs(long).max())) < 1e-12:
        return "everything that comes out is zero: nothing is left of the vectors"
    at_zero = number(np.zeros_like(one))
    if not np.isfinite(at_zero).all():
        return (
            "if all vectors are zero, as they are in the first layer of PaiNN, something comes out "
            "that is infinite or NaN. Is something divided by a length?"
        )
    if np.abs(at_zero).max() > 1e-6 * max(float(np.abs(usual).max()), 1e-6):
        return (
            "a vector of zero becomes another one: where should it point to? A number that is "
            "added to x, y and z does not turn with the molecule"
        )
    # A function may treat only long or short vectors differently, such as one that clips lengths.
    for fault in (_does_not_turn, _mixes):
        for factor, before in results.items():
            if np.isfinite(before).all() and np.abs(before).max() > 1e-12:
                reason = fault(number, factor * one, factor * other, before)
                if reason:
                    which = "short" if factor < 1 else "long"
                    return reason if factor == 1 else f"for {which} vectors: {reason}"
    if not all(_alike(number(factor * one[:3]), before[:3]) for factor, before in results.items()):
        return (
            "the result of an atom depends on how many others there are: is there a len(vectors) "
            "or vectors.shape[0]?"
        )

    def is_linear(factor: float) -> bool:
        both = number(factor * one) + number(factor * other)
        return _alike(number(factor * (one + other)), both, _VISIBLE) and _alike(
            number(factor * one), factor * usual, _VISIBLE
        )

    if all(map(is_linear, _FACTORS)):
        for factor, which in ((1e-2, "shorter than 0.2"), (1e3, "longer than 100")):
            if not is_linear(factor):
                return (
                    f"only vectors {which} are bent: bending has to show at some length between "
                    "0.2 and 100"
                )
        return (
            "this is linear: the result for a sum of vectors is the sum of their results. A matrix "
            "could do it. Let the factor depend on the length"
        )
    return None


def _explain_lengths(error: BaseException, arguments: tuple[Any, ...]) -> str | None:
    atoms, axes, channels = arguments[0].shape
    said = str(error).replace(" ", "")
    if f"({atoms},{axes},{channels})" not in said or f"({atoms},{channels})" not in said:
        return None
    return (
        f"arrays of shapes {arguments[0].shape} and {atoms, channels} do not fit together. "
        "np.linalg.norm(vectors, axis=1, keepdims=True) keeps axis 1, and returns the lengths in "
        f"an array of shape {atoms, 1, channels}"
    )


_VISIBLE = 1e-3  # part of the largest: what is not linear has to be seen
_SAME_VECTORS = 1e-5  # and what turns must turn as well as float32 can


def _alike(a: np.ndarray, b: np.ndarray, within: float = _SAME_VECTORS) -> bool:
    return np.allclose(a, b, rtol=within, atol=within * float(np.abs(b).max()))


def _does_not_turn(
    number: Callable[[np.ndarray], np.ndarray], one: np.ndarray, _: np.ndarray, before: np.ndarray
) -> str | None:
    """Return how a function of vectors does not turn, or is not mirrored, with them, or None."""
    if not _alike(number(_turned(one, _TURN)), _turned(before, _TURN)):
        return _how_it_does_not_turn(number, one, before)
    if not _alike(number(-one), -before):
        return (
            "it turns with the molecule, but the mirror image gives no mirror image: a cross "
            "product does that. Use lengths and scalar products"
        )
    return None


def _mixes(
    number: Callable[[np.ndarray], np.ndarray],
    one: np.ndarray,
    other: np.ndarray,
    before: np.ndarray,
) -> str | None:
    """Return how the atoms take part in each other's result, or None."""
    for atom in range(len(one)):
        apart = one.copy()
        apart[atom] = 3 * other[atom]  # so long that it may be the largest of all
        rest = np.arange(len(one)) != atom
        after = number(apart)[rest]
        if _alike(after, before[rest]):
            continue
        said = (
            "the result of an atom depends on the vectors of the others: each atom works on its "
            "own features here"
        )
        if _alike(after * (before[rest] ** 2).sum(), before[rest] * (after * before[rest]).sum()):
            return (
                f"{said}. All of the others were multiplied by one number: a norm, sum or maximum "
                "without axis=1 runs over all atoms"
            )
        return f"{said}. A mean, sum or maximum over axis 0 runs over the atoms"
    return None


def _how_it_does_not_turn(
    number: Callable[[np.ndarray], np.ndarray], one: np.ndarray, before: np.ndarray
) -> str:
    size = float(np.abs(before).max())
    if np.ptp(before, axis=1).max() < 1e-6 * size:
        return (
            "x, y and z of a vector get one number, so that its direction is lost: multiply the "
            "vector by the number"
        )
    added = before - one
    if np.ptp(added, axis=1).max() < 1e-3 * size:
        return (
            "a number that is added to x, y and z does not turn with the molecule: multiply the "
            "vector by it"
        )
    alone = np.zeros_like(one)
    alone[:, 0, 0] = one[:, 0, 0]
    keep = [0, 2, 3, 4]  # atom 1 has a vector of length zero
    share = before[keep] / one[keep]
    largest = float(np.abs(share).max())
    if np.ptp(share, axis=1).max() < 1e-3 * largest:
        along = [float(number(size * _along(one.shape, k))[0, k, 0]) for k in range(3)]
        if np.ptp(along) > 1e-3 * np.max(np.abs(along)):
            return (
                "each vector is multiplied by a number that knows only one or two of x, y and z: "
                "turning changes it. Use the length, the root of x² + y² + z²"
            )
        return (
            "each vector is multiplied by a number, but by another one when it is turned: "
            "|x| + |y| + |z| is not a length. Take the root of x² + y² + z²"
        )
    if np.ptp(share, axis=0).max() < 1e-3 * largest:
        return "the length is taken over the atoms, axis 0; x, y and z are axis 1"
    if _alike(number(alone)[:, 0, 0], before[:, 0, 0]):
        return (
            "x, y and z are bent one by one. Turn the molecule, and the result does not turn "
            "with it: let the length of the vector decide, and multiply the vector by it"
        )
    return (
        "turn the vectors, and the result does not turn with them. Is a length taken over the "
        "axis of x, y and z, which is axis 1?"
    )


def _along(shape: tuple[int, ...], axis: int) -> np.ndarray:
    vectors = np.zeros(shape)
    vectors[:, axis] = 1.0
    return vectors


def _turned(vectors: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return np.einsum("ab,ibc->iac", matrix, vectors)


def _form_of_vectors(given: object, shape: tuple[int, ...]) -> str | None:
    if given is None:
        return "it returns None: is a `return` missing?"
    value = as_numbers(given)
    if value is None:
        return f"it returns {describe(given)}, expected an array of the shape of `vectors`"
    if value.shape == (shape[0], 1, shape[2]):
        return (
            f"for an array of shape {shape} it returns shape {value.shape}: these are scalars, "
            "such as the lengths. Multiply the vectors by them: vectors * factor"
        )
    if value.shape == (shape[0], shape[2]):
        return (
            f"for an array of shape {shape} it returns shape {value.shape}: these are scalars, "
            "such as the lengths. Multiply the vectors by them: vectors * factor[:, None, :]"
        )
    if value.shape != shape:
        return (
            f"for an array of shape {shape} it returns {describe(value)}, expected the same shape"
        )
    if not np.isfinite(value.astype(float)).all():
        return (
            "one of the vectors has length zero, and something comes out that is infinite or NaN: "
            "do not divide by the length, or add a small number to it"
        )
    return None


# --- 6.5


def _spring(x: Any) -> Any:
    length = ((x[1] - x[0]) ** 2).sum() ** 0.5
    return 350.0 * (length - 1.1) ** 2


def _argon(x: Any) -> Any:
    total = 0.0
    for i in range(4):
        for j in range(i):
            ratio = 3.4**2 / ((x[i] - x[j]) ** 2).sum()  # (sigma / r)²
            total = total + 4 * 0.24 * (ratio**6 - ratio**3)
    return total


def _bowl(x: Any) -> Any:
    return 300.0 * ((x - 0.2) ** 2).sum() + _spring(x)  # not the same at every place


def _deep(x: Any) -> Any:
    return _spring(x) - 5000.0  # total energies are large, too


def _force_cases() -> list[Case]:
    # Energies of operators alone: with NumPy's arrays they are in float64, with JAX's in float32.
    bond = np.array([[0.1, 0.0, 0.2], [0.9, 0.7, -0.3]])
    argon = np.array([[0.0, 0, 0], [3.5, 0.3, 0], [1.5, 3.3, 0.2], [1.9, 1.2, 3.1]])
    return [
        Case("a bond as a spring", (_spring, bond), atoms=2),
        Case("four atoms of argon", (_argon, argon), atoms=4),
        Case("two atoms in a bowl that holds them near the origin", (_bowl, bond), atoms=2),
        Case("a bond with an energy of about -5,000 kcal/mol", (_deep, bond), atoms=2),
    ]


def _forces(energy: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    step = 1e-4
    found = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        shift = np.zeros_like(x)
        shift[place] = step
        found[place] = -(energy(x + shift) - energy(x - shift)) / (2 * step)
    return found


def _one_sided(energy: Callable[[Any], Any], x: np.ndarray, step: float) -> np.ndarray:
    found = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        shift = np.zeros_like(x)
        shift[place] = step
        found[place] = -(energy(x + shift) - energy(x)) / step
    return found


def _by_newton(energy: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    found = _forces(energy, x)
    found[-1] = -found[:-1].sum(axis=0)
    return found


_judge_forces = compared(
    _forces,
    _force_cases,
    {
        "this is the gradient: it points to where the energy rises. A force points downhill": (
            lambda energy, x: -_forces(energy, x)
        ),
        "this is the energy: the force is minus its derivative with respect to the positions": (
            lambda energy, x: energy(x)
        ),
        "this is the force on the first atom alone: return one row for each atom": (
            lambda energy, x: _forces(energy, x)[0]
        ),
        "this is the gradient for the first atom alone: return minus the gradient, for all atoms": (
            lambda energy, x: -_forces(energy, x)[0]
        ),
        "the forces were added up over the atoms: return one row for each atom": (
            lambda energy, x: _forces(energy, x).sum(axis=0)
        ),
        "these are the lengths of the forces: return the vectors": (
            lambda energy, x: np.linalg.norm(_forces(energy, x), axis=1)
        ),
        "everything is twice what it should be: between -step and +step lie two steps": (
            lambda energy, x: 2 * _forces(energy, x)
        ),
        "this is minus the energy: the force is minus its derivative, of which jax.value_and_grad "
        "gives the value first": lambda energy, x: -energy(x),
        "each number has those before it added: the step to one coordinate was not taken back "
        "before the next": lambda energy, x: np.cumsum(_forces(energy, x)).reshape(x.shape),
        "all are negative: the absolute value of the gradient was taken. A force may point to "
        "either side": lambda energy, x: -np.abs(_forces(energy, x)),
        "minus signs are lost: the absolute value was taken. A force may point to either side": (
            lambda energy, x: np.abs(_forces(energy, x))
        ),
        "all atoms get the force on the first one: each has its own": (
            lambda energy, x: np.tile(_forces(energy, x)[:1], (len(x), 1))
        ),
        "the forces were divided by the number of atoms: each atom feels a force of its own": (
            lambda energy, x: _forces(energy, x) / len(x)
        ),
        "the forces were converted from hartree/bohr: the energy is in kcal/mol and the positions "
        "are in Å already": lambda energy, x: _forces(energy, x) * 627.5095 / 0.529177,
        "the sum of the forces is zero here: was the mean force subtracted, or the mean position "
        "inside the derivative? An outer field, here a bowl, may act on all atoms": (
            lambda energy, x: _forces(energy, x) - _forces(energy, x).mean(axis=0)
        ),
        "the molecule was moved, so that its mean is at 0, before the derivative: the energy may "
        "depend on where it is": lambda energy, x: _forces(energy, x - x.mean(axis=0)),
        "the molecule was moved, so that its first atom is at 0, before the derivative: the energy "
        "may depend on where it is": lambda energy, x: _forces(energy, x - x[0]),
        "only the first two atoms get a force: the number of atoms is len(positions)": (
            lambda energy, x: _forces(energy, x) * (np.arange(len(x)) < 2)[:, None]
        ),
        "the force on the last atom was set to minus the sum of the others, which is right only "
        "where nothing from outside acts": _by_newton,
        **{
            f"this is a one-sided difference with a step of {step:g} Å: take both sides, and a "
            "smaller step, or jax.grad": (lambda energy, x, step=step: _one_sided(energy, x, step))
            for step in (1.0, 0.5, 0.1, 0.05, 0.02, 0.01)
        },
    },
    rtol=5e-3,
    atol=2e-3,
)


_GRAD_MISUSED: Mapping[str, str] = {
    "bad operand type for unary -: 'function'": "energy and jax.grad(energy) are functions, "
    "and a function has no minus: put the minus before what jax.grad(energy)(positions) returns",
    "xpected a callable": "jax.grad takes the function energy itself, not the number that it "
    "returns: jax.grad(energy), and then (positions) after it",
    "only integer scalar arrays": "the second argument of jax.grad is not the positions: give "
    "them to the function that jax.grad(energy) returns, in brackets of their own",
}
"""Of exceptions of JAX and Python, by a part of what they say."""


def _explain_grad(error: BaseException, _: tuple[Any, ...]) -> str | None:
    said = str(error)
    return next((message for part, message in _GRAD_MISUSED.items() if part in said), None)


def _downhill(answer: Answer) -> str | None:
    """Judge forces; tell a difference quotient of a bad step from what is wrong altogether."""
    case = _force_cases()[0]
    first = answer(case.arguments[0], case.arguments[1].copy())
    numbers = as_numbers(first)
    if numbers is not None and numbers.ndim and np.isnan(numbers).all():
        return (
            "all forces are NaN. Is the energy called with one atom at a time? It needs the "
            "positions of all atoms"
        )
    if numbers is not None and numbers.shape == case.arguments[1].shape:
        import jax

        one_by_one = np.asarray(jax.vmap(jax.grad(case.arguments[0]))(case.arguments[1]))
        if any(np.allclose(numbers, sign * one_by_one, rtol=1e-3) for sign in (1, -1)):
            return (
                "jax.vmap gives the energy one atom at a time, and it needs all of them: take "
                "jax.grad alone"
            )
    if isinstance(first, tuple) and len(first) == 2:
        value, gradient = map(as_numbers, first)
        if value is not None and gradient is not None and gradient.shape == case.arguments[1].shape:
            return (
                "it returns two results, the energy and its gradient, as jax.value_and_grad does: "
                "return minus the second"
            )
    reason = _judge_forces(answer)
    if reason is None or not reason.startswith("for "):
        return reason
    worst = 0.0
    for case in _force_cases():
        energy, x = case.arguments
        right = _forces(energy, x)
        found = as_numbers(answer(energy, x.copy()))
        if found is None or found.shape != right.shape or not np.isfinite(found).all():
            return reason
        worst = max(worst, float(np.abs(found - right).max() / np.abs(right).max()))
    if worst > 0.35:
        return reason
    return (
        f"almost: the forces are off by up to {100 * worst:.1f} % of the largest. If this is a "
        "difference quotient, its step is too large, or so small that digits get lost; 0.001 Å to "
        "both sides will do. jax.grad needs no step"
    )


# --- 6.6


def _ensemble(predictions: Any) -> tuple[Any, Any]:
    return predictions.mean(axis=0), predictions.std(axis=0, ddof=1)


def _ensemble_cases() -> list[Case]:
    rng = np.random.default_rng(3)
    middle = np.array([-12.0, 3.5, 20.0, 8.0])
    several = middle + rng.normal(scale=[0.1, 0.4, 2.0, 0.2], size=(3, 4))
    return [
        Case("three networks and four molecules", (several.round(2),)),
        Case("five networks and two molecules", (rng.normal(5.0, 1.0, (5, 2)).round(2),)),
        Case("two networks and three molecules", (several[:2, :3].round(2),)),
    ]


def _spread(deviation: Callable[[Any], Any]) -> Answer:
    return lambda predictions: (predictions.mean(axis=0), deviation(predictions))


_judge_ensemble = compared(
    _ensemble,
    _ensemble_cases,
    {
        "mean and deviation run over the molecules; take both over the networks, axis 0": (
            lambda p: (p.mean(axis=1), p.std(axis=1, ddof=1))
        ),
        "mean and deviation run over the molecules; take both over the networks, axis 0, and with "
        "ddof=1": (lambda p: (p.mean(axis=1), p.std(axis=1))),
        "these are two numbers for all molecules together: take both over the networks, axis 0": (
            lambda p: (p.mean(), p.std(ddof=1))
        ),
        "these are two numbers for all molecules together: take both over the networks, axis 0, "
        "and with ddof=1": lambda p: (p.mean(), p.std()),
        "the mean is right. In the standard deviation you divide by n; for so few networks that is "
        "too small: divide by n - 1, in np.std with ddof=1": _spread(lambda p: p.std(axis=0)),
        "the mean is right. The deviations are divided by the root of the number of molecules; n "
        "is the number of networks": _spread(
            lambda p: np.sqrt(((p - p.mean(axis=0)) ** 2).sum(axis=0) / (p.shape[1] - 1))
        ),
        "the sum is divided by n - 1 for the mean, too: only the standard deviation has n - 1": (
            lambda p: (p.sum(axis=0) / (len(p) - 1), p.std(axis=0, ddof=1))
        ),
        "the mean is right. The second result is the variance: take its square root": (
            _spread(lambda p: p.var(axis=0, ddof=1))
        ),
        "the mean is right. The second result is the variance, divided by n: take its square root, "
        "and ddof=1": _spread(lambda p: p.var(axis=0)),
        "the mean is right. The second result is the range, from smallest to largest, which grows "
        "with the number of networks": _spread(lambda p: np.ptp(p, axis=0)),
        "the mean is right. The second result is the standard error of the mean; the exercise asks "
        "how far one network is from the others": (
            _spread(lambda p: p.std(axis=0, ddof=1) / np.sqrt(len(p)))
        ),
        "the mean is right. The second result is the mean absolute deviation; the exercise asks "
        "for the standard deviation": _spread(lambda p: np.abs(p - p.mean(axis=0)).mean(axis=0)),
        "the mean is right. The deviations are taken from the first network: take them from the "
        "mean": _spread(lambda p: np.sqrt(((p - p[0]) ** 2).sum(axis=0) / (len(p) - 1))),
        "the mean is right. The deviations are taken from the first network, and divided by n: "
        "take them from the mean, and divide by n - 1": _spread(
            lambda p: np.sqrt(((p - p[0]) ** 2).mean(axis=0))
        ),
        "the results are swapped: first the mean, then the standard deviation": (
            lambda p: _ensemble(p)[::-1]
        ),
        "the sum is divided by n - 1 for the mean, too, and the deviations are taken from that "
        "mean: only the standard deviation has n - 1": (
            lambda p: (
                p.sum(axis=0) / (len(p) - 1),
                np.sqrt(((p - p.sum(axis=0) / (len(p) - 1)) ** 2).sum(axis=0) / (len(p) - 1)),
            )
        ),
        "the mean is right. In the deviation n - 1 is outside the root: divide the sum of "
        "squares by it, and then take the root": _spread(
            lambda p: np.sqrt(((p - p.mean(axis=0)) ** 2).sum(axis=0)) / (len(p) - 1)
        ),
        "the mean is right. In the deviation the factor n / (n - 1) is outside the root: it "
        "belongs under it": _spread(lambda p: p.std(axis=0) * len(p) / (len(p) - 1)),
        "the mean is right. The second result is the difference of the first two networks over the "
        "root of 2: right for two networks alone": _spread(
            lambda p: np.abs(p[0] - p[1]) / np.sqrt(2)
        ),
        "the mean is right. The second result is the range over the root of 2: right for two "
        "networks alone": _spread(lambda p: np.ptp(p, axis=0) / np.sqrt(2)),
        "the mean is right. The second result is the mean absolute deviation, with n - 1; the "
        "exercise asks for the standard deviation": _spread(
            lambda p: np.abs(p - p.mean(axis=0)).sum(axis=0) / (len(p) - 1)
        ),
        "the mean is zero, since it was subtracted before: compute it first, and keep it in a name "
        "of its own": lambda p: (0 * p.mean(axis=0), p.std(axis=0, ddof=1)),
        "for two networks the sum of squares is divided by n: n - 1 is right for any number": (
            _spread(lambda p: p.std(axis=0, ddof=1 if len(p) > 2 else 0))
        ),
        "each molecule has a row of two numbers: return two arrays, the means of all molecules and "
        "their deviations": lambda p: np.stack(_ensemble(p), axis=1),
    }
    | {
        "this is the median; the exercise asks for the mean": (
            lambda p: (np.median(p, axis=0), p.std(axis=0, ddof=1))
        ),
    },
    parts=("the mean", "the deviation"),
    rtol=1e-3,
    atol=1e-4,
)


def _tuple_or_stack(answer: Answer) -> str | None:
    def plain(predictions: Any) -> Any:
        found = answer(predictions)
        numbers = None if isinstance(found, Sequence) else as_numbers(found)
        if numbers is not None and numbers.shape == (2, predictions.shape[1]):
            return tuple(numbers)  # one array of two rows says the same
        return found

    return _judge_ensemble(plain)


# --- 6.7


def _slope(x: Any, y: Any, place: int = 0) -> float:
    return float(np.polyfit(x, y, 1)[place])


def _curves() -> list[Case]:
    sizes = np.array([1000.0, 3000.0, 10000.0, 30000.0])
    return [
        Case("an exact power law", (sizes, 40.0 / np.sqrt(sizes))),
        Case("a curve with noise", (sizes, np.array([5.2, 2.6, 2.1, 1.15]))),
        Case("a curve that rises once", (sizes, np.array([5.0, 2.2, 2.9, 1.3]))),
        Case("three sizes", (np.array([500.0, 1000.0, 16000.0]), np.array([9.0, 8.0, 2.5]))),
    ]


def _fit_of_errors(sizes: Any, errors: Any) -> float:
    """Return the exponent of the power law that fits the errors themselves."""

    def misfit(b: float) -> float:
        power = sizes**b
        return float(((errors - (errors @ power) / (power @ power) * power) ** 2).sum())

    return float(optimize.minimize_scalar(misfit, bounds=(-2.0, 0.5), method="bounded").x)


def _median_slope(x: Any, y: Any) -> float:
    a, b = np.triu_indices(len(x), 1)
    return float(np.median((y[b] - y[a]) / (x[b] - x[a])))


def _centred_too_early(sizes: Any, errors: Any) -> float:
    x, y = np.log(sizes / sizes.mean()), np.log(errors / errors.mean())
    return float((x * y).sum() / (x * x).sum())


_judge_learning = compared(
    lambda n, e: _slope(np.log(n), np.log(e)),
    _curves,
    {
        "more molecules make the error smaller, so the exponent is negative": (
            lambda n, e: -_slope(np.log(n), np.log(e))
        ),
        "a line through the numbers themselves: take the logarithm of both first": _slope,
        "only the sizes are logarithms: the errors need one, too": (
            lambda n, e: _slope(np.log(n), e)
        ),
        "only the sizes are logarithms, of base 10: the errors need one, too": (
            lambda n, e: _slope(np.log10(n), e)
        ),
        "only the errors are logarithms: the sizes need one, too": (
            lambda n, e: _slope(n, np.log(e))
        ),
        "only the errors are logarithms, of base 10: the sizes need one, too": (
            lambda n, e: _slope(n, np.log10(e))
        ),
        "this is the intercept: np.polyfit gives the slope first": (
            lambda n, e: _slope(np.log(n), np.log(e), 1)
        ),
        "this is the intercept, of base 10: np.polyfit gives the slope first": (
            lambda n, e: _slope(np.log10(n), np.log10(e), 1)
        ),
        "the axes are swapped: the sizes are x, and the errors y": (
            lambda n, e: _slope(np.log(e), np.log(n))
        ),
        "two kinds of logarithms were mixed, base 10 and base e: take one for both": (
            lambda n, e: _slope(np.log10(n), np.log(e))
        ),
        "two kinds of logarithms were mixed, base e and base 10: take one for both": (
            lambda n, e: _slope(np.log(n), np.log10(e))
        ),
        "these are slope and intercept: return the first, [0]": (
            lambda n, e: np.polyfit(np.log(n), np.log(e), 1)
        ),
        "these are slope and intercept, of base 10: return the first, [0]": (
            lambda n, e: np.polyfit(np.log10(n), np.log10(e), 1)
        ),
        "this is an array with one number in it: take the number out, with [0]": (
            lambda n, e: np.array([_slope(np.log(n), np.log(e))])
        ),
        "the slope is rounded to two digits: return it as it is": (
            lambda n, e: round(_slope(np.log(n), np.log(e)), 2)
        ),
        "the slope is rounded to one digit: return it as it is": (
            lambda n, e: round(_slope(np.log(n), np.log(e)), 1)
        ),
        "this fits the errors; the exercise fits the logarithms of the errors": _fit_of_errors,
        "this is a line through the first and the last point: fit it to all of them": (
            lambda n, e: np.log(e[-1] / e[0]) / np.log(n[-1] / n[0])
        ),
        "sizes and errors were sorted separately, so an error meets the wrong size: keep the "
        "pairs": lambda n, e: _slope(np.log(np.sort(n)), np.log(np.sort(e)[::-1])),
        "this is 1 over the slope of the sizes against the errors: for points off the line that is "
        "another line. The errors are y": lambda n, e: 1 / _slope(np.log(e), np.log(n)),
        "this is a mean of the slopes between neighbours: fit one line to all points": (
            lambda n, e: float(np.mean(np.diff(np.log(e)) / np.diff(np.log(n))))
        ),
        "this is the median of the slopes of all pairs: fit one line by least squares": (
            lambda n, e: _median_slope(np.log(n), np.log(e))
        ),
        "this line goes through the origin: a line has an intercept, too, log(a)": (
            lambda n, e: float(np.log(n) @ np.log(e) / (np.log(n) @ np.log(n)))
        ),
        "this line goes through the origin, with base 10: a line has an intercept, too, log(a)": (
            lambda n, e: float(np.log10(n) @ np.log10(e) / (np.log10(n) @ np.log10(n)))
        ),
        "np.cov divides by n - 1 and np.var by n: take both in the same way, with ddof": (
            lambda n, e: _slope(np.log(n), np.log(e)) * len(n) / (len(n) - 1)
        ),
        "this is the coefficient of correlation, between -1 and 1: the exercise asks for the "
        "slope": (lambda n, e: float(np.corrcoef(np.log(n), np.log(e))[0, 1])),
        "this is a coefficient of a parabola: fit a straight line, of degree 1": (
            lambda n, e: float(np.polyfit(np.log(n), np.log(e), 2)[1])
        ),
        "this is the leading coefficient of a parabola: fit a straight line, of degree 1": (
            lambda n, e: float(np.polyfit(np.log(n), np.log(e), 2)[0])
        ),
        "this is the logarithm of 1 + error: take the logarithm of the error itself": (
            lambda n, e: _slope(np.log(n), np.log1p(e))
        ),
        "the last point is missing": lambda n, e: _slope(np.log(n)[:-1], np.log(e)[:-1]),
        "the first point is missing": lambda n, e: _slope(np.log(n)[1:], np.log(e)[1:]),
        "the mean was taken before the logarithm: the mean of the logarithms is another number": (
            _centred_too_early
        ),
        "this is the factor by which ten times as many molecules change the error: return the "
        "exponent": (lambda n, e: 10 ** _slope(np.log(n), np.log(e))),
    },
    rtol=2e-3,
    atol=1e-5,
)


def _line(answer: Answer) -> str | None:
    """Judge the exponent; of the results of scipy.stats.linregress, say which one is the slope."""
    sizes, errors = _curves()[0].arguments
    if hasattr(answer(sizes.copy(), errors.copy()), "slope"):
        return "linregress returns several results, with names: return its .slope"
    return _judge_learning(answer)


# --- 6.8


def _versus(old: Any, new: Any) -> tuple[float, float, bool]:
    return _verdict(old.mean() - new.mean(), np.hypot(_standard_error(old), _standard_error(new)))


def _standard_error(errors: Any, ddof: int = 1) -> float:
    return float(errors.std(ddof=ddof) / np.sqrt(len(errors)))


def _verdict(
    improvement: float, uncertainty: float, times: float = 2.0
) -> tuple[float, float, bool]:
    return float(improvement), float(uncertainty), bool(improvement > times * uncertainty)


def _comparisons() -> list[Case]:
    return [
        Case(
            "a clear improvement",
            (np.array([0.64, 0.61, 0.60, 0.58, 0.59]), np.array([0.52, 0.55, 0.53, 0.50, 0.54])),
        ),
        Case(
            "five seeds of one model, twice",
            (np.array([0.62, 0.60, 0.61, 0.59, 0.63]), np.array([0.55, 0.61, 0.66, 0.58, 0.64])),
        ),
        Case(
            "an improvement of 1.7 standard errors",
            (np.array([0.62, 0.60, 0.61, 0.59, 0.63]), np.array([0.60, 0.61, 0.59, 0.58, 0.595])),
        ),
        Case(
            "an improvement of 2.2 standard errors",
            (
                np.array([0.62, 0.60, 0.61, 0.59, 0.63]),
                np.array([0.599, 0.572, 0.602, 0.582, 0.594]),
            ),
        ),
        Case(
            "an improvement of 1.9 standard errors",
            (
                np.array([0.62, 0.60, 0.61, 0.59, 0.63]),
                np.array([0.602, 0.575, 0.605, 0.585, 0.597]),
            ),
        ),
        Case(
            "a new model that is worse",
            (np.array([0.52, 0.55, 0.53, 0.50, 0.54]), np.array([0.64, 0.61, 0.60, 0.58, 0.59])),
        ),
        Case("the same runs twice, all equal,", (np.full(3, 0.6), np.full(3, 0.6))),
        Case(
            "a new model that scatters a lot, and a small improvement,",
            (np.array([0.600, 0.601, 0.599]), np.array([0.50, 0.64, 0.57])),
        ),
        Case(
            "an old model that scatters a lot, and a small improvement,",
            (np.array([0.55, 0.67, 0.62]), np.array([0.580, 0.581, 0.579])),
        ),
        Case(
            "three seeds of the old model, and six of the new one",
            (np.array([0.70, 0.66, 0.71]), np.array([0.58, 0.61, 0.55, 0.60, 0.63, 0.57])),
        ),
    ]


def _with(
    uncertainty: Callable[[Any, Any], float] | None = None, times: float = 2.0, best: bool = False
) -> Answer:
    """Return a comparison with another uncertainty, another threshold, or of the best seeds."""

    def compare(old: Any, new: Any) -> tuple[float, float, bool]:
        improvement, error, _ = _versus(old, new)
        if best:
            improvement = old.min() - new.min()
        return _verdict(improvement, uncertainty(old, new) if uncertainty else error, times)

    return compare


def _verdict_by(rule: Callable[[Any, Any, float, float], bool]) -> Answer:
    """Return a comparison with another verdict."""

    def compare(old: Any, new: Any) -> tuple[float, float, bool]:
        improvement, error, _ = _versus(old, new)
        return improvement, error, bool(rule(old, new, improvement, error))

    return compare


def _by_statistic(of: Callable[[Any], float]) -> Answer:
    """Return a comparison of another number than the mean."""
    return lambda old, new: _verdict(of(old) - of(new), _versus(old, new)[1])


def _t_test(old: Any, new: Any, equal: bool) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of equal runs
        return bool(stats.ttest_ind(old, new, equal_var=equal).pvalue < 0.05)


def _pooled(old: Any, new: Any) -> float:
    n, m = len(old), len(new)
    variance = ((n - 1) * old.var(ddof=1) + (m - 1) * new.var(ddof=1)) / (n + m - 2)
    return float(np.sqrt(variance * (1 / n + 1 / m)))


def _paired(old: Any, new: Any) -> float:
    n = min(len(old), len(new))
    return _standard_error(old[:n] - new[:n])


def _either_way(old: Any, new: Any) -> tuple[float, float, bool]:
    improvement, error, _ = _versus(old, new)
    return improvement, error, abs(improvement) > 2 * error


def _opposite(old: Any, new: Any) -> tuple[float, float, bool]:
    improvement, error, clear = _versus(old, new)
    return improvement, error, not clear


def _reversed(old: Any, new: Any) -> tuple[bool, float, float]:
    improvement, error, clear = _versus(old, new)
    return clear, error, improvement


def _exchanged(old: Any, new: Any) -> tuple[float, float, bool]:
    improvement, error, clear = _versus(old, new)
    return error, improvement, clear


def _backwards(old: Any, new: Any) -> tuple[float, float, bool]:
    improvement, error, clear = _versus(old, new)
    return -improvement, error, clear


def _swapped(old: Any, new: Any) -> tuple[float, float, bool]:
    return _versus(new, old)


_judge_comparison = compared(
    _versus,
    _comparisons,
    {
        "the best seed of each was compared: the luckier model wins, not the better one. Compare "
        "the means": _with(best=True),
        "this uncertainty is a standard deviation: that of one run. For the mean of n runs, divide "
        "it by the root of n": (_with(lambda old, new: np.hypot(old.std(ddof=1), new.std(ddof=1)))),
        "this uncertainty is that of the old model's mean alone: the new one has its own": (
            _with(lambda old, new: _standard_error(old))
        ),
        "this uncertainty is that of the new model's mean alone: the old one has its own": (
            _with(lambda old, new: _standard_error(new))
        ),
        "the two standard errors were added: independent ones add as squares, so take the root of "
        "the sum of their squares": (
            _with(lambda old, new: _standard_error(old) + _standard_error(new))
        ),
        "this uncertainty is squared: take the root of the sum": (
            _with(lambda old, new: _standard_error(old) ** 2 + _standard_error(new) ** 2)
        ),
        "you divide by n (so does np.std), and here the mean was taken from the same few runs: "
        "divide by n - 1, with ddof=1": (
            _with(lambda old, new: np.hypot(_standard_error(old, 0), _standard_error(new, 0)))
        ),
        "both numbers are right, but an improvement of one standard error happens by chance: ask "
        "for two of them": _with(times=1.0),
        "both numbers are right, but any improvement larger than zero is called clear: ask for two "
        "standard errors": _with(times=0.0),
        "both numbers are right, but an improvement of 2.2 standard errors gets False: more "
        "than two of them are enough here": _with(times=3.0),
        "both numbers are right, but an improvement of 1.9 standard errors gets True: it must "
        "be larger than two of them": _with(times=1.8),
        "both numbers are right, but the verdict is the other way round: True if the improvement "
        "is larger than two standard errors": _opposite,
        "the order is reversed: return improvement, error, clearly": _reversed,
        "improvement and standard error are swapped: return improvement, error, clearly": (
            _exchanged
        ),
        "this uncertainty is zero: were old and new overwritten by their means? Compute the "
        "standard deviations first": _with(lambda old, new: 0.0),
        "the number of runs of the old model was used for both: each model has its own": (
            _with(lambda old, new: np.hypot(old.std(ddof=1), new.std(ddof=1)) / np.sqrt(len(old)))
        ),
        "the number of runs of the new model was used for both: each model has its own": (
            _with(lambda old, new: np.hypot(old.std(ddof=1), new.std(ddof=1)) / np.sqrt(len(new)))
        ),
        "the numbers of runs are swapped: each standard deviation is divided by the root of its "
        "own": _with(
            lambda old, new: np.hypot(
                old.std(ddof=1) / np.sqrt(len(new)), new.std(ddof=1) / np.sqrt(len(old))
            )
        ),
        "this is the pooled variance of a t-test: here each model keeps its own standard error": (
            _with(_pooled)
        ),
        "the runs were taken in pairs, one of each model; they are independent, and one model may "
        "have more of them: take the standard error of each": _with(_paired),
        "this uncertainty is the larger of the two standard errors: both count, as the root of the "
        "sum of their squares": _with(
            lambda old, new: max(_standard_error(old), _standard_error(new))
        ),
        "the standard deviations were divided by n: a standard error has the root of n": _with(
            lambda old, new: np.hypot(old.std(ddof=1) / len(old), new.std(ddof=1) / len(new))
        ),
        "under the root the squares were subtracted: they add up, even for a difference": _with(
            lambda old, new: np.sqrt(abs(_standard_error(old) ** 2 - _standard_error(new) ** 2))
        ),
        "this is the standard error of all runs put together: each model has its own mean": _with(
            lambda old, new: _standard_error(np.concatenate([old, new]))
        ),
        "n - 1 was used twice: the standard deviation has it, and the root has n": _with(
            lambda old, new: np.sqrt(
                old.var(ddof=1) / (len(old) - 1) + new.var(ddof=1) / (len(new) - 1)
            )
        ),
        "these are medians: compare the means": _by_statistic(np.median),
        "the improvement is in per cent of the old error: it is a difference, in kcal/mol": (
            lambda old, new: (100 * _versus(old, new)[0] / old.mean(), *_versus(old, new)[1:])
        ),
        "the improvement, and with it the verdict, is in per cent of the old error: it is a "
        "difference, in kcal/mol": lambda old, new: _verdict(
            100 * _versus(old, new)[0] / old.mean(), _versus(old, new)[1]
        ),
        "the improvement is a share of the old error: it is a difference, in kcal/mol": (
            lambda old, new: (_versus(old, new)[0] / old.mean(), *_versus(old, new)[1:])
        ),
        "both numbers are right, but the verdict compares with the old model's standard error "
        "alone: compare with twice that of the difference": _verdict_by(
            lambda old, new, better, error: better > 2 * _standard_error(old)
        ),
        "both numbers are right, but the verdict compares with the new model's standard error "
        "alone: compare with twice that of the difference": _verdict_by(
            lambda old, new, better, error: better > 2 * _standard_error(new)
        ),
        "both numbers are right, but the verdict is that of a t-test: the rule here is two "
        "standard errors": _verdict_by(
            lambda old, new, better, error: _t_test(old, new, False) and better > 0
        ),
        "both numbers are right, but the verdict is that of a t-test, whichever model is better: "
        "the rule here is two standard errors": _verdict_by(
            lambda old, new, better, error: _t_test(old, new, False)
        ),
        "both numbers are right, but the verdict is that of a t-test with equal variances: the "
        "rule here is two standard errors": _verdict_by(
            lambda old, new, better, error: _t_test(old, new, True) and better > 0
        ),
        "both numbers are right, but two standard errors are not more than two: use > and not >=": (
            _verdict_by(lambda old, new, better, error: better >= 2 * error)
        ),
        "under the root the two standard errors were added as they are: square each of them "
        "first": (_with(lambda old, new: np.sqrt(_standard_error(old) + _standard_error(new)))),
        "both numbers are right, but a new model that is worse is not clearly better: take no "
        "absolute value": _either_way,
        "old and new were swapped: the improvement is the error of the old model minus that of the "
        "new one": _swapped,
        "the improvement has the wrong sign: it is the error of the old model minus that of the "
        "new one": _backwards,
    },
    parts=("improvement", "error", "clearly"),
    rtol=1e-3,
    atol=1e-6,
)


def _sound(answer: Answer) -> str | None:
    plain = plain_truths(answer)
    for case in _comparisons():
        found = plain(*(x.copy() for x in case.arguments))
        clear = _versus(*case.arguments)[2]
        if isinstance(found, np.ndarray) and found.shape == (3,):
            return (
                "it returns one array of three numbers: return three results, "
                "`return improvement, error, clearly`"
            )
        if isinstance(found, Sequence) and len(found) == 3 and found[2] is None:
            return f"for {case.text} result 3 is None, and should be {clear}"
    return _judge_comparison(plain)


# --- 6.9

_FORMAT = (
    "An XYZ text has the number of atoms in line 1, a comment in line 2, and from line 3 on an "
    "element with x, y and z in Å for each atom"
)
_LARGEST = 29  # atoms in the largest molecules of QM9
_LONGEST = 10_000  # characters; 29 atoms take about a thousand
_SAME = 0.05  # Å
_ALIKE = 0.3  # Å; a conformer has moved some atom farther than that


def _own_molecule(answer: Answer) -> str | None:
    sample = load_sample()
    text = answer(sample)
    reason = _no_text(text)
    if reason or not isinstance(text, str):
        return reason
    try:
        molecules = xyz.parse(text, "your text")
    except DataError as error:
        about_form = "ends after" in str(error) or "expected the number of atoms" in str(error)
        return f"{error}. {_FORMAT}" if about_form else str(error)
    if len(molecules) > 1:
        return f"your text has {len(molecules)} molecules, one after the other: return one"
    return _judge_molecule(sample, molecules[0])


def _no_text(text: object) -> str | None:
    if text is None:
        return "it returns None: is a `return` missing?"
    if not isinstance(text, str):
        lines = isinstance(text, list | tuple) and all(isinstance(x, str) for x in text)
        more = '. Join the lines: "\\n".join(lines)' if lines else ""
        return f"it returns {describe(text)}, expected one string{more}"
    if text.strip().lower().endswith(".xyz") and "\n" not in text.strip():
        return f"{describe(text)} is the name of a file: return what is in it"
    if not text.strip():
        return f"the text is empty. {_FORMAT}"
    if len(text) > _LONGEST:
        return f"{len(text):,} characters are too many: a molecule of QM9 needs about a thousand"
    if not text.partition("\n")[0].strip():
        return (
            "the first line of the text is empty: write the number of atoms directly after the "
            "quotation marks"
        )
    return None


def _judge_molecule(sample: QM9, molecule: xyz.XYZMolecule) -> str | None:
    if molecule.foreign:
        return (
            f"the networks know H, C, N, O and F, not {', '.join(molecule.foreign)}: QM9 has no "
            "other elements"
        )
    if len(molecule.symbols) > _LARGEST:
        return f"{len(molecule.symbols)} atoms; the largest molecules of QM9 have {_LARGEST}"
    made = xyz.to_qm9([molecule])
    own = made[0]
    electrons = int(own.atomic_numbers.astype(int).sum())
    if electrons % 2:
        return (
            f"{molecule.formula} has {electrons} electrons, so one has no partner: is an atom "
            "missing, or is there one too many? In the molecules of QM9 all are in pairs"
        )
    for row in np.flatnonzero((sample.composition == made.composition[0]).all(axis=1)):
        other = sample[int(row)]
        if _apart(own, other, 0.0) < _SAME:
            return (
                f"this is molecule {other.index} of the sample: all distances between its atoms "
                f"agree within {_SAME} Å. Change more"
            )
        if _apart(own, other, 0.1) < _ALIKE:
            return (
                f"this is molecule {other.index} of the sample, a little deformed: stretched or "
                f"bent, but no distance between its atoms has really changed (by {_ALIKE} Å). "
                "Replace an atom, or turn a group about its bond"
            )
    from qm9lib import pretrained  # they import JAX
    from qm9lib.pretrained import predict  # they import JAX

    # First what takes no network: it is quick.
    domain = pretrained.training_domain()
    concerns = domain.concerns(own.atomic_numbers, own.positions)
    for unit, factor in (("bohr", 0.529177), ("nm", 10.0), ("pm", 0.01)):
        if concerns and not domain.concerns(own.atomic_numbers, factor * own.positions):
            return f"these positions are in {unit}: multiply them by {factor} to have them in Å"
    if concerns:
        return _advice("; ".join(concerns))
    warnings = predict.predict([molecule], labels=["H"])[0]["warnings"]
    return _advice("; ".join(warnings)) if warnings else None


def _advice(warnings: str) -> str:
    remedies = {
        "atoms; QM9": "take a larger molecule",
        "not hydrogen": "take a smaller molecule",
        "pieces": "move the atoms nearer to each other: bonds are at most about 1.6 Å long",
        "hydrogens": "add them: files of X-ray structures often lack them",
        "disagree": "change it: the geometry may be rough, or the molecule simply unlike those of "
        "QM9, even if it is a real one",
    }
    remedies["apart"] = f"change this distance{_seen(warnings)}"
    remedy = next((remedy for word, remedy in remedies.items() if word in warnings), "change it")
    stop = "" if warnings.endswith("?") else "."
    return f"the package has a warning about this molecule: {warnings}{stop} So {remedy}"


def _seen(warnings: str) -> str:
    """Return what the sample has of the distance that a warning names, or nothing."""
    named = re.search(r"(\w+) and (\w+) are ([\d.]+) Å apart", warnings)
    if not named:
        return ""
    numbers = sorted(z for z, s in SYMBOLS.items() if s in named.group(1, 2))
    lengths = np.concatenate([_of_pair(m, numbers[0], numbers[-1]) for m in load_sample()])
    if not len(lengths):
        return ": the sample has no such pair of atoms"
    told = float(named[3])
    if told < lengths.min():
        return f": in the sample it is {lengths.min():.2f} Å or more"
    near = [float(x) for x in (lengths[lengths <= told].max(), lengths[lengths > told].min())]
    if near[1] - near[0] < 0.05:
        return ", or take other elements: this distance is very rare in the sample"
    return f": the nearest ones in the sample are {near[0]:.2f} and {near[1]:.2f} Å"


def _of_pair(molecule: Any, low: int, high: int) -> np.ndarray:
    z, x = molecule.atomic_numbers, molecule.positions
    a, b = np.flatnonzero(z == low), np.flatnonzero(z == high)
    found = np.linalg.norm(x[a][:, None] - x[b][None], axis=2).ravel()
    return np.asarray(found[found > 0])


def _apart(own: Any, other: Any, stretch: float) -> float:
    """Return how far distances differ at most, Å, at the best stretch up to a share of 1."""
    a, b = _distances(own), _distances(other)
    best = np.clip((a @ b) / max(a @ a, 1e-12), 1 - stretch, 1 + stretch)
    plain, stretched = (np.abs(factor * a - b).max(initial=0.0) for factor in (1.0, best))
    return float(min(plain, stretched))


def _distances(molecule: Any) -> np.ndarray:
    """Return the distances of all pairs, sorted by the elements and then by length."""
    z, x = molecule.atomic_numbers, molecule.positions
    a, b = np.triu_indices(len(z), k=1)
    distance = np.linalg.norm(x[a] - x[b], axis=1)
    low, high = np.minimum(z[a], z[b]), np.maximum(z[a], z[b])
    return distance[np.lexsort((distance, high, low))]


EXERCISES = (
    Exercise(
        "6.1",
        "A vector that turns with the molecule",
        "dipole_moment",
        _turning,
        (
            "Each atom contributes its charge times its position. What remains when you add them "
            "up over the atoms: a number, or a vector?",
            "charges has shape (atoms,), positions (atoms, 3). charges @ positions sums over the "
            "atoms and gives shape (3,), in e Å.",
            "return 4.8032 * (charges @ positions)",
        ),
        "sums of scalars times vectors turn with the molecule; for a neutral one the sum does not "
        "even depend on the origin",
    ),
    Exercise(
        "6.2",
        "A cutoff that ends smoothly",
        "cosine_cutoff",
        _judge_cutoff,
        (
            "The formula holds inside the cutoff. What would it do beyond? And how do you choose "
            "between two values for each distance of an array, without an `if`?",
            "Inside: 0.5 * (np.cos(np.pi * distance / cutoff) + 1). Outside it must be 0.",
            "np.where(distance < cutoff, inside, 0.0) chooses for each distance.",
        ),
        "value and slope are both zero at the cutoff, so neither energies nor forces jump when an "
        "atom crosses it",
        explain=_explain_shape,
    ),
    Exercise(
        "6.3",
        "Radial functions",
        "radial_functions",
        _judge_radial,
        (
            "Make the numbers k first: 1, 2, ..., n. A row for each distance and a column for each "
            "k comes from broadcasting.",
            "k = np.arange(1, n + 1), and r = distance[:, None], of shape (pairs, 1). Then k * r "
            "has shape (pairs, n).",
            "return np.sqrt(2 / cutoff) * np.sin(k * np.pi * r / cutoff) / r",
        ),
        "a network gets one distance as several numbers, each of which resolves a different length "
        "scale: far easier to learn from",
    ),
    Exercise(
        "6.4",
        "Bend a vector, not its components",
        "bend_vectors",
        _bends,
        (
            "The length of a vector does not change when it is turned. A function of the length "
            "is a scalar, and a scalar times a vector turns with the molecule.",
            "length = np.sqrt((vectors**2).sum(axis=1, keepdims=True)) has shape (atoms, 1, "
            "channels). Now choose a function of it, without dividing by zero.",
            "return vectors * length / (1 + length)",
        ),
        "an activation of vectors acts on lengths and leaves directions alone; the same recipe "
        "works in any network with vector features",
        explain=_explain_lengths,
    ),
    Exercise(
        "6.5",
        "Forces",
        "forces",
        _downhill,
        (
            "The force points to where the energy falls. Which derivative is that, and with which "
            "sign?",
            "jax.grad(energy) is a function: it takes the positions and returns the gradient, of "
            "the shape of the positions.",
            "return -jax.grad(energy)(positions)",
        ),
        "jax.grad does it in one line for any energy that JAX can differentiate, a spring or a "
        "network",
        explain=_explain_grad,
        needs_jax=True,
    ),
    Exercise(
        "6.6",
        "What an ensemble knows",
        "mean_and_deviation",
        _tuple_or_stack,
        (
            "Each row is a network, each column a molecule. Over which of them do you average?",
            "Over the networks, axis 0. There are few of them, so the standard deviation divides "
            "by n - 1: ddof=1.",
            "return predictions.mean(axis=0), predictions.std(axis=0, ddof=1)",
        ),
        "where networks disagree, at least some of them are wrong; where they agree, all of them "
        "may be",
    ),
    Exercise(
        "6.7",
        "The slope of a learning curve",
        "exponent",
        _line,
        (
            "Take the logarithm of error = a * molecules**b. In which variable is it linear?",
            "log(error) = log(a) + b log(molecules): b is the slope of a line through the "
            "logarithms.",
            "return np.polyfit(np.log(sizes), np.log(errors), 1)[0]",
        ),
        "with an exponent of -0.5, halving the error takes four times as many molecules; with "
        "-0.25, sixteen times as many",
    ),
    Exercise(
        "6.8",
        "Is it really better?",
        "is_better",
        _sound,
        (
            "The standard error of a mean of n runs is their standard deviation, with ddof=1, over "
            "the root of n. Each of the two means has one.",
            "The standard error of a difference is the root of the sum of both squares.",
            "clearly = improvement > 2 * error, where improvement = old.mean() - new.mean() and "
            "error = np.sqrt(old.var(ddof=1) / len(old) + new.var(ddof=1) / len(new)).",
        ),
        "a difference without its uncertainty is half a result",
    ),
    Exercise(
        "6.9",
        "A molecule of your own",
        "own_molecule",
        _own_molecule,
        (
            "Start from a molecule of the sample that has what you need, such as pyridine, "
            "qm9[201], and change one thing: another atom, or an OH group turned about its bond. "
            "(The argument qm9 is the sample: pyridine is in its row 201, and has the number 215 "
            "in QM9.)",
            "Put the new atom on the line of the old bond, at its own bond length: C-F 1.34 Å in a "
            "ring such as pyridine, C-O 1.42 Å, O-H 0.97 Å. Copy the positions before you change "
            "them: molecule.positions.copy().",
            'Lines: f"{symbol} {x:.4f} {y:.4f} {z:.4f}" for each atom. The text: '
            '"\\n".join([str(len(lines)), "a comment", *lines]).',
        ),
        "no warning means only that nothing is known against the prediction: nobody has checked "
        "that this geometry is a minimum",
        needs_jax=True,
    ),
)
