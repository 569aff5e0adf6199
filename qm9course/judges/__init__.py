"""The exercises of each chapter, and who judges their answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from qm9course.checking import Answer
from qm9lib import QM9, load_sample

Part = Callable[..., Any]
Parts = Mapping[str, Part]


@cache
def sample() -> QM9:
    """Return the bundled sample, read once: its arrays are read-only, so judges can share it."""
    return load_sample()


def alone_and_together(build: Callable[..., Answer], **tables: Parts) -> dict[str, Answer]:
    """Return mistakes in one part of an answer, and then in two parts of it.

    ``build`` makes an answer; each table has what may stand in place of one of its parts.
    """
    alone = {
        text: build(**{name: part})
        for name, parts in tables.items()
        for text, part in parts.items()
    }
    together = {
        f"{text}. And {other}": build(**{one: part, two: second})
        for (one, parts), (two, more) in itertools.combinations(tables.items(), 2)
        for text, part in parts.items()
        for other, second in more.items()
    }
    return {text: quiet(answer) for text, answer in (alone | together).items()}


def quiet(answer: Answer) -> Answer:
    """Return an answer whose divisions by zero the student does not hear of."""

    def silent(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            return answer(*arguments)

    return silent


def plain_truths(answer: Answer) -> Answer:
    """Return an answer whose results are no truths of JAX, which are arrays without axes."""

    def plain(*arguments: Any) -> Any:
        found = answer(*arguments)
        if not isinstance(found, Sequence) or isinstance(found, str | bytes):
            return found
        return tuple(
            bool(x)
            if getattr(x, "dtype", None) == np.bool_ and getattr(x, "shape", None) == ()
            else x
            for x in found
        )

    return plain


def at_random(*shape: int, seed: int = 0) -> np.ndarray:
    """Return numbers around 0 with two decimals, the same ones each time."""
    return np.round(np.random.RandomState(seed).normal(size=shape), 2)
