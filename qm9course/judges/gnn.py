"""Exercises of the chapter *gnn*: distances, messages, invariances, pooling, batches, training."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import cache
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from qm9course.checking import REMEMBERS, Answer, Case, Exercise, Right, compared, remembers
from qm9course.diagnosis import as_numbers, describe, same
from qm9course.judges import sample as _sample
from qm9course.wire import Counted
from qm9lib import LABELS, QM9, convert
from qm9lib.data import xyz
from qm9lib.data.columns import concatenate

_WATER, _METHANE, _ALL_FIVE = 2, 0, 1549  # rows of the sample; the last has all elements


# 5.1 and 4.2


def _positions() -> list[Case]:
    sample = _sample()
    return [
        Case("two atoms, 5 Å apart,", (np.array([[1.0, 0.0, 2.0], [1.0, 3.0, 6.0]]),)),
        *(
            Case(f"{text} (molecule {sample.index[row]})", (sample[row].positions.copy(),))
            for text, row in (("water", _WATER), ("methane", _METHANE), ("C5H6O2", 1000))
        ),
    ]


def _differences(x: Any) -> np.ndarray:
    return np.asarray(x[:, None, :] - x[None, :, :])


def _distances(x: Any) -> np.ndarray:
    return np.asarray(np.sqrt(np.sum(_differences(x) ** 2, axis=-1)))


def _one_axis(axis: int) -> Answer:
    def distances(x: Any) -> np.ndarray:
        return np.asarray(np.abs(_differences(x)[:, :, axis]))

    return distances


_BOHR = 0.529177  # Å
_EACH_FROM_ITSELF = (
    "everything it returns is zero. positions - positions subtracts each atom from itself; for "
    "all pairs, give each of the two an axis: positions[:, None, :] - positions[None, :, :]"
)


def _way(x: Any) -> np.ndarray:
    steps = np.linalg.norm(np.diff(x, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


_compared_distances = compared(
    _distances,
    _positions,
    {
        "these are squared distances: the root is missing": lambda x: _distances(x) ** 2,
        "these are distances in bohr: the positions are in Å, and so is the result": (
            lambda x: _distances(x) / _BOHR
        ),
        "this was multiplied by 0.529 as if the positions were in bohr; they are in Å": (
            lambda x: _distances(x) * _BOHR
        ),
        "the differences along x, y and z were added by their sizes, as for a walk along "
        "streets; as the crow flies, add their squares and take the root": (
            lambda x: np.abs(_differences(x)).sum(axis=-1)
        ),
        "the differences were added before they were squared: square each of the three, "
        "then add": lambda x: np.abs(_differences(x).sum(axis=-1)),
        "this is the difference along x alone: there are y and z, too": _one_axis(0),
        "this is the difference along y alone: there are x and z, too": _one_axis(1),
        "this is the difference along z alone: there are x and y, too": _one_axis(2),
        "the three squares were averaged: add them up": (lambda x: _distances(x) / np.sqrt(3)),
        "each pair was filled in once: the distance from i to j is that from j to i, too": (
            lambda x: np.triu(_distances(x))
        ),
        "the diagonal is 1; an atom is 0 Å away from itself": (
            lambda x: _distances(x) + np.eye(len(x))
        ),
        "the sum runs over atoms in place of x, y and z: those are the last axis of the "
        "differences, axis=-1": lambda x: np.sqrt(np.sum(_differences(x) ** 2, axis=1)),
        "the sum runs over atoms, and not over x, y and z: those are the last axis of the "
        "differences, axis=-1": lambda x: np.sqrt(np.sum(_differences(x) ** 2, axis=0)),
        "these are differences of two distances from the origin: take the differences of the "
        "positions first, then their length": lambda x: np.abs(
            np.linalg.norm(x, axis=1)[:, None] - np.linalg.norm(x, axis=1)
        ),
        "each pair is in a list once, as scipy's pdist gives it: squareform makes a table of "
        "it": lambda x: _distances(x)[np.triu_indices(len(x), 1)],
        "|a - b|² is a² + b² - 2 a·b: the factor 2 is missing": lambda x: np.sqrt(
            np.abs((x**2).sum(axis=1)[:, None] + (x**2).sum(axis=1) - x @ x.T)
            * (1 - np.eye(len(x)))
        ),
        "this is the distance along x and y alone: there is z, too": (
            lambda x: np.sqrt(np.sum(_differences(x)[:, :, :2] ** 2, axis=-1))
        ),
        "all columns are the distance from the first atom: the second atom changes, too": (
            lambda x: np.tile(_distances(x)[:, :1], (1, len(x)))
        ),
        "all rows are the distance from the first atom: the first atom changes, too": (
            lambda x: np.tile(_distances(x)[:1], (len(x), 1))
        ),
        "this is 1/r, with zeros on the diagonal; the exercise asks for r": (
            lambda x: _anything_but_zero(-1.0)(x, None)
        ),
        "the last row is never filled in: range(n - 1) ends before it": (
            lambda x: _distances(x) * (np.arange(len(x)) < len(x) - 1)[:, None]
        ),
        "the last column is never filled in: range(n - 1) ends before it": (
            lambda x: _distances(x) * (np.arange(len(x)) < len(x) - 1)
        ),
        "these are lengths of the path from atom to atom, in their order: take the straight line "
        "from each atom to every other": lambda x: np.abs(_way(x)[:, None] - _way(x)),
    },
    rtol=1e-4,
    atol=5e-3,
)


def _all_pairs(answer: Answer) -> str | None:
    numbers = as_numbers(answer(_positions()[-1].arguments[0]))
    if numbers is not None and numbers.ndim and numbers.size and not numbers.any():
        return _EACH_FROM_ITSELF
    said = _compared_distances(answer)
    if said is None or isinstance(said, Right):
        for decimals in (1, 2):
            if numbers is not None and np.allclose(numbers, np.round(numbers, decimals), atol=1e-6):
                return (
                    f"everything is rounded to {decimals} decimals: return the numbers as they are"
                )
    return said


def _padded() -> list[Case]:
    sample = _sample()
    water, methane = sample[_WATER].positions, sample[_METHANE].positions
    return [
        Case("water", (water.copy(), np.ones(3, bool))),
        Case(
            "water and two padded atoms at the origin",
            (np.concatenate([water, np.zeros((2, 3))]), np.arange(5) < 3),
        ),
        Case(
            "methane and a padded atom 2 Å away",
            (np.concatenate([methane, methane[:1] + [[0.0, 0.0, 2.0]]]), np.arange(6) < 5),
        ),
        Case(
            "water with a padded atom in the middle of the array",
            (np.insert(water, 1, 3.0, axis=0), np.array([True, False, True, True])),
        ),
        Case(
            "two atoms, 12 Å apart,",
            (np.array([[0.0, 0.0, 0.0], [0.0, 12.0, 0.0]]), np.ones(2, bool)),
        ),
    ]


def _inverse(power: float, pairs: Callable[[np.ndarray], np.ndarray]) -> Answer:
    """Return what gives each of the chosen pairs of atoms its distance to some power."""

    def weights(x: Any, mask: Any) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.where(pairs(mask), _distances(x) ** power, 0.0)

    return weights


def _pairs(mask: np.ndarray) -> np.ndarray:
    return np.asarray(mask[:, None] & mask[None, :] & ~np.eye(len(mask), dtype=bool))


def _anything_but_zero(power: float) -> Answer:
    """Return what leaves out pairs at distance 0 and looks at no mask."""

    def weights(x: Any, mask: Any) -> np.ndarray:
        distance = _distances(x)
        return np.where(distance > 0, np.where(distance > 0, distance, 1.0) ** power, 0.0)

    return weights


def _at_the_end(x: Any, mask: Any) -> np.ndarray:
    """Return the weights as if all padded atoms came after the real ones."""
    return _inverse(-1.0, _pairs)(x, np.arange(len(mask)) < mask.sum())


def _not_at_the_origin(x: Any, mask: Any) -> np.ndarray:
    return _inverse(-1.0, _pairs)(x, np.any(np.asarray(x) != 0, axis=1))


def _cut_off(x: Any, mask: Any) -> np.ndarray:
    return _inverse(-1.0, _pairs)(x[mask], mask[mask])


def _ones_on_the_diagonal(x: Any, mask: Any) -> np.ndarray:
    return np.asarray(_inverse(-1.0, _pairs)(x, mask) + np.eye(len(mask)))


def _ones_for_real_atoms(x: Any, mask: Any) -> np.ndarray:
    return np.asarray(_inverse(-1.0, _pairs)(x, mask) + np.diag(mask.astype(float)))


_compared_edges = compared(
    _inverse(-1.0, _pairs),
    _padded,
    {
        "this is 1/r²: take the root of the squared distance before you divide": (
            _inverse(-2.0, _pairs)
        ),
        "this is r; the edge should carry 1/r, large for near atoms": _inverse(1.0, _pairs),
        "the real pairs are right, and the padded atoms take part: an edge needs two real atoms, "
        "mask[:, None] & mask[None, :]": _anything_but_zero(-1.0),
        "the padded atoms hear nothing, and are still heard: apply the mask to the columns, too": (
            _inverse(-1.0, lambda mask: mask[:, None] & ~np.eye(len(mask), dtype=bool))
        ),
        "the padded atoms are not heard, and still hear the others: apply the mask to the rows, "
        "too": _inverse(-1.0, lambda mask: mask[None, :] & ~np.eye(len(mask), dtype=bool)),
        "an atom has an edge to itself: the diagonal is 1, and should be 0": _ones_on_the_diagonal,
        "a real atom has an edge to itself: the diagonal is 1, and should be 0": (
            _ones_for_real_atoms
        ),
        "the mask is not used: two padded atoms may be in the same place, and 1/0 is infinite": (
            _inverse(-1.0, lambda mask: ~np.eye(len(mask), dtype=bool))
        ),
        "the padded atoms are cut off: keep their rows and columns, with zeros in them": _cut_off,
        "the padded atoms are not always at the end: look at the mask, and not at their number": (
            _at_the_end
        ),
        "atoms at the origin were taken for padding: the mask says which atoms are real": (
            _not_at_the_origin
        ),
        "1 was added to the squared distance of all pairs, and not on the diagonal alone": (
            lambda x, mask: np.where(_pairs(mask), 1 / np.sqrt(_distances(x) ** 2 + 1), 0.0)
        ),
        "1 was added to the distance of all pairs, and not on the diagonal alone": (
            lambda x, mask: np.where(_pairs(mask), 1 / (_distances(x) + 1), 0.0)
        ),
        "the mask is used the wrong way round: True stands for a real atom": (
            _inverse(-1.0, lambda mask: _pairs(~mask))
        ),
    },
    atol=1e-5,
)


def _edges(answer: Answer) -> str | None:
    case = _padded()[0]  # without padding: what is infinite here is the diagonal
    found = as_numbers(answer(*case.arguments))
    if found is not None and found.shape == (3, 3):
        values = found.astype(float)
        if not np.isfinite(np.diag(values)).any() and np.isfinite(values).sum() == 6:
            return (
                "the diagonal is infinite or NaN: the distance of an atom from itself is 0. "
                "Put another number there before you divide, and 0 into the result"
            )
    with_padding = _padded()[1]
    found = as_numbers(answer(*with_padding.arguments))
    if found is not None and found.shape == (5, 5):
        values = found.astype(float)
        between_padded = np.isnan(values[3, 4]) and np.isnan(values[4, 3])
        if between_padded and np.isfinite(values[:3, :3]).all():
            return (
                "the edge between two padded atoms in the same place is NaN: 1/0 is infinite, and "
                "infinity times 0 is NaN. It is too late to multiply by a mask: put a 1 for the "
                "distance before you divide, or choose with np.where"
            )
    said = _compared_edges(answer)
    if said and said.startswith("for "):
        return _explained_edges(answer) or said
    return said


def _explained_edges(answer: Answer) -> str | None:
    """Name what goes wrong with one kind of pairs alone."""
    small = True  # all edges that must be zero are small
    for case in _padded():
        x, mask = (array.copy() for array in case.arguments)
        found, right = as_numbers(answer(x, mask)), _inverse(-1.0, _pairs)(x, mask)
        if found is None or found.shape != right.shape:
            return None
        if (np.diag(found) > 1e4).any():
            return (
                "an atom has a huge edge to itself: a small number added to the distance, or "
                "np.nan_to_num, leaves something large in place of infinity. Put 0 on the diagonal"
            )
        real = _pairs(mask)
        if np.allclose(found[real & (_distances(x) < 4)], right[real & (_distances(x) < 4)]):
            if (found[real & (_distances(x) > 4)] == 0).any():
                return "atoms that are far apart lost their edge: the exercise asks for no cutoff"
            small = small and bool(np.all(np.abs(found[~real]) < 0.05))
        else:
            small = False
    if small:
        return (
            "where a padded atom takes part, the edges are small, and not zero: far away is not "
            "nowhere. Make them zero with the mask"
        )
    return None


# 5.3


def _messages() -> list[Case]:
    sample = _sample()
    water = sample[_WATER]
    elements = (water.atomic_numbers[:, None] == np.array([1, 8])).astype(float)
    one_way = np.array(
        [[0.5, 2.0, 0.0, 1.0], [0.0, 0.3, 3.0, 0.0], [1.0, 0.5, 0.7, 4.0], [2.0, 0.0, 1.5, 0.2]]
    )
    features = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 1.0], [-1.0, 1.0, 5.0], [4.0, 2.0, -3.0]])
    return [
        Case(
            "water with 1/r and one-hot elements",
            (_inverse(-1.0, _pairs)(water.positions, np.ones(3, bool)), elements),
        ),
        Case("four atoms whose edges are not symmetric", (one_way, features)),
    ]


def _off_diagonal(edges: Any) -> np.ndarray:
    return np.asarray(edges * (1 - np.eye(len(edges))))


def _step(edges: Any, features: Any) -> np.ndarray:
    return np.asarray(_off_diagonal(edges) @ features)


def _last_message(edges: Any, features: Any) -> np.ndarray:
    last = [len(edges) - 1] * (len(edges) - 1) + [len(edges) - 2]  # none to itself
    return np.asarray(edges[np.arange(len(edges)), last][:, None] * features[last])


def _one_after_the_other(edges: Any, features: Any) -> np.ndarray:
    new = np.array(features, float)
    for i in range(len(new)):
        new[i] = _off_diagonal(edges)[i] @ new
    return new


def _whole_features() -> tuple[np.ndarray, np.ndarray]:
    edges, features = _messages()[0].arguments
    return edges, features.astype(int)


# 5.4 and 4.5

# So many that a number that takes steps, such as the element of the highest atom, changes, too.
_TURNS = [
    Rotation.from_rotvec(v).as_matrix()
    for v in (
        [0.7, -1.1, 0.5], [-0.3, 0.4, 2.0], [1.5, 0.2, 0.1], [0.1, 1.6, -0.2], [3.0, 0.3, 0.2],
        [0.2, 2.9, 0.4], [-2.2, 0.5, 0.3], [0.6, -2.3, -0.1], [-1.2, -1.3, 0.4], [1.1, 1.9, -0.7],
    )
]  # fmt: skip
_SHIFT = np.array([2.0, -1.5, 3.0])
_MIRRORS = [np.diag(d) for d in ([1.0, 1.0, -1.0], [-1.0, 1.0, 1.0], [-1.0, -1.0, -1.0])]
_SMALLEST = 1e-4  # below it a number may be rounding error: students may compute in float32

Molecule = tuple[np.ndarray, np.ndarray]


def _generic_molecules() -> list[Molecule]:
    """Return numbers and positions of molecules without symmetry, their first atoms in no plane."""
    return [_molecule(row) for row in (1000, 1900, 100)]


def _molecule(row: int) -> Molecule:
    molecule = _sample()[row]
    return molecule.atomic_numbers.astype(int), molecule.positions.copy()


def _moved(numbers: np.ndarray, x: np.ndarray) -> dict[str, list[Molecule]]:
    rng = np.random.default_rng(0)
    order = rng.permutation(len(x))
    return {
        "moved": [(numbers, x + _SHIFT)],
        "turned": [(numbers, x @ turn.T) for turn in _TURNS],
        "in the mirror": [(numbers, x @ mirror) for mirror in _MIRRORS],
        "renumbered": [(numbers[o], x[o]) for o in (np.arange(len(x))[::-1], order)],
        # Atoms of one element keep their order among themselves.
        "sorted": [(numbers[o], x[o]) for o in (_stable(numbers), _stable(-numbers))],
        "deformed": [(numbers, x * [1.4, 0.7, 1.1]), (numbers, 3 * rng.standard_normal(x.shape))],
        "nearly the same": [(numbers, 1.001 * x)],
    }


def _stable(keys: np.ndarray) -> np.ndarray:
    return np.argsort(keys, kind="stable")


Pairs = dict[str, list[tuple[float, float]]]


def _before_and_after(
    answer: Answer, changes: Sequence[str], molecules: Sequence[Molecule]
) -> Pairs | str:
    """Return the answer's numbers before and after each change, or what is wrong with them."""
    pairs: Pairs = {name: [] for name in changes}
    for molecule in molecules:
        before = _one_number(answer(*(array.copy() for array in molecule)))
        if isinstance(before, str):
            return before
        moved = _moved(*molecule)
        for name in changes:
            for other in moved[name]:
                after = _one_number(answer(*(array.copy() for array in other)))
                if isinstance(after, str):
                    return after
                pairs[name].append((before, after))
    return pairs


