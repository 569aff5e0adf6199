import io
import itertools
import random
import re
import statistics
from collections import Counter

import jax.numpy as jnp
import numpy as np

import qm9lib
from answers import right, stops, wrong
from qm9lib.data.records import parse_record


@right("2.1")
def read_positions(record):
    return parse_record(record).positions


@right("2.1")
def read_positions(record):
    lines = iter(record.split("\n"))
    n = int(next(lines))
    next(lines)
    positions = np.zeros((n, 3), np.float32)
    for i in range(n):
        _, *xyz, _ = next(lines).split("\t")
        positions[i] = [float(word.replace("*^", "E")) for word in xyz]
    return positions


@right("2.1")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    return np.loadtxt(lines, skiprows=2, max_rows=int(lines[0]), usecols=(1, 2, 3))


@right("2.1")
def read_positions(record):
    rows = re.findall(r"^[HCNOF]\t(.+)\t(.+)\t(.+)\t.+$", record, re.MULTILINE)
    return [[float(word.replace("*^", "e")) for word in row] for row in rows]


@wrong("2.1", "shifted by a column")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    atoms = lines[2 : 2 + int(lines[0])]
    return np.array([[float(word) for word in line.split()[2:]] for line in atoms])


@wrong("2.1", "the charge is no coordinate")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    atoms = lines[2 : 2 + int(lines[0])]
    return np.array([[float(word) for word in line.split()[1:]] for line in atoms])


@wrong("2.1", "the last atom is missing: the atoms are lines[2 : 2 + n]")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    atoms = lines[2 : 1 + int(lines[0])]
    return np.array([[float(word) for word in line.split()[1:4]] for line in atoms])


@wrong("2.1", "the first atom is missing, and the frequencies")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    atoms = lines[3 : 3 + int(lines[0])]
    return np.array([[float(word) for word in line.split()[1:4]] for line in atoms])


@wrong("2.1", "the first atom is missing: the atoms begin")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    return [[float(word) for word in line.split()[1:4]] for line in lines[3 : int(lines[0]) + 2]]


@wrong("2.1", "read as if they were one more atom")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    return [[float(word) for word in line.split()[1:4]] for line in lines[2 : int(lines[0]) + 3]]


@wrong("2.1", "five atoms whatever the molecule")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    return [[float(word) for word in line.split()[1:4]] for line in lines[2:7]]


@wrong("2.1", "the power of ten was lost")
def read_positions(record):
    lines = record.splitlines()
    atoms = [line.split() for line in lines[2 : 2 + int(lines[0])]]
    return np.array([[float(word.split("*")[0]) for word in atom[1:4]] for atom in atoms])


@wrong("2.1", "the sign of the power of ten")
def read_positions(record):
    lines = record.replace("*^-", "e").splitlines()
    atoms = [line.split() for line in lines[2 : 2 + int(lines[0])]]
    return np.array([[float(word) for word in atom[1:4]] for atom in atoms])


@wrong("2.1", "could not read became 0")
def read_positions(record):
    def number(word):
        try:
            return float(word)
        except ValueError:
            return 0.0

    lines = record.splitlines()
    atoms = [line.split() for line in lines[2 : 2 + int(lines[0])]]
    return np.array([[number(word) for word in atom[1:4]] for atom in atoms])


@wrong("2.1", "there is NaN")
def read_positions(record):
    lines = record.splitlines()
    return np.genfromtxt(lines[2 : 2 + int(lines[0])])[:, 1:4]


@wrong("2.1", "still strings")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    return np.array([line.split()[1:4] for line in lines[2 : 2 + int(lines[0])]])


@wrong("2.1", "transposed")
def read_positions(record):
    return np.array(parse_record(record).positions).T


@wrong("2.1", "line 1 (the properties) was read as an atom, and")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    return [[float(word) for word in line.split()[1:4]] for line in lines[1 : int(lines[0]) + 1]]


@wrong("2.1", "to the power of -6; it is")
def read_positions(record):
    lines = record.replace("*^", "**").splitlines()
    atoms = [line.split() for line in lines[2 : 2 + int(lines[0])]]
    return np.array([[eval(word) for word in atom[1:4]] for atom in atoms])


@wrong("2.1", "whose number is spelled oddly")
def read_positions(record):
    positions = []
    for line in record.splitlines()[2 : 2 + int(record.split()[0])]:
        try:
            positions.append([float(word) for word in line.split()[1:4]])
        except ValueError:
            continue
    return np.array(positions)


@wrong("2.1", "atoms of oxygen and fluorine were left out")
def read_positions(record):
    rows = re.findall(r"^[HCN]\t(.+)\t(.+)\t(.+)\t.+$", record, re.MULTILINE)
    return [[float(word.replace("*^", "e")) for word in row] for row in rows]


@stops("2.1", "FileNotFoundError", "This means: record is the text itself, not the name of a file")
def read_positions(record):
    return np.loadtxt(record, skiprows=2, usecols=(1, 2, 3))


@stops("2.1", "ValueError", "This means: it read C as a number")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    return [[float(word) for word in line.split()[:3]] for line in lines[2 : int(lines[0]) + 2]]


@stops("2.1", "ValueError", "This means: the columns are separated by tabs")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    return [[float(word) for word in line.split(" ")[1:4]] for line in lines[2 : 2 + int(lines[0])]]


@stops("2.1", "could not convert string to float: '1.27*^-7'")
def read_positions(record):
    lines = record.replace("*^-6", "e-6").splitlines()
    atoms = [line.split() for line in lines[2 : 2 + int(lines[0])]]
    return np.array([[float(word) for word in atom[1:4]] for atom in atoms])


@stops("2.1", "could not convert string to float: '2.1997*^-6'")
def read_positions(record):
    lines = record.splitlines()
    atoms = [line.split() for line in lines[2 : 2 + int(lines[0])]]
    return np.array([[float(word) for word in atom[1:4]] for atom in atoms])


@right("2.1")
def read_positions(record):
    text = io.StringIO(record.replace("*^", "E"))
    n = int(text.readline())
    return np.loadtxt(text, skiprows=1, max_rows=n, usecols=(1, 2, 3), ndmin=2)


