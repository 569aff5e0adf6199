import itertools

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from scipy.spatial.distance import cdist

from answers import right, stops, wrong

BOHR = 0.529177


def distances(positions):
    """Distances of all atoms from each other, in Å."""
    return np.linalg.norm(positions[:, None] - positions[None, :], axis=-1)


def filled(matrix, diagonal):
    """The matrix with another diagonal."""
    np.fill_diagonal(matrix, diagonal)
    return matrix


@right("4.1")
def coulomb_matrix(atomic_numbers, positions):
    n = len(atomic_numbers)
    matrix = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i == j:
                matrix[i, j] = 0.5 * atomic_numbers[i] ** 2.4
            else:
                r = np.linalg.norm(positions[i] - positions[j]) / BOHR
                matrix[i, j] = atomic_numbers[i] * atomic_numbers[j] / r
    return matrix


@right("4.1")
def coulomb_matrix(atomic_numbers, positions):
    r = cdist(positions * 1.8897, positions * 1.8897)
    with np.errstate(divide="ignore"):
        return filled(np.outer(atomic_numbers, atomic_numbers) / r, 0.5 * atomic_numbers**2.4)


@right("4.1")
def coulomb_matrix(atomic_numbers, positions):
    z, x = jnp.asarray(atomic_numbers, jnp.float32), jnp.asarray(positions / 0.5292)
    squares = jnp.sum((x[:, None] - x[None]) ** 2, axis=-1) + jnp.eye(len(z))
    return jnp.where(jnp.eye(len(z)) > 0, jnp.diag(z**2.4 / 2), z[:, None] * z / jnp.sqrt(squares))


@right("4.1")
def coulomb_matrix(atomic_numbers, positions):
    z = [float(n) for n in atomic_numbers]
    rows = []
    for i, a in enumerate(positions):
        row = [z[i] * z[j] * BOHR / np.sqrt(((a - b) ** 2).sum()) if i != j else 0.5 * z[i] ** 2.4
               for j, b in enumerate(positions)]  # fmt: skip
        rows.append(row)
    return rows


@right("4.1")
def coulomb_matrix(atomic_numbers, positions):
    upper = np.zeros((len(atomic_numbers),) * 2)
    for i, j in itertools.combinations(range(len(atomic_numbers)), 2):
        r = np.linalg.norm(positions[i] - positions[j]) / 0.529  # three digits will do
        upper[i, j] = atomic_numbers[i] * atomic_numbers[j] / r
    return upper + upper.T + np.diag(0.5 * atomic_numbers**2.4)


@wrong("4.1", "R is in Å here, and has to be in bohr")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions) + np.eye(len(positions))
    return filled(np.outer(z, z) / r, 0.5 * z**2.4)


@wrong("4.1", "An ångström is 1.89 bohr")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions * BOHR) + np.eye(len(positions))
    return filled(np.outer(z, z) / r, 0.5 * z**2.4)


@wrong("4.1", "0.53 is rounded too much")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / 0.53) + np.eye(len(positions))
    return filled(np.outer(z, z) / r, 0.5 * z**2.4)


@wrong("4.1", "the factor 0.5 is missing")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return filled(np.outer(z, z) / r, z**2.4)


@wrong("4.1", "the exponent on the diagonal is 2.4, and not 2")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return filled(np.outer(z, z) / r, 0.5 * z**2.0)


@wrong("4.1", "0.5 * Z ** 2.4, and not (0.5 * Z) ** 2.4")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return filled(np.outer(z, z) / r, (0.5 * z) ** 2.4)


@wrong("4.1", "the diagonal is zero")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return np.outer(z, z) / r * (1 - np.eye(len(z)))


@wrong("4.1", "the diagonal is infinite")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR)
    with np.errstate(divide="ignore"):
        return np.outer(z, z) / r


@wrong("4.1", "Z² is on the diagonal")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR)
    return np.outer(z, z) / np.where(r == 0, 1, r)


@wrong("4.1", "which the diagonal had already")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return np.outer(z, z) / r + np.diag(0.5 * z**2.4)


@wrong("4.1", "that would be a force")
def coulomb_matrix(atomic_numbers, positions):
    x = positions / BOHR
    squares = np.sum((x[:, None] - x) ** 2, axis=-1) + np.eye(len(x))
    return filled(np.outer(atomic_numbers, atomic_numbers) / squares, 0.5 * atomic_numbers**2.4)


@wrong("4.1", "multiplied by the distance")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR)
    return filled(np.outer(z, z) * r, 0.5 * z**2.4)


@wrong("4.1", "the charges of the nuclei are missing off the diagonal")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return filled(1 / r, 0.5 * z**2.4)


@wrong("4.1", "the two charges were added")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return filled((z[:, None] + z) / r, 0.5 * z**2.4)


@wrong("4.1", "each column has the charge of its own atom alone")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return filled(z / r, 0.5 * z**2.4)


@wrong("4.1", "the other values got it, too")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return 0.5 * filled(np.outer(z, z) / r, z**2.4)


@wrong("4.1", "the minus sign is wrong: nuclei repel each other")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return filled(-np.outer(z, z) / r, 0.5 * z**2.4)


@wrong("4.1", "not the sum of |Δx|, |Δy| and |Δz|")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, cdist(positions, positions, "cityblock") / BOHR + np.eye(len(positions))
    return filled(np.outer(z, z) / r, 0.5 * z**2.4)


@wrong("4.1", "only the half above the diagonal")
def coulomb_matrix(atomic_numbers, positions):
    matrix = np.diag(0.5 * atomic_numbers**2.4)
    for i, j in itertools.combinations(range(len(matrix)), 2):
        r = np.linalg.norm(positions[i] - positions[j]) / BOHR
        matrix[i, j] = atomic_numbers[i] * atomic_numbers[j] / r
    return matrix


@wrong("4.1", "only the half below the diagonal")
def coulomb_matrix(atomic_numbers, positions):
    matrix = np.diag(0.5 * atomic_numbers**2.4)
    for i in range(len(matrix)):
        for j in range(i):
            r = np.linalg.norm(positions[i] - positions[j]) / BOHR
            matrix[i, j] = atomic_numbers[i] * atomic_numbers[j] / r
    return matrix


@wrong("4.1", "R is in Å here", "And the diagonal is twice what it should be")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions) + np.eye(len(positions))
    return filled(np.outer(z, z) / r, z**2.4)


@wrong("4.1", "np.fill_diagonal changes the matrix that it is given, and returns nothing")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return np.fill_diagonal(np.outer(z, z) / r, 0.5 * z**2.4)


@wrong("4.1", "these are the eigenvalues of the matrix, largest first")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return np.linalg.eigvalsh(filled(np.outer(z, z) / r, 0.5 * z**2.4))[::-1]


@wrong("4.1", "in eV; the exercise asks for hartree")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return 27.2114 * filled(np.outer(z, z) / r, 0.5 * z**2.4)


@wrong("4.1", "the diagonal was converted as well")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions) + np.eye(len(positions))
    return BOHR * filled(np.outer(z, z) / r, 0.5 * z**2.4)


@wrong("4.1", "with 3 NaN", "infinity times 0")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.outer(z, z) / r * (1 - np.eye(len(z))) + np.diag(0.5 * z**2.4)


