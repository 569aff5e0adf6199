import collections

import jax
import jax.numpy as jnp
import numpy as np

import qm9lib
from answers import right, stops, wrong

HARTREE = 627.5095
ELEMENTS = (1, 6, 7, 8, 9)


def parts(atomic_numbers, offsets):
    """Atomic numbers of one molecule after the other."""
    return np.split(atomic_numbers, offsets[1:-1])


@right("3.1")
def count_elements(atomic_numbers, offsets):
    return [[np.sum(z == n) for n in ELEMENTS] for z in parts(atomic_numbers, offsets)]


@right("3.1")
def count_elements(atomic_numbers, offsets):
    one_hot = atomic_numbers[:, None] == np.array(ELEMENTS)
    return np.add.reduceat(one_hot.astype(int), offsets[:-1], axis=0)


@right("3.1")
def count_elements(atomic_numbers, offsets):
    molecule = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    one_hot = jax.nn.one_hot(atomic_numbers, 10)[:, jnp.array(ELEMENTS)]
    return jax.ops.segment_sum(one_hot, molecule, len(offsets) - 1)


@right("3.1")
def count_elements(atomic_numbers, offsets):
    rows = []
    for a, b in zip(offsets[:-1], offsets[1:], strict=True):
        found = collections.Counter(atomic_numbers[a:b].tolist())
        rows.append([found[n] for n in ELEMENTS])
    return np.array(rows)


@wrong("3.1", "alphabetical order")
def count_elements(atomic_numbers, offsets):
    return [[np.sum(z == n) for n in (6, 9, 1, 7, 8)] for z in parts(atomic_numbers, offsets)]


@wrong("3.1", "in the order C, H, N, O, F")
def count_elements(atomic_numbers, offsets):
    return [[np.sum(z == n) for n in (6, 1, 7, 8, 9)] for z in parts(atomic_numbers, offsets)]


@wrong("3.1", "hydrogen atoms are missing")
def count_elements(atomic_numbers, offsets):
    return [[np.sum(z == n) for n in ELEMENTS[1:]] for z in parts(atomic_numbers, offsets)]


@wrong("3.1", "each atomic number from 0 to 9")
def count_elements(atomic_numbers, offsets):
    return [np.bincount(z, minlength=10) for z in parts(atomic_numbers, offsets)]


@wrong("3.1", "count its atoms")
def count_elements(atomic_numbers, offsets):
    return [[int(n in z) for n in ELEMENTS] for z in parts(atomic_numbers, offsets)]


@wrong("3.1", "these are shares")
def count_elements(atomic_numbers, offsets):
    return [[np.mean(z == n) for n in ELEMENTS] for z in parts(atomic_numbers, offsets)]


@wrong("3.1", "the last atom of each molecule is missing")
def count_elements(atomic_numbers, offsets):
    return [[np.sum(z[:-1] == n) for n in ELEMENTS] for z in parts(atomic_numbers, offsets)]


@wrong("3.1", "counts the molecules before it, too")
def count_elements(atomic_numbers, offsets):
    return [[np.sum(atomic_numbers[:b] == n) for n in ELEMENTS] for b in offsets[1:]]


@wrong("3.1", "these are electrons")
def count_elements(atomic_numbers, offsets):
    return [[np.sum(z[z == n]) for n in ELEMENTS] for z in parts(atomic_numbers, offsets)]


@wrong("3.1", "all molecules together")
def count_elements(atomic_numbers, offsets):
    return np.array([np.sum(atomic_numbers == n) for n in ELEMENTS])


@wrong("3.1", "a transposed array")
def count_elements(atomic_numbers, offsets):
    return [[np.sum(z == n) for z in parts(atomic_numbers, offsets)] for n in ELEMENTS]


@stops("3.1", "beyond the end")
def count_elements(atomic_numbers, offsets):
    return [
        [np.sum(atomic_numbers[offsets[i] : offsets[i + 1]] == n) for n in ELEMENTS]
        for i in range(len(offsets))
    ]


@right("3.1")
def count_elements(atomic_numbers, offsets):
    atoms = np.arange(len(atomic_numbers))
    counts, *_ = np.histogram2d(
        atoms, atomic_numbers, bins=[np.array(offsets) - 0.5, [1, 6, 7, 8, 9, 10]]
    )
    return counts


@wrong("3.1", "the first atom of the next molecule is counted, too: a slice ends")
def count_elements(atomic_numbers, offsets):
    rows = []
    for i in range(len(offsets) - 1):
        z = atomic_numbers[offsets[i] : offsets[i + 1] + 1]
        rows.append([(z == e).sum() for e in (1, 6, 7, 8, 9)])
    return np.array(rows)


@wrong("3.1", "it returns an array of shape (1, 5), expected shape (2, 5): the")
def count_elements(atomic_numbers, offsets):
    counts = []
    for i in range(len(offsets) - 2):
        z = list(atomic_numbers[offsets[i] : offsets[i + 1]])
        counts.append([z.count(e) for e in (1, 6, 7, 8, 9)])
    return np.array(counts)


@wrong("3.1", "every row counts all molecules together: each needs its own. [[0]")
def count_elements(atomic_numbers, offsets):
    column = {1: 0, 6: 1, 7: 2, 8: 3, 9: 4}
    counts = [[0] * 5] * (len(offsets) - 1)
    for i in range(len(offsets) - 1):
        for z in atomic_numbers[offsets[i] : offsets[i + 1]]:
            counts[i][column[int(z)]] += 1
    return np.array(counts)


@wrong("3.1", "the sums are too large for int8, which ends at 127: they need")
def count_elements(atomic_numbers, offsets):
    hit = (np.asarray(atomic_numbers)[:, None] == [1, 6, 7, 8, 9]).astype(np.int8)
    total = np.vstack([np.zeros((1, 5), np.int8), np.cumsum(hit, axis=0, dtype=np.int8)])
    return np.diff(total[np.asarray(offsets)].astype(int), axis=0)


