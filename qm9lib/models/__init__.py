"""From molecules to numbers: padded batches, every model, one file format, tests of symmetry.

The models are in `composition`, `gnn` and `painn`; here is what holds of all of them.
"""

from qm9lib.models.storage import Ensemble, Model, describe, load, predict_all

__all__ = ["Ensemble", "Model", "describe", "load", "predict_all"]
