"""Coulomb matrices and how they are sorted: judges of two exercises of the chapter *kernels*."""

from __future__ import annotations

from typing import Any

import numpy as np

from qm9course.checking import Answer, Case
from qm9course.judges import Part, Parts, alone_and_together, at_random, sample

BOHR = 0.529177  # Å


# 4.1


def molecules() -> list[Case]:
    """Return elements and positions to make Coulomb matrices of."""
    cases = []
    for text, row in (("water", 2), ("fluoropyridinol, with all five elements,", 1549)):
        molecule = sample()[row]
        arguments = molecule.atomic_numbers.astype(int), molecule.positions
        cases.append(Case(text, arguments))
    return cases


def distances(x: np.ndarray) -> np.ndarray:
    """Return the distances of all atoms from each other."""
    return np.asarray(np.linalg.norm(x[:, None] - x[None], axis=-1))


def _repulsion(z: np.ndarray, x: np.ndarray, power: float = 1.0) -> np.ndarray:
    """Return the repulsion of nuclei in hartree; what stands on the diagonal is infinite."""
    return np.outer(z, z) / (distances(x) / BOHR) ** power


def coulomb(
    pairs: Part = _repulsion, diagonal: Part = lambda z: 0.5 * z**2.4, then: Part = lambda m: m
) -> Answer:
    """Return a function that makes Coulomb matrices of these parts."""

    def matrix(atomic_numbers: np.ndarray, positions: np.ndarray) -> Any:
        z = atomic_numbers.astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.array(pairs(z, positions), float)
        np.fill_diagonal(found, diagonal(z))
        return then(found)

    return matrix


def _padded(matrix: np.ndarray, size: int = 29) -> np.ndarray:
    return np.pad(matrix, (0, size - len(matrix)))


