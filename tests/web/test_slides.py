"""The slides of each chapter, as they are shown in class and printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Page
from pypdf import PdfReader

import slides
from qm9course import CHAPTERS
from web import checks

READY = "globalThis.Reveal?.isReady()"

SEEN = """() => {
    // What is wrong on the slide that is shown: what is cut off, and what is too small to be read.
    const slide = Reveal.getCurrentSlide();
    const size = parseFloat(slide.querySelector(".body")?.style.fontSize || "1em");
    const parts = [...slide.querySelectorAll("*:not(svg *, .katex-mathml, .katex-mathml *)")];
    return [
        ...(size < 0.6 ? [`letters of ${size} em`] : []),
        ...parts
            .map((part) => [part.tagName, part.getBoundingClientRect()])
            .filter(([, box]) => box.width && (box.right > 1281 || box.bottom > 721))
            .map(([name, box]) => `${name} reaches ${box.right}, ${box.bottom}`),
    ];
}"""


@pytest.fixture(scope="module")
def decks(
    site: checks.Site, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    slides.make(site.root, folder, pytestconfig.getoption("modules"))
    return folder


@pytest.fixture
def window(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A window, and what went wrong in it: messages of the console, and requests."""
    context = checks.window(browser, viewport={"width": 1280, "height": 720})
    page, problems = context.new_page(), []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url))
    yield page, problems
    context.close()


@pytest.mark.parametrize("name", CHAPTERS)
def test_deck(
    name: str,
    decks: Path,
    site: checks.Site,
    window: tuple[Page, list[str]],
    axe_script: str,
) -> None:
    page, problems = window
    address = (decks / f"{name}.html").as_uri()
    page.goto(address)
    page.wait_for_function(READY)
    shown, headings = 0, []
    found: dict[str, list[str]] = {}
    while True:
        shown += 1
        slide = page.locator("section.present")
        headings.append(slide.locator("h1, h2").first.inner_text())
        found[f"slide {shown}"] = page.evaluate(SEEN)
        if page.evaluate("Reveal.isLastSlide()"):
            break
        answers = slide.locator(".fragment").count()
        for _ in range(1 + answers):
            page.keyboard.press("Space")
    assert shown == page.evaluate("Reveal.getTotalSlides()")
    # All of them together, as they are printed.
    page.goto(f"{address}?print-pdf")
    page.wait_for_selector(".pdf-page")
    page.evaluate(axe_script)
    found["axe"] = page.evaluate(
        "axe.run('.slides', {runOnly: ['wcag2a', 'wcag2aa']}).then((result) =>"
        " result.violations.map((rule) => `${rule.id}: ${rule.nodes[0].target}`))"
    )
    found["requests and messages"] = [text for text in problems if not text.startswith(address)]
    checks.conclude(found)

    # Every heading of the chapter has its slide, in the same order.
    chapter = site.soup(f"book/{name}.html").select("article section > :is(h1, h2, h3)")
    titles = [" ".join(title.text.rstrip("#").split()) for title in chapter]
    assert list(dict.fromkeys(headings)) == titles
    deck = BeautifulSoup((decks / f"{name}.html").read_text("utf-8"), "html.parser")
    assert all(image.get("alt") for image in deck("img"))
    drawings = deck.select("figure svg[role=img]")
    assert drawings and all(drawing.get("aria-label") for drawing in drawings)


def test_arrow_keys_turn_a_molecule_and_not_the_page(
    decks: Path, window: tuple[Page, list[str]]
) -> None:
    page, _ = window
    page.goto((decks / "labels.html").as_uri())
    page.wait_for_function(READY)
    molecule = page.locator("section.present qm9-molecule[role=group]").first
    while not molecule.count():
        assert not page.evaluate("Reveal.isLastSlide()")
        page.keyboard.press("ArrowRight")
    before, number = molecule.inner_html(), page.evaluate("Reveal.getIndices().h")
    molecule.focus()
    page.keyboard.press("ArrowRight")
    checks.until(page, lambda: molecule.inner_html() != before)
    assert page.evaluate("Reveal.getIndices().h") == number


def test_every_slide_is_a_page_of_the_pdf(
    decks: Path, window: tuple[Page, list[str]], tmp_path: Path
) -> None:
    page, _ = window
    page.goto((decks / "kernels.html").as_uri() + "?print-pdf")
    page.wait_for_function(READY)
    page.wait_for_selector(".pdf-page")
    page.pdf(path=tmp_path / "slides.pdf", prefer_css_page_size=True, print_background=True)
    printed = PdfReader(tmp_path / "slides.pdf")
    assert len(printed.pages) == page.evaluate("document.querySelectorAll('section').length")
    assert all(text.extract_text().strip() for text in printed.pages)


def test_list_leads_to_each_deck_and_its_print(decks: Path) -> None:
    page = BeautifulSoup((decks / "index.html").read_text("utf-8"), "html.parser")
    links = [link["href"] for link in page("a")]
    assert links == [f"{name}.html{end}" for name in CHAPTERS for end in ("", "?print-pdf")]
