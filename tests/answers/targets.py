import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.special
import scipy.stats

from answers import right, stops, wrong

BOHR = 1.889726
MEV = 27211.386


@right("7.1")
def frontier(one, other):
    gap = min(one[1], other[1]) - max(one[0], other[0])
    return gap, gap < min(one[1] - one[0], other[1] - other[0])


@right("7.1")
def frontier(one, other):
    (homo, lumo), (homo2, lumo2) = one, other
    giver = "one" if homo > homo2 else "other"
    taker = "one" if lumo < lumo2 else "other"
    return min(lumo, lumo2) - max(homo, homo2), giver != taker


@right("7.1")
def frontier(one, other):
    pair = np.array([one, other])
    homo, lumo = pair[:, 0], pair[:, 1]
    return lumo.min() - homo.max(), np.argmax(homo) != np.argmin(lumo)


@right("7.1")
def frontier(one, other):
    homo, lumo = jnp.array([one, other]).T
    return [jnp.min(lumo) - jnp.max(homo), jnp.argmax(homo) != jnp.argmin(lumo)]


@wrong("7.1", "this is the sum of the two gaps: a gap does not grow with the system")
def frontier(one, other):
    moves = (one[0] > other[0]) != (one[1] < other[1])
    return one[1] - one[0] + other[1] - other[0], moves


@wrong("7.1", "this is the mean of the two gaps: the highest of the homos and the")
def frontier(one, other):
    moves = (one[0] > other[0]) != (one[1] < other[1])
    return np.mean([one[1] - one[0], other[1] - other[0]]), moves


@wrong("7.1", "the smaller of the two gaps: homo and lumo may", "always False: for water and")
def frontier(one, other):
    gaps = one[1] - one[0], other[1] - other[0]
    gap = min(gaps)
    return gap, gap not in gaps


@wrong("7.1", "this takes the lower of the two homos: the electron that leaves comes")
def frontier(one, other):
    homo, lumo = min(one[0], other[0]), min(one[1], other[1])
    return lumo - homo, (one[0] > other[0]) != (one[1] < other[1])


@wrong("7.1", "this takes the higher of the two lumos: an electron goes to the lower one")
def frontier(one, other):
    homo, lumo = max(one[0], other[0]), max(one[1], other[1])
    return lumo - homo, (one[0] > other[0]) != (one[1] < other[1])


@wrong("7.1", "the sign is the other way round: the gap is lumo minus homo")
def frontier(one, other):
    homo, lumo = max(one[0], other[0]), min(one[1], other[1])
    return homo - lumo, (one[0] > other[0]) != (one[1] < other[1])


@wrong("7.1", "the sign of the gap is lost: where the lumo of one lies below")
def frontier(one, other):
    homo, lumo = max(one[0], other[0]), min(one[1], other[1])
    return abs(lumo - homo), (one[0] > other[0]) != (one[1] < other[1])


@wrong("7.1", "True and False are swapped: True means that homo and lumo lie on different")
def frontier(one, other):
    gap = min(one[1], other[1]) - max(one[0], other[0])
    return gap, (one[0] > other[0]) == (one[1] < other[1])


@wrong("7.1", "the second result is always True: sometimes one molecule has both")
def frontier(one, other):
    gap = min(one[1], other[1]) - max(one[0], other[0])
    return gap, gap < max(one[1] - one[0], other[1] - other[0])


@wrong("7.1", "says whether the first molecule gives the electron; the exercise asks")
def frontier(one, other):
    return min(one[1], other[1]) - max(one[0], other[0]), one[0] > other[0]


@wrong("7.1", "where the first molecule gives and the second takes, and not the other way round")
def frontier(one, other):
    gap = min(one[1], other[1]) - max(one[0], other[0])
    return gap, one[0] > other[0] and other[1] < one[1]


@wrong("7.1", "is True where the gap is negative, so that the electron moves by itself")
def frontier(one, other):
    gap = min(one[1], other[1]) - max(one[0], other[0])
    return gap, gap < 0


@wrong("7.1", "this takes the lumo that is nearest to zero: with their signs, the lowest")
def frontier(one, other):
    lumo = min([one[1], other[1]], key=abs)
    return lumo - max(one[0], other[0]), (one[0] > other[0]) != (one[1] < other[1])


@wrong("7.1", "it returns three results, expected two: the gap, and True or False")
def frontier(one, other):
    homo, lumo = max(one[0], other[0]), min(one[1], other[1])
    return homo, lumo, lumo - homo


