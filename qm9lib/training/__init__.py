"""Train a network: settings and the record of a run, the loop, checkpoints, and the optimizers.

`fit` is the loop; `Settings` go in, and a `Run` comes out beside the model.
"""

from qm9lib.training.loop import fit
from qm9lib.training.run import Epoch, Run, Settings

__all__ = ["Epoch", "Run", "Settings", "fit"]
