"""Check the exercises of the course: `check`, `hint` and `progress`.

What was checked, and which hints were seen, is remembered by this Python process alone: nothing is
written, and nothing is sent.

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
from qm9lib.errors import UnknownNameError

__all__ = ["check", "examine", "exercises", "hint", "progress"]

CHAPTERS: tuple[str, ...] = ("labels", "data", "baseline", "gnn", "accuracy")
"""The sets, in the order of the book: exercise 2.1 is the first one of the second."""

BY_NUMBER: Mapping[str, str] = {str(i): chapter for i, chapter in enumerate(CHAPTERS, 1)}
"""The sets by the first part of their exercises' names."""

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


def check(name: str, answer: object) -> None:
    """Examine an answer and print what came of it: one of five outcomes, and the reason.

    Parameters
    ----------
    name
        Number of the exercise, such as ``"1.2"``.
    answer
        The function that you wrote, itself.

    Raises
    ------
    UnknownNameError
        If there is no such exercise.
    """
    outcome = examine(name, answer)
    # What was right stays so in `progress`: a later experiment costs nothing.
    if name not in _outcomes or _outcomes[name].status != "right":
        _outcomes[name] = outcome
    print(outcome)


def examine(name: str, answer: object) -> Outcome:
    """Return the outcome of an answer, and neither print nor remember it.

    Examples
    --------
    >>> examine("1.1", lambda energy: 627.5095 * energy).status
    'right'
    """
    return checking.examine(_find(name), answer)


def hint(name: str) -> None:
    """Print the next hint of an exercise; the last of them is almost the answer."""
    exercise = _find(name)
    seen = _hinted.get(name, 0)
    number = min(seen + 1, len(exercise.hints))
    _hinted[name] = number
    text = f"{name} hint {number} of {len(exercise.hints)}: {exercise.hints[number - 1]}"
    if number < len(exercise.hints):
        text += f'\nThe next one: hint("{name}") again.'
    elif seen == number:
        text += "\nThis was the last one; then there is the solution."
    print(wrapped(text))


def progress() -> None:
    """Print what is done in each chapter of which something was checked here."""
    if not _outcomes:
        print("nothing has been checked here yet")
    checked = {name.partition(".")[0] for name in _outcomes}
    for chapter in (chapter for number, chapter in BY_NUMBER.items() if number in checked):
        found = exercises(chapter)
        done = [_outcomes.get(exercise.name) for exercise in found]
        right = sum(outcome is not None and outcome.status == "right" for outcome in done)
        print(f"{chapter}: {right} of {len(found)} right")
        for exercise, outcome in zip(found, done, strict=True):
            status = outcome.status if outcome else "not checked"
            print(f"  {exercise.name}  {status:13}  {exercise.title}")


def _find(name: str) -> Exercise:
    number = name.partition(".")[0] if isinstance(name, str) else ""
    if number in BY_NUMBER:
        found = exercises(BY_NUMBER[number])
        for exercise in found:
            if exercise.name == name:
                return exercise
        raise UnknownNameError("exercise", name, [exercise.name for exercise in found])
    raise UnknownNameError(
        "exercise", name, [f'"{number}.1"' for number in BY_NUMBER], "and so on, in quotes"
    )