@wrong("7.1", "expected 2 results, as in `return a, b`")
def frontier(one, other):
    return min(one[1], other[1]) - max(one[0], other[0])


@stops("7.1", "This means")
def frontier(one, other):
    gap = one.lumo - other.homo
    return gap, gap < 0


@right("7.2")
def neutral(charges, mask):
    return np.where(mask, charges - charges[mask].mean(), 0.0)


@right("7.2")
def neutral(charges, mask):
    real = charges * mask
    return (real - real.sum() / mask.sum()) * mask


@right("7.2")
def neutral(charges, mask):
    q = jnp.asarray(charges)
    return jnp.where(mask, q - jnp.mean(q, where=mask), 0)


@right("7.2")
def neutral(charges, mask):
    n = int(mask.sum())
    total = sum(float(q) for q, real in zip(charges, mask, strict=True) if real)
    return [q - total / n if real else 0.0 for q, real in zip(charges, mask, strict=True)]


@right("7.2")
def neutral(charges, mask):
    result = np.zeros(len(charges))
    result[mask] = charges[mask] - np.average(charges, weights=mask)
    return result


@wrong("7.2", "the mean is that of all slots, padded ones included: count only the real")
def neutral(charges, mask):
    return np.where(mask, charges - charges.mean(), 0.0)


@wrong("7.2", "the sum of the real atoms was divided by the number of all slots")
def neutral(charges, mask):
    real = np.where(mask, charges, 0.0)
    return np.where(mask, real - real.mean(), 0.0)


@wrong("7.2", "the padded slots are not zero: they took part in the shift, too")
def neutral(charges, mask):
    return charges - charges[mask].mean()


@wrong("7.2", "the padded slots are not zero: they have the numbers that they had before")
def neutral(charges, mask):
    found = charges.copy()
    found[mask] -= charges[mask].mean()
    return found


@wrong("7.2", "the whole surplus was subtracted from each atom: share it, divided by the number")
def neutral(charges, mask):
    return np.where(mask, charges - charges[mask].sum(), 0.0)


@wrong("7.2", "the positive charges were scaled until they balance the negative ones")
def neutral(charges, mask):
    q = np.where(mask, charges, 0.0)
    plus, minus = q[q > 0].sum(), q[q < 0].sum()
    return np.where(q > 0, -q * minus / plus, q)


@wrong("7.2", "each charge was shifted in proportion to its size: subtract the same")
def neutral(charges, mask):
    q = charges * mask
    return q - q.sum() * abs(q) / abs(q).sum()


@wrong("7.2", "the charges were divided by their sum, so that they add up to 1")
def neutral(charges, mask):
    q = np.where(mask, charges, 0.0)
    return q / q.sum()


@wrong("7.2", "the padded slots have left the array: keep its shape, with 0 in them")
def neutral(charges, mask):
    real = charges[mask]
    return real - real.mean()


@wrong("7.2", "the surplus was added, which doubles it: subtract it")
def neutral(charges, mask):
    return np.where(mask, charges + charges[mask].mean(), 0.0)


@wrong("7.2", "the charges are as they were: their sum is not zero")
def neutral(charges, mask):
    return charges * mask


@wrong("7.2", "only the first atom was changed: subtract the same share of the surplus")
def neutral(charges, mask):
    found = charges * mask
    found[0] -= found.sum()
    return found


@wrong("7.2", "the mean is that of all slots", "And the padded slots are not zero: they took part")
def neutral(charges, mask):
    return charges - charges.mean()


@stops("7.2", "~mask is the mask the other way round")
def neutral(charges, mask):
    charges = charges.copy()
    charges[-mask] = 0
    return charges - charges[mask].mean()


@stops("7.2", "np.where(mask, ..., 0.0) keeps the length")
def neutral(charges, mask):
    found = np.zeros(len(charges))
    found[:] = charges[mask] - charges[mask].mean()
    return found


@right("7.3")
def extent(charges, masses, positions):
    centre = masses @ positions / masses.sum()
    return BOHR**2 * (charges @ ((positions - centre) ** 2).sum(axis=1))


@right("7.3")
def extent(charges, masses, positions):
    x = positions / 0.529177
    x = x - np.average(x, axis=0, weights=masses)
    return np.sum(charges * np.linalg.norm(x, axis=1) ** 2)


