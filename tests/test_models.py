import json
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from qm9lib import models
from qm9lib.cache import DataError
from qm9lib.composition import Composition
from qm9lib.dataset import QM9
from qm9lib.gnn import GraphNetwork
from qm9lib.models import Model
from qm9lib.painn import PaiNN


@pytest.fixture(scope="module")
def model() -> Model:
    network = PaiNN(features=6, layers=2, radial=5, cutoff=4.0, key=jax.random.key(7))
    reference = Composition("H", np.array([-0.6, -38.1, -54.8, -75.3, -99.9]))
    return Model(network, reference, mean=0.01, scale=0.03)


def test_a_saved_model_predicts_the_same(model: Model, sample: QM9, tmp_path: Path) -> None:
    model.save(tmp_path / "model.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    again = models.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(sample[:40]), model.predict(sample[:40]))
    assert again.network.config == model.network.config
    assert again.reference.label == "H"


def test_arrays_have_readable_names(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "model.safetensors")
    names = set(load_file(tmp_path / "model.safetensors"))
    assert {"reference", "embedding", "messages.0.filters", "readout.layers.1.bias"} <= names


def test_only_what_can_be_read_back_is_saved(model: Model, tmp_path: Path) -> None:
    network = GraphNetwork(key=jax.random.key(0))
    with pytest.raises(ValueError, match="cannot save a GraphNetwork: only PaiNN"):
        Model(network, model.reference, 0.0, 1.0).save(tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*python -m qm9lib train"):
        models.load(tmp_path / "nothing")


@pytest.mark.parametrize("kind", ["empty", "cut", "foreign", "version", "network", "class", "deep"])
def test_files_that_are_no_model(model: Model, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    data, arrays = path.read_bytes(), load_file(path)
    record = {"network": {"class": "PaiNN", **model.network.config}, "label": "H", "mean": 0}
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut":
        path.write_bytes(data[:-4])
    elif kind == "foreign":
        save_file({"x": np.zeros(3)}, path)
    elif kind == "version":
        save_file(arrays, path, {"format": "qm9lib-model-9", "model": "{}"})
    elif kind == "network":  # another width than that of the arrays
        record["network"]["features"] = 8
        save_file(arrays, path, {"format": "qm9lib-model-1", "model": json.dumps(record)})
    elif kind == "class":
        record["network"]["class"] = "Transformer"
        save_file(arrays, path, {"format": "qm9lib-model-1", "model": json.dumps(record)})
    else:
        save_file(arrays, path, {"format": "qm9lib-model-1", "model": "[" * 100_000})
    with pytest.raises(DataError, match=r"is damaged, or no model of this version of qm9lib \("):
        models.load(path)