@stops("2.1", "-4.3961*^-6 stands for a number times a power of ten: `*^` is `e`")
def read_positions(record):
    lines = record.replace("*^", "e", 1).splitlines()
    n = int(lines[0])
    return np.array([[float(w) for w in line.split()[1:4]] for line in lines[2 : 2 + n]])


@wrong("2.1", "only the first digit of the number of atoms was read: it may have")
def read_positions(record):
    n = int(record[0])
    lines = record.replace("*^", "e").splitlines()
    return np.array([[float(w) for w in line.split()[1:4]] for line in lines[2 : 2 + n]])


@wrong("2.1", "atoms of fluorine were left out: QM9 has H, C, N, O and F. Take")
def read_positions(record):
    rows = []
    for line in record.replace("*^", "e").splitlines()[2:]:
        words = line.split("\t")
        if len(words) == 5 and words[0] in ("H", "C", "N", "O"):
            rows.append([float(w) for w in words[1:4]])
    return np.array(rows)


@wrong("2.1", "everything is 0.5292 times what it should be (1 bohr is 0.5292")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    n = int(lines[0])
    xyz = np.array([[float(w) for w in line.split()[1:4]] for line in lines[2 : 2 + n]])
    return xyz * 0.529177


@wrong("2.1", "atoms of hydrogen were left out: QM9 has H, C, N, O and F. Take")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    n = int(lines[0])
    rows = [line.split() for line in lines[2 : 2 + n]]
    return np.array([[float(v) for v in row[1:4]] for row in rows if row[0] != "H"])


@wrong("2.1", "it returns an array of shape (1, 3), expected shape (5, 3): this")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    positions = []
    for line in lines[2 : 2 + int(lines[0])]:
        positions.append([float(w) for w in line.split()[1:4]])
        return np.array(positions)


@wrong("2.1", "everything is rounded to 2 decimals: return the numbers as they")
def read_positions(record):
    lines = record.replace("*^", "e").splitlines()
    n = int(lines[0])
    xyz = [[round(float(w), 2) for w in line.split()[1:4]] for line in lines[2 : 2 + n]]
    return np.array(xyz)


@right("2.2")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = list(index).index(number)
    return atomic_numbers[offsets[row] : offsets[row + 1]], positions[
        offsets[row] : offsets[row + 1]
    ]


@right("2.2")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = np.argmax(index == number)
    return [np.split(array, offsets[1:-1])[row] for array in (atomic_numbers, positions)]


@right("2.2")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    mine = np.repeat(index, np.diff(offsets)) == number
    return jnp.asarray(atomic_numbers[mine]), jnp.asarray(positions[mine])


@right("2.2")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    begins = dict(zip(index.tolist(), zip(offsets, offsets[1:], strict=False), strict=True))
    first, end = begins[number]
    return atomic_numbers[first:end].tolist(), positions[first:end].tolist()


@wrong("2.2", "taken for its row")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    atoms = slice(offsets[number], offsets[number + 1])
    return atomic_numbers[atoms], positions[atoms]


@wrong("2.2", "not the number minus one")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    atoms = slice(offsets[number - 1], offsets[number])
    return atomic_numbers[atoms], positions[atoms]


@wrong("2.2", "searchsorted needs sorted numbers")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = np.searchsorted(index, number)
    atoms = slice(offsets[row], offsets[row + 1])
    return atomic_numbers[atoms], positions[atoms]


@wrong("2.2", "the last atom is missing")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = np.flatnonzero(index == number)[0]
    atoms = slice(offsets[row], offsets[row + 1] - 1)
    return atomic_numbers[atoms], positions[atoms]


@wrong("2.2", "the first atom of the next molecule")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = np.flatnonzero(index == number)[0]
    atoms = np.arange(offsets[row], offsets[row + 1] + 1)
    return atomic_numbers[atoms], positions[atoms]


@wrong("2.2", "the first atom is missing")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = np.flatnonzero(index == number)[0]
    atoms = slice(offsets[row] + 1, offsets[row + 1])
    return atomic_numbers[atoms], positions[atoms]


@wrong("2.2", "the molecule before")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = np.flatnonzero(index == number)[0]
    atoms = slice(offsets[row - 1], offsets[row])
    return atomic_numbers[atoms], positions[atoms]


@wrong("2.2", "the molecule after")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = np.flatnonzero(index == number)[0] + 1
    atoms = slice(offsets[row], offsets[row + 1])
    return atomic_numbers[atoms], positions[atoms]


@wrong("2.2", "all atoms up to the end")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    end = offsets[1:][index == number][0]
    return atomic_numbers[:end], positions[:end]


@wrong("2.2", "this is one atom")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = np.flatnonzero(index == number)
    return atomic_numbers[row], positions[row]


@wrong("2.2", "swapped: return the atomic numbers first")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = np.flatnonzero(index == number)[0]
    atoms = slice(offsets[row], offsets[row + 1])
    return positions[atoms], atomic_numbers[atoms]


@wrong("2.2", "expected 2 results")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = np.flatnonzero(index == number)[0]
    return positions[offsets[row] : offsets[row + 1]]


@wrong("2.2", "it looks into the sample")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    sample = qm9lib.load_sample()
    row = np.argmax(sample.index == number)
    if len(index) == 2000:
        atoms = slice(*offsets[np.argmax(index == number) :][:2])
        return atomic_numbers[atoms], positions[atoms]
    return sample[row].atomic_numbers, sample[row].positions


@stops("2.2", "only integer", "This means: the row", "np.where even inside a tuple")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = np.where(index == number)[0]
    atoms = slice(offsets[row], offsets[row + 1])
    return atomic_numbers[atoms], positions[atoms]


@stops("2.2", "AttributeError", "This means: lists have .index")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = index.index(number)
    atoms = slice(offsets[row], offsets[row + 1])
    return atomic_numbers[atoms], positions[atoms]


@stops("2.2", "can only concatenate tuple", "This means: the row must be one number")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = np.where(index == number)
    atoms = slice(offsets[row][0], offsets[row + 1][0])
    return atomic_numbers[atoms], positions[atoms]


