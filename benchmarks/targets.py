"""The targets of targets.yaml, and what the results say of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .text import duration

FILE = Path(__file__).parent / "targets.yaml"
Results = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Target:
    """One row of targets.yaml; see its head."""

    what: str
    result: str
    variants: list[str] | None
    number: str
    why: str
    most: float | None = None
    least: float | None = None

    def wanted(self) -> str:
        """The target in words: `≤ 1.05`."""
        unit = " s" if self.number == "seconds" else ""
        return f"≤ {self.most:g}{unit}" if self.most is not None else f"≥ {self.least:g}{unit}"

    def measured(self, results: Results) -> float | None:
        """The worst number of its rows; None if nothing was measured."""
        rows = results.get(self.result, {"variants": []})["variants"]
        found = [
            float(row[self.number])
            for row in rows
            if self.variants is None or row["variant"] in self.variants
        ]
        return (max if self.most is not None else min)(found) if found else None

    def verdict(self, results: Results) -> str:
        """`met`, `missed`, `not valid` (measured, but the control or something else failed) or `not measured`."""
        value = self.measured(results)
        if value is None:
            return "not measured"
        if not results[self.result]["valid"] or results[self.result]["quick"]:
            return "not valid"
        met = value <= self.most if self.most is not None else value >= (self.least or 0)
        return "met" if met else "missed"

    def shown(self, results: Results) -> str:
        """The measured number in words."""
        value = self.measured(results)
        if value is None:
            return ""
        return duration(value) if self.number == "seconds" else f"{value:.3f}"


def read_targets() -> list[Target]:
    """All of them, in order."""
    return [Target(**row) for row in yaml.safe_load(FILE.read_text())]
