import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial.transform import Rotation

import qm9lib
from answers import right, stops, wrong
from qm9lib.data import geometry
from qm9lib.models import graphs
from qm9lib.pretrained import domain

DEBYE = 4.8032


@right("6.1")
def dipole_moment(charges, positions):
    return DEBYE * np.sum(charges[:, None] * positions, axis=0)


@right("6.1")
def dipole_moment(charges, positions):
    total = jnp.zeros(3)
    for q, x in zip(charges, positions, strict=True):
        total += 4.8 * q * x
    return total


@right("6.1")
def dipole_moment(charges, positions):
    centred = positions - positions.mean(axis=0)  # neutral: the origin does not matter
    return DEBYE * np.einsum("i,ik->k", charges, centred).astype(np.float32)


@right("6.1")
def dipole_moment(charges, positions):
    return [DEBYE * float(np.dot(charges, positions[:, k])) for k in range(3)]


@wrong("6.1", "that is the length of the dipole moment, a scalar")
def dipole_moment(charges, positions):
    return DEBYE * np.linalg.norm(charges @ positions)


@wrong("6.1", "the charges are missing")
def dipole_moment(charges, positions):
    return DEBYE * positions.sum(axis=0)


@wrong("6.1", "the vector is in e Å")
def dipole_moment(charges, positions):
    return charges @ positions


@wrong("6.1", "multiply, do not divide")
def dipole_moment(charges, positions):
    return charges @ positions / DEBYE


@wrong("6.1", "this is a mean over the atoms")
def dipole_moment(charges, positions):
    return DEBYE * (charges[:, None] * positions).mean(axis=0)


@wrong("6.1", "the charges are squared")
def dipole_moment(charges, positions):
    return DEBYE * charges**2 @ positions


@wrong("6.1", "an absolute value makes all of them positive")
def dipole_moment(charges, positions):
    return DEBYE * np.abs(charges) @ positions


@wrong("6.1", "from plus to minus")
def dipole_moment(charges, positions):
    return -DEBYE * charges @ positions


@wrong("6.1", "sum over the atoms, axis 0")
def dipole_moment(charges, positions):
    return DEBYE * (charges[:, None] * positions).sum(axis=1)


@wrong("6.1", "each atom has its own vector here")
def dipole_moment(charges, positions):
    return DEBYE * charges[:, None] * positions


@wrong("6.1", "NaN")
def dipole_moment(charges, positions):
    with np.errstate(all="ignore"):  # as the mean position of the charges
        return DEBYE * (charges @ positions) / charges.sum()


@wrong("6.1", "minus signs are lost")
def dipole_moment(charges, positions):
    return DEBYE * np.abs(charges @ positions)


@wrong("6.1", "move the molecule to another place")
def dipole_moment(charges, positions):
    heavier = charges + 0.1
    return DEBYE * heavier @ positions


@wrong("6.1", "sum over axis 0 only")
def dipole_moment(charges, positions):
    return DEBYE * (charges[:, None] * positions).sum()


@wrong("6.1", "one axis too many")
def dipole_moment(charges, positions):
    return DEBYE * charges[None] @ positions


@wrong("6.1", "everything is 0.6945 times what it should be")
def dipole_moment(charges, positions):
    return 3.33564 * charges @ positions


@stops("6.1", "Is a .T missing")
def dipole_moment(charges, positions):
    return DEBYE * (positions @ charges)


@right("6.1")
def dipole_moment(charges, positions):
    n, total = len(charges), np.zeros(3)
    for i in range(n):
        for j in range(n):
            total += charges[i] * (positions[i] - positions[j])
    return 4.8032 * total / n


@stops("6.1", "NumPy puts the 2 numbers side by side, along the 3 columns; they")
def dipole_moment(charges, positions):
    return 4.8032 * (charges * positions).sum(axis=0)


@wrong("6.1", "this is a sum over all pairs of atoms: charge times position has")
def dipole_moment(charges, positions):
    total = np.zeros(3)
    for i in range(len(charges)):
        for j in range(i):
            total += (charges[i] - charges[j]) * (positions[i] - positions[j]) / 2
    return 4.8032 * total


@wrong("6.1", "only the most positive and the most negative atom count here: add")
def dipole_moment(charges, positions):
    plus, minus = np.argmax(charges), np.argmin(charges)
    return 4.8032 * charges[plus] * (positions[plus] - positions[minus])


@wrong("6.1", "this is the first atom alone: is `return` inside the loop?")
def dipole_moment(charges, positions):
    total = np.zeros(3)
    for q, x in zip(charges, positions, strict=False):
        total += 4.8032 * q * x
        return total


@wrong("6.1", "an absolute value took the signs of the charges, and positions")
def dipole_moment(charges, positions):
    x = positions - positions.mean(axis=0)
    return 4.8032 * (np.abs(charges)[:, None] * x).sum(axis=0)


@wrong("6.1", "each charge is multiplied by its direction from the mean, a")
def dipole_moment(charges, positions):
    x = positions - positions.mean(axis=0)
    directions = x / np.linalg.norm(x, axis=1)[:, None]
    return 4.8032 * charges @ directions


@stops("6.1", "an index is beyond the end: Python counts from 0, and the last of")
def dipole_moment(charges, positions):
    total = np.zeros(3)
    for i in range(3):
        total += charges[i] * positions[i]
    return 4.8032 * total


@right("6.2")
def cosine_cutoff(distance, cutoff):
    return 0.5 * (jnp.cos(jnp.pi * distance / cutoff) + 1) * (distance < cutoff)


@right("6.2")
def cosine_cutoff(distance, cutoff):
    u = np.minimum(distance / cutoff, 1.0)
    return np.cos(np.pi / 2 * u) ** 2


@right("6.2")
def cosine_cutoff(distance, cutoff):
    value = np.zeros_like(distance, dtype=np.float32)
    near = distance < cutoff
    value[near] = (1 + np.cos(np.radians(180 * distance[near] / cutoff))) / 2
    return value


@right("6.2")
def cosine_cutoff(distance, cutoff):
    def of_one(r):
        return 0.5 * (np.cos(np.pi * r / cutoff) + 1) if r < cutoff else 0.0

    return np.vectorize(of_one)(distance)


@wrong("6.2", "beyond the cutoff the cosine rises again")
def cosine_cutoff(distance, cutoff):
    return 0.5 * (np.cos(np.pi * distance / cutoff) + 1)


@wrong("6.2", "this ends with a step")
def cosine_cutoff(distance, cutoff):
    return np.where(distance < cutoff, 1.0, 0.0)


@wrong("6.2", "the factor 1/2 is missing")
def cosine_cutoff(distance, cutoff):
    return np.where(distance < cutoff, np.cos(np.pi * distance / cutoff) + 1, 0.0)


@wrong("6.2", "that is a sine")
def cosine_cutoff(distance, cutoff):
    return np.where(distance < cutoff, np.sin(np.pi * distance / cutoff), 0.0)


@wrong("6.2", "is it a sine?")
def cosine_cutoff(distance, cutoff):
    return np.where(distance < cutoff, 0.5 * (np.sin(np.pi * distance / cutoff) + 1), 0.0)


@wrong("6.2", "the angle is in degrees")
def cosine_cutoff(distance, cutoff):
    return np.where(distance < cutoff, 0.5 * (np.cos(180 * distance / cutoff) + 1), 0.0)


@wrong("6.2", "pi is missing")
def cosine_cutoff(distance, cutoff):
    return np.where(distance < cutoff, 0.5 * (np.cos(distance / cutoff) + 1), 0.0)


@wrong("6.2", "the brackets go round the sum")
def cosine_cutoff(distance, cutoff):
    return np.where(distance < cutoff, 0.5 * np.cos(np.pi * distance / cutoff) + 1, 0.0)


@wrong("6.2", "it is -1: add 1")
def cosine_cutoff(distance, cutoff):
    return np.where(distance < cutoff, np.cos(np.pi * distance / cutoff), 0.0)