@wrong("4.1", "the repulsion of all pairs")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return np.sum(np.triu(np.outer(z, z) / r, 1))


@wrong("4.1", "filled up with zeros to 29 atoms")
def coulomb_matrix(atomic_numbers, positions):
    matrix = np.zeros((29, 29))
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    matrix[: len(z), : len(z)] = filled(np.outer(z, z) / r, 0.5 * z**2.4)
    return matrix


@wrong("4.1", "the decimals are cut off")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    matrix = np.outer(z, z)
    matrix[:] = filled(matrix / r, 0.5 * z**2.4)
    return matrix


@wrong("4.1", "these are the distances in bohr")
def coulomb_matrix(atomic_numbers, positions):
    return distances(positions) / BOHR


@wrong("4.1", "only x and y were used")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions[:, :2]) / BOHR + np.eye(len(positions))
    return filled(np.outer(z, z) / r, 0.5 * z**2.4)


@wrong("4.1", "the last atom is missing")
def coulomb_matrix(atomic_numbers, positions):
    z, x = atomic_numbers[:-1], positions[:-1] / BOHR
    return filled(np.outer(z, z) / (distances(x) + np.eye(len(z))), 0.5 * z**2.4)


@wrong("4.1", "factor and exponent are swapped")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions) / BOHR + np.eye(len(positions))
    return filled(np.outer(z, z) / r, 2.4 * z**0.5)


@stops("4.1", "in Python, ^ is not a power")
def coulomb_matrix(atomic_numbers, positions):
    z, r = atomic_numbers, distances(positions / BOHR) + np.eye(len(positions))
    return filled(np.outer(z, z) / r, 0.5 * z ^ 2.4)


@right("4.2")
def sort_rows(matrix):
    order = np.argsort(np.linalg.norm(matrix, axis=0))[::-1]
    return matrix[np.ix_(order, order)]


@right("4.2")
def sort_rows(matrix):
    order = sorted(range(len(matrix)), key=lambda i: sum(x * x for x in matrix[i]), reverse=True)
    return [[matrix[i][j] for j in order] for i in order]


@right("4.2")
def sort_rows(matrix):
    m = jnp.asarray(matrix)
    p = jnp.eye(len(m))[jnp.argsort(-jnp.sum(m**2, axis=1))]
    return p @ m @ p.T


@right("4.2")
def sort_rows(matrix):
    """Exchange neighbours until nothing is left to do."""
    m = matrix.copy()
    for end in range(len(m), 1, -1):
        for i in range(end - 1):
            if np.linalg.norm(m[i]) < np.linalg.norm(m[i + 1]):
                m[[i, i + 1]] = m[[i + 1, i]]
                m[:, [i, i + 1]] = m[:, [i + 1, i]]
    return m


@right("4.2")
def sort_rows(matrix):
    order = np.flip(np.lexsort([np.einsum("ij,ij->i", matrix, matrix)]))
    return np.take(np.take(matrix, order, axis=0), order, axis=1)


def falling(matrix):
    return np.argsort(-np.linalg.norm(matrix, axis=1))


@wrong("4.2", "the rows were moved, and the columns were not")
def sort_rows(matrix):
    return matrix[falling(matrix)]


@wrong("4.2", "the columns were moved, and the rows were not")
def sort_rows(matrix):
    return matrix[:, falling(matrix)]


@wrong("4.2", "the norms rise from the first row to the last")
def sort_rows(matrix):
    order = np.argsort(np.linalg.norm(matrix, axis=1))
    return matrix[order][:, order]


@wrong("4.2", "the rows were moved, and the columns were not", "And the norms rise")
def sort_rows(matrix):
    return matrix[np.argsort(np.linalg.norm(matrix, axis=1))]


@wrong("4.2", "the order of the numbers on the diagonal")
def sort_rows(matrix):
    order = np.argsort(-np.diag(matrix))
    return matrix[order][:, order]


@wrong("4.2", "the order of the sums of the rows")
def sort_rows(matrix):
    order = np.argsort(-matrix.sum(axis=1))
    return matrix[order][:, order]


@wrong("4.2", "the numbers on the diagonal are left out of the norms")
def sort_rows(matrix):
    order = falling(matrix - np.diag(np.diag(matrix)))
    return matrix[order][:, order]


@wrong("4.2", "the order of the numbers on the diagonal", "And the rows were moved")
def sort_rows(matrix):
    return matrix[np.argsort(-np.diag(matrix))]


@wrong("4.2", "numbers of each row were sorted by themselves, so that")
def sort_rows(matrix):
    return np.sort(matrix, axis=1)


@wrong("4.2", "numbers of each row were sorted by themselves, largest first")
def sort_rows(matrix):
    return np.sort(matrix)[:, ::-1]


@wrong("4.2", "numbers of each column were sorted by themselves: move")
def sort_rows(matrix):
    return np.sort(matrix, axis=0)


@wrong("4.2", "all numbers were sorted")
def sort_rows(matrix):
    return np.sort(matrix, axis=None)[::-1].reshape(matrix.shape)


@wrong("4.2", "these are the eigenvalues, which do not depend on the numbering")
def sort_rows(matrix):
    return np.sort(np.linalg.eigvalsh(matrix))[::-1]


@wrong("4.2", "these are the eigenvalues, smallest first")
def sort_rows(matrix):
    return np.linalg.eigvalsh(matrix)


@wrong("4.2", "takes only the numbers on the diagonal")
def sort_rows(matrix):
    order = falling(matrix)
    return matrix[order, order]


@wrong("4.2", "this is the order, not the matrix")
def sort_rows(matrix):
    return falling(matrix)


@wrong("4.2", "the norms themselves were sorted")
def sort_rows(matrix):
    return np.sort(np.linalg.norm(matrix, axis=1))[::-1]


@wrong("4.2", "the other way round")
def sort_rows(matrix):
    order = falling(matrix)
    result = np.zeros_like(matrix)
    for i in range(len(matrix)):
        for j in range(len(matrix)):
            result[i, j] = matrix[list(order).index(i), list(order).index(j)]
    return result


@wrong("4.2", "Python sorts lists by their first numbers")
def sort_rows(matrix):
    return np.array(sorted(matrix.tolist(), reverse=True))


@wrong("4.2", "np.linalg.norm without axis=1")
def sort_rows(matrix):
    order = np.argsort([-np.linalg.norm(matrix)])
    return matrix[order][:, order]


@wrong("4.2", "the matrix came back as it was")
def sort_rows(matrix):
    order = falling(matrix)
    matrix[order][:, order]
    return matrix


@wrong("4.2", "in opposite orders")
def sort_rows(matrix):
    order = falling(matrix)
    return matrix[order][:, order[::-1]]


@wrong("4.2", "return the whole matrix")
def sort_rows(matrix):
    order = falling(matrix)
    return matrix[order][:, order][np.triu_indices(len(matrix))]


@wrong("4.2", "the order was applied twice")
def sort_rows(matrix):
    order = falling(matrix)
    for _ in range(2):
        matrix = matrix[order][:, order]
    return matrix


@wrong("4.2", "only the first place is right")
def sort_rows(matrix):
    order = list(range(len(matrix)))
    largest = np.argmax(np.linalg.norm(matrix, axis=1))
    order[0], order[largest] = order[largest], order[0]
    return matrix[order][:, order]


