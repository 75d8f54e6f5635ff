"""What a benchmark is asked, and what it leaves: one JSON file with the facts of its machine."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lets.files import write_json
from lets.runs.provenance import machine

if TYPE_CHECKING:
    import torch

    from .catalogue import Benchmark

FOLDER = Path("benchmarks/results")
TOLERANCE = 0.02
"""how far from 1 the ratio of a variant to itself may be"""

Row = dict[str, str | int | float | bool]


@dataclass(frozen=True)
class Conditions:
    """How a benchmark is made. `quick`: small and short, to see that it works; its numbers mean nothing."""

    rounds: int
    device: str = "cpu"
    threads: int = 1
    quick: bool = False
    params: Path = Path("params/demo.yaml")
    keep: Callable[["Findings"], None] = lambda _: None
    """writes what was found so far, for one that may be killed"""

    @property
    def place(self) -> "torch.device":
        """The device for torch, which from now on computes with `threads` threads."""
        import torch

        from lets.train.device import choose_device
        from lets.train.startup import keep_freed_memory

        torch.set_num_threads(self.threads)
        keep_freed_memory()  # as in a training
        return choose_device(self.device)

    @property
    def device_name(self) -> str:
        """The GPU's name, or `cpu`."""
        if self.device == "cpu":
            return "cpu"
        from lets.train.device import device_name

        return device_name(self.place)


@dataclass(frozen=True)
class Findings:
    """What was measured: `how` in words, one row a variant, and the controls: each a variant against itself.

    `wrong` says what else makes it invalid. Checks that time nothing have no control (`timed=False`).
    """

    how: str
    rows: list[Row]
    controls: list[Row] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    timed: bool = True
    parts: dict[str, Any] = field(default_factory=dict)
    """results of other benchmarks that this one consists of"""

    def doubts(self) -> list[str]:
        """Why the result is not valid; empty if it is."""
        unlike = [
            f"{row['variant']} against itself: {row['ratio']}"
            for row in self.controls
            if round(abs(float(row["ratio"]) - 1), 4) > TOLERANCE
        ]
        missing = ["no variant was measured against itself"] if self.timed and not self.controls else []
        return [*self.wrong, *missing, *unlike]


def place_of(benchmark: "Benchmark", given: Conditions) -> Path:
    """Where the result goes by default; what is quick is no result, and stays out of the committed ones."""
    folder = Path("work/benchmarks") if given.quick else FOLDER
    return folder / f"{benchmark.name}-{given.device_name.lower().replace(' ', '-')}.json"


def write_result(path: Path, benchmark: "Benchmark", given: Conditions, findings: Findings) -> None:
    """Write the result file; its facts are those of this machine, its date is today's."""
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    here = machine(given.device_name, given.threads, capability)
    facts = {**here.model_dump(), "cores": len(os.sched_getaffinity(0))}
    write_json(
        path,
        {
            "name": benchmark.name,
            "question": benchmark.question,
            "how": " ".join(findings.how.split()),
            "valid": not findings.doubts(),
            "doubts": findings.doubts(),
            "wrong": findings.wrong,
            "quick": given.quick,
            "rounds": given.rounds,
            "date": datetime.now(UTC).date().isoformat(),
            "machine": {key: value for key, value in facts.items() if value is not None}
            | {"torch": version("torch"), **_gpu_facts(given)},
            "variants": findings.rows,
            "controls": findings.controls,
            **({"parts": findings.parts} if findings.parts else {}),
        },
    )


def _gpu_facts(given: Conditions) -> dict[str, str | int]:
    """What else may decide how fast a GPU is."""
    if given.device == "cpu":
        return {}
    import torch

    card = torch.cuda.get_device_properties(given.place)
    memory = round(card.total_memory / 2**30)
    return {"cuda": str(torch.version.cuda), "cudnn": torch.backends.cudnn.version() or 0, "gpu_gib": memory}


def read_results(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """Every committed result by the name of its file, without the suffix; its parts as if each had a file."""
    results = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    for stem, result in list(results.items()):
        device = stem.removeprefix(result["name"])
        results |= {f"{name}{device}": part for name, part in result.get("parts", {}).items()}
    return results
