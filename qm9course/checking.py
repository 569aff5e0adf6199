"""Exercises, and how their answers are examined.

An answer is a function that a student wrote. It is called on small cases, and its results are
compared with the right ones, and with the results of typical mistakes.
"""

from __future__ import annotations

import builtins
import copy
import inspect
import itertools
import linecache
import re
import textwrap
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal

import numpy as np

from qm9course.diagnosis import as_numbers, describe, explain, same, unit_of
from qm9lib.errors import DataError

Status = Literal["not attempted", "wrong", "error", "not checkable", "right"]
Answer = Callable[..., Any]


class Right(str):
    """A judge's remark on a right answer, such as the error that it reaches."""


Judge = Callable[[Answer], str | None]
"""Calls an answer and returns what is wrong with it: None, or a `Right`, if nothing is."""

Meaning = Callable[[BaseException, tuple[Any, ...]], str | None]
"""Explains an exception from an answer called with these arguments; None if it cannot.

The text goes after "This means: ", and a full stop after the text."""

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
        Title, in a few words.
    function
        Name of the function that the student writes.
    judge
        Finds what is wrong; see `Judge`.
    hints
        Hints, from a nudge to almost the answer.
    learnt
        What the exercise was good for; printed when the answer is right.
    explain
        Explains what some exceptions mean in this exercise; see `Meaning`.
    needs_jax
        Whether the answer or its judge needs JAX, and so cannot run in a web page.
    """

    name: str
    title: str
    function: str
    judge: Judge
    hints: tuple[str, ...]
    learnt: str
    explain: Meaning | None = None
    needs_jax: bool = False


@dataclass(frozen=True)
class Outcome:
    """The outcome of examining an answer: one of five, and the reason, in words for the student."""

    exercise: Exercise
    status: Status
    message: str

    def __str__(self) -> str:
        return wrapped(f"{self.exercise.name} {self.status}: {self.message}")


def wrapped(text: str) -> str:
    """Return a message with lines broken at `WIDTH` characters; continuation lines are indented.

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

    ``atoms`` is the number of atoms, if an answer per atom is a likely mistake.
    """

    text: str
    arguments: tuple[Any, ...]
    atoms: int | None = None


class NotAttemptedError(Exception):
    """Raised if the stub is still there."""


class StoppedError(Exception):
    """Raised if the student's code has raised an exception, which the message describes."""


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
    """Return what is wrong if something other than a function was given."""
    return (
        f'check takes the function itself, and you gave {given}: write check("{exercise.name}", '
        f"{exercise.function}), without brackets after the name"
    )


def judged(exercise: Exercise, answer: Answer) -> Outcome:
    """Return the outcome of an answer that raises only the errors of `guarded`."""
    changed = []

    def watched(*arguments: Any) -> Any:
        before = _own(arguments)
        result = answer(*arguments)
        changed.append(_changed(arguments, before))
        return result

    try:
        reason = exercise.judge(watched)
    except NotAttemptedError:
        return Outcome(
            exercise,
            "not attempted",
            "put your code where the line `raise NotImplementedError` is, and run both cells "
            f'again. hint("{exercise.name}") helps',
        )
    except StoppedError as stopped:
        return Outcome(exercise, "error", str(stopped))
    except (NotCheckableError, DataError) as error:
        return Outcome(exercise, "not checkable", str(error))
    if any(changed) and (reason is None or (isinstance(reason, Right) and _IN_PLACE not in reason)):
        reason = Right(f"{reason}. And {_IN_PLACE}" if reason else _IN_PLACE)
    if reason is None:
        return Outcome(exercise, "right", exercise.learnt)
    if isinstance(reason, Right):
        learnt = exercise.learnt[:1].upper() + exercise.learnt[1:]
        return Outcome(exercise, "right", f"{reason}. {learnt}")
    return Outcome(exercise, "wrong", reason)


_IN_PLACE = "it also changes its arguments, which the caller may need: copy first"


