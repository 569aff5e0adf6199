import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.spatial.distance import cdist

import qm9lib
from answers import right, stops, wrong
from qm9lib import training
from qm9lib.models import composition, gnn, graphs


@right("5.1")
def pair_distances(positions):
    difference = positions[:, None, :] - positions[None, :, :]
    return np.sqrt(np.sum(difference**2, axis=-1))


@right("5.1")
def pair_distances(positions):
    n = len(positions)
    r = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            r[i, j] = np.linalg.norm(positions[i] - positions[j])
    return r


@right("5.1")
def pair_distances(positions):
    x = jnp.asarray(positions, jnp.float32)
    squares = jnp.sum(x**2, axis=1)
    squared = squares[:, None] + squares[None, :] - 2 * x @ x.T
    return jnp.sqrt(jnp.maximum(squared, 0)) * (1 - jnp.eye(len(x)))


@right("5.1")
def pair_distances(positions):
    return cdist(positions, positions).tolist()


@wrong("5.1", "these are squared distances")
def pair_distances(positions):
    return np.sum((positions[:, None, :] - positions[None, :, :]) ** 2, axis=-1)


@wrong("5.1", "walk along streets")
def pair_distances(positions):
    return np.sum(np.abs(positions[:, None, :] - positions[None, :, :]), axis=-1)


@wrong("5.1", "along x alone")
def pair_distances(positions):
    x = positions[:, 0]
    return np.abs(x[:, None] - x[None, :])


@wrong("5.1", "added before they were squared")
def pair_distances(positions):
    return np.sqrt(np.sum(positions[:, None, :] - positions[None, :, :], axis=-1) ** 2)


@wrong("5.1", "filled in once")
def pair_distances(positions):
    n = len(positions)
    r = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1, n):
            r[i, j] = np.linalg.norm(positions[i] - positions[j])
    return r


@wrong("5.1", "the three squares were averaged")
def pair_distances(positions):
    return np.sqrt(np.mean((positions[:, None, :] - positions[None, :, :]) ** 2, axis=-1))


@wrong("5.1", "the diagonal is 1")
def pair_distances(positions):
    squared = np.sum((positions[:, None, :] - positions[None, :, :]) ** 2, axis=-1)
    return np.sqrt(squared + np.eye(len(positions)))


@wrong("5.1", "shape (2, 2, 3), expected shape (2, 2)")
def pair_distances(positions):
    return np.abs(positions[:, None, :] - positions[None, :, :])


@wrong("5.1", "shape (2, 3), expected shape (2, 2)")
def pair_distances(positions):
    return np.sqrt((positions - positions[::-1]) ** 2)


@wrong("5.1", "everything it returns is zero")
def pair_distances(positions):
    return np.linalg.norm(positions - positions, axis=-1)


@wrong("5.1", "these are distances in bohr")
def pair_distances(positions):
    return cdist(positions, positions) / 0.529177


@wrong("5.1", "as if the positions were in bohr")
def pair_distances(positions):
    return 0.529177 * cdist(positions, positions)


@stops("5.1", "shapes of two arrays do not match")
def pair_distances(positions):
    return np.sqrt(np.sum((positions[:, None] - positions.T[None]) ** 2, axis=-1))


@right("5.1")
def pair_distances(positions):
    import math

    return np.array([[math.dist(a, b) for b in positions] for a in positions])


@wrong("5.1", "everything is rounded to 2 decimals: return the numbers as they")
def pair_distances(positions):
    difference = positions[:, None, :] - positions[None, :, :]
    return np.round(np.linalg.norm(difference, axis=-1), 2)


@wrong("5.1", "the sum runs over atoms in place of x, y and z: those are the")
def pair_distances(positions):
    difference = positions[:, None, :] - positions[None, :, :]
    return np.sqrt(np.sum(difference**2, axis=1))


@stops("5.1", "an index is beyond the end: Python counts from 0, and the last of")
def pair_distances(positions):
    n = positions.shape[1]
    r = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            r[i, j] = np.sqrt(((positions[i] - positions[j]) ** 2).sum())
    return r


@wrong("5.1", "these are differences of two distances from the origin: take the")
def pair_distances(positions):
    r = np.linalg.norm(positions, axis=1)
    return np.abs(r[:, None] - r[None, :])


@wrong("5.1", "the decimals are cut off: an array of integers, such as")
def pair_distances(positions):
    n = len(positions)
    r = np.zeros((n, n), dtype=int)
    for i in range(n):
        for j in range(n):
            r[i, j] = np.linalg.norm(positions[i] - positions[j])
    return r


@wrong("5.1", "each pair is in a list once, as scipy's pdist gives it:")
def pair_distances(positions):
    from scipy.spatial.distance import pdist

    return pdist(positions)


def distances(x):
    return np.linalg.norm(x[:, None, :] - x[None, :, :], axis=-1)


@right("5.2")
def edge_weights(positions, mask):
    pair = mask[:, None] & mask[None, :] & ~np.eye(len(mask), dtype=bool)
    return np.where(pair, 1 / np.where(pair, distances(positions), 1), 0)


@right("5.2")
def edge_weights(positions, mask):
    return graphs.inverse_distance(jnp.asarray(positions, jnp.float32), jnp.asarray(mask))


@right("5.2")
def edge_weights(positions, mask):
    real = np.flatnonzero(mask)
    weights = np.zeros((len(mask), len(mask)))
    for i in real:
        for j in real:
            if i != j:
                weights[i, j] = 1 / np.linalg.norm(positions[i] - positions[j])
    return weights


@right("5.2")
def edge_weights(positions, mask):
    with np.errstate(divide="ignore"):
        weights = 1 / distances(positions)
    weights[~mask] = 0
    weights[:, ~mask] = 0
    np.fill_diagonal(weights, 0)
    return weights


@wrong("5.2", "this is 1/r²")
def edge_weights(positions, mask):
    pair = mask[:, None] & mask[None, :] & ~np.eye(len(mask), dtype=bool)
    return np.where(pair, 1 / np.where(pair, distances(positions) ** 2, 1), 0)


@wrong("5.2", "this is r;")
def edge_weights(positions, mask):
    return distances(positions) * (mask[:, None] & mask[None, :])


