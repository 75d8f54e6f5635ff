"""The benchmarks by name, each with the question that it answers. To add one: a file, and a row here.

The file has a function `measure(given: Conditions) -> Findings`. Nothing heavy is imported here.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from pkgutil import resolve_name
from typing import Any

from lets.errors import SpecError

from .result import Conditions, Findings

__all__ = ["BENCHMARKS", "PARTS", "Benchmark", "chosen"]


@dataclass(frozen=True)
class Benchmark:
    """One row: `function` is "module:function" in this package, `rounds` the number by default.

    `device` is where it means something: what `lets bench all` leaves to a machine that has it. One with a `limit`, in
    seconds, is a part of gpu-check, which gives it so much time.
    """

    name: str
    question: str
    function: str
    rounds: int
    device: str = "cpu"
    arguments: tuple[Any, ...] = ()
    limit: int = 0

    def measure(self, given: Conditions) -> Findings:
        """Import the function, and call it."""
        found: Findings = resolve_name(f"{__package__}.{self.function}")(*self.arguments, given)
        return found


EACH_KIND = ("erm", "sam", "asam", "esam", "looksam", "gsam", "lets-sam")
"""methods that have every policy but chance, every ascent, every descent and every radius between them"""


def _part(name: str, question: str, function: str, rounds: int, limit: int) -> Benchmark:
    return Benchmark(name, question, function, rounds, "cuda", limit=limit)


_ROWS = (
    Benchmark(
        "step-tiny",
        "What does a step of each method cost beside its bare passes, where a pass costs next to nothing?",
        "steps:measure",
        400,
        arguments=("tiny", 32, ()),
    ),
    Benchmark(
        "step-resnet8",
        "The same on ResNet-8 at batch 128, the smallest network for CIFAR; one method of each kind.",
        "steps:measure",
        24,
        arguments=("resnet8", 128, EACH_KIND),
    ),
    Benchmark(
        "peers",
        "How do our steps compare with those of other people's code, both called as a user would?",
        "peers.compare:measure",
        50,
        arguments=("tiny", 20),
    ),
    Benchmark(
        "peers-resnet8",
        "The same on ResNet-8, the smallest network for CIFAR.",
        "peers.compare:measure",
        24,
        arguments=("resnet8", 5),
    ),
    Benchmark("lets", "What does LETS cost over SAM?", "learned_radius:measure", 16),
    Benchmark(
        "start", "How long does a command take to start, and what training imports?", "start:measure", 20
    ),
    Benchmark("records", "How long do commands think about a thousand finished runs?", "records:measure", 5),
    Benchmark("demo", "How busy are the cores while the demo trains?", "demo:measure", 2),
    Benchmark("pictures", "How many JPEGs a second does ImageNet's pipeline read?", "pictures:measure", 9),
    Benchmark(
        "gpu-check",
        "Does all of it work on this GPU, to the same numbers, and how fast?",
        "gpu_check:measure",
        1,
        "cuda",
    ),
)
PARTS = (
    _part("tests", "Do the tests that need a GPU pass?", "whole:tests", 1, 60),
    _part("agreement", "Are the numbers of the GPU those of the CPU?", "agreement:measure", 20, 120),
    _part("resume", "Does a training that was killed end with the same bytes?", "whole:resume", 1, 60),
    _part("compiled", "Are the numbers of compiled steps those of eager ones?", "agreement:compiled", 20, 90),
    _part(
        "throughput",
        "How many images a second, and what share of the device's matrix rate is that?",
        "throughput:measure",
        10,
        180,
    ),
    _part(
        "packed",
        "What do eight small trainings on one GPU do in the time of one?",
        "packed:measure",
        20,
        60,
    ),
    _part("matrix", "Does a whole small matrix come to its end, audit included?", "whole:matrix", 1, 120),
)
"""of gpu-check: what is worth most comes first"""

BENCHMARKS = {row.name: row for row in (*_ROWS, *PARTS)}


def chosen(name: str, device: str) -> list[Benchmark]:
    """The benchmark of this name; of `all`, those that mean something on `device`. SpecError with near names."""
    if name == "all":
        return [row for row in _ROWS if row.device == device]
    if name in BENCHMARKS:
        return [BENCHMARKS[name]]
    near = get_close_matches(name, BENCHMARKS)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise SpecError(f"{name} – no such benchmark{hint} – choose from: {', '.join(BENCHMARKS)}, all")
