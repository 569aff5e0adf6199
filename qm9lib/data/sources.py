"""The sources of the molecules, in this order: cache, installed qm9pack, published archive.

Nothing is downloaded unless the user asks for it by name.
"""

from __future__ import annotations

from qm9lib.data import cache
from qm9lib.data.columns import Columns
from qm9lib.errors import DataError, UnknownNameError

SOURCES = ("auto", "qm9pack", "figshare", "sample")
"""The values that `qm9lib.load` accepts as ``source``."""


def columns(
    source: str = "auto", keep_uncharacterized: bool = False, *, download: bool = False
) -> Columns:
    """Return the arrays of a `qm9lib.QM9`: from the cache, or newly built and stored there.

    Parameters
    ----------
    source
        ``"auto"``, ``"qm9pack"``, ``"figshare"`` or ``"sample"``; see `qm9lib.load`.
    keep_uncharacterized
        Whether to keep the 3,054 molecules that only the published archive has.
    download
        Whether ``"auto"`` may fetch the published archive if there is no local source.

    Raises
    ------
    UnknownNameError
        If there is no such source.
    DataError
        If the source does not have these molecules, or has none, or the cache cannot be written;
        the message says what to do.
    """
    if source not in SOURCES:
        raise UnknownNameError("source", source, list(SOURCES))
    if keep_uncharacterized and source in ("qm9pack", "sample"):
        raise DataError(
            f"{source} does not have the uncharacterized molecules, but figshare does: run "
            "`python -m qm9lib fetch --source figshare --keep-uncharacterized`"
        )
    if source == "sample":
        from qm9lib.data import qm9pack

        return qm9pack.read_sample()
    named = ("qm9pack", "figshare") if source == "auto" else (source,)
    kinds = ["figshare-all"] if keep_uncharacterized else list(named)
    missing = [kind for kind in kinds if not cache.arrays_path(kind).exists()]
    for kind in kinds:
        if (found := cache.read_arrays(kind)) is not None:
            return found
    with cache.exclusive():
        # While this process waited for the lock, another one may have built the file.
        for kind in missing:
            if (found := cache.read_arrays(kind)) is not None:
                return found
        kind = _available(keep_uncharacterized, download) if source == "auto" else kinds[0]
        cache.write_arrays(kind, _read(kind))
        built = cache.read_arrays(kind)
    if built is None:
        raise DataError(f"{cache.arrays_path(kind)} changed while it was being written: load again")
    return built


def fetch(source: str = "auto", keep_uncharacterized: bool = False) -> Columns:
    """Do as `columns` does, but let ``"auto"`` download the archive if there is no local source."""
    return columns(source, keep_uncharacterized, download=True)


def _read(kind: str) -> Columns:
    # Imported here, because reading a cache file needs neither of them.
    if kind == "qm9pack":
        from qm9lib.data import qm9pack

        return qm9pack.read()
    from qm9lib.data import figshare

    return figshare.read(keep_uncharacterized=kind == "figshare-all")


def _available(keep_uncharacterized: bool, download: bool) -> str:
    """Return the kind of arrays that can be built, using the network only if that is allowed."""
    from qm9lib.data import figshare, qm9pack

    if not keep_uncharacterized and qm9pack.is_installed():
        return "qm9pack"
    if download or figshare.is_fetched():
        return "figshare-all" if keep_uncharacterized else "figshare"
    choices = [
        f"`pip install qm9pack=={qm9pack.VERSION}` (104 MB)",
        'load("figshare") or `python -m qm9lib fetch --source figshare` (87 MB)',
        "qm9lib.load_sample() for 2,000 molecules that need no download",
    ]
    if keep_uncharacterized:
        choices = ['load("figshare", keep_uncharacterized=True), which fetches them (87 MB)']
    raise DataError("these molecules of QM9 are not on this machine: use " + "; or ".join(choices))
