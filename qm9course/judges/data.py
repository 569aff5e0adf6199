"""Exercises of the chapter *data*: records, flat arrays, leaks, splits, scaling and padding."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from qm9course.checking import (
    REMEMBERS,
    Answer,
    Case,
    Exercise,
    Right,
    compared,
    remembers,
    snapshot,
)
from qm9course.diagnosis import as_numbers, describe
from qm9course.judges import sample as _sample
from qm9lib import ELEMENTS, QM9, SYMBOLS
from qm9lib.data.records import Record, format_record
from qm9lib.errors import UnknownNameError

MAX_SIZES, MAX_WASTE = 4, 0.12


# What the sample does not hold of a record: frequencies (1/cm), SMILES and InChI, as published.
_RECORDS: dict[int, tuple[str, tuple[str, str], str]] = {
    1: (
        "1341.307 1341.3284 1341.365 1562.6731 1562.7453 3038.3205 3151.6034 3151.6788 3151.7078",
        ("C", "C"),
        "InChI=1S/CH4/h1H4",
    ),
    7: (
        "308.9725 822.3972 822.7794 1003.6498 1221.5079 1221.9354 1409.4025 1422.7633 1502.2478 "
        "1502.5606 1507.3116 1507.9634 3034.5722 3035.9131 3086.4825 3086.5555 3111.4684 3111.5421",
        ("CC", "CC"),
        "InChI=1S/C2H6/c1-2/h1-2H3",
    ),
    212: (
        "84.7872 189.0812 356.3627 619.1378 624.1803 674.909 679.7685 740.2186 794.6395 847.8113 "
        "885.4596 986.4404 1065.0089 1082.5292 1112.0581 1115.044 1149.8349 1295.9374 1325.3584 "
        "1405.4785 1421.6329 1453.8035 1489.2357 1513.4836 1545.1919 1561.1991 3027.4816 "
        "3096.3939 3128.7982 3237.7763 3247.9307 3259.7673 3268.7513",
        ("CN1C=CC=C1", "Cn1cccc1"),
        "InChI=1S/C5H7N/c1-6-4-2-3-5-6/h2-5H,1H3",
    ),
}


def record(number: int) -> str:
    """Return the text of a record of QM9, as published.

    Parameters
    ----------
    number
        1 (methane), 7 (ethane) or 212 (N-methylpyrrole).

    Returns
    -------
    str
        The lines of the file, line ends included.

    Raises
    ------
    UnknownNameError
        If the course does not have this record.

    Examples
    --------
    >>> record(212).splitlines()[2].split()
    ['C', '2.1997*^-6', '1.4462618059', '0.0098312216', '-0.335446']
    """
    if number not in _RECORDS:
        raise UnknownNameError("record", str(number), list(map(str, _RECORDS)))
    sample = _sample()
    molecule = sample[int(np.flatnonzero(sample.index == number)[0])]
    frequencies, smiles, inchi = _RECORDS[number]
    return format_record(
        Record(
            index=number,
            properties=tuple(molecule.labels[1:].tolist()),
            symbols=tuple(SYMBOLS[int(z)] for z in molecule.atomic_numbers),
            positions=tuple((x, y, z) for x, y, z in molecule.positions.tolist()),
            charges=tuple(molecule.charges.tolist()),
            frequencies=tuple(map(float, frequencies.split())),
            smiles=smiles,
            inchi=(inchi, inchi),
        )
    )


# 2.1


def _texts() -> list[Case]:
    names = {1: "methane", 7: "ethane", 212: "N-methylpyrrole"}
    cases = [Case(f"{name} (number {i})", (record(i),)) for i, name in names.items()]
    return [*cases, Case("fluoroformamide, a record made up for this check", (_made_up(),))]


def _made_up() -> str:
    """Return a record with oxygen, nitrogen and fluorine, and with other powers of ten."""
    positions = (
        (0.0131, 1.3302, 1.27e-7),
        (-0.0112, -0.0103, -4.3961e-6),
        (1.1325, -0.7204, 2.0518e-6),
        (-1.1471, -0.7382, -3.1e-8),
        (2.0316, -0.2615, 3.75e-6),
        (1.1142, -1.7273, 0.0000125),
    )
    frequencies = (203.4, 505.1, 581.7, 661.2, 774.9, 947.3, 1077.8, 1321.6, 1615.4, 1853.2)
    return format_record(
        Record(
            index=133900,
            properties=tuple(round(1.1 + 0.37 * i, 2) for i in range(15)),
            symbols=("O", "C", "N", "F", "H", "H"),
            positions=positions,
            charges=(-0.4125, 0.7316, -0.6712, -0.2519, 0.3011, 0.3029),
            frequencies=(*frequencies, 3607.5, 3744.1),
            smiles=("NC(F)=O", "NC(F)=O"),
            inchi=("InChI=1S/CH2FNO/c2-1(3)4/h(H2,3,4)",) * 2,
        )
    )


def _explain_reading(error: BaseException, _: tuple[Any, ...]) -> str | None:
    # A TimeoutError is an OSError, too, and comes from the grader.
    if isinstance(error, OSError) and not isinstance(error, TimeoutError):
        return (
            "record is the text itself, not the name of a file: record.splitlines() gives its lines"
        )
    word = re.search(r"could not convert string (?:to float: )?(['\"])(.*?)\1", str(error))
    if not isinstance(error, ValueError) or word is None:
        return None
    if "^" in word[2]:
        return (
            f"{word[2]} stands for a number times a power of ten: `*^` is `e` in Python. Write `e` "
            "for every `*^` of the record, whatever power it is"
        )
    if re.fullmatch(r"[-+]?[\d.]+e[-+]?", word[2]):
        return (
            f"{word[2]} was cut off after its e: numbers have different lengths, so take whole "
            "words, line.split()"
        )
    if "\\t" in word[2] or "\t" in word[2]:
        return (
            "the columns are separated by tabs, some with a space after them: line.split(), with "
            "nothing in the brackets, takes both"
        )
    if not re.search("[A-Za-z]", word[2]):
        return None
    return (
        f"it read {word[2]} as a number. In an atom's line x, y and z are words 1 to 3, counted "
        "from 0. Or this line is not an atom's: the first line says how many atoms there are"
    )


def _numbers_of(
    text: str, first: int = 2, more: int = 0, columns: slice = slice(1, 4), n: int | None = None
) -> np.ndarray:
    """Read columns of the atoms' lines: where they begin and how many there are may be wrong."""
    lines = text.replace("*^", "e").splitlines()
    count = int(lines[0]) if n is None else n
    rows = [line.split()[columns] for line in lines[first : 2 + count + more]]
    return np.array([[float(word) for word in row] for row in rows])


def _power_lost(text: str) -> np.ndarray:
    return _numbers_of(re.sub(r"\*\^-?\d+", "", text))


def _power_positive(text: str) -> np.ndarray:
    return _numbers_of(text.replace("*^-", "*^"))


