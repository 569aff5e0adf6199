from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm9lib import xyz
from qm9lib.cache import DataError
from qm9lib.dataset import QM9

WATER = "3\nwater\nO 0 0 0.12\nH 0 0.76 -0.48\nH 0 -0.76 -0.48\n"


def test_one_molecule() -> None:
    [water] = xyz.parse(WATER)
    assert water == (
        1,
        "water",
        ("O", "H", "H"),
        ((0, 0, 0.12), (0, 0.76, -0.48), (0, -0.76, -0.48)),
    )
    assert water.formula == "H2O" and water.foreign == []


@pytest.mark.parametrize(
    "text",
    [
        WATER.replace("\n", "\r\n"),
        WATER.replace(" ", "\t"),
        WATER.replace("O 0", "o  0.").replace("H 0 0.76", " h 0e0 7.6E-1 "),
        WATER.replace("0.12\n", "0.12 -0.7 more words\n"),
        WATER + "\n \n",
        WATER.rstrip("\n"),
        WATER.replace("0.12", "1.2*^-1"),
        WATER.replace("water", "wa\x0cter"),
    ],
)
def test_spellings_of_the_same(text: str) -> None:
    [water] = xyz.parse(text)
    assert water.symbols == ("O", "H", "H")
    assert water.positions == xyz.parse(WATER)[0].positions


def test_several_molecules_and_an_empty_comment() -> None:
    first, second, third = xyz.parse(WATER + "1\n\nF 0 0 0\n" + WATER)
    assert (first.line, second.line, third.line) == (1, 6, 9)
    assert (second.comment, second.formula, third.comment) == ("", "F", "water")


def test_a_record_of_qm9_is_read_too(sample: QM9) -> None:
    record = Path(__file__).with_name("data") / "dsgdb9nsd_000005.xyz"
    [hcn] = xyz.read(record)
    assert (hcn.comment, hcn.formula) == ("gdb 5", "CHN")
    np.testing.assert_array_equal(hcn.positions, sample[4].positions)
    # An edited one is no longer a record, and its frequencies are no second molecule.
    with pytest.raises(DataError, match="line 6: found .* expected the number of atoms"):
        xyz.parse(record.read_text().replace("0.0141537903", "0.01410"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f is empty: expected the number of atoms in its first line"),
        (" \n\n", "f is empty"),
        ("water\n" + WATER, "f, line 1: found 'water', expected the number of atoms of a molecule"),
        ("0\nnothing\n", "f, line 1: found '0', expected .* from 1 to 1,000"),
        ("-3\n\n", "f, line 1: found '-3'"),
        ("³\n\n", "f, line 1: found '³'"),
        ("1001\n\n", "f, line 1: found '1001'"),
        ("3", "f ends after 0 of the 3 atoms that line 1 announces"),
        (WATER[:-20], "f ends after 2 of the 3 atoms|f, line 5"),
        (WATER.replace("3", "4", 1), "f ends after 3 of the 4 atoms that line 1 announces"),
        (WATER.replace("3", "2", 1), "f, line 5: found 'H 0 -0.76 -0.48', expected the number"),
        (WATER.replace("O", "Xx"), "f, line 3: 'Xx' is no chemical element; expected a symbol"),
        (WATER.replace("O", "8"), "f, line 3: '8' is no chemical element"),
        (WATER.replace("0.12", "nan"), "f, line 3: z is 'nan', expected a finite number of Å"),
        (WATER.replace("0.12", "inf"), "f, line 3: z is 'inf'"),
        (WATER.replace("0.12", "1e999"), "f, line 3: z is '1e999'"),
        (WATER.replace("0.12", "far"), "f, line 3: z is 'far'"),
        (WATER.replace("O 0 0 0.12", "O 0 0"), "f, line 3: found 'O 0 0', expected an element and"),
        (WATER.replace("-0.76", "0.76"), r"f, line 5: .* that of line 4 \(0.000 Å apart\)"),
        ("9" * 9999 + "\n\n", r"f, line 1: found '9{40}\.\.\.'"),
        (WATER.replace("0.12", "1_0.0"), "f, line 3: z is '1_0.0'"),
        (WATER.replace("O", "ſ"), "f, line 3: 'ſ' is no chemical element"),
        ("9" * 100 + "\n\n", r"f, line 1: found '9{40}\.\.\.'"),
    ],
)
def test_what_is_wrong_is_told(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        xyz.parse(text, "f")


@given(st.text(alphabet="0123 .-+eEnaifHCOX\n\t*^", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        molecules = xyz.parse(text)
    except DataError as error:
        assert str(error).startswith("file")
    else:
        assert molecules and all(np.isfinite(m.positions).all() for m in molecules)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read .*nothing: No such file or directory"):
        xyz.read(tmp_path / "nothing")
    with pytest.raises(DataError, match="cannot read .*: Is a directory"):
        xyz.read(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="binary is not a text file"):
        xyz.read(tmp_path / "binary")


def test_molecules_of_the_models(sample: QM9) -> None:
    texts = []
    for molecule in sample[:20]:
        symbols = [xyz._SYMBOLS[z - 1] for z in molecule.atomic_numbers]
        rows = (
            f"{s} {x!r} {y!r} {z!r}\n"
            for s, (x, y, z) in zip(symbols, molecule.positions.tolist(), strict=True)
        )
        texts.append(f"{len(molecule)}\n\n{''.join(rows)}")
    again = xyz.to_qm9(xyz.parse("".join(texts)))
    for one, other in zip(again, sample[:20], strict=True):
        centred = other.positions - other.positions.mean(axis=0)
        np.testing.assert_allclose(one.positions, centred, atol=1e-12)
    np.testing.assert_array_equal(again.atomic_numbers, sample[:20].atomic_numbers)
    np.testing.assert_array_equal(again.offsets, sample[:20].offsets)
    assert [m.formula for m in again] == [m.formula for m in xyz.parse("".join(texts))]


def test_elements_outside_qm9() -> None:
    [molecule] = xyz.parse("3\n\nS 0 0 0\nSi 0 0 2\nC 0 0 4\n")
    assert molecule.foreign == ["S", "Si"] and molecule.formula == "CSSi"
    with pytest.raises(ValueError, match="S, Si is not among H, C, N, O and F"):
        xyz.to_qm9([molecule])
