"""Each readout obeys the law of its labels: by hand, for two molecules, and turned."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import filled
from scipy.spatial.transform import Rotation

from qm9lib import LABELS, QM9
from qm9lib.models import invariance, readouts
from qm9lib.models.painn import PaiNN
from qm9lib.models.readouts import READOUTS, Atoms

FEATURES = 6
Z = np.array([8, 1, 6, 1, 0])
REAL = Z > 0


@cache
def network(pooling: str) -> PaiNN:
    return filled(PaiNN, 8, 2, 4, pooling=pooling, seed=7)


@eqx.filter_jit
def _value(network: PaiNN, z: jax.Array, x: jax.Array) -> jax.Array:
    return network(z, x)


def value_of(network: PaiNN):
    return lambda z, x: _value(network, jnp.asarray(z, jnp.int32), jnp.asarray(x, jnp.float32))


def atoms(seed: int = 0) -> Atoms:
    """Five atoms, the last of which is padding with numbers that must not count."""
    rng = np.random.default_rng(seed)
    shapes = (5, FEATURES), (5, 3, FEATURES), (5, 3)
    scalars, vectors, positions = (jnp.asarray(rng.normal(size=s), jnp.float32) for s in shapes)
    return Atoms(scalars, vectors, positions, jnp.asarray(REAL))


def by_hand(network: eqx.nn.MLP, scalars: jax.Array) -> np.ndarray:
    first, second = network.layers
    hidden = np.asarray(scalars, float) @ np.asarray(first.weight).T + np.asarray(first.bias)
    hidden /= 1 + np.exp(-hidden)
    return hidden @ np.asarray(second.weight).T + np.asarray(second.bias)


@pytest.mark.parametrize("name", READOUTS)
def test_by_hand(name: str) -> None:
    readout, given = filled(READOUTS[name], FEATURES, seed=3), atoms()
    found = by_hand(readout.network, given.scalars)[REAL]
    x, v = (np.asarray(a, float)[REAL] for a in (given.positions, given.vectors))
    if name == "attention":
        part = np.exp(found[:, 1]) / np.exp(found[:, 1]).sum()
        np.testing.assert_allclose(np.asarray(readout.parts(given))[REAL], part, rtol=1e-5)
        expected = part @ found[:, 0]
    elif name == "dipole":
        charge = found[:, 0] - found[:, 0].mean()
        np.testing.assert_allclose(np.asarray(readout.charges(given))[REAL], charge, atol=1e-6)
        own = np.einsum("ixf,if,f->x", v, found[:, 1:], np.asarray(readout.mix))
        vector = own + charge @ x
        np.testing.assert_allclose(readout.vector(given), vector, rtol=1e-5)
        expected = np.sqrt(vector @ vector + 1e-8)
    elif name == "extent":
        expected = found[:, 0] @ (x**2).sum(axis=1) + found[:, 1].sum()
    else:
        expected = found.sum() if name == "sum" else found.mean()
    assert float(readout(given)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", READOUTS)
def test_invariances(name: str, sample: QM9) -> None:
    molecule = sample[700]
    given, value = (
        (molecule.atomic_numbers.astype(int), molecule.positions),
        value_of(network(name)),
    )
    invariance.assert_invariant(value, *given, trials=2)
    invariance.assert_permutation_invariant(value, *given, trials=2)
    invariance.assert_padding_invariant(value, *given)


def test_the_dipole_turns_with_the_molecule(sample: QM9) -> None:
    """The vector is turned and mirrored, and is the same from any origin."""
    molecule, painn = sample[700], network("dipole")
    z = jnp.asarray(molecule.atomic_numbers, jnp.int32)

    def vector(x: np.ndarray) -> np.ndarray:
        return np.asarray(painn.readout.vector(painn.features(z, jnp.asarray(x, jnp.float32))))

    dipole = vector(molecule.positions)
    assert np.linalg.norm(dipole) > 0.01
    turn = Rotation.random(random_state=np.random.RandomState(0)).as_matrix()
    tolerance = {"atol": 1e-5 * float(np.abs(dipole).max()), "rtol": 1e-4}
    for change in (turn, -np.eye(3), np.diag([1.0, 1.0, -1.0])):
        np.testing.assert_allclose(
            vector(molecule.positions @ change.T), change @ dipole, **tolerance
        )
    np.testing.assert_allclose(vector(molecule.positions + 4.0), dipole, rtol=1e-3, atol=1e-5)
    both = float(painn(z, jnp.asarray(molecule.positions, jnp.float32)))
    assert both == pytest.approx(np.linalg.norm(dipole), rel=1e-4)


def test_two_molecules_far_apart(sample: QM9) -> None:
    """The sum of both, their mean, what scores say, vectors added, a square of the distance."""
    one, other = sample[20], sample[30]
    far = np.array([0.0, 0.0, 60.0])
    z = np.concatenate([one.atomic_numbers, other.atomic_numbers]).astype(int)
    x = np.concatenate([one.positions, other.positions + far])
    n = len(one), len(other)
    apart, a, b = (
        {name: float(value_of(network(name))(*given)) for name in READOUTS}
        for given in ((z, x), (one.atomic_numbers, one.positions),
                      (other.atomic_numbers, other.positions))
    )  # fmt: skip
    assert apart["sum"] == pytest.approx(a["sum"] + b["sum"], rel=1e-4)
    mean = (n[0] * a["mean"] + n[1] * b["mean"]) / sum(n)
    assert apart["mean"] == pytest.approx(mean, rel=1e-4)
    low, high = sorted([a["attention"], b["attention"]])
    assert low < apart["attention"] < high
    further = x + np.concatenate([np.zeros((n[0], 3)), np.tile(far, (n[1], 1))])
    twice = float(value_of(network("extent"))(z, further))
    thrice = float(value_of(network("extent"))(z, further + (further - x)))
    # A parabola in the distance: its second differences are all alike.
    fourth = float(value_of(network("extent"))(z, further + 2 * (further - x)))
    second = apart["extent"] - 2 * twice + thrice
    assert second == pytest.approx(twice - 2 * thrice + fourth, rel=1e-2) and second != 0


def test_attention_can_be_a_mean_or_a_maximum() -> None:
    given, readout = atoms(), filled(READOUTS["attention"], FEATURES, seed=3)
    numbers = by_hand(readout.network, given.scalars)[REAL]

    def scaled(factor: float):
        last = readout.network.layers[1]
        change = jnp.array([1.0, factor])
        return eqx.tree_at(
            lambda r: (r.network.layers[1].weight, r.network.layers[1].bias),
            readout,
            (last.weight * change[:, None], last.bias * change),
        )

    assert float(scaled(0.0)(given)) == pytest.approx(numbers[:, 0].mean(), rel=1e-5)
    strongest = numbers[np.argmax(numbers[:, 1]), 0]
    assert float(scaled(1e4)(given)) == pytest.approx(strongest, rel=1e-5)


@eqx.filter_jit
def _gradients(network: PaiNN, z: jax.Array, x: jax.Array) -> tuple[jax.Array, PaiNN, jax.Array]:
    value, weights = eqx.filter_value_and_grad(lambda network: network(z, x))(network)
    return value, weights, jax.grad(network, argnums=1)(z, x)


@pytest.mark.parametrize("name", READOUTS)
@pytest.mark.parametrize(
    "positions", [np.zeros((1, 3)), np.zeros((3, 3)), 50.0 * np.eye(3)],
    ids=["one atom", "three at one place", "far apart"],
)  # fmt: skip
@pytest.mark.parametrize("numbers", [[6, 1, 8], [0, 0, 0]], ids=["atoms", "padding"])
def test_value_and_gradients_are_finite(
    name: str, positions: np.ndarray, numbers: list[int]
) -> None:
    z = jnp.asarray(numbers[: len(positions)], jnp.int32)
    found = _gradients(network(name), z, jnp.asarray(positions, jnp.float32))
    leaves = jax.tree.leaves(eqx.filter(found, eqx.is_inexact_array))
    assert len(leaves) > 10 and all(np.isfinite(leaf).all() for leaf in leaves)


def test_several_at_once_are_each_alone(sample: QM9) -> None:
    """One trunk: its readouts give what each gives by itself."""
    names = tuple(READOUTS)
    painn = filled(PaiNN, 8, 2, 4, pooling=names, seed=7)
    assert painn.config["pooling"] == [*names]
    together = value_of(painn)(sample[30].atomic_numbers, sample[30].positions)
    assert together.shape == (len(names),)
    for number, name in enumerate(names):
        alone = painn.only(number)
        assert alone.pooling == name and alone.only(0) is alone
        found = value_of(alone)(sample[30].atomic_numbers, sample[30].positions)
        assert float(found) == pytest.approx(float(together[number]), rel=1e-5)


def test_atom_energies_are_of_sums_and_means() -> None:
    z, x = jnp.asarray(Z[:4], jnp.int32), atoms().positions[:4]
    assert network("mean").atom_energies(z, x).shape == (4,)
    for pooling in ("dipole", ("sum", "mean")):
        painn = filled(PaiNN, 4, 1, 2, pooling=pooling)
        with pytest.raises(
            ValueError, match=r"does not give a number for each atom; .* network.only"
        ):
            painn.atom_energies(z, x)


def test_every_label_has_a_readout() -> None:
    found = {label: readouts.readout_for(label) for label in LABELS}
    assert {*found.values()} == {*READOUTS}
    for label, name in found.items():
        assert (name == "sum") == (LABELS[label].scaling == "extensive")
        assert (name == "attention") == (LABELS[label].scaling == "intensive")
    assert readouts.NEED_VECTORS | readouts.FROM_ZERO <= {*READOUTS}
