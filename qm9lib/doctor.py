"""What a bug report needs: versions, data, cache and device, as text to paste.

It is asked where something is broken. So nothing is imported before it is reported, and what fails
is a line of the report.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
from collections.abc import Callable
from importlib import metadata
from typing import Any

_PACKAGES = (
    "qm9lib", "qm9pack", "numpy", "scipy", "jax", "jaxlib", "optax", "equinox", "jaxtyping",
    "safetensors", "pooch", "filelock", "platformdirs", "tqdm", "matplotlib", "tensorflow",
    "tensorflow-cpu",
)  # fmt: skip
_NOT_IMPORTED = ("qm9pack", "tensorflow", "tensorflow-cpu")  # they take seconds, and print

Rows = list[tuple[str, str]]


def report() -> str:
    """Return the report, one fact per line; no molecule is read, nothing written or downloaded.

    Examples
    --------
    >>> print(report().splitlines()[0].split()[0])
    python
    """
    rows = [("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")]
    rows += [(name, _told(_version, name)) for name in _PACKAGES]
    rows += [("processors", str(os.cpu_count())), ("devices", _told(_devices))]
    return table(rows + data())


def table(rows: Rows) -> str:
    """Return names and values as aligned lines."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


def data() -> Rows:
    """Return where the molecules are, without reading them."""
    rows = [("qm9pack data", _told(_qm9pack))]
    try:
        from qm9lib.data import cache, figshare, files
        from qm9lib.models import programs
    except Exception as error:
        return [*rows, ("qm9lib", _broken(error))]
    rows += [(file.name, _told(_fetched, file)) for file in figshare.PUBLISHED.files]
    rows.append(("cache folder", _told(lambda: str(files.cache_folder()))))
    rows += [(cache.arrays_name(kind), _told(_written, kind)) for kind in cache.KINDS]
    rows.append(("compiled programs", _told(lambda: f"{programs.size():,} bytes")))
    return rows


def has_data() -> bool:
    """Return whether ``load()`` would find the molecules without the network."""
    from qm9lib.data import cache, figshare, qm9pack

    return (
        any(cache.arrays_path(kind).exists() for kind in ("qm9pack", "figshare"))
        or qm9pack.is_installed()
        or figshare.is_fetched()
    )


def _told(fact: Callable[..., str], *arguments: Any) -> str:
    """Return a fact, or why it cannot be found out."""
    try:
        return fact(*arguments)
    except Exception as error:
        return _broken(error)


def _broken(error: Exception) -> str:
    said = " ".join(str(error).split())
    return f"broken: {type(error).__name__}: {said[:200]}"


def _version(name: str) -> str:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
    if name not in _NOT_IMPORTED:
        try:
            importlib.import_module(name)
        except Exception as error:
            return f"{version}, {_broken(error)}"
    return version


def _devices() -> str:
    if importlib.util.find_spec("jax") is None:
        return "jax is not installed"
    import jax

    return ", ".join(str(device) for device in jax.devices())


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
