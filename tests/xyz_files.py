"""XYZ files as people have them: what is read, what is refused, and what comments mean."""

WATER = "3\nwater\nO 0 0 0.12\nH 0 0.76 -0.48\nH 0 -0.76 -0.48\n"

SPELLINGS = [
    WATER.replace("\n", "\r\n"),
    WATER.replace(" ", "\t"),
    WATER.replace("O 0", "o  0.").replace("H 0 0.76", " h 0e0 7.6E-1 "),
    WATER.replace("0.12\n", "0.12 -0.7 more words\n"),
    WATER + "\n \n",
    WATER.rstrip("\n"),
    WATER.replace("0.12", "1.2*^-1"),
    WATER.replace("water", "wa\x0cter"),
    WATER.replace("water", "wa\x85ter \u2028"),
    WATER.replace("0.12", "1.2D-1").replace("-0.48", "-4.8d-01"),
    WATER.replace("\n", "\r"),
    "\n  \n" + WATER,
    WATER.replace("water", "Properties=species:S:1:pos:R:3"),
    WATER.replace("water", "properties = 'species:S:1:pos:R:3' energy=-76.4"),
]

WRONG = [
    ("", "f is empty: expected the number of atoms in its first line"),
    (" \n\n", "f is empty"),
    ("water\n" + WATER, "f, line 1: found 'water', expected the number of atoms of a molecule"),
    ("0\nnothing\n", "f, line 1: found '0', expected .* from 1 to 1,000"),
    ("-3\n\n", "f, line 1: found '-3'"),
    ("³\n\n", "f, line 1: found '³'"),
    ("1001\n\n", "f, line 1: found '1001'"),
    ("3", "f ends after 0 of the 3 atoms that line 1 announces"),
    (WATER[:-20], "f ends after 2 of the 3 atoms|f, line 5"),
    (WATER.replace("3", "4", 1), "f ends after 3 of the 4 atoms that line 1 announces"),
    (WATER.replace("3", "2", 1), "f, line 5: found 'H 0 -0.76 -0.48', expected the number"),
    (WATER.replace("O", "Xx"), "f, line 3: 'Xx' is not an element; expected a symbol"),
    (WATER.replace("O", "8"), "f, line 3: '8' is not an element"),
    (WATER.replace("0.12", "nan"), "f, line 3: z is 'nan', expected a number of Å"),
    (WATER.replace("0.12", "inf"), "f, line 3: z is 'inf'"),
    (WATER.replace("0.12", "1e999"), "f, line 3: z is '1e999'"),
    (WATER.replace("0.12", "far"), "f, line 3: z is 'far'"),
    (WATER.replace("O 0 0 0.12", "O 0 0"), "f, line 3: found 'O 0 0', expected an element and"),
    (WATER.replace("-0.76", "0.76"), r"f, line 5: .* the one in line 4 \(0.000 Å apart\)"),
    ("9" * 9999 + "\n\n", r"f, line 1: found '9{40}\.\.\.'"),
    (WATER.replace("0.12", "1_0.0"), "f, line 3: z is '1_0.0'"),
    (WATER.replace("O", "ſ"), "f, line 3: 'ſ' is not an element"),
    (WATER.replace("0.12", "١"), "f, line 3: z is '١', expected a number of Å"),
    (WATER.replace("0.12", "1.2dd-1"), "f, line 3: z is '1.2dd-1'"),
    (WATER.replace("0.12", "D-1"), "f, line 3: z is 'D-1'"),
    (
        "3\nsmall\nO 0 0 0.012\nH 0 0.076 -0.048\nH 0 -0.076 -0.048\n",
        r"f, lines 3 to 5: every atom is within 0.097 Å of .* in nm; expected Å: .* by 10",
    ),
    ("2\nhydrogen, small\nH 0 0 0\nH 0 0 0.074\n", "f, lines 3 to 4: .* in nm"),
    ("2\n\nH 0 0 0\nH 0 0 0\n", "f, line 4: .* in the same place as the one in line 3"),
    (
        WATER.replace("water", "Properties=species:S:1:forces:R:3"),
        "f, line 2: found Properties='species:S:1:forces:R:3', expected it to have species:S:1",
    ),
    (WATER.replace("water", "Properties=pos:R:3"), "f, line 2: .* species:S:1 and pos:R:3"),
    (WATER.replace("water", "Properties=species:S:1:pos:R:2"), "f, line 2: .* expected it to"),
    (WATER.replace("water", "Properties=species:I:1:pos:R:3"), "f, line 2: .* expected it to"),
    (WATER.replace("water", "Properties=species:S:1:pos:R"), "f, line 2: .* expected names, k"),
    (WATER.replace("water", "Properties=species:S:x:pos:R:3"), "f, line 2: .* expected names"),
    (WATER.replace("water", "Properties="), "f, line 2: found Properties=''"),
    (WATER.replace("water", "Properties=species:S:1:pos:R:3:pos:R:3"), "has 'pos' twice"),
    (
        WATER.replace("water", "Properties=species:S:1:pos:R:3:forces:R:3"),
        "f, line 3: found 'O 0 0 0.12', expected the 7 columns that Properties in line 2",
    ),
    ("9" * 100 + "\n\n", r"f, line 1: found '9{40}\.\.\.'"),
]

