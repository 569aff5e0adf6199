"""Every page, in each width and theme, and in its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser

from web import checks

Record = Callable[[str, object], None]


def note(record: Record, page: str, view: str, found: dict[str, list[str]]) -> None:
    record("page", (page, view))
    record("checks", found)
    checks.conclude(found)


def test_page(
    view: tuple[str, int, str],
    browser: Browser,
    address: str,
    axe_script: str,
    screenshots: Path,
    record_property: Record,
) -> None:
    page, width, theme = view
    with checks.visit(browser, address + page, width, theme) as seen:
        found = {"weight": checks.weight(seen)}
        file = f"{page.removesuffix('.html').replace('/', '-')}-{width}-{theme}.jpg"
        # Of pages that are all alike, the top is enough.
        whole = not page.startswith(("_modules/", "book/api/"))
        seen.page.screenshot(path=screenshots / file, full_page=whole, quality=60)
        seen.unfold()
        found |= seen.ask(*checks.SHOWN)
        found["axe"] = checks.axe(seen, axe_script)
        found |= {"console": checks.console(seen), "requests": checks.requests(seen)}
    note(record_property, page, f"{width} {theme}", found)


def test_zoom(text: str, browser: Browser, address: str, record_property: Record) -> None:
    """A window of 1280 px, enlarged to 400 %, has room for 320 px."""
    with checks.visit(browser, address + text, 320, height=256) as seen:
        seen.unfold()
        note(record_property, text, "320 light", seen.ask("scroll", "cut"))


def test_file(page_name: str, site: checks.Site, record_property: Record) -> None:
    found = {check.__name__: check(site, page_name) for check in checks.FILE_CHECKS}
    note(record_property, page_name, "", found)


def test_titles_differ(site: checks.Site) -> None:
    titles = [site.soup(page).title.text for page in site.pages]
    assert sorted(set(titles)) == sorted(titles)


def test_contents_are_built(site: checks.Site) -> None:
    assert set(site.contents) <= set(site.pages)
