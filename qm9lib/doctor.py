"""The facts that a bug report needs: versions, data, cache and device, as text to paste.

It runs when something is broken, so packages are imported in another process, which a broken one
may end, and a failure is just a line of the report.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Any, cast

_PACKAGES = (
    "qm9lib", "qm9pack", "numpy", "scipy", "jax", "jaxlib", "optax", "equinox", "jaxtyping",
    "safetensors", "pooch", "filelock", "platformdirs", "tqdm", "matplotlib", "tensorflow",
    "tensorflow-cpu",
)  # fmt: skip
_NOT_IMPORTED = ("qm9pack", "tensorflow", "tensorflow-cpu")  # they take seconds, and print

# Imports the packages named, and reports the start and the outcome of each. "devices" are the
# devices of JAX. Whatever the packages print themselves goes elsewhere.
_TRY = """
import importlib, json, os, sys

lines = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for name in sys.argv[1:]:
    print(json.dumps([name]), file=lines, flush=True)
    said = ""
    try:
        if name == "devices":
            said = ", ".join(str(device) for device in importlib.import_module("jax").devices())
        else:
            importlib.import_module(name)
    except BaseException as error:
        said = f"broken: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        if name == "devices" and "JAX_PLATFORMS" in os.environ:
            said += f" (JAX_PLATFORMS={os.environ['JAX_PLATFORMS']})"
    print(json.dumps([name, said]), file=lines, flush=True)
"""

Rows = list[tuple[str, str]]


def report() -> str:
    """Return the report, one fact per line; no molecules are read, nothing written or downloaded.

    Examples
    --------
    >>> print(report().splitlines()[0].split()[0])
    python
    """
    rows = [("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")]
    versions = {name: _version(name) for name in _PACKAGES}
    here = [name for name, version in versions.items() if version]
    tried = _try([name for name in here if name not in _NOT_IMPORTED] + ["devices"])
    for name, version in versions.items():
        said = tried.get(name, "")
        rows.append((name, ", ".join(filter(None, [version or "not installed", said]))))
    rows += [("processors", str(os.cpu_count())), ("devices", tried["devices"])]
    return table(rows + data())


def table(rows: Rows) -> str:
    """Return names and values as aligned lines."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


def data() -> Rows:
    """Return where the molecules are, without reading them."""
    rows = [("qm9pack data", _fact(_qm9pack))]
    try:
        from qm9lib.data import cache, figshare, files
        from qm9lib.models import programs
    except Exception as error:
        return [*rows, ("qm9lib", _broken(error))]
    rows += [(file.name, _fact(_fetched, file)) for file in figshare.PUBLISHED.files]
    rows.append(("cache folder", _fact(lambda: str(files.cache_folder()))))
    rows += [(cache.arrays_name(kind), _fact(_written, kind)) for kind in cache.KINDS]
    rows.append(("compiled programs", _fact(lambda: f"{programs.size():,} bytes")))
    return rows


def has_data() -> bool:
    """Return whether ``load()`` would find the molecules without the network."""
    from qm9lib.data import cache, figshare, files, qm9pack
    from qm9lib.errors import DataError

    written = [
        path for kind in ("qm9pack", "figshare") if (path := cache.arrays_path(kind)).exists()
    ]
    if written:
        return any(os.access(path, os.R_OK) for path in written)
    try:
        files.check_writable(cache.arrays_path("qm9pack"), make=False)
    except DataError:
        return False
    return qm9pack.is_installed() or figshare.is_fetched()


def _fact(find: Callable[..., str], *arguments: Any) -> str:
    """Return a fact, or the reason why it cannot be determined."""
    try:
        return find(*arguments)
    except Exception as error:
        return _broken(error)


def _broken(error: Exception) -> str:
    said = " ".join(str(error).split())
    return f"broken: {type(error).__name__}: {said[:200]}"


def _version(name: str) -> str:
    """Return the version of a package, or nothing if it is not installed."""
    try:
        # None if the folder of the package's metadata exists, but is empty.
        return cast("str | None", metadata.version(name)) or "broken: its version is missing"
    except metadata.PackageNotFoundError:
        return ""


def _try(names: list[str]) -> dict[str, str]:
    """Import packages, and return the outcome for each: nothing, or why it is broken."""
    found: dict[str, str] = {}
    while left := [name for name in names if name not in found]:
        try:
            done = subprocess.run(
                [sys.executable, "-c", _TRY, *left],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:  # no more processes, or no permission to start Python
            return dict.fromkeys(names, f"not tried: {error.strerror or error}") | found
        begun = left[0]
        for line in done.stdout.splitlines():
            begun, *said = json.loads(line)
            found.update({begun: said[0]} if said else {})
        if begun not in found:
            found[begun] = f"broken: importing it ends Python with status {done.returncode}"
    return found


def _qm9pack() -> str:
    from qm9lib.data import qm9pack

    if not qm9pack.is_installed():
        return "not installed"
    folder = qm9pack.installed_folder()
    missing = [name for name in qm9pack.FILES if not (folder / name).is_file()]
    return f"missing: {', '.join(missing)} in {folder}" if missing else str(folder)


def _fetched(file: Any) -> str:
    from qm9lib.data import figshare

    path = figshare.folder() / file.name
    return f"{path.stat().st_size:,} of {file.size:,} bytes" if path.exists() else "not fetched"


def _written(kind: str) -> str:
    from qm9lib.data import cache

    path = cache.arrays_path(kind)
    return f"{path.stat().st_size:,} bytes" if path.exists() else "not written"