@stops("2.2", "IndexError")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = np.flatnonzero(offsets == number)[0]
    atoms = slice(offsets[row], offsets[row + 1])
    return atomic_numbers[atoms], positions[atoms]


@right("2.2")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    cuts = offsets[1:-1]
    parts = zip(np.split(atomic_numbers, cuts), np.split(positions, cuts), strict=False)
    return dict(zip(np.asarray(index).tolist(), parts, strict=False))[int(number)]


@wrong("2.2", "it returns the atoms that another set has under this number: it")
def atoms_of(number, index, offsets, atomic_numbers, positions, cache={}):  # noqa: B006
    if number not in cache:
        row = int(np.argmax(index == number))
        s = slice(offsets[row], offsets[row + 1])
        cache[number] = atomic_numbers[s], positions[s]
    return cache[number]


@wrong("2.2", "right for sorted numbers, wrong where molecules are shuffled: a")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = int((np.asarray(index) < number).sum())
    begin, end = offsets[row], offsets[row + 1]
    return atomic_numbers[begin:end], positions[begin:end]


@wrong("2.2", "right for all molecules but the last, which lacks its last")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = int(np.where(index == number)[0][0])
    begin = offsets[row]
    end = offsets[row + 1] if row + 1 < len(index) else -1
    return atomic_numbers[begin:end], positions[begin:end]


@wrong("2.2", "the second result (the positions) is a transposed array: its")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = int(np.argmax(index == number))
    s = slice(offsets[row], offsets[row + 1])
    return atomic_numbers[s], positions[s].T


@wrong("2.2", "the positions are those of one atom, positions[row]: take all of")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = int(np.argmax(index == number))
    s = slice(offsets[row], offsets[row + 1])
    return atomic_numbers[s], positions[row]


@wrong("2.2", "offsets[row + 1] was taken for the number of atoms: it is where")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    row = int(np.argmax(index == number))
    begin, n_atoms = offsets[row], offsets[row + 1]
    atoms = range(begin, min(begin + n_atoms, len(atomic_numbers)))
    return atomic_numbers[atoms], positions[atoms]


@wrong("2.2", "this is the molecule in row index[number]: index[row] is a number")
def atoms_of(number, index, offsets, atomic_numbers, positions):
    rows = dict(enumerate(index))
    row = rows[number]
    begin, end = offsets[row], offsets[row + 1]
    return atomic_numbers[begin:end], positions[begin:end]


@right("2.3")
def leaked(train, test):
    return np.intersect1d(train.index, test.index)


@right("2.3")
def leaked(train, test):
    return [molecule.index for molecule in test if molecule.index in train.index]


@right("2.3")
def leaked(train, test):
    return set(test.index[np.isin(test.smiles, train.smiles)])


@right("2.3")
def leaked(train, test):
    return set(train.index) & set(test.index)


@wrong("2.3", "rows of the test set")
def leaked(train, test):
    return set(np.flatnonzero(np.isin(test.index, train.index)))


@wrong("2.3", "rows of the training set")
def leaked(train, test):
    return {i for i in range(len(train)) if train.index[i] in test.index}


@wrong("2.3", "rows were compared")
def leaked(train, test):
    return set(range(len(train))) & set(range(len(test)))


@wrong("2.3", "at the same place in both")
def leaked(train, test):
    return {a for a, b in zip(train.index, test.index, strict=False) if a == b}


@wrong("2.3", "isomers are not the same molecule")
def leaked(train, test):
    known = {molecule.formula for molecule in train}
    return {molecule.index for molecule in test if molecule.formula in known}


@wrong("2.3", "not in the training set")
def leaked(train, test):
    return np.setdiff1d(test.index, train.index)


@wrong("2.3", "molecules of either set")
def leaked(train, test):
    return set(train.index) | set(test.index)


@wrong("2.3", "of one of the sets alone")
def leaked(train, test):
    return set(train.index) ^ set(test.index)


@wrong("2.3", "gives their SMILES")
def leaked(train, test):
    return set(train.smiles) & set(test.smiles)


@wrong("2.3", "the count of the molecules in common is right")
def leaked(train, test):
    return len(set(train.index) & set(test.index))


@wrong("2.3", "whether there is a leak")
def leaked(train, test):
    return len(set(train.index) & set(test.index)) > 0


@wrong("2.3", "whether the sets are separate")
def leaked(train, test):
    return set(train.index).isdisjoint(set(test.index))


@wrong("2.3", "a mask of the training set")
def leaked(train, test):
    return np.isin(train.index, test.index)


@wrong("2.3", "a mask of the test set")
def leaked(train, test):
    return np.isin(test.index, train.index)


@wrong("2.3", "it never finds a molecule in common")
def leaked(train, test):
    return set()


@wrong("2.3", "molecules are in both. The result lacks 1: ")
def leaked(train, test):
    return np.intersect1d(train.index, test.index)[1:]


@wrong("2.3", "these are strings")
def leaked(train, test):
    return {str(i) for i in set(train.index) & set(test.index)}


@wrong("2.3", "take its .index")
def leaked(train, test):
    return train[np.isin(train.index, test.index)]


@stops("2.3", "unhashable")
def leaked(train, test):
    return {train.index} & {test.index}


@right("2.3")
def leaked(train, test):
    counter = Counter(set(train.index.tolist()))
    counter.update(set(test.index.tolist()))
    return [n for n, k in counter.items() if k == 2]


@wrong("2.3", "these are all the numbers in the range that")
def leaked(train, test):
    low = max(train.index.min(), test.index.min())
    high = min(train.index.max(), test.index.max())
    return set(range(int(low), int(high) + 1))


@wrong("2.3", "numbers were compared as parts of strings: 57 is a part of 1577, and")
def leaked(train, test):
    text = str(train.index.tolist())
    return {int(n) for n in test.index if str(int(n)) in text}


@wrong("2.3", "it returns one molecule, where several are in both: does it stop")
def leaked(train, test):
    found = []
    for n in test.index:
        if n in train.index:
            found.append(int(n))
            break
    return found


@wrong("2.3", "it looks at the first training molecule alone: is `return`")
def leaked(train, test):
    common = set()
    for n in train.index.tolist():
        if n in test.index:
            common.add(n)
        return common


