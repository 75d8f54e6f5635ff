"""Images a second, and the share of the device's matrix rate that they use."""

import sys
from collections.abc import Callable
from itertools import cycle, islice, product
from statistics import fmean

import torch

import lets
from lets.config.training import Precision
from lets.models.costs import cost
from lets.train.device import compute_deterministically

from .measure import Action, interleave
from .problem import CIFAR, CLASSES, Problem, Settings, clock
from .result import Conditions, Findings, Row
from .text import table

HOW = """\
Training steps on 3×32×32 images, batch {batch}; what is timed is {steps} steps, so that a GPU can work ahead, and
beside them products of square matrices in the same precision. LETS validates on the batch of the next step (three
passes). `share`: the steps' model FLOP/s over the products': passes × 3 × the operations
of a forward pass. On a CPU these numbers say little."""
STEPS = 5
Training = Callable[[int], int]
"""takes `STEPS` steps; returns the number of their passes"""
Variant = tuple[str, str, Settings]
"""architecture, method, settings"""
FAST = Settings("bfloat16", channels_last=True)
ALL_SETTINGS = (
    Settings("float32"),
    Settings("tf32"),
    Settings("tf32", channels_last=True),
    Settings("bfloat16"),
    FAST,
    Settings("bfloat16", channels_last=True, compile=True),
)
FEW = ("erm", "sam", "lets-sam")
NETWORKS = ("resnet32", "wrn28-10", "pyramidnet110", "vit-s16")
VARIANTS: tuple[Variant, ...] = (
    *product(("resnet18",), FEW, ALL_SETTINGS),
    *product(("resnet18",), [name for name in lets.methods() if name not in FEW], (FAST,)),
    *product(NETWORKS, FEW, (FAST,)),
)
QUICK: tuple[Variant, ...] = tuple(product(("resnet-small",), ("erm", "lets-sam"), (Settings(), FAST)))
TRAINING, PRODUCTS = "steps", "matrix products"


def measure(given: Conditions) -> Findings:
    """One row a variant."""
    device, rows, controls = given.place, list[Row](), list[Row]()
    for architecture, method, settings in QUICK if given.quick else VARIANTS:
        compute_deterministically(given.threads, settings.precision)
        problem = Problem(architecture, 16 if given.quick else 128, device, settings=settings)
        title = f"{architecture}, {method}, {settings}"
        row, control = side_by_side(title, architecture, training_of(problem, method), problem, given)
        rows.append(row)
        controls.append(control)
        print(table([row]).splitlines()[-1], file=sys.stderr, flush=True)
    return Findings(HOW.format(batch=16 if given.quick else 128, steps=STEPS), rows, controls)


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
    size = 8192 if device.type == "cuda" else 512
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))

    def multiply(_: int) -> None:
        for _ in range(10):
            a @ b

    return multiply, 10 * 2 * size**3
