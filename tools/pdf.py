"""Print the built book as a PDF, with outline, links and page numbers, through chromium.

There is one for students, without solutions, and one for teachers, with everything. The pages of
`_build/html` are put one after the other, and their links made to point into the same file.
Formulas and figures are those of the site.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urldefrag, urljoin

from bs4 import BeautifulSoup, Tag
from playwright.sync_api import sync_playwright
from pypdf import PdfReader, PdfWriter

from browser import HANG, BrowserError, launch
from webserver import serve

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
PDF = ROOT / "_build" / "pdf"

FIRST = "book/index.html"
NOT_PRINTED = ("book/api/", "book/explorer", "book/status", "book/licences")
"""What serves only on a screen, or tells of the site itself."""

LEFT_OUT = {"students": (*NOT_PRINTED, "book/solutions/", "book/teachers"), "teachers": NOT_PRINTED}
"""What the book for each of them does not have."""

FOOTER = """\
<div style="width: 100%; text-align: center; font: 8pt sans-serif; color: #555">
  <span class="pageNumber"></span>
</div>"""

FRAME = """\
<!DOCTYPE html>
<html lang="en" data-theme="light" data-content_root="../">
<head><meta charset="utf-8" /><title>{title}</title>{styles}
<style>
  body {{ font-size: 10.5pt; }}
  .bd-article {{ padding: 0 !important; max-width: none; }}
  .bd-article.chapter {{ break-before: page; }}
  .bd-article:not(.chapter, :first-of-type) > section > h1 {{ margin-top: 3rem; }}
  .landing-path .sd-row {{ display: block; columns: 2; }}
  .landing-path .sd-row > div {{ width: auto; }}
  :is(pre, details, .cell, .cell_input, .cell_output, div.output, div[class*="highlight"]) {{
    display: block; break-inside: auto !important; orphans: 3; widows: 3;
  }}
  aside.margin {{ float: none !important; width: auto !important; margin: 0 0 1em !important; }}
  figure svg, figure img {{ max-height: 80mm; }}
  h1, h2, h3 {{ text-wrap: initial; break-after: avoid; }}
  nav.printed ul {{ list-style: none; padding: 0; columns: 2; font-size: 8.5pt; line-height: 1.3; }}
  nav.printed .printed-h1 {{ margin-top: 0.6rem; font-weight: bold; break-after: avoid; }}
  nav.printed .printed-h2 {{ margin-left: 1rem; }}
</style></head>
<body class="bd-article-container">
{body}
</body></html>"""


class Entry(NamedTuple):
    """A line of the contents."""

    level: str
    title: str
    anchor: str


def pages(site: Path, first: str = FIRST) -> Iterator[tuple[str, BeautifulSoup]]:
    """Walk through the site by each page's link to the next one.

    Yields
    ------
    tuple
        Path of the page in the site, and its parsed text.
    """
    path: str | None = first
    while path:
        page = BeautifulSoup((site / path).read_text("utf-8"), "html.parser")
        yield path, page
        link = page.find("link", rel="next")
        path = urljoin(path, str(link["href"])) if isinstance(link, Tag) else None


def anchor(path: str, fragment: str = "") -> str:
    """Return the name of a place in the printed book."""
    return path.removesuffix(".html").replace("/", "-") + (f"--{fragment}" if fragment else "")


def article(path: str, page: BeautifulSoup, printed: Sequence[str]) -> Tag:
    """Return a page's article, ready to stand beside those of other pages."""
    found = page.select_one("article.bd-article")
    if found is None:
        raise BrowserError(f"{path} has no article; build the book again: make book")
    for unseen in found.select("script, .headerlink, .copybtn"):
        unseen.decompose()
    for named in found.find_all(id=True):
        if named.find_parent("svg") is None:
            named["id"] = anchor(path, str(named["id"]))
    found["id"] = anchor(path)
    for folded in found.find_all("details"):
        folded["open"] = ""
    for image in found.find_all(src=True):
        if not str(image["src"]).startswith("data:"):
            image["src"] = "/" + urljoin(path, str(image["src"]))
    for link in found.find_all("a", href=True):
        if ":" in str(link["href"]):
            continue
        target, fragment = urldefrag(urljoin(path, str(link["href"])))
        if target in printed:
            link["href"] = "#" + anchor(target, fragment)
        else:
            link["data-lost"] = target
            del link["href"]
    return found