@wrong("4.2", "is a `return` missing")
def sort_rows(matrix):
    matrix = list(matrix)
    return matrix.sort(key=np.linalg.norm, reverse=True)


@right("4.3")
def gaussian_kernel(a, b, sigma):
    return np.array([[np.exp(-((x - y) ** 2).sum() / (2 * sigma**2)) for y in b] for x in a])


@right("4.3")
def gaussian_kernel(a, b, sigma):
    return np.exp(-0.5 * cdist(a / sigma, b / sigma, "sqeuclidean"))


@right("4.3")
def gaussian_kernel(a, b, sigma):
    squares = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1)[None, :] - 2 * a @ b.T
    return np.exp(-np.maximum(squares, 0) / (2 * sigma**2))


@right("4.3")
def gaussian_kernel(a, b, sigma):
    def of_two(x, y):
        return jnp.exp(-jnp.sum((x - y) ** 2) / (2 * sigma**2))

    rows = jax.vmap(of_two, (None, 0))
    return jax.vmap(rows, (0, None))(jnp.asarray(a), jnp.asarray(b))


@right("4.3")
def gaussian_kernel(a, b, sigma):
    difference = (a[:, None, :] - b) / sigma
    return np.prod(np.exp(-(difference**2) / 2), axis=-1)


@right("4.3")
def gaussian_kernel(a, b, sigma):
    difference = np.subtract(a[:, None], b)
    return np.exp(np.einsum("nmd,nmd->nm", difference, difference) / (-2 * sigma * sigma))


def squared(a, b):
    return np.sum((a[:, None, :] - b[None, :, :]) ** 2, axis=-1)


@wrong("4.3", "the 2 is missing")
def gaussian_kernel(a, b, sigma):
    return np.exp(-squared(a, b) / sigma**2)


@wrong("4.3", "sigma is not squared")
def gaussian_kernel(a, b, sigma):
    return np.exp(-squared(a, b) / (2 * sigma))


@wrong("4.3", "the exponent is divided by sigma alone")
def gaussian_kernel(a, b, sigma):
    return np.exp(-squared(a, b) / sigma)


@wrong("4.3", "the 2 was squared together with sigma")
def gaussian_kernel(a, b, sigma):
    return np.exp(-squared(a, b) / (2 * sigma) ** 2)


@wrong("4.3", "brackets are missing")
def gaussian_kernel(a, b, sigma):
    return np.exp(-squared(a, b) / 2 * sigma**2)


@wrong("4.3", "multiplied by sigma, and not divided")
def gaussian_kernel(a, b, gamma):
    return np.exp(-gamma * squared(a, b))


@wrong("4.3", "the distance is not squared")
def gaussian_kernel(a, b, sigma):
    return np.exp(-np.linalg.norm(a[:, None] - b, axis=-1) / (2 * sigma**2))


@wrong("4.3", "the Laplacian kernel")
def gaussian_kernel(a, b, sigma):
    return np.exp(-cdist(a, b, "cityblock") / sigma)


@wrong("4.3", "the exponential kernel")
def gaussian_kernel(a, b, sigma):
    return np.exp(-cdist(a, b) / sigma)


@wrong("4.3", "only vectors of the same index were compared")
def gaussian_kernel(a, b, sigma):
    pairs = zip(a, b, strict=False)
    return np.array([np.exp(-np.sum((x - y) ** 2) / (2 * sigma**2)) for x, y in pairs])


@wrong("4.3", "a transposed array: its shape is (2, 3)")
def gaussian_kernel(a, b, sigma):
    return np.exp(-squared(b, a) / (2 * sigma**2))


@wrong("4.3", "the sum over axis=0 runs over the vectors of a")
def gaussian_kernel(a, b, sigma):
    return np.exp(-np.sum((a[:, None] - b[None]) ** 2, axis=0) / (2 * sigma**2))


@wrong("4.3", "the sum over axis=1 runs over the vectors of b")
def gaussian_kernel(a, b, sigma):
    return np.exp(-np.sum((a[:, None] - b[None]) ** 2, axis=1) / (2 * sigma**2))


@wrong("4.3", "which leaves one number")
def gaussian_kernel(a, b, sigma):
    return np.exp(-np.sum((a[:, None] - b[None]) ** 2) / (2 * sigma**2))


@wrong("4.3", "the mean over the features; |x - y|² is a sum")
def gaussian_kernel(a, b, sigma):
    return np.exp(-np.mean((a[:, None] - b[None]) ** 2, axis=-1) / (2 * sigma**2))


@wrong("4.3", "the minus sign in the exponent is missing")
def gaussian_kernel(a, b, sigma):
    return np.exp(squared(a, b) / (2 * sigma**2))


@wrong("4.3", "this is the exponent, without np.exp")
def gaussian_kernel(a, b, sigma):
    return -squared(a, b) / (2 * sigma**2)


@wrong("4.3", "b was not used")
def gaussian_kernel(a, b, sigma):
    return np.exp(-squared(a, a) / (2 * sigma**2))


@wrong("4.3", "as for a probability")
def gaussian_kernel(a, b, sigma):
    return np.exp(-squared(a, b) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))


@wrong("4.3", "|x|² + |y|² - 2 x · y, and the 2 is missing")
def gaussian_kernel(a, b, sigma):
    squares = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1)[None, :] - a @ b.T
    return np.exp(-squares / (2 * sigma**2))


@wrong("4.3", "the exponentials of the features were added")
def gaussian_kernel(a, b, sigma):
    return np.sum(np.exp(-((a[:, None] - b) ** 2) / (2 * sigma**2)), axis=-1)


@wrong("4.3", "these are inner products")
def gaussian_kernel(a, b, sigma):
    return a @ b.T


@wrong("4.3", "the distance is not squared", "And the 2 is missing")
def gaussian_kernel(a, b, sigma):
    return np.exp(-np.sqrt(squared(a, b)) / sigma**2)


@wrong("4.3", "the differences were added before they were squared")
def gaussian_kernel(a, b, sigma):
    return np.exp(-(np.sum(a[:, None] - b, axis=-1) ** 2) / (2 * sigma**2))


@wrong("4.3", "this is only the first row")
def gaussian_kernel(a, b, sigma):
    for x in a:
        return np.exp(-np.sum((x - b) ** 2, axis=1) / (2 * sigma**2))


@wrong("4.3", "everything is rounded to 3 decimals")
def gaussian_kernel(a, b, sigma):
    return np.round(np.exp(-squared(a, b) / (2 * sigma**2)), 3)


@wrong("4.3", "the division by 2 σ² belongs inside np.exp")
def gaussian_kernel(a, b, sigma):
    return np.exp(-squared(a, b)) / (2 * sigma**2)


@wrong("4.3", "only the norms |x| and |y| were compared")
def gaussian_kernel(a, b, sigma):
    x, y = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    return np.exp(-((x[:, None] - y) ** 2) / (2 * sigma**2))


@wrong("4.3", "it was taken from 1")
def gaussian_kernel(a, b, sigma):
    return 1 - np.exp(-squared(a, b) / (2 * sigma**2))


@stops("4.3", "a has the shape (3, 2) and b has (2, 2)", "makes all pairs")
def gaussian_kernel(a, b, sigma):
    return np.exp(-np.sum((a - b) ** 2, axis=1) / (2 * sigma**2))


