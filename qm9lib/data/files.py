"""Files that are either complete or absent, and arrays that are checked when they are read.

A file is written in a temporary folder next to its destination, and moved there when complete.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import platformdirs

from qm9lib.data.columns import Columns
from qm9lib.errors import DataError


def cache_folder() -> Path:
    """Return the folder of all cache files: ``QM9LIB_CACHE``, or the platform's usual place.

    In the variable, ``~`` and other variables are expanded as in a shell.

    Raises
    ------
    DataError
        If the variable is set but does not name a folder by its full path.
    """
    given = os.environ.get("QM9LIB_CACHE")
    if given is None:
        return Path(platformdirs.user_cache_dir("qm9lib"))
    folder = os.path.expanduser(os.path.expandvars(given.strip()))
    if not os.path.isabs(folder) or re.search(r"\$[\w{]", folder):  # a variable that is not set
        raise DataError(
            f"the environment variable QM9LIB_CACHE is {given!r}, expected the full path of a "
            "folder, such as ~/qm9; or unset it to use the default folder"
        )
    return Path(folder)


@contextmanager
def replacing(path: Path, size: str | None = None) -> Iterator[Path]:
    """Write a file in a temporary folder next to it, then move it: no reader ever sees half a file.

    It gets the permissions that any new file of the user gets. If the path is a symbolic link, its
    target is replaced.

    Parameters
    ----------
    path
        File to write or replace; its folder is created if there is none.
    size
        The space it takes, for the error message.

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
    """Give a file that a library made for the user alone the permissions of a newly created one."""
    other = path.with_name(f"{path.name[:50]}.new")
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
        raise DataError(f"cannot write {path}: it is not a regular file; name another file")
    return path


def refused(path: Path, error: OSError, size: str | None = None) -> DataError:
    """Return the error for a file or folder that the system will not let us write."""
    remedy = "name another file" if error.errno == errno.EISDIR else "name another folder"
    if path == cache_folder() or cache_folder() in path.parents:
        remedy = "set the environment variable QM9LIB_CACHE to a folder that you can write to"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        takes = f" (it takes {size})" if size else ""
        remedy = f"free some space{takes}, or {remedy}"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        remedy = f"change its permissions, or {remedy}"
    elif error.errno == errno.ENAMETOOLONG:
        remedy = "use a shorter name"
    elif error.errno in (errno.EEXIST, errno.ENOTDIR):
        return DataError(f"cannot write {path}: part of its path is a file; {remedy}")
    elif error.errno == errno.EISDIR:
        remedy = f"remove the folder of this name, or {remedy}"
    return DataError(f"cannot write {path}: {error.strerror or error}; {remedy}")


def check_writable(path: Path, *, make: bool = True) -> None:
    """Raise now, before any long work, the error that `replacing` would raise at the end.

    The folder is created; without ``make``, the nearest existing folder above it is tried instead.
    """
    try:
        path = _ordinary(path)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        folder = path.parent
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        while not folder.exists():
            folder = folder.parent
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise refused(path, error) from error


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_safetensors(
    path: Path,
    arrays: Columns,
    metadata: dict[str, str],
    size: str | None = None,
    *,
    sealed: bool = True,
) -> None:
    """Write a safetensors file by means of `replacing`, with the same ``size`` and errors.

    If it is ``sealed``, its metadata gets the SHA-256 of all its contents, which `read_safetensors`
    requires; a file with checksums of its own need not be.
    """
    # Imported here, since `import qm9lib` has to work without it: a web page does not have it.
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    if sealed:
        metadata = {**metadata, "sha256": content_sha256(arrays, metadata)}
    with replacing(path, size) as temporary:
        try:
            save_file(arrays, temporary, metadata=metadata)
        except SafetensorError as error:  # how safetensors reports a full disk
            number = re.search(r"\(os error (\d+)\)", str(error))
            raise OSError(int(number[1]) if number else None, str(error)) from error


def content_sha256(arrays: Columns, metadata: dict[str, str]) -> str:
    """Return the SHA-256 of arrays and metadata, leaving out any SHA-256 in the metadata."""
    named = sorted((name, text) for name, text in metadata.items() if name != "sha256")
    shapes = [(name, arrays[name].dtype.str, arrays[name].shape) for name in sorted(arrays)]
    digest = hashlib.sha256(json.dumps([named, shapes]).encode())
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def read_safetensors(
    path: Path, format: str, what: str, remedy: str
) -> tuple[dict[str, str], Columns]:
    """Read a file written by `write_safetensors`.

    Parameters
    ----------
    path
        The file.
    format
        The value that its metadata must have under ``format``.
    what, remedy
        What the file should be, and what to do if it is not, for the message.

    Returns
    -------
    dict, dict
        Metadata and arrays.

    Raises
    ------
    DataError
        If there is no such file, it cannot be read, is in another format or not what was written,
        or holds a type of number that NumPy does not have.
    """
    from safetensors import SafetensorError, safe_open

    if os.path.exists(path) and not path.is_file():  # Path.exists() raises if the name is long
        kind = "a folder" if path.is_dir() else "not a regular file"
        raise DataError(f"cannot read {path}: it is {kind}, expected a {what}; {remedy}")
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
            arrays = {name: file.get_tensor(name) for name in kinds}
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}: {remedy}") from error
    except (SafetensorError, OSError) as error:
        raise damaged(path, what, remedy, str(error)) from error
    if metadata.get("sha256") != content_sha256(arrays, metadata):
        raise damaged(path, what, remedy, "its checksum does not match")
    return metadata, arrays


_KINDS_OF_NUMBERS = ("BOOL", "I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64", "F32", "F64")


def damaged(path: Path, what: str, remedy: str, reason: str) -> DataError:
    """Return the error for a damaged or foreign file; parameters as in `read_safetensors`."""
    return DataError(
        f"{path} is damaged, or is not a {what} of this version of qm9lib ({reason}): {remedy}"
    )
