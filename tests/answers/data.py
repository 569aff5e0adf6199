import itertools
import re

import jax.numpy as jnp
import numpy as np

import qm9lib
from answers import right, stops, wrong
from qm9lib.records import parse_record


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


@wrong("2.1", "still texts")
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


@wrong("2.2", "exchanged: return the atomic numbers first")
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


@wrong("2.3", "it counts the molecules in common")
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


@wrong("2.3", "it finds no molecule in any two sets")
def leaked(train, test):
    return set()


@wrong("2.3", "molecules are in both. The result lacks 1: ")
def leaked(train, test):
    return np.intersect1d(train.index, test.index)[1:]


@wrong("2.3", "these are texts")
def leaked(train, test):
    return {str(i) for i in set(train.index) & set(test.index)}


@wrong("2.3", "take its .index")
def leaked(train, test):
    return train[np.isin(train.index, test.index)]


@stops("2.3", "unhashable")
def leaked(train, test):
    return {train.index} & {test.index}


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
    return qm9lib.graphs.one_hot(atomic_numbers)[:, columns], jnp.asarray(atomic_numbers) > 0


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


@wrong("2.4", "rows and columns are exchanged")
def one_hot_and_mask(atomic_numbers):
    one_hot = np.array([atomic_numbers == element for element in (1, 6, 7, 8, 9)])
    return one_hot.astype(float), atomic_numbers > 0


@wrong("2.4", "the sixteen columns of the chapter")
def one_hot_and_mask(atomic_numbers):
    return qm9lib.graphs.one_hot(atomic_numbers), atomic_numbers > 0


@wrong("2.4", "the columns hold atomic numbers")
def one_hot_and_mask(atomic_numbers):
    elements = np.array([1, 6, 7, 8, 9])
    return np.where(atomic_numbers[:, None] == elements, elements, 0), atomic_numbers > 0


@wrong("2.4", "the padded slots are gone")
def one_hot_and_mask(atomic_numbers):
    real = atomic_numbers[atomic_numbers > 0]
    return (real[:, None] == np.array([1, 6, 7, 8, 9])).astype(float), np.ones(len(real), bool)


@wrong("2.4", "exchanged: return the one-hot vectors first")
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


@wrong("2.4", "holds objects")
def one_hot_and_mask(atomic_numbers):
    one_hot = atomic_numbers[:, None] == np.array([1, 6, 7, 8, 9])
    return one_hot.astype(object), atomic_numbers > 0


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


@wrong("2.5", "draw without putting back")
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


@wrong("2.5", "the rows run from 1 to 1,000")
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


@wrong("2.6", "the mean was divided out")
def standardise(train, test):
    return train / train.mean() - 1, test / train.mean() - 1


@wrong("2.6", "from 0 to 1")
def standardise(train, test):
    low, high = train.min(), train.max()
    return (train - low) / (high - low), (test - low) / (high - low)


@wrong("2.6", "the results are exchanged")
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


@wrong("2.7", "they would do for the sample: compute the sizes")
def padded_sizes(n_atoms):
    return [13, 16, 20, 27]


@wrong("2.7", "for every second of its first 1,400 molecules")
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
