"""Networks that are already trained: weights with their records, and predictions for new molecules.

`predict` says how far each number can be trusted, and `domain` describes the training molecules.
"""

from qm9lib.pretrained.weights import (
    Calibration,
    calibration,
    error_network,
    labels,
    learned_error,
    load,
    load_each,
    network,
    results,
    runs,
    save_domain,
    training_domain,
)  # fmt: skip

__all__ = [
    "Calibration", "calibration", "error_network", "labels", "learned_error", "load", "load_each",
    "network", "results", "runs", "save_domain", "training_domain",
]  # fmt: skip
