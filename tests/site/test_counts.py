"""What prose counts is what there is: chapters, exercises, labels, molecules, files."""

import json
import re

import pytest

import notebooks
import qm9lib
from qm9course import CHAPTERS, exercises
from qm9lib.data import figshare
from qm9lib.data.splits import CHARACTERIZED

ROOT = notebooks.ROOT
PROSE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "book").rglob("*.md"))]
WORDS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
WORDS = dict(enumerate([*WORDS.split(), "fifteen", "sixteen"]))
NUMBER = rf"(?P<number>{'|'.join(WORDS.values())}|\d[\d,]*)"
ALL = [exercise for chapter in CHAPTERS for exercise in exercises(chapter)]


def rows_of_the_reading_list():
    text = (ROOT / "README.md").read_text("utf-8")
    return text.partition("files, in this order:")[2].partition("\n## ")[0].count("\n| `")


def cost_of_twelve_labels():
    measured = json.loads((ROOT / "benchmarks/results/targets.json").read_text("utf-8"))
    return round(100 * (measured["64 features: step of twelve by that of one"] - 1))


COUNTS = {
    rf"\b{NUMBER} chapters lead": lambda: len(CHAPTERS),
    rf"\b{NUMBER} files(?: of it are|, in this order)": rows_of_the_reading_list,
    rf"\b(?:its|the|has|The) {NUMBER} labels\b": lambda: len(qm9lib.LABELS),
    rf"\bthe {NUMBER} free atoms\b": lambda: len(qm9lib.ATOM_REFERENCES["H"]),
    rf"\b{NUMBER} characterized molecules": lambda: CHARACTERIZED,
    rf"load_sample\(\)  # {NUMBER} molecules": lambda: len(qm9lib.load_sample()),
    rf"\barchive with {NUMBER} records": lambda: figshare.PUBLISHED.molecules,
    rf"\b(?:For|list of) {NUMBER} molecules (?:the relaxed|to be)": lambda: (
        figshare.PUBLISHED.uncharacterized_molecules
    ),
    rf"\ball but (?:the )?{NUMBER}\b[^.]*? need JAX": lambda: sum(e.needs_jax for e in ALL),
    rf"\ba training step takes {NUMBER} % longer": cost_of_twelve_labels,
    rf"\b{NUMBER} hints of": lambda: {len(exercise.hints) for exercise in ALL}.pop(),
}


@pytest.mark.parametrize("claim", COUNTS)
def test_number_in_prose_is_the_one_that_is_counted(claim):
    told = {}
    for path in PROSE:
        for match in re.finditer(claim, path.read_text("utf-8"), re.IGNORECASE):
            told[f"{path.name}: {match[0]}"] = match["number"].lower()
    assert told, "nobody says this any more: take it from the list"
    there = COUNTS[claim]()
    assert set(told.values()) <= {WORDS.get(there), str(there), f"{there:,}"}, told
