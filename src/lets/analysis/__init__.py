"""What is computed from finished weights."""

from lets.analysis.landscape import loss_landscape

__all__ = ["loss_landscape"]
