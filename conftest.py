"""What every test run needs: checked array shapes, and the chapters' environment."""

from __future__ import annotations

import os
from collections.abc import Generator
from unittest import mock

import pytest
from jaxtyping import install_import_hook

from notebooks import ENVIRONMENT

# A hook here reaches the workers of pytest-xdist too; --jaxtyping-packages does not.
install_import_hook("qm9lib", "beartype.beartype")

collect_ignore = ["book/_ext"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Start the kernel of a notebook in the environment in which it was executed."""
    if item.path.suffix != ".ipynb":
        return (yield)
    with mock.patch.dict(os.environ, ENVIRONMENT):
        return (yield)
