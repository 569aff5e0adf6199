"""Properties of qm9lib.data.records on mutated, made and impossible records.

``fuzz_records.py`` beside this file has the mutations and the second reader that is compared with;
run as a program, it tries millions of inputs.
"""

import importlib.util
import math
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from qm9lib.data.records import Record, format_record, parse_record, split_record
from qm9lib.errors import RecordError

spec = importlib.util.spec_from_file_location(
    "qm9_fuzz_records", Path(__file__).parents[1] / "fuzz_records.py"
)
fuzz = sys.modules.setdefault(spec.name, importlib.util.module_from_spec(spec))
spec.loader.exec_module(fuzz)


def examples(number: int) -> settings:
    """The same examples in every run, however slow the machine."""
    return settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


TRUE = fuzz.true_records()
true_texts = st.sampled_from([record.decode("ascii") for record in TRUE])


def test_true_records_and_variants_are_accepted() -> None:
    assert len(TRUE) == 10 and all(map(fuzz.check_input, TRUE))


# Mutated records


@examples(300)
@given(
    record=st.sampled_from(TRUE),
    steps=st.lists(st.sampled_from(fuzz.KEEPING + fuzz.BREAKING), min_size=1, max_size=3),
    random=st.randoms(use_true_random=False),
)
def test_mutations_are_refused_or_read_exactly(record, steps, random) -> None:
    text = record.decode("latin-1")
    for step in steps:
        text = step(text, random)
    fuzz.check_input(text.encode("latin-1"))


@pytest.mark.parametrize("record", TRUE, ids=lambda text: text.split()[2].decode())
def test_thousands_of_mutations_are_refused_or_read_exactly(record) -> None:
    random = Random(0)
    accepted = {
        breaking: sum(
            fuzz.check_input(fuzz.mutate(record, random, breaking)) for _ in range(number)
        )
        / number
        for breaking, number in ((0, 50), (1, 150), (2, 50))
    }
    # Most mutations of the first kind keep a record, and those of the second leave a share.
    assert accepted[0] > 0.5 and 0.1 < accepted[1] < 0.7, accepted


