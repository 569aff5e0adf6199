import functools
import itertools
from collections import Counter, defaultdict

import numpy as np
from scipy import constants

import qm9lib
from answers import right, stops, wrong

HARTREE = 627.5095


@right("1.1")
def to_kcal_per_mol(energy):
    return energy * 27.211386 * 23.060548


@right("1.1")
def to_kcal_per_mol(energy):
    return qm9lib.convert(energy, "hartree", "kcal/mol")


@right("1.1")
def to_kcal_per_mol(energy):
    joule = constants.physical_constants["Hartree energy"][0]
    return np.multiply(energy, joule * constants.N_A / 4184)


@wrong("1.1", "the number is in eV; the exercise asks for kcal/mol")
def to_kcal_per_mol(energy):
    return 27.2114 * energy


@wrong("1.1", "the number is in kJ/mol; the exercise")
def to_kcal_per_mol(energy):
    return 2625.4996 * energy


@wrong("1.1", "from hartree to kcal/mol you divided by 627.509; multiply by it")
def to_kcal_per_mol(energy):
    return energy / 627.5095


@wrong("1.1", "with 627, an energy of 40 hartree is off by 20.4")
def to_kcal_per_mol(energy):
    return 627 * energy


@wrong("1.1", "with 627.5, an energy of 40 hartree is off by 0.4")
def to_kcal_per_mol(energy):
    return 627.5 * energy


@wrong("1.1", "1 eV is 0.03675 hartree")
def to_kcal_per_mol(energy):
    return 23.0605 * energy


@wrong("1.1", "`return` missing")
def to_kcal_per_mol(energy):
    print(627.5095 * energy)


@stops("1.1", "a single number, but got an array")
def to_kcal_per_mol(energy):
    return 627.5095 * float(energy)


@right("1.1")
def to_kcal_per_mol(energy):
    return np.divide(energy, 1 / 627.509474)


@wrong("1.1", "the decimals are cut off: an array of integers, such as")
def to_kcal_per_mol(energy):
    energy = np.asarray(energy)
    result = np.zeros_like(energy)
    result[...] = energy * 627.5095
    return result


@wrong("1.1", "a kilocalorie is 4.184 kJ; you took 4.18 kJ")
def to_kcal_per_mol(energy):
    kj = energy * 2625.4996
    return kj / 4.18


@wrong("1.1", "a kilocalorie is 4.184 kJ; you took 4.1868 kJ")
def to_kcal_per_mol(energy):
    kilojoule_per_mol = 2625.4996 * np.asarray(energy)
    return kilojoule_per_mol / 4.1868


@wrong("1.1", "from kJ/mol to kcal/mol you multiplied by 4.184; divide by it")
def to_kcal_per_mol(energy):
    return energy * 2625.4996 * 4.184


@wrong("1.1", "everything is 0.999976 times what it should be: is a constant")
def to_kcal_per_mol(energy):
    ev = energy * 27.211386
    return ev * 23.06


@wrong("1.1", "1 hartree is 627.5095 kcal/mol; with 625, an energy of 40 hartree")
def to_kcal_per_mol(energy):
    return energy * (100 / 0.16)


@wrong("1.1", "everything is 0.999283 times what it should be: is a constant")
def to_kcal_per_mol(energy):
    return energy * 627.0595


@right("1.2")
def atomization_enthalpy(atomic_numbers, total, references):
    return qm9lib.convert(
        total - np.sum([references[z] for z in atomic_numbers]), "hartree", "kcal/mol"
    )


@right("1.2")
def atomization_enthalpy(atomic_numbers, total, references):
    for z in atomic_numbers:
        total -= references[int(z)]
    return HARTREE * total


@right("1.2")
def atomization_enthalpy(atomic_numbers, total, references):
    counts = dict(zip(*np.unique(atomic_numbers, return_counts=True), strict=True))
    return HARTREE * (total - sum(counts[z] * references[z] for z in counts))


@wrong("1.2", "this is the total enthalpy")
def atomization_enthalpy(atomic_numbers, total, references):
    return HARTREE * total


@wrong("1.2", "this is the total enthalpy: subtract the enthalpies of the free atoms. And the")
def atomization_enthalpy(atomic_numbers, total, references):
    return total


@wrong("1.2", "the sign is the other way round")
def atomization_enthalpy(atomic_numbers, total, references):
    return HARTREE * (sum(references[z] for z in atomic_numbers) - total)