def _one_number(value: object) -> float | str:
    number = as_numbers(value)
    if value is None:
        return "it returns None, expected a number: is a `return` missing?"
    if number is None:
        return f"it returns {describe(value)}, expected a number"
    if number.size != 1:
        return f"it returns {describe(number)}, expected one number for the whole molecule"
    found = float(number.reshape(())[()])
    return found if np.isfinite(found) else "it returns infinity or NaN"


def _scale(pairs: Pairs) -> float:
    return max(abs(number) for some in pairs.values() for pair in some for number in pair)


def _largest_change(pairs: Sequence[tuple[float, float]]) -> tuple[float, str]:
    before, after = max(pairs, key=lambda pair: abs(pair[1] - pair[0]))
    return abs(after - before), f"{before:.4g} becomes {after:.4g}"


def _only_rounding(pairs: Pairs) -> bool:
    """Tell rounding errors of zero from a number that is small: they change with any change."""
    near = pairs["nearly the same"]
    size = max(abs(before) for before, _ in near)
    return _scale(pairs) <= _SMALLEST and _largest_change(near)[0] > 0.1 * size


def _turning(answer: Answer) -> str | None:
    if remembers(answer, _molecule(1000), answer(*_molecule(1000))):
        return REMEMBERS
    pairs = _before_and_after(
        answer,
        ("moved", "renumbered", "sorted", "turned", "deformed", "nearly the same"),
        [*_generic_molecules(), _molecule(_ALL_FIVE)],
    )
    if isinstance(pairs, str):
        return pairs
    scale = _scale({name: pairs[name] for name in ("moved", "renumbered", "turned")})
    if scale == 0 or _only_rounding(pairs):
        return (
            "it is zero for every molecule that was tried. Differences from the mean, for "
            "instance, cancel when they are added: add their squares or sizes, or take the largest"
        )
    moved, renumbered, by_element = (
        _largest_change(pairs[name]) for name in ("moved", "renumbered", "sorted")
    )
    faults = []
    if moved[0] > 1e-3 * scale:
        faults.append(
            f"it changes when the molecule is carried to another place ({moved[1]}): measure from "
            "something that moves along, such as the mean position"
        )
    if renumbered[0] > 1e-3 * scale and by_element[0] <= 1e-3 * scale:
        faults.append(
            f"it changes when the atoms are numbered in another order ({renumbered[1]}): several "
            "atoms share an element, and np.argmax, np.argmin or a sort by element keep those in "
            "the order that they had. Treat all atoms of an element alike, such as by their mean"
        )
    elif max(renumbered[0], by_element[0]) > 1e-3 * scale:
        faults.append(
            f"it changes when the atoms are numbered in another order ({renumbered[1]}): no atom "
            "may be picked by its number; sums, means, the largest and the smallest are safe"
        )
    if faults:
        return ". And ".join(faults)
    if _largest_change(pairs["turned"])[0] > 2e-3 * scale:
        return _turning_others(answer)
    if _largest_change(pairs["deformed"])[0] <= 1e-3 * scale:
        return (
            "it does not depend on where the atoms are, so that turning cannot change it: use the "
            "positions"
        )
    return (
        "it should change when the molecule is turned, but stays the same in every turn that was "
        "tried: distances and angles are the same whichever way a molecule is turned. Use a "
        "direction that is fixed, such as z, and a number that changes smoothly with it"
    )