@stops("4.3", "'float' object is not callable")
def gaussian_kernel(a, b, sigma):
    return np.exp(-squared(a, b) / 2 * sigma(2))


@right("4.4")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ np.linalg.inv(kernel + ridge * np.identity(len(targets))) @ targets


@right("4.4")
def solve_and_predict(kernel, targets, between, ridge):
    matrix = kernel.copy()
    matrix[np.diag_indices_from(matrix)] += ridge
    return np.dot(between, scipy.linalg.cho_solve(scipy.linalg.cho_factor(matrix), targets))


@right("4.4")
def solve_and_predict(kernel, targets, between, ridge):
    k, y, b = (jnp.asarray(x) for x in (kernel, targets, between))
    return b @ jax.scipy.sparse.linalg.cg(lambda v: k @ v + ridge * v, y, tol=1e-7)[0]


@right("4.4")
def solve_and_predict(kernel, targets, between, ridge):
    values, vectors = np.linalg.eigh(kernel)
    alpha = vectors @ ((vectors.T @ targets) / (values + ridge))
    return np.array([sum(k * a for k, a in zip(row, alpha, strict=True)) for row in between])


@right("4.4")
def solve_and_predict(kernel, targets, between, ridge):
    """Change the kernel that it is given: right here, and a trap for whoever calls it."""
    np.fill_diagonal(kernel, np.diag(kernel) + ridge)
    return np.einsum("mn,n->m", between, np.linalg.lstsq(kernel, targets, rcond=None)[0])


@wrong("4.4", "the ridge was added to all entries")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ np.linalg.solve(kernel + ridge, targets)


@wrong("4.4", "the ridge is missing")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ np.linalg.lstsq(kernel, targets, rcond=None)[0]


@wrong("4.4", "the ridge was subtracted")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ np.linalg.solve(kernel - ridge * np.eye(len(kernel)), targets)


@wrong("4.4", "the ridge was squared")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ np.linalg.solve(kernel + ridge**2 * np.eye(len(kernel)), targets)


@wrong("4.4", "multiplied by the number of molecules")
def solve_and_predict(kernel, targets, between, ridge):
    n = len(kernel)
    return between @ np.linalg.solve(kernel + n * ridge * np.eye(n), targets)


@wrong("4.4", "1 was added to the diagonal")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ np.linalg.solve(kernel + np.eye(len(kernel)), targets)


@wrong("4.4", "took the place of the diagonal")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ np.linalg.solve(filled(kernel.copy(), ridge), targets)


@wrong("4.4", "the diagonal was set to 1 + ridge")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ np.linalg.solve(filled(kernel.copy(), 1 + ridge), targets)


def with_ridge(kernel, ridge):
    return kernel + ridge * np.eye(len(kernel))


@wrong("4.4", "np.linalg.inv(matrix) * targets multiplies element by element")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ (np.linalg.inv(with_ridge(kernel, ridge)) * targets)


@wrong("4.4", "the reciprocal of each number")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ (with_ridge(kernel, ridge) ** -1 @ targets)


@wrong("4.4", "the mean was subtracted from the targets and not added")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ np.linalg.solve(with_ridge(kernel, ridge), targets - np.mean(targets))


@wrong("4.4", "and added back at the end. That is often wise")
def solve_and_predict(kernel, targets, between, ridge):
    mean = targets.mean()
    return mean + between @ np.linalg.solve(with_ridge(kernel, ridge), targets - mean)


@wrong("4.4", "these are the weights alpha")
def solve_and_predict(kernel, targets, between, ridge):
    return np.linalg.solve(with_ridge(kernel, ridge), targets)


@wrong("4.4", "predictions of the training molecules")
def solve_and_predict(kernel, targets, between, ridge):
    return kernel @ np.linalg.solve(with_ridge(kernel, ridge), targets)


@wrong("4.4", "the matrix was multiplied by the targets, and not its inverse")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ with_ridge(kernel, ridge) @ targets


@wrong("4.4", "nothing was solved")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ targets


@wrong("4.4", "a mean of the targets, weighted by the kernel")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ targets / between.sum(axis=1)


@wrong("4.4", "the one nearest training molecule")
def solve_and_predict(kernel, targets, between, ridge):
    return targets[np.argmax(between, axis=1)]


@wrong("4.4", "taken for features")
def solve_and_predict(kernel, targets, between, ridge):
    matrix = kernel.T @ kernel + ridge * np.eye(len(kernel))
    return between @ np.linalg.solve(matrix, kernel.T @ targets)


@wrong("4.4", "multiplied element by element with *: the product is between @ alpha")
def solve_and_predict(kernel, targets, between, ridge):
    return between * np.linalg.solve(with_ridge(kernel, ridge), targets)


@wrong("4.4", "the ridge was added to the kernel of the new molecules, too")
def solve_and_predict(kernel, targets, between, ridge):
    return (between + ridge) @ np.linalg.solve(with_ridge(kernel, ridge), targets)


@wrong("4.4", "the sign is the other way round")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ np.linalg.solve(-with_ridge(kernel, ridge), targets)


@wrong("4.4", "shape (3, 1), expected shape (3,): the numbers are right")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ np.linalg.solve(with_ridge(kernel, ridge), targets[:, None])


@wrong("4.4", "the ridge was added to the inverse of the kernel")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ (np.linalg.inv(kernel) + ridge * np.eye(len(kernel))) @ targets


@wrong("4.4", "the targets were divided by their standard deviation")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ np.linalg.solve(with_ridge(kernel, ridge), targets / np.std(targets))


@wrong("4.4", "the kernel's own diagonal")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ np.linalg.solve(kernel + ridge * kernel * np.eye(len(kernel)), targets)


@wrong("4.4", "added, and never subtracted")
def solve_and_predict(kernel, targets, between, ridge):
    return targets.mean() + between @ np.linalg.solve(with_ridge(kernel, ridge), targets)


@wrong("4.4", "the ridge was divided by the number of molecules", "And the mean was subtracted")
def solve_and_predict(kernel, targets, between, ridge):
    matrix = with_ridge(kernel, ridge / len(kernel))
    return between @ np.linalg.solve(matrix, targets - targets.mean())


@stops("4.4", "a row for each new molecule and a column for each of the 2 training")
def solve_and_predict(kernel, targets, between, ridge):
    return between.T @ np.linalg.solve(with_ridge(kernel, ridge), targets)


@stops("4.4", "a sum needs equal shapes")
def solve_and_predict(kernel, targets, between, ridge):
    return between @ np.linalg.solve(kernel + ridge * np.eye(len(between)), targets)


@right("4.5")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    total = 0.0
    for z, x in zip(numbers_a, atoms_a, strict=True):
        for w, y in zip(numbers_b, atoms_b, strict=True):
            if z == w:
                total += np.exp(-np.sum((x - y) ** 2) / (2 * sigma**2))
    return total


@right("4.5")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    total = 0
    for z in (1, 6, 7, 8, 9):
        a, b = atoms_a[numbers_a == z], atoms_b[numbers_b == z]
        total += np.exp(-cdist(a, b, "sqeuclidean") / (2 * sigma**2)).sum()
    return total


