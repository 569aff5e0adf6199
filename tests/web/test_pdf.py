"""The book as one PDF, printed from the site under test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pypdf import PdfReader
from pypdf.generic import Destination

import pdf
from browser import BrowserError
from web import checks


@pytest.fixture(scope="module")
def printed(site: checks.Site, tmp_path_factory: pytest.TempPathFactory) -> PdfReader:
    target = tmp_path_factory.mktemp("pdf") / "book.pdf"
    pdf.print_book(site.root, target)
    assert [file.name for file in target.parent.iterdir()] == ["book.pdf"]  # nothing unfinished
    return PdfReader(target)


def test_outline_names_every_page_of_the_book(printed: PdfReader, site: checks.Site) -> None:
    shown = [page for page in site.contents if not page.startswith(pdf.NOT_PRINTED)]
    titles = [" ".join(site.soup(page).h1.text.rstrip("#").split()) for page in shown]
    outline = [item for item in printed.outline if isinstance(item, Destination)]
    assert [item.title for item in outline] == titles
    # And leads there.
    for item, title in zip(outline[1:], titles[1:], strict=True):
        number = printed.get_destination_page_number(item)
        assert number is not None
        text = " ".join(printed.pages[number].extract_text().split())
        assert title.split()[0] in text[:200]


def test_pages_are_numbered_and_formulas_drawn(printed: PdfReader) -> None:
    texts = [page.extract_text() for page in printed.pages]
    for number in (1, 7, len(texts)):
        assert re.search(rf"(^|\n){number}\s*(\n|$)", texts[number - 1])
    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in printed.pages
        for font in page["/Resources"].get_object().get("/Font", {}).values()
    }
    assert any("KaTeX_Math" in font for font in fonts)
    assert not re.search(r"\\(frac|sum|mathbf|begin)\b", "".join(texts))


def test_links_stay_in_the_book(printed: PdfReader) -> None:
    links = [
        note.get_object()["/A"]["/URI"]
        for page in printed.pages
        for note in page.get("/Annots", [])
        if "/URI" in note.get_object().get("/A", {})
    ]
    assert links and not [link for link in links if not link.startswith("http")]
    assert not [link for link in links if "127.0.0.1" in link]


def test_site_that_is_not_built(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BrowserError, match="make book"):
        pdf.print_book(tmp_path, tmp_path / "book.pdf")
    assert not list(tmp_path.iterdir())