def _read_as_zero(text: str) -> np.ndarray:
    return _numbers_of(re.sub(r"\S+\*\^\S+", "0", text))


def _to_the_power(text: str) -> np.ndarray:
    def power(match: re.Match[str]) -> str:
        number = float(match[1])
        return repr(np.copysign(abs(number) ** int(match[2]), number).item())

    return _numbers_of(re.sub(r"(\S+)\*\^(\S+)", power, text))


def _line_skipped(text: str) -> np.ndarray:
    numbers = [
        [float(word) for word in line.split()[1:4]]
        for line in text.splitlines()[2 : 2 + int(text.split()[0])]
        if "^" not in line
    ]
    return np.array(numbers)


def _first_elements(text: str, elements: str = "CHN") -> np.ndarray:
    """Read the lines that begin with some elements alone."""
    lines = text.replace("*^", "e").splitlines()
    atoms = [line.split() for line in lines[2 : 2 + int(lines[0])]]
    return np.array([[float(word) for word in atom[1:4]] for atom in atoms if atom[0] in elements])


def _centred(text: str) -> np.ndarray:
    positions = _numbers_of(text)
    return positions - positions.mean(axis=0)


def _judge_positions(answer: Answer) -> str | None:
    for case in _texts():
        found = answer(*case.arguments)
        if _has_texts(found):
            return (
                "what it returns are still strings, not numbers: float(word) converts one of them"
            )
        numbers = as_numbers(found)
        if numbers is not None and numbers.dtype.kind == "f" and np.isnan(numbers).any():
            return (
                f"for {case.text} there is NaN, not a number: a reader that did not know the "
                "spelling 2.1997*^-6 went on in silence. Write `e` for `*^` before you read"
            )
    return _compare_positions(answer)


def _has_texts(value: object) -> bool:
    """Tell whether these are texts in an array, or in a list of lists."""
    if isinstance(value, str):
        return False
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "US" or (value.size > 0 and isinstance(value.flat[0], str))
    for _ in range(2):
        if isinstance(value, list | tuple) and len(value):
            value = value[0]
    return isinstance(value, str)


_compare_positions = compared(
    _numbers_of,
    _texts,
    {
        "x, y and z are shifted by a column: the last word of an atom's line is its charge, and "
        "the element comes first": lambda text: _numbers_of(text, columns=slice(2, 5)),
        "the charge is no coordinate: take three numbers of each atom's line": (
            lambda text: _numbers_of(text, columns=slice(1, 5))
        ),
        "the last atom is missing: the atoms are lines[2 : 2 + n], since two lines come before "
        "them": lambda text: _numbers_of(text, more=-1),
        "the first atom is missing, and the frequencies were read as if they were an atom: the "
        "atoms begin in line 2, counted from 0": lambda text: _numbers_of(text, first=3, more=1),
        "the first atom is missing: the atoms begin in line 2, counted from 0": (
            lambda text: _numbers_of(text, first=3)
        ),
        "line 1 (the properties) was read as an atom, and the last atom is missing: the atoms "
        "begin in line 2, counted from 0": lambda text: _numbers_of(text, first=1, more=-1),
        "line 1 (the properties) was read as an atom: the atoms begin in line 2, counted from 0": (
            lambda text: _numbers_of(text, first=1)
        ),
        "the frequencies below the atoms were read as if they were one more atom": (
            lambda text: _numbers_of(text, more=1)
        ),
        "it reads five atoms whatever the molecule: the first line of a record says how many": (
            lambda text: _numbers_of(text, n=5)
        ),
        "the power of ten was lost: 2.1997*^-6 became 2.1997, which puts an atom 2 Å off": (
            _power_lost
        ),
        "the sign of the power of ten was lost: 2.1997*^-6 is 2.1997 millionths": _power_positive,
        "a number that it could not read became 0: 2.1997*^-6 is small, but not zero. What cannot "
        "be read should stop a program": _read_as_zero,
        "2.1997*^-6 was read as 2.1997 to the power of -6; it is 2.1997 times 10 to the power of "
        "-6": _to_the_power,
        "an atom was left out: the one whose number is spelled oddly. Write `e` for `*^`, and it "
        "can be read": _line_skipped,
        "atoms of oxygen and fluorine were left out: QM9 has H, C, N, O and F. Take the lines by "
        "their place, not by their first letter": _first_elements,
        **{
            f"atoms of {names} were left out: QM9 has H, C, N, O and F. Take the lines by their "
            "place, not by their first letter": (
                lambda text, some=some: _first_elements(text, some)
            )
            for names, some in {
                "hydrogen": "CNOF",
                "fluorine": "HCNO",
                "nitrogen": "HCOF",
                "oxygen": "HCNF",
                "nitrogen and fluorine": "HCO",
                "nitrogen, oxygen and fluorine": "HC",
            }.items()
        },
        "only the first digit of the number of atoms was read: it may have two, int(lines[0])": (
            lambda text: _numbers_of(text, n=int(text[0]))
        ),
        "the molecule was moved, so that its mean is at 0: return the positions as they are in "
        "the record": _centred,
    },
)


# 2.2


def _flat(qm9: QM9) -> tuple[np.ndarray, ...]:
    return qm9.index, qm9.offsets, qm9.atomic_numbers, qm9.positions


def _numbered() -> list[Case]:
    # All numbers are smaller than 2,000, so that taking one for a row gives a molecule, too.
    sample = _sample()
    shuffled = sample[np.random.RandomState(2).permutation(len(sample))]
    return [
        Case("number 213 of the sample", (213, *_flat(sample))),
        Case("number 758 of the sample", (758, *_flat(sample))),
        Case("number 758, where the molecules are shuffled", (758, *_flat(shuffled))),
    ]


def _at_the_ends() -> list[Case]:
    # Numbers that belong to other molecules of the sample: whoever looks there is found out.
    few = _sample()[np.random.RandomState(3).permutation(2000)[:6]]
    index = np.roll(few.index, 1)
    arrays = (index, few.offsets, few.atomic_numbers, few.positions)
    return [
        Case(f"the {place} molecule of a made-up set of six", (int(index[row]), *arrays))
        for place, row in (("first", 0), ("last", -1), ("third", 2))
    ] + [
        # The sample has other atoms under this number.
        Case("number 213 of a made-up set", (213, np.full(1, 213), np.array([0, 2]), *_HYDROGEN)),
    ]


_HYDROGEN = np.array([1, 1], np.int8), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]])


def _from_the_sample(number: int, *_: Any) -> tuple[Any, Any]:
    return _reference_atoms(number, *_flat(_sample()))


def _explain_row(error: BaseException, _: tuple[Any, ...]) -> str | None:
    said = str(error)
    if isinstance(error, TypeError) and re.search("integer|tuple", said):
        return (
            "the row must be one number. np.where and np.flatnonzero give arrays, np.where even "
            "inside a tuple: row = np.flatnonzero(index == number)[0]"
        )
    if isinstance(error, AttributeError) and "ndarray" in said and "'index'" in said:
        return "lists have .index, arrays don't: np.flatnonzero(index == number)[0] is the row"
    return None


