"""What `lets bench` does in a checkout."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from lets.errors import SpecError

from .catalogue import BENCHMARKS, Benchmark, chosen
from .result import Conditions, Findings, place_of, write_result
from .text import table

__all__ = ["listing", "run"]


def listing() -> str:
    """Every benchmark with the question that it answers."""
    lines = [f"  {row.name:<17}{row.question}" for row in BENCHMARKS.values()]
    return "\n".join([*lines, f"  {'all':<17}All that mean something on the device, one after another."])


def run(name: str, rounds: int | None, out: Path | None, **how: Any) -> bool:
    """Make one benchmark, or all; print and write what was found. Return whether all of it is valid."""
    benchmarks = chosen(name, how["device"])
    if out and len(benchmarks) > 1:
        raise SpecError(f"--out {out} – is one file, {name} has several results – leave it out")
    valid = [_make(one, Conditions(rounds or one.rounds, **how), out) for one in benchmarks]
    return all(valid)


def _make(benchmark: Benchmark, given: Conditions, out: Path | None) -> bool:
    print(f"{benchmark.name}: {benchmark.question}", file=sys.stderr, flush=True)
    path = out or place_of(benchmark, given)
    findings = benchmark.measure(
        replace(given, keep=lambda found: write_result(path, benchmark, given, found))
    )
    write_result(path, benchmark, given, findings)
    print(_text(findings))
    print(f"written: {path}", flush=True)
    return not findings.doubts()


def _text(findings: Findings) -> str:
    controls = ["", "The reference against itself:", table(findings.controls)] if findings.controls else []
    measured = [line for part in findings.parts.values() if part["controls"] for line in _part(part)]
    doubts = [f"not valid: {doubt}" for doubt in findings.doubts()]
    return "\n".join([table(findings.rows), *controls, *measured, *doubts])


def _part(result: Any) -> list[str]:
    return ["", f"{result['name']}: {result['question']}", table(result["variants"])]
