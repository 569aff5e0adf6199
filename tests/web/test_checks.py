"""The checks themselves: each finds its fault in a page that has it, and none in a sound one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from web import checks

SOUND = """
<main><h1>One</h1><h2>Two</h2><p>Costs nothing. <code>$x</code></p>
<img alt="a chart" src="data:image/svg+xml,<svg/>">
<div role="img" aria-label="a circle"><svg width="10" height="10"></svg></div>
<figure><figcaption>A caption</figcaption></figure>
<div style="overflow-x: auto"><p style="width: 3000px">a wide table</p></div>
<span class="math"><span class="katex">x</span></span></main>
"""

FAULTS = {
    "scroll": '<p style="width: 3000px">wide</p>',
    "start": '<div style="overflow-x: auto; display: flex; flex-direction: row-reverse">'
    '<p style="flex: none; width: 3000px">a wide formula</p></div>',
    "cut": '<p style="overflow: hidden; width: 40px; white-space: nowrap">far too long for it</p>',
    "words": '<p style="overflow-wrap: anywhere; width: 4em">electronegativity</p>',
    "header": '<p class="bd-header-article" style="background: #fff">'
    '<a title="Menu" href="#" style="position: fixed; left: -9px; padding: 4px"></a></p>',
    "theme": '<p class="bd-header-article">Menu</p>',
    "headings": "<h4>Four</h4>",
    "ids": '<p id="a">one</p><p id="a">two</p>',
    "tex": r"<p>so \frac{1}{2} it is</p>",
    "formulas": r'<p><span class="math">x</span></p>',
    "images": '<img alt="figure.png" src="data:image/svg+xml,<svg/>">',
    "drawings": '<svg width="10" height="10"></svg>',
    "figures": "<figure>without a word</figure>",
    "molecules": "<qm9-molecule><svg aria-hidden='true'><circle r='1'/></svg></qm9-molecule>",
    "moving": "<style>@keyframes a { to { margin-left: 9px } }"
    " p { animation: a 9s infinite }</style><p>moves</p>",
}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = checks.window(browser, viewport={"width": 400, "height": 800})
    yield context.new_page()
    context.close()


def asked(page: Page, html: str) -> dict[str, list[str]]:
    page.set_content(html)
    return checks.Visit(page, page.context.new_cdp_session(page)).ask(*FAULTS)


def test_a_sound_page_passes(page: Page) -> None:
    assert asked(page, SOUND) == dict.fromkeys(FAULTS, [])


@pytest.mark.parametrize("check", FAULTS)
def test_a_fault_is_found(check: str, page: Page) -> None:
    found = asked(page, SOUND.replace("</main>", FAULTS[check] + "</main>"))
    assert [name for name, problems in found.items() if problems] == [check]


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_a_formula_has_all_its_parts(parts: int, page: Page) -> None:
    formula = f"<math><msub>{'<mi>x</mi>' * parts}</msub></math>"
    found = asked(page, SOUND.replace("</main>", f"{formula}</main>"))["formulas"]
    assert [problem.partition(":")[0] for problem in found] == (
        [] if parts == 2 else [f"{parts} parts in msub"]
    )


def test_axe_finds_text_that_is_too_pale(page: Page, axe_script: str) -> None:
    page.set_content(
        '<html lang="en"><title>A</title><main><h1 style="color: #ddd">Pale</h1></main>'
    )
    (problem,) = checks.axe(checks.Visit(page, page.context.new_cdp_session(page)), axe_script)
    assert problem.startswith("color-contrast (serious): h1:")


def test_what_a_page_asks_others_for_is_found(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text('<img alt="" src="https://example.org/a.png"><script>lost()</script>')
    with checks.visit(browser, file.as_uri(), 400) as seen:
        assert checks.requests(seen)[0] == "another host: https://example.org/a.png"
        assert "exception: lost is not defined" in checks.console(seen)
        assert checks.weight(seen) == []
        seen.received = checks.WEIGHT + 1
        assert checks.weight(seen)


def test_dead_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<p id="here"></p><a href="#here"></a><a href="b.html#part"></a><a href="#no"></a>'
        '<a href="lost.html"></a><a href="https://example.org/"></a>'
    )
    (tmp_path / "b.html").write_text('<p id="part"></p><img src="lost.png">')
    (tmp_path / "index.html").write_text('<meta http-equiv="Refresh" content="0; url=a.html" />')
    site = checks.Site(tmp_path)
    assert site.pages == ["a.html", "b.html"]
    assert checks.links(site, "a.html") == ["#no: no such part", "lost.html: no such file"]
    assert checks.links(site, "b.html") == ["lost.png: no such file"]
    assert checks.head(site, "a.html") == [
        "no title",
        "no language",
        "no description",
        "not one viewport",
    ]
