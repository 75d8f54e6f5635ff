"""What one run is, where everything lies, and what all tables and figures choose from.

Nothing here imports torch; of the packages above it only their torch-free catalogues are read.
"""

from lets.config.matrix import Matrix
from lets.config.paths import Layout
from lets.config.run import RunSpec, seed_for

__all__ = ["Layout", "Matrix", "RunSpec", "seed_for"]
