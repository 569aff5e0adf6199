"""The book as one PDF, printed from the site under test."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pypdf import PdfReader
from pypdf.generic import Destination

import pdf
from web import checks


def test_book(site: checks.Site, tmp_path: Path) -> None:
    """One test, since printing takes long; one process, since Playwright runs once in each."""
    target = tmp_path / "book.pdf"
    command = [sys.executable, pdf.__file__, "--site", str(site.root), str(target)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == [target]  # nothing unfinished
    printed = PdfReader(target)
    texts = [page.extract_text() for page in printed.pages]

    # The outline names every page of the book, and leads there.
    shown = [page for page in site.contents if not page.startswith(pdf.NOT_PRINTED)]
    titles = [" ".join(site.soup(page).h1.text.rstrip("#").split()) for page in shown]
    outline = [item for item in printed.outline if isinstance(item, Destination)]
    assert [item.title for item in outline] == titles
    for item, title in zip(outline, titles, strict=True):
        number = printed.get_destination_page_number(item)
        assert number is not None
        assert title.split()[0] in " ".join(texts[number].split())[:200]

    for number in (1, 7, len(texts)):
        assert re.search(rf"(^|\n){number}\s*(\n|$)", texts[number - 1])

    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in printed.pages
        for font in page["/Resources"].get_object().get("/Font", {}).values()
    }
    assert any("KaTeX_Math" in font for font in fonts)
    assert not re.search(r"\\(frac|sum|mathbf|begin)\b", "".join(texts))

    links = [
        note.get_object()["/A"]["/URI"]
        for page in printed.pages
        for note in page.get("/Annots", [])
        if "/URI" in note.get_object().get("/A", {})
    ]
    assert links and all(link.startswith("http") and "127.0.0.1" not in link for link in links)


def test_site_that_is_not_built(tmp_path: Path) -> None:
    command = [sys.executable, pdf.__file__, "--site", str(tmp_path), str(tmp_path / "book.pdf")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "make book" in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
