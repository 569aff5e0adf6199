"""Values on their way between a student's process and the judge.

Messages from the student are JSON: they carry values and no code, and every part is checked.
Messages to the student may be anything that an exercise passes to an answer: they come from us.
"""

from __future__ import annotations

import base64
import io
import json
import math
import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from qm9course.diagnosis import as_numbers
from qm9lib import QM9, Molecule

_DEEPEST = 20  # lists within lists
_LONGEST = 1_000_000  # things in a list, characters of a text
_LONGEST_NAME = 60  # characters of a class or a part
_DTYPE = re.compile(r"[<|][biufcSU][1-9][0-9]{0,5}")
_RECORDS: dict[str, type] = {"QM9": QM9, "Molecule": Molecule}


class WireError(ValueError):
    """Raised for a message that our own code cannot have written: somebody else did."""


class Counted:
    """A function passed to an answer that counts how often it is called."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *arguments: Any) -> Any:
        """Call the function."""
        self.calls += 1
        return self.function(*arguments)


# To the student --------------------------------------------------------------------------------


class _Pickler(pickle.Pickler):
    """Keeps arrays read-only, so that changing them fails there as it does in a notebook."""

    def reducer_override(self, value: Any) -> Any:
        if type(value) is np.ndarray and not value.flags.writeable:
            return _read_only, (value.copy(),)
        return NotImplemented  # pickle's word for: as usual


def _read_only(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


def pack(arguments: Any) -> bytes:
    """Return the arguments of an answer as bytes, for `pickle.loads` in the student's process."""
    buffer = io.BytesIO()
    _Pickler(buffer).dump(arguments)
    return buffer.getvalue()


# From the student ------------------------------------------------------------------------------


def encode(value: object, depth: int = 0) -> Any:
    """Return a value in a form that JSON can hold; if no judge looks into it, its kind and text.

    Examples
    --------
    >>> encode((1.5, None))
    {'tuple': [1.5, None], 'kind': 'tuple', 'names': {}}
    >>> decode(encode({1: np.arange(2)}))
    {1: array([0, 1])}
    """
    if depth > _DEEPEST:
        return _opaque(value)
    if value is None or type(value) in (bool, float, str):
        return value
    if type(value) is int:
        return value if abs(value) < 2**53 else {"int": hex(value)}
    if type(value) is complex:
        return {"complex": [value.real, value.imag]}
    if type(value) is bytes:
        return {"bytes": base64.b64encode(value).decode("ascii")}
    for plain in (str, int, float):
        if isinstance(value, plain) and not isinstance(value, np.generic):
            # A subclass, whose methods may be anything.
            return encode(getattr(plain, f"__{plain.__name__}__")(value), depth)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufcSU":
        return _array(value, "scalar" if isinstance(value, np.generic) else "numpy")
    for name, record in _RECORDS.items():
        if isinstance(value, record):
            parts = {f.name: encode(getattr(value, f.name), depth + 1) for f in fields(record)}
            return {"record": name, "parts": parts}
    try:
        return _container(value, depth)
    except (Exception, SystemExit):  # whatever the methods of a student's class do
        return _opaque(value)


def _container(value: Any, depth: int) -> Any:
    def all_of(some: Any) -> list[Any]:
        if len(some) > _LONGEST:
            raise WireError("too long")
        return [encode(x, depth + 1) for x in some]

    if isinstance(value, tuple):
        names = getattr(value, "_fields", ()) or [
            # Such as the .slope of scipy's results, which are tuples too.
            name
            for name in dir(type(value))
            if name[0] != "_" and name not in dir(tuple)
        ]
        names = [name for name in names if _is_name(name)][:20]
        named = {name: encode(getattr(value, name), depth + 1) for name in names}
        return {"tuple": all_of(value), "kind": _name_of(value), "names": named}
    if isinstance(value, list):
        return {"list": all_of(value)}
    if isinstance(value, set | frozenset):
        return {"set": all_of(value), "frozen": isinstance(value, frozenset)}
    if isinstance(value, range):
        if len(value) > _LONGEST:
            raise WireError("too long")
        return {"range": [value.start, value.stop, value.step]}
    if isinstance(value, Mapping):
        return {"mapping": [all_of(pair) for pair in value.items()]}
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        return {"objects": all_of(value.ravel().tolist()), "shape": [*value.shape]}
    numbers = as_numbers(value)
    if numbers is None:
        return _opaque(value)
    return _array(numbers, "jax" if type(value).__module__.startswith("jax") else "numpy")


def _array(value: np.ndarray | np.generic, kind: str) -> Any:
    array = np.asarray(value)
    array = array.astype(array.dtype.newbyteorder("<"))
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return {"array": data, "dtype": array.dtype.str, "shape": [*array.shape], "kind": kind}


def _opaque(value: object) -> Any:
    try:
        text = repr(value)[:200]
    except (Exception, SystemExit):
        text = "at 0x"  # as for objects that show only their address
    return {"opaque": _name_of(value), "text": text, "callable": callable(value)}


def _name_of(value: object) -> str:
    """Return the name of a value's class, or "object" if it has no usable one."""
    name = type(value).__name__
    return name if _is_name(name) else "object"


def _is_name(text: object) -> bool:
    return (
        type(text) is str
        and text.isidentifier()
        and not text.startswith("__")
        and len(text) <= _LONGEST_NAME
    )


