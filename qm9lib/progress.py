"""Progress bars: lively when somebody is watching, a line now and then in a log."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

SECONDS_IN_A_LOG = 30.0
"""Shortest time between two lines when nobody is watching."""


def watched() -> bool:
    """Return whether standard error is a terminal or the output of a notebook cell."""
    return sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")


def bar(*arguments: Any, **options: Any) -> tqdm:
    """Return a progress bar: `tqdm.tqdm` with its own defaults, except for the pace in a log.

    Examples
    --------
    >>> with bar(total=2, disable=True) as shown:
    ...     shown.update(2)
    """
    if not watched():
        pace = {"mininterval": SECONDS_IN_A_LOG, "maxinterval": SECONDS_IN_A_LOG}
        options = {**pace, **options}
    return tqdm(*arguments, **options)
