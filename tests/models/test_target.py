import numpy as np
import pytest

import qm9lib
from qm9lib import ELEMENTS, LABELS, QM9
from qm9lib.errors import DataError
from qm9lib.models import composition, target


@pytest.mark.parametrize("label", [label for label in LABELS if label != "index"])
def test_there_and_back(label: str, sample: QM9) -> None:
    """What a perfect network gives turns into the label, and is about 0 and of about 1."""
    found = target.fit(sample[:1000], label)
    learned = found.standardised(sample)
    assert found.label == label
    np.testing.assert_allclose(found.values(sample, learned), sample.target(label), rtol=1e-9)
    assert learned[:1000].mean() == pytest.approx(0.0, abs=1e-6)
    assert learned[:1000].std() == pytest.approx(1.0, rel=1e-6)
    is_sum = LABELS[label].scaling == "extensive"
    fitted = composition.fit(sample[:1000], label, spread=label == "r2")
    reference = fitted.coefficients if is_sum or label == "r2" else np.zeros(5)
    np.testing.assert_array_equal(found.reference.coefficients, reference)
    assert found.reference.charges.any() == (label == "r2")


def test_charges_know_most_of_the_extent(sample: QM9) -> None:
    """Ten numbers leave a hundredth of it; they are near the charges of the nuclei, in bohr²."""
    extent = target.fit(sample, "r2")
    assert extent.scale < 0.02 * sample.target("r2").std()
    nuclear = np.array(ELEMENTS) * qm9lib.convert(1.0, "Å", "bohr") ** 2
    np.testing.assert_allclose(extent.reference.charges[1:], nuclear[1:], rtol=0.05)


def test_a_length_is_counted_from_zero(sample: QM9) -> None:
    found = target.fit(sample, "mu", from_zero=True)
    assert found.mean == 0.0 and found.scale == pytest.approx(sample.target("mu").std())
    assert found.standardised(sample).min() >= 0


def test_units(sample: QM9) -> None:
    """Energies in kcal/mol, all others in their own unit."""
    gap, mu = (target.fit(sample, label) for label in ("gap", "mu"))
    assert gap.deviation == pytest.approx(qm9lib.convert(gap.scale, "hartree", "kcal/mol"))
    assert mu.deviation == mu.scale
    zeros = np.zeros(len(sample))
    np.testing.assert_allclose(gap.values(sample, zeros, "eV"), 27.211386 * gap.mean, rtol=1e-6)


def test_nothing_is_left_to_learn(sample: QM9) -> None:
    with pytest.raises(DataError, match=r"^composition determines H of the 1 training molecules"):
        target.fit(sample[:1], "H")
    with pytest.raises(DataError, match=r"^one number is gap of the 1 training molecules exactly"):
        target.fit(sample[:1], "gap")
