"""The parts of the analyses that need torch."""

from collections.abc import Callable

from lets.analyses.compute.hypergradient import compare_hypergradients
from lets.analyses.compute.landscape import loss_landscape
from lets.analyses.compute.sharpness import measure_sharpness

COMPUTE: dict[str, Callable[..., str]] = {
    "landscape": loss_landscape,
    "hypergradient": compare_hypergradients,
    "sharpness": measure_sharpness,
}
"""kind of analysis → what makes its csv of (run, layout, settings of the kind, device)"""
