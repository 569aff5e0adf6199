"""QM9 as flat read-only arrays, and its named splits.

A molecule is a slice of long arrays, so that reading all 130,831 only means mapping one file.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, overload

import numpy as np
from jaxtyping import Float, Int, Int8, Shaped

from qm9lib.data import sources, splits
from qm9lib.data.geometry import ATOMIC_WEIGHTS
from qm9lib.data.molecule import Molecule
from qm9lib.errors import UnknownNameError
from qm9lib.labels import ATOM_REFERENCES, ELEMENTS, LABELS, check_elements
from qm9lib.units import convert


class Split(NamedTuple):
    """Three parts of a data set with no molecule in common."""

    train: QM9
    valid: QM9
    test: QM9


@dataclass(frozen=True, eq=False, repr=False)
class QM9:
    """Molecules as flat arrays, kept as read-only views.

    The atoms of molecule ``i`` are rows ``offsets[i]`` to ``offsets[i + 1]`` of the atom arrays.
    ``qm9[i]`` is a `Molecule`; ``qm9[slice]``, ``qm9[indices]`` and ``qm9[boolean_mask]`` are a
    smaller `QM9`.

    Attributes
    ----------
    index
        Number of each molecule in QM9, from 1; shape (molecules,), int64.
    offsets
        First atom of each molecule, and the number of atoms; shape (molecules + 1,), int64.
    atomic_numbers
        Shape (atoms,), int8.
    positions
        Shape (atoms, 3), float64, Å.
    charges
        Mulliken charges, shape (atoms,), float64, elementary charges.
    labels
        Shape (molecules, 16), float64, in the units of ``LABELS``; column 0 is the index.
    smiles
        SMILES in GDB-17, shape (molecules,), str.

    Raises
    ------
    ValueError
        If an array has the wrong kind or shape, a molecule has no atoms, or an atom is not H, C, N,
        O or F.

    Examples
    --------
    >>> import qm9lib
    >>> sample = qm9lib.load_sample()
    >>> sample[0]
    Molecule(1: CH4, C, 5 atoms)
    >>> sample[:3].smiles
    array(['C', 'N', 'O'], dtype='<U21')
    """

    # Whether the shapes fit together is checked below; the message says which one does not.
    index: Int[np.ndarray, " molecules"]
    offsets: Int[np.ndarray, " molecules_and_1"]
    atomic_numbers: Int8[np.ndarray, "..."]
    positions: Float[np.ndarray, "..."]
    charges: Float[np.ndarray, "..."]
    labels: Float[np.ndarray, "..."]
    smiles: Shaped[np.ndarray, "..."]

    def __post_init__(self) -> None:
        for name, kind, words in (
            ("index", "iu", "integers"), ("offsets", "iu", "integers"),
            ("atomic_numbers", "iu", "integers"), ("positions", "f", "floats"),
            ("charges", "f", "floats"), ("labels", "f", "floats"), ("smiles", "U", "text"),
        ):  # fmt: skip
            given = getattr(self, name)
            if not isinstance(given, np.ndarray) or given.dtype.kind not in kind or not given.ndim:
                found = f"of {given.dtype}" if isinstance(given, np.ndarray) else repr(type(given))
                raise ValueError(f"{name} must be a NumPy array of {words}, given one {found}")
        if not len(self.offsets):
            raise ValueError("offsets must begin with 0, given none")
        molecules, atoms = len(self.index), int(self.offsets[-1])
        for name, shape in (
            ("index", (molecules,)),
            ("offsets", (molecules + 1,)),
            ("atomic_numbers", (atoms,)),
            ("positions", (atoms, 3)),
            ("charges", (atoms,)),
            ("labels", (molecules, len(LABELS))),
            ("smiles", (molecules,)),
        ):
            if getattr(self, name).shape != shape:
                raise ValueError(
                    f"{name} has shape {getattr(self, name).shape}, expected {shape} "
                    f"for {molecules} molecules with {atoms} atoms"
                )
        if np.any(self.offsets[:1] != 0) or np.any(self.n_atoms < 1):
            raise ValueError(
                "offsets must begin with 0 and grow by at least 1 for each molecule; "
                f"given {self.offsets[:5].tolist()} and so on"
            )
        check_elements(self.atomic_numbers)
        for field in fields(self):
            # A new view: the caller's array stays as it is.
            view = getattr(self, field.name).view()
            view.setflags(write=False)
            object.__setattr__(self, field.name, view)

    def __len__(self) -> int:
        """Return the number of molecules."""
        return len(self.index)

    def __iter__(self) -> Iterator[Molecule]:
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, key: int) -> Molecule: ...
    @overload
    def __getitem__(self, key: slice | np.ndarray | list[int]) -> QM9: ...
    def __getitem__(self, key: Any) -> Molecule | QM9:
        """Return one molecule for an integer, a `QM9` for a slice, indices or a boolean mask.

        Raises
        ------
        IndexError
            If a molecule is out of range, or a boolean mask has the wrong length.
        """
        # A lone boolean is an integer to Python, and a mask without dimensions to NumPy.
        if not isinstance(key, bool | np.bool_):
            try:
                i = operator.index(key)
            except TypeError:  # not an integer
                pass
            else:
                return self._molecule(i)
        if isinstance(key, list) and not key:
            key = slice(0)
        try:
            rows = np.arange(len(self))[key]
        except (IndexError, ValueError, TypeError):  # also for [::0], [::1.5] and lists in lists
            rows = None
        if rows is None or rows.ndim != 1:
            raise IndexError(
                f"cannot take {key!r} from {len(self)} molecules: use an integer, a slice, "
                f"integers from 0 to {len(self) - 1}, or {len(self)} booleans"
            )
        return self._take(rows)

    def _molecule(self, i: int) -> Molecule:
        if not -len(self) <= i < len(self):
            raise IndexError(
                f"molecule {i} is out of range: this set has {len(self)}, counted from 0 "
                "(the published numbers, counted from 1, are in .index)"
            )
        i %= len(self)
        atoms = slice(self.offsets[i], self.offsets[i + 1])
        return Molecule(
            index=int(self.index[i]),
            atomic_numbers=self.atomic_numbers[atoms],
            positions=self.positions[atoms],
            charges=self.charges[atoms],
            labels=self.labels[i],
            smiles=str(self.smiles[i]),
        )

    def _take(self, rows: Int[np.ndarray, " rows"]) -> QM9:
        n_atoms = self.n_atoms[rows]
        offsets = np.concatenate([[0], np.cumsum(n_atoms)])
        # Atom a of the new set is as far from its molecule's first atom as in the old set.
        atoms = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], n_atoms)
        return QM9(
            index=self.index[rows],
            offsets=offsets,
            atomic_numbers=self.atomic_numbers[atoms],
            positions=self.positions[atoms],
            charges=self.charges[atoms],
            labels=self.labels[rows],
            smiles=self.smiles[rows],
        )

    @property
    def n_atoms(self) -> Int[np.ndarray, " molecules"]:
        """Number of atoms in each molecule."""
        return np.diff(self.offsets)

    @property
    def composition(self) -> Int[np.ndarray, "molecules 5"]:
        """Number of H, C, N, O and F atoms in each molecule."""
        return self._by_element(None)

    @property
    def spread(self) -> Float[np.ndarray, "molecules 5"]:
        """Sum of (distance from the centre of mass)² in Å² over the H, C, N, O and F atoms."""
        mass = np.array([ATOMIC_WEIGHTS[z] for z in ELEMENTS])[self._element]
        positions = self.positions.astype(np.float64)
        moments = [np.bincount(self._owner, mass * x, len(self)) for x in positions.T]
        centre = np.array(moments) / np.bincount(self._owner, mass, len(self))
        squared = ((positions - centre.T[self._owner]) ** 2).sum(axis=1)
        return self._by_element(squared).astype(np.float64)  # integers if there are no atoms

    @property
    def _element(self) -> Int[np.ndarray, " atoms"]:
        return np.searchsorted(ELEMENTS, self.atomic_numbers)

    @property
    def _owner(self) -> Int[np.ndarray, " atoms"]:
        return np.repeat(np.arange(len(self)), self.n_atoms)

    def _by_element(self, values: Float[np.ndarray, " atoms"] | None) -> np.ndarray:
        """Add up values over the atoms of each element in each molecule; None counts the atoms."""
        cell = self._owner * len(ELEMENTS) + self._element
        cells = np.bincount(cell, values, minlength=len(self) * len(ELEMENTS))
        return cells.reshape(len(self), len(ELEMENTS))

    @property
    def n_heavy(self) -> Int[np.ndarray, " molecules"]:
        """Number of atoms other than hydrogen in each molecule."""
        return self.composition[:, 1:].sum(axis=1)

    def target(self, label: str, unit: str | None = None) -> Float[np.ndarray, " molecules"]:
        """Return one label of all molecules.

        Parameters
        ----------
        label
            A name in ``LABELS``, such as ``"H"`` for the enthalpy.
        unit
            Unit of the result; by default the published unit.

        Returns
        -------
        ndarray
            Shape (molecules,), float64.

        Raises
        ------
        UnknownNameError
            If the label or unit is unknown, or the unit measures something else.

        Examples
        --------
        >>> import qm9lib
        >>> qm9lib.load_sample().target("H", unit="eV")[:1].round(2)
        array([-1101.38])
        """
        published = LABELS[label]
        values = self.labels[:, published.index]
        return values if unit is None else convert(values, published.unit, unit)

    def atomization_energy(
        self, label: str = "U0", unit: str = "hartree"
    ) -> Float[np.ndarray, " molecules"]:
        """Return a total energy minus the energies of the free atoms (negative if bound).

        Parameters
        ----------
        label
            A total energy: ``"U0"``, ``"U"``, ``"H"`` or ``"G"``.
        unit
            Unit of the result.

        Returns
        -------
        ndarray
            Shape (molecules,), float64.

        Raises
        ------
        UnknownNameError
            If the label has no free-atom energies, or the unit is not a unit of energy.

        Examples
        --------
        >>> import qm9lib
        >>> qm9lib.load_sample().atomization_energy("H", "kcal/mol")[:1].round(1)
        array([-401.])
        """
        if label not in ATOM_REFERENCES:
            raise UnknownNameError("total energy", label, [*ATOM_REFERENCES])
        atoms = self.composition @ np.array([ATOM_REFERENCES[label][z] for z in ELEMENTS])
        return convert(self.target(label) - atoms, "hartree", unit)

    def split(self, name: str) -> Split:
        """Return the training, validation and test parts of a named split.

        Parameters
        ----------
        name
            ``"dimenet"``: a fixed permutation of the 130,831 molecules cut into 110,000 for
            training, 10,000 for validation and 10,831 for testing, as in the literature
            (Gasteiger et al. 2020). DimeNet's own file leaves out the wrong molecules, so it
            differs at 1,993 positions, 173 of the test set.
            ``"course"``: the first 5,000, 1,000 and 1,000 of those three.

        Returns
        -------
        Split
            ``(train, valid, test)``, three `QM9`; always the same molecules in the same order.

        Raises
        ------
        ValueError
            If the split is unknown, or this is not the set of 130,831 characterized molecules.

        Examples
        --------
        >>> import qm9lib
        >>> train, valid, test = qm9lib.load().split("course")
        >>> train[0]
        Molecule(114631: C6H10O3, COC12CC1OC2CO, 19 atoms)
        """
        return Split(*(self[part] for part in splits.parts(name, self.index)))

    def __repr__(self) -> str:
        return f"QM9({len(self):,} molecules, {len(self.atomic_numbers):,} atoms)"


_FAR = 1e12  # in Å or the unit of a label; the labels of QM9 stay below 1e4


def check_finite(qm9: QM9, label: str, what: str = "molecules") -> None:
    """Raise an error if a label or position of a molecule is not a number to compute with.

    Such values are NaN, infinite, or so large that a network's float32 cannot hold their square.

    Parameters
    ----------
    qm9
        Molecules.
    label
        Name of the label to check.
    what
        What to call them in the message, such as "training molecules".

    Raises
    ------
    ValueError
        If there is one; the message says how many molecules are affected, and names the first.

    Examples
    --------
    >>> import qm9lib
    >>> check_finite(qm9lib.load_sample(), "H")
    """
    first_atoms = qm9.offsets[:-1]
    near = (np.abs(qm9.positions) < _FAR).all(axis=1)
    positions = np.logical_and.reduceat(near, first_atoms)
    labels = np.abs(qm9.target(label)) < _FAR
    for name, finite in ((f"label {label}", labels), ("positions", positions)):
        if not finite.all():
            raise ValueError(
                f"{np.sum(~finite):,} of the {len(qm9):,} {what} have no finite {name} below "
                f"{_FAR:g}, such as number {qm9.index[~finite][0]}: leave them out"
            )


def load(source: str = "auto", *, keep_uncharacterized: bool = False) -> QM9:
    """Return the 130,831 characterized molecules of QM9.

    The first call reads them from their source, checks that they are the published molecules, and
    writes a cache file of 110 MB; later calls check that file and map it into memory. The file is
    in the user's cache folder, or in the folder named by the environment variable ``QM9LIB_CACHE``.

    Parameters
    ----------
    source
        ``"auto"``: whatever is already on this machine, whether the cache, the installed package
        ``qm9pack``, or the published archive once it has been fetched. Nothing is downloaded.
        ``"qm9pack"``: the installed package.
        ``"figshare"``: the published archive of Ramakrishnan et al. (2014), which is fetched
        (87 MB) unless it is already here. Its molecules are the same, to the last bit.
        ``"sample"``: what `load_sample` returns.
    keep_uncharacterized
        Whether to keep the 3,054 molecules whose bonds changed when the geometry was relaxed, which
        the authors advise leaving out. Only the archive has them.

    Returns
    -------
    QM9
        All molecules in published order, with read-only arrays.

    Raises
    ------
    UnknownNameError
        If there is no such source.
    DataError
        If the source is missing or damaged, cannot be fetched, or does not have these molecules;
        or if the cache file cannot be written. The message says what to do.

    Examples
    --------
    >>> load()
    QM9(130,831 molecules, 2,359,210 atoms)
    """
    return QM9(**sources.columns(source, keep_uncharacterized))


def load_sample() -> QM9:
    """Return the bundled sample: 2,000 molecules of all sizes that need no download.

    It contains all molecules with up to five atoms other than hydrogen, and a random selection of
    the larger ones. It has no named split.

    Examples
    --------
    >>> load_sample()
    QM9(2,000 molecules, 30,360 atoms)
    """
    return QM9(**sources.columns("sample"))
