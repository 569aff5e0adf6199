"""What an exercise is, and how an answer is examined.

An answer is a function that a student wrote. It is called on small cases, and what it returns is
compared with what it should return, and with what typical mistakes return.
"""

from __future__ import annotations

import copy
import inspect
import itertools
import linecache
import textwrap
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from qm9lib.cache import DataError
from qm9lib.exercises.diagnosis import describe, explain, same, unit_of

Status = Literal["not attempted", "wrong", "error", "not checkable", "right"]
Answer = Callable[..., Any]


class Right(str):
    """What a judge has to say of a right answer, such as the error that it reaches."""


Judge = Callable[[Answer], str | None]
"""Calls an answer; returns what is wrong with it. None, or a `Right`, if nothing is."""

Meaning = Callable[[BaseException, tuple[Any, ...]], str | None]
"""Tells what an exception of an answer means, called with these arguments; None if it cannot.

The text goes behind "This means: ", and a full stop behind the text."""

WIDTH = 84  # of a message: Colab and a terminal show it without scrolling


class NotCheckableError(Exception):
    """Raised by a judge that cannot decide here; the message says why, and what to do."""


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes
    ----------
    name
        Number of the chapter and of the exercise, such as ``"1.2"``.
    title
        A few words.
    function
        Name of the function that the student writes.
    judge
        Finds what is wrong; see `Judge`.
    hints
        From a nudge to almost the answer.
    learnt
        Said when the answer is right: what it was good for.
    explain
        Knows what some exceptions mean in this exercise; see `Meaning`.
    """

    name: str
    title: str
    function: str
    judge: Judge
    hints: tuple[str, ...]
    learnt: str
    explain: Meaning | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of examining an answer: one of five, and the reason, in words for the student."""

    exercise: Exercise
    status: Status
    message: str

    def __str__(self) -> str:
        return wrapped(f"{self.exercise.name} {self.status}: {self.message}")


def wrapped(text: str) -> str:
    """Return a message with its lines broken at `WIDTH` characters; what goes on is indented.

    Examples
    --------
    >>> print(wrapped("a message of more than one line, " * 3))
    a message of more than one line, a message of more than one line, a message of more
        than one line,
    """
    return "\n".join(
        textwrap.fill(line, WIDTH, subsequent_indent="    ", break_long_words=False)
        for line in text.splitlines()
    )


@dataclass(frozen=True)
class Case:
    """Arguments to try an answer on, and words for them.

    ``atoms`` is the number of atoms, where an answer per atom is a likely mistake.
    """

    text: str
    arguments: tuple[Any, ...]
    atoms: int | None = None


class NotAttemptedError(Exception):
    """Raised where the stub is still there."""


class StoppedError(Exception):
    """Raised where the student's code has raised something; the message tells of it."""


def examine(exercise: Exercise, answer: object) -> Outcome:
    """Examine an answer without printing anything.

    Examples
    --------
    >>> doubled = Exercise(
    ...     "0.1", "Double", "double", compared(lambda x: 2 * x, lambda: [Case("3", (3.0,))]),
    ...     ("Add it to itself.",), "Twice as much.",
    ... )
    >>> print(examine(doubled, lambda x: x + x))
    0.1 right: Twice as much.
    >>> print(examine(doubled, lambda x: x * x))
    0.1 wrong: for 3 it returns 9, expected 6
    """
    if not callable(answer):
        return Outcome(exercise, "wrong", no_function(exercise, describe(answer)))
    return judged(exercise, guarded(answer, exercise))


def no_function(exercise: Exercise, given: str) -> str:
    """Return what is wrong where something else than a function was given."""
    return (
        f"check takes the function itself, and you gave {given}: write "
        f'check("{exercise.name}", {exercise.function}), without brackets behind the name'
    )


def judged(exercise: Exercise, answer: Answer) -> Outcome:
    """Return the outcome of an answer that raises nothing but what `guarded` raises."""
    try:
        reason = exercise.judge(answer)
    except NotAttemptedError:
        return Outcome(
            exercise,
            "not attempted",
            "put your code in the place of the line `raise NotImplementedError`, and run both "
            f'cells again. hint("{exercise.name}") helps',
        )
    except StoppedError as stopped:
        return Outcome(exercise, "error", str(stopped))
    except (NotCheckableError, DataError) as error:
        return Outcome(exercise, "not checkable", str(error))
    if reason is None:
        return Outcome(exercise, "right", exercise.learnt)
    if isinstance(reason, Right):
        learnt = exercise.learnt[:1].upper() + exercise.learnt[1:]
        return Outcome(exercise, "right", f"{reason}. {learnt}")
    return Outcome(exercise, "wrong", reason)


