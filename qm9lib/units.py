"""Units: how large each is, how to convert values between them, and how to write numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import overload

import numpy as np
from jaxtyping import Float

from qm9lib.errors import UnknownNameError

# CODATA 2022, https://physics.nist.gov/cuu/Constants. SciPy's values change with its version.
_HARTREE = 4.359_744_722_2060e-18  # J
_BOHR = 5.291_772_105_44e-11  # m
_PER_MOL = 1 / 6.022_140_76e23
_CHARGE = 1.602_176_634e-19  # C
_PLANCK = 6.626_070_15e-34  # J s
_LIGHT = 299_792_458.0  # m/s
_CALORIE = 4.184  # J
_ANGSTROM = 1e-10  # m

GAS_CONSTANT = 8.314_462_618_153_24
"""The molar gas constant, J/(mol K)."""

# unit -> (what it measures, size in SI units; energies per molecule)
_UNITS: dict[str, tuple[str, float]] = {
    "hartree": ("energy", _HARTREE),
    "eV": ("energy", _CHARGE),
    "meV": ("energy", 1e-3 * _CHARGE),
    "kcal/mol": ("energy", 1e3 * _CALORIE * _PER_MOL),
    "kJ/mol": ("energy", 1e3 * _PER_MOL),
    "cm^-1": ("energy", 1e2 * _PLANCK * _LIGHT),
    "cal/(mol K)": ("heat capacity", _CALORIE),
    "J/(mol K)": ("heat capacity", 1.0),
    "bohr^3": ("polarizability", _BOHR**3),
    "Å^3": ("polarizability", _ANGSTROM**3),
    "bohr^2": ("area", _BOHR**2),
    "Å^2": ("area", _ANGSTROM**2),
    "bohr": ("length", _BOHR),
    "Å": ("length", _ANGSTROM),
    "D": ("dipole moment", 1e-21 / _LIGHT),
    "e Å": ("dipole moment", _CHARGE * _ANGSTROM),
    "GHz": ("frequency", 1e9),
    "MHz": ("frequency", 1e6),
    "-": ("number", 1.0),
}


def written(value: float, digits: int = 3) -> str:
    """Write a number for human readers: no exponent, commas between thousands, a true minus sign.

    Parameters
    ----------
    value
        Any number.
    digits
        How many significant digits to round to.

    Returns
    -------
    str
        The number without trailing zeros.

    Examples
    --------
    >>> written(8123.4), written(-0.768), written(0.00002)
    ('8,120', '−0.768', '0.00002')
    """
    return f"{Decimal(f'{value + 0.0:.{digits}g}'):,f}".replace("-", "−")


@overload
def convert(values: float, unit: str, to: str) -> float: ...
@overload
def convert(
    values: Float[np.ndarray, "*shape"], unit: str, to: str
) -> Float[np.ndarray, "*shape"]: ...
def convert(
    values: float | Float[np.ndarray, "*shape"], unit: str, to: str
) -> float | Float[np.ndarray, "*shape"]:
    """Convert values from one unit to another, with the constants of CODATA 2022.

    Parameters
    ----------
    values
        Number or array of any shape.
    unit
        Unit of ``values``.
    to
        Unit to convert to: another unit of the same quantity.

    Returns
    -------
    float or ndarray
        ``values`` in the unit ``to``, same shape and dtype.

    Raises
    ------
    UnknownNameError
        If a unit is unknown, or the two units measure different quantities.

    Examples
    --------
    >>> round(convert(1.0, "hartree", "kcal/mol"), 4)
    627.5095
    >>> round(convert(1.0, "kcal/mol", "meV"), 3)
    43.364
    """
    for name in (unit, to):
        if name not in _UNITS:
            raise UnknownNameError("unit", name, [*_UNITS])
    quantity, size = _UNITS[unit]
    to_quantity, to_size = _UNITS[to]
    if quantity != to_quantity:
        same = [name for name, (kind, _) in _UNITS.items() if kind == quantity]
        raise UnknownNameError(f"unit for {quantity} (given in {unit})", to, same)
    return values * (size / to_size)