def compared(
    reference: Answer,
    cases: Callable[[], Sequence[Case]],
    mistakes: Mapping[str, Answer] | None = None,
    *,
    whole: Callable[[], Sequence[Case]] = tuple,
    unit: str | None = None,
    parts: Sequence[str] = (),
    rtol: float = 1e-4,
    atol: float = 1e-8,
) -> Judge:
    """Return a judge that compares an answer with a reference on some cases.

    Parameters
    ----------
    reference
        A right answer.
    cases
        Returns the cases to try; called only when needed, since it may read data.
    mistakes
        Wrong answers, by what to say about them: the first that agrees in all cases is named.
    whole
        Cases with arrays of integers, tried if all else is right: to go silently wrong there is
        wrong. An answer that works in place is not tried on them, and an answer may raise an error.
    unit
        Energy unit of the result, if any, so that numbers in another unit are recognised.
    parts
        Words for each of several results.
    rtol, atol
        Relative and absolute difference from the reference that are allowed.
    """

    def judge(answer: Answer) -> str | None:
        tried = list(cases())
        given, found, expected = _tried(answer, reference, tried)
        changed = any(_changed(a, case.arguments) for a, case in zip(given, tried, strict=True))
        if all(same(a, b, rtol, atol) for a, b in zip(found, expected, strict=True)):
            if changed:
                return Right(_IN_PLACE)
            more = list(whole())
            try:
                _, found, expected = _tried(answer, reference, more)
            except StoppedError:  # such as jax.grad, which takes no integers, and says so
                return None
            if all(same(a, b, rtol, atol) for a, b in zip(found, expected, strict=True)):
                return None
            tried = more
        # A right number in another unit counts as such, not as a mistake that is close to it there.
        right_in = unit_of(found, expected, unit, rtol, atol)
        for message, mistake in (mistakes or {}).items():
            try:
                wrong = [mistake(*_own(case.arguments)) for case in tried]
            except (ArithmeticError, LookupError, TypeError, ValueError):
                continue  # a mistake that fails here is not the student's
            other = unit_of(found, wrong, unit, max(rtol, 1e-9), atol)  # some are huge
            if other == (unit or "") or (other is not None and right_in is None):
                return message + (
                    "" if other == (unit or "") else f". And the number is in {other}"
                )
        if remembers(answer, tried[0].arguments, found[0]):
            return REMEMBERS
        said = explain(
            found, expected, [case.text for case in tried], [case.atoms for case in tried],
            unit=unit, parts=parts, rtol=rtol, atol=atol,
        )  # fmt: skip
        if changed and said.startswith("for "):
            said += (
                ". It also changes the array that it is given: does it go on with changed numbers? "
                "Work on a copy"
            )
        return said

    return judge


def _tried(
    answer: Answer, reference: Answer, cases: Sequence[Case]
) -> tuple[list[tuple[Any, ...]], list[Any], list[Any]]:
    """Return the arguments after the calls, the answer's results, and the expected ones."""
    given = [_own(case.arguments) for case in cases]
    found = [snapshot(answer(*arguments)) for arguments in given]
    return given, found, [reference(*_own(case.arguments)) for case in cases]


def snapshot(result: Any) -> Any:
    """Copy a result: an answer may return the same list each time, and change it between calls."""
    return _own((result,))[0]


REMEMBERS = (
    "called again with the same arguments, it returns something else: it remembers earlier calls. "
    "Is a list or array outside the function, or a default value such as `found=[]`, filled up? "
    "Python makes a default only once. Or are there random numbers in it?"
)


def remembers(answer: Answer, arguments: tuple[Any, ...], found: object) -> bool:
    """Return whether an answer gives a different result than before for the same arguments."""
    again = answer(*_own(arguments))
    if as_numbers(found) is None and not isinstance(found, tuple | list | set | dict):
        return False
    return repr(again) != repr(found) and not same(again, found, 1e-6)


def _own(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return arguments that an answer may change without harm to the next call."""
    return tuple(
        copy.deepcopy(x) if isinstance(x, np.ndarray | list | dict | set) else x for x in arguments
    )


def _changed(arguments: tuple[Any, ...], before: tuple[Any, ...]) -> bool:
    """Return whether an answer has changed an array that it was given."""
    return any(
        isinstance(now, np.ndarray)
        and (
            now.shape != then.shape
            or not np.array_equal(now, then, equal_nan=now.dtype.kind == "f")
        )
        for now, then in zip(arguments, before, strict=True)
    )


def guarded(answer: Answer, exercise: Exercise) -> Answer:
    """Return the answer, wrapped so that its errors can be distinguished from the judge's.

    It raises only `NotAttemptedError` and `StoppedError`.
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
                f"it is called with {len(arguments)} argument{'s' * (len(arguments) != 1)}, but "
                f"takes {signature}: keep the first line of the cell as it was ({error})"
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
    "NameError": "this name is not defined where the line runs: a typo, or a cell above "
    "that has not been run",
    "TypeError": "a function or operator got a kind of object that it cannot handle, or too many "
    "or too few arguments",
    "IndexError": "an index is beyond the end: Python counts from 0, and the last of n is n - 1. "
    "Does the code assume a fixed length? Use len(x) or x.shape",
    "KeyError": "this key is not in the dictionary or table",
    "AttributeError": "the object has no attribute of this name: print(type(...)) shows what it is",
    "ZeroDivisionError": "something was divided by zero: the distance of an atom from itself, or "
    "a count of nothing",
    "RecursionError": "the function calls itself without end",
    "ModuleNotFoundError": "this package is not installed here",
    "LinAlgError": "this matrix cannot be solved or inverted: often it is not square, is singular, "
    "or holds NaN or infinity",
    "SyntaxError": "Python cannot read the line",
    "MemoryError": "an array does not fit into memory",
    "SystemExit": "exit() ends the program: use return",
    "EOFError": "nobody answers input() here: take what you need from the arguments",
    "ConcretizationTypeError": "under jit, grad or vmap a value is not known yet: use jnp.where "
    "for `if`, and jnp for numpy and float()",
    "TracerBoolConversionError": "under jit, grad or vmap a value is not known yet: use jnp.where "
    "in place of `if`",
    "TracerArrayConversionError": "under jit, grad or vmap a value is not known yet: use jnp in "
    "place of numpy",
}