def dumps(message: object) -> str:
    """Return a message as a line of JSON."""
    return json.dumps(message) + "\n"


def loads(line: bytes) -> dict[str, Any]:
    """Read a line of JSON that should be an object.

    Raises
    ------
    WireError
        If it is not one.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WireError("a line is not valid JSON") from error
    if not isinstance(message, dict):
        raise WireError("a line is not an object")
    return message


def decode(message: Any, depth: int = 0) -> Any:
    """Return the value that `encode` described.

    Raises
    ------
    WireError
        If the message does not come from `encode`.
    """
    if message is None or type(message) in (bool, int, float, str):
        return message
    if type(message) is not dict or not message or depth > _DEEPEST + 2:
        raise WireError("not a valid value")
    read = _READERS.get(next(iter(message)))
    if read is None:
        raise WireError(f"unknown kind of value: {next(iter(message))!r:.60}")
    try:
        return read(message, depth + 1)
    except WireError:
        raise
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise WireError(f"not a valid value: {error}") from error


def _all(messages: Any, depth: int) -> list[Any]:
    if type(messages) is not list:
        raise WireError("not a list")
    return [decode(message, depth) for message in messages]


def _read_array(message: dict[str, Any], depth: int) -> Any:
    if not _DTYPE.fullmatch(message["dtype"]):
        raise WireError("not a type of numbers or text")
    dtype, shape = np.dtype(message["dtype"]), tuple(message["shape"])
    if not all(type(n) is int and n >= 0 for n in shape):
        raise WireError("not a valid shape")
    data = base64.b64decode(message["array"], validate=True)
    if math.prod(shape) * dtype.itemsize != len(data):
        raise WireError("the number of bytes does not match the shape")
    array = np.frombuffer(data, dtype).reshape(shape).copy()
    if dtype.kind == "U" and np.frombuffer(data, "<u4").max(initial=0) > 0x10FFFF:
        raise WireError("not valid characters")
    if message["kind"] == "scalar":
        return array[()]
    if message["kind"] == "jax":
        import jax.numpy as jnp

        return jnp.asarray(array)
    return array


def _read_range(start: Any, stop: Any, step: Any) -> range:
    found = range(start, stop, step)
    if len(found) > _LONGEST:
        raise WireError("too long")
    return found


def _read_record(message: dict[str, Any], depth: int) -> Any:
    record = _RECORDS[message["record"]]
    parts = message["parts"]
    return record(**{field.name: decode(parts[field.name], depth) for field in fields(record)})


def _read_tuple(message: dict[str, Any], depth: int) -> Any:
    values, names = _all(message["tuple"], depth), message["names"]
    if not names:
        return tuple(values)
    kind: Any = type(_identifier(message["kind"]), (tuple,), {})
    for name, value in names.items():
        setattr(kind, _identifier(name), decode(value, depth))
    return kind(values)


def _read_objects(message: dict[str, Any], depth: int) -> np.ndarray:
    values = _all(message["objects"], depth)
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(tuple(message["shape"]))


def _read_set(message: dict[str, Any], depth: int) -> Any:
    values = _all(message["set"], depth)
    return frozenset(values) if message["frozen"] is True else set(values)


def _read_opaque(message: dict[str, Any], depth: int) -> Any:
    text = str(message["text"])[:200]
    methods: dict[str, Any] = {"__repr__": lambda self: text}
    if message["callable"] is True:
        methods["__call__"] = lambda self: None
    return type(_identifier(message["opaque"]), (), methods)()


def _identifier(text: Any) -> str:
    if not _is_name(text):
        raise WireError("not a valid name")
    return str(text)


def _read_mapping(message: dict[str, Any], depth: int) -> Any:
    return {decode(key, depth): decode(value, depth) for key, value in message["mapping"]}


_READERS: dict[str, Callable[[dict[str, Any], int], Any]] = {
    "int": lambda message, _: int(message["int"][:1000], 16),
    "complex": lambda message, _: complex(message["complex"][0], message["complex"][1]),
    "bytes": lambda message, _: base64.b64decode(message["bytes"], validate=True),
    "list": lambda message, depth: _all(message["list"], depth),
    "tuple": _read_tuple,
    "set": _read_set,
    "range": lambda message, _: _read_range(*message["range"]),
    "mapping": _read_mapping,
    "array": _read_array,
    "objects": _read_objects,
    "record": _read_record,
    "opaque": _read_opaque,
}


def update(given: Sequence[Any], changes: Any) -> None:
    """Change arguments in the same way as the answer has changed its copies of them.

    Parameters
    ----------
    given
        The judge's arguments.
    changes
        From the student: by index, the array as it is now, or the number of calls to a `Counted`.

    Raises
    ------
    WireError
        If the changes are not of this form.
    """
    if type(changes) is not dict:
        raise WireError("not a table of changes")
    for index, change in changes.items():
        if not index.isdecimal() or int(index) >= len(given):
            raise WireError("a change to an argument that does not exist")
        argument, value = given[int(index)], decode(change)
        if isinstance(argument, Counted) and type(value) is int:
            argument.calls += value
        elif (
            isinstance(argument, np.ndarray)
            and isinstance(value, np.ndarray)
            and argument.dtype == value.dtype
            and argument.flags.writeable
        ):
            if argument.shape == value.shape:
                argument[...] = value
        else:
            raise WireError("a change that is not possible")