_PAIRS: Parts = {
    "R is in Å here, and has to be in bohr: divide the distances by 0.529177": (
        lambda z, x: _repulsion(z, x) / BOHR
    ),
    "the distances were multiplied by 0.529177. An ångström is 1.89 bohr, so the number grows: "
    "divide": lambda z, x: _repulsion(z, x) / BOHR**2,
    "1 bohr is 0.529177 Å, and 0.53 is rounded too much": (
        lambda z, x: _repulsion(z, x) * 0.53 / BOHR
    ),
    "the distance is squared: that would be a force; the energy of two charges falls as 1/R": (
        lambda z, x: _repulsion(z, x, 2.0)
    ),
    "the root of the squared distance was taken once too often": (
        lambda z, x: _repulsion(z, x, 0.5)
    ),
    "the charges were multiplied by the distance: nuclei that are far apart repel each other less, "
    "so divide": lambda z, x: _repulsion(z, x, -1.0),
    "the charges of the nuclei are missing off the diagonal: it is Z_i Z_j / R_ij": (
        lambda z, x: _repulsion(np.ones_like(z), x)
    ),
    "the two charges were added: multiply them": (
        lambda z, x: np.add.outer(z, z) * _repulsion(np.ones_like(z), x)
    ),
    "each row has the charge of its own atom alone: the other one belongs there, too": (
        lambda z, x: z[:, None] * _repulsion(np.ones_like(z), x)
    ),
    "each column has the charge of its own atom alone: the other one belongs there, too": (
        lambda z, x: z[None] * _repulsion(np.ones_like(z), x)
    ),
    "the factor 0.5 belongs on the diagonal alone; the other values got it, too": (
        lambda z, x: 0.5 * _repulsion(z, x)
    ),
    "the minus sign is wrong: nuclei repel each other, and their energy is positive": (
        lambda z, x: -_repulsion(z, x)
    ),
    "the distance is the root of (Δx)² + (Δy)² + (Δz)², not the sum of |Δx|, |Δy| and |Δz|": (
        lambda z, x: np.outer(z, z) * BOHR / np.abs(x[:, None] - x[None]).sum(axis=-1)
    ),
    "only the half above the diagonal is filled: an atom repels those before it, too": (
        lambda z, x: np.triu(_repulsion(z, x))
    ),
    "only the half below the diagonal is filled: an atom repels those after it, too": (
        lambda z, x: np.tril(_repulsion(z, x))
    ),
    "only x and y were used for the distances: z counts, too": (
        lambda z, x: _repulsion(z, x * [1, 1, 0])
    ),
    "off the diagonal all is zero: Z_i Z_j / R_ij is missing": lambda z, x: np.zeros((len(z),) * 2),
}
_DIAGONALS: Parts = {
    "the diagonal is twice what it should be: the factor 0.5 is missing, or a half of the matrix "
    "was added to its transpose, with the diagonal in both": lambda z: z**2.4,
    "the exponent on the diagonal is 2.4, and not 2": lambda z: 0.5 * z**2,
    "the power comes before the product: 0.5 * Z ** 2.4, and not (0.5 * Z) ** 2.4": (
        lambda z: (0.5 * z) ** 2.4
    ),
    "the diagonal is zero: 0.5 Z^2.4 belongs there": lambda z: 0.0,
    "the diagonal is infinite, since an atom has no distance from itself: put 0.5 Z^2.4 there": (
        lambda z: np.inf
    ),
    "Z² is on the diagonal, as for an atom at a distance of 1 from itself: put 0.5 Z^2.4 there": (
        lambda z: z**2
    ),
    "0.5 Z^2.4 was added to Z², which the diagonal had already: replace it": (
        lambda z: z**2 + 0.5 * z**2.4
    ),
    "factor and exponent are swapped on the diagonal: 0.5 * Z ** 2.4, and not 2.4 * Z ** 0.5": (
        lambda z: 2.4 * z**0.5
    ),
    "the atomic numbers are on the diagonal: 0.5 Z^2.4 belongs there": lambda z: z,
    "the diagonal was converted as well: 0.5 Z^2.4 has no length in it, and is in hartree": (
        lambda z: 0.5 * z**2.4 * BOHR
    ),
    "the diagonal was divided by 0.529177 as well: 0.5 Z^2.4 has no length in it": (
        lambda z: 0.5 * z**2.4 / BOHR
    ),
}
MATRIX_MISTAKES: dict[str, Answer] = {
    **alone_and_together(coulomb, pairs=_PAIRS, diagonal=_DIAGONALS),
    "it returns None. np.fill_diagonal changes the matrix that it is given, and returns nothing; "
    "or is a `return` missing?": lambda z, x: None,
    "these are the distances in Å: the charges, and the diagonal, are missing": (
        lambda z, x: distances(x)
    ),
    "these are the distances in bohr: the charges, and the diagonal, are missing": (
        lambda z, x: distances(x) / BOHR
    ),
    "these are the eigenvalues of the matrix: return the matrix itself": (
        coulomb(then=np.linalg.eigvalsh)
    ),
    "these are the eigenvalues of the matrix, largest first: return the matrix itself": (
        coulomb(then=lambda m: np.linalg.eigvalsh(m)[::-1])
    ),
    "this is one number, the repulsion of all pairs: return the matrix, with a row for each atom": (
        coulomb(then=lambda m: np.triu(m, 1).sum())
    ),
    "this is filled up with zeros to 29 atoms: here the matrix is as large as the molecule": (
        coulomb(then=_padded)
    ),
    "the last atom is missing: range(n) ends before n by itself": coulomb(
        then=lambda m: m[:-1, :-1]
    ),
    "these are the values on and above the diagonal, in one row: return the whole matrix": (
        coulomb(then=lambda m: m[np.triu_indices(len(m))])
    ),
    "rows and columns were sorted: that is the next exercise; keep the order of the atoms": (
        lambda z, x: rows_sorted()(coulomb()(z, x))
    ),
}


def explain_power(error: BaseException, _: tuple[Any, ...]) -> str | None:
    """Explain ^ in place of **."""
    if "bitwise_xor" in str(error) or "for ^" in str(error):
        return "in Python, ^ is not a power: write Z ** 2.4"
    return None


# 4.2


def to_sort() -> list[Case]:
    """Return matrices to sort, of which no two rows are equal in anything."""
    cyanide = next(m for m in sample() if m.smiles == "C#N")
    four = [[2, 4, 1, 0.5], [4, 1, 3, 6], [1, 3, 8, 2.5], [0.5, 6, 2.5, 5]]
    return [
        Case("3 by 3 numbers", (np.array([[1.0, 6.0, 2.0], [6.0, 0.0, 1.5], [2.0, 1.5, 5.0]]),)),
        Case("4 by 4 numbers", (np.array(four),)),
        Case(
            "the Coulomb matrix of HCN",
            (coulomb()(cyanide.atomic_numbers, cyanide.positions),),
        ),
        Case("a symmetric matrix of 7 rows", (np.abs(at_random(7, 7) + at_random(7, 7).T),)),
    ]


def norms(matrix: np.ndarray) -> np.ndarray:
    """Return the norm of each row."""
    return np.asarray(np.linalg.norm(matrix, axis=1))


