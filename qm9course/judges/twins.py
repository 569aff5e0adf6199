"""Two molecules with the same distances: the judge of an exercise of the chapter *kernels*."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from qm9course.checking import REMEMBERS, Answer, Right, remembers, snapshot
from qm9course.diagnosis import as_numbers, describe
from qm9course.judges.matrices import distances, reordered

_ALIKE = 0.001  # Å: as far apart two distances may be that are to be the same number
_APART = 0.05  # Å: as far apart distances are in molecules that are clearly not the same
_NEAREST = 0.5  # Å
_PAIRS_OF_FOUR = tuple(itertools.combinations(range(4), 2))


def judge_twins(answer: Answer) -> str | None:
    """Judge two arrangements of four atoms, of which many are right."""
    found = snapshot(answer())
    problem = _no_pair(found)
    if problem:
        return problem
    if remembers(answer, (), found):
        return REMEMBERS
    one, other = (np.asarray(part, float) for part in found)
    lists = [np.array([distances(x)[pair] for pair in _PAIRS_OF_FOUR]) for x in (one, other)]
    problem = _too_near(lists) or _other_distances(*lists) or _same_molecule(one, other)
    if problem:
        return problem
    return Right(f"both have the distances {_listed(np.sort(lists[0]))} Å, between other atoms")


def _listed(numbers: np.ndarray) -> str:
    texts = [f"{x:.3f}".rstrip("0").rstrip(".") for x in numbers]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _no_pair(found: object) -> str | None:
    """Return what is wrong with type or shape of two arrangements."""
    form = "two arrays of shape (4, 3), as in `return one, other`"
    if found is None:
        return f"it returns None, expected {form}: is a `return` missing?"
    numbers = as_numbers(found)
    if numbers is not None and numbers.shape == (4, 3):
        return f"it returns one arrangement, expected {form}"
    if not isinstance(found, tuple | list) and numbers is None:
        return f"it returns {describe(found)}, expected {form}"
    parts: Any = found if numbers is None or numbers.ndim else ()
    if len(parts) != 2:
        given = f"{len(parts)} results" if numbers is None else describe(numbers)
        return f"it returns {given}, expected {form}"
    for name, part in zip(("first", "second"), parts, strict=True):
        problem = _no_arrangement(part)
        if problem:
            return f"the {name} arrangement is {problem}"
    return None


def _no_arrangement(part: object) -> str | None:
    numbers = as_numbers(part)
    if numbers is None or not numbers.ndim:
        return f"{describe(part)}, expected an array of shape (4, 3)"
    if numbers.shape == (4, 3):
        bad = int((~np.isfinite(numbers.astype(float))).sum())
        return f"an array with infinite values or NaN ({bad} of 12)" if bad else None
    meanings = {
        (4, 2): "each atom needs a third coordinate, and 0 will do",
        (3, 4): "it is transposed: an atom is a row",
        (12,): "give it a row for each atom, .reshape(4, 3)",
        (6,): "six distances do not say which atoms they lie between; give positions",
        (4, 4): "is it a matrix of distances? Give positions",
    }
    meaning = meanings.get(numbers.shape)
    if meaning is None and numbers.ndim == 2 and numbers.shape[1] == 3:
        meaning = f"these are {len(numbers)} atoms; the exercise asks for four"
    return f"an array of shape {numbers.shape}, expected (4, 3)" + (
        f": {meaning}" if meaning else ""
    )


def _too_near(lists: list[np.ndarray]) -> str | None:
    if max(map(np.max, lists)) < _NEAREST and min(map(np.min, lists)) > 0:
        return (
            f"all atoms are nearer than {_NEAREST} Å to each other. Are the positions in nm? "
            "Multiply both arrangements by the same number: twins stay twins"
        )
    for name, found in zip(("first", "second"), lists, strict=True):
        nearest = int(np.argmin(found))
        i, j = _PAIRS_OF_FOUR[nearest]
        if found[nearest] < 1e-6:
            return (
                f"in the {name} arrangement, atoms {i} and {j} (counted from 0) are in the same "
                "place"
            )
        if found[nearest] < _NEAREST:
            return (
                f"in the {name} arrangement, atoms {i} and {j} (counted from 0) are only "
                f"{found[nearest]:.3g} Å apart; no two may be nearer than {_NEAREST} Å. "
                "Multiply both arrangements by the same number: twins stay twins"
            )
    return None


_PARTIAL: Mapping[str, tuple[int, ...]] = {  # places in _PAIRS_OF_FOUR
    "the four sides 0-1, 1-2, 2-3 and 3-0 have the same lengths, and the two diagonals do not": (
        0, 3, 5, 2,
    ),
    "the three distances along the chain 0-1-2-3 agree, and the other three do not": (0, 3, 5),
    "the three distances of atom 0 from the others agree, and the other three do not": (0, 1, 2),
}  # fmt: skip


def _other_distances(one: np.ndarray, other: np.ndarray) -> str | None:
    """Return how two lists of six distances differ, if they do."""
    first, second = np.sort(one), np.sort(other)
    off = float(np.abs(first - second).max())
    if off <= _ALIKE:
        return None
    if off <= 20 * _ALIKE:
        return (
            f"nearly: the sorted distances differ by up to {off:.4f} Å, and {_ALIKE} Å is allowed. "
            "Give the coordinates with more digits"
        )
    ratio = float(np.mean(second / first))
    if np.allclose(second, ratio * first, rtol=1e-3):
        return (
            f"all distances of the second arrangement are {ratio:.4g} times those of the first: a "
            "scaled copy has different distances, so these are no twins"
        )
    mine, theirs = _left_over(first, second), _left_over(second, first)
    lists = f"the first has {_listed(mine)} Å, where the second has {_listed(theirs)} Å"
    if not len(mine) or not len(theirs) or _values(first) == _values(second):
        return (
            "the same numbers occur, but not equally often. Sorted, the distances are "
            f"{_listed(first)} Å, and {_listed(second)} Å"
        )
    for text, places in _PARTIAL.items():
        some = list(places)
        if len(mine) == 6 - len(some) and np.allclose(
            np.sort(one[some]), np.sort(other[some]), rtol=0, atol=_ALIKE
        ):
            return f"{text}: {lists}. Four atoms have six distances, and all of them count"
    if len(mine) == 6:
        return f"none of the six distances agree: {lists}"
    do = "one does" if len(mine) == 1 else f"{len(mine)} do"
    return f"{6 - len(mine)} of the six distances agree, and {do} not: {lists}"


def _left_over(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the numbers of the first list that have no partner in the second."""
    free, left = list(second), []
    for x in first:
        near = min(free, key=lambda y: abs(y - x), default=np.inf)
        if abs(near - x) <= _ALIKE:
            free.remove(near)
        else:
            left.append(x)
    return np.array(left)


