"""What every test run needs: checked array shapes, and the chapters' environment."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from jaxtyping import install_import_hook

from notebooks import ENVIRONMENT

# A hook here reaches the workers of pytest-xdist too; --jaxtyping-packages does not.
install_import_hook("qm9lib", "beartype.beartype")

# The students' notebooks have no outputs to compare; tests/test_exercise_pages.py runs them.
# The browser's tests need a built site: `make test-web`.
collect_ignore = ["book/_ext", "book/exercises", "tests/answers", "tests/web"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Start the kernel of a notebook in the environment in which it was executed."""
    if item.path.suffix != ".ipynb":
        return (yield)
    with mock.patch.dict(os.environ, ENVIRONMENT):
        return (yield)


@pytest.fixture(autouse=True)
def _published_record(doctest_namespace: dict[str, Any]) -> None:
    """Give the examples in docstrings a true record, hydrogen cyanide, as ``hcn``."""
    file = Path(__file__).parent / "tests" / "data" / "dsgdb9nsd_000005.xyz"
    doctest_namespace["hcn"] = file.read_text(encoding="ascii")
