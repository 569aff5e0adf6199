"""Ways to use the site: by search and keys, enlarged, from a folder, without scripts, slowly."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from web import checks

Record = Callable[[str, object], None]

# What people look for, and the page that has to be among the answers.
SOUGHT = {
    "dipole moment": "book/labels.html",
    "Mulliken": "book/data.html",
    "one-hot": "book/data.html",
    "least squares": "book/baseline.html",
    "permutation": "book/gnn.html",
    "equivariant": "book/accuracy.html",
}

# Chrome's "Fast 3G" on a phone: 4 times slower, latency in ms, bytes per second.
FAST_3G = (4, 562.5, 1.6e6 * 0.9 / 8)
CRITICAL = 300_000
"""What may be transferred before the first text is drawn, in bytes."""


def results(page: Page) -> list[str]:
    """Wait for the answers of a search, and return their paths."""
    page.wait_for_function("/found/.test(document.querySelector('.search-summary')?.textContent)")
    links = page.locator("#search-results > ul > li > a")
    return links.evaluate_all("(links) => links.map((link) => link.href.split('?')[0])")


EXCERPTS = """(anchor) => [...document.querySelectorAll("#search-results > ul > li")]
    .filter((item) => item.querySelector("a").href.includes(anchor))
    .map((item) => (item.querySelector("p.context, div.context")?.textContent ?? "").trim())"""

FORMULA = """<article><p>Let <span class="katex"><span class="katex-mathml"><math><semantics>
<mi>R</mi><annotation>\\mathrm R</annotation></semantics></math></span><span class="katex-html">R
</span></span> be.</p></article>""".replace("\n", "")

ON_LETTERS = """(form) => {
    const input = form.querySelector("input");
    const { right } = form.querySelector("i").getBoundingClientRect();
    const { left } = input.getBoundingClientRect();
    return right - left - parseFloat(getComputedStyle(input).paddingLeft);
}"""


def test_search_tells_what_it_has_found(browser: Browser, address: str) -> None:
    """An excerpt is of the text, without buttons, and a term comes with its definition, once."""
    with checks.visit(browser, f"{address}search.html?q=mask", 1280) as seen:
        # A name in the reference is found by itself, and comes without an excerpt.
        found = [path for path in results(seen.page) if "#qm9" not in path]
        said = "document.querySelectorAll('#search-results li .context').length"
        checks.until(seen.page, lambda: seen.page.evaluate(said) == len(found))
        (term,) = seen.page.evaluate(EXCERPTS, "book/glossary.html")
        assert term.startswith("mask: An array that says which atoms"), term
        for text in seen.page.evaluate(EXCERPTS, ""):
            assert not re.search(r"Suggest edit|Open issue|\.ipynb|Contents|\\[a-z]", text), text
        assert seen.page.locator("form.bd-search").last.evaluate(ON_LETTERS) <= 0
        assert seen.page.evaluate("(html) => Search.htmlToText(html)", FORMULA) == "Let R be."


@pytest.mark.parametrize("words", SOUGHT)
def test_search(words: str, browser: Browser, address: str) -> None:
    with checks.visit(browser, f"{address}search.html?q={quote(words)}", 1280) as seen:
        assert address + SOUGHT[words] in results(seen.page)
        checks.conclude({"console": checks.console(seen), "requests": checks.requests(seen)})


def test_search_finds_functions(browser: Browser, address: str, site: checks.Site) -> None:
    """A function's name leads to its place on its page of the reference."""
    places = {page: site.anchors(page) for page in site.pages if not page.startswith("_modules/")}
    pages = [page for page, anchors in places.items() if "qm9lib.data.dataset.load" in anchors]
    assert pages, "no page documents qm9lib.data.dataset.load"
    with checks.visit(browser, f"{address}search.html?q=dataset.load", 1280) as seen:
        assert f"{address}{pages[0]}#qm9lib.data.dataset.load" in results(seen.page)


def test_search_from_a_page_by_keys(browser: Browser, address: str, site: checks.Site) -> None:
    with checks.visit(browser, address + site.chapters[0], 1280) as seen:
        page = seen.page
        page.keyboard.press("Control+k")
        dialog = page.locator("dialog[open]")
        expect(dialog.locator("input:focus")).to_have_count(1)
        assert dialog.locator("form").evaluate(ON_LETTERS) <= 0  # the magnifier
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        page.keyboard.press("Control+k")
        page.keyboard.type("Mulliken")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=Mulliken")
        assert address + SOUGHT["Mulliken"] in results(page)