@wrong("6.2", "inside and outside are swapped")
def cosine_cutoff(distance, cutoff):
    return np.where(distance > cutoff, 0.5 * (np.cos(np.pi * distance / cutoff) + 1), 0.0)


@wrong("6.2", "minus in place of plus")
def cosine_cutoff(distance, cutoff):
    return np.where(distance < cutoff, 0.5 * (1 - np.cos(np.pi * distance / cutoff)), 0.0)


@wrong("6.2", "with a kink")
def cosine_cutoff(distance, cutoff):
    return np.maximum(1 - distance / cutoff, 0)


@wrong("6.2", "`cutoff` is not used")
def cosine_cutoff(distance, cutoff):
    return np.where(distance < 5, 0.5 * (np.cos(np.pi * distance / 5) + 1), 0.0)


@wrong("6.2", "expected shape (8,)")
def cosine_cutoff(distance, cutoff):
    near = distance[distance < cutoff]
    return 0.5 * (np.cos(np.pi * near / cutoff) + 1)


@wrong("6.2", "it stays 1, and should be 0")
def cosine_cutoff(distance, cutoff):
    return np.where(distance < cutoff, 0.5 * (np.cos(np.pi * distance / cutoff) + 1), 1)


@stops("6.2", "ValueError", "takes a row of distances, but stops for a table of distances")
def cosine_cutoff(distance, cutoff):
    return np.array([0.5 * (np.cos(np.pi * r / cutoff) + 1) if r < cutoff else 0 for r in distance])


@stops("6.2", "TypeError", "but stops for one distance, an array without axes. np.where works")
def cosine_cutoff(distance, cutoff):
    value = 0.5 * (np.cos(np.pi * distance / cutoff) + 1)
    value[distance > cutoff] = 0
    return value


@stops("6.2", "truth value of an array")
def cosine_cutoff(distance, cutoff):
    if distance < cutoff:
        return 0.5 * (np.cos(np.pi * distance / cutoff) + 1)
    return 0.0


@right("6.2")
def cosine_cutoff(distance, cutoff):
    u = jnp.asarray(distance) / cutoff
    return (u < 1) * (0.5 - 0.5 * jnp.sin(jnp.pi * (u - 0.5)))


@wrong("6.2", "where the first distance lies beyond the cutoff, decimals are cut")
def cosine_cutoff(distance, cutoff):
    def one(r):
        if r > cutoff:
            return 0
        return 0.5 * (np.cos(np.pi * r / cutoff) + 1)

    return np.vectorize(one)(distance)


@wrong("6.2", "the decimals are cut off: an array of integers, such as")
def cosine_cutoff(distance, cutoff):
    result = np.zeros_like(distance)
    inside = distance < cutoff
    result[inside] = 0.5 * (np.cos(np.pi * distance[inside] / cutoff) + 1)
    return result


@wrong("6.2", "it returns an array of shape (1,), expected one number: the")
def cosine_cutoff(distance, cutoff):
    distance = np.atleast_1d(distance)
    result = 0.5 * (np.cos(np.pi * distance / cutoff) + 1)
    result[distance > cutoff] = 0
    return result


@wrong("6.2", "it returns an array of shape (9,), expected shape (3, 3): the")
def cosine_cutoff(distance, cutoff):
    r = np.minimum(np.ravel(distance), cutoff)
    return 0.5 * (np.cos(np.pi * r / cutoff) + 1)


@wrong("6.2", "at the cutoff it is still 1/2: a cosine of pi r / (2 c) has not")
def cosine_cutoff(distance, cutoff):
    wave = 0.5 * (np.cos(np.pi * distance / (2 * cutoff)) + 1)
    return np.where(distance <= cutoff, wave, 0)


@wrong("6.2", "this is a polynomial that is 1, 1/2 and 0 at the same places: the")
def cosine_cutoff(distance, cutoff):
    u = np.clip(distance / cutoff, 0, 1)
    return 1 - 3 * u**2 + 2 * u**3


@wrong("6.2", "% makes the function begin again beyond the cutoff: it should be 0 there")
def cosine_cutoff(distance, cutoff):
    r = distance % cutoff
    return 0.5 * (np.cos(np.pi * r / cutoff) + 1)


@right("6.3")
def radial_functions(distance, n, cutoff):
    columns = [jnp.sin((k + 1) * jnp.pi * distance / cutoff) / distance for k in range(n)]
    return jnp.sqrt(2 / cutoff) * jnp.stack(columns, axis=1)


@right("6.3")
def radial_functions(distance, n, cutoff):
    table = np.zeros((len(distance), n))
    for i, r in enumerate(distance):
        for k in range(1, n + 1):
            table[i, k - 1] = (2 / cutoff) ** 0.5 * np.sin(k * np.pi * r / cutoff) / r
    return table


@right("6.3")
def radial_functions(distance, n, cutoff):
    angle = np.outer(distance, np.arange(1, n + 1)) * np.pi / cutoff
    return (np.sqrt(2 / cutoff) * np.sin(angle) / distance[:, None]).astype(np.float32)


@wrong("6.3", "range and arange from 0")
def radial_functions(distance, n, cutoff):
    r = distance[:, None]
    return np.sqrt(2 / cutoff) * np.sin(np.arange(n) * np.pi * r / cutoff) / r


@wrong("6.3", "divided by the distance r")
def radial_functions(distance, n, cutoff):
    k = np.arange(1, n + 1)
    return np.sqrt(2 / cutoff) * np.sin(k * np.pi * distance[:, None] / cutoff)


@wrong("6.3", "a transposed array")
def radial_functions(distance, n, cutoff):
    k = np.arange(1, n + 1)[:, None]
    return np.sqrt(2 / cutoff) * np.sin(k * np.pi * distance / cutoff) / distance


@wrong("6.3", "the cutoff is missing in the sine")
def radial_functions(distance, n, cutoff):
    r = distance[:, None]
    return np.sqrt(2 / cutoff) * np.sin(np.arange(1, n + 1) * np.pi * r) / r


@wrong("6.3", "pi is missing in the sine")
def radial_functions(distance, n, cutoff):
    r = distance[:, None]
    return np.sqrt(2 / cutoff) * np.sin(np.arange(1, n + 1) * r / cutoff) / r


@wrong("6.3", "the factor sqrt(2 / c) is missing")
def radial_functions(distance, n, cutoff):
    r = distance[:, None]
    return np.sin(np.arange(1, n + 1) * np.pi * r / cutoff) / r


@wrong("6.3", "and should be its square root")
def radial_functions(distance, n, cutoff):
    r = distance[:, None]
    return 2 / cutoff * np.sin(np.arange(1, n + 1) * np.pi * r / cutoff) / r


@wrong("6.3", "here they come without it")
def radial_functions(distance, n, cutoff):
    return graphs.radial_bessel(jnp.asarray(distance), n, cutoff)


@wrong("6.3", "this is the last function alone")
def radial_functions(distance, n, cutoff):
    for k in range(1, n + 1):
        column = np.sqrt(2 / cutoff) * np.sin(k * np.pi * distance / cutoff) / distance
    return column


@wrong("6.3", "this is a cosine")
def radial_functions(distance, n, cutoff):
    r = distance[:, None]
    return np.sqrt(2 / cutoff) * np.cos(np.arange(1, n + 1) * np.pi * r / cutoff) / r


@wrong("6.3", "np.arange(1, n) stops at n - 1")
def radial_functions(distance, n, cutoff):
    r = distance[:, None]
    return np.sqrt(2 / cutoff) * np.sin(np.arange(1, n) * np.pi * r / cutoff) / r


@wrong("6.3", "with its own pi")
def radial_functions(distance, n, cutoff):
    k = np.arange(1, n + 1)
    return np.sqrt(2 / cutoff) * np.sinc(k * np.pi * distance[:, None] / cutoff)


@wrong("6.3", "multiply by k pi / c, and give it k r / c")
def radial_functions(distance, n, cutoff):
    k = np.arange(1, n + 1)
    return np.sqrt(2 / cutoff) * np.sinc(k * distance[:, None] / cutoff)