@wrong("5.2", "padded atoms take part")
def edge_weights(positions, mask):
    r = distances(positions)
    return np.where(r > 0, 1 / np.where(r > 0, r, 1), 0)


@wrong("5.2", "the mask is not used")
def edge_weights(positions, mask):
    r = distances(positions) + np.eye(len(mask))
    with np.errstate(divide="ignore"):
        return 1 / r - np.eye(len(mask))


@wrong("5.2", "the diagonal is infinite")
def edge_weights(positions, mask):
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 / distances(positions) * mask[:, None] * mask[None, :]


@wrong("5.2", "a real atom has an edge to itself")
def edge_weights(positions, mask):
    r = distances(positions) + np.eye(len(mask))
    pair = mask[:, None] & mask[None, :]
    return np.where(pair, 1 / np.where(pair, r, 1), 0)


@wrong("5.2", "to the columns, too")
def edge_weights(positions, mask):
    r = distances(positions)
    return np.where(r > 0, 1 / np.where(r > 0, r, 1), 0) * mask[:, None]


@wrong("5.2", "to the rows, too")
def edge_weights(positions, mask):
    r = distances(positions)
    return np.where(r > 0, 1 / np.where(r > 0, r, 1), 0) * mask


@wrong("5.2", "expected shape (5, 5)")
def edge_weights(positions, mask):
    n = int(mask.sum())
    return (1 - np.eye(n)) / (distances(positions[:n]) + np.eye(n))


@wrong("5.2", "infinity times 0 is NaN")
def edge_weights(positions, mask):
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = 1 / distances(positions)
        np.fill_diagonal(weights, 0)
        return weights * mask[:, None] * mask[None, :]


@wrong("5.2", "the wrong way round")
def edge_weights(positions, mask):
    with np.errstate(divide="ignore"):
        weights = 1 / distances(positions)
    weights[mask] = 0
    weights[:, mask] = 0
    np.fill_diagonal(weights, 0)
    return weights


@right("5.2")
def edge_weights(positions, mask):
    r = np.sqrt(((positions[:, None] - positions) ** 2).sum(-1))
    keep = mask[:, None] & mask & ~np.eye(len(mask), dtype=bool)
    return np.divide(1.0, r, out=np.zeros_like(r), where=keep)


@wrong("5.2", "the padded atoms are not always at the end: look at the mask,")
def edge_weights(positions, mask):
    n = int(mask.sum())
    x = positions[:n]
    weights = np.zeros((len(mask), len(mask)))
    r2 = ((x[:, None] - x[None]) ** 2).sum(axis=-1) + np.eye(n)
    weights[:n, :n] = (1 - np.eye(n)) / np.sqrt(r2)
    return weights


@wrong("5.2", "atoms that are far apart lost their edge: the exercise asks for no cutoff")
def edge_weights(positions, mask):
    r = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    good = (r > 0) & (r < 5.0) & mask[:, None] & mask[None, :]
    return np.where(good, 1 / np.where(good, r, 1), 0)


@wrong("5.2", "the padded atoms are cut off: keep their rows and columns, with")
def edge_weights(positions, mask):
    x = positions[mask]
    n = len(x)
    r2 = ((x[:, None] - x[None]) ** 2).sum(axis=-1) + np.eye(n)
    return (1 - np.eye(n)) / np.sqrt(r2)


@wrong("5.2", "atoms at the origin were taken for padding: the mask says which")
def edge_weights(positions, mask):
    real = np.any(positions != 0, axis=1)
    r = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    good = real[:, None] & real[None, :] & (r > 0)
    return np.where(good, 1 / np.where(good, r, 1), 0)


@wrong("5.2", "an atom has a huge edge to itself: a small number added to the")
def edge_weights(positions, mask):
    difference = positions[:, None, :] - positions[None, :, :]
    r = np.linalg.norm(difference, axis=-1)
    with np.errstate(divide="ignore"):
        weights = np.nan_to_num(1 / r)
    return weights * mask[:, None] * mask[None, :]


@wrong("5.2", "1 was added to the squared distance of all pairs, and not on the")
def edge_weights(positions, mask):
    n = len(positions)
    r2 = ((positions[:, None] - positions[None]) ** 2).sum(axis=-1) + 1
    real = mask[:, None] & mask[None, :] & ~np.eye(n, dtype=bool)
    return real / np.sqrt(r2)


@wrong("5.2", "where a padded atom takes part, the edges are small, and not")
def edge_weights(positions, mask):
    n = len(positions)
    far = 1000.0 * (1 + np.arange(n))[:, None] * np.ones(3)
    x = np.where(mask[:, None], positions, far)
    r = np.linalg.norm(x[:, None] - x[None], axis=-1) + np.eye(n)
    return (1 - np.eye(n)) / r


@right("5.3")
def message_step(edges, features):
    return (edges * (1 - np.eye(len(edges)))) @ features


@right("5.3")
def message_step(edges, features):
    new = np.zeros_like(features)
    for i in range(len(edges)):
        for j in range(len(edges)):
            if j != i:
                new[i] += edges[i, j] * features[j]
    return new


@right("5.3")
def message_step(edges, features):
    messages = jnp.asarray(edges)[:, :, None] * jnp.asarray(features)[None, :, :]
    others = ~jnp.eye(len(edges), dtype=bool)
    return jnp.sum(messages, axis=1, where=others[:, :, None])


@right("5.3")
def message_step(edges, features):
    np.fill_diagonal(edges, 0)
    return np.einsum("ij,jk->ik", edges, features)


@wrong("5.3", "each atom hears itself")
def message_step(edges, features):
    return edges @ features


@wrong("5.3", "sender and receiver are swapped: in")
def message_step(edges, features):
    return (edges * (1 - np.eye(len(edges)))).T @ features


@wrong("5.3", "sender and receiver are swapped (in")
def message_step(edges, features):
    return np.einsum("ij,ik->jk", edges, features)


@wrong("5.3", "mean over the other atoms")
def message_step(edges, features):
    return (edges * (1 - np.eye(len(edges)))) @ features / (len(edges) - 1)