# What has the focus: its description, and what is wrong with it for the one who looks for it.
FOCUSED = """async () => {
    const element = document.activeElement;
    if (element === document.body) return null;
    // What appears with the focus may take a moment, and what makes room for it two frames more.
    for (let i = 0; i < 2; i++) await new Promise((done) => requestAnimationFrame(done));
    await Promise.allSettled(document.getAnimations().map((animation) => animation.finished));
    const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    const seen = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const inside = right > 0 && bottom > 0 && left < innerWidth && top < innerHeight;
    // A link that breaks into two lines has nothing in the middle of its box.
    const covered = [...element.getClientRects()].every((rect) => {
        const there = document.elementFromPoint((rect.left + rect.right) / 2,
                                                (rect.top + rect.bottom) / 2);
        return !there || !(element.contains(there) || there.contains(element));
    });
    const problems = [];
    if (!seen || !width || !height) problems.push("it cannot be seen");
    else if (!inside) problems.push("it is outside of the window");
    else if (covered) problems.push("something covers it");
    if (!ring && style.boxShadow === "none") problems.push("no ring shows the focus");
    element.dataset.reached = "";
    const name = `<${element.localName}.${[...element.classList].join(".")}> ` +
        `"${element.textContent.trim().replace(/\\s+/g, " ").slice(0, 40)}"`;
    return [name, problems];
}"""


def test_every_control_is_reached_by_tab(browser: Browser, address: str, site: checks.Site) -> None:
    """Tab leads through the whole page, and one always sees where one is."""
    with checks.visit(browser, address + site.chapters[0], 1280) as seen:
        names: list[str] = []
        problems: list[str] = []
        for _ in range(500):
            seen.page.keyboard.press("Tab")
            stop = seen.page.evaluate(FOCUSED)
            if stop is None:
                break
            names.append(stop[0])
            problems += [f"{stop[0]}: {problem}" for problem in stop[1]]
        missed = seen.page.evaluate(
            "[...document.querySelectorAll('a[href], button, summary, input')]"
            ".filter((e) => e.checkVisibility({ visibilityProperty: true }))"
            ".filter((e) => !('reached' in e.dataset) && e.tabIndex >= 0)"
            ".map((e) => 'Tab never comes to ' + e.outerHTML.slice(0, 120))"
        )
        assert "Skip to main content" in names[0]
        checks.conclude({"focus": problems, "missed": missed})


def test_skip_link_leads_to_the_text(browser: Browser, address: str, site: checks.Site) -> None:
    with checks.visit(browser, address + site.chapters[0], 1280) as seen:
        page = seen.page
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("Boolean(document.activeElement.closest('main'))")


def test_copy_and_quiz_by_keys(browser: Browser, address: str, site: checks.Site) -> None:
    granted = ["clipboard-read", "clipboard-write"]
    page_name = next(page for page in site.chapters if site.soup(page).select("article details"))
    with checks.visit(browser, address + page_name, 1280, permissions=granted) as seen:
        page = seen.page
        code = page.locator("div.cell_input div.highlight").first
        code.locator("button.copybtn").focus()
        page.keyboard.press("Enter")
        page.wait_for_function("navigator.clipboard.readText()")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.strip() == code.locator("pre").inner_text().strip()
        answer = page.locator("article details").first
        answer.locator("summary").focus()
        assert not answer.evaluate("(details) => details.open")
        page.keyboard.press("Enter")
        assert answer.evaluate("(details) => details.open")


def test_nothing_moves_for_those_who_asked_so(
    browser: Browser, address: str, site: checks.Site
) -> None:
    with checks.visit(browser, address + site.chapters[0], 390) as seen:
        page = seen.page
        found = {"after loading": seen.ask("moving")["moving"]}
        page.evaluate("document.querySelector('button.primary-toggle').click()")
        found["menu opens"] = seen.ask("moving")["moving"]
        page.keyboard.press("Escape")
        found["menu closes"] = seen.ask("moving")["moving"]
        assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
        checks.conclude(found)


def test_menus_are_accessible_when_open(
    browser: Browser, address: str, site: checks.Site, axe_script: str
) -> None:
    """Check what one does not see on the page as it loads: menus, the search, the sidebars."""
    problems: dict[str, list[str]] = {}
    # So high that nothing has to be scrolled to be judged.
    with checks.visit(browser, address + site.chapters[0], 390, height=4000) as seen:
        page = seen.page
        for button in page.locator(".article-header-buttons .dropdown > button").all():
            button.click()
            name = str(button.get_attribute("aria-label"))
            problems[name] = checks.axe(seen, axe_script, [".article-header-buttons"])
            page.keyboard.press("Escape")
        page.keyboard.press("Control+k")
        problems["search"] = checks.axe(seen, axe_script, ["dialog[open]"])
        page.keyboard.press("Escape")
        for name in ("primary", "secondary"):
            page.locator(f"button.{name}-toggle").first.click()
            page.wait_for_selector("dialog[open]")
            problems[name] = checks.axe(seen, axe_script, ["dialog[open]"])
            page.keyboard.press("Escape")
    checks.conclude(problems)


