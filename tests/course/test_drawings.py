import re
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest
from pictures import check_element, text_sizes
from scipy.spatial.transform import Rotation

import qm9lib
from qm9course import CHAPTERS, drawings
from qm9course.overviews import overview
from qm9lib import QM9
from qm9lib.errors import UnknownNameError

SAMPLE = qm9lib.load_sample()
APPENDICES = ("tensors", "elsewhere")
FORMAMIDE = SAMPLE[11]


def first_coordinates(numbers: np.ndarray, positions: np.ndarray) -> float:
    return float((positions[:, 0] * numbers).sum())


def nearest(numbers: np.ndarray, positions: np.ndarray) -> float:
    return float(np.linalg.norm(positions[0] - positions[1]))


WEIGHTS = np.linalg.norm(FORMAMIDE.positions - FORMAMIDE.positions[1], axis=1)
MODELS = {"bond": nearest, "broken": first_coordinates}
DRAW: dict[str, Callable[[], drawings.Picture]] = {
    "molecules": lambda: drawings.molecules({f"number {m.index}": m for m in SAMPLE[:5]}),
    "graph": lambda: drawings.graph(SAMPLE[5], caption="A graph."),
    "messages": lambda: drawings.messages(FORMAMIDE, 1, WEIGHTS, unit="Å", caption="Messages."),
    "padded": lambda: drawings.padded(np.array([[8, 1, 1], [9, 1, 0]]), caption="Padding."),
    "invariance": lambda: drawings.invariance(FORMAMIDE, MODELS, caption="Four."),
    **{f"overview of {name}": partial(overview, name) for name in (*CHAPTERS, *APPENDICES)},
}


@cache
def drawn(name: str) -> drawings.Picture:
    """Draw a picture once for all tests, and not while they are collected."""
    return DRAW[name]()


@pytest.mark.parametrize("name", DRAW)
def test_drawings_suit_any_page(name: str) -> None:
    picture = drawn(name)
    check_element(picture.svg)
    assert min(text_sizes(picture.svg)) >= 9
    assert picture.svg == DRAW[name]().svg


@pytest.mark.parametrize("name", DRAW)
def test_nothing_is_cut_off(name: str) -> None:
    figure = drawn(name).figure
    figure.draw_without_rendering()
    width, height = figure.get_size_inches() * figure.dpi
    [ax] = figure.axes
    for artist in (*ax.texts, *ax.patches, *ax.lines):
        if artist is ax.patch or getattr(artist, "arrow_patch", None):
            continue
        box = artist.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, artist


@pytest.mark.parametrize("name", DRAW)
def test_no_text_covers_another(name: str) -> None:
    figure = drawn(name).figure
    figure.draw_without_rendering()
    texts = [text for text in figure.axes[0].texts if text.get_text()]
    if name == "molecules":  # a ball may hide another one, with its letter
        texts = [text for text in texts if len(text.get_text()) > 1]
    boxes = [text.get_window_extent().shrunk(0.9, 0.9) for text in texts]
    for i, one in enumerate(boxes):
        for j in range(i):
            assert not one.overlaps(boxes[j]), (texts[i], texts[j])


def test_overviews_are_numbered_and_of_chapters() -> None:
    assert drawn("overview of gnn").caption.startswith("Figure 5.1. ")
    assert drawn("overview of elsewhere").caption.startswith("Figure B.1. ")
    with pytest.raises(UnknownNameError, match="unknown chapter 'gallery'; use one of: labels"):
        overview("gallery")


def test_molecules_are_named() -> None:
    assert "number 5: CHN, SMILES C#N" in drawn("molecules").alt


def test_graph_tells_the_distances(sample: QM9) -> None:
    molecule = sample[5]
    alt = drawn("graph").alt
    assert "graph with 4 nodes, C, O, H, H, and 6 edges" in alt
    told = [float(number) for number in re.findall(r"-\w ([\d.]+) Å", alt)]
    x = molecule.positions
    true = [np.sqrt(((x[i] - x[j]) ** 2).sum()) for i in range(4) for j in range(i + 1, 4)]
    assert told == pytest.approx(true, abs=0.0051)


def test_edges_are_as_long_as_the_distances(sample: QM9) -> None:
    """One scale for all edges: the drawing is true. Each has a gap, but its ends are the atoms."""
    [ax] = drawn("graph").figure.axes
    ends = [line.get_xydata() for line in ax.lines if line.get_color() == drawings.COLORS[0]]
    lengths = [np.linalg.norm(b[1] - a[0]) for a, b in zip(ends[0::2], ends[1::2], strict=True)]
    x = sample[5].positions
    true = [np.linalg.norm(x[i] - x[j]) for i in range(4) for j in range(i + 1, 4)]
    assert np.ptp(np.array(lengths) / true) < 1e-6


