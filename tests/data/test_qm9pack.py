import hashlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from qm9lib import SYMBOLS
from qm9lib.data import qm9pack
from qm9lib.data.qm9pack import parse_csv
from qm9lib.data.records import parse_record
from qm9lib.errors import DataError

DATA = Path(__file__).parents[1] / "files"

HEADER = b"XYZ_file,Index,SMILES,...\n"
ROW = (
    b'"dsgdb9nsd_000003.xyz",3,"O","InChI=1S/H2O/h1H2",3,"[2,0,0,1,0]","[\'O\',\'H\',\'H\']",'
    b'"[[-0.0343604951,0.9775395708,0.0076015923],[0.0647664923,0.0205721989,1.5E-6],'
    b'[0.8717903737,1.3007924048,0.]]","[-0.589706,0.294853,0.294853]","[1671.4222]",'
    b"799.58812,437.90386,282.94545,1.8511,6.31,-0.2928,0.0687,0.3615,19.0002,0.021375,"
    b"-76.404702,-76.401867,-76.400922,-76.422349,6.002\n"
)


def test_one_row_against_its_text() -> None:
    columns = parse_csv(HEADER + ROW)
    np.testing.assert_array_equal(columns["index"], [3])
    np.testing.assert_array_equal(columns["atomic_numbers"], [8, 1, 1])
    np.testing.assert_array_equal(
        columns["positions"],
        [
            [-0.0343604951, 0.9775395708, 0.0076015923],
            [0.0647664923, 0.0205721989, 1.5e-6],
            [0.8717903737, 1.3007924048, 0.0],
        ],
    )
    np.testing.assert_array_equal(columns["charges"], [-0.589706, 0.294853, 0.294853])
    assert columns["labels"].shape == (1, 16)
    assert columns["labels"][0, [0, 1, 13, 15]].tolist() == [3, 799.58812, -76.400922, 6.002]
    assert columns["smiles"].tolist() == ["O"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"[1671.4222]",', b"", "line 2: expected 8 quoted fields, found 7"),
        (b"'O','H','H'", b"'S','H','H'", "element 'S' is not one of H, C, N, O, F"),
        (b"0.294853,0.294853]", b"0.294853]", "found 2 charges in 1 lines, expected 3"),
        (b",6.002", b"", "found 14 properties in 1 lines, expected 15"),
    ],
)
def test_damaged_rows(old: bytes, new: bytes, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        parse_csv(HEADER + ROW.replace(old, new))


def test_text_that_is_no_number() -> None:
    with pytest.raises((DataError, DeprecationWarning), match="number|unmatched data"):
        parse_csv(HEADER + ROW.replace(b"0.294853", b"zero"))


def test_wrong_hash_names_both(tmp_path: Path) -> None:
    for name in qm9pack.FILES:
        (tmp_path / name).write_bytes(HEADER + ROW)
    found = hashlib.sha256(HEADER + ROW).hexdigest()
    with pytest.raises(DataError) as caught:
        qm9pack.read(tmp_path)
    message = str(caught.value)
    assert "qm9_part1.csv is not the file of qm9pack 1.0.3" in message
    assert f"its SHA-256 is {found}, expected 19f0a5d5" in message
    assert "pip install --force-reinstall qm9pack==1.0.3" in message


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*qm9_part1.csv: No such file .*reinstall"):
        qm9pack.read(tmp_path)


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qm9pack", None)
    monkeypatch.setattr(qm9pack.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install qm9pack==1.0.3` .*load_sample\(\)"):
        qm9pack.read()


def test_package_is_not_imported() -> None:
    qm9pack.installed_folder()
    assert "qm9pack" not in sys.modules


@pytest.mark.parametrize("path", sorted(DATA.glob("*.xyz")), ids=lambda path: path.stem)
def test_against_published_records(qm9, path: Path) -> None:
    record = parse_record(path.read_bytes())
    if record.index == 21490:  # one of the 3,054 uncharacterized molecules
        assert record.index not in qm9.index
        return
    molecule = qm9[int(np.searchsorted(qm9.index, record.index))]
    assert [SYMBOLS[int(z)] for z in molecule.atomic_numbers] == list(record.symbols)
    np.testing.assert_array_equal(molecule.positions, record.positions)
    np.testing.assert_array_equal(molecule.charges, record.charges)
    np.testing.assert_array_equal(molecule.labels, [record.index, *record.properties])
    assert molecule.smiles == record.smiles[0]
