"""What one run is, where everything lies, and what all tables and figures choose from.

Nothing here imports torch; of the packages above it only their torch-free catalogues are read.
"""

from lets.spec.matrix import Matrix
from lets.spec.paths import Layout
from lets.spec.run import RunSpec
from lets.spec.seeds import seed_for

__all__ = ["Layout", "Matrix", "RunSpec", "seed_for"]
