"""The network in the page: by mouse, keys and text, on a phone, from a folder, without scripts."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import live
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from web.checks import Site, Visit

import qm9lib
from qm9lib.data import xyz
from qm9lib.pretrained.predict import predict
from web import checks

PAGE = "book/ask.html"
LOADED = ("network.js", "xyz.js", "model.js")


@contextlib.contextmanager
def opened(
    browser: Browser, address: str, width: int = 1280, theme: str = "light"
) -> Iterator[Visit]:
    with checks.visit(browser, address, width, theme) as seen:
        yield seen
        assert seen.console == []
        assert checks.requests(seen) == []


def start(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Ask the network")).click()
    expect(page.locator(".qm9-ask-stage")).to_be_visible()


def answer(page: Page) -> Locator:
    return page.locator(".qm9-ask-answer")


def text_of(page: Page) -> str:
    """The atoms as the page writes them."""
    return page.locator(".qm9-ask textarea").input_value()


def expected(text: str) -> tuple[str, list[str]]:
    """What Python says: the enthalpy as the page writes it, and the warnings."""
    [result] = predict(xyz.parse(text), labels=["H"])
    value = result["H (hartree)"]
    written = "none" if value is None else f"{value:,.5f} hartree".replace("-", "−")
    return written, result["warnings"]


def agrees(page: Page) -> None:
    """The page says what Python says of the same atoms, once it has answered."""
    value, warnings = expected(text_of(page))
    # Five digits of the positions, and the last digit of hartree, are rounded: 0.01 kcal/mol.
    told = answer(page).locator("dd").first.inner_text()
    if value == "none":
        assert told == "none"
    else:
        number, of_page = (
            float(t.split()[0].replace("−", "-").replace(",", "")) for t in (value, told)
        )
        assert abs(number - of_page) < 3e-5
    assert answer(page).locator("li").all_inner_texts() == warnings
    struck = answer(page).locator("dl.qm9-ask-doubtful")
    assert struck.count() == int(bool(warnings) and value != "none")


def edit(page: Page, text: str) -> None:
    page.locator(".qm9-ask summary").click()
    page.locator(".qm9-ask textarea").fill(text)


@pytest.mark.parametrize("protocol", ["http", "file"])
def test_atoms_are_dragged_and_the_network_answers(
    browser: Browser, site: Site, address: str, protocol: str
) -> None:
    base = address if protocol == "http" else f"file://{site.root}/"
    with opened(browser, base + PAGE) as seen:
        page = seen.page
        assert not [url for url in seen.requests if any(name in url for name in LOADED)]
        start(page)
        assert all(any(name in url for url in seen.requests) for name in LOADED)
        agrees(page)
        expect(answer(page)).to_contain_text("H in QM9")
        before = text_of(page)
        ball = page.locator(".qm9-ask-atom").last
        box = ball.bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 5, y + 5, steps=3)
        page.mouse.up()
        checks.until(page, lambda: text_of(page) != before)
        # One atom has moved, and lies under the pointer.
        moved = [a != b for a, b in zip(before.split("\n"), text_of(page).split("\n"), strict=True)]
        assert sum(moved) == 1
        seen.settle()
        agrees(page)
        expect(answer(page)).not_to_contain_text("H in QM9")
        page.mouse.move(x + 5, y + 5)
        page.mouse.down()
        page.mouse.move(x + 90, y + 60, steps=3)
        page.mouse.up()
        expect(page.locator(".qm9-ask-doubtful")).to_have_count(1)
        seen.settle()
        agrees(page)
        for _ in range(2):
            page.get_by_role("button", name="Undo").click()
        assert text_of(page) == before
        agrees(page)


def test_beside_the_atoms_a_drag_turns(browser: Browser, address: str) -> None:
    with opened(browser, address + PAGE) as seen:
        page = seen.page
        start(page)
        before, told = text_of(page), answer(page).inner_text()
        ball = page.locator(".qm9-ask-atom").first
        place = ball.get_attribute("transform")
        box = page.locator(".qm9-ask svg").bounding_box()
        assert box
        page.mouse.move(box["x"] + 8, box["y"] + 8)
        page.mouse.down()
        page.mouse.move(box["x"] + 90, box["y"] + 60, steps=3)
        page.mouse.up()
        checks.until(page, lambda: ball.get_attribute("transform") != place)
        assert (text_of(page), answer(page).inner_text()) == (before, told)


def test_by_keyboard(browser: Browser, address: str) -> None:
    """From the button to a moved atom, and back."""
    with opened(browser, address + PAGE) as seen:
        page = seen.page
        page.get_by_role("button", name=re.compile("^Ask the network")).focus()
        page.keyboard.press("Enter")
        expect(page.locator(".qm9-ask-stage")).to_be_visible()
        # The picture has the focus, and its arrows turn it while no atom is chosen.
        assert page.evaluate("document.activeElement.localName") == "qm9-molecule"
        before = text_of(page)
        page.keyboard.press("ArrowRight")
        assert text_of(page) == before
        page.get_by_label("Atom", exact=True).focus()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_label("Atom", exact=True)).to_have_value("0")
        page.locator("qm9-molecule").focus()
        for key in ("ArrowRight", "ArrowUp", "PageDown"):
            page.keyboard.press(key)
        checks.until(page, lambda: text_of(page) != before)
        seen.settle()
        agrees(page)
        old, new = (
            np.array([line.split()[1:] for line in text.split("\n")[2:]], float)
            for text in (before, text_of(page))
        )
        assert np.linalg.norm(new - old, axis=1).round(3).tolist() == [
            round(0.05 * np.sqrt(3), 3), *[0] * 8
        ]  # fmt: skip
        # What was heard: the number, or that it is not to be trusted.
        expect(page.locator(".qm9-ask-status")).to_have_text(
            re.compile(r"^C2H6O: −[\d.]+ kcal/mol")
        )
        page.keyboard.press("Escape")
        expect(page.get_by_label("Atom", exact=True)).to_have_value("")
        # An element can be changed.
        page.get_by_label("Atom", exact=True).select_option("2")
        page.get_by_label("Element", exact=True).select_option("7")
        assert text_of(page).split("\n")[4].startswith("N ")
        agrees(page)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("water", "the text, line 1: found 'water', expected the number of atoms"),
        ("2\n\nH 0 0 0\nH 0 0 zero\n", "the text, line 4: z is 'zero', expected a number of Å"),
        ("1\nunits=bohr\nO 0 0 0\n", "multiply them by 0.529177"),
    ],
)
def test_a_wrong_text_is_explained(browser: Browser, address: str, text: str, said: str) -> None:
    with opened(browser, address + PAGE) as seen:
        start(seen.page)
        told = answer(seen.page).inner_text()
        edit(seen.page, text)
        expect(seen.page.get_by_role("alert")).to_contain_text(said)
        assert answer(seen.page).inner_text() == told  # of the molecule that is still shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("4\n1 1\nO 0 0 0\nH 0.9 0 -0.3\nH -0.45 0.78 -0.3\nH -0.45 -0.78 -0.3\n", "charge of +1"),
        ("3\n\nS 0 0 0\nH 0 0.97 0.9\nH 0 -0.97 0.9\n", "no prediction: the models know H, C"),
        ("1\n\nF 0 0 0\n", "1 atom; QM9 has molecules of 3 and more"),
    ],
)
def test_foreign_molecules_are_warned_of(
    browser: Browser, address: str, text: str, said: str
) -> None:
    with opened(browser, address + PAGE) as seen:
        start(seen.page)
        edit(seen.page, text)
        expect(answer(seen.page)).to_contain_text(said)
        agrees(seen.page)
        # Nor is anything else lost: the first atom becomes one that the networks know.
        seen.page.get_by_label("Colour").select_option("energy of each atom")
        seen.page.get_by_label("Atom", exact=True).select_option("0")
        seen.page.get_by_label("Element", exact=True).select_option("8")
        expect(seen.page.locator(".qm9-ask-atom[data-n='0']")).to_have_text("O")
        seen.settle()
        agrees(seen.page)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_files_are_opened(browser: Browser, address: str, tmp_path: Path, encoding: str) -> None:
    water = "3\nWasser, in Ångström\nO 0 0 0.119\nH 0 0.763 -0.477\nH 0 -0.763 -0.477\n"
    file = tmp_path / "two.xyz"
    file.write_bytes((water + "1\n\nF 0 0 0\n").encode(encoding))
    with opened(browser, address + PAGE) as seen:
        page = seen.page
        start(page)
        page.locator(".qm9-ask summary").click()
        page.get_by_label("Open a file").set_input_files(file)
        checks.until(page, lambda: text_of(page).startswith("3\nWasser, in Ångström\n"))
        agrees(page)
        page.get_by_label("Molecule of the file").select_option("molecule 2 of 2")
        expect(answer(page)).to_contain_text("1 atom; QM9 has")
        file.write_bytes(bytes(99))
        page.get_by_label("Open a file").set_input_files(file)
        expect(page.get_by_role("alert")).to_have_text(re.compile("two.xyz is not a text file"))


def test_molecules_of_the_explorer(browser: Browser, address: str) -> None:
    qm9 = qm9lib.load()[::43]
    with opened(browser, address + PAGE) as seen:
        page = seen.page
        start(page)
        page.get_by_label("Any of the explorer").fill(str(qm9.index[100]))
        page.get_by_label("Any of the explorer").press("Enter")
        status = page.locator(".qm9-ask-status")
        expect(status).to_contain_text(f"{qm9[100].formula}, number {qm9.index[100]}")
        agrees(page)
        published = f"{qm9[100].target('H'):.5f}".replace("-", "−")
        expect(answer(page)).to_contain_text(published)
        formulas = [molecule.formula for molecule in qm9]
        both = [i for i, formula in enumerate(formulas) if formula == "C7H10O2"]
        page.get_by_label("Any of the explorer").fill("c7h10o2")
        for place, row in enumerate(both[:2], 1):
            page.get_by_role("button", name="Find").click()
            expect(status).to_contain_text(
                f"C7H10O2, number {qm9.index[row]} ({place} of {len(both)}; Find shows the next)"
            )
        page.get_by_label("Any of the explorer").fill("C99")
        page.get_by_role("button", name="Find").click()
        expect(status).to_have_text("None of the 3,043 molecules is C99.")
    with opened(browser, address + "book/explorer.html") as seen:
        page = seen.page
        page.evaluate("HTMLCanvasElement.prototype.getContext = () => null")
        page.get_by_role("button", name="Start the explorer").click()
        page.locator("tbody button").nth(3).click()
        page.get_by_role("link", name="Ask the network about this molecule").click()
        expect(page.locator(".qm9-ask-status")).to_contain_text(f"number {qm9.index[3]}.")
        agrees(page)


def test_energies_of_atoms_as_colours(browser: Browser, address: str) -> None:
    with opened(browser, address + PAGE) as seen:
        page = seen.page
        start(page)
        page.get_by_label("Molecule", exact=True).select_option("acetone")
        fills = """[...document.querySelectorAll(".qm9-ask-atom > circle:first-child")]
          .map((circle) => circle.getAttribute("fill"))"""
        assert len(set(page.evaluate(fills))) == 3  # of the elements
        # The light on the balls is there: what they are filled with has an element.
        light = page.locator(".qm9-ask-atom > circle").nth(1).get_attribute("fill")
        assert light
        assert page.locator(f"radialGradient{light.removeprefix('url(').rstrip(')')}").count() == 1
        page.get_by_label("Colour").select_option("energy of each atom")
        assert len(set(page.evaluate(fills))) > 3
        low, high = page.locator(".qm9-ask-scale span").all_inner_texts()
        assert float(low.replace("−", "-")) < float(high.split()[0].replace("−", "-"))


@pytest.mark.parametrize("motion", ["Turn", "Mirror", "Renumber"])
def test_motion_changes_the_broken_model_alone(browser: Browser, address: str, motion: str) -> None:
    with opened(browser, address + "book/gnn.html") as seen:
        page = seen.page
        start(page)
        terms = answer(page).locator("dd")
        before = terms.all_inner_texts()
        page.get_by_role("button", name=motion, exact=True).click()
        expect(answer(page)).to_contain_text("before")
        after = terms.all_inner_texts()
        assert after[:-1] == before[:-1]  # the network: all digits that are shown
        assert after[-1].split()[0] != before[-1].split()[0]
        page.get_by_role("button", name="Start again").click()
        assert terms.all_inner_texts() == before


def test_a_bond_is_pulled(browser: Browser, address: str) -> None:
    with opened(browser, address + "book/accuracy.html") as seen:
        page = seen.page
        start(page)
        expect(page.locator(".qm9-ask-doubtful")).to_have_count(0)
        slider = page.get_by_label("Length", exact=True)
        slider.fill("2.4")
        expect(page.locator(".qm9-ask-doubtful")).to_have_count(1)
        expect(page.locator(".qm9-ask output")).to_have_text("2.40 Å")
        hollow, full = (
            page.locator(f".qm9-ask-plot circle[fill={c}]") for c in ("none", "currentColor")
        )
        assert hollow.count() > 20 and 3 < full.count() < 20
        slider.fill("1.52")
        expect(page.locator(".qm9-ask-doubtful")).to_have_count(0)
        before = page.locator(".qm9-ask-plot").inner_html()
        page.get_by_label("Bond", exact=True).select_option("C2–O3")
        checks.until(page, lambda: page.locator(".qm9-ask-plot").inner_html() != before)


def test_the_landing_page_answers(browser: Browser, address: str) -> None:
    with opened(browser, address + "book/index.html", width=390) as seen:
        page = seen.page
        box = page.locator(".qm9-ask-picture").bounding_box()
        assert box and box["y"] + 150 < page.viewport_size["height"]  # within the first screen
        assert not [url for url in seen.requests if any(name in url for name in LOADED)]
        page.locator(".qm9-ask-picture svg").click()
        expect(answer(page)).to_contain_text("Expected error")
        told = answer(page).inner_text()
        page.locator("qm9-molecule").scroll_into_view_if_needed()
        ball = page.locator(".qm9-ask-atom").last.bounding_box()
        assert ball
        page.mouse.move(ball["x"] + ball["width"] / 2, ball["y"] + ball["height"] / 2)
        page.mouse.down()
        page.mouse.move(ball["x"] + 50, ball["y"] + 30, steps=3)
        page.mouse.up()
        checks.until(page, lambda: answer(page).inner_text() != told)


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("name", ["ask", "gnn", "accuracy", "index"])
def test_started_page_is_sound(
    browser: Browser, address: str, axe_script: str, width: int, theme: str, name: str,
    screenshots: Path,
) -> None:  # fmt: skip
    with opened(browser, f"{address}book/{name}.html", width, theme) as seen:
        page = seen.page
        start(page)
        if name == "ask":
            edit(page, "4\n1 1\nO 0 0 0\nH 0.9 0 -0.3\nH -0.45 0.78 -0.3\nH -0.45 -0.78 -0.3\n")
            expect(answer(page)).to_contain_text("charge of +1")
        seen.settle()
        page.locator(".qm9-ask").screenshot(path=screenshots / f"ask-{name}-{width}-{theme}.png")
        found = checks.axe(seen, axe_script, [".qm9-ask"])
        checks.conclude(seen.ask("scroll", "ids") | {"axe": found})


def test_an_answer_is_quick(
    browser: Browser, address: str, record_property: Callable[[str, object], None]
) -> None:
    """The largest molecule of the list, again and again: how long, is told and decides nothing."""
    with opened(browser, address + PAGE) as seen:
        page = seen.page
        begun = time.monotonic()
        start(page)
        expect(answer(page)).to_contain_text("Expected error")
        loaded = time.monotonic() - begun
        page.get_by_label("Molecule", exact=True).select_option("octane")
        script = """() => Array.from({length: 50}, () => {
          const {z, x} = qm9Model.molecules.find(({name}) => name === "octane");
          globalThis.network ??= qm9Network.make(qm9Model);
          const start = performance.now();
          network.predict(z, x);
          return performance.now() - start;
        })"""
        times = page.evaluate(script)
        assert len(times) == 50
        record_property(
            "measured",
            f"first prediction {loaded:.1f} s after the click; one of octane (26 atoms) takes "
            f"{np.median(times):.0f} ms",
        )


def test_a_failed_start_can_be_repeated(browser: Browser, address: str) -> None:
    with checks.visit(browser, address + PAGE, 1280) as seen:
        page = seen.page
        for name in LOADED:
            page.route(re.compile(re.escape(name)), lambda route: route.abort())
            page.get_by_role("button", name=re.compile("^Ask the network")).click()
            expect(page.locator(".qm9-ask-status")).to_contain_text(
                f"The network could not start: {name} could not be loaded. Try again."
            )
            page.unroute_all()
        start(page)
        agrees(page)


def test_without_script_the_picture_remains(browser: Browser, address: str) -> None:
    context = checks.window(browser, java_script_enabled=False)
    page = context.new_page()
    page.goto(address + PAGE)
    expect(page.get_by_role("img", name=re.compile("^ethanol"))).to_be_visible()
    expect(page.get_by_role("button", name="Ask the network")).to_have_count(0)
    context.close()


def test_the_page_is_about_the_molecules_of_the_list() -> None:
    assert set(live.MOLECULES) >= {"water", "ethanol", "formamide", "acetone", "benzene"}