@right("7.3")
def extent(charges, masses, positions):
    centre = jnp.sum(masses[:, None] * positions, axis=0) / jnp.sum(masses)
    d = (positions - centre) * 1.89
    return jnp.einsum("i,ix,ix", charges, d, d)


@right("7.3")
def extent(charges, masses, positions):
    centre = [sum(masses * positions[:, k]) / sum(masses) for k in range(3)]
    total = 0.0
    for q, x in zip(charges, positions, strict=True):
        total += q * sum(((a - c) * BOHR) ** 2 for a, c in zip(x, centre, strict=True))
    return total


@wrong("7.3", "the distances are counted from the origin: count them from the centre of mass")
def extent(charges, masses, positions):
    return BOHR**2 * (charges @ (positions**2).sum(axis=1))


@wrong("7.3", "this is counted from the mean of the positions: in the centre of mass")
def extent(charges, masses, positions):
    d = positions - positions.mean(axis=0)
    return BOHR**2 * (charges @ (d**2).sum(axis=1))


@wrong("7.3", "this is counted from the centre of the charges: the masses make")
def extent(charges, masses, positions):
    d = positions - charges @ positions / charges.sum()
    return BOHR**2 * (charges @ (d**2).sum(axis=1))


@wrong("7.3", "the distances are not squared. And the factor from Å to bohr is there once")
def extent(charges, masses, positions):
    d = positions - masses @ positions / masses.sum()
    return BOHR * (charges @ np.linalg.norm(d, axis=1))


@wrong("7.3", "the factor from Å to bohr is there once: a square takes it twice")
def extent(charges, masses, positions):
    d = positions - masses @ positions / masses.sum()
    return BOHR * (charges @ (d**2).sum(axis=1))


@wrong("7.3", "the result is in Å²: 1 Å is 1.889726 bohr, and a square takes")
def extent(charges, masses, positions):
    d = positions - masses @ positions / masses.sum()
    return charges @ (d**2).sum(axis=1)


@wrong("7.3", "it was divided by the factor from Å to bohr, twice: an Å is longer than a bohr")
def extent(charges, masses, positions):
    x = positions / BOHR
    d = x - masses @ x / masses.sum()
    return charges @ (d**2).sum(axis=1)


@wrong("7.3", "this is weighted with the masses, as a moment of inertia is")
def extent(charges, masses, positions):
    d = positions - masses @ positions / masses.sum()
    return BOHR**2 * (masses @ (d**2).sum(axis=1))


@wrong("7.3", "charge times distance was added up as vectors before it was squared")
def extent(charges, masses, positions):
    d = BOHR * (positions - masses @ positions / masses.sum())
    return np.linalg.norm(charges @ d) ** 2


@wrong("7.3", "this was divided by the sum of the charges, which makes a mean: the extent")
def extent(charges, masses, positions):
    d = BOHR * (positions - masses @ positions / masses.sum())
    return np.average((d**2).sum(axis=1), weights=charges)


@wrong("7.3", "x, y and z have a number each: add them up, too")
def extent(charges, masses, positions):
    d = BOHR * (positions - masses @ positions / masses.sum())
    return charges @ d**2


@wrong("7.3", "the sum of mass times position is not yet a place: divide it by the sum")
def extent(charges, masses, positions):
    d = BOHR * (positions - masses @ positions)
    return charges @ (d**2).sum(axis=1)


@wrong("7.3", "counted from the origin", "And the result is in Å²")
def extent(charges, masses, positions):
    return np.sum(charges[:, None] * positions**2)


@stops("7.3", "x[:, None]")
def extent(charges, masses, positions):
    centre = np.sum(masses * positions, axis=0) / masses.sum()
    return BOHR**2 * charges @ ((positions - centre) ** 2).sum(axis=1)


@right("7.4")
def pooled(numbers, scores, mask):
    s = np.where(mask, scores, -np.inf)
    weights = np.exp(s - s.max())
    return np.sum(weights * numbers) / weights.sum()


@right("7.4")
def pooled(numbers, scores, mask):
    return numbers[mask] @ scipy.special.softmax(scores[mask])


@right("7.4")
def pooled(numbers, scores, mask):
    return jnp.sum(jax.nn.softmax(jnp.where(mask, scores, -1e9)) * jnp.where(mask, numbers, 0))


@right("7.4")
def pooled(numbers, scores, mask):
    return jnp.sum(jax.nn.softmax(jnp.asarray(scores), where=jnp.asarray(mask)) * numbers * mask)