def _judge_atoms(answer: Answer) -> str | None:
    said = _compare_atoms(answer)
    if said is not None and not isinstance(said, Right):
        if said.startswith("for number 758, where"):
            return (
                "right for sorted numbers, wrong where molecules are shuffled: a row is where "
                "index == number, and nothing can be taken from the order of the numbers"
            )
        return said
    problem = _compare_ends(answer)
    if problem and problem.startswith("for number 213 of a made-up set"):
        return (
            "it returns the atoms that another set has under this number: it remembers molecules "
            "of earlier calls by their number. Look into the arrays of this call"
        )
    return problem or said


def _row_of(number: int, index: Any) -> int:
    return int(np.flatnonzero(index == number)[0])


def _cut(
    row: Callable[[int, Any], int], first: int = 0, last: int = 0, molecule: int = 0
) -> Answer:
    """Return a way to take a molecule, with a rule for its row and shifted ends."""

    def take(number: int, index: Any, offsets: Any, z: Any, positions: Any) -> tuple[Any, Any]:
        i = int(row(number, index)) + molecule
        atoms = slice(offsets[i] + first, offsets[i + 1] + last)
        return z[atoms], positions[atoms]

    return take


def _exchanged_arrays(*arguments: Any) -> tuple[Any, Any]:
    z, positions = _cut(_row_of)(*arguments)
    return positions, z


def _all_before(number: int, index: Any, offsets: Any, z: Any, x: Any) -> tuple[Any, Any]:
    end = offsets[_row_of(number, index) + 1]
    return z[:end], x[:end]


def _rows_as_atoms(number: int, index: Any, offsets: Any, z: Any, x: Any) -> tuple[Any, Any]:
    i = _row_of(number, index)
    return z[i : i + 1], x[i : i + 1]


_TWO_ARRAYS = ("the atomic numbers", "the positions")
_reference_atoms = _cut(_row_of)
_compare_atoms = compared(
    _reference_atoms,
    _numbered,
    {
        "the number of the molecule was taken for its row: find where it is in index": (
            _cut(lambda number, index: number)
        ),
        "the row is not the number minus one, since some molecules are left out: find "
        "where the number is in index": _cut(lambda number, index: number - 1),
        "right for sorted numbers, wrong where molecules are shuffled: searchsorted "
        "needs sorted numbers, index == number does not": _cut(
            lambda number, index: int(np.searchsorted(index, number))
        ),
        "the last atom is missing: a slice ends before its second number, so subtract "
        "nothing": _cut(_row_of, last=-1),
        "the first atom of the next molecule is there, too: a slice ends before its "
        "second number, and offsets[row + 1] is that atom": _cut(_row_of, last=1),
        "the first atom is missing: the molecule begins at offsets[row]": (_cut(_row_of, first=1)),
        "this is the molecule before: it begins at offsets[row], and ends before "
        "offsets[row + 1]": _cut(_row_of, molecule=-1),
        "this is the molecule after: it begins at offsets[row], and ends before "
        "offsets[row + 1]": _cut(_row_of, molecule=1),
        "these are all atoms up to the end of the molecule: it begins at offsets[row]": (
            _all_before
        ),
        "this is one atom, at the place of the row: the atoms of the molecule run from "
        "offsets[row] to offsets[row + 1]": _rows_as_atoms,
        "the results are swapped: return the atomic numbers first": _exchanged_arrays,
        "the positions are those of one atom, positions[row]: take all of the molecule's, from "
        "offsets[row] to offsets[row + 1]": (
            lambda number, index, offsets, z, x: (
                _reference_atoms(number, index, offsets, z, x)[0],
                x[_row_of(number, index)],
            )
        ),
        "offsets[row + 1] was taken for the number of atoms: it is where the molecule ends": (
            lambda number, index, offsets, z, x: tuple(
                array[offsets[i := _row_of(number, index)] :][: offsets[i + 1]] for array in (z, x)
            )
        ),
        "this is the molecule in row index[number]: index[row] is a number, and it is the row "
        "that you need": _cut(lambda number, index: int(index[number])),
    },
    parts=_TWO_ARRAYS,
)
_compare_ends = compared(
    _reference_atoms,
    _at_the_ends,
    {
        "it looks into the sample, and not into the arrays that it is given: another set gives "
        "other atoms. Use the arguments alone": _from_the_sample,
        "right for all molecules but the last, which lacks its last atom: the last one ends at "
        "offsets[row + 1], too": (
            lambda number, index, offsets, z, x: tuple(
                array[:-1] if _row_of(number, index) == len(index) - 1 else array
                for array in _reference_atoms(number, index, offsets, z, x)
            )
        ),
    },
    parts=_TWO_ARRAYS,
)


# 2.3


def _pairs_of_sets() -> list[Case]:
    sample = _sample()
    orders = [np.random.RandomState(seed).permutation(len(sample)) for seed in (0, 5)]
    once = orders[0]
    return [
        Case("two sets drawn one by one", (sample[orders[0][:500]], sample[orders[1][:200]])),
        Case("two parts of one permutation", (sample[once[:500]], sample[once[500:700]])),
        Case("a set and its first half", (sample[once[:60]], sample[once[:30]])),
        Case("a set and its first half, backwards", (sample[once[:60]], sample[once[29::-1]])),
        Case("two sets whose numbers are sorted", (sample[:60], sample[30:50])),
    ]


def _leaked(train: QM9, test: QM9) -> set[int]:
    return set(train.index.tolist()) & set(test.index.tolist())


def _formulas(qm9: QM9) -> list[tuple[int, ...]]:
    return [tuple(counts) for counts in qm9.composition.tolist()]


def _same_formula(train: QM9, test: QM9) -> set[int]:
    known = set(_formulas(train))
    return {
        number
        for number, formula in zip(test.index.tolist(), _formulas(test), strict=True)
        if formula in known
    }


def _same_place(train: QM9, test: QM9) -> set[int]:
    return {a for a, b in zip(train.index.tolist(), test.index.tolist(), strict=False) if a == b}


def _rows_within(one: QM9, other: QM9) -> np.ndarray:
    """Return rows of the one set that the other has, too, as far as the other has such rows."""
    rows = np.flatnonzero(np.isin(one.index, other.index))
    return rows[rows < len(other)]


def _as_set(found: object) -> object:
    """Make a set of whole numbers in an array or list: np.intersect1d is a right answer, too."""
    if isinstance(found, set | frozenset):
        return found
    numbers = as_numbers(found)
    if numbers is None or numbers.ndim != 1 or numbers.dtype.kind not in "iuf":
        return found
    if not np.isfinite(numbers).all() or (numbers != np.round(numbers)).any():
        return found
    return {int(number) for number in numbers}