def compared(
    reference: Answer,
    cases: Callable[[], Sequence[Case]],
    mistakes: Mapping[str, Answer] | None = None,
    *,
    unit: str | None = None,
    rtol: float = 1e-4,
    atol: float = 1e-8,
) -> Judge:
    """Return a judge that compares an answer with a reference on some cases.

    Parameters
    ----------
    reference
        A right answer.
    cases
        Returns what to try it on; called when it is needed, since it may read data.
    mistakes
        Wrong answers by what to say of them: the first that agrees in all cases is named.
    unit
        Energy unit of the result; then numbers in another one are recognised.
    rtol, atol
        Relative and absolute difference from the reference that is allowed.
    """

    def judge(answer: Answer) -> str | None:
        tried = list(cases())
        expected = [reference(*_own(case.arguments)) for case in tried]
        given = [_own(case.arguments) for case in tried]
        found = [answer(*arguments) for arguments in given]
        if all(same(a, b, rtol, atol) for a, b in zip(found, expected, strict=True)):
            if any(_changed(a, case.arguments) for a, case in zip(given, tried, strict=True)):
                return Right("it also changes its arguments, which the caller may need: copy first")
            return None
        # A right number in another unit is that, and no mistake that is near it in the other unit.
        right_in = unit_of(found, expected, unit, rtol, atol)
        for message, mistake in (mistakes or {}).items():
            try:
                wrong = [mistake(*_own(case.arguments)) for case in tried]
            except (ArithmeticError, LookupError, TypeError, ValueError):
                continue  # a mistake that fails here is not what the student made
            other = unit_of(found, wrong, unit, rtol, atol)
            if other == (unit or "") or (other is not None and right_in is None):
                return message + (
                    "" if other == (unit or "") else f". And the number is in {other}"
                )
        return explain(
            found, expected, [case.text for case in tried], [case.atoms for case in tried],
            unit=unit, rtol=rtol, atol=atol,
        )  # fmt: skip

    return judge