@wrong("3.1", "cumulative sums need a 0 in front: without it")
def count_elements(atomic_numbers, offsets):
    hit = np.asarray(atomic_numbers)[:, None] == np.array([1, 6, 7, 8, 9])
    total = np.cumsum(hit, axis=0)
    offsets = np.asarray(offsets)
    ends = total[offsets[1:] - 1]
    starts = total[offsets[:-1]]
    return ends - starts


@wrong("3.1", "np.unique leaves out elements that a molecule does not have, and")
def count_elements(atomic_numbers, offsets):
    rows = []
    for start, stop in zip(offsets[:-1], offsets[1:], strict=False):
        _, counts = np.unique(atomic_numbers[start:stop], return_counts=True)
        row = np.zeros(5, dtype=int)
        row[: len(counts)] = counts
        rows.append(row)
    return np.array(rows)


@stops("3.1", "np.bincount counts only up to the largest number that occurs, so")
def count_elements(atomic_numbers, offsets):
    rows = []
    for start, stop in zip(offsets[:-1], offsets[1:], strict=False):
        rows.append(np.bincount(atomic_numbers[start:stop])[[1, 6, 7, 8, 9]])
    return np.array(rows)


@right("3.2")
def fit_elements(counts, energies):
    return np.linalg.solve(counts.T @ counts, counts.T @ energies)


@right("3.2")
def fit_elements(counts, energies):
    return np.linalg.pinv(counts) @ energies


@right("3.2")
def fit_elements(counts, energies):
    q, r = np.linalg.qr(counts)
    return np.linalg.solve(r, q.T @ energies)


@right("3.2")
def fit_elements(counts, energies):
    return jnp.linalg.lstsq(jnp.asarray(counts), jnp.asarray(energies))[0]


@right("3.2")
def fit_elements(counts, energies):
    solution = jnp.linalg.solve(jnp.asarray(counts.T @ counts), jnp.asarray(counts.T @ energies))
    return list(solution)


@wrong("3.2", "was returned as well")
def fit_elements(counts, energies):
    x = np.column_stack([counts, np.ones(len(counts))])
    return np.linalg.lstsq(x, energies, rcond=None)[0]


@wrong("3.2", "was returned first")
def fit_elements(counts, energies):
    x = np.column_stack([np.ones(len(counts)), counts])
    return np.linalg.lstsq(x, energies, rcond=None)[0]


@wrong("3.2", "returns four things")
def fit_elements(counts, energies):
    return np.linalg.lstsq(counts, energies, rcond=None)


@wrong("3.2", "were centred")
def fit_elements(counts, energies):
    x, y = counts - counts.mean(axis=0), energies - energies.mean()
    return np.linalg.lstsq(x, y, rcond=None)[0]


@wrong("3.2", "and the energies were not")
def fit_elements(counts, energies):
    x = counts / counts.sum(axis=1, keepdims=True)
    return np.linalg.lstsq(x, energies, rcond=None)[0]


@wrong("3.2", "and the counts were not")
def fit_elements(counts, energies):
    return np.linalg.lstsq(counts, energies / counts.sum(axis=1), rcond=None)[0]


@wrong("3.2", "counts less in a large molecule")
def fit_elements(counts, energies):
    atoms = counts.sum(axis=1)
    return np.linalg.lstsq(counts / atoms[:, None], energies / atoms, rcond=None)[0]


@wrong("3.2", "use the energies as they are")
def fit_elements(counts, energies):
    return np.linalg.lstsq(counts, energies - energies.mean(), rcond=None)[0]


@wrong("3.2", "as if there were no others")
def fit_elements(counts, energies):
    return (counts * energies[:, None]).sum(axis=0) / (counts**2).sum(axis=0)


@wrong("3.2", "they still need to be solved")
def fit_elements(counts, energies):
    return counts.T @ energies


@wrong("3.2", "one for each molecule")
def fit_elements(counts, energies):
    return counts @ np.linalg.lstsq(counts, energies, rcond=None)[0]


@wrong("3.2", "is in kcal/mol; the exercise asks for hartree")
def fit_elements(counts, energies):
    return HARTREE * np.linalg.lstsq(counts, energies, rcond=None)[0]


@wrong("3.2", "`return` missing")
def fit_elements(counts, energies):
    np.linalg.solve(counts.T @ counts, counts.T @ energies)


@wrong("3.2", "not at the bottom")
def fit_elements(counts, energies):
    weights = np.zeros(5)
    for _ in range(200):
        weights -= 0.004 * counts.T @ (counts @ weights - energies) / len(counts)
    return weights


@wrong("3.2", "a penalty on the energies")
def fit_elements(counts, energies):
    return np.linalg.solve(counts.T @ counts + np.eye(5), counts.T @ energies)


@stops("3.2", "as many rows as columns")
def fit_elements(counts, energies):
    return np.linalg.solve(counts, energies)


@stops("3.2", "matmul: Input operand 1 has a mismatch")
def fit_elements(counts, energies):
    return np.linalg.solve(counts @ counts.T, counts @ energies)


@right("3.2")
def fit_elements(counts, energies):
    return np.dot(np.linalg.pinv(counts), energies)


@wrong("3.2", "the inverse of XᵀX was multiplied element by element with *; the")
def fit_elements(counts, energies):
    return np.linalg.inv(counts.T @ counts).diagonal() * (counts.T @ energies)


@wrong("3.2", "it returns an array of shape (5, 1), expected shape (5,): the")
def fit_elements(counts, energies):
    x, y = np.asarray(counts, float), np.asarray(energies).reshape(-1, 1)
    return np.linalg.inv(x.T @ x) @ x.T @ y


