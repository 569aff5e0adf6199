"""Describe atoms with a library of others: run by ``benchmarks/kernels.py`` in its environment.

    python represent.py soap|fchl19 RADIAL DEGREE CUTOFF MOLECULES.npz FEATURES.npz

Writes the features of all atoms, float32, and the seconds that it took to make them.
"""

from __future__ import annotations

import sys
import time
from importlib.metadata import version

import numpy as np

ELEMENTS = ["H", "C", "N", "O", "F"]


def soap(molecules: list, radial: int, degree: int, cutoff: float):
    """Return a function from a molecule to the SOAP vectors of its atoms."""
    from ase import Atoms
    from dscribe.descriptors import SOAP

    descriptor = SOAP(
        species=ELEMENTS, r_cut=cutoff, n_max=radial, l_max=degree, sigma=0.3, periodic=False,
        weighting={"function": "pow", "r0": 1.6, "c": 1, "d": 1, "m": 8},
    )  # fmt: skip
    return lambda z, x: descriptor.create(Atoms(numbers=z, positions=x))


def fchl19(molecules: list, radial: int, degree: int, cutoff: float):
    """Return a function from a molecule to the FCHL19 vectors of its atoms."""
    from qmllib.representations import generate_fchl19

    options = {"elements": [1, 6, 7, 8, 9], "rcut": cutoff, "acut": cutoff, "pad": 29}
    return lambda z, x: generate_fchl19(z, x, **options)[: len(z)]


def main() -> None:
    """Describe all molecules, after one to warm up."""
    name, radial, degree, cutoff, source, target = sys.argv[1:]
    stored = np.load(source)
    cuts = stored["offsets"][1:-1]
    molecules = list(
        zip(
            np.split(stored["atomic_numbers"].astype(int), cuts),
            np.split(stored["positions"], cuts),
            strict=True,
        )
    )
    make = {"soap": soap, "fchl19": fchl19}[name]
    describe = make(molecules, int(radial), int(degree), float(cutoff))
    describe(*molecules[0])
    start = time.perf_counter()
    found = [np.asarray(describe(z, x), np.float32) for z, x in molecules]
    seconds = time.perf_counter() - start
    package = {"soap": "dscribe", "fchl19": "qmllib"}[name]
    np.savez(
        target,
        features=np.concatenate(found),
        seconds=seconds,
        version=f"{package} {version(package)}",
    )


if __name__ == "__main__":
    main()