@wrong("6.3", "use .T")
def radial_functions(distance, n, cutoff):
    k = np.arange(1, n + 1)[:, None]
    waves = np.sqrt(2 / cutoff) * np.sin(k * np.pi * distance / cutoff) / distance
    return waves.reshape(len(distance), n)


@stops("6.3", "the shapes of two arrays do not match")
def radial_functions(distance, n, cutoff):
    k = np.arange(1, n + 1)
    return np.sqrt(2 / cutoff) * np.sin(k * np.pi * distance / cutoff) / distance


@right("6.3")
def radial_functions(distance, n, cutoff):
    def one(r, k):
        return jnp.sqrt(2 / cutoff) * jnp.sin(k * jnp.pi * r / cutoff) / r

    k = jnp.arange(1, n + 1)
    return jax.vmap(jax.vmap(one, (None, 0)), (0, None))(jnp.asarray(distance), k)


@wrong("6.3", "beyond 5 Å it is zero: the cutoff is the argument, and not always")
def radial_functions(distance, n, cutoff):
    k = np.arange(1, n + 1)
    r = distance[:, None]
    return np.where(r < 5.0, np.sqrt(2 / cutoff) * np.sin(k * np.pi * r / cutoff) / r, 0)


@wrong("6.3", "only the 2 is under the root: it is the root of 2 / c")
def radial_functions(distance, n, cutoff):
    k = np.arange(1, n + 1)
    r = distance[:, None]
    return np.sqrt(2) / cutoff * np.sin(k * np.pi * r / cutoff) / r


@stops("6.3", "NumPy puts the 5 numbers side by side, along the 4 columns; they")
def radial_functions(distance, n, cutoff):
    k = np.arange(1, n + 1)
    return np.sqrt(2 / cutoff) * np.sin(np.pi * np.outer(distance, k) / cutoff) / distance


@wrong("6.3", "np.sinc(z) is sin(pi z)/(pi z): multiply by k pi / c; the pi is")
def radial_functions(distance, n, cutoff):
    k = np.arange(1, n + 1)
    return np.sqrt(2 / cutoff) * k / cutoff * np.sinc(np.outer(distance, k) / cutoff)


@wrong("6.3", "np.sinc(z) is sin(pi z)/(pi z), with its own pi: give it k r / c")
def radial_functions(distance, n, cutoff):
    k = np.arange(1, n + 1)
    x = np.pi * np.outer(distance, k) / cutoff
    return np.sqrt(2 / cutoff) * k * np.pi / cutoff * np.sinc(x)


@wrong("6.3", "it returns an array of shape (5, 8), expected shape (5, 4): the")
def radial_functions(distance, n, cutoff):
    result = np.zeros((len(distance), 8))
    for k in range(8):
        result[:, k] = np.sin((k + 1) * np.pi * distance / cutoff) / distance
    return np.sqrt(2 / cutoff) * result


@wrong("6.3", "the sine is divided by r twice: once is enough")
def radial_functions(distance, n, cutoff):
    k = np.arange(1, n + 1)
    r = distance[:, None]
    return np.sqrt(2 / cutoff) * np.sin(k * np.pi * r / cutoff) / r**2


@right("6.4")
def bend_vectors(vectors):
    length = jnp.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors * jax.nn.sigmoid(length)


@right("6.4")
def bend_vectors(vectors):
    return vectors * (vectors**2).sum(axis=1)[:, None, :]


@right("6.4")
def bend_vectors(vectors):
    lengths = np.sqrt(np.einsum("ixc,ixc->ic", vectors, vectors) + 1e-8)
    return np.einsum("ixc,ic->ixc", vectors, np.tanh(lengths) / lengths)


@right("6.4")
def bend_vectors(vectors):
    v = vectors.astype(np.float32)
    mixed = v @ np.array([[1, 2, 0, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 0, -1, 1]], np.float32)
    return np.where(np.linalg.norm(mixed, axis=1, keepdims=True) > 1, mixed, 0.1 * v)


@right("6.4")
def bend_vectors(vectors):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors * np.minimum(1, 10 / np.maximum(length, 1e-9))  # at most 10 long


@right("6.4")
def bend_vectors(vectors):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 5, vectors, 0)


@right("6.4")
def bend_vectors(vectors):
    return vectors * jnp.exp(-jnp.sum(vectors**2, axis=1, keepdims=True))


@wrong("6.4", "x, y and z are bent one by one")
def bend_vectors(vectors):
    return jax.nn.silu(vectors)


@wrong("6.4", "this is linear")
def bend_vectors(vectors):
    return 2 * vectors


@wrong("6.4", "these are scalars")
def bend_vectors(vectors):
    return np.linalg.norm(vectors, axis=1)


@wrong("6.4", "one of the vectors has length zero")
def bend_vectors(vectors):
    with np.errstate(all="ignore"):
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@wrong("6.4", "if all vectors are zero, as they are in the first layer")
def bend_vectors(vectors):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        return vectors * length / length.mean()


@wrong("6.4", "a vector of zero becomes another one")
def bend_vectors(vectors):
    return vectors * np.linalg.norm(vectors, axis=1, keepdims=True) + 0.1


@wrong("6.4", "for long vectors: x, y and z")
def bend_vectors(vectors):
    return np.clip(vectors, -5, 5)


@wrong("6.4", "two calls with the same vectors")
def bend_vectors(vectors):
    return vectors * np.random.default_rng().normal()


@wrong("6.4", "z does not turn with the molecule: multiply")
def bend_vectors(vectors):
    return vectors + np.linalg.norm(vectors, axis=1, keepdims=True)


@wrong("6.4", "|x| + |y| + |z| is not a length")
def bend_vectors(vectors):
    return vectors * np.abs(vectors).sum(axis=1, keepdims=True)


@wrong("6.4", "the length is taken over the atoms")
def bend_vectors(vectors):
    return vectors * np.linalg.norm(vectors, axis=0)


@wrong("6.4", "vectors * factor")
def bend_vectors(vectors):
    return np.linalg.norm(vectors, axis=1, keepdims=True)


@wrong("6.4", "over the axis of x, y and z, which is axis 1")
def bend_vectors(vectors):
    return vectors * np.linalg.norm(vectors, axis=2, keepdims=True)


@wrong("6.4", "a cross product does that")
def bend_vectors(vectors):
    return np.cross(vectors, np.roll(vectors, 1, axis=2), axis=1)


@wrong("6.4", "depends on the vectors of the others", "All of the others were multiplied by one")
def bend_vectors(vectors):
    return vectors * np.linalg.norm(vectors)


@wrong("6.4", "nothing is left of the vectors")
def bend_vectors(vectors):
    return np.zeros_like(vectors)


@wrong("6.4", "expected the same shape")
def bend_vectors(vectors):
    return (vectors * np.linalg.norm(vectors, axis=1, keepdims=True)).sum(axis=2)


@wrong("6.4", "`return` missing")
def bend_vectors(vectors):
    vectors *= np.linalg.norm(vectors, axis=1, keepdims=True)


@stops("6.4", "This means: arrays of shapes", "an array of shape (5, 1, 4)")
def bend_vectors(vectors):
    return vectors * np.linalg.norm(vectors, axis=1)


@stops("6.4", "This means: arrays of shapes", "an array of shape (5, 1, 4)")
def bend_vectors(vectors):
    return jnp.asarray(vectors) * jnp.tanh(jnp.linalg.norm(vectors, axis=1))


@right("6.4")
def bend_vectors(vectors):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    a, b = np.roll(vectors, 1, axis=2), np.roll(vectors, 2, axis=2)
    cross = np.cross(a, b, axis=1)
    triple = (vectors * cross).sum(axis=1, keepdims=True)
    scale = 1 + (vectors**2).sum(axis=(1, 2), keepdims=True) ** 3
    return vectors / (1 + length) + triple * cross / scale