_NONE = (
    "something here is None. A function without `return` returns None, as do those that change "
    "an array or list in place: shuffle, sort, append, np.fill_diagonal"
)
_SAID: dict[str, str] = {
    "could not convert": "Python cannot read this text as a number: print it, and look at how it "
    "is spelled",
    "truth value": "`if`, `and` and `or` take one value, but this is an array: use np.where, & and "
    "|",
    "read-only": "this array must not be changed: take a copy of it, array.copy()",
    "must be square": "this function takes square matrices only, as many rows as columns",
    "too many indices": "the array has fewer axes than the index: print its .shape",
    "tuple index out of range": "an array of one axis has no shape[1], and a number no shape[0]",
    "out of bounds for array of dimension": "the array has fewer axes than that: print its .shape. "
    "array[mask] has one axis only",
    "inhomogeneous": "rows of different lengths do not make an array: pad them to one length",
    "cannot reshape": "an array can be reshaped only to a shape with the same number of elements: "
    "print its .size. Rows whose length differs between molecules do not fit into one table",
    "does not have enough dimensions": "one of the two is None or a single number; what changes an "
    "array in place, such as np.fill_diagonal, returns None",
    "NoneType": _NONE,
    "0-dimensional arrays": "this takes a single number, but got an array: +, -, * and NumPy's own "
    "functions take both",
    "length-1 arrays": "this takes a single number, but got an array: +, -, * and NumPy's own "
    "functions take both",
    "len() of unsized": "a single number has no length: an array without axes holds one, and its "
    ".size is 1",
    "has no len()": "a single number has no length",
    **dict.fromkeys(
        (f"'{kind}' object is not iterable" for kind in ("float", "int", "numpy.float64")),
        "this is a single number, but a loop needs an array or a list: NumPy's +, -, * take both, "
        "without a loop",
    ),
    **dict.fromkeys(
        (f"'{kind}' object is not subscriptable" for kind in ("float", "int", "numpy.float64")),
        "this is a single number: it has no [0]",
    ),
    "object is not subscriptable": "square brackets do not work on this object. A function is "
    "called with round ones",
    "unhashable": "a dictionary looks up one key at a time: loop over them",
    "integer scalar arrays": "an index must be one whole number, but this is an array: np.where "
    "and np.flatnonzero give arrays, of which you may want item [0]",
    "PRNG key": "a key is made with jax.random.key(0)",
    **dict.fromkeys(
        ("broadcast", "shapes", "matmul", "dimension mismatch"),
        "the shapes of two arrays do not match: print the .shape of each before this line",
    ),
}
"""Meanings of an exception by a part of its message, which says more than its class."""


def kind_of(error: BaseException) -> str:
    """Return the name of an exception's class, or of its base if the class is internal to Python.

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
    """Return what a student's exception means, and where it came from."""
    try:
        said = str(error).strip().partition("\n")[0]
    except Exception:  # of a class of the student's
        said = ""
    lines = [f"your code stopped with {kind_of(error)}" + (f": {said}" if said else "")]
    inner = inspect.unwrap(answer) if callable(answer) else answer  # of lru_cache or jit
    file = getattr(getattr(inner, "__code__", None), "co_filename", None)
    # The last line of the cell itself: anything deeper belongs to a library.
    own = [
        (frame, number)
        for frame, number in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == file
    ]
    frame, source = None, ""
    if own:
        frame, number = own[-1]
        source = linecache.getline(frame.f_code.co_filename, number).strip()
        where = f"  in {frame.f_code.co_name}, line {number}"
        lines.append(f"{where}: {source}" if source else where)
    meaning = tell(error, arguments) if tell else None
    if meaning is None:
        by_words = (told for word, told in _SAID.items() if word in said)
        names = (kind.__name__ for kind in type(error).__mro__)
        by_kind = (_MEANINGS[name] for name in names if name in _MEANINGS)
        special = (
            _reused(error, said, frame, source),
            _cached(error, said, answer, frame, source),
            _unfitting(said),
        )
        meaning = next(itertools.chain(filter(None, special), by_words, by_kind), None)
    if meaning:
        lines.append(f"  This means: {meaning}{'' if meaning.endswith('?') else '.'}")
    return "\n".join(lines)