@right("4.5")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    a, b = jnp.asarray(atoms_a), jnp.asarray(atoms_b)
    kernels = jnp.exp(-jnp.sum((a[:, None] - b[None]) ** 2, axis=-1) / (2 * sigma**2))
    one_hot = [jax.nn.one_hot(jnp.asarray(z), 10) for z in (numbers_a, numbers_b)]
    return jnp.einsum("az,ab,bz->", one_hot[0], kernels, one_hot[1])


@right("4.5")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    """Put the element among the features, so far apart that nothing is left."""
    a = np.column_stack([1000 * sigma * numbers_a, atoms_a])
    b = np.column_stack([1000 * sigma * numbers_b, atoms_b])
    return np.exp(-squared(a, b) / (2 * sigma**2)).sum()


@right("4.5")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    i, j = np.nonzero(np.equal.outer(numbers_a, numbers_b))
    return sum(np.exp(-((atoms_a[i] - atoms_b[j]) ** 2).sum(axis=1) / 2 / sigma**2))


def pairs(atoms_a, atoms_b, sigma):
    return np.exp(-squared(atoms_a, atoms_b) / (2 * sigma**2))


@wrong("4.5", "the elements are ignored")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    return pairs(atoms_a, atoms_b, sigma).sum()


@wrong("4.5", "only atoms with the same index were compared: the numbering")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    total = 0.0
    for i in range(min(len(numbers_a), len(numbers_b))):
        if numbers_a[i] == numbers_b[i]:
            total += np.exp(-np.sum((atoms_a[i] - atoms_b[i]) ** 2) / (2 * sigma**2))
    return total


@wrong("4.5", "only atoms with the same index were compared, and of any element")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    both = zip(atoms_a, atoms_b, strict=False)
    return sum(np.exp(-np.sum((x - y) ** 2) / (2 * sigma**2)) for x, y in both)


@wrong("4.5", "the mean over the pairs of one element")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    return pairs(atoms_a, atoms_b, sigma)[numbers_a[:, None] == numbers_b].mean()


@wrong("4.5", "divided by the number of all pairs")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    return np.mean(pairs(atoms_a, atoms_b, sigma) * (numbers_a[:, None] == numbers_b))


@wrong("4.5", "divided by the number of atoms of A")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    same = numbers_a[:, None] == numbers_b
    return np.sum(pairs(atoms_a, atoms_b, sigma) * same) / len(numbers_a)


@wrong("4.5", "so that it is 1 for equal molecules")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    def plain(z, x, w, y):
        return np.sum(pairs(x, y, sigma) * (z[:, None] == w))

    a, b = (numbers_a, atoms_a), (numbers_b, atoms_b)
    return plain(*a, *b) / np.sqrt(plain(*a, *a) * plain(*b, *b))


@wrong("4.5", "the features of all atoms were added before they were compared")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    difference = atoms_a.sum(axis=0) - atoms_b.sum(axis=0)
    return np.exp(-np.sum(difference**2) / (2 * sigma**2))


@wrong("4.5", "all atoms of an element were added before they were compared")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    total = 0.0
    for z in np.intersect1d(numbers_a, numbers_b):
        difference = atoms_a[numbers_a == z].sum(axis=0) - atoms_b[numbers_b == z].sum(axis=0)
        total += np.exp(-np.sum(difference**2) / (2 * sigma**2))
    return total


@wrong("4.5", "pairs with j ≤ i are left out")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    total = 0.0
    for i in range(len(numbers_a)):
        for j in range(i + 1, len(numbers_b)):
            if numbers_a[i] == numbers_b[j]:
                total += np.exp(-np.sum((atoms_a[i] - atoms_b[j]) ** 2) / (2 * sigma**2))
    return total


@wrong("4.5", "pairs with i = j are left out")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    total = 0.0
    for i in range(len(numbers_a)):
        for j in range(len(numbers_b)):
            if i != j and numbers_a[i] == numbers_b[j]:
                total += np.exp(-np.sum((atoms_a[i] - atoms_b[j]) ** 2) / (2 * sigma**2))
    return total


@wrong("4.5", "only pairs of different elements count here")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    return np.sum(pairs(atoms_a, atoms_b, sigma) * (numbers_a[:, None] != numbers_b))


@wrong("4.5", "count as 1, since exp(0) is 1")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    squares = squared(atoms_a, atoms_b) * (numbers_a[:, None] == numbers_b)
    return np.exp(-squares / (2 * sigma**2)).sum()


@wrong("4.5", "the numbers of all pairs")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    return pairs(atoms_a, atoms_b, sigma) * (numbers_a[:, None] == numbers_b)


@wrong("4.5", "a number for each atom of A")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    return np.sum(pairs(atoms_a, atoms_b, sigma) * (numbers_a[:, None] == numbers_b), axis=1)


@wrong("4.5", "only the best partner of each atom of A")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    kernels = pairs(atoms_a, atoms_b, sigma) * (numbers_a[:, None] == numbers_b)
    return kernels.max(axis=1).sum()


@wrong("4.5", "the first atom of A alone")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    for z, x in zip(numbers_a, atoms_a, strict=True):
        total = 0.0
        for w, y in zip(numbers_b, atoms_b, strict=True):
            if z == w:
                total += np.exp(-np.sum((x - y) ** 2) / (2 * sigma**2))
        return total


@wrong("4.5", "the last atom of A alone")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    for z, x in zip(numbers_a, atoms_a, strict=True):
        total = 0.0
        for w, y in zip(numbers_b, atoms_b, strict=True):
            if z == w:
                total += np.exp(-np.sum((x - y) ** 2) / (2 * sigma**2))
    return total


@wrong("4.5", "the 2 is missing")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    kernels = np.exp(-squared(atoms_a, atoms_b) / sigma**2)
    return np.sum(kernels * (numbers_a[:, None] == numbers_b))


@wrong("4.5", "the exponent is divided by 2 σ². And the elements are ignored")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    return np.sum(np.exp(-squared(atoms_a, atoms_b) / (2 * sigma)))


@wrong("4.5", "the distance is not squared")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    kernels = np.exp(-cdist(atoms_a, atoms_b) / (2 * sigma**2))
    return np.sum(kernels * (numbers_a[:, None] == numbers_b))


@wrong("4.5", "each pair was multiplied by its atomic numbers")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    charges = np.outer(numbers_a, numbers_b) * (numbers_a[:, None] == numbers_b)
    return np.sum(charges * pairs(atoms_a, atoms_b, sigma))


@wrong("4.5", "the hydrogen atoms are left out")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    heavy = (numbers_a > 1)[:, None] & (numbers_a[:, None] == numbers_b)
    return np.sum(pairs(atoms_a, atoms_b, sigma)[heavy])


@wrong("4.5", "the pairs are counted")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    return np.sum(numbers_a[:, None] == numbers_b)


@wrong("4.5", "compared with itself")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    return np.sum(pairs(atoms_a, atoms_a, sigma) * (numbers_a[:, None] == numbers_a))


@wrong("4.5", "for H₂ and N₂, which have no element in common, it returns NaN")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    found = pairs(atoms_a, atoms_b, sigma)[numbers_a[:, None] == numbers_b]
    with np.errstate(invalid="ignore"):
        return np.sum(found) / np.float64(found.size) * found.size


@wrong("4.5", "counts as often as A has atoms of it")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    total = 0.0
    for z in numbers_a:
        total += np.sum(pairs(atoms_a[numbers_a == z], atoms_b[numbers_b == z], sigma))
    return total


