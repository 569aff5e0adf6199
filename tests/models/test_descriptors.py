"""Power spectra: against Legendre polynomials and sums over pairs; what must not change them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from scipy.special import eval_legendre

from qm9lib import QM9
from qm9lib.models import descriptors
from qm9lib.models.descriptors import density, power_spectrum, spherical_harmonics


@jax.jit
def _spectrum(numbers: jax.Array, positions: jax.Array) -> jax.Array:
    return power_spectrum(density(numbers, positions))


def spectrum(numbers: Any, positions: Any) -> np.ndarray:
    """Return the power spectra; all molecules are padded to one size and compiled once."""
    z, x = np.zeros(32, np.int32), np.zeros((32, 3), np.float32)
    z[: len(numbers)], x[: len(numbers)] = numbers, positions
    return np.asarray(_spectrum(z, x))[: len(numbers)]


def unit_vectors(seed: int, n: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, 3))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


@given(st.integers(0, 2**31))
def test_addition_theorem(seed: int) -> None:
    u, v = unit_vectors(seed, 2)
    for degree, (one, other) in enumerate(
        zip(*(spherical_harmonics(jnp.asarray(x, jnp.float32), 6) for x in (u, v)), strict=True)
    ):
        assert one.shape == (2 * degree + 1,)
        expected = eval_legendre(degree, u @ v)
        assert float(jnp.sum(one * other)) == pytest.approx(expected, abs=2e-5)


def test_harmonics_of_one_degree_are_orthogonal() -> None:
    """Over the sphere, each has the mean square 1/(2 l + 1)."""
    points = unit_vectors(0, 200_000)
    found = np.concatenate(spherical_harmonics(jnp.asarray(points, jnp.float32), 3), axis=1)
    expected = np.repeat([1, 1 / 3, 1 / 5, 1 / 7], [1, 3, 5, 7])
    np.testing.assert_allclose(found.T @ found / len(points), np.diag(expected), atol=0.01)


def test_power_spectrum_is_a_sum_over_pairs_of_neighbours(sample: QM9) -> None:
    """As in the chapter: radial functions of both, times a Legendre polynomial of the angle."""
    molecule = sample[5]  # formaldehyde: C, O and two H
    x, centre = molecule.positions, 0
    neighbours = [j for j in range(len(x)) if j != centre]
    to = x[neighbours] - x[centre]
    r = np.linalg.norm(to, axis=1)
    middles = np.linspace(0.8, 4.7, descriptors.RADIAL)
    weight = 0.5 * (1 + np.cos(np.pi * r / 5.0)) / (1 + (r / 1.6) ** 8)
    radial = weight[:, None] * np.exp(
        -0.5 * ((r[:, None] - middles) / (middles[1] - middles[0])) ** 2
    )
    channels = np.zeros((len(r), 5, descriptors.RADIAL))
    for row, j in enumerate(neighbours):
        channels[row, [1, 6, 7, 8, 9].index(molecule.atomic_numbers[j])] = radial[row]
    channels = channels.reshape(len(r), -1)
    cosine = to @ to.T / np.outer(r, r)
    first, second = np.triu_indices(channels.shape[1])
    expected = []
    for degree in range(descriptors.DEGREE + 1):
        whole = channels.T @ eval_legendre(degree, cosine) @ channels * np.sqrt(2 * degree + 1)
        expected.append(whole[first, second] * np.where(first == second, 1, np.sqrt(2)))
    row = np.concatenate(expected)
    row /= np.sqrt(np.linalg.norm(row))
    found = spectrum(molecule.atomic_numbers, x)[centre]
    np.testing.assert_allclose(found, row, atol=2e-5 * np.abs(row).max())


@given(st.integers(0, 2**31), st.booleans())
def test_invariances(sample: QM9, seed: int, mirrored: bool) -> None:
    rng = np.random.default_rng(seed)
    molecule = sample[int(rng.integers(len(sample)))]
    z, x = molecule.atomic_numbers, molecule.positions
    order = rng.permutation(len(z))
    matrix = Rotation.random(rng=rng).as_matrix() * (-1 if mirrored else 1)
    moved = (x @ matrix.T + rng.normal(size=3))[order]
    padding = rng.integers(1, 4)
    numbers = np.concatenate([z[order], np.zeros(padding, z.dtype)])
    positions = np.concatenate([moved, rng.normal(size=(padding, 3))])
    found, before = spectrum(numbers, positions), spectrum(z, x)
    np.testing.assert_allclose(found[: len(z)], before[order], atol=2e-4 * np.abs(before).max())
    assert not found[len(z) :].any()


def test_what_is_beyond_the_cutoff_is_not_seen() -> None:
    near, far = [[0.0, 0, 0], [0, 0, 1.1]], [0, 5.01, 0.0]
    alone = spectrum([6, 1], near)
    with_another = spectrum([6, 1, 8], [*near, far])
    np.testing.assert_array_equal(alone[0], with_another[0])
    assert np.abs(spectrum([6, 1, 8], [*near, [0, 4.0, 0]])[0] - alone[0]).max() > 1e-5


def test_a_lone_atom_has_zeros() -> None:
    assert not spectrum([6], np.zeros((1, 3))).any()


@pytest.fixture(scope="module")
def fitted(sample: QM9) -> descriptors.PowerSpectrum:
    return descriptors.fit(sample[:300])


def test_features_are_those_of_each_atom(sample: QM9, fitted: Any) -> None:
    some = sample[400:430]
    found = fitted(some)
    assert sum(len(atoms.molecule) for atoms in found.values()) == len(some.atomic_numbers)
    for z, (features, molecule) in found.items():
        assert np.all(np.diff(molecule) >= 0) and features.dtype == np.float32
        np.testing.assert_array_equal(
            np.bincount(molecule, minlength=30), [np.sum(m.atomic_numbers == z) for m in some]
        )
    # As from the whole spectra: the two cuts take axes of it.
    molecule = some[7]
    densities = density(
        jnp.asarray(molecule.atomic_numbers, jnp.int32),
        jnp.asarray(molecule.positions, jnp.float32),
    )
    kept = [a @ axes for a, axes in zip(densities, fitted.axes, strict=True)]
    for z in np.unique(molecule.atomic_numbers).tolist():
        rows = np.asarray(power_spectrum(kept))[molecule.atomic_numbers == z]
        expected = (rows - fitted.middles[z]) @ fitted.maps[z]
        atoms = found[z].features[found[z].molecule == 7]
        np.testing.assert_allclose(atoms, expected, atol=1e-4)


def test_components_are_the_largest_and_have_unit_size(sample: QM9, fitted: Any) -> None:
    for z, (features, _) in fitted(sample[:300]).items():
        if len(features) < 20:  # of fluorine there is one molecule
            continue
        variance = features.astype(float).var(axis=0)
        assert variance.sum() == pytest.approx(1.0, rel=1e-2), z
        assert np.all(np.diff(variance) <= 1e-6)
        covariance = np.cov(features.T.astype(float), bias=True) - np.diag(variance)
        assert np.abs(covariance).max() < 1e-3


def test_the_order_of_the_molecules_is_kept(sample: QM9, fitted: Any) -> None:
    some, order = sample[100:140], np.random.default_rng(0).permutation(40)
    one, other = fitted(some), fitted(some[order])
    for z in one:
        for row, before in enumerate(order):
            np.testing.assert_allclose(
                other[z].features[other[z].molecule == row],
                one[z].features[one[z].molecule == before],
                atol=1e-5,
            )


def test_elements_come_from_further_on(sample: QM9) -> None:
    """The first molecules have no fluorine: some that have it are taken besides."""
    fluorine = sample.composition[:, 4] > 0
    ordered = sample[np.argsort(fluorine, kind="stable")]
    assert not ordered[:1000].composition[:, 4].any()
    assert 9 in descriptors.fit(ordered).maps


def test_an_element_of_few_atoms_has_few_features(sample: QM9) -> None:
    """Directions that no atom of the fit varies in would be any: LAPACK has a choice."""
    fluorine = np.flatnonzero(sample.composition[:, 4])
    some = sample[np.concatenate([np.arange(100), fluorine[:2]])]
    features = descriptors.fit(some)
    atoms = int(some.composition[:, 4].sum())
    assert features.maps[9].shape[1] < atoms < 20
    new = features(sample[fluorine[10:40]])[9].features
    assert np.median(np.sum(new.astype(float) ** 2, axis=1)) < 100


def test_atoms_that_are_all_alike(sample: QM9) -> None:
    """The four hydrogens of methane: their spectra differ by rounding."""
    methane = descriptors.fit(sample[[0]])
    assert np.abs(methane(sample[[0]])[1].features).max() < 0.1


def test_new_elements_are_refused(sample: QM9) -> None:
    without = sample[sample.composition[:, 4] == 0]
    features = descriptors.fit(without[:50])
    with pytest.raises(ValueError, match="atomic number 9 was in none of the molecules"):
        features(sample[sample.composition[:, 4] > 0])


def test_no_molecule(sample: QM9) -> None:
    with pytest.raises(ValueError, match="there is no molecule"):
        descriptors.fit(sample[:0])


def test_molecules_larger_than_those_of_qm9() -> None:
    line = np.column_stack([1.5 * np.arange(40), np.zeros(40), np.zeros(40)])
    chain = QM9(
        index=np.array([1]), offsets=np.array([0, 40]), atomic_numbers=np.full(40, 6, np.int8),
        positions=line, charges=np.zeros(40), labels=np.zeros((1, 16)), smiles=np.array(["C"]),
    )  # fmt: skip
    assert descriptors.fit(chain)(chain)[6].features.shape[0] == 40
