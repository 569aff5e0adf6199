"""Compare ways to predict how wrong the networks for H are, on validation molecules.

The first half of them calibrates each way, and the second half judges: how well the expected error
ranks the errors (Spearman), how many errors lie below limits that 50, 90 and 99 % should lie below,
and what is expected of zwitterions beside what is found. The test molecules are not looked at.
Written to `qm9course/results/uncertainty.json`, which the *accuracy* chapter reads::

    python tools/uncertainty.py   # some minutes on two cores
"""

from __future__ import annotations

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr

import qm9lib
from pretrained import LABEL, UNIT, calibrate
from qm9course import ladder
from qm9lib import QM9, pretrained
from qm9lib.data.files import replacing
from qm9lib.models import Model
from qm9lib.models.graphs import bucketed
from qm9lib.pretrained import Calibration

TRAINING = 30_000  # molecules that the ways with features look at
PARTS = (50, 90, 99)


def main() -> None:
    """Measure all ways, print a line for each, and store them."""
    split = qm9lib.load().split("dimenet")
    train, valid = split.train[:TRAINING], split.valid
    members = pretrained.load(LABEL).members
    predicted = np.array([member.predict(valid, UNIT) for member in members])
    error = np.abs(predicted.mean(axis=0) - valid.target(LABEL, UNIT))
    spread, learned = predicted.std(axis=0, ddof=1), pretrained.learned_error(valid, LABEL)
    hidden, atoms = zip(*(features(member, valid) for member in members), strict=True)
    hidden_train, atoms_train = zip(*(features(member, train) for member in members), strict=True)
    near, far = standardised(np.hstack(atoms_train), np.hstack(atoms))
    ways = {
        "two networks": (predicted[:2].std(axis=0, ddof=1), None),
        f"{len(members)} networks": (spread, None),
        "last layer": (
            np.mean(
                [
                    last_layer(*standardised(a, b))
                    for a, b in zip(hidden_train, hidden, strict=True)
                ],
                axis=0,
            ),
            None,
        ),
        "nearest training molecule": (nearest(near, far), None),
        "learned errors": (np.full(len(valid), 1e-9), learned),
        f"learned, and {len(members)} networks": (spread, learned),
    }
    half = len(valid) // 2
    rows = [judged(name, *way, error, valid, half) for name, way in ways.items()]
    record = {"unit": UNIT, "molecules": len(valid) - half, "training": TRAINING, "ways": rows}
    with replacing(ladder.FOLDER / "uncertainty.json") as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def judged(
    name: str,
    way: np.ndarray,
    learned: np.ndarray | None,
    error: np.ndarray,
    valid: QM9,
    half: int,
) -> dict[str, object]:
    """Calibrate a way on the first molecules, and judge it on the others."""
    way = way if learned is not None else way / way[:half].mean()
    first = None if learned is None else learned[:half]
    calibration = Calibration(**calibrate(way[:half], error[:half], first), most=np.inf)
    everywhere = calibration.uncertainty(way, 1.0 if learned is None else learned)
    ratio, expected = error[:half] / everywhere[:half], everywhere[half:]
    left = error[half:]
    charged = np.array(["+" in smiles for smiles in valid[half:].smiles])
    row = {
        "name": name,
        "rank": float(spearmanr(expected, left).statistic),
        # Below the multiples of the expected error that parts of the first half lie below.
        "below": [float(np.mean(left < np.percentile(ratio, part) * expected)) for part in PARTS],
        "zwitterions": {
            "molecules": int(charged.sum()),
            "expected": float(expected[charged].mean()), "found": float(left[charged].mean()),
        },
    }  # fmt: skip
    print(row, flush=True)
    return row


def features(model: Model, qm9: QM9) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums that the last layer of a network reads for each molecule, and more.

    Returns
    -------
    last, more : numpy.ndarray
        Shapes (molecules, features / 2) and (molecules, 5 features / 2).
    """
    inner = model.network.readout.network.layers[0]  # type: ignore[attr-defined]

    def one(numbers: Array, positions: Array) -> tuple[Array, Array]:
        found = model.network.features(numbers, positions)  # type: ignore[attr-defined]
        real = found.mask[:, None]
        last = jax.nn.silu(found.scalars @ inner.weight.T + inner.bias)
        summed = jnp.sum(jnp.where(real, last, 0.0), axis=0)
        scalars = jnp.where(real, found.scalars, 0.0)
        largest = jnp.max(jnp.where(real, found.scalars, -jnp.inf), axis=0)
        return summed, jnp.concatenate([summed, jnp.sum(scalars, axis=0), largest])

    together = jax.jit(functools.partial(jax.lax.map, lambda pair: one(*pair), batch_size=64))
    results: list[np.ndarray] = []
    for batch in bucketed(qm9):
        for part, values in enumerate(together((batch.atomic_numbers, batch.positions))):
            if len(results) <= part:
                results.append(np.zeros((len(qm9), values.shape[1])))
            results[part][np.asarray(batch.row)] = np.asarray(values)
    last, more = results
    return last, more


def standardised(train: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as standard deviations of the first from its mean."""
    mean, deviation = train.mean(axis=0), train.std(axis=0) + 1e-9
    return (train - mean) / deviation, (others - mean) / deviation


def last_layer(train: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the deviation of a linear regression on the features of the last layer (LLPR)."""
    covariance = train.T @ train / len(train) + 1e-6 * np.eye(train.shape[1])
    return np.sqrt(np.sum(others @ np.linalg.inv(covariance) * others, axis=1))


def nearest(train: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the distance of each molecule to the nearest training molecule, in features."""
    return np.concatenate(
        [cdist(part, train).min(axis=1) for part in np.array_split(others, len(others) // 500)]
    )


if __name__ == "__main__":
    main()