@right("7.4")
def pooled(numbers, scores, mask):
    n, s = numbers[mask], scores[mask]
    return sum(x / np.exp(s - a).sum() for x, a in zip(n, s, strict=True))


@right("7.4")
def pooled(numbers, scores, mask):
    return np.average(numbers[mask], weights=np.exp(scores[mask] - np.mean(scores[mask])))


@wrong("7.4", "the padded atoms take part: they have no weight, whatever their scores are")
def pooled(numbers, scores, mask):
    weights = np.exp(scores - scores.max())
    return np.sum(weights * numbers) / weights.sum()


@wrong("7.4", "in the sum of the exponentials: their numbers are left out, and their weights")
def pooled(numbers, scores, mask):
    weights = np.exp(scores - scores.max())
    return np.sum((weights * numbers)[mask]) / weights.sum()


@wrong("7.4", "the padded atoms were given the score 0, and e⁰ is 1")
def pooled(numbers, scores, mask):
    return scipy.special.softmax(scores * mask) @ numbers


@wrong("7.4", "for scores around 1,000 it returns NaN: e to the power of 1,000 is more")
def pooled(numbers, scores, mask):
    weights = np.exp(scores) * mask
    return np.sum(weights * numbers) / np.sum(weights)


@wrong("7.4", "for scores around -1,000, and 0 for a padded atom, it returns NaN")
def pooled(numbers, scores, mask):
    weights = np.exp(scores - scores.max()) * mask
    return np.sum(weights * numbers) / np.sum(weights)


@wrong("7.4", "Is a score cut off, or a small number added to a sum? E to the power")
def pooled(numbers, scores, mask):
    weights = np.exp(np.clip(scores, -50, 50)) * mask
    return np.sum(weights * numbers) / np.sum(weights)


@wrong("7.4", "this is the plain mean: the scores are not used")
def pooled(numbers, scores, mask):
    return numbers[mask].mean()


@wrong("7.4", "the weights do not add up to 1: divide by the sum of the exponentials")
def pooled(numbers, scores, mask):
    return np.exp(scores[mask]) @ numbers[mask]


@wrong("7.4", "the weights do not add up to 1: the largest score was subtracted, and the")
def pooled(numbers, scores, mask):
    s = scores[mask]
    return np.exp(s - s.max()) @ numbers[mask]


@wrong("7.4", "this is the number of the atom with the highest score: all real atoms")
def pooled(numbers, scores, mask):
    return numbers[mask][np.argmax(scores[mask])]


@wrong("7.4", "this is the largest of the numbers: all real atoms contribute")
def pooled(numbers, scores, mask):
    return numbers[mask].max()


@wrong("7.4", "the scores are weights without np.exp: e to the power of a score")
def pooled(numbers, scores, mask):
    s = scores[mask]
    return s @ numbers[mask] / s.sum()


@wrong("7.4", "numbers and scores are swapped: the scores make the weights")
def pooled(numbers, scores, mask):
    weights = scipy.special.softmax(numbers[mask])
    return weights @ scores[mask]


@wrong("7.4", "the weighted numbers were divided by the number of atoms as well")
def pooled(numbers, scores, mask):
    weights = scipy.special.softmax(scores[mask])
    return np.mean(weights * numbers[mask])


@wrong("7.4", "the sign of the scores is the other way round: the higher a score")
def pooled(numbers, scores, mask):
    return scipy.special.softmax(-scores[mask]) @ numbers[mask]


@stops("7.4", "and is shorter than the array that it came from")
def pooled(numbers, scores, mask):
    weights = np.exp(scores[mask] - scores[mask].max())
    return np.sum(weights * numbers) / np.sum(weights)


@right("7.5")
def joint_error(predicted, truth, scale):
    return np.nanmean(np.abs(predicted - truth) / scale, axis=0).mean()


@right("7.5")
def joint_error(predicted, truth, scale):
    there = ~np.isnan(truth)
    error = np.where(there, np.abs(predicted - truth), 0.0)
    return np.mean(error.sum(axis=0) / there.sum(axis=0) / scale)


@right("7.5")
def joint_error(predicted, truth, scale):
    return jnp.mean(jnp.nanmean(jnp.abs(predicted - truth), axis=0) / scale)


@right("7.5")
def joint_error(predicted, truth, scale):
    errors = []
    for p, t, s in zip(predicted.T, truth.T, scale, strict=True):
        keep = t == t
        errors.append(np.abs(p[keep] - t[keep]).mean() / s)
    return sum(errors) / len(errors)


