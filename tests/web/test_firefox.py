"""Every page in Firefox: one load each, in one browser; and an exercise that runs there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from web.test_use import SOUGHT

from web import checks
from web import test_run as run

NAMES = ("firefox-esr", "firefox")
SHOWN = ("scroll", "formulas", "figures", "images", "drawings", "molecules")


def test_in_firefox(site: checks.Site, address: str, pytestconfig: pytest.Config) -> None:
    """Pages show all, say no error, molecules turn by keys, search finds, an exercise runs."""
    firefox = next(filter(None, map(shutil.which, NAMES)), None)
    assert firefox, (
        f"no Firefox (looked for {', '.join(NAMES)}); on Debian: apt-get install {NAMES[0]}"
    )
    asked = {
        "address": address,
        "script": checks.SCRIPT,
        "checks": SHOWN,
        "pages": site.pages,
        "sought": SOUGHT,
        "exercise": {"page": run.PAGE, "name": "1.1", "code": " ".join(run.RIGHT.split())},
    }
    node = shutil.which("node", path=str(Path(sys.executable).parent))
    script = Path(__file__).with_name("firefox.mjs")
    done = subprocess.run(
        [str(node), script, pytestconfig.getoption("modules"), firefox],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == len(site.pages) + len(SOUGHT) + 1
    checks.conclude(
        {f"{page} {check}": said for page, all_ in found.items() for check, said in all_.items()}
    )
