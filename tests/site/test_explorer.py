"""The page that explores QM9: its data, its numbers and its files, without a browser."""

import doctest
import gzip
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from sphinx.errors import ExtensionError

import qm9lib
from qm9course import ladder
from qm9lib import LABELS

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "book" / "_ext" / "explorer.py"
PAGE = (ROOT / "book" / "explorer.md").read_text(encoding="utf-8")


def load_extension():
    spec = importlib.util.spec_from_file_location("explorer", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


explorer = load_extension()


@pytest.fixture(scope="module")
def sample():
    return explorer.sample()


@pytest.fixture(scope="module")
def script(sample):
    return explorer.data_script(sample)


@pytest.fixture(scope="module")
def told(script):
    """What the script assigns."""
    return json.loads(re.fullmatch(r"const qm9Explorer = (.*);\n", script)[1])


@pytest.fixture(scope="module")
def facts(sample):
    return explorer.facts(sample)


def test_sample_is_every_43rd_molecule(sample, told):
    index = qm9lib.load().index
    assert told["molecules"]["index"] == [int(index[i]) for i in range(0, len(index), 43)]
    assert "{{ explorer_step }}rd" in PAGE and explorer.STEP == 43


def test_doctest():
    assert doctest.testmod(explorer).failed == 0


def test_labels_are_those_of_the_data_set(sample, told):
    properties = told["dataset"]["properties"]
    for label in list(LABELS.values())[1:]:
        entry = properties[label.name]
        assert (entry["units"], entry["description"]) == (label.unit, label.description)
        np.testing.assert_array_equal(entry["values"], sample.labels[:, label.index])
    assert list(told["decimals"]) == [*list(LABELS)[1:], "unsaturation", "n_atoms"]


def test_what_the_networks_say_is_what_is_stored(sample):
    stored, script = ladder.explored(), explorer.predicted_script(sample)
    predicted = json.loads(re.fullmatch(r"const qm9Predicted = (.*);\n", script)[1])
    assert {*predicted} == {*stored} == {*ladder.TWELVE}
    assert len(gzip.compress(script.encode())) < 50_000
    for name, found in predicted.items():
        off = np.array(found["off"]) / 10 ** found["decimals"]
        np.testing.assert_allclose(
            sample.target(name) + off, stored[name], rtol=0, atol=0.6 / 10 ** found["decimals"]
        )


def test_digits_of_the_table_lose_nothing_and_add_nothing(told):
    for name, digits in told["decimals"].items():
        values = told["dataset"]["properties"][name]["values"]
        written = [f"{value:.{digits}f}" for value in values]
        assert [float(text) for text in written] == values
        assert digits == 0 or any(text[-1] != "0" for text in written)


def test_molecules_keep_their_atoms_and_places(sample, told):
    for molecule, structure in zip(sample, told["dataset"]["structures"], strict=True):
        places = np.array([structure[axis] for axis in "xyz"]).T
        assert np.abs(places - molecule.positions).max() <= 0.005 + 1e-9
        numbers = {"H": 1, "C": 6, "N": 7, "O": 8, "F": 9}
        assert [numbers[name] for name in structure["names"]] == molecule.atomic_numbers.tolist()
        assert structure["size"] == len(molecule)
    assert told["molecules"]["formula"] == [molecule.formula for molecule in sample]
    assert told["molecules"]["smiles"] == sample.smiles.tolist()


def test_unsaturation_is_what_the_smiles_draw(sample):
    """A SMILES names each ring by a digit at both ends, and writes out its multiple bonds."""
    drawn = []
    for smiles in sample.smiles:
        outside = re.sub(r"\[[^]]*\]", "", smiles)  # a digit in brackets counts hydrogen atoms
        after = re.findall(r"\](\d+)", smiles)  # but one after them closes a ring
        rings = len(re.findall(r"\d", outside)) / 2
        assert all(digits in outside for digits in after)
        # Nitro groups are drawn with five bonds at N, but it has four and a charge.
        multiple = smiles.count("=") + 2 * smiles.count("#") - smiles.count("N(=O)=O")
        drawn.append(rings + multiple)
    np.testing.assert_array_equal(explorer.unsaturation(sample), drawn)


def test_counts_of_elements_fit_the_formula(told):
    for symbol in "HCNOF":
        found = [
            int(match[1] or 1) if (match := re.search(rf"{symbol}(\d*)", formula)) else 0
            for formula in told["molecules"]["formula"]
        ]
        assert told["dataset"]["properties"][f"n_{symbol}"]["values"] == found


def test_data_are_small(script):
    assert len(gzip.compress(script.encode())) < 700_000


def test_data_and_picture_are_the_same_in_another_process(sample, script):
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE.parent)!r}); import explorer, hashlib;"
        "text = explorer.data_script(explorer.sample()) + explorer.picture(explorer.sample());"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    other = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    text = script + explorer.picture(sample)
    assert other.stdout.strip() == explorer.hashlib.sha256(text.encode()).hexdigest()


