"""Sphinx extension: the page on which a reader explores QM9 in the browser.

Every `STEP`-th molecule is written to a script with all its labels, beside chemiscope's own script
and its licences, taken from the installed package. A page loads both when its reader asks for them.
Until then the directive `qm9-explorer` shows a picture of the same points. The numbers in the
page's text are computed from the same molecules: `{{ explorer_... }}`.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import importlib.metadata
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import page_scripts
from docutils import nodes
from jaxtyping import Int
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

import qm9lib
from qm9course import ladder
from qm9lib import LABELS, QM9, SYMBOLS

STEP = ladder.EXPLORED
"""One molecule in so many is shown."""

START = ("mu", "gap", "unsaturation")
"""What the map and its picture show at first: across, upwards, colour."""

DECIMALS = 4
"""Digits after the point of a position in Å: the networks that a page asks need as many."""

FOLDER = "explorer"
"""Where the loaded files lie, in the site's folder of static files."""

LICENCES = {
    "chemiscope-LICENSE.txt": "LICENSE",
    # The name that the first line of the script promises.
    "chemiscope.min.js.LICENSE.txt": "chemiscope-widget.mjs.LICENSE.txt",
}
"""Licence files beside the script, and their names in the package."""


@functools.cache
def sample() -> QM9:
    """Return the molecules of the page: the first, and each `STEP`-th after it."""
    return qm9lib.load()[::STEP]


def unsaturation(qm9: QM9) -> Int[np.ndarray, " molecules"]:
    """Count the rings and the multiple bonds of each molecule.

    A ring and a double bond count 1, a triple bond 2. The formula alone gives it: each costs two
    hydrogen atoms of the `2 C + N - F + 2` of an open chain of single bonds.

    Examples
    --------
    >>> methane = qm9lib.load_sample()[:1]
    >>> unsaturation(methane).tolist()
    [0]
    """
    hydrogen, carbon, nitrogen, _, fluorine = qm9.composition.T
    return (2 * carbon + nitrogen + 2 - hydrogen - fluorine) // 2


def properties(qm9: QM9) -> dict[str, dict[str, Any]]:
    """Return what can be drawn, by name, in chemiscope's form: the labels, then counts."""

    def entry(values: np.ndarray, description: str, **unit: str) -> dict[str, Any]:
        return {"target": "structure", "values": values, "description": description, **unit}

    labels = [label for label in LABELS.values() if label.index > 0]
    found = {x.name: entry(qm9.target(x.name), x.description, units=x.unit) for x in labels}
    found["unsaturation"] = entry(unsaturation(qm9), "rings and double bonds; a triple bond is 2")
    found["n_atoms"] = entry(qm9.n_atoms, "number of atoms")
    for symbol, count in zip(SYMBOLS.values(), qm9.composition.T, strict=True):
        found[f"n_{symbol}"] = entry(count, f"number of {symbol} atoms")
    return found


def dataset(qm9: QM9) -> dict[str, Any]:
    """Return the molecules in chemiscope's own format, made by chemiscope.

    Parameters
    ----------
    qm9
        The molecules; positions in Å are rounded to `DECIMALS` digits.
    """
    import chemiscope  # heavy, and only a build of the page needs it

    structures = [
        {
            "size": len(molecule),
            "names": [SYMBOLS[int(number)] for number in molecule.atomic_numbers],
            # Adding 0 turns -0.0, which would be written with its sign, into 0.0.
            **dict(zip("xyz", (molecule.positions.round(DECIMALS) + 0.0).T.tolist(), strict=True)),
        }
        for molecule in qm9
    ]
    x, y, colour = START
    return chemiscope.create_input(
        structures,
        properties=properties(qm9),
        metadata={"name": "QM9"},
        settings=chemiscope.quick_settings(
            x=x,
            y=y,
            map_color=colour,
            map_settings={
                "color": {"property": colour, "palette": "viridis"},
                "size": {"factor": 30},
                # Its "adaptive resolution" would leave out points.
                "useLOD": False,
            },
        ),
    )


def predicted_script(qm9: QM9) -> str:
    """Return the script with how far the networks are off: whole units of the last decimal.

    Small whole numbers take a third of the room of what the networks say.
    """
    found = {}
    for name, values in ladder.explored().items():
        digits = max(len(f"{value:.9f}".rstrip("0").partition(".")[2]) for value in values)
        off = np.round((values - qm9.target(name)) * 10**digits).astype(int)
        found[name] = {"decimals": digits, "off": off.tolist()}
    return f"const qm9Predicted = {json.dumps(found, separators=(',', ':'))};\n"


def data_script(qm9: QM9) -> str:
    """Return the script with the data; a page that lies in a folder cannot read anything else."""
    data = dataset(qm9)
    # Columns of the table; the formula tells the number of each element.
    columns = {
        name: max(len(f"{value}".partition(".")[2].rstrip("0")) for value in entry["values"])
        for name, entry in data["properties"].items()
        if name in LABELS or name in ("unsaturation", "n_atoms")
    }
    molecules = {
        "index": qm9.index.tolist(),
        "formula": [molecule.formula for molecule in qm9],
        "smiles": [str(smiles) for smiles in qm9.smiles],
    }
    told = {"dataset": data, "decimals": columns, "molecules": molecules}
    return f"const qm9Explorer = {json.dumps(told, separators=(',', ':'), allow_nan=False)};\n"


