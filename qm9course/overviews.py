"""A picture at the head of each chapter: what it starts from, what it does, and where it ends.

Three panels with arrows between them, schematic on purpose: none of their numbers is a result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from qm9course import CHAPTERS, drawings
from qm9lib import Molecule, load_sample
from qm9lib.errors import UnknownNameError
from qm9lib.figures.picture import Picture
from qm9lib.figures.style import COLORS, SMALL, WIDTH, styled

_Draw = Callable[[Axes, float, float], None]
"""Draws into axes in inches, around a centre."""

_PANEL = 1.5  # inches, the width of a panel
_HIGH = 1.3  # and the height of what is drawn in it
_LEADING = 0.17  # between two lines of text
_SEEN = 0.35  # inches per Å

_METHANE, _WATER, _FORMALDEHYDE = 0, 2, 5
"""Rows of these molecules in the sample."""

_APPENDICES = {"tensors": "A", "elsewhere": "B"}


class _Panel(NamedTuple):
    """A drawing and the words below it: two short lines."""

    draw: _Draw
    words: tuple[str, str]


@styled
def overview(chapter: str) -> Picture:
    """Return the picture at the head of a chapter.

    Parameters
    ----------
    chapter
        Its name, such as ``"gnn"``.

    Raises
    ------
    UnknownNameError
        If there is no such chapter.

    Examples
    --------
    >>> overview("gnn")
    [figure] Three drawings with arrows between them: a graph: each atom knows its neighbours; then
    messages: each one listens and updates; then a sum over the atoms: one energy.
    """
    if chapter not in _PANELS:
        raise UnknownNameError("chapter", chapter, [*_PANELS])
    panels = _PANELS[chapter]
    height = _HIGH + 3 * _LEADING
    figure, ax = drawings._canvas(height)
    gap = (WIDTH - 3 * _PANEL) / 2
    middle = height - _HIGH / 2
    for number, panel in enumerate(panels):
        x = _PANEL / 2 + number * (_PANEL + gap)
        panel.draw(ax, x, middle)
        for line, words in enumerate(panel.words):
            y = height - _HIGH - (line + 1) * _LEADING
            ax.text(x, y, words, ha="center", va="center_baseline", fontsize=SMALL)
        if number:
            left = x - _PANEL / 2 - gap
            drawings._arrow(ax, (left + 0.08, middle), (left + gap - 0.08, middle))
    told = "; then ".join(" ".join(panel.words) for panel in panels)
    where = _APPENDICES.get(chapter) or str(1 + CHAPTERS.index(chapter))
    return Picture(
        figure, f"Three drawings with arrows between them: {told}.",
        caption=f"Figure {where}.1. The chapter in one picture.",
    )  # fmt: skip


def _molecule(index: int) -> Molecule:
    return load_sample()[index]


def _balls(index: int, scale: float = _SEEN, turn: float = 0.0) -> _Draw:
    """Draw a molecule of the sample as balls and sticks, turned in the plane."""

    def draw(ax: Axes, x: float, y: float) -> None:
        molecule = _molecule(index)
        at = drawings._flat(molecule) @ _turned(turn).T * scale
        drawings._balls_and_sticks(ax, molecule.atomic_numbers, at + [x, y, 0], scale)

    return draw


def _turned(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _grid(values: Sequence[Sequence[float | None]], size: float = 0.16) -> _Draw:
    """Draw cells that are darker the larger their value (0 to 1); None is padding."""

    def draw(ax: Axes, x: float, y: float) -> None:
        rows, columns = len(values), len(values[0])
        for i, row in enumerate(values):
            for j, value in enumerate(row):
                corner = (x + (j - columns / 2) * size, y + (rows / 2 - 1 - i) * size)
                frame = Rectangle(corner, size, size, fill=False, edgecolor="black", linewidth=0.6)
                if value is None:
                    frame.set_hatch("/////")
                else:
                    ink = Rectangle(corner, size, size, facecolor=COLORS[0], alpha=value)
                    ax.add_patch(ink)
                ax.add_patch(frame)

    return draw


def _lines(*lines: str, step: float = 0.19) -> _Draw:
    """Write lines of text."""

    def draw(ax: Axes, x: float, y: float) -> None:
        for number, line in enumerate(lines):
            at = y + ((len(lines) - 1) / 2 - number) * step
            ax.text(x, at, line, ha="center", va="center_baseline", fontsize=SMALL)

    return draw


def _bars(values: Sequence[float], marked: Sequence[int] = (), line: float | None = None) -> _Draw:
    """Draw bars (0 to 1), and a line at some height."""

    def draw(ax: Axes, x: float, y: float) -> None:
        step = 1.2 / len(values)
        for i, value in enumerate(values):
            color = COLORS[1] if i in marked else COLORS[0]
            corner = (x - 0.6 + i * step, y - 0.5)
            ax.add_patch(Rectangle(corner, 0.75 * step, value, facecolor=color))
        if line is not None:
            at = y - 0.5 + line
            ax.plot([x - 0.66, x + 0.66], [at, at], color="black", linestyle=":", linewidth=1.4)

    return draw


def _curve(ax: Axes, x: float, y: float) -> None:
    """Draw a smooth curve through points, as a model goes through its data."""
    along = np.linspace(-0.6, 0.6, 50)
    ax.plot(x + along, y + _wave(along), color=COLORS[0], linewidth=1.8, linestyle="-")
    at = np.array([-0.52, -0.3, -0.05, 0.2, 0.45])
    ax.plot(x + at, y + _wave(at), "o", color=COLORS[1], markersize=5, linestyle="none")


def _wave(x: np.ndarray) -> np.ndarray:
    return 0.3 * np.sin(5 * x) + 0.25 * x


def _parity(spread: float) -> _Draw:
    """Draw predicted against true values, around a diagonal."""

    def draw(ax: Axes, x: float, y: float) -> None:
        ax.plot(
            [x - 0.55, x + 0.55], [y - 0.55, y + 0.55], color="black", linestyle="-", linewidth=1
        )
        along = np.linspace(-0.5, 0.5, 17)
        off = spread * np.sin(7.0 * np.arange(17))
        ax.plot(x + along, y + along + off, "o", color=COLORS[0], markersize=3.5, linestyle="none")

    return draw


def _graph(receiver: int | None) -> _Draw:
    """Draw formaldehyde as a graph: all its edges, or the messages to one atom."""

    def draw(ax: Axes, x: float, y: float) -> None:
        molecule = _molecule(_FORMALDEHYDE)
        at = drawings._flat(molecule)[:, :2] * 0.52
        at += [x, y] - (at.min(axis=0) + at.max(axis=0)) / 2
        for i in range(len(at)):
            for j in range(i):
                if receiver is None:
                    ax.plot(*at[[i, j]].T, color=COLORS[0], linewidth=1.2, linestyle="-", zorder=1)
        if receiver is not None:
            for i in set(range(len(at))) - {receiver}:
                way = at[receiver] - at[i]
                length = np.linalg.norm(way)
                start, end = at[i] + way * 0.15 / length, at[receiver] - way * 0.16 / length
                _vector(ax, start, end)
        for z, (left, up) in zip(molecule.atomic_numbers.tolist(), at, strict=True):
            drawings._node(ax, left, up, z)

    return draw


def _arrows(turn: float) -> _Draw:
    """Draw formaldehyde with a vector at its carbon and its oxygen, all turned together."""

    def draw(ax: Axes, x: float, y: float) -> None:
        molecule = _molecule(_FORMALDEHYDE)
        at = (drawings._flat(molecule) @ _turned(turn).T)[:, :2] * 0.4
        heavy = np.flatnonzero(molecule.atomic_numbers > 1)
        along = at[heavy[1]] - at[heavy[0]]
        for atom, length in zip(heavy, (0.55, -0.4), strict=True):
            side = np.array([-along[1], along[0]]) / np.linalg.norm(along)
            end = at[atom] + length * (side + 0.4 * along / np.linalg.norm(along))
            _vector(ax, at[atom] + [x, y], end + [x, y])
        for z, (left, up) in zip(molecule.atomic_numbers.tolist(), at, strict=True):
            drawings._node(ax, x + left, y + up, z)

    return draw


def _vector(ax: Axes, start: np.ndarray, end: np.ndarray) -> None:
    ax.annotate(
        "", tuple(end), tuple(start),
        arrowprops={
            "arrowstyle": "-|>", "color": COLORS[1], "linewidth": 2.2, "mutation_scale": 13,
            "shrinkA": 0, "shrinkB": 0,
        },
    )  # fmt: skip


def _levels(ax: Axes, x: float, y: float) -> None:
    """Draw the energy of the free atoms, the energy of the molecule, and the difference."""
    for at, words in ((0.4, "free atoms"), (-0.45, "molecule")):
        ax.plot([x - 0.6, x + 0.6], [y + at, y + at], color="black", linewidth=1.8, linestyle="-")
        ax.text(x - 0.6, y + at + 0.08, words, ha="left", va="bottom", fontsize=SMALL)
    _vector(ax, np.array([x + 0.5, y + 0.4]), np.array([x + 0.5, y - 0.43]))


def _split(ax: Axes, x: float, y: float) -> None:
    """Draw three sets of molecules that never overlap."""
    parts = (("train", 0.58, COLORS[0]), ("valid", 0.21, COLORS[2]), ("test", 0.21, COLORS[1]))
    top = y + 0.58
    for words, share, color in parts:
        high = 1.1 * share
        ax.add_patch(Rectangle((x - 0.55, top - high), 0.5, high - 0.04, facecolor=color))
        ax.text(x + 0.08, top - high / 2, words, ha="left", va="center_baseline", fontsize=SMALL)
        top -= high


def _far_apart(ax: Axes, x: float, y: float) -> None:
    """Draw two molecules far from each other."""
    _balls(_WATER, 0.3)(ax, x - 0.42, y + 0.3)
    ax.plot([x - 0.22, x + 0.12], [y + 0.14, y - 0.1], color="black", linestyle=":", linewidth=1.4)
    _balls(_METHANE, 0.3)(ax, x + 0.4, y - 0.32)


def _flattened(ax: Axes, x: float, y: float) -> None:
    """Draw methane, and methane pressed flat."""
    _balls(_METHANE, 0.28)(ax, x - 0.42, y + 0.3)
    scale, square = 0.28, np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) / np.sqrt(2)
    at = np.zeros((5, 3))
    at[1:, :2] = 1.09 * square * scale
    drawings._balls_and_sticks(ax, np.array([6, 1, 1, 1, 1]), at + [x + 0.4, y - 0.28, 0], scale)


def _summed(ax: Axes, x: float, y: float) -> None:
    """Pile up the contributions of the atoms to the energy."""
    low = y - 0.55
    for color, high in zip(
        (COLORS[0], COLORS[1], COLORS[2], COLORS[3]), (0.5, 0.3, 0.15, 0.15), strict=True
    ):
        ax.add_patch(Rectangle((x - 0.4, low), 0.36, high - 0.03, facecolor=color))
        low += high
    ax.plot([x + 0.08, x + 0.08], [y - 0.55, low], color="black", linewidth=1.2, linestyle="-")
    ax.text(x + 0.2, y, "E", ha="left", va="center_baseline", fontsize=1.4 * SMALL)


_SIMILAR = [[np.exp(-((i - j) ** 2) / 3) for j in range(6)] for i in range(6)]
_COUNTS = [[0.2, 0.8, 0.0], [0.4, 0.6, 0.2], [0.2, 0.3, 0.0], [0.7, 0.9, 0.1], [0.5, 0.2, 0.5]]
_PADDED: list[list[float | None]] = [
    [1.0, 0.2, 0.2, 0.2, 0.2, None],
    [0.8, 0.2, 0.2, 0.2, None, None],
    [0.6, 0.2, 0.2, None, None, None],
    [1.0, 1.0, 0.2, 0.2, 0.2, 0.2],
]
_TRACELESS = [[0.9, 0.3, 0.5], [0.3, 0.2, 0.1], [0.5, 0.1, 0.6]]

_PANELS: dict[str, tuple[_Panel, _Panel, _Panel]] = {
    "labels": (
        _Panel(_balls(_FORMALDEHYDE, 0.45), ("a molecule:", "elements, positions")),
        _Panel(
            _lines(
                "A   B   C", "mu   alpha", "homo   lumo", "gap   r2   zpve", "U0  U  H  G", "Cv"
            ),
            ("B3LYP: sixteen", "labels"),
        ),
        _Panel(_levels, ("an energy against", "that of the atoms")),
    ),
    "data": (
        _Panel(
            _lines("4", "gdb 6 …", "C  −0.01  …", "O   0.00  …", "H   0.93  …", "H  −0.93  …"),
            ("a record: text,", "with its traps"),
        ),
        _Panel(_grid(_PADDED), ("arrays: one length,", "padding hatched")),
        _Panel(_split, ("a split: parts", "that never meet")),
    ),
    "baseline": (
        _Panel(_grid(_COUNTS), ("counts of atoms:", "a row a molecule")),
        _Panel(_bars((0.15, 0.55, 0.7, 0.85, 1.0)), ("least squares: an", "energy an element")),
        _Panel(_parity(0.12), ("a baseline: about", "20 kcal/mol off")),
    ),
    "kernels": (
        _Panel(_far_apart, ("two molecules:", "how alike?")),
        _Panel(_grid(_SIMILAR), ("all pairs: a matrix", "of similarities")),
        _Panel(_curve, ("one linear solve:", "a smooth model")),
    ),
    "gnn": (
        _Panel(_graph(None), ("a graph: each atom", "knows its neighbours")),
        _Panel(_graph(0), ("messages: each one", "listens and updates")),
        _Panel(_summed, ("a sum over the", "atoms: one energy")),
    ),
    "accuracy": (
        _Panel(_arrows(0.0), ("atoms with numbers", "and with vectors")),
        _Panel(_arrows(60.0), ("turn the molecule:", "the vectors turn too")),
        _Panel(_bars((1.0, 0.7, 0.45, 0.28, 0.15), (4,), 0.22), ("training: past", "1 kcal/mol")),
    ),
    "targets": (
        _Panel(_far_apart, ("two molecules far", "apart: what adds up?")),
        _Panel(
            _lines("Σ  energies", "mean  orbitals", "|Σ|  dipole", "Σ q r²  extent"),
            ("a readout for", "each law"),
        ),
        _Panel(_bars((0.5, 0.8, 0.35, 0.6, 0.45, 0.7)), ("twelve labels:", "one network")),
    ),
    "tensors": (
        _Panel(_flattened, ("methane, and a", "square: who can tell?")),
        _Panel(_grid(_TRACELESS, 0.26), ("a message that is", "a 3 × 3 tensor")),
        _Panel(_bars((0.1, 0.1, 0.8, 0.1), (2,)), ("its length tells", "one from the other")),
    ),
    "elsewhere": (
        _Panel(
            _lines("PyG", "SchNetPack", "DeepChem", "e3nn  MACE"),
            ("the same molecules", "from other loaders"),
        ),
        _Panel(_lines("unit?", "zero?", "order?", "split?"), ("four questions", "to each of them")),
        _Panel(_parity(0.02), ("a fingerprint:", "the same numbers")),
    ),
}
