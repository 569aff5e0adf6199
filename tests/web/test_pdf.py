"""The book as one PDF, printed from the site under test."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PageObject, PdfReader
from pypdf.generic import Destination

import pdf
from web import checks

MARGIN = 50
"""Height of the foot with the number of the page, in points."""


def read(page: PageObject) -> tuple[str, bool]:
    """Return the text of a page, and whether it leaves more than a third of the page blank."""
    heights: list[float] = []

    def visit(text: str, user: list[float], matrix: list[float], *_: object) -> None:
        height = matrix[4] * user[1] + matrix[5] * user[3] + user[5]
        if text.strip() and height > MARGIN:
            heights.append(height)

    text = page.extract_text(visitor_text=visit)
    return text, min(heights, default=1e9) > float(page.mediabox.height) / 3


@pytest.fixture(scope="module")
def whole(site: checks.Site) -> tuple[str, list[pdf.Entry]]:
    """The book for teachers as one page, and its contents."""
    return pdf.assemble(site.root, "teachers")


def test_book(site: checks.Site, whole: tuple[str, list[pdf.Entry]], tmp_path: Path) -> None:
    """One test, since printing takes long; one process, since Playwright runs once in each."""
    target = tmp_path / "book-teachers.pdf"
    command = [sys.executable, pdf.__file__, "--site", str(site.root), str(tmp_path)]
    done = subprocess.run([*command, "--for", "teachers"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == [target]  # nothing unfinished
    printed = PdfReader(target)
    texts, blank = zip(*map(read, printed.pages), strict=True)

    # The outline names every page of the book, and leads there.
    shown = [page for page in site.contents if not page.startswith(pdf.NOT_PRINTED)]
    titles = [" ".join(site.soup(page).h1.text.rstrip("#").split()) for page in shown]
    outline = [item for item in printed.outline if isinstance(item, Destination)]
    assert [item.title for item in outline] == titles
    for item, title in zip(outline, titles, strict=True):
        number = printed.get_destination_page_number(item)
        assert number is not None
        assert "".join(title.split()) in "".join(texts[number].split())

    # Few pages are more than a third blank, and none ends with a heading, but those of contents.
    assert sum(blank) <= len(texts) / 12
    headings = {entry.title for entry in whole[1]}
    contents = next(n for n, text in enumerate(texts) if "\nContents\n" in f"\n{text}\n")
    first = printed.get_destination_page_number(outline[1])
    assert first is not None
    for text in (*texts[:contents], *texts[first:]):
        *_, last, _ = text.strip().splitlines()
        assert last.strip() not in headings, text

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


def test_students_get_no_solutions(site: checks.Site, whole: tuple[str, list[pdf.Entry]]) -> None:
    text, entries = pdf.assemble(site.root, "students")
    for part in ('id="book-solutions-labels"', "<details", "Solution of 1.1", "For teachers"):
        assert part in whole[0] and part not in text
    titles = [entry.title for entry in entries if entry.level == "h1"]
    assert any(title.startswith("Exercises") for title in titles)
    assert not any(title.startswith("Solutions") for title in titles)


def test_site_that_is_not_built(tmp_path: Path) -> None:
    command = [sys.executable, pdf.__file__, "--site", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "make book" in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
