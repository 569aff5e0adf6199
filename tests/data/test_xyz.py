import codecs
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xyz_files import COMMENTS, LATTICES, OTHER_UNITS, SPELLINGS, UNITS, WATER, WRONG

from qm9lib import QM9
from qm9lib.data import xyz
from qm9lib.errors import DataError


def test_one_molecule() -> None:
    [water] = xyz.parse(WATER)
    assert water == (
        1,
        "water",
        ("O", "H", "H"),
        ((0, 0, 0.12), (0, 0.76, -0.48), (0, -0.76, -0.48)),
    )
    assert water.formula == "H2O" and water.foreign == []


@pytest.mark.parametrize("text", SPELLINGS)
def test_spellings_of_the_same(text: str) -> None:
    [water] = xyz.parse(text)
    assert water.symbols == ("O", "H", "H")
    assert water.positions == xyz.parse(WATER)[0].positions


def test_several_molecules_and_an_empty_comment() -> None:
    first, second, third = xyz.parse(WATER + "1\n\nF 0 0 0\n" + WATER)
    assert (first.line, second.line, third.line) == (1, 6, 9)
    assert (second.comment, second.formula, third.comment) == ("", "F", "water")


def test_a_record_of_qm9_is_read_too(sample: QM9) -> None:
    record = Path(__file__).parents[1] / "files" / "dsgdb9nsd_000005.xyz"
    [hcn] = xyz.read(record)
    assert (hcn.comment, hcn.formula) == ("gdb 5", "CHN")
    np.testing.assert_array_equal(hcn.positions, sample[4].positions)
    # Neither in an edited one nor in several are the frequencies a second molecule.
    text = record.read_text()
    several = xyz.parse(text + text.replace("0.0141537903", "0.01410") + "\n" + text + WATER)
    assert [m.line for m in several] == [1, 9, 18, 26]
    assert [m.formula for m in several] == ["CHN", "CHN", "CHN", "H2O"]
    assert several[0].positions == several[2].positions == hcn.positions
    assert (hcn.charge, hcn.multiplicity) == (None, None)


@pytest.mark.parametrize(("text", "message"), WRONG)
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
    for content, said in (
        (b"\xff\xfe\x00", "it begins like UTF-16, but byte 2 is not valid"),
        (b"\xef\xbb\xbf3\n\xff", "it begins like UTF-8-SIG, but byte 2 is not valid"),
        (WATER.encode("utf-16-le"), "expected UTF-8, Latin-1, or UTF-16 with a byte order mark"),
        (bytes(9999), "is not a text file"),
    ):
        (tmp_path / "binary").write_bytes(content)
        with pytest.raises(DataError, match=said):
            xyz.read(tmp_path / "binary")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no file here is without an end")
@pytest.mark.parametrize("path", ["/dev/zero", "/dev/full"])
def test_files_without_an_end(path: str) -> None:
    with pytest.raises(DataError, match=f"{path} has more than 64,000,000 bytes: split it"):
        xyz.read(path)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-32", "cp1252"]
)
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = WATER.replace("water", "Wasser, Abstände in Ångström")
    (tmp_path / "water.xyz").write_bytes(text.encode(encoding))
    [water] = xyz.read(tmp_path / "water.xyz")
    assert water == xyz.parse(text)[0]


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content) -> None:
    file = tmp_path_factory.getbasetemp() / "any.xyz"
    file.write_bytes(content)
    try:
        assert xyz.read(file)
    except DataError as error:
        assert str(error).startswith(str(file))


OTHERS = {
    "forces": ("R", 3),
    "charge": ("R", 1),
    "initial": ("R", 3),
    "id": ("I", 1),
    "t": ("S", 1),
}


@given(st.permutations(["species", "pos", *OTHERS]), st.sampled_from(['"', "'", ""]))
def test_any_order_of_columns(order: list[str], quote: str) -> None:
    """As `Properties` says, so the columns are read, whatever stands between them."""
    kinds = {"species": ("S", 1), "pos": ("R", 3), **OTHERS}
    described = ":".join(f"{name}:{kinds[name][0]}:{kinds[name][1]}" for name in order)
    rows = []
    for number, line in enumerate(WATER.splitlines()[2:]):
        symbol, *position = line.split()
        cells = {"species": symbol, "pos": " ".join(position)}
        rows.append(
            " ".join(
                cells.get(name) or " ".join(f"{number}.{i}" for i in range(kinds[name][1]))
                for name in order
            )
        )
    text = "\n".join(["3", f"a=1 Properties={quote}{described}{quote} b=2", *rows])
    [water] = xyz.parse(text)
    assert water[2:] == xyz.parse(WATER)[0][2:]


