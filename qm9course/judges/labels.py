"""Exercises of the chapter *labels*: units, zeros of energy, what grows with the molecule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from qm9course.checking import Answer, Case, Exercise, Right, compared
from qm9course.diagnosis import describe, same
from qm9course.judges import sample as _sample
from qm9lib import ATOM_REFERENCES, QM9, convert
from qm9lib.units import GAS_CONSTANT

_HARTREE = convert(1.0, "hartree", "kcal/mol")
_GAS_CONSTANT = convert(GAS_CONSTANT / 1000, "kJ/mol", "hartree")  # hartree/K
_ROOM = 298.15  # K
_SUMS = ("alpha", "zpve", "H", "Cv")


def _energies() -> list[Case]:
    return [
        Case("1 hartree", (1.0,)),
        Case("the enthalpy of methane", (-40.475117,)),
        Case("three energies", (np.array([0.0, -0.5, 2.0]),)),
    ]


def _whole_energies() -> list[Case]:
    return [Case("whole numbers, np.array([0, -1, 2])", (np.array([0, -1, 2]),))]


def _molecules() -> list[Case]:
    sample = _sample()
    z = sample[0].atomic_numbers
    return [
        Case(
            f"{molecule.formula} (number {molecule.index})",
            (molecule.atomic_numbers.copy(), molecule.target("H"), dict(ATOM_REFERENCES["H"])),
            atoms=len(molecule.atomic_numbers),
        )
        for molecule in (sample[i] for i in (0, 2, 7, 633, 1500))
    ] + [
        Case(
            "CH4 with free atoms of another calculation",
            (z.copy(), -40.4, {1: -0.45, 6: -37.8, 7: -54.5, 8: -75.0, 9: -99.6}),
            atoms=len(z),
        ),
        Case(
            "CH4 that is pulled apart, so that it lies above its free atoms,",
            (z.copy(), -39.5, dict(ATOM_REFERENCES["H"])),
            atoms=len(z),
        ),
    ]


def _atomization(z: Any, total: float, atoms: dict[int, float]) -> float:
    return _HARTREE * (total - sum(atoms[int(n)] for n in z))


def _heavy_only(z: Any, total: float, atoms: dict[int, float]) -> float:
    return _atomization(z[z > 1], total, atoms)


def _each_once(z: Any, total: float, atoms: dict[int, float]) -> float:
    return _atomization(np.unique(z), total, atoms)


def _pairs() -> list[Case]:
    sample = _sample()
    one, other = sample[2], sample[0]  # water and methane, whose values all differ
    pairs = [("water and methane", one, other), ("methane and water", other, one)]
    return [
        *(
            Case(f"{name} of {text}", (name, a.target(name), b.target(name)))
            for text, a, b in pairs
            for name in (*_SUMS, "homo", "lumo")
        ),
        Case("lumo, where one is negative,", ("lumo", -0.08, 0.03)),
        *(
            Case(f"{name} of two molecules of water", (name, one.target(name), one.target(name)))
            for name in (*_SUMS, "homo", "lumo")
        ),
    ]


def _pair(name: str, one: float, other: float) -> float:
    if name == "homo":
        return max(one, other)
    return min(one, other) if name == "lumo" else one + other


def _exchanged(name: str, one: float, other: float) -> float:
    return _pair({"homo": "lumo", "lumo": "homo"}.get(name, name), one, other)


_RULES: dict[str, Answer] = {
    "the sum": lambda one, other: one + other,
    "the mean": lambda one, other: (one + other) / 2,
    "the higher one": max,
    "the lower one": min,
    "the first one": lambda one, other: one,
    "the second one": lambda one, other: other,
    "the difference": lambda one, other: one - other,
    "the difference, without its sign,": lambda one, other: abs(one - other),
    "the product": lambda one, other: one * other,
    "the sum of a set, which holds equal values once,": lambda one, other: sum({one, other}),
}


def _rule_by_rule(answer: Answer) -> str | None:
    """Judge the pairs; of an answer that has no name, say how each label was put together."""
    reason = _judge_pairs(answer)
    if reason is None or isinstance(reason, Right) or not reason.startswith("for "):
        return reason
    wrong: dict[str, list[str]] = {}
    for name in (*_SUMS, "homo", "lumo"):
        cases = [case.arguments for case in _pairs() if case.arguments[0] == name]
        found = [answer(*arguments) for arguments in cases]
        if all(same(a, _pair(*case)) for a, case in zip(found, cases, strict=True)):
            continue
        rules = (
            rule
            for rule, of in _RULES.items()
            if all(same(a, of(*case[1:])) for a, case in zip(found, cases, strict=True))
        )
        rule = next(rules, None)
        if rule is None:
            return reason
        wrong.setdefault(rule, []).append(name)
    given = ", and ".join(f"{rule} for {', '.join(names)}" for rule, names in wrong.items())
    which = "this label" if sum(map(len, wrong.values())) == 1 else "these labels"
    return (
        f"of the two values you return {given}. Is that right for {which}? Check your conditions, "
        'too: `name == "H" or "Cv"` is always true'
    )


_judge_pairs = compared(
    _pair,
    _pairs,
    {
        "not everything adds up: an orbital energy is that of one electron, in one of the "
        "two molecules": lambda name, one, other: one + other,
        "an orbital belongs to one of the two molecules: a mean is the energy of neither": (
            lambda name, one, other: (one + other) / 2 if name in ("homo", "lumo") else one + other
        ),
        "energy, heat capacity and polarizability of two molecules add up": (
            lambda name, one, other: (
                _pair(name, one, other) if name in ("homo", "lumo") else (one + other) / 2
            )
        ),
        "homo is the highest occupied orbital of all, and lumo the lowest unoccupied one: they "
        "were swapped": _exchanged,
        "this takes the orbital of the first molecule: which of the two has the higher homo, or "
        "the lower lumo, depends on the molecules": (
            lambda name, one, other: one if name in ("homo", "lumo") else one + other
        ),
        "lumo is right, and homo is the highest occupied orbital of all, not the lowest": (
            lambda name, one, other: min(one, other) if name == "homo" else _pair(name, one, other)
        ),
        "lumo is the lowest unoccupied orbital, with its sign: a negative one lies below zero": (
            lambda name, one, other: (
                min(one, other, key=abs) if name == "lumo" else _pair(name, one, other)
            )
        ),
        "homo is right, and lumo is the lowest unoccupied orbital of all, not the highest": (
            lambda name, one, other: max(one, other) if name == "lumo" else _pair(name, one, other)
        ),
    },
)


def _isomers(answer: Answer) -> str | None:
    sample = _sample()
    found = answer(sample)
    if isinstance(found, set):
        return "a set has no order: return two numbers, as in `return a, b`"
    try:
        first, second = (int(number) for number in found)
    except (TypeError, ValueError):
        why = ""
        if found is None:
            why = ". Is a `return` missing, or does the search end without a pair?"
        elif _has_texts(found):
            why = ". These are strings, such as SMILES; the numbers are qm9.index[i]"
        elif np.ndim(np.array(found, object)) == 2:
            why = ". Return one pair of them, not all"
        return (
            f"it returns {describe(found)}, expected two numbers of molecules, `return a, b`{why}"
        )
    rows = [np.flatnonzero(sample.index == number) for number in (first, second)]
    for number, row in zip((first, second), rows, strict=True):
        if not len(row):
            return (
                f"no molecule of the sample has the number {number}: was it made from a row? The "
                "number of the molecule in row i is qm9.index[i]"
            )
    return _judge_isomers(sample, int(rows[0][0]), int(rows[1][0]))


def _has_texts(found: object) -> bool:
    return isinstance(found, Sequence) and any(isinstance(x, str) for x in found)


def _judge_isomers(sample: QM9, one: int, other: int) -> str | None:
    if one == other:
        return "that is the same molecule twice"
    if (sample.composition[one] != sample.composition[other]).any():
        both = f"{sample[one].formula} and {sample[other].formula}"
        return f"{both} are not isomers: their enthalpies differ by whole atoms"
    enthalpy = sample.target("H", "kcal/mol")
    difference = enthalpy[one] - enthalpy[other]
    if difference < 0:
        return "the other way round: return the less stable one, of higher enthalpy, first"
    if difference < 100:
        return f"they differ by {difference:.1f} kcal/mol, and the exercise asks for more than 100"
    return None


EXERCISES = (
    Exercise(
        "1.1",
        "Hartree to kcal/mol",
        "to_kcal_per_mol",
        compared(
            lambda energy: _HARTREE * np.asarray(energy),
            _energies,
            {
                f"1 hartree is 627.5095 kcal/mol; with {coarse:g}, an energy of 40 hartree is off "
                f"by {40 * abs(coarse - _HARTREE):.1f} kcal/mol": (
                    lambda energy, coarse=coarse: coarse * np.asarray(energy)
                )
                for coarse in (627.5, 627.0, 628.0, 630.0, 625.0)
            }
            | {
                f"a kilocalorie is 4.184 kJ; you took {joule:g} kJ": (
                    lambda energy, joule=joule: _HARTREE * 4.184 / joule * np.asarray(energy)
                )
                for joule in (4.18, 4.19, 4.2, 4.1868, 4.1855)
            }
            | {
                f"the energy was rounded to {decimals} decimals before it was converted: do not "
                "round": lambda energy, decimals=decimals: _HARTREE * np.round(energy, decimals)
                for decimals in range(1, 6)
            },
            whole=_whole_energies,
            unit="kcal/mol",
            rtol=1e-6,
        ),
        (
            "Which unit is larger? In the smaller unit the number is larger.",
            "One hartree is 2,625.4996 kJ/mol, and a kilocalorie is 4.184 kJ: a larger unit, so "
            "divide.",
            "Multiply by 627.5095.",
        ),
        "1 hartree is about 630 kcal/mol, some six strong chemical bonds",
    ),
    Exercise(
        "1.2",
        "Atomization enthalpy",
        "atomization_enthalpy",
        compared(
            _atomization,
            _molecules,
            {
                "this is the total enthalpy: subtract the enthalpies of the free atoms": (
                    lambda z, total, atoms: _HARTREE * total
                ),
                "the hydrogen atoms are missing: they are free atoms, too": _heavy_only,
                "each element was counted once; count each atom": _each_once,
                "this is the sum of the free atoms: subtract it from the total": (
                    lambda z, total, atoms: _HARTREE * sum(atoms[int(n)] for n in z)
                ),
                "the total is in kcal/mol and the free atoms are in hartree: subtract them first, "
                "and then turn the difference into kcal/mol": (
                    lambda z, total, atoms: _HARTREE * total - sum(atoms[int(n)] for n in z)
                ),
                "this subtracts one atom of every element in references: subtract those that the "
                "molecule has, each as often as it has it": (
                    lambda z, total, atoms: _HARTREE * (total - sum(atoms.values()))
                ),
                "the argument `references` is not used: the free atoms' enthalpies may differ": (
                    lambda z, total, atoms: _atomization(z, total, ATOM_REFERENCES["H"])
                ),
                "these are the free atoms' internal energies (U0) and not the enthalpies that "
                "references holds": (
                    lambda z, total, atoms: _atomization(z, total, ATOM_REFERENCES["U0"])
                ),
                "the result is forced to be negative: a molecule that lies above its free atoms "
                "has a positive one": lambda z, total, atoms: -abs(_atomization(z, total, atoms)),
                "the result is forced to be positive: a bound molecule has a negative one": (
                    lambda z, total, atoms: abs(_atomization(z, total, atoms))
                ),
                "only the sum of the free atoms is turned into kcal/mol, and the total stays in "
                "hartree: put the difference in brackets": (
                    lambda z, total, atoms: total - _HARTREE * sum(atoms[int(n)] for n in z)
                ),
                "only the first atom was subtracted: is `return` inside the loop?": (
                    lambda z, total, atoms: _atomization(z[:1], total, atoms)
                ),
                "only the last atom was subtracted: does each pass of the loop overwrite the "
                "sum?": (lambda z, total, atoms: _atomization(z[-1:], total, atoms)),
                "the last atom is missing": (
                    lambda z, total, atoms: _atomization(z[:-1], total, atoms)
                ),
                "the first atom is missing": (
                    lambda z, total, atoms: _atomization(z[1:], total, atoms)
                ),
                "each free atom was multiplied by its atomic number: it counts once": (
                    lambda z, total, atoms: (
                        _HARTREE * (total - sum(int(n) * atoms[int(n)] for n in z))
                    )
                ),
                "this takes every heavy atom for carbon: take references[z] of each atom": (
                    lambda z, total, atoms: _atomization(np.minimum(z, 6), total, atoms)
                ),
                "this takes one carbon atom and counts all others as hydrogen, as in methane: take "
                "references[z] of each atom": (
                    lambda z, total, atoms: _HARTREE * (total - atoms[6] - (len(z) - 1) * atoms[1])
                ),
                **{
                    f"{names} {'are' if ' ' in names else 'is'} missing: the free atoms of all "
                    "elements count": (
                        lambda z, total, atoms, of=of: _atomization(z[np.isin(z, of)], total, atoms)
                    )
                    for names, of in {
                        "fluorine": (1, 6, 7, 8),
                        "nitrogen": (1, 6, 8, 9),
                        "nitrogen and fluorine": (1, 6, 8),
                        "nitrogen, oxygen and fluorine": (1, 6),
                    }.items()
                },
                "the free atoms were added; subtract them": (
                    lambda z, total, atoms: _HARTREE * (total + sum(atoms[int(n)] for n in z))
                ),
            },
            unit="kcal/mol",
        ),
        (
            "Zero is the free atoms. How far below zero is the molecule?",
            "Add references[z] for each z in atomic_numbers, hydrogen too, and subtract the sum "
            "from the total.",
            "In hartree it is total - sum(references[int(z)] for z in atomic_numbers); multiply "
            "that by 627.5095.",
        ),
        "negative, since a bound molecule lies below its atoms; about -100 kcal/mol a bond",
    ),
    Exercise(
        "1.3",
        "From internal energy to enthalpy",
        "enthalpy",
        compared(
            lambda energy, temperature: energy + _GAS_CONSTANT * temperature,
            lambda: [
                Case("U = 0 at 298.15 K", (0.0, _ROOM)),
                Case("U of methane at 298.15 K", (-40.476062, _ROOM)),
                Case("U = -1 hartree at 600 K", (-1.0, 600.0)),
                Case("U = -1 hartree at 0 K", (-1.0, 0.0)),
            ],
            {
                "that is U - RT; a gas that expands does work against the pressure: H = U + RT": (
                    lambda energy, temperature: energy - _GAS_CONSTANT * temperature
                ),
                "RT is in kcal/mol and U in hartree: only numbers in one unit can be added": (
                    lambda energy, temperature: energy + _HARTREE * _GAS_CONSTANT * temperature
                ),
                "RT is in J/mol and U in hartree: only numbers in one unit can be added": (
                    lambda energy, temperature: energy + GAS_CONSTANT * temperature
                ),
                "RT is in kJ/mol and U in hartree: only numbers in one unit can be added": (
                    lambda energy, temperature: energy + GAS_CONSTANT / 1000 * temperature
                ),
                "RT is 1,000 times too large: R is in J, and a hartree was given in kJ": (
                    lambda energy, temperature: energy + 1000 * _GAS_CONSTANT * temperature
                ),
                "273.15 was added to the temperature, which is in kelvin already": (
                    lambda energy, temperature: energy + _GAS_CONSTANT * (temperature + 273.15)
                ),
                "3/2 RT is the kinetic energy, which U contains already; add PV = RT": (
                    lambda energy, temperature: energy + 1.5 * _GAS_CONSTANT * temperature
                ),
                "the temperature is given in kelvin: do not subtract 273.15": (
                    lambda energy, temperature: energy + _GAS_CONSTANT * (temperature - 273.15)
                ),
                "the argument `temperature` is not used: the enthalpy is always that at 298.15 K": (
                    lambda energy, temperature: energy + _GAS_CONSTANT * _ROOM
                ),
                "at 0 K another temperature is used: `if not temperature` also holds for 0": (
                    lambda energy, temperature: energy + _GAS_CONSTANT * (temperature or _ROOM)
                ),
                "U was divided by 2,625.5 as well: only RT is in kJ/mol. Put RT in brackets": (
                    lambda energy, temperature: (
                        (energy + GAS_CONSTANT / 1000 * temperature) / 2625.4996
                    )
                ),
                "RT in kJ/mol was multiplied by 2,625.5: divide, since a hartree is many kJ/mol": (
                    lambda energy, temperature: energy + GAS_CONSTANT * 2.6254996 * temperature
                ),
                "RT in kJ/mol was divided by 627.5, which is a hartree in kcal/mol; in kJ/mol it "
                "is 2,625.5": (
                    lambda energy, temperature: (
                        energy + GAS_CONSTANT / 1000 * temperature / 627.5095
                    )
                ),
                "RT was taken as 0.6 kcal/mol at room temperature, which is rounded: use R": (
                    lambda energy, temperature: energy + 0.6 * temperature / _ROOM / 627.5095
                ),
                "RT lost its decimals: is there a // or an int() in it?": (
                    lambda energy, temperature: (
                        energy + GAS_CONSTANT * temperature // 1000 / 2625.4996
                    )
                ),
                "U was multiplied by RT: H = U + RT is a sum": (
                    lambda energy, temperature: energy * (1 + _GAS_CONSTANT * temperature)
                ),
                "this is RT alone: add the internal energy": (
                    lambda energy, temperature: _GAS_CONSTANT * temperature
                ),
            },
            unit="hartree",
            rtol=0.0,
            atol=2e-6,
        ),
        (
            "U is in hartree. In which unit does RT come out?",
            "R is in J/(mol K), but 1 hartree is given in kJ/mol: bring both to kJ first, then "
            "divide.",
            "R = 8.314462618e-3 / 2625.4996 hartree/K; return internal_energy + R * temperature.",
        ),
        "RT is 0.6 kcal/mol at room temperature: the same for all molecules, so it cannot "
        "distinguish one from another",
    ),
    Exercise(
        "1.4",
        "Gap in eV",
        "gap_in_ev",
        compared(
            lambda homo, lumo: convert(lumo - homo, "hartree", "eV"),
            lambda: [
                Case("methane", (-0.3877, 0.1171)),
                Case(
                    "three molecules", (np.array([-0.25, -0.2, -0.3]), np.array([0.1, 0.0, -0.1]))
                ),
            ],
            {
                "the energies were added: what is the distance between them?": (
                    lambda homo, lumo: convert(lumo + homo, "hartree", "eV")
                ),
                "both energies were taken without their signs; keep them: the lumo may be "
                "negative, too": lambda homo, lumo: convert(abs(lumo) + abs(homo), "hartree", "eV"),
                "this is the homo alone: the gap reaches from there to the lumo": (
                    lambda homo, lumo: convert(-homo + 0.0 * lumo, "hartree", "eV")
                ),
                **{
                    f"the signs were dropped before the difference{which}: keep them, since the "
                    "two energies may lie on opposite sides of zero": (
                        lambda homo, lumo, of=of: convert(of(homo, lumo), "hartree", "eV")
                    )
                    for which, of in {
                        "": lambda homo, lumo: abs(homo) - abs(lumo),
                        " (lumo first)": lambda homo, lumo: abs(lumo) - abs(homo),
                    }.items()
                },
                "only homo was turned into eV, and lumo stays in hartree: put the difference in "
                "brackets": lambda homo, lumo: lumo - convert(homo, "hartree", "eV"),
                "only lumo was turned into eV, and homo stays in hartree": (
                    lambda homo, lumo: convert(lumo, "hartree", "eV") - homo
                ),
                "this is half of the gap: 13.6057 eV is a rydberg, and a hartree is two of them": (
                    lambda homo, lumo: 0.5 * convert(lumo - homo, "hartree", "eV")
                ),
                "this is one gap for all molecules together: each has its own, so take no minimum "
                "or maximum": (
                    lambda homo, lumo: convert(np.min(lumo) - np.max(homo), "hartree", "eV")
                ),
                "this is one number for all molecules together: each has its own gap, so take no "
                "minimum or maximum": (
                    lambda homo, lumo: convert(np.max(lumo) - np.min(homo), "hartree", "eV")
                ),
            },
            unit="eV",
        ),
        (
            "The gap is the difference between two orbital energies. (It is only a rough guide to "
            "the light that the molecule absorbs.) Which of the two lies higher?",
            "The lumo lies higher, so the gap is lumo - homo, in hartree.",
            "1 hartree is 27.2114 eV.",
        ),
        "organic molecules have gaps of several eV; most of them absorb only ultraviolet light, "
        "although the gap is not the excitation energy itself",
    ),
    Exercise(
        "1.5",
        "Two molecules far apart",
        "of_the_pair",
        _rule_by_rule,
        (
            "Think of the two as one system. Which of its quantities are sums over its atoms?",
            "The homo of the pair is the highest occupied orbital of the whole system.",
            'if name == "homo": return max(one, other). The lumo is a minimum; the rest, a sum.',
        ),
        "a network has to add up its atoms for extensive labels, and must not for orbital energies",
    ),
    Exercise(
        "1.6",
        "Isomers far apart in energy",
        "distant_isomers",
        _isomers,
        (
            "qm9.composition has a row of five counts for each molecule. Isomers have equal rows.",
            "Group the rows by composition, for instance with np.unique(..., axis=0, "
            "return_inverse=True), and look for the largest difference of H in each group.",
            "In each group: rows[np.argmax(h[rows])] and rows[np.argmin(h[rows])]; return "
            "qm9.index of both.",
        ),
        "the same atoms, more than 100 kcal/mol apart: counting atoms cannot tell them apart",
    ),
)