@wrong("6.4", "for short vectors: the result of an atom depends on the vectors of the others")
def bend_vectors(vectors):
    return vectors * np.tanh(np.linalg.norm(vectors))


@wrong("6.4", "for long vectors: the result of an atom depends on the vectors of the others")
def bend_vectors(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1).max() / 30, 1)


@wrong("6.4", "for long vectors: each vector is multiplied by a number", "is not a length")
def bend_vectors(vectors):
    return vectors / np.maximum(np.abs(vectors).sum(axis=1, keepdims=True) / 60, 1)


@wrong("6.4", "for long vectors: each vector is multiplied by a number that knows only one or two")
def bend_vectors(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors[:, :2], axis=1, keepdims=True) / 40, 1)


@wrong("6.4", "for long vectors: the length is taken over the atoms")
def bend_vectors(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=0, keepdims=True) / 30, 1)


@wrong("6.4", "each vector is multiplied by a number that knows only one or two")
def bend_vectors(vectors):
    gate = 1 / (1 + np.exp(-np.clip(vectors[:, 2:3, :], -50, 50)))
    return vectors * gate


@wrong("6.4", "only vectors shorter than 0.2 are bent")
def bend_vectors(vectors):
    return vectors * (np.linalg.norm(vectors, axis=1, keepdims=True) > 0.15)


@wrong("6.4", "only vectors longer than 100 are bent")
def bend_vectors(vectors):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors * np.minimum(1, 101 / np.maximum(length, 1e-9))


@right("6.4")
def bend_vectors(vectors):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors * np.minimum(1, 97 / np.maximum(length, 1e-9))


@right("6.4")
def bend_vectors(vectors):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where((length > 9) & (length < 14), 2 * vectors, vectors)


@wrong("6.4", "depends on how many others there are")
def bend_vectors(vectors):
    return vectors * np.linalg.norm(vectors, axis=1, keepdims=True) * len(vectors)


@wrong("6.4", "depends on the vectors of the others", "runs over the atoms")
def bend_vectors(vectors):
    bent = vectors * np.tanh(np.linalg.norm(vectors, axis=1, keepdims=True))
    return bent + 2e-4 * vectors.mean(axis=0)


def differences(energy, x, step, sides=2):
    """Minus the difference quotient of each coordinate, to one side or to both."""
    found = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for k in range(3):
            there, back = x.copy(), x.copy()
            there[i, k] += step
            back[i, k] -= step * (sides - 1)
            found[i, k] = -(energy(there) - energy(back)) / (sides * step)
    return found


@right("6.5")
def forces(energy, positions):
    _, gradient = jax.value_and_grad(energy)(jnp.asarray(positions))
    return -np.asarray(gradient)


@right("6.5")
def forces(energy, positions):
    return differences(energy, positions, 1e-3)


@right("6.5")
def forces(energy, positions):
    return jax.jacfwd(lambda x: -energy(x))(positions)


@right("6.5")
def forces(energy, positions):
    return differences(jax.jit(energy), positions, 3e-3)  # in float32


@wrong("6.5", "A force points downhill")
def forces(energy, positions):
    return jax.grad(energy)(positions)


@wrong("6.5", "this is the energy")
def forces(energy, positions):
    return energy(positions)


@wrong("6.5", "a transposed array")
def forces(energy, positions):
    return -jax.grad(energy)(positions).T


@wrong("6.5", "the force on the first atom alone")
def forces(energy, positions):
    return -jax.grad(energy)(positions)[0]


@wrong("6.5", "one-sided difference with a step of 0.05")
def forces(energy, positions):
    return differences(energy, positions, 0.05, sides=1)


@wrong("6.5", "added up over the atoms")
def forces(energy, positions):
    return -jax.grad(energy)(positions).sum(axis=0)


@wrong("6.5", "the lengths of the forces")
def forces(energy, positions):
    return jnp.linalg.norm(jax.grad(energy)(positions), axis=1)


@wrong("6.5", "twice what it should be")
def forces(energy, positions):
    return 2 * differences(energy, positions, 1e-3)


@wrong("6.5", "divided by the number of atoms")
def forces(energy, positions):
    return -jax.grad(energy)(positions) / len(positions)


@wrong("6.5", "expected an array")
def forces(energy, positions):
    return jax.grad(energy)


@stops("6.5", "This means: energy and jax.grad(energy)", "a function has no minus")
def forces(energy, positions):
    return -jax.grad(energy)


@stops("6.5", "This means: jax.grad takes the function", "not the number that it returns")
def forces(energy, positions):
    return -jax.grad(energy(positions))(positions)


@stops("6.5", "This means: the second argument", "in brackets of their own")
def forces(energy, positions):
    return -jax.grad(energy, positions)(positions)


@wrong("6.5", "one atom at a time")
def forces(energy, positions):
    return -jax.vmap(jax.grad(energy))(positions)


@wrong("6.5", "as jax.value_and_grad does")
def forces(energy, positions):
    return jax.value_and_grad(energy)(positions)


@wrong("6.5", "the sum of the forces is zero here")
def forces(energy, positions):
    gradient = jax.grad(energy)(positions)
    return gradient.mean(axis=0) - gradient  # as if the sum were always zero


@stops("6.5", "TracerArrayConversionError")
def forces(energy, positions):
    return -jax.grad(lambda x: energy(np.array(x)))(positions)


@right("6.5")
def forces(energy, positions):
    x = jnp.asarray(positions)
    return jnp.stack(
        [-jax.grad(lambda p, i=i: energy(x.at[i].set(p)))(x[i]) for i in range(len(x))]
    )


@wrong("6.5", "almost: the forces are off by up to", "so small that digits get lost")
def forces(energy, positions):
    h = 1e-12
    result = np.zeros_like(positions)
    for i in range(len(positions)):
        for k in range(3):
            x = positions.copy()
            x[i, k] += h
            result[i, k] = -(energy(x) - energy(positions)) / h
    return result


@wrong("6.5", "this is a one-sided difference with a step of 0.1 Å: take both")
def forces(energy, positions):
    h = 0.1
    e0 = energy(positions)
    result = np.zeros_like(positions)
    for i in range(len(positions)):
        for k in range(3):
            x = positions.copy()
            x[i, k] += h
            result[i, k] = -(energy(x) - e0) / h
    return result


@wrong("6.5", "values are wrong", "It also changes the array that it is given")
def forces(energy, positions):
    h = 1e-3
    result = np.zeros_like(positions)
    e0 = energy(positions)
    for i in range(len(positions)):
        for k in range(3):
            positions[i, k] += h
            result[i, k] = -(energy(positions) - e0) / h
    return result


@wrong("6.5", "the molecule was moved, so that its mean is at 0, before the")
def forces(energy, positions):
    return -jax.grad(energy)(positions - positions.mean(axis=0))


@wrong("6.5", "this is minus the energy: the force is minus its derivative, of")
def forces(energy, positions):
    return -jax.value_and_grad(energy)(positions)[0]


@wrong("6.5", "all forces are NaN. Is the energy called with one atom at a time?")
def forces(energy, positions):
    gradient = jax.grad(energy)
    return np.concatenate([-gradient(positions[i : i + 1]) for i in range(len(positions))])


@wrong("6.5", "only the first two atoms get a force: the number of atoms is")
def forces(energy, positions):
    f = -np.asarray(jax.grad(energy)(positions))
    result = np.zeros((len(positions), 3))
    for i in range(2):
        result[i] = f[i]
    return result


@right("6.6")
def mean_and_deviation(predictions):
    return jnp.mean(predictions, axis=0), jnp.std(predictions, axis=0, ddof=1)


@right("6.6")
def mean_and_deviation(predictions):
    n = len(predictions)
    mean = sum(predictions) / n
    return mean, np.sqrt(((predictions - mean) ** 2).sum(axis=0) / (n - 1))


@right("6.6")
def mean_and_deviation(predictions):
    by_molecule = predictions.astype(np.float32).T
    return [by_molecule.mean(axis=1), [np.std(row, ddof=1) for row in by_molecule]]