def _own(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return arguments that an answer may change without harm to the next call."""
    return tuple(
        copy.deepcopy(x) if isinstance(x, np.ndarray | list | dict | set) else x for x in arguments
    )


def _changed(arguments: tuple[Any, ...], before: tuple[Any, ...]) -> bool:
    """Tell whether an answer has changed an array that it was given."""
    return any(
        isinstance(now, np.ndarray)
        and (
            now.shape != then.shape
            or not np.array_equal(now, then, equal_nan=now.dtype.kind == "f")
        )
        for now, then in zip(arguments, before, strict=True)
    )


def guarded(answer: Answer, exercise: Exercise) -> Answer:
    """Return the answer so wrapped that its errors are told from those of the judge.

    It raises `NotAttemptedError` and `StoppedError` alone.
    """
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):  # a built-in function has none
        signature = None

    def call(*arguments: Any) -> Any:
        try:
            if signature:
                signature.bind(*arguments)
        except TypeError as error:
            wrong = TypeError(
                f"it is called with {len(arguments)} arguments, and takes {signature}: keep the "
                f"first line of the cell as it was ({error})"
            )
            raise StoppedError(_story(wrong, arguments, answer, exercise.explain)) from wrong
        try:
            return answer(*arguments)
        except (Exception, SystemExit) as error:
            stub = isinstance(error, NotImplementedError)
            if stub and str(error).startswith(f"Exercise {exercise.name}"):
                raise NotAttemptedError from error
            raise StoppedError(_story(error, arguments, answer, exercise.explain)) from error

    return call


_MEANINGS: dict[str, str] = {
    "NameError": "this name is not defined where the line runs: a typing mistake, or a cell above "
    "that has not been run",
    "TypeError": "a function or operator got a kind of object that it cannot take, or too many or "
    "too few arguments",
    "IndexError": "an index is beyond the end: Python counts from 0, and the last of n is n - 1",
    "KeyError": "this key is not in the dictionary or table",
    "AttributeError": "the object has nothing of this name: print(type(...)) tells what it is",
    "ZeroDivisionError": "something was divided by zero: the distance of an atom from itself, or "
    "a count of nothing",
    "RecursionError": "the function calls itself without end",
    "ModuleNotFoundError": "this package is not installed here",
    "LinAlgError": "this matrix cannot be solved or inverted: often it is not square, is singular, "
    "or holds a value that is no number",
    "SyntaxError": "Python cannot read the line",
    "MemoryError": "an array is larger than the memory",
    "SystemExit": "exit() ends the program: use return",
    "EOFError": "nobody answers input() here: take what you need from the arguments",
    "ConcretizationTypeError": "under jit, grad or vmap a value is not known yet: use jnp.where "
    "for `if`, and jnp for numpy and float()",
    "TracerBoolConversionError": "under jit, grad or vmap a value is not known yet: use jnp.where "
    "in place of `if`",
    "TracerArrayConversionError": "under jit, grad or vmap a value is not known yet: use jnp in "
    "place of numpy",
}

_SHAPES = "the shapes of two arrays do not fit: print the .shape of each before this line"
_SAID: dict[str, str] = {
    "could not convert": "Python cannot read this text as a number: print it, and look how it is "
    "spelled",
    "truth value": "`if`, `and` and `or` take one value, and this is an array: use np.where, & and "
    "|",
    "read-only": "this array must not be changed: take a copy of it, array.copy()",
    "must be square": "this function takes square matrices only, as many rows as columns",
    "too many indices": "the array has fewer axes than the index: print its .shape",
    "tuple index out of range": "an array of one axis has no shape[1], and a number no shape[0]",
    "out of bounds for array of dimension": "the array has fewer axes than that: print its .shape. "
    "array[mask] has one axis only",
    "inhomogeneous": "rows of different length make no array: fill them up to one length",
    "does not have enough dimensions": "one of the two is None or a single number; what changes an "
    "array in place, such as np.fill_diagonal, returns None",
    "0-dimensional arrays": "this takes a single number, and got an array: +, -, * and NumPy's own "
    "functions take both",
    "length-1 arrays": "this takes a single number, and got an array: +, -, * and NumPy's own "
    "functions take both",
    "unhashable": "a dictionary looks up one key at a time: loop over them",
    "integer scalar arrays": "an index must be one whole number, and this is an array: np.where "
    "and np.flatnonzero give arrays, of which you may want item [0]",
    "PRNG key": "a key is made with jax.random.key(0)",
    **dict.fromkeys(("broadcast", "shapes", "matmul", "dimension mismatch"), _SHAPES),
}
"""Meanings of an exception by a part of what it says, which tells more than its kind."""


def kind_of(error: BaseException) -> str:
    """Return the name of an exception's class; of one that is Python's own affair, its base's.

    Examples
    --------
    >>> kind_of(KeyError("x"))
    'KeyError'
    """
    # Python 3.13 has an _IncompleteInputError, which is a SyntaxError.
    names = (kind.__name__ for kind in type(error).__mro__)
    return next(name for name in names if not name.startswith("_"))


def _story(
    error: BaseException, arguments: tuple[Any, ...], answer: Answer, tell: Meaning | None
) -> str:
    """Tell what a student's exception means, and where it came from."""
    try:
        said = str(error).strip().partition("\n")[0]
    except Exception:  # of a class of the student's
        said = ""
    lines = [f"your code stopped with {kind_of(error)}" + (f": {said}" if said else "")]
    file = getattr(getattr(answer, "__code__", None), "co_filename", None)
    # The last line of the cell itself: what lies deeper is a library's.
    own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    if own and own[-1].lineno:
        source = linecache.getline(own[-1].filename, own[-1].lineno).strip()
        where = f"  in {own[-1].name}, line {own[-1].lineno}"
        lines.append(f"{where}: {source}" if source else where)
    meaning = tell(error, arguments) if tell else None
    if meaning is None:
        by_words = (told for word, told in _SAID.items() if word in said)
        names = (kind.__name__ for kind in type(error).__mro__)
        by_kind = (_MEANINGS[name] for name in names if name in _MEANINGS)
        meaning = next(itertools.chain(by_words, by_kind), None)
    if meaning:
        lines.append(f"  This means: {meaning}.")
    return "\n".join(lines)