def _twins(answer: Answer) -> str | None:
    """Try two sets that have labels in common, and no number or SMILES, which are unique in QM9."""
    one, others = _sample()[:40], _sample()[100:140]
    numbers = one.index + 200_000
    labels = np.column_stack([numbers, one.labels[:, 1:]])
    found = _as_set(answer(one, replace(one, index=numbers, labels=labels, smiles=others.smiles)))
    if isinstance(found, set | frozenset) and not found:
        return None
    return (
        "two different molecules can have the same energy to the last digit: compare their "
        "numbers, .index"
    )


def _judge_leak(answer: Answer) -> str | None:
    cases = _pairs_of_sets()
    results = [snapshot(answer(*case.arguments)) for case in cases]
    if any(isinstance(found, QM9) for found in results):
        return "this is a set of molecules; the exercise asks for their numbers: take its .index"
    sets = [_as_set(found) for found in results]
    if any(isinstance(found, set | frozenset | list) and _has_text(found) for found in sets):
        return "these are strings, not integers: int(text) turns one into the number of a molecule"
    recorded = iter(sets)
    if remembers(answer, cases[0].arguments, results[0]):
        return REMEMBERS
    for place in ("training", "test"):
        firsts = [{int(case.arguments[place == "test"].index[0])} for case in cases]
        if all(
            isinstance(found, set | frozenset) and found == _leaked(*case.arguments) & first
            for found, case, first in zip(sets, cases, firsts, strict=True)
        ):
            return f"it looks at the first {place} molecule alone: is `return` inside the loop?"
    # A call more than there are cases asks for the first again.
    said = _compare_leaks(lambda *_: next(recorded, sets[0]))
    if said is None or isinstance(said, Right):
        return _twins(answer) or said
    if " the set " not in said:
        return said
    if not all(isinstance(found, set | frozenset) for found in sets):
        return said
    if not any(sets):
        return (
            "it never finds a molecule in common, though some of the sets share molecules. Are "
            "molecules compared, as in set(train) & set(test)? The same molecule is a different "
            "object in each set: compare train.index and test.index"
        )
    wanted_sets = [_leaked(*case.arguments) for case in cases]
    if all(
        len(found) == min(1, len(wanted)) and found <= wanted
        for found, wanted in zip(sets, wanted_sets, strict=True)
        if isinstance(found, set | frozenset)
    ):
        return (
            "it returns one molecule, where several are in both: does it stop at the first that "
            "it finds?"
        )
    if sets[-1] == wanted_sets[-1] and sets[0] != wanted_sets[0]:
        return (
            f"right for {cases[-1].text}, wrong for {cases[0].text}: the numbers of a set are in "
            "any order. Or are molecules compared only with their neighbours?"
        )
    for case, found, wanted in zip(cases, sets, wanted_sets, strict=True):
        if isinstance(found, set | frozenset) and found != wanted:
            return f"for {case.text} {_difference_of(found, wanted)}"
    return said


def _has_text(found: set[Any] | frozenset[Any] | list[Any]) -> bool:
    return bool(found) and all(isinstance(x, str) and x.strip().isdecimal() for x in found)


def _difference_of(found: set[Any] | frozenset[Any], wanted: set[int]) -> str:
    parts = []
    for word, some in (("lacks", wanted - found), ("wrongly includes", found - wanted)):
        if some:
            numbers = [x for x in some if isinstance(x, int | np.integer)]
            names = sorted(numbers) if len(numbers) == len(some) else sorted(map(describe, some))
            few = ", ".join(map(str, names[:5])) + (", and so on" if len(names) > 5 else "")
            parts.append(f"{word} {len(some)}: {few}")
    return f"{len(wanted)} molecules are in both. The result {', and '.join(parts)}"


_compare_leaks = compared(
    _leaked,
    _pairs_of_sets,
    {
        "these are rows of the test set, not numbers of molecules: give test.index of these rows": (
            lambda train, test: set(np.flatnonzero(np.isin(test.index, train.index)).tolist())
        ),
        "these are rows of the training set, not numbers of molecules: give train.index of these "
        "rows": lambda train, test: set(np.flatnonzero(np.isin(train.index, test.index)).tolist()),
        "rows were compared: each set counts its rows from 0, so any two sets have rows in "
        "common. What names a molecule is its number, in .index": (
            lambda train, test: set(range(min(len(train), len(test))))
        ),
        "only molecules at the same place in both sets were found: a molecule may be anywhere": (
            _same_place
        ),
        "isomers are not the same molecule: a formula does not name a molecule, its number "
        "does": _same_formula,
        "the other way round: these test molecules are not in the training set": (
            lambda train, test: set(test.index.tolist()) - set(train.index.tolist())
        ),
        "these are the molecules of either set; the exercise asks for those in both": (
            lambda train, test: set(train.index.tolist()) | set(test.index.tolist())
        ),
        "these are the molecules of one of the sets alone; the exercise asks for those in both": (
            lambda train, test: set(train.index.tolist()) ^ set(test.index.tolist())
        ),
        "it finds the right molecules, and gives their SMILES: the exercise asks for their "
        "numbers": (lambda train, test: set(train.smiles.tolist()) & set(test.smiles.tolist())),
        "this is a mask of the training set; train.index[mask] are the numbers": (
            lambda train, test: np.isin(train.index, test.index)
        ),
        "this is a mask of the test set; test.index[mask] are the numbers": (
            lambda train, test: np.isin(test.index, train.index)
        ),
        "these are all the numbers in the range that both sets span: between the numbers of a set "
        "there are gaps": lambda train, test: set(
            range(
                max(train.index.min(), test.index.min()),
                min(train.index.max(), test.index.max()) + 1,
            )
        ),
        "numbers were compared as parts of strings: 57 is a part of 1577, and names a different "
        "molecule. "
        "Compare whole numbers": lambda train, test: {
            number for number in test.index.tolist() if str(number) in str(train.index.tolist())
        },
        "this is right for sorted numbers only, as np.searchsorted and a merge of two lists are; "
        "the numbers of a set are in any order": lambda train, test: set(
            test.index[
                train.index[np.minimum(np.searchsorted(train.index, test.index), len(train) - 1)]
                == test.index
            ].tolist()
        ),
        "rows of the training set were looked up in test.index: each set has its own rows": (
            lambda train, test: set(test.index[_rows_within(train, test)].tolist())
        ),
        "rows of the test set were looked up in train.index: each set has its own rows": (
            lambda train, test: set(train.index[_rows_within(test, train)].tolist())
        ),
        "the last molecule of each set is left out: range and slices leave out their end anyway": (
            lambda train, test: _leaked(train[:-1], test[:-1])
        ),
        "the last test molecule is left out: range and slices leave out their end anyway": (
            lambda train, test: _leaked(train, test[:-1])
        ),
        "the last training molecule is left out: range and slices leave out their end anyway": (
            lambda train, test: _leaked(train[:-1], test)
        ),
        "the count of the molecules in common is right: return their numbers, which show what "
        "went wrong": lambda train, test: len(_leaked(train, test)),
        "it is right about whether there is a leak: return the numbers of the molecules, which "
        "show what went wrong": lambda train, test: bool(_leaked(train, test)),
        "it is right about whether the sets are separate: return the numbers of the molecules in "
        "common, which show what went wrong": (lambda train, test: not _leaked(train, test)),
    },
)


