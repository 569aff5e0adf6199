"""The published files of QM9: where they are, and how to fetch them safely.

The files come from the figshare collection of Ramakrishnan et al. (2014),
doi 10.6084/m9.figshare.c.978904.v5. Whatever a server sends, only the published bytes are kept:
``PUBLISHED`` holds their number and SHA-256.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pooch
import requests
import urllib3

from qm9lib import progress
from qm9lib.data import archive, cache, files
from qm9lib.data.columns import Columns
from qm9lib.errors import DataError


@dataclass(frozen=True)
class RemoteFile:
    """A published file: name, size in bytes, SHA-256, and addresses in the order of trial."""

    name: str
    size: int
    sha256: str
    urls: tuple[str, ...]


@dataclass(frozen=True)
class Release:
    """The published files, the number of molecules, and how many of them are uncharacterized."""

    archive: RemoteFile
    uncharacterized: RemoteFile
    atom_references: RemoteFile
    molecules: int
    uncharacterized_molecules: int

    @property
    def files(self) -> tuple[RemoteFile, ...]:
        """The three files, the small ones first: a blocked server shows at once."""
        return self.uncharacterized, self.atom_references, self.archive


def _urls(number: int) -> tuple[str, ...]:
    # The addresses at figshare.com itself answer scripts with status 202 and no content.
    return (
        f"https://ndownloader.figshare.com/files/{number}",
        f"https://api.figshare.com/v2/file/download/{number}",
    )


PUBLISHED = Release(
    archive=RemoteFile(
        "dsgdb9nsd.xyz.tar.bz2",
        86_144_227,
        "3a63848ac80691bdb8d41834b575afad345b9300d7a2db0c38adb7f6eaa8360c",
        (
            *_urls(3195389),
            "https://paddle-org.bj.bcebos.com/paddlematerials/datasets/qm9/dsgdb9nsd.xyz.tar.bz2",
        ),
    ),
    uncharacterized=RemoteFile(
        "uncharacterized.txt",
        486_752,
        "3aa5115d540b356de94791d4a74c3bf1ed91c469ecf52a4f5d7cc0506fe02e24",
        _urls(3195404),
    ),
    atom_references=RemoteFile(
        "atomref.txt",
        964,
        "af739d4a0fbe894a56f346ad6045ee1b74c58f8a8c9ef3fbfed920c9ad8b00f9",
        _urls(3195395),
    ),
    molecules=133_885,
    uncharacterized_molecules=3_054,
)
"""All addresses, sizes and hashes: the only table that a mirror or a test needs to replace."""

_PREFIX = "qm9lib-download-"  # of the folders that files are fetched into

TIMEOUT = 30.0
"""Seconds without an answer, or at less than 1 kB/s, before giving up on a server."""


def folder() -> Path:
    """Return the folder of the fetched files, even if it does not exist yet."""
    return files.cache_folder() / "figshare"


def is_fetched() -> bool:
    """Return whether all files are here and match the published ones byte for byte."""
    return all(_is_whole(file, folder() / file.name) for file in PUBLISHED.files)


def _is_whole(file: RemoteFile, path: Path) -> bool:
    return path.is_file() and files.file_sha256(path) == file.sha256


def fetch() -> Path:
    """Fetch the published files that are not in the cache yet, and check those that are.

    Each address of a file is tried in turn. Only one process at a time fetches; a file appears
    under its name once its size and SHA-256 match the published ones.

    Returns
    -------
    Path
        The folder of the files.

    Raises
    ------
    DataError
        If a file could not be had from any address (the message gives the reason for each, and says
        what to do), or if the folder cannot be written.
    """
    target = folder()
    with cache.exclusive():
        try:
            target.mkdir(exist_ok=True)
            _remove_leftovers(target)
            for file in PUBLISHED.files:
                _fetch_file(file, target)
        except OSError as error:
            raise files.refused(target, error, "87 MB") from error
    return target


def _fetch_file(file: RemoteFile, target: Path) -> None:
    path = target / file.name
    if _is_whole(file, path):
        return
    reasons = []
    for url in file.urls:
        try:
            with tempfile.TemporaryDirectory(dir=target, prefix=_PREFIX) as folder:
                pooch.retrieve(
                    url, f"sha256:{file.sha256}", file.name, folder, downloader=_Download(file)
                )
                os.replace(Path(folder, file.name), path)
            return
        except (DataError, requests.RequestException, urllib3.exceptions.HTTPError) as error:
            reasons.append(f"{url}: {_reason(error)}")
        except OSError as error:
            if error.errno is not None:  # the system's own: a full disk, for example
                raise
            reasons.append(f"{url}: {_reason(error)}")
        except ValueError:  # how pooch reports a wrong hash; it has removed the file
            reasons.append(f"{url}: a different file, whose SHA-256 is not {file.sha256}")
    raise DataError(
        f"cannot fetch {file.name}:\n  " + "\n  ".join(reasons) + "\nTry again later; "
        "or install the same molecules with `pip install qm9pack==1.0.3`; "
        f"or download the file with a browser ({file.urls[0]}) and put it at {path}"
    )


def _remove_leftovers(target: Path) -> None:
    """Remove what a killed process left of its download, and nothing with any other name."""
    for path in target.iterdir():
        if re.fullmatch(_PREFIX + "[a-z0-9_]{8}", path.name) and path.is_dir():
            shutil.rmtree(path)


def _reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return f"no answer within {TIMEOUT:g} s"
    # Exceptions of requests wrap others, and reports of retries: the innermost one counts.
    cause: object = error
    while inner := [
        part
        for part in (getattr(cause, "reason", None), *getattr(cause, "args", ()))
        if isinstance(part, Exception)
    ]:
        cause = inner[0]
    said = getattr(cause, "strerror", None) or str(cause)
    # Without the object that failed, and the system's error number.
    said = re.sub(r"^<?[\w.]+(?: object at \w+>|\([^)]*\)): |\[Errno -?\d+\] ", "", said)
    said = " ".join(said.split())
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy (HTTPS_PROXY, HTTP_PROXY) does not connect: {said}"
    if isinstance(error, requests.exceptions.SSLError):
        return f"its certificate is not accepted: {said}"
    if "certificate bundle" in said or "TLS" in said:
        return f"certificates to check it with (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE): {said}"
    return said


@dataclass(frozen=True)
class _Download:
    """The downloader given to pooch: one request, and nothing but the expected body."""

    file: RemoteFile

    def __call__(self, url: str, output: str, _pooch: object) -> None:
        size, name = self.file.size, self.file.name
        with (
            # Bytes as they are: a body that the server compressed has a different length.
            requests.get(
                url, stream=True, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}
            ) as response,
            _created(output) as out,
            progress.bar(
                total=size, desc=name, unit="B", unit_scale=True, unit_divisor=1000
            ) as bar,
        ):
            if response.status_code != 200:
                empty = response.headers.get("Content-Length") == "0"
                raise DataError(
                    f"HTTP status {response.status_code} {response.reason}"
                    f"{' with an empty body' if empty else ''}, expected 200"
                )
            if "html" in response.headers.get("Content-Type", ""):
                raise DataError("a web page (HTML) instead of the file")
            announced = response.headers.get("Content-Length", str(size))
            if announced != str(size):
                raise DataError(f"a file of {announced} bytes, expected {size:,}")
            checked, seconds = 0, time.monotonic()
            while chunk := response.raw.read1(1 << 18):  # what is there, without waiting for more
                out.write(chunk)
                bar.update(len(chunk))
                received = out.tell()
                if received > size:
                    raise DataError(f"more than the expected {size:,} bytes")
                if time.monotonic() - seconds > TIMEOUT:
                    if received - checked < 1_000 * TIMEOUT:
                        raise DataError("less than 1 kB/s")
                    checked, seconds = received, time.monotonic()
            if out.tell() != size:
                raise DataError(f"the download ended after {out.tell():,} of {size:,} bytes")


def _created(path: str) -> BinaryIO:
    """Open a new file with the user's usual permissions; pooch's is readable by the user alone."""
    Path(path).unlink()
    return open(path, "wb")


def read(keep_uncharacterized: bool = False) -> Columns:
    """Read the molecules from the fetched archive.

    Parameters
    ----------
    keep_uncharacterized
        Whether to keep the molecules of ``uncharacterized.txt`` as well.

    Returns
    -------
    dict
        The arrays of a `qm9lib.QM9` by field name, in the order of the index.

    Raises
    ------
    DataError
        If the files cannot be fetched, or hold anything but the published molecules.
    """
    target = fetch()  # checks the hashes of files already there
    listed = read_uncharacterized(target / PUBLISHED.uncharacterized.name)
    if len(listed) != PUBLISHED.uncharacterized_molecules:
        raise DataError(
            f"{PUBLISHED.uncharacterized.name} lists {len(listed):,} molecules, expected "
            f"{PUBLISHED.uncharacterized_molecules:,}"
        )
    return archive.read(
        target / PUBLISHED.archive.name,
        PUBLISHED.molecules,
        leave_out=() if keep_uncharacterized else listed,
    )


def read_uncharacterized(path: Path) -> frozenset[int]:
    """Return the numbers of the molecules in a file like ``uncharacterized.txt``.

    Raises
    ------
    DataError
        If there is no such file, or a line between its rules does not begin with a number.
    """
    remedy = "fetch it with `python -m qm9lib fetch --source figshare`"
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {_reason(error)}; {remedy}") from error
    rows = re.split(r"^=+\n", text, flags=re.MULTILINE)[2:3]
    words = [line.split()[0] for row in rows for line in row.splitlines() if line.strip()]
    if not words:
        raise DataError(f"{path} lists no molecule between two rules (=====); {remedy}")
    if wrong := [word for word in words if not re.fullmatch("[0-9]{1,9}", word)]:
        raise DataError(f"{path} lists {wrong[0]!r}, expected the number of a molecule; {remedy}")
    return frozenset(map(int, words))
