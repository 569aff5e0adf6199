"""Draw the picture that a preview of a link shows: a page's title, and its first figure.

There is one for the landing page and one for each chapter, of 1200 by 630 pixels, from the built
book. `make downloads` draws them, and the site that it builds has them (book/_ext/share.py).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup
from playwright.sync_api import ViewportSize, sync_playwright

from browser import BrowserError, launch
from pdf import SITE
from qm9course import CHAPTERS

BOOK = "Molecular energies with graph neural networks"
SIZE: ViewportSize = {"width": 1200, "height": 630}
FIGURES = "article figure.qm9-figure > svg, article qm9-molecule svg, article svg[role=img]"

FRAME = """\
<!DOCTYPE html>
<html lang="en"><meta charset="utf-8" />
<style>
  body {{
    box-sizing: border-box; width: 1200px; height: 630px; margin: 0; padding: 48px 56px;
    display: grid; grid-template: 1fr auto / 5fr 7fr; gap: 0 48px; align-items: center;
    background: #fff; color: #222832; font: 26px/1.35 system-ui, sans-serif;
    border-bottom: 12px solid #00649c;
  }}
  h1 {{ margin: 0; color: #00456b; font-size: 54px; line-height: 1.12; text-wrap: balance; }}
  p {{ grid-column: 1 / -1; margin: 0; }}
  svg {{ width: 100%; height: auto; max-height: 470px; }}
</style>
<h1>{title}</h1><div>{figure}</div><p>{below}</p></html>
"""


def card(page: str) -> str:
    """Return the picture of a page as HTML.

    Parameters
    ----------
    page
        Text of the page.
    """
    soup = BeautifulSoup(page, "html.parser")
    heading, figure = soup.select_one("article h1"), soup.select_one(FIGURES)
    if heading is None or figure is None:
        raise BrowserError("a page has no title or no figure; build the book again: make book")
    title = " ".join(heading.get_text().rstrip("#").split())
    below = "A hands-on course on QM9, in JAX" if title == BOOK else BOOK
    return FRAME.format(title=escape(title), figure=figure, below=escape(below))


def draw(site: Path, folder: Path) -> list[Path]:
    """Draw the pictures into a folder.

    Raises
    ------
    BrowserError
        If the book has not been built, or no chromium is found.
    """
    if not (site / "book" / "index.html").exists():
        raise BrowserError(f"there is no book in {site}: build it first, with `make book`")
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with sync_playwright() as playwright, launch(playwright) as browser:
        page = browser.new_page(viewport=SIZE)
        for name in ("index", *CHAPTERS):
            page.set_content(card((site / "book" / f"{name}.html").read_text("utf-8")))
            files.append(folder / f"{name}.png")
            page.screenshot(path=files[-1])
    return files


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--site", type=Path, default=SITE, help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        files = draw(options.site, options.folder)
    except BrowserError as error:
        print(f"previews: {error}", file=sys.stderr)
        return 1
    print(f"Pictures of {len(files)} pages: {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