# 2.4


def _padded() -> list[Case]:
    sample = _sample()
    fluorinated = sample[sample.composition.min(axis=1) > 0]  # with all five elements
    molecules = ((sample[0], 8), (fluorinated[0], 20), (sample[2], 5), (sample[1], 4))
    cases = []
    for molecule, slots in molecules:
        z = np.zeros(slots, np.int32)
        z[: len(molecule)] = molecule.atomic_numbers
        full = ", none of them padding," if slots == len(molecule) else ""
        cases.append(Case(f"{molecule.formula} in {slots} slots{full}", (z,)))
    return cases


def _one_hot(z: Any, order: Sequence[int] = ELEMENTS) -> np.ndarray:
    return (np.asarray(z)[:, None] == np.array(order)).astype(float)


def _padding_as(column: int) -> Answer:
    def encode(z: Any) -> tuple[Any, Any]:
        one_hot = _one_hot(z)
        one_hot[z == 0, column] = 1.0
        return one_hot, z > 0

    return encode


def _without_padding(z: Any) -> tuple[Any, Any]:
    return _one_hot(z[z > 0]), z[z > 0] > 0


def _each(change: Callable[[Any], Any]) -> Answer:
    """Return a way with other one-hot vectors, and the right mask."""
    return lambda z: (change(z), z > 0)


def _without(element: int) -> Answer:
    """Return a way that leaves the column of an element empty."""
    return _each(lambda z: _one_hot(z) * (np.array(ELEMENTS) != element))


def _row_of_rows(z: Any) -> np.ndarray:
    return np.tile(_one_hot(z).max(axis=0), (len(z), 1))


def _sixteen(z: Any) -> tuple[Any, Any]:
    return _one_hot(z, range(1, 17)), z > 0


def _explain_padding(error: BaseException, _: tuple[Any, ...]) -> str | None:
    said = str(error)
    zero = re.fullmatch(r"(np\.int\d+\()?0\)?( is not in (list|tuple))?", said)
    if isinstance(error, ValueError | KeyError) and (zero or said.startswith("tuple.index(x)")):
        return (
            "0 is padding: it has no column. Leave its row zeros, and look up the column of real "
            "atoms alone"
        )
    return None


def _judge_one_hot(answer: Answer) -> str | None:
    results = []

    def recorded(z: Any) -> Any:
        results.append(answer(z))
        return results[-1]

    said = _compare_one_hot(recorded)
    for found in results:
        if isinstance(found, Sequence) and not isinstance(found, str) and len(found) == 2:
            kind = getattr(getattr(found[0], "dtype", None), "kind", "")
            if kind in ("O", "U", "S"):
                return (
                    f"the array of one-hot vectors has {'objects' if kind == 'O' else 'strings'}: "
                    "turn them into numbers, as .astype(float) does"
                )
    return said


_compare_one_hot = compared(
    lambda z: (_one_hot(z), z > 0),
    _padded,
    {
        "the columns are in the order C, H, N, O, F; expected: H, C, N, O, F": (
            lambda z: (_one_hot(z, (6, 1, 7, 8, 9)), z > 0)
        ),
        "a slot of padding was counted as hydrogen: its row must be all zeros": (_padding_as(0)),
        "a slot of padding was counted as fluorine, since column -1 is the last: its row "
        "must be all zeros": _padding_as(-1),
        "the mask is the other way round: True stands for a real atom": (
            lambda z: (_one_hot(z), z == 0)
        ),
        "the mask leaves out hydrogen: it is a real atom, too": (lambda z: (_one_hot(z), z > 1)),
        "the mask says True everywhere: slots with atomic number 0 hold no atom": (
            lambda z: (_one_hot(z), z >= 0)
        ),
        "the columns are in the order of the alphabet; expected: H, C, N, O, F": (
            lambda z: (_one_hot(z, (6, 9, 1, 7, 8)), z > 0)
        ),
        "the columns are in the reverse order; expected: H, C, N, O, F": (
            lambda z: (_one_hot(z, ELEMENTS[::-1]), z > 0)
        ),
        "rows and columns are swapped: one row for each slot, one column for each "
        "element": lambda z: (
            _one_hot(z).T,
            z > 0,
        ),
        "these are the sixteen columns of the chapter; the exercise asks for five: H, C, "
        "N, O, F": _sixteen,
        "the columns hold atomic numbers; a one-hot vector has a 1": (
            lambda z: (_one_hot(z) * z[:, None], z > 0)
        ),
        "the padded slots are gone: keep them, as rows of zeros and False in the mask": (
            _without_padding
        ),
        "the results are swapped: return the one-hot vectors first": (
            lambda z: (z > 0, _one_hot(z))
        ),
        "np.eye(10)[z] has a column for each number from 0 to 9: keep those of H, C, N, O and F, "
        "[:, [1, 6, 7, 8, 9]]": _each(lambda z: np.eye(10)[z]),
        "the columns are those of the atomic numbers 0 to 4: np.eye(10)[z] has carbon in column 6. "
        "Take columns 1, 6, 7, 8 and 9": _each(lambda z: _one_hot(z, range(5))),
        "the columns are those of the atomic numbers 1 to 5, of which only hydrogen is one of the "
        "five elements: the columns are for 1, 6, 7, 8 and 9": _each(
            lambda z: _one_hot(z, range(1, 6))
        ),
        "all elements from carbon on fell into the last column, as np.clip does: z - 1 is no "
        "column, since the elements are 1, 6, 7, 8 and 9": _each(
            lambda z: (
                _one_hot(z, (1, 0, 0, 0, 0)) * (z > 0)[:, None] + (z > 1)[:, None] * np.eye(5)[4]
            )
        ),
        "there are columns only for elements that this molecule has: all molecules need the same "
        "five": _each(lambda z: _one_hot(z, np.unique(z[z > 0]).tolist())),
        **{
            f"the column of {name} is always zero": _without(element)
            for name, element in (
                ("fluorine", 9),
                ("hydrogen", 1),
                ("carbon", 6),
                ("nitrogen", 7),
                ("oxygen", 8),
            )
        },
        "all slots share one row: [[0] * 5] * n is one list, n times. Make a new one for each, or "
        "use np.zeros((n, 5))": _each(_row_of_rows),
        "the mask takes two slots of padding for granted, as in the example: look where the atomic "
        "number is 0": lambda z: (_one_hot(z), np.arange(len(z)) < len(z) - 2),
        "the mask says which of the elements there are: it needs True or False for each slot": (
            lambda z: (_one_hot(z), _one_hot(z).any(axis=0))
        ),
        "these are the places of the atoms; a mask is True or False for each slot": (
            lambda z: (_one_hot(z), np.flatnonzero(z > 0))
        ),
        "where nothing is padding, the mask goes wrong: np.argmin finds the smallest number, and "
        "without a 0 that is a real atom": (
            lambda z: (_one_hot(z), np.arange(len(z)) < np.argmin(z))
        ),
    },
    parts=("the one-hot vectors", "the mask"),
)


