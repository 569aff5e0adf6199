"""Every page, in each width and theme, and in its file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import notebooks
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
    pytestconfig: pytest.Config,
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
            if pytestconfig.getoption("pictures") and not source_code:
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


def test_links_of_a_published_notebook_are_on_the_site(site: checks.Site) -> None:
    """A notebook that lies alone leads to pages, and to parts of them, that are there."""
    fork = notebooks.Repository("https://github.com/ada/course", "main")
    problems = []
    for file in map(site.contents.get, site.notebooks):
        cells = notebooks.from_markdown((checks.ROOT / file).with_suffix(".md"), fork).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        found = re.findall(rf"\]\({re.escape(fork.site)}/([^)#]+)(?:#([^)]+))?\)", text)
        assert found, file
        problems += [
            f"{file}: {page}#{anchor}"
            for page, anchor in found
            if page not in site.pages or (anchor and anchor not in site.anchors(page))
        ]
    assert not problems


def test_site_keeps_its_citations_and_its_own_links(site: checks.Site) -> None:
    """In notebooks both lead to the web; a page of the site has them from the source."""
    for page in site.notebooks:
        source = (checks.ROOT / site.contents[page]).with_suffix(".md").read_text("utf-8")
        cited = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", source)
        links = [link["href"] for link in site.soup(page).select("article a[href]")]
        references = [link for link in links if link.startswith("references.html#")]
        assert len(references) == sum(keys.count(",") + 1 for keys in cited), page
        if "/exercises/" in page:
            solutions = f"../solutions/{page.rpartition('/')[2]}#"
            assert sum(link.startswith(solutions) for link in links) >= 5, page
