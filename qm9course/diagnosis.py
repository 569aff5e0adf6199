"""Compare the result of an answer with the right one, and name the difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from qm9lib import convert

_UNITS = ("hartree", "eV", "meV", "kcal/mol", "kJ/mol")
_FACTORS = {
    "pi": np.pi,
    "2 pi": 2 * np.pi,
    "1 / pi": 1 / np.pi,
    "the root of 2": np.sqrt(2),
    "1 over the root of 2": np.sqrt(0.5),
    "a third": 1 / 3,
    "a quarter": 0.25,
    "1 bohr is 0.5292 Å": 0.529177,
    "1 Å is 1.89 bohr": 1 / 0.529177,
    "1 hartree is 27.2114 eV": 27.2114,
    "1 eV is 0.03675 hartree": 1 / 27.2114,
    "1 hartree is 627.5095 kcal/mol": 627.5095,
    "1 hartree is 2,625.5 kJ/mol": 2625.5,
    "1 kcal is 4.184 kJ": 4.184,
    "1 kJ is 0.239 kcal": 1 / 4.184,
}
"""Factors between a wrong and a right result that are worth a remark."""
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_KINDS = {str: "a string", Set: "a set", Mapping: "a dictionary", bool | np.bool_: "True or False"}
"""Words for expected results that are neither numbers nor tuples."""


def same(found: object, expected: object, rtol: float = 1e-4, atol: float = 1e-8) -> bool:
    """Return whether results agree: numbers, arrays, texts, sets, sequences or mappings of them.

    Examples
    --------
    >>> same([1.0, 2.0], np.array([1.0, 2.0])), same("a", "b"), same({1, 2}, {2, 1})
    (True, False, True)
    """
    if isinstance(expected, str | bool | np.bool_ | None):
        return type(found) in (type(expected), np.bool_) and bool(found == expected)
    if isinstance(expected, Set):
        return isinstance(found, Set) and found == expected
    if isinstance(expected, Mapping):
        return (
            isinstance(found, Mapping)
            and found.keys() == expected.keys()
            and all(same(found[key], expected[key], rtol, atol) for key in expected)
        )
    if isinstance(expected, tuple):
        return (
            isinstance(found, Sequence)
            and len(found) == len(expected)
            and all(same(a, b, rtol, atol) for a, b in zip(found, expected, strict=True))
        )
    numbers = as_numbers(found)
    wanted = np.asarray(expected)
    return (
        numbers is not None
        and numbers.shape == wanted.shape
        and (wanted.dtype != bool or numbers.dtype == bool)
        and np.allclose(numbers, wanted, rtol=rtol, atol=atol)
    )


def unit_of(
    found: Sequence[object], expected: Sequence[object], unit: str | None, rtol: float, atol: float
) -> str | None:
    """Return the energy unit in which all results agree with the expected ones, given in ``unit``.

    Without a unit, it returns ``""`` if they agree as they are, and None if they do not.
    """
    if all(same(a, b, rtol, atol) for a, b in zip(found, expected, strict=True)):
        return unit or ""
    if not unit:
        return None
    numbers = [as_numbers(value) for value in expected]
    for other in (name for name in _UNITS if name != unit):
        factor = convert(1.0, unit, other)
        if all(
            number is not None and same(value, factor * number, max(rtol, 1e-4), atol)
            for value, number in zip(found, numbers, strict=True)
        ):
            return other
    return None


def as_numbers(value: object) -> np.ndarray | None:
    """Return numbers (of Python, NumPy or JAX, or in lists) as an array; None for anything else."""
    if value is None or isinstance(value, str | bytes | Set | Mapping):
        return None
    try:
        array = np.asarray(value)
    except Exception:  # raised by ragged lists, tracers and whatever else students return
        return None
    return array if array.dtype.kind in "biuf" else None


def describe(value: object) -> str:
    """Return a short text for any value, the same on every machine.

    Examples
    --------
    >>> describe(0.123456), describe(np.zeros((4, 3)))
    ('0.1235', 'an array of shape (4, 3)')
    """
    numbers = as_numbers(value)
    if numbers is None:
        if isinstance(value, np.ndarray):
            what = "strings" if value.dtype.kind in "US" else "objects, not numbers"
            return f"an array of {what}"
        text = " ".join(repr(value).split())
        if len(text) <= 60 and " at 0x" not in text:
            return text
        kind = type(value).__name__
        return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
    if numbers.ndim == 0:
        return f"{numbers:.4g}" if numbers.dtype.kind == "f" else str(numbers)
    if numbers.size <= 6 and numbers.ndim == 1:
        return "[" + ", ".join(describe(x) for x in numbers) + "]"
    return f"an array of shape {numbers.shape}"


def explain(
    found: Sequence[object],
    expected: Sequence[object],
    texts: Sequence[str],
    atoms: Sequence[int | None],
    *,
    unit: str | None = None,
    parts: Sequence[str] = (),
    rtol: float = 1e-4,
    atol: float = 1e-8,
) -> str:
    """Return what is wrong with results that do not all agree with the expected ones.

    Parameters
    ----------
    found, expected
        Results of the answer and of the reference, case by case.
    texts
        Words for each case.
    atoms
        Number of atoms in each case, or None.
    unit
        Energy unit of the results.
    parts
        Words for each of several results, such as ``("the mean", "the deviation")``.
    rtol, atol
        As for `same`.

    Examples
    --------
    >>> explain([27.2114], [627.509], ["1 hartree"], [None], unit="kcal/mol")
    'the number is in eV; the exercise asks for kcal/mol'
    >>> explain([-3.0], [3.0], ["3"], [None])
    'the sign is the other way round'
    >>> explain([3.0, 7.0], [3.0, 5.0], ["one", "two"], [None, None])
    'for two it returns 7, expected 5. It is right for one'
    """
    agree = [same(a, b, rtol, atol) for a, b in zip(found, expected, strict=True)]
    if all(agree):
        raise ValueError("all results agree with what was expected: there is nothing to explain")
    named = _related(found, expected, atoms, unit, parts, rtol, atol) or _always_the_same(
        found, expected
    )
    if named:
        return named
    good = [text.rstrip(",") for text, right in zip(texts, agree, strict=True) if right]
    also = (
        f". It is right for {_list_of(good)}"
        if good and all(value is not None for value in found)
        else ""
    )
    cases = list(zip(found, expected, texts, strict=True))
    for value, right, text in cases:
        problem = _form(value, right, parts, rtol, atol)
        if problem:
            return _ended(f"for {text} {problem}", also)
    value, right, text = cases[agree.index(False)]
    return _ended(f"for {text} {_difference(value, right, parts, rtol, atol)}", also)


def _ended(text: str, also: str) -> str:
    return text + (also[1:] if text.endswith("?") else also)


def _list_of(texts: Sequence[str], most: int = 3) -> str:
    more = len(texts) - most
    some = list(texts[:most]) + ([f"{more} more"] if more > 0 else [])
    return some[0] if len(some) == 1 else f"{', '.join(some[:-1])} and {some[-1]}"


def _always_the_same(found: Sequence[object], expected: Sequence[object]) -> str | None:
    """Recognise results that do not depend on the arguments."""
    first = as_numbers(found[0])
    if len(found) < 2 or first is None or not first.size:
        return None
    if not all(same(value, first) for value in found) or all(
        same(right, expected[0]) for right in expected
    ):
        return None
    return (
        f"whatever the arguments are, it returns {describe(first)}: is a variable used instead of "
        "an argument, or is a number hard-coded that should be computed?"
    )


def _related(
    found: Sequence[object],
    expected: Sequence[object],
    atoms: Sequence[int | None],
    unit: str | None,
    parts: Sequence[str],
    rtol: float,
    atol: float,
) -> str | None:
    """Name a relation between results and expectation; for several results, one for each."""
    first = expected[0]
    if not isinstance(first, tuple):
        pairs = _pairs_of(found, expected, atoms)
        return _relation(pairs, unit, rtol, atol) if pairs else None
    rows = [value for value in found if isinstance(value, Sequence) and len(value) == len(first)]
    if len(rows) < len(found):
        return None
    named = []
    for index in range(len(first)):
        values = [row[index] for row in rows]
        wanted = [right[index] for right in expected if isinstance(right, tuple)]
        if all(same(a, b, rtol, atol) for a, b in zip(values, wanted, strict=True)):
            continue
        pairs = _pairs_of(values, wanted, atoms)
        relation = _relation(pairs, unit, rtol, atol) if pairs else None
        if not relation:
            return None
        named.append((_part(index, parts), relation))
    if len(named) > 1 and len({relation for _, relation in named}) == 1:
        return f"in {_list_of([part for part, _ in named])} {named[0][1]}"
    return ". And ".join(f"in {part} {relation}" for part, relation in named)


_Pairs = list[tuple[np.ndarray, np.ndarray, int | None]]


def _pairs_of(
    found: Sequence[object], expected: Sequence[object], atoms: Sequence[int | None]
) -> _Pairs | None:
    """Return results and expectations as arrays, if all are numbers of the same shapes."""
    pairs: _Pairs = []
    for value, right, n in zip(found, expected, atoms, strict=True):
        numbers = as_numbers(value)
        if numbers is None or not isinstance(right, int | float | np.ndarray | np.number):
            return None
        wanted = np.asarray(right)
        if numbers.shape != wanted.shape or bool in (numbers.dtype, wanted.dtype):
            return None
        if not np.isfinite(numbers.astype(float)).all():
            return None
        pairs.append((numbers.astype(float), wanted.astype(float), n))
    return pairs


def _part(index: int, parts: Sequence[str]) -> str:
    return f"the {_ORDINALS[index]} result" + (f" ({parts[index]})" if parts else "")


def _form(
    value: object, right: object, parts: Sequence[str], rtol: float, atol: float
) -> str | None:
    """Return what is wrong with type or shape, after the words for the case, or None."""
    if value is None and right is not None:
        return "it returns None: is a `return` missing?"
    if not isinstance(right, tuple):
        problem = _misshapen(value, right, rtol, atol)
        return problem and f"it returns {problem}"
    letters = ", ".join("abcdefgh"[: len(right)])
    numbers = None if isinstance(value, Sequence) else as_numbers(value)
    if numbers is not None and numbers.ndim:
        return f"it returns one array, expected {len(right)} results, as in `return {letters}`"
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != len(right):
        if isinstance(value, tuple):
            given = f"{len(value)} result{'s' * (len(value) != 1)}"
            return f"it returns {given}, expected {len(right)}, as in `return {letters}`"
        return (
            f"it returns {describe(value)}, expected {len(right)} results, as in `return {letters}`"
        )
    for index, (a, b) in enumerate(zip(value, right, strict=True)):
        problem = _misshapen(a, b, rtol, atol)
        if problem:
            return f"{_part(index, parts)} is {problem}"
    return None


def _misshapen(value: object, right: object, rtol: float, atol: float) -> str | None:
    """Return what is wrong with type or shape of one result, or None."""
    for kind, name in _KINDS.items():
        if isinstance(right, kind):
            # In JAX a truth value is an array.
            truth = isinstance(right, bool | np.bool_) and getattr(value, "dtype", None) == np.bool_
            fits = truth or isinstance(value, kind)
            return None if fits else f"{describe(value)}, expected {name}"
    numbers, wanted = as_numbers(value), np.asarray(right)
    if numbers is None:
        return f"{describe(value)}, expected {'an array' if wanted.ndim else 'a number'}"
    if numbers.shape != wanted.shape:
        if wanted.ndim == 2 and numbers.shape == wanted.shape[::-1]:
            return f"a transposed array: its shape is {numbers.shape}, expected {wanted.shape}"
        number = f"the number {describe(numbers)}"
        given = f"an array of shape {numbers.shape}" if numbers.ndim else number
        asked = f"shape {wanted.shape}" if wanted.ndim else "one number"
        why = next(_reshaped(numbers.astype(float), wanted.astype(float), rtol, atol), None)
        return f"{given}, expected {asked}" + (f": {why}" if why else "")
    if wanted.dtype == bool and numbers.dtype != bool:
        return f"an array of type {numbers.dtype}, expected True and False"
    if wanted.dtype.kind in "iuf" and np.isfinite(wanted).all() and not np.isfinite(numbers).all():
        n = int(np.sum(~np.isfinite(numbers)))
        if np.isnan(numbers).any():
            given = f"an array with {n} NaN" if numbers.ndim else "NaN"
            return (
                f"{given}, which means “not a number”: look for 0/0, for infinity times 0, or for "
                "the square root of a negative number (a rounding error can make a zero negative)"
            )
        given = f"an array with {n} infinite value{'s' * (n > 1)}" if numbers.ndim else "infinity"
        return f"{given}: look for a division by zero"
    return None


def _reshaped(numbers: np.ndarray, wanted: np.ndarray, rtol: float, atol: float) -> Iterator[str]:
    """Yield ways to obtain an array of another shape from the one that was expected."""

    def equal(a: np.ndarray, b: np.ndarray) -> bool:
        return a.shape == b.shape and bool(a.size) and np.allclose(a, b, rtol=rtol, atol=atol)

    if numbers.size == wanted.size and equal(numbers.ravel(), wanted.ravel()):
        yield "the numbers are right, so give them this shape"
    if not wanted.ndim:
        return
    row = "value" if wanted.ndim == 1 else "row"
    if len(wanted) > 2:
        if equal(numbers.ravel(), wanted[0].ravel()):
            yield f"this is only the first {row}. Is `return` inside the loop?"
        if equal(numbers.ravel(), wanted[-1].ravel()):
            yield f"this is only the last {row}. Does each pass of the loop overwrite the result?"
    if len(wanted) > 1:
        if equal(numbers, wanted[:-1]):
            yield f"the last {row} is missing"
        if equal(numbers, wanted[1:]):
            yield f"the first {row} is missing"
    if numbers.ndim == wanted.ndim and equal(numbers[: len(wanted)], wanted):
        yield f"the first ones are right, but there are more {row}s than expected"
    if wanted.ndim == numbers.ndim == 2 and len(numbers) == len(wanted):
        if equal(numbers[:, : wanted.shape[1]], wanted):
            yield "the first columns are right, but there are more than expected"
        for column in range(wanted.shape[1]):
            if equal(numbers, np.delete(wanted, column, axis=1)):
                yield f"column {column} is missing, counted from 0"
    for name, change in (("sum", np.sum), ("mean", np.mean)):
        if equal(numbers, np.asarray(change(wanted))):
            yield f"this is the {name} of all that is expected"
        for axis in range(wanted.ndim):
            if equal(numbers, np.asarray(change(wanted, axis=axis))):
                yield f"this is the {name} along axis {axis} of what is expected"


def _relation(pairs: _Pairs, unit: str | None, rtol: float, atol: float) -> str | None:
    """Name a factor or another relation between results and expectation that holds in all cases."""

    def holds(change: Any) -> bool:
        with np.errstate(all="ignore"):
            return all(
                np.allclose(a, change(b, n), rtol=max(rtol, 1e-3), atol=atol) for a, b, n in pairs
            )

    # If everything is zero, any factor holds.
    if not any(np.any(b) for _, b, _ in pairs):
        return None
    if holds(lambda b, n: -b):
        return "the sign is the other way round"
    if unit is not None:
        for other in _UNITS:
            factor = convert(1.0, unit, other)
            if other == unit:
                continue
            if holds(lambda b, n, factor=factor: factor * b):
                return f"the number is in {other}; the exercise asks for {unit}"
            if holds(lambda b, n, factor=factor: -factor * b):
                return (
                    f"the sign is the other way round, and the number is in {other}; the exercise "
                    f"asks for {unit}"
                )
            if holds(lambda b, n, factor=factor: factor**2 * b):
                did, should = ("multiplied", "divide") if factor > 1 else ("divided", "multiply")
                return (
                    f"from {other} to {unit} you {did} by {max(factor, 1 / factor):.6g}; {should} "
                    "by it"
                )
    if all(n is not None for *_, n in pairs):
        if holds(lambda b, n: b / n):
            return "this is a value per atom; the exercise asks for the whole molecule"
        if holds(lambda b, n: b * n):
            return "this was multiplied by the number of atoms"
    square = [b for _, b, _ in pairs if b.ndim == 2 and b.shape[0] == b.shape[1]]
    if len(square) == len(pairs) and holds(lambda b, n: b.T):
        return "the array is transposed: rows and columns are swapped"
    for words, change in _CHANGES.items():
        with np.errstate(all="ignore"):  # such as 1/0
            same_as_asked = [np.allclose(change(b), b, max(rtol, 1e-3), atol) for _, b, _ in pairs]
        if not all(same_as_asked) and holds(lambda b, n, change=change: change(b)):
            return words
    for factor, words in ((2.0, "twice"), (0.5, "half of")):
        if holds(lambda b, n, factor=factor: factor * b):
            return f"everything is {words} what it should be: what is counted twice, or not at all?"
    return _rounded(pairs) or _scaled(pairs, atol)


_CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "these are the squares of what is expected": np.square,
    "these are the square roots of what is expected": lambda b: np.sqrt(np.abs(b)),
    "minus signs are lost: is there an absolute value too many?": np.abs,
    "these are the reciprocals, 1/x, of what is expected": lambda b: 1 / b,
    "the values are right, but in reverse order": lambda b: b[::-1] if b.ndim else b,
    "each value includes those before it: start again from 0 for each of them": (
        lambda b: np.cumsum(b, axis=0) if b.ndim else b
    ),
}


def _rounded(pairs: _Pairs) -> str | None:
    """Recognise results that were rounded, or lost their decimals in an array of integers."""
    if all(np.array_equal(a, np.trunc(b)) for a, b, _ in pairs):
        return (
            "the decimals are cut off: an array of integers, such as np.zeros_like of integers, "
            "keeps whole numbers only. Make it with dtype=float"
        )
    for decimals in range(7):
        if all(np.allclose(a, np.round(b, decimals), rtol=1e-9, atol=1e-9) for a, b, _ in pairs):
            where = (
                f"to {decimals} decimal{'s' * (decimals > 1)}" if decimals else "to whole numbers"
            )
            return f"everything is rounded {where}: return the numbers as they are"
    return None


def _scaled(pairs: _Pairs, atol: float) -> str | None:
    """Recognise results that are all wrong by the same factor."""
    a, b = (np.concatenate([np.ravel(pair[i]) for pair in pairs]) for i in (0, 1))  # type: ignore[arg-type]
    if len(np.unique(np.abs(b[b != 0]))) < 2:
        return None
    with np.errstate(all="ignore"):
        factor = float(a @ b / (b @ b))
        near = min(1e-3, abs(factor - 1) / 5)
        if not factor or not np.allclose(a, factor * b, rtol=near, atol=min(atol, 1e-6)):
            return None
    known = next((name for name, x in _FACTORS.items() if abs(factor / x - 1) < 1e-3), None)
    if known:
        return f"everything is {factor:.4g} times what it should be ({known}): look for this factor"
    if 0.95 < factor < 1.05:
        return (
            f"everything is {factor:.6g} times what it should be: is a constant rounded, or "
            "mistyped?"
        )
    return f"everything is {factor:.4g} times what it should be: which factor is wrong or missing?"


def _difference(
    value: object, right: object, parts: Sequence[str], rtol: float, atol: float
) -> str:
    """Describe a result that has the right form, but the wrong values."""
    if isinstance(right, Set) and isinstance(value, Set):
        texts = [
            f"{word} {', '.join(sorted(map(str, some))[:5])}"
            for word, some in (("lacks", right - value), ("wrongly includes", value - right))
            if some
        ]
        return "the set " + " and ".join(texts)
    if isinstance(right, tuple) and isinstance(value, Sequence):
        for number, (a, b) in enumerate(zip(value, right, strict=True)):
            if not same(a, b, rtol, atol):
                return f"{_part(number, parts)} is wrong: {_difference(a, b, (), rtol, atol)}"
    if isinstance(right, Mapping) and isinstance(value, Mapping):
        if right.keys() != value.keys():
            return _difference(set(value), set(right), (), rtol, atol).replace("the set", "it")
        for key in right:
            if not same(value[key], right[key], rtol, atol):
                return f"{key}: {_difference(value[key], right[key], (), rtol, atol)}"
    numbers, wanted = as_numbers(value), np.asarray(right)
    if numbers is not None and wanted.ndim:
        bad = ~np.isclose(numbers.astype(float), wanted.astype(float), rtol=rtol, atol=atol)
        first = tuple(np.argwhere(bad)[0].tolist())
        index = ", ".join(map(str, first))
        a, b = _apart(numbers[first], wanted[first])
        zero = bad.sum() > 1 and not numbers[bad].any() and numbers.any()
        return (
            f"{int(bad.sum())} of {wanted.size} values {'are' if bad.sum() > 1 else 'is'} wrong"
            f"{_where(bad)}, {'such as ' if bad.sum() > 1 else 'at '}[{index}]: it is {a}, "
            f"expected {b}"
            + (". All the wrong values are zero: are they never filled in?" if zero else "")
        )
    a, b = _apart(value, right)
    return f"it returns {a}, expected {b}"


def _where(bad: np.ndarray) -> str:
    """Name the single row or column that holds all wrong values of a table, if there is one."""
    if bad.ndim == 2 and bad.sum() > 1:
        for name, axis in (("row", 1), ("column", 0)):
            found = np.flatnonzero(bad.any(axis=axis))
            if len(found) == 1 and bad.shape[1 - axis] > 1:
                return f", all in {name} {found[0]}"
        if bad.shape[0] == bad.shape[1] and not (bad & ~np.eye(len(bad), dtype=bool)).any():
            return ", all on the diagonal"
    return ""


def _apart(value: object, right: object) -> tuple[str, str]:
    """Describe two values, giving numbers with enough digits to tell them apart."""
    texts = describe(value), describe(right)
    numbers = as_numbers(value), as_numbers(right)
    if texts[0] == texts[1] and all(x is not None and x.ndim == 0 for x in numbers):
        for digits in range(5, 17):
            texts = f"{numbers[0]:.{digits}g}", f"{numbers[1]:.{digits}g}"
            if texts[0] != texts[1]:
                break
    return texts