@pytest.mark.parametrize(("comment", "charge", "multiplicity"), COMMENTS)
def test_what_comments_tell(comment: str, charge: int | None, multiplicity: int | None) -> None:
    text = "1\n" + comment + "\nF 0 0 0 0\n"
    [atom] = xyz.parse(text)
    assert (atom.charge, atom.multiplicity) == (charge, multiplicity)


@pytest.mark.parametrize(("comment", "periodic"), LATTICES)
def test_lattices(comment: str, periodic: bool) -> None:
    assert xyz.parse(f"1\n{comment}\nF 0 0 0\n")[0].periodic is periodic


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


@pytest.mark.parametrize(
    "comment",
    [
        '{"charge": 2, "multiplicity": 3}',
        "net_charge=2 mul 3",
        "chrg=2 mult=3",
        "gdb charge=2 mult=3",
    ],
)
def test_more_spellings_of_a_charge(comment: str) -> None:
    [found] = xyz.parse(f"1\n{comment}\nO 0 0 0\n")
    assert (found.charge, found.multiplicity) == (2, 3)


def test_columns_in_json_are_obeyed() -> None:
    comment = '{"Properties": "species:S:1:forces:R:3:pos:R:3"}'
    [found] = xyz.parse(f"1\n{comment}\nO 9 9 9 1 2 3\n")
    assert found.positions == ((1.0, 2.0, 3.0),)


@pytest.mark.parametrize(("comment", "unit", "factor"), UNITS)
def test_other_units_are_refused(comment: str, unit: str, factor: str) -> None:
    said = f"line 2: the comment says the coordinates are in {unit}, expected Å: .* {factor},"
    with pytest.raises(DataError, match=said):
        xyz.parse(f"1\n{comment}\nO 0 0 0\n")


@pytest.mark.parametrize("comment", OTHER_UNITS)
def test_units_of_other_things_are_none_of_ours(comment: str) -> None:
    assert len(xyz.parse(f"1\n{comment}\nO 0 0 0\n")) == 1


def test_a_file_has_not_too_many_molecules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xyz, "_MOST_MOLECULES", 2)
    assert len(xyz.parse(2 * WATER)) == 2
    with pytest.raises(DataError, match="file has more than 2 molecules: split it into several"):
        xyz.parse(3 * WATER)


# Of what all of these encodings have; the comment is one line, and tells of nothing.
LETTERS = st.text(st.characters(codec="cp1252", exclude_categories=["Cc", "Zl", "Zp"]), max_size=20)


@given(LETTERS, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le"]))
def test_any_comment_in_any_encoding(tmp_path_factory, letters: str, encoding: str) -> None:
    file = tmp_path_factory.getbasetemp() / "commented.xyz"
    comment = f"name: {letters}."
    mark = codecs.BOM_UTF16_LE if encoding == "utf-16-le" else b""
    file.write_bytes(mark + f"1\n{comment}\nO 0 0 0\n".encode(encoding))
    [atom] = xyz.read(file)
    assert atom.comment == comment


@pytest.mark.parametrize("key", ["note", "comment", "Comment-2"])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_columns_that_a_quoted_value_names_are_none(key: str, quote: str) -> None:
    other = "was Properties=species:S:1:vel:R:3:pos:R:3"
    for comment in (
        f"{key}={quote}{other}{quote} Properties=species:S:1:pos:R:3:vel:R:3",
        f"Properties=species:S:1:pos:R:3:vel:R:3 {key}={quote}{other}{quote}",
        f"{key}={quote}{other}{quote}",
    ):
        [found] = xyz.parse(f"1\n{comment}\nO 1 2 3 9 9 9\n")
        assert found.positions == ((1.0, 2.0, 3.0),)