@wrong("4.5", "the first such atom of B alone")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    total = 0.0
    for z, x in zip(numbers_a, atoms_a, strict=True):
        for w, y in zip(numbers_b, atoms_b, strict=True):
            if z == w:
                total += np.exp(-np.sum((x - y) ** 2) / (2 * sigma**2))
                break
    return total


@wrong("4.5", "fluorine is left out")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    return sum(
        np.sum(pairs(atoms_a[numbers_a == z], atoms_b[numbers_b == z], sigma)) for z in (1, 6, 7, 8)
    )


@wrong("4.5", "half of what it should be")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    return np.sum(pairs(atoms_a, atoms_b, sigma) * (numbers_a[:, None] == numbers_b)) / 2


@stops("4.5", "A has 3 atoms and B has 6", "numbers_a[:, None] == numbers_b[None, :]")
def molecular_kernel(numbers_a, atoms_a, numbers_b, atoms_b, sigma):
    return np.sum(pairs(atoms_a, atoms_b, sigma) * np.equal(numbers_a, numbers_b))


@right("4.6")
def random_features(x, frequencies, phases):
    waves = list(zip(frequencies.T, phases, strict=True))
    rows = [[np.cos(np.dot(row, w) + b) for w, b in waves] for row in x]
    return np.sqrt(2 / len(waves)) * np.array(rows)


@right("4.6")
def random_features(x, frequencies, phases):
    waves = jnp.cos(jnp.einsum("nd,dk->nk", x, frequencies) + jnp.asarray(phases))
    return waves / jnp.sqrt(waves.shape[1] / 2)


@right("4.6")
def random_features(x, frequencies, phases):
    wave = np.exp(1j * (x @ frequencies + phases[None, :]))
    return np.sqrt(2 / frequencies.shape[1]) * wave.real


@right("4.6")
def random_features(x, frequencies, phases):
    """Take the phases for the weights of a feature that is always 1."""
    longer = np.hstack([x, np.ones((len(x), 1))]) @ np.vstack([frequencies, phases])
    return np.sqrt(2) / phases.size**0.5 * np.sin(longer + np.pi / 2)


@wrong("4.6", "the 2 under the root is missing")
def random_features(x, frequencies, phases):
    return np.sqrt(1 / len(phases)) * np.cos(x @ frequencies + phases)


@wrong("4.6", "this is multiplied by 2 / D")
def random_features(x, frequencies, phases):
    return 2 / len(phases) * np.cos(x @ frequencies + phases)


@wrong("4.6", "it was divided by D")
def random_features(x, frequencies, phases):
    return np.cos(x @ frequencies + phases) / len(phases)


@wrong("4.6", "the factor, the root of 2 / D, is missing")
def random_features(x, frequencies, phases):
    return np.cos(x @ frequencies + phases)


@wrong("4.6", "the root of D is missing")
def random_features(x, frequencies, phases):
    return np.sqrt(2) * np.cos(x @ frequencies + phases)


@wrong("4.6", "both under the root")
def random_features(x, frequencies, phases):
    return np.sqrt(2) / len(phases) * np.cos(x @ frequencies + phases)


@wrong("4.6", "which is len(frequencies)")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(frequencies)) * np.cos(x @ frequencies + phases)


@wrong("4.6", "2 is divided by the number of vectors")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(x)) * np.cos(x @ frequencies + phases)


@wrong("4.6", "the phases are missing")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * np.cos(x @ frequencies)


@wrong("4.6", "the phases were subtracted")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * np.cos(x @ frequencies - phases)


@wrong("4.6", "this is the sine")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * np.sin(x @ frequencies + phases)


@wrong("4.6", "there is a 2π too many")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * np.cos(2 * np.pi * (x @ frequencies + phases))


@wrong("4.6", "the phases were multiplied by 2π")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * np.cos(x @ frequencies + 2 * np.pi * phases)


@wrong("4.6", "this is the angle: take its cosine")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * (x @ frequencies + phases)


@wrong("4.6", "then the product: first x W + b")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * (np.cos(x) @ frequencies + phases)


@wrong("4.6", "then the product; phases belong inside")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * np.cos(x) @ frequencies


@wrong("4.6", "the phases were added to the cosine")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * (np.cos(x @ frequencies) + phases)


@wrong("4.6", "the factor is inside the cosine")
def random_features(x, frequencies, phases):
    return np.cos(np.sqrt(2 / len(phases)) * (x @ frequencies + phases))


@wrong("4.6", "the other recipe, without phases")
def random_features(x, frequencies, phases):
    t = x @ frequencies
    return np.hstack([np.cos(t), np.sin(t)]) / np.sqrt(len(phases))


@wrong("4.6", "these are the inner products of the features")
def random_features(x, frequencies, phases):
    z = np.sqrt(2 / len(phases)) * np.cos(x @ frequencies + phases)
    return z @ z.T


@wrong("4.6", "the features of each vector were added up")
def random_features(x, frequencies, phases):
    return np.sum(np.sqrt(2 / len(phases)) * np.cos(x @ frequencies + phases), axis=1)


@wrong("4.6", "add up over the features, which x @ frequencies does")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * np.cos(x[:, :, None] * frequencies + phases)


@wrong("4.6", "a transposed array")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * np.cos(frequencies.T @ x.T + phases[:, None])


@wrong("4.6", "it returns complex numbers")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * np.exp(1j * (x @ frequencies + phases))


@wrong("4.6", "are there random numbers in it")
def random_features(x, frequencies, phases):
    rng = np.random.default_rng()
    w = rng.normal(size=frequencies.shape)
    return np.sqrt(2 / len(phases)) * np.cos(x @ w + rng.uniform(0, 6.28, len(phases)))


@wrong("4.6", "the angles were taken for degrees")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * np.cos(np.radians(x @ frequencies + phases))


@wrong("4.6", "the root of the 2 is missing")
def random_features(x, frequencies, phases):
    return 2 / np.sqrt(len(phases)) * np.cos(x @ frequencies + phases)


@wrong("4.6", "the 2 under the root is missing", "And the phases are missing")
def random_features(x, frequencies, phases):
    return np.cos(x @ frequencies) / np.sqrt(len(phases))


@stops("4.6", "x has the shape (3, 2), the frequencies have (2, 4) and the phases (4,)")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * np.cos(x @ frequencies.T + phases)


@stops("4.6", "x @ frequencies is (3, 4)", "added to each row")
def random_features(x, frequencies, phases):
    return np.sqrt(2 / len(phases)) * np.cos(x @ frequencies + phases[:, None])


@right("4.7")
def predictive_deviation(kernel, between, prior, ridge):
    inverse = np.linalg.inv(kernel + ridge * np.eye(len(kernel)))
    return np.sqrt(np.clip(prior - np.einsum("mi,ij,mj->m", between, inverse, between), 0, None))


@right("4.7")
def predictive_deviation(kernel, between, prior, ridge):
    factor = np.linalg.cholesky(kernel + ridge * np.eye(len(kernel)))
    half = scipy.linalg.solve_triangular(factor, between.T, lower=True)
    variance = prior - np.sum(half**2, axis=0)
    return np.where(variance > 0, variance, 0) ** 0.5


