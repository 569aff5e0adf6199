"""Compare what an answer returned with what it should be, and name the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from qm9lib.labels import convert

_UNITS = ("hartree", "eV", "meV", "kcal/mol", "kJ/mol")
_KINDS = {str: "a text", Set: "a set", Mapping: "a dictionary", bool | np.bool_: "True or False"}
"""What is expected that is neither numbers nor a tuple, in words."""


def same(found: object, expected: object, rtol: float = 1e-4, atol: float = 1e-8) -> bool:
    """Tell whether two results agree: numbers, arrays, texts, sets, sequences and mappings of them.

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
    """Return the energy unit in which all results agree with what is expected, given in ``unit``.

    Without a unit it returns ``""`` if they agree as they are; None if they do not agree.
    """
    if all(same(a, b, rtol, atol) for a, b in zip(found, expected, strict=True)):
        return unit or ""
    if not unit:
        return None
    numbers = [as_numbers(value) for value in expected]
    for other in _UNITS:
        factor = convert(1.0, unit, other)
        if all(
            number is not None and same(value, factor * number, max(rtol, 1e-4), atol)
            for value, number in zip(found, numbers, strict=True)
        ):
            return other
    return None


def as_numbers(value: object) -> np.ndarray | None:
    """Return numbers as an array, be they of Python, NumPy, JAX or in lists; None for others."""
    if value is None or isinstance(value, str | bytes | Set | Mapping):
        return None
    try:
        array = np.asarray(value)
    except Exception:  # ragged lists, tracers and what else students return: each its own kind
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
            return f"an array of {'texts' if value.dtype.kind in 'US' else 'objects, not numbers'}"
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
    rtol: float = 1e-4,
    atol: float = 1e-8,
) -> str:
    """Return what is wrong with results that do not all agree with what was expected.

    Parameters
    ----------
    found, expected
        Results of the answer and of the reference, case by case.
    texts
        Words for each case.
    atoms
        Number of atoms of each case, or None.
    unit
        Energy unit of the results.
    rtol, atol
        As for `same`.

    Examples
    --------
    >>> explain([27.2114], [627.509], ["1 hartree"], [None], unit="kcal/mol")
    'the number is in eV; the exercise asks for kcal/mol'
    >>> explain([-3.0], [3.0], ["3"], [None])
    'the sign is the other way round'
    """
    for value, right, text in zip(found, expected, texts, strict=True):
        problem = _form(value, right)
        if problem:
            return f"for {text} it returns {problem}"
    pairs = [
        (a, np.asarray(b, float), n)
        for a, b, n in zip(map(as_numbers, found), expected, atoms, strict=True)
        if isinstance(b, int | float | np.ndarray | np.number) and a is not None
    ]
    if len(pairs) == len(found):
        named = _relation([(a.astype(float), b, n) for a, b, n in pairs], unit, rtol, atol)
        if named:
            return named
    for value, right, text in zip(found, expected, texts, strict=True):
        if not same(value, right, rtol, atol):
            return f"for {text} {_difference(value, right, rtol, atol)}"
    raise ValueError("all results agree with what was expected: there is nothing to explain")


def _form(value: object, right: object) -> str | None:
    """Return what is wrong with type or shape, or None."""
    if value is None and right is not None:
        return "None: is a `return` missing?"
    for kind, name in _KINDS.items():
        if isinstance(right, kind):
            # In JAX a truth value is an array.
            truth = isinstance(right, bool | np.bool_) and getattr(value, "dtype", None) == np.bool_
            fits = truth or isinstance(value, kind)
            return None if fits else f"{describe(value)}, expected {name}"
    if isinstance(right, tuple):
        letters = ", ".join("abcdefgh"[: len(right)])
        numbers = None if isinstance(value, Sequence) else as_numbers(value)
        if numbers is not None and numbers.ndim:
            return f"one array, expected {len(right)} results, as in `return {letters}`"
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != len(right):
            if isinstance(value, tuple):
                return f"{len(value)} results, expected {len(right)}, as in `return {letters}`"
            return f"{describe(value)}, expected {len(right)} results, as in `return {letters}`"
        for place, (a, b) in enumerate(zip(value, right, strict=True), 1):
            problem = _form(a, b)
            if problem:
                return f"{problem} (result {place} of {len(right)})"
        return None
    numbers, wanted = as_numbers(value), np.asarray(right)
    if numbers is None:
        return f"{describe(value)}, expected {'an array' if wanted.ndim else 'a number'}"
    if numbers.shape != wanted.shape:
        if wanted.ndim == 2 and numbers.shape == wanted.shape[::-1]:
            return f"a transposed array: its shape is {numbers.shape}, expected {wanted.shape}"
        if not wanted.ndim:
            return f"an array of shape {numbers.shape}, expected one number"
        given = f"shape {numbers.shape}" if numbers.ndim else f"the number {describe(numbers)}"
        return f"{given}, expected shape {wanted.shape}"
    if wanted.dtype == bool and numbers.dtype != bool:
        return f"numbers of type {numbers.dtype}, expected True and False"
    if wanted.dtype.kind in "iuf" and np.isfinite(wanted).all() and not np.isfinite(numbers).all():
        n = int(np.sum(~np.isfinite(numbers)))
        many = "a value that is" if n == 1 else f"{n} values that are"
        if np.isnan(numbers).any():
            return (
                f"{many} no number (NaN): look for 0/0, infinite times 0, or the root of a "
                "negative number, which rounding can make of a zero"
            )
        return f"{many} infinite: look for a division by zero"
    return None


