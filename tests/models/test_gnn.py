import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import filled

from qm9lib import QM9
from qm9lib.models import gnn, invariance
from qm9lib.models.gnn import GraphNetwork, bessel_edges, inverse_distance_edges

EDGES = [inverse_distance_edges, bessel_edges]


def plain_loops(network: GraphNetwork, numbers: np.ndarray, positions: np.ndarray) -> float:
    """The equations of the chapter, one edge and one atom at a time, in float64."""

    def sigma(x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, x, 0.01 * x)

    n = len(numbers)
    nodes = np.zeros((n, network.nodes))
    nodes[np.arange(n), numbers - 1] = 1.0
    u = np.zeros(len(network.weight))
    for layer in network.layers:
        weights = [
            np.asarray(w, np.float64)
            for w in (layer.edge_weight, layer.edge_bias, layer.node_weight, layer.global_weight)
        ]
        edge_weight, edge_bias, node_weight, global_weight = weights
        updated = []
        for i in range(n):
            received = np.zeros(len(edge_bias))
            for j in range(n):
                if i != j:
                    edge = 1 / np.linalg.norm(positions[i] - positions[j])
                    received += sigma(edge * (nodes[j] @ edge_weight[0]) + edge_bias)
            updated.append(sigma(received @ node_weight) + nodes[i])
        nodes = np.array(updated)
        u = sigma(nodes.sum(axis=0) @ global_weight) + u
    return float(np.asarray(network.weight, np.float64) @ u + float(network.bias))


def energy_of(network: GraphNetwork):
    return lambda z, x: network(jnp.asarray(z, jnp.int32), jnp.asarray(x, jnp.float32))


def test_against_plain_loops(sample: QM9) -> None:
    network = filled(GraphNetwork, seed=3)
    for i in (0, 2, 300, 1999):
        molecule = sample[i]
        expected = plain_loops(network, molecule.atomic_numbers, molecule.positions)
        found = energy_of(network)(molecule.atomic_numbers, molecule.positions)
        assert float(found) == pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("edges", EDGES)
@settings(max_examples=10)
@given(row=st.integers(0, 1999), seed=st.integers(0, 2**31 - 1))
def test_invariances(sample: QM9, edges, row: int, seed: int) -> None:
    network = filled(GraphNetwork, edge_function=edges, seed=seed)
    energy, molecule = jax.jit(energy_of(network)), sample[row]
    for check in (
        invariance.assert_invariant,
        invariance.assert_permutation_invariant,
        invariance.assert_padding_invariant,
    ):
        check(energy, molecule.atomic_numbers, molecule.positions, seed=seed)


@pytest.mark.parametrize("edges", EDGES)
def test_gradients_are_finite_and_right(sample: QM9, edges) -> None:
    molecule = sample[40]
    numbers = jnp.asarray([*molecule.atomic_numbers, 0, 0], jnp.int32)
    positions = np.concatenate([molecule.positions, np.zeros((2, 3))]).astype(np.float32)
    network = GraphNetwork(edge_function=edges, key=jax.random.key(0))
    energy = jax.jit(lambda x: network(numbers, x))
    gradient = np.asarray(jax.grad(energy)(jnp.asarray(positions)))
    assert np.all(np.isfinite(gradient)) and np.any(gradient != 0)
    np.testing.assert_array_equal(gradient[-2:], 0.0)
    step = np.zeros_like(positions)
    step[1, 0] = 1e-2
    numeric = (energy(jnp.asarray(positions + step)) - energy(jnp.asarray(positions - step))) / 2e-2
    assert gradient[1, 0] == pytest.approx(float(numeric), rel=2e-2, abs=1e-3)


def test_bessel_functions_are_orthonormal_before_the_cutoff_function() -> None:
    # On [0, c] with weight r^2 the functions sqrt(2/c) sin(k pi r / c) / r are orthonormal.
    r = np.linspace(1e-3, 5.0, 4001)
    positions = jnp.asarray(np.column_stack([r, 0 * r, 0 * r]), jnp.float32)
    waves = []
    for x in (positions[400:401], positions[3600:3601]):
        pair = jnp.concatenate([jnp.zeros((1, 3)), x])
        waves.append(bessel_edges(pair, jnp.array([True, True]))[0, 1])
        distance = float(x[0, 0])
        k = np.arange(1, 9)
        expected = np.sqrt(2 / 5) * np.sin(k * np.pi * distance / 5) / distance
        expected *= 0.5 * (np.cos(np.pi * distance / 5) + 1)
        np.testing.assert_allclose(waves[-1], expected, rtol=1e-4, atol=1e-6)