@wrong("3.2", "XᵀX was divided by the number of molecules, and Xᵀy was not")
def fit_elements(counts, energies):
    a = counts.T @ counts / len(counts)
    b = counts.T @ energies
    return np.linalg.solve(a, b)


@wrong("3.2", "these are the free atoms, which were not fitted: in a molecule an")
def fit_elements(counts, energies):
    return np.array([qm9lib.ATOM_REFERENCES["H"][z] for z in (1, 6, 7, 8, 9)])


@wrong("3.2", "everything is rounded to 2 decimals: return the numbers as they")
def fit_elements(counts, energies):
    return np.round(np.linalg.lstsq(counts, energies, rcond=None)[0], 2)


@wrong("3.2", "only the first half of the molecules was used: fit all that the")
def fit_elements(counts, energies):
    half = len(counts) // 2
    x, y = counts[:half], energies[:half]
    return np.linalg.lstsq(x, y, rcond=None)[0]


@wrong("3.2", "XᵀX was multiplied by Xᵀy")
def fit_elements(counts, energies):
    return counts.T @ counts @ (counts.T @ energies)


@right("3.3")
def mae_in_kcal(predicted, true):
    return qm9lib.mae(predicted.ravel(), true)


@right("3.3")
def mae_in_kcal(predicted, true):
    difference = jnp.asarray(predicted).reshape(-1) - jnp.asarray(true)
    return HARTREE * jnp.abs(difference).mean()


@right("3.3")
def mae_in_kcal(predicted, true):
    pairs = zip(predicted.flatten(), true, strict=True)
    return sum(abs(a - b) * HARTREE for a, b in pairs) / len(true)


@right("3.3")
def mae_in_kcal(predicted, true):
    return np.mean(np.abs(true - np.squeeze(predicted))) * 27.2114 * 23.0605


@wrong("3.3", "a table of shape (n, n)")
def mae_in_kcal(predicted, true):
    return HARTREE * np.mean(np.abs(predicted - true))


@wrong("3.3", "in which large errors weigh more")
def mae_in_kcal(predicted, true):
    return HARTREE * np.sqrt(np.mean((predicted.ravel() - true) ** 2))


@wrong("3.3", "in which large errors weigh more. And a column of shape (n, 1)")
def mae_in_kcal(predicted, true):
    return HARTREE * np.sqrt(np.mean((predicted - true) ** 2))


@wrong("3.3", "take the absolute value of each before the mean")
def mae_in_kcal(predicted, true):
    return HARTREE * np.mean(predicted - true)


@wrong("3.3", "comes before the mean, not after")
def mae_in_kcal(predicted, true):
    return HARTREE * abs(np.mean(predicted) - np.mean(true))


@wrong("3.3", "is in hartree; the exercise asks for kcal/mol")
def mae_in_kcal(predicted, true):
    return np.mean(np.abs(predicted.ravel() - true))


@wrong("3.3", "the number is in hartree")
def mae_in_kcal(predicted, true):
    return np.mean(np.abs(predicted - true))


@wrong("3.3", "sum of the errors")
def mae_in_kcal(predicted, true):
    return HARTREE * np.sum(np.abs(predicted.ravel() - true))


@wrong("3.3", "in hartree², multiplied by the factor")
def mae_in_kcal(predicted, true):
    return HARTREE * np.mean((predicted.ravel() - true) ** 2)


@wrong("3.3", "in (kcal/mol)²")
def mae_in_kcal(predicted, true):
    return np.mean((HARTREE * (predicted.ravel() - true)) ** 2)


@wrong("3.3", "median")
def mae_in_kcal(predicted, true):
    return HARTREE * np.median(np.abs(predicted.ravel() - true))


@wrong("3.3", "largest error of all")
def mae_in_kcal(predicted, true):
    return HARTREE * np.max(np.abs(predicted.ravel() - true))


@wrong("3.3", "expected one number")
def mae_in_kcal(predicted, true):
    return HARTREE * np.abs(predicted.ravel() - true)


@wrong("3.3", "both arrays were sorted")
def mae_in_kcal(predicted, true):
    return HARTREE * np.mean(np.abs(np.sort(predicted.ravel()) - np.sort(true)))


@wrong("3.3", "leave the truth as it is")
def mae_in_kcal(predicted, true):
    return HARTREE * np.mean(np.abs(predicted - true[:, None]))


@wrong("3.3", "subtract them as they are")
def mae_in_kcal(predicted, true):
    return HARTREE * np.mean(np.abs(predicted.ravel() - true.reshape(-1, 1)))


@stops("3.3", "need the same shape")
def mae_in_kcal(predicted, true):
    return qm9lib.mae(predicted, true)


@right("3.3")
def mae_in_kcal(predicted, true):
    errors = [abs(np.asarray(p).item() - float(t)) for p, t in zip(predicted, true, strict=False)]
    return sum(errors) * 627.5095 / len(errors)


@wrong("3.3", "absolute values of the energies were subtracted, so that signs")
def mae_in_kcal(predicted, true):
    return np.mean(np.abs(np.abs(predicted.ravel()) - np.abs(true))) * 627.5095


@wrong("3.3", "from hartree to kcal/mol you divided by 627.509; multiply by it")
def mae_in_kcal(predicted, true):
    return np.abs(np.ravel(predicted) - true).mean() / 627.5095


@wrong("3.3", "predicted[0] of a column is the first molecule alone:")
def mae_in_kcal(predicted, true):
    if predicted.ndim == 2:
        predicted = predicted[0]
    return np.abs(predicted - true).mean() * 627.5095


@wrong("3.3", "it returns an array of shape (1,), expected one number: the")
def mae_in_kcal(predicted, true):
    error = predicted.reshape(-1, 1) - true.reshape(-1, 1)
    return np.abs(error).mean(axis=0) * 627.5095


