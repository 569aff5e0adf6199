"""What a bug report needs: versions, data, cache and device, as text to paste."""

from __future__ import annotations

import importlib.util
import os
import platform
from importlib import metadata

from qm9lib import dataset, sources

_PACKAGES = (
    "qm9lib", "qm9pack", "numpy", "scipy", "jax", "jaxlib", "optax", "equinox", "jaxtyping",
    "safetensors", "tqdm", "matplotlib", "tensorflow", "tensorflow-cpu",
)  # fmt: skip


def report() -> str:
    """Return the report, one fact per line; nothing is loaded, written or downloaded.

    Examples
    --------
    >>> print(report().splitlines()[0].split()[0])
    python
    """
    rows = [("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")]
    for name in _PACKAGES:
        try:
            rows.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            rows.append((name, "not installed"))
    rows.append(("processors", str(os.cpu_count())))
    rows.append(("devices", _devices()))
    rows.append(("data", _data()))
    path = dataset.cache_path()
    size = f"{path.stat().st_size:,} bytes" if path.exists() else "not written yet"
    rows.append(("cache", f"{path} ({size})"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


def _devices() -> str:
    if importlib.util.find_spec("jax") is None:
        return "jax is not installed"
    import jax

    return ", ".join(str(device) for device in jax.devices())


def _data() -> str:
    try:
        folder = sources.qm9pack_folder()
    except sources.DataError as error:
        return str(error)
    missing = [name for name in sources.QM9PACK_FILES if not (folder / name).is_file()]
    return f"missing: {', '.join(missing)} in {folder}" if missing else f"qm9pack in {folder}"