def _turning_others(answer: Answer) -> str | None:
    """Try molecules that lack some elements; water has one heavy atom alone."""
    for name, row in (("water", _WATER), ("propane", 12), ("CF₃CN", 632)):
        numbers, x = _molecule(row)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the mean of no atoms
            found = [_one_number(answer(numbers.copy(), x @ turn.T)) for turn in _TURNS]
        values = [value for value in found if isinstance(value, float)]
        if len(values) < len(found):
            return (
                f"for {name} {next(value for value in found if isinstance(value, str))}: a "
                "molecule need not have every element"
            )
        if row == _WATER and np.ptp(values) <= 2e-3 * float(np.abs(values).max()):
            return (
                f"for water it is {values[0]:.4g} however the molecule is turned, and should "
                "change. One heavy atom alone has no height, so take all atoms; and do not round"
            )
    return None


def _explain_elements(error: BaseException, arguments: tuple[Any, ...]) -> str | None:
    if isinstance(error, KeyError) and arguments:
        return (
            "the table lacks this atomic number: molecules may have H, C, N, O and F, which are "
            "1, 6, 7, 8 and 9"
        )
    return None


def _hand(answer: Answer) -> str | None:
    def of_positions(numbers: np.ndarray, x: np.ndarray) -> Any:
        return answer(x)

    pairs = _before_and_after(
        of_positions,
        ("moved", "turned", "in the mirror", "nearly the same"),
        _generic_molecules(),
    )
    if isinstance(pairs, str):
        return pairs
    scale = _scale(pairs)
    if scale == 0:
        return (
            "it is exactly zero for every molecule, and zero is its own mirror image. Return a "
            "number with a size and a sign"
        )
    if _only_rounding(pairs):
        return (
            "it is zero for every molecule: three vectors in one plane span no volume. Three atoms "
            "and a point between them always lie in one plane; take four atoms"
        )
    moved, turned = (_largest_change(pairs[name]) for name in ("moved", "turned"))
    if moved[0] > 1e-3 * scale:
        return (
            f"it changes when the molecule is carried to another place ({moved[1]}): take vectors "
            "from one atom to others in place of positions"
        )
    if turned[0] > 1e-3 * scale:
        return (
            f"it changes when the molecule is turned ({turned[1]}): use only what a rotation of "
            "all vectors between atoms keeps, and none of the axes x, y and z by itself"
        )
    mirrored = pairs["in the mirror"]
    if all(abs(after + before) <= 1e-3 * scale for before, after in mirrored):
        return _hand_of_small_molecules(answer, scale)
    if all(abs(after - before) <= 1e-3 * scale for before, after in mirrored):
        if np.ptp([before for before, _ in mirrored]) <= 1e-6 * scale:
            return "it is the same number for every molecule, whatever the positions are"
        return (
            f"the mirror image has the same number ({mirrored[0][0]:.4g}). Lengths, angles, "
            "squares and absolute values cannot tell left from right. Which quantity has a sign "
            "that a mirror reverses?"
        )
    before, after = max(mirrored, key=lambda pair: abs(pair[1] + pair[0]))
    return (
        f"in the mirror {before:.4g} becomes {after:.4g}, expected {-before:.4g}: only the sign "
        "of the number should change"
    )


