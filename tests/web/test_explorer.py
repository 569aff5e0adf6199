"""The explorer in a browser: by mouse and keys, on a phone, without WebGL, without scripts."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect
from web.checks import Site, Visit

import qm9lib
from web import checks

PAGE = "book/explorer.html"
READY = re.compile("^The explorer is ready, with 3,043 molecules")
HEAVY = ("qm9.js", "predicted.js", "chemiscope.min.js")
SAMPLE = qm9lib.load()[::43]

# Where a molecule's point lies in the window.
POINT = """(row) => {
  const map = document.querySelector(".qm9-explorer-map");
  const plot = map.firstElementChild.shadowRoot.querySelector(".js-plotly-plot");
  const {left, top} = plot.getBoundingClientRect();
  const {xaxis: x, yaxis: y} = plot._fullLayout;
  const {properties} = qm9Explorer.dataset;
  const [mu, gap] = ["mu", "gap"].map((name) => properties[name].values[row]);
  return [left + x._offset + x.l2p(mu), top + y._offset + y.l2p(gap)];
}"""


@contextlib.contextmanager
def opened(
    browser: Browser, address: str, width: int = 1280, theme: str = "light"
) -> Iterator[Visit]:
    with checks.visit(browser, address + PAGE, width, theme) as seen:
        yield seen
        # What a graphics driver without a graphics card has to say is not the page's fault.
        assert [text for text in seen.console if "GL Driver Message" not in text] == []
        assert checks.requests(seen) == []


def start(page: Page) -> None:
    page.get_by_role("button", name="Start the explorer").click()
    expect(page.locator(".qm9-explorer-status")).to_have_text(READY)


def still(page: Page, part: str, least: int) -> bytes:
    """Wait until a part has been drawn, with so many colours, and return a picture of it.

    A drawing has no event: it stands when two pictures of it are the same.
    """
    pictures = [b"", b"."]

    def stands() -> bool:
        pictures[:] = [page.locator(f".qm9-explorer-{part}").screenshot(), *pictures[:1]]
        return pictures[0] == pictures[1] and colours(pictures[0]) > least

    checks.until(page, stands)
    return pictures[0]


def drawn(page: Page) -> bytes:
    """Wait until map and molecule have been drawn, and return a picture of the molecule."""
    still(page, "map", 500)
    return still(page, "molecule", 100)


def shown(page: Page) -> Locator:
    """The heading that names the molecule."""
    return page.locator(".qm9-explorer-values h2")


def name_of(row: int) -> str:
    return f"{SAMPLE[row].formula}, number {SAMPLE.index[row]}"


def colours(picture: bytes) -> int:
    picture = Image.open(io.BytesIO(picture)).convert("RGB")
    return len(picture.getcolors(maxcolors=1 << 24) or [])


def numbers(page: Page) -> list[int]:
    """The molecules on the table's page."""
    return [int(text) for text in page.locator("tbody th button").all_inner_texts()]


@pytest.mark.parametrize("protocol", ["http", "file"])
def test_map_and_molecule_are_drawn_and_a_click_shows_another(
    browser: Browser, site: Site, address: str, protocol: str
) -> None:
    with opened(browser, address if protocol == "http" else f"file://{site.root}/") as seen:
        page = seen.page
        assert not [url for url in seen.requests if any(name in url for name in HEAVY)]
        start(page)
        assert all(any(name in url for url in seen.requests) for name in HEAVY)
        expect(shown(page)).to_have_text(name_of(0))
        before = drawn(page)
        row = int(np.argmax(SAMPLE.target("mu")))  # its point stands alone
        page.locator(".qm9-explorer-map").scroll_into_view_if_needed()
        x, y = page.evaluate(POINT, row)
        page.mouse.move(x, y)
        page.mouse.click(x, y)
        expect(shown(page)).to_have_text(name_of(row))
        values = page.locator(".qm9-explorer-values dl")
        expect(values).to_contain_text(f"{SAMPLE[row].target('mu'):.4f} D")
        expect(values).to_contain_text(str(SAMPLE.smiles[row]))
        checks.until(page, lambda: still(page, "molecule", 100) != before)
        after = still(page, "molecule", 100)
        page.get_by_role("button", name="Turn left").click()
        checks.until(page, lambda: still(page, "molecule", 100) != after)