@wrong("1.2", "is in hartree; the exercise asks for kcal/mol")
def atomization_enthalpy(atomic_numbers, total, references):
    return total - sum(references[z] for z in atomic_numbers)


@wrong("1.2", "hydrogen atoms are missing")
def atomization_enthalpy(atomic_numbers, total, references):
    return HARTREE * (total - sum(references[z] for z in atomic_numbers if z > 1))


@wrong("1.2", "count each atom")
def atomization_enthalpy(atomic_numbers, total, references):
    return HARTREE * (total - sum(references[z] for z in set(atomic_numbers)))


@wrong("1.2", "value per atom")
def atomization_enthalpy(atomic_numbers, total, references):
    free = sum(references[z] for z in atomic_numbers)
    return HARTREE * (total - free) / len(atomic_numbers)


@wrong("1.2", "the free atoms were added")
def atomization_enthalpy(atomic_numbers, total, references):
    return HARTREE * (total + sum(references[z] for z in atomic_numbers))


@wrong("1.2", "subtract them first")
def atomization_enthalpy(atomic_numbers, total, references):
    return HARTREE * total - sum(references[z] for z in atomic_numbers)


@wrong("1.2", "every element in references")
def atomization_enthalpy(atomic_numbers, total, references):
    return HARTREE * (total - sum(references.values()))


@wrong("1.2", "fluorine is missing")
def atomization_enthalpy(atomic_numbers, total, references):
    return HARTREE * (total - sum(references[z] for z in atomic_numbers if z < 9))


@stops("1.2", "one key at a time")
def atomization_enthalpy(atomic_numbers, total, references):
    return HARTREE * (total - np.sum(references[atomic_numbers]))


@stops("1.2", "this key is not in the dictionary")
def atomization_enthalpy(atomic_numbers, total, references):
    return HARTREE * (total - sum(references[symbol] for symbol in "CHHHH"))


@right("1.2")
def atomization_enthalpy(atomic_numbers, total, references):
    counts = Counter(map(int, atomic_numbers))
    rest = functools.reduce(
        lambda e, item: e - item[1] * references[item[0]], counts.items(), total
    )
    return qm9lib.convert(rest, "hartree", "kcal/mol")


@wrong("1.2", "the argument `references` is not used: the free atoms' enthalpies")
def atomization_enthalpy(atomic_numbers, total, references):
    atoms = qm9lib.ATOM_REFERENCES["H"]
    free = sum(atoms[int(z)] for z in atomic_numbers)
    return qm9lib.convert(total - free, "hartree", "kcal/mol")


@wrong("1.2", "the result is forced to be negative: a molecule that lies above")
def atomization_enthalpy(atomic_numbers, total, references):
    free = sum(references[int(z)] for z in atomic_numbers)
    return -abs(total - free) * 627.5095


@wrong("1.2", "only the sum of the free atoms is turned into kcal/mol, and the")
def atomization_enthalpy(atomic_numbers, total, references):
    free = np.sum([references[int(z)] for z in atomic_numbers])
    return total - free * 627.5095


@wrong("1.2", "only the first atom was subtracted: is `return` inside the")
def atomization_enthalpy(atomic_numbers, total, references):
    energy = total
    for z in atomic_numbers:
        energy = energy - references[int(z)]
        return energy * 627.5095


@wrong("1.2", "this takes one carbon atom and counts all others as hydrogen, as in methane: take")
def atomization_enthalpy(atomic_numbers, total, references):
    n_hydrogen = len(atomic_numbers) - 1
    free = references[6] + n_hydrogen * references[1]
    return (total - free) * 627.5095


@wrong("1.2", "nitrogen, oxygen and fluorine are missing: the free atoms of all")
def atomization_enthalpy(atomic_numbers, total, references):
    z = np.asarray(atomic_numbers)
    carbon, hydrogen = (z == 6).sum(), (z == 1).sum()
    return (total - carbon * references[6] - hydrogen * references[1]) * 627.5095


@wrong("1.2", "these are the free atoms' internal energies (U0) and not the")
def atomization_enthalpy(atomic_numbers, total, references):
    references = qm9lib.ATOM_REFERENCES["U0"]
    free = sum(references[int(z)] for z in atomic_numbers)
    return (total - free) * 627.5095


@right("1.3")
def enthalpy(internal_energy, temperature):
    return internal_energy + 3.166811563e-6 * temperature


