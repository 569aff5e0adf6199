"""What `qm9lib.view` writes; tests/web/test_view.py turns it in a browser."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import matplotlib
import numpy as np
import pytest

import qm9lib
from qm9lib.data import geometry
from qm9lib.figures import balls, embed
from qm9lib.figures.viewer import View


class Page(HTMLParser):
    """Elements by name, with their attributes; and the text in each."""

    VOID = frozenset({"stop", "circle", "path", "rect"})

    def __init__(self, view: View) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.text: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(embed.inlined(view.html))
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.elements.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: Any) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append((self.open[-1], data))

    def all(self, tag: str, **wanted: str) -> list[dict[str, Any]]:
        return [a for t, a in self.elements if t == tag and wanted.items() <= a.items()]

    def texts(self, tag: str) -> list[str]:
        return [text for t, text in self.text if t == tag]


def find(sample: qm9lib.QM9, smiles: str) -> qm9lib.Molecule:
    return sample[sample.smiles == smiles][0]


def test_bonds_are_those_of_the_smiles(sample: qm9lib.QM9) -> None:
    """A tree has one bond less than atoms, and each pair of ring numbers closes one more."""
    wrong = []
    for molecule in sample:
        rings = len(re.findall(r"\d", re.sub(r"\[.*?\]", "", molecule.smiles))) // 2
        found = geometry.bonds(molecule.atomic_numbers, molecule.positions)
        if len(found) != len(molecule) - 1 + rings:
            wrong.append(molecule)
    assert len(wrong) <= 1, wrong


def test_text_alternative_has_the_bonds(sample: qm9lib.QM9) -> None:
    """Every bond that a loop over all pairs finds."""
    for molecule in sample[::53]:
        lengths: dict[str, list[float]] = {}
        atoms = zip(molecule.atomic_numbers.tolist(), molecule.positions, strict=True)
        for (z, x), (other, y) in itertools.combinations(atoms, 2):
            length = sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) ** 0.5
            if length < {0: 0.75, 1: 1.3, 2: 1.7}[(z > 1) + (other > 1)]:
                kind = "-".join(
                    sorted((qm9lib.SYMBOLS[z], qm9lib.SYMBOLS[other]), key="CNOFH".find)
                )
                lengths.setdefault(kind, []).append(length)
        told = qm9lib.view(molecule).alt.split("bonds: ")[1].removesuffix(".")
        kinds = re.findall(r"(\d+) (\w-\w) of ([\d., and to]+) Å", told)
        assert [kind for _, kind, _ in kinds] == sorted(
            lengths, key=lambda kind: ["CNOFH".find(symbol) for symbol in kind]
        )
        for count, kind, numbers in kinds:
            expected = sorted(lengths[kind])
            assert int(count) == len(expected), molecule
            given = [float(n) for n in re.findall(r"\d[\d.]*", numbers)]
            if "and" not in numbers:
                expected = [expected[0], expected[-1]]
                given = [given[0], given[-1]]
            assert given == pytest.approx(expected, abs=0.00501)


def test_text_alternative_is_the_name_of_the_image(sample: qm9lib.QM9) -> None:
    water = find(sample, "O")
    view = qm9lib.view(water, values=[-1.0, 0.25, 0.5], label="toy", unit="e")
    expected = (
        "H2O, SMILES O: 3 atoms (2 H, 1 O); bonds: 2 O-H of 0.962 Å; toy from −1 e (O) to 0.5 e (H)"
    )
    assert [image["aria-label"] for image in Page(view).all("svg")] == [expected]
    assert repr(view) == f"[molecules] {expected}."
    assert view._repr_mimebundle_() == {"text/html": view.html, "text/plain": repr(view)}


def test_balls_are_where_the_atoms_are(sample: qm9lib.QM9) -> None:
    """A turn and a shift, with no mirror: distances and handedness are kept."""
    for molecule in (find(sample, "CCO"), find(sample, "C"), sample[-1]):
        data = Page(qm9lib.view(molecule)).all("qm9-molecule")[0]["data-atoms"].split(";")[1:]
        drawn = np.array([[float(n) for n in atom.split()[:3]] for atom in data]) / 100  # Å
        true = molecule.positions - molecule.positions.mean(axis=0)
        drawn -= drawn.mean(axis=0)
        assert np.allclose(drawn @ drawn.T, true @ true.T, atol=0.02)
        turn, *_ = np.linalg.lstsq(true, drawn)
        assert np.linalg.det(turn) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("number", [1, 2, 5, 100, 1500, 1999])
def test_principal_axes(sample: qm9lib.QM9, number: int) -> None:
    positions = sample[number].positions
    centred = positions - positions.mean(axis=0)
    axes = geometry.principal_axes(positions)
    spread = np.linalg.svd(centred, compute_uv=False)
    assert np.allclose(axes @ axes.T, np.eye(3)) and np.linalg.det(axes) == pytest.approx(1)
    found = np.sqrt(np.sum((centred @ axes.T) ** 2, axis=0))
    assert np.allclose(found, np.pad(spread, (0, 3 - len(spread))), atol=1e-7)
    assert np.allclose(geometry.principal_axes(positions + [1.0, -2.0, 3.0]), axes)


def test_same_bytes_in_another_process(sample: qm9lib.QM9) -> None:
    code = (
        "import qm9lib, hashlib; s = qm9lib.load_sample()\n"
        "views = [qm9lib.view(m, values=m.charges, tags=True) for m in s[::40]]\n"
        "print(hashlib.sha256(''.join(v.html for v in views).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True, capture_output=True, text=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(digests) == 1
    views = [qm9lib.view(m, values=m.charges, tags=True) for m in sample[::40]]
    assert not re.search(r"-0\.?0*[ \"(),;]", "".join(view.html for view in views))


def test_ids_are_of_one_drawing(sample: qm9lib.QM9) -> None:
    ethanol = find(sample, "CCO")
    shown = {"a": ethanol, "b": ethanol, "c": sample[3]}
    page = Page(qm9lib.view(shown))
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids)) == 2 * len(shown)
    used = {a["fill"][5:-1] for _, a in page.elements if a.get("fill", "").startswith("url")}
    assert used == set(ids)


def test_card(sample: qm9lib.QM9) -> None:
    ethanol = find(sample, "CCO")
    page = Page(qm9lib.view({"drink": ethanol}, labels={"gap": "eV", "r2": "bohr^2"}))
    assert page.texts("strong") == ["drink"]
    assert page.texts("code") == ["CCO"]
    terms, facts = "|".join(page.texts("dt")), "|".join(page.texts("dd"))
    assert terms.startswith("formula|SMILES|number in QM9|lumo minus homo (gap)|")
    gap = ethanol.labels[8] * 27.2114  # eV
    assert f"{ethanol.index}|{gap:.4g} eV|{ethanol.labels[9]:.4g} bohr" in facts


def test_card_tells_the_digits_of_a_total_energy_that_matter(sample: qm9lib.QM9) -> None:
    ethanol = find(sample, "CCO")
    page = Page(qm9lib.view({"drink": ethanol}, labels={"H": "eV"}))
    told = page.texts("dd")[-1]
    assert told.replace("−", "-") == f"{ethanol.target('H', 'eV'):,.2f} eV"


def test_titles_and_units_are_escaped(sample: qm9lib.QM9) -> None:
    title, bad = '</script><b x="1">&', '<i>"'
    view = qm9lib.view({title: sample[0]}, values={title: sample[0].charges}, label=bad, unit=bad)
    page = Page(view)
    assert page.texts("strong") == [title]
    assert page.all("b") == [] and len(page.all("i")) == 1
    assert page.all("svg")[0]["aria-label"].startswith(title)
    assert view.html.count("<script>") == len(page.all("script")) + 1 == 2


@pytest.mark.parametrize("values", [[-1.0, 0.0, 0.25], [1.0, 2.0, 3.0], [-3.0, -2.0, -1.0]])
def test_colors_are_those_of_matplotlib(sample: qm9lib.QM9, values: list[float]) -> None:
    water = find(sample, "O")
    page = Page(qm9lib.view(water, values=values))
    drawn = {a["data-n"]: k for k, (t, a) in enumerate(page.elements) if "data-n" in a}
    fills = [page.elements[drawn[str(i)] + 1][1]["fill"] for i in range(3)]
    both = values[0] < 0 < values[-1]
    name, low, high = ("RdBu", -1.0, 1.0) if both else ("viridis", values[0], values[-1])
    for value, fill in zip(values, fills, strict=True):
        place = (value - low) / (high - low)
        # The reds and blues leave out the darkest tenth of RdBu at each end.
        expected = matplotlib.colormaps[name](0.1 + 0.8 * place if both else place)[:3]
        found = [int(fill[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        assert found == pytest.approx(expected, abs=0.03)


def test_equal_values_and_tags(sample: qm9lib.QM9) -> None:
    page = Page(qm9lib.view(find(sample, "O"), values=[2.0, 2.0, 2.0], tags=True))
    assert page.texts("text").count("2") == 3


def test_letters_can_be_read() -> None:
    def bright(color: str) -> float:
        c = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [
            0.2126, 0.7152, 0.0722,
        ]  # fmt: skip

    from qm9lib.figures.balls import BALLS, Scale, ink

    scales = [Scale([-1.0, 1.0]), Scale([0.0, 1.0])]
    colors = [*BALLS.values(), *(s.color(v) for s in scales for v in np.linspace(s.low, 1, 50))]
    for color in colors:
        letters = {"#000": 0.0, "#fff": 1.0}[ink(color)]
        low, high = sorted((bright(color), letters))
        assert (high + 0.05) / (low + 0.05) >= 4.5, color


def test_arrow(sample: qm9lib.QM9) -> None:
    """It is as long as it is said to be, along the axes of the atoms, and within the drawing."""
    molecule = find(sample, "C=O")
    x = molecule.positions.astype(float)
    vector = 3.0 * (x[1] - x[0]) / np.linalg.norm(x[1] - x[0])
    view = qm9lib.view(molecule, arrow=vector, arrow_label="bond, <3 Å>")
    assert view.alt.endswith("; an arrow for the bond, <3 Å>, towards O.")
    [arrow] = [a for a in Page(view).all("path") if "data-arrow" in a]
    tail, tip = np.array(arrow["data-arrow"].split(), float).reshape(2, 3)
    atoms = np.array(balls.scene(molecule).positions)
    assert np.linalg.norm(tip - tail) == pytest.approx(300, abs=0.3)
    np.testing.assert_allclose((tip - tail) / 300, (atoms[1] - atoms[0]) / 120.3, atol=0.01)
    [svg] = Page(qm9lib.view(molecule, arrow=[0.0, 0.0, 9.0])).all("svg")
    assert float(svg["viewbox"].split()[2]) > 900
    assert "data-arrow" not in qm9lib.view(molecule).html.split("<script>")[0]


def test_errors_tell_what_to_do(sample: qm9lib.QM9) -> None:
    view = inspect.unwrap(qm9lib.view)  # as students have it, without the tests' checks of types
    water = find(sample, "O")
    empty = dataclasses.replace(
        water,
        atomic_numbers=water.atomic_numbers[:0],
        positions=water.positions[:0],
        charges=water.charges[:0],
    )
    padded = dataclasses.replace(water, atomic_numbers=np.array([8, 1, 0], np.int8))
    far = dataclasses.replace(water, positions=water.positions * np.inf)
    for molecule, error, told in (
        (sample, TypeError, r"the molecule is a QM9, expected a Molecule, such as"),
        ("CCO", TypeError, r"is a str, expected a Molecule"),
        ({"x": water, "y": None}, TypeError, r"molecule 'y' is a NoneType"),
        ({}, ValueError, r"no molecule to show: give a Molecule"),
        (empty, ValueError, r"has no atoms"),
        (padded, ValueError, r"atomic number \[0\], expected \[1, 6, 7, 8, 9\]"),
        (far, ValueError, r"positions that are not finite"),
    ):
        with pytest.raises(error, match=told):
            view(molecule)
    for values, error, told in (
        ([1.0, 2.0], ValueError, r"shape \(2,\), expected \(3,\): one number for each atom of H2O"),
        ([1.0, np.nan, np.inf], ValueError, r"not finite at atoms \[1, 2\]"),
        ({"x": [1.0, 2.0, 3.0]}, TypeError, r"values are a dict, expected one number per atom"),
    ):
        with pytest.raises(error, match=told):
            view(water, values=values)
    with pytest.raises(ValueError, match=r"titles \['y'\], expected \['x'\]"):
        view({"x": water}, values={"y": [1.0, 2.0, 3.0]})
    with pytest.raises(TypeError, match="values are a list, expected a dict with the same titles"):
        view({"x": water}, values=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="unknown label 'Gap'"):
        view(water, labels={"Gap": "eV"})
    with pytest.raises(ValueError, match=r"three finite numbers, x, y and z; given \[1.0, 2.0\]"):
        view(water, arrow=[1.0, 2.0])
    with pytest.raises(TypeError, match=r"an arrow needs a single molecule: show several one"):
        view({"x": water}, arrow=[1.0, 2.0, 0.0])


def test_script_and_style_are_small_and_ask_no_host(sample: qm9lib.QM9) -> None:
    page = Page(qm9lib.view({"a": sample[0], "b": sample[1]}))
    (script,), (style,) = page.texts("script"), page.texts("style")
    assert len(script) < 6000 and len(style) < 2500
    assert not re.search(r"https?:|//|import|fetch|url\(", script.replace("url(#", ""))
    assert "@import" not in style and "url(" not in style


def test_importing_the_package_stays_cheap() -> None:
    code = (
        "import sys, qm9lib\n"
        "qm9lib.view(qm9lib.load_sample()[0])\n"
        "print([m for m in ('jax', 'tensorflow', 'matplotlib') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout == "[]\n"
