"""Molecules that turn, in a real browser."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from scipy.spatial.transform import Rotation

import qm9lib
from qm9lib.figures import embed
from web import checks

SAMPLE = qm9lib.load_sample()
ETHANOL = next(molecule for molecule in SAMPLE if molecule.smiles == "CCO")
LARGEST = SAMPLE[int(SAMPLE.n_atoms.argmax())]
DARK = "background: #14181e; color: #ced6dd"
DRAWINGS = "[...document.querySelectorAll('svg > g')].map(g => g.innerHTML)"
Show = Callable[..., Page]


@pytest.fixture
def show(browser: Browser) -> Iterator[Show]:
    """Open HTML in a page; what the browser complains of, or asks a host for, fails the test."""
    contexts, complaints = [], []

    def opened(body: str, style: str = "", **options: object) -> Page:
        context = checks.window(browser, **{"viewport": {"width": 800, "height": 700}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: complaints.append(request.url))
        page.set_content(
            '<!doctype html><html lang="en"><head><title>Test</title>'
            '<meta name="viewport" content="width=device-width"></head>'
            f'<body style="{style}"><main><h1>Test</h1>{body}</main></body></html>'
        )
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def settled(page: Page) -> list[str]:
    """Return each drawing once the frame that was asked for has been painted."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    return page.evaluate(DRAWINGS)


def places(page: Page) -> np.ndarray:
    """Return x, y and scale of each ball as drawn, shape (atoms, 3)."""
    settled(page)
    found = page.evaluate(
        "[...document.querySelectorAll('svg > g > g:has(circle)')]"
        ".sort((a, b) => a.dataset.n - b.dataset.n).map(e => e.getAttribute('transform'))"
    )
    return np.array([[float(n) for n in re.findall(r"-?\d+\.?\d*", one)] for one in found])


def in_space(page: Page) -> tuple[np.ndarray, float]:
    """Return where the atoms are before any turn, shape (atoms, 3), and the camera's distance."""
    words = page.locator("qm9-molecule").first.get_attribute("data-atoms").split(";")
    atoms = np.array([[float(n) for n in word.split()] for word in words[1:]])
    return atoms[:, :3], float(words[0].split()[0])


def seen(atoms: np.ndarray, camera: float) -> np.ndarray:
    scale = camera / (camera - atoms[:, 2])
    return np.column_stack([atoms[:, 0] * scale, -atoms[:, 1] * scale, scale])


def test_script_draws_what_python_drew(show: Show) -> None:
    some = SAMPLE[[*range(12), *range(12, len(SAMPLE), 97)]]
    view = qm9lib.view({f"number {m.index}": m for m in some})
    before = re.findall(r"</defs><g>(.*?)</g></svg>", embed.inlined(view.html))
    after = settled(show(view.html))
    assert len(before) == len(after) == len(some)
    for first, second in zip(before, after, strict=True):
        first, second = (
            re.sub(r"#qm9-[\w-]+", "", text.replace("/>", ">")) for text in (first, second)
        )
        assert first == re.sub("</(circle|path)>", "", second)


def test_arrow_turns_with_the_molecule(show: Show) -> None:
    """It is along the bond of CO in formaldehyde, before a turn and after: and drawn last."""
    formaldehyde = next(molecule for molecule in SAMPLE if molecule.smiles == "C=O")
    x = formaldehyde.positions.astype(float)
    view = qm9lib.view(formaldehyde, arrow=2 * (x[1] - x[0]))
    before = re.findall(r"</defs><g>(.*?)</g></svg>", embed.inlined(view.html))
    page = show(view.html)
    first, [second] = before[0].replace("/>", ">"), settled(page)
    assert re.sub(r"#qm9-[\w-]+", "", first) == re.sub(
        r"</(circle|path)>|#qm9-[\w-]+", "", second.replace("/>", ">")
    )
    page.keyboard.press("Tab")
    for key in ("", "ArrowRight", "ArrowUp", "ArrowUp", "+"):
        if key:
            page.keyboard.press(key)
        carbon, oxygen = places(page)[:2, :2]
        arrow = page.locator("svg > g > :last-child")
        assert arrow.get_attribute("data-arrow")
        c, s = map(float, re.findall(r"-?\d*\.?\d+", arrow.get_attribute("transform"))[:2])
        along = (oxygen - carbon) / np.linalg.norm(oxygen - carbon)
        assert along @ [c, s] > 0.99