@wrong("5.3", "mean over all atoms")
def message_step(edges, features):
    kept = edges * (1 - np.eye(len(edges)))
    return np.mean(kept[:, :, None] * features[None, :, :], axis=1)


@wrong("5.3", "a mean with weights")
def message_step(edges, features):
    kept = edges * (1 - np.eye(len(edges)))
    return kept @ features / kept.sum(axis=1, keepdims=True)


@wrong("5.3", "the edges are not used")
def message_step(edges, features):
    return features.sum(axis=0) - features


@wrong("5.3", "feature of the sender")
def message_step(edges, features):
    kept = edges * (1 - np.eye(len(edges)))
    return np.sum(kept[:, :, None] * features[:, None, :], axis=1)


@wrong("5.3", "own feature was added")
def message_step(edges, features):
    return (edges * (1 - np.eye(len(edges)))) @ features + features


@wrong("5.3", "the largest message")
def message_step(edges, features):
    kept = edges * (1 - np.eye(len(edges)))
    return np.max(kept[:, :, None] * features[None, :, :], axis=1)


@wrong("5.3", "which does not make it zero")
def message_step(edges, features):
    return (edges - np.eye(len(edges))) @ features


@wrong("5.3", "runs over the receivers")
def message_step(edges, features):
    kept = edges * (1 - np.eye(len(edges)))
    return np.sum(kept[:, :, None] * features[None, :, :], axis=0)


@wrong("5.3", "return a row for each")
def message_step(edges, features):
    return ((edges * (1 - np.eye(len(edges)))) @ features).sum(0)


@stops("5.3", "is the order of the two wrong?")
def message_step(edges, features):
    return features @ edges


@right("5.3")
def message_step(edges, features):
    rows = [np.delete(edges[i], i) @ np.delete(features, i, axis=0) for i in range(len(edges))]
    return np.stack(rows)


@wrong("5.3", "the decimals are cut off: an array of integers, such as")
def message_step(edges, features):
    new = np.zeros_like(features)
    for i in range(len(edges)):
        others = [j for j in range(len(edges)) if j != i]
        new[i] = (edges[i, others][:, None] * features[others]).sum(axis=0)
    return new


@wrong("5.3", "the atoms were updated one after the other, so that later ones")
def message_step(edges, features):
    new = np.array(features, dtype=float)
    n = len(edges)
    for i in range(n):
        new[i] = sum(edges[i, j] * new[j] for j in range(n) if j != i)
    return new


@wrong("5.3", "the edges were made symmetric: they need not be")
def message_step(edges, features):
    symmetric = (edges + edges.T) / 2
    return (symmetric - np.diag(np.diag(symmetric))) @ features


@wrong("5.3", "only atoms with a smaller number are heard: those after it count,")
def message_step(edges, features):
    new = np.zeros(features.shape)
    for i in range(len(features)):
        for j in range(i):
            new[i] += edges[i, j] * features[j]
    return new


@wrong("5.3", "zeros were put on the diagonal of the result: they belong on that")
def message_step(edges, features):
    new = edges @ features
    np.fill_diagonal(new, 0)
    return new


@wrong("5.3", "what is negative became 0, as in an activation function: the")
def message_step(edges, features):
    others = 1 - jnp.eye(len(edges))
    return jax.nn.relu((edges * others) @ features)


@stops("5.3", "NumPy puts the 3 numbers side by side, along the 2 columns; they")
def message_step(edges, features):
    return edges @ features - np.diag(edges) * features


@right("5.4")
def turning_number(atomic_numbers, positions):
    return np.ptp(positions[:, 2])


@right("5.4")
def turning_number(atomic_numbers, positions):
    centred = positions - positions.mean(axis=0)
    return float(atomic_numbers @ np.abs(centred[:, 0]))


@right("5.4")
def turning_number(atomic_numbers, positions):
    x = jnp.asarray(positions, jnp.float32)
    return jnp.sum((x - x.mean(axis=0))[:, 0] * (x - x.mean(axis=0))[:, 1])


@right("5.4")
def turning_number(atomic_numbers, positions):
    """A dipole along z, with the charge of the nuclei."""
    centre = positions.mean(axis=0)
    positions -= centre
    return sum(z * x[2] for z, x in zip(atomic_numbers, positions, strict=True))


@right("5.4")
def turning_number(atomic_numbers, positions):
    """It takes steps: the element of the highest atom."""
    return atomic_numbers[np.argmax(positions[:, 2])]


@right("5.4")
def turning_number(atomic_numbers, positions):
    return 1e-10 * np.ptp(positions[:, 2])  # in metres


@wrong("5.4", "carried to another place")
def turning_number(atomic_numbers, positions):
    return positions[:, 2].sum()


@wrong("5.4", "numbered in another order")
def turning_number(atomic_numbers, positions):
    return positions[0, 2] - positions[:, 2].mean()


@wrong("5.4", "mean position. And it changes when the atoms are")
def turning_number(atomic_numbers, positions):
    return positions[0, 2]


@wrong("5.4", "does not depend on where the atoms are")
def turning_number(atomic_numbers, positions):
    return atomic_numbers.sum()


@wrong("5.4", "zero for every molecule")
def turning_number(atomic_numbers, positions):
    return (positions[:, 2] - positions[:, 2].mean()).sum()


@wrong("5.4", "expected one number for the whole molecule")
def turning_number(atomic_numbers, positions):
    return positions.max(axis=0) - positions.min(axis=0)


@wrong("5.4", "`return` missing")
def turning_number(atomic_numbers, positions):
    print(np.ptp(positions[:, 2]))


@wrong("5.4", "infinity")
def turning_number(atomic_numbers, positions):
    with np.errstate(divide="ignore"):
        return np.sum(1 / distances(positions))


@wrong("5.4", "or a sort by element")
def turning_number(atomic_numbers, positions):
    lightest, heaviest = np.argmin(atomic_numbers), np.argmax(atomic_numbers)
    return positions[heaviest, 2] - positions[lightest, 2]


@wrong("5.4", "the same whichever way")
def turning_number(atomic_numbers, positions):
    """Stretching does not change it, either: the longest distance by the mean distance."""
    r = distances(positions)
    return r.max() / r.mean()