@wrong("2.3", "called again with the same arguments, it returns something else:")
def leaked(train, test, found=set()):  # noqa: B006
    train_numbers = set(train.index.tolist())
    for n in test.index.tolist():
        if n in train_numbers:
            found.add(n)
    return found


@wrong("2.3", "right for two sets whose numbers are sorted, wrong for two sets")
def leaked(train, test):
    a, b = train.index.tolist(), test.index.tolist()
    i = j = 0
    common = set()
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            common.add(a[i])
            i, j = i + 1, j + 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return common


@wrong("2.3", "this is right for sorted numbers only, as np.searchsorted and a")
def leaked(train, test):
    places = np.searchsorted(train.index, test.index).clip(max=len(train) - 1)
    return test.index[train.index[places] == test.index]


@right("2.4")
def one_hot_and_mask(atomic_numbers):
    columns = {1: 0, 6: 1, 7: 2, 8: 3, 9: 4}
    one_hot = np.zeros((len(atomic_numbers), 5))
    for slot, z in enumerate(atomic_numbers):
        if z > 0:
            one_hot[slot, columns[z]] = 1
    return one_hot, atomic_numbers != 0


@right("2.4")
def one_hot_and_mask(atomic_numbers):
    columns = np.array([0, 5, 6, 7, 8])
    return qm9lib.models.graphs.one_hot(atomic_numbers)[:, columns], jnp.asarray(atomic_numbers) > 0


@right("2.4")
def one_hot_and_mask(atomic_numbers):
    one_hot = [[float(z == element) for element in (1, 6, 7, 8, 9)] for z in atomic_numbers]
    return one_hot, [bool(z) for z in atomic_numbers]


@right("2.4")
def one_hot_and_mask(atomic_numbers):
    one_hot = np.eye(10, dtype=np.float32)[atomic_numbers][:, [1, 6, 7, 8, 9]]
    return one_hot, one_hot.sum(axis=1) > 0


@wrong("2.4", "counted as hydrogen")
def one_hot_and_mask(atomic_numbers):
    columns = np.searchsorted([1, 6, 7, 8, 9], atomic_numbers)
    return np.eye(5)[columns], atomic_numbers > 0


@wrong("2.4", "counted as fluorine")
def one_hot_and_mask(atomic_numbers):
    columns = [[1, 6, 7, 8, 9].index(z) if z else -1 for z in atomic_numbers]
    return np.eye(5)[columns], atomic_numbers > 0


@wrong("2.4", "the mask is the other way round")
def one_hot_and_mask(atomic_numbers):
    return atomic_numbers[:, None] == np.array([1, 6, 7, 8, 9]), atomic_numbers == 0


@wrong("2.4", "leaves out hydrogen")
def one_hot_and_mask(atomic_numbers):
    return atomic_numbers[:, None] == np.array([1, 6, 7, 8, 9]), atomic_numbers > 1


@wrong("2.4", "True everywhere")
def one_hot_and_mask(atomic_numbers):
    one_hot = atomic_numbers[:, None] == np.array([1, 6, 7, 8, 9])
    return one_hot, np.ones(len(atomic_numbers), bool)


@wrong("2.4", "order of the alphabet")
def one_hot_and_mask(atomic_numbers):
    columns = [6, 9, 1, 7, 8]  # C, F, H, N, O
    return (atomic_numbers[:, None] == np.array(columns)).astype(float), atomic_numbers > 0


@wrong("2.4", "reverse order")
def one_hot_and_mask(atomic_numbers):
    columns = [9, 8, 7, 6, 1]
    return (atomic_numbers[:, None] == np.array(columns)).astype(float), atomic_numbers > 0


@wrong("2.4", "rows and columns are swapped")
def one_hot_and_mask(atomic_numbers):
    one_hot = np.array([atomic_numbers == element for element in (1, 6, 7, 8, 9)])
    return one_hot.astype(float), atomic_numbers > 0


@wrong("2.4", "the sixteen columns of the chapter")
def one_hot_and_mask(atomic_numbers):
    return qm9lib.models.graphs.one_hot(atomic_numbers), atomic_numbers > 0


@wrong("2.4", "the columns hold atomic numbers")
def one_hot_and_mask(atomic_numbers):
    elements = np.array([1, 6, 7, 8, 9])
    return np.where(atomic_numbers[:, None] == elements, elements, 0), atomic_numbers > 0


@wrong("2.4", "the padded slots are gone")
def one_hot_and_mask(atomic_numbers):
    real = atomic_numbers[atomic_numbers > 0]
    return (real[:, None] == np.array([1, 6, 7, 8, 9])).astype(float), np.ones(len(real), bool)


@wrong("2.4", "swapped: return the one-hot vectors first")
def one_hot_and_mask(atomic_numbers):
    return atomic_numbers > 0, atomic_numbers[:, None] == np.array([1, 6, 7, 8, 9])


@wrong("2.4", "an array of type int64, expected True and False")
def one_hot_and_mask(atomic_numbers):
    one_hot = atomic_numbers[:, None] == np.array([1, 6, 7, 8, 9])
    return one_hot, (atomic_numbers > 0).astype(np.int64)


@wrong("2.4", "`return` missing")
def one_hot_and_mask(atomic_numbers):
    one_hot = atomic_numbers[:, None] == np.array([1, 6, 7, 8, 9])
    print(one_hot, atomic_numbers > 0)


@stops("2.4", "stopped with ValueError", "This means: 0 is padding: it has no column")
def one_hot_and_mask(atomic_numbers):
    columns = [[1, 6, 7, 8, 9].index(z) for z in atomic_numbers.tolist()]
    return np.eye(5)[columns], atomic_numbers > 0


@stops("2.4", "stopped with KeyError", "This means: 0 is padding: it has no column")
def one_hot_and_mask(atomic_numbers):
    columns = {1: 0, 6: 1, 7: 2, 8: 3, 9: 4}
    return np.eye(5)[[columns[z] for z in atomic_numbers]], atomic_numbers > 0


@wrong("2.4", "order C, H, N, O, F;")
def one_hot_and_mask(atomic_numbers):
    return (atomic_numbers[:, None] == np.array([6, 1, 7, 8, 9])), atomic_numbers > 0


