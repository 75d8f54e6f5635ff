"""Images a second, and the share of the device's matrix rate that they use."""

import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle, islice, product
from statistics import fmean

import torch

from lets.config.training import Precision
from lets.models.costs import cost
from lets.train.device import compute_deterministically, peak_memory_mib

from .measure import Action, interleave
from .problem import CIFAR, CLASSES, Problem, Settings, clock
from .result import Conditions, Findings, Row
from .text import table

HOW = """\
Training steps on 3×32×32 images, batch {batch}; what is timed is {steps} steps, so that a GPU can work ahead, and
beside them products of square matrices in the same precision. LETS validates on the batch of the next step (three
passes). `peak_mib`: the most memory that was in use. `share`: the steps' model FLOP/s over the
products': passes × 3 × the operations of a forward pass. On a CPU these numbers say little."""
STEPS = 5
Training = Callable[[int], int]
"""takes `STEPS` steps; returns the number of their passes"""
PAPER, FAST = (Settings(precision, channels_last=True) for precision in ("tf32", "bfloat16"))
METHODS = ("erm", "sam", "lets-sam")
NETWORKS = ("resnet18", "wrn28-10", "vit-s16", "resnet32")
COMPILED = [
    replace(settings, mode=mode) for settings in (PAPER, FAST) for mode in ("compile", "reduce-overhead")
]
CASES = (
    *product(("resnet18",), (PAPER, FAST, COMPILED[0], COMPILED[1])),
    *product(NETWORKS[1:], (PAPER,)),
    *product(NETWORKS[1:], COMPILED[:2]),
    *product(NETWORKS[1:], (FAST,)),
    *product(NETWORKS, COMPILED[2:]),
    ("resnet18", Settings()),
)
"""architecture and settings, what is worth most first: there may be no time for all (gpu-check)"""
QUICK = tuple(product(("resnet-small",), (Settings(), FAST)))
TRAINING, PRODUCTS = "steps", "matrix products"


def measure(given: Conditions) -> Findings:
    """One row for each case and method; a case that fails is said to, and the next one begins."""
    batch = 16 if given.quick else 128
    found = Findings(HOW.format(batch=batch, steps=STEPS), [])
    for architecture, settings in QUICK if given.quick else CASES:
        try:
            _measure_case(architecture, settings, batch, given, found)
        except Exception as error:  # what a compiler raises is listed nowhere
            found.wrong.append(f"{architecture}, {settings}: {str(error).strip().splitlines()[0]}")
            given.keep(found)
    return found


def _measure_case(
    architecture: str, settings: Settings, batch: int, given: Conditions, found: Findings
) -> None:
    """All methods on one network, which is compiled once."""
    compute_deterministically(given.threads, settings.precision)
    problem = Problem(architecture, batch, given.place, settings=settings)
    for method in METHODS:
        if given.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        title = f"{architecture}, {method}, {settings}"
        row, control = side_by_side(title, architecture, training_of(problem, method), problem, given)
        found.rows.append({**row, "peak_mib": round(peak_memory_mib(given.place))})
        found.controls.append(control)
        given.keep(found)
        print(table([row]).splitlines()[-1], file=sys.stderr, flush=True)


def training_of(problem: Problem, name: str) -> Training:
    """Steps of the method `name`, each validating on the batch of the next."""
    method, following = problem.method(name), cycle(problem.pairs(next_validates=True))
    return lambda _: sum(method.step(problem.loss, *pair).passes for pair in islice(following, STEPS))


def side_by_side(
    title: str, architecture: str, training: Training, problem: Problem, given: Conditions
) -> tuple[Row, Row]:
    """Steps beside matrix products: the row of the steps, and the products against themselves."""
    passes = list[float]()
    multiply, operations = products(problem.device, problem.settings.precision)
    variants: dict[str, Action] = {TRAINING: lambda turn: passes.append(training(turn)), PRODUCTS: multiply}
    times = interleave(variants, PRODUCTS, given.rounds, clock(problem.device))
    per_step = fmean(passes[-given.rounds :]) / STEPS
    flops = 3 * per_step * problem.batch_size * cost(architecture, CLASSES, CIFAR).flops
    row = {**times.row(TRAINING, passes=round(per_step, 2)), "variant": title}
    return {**row, **_rates(row, problem, flops, operations)}, {**times.control(), "variant": title}


def _rates(row: Row, problem: Problem, flops: float, operations: float) -> Row:
    seconds, ratio = float(row["seconds"]) / STEPS, float(row["ratio"])
    return {
        "images_per_second": round(problem.batch_size / seconds),
        "tflops": round(flops / seconds / 1e12, 3),
        "share": round(STEPS * flops / operations / ratio, 3),
    }


def products(device: torch.device, precision: Precision) -> tuple[Action, float]:
    """Ten products of square matrices in this precision, and how many operations they are."""
    size = 8192 if device.type == "cuda" else 256
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))

    def multiply(_: int) -> None:
        for _ in range(10):
            a @ b

    return multiply, 10 * 2 * size**3
