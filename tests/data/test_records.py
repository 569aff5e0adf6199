from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import make_archive
from qm9lib.data.records import Record, format_record, parse_record
from qm9lib.errors import RecordError

DATA = Path(__file__).parents[1] / "files"


@pytest.fixture
def ethane() -> str:
    return (DATA / "dsgdb9nsd_000007.xyz").read_text(encoding="ascii")


@pytest.mark.parametrize("path", sorted(DATA.glob("*.xyz")), ids=lambda path: path.stem)
def test_published_records_against_plain_reading(path: Path) -> None:
    text = path.read_bytes()
    lines = text.decode("ascii").splitlines()
    n = int(lines[0])
    atoms = [line.split() for line in lines[2 : 2 + n]]
    assert parse_record(text) == Record(
        index=int(lines[1].split()[1]),
        properties=tuple(float(word) for word in lines[1].split()[2:]),
        symbols=tuple(atom[0] for atom in atoms),
        positions=tuple((float(x), float(y), float(z)) for _, x, y, z, _ in atoms),
        charges=tuple(float(atom[4]) for atom in atoms),
        frequencies=tuple(float(word) for word in lines[2 + n].split()),
        smiles=tuple(lines[3 + n].split()),
        inchi=tuple(lines[4 + n].split()),
    )
    assert format_record(parse_record(text)).encode("ascii") == text


def test_without_the_last_line_end(ethane: str) -> None:
    record = parse_record(ethane[:-1])
    assert not record.line_end and format_record(record) == ethane[:-1]


@pytest.mark.parametrize(
    ("spelling", "value"),
    [("1.2*^-6", 1.2e-6), ("1.*^-8", 1e-8), ("-9.9614*^-6", -9.9614e-6), ("0.00001", 1e-5),
     ("-0.", 0.0), ("10.0123456789", 10.0123456789), ("0.0000123", 1.23e-5)],
)  # fmt: skip
def test_spellings_of_a_coordinate(ethane: str, spelling: str, value: float) -> None:
    padded = spelling if spelling.startswith("-") else f" {spelling}"
    text = ethane.replace("-0.0187040036", padded)
    record = parse_record(text)
    assert record.positions[0][0] == value
    assert format_record(record) == text


def test_whole_numbers_stay_whole(ethane: str) -> None:
    text = ethane.replace("80.46225", "0", 1)
    record = parse_record(text)
    assert isinstance(record.properties[0], int) and format_record(record) == text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("8\n", "8.\n", "line 1, column 1: found '8.', expected the number of atoms"),
        ("8\n", "9\n", "line 11, column 1: found '308.9725', expected an element: H, C, N, O or F"),
        ("8\n", "7\n", "line 10, column 1: found 'H', expected a frequency: a number such as"),
        ("gdb 7", "gdb 07", "line 2, column 1: found 'gdb 07', expected gdb and the number of"),
        ("\t23.95\t", "\t\t", "line 2, column 37: found nothing, expected alpha: a number such"),
        ("10.098\t", "10.098", "line 2, column 133: found the end of the line, expected a tab and"),
        ("10.098", "10.098\t1.", "line 2, column 134: found '1.', expected the end of the line"),
        ("C\t-0.01", "S\t-0.01", "line 3, column 1: found 'S', expected an element: H, C, N, O or"),
        ("-0.0187040036", "0.5", "column 3: found '0.5', expected x: a minus sign or a space, and"),
        (" 1.5255820146", " 1.5E-1", "line 3, column 17: found ' 1.5E-1', expected y: a minus"),
        (" 0.0104328082", " 0.010", "line 3, column 31: found ' 0.010', expected z: .* zeros at"),
        ("-0.345672", "-nan", "line 3, column 45: found '-nan', expected Mulliken charge: a minus"),
        ("\t-0.345672", "", "line 3, column 44: found the end of the line, expected a tab and"),
        ("\t3111.5421", "", "line 11, column 1: found 17 frequencies, expected 18 or 19 or 36"),
        ("CC\tCC\t", "CC\tCC", "line 12, column 6: found the end of the line, expected a tab"),
        ("InChI=", "InChi=", "line 13, column 1: found 'InChi=1S/C2H6/c1-2/h1-2H3', expected an"),
        ("h1-2H3\n", "h1-2H3\n\n", "line 14, column 1: found another line, expected the end of"),
        ("8\n", "8\r\n", r"line 1, column 1: found '8\\r', expected the number of atoms"),
        ("CC\t", "C\u00e9\t", "line 12, column 1: found 'C\u00e9', expected a SMILES"),
    ],
)  # fmt: skip
def test_each_defect_has_its_place(ethane: str, old: str, new: str, message: str) -> None:
    assert old in ethane
    with pytest.raises(RecordError, match=rf"^seven\.xyz, .*{message}"):
        parse_record(ethane.replace(old, new, 1).encode("latin-1"), "seven.xyz")


@pytest.mark.parametrize("length", [0, 1, 40, 200, 500])
def test_cut_records(ethane: str, length: int) -> None:
    with pytest.raises(RecordError, match=r"^record, line \d+, column \d+: found "):
        parse_record(ethane[:length])


def test_long_rubbish_is_refused_at_once(ethane: str) -> None:
    with pytest.raises(RecordError, match=r"found '1{40}\.\.\.', expected x"):
        parse_record(ethane.replace("-0.0187040036", "1" * 1_000_000))


def test_records_of_qm9pack_round_trip() -> None:
    """The spelling of qm9pack, which no number has gone through; test_figshare takes all."""
    records = list(islice(make_archive.all_records(), 2_000))
    for name, text in records:
        record = parse_record(text, name)
        assert name == f"dsgdb9nsd_{record.index:06}.xyz"
        assert format_record(record).encode("ascii") == text
    # Molecule 29 has its frequencies twice; 25 the whole number 0 as its A.
    by_number = {parse_record(text).index: parse_record(text) for _, text in records}
    twice = by_number[29]
    assert len(twice.frequencies) == 2 * (3 * len(twice.symbols) - 6)
    assert isinstance(by_number[25].properties[0], int)


def test_records_agree_with_the_arrays(qm9) -> None:
    for (_, text), molecule in zip(make_archive.all_records(), qm9[:500], strict=False):
        record = parse_record(text)
        np.testing.assert_array_equal(molecule.positions, record.positions)
        np.testing.assert_array_equal(molecule.labels, [record.index, *record.properties])
