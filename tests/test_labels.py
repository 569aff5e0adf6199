import json
import subprocess
import sys
from pathlib import Path

import pytest
from scipy import constants

from qm9lib import ATOM_REFERENCES, ELEMENTS, LABELS, SYMBOLS, convert
from qm9lib.units import written


def test_columns_are_those_of_the_published_data() -> None:
    names = "index A B C mu alpha homo lumo gap r2 zpve U0 U H G Cv".split()
    assert list(LABELS) == names
    assert [LABELS[i].name for i in range(16)] == names
    assert [LABELS[name].index for name in names] == list(range(16))


# Name, symbol, unit, growth and origin: the readme of the published data, and thermodynamics.
PUBLISHED = r"""
index ; i                              ; -           ; neither   ;
A     ; A                              ; GHz         ; neither   ;
B     ; B                              ; GHz         ; neither   ;
C     ; C                              ; GHz         ; neither   ;
mu    ; \mu                            ; D           ; neither   ;
alpha ; \alpha                         ; bohr^3      ; extensive ;
homo  ; \epsilon_\mathrm{HOMO}         ; hartree     ; intensive ;
lumo  ; \epsilon_\mathrm{LUMO}         ; hartree     ; intensive ;
gap   ; \epsilon_\mathrm{gap}          ; hartree     ; intensive ; difference
r2    ; \langle R^2 \rangle            ; bohr^2      ; neither   ;
zpve  ; \mathrm{zpve}                  ; hartree     ; extensive ; difference
U0    ; U_0                            ; hartree     ; extensive ; total
U     ; U                              ; hartree     ; extensive ; total
H     ; H                              ; hartree     ; extensive ; total
G     ; G                              ; hartree     ; extensive ; total
Cv    ; C_\mathrm{v}                   ; cal/(mol K) ; extensive ;
"""


def test_labels_are_those_of_the_readme() -> None:
    rows = [[cell.strip() for cell in line.split(";")] for line in PUBLISHED.strip().splitlines()]
    found = [[x.name, x.symbol, x.unit, x.scaling, x.origin] for x in LABELS.values()]
    assert found == rows


def test_energies_of_free_atoms_are_the_published_ones() -> None:
    text = (Path(__file__).parent / "files" / "atomref.txt").read_text(encoding="ascii")
    lines = [line.split() for line in text.splitlines()]
    for z, symbol in SYMBOLS.items():
        [row] = [line for line in lines if line[:1] == [symbol]]
        for column, label in enumerate(("U0", "U", "H", "G"), start=2):
            assert ATOM_REFERENCES[label][z] == float(row[column])


def test_table_shows_every_label_once() -> None:
    rows = LABELS._repr_markdown_().splitlines()
    assert len(rows) == 2 + 16
    assert all(row.count("|") == 8 for row in rows)
    assert rows[15] == ("| 13 | H | $H$ | hartree | enthalpy at 298.15 K | extensive | total |")


@pytest.mark.parametrize("key", ["enthalpy", "h", 16, -1])
def test_unknown_label_names_the_labels(key: str | int) -> None:
    with pytest.raises(
        KeyError, match=f"unknown label {key!r}; use one of: index, A, B, .*, G, Cv"
    ):
        LABELS[key]


def test_every_label_has_a_known_unit() -> None:
    for label in LABELS.values():
        assert convert(2.5, label.unit, label.unit) == 2.5


def test_free_atoms_differ_by_the_gas_law() -> None:
    # A free atom has no vibrations: U - U0 = 3/2 RT and H - U = RT.
    rt = convert(constants.R * 298.15 / 1e3, "kJ/mol", "hartree")
    for z in ELEMENTS:
        free = {label: ATOM_REFERENCES[label][z] for label in ATOM_REFERENCES}
        assert free["U"] - free["U0"] == pytest.approx(1.5 * rt, abs=1.5e-6)
        assert free["H"] - free["U"] == pytest.approx(rt, abs=1.5e-6)
    assert {"".join(SYMBOLS.values())} == {"HCNOF"}


def test_nothing_is_written_without_a_sign() -> None:
    assert written(-0.0) == "0"
    assert written(7.6e-5) == "0.000076"
    assert written(-1101.12349, 7) == "−1,101.123"


def test_import_is_light() -> None:
    code = (
        "import sys, json, qm9lib; qm9lib.load_sample();"
        "print(json.dumps([m for m in ('jax', 'tensorflow', 'matplotlib') if m in sys.modules]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(out.stdout) == []
