"""Drawings that explain: molecules, graphs, messages, padded arrays and moved molecules.

Each is a `Picture` whose text alternative is computed from what it shows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Integer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from qm9lib import ELEMENTS, SYMBOLS, Molecule
from qm9lib.data.geometry import COVALENT_RADII, bonds, principal_axes
from qm9lib.figures.balls import BALLS
from qm9lib.figures.picture import Picture
from qm9lib.figures.style import COLORS, SMALL, WIDTH, styled
from qm9lib.models.invariance import Energy

_LETTERS = {1: "#111111", 6: "#ffffff", 7: "#ffffff", 8: "#ffffff", 9: "#111111"}  # on `BALLS`
_BOND = "#777777"
_STRAIGHT = 0.3  # Å; a molecule no wider than this counts as a line
_CELL = 0.175  # inches; has room for a letter
_NODE = 0.15  # radius of a node, inches


@styled
def molecules(shown: Mapping[str, Molecule], *, caption: str = "") -> Picture:
    """Draw molecules as balls and sticks, each seen from where it is flattest.

    Parameters
    ----------
    shown
        Molecules by the title of their panel.
    caption
        What to look at, as in `Picture`.

    Returns
    -------
    Picture
        Its text alternative gives title, formula and SMILES of each.

    Examples
    --------
    >>> import qm9lib
    >>> molecules({"the smallest": qm9lib.load_sample()[0]})
    [figure] Ball-and-stick drawings. the smallest: CH4, SMILES C.
    """
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    shown_at = {title: _flat(molecule) for title, molecule in shown.items()}
    # One scale for all, with room for a ball at each end; a very small molecule is not blown up.
    wide, high = (max(np.max(np.abs(at[:, k])) for at in shown_at.values()) for k in (0, 1))
    scale = min(WIDTH / columns / 2 / (wide + 0.5), 0.8)
    step = 2 * scale * (high + 0.5) + 0.3
    figure, ax = _canvas(rows * step)
    parts = []
    for number, (title, molecule) in enumerate(shown.items()):
        row, column = divmod(number, columns)
        x, top = (column + 0.5) * WIDTH / columns, (rows - row) * step
        ax.text(x, top - 0.12, title, ha="center", va="center_baseline", fontsize=SMALL)
        at = shown_at[title] * scale + [x, top - 0.3 - (step - 0.3) / 2, 0]
        _balls_and_sticks(ax, molecule.atomic_numbers, at, scale)
        parts.append(f"{title}: {molecule.formula}, SMILES {molecule.smiles}")
    return Picture(figure, f"Ball-and-stick drawings. {'; '.join(parts)}.", caption=caption)


@styled
def graph(molecule: Molecule, *, caption: str = "") -> Picture:
    """Draw a small molecule, its graph, and the two arrays that hold the graph.

    The graph has a node for each atom and an edge for each pair of atoms. One array holds the
    one-hot elements of the nodes (the five columns that are used), the other the distances in Å.

    Parameters
    ----------
    molecule
        A molecule of three to five atoms that is not straight, so that its edges can be
        distinguished.
    caption
        What to look at, as in `Picture`.

    Returns
    -------
    Picture
        Its text alternative gives all elements and distances.

    Raises
    ------
    ValueError
        If the molecule has fewer or more atoms, or is straight.

    Examples
    --------
    >>> import qm9lib
    >>> graph(qm9lib.load_sample()[2])
    [figure] A drawing of H2O becomes a graph with 3 nodes, O, H, H, and 3 edges with distances:
    O-H 0.96 Å, O-H 0.96 Å, H-H 1.51 Å. Below it are the arrays: one-hot elements, shape 3 × 5,
    and distances in Å, shape 3 × 3.
    """
    n = len(molecule.atomic_numbers)
    if not 3 <= n <= 5:
        raise ValueError(f"the graph of {n} atoms cannot be drawn clearly; 3 to 5 can")
    names = [SYMBOLS[int(z)] for z in molecule.atomic_numbers]
    positions = _flat(molecule)
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    below = _CELL * n + 0.7  # height of the arrays
    size = np.ptp(positions[:, :2], axis=0)
    if size.min() < _STRAIGHT:
        raise ValueError(
            f"the graph of {molecule.formula} cannot be drawn clearly: the molecule is straight, "
            "so that its edges lie on each other"
        )
    scale = min(1.15, 1.9 / size[0], 2.3 / size[1])  # inches per Å
    height = below + scale * size[1] + 0.7
    figure, ax = _canvas(height)
    centre = (positions[:, :2].min(axis=0) + positions[:, :2].max(axis=0)) / 2
    level = below + (height - below) / 2
    left, right = (
        (positions - [*centre, 0]) * by + [at, level, 0]
        for by, at in ((0.75 * scale, 1.0), (scale, 3.85))
    )
    _balls_and_sticks(ax, molecule.atomic_numbers, left, 0.75 * scale)
    _arrow(ax, (2.1, level), (2.55, level))
    parts = []
    for i, j in zip(*np.triu_indices(n, k=1), strict=True):
        label = f"{distance[i, j]:.2f} Å"
        _labelled_line(ax, right[i, :2], right[j, :2], label)
        parts.append(f"{names[i]}-{names[j]} {label}")
    for z, (x, y, _) in zip(molecule.atomic_numbers.tolist(), right, strict=True):
        _node(ax, x, y, z)
    top = below - 0.55
    _one_hot(ax, 0.45, top, molecule.atomic_numbers, header="one-hot element")
    wide = 2.6 * _CELL
    corner = WIDTH - 0.12 - n * wide
    ax.text(corner + n * wide / 2, top + 0.28, "distance (Å)", ha="center", fontsize=SMALL)
    for row, name in enumerate(names):
        y = top - row * _CELL
        middle = {"ha": "center", "va": "center_baseline", "fontsize": SMALL}
        ax.text(corner - 0.12, y - _CELL / 2, name, **middle)
        ax.text(corner + (row + 0.5) * wide, top + 0.09, name, **middle)
        for column in range(n):
            _cell(ax, corner + column * wide, y, f"{distance[row, column]:.2f}", width=wide)
    return Picture(
        figure,
        f"A drawing of {molecule.formula} becomes a graph with {n} nodes, {', '.join(names)}, and "
        f"{len(parts)} edges with distances: {', '.join(parts)}. Below it are the arrays: one-hot "
        f"elements, shape {n} × {len(ELEMENTS)}, and distances in Å, shape {n} × {n}.",
        caption=caption,
    )


@styled
def messages(
    molecule: Molecule,
    receiver: int,
    weights: Float[np.ndarray, " atoms"],
    *,
    unit: str,
    caption: str = "",
) -> Picture:
    """Draw one step of message passing, as one atom sees it.

    Every other atom sends it an arrow, as thick as the weight. The atom adds up the messages and
    changes its own feature.

    Parameters
    ----------
    molecule
        A small molecule that is nearly flat.
    receiver
        The atom that receives, counted from 0.
    weights
        Weight of the message from each atom, shape (atoms,), in ``unit``; not negative. The weight
        of the receiver itself is not used.
    unit
        Unit of the weights.
    caption
        What to look at, as in `Picture`.

    Returns
    -------
    Picture
        Its text alternative gives the weights and their sum.

    Examples
    --------
    >>> import qm9lib
    >>> messages(qm9lib.load_sample()[2], 0, np.array([0.0, 1.04, 1.04]), unit="1/Å")
    [figure] Message passing in H2O. Arrows lead from the other atoms to atom 0, O, as thick as
    their weights: atom 1, H, 1.04 1/Å; atom 2, H, 1.04 1/Å. The messages are added up, their
    weights to 2.08 1/Å, and change the feature of the atom.
    """
    positions = _flat(molecule)[:, :2]
    low, high = positions.min(axis=0), positions.max(axis=0)
    scale = min(2.6 / (high - low)[0], 2.4 / (high - low)[1], 1.1)
    height = scale * (high - low)[1] + 1.1
    figure, ax = _canvas(height)
    middle = height / 2 - 0.1
    at = (positions - (low + high) / 2) * scale + [1.8, middle]
    ax.text(0.1, height - 0.2, f"weights in {unit}", fontsize=SMALL, va="center_baseline")
    for i, j in bonds(molecule.atomic_numbers, molecule.positions):
        ax.plot(*at[[i, j]].T, color=_BOND, alpha=0.5, linewidth=1.2, linestyle="-", zorder=1)
    senders = [i for i in range(len(molecule.atomic_numbers)) if i != receiver]
    largest = max(weights[i] for i in senders)
    for i in senders:
        way = at[receiver] - at[i]
        way /= np.linalg.norm(way)
        ax.annotate(
            "", at[receiver] - 1.5 * _NODE * way, at[i] + 1.15 * _NODE * way, zorder=2,
            arrowprops={
                "arrowstyle": "-|>,head_width=0.3,head_length=0.5", "shrinkA": 0, "shrinkB": 0,
                "color": COLORS[0], "linewidth": 0.6 + 4.4 * weights[i] / largest,
                "mutation_scale": 8 + 10 * weights[i] / largest, "joinstyle": "miter",
            },
        )  # fmt: skip
        ax.text(
            *(at[i] - (0.14 + 0.2) * way * [1.15, 0.95]), f"{weights[i]:.2f}", fontsize=SMALL,
            ha="center", va="center_baseline",
        )  # fmt: skip
    for z, (x, y) in zip(molecule.atomic_numbers.tolist(), at, strict=True):
        _node(ax, x, y, z)
    _ring(ax, *at[receiver])
    # What happens to the messages, from top to bottom.
    x, step = 4.35, height / 4
    total = sum(weights[i] for i in senders)
    start = x - 0.75
    for i in sorted(senders, key=lambda i: -weights[i]):
        width = 1.5 * weights[i] / total
        ax.add_patch(
            Rectangle((start, 3 * step), width, 0.24, facecolor="none", edgecolor=COLORS[0])
        )
        if width > 0.14:
            ax.text(
                start + width / 2, 3 * step + 0.12, SYMBOLS[int(molecule.atomic_numbers[i])],
                ha="center", va="center_baseline", fontsize=SMALL,
            )  # fmt: skip
        start += width
    ax.text(x, 3 * step + 0.36, "add up", ha="center", va="center_baseline")
    _arrow(ax, (x, 3 * step - 0.08), (x, 2 * step + 0.12))
    ax.text(x, 2 * step - 0.06, "update", ha="center", va="center_baseline")
    _arrow(ax, (x, 2 * step - 0.22), (x, step + 0.02))
    z = int(molecule.atomic_numbers[receiver])
    _node(ax, x, 0.72 * step, z)
    _ring(ax, x, 0.72 * step)
    ax.text(x, 0.72 * step - 0.34, "new feature", ha="center", va="center_baseline")
    parts = "; ".join(
        f"atom {i}, {SYMBOLS[int(molecule.atomic_numbers[i])]}, {weights[i]:.2f} {unit}"
        for i in senders
    )
    return Picture(
        figure,
        f"Message passing in {molecule.formula}. Arrows lead from the other atoms to atom "
        f"{receiver}, {SYMBOLS[z]}, as thick as their weights: {parts}. The messages are added up, "
        f"their weights to {total:.2f} {unit}, and change the feature of the atom.",
        caption=caption,
    )


@styled
def padded(atomic_numbers: Integer[np.ndarray, "batch atoms"], *, caption: str = "") -> Picture:
    """Draw the one-hot elements and the mask of a padded batch; rows of padding are hatched.

    Parameters
    ----------
    atomic_numbers
        Shape (batch, atoms), 0 for a padded atom; up to four molecules.
    caption
        What to look at, as in `Picture`.

    Returns
    -------
    Picture
        Its text alternative gives the atoms of each molecule, and the number of padding rows.

    Examples
    --------
    >>> padded(np.array([[8, 1, 1], [9, 1, 0]]))
    [figure] One-hot elements and mask of a batch of 2 molecules, padded to 3 atoms. Molecule 0: O,
    H, H, no padding. Molecule 1: F, H, then 1 row of padding.
    """
    molecules, atoms = atomic_numbers.shape
    height = _CELL * atoms + 0.75
    figure, ax = _canvas(height)
    parts = []
    step = WIDTH / molecules
    for number, row in enumerate(atomic_numbers):
        left = number * step + (step - 6.7 * _CELL) / 2
        top = height - 0.5
        _one_hot(ax, left, top, row, header=f"molecule {number}")
        mask = left + 5.7 * _CELL
        ax.text(
            mask + _CELL, top - atoms * _CELL - 0.12, "mask", ha="right", va="center_baseline",
            fontsize=SMALL,
        )  # fmt: skip
        for i, z in enumerate(row.tolist()):
            _cell(ax, mask, top - i * _CELL, str(int(z > 0)), marked=z > 0)
        n = int(np.sum(row == 0))
        names = ", ".join(SYMBOLS[int(z)] for z in row[row > 0])
        rest = f"then {n} row{'s' * (n > 1)} of padding" if n else "no padding"
        parts.append(f"Molecule {number}: {names}, {rest}.")
    return Picture(
        figure,
        f"One-hot elements and mask of a batch of {molecules} molecules, padded to {atoms} atoms. "
        + " ".join(parts),
        caption=caption,
    )


@styled
def invariance(
    molecule: Molecule,
    models: Mapping[str, Energy],
    *,
    tolerance: float = 1e-4,
    caption: str = "",
) -> Picture:
    """Draw a molecule as it is, moved, turned and mirrored, with the models' values for each.

    A pale outline shows where the molecule was before. A number that has changed is marked by ≠.

    Parameters
    ----------
    molecule
        A small molecule that is nearly flat.
    models
        Functions from atomic numbers and positions to a number, by name.
    tolerance
        A number counts as changed if it differs by more than this, relative to the first or to 1,
        whichever is larger.
    caption
        What to look at, as in `Picture`.

    Returns
    -------
    Picture
        Its text alternative gives all numbers.

    Examples
    --------
    >>> import qm9lib
    >>> water = qm9lib.load_sample()[2]
    >>> invariance(water, {"number of atoms": lambda z, x: len(z)})
    [figure] H2O as it is, moved, turned and mirrored. number of atoms: 3.00, 3.00, 3.00, 3.00,
    all the same.
    """
    axes = principal_axes(molecule.positions)
    flat, origin = _flat(molecule), molecule.positions.mean(axis=0)
    angle = np.deg2rad(115)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    poses = {
        "as it is": flat,
        "moved": flat + [0.7, 0.5, 0],
        "turned": flat @ turn.T,
        "mirrored": flat * [-1, 1, 1],
    }
    radius = 0.45 + max(np.max(np.abs(pose[:, :2])) for pose in poses.values())
    step = WIDTH / len(poses)
    scale = 0.5 * step / radius
    below = 0.55 * len(models) + 0.05
    figure, ax = _canvas(below + step + 0.3)
    for number, (name, pose) in enumerate(poses.items()):
        x, y = (number + 0.5) * step, below + step / 2
        ax.text(x, below + step + 0.12, name, ha="center", va="center_baseline")
        if number:
            _outline(ax, molecule, flat * scale + [x, y, 0], scale)
        _balls_and_sticks(ax, molecule.atomic_numbers, pose * scale + [x, y, 0], scale)
    parts = []
    for row, (name, energy) in enumerate(models.items()):
        top = below - 0.55 * row
        # Turned back into the molecule's frame in the data set.
        values = [
            float(energy(molecule.atomic_numbers, pose @ axes + origin)) for pose in poses.values()
        ]
        changed = [abs(v - values[0]) > tolerance * max(1.0, abs(values[0])) for v in values]
        ax.plot(
            [0.1, WIDTH - 0.1], [top, top], color="black", linewidth=0.6, alpha=0.4, linestyle="-"
        )
        ax.text(0.1, top - 0.14, name, va="center_baseline", fontsize=SMALL, style="italic")
        for number, (value, new) in enumerate(zip(values, changed, strict=True)):
            ax.text(
                (number + 0.5) * step, top - 0.36, f"{'≠ ' * new}{_digits(value)}", ha="center",
                va="center_baseline", color=COLORS[1] if new else "black",
            )  # fmt: skip
        same = f"{sum(changed)} of them changed" if any(changed) else "all the same"
        parts.append(f"{name}: {', '.join(map(_digits, values))}, {same}")
    return Picture(
        figure,
        f"{molecule.formula} as it is, moved, turned and mirrored. {'; '.join(parts)}.",
        caption=caption,
    )


def _digits(value: float) -> str:
    """Write at least three digits, including trailing zeros."""
    text = f"{value:#.3g}" if abs(value) < 99.95 else f"{value:,.0f}"
    return text.replace("-", "−")


def _flat(molecule: Molecule) -> np.ndarray:
    """Return positions, Å, seen from where the molecule is flattest; depth is the last column."""
    axes = principal_axes(molecule.positions)
    return (molecule.positions - molecule.positions.mean(axis=0)) @ axes.T


def _canvas(height: float) -> tuple[Figure, Axes]:
    """Return a figure and invisible axes that fill it, with inches as the unit."""
    figure = Figure(figsize=(WIDTH, height))
    ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set(xlim=(0, WIDTH), ylim=(0, height))
    ax.set_axis_off()
    return figure, ax


def _balls_and_sticks(
    ax: Axes, atomic_numbers: np.ndarray, positions: np.ndarray, scale: float
) -> None:
    """Draw atoms at positions (atoms, 3) in inches, with their depth last; scale: inches per Å."""
    for i, j in bonds(atomic_numbers, positions / scale):
        depth = 2 + min(positions[[i, j], 2])
        ax.plot(*positions[[i, j], :2].T, color=_BOND, linewidth=2.5, linestyle="-", zorder=depth)
    for z, (x, y, depth) in zip(atomic_numbers.tolist(), positions, strict=True):
        color, text = BALLS[z], _LETTERS[z]
        radius = 0.6 * COVALENT_RADII[z] * scale
        ball = Circle(
            (x, y), radius, facecolor=color, edgecolor="black", linewidth=0.8,
            zorder=2 + depth + 0.01,
        )  # fmt: skip
        ax.add_patch(ball)
        if z > 1 or radius > 0.1:  # otherwise the letter would not fit
            ax.text(
                x, y, SYMBOLS[z], ha="center", va="center_baseline", color=text,
                fontsize=max(SMALL, 55 * radius), zorder=2 + depth + 0.02,
            )  # fmt: skip


def _outline(ax: Axes, molecule: Molecule, positions: np.ndarray, scale: float) -> None:
    for i, j in bonds(molecule.atomic_numbers, molecule.positions):
        line = positions[[i, j], :2].T
        ax.plot(*line, color="black", alpha=0.35, linewidth=1, linestyle=":", zorder=0)
    for z, (x, y, _) in zip(molecule.atomic_numbers.tolist(), positions, strict=True):
        radius = 0.6 * COVALENT_RADII[z] * scale
        ax.add_patch(Circle((x, y), radius, fill=False, edgecolor="black", alpha=0.4, zorder=0))


def _node(ax: Axes, x: float, y: float, z: int) -> None:
    color, text = BALLS[z], _LETTERS[z]
    ax.add_patch(Circle((x, y), _NODE, facecolor=color, edgecolor="black", zorder=3))
    ax.text(x, y, SYMBOLS[z], ha="center", va="center_baseline", color=text, zorder=4)


def _ring(ax: Axes, x: float, y: float) -> None:
    """Mark a node: this is the one that the drawing is about."""
    ax.add_patch(Circle((x, y), 1.35 * _NODE, fill=False, edgecolor=COLORS[1], linewidth=2))


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate(
        "", end, start,
        arrowprops={"arrowstyle": "-|>", "color": "black", "linewidth": 1.6, "mutation_scale": 14},
    )  # fmt: skip


def _labelled_line(ax: Axes, start: np.ndarray, end: np.ndarray, label: str) -> None:
    """Draw a line with its label in a gap, so that no background is needed behind the label."""
    length = float(np.linalg.norm(end - start))
    way = (end - start) / length
    half = min(0.27 / max(abs(way[0]), 1e-9), 0.11 / max(abs(way[1]), 1e-9))
    middle = (start + end) / 2
    for begin, stop in ((start, middle - half * way), (middle + half * way, end)):
        ax.plot(*np.array([begin, stop]).T, color=COLORS[0], linewidth=1.6, linestyle="-", zorder=1)
    ax.text(*middle, label, ha="center", va="center_baseline", fontsize=SMALL)


def _cell(
    ax: Axes,
    left: float,
    top: float,
    text: str,
    *,
    width: float = _CELL,
    marked: bool = False,
    hatched: bool = False,
) -> None:
    ax.add_patch(
        Rectangle(
            (left, top - _CELL), width, _CELL, edgecolor="black", linewidth=0.6,
            facecolor=COLORS[0] if marked else "none", hatch="/////" if hatched else None,
        )
    )  # fmt: skip
    if not hatched:
        ax.text(
            left + width / 2, top - _CELL / 2, text, ha="center", va="center_baseline",
            fontsize=SMALL, color="#ffffff" if marked else "black",
        )  # fmt: skip


def _one_hot(ax: Axes, left: float, top: float, atomic_numbers: np.ndarray, *, header: str) -> None:
    """Draw the five used columns of one-hot elements as a grid of cells."""
    columns = list(SYMBOLS)
    ax.text(left + len(columns) * _CELL / 2, top + 0.28, header, ha="center", fontsize=SMALL)
    for j, column in enumerate(columns):
        x = left + (j + 0.5) * _CELL
        ax.text(x, top + 0.09, SYMBOLS[column], ha="center", va="center_baseline", fontsize=SMALL)
        for i, z in enumerate(atomic_numbers.tolist()):
            _cell(
                ax, left + j * _CELL, top - i * _CELL, str(int(z == column)),
                marked=z == column, hatched=z == 0,
            )  # fmt: skip