@right("5.4")
def turning_number(atomic_numbers, positions):
    return np.std(positions[:, 2])


@wrong("5.4", "for water it is 0 however the molecule is turned, and should")
def turning_number(atomic_numbers, positions):
    z = positions[np.asarray(atomic_numbers) > 1, 2]
    return z.max() - z.min()


@stops("5.4", "the table lacks this atomic number: molecules may have H, C, N, O")
def turning_number(atomic_numbers, positions):
    mass = {1: 1.008, 6: 12.011, 8: 15.999}
    m = np.array([mass[int(z)] for z in atomic_numbers])
    z = positions[:, 2]
    z = z - (m * z).sum() / m.sum()
    return (m * z**2).sum()


@wrong("5.4", "it changes when the atoms are numbered in another order (-0.2485")
def turning_number(atomic_numbers, positions):
    return np.mean(positions[:, 2] - positions[0, 2])


@wrong("5.4", "it changes when the molecule is carried to another place (-0.1215")
def turning_number(atomic_numbers, positions):
    return np.sum(atomic_numbers * positions[:, 2]) / np.sum(atomic_numbers)


@wrong("5.4", "it changes when the atoms are numbered in another order (0.2485")
def turning_number(atomic_numbers, positions):
    heaviest = np.argmax(atomic_numbers)
    return positions[heaviest, 2] - positions[:, 2].mean()


@wrong("5.4", "it changes when the atoms are numbered in another order (27.21")
def turning_number(atomic_numbers, positions):
    return np.abs(np.diff(positions[:, 2])).sum()


@wrong("5.4", "it changes when the molecule is carried to another place (2.516")
def turning_number(atomic_numbers, positions):
    return np.abs(positions).max() - np.abs(positions).min()


@right("5.5")
def handedness(positions):
    return np.linalg.det(positions[1:4] - positions[0])


@right("5.5")
def handedness(positions):
    a, b, c = jnp.asarray(positions, jnp.float32)[-3:] - positions[0]
    return jnp.dot(a, jnp.cross(b, c))


@right("5.5")
def handedness(positions):
    """The sine of a dihedral angle."""
    b1, b2, b3 = np.diff(positions[:4], axis=0)
    n1, n2 = np.cross(b1, b2), np.cross(b2, b3)
    return np.dot(b1, n2) * np.linalg.norm(b2) / np.linalg.norm(n1) / np.linalg.norm(n2)


@right("5.5")
def handedness(positions):
    centred = positions - positions.mean(axis=0)
    return [1, -1][int(np.linalg.det(centred[:3]) < 0)]


@right("5.5")
def handedness(positions):
    return 1e-9 * np.linalg.det(positions[1:4] - positions[0])


@right("5.5")
def handedness(positions):
    return 1e-30 * np.linalg.det(positions[1:4] - positions[0])  # in m³


@wrong("5.5", "the mirror image has the same number")
def handedness(positions):
    return abs(np.linalg.det(positions[1:4] - positions[0]))


@wrong("5.5", "the mirror image has the same number")
def handedness(positions):
    return distances(positions).sum()


@wrong("5.5", "carried to another place")
def handedness(positions):
    return np.linalg.det(positions[:3])


@wrong("5.5", "when the molecule is turned")
def handedness(positions):
    a, b = positions[1:3] - positions[0]
    return np.cross(a, b)[2]


@wrong("5.5", "zero for every molecule")
def handedness(positions):
    return np.linalg.det(positions[:3] - positions[:3].mean(axis=0))


@wrong("5.5", "expected one number for the whole molecule")
def handedness(positions):
    a, b, c = positions[1:4] - positions[0]
    return a * np.cross(b, c)


@wrong("5.5", "only the sign of the number should change")
def handedness(positions):
    """A dihedral angle from 0 to 360 degrees."""
    b1, b2, b3 = np.diff(positions[:4], axis=0)
    n1, n2 = np.cross(b1, b2), np.cross(b2, b3)
    sine = np.dot(b1, n2) * np.linalg.norm(b2)
    return np.degrees(np.arctan2(sine, np.dot(n1, n2))) % 360


@wrong("5.5", "same number for every molecule")
def handedness(positions):
    return 1.0


@wrong("5.5", "zero is its own mirror image")
def handedness(positions):
    return 0.0


@stops("5.5", "LinAlgError")
def handedness(positions):
    return np.linalg.det(positions[:4])


@right("5.5")
def handedness(positions):
    a, b, c = positions[1:4] - positions[0]
    return np.cbrt(a @ np.cross(b, c))


@wrong("5.5", "for ethanol it is zero, so that its mirror image has the same")
def handedness(positions):
    a, b, c = positions[[-1, 1, 2]] - positions[0]
    return np.dot(a, np.cross(b, c))


@wrong("5.5", "for methane it is zero, so that its mirror image has the same")
def handedness(positions):
    x = positions - positions.mean(axis=0)
    return np.linalg.det(x[:3])


@wrong("5.5", "for cyclopropane it is zero, so that its mirror image has the")
def handedness(positions):
    a, b, c = positions[-3:] - positions[-4]
    return np.dot(a, np.cross(b, c))


@wrong("5.5", "it changes when the molecule is turned (21.95 becomes -56.74):")
def handedness(positions):
    return (positions[1:] - positions[0])[:, 2].sum()


@wrong("5.5", "it changes when the molecule is turned (12.14 becomes 47.65): use")
def handedness(positions):
    x = positions - positions.mean(axis=0)
    return np.sum(x[:, 0] * x[:, 1] * x[:, 2])


@wrong("5.5", "the mirror image has the same number (0.3297). Lengths, angles,")
def handedness(positions):
    a, b, c = positions[1:4] - positions[0]
    return abs(np.dot(a, np.cross(b, c))) / 6


@wrong("5.5", "it changes when the molecule is carried to another place (2.45")
def handedness(positions):
    a = positions[1] - positions[0]
    b = positions[2] - positions[0]
    return np.dot(np.cross(a, b), positions[3])


@right("5.6")
def pooled_energy(atom_energies, mask):
    return np.where(mask, atom_energies, 0).sum(axis=1)


@right("5.6")
def pooled_energy(atom_energies, mask):
    return np.array([e[real].sum() for e, real in zip(atom_energies, mask, strict=True)])