@pytest.mark.parametrize("name", ["index", "gnn", "labels"])
def test_from_a_folder(name: str, browser: Browser, site: checks.Site) -> None:
    """A site that somebody has unpacked works without a server."""
    with checks.visit(browser, (site.root / f"book/{name}.html").as_uri(), 1280) as seen:
        found = seen.ask("formulas", "tex", "molecules", "scroll")
        checks.conclude(
            found | {"console": checks.console(seen), "requests": checks.requests(seen)}
        )


def test_search_from_a_folder(browser: Browser, site: checks.Site) -> None:
    with checks.visit(browser, (site.root / "search.html").as_uri() + "?q=Mulliken", 1280) as seen:
        assert (site.root / SOUGHT["Mulliken"]).as_uri() in results(seen.page)
        # Excerpts of the pages come by fetch, which no browser allows there; the list is complete.


def test_without_scripts(chapter: str, browser: Browser, address: str, site: checks.Site) -> None:
    with checks.visit(browser, address + chapter, 390, java_script_enabled=False) as seen:
        found = seen.ask("formulas", "tex", "scroll", "theme", "figures", "images", "drawings")
        article = seen.page.locator("article")
        shown = " ".join(article.inner_text().split())
        for paragraph in site.soup(chapter).select("article > section > section > p")[:5]:
            # Formulas are written twice, for the eye and for the ear.
            if not paragraph.select(".math"):
                assert " ".join(paragraph.text.split()) in shown
        for figure in article.locator("figure svg, figure img").all():
            box = figure.bounding_box()
            assert box is not None and box["width"] > 100 and box["height"] > 50
        for name in ("Pages of the book", "Contents of this page"):
            menu = seen.page.get_by_label(name, exact=True)
            assert menu.count() == 1, name
            menu.click()
            target = seen.page.locator(str(menu.get_attribute("href")))
            expect(target).to_be_in_viewport()
            expect(target.locator("a").first).to_be_visible()
        # What opens a menu, opens it; and no other button is dead.
        for button in seen.page.locator(".bd-header-article button:visible").all():
            button.focus()
            expect(button.locator("xpath=following-sibling::ul")).to_be_visible()
        checks.conclude(found)


def test_letters_of_twice_the_size(reading: str, browser: Browser, address: str) -> None:
    with checks.visit(browser, address + reading, 1280, letters=32) as seen:
        found = {"1280": seen.ask("scroll", "header", "cut", "words")}
        seen.resize(390)
        found["390"] = seen.ask("scroll", "header", "cut")
    checks.conclude(
        {f"{width} {name}": texts for width, said in found.items() for name, texts in said.items()}
    )


TIMES = """async () => {
    // What has happened so far comes before a mark that is set now; of each type at least `least`.
    const entries = (type, least = 1) => new Promise((resolve) => {
        const found = [];
        let marked = false;
        const observer = new PerformanceObserver((list) => {
            found.push(...list.getEntriesByType(type));
            marked ||= list.getEntriesByType("mark").length > 0;
            if (marked && found.length >= least) resolve(found);
        });
        observer.observe({ type, buffered: true });
        observer.observe({ type: "mark" });
        performance.mark("asked");
    });
    const paints = await entries("paint", 2);
    const [page] = performance.getEntriesByType("navigation");
    const scripts = page.domContentLoadedEventEnd;
    const tasks = (await entries("longtask", 0)).map((task) => task.startTime + task.duration);
    const blocking = performance.getEntriesByType("resource")
        .filter((entry) => entry.renderBlockingStatus === "blocking");
    const times = {
        "First text (s)": paints.find(({ name }) => name === "first-contentful-paint").startTime,
        "Largest part (s)": (await entries("largest-contentful-paint")).at(-1).startTime,
        "Scripts have run (s)": scripts,
        "Quiet (s)": Math.max(scripts, ...tasks),
    };
    return [times, [page, ...blocking].reduce((sum, entry) => sum + entry.transferSize, 0)];
}"""


def test_on_a_phone(reading: str, browser: Browser, address: str, record_property: Record) -> None:
    """Measure how soon one can read, and limit what has to come before; times are too noisy."""
    phone = {"is_mobile": True, "has_touch": True, "device_scale_factor": 2}
    with checks.visit(
        browser, address + reading, 390, height=844, throttle=FAST_3G, **phone
    ) as seen:
        times, critical = seen.page.evaluate(TIMES)
        row = {"Page": reading} | {name: f"{ms / 1000:.1f}" for name, ms in times.items()}
        row |= {
            "Before the first text (kB)": f"{critical / 1000:.0f}",
            "All (kB)": f"{seen.received / 1000:.0f}",
        }
        record_property("phone", row)
        assert critical <= CRITICAL