@wrong("3.3", "this was divided by n - 1: a mean divides by the number of")
def mae_in_kcal(predicted, true):
    error = np.abs(predicted.ravel() - true)
    return error.sum() / (len(error) - 1) * 627.5095


@wrong("3.3", "these are relative errors, divided by the true energies: the exercise")
def mae_in_kcal(predicted, true):
    error = np.abs((predicted.ravel() - true) / true)
    return 627.5095 * error.mean()


@wrong("3.3", "the last molecule is missing in the sum: range(len(true)) takes all")
def mae_in_kcal(predicted, true):
    predicted = predicted.ravel()
    total = 0.0
    for i in range(len(true) - 1):
        total += abs(predicted[i] - true[i])
    return total / len(true) * 627.5095


@right("3.4")
def gradient(weights, features, targets):
    def loss(w):
        return jnp.mean((jnp.asarray(features) @ w - jnp.asarray(targets)) ** 2)

    return jax.grad(loss)(jnp.asarray(weights))


@right("3.4")
def gradient(weights, features, targets):
    total = np.zeros(len(weights))
    for x, y in zip(features, targets, strict=True):
        total += 2 * (np.dot(weights, x) - y) * x
    return total / len(targets)


@right("3.4")
def gradient(weights, features, targets):
    def loss(w):
        return np.mean((features @ w - targets) ** 2)

    step = 1e-4
    moves = step * np.eye(len(weights))
    return [(loss(weights + move) - loss(weights - move)) / (2 * step) for move in moves]


@right("3.4")
def gradient(weights, features, targets):
    residual = np.einsum("mk,k->m", features, weights) - targets
    return 2 * np.mean(residual[:, None] * features, axis=0)


@wrong("3.4", "the factor 2 is missing: the derivative")
def gradient(weights, features, targets):
    return features.T @ (features @ weights - targets) / len(targets)


@wrong("3.4", "divide by the number of molecules")
def gradient(weights, features, targets):
    return 2 * features.T @ (features @ weights - targets)


@wrong("3.4", "is not yet a mean")
def gradient(weights, features, targets):
    return features.T @ (features @ weights - targets)


@wrong("3.4", "the number of weights")
def gradient(weights, features, targets):
    return 2 * features.T @ (features @ weights - targets) / len(weights)


@wrong("3.4", "points uphill")
def gradient(weights, features, targets):
    return 2 * features.T @ (targets - features @ weights) / len(targets)


@wrong("3.4", "the features are missing")
def gradient(weights, features, targets):
    return 2 * np.mean(features @ weights - targets)


@wrong("3.4", "a row for each molecule")
def gradient(weights, features, targets):
    return 2 * (features @ weights - targets)[:, None] * features


@wrong("3.4", "the mean over the weights, too")
def gradient(weights, features, targets):
    return np.mean(2 * (features @ weights - targets)[:, None] * features)


@wrong("3.4", "the mean squared error itself")
def gradient(weights, features, targets):
    return np.mean((features @ weights - targets) ** 2)


@wrong("3.4", "of the mean absolute error")
def gradient(weights, features, targets):
    return np.mean(np.sign(features @ weights - targets)[:, None] * features, axis=0)


@wrong("3.4", "of the root")
def gradient(weights, features, targets):
    return jax.grad(lambda w: jnp.sqrt(jnp.mean((features @ w - targets) ** 2)))(weights)


@wrong("3.4", "molecules times columns")
def gradient(weights, features, targets):
    return 2 * features.T @ (features @ weights - targets) / features.size


@wrong("3.4", "not the product of the means")
def gradient(weights, features, targets):
    return 2 * np.mean(features @ weights - targets) * features.mean(0)


@wrong("3.4", "the targets are missing")
def gradient(weights, features, targets):
    return 2 * features.T @ (features @ weights) / len(targets)


@wrong("3.4", "these are new weights")
def gradient(weights, features, targets):
    return weights - 0.02 * 2 * features.T @ (features @ weights - targets) / len(targets)


@stops("3.4", "Is a .T missing")
def gradient(weights, features, targets):
    return 2 * features @ (features @ weights - targets) / len(targets)


@right("3.4")
def gradient(weights, features, targets):
    error = np.einsum("ik,k->i", features, weights) - targets
    return np.einsum("ik,i->k", features, 2 * error / len(error))


@wrong("3.4", "the decimals are cut off: an array of integers, such as")
def gradient(weights, features, targets):
    result = np.zeros_like(weights)
    error = features @ weights - targets
    for k in range(len(weights)):
        result[k] = 2 * np.mean(error * features[:, k])
    return result


@wrong("3.4", "this is the mean absolute error times the mean of the features:")
def gradient(weights, features, targets):
    error = features @ weights - targets
    return 2 * np.mean(np.abs(error)) * np.mean(features, axis=0)


@wrong("3.4", "this is the gradient of the first molecule alone: is `return`")
def gradient(weights, features, targets):
    error = features[0] @ weights - targets[0]
    return 2 * error * features[0]


@wrong("3.4", "the errors are not multiplied by the features: the derivative of")
def gradient(weights, features, targets):
    error = features @ weights - targets
    return np.full(len(weights), 2 * error.mean())


@wrong("3.4", "the mean runs over the columns of each molecule: take it over the")
def gradient(weights, features, targets):
    error = features @ weights - targets
    return (2 * error[:, None] * features).mean(axis=1)


@wrong("3.4", "the predictions are a column and the targets a row, so that all")
def gradient(weights, features, targets):
    predicted = features @ weights[:, None]
    error = predicted - targets
    return 2 * (features.T @ error).mean(axis=1) / len(targets)