_FLAT_IN_PART = (
    ("methane", 0),
    ("propane", 12),
    ("ethanol", 13),
    ("dimethyl ether", 14),
    ("cyclopropane", 15),
)


def _hand_of_small_molecules(answer: Answer, scale: float) -> str | None:
    """Try molecules in which a centre lies on an atom, or four of the atoms in a plane."""
    for name, row in _FLAT_IN_PART:
        value = _one_number(answer(_molecule(row)[1]))
        if isinstance(value, str):
            return f"for {name} {value}"
        if abs(value) <= 1e-4 * scale:
            return (
                f"for {name} it is zero, so that its mirror image has the same number. The mean of "
                "all atoms may lie on an atom, or in a plane with others, and the last four atoms "
                "may lie in a plane; the first four never do: take vectors between these"
            )
    return None


# 5.6


def _pools() -> list[Case]:
    rng = np.random.default_rng(0)
    energies = np.round(rng.uniform(-6.0, -3.0, (3, 5)), 1)
    single = np.array([-4.0, -5.5, -3.5])
    copies = np.full((2, 7), -9.0)  # what stands in the place of padded atoms is anything
    copies[0, :3] = single
    copies[1, :6] = np.tile(single, 2)
    return [
        Case(
            "three padded molecules",
            (energies, np.arange(5) < np.array([[3], [5], [2]])),
        ),
        Case(
            "a molecule, and two copies of it as one system,",
            (copies, np.arange(7) < np.array([[3], [6]])),
        ),
        Case(
            "two molecules with padding between their atoms",
            (energies[:2], np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 1]], bool)),
        ),
    ]


def _pool(energies: Any, mask: Any) -> np.ndarray:
    return np.asarray(np.where(mask, energies, 0.0).sum(axis=1))


# 5.7


@cache
def _network(kind: str) -> Any:
    """Return a graph network with random weights.

    They are NumPy's: to compile JAX's random numbers for all their shapes takes seconds.
    """
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    from qm9lib.models import gnn

    options: dict[str, dict[str, Any]] = {
        "the network of the chapter": {},
        "a network of three layers": {"layers": 3, "nodes": 12},
        "the network with Bessel functions": {"edge_function": gnn.bessel_edges},
    }
    shapes = eqx.filter_eval_shape(gnn.GraphNetwork, key=jax.random.key(0), **options[kind])
    rng = np.random.default_rng(5)

    def filled(leaf: Any) -> Any:
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            return leaf
        numbers = 0.25 * rng.standard_normal(leaf.shape)
        if kind == "a network of three layers" and leaf.ndim < 2:
            numbers *= 0.0  # biases begin at zero, and are trained all the same
        return jnp.asarray(numbers, jnp.float32)

    return jax.tree.map(filled, shapes)


def _networks() -> list[Case]:
    return [
        Case(kind, (_network(kind),))
        for kind in (
            "the network of the chapter",
            "a network of three layers",
            "the network with Bessel functions",
        )
    ]


def _leaves(network: Any) -> list[Any]:
    import jax

    return jax.tree.leaves(network)


def _count(network: Any, least_axes: int = 0) -> int:
    return sum(leaf.size for leaf in _leaves(network) if leaf.ndim >= least_axes)


def _without_biases(network: Any) -> int:
    biases = sum(layer.edge_bias.size for layer in network.layers)
    return int(_count(network) - biases - network.bias.size)


# 5.8

_ROWS = (7, 500, 2, 0, 100, 300)  # the largest not first, and two padded sizes of the package


@cache
def _compiled() -> Callable[[Any, Any], Any]:
    import jax

    network = _network("the network of the chapter")
    return jax.jit(lambda numbers, x: network(numbers, x))


