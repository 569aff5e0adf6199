"""Serve a built site as GitHub Pages does: text compressed, on a free port of this machine."""

from __future__ import annotations

import contextlib
import functools
import gzip
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

COMPRESSED = {".html", ".css", ".js", ".svg", ".json", ".xml", ".txt", ".md", ".wasm"}


@functools.lru_cache(maxsize=256)
def _compress(file: Path, changed: int) -> bytes:
    """Compress a file once for each time that it ``changed``."""
    return gzip.compress(file.read_bytes(), compresslevel=6, mtime=0)


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        """Serve one browser, which may leave a page and take no more of its files."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        file = Path(self.translate_path(self.path))
        if file.is_dir() and urlsplit(self.path).path.endswith("/"):
            file /= "index.html"
        if not file.is_file():
            self.send_error(404)
            return
        compressed = file.suffix in COMPRESSED
        body = _compress(file, file.stat().st_mtime_ns) if compressed else file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(file))
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        if compressed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the browser reports what fails."""


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve ``folder`` in a thread while the ``with`` block runs.

    Parameters
    ----------
    folder
        A built site.

    Yields
    ------
    str
        Its address, with a slash at the end.

    Raises
    ------
    FileNotFoundError
        If ``folder`` is not a folder with an ``index.html``.

    Examples
    --------
    >>> import tempfile, urllib.request
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = Path(name, "index.html").write_text("Hello")
    ...     with serve(Path(name)) as address, urllib.request.urlopen(address) as answer:
    ...         print(answer.headers["Content-Encoding"], gzip.decompress(answer.read()))
    gzip b'Hello'
    """
    if not (folder / "index.html").is_file():
        raise FileNotFoundError(f"no site in {folder}: run `make book` first")
    handler = functools.partial(_Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