@wrong("3.4", "a one-sided difference with a step of 0.01 is not exact: a")
def gradient(weights, features, targets):
    def loss(w):
        return np.mean((features @ w - targets) ** 2)

    step = 1e-2
    result = np.zeros(len(weights))
    for k in range(len(weights)):
        moved = weights.astype(float)
        moved[k] += step
        result[k] = (loss(moved) - loss(weights)) / step
    return result


@right("3.5")
def largest_rate(features):
    hessian = 2 * features.T @ features / len(features)
    return 2 / np.linalg.eigvalsh(hessian).max()


@right("3.5")
def largest_rate(features):
    return len(features) / np.linalg.norm(features, 2) ** 2


@right("3.5")
def largest_rate(features):
    """Multiply a vector again and again: what is steepest wins."""
    vector = np.ones(features.shape[1])
    for _ in range(500):
        vector = features.T @ (features @ vector) / len(features)
        size = np.linalg.norm(vector)
        vector /= size
    return 1 / size


@right("3.5")
def largest_rate(features):
    x = jnp.asarray(features)
    hessian = jax.hessian(lambda w: jnp.mean((x @ w) ** 2))(jnp.zeros(x.shape[1]))
    return 2 / jnp.linalg.eigvalsh(hessian)[-1]


@right("3.5")
def largest_rate(features):
    """Try it out: halve the interval between a rate that shrinks and one that grows."""
    low, high = 0.0, 10.0
    hessian = 2 * features.T @ features / len(features)
    for _ in range(30):
        rate = (low + high) / 2
        step = np.eye(len(hessian)) - rate * hessian
        stable = np.abs(np.linalg.eigvalsh(step)).max() < 1
        low, high = (rate, high) if stable else (low, rate)
    return low


@wrong("3.5", "twice too large")
def largest_rate(features):
    return 2 / np.linalg.eigvalsh(features.T @ features / len(features))[-1]


@wrong("3.5", "just half of it")
def largest_rate(features):
    return 1 / np.linalg.eigvalsh(2 * features.T @ features / len(features))[-1]


@wrong("3.5", "the flattest direction")
def largest_rate(features):
    return 2 / np.linalg.eigvalsh(2 * features.T @ features / len(features))[0]


@wrong("3.5", "right for the sum of squared errors")
def largest_rate(features):
    return 2 / np.linalg.eigvalsh(2 * features.T @ features)[-1]


@wrong("3.5", "and the mean over molecules")
def largest_rate(features):
    return 2 / np.linalg.eigvalsh(features.T @ features)[-1]


@wrong("3.5", "the largest curvature, not a rate")
def largest_rate(features):
    return np.linalg.eigvalsh(2 * features.T @ features / len(features))[-1]


@wrong("3.5", "the largest eigenvalue itself")
def largest_rate(features):
    return np.linalg.eigvalsh(features.T @ features / len(features))[-1]


@wrong("3.5", "the trace is the sum")
def largest_rate(features):
    return 2 / np.trace(2 * features.T @ features / len(features))


@wrong("3.5", "square the largest")
def largest_rate(features):
    singular_values = np.linalg.svd(features, compute_uv=False)
    return 2 / (2 * singular_values[0] / len(features))


@wrong("3.5", "covariance")
def largest_rate(features):
    return 1 / np.linalg.eigvalsh(np.cov(features, rowvar=False, bias=True))[-1]


@wrong("3.5", "the one largest molecule")
def largest_rate(features):
    return 1 / max(x @ x for x in features)


@wrong("3.5", "the mean counts: use")
def largest_rate(features):
    return 1 / np.linalg.eigvalsh(np.cov(features, rowvar=False))[-1]


@wrong("3.5", "the mean counts. And the curvatures")
def largest_rate(features):
    return 2 / np.linalg.eigvalsh(np.cov(features.T)).max()


@wrong("3.5", "a complex number")
def largest_rate(features):
    return 2 / np.max(np.linalg.eigvals(2 * features.T @ features / len(features)) + 0j)


@wrong("3.5", "the largest sum of a row")
def largest_rate(features):
    return 2 / np.linalg.norm(2 * features.T @ features / len(features), np.inf)


@wrong("3.5", "norm(matrix, 2)")
def largest_rate(features):
    return 2 / np.linalg.norm(2 * features.T @ features / len(features))


@stops("3.5", "LinAlgError")
def largest_rate(features):
    return 1 / np.linalg.eigvalsh(features)[-1]


@right("3.5")
def largest_rate(features):
    hessian = 2 * features.T @ features / len(features)
    m, log_norm, power = hessian.astype(float), 0.0, 1
    for _ in range(40):
        size = np.linalg.norm(m)
        m, log_norm = m / size, log_norm + np.log(size) / power
        m, power = m @ m, 2 * power
    return float(2 / np.exp(log_norm))


@wrong("3.5", "for some features this is the bound for a direction other than the")
def largest_rate(features):
    """The first one, where each feature has its own."""
    eigenvalues, vectors = np.linalg.eigh(2 * features.T @ features / len(features))
    return 2 / eigenvalues[np.argmax(np.abs(vectors[0]))]


@wrong("3.5", "this takes the largest number on the diagonal of XᵀX: where")
def largest_rate(features):
    hessian = 2 * features.T @ features / len(features)
    return 2 / hessian.diagonal().max()


@wrong("3.5", "a column of ones was added: the model here has no constant")
def largest_rate(features):
    x = np.column_stack([features, np.ones(len(features))])
    hessian = 2 * x.T @ x / len(x)
    return 2 / np.linalg.eigvalsh(hessian).max()


@wrong("3.5", "XᵀX was divided by the number of columns: the mean is over")
def largest_rate(features):
    matrix = features.T @ features / features.shape[1]
    return 1 / np.linalg.eigvalsh(matrix).max()