def _energy(atomic_numbers: Any, positions: Any) -> Any:
    """Return the energy of one molecule; known by its name in the process of a notebook too."""
    return _compiled()(atomic_numbers, positions)


@cache
def _with_the_largest() -> QM9:
    """Return the sample, and one molecule more: of 29 atoms, as the largest of QM9 have them."""
    atoms = "".join(
        f"{'C' if i % 3 == 1 else 'H'} {0.9 * i:.1f} {i % 2:.1f} 0\n" for i in range(29)
    )
    chain = xyz.to_qm9(xyz.parse(f"29\natoms in a row\n{atoms}"))
    names = [field.name for field in fields(QM9) if field.name != "offsets"] + ["n_atoms"]
    both = _sample(), replace(chain, index=chain.index + 200_000)  # behind all numbers of QM9
    return QM9(**concatenate([{name: getattr(part, name) for name in names} for part in both]))


@cache
def _energies_one_by_one(rows: tuple[int, ...]) -> tuple[QM9, np.ndarray]:
    """Return molecules, and the energies that the network gives to each alone."""
    import jax
    import jax.numpy as jnp

    molecules = _with_the_largest()[np.array(rows)]
    atoms = int(molecules.n_atoms.max())
    numbers = np.zeros((len(molecules), atoms), np.int32)
    positions = np.zeros((len(molecules), atoms, 3), np.float32)
    for i, molecule in enumerate(molecules):
        numbers[i, : len(molecule)] = molecule.atomic_numbers
        positions[i, : len(molecule)] = molecule.positions
    # Padding leaves the energies as they are, which the package's own tests make sure of.
    expected = jax.vmap(_energy)(jnp.asarray(numbers), jnp.asarray(positions))
    return molecules, np.asarray(expected, np.float64)


def _batch(answer: Answer) -> str | None:
    reason = _batch_of(answer, _ROWS)
    if reason:
        return reason
    # Others, so that neither the number of molecules nor the largest can be taken for granted.
    reason = _batch_of(answer, (1, 300, -1, 5))
    return (
        reason
        and f"right for six molecules, and wrong for four others, one of which is larger: {reason}"
    )


def _batch_of(answer: Answer, rows: tuple[int, ...]) -> str | None:
    molecules, expected = _energies_one_by_one(rows)
    network = Counted(_energy)
    found = answer(network, molecules)
    if found is None:
        return "it returns None, expected an array: is a `return` missing?"
    numbers = as_numbers(found)
    if numbers is None:
        return f"it returns {describe(found)}, expected an array of shape {expected.shape}"
    if not numbers.ndim:
        return f"it returns one number for {len(molecules)} molecules, expected one for each"
    if numbers.shape != expected.shape:
        return f"it returns an array of shape {numbers.shape}, expected {expected.shape}"
    values = numbers.astype(float)
    if not same(values, expected, rtol=1e-4, atol=1e-4):
        return _name_the_batch(values, expected, molecules)
    if network.calls >= len(molecules):
        return (
            f"the energies are right, and the network was called {network.calls} times: pad the "
            "molecules to one size, and call jax.vmap(network) once"
        )
    return None


def _explain_batch(error: BaseException, _: tuple[Any, ...]) -> str | None:
    said = str(error)
    if isinstance(error, ValueError) and re.search("more than .* places|could not broadcast", said):
        return (
            "a molecule does not fit into so few slots: pad to as many as the largest has atoms, "
            "int(molecules.n_atoms.max())"
        )
    if isinstance(error, IndexError) and "cannot take" in said:
        return (
            "rows count the molecules that the function is given, from 0: "
            "np.arange(len(molecules)), however many there are"
        )
    return None


def _name_the_batch(found: np.ndarray, expected: np.ndarray, molecules: QM9) -> str:
    atoms = molecules.n_atoms
    right = np.isclose(found, expected, rtol=1e-4, atol=1e-4)
    if np.allclose(np.sort(found), np.sort(expected), rtol=1e-4, atol=1e-4):
        return (
            "the energies are right, but in a different order from the molecules. For batches "
            "from graphs.bucketed, batch.row gives the row of each molecule"
        )
    if np.allclose(found, expected / atoms, rtol=1e-4, atol=1e-4):
        return "these are energies per atom; return those of the molecules"
    if not np.isfinite(found).all():
        bad = int((~np.isfinite(found)).sum())
        return (
            f"energies are infinite or NaN ({bad} of {len(found)}): two atoms with a nonzero "
            "atomic number are in the same place. Padded atoms have the number 0"
        )
    if right[atoms == atoms.max()].all() and not right[atoms < atoms.max()].any():
        return (
            "the largest molecule is right, which needs no padding, and all others are wrong: the "
            "padded atoms take part. Give them the atomic number 0, which the network masks"
        )
    if right[atoms == atoms.min()].all() and not right[atoms > atoms.min()].any():
        return (
            "the smallest molecule is right, and from all others atoms were cut off: pad to the "
            "largest number of atoms, molecules.n_atoms.max()"
        )
    i = int(np.flatnonzero(~right)[0])
    return (
        f"{int((~right).sum())} of {len(found)} energies are wrong, such as that of "
        f"{molecules[i].formula}: it is {found[i]:.4g}, and alone the molecule has "
        f"{expected[i]:.4g}"
    )


# 5.9


_RAISED = 1.0  # eV: so much larger are the gaps that an answer gets


class _Unlabelled(QM9):
    """Molecules whose labels are hidden: asked for them, it says so."""

    def target(self, label: str, unit: str | None = None) -> np.ndarray:
        raise ValueError(
            "the labels of the test molecules are hidden: train on `train`, let `valid` choose "
            "the epoch, and predict `test`"
        )


def _hidden(qm9: QM9) -> QM9:
    labels = qm9.labels.copy()
    labels[:, 1:] = np.nan
    return _Unlabelled(
        qm9.index, qm9.offsets, qm9.atomic_numbers, qm9.positions, qm9.charges, labels, qm9.smiles
    )


@cache
def _small_sets() -> tuple[QM9, QM9, QM9]:
    """Return the sets of the exercise's page: of one padded size, so that XLA compiles little."""
    sample = _sample()
    small = sample[sample.n_atoms <= 15]
    order = np.random.default_rng(0).permutation(len(small))
    return small[order[:800]], small[order[800:900]], small[order[900:]]


@cache
def _raised_sets() -> tuple[QM9, QM9, QM9]:
    """Return the same molecules with gaps that nobody can have learned before.

    The orbitals stay as they are to each other: the lumo is raised by as much.
    """
    raised = []
    for part in _small_sets():
        labels = part.labels.copy()
        for label in ("lumo", "gap"):
            labels[:, LABELS[label].index] += convert(_RAISED, "eV", "hartree")
        raised.append(replace(part, labels=labels))
    train, valid, test = raised
    return train, valid, test


