"""Exercises of the chapter *accuracy*."""

from __future__ import annotations

from qm9lib.exercises.checking import Exercise

EXERCISES: tuple[Exercise, ...] = ()