@pytest.mark.parametrize("word", fuzz.NEIGHBOURS, ids=lambda word: ascii(word[:12]))
def test_every_neighbour_in_each_kind_of_field(word) -> None:
    cells = [line.split("\t") for line in TRUE[2].decode("ascii").split("\n")]  # HCN
    # The count; index, A and the end; element and y; a frequency, a SMILES, an InChI.
    for i, j in (0, 0), (1, 0), (1, 1), (1, 16), (2, 0), (2, 2), (5, 0), (6, 0), (7, 1):
        old = cells[i][j]
        cells[i][j] = f" {word}" if old.startswith(" ") else word
        fuzz.check_input("\n".join(map("\t".join, cells)).encode("latin-1"))
        cells[i][j] = old


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("\t", " "),
        lambda text: text.replace("\t", "  "),
        lambda text: text.replace("\n", "\u2028"),
        lambda text: text.replace(".", ","),
        lambda text: text.replace("1", "\u0661"),
        lambda text: text.replace("1", "\uff11"),
        lambda text: text.replace("-", "\u2212"),
        lambda text: f"\ufeff{text}",
        lambda text: f"{text}\x00",
        lambda text: f"{text}\x1a",
        lambda text: f"\n{text}",
        lambda text: f"{text}\n",
        lambda text: f"{text}{text}",
        lambda text: text.replace("InChI=", "\udc80"),
        lambda text: "",
        lambda text: "\n",
        lambda text: "\ud800",
    ],
)
def test_whole_texts_that_are_refused(change) -> None:
    for record in TRUE:
        text = change(record.decode("ascii"))
        assert not fuzz.check(text)
        assert not fuzz.check(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("at", ["0", "0.", "1", "9" * 9, "-", "1.*^", " ", "\t", "\n", "H\t"])
def test_long_texts_take_no_long_time(at) -> None:
    """Time that grew with the square of the length would be hours."""
    text = TRUE[2].decode("ascii")
    for field in ("3", "5", "2.8937", " 1.1324657151", "799.0101", "C#N", "InChI=1S"):
        refused = not fuzz.check(text.replace(field, field + at * 50_000, 1))
        assert refused or field in ("C#N", "InChI=1S")


# Where the error is


BAD = {
    "count": ["", "0", "05", "5.", "-5", "+5", " 5", "1000", "9" * 5000, "\u0665", "5\r", "x"],
    "index": ["", "gdb", "gdb ", "gdb 0", "gdb 01", "gdb  1", "gdb -1", "gdb 1000000", "GDB 1"],
    "number": [
        "",
        ".",
        "-",
        "1.0",
        "0.0",
        "00.1",
        "1.50",
        ".5",
        "+1.",
        "--1.",
        "1e-5",
        "1E5",
        "nan",
    ]
    + ["1*^-6", "1.*^-5", "1.*^5", "1.50*^-6", "1.*^+6", "1.*^100", "inf", "-inf", "-0", "1_0."]
    + ["1000000.", "0.000001", "0." + "1" * 40, "9" * 5000, "1" * 5000 + ".", "\u0661.", "1.\r"]
    + ["1.234567890123456", "123456.7890123456", "1.\x00", "1. ", "0x1p3", "01", "1234567"],
    "element": ["", "h", "S", "Cl", "HH", " H", "H ", "\u041d", "1."],
    "name": ["", " ", "C C", "C\r", "\u00e9", "C\x7f", "C\x00"],
    "InChI": ["", "InChI=", "InChi=1S/C", "C", " InChI=1S/C", "InChI=1 S", "InChI=1S/\u00e9"],
    "end": [" ", "1.", "\r"],
}


def kind(n_atoms: int, line: int, field: int) -> str:
    """Return what stands at a line and a field, both from 0."""
    if line < 2:
        return "count" if line == 0 else {0: "index", 16: "end"}.get(field, "number")
    if line < n_atoms + 2:
        return "number" if field else "element"
    return ("number", "end" if field == 2 else "name", "InChI")[line - n_atoms - 2]


@examples(300)
@given(text=true_texts, data=st.data())
def test_a_bad_field_is_named(text, data) -> None:
    cells = [line.split("\t") for line in text.removesuffix("\n").split("\n")]
    n_atoms = int(cells[0][0])
    line = data.draw(st.integers(0, len(cells) - 1))
    field = data.draw(st.integers(0, len(cells[line]) - 1))
    word = data.draw(st.sampled_from(BAD[kind(n_atoms, line, field)]))
    if 2 <= line < n_atoms + 2 and field and not word.startswith("-"):
        # Without the padding it is wrong too, and a minus sign after it.
        word = data.draw(st.sampled_from(["", " ", "  ", " -", "- "])) + word
    column = 1 + sum(len(other) + 1 for other in cells[line][:field])
    cells[line][field] = word
    new = "\n".join(map("\t".join, cells)) + "\n" * text.endswith("\n")
    with pytest.raises(RecordError) as caught:
        parse_record(new, "a file")
    shown = "nothing" if word == "" else repr(word)[:40]
    place = f"a file, line {line + 1}, column {column}: found {shown}"
    assert str(caught.value).startswith(place)
    with pytest.raises(RecordError) as again:
        split_record(new, "a file")
    assert str(again.value) == str(caught.value)


@examples(200)
@given(
    text=true_texts,
    line=st.integers(1, 5),
    random=st.randoms(use_true_random=False),
    step=st.sampled_from(
        [fuzz.change_digit, fuzz.delete, fuzz.repeat, fuzz.swap_bytes, fuzz.insert]
    ),
)
def test_an_error_is_in_the_line_that_changed_and_not_before_it(text, line, random, step) -> None:
    lines = text.removesuffix("\n").split("\n")
    line = min(line, 2) if line < 4 else len(lines) - 6 + line - 2  # head, atoms, the last four
    old, new = lines[line], step(lines[line], random)
    assume("\n" not in new)
    lines[line] = new
    try:
        parse_record("\n".join(lines))
    except RecordError as error:
        number, column = fuzz.place(str(error))
        first = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), None)
        first = min(len(old), len(new)) if first is None else first
        end = column - 1 + len(new[column - 1 :].split("\t")[0])
        assert number == line + 1
        assert " frequencies, expected" in str(error) or end >= first