@right("7.5")
def joint_error(predicted, truth, scale):
    error = np.ma.masked_invalid(np.abs(predicted - truth) / scale)
    return float(error.mean(axis=0).mean())


@wrong("7.5", "the labels are not divided by their scale, so that the one with the largest")
def joint_error(predicted, truth, scale):
    return np.nanmean(np.abs(predicted - truth), axis=0).mean()


@wrong("7.5", "the errors were multiplied by the scale: divide by it, to count them")
def joint_error(predicted, truth, scale):
    return np.nanmean(np.abs(predicted - truth) * scale, axis=0).mean()


@wrong("7.5", "where a label was not computed for some molecule, it returns NaN")
def joint_error(predicted, truth, scale):
    return np.mean(np.abs(predicted - truth) / scale)


@wrong("7.5", "not divided by their scale", "And where a label was not computed, it returns NaN")
def joint_error(predicted, truth, scale):
    return np.abs(predicted - truth).mean()


@wrong("7.5", "a label that was not computed was taken for an error of 0: leave such")
def joint_error(predicted, truth, scale):
    return np.nan_to_num(np.abs(predicted - truth) / scale).mean()


@wrong("7.5", "a true value that was not computed was taken for 0: leave such an entry out")
def joint_error(predicted, truth, scale):
    return (np.abs(predicted - np.nan_to_num(truth)) / scale).mean()


@wrong("7.5", "all entries are in one mean, so that a label with more molecules counts more")
def joint_error(predicted, truth, scale):
    return np.nanmean(np.abs(predicted - truth) / scale)


@wrong("7.5", "molecules that lack a label were left out of all labels: leave out single")
def joint_error(predicted, truth, scale):
    keep = np.isfinite(truth).all(axis=1)
    return np.mean(np.abs(predicted[keep] - truth[keep]) / scale)


@wrong("7.5", "the errors were squared: the mean absolute error takes np.abs")
def joint_error(predicted, truth, scale):
    return np.nanmean(((predicted - truth) / scale) ** 2, axis=0).mean()


@wrong("7.5", "this is the root of a mean square: the mean absolute error has neither")
def joint_error(predicted, truth, scale):
    return np.sqrt(np.nanmean(((predicted - truth) / scale) ** 2, axis=0)).mean()


@wrong("7.5", "the errors keep their signs, so that they cancel: np.abs before the mean")
def joint_error(predicted, truth, scale):
    return np.nanmean((predicted - truth) / scale, axis=0).mean()


@wrong("7.5", "the mean was taken before np.abs, so that errors of opposite sign cancel")
def joint_error(predicted, truth, scale):
    return np.abs(np.nanmean((predicted - truth) / scale, axis=0)).mean()


@wrong("7.5", "these are the errors of the labels: return their mean, one number")
def joint_error(predicted, truth, scale):
    return np.nanmean(np.abs(predicted - truth) / scale, axis=0)


@wrong("7.5", "the mean over the labels was taken first, for each molecule")
def joint_error(predicted, truth, scale):
    return np.nanmean(np.abs(predicted - truth) / scale, axis=1).mean()


@wrong("7.5", "the standard deviations were computed from these few molecules: they are given")
def joint_error(predicted, truth, scale):
    with np.errstate(divide="ignore"):
        return np.nanmean(np.abs(predicted - truth) / np.nanstd(truth, axis=0), axis=0).mean()


@stops("7.5", "here are 4 molecules, in rows, and 3 labels, in columns")
def joint_error(predicted, truth, scale):
    return np.nanmean(np.abs(predicted - truth) / scale[:, None], axis=0).mean()


@right("7.6")
def growth(error, n_atoms):
    return 1000 * np.polyfit(n_atoms, error, 1)[0]


@right("7.6")
def growth(error, n_atoms):
    n = n_atoms - n_atoms.mean()
    return 1000 * (n @ error) / (n @ n)


@right("7.6")
def growth(error, n_atoms):
    return scipy.stats.linregress(n_atoms, error).slope * 1e3


@right("7.6")
def growth(error, n_atoms):
    columns = jnp.stack([jnp.ones(len(n_atoms)), jnp.asarray(n_atoms, jnp.float32)], axis=1)
    return 1000 * jnp.linalg.lstsq(columns, jnp.asarray(error))[0][1]


@right("7.6")
def growth(error, n_atoms):
    covariance = np.cov(n_atoms, 1000 * error)
    return covariance[0, 1] / covariance[0, 0]


