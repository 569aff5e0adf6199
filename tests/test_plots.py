import re

import numpy as np
import pytest

import qm9lib
from qm9lib import plots


def pictures() -> dict[str, plots.Picture]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    return {
        "curves": plots.loss_curves({"a": [20.0, 10.0, 7.5]}, reference={"baseline": 19.9}),
        "parity": plots.parity(x + 0.1, x, quantity="H", unit="kcal/mol"),
        "histograms": plots.histograms({"mu (D)": x, "gap (eV)": 2 * x}),
        "bars": plots.bars(
            {"mean": 8120.0, "composition": 867.0, "network": 33.0},
            xlabel="MAE (meV)",
            reference={"chemical accuracy": 43.36},
            pale=["network"],
        ),
        "learning curve": plots.learning_curve({1000: 9.1, 30000: 2.0}, reference={"aim": 1.0}),
        "molecules": plots.molecules({f"number {m.index}": m for m in qm9lib.load_sample()[:5]}),
    }


def test_text_alternatives_carry_the_numbers() -> None:
    alt = {name: picture.alt for name, picture in pictures().items()}
    assert "a starts at 20 and ends at 7.5; baseline is at 19.9" in alt["curves"]
    assert "300 molecules" in alt["parity"] and "error is 0.1 kcal/mol" in alt["parity"]
    assert "mu (D): mean" in alt["histograms"] and "gap (eV): mean" in alt["histograms"]
    assert "mean: 8,120; composition: 867; network: 33" in alt["bars"]
    assert "a line marks chemical accuracy at 43.4" in alt["bars"]
    assert "1,000: 9.1; 30,000: 2. A line marks aim at 1." in alt["learning curve"]
    assert "number 5: CHN, SMILES C#N" in alt["molecules"]


def test_bounds_where_digits_vary() -> None:
    curves, values = {"a": [19.3, 6.17]}, np.array([1.0, 2.0])
    assert "epoch: a ends below 7." in plots.loss_curves(curves, bounds={"a": 7.0}).alt
    picture = plots.parity(values + 0.3, values, quantity="H", unit="eV", bound=0.5)
    assert "error is below 0.5 eV" in picture.alt
    assert "b: 2" in plots.bars({"a": 6.17, "b": 2.0}, xlabel="x (eV)", bounds={"a": 6.5}).alt
    with pytest.raises(ValueError, match="would say below 6, but it is 6.17"):
        plots.loss_curves(curves, bounds={"a": 6.0})


@pytest.mark.parametrize("name", [*pictures()])
def test_picture_in_a_notebook(name: str) -> None:
    bundle = pictures()[name]._repr_mimebundle_()
    assert re.fullmatch(
        r'<img class="qm9-figure" alt="[^"<>]+" src="data:image/svg\+xml;base64,[\w+/=]+">',
        bundle["text/html"],
    )
    assert bundle["text/plain"].startswith("[figure] ")


def test_same_figure_same_file() -> None:
    first, second = pictures(), pictures()
    assert all(first[name].svg == second[name].svg for name in first)


def test_axes_have_units() -> None:
    for name, picture in pictures().items():
        if name == "molecules":
            continue  # drawings without axes
        labels = [ax.get_xlabel() + ax.get_ylabel() for ax in picture.figure.axes]
        assert all("(" in label for label in labels), name


def test_alt_is_escaped_and_required() -> None:
    figure, _ = plots.axes()
    assert (
        'alt="a &lt; &quot;b&quot;"'
        in plots.Picture(figure, 'a < "b"')._repr_mimebundle_()["text/html"]
    )
    with pytest.raises(ValueError, match="needs a text alternative"):
        plots.Picture(figure, " ")