COMMENTS = [
    ("", None, None), ("water", None, None), ("charge=1", 1, None), ("Charge: -2", -2, None),
    ("energy=-1.5 total_charge=+1 multiplicity=2", 1, 2), ('charge="1" spin_mult = 3', 1, 3),
    ("0 1", 0, 1), ("-1 2", -1, 2), (" +1\t1 ", 1, 1), ("1 2 3", None, None),
    ("10 20", None, None), ("charge=0.5", None, None), ("recharge=1", None, None),
    ("Properties=species:S:1:pos:R:3:charge:R:1", None, None), ("1 0", None, None),
    ("multiplicity 1", None, 1), ("mult=1", None, 1), ("1.5 2", None, None),
    ("q=+1", 1, None), ("total charge -1", -1, None), ("charge 1.0", 1, None),
    ("charge = 2.", 2, None), ("charge 0.5", None, None), ("q 1", None, None),
    ("charges 1 2", None, None), ("water charge 1 multiplicity 2", 1, 2),
    ("charge=1-", -1, None), ("charge 2+", 2, None), ("charge −1", -1, None),
    ("uhf 1", None, 2), ("charge=0 unpaired electrons: 2", 0, 3), ("0 2 water", 0, 2),
]  # fmt: skip

LATTICES = [
    ("", False), ('Lattice="5 0 0 0 5 0 0 0 5"', True), ('pbc="F F F"', False),
    ('Lattice="5 0 0 0 5 0 0 0 5" pbc="F F F"', False), ('pbc="T F F"', True),
    ("pbc='true true true'", True), ("pbc=T", True), ("a crystal lattice", False),
    ('{"pbc": [true, true, false]}', True), ('{"pbc": [false, false, false]}', False),
]  # fmt: skip

UNITS = [
    ("units=bohr", "bohr", "0.529177"), ('{"unit": "Bohr"}', "Bohr", "0.529177"),
    ("water, units: bohr", "bohr", "0.529177"), ("coordinates in bohr", "bohr", "0.529177"),
    ("(bohr)", "bohr", "0.529177"), ("units=au", "au", "0.529177"), ("units=nm", "nm", "10"),
    ("positions (a.u.)", "a.u.", "0.529177"), ("geometry in pm", "pm", "0.01"),
]  # fmt: skip

OTHER_UNITS = [
    "energy in a.u. -76.3", "alpha=6.31 bohr^3", "Au cluster", "unit cell", "units=angstrom",
    "coordinates in Å", "energy units=au", "units=eV/Å", "dipole moment in au: 0.7",
]  # fmt: skip