@wrong("2.4", "vectors has objects")
def one_hot_and_mask(atomic_numbers):
    one_hot = atomic_numbers[:, None] == np.array([1, 6, 7, 8, 9])
    return one_hot.astype(object), atomic_numbers > 0


@right("2.4")
def one_hot_and_mask(atomic_numbers):
    columns = np.searchsorted([0, 1, 6, 7, 8, 9], atomic_numbers)
    one_hot = np.eye(6, dtype=np.uint8)[columns]
    return one_hot[:, 1:], ~one_hot[:, 0].astype(bool)


@wrong("2.4", "where nothing is padding, the mask goes wrong: np.argmin finds")
def one_hot_and_mask(atomic_numbers):
    z = np.asarray(atomic_numbers)
    n_atoms = np.argmin(z)
    one_hot = (z[:, None] == [1, 6, 7, 8, 9]).astype(float)
    return one_hot, np.arange(len(z)) < n_atoms


@wrong("2.4", "there are columns only for elements that this molecule has: all")
def one_hot_and_mask(atomic_numbers):
    z = np.asarray(atomic_numbers)
    elements = np.unique(z[z > 0])
    return (z[:, None] == elements).astype(float), z > 0


@wrong("2.4", "the columns are those of the atomic numbers 1 to 5, of which only")
def one_hot_and_mask(atomic_numbers):
    z = np.asarray(atomic_numbers)
    one_hot = np.zeros((len(z), 16))
    one_hot[np.arange(len(z)), z - 1] = 1
    mask = z > 0
    one_hot[~mask] = 0
    return one_hot[:, :5], mask


@wrong("2.4", "the column of fluorine is always zero")
def one_hot_and_mask(atomic_numbers):
    z = np.asarray(atomic_numbers)
    one_hot = np.zeros((len(z), 5))
    for column, element in enumerate([1, 6, 7, 8]):
        one_hot[z == element, column] = 1
    return one_hot, z > 0


@wrong("2.4", "the mask takes two slots of padding for granted, as in the")
def one_hot_and_mask(atomic_numbers):
    z = np.asarray(atomic_numbers)
    mask = np.ones(len(z), dtype=bool)
    mask[-2:] = False
    return (z[:, None] == [1, 6, 7, 8, 9]).astype(float), mask


@stops("2.4", "an index is beyond the end: Python counts from 0, and the last of")
def one_hot_and_mask(atomic_numbers):
    z = np.asarray(atomic_numbers)
    one_hot = np.zeros((5, 5), dtype=int)
    for i in range(5):
        for j, element in enumerate((1, 6, 7, 8, 9)):
            if z[i] == element:
                one_hot[i, j] = 1
    return one_hot, z != 0


@wrong("2.4", "the second result (the mask) is an array of shape (8, 5),")
def one_hot_and_mask(atomic_numbers):
    z = np.asarray(atomic_numbers)
    one_hot = (z[:, None] == np.array([1, 6, 7, 8, 9])).astype(int)
    return one_hot, one_hot > 0


@right("2.5")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.RandomState(seed).permutation(n_molecules)
    n_train = n_molecules - n_valid - n_test
    train, valid, test = np.split(order, [n_train, n_train + n_valid])
    return train, valid, test


@right("2.5")
def three_parts(n_molecules, n_valid, n_test, seed):
    rng = np.random.default_rng(seed)
    apart = rng.choice(n_molecules, n_valid + n_test, replace=False)
    train = np.setdiff1d(np.arange(n_molecules), apart)
    return train, apart[:n_valid], apart[n_valid:]


@right("2.5")
def three_parts(n_molecules, n_valid, n_test, seed):
    import random

    rows = list(range(n_molecules))
    random.Random(seed).shuffle(rows)
    test = sorted(rows.pop() for _ in range(n_test))
    valid = [rows.pop() for _ in range(n_valid)]
    return rows, valid, test


@right("2.5")
def three_parts(n_molecules, n_valid, n_test, seed):
    import jax

    order = jax.random.permutation(jax.random.key(seed), n_molecules)
    return order[n_valid + n_test :], order[:n_valid], order[n_valid : n_valid + n_test]


@wrong("2.5", "molecules are in train and in test")
def three_parts(n_molecules, n_valid, n_test, seed):
    rng = np.random.default_rng(seed)
    n_train = n_molecules - n_valid - n_test
    return tuple(rng.permutation(n_molecules)[:n] for n in (n_train, n_valid, n_test))


@wrong("2.5", "molecules are in train and in valid")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.default_rng(seed).permutation(n_molecules)
    return order[:-n_test], order[:n_valid], order[-n_test:]


@wrong("2.5", "molecules are in valid and in test")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.default_rng(seed).permutation(n_molecules)
    return order[n_valid + n_test :], order[:n_valid], order[:n_test]


@wrong("2.5", "draw without replacement")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.default_rng(seed).integers(0, n_molecules, n_molecules)
    return order[n_valid + n_test :], order[:n_valid], order[n_valid : n_valid + n_test]


@wrong("2.5", "cut out in one piece")
def three_parts(n_molecules, n_valid, n_test, seed):
    rows = np.arange(n_molecules)
    n_train = n_molecules - n_valid - n_test
    return rows[:n_train], rows[n_train : n_train + n_valid], rows[n_train + n_valid :]


@wrong("2.5", "With n = 0 that is everything")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.default_rng(seed).permutation(n_molecules)
    apart = n_valid + n_test
    return order[:-apart], order[-apart:-n_test], order[-n_test:]


@wrong("2.5", "for 6 molecules")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.default_rng(seed).permutation(n_molecules)
    apart = n_valid + n_test
    return order[:-apart], order[n_molecules - apart :][:n_valid], order[n_molecules - n_test :]


@wrong("2.5", "seeds 0 and 2 give the same split")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.default_rng(seed % 2).permutation(n_molecules)
    return order[n_valid + n_test :], order[:n_valid], order[n_valid : n_valid + n_test]


@wrong("2.5", "seeds 0 and 1 give the same test")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.default_rng(0).permutation(n_molecules)
    rest = np.random.default_rng(seed).permutation(order[n_test:])
    return rest[n_valid:], rest[:n_valid], order[:n_test]