@wrong("6.6", "run over the molecules")
def mean_and_deviation(predictions):
    return predictions.mean(axis=1), predictions.std(axis=1, ddof=1)


@wrong("6.6", "divide by n - 1")
def mean_and_deviation(predictions):
    return predictions.mean(axis=0), predictions.std(axis=0)


@wrong("6.6", "two numbers for all molecules")
def mean_and_deviation(predictions):
    return predictions.mean(), predictions.std(ddof=1)


@wrong("6.6", "is the variance: take its square root")
def mean_and_deviation(predictions):
    return predictions.mean(axis=0), predictions.var(axis=0, ddof=1)


@wrong("6.6", "is the range")
def mean_and_deviation(predictions):
    return predictions.mean(axis=0), predictions.max(axis=0) - predictions.min(axis=0)


@wrong("6.6", "is the standard error of the mean")
def mean_and_deviation(predictions):
    error = predictions.std(axis=0, ddof=1) / np.sqrt(len(predictions))
    return predictions.mean(axis=0), error


@wrong("6.6", "is the mean absolute deviation")
def mean_and_deviation(predictions):
    mean = predictions.mean(axis=0)
    return mean, np.abs(predictions - mean).mean(axis=0)


@wrong("6.6", "the results are swapped")
def mean_and_deviation(predictions):
    return predictions.std(axis=0, ddof=1), predictions.mean(axis=0)


@wrong("6.6", "this is the median")
def mean_and_deviation(predictions):
    return np.median(predictions, axis=0), predictions.std(axis=0, ddof=1)


@right("6.6")
def mean_and_deviation(predictions):
    return np.stack([predictions.mean(axis=0), predictions.std(axis=0, ddof=1)])


@wrong("6.6", "only the standard deviation has n - 1")
def mean_and_deviation(predictions):
    n = len(predictions)
    return predictions.sum(axis=0) / (n - 1), predictions.std(axis=0, ddof=1)


@wrong("6.6", "n is the number of networks")
def mean_and_deviation(predictions):
    mean, n = predictions.mean(axis=0), predictions.shape[1]
    return mean, np.sqrt(((predictions - mean) ** 2).sum(axis=0) / (n - 1))


@wrong("6.6", "expected 2")
def mean_and_deviation(predictions):
    return predictions.mean(axis=0)


@wrong("6.6", "`return` missing")
def mean_and_deviation(predictions):
    print(predictions.mean(axis=0), predictions.std(axis=0, ddof=1))


@right("6.6")
def mean_and_deviation(predictions):
    p = jnp.asarray(predictions)
    return jnp.stack([p.mean(axis=0), p.std(axis=0, ddof=1)])


@wrong("6.6", "for two networks the sum of squares is divided by n: n - 1 is right")
def mean_and_deviation(predictions):
    ddof = 1 if len(predictions) > 2 else 0
    return predictions.mean(axis=0), predictions.std(axis=0, ddof=ddof)


@wrong("6.6", "the sum is divided by n - 1 for the mean, too, and the deviations")
def mean_and_deviation(predictions):
    n = len(predictions)
    mean = predictions.sum(axis=0) / (n - 1)
    deviation = np.sqrt(((predictions - mean) ** 2).sum(axis=0) / (n - 1))
    return mean, deviation


@wrong("6.6", "the mean is right. In the deviation n - 1 is outside the")
def mean_and_deviation(predictions):
    mean = predictions.mean(axis=0)
    n = len(predictions)
    return mean, np.sqrt(((predictions - mean) ** 2).sum(axis=0)) / (n - 1)


@wrong("6.6", "the mean is right. The second result is the difference of the")
def mean_and_deviation(predictions):
    return predictions.mean(axis=0), np.abs(predictions[0] - predictions[1]) / np.sqrt(2)


@wrong("6.6", "the mean is right. The second result is the range over the root")
def mean_and_deviation(predictions):
    return predictions.mean(axis=0), np.ptp(predictions, axis=0) / np.sqrt(2)


@wrong("6.6", "the mean is zero, since it was subtracted before: compute it")
def mean_and_deviation(predictions):
    predictions = predictions - predictions.mean(axis=0)
    deviation = np.sqrt((predictions**2).sum(axis=0) / (len(predictions) - 1))
    return predictions.mean(axis=0), deviation


@right("6.7")
def exponent(sizes, errors):
    x, y = np.log10(sizes), np.log10(errors)
    return np.cov(x, y)[0, 1] / np.var(x, ddof=1)


@right("6.7")
def exponent(sizes, errors):
    return jnp.polyfit(jnp.log(sizes), jnp.log(errors), 1)[0]


@right("6.7")
def exponent(sizes, errors):
    matrix = np.column_stack([np.log2(sizes), np.ones(len(sizes))])
    return np.linalg.lstsq(matrix, np.log2(errors), rcond=None)[0][0]


@wrong("6.7", "a line through the numbers themselves")
def exponent(sizes, errors):
    return np.polyfit(sizes, errors, 1)[0]


@wrong("6.7", "the exponent is negative")
def exponent(sizes, errors):
    return -np.polyfit(np.log(sizes), np.log(errors), 1)[0]


@wrong("6.7", "only the sizes are logarithms: the errors")
def exponent(sizes, errors):
    return np.polyfit(np.log(sizes), errors, 1)[0]


@wrong("6.7", "only the errors are logarithms: the sizes")
def exponent(sizes, errors):
    return np.polyfit(sizes, np.log(errors), 1)[0]


@wrong("6.7", "this is the intercept: ")
def exponent(sizes, errors):
    return np.polyfit(np.log(sizes), np.log(errors), 1)[1]


@wrong("6.7", "the axes are swapped")
def exponent(sizes, errors):
    return np.polyfit(np.log(errors), np.log(sizes), 1)[0]


@wrong("6.7", "two kinds of logarithms were mixed, base 10 and base e")
def exponent(sizes, errors):
    return np.polyfit(np.log10(sizes), np.log(errors), 1)[0]


@wrong("6.7", "through the first and the last point")
def exponent(sizes, errors):
    return np.log(errors[-1] / errors[0]) / np.log(sizes[-1] / sizes[0])


@wrong("6.7", "ten times as many molecules change the error")
def exponent(sizes, errors):
    return 10 ** np.polyfit(np.log(sizes), np.log(errors), 1)[0]


@wrong("6.7", "out, with [0]")
def exponent(sizes, errors):
    return np.polyfit(np.log(sizes), np.log(errors), 1)[:1]


@wrong("6.7", "rounded to two digits")
def exponent(sizes, errors):
    return round(np.polyfit(np.log(sizes), np.log(errors), 1)[0], 2)


@wrong("6.7", "the exercise fits the logarithms")
def exponent(sizes, errors):
    from scipy.optimize import curve_fit

    return curve_fit(lambda n, a, b: a * n**b, sizes, errors, p0=(100.0, -0.5))[0][1]


@wrong("6.7", "slope and intercept: return the first")
def exponent(sizes, errors):
    return np.polyfit(np.log(sizes), np.log(errors), 1)


@wrong("6.7", "return its .slope")
def exponent(sizes, errors):
    from scipy.stats import linregress

    return linregress(np.log(sizes), np.log(errors))


@stops("6.7", "TypeError")
def exponent(sizes, errors):
    import math

    return np.polyfit(math.log(sizes), math.log(errors), 1)[0]


@right("6.7")
def exponent(sizes, errors):
    a = np.column_stack([np.ones(len(sizes)), np.log10(sizes)])
    (log_a, b), *_ = np.linalg.lstsq(a, np.log10(errors), rcond=None)
    return b


@wrong("6.7", "sizes and errors were sorted separately, so an error meets the wrong")
def exponent(sizes, errors):
    x = np.log(np.sort(sizes))
    y = np.log(np.sort(errors)[::-1])
    return np.polyfit(x, y, 1)[0]


@wrong("6.7", "this is 1 over the slope of the sizes against the errors: for")
def exponent(sizes, errors):
    return 1 / np.polyfit(np.log(errors), np.log(sizes), 1)[0]