# 2.5

_PARTS = ("train", "valid", "test")


def _judge_split(answer: Answer) -> str | None:
    for n, n_valid, n_test in ((1000, 100, 50), (12, 3, 2), (20, 4, 0), (20, 0, 4), (6, 0, 0)):
        found = answer(n, n_valid, n_test, 0)
        problem = _form_of_parts(found)
        if problem is None:
            parts = [np.asarray(as_numbers(part)).astype(int) for part in found]
            wanted = [n - n_valid - n_test, n_valid, n_test]
            problem = _zero_of_parts(parts, wanted) or _defect_of_parts(parts, wanted)
        if problem:
            return f"for {n:,} molecules, {n_valid} and {n_test} of them set apart: {problem}"
    return _draw_of_parts(answer)


def _zero_of_parts(parts: list[np.ndarray], wanted: list[int]) -> str | None:
    """Recognise slices that count from the end, where nothing is to be cut off."""
    if any(size == 0 < len(part) for part, size in zip(parts[1:], wanted[1:], strict=True)) or (
        wanted[1:] == [0, 0] and not len(parts[0])
    ):
        return (
            "a part of no molecules must be empty. Does a slice count from the end, as order[-n:] "
            "does? With n = 0 that is everything, and order[:-n] is nothing: count from the front"
        )
    return None


def _form_of_parts(found: object) -> str | None:
    if found is None:
        return "it returns None: is a `return` missing?"
    if isinstance(found, str) or not isinstance(found, Sequence) or len(found) != 3:
        return f"it returns {describe(found)}, expected three arrays: return train, valid, test"
    for name, part in zip(_PARTS, found, strict=True):
        numbers = as_numbers(part)
        if numbers is None or numbers.ndim != 1:
            return f"{name} is {describe(part)}, expected an array of rows, of shape (molecules,)"
        if numbers.dtype.kind == "b":
            return (
                f"{name} is a mask of True and False; give the rows themselves, as "
                "np.flatnonzero(mask) does"
            )
        if not np.isfinite(numbers).all() or (numbers != np.round(numbers)).any():
            return f"{name} has numbers that are not whole, but a row is a whole number"
        if numbers.dtype.kind == "f" and numbers.size:
            return f"{name} has numbers of type {numbers.dtype}: rows must be integers"
    return None


def _defect_of_parts(parts: list[np.ndarray], wanted: list[int]) -> str | None:
    sizes, n = [len(part) for part in parts], sum(wanted)
    everything = np.concatenate(parts)
    if everything.size and everything.max() == n and everything.min() == 1:
        return f"these rows run from 1 to {n:,}; rows count from 0, so row {n:,} does not exist"
    if everything.size and (everything.min() < 0 or everything.max() >= n):
        bad = everything[(everything < 0) | (everything >= n)][0]
        return f"there is no row {bad}: rows run from 0 to {n - 1}"
    for name, part in zip(_PARTS, parts, strict=True):
        if repeated := int(np.sum(np.unique(part, return_counts=True)[1] > 1)):
            rows = "1 row appears" if repeated == 1 else f"{repeated} rows appear"
            return f"{rows} in {name} more than once: draw without replacement, as permutations do"
    for i, j in ((0, 2), (0, 1), (1, 2)):
        common = len(np.intersect1d(parts[i], parts[j]))
        if common:
            return (
                f"{common} molecule{'s are' if common > 1 else ' is'} in {_PARTS[i]} and in "
                f"{_PARTS[j]}: draw one permutation, and cut it"
            )
    if sizes != wanted and sorted(sizes) == sorted(wanted):
        return "the parts are right, their order is not: return train, valid, test"
    if sizes[1:] != wanted[1:]:
        return (
            f"valid and test have {sizes[1]} and {sizes[2]} molecules, expected {wanted[1]} and "
            f"{wanted[2]}"
        )
    if sizes[0] != wanted[0]:
        return (
            f"train has {sizes[0]} molecules, expected {wanted[0]}: it gets all that the other two "
            "leave"
        )
    return None


def _draw_of_parts(answer: Answer) -> str | None:
    """Judge how parts that are separate and complete were drawn."""
    draws = []
    seeds = (0, 0, 1, 2, 17, 42)
    for seed in seeds:
        found = answer(1000, 100, 50, seed)
        problem = _form_of_parts(found)
        if problem:
            return f"for 1,000 molecules and seed {seed}: {problem}"
        draws.append([np.asarray(as_numbers(part)).astype(int) for part in found])
    first, again = draws[:2]
    for part, name in zip(first[1:], _PARTS[1:], strict=True):
        neighbours = np.isin(part + 1, part).sum()  # rows whose next row is in this part, too
        if neighbours > len(part) / 2:
            where = f"rows {part.min()} to {part.max()}"
            if part.max() - part.min() + 1 == len(part):
                what = f"{name} was cut out in one piece, from {where}"
            elif part.max() - part.min() < 500:
                what = f"{name} comes from {where} alone"
            else:
                what = f"most rows of {name} are neighbours"
            return f"{what}. QM9 is sorted by size: shuffle all rows first"
        # The mean of k rows, drawn from n without putting back, scatters by this.
        sigma = np.sqrt(1001 * (1000 - len(part)) / (12 * len(part)))
        if abs(part.mean() - 499.5) > 5 * sigma:
            return (
                f"{name} comes from one side: the mean of its rows is {part.mean():.0f}, and that "
                "of all 1,000 is 500. Draw from all rows"
            )
    if any(not np.array_equal(a, b) for a, b in zip(first, again, strict=True)):
        return (
            "called twice with the same seed it gives two different splits: start the random "
            "numbers from `seed`, inside the function"
        )
    for (s, one), (t, other) in combinations(zip(seeds[1:], draws[1:], strict=True), 2):
        equal = [
            name
            for name, a, b in zip(_PARTS, one, other, strict=True)
            if np.array_equal(np.sort(a), np.sort(b))
        ]
        if len(equal) == 3:
            return (
                f"seeds {s} and {t} give the same split: use the argument `seed`, as it is, for "
                "the random numbers"
            )
        if equal:
            return f"seeds {s} and {t} give the same {equal[0]}: all parts must depend on the seed"
    return None


# 2.6


