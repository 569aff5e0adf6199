"""What every test run needs: checked array shapes, and the chapters' environment."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from queue import Empty
from typing import IO, Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook
from jupyter_client.manager import KernelManager
from nbval import kernel
from nbval.kernel import RunningKernel

from notebooks import HANG, blas_threads, kernel_environment, sockets

# A hook here reaches the workers of pytest-xdist too; --jaxtyping-packages does not.
install_import_hook(["qm9lib", "qm9course"], "beartype.beartype")

# Kernels and other processes of the tests keep their programs where readers do.
from qm9lib.data import dataset  # noqa: E402
from qm9lib.errors import DataError  # noqa: E402
from qm9lib.models import programs  # noqa: E402

if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(programs.folder())
    os.environ["JAX_COMPILATION_CACHE_MAX_SIZE"] = str(programs.MOST)
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = str(programs.SECONDS)
# The tests of the package compile a thousand small programs and run each for a moment. For
# chapters, which train, `notebooks.ENVIRONMENT` takes this back.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

# By default an example that takes 0.2 s fails.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# The students' notebooks have no outputs to compare; tests/course/test_exercise_pages.py runs them.
# The browser's tests need a built site: `make test-web`.
collect_ignore = ["book/_ext", "book/exercises", "tests/answers", "tests/web"]

# What takes longest comes first: begun last, it would keep one worker when all others have ended.
LONG = ("book/", "tests/training/", "tests/course/", "tests/site/")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let nbval start kernels that no other can disturb, and wait for each as long as it lives.

    And let the workers, which start after this, share the cores.
    """
    if workers := config.getoption("numprocesses", None):
        os.environ.setdefault("OPENBLAS_NUM_THREADS", blas_threads(workers))
        os.environ["XLA_FLAGS"] = cheap_compilation()
    config.option.nbval_kernel_startup_timeout = HANG
    kernel.KernelManager = kernel_manager
    kernel.start_new_kernel = start_new_kernel
    RunningKernel.await_reply = await_reply


def cheap_compilation() -> str:
    """Return flags with which XLA compiles in half the time programs that are nearly as fast.

    XLA ends a process that gives it a flag it does not know, as newer ones do not know the second.
    """
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=1"
    more = f"{flags} --xla_cpu_use_fusion_emitters=false"
    command = [sys.executable, "-c", "import jax; jax.devices()"]
    tried = subprocess.run(command, env=os.environ | {"XLA_FLAGS": more}, capture_output=True)
    return flags if tried.returncode else more


def pytest_sessionstart(session: pytest.Session) -> None:
    """Write the cache file of the molecules before workers start: who waits for it says so.

    Said in the cell of a notebook, that would be an output which is not the stored one.
    """
    if not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        with contextlib.suppress(DataError):
            dataset.load()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: [not item.nodeid.startswith(place) for place in LONG])


def kernel_manager(**traits: Any) -> KernelManager:
    """Make what starts a kernel, in place of nbval's `KernelManager`."""
    return KernelManager(**traits, **sockets())


def start_new_kernel(
    *, stderr: IO[str], start: Any = kernel.start_new_kernel, **options: Any
) -> tuple[KernelManager, Any]:
    """Start a kernel, in place of nbval's function, for which nbval leaves a file open."""
    with stderr:
        return start(stderr=stderr, **options)


def await_reply(
    running: RunningKernel,
    message: str,
    timeout: float | None = None,
    wait: Any = RunningKernel.await_reply,
) -> None:
    """Wait for an answer of the kernel, in place of nbval's method.

    That gives up after 10 s in some places, which a busy machine can take; and it waits for half an
    hour where the kernel has died.
    """
    end = time.monotonic() + HANG
    while True:
        try:
            return wait(running, message, timeout=10)
        except Empty:
            if not running.is_alive():
                raise RuntimeError("the kernel of the notebook has died") from None
            if time.monotonic() > end:
                raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Start the kernel of a notebook in the environment in which it was executed."""
    if item.path.suffix != ".ipynb":
        return (yield)
    item.output_timeout = HANG  # nbval's own is 5 s
    with kernel_environment(item.path) as environment, mock.patch.dict(os.environ, environment):
        return (yield)


@pytest.fixture(autouse=True)
def _published_record(doctest_namespace: dict[str, Any]) -> None:
    """Give the examples in docstrings a true record, hydrogen cyanide, as ``hcn``."""
    file = Path(__file__).parent / "tests" / "files" / "dsgdb9nsd_000005.xyz"
    doctest_namespace["hcn"] = file.read_text(encoding="ascii")
