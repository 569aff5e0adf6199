"""The network in the page computes what Python does: numbers, warnings and errors."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import live
import npm
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xyz_files import COMMENTS, LATTICES, OTHER_UNITS, SPELLINGS, UNITS, WATER, WRONG

from qm9lib import QM9, SYMBOLS, convert, pretrained
from qm9lib.data import xyz
from qm9lib.errors import DataError
from qm9lib.models import Ensemble, Model
from qm9lib.models import model as model_module
from qm9lib.pretrained import weights
from qm9lib.pretrained.predict import predict

Ask = Callable[[str], Any]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """What asks the page's scripts, in Node, about the text of a file."""
    model = tmp_path_factory.mktemp("live") / "model.js"
    model.write_text(live.package()[0], encoding="utf-8")
    files = [live.SCRIPTS / "network.js", live.SCRIPTS / "xyz.js", model]
    command = [npm.node(), __file__.replace("test_live.py", "live.mjs"), *map(str, files)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as node:
        assert node.stdin and node.stdout

        def answer(text: str) -> Any:
            node.stdin.write(json.dumps(text) + "\n")
            node.stdin.flush()
            return json.loads(node.stdout.readline())

        yield answer
        node.stdin.close()


@pytest.fixture(scope="module", autouse=True)
def _doubles() -> Iterator[None]:
    """Let Python compute in float64, as the page does: odd molecules have large features."""

    def doubled(model: Model) -> Model:
        arrays, rest = eqx.partition(model.network, eqx.is_array)
        arrays = jax.tree.map(lambda array: np.asarray(array, np.float64), arrays)
        return replace(model, network=eqx.combine(arrays, rest))

    def load_each(labels: list[str]) -> list[Ensemble]:
        return [Ensemble(tuple(map(doubled, one.members))) for one in stored(labels)]

    stored, judge = pretrained.load_each, pretrained.error_network("H")
    assert judge is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrained, "load_each", load_each)
        patch.setattr(weights, "error_network", lambda _: doubled(judge))
        # Most of what is asked here is one molecule, which elsewhere is filled up to 64.
        patch.setattr(model_module, "_PREDICTED_TOGETHER", 4)
        yield


def written(numbers: np.ndarray, positions: np.ndarray, symbols: list[str] | None = None) -> str:
    """Write a molecule as a file, with all digits."""
    names = symbols or [SYMBOLS[int(z)] for z in numbers]
    rows = [
        f"{name} {x!r} {y!r} {z!r}"
        for name, (x, y, z) in zip(names, positions.tolist(), strict=True)
    ]
    return "\n".join([str(len(rows)), "", *rows]) + "\n"


