"""What a run will take, as far as it can be foretold: steps, passes, floating-point operations, bytes on disk."""

import math
from typing import Protocol

import lets.data.catalogue
from lets.config.run import RunSpec
from lets.config.training import Sgd, held_out
from lets.data.catalogue import DATASETS
from lets.models.catalogue import ARCHITECTURES
from lets.optim.catalogue import describe

PASS = 3
"""a forward-backward pass, in forwards: the backward half differentiates by inputs and by weights"""
PRODUCT = 9
"""a Hessian times a vector, in forwards: the gradient and its graph are differentiated once more"""
PROBE = 8
"""a probe of the hyper-gradient, in passes"""
CALLS = 300_000_000
"""a pass of any network calls its kernels, on a CPU core for as long as about so many operations take: the seconds of a
pass over its operations, of the demo's four networks, are a line with this intercept over the slope"""
RECORDS = 8 * 1024
"""bytes of a run folder's small files, apart from a line of the history per epoch"""
HISTORY_LINE = 160


class Network(Protocol):
    """What of a network an estimate is made from, `lets.models.costs.Cost`: `flops` are those of one forward."""

    @property
    def parameters(self) -> int:
        """How many weights it has."""

    @property
    def flops(self) -> int:
        """Floating-point operations per image, forward."""


def steps(run: RunSpec) -> int:
    """Return the number of optimizer steps; the last batch of an epoch may be smaller.

    An estimate for translations, whose batches count tokens.
    """
    tokens = lets.data.catalogue.describe(run.dataset).tokens or 1
    return run.training.epochs * math.ceil(trained_on(run) * tokens / run.training.batch_size)


def trained_on(run: RunSpec) -> int:
    """Return the number of samples that a run trains on: all that it is given, unless some are held out."""
    training = run.training
    size = training.train_samples or lets.data.catalogue.describe(run.dataset).train_size
    return size - held_out(size, training.batch_size) * (training.val_batches == "held-out")


def passes(run: RunSpec) -> float:
    """Return the expected number of passes: 1 per step for ERM, 2 for SAM, 4 for LETS (3 with reuse)."""
    learning = 2 - (run.training.val_batches == "next") + _exact(run)
    return steps(run) * (1 + _perturbed(run) + _learned(run) * learning)


def measured_size(run: RunSpec) -> int:
    """Return how many training samples are measured after an epoch: all images in memory, some of all else."""
    info, there = lets.data.catalogue.describe(run.dataset), trained_on(run)
    return min(there, info.test_size) if info.pictures or info.vocabulary else there


def training_flops(run: RunSpec, network: Network) -> int:
    """Return the operations of a training: its passes, and what is measured after its epochs.

    ESAM's second pass is counted in whole, though only its sharp subset is differentiated.
    """
    tested, epochs = lets.data.catalogue.describe(run.dataset).test_size, run.training.epochs
    per_step = PASS * passes(run) / steps(run) + (PRODUCT - PASS) * _exact(run) * _learned(run)
    measured = (tested + measured_size(run)) / run.training.measure_every
    return round(epochs * network.flops * (per_step * trained_on(run) + measured))


def effort(run: RunSpec, network: Network) -> float:
    """Return what the time of a training goes with, also of networks so small that calls take most of it."""
    return training_flops(run, network) + CALLS * passes(run)


def hypergradient_flops(run: RunSpec, network: Network, every: int) -> int:
    """Return the operations of a second training with a probe of the hyper-gradient `every` so many steps."""
    probes = math.ceil(steps(run) / every)
    return training_flops(run, network) + probes * PROBE * PASS * run.training.batch_size * network.flops


def sharpness_flops(network: Network, samples: int, eigenvalues: int, probes: int, radii: int) -> int:
    """Return the operations of Lanczos with its residuals, of the trace, and of an ascent to every radius."""
    products = 10 + 6 * eigenvalues + probes
    climbs = 1 + PASS + radii
    return (products * PRODUCT + climbs) * samples * network.flops


def setting(run: RunSpec) -> tuple[object, ...]:
    """Return what the speed of a training depends on, apart from the machine."""
    image, training = lets.data.catalogue.describe(run.dataset).image, run.training
    settings = (training.precision, training.channels_last, training.compile, training.ranks)
    return (run.architecture, image, training.batch_size, *settings)


def run_bytes(run: RunSpec, network: Network, keep_weights: bool = True) -> int:
    """Return the size of a finished run's folder: weights, a trace of every step, small files."""
    return (
        4 * network.parameters * keep_weights
        + _trace_bytes(run)
        + RECORDS
        + HISTORY_LINE * run.training.epochs // run.training.measure_every
    )


def state_bytes(run: RunSpec, network: Network) -> int:
    """Return what a training keeps to be resumed from: weights, what its optimizer and its method remember."""
    optimizer = run.training.optimizer
    kept = (optimizer.momentum > 0) if isinstance(optimizer, Sgd) else 2
    kept += describe(run.method).descent == "reuse"
    return 4 * network.parameters * (1 + kept) + _trace_bytes(run)


def _trace_bytes(run: RunSpec) -> int:
    """Loss and radius of every step in float64; of lets-* also gap and hyper-gradient."""
    return 8 * steps(run) * (4 if describe(run.method).needs_validation else 2)


def _exact(run: RunSpec) -> bool:
    """Whether every step on which the radius learns differentiates twice."""
    return run.hyperparameters.get("hessian") == "exact"


def _learned(run: RunSpec) -> float:
    """The expected share of steps on which the radius learns."""
    if describe(run.method).radius != "learned":
        return 0.0
    every: int = run.hyperparameters.get("rho_every", 1)  # type: ignore[assignment]
    return _perturbed(run) / every


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


def shape(architecture: str, dataset: str) -> tuple[int, tuple[int, ...]]:
    """Return how many classes a network has on a data set, and its image, or (tokens of the vocabulary,)."""
    info, network = DATASETS[dataset], ARCHITECTURES[architecture]
    image = network.image if network.pretrained else info.image or (info.vocabulary,)
    return info.classes, image


def catalogue_shapes() -> list[tuple[str, int, tuple[int, ...]]]:
    """Return (architecture, classes, image) of each on its usual data, and on all other data made for it."""
    return [
        (name, classes, image)
        for name, info in ARCHITECTURES.items()
        for classes, image in sorted({(info.classes, info.image), *_others(name)})
    ]


def _others(architecture: str) -> set[tuple[int, tuple[int, ...]]]:
    """Images of the same size, or all texts that are judged, or all that are translated."""
    info = ARCHITECTURES[architecture]
    reads = len(info.image) == 1
    fitting = [
        name
        for name, data in DATASETS.items()
        if bool(data.vocabulary) == reads and (data.task == "translation") == (info.classes == 0)
    ]
    shapes = {shape(architecture, name) for name in fitting}
    return {(classes, image) for classes, image in shapes if reads or image == info.image}
