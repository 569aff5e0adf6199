"""Networks that are trained already: weights with their records, and predictions for new molecules.

`predict` says with each number how far it can be trusted, and `domain` what it was trained on.
"""

from qm9lib.pretrained.weights import (
    Calibration,
    calibration,
    labels,
    load,
    load_each,
    network,
    results,
    runs,
    save_domain,
    training_domain,
)  # fmt: skip

__all__ = [
    "Calibration", "calibration", "labels", "load", "load_each", "network", "results", "runs",
    "save_domain", "training_domain",
]  # fmt: skip
