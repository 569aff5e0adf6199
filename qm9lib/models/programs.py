"""Compiled programs that are kept: a network's take XLA half a minute, and are the same tomorrow.

JAX keeps them itself, in a folder that it is given here. It reads and writes under a lock, and
throws away what was not used for longest when there is too much.
"""

from __future__ import annotations

import hashlib
import os
import platform
import warnings
from pathlib import Path
from typing import Any

from filelock import FileLock

from qm9lib.data.files import cache_folder
from qm9lib.errors import DataError

MOST = 500_000_000
"""Bytes that the folder of one kind of processor may take."""

SECONDS = 0.2
"""Programs that are compiled faster than that are not kept."""


def folder() -> Path:
    """Return where programs for this kind of processor are kept, whether it exists or not.

    A program has instructions of the processor that it was compiled for, and JAX does not look at
    that: in a folder that several machines share, one that lacks them would crash.
    """
    return cache_folder() / f"programs-{hashlib.sha256(_processor().encode()).hexdigest()[:12]}"


def size() -> int:
    """Return the bytes that all kept programs take, of any processor."""
    return sum(file.stat().st_size for file in cache_folder().glob("programs-*/*-cache"))


def check_devices() -> None:
    """Raise an error in words where JAX cannot start.

    Raises
    ------
    DataError
        If JAX finds none of the devices that ``JAX_PLATFORMS`` asks for, or no device at all.
    """
    import jax

    try:
        jax.devices()
    except Exception as error:  # RuntimeError, or an AssertionError without a word
        asked = os.environ.get("JAX_PLATFORMS")
        raise DataError(
            f"JAX cannot start (JAX_PLATFORMS={asked}; {error or type(error).__name__}): unset "
            "JAX_PLATFORMS, or install a jaxlib for that device"
        ) from error


def keep() -> None:
    """Let JAX keep what it compiles from now on, and find what it compiled before.

    Nothing happens if JAX has been told where to keep programs, or to keep none, as the page on the
    command line says, or if the cache folder cannot be written to.

    Examples
    --------
    >>> import jax
    >>> keep()
    >>> jax.config.jax_compilation_cache_dir is not None or size() == 0
    True
    """
    import jax

    # What cannot be kept or found is compiled, which is all that the warning is about.
    message = "Error (reading|writing) persistent compilation cache entry"
    warnings.filterwarnings("ignore", message, UserWarning)
    config: Any = jax.config  # which gets its attributes at run time
    if config.jax_compilation_cache_dir or not config.jax_enable_compilation_cache:
        return
    path = folder()
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK):
            return
        # JAX's lock, and its names: a process that was killed may leave a part of a program.
        with FileLock(path / ".lockfile"):
            for program in path.glob("*-cache"):
                if not program.with_name(f"{program.name.removesuffix('-cache')}-atime").exists():
                    program.unlink()
    except (OSError, NotImplementedError):  # the latter from a file system without locks
        return
    config.update("jax_persistent_cache_min_compile_time_secs", SECONDS)
    config.update("jax_compilation_cache_max_size", MOST)
    config.update("jax_compilation_cache_dir", str(path))


def _processor() -> str:
    """Tell one kind of processor from others: its instructions, where the system lists them."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith(("flags", "Features")):
                return line
    except OSError:
        pass
    return f"{platform.machine()} {platform.processor()}"