def reordered(matrix: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the matrix with its rows and its columns in another order."""
    return matrix[order][:, order]


def rows_sorted(key: Part = norms, move: Part = reordered) -> Answer:
    """Return a function that sorts a matrix by a key of its rows, the largest first."""
    return lambda matrix: move(matrix, np.argsort(-key(matrix), kind="stable"))


def _off_diagonal(matrix: np.ndarray) -> np.ndarray:
    return norms(matrix * (1 - np.eye(len(matrix))))


def _first_exchanged(order: np.ndarray) -> np.ndarray:
    """Return the order after one exchange, which brings the largest to the first place."""
    places = np.arange(len(order))
    places[[0, order[0]]] = places[[order[0], 0]]
    return places


_ROWS_ALONE = (
    "the rows were moved, and the columns were not: an atom has to keep its row and its column"
)
SORT_MISTAKES: dict[str, Answer] = {
    "Python sorts lists by their first numbers: the norms of the rows count": (
        lambda m: np.array(sorted(m.tolist(), reverse=True))
    ),
    **alone_and_together(
        rows_sorted,
        key={
            "this is the order of the numbers on the diagonal: compare the norms of the rows": (
                np.diag
            ),
            "this is the order of the sums of the rows. A norm is the root of the sum of squares": (
                lambda m: m.sum(axis=1)
            ),
            "the numbers on the diagonal are left out of the norms: they count, too": _off_diagonal,
            "this is the order of the largest number of each row: compare their norms": (
                lambda m: m.max(axis=1)
            ),
            "this is the order of the first column: compare the norms of whole rows": (
                lambda m: m[:, 0]
            ),
        },
        move={
            _ROWS_ALONE: lambda m, order: m[order],
            "the columns were moved, and the rows were not: an atom has to keep its row and its "
            "column": lambda m, order: m[:, order],
            "the norms rise from the first row to the last: np.argsort puts the smallest first; "
            "turn the order round": lambda m, order: reordered(m, order[::-1]),
            f"{_ROWS_ALONE}. And the norms rise; the largest comes first": (
                lambda m, order: m[order[::-1]]
            ),
            "matrix[order, order] takes only the numbers on the diagonal: write "
            "matrix[order][:, order], or matrix[np.ix_(order, order)]": (
                lambda m, order: m[order, order]
            ),
            "this is the order, not the matrix in this order: matrix[order][:, order]": (
                lambda m, order: order
            ),
            "order[i] is the old row that belongs at place i. Here old row i was moved to place "
            "order[i], the other way round": lambda m, order: reordered(m, np.argsort(order)),
            "the order was applied twice: once for the rows and once for the columns": (
                lambda m, order: reordered(m, order[order])
            ),
            "only the first place is right: the other rows have to be sorted, too": (
                lambda m, order: reordered(m, _first_exchanged(order))
            ),
            "rows and columns are in opposite orders: both need the same": (
                lambda m, order: m[order][:, order[::-1]]
            ),
            "only the diagonal is in the new order: move whole rows and columns": (
                lambda m, order: m - np.diag(np.diag(m)) + np.diag(np.diag(m)[order])
            ),
        },
    ),
    "the matrix came back as it was": lambda m: m,
    "the norms themselves were sorted and returned: np.argsort gives the order of the rows": (
        lambda m: np.sort(norms(m))[::-1]
    ),
    "these are the norms, smallest first: np.argsort gives the order of the rows": (
        lambda m: np.sort(norms(m))
    ),
    "the numbers of each row were sorted by themselves, so that no column belongs to an atom: move "
    "whole rows and columns": lambda m: np.sort(m, axis=1),
    "the numbers of each row were sorted by themselves, largest first: move whole rows and "
    "columns": lambda m: -np.sort(-m, axis=1),
    "the numbers of each column were sorted by themselves: move whole rows and columns": (
        lambda m: np.sort(m, axis=0)
    ),
    "the numbers of each column were sorted by themselves, largest first: move whole rows and "
    "columns": lambda m: -np.sort(-m, axis=0),
    "all numbers were sorted, whatever their rows: move whole rows and columns": (
        lambda m: -np.sort(-m.ravel()).reshape(m.shape)
    ),
    "these are the eigenvalues, which do not depend on the numbering either; the exercise asks for "
    "the matrix": lambda m: np.linalg.eigvalsh(m)[::-1],
    "these are the eigenvalues, smallest first; the exercise asks for the sorted matrix": (
        np.linalg.eigvalsh
    ),
    "np.linalg.norm without axis=1 is one number for the whole matrix, and there is nothing to "
    "sort": lambda m: m[:1, :1],
    "np.linalg.norm without axis=1 is one number for the whole matrix, and so only one row is "
    "left": lambda m: m[:1],
    "this is one row of numbers: return a matrix, with a row and a column for each atom": (
        lambda m: rows_sorted()(m).ravel()
    ),
    "these are the values on and above the diagonal: return the whole matrix": (
        lambda m: rows_sorted()(m)[np.triu_indices(len(m))]
    ),
}
