"""The errors that the package raises on purpose: what was given, what was expected, what to do."""

from __future__ import annotations


class DataError(ValueError):
    """Data that is missing, damaged or not what it should be; the message says what to do."""


class RecordError(DataError):
    """A defect in a record: file, line, column, what was found and what was expected."""


class UnknownNameError(KeyError, ValueError):
    """A name that is not in the table; the message lists those that are.

    It is a ``KeyError`` and a ``ValueError``, so that callers can catch either.
    """

    def __init__(self, kind: str, given: object, allowed: list[str], more: str = "") -> None:
        self.message = f"unknown {kind} {given!r}; use one of: {', '.join(allowed)} {more}".rstrip()
        super().__init__(self.message)

    def __str__(self) -> str:
        # KeyError would show the repr of the message, quotes and all.
        return self.message