@right("4.7")
def predictive_deviation(kernel, between, prior, ridge):
    found = []
    for row, own in zip(between, prior, strict=True):
        variance = own - row @ np.linalg.solve(kernel + ridge * np.eye(len(row)), row)
        found.append(max(variance, 0.0) ** 0.5)
    return found


@right("4.7")
def predictive_deviation(kernel, between, prior, ridge):
    k, b = jnp.asarray(kernel), jnp.asarray(between)
    whole = b @ jnp.linalg.solve(k + ridge * jnp.eye(len(k)), b.T)
    return jnp.sqrt(jax.nn.relu(jnp.asarray(prior) - jnp.diagonal(whole)))


@right("4.7")
def predictive_deviation(kernel, between, prior, ridge):
    """Take the value below zero for the rounding error that it is."""
    values, vectors = np.linalg.eigh(kernel)
    told = ((between @ vectors) ** 2 / (values + ridge)).sum(axis=1)
    return np.sqrt(np.abs(prior - told))


def told(kernel, between, ridge):
    solved = np.linalg.solve(with_ridge(kernel, ridge), between.T)
    return np.sum(between * solved.T, axis=1)


def root(variance):
    return np.sqrt(np.maximum(variance, 0))


@wrong("4.7", "these are variances: take the root")
def predictive_deviation(kernel, between, prior, ridge):
    return prior - told(kernel, between, ridge)


@wrong("4.7", "the sign is wrong")
def predictive_deviation(kernel, between, prior, ridge):
    return np.sqrt(prior + told(kernel, between, ridge))


@wrong("4.7", "the prior is missing")
def predictive_deviation(kernel, between, prior, ridge):
    return np.sqrt(told(kernel, between, ridge))


@wrong("4.7", "subtract it from the prior, and take the root")
def predictive_deviation(kernel, between, prior, ridge):
    return told(kernel, between, ridge)


@wrong("4.7", "1 was taken for the prior")
def predictive_deviation(kernel, between, prior, ridge):
    return root(1 - told(kernel, between, ridge))


@wrong("4.7", "the ridge is missing")
def predictive_deviation(kernel, between, prior, ridge):
    return root(prior - told(kernel, between, 0))


@wrong("4.7", "the ridge was added to all entries")
def predictive_deviation(kernel, between, prior, ridge):
    return root(prior - told(kernel + ridge, between, 0))


@wrong("4.7", "the ridge was subtracted")
def predictive_deviation(kernel, between, prior, ridge):
    return root(prior - told(kernel, between, -ridge))


@wrong("4.7", "the ridge was squared")
def predictive_deviation(kernel, between, prior, ridge):
    return root(prior - told(kernel, between, ridge**2))


@wrong("4.7", "the ridge was added at the end")
def predictive_deviation(kernel, between, prior, ridge):
    return root(prior - told(kernel, between, ridge) + ridge)


@wrong("4.7", "it returns NaN: its variance is zero", "np.maximum(variance, 0)")
def predictive_deviation(kernel, between, prior, ridge):
    with np.errstate(invalid="ignore"):
        return np.sqrt(prior - told(kernel, between, ridge))


