"""What is checked on a page; every check returns a list of problems, in words.

Checks of the page as a browser shows it take a `Visit`; those that the browser itself can answer
are in checks.js. Checks of what is written in the files take the `Site` and the name of a page.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
)
from sphinx_external_toc.parsing import parse_toc_yaml

from browser import HANG

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("checks.js").read_text(encoding="utf-8")

TIMERS = """(() => {
    // Which timers of the page have not rung yet, to wait for them and for as long as they take.
    const waiting = new Set();
    const [set, clear] = [window.setTimeout, window.clearTimeout];
    window.setTimeout = (action, delay, ...values) => {
        const timer = set(() => {
            waiting.delete(timer);
            if (typeof action === "function") action(...values);
            else (0, eval)(action);
        }, delay);
        waiting.add(timer);
        return timer;
    };
    window.clearTimeout = (timer) => {
        waiting.delete(timer);
        clear(timer);
    };
    window.timersWaiting = () => waiting.size;
})()"""

WEIGHT = 1_500_000
"""What a page may transfer before it stands, in bytes, with an empty cache."""

SHOWN = (
    "scroll",
    "start",
    "headings",
    "ids",
    "tex",
    "formulas",
    "images",
    "drawings",
    "figures",
    "molecules",
)
"""The checks of checks.js that every page has to pass in each width and theme."""

AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def conclude(found: Mapping[str, Sequence[str]]) -> None:
    """Fail the test with all problems that the checks have found, if there are any."""
    problems = [f"{check}: {problem}" for check, texts in found.items() for problem in texts]
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


# ------------------------------------------------------------------------------------ the site


@dataclass(frozen=True)
class Site:
    """A built site in a folder, and what its settings say about it."""

    root: Path

    @functools.cached_property
    def pages(self) -> list[str]:
        """Every page, but not what only leads to another one, nor pieces of the theme."""
        return sorted(
            name
            for name in (
                file.relative_to(self.root).as_posix() for file in self.root.rglob("*.html")
            )
            if not name.startswith("_static/")
            and not re.search("http-equiv=.refresh", (self.root / name).read_text()[:1000], re.I)
        )

    @functools.cached_property
    def contents(self) -> dict[str, str]:
        """Each page of the table of contents with its source file, in the order of reading."""
        files = parse_toc_yaml(ROOT / "_toc.yml")
        return {str(PurePosixPath(file).with_suffix(".html")): file for file in files}

    @property
    def notebooks(self) -> list[str]:
        """The pages that come from notebooks."""
        return [page for page, file in self.contents.items() if file.endswith(".ipynb")]

    @property
    def chapters(self) -> list[str]:
        """The pages that explain: the notebooks beside the landing page."""
        return [page for page in self.notebooks if page.count("/") == 1]

    @functools.cache  # noqa: B019 (there is one site)
    def soup(self, page: str) -> BeautifulSoup:
        return BeautifulSoup((self.root / page).read_text(encoding="utf-8"), "html.parser")

    @functools.cache  # noqa: B019
    def anchors(self, page: str) -> set[str]:
        """What a link to a part of the page may name."""
        return {
            tag[key]
            for key in ("id", "name")
            for tag in self.soup(page).find_all(attrs={key: True})
        }


def head(site: Site, page: str) -> list[str]:
    soup = site.soup(page)
    description = soup.select_one("meta[name=description]")
    found = {
        "no title": soup.title and soup.title.text.strip(),
        "no language": soup.html and soup.html.get("lang"),
        "no description": description and str(description.get("content", "")).strip(),
        "not one viewport": len(soup.select("meta[name=viewport]")) == 1,
        "a setting is missing": "not set" not in str(description),
    }
    if page in site.contents:
        data = soup.find("script", type="application/ld+json")
        shown = soup.find("meta", attrs={"property": "og:title"})
        found["no data for search engines"] = data and json.loads(data.text)["description"]
        found["no title for previews"] = shown and shown["content"]
        found["no version in its foot"] = "Version " in str(soup.select_one(".extra_footer"))
    return [problem for problem, value in found.items() if not value]


def links(site: Site, page: str) -> list[str]:
    """All links inside the site lead to a file that is there, and to a part that it has."""
    found = []
    for tag in site.soup(page).find_all(href=True) + site.soup(page).find_all(src=True):
        link = str(tag.get("href") or tag.get("src"))
        url = urlsplit(urljoin(f"http://site/{page}", link))
        if url.netloc != "site":
            continue
        target = unquote(url.path).removeprefix("/")
        if not (site.root / target).is_file():
            found.append(f"{link}: no such file")
        elif url.fragment and target.endswith(".html"):
            if unquote(url.fragment) not in site.anchors(target):
                found.append(f"{link}: no such part")
    return sorted(set(found))


def buttons(site: Site, page: str) -> list[str]:
    """Colab, download and edit lead to this page's own files in the configured repository."""
    source = site.contents.get(page)
    if source is None:
        return []
    repository = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]
    url, branch = repository["url"], repository["branch"]
    stem = page.removesuffix(".html")
    expected = {"Suggest edit": f"{url}/edit/{branch}/{stem}.md", "Source repository": url}
    if source.endswith(".ipynb"):
        github = url.replace("https://github.com/", "https://colab.research.google.com/github/")
        expected["Launch on Colab"] = f"{github}/blob/{branch}/{stem}.ipynb"
        expected["Download source file"] = f"http://site/_sources/{stem}.ipynb"
    found = []
    for title, target in expected.items():
        tags = site.soup(page).select(f'.article-header-buttons a[title="{title}"]')
        there = {urljoin(f"http://site/{page}", str(tag["href"])) for tag in tags}
        if there != {target}:
            found.append(f"{title}: {' '.join(there) or 'missing'} instead of {target}")
    if source.endswith(".ipynb"):
        try:
            json.loads((site.root / "_sources" / f"{stem}.ipynb").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            found.append(f"the download is no notebook: {error}")
    return found


def order(site: Site, page: str) -> list[str]:
    """Previous and next follow the table of contents."""
    pages = list(site.contents)
    if page not in pages:
        return []
    i = pages.index(page)
    wanted = {"left-prev": pages[i - 1 : i], "right-next": pages[i + 1 : i + 2]}
    found = []
    for name, expected in wanted.items():
        tags = site.soup(page).select(f".prev-next-footer a.{name}")
        there = [urlsplit(urljoin(f"/{page}", str(tag["href"]))).path[1:] for tag in tags]
        if there != expected:
            found.append(f"{name}: {there} instead of {expected}")
    return found


FILE_CHECKS = (head, links, buttons, order)


# ----------------------------------------------------------------------------------- the browser


@dataclass
class Visit:
    """A page that is open in a browser, and what happened while it loaded."""

    page: Page
    protocol: CDPSession
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    received: int = 0
    """Bytes from the network so far, compressed, with headers."""

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.console.append(f"{message.type}: {message.text}"[:300])

    def on_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def on_failure(self, request: Request) -> None:
        self.failures.append(f"{request.failure}: {request.url}"[:300])

    def on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.failures.append(f"{response.status}: {response.url}"[:300])

    def on_finish(self, event: dict[str, Any]) -> None:
        self.received += int(event["encodedDataLength"])

    def resize(self, width: int, height: int = 900) -> None:
        """Change the size of the window, in CSS pixels, and wait for what changes along."""
        self.page.set_viewport_size({"width": width, "height": height})
        frames(self.page, 1)
        self.page.evaluate("Promise.allSettled(document.getAnimations().map((a) => a.finished))")

    def stretch(self, most: int = 8_000) -> None:
        """Make the window so high that nothing needs scrolling, up to a number of pixels."""
        size = self.page.viewport_size
        assert size is not None
        height = self.page.evaluate(
            "Math.max(...[...document.querySelectorAll('html, .bd-sidebar')]"
            ".map((e) => e.scrollHeight))"
        )
        self.resize(size["width"], min(height, most))

    def settle(self) -> None:
        """Wait until the page has seen a change of size, and no timer of it waits any more."""
        frames(self.page, 2)
        self.page.wait_for_function("!globalThis.timersWaiting?.()")

    def unfold(self) -> None:
        """Open every answer, and make room for it."""
        self.page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        self.page.evaluate("document.fonts.ready.then(() => true)")  # formulas need more of them
        self.stretch()

    def ask(self, *names: str) -> dict[str, list[str]]:
        """Run the checks of checks.js that are named."""
        return self.page.evaluate(
            "([script, names]) => { const checks = eval(script);"
            " return Object.fromEntries(names.map((name) => [name, checks[name]()])); }",
            [SCRIPT, names],
        )


def window(browser: Browser, **options: Any) -> BrowserContext:
    """Open a window with an empty profile; what it is asked to wait for, it waits for.

    Parameters
    ----------
    browser
        The browser.
    **options
        For `playwright.sync_api.Browser.new_context`.
    """
    context = browser.new_context(**options)
    context.set_default_timeout(HANG)
    context.add_init_script(TIMERS)
    return context


@contextlib.contextmanager
def visit(
    browser: Browser,
    address: str,
    width: int,
    theme: str = "light",
    *,
    height: int = 900,
    letters: int = 16,
    throttle: tuple[int, float, float] | None = None,
    **options: Any,
) -> Iterator[Visit]:
    """Open a page in a fresh profile, wait until it stands, and close it after the block.

    Parameters
    ----------
    browser, address
        What opens what.
    width, height
        Size of the window in CSS pixels.
    theme
        ``"light"`` or ``"dark"``: what the reader has chosen on the page, and in the system.
    letters
        Size of letters in CSS pixels that the reader has chosen in the browser.
    throttle
        How many times slower the processor is, the latency in ms, and the bytes per second.
    **options
        For `window`.
    """
    context = window(
        browser,
        viewport={"width": width, "height": height},
        **{"color_scheme": theme, "reduced_motion": "reduce"} | options,
    )
    choice = "".join(f"localStorage.setItem('{key}', '{theme}');" for key in ("mode", "theme"))
    context.add_init_script(choice)
    page = context.new_page()
    seen = Visit(page, context.new_cdp_session(page))
    page.on("console", seen.on_console)
    page.on("pageerror", lambda error: seen.console.append(f"exception: {error}"[:300]))
    page.on("request", seen.on_request)
    page.on("requestfailed", seen.on_failure)
    page.on("response", seen.on_response)
    seen.protocol.on("Network.loadingFinished", seen.on_finish)
    seen.protocol.send("Network.enable")
    seen.protocol.send("Page.setFontSizes", {"fontSizes": {"standard": letters}})
    if throttle is not None:
        slower, latency, rate = throttle
        seen.protocol.send("Emulation.setCPUThrottlingRate", {"rate": slower})
        speed = {"latency": latency, "downloadThroughput": rate, "uploadThroughput": rate / 2}
        seen.protocol.send("Network.emulateNetworkConditions", {"offline": False, **speed})
    try:
        page.goto(address)
        page.evaluate("document.fonts.ready.then(() => true)")
        yield seen
    finally:
        context.close()


def frames(page: Page, number: int) -> None:
    """Wait until a page has been painted so many times."""
    page.evaluate(
        "async (number) => {"
        " while (number--) await new Promise((done) => requestAnimationFrame(done)); }",
        number,
    )


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Wait for what has no event, such as a drawing on a canvas: look again and again."""
    deadline = time.monotonic() + HANG / 1000
    while not condition():
        assert time.monotonic() < deadline, "what was waited for has not come"
        frames(page, 1)


def drag(page: Page, element: Locator, right: float, down: float) -> None:
    """Drag an element by its middle, by so many CSS pixels."""
    box = element.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=4)
    page.mouse.up()


def console(seen: Visit) -> list[str]:
    return sorted(set(seen.console))


def requests(seen: Visit) -> list[str]:
    """Nothing fails, and nobody else is asked for anything."""
    own = urlsplit(seen.page.url)
    foreign = [
        f"another host: {url}"[:200]
        for url in seen.requests
        if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != own.netloc
    ]
    return sorted(
        {*foreign, *(text.replace(f"http://{own.netloc}/", "") for text in seen.failures)}
    )


def steady(seen: Visit) -> list[str]:
    """The end of the page is where it seemed to be before anybody has read so far."""
    size = "[document.documentElement.scrollHeight, Math.round(scrollY + innerHeight)]"
    before, _ = seen.page.evaluate(size)
    seen.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    frames(seen.page, 2)
    after, end = seen.page.evaluate(size)
    seen.page.evaluate("scrollTo(0, 0)")
    frames(seen.page, 2)
    if after == before and abs(after - end) <= 1:
        return []
    return [f"{before} px high; at {end} px, where that seemed to end, {after} px"]


def weight(seen: Visit) -> list[str]:
    return [f"{seen.received:,} bytes, more than {WEIGHT:,}"] if seen.received > WEIGHT else []


def axe(seen: Visit, script: str, targets: Sequence[str] = ()) -> list[str]:
    """Run axe-core.

    Parameters
    ----------
    seen
        The page.
    script
        The text of axe.min.js.
    targets
        Parts of the page (CSS selectors); all of it by default.
    """
    seen.page.evaluate(script)
    # After a change of size the theme waits before it sees which boxes scroll now.
    seen.settle()
    results = seen.page.evaluate(
        # Nothing is preloaded: only rules on films and (experimental) on turned screens ask for it.
        "([runOnly, targets]) => axe.run(targets.length ? targets : document,"
        " {runOnly, preload: false, resultTypes: ['violations']})",
        [AXE_RULES, list(targets)],
    )
    return [
        f"{rule['id']} ({rule['impact']}): {' '.join(map(str, node['target']))}: "
        + " ".join(node["failureSummary"].split("\n  ")[1:2])
        for rule in results["violations"]
        for node in rule["nodes"]
    ]
