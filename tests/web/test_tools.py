"""The server and the grades that these tests and `make lighthouse` rest on."""

from __future__ import annotations

import gzip
import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import lighthouse
import webserver


def test_server_compresses_text_and_leaves_the_rest(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (tmp_path / "secret.html").write_text("outside of the site")
    (site / "index.html").write_text("Hello " * 100)
    (site / "a.png").write_bytes(b"\x89PNG" * 100)
    with webserver.serve(site) as address:
        with urllib.request.urlopen(address) as page:
            body = page.read()
            assert page.headers["Content-Type"] == "text/html"
            assert len(body) == int(page.headers["Content-Length"]) < 100
            assert gzip.decompress(body) == b"Hello " * 100
        with urllib.request.urlopen(address + "a.png?v=1") as image:
            assert image.headers["Content-Encoding"] is None
            assert image.read() == b"\x89PNG" * 100
        (site / "index.html").write_text("changed")
        os.utime(site / "index.html", (1, 1))  # two writes may have one time
        with urllib.request.urlopen(address) as page:
            assert gzip.decompress(page.read()) == b"changed"
        for lost in ("lost.html", "../secret.html", "%2e%2e/secret.html"):
            with pytest.raises(urllib.error.HTTPError) as answer:
                urllib.request.urlopen(address + lost)
            assert answer.value.code == 404
            answer.value.close()


def test_server_needs_a_site(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make book"), webserver.serve(tmp_path):
        pass


@pytest.mark.parametrize(("score", "status"), [(0.95, 0), (0.94, 1), (None, 2)])
def test_lighthouse_ends_with_what_the_grades_say(
    score: float | None, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stand-in for Lighthouse gives the same grade to everything."""
    (tmp_path / "index.html").write_text("Hello")
    script = tmp_path / "lighthouse/cli/index.js"
    script.parent.mkdir(parents=True)
    graded = f'{{"score": {"null" if score is None else score}}}'
    names = ", ".join(f'"{name}": {graded}' for name in lighthouse.CATEGORIES)
    script.write_text(f"console.log('{{\"categories\": {{{names}}}}}')")
    output = tmp_path / "grades.json"
    options = ["--site", str(tmp_path), "--modules", str(tmp_path), "--output", str(output)]
    assert lighthouse.main([*options, "--runs", "1", "index.html"]) == status
    assert output.exists() == (status < 2)
