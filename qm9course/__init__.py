"""Check the exercises of the course: `check`, `hint` and `progress`.

Only this Python process remembers the answers that were checked and the hints that were seen:
nothing is written, and nothing is sent.

Examples
--------
>>> def to_kcal_per_mol(energy):
...     return 27.2114 * energy
>>> check("1.1", to_kcal_per_mol)
1.1 wrong: the number is in eV; the exercise asks for kcal/mol
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from qm9course import checking
from qm9course.checking import Exercise, Outcome, wrapped
from qm9course.showing import MARKS, show
from qm9lib.errors import UnknownNameError

__all__ = ["check", "examine", "exercises", "hint", "progress"]

CHAPTERS: tuple[str, ...] = ("labels", "data", "baseline", "kernels", "gnn", "accuracy", "targets")
"""The sets, in the order of the book: exercise 2.1 is the first one of the second."""

BY_NUMBER: Mapping[str, str] = {str(i): chapter for i, chapter in enumerate(CHAPTERS, 1)}
"""The sets, by the first part of their exercises' names."""

_outcomes: dict[str, Outcome] = {}
_hinted: dict[str, int] = {}


def exercises(chapter: str) -> tuple[Exercise, ...]:
    """Return the exercises of a chapter.

    Examples
    --------
    >>> exercises("labels")[0].title
    'Hartree to kcal/mol'
    """
    if chapter not in CHAPTERS:
        raise UnknownNameError("set of exercises", chapter, list(CHAPTERS))
    found: tuple[Exercise, ...] = importlib.import_module(f"qm9course.judges.{chapter}").EXERCISES
    return found


def check(name: object, answer: object) -> None:
    """Examine an answer and print the result: one of five outcomes, and the reason.

    Parameters
    ----------
    name
        Number of the exercise, such as ``"1.2"``.
    answer
        The function that you wrote (the function itself, not its result).
    """
    try:
        outcome = examine(name, answer)
    except UnknownNameError:
        print(wrapped(_no_exercise(name)))
        return
    known = outcome.exercise.name
    # A right answer stays right in `progress`: later experiments cost nothing.
    if known not in _outcomes or _outcomes[known].status != "right":
        _outcomes[known] = outcome
    head, rest = f"{known} {outcome.status}", f": {outcome.message}"
    show([(outcome.status, head, rest) if outcome.status in MARKS else ("", "", head + rest)])


def examine(name: object, answer: object) -> Outcome:
    """Return the outcome of an answer without printing or remembering it.

    Raises
    ------
    UnknownNameError
        If there is no such exercise.

    Examples
    --------
    >>> examine("1.1", lambda energy: 627.5095 * energy).status
    'right'
    """
    return checking.examine(_find(name), answer)


def hint(name: object) -> None:
    """Print the next hint for an exercise; the last one is almost the answer."""
    try:
        exercise = _find(name)
    except UnknownNameError:
        print(wrapped(_no_exercise(name)))
        return
    known = exercise.name
    seen = _hinted.get(known, 0)
    number = min(seen + 1, len(exercise.hints))
    _hinted[known] = number
    text = f"{known} hint {number} of {len(exercise.hints)}: {exercise.hints[number - 1]}"
    if number < len(exercise.hints):
        text += f'\nThe next one: hint("{known}") again.'
    elif seen == number:
        text += "\nThat was the last hint. If you are still stuck, look at the solution."
    print(wrapped(text))


def progress() -> None:
    """Print the progress in each chapter with at least one answer checked here."""
    if not _outcomes:
        print("nothing has been checked here yet")
        return
    checked = {name.partition(".")[0] for name in _outcomes}
    lines = []
    for chapter in (chapter for number, chapter in BY_NUMBER.items() if number in checked):
        found = exercises(chapter)
        done = [_outcomes.get(exercise.name) for exercise in found]
        right = sum(outcome is not None and outcome.status == "right" for outcome in done)
        lines.append(("", f"{chapter}: {right} of {len(found)} right", ""))
        said = [outcome.status if outcome else "not checked" for outcome in done]
        width = max(map(len, said))
        for exercise, status in zip(found, said, strict=True):
            gap = " " * (width - len(status) + 2)
            lines.append((status, f"  {exercise.name}  {status}", gap + exercise.title))
    show(lines)


def _names(name: object) -> tuple[str, list[Exercise]]:
    """Return the name as text, and its chapter's exercises; none if there is no such chapter."""
    text = str(name) if isinstance(name, str | float) else ""
    number = text.partition(".")[0]
    return text, list(exercises(BY_NUMBER[number])) if number in BY_NUMBER else []


def _find(name: object) -> Exercise:
    """Return an exercise by its name, or by the number that looks like it."""
    text, found = _names(name)
    by_name = {exercise.name: exercise for exercise in found}
    # 1.10 is the number 1.1.
    if text in by_name and not (isinstance(name, float) and f"{text}0" in by_name):
        return by_name[text]
    if by_name:
        raise UnknownNameError("exercise", name, list(by_name))
    raise UnknownNameError(
        "exercise", name, [f'"{number}.1"' for number in BY_NUMBER], "and so on, in quotes"
    )


def _no_exercise(name: object) -> str:
    """Return a sentence for a reader who named an exercise that does not exist."""
    text, found = _names(name)
    names = [f'"{exercise.name}"' for exercise in found]
    if not names:
        first = ", ".join(f'"{number}.1"' for number in BY_NUMBER)
        return f"An exercise is named by its number, in quotes: {first} and so on."
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    if text in (exercise.name for exercise in found):
        return (
            f"The number {text} can mean more than one exercise: put the name in quotes, {listed}."
        )
    chapter = BY_NUMBER[text.partition(".")[0]]
    return f"There is no exercise {text}. The chapter on {chapter} has {listed}."
