import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import filled
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import qm9lib
from qm9lib import QM9, models
from qm9lib.data.files import write_safetensors
from qm9lib.errors import DataError
from qm9lib.models import Ensemble, Model, storage
from qm9lib.models import model as trained
from qm9lib.models.composition import Composition
from qm9lib.models.gnn import GraphNetwork
from qm9lib.models.painn import PaiNN
from qm9lib.models.target import Target
from qm9lib.pretrained import weights


@pytest.fixture(scope="module")
def model() -> Model:
    network = filled(PaiNN, features=6, layers=2, radial=5, cutoff=4.0)
    charges = np.array([3.3, 21.8, 25.5, 28.9, 32.5])
    reference = Composition("H", np.array([-0.6, -38.1, -54.8, -75.3, -99.9]), charges)
    return Model(network, (Target(reference, mean=0.01, scale=0.03),))


def test_a_saved_model_predicts_the_same(model: Model, sample: QM9, tmp_path: Path) -> None:
    models.save(model, tmp_path / "model.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    again = models.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(sample[:40]), model.predict(sample[:40]))
    assert again.network.config == model.network.config
    assert again.labels == ("H",) and again.elements == (1, 6, 7, 8, 9)


def test_arrays_have_readable_names(model: Model, tmp_path: Path) -> None:
    models.save(model, tmp_path / "model.safetensors")
    names = set(load_file(tmp_path / "model.safetensors"))
    assert {
        "reference",
        "embedding",
        "messages.0.filters",
        "readout.network.layers.1.bias",
    } <= names


def test_only_what_can_be_read_back_is_saved(model: Model, tmp_path: Path) -> None:
    network = filled(GraphNetwork)
    with pytest.raises(ValueError, match="cannot save a GraphNetwork: only PaiNN"):
        models.save(replace(model, network=network), tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*python -m qm9lib train"):
        models.load(tmp_path / "nothing")


@pytest.mark.parametrize("kind", ["empty", "cut", "foreign", "version", "network", "class", "deep"])
def test_files_that_are_no_model(model: Model, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.safetensors"
    models.save(model, path)
    data, arrays = path.read_bytes(), load_file(path)
    with safe_open(path, "numpy") as file:
        record = json.loads(file.metadata()["model"])
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
        save_file(arrays, path, {"format": "qm9lib-model-4", "model": json.dumps(record)})
    elif kind == "class":
        record["network"]["class"] = "Transformer"
        save_file(arrays, path, {"format": "qm9lib-model-4", "model": json.dumps(record)})
    else:
        save_file(arrays, path, {"format": "qm9lib-model-4", "model": "[" * 100_000})
    with pytest.raises(
        DataError, match=r"is damaged, or is not a model of this version of qm9lib \("
    ):
        models.load(path)


# Against hand computations ----------------------------------------------------------------------

REFERENCE = Composition("H", np.array([-0.6, -38.1, -54.8, -75.3, -99.9]))


def spread(z: jax.Array, x: jax.Array) -> jax.Array:
    """A network without weights: the sum of z |x|² over the atoms, small."""
    return 1e-3 * jnp.sum(z.astype(jnp.float32) * jnp.sum(x**2, axis=1))


def spread_by_hand(qm9: QM9) -> np.ndarray:
    return np.array([1e-3 * m.atomic_numbers @ (m.positions**2).sum(axis=1) for m in qm9])


def chain(n: int) -> QM9:
    """A molecule of any number of carbon atoms, and water after it."""
    return QM9(
        index=np.array([1, 2]), offsets=np.array([0, n, n + 3]),
        atomic_numbers=np.array([6] * n + [8, 1, 1], np.int8),
        positions=np.arange(3.0 * (n + 3)).reshape(-1, 3) / n, charges=np.zeros(n + 3),
        labels=np.zeros((2, 16)), smiles=np.array(["C" * n, "O"]),
    )  # fmt: skip


def test_prediction_by_hand(sample: QM9) -> None:
    model = Model(spread, (Target(REFERENCE, mean=0.25, scale=2.0),))
    part = sample[[1999, 0, 3, 700, 2, 1]]
    expected = REFERENCE.predict(part) + 0.25 + 2.0 * spread_by_hand(part)
    np.testing.assert_allclose(model.predict(part), expected, rtol=1e-6)
    np.testing.assert_allclose(model.predict(part, "eV"), expected * 27.211386, rtol=1e-6)
    with pytest.raises(ValueError, match="the set is empty"):
        model.predict(sample[:0])


def test_large_molecules_go_alone(sample: QM9, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of QM9 64 at a time, whatever their number; larger ones padded to twice the size."""
    shapes, predict = [], trained._predict

    def watched(network, numbers, positions):
        shapes.append(positions.shape)
        return predict(network, numbers, positions)

    monkeypatch.setattr(trained, "_predict", watched)
    part = sample[np.flatnonzero(sample.n_atoms == 19)[:70]]
    assert len(part) == 70
    for qm9, expected in (
        (part, [(64, 19, 3)] * 2),
        (part[:1], [(64, 19, 3)]),
        (chain(29), [(64, 15, 3), (64, 29, 3)]),
        (chain(30), [(64, 15, 3), (1, 58, 3)]),
        (chain(58), [(64, 15, 3), (1, 58, 3)]),
        (chain(59), [(64, 15, 3), (1, 116, 3)]),
    ):
        shapes.clear()
        found = Model(spread, (Target(REFERENCE, 0.0, 1.0),)).predict(qm9)
        assert shapes == expected
        np.testing.assert_allclose(found, REFERENCE.predict(qm9) + spread_by_hand(qm9), rtol=1e-6)


def test_ensemble_by_hand(sample: QM9) -> None:
    part = sample[:4]
    members = tuple(Model(spread, (Target(REFERENCE, mean, 1.0),)) for mean in (0.1, 0.4, 0.3))
    each = np.array([member.predict(part) for member in members])
    mean, deviation = Ensemble(members).predict(part, "eV")
    in_ev = qm9lib.convert(each, "hartree", "eV")
    np.testing.assert_allclose(mean, in_ev.sum(axis=0) / 3, rtol=1e-12)
    expected = np.sqrt(((in_ev - mean) ** 2).sum(axis=0) / 2)
    np.testing.assert_allclose(deviation, expected, rtol=1e-9)
    mean, deviation = Ensemble(members[:2]).predict(part)
    np.testing.assert_allclose(deviation, 0.3 / np.sqrt(2), rtol=1e-9)
    mean, deviation = Ensemble(members[1:2]).predict(part)
    np.testing.assert_array_equal(mean, each[1])
    assert np.isnan(deviation).all() and deviation.shape == (4,)
    assert Ensemble(members[:1]).labels == ("H",)


def test_ensemble_is_of_one_label() -> None:
    with pytest.raises(ValueError, match="given 0 models of no label"):
        Ensemble(())
    others = (Target(Composition(label, np.zeros(5)), 0.0, 1.0) for label in "HG")
    with pytest.raises(
        ValueError, match="all must have the same labels; given 2 models of G and H"
    ):
        Ensemble(tuple(Model(spread, (target,)) for target in others))


def test_files_of_this_version_stay_readable() -> None:
    """The shipped weights: their format, and what stands where in them."""
    path = weights.FOLDER / "H-0.safetensors"
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    record = json.loads(metadata["model"])
    assert metadata["format"] == "qm9lib-model-4" and record["network"]["class"] == "PaiNN"
    loaded, arrays = models.load(path), load_file(path)
    [target] = record["targets"]
    assert (loaded.target.mean, loaded.target.scale) == (target["mean"], target["scale"])
    assert loaded.labels == (target["label"],) and [*loaded.elements] == record["elements"]
    reference = loaded.target.reference
    np.testing.assert_array_equal(
        [[reference.coefficients, reference.charges]], arrays["reference"]
    )
    np.testing.assert_array_equal(loaded.network.embedding, arrays["embedding"])
    np.testing.assert_array_equal(
        loaded.network.readout.network.layers[1].bias, arrays["readout.network.layers.1.bias"]
    )
    assert models.describe(loaded.network) == record["network"]


def test_what_is_saved_can_be_read_by_others(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    models.save(model, path)
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    assert metadata["format"] == "qm9lib-model-4"
    assert json.loads(metadata["model"]) == {
        "network": {
            "class": "PaiNN", "features": 6, "layers": 2, "radial": 5, "cutoff": 4.0,
            "pooling": "sum", "norm": True,
        },
        "elements": [1, 6, 7, 8, 9],
        "targets": [{"label": "H", "mean": 0.01, "scale": 0.03}],
    }  # fmt: skip
    with jax.enable_x64(True):
        network = models.load(path).network
    arrays = jax.tree.leaves(eqx.filter(network, eqx.is_array))
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", ["mean", "scale", "weight", "reference", "elements", "label"])
def test_files_with_numbers_that_are_none(model: Model, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.safetensors"
    models.save(model, path)
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    record, arrays = json.loads(metadata["model"]), load_file(path)
    if kind in ("mean", "scale"):
        record["targets"][0][kind] = float("inf")
    elif kind == "label":
        record["targets"][0]["label"] = "energy"
    elif kind == "elements":
        arrays["reference"] = arrays["reference"][..., :4]
    else:
        arrays["embedding" if kind == "weight" else kind].flat[0] = np.nan
    save_file(arrays, path, metadata | {"model": json.dumps(record)})
    with pytest.raises(DataError, match=r"(?s)is damaged, or is not a model .* train"):
        models.load(path)


def target(**changes: object) -> list[dict[str, object]]:
    return [{"label": "H", "mean": 0.0, "scale": 1.0, **changes}]


HUGE = {"embedding": np.full((10, 6), 1e300)}


@pytest.mark.parametrize(
    ("network", "record", "arrays", "reason"),
    [
        ({"layers": 1200}, {}, {}, "it names 1200 layers but has"),
        ({"layers": 10**9}, {}, {}, "layers is 1000000000, expected 1 to 10,000"),
        ({"layers": True}, {}, {}, "layers is True"),
        ({"layers": -1}, {}, {}, "layers is -1"),
        ({"features": 10**30}, {}, {}, "features is 1000"),
        ({"radial": 2.5}, {}, {}, "radial is 2.5"),
        ({"cutoff": float("nan")}, {}, {}, "cutoff is nan, expected a finite number"),
        ({"cutoff": "5"}, {}, {}, "cutoff is '5'"),
        ({"cutoff": 0}, {}, {}, "cutoff is 0, expected 0.1 to 1000 Å"),
        ({"pooling": "max"}, {}, {}, "pooling is 'max', expected"),
        ({"norm": 1}, {}, {}, "norm is 1, expected true or false"),
        ({"class": ["PaiNN"]}, {}, {}, r"its network is a \['PaiNN'\], not a PaiNN"),
        ({"heads": 2}, {}, {}, "its network has class, cutoff, features, heads"),
        ({}, {"targets": target(mean=None)}, {}, "mean of 'H' is None, expected a finite number"),
        ({}, {"targets": target(mean=1e300)}, {}, "mean of 'H' is 1e.300, expected a finite numb"),
        ({}, {"targets": target(mean=10**400)}, {}, "mean of 'H' is 10{59}, expected a finite"),
        ({}, {"targets": target(scale=0.0)}, {}, "scale is 0.0, expected a positive number"),
        ({}, {"targets": target(scale=[1.0])}, {}, r"scale of 'H' is \[1.0\]"),
        ({}, {"targets": target(label=["H"])}, {}, r"unknown label \['H'\]"),
        ({}, {"targets": 2 * target()}, {}, "its 1 readouts are for H, H"),
        ({}, {"targets": []}, {}, "its 1 readouts are for no label"),
        ({}, {"targets": "H"}, {}, "its record names no targets"),
        ({}, {"targets": ["H"]}, {}, "its record names no targets"),
        ({"pooling": []}, {"targets": []}, {}, "its 0 readouts are for no label"),
        ({"pooling": ["sum", "dipole"]}, {}, {}, "its 2 readouts are for H"),
        ({"pooling": [["sum"]]}, {}, {}, "pooling is .*, expected"),
        ({}, {"elements": [1, 14]}, {}, r"its elements are \[1, 14\]"),
        ({}, {"elements": None}, {}, "its elements are None"),
        ({}, {"network": None}, {}, "its record names no network"),
        ({}, {}, HUGE, r"embedding is \(\(10, 6\), dtype\('float64'\)\), expected"),
        ({}, {}, {"embedding": np.zeros((10, 6), np.int8)}, "embedding is .*int8"),
        ({}, {}, {"embedding": np.zeros((6, 10), np.float32)}, "embedding is .*6, 10"),
        ({}, {}, {"another": np.zeros(3, np.float32)}, "its array another is .* expected None"),
        ({}, {}, {"embedding": np.full((10, 6), np.inf, np.float32)}, "are not finite"),
        ({}, {}, {"embedding": np.full((10, 6), 1e30, np.float32)}, "embedding is not below 1e"),
        ({"cutoff": 1e8}, {}, {}, r"cutoff is 100000000\.0, expected 0\.1 to 1000 Å"),
        ({"cutoff": 1e-300}, {}, {}, "cutoff is 1e-300, expected"),
    ],
)  # fmt: skip
def test_hostile_files(model: Model, tmp_path: Path, network, record, arrays, reason) -> None:
    path = tmp_path / "model.safetensors"
    models.save(model, path)
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    stored = json.loads(metadata["model"])
    stored["network"] |= network
    metadata["model"] = json.dumps(stored | record)
    write_safetensors(path, load_file(path) | arrays, metadata)
    with pytest.raises(DataError, match=rf"is damaged, or is not a model .*\(.*{reason}"):
        models.load(path)


def test_numbers_that_numpy_does_not_know(tmp_path: Path) -> None:
    """As float8: written by hand, since NumPy cannot."""
    path = tmp_path / "model.safetensors"
    for kind, size in (("F8_E4M3", 2), ("BF16", 4), ("F4", 1)):
        header = {
            "__metadata__": {"format": "qm9lib-model-4", "model": "{}"},
            "embedding": {"dtype": kind, "shape": [2], "data_offsets": [0, size]},
        }
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(size))
        with pytest.raises(DataError, match="is damaged, or is not a model"):
            models.load(path)


def test_a_fault_of_ours_is_not_called_a_damaged_file(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> None:
        raise TypeError("of ours")

    models.save(model, tmp_path / "model")
    monkeypatch.setattr(storage, "Composition", fault)
    with pytest.raises(TypeError, match="of ours"):
        models.load(tmp_path / "model")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no file here is without an end")
def test_model_without_an_end() -> None:
    with pytest.raises(DataError, match="/dev/zero: it is not a regular file, expected a model"):
        models.load("/dev/zero")


# Kinds of numbers -------------------------------------------------------------------------------


def cast(network: Any, dtype: Any) -> Any:
    return jax.tree.map(lambda x: x.astype(dtype) if eqx.is_inexact_array(x) else x, network)


@pytest.mark.parametrize(
    ("dtype", "x64"),
    [("float32", False), ("float32", True), ("float64", True), ("bfloat16", False),
     ("bfloat16", True)],
)  # fmt: skip
@pytest.mark.parametrize("make", [PaiNN, GraphNetwork])
def test_a_network_computes_in_the_dtype_of_its_weights(sample: QM9, make, dtype, x64) -> None:
    network = filled(make)
    numbers = jnp.asarray(sample[2].atomic_numbers, jnp.int32)
    positions = jnp.asarray(sample[2].positions, jnp.float32)
    expected = float(network(numbers, positions))
    with jax.enable_x64(x64):
        other = cast(network, dtype)
        value, gradient = jax.value_and_grad(other, argnums=1)(numbers, positions)
        assert (value.dtype, gradient.dtype) == (dtype, np.float32)
        assert eqx.filter_jit(other)(numbers, positions).dtype == dtype
        tolerance = 0.1 if dtype == "bfloat16" else 1e-5
        assert float(value) == pytest.approx(expected, rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("make", [PaiNN, GraphNetwork])
def test_new_networks_are_float32(make) -> None:
    with jax.enable_x64(True):
        network = make(key=jax.random.key(0))
    arrays = jax.tree.leaves(eqx.filter(network, eqx.is_array))
    assert {array.dtype.name for array in arrays} == {"float32"}


def test_only_float32_is_saved(model: Model, tmp_path: Path) -> None:
    with jax.enable_x64(True):
        for dtype in ("float64", "bfloat16", "float16"):
            other = replace(model, network=cast(model.network, dtype))
            with pytest.raises(
                ValueError, match=f"cannot save weights in {dtype}: files store flo"
            ):
                models.save(other, tmp_path / "x")
        models.save(model, tmp_path / "model")
        again = models.load(tmp_path / "model")
        part = qm9lib.load_sample()[:5]
        np.testing.assert_array_equal(again.predict(part), model.predict(part))
    np.testing.assert_array_equal(again.predict(part), model.predict(part))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_networks_are_described() -> None:
    assert models.describe(filled(GraphNetwork)) == {"class": "GraphNetwork"}
    assert models.describe(spread) == {"class": "function"}


def test_no_byte_of_a_model_may_change(model: Model, tmp_path: Path) -> None:
    """A number that is wrong by a bit is a number, too."""
    path = tmp_path / "model.safetensors"
    models.save(model, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in [*rng.integers(8, len(whole), 60).tolist(), len(whole) - 1]:
        for bit in (1, 64):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            with pytest.raises(DataError, match="is damaged, or is not a model"):
                models.load(path)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read .*: it is a folder, expected a model"):
        models.load(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(DataError, match="it is not a regular file, expected a model"):
            models.load(tmp_path / "pipe")


def test_elements_that_no_training_molecule_had(model: Model, sample: QM9) -> None:
    without = replace(model, elements=(1, 6, 7, 8))
    fluorine = sample.composition[:, 4] > 0
    assert len(without.predict(sample[~fluorine][:3])) == 3
    number = sample[fluorine].index[0]
    with pytest.raises(DataError, match=rf"^molecule {number} has an element .* had \(F\)"):
        without.predict(sample[fluorine][:1])


def test_a_model_predicts_sets(model: Model, sample: QM9, unchecked: None) -> None:
    with pytest.raises(TypeError, match=r"given Molecule\(1: CH4.*; qm9\[\[3\]\] is a set"):
        model.predict(sample[0])
