"""Answers as students write them, right and wrong; tests/course/test_exercises.py examines all.

A module for each chapter. The decorators remember a function and what its examination must give:

    @wrong("1.1", "in eV")          # parts of the message
    def to_kcal_per_mol(energy):
        return 27.2114 * energy
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qm9course import CHAPTERS

Function = Callable[..., Any]


@dataclass(frozen=True)
class Answer:
    exercise: str
    function: Function
    status: str
    says: tuple[str, ...]


ANSWERS: list[Answer] = []


def _answer(exercise: str, status: str, *says: str) -> Callable[[Function], Function]:
    def remember(function: Function) -> Function:
        ANSWERS.append(Answer(exercise, function, status, says))
        return function

    return remember


def right(exercise: str) -> Callable[[Function], Function]:
    """Another right way of writing it."""
    return _answer(exercise, "right")


def wrong(exercise: str, *says: str) -> Callable[[Function], Function]:
    """A typical mistake, and parts of what the checker says of it."""
    return _answer(exercise, "wrong", *says)


def stops(exercise: str, *says: str) -> Callable[[Function], Function]:
    """Code that raises an exception, and parts of what the checker says of it."""
    return _answer(exercise, "error", *says)


for chapter in CHAPTERS:
    importlib.import_module(f"answers.{chapter}")