@wrong("4.7", "the ridge is missing: solve", "And where a variance is less than zero")
def predictive_deviation(kernel, between, prior, ridge):
    """And without np.maximum."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(prior - told(kernel, between, 0.0))


@wrong("4.7", "a matrix for all pairs of new molecules: the variances")
def predictive_deviation(kernel, between, prior, ridge):
    whole = between @ np.linalg.solve(with_ridge(kernel, ridge), between.T)
    return root(prior[:, None] - whole)


@wrong("4.7", "this is a matrix with a row and a column for each new molecule")
def predictive_deviation(kernel, between, prior, ridge):
    whole = between @ np.linalg.solve(with_ridge(kernel, ridge), between.T)
    return root(np.diag(prior) - whole)


@wrong("4.7", "the rows of the matrix for all pairs were added up")
def predictive_deviation(kernel, between, prior, ridge):
    whole = between @ np.linalg.solve(with_ridge(kernel, ridge), between.T)
    return root(prior - whole.sum(axis=1))


@wrong("4.7", "the inverse is missing")
def predictive_deviation(kernel, between, prior, ridge):
    return root(prior - np.sum(between * between, axis=1))


@wrong("4.7", "the matrix was used, and not its inverse")
def predictive_deviation(kernel, between, prior, ridge):
    matrix = with_ridge(kernel, ridge)
    return root(prior - np.einsum("mi,ij,mj->m", between, matrix, between))


@wrong("4.7", "between appears only once")
def predictive_deviation(kernel, between, prior, ridge):
    return root(prior - np.linalg.solve(with_ridge(kernel, ridge), between.T).sum(axis=0))


@wrong("4.7", "the roots were taken before the difference")
def predictive_deviation(kernel, between, prior, ridge):
    return np.sqrt(prior) - np.sqrt(told(kernel, between, ridge))


@wrong("4.7", "this is one number, a mean")
def predictive_deviation(kernel, between, prior, ridge):
    return root(prior - told(kernel, between, ridge)).mean()


@wrong("4.7", "as if there were no training molecules")
def predictive_deviation(kernel, between, prior, ridge):
    return np.sqrt(prior)


@wrong("4.7", "two standard deviations")
def predictive_deviation(kernel, between, prior, ridge):
    return 2 * root(prior - told(kernel, between, ridge))


@wrong("4.7", "the reciprocal of each number")
def predictive_deviation(kernel, between, prior, ridge):
    inverse = 1 / with_ridge(kernel, ridge)
    return root(prior - np.sum(between @ inverse * between, axis=1))


@wrong("4.7", "the root of the number of training molecules")
def predictive_deviation(kernel, between, prior, ridge):
    return root(prior - told(kernel, between, ridge)) / np.sqrt(len(kernel))


@wrong("4.7", "the ridge is missing: solve", "And these are variances")
def predictive_deviation(kernel, between, prior, ridge):
    return np.maximum(prior - told(kernel, between, 0), 0)


@wrong("4.7", "the variance was divided by the prior")
def predictive_deviation(kernel, between, prior, ridge):
    return root(1 - told(kernel, between, ridge) / prior)


@stops("4.7", "between has the shape (3, 2)", "the kernel is (2, 2)")
def predictive_deviation(kernel, between, prior, ridge):
    return root(prior - between.T @ np.linalg.inv(with_ridge(kernel, ridge)) @ between)


@stops("4.7", "a row for each new molecule and a column for each", "mismatch")
def predictive_deviation(kernel, between, prior, ridge):
    return root(prior - np.sum(np.linalg.solve(with_ridge(kernel, ridge), between), axis=0))


KITE = np.array([[0, 0, 0], [4, 0, 0], [1, 1, 0], [1, -1, 0]], float)
TRAPEZIUM = np.array([[0, 0, 0], [4, 0, 0], [1, 1, 0], [3, 1, 0]], float)
BENT = np.array([[0, 0, 0], [1.5, 0, 0], [2, 1.4, 0], [0.3, 0.5, 1.2]])
TURN = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], float)


def placed(squares):
    """Positions of atoms with these squared distances."""
    centre = np.eye(len(squares)) - 1 / len(squares)
    values, vectors = np.linalg.eigh(-centre @ squares @ centre / 2)
    return vectors[:, -3:] * np.sqrt(np.maximum(values[-3:], 0))


@right("4.8")
def twins():
    one = [[0, 0, 0], [4, 0, 0], [1, 1, 0], [1, -1, 0]]
    other = [[0, 0, 0], [4, 0, 0], [1, 1, 0], [3, 1, 0]]
    return one, other


@right("4.8")
def twins():
    """Six distances that are nearly the same, shared out in two ways: both fit into space."""
    found = []
    for short in ([(0, 1), (2, 3)], [(0, 1), (1, 2)]):
        r = 1.6 * (1 - np.eye(4))
        for i, j in short:
            r[i, j] = r[j, i] = 1.4
        found.append(placed(r**2))
    return tuple(found)


@right("4.8")
def twins():
    return np.stack([0.7 * KITE + 2, jnp.asarray(0.7 * TRAPEZIUM @ TURN)[::-1]])


@right("4.8")
def twins():
    """Six different distances, shared out at random, until the atoms see other ones."""
    rng = np.random.RandomState(0)
    lengths = 1.5 + 0.1 * np.arange(6)
    while True:
        pair = []
        for _ in range(2):
            r = np.zeros((4, 4))
            r[np.triu_indices(4, 1)] = rng.permutation(lengths)
            pair.append(placed((r + r.T) ** 2))
        rows = [sorted(map(tuple, np.sort(np.round(distances(x), 2), axis=1))) for x in pair]
        if rows[0] != rows[1]:
            return pair


@right("4.8")
def twins():
    """The mirror image changes nothing here: the two are different anyway."""
    return [np.round(1.234 * KITE, 4), np.round(1.234 * TRAPEZIUM * [1, -1, 1], 4).tolist()]


@wrong("4.8", "both are the same molecule: the second has the same positions")
def twins():
    return KITE, KITE.copy()


@wrong("4.8", "the second was only moved to another place")
def twins():
    return BENT, BENT + 1.5


@wrong("4.8", "both are the same molecule: the second is the first one turned")
def twins():
    return BENT, BENT @ TURN


@wrong("4.8", "the second is the mirror image of the first")
def twins():
    return BENT, BENT * [1, 1, -1]


@wrong("4.8", "only turned over, like a sheet of paper")
def twins():
    return KITE, KITE * [-1, 1, 1]


@wrong("4.8", "numbered in another order: atoms 0, 1, 2, 3 of the first are 3, 2, 1, 0")
def twins():
    return BENT, BENT[::-1]


@wrong("4.8", "numbered in another order: atoms 0, 1, 2, 3 of the first are 1, 0, 2, 3", "mirror")
def twins():
    return BENT, BENT[[1, 0, 2, 3]] * [1, -1, 1] - 2


@wrong("4.8", "all distances of the second arrangement are 2 times those of the first")
def twins():
    return KITE, 2 * KITE


@wrong("4.8", "none of the six distances agree")
def twins():
    return TRAPEZIUM, BENT


@wrong("4.8", "5 of the six distances agree, and one does not: the first has 2 Å")
def twins():
    return KITE, np.array([[0, 0, 0], [4, 0, 0], [1, 1, 0], [1, 0, 1]])


@wrong("4.8", "the four sides 0-1, 1-2, 2-3 and 3-0 have the same lengths")
def twins():
    square = 1.5 * np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    rhombus = 1.5 * np.array([[0, 0, 0], [1, 0, 0], [1.6, 0.8, 0], [0.6, 0.8, 0]])
    return square, rhombus


@wrong("4.8", "the three distances along the chain 0-1-2-3 agree")
def twins():
    zigzag = 1.5 * np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [2, 1, 0]])
    straight = 1.5 * np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]])
    return zigzag, straight


@wrong("4.8", "the three distances of atom 0 from the others agree")
def twins():
    flat = 1.5 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0]])
    star = 1.5 * np.array([[0, 0, 0], [1, 0, 0], [-0.5, 0.75**0.5, 0], [-0.5, -(0.75**0.5), 0]])
    return flat, star


@wrong("4.8", "the same numbers occur, but not equally often")
def twins():
    short, long = 1.5, 1.7
    found = []
    for pairs in ([(0, 1)], [(0, 1), (0, 2)]):
        r = long * (1 - np.eye(4))
        for i, j in pairs:
            r[i, j] = r[j, i] = short
        found.append(placed(r**2))
    return found


@wrong("4.8", "Give the coordinates with more digits")
def twins():
    return np.round(0.777 * KITE, 2), np.round(0.777 * TRAPEZIUM + [0.333, 0.2, 0.1], 2)


@wrong("4.8", "in the first arrangement, atoms 0 and 1 (counted from 0) are in the same place")
def twins():
    one = KITE.copy()
    one[1] = one[0]
    return one, TRAPEZIUM


@wrong("4.8", "are only 0.424 Å apart")
def twins():
    return 0.3 * KITE, 0.3 * TRAPEZIUM


@wrong("4.8", "Are the positions in nm")
def twins():
    return 0.1 * KITE, 0.1 * TRAPEZIUM


@wrong("4.8", "the two are nearly the same molecule")
def twins():
    found = []
    for short in ([(0, 1), (2, 3)], [(0, 1), (1, 2)]):
        r = 1.6 * (1 - np.eye(4))
        for i, j in short:
            r[i, j] = r[j, i] = 1.57
        found.append(placed(r**2))
    return found


@wrong("4.8", "it returns one arrangement")
def twins():
    return KITE


@wrong("4.8", "each atom needs a third coordinate")
def twins():
    return KITE[:, :2], TRAPEZIUM[:, :2]


@wrong("4.8", "these are 3 atoms; the exercise asks for four")
def twins():
    return KITE[:3], TRAPEZIUM[:3]


@wrong("4.8", "it is transposed: an atom is a row")
def twins():
    return KITE.T, TRAPEZIUM.T


@wrong("4.8", "six distances do not say which atoms")
def twins():
    lengths = np.sqrt([2, 2, 4, 10, 10, 16])
    return lengths, lengths[::-1]


@wrong("4.8", "is it a matrix of distances")
def twins():
    return distances(KITE), distances(TRAPEZIUM)


@wrong("4.8", "the second arrangement is an array with infinite values or NaN (3 of 12)")
def twins():
    other = TRAPEZIUM.copy()
    other[3] = np.nan
    return KITE, other


@wrong("4.8", "it returns None, expected two arrays")
def twins():
    print(KITE, TRAPEZIUM)


@wrong("4.8", "it returns 3 results")
def twins():
    return np.full(4, 6), KITE, TRAPEZIUM


@wrong("4.8", "it returns 'CCCC', expected two arrays")
def twins():
    return "CCCC"


@wrong("4.8", "the first arrangement is 'C1CCC1', expected an array of shape (4, 3)")
def twins():
    return "C1CCC1", "CC1CC1"


@wrong("4.8", "are there random numbers in it")
def twins():
    x = np.random.default_rng().normal(size=(4, 3)) * 5
    return x, x[::-1]


@wrong("4.8", "the second is the first one turned", "numbered in another order")
def twins():
    return BENT, BENT[[2, 0, 1, 3]] @ TURN


@stops("4.8", "list indices must be integers")
def twins():
    one = [[0, 0, 0], [4, 0, 0], [1, 1, 0], [1, -1, 0]]
    other = one.copy()
    other[3, 0] = 3
    return one, other