@right("5.6")
def pooled_energy(atom_energies, mask):
    return jnp.einsum("ma,ma->m", jnp.asarray(atom_energies), jnp.asarray(mask, jnp.float32))


@right("5.6")
def pooled_energy(atom_energies, mask):
    atom_energies[~mask] = 0
    return list(atom_energies.sum(axis=-1))


@wrong("5.6", "mean over the real atoms")
def pooled_energy(atom_energies, mask):
    return np.where(mask, atom_energies, 0).sum(axis=1) / mask.sum(axis=1)


@wrong("5.6", "padded atoms take part: their")
def pooled_energy(atom_energies, mask):
    return atom_energies.sum(axis=1)


@wrong("5.6", "this is a mean, and padded atoms take part")
def pooled_energy(atom_energies, mask):
    return atom_energies.mean(axis=1)


@wrong("5.6", "padding included: the energy")
def pooled_energy(atom_energies, mask):
    return (atom_energies * mask).mean(axis=1)


@wrong("5.6", "largest energy of a real atom")
def pooled_energy(atom_energies, mask):
    return np.where(mask, atom_energies, -np.inf).max(axis=1)


@wrong("5.6", "all molecules were added up")
def pooled_energy(atom_energies, mask):
    return atom_energies[mask].sum()


@wrong("5.6", "place by place")
def pooled_energy(atom_energies, mask):
    return (atom_energies * mask).sum(axis=0)


@wrong("5.6", "True is real")
def pooled_energy(atom_energies, mask):
    atom_energies[mask] = 0
    return atom_energies.sum(axis=1)


@right("5.6")
def pooled_energy(atom_energies, mask):
    return np.ma.array(atom_energies, mask=~mask).sum(axis=1).filled(0.0)


@wrong("5.6", "the padded atoms are not always at the end: look at the mask,")
def pooled_energy(atom_energies, mask):
    n = mask.sum(axis=1)
    return np.array([row[:k].sum() for row, k in zip(atom_energies, n, strict=False)])


@wrong("5.6", "all rows are cut to the size of the largest molecule, and the")
def pooled_energy(atom_energies, mask):
    longest = mask.sum(axis=1).max()
    return atom_energies[:, :longest].sum(axis=1)


@stops("5.6", "an array can be reshaped only to a shape with the same number of")
def pooled_energy(atom_energies, mask):
    return atom_energies[mask].reshape(len(mask), -1).sum(axis=1)


@wrong("5.6", "it returns an array of shape (3, 1), expected shape (3,): the")
def pooled_energy(atom_energies, mask):
    return np.sum(np.where(mask, atom_energies, 0.0), axis=1, keepdims=True)


@wrong("5.6", "it returns an array of shape (1,), expected shape (3,): this is")
def pooled_energy(atom_energies, mask):
    energies = []
    for e, m in zip(atom_energies, mask, strict=False):
        energies.append(e[m].sum())
        return np.array(energies)


@wrong("5.6", "each value includes those before it: start again from 0 for each")
def pooled_energy(atom_energies, mask):
    energies = np.zeros(len(atom_energies))
    total = 0.0
    for i in range(atom_energies.shape[0]):
        for j in range(atom_energies.shape[1]):
            if mask[i, j]:
                total += atom_energies[i, j]
        energies[i] = total
    return energies


@stops("5.6", "the name `sum` is used twice: it was Python's function, and in")
def pooled_energy(atom_energies, mask):
    sum = 0.0
    energies = []
    for e, m in zip(atom_energies, mask, strict=False):
        sum = sum(e[m])
        energies.append(sum)
    return np.array(energies)


@right("5.7")
def number_of_parameters(network):
    return sum(leaf.size for leaf in jax.tree.leaves(network))


@right("5.7")
def number_of_parameters(network):
    return len(ravel_pytree(eqx.filter(network, eqx.is_array))[0])


@right("5.7")
def number_of_parameters(network):
    count = 0
    for leaf in jax.tree.leaves(network):
        count += np.prod(leaf.shape)
    return count


@right("5.7")
def number_of_parameters(network):
    count = len(network.weight) + 1
    for layer in network.layers:
        features, nodes, messages = layer.edge_weight.shape
        count += features * nodes * messages + messages
        count += messages * nodes + nodes * layer.global_weight.shape[1]
    return count


@wrong("5.7", "number of arrays")
def number_of_parameters(network):
    return len(jax.tree.leaves(network))


@wrong("5.7", "these are bytes")
def number_of_parameters(network):
    return sum(leaf.nbytes for leaf in jax.tree.leaves(network))


@wrong("5.7", "biases are missing")
def number_of_parameters(network):
    count = network.weight.size
    for layer in network.layers:
        count += layer.edge_weight.size + layer.node_weight.size + layer.global_weight.size
    return count


@wrong("5.7", "first layer alone")
def number_of_parameters(network):
    return sum(leaf.size for leaf in jax.tree.leaves(network.layers[0]))


@wrong("5.7", "the layers are right")
def number_of_parameters(network):
    return sum(gnn.count_parameters(layer) for layer in network.layers)


@wrong("5.7", "lengths of the axes were added")
def number_of_parameters(network):
    return sum(n for leaf in jax.tree.leaves(network) for n in leaf.shape)


@wrong("5.7", "arrays of one axis and single numbers")
def number_of_parameters(network):
    return sum(leaf.size for leaf in jax.tree.leaves(network) if leaf.ndim > 1)


@wrong("5.7", "one number is missing")
def number_of_parameters(network):
    return sum(leaf.size for leaf in jax.tree.leaves(network) if leaf.shape)


@wrong("5.7", "only arrays with two axes")
def number_of_parameters(network):
    return sum(a.shape[0] * a.shape[1] for a in jax.tree.leaves(network) if a.ndim == 2)


@wrong("5.7", "added up, not counted")
def number_of_parameters(network):
    return sum(leaf.sum() for leaf in jax.tree.leaves(network))


@stops("5.7", "TypeError")
def number_of_parameters(network):
    return sum(len(leaf) for leaf in jax.tree.leaves(network))


