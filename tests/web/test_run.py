"""Exercises that run in the page: by mouse and keys, on a phone, stopped, kept, and taken along."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Response, expect
from web.checks import ROOT, Visit

import qm9course
from web import checks

Record = Callable[[str, object], None]

PAGE = "book/exercises/labels.html"
WRONG = "def to_kcal_per_mol(energy):\n    return 27.2114 * energy"
RIGHT = "def to_kcal_per_mol(energy):\n    return 627.5095 * energy"
LOADED = ("editor.js", "worker.js", "pyodide.js", "pyodide.asm.wasm", "course.zip", "numpy-")


@contextlib.contextmanager
def opened(
    browser: Browser, address: str, page: str = PAGE, width: int = 1280, theme: str = "light"
) -> Iterator[Visit]:
    with checks.visit(browser, address + page, width, theme) as seen:
        yield seen
        assert seen.console == []
        assert checks.requests(seen) == []


def sizes(page: Page) -> list[int]:
    """Return the bytes of each answer that the page and its worker will get, as they come."""
    found: list[int] = []

    def add(answer: Response) -> None:
        if answer.request.method == "GET":
            found.append(int(answer.headers["content-length"]))

    page.on("response", add)
    return found


def button(page: Page, action: str, name: str = "1.1") -> Locator:
    words = f"Run here: exercise {name}" if action == "Run here" else f"{action} {name}"
    return page.get_by_role("button", name=re.compile(f"^{re.escape(words)}( |$)"))


def editor(page: Page, name: str = "1.1") -> Locator:
    return page.get_by_role("textbox", name=re.compile(f"^Code of exercise {re.escape(name)}"))


def output(page: Page, name: str = "1.1") -> Locator:
    return page.get_by_role("log", name=f"Output of exercise {name}")


def status(page: Page, name: str = "1.1") -> Locator:
    return (
        page.locator(".qm9-run-controls")
        .filter(has=button(page, "Run", name))
        .get_by_role("status")
    )


def mark(page: Page, name: str = "1.1") -> Locator:
    return page.get_by_role("heading", name=name).locator(".qm9-run-mark")


def write(page: Page, code: str, name: str = "1.1") -> None:
    """Put code in the place of what the editor has, as whoever pastes it does."""
    editor(page, name).focus()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(code)


def start(page: Page, name: str = "1.1") -> None:
    button(page, "Run here", name).click()
    expect(editor(page, name)).to_be_focused()


def run(page: Page, code: str, says: str, name: str = "1.1") -> None:
    write(page, code, name)
    button(page, "Run", name).click()
    expect(output(page, name)).to_contain_text(says)
    expect(status(page, name)).to_contain_text("Finished")


def test_an_exercise_is_solved_in_the_page(
    browser: Browser, address: str, record_property: Record
) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        assert not any(
            "/run/" in url for url in seen.requests
        )  # whoever clicks nothing pays nothing
        without, got = seen.received, sizes(page)
        expect(page.locator(".qm9-run-progress")).to_be_hidden()
        begun = time.monotonic()
        start(page)
        ready = time.monotonic() - begun
        run(page, WRONG, "✗ 1.1 wrong: the number is in eV; the exercise asks for kcal/mol")
        first = time.monotonic() - begun
        expect(page.get_by_text("0 of 6 right")).to_be_visible()
        begun = time.monotonic()
        run(page, RIGHT, "✓ 1.1 right: 1 hartree is about 630 kcal/mol")
        again = time.monotonic() - begun
        expect(page.get_by_text("1 of 6 right")).to_be_visible()
        expect(page.get_by_role("heading", name="1.1 Hartree to kcal/mol")).to_contain_text(
            "✓ right"
        )
        # The same Python for the other exercises, and hints as in a notebook.
        button(page, "Hint", "1.4").click()
        expect(output(page, "1.4")).to_contain_text("1.4 hint 1 of 3")
        button(page, "Hint", "1.4").click()
        expect(output(page, "1.4")).to_contain_text("1.4 hint 2 of 3")
        button(page, "Run", "1.4").click()
        expect(output(page, "1.4")).to_contain_text("1.4 not attempted: put your code")
        assert sum("python_stdlib.zip" in url for url in seen.requests) == 1
        loaded = sum(got)
    record_property(
        "measured",
        f"exercise in the page: {without / 1e3:.0f} kB without a click, "
        f"{loaded / 1e6:.1f} MB with; editor after {ready:.1f} s, first run after {first:.1f} s, "
        f"second in {again:.2f} s",
    )


def test_by_keys_alone(browser: Browser, address: str) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        button(page, "Run here").focus()
        page.keyboard.press("Enter")
        expect(editor(page)).to_be_focused()
        page.keyboard.press("Control+A")
        page.keyboard.type("def to_kcal_per_mol(energy):\n")
        page.keyboard.type("factor = 627.5095\nreturn factor * (energy")  # the bracket is closed
        assert editor(page).inner_text() == (
            "def to_kcal_per_mol(energy):\n    factor = 627.5095\n    return factor * (energy)"
        )
        page.keyboard.press("Control+Z")
        page.keyboard.press("Control+Y")
        page.keyboard.press("Shift+Enter")
        expect(output(page)).to_contain_text("✓ 1.1 right")
        expect(editor(page)).to_be_focused()
        page.keyboard.press("Home")
        page.keyboard.press("Tab")  # indents
        expect(editor(page)).to_contain_text("        return")
        expect(editor(page)).to_be_focused()
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")  # beyond the link in the line of the check
        while not page.evaluate("document.activeElement.matches('.qm9-run-controls button')"):
            page.keyboard.press("Tab")
        expect(button(page, "Run")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(output(page)).to_contain_text("1.1 hint 1 of 3")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")  # Reset
        expect(editor(page)).to_contain_text('raise NotImplementedError("Exercise 1.1')


def test_an_endless_loop_is_stopped_and_the_rest_goes_on(browser: Browser, address: str) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        start(page)
        run(page, RIGHT, "1.1 right")
        write(
            page, "def gap_in_ev(homo, lumo):\n    while True:\n        print('on and on')", "1.4"
        )
        expect(button(page, "Stop", "1.4")).to_have_attribute("aria-disabled", "true")
        button(page, "Run", "1.4").click()
        expect(output(page, "1.4")).to_contain_text("what is printed after this is left out")
        for action, name in (("Run", "1.1"), ("Hint", "1.1"), ("Stop", "1.1")):
            expect(button(page, action, name)).to_have_attribute("aria-disabled", "true")
        button(page, "Stop", "1.4").click()
        expect(page.get_by_text("Stopped. Your code")).to_be_visible()
        assert len(output(page, "1.4").inner_text()) < 21_000
        run(page, "def gap_in_ev(homo, lumo):\n    return 27.2114 * (lumo - homo)", "right", "1.4")
        expect(page.get_by_text("2 of 6 right")).to_be_visible()
        run(page, WRONG, "1.1 wrong")  # with what the page's first cell gives, anew


def test_errors_and_what_a_cell_prints_are_shown(browser: Browser, address: str) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        start(page)
        run(page, "def to_kcal_per_mol(energy)\n    return 1", "SyntaxError: expected ':'")
        expect(output(page)).to_contain_text("line 1")
        expect(output(page).locator(".qm9-outcome")).to_have_count(0)  # nothing to check
        run(page, f"{RIGHT}\nprint(sample[0].smiles)\n1 / 0", "ZeroDivisionError: division by zero")
        expect(output(page)).to_contain_text(re.compile(r"^C\s*Traceback"))
        run(page, f"print(len(sample), np.float64(2))\n{RIGHT}\nsample", "1.1 right")
        expect(output(page)).to_contain_text("2000 2.0")
        expect(output(page)).to_contain_text("QM9(2,000 molecules")
        run(page, f"import qm9lib\n{RIGHT}\nqm9lib.view(sample[3])", "1.1 right")
        expect(output(page).locator("svg")).to_be_visible()
        run(page, "to_kcal_per_mol = 627.5095", "check takes the function itself, and you gave")
        stops = "def to_kcal_per_mol(energy):\n    import jax\n    return jax.numpy.asarray(energy)"
        run(page, stops, "jax does not run in a page: open the exercises in Colab to use it")


def test_what_is_printed_is_shown_at_once(browser: Browser, address: str) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        start(page)
        bits = "import sys\nfor byte in 'µ'.encode():\n    sys.stdout.buffer.write(bytes([byte]))\n"
        write(page, f"print('half', 'a line', end=' ')\n{bits}while True:\n    pass")
        button(page, "Run").click()
        expect(output(page)).to_have_text("half a line µ")
        button(page, "Stop").click()
        run(
            page,
            f"{RIGHT}\nprint(1, end='')\ncheck('1.1', to_kcal_per_mol)\nprint(2, end='')",
            "1.1 right",
        )
        parts = [
            part.inner_text().strip()[:6].strip() for part in output(page).locator("> *").all()
        ]
        assert parts == ["1", "✓ 1.1", "2", "✓ 1.1"]
        # As much as ever of what comes in one piece, and of an error its end.
        run(page, "print('x' * 30_000)\nraise ValueError('y' * 30_000 + ' the end')", "y the end")
        shown = output(page).inner_text()
        assert shown.count("x") == 20_000 and 19_000 < shown.count("y") < 20_000
        assert "what is printed after this is left out" in shown


def test_a_figure_is_shown_as_a_picture_where_the_cell_shows_it(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        start(page)
        draw = (
            "from matplotlib import pyplot as plt\nfigure, ax = plt.subplots()\n"
            "ax.set(title='Errors', xlabel='steps', ylabel='MAE')\n"
        )
        picture = output(page).get_by_role("img", name="Figure: Errors; MAE against steps")
        for end, parts in {"figure": 2, "plt.show()\nprint(1)": 3, "pass": 2}.items():
            run(page, f"{RIGHT}\n{draw}{end}", "1.1 right")
            expect(picture).to_have_count(1)
            expect(output(page).locator("> *")).to_have_count(parts)  # and nothing is printed
            expect(output(page).locator("> *").first.get_by_role("img")).to_be_visible()
            assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 300


@pytest.mark.parametrize(
    ("subject", "name", "says"),
    [
        ("labels", "1.1", "✓ 1.1 right"),  # with SciPy, which is loaded when it is imported
        ("data", "2.1", "✓ 2.1 right"),
        ("baseline", "3.1", "✓ 3.1 right"),  # its page draws with matplotlib
        ("kernels", "4.2", "✓ 4.2 right"),
        ("gnn", "5.1", "✓ 5.1 right"),
        ("accuracy", "6.6", "✓ 6.6 right"),
        ("targets", "7.4", "✓ 7.4 right"),
    ],
)
def test_each_set_loads_what_its_button_says_and_has_its_solution_run(
    browser: Browser, address: str, subject: str, name: str, says: str, record_property: Record
) -> None:
    solutions = json.loads((ROOT / f"book/solutions/{subject}.ipynb").read_text("utf-8"))
    function = {one.name: one.function for one in qm9course.exercises(subject)}[name]
    [solution] = [
        "".join(cell["source"])
        for cell in solutions["cells"]
        if f"def {function}(" in "".join(cell["source"])
    ]
    if subject == "labels":
        solution = (
            "from scipy import constants as c\ndef to_kcal_per_mol(energy):\n"
            "    joule = c.physical_constants['Hartree energy'][0]\n"
            "    return energy * joule * c.N_A / 4184"
        )
    with opened(browser, address, f"book/exercises/{subject}.html") as seen:
        page = seen.page
        got = sizes(page)
        told = re.search(r"\((\d+) MB\)", button(page, "Run here", name).inner_text())
        assert told
        start(page, name)
        button(page, "Run", name).click()
        expect(output(page, name)).to_contain_text(f"{name} not attempted")
        expect(status(page, name)).to_have_text("Finished: not attempted")
        loaded = sum(got) / 1e6
        assert float(told[1]) == pytest.approx(loaded, abs=1)
        run(page, solution, says, name)
        elsewhere = [one.name for one in qm9course.exercises(subject) if one.needs_jax]
        notes = page.get_by_text(
            "This one needs JAX, which does not run in a browser: open it in Colab."
        )
        expect(notes).to_have_count(len(elsewhere))
        for one in qm9course.exercises(subject):
            expect(button(page, "Run", one.name)).to_have_count(0 if one.needs_jax else 1)
        if elsewhere:
            expect(notes.first.get_by_role("link")).to_have_attribute(
                "href", re.compile(rf"^https://colab.*/book/exercises/{subject}.ipynb$")
            )
    record_property("measured", f"{subject}: {loaded:.1f} MB until an exercise has run")


def test_it_is_kept_and_taken_along_as_the_notebook_for_grade(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        start(page)
        run(page, RIGHT, "1.1 right")
        write(page, "def gap_in_ev(homo, lumo):\n    return lumo - homo", "1.4")
        page.reload()
        expect(page.get_by_text("1 of 6 right")).to_be_visible()
        start(page, "1.4")
        expect(editor(page, "1.1")).to_contain_text("627.5095")
        expect(editor(page, "1.4")).to_contain_text("return lumo - homo")
        button(page, "Run", "1.4").click()
        expect(output(page, "1.4")).to_contain_text("1.4 wrong")
        with page.expect_download() as download:
            page.get_by_role("button", name="Download as notebook").click()
        assert download.value.suggested_filename == "labels.ipynb"
        file = tmp_path / "labels.ipynb"
        download.value.save_as(file)
        page.goto(f"{address}book/exercises/data.html")  # another set has its own
        expect(page.locator(".qm9-run-progress")).to_be_hidden()
    grades = tmp_path / "grades.json"
    command = [sys.executable, "-m", "qm9course", "grade", "--json", str(grades), str(file)]
    graded = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert graded.returncode == 0, graded.stderr
    [results] = json.loads(grades.read_text("utf-8"))
    assert results["outcomes"] == {
        "1.1": "right", "1.2": "not attempted", "1.3": "not attempted", "1.4": "wrong",
        "1.5": "not attempted", "1.6": "not attempted",
    }  # fmt: skip


def test_what_was_right_is_so_until_it_is_changed(browser: Browser, address: str) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        start(page)
        run(page, RIGHT, "1.1 right")
        expect(mark(page)).to_have_text("✓ right")
        editor(page).press("Control+End")
        page.keyboard.type(" + 1")
        expect(mark(page)).to_have_text("changed since it was right")
        expect(page.get_by_text("0 of 6 right")).to_be_visible()
        for _ in " + 1":
            page.keyboard.press("Backspace")
        expect(mark(page)).to_have_text("✓ right")
        page.keyboard.type(" + 1")
        page.reload()
        expect(mark(page)).to_have_text("changed since it was right")
        start(page)
        button(page, "Run").click()
        expect(output(page)).to_contain_text("1.1 wrong")
        expect(mark(page)).to_have_text("changed since it was right")
        button(page, "Reset").click()
        expect(mark(page)).to_be_hidden()
        editor(page).press("Control+Z")
        expect(editor(page)).to_contain_text("+ 1")
        expect(mark(page)).to_be_hidden()
        page.reload()
        expect(page.get_by_text("0 of 6 right")).to_be_visible()
        expect(mark(page)).to_be_hidden()


def test_code_for_an_exercise_that_has_changed_is_put_below_the_new_one(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        start(page)
        run(page, RIGHT, "1.1 right")
        expect(mark(page)).to_be_visible()
        page.evaluate(
            """() => {
              const key = Object.keys(localStorage).find((key) => key.startsWith("qm9-run"));
              const stored = JSON.parse(localStorage[key]);
              stored.stub["1.1"] = "def in_kcal_per_mol(energy):\\n    ...";
              localStorage[key] = JSON.stringify(stored);
            }"""
        )
        page.reload()
        expect(page.get_by_text("0 of 6 right")).to_be_visible()
        expect(mark(page)).to_be_hidden()
        start(page)
        code = editor(page).inner_text()
        assert code.startswith("def to_kcal_per_mol(energy)") and "NotImplementedError" in code
        before = "".join(f"\n# {line}" for line in RIGHT.splitlines())
        assert code.endswith(f"# The exercise has changed. Before, you had written:{before}")
        button(page, "Run").click()
        expect(output(page)).to_contain_text("1.1 not attempted")


FULL = """() => {
  let size = 2 ** 24;
  for (let i = 0; size >= 1; i++) {
    try {
      localStorage.setItem(`full ${i}`, "x".repeat(size));
    } catch {
      size /= 2;
    }
  }
}"""
BLOCKED = """() => Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("blocked", "SecurityError"); }
})"""


@pytest.mark.parametrize("how", [FULL, BLOCKED], ids=["full", "blocked"])
def test_it_is_said_when_the_browser_keeps_nothing(
    browser: Browser, address: str, how: str
) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        start(page)
        page.evaluate(how)
        notice = page.get_by_role("status").filter(has_text="This browser cannot keep your code")
        expect(notice).to_have_count(0)
        write(page, RIGHT)
        expect(notice).to_be_visible()
        run(page, RIGHT, "1.1 right")
        expect(page.get_by_text("1 of 6 right")).to_be_visible()


@pytest.mark.parametrize("status", [None, 404])
def test_it_is_said_when_the_notebook_cannot_be_downloaded(
    browser: Browser, address: str, status: int | None
) -> None:
    with checks.visit(browser, address + PAGE, 1280) as seen:
        page = seen.page
        start(page)
        write(page, RIGHT)
        page.context.route(
            re.compile("_sources"),
            lambda route: route.fulfill(status=status, body="{}") if status else route.abort(),
        )
        download = page.get_by_role("button", name="Download as notebook")
        download.click()
        says = page.get_by_role("status").filter(has_text="The notebook could not be loaded.")
        expect(says).to_be_visible()
        page.context.unroute_all()
        with page.expect_download():
            download.click()
        expect(says).to_have_count(0)


def test_two_tabs_keep_what_each_has(browser: Browser, address: str) -> None:
    with opened(browser, address) as seen:
        first, second = seen.page, seen.page.context.new_page()
        second.goto(address + PAGE)
        start(second, "1.4")
        start(first)
        run(first, RIGHT, "1.1 right")
        write(second, "def gap_in_ev(homo, lumo):\n    return 0", "1.4")
        button(second, "Run", "1.4").click()
        expect(output(second, "1.4")).to_contain_text("1.4 wrong")
        first.reload()
        expect(first.get_by_text("1 of 6 right")).to_be_visible()
        start(first)
        expect(editor(first, "1.1")).to_contain_text("627.5095")
        expect(editor(first, "1.4")).to_contain_text("return 0")
        button(first, "Hint", "1.4").click()
        expect(output(first, "1.4")).to_contain_text("hint 1")


@pytest.mark.parametrize("name", LOADED)
def test_a_failed_start_can_be_repeated(browser: Browser, address: str, name: str) -> None:
    with checks.visit(browser, address + PAGE, 1280) as seen:
        page = seen.page
        context = page.context  # what a worker asks for is the context's
        context.route(re.compile(re.escape(name)), lambda route: route.abort())
        button(page, "Run here").click()
        if name != "editor.js":
            button(page, "Run").click()
        expect(page.locator(".qm9-run-status").first).to_contain_text(
            re.compile("could not be (loaded|started).*Try again")
        )
        context.unroute_all()
        if name == "editor.js":
            start(page)
        run(page, RIGHT, "1.1 right")


@pytest.mark.parametrize("name", ["editor.js", "worker.js", "/pyodide-"])
def test_a_page_of_before_the_site_was_renewed_says_to_reload_it(
    browser: Browser, address: str, name: str
) -> None:
    with checks.visit(browser, address + PAGE, 1280) as seen:
        page = seen.page
        page.context.route(re.compile(re.escape(name)), lambda route: route.fulfill(status=404))
        button(page, "Run here").click()
        expect(page.locator(".qm9-run-status").first).to_contain_text(
            re.compile("could not be .*The site was renewed since .*: reload the page.$")
        )


def test_it_is_told_to_those_who_do_not_see_it(browser: Browser, address: str) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        start(page)
        expect(output(page)).to_have_count(1)  # there before anything comes into it
        expect(output(page)).to_be_empty()
        for code, outcome in {
            WRONG: "Finished: wrong",
            RIGHT: "Finished: right",
            f"{RIGHT}\n1 / 0": "Finished: error",
        }.items():
            write(page, code)
            button(page, "Run").click()
            expect(status(page)).to_have_text(outcome)
        button(page, "Hint").click()
        expect(status(page)).to_have_text("Finished")
        run(page, f"{RIGHT}\nprint(1)", "1.1 right")
        printed = output(page).get_by_role("group", name="Printed by exercise 1.1")
        checks.frames(page, 2)
        assert printed.get_attribute("tabindex") is None
        run(page, f"{RIGHT}\nfor i in range(99):\n    print(i)", "1.1 right")
        expect(printed).to_have_attribute("tabindex", "0")
        button(page, "Stop").focus()
        page.keyboard.press("Tab")
        expect(printed).to_be_focused()
        page.keyboard.press("End")
        checks.until(page, lambda: printed.evaluate("box => box.scrollTop") > 0)


def test_what_runs_is_told_whatever_is_reset(browser: Browser, address: str) -> None:
    with opened(browser, address) as seen:
        page = seen.page
        start(page)
        write(page, "while True:\n    print('on')", "1.4")
        button(page, "Run", "1.4").click()
        expect(output(page, "1.4")).to_contain_text("on")
        expect(status(page, "1.4")).to_have_text("Running …")
        button(page, "Reset").click()
        expect(status(page)).to_contain_text("As it was")
        expect(status(page, "1.4")).to_have_text("Running …")


def test_it_is_accessible(
    browser: Browser, address: str, axe_script: str, screenshots: Path
) -> None:
    with opened(browser, address, "book/exercises/accuracy.html") as seen:
        page = seen.page
        start(page, "6.6")
        run(page, "def mean_and_deviation(predictions):\n    return 1 / 0", "6.6 error", "6.6")
        button(page, "Hint", "6.2").click()
        expect(output(page, "6.2")).to_contain_text("hint 1")
        for width, theme in ((1280, "light"), (1280, "dark"), (390, "dark")):
            page.emulate_media(color_scheme=theme)
            page.evaluate("(name) => (document.documentElement.dataset.theme = name)", theme)
            seen.resize(width)
            seen.settle()
            page.screenshot(path=screenshots / f"run-{width}-{theme}.png")
            found = seen.ask("scroll", "ids") | {"axe": checks.axe(seen, axe_script)}
            checks.conclude({f"{width} {theme} {name}": said for name, said in found.items()})


def test_what_the_page_needs_first_is_tried_again_after_it_failed(
    browser: Browser, address: str
) -> None:
    """Its first cell draws with matplotlib, which does not come at the first attempt."""
    with checks.visit(browser, f"{address}book/exercises/baseline.html", 1280) as seen:
        page = seen.page
        page.context.route(re.compile("matplotlib-3"), lambda route: route.abort())
        start(page, "3.1")
        button(page, "Run", "3.1").click()
        expect(output(page, "3.1")).to_contain_text("matplotlib could not be loaded")
        page.context.unroute_all()
        button(page, "Run", "3.1").click()
        expect(output(page, "3.1")).to_contain_text("3.1 not attempted")


def test_from_a_folder_it_says_what_is_missing(browser: Browser, site: checks.Site) -> None:
    with checks.visit(browser, (site.root / PAGE).as_uri(), 1280) as seen:
        expect(
            seen.page.get_by_text("Exercises run here only when the book comes from")
        ).to_be_visible()
        expect(seen.page.get_by_role("button", name=re.compile("^Run"))).to_have_count(0)
        assert seen.console == []


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_from_the_landing_page_to_a_solved_exercise(
    browser: Browser,
    address: str,
    width: int,
    theme: str,
    screenshots: Path,
    record_property: Record,
) -> None:
    """A person's path, without leaving the site: how many clicks and seconds, is told."""
    with opened(browser, address, "book/index.html", width, theme) as seen:
        page = seen.page
        step = 0

        def picture() -> None:
            nonlocal step
            step += 1
            page.screenshot(path=screenshots / f"path-{step}-{width}-{theme}.png")

        begun = time.monotonic()
        page.get_by_role("button", name=re.compile("^Ask the network")).click()
        expect(page.locator(".qm9-ask-answer")).to_contain_text("Expected error")
        picture()
        before = page.locator(".qm9-ask-answer").inner_text()
        checks.drag(page, page.locator(".qm9-ask-atom").last, 15, 10)
        expect(page.locator(".qm9-ask-answer")).not_to_have_text(before)
        picture()
        expect(page.get_by_text("Press Run here below an exercise")).to_be_attached()
        page.get_by_role("link", name="Do the exercises").click()
        button(page, "Run here").click()
        expect(editor(page)).to_be_focused()
        picture()
        write(page, RIGHT)
        button(page, "Run").click()
        expect(page.get_by_text("1 of 6 right")).to_be_attached()
        seconds = time.monotonic() - begun
        editor(page).scroll_into_view_if_needed()
        picture()
    record_property(
        "measured",
        f"from the landing page to a solved exercise at {width} px: 4 clicks and a drag, "
        f"{seconds:.1f} s, the reading and the typing left out",
    )