# ---------------------------------------------------------------------------- what the page says


def test_page_uses_every_fact_and_no_other(facts):
    used = re.findall(r"\{\{ explorer_(\w+) \}\}", PAGE)
    assert PAGE.count("{{") == len(used)
    assert set(used) == set(facts)


def test_buttons_name_properties_and_are_hidden_without_script(told):
    buttons = re.findall(r"<button[^>]*>", PAGE)
    assert len(buttons) == 4
    for button in buttons:
        names = re.findall(r'data-(?:x|y|colour)="(\w+)"', button)
        assert len(names) == 3 and set(names) <= set(told["dataset"]["properties"])
        assert " hidden" in button


def test_points_that_stand_apart_are_zwitterions(sample, facts):
    charged = {i for i, smiles in enumerate(sample.smiles) if "+" in smiles}
    assert all("-" in sample.smiles[i] for i in charged)
    polar = {i for i in range(len(sample)) if sample[i].target("mu") > 8}
    gaps = [molecule.target("gap") for molecule in sample]
    smallest = set(sorted(range(len(sample)), key=gaps.__getitem__)[:2])
    assert int(facts["zwitterions"]) == len(charged)
    assert int(facts["polar"]) == len(polar)
    assert int(facts["polar_zwitterions"]) == len(polar & charged)
    # "have a + and a -": most of them; "as well": both; "only": few.
    assert len(polar & charged) > len(polar) / 2
    assert smallest <= charged
    assert len(charged) < 0.01 * len(sample)


def test_lumo_decides_about_the_gap(sample, facts):
    homo, lumo, gap = (sample.target(name) for name in ("homo", "lumo", "gap"))
    # Each is rounded to 1e-4 hartree on its own.
    np.testing.assert_allclose(gap, lumo - homo, atol=1.5e-4)
    for name, values in (("homo", homo), ("lumo", lumo)):
        around, gap_around = values - values.mean(), gap - gap.mean()
        root = np.sqrt((around**2).sum() * (gap_around**2).sum())
        correlation = (around * gap_around).sum() / root
        assert float(facts[f"corr_{name}"].replace("−", "-")) == pytest.approx(
            correlation, abs=5e-3
        )
        assert float(facts[f"std_{name}"]) == pytest.approx((around**2).mean() ** 0.5, abs=5e-4)
    assert float(facts["corr_lumo"]) > 0.8 > abs(float(facts["corr_homo"].replace("−", "-")))
    assert lumo.std() > 1.5 * homo.std()


def test_zero_point_energy_counts_hydrogen(sample, facts):
    hydrogen = np.array([(m.atomic_numbers == 1).sum() for m in sample])
    zpve = sample.target("zpve")
    slope = np.cov(hydrogen, zpve)[0, 1] / hydrogen.var(ddof=1)
    miss = np.abs(zpve - zpve.mean() - slope * (hydrogen - hydrogen.mean())).mean()
    assert float(facts["zpve_slope"]) == pytest.approx(slope, abs=5e-5)
    assert float(facts["zpve_slope_kcal"]) == pytest.approx(slope * 627.5095, abs=0.05)
    assert float(facts["zpve_miss"]) == pytest.approx(miss, abs=5e-5)
    assert miss < zpve.std() / 4  # "close to a straight line"


def test_energies_lie_in_groups_of_one_formula(sample, facts):
    energies, sizes = {}, {}
    for molecule in sample:
        energies.setdefault(molecule.formula, []).append(molecule.target("U0"))
        sizes.setdefault(len(molecule), []).append(molecule.target("U0"))

    def widest(groups):
        return max((max(group) - min(group), name) for name, group in groups.items())

    assert (facts["isomers_span"], facts["isomers"]) == (
        f"{widest(energies)[0]:.2f}",
        widest(energies)[1],
    )
    assert (facts["size_span"], facts["size"]) == (
        f"{widest(sizes)[0]:.0f}",
        str(widest(sizes)[1]),
    )
    assert widest(sizes)[0] > 100 * widest(energies)[0]  # small groups


# -------------------------------------------------------------------------- picture and package


