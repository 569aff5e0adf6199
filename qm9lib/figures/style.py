"""The look of a figure: colours, sizes, empty axes and legends.

Anything black takes the colour of the text around the figure, so that one file suits light and dark
pages. To read a figure, nothing more than `COLORS` and black should be needed.
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLORS: tuple[str, ...] = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Colours that colour-blind readers can tell apart, visible on white and on dark pages.

They are the colours of Okabe and Ito (2008) with a contrast of 3 to both, to which black is added.
"""

WIDTH = 5.2
"""Width of a figure, inches. On a phone it is shown at 70 % of that, and its text is legible."""

SMALL = 10.0
"""Smallest text size in a figure of that width, points."""

_DASHES = ("-", (0, (4, 1.2)), (0, (4, 1.2, 1, 1.2)), (0, (1.2, 0.8)), (0, (7, 2)))

_STYLE = {
    # Four colours and five dashes: the first twenty curves all differ.
    "axes.prop_cycle": mpl.cycler(
        color=COLORS * 5, linestyle=_DASHES * 4, linewidth=[1.8] * 5 * len(COLORS)
    ),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "grid.color": "black",
    "grid.alpha": 0.18,
    "grid.linewidth": 0.6,
    "font.size": 11.0,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "svg.hashsalt": "qm9lib",  # the same figure gives the same file
    "svg.fonttype": "path",
    "figure.dpi": 100,
}

styled = mpl.rc_context(_STYLE)
"""Decorator for functions that make figures, to make them in the style of the course."""


@styled
def axes(width: float = WIDTH, height: float = 3.4, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """Return an empty figure in the style of the course, and its axes from top to bottom.

    Parameters
    ----------
    width, height
        Size in inches. Up to `WIDTH`, the text can be read on a phone.
    rows
        Number of axes, one below the other.
    """
    # Not through pyplot, so that the figure is shown only by its Picture.
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(np.ravel(figure.subplots(rows, 1)))


@styled
def legend(figure: Figure) -> None:
    """Write the names of the curves above the axes, where they cover nothing.

    Parameters
    ----------
    figure
        A figure of `axes`, whose curves have labels.
    """
    names = [name for ax in figure.axes for name in ax.get_legend_handles_labels()[1]]
    # Two columns have room for names of 24 letters each.
    columns = 2 if max(map(len, names)) < 25 else 1
    figure.legend(loc="outside upper left", ncols=columns)
