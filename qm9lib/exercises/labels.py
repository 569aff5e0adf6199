"""Exercises of the chapter *labels*: units, zeros of energy, what grows with the molecule."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import constants

from qm9lib import ATOM_REFERENCES, QM9, convert, load_sample
from qm9lib.exercises.checking import Answer, Case, Exercise, compared
from qm9lib.exercises.diagnosis import describe

_HARTREE = convert(1.0, "hartree", "kcal/mol")
_GAS_CONSTANT = convert(constants.R / 1000, "kJ/mol", "hartree")  # hartree/K
_ROOM = 298.15  # K
_SUMS = ("alpha", "zpve", "H", "Cv")


def _energies() -> list[Case]:
    return [
        Case("1 hartree", (1.0,)),
        Case("the enthalpy of methane", (-40.475117,)),
        Case("three energies", (np.array([0.0, -0.5, 2.0]),)),
    ]


def _molecules() -> list[Case]:
    sample = load_sample()
    return [
        Case(
            f"{molecule.formula} (number {molecule.index})",
            (molecule.atomic_numbers.copy(), molecule.target("H"), dict(ATOM_REFERENCES["H"])),
            atoms=len(molecule.atomic_numbers),
        )
        for molecule in (sample[i] for i in (0, 2, 7, 633, 1500))
    ]


def _atomization(z: Any, total: float, atoms: dict[int, float]) -> float:
    return _HARTREE * (total - sum(atoms[int(n)] for n in z))


def _heavy_only(z: Any, total: float, atoms: dict[int, float]) -> float:
    return _atomization(z[z > 1], total, atoms)


def _each_once(z: Any, total: float, atoms: dict[int, float]) -> float:
    return _atomization(np.unique(z), total, atoms)


def _pairs() -> list[Case]:
    sample = load_sample()
    one, other = sample[2], sample[0]  # water and methane, whose values all differ
    pairs = [("water and methane", one, other), ("methane and water", other, one)]
    return [
        *(
            Case(f"{name} of {text}", (name, a.target(name), b.target(name)))
            for text, a, b in pairs
            for name in (*_SUMS, "homo", "lumo")
        ),
        Case("lumo, where one is negative,", ("lumo", -0.08, 0.03)),
    ]


def _pair(name: str, one: float, other: float) -> float:
    if name == "homo":
        return max(one, other)
    return min(one, other) if name == "lumo" else one + other


def _exchanged(name: str, one: float, other: float) -> float:
    return _pair({"homo": "lumo", "lumo": "homo"}.get(name, name), one, other)


def _isomers(answer: Answer) -> str | None:
    sample = load_sample()
    found = answer(sample)
    if isinstance(found, set):
        return "a set has no order: return two numbers, as in `return a, b`"
    try:
        first, second = (int(number) for number in found)
    except (TypeError, ValueError):
        return f"it returns {describe(found)}, expected two numbers of molecules, `return a, b`"
    rows = [np.flatnonzero(sample.index == number) for number in (first, second)]
    for number, row in zip((first, second), rows, strict=True):
        if not len(row):
            return (
                f"no molecule of the sample has the number {number}: is it a row? The number of "
                "the molecule in row i is qm9.index[i]"
            )
    return _judge_isomers(sample, int(rows[0][0]), int(rows[1][0]))


def _judge_isomers(sample: QM9, one: int, other: int) -> str | None:
    if one == other:
        return "that is one molecule twice"
    if (sample.composition[one] != sample.composition[other]).any():
        both = f"{sample[one].formula} and {sample[other].formula}"
        return f"{both} are not isomers: their enthalpies differ by whole atoms"
    enthalpy = sample.target("H", "kcal/mol")
    difference = enthalpy[one] - enthalpy[other]
    if difference < 0:
        return "the other way round: return the less stable one, of higher enthalpy, first"
    if difference < 100:
        return f"they differ by {difference:.1f} kcal/mol only; more than 100 is asked for"
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
                for coarse in (627.5, 627.0, 628.0, 630.0)
            },
            unit="kcal/mol",
            rtol=1e-6,
        ),
        (
            "Which of the two units is the larger one? Then the number gets larger, too.",
            "One hartree is 27.2114 eV, and one eV is 23.0605 kcal/mol.",
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
                "this is the total enthalpy: take off the enthalpies of the free atoms": (
                    lambda z, total, atoms: _HARTREE * total
                ),
                "the hydrogen atoms are missing: they are free atoms, too": _heavy_only,
                "each element was counted once; count each atom": _each_once,
                "this is the sum of the free atoms: it is to be taken off the total": (
                    lambda z, total, atoms: _HARTREE * sum(atoms[int(n)] for n in z)
                ),
                "the total is in kcal/mol and the free atoms are in hartree: take them off first, "
                "and then turn the difference into kcal/mol": (
                    lambda z, total, atoms: _HARTREE * total - sum(atoms[int(n)] for n in z)
                ),
                "this takes off one atom of every element in references: take off those that the "
                "molecule has, each as often as it has it": (
                    lambda z, total, atoms: _HARTREE * (total - sum(atoms.values()))
                ),
                "the free atoms were added; take them off": (
                    lambda z, total, atoms: _HARTREE * (total + sum(atoms[int(n)] for n in z))
                ),
            },
            unit="kcal/mol",
        ),
        (
            "Zero is the free atoms. How far below zero is the molecule?",
            "Add references[z] for each z in atomic_numbers, hydrogen too, and take the sum off "
            "the total.",
            "sum(references[int(z)] for z in atomic_numbers); then convert to kcal/mol.",
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
            ],
            {
                "that is U - RT; a gas that expands does work against the pressure: H = U + RT": (
                    lambda energy, temperature: energy - _GAS_CONSTANT * temperature
                ),
                "RT is in kcal/mol and U in hartree: numbers of two units cannot be added": (
                    lambda energy, temperature: energy + _HARTREE * _GAS_CONSTANT * temperature
                ),
                "RT is in J/mol and U in hartree: numbers of two units cannot be added": (
                    lambda energy, temperature: energy + constants.R * temperature
                ),
                "RT is in kJ/mol and U in hartree: numbers of two units cannot be added": (
                    lambda energy, temperature: energy + constants.R / 1000 * temperature
                ),
                "RT is 1,000 times too large: R is in J, and a hartree was given in kJ": (
                    lambda energy, temperature: energy + 1000 * _GAS_CONSTANT * temperature
                ),
                "273.15 was added to the temperature, which is in kelvin already": (
                    lambda energy, temperature: energy + _GAS_CONSTANT * (temperature + 273.15)
                ),
                "3/2 RT is the kinetic energy, which U holds already; PV = RT is to be added": (
                    lambda energy, temperature: energy + 1.5 * _GAS_CONSTANT * temperature
                ),
                "the temperature is given in kelvin: 273.15 is not to be taken off": (
                    lambda energy, temperature: energy + _GAS_CONSTANT * (temperature - 273.15)
                ),
                "the argument `temperature` is not used: the enthalpy is always that at 298.15 K": (
                    lambda energy, temperature: energy + _GAS_CONSTANT * _ROOM
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
            "H = U + PV. What is PV for one mole of an ideal gas?",
            "PV = RT, with R = 8.314 J/(mol K). In which unit is U?",
            "R = 8.314462618e-3 / 2625.4996 hartree/K; return internal_energy + R * temperature.",
        ),
        "RT is 0.6 kcal/mol at room temperature: the same for all molecules, so that it tells no "
        "two of them apart",
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
                "a distance between the sizes of the energies: keep their signs": (
                    lambda homo, lumo: convert(abs(lumo) - abs(homo), "hartree", "eV")
                ),
            },
            unit="eV",
        ),
        (
            "The gap is what it costs to lift an electron from the homo to the lumo.",
            "The lumo lies higher, so the gap is lumo - homo, in hartree.",
            "1 hartree is 27.2114 eV.",
        ),
        "organic molecules have gaps of some eV: they absorb ultraviolet light",
    ),
    Exercise(
        "1.5",
        "Two molecules far apart",
        "of_the_pair",
        compared(
            _pair,
            _pairs,
            {
                "not everything adds up: an orbital energy is that of one electron, in one of the "
                "two molecules": lambda name, one, other: one + other,
                "an orbital belongs to one of the two molecules: a mean is the energy of neither": (
                    lambda name, one, other: (
                        (one + other) / 2 if name in ("homo", "lumo") else one + other
                    )
                ),
                "energy, heat capacity and polarizability of two molecules add up": (
                    lambda name, one, other: (
                        _pair(name, one, other) if name in ("homo", "lumo") else (one + other) / 2
                    )
                ),
                "homo is the highest occupied orbital of all, and lumo the lowest free one: they "
                "were exchanged": _exchanged,
                "the value of the first molecule alone: which of the two is the highest, or the "
                "lowest, depends on the molecules": (
                    lambda name, one, other: one if name in ("homo", "lumo") else one + other
                ),
                "lumo is right, and homo is the highest occupied orbital of all, not the lowest": (
                    lambda name, one, other: (
                        min(one, other) if name == "homo" else _pair(name, one, other)
                    )
                ),
                "lumo is the lowest free orbital, with its sign: a negative one lies below zero": (
                    lambda name, one, other: (
                        min(one, other, key=abs) if name == "lumo" else _pair(name, one, other)
                    )
                ),
                "homo is right, and lumo is the lowest free orbital of all, not the highest": (
                    lambda name, one, other: (
                        max(one, other) if name == "lumo" else _pair(name, one, other)
                    )
                ),
            },
        ),
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
        "the same atoms, more than 100 kcal/mol apart: counting atoms alone cannot tell",
    ),
)
