import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from limits import HANG

import qm9lib
from qm9lib import cache, figshare, qm9pack, sources
from qm9lib.cache import DataError
from qm9lib.dataset import QM9

FILE = "qm9-v2-qm9pack.safetensors"


@pytest.fixture
def small_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and the sample in place of the large CSV files."""
    monkeypatch.setenv("QM9LIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(qm9pack, "read", qm9pack.read_sample)
    return tmp_path / "cache"


def assert_same(found: QM9, expected: QM9) -> None:
    for name in QM9.__dataclass_fields__:
        array = getattr(found, name)
        np.testing.assert_array_equal(array, getattr(expected, name))
        assert array.dtype == getattr(expected, name).dtype


def test_round_trip(small_cache: Path, sample: QM9, monkeypatch: pytest.MonkeyPatch) -> None:
    qm9lib.load()
    assert {path.name for path in small_cache.iterdir()} <= {FILE, "lock"}
    monkeypatch.setattr(qm9pack, "read", lambda: pytest.fail("the cache was not used"))
    assert_same(qm9lib.load(), sample)
    assert_same(qm9lib.load("qm9pack"), sample)


def test_arrays_are_mapped_not_copied(small_cache: Path) -> None:
    base = qm9lib.load().positions
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)


@pytest.mark.parametrize("position", [0, 3, 40, 200, 900, 5_000, -50_000, -1])
def test_damaged_file_is_said_and_built_again(
    small_cache: Path, sample: QM9, position: int
) -> None:
    qm9lib.load()
    path = small_cache / FILE
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.warns(UserWarning, match=f"{FILE} is damaged, or no file of qm9lib .*built again"):
        assert_same(qm9lib.load(), sample)
    assert path.read_bytes() != data
    assert_same(qm9lib.load(), sample)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 200, b"PK" + bytes(5_000)])
def test_foreign_or_truncated_file(small_cache: Path, sample: QM9, content: bytes) -> None:
    small_cache.mkdir()
    (small_cache / FILE).write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged, or no file of qm9lib"):
        assert_same(qm9lib.load(), sample)


def test_file_of_another_source_or_version_is_not_taken(small_cache: Path, sample: QM9) -> None:
    qm9lib.load()
    # A good file under a wrong name: the header tells which source and version it is of.
    other = cache.arrays_path("figshare")
    other.write_bytes((small_cache / FILE).read_bytes())
    with pytest.warns(UserWarning, match="its checksums do not agree"):
        assert cache.read_arrays("figshare") is None
    newer = small_cache / "qm9-v3-qm9pack.safetensors"
    newer.write_bytes(b"of a version to come")
    assert_same(qm9lib.load(), sample)
    assert newer.read_bytes() == b"of a version to come"


def test_file_that_cannot_be_written(small_cache: Path) -> None:
    small_cache.write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot write .*QM9LIB_CACHE"):
        qm9lib.load()
    small_cache.unlink()
    cache.arrays_path("qm9pack").mkdir(parents=True)
    with (
        pytest.warns(UserWarning, match="is damaged"),
        pytest.raises(DataError, match="takes 110 MB.*QM9LIB_CACHE"),
    ):
        qm9lib.load()


def test_written_file_can_be_read_by_a_class(small_cache: Path) -> None:
    qm9lib.load()
    assert (small_cache / FILE).stat().st_mode & 0o444 == 0o444


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QM9LIB_CACHE", str(tmp_path))
    assert cache.cache_folder() == tmp_path
    monkeypatch.delenv("QM9LIB_CACHE")
    assert cache.cache_folder().name == "qm9lib"


def test_lock_is_taken_again_by_its_holder(small_cache: Path) -> None:
    with cache.exclusive() as folder:
        kept = folder / "x.1.part"
        kept.write_text("being written")
        with cache.exclusive():
            assert kept.exists()
    with cache.exclusive():
        assert not kept.exists()  # nobody can be writing it: what a killed process left


HOLDING = """
import sys
from qm9lib import cache
with cache.exclusive():
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.timing
def test_a_second_process_says_that_it_waits(tmp_path: Path) -> None:
    """And goes on when the first one, which waits for a line, lets go."""
    environment = os.environ | {"QM9LIB_CACHE": str(tmp_path)}

    with ExitStack() as stack:

        def started(**pipes: int) -> subprocess.Popen[str]:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", HOLDING], env=environment, text=True,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, **pipes,
                )
            )  # fmt: skip
            stack.callback(process.kill)  # before it is waited for
            return process

        first = started()
        assert first.stdout.readline() == "held\n"
        second = started(stderr=subprocess.PIPE)
        said = second.stderr.readline()
        assert said == f"waiting for another process that prepares data in {tmp_path}\n"
        assert second.poll() is None
        assert first.communicate("\n", timeout=HANG) == ("", None)
        assert second.communicate("\n", timeout=HANG) == ("held\n", "")
    assert (first.returncode, second.returncode) == (0, 0)


# Which source ----------------------------------------------------------------------------------


@pytest.fixture
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QM9LIB_CACHE", str(tmp_path))
    monkeypatch.setattr(qm9pack, "is_installed", lambda: False)


@pytest.mark.usefixtures("nothing_here")
def test_where_nothing_is_here_the_choices_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        qm9lib.load()
    for choice in (
        "`pip install qm9pack==1.0.3`", "python -m qm9lib fetch", 'load("figshare")',
        "qm9lib.load_sample()",
    ):  # fmt: skip
        assert choice in str(caught.value)
    with pytest.raises(DataError, match=r'load\("figshare", keep_uncharacterized=True\)'):
        qm9lib.load(keep_uncharacterized=True)


@pytest.mark.usefixtures("nothing_here")
def test_auto_downloads_only_when_asked_to_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figshare, "read", lambda keep_uncharacterized: qm9pack.read_sample())
    with pytest.raises(DataError):
        sources.columns("auto")
    assert len(sources.fetch("auto")["index"]) == 2_000
    assert len(qm9lib.load()) == 2_000  # what was fetched is found now


def test_fetch_takes_what_is_in_the_cache(
    small_cache: Path, sample: QM9, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where qm9pack, which it came from, is not installed any more."""
    qm9lib.load()
    monkeypatch.setattr(qm9pack, "is_installed", lambda: False)
    monkeypatch.setattr(figshare, "fetch", lambda: pytest.fail("the archive was fetched"))
    assert_same(QM9(**sources.fetch()), sample)


def test_sources_that_do_not_have_it(sample: QM9) -> None:
    assert_same(qm9lib.load("sample"), sample)
    with pytest.raises(ValueError, match="unknown source 'web'; use one of: auto, qm9pack, fig"):
        qm9lib.load("web")
    with pytest.raises(DataError, match="qm9pack does not have the uncharacterized molecules"):
        qm9lib.load("qm9pack", keep_uncharacterized=True)
