"""Faults of networks, disks and processes: a load gives the right arrays, or says what is wrong.

Everything here is real: an HTTP server on this machine, processes, signals, file systems. Only the
table of published files is replaced, by one of a small archive of true molecules, and for some
tests the clock of the download. Who waits does so for an event; `HANG` ends only what hangs.
"""

import bz2
import dataclasses
import hashlib
import inspect
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from limits import HANG

import make_archive
from qm9lib import QM9, load
from qm9lib.data import archive, figshare, qm9pack
from qm9lib.data.columns import concatenate
from qm9lib.data.figshare import Release, RemoteFile
from qm9lib.errors import DataError, RecordError

ARCHIVE, UNCHARACTERIZED, REFERENCES = "dsgdb9nsd.xyz.tar.bz2", "uncharacterized.txt", "atomref.txt"
MOLECULES = 122
LEFT_OUT = (60, 77)  # the two that are called uncharacterized here: 120 remain

SMALL_FILES = {f"figshare/{UNCHARACTERIZED}", f"figshare/{REFERENCES}"}
FETCHED = {f"figshare/{ARCHIVE}", *SMALL_FILES}
ARRAYS = "qm9-v2-figshare.safetensors"


# The molecules ---------------------------------------------------------------------------------


def first_lines(molecules: int) -> bytes:
    with open(qm9pack.installed_folder() / [*qm9pack.FILES][0], "rb") as file:
        return b"".join(islice(file, molecules + 1))


@pytest.fixture(scope="module")
def csv() -> bytes:
    """Lines of qm9pack, of which the archive and the expected arrays are made."""
    return first_lines(MOLECULES)


@pytest.fixture(scope="module")
def everything(csv: bytes) -> QM9:
    """All molecules of the archive, by the reader of another format."""
    return QM9(**concatenate([qm9pack.parse_csv(csv)]))


@pytest.fixture(scope="module")
def expected(everything: QM9) -> QM9:
    return everything[~np.isin(everything.index, LEFT_OUT)]


