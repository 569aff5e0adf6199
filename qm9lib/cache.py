"""Files that are never half-written: the cache folder, its lock, and a file of arrays.

A file is written under a temporary name and renamed when it is complete. What it holds is checked
by SHA-256 when it is read, and one process at a time writes to the folder.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import platformdirs
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from qm9lib.columns import Columns

KINDS = ("qm9pack", "figshare", "figshare-all")
"""The files of arrays: their source, and whether the uncharacterized molecules are in them."""

_FORMAT = "qm9-v2"  # in the name and inside: another version writes another file

# What a killed process leaves of a file of the cache, and of no other: the folder may be anybody's.
_LEFTOVER = re.compile(
    r"qm9-v\d+(?:-[a-z0-9]+)*\.(?:safetensors|tfrecord)\.(?:\d+|[a-z0-9_]{8})\.part"
)


class DataError(ValueError):
    """Data that is missing, damaged or not what it should be; the message says what to do."""


def cache_folder() -> Path:
    """Return the folder of all cache files: ``QM9LIB_CACHE``, or the platform's usual place.

    In the variable ``~`` and other variables are replaced as a shell does it.

    Raises
    ------
    DataError
        If the variable is set and does not name a folder by its whole path.
    """
    given = os.environ.get("QM9LIB_CACHE")
    if given is None:
        return Path(platformdirs.user_cache_dir("qm9lib"))
    folder = os.path.expanduser(os.path.expandvars(given.strip()))
    if not os.path.isabs(folder):
        raise DataError(
            f"the environment variable QM9LIB_CACHE is {given!r}, expected the whole path of a "
            "folder, such as ~/qm9; or unset it for the usual place"
        )
    return Path(folder)


@contextmanager
def exclusive() -> Iterator[Path]:
    """Hold the lock of the cache folder: of many processes one fetches and builds, once.

    A process that was killed leaves its lock to the next one, which removes what is half-written.

    Yields
    ------
    Path
        The cache folder, which exists now.

    Raises
    ------
    DataError
        If the folder cannot be made or written to; the message says what to do.
    """
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock", is_singleton=True)  # the same thread may take it again
        try:
            lock.acquire(timeout=1)
        except Timeout:
            print(f"waiting for another process that prepares data in {folder}", file=sys.stderr)
            lock.acquire()
    except OSError as error:
        raise refused(folder, error) from error
    except NotImplementedError as error:  # how filelock says that there is no flock
        raise DataError(
            f"cannot lock {folder}: its file system has no locks. Set the environment variable "
            "QM9LIB_CACHE to a folder of another one, such as that of your own disk"
        ) from error
    try:
        if lock.lock_counter == 1:
            for leftover in folder.iterdir():
                if _LEFTOVER.fullmatch(leftover.name):
                    if leftover.is_dir():
                        shutil.rmtree(leftover, ignore_errors=True)
                    else:  # of an earlier version
                        leftover.unlink(missing_ok=True)
        yield folder
    finally:
        lock.release()


@contextmanager
def replacing(path: Path, size: str | None = None) -> Iterator[Path]:
    """Write a file in a temporary folder beside it, then move it: no reader ever sees half a file.

    It gets the permissions that any new file of the user gets. Of a symbolic link the target is
    replaced.

    Parameters
    ----------
    path
        File to write or replace; its folder is made if there is none.
    size
        What it takes, for the error message.

    Yields
    ------
    Path
        Where to write. It is moved at the end, or removed after any exception.

    Raises
    ------
    DataError
        If the system refuses; the message says what to do.
    """
    try:
        path = _ordinary(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=path.parent, prefix=f"{path.name[-50:]}.", suffix=".part"
        ) as folder:
            temporary = Path(folder, path.name)
            yield temporary
            _give_usual_permissions(temporary)
            os.replace(temporary, path)
    except OSError as error:
        raise refused(path, error, size) from error


def _give_usual_permissions(path: Path) -> None:
    """Do so where a library wrote a file for the user alone; a new one tells what is usual."""
    other = path.with_name("usual")
    other.touch()
    if other.stat().st_mode != path.stat().st_mode:
        try:
            os.chmod(path, stat.S_IMODE(other.stat().st_mode))
        except OSError:  # a file system without permissions
            pass


def _ordinary(path: Path) -> Path:
    """Follow links; raise an error for a device or pipe, which a file must not replace."""
    if path.is_symlink():
        path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file() and not path.is_dir():
        raise DataError(f"cannot write {path}: it is no ordinary file; name another file")
    return path


def refused(path: Path, error: OSError, size: str | None = None) -> DataError:
    """Return the error for a file or folder that the system does not let us write."""
    remedy = "name another file" if error.errno == errno.EISDIR else "name another folder"
    if path == cache_folder() or cache_folder() in path.parents:
        remedy = "set the environment variable QM9LIB_CACHE to a folder that can be written"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        takes = f" (it takes {size})" if size else ""
        remedy = f"free some space{takes}, or {remedy}"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        remedy = f"allow it, or {remedy}"
    elif error.errno == errno.ENAMETOOLONG:
        remedy = "take a shorter name"
    elif error.errno == errno.EISDIR:
        remedy = f"remove the folder of this name, or {remedy}"
    return DataError(f"cannot write {path}: {error.strerror or error}; {remedy}")


def check_writable(path: Path) -> None:
    """Raise now, before long work, the error with which `replacing` would end it."""
    try:
        path = _ordinary(path)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise refused(path, error) from error


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def arrays_name(kind: str) -> str:
    """Return the name of the file of arrays of a kind."""
    return f"{_FORMAT}-{kind}.safetensors"


def arrays_path(kind: str) -> Path:
    """Return the path of the file of arrays of a kind, whether it exists or not."""
    return cache_folder() / arrays_name(kind)


def digests(columns: Columns) -> dict[str, str]:
    """Return the SHA-256 of each array, computed side by side (hashing releases the lock)."""

    def digest(array: np.ndarray) -> str:
        return hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).data).hexdigest()

    # The largest first: with two threads the rest is done while it runs.
    names = sorted(columns, key=lambda name: -columns[name].nbytes)
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(names, pool.map(lambda name: digest(columns[name]), names), strict=True))


def write_arrays(kind: str, columns: Columns) -> None:
    """Write the arrays as a safetensors file, with version, kind and digests in its header.

    Parameters
    ----------
    kind
        One of ``KINDS``.
    columns
        The arrays of a `qm9lib.QM9`.

    Raises
    ------
    DataError
        If the file cannot be written; nothing is left of it.
    """
    arrays = dict(columns)
    # safetensors knows no text: the code points of `<U28` are an (molecules, 28) uint32 array.
    arrays["smiles"] = columns["smiles"].view(np.uint32).reshape(len(columns["smiles"]), -1)
    metadata = {"format": _FORMAT, "kind": kind, **digests(arrays)}
    write_safetensors(arrays_path(kind), arrays, metadata, "110 MB")


def write_safetensors(
    path: Path, arrays: Columns, metadata: dict[str, str], size: str | None = None
) -> None:
    """Write a safetensors file by way of `replacing`; ``size`` and errors are those of it."""
    with replacing(path, size) as temporary:
        try:
            save_file(arrays, temporary, metadata=metadata)
        except SafetensorError as error:  # how safetensors reports a full disk
            number = re.search(r"\(os error (\d+)\)", str(error))
            raise OSError(int(number[1]) if number else None, str(error)) from error


def read_safetensors(
    path: Path, format: str, what: str, remedy: str
) -> tuple[dict[str, str], Columns]:
    """Read a file of `write_safetensors`.

    Parameters
    ----------
    path
        The file.
    format
        What its metadata must name under ``format``.
    what, remedy
        What the file should be, and what to do if it is not, for the message.

    Returns
    -------
    dict, dict
        Metadata and arrays.

    Raises
    ------
    DataError
        If there is no such file, it cannot be read, is of another format, or holds a kind of number
        that NumPy does not know.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != format:
                reason = f"format {metadata.get('format')!r}, expected {format!r}"
                raise damaged(path, what, remedy, reason)
            kinds = {name: file.get_slice(name).get_dtype() for name in file.keys()}
            for name, kind in kinds.items():
                if kind not in _KINDS_OF_NUMBERS:
                    raise damaged(path, what, remedy, f"{name} holds numbers of type {kind}")
            return metadata, {name: file.get_tensor(name) for name in kinds}
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}: {remedy}") from error
    except (SafetensorError, OSError) as error:
        raise damaged(path, what, remedy, str(error)) from error