def test_keys_turn_zoom_and_reset(show: Show) -> None:
    page = show(qm9lib.view(ETHANOL).html)
    atoms, camera = in_space(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.localName") == "qm9-molecule"
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowUp", "+"):
        page.keyboard.press(key)
    turn = Rotation.from_euler("yx", [45, -15], degrees=True)
    expected = seen(turn.apply(atoms), camera) * 1.2
    assert np.abs(places(page) - expected)[:, :2].max() < 0.11
    assert np.abs(places(page) - expected)[:, 2].max() < 1e-3
    for key in ("0", "Home"):
        page.keyboard.press("ArrowDown")
        assert np.abs(places(page) - seen(atoms, camera)).max() > 5
        page.keyboard.press(key)
        assert np.abs(places(page) - seen(atoms, camera)).max() < 0.11
    page.keyboard.press("Control+ArrowRight")  # the browser's own
    assert np.abs(places(page) - seen(atoms, camera)).max() < 0.11


def test_all_of_a_long_molecule_can_be_seen_from_each_side(show: Show) -> None:
    longest = SAMPLE[int(SAMPLE.target("r2").argmax())]
    page = show(qm9lib.view(longest).html)
    page.keyboard.press("Tab")
    for key in (*["ArrowLeft"] * 6, *["ArrowUp"] * 6, *["-"] * 10):
        page.keyboard.press(key)
    left, top, width, height = map(
        float, page.locator("svg").first.get_attribute("viewBox").split()
    )
    x, y, _ = places(page).T
    assert np.ptp(y) > 2 * np.ptp(x)  # it stands upright
    assert left < x.min() and x.max() < left + width
    assert top < y.min() and y.max() < top + height


def test_nothing_moves_by_itself(show: Show) -> None:
    page = show(qm9lib.view(ETHANOL).html)
    first = settled(page)
    page.mouse.move(*centre(page))
    checks.frames(page, 20)
    assert settled(page) == first


def centre(page: Page) -> tuple[float, float]:
    box = page.locator("svg").first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_drag_turns_the_near_side_with_the_pointer(show: Show) -> None:
    page = show(qm9lib.view(ETHANOL).html)
    atoms, _ = in_space(page)
    near, before, (x, y) = atoms[:, 2].argmax(), places(page), centre(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y)
    moved = places(page) - before
    assert moved[near, 0] > 5 and moved[atoms[:, 2].argmin(), 0] < -5
    page.mouse.move(x, y)
    assert np.abs(places(page) - before).max() < 0.11
    page.mouse.move(x, y + 20)
    assert (places(page) - before)[near, 1] > 5
    page.mouse.up()
    after = places(page)
    page.mouse.move(x + 90, y + 50)
    assert np.array_equal(places(page), after)


def test_buttons_do_what_keys_do(show: Show) -> None:
    first = show(qm9lib.view(ETHANOL).html)
    second = show(qm9lib.view(ETHANOL).html)
    second.locator("qm9-molecule").focus()
    for name, key in (
        ("Turn left", "ArrowLeft"), ("Turn up", "ArrowUp"), ("Turn right", "ArrowRight"),
        ("Turn down", "ArrowDown"), ("Zoom in", "+"), ("Zoom out", "-"), ("Reset", "0"),
    ):  # fmt: skip
        button = first.get_by_role("button", name=name)
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 24
        before = settled(first)
        button.click()
        second.keyboard.press(key)
        assert settled(first) == settled(second) != before


def test_wheel_scrolls_the_page_and_zooms_with_ctrl(show: Show) -> None:
    page = show(qm9lib.view(ETHANOL).html + '<p style="height: 300vh">')
    before = places(page)
    page.locator("qm9-molecule").focus()
    page.mouse.move(*centre(page))
    page.mouse.wheel(0, 100)
    page.wait_for_function("scrollY > 50")
    assert np.array_equal(places(page), before)
    page.evaluate("scrollTo(0, 0)")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    checks.until(page, lambda: not np.array_equal(places(page), before))
    page.keyboard.up("Control")
    assert page.evaluate("scrollY") == 0
    assert places(page)[:, 2].min() > before[:, 2].min() * 1.1


def test_touch_turns_sideways_and_scrolls_up_and_down(show: Show) -> None:
    page = show(
        qm9lib.view(ETHANOL).html + '<p style="height: 300vh">',
        viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True,
    )  # fmt: skip
    touch, before, (x, y) = page.context.new_cdp_session(page), places(page), centre(page)

    def swipe(dx: float, dy: float) -> None:
        at = [{"x": x, "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": at})
        for step in range(1, 9):
            at = [{"x": x + dx * step / 8, "y": y + dy * step / 8}]
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": at})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    swipe(80, 0)
    turned = places(page)
    assert np.abs(turned - before).max() > 20
    assert page.evaluate("scrollY") == 0
    swipe(0, -80)
    page.wait_for_function("scrollY > 20")
    # What moved before the browser saw that this is a scroll is little.
    assert np.abs(places(page) - turned).max() < np.abs(turned - before).max() / 2


def test_without_script_the_drawing_remains(show: Show) -> None:
    view = qm9lib.view(ETHANOL)
    page = show(view.html, java_script_enabled=False)
    image = page.get_by_role("img", name=view.alt.removesuffix("."))
    assert image.bounding_box()["width"] > 300
    assert not page.get_by_text("Drag to turn").is_visible()
    assert page.get_by_role("button").count() == 0
    assert page.locator("[tabindex]").count() == 0


def test_two_equal_views_turn_alone(show: Show) -> None:
    page = show(2 * qm9lib.view(ETHANOL).html)
    first, second = settled(page)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids)) == 4
    used = page.evaluate(
        "[...document.querySelectorAll('[fill^=url]')].every(e => e.closest('svg')"
        ".querySelector(e.getAttribute('fill').slice(4, -1)))"
    )
    assert used
    page.locator("qm9-molecule").nth(1).press("ArrowLeft")
    after = settled(page)
    assert after[0] == first and after[1] != second