def test_box_on_the_map_narrows_the_table(browser: Browser, address: str) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        start(page)
        drawn(page)
        page.locator(".qm9-explorer-map").scroll_into_view_if_needed()
        mu, gap = SAMPLE.target("mu"), SAMPLE.target("gap")
        first, last = (
            int(np.argmax(mu)),
            int(np.flatnonzero(SAMPLE.smiles == "OC12C3C1C1N=C2NC31")[0]),
        )
        (x1, y1), (x2, y2) = (page.evaluate(POINT, row) for row in (first, last))
        page.mouse.move(x1 + 15, y1 - 15)
        page.mouse.down()
        page.mouse.move(x2, y2, steps=5)
        page.mouse.move(x2 - 10, y2 + 60, steps=5)
        page.mouse.up()
        caption = page.locator(".qm9-explorer-table caption")
        expect(caption).to_contain_text("in the part of the map that is shown")
        limits = page.evaluate(
            """() => {
              const map = document.querySelector(".qm9-explorer-map").firstElementChild;
              const {xaxis, yaxis} = map.shadowRoot.querySelector(".js-plotly-plot")._fullLayout;
              return [xaxis.range, yaxis.range];
            }"""
        )
        (left, right), (low, high) = limits
        within = (mu >= left) & (mu <= right) & (gap >= low) & (gap <= high)
        assert 1 < within.sum() < 3000 and within[first] and within[last]
        expect(caption).to_contain_text(f"of {within.sum():,}")
        page.get_by_role("button", name="Show all points").click()
        expect(caption).to_have_text("Molecules 1 to 25 of 3,043")


def test_table_by_keyboard(browser: Browser, address: str) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        page.get_by_role("button", name="Start the explorer").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".qm9-explorer-status")).to_have_text(READY)
        assert page.evaluate("document.activeElement.textContent") == "Map"
        order = np.argsort(SAMPLE.target("gap"), kind="stable")
        head = page.get_by_role("columnheader", name="gap")
        for key, sorting, rows in (("Enter", "ascending", order), ("Space", "descending", None)):
            head.get_by_role("button").focus()
            page.keyboard.press(key)
            expect(head).to_have_attribute("aria-sort", sorting)
            expect(page.locator("th[aria-sort]")).to_have_count(1)
            if rows is not None:
                assert numbers(page) == SAMPLE.index[rows[:25]].tolist()
        gaps = SAMPLE.target("gap")[np.searchsorted(SAMPLE.index, numbers(page))]
        assert gaps.tolist() == sorted(SAMPLE.target("gap"), reverse=True)[:25]
        page.get_by_role("button", name="Next rows").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".qm9-explorer-status")).to_have_text("Molecules 26 to 50 of 3,043")
        page.get_by_label("Formula, or part of a SMILES").focus()
        page.keyboard.type("c8h16")  # small letters do as well
        formulas = np.array([molecule.formula for molecule in SAMPLE])
        wanted = np.flatnonzero(formulas == "C8H16")
        assert 1 < len(wanted) < 25
        assert sorted(numbers(page)) == SAMPLE.index[wanted].tolist()
        expect(page.locator(".qm9-explorer-status")).to_contain_text(f"of {len(wanted)}")
        # From the field, Tab leads through table and heads to the first molecule.
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.closest('tbody') !== null"):
                break
        number = int(page.evaluate("document.activeElement.textContent"))
        page.keyboard.press("Enter")
        row = int(np.searchsorted(SAMPLE.index, number))
        expect(shown(page)).to_have_text(name_of(row))
        expect(page.locator("tr[aria-current=true] th")).to_have_text(str(number))
        assert int(page.evaluate("document.activeElement.textContent")) == number


