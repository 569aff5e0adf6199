"""A cache of compiled programs: a network's take XLA half a minute, and are the same tomorrow.

JAX keeps them itself, in a folder that is set here. It reads and writes under a lock, and when
there are too many, it deletes those that have gone unused for longest.
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
"""Bytes that the folder for one kind of processor may take."""

SECONDS = 0.2
"""Programs that compile faster than this are not kept."""


def folder() -> Path:
    """Return the folder of programs for this kind of processor, even if it does not exist yet.

    A program uses instructions of the processor that it was compiled for, which JAX does not check:
    if several machines shared a folder, one that lacks those instructions would crash.
    """
    return cache_folder() / f"programs-{hashlib.sha256(_processor().encode()).hexdigest()[:12]}"


def size() -> int:
    """Return the bytes that all kept programs take, for any processor."""
    return sum(file.stat().st_size for file in cache_folder().glob("programs-*/*-cache"))


def check_devices() -> None:
    """Raise a readable error if JAX cannot start.

    Raises
    ------
    DataError
        If JAX finds none of the devices that ``JAX_PLATFORMS`` asks for, or no device at all.
    """
    import jax

    try:
        jax.devices()
    except Exception as error:  # RuntimeError, or an AssertionError without a message
        asked = os.environ.get("JAX_PLATFORMS")
        raise DataError(
            f"JAX cannot start (JAX_PLATFORMS={asked}; {error or type(error).__name__}): unset "
            "JAX_PLATFORMS, or install a jaxlib for that device"
        ) from error


def keep() -> None:
    """Let JAX keep what it compiles from now on, and find what it compiled before.

    Nothing happens if JAX has already been given a folder for programs, or been set to keep none
    (see the page on the command line), or if the cache folder cannot be written to.

    Examples
    --------
    >>> import jax
    >>> keep()
    >>> jax.config.jax_compilation_cache_dir is not None or size() == 0
    True
    """
    import jax

    # What cannot be kept or found is simply compiled; the warning is about nothing else.
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
        # JAX's lock, and its names: a process that was killed may leave part of a program behind.
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
    """Identify the kind of processor: by its instructions, if the system lists them."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith(("flags", "Features")):
                return line
    except OSError:
        pass
    return f"{platform.machine()} {platform.processor()}"