def _gap(answer: Answer) -> str | None:
    train, valid, test = _raised_sets()
    found = answer(train, valid, _hidden(test))
    if found is None:
        return "it returns None, expected an array: is a `return` missing?"
    numbers = as_numbers(found)
    if numbers is None:
        return (
            f"it returns {describe(found)}, expected an array of {len(test)} gaps in eV, such as "
            'model.predict(test, "eV")'
        )
    if numbers.shape != (len(test),):
        for name, part in (("train", train), ("valid", valid)):
            if numbers.shape == (len(part),):
                return (
                    f"it returns {len(part)} numbers, as many as there are molecules in `{name}`: "
                    "what counts are molecules that training never saw, those of `test`"
                )
        return (
            f"it returns {describe(numbers)}, expected a gap for each of the {len(test)} test "
            f"molecules: shape ({len(test)},)"
        )
    return _judge_gaps(numbers.astype(float))


@np.errstate(over="ignore", invalid="ignore")
def _judge_gaps(found: np.ndarray) -> str | None:
    train, _, test = _raised_sets()
    truth, known = test.target("gap", "eV"), train.target("gap", "eV")
    if not np.isfinite(found).all():
        return (
            f"{int((~np.isfinite(found)).sum())} of {len(found)} gaps are infinite or NaN. "
            "The labels of `test` are hidden (nan), and only its atoms can be used; or the "
            "learning rate is too large"
        )
    always_the_mean = float(np.abs(truth - known.mean()).mean())
    error = float(np.abs(found - truth).mean())
    for unit in ("hartree", "meV", "kcal/mol", "kJ/mol"):
        if np.abs(convert(found, unit, "eV") - truth).mean() <= 1.5 * always_the_mean:
            return f"the gaps are in {unit}; the exercise asks for eV"
    if np.abs(23.06 * convert(found, "hartree", "eV") - truth).mean() <= 1.5 * always_the_mean:
        return (
            "these are gaps in hartree, divided by 23: 23.06 is the number of kcal/mol in an eV. "
            'model.predict(test, "eV") gives eV directly'
        )
    enthalpies = test.target("H", "eV")
    for unit in ("eV", "hartree", "kcal/mol"):
        if np.abs(convert(found, unit, "eV") / enthalpies - 1).mean() < 0.1:
            return (
                f"these are energies of whole molecules in {unit}, such as enthalpies, not "
                'gaps: training.fit learns "H" unless the label "gap" comes after the molecules'
            )
    from_the_page = float(np.abs(found + _RAISED - truth).mean())
    if min(error, from_the_page) < 0.02:
        return (
            "these are the labels of the test molecules themselves: that is a leak, not a "
            "prediction. A network has to find them from the atoms and their positions"
        )
    if from_the_page < min(error, 0.9 * always_the_mean):
        return (
            f"these are gaps as on the page; the labels that the function is given are {_RAISED:g} "
            "eV larger. Take `train` and `valid` from its arguments, and train inside it"
        )
    if abs(found.mean() - truth.mean()) > 2.0:
        means = (
            f"the mean of your gaps is {found.mean():.2g} eV, and that of the training molecules "
            f"{known.mean():.2g} eV"
        )
        if abs(found.mean()) < 1.0:
            return (
                f"{means}. Was a mean subtracted before the training, and not added again? The "
                "network's own output is standardised, too; model.predict adds the mean"
            )
        for label in ("homo", "lumo"):
            if abs(found.mean() - train.target(label, "eV").mean()) < 0.5:
                return f'{means}. These are energies of the {label}: the label is "gap"'
        return (
            f'{means}. Is the label "gap"? And are features of training and test molecules scaled '
            "by the same numbers, those of the training set?"
        )
    return _compare_with_the_mean(found, error, always_the_mean, test)


def _compare_with_the_mean(
    found: np.ndarray, error: float, always_the_mean: float, test: QM9
) -> str | None:
    if np.ptp(found) < 1e-3:
        return (
            f"all molecules get the same gap, {found[0]:.3g} eV: that is the baseline, with an "
            f"MAE of {error:.2f} eV. Train a network that is better"
        )
    _, formula = np.unique(test.composition, axis=0, return_inverse=True)
    spread = [np.ptp(found[formula.ravel() == group]) for group in range(int(formula.max()) + 1)]
    if max(spread) < 1e-4:
        return (
            "molecules of one formula all get the same gap: this is a composition model, with an "
            f"MAE of {error:.2f} eV. Use a network, or another model that sees the positions"
        )
    if error > 0.9 * always_the_mean:
        return (
            f"the MAE of the test molecules is {error:.2f} eV, and always answering with the mean "
            f"gives {always_the_mean:.2f} eV. Beat that by at least a tenth: more epochs, or a "
            "larger learning rate. And are the gaps in the order of `test`?"
        )
    # No digits of the error: training gives other ones on another processor.
    share = "a third" if error < 2 / 3 * always_the_mean else "a tenth"
    return Right(
        f"your MAE is more than {share} below the {always_the_mean:.2f} eV of always answering "
        "with the mean"
    )