def odd_molecules(qm9: QM9) -> list[str]:
    """Return 200 files with molecules unlike those of QM9: eight kinds, in turns."""
    rng = np.random.default_rng(20)
    texts = []
    for i, row in enumerate(rng.choice(len(qm9), 200, replace=False).tolist()):
        z, x = qm9[row].atomic_numbers.copy(), qm9[row].positions.copy()
        a, b = rng.choice(len(z), 2, replace=False).tolist()
        kind, names = i % 8, None
        if kind == 0:  # torn: an atom is pulled away from another one
            x[a] += (x[a] - x[b]) / np.linalg.norm(x[a] - x[b]) * rng.uniform(0.1, 3.0)
        elif kind == 1:  # shaken
            x += rng.normal(scale=rng.uniform(0.02, 0.3), size=x.shape)
        elif kind == 2:  # foreign
            names = [SYMBOLS[int(n)] for n in z]
            names[a] = str(rng.choice(["S", "Cl", "Li", "Si", "Br"]))
        elif kind == 3:  # huge: several copies in a row
            copies = int(rng.integers(2, 4))
            apart = np.array([np.ptp(x[:, 0]) + rng.uniform(1.0, 4.0), 0.0, 0.0])
            z, x = np.tile(z, copies), np.concatenate([x + k * apart for k in range(copies)])
        elif kind == 4:  # single atoms, and pairs
            z, x = z[: 1 + i % 16 // 8], x[: 1 + i % 16 // 8]
        elif kind == 5:  # a radical: one atom is missing
            z, x = np.delete(z, a), np.delete(x, a, axis=0)
        elif kind == 6:  # without hydrogens
            z, x = z[z > 1], x[z > 1]
        else:  # an atom is of another element, and all lies far from the origin
            z[a] = rng.choice([n for n in (1, 6, 7, 8, 9) if n != z[a]])
            x += 1000.0
        texts.append(written(z, x, names))
    return texts


def compare(ask: Ask, *texts: str) -> None:
    """Assert that Python and the page say the same of files: each of one molecule, or refused."""
    answers, molecules = [], []
    for text in texts:
        found = ask(text)
        try:
            [molecule] = xyz.parse(text, "f")
        except DataError as error:
            assert found == {"error": str(error)}
            continue
        answers += found
        molecules.append(molecule)
    with jax.enable_x64(True):
        predicted = predict(molecules, labels=["H"])
    for one, other, expected in zip(answers, molecules, predicted, strict=True):
        assert tuple(one["symbols"]) == other.symbols
        assert (one["line"], one["comment"]) == (other.line, other.comment)
        np.testing.assert_array_equal(np.reshape(one["positions"], (-1, 3)), other.positions)
        assert one["warnings"] == expected["warnings"]
        value, error = expected["H (hartree)"], expected["uncertainty of H (kcal/mol)"]
        if value is None:
            assert one["value"] is None and one["uncertainty"] is None
            continue
        assert convert(abs(one["value"] - value), "hartree", "kcal/mol") < 1e-3
        assert one["uncertainty"] == pytest.approx(error, abs=1e-3)


def test_real_molecules(ask: Ask, qm9: QM9) -> None:
    """200 of them: of all sizes, and the smallest and the largest."""
    order = np.argsort(qm9.n_atoms, kind="stable")
    rows = [*order[:20], *order[-20:], *order[20 : -20 : len(order) // 159]][:200]
    assert len(rows) == 200
    molecules = [qm9[int(row)] for row in rows]
    compare(ask, *(written(one.atomic_numbers, one.positions) for one in molecules))


@pytest.mark.usefixtures("lenient")  # some of their energies are larger than any float32
def test_odd_molecules(ask: Ask, qm9: QM9) -> None:
    texts = odd_molecules(qm9)
    assert len(texts) == 200
    compare(ask, *texts)
    # They are odd: hardly one is predicted without a warning.
    quiet = [text for text in texts if not ask(text)[0]["warnings"]]
    assert len(quiet) < 30


def test_files_as_people_have_them(ask: Ask) -> None:
    comments = [comment for comment, *_ in COMMENTS + LATTICES + UNITS] + OTHER_UNITS
    compare(ask, *SPELLINGS, *(text for text, _ in WRONG))
    # Each by itself: the command line says of a lattice once how many others have one.
    for comment in comments:
        compare(ask, WATER.replace("water", comment))


def test_several_molecules_of_a_file(ask: Ask) -> None:
    text = WATER + "\n" + WATER.replace("water", "gdb 3 and more") + "1\n\nF 0 0 0\n"
    found = ask(text)
    assert [(m["line"], m["comment"]) for m in found] == [(1, "water"), (7, "gdb 3"), (12, "")]
    assert [m.line for m in xyz.parse(text)] == [1, 7, 12]


@given(st.text(alphabet="0123 .-+eEnaifHCOX\n\t*^", max_size=80))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text(ask: Ask, text: str) -> None:
    compare(ask, text)


@given(
    st.lists(st.sampled_from(["pos:R:3", "species:S:1", "forces:R:3", "id:I:1", "x"]), max_size=4),
    st.text(max_size=30).filter(lambda text: not set(text) & {"\n", "\r"}),
)
def test_any_comment(ask: Ask, columns: list[str], other: str) -> None:
    comment = f"Properties={':'.join(columns)} {other}" if columns else other
    compare(ask, f"2\n{comment}\nO 0 0 0 1 2 3 4\nH 0 0 0.96 1 2 3 4\n")


NUMBERS = [
    (0.125, 2),
    (0.375, 2),
    (2.675, 2),
    (1.005, 2),
    (0.25, 1),
    (0.75, 1),
    (12.5, 0),
    (1e-9, 2),
]


@pytest.mark.parametrize(("value", "digits"), NUMBERS)
def test_numbers_are_written_as_python_writes_them(value: float, digits: int) -> None:
    script = (live.SCRIPTS / "network.js").read_text(encoding="utf-8")
    program = f"{script}\nconsole.log(qm9Network.fixed({value!r}, {digits}));"
    done = subprocess.run([npm.node(), "-e", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"{value:.{digits}f}\n"


def test_the_page_has_the_weights_of_the_package() -> None:
    model = live.model()
    members = pretrained.load("H").members
    assert len(model["networks"]) == len(members) + 1
    size = sum(count for network in model["networks"] for _, count in network["tensors"])
    assert len(base64.b64decode(model["weights"])) == 4 * size


def test_molecules_to_begin_with() -> None:
    for name, number in live.MOLECULES.items():
        assert live.molecule(number).index == number, name
