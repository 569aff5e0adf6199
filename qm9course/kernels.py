"""The older methods that the *kernels* chapter compares with: kernels of whole molecules."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

from qm9lib import ELEMENTS, QM9
from qm9lib.models import composition

_BOHR = 0.529177  # Å
_LARGEST = 29  # atoms of a molecule of QM9


def coulomb_matrices(qm9: QM9) -> Float[np.ndarray, "molecules entries"]:
    """Return sorted Coulomb matrices, padded with zeros (Rupp et al. 2012, Hansen et al. 2013).

    Parameters
    ----------
    qm9
        Molecules of up to 29 atoms.

    Returns
    -------
    np.ndarray
        Shape (molecules, 435), hartree: the upper triangle of each.

    Examples
    --------
    >>> import qm9lib
    >>> water = coulomb_matrices(qm9lib.load_sample()[2:3])
    >>> water[0, :3].round(1)
    array([73.5,  4.4,  4.4])
    """
    found = np.zeros((len(qm9), _LARGEST, _LARGEST))
    for row, molecule in enumerate(qm9):
        z, x = molecule.atomic_numbers.astype(float), molecule.positions
        n = len(z)
        matrix = np.outer(z, z) * _BOHR / (cdist(x, x) + np.eye(n))
        np.fill_diagonal(matrix, 0.5 * z**2.4)
        order = np.argsort(-np.linalg.norm(matrix, axis=1), kind="stable")
        found[row, :n, :n] = matrix[order][:, order]
    first, second = np.triu_indices(_LARGEST)
    return found[:, first, second]


def bags_of_bonds(qm9: QM9, places: QM9) -> Float[np.ndarray, "molecules entries"]:
    """Return bags of bonds (Hansen et al. 2015): sorted repulsions, by pair of elements.

    Parameters
    ----------
    qm9
        Molecules.
    places
        Molecules that determine how many places each bag needs.

    Returns
    -------
    np.ndarray
        Shape (molecules, places), hartree; the weakest repulsions, for which there is no place, are
        left out.

    Examples
    --------
    >>> import qm9lib
    >>> water = qm9lib.load_sample()[2:3]
    >>> bags_of_bonds(water, water).round(1).tolist()  # H-H, H-O, H-O, then the atoms
    [[0.3, 4.4, 4.4, 0.5, 0.5, 73.5]]
    """
    counts = places.composition
    columns = []
    for a, b in combinations_with_replacement(range(len(ELEMENTS)), 2):
        pairs = counts[:, a] * (counts[:, a] - 1) // 2 if a == b else counts[:, a] * counts[:, b]
        columns.append(((ELEMENTS[a], ELEMENTS[b]), int(pairs.max())))
    atoms = [(z, int(counts[:, i].max())) for i, z in enumerate(ELEMENTS)]
    rows = []
    for molecule in qm9:
        z, x = molecule.atomic_numbers.astype(int), molecule.positions
        i, j = np.triu_indices(len(z), k=1)
        repulsion = z[i] * z[j] * _BOHR / np.linalg.norm(x[i] - x[j], axis=1)
        low, high = np.minimum(z[i], z[j]), np.maximum(z[i], z[j])
        bags = [_filled(repulsion[(low == a) & (high == b)], n) for (a, b), n in columns]
        bags += [_filled(0.5 * z[z == a] ** 2.4, n) for a, n in atoms]
        rows.append(np.concatenate(bags))
    return np.array(rows)


def predict(
    train: QM9,
    others: QM9,
    x: Float[np.ndarray, "train entries"],
    x_others: Float[np.ndarray, "others entries"],
    *,
    width: float,
    ridge: float = 1e-9,
    label: str = "H",
) -> Float[np.ndarray, " others"]:
    """Predict a label with a Laplacian kernel of whole molecules.

    The kernel is exp(-d / width), with d the sum of absolute differences of the features.

    Parameters
    ----------
    train, others
        Molecules to learn from, and to predict.
    x, x_others
        Their features.
    width
        Width of the kernel, in the unit of the features.
    ridge
        Number added to the diagonal.
    label
        Name of the label.

    Returns
    -------
    np.ndarray
        Shape (others,), in the published unit of the label.

    Examples
    --------
    >>> import qm9lib
    >>> sample = qm9lib.load_sample()
    >>> few, others = sample[500:900:2], sample[501:900:2]
    >>> x, y = coulomb_matrices(few), coulomb_matrices(others)
    >>> qm9lib.mae(predict(few, others, x, y, width=1000.0), others.target("H")) < 20
    True
    """
    reference = composition.fit(train, label)
    kernel = np.exp(-cdist(x, x, "cityblock") / width) + ridge * np.eye(len(x))
    weights = cho_solve(cho_factor(kernel, lower=True), reference.residual(train))
    between = np.exp(-cdist(x_others, x, "cityblock") / width)
    return reference.predict(others) + between @ weights


def _filled(values: np.ndarray, places: int) -> np.ndarray:
    largest = np.sort(values)[::-1][:places]
    return np.pad(largest, (0, places - len(largest)))