@right("1.3")
def enthalpy(internal_energy, temperature):
    rt = qm9lib.convert(constants.R / 1000 * temperature, "kJ/mol", "hartree")
    return internal_energy + rt


@right("1.3")
def enthalpy(internal_energy, temperature):
    boltzmann = constants.k / constants.physical_constants["Hartree energy"][0]
    return np.add(internal_energy, boltzmann * temperature)


@wrong("1.3", "that is U - RT")
def enthalpy(internal_energy, temperature):
    return internal_energy - 3.166811563e-6 * temperature


@wrong("1.3", "RT is in kcal/mol and U in hartree")
def enthalpy(internal_energy, temperature):
    return internal_energy + 1.987204e-3 * temperature


@wrong("1.3", "RT is in J/mol and U in hartree")
def enthalpy(internal_energy, temperature):
    return internal_energy + 8.314462618 * temperature


@wrong("1.3", "RT is in kJ/mol and U in hartree")
def enthalpy(internal_energy, temperature):
    return internal_energy + 8.314462618e-3 * temperature


@wrong("1.3", "3/2 RT")
def enthalpy(internal_energy, temperature):
    return internal_energy + 1.5 * 3.166811563e-6 * temperature


@wrong("1.3", "given in kelvin")
def enthalpy(internal_energy, temperature):
    return internal_energy + 3.166811563e-6 * (temperature - 273.15)


@wrong("1.3", "`temperature` is not used")
def enthalpy(internal_energy, temperature):
    return internal_energy + 0.000944


@wrong("1.3", "R is in J")
def enthalpy(internal_energy, temperature):
    return internal_energy + 8.314462618 * temperature / 2625.4996


@wrong("1.3", "in kelvin already")
def enthalpy(internal_energy, temperature):
    return internal_energy + 3.166811563e-6 * (temperature + 273.15)


@wrong("1.3", "RT alone")
def enthalpy(internal_energy, temperature):
    return 3.166811563e-6 * temperature


@right("1.3")
def enthalpy(internal_energy, temperature):
    joule = internal_energy * 2625.4996e3 + 8.314462618 * temperature
    return joule / 2625.4996e3


@wrong("1.3", "at 0 K another temperature is used: `if not temperature` also holds")
def enthalpy(internal_energy, temperature=None):
    if not temperature:
        temperature = 298.15
    return internal_energy + 8.314462618e-3 * temperature / 2625.4996


@wrong("1.3", "U was divided by 2,625.5 as well: only RT is in kJ/mol. Put RT in")
def enthalpy(internal_energy, temperature):
    return (internal_energy + 8.314462618 / 1000 * temperature) / 2625.4996


@wrong("1.3", "RT in kJ/mol was multiplied by 2,625.5: divide, since a hartree")
def enthalpy(internal_energy, temperature):
    return internal_energy + 8.314462618 / 1000 * temperature * 2625.4996


@wrong("1.3", "RT was taken as 0.6 kcal/mol at room temperature, which is")
def enthalpy(internal_energy, temperature):
    rt = 0.6 * temperature / 298.15
    return internal_energy + rt / 627.5095


@wrong("1.3", "RT in kJ/mol was divided by 627.5, which is a hartree in")
def enthalpy(internal_energy, temperature):
    rt = 8.314462618 * temperature / 1000
    return internal_energy + rt / 627.5095


@wrong("1.3", "RT lost its decimals: is there a // or an int() in it?")
def enthalpy(internal_energy, temperature):
    rt = 8.314462618 * temperature // 1000 / 2625.4996
    return internal_energy + rt


@wrong("1.3", "everything is rounded to 3 decimals: return the numbers as they")
def enthalpy(internal_energy, temperature):
    return round(internal_energy + 8.314462618e-3 * temperature / 2625.4996, 3)


@right("1.4")
def gap_in_ev(homo, lumo):
    return (lumo - homo) * 27.211386


@right("1.4")
def gap_in_ev(homo, lumo):
    return np.abs(homo - lumo) * 27.2114


@right("1.4")
def gap_in_ev(homo, lumo):
    return qm9lib.convert(lumo, "hartree", "eV") - qm9lib.convert(homo, "hartree", "eV")


@wrong("1.4", "the sign is the other way round")
def gap_in_ev(homo, lumo):
    return 27.2114 * (homo - lumo)