def test_cut_anywhere() -> None:
    record = TRUE[2]
    for length in range(len(record) - 1):
        # A shorter InChI is an InChI; a shorter list of frequencies, SMILES or number is none.
        inchi = record[:length].count(b"\n") == record.count(b"\n") - 1
        second = record[:length].rpartition(b"\n")[2].partition(b"\t")[2]
        assert fuzz.check_input(record[:length]) == (inchi and len(second) > len("InChI="))


# Records that are made


def reals(padded: bool = False) -> st.SearchStrategy[float]:
    """Numbers of up to 15 digits, as long as the files may have them."""

    def spelled(place: int, digits: int, sign: str) -> str:
        # Together with the zero before the point, or with nine decimals, 15 digits.
        longest = 14 if -5 <= place < 0 else place + 10 if 2 <= place <= 5 else 15
        return fuzz.spell(str(digits)[: min(longest, 15)], place, sign)

    words = st.builds(
        spelled,
        st.sampled_from([*range(-8, 9), -99, -60, -59, -10, 10, 59, 60, 99]),
        st.integers(1, 10**15 - 1) | st.integers(1, 999),
        st.sampled_from(["", "-"]),
    )
    return (words | st.sampled_from(["0.", "-0."])).map(lambda word: float(word.replace("*^", "e")))


names = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@st.composite
def made_records(draw) -> dict:
    """Return the fields: Record draws from `random` under beartype, forbidden in a strategy."""
    n = draw(st.sampled_from([2, 3, 5, 9, 18, 29]) | st.integers(2, 29))
    counts = [count for count in (3 * n - 6, 3 * n - 5, 6 * n - 12, 6 * n - 10) if count]
    # A few numbers fill the lists: drawing each takes long.
    few = draw(st.lists(reals(), min_size=1, max_size=12))
    whole = st.integers(-999_999, 999_999)
    random = Random(draw(st.integers(0, 2**32 - 1)))

    def some(number: int) -> tuple:
        return tuple(random.choice(few) for _ in range(number))

    properties = [*some(15)]
    if draw(st.booleans()):
        properties[draw(st.integers(0, 14))] = draw(st.just(0) | whole)
    return dict(
        index=draw(st.integers(1, 999_999)),
        properties=tuple(properties),
        symbols=tuple(random.choice("HCNOF") for _ in range(n)),
        positions=tuple(some(3) for _ in range(n)),
        charges=some(n),
        frequencies=some(draw(st.sampled_from(counts))),
        smiles=(draw(names), draw(names)),
        inchi=(f"InChI={draw(names)}", f"InChI={draw(names)}"),
        line_end=draw(st.booleans()),
    )


@examples(200)
@given(fields=made_records())
def test_made_records_survive_writing_and_reading(fields) -> None:
    record = Record(**fields)
    text = format_record(record)
    assert repr(parse_record(text)) == repr(record)
    assert repr(parse_record(text.encode("ascii"))) == repr(record)
    assert fuzz.check(text)


@examples(100)
@given(value=reals())
def test_every_number_is_read_in_every_place(value) -> None:
    record = parse_record(TRUE[2])
    for change in places(record, value):
        new = replace(record, **change)
        assert repr(parse_record(format_record(new))) == repr(new)


def places(record: Record, value: float) -> list[dict]:
    """Return what changes if a value comes into a list of each kind."""
    x, y, _ = record.positions[-1]
    return [
        {"properties": (*record.properties[:-1], value)},
        {"properties": (value, *record.properties[1:])},
        {"positions": (*record.positions[:-1], (x, y, value))},
        {"charges": (value, *record.charges[1:])},
        {"frequencies": (*record.frequencies[:-1], value)},
    ]


# Records that cannot be