_KINDS_OF_NUMBERS = ("BOOL", "I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64", "F32", "F64")


def damaged(path: Path, what: str, remedy: str, reason: str) -> DataError:
    """Return the error for a file that is not what it should be; parameters as there."""
    return DataError(
        f"{path} is damaged, or no {what} of this version of qm9lib ({reason}): {remedy}"
    )


def read_arrays(kind: str) -> Columns | None:
    """Map a file of `write_arrays` into memory, without copying it.

    Returns
    -------
    dict or None
        Read-only arrays; ``None`` if there is no such file, or, with a warning, if it is not
        exactly what was written.
    """
    path = arrays_path(kind)
    try:
        mapped = np.memmap(path, dtype=np.uint8, mode="r")
        # A safetensors file: length of the header (uint64), header (JSON), raw little-endian data.
        size = 8 + int(mapped[:8].view("<u8")[0])
        header = json.loads(mapped[8:size].tobytes())
        metadata = header.pop("__metadata__")
        kinds = {"I8": np.int8, "I64": np.int64, "U32": np.uint32, "F64": np.float64}
        arrays, end = {}, size
        for name, entry in header.items():
            start, stop = entry["data_offsets"]
            data = np.asarray(mapped[size + start : size + stop]).view(kinds[entry["dtype"]])
            arrays[name], end = data.reshape(entry["shape"]), max(end, size + stop)
        if end != len(mapped):
            raise ValueError(f"{end:,} bytes expected, {len(mapped):,} found")
        if metadata != {"format": _FORMAT, "kind": kind, **digests(arrays)}:
            raise ValueError("its checksums do not agree")
        arrays["smiles"] = arrays["smiles"].view(f"<U{arrays['smiles'].shape[1]}")[:, 0]
        return arrays
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        RecursionError,
    ) as error:
        warnings.warn(
            f"{path} is damaged, or no file of qm9lib ({type(error).__name__}: {error}): it is not "
            "used but built again",
            stacklevel=2,
        )
        return None