def _relation(
    pairs: Sequence[tuple[np.ndarray, np.ndarray, int | None]],
    unit: str | None,
    rtol: float,
    atol: float,
) -> str | None:
    """Name a factor or another relation between results and expectation that holds in all cases."""

    def holds(change: Any) -> bool:
        return all(
            np.allclose(a, change(b, n), rtol=max(rtol, 1e-3), atol=atol) for a, b, n in pairs
        )

    # Where all is zero any factor holds.
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
                return (
                    f"the factor between {other} and {unit} was used the wrong way: multiply in "
                    "place of dividing, or the other way round"
                )
    if all(n is not None for *_, n in pairs):
        if holds(lambda b, n: b / n):
            return "this is a value per atom; the exercise asks for the whole molecule"
        if holds(lambda b, n: b * n):
            return "this was multiplied by the number of atoms"
    square = [b for _, b, _ in pairs if b.ndim == 2 and b.shape[0] == b.shape[1]]
    if len(square) == len(pairs) and holds(lambda b, n: b.T):
        return "the array is transposed: rows and columns are exchanged"
    if holds(lambda b, n: b**2):
        return "these are the squares of what is asked for"
    if holds(lambda b, n: np.sqrt(np.abs(b))):
        return "these are the square roots of what is asked for"
    for factor, words in ((2.0, "twice"), (0.5, "half of")):
        if holds(lambda b, n, factor=factor: factor * b):
            return f"everything is {words} what it should be: what is counted twice, or not at all?"
    return None


def _difference(value: object, right: object, rtol: float, atol: float) -> str:
    """Describe one result that is of the right form, but has the wrong values."""
    if isinstance(right, Set) and isinstance(value, Set):
        parts = [
            f"{word} {', '.join(sorted(map(str, some))[:5])}"
            for word, some in (("lacks", right - value), ("must not have", value - right))
            if some
        ]
        return "the set " + " and ".join(parts)
    if isinstance(right, tuple) and isinstance(value, Sequence):
        for place, (a, b) in enumerate(zip(value, right, strict=True), 1):
            if not same(a, b, rtol, atol):
                return f"result {place} is wrong: {_difference(a, b, rtol, atol)}"
    if isinstance(right, Mapping) and isinstance(value, Mapping):
        if right.keys() != value.keys():
            return _difference(set(value), set(right), rtol, atol).replace("the set", "it")
        for key in right:
            if not same(value[key], right[key], rtol, atol):
                return f"{key}: {_difference(value[key], right[key], rtol, atol)}"
    numbers, wanted = as_numbers(value), np.asarray(right)
    if numbers is not None and wanted.ndim:
        bad = ~np.isclose(numbers.astype(float), wanted.astype(float), rtol=rtol, atol=atol)
        first = tuple(np.argwhere(bad)[0].tolist())
        index = ", ".join(map(str, first))
        a, b = _apart(numbers[first], wanted[first])
        return (
            f"{int(bad.sum())} of {wanted.size} values are wrong, such as [{index}]: it is {a}, "
            f"expected {b}"
        )
    a, b = _apart(value, right)
    return f"it returns {a}, expected {b}"


def _apart(value: object, right: object) -> tuple[str, str]:
    """Describe two values; numbers with as many digits as it takes to tell them apart."""
    texts = describe(value), describe(right)
    numbers = as_numbers(value), as_numbers(right)
    if texts[0] == texts[1] and all(x is not None and x.ndim == 0 for x in numbers):
        for digits in range(5, 17):
            texts = f"{numbers[0]:.{digits}g}", f"{numbers[1]:.{digits}g}"
            if texts[0] != texts[1]:
                break
    return texts
