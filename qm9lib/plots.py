"""Figures of the course. Each is a `Picture`: an SVG image with a text alternative."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Collection, Mapping, Sequence

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from qm9lib.dataset import Molecule
from qm9lib.domain import BONDED, COVALENT_RADII
from qm9lib.labels import SYMBOLS
from qm9lib.metrics import mae

COLORS: tuple[str, ...] = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Colours that colour-blind readers can tell apart (Okabe and Ito 2008)."""

_PALE = "#b8cfdf"
_BALLS = {  # colour of the ball and of its letter, as chemists have them
    1: ("#ffffff", "#000000"), 6: ("#555555", "#ffffff"), 7: ("#2f5fd0", "#ffffff"),
    8: ("#d03030", "#ffffff"), 9: ("#90d060", "#000000"),
}  # fmt: skip

_STYLE = {
    "axes.prop_cycle": mpl.cycler(color=COLORS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "font.size": 11.0,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.hashsalt": "qm9lib",  # the same figure gives the same file
    "svg.fonttype": "path",
    "figure.dpi": 100,
}


class Picture:
    """A figure with a text alternative, shown in notebooks and on the page as one SVG image.

    Parameters
    ----------
    figure
        The figure; it is drawn at once.
    alt
        What the figure shows, in a sentence or two, for those who do not see it. Numbers in it
        should be computed.

    Raises
    ------
    ValueError
        If the text alternative is empty.
    """

    def __init__(self, figure: Figure, alt: str) -> None:
        if not alt.strip():
            raise ValueError("a picture needs a text alternative: say what it shows")
        self.figure = figure
        self.alt = alt
        buffer = io.BytesIO()
        with mpl.rc_context(_STYLE):
            # No date: the same figure gives the same file.
            figure.savefig(buffer, format="svg", metadata={"Date": None}, dpi=150)
        self.svg = buffer.getvalue().decode("utf-8")

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        data = base64.b64encode(self.svg.encode("utf-8")).decode("ascii")
        image = (
            f'<img class="qm9-figure" alt="{html.escape(self.alt)}" '
            f'src="data:image/svg+xml;base64,{data}">'
        )
        return {"text/html": image, "text/plain": f"[figure] {self.alt}"}

    def __repr__(self) -> str:
        return f"[figure] {self.alt}"


_styled = mpl.rc_context(_STYLE)


@_styled
def axes(width: float = 6.4, height: float = 3.8, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """Return an empty figure in the style of the course, and its axes from top to bottom.

    Parameters
    ----------
    width, height
        In inches. At 6.4 inches the text can be read on a phone.
    rows
        Number of axes, one below the other.
    """
    # Not through pyplot: the figure belongs to nobody else and is shown only by its Picture.
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(np.ravel(figure.subplots(rows, 1)))


@_styled
def loss_curves(
    curves: Mapping[str, Sequence[float] | Float[np.ndarray, " epochs"]],
    *,
    reference: Mapping[str, float] | None = None,
    ylabel: str = "validation MAE (kcal/mol)",
    xlabel: str = "epoch",
    bounds: Mapping[str, float] | None = None,
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
        For a curve that training produced: a number that it ends below, by name. The text
        alternative tells it instead of digits, which differ between processors.

    Returns
    -------
    Picture
        Its text alternative tells where each curve starts and ends.

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
    told = []
    for name, values in curves.items():
        marker = "o" if len(values) < 10 else None
        ax.plot(np.arange(1, len(values) + 1), values, label=name, marker=marker)
        if name in bounds:
            told.append(f"{name} ends {_below(values[-1], bounds[name])}")
        else:
            told.append(f"{name} starts at {_plain(values[0])} and ends at {_plain(values[-1])}")
    for number, (name, value) in enumerate((reference or {}).items()):
        ax.axhline(value, label=name, color="#555555", linestyle=("--", ":", "-.")[number % 3])
        told.append(f"{name} is at {_plain(value)}")
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    # Plain numbers such as 20 are easier to read than 2 x 10^1.
    ax.yaxis.set_major_formatter("{x:,g}")
    ax.yaxis.set_minor_formatter("{x:,g}" if _span(ax) < 30 else "")
    ax.legend()
    return Picture(figure, f"Line plot of {ylabel} against {xlabel}: {'; '.join(told)}.")


def _plain(value: float) -> str:
    """Round to three significant digits and write without an exponent: 8,120 or 0.77."""
    return f"{float(f'{value:.3g}'):,.10g}"


def _below(value: float, bound: float) -> str:
    """Tell a bound of a value, having checked that it is one."""
    if not value < bound:
        raise ValueError(f"the text alternative would say below {bound:g}, but it is {value:.4g}")
    return f"below {bound:g}"


def _span(ax: Axes) -> float:
    low, high = ax.get_ylim()
    return high / low


@_styled
def parity(
    predicted: Float[np.ndarray, " n"],
    true: Float[np.ndarray, " n"],
    *,
    quantity: str,
    unit: str,
    bound: float | None = None,
) -> Picture:
    """Draw predicted against true values, with the line on which they are equal.

    Parameters
    ----------
    predicted, true
        Values in ``unit``, shape (n,).
    quantity
        What they are, for the axis labels.
    unit
        Their unit.
    bound
        A number that the mean absolute error is below, told instead of its digits.

    Returns
    -------
    Picture
        Its text alternative tells the mean absolute error.

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
    figure, (ax,) = axes(4.8, 4.6)
    ax.scatter(true, predicted, s=6, alpha=0.35, linewidths=0, rasterized=True)
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    ax.plot([low, high], [low, high], color="#555555", linewidth=1)
    ax.set(xlabel=f"true {quantity} ({unit})", ylabel=f"predicted {quantity} ({unit})")
    ax.set_aspect("equal")
    error = mae(predicted, true, unit=unit, to=unit)
    told = _plain(error) if bound is None else _below(error, bound)
    return Picture(
        figure,
        f"Scatter plot of predicted against true {quantity} of {len(true):,} molecules, with the "
        f"diagonal. The mean absolute error is {told} {unit}.",
    )


@_styled
def histograms(
    values: Mapping[str, Float[np.ndarray, "..."]], *, ylabel: str = "molecules", bins: int = 60
) -> Picture:
    """Draw one histogram per array, one below the other.

    Parameters
    ----------
    values
        Arrays by axis label; the unit belongs into the label.
    ylabel
        What is counted.
    bins
        Number of bins.

    Returns
    -------
    Picture
        Its text alternative tells mean and standard deviation of each.

    Examples
    --------
    >>> histograms({"gap (eV)": np.array([1.0, 3.0])}, bins=2)
    [figure] Histograms. gap (eV): mean 2, standard deviation 1.
    """
    figure, panels = axes(height=2.1 * len(values), rows=len(values))
    told = []
    for ax, (name, array) in zip(panels, values.items(), strict=True):
        ax.hist(array, bins=bins, color=COLORS[0])
        ax.set(xlabel=name, ylabel=ylabel)
        told.append(f"{name}: mean {array.mean():.4g}, standard deviation {array.std():.3g}")
    return Picture(figure, f"Histograms. {'; '.join(told)}.")


@_styled
def bars(
    values: Mapping[str, float],
    *,
    xlabel: str,
    bounds: Mapping[str, float] | None = None,
    reference: Mapping[str, float] | None = None,
    pale: Collection[str] = (),
) -> Picture:
    """Draw one horizontal bar per number on a logarithmic axis, the first on top.

    Parameters
    ----------
    values
        Positive numbers by name.
    xlabel
        Axis label; the unit belongs into it.
    bounds
        For a number that training produced: what it is below, as in `loss_curves`.
    reference
        Numbers to mark with a vertical line, by name.
    pale
        Names of bars that belong to others, such as published results; drawn in a pale colour.

    Returns
    -------
    Picture
        Its text alternative tells all numbers, or their bounds.

    Raises
    ------
    ValueError
        If a number is not below its bound.

    Examples
    --------
    >>> bars({"baseline": 19.9, "network": 6.5}, xlabel="MAE (kcal/mol)")
    [figure] Bar chart of MAE (kcal/mol). baseline: 19.9; network: 6.5.
    """
    figure, (ax,) = axes(6.4, 0.6 + 0.45 * len(values))
    names = list(values)
    colors = [_PALE if name in pale else COLORS[0] for name in names]
    drawn = ax.barh(names, list(values.values()), color=colors)
    # Opaque, so that no line runs through a number.
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    ax.bar_label(drawn, fmt=_plain, padding=4, bbox=box)
    ax.invert_yaxis()
    ax.set(xlabel=xlabel, xscale="log")
    ax.xaxis.set_major_locator(LogLocator(numticks=6))
    ax.xaxis.set_major_formatter("{x:,g}")
    ax.margins(x=0.15)
    ax.grid(visible=False, axis="y")
    bounds = bounds or {}
    told = [
        f"{name}: {_below(value, bounds[name]) if name in bounds else _plain(value)}"
        for name, value in values.items()
    ]
    for name, value in (reference or {}).items():
        ax.axvline(value, color=COLORS[1], linestyle="--", zorder=1.5)
        ax.annotate(
            name, (value, 1.0), (4, 2), xycoords=("data", "axes fraction"),
            textcoords="offset points", color=COLORS[1], fontsize="small",
        )  # fmt: skip
        told.append(f"a line marks {name} at {_plain(value)}")
    return Picture(figure, f"Bar chart of {xlabel}. {'; '.join(told)}.")


@_styled
def learning_curve(
    errors: Mapping[int, float],
    *,
    ylabel: str = "MAE (kcal/mol)",
    reference: Mapping[str, float] | None = None,
) -> Picture:
    """Draw errors against the number of training molecules, both on logarithmic axes.

    Parameters
    ----------
    errors
        Error by number of training molecules.
    ylabel
        Axis label; the unit belongs into it.
    reference
        Errors to mark with a horizontal line, by name.

    Returns
    -------
    Picture
        Its text alternative tells all numbers.

    Examples
    --------
    >>> learning_curve({1000: 9.0, 10000: 3.0}, reference={"chemical accuracy": 1.0})
    [figure] Line plot of MAE (kcal/mol) against training molecules, both axes logarithmic.
    1,000: 9; 10,000: 3. A line marks chemical accuracy at 1.
    """
    figure, (ax,) = axes()
    ax.plot(list(errors), list(errors.values()), marker="o")
    told = "; ".join(f"{size:,}: {_plain(error)}" for size, error in errors.items()) + "."
    for name, value in (reference or {}).items():
        ax.axhline(value, color=COLORS[1], linestyle="--", label=name)
        told += f" A line marks {name} at {_plain(value)}."
    ax.set(xlabel="training molecules", ylabel=ylabel, xscale="log", yscale="log")
    ax.set_xticks(list(errors), [f"{size:,}" for size in errors])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter("{x:,g}")
    ax.yaxis.set_minor_formatter("{x:,g}")
    if reference:
        ax.legend()
    return Picture(
        figure,
        f"Line plot of {ylabel} against training molecules, both axes logarithmic. {told}",
    )


@_styled
def molecules(shown: Mapping[str, Molecule]) -> Picture:
    """Draw molecules as balls and sticks, each seen from where it is flattest.

    Parameters
    ----------
    shown
        Molecules by the title of their panel.

    Returns
    -------
    Picture
        Its text alternative tells title, formula and SMILES of each.

    Examples
    --------
    >>> import qm9lib
    >>> molecules({"the smallest": qm9lib.load_sample()[0]})
    [figure] Ball-and-stick drawings. the smallest: CH4, SMILES C.
    """
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(6.4, 2.5 * rows), layout="constrained")
    panels = np.ravel(figure.subplots(rows, columns))
    for ax in panels:
        ax.set_axis_off()
    told, extent = [], max(0.8 + _half_width(molecule) for molecule in shown.values())
    for ax, (title, molecule) in zip(panels, shown.items(), strict=False):
        _balls_and_sticks(ax, molecule)
        ax.set(xlim=(-extent, extent), ylim=(-0.75 * extent, 0.75 * extent))  # one scale for all
        ax.set_title(title, fontsize="small")
        told.append(f"{title}: {molecule.formula}, SMILES {molecule.smiles}")
    return Picture(figure, f"Ball-and-stick drawings. {'; '.join(told)}.")


def _half_width(molecule: Molecule) -> float:
    centred = molecule.positions - molecule.positions.mean(axis=0)
    return float(np.max(np.linalg.norm(centred, axis=1)))


def _balls_and_sticks(ax: Axes, molecule: Molecule) -> None:
    centred = molecule.positions - molecule.positions.mean(axis=0)
    # The principal axes: x where the molecule is longest, depth where it is flattest.
    _, _, principal = np.linalg.svd(np.vstack([centred, np.zeros((3, 3))]), full_matrices=False)
    if np.linalg.det(principal) < 0:  # or the drawing would be the mirror image
        principal[2] *= -1
    place = centred @ principal.T
    radius = np.array([COVALENT_RADII[int(z)] for z in molecule.atomic_numbers])
    distance = np.linalg.norm(centred[:, None] - centred[None], axis=2)
    bonded = np.triu(distance < BONDED * (radius[:, None] + radius[None]), k=1)
    for i, j in np.argwhere(bonded):
        ax.plot(*place[[i, j], :2].T, color="#777777", linewidth=2.5, zorder=min(place[[i, j], 2]))
    for z, (x, y, depth), r in zip(molecule.atomic_numbers, place, radius, strict=True):
        color, text = _BALLS[int(z)]
        ball = Circle((x, y), 0.6 * r, facecolor=color, edgecolor="#333333", zorder=depth + 0.01)
        ax.add_patch(ball)
        if z > 1:
            ax.text(
                x, y, SYMBOLS[int(z)], ha="center", va="center", color=text, fontsize="small",
                zorder=depth + 0.02,
            )  # fmt: skip
    ax.set_aspect("equal")