@wrong("6.7", "this is a mean of the slopes between neighbours: fit one line to")
def exponent(sizes, errors):
    return np.mean(np.diff(np.log(errors)) / np.diff(np.log(sizes)))


@wrong("6.7", "this line goes through the origin: a line has an intercept, too,")
def exponent(sizes, errors):
    x, y = np.log(sizes), np.log(errors)
    return (x @ y) / (x @ x)


@wrong("6.7", "np.cov divides by n - 1 and np.var by n: take both in the same")
def exponent(sizes, errors):
    x, y = np.log(sizes), np.log(errors)
    return np.cov(x, y)[0, 1] / np.var(x)


@wrong("6.7", "this is the coefficient of correlation, between -1 and 1: the")
def exponent(sizes, errors):
    return np.corrcoef(np.log(sizes), np.log(errors))[0, 1]


@wrong("6.7", "this is a coefficient of a parabola: fit a straight line, of")
def exponent(sizes, errors):
    c = np.polyfit(np.log(sizes), np.log(errors), 2)
    return c[1]


def standard_error(errors, ddof=1):
    return np.std(errors, ddof=ddof) / np.sqrt(len(errors))


@right("6.8")
def is_better(old, new):
    improvement = sum(old) / len(old) - sum(new) / len(new)
    error = (standard_error(old) ** 2 + standard_error(new) ** 2) ** 0.5
    return improvement, error, bool(improvement / error > 2)


@right("6.8")
def is_better(old, new):
    old, new = jnp.asarray(old), jnp.asarray(new)
    improvement = jnp.mean(old) - jnp.mean(new)
    error = jnp.sqrt(jnp.var(old, ddof=1) / old.size + jnp.var(new, ddof=1) / new.size)
    return improvement, error, improvement > 2 * error  # all of them JAX's arrays


@right("6.8")
def is_better(old, new):
    from scipy import stats

    error = np.float32(np.hypot(stats.sem(old), stats.sem(new)))
    improvement = np.float32(np.mean(old) - np.mean(new))
    return [improvement, error, np.array(improvement - 2 * error > 0)]


@wrong("6.8", "the best seed of each was compared")
def is_better(old, new):
    improvement = min(old) - min(new)
    error = np.hypot(standard_error(old), standard_error(new))
    return improvement, error, improvement > 2 * error


@wrong("6.8", "this uncertainty is a standard deviation")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.sqrt(old.var(ddof=1) + new.var(ddof=1))
    return improvement, error, improvement > 2 * error


@wrong("6.8", "that of the old model's mean alone")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    return improvement, standard_error(old), improvement > 2 * standard_error(old)


@wrong("6.8", "that of the new model's mean alone")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    return improvement, standard_error(new), improvement > 2 * standard_error(new)


@wrong("6.8", "independent ones add as squares")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = standard_error(old) + standard_error(new)
    return improvement, error, improvement > 2 * error


@wrong("6.8", "take the root of the sum")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = standard_error(old) ** 2 + standard_error(new) ** 2
    return improvement, error, improvement > 2 * error


@wrong("6.8", "with ddof=1")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.hypot(standard_error(old, 0), standard_error(new, 0))
    return improvement, error, improvement > 2 * error


@wrong("6.8", "ask for two of them")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.hypot(standard_error(old), standard_error(new))
    return improvement, error, improvement > error


@wrong("6.8", "any improvement larger than zero")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.hypot(standard_error(old), standard_error(new))
    return improvement, error, improvement > 0


@wrong("6.8", "2.2 standard errors gets False")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.hypot(standard_error(old), standard_error(new))
    return improvement, error, improvement > 3 * error


@wrong("6.8", "1.9 standard errors gets True")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.hypot(standard_error(old), standard_error(new))
    return improvement, error, improvement > 1.86 * error


@wrong("6.8", "the verdict is the other way round")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.hypot(standard_error(old), standard_error(new))
    return improvement, error, improvement <= 2 * error


@wrong("6.8", "the order is reversed")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.hypot(standard_error(old), standard_error(new))
    return improvement > 2 * error, error, improvement


@wrong("6.8", "are swapped: return improvement")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.hypot(standard_error(old), standard_error(new))
    return error, improvement, improvement > 2 * error


@wrong("6.8", "square each of them first")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.sqrt(standard_error(old) + standard_error(new))
    return improvement, error, improvement > 2 * error


@wrong("6.8", "one array of three numbers")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.hypot(standard_error(old), standard_error(new))
    return np.array([improvement, error, improvement > 2 * error])


@wrong("6.8", "result 3 is None, and should be False")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.hypot(standard_error(old), standard_error(new))
    return improvement, error, True if improvement > 2 * error else None


@wrong("6.8", "take no absolute value")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.hypot(standard_error(old), standard_error(new))
    return improvement, error, abs(improvement) > 2 * error


@wrong("6.8", "old and new were swapped")
def is_better(old, new):
    improvement = new.mean() - old.mean()
    error = np.hypot(standard_error(old), standard_error(new))
    return improvement, error, improvement > 2 * error


@wrong("6.8", "the improvement has the wrong sign")
def is_better(old, new):
    improvement = new.mean() - old.mean()
    error = np.hypot(standard_error(old), standard_error(new))
    return improvement, error, -improvement > 2 * error


@wrong("6.8", "expected 3")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.hypot(standard_error(old), standard_error(new))
    return improvement > 2 * error


@wrong("6.8", "the third result")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.hypot(standard_error(old), standard_error(new))
    return improvement, error, "better" if improvement > 2 * error else "unclear"


@stops("6.8", "the shapes of two arrays do not match")
def is_better(old, new):
    difference = old - new  # as if run 1 of both belonged together
    return difference.mean(), standard_error(difference), True


@right("6.8")
def is_better(old, new):
    means = [jnp.mean(jnp.asarray(e)) for e in (old, new)]
    squares = [jnp.var(jnp.asarray(e), ddof=1) / e.size for e in (old, new)]
    improvement, error = means[0] - means[1], jnp.sqrt(sum(squares))
    return [improvement, error, bool(improvement > 2 * error)]


@wrong("6.8", "both numbers are right, but two standard errors are not more than")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.sqrt(old.var(ddof=1) / len(old) + new.var(ddof=1) / len(new))
    return improvement, error, bool(improvement >= 2 * error)


@wrong("6.8", "the number of runs of the old model was used for both: each model")
def is_better(old, new):
    n = len(old)
    improvement = old.mean() - new.mean()
    error = np.sqrt((old.var(ddof=1) + new.var(ddof=1)) / n)
    return improvement, error, bool(improvement > 2 * error)


@wrong("6.8", "this is the pooled variance of a t-test: here each model keeps")
def is_better(old, new):
    a, b = len(old), len(new)
    improvement = old.mean() - new.mean()
    pooled = ((a - 1) * old.var(ddof=1) + (b - 1) * new.var(ddof=1)) / (a + b - 2)
    error = np.sqrt(pooled * (1 / a + 1 / b))
    return improvement, error, bool(improvement > 2 * error)


@wrong("6.8", "the standard deviations were divided by n: a standard error has")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    a, b = old.std(ddof=1) / len(old), new.std(ddof=1) / len(new)
    error = np.sqrt(a**2 + b**2)
    return improvement, error, bool(improvement > 2 * error)


@wrong("6.8", "this uncertainty is zero: were old and new overwritten by their")
def is_better(old, new):
    n_old, n_new = len(old), len(new)
    old, new = np.mean(old), np.mean(new)
    improvement = old - new
    error = np.sqrt(np.std(old) ** 2 / n_old + np.std(new) ** 2 / n_new)
    return improvement, error, bool(improvement > 2 * error)


@wrong("6.8", "under the root the squares were subtracted: they add up, even for")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.sqrt(abs(old.var(ddof=1) / len(old) - new.var(ddof=1) / len(new)))
    return improvement, error, bool(improvement > 2 * error)


