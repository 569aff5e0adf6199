"""The cache: its folder, under a lock, and the file of arrays that holds a data set.

The contents of a file are checked by SHA-256 when it is read, and only one process at a time writes
to the folder.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from qm9lib.data.columns import Columns
from qm9lib.data.files import cache_folder, refused, write_safetensors
from qm9lib.errors import DataError

KINDS = ("qm9pack", "figshare", "figshare-all")
"""The files of arrays: their source, and whether they include the uncharacterized molecules."""

_FORMAT = "qm9-v2"  # in the name and inside: each version writes a file of its own

# What a killed process leaves of a cache file, and nothing else: the folder may hold other files.
_LEFTOVER = re.compile(
    r"qm9-v\d+(?:-[a-z0-9]+)*\.(?:safetensors|tfrecord)\.(?:\d+|[a-z0-9_]{8})\.part"
)


@contextmanager
def exclusive() -> Iterator[Path]:
    """Hold the lock of the cache folder, so that of many processes only one fetches and builds.

    If a process is killed, the lock passes to the next one, which removes half-written files.

    Yields
    ------
    Path
        The cache folder, which now exists.

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
            print(
                f"waiting for another process that is preparing data in {folder}", file=sys.stderr
            )
            lock.acquire()
    except OSError as error:
        raise refused(folder, error) from error
    except NotImplementedError as error:  # how filelock reports that there is no flock
        raise DataError(
            f"cannot lock {folder}: its file system does not support locks. Set the environment "
            "variable QM9LIB_CACHE to a folder on another file system, such as your local disk"
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


def arrays_name(kind: str) -> str:
    """Return the name of the file that holds the arrays of this kind."""
    return f"{_FORMAT}-{kind}.safetensors"


def arrays_path(kind: str) -> Path:
    """Return the path of the file that holds the arrays of this kind, even if there is none yet."""
    return cache_folder() / arrays_name(kind)


def digests(columns: Columns) -> dict[str, str]:
    """Return the SHA-256 of each array, computed in parallel (hashing releases the lock)."""

    def digest(array: np.ndarray) -> str:
        return hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).data).hexdigest()

    # The largest first: with two threads, the rest is done while it runs.
    names = sorted(columns, key=lambda name: -columns[name].nbytes)
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(names, pool.map(lambda name: digest(columns[name]), names), strict=True))


def write_arrays(kind: str, columns: Columns) -> None:
    """Write the arrays as a safetensors file, with format version, kind and digests in its header.

    Parameters
    ----------
    kind
        One of ``KINDS``.
    columns
        The arrays of a `qm9lib.QM9`.

    Raises
    ------
    DataError
        If the file cannot be written; no part of it is left behind.
    """
    arrays = dict(columns)
    # safetensors has no text: the code points of `<U28` are a (molecules, 28) uint32 array.
    arrays["smiles"] = columns["smiles"].view(np.uint32).reshape(len(columns["smiles"]), -1)
    metadata = {"format": _FORMAT, "kind": kind, **digests(arrays)}
    path = arrays_path(kind)
    if path.is_symlink():  # to another cache, or to anything: its target is not ours
        path.unlink()
    write_safetensors(path, arrays, metadata, "110 MB", sealed=False)


def read_arrays(kind: str) -> Columns | None:
    """Map a file written by `write_arrays` into memory, without copying it.

    Returns
    -------
    dict or None
        Read-only arrays; ``None`` if there is no such file, or, with a warning, if its contents are
        not exactly what was written.

    Raises
    ------
    DataError
        If there is no permission to read the file.
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
        smiles = arrays["smiles"].view(f"<U{arrays['smiles'].shape[1]}")[:, 0]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}; ask its owner for permission, or set "
            "the environment variable QM9LIB_CACHE to a folder of your own"
        ) from error
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        RecursionError,
    ) as error:
        reason = f"{type(error).__name__}: {error}"
    else:  # an error of ours in what follows should surface
        if metadata == {"format": _FORMAT, "kind": kind, **digests(arrays)}:
            return arrays | {"smiles": smiles}
        reason = "its checksums do not match"
    warnings.warn(
        f"{path} is damaged, or is not a file of qm9lib ({reason}): it will be rebuilt",
        stacklevel=2,
    )
    return None