def test_added_later_and_moved(show: Show) -> None:
    """A notebook puts outputs into a page that is there, and may move them."""
    page = show(qm9lib.view(LARGEST).html + '<div id="later"></div>')
    page.evaluate("text => { later.innerHTML = text; }", qm9lib.view(ETHANOL).html)
    added = page.locator("#later qm9-molecule")
    assert added.get_by_role("button").count() == 7
    added.press("ArrowLeft")
    turned = settled(page)[1]
    page.evaluate("document.querySelector('main').prepend(later)")
    assert settled(page)[0] == turned
    assert added.get_by_role("button").count() == 7
    added.press("ArrowLeft")
    assert settled(page)[0] != turned


def test_in_the_frame_of_a_hosted_notebook(show: Show) -> None:
    frame = html.escape(qm9lib.view(ETHANOL).html)
    page = show(f'<iframe title="Output" sandbox="allow-scripts" srcdoc="{frame}"></iframe>')
    inside = page.frame_locator("iframe")
    ball = inside.locator("svg > g > g:has(circle)").first
    inside.get_by_role("button", name="Turn left").wait_for()
    before = ball.get_attribute("transform")
    inside.get_by_role("button", name="Turn left").click()
    # The frame has a process of its own, and draws when it likes.
    expect(ball).not_to_have_attribute("transform", str(before))


@pytest.mark.parametrize("style", ["background: white; color: #222832", DARK])
@pytest.mark.parametrize("width", [390, 1280])
def test_accessible(show: Show, axe_script: str, style: str, width: int) -> None:
    charges = qm9lib.view(ETHANOL, values=ETHANOL.charges, label="charge", unit="e", tags=True)
    gallery = qm9lib.view({"one": ETHANOL, "<two>": LARGEST}, labels={"gap": "eV", "r2": "bohr^2"})
    page = show(gallery.html + charges.html, style, viewport={"width": width, "height": 700})
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_role("group", name="Turn one").count() == 1
    assert page.get_by_text("Drag to turn").first.is_visible()
    page.evaluate(axe_script)
    found = page.evaluate("axe.run()")["violations"]
    assert [(f["id"], f["nodes"][0]["html"][:200]) for f in found] == []


def test_a_turn_changes_each_part_once(
    show: Show, record_property: Callable[[str, object], None]
) -> None:
    """And nothing else: the time of a turn grows with the changes. It is told in the report."""
    page = show(qm9lib.view(LARGEST).html)
    settled(page)
    parts, halves, attributes, moves, took = page.evaluate(
        """(() => {
            const molecule = document.querySelector("qm9-molecule");
            const seen = new MutationObserver(() => {});
            seen.observe(molecule, { attributes: true, childList: true, subtree: true });
            const turn = () => { molecule.move([0.1, 0.1, 1]); molecule.draw(); };
            turn();
            const changes = seen.takeRecords();
            seen.disconnect();
            const start = performance.now();
            for (let i = 0; i < 50; i++) { turn(); molecule.scrollWidth; }
            const took = (performance.now() - start) / 50;
            const count = (type) => changes.filter((change) => change.type === type).length;
            const halves = molecule.querySelectorAll("svg > g > g > path").length;
            return [molecule.parts.length, halves, count("attributes"), count("childList"), took];
        })()"""
    )
    assert parts > len(LARGEST) and halves >= 2 * (parts - len(LARGEST))
    assert attributes <= parts + halves
    assert moves <= 2 * parts  # each is taken out, and put where it is drawn now
    record_property("measured", f"a turn of {len(LARGEST)} atoms: {took:.1f} ms")