@wrong("7.6", "this line goes through the origin: an error that all molecules share is no")
def growth(error, n_atoms):
    return 1000 * np.linalg.lstsq(n_atoms[:, None], error, rcond=None)[0][0]


@wrong("7.6", "the absolute errors were taken: with them a model that overshoots")
def growth(error, n_atoms):
    return 1000 * np.polyfit(n_atoms, np.abs(error), 1)[0]


@wrong("7.6", "the axes are swapped: the number of atoms is x, and the error y")
def growth(error, n_atoms):
    return 1000 * np.polyfit(error, n_atoms, 1)[0]


@wrong("7.6", "the slope is in eV per atom: 1 eV is 1,000 meV")
def growth(error, n_atoms):
    return np.polyfit(n_atoms, error, 1)[0]


@wrong("7.6", "the sign is the other way round")
def growth(error, n_atoms):
    return 1000 * np.polyfit(n_atoms, -error, 1)[0]


@wrong("7.6", "this is the intercept: np.polyfit gives the slope first")
def growth(error, n_atoms):
    return 1000 * np.polyfit(n_atoms, error, 1)[1]


@wrong("7.6", "these are slope and intercept: return the slope alone")
def growth(error, n_atoms):
    return 1000 * np.polyfit(n_atoms, error, 1)


@wrong("7.6", "this is the mean of error per atom, without a line")
def growth(error, n_atoms):
    return np.mean(1000 * error / n_atoms)


@wrong("7.6", "this is the coefficient of correlation: the exercise asks for the slope")
def growth(error, n_atoms):
    return 1000 * np.corrcoef(n_atoms, error)[0, 1]


@wrong("7.6", "np.cov divides by n - 1 and np.var by n: take both in the same way")
def growth(error, n_atoms):
    return 1000 * np.cov(n_atoms, error)[0, 1] / np.var(n_atoms)


@wrong("7.6", "this is a line through the first and the last molecule: fit it to all")
def growth(error, n_atoms):
    return 1000 * (error[-1] - error[0]) / (n_atoms[-1] - n_atoms[0])


@wrong("7.6", "linregress returns several results, with names: take its .slope")
def growth(error, n_atoms):
    return scipy.stats.linregress(n_atoms, 1000 * error)


@wrong("7.6", "each error was divided by its number of atoms before the fit")
def growth(error, n_atoms):
    return 1000 * np.polyfit(n_atoms, error / n_atoms, 1)[0]


@wrong("7.6", "this line goes through the origin", "And the slope is in eV per atom")
def growth(error, n_atoms):
    return n_atoms @ error / (n_atoms @ n_atoms)


@right("7.7")
def gap_error(homo, lumo, true_homo, true_lumo):
    return MEV * np.mean(np.abs((lumo - homo) - (true_lumo - true_homo)))


@right("7.7")
def gap_error(homo, lumo, true_homo, true_lumo):
    return 27.2114e3 * np.abs((lumo - true_lumo) - (homo - true_homo)).mean()


@right("7.7")
def gap_error(homo, lumo, true_homo, true_lumo):
    gaps = jnp.asarray(homo) - lumo, jnp.asarray(true_homo) - true_lumo
    return jnp.abs(gaps[0] - gaps[1]).mean() * 27211.386


@right("7.7")
def gap_error(homo, lumo, true_homo, true_lumo):
    total = 0.0
    for i in range(len(homo)):
        total += abs((lumo[i] - homo[i]) - (true_lumo[i] - true_homo[i])) * MEV
    return total / len(homo)


@wrong("7.7", "the errors of homo and lumo were added without their signs: in the gap")
def gap_error(homo, lumo, true_homo, true_lumo):
    return MEV * (np.abs(homo - true_homo).mean() + np.abs(lumo - true_lumo).mean())


@wrong("7.7", "the errors of homo and lumo were added with their signs: the gap is lumo")
def gap_error(homo, lumo, true_homo, true_lumo):
    return MEV * np.abs((homo - true_homo) + (lumo - true_lumo)).mean()


@wrong("7.7", "this is the mean of the two errors: the gap is a difference")
def gap_error(homo, lumo, true_homo, true_lumo):
    return MEV * np.mean([np.abs(homo - true_homo), np.abs(lumo - true_lumo)])


@wrong("7.7", "as the root of the sum of their squares, as if they had nothing to do")
def gap_error(homo, lumo, true_homo, true_lumo):
    return MEV * np.mean(np.sqrt((homo - true_homo) ** 2 + (lumo - true_lumo) ** 2))


