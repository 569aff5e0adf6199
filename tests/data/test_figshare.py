"""The archive as a whole; what can go wrong with it is in test_faults.py."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qm9lib import ATOM_REFERENCES, SYMBOLS
from qm9lib.data import figshare
from qm9lib.errors import DataError

ALL_RECORDS = """
import sys
from pathlib import Path

import make_archive
from qm9lib.data import archive, cache, qm9pack, verify
from qm9lib.data.records import format_record, parse_record


def checked():
    for name, text in make_archive.all_records():
        assert format_record(parse_record(text, name)).encode("ascii") == text, name
        yield name, text


path = Path(sys.argv[1]) / "all.tar.bz2"
# Small blocks: the processor's cache holds them, and they are read three times as fast.
make_archive.write(path, checked(), total=130_831, level=1)
columns = archive.read(path, 130_831)
assert cache.digests(columns) == cache.digests(qm9pack.read()) == verify.CONTENT
print(len(columns["index"]), "records round-trip and give the arrays of qm9pack")
"""


def test_all_records_round_trip_and_both_sources_agree(tmp_path: Path) -> None:
    """In a process of its own, where no array is checked twice: about a minute."""
    tools = Path(__file__).parents[2] / "tools"
    command = [sys.executable, "-c", ALL_RECORDS, str(tmp_path)]
    done = subprocess.run(command, cwd=tools, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "130831 records round-trip and give the arrays of qm9pack\n"


def test_the_table_of_published_files() -> None:
    """Sizes and hashes as in the API of figshare and the checksums of TensorFlow Datasets."""
    release = figshare.PUBLISHED
    assert [file.size for file in release.files] == [486_752, 964, 86_144_227]
    assert release.molecules - release.uncharacterized_molecules == 130_831
    for file in release.files:
        assert len(bytes.fromhex(file.sha256)) == 32
        assert len(file.urls) >= 2 and all(url.startswith("https://") for url in file.urls)
        # These two hosts answer scripts with 202 and nothing.
        assert not any("//figshare.com" in url or "springernature" in url for url in file.urls)


LIST = """
List of molecules for which the geometry and the bonds do not agree.

==========================================
#   Index          GDB17 SMILES       D_IJ
==========================================
      58           NC(=N)C#N      6.036217
      61           NC(=N)C=O      5.631463
==========================================
"""


def test_list_of_uncharacterized_molecules(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(LIST)
    assert figshare.read_uncharacterized(path) == {58, 61}
    path.write_text(LIST.replace("      61 ", "     x61 "))
    with pytest.raises(DataError, match="lists 'x61', expected the number of a molecule"):
        figshare.read_uncharacterized(path)
    path.write_text("<html>not found</html>")
    with pytest.raises(DataError, match="lists no molecule between two rules"):
        figshare.read_uncharacterized(path)


def test_atom_references_are_those_of_the_published_file() -> None:
    text = (Path(__file__).parents[1] / "files" / "atomref.txt").read_bytes()
    assert hashlib.sha256(text).hexdigest() == figshare.PUBLISHED.atom_references.sha256
    rows = {line.split()[0]: line.split()[1:] for line in text.decode().splitlines()[5:10]}
    for column, label in enumerate(("U0", "U", "H", "G"), start=1):
        for atomic_number, energy in ATOM_REFERENCES[label].items():
            assert float(rows[SYMBOLS[atomic_number]][column]) == energy
    assert np.all([float(row[0]) == 0 for row in rows.values()])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read .*No such file or directory; fetch it with `python -m qm9lib fetch"),
        (b"", "lists no molecule between two rules"),
        (b"\n\n", "lists no molecule between two rules"),
        (b"====\na\n====\n\n  \n====\n", "lists no molecule between two rules"),
        (b"====\na\n====\n12 x\n\nx y\n====\n", "lists 'x', expected the number of a molecule"),
        (b"====\na\n====\n" + b"9" * 5000 + b"\n====\n", "lists '9+', expected the number"),
        (b"\xff\xfe", "cannot read .*; fetch it with"),
    ],
)
def test_lists_of_uncharacterized_molecules(tmp_path, content, said) -> None:
    """As `verify` meets them, and a browser stores them."""
    path = tmp_path / "uncharacterized.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        figshare.read_uncharacterized(path)


def test_blank_lines_in_the_list_are_nothing(tmp_path) -> None:
    path = tmp_path / "uncharacterized.txt"
    path.write_text("====\n title\n====\n\n 12 a\n  \n 7 b\n====\n\n")
    assert figshare.read_uncharacterized(path) == {7, 12}


def test_only_folders_of_our_own_downloads_are_removed(tmp_path: Path) -> None:
    """What a killed process left has a name that is ours entirely."""
    for name in ("tmp_results", "qm9lib-download-abcdefgh", "qm9lib-download-mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / "tmpbackups1").touch()
    figshare._remove_leftovers(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"tmp_results", "tmpbackups1", "qm9lib-download-mine"}
