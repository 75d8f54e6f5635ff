"""What is computed from finished weights, or along a training made once more."""

from collections.abc import Callable

from lets.analysis.hypergradient import compare_hypergradients
from lets.analysis.landscape import loss_landscape
from lets.analysis.sharpness import measure_sharpness

__all__ = ["COMPUTE", "compare_hypergradients", "loss_landscape", "measure_sharpness"]

COMPUTE: dict[str, Callable[..., str]] = {
    "landscape": loss_landscape,
    "hypergradient": compare_hypergradients,
    "sharpness": measure_sharpness,
}
"""kind of analysis → what makes its csv of (run, layout, settings of the kind, device)"""