@right("5.7")
def number_of_parameters(network):
    return np.sum([a.nbytes // a.dtype.itemsize for a in jax.tree.leaves(network)])


@wrong("5.7", "parameters that are zero were left out: a bias begins at zero,")
def number_of_parameters(network):
    return sum(int(np.count_nonzero(a)) for a in jax.tree.leaves(network))


@wrong("5.7", "equal parameters were counted once, as in a set: each is trained")
def number_of_parameters(network):
    values = np.concatenate([np.ravel(a) for a in jax.tree.leaves(network)])
    return len(np.unique(values))


@wrong("5.7", "only the last axis of each array was counted: .size is the")
def number_of_parameters(network):
    return sum(a.shape[-1] if a.shape else 1 for a in jax.tree.leaves(network))


@wrong("5.7", "only the first two axes of each array were multiplied: weights")
def number_of_parameters(network):
    total = 0
    for a in jax.tree.leaves(network):
        if a.ndim >= 2:
            total += a.shape[0] * a.shape[1]
        elif a.ndim == 1:
            total += a.shape[0]
        else:
            total += 1
    return total


@wrong("5.7", "whatever the arguments are, it returns 1321: is a variable used")
def number_of_parameters(network):
    return 1321


@wrong("5.7", "this takes two layers of one size for granted: a network may have")
def number_of_parameters(network):
    one = sum(a.size for a in jax.tree.leaves(network.layers[0]))
    return 2 * one + 9


@wrong("5.7", "the parameters were added up, not counted, and made a whole")
def number_of_parameters(network):
    return int(sum(a.sum() for a in jax.tree.leaves(network)))


@right("5.8")
def batch_energies(network, molecules):
    batch = graphs.pad(molecules, np.arange(len(molecules)), int(molecules.n_atoms.max()))
    return jax.vmap(network)(batch.atomic_numbers, batch.positions)


def padded(molecules, size, number=0):
    numbers = np.full((len(molecules), size), number)
    positions = np.zeros((len(molecules), size, 3))
    for i, molecule in enumerate(molecules):
        n = min(len(molecule), size)
        numbers[i, :n] = molecule.atomic_numbers[:n]
        positions[i, :n] = molecule.positions[:n]
    return jnp.asarray(numbers), jnp.asarray(positions, jnp.float32)


@right("5.8")
def batch_energies(network, molecules):
    numbers, positions = padded(molecules, 29)
    return np.array(eqx.filter_vmap(network)(numbers, positions))


@right("5.8")
def batch_energies(network, molecules):
    energies = np.zeros(len(molecules))
    for batch in graphs.bucketed(molecules):
        energies[batch.row] = jax.vmap(network)(batch.atomic_numbers, batch.positions)
    return energies


@right("5.8")
def batch_energies(network, molecules):
    numbers, positions = padded(molecules, max(len(molecule) for molecule in molecules))
    return jax.lax.map(lambda one: network(*one), (numbers, positions))


@wrong("5.8", "the padded atoms take part")
def batch_energies(network, molecules):
    size = int(molecules.n_atoms.max())
    numbers, positions = padded(molecules, size, number=1)
    line = jnp.arange(size)[:, None] + jnp.array([5.0, 0.0, 0.0])  # no two in one place
    real = jnp.arange(size) < molecules.n_atoms[:, None]
    return jax.vmap(network)(numbers, jnp.where(real[:, :, None], positions, line))


@wrong("5.8", "two atoms with a nonzero")
def batch_energies(network, molecules):
    numbers, positions = padded(molecules, int(molecules.n_atoms.max()), number=6)
    return jax.vmap(network)(numbers, positions)


@wrong("5.8", "the network was called 6 times")
def batch_energies(network, molecules):
    size = int(molecules.n_atoms.max())
    numbers, positions = padded(molecules, size)
    return jnp.stack([network(z, x) for z, x in zip(numbers, positions, strict=True)])


@wrong("5.8", "in a different order from the molecules")
def batch_energies(network, molecules):
    batches = graphs.bucketed(molecules)
    energies = [jax.vmap(network)(batch.atomic_numbers, batch.positions) for batch in batches]
    return jnp.concatenate(energies)


@wrong("5.8", "atoms were cut off")
def batch_energies(network, molecules):
    return jax.vmap(network)(*padded(molecules, int(molecules.n_atoms.min())))


@wrong("5.8", "energies per atom")
def batch_energies(network, molecules):
    energies = jax.vmap(network)(*padded(molecules, int(molecules.n_atoms.max())))
    return energies / molecules.n_atoms


@wrong("5.8", "one number for 6 molecules")
def batch_energies(network, molecules):
    return jax.vmap(network)(*padded(molecules, int(molecules.n_atoms.max()))).mean()


@stops("5.8", "for a batch use jax.vmap(network)")
def batch_energies(network, molecules):
    return network(*padded(molecules, int(molecules.n_atoms.max())))


@right("5.8")
def batch_energies(network, molecules):
    batch = graphs.pad(molecules, np.arange(len(molecules)), 29)
    return jax.vmap(network)(batch.atomic_numbers, batch.positions)


@stops("5.8", "a molecule does not fit into so few slots: pad to as many")
def batch_energies(network, molecules):
    batch = graphs.pad(molecules, np.arange(len(molecules)), int(molecules.n_atoms[0]))
    return jax.vmap(network)(batch.atomic_numbers, batch.positions)


@stops("5.8", "rows count the molecules that the function is given, from 0:")
def batch_energies(network, molecules):
    batch = graphs.pad(molecules, np.arange(6), int(molecules.n_atoms.max()))
    return jax.vmap(network)(batch.atomic_numbers, batch.positions)


@stops("5.8", "a molecule does not fit into so few slots: pad to as many")
def batch_energies(network, molecules):
    batch = graphs.pad(molecules, np.arange(len(molecules)), 10)
    return jax.vmap(network)(batch.atomic_numbers, batch.positions)


@stops("5.8", "rows count the molecules that the function is given, from 0:")
def batch_energies(network, molecules):
    batch = graphs.pad(molecules, molecules.index - 1, int(molecules.n_atoms.max()))
    return jax.vmap(network)(batch.atomic_numbers, batch.positions)


@stops("5.8", "more than the 28 places of a padded molecule", "does not fit into so few slots")
def batch_energies(network, molecules):
    batch = graphs.pad(molecules, np.arange(len(molecules)), 28)
    return jax.vmap(network)(batch.atomic_numbers, batch.positions)


@wrong("5.8", "energies are infinite or NaN (1 of 6): two atoms with a nonzero")
def batch_energies(network, molecules):
    batch = graphs.pad(molecules, np.arange(len(molecules)), int(molecules.n_atoms.max()))
    return jax.vmap(network, in_axes=(None, 0))(batch.atomic_numbers[0], batch.positions)


@wrong("5.8", "6 of 6 energies are wrong, such as that of CH4O")
def batch_energies(network, molecules):
    n = int(molecules.n_atoms.max())
    total = len(molecules) * n
    z = np.zeros(total, int)
    x = np.zeros((total, 3))
    z[: len(molecules.atomic_numbers)] = molecules.atomic_numbers
    x[: len(molecules.positions)] = molecules.positions
    z, x = z.reshape(len(molecules), n), x.reshape(len(molecules), n, 3)
    return jax.vmap(network)(jnp.array(z), jnp.array(x))


@wrong("5.8", "it returns an array of shape (5,), expected (6,)")
def batch_energies(network, molecules):
    rows = np.arange(len(molecules) - 1)
    batch = graphs.pad(molecules, rows, int(molecules.n_atoms.max()))
    return jax.vmap(network)(batch.atomic_numbers, batch.positions)


@right("5.9")
def predict_gap(train, valid, test):
    network = gnn.GraphNetwork(edge_function=gnn.bessel_edges, key=jax.random.key(0))
    settings = training.Settings(epochs=10, learning_rate=1e-2)
    model, _ = training.fit(network, train, valid, "gap", settings, progress=False)
    return model.predict(test, "eV")


@right("5.9")
def predict_gap(train, valid, test):
    network = gnn.GraphNetwork(key=jax.random.key(1))
    settings = training.Settings(epochs=20, learning_rate=1e-2, loss="absolute")
    model = training.fit(network, train, valid, "gap", settings=settings, progress=False)[0]
    return 27.2114 * model.predict(test)


@right("5.9")
def predict_gap(train, valid, test):
    """A network from lumo to homo: two labels, and their difference."""
    network = gnn.GraphNetwork(1, 9, 8, 8, gnn.bessel_edges, key=jax.random.key(0))
    settings = training.Settings(epochs=20, learning_rate=1e-2)
    homo, lumo = (
        training.fit(network, train, valid, label, settings, progress=False)[0]
        for label in ("homo", "lumo")
    )
    return lumo.predict(test, "eV") - homo.predict(test, "eV")


def bonds(molecules):
    """Counts of atoms and of pairs of heavy atoms by distance, shape (molecules, features)."""
    rows = []
    for molecule in molecules:
        z, x = molecule.atomic_numbers, molecule.positions
        heavy = cdist(x[z > 1], x[z > 1])
        lengths = np.histogram(heavy, [0.5, 1.25, 1.32, 1.37, 1.43, 1.5, 1.6])[0]
        rows.append([1, *((z == n).sum() for n in (1, 6, 7, 8, 9)), *lengths])
    return np.array(rows, float)


@right("5.9")
def predict_gap(train, valid, test):
    """Least squares, without a network."""
    weights = np.linalg.lstsq(bonds(train), train.target("gap", "eV"), rcond=None)[0]
    return bonds(test) @ weights


@wrong("5.9", "that is the baseline")
def predict_gap(train, valid, test):
    return np.full(len(test), train.target("gap", "eV").mean())


@wrong("5.9", "this is a composition model")
def predict_gap(train, valid, test):
    return composition.fit(train, "gap").predict(test, "eV")


@wrong("5.9", "that is a leak")
def predict_gap(train, valid, test):
    qm9 = qm9lib.load_sample()
    return qm9[np.searchsorted(qm9.index, test.index)].target("gap", "eV")


@wrong("5.9", "these are gaps as on the page")
def predict_gap(train, valid, test):
    sample = qm9lib.load_sample()
    small = sample[sample.n_atoms <= 15]
    weights = np.linalg.lstsq(bonds(small), small.target("gap", "eV"), rcond=None)[0]
    return bonds(test) @ weights


@wrong("5.9", "the gaps are in hartree")
def predict_gap(train, valid, test):
    return composition.fit(train, "gap").predict(test)


@wrong("5.9", "in hartree, divided by 23")
def predict_gap(train, valid, test):
    weights = np.linalg.lstsq(bonds(train), train.target("gap"), rcond=None)[0]
    return bonds(test) @ weights / 23.06


@wrong("5.9", "such as enthalpies")
def predict_gap(train, valid, test):
    return composition.fit(train, "H").predict(test, "eV")


@wrong("5.9", "as many as there are molecules in `train`")
def predict_gap(train, valid, test):
    return train.target("gap", "eV")


@wrong("5.9", "as many as there are molecules in `valid`")
def predict_gap(train, valid, test):
    return valid.target("gap", "eV")


@wrong("5.9", "Beat that by at least a tenth")
def predict_gap(train, valid, test):
    network = gnn.GraphNetwork(1, 9, 8, 8, key=jax.random.key(0))
    settings = training.Settings(epochs=1, learning_rate=1e-4)
    model, _ = training.fit(network, train, valid, "gap", settings, progress=False)
    return model.predict(test, "eV")


@wrong("5.9", "output is standardised")
def predict_gap(train, valid, test):
    network = gnn.GraphNetwork(1, 9, 8, 8, key=jax.random.key(0))
    batch = graphs.pad(test, np.arange(len(test)), 15)
    return jax.vmap(network)(batch.atomic_numbers, batch.positions)


@wrong("5.9", "infinite or NaN")
def predict_gap(train, valid, test):
    return 27.2114 * test.labels[:, 8]


@wrong("5.9", "[0.85, 1.1], expected a gap for each")
def predict_gap(train, valid, test):
    return 0.85, 1.1


@stops("5.9", "labels of the test molecules are hidden")
def predict_gap(train, valid, test):
    network = gnn.GraphNetwork(1, 9, 8, 8, key=jax.random.key(0))
    model, _ = training.fit(network, train, test, "gap", progress=False)
    return model.predict(test, "eV")


@right("5.9")
def predict_gap(train, valid, test):
    def features(molecules):
        rows = np.zeros((len(molecules), 15))
        for row, m in zip(rows, molecules, strict=False):
            z = np.asarray(m.atomic_numbers, float)
            r = np.linalg.norm(m.positions[:, None] - m.positions[None], axis=-1)
            c = np.outer(z, z) / (r + np.eye(len(z)))
            np.fill_diagonal(c, 0.5 * z**2.4)
            row[: len(z)] = np.sort(np.linalg.eigvalsh(c))[::-1]
        return np.column_stack([rows, 5 * molecules.composition])

    a, b, y = features(train), features(test), train.target("gap", "eV")

    def kernel(p, q):
        return np.exp(-np.abs(p[:, None] - q[None]).sum(axis=-1) / 100)

    mean = y.mean()
    alpha = np.linalg.solve(kernel(a, a) + 0.05 * np.eye(len(a)), y - mean)
    return mean + kernel(b, a) @ alpha


@wrong("5.9", "the mean of your gaps is -0.011 eV, and that of the training")
def predict_gap(train, valid, test):
    def features(molecules):
        rows = []
        for m in molecules:
            x = m.positions
            r = np.linalg.norm(x[:, None] - x[None], axis=-1)[np.triu_indices(len(x), 1)]
            rows.append(np.histogram(r, bins=np.arange(0.9, 4.0, 0.1))[0])
        return np.array(rows)

    gap = train.target("gap", "eV")
    f = features(train)
    centre = f.mean(axis=0)
    w, *_ = np.linalg.lstsq(f - centre, gap - gap.mean(), rcond=None)
    return (features(test) - centre) @ w


@wrong("5.9", "the mean of your gaps is 11 eV, and that of the training")
def predict_gap(train, valid, test):
    def features(molecules):
        rows = []
        for m in molecules:
            x = m.positions
            r = np.linalg.norm(x[:, None] - x[None], axis=-1)[np.triu_indices(len(x), 1)]
            rows.append(np.histogram(r, bins=np.arange(0.9, 3.0, 0.1))[0])
        f = np.array(rows, float)
        return f / f[0].sum()

    a = np.column_stack([features(train), train.composition])
    w, *_ = np.linalg.lstsq(a, train.target("gap", "eV"), rcond=None)
    return np.column_stack([features(test), test.composition]) @ w


@wrong("5.9", "These are energies of the homo")
def predict_gap(train, valid, test):
    weights, *_ = np.linalg.lstsq(train.composition, train.target("homo", "eV"), rcond=None)
    return test.composition @ weights


@wrong("5.9", "are the gaps in the order of `test`?")
def predict_gap(train, valid, test):
    def table(molecules):
        rows = []
        for m in molecules:
            r = np.linalg.norm(m.positions[:, None] - m.positions[None], axis=-1)
            rows.append(np.histogram(r, bins=np.arange(0.9, 3.0, 0.1))[0])
        return np.column_stack([rows, molecules.composition])

    weights, *_ = np.linalg.lstsq(table(train), train.target("gap", "eV"), rcond=None)
    return table(test[np.argsort(test.n_atoms)]) @ weights


@wrong("5.4", "for propane it returns infinity or NaN: a molecule need not have every element")
def turning_number(atomic_numbers, positions):
    return positions[atomic_numbers == 8, 2].mean() - positions[:, 2].mean()


@stops("5.4", "zero-size array to reduction operation")
def turning_number(atomic_numbers, positions):
    return np.ptp(positions[atomic_numbers == 1, 2])


@wrong("5.4", "called again with the same arguments", "Or are there random numbers in it?")
def turning_number(atomic_numbers, positions):
    return np.random.default_rng().random()


@right("5.4")
def turning_number(atomic_numbers, positions):
    centre = (atomic_numbers[:, None] * positions).sum(axis=0) / atomic_numbers.sum()
    return float((atomic_numbers * (positions - centre)[:, 0] ** 2).sum())


@wrong("5.1", "the last row is never filled in: range(n - 1) ends before it")
def pair_distances(positions):
    found = np.zeros((len(positions), len(positions)))
    for i in range(len(positions) - 1):
        found[i] = np.linalg.norm(positions - positions[i], axis=1)
    return found


@wrong("5.1", "these are lengths of the path from atom to atom")
def pair_distances(positions):
    steps = np.linalg.norm(positions[1:] - positions[:-1], axis=1)
    way = np.concatenate([[0], np.cumsum(steps)])
    return np.abs(way[:, None] - way[None, :])


@wrong("5.3", "does each pass of the loop overwrite the sum? Add to it, with +=")
def message_step(edges, features):
    out = np.zeros(features.shape)
    for i in range(len(edges)):
        for j in range(len(edges)):
            if i != j:
                out[i] = edges[i, j] * features[j]
    return out


@wrong("5.6", "this was divided by the number of molecules: add up the atoms of each")
def pooled_energy(atom_energies, mask):
    return np.where(mask, atom_energies, 0).sum(axis=1) / len(mask)


@wrong("5.6", "the last place of each row is left out: it may hold a real atom")
def pooled_energy(atom_energies, mask):
    return np.where(mask, atom_energies, 0)[:, :-1].sum(axis=1)


@wrong("5.6", "all rows are cut to the number of atoms of the first molecule")
def pooled_energy(atom_energies, mask):
    return atom_energies[:, : mask[0].sum()].sum(axis=1)


@wrong("5.7", "only the first axis of each array was counted")
def number_of_parameters(network):
    return sum(len(a) if a.ndim else 1 for a in jax.tree.leaves(network))


@wrong("5.7", "only the first and the last axis of each array were multiplied")
def number_of_parameters(network):
    leaves = jax.tree.leaves(network)
    return sum(a.shape[0] * a.shape[-1] if a.ndim else 1 for a in leaves)


@wrong("5.7", "the first array is missing: count all of jax.tree.leaves(network)")
def number_of_parameters(network):
    return sum(a.size for a in jax.tree.leaves(network)[1:])
