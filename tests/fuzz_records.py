"""Fuzz ``qm9lib.data.records``: a mutated record is refused with a RecordError, or read exactly.

    python -m pip install atheris
    python tests/fuzz_records.py --runs 1000000 --seed 1

Atheris (libFuzzer) chooses the inputs by the branches they reach in the reader and in the plain
reader below. The mutations know lines, fields and numbers, so that many inputs are records. The
first violation ends the run with exit code 1; its input is saved in ``_build/``.

Without atheris the module can be imported: ``test_fuzz_records.py`` shares ``check_input``.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from qm9lib.data import records
from qm9lib.data.records import Record, format_record, parse_record, split_record
from qm9lib.errors import RecordError

ROOT = Path(__file__).parents[1]
MESSAGE = re.compile(r"record, line (\d+), column (\d+): found (.+), expected (.+)")
SURE = 12
"""Numbers of so many significant digits are always read; those of more than 15 never."""


class Violation(AssertionError):
    """The reader did something else than it promises."""


# The oracle: a second reader, without regular expressions and without float(text).


def spell(digits: str, place: int, sign: str = "") -> str:
    """Spell 0.d1 d2 d3... times 10**(place + 1) as the files do; no digits: zero."""
    digits = digits.rstrip("0")
    if not digits:
        return f"{sign}0."
    if -5 <= place < 0:
        return f"{sign}0.{'0' * (-place - 1)}{digits}"
    if 0 <= place <= 5:
        padded = digits.ljust(place + 1, "0")
        return f"{sign}{padded[: place + 1]}.{padded[place + 1 :]}"
    return f"{sign}{digits[0]}.{digits[1:]}*^{place}"


def read_whole(word: str, largest: int) -> int | None:
    """Read a whole number from 1."""
    if not (word.isascii() and word.isdigit()) or word[0] == "0" or len(word) > 6:
        return None
    return int(word) if int(word) <= largest else None


def read_real(word: str) -> tuple[float, int] | None:
    """Return the value and the number of significant digits."""
    sign = "-" if word.startswith("-") else ""
    mantissa, star, power = word.removeprefix("-").partition("*^")
    whole, point, fraction = mantissa.partition(".")
    digits = whole + fraction
    if not (point and whole and digits.isascii() and digits.isdigit()):
        return None
    exponent = 0
    if star:
        size = read_whole(power.removeprefix("-"), 99)
        if size is None:
            return None
        exponent = -size if power.startswith("-") else size
    significant = digits.lstrip("0")
    place = len(whole) - 1 - (len(digits) - len(significant)) + exponent
    significant = significant.rstrip("0")
    if word != spell(significant, place, sign) or abs(place) > 99 or len(significant) > 15:
        return None
    # Whole numbers and one division: correctly rounded.
    scale = place + 1 - len(significant)
    number = int(significant or "0")
    value = float(number * 10**scale) if scale >= 0 else number / 10**-scale
    return (-value if sign else value), len(significant)


def read_property(word: str) -> tuple[int | float, int] | None:
    """Read what `read_real` reads, or a whole number: an int."""
    whole = 0 if word == "0" else read_whole(word.removeprefix("-"), 999_999)
    if whole is None:
        return read_real(word)
    return (-whole if word.startswith("-") else whole), 1


def read_padded(word: str) -> tuple[float, int] | None:
    """Read a number that starts with a space if it has no minus sign."""
    if word.startswith(" ") and not word.startswith(" -"):
        return read_real(word[1:])
    return read_real(word) if word.startswith("-") else None


def is_name(word: str) -> bool:
    return word != "" and all("!" <= character <= "~" for character in word)


def read_plainly(text: str) -> tuple[Record, bool] | None:
    """Return what a text says, and whether it has to be accepted; None if it is no record."""
    lines = text.split("\n")
    line_end = lines[-1] == ""
    if line_end:
        lines.pop()
    n = read_whole(lines[0], 999) if lines else None
    if n is None or len(lines) != n + 5:
        return None
    cells = [line.split("\t") for line in lines]

    head, atoms, frequencies, smiles, inchi = cells[1], cells[2 : n + 2], *cells[n + 2 :]
    index = read_whole(head[0].removeprefix("gdb "), 999_999)
    if not head[0].startswith("gdb ") or index is None or len(head) != 17 or head[16]:
        return None
    if any(len(atom) != 5 or atom[0] not in [*"HCNOF"] for atom in atoms):
        return None
    if len(frequencies) not in {k * (3 * n - m) for k in (1, 2) for m in (5, 6)}:
        return None
    if len(smiles) != 3 or smiles[2] or not all(map(is_name, smiles[:2])):
        return None
    if len(inchi) != 2 or not all(name[:6] == "InChI=" and is_name(name[6:]) for name in inchi):
        return None

    longest = 0

    def numbers(read: Callable, words: list[str]) -> list:
        nonlocal longest
        values = []
        for word in words:
            pair = read(word)
            if pair is None:
                raise ValueError
            values.append(pair[0])
            longest = max(longest, pair[1])
        return values

    try:
        properties = numbers(read_property, head[1:16])
        table = [numbers(read_padded, atom[1:]) for atom in atoms]
        vibrations = numbers(read_real, frequencies)
    except ValueError:
        return None
    record = Record(
        index=index,
        properties=tuple(properties),
        symbols=tuple(atom[0] for atom in atoms),
        positions=tuple((x, y, z) for x, y, z, _ in table),
        charges=tuple(row[3] for row in table),
        frequencies=tuple(vibrations),
        smiles=(smiles[0], smiles[1]),
        inchi=(inchi[0], inchi[1]),
        line_end=line_end,
    )
    return record, longest <= SURE


def place(message: str) -> tuple[int, int]:
    """Return the line and the column that an error names."""
    match = MESSAGE.fullmatch(message)
    if match is None:
        raise Violation(f"a message of another form: {message!r}")
    return int(match[1]), int(match[2])


def check_place(text: str, message: str) -> None:
    """Check that an error points at what it says it found."""
    number, column = place(message)
    found = message.split(": found ", 1)[1]
    lines = text.removesuffix("\n").split("\n")
    line = lines[number - 1] if 1 <= number <= len(lines) else None
    rest = None if line is None or not 1 <= column <= len(line) + 1 else line[column - 1 :]
    if found.startswith("the end of the file, "):
        true = number == len(lines) + 1 and column == 1
    elif rest is None:
        true = False
    elif found.startswith("the end of the line, "):
        true = rest == ""
    elif found.startswith("a tab, "):
        true = rest.startswith("\t")
    elif found.startswith("nothing, "):
        true = rest.split("\t")[0] == ""
    elif found.startswith("another line, "):
        true = column == 1 and number > 6
    elif match := re.match(r"(\d+) frequencies, ", found):
        true = column == 1 and rest.count("\t") + 1 == int(match[1])
    else:
        word = rest.split("\t")[0]
        shown = repr(word if len(word) <= 40 else f"{word[:40]}...")
        true = word != "" and found.startswith(f"{shown}, expected ")
    if not true:
        raise Violation(f"nothing like it is at this place: {message!r}")


def check(text: str | bytes) -> bool:
    """Read a text and return whether it was accepted.

    Raises
    ------
    Violation
        If an exception is no RecordError or does not say where and what, a value is not exactly
        the one that is written, or the record is not written as it was.
    """
    shown = text if isinstance(text, str) else text.decode("latin-1")
    plain = read_plainly(shown)
    try:
        record = parse_record(text)
    except RecordError as error:
        check_place(shown, str(error))
        if plain is not None and plain[1]:
            raise Violation(f"a record is refused: {error}") from error
        return False
    except Exception as error:
        raise Violation(f"not a RecordError: {error!r}") from error
    if plain is None:
        raise Violation("accepted, but no record")
    if repr(record) != repr(plain[0]):  # tells 0, 0. and -0. apart
        raise Violation(f"wrong values: {record}, not {plain[0]}")
    try:
        written = format_record(record)
        parts = split_record(text)
    except Exception as error:
        raise Violation(f"read, but not written or not split: {error!r}") from error
    if written != shown:
        raise Violation(f"written differently: {written!r}")
    joined = (
        f"{parts.n_atoms}\ngdb {parts.number}\t{parts.properties}\n{parts.atoms}"
        f"{parts.frequencies}\n{parts.smiles[0]}\t{parts.smiles[1]}\t\n"
        f"{parts.inchi[0]}\t{parts.inchi[1]}" + "\n" * parts.line_end
    )
    if joined != shown:
        raise Violation(f"split differently: {parts}")
    return True


def check_input(data: bytes) -> bool:
    """Check bytes, and the same as text: as Latin-1 of one byte each, and as UTF-8."""
    text = data.decode("utf-8", "surrogateescape")
    if data.isascii():
        return check(data if len(data) % 2 else text)
    if check(data) or check(text):
        raise Violation("accepted, but not ASCII")
    return False


# The mutations. A text of Latin-1 stands for the bytes.


def _utf8(text: str) -> str:
    return text.encode().decode("latin-1")


NEIGHBOURS = [
    *("", " ", "0", "-0", "0.", "-0.", " 0.", " -0.", "--0.", "+0.", "0.0", "00.", ".0", ".5"),
    *(
        "1",
        "1.",
        "-1.",
        " 1.",
        "  1.",
        "1.0",
        "1.00",
        "00.1",
        "01.",
        "1.50",
        "-1.50",
        "1,5",
        "1_0.",
    ),
    *(
        "1e-5",
        "1.e-6",
        "1.E-6",
        "1E6",
        "1*^-6",
        "1.*^-6",
        "1.5*^-6",
        "1.50*^-6",
        "10.*^-6",
        "0.*^6",
    ),
    *("1.*^-5", "1.*^5", "1.*^+6", "1.*^6", "1.*^06", "1.*^-06", "1.*^-0", "1.*^", "*^6", "1.*6"),
    *(
        "1.*^10",
        "1.*^-59",
        "1.*^60",
        "1.*^-99",
        "1.*^99",
        "1.*^100",
        "1.*^-323",
        "1.*^400",
        "1.^-6",
    ),
    *("nan", "-nan", "NaN", "inf", "-inf", "Infinity", "0x1p3", "1j", "None", "-", ".", "1.2.3"),
    *("0.00001", "0.000001", "0.000012", "999999.", "1000000.", "999999.999999999", "1234567."),
    *("0.12345678901234", "0.123456789012345", "1.23456789012345", "1.234567890123456"),
    *("123456.123456789", "123456.1234567891", "99.9999999999999", "99.99999999999999"),
    *("9" * 40 + ".", "0." + "1" * 400, "1" * 5000, "0" * 5000 + ".", "0." + "0" * 5000),
    *(
        "999999",
        "1000000",
        "-999999",
        "007",
        "1.7976931348623157*^308",
        "0.1\r",
        "1.\x00",
        "1.\x0b",
    ),
    *map(
        _utf8, ("\u0661.\u0665", "\uff11.", "\u22121.", "1.\u00b2", "\u00a01.", "1\u2028.", "1.٥")
    ),
    *(
        "C",
        "H",
        "Cl",
        "c",
        "gdb 1",
        "gdb 0",
        "gdb  1",
        "gdb\x0b1",
        "InChI=",
        "InChI=1",
        "InChi=1S/C",
    ),
]


def _spot(items: list, random: Random) -> int:
    return random.randrange(len(items)) if items else 0


def _cells(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.split("\n")]


def _text(cells: list[list[str]]) -> str:
    return "\n".join("\t".join(words) for words in cells)


def _new_number(padded: bool, random: Random) -> str:
    """Return a number in the spelling of the files."""
    digits = "".join(random.choice("0123456789") for _ in range(random.randrange(SURE)))
    place = random.choice([-12, -7, -6, -5, -4, -3, -2, -1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 59, -99])
    word = spell(random.choice("123456789") + digits, place)
    return random.choice(["-", " "] if padded else ["-", ""]) + word


def _is_number(word: str) -> bool:
    return "." in word and "/" not in word


def renumber(text: str, random: Random) -> str:
    cells = _cells(text)
    places = [
        (i, j) for i, row in enumerate(cells) for j, word in enumerate(row) if _is_number(word)
    ]
    if places:
        for i, j in (random.choice(places) for _ in range(random.randrange(1, 5))):
            cells[i][j] = _new_number(len(cells[i]) == 5, random)
    return _text(cells)


def negate(text: str, random: Random) -> str:
    cells = _cells(text)
    row = cells[_spot(cells, random)]
    for j in range(len(row)):
        if _is_number(row[j]):
            padding = " " if len(row) == 5 else ""
            row[j] = padding + row[j][1:] if row[j][0] == "-" else f"-{row[j].lstrip(' ')}"
    return _text(cells)


def swap_atoms(text: str, random: Random) -> str:
    lines = text.split("\n")
    atoms = [i for i, line in enumerate(lines) if line[1:2] == "\t" and line.count("\t") == 4]
    if atoms:
        i, j = random.choice(atoms), random.choice(atoms)
        lines[i], lines[j] = lines[j], lines[i]
    return "\n".join(lines)


def repeat_atom(text: str, random: Random) -> str:
    """Double an atom, and put the count and the frequencies right."""
    cells = _cells(text)
    n = len(cells) - 5 - (cells[-1] == [""])
    if n >= 2 and len(cells[n + 2]) >= 3:
        cells.insert(2 + random.randrange(n), cells[2 + random.randrange(n)])
        cells[n + 3] = cells[n + 3] + cells[n + 3][:3]
        cells[0] = [str(n + 1)]
    return _text(cells)


def double_frequencies(text: str, random: Random) -> str:
    cells = _cells(text)
    row = cells[max(0, len(cells) - 3 - (cells[-1] == [""]))]
    row[:] = row + row if random.randrange(2) else row[: len(row) // 2]
    return _text(cells)


def toggle_line_end(text: str, random: Random) -> str:
    return text[:-1] if text.endswith("\n") else f"{text}\n"


def rename(text: str, random: Random) -> str:
    """Put a printable character into SMILES or InChI."""
    lines = text.removesuffix("\n").split("\n")
    number = max(0, len(lines) - 1 - random.randrange(2))
    line = lines[number]
    at = random.randrange(6, len(line)) if len(line) > 6 else 0
    lines[number] = line[:at] + chr(random.randrange(33, 127)) + line[at:]
    return "\n".join(lines) + "\n" * text.endswith("\n")


def reindex(text: str, random: Random) -> str:
    return re.sub(r"gdb \d+", f"gdb {random.choice([1, 9, 10, 133885, 999999])}", text, count=1)


def whole_property(text: str, random: Random) -> str:
    cells = _cells(text)
    if len(cells) > 1 and len(cells[1]) > 2:
        at = random.randrange(1, len(cells[1]) - 1)
        cells[1][at] = random.choice(["0", "1", "-7", "150", "-123456", "999999"])
    return _text(cells)


def flip_bit(text: str, random: Random) -> str:
    at = _spot(list(text), random)
    return (
        text[:at]
        + "".join(chr(ord(c) ^ 1 << random.randrange(8)) for c in text[at : at + 1])
        + (text[at + 1 :])
    )


def insert(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    byte = random.choice(
        ["\t", "\n", "\r", " ", "0", "1", ".", "-", "*^", "\x00", "\x7f", "\xa0", "\xff"]
    )
    return text[:at] + byte + text[at:]


def delete(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + text[at + random.choice([1, 1, 1, 2, 5, 20]) :]


def repeat(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    part = text[at : at + random.choice([1, 2, 8, 30])]
    return text[:at] + part * random.choice([2, 2, 3, 50]) + text[at + len(part) :]


def swap_bytes(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + text[at : at + 2][::-1] + text[at + 2 :]


def change_digit(text: str, random: Random) -> str:
    at = [i for i, character in enumerate(text) if character in "0123456789"]
    if not at:
        return text
    i = random.choice(at)
    return text[:i] + random.choice(["", *"0123456789", "00", "."]) + text[i + 1 :]


def replace_field(text: str, random: Random) -> str:
    cells = _cells(text)
    row = cells[_spot(cells, random)]
    at = _spot(row, random)
    word = random.choice(NEIGHBOURS)
    row[at] = f" {word}" if row[at][:1] == " " and random.randrange(4) else word
    return _text(cells)


def move_fields(text: str, random: Random) -> str:
    cells = _cells(text)
    row = cells[_spot(cells, random)]
    i, j = _spot(row, random), _spot(row, random)
    match random.randrange(3):
        case 0:
            row[i], row[j] = row[j], row[i]
        case 1:
            del row[i]
        case 2:
            row.insert(i, row[j])
    return _text(cells)


def move_lines(text: str, random: Random) -> str:
    lines = text.split("\n")
    i, j = _spot(lines, random), _spot(lines, random)
    match random.randrange(3):
        case 0:
            lines[i], lines[j] = lines[j], lines[i]
        case 1:
            del lines[i]
        case 2:
            lines.insert(i, lines[j])
    return "\n".join(lines)


def replace_separators(text: str, random: Random) -> str:
    old, new = random.choice(
        [("\n", "\r\n"), ("\n", "\r"), ("\t", " "), ("\t", "\t\t"), ("\t", ""), ("*^", "e"),
         ("\n", "\n\n"), (" ", ""), (".", ","), ("\n", "\x0b"), ("\n", "\x85"), ("-", "- ")]
    )  # fmt: skip
    return text.replace(old, new, random.choice([1, 2, -1]))


def change_count(text: str, random: Random) -> str:
    first, _, rest = text.partition("\n")
    count = random.choice(
        ["", "0", "1", "2", "05", "+5", "999", "1000", "9" * 5000, _utf8("٥"), "5."]
    )
    if first.isdigit() and len(first) < 4 and random.randrange(2):
        count = str(int(first) + random.choice([-1, 1]))
    return f"{count}\n{rest}"


KEEPING = (
    *(renumber, renumber, renumber, negate, swap_atoms, repeat_atom, double_frequencies),
    *(toggle_line_end, rename, reindex, whole_property),
)
BREAKING = (
    *(flip_bit, insert, delete, repeat, swap_bytes, change_digit, change_digit, replace_field),
    *(replace_field, replace_field, move_fields, move_lines, replace_separators, change_count),
)


def mutate(data: bytes, random: Random, breaking: int) -> bytes:
    """Change a record so that most are still records, then so many times at random."""
    text = data.decode("latin-1")
    for _ in range(random.randrange(3 if breaking else 4)):
        text = random.choice(KEEPING)(text, random)
    for _ in range(breaking):
        text = random.choice(BREAKING)(text, random)
    return text.encode("latin-1")


def true_records() -> list[bytes]:
    """Return the records of ``tests/files``, and variants with what is rare in published ones."""
    published = [path.read_bytes() for path in sorted((ROOT / "tests/files").glob("*.xyz"))]
    variants = []
    for text in published:
        lines = text.split(b"\n")
        head, coordinates, frequencies = lines[1].split(b"\t"), lines[2].split(b"\t"), lines[-4]
        head[1] = b"0"  # as in molecules 25, 485, 14563 and 14564
        coordinates[1:4] = b" 1.2345*^-6", b"-9.*^-8", b" 0.0000123"
        lines[1], lines[2] = b"\t".join(head), b"\t".join(coordinates)
        lines[-4] = frequencies + b"\t" + frequencies
        variants.append(b"\n".join(lines))
    return published + variants


def sample_records(step: int) -> Iterator[bytes]:
    """Yield each so many'th record of the sample in qm9lib, which has 2,000.

    The sample leaves out the frequencies: they are made up.
    """
    sys.path.insert(0, str(ROOT / "tools"))
    import make_archive

    text = gzip.decompress((ROOT / "qm9lib/data/sample.csv.gz").read_bytes())
    for number, (_, record) in enumerate(make_archive.records(text)):
        if number % step == 0 or b"*^" in record:
            lines = record.split(b"\n")
            lines[-4] = b"\t".join(
                b"%d.%d" % (50 + 97 * k, 1 + k % 9) for k in range(3 * int(lines[0]) - 6)
            )
            yield b"\n".join(lines)


def main() -> None:
    """Fuzz with atheris."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=100_000, help="number of inputs")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    import atheris

    for function in (
        *(records._defect, records._numbers, records._spell, parse_record, split_record),
        *(format_record, read_plainly, read_real, read_whole, spell),
    ):
        atheris.instrument_func(function)

    pool = [*true_records(), *sample_records(10)]
    folder = tempfile.mkdtemp(prefix="fuzz-records-")
    Path("_build").mkdir(exist_ok=True)
    start = time.perf_counter()
    accepted = refused = 0
    slowest = 0.0

    def report() -> None:
        seconds = time.perf_counter() - start
        total = accepted + refused
        print(
            f"seed {arguments.seed}: {total:,} inputs, {accepted:,} accepted "
            f"({accepted / max(total, 1):.1%}), {refused:,} refused, {seconds:.1f} s "
            f"({total / seconds:,.0f}/s), the slowest {1000 * slowest:.1f} ms",
            flush=True,
        )

    def end(code: int) -> None:
        report()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(code)  # libFuzzer would end the process without a word

    def one(data: bytes) -> None:
        nonlocal accepted, refused, slowest
        before = time.process_time()  # of the processor: others may run too
        try:
            if check_input(data):
                accepted += 1
            else:
                refused += 1
        except Exception as error:
            file = Path("_build", f"fuzz-{arguments.seed}-{accepted + refused}.xyz")
            file.write_bytes(data)
            print(f"{file}: {error!r}", flush=True)
            end(1)
        slowest = max(slowest, time.process_time() - before)
        if accepted + refused >= arguments.runs:
            end(0)
        if (accepted + refused) % 100_000 == 0:
            report()

    def custom(data: bytes, max_size: int, seed: int) -> bytes:
        random = Random(seed)
        # Half from a record: what libFuzzer keeps are mostly texts refused in a new way.
        base = data if random.randrange(2) else random.choice(pool)
        if random.randrange(10) == 0:
            return atheris.Mutate(base, max_size)  # looked up here: Fuzz() replaces it
        return mutate(base, random, random.choice([0, 0, 0, 1, 1, 2]))[:max_size]

    for number, record in enumerate(pool):
        Path(folder, f"{number}.xyz").write_bytes(record)
    options = ["-max_len=16384", "-timeout=60", "-artifact_prefix=_build/", "-verbosity=0"]
    atheris.Setup(
        [sys.argv[0], f"-seed={arguments.seed}", *options, folder], one, custom_mutator=custom
    )
    print(f"{len(pool)} records to start from", flush=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