@wrong("1.4", "in hartree; the exercise asks for eV")
def gap_in_ev(homo, lumo):
    return lumo - homo


@wrong("1.4", "in kcal/mol")
def gap_in_ev(homo, lumo):
    return HARTREE * (lumo - homo)


@wrong("1.4", "energies were added")
def gap_in_ev(homo, lumo):
    return 27.2114 * (lumo + homo)


@wrong("1.4", "keep them, since")
def gap_in_ev(homo, lumo):
    return 27.2114 * (np.abs(lumo) - np.abs(homo))


@wrong("1.4", "without their signs")
def gap_in_ev(homo, lumo):
    return 27.2114 * (np.abs(lumo) + np.abs(homo))


@wrong("1.4", "the homo alone")
def gap_in_ev(homo, lumo):
    return -27.2114 * homo


@wrong("1.4", "0.999582 times what it should be: is a constant rounded")
def gap_in_ev(homo, lumo):
    return 27.2 * (lumo - homo)


@stops("1.4", "NameError")
def gap_in_ev(homo, lumo):
    return hartree_in_ev * (lumo - homo)  # noqa: F821


@right("1.4")
def gap_in_ev(homo, lumo):
    homo = qm9lib.convert(homo, "hartree", "eV")
    return qm9lib.convert(lumo, "hartree", "eV") - homo


@wrong("1.4", "the signs were dropped before the difference: keep them, since")
def gap_in_ev(homo, lumo):
    return (abs(homo) - abs(lumo)) * 27.2114


@wrong("1.4", "only homo was turned into eV, and lumo stays in hartree: put the")
def gap_in_ev(homo, lumo):
    return lumo - homo * 27.2114


@wrong("1.4", "from hartree to eV you divided by 27.2114; multiply by it")
def gap_in_ev(homo, lumo):
    return (lumo - homo) / 27.2114


@wrong("1.4", "this is half of the gap: 13.6057 eV is a rydberg, and a hartree")
def gap_in_ev(homo, lumo):
    return (lumo - homo) * 13.6057


@wrong("1.4", "this is one gap for all molecules together: each has its own, so")
def gap_in_ev(homo, lumo):
    return (np.min(lumo) - np.max(homo)) * 27.2114


@wrong("1.4", "this is one number for all molecules together: each has its own")
def gap_in_ev(homo, lumo):
    return (np.max([homo, lumo]) - np.min([homo, lumo])) * 27.2114


@wrong("1.4", "everything is rounded to 1 decimal: return the numbers as they are")
def gap_in_ev(homo, lumo):
    return np.round((lumo - homo) * 27.2114, 1)


@right("1.5")
def of_the_pair(name, one, other):
    return {"homo": max, "lumo": min}.get(name, lambda a, b: a + b)(one, other)


@right("1.5")
def of_the_pair(name, one, other):
    values = np.array([one, other])
    if name == "homo":
        return values.max()
    return values.min() if name == "lumo" else values.sum()


@right("1.5")
def of_the_pair(name, one, other):
    if qm9lib.LABELS[name].scaling == "extensive":
        return one + other
    return sorted([one, other])[-1 if name == "homo" else 0]


@wrong("1.5", "not everything adds up")
def of_the_pair(name, one, other):
    return one + other


@wrong("1.5", "a mean is the energy of neither")
def of_the_pair(name, one, other):
    return (one + other) / 2 if name in ("homo", "lumo") else one + other


@wrong("1.5", "polarizability of two molecules add up")
def of_the_pair(name, one, other):
    if name in ("homo", "lumo"):
        return max(one, other) if name == "homo" else min(one, other)
    return (one + other) / 2


@wrong("1.5", "swapped")
def of_the_pair(name, one, other):
    if name == "homo":
        return min(one, other)
    return max(one, other) if name == "lumo" else one + other


@wrong("1.5", "not the highest")
def of_the_pair(name, one, other):
    return max(one, other) if name in ("homo", "lumo") else one + other


@wrong("1.5", "this takes the orbital of the first molecule")
def of_the_pair(name, one, other):
    return one if name in ("homo", "lumo") else one + other


@wrong("1.5", "not the lowest")
def of_the_pair(name, one, other):
    return min(one, other) if name in ("homo", "lumo") else one + other


@wrong("1.5", "a negative one lies below zero")
def of_the_pair(name, one, other):
    if name == "lumo":
        return min(one, other, key=abs)
    return max(one, other) if name == "homo" else one + other