@wrong("3.5", "this is the condition number, the largest over the smallest")
def largest_rate(features):
    eigenvalues = np.linalg.eigvalsh(2 * features.T @ features / len(features))
    return eigenvalues[-1] / eigenvalues[0]


@wrong("3.5", "near, but not the bound: it is 1 to 1.23 times what is right. A")
def largest_rate(features):
    hessian = 2 * features.T @ features / len(features)
    v = np.random.default_rng(0).normal(size=hessian.shape[0])
    for _ in range(2):
        v = hessian @ v
        v /= np.linalg.norm(v)
    return 2 / (v @ hessian @ v)


@wrong("3.5", "2 / (largest + smallest) is the rate that is fastest; the bound,")
def largest_rate(features):
    values = np.linalg.eigvalsh(2 * features.T @ features / len(features))
    return 2 / (values[0] + values[-1])


@right("3.6")
def scale(train, other):
    spread = train.std(axis=0)
    spread[spread == 0] = 1
    return (train - train.mean(axis=0)) / spread, (other - train.mean(axis=0)) / spread


@right("3.6")
def scale(train, other):
    center = np.mean(train, 0)
    spread = np.std(train, 0, ddof=1)
    spread = np.array([s if s > 0 else 1.0 for s in spread])
    return [(x - center) / spread for x in (train, other)]


@right("3.6")
def scale(train, other):
    train, other = jnp.asarray(train), jnp.asarray(other)
    variance = jnp.mean(train**2, axis=0) - jnp.mean(train, axis=0) ** 2
    factor = jnp.where(variance > 1e-6, 1 / jnp.sqrt(jnp.maximum(variance, 1e-6)), 1.0)
    return (train - train.mean(axis=0)) * factor, (other - train.mean(axis=0)) * factor


@right("3.6")
def scale(train, other):
    train, other = train.astype(float), other.astype(float)
    for column in range(train.shape[1]):
        mean, std = train[:, column].mean(), train[:, column].std()
        for table in (train, other):
            table[:, column] = (table[:, column] - mean) / (std or 1.0)
    return train, other


def ruler(table):
    spread = table.std(axis=0)
    return table.mean(axis=0), np.where(spread > 0, spread, 1)


@wrong("3.6", "with its own mean and spread")
def scale(train, other):
    results = []
    for table in (train, other):
        center, spread = ruler(table)
        results.append((table - center) / spread)
    return tuple(results)


@wrong("3.6", "from both sets together")
def scale(train, other):
    center, spread = ruler(np.concatenate([train, other]))
    return (train - center) / spread, (other - center) / spread


@wrong("3.6", "divided by the variance")
def scale(train, other):
    center, spread = ruler(train)
    return (train - center) / spread**2, (other - center) / spread**2


@wrong("3.6", "the mean was not subtracted")
def scale(train, other):
    _, spread = ruler(train)
    return train / spread, other / spread


@wrong("3.6", "now divide by the standard deviation")
def scale(train, other):
    center, _ = ruler(train)
    return train - center, other - center


@wrong("3.6", "for the whole table")
def scale(train, other):
    return (train - np.mean(train)) / np.std(train), (other - np.mean(train)) / np.std(train)


@wrong("3.6", "by its own atoms")
def scale(train, other):
    results = []
    for table in (train, other):
        center, spread = ruler(table.T)
        results.append((table - center[:, None]) / spread[:, None])
    return tuple(results)


@wrong("3.6", "between 0 and 1")
def scale(train, other):
    low = train.min(axis=0)
    width = np.maximum(train.max(axis=0) - low, 1.0)
    return (train - low) / width, (other - low) / width


@wrong("3.6", "came back as it was")
def scale(train, other):
    center, spread = ruler(train)
    return (train - center) / spread, other


@wrong("3.6", "a hundred million")
def scale(train, other):
    center, spread = train.mean(axis=0), train.std(axis=0) + 1e-8
    return (train - center) / spread, (other - center) / spread


@wrong("3.6", "spreads below 1")
def scale(train, other):
    center, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1)
    return (train - center) / spread, (other - center) / spread


@wrong("3.6", "np.nan_to_num turns 0/0")
def scale(train, other):
    center, spread = train.mean(axis=0), train.std(axis=0)
    with np.errstate(all="ignore"):
        return np.nan_to_num((train - center) / spread), np.nan_to_num((other - center) / spread)


@wrong("3.6", "keep the difference")
def scale(train, other):
    center, spread = train.mean(axis=0), train.std(axis=0)
    factor = np.array([1 / s if s else 0.0 for s in spread])
    return (train - center) * factor, (other - center) * factor


@wrong("3.6", "axis=1 takes mean and spread")
def scale(train, other):
    center, spread = train.mean(axis=1), train.std(axis=1)
    return (train - center) / spread, (other - center) / spread


@wrong("3.6", "look for 0/0")
def scale(train, other):
    center, spread = train.mean(axis=0), train.std(axis=0)
    with np.errstate(all="ignore"):
        return (train - center) / spread, (other - center) / spread


@wrong("3.6", "expected 2 results")
def scale(train, other):
    center, spread = ruler(train)
    return (train - center) / spread


@right("3.6")
def scale(train, other):
    columns = []
    for a, b in zip(train.T, other.T, strict=False):
        ruler = 1.0 if np.all(a == a[0]) else np.sqrt(np.mean((a - a.mean()) ** 2))
        columns.append(((a - a.mean()) / ruler, (b - a.mean()) / ruler))
    return [np.transpose([c[0] for c in columns]), np.transpose([c[1] for c in columns])]


@wrong("3.6", "in the first result (train) and the second result (other) the")
def scale(train, other):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[std == 0] = 1
    a, b = np.zeros_like(train), np.zeros_like(other)
    a[:] = (train - mean) / std
    b[:] = (other - mean) / std
    return a, b


