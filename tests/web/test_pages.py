"""Every page, in each width and theme, and in its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser

from web import checks

Record = Callable[[str, object], None]


def note(record: Record, page: str, found: dict[str, dict[str, list[str]]]) -> None:
    """Report what each view of a page has shown, and fail if there are problems."""
    record("page", page)
    record("checks", found)
    checks.conclude(
        {
            f"{view} {check}".strip(): problems
            for view, several in found.items()
            for check, problems in several.items()
        }
    )


def test_page(
    view: tuple[str, str, tuple[int, ...]],
    browser: Browser,
    address: str,
    axe_script: str,
    screenshots: Path,
    record_property: Record,
) -> None:
    """Open a page in a theme, and change its width, as a reader who turns a tablet."""
    page, theme, widths = view
    found: dict[str, dict[str, list[str]]] = {f"{width} {theme}": {} for width in widths}
    source_code = page.startswith("_modules/")
    with checks.visit(browser, address + page, widths[0], theme) as seen:
        found[f"{widths[0]} {theme}"]["weight"] = checks.weight(seen)
        for width in widths:
            seen.resize(width)
            found[f"{width} {theme}"]["steady"] = checks.steady(seen)
            if not source_code:
                if not page.startswith("book/api/"):  # long and all alike: the top is enough
                    seen.stretch(30_000)
                file = f"{page.removesuffix('.html').replace('/', '-')}-{width}-{theme}.jpg"
                seen.page.screenshot(path=screenshots / file, quality=60)
            seen.unfold()
            found[f"{width} {theme}"] |= seen.ask(*checks.SHOWN)
            found[f"{width} {theme}"]["axe"] = checks.axe(seen, axe_script)
        if theme == "light" and not source_code:
            # A window of 1280 px, enlarged to 400 %, has room for 320 px.
            seen.resize(320, 256)
            seen.unfold()
            found[f"320 {theme}"] = seen.ask("scroll", "cut")
        found[f"{widths[-1]} {theme}"] |= {
            "console": checks.console(seen),
            "requests": checks.requests(seen),
        }
    note(record_property, page, found)


def test_file(page_name: str, site: checks.Site, record_property: Record) -> None:
    found = {check.__name__: check(site, page_name) for check in checks.FILE_CHECKS}
    note(record_property, page_name, {"": found})


def test_titles_differ(site: checks.Site) -> None:
    titles = [site.soup(page).title.text for page in site.pages]
    assert sorted(set(titles)) == sorted(titles)


def test_contents_are_built(site: checks.Site) -> None:
    assert set(site.contents) <= set(site.pages)
