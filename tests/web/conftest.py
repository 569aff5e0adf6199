"""The site under test, a browser, and the report.

These tests need a built site (`make book`), so `pytest tests` leaves them out: `make test-web`.
"""

from __future__ import annotations

import itertools
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import npm
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from browser import HANG, launch
from web import checks
from webserver import serve

WIDTHS = (1280, 390)
MOST = 50
"""How many problems of a kind the report lists."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("web")
    group.addoption("--site", type=Path, default=checks.ROOT / "_build/html", help="the built site")
    group.addoption(
        "--results", type=Path, default=checks.ROOT / "_build/web", help="where to report"
    )
    group.addoption(
        "--pictures", action="store_true", help="keep a picture of every page in each view"
    )
    group.addoption(
        "--modules", type=Path, default=checks.ROOT / npm.WEB, help="the packages of npm"
    )
    group.addoption(
        "--jupyterlab",
        type=Path,
        default=checks.ROOT / ".venv/jupyterlab",
        help="an environment that has JupyterLab",
    )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        shutil.rmtree(config.getoption("results") / "screenshots", ignore_errors=True)
        config.pluginmanager.register(Report(config.getoption("results")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test its pages, by the name of what it takes."""
    site = checks.Site(metafunc.config.getoption("site"))
    wanted = {"address", "site", "view"} & set(metafunc.fixturenames)
    if wanted and not (site.root / "index.html").is_file():
        raise pytest.UsageError(f"no site in {site.root}: run `make book` first")
    if "view" in metafunc.fixturenames:
        # One theme opens wide and becomes narrow, the other the other way round.
        every = [("light", WIDTHS), ("dark", WIDTHS[::-1])]
        # The pages of source code are many and all alike: they take turns.
        turns = itertools.cycle((theme, (width,)) for theme, widths in every for width in widths)
        views = [
            (page, theme, widths)
            for page in site.pages
            for theme, widths in ([next(turns)] if page.startswith("_modules/") else every)
        ]
        metafunc.parametrize("view", views, ids=[f"{page}-{theme}" for page, theme, _ in views])
    lists = {
        "page_name": site.pages,
        "chapter": site.chapters,
        "reading": [next(iter(site.contents)), *site.chapters],
    }
    for fixture, pages in lists.items():
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, pages)


@pytest.fixture(scope="session")
def site(pytestconfig: pytest.Config) -> checks.Site:
    return checks.Site(pytestconfig.getoption("site").resolve())


@pytest.fixture(scope="session")
def address(site: checks.Site) -> Iterator[str]:
    with serve(site.root) as url:
        yield url


@pytest.fixture(scope="session")
def axe_script(pytestconfig: pytest.Config) -> str:
    return (pytestconfig.getoption("modules") / "axe-core/axe.min.js").read_text("utf-8")


@pytest.fixture(scope="session")
def screenshots(pytestconfig: pytest.Config) -> Path:
    folder: Path = pytestconfig.getoption("results") / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=HANG)
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


class Report:
    """Gathers what the tests found, from all workers, and writes it as one page of Markdown.

    A test hands over its part by ``record_property``: ``page`` and ``checks`` (a mapping from the
    view to one from the check to its problems), ``phone`` (a row of the table of loading times), or
    ``measured`` (another figure, in words): times are told, and decide nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pages: dict[str, dict[str, dict[str, list[str]]]] = defaultdict(dict)
        self.seconds: dict[str, float] = defaultdict(float)
        self.others: list[tuple[str, bool, float]] = []
        self.phone: list[dict[str, Any]] = []
        self.measured: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome != "failed":
            return
        said = dict(report.user_properties)
        if "phone" in said:
            self.phone.append(said["phone"])
        if "measured" in said:
            self.measured.append(said["measured"])
        if "page" not in said:
            name = report.nodeid.partition("::")[2]
            self.others.append((name, report.outcome != "failed", report.duration))
            return
        page = said["page"]
        self.seconds[page] += report.duration
        for view, found in said["checks"].items():
            for check, problems in found.items():
                self.pages[page].setdefault(check, {})[view] = problems

    def pytest_sessionfinish(self) -> None:
        if self.pages or self.others:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "report.md").write_text(self.text(), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(f"Report: {self.folder / 'report.md'}")

    def text(self) -> str:
        lines = ["# The site in a browser", "", *self._pages(), "", "## Ways to use it", ""]
        lines += table(
            {"": "✅" if passed else "❌", "Test": name, "Seconds": f"{seconds:.1f}"}
            for name, passed, seconds in sorted(self.others)
        )
        lines += ["", "## On a phone with fast 3G", "", *table(self.phone), ""]
        lines += ["## Measured", "", *(f"- {text}" for text in self.measured), ""]
        lines += self._problems()
        return "\n".join(lines) + "\n"

    def _pages(self) -> list[str]:
        checks = list(dict.fromkeys(check for found in self.pages.values() for check in found))
        rows = []
        for page, found in sorted(self.pages.items()):
            row = {"": "", "Page": page}
            for check in checks:
                problems = {text for texts in found.get(check, {}).values() for text in texts}
                row[check] = f"❌ {len(problems)}" if problems else "✅" if check in found else ""
            row[""] = "❌" if any("❌" in text for text in row.values()) else "✅"
            rows.append(row | {"Seconds": f"{self.seconds[page]:.1f}"})
        return table(rows)

    def _problems(self) -> list[str]:
        """Each problem once, with where it is."""
        where: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for page, found in sorted(self.pages.items()):
            for check, views in found.items():
                for view, problems in views.items():
                    for problem in problems:
                        where[check][problem].append(f"{page} {view}".strip())
        lines = []
        for check, problems in where.items():
            lines += [f"## Problems: {check}", ""]
            # One mistake in a template makes hundreds of problems: the most frequent tell.
            ranked = sorted(problems.items(), key=lambda item: -len(item[1]))
            for problem, places in ranked[:MOST]:
                more = f" and {len(places) - 1} more" if len(places) > 1 else ""
                lines.append(f"- `{problem}`: {places[0]}{more}")
            lines += [f"- {len(ranked) - MOST} more", ""] if len(ranked) > MOST else [""]
        return lines


def table(rows: Any) -> list[str]:
    """Write rows, each a mapping from the column to the text, as a table in Markdown."""
    rows = list(rows)
    if not rows:
        return ["None."]
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *([str(row[key]) for key in columns] for row in rows)]
    return [f"| {' | '.join(cells)} |" for cells in lines]