@wrong("1.5", "`return` missing")
def of_the_pair(name, one, other):
    if name == "homo":
        return max(one, other)


@right("1.5")
def of_the_pair(name, one, other):
    half, spread = (one + other) / 2, abs(one - other) / 2
    if not name.endswith("mo"):
        return 2 * half
    return half + spread if name[0] == "h" else half - spread


@wrong("1.5", "of the two values you return the sum of a set, which holds equal")
def of_the_pair(name, one, other):
    values = {one, other}
    if name == "homo":
        return max(values)
    if name == "lumo":
        return min(values)
    return sum(values)


@wrong("1.5", "of the two values you return the sum for lumo. Is that right for this")
def of_the_pair(name, one, other):
    if name == "homo":
        return max(one, other)
    elif name == "H" or "Cv" or "zpve" or "alpha":
        return one + other
    else:
        return min(one, other)


@wrong("1.5", "of the two values you return the mean for Cv. Is that right for this")
def of_the_pair(name, one, other):
    rules = {"homo": max, "lumo": min, "Cv": lambda a, b: (a + b) / 2}
    rule = rules.get(name, lambda a, b: a + b)
    return rule(one, other)


@wrong("1.5", "of the two values you return the higher one for alpha. Is that right")
def of_the_pair(name, one, other):
    if name in ("alpha", "homo"):
        return max(one, other)
    if name == "lumo":
        return min(one, other)
    return one + other


@wrong("1.5", "of the two values you return the lower one for H, Cv. Is that right")
def of_the_pair(name, one, other):
    name = name.lower()
    extensive = {"alpha", "zpve", "H", "Cv"}
    if name in extensive:
        return one + other
    return max(one, other) if name == "homo" else min(one, other)


@wrong("1.5", "of the two values you return the mean for zpve. Is that right for this")
def of_the_pair(name, one, other):
    match name:
        case "homo":
            return max(one, other)
        case "lumo":
            return min(one, other)
        case "zpve":
            return 0.5 * (one + other)
        case _:
            return one + other


@wrong("1.5", "of the two values you return the sum for homo. Is that right for this")
def of_the_pair(name, one, other):
    if "H" in name.upper():
        return one + other  # alpha, H, and by mistake homo
    if name == "lumo":
        return min(one, other)
    return one + other


def extremes(qm9):
    """Rows of the isomers that are farthest apart."""
    enthalpy = qm9.target("H", "kcal/mol")
    rows = {}
    for row, counts in enumerate(qm9.composition.tolist()):
        rows.setdefault(tuple(counts), []).append(row)
    spread = {key: np.ptp(enthalpy[some]) for key, some in rows.items()}
    some = rows[max(spread, key=spread.get)]
    return max(some, key=lambda i: enthalpy[i]), min(some, key=lambda i: enthalpy[i])


@right("1.6")
def distant_isomers(qm9):
    high, low = extremes(qm9)
    return [qm9.index[high], qm9.index[low]]


@right("1.6")
def distant_isomers(qm9):
    high, low = extremes(qm9)
    return qm9[high].index, qm9[low].index


@right("1.6")
def distant_isomers(qm9):
    formulas = np.array([molecule.formula for molecule in qm9])
    enthalpy = qm9.target("H", "kcal/mol")
    for formula in np.unique(formulas):
        rows = np.flatnonzero(formulas == formula)
        if np.ptp(enthalpy[rows]) > 100:
            order = rows[np.argsort(enthalpy[rows])]
            return qm9.index[order[[-1, 0]]]


@wrong("1.6", "are not isomers")
def distant_isomers(qm9):
    enthalpy = qm9.target("H")
    return qm9.index[np.argmax(enthalpy)], qm9.index[np.argmin(enthalpy)]


@wrong("1.6", "was it made from a row?")
def distant_isomers(qm9):
    rows = np.flatnonzero(~np.isin(np.arange(len(qm9)), qm9.index))
    return rows[-1], rows[-2]


@wrong("1.6", "the other way round")
def distant_isomers(qm9):
    high, low = extremes(qm9)
    return qm9.index[low], qm9.index[high]


@wrong("1.6", "the exercise asks for more than 100")
def distant_isomers(qm9):
    rows = np.flatnonzero((qm9.composition == qm9.composition[100]).all(axis=1))
    rows = rows[np.argsort(qm9.target("H")[rows])]
    return qm9.index[rows[1]], qm9.index[rows[0]]