def assemble(site: Path, readers: str = "teachers") -> tuple[str, list[Entry]]:
    """Return the book for these readers as one page of HTML, and its contents."""
    book = {p: page for p, page in pages(site) if not p.startswith(LEFT_OUT[readers])}
    styles = "".join(map(str, book[FIRST].select("head style")))
    articles = [article(path, page, list(book)) for path, page in book.items()]
    if readers == "students":
        for found in articles:
            for answer in found.select("details, a[data-lost*='/solutions/']"):
                answer.decompose()
    for path, found in zip(book, articles, strict=True):
        # Chapters begin a page; sets of exercises and of solutions follow one another.
        if path.count("/") == 1 and path != FIRST:
            found["class"] = "bd-article chapter"
    entries = [entry for found in articles for entry in headings(found)]
    items = "".join(
        f'<li class="printed-{entry.level}">'
        f'<a href="#{entry.anchor}">{escape(entry.title)}</a></li>'
        for entry in entries
    )
    contents = f'<nav class="printed"><h2>Contents</h2><ul>{items}</ul></nav>'
    articles[0].append(BeautifulSoup(contents, "html.parser"))
    body = "\n".join(map(str, articles))
    return FRAME.format(title=escape(entries[0].title), styles=styles, body=body), entries


def headings(article: Tag) -> Iterator[Entry]:
    """Find the title of a page and those of its sections, with the names of their places."""
    for heading in article.find_all(["h1", "h2"]):
        section = heading.find_parent("section")
        if section is not None:
            title = " ".join(heading.get_text().split())
            yield Entry(heading.name, title, str(section["id"]))


def add_outline(file: Path, entries: Sequence[Entry]) -> None:
    """Write the contents into the PDF as its outline.

    Chromium can make one, but repeats the words of a heading that takes two lines.
    """
    # Only what is new is added: pypdf copies some objects of Chromium's twice.
    writer = PdfWriter(io.BytesIO(file.read_bytes()), incremental=True)
    reader = PdfReader(file)
    parent = None
    for entry in entries:
        number = reader.get_destination_page_number(reader.named_destinations[f"/{entry.anchor}"])
        above = None if entry.level == "h1" else parent
        item = writer.add_outline_item(title=entry.title, page_number=number, parent=above)
        if entry.level == "h1":
            parent = item
    writer.write(file)


def print_book(site: Path, target: Path, readers: str) -> None:
    """Print the site as one PDF.

    Parameters
    ----------
    site
        The built site.
    target
        The PDF file; written whole or not at all.
    readers
        Whom it is for: a key of `LEFT_OUT`.

    Raises
    ------
    BrowserError
        If the book has not been built, or no chromium is found.
    """
    if not (site / FIRST).exists():
        raise BrowserError(f"{site / FIRST} is missing: build the book first, with `make book`")
    target.parent.mkdir(parents=True, exist_ok=True)
    with serve(site) as address, sync_playwright() as playwright, launch(playwright) as browser:
        page = browser.new_page()
        page.set_default_timeout(10 * HANG)  # two hundred pages
        # Relative addresses are those of the first page.
        page.goto(f"{address.rstrip('/')}/{FIRST}")
        text, entries = assemble(site, readers)
        page.set_content(text, wait_until="load")
        page.evaluate("document.fonts.ready")
        unfinished = target.with_suffix(".part")
        page.pdf(
            path=unfinished,
            format="A4",
            print_background=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
            margin={"top": "18mm", "bottom": "20mm", "left": "18mm", "right": "18mm"},
            tagged=True,
        )
        add_outline(unfinished, entries)
        unfinished.replace(target)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=PDF, help="default: %(default)s")
    parser.add_argument("--for", dest="readers", nargs="+", choices=LEFT_OUT, default=[*LEFT_OUT])
    parser.add_argument("--site", type=Path, default=SITE, help="default: %(default)s")
    options = parser.parse_args(arguments)
    for readers in options.readers:
        target = options.folder / f"book-{readers}.pdf"
        try:
            print_book(options.site, target, readers)
        except BrowserError as error:
            print(f"pdf: {error}", file=sys.stderr)
            return 1
        print(f"The book for {readers}: {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
