"""What is computed from finished weights, or along a training made once more."""

from lets.analysis.hypergradient import compare_hypergradients
from lets.analysis.landscape import loss_landscape

__all__ = ["compare_hypergradients", "loss_landscape"]