def test_smiles_are_found_by_a_part(browser: Browser, address: str) -> None:
    with opened(browser, address) as seen:
        start(seen.page)
        seen.page.get_by_label("Formula, or part of a SMILES").fill("[O-]")
        count = sum("[O-]" in smiles for smiles in SAMPLE.smiles)
        assert len(numbers(seen.page)) == count > 0
        seen.page.get_by_label("Formula, or part of a SMILES").fill("<b>")
        expect(seen.page.locator("caption")).to_contain_text("No molecule")


def test_question_draws_its_map(browser: Browser, address: str) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        page.get_by_role("button", name="Plot zpve against the number of H atoms").click()
        status = page.locator(".qm9-explorer-status")
        told = "The map shows zpve against n_H, coloured by n_atoms."
        expect(status).to_have_text(told)
        expect(page.get_by_label("Across")).to_have_value("n_H")
        title = page.locator(".qm9-explorer-map .ytitle")  # in chemiscope's shadow tree
        expect(title).to_have_text("zpve / hartree")
        page.get_by_label("Upwards").select_option("Cv")
        expect(title).to_have_text("Cv / cal/(mol K)")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_started_page_is_sound(
    browser: Browser, address: str, axe_script: str, width: int, theme: str
) -> None:
    with opened(browser, address, width, theme) as seen:
        page = seen.page
        start(page)
        drawn(page)
        map_, molecule = (
            page.locator(f".qm9-explorer-{part}").bounding_box() for part in ("map", "molecule")
        )
        assert map_ and molecule
        if width < 600:
            assert map_["y"] + map_["height"] <= molecule["y"]
        else:
            assert map_["x"] + map_["width"] <= molecule["x"]
        seen.unfold()
        found = checks.axe(seen, axe_script, [".qm9-explorer"])
        checks.conclude(seen.ask("scroll", "headings", "ids") | {"axe": found})


def test_wheel_scrolls_the_page(browser: Browser, address: str) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        start(page)
        drawn(page)
        for part in ("map", "molecule"):
            page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
            page.locator(f".qm9-explorer-{part}").hover()
            before = page.evaluate("scrollY")
            page.mouse.wheel(0, 200)
            page.wait_for_function(f"scrollY > {before} + 100")
        seen.settle()  # a change of the map's part comes to the table a moment later
        expect(page.locator("caption")).to_have_text("Molecules 1 to 25 of 3,043")


def test_without_webgl_the_table_remains(browser: Browser, address: str) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        page.evaluate("HTMLCanvasElement.prototype.getContext = () => null")
        page.get_by_role("button", name="Start the explorer").click()
        expect(page.locator(".qm9-explorer-status")).to_contain_text("no WebGL")
        assert not [url for url in seen.requests if "chemiscope" in url]
        expect(page.locator(".qm9-explorer-picture img")).to_be_visible()
        page.locator("tbody button").nth(3).click()
        expect(shown(page)).to_have_text(name_of(3))
        page.get_by_role("button", name="Plot gap against lumo").click()
        expect(page.locator(".qm9-explorer-status")).to_contain_text("cannot draw the map")


def test_failed_start_can_be_repeated(browser: Browser, address: str) -> None:
    with checks.visit(browser, address + PAGE, 1280) as seen:
        page = seen.page
        for name in HEAVY:
            page.route(re.compile(re.escape(name)), lambda route: route.abort())
            page.get_by_role("button", name="Start the explorer").click()
            status = page.locator(".qm9-explorer-status")
            expect(status).to_contain_text(
                f"The explorer could not start: {name} could not be loaded. Try again."
            )
            page.unroute_all()
        start(page)
        expect(shown(page)).to_have_text(name_of(0))


def test_without_script_the_picture_remains(browser: Browser, address: str) -> None:
    context = checks.window(browser, java_script_enabled=False)
    page = context.new_page()
    page.goto(address + PAGE)
    expect(page.get_by_role("img", name=re.compile("^Scatter plot of 3,043"))).to_be_visible()
    expect(page.get_by_role("button", name="Start the explorer")).to_have_count(0)
    expect(page.get_by_role("button", name="Plot gap against mu")).to_have_count(0)
    context.close()