def _called(source: str, frame: FrameType | None) -> dict[str, Any]:
    """Return the objects behind the names that a line of code calls, if they are known."""
    known = {**frame.f_globals, **frame.f_locals} if frame else {}
    names = re.findall(r"(?<![\w.])([A-Za-z_]\w*)\s*\(", source)
    return {name: known[name] for name in names if name in known}


def _reused(error: BaseException, said: str, frame: FrameType | None, source: str) -> str | None:
    """Explain a name that was reused for something else."""
    unbound = re.search(r"variable '(\w+)'", said) if isinstance(error, UnboundLocalError) else None
    if unbound and frame:
        name = unbound[1]
        if hasattr(builtins, name) or name in frame.f_globals:
            what = "Python's own" if hasattr(builtins, name) else "that of the notebook"
            return (
                f"the name `{name}` is used twice. As this function assigns to {name}, the name is "
                f"a local variable on every line of it, and no longer {what}. Choose another "
                "name for yours"
            )
        return (
            f"{name} is used before it has a value: is it set after this line, or in an `if` or a "
            "loop that was not run?"
        )
    kind = re.match(r"'([\w.]+)' object is not callable", said)
    if not kind or not isinstance(error, TypeError):
        return None
    for name, value in _called(source, frame).items():
        if callable(value):
            continue
        if hasattr(builtins, name):
            return (
                f"the name `{name}` is used twice: it was Python's function, and in your code it "
                f"is now a variable ({_kind_in_words(value)}), which cannot be called. Choose "
                "another name for the variable"
            )
        return (
            f"`{name}` is {_kind_in_words(value)}, not a function, but round brackets call a "
            "function: use square ones to index, and * to multiply"
        )
    return (
        "round brackets after something that is not a function: use square ones to index, and * to "
        "multiply"
    )


def _kind_in_words(value: object) -> str:
    if isinstance(value, int | float | np.number):
        return "a number"
    kind = type(value).__name__
    words = {"ndarray": "an array", "ArrayImpl": "an array", "str": "a string"}
    return words.get(kind, f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}")


def _cached(
    error: BaseException, said: str, answer: Answer, frame: FrameType | None, source: str
) -> str | None:
    """Explain an array that was given to a function under lru_cache or cache."""
    if not isinstance(error, TypeError) or "unhashable type" not in said:
        return None
    called = [*_called(source, frame).values(), *(() if frame else (answer,))]
    if not any(hasattr(function, "cache_info") for function in called):
        return None
    return (
        "a function under functools.cache or lru_cache looks up its arguments, as a dictionary "
        "does, and an array cannot be looked up, since it may change. Leave out the decorator"
    )


def _unfitting(said: str) -> str | None:
    """Explain two shapes that do not match, if the shapes reveal more."""
    if "not aligned" in said:
        return (
            "the first array must have as many columns as the second has rows: is a .T "
            "missing, or one too many, or is the order of the two wrong?"
        )
    size = re.search(r"matmul: .*\(size (\d+) is different from (\d+)\)", said)
    if size:
        return (
            f"a @ b needs as many columns in a as b has rows, but here they are {size[2]} and "
            f"{size[1]}. Is a .T missing, or one too many, or is the order of the two wrong?"
        )
    shapes = re.search(
        r"with shapes \((\d+),\) \((\d+),(\d+)\)|with shapes "
        r"\((\d+),(\d+)\) \((\d+),\)",
        said,
    )
    if shapes:
        one, rows, columns = (
            (shapes[1], shapes[2], shapes[3]) if shapes[1] else (shapes[6], shapes[4], shapes[5])
        )
        if one == rows != columns:
            return (
                f"NumPy puts the {one} numbers side by side, along the {columns} columns; they "
                f"belong to the {rows} rows. Make a column of them, x[:, None]"
            )
    return None
