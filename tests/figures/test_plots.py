import html
import re
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from pictures import check_element, text_sizes

import notebooks
from qm9lib.figures import embed, plots
from qm9lib.figures.picture import Picture
from qm9lib.figures.style import COLORS, axes

ROOT = notebooks.ROOT
WHITE, DARK = "#ffffff", "#14181e"


def pictures() -> dict[str, Picture]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    return {
        "curves": plots.loss_curves(
            {"a": [20.0, 10.0, 7.5], "b": [20.0, 9.0, 1.5]}, reference={"baseline": 19.9}
        ),
        "parity": plots.parity(x + 0.1, x, quantity="H", unit="kcal/mol", caption="A < line."),
        "histograms": plots.histograms({"mu (D)": x, "gap (eV)": 2 * x}),
        "bars": plots.bars(
            {"mean": 8120.0, "composition": 867.0, "a network with a long name": 33.0},
            xlabel="MAE (meV)",
            reference={"chemical accuracy": 43.36},
            hatched=["a network with a long name"],
        ),
        "learning curves": plots.learning_curves(
            {"a": {1000: 9.1, 30000: 2.0}, "b": {250: 12.0, 500: 8.0, 1000: 5.0}},
            reference={"aim": 1.0},
        ),
    }


NAMES = ("curves", "parity", "histograms", "bars", "learning curves")


@cache
def drawn() -> dict[str, Picture]:
    """Draw the pictures once for all tests, and not while they are collected."""
    return pictures()