EXERCISES = (
    Exercise(
        "5.1",
        "Distances between all pairs",
        "pair_distances",
        _all_pairs,
        (
            "x[:, None, :] - x[None, :, :] has the shape (atoms, atoms, 3): the difference of "
            "every two positions.",
            "Square it, add up the last axis, take the root.",
            "np.sqrt(np.sum(difference**2, axis=-1)), with the difference of the first hint.",
        ),
        "distances are all that this network sees of a molecule: they do not change when it is "
        "moved, turned or mirrored",
    ),
    Exercise(
        "5.2",
        "1/r, and zero for padding",
        "edge_weights",
        _edges,
        (
            "Take the distances r as in 5.1. An edge joins two atoms that are real and different: "
            "mask[:, None] & mask[None, :], and not the diagonal.",
            "Multiplying by the mask after the division is too late: infinity times 0 is NaN. Put "
            "a 1 in place of the distance wherever there is no edge, and then divide.",
            "np.where(pair, 1 / np.where(pair, r, 1.0), 0.0), with pair from the first hint and "
            "the distances r.",
        ),
        "padding of any kind now sends nothing and hears nothing, and no infinity is left",
    ),
    Exercise(
        "5.3",
        "One message-passing step on water",
        "message_step",
        compared(
            _step,
            _messages,
            {
                "each atom hears itself, too: leave out the diagonal of the edges": (
                    lambda edges, features: edges @ features
                ),
                "sender and receiver are swapped: in edges[i, j] it is j that sends and i that "
                "hears": lambda edges, features: _off_diagonal(edges).T @ features,
                "sender and receiver are swapped (in edges[i, j] it is j that sends), and the "
                "diagonal takes part": lambda edges, features: edges.T @ features,
                "1 was subtracted from the diagonal of the edges, which does not make it zero: "
                "multiply the edges by 1 - np.eye(len(edges))": (
                    lambda edges, features: (edges - np.eye(len(edges))) @ features
                ),
                "the sum runs over the receivers i; what atom i hears is a sum over the senders j, "
                "axis=1": lambda edges, features: (
                    _off_diagonal(edges).sum(axis=0)[:, None] * features
                ),
                "what the atoms hear was added up over all atoms, too; return a row for each": (
                    lambda edges, features: _step(edges, features).sum(axis=0)
                ),
                "this is a mean over the other atoms; add up what they send": (
                    lambda edges, features: _step(edges, features) / (len(edges) - 1)
                ),
                "this is a mean over all atoms; add up what the others send": (
                    lambda edges, features: _step(edges, features) / len(edges)
                ),
                "this is a mean with weights: do not divide by the sum of the weights": (
                    lambda edges, features: (
                        _step(edges, features) / _off_diagonal(edges).sum(axis=1, keepdims=True)
                    )
                ),
                "the edges are not used: multiply each feature by the weight of its edge": (
                    lambda edges, features: (1 - np.eye(len(edges))) @ features
                ),
                "each atom got its own feature times its edges; what travels is the feature of "
                "the sender": (
                    lambda edges, features: (
                        _off_diagonal(edges).sum(axis=1, keepdims=True) * features
                    )
                ),
                "the atom's own feature was added; the sum is over the others alone": (
                    lambda edges, features: _step(edges, features) + features
                ),
                "the atoms were updated one after the other, so that later ones hear new features: "
                "all of them hear the old ones": _one_after_the_other,
                "the edges were made symmetric: they need not be": lambda edges, features: _step(
                    (edges + edges.T) / 2, features
                ),
                "the edges were added to their transpose: they need not be symmetric": (
                    lambda edges, features: _step(edges + edges.T, features)
                ),
                "only atoms with a smaller number are heard: those after it count, too": (
                    lambda edges, features: np.tril(edges, -1) @ features
                ),
                "only atoms with a larger number are heard: those before it count, too": (
                    lambda edges, features: np.triu(edges, 1) @ features
                ),
                "zeros were put on the diagonal of the result: they belong on that of the edges": (
                    lambda edges, features: (
                        (edges @ features) * (1 - np.eye(len(edges), features.shape[1]))
                    )
                ),
                "what is negative became 0, as in an activation function: the exercise asks for "
                "none": (lambda edges, features: np.maximum(_step(edges, features), 0)),
                "only the last message is left: does each pass of the loop overwrite the sum? Add "
                "to it, with +=": _last_message,
                "the last atom is not heard: range(n - 1) ends before it": (
                    lambda edges, features: _off_diagonal(edges)[:, :-1] @ features[:-1]
                ),
                "the first atom is not heard": (
                    lambda edges, features: _off_diagonal(edges)[:, 1:] @ features[1:]
                ),
                "all edges count 1, whatever their weight: multiply by edges[i, j]": (
                    lambda edges, features: (_off_diagonal(edges) > 0) @ features
                ),
                "this is the largest message; add up all of them": lambda edges, features: np.max(
                    _off_diagonal(edges)[:, :, None] * features[None, :, :], axis=1
                ),
            },
            whole=lambda: [Case("one-hot features that are integers", _whole_features())],
            rtol=1e-4,
            atol=1e-5,
        ),
        (
            "For atom i: add edges[i, j] * features[j] over all j but i.",
            "Two loops do it. So does a matrix product, once the diagonal of the edges is zero.",
            "(edges * (1 - np.eye(len(edges)))) @ features",
        ),
        "a sum over neighbours is a matrix product; all that a layer adds are learned weights and "
        "a nonlinear function",
    ),
    Exercise(
        "5.4",
        "Break one invariance",
        "turning_number",
        _turning,
        (
            "Which simple properties of a molecule depend on how it is turned? Its height does, "
            "for one.",
            "Height is measured along z. Take a difference of two heights, and it no longer "
            "matters where the molecule lies. Treat all atoms alike, and neither does their "
            "numbering.",
            "The largest z minus the smallest: positions[:, 2].max() - positions[:, 2].min().",
        ),
        "one invariance broken and two kept, each of them tested: this is how a test shows that "
        "it can fail",
        explain=_explain_elements,
    ),
    Exercise(
        "5.5",
        "Left hand, right hand",
        "handedness",
        _hand,
        (
            "Three vectors that start in one atom span a volume. Its sign says whether they point "
            "like thumb, forefinger and middle finger of the right hand, or of the left.",
            "Take the vectors from atom 0 to atoms 1, 2 and 3. The signed volume is a triple "
            "product, a · (b × c).",
            "np.linalg.det(positions[1:4] - positions[0])",
        ),
        "a triple product knows left from right; distances never do, so a network on distances "
        "gives both mirror images one energy, as it must",
    ),
    Exercise(
        "5.6",
        "Sum against mean",
        "pooled_energy",
        compared(
            _pool,
            _pools,
            {
                "this is a mean over the real atoms: two copies of a molecule would have the "
                "energy of one. Add them up": (
                    lambda energies, mask: _pool(energies, mask) / mask.sum(axis=1)
                ),
                "padded atoms take part: their energies mean nothing. Use the mask": (
                    lambda energies, mask: energies.sum(axis=1)
                ),
                "this is a mean, and padded atoms take part: take the sum, and use the mask": (
                    lambda energies, mask: energies.mean(axis=1)
                ),
                "this was divided by the length of the row, padding included: the energy would "
                "depend on how much is padded. Take the sum": (
                    lambda energies, mask: _pool(energies, mask) / mask.shape[1]
                ),
                "this was divided by the number of molecules: add up the atoms of each": (
                    lambda energies, mask: _pool(energies, mask) / len(mask)
                ),
                "the last place of each row is left out: it may hold a real atom": (
                    lambda energies, mask: _pool(energies[:, :-1], mask[:, :-1])
                ),
                "all rows are cut to the number of atoms of the first molecule: each has its own "
                "row of the mask": lambda energies, mask: energies[:, : mask[0].sum()].sum(axis=1),
                "this is the largest energy of a real atom; add up all real atoms": (
                    lambda energies, mask: np.where(mask, energies, -np.inf).max(axis=1)
                ),
                "this is the largest energy, padding included; add up all real atoms": (
                    lambda energies, mask: np.asarray(energies).max(axis=1)
                ),
                "this is the largest energy after padded ones were made zero; take the sum": (
                    lambda energies, mask: np.where(mask, energies, 0.0).max(axis=1)
                ),
                "this is the lowest energy of a real atom; add up all real atoms": (
                    lambda energies, mask: np.where(mask, energies, np.inf).min(axis=1)
                ),
                "the padded atoms were added up, and the real ones left out: True is real": (
                    lambda energies, mask: _pool(energies, ~mask)
                ),
                "atoms of different molecules were added up, place by place: sum over the last "
                "axis, axis=1": lambda energies, mask: np.where(mask, energies, 0.0).sum(axis=0),
                "all molecules were added up to one number: sum over the last axis, axis=1": (
                    lambda energies, mask: np.where(mask, energies, 0.0).sum()
                ),
                "the padded atoms are not always at the end: look at the mask, and not at the "
                "number of atoms": lambda energies, mask: _pool(
                    energies, np.arange(mask.shape[1]) < mask.sum(axis=1, keepdims=True)
                ),
                "all rows are cut to the size of the largest molecule, and the padding of smaller "
                "ones takes part": lambda energies, mask: energies[:, : mask.sum(axis=1).max()].sum(
                    axis=1
                ),
                "the mean over the real atoms was multiplied by the length of the row: multiply it "
                "by the number of real atoms, or take the sum": (
                    lambda energies, mask: _pool(energies, mask) / mask.sum(axis=1) * mask.shape[1]
                ),
                "a mean over the whole batch was subtracted: the energy of a molecule does not "
                "depend on the others": lambda energies, mask: (
                    _pool(energies, mask) - _pool(energies, mask).mean()
                ),
                "these are numbers of atoms: add up the energies": (
                    lambda energies, mask: mask.sum(axis=1)
                ),
            },
            rtol=1e-4,
            atol=1e-4,
        ),
        (
            "What should the energy of two equal molecules far apart be? Which of sum, mean and "
            "maximum gives it?",
            "Make the energies of padded atoms zero: they add nothing to a sum.",
            "np.where(mask, atom_energies, 0.0).sum(axis=1)",
        ),
        "a sum is right for an energy whatever the size of the molecule, even beyond the sizes "
        "seen in training; a gap, though, does not double for two copies",
    ),
    Exercise(
        "5.7",
        "Count the parameters",
        "number_of_parameters",
        compared(
            _count,
            _networks,
            {
                "this is the number of arrays; each holds as many numbers as its .size": (
                    lambda network: len(_leaves(network))
                ),
                "these are bytes: a float32 takes four of them": (
                    lambda network: sum(leaf.nbytes for leaf in _leaves(network))
                ),
                "the biases are missing, and they are trained, too: edge_bias of each layer, and "
                "the network's own bias": _without_biases,
                "arrays of one axis and single numbers are missing: a bias is a parameter, too": (
                    lambda network: _count(network, least_axes=2)
                ),
                "one number is missing: an array without axes, such as the last bias, holds one": (
                    lambda network: _count(network, least_axes=1)
                ),
                "only arrays with two axes were counted; weights may have three, biases have one, "
                "and a number by itself has none": lambda network: sum(
                    leaf.size for leaf in _leaves(network) if leaf.ndim == 2
                ),
                "the parameters were added up, not counted: .size in place of .sum()": (
                    lambda network: sum(float(leaf.sum()) for leaf in _leaves(network))
                ),
                "the parameters were added up, not counted, and made a whole number: take .size, "
                "not .sum()": lambda network: int(sum(float(a.sum()) for a in _leaves(network))),
                "parameters that are zero were left out: a bias begins at zero, and is trained": (
                    lambda network: sum(int(np.count_nonzero(a)) for a in _leaves(network))
                ),
                "equal parameters were counted once: each is trained by itself": (
                    lambda network: sum(np.unique(a).size for a in _leaves(network))
                ),
                "equal parameters were counted once, as in a set: each is trained by itself": (
                    lambda network: (
                        np.unique(np.concatenate([np.ravel(a) for a in _leaves(network)])).size
                    )
                ),
                "only the last axis of each array was counted: .size is the product of all": (
                    lambda network: sum(a.shape[-1] if a.ndim else 1 for a in _leaves(network))
                ),
                "only the first axis of each array was counted: .size is the product of all": (
                    lambda network: sum(a.shape[0] if a.ndim else 1 for a in _leaves(network))
                ),
                "only the first and the last axis of each array were multiplied: weights may have "
                "three, and an array of one axis would count twice": lambda network: sum(
                    a.shape[0] * a.shape[-1] if a.ndim else 1 for a in _leaves(network)
                ),
                "the first array is missing: count all of jax.tree.leaves(network)": (
                    lambda network: sum(a.size for a in _leaves(network)[1:])
                ),
                "only the first two axes of each array were multiplied: weights may have three": (
                    lambda network: sum(int(np.prod(a.shape[:2])) for a in _leaves(network))
                ),
                "only the last array was counted: add each to what there is, n += ...": (
                    lambda network: _leaves(network)[-1].size
                ),
                "only the first array was counted: is `return` inside the loop?": (
                    lambda network: _leaves(network)[0].size
                ),
                "arrays of the same size were counted once: a set holds equal numbers once": (
                    lambda network: sum({a.size for a in _leaves(network)})
                ),
                "the lengths of the axes were added, and an array without axes counts 1: an array "
                "of shape (a, b) holds a · b numbers": lambda network: sum(
                    sum(a.shape) or 1 for a in _leaves(network)
                ),
                "this takes two layers of one size for granted: a network may have more": (
                    lambda network: 2 * _count(network.layers[0]) + 9
                ),
                "this is the first layer alone": lambda network: _count(network.layers[0]),
                "the layers are right; what turns the global feature into the energy, weight and "
                "bias of the network, is missing": lambda network: _count(network.layers),
                "the lengths of the axes were added; an array of shape (a, b) holds a · b "
                "numbers": lambda network: sum(sum(leaf.shape) for leaf in _leaves(network)),
                "this is the number of layers": lambda network: len(network.layers),
            },
            rtol=0.0,
            atol=0.1,
        ),
        (
            "A network is a tree of arrays. jax.tree.leaves(network) is a list of them.",
            "How many numbers an array holds is its .size: the product of its shape, and 1 for an "
            "array without axes.",
            "sum(leaf.size for leaf in jax.tree.leaves(network))",
        ),
        "1,321 numbers: fewer than the sample has molecules, and yet the network is far better "
        "than the five numbers of the composition model",
        needs_jax=True,
    ),
    Exercise(
        "5.8",
        "Batching gives the same",
        "batch_energies",
        _batch,
        (
            "Arrays of one shape are needed: (molecules, atoms) for the atomic numbers and "
            "(molecules, atoms, 3) for the positions, filled up with zeros.",
            "graphs.pad(molecules, rows, atoms) makes both, for rows 0, 1, 2 … and atoms at least "
            "molecules.n_atoms.max(). Filling arrays of zeros in a loop is as good.",
            "batch = graphs.pad(molecules, np.arange(len(molecules)), "
            "int(molecules.n_atoms.max())); then jax.vmap(network)(batch.atomic_numbers, "
            "batch.positions).",
        ),
        "one call in place of six, with the same energies: the mask makes padding invisible, and "
        "one shape needs one compiled program",
        explain=_explain_batch,
        needs_jax=True,
    ),
    Exercise(
        "5.9",
        "Another target",
        "predict_gap",
        _gap,
        (
            'training.fit(network, train, valid, "gap", settings=...) returns the trained model '
            "and a record of the training.",
            "A network: gnn.GraphNetwork(edge_function=gnn.bessel_edges, key=jax.random.key(0)). "
            "Settings: training.Settings(epochs=20, learning_rate=1e-2).",
            'model, run = training.fit(...); return model.predict(test, "eV"). Give fit '
            "progress=False for silence.",
        ),
        "Another label: what a model learns is decided by the data that it is shown, and the "
        "baseline says whether it has learned anything",
        needs_jax=True,
    ),
)
