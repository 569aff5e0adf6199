"""Values on their way from a student's process: what is handed over, and what is refused."""

import json
import pickle
from collections import namedtuple
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from qm9course import wire
from qm9course.diagnosis import as_numbers, describe
from qm9lib import QM9


def handed_over(value: object) -> object:
    return wire.decode(wire.loads(wire.dumps({"value": wire.encode(value)}).encode())["value"])


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple)
    | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=10,
)  # fmt: skip


@given(PLAIN)
def test_plain_values_are_the_same(value: object) -> None:
    again = handed_over(value)
    assert repr(again) == repr(value) and type(again) is type(value)


@given(
    arrays.arrays(
        st.sampled_from(["f8", ">f4", "f2", "i8", "u1", "?", "c8", "U3", "S2"]),
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    )
)
def test_arrays_are_the_same(array: np.ndarray) -> None:
    again = handed_over(array)
    assert type(again) is type(array)
    assert again.dtype == array.dtype.newbyteorder("<") and again.shape == array.shape
    assert again.tobytes() == array.astype(again.dtype).tobytes()


class Text(str):
    pass


def test_other_values_look_the_same_to_a_judge(sample: QM9) -> None:
    values = [
        np.float32(1.5), np.True_, np.str_("a"), Text("a"), {1, 2}, frozenset("a"), range(3),
        np.array(["a", None]), Fraction(1, 3), print, (x for x in "ab"), object(),
        jnp.arange(3), jnp.float32(2.0), jnp.array(True), [np.eye(2), jnp.ones(1)], 2**70,
        np.array([[1, 2], [3]], dtype=object), {"a": {"b": [1]}}, type, float("nan"), ...,
    ]  # fmt: skip
    for value in values:
        again = handed_over(value)
        assert describe(again) == describe(value)
        numbers = as_numbers(value)
        assert (numbers is None) == (as_numbers(again) is None)
        assert numbers is None or np.array_equal(numbers, as_numbers(again), equal_nan=True)
        assert callable(again) == callable(value)
        assert hasattr(again, "dtype") == hasattr(value, "dtype")
    again = handed_over(sample[:3])
    assert isinstance(again, QM9) and again.smiles.tolist() == sample[:3].smiles.tolist()
    assert handed_over(sample[5]).formula == sample[5].formula


def test_results_with_names() -> None:
    line = stats.linregress([0.0, 1.0, 2.0], [1.0, 3.0, 5.1])
    again = handed_over(line)
    assert again.slope == line.slope and tuple(again) == tuple(line)
    pair = namedtuple("Pair", "mean spread")(1.0, np.ones(2))
    again = handed_over(pair)
    assert again.mean == 1.0 and again.spread.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "message",
    [
        {}, [], {"list": 3}, {"list": [[]]}, {"nothing": 1}, {"int": "x"}, {"int": 3},
        {"complex": [1]}, {"complex": ["a", "b"]}, {"bytes": "*"}, {"set": [{"list": []}]},
        {"set": [[1]], "frozen": False}, {"range": [1, 2, 0]}, {"mapping": [[1]]},
        {"mapping": [[{"list": []}, 1]]}, {"tuple": [], "kind": "x", "names": {"__class__": 1}},
        {"tuple": [], "kind": "a b", "names": {"x": 1}}, {"tuple": []},
        {"array": "AA==", "dtype": "|O1", "shape": [1], "kind": "numpy"},
        {"array": "AA==", "dtype": "|V1", "shape": [1], "kind": "numpy"},
        {"array": "AA==", "dtype": "<f8", "shape": [1], "kind": "numpy"},
        {"array": "", "dtype": "<f8", "shape": [-1, 0], "kind": "numpy"},
        {"array": "", "dtype": "<f8", "shape": [0, True], "kind": "numpy"},
        {"array": "", "dtype": "<f8", "shape": 3, "kind": "numpy"},
        {"array": "/////w==", "dtype": "<U1", "shape": [1], "kind": "numpy"},
        {"array": "!", "dtype": "|i1", "shape": [1], "kind": "numpy"},
        {"array": None, "dtype": "|i1", "shape": [1], "kind": "numpy"},
        {"objects": [], "shape": [7]}, {"record": "Model", "parts": {}},
        {"record": "QM9", "parts": {}}, {"opaque": "x y", "text": "", "callable": False},
        {"opaque": "__reduce__", "text": "", "callable": False}, {"opaque": "a" * 99},
    ],
)  # fmt: skip
def test_messages_that_nobody_has_encoded(message: object) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([*wire._READERS, "kind", "names", "shape", "dtype", "parts", "text"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_any_message_is_a_value_or_refused(message: object) -> None:
    try:
        wire.decode(json.loads(json.dumps(message)))
    except wire.WireError:
        pass


@given(st.binary(max_size=40))
def test_any_line_is_an_object_or_refused(line: bytes) -> None:
    try:
        assert isinstance(wire.loads(line), dict)
    except wire.WireError:
        pass


def test_deep_messages() -> None:
    with pytest.raises(wire.WireError, match="not valid JSON"):
        wire.loads(b"[" * 100_000)
    deep: object = 1.0
    for _ in range(30):
        deep = {"list": [deep]}
    with pytest.raises(wire.WireError):
        wire.decode(deep)


def test_arguments_are_as_read_only_as_they_were(sample: QM9) -> None:
    given = (sample[:2], np.ones(2), sample.positions[:3], {"a": sample[0].positions}, len)
    molecules, ones, positions, table, function = pickle.loads(wire.pack(given))
    for array in (molecules.labels, positions, table["a"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    ones[0] = 2.0
    assert function is len and given[1][0] == 1.0


def test_what_an_answer_changes_is_changed_here_too() -> None:
    counted, array, other = wire.Counted(abs), np.zeros(3), np.ones((2, 2))
    changes = {"0": wire.encode(2), "1": wire.encode(np.arange(3.0))}
    wire.update((counted, array, other), changes)
    assert (counted.calls, array.tolist()) == (2, [0.0, 1.0, 2.0]) and other.all()
    assert counted(-3) == 3 and counted.calls == 3
    for wrong in (None, [], {"7": 1}, {"x": 1}, {"1": 1}, {"0": "a"},
                  {"1": wire.encode(np.arange(3))}):  # fmt: skip
        with pytest.raises(wire.WireError):
            wire.update((counted, array, other), wrong)


def test_a_range_is_no_longer_than_a_list() -> None:
    assert wire.decode(wire.encode(range(3, 9, 2))) == range(3, 9, 2)
    assert "opaque" in wire.encode(range(10**8))
    for end in (10**8, 10**30):
        with pytest.raises(wire.WireError):
            wire.decode({"range": [0, end, 1]})


def test_odd_names_of_classes_are_no_reason_to_stop():
    """What they are called goes to the teacher's terminal: only a name is told."""
    for name in ("\x1b[31m", "a b", "__reduce__", "x" * 99):
        odd = type(name, (), {"__call__": lambda self: None})()
        assert type(handed_over(odd)).__name__ == "object"
        pair = type(name, (tuple,), {name: 1, "mean": 2.0})((1.0,))
        found = handed_over(pair)
        assert found == (1.0,) and found.mean == 2.0
