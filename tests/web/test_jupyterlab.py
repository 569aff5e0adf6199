"""Notebooks in JupyterLab: from anywhere, trusted, in its dark theme; and an exercise solved."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page

from web import checks

CHAPTERS = ("labels", "gallery")
"""Together they have plots, single molecules, galleries, and molecules coloured by values."""

SETTINGS: dict[str, dict[str, Any]] = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # Otherwise cells out of sight are not there.
    "notebook-extension/tracker": {"windowingMode": "none"},
}

FIGURES = """async () => {
    const figures = [...document.querySelectorAll(".jp-OutputArea-output figure")];
    await Promise.all([...document.querySelectorAll("figure img")].map((image) => image.decode()));
    const box = (element) => element.getBoundingClientRect();
    const apart = (a, b) => a.right <= b.left + 0.5 || a.bottom <= b.top + 0.5;
    const lines = (node, start, end) => {
        const range = document.createRange();
        range.setStart(node, start);
        range.setEnd(node, end);
        return new Set([...range.getClientRects()].map((part) => Math.round(part.top))).size;
    };
    const written = (element) => {
        const range = document.createRange();
        range.selectNodeContents(element);
        return range.getBoundingClientRect();
    };
    const broken = (caption) => {
        const found = [];
        const walker = document.createTreeWalker(caption, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
            const node = walker.currentNode;
            if (node.parentElement.closest("code")) continue;  // a SMILES may be long
            for (const word of node.data.matchAll(/[^\\s-]+/g)) {
                const end = word.index + word[0].length;
                if (lines(node, word.index, end) > 1) found.push(word[0]);
            }
        }
        return found;
    };
    return figures.map((figure) => {
        const drawing = figure.querySelector("img, svg");
        const caption = figure.querySelector("figcaption");
        const terms = [...caption.querySelectorAll("dt")];
        const card = (image) => {
            const canvas = document.createElement("canvas");
            canvas.getContext("2d").drawImage(image, 0, 0);
            return [...canvas.getContext("2d").getImageData(1, 1, 1, 1).data];
        };
        return {
            kind: drawing?.localName,
            natural: [drawing?.naturalWidth, drawing?.naturalHeight],
            card: drawing?.localName === "img" ? card(drawing) : null,
            size: drawing ? [box(drawing).width, box(drawing).height] : [0, 0],
            name: drawing?.alt ?? drawing?.getAttribute("aria-label"),
            ink: drawing ? getComputedStyle(drawing).color : null,
            text: getComputedStyle(figure.parentElement).color,
            broken: broken(caption),
            overlapping: terms
                .filter((term) => !apart(written(term), written(term.nextElementSibling)))
                .map((term) => term.textContent),
            edges: new Set(terms.map((term) => Math.round(box(term).left))).size,
        };
    });
}"""


class Lab(NamedTuple):
    """A JupyterLab that runs, and the folders that it uses."""

    program: Path
    address: str
    settings: Path
    work: Path
    environment: dict[str, str]

    def set(self, name: str, values: dict[str, Any]) -> None:
        """Change a setting, for pages that are opened after this."""
        file = self.settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))

    def copy(self, chapter: str, *, trusted: bool) -> str:
        """Put a notebook of the book where it can be opened, and return its name there."""
        name = f"{Path(chapter).name}-{'trusted' if trusted else 'foreign'}.ipynb"
        shutil.copy(checks.ROOT / "book" / f"{chapter}.ipynb", self.work / name)
        if trusted:
            command = [self.program, "-m", "jupyter", "trust", self.work / name]
            subprocess.run(command, env=self.environment, check=True, capture_output=True)
        return name


@pytest.fixture(scope="module")
def lab(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    program = pytestconfig.getoption("jupyterlab") / "bin" / "python"
    if not program.exists():
        raise pytest.UsageError(f"no JupyterLab in {program.parents[1]}: run `make test-web`")
    home = tmp_path_factory.mktemp("jupyterlab")
    work, settings, kernels = home / "work", home / "settings", home / "kernels"
    work.mkdir()
    # JupyterLab has an environment of its own; notebooks run in the one that has the course.
    install = [sys.executable, "-m", "ipykernel", "install", "--prefix", kernels]
    subprocess.run(install, check=True, capture_output=True)
    folders = {
        "HOME": home,
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_PATH": kernels / "share" / "jupyter",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": settings,
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
    }
    environment = {**os.environ, **{name: str(folder) for name, folder in folders.items()}}
    command = [program, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += ["--port=0", "--IdentityProvider.token=", f"--ServerApp.root_dir={work}"]
    command += ["--LabApp.expose_app_in_browser=True"]  # for `READY`
    with subprocess.Popen(
        command, cwd=work, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            told = []
            for line in process.stderr:
                told.append(line)
                if found := re.search(r"http://127\.0\.0\.1:[1-9]\d*/", line):
                    break
            else:
                pytest.fail(f"JupyterLab has not started: {''.join(told)}")
            # What it says later has to be read too, or it would wait.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            started = Lab(program, found[0], settings, work, environment)
            for name, values in SETTINGS.items():
                started.set(name, values)
            yield started
        finally:
            process.terminate()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = checks.window(browser, viewport={"width": 1100, "height": 900})
    yield context.new_page()
    context.close()


def expected(chapter: str) -> dict[str, int]:
    """How many figures and molecules a chapter has, as its file says."""
    cells = json.loads((checks.ROOT / "book" / f"{chapter}.ipynb").read_text("utf-8"))["cells"]
    shown = "".join(
        "".join(output.get("data", {}).get("text/html", ""))
        for cell in cells
        for output in cell.get("outputs", [])
    )
    return {kind: shown.count(f'<figure class="{kind}"') for kind in ("qm9-figure", "qm9-molecule")}


@pytest.mark.parametrize("theme", ["Light", "Dark"])
@pytest.mark.parametrize("trusted", [False, True], ids=["untrusted", "trusted"])
@pytest.mark.parametrize("opened", CHAPTERS)
def test_figures_and_molecules(
    opened: str, trusted: bool, theme: str, lab: Lab, page: Page, screenshots: Path
) -> None:
    lab.set("apputils-extension/themes", {"theme": f"JupyterLab {theme}"})
    page.goto(f"{lab.address}doc/tree/{lab.copy(opened, trusted=trusted)}")
    page.wait_for_function(
        "light => document.body.dataset.jpThemeLight === light", arg=str(theme == "Light").lower()
    )
    number = expected(opened)
    for kind, count in number.items():
        page.wait_for_function(
            "([kind, count]) => document.querySelectorAll(`figure.${kind}`).length === count",
            arg=[kind, count],
        )
    if trusted:
        page.wait_for_function(
            "count => document.querySelectorAll('qm9-molecule[role=group]').length === count",
            arg=number["qm9-molecule"],
        )
    high = page.evaluate(
        "Math.max(...[...document.querySelectorAll('.jp-WindowedPanel-outer, .jp-Notebook')]"
        ".map((e) => e.scrollHeight))"
    )
    page.set_viewport_size({"width": 1100, "height": min(high + 100, 9_000)})
    checks.frames(page, 2)
    kind = f"{'trusted' if trusted else 'untrusted'}-{theme.lower()}"
    page.screenshot(path=screenshots / f"jupyterlab-{opened}-{kind}.jpg", quality=60)
    for width in (1100, 700):
        page.set_viewport_size({"width": width, "height": 900})
        checks.frames(page, 2)
        figures = page.evaluate(FIGURES)
        assert len(figures) == sum(number.values()) > 0
        for figure in figures:
            assert figure["kind"] == ("svg" if trusted else "img")
            assert len(figure["name"]) > 20
            assert min(figure["size"]) > 100, figure
            if trusted:
                assert figure["ink"] == figure["text"], figure  # light on dark, dark on light
            else:
                assert min(figure["natural"]) > 100, figure
                assert figure["card"] == [255] * 4, figure
            assert (figure["broken"], figure["overlapping"]) == ([], []), figure
            assert figure["edges"] <= 1, figure
    turns = page.locator(".jp-OutputArea-output").get_by_text("Drag to turn")
    if not trusted:
        assert turns.count() == 0
        return
    assert turns.count() == page.locator(".qm9-molecules").count() > 0
    molecule = page.locator("qm9-molecule").first
    before = molecule.locator("svg").inner_html()
    molecule.press("ArrowLeft")
    checks.until(page, lambda: molecule.locator("svg").inner_html() != before)


ANSWER = """def to_kcal_per_mol(energy):
    return {} * energy"""
CHECK = 'check("1.1", to_kcal_per_mol)'


READY = """() => {
    const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
    return kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""
"""Before the kernel is there, JupyterLab runs nothing, and says nothing."""

PLACE = """() => [...document.querySelectorAll(".jp-Notebook .jp-Cell")].findIndex(
    (cell) => cell.classList.contains("jp-mod-active"))"""


def press(page: Page, key: str) -> None:
    """Press a key that selects another cell, and wait until it has."""
    before = page.evaluate(PLACE)
    page.keyboard.press(key)
    page.wait_for_function(f"before => ({PLACE})() !== before", arg=before)


def write(page: Page, text: str) -> None:
    """Replace what stands in the selected cell, and run it; the next cell is selected then."""
    page.keyboard.press("Enter")
    editor = page.locator(".jp-Cell.jp-mod-active .cm-content")
    page.wait_for_function(
        "document.activeElement.matches('.jp-Cell.jp-mod-active .cm-content')",
    )
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)
    checks.until(page, lambda: editor.inner_text().split() == text.split())
    press(page, "Shift+Enter")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_an_exercise(theme: str, lab: Lab, page: Page, screenshots: Path) -> None:
    """By keys alone: run up to it, a wrong answer, a hint, the right answer."""
    lab.set("apputils-extension/themes", {"theme": f"JupyterLab {theme}"})
    page.goto(f"{lab.address}doc/tree/{lab.copy('exercises/labels', trusted=False)}")
    page.wait_for_function(READY)
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("Escape")
    active = page.locator(".jp-Notebook .jp-Cell.jp-mod-active")
    setup = page.locator(".jp-CodeCell").first
    assert setup.inner_text().count("\n") < 3, setup.inner_text()  # folded
    for _ in range(9):
        if "def to_kcal_per_mol" in active.inner_text():
            break
        press(page, "Shift+Enter")
    else:
        pytest.fail("the first exercise is far down")
    checked = page.locator(".jp-CodeCell").nth(3)

    def outcome() -> str:
        told = checked.locator(".jp-OutputArea-output pre.qm9-outcome").last
        told.wait_for()
        return told.inner_text()

    press(page, "Shift+Enter")
    write(page, CHECK)  # not answered yet
    assert "1.1" in outcome() and "✗" not in outcome() and "✓" not in outcome()
    for answer, said in (
        (ANSWER.format(27.2114), "✗ 1.1 wrong"),
        (ANSWER.format(627.5095), "✓ 1.1"),
    ):
        press(page, "ArrowUp")
        press(page, "ArrowUp")
        assert "to_kcal_per_mol" in active.inner_text()
        write(page, answer)
        write(page, f'hint("1.1")\n{CHECK}' if "✗" in said else CHECK)
        checked.get_by_text(said, exact=False).wait_for()
        colour = checked.locator("pre.qm9-outcome span").last.evaluate(
            "(mark) => getComputedStyle(mark).backgroundColor"
        )
        assert colour == ("rgb(197, 34, 46)" if "✗" in said else "rgb(26, 127, 55)")
        if "✗" in said:
            assert "eV" in outcome(), outcome()
            assert re.search(r"1\.1 hint \d of 3", checked.inner_text()), checked.inner_text()
        page.screenshot(
            path=screenshots / f"jupyterlab-exercise-{theme.lower()}-{said[0] == '✓'}.jpg",
            quality=60,
        )