def _labels() -> list[Case]:
    # Two sets that differ much, so that it shows which of them gave mean and deviation.
    sample = _sample()
    small, large = sample[:1500:4], sample[1500:]
    return [
        Case(f"{name} of 375 small and 500 large molecules", (small.target(*x), large.target(*x)))
        for name, x in {"the enthalpy (eV)": ("H", "eV"), "the heat capacity": ("Cv",)}.items()
    ]


def _scaled(train: Any, test: Any, of: Any = None, of_test: Any = None) -> tuple[Any, Any]:
    one = train if of is None else of
    two = one if of_test is None else of_test
    return (train - one.mean()) / one.std(), (test - two.mean()) / two.std()


def _wrong_length(train: Any, test: Any) -> tuple[Any, Any]:
    mean = train.sum() / len(test)
    std = np.sqrt(np.sum((train - mean) ** 2) / len(test))
    return (train - mean) / std, (test - mean) / std


def _whole_labels() -> list[Case]:
    sample = _sample()
    return [Case("labels that are whole numbers", (sample[:1500].n_atoms, sample[1500:].n_atoms))]


def _changed(change: Callable[[Any, Any], Any]) -> Answer:
    """Return a way that does something else with labels y and training labels t."""
    return lambda train, test: (change(train, train), change(test, train))


def _judge_standardise(answer: Answer) -> str | None:
    for case in _labels():
        given = [labels.copy() for labels in case.arguments]
        found = answer(*given)
        if isinstance(found, tuple | list) and len(found) == 4:
            return (
                "it returns four results; return two, the standardised labels of training and "
                "test, without mean and standard deviation"
            )
        if any(not np.array_equal(a, b) for a, b in zip(given, case.arguments, strict=True)):
            return (
                "it changes the labels that it was given, so that they are lost to whoever called "
                "it: write y = train - mean, which makes a new array, and not train -= mean"
            )
    return _compare_standardised(answer)


def _mixed() -> dict[str, Answer]:
    """Return mistakes in one result or in both: whose mean, and whose standard deviation."""
    sources: dict[str, Callable[[Any, Any], Any]] = {
        "the training set": lambda train, test: train,
        "the test set": lambda train, test: test,
        "all labels together": lambda train, test: np.concatenate([train, test]),
        "": lambda train, test: None,
    }

    def answer_of(places: tuple[int, ...], mean: str, std: str) -> Answer:
        def scale(train: Any, test: Any) -> tuple[Any, Any]:
            results = list(_scaled(train, test))
            low, wide = sources[mean](train, test), sources[std](train, test)
            for place in places:
                y = (train, test)[place]
                y = y if low is None else y - low.mean()
                results[place] = y if wide is None else y / wide.std()
            return results[0], results[1]

        return scale

    mistakes = {}
    places_of = {"both results": (0, 1), "the training labels": (0,), "the test labels": (1,)}
    for what, places in places_of.items():
        for mean in sources:
            for std in sources:
                first = f"the mean is that of {mean}" if mean else "no mean was subtracted"
                second = (
                    f"the standard deviation is that of {std}"
                    if std
                    else "nothing was divided by the standard deviation"
                )
                mistakes[
                    f"in {what} {first}, and {second}; both must be those of the training set"
                ] = answer_of(places, mean, std)
    return mistakes


_compare_standardised = compared(
    _scaled,
    _labels,
    {
        "the test labels were scaled by their own mean and standard deviation: then the same "
        "energy becomes one number in training and a different one in the test": (
            lambda train, test: _scaled(train, test, of_test=test)
        ),
        "mean and standard deviation come from all labels together: those of the test set must not "
        "be used": lambda train, test: _scaled(train, test, of=np.concatenate([train, test])),
        "mean and standard deviation come from the test set; they must come from the training "
        "set": lambda train, test: _scaled(train, test, of=test),
        "the test labels came back as they were: scale them, too. Or were mean and standard "
        "deviation computed after train had been standardised? They are 0 and 1 by then": (
            lambda train, test: (_scaled(train, test)[0], test)
        ),
        "the mean is subtracted, and the division by the standard deviation is missing": _changed(
            lambda y, t: y - t.mean()
        ),
        "this was divided by the variance: its square root, the standard deviation, has the unit "
        "of the labels": _changed(lambda y, t: (y - t.mean()) / t.var()),
        "this was multiplied by the standard deviation: divide by it": _changed(
            lambda y, t: (y - t.mean()) * t.std()
        ),
        "the mean is missing: subtract it first": _changed(lambda y, t: y / t.std()),
        "brackets are missing: subtract the mean before you divide": _changed(
            lambda y, t: y - t.mean() / t.std()
        ),
        "this was divided by the mean: divide by the standard deviation": _changed(
            lambda y, t: (y - t.mean()) / t.mean()
        ),
        "the training labels now run from 0 to 1: that is another kind of scaling, which one "
        "extreme molecule can spoil. Use mean and standard deviation": _changed(
            lambda y, t: (y - t.min()) / (t.max() - t.min())
        ),
        "the results are swapped: return those of the training set first": (
            lambda train, test: _scaled(train, test)[::-1]
        ),
        "the mean was added: subtract it": _changed(lambda y, t: (y + t.mean()) / t.std()),
        "this was divided by the root of the sum of squares: the standard deviation is the root of "
        "their mean": _changed(lambda y, t: (y - t.mean()) / (t.std() * np.sqrt(len(t)))),
        "this was divided by the standard error of the mean, which is the standard deviation "
        "divided by the root of n": _changed(
            lambda y, t: (y - t.mean()) / (t.std() / np.sqrt(len(t)))
        ),
        "this was divided by the root of the mean square, the spread around 0; the standard "
        "deviation is the spread around the mean": _changed(
            lambda y, t: (y - t.mean()) / np.sqrt(np.mean(t**2))
        ),
        "this was divided by the mean absolute deviation; the standard deviation is the root of "
        "the mean square": _changed(lambda y, t: (y - t.mean()) / np.mean(np.abs(t - t.mean()))),
        "the median was subtracted: take the mean": _changed(
            lambda y, t: (y - np.median(t)) / t.std()
        ),
        "the sum of squares was divided by n - 2: n or n - 1 is right": _changed(
            lambda y, t: (y - t.mean()) / t.std(ddof=2)
        ),
        "results beyond 3 standard deviations were cut off: keep them": _changed(
            lambda y, t: np.clip((y - t.mean()) / t.std(), -3, 3)
        ),
        "the sums of the training set were divided by the number of test labels": _wrong_length,
        **_mixed(),
    },
    whole=_whole_labels,
    parts=("the training labels", "the test labels"),
    rtol=2e-3,  # NumPy divides by n, others by n - 1: both are right
    atol=2e-3,
)


# 2.7


