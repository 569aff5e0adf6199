"""Figures in a page that runs Python, shown as in a notebook: a backend for matplotlib.

A page sets ``MPLBACKEND=module://qm9course.inline``. Pyplot's open figures are shown when its
``show`` is called, or when a cell has ended.
"""

from __future__ import annotations

import io

from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas
from matplotlib.figure import Figure

from qm9course import showing

__all__ = ["FigureCanvas", "picture", "show"]


def picture(figure: Figure) -> str:
    """Return a figure as HTML, and close it, so that it is shown only once.

    Its text alternative is what is written at its axes.
    """
    words = [figure.get_suptitle()]
    for ax in figure.axes:
        labels = filter(None, (ax.get_ylabel(), ax.get_xlabel()))
        words += [ax.get_title(), " against ".join(labels)]
    told = "; ".join(filter(None, words))
    pyplot.close(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return showing.image(buffer.getvalue(), f"Figure: {told}" if told else "Figure")


def show(*, block: bool | None = None) -> None:
    """Show all open figures, and close them; ``block`` is for windows."""
    for number in pyplot.get_fignums():
        html = picture(pyplot.figure(number))
        if showing.PAGE is not None:
            showing.PAGE(html)