def _values(distances: np.ndarray) -> list[float]:
    """Return the different numbers of a sorted list."""
    new = np.diff(distances, prepend=-1) > _ALIKE
    return [round(float(x), 2) for x in distances[new]]


def _same_molecule(one: np.ndarray, other: np.ndarray) -> str | None:
    """Return how one arrangement becomes the other, if they are one molecule."""
    matrices = distances(one), distances(other)
    orders = [list(p) for p in itertools.permutations(range(4))]  # the first is no change
    off = [float(np.abs(matrices[0] - reordered(matrices[1], np.array(p))).max()) for p in orders]
    best = int(np.argmin(np.array(off) > min(off) + _ALIKE))
    if off[best] >= _APART:
        return None
    if off[best] > 5 * _ALIKE:
        return (
            f"the two are nearly the same molecule: numbered alike, no distance differs by more "
            f"than {off[best]:.3f} Å. Choose a pair that differs by {_APART} Å or more"
        )
    moved = _moved(one, other[orders[best]])
    if best == 0:
        return f"both are the same molecule: {moved or 'the second has the same positions'}"
    order = ", ".join(map(str, orders[best]))
    return (
        "both are the same molecule, whose atoms are numbered in another order: atoms 0, 1, 2, 3 "
        f"of the first are {order} of the second" + (f". And {moved}" if moved else "")
    )


def _moved(one: np.ndarray, other: np.ndarray) -> str | None:
    """Return how atoms came from their places to others, with all distances kept."""
    if np.allclose(one, other, rtol=0, atol=5 * _ALIKE):
        return None
    a, b = one - one.mean(axis=0), other - other.mean(axis=0)
    if np.allclose(a, b, rtol=0, atol=5 * _ALIKE):
        return "the second was only moved to another place"
    u, sizes, v = np.linalg.svd(a.T @ b)
    if sizes[2] <= 1e-4 * sizes[0]:
        return (
            "the second is the first one turned (atoms in a plane have a mirror image that is only "
            "turned over, like a sheet of paper)"
        )
    if np.linalg.det(u @ v) < 0:
        return "the second is the mirror image of the first"
    return "the second is the first one turned"
