"""The classic interface: a TFRecord file and a ``tf.data.Dataset``.

Code written for ``qm9_fetch`` and ``qm9_parse`` runs with ``from qm9lib import qm9_fetch,
qm9_parse``. TensorFlow is imported when one of them is called.
"""

from __future__ import annotations

import errno
import hashlib
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qm9lib import progress
from qm9lib.data.cache import exclusive
from qm9lib.data.dataset import QM9, load
from qm9lib.data.files import cache_folder, replacing
from qm9lib.data.molecule import Molecule
from qm9lib.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf

_FILE = "qm9-v2.tfrecord"

# The last record of a file describes the records before it. Its length is fixed, so that it can be
# found: TensorFlow frames a record with 12 bytes before it and 4 after it.
_FOOTER = '{{"format":"qm9lib-tfrecord-2","molecules":{molecules:9d},"sha256":"{sha256:64}"}}'
_FOOTER_BYTES = len(_FOOTER.format(molecules=0, sha256=""))
_FRAME_BYTES = 12 + _FOOTER_BYTES + 4


def _tensorflow() -> Any:
    try:
        import tensorflow
    except ImportError as error:
        raise ImportError(
            "qm9_fetch() and qm9_parse() need TensorFlow: run `pip install tensorflow` "
            "(or tensorflow-cpu); qm9lib.load() gives the same molecules without it"
        ) from error
    return tensorflow


def qm9_fetch(qm9: QM9 | None = None, path: str | Path | None = None) -> str:
    """Return the path of a TFRecord file with the molecules; write it if there is none.

    Parameters
    ----------
    qm9
        Molecules; by default all 130,831 of `qm9lib.load`.
    path
        File to write; by default one in the cache folder, which later calls find again. Without
        a path, ``qm9`` must not be given either.

    Returns
    -------
    str
        Path for `qm9_parse`.

    Raises
    ------
    ImportError
        If TensorFlow is not installed.
    ValueError
        If molecules are given without a path.
    DataError
        If qm9pack is missing, or the file cannot be written.
    """
    _tensorflow()  # raised at once if it is missing, not after the molecules are loaded
    if qm9 is not None and path is None:
        raise ValueError(
            "qm9_fetch(qm9) also needs a path: the file in the cache holds all molecules"
        )
    if path is not None:
        _write(load() if qm9 is None else qm9, Path(path))
        return str(path)
    target = cache_folder() / _FILE
    if not _is_usable(target):
        molecules = load()
        with exclusive():
            if not target.exists() or not _is_usable(target):  # another process may have written it
                _write(molecules, target)
    return str(target)


def _is_usable(target: Path) -> bool:
    if not target.exists():
        return False
    try:
        _count(target)
    except DataError as error:
        warnings.warn(f"{error} It will be rewritten.", stacklevel=3)
        return False
    return True


def _write(molecules: QM9, target: Path) -> None:
    """Write a TFRecord file of all molecules, with a last record of their number and checksum."""
    tf = _tensorflow()
    with replacing(target, "60 MB for all molecules") as temporary:
        try:
            with tf.io.TFRecordWriter(str(temporary)) as writer:
                for molecule in progress.bar(
                    molecules, desc=target.name, unit=" molecules", unit_scale=True
                ):
                    writer.write(_example(tf, molecule))
                writer.flush()
                writer.write(_footer(len(molecules), temporary.read_bytes()))
        except tf.errors.OpError as error:
            full = isinstance(error, tf.errors.ResourceExhaustedError)  # of the disk, here
            raise OSError(errno.ENOSPC if full else None, str(error)) from error


def _footer(molecules: int, body: bytes | memoryview) -> bytes:
    """Return the last record: the number of molecules, and the SHA-256 of it and the others."""
    checksum = hashlib.sha256(body)
    checksum.update(b"%d" % molecules)
    return _FOOTER.format(molecules=molecules, sha256=checksum.hexdigest()).encode("ascii")


def _count(path: Path) -> int:
    """Return the number of molecules in a file of `qm9_fetch`, after checking every byte.

    Raises
    ------
    DataError
        If it is some other file, or incomplete.
    """
    data = path.read_bytes()
    body, frame = memoryview(data)[:-_FRAME_BYTES], data[-_FRAME_BYTES:]
    try:
        molecules = json.loads(frame[12:-4])["molecules"]
        if frame[12:-4] != _footer(molecules, body):
            raise ValueError("its checksum does not match")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"{path} is damaged, or was not written by qm9_fetch() ({error}): delete it, and call "
            "qm9_fetch() again."
        ) from error
    return int(molecules)


def _example(tf: Any, molecule: Molecule) -> bytes:
    """Serialise one molecule: the raw little-endian bytes of its three tensors."""

    def feature(array: np.ndarray, dtype: str) -> Any:
        raw = np.ascontiguousarray(array, dtype=dtype).tobytes()
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[raw]))

    features = {
        "elements": feature(molecule.atomic_numbers, "i1"),
        "positions": feature(np.column_stack([molecule.positions, molecule.charges]), "<f4"),
        "labels": feature(molecule.labels, "<f4"),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def qm9_parse(path: str | Path) -> tf.data.Dataset:
    """Read a file written by `qm9_fetch` as a ``tf.data.Dataset``.

    Parameters
    ----------
    path
        The path that `qm9_fetch` returned.

    Returns
    -------
    tf.data.Dataset
        ``((elements, positions), labels)`` for each molecule, in published order: atomic numbers
        int64 (atoms,); x, y, z in Å and Mulliken charge in e, float32 (atoms, 4); the sixteen
        labels, float32 (16,).

    Raises
    ------
    ImportError
        If TensorFlow is not installed.
    DataError
        If there is no such file, or it is not exactly what `qm9_fetch` wrote.
    """
    tf = _tensorflow()
    if not Path(path).is_file():
        raise DataError(
            f"there is no file {path}: call qm9_fetch(), which writes it and returns its path"
        )
    molecules = _count(Path(path))
    names = ("elements", "positions", "labels")
    raw = {name: tf.io.FixedLenFeature([], tf.string) for name in names}

    def parse(record: Any) -> Any:
        example = tf.io.parse_single_example(record, raw)
        elements = tf.cast(tf.io.decode_raw(example["elements"], tf.int8), tf.int64)
        positions = tf.reshape(tf.io.decode_raw(example["positions"], tf.float32), (-1, 4))
        labels = tf.ensure_shape(tf.io.decode_raw(example["labels"], tf.float32), (16,))
        return (elements, positions), labels

    return (
        tf.data.TFRecordDataset(str(path))
        .take(molecules)
        .map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    )