def test_picture_shows_every_molecule_and_its_text_says_so(sample):
    root = ElementTree.fromstring(explorer.picture(sample))
    space = "{http://www.w3.org/2000/svg}"
    groups = [path.get("d") for path in root.iter(f"{space}path") if path.get("id")]
    points = [re.findall(r"M(\d+) (\d+)h0", group) for group in groups]
    # The last of each group is its key.
    assert sum(len(group) - 1 for group in points) == len(sample)
    across = [int(x) for group in points for x, _ in group[:-1]]
    upwards = [int(y) for group in points for _, y in group[:-1]]
    kinds = explorer.unsaturation(sample)
    order = np.argsort(kinds, kind="stable")
    # A straight line leads from the value to the place, up to rounding to whole units.
    for places, name in ((across, "mu"), (upwards, "gap")):
        values = sample.target(name)[order]
        rest = np.polynomial.Polynomial.fit(values, places, 1)(values) - places
        assert np.abs(rest).max() < 1
    text = explorer.alternative(sample)
    mu, gap = sample.target("mu"), sample.target("gap")
    assert f"{len(sample):,} molecules" in text
    assert f"{gap.min():.3f} to {gap.max():.3f} hartree" in text
    assert f"{mu.min():.1f} to {mu.max():.1f} D" in text
    medians = [np.median(gap[kinds == kind]) for kind in np.unique(kinds)]
    assert medians == sorted(medians, reverse=True)  # what "goes from ... to" makes one think
    assert f"{medians[0]:.3f} hartree at unsaturation 0 to {medians[-1]:.3f} hartree at" in text


def test_licences_are_those_of_the_script():
    files = explorer.chemiscope_files()
    assert set(files) == {
        "chemiscope.min.js",
        "chemiscope.min.js.LICENSE.txt",
        "chemiscope-LICENSE.txt",
    }
    script = files["chemiscope.min.js"].read_text(encoding="utf-8")
    assert "chemiscope.min.js.LICENSE.txt" in script[:100]
    bundled = files["chemiscope.min.js.LICENSE.txt"].read_text(encoding="utf-8")
    assert "3dmol" in bundled and "jQuery" in bundled
    assert "Redistributions in binary form" in files["chemiscope-LICENSE.txt"].read_text()


def test_missing_package_or_file_is_told(monkeypatch):
    def missing(name):
        raise explorer.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(explorer.importlib.metadata, "files", missing)
    with pytest.raises(ExtensionError, match=r"pip install -r requirements\.txt"):
        explorer.chemiscope_files()
    monkeypatch.setattr(explorer.importlib.metadata, "files", lambda name: [])
    with pytest.raises(ExtensionError, match=r"no file chemiscope\.min\.js"):
        explorer.chemiscope_files()


def test_build_gives_the_page_what_it_needs_and_other_pages_nothing(tmp_path, facts):
    source, out = tmp_path / "source", tmp_path / "out"
    (source / "book").mkdir(parents=True)
    (source / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(SOURCE.parent)!r})\n"
        "extensions = ['myst_parser', 'explorer']\nroot_doc = 'index'\n"
        "myst_enable_extensions = ['substitution']\n"
        f"html_static_path = [{str(ROOT / 'book' / '_static')!r}]\n"
    )
    (source / "index.md").write_text(
        "# Index\n\n```{toctree}\nbook/explorer\n```\n\n{{ explorer_count }} molecules\n"
    )
    page = re.sub(r"\[([^]]+)\]\(\w+\.(?:ipynb|md)\)", r"\1", PAGE)  # no other page is built here
    (source / "book" / "explorer.md").write_text(page, encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "sphinx", "-qW", "--keep-going", "-b", "html", source, out],
        check=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    index = (out / "index.html").read_text(encoding="utf-8")
    assert f"{facts['count']} molecules" in index
    assert "explorer.js" not in index and "explorer.css" not in index
    built = (out / "book" / "explorer.html").read_text(encoding="utf-8")
    assert re.search(r'<script defer="defer" src="\.\./_static/explorer\.js', built)
    assert "../_static/explorer.css" in built
    assert 'src="../_static/explorer/map.svg?v=' in built
    assert "{{" not in built
    # Nothing heavy is named in the page itself.
    assert "chemiscope.min.js" not in built and "qm9.js" not in built
    files = {file.name: file.stat().st_size for file in (out / "_static" / "explorer").iterdir()}
    assert set(files) == {*explorer.chemiscope_files(), "qm9.js", "predicted.js", "map.svg"}
    size = float(re.search(r"Start the explorer \(([\d.]+) MB\)", built)[1])
    names = ("chemiscope.min.js", "qm9.js", "predicted.js")
    loaded = [out / "_static" / "explorer" / name for name in names]
    transferred = sum(len(gzip.compress(file.read_bytes())) for file in loaded)
    assert size == pytest.approx(transferred / 1e6, abs=0.06)
