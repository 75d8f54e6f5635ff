"""Images a second, and the share of the device's matrix rate they use: `python -m benchmarks.throughput`."""

import argparse
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import median

import torch

import lets
from lets.models.cost import cost
from lets.spec.training import Precision
from lets.train.device import compute_deterministically

from .overhead import now
from .problem import Problem, Settings
from .result import FOLDER, Row, report

Variant = tuple[str, str, Settings]
"""architecture, method, settings"""
IMAGE, CLASSES = (3, 32, 32), 10
FAST = Settings("bfloat16", channels_last=True)
ALL_SETTINGS = (
    Settings("float32"),
    Settings("tf32"),
    Settings("tf32", channels_last=True),
    Settings("bfloat16"),
    FAST,
    Settings("bfloat16", channels_last=True, compile=True),
)
ARCHITECTURES = ("resnet32", "wrn28-10", "pyramidnet110", "vit-s16")
VARIANTS: tuple[Variant, ...] = (
    *product(("resnet18",), ("erm", "lets-sam"), ALL_SETTINGS),
    *product(("resnet18",), [name for name in lets.methods() if name not in ("erm", "lets-sam")], (FAST,)),
    *product(ARCHITECTURES, ("erm", "sam", "lets-sam"), (FAST,)),
)
TINY: tuple[Variant, ...] = tuple(product(("resnet-small",), ("erm", "lets-sam"), (Settings(), FAST)))
TEXT = """\
Training steps on 3×32×32 images, batch 128 unless said, five timed together, medians. LETS validates on the batch of
the next step (3 passes instead of 4). `tflops`: passes × 3 × the operations of a forward pass, per second;
`of_matrix_rate`: their share of what a large matrix product reaches on this device in the same precision."""


def rows(
    device: torch.device, variants: Sequence[Variant] = VARIANTS, batch_size: int = 128, steps: int = 50
) -> list[Row]:
    """One row a variant."""
    found = []
    for architecture, method, settings in variants:
        compute_deterministically(torch.get_num_threads(), settings.precision)
        problem = Problem.make(device, batch_size, architecture, settings=settings)
        found.append(_row(architecture, method, problem, list(_groups(problem, method, steps))))
        print(found[-1], flush=True)
    return found


def matrix_rate(device: torch.device, precision: Precision) -> float:
    """Operations a second of a square matrix product in this precision, the median of seven."""
    size = 8192 if device.type == "cuda" else 1024
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    seconds = []
    for _ in range(9):
        start = now(device)
        a @ b
        seconds.append(now(device) - start)
    return 2 * size**3 / median(seconds[2:])


def _groups(problem: Problem, name: str, steps: int) -> Iterator[tuple[float, int]]:
    """Seconds and passes of five steps at a time, so that a GPU can work ahead within them."""
    method, pairs = problem.method(name), problem.pairs(next_validates=True)
    batches = [next(pairs) for _ in range(5)]
    for turn in range(steps // 5 + 2):
        start = now(problem.device)
        passes = sum(method.step(problem.loss, *pair).passes for pair in batches)
        if turn >= 2:  # after warm-up and compilation
            yield now(problem.device) - start, passes


def _row(architecture: str, method: str, problem: Problem, groups: list[tuple[float, int]]) -> Row:
    seconds = median(seconds for seconds, _ in groups) / 5
    passes = sum(passes for _, passes in groups) / (5 * len(groups))
    flops = 3 * passes * problem.batch_size * cost(architecture, CLASSES, IMAGE).flops / seconds
    return {
        "architecture": architecture,
        "method": method,
        "settings": str(problem.settings),
        "batch": problem.batch_size,
        "passes_per_step": round(passes, 2),
        "step_ms": round(1e3 * seconds, 2),
        "images_per_second": round(problem.batch_size / seconds),
        "ms_per_pass": round(1e3 * seconds / passes, 2),
        "tflops": round(flops / 1e12, 3),
        "of_matrix_rate": round(flops / matrix_rate(problem.device, problem.settings.precision), 3),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    options.add_argument("--batch-size", type=int, default=128)
    options.add_argument("--steps", type=int, default=50)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--architectures", nargs="+", default=["resnet18", *ARCHITECTURES])
    options.add_argument("--folder", type=Path, default=FOLDER)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    variants = [variant for variant in VARIANTS if variant[0] in given.architectures]
    report(
        "throughput",
        given.device,
        TEXT,
        rows(given.device, variants, given.batch_size, given.steps),
        given.folder,
    )


if __name__ == "__main__":
    main()
