"""What every test run needs: checked array shapes, and the chapters' environment."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from jaxtyping import install_import_hook

from notebooks import kernel_environment

# A hook here reaches the workers of pytest-xdist too; --jaxtyping-packages does not.
install_import_hook("qm9lib", "beartype.beartype")

# Kernels and other processes of the tests keep their programs where readers do.
from qm9lib import programs  # noqa: E402

if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(programs.folder())
    os.environ["JAX_COMPILATION_CACHE_MAX_SIZE"] = str(programs.MOST)
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = str(programs.SECONDS)

# The students' notebooks have no outputs to compare; tests/test_exercise_pages.py runs them.
# The browser's tests need a built site: `make test-web`.
collect_ignore = ["book/_ext", "book/exercises", "tests/answers", "tests/web"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Start the kernel of a notebook in the environment in which it was executed."""
    if item.path.suffix != ".ipynb":
        return (yield)
    with kernel_environment(item.path) as environment, mock.patch.dict(os.environ, environment):
        return (yield)


@pytest.fixture(autouse=True)
def _published_record(doctest_namespace: dict[str, Any]) -> None:
    """Give the examples in docstrings a true record, hydrogen cyanide, as ``hcn``."""
    file = Path(__file__).parent / "tests" / "data" / "dsgdb9nsd_000005.xyz"
    doctest_namespace["hcn"] = file.read_text(encoding="ascii")
