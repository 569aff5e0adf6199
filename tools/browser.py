"""Chromium, as the tests and the printing of the book start it."""

from __future__ import annotations

import shutil

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Only this machine is asked; a request to any other host fails, and is reported.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

HANG = 300_000.0
"""Milliseconds that nothing in a browser takes, on the slowest and busiest machine."""


class BrowserError(Exception):
    """Something is missing that a person has to install or to build."""


def program() -> str:
    """Return the path of an installed Chromium or Chrome.

    Raises
    ------
    BrowserError
        If there is none.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise BrowserError(
            f"no browser: install Chromium or Chrome (looked for {', '.join(NAMES)}); "
            "on Debian: apt-get install chromium"
        )
    return found


def launch(playwright: Playwright) -> Browser:
    """Start a browser without a window and with an empty profile."""
    return playwright.chromium.launch(executable_path=program(), args=list(FLAGS), timeout=HANG)