def chemiscope_files() -> dict[str, Path]:
    """Find chemiscope's script and licences in the installed package, by their names in the site.

    Raises
    ------
    ExtensionError
        The package is not installed, or has other files than version 1.1.
    """
    try:
        files = importlib.metadata.files("chemiscope") or []
    except importlib.metadata.PackageNotFoundError:
        raise ExtensionError("chemiscope is missing: pip install -r requirements.txt") from None
    found = {}
    for name, source in {"chemiscope.min.js": "chemiscope.min.js", **LICENCES}.items():
        paths = [Path(str(file.locate())) for file in files if file.name == source]
        if not paths:
            raise ExtensionError(f"the installed chemiscope has no file {source}: see {__file__}")
        found[name] = paths[0]
    return found


@functools.cache
def package() -> tuple[dict[str, Path], dict[str, bytes], int, str]:
    """Gather what is loaded: files to copy, files to write, bytes to transfer, and a mark of all.

    The mark stands in the addresses, so that a browser keeps no older file.
    """
    files = chemiscope_files()
    script = files["chemiscope.min.js"].read_bytes()
    makers = {"qm9.js": data_script, "predicted.js": predicted_script, "map.svg": picture}
    made = {name: make(sample()).encode() for name, make in makers.items()}
    loaded = script, made["qm9.js"], made["predicted.js"]
    size = sum(len(gzip.compress(part)) for part in loaded)
    return files, made, size, hashlib.sha256(script + b"".join(made.values())).hexdigest()[:10]


def write_files(app: Sphinx, exception: Exception | None) -> None:
    """After the build: put the data, the script and its licences into the site."""
    if exception is not None or app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    files, made, _, _ = package()
    for name, content in made.items():
        (target / name).write_bytes(content)
    for name, source in files.items():
        shutil.copyfile(source, target / name)


def facts(qm9: QM9) -> dict[str, str]:
    """Compute what the page's text says, as text, by the name in `{{ explorer_NAME }}`."""
    label = {name: qm9.target(name) for name in ("mu", "gap", "homo", "lumo", "zpve", "U0")}
    zwitterion = np.array(["+" in smiles and "-" in smiles for smiles in qm9.smiles])
    polar = label["mu"] > 8
    slope, offset = np.polyfit(qm9.composition[:, 0], label["zpve"], 1)
    miss = np.abs(label["zpve"] - slope * qm9.composition[:, 0] - offset)
    formulas = np.array([molecule.formula for molecule in qm9])

    def span(rows: np.ndarray) -> float:
        return float(np.ptp(label["U0"][rows]))

    by_formula = {formula: formulas == formula for formula in sorted(set(formulas))}
    isomers = max(by_formula, key=lambda formula: span(by_formula[formula]))
    by_size = {int(n): qm9.n_atoms == n for n in np.unique(qm9.n_atoms)}
    size = max(by_size, key=lambda n: span(by_size[n]))

    def correlation(name: str) -> str:
        return f"{np.corrcoef(label[name], label['gap'])[0, 1]:.2f}".replace("-", "−")

    return {
        "count": f"{len(qm9):,}",
        "all": f"{len(qm9lib.load()):,}",
        "step": str(STEP),
        "zwitterions": str(zwitterion.sum()),
        "polar": str(polar.sum()),
        "polar_zwitterions": str((polar & zwitterion).sum()),
        "corr_homo": correlation("homo"),
        "corr_lumo": correlation("lumo"),
        "std_homo": f"{label['homo'].std():.3f}",
        "std_lumo": f"{label['lumo'].std():.3f}",
        "zpve_slope": f"{slope:.4f}",
        "zpve_slope_kcal": f"{qm9lib.convert(slope, 'hartree', 'kcal/mol'):.1f}",
        "zpve_miss": f"{miss.mean():.4f}",
        "zpve_std": f"{label['zpve'].std():.3f}",
        "size": str(size),
        "size_span": f"{span(by_size[size]):.0f}",
        "isomers": isomers,
        "isomers_span": f"{span(by_formula[isomers]):.2f}",
    }


def number_facts(app: Sphinx, config: Config) -> None:
    """Offer the facts to the pages before any of them is read."""
    config.myst_substitutions.update({f"explorer_{k}": v for k, v in facts(sample()).items()})


def alternative(qm9: QM9) -> str:
    """Return the text alternative of the picture."""
    across, upwards, colour = START
    x, y, classes = qm9.target(across), qm9.target(upwards), unsaturation(qm9)
    unit = LABELS[upwards].unit
    kinds = np.unique(classes)
    medians = [float(np.median(y[classes == kind])) for kind in kinds]
    return (
        f"Scatter plot of {len(qm9):,} molecules: {upwards} from {y.min():.3f} to {y.max():.3f} "
        f"{unit} against {across} from {x.min():.1f} to {x.max():.1f} {LABELS[across].unit}. "
        f"The median {upwards} goes from {medians[0]:.3f} {unit} at {colour} {kinds[0]} "
        f"to {medians[-1]:.3f} {unit} at {colour} {kinds[-1]}."
    )