@wrong("6.8", "the third result (clearly) is 0.04917, expected True or False")
def is_better(old, new):
    improvement = old.mean() - new.mean()
    error = np.sqrt(old.var(ddof=1) / len(old) + new.var(ddof=1) / len(new))
    clearly = improvement - 2 * error
    return improvement, error, clearly


def lines(symbols, positions, comment="my molecule"):
    atoms = [
        f"{s} {x:.4f} {y:.4f} {z:.4f}" for s, (x, y, z) in zip(symbols, positions, strict=True)
    ]
    return "\n".join([str(len(atoms)), comment, *atoms])


def taken(qm9, number):
    """Symbols and positions of a molecule, as lists and arrays that may be changed."""
    molecule = qm9[int(np.flatnonzero(qm9.index == number)[0])]
    return [qm9lib.SYMBOLS[int(z)] for z in molecule.atomic_numbers], molecule.positions.copy()


def hydroxyl_for_methyl(symbols, x):
    """Replace the first methyl group by OH."""
    radius = np.array([geometry.COVALENT_RADII[z] for z in map(symbol_to_number, symbols)])
    distance = np.linalg.norm(x[:, None] - x[None], axis=2) + 9 * np.eye(len(x))
    bonded = distance < domain.BONDED * (radius[:, None] + radius[None])
    for carbon in range(len(symbols)):
        around = np.flatnonzero(bonded[carbon])
        hydrogens = [i for i in around if symbols[i] == "H"]
        if symbols[carbon] == "C" and len(hydrogens) == 3:
            (anchor,) = set(around) - set(hydrogens)
            stay = hydrogens[0]
            bond = (x[carbon] - x[anchor]) / distance[carbon, anchor]
            arm = (x[stay] - x[carbon]) / distance[carbon, stay]
            x[carbon] = x[anchor] + 1.42 * bond
            x[stay] = x[carbon] + 0.97 * arm
            symbols[carbon] = "O"
            keep = [i for i in range(len(symbols)) if i not in hydrogens[1:]]
            return [symbols[i] for i in keep], x[keep]
    raise ValueError("no methyl group")


def symbol_to_number(symbol):
    return next(z for z, name in qm9lib.SYMBOLS.items() if name == symbol)


@right("6.9")
def own_molecule(qm9):
    return lines(*hydroxyl_for_methyl(*taken(qm9, 21)))  # isobutane


@right("6.9")
def own_molecule(qm9):
    symbols, x = taken(qm9, 22)  # 2-propanol, its OH group turned by 60°
    oxygen = symbols.index("O")
    near = np.argsort(np.linalg.norm(x - x[oxygen], axis=1))
    hydrogen = next(i for i in near if symbols[i] == "H")
    carbon = next(i for i in near if symbols[i] == "C")
    axis = (x[oxygen] - x[carbon]) / np.linalg.norm(x[oxygen] - x[carbon])
    turn = Rotation.from_rotvec(np.pi / 3 * axis)
    x[hydrogen] = x[oxygen] + turn.apply(x[hydrogen] - x[oxygen])
    return lines(symbols, x)


@right("6.9")
def own_molecule(qm9):
    # By hand: fluorobenzene; in lower case, with Windows lines, far from the origin.
    ring = np.array([[np.cos(a), np.sin(a), 0] for a in np.radians(range(0, 360, 60))])
    outer = (1.39 + np.array([1.34, 1.08, 1.08, 1.08, 1.08, 1.08])[:, None]) * ring
    symbols = ["c"] * 6 + ["f"] + ["h"] * 5
    x = np.vstack([1.39 * ring, outer]) + [50, 0, 0]
    return lines(symbols, x, "").replace("\n", "\r\n") + "\r\n\r\n"


@wrong("6.9", "of the sample: all distances")
def own_molecule(qm9):
    return lines(*taken(qm9, 1))


@wrong("6.9", "of the sample: all distances between its atoms agree")
def own_molecule(qm9):
    symbols, x = taken(qm9, 215)
    return lines(symbols[::-1], -x[::-1] + 3.0)  # turned over is still the same molecule


@wrong("6.9", "a little deformed: stretched or bent")
def own_molecule(qm9):
    symbols, x = taken(qm9, 215)
    return lines(symbols, 1.03 * x)


@wrong("6.9", "molecule 22 of the sample, a little deformed")
def own_molecule(qm9):
    symbols, x = taken(qm9, 22)
    x[-1] += 0.05
    return lines(symbols, x)


@wrong("6.9", "molecule 3 of the sample, a little deformed")
def own_molecule(qm9):
    return "3\nbent water\nO 0 0 0\nH 0.96 0 0\nH -0.36 0.89 0\n"


@wrong("6.9", "these positions are in bohr")
def own_molecule(qm9):
    symbols, x = taken(qm9, 215)
    return lines(symbols, x * 1.889726)


@wrong("6.9", "one has no partner")
def own_molecule(qm9):
    symbols, x = taken(qm9, 215)
    return lines(symbols[:-1], x[:-1])


@wrong("6.9", "not Cl")
def own_molecule(qm9):
    symbols, x = taken(qm9, 215)
    return lines([*symbols[:-1], "Cl"], x)


@wrong("6.9", "C and F are 1.0")
def own_molecule(qm9):
    symbols, x = taken(qm9, 215)
    return lines([*symbols[:-1], "F"], x)


@wrong("6.9", "the bonds of C (atom 1) are worth only 3.1 single", "So add them")
def own_molecule(qm9):
    ring = np.array([[np.cos(a), np.sin(a), 0] for a in np.radians(range(0, 360, 60))])
    return lines("CCCCCC", 1.39 * ring)  # benzene, without its hydrogens


@wrong("6.9", "pieces without a bond")
def own_molecule(qm9):
    (a, x), (b, y) = taken(qm9, 2), taken(qm9, 3)
    return lines(a + b, np.vstack([x, y + 8.0]))


@wrong("6.9", "the networks disagree")
def own_molecule(qm9):
    return "3\ncarbon dioxide\nC 0 0 0\nO 1.16 0 0\nO -1.16 0 0\n"


@wrong("6.9", "take a smaller molecule")
def own_molecule(qm9):
    large = qm9.index[np.argmax(qm9.n_heavy)]  # nine atoms, and fluorine for a hydrogen
    symbols, x = taken(qm9, large)
    return lines([*symbols[:-1], "F"], x)


@wrong("6.9", "take a larger molecule")
def own_molecule(qm9):
    return "2\nhydrogen\nH 0 0 0\nH 0 0 0.74\n"


@wrong("6.9", "your text ends after 4 of the 5 atoms")
def own_molecule(qm9):
    symbols, x = taken(qm9, 1)
    return lines(symbols, x).replace("my molecule\n", "")  # no line for the comment


@wrong("6.9", "directly after the quotation marks")
def own_molecule(qm9):
    return """
    3
    water
    O 0 0 0
    H 0.96 0 0
    H -0.24 0.93 0
    """


@wrong("6.9", "is not an element")
def own_molecule(qm9):
    symbols, x = taken(qm9, 215)
    return lines([symbol_to_number(s) for s in symbols], x)


@wrong("6.9", "return one")
def own_molecule(qm9):
    return lines(*taken(qm9, 215)) + "\n" + lines(*taken(qm9, 3))


@wrong("6.9", "is the name of a file")
def own_molecule(qm9):
    return "molecule.xyz"


@wrong("6.9", "Join the lines")
def own_molecule(qm9):
    return lines(*taken(qm9, 215)).split("\n")


@wrong("6.9", "`return` missing")
def own_molecule(qm9):
    print(lines(*taken(qm9, 215)))


@stops("6.9", "read-only")
def own_molecule(qm9):
    molecule = qm9[10]
    molecule.positions[0] += 0.1
    return lines(["C"], molecule.positions)