def luminance(color: str) -> float:
    """Relative luminance as in WCAG 2."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", WHITE) == pytest.approx(21)
    assert contrast("#767676", WHITE) == pytest.approx(4.54, abs=0.01)  # the well-known grey


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("page", [WHITE, DARK])
def test_colours_are_visible_on_light_and_dark_pages(color: str, page: str) -> None:
    assert contrast(color, page) >= 3


def test_colours_differ_for_the_colour_blind() -> None:
    # Machado, Oliveira and Fernandes 2009, severity 1, for linear light.
    blind = {
        "protan": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "deutan": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
    }
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in COLORS])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    for matrix in blind.values():
        xyz = np.clip(linear @ np.array(matrix).T, 0, 1) @ np.array(to_xyz).T
        x, y, z = np.cbrt(xyz / [0.9505, 1.0, 1.089]).T
        lab = np.column_stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])
        for one, other in combinations(lab, 2):
            assert np.linalg.norm(one - other) > 15  # about 2 is just noticeable


def test_curves_differ_without_colour() -> None:
    several = plots.loss_curves({str(n): np.arange(20.0, 1, -1) + n for n in range(5)})
    for picture, number in ((drawn()["curves"], 3), (several, 5)):
        lines = picture.figure.axes[0].get_lines()
        looks = {(str(line._dash_pattern), line.get_marker()) for line in lines}
        assert len(looks) == len(lines) == number


def test_text_alternatives_carry_the_numbers() -> None:
    alt = {name: picture.alt for name, picture in drawn().items()}
    assert "a starts at 20 and ends at 7.5; b starts" in alt["curves"]
    assert "baseline is at 19.9" in alt["curves"]
    assert "300 molecules" in alt["parity"] and "error is 0.1 kcal/mol" in alt["parity"]
    assert "mu (D): mean" in alt["histograms"] and "gap (eV): mean" in alt["histograms"]
    assert "mean: 8,120; composition: 867; a network with a long name: 33;" in alt["bars"]
    assert "a line marks chemical accuracy at 43.4" in alt["bars"]
    said = "a: 9.1 with 1,000, 2 with 30,000; b: 12 with 250, 8 with 500, 5 with 1,000."
    assert f"{said} A line marks aim at 1." in alt["learning curves"]


def test_bounds_where_digits_vary() -> None:
    curves, values = {"a": [19.3, 6.17]}, np.array([1.0, 2.0])
    assert "epoch: a ends below 7." in plots.loss_curves(curves, bounds={"a": 7.0}).alt
    picture = plots.parity(values + 0.3, values, quantity="H", unit="eV", bound=0.5)
    assert "error is below 0.5 eV" in picture.alt
    assert "b: 2" in plots.bars({"a": 6.17, "b": 2.0}, xlabel="x (eV)", bounds={"a": 6.5}).alt
    with pytest.raises(ValueError, match="would say below 6, but it is 6.17"):
        plots.loss_curves(curves, bounds={"a": 6.0})


@pytest.mark.parametrize("name", NAMES)
def test_picture_in_a_notebook(name: str) -> None:
    picture = drawn()[name]
    bundle = picture._repr_mimebundle_()
    assert re.fullmatch(
        r'<figure class="qm9-figure" style="[^"]+"><img [^<>]*alt="[^"<>]+">'
        r"(<figcaption>[^<>]+</figcaption>)?<script>[^<>]+=>[^<]+</script></figure>",
        bundle["text/html"],
    )
    inside = embed.inlined(bundle["text/html"])
    assert f'<svg role="img" aria-label="{html.escape(picture.alt)}"{picture.svg[4:]}' in inside
    assert "<script" not in inside and "qm9-drawing" not in inside
    assert bundle["text/plain"] == f"[figure] {picture.alt}"
    check_element(picture.svg)
    assert len(picture.svg) < 60_000


def test_black_follows_the_page_and_colours_stay() -> None:
    figure, (ax,) = axes()
    ax.plot([0, 1], [0, 1], color="black")
    ax.plot([0, 1], [1, 0], color=COLORS[0])
    ax.text(0, 0, "black")
    root = check_element(Picture(figure, "Two lines.").svg)
    assert root.attrib["fill"] == "currentColor"  # for text, which names no colour
    strokes = " ".join(element.attrib.get("style", "") for element in root.iter())
    assert "stroke:currentColor" in strokes and f"stroke:{COLORS[0]}" in strokes
    assert not re.search(r"fill:#f+\b", strokes)  # no white background


def test_a_figure_does_not_lose_detail() -> None:
    """Every point of a line is drawn where matplotlib draws it, to a hundredth of a point."""
    figure, (ax,) = axes()
    x = np.linspace(0, 1, 7)
    [line] = ax.plot(x, np.exp(x), color=COLORS[2], linestyle="-")
    svg = Picture(figure, "A line.").svg
    style = f'd="([^"]+)"[^>]*stroke:{COLORS[2]}'
    drawn = np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", re.search(style, svg)[1]), float)
    height = figure.get_size_inches()[1] * 72
    expected = ax.transData.transform(line.get_xydata()) * 72 / figure.dpi
    assert drawn == pytest.approx(expected * [1, -1] + [0, height], abs=0.011)


@pytest.mark.parametrize("name", NAMES)
def test_text_can_be_read_on_a_phone(name: str) -> None:
    sizes = text_sizes(drawn()[name].svg)
    assert sizes and min(sizes) >= 9


def test_exponents_are_too_small_for_a_phone() -> None:
    figure, (ax,) = axes()
    ax.set(xscale="log", xlim=(1e-3, 1))
    assert min(text_sizes(Picture(figure, "Powers of ten.").svg)) < 9


def test_legends_have_no_box() -> None:
    figure, (ax,) = axes()
    ax.plot([0, 1], [0, 1], label="a line")
    ax.legend()
    assert "fill:#ffffff" not in Picture(figure, "A line.").svg


def test_same_figure_same_file_and_different_figures_share_no_name() -> None:
    first, second = drawn(), pictures()
    assert tuple(first) == NAMES
    assert all(first[name].svg == second[name].svg for name in first)
    ids = [set(re.findall(r' id="([^"]+)"', picture.svg)) for picture in first.values()]
    assert all(not one & other for one, other in combinations(ids, 2))


def test_axes_have_units() -> None:
    for name, picture in drawn().items():
        labels = [ax.get_xlabel() + ax.get_ylabel() for ax in picture.figure.axes]
        assert all("(" in label for label in labels), name


def test_alt_and_caption_are_escaped_and_alt_is_required() -> None:
    figure, _ = axes()
    shown = Picture(figure, 'a < "b"', caption="c > <i>d</i>").html
    assert 'alt="a &lt; &quot;b&quot;"' in shown
    assert 'aria-label="a &lt; &quot;b&quot;"' in embed.inlined(shown)
    assert "<figcaption>c &gt; &lt;i&gt;d&lt;/i&gt;</figcaption>" in shown
    assert "figcaption" not in Picture(figure, "a").html
    with pytest.raises(ValueError, match="needs a text alternative"):
        Picture(figure, " ")


BOOK = sorted(
    path.relative_to(ROOT / "book").as_posix()
    for path in (ROOT / "book").rglob("*.ipynb")
    if "qm9-figure" in path.read_text("utf-8")
)


@pytest.mark.parametrize("name", BOOK)
def test_figures_of_the_book(name: str) -> None:
    """Each has an alternative, a caption and readable text; no two of a page share names."""
    found = [
        "".join(output.data["text/html"])
        for cell in notebooks.code_cells(notebooks.read_notebook(ROOT / "book" / name))
        for output in cell.outputs
        if "qm9-figure" in output.get("data", {}).get("text/html", "")
    ]
    seen: set[str] = set()
    for shown in found:
        parts = re.fullmatch(
            r'<figure [^<>]*><svg role="img" aria-label="([^"<>]{20,})"( .*</svg>)'
            r"<figcaption>(.{20,})</figcaption></figure>",
            embed.inlined(shown),
        )
        assert parts, shown[:300]
        drawing = f"<svg{parts[2]}"
        check_element(drawing)
        assert min(text_sizes(drawing)) >= 9, parts[1]
        ids = set(re.findall(r' id="([^"]+)"', drawing))
        assert not ids & seen, f"drawn twice: {parts[1]}"
        seen |= ids


def test_the_comparison_of_notebooks_ignores_the_drawing_alone() -> None:
    config = (ROOT / "tests" / "nbval_sanitize.cfg").read_text("utf-8")
    [(regex, replace)] = re.findall(r"^regex: (.*)\nreplace: (.*)$", config, re.MULTILINE)
    left = re.sub(regex, replace, drawn()["parity"].html * 2)
    assert "base64" not in left and left.count('src="FIGURE" alt="') == 2
    assert left.count("error is 0.1 kcal/mol") == left.count("A &lt; line.") == 2


@pytest.mark.parametrize("value", [1.0, 40.0])
def test_reference_of_bars_can_be_seen(value: float) -> None:
    figure = plots.bars({"a": 9.0, "b": 3.0}, xlabel="MAE", reference={"aim": value}).figure
    low, high = figure.axes[0].get_xlim()
    assert low < value < high
