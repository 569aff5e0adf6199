import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import constants

from qm9lib import convert
from qm9lib.units import written


def test_units_against_definitions() -> None:
    hartree = constants.physical_constants["Hartree energy in eV"][0]
    assert convert(1.0, "hartree", "eV") == pytest.approx(hartree, rel=1e-9)
    assert convert(1.0, "hartree", "kcal/mol") == pytest.approx(627.5095, abs=5e-5)
    assert convert(1.0, "kcal/mol", "kJ/mol") == pytest.approx(4.184, rel=1e-12)
    wavenumber = constants.physical_constants["hartree-inverse meter relationship"][0] / 100
    assert convert(1.0, "hartree", "cm^-1") == pytest.approx(wavenumber, rel=1e-9)
    assert convert(1.0, "e Å", "D") == pytest.approx(4.80320, abs=1e-5)
    assert convert(1.0, "bohr^3", "Å^3") == pytest.approx(0.529177**3, rel=1e-5)


@pytest.mark.parametrize(
    ("unit", "to", "factor"),
    [
        ("hartree", "meV", 27211.386), ("hartree", "kJ/mol", 2625.4996), ("GHz", "MHz", 1000.0),
        ("cal/(mol K)", "J/(mol K)", 4.184), ("bohr", "Å", 0.52917721),
        ("bohr^2", "Å^2", 0.28002852), ("bohr^3", "Å^3", 0.14818471), ("D", "e Å", 0.20819434),
    ],
)  # fmt: skip
def test_units_against_tables(unit: str, to: str, factor: float) -> None:
    assert convert(1.0, unit, to) == pytest.approx(factor, rel=1e-7)
    assert convert(factor, to, unit) == pytest.approx(1.0, rel=1e-7)


def test_arrays_keep_shape_and_dtype() -> None:
    values = np.ones((2, 3), np.float32)
    converted = convert(values, "eV", "meV")
    assert converted.shape == (2, 3) and converted.dtype == np.float32
    np.testing.assert_allclose(converted, 1000.0)


def test_unknown_unit_and_other_quantity() -> None:
    with pytest.raises(ValueError, match="unknown unit 'kcal'; use one of: hartree, eV, meV, kcal"):
        convert(1.0, "hartree", "kcal")
    with pytest.raises(ValueError, match=r"unit for energy \(given in hartree\) 'D'; .*cm\^-1$"):
        convert(1.0, "hartree", "D")


@given(st.floats(-1e12, 1e12), st.integers(1, 10))
def test_written_numbers_are_the_rounded_ones(value: float, digits: int) -> None:
    text = written(value, digits)
    assert set(text) <= set("0123456789,.−")
    assert float(text.replace(",", "").replace("−", "-")) == float(f"{value:.{digits}g}")