@wrong("7.7", "the two mean absolute errors were combined as the root of the sum")
def gap_error(homo, lumo, true_homo, true_lumo):
    return MEV * np.hypot(np.abs(homo - true_homo).mean(), np.abs(lumo - true_lumo).mean())


@wrong("7.7", "the predicted gap is homo minus lumo, and the true one lumo minus homo")
def gap_error(homo, lumo, true_homo, true_lumo):
    return MEV * np.mean(np.abs((homo - lumo) - (true_lumo - true_homo)))


@wrong("7.7", "this is the root of the mean square: the mean absolute error has np.abs")
def gap_error(homo, lumo, true_homo, true_lumo):
    return MEV * np.sqrt(np.mean(((lumo - homo) - (true_lumo - true_homo)) ** 2))


@wrong("7.7", "the errors keep their signs, so that they cancel between molecules")
def gap_error(homo, lumo, true_homo, true_lumo):
    return MEV * np.mean((lumo - homo) - (true_lumo - true_homo))


@wrong("7.7", "np.abs came after the mean, where errors of opposite sign have cancelled")
def gap_error(homo, lumo, true_homo, true_lumo):
    return MEV * abs(np.mean(lumo - homo) - np.mean(true_lumo - true_homo))


@wrong("7.7", "the number is in eV; the exercise asks for meV")
def gap_error(homo, lumo, true_homo, true_lumo):
    return 27.211386 * np.mean(np.abs((lumo - homo) - (true_lumo - true_homo)))


@wrong("7.7", "the number is in hartree; the exercise asks for meV")
def gap_error(homo, lumo, true_homo, true_lumo):
    return np.mean(np.abs((lumo - homo) - (true_lumo - true_homo)))


@wrong("7.7", "this is the median: the exercise asks for the mean")
def gap_error(homo, lumo, true_homo, true_lumo):
    return MEV * np.median(np.abs((lumo - homo) - (true_lumo - true_homo)))


@wrong("7.7", "each molecule has its own error here: take their mean")
def gap_error(homo, lumo, true_homo, true_lumo):
    return MEV * np.abs((lumo - homo) - (true_lumo - true_homo))


@wrong("7.7", "this is the difference of the two absolute errors: take the gaps first")
def gap_error(homo, lumo, true_homo, true_lumo):
    return MEV * np.abs(np.abs(lumo - true_lumo) - np.abs(homo - true_homo)).mean()


@wrong("7.7", "this is the error of homo alone: the gap has lumo, too")
def gap_error(homo, lumo, true_homo, true_lumo):
    return MEV * np.abs(homo - true_homo).mean()


@right("7.8")
def hidden(counts):
    _, s, vt = np.linalg.svd(counts)
    return vt[-1] if len(s) < len(vt) or s[-1] < 1e-6 * s[0] else None


@right("7.8")
def hidden(counts):
    space = scipy.linalg.null_space(counts)
    return space[:, 0] if space.size else None


@right("7.8")
def hidden(counts):
    values, vectors = np.linalg.eigh(counts.T @ counts)
    if values[0] > 1e-10 * values[-1]:
        return None
    return -vectors[:, 0]


@right("7.8")
def hidden(counts):
    if np.linalg.matrix_rank(counts) == counts.shape[1]:
        return None
    return list(np.linalg.svd(counts)[2][-1])


@right("7.8")
def hidden(counts):
    _, s, vt = jnp.linalg.svd(jnp.asarray(counts, jnp.float32))
    values = np.zeros(len(vt))
    values[: len(s)] = s
    return None if values[-1] > 1e-5 * values[0] else vt[-1]


@right("7.8")
def hidden(counts):
    square = np.vstack([counts, np.zeros((counts.shape[1], counts.shape[1]))])
    _, s, vt = np.linalg.svd(square, full_matrices=False)
    return vt[s < 1e-9][0] if (s < 1e-9).any() else None


@wrong("7.8", "for CH₄, H₂O and NH₃ (columns H, C, N, O) the vector has the length 5.477")
def hidden(counts):
    _, s, vt = np.linalg.svd(counts)
    if len(s) == len(vt) and s[-1] > 1e-6 * s[0]:
        return None
    return vt[-1] / np.abs(vt[-1]).min() if np.abs(vt[-1]).min() else vt[-1]