@wrong("1.6", "the same molecule twice")
def distant_isomers(qm9):
    return qm9.index[0], qm9.index[0]


@wrong("1.6", "a set has no order")
def distant_isomers(qm9):
    high, low = extremes(qm9)
    return {qm9.index[high], qm9.index[low]}


@wrong("1.6", "expected two numbers")
def distant_isomers(qm9):
    return qm9.index[0]


@right("1.6")
def distant_isomers(qm9):
    code = qm9.composition @ (100 ** np.arange(5))
    bound = qm9.atomization_energy("H", "kcal/mol")
    far = np.subtract.outer(bound, bound) * np.equal.outer(code, code)
    a, b = np.unravel_index(np.argmax(far), far.shape)
    return [int(qm9.index[a]), int(qm9.index[b])]


@wrong("1.6", "no molecule of the sample has the number 557: was it made from a")
def distant_isomers(qm9):
    h = qm9.target("H", "kcal/mol")
    groups = defaultdict(list)
    for i, formula in enumerate(map(tuple, qm9.composition)):
        groups[formula].append(i)
    for rows in groups.values():
        top = max(rows, key=lambda i: h[i])
        low = min(rows, key=lambda i: h[i])
        if h[top] - h[low] > 100:
            return top, low


@wrong("1.6", "no molecule of the sample has the number 575: was it made from a")
def distant_isomers(qm9):
    h = qm9.target("H", "kcal/mol")
    _, group = np.unique(qm9.composition, axis=0, return_inverse=True)
    for g in range(group.max() + 1):
        rows = np.flatnonzero(group == g)
        a, b = rows[h[rows].argmax()], rows[h[rows].argmin()]
        if h[a] - h[b] > 100:
            return a + 1, b + 1


@wrong("1.6", "it returns None, expected two numbers of molecules, `return a,")
def distant_isomers(qm9):
    h = qm9.target("H", "kcal/mol")
    for i in range(len(qm9) - 1):
        same = (qm9.composition[i] == qm9.composition[i + 1]).all()
        if same and abs(h[i] - h[i + 1]) > 100:
            if h[i] > h[i + 1]:
                return qm9.index[i], qm9.index[i + 1]
            return qm9.index[i + 1], qm9.index[i]


@wrong("1.6", "it returns (np.str_('COC12CC3C1C1C2N31'),")
def distant_isomers(qm9):
    h = qm9.target("H", "kcal/mol")
    for formula in set(map(tuple, qm9.composition)):
        rows = np.flatnonzero((qm9.composition == formula).all(axis=1))
        a, b = rows[np.argmax(h[rows])], rows[np.argmin(h[rows])]
        if h[a] - h[b] > 100:
            return qm9.smiles[a], qm9.smiles[b]


@wrong("1.6", "it returns an array of shape (10, 2), expected two numbers of")
def distant_isomers(qm9):
    h = qm9.target("H", "kcal/mol")
    pairs = []
    for formula in set(map(tuple, qm9.composition)):
        rows = np.flatnonzero((qm9.composition == formula).all(axis=1))
        a, b = rows[np.argmax(h[rows])], rows[np.argmin(h[rows])]
        if h[a] - h[b] > 100:
            pairs.append((qm9.index[a], qm9.index[b]))
    return pairs


@wrong("1.6", "CH4 and C3HN are not isomers: their enthalpies differ by whole")
def distant_isomers(qm9):
    h = qm9.target("H", "kcal/mol")
    n = qm9.composition.sum(axis=1)
    for i, j in itertools.combinations(range(len(qm9)), 2):
        if n[i] == n[j] and abs(h[i] - h[j]) > 100:
            a, b = (i, j) if h[i] > h[j] else (j, i)
            return int(qm9.index[a]), int(qm9.index[b])


@wrong("1.6", "CH4 and CH4O are not isomers: their enthalpies differ by whole")
def distant_isomers(qm9):
    h = qm9.target("H", "kcal/mol")
    groups = {}
    for i, (n_h, n_c, n_n, _n_o, _n_f) in enumerate(qm9.composition):
        groups.setdefault((n_h, n_c, n_n), []).append(i)
    for rows in groups.values():
        rows = sorted(rows, key=lambda i: h[i])
        if h[rows[-1]] - h[rows[0]] > 100:
            return qm9.index[rows[-1]], qm9.index[rows[0]]