def _judge_sizes(answer: Answer) -> str | None:
    sample = _sample()
    tried = {
        "the sample": sample.n_atoms,
        "the first 500 molecules of the sample": sample[:500].n_atoms,
        "every second of the first 1,400 molecules of the sample": sample[:1400:2].n_atoms,
    }
    for text, n_atoms in tried.items():
        found = answer(n_atoms.copy())
        if isinstance(found, set | frozenset):
            found = list(found)
        problem = _form_of_sizes(found, n_atoms)
        if problem:
            return f"for {text} {problem}"
        sizes = np.sort(np.asarray(as_numbers(found)).astype(int))
        waste = _waste(sizes, n_atoms)
        if waste >= MAX_WASTE:
            note = ""
            twice = sizes[1:][sizes[1:] == sizes[:-1]]
            if len(twice):
                note = f". {twice[0]} is there twice, which helps nobody: choose another size"
            elif text != "the sample" and _waste(sizes, sample.n_atoms) < MAX_WASTE:
                note = ", but they would be fine for the sample: compute the sizes from n_atoms"
            elif text != "the sample":
                note = ". Compute the sizes from n_atoms, with no number that fits one set alone"
            names = ", ".join(map(str, sizes))
            leave = f"the size {names} leaves" if len(sizes) == 1 else f"the sizes {names} leave"
            return (
                f"for {text} {leave} {100 * waste:.1f} % of the slots empty; the exercise asks for "
                f"less than {100 * MAX_WASTE:.0f} %{note}"
            )
    return None


def _waste(sizes: np.ndarray, n_atoms: np.ndarray) -> float:
    """Return the share of empty slots; 1 if a molecule fits nowhere."""
    if sizes[-1] < n_atoms.max():
        return 1.0
    return float(1 - n_atoms.sum() / sizes[np.searchsorted(sizes, n_atoms)].sum())


def _form_of_sizes(found: object, n_atoms: np.ndarray) -> str | None:
    if found is None:
        return "it returns None: is a `return` missing?"
    numbers = as_numbers(found)
    if numbers is not None and numbers.ndim == 0 and numbers.dtype.kind in "iuf":
        size = describe(numbers)
        return f"it returns the number {size}; a list of sizes is expected, such as [{size}]"
    if numbers is None or numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "iuf":
        return f"it returns {describe(found)}, expected a list of at most {MAX_SIZES} sizes"
    if len(numbers) == len(n_atoms):
        return (
            "it returns one number for each molecule; return the sizes themselves, at most "
            f"{MAX_SIZES}"
        )
    if not np.isfinite(numbers).all() or (numbers != np.round(numbers)).any():
        return f"a size is a number of slots, so a whole number; it returns {describe(numbers)}"
    if len(numbers) > MAX_SIZES:
        return (
            f"it returns {len(numbers)} sizes; a program is compiled for each, and at most "
            f"{MAX_SIZES} are allowed"
        )
    if numbers.max() < n_atoms.max():
        return (
            f"the largest size is {describe(numbers.max())}, and the largest molecule has "
            f"{n_atoms.max()} atoms: it fits nowhere"
        )
    if numbers.min() < 1 or numbers.max() > 10_000:
        return f"it returns {describe(numbers)}, which cannot all be numbers of atoms"
    return None


EXERCISES = (
    Exercise(
        "2.1",
        "Read a record",
        "read_positions",
        _judge_positions,
        (
            "record.splitlines() gives the lines. In which of them are the atoms, counted from 0?",
            "n = int(lines[0]); the atoms are lines[2 : 2 + n], and words 1 to 3 of "
            "line.split() are x, y, z.",
            'Start with lines = record.replace("*^", "e").splitlines(). At the end, '
            "np.array([[float(word) for word in line.split()[1:4]] for line in lines[2 : 2 + n]]).",
        ),
        "a reader that knows the odd spelling reads all 130,831 molecules; one that guesses puts "
        "atoms where there are none",
        explain=_explain_reading,
    ),
    Exercise(
        "2.2",
        "One molecule out of flat arrays",
        "atoms_of",
        _judge_atoms,
        (
            "Two steps: in which row is the molecule? And which atoms belong to that row?",
            "np.flatnonzero(index == number) is an array with the row in it: take its item [0].",
            "atoms = slice(offsets[row], offsets[row + 1]); return atomic_numbers[atoms], "
            "positions[atoms].",
        ),
        "long arrays with offsets are quick to read, and two look-ups find any molecule",
        explain=_explain_row,
    ),
    Exercise(
        "2.3",
        "Spot a leak",
        "leaked",
        _judge_leak,
        (
            "What names a molecule, wherever it is: its row, its formula, or its number?",
            "train.index and test.index hold the numbers. Python's sets have an operator for "
            "what is in both.",
            "return set(train.index.tolist()) & set(test.index.tolist())",
        ),
        "one line, worth an assert in every project: a leak makes a model look better than it is",
    ),
    Exercise(
        "2.4",
        "One-hot and mask",
        "one_hot_and_mask",
        _judge_one_hot,
        (
            "Compare each slot with each of the five elements: 5 answers for each slot.",
            "Shape (slots, 1) compared with shape (5,) gives shape (slots, 5).",
            "atomic_numbers[:, None] == np.array([1, 6, 7, 8, 9]) is True where there should be a "
            "1; the mask is atomic_numbers > 0.",
        ),
        "the sum of the rows counts the elements, and padding adds nothing to it",
        explain=_explain_padding,
    ),
    Exercise(
        "2.5",
        "A split that cannot overlap",
        "three_parts",
        _judge_split,
        (
            "Deal out a pack of cards: shuffle once, then cut. No card can be in two hands.",
            "np.random.default_rng(seed).permutation(n_molecules) is all rows, shuffled.",
            "Three slices: order[n_valid + n_test :], order[:n_valid] and "
            "order[n_valid : n_valid + n_test].",
        ),
        "one permutation from a fixed seed: nothing in two parts, nothing lost, and others get the "
        "same split",
    ),
    Exercise(
        "2.6",
        "Standardise with the training set alone",
        "standardise",
        _judge_standardise,
        (
            "Which labels does a model know before the test? Mean and deviation come from these.",
            "Compute both numbers once, before anything is changed, and use them twice.",
            "mean, std = train.mean(), train.std(); return (train - mean) / std and the same "
            "for test.",
        ),
        "the test set has neither mean 0 nor deviation 1, and it need not: it is measured with the "
        "ruler of the training set",
    ),
    Exercise(
        "2.7",
        "Padding that wastes little",
        "padded_sizes",
        _judge_sizes,
        (
            "The largest size is given: the largest molecule has to fit. Which three others? "
            "Quartiles come close, but waste a little too much.",
            "There are fewer than 3,000 ways to choose three sizes below the largest: "
            "itertools.combinations lists them, and a computer tries all of them in a second.",
            "For sizes in an increasing array: padded = sizes[np.searchsorted(sizes, n_atoms)], "
            "and the waste is 1 - n_atoms.sum() / padded.sum(). Keep the best of all.",
        ),
        "four programs to compile, and little wasted work: the sizes lie close together where "
        "there are many molecules",
    ),
)
