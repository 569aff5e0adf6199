import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from qm9lib import QM9
from qm9lib.data import tfdata
from qm9lib.errors import DataError

# It takes seconds to be imported: only where these tests run.
pytestmark = pytest.mark.skipif(find_spec("tensorflow") is None, reason="no TensorFlow")


@pytest.fixture(scope="module")
def records(sample: QM9, tmp_path_factory: pytest.TempPathFactory) -> str:
    return tfdata.qm9_fetch(sample, tmp_path_factory.mktemp("tf") / "sample.tfrecord")


def test_first_record_is_the_classic_one(records: str) -> None:
    (elements, positions), labels = next(iter(tfdata.qm9_parse(records)))
    assert elements.dtype.name == "int64" and elements.numpy().tolist() == [6, 1, 1, 1, 1]
    assert positions.dtype.name == "float32" and positions.shape == (5, 4)
    np.testing.assert_array_equal(
        positions.numpy()[[0, 4]],
        np.array(
            [
                [-1.2698136e-02, 1.0858041e00, 8.0009960e-03, -5.3568900e-01],
                [-5.2381361e-01, 1.4379326e00, 9.0639728e-01, 1.3392299e-01],
            ],
            np.float32,
        ),
    )
    assert labels.dtype.name == "float32"
    expected = [
        1, 157.71181, 157.70998, 157.70699, 0, 13.21, -0.3877, 0.1171, 0.5048, 35.3641, 0.044749,
        -40.478931, -40.476063, -40.475117, -40.498596, 6.469,
    ]  # fmt: skip
    np.testing.assert_array_equal(labels.numpy(), np.array(expected, np.float32))


def test_all_molecules_in_order(records: str, sample: QM9) -> None:
    molecules = list(tfdata.qm9_parse(records).as_numpy_iterator())
    assert len(molecules) == len(sample)
    for ((elements, positions), labels), molecule in zip(molecules, sample, strict=True):
        np.testing.assert_array_equal(elements, molecule.atomic_numbers)
        np.testing.assert_array_equal(positions[:, :3], molecule.positions.astype(np.float32))
        np.testing.assert_array_equal(labels, molecule.labels.astype(np.float32))


FULL_SET = """
import sys
import numpy as np
import qm9lib
from qm9lib import qm9_fetch, qm9_parse
from qm9lib.data import tfdata

path = qm9_fetch()
tfdata.load = None  # the second call has to find the file
assert qm9_fetch() == path
energies = qm9_parse(path).map(lambda atoms, labels: labels[13]).batch(1000)
energies = np.concatenate([*energies.as_numpy_iterator()])
np.testing.assert_array_equal(energies, qm9lib.load().target("H").astype(np.float32))
print(len(energies), "molecules in", path)
"""


def test_full_set_goes_through(tmp_path: Path) -> None:
    """In a process of its own: checking every array's shape takes minutes for 130,831 molecules."""
    environment = os.environ | {"QM9LIB_CACHE": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", FULL_SET]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"130831 molecules in {tmp_path}/qm9-v2.tfrecord\n"


def test_a_failed_write_leaves_nothing(
    sample: QM9, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write .*name another folder"):
        tfdata.qm9_fetch(sample, tmp_path / "file" / "x.tfrecord")

    def interrupted(tf, molecule):
        raise KeyboardInterrupt

    monkeypatch.setattr(tfdata, "_example", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tfdata.qm9_fetch(sample, tmp_path / "x.tfrecord")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_bad_input(sample: QM9, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file .*call qm9_fetch"):
        tfdata.qm9_parse(tmp_path / "nothing")
    with pytest.raises(ValueError, match="also needs a path"):
        tfdata.qm9_fetch(sample)


def test_without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError, match="pip install tensorflow.*qm9lib.load"):
        tfdata.qm9_fetch()