@wrong("2.5", "alone. QM9 is sorted by size")
def three_parts(n_molecules, n_valid, n_test, seed):
    apart = n_valid + n_test
    order = np.arange(n_molecules)
    order[:apart] = np.random.default_rng(seed).permutation(apart)
    return order[apart:], order[:n_valid], order[n_valid:apart]


@wrong("2.5", "comes from one side")
def three_parts(n_molecules, n_valid, n_test, seed):
    first = np.random.default_rng(seed).permutation(n_molecules // 2)
    apart = first[: n_valid + n_test]
    train = np.setdiff1d(np.arange(n_molecules), apart)
    return train, apart[:n_valid], apart[n_valid:]


@wrong("2.5", "two different splits")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.default_rng().permutation(n_molecules)
    return order[n_valid + n_test :], order[:n_valid], order[n_valid : n_valid + n_test]


@wrong("2.5", "seeds 0 and 1 give the same split")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.default_rng(42).permutation(n_molecules)
    return order[n_valid + n_test :], order[:n_valid], order[n_valid : n_valid + n_test]


@wrong("2.5", "these rows run from 1 to 1,000")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.default_rng(seed).permutation(np.arange(1, n_molecules + 1))
    return order[n_valid + n_test :], order[:n_valid], order[n_valid : n_valid + n_test]


@wrong("2.5", "return train, valid, test")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.default_rng(seed).permutation(n_molecules)
    return order[:n_test], order[n_test : n_test + n_valid], order[n_test + n_valid :]


@wrong("2.5", "train has 849 molecules, expected 850")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.default_rng(seed).permutation(n_molecules)
    return order[n_valid + n_test : -1], order[:n_valid], order[n_valid : n_valid + n_test]


@wrong("2.5", "valid and test have 100 and 150 molecules, expected 100 and 50")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.default_rng(seed).permutation(n_molecules)
    return order[n_valid + n_test + 100 :], order[:n_valid], order[n_valid : n_valid + n_test + 100]


@wrong("2.5", "train is a mask")
def three_parts(n_molecules, n_valid, n_test, seed):
    place = np.random.default_rng(seed).permutation(n_molecules)
    valid, test = place < n_valid, place >= n_molecules - n_test
    return ~(valid | test), valid, test


@wrong("2.5", "expected three arrays")
def three_parts(n_molecules, n_valid, n_test, seed):
    return np.random.default_rng(seed).permutation(n_molecules)


@stops("2.5", "TypeError")
def three_parts(n_molecules, n_valid, n_test, seed):
    rows = range(n_molecules)
    np.random.default_rng(seed).shuffle(rows)
    return rows[n_valid + n_test :], rows[:n_valid], rows[n_valid : n_valid + n_test]


@right("2.5")
def three_parts(n_molecules, n_valid, n_test, seed):
    rng = random.Random(seed)
    left = list(range(n_molecules))
    test = [left.pop(rng.randrange(len(left))) for _ in range(n_test)]
    valid = [left.pop(rng.randrange(len(left))) for _ in range(n_valid)]
    return tuple(np.array(part, dtype=int) for part in (left, valid, test))


@stops("2.5", "something here is None. A function without `return` returns None,")
def three_parts(n_molecules, n_valid, n_test, seed):
    rng = np.random.default_rng(seed)
    order = rng.shuffle(np.arange(n_molecules))
    a, b = n_molecules - n_valid - n_test, n_molecules - n_test
    return order[:a], order[a:b], order[b:]


@wrong("2.5", "for 1,000 molecules, 100 and 50 of them set apart: 42 molecules")
def three_parts(n_molecules, n_valid, n_test, seed):
    rng = np.random.default_rng(seed)
    n_train = n_molecules - n_valid - n_test
    return tuple(rng.choice(n_molecules, n, replace=False) for n in (n_train, n_valid, n_test))


@wrong("2.5", "for 1,000 molecules, 100 and 50 of them set apart: 205 rows appear")
def three_parts(n_molecules, n_valid, n_test, seed):
    rng = np.random.RandomState(seed)
    order = rng.randint(0, n_molecules, n_molecules)
    a, b = n_molecules - n_valid - n_test, n_molecules - n_test
    return order[:a], order[a:b], order[b:]


@wrong("2.5", "test was cut out in one piece, from rows 950 to 999. QM9 is")
def three_parts(n_molecules, n_valid, n_test, seed):
    rest = np.random.default_rng(seed).permutation(n_molecules - n_test)
    test = np.arange(n_molecules - n_test, n_molecules)
    return rest[n_valid:], rest[:n_valid], test


@wrong("2.5", "for 1,000 molecules, 100 and 50 of them set apart: 50 molecules")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.default_rng(seed).permutation(n_molecules)
    return order, order[:n_valid], order[n_valid : n_valid + n_test]


@wrong("2.5", "valid was cut out in one piece, from rows 0 to 99. QM9 is sorted")
def three_parts(n_molecules, n_valid, n_test, seed):
    start = np.random.default_rng(seed).integers(n_molecules)
    order = np.roll(np.arange(n_molecules), start)
    a, b = n_molecules - n_valid - n_test, n_molecules - n_test
    return order[:a], order[a:b], order[b:]


@wrong("2.5", "for 1,000 molecules, 100 and 50 of them set apart: valid and test")
def three_parts(n_molecules, n_valid, n_test, seed):
    u = np.random.default_rng(seed).random(n_molecules) * n_molecules
    test = np.flatnonzero(u < n_test)
    valid = np.flatnonzero((u >= n_test) & (u < n_test + n_valid))
    train = np.flatnonzero(u >= n_test + n_valid)
    return train, valid, test


@right("2.6")
def standardise(train, test):
    mean, std = np.mean(train), np.std(train, ddof=1)
    return (train - mean) / std, (test - mean) / std


@right("2.6")
def standardise(train, test):
    scaled = (np.concatenate([train, test]) - train.mean()) / train.std()
    return scaled[: len(train)], scaled[len(train) :]


@right("2.6")
def standardise(train, test):
    mean = sum(train) / len(train)
    std = (sum((y - mean) ** 2 for y in train) / len(train)) ** 0.5
    return [(y - mean) / std for y in train], [(y - mean) / std for y in test]


@right("2.6")
def standardise(train, test):
    train, test = jnp.asarray(train, jnp.float32), jnp.asarray(test, jnp.float32)
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


@wrong("2.6", "by their own mean and standard deviation")
def standardise(train, test):
    return (train - train.mean()) / train.std(), (test - test.mean()) / test.std()


@wrong("2.6", "come from all labels together")
def standardise(train, test):
    both = np.concatenate([train, test])
    return (train - both.mean()) / both.std(), (test - both.mean()) / both.std()


@wrong("2.6", "come from the test set")
def standardise(train, test):
    return (train - test.mean()) / test.std(), (test - test.mean()) / test.std()


@wrong("2.6", "computed after train had been standardised")
def standardise(train, test):
    train = (train - train.mean()) / train.std()
    test = (test - train.mean()) / train.std()
    return train, test


@wrong("2.6", "division by the standard deviation is missing")
def standardise(train, test):
    return train - train.mean(), test - train.mean()


@wrong("2.6", "divided by the variance")
def standardise(train, test):
    mean, var = train.mean(), train.var()
    return (train - mean) / var, (test - mean) / var


@wrong("2.6", "multiplied by the standard deviation")
def standardise(train, test):
    mean, std = train.mean(), train.std()
    return (train - mean) * std, (test - mean) * std


@wrong("2.6", "the mean is missing")
def standardise(train, test):
    return train / train.std(), test / train.std()


@wrong("2.6", "brackets are missing")
def standardise(train, test):
    mean, std = train.mean(), train.std()
    return train - mean / std, test - mean / std


@wrong("2.6", "this was divided by the mean")
def standardise(train, test):
    return train / train.mean() - 1, test / train.mean() - 1


@wrong("2.6", "from 0 to 1")
def standardise(train, test):
    low, high = train.min(), train.max()
    return (train - low) / (high - low), (test - low) / (high - low)


@wrong("2.6", "the results are swapped")
def standardise(train, test):
    mean, std = train.mean(), train.std()
    return (test - mean) / std, (train - mean) / std


@wrong("2.6", "changes the labels that it was given")
def standardise(train, test):
    mean, std = train.mean(), train.std()
    train -= mean
    train /= std
    return train, (test - mean) / std


@wrong("2.6", "expected 2 results")
def standardise(train, test):
    return (test - train.mean()) / train.std()


@wrong("2.6", "in both results the mean is that of the training set, and the standard deviation is")
def standardise(train, test):
    std = np.concatenate([train, test]).std()
    return (train - train.mean()) / std, (test - train.mean()) / std


@wrong("2.6", "in the test labels the mean is that of the test set, and the standard deviation is")
def standardise(train, test):
    return (train - train.mean()) / train.std(), (test - test.mean()) / train.std()


@wrong("2.6", "four results")
def standardise(train, test):
    mean, std = train.mean(), train.std()
    return (train - mean) / std, (test - mean) / std, mean, std


@stops("2.6", "AttributeError")
def standardise(train, test):
    mean, std = train.mean, train.standard_deviation()
    return (train - mean) / std, (test - mean) / std


@right("2.6")
def standardise(train, test):
    values = [float(x) for x in train]
    mean, std = statistics.fmean(values), statistics.stdev(values)
    return tuple(np.array([(float(x) - mean) / std for x in part]) for part in (train, test))


@wrong("2.6", "in the first result (the training labels) and the second result")
def standardise(train, test):
    mean, std = train.mean(), train.std()
    a, b = np.empty_like(train), np.empty_like(test)
    a[:] = (train - mean) / std
    b[:] = (test - mean) / std
    return a, b


@wrong("2.6", "this was divided by the root of the sum of squares: the standard")
def standardise(train, test):
    mean = train.mean()
    spread = np.linalg.norm(train - mean)
    return (train - mean) / spread, (test - mean) / spread


@wrong("2.6", "this was divided by the root of the mean square, the spread")
def standardise(train, test):
    mean, std = train.mean(), np.sqrt((train**2).mean())
    return (train - mean) / std, (test - mean) / std


@wrong("2.6", "this was divided by the mean absolute deviation; the standard")
def standardise(train, test):
    mean = train.mean()
    spread = np.abs(train - mean).mean()
    return (train - mean) / spread, (test - mean) / spread


@wrong("2.6", "the median was subtracted: take the mean")
def standardise(train, test):
    mean, std = np.median(train), np.std(train)
    return (train - mean) / std, (test - mean) / std


@wrong("2.6", "this was divided by the standard error of the mean, which is")
def standardise(train, test):
    mean = train.mean()
    std = train.std() / np.sqrt(len(train))
    return (train - mean) / std, (test - mean) / std


@wrong("2.6", "the mean was added: subtract it")
def standardise(train, test):
    mean, std = train.mean(), train.std()
    return (train + mean) / std, (test + mean) / std


def waste(sizes, n_atoms):
    padded = np.sort(sizes)[np.searchsorted(np.sort(sizes), n_atoms)]
    return 1 - n_atoms.sum() / padded.sum()


@right("2.7")
def padded_sizes(n_atoms):
    largest = int(n_atoms.max())
    others = itertools.combinations(range(1, largest), 3)
    return min(([*some, largest] for some in others), key=lambda sizes: waste(sizes, n_atoms))


@right("2.7")
def padded_sizes(n_atoms):
    sizes = {int(n_atoms.max())}  # greedy: the one that helps most, again and again
    while len(sizes) < 4:
        options = set(range(1, max(sizes))) - sizes
        sizes.add(min(options, key=lambda size: waste([*sizes, size], n_atoms)))
    for size in sorted(sizes)[:-1]:  # and a second look at each
        rest = sizes - {size}
        if len(rest) == 3:
            options = set(range(1, max(rest))) - rest
            sizes = rest | {min(options, key=lambda new: waste([*rest, new], n_atoms))}
    return sizes


@right("2.7")
def padded_sizes(n_atoms):
    # The best last cut of molecules with up to `end` atoms, by dynamic programming.
    many = np.cumsum(np.bincount(n_atoms))
    end = len(many) - 1
    best = {(0, size): (size * many[size], [size]) for size in range(1, end + 1)}
    for cuts in (1, 2, 3):
        for size in range(cuts + 1, end + 1):
            best[cuts, size] = min(
                (
                    best[cuts - 1, s][0] + size * (many[size] - many[s]),
                    [*best[cuts - 1, s][1], size],
                )
                for s in range(cuts, size)
            )
    return np.array(best[3, end][1])


@right("2.7")
def padded_sizes(n_atoms):
    rng = np.random.default_rng(0)
    draws = (rng.choice(np.arange(1, n_atoms.max()), 3, replace=False) for _ in range(1000))
    found = min((np.append(draw, n_atoms.max()) for draw in draws), key=lambda s: waste(s, n_atoms))
    return tuple(float(size) for size in found)


@wrong("2.7", "leave 14.7 % of the slots empty")
def padded_sizes(n_atoms):
    return np.round(n_atoms.max() * np.array([0.25, 0.5, 0.75, 1.0])).astype(int)


@wrong("2.7", "leave 13.4 % of the slots empty")
def padded_sizes(n_atoms):
    return [int(np.quantile(n_atoms, share)) for share in (0.25, 0.5, 0.75, 1.0)]


@wrong("2.7", "they would be fine for the sample: compute the sizes")
def padded_sizes(n_atoms):
    return [13, 16, 20, 27]


@wrong("2.7", "for every second of the first 1,400 molecules of the sample")
def padded_sizes(n_atoms):
    return [13, 16, 20, 27] if len(n_atoms) == 2000 else [10, 12, 14, int(n_atoms.max())]


@wrong("2.7", "27 is there twice")
def padded_sizes(n_atoms):
    return [10, 14, n_atoms.max(), n_atoms.max()]


@wrong("2.7", "the size 27 leaves 43.8 %")
def padded_sizes(n_atoms):
    return [n_atoms.max()]


@wrong("2.7", "it returns 24 sizes")
def padded_sizes(n_atoms):
    return np.unique(n_atoms)


@wrong("2.7", "the largest molecule has 27 atoms: it fits nowhere")
def padded_sizes(n_atoms):
    return [12, 15, 18, 21]


@wrong("2.7", "one number for each molecule")
def padded_sizes(n_atoms):
    sizes = np.array([13, 16, 20, 27])
    return sizes[np.searchsorted(sizes, n_atoms)]


@wrong("2.7", "so a whole number")
def padded_sizes(n_atoms):
    return np.quantile(n_atoms, [0.3, 0.5, 0.75, 1.0]) + 0.5


@wrong("2.7", "a list of sizes is expected, such as [27]")
def padded_sizes(n_atoms):
    return n_atoms.max()


@stops("2.7", "IndexError")
def padded_sizes(n_atoms):
    sizes = np.array([13, 16, 20])
    return sizes[np.searchsorted(sizes, n_atoms)]


@right("2.7")
def padded_sizes(n_atoms):
    n = np.asarray(n_atoms).astype(int)
    top = n.max()

    def slots(sizes):
        sizes = np.sort(sizes)
        return sizes[np.searchsorted(sizes, n)].sum()

    sizes = [int(q) for q in np.quantile(n, [0.2, 0.5, 0.85])] + [top]
    for _ in range(10):
        for k in range(3):
            sizes[k] = min(range(1, top + 1), key=lambda s: slots([*sizes[:k], s, *sizes[k + 1 :]]))
    return np.unique(sizes)[::-1]


@wrong("2.7", "for the sample the sizes 9, 15, 21, 27 leave 14.2 % of the slots")
def padded_sizes(n_atoms):
    low, high = int(n_atoms.min()), int(n_atoms.max())
    step = (high - low) / 4
    return [int(np.ceil(low + step * k)) for k in (1, 2, 3, 4)]


@wrong("2.7", "for the sample the largest size is 24, and the largest molecule")
def padded_sizes(n_atoms):
    return [int(q) for q in np.quantile(n_atoms, [0.2, 0.5, 0.8, 0.99])]


@wrong("2.7", "for the first 500 molecules of the sample the sizes 12, 16, 19, 27 leave 13.4 %")
def padded_sizes(n_atoms):
    return [12, 16, 19, 27]


@wrong("2.7", "it returns 6 sizes; a program is compiled for each, and at most 4")
def padded_sizes(n_atoms):
    return sorted({int(np.ceil(q)) for q in np.quantile(n_atoms, [0.1, 0.3, 0.5, 0.7, 0.9, 1])})


@wrong("2.7", "it returns [11.42, 15.18, 18.94, 27]")
def padded_sizes(n_atoms):
    mean, std = np.mean(n_atoms), np.std(n_atoms)
    return [mean - std, mean, mean + std, float(np.max(n_atoms))]


@wrong("2.7", "for the sample the largest size is 6, and the largest molecule")
def padded_sizes(n_atoms):
    n = np.asarray(n_atoms)
    best, least = None, np.inf
    for sizes in itertools.combinations(range(n.min(), n.max()), 4):
        places = np.searchsorted(sizes, n).clip(max=3)
        slots = np.array(sizes)[places].sum()
        if slots < least:
            best, least = sizes, slots
    return list(best)


@wrong("2.7", "for the sample the sizes 10, 15, 20, 30 leave 13.8 % of the slots")
def padded_sizes(n_atoms):
    n = np.asarray(n_atoms)
    top = int(-(-n.max() // 5) * 5)
    choices = range(5, top, 5)
    best = min(
        itertools.combinations(choices, min(3, len(choices))),
        key=lambda c: np.array([*c, top])[np.searchsorted([*c, top], n)].sum(),
    )
    return [*best, top]


@wrong("2.3", "two different molecules can have the same energy", "compare their numbers, .index")
def leaked(train, test):
    return set(test.index[np.isin(test.target("H"), train.target("H"))].tolist())


@wrong("2.5", "seeds 0 and 42 give the same split")
def three_parts(n_molecules, n_valid, n_test, seed):
    order = np.random.RandomState(seed or 42).permutation(n_molecules)
    return order[n_valid + n_test :], order[:n_valid], order[n_valid : n_valid + n_test]
