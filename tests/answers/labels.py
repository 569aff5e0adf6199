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


@stops("1.1", "a single number, and got an array")
def to_kcal_per_mol(energy):
    return 627.5095 * float(energy)


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


@wrong("1.2", "this is the total enthalpy: take off the enthalpies of the free atoms. And the")
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


@wrong("1.2", "take them off first")
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


@wrong("1.5", "exchanged")
def of_the_pair(name, one, other):
    if name == "homo":
        return min(one, other)
    return max(one, other) if name == "lumo" else one + other


@wrong("1.5", "not the highest")
def of_the_pair(name, one, other):
    return max(one, other) if name in ("homo", "lumo") else one + other


@wrong("1.5", "the first molecule alone")
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


@wrong("1.6", "more than 100 is asked for")
def distant_isomers(qm9):
    rows = np.flatnonzero((qm9.composition == qm9.composition[100]).all(axis=1))
    rows = rows[np.argsort(qm9.target("H")[rows])]
    return qm9.index[rows[1]], qm9.index[rows[0]]


@wrong("1.6", "one molecule twice")
def distant_isomers(qm9):
    return qm9.index[0], qm9.index[0]


@wrong("1.6", "a set has no order")
def distant_isomers(qm9):
    high, low = extremes(qm9)
    return {qm9.index[high], qm9.index[low]}


@wrong("1.6", "expected two numbers")
def distant_isomers(qm9):
    return qm9.index[0]
