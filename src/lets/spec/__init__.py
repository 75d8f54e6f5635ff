"""What to run: typed params, their expansion into runs, run ids, and the only place that builds paths.

Nothing here imports torch; of the packages above it only their torch-free catalogues are read.
"""

from lets.spec.load import load_params
from lets.spec.matrix import Matrix, expand
from lets.spec.params import Params
from lets.spec.paths import Layout
from lets.spec.run import RunSpec
from lets.spec.seeds import seed_for

__all__ = ["Layout", "Matrix", "Params", "RunSpec", "expand", "load_params", "seed_for"]
