"""Sphinx extension: the pretrained networks in the page, where a reader can ask them.

The build exports what `qm9lib.pretrained` ships, so that a page never has other weights than the
package. The scripts in `book/_static/live` compute what Python computes; they and the weights are
loaded when a reader asks for them. Until then the directive `ask-network` shows its molecule as the
viewer draws it.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import page_scripts
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import qm9lib
from qm9lib import ATOM_REFERENCES, ELEMENTS, SYMBOLS, Molecule, convert, pretrained
from qm9lib.data import geometry
from qm9lib.figures.balls import BALLS
from qm9lib.models.storage import trained_arrays
from qm9lib.pretrained import domain
from qm9lib.pretrained.weights import LOGARITHMS

LABEL = "H"
FOLDER = "live"
"""Where the loaded files lie, in the site's folder of static files."""

SCRIPTS = Path(__file__).resolve().parents[1] / "_static" / FOLDER
"""The scripts that are written by hand; beside them the build puts model.js."""

MOLECULES = {
    "water": 3, "methane": 1, "ammonia": 2, "hydrogen cyanide": 5, "formaldehyde": 6,
    "formamide": 12, "ethanol": 14, "acetone": 18, "urea": 20, "furan": 52, "imidazole": 51,
    "tetrafluoromethane": 184, "benzene": 214, "cyclohexane": 658, "octane": 14788,
}  # fmt: skip
"""Molecules to begin with, by name: their numbers in QM9."""

MODES = ("all", "symmetry", "bond", "landing")


@functools.cache
def molecule(number: int) -> Molecule:
    """Return the molecule of a number in QM9."""
    qm9 = qm9lib.load()
    return qm9[int(np.searchsorted(qm9.index, number))]


def model() -> dict[str, Any]:
    """Return what the script needs of the ensemble, its calibration and its domain."""
    ensemble, trained = pretrained.load(LABEL), pretrained.training_domain()
    judge = pretrained.error_network(LABEL)
    assert judge is not None
    networks, weights = [], []
    for network in [*ensemble.members, judge]:
        arrays = {k: np.asarray(v, "<f4") for k, v in trained_arrays(network.network).items()}
        weights += [array.ravel() for array in arrays.values()]
        networks.append({
            "config": network.network.config,
            "mean": network.target.mean, "scale": network.target.scale,
            "reference": network.target.reference.coefficients.tolist(),
            "tensors": [[name, array.size] for name, array in arrays.items()],
        })  # fmt: skip
    return {
        "label": LABEL,
        "factor": convert(1.0, "hartree", "kcal/mol"),
        "freeAtoms": ATOM_REFERENCES[LABEL],
        "networks": networks,  # the last one has learned the errors of the others
        "weights": base64.b64encode(np.concatenate(weights).tobytes()).decode(),
        "logarithms": LOGARITHMS,
        "calibration": dataclasses.asdict(pretrained.calibration(LABEL)),
        "domain": {
            "elements": ELEMENTS, "symbols": SYMBOLS, "radii": geometry.COVALENT_RADII,
            "drawn": geometry.BONDED, "reach": domain.BONDED, "mostHeavy": domain.MOST_HEAVY,
            "fewest": domain.FEWEST, "bin": domain.BIN, "seldom": domain.SELDOM,
            "valenceBin": domain.VALENCE_BIN, "rare": domain.RARE, "decay": domain.DECAY,
            "counts": trained.counts.tolist(), "valences": trained.valences.tolist(),
        },
        "colors": BALLS,
        "molecules": [
            {
                "name": name, "number": number, "z": one.atomic_numbers.tolist(),
                "x": one.positions.ravel().tolist(), "published": one.target(LABEL),
            }
            for name, number in MOLECULES.items()
            for one in [molecule(number)]
        ],
    }  # fmt: skip


@functools.cache
def package() -> tuple[str, int, str]:
    """Return the script with the model, the bytes to transfer, and a mark of all files.

    The mark stands in the addresses, so that a browser keeps no older file.
    """
    told = json.dumps(model(), separators=(",", ":"), allow_nan=False)
    script = f"globalThis.qm9Model = {told};\n"
    parts = [script.encode(), *(file.read_bytes() for file in sorted(SCRIPTS.glob("*.js")))]
    size = sum(len(gzip.compress(part)) for part in parts)
    return script, size, hashlib.sha256(b"".join(parts)).hexdigest()[:10]


def write_files(app: Sphinx, exception: Exception | None) -> None:
    """After the build: put the model beside the scripts."""
    if exception is None and app.builder.format == "html":
        target = Path(app.outdir) / "_static" / FOLDER
        target.mkdir(parents=True, exist_ok=True)
        (target / "model.js").write_text(package()[0], encoding="utf-8")


class AskNetwork(SphinxDirective):
    """`{ask-network} NAME`: a molecule, its caption (the content), and the button that starts."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {"mode": lambda text: directives.choice(text, MODES)}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Return the page's part; ask.js does the rest when the button is pressed."""
        name = self.arguments[0]
        if name not in MOLECULES:
            raise self.error(f"no molecule {name!r}, expected one of {', '.join(MOLECULES)}")
        mode = self.options.get("mode", "all")
        caption = nodes.container(classes=["qm9-ask-caption"])
        self.state.nested_parse(self.content, self.content_offset, caption)
        _, size, mark = package()
        before = (
            f'<div class="qm9-ask" data-mark="{mark}" data-mode="{mode}" data-molecule="{name}">\n'
            f'<div class="qm9-ask-picture">{qm9lib.view({name: molecule(MOLECULES[name])}).html}'
            '</div>\n<p class="qm9-ask-start"><button type="button" hidden>Ask the network '
            f"({size / 1e6:.1f} MB)</button></p>"
        )
        after = (
            "<noscript><p>The network answers in this page with JavaScript, which is turned off in "
            'this browser.</p></noscript>\n<p class="qm9-ask-status" role="status"></p>\n</div>'
        )
        raw = [nodes.raw("", html, format="html") for html in (before, after)]
        return [raw[0], caption, raw[1]]


def add_files(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give the script and the style to the pages that ask the network, and to no others."""
    page_scripts.add(app, doctree, "qm9-ask-caption", "ask")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the steps of a build."""
    app.add_directive("ask-network", AskNetwork)
    app.connect("html-page-context", add_files)
    app.connect("build-finished", write_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
