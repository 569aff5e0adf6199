"""What a bug report needs: versions, data, cache and device, as text to paste."""

from __future__ import annotations

import importlib.util
import os
import platform
from importlib import metadata

from qm9lib import cache, figshare, programs, qm9pack

_PACKAGES = (
    "qm9lib", "qm9pack", "numpy", "scipy", "jax", "jaxlib", "optax", "equinox", "jaxtyping",
    "safetensors", "pooch", "filelock", "tqdm", "matplotlib", "tensorflow", "tensorflow-cpu",
)  # fmt: skip

Rows = list[tuple[str, str]]


def report() -> str:
    """Return the report, one fact per line; nothing is loaded, written or downloaded.

    Examples
    --------
    >>> print(report().splitlines()[0].split()[0])
    python
    """
    rows = [("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")]
    rows += [(name, _version(name)) for name in _PACKAGES]
    rows += [("processors", str(os.cpu_count())), ("devices", _devices())]
    return table(rows + data())


def table(rows: Rows) -> str:
    """Return names and values as aligned lines."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


def data() -> Rows:
    """Return where the molecules are, without reading them."""
    rows = [("qm9pack data", _qm9pack())]
    for file in figshare.PUBLISHED.files:
        path = figshare.folder() / file.name
        size = f"{path.stat().st_size:,} of {file.size:,} bytes" if path.exists() else "not fetched"
        rows.append((file.name, size))
    rows.append(("cache folder", str(cache.cache_folder())))
    for kind in cache.KINDS:
        path = cache.arrays_path(kind)
        size = f"{path.stat().st_size:,} bytes" if path.exists() else "not written"
        rows.append((path.name, size))
    rows.append(("compiled programs", f"{programs.size():,} bytes"))
    return rows


def has_data() -> bool:
    """Return whether ``load()`` would find the molecules without the network."""
    return (
        any(cache.arrays_path(kind).exists() for kind in ("qm9pack", "figshare"))
        or qm9pack.is_installed()
        or figshare.is_fetched()
    )


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _devices() -> str:
    if importlib.util.find_spec("jax") is None:
        return "jax is not installed"
    import jax

    return ", ".join(str(device) for device in jax.devices())


def _qm9pack() -> str:
    if not qm9pack.is_installed():
        return "not installed"
    folder = qm9pack.installed_folder()
    missing = [name for name in qm9pack.FILES if not (folder / name).is_file()]
    return f"missing: {', '.join(missing)} in {folder}" if missing else str(folder)
