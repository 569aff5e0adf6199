"""Strict JAX for all tests, and the data they share."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jaxtyping
import numpy as np
import pytest

import qm9lib


@pytest.fixture(autouse=True)
def _strict() -> Iterator[None]:
    """End silent (n,) - (n, 1) and float32 + float64, and stop at the first NaN."""
    with (
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
        jax.debug_nans(True),
    ):
        yield


@pytest.fixture
def lenient(_strict: None) -> Iterator[None]:
    """JAX as students have it."""
    with (
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        jax.debug_nans(False),
    ):
        yield


@pytest.fixture
def unchecked() -> Iterator[None]:
    """The package as students have it: without run-time checks of types and shapes."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def sample() -> qm9lib.QM9:
    return qm9lib.load_sample()


@pytest.fixture(scope="session")
def qm9() -> qm9lib.QM9:
    """All characterized molecules: the real ones."""
    return qm9lib.load()


@pytest.fixture
def water() -> tuple[np.ndarray, np.ndarray]:
    """Atomic numbers and positions (Å) of the third molecule of QM9."""
    molecule = qm9lib.load_sample()[2]
    return molecule.atomic_numbers, molecule.positions