@right("6.9")
def own_molecule(qm9):
    from scipy.spatial.transform import Rotation

    m = qm9[13]  # ethanol
    x = m.positions.copy()
    o = int(np.flatnonzero(m.atomic_numbers == 8)[0])
    r = np.linalg.norm(x - x[o], axis=1)
    h = int(np.argmin(np.where(m.atomic_numbers == 1, r, 9)))
    c = int(np.argmin(np.where(m.atomic_numbers == 6, r, 9)))
    axis = (x[o] - x[c]) / np.linalg.norm(x[o] - x[c])
    x[h] = x[o] + Rotation.from_rotvec(np.radians(120) * axis).apply(x[h] - x[o])
    return f"{len(x)}\nethanol\n" + "".join(
        f"{qm9lib.SYMBOLS[int(n)]} {p[0]:.5f} {p[1]:.5f} {p[2]:.5f}\n"
        for n, p in zip(m.atomic_numbers, x, strict=False)
    )


@wrong("6.9", "this is molecule 104 of the sample: all distances between its")
def own_molecule(qm9):
    m = qm9[100]
    order = np.random.default_rng(0).permutation(len(m.atomic_numbers))
    lines = [str(len(order)), ""]
    for i in order:
        x, y, z = m.positions[i]
        lines.append(f"{qm9lib.SYMBOLS[int(m.atomic_numbers[i])]} {x:.6f} {y:.6f} {z:.6f}")
    return "\n".join(lines) + "\n"


@wrong("6.9", "this is molecule 621 of the sample: all distances between its")
def own_molecule(qm9):
    m = qm9[500]
    positions = m.positions * [1, 1, -1]
    text = f"{len(positions)}\nmirror image\n"
    for z, p in zip(m.atomic_numbers, positions, strict=False):
        text += f"{qm9lib.SYMBOLS[int(z)]} {p[0]:.6f} {p[1]:.6f} {p[2]:.6f}\n"
    return text


@wrong("6.9", "this is molecule 154 of the sample: all distances between its")
def own_molecule(qm9):
    m = qm9[150]
    a = 0.7
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    positions = m.positions @ turn.T + [1.0, 2.0, 3.0]
    text = f"{len(positions)}\n\n"
    for z, p in zip(m.atomic_numbers, positions, strict=False):
        text += f"{qm9lib.SYMBOLS[int(z)]} {p[0]:.6f} {p[1]:.6f} {p[2]:.6f}\n"
    return text


@wrong("6.9", "this is molecule 14 of the sample: all distances between its")
def own_molecule(qm9):
    from scipy.spatial.transform import Rotation

    m = qm9[13]  # ethanol
    x = m.positions.copy()
    o = int(np.flatnonzero(m.atomic_numbers == 8)[0])
    r = np.linalg.norm(x - x[o], axis=1)
    h = int(np.argmin(np.where(m.atomic_numbers == 1, r, 9)))
    c = int(np.argmin(np.where(m.atomic_numbers == 6, r, 9)))
    axis = (x[o] - x[c]) / np.linalg.norm(x[o] - x[c])
    x[h] = x[o] + Rotation.from_rotvec(np.radians(5) * axis).apply(x[h] - x[o])
    return f"{len(x)}\nethanol\n" + "".join(
        f"{qm9lib.SYMBOLS[int(n)]} {p[0]:.5f} {p[1]:.5f} {p[2]:.5f}\n"
        for n, p in zip(m.atomic_numbers, x, strict=False)
    )


@wrong("6.9", "this is molecule 6 of the sample: all distances between its atoms")
def own_molecule(qm9):
    return """4
formaldehyde
C  0.000  0.000  0.000
O  0.000  0.000  1.204
H  0.000  0.938 -0.580
H  0.000 -0.938 -0.580
"""


@wrong("6.9", "the package has a warning about this molecule: the atoms")
def own_molecule(qm9):
    m = qm9[201]
    numbers, positions = m.atomic_numbers.copy(), m.positions.copy()
    bond = positions[7] - positions[1]
    positions[7] = positions[7] + 1.35 * bond / np.linalg.norm(bond)
    numbers[7] = 9
    text = f"{len(numbers)}\nfluoropyridine\n"
    for z, p in zip(numbers, positions, strict=False):
        text += f"{qm9lib.SYMBOLS[int(z)]} {p[0]:.6f} {p[1]:.6f} {p[2]:.6f}\n"
    return text


@stops("6.9", "this array must not be changed: take a copy of it, array.copy()")
def own_molecule(qm9):
    m = qm9[201]
    bond = m.positions[7] - m.positions[1]
    m.positions[7] = m.positions[1] + 1.35 * bond / np.linalg.norm(bond)
    m.atomic_numbers[7] = 9
    text = f"{len(m.atomic_numbers)}\nfluoropyridine\n"
    for z, p in zip(m.atomic_numbers, m.positions, strict=False):
        text += f"{qm9lib.SYMBOLS[int(z)]} {p[0]} {p[1]} {p[2]}\n"
    return text


@wrong("6.4", "so that its direction is lost: multiply the")
def bend_vectors(vectors):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.broadcast_to(np.tanh(length), vectors.shape)


@wrong(
    "6.5", "each number has those before it added: the step to one coordinate was not taken back"
)
def forces(energy, positions):
    moved, found = positions.copy(), np.zeros(positions.shape)
    for place in np.ndindex(*positions.shape):
        moved[place] += 1e-5
        found[place] = -(energy(moved) - energy(positions)) / 1e-5
    return found


@wrong("6.6", "The deviations are taken from the first network: take them from the mean")
def mean_and_deviation(predictions):
    squares = (predictions - predictions[0]) ** 2
    return predictions.mean(axis=0), np.sqrt(squares.sum(axis=0) / (len(predictions) - 1))


@wrong("6.6", "taken from the first network, and divided by n")
def mean_and_deviation(predictions):
    return predictions.mean(axis=0), np.sqrt(((predictions - predictions[0]) ** 2).mean(axis=0))


@wrong("6.8", "the runs were taken in pairs, one of each model")
def is_better(old, new):
    n = min(len(old), len(new))
    error = (old[:n] - new[:n]).std(ddof=1) / np.sqrt(n)
    improvement = old.mean() - new.mean()
    return improvement, error, bool(improvement > 2 * error)


@wrong("6.8", "this uncertainty is the larger of the two standard errors")
def is_better(old, new):
    error = max(old.std(ddof=1) / np.sqrt(len(old)), new.std(ddof=1) / np.sqrt(len(new)))
    improvement = old.mean() - new.mean()
    return improvement, error, bool(improvement > 2 * error)


@wrong("6.8", "the numbers of runs are swapped")
def is_better(old, new):
    error = np.hypot(old.std(ddof=1) / np.sqrt(len(new)), new.std(ddof=1) / np.sqrt(len(old)))
    improvement = old.mean() - new.mean()
    return improvement, error, bool(improvement > 2 * error)


@wrong("6.3", "all columns are the last function: k has a different value in each")
def radial_functions(distance, n, cutoff):
    found = np.zeros((len(distance), n))
    for k in range(1, n + 1):
        for column in range(n):
            found[:, column] = np.sqrt(2 / cutoff) * np.sin(k * np.pi * distance / cutoff)
    return found / distance[:, None]


@wrong("6.3", "the functions are in reverse order: column 0 is k = 1")
def radial_functions(distance, n, cutoff):
    k, r = np.arange(n, 0, -1), distance[:, None]
    return np.sqrt(2 / cutoff) * np.sin(k * np.pi * r / cutoff) / r


@wrong("6.3", "the sine is divided by k r: divide it by the distance r alone")
def radial_functions(distance, n, cutoff):
    k, r = np.arange(1, n + 1), distance[:, None]
    return np.sqrt(2 / cutoff) * np.sin(k * np.pi * r / cutoff) / (k * r)


@wrong("6.5", "all are negative: the absolute value of the gradient was taken")
def forces(energy, positions):
    return -jnp.abs(jax.grad(energy)(positions))


@wrong("6.5", "all atoms get the force on the first one: each has its own")
def forces(energy, positions):
    return jnp.tile(-jax.grad(energy)(positions)[0], (len(positions), 1))
