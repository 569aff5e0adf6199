import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from qm9lib.training import optimizers


@pytest.fixture(autouse=True)
def _optax_promotes():
    """Optax raises a float to an int power, which strict promotion refuses."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture
def weights() -> dict[str, jax.Array]:
    shapes = {"a": (3, 5), "b": (4,), "c": (5, 3), "d": (3, 5), "e": (2, 3, 4), "f": (6,)}
    keys = jax.random.split(jax.random.key(0), len(shapes))
    return {
        name: jax.random.normal(key, shape)
        for key, (name, shape) in zip(keys, shapes.items(), strict=True)
    }


def first_updates(name: str, weights, **options):
    """Return the updates of the first step, by the name of the leaf; the gradient is the leaf."""
    vector, unravel = ravel_pytree(weights)
    optimizer = optimizers.make(name, weights, **{"weight_decay": 0.0, "clip": 1e9, **options})
    updates, _ = jax.jit(optimizer.update)(vector, optimizer.init(vector), vector)
    return unravel(updates)


def test_muon_evens_out_the_singular_values(weights) -> None:
    """Against numpy's singular values: same directions, downhill, and all about as long."""
    updates = first_updates("muon", weights)
    for name in "acd":
        u, _, vt = np.linalg.svd(np.asarray(weights[name]), full_matrices=False)
        in_directions = u.T @ np.asarray(updates[name]) @ vt.T / (0.2 * np.sqrt(5))
        found = np.diagonal(in_directions)
        np.testing.assert_allclose(in_directions, np.diag(found), atol=1e-4)
        assert np.all((found > -1.25) & (found < -0.65))


def test_muon_gives_what_is_no_matrix_to_adam(weights) -> None:
    rest = {name: weights[name] for name in "bef"}
    adam = optax.nadam(1.0)
    expected, _ = adam.update(rest, adam.init(rest))
    updates = first_updates("muon", weights)
    for name in rest:
        np.testing.assert_allclose(updates[name], expected[name], rtol=1e-4)


def test_one_step_is_as_long_with_both(weights) -> None:
    big = {"matrix": jax.random.normal(jax.random.key(1), (32, 32))}
    lengths = [jnp.sqrt(jnp.mean(first_updates(n, big)["matrix"] ** 2)) for n in ("adamw", "muon")]
    assert float(lengths[1]) == pytest.approx(0.2 * float(lengths[0]), rel=0.2)


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_weight_decay(name: str, weights) -> None:
    plain, decayed = first_updates(name, weights), first_updates(name, weights, weight_decay=0.5)
    for leaf in weights:
        np.testing.assert_allclose(decayed[leaf], plain[leaf] - 0.5 * weights[leaf], atol=1e-5)


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_clipping_makes_a_long_gradient_count_no_more(name: str, weights) -> None:
    """After a short gradient, one ten times as long as allowed is as one of the allowed length."""
    vector, _ = ravel_pytree(weights)
    unit = vector / jnp.linalg.norm(vector)
    across = jnp.roll(unit, 1)
    optimizer = optimizers.make(name, weights, weight_decay=0.0, clip=1.0)
    found = []
    for second in (across, 10.0 * across, 0.1 * across):
        _, state = optimizer.update(unit, optimizer.init(vector), vector)
        found.append(np.asarray(optimizer.update(second, state, vector)[0]))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4, atol=1e-5)
    assert np.abs(found[2] - found[0]).max() > 0.01


def test_no_other_optimizer(weights) -> None:
    with pytest.raises(ValueError, match="unknown optimizer 'sgd'"):
        optimizers.make("sgd", weights, weight_decay=0.0, clip=1.0)


def test_adamw_is_that_of_optax(weights) -> None:
    vector, _ = ravel_pytree(weights)
    expected, _ = optax.adamw(1.0, weight_decay=0.1).update(
        vector, optax.adamw(1.0).init(vector), vector
    )
    found = ravel_pytree(first_updates("adamw", weights, weight_decay=0.1))[0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