@examples(150)
@given(value=st.floats() | st.floats(1e-7, 1e7) | st.floats(-10, 10))
@example(value=math.nan)
@example(value=math.inf)
@example(value=-math.inf)
@example(value=0.1 + 0.2)
@example(value=5e-324)
@example(value=1e100)
@example(value=1.7976931348623157e308)
@example(value=math.nextafter(1.0, 2.0))
@example(value=math.nextafter(1e-5, 0.0))
@example(value=math.nextafter(1e6, 0.0))
def test_a_float_is_written_exactly_or_refused(value) -> None:
    record = parse_record(TRUE[2])
    digits = len(format(value, ".17g").split("e")[0].lstrip("-0.").replace(".", ""))
    short = float(format(value, ".15g")) == value  # 15 digits say it
    for change in places(record, value):
        new = replace(record, **change)
        try:
            text = format_record(new)
        except RecordError as error:
            possible = math.isfinite(value) and 1e-99 <= abs(value) < 1e99 and digits <= fuzz.SURE
            assert not possible, error
        else:
            assert math.isfinite(value) and short
            assert repr(parse_record(text)) == repr(new) and fuzz.check(text)


@examples(60)
@given(name=st.text(max_size=6) | st.text("C#=\t\n\r 1", max_size=6))
@example(name="")
@example(name="C\tC")
@example(name="C\n")
@example(name="\x7f")
@example(name="\ud800")
def test_a_name_is_written_exactly_or_refused(name) -> None:
    record = parse_record(TRUE[2])
    for change in (
        {"smiles": (name, "C")},
        {"smiles": ("C", name)},
        {"inchi": (f"InChI={name}", "InChI=1")},
        {"inchi": ("InChI=1", f"InChI={name}")},
    ):
        new = replace(record, **change)
        if fuzz.is_name(name):
            assert parse_record(format_record(new)) == new
        else:
            with pytest.raises(RecordError):
                format_record(new)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: {"index": 0},
        lambda record: {"index": -1},
        lambda record: {"index": 1_000_000},
        lambda record: {"properties": ()},
        lambda record: {"properties": record.properties[:-1]},
        lambda record: {"properties": (*record.properties, 1.0)},
        lambda record: {"properties": (*record.properties[:-1], 1_000_000)},
        lambda record: {"properties": (*record.properties[:-1], True)},
        lambda record: {"symbols": ()},
        lambda record: {"symbols": record.symbols[:-1]},
        lambda record: {"symbols": (*record.symbols, "H")},
        lambda record: {"symbols": ("S", *record.symbols[1:])},
        lambda record: {"symbols": ("Cl", *record.symbols[1:])},
        lambda record: {"symbols": ("h", *record.symbols[1:])},
        lambda record: {"symbols": ("", *record.symbols[1:])},
        lambda record: {"symbols": ("H\t", *record.symbols[1:])},
        lambda record: {"positions": ()},
        lambda record: {"positions": record.positions[:-1]},
        lambda record: {"positions": (*record.positions, (0.0, 0.0, 0.0))},
        lambda record: {"charges": ()},
        lambda record: {"charges": record.charges[:-1]},
        lambda record: {"charges": (*record.charges, 0.5)},
        lambda record: {"frequencies": ()},
        lambda record: {"frequencies": record.frequencies[:-2]},
        lambda record: {"frequencies": (*record.frequencies, 1.5)},
        lambda record: {"frequencies": record.frequencies * 3},
        lambda record: {"inchi": ("InChI=", "InChI=1")},
        lambda record: {"inchi": ("1S/CHN/c1-2/h1H", "InChI=1")},
        lambda record: {"symbols": record.symbols[:1], "positions": record.positions[:1],
                        "charges": record.charges[:1], "frequencies": (1.5,)},
        lambda record: {"symbols": record.symbols * 400, "positions": record.positions * 400,
                        "charges": record.charges * 400, "frequencies": (1.5,) * 3594},
    ],
)  # fmt: skip
def test_lists_and_elements_that_no_record_has(change) -> None:
    record = parse_record(TRUE[2])
    with pytest.raises(RecordError) as caught:
        format_record(replace(record, **change(record)))
    assert str(caught.value).startswith("record ")


def test_numpy_scalars_are_written_as_numbers() -> None:
    for text in TRUE:
        record = parse_record(text)
        numbers = replace(
            record,
            properties=tuple(
                value if isinstance(value, int) else np.float64(value)
                for value in record.properties
            ),
            positions=tuple(map(tuple, np.array(record.positions))),
            charges=tuple(np.array(record.charges)),
            frequencies=tuple(np.array(record.frequencies)),
        )
        assert isinstance(numbers.charges[0], np.float64)
        assert format_record(numbers).encode("ascii") == text
