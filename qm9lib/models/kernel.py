"""Kernel ridge regression: a label as a weighted sum of similarities to the training molecules.

The weights solve one linear system: no epochs, no learning rate, and the same digits on every run.
The kernel matrix has a row and a column for each training molecule; for a large set, any number of
random waves (`similarity.Waves`) can take its place.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import linalg

from qm9lib.data.dataset import QM9
from qm9lib.errors import DataError
from qm9lib.models import composition, descriptors
from qm9lib.models.composition import Composition
from qm9lib.models.descriptors import Atoms, PowerSpectrum
from qm9lib.models.similarity import Waves, local_kernel, make_waves
from qm9lib.progress import bar

WIDTH = 1.1
"""Width σ of the Gaussian kernel of two atoms, whose root mean square distance is 1.4."""

RIDGE = 1e-6
"""Added to the diagonal: a fraction of the mean similarity of a molecule with itself."""

_MOLECULES = 4_096  # whose waves are computed at a time


@dataclass(frozen=True, eq=False)
class KernelModel:
    """A label as learned by kernel ridge regression; made by `fit`.

    Attributes
    ----------
    reference
        Composition model that the kernel adds to.
    spectrum
        Computes the features of atoms.
    weights
        One per training molecule, or per wave; in the label's published unit.
    width
        Width σ of the kernel.
    atoms
        Atoms of the training molecules; none if waves replace them.
    waves
        The random waves, or None.
    factor
        Cholesky factor of the kernel matrix with its ridge, lower triangle; None with waves.
    """

    reference: Composition
    spectrum: PowerSpectrum
    weights: Float[np.ndarray, " weights"]
    width: float
    atoms: dict[int, Atoms]
    waves: Waves | None
    factor: Float[np.ndarray, "molecules molecules"] | None

    def predict(
        self, qm9: QM9, unit: str | None = None, *, progress: bool = False
    ) -> Float[np.ndarray, " molecules"]:
        """Predict the label of all molecules, float64.

        Parameters
        ----------
        qm9
            Molecules.
        unit
            Unit of the result; by default the label's published unit.
        progress
            Whether to show a progress bar.

        Raises
        ------
        ValueError
            If a molecule has an element that no training molecule had.
        """
        found = np.empty(len(qm9))
        with bar(total=len(qm9), unit="molecule", disable=None if progress else True) as shown:
            for rows in _parts(len(qm9)):
                some = qm9[rows]
                found[rows] = self._similarities(self.spectrum(some), len(some)) @ self.weights
                shown.update(len(some))
        return self.reference.in_unit(self.reference.predict(qm9) + found, unit)

    def deviation(self, qm9: QM9) -> Float[np.ndarray, " molecules"]:
        r"""Return how little the training molecules say about each molecule, from 0 to 1.

        Read as a Gaussian process (Rasmussen and Williams 2006, eq. 2.26), the model has a
        standard deviation :math:`\sqrt{k(x, x) - k_x^T (K + \lambda)^{-1} k_x}` at each molecule.
        The result is this divided by :math:`\sqrt{k(x, x)}`, its value without any training.

        Parameters
        ----------
        qm9
            Molecules.

        Raises
        ------
        ValueError
            If the model was fitted with random waves, for which it is not computed.
        """
        if self.factor is None:
            raise ValueError("the deviation is not computed for random waves: fit with waves=None")
        found = np.empty(len(qm9))
        for rows in _parts(len(qm9)):
            some = qm9[rows]
            atoms = self.spectrum(some)
            between = self._similarities(atoms, len(some))
            known = linalg.solve_triangular(self.factor, between.T, lower=True)
            own = _own_similarity(atoms, len(some), self.width)
            left = np.maximum(1.0 - np.sum(known**2, axis=0) / own, 0.0)
            found[rows] = np.sqrt(left)
        return found

    def _similarities(
        self, atoms: dict[int, Atoms], molecules: int
    ) -> Float[np.ndarray, "molecules weights"]:
        if self.waves is not None:
            return self.waves(atoms, molecules)
        shape = (molecules, len(self.weights))
        return local_kernel(atoms, self.atoms, shape, width=self.width)


def fit(
    qm9: QM9,
    label: str = "H",
    *,
    width: float = WIDTH,
    ridge: float = RIDGE,
    waves: int | None = None,
    seed: int = 0,
    progress: bool = False,
) -> KernelModel:
    """Fit a kernel model: one linear system, solved by Cholesky decomposition.

    Parameters
    ----------
    qm9
        Training molecules.
    label
        Name of the label, which should be extensive: the kernel is a sum over atoms.
    width
        Width σ of the Gaussian kernel of two atoms.
    ridge
        Added to the diagonal of the kernel matrix, as a fraction of the mean similarity of a
        training molecule with itself: the larger, the smoother the model, and the less exact for
        the training molecules. With waves, it means the same.
    waves
        Number of random waves to replace the kernel; None compares with all training molecules.
    seed
        Seed of the random waves.
    progress
        Whether to show progress bars.

    Returns
    -------
    KernelModel
        The model; it is the same to the last digit however often it is fitted.

    Raises
    ------
    UnknownNameError
        If the label is unknown.
    ValueError
        If there are no molecules, a label or position is not a finite number, or width or ridge is
        not above 0.
    DataError
        If the kernel matrix does not fit into memory, or is singular with this ridge.

    Examples
    --------
    >>> import qm9lib
    >>> sample = qm9lib.load_sample()
    >>> model = fit(sample[::20])
    >>> error = qm9lib.mae(model.predict(sample[1:400:20]), sample[1:400:20].target("H"))
    >>> error < 20  # kcal/mol, from 100 molecules
    True
    """
    for name, value in (("width", width), ("ridge", ridge)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} is {value}, expected a finite number above 0")
    size = len(qm9) if waves is None else waves
    _check_memory(size, waves is None)
    reference = composition.fit(qm9, label)
    residual = reference.residual(qm9)
    spectrum = descriptors.fit(qm9)
    if waves is None:
        atoms = spectrum(qm9, progress)
        matrix = local_kernel(atoms, atoms, (size, size), width=width, progress=progress)
        factor = _cholesky(matrix.T, ridge, size)  # symmetric; stored by columns
        weights = linalg.cho_solve((factor, True), residual)
        return KernelModel(reference, spectrum, weights, width, atoms, None, factor)
    drawn = make_waves(
        {z: matrix.shape[1] for z, matrix in spectrum.maps.items()}, size, width=width, seed=seed
    )
    gram, right = np.zeros((size, size), order="F"), np.zeros(size)
    with bar(total=len(qm9), unit="molecule", disable=None if progress else True) as shown:
        for rows in _parts(len(qm9)):
            found = drawn(spectrum(qm9[rows]), rows.stop - rows.start)
            # The lower triangle of gram + foundᵀ found, in place.
            linalg.blas.dsyrk(1.0, found.T, beta=1.0, c=gram, lower=1, overwrite_c=1)
            right += found.T @ residual[rows]
            shown.update(rows.stop - rows.start)
    weights = linalg.cho_solve((_cholesky(gram, ridge, len(qm9)), True), right)
    return KernelModel(reference, spectrum, weights, width, {}, drawn, None)


def _parts(molecules: int) -> list[slice]:
    starts = range(0, molecules, _MOLECULES)
    return [slice(start, min(start + _MOLECULES, molecules)) for start in starts]


def _own_similarity(
    atoms: dict[int, Atoms], molecules: int, width: float
) -> Float[np.ndarray, " molecules"]:
    """Return the similarity of each molecule with itself."""
    found = np.zeros(molecules)
    for features, molecule in atoms.values():
        starts = np.unique(molecule, return_index=True)[1]
        for row, x in zip(
            molecule[starts], np.split(features.astype(np.float64), starts[1:]), strict=True
        ):
            squared = np.sum((x[:, None] - x[None]) ** 2, axis=-1)
            found[row] += np.exp(-squared / (2 * width**2)).sum()
    return found


def _cholesky(
    matrix: Float[np.ndarray, "size size"], ridge: float, molecules: int
) -> Float[np.ndarray, "size size"]:
    """Factor a matrix plus its ridge; its lower triangle is read, and the matrix is overwritten."""
    diagonal = np.einsum("ii->i", matrix)
    # For a kernel and for waves alike, the sum adds up each molecule's similarity with itself.
    diagonal += ridge * diagonal.sum() / molecules
    try:
        return np.asarray(linalg.cholesky(matrix, lower=True, overwrite_a=True))
    except linalg.LinAlgError as error:
        raise DataError(
            "the kernel matrix is singular: molecules are too similar for a ridge of "
            f"{ridge:g}; use a larger ridge, or a smaller width"
        ) from error


def _check_memory(size: int, of_molecules: bool) -> None:
    """Raise an error if a square matrix of doubles, and the space to solve it, does not fit."""
    have = _memory()
    most = int((have / (8 * 2.5)) ** 0.5)
    if size > most:
        kind = "training molecules" if of_molecules else "waves"
        cure = "fit with waves=6144, which stand for all of them" if of_molecules else "use fewer"
        raise DataError(
            f"{size:,} {kind} need a matrix of {8e-9 * size**2:,.0f} GB; at most {most:,} "
            f"fit into {have / 1e9:,.0f} GB of memory: {cure}"
        )


def _memory() -> int:
    """Return the bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows
        return 16 * 10**9