@wrong("3.6", "1 was added to each spread: divide by 1 only where the spread is 0")
def scale(train, other):
    mean, std = train.mean(axis=0), train.std(axis=0)
    return (train - mean) / (std + 1), (other - mean) / (std + 1)


@wrong("3.6", "the mean was not subtracted from the other set. Or was it computed when")
def scale(train, other):
    std = train.std(axis=0)
    std[std == 0] = 1
    train = (train - train.mean(axis=0)) / std
    other = (other - train.mean(axis=0)) / std
    return train, other


@wrong("3.6", "the first result (train) is an array of shape (1974, 4), expected")
def scale(train, other):
    std = train.std(axis=0)
    keep = std > 0
    mean = train.mean(axis=0)
    return ((train - mean) / std)[:, keep], ((other - mean) / std)[:, keep]


@wrong("3.6", "where the spread is 0, the mean was not subtracted: only the")
def scale(train, other):
    a, b = train.astype(float), other.astype(float)
    for k in range(train.shape[1]):
        mean, std = train[:, k].mean(), train[:, k].std()
        if std == 0:
            continue
        a[:, k] = (train[:, k] - mean) / std
        b[:, k] = (other[:, k] - mean) / std
    return a, b


@stops("3.6", "an index is beyond the end: Python counts from 0, and the last of")
def scale(train, other):
    a, b = train.astype(float), other.astype(float)
    for k in range(5):
        mean, std = train[:, k].mean(), train[:, k].std() or 1.0
        a[:, k] = (train[:, k] - mean) / std
        b[:, k] = (other[:, k] - mean) / std
    return a, b


@wrong("3.6", "the other set was divided by its own spread: mean and spread are")
def scale(train, other):
    mean = train.mean(axis=0)
    a, b = train.std(axis=0), other.std(axis=0)
    a[a == 0] = 1
    b[b == 0] = 1
    return (train - mean) / a, (other - mean) / b


def counted(qm9, *patterns):
    return np.array([[smiles.count(p) for p in patterns] for smiles in qm9.smiles])


def separations(molecule):
    """Distances of all pairs of atoms, each once, in Å."""
    positions = molecule.positions
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    return distances[np.triu_indices(len(positions), 1)]


@right("3.7")
def features(qm9):
    digits = counted(qm9, *"123456789").sum(axis=1)
    return np.column_stack([qm9.composition, counted(qm9, "=", "#"), digits / 2])


@right("3.7")
def features(qm9):
    return np.column_stack([qm9.composition, counted(qm9, *"#()+-12345=H[]")])


@right("3.7")
def features(qm9):
    edges = np.arange(0.9, 3.0, 0.1)
    rows = [np.histogram(separations(molecule), edges)[0] for molecule in qm9]
    return np.hstack([qm9.composition, rows])


@right("3.7")
def features(qm9):
    centres = jnp.arange(0.9, 4.0, 0.2)
    rows = [
        np.exp(-20 * (separations(molecule)[:, None] - np.asarray(centres)) ** 2).sum(axis=0)
        for molecule in qm9
    ]
    return jnp.concatenate([jnp.asarray(qm9.composition, float), jnp.asarray(rows)], axis=1)


@right("3.7")
def features(qm9):
    nitrile, carbonyl = counted(qm9, "#N", "N#"), counted(qm9, "=O", "O=")
    columns = [nitrile.sum(axis=1), carbonyl.sum(axis=1), counted(qm9, "=", "#")]
    return np.column_stack([np.ones(len(qm9)), qm9.composition, *columns])


@wrong("3.7", "add hardly anything new")
def features(qm9):
    return qm9.composition


@wrong("3.7", "add hardly anything new")
def features(qm9):
    unsaturation = (qm9.composition @ [-1, 2, 1, 0, -1] + 2) / 2
    return np.column_stack([qm9.composition, unsaturation, qm9.n_atoms])


@wrong("3.7", "but hardly with the energy")
def features(qm9):
    extent = [np.ptp(molecule.positions, axis=0) for molecule in qm9]
    return np.column_stack([qm9.composition, extent])


@wrong("3.7", "; the goal is below 13. Farthest off are O1N=NN=N1")
def features(qm9):
    return np.column_stack([qm9.composition, counted(qm9, "=")])


@wrong("3.7", "out of the very calculation")
def features(qm9):
    return np.column_stack([qm9.composition, qm9.target("U0")])


@wrong("3.7", "change with the numbers of the molecules")
def features(qm9):
    sample = qm9lib.load_sample()
    rows = np.searchsorted(sample.index, qm9.index)
    return np.column_stack([qm9.composition, sample.target("H")[rows]])


@wrong("3.7", "and not the name `sample`")
def features(qm9):
    sample = qm9lib.load_sample()
    return np.column_stack([sample.composition, counted(sample, "=", "#")])


@wrong("3.7", "Is there a random number")
def features(qm9):
    noise = np.random.default_rng().normal(size=(len(qm9), 3))
    return np.column_stack([qm9.composition, noise])


@wrong("3.7", "two different rulers")
def features(qm9):
    table = np.column_stack([qm9.composition, counted(qm9, "=", "#", "1", "2")]).astype(float)
    return (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-3)


@wrong("3.7", "must not depend on which molecules there are")
def features(qm9):
    return counted(qm9, *sorted(set("".join(qm9.smiles))))


@wrong("3.7", "and no others")
def features(qm9):
    letters = np.array([list(smiles.ljust(20)[:20]) for smiles in qm9.smiles])
    one_hot = letters[:, :, None] == np.array([*"#()12345=CNO[]H+-F"])
    return np.column_stack([qm9.composition, one_hot.reshape(len(qm9), -1)])


