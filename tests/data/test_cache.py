import errno
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import HANG

import qm9lib
from qm9lib import QM9
from qm9lib.data import cache, figshare, files, qm9pack, sources
from qm9lib.errors import DataError

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


@pytest.mark.parametrize("position", [0, 3, 40, *range(60, 1_000, 90), 5_000, -50_000, -1])
def test_damaged_file_is_said_and_built_again(
    small_cache: Path, sample: QM9, position: int
) -> None:
    qm9lib.load()
    path = small_cache / FILE
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.warns(
        UserWarning, match=f"{FILE} is damaged, or is not a file of qm9lib .*will be rebuilt"
    ):
        assert_same(qm9lib.load(), sample)
    assert path.read_bytes() != data
    assert_same(qm9lib.load(), sample)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 200, b"PK" + bytes(5_000)])
def test_foreign_or_truncated_file(small_cache: Path, sample: QM9, content: bytes) -> None:
    small_cache.mkdir()
    (small_cache / FILE).write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged, or is not a file of qm9lib"):
        assert_same(qm9lib.load(), sample)


def test_file_of_another_source_or_version_is_not_taken(small_cache: Path, sample: QM9) -> None:
    qm9lib.load()
    # A good file under a wrong name: the header tells which source and version it is of.
    other = cache.arrays_path("figshare")
    other.write_bytes((small_cache / FILE).read_bytes())
    with pytest.warns(UserWarning, match="its checksums do not match"):
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
        pytest.raises(DataError, match="remove the folder of this name, or set .*QM9LIB_CACHE"),
    ):
        qm9lib.load()


@pytest.mark.skipif(os.name == "nt", reason="no umask")
@given(st.sampled_from([0o000, 0o002, 0o022, 0o027, 0o077]), st.sampled_from([None, 0o600, 0o644]))
def test_files_have_the_usual_permissions(
    tmp_path_factory: pytest.TempPathFactory, umask: int, before: int | None
) -> None:
    """As any file that the user makes: of all at 022, of the group too at 002."""
    path = tmp_path_factory.mktemp("modes") / "file"
    if before is not None:
        path.touch(before)
    previous = os.umask(umask)
    try:
        with files.replacing(path) as temporary:
            temporary.write_text("text")
    finally:
        os.umask(previous)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.skipif(os.name == "nt", reason="no umask")
def test_arrays_can_be_read_by_a_class(small_cache: Path, tmp_path: Path) -> None:
    """Safetensors writes them for the user alone."""
    previous = os.umask(0o022)
    try:
        qm9lib.load()
        files.write_safetensors(tmp_path / "model", {"x": np.zeros(3)}, {"format": "x"})
    finally:
        os.umask(previous)
    for path in (small_cache / FILE, tmp_path / "model"):
        assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(os.name == "nt", reason="links need rights")
def test_of_a_link_the_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with files.replacing(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target").read_text() == "new"


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="no devices")
def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/null"), tmp_path / "pipe"):
        with (
            pytest.raises(DataError, match="it is not a regular file; name another file"),
            files.replacing(path) as temporary,
        ):
            temporary.write_text("new")
        with pytest.raises(DataError, match="it is not a regular file"):
            files.check_writable(path)
        assert not path.is_file()


def test_a_file_system_without_permissions(tmp_path: Path, monkeypatch) -> None:
    """Some network drives refuse to set them; the file is complete all the same."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "chmod", refuse)
    with files.replacing(tmp_path / "file") as temporary:
        temporary.write_text("text")
    assert (tmp_path / "file").read_text() == "text"


def test_threads_that_write_one_file(tmp_path: Path) -> None:
    """Both write at once, and one of them is there at the end, whole."""
    path, both = tmp_path / "file", threading.Barrier(2, timeout=HANG)

    def write(text: str) -> None:
        with files.replacing(path) as temporary:
            temporary.write_text(text[:5])
            both.wait()
            temporary.write_text(text)
            both.wait()

    with ThreadPoolExecutor(2) as pool:
        [*pool.map(write, ["a" * 9999, "b" * 9999])]
    assert path.read_text() in ("a" * 9999, "b" * 9999)
    assert [*tmp_path.iterdir()] == [path]


def test_names_of_any_length(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 255)
    with files.replacing(path) as temporary:
        temporary.write_text("text")
    assert path.read_text() == "text"
    with (
        pytest.raises(DataError, match="name too long; use a shorter name"),
        files.replacing(tmp_path / ("a" * 256)) as temporary,
    ):
        temporary.write_text("text")


NUMBERS = {
    errno.ENOSPC: "No space left on device; free some space (it takes 1 MB), or name another",
    errno.EDQUOT: "Disk quota exceeded; free some space (it takes 1 MB), or name another folder",
    errno.EACCES: "Permission denied; change its permissions, or name another folder",
    errno.EROFS: "Read-only file system; change its permissions, or name another folder",
    errno.ENOTDIR: "part of its path is a file; name another folder",
    errno.EISDIR: "Is a directory; remove the folder of this name, or name another file",
    errno.EIO: "Input/output error; name another folder",
}


@pytest.mark.skipif(sys.platform != "linux", reason="its words")
@pytest.mark.parametrize("number", NUMBERS)
def test_only_a_full_disk_needs_space(tmp_path: Path, number: int) -> None:
    with (
        pytest.raises(DataError) as caught,
        files.replacing(tmp_path / "file", "1 MB"),
    ):
        raise OSError(number, os.strerror(number))
    said = str(caught.value)
    assert said.startswith(f"cannot write {tmp_path / 'file'}: {NUMBERS[number]}")
    assert [*tmp_path.iterdir()] == []


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QM9LIB_CACHE", str(tmp_path))
    assert files.cache_folder() == tmp_path
    monkeypatch.delenv("QM9LIB_CACHE")
    assert files.cache_folder().name == "qm9lib"


@pytest.mark.parametrize("text", ["~/qm9", "$HOME/qm9", "${HOME}/qm9", " ~/qm9 ", "~/qm9\n"])
def test_cache_folder_as_a_shell_reads_it(monkeypatch, tmp_path: Path, text: str) -> None:
    """Variables of a settings file come without a shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("QM9LIB_CACHE", text)
    assert files.cache_folder() == tmp_path / "qm9"