@wrong("7.8", "there is no such vector: the smallest singular value is", "Return None")
def hidden(counts):
    return np.linalg.svd(counts)[2][-1]


@wrong("7.8", "there is no such vector", "C₁₈H₃₈, C₁₉H₄₀ and C₂₀H₄₂")
def hidden(counts):
    _, s, vt = np.linalg.svd(counts)
    return vt[-1] if len(s) < len(vt) or s[-1] < 0.01 * s[0] else None


@wrong("7.8", "this has a number for each molecule, as the columns of U have")
def hidden(counts):
    u, s, vt = np.linalg.svd(counts)
    return u[:, -1] if len(s) < len(vt) or s[-1] < 1e-6 * s[0] else None


@wrong("7.8", "This is a left singular vector, a column of U: it mixes molecules")
def hidden(counts):
    u, s, vt = np.linalg.svd(counts)
    if len(s) == len(vt) and s[-1] > 1e-6 * s[0]:
        return None
    return u[:, -1] if u.shape == vt.shape else vt[-1]


@wrong("7.8", "This is a column of Vᵀ: np.linalg.svd returns the vectors as its rows")
def hidden(counts):
    _, s, vt = np.linalg.svd(counts)
    return vt[:, -1] if len(s) < len(vt) or s[-1] < 1e-6 * s[0] else None


@wrong("7.8", "This is the singular vector of the largest value: that of the smallest comes")
def hidden(counts):
    _, s, vt = np.linalg.svd(counts)
    return vt[0] if len(s) < len(vt) or s[-1] < 1e-6 * s[0] else None


@wrong("7.8", "it returns None: with 4 elements and 3 molecules there is always such a vector")
def hidden(counts):
    _, s, vt = np.linalg.svd(counts, full_matrices=False)
    return vt[-1] if s[-1] < 1e-6 * s[0] else None


@wrong("7.8", "it returns None, but there is such a vector", "rounding may leave 1e-16 of it")
def hidden(counts):
    _, s, vt = np.linalg.svd(counts)
    return vt[-1] if len(s) < len(vt) or s[-1] == 0 else None


@wrong("7.8", "it returns the zero vector, which changes nothing and says nothing")
def hidden(counts):
    found = np.linalg.lstsq(counts, np.zeros(len(counts)), rcond=None)[0]
    return found if np.linalg.matrix_rank(counts) < counts.shape[1] else None


@wrong("7.8", "it returns the zero vector: there is no other one, so return None")
def hidden(counts):
    space = scipy.linalg.null_space(counts)
    return space[:, 0] if space.size else np.zeros(counts.shape[1])


@wrong("7.8", "are these several vectors? Return one of them")
def hidden(counts):
    _, s, vt = np.linalg.svd(counts)
    rank = (s > 1e-6 * s[0]).sum()
    if rank == len(vt):
        return None
    return vt[rank:] if rank < len(vt) - 1 else vt[-1]


@wrong("7.8", "it returns an array of shape (4, 1), expected (4,): give the vector one axis")
def hidden(counts):
    space = scipy.linalg.null_space(counts)
    return space[:, :1] if space.size else None


@wrong("7.8", "it returns True, expected a vector of length 1, or None")
def hidden(counts):
    return bool(np.linalg.matrix_rank(counts) < counts.shape[1])


@wrong("7.8", "it returns None each time: is a `return` missing?")
def hidden(counts):
    _, _, vt = np.linalg.svd(counts)
    print(vt[-1])


@stops("7.8", "square matrices only")
def hidden(counts):
    values, vectors = np.linalg.eig(counts)
    return vectors[:, 0] if values[0] == 0 else None


@wrong("7.1", "the results are swapped: first the gap, then True or False")
def frontier(one, other):
    moves = (one[0] > other[0]) != (one[1] < other[1])
    return moves, min(one[1], other[1]) - max(one[0], other[0])


@wrong("7.2", "set to zero first, and then took part in the shift: set them to zero last")
def neutral(charges, mask):
    real = np.where(mask, charges, 0.0)
    return real - real.sum() / mask.sum()


@wrong("7.6", "the slope was divided by 1,000: a meV is the smaller unit")
def growth(error, n_atoms):
    return np.polyfit(n_atoms, error, 1)[0] / 1000


@wrong("7.8", "np.linalg.eigh returns the vectors as columns: take vectors[:, 0]")
def hidden(counts):
    values, vectors = np.linalg.eigh(counts.T @ counts)
    return vectors[0] if values[0] < 1e-10 * values[-1] else None