def test_graph_of_a_large_molecule_is_refused(sample: QM9) -> None:
    with pytest.raises(ValueError, match="the graph of 6 atoms cannot be drawn clearly; 3 to 5"):
        drawings.graph(sample[11])


def test_graph_of_a_straight_molecule_is_refused() -> None:
    cyanide = next(molecule for molecule in SAMPLE if molecule.smiles == "C#N")
    with pytest.raises(ValueError, match="graph of CHN cannot be drawn clearly.*straight"):
        drawings.graph(cyanide)


@pytest.mark.parametrize(
    "value, text", [(0.5, "0.500"), (-1.25, "−1.25"), (99.94, "99.9"), (99.97, "100"), (627, "627")]
)
def test_numbers_below_the_molecules(value: float, text: str) -> None:
    picture = drawings.invariance(FORMAMIDE, {"constant": lambda numbers, positions: value})
    assert f"constant: {text}, {text}, {text}, {text}, all the same" in picture.alt


def test_arrows_are_as_thick_as_the_weights_and_point_to_the_receiver() -> None:
    weights = np.array([2.0, 9.0, 1.0, 4.0, 0.0, 3.0])
    picture = drawings.messages(FORMAMIDE, 1, weights, unit="1/Å")
    assert "atom 0, N, 2.00 1/Å; atom 2, O, 1.00 1/Å" in picture.alt
    assert "atom 1, C, 9" not in picture.alt and "weights to 10.00 1/Å" in picture.alt
    [ax] = picture.figure.axes
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)][:5]
    thickness = [arrow.arrow_patch.get_linewidth() for arrow in arrows]
    senders = weights[[0, 2, 3, 4, 5]]
    assert np.argsort(thickness).tolist() == np.argsort(senders).tolist()
    steps = np.diff(np.array(thickness)[np.argsort(senders)])
    assert steps / np.diff(np.sort(senders)) == pytest.approx(np.full(4, steps[0]))
    [node] = [text for text in ax.texts if text.get_text() == "C" and text.get_position()[0] < 3]
    for arrow in arrows:
        begin, end = np.array(arrow.get_position()), np.array(arrow.xy)
        gap = np.array(node.get_position()) - end
        assert np.linalg.norm(gap) < 0.3 < np.linalg.norm(begin - end)
        assert gap @ (end - begin) == pytest.approx(
            np.linalg.norm(gap) * np.linalg.norm(end - begin)
        )


def test_padded_rows_are_hatched() -> None:
    [ax] = drawn("padded").figure.axes
    hatched = [patch for patch in ax.patches if patch.get_hatch()]
    assert len(hatched) == 5  # one row of five columns
    marked = [p for p in ax.patches if p.get_facecolor()[:3] == (0.0, 0x72 / 255, 0xB2 / 255)]
    assert len([p for p in marked if p.get_alpha() != 0 and p.get_facecolor()[3] == 1]) == 5 + 5
    assert "Molecule 0: O, H, H, no padding." in drawn("padded").alt
    assert "Molecule 1: F, H, then 1 row of padding." in drawn("padded").alt


def test_invariance_tells_what_the_models_say() -> None:
    alt = drawn("invariance").alt
    bond = f"{np.linalg.norm(FORMAMIDE.positions[0] - FORMAMIDE.positions[1]):.2f}"
    assert f"bond: {', '.join([bond] * 4)}, all the same;" in alt
    before = first_coordinates(FORMAMIDE.atomic_numbers, FORMAMIDE.positions)
    assert f"broken: {before:.3g}, " in alt and "3 of them changed." in alt
    shown = [text.get_text() for text in drawn("invariance").figure.axes[0].texts]
    assert shown.count(bond) == 4
    assert sum(text.startswith("≠ ") for text in shown) == 3


def test_the_four_molecules_differ_by_a_motion_alone() -> None:
    seen: list[np.ndarray] = []

    def spy(numbers: np.ndarray, positions: np.ndarray) -> float:
        seen.append(positions)
        return 0.0

    drawings.invariance(FORMAMIDE, {"spy": spy})
    as_is, moved, turned, mirrored = seen
    assert as_is == pytest.approx(FORMAMIDE.positions, abs=1e-9)
    shift = moved - as_is
    assert np.ptp(shift, axis=0).max() < 1e-9 and np.linalg.norm(shift[0]) > 0.5
    for other, sign in ((turned, 1), (mirrored, -1)):
        a, b = (x - x.mean(axis=0) for x in (as_is, other))
        # Formamide is nearly flat, but not quite: the two hands can be told apart.
        best, error = Rotation.align_vectors(b, a)
        assert (error < 1e-6) == (sign == 1)
        assert np.linalg.norm(b, axis=1) == pytest.approx(np.linalg.norm(a, axis=1))