def test_bessel_edges_vanish_at_the_cutoff() -> None:
    for distance in (5.0, 6.5):
        pair = jnp.array([[0.0, 0, 0], [distance, 0, 0]])
        np.testing.assert_allclose(bessel_edges(pair, jnp.array([True, True])), 0.0, atol=1e-7)


def test_parameters_are_counted() -> None:
    # per layer 16*16 + 16 + 16*16 + 16*8, twice, and 8 + 1
    assert gnn.count_parameters(filled(GraphNetwork)) == 2 * 656 + 9


def test_wrong_shapes() -> None:
    network = filled(GraphNetwork)
    with pytest.raises(
        ValueError, match=r"takes one molecule: .* given \(3,\) and \(2, 3\); .*vmap"
    ):
        network(jnp.array([8, 1, 1]), jnp.zeros((2, 3)))


def test_initial_weights_keep_the_size_of_what_goes_in() -> None:
    """Standard deviation 1/sqrt(inputs); a tenth of it into the global feature; no bias."""
    network = GraphNetwork(3, 40, 50, 600, bessel_edges, key=jax.random.key(0))
    assert len(network.layers) == 3
    for layer in network.layers:
        assert layer.edge_weight.shape == (8, 40, 50) and layer.edge_bias.shape == (50,)
        assert layer.node_weight.shape == (50, 40) and layer.global_weight.shape == (40, 600)
        for weight, deviation in (
            (layer.edge_weight, 1 / np.sqrt(8 * 40)), (layer.node_weight, 1 / np.sqrt(50)),
            (layer.global_weight, 0.1 / np.sqrt(40)),
        ):  # fmt: skip
            assert float(jnp.std(weight)) == pytest.approx(deviation, rel=0.1)
            assert abs(float(jnp.mean(weight))) < 0.1 * deviation
        assert not np.any(layer.edge_bias)
        # Each array has numbers of its own.
        pieces = [np.ravel(w)[:9] / np.std(w) for w in (layer.edge_weight, layer.node_weight)]
        assert np.abs(pieces[0] - pieces[1]).max() > 0.1
    first, second, _ = network.layers
    assert np.abs(np.asarray(first.node_weight - second.node_weight)).max() > 0.1
    assert float(jnp.std(network.weight)) == pytest.approx(1 / np.sqrt(600), rel=0.15)
    assert float(network.bias) == 0.0


def test_bessel_edges_are_those_of_real_pairs(sample: QM9) -> None:
    """Eight functions up to 5 Å by default; zero on the diagonal and for padded atoms."""
    molecule = sample[200]
    n = len(molecule)
    x = np.vstack([molecule.positions, np.zeros((2, 3))]).astype(np.float32)
    mask = np.arange(n + 2) < n
    found = np.asarray(bessel_edges(jnp.asarray(x), jnp.asarray(mask)))
    assert found.shape == (n + 2, n + 2, 8)
    real = mask[:, None] & mask[None, :] & ~np.eye(n + 2, dtype=bool)
    assert not found[~real].any()
    distance = np.linalg.norm(x[:, None] - x[None], axis=2)[real][:, None]
    k = np.arange(1, 9)
    expected = np.sqrt(2 / 5) * np.sin(k * np.pi * distance / 5) / distance
    expected *= np.where(distance < 5, 0.5 * (np.cos(np.pi * distance / 5) + 1), 0)
    np.testing.assert_allclose(found[real], expected, atol=5e-6)


@pytest.mark.parametrize("edges", EDGES)
def test_padding_and_bias(sample: QM9, edges) -> None:
    """A padded molecule gives the same, also where biases would leak from padded atoms."""
    network = filled(GraphNetwork, 2, 9, 5, 3, edges, seed=6)
    molecule = sample[3]
    z = np.concatenate([molecule.atomic_numbers, [0, 0, 0]])
    x = np.vstack([molecule.positions, np.zeros((3, 3))])
    alone = energy_of(network)(molecule.atomic_numbers, molecule.positions)
    assert float(energy_of(network)(z, x)) == pytest.approx(float(alone), rel=1e-5)
    if edges is inverse_distance_edges:
        expected = plain_loops(network, molecule.atomic_numbers, molecule.positions)
        assert float(alone) == pytest.approx(expected, rel=1e-5)