@wrong("3.7", "would memorise them")
def features(qm9):
    return (qm9.index[:, None] % np.arange(2, 900)).astype(float)


@wrong("3.7", "with the counts of the elements beside your columns")
def features(qm9):
    return counted(qm9, "=", "#", "1", "2", "3", "4", "#N", "N#")


@wrong("3.7", "Start from them")
def features(qm9):
    return counted(qm9, "C", "N", "O")


@wrong("3.7", "are infinite or NaN")
def features(qm9):
    double = counted(qm9, "=")
    with np.errstate(all="ignore"):
        return np.column_stack([qm9.composition, qm9.n_atoms[:, None] / double])


@wrong("3.7", "the array is transposed")
def features(qm9):
    return np.vstack([qm9.composition.T, counted(qm9, "=", "#").T])


@wrong("3.7", "without columns")
def features(qm9):
    return np.array([smiles.count("=") + smiles.count("#") for smiles in qm9.smiles])


@wrong("3.7", "it returns None")
def features(qm9):
    np.column_stack([qm9.composition, counted(qm9, "=", "#")])


@stops("3.7", "no attribute of this name")
def features(qm9):
    return np.column_stack([qm9.composition, qm9.smiles.count("=")])


@right("3.7")
def features(qm9):
    rows = []
    for molecule in qm9:
        z, xyz = molecule.atomic_numbers, molecule.positions
        counts = [int((z == e).sum()) for e in (1, 6, 7, 8, 9)]
        d = np.sqrt(((xyz[:, None] - xyz) ** 2).sum(-1))
        i, j = np.triu_indices(len(z), 1)
        kind = np.where(z[i] > z[j], 10 * z[i].astype(int) + z[j], 10 * z[j].astype(int) + z[i])
        row = []
        for k in (11, 61, 66, 71, 76, 77, 81, 86, 87, 88, 91, 96, 97, 98, 99):
            r = d[i, j][kind == k]
            row += [
                float(np.exp(-(((r - c) / 0.15) ** 2)).sum())
                for c in (1.1, 1.25, 1.4, 1.55, 2.2, 2.5)
            ]
        rows.append(counts + row)
    return rows


@wrong("3.7", "features of 2 of 1000 molecules are infinite or NaN, such as")
def features(qm9):
    rows = []
    for molecule in qm9:
        s = molecule.smiles
        heavy = (molecule.atomic_numbers > 1).sum()
        rows.append(
            [
                s.count("="),
                s.count("#"),
                s.count("1"),
                s.count("2"),
                s.count("3"),
                s.count("4"),
                np.float64(s.count("=")) / np.float64(heavy - 1),
            ]
        )
    return np.column_stack([qm9.composition, rows])


@wrong("3.7", "the second 1,000 molecules get the same features as the first:")
def features(qm9, cache={}):  # noqa: B006
    if len(qm9) not in cache:
        rows = [[s.count(c) for c in "=#1234"] for s in qm9.smiles]
        cache[len(qm9)] = np.column_stack([qm9.composition, rows])
    return cache[len(qm9)]


@wrong("3.7", "it returns an array of shape (1, 8), expected an array of shape")
def features(qm9):
    rows = []
    for molecule in qm9:
        s = molecule.smiles
        rows.append(
            [
                *(np.bincount(molecule.atomic_numbers, minlength=10)[[1, 6, 7, 8, 9]]),
                s.count("="),
                s.count("#"),
                sum(c.isdigit() for c in s),
            ]
        )
        return np.array(rows)


@wrong("3.7", "it returns 68 columns for 50 molecules and 58 for 25 of them: the")
def features(qm9):
    letters = sorted(set("".join(qm9.smiles)))
    pairs = sorted({s[i : i + 2] for s in qm9.smiles for i in range(len(s) - 1)})
    table = [[s.count(p) for p in letters + pairs] for s in qm9.smiles]
    return np.column_stack([qm9.composition, table])


@wrong("3.7", "1,005 columns are too many for 1,000 training molecules: least")
def features(qm9):
    table = np.zeros((len(qm9), 1000))
    for i, s in enumerate(qm9.smiles):
        for k in range(len(s) - 1):
            table[i, (ord(s[k]) * 31 + ord(s[k + 1])) % 1000] += 1
    return np.column_stack([qm9.composition, table])


@wrong("3.7", "the array is transposed, of shape (11, 50): each molecule needs a")
def features(qm9):
    rows = [[s.count(c) for c in "=#1234"] for s in qm9.smiles]
    return np.column_stack([qm9.composition, rows]).T


@wrong("3.7", "16.9 kcal/mol on the second half, and 17.4 with the counts alone:")
def features(qm9):
    n = qm9.composition
    products = [n[:, i] * n[:, j] for i in range(5) for j in range(i, 5)]
    return np.column_stack([n, *products])


@wrong("3.3", "absolute values of the energies were subtracted, and the errors keep their signs")
def mae_in_kcal(predicted, true):
    return 627.5095 * np.mean(np.abs(predicted.ravel()) - np.abs(true))


@wrong("3.4", "this is the last molecule alone: does each pass of the loop overwrite")
def gradient(weights, features, targets):
    for x, y in zip(features, targets, strict=True):
        g = 2 * (x @ weights - y) * x
    return g


@wrong("3.4", "the features were squared")
def gradient(weights, features, targets):
    return 2 * (features**2).T @ (features @ weights - targets) / len(targets)


@wrong("3.4", "the predictions are missing: the gradient depends on the weights")
def gradient(weights, features, targets):
    return -2 * features.T @ targets / len(targets)


@wrong("3.4", "all weights get the mean of the gradient: each has its own")
def gradient(weights, features, targets):
    g = 2 * features.T @ (features @ weights - targets) / len(targets)
    return np.full(len(weights), g.mean())