SIZE = (680, 430)
"""Width and height of the picture, in its own units."""


def picture(qm9: QM9) -> str:
    """Draw the map that the explorer starts with, as an SVG file."""
    from matplotlib import colormaps, colors, ticker

    (width, height), left, right, top, bottom = SIZE, 66, 162, 14, 52
    across, upwards, colour = START
    x, y, classes = qm9.target(across), qm9.target(upwards), unsaturation(qm9)
    kinds = np.unique(classes)

    def scale(values: np.ndarray, low: int, high: int) -> tuple[Any, np.ndarray]:
        ticks = ticker.MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(values.min(), values.max())
        return lambda v: low + (v - ticks[0]) / (ticks[-1] - ticks[0]) * (high - low), ticks

    to_x, x_ticks = scale(x, left, width - right)
    to_y, y_ticks = scale(y, height - bottom, top)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="14" fill="#14181e">',
        # On a phone the picture is half as wide, and its letters would be, too.
        "<style>@media (max-width: 480px) { svg { font-size: 22px } }</style>",
    ]
    for tick in x_ticks:
        at = f"{to_x(tick):.0f}"
        lines += [
            f'<path d="M{at} {top}V{height - bottom}" stroke="#dde1e6"/>',
            f'<text x="{at}" y="{height - bottom + 20}" text-anchor="middle">{tick:g}</text>',
        ]
    for tick in y_ticks:
        at = f"{to_y(tick):.0f}"
        lines += [
            f'<path d="M{left} {at}H{width - right}" stroke="#dde1e6"/>',
            f'<text x="{left - 8}" y="{at}" dy="5" text-anchor="end">{tick:g}</text>',
        ]
    middle_x, middle_y = (left + width - right) // 2, (top + height - bottom) // 2
    lines += [
        f'<text x="{middle_x}" y="{height - 8}" text-anchor="middle">'
        f"{across} / {LABELS[across].unit}</text>",
        f'<text transform="translate(16 {middle_y}) rotate(-90)" text-anchor="middle">'
        f"{upwards} / {LABELS[upwards].unit}</text>",
        f'<text x="{width - right + 14}" y="{top + 14}">{colour}</text>',
        '<g fill="none" stroke-linecap="round">',
    ]
    keys: list[str] = []
    for kind in kinds:
        rows = classes == kind
        points = "".join(
            f"M{a:.0f} {b:.0f}h0" for a, b in zip(to_x(x[rows]), to_y(y[rows]), strict=True)
        )
        paint = colors.to_hex(colormaps["viridis"](float(kind / kinds[-1])))
        row = top + 38 + 26 * len(keys)
        # A dark rim under each point: the light colours would be lost on white.
        lines += [
            f'<defs><path id="p{kind}" d="{points}M{width - right + 22} {row}h0"/></defs>',
            f'<use href="#p{kind}" stroke="#33393f" stroke-width="6.5"/>',
            f'<use href="#p{kind}" stroke="{paint}" stroke-width="5"/>',
        ]
        keys.append(f'<text x="{width - right + 36}" y="{row}" dy="5">{kind}</text>')
    return "\n".join([*lines, "</g>", *keys, "</svg>"])


class Explorer(SphinxDirective):
    """`{qm9-explorer}`: the picture, its caption (the content), and the button that starts."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the page's part; explorer.js does the rest when the button is pressed."""
        caption = nodes.container(classes=["qm9-explorer-caption"])
        self.state.nested_parse(self.content, self.content_offset, caption)
        _, _, size, mark = package()
        depth = self.env.docname.count("/")
        static = "../" * depth + f"_static/{FOLDER}"
        before = (
            f'<div class="qm9-explorer" data-mark="{mark}">\n'
            '<div class="qm9-explorer-card qm9-explorer-picture">\n'
            f'<img src="{static}/map.svg?v={mark}" alt="{alternative(sample())}" '
            f'width="{SIZE[0]}" height="{SIZE[1]}">\n</div>'
        )
        after = (
            '<p class="qm9-explorer-start"><button type="button" hidden>Start the explorer '
            f"({size / 1e6:.1f} MB)</button></p>\n"
            "<noscript><p>The explorer needs JavaScript, which is turned off in this browser."
            '</p></noscript>\n<p class="qm9-explorer-status" role="status"></p>\n</div>'
        )
        raw = [nodes.raw("", html, format="html") for html in (before, after)]
        return [raw[0], caption, raw[1]]


def add_files(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give the script and the style to the page that has the explorer, and to no other."""
    page_scripts.add(app, doctree, "qm9-explorer-caption", "explorer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the steps of a build."""
    app.add_directive("qm9-explorer", Explorer)
    app.connect("config-inited", number_facts)
    app.connect("html-page-context", add_files)
    app.connect("build-finished", write_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
