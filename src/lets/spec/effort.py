"""What a run will take: its steps, and its forward-backward passes as far as they can be foretold."""

import math

import lets.data.catalogue
from lets.optim.catalogue import describe
from lets.spec.run import RunSpec


def steps(run: RunSpec) -> int:
    """Return the number of optimizer steps; the last batch of an epoch may be smaller."""
    size = lets.data.catalogue.describe(run.dataset).train_size
    return run.training.epochs * math.ceil(size / run.training.batch_size)


def passes(run: RunSpec) -> float:
    """Return the expected number of passes: 1 per step for ERM, 2 for SAM, 4 for LETS (3 with reuse)."""
    share = _perturbed(run)
    extra = 1.0
    if describe(run.method).radius == "learned":
        extra = 3.0 - (run.training.val_batches == "next") + (run.hyperparameters["hessian"] == "exact")
    return steps(run) * (1 + share * extra)


def _perturbed(run: RunSpec) -> float:
    """The expected share of perturbed steps; a guess for adaptive policies, which look at the gradients."""
    values = run.hyperparameters
    match describe(run.method).policy:
        case "never":
            return 0.0
        case "bernoulli":
            return float(values["p"])  # type: ignore[arg-type]
        case "every":
            return 1 / int(values["k"])  # type: ignore[arg-type]
        case "adaptive":
            return 0.5
    return 1.0
