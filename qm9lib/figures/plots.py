"""Plots that the course draws more than once. Each is a `qm9lib.figures.picture.Picture`."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from itertools import cycle

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from qm9lib.figures.picture import Picture
from qm9lib.figures.style import COLORS, axes, legend, styled
from qm9lib.metrics import mae
from qm9lib.units import written

_MARKERS = "osD^vP"
_REFERENCE = ((0, (6, 4)), (0, (2, 3)), (0, (6, 3, 1, 3)))

_NUMBER = "{x:,.10g}"  # 10,000 and 0.1, never 1e+04 or a power whose exponent is too small to read


@styled
def loss_curves(
    curves: Mapping[str, Sequence[float] | Float[np.ndarray, " epochs"]],
    *,
    reference: Mapping[str, float] | None = None,
    ylabel: str = "validation MAE (kcal/mol)",
    xlabel: str = "epoch",
    bounds: Mapping[str, float] | None = None,
    caption: str = "",
) -> Picture:
    """Draw errors against epochs, on a logarithmic axis.

    Parameters
    ----------
    curves
        One error per epoch, by name; epoch 1 first.
    reference
        Errors to mark with a horizontal line, by name.
    ylabel, xlabel
        Axis labels; units included.
    bounds
        For a curve from a training: a number that it ends below, by name. The text alternative
        gives it instead of the digits, which differ between processors.
    caption
        What to look at, as in `Picture`.

    Returns
    -------
    Picture
        Its text alternative says where each curve starts and ends.

    Raises
    ------
    ValueError
        If a curve does not end below its bound.

    Examples
    --------
    >>> loss_curves({"network": [20.0, 9.0, 6.5]}, reference={"baseline": 19.9})
    [figure] Line plot of validation MAE (kcal/mol) against epoch: network starts at 20 and ends
    at 6.5; baseline is at 19.9.
    """
    figure, (ax,) = axes()
    bounds = bounds or {}
    parts = []
    for (name, values), marker in zip(curves.items(), cycle(_MARKERS), strict=False):
        few = len(values) < 10
        ax.plot(np.arange(1, len(values) + 1), values, label=name, marker=marker if few else None)
        if name in bounds:
            parts.append(f"{name} ends {_below(values[-1], bounds[name])}")
        else:
            parts.append(f"{name} starts at {written(values[0])} and ends at {written(values[-1])}")
    for (name, value), dashes in zip((reference or {}).items(), cycle(_REFERENCE), strict=False):
        ax.axhline(value, label=name, color="black", linewidth=1.2, linestyle=dashes)
        parts.append(f"{name} is at {written(value)}")
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _plain_numbers(ax)
    legend(figure)
    alt = f"Line plot of {ylabel} against {xlabel}: {'; '.join(parts)}."
    return Picture(figure, alt, caption=caption)


def _below(value: float, bound: float) -> str:
    """Return a bound of a value in words, after checking it."""
    if not value < bound:
        raise ValueError(f"the text alternative would say below {bound:g}, but it is {value:.4g}")
    return f"below {bound:g}"


def _plain_numbers(ax: Axes) -> None:
    """Write 20 on a logarithmic axis, not 2 x 10^1, and as many numbers as fit."""
    low, high = ax.get_ylim()
    if 5 < high / low < 100:  # more than 8, 9 and 10 can share; fewer than powers of ten suffice
        ax.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    ax.yaxis.set_major_formatter(_NUMBER)
    ax.yaxis.set_minor_formatter(_NUMBER if high / low < 100 else "")


@styled
def parity(
    predicted: Float[np.ndarray, " n"],
    true: Float[np.ndarray, " n"],
    *,
    quantity: str,
    unit: str,
    bound: float | None = None,
    caption: str = "",
) -> Picture:
    """Draw predicted against true values, with the line on which they are equal.

    Parameters
    ----------
    predicted, true
        Values in ``unit``, shape (n,).
    quantity
        Name of the quantity, for the axis labels.
    unit
        Its unit.
    bound
        A number that the mean absolute error is below, to give instead of its digits.
    caption
        What to look at, as in `Picture`.

    Returns
    -------
    Picture
        Its text alternative gives the mean absolute error.

    Raises
    ------
    ValueError
        If the mean absolute error is not below its bound.

    Examples
    --------
    >>> parity(np.array([1.0, 2.5]), np.array([1.0, 2.0]), quantity="gap", unit="eV")
    [figure] Scatter plot of predicted against true gap of 2 molecules, with the diagonal. The
    mean absolute error is 0.25 eV.
    """
    figure, (ax,) = axes(height=4.6)
    ax.scatter(true, predicted, s=6, alpha=0.5, linewidths=0, rasterized=True)
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    ax.plot([low, high], [low, high], color="black", linewidth=1, linestyle="--")
    names = (f"{which} {quantity} ({unit})" for which in ("true", "predicted"))
    xlabel, ylabel = (textwrap.fill(name, 34) for name in names)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_aspect("equal")
    error = mae(predicted, true, unit=unit, to=unit)
    stated = written(error) if bound is None else _below(error, bound)
    return Picture(
        figure,
        f"Scatter plot of predicted against true {quantity} of {len(true):,} molecules, with the "
        f"diagonal. The mean absolute error is {stated} {unit}.",
        caption=caption,
    )


@styled
def histograms(
    values: Mapping[str, Float[np.ndarray, "..."]],
    *,
    ylabel: str = "molecules",
    bins: int = 60,
    caption: str = "",
) -> Picture:
    """Draw one histogram per array, one below the other.

    Parameters
    ----------
    values
        Arrays by axis label, which includes the unit.
    ylabel
        What is counted.
    bins
        Number of bins.
    caption
        What to look at, as in `Picture`.

    Returns
    -------
    Picture
        Its text alternative gives the mean and standard deviation of each.

    Examples
    --------
    >>> histograms({"gap (eV)": np.array([1.0, 3.0])}, bins=2)
    [figure] Histograms. gap (eV): mean 2, standard deviation 1.
    """
    figure, panels = axes(height=2.1 * len(values), rows=len(values))
    parts = []
    for ax, (name, array) in zip(panels, values.items(), strict=True):
        ax.hist(array, bins=bins, color=COLORS[0])
        ax.set(xlabel=name, ylabel=ylabel)
        ax.yaxis.set_major_formatter(_NUMBER)
        parts.append(f"{name}: mean {array.mean():.4g}, standard deviation {array.std():.3g}")
    return Picture(figure, f"Histograms. {'; '.join(parts)}.", caption=caption)


@styled
def bars(
    values: Mapping[str, float],
    *,
    xlabel: str,
    bounds: Mapping[str, float] | None = None,
    reference: Mapping[str, float] | None = None,
    hatched: Collection[str] = (),
    caption: str = "",
) -> Picture:
    """Draw one horizontal bar per number on a logarithmic axis, the first on top.

    The numbers themselves are in a column on the right.

    Parameters
    ----------
    values
        Positive numbers by name.
    xlabel
        Axis label, including the unit.
    bounds
        For a number from a training: an upper bound, as in `loss_curves`.
    reference
        Numbers to mark with a vertical line, by name.
    hatched
        Names of bars that belong to others, such as published results; drawn hatched.
    caption
        What to look at, as in `Picture`.

    Returns
    -------
    Picture
        Its text alternative gives all numbers, or their bounds.

    Raises
    ------
    ValueError
        If a number is not below its bound.

    Examples
    --------
    >>> bars({"baseline": 19.9, "network": 6.5}, xlabel="MAE (kcal/mol)")
    [figure] Bar chart of MAE (kcal/mol). baseline: 19.9; network: 6.5.
    """
    figure, (ax,) = axes(height=0.9 + 0.42 * len(values))
    names = [textwrap.fill(name, 20) for name in values]
    numbers = list(values.values())
    marks = [*numbers, *(reference or {}).values()]
    for row, (name, value) in enumerate(values.items()):
        others = name in hatched
        ax.barh(
            row, value, height=0.62, edgecolor=COLORS[0],
            facecolor="none" if others else COLORS[0], hatch="////" if others else None,
        )  # fmt: skip
    ax.set_yticks(range(len(names)), names, linespacing=1.0)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set(xlabel=xlabel, xscale="log", xlim=(min(marks) / 2, max(marks) * 1.1))
    ax.xaxis.set_major_locator(LogLocator(numticks=5))
    ax.xaxis.set_major_formatter(_NUMBER)
    ax.grid(visible=False, axis="y")
    column = ax.secondary_yaxis("right")
    column.set_yticks(range(len(names)), [written(value) for value in numbers])
    for axis in (ax, column):
        axis.tick_params(axis="y", length=0)
    column.spines["right"].set_visible(False)
    bounds = bounds or {}
    parts = [
        f"{name}: {_below(value, bounds[name]) if name in bounds else written(value)}"
        for name, value in values.items()
    ]
    for name, value in (reference or {}).items():
        ax.axvline(value, color="black", linestyle=_REFERENCE[0], linewidth=1.2)
        ax.annotate(
            name, (value, 1.0), (0, 3), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center",
        )  # fmt: skip
        parts.append(f"a line marks {name} at {written(value)}")
    return Picture(figure, f"Bar chart of {xlabel}. {'; '.join(parts)}.", caption=caption)


@styled
def learning_curves(
    curves: Mapping[str, Mapping[int, float]],
    *,
    ylabel: str = "MAE (kcal/mol)",
    reference: Mapping[str, float] | None = None,
    caption: str = "",
) -> Picture:
    """Draw errors against the number of training molecules, both on logarithmic axes.

    Parameters
    ----------
    curves
        By name, the error for each number of training molecules.
    ylabel
        Axis label, including the unit.
    reference
        Errors to mark with a horizontal line, by name.
    caption
        What to look at, as in `Picture`.

    Returns
    -------
    Picture
        Its text alternative gives all numbers.

    Examples
    --------
    >>> learning_curves({"PaiNN": {1000: 9.0, 10000: 3.0}}, reference={"chemical accuracy": 1.0})
    [figure] Line plot of MAE (kcal/mol) against training molecules, both axes logarithmic.
    PaiNN: 9 with 1,000, 3 with 10,000. A line marks chemical accuracy at 1.
    """
    lines = len(curves) + len(reference or {})
    figure, (ax,) = axes(height=3.4 + 0.22 * max(0, lines - 3))  # room for their names
    parts = []
    for (name, errors), marker in zip(curves.items(), cycle(_MARKERS), strict=False):
        ax.plot(list(errors), list(errors.values()), marker=marker, label=name)
        values = ", ".join(f"{written(error)} with {size:,}" for size, error in errors.items())
        parts.append(f"{name}: {values}")
    alt = f"{'; '.join(parts)}."
    for name, value in (reference or {}).items():
        ax.axhline(value, color="black", linewidth=1.2, linestyle=_REFERENCE[0], label=name)
        alt += f" A line marks {name} at {written(value)}."
    ax.set(xlabel="training molecules", ylabel=ylabel, xscale="log", yscale="log")
    sizes = sorted({size for errors in curves.values() for size in errors})
    shown = sizes[:1]
    for size in sizes[1:]:  # leave out numbers that would touch
        if size >= 2.5 * shown[-1]:
            shown.append(size)
    ax.set_xticks(shown, [f"{size:,}" for size in shown])
    ax.xaxis.set_minor_locator(NullLocator())
    _plain_numbers(ax)
    legend(figure)
    return Picture(
        figure,
        f"Line plot of {ylabel} against training molecules, both axes logarithmic. {alt}",
        caption=caption,
    )
