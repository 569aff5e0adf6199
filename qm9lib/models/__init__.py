"""From molecules to numbers: padded batches, every model, one file format, tests of symmetry.

The models are in `composition`, `kernel`, `gnn` and `painn`; the names here serve all networks.
"""

from qm9lib.models.model import Ensemble, Model, predict_all
from qm9lib.models.storage import describe, load, save

__all__ = ["Ensemble", "Model", "describe", "load", "predict_all", "save"]