@given(st.text(st.characters(exclude_characters="\0/~$%", exclude_categories=["Cs"]), max_size=20))
def test_cache_folder_that_is_none(text: str) -> None:
    """Whatever is no whole path: relative to what would it be?"""
    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(DataError, match="QM9LIB_CACHE is .*, expected the full path of a folder"),
    ):
        patch.setenv("QM9LIB_CACHE", text)
        files.cache_folder()


@pytest.mark.parametrize("text", ["", " ", "./qm9", "~nobody-of-this-name/x", "$NOT_SET_AT_ALL/x"])
def test_more_that_is_no_cache_folder(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.delenv("NOT_SET_AT_ALL", raising=False)
    monkeypatch.setenv("QM9LIB_CACHE", text)
    with pytest.raises(DataError, match="expected the full path of a folder, such as ~/qm9; or"):
        files.cache_folder()


def test_only_our_own_leftovers_go(small_cache: Path) -> None:
    ours = [
        "qm9-v2-qm9pack.safetensors.12ab_xyz.part", "qm9-v2.tfrecord.abcdefgh.part",
        "qm9-v1-figshare-all.safetensors.4711.part",
    ]  # fmt: skip
    others = [
        "film.mkv.part", "x.1.part", "qm9-v2-qm9pack.safetensors.part", ".part",
        "my-qm9-v2.tfrecord.abcdefgh.part", "qm9-v2.tfrecord.abcdefgh.part.old",
        "dsgdb9nsd.xyz.tar.bz2.part", "qm9.tfrecord.abcdefgh.part", "model.tfrecord.abcdefgh.part",
    ]  # fmt: skip
    small_cache.mkdir(exist_ok=True)
    for name in (*ours[:2], *others[:3]):
        (small_cache / name).mkdir()
        (small_cache / name / "within").touch()
    for name in (ours[2], *others[3:]):
        (small_cache / name).touch()
    with cache.exclusive():
        pass
    assert {path.name for path in small_cache.iterdir()} - {"lock"} == {*others}


@pytest.mark.skipif(os.name == "nt", reason="other locks")
def test_a_file_system_without_locks(small_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the oldest filelock, which gives up, and with the newest, which has another way."""

    def refuse(self: object, *_: object, **__: object) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(cache.FileLock, "acquire", refuse)
    with pytest.raises(
        DataError, match="its file system does not support locks. Set .* QM9LIB_CACHE to a"
    ):
        qm9lib.load()


def test_lock_is_taken_again_by_its_holder(small_cache: Path) -> None:
    with cache.exclusive() as folder:
        kept = folder / "qm9-v2.tfrecord.1.part"
        kept.write_text("being written")
        with cache.exclusive():
            assert kept.exists()
    with cache.exclusive():
        assert not kept.exists()  # nobody can be writing it: what a killed process left


HOLDING = """
import sys
from qm9lib.data import cache
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
        assert said == f"waiting for another process that is preparing data in {tmp_path}\n"
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


def test_a_fault_of_ours_is_not_called_a_damaged_cache(
    small_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    qm9lib.load()

    def fault(*_: object) -> None:
        raise TypeError("of ours")

    monkeypatch.setattr(cache, "digests", fault)
    with pytest.raises(TypeError, match="of ours"):
        qm9lib.load()


def test_a_variable_that_is_not_set_names_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QM9LIB_CACHE", f"{tmp_path}/$NOT_SET_AT_ALL/x")
    with pytest.raises(DataError, match="expected the full path of a folder"):
        files.cache_folder()


def test_a_link_in_the_cache_is_replaced_and_not_followed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sample: QM9
) -> None:
    monkeypatch.setenv("QM9LIB_CACHE", str(tmp_path / "cache"))
    other = tmp_path / "water.xyz"
    other.write_text("mine")
    path = cache.arrays_path("qm9pack")
    path.parent.mkdir()
    path.symlink_to(other)
    with pytest.warns(UserWarning, match="not a file of qm9lib"):
        assert cache.read_arrays("qm9pack") is None
    cache.write_arrays("qm9pack", {f.name: getattr(sample, f.name) for f in fields(sample)})
    assert other.read_text() == "mine" and not path.is_symlink()
    assert len(cache.read_arrays("qm9pack")["index"]) == 2000