@pytest.fixture(scope="module")
def bodies(csv: bytes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The three published files."""
    path = tmp_path_factory.mktemp("published") / ARCHIVE
    make_archive.write(path, make_archive.records(csv), MOLECULES)
    rule = "=" * 80
    rows = [f"{number:8}{'C#N':>40}{'C#N':>40}{'[C]#[NH]':>40}{1.5:20.6f}" for number in LEFT_OUT]
    header = (
        "#   Index      GDB17 SMILES      SMILES for B3LYP XYZ      SMILES for Corina XYZ   D_IJ"
    )
    lines = ["List of molecules among the GDB9 molecules", "", rule, header, rule, *rows, rule]
    return {
        ARCHIVE: path.read_bytes(),
        UNCHARACTERIZED: ("\n".join(lines) + "\n").encode(),
        REFERENCES: b"Element   ZPVE   U (0 K)\nH   0.000000   -0.500273\n",
    }


def assert_equal(found: QM9, expected: QM9) -> None:
    """Compare all seven arrays, element by element."""
    for field in dataclasses.fields(QM9):
        a, b = getattr(found, field.name), getattr(expected, field.name)
        assert a.dtype.kind == b.dtype.kind and (a.dtype == b.dtype or field.name == "smiles")
        np.testing.assert_array_equal(a, b, err_msg=field.name)


def digest(qm9) -> str:
    """Tell two data sets apart; also the source text for child processes."""
    names = ("index", "offsets", "atomic_numbers", "positions", "charges", "labels")
    raw = [getattr(qm9, name).tobytes() for name in names] + ["\n".join(qm9.smiles).encode()]
    return hashlib.sha256(b"".join(raw)).hexdigest()


# The server ------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """One request; an `Answer` is a function of it."""

    server: "Site"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.requests.append(self.path)
        self.server.answers[self.path](self)

    def head(self, status: int = 200, **headers: object) -> None:
        self.send_response(status)
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


Answer = Callable[[Handler], None]


class Site(ThreadingHTTPServer):
    """A server of the published files, which answers as a test says, and the table of them."""

    daemon_threads = True

    def __init__(self, bodies: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies = bodies
        self.requests: list[str] = []
        self.failures: list[BaseException | None] = []
        self.stopping = threading.Event()
        self.answers: dict[str, Answer] = {f"/{name}": send(body) for name, body in bodies.items()}
        # An address where nobody listens, and where nobody else will as long as it is bound.
        self.dead = socket.socket()
        self.dead.bind(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    def url(self, name: str = ARCHIVE) -> str:
        port = self.dead.getsockname()[1] if self.stopping.is_set() else self.server_port
        return f"http://127.0.0.1:{port}/{name}"

    def dead_url(self) -> str:
        return f"http://127.0.0.1:{self.dead.getsockname()[1]}/{ARCHIVE}"

    def publish(self, *archive_urls: str) -> None:
        """Replace the table; by default the archive has one address."""

        def remote(name: str, *urls: str) -> RemoteFile:
            body = self.bodies[name]
            sha256 = hashlib.sha256(body).hexdigest()
            return RemoteFile(name, len(body), sha256, urls or (self.url(name),))

        figshare.PUBLISHED = Release(
            archive=remote(ARCHIVE, *archive_urls),
            uncharacterized=remote(UNCHARACTERIZED),
            atom_references=remote(REFERENCES),
            molecules=MOLECULES,
            uncharacterized_molecules=len(LEFT_OUT),
        )

    def stop(self) -> None:
        if not self.stopping.is_set():
            self.stopping.set()
            self.shutdown()
            self.thread.join()
            self.server_close()
            self.publish()  # at addresses that refuse; another process may get the old ones

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(failure := sys.exception(), ConnectionError):  # it has given us up
            self.failures.append(failure)


@pytest.fixture
def site(bodies: dict[str, bytes], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server that gives the files, and the table that says so."""
    site = Site(bodies)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(figshare, "TIMEOUT", HANG)  # the tests of stalls set it lower
    monkeypatch.setattr(figshare, "PUBLISHED", figshare.PUBLISHED)  # to be restored
    site.publish()
    yield site
    site.stop()
    site.dead.close()
    assert not site.failures


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, which does not exist yet."""
    monkeypatch.setenv("QM9LIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def files(folder: Path) -> set[str]:
    """List what is in the cache folder, but for the lock, also while another process writes."""
    paths = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return {path.relative_to(folder).as_posix() for path in paths} - {"lock"}


def put(path: Path, data: bytes) -> None:
    """Replace a file as a whole: the old one may still be mapped by arrays of an earlier load."""
    path.with_name("new").write_bytes(data)
    os.replace(path.with_name("new"), path)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


# Answers: these end with the connection closed -------------------------------------------------


def send(body: bytes, status: int = 200, **headers: object) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(status, **{"Content_Length": len(body), **headers})
        handler.wfile.write(body)

    return answer


def unannounced(body: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head()
        handler.wfile.write(body)

    return answer


def chunked(body: bytes, end: bytes = b"0\r\n\r\n") -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(Transfer_Encoding="chunked")
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(body), body) + end)

    return answer


def reset(body: bytes, size: int) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(Content_Length=size)
        handler.wfile.write(body)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    return answer


def raw(text: bytes) -> Answer:
    return lambda handler: handler.wfile.write(text) and None


def stall(start: bytes = b"", size: int | None = None) -> Answer:
    """Send a part of the body, or not even a status line, and then nothing."""

    def answer(handler: Handler) -> None:
        if size is not None:
            handler.head(Content_Length=size)
            handler.wfile.write(start)
        handler.server.stopping.wait(HANG)

    return answer


class Drips:
    """A body of one byte for each look at the clock, which goes on by a second each time.

    So one byte comes in a second, however fast or slow this machine is.
    """

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.seconds = count()
        self.looks = threading.Semaphore(0)

    def monotonic(self) -> float:
        self.looks.release()
        return next(self.seconds)

    def __call__(self, handler: Handler) -> None:
        handler.wfile.write(self.head)
        while not handler.server.stopping.is_set():
            if self.looks.acquire(timeout=0.1):
                handler.wfile.write(b"a")


# Fetching --------------------------------------------------------------------------------------

HALF, WHOLE, WRONG = "half of it", "the archive", "as many other bytes"
PAGE = b"<html>Please enable JavaScript</html>"

BAD_ANSWERS: dict[str, tuple[Callable[[bytes], Answer], str]] = {
    "403": (lambda body: send(b"no", 403), "HTTP status 403 Forbidden, expected 200"),
    "202 and nothing": (
        lambda body: send(b"", 202),
        "HTTP status 202 Accepted with an empty body, expected 200",
    ),
    "web page": (
        lambda body: send(PAGE, Content_Type="text/html; charset=utf-8"),
        r"a web page \(HTML\) instead of the file",
    ),
    "web page called binary": (
        lambda body: send(PAGE),
        r"a file of 37 bytes, expected {size:,}",
    ),
    "cut": (
        lambda body: send(body[: len(body) // 2], Content_Length=len(body)),
        r"(the download ended after {half:,} of|.*IncompleteRead\({half} bytes read, ).*",
    ),
    "cut in the last byte": (
        lambda body: send(body[:-1], Content_Length=len(body)),
        r"(the download ended after {last:,} of|.*IncompleteRead\({last} bytes read, ).*",
    ),
    "short and true length": (
        lambda body: send(body[: len(body) // 2]),
        r"a file of {half} bytes, expected {size:,}",
    ),
    "short without length": (
        lambda body: unannounced(body[: len(body) // 2]),
        r"the download ended after {half:,} of {size:,} bytes",
    ),
    "long without length": (
        lambda body: unannounced(body + b"a"),
        r"more than the expected {size:,} bytes",
    ),
    "nothing without length": (
        lambda body: unannounced(b""),
        r"the download ended after 0 of {size:,} bytes",
    ),
    "length is no number": (
        lambda body: send(body, Content_Length="many"),
        r"a file of many bytes, expected {size:,}",
    ),
    "chunks without an end": (lambda body: chunked(body[:999], b"ff"), r"\S.*"),
    "reset": (
        lambda body: reset(body[: len(body) // 2], len(body)),
        r".*Connection reset by peer.*",
    ),
    "closed without an answer": (lambda body: raw(b""), r".*closed connection without response.*"),
    "no HTTP": (lambda body: raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), r".*SSH-2\.0.*"),
    "wrong bytes": (
        lambda body: send(flipped(body, 4 * len(body))),
        r"a different file, whose SHA-256 is not {sha256}",
    ),
    "endless redirects": (
        lambda body: send(b"", 302, Location=f"/{ARCHIVE}"),
        r"Exceeded 30 redirects\.",
    ),
    "redirect to a file": (
        lambda body: send(b"", 302, Location="file:///etc/passwd"),
        r".*file:.*",
    ),
}


def failure(site: Site, url: str, reason: str) -> None:
    """Load, and compare the message with what it has to say: address, reason and what to do."""
    size = len(site.bodies[ARCHIVE])
    sha256 = figshare.PUBLISHED.archive.sha256
    reason = reason.format(size=size, half=size // 2, last=size - 1, sha256=sha256)
    with pytest.raises(DataError) as caught:
        load("figshare")
    lines = str(caught.value).splitlines()
    assert lines[0] == f"cannot fetch {ARCHIVE}:"
    assert re.fullmatch(f"  {re.escape(url)}: {reason}", lines[1])
    assert len(lines) == 3 and "Try again later; or install" in lines[2]
    assert f"({url}) and put it at {figshare.folder() / ARCHIVE}" in lines[2]


@pytest.mark.parametrize("fault", BAD_ANSWERS)
def test_bad_answer(site: Site, folder: Path, expected: QM9, fault: str) -> None:
    answer, reason = BAD_ANSWERS[fault]
    good = site.answers[f"/{ARCHIVE}"]
    site.answers[f"/{ARCHIVE}"] = answer(site.bodies[ARCHIVE])
    failure(site, site.url(), reason)
    assert files(folder) == SMALL_FILES
    site.answers[f"/{ARCHIVE}"] = good
    assert_equal(load("figshare"), expected)
    assert files(folder) == {ARRAYS, *FETCHED}


STALLS: dict[str, Callable[[bytes], Answer]] = {
    "no answer": lambda body: stall(),
    "no body": lambda body: stall(b"", len(body)),
    "half a body": lambda body: stall(body[: len(body) // 2], len(body)),
}


@pytest.fixture
def with_small_files(site: Site, folder: Path) -> None:
    """Fetch all but the archive, so that a low limit of time is for the archive alone."""
    good = site.answers[f"/{ARCHIVE}"]
    site.answers[f"/{ARCHIVE}"] = send(b"", 403)
    with pytest.raises(DataError):
        load("figshare")
    site.answers[f"/{ARCHIVE}"] = good
    assert files(folder) == SMALL_FILES


@pytest.mark.timing
@pytest.mark.usefixtures("with_small_files")
@pytest.mark.parametrize("fault", STALLS)
def test_stalling_server_is_given_up(
    site: Site, folder: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever of the answer has come in time: that of a slow machine may be none."""
    monkeypatch.setattr(figshare, "TIMEOUT", 0.5)
    site.answers[f"/{ARCHIVE}"] = STALLS[fault](site.bodies[ARCHIVE])
    failure(site, site.url(), "no answer within 0.5 s")
    assert files(folder) == SMALL_FILES


@pytest.mark.timing
@pytest.mark.usefixtures("with_small_files")
@pytest.mark.parametrize("length", ["", "Content-Length: {size}\r\n"], ids=["open", "with length"])
def test_dripping_server_is_given_up(
    site: Site, folder: Path, length: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(site.bodies[ARCHIVE])
    drips = Drips(f"HTTP/1.1 200 OK\r\n{length.format(size=size)}\r\n".encode())
    site.answers[f"/{ARCHIVE}"] = drips
    monkeypatch.setattr(figshare, "time", SimpleNamespace(monotonic=drips.monotonic))
    failure(site, site.url(), "less than 1 kB/s")
    assert next(drips.seconds) == figshare.TIMEOUT + 2  # one look before, and one too late
    assert files(folder) == SMALL_FILES


@pytest.mark.parametrize("fault", ["cut", "reset", "closed without an answer"])
def test_reason_is_a_sentence(site: Site, folder: Path, fault: str) -> None:
    """And not the arguments of an exception: ('Connection aborted.', RemoteDisconnected(...))."""
    site.answers[f"/{ARCHIVE}"] = BAD_ANSWERS[fault][0](site.bodies[ARCHIVE])
    failure(site, site.url(), r"\w.*")


def test_refused_connection(site: Site, folder: Path) -> None:
    url = site.dead_url()
    site.publish(url)
    failure(site, url, r".*Connection refused.*")
    assert files(folder) == SMALL_FILES


def test_missing_certificates(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that names a file which is not there has nothing to do with the disk."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "none.pem"))
    url = site.dead_url().replace("http:", "https:")
    site.publish(url)
    failure(site, url, r"certificates to check .*REQUESTS_CA_BUNDLE.*: .*: .*none\.pem")
    assert files(folder) == SMALL_FILES


def test_certificate_that_is_none(site: Site, folder: Path) -> None:
    url = site.url().replace("http:", "https:")  # the server knows no TLS
    site.publish(url)
    failure(site, url, r"its certificate is not accepted: \[SSL.*\S")


@pytest.mark.parametrize("proxy", ["dead", "refusing"])
def test_proxy(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """One that does not answer, and one that lets nobody through."""
    figshare.fetch()
    (figshare.folder() / ARCHIVE).unlink()
    address = site.dead_url() if proxy == "dead" else site.url()
    monkeypatch.setenv("HTTPS_PROXY", address.removesuffix(ARCHIVE))
    monkeypatch.setenv("NO_PROXY", "nowhere")
    url = f"https://example.org/{ARCHIVE}"
    site.publish(url)
    said = ".*: Connection refused" if proxy == "dead" else "Tunnel connection failed: 501 .*"
    failure(site, url, rf"the proxy \(HTTPS_PROXY, HTTP_PROXY\) does not connect: {said}")


def test_all_addresses_are_told(site: Site, folder: Path) -> None:
    site.answers["/forbidden"] = send(b"", 403)
    urls = (site.dead_url(), site.url("forbidden"))
    site.publish(*urls)
    with pytest.raises(DataError, match="(?s)refused.*HTTP status 403 Forbidden") as caught:
        load("figshare")
    lines = str(caught.value).splitlines()
    assert [line.startswith(f"  {url}: ") for line, url in zip(lines[1:3], urls, strict=True)]
    assert files(folder) == SMALL_FILES


def test_first_file_fails(site: Site, folder: Path) -> None:
    """A blocked server shows before the large file is asked for."""
    site.answers[f"/{UNCHARACTERIZED}"] = send(b"", 403)
    with pytest.raises(DataError, match=f"cannot fetch {UNCHARACTERIZED}:\n  {site.url('')}"):
        load("figshare")
    assert site.requests == [f"/{UNCHARACTERIZED}"]
    assert files(folder) == set()


@pytest.mark.parametrize("first", ["dead", "403", "wrong"])
def test_second_address(site: Site, folder: Path, expected: QM9, first: str) -> None:
    site.answers["/403"] = send(b"", 403)
    site.answers["/wrong"] = send(bytes(len(site.bodies[ARCHIVE])))
    site.publish(site.dead_url() if first == "dead" else site.url(first), site.url())
    done = child("print(digest(load('figshare')))")
    assert done.stdout == f"{digest(expected)}\n"
    assert not re.search("(?i)error|cannot|warn|fail|refused|forbidden", done.stderr)
    assert files(folder) == {ARRAYS, *FETCHED}


@pytest.mark.parametrize("status", [301, 302, 303, 307])
def test_redirect(site: Site, folder: Path, expected: QM9, status: int) -> None:
    site.answers["/files/3195389"] = send(b"", status, Location=f"/{ARCHIVE}")
    site.publish(site.url("files/3195389"))
    assert_equal(load("figshare"), expected)
    assert files(folder) == {ARRAYS, *FETCHED}


@pytest.mark.parametrize("answer", [unannounced, chunked], ids=["no length", "chunks"])
def test_whole_body_of_unknown_length(
    site: Site, folder: Path, expected: QM9, answer: Callable[[bytes], Answer]
) -> None:
    site.answers[f"/{ARCHIVE}"] = answer(site.bodies[ARCHIVE])
    assert_equal(load("figshare"), expected)


def test_fetched_once_for_both_sets(
    site: Site, folder: Path, expected: QM9, everything: QM9
) -> None:
    assert_equal(load("figshare"), expected)
    assert_equal(load("figshare", keep_uncharacterized=True), everything)
    assert_equal(load("figshare"), expected)
    assert Counter(site.requests) == {f"/{name}": 1 for name in site.bodies}
    assert files(folder) == {ARRAYS, "qm9-v2-figshare-all.safetensors", *FETCHED}


# Processes -------------------------------------------------------------------------------------


def script(code: str) -> list[str]:
    """Return a command that runs the code with the present table."""
    return [
        sys.executable,
        "-c",
        "import hashlib, sys\n"
        "from qm9lib import errors, load\nfrom qm9lib.data import archive, figshare, files\n"
        "from qm9lib.data.figshare import Release, RemoteFile\n"
        f"figshare.PUBLISHED = {figshare.PUBLISHED!r}\n"
        f"figshare.TIMEOUT = {figshare.TIMEOUT!r}\n"
        f"{inspect.getsource(digest)}\n{code}",
    ]


def child(code: str) -> subprocess.CompletedProcess[str]:
    """Run the code in a process of its own, with the present table and environment."""
    return subprocess.run(script(code), capture_output=True, text=True, timeout=HANG)


@contextmanager
def running(code: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    """Run the code beside the test; SIGKILL ends it, which leaves it no time for anything.

    What has to last reads standard input: that ends with this process, whatever ends this process.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(script(code), stdin=pipe, stdout=pipe, text=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(condition: Callable[[], bool], *processes: subprocess.Popen[str]) -> None:
    """Wait for what one of the processes will do; look often, and give up when one has ended."""
    deadline = time.monotonic() + HANG
    while not condition():
        assert all(process.poll() is None for process in processes)
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.timing
def test_killed_while_fetching(site: Site, folder: Path, expected: QM9) -> None:
    good, body = site.answers[f"/{ARCHIVE}"], site.bodies[ARCHIVE]
    site.answers[f"/{ARCHIVE}"] = stall(body[: len(body) // 2], len(body))

    def half_fetched() -> bool:
        for name in files(folder) - SMALL_FILES:
            with suppress(FileNotFoundError):  # a small file that is moved to its place meanwhile
                if (folder / name).stat().st_size > 10_000:
                    return True
        return False

    with running("load('figshare')", stderr=subprocess.DEVNULL) as process:
        wait_until(half_fetched, process)
    assert len(files(folder) - SMALL_FILES) == 1  # what was killed has left its file
    site.answers[f"/{ARCHIVE}"] = good
    assert_equal(load("figshare"), expected)
    assert files(folder) == {ARRAYS, *FETCHED}


SLOW_ARRAYS = """
import safetensors.numpy

def half_of(arrays, path, metadata, save_file=safetensors.numpy.save_file):
    save_file(arrays, path, metadata=metadata)
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)
    print("half", flush=True)
    sys.stdin.read()
safetensors.numpy.save_file = half_of
load("figshare")
"""


@pytest.mark.timing
def test_killed_while_writing_arrays(site: Site, folder: Path, expected: QM9) -> None:
    with running(SLOW_ARRAYS, stderr=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == "half\n"
    (leftover,) = files(folder) - FETCHED
    assert re.fullmatch(rf"{ARRAYS}\.\w{{8}}\.part/{ARRAYS}", leftover)
    assert_equal(load("figshare"), expected)
    assert files(folder) == {ARRAYS, *FETCHED}


@pytest.mark.timing
def test_eight_processes_fetch_once(
    site: Site, folder: Path, expected: QM9, tmp_path: Path
) -> None:
    """The archive comes only when one process asks for it and seven wait for that one."""
    code = "print('ready', flush=True); sys.stdin.readline(); print(digest(load('figshare')))"
    logs = [tmp_path / f"{number}.log" for number in range(8)]
    processes: list[subprocess.Popen[str]] = []

    def seven_wait() -> bool:
        return sum("waiting for another process" in log.read_text() for log in logs) == 7

    def when_seven_wait(handler: Handler) -> None:
        wait_until(seven_wait, *processes)
        send(site.bodies[ARCHIVE])(handler)

    site.answers[f"/{ARCHIVE}"] = when_seven_wait
    with ExitStack() as stack:
        for log in logs:
            errors = stack.enter_context(open(log, "w"))
            processes.append(stack.enter_context(running(code, stderr=errors)))
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        outputs = [process.communicate(timeout=HANG)[0] for process in processes]
    assert outputs == 8 * [f"{digest(expected)}\n"]
    assert not re.search("(?i)error|damaged|Warning", "".join(log.read_text() for log in logs))
    assert Counter(site.requests) == {f"/{name}": 1 for name in site.bodies}
    assert files(folder) == {ARRAYS, *FETCHED}


COMMAND = "from qm9lib.__main__ import main\nraise SystemExit(main({arguments}))"


def test_command_line(site: Site, folder: Path, expected: QM9) -> None:
    code = COMMAND.format(arguments=["fetch", "--source", "figshare"])
    url = site.dead_url()
    site.publish(url)
    done = child(code)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"error: cannot fetch {ARCHIVE}:\n  {url}: " in done.stderr
    assert "Connection refused" in done.stderr and "Traceback" not in done.stderr
    assert files(folder) == SMALL_FILES
    site.publish()
    done = child(code)
    assert (done.returncode, done.stdout) == (0, f"{expected}\n")


# Disks -----------------------------------------------------------------------------------------

QUOTA = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
"""


@contextmanager
def disk(folder: Path, size: int) -> Iterator[Callable[[], None] | None]:
    """Mount a file system of so many bytes, and yield what enlarges it; None if not permitted."""
    folder.mkdir()
    mount = [shutil.which("mount") or sys.executable, "-t", "tmpfs", "tmpfs", str(folder)]
    mounted = subprocess.run([*mount, "-o", f"size={size}"], capture_output=True).returncode == 0
    try:
        larger = [*mount, "-o", "remount,size=4m"]
        yield (lambda: subprocess.run(larger, check=True) and None) if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("stage", ["download", "arrays"])
@pytest.mark.parametrize("kind", ["quota", "disk"])
def test_full_disk(
    site: Site, folder: Path, tmp_path: Path, expected: QM9, kind: str, stage: str
) -> None:
    """A file system of its own where that is permitted (root on Linux), a quota elsewhere."""
    written = FETCHED if stage == "arrays" else SMALL_FILES
    size = len(site.bodies[ARCHIVE]) // 2
    if stage == "arrays":
        size = sum(getattr(expected, field.name).nbytes for field in dataclasses.fields(QM9)) // 2
    on_disk = size + sum(len(site.bodies[Path(name).name]) for name in written)
    with disk(folder, on_disk) if kind == "disk" else nullcontext() as enlarge:
        if stage == "arrays":
            assert child("figshare.fetch()").returncode == 0
        quota = "" if enlarge else QUOTA.format(size=size)
        done = child(
            f"{quota}\n"
            "try:\n    load('figshare')\nexcept errors.DataError as error:\n    print(error)"
        )
        assert done.returncode == 0, done.stderr
        takes = "110 MB" if stage == "arrays" else "87 MB"
        target = folder / (ARRAYS if stage == "arrays" else "figshare")
        assert re.fullmatch(
            f"cannot write {re.escape(str(target))}: .*({'No space' if enlarge else 'too large'})"
            rf".*; free some space \(it takes {takes}\), or set the environment variable "
            "QM9LIB_CACHE to a folder that you can write to\n",
            done.stdout,
        )
        assert files(folder) == written
        if enlarge:
            enlarge()
        assert child("print(digest(load('figshare')))").stdout == f"{digest(expected)}\n"
        assert files(folder) == {ARRAYS, *FETCHED}


@pytest.mark.parametrize("place", ["/proc/qm9lib", "file", "file/below"])
def test_folder_that_cannot_be_written(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / place
    monkeypatch.setenv("QM9LIB_CACHE", str(path))
    with pytest.raises(DataError, match=f"cannot write {path}: .* variable QM9LIB_CACHE to a"):
        load("figshare")
    assert site.requests == [] and [path.name for path in tmp_path.iterdir()] == ["file"]


# The file of arrays ----------------------------------------------------------------------------

DAMAGED = "is damaged, or is not a file of qm9lib"


@pytest.fixture
def offline(site: Site, folder: Path, expected: QM9) -> Path:
    """The file of arrays, with the fetched archive in place and no server."""
    assert_equal(load("figshare"), expected)
    site.stop()
    return folder / ARRAYS


def damages(data: bytes, flips: int, cuts: int, seed: int = 9) -> Iterator[tuple[str, bytes]]:
    """Flip single bits at random places, and cut at random lengths."""
    chance = random.Random(seed)
    for bit in chance.sample(range(8 * len(data)), flips):
        yield f"bit {bit}", flipped(data, bit)
    for length in chance.sample(range(len(data)), cuts):
        yield f"length {length}", data[:length]


def safetensors(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header


FOREIGN = {
    "empty": b"",
    "short": b"\x01\x00",
    "text": b"<html>Please enable JavaScript</html>\n",
    "zeros": bytes(5_000),
    "ones": b"\xff" * 5_000,
    "no object": safetensors(b"[1, 2, 3]"),
    "no arrays": safetensors(b'{"__metadata__": {}}'),
    "other arrays": safetensors(
        b'{"__metadata__":{"format":"pt"},"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}'
    )
    + bytes(8),
    "nonsense": safetensors(b'{"__metadata__": {}, "x": 1}'),
    "huge shape": safetensors(
        b'{"__metadata__":{},"x":{"dtype":"F64","shape":[%d],"data_offsets":[0,8]}}' % 10**30
    )
    + bytes(8),
    "deep": safetensors(b"[" * 100_000),
}


def load_damaged(path: Path, expected: QM9, data: bytes) -> bool:
    """Return whether a damage was noticed; the arrays are the right ones in any case."""
    put(path, data)
    before = files(path.parent)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert_equal(load("figshare"), expected)
    told = rf"{re.escape(str(path))} {DAMAGED} \(.*\): it will be rebuilt"
    assert all(re.fullmatch(told, str(warning.message), re.DOTALL) for warning in caught)
    assert all(warning.category is UserWarning for warning in caught) and len(caught) <= 1
    assert files(path.parent) == before
    return len(caught) == 1


def test_damaged_arrays_are_built_again(offline: Path, expected: QM9) -> None:
    cases = damages(offline.read_bytes(), flips=100, cuts=20)
    unnoticed = [damage for damage, data in cases if not load_damaged(offline, expected, data)]
    assert not unnoticed


def test_damaged_header_of_the_arrays(offline: Path, expected: QM9) -> None:
    data = offline.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    for damage, header in damages(data[: 8 + size], flips=40, cuts=0):
        load_damaged(offline, expected, header + data[8 + size :]), damage


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_file_for_arrays(offline: Path, expected: QM9, kind: str) -> None:
    assert load_damaged(offline, expected, FOREIGN[kind])


def test_arrays_of_the_other_set(offline: Path, expected: QM9, everything: QM9) -> None:
    """A whole file under the name of another one is not taken for it."""
    assert_equal(load("figshare", keep_uncharacterized=True), everything)
    other = offline.with_name("qm9-v2-figshare-all.safetensors")
    assert load_damaged(offline, expected, other.read_bytes())


# The fetched files -----------------------------------------------------------------------------


def test_damaged_archive_is_fetched_again(site: Site, folder: Path, expected: QM9) -> None:
    load("figshare")
    path = folder / "figshare" / ARCHIVE
    for damage, data in damages(path.read_bytes(), flips=20, cuts=5):
        put(path, data)
        (folder / ARRAYS).unlink()
        site.requests.clear()
        assert_equal(load("figshare"), expected)
        assert site.requests == [f"/{ARCHIVE}"], damage
        assert files(folder) == {ARRAYS, *FETCHED}


@pytest.mark.parametrize("name", [ARCHIVE, UNCHARACTERIZED])
def test_damaged_archive_without_server(offline: Path, expected: QM9, name: str) -> None:
    path = offline.parent / "figshare" / name
    offline.unlink()
    good = path.read_bytes()
    for damage, data in damages(good, flips=20, cuts=5):
        put(path, data)
        with pytest.raises(DataError, match=f"cannot fetch {name}:\n.*Connection refused"):
            load("figshare")
        assert files(offline.parent) == FETCHED, damage
    put(path, good)
    assert_equal(load("figshare"), expected)


# The TFRecord file -----------------------------------------------------------------------------

FEW = 40
TFRECORD = "qm9-v2.tfrecord"
NO_RECORDS = r"is damaged, or was not written by qm9_fetch\(\)"


@pytest.fixture(scope="module")
def tfdata():
    pytest.importorskip("tensorflow")
    from qm9lib.data import tfdata

    return tfdata


@pytest.fixture
def records(tfdata, expected: QM9, tmp_path: Path) -> Path:
    return Path(tfdata.qm9_fetch(expected[:FEW], tmp_path / "few.tfrecord"))


def assert_records(dataset, expected: QM9) -> None:
    found = list(dataset.as_numpy_iterator())
    for ((elements, positions), labels), molecule in zip(found, expected, strict=True):
        np.testing.assert_array_equal(elements, molecule.atomic_numbers)
        np.testing.assert_array_equal(positions[:, :3], molecule.positions.astype(np.float32))
        np.testing.assert_array_equal(positions[:, 3], molecule.charges.astype(np.float32))
        np.testing.assert_array_equal(labels, molecule.labels.astype(np.float32))


def parses_or_tells(tfdata, path: Path, expected: QM9, damage: str) -> None:
    """A damage is told at once, or does not touch a molecule."""
    try:
        dataset = tfdata.qm9_parse(path)
    except DataError as error:
        assert re.search(f"^{re.escape(str(path))} {NO_RECORDS}", str(error)), damage
    else:
        try:
            assert_records(dataset, expected)
        except Exception as error:
            raise AssertionError(f"accepted after a damage: {damage}") from error


def record_ends(data: bytes) -> list[int]:
    """Walk through the frames: length, its CRC, the record, its CRC."""
    ends = [0]
    while ends[-1] < len(data):
        (size,) = struct.unpack_from("<Q", data, ends[-1])
        ends.append(ends[-1] + 8 + 4 + size + 4)
    return ends


def test_damaged_records_are_told(tfdata, records: Path, expected: QM9) -> None:
    for damage, data in damages(records.read_bytes(), flips=30, cuts=20):
        records.write_bytes(data)
        parses_or_tells(tfdata, records, expected[:FEW], damage)


def test_records_cut_between_two_of_them(tfdata, records: Path) -> None:
    data = records.read_bytes()
    ends = record_ends(data)
    assert len(ends) == FEW + 2 and ends[-1] == len(data)
    without_one = data[: ends[3]] + data[ends[4] :]
    for damaged in (*(data[:end] for end in ends[:-1]), without_one, data[ends[-2] :]):
        records.write_bytes(damaged)
        with pytest.raises(DataError, match=NO_RECORDS):
            tfdata.qm9_parse(records)


def test_damaged_last_record(tfdata, records: Path, expected: QM9) -> None:
    """It tells the number of molecules and the checksum; only its own CRC may change."""
    data = records.read_bytes()
    start = record_ends(data)[-2]
    for damage, last in damages(data[start:], flips=60, cuts=0):
        records.write_bytes(data[:start] + last)
        parses_or_tells(tfdata, records, expected[:FEW], damage)


@pytest.mark.parametrize("number", [0, FEW - 8, FEW + 1, 400])
def test_number_of_records_is_checked(tfdata, records: Path, number: int) -> None:
    """40 and 32 differ in two bits, 40 and 41 in one."""
    data = records.read_bytes()
    assert data.count(b":%9d," % FEW) == 1
    records.write_bytes(data.replace(b":%9d," % FEW, b":%9d," % number))
    with pytest.raises(DataError, match=NO_RECORDS):
        tfdata.qm9_parse(records)


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_file_for_records(tfdata, tmp_path: Path, kind: str) -> None:
    (tmp_path / "x").write_bytes(FOREIGN[kind])
    with pytest.raises(DataError, match=NO_RECORDS):
        tfdata.qm9_parse(tmp_path / "x")


def test_damaged_records_in_the_cache_are_written_again(
    tfdata, offline: Path, expected: QM9
) -> None:
    path = Path(tfdata.qm9_fetch())
    assert path == offline.with_name(TFRECORD)
    for damage, data in damages(path.read_bytes(), flips=2, cuts=1):
        path.write_bytes(data)
        with pytest.warns(UserWarning, match=NO_RECORDS):
            assert tfdata.qm9_fetch() == str(path), damage
        assert_records(tfdata.qm9_parse(path), expected)
        assert files(path.parent) == {TFRECORD, ARRAYS, *FETCHED}


SLOW_RECORDS = """
from qm9lib.data import tfdata
def stop_half_way(tf, molecule, example=tfdata._example):
    if molecule.index > 80:
        print("half", flush=True)
        sys.stdin.read()
    return example(tf, molecule)
tfdata._example = stop_half_way
tfdata.qm9_fetch()
"""


def test_killed_while_writing_records(
    tfdata, offline: Path, expected: QM9, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    with running(SLOW_RECORDS, stderr=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == "half\n"
    (leftover,) = files(offline.parent) - {ARRAYS, *FETCHED}
    assert re.fullmatch(rf"{TFRECORD}\.\w{{8}}\.part/{TFRECORD}", leftover)
    assert (offline.parent / leftover).stat().st_size > 10_000
    assert_records(tfdata.qm9_parse(tfdata.qm9_fetch()), expected)
    assert files(offline.parent) == {TFRECORD, ARRAYS, *FETCHED}


# Archives --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def members(csv: bytes) -> list[bytes]:
    return [member(name, text) for name, text in make_archive.records(csv)]


def member(name: str, text: bytes = b"", size: bytes | None = None, **attributes: object) -> bytes:
    """Return header and text as in a tar file; ``size`` replaces the field of that name."""
    info = tarfile.TarInfo(name)
    info.size = len(text)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    header = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    if size is not None:
        header[124:136] = size.ljust(12, b"\0")
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + text + bytes(-len(text) % 512)


def packed(path: Path, members: list[bytes]) -> Path:
    path.write_bytes(bz2.compress(b"".join(members) + bytes(1024)))
    return path


def read(path: Path) -> QM9:
    return QM9(**archive.read(path, MOLECULES))


EVIL = {
    "above": member("../../evil.xyz", b"evil"),
    "above as a record": member("../../dsgdb9nsd_000001.xyz", b"evil"),
    "absolute": member("{tmp}/evil.xyz", b"evil"),
    "absolute as a record": member("/dsgdb9nsd_000001.xyz", b"evil"),
    "symbolic link": member("dsgdb9nsd_000001.xyz", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "link": member("dsgdb9nsd_000002.xyz", type=tarfile.LNKTYPE, linkname="dsgdb9nsd_000001.xyz"),
    "folder": member("dsgdb9nsd_000001.xyz", type=tarfile.DIRTYPE),
    "device": member("dsgdb9nsd_000001.xyz", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "AppleDouble": member("._dsgdb9nsd_000001.xyz", b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(100)),
    "readme": member("README.txt", b"read me\n" * 100),
}


@pytest.mark.parametrize("kind", EVIL)
@pytest.mark.parametrize("place", [0, 100, MOLECULES])
def test_other_members_are_left_alone(
    members: list[bytes], everything: QM9, tmp_path: Path, kind: str, place: int
) -> None:
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    evil = EVIL[kind]
    if kind == "absolute":
        evil = member(str(tmp_path / "evil.xyz"), b"evil")
    path = packed(inner / "x.tar.bz2", [*members[:place], evil, *members[place:]])
    before = sorted(tmp_path.rglob("*")), sorted(Path.cwd().iterdir())
    assert_equal(read(path), everything)
    assert (sorted(tmp_path.rglob("*")), sorted(Path.cwd().iterdir())) == before


def renamed(members: list[bytes]) -> list[bytes]:
    """Give a record the name of another molecule."""
    text = members[1][512:].rstrip(b"\0")
    return [members[0], member("dsgdb9nsd_000099.xyz", text), *members[2:]]


def damaged_header(members: list[bytes]) -> list[bytes]:
    return [*members[:9], flipped(members[9], 8 * 150), *members[10:]]


def sized(size: bytes) -> Callable[[list[bytes]], list[bytes]]:
    name = "dsgdb9nsd_000001.xyz"
    return lambda members: [member(name, members[0][512:], size), *members[1:]]


BAD_ARCHIVES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], type[DataError], str]] = {
    "large record": (sized(b"%011o" % 65_537), DataError, "has 65,537 bytes, expected at most"),
    "huge record": (sized(b"7" * 11), DataError, "has 8,589,934,591 bytes, expected at most"),
    "binary size": (sized(b"\x80" + bytes(10) + b"\1"), DataError, "a header cannot be read"),
    "no size": (sized(b""), DataError, "a header cannot be read"),
    "twice": (
        lambda members: [*members, members[7]],
        DataError,
        "has 123 records of 122 molecules, expected 122, each once",
    ),
    "twice for another": (
        lambda members: [*members[:-1], members[7]],
        DataError,
        "has 122 records of 121 molecules, expected 122, each once",
    ),
    "missing": (
        lambda members: members[:7] + members[8:],
        DataError,
        "has 121 records of 121 molecules, expected 122, each once",
    ),
    "none": (lambda members: [], DataError, "has 0 records of 0 molecules, expected 122"),
    "name of another": (
        renamed,
        RecordError,
        "dsgdb9nsd_000099.xyz, line 2, column 5: found 2, expected 99 as in the name of the file",
    ),
    "damaged header": (damaged_header, DataError, "a header cannot be read"),
    "zeros in between": (lambda members: [*members[:9], bytes(512)], DataError, "has 9 records"),
    "empty record": (
        lambda members: [member("dsgdb9nsd_000001.xyz"), *members[1:]],
        RecordError,
        "dsgdb9nsd_000001.xyz, line 1, column 1: found nothing, expected the number of atoms",
    ),
}


@pytest.mark.parametrize("kind", BAD_ARCHIVES)
def test_bad_archive(members: list[bytes], tmp_path: Path, kind: str) -> None:
    change, error, message = BAD_ARCHIVES[kind]
    path = packed(tmp_path / "x.tar.bz2", change(members))
    with pytest.raises(error, match=re.escape(message)):
        read(path)
    assert [*tmp_path.iterdir()] == [path]


def test_negative_size(members: list[bytes], tmp_path: Path) -> None:
    """Such a header would lead back to itself: a limit of processor time ends such a loop."""
    evil = member("README.txt", size=b"-%010o" % 1000)
    path = packed(tmp_path / "x.tar.bz2", [evil, *members])
    done = child(
        "import resource\nfrom pathlib import Path\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (60, 60))\n"
        f"try:\n    archive.read(Path({str(path)!r}), {MOLECULES})\n"
        "except errors.DataError as error:\n    print(error)"
    )
    assert "a header cannot be read" in done.stdout


def test_cut_and_damaged_archive(bodies: dict[str, bytes], everything: QM9, tmp_path: Path) -> None:
    """bzip2 checks each block; a cut in what follows the last one may go unnoticed."""
    path = tmp_path / ARCHIVE
    for damage, data in damages(bodies[ARCHIVE], flips=20, cuts=20):
        path.write_bytes(data)
        try:
            found = read(path)
        except DataError as error:
            told = (
                f"{path} is (cut off, or is not a tar file|damaged, or not) compressed with bzip2"
            )
            assert re.match(told, str(error)), damage
        else:
            assert_equal(found, everything)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is cut off, or is not a tar file compressed with bzip2"),
        (b"<html>", "is damaged, or not compressed with bzip2: Invalid data stream"),
        (b"\x1f\x8b\x08\x00", "is damaged, or not compressed with bzip2: Invalid data stream"),
        (bz2.compress(b""), "is cut off, or is not a tar file compressed with bzip2"),
        (bz2.compress(b"text" * 1000), "is not a tar file, or is damaged: a header cannot be read"),
    ],
    ids=["empty", "web page", "gzip", "nothing packed", "no tar"],
)
def test_no_archive(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / ARCHIVE).write_bytes(data)
    with pytest.raises(DataError, match=message):
        read(tmp_path / ARCHIVE)


def test_any_order(members: list[bytes], everything: QM9, tmp_path: Path) -> None:
    shuffled = random.Random(9).sample(members, MOLECULES)
    assert_equal(read(packed(tmp_path / ARCHIVE, shuffled)), everything)
    assert_equal(read(packed(tmp_path / ARCHIVE, members[::-1])), everything)


@pytest.mark.parametrize("molecules", [1, 499, 500, 501, 1000])
def test_whole_groups_of_records(tmp_path: Path, molecules: int) -> None:
    """500 records are converted at once."""
    lines = first_lines(molecules)
    members = [member(name, text) for name, text in make_archive.records(lines)]
    columns = archive.read(packed(tmp_path / ARCHIVE, members), molecules)
    assert_equal(QM9(**columns), QM9(**concatenate([qm9pack.parse_csv(lines)])))


def test_names_in_a_folder(csv: bytes, everything: QM9, tmp_path: Path) -> None:
    named = [member(f"./{name}", text) for name, text in make_archive.records(csv)]
    assert_equal(read(packed(tmp_path / ARCHIVE, named)), everything)


@pytest.mark.parametrize("size", [100, 511, 70_000])
def test_many_streams(members: list[bytes], everything: QM9, tmp_path: Path, size: int) -> None:
    """As parallel packers write them; an empty one is a stream too."""
    data = b"".join(members[:40] if size < 1000 else members) + bytes(1024)
    streams = [bz2.compress(data[start : start + size], 1) for start in range(0, len(data), size)]
    (tmp_path / ARCHIVE).write_bytes(bz2.compress(b"").join(streams))
    if size < 1000:
        found = QM9(**archive.read(tmp_path / ARCHIVE, 40))
        assert_equal(found, everything[:40])
    else:
        assert_equal(read(tmp_path / ARCHIVE), everything)
