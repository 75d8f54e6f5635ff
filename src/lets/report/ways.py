"""What is typical of each way to take the hyper-gradient along a run: the numbers of its table and figure."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan, nan

from lets.records.probes import Probe, Way, read_probes
from lets.report.analysed import Analyses, read_analyses
from lets.spec import Layout, Matrix
from lets.spec.params import Hypergradient


@dataclass(frozen=True)
class Typical:
    """One way over all probes of a run: medians, and how many signs are the true one's."""

    way: Way
    ratio: float
    cosine: float
    agreeing: int
    n: int

    @property
    def share(self) -> float:
        """Signs that agree, in percent."""
        return 100 * self.agreeing / self.n


def hypergradient_ways(item: Hypergradient, matrix: Matrix, layout: Layout) -> Analyses[Probe]:
    """Read what `lets analyse hypergradient` found along the first seed of each method."""
    return read_analyses(item, matrix, layout, Probe, read_probes)


def by_way(probes: Sequence[Probe]) -> dict[Way, list[Probe]]:
    """The probes of a run by direction and Hessian, in the order of the steps."""
    found: dict[Way, list[Probe]] = {}
    for probe in probes:
        found.setdefault(probe.way, []).append(probe)
    return found


def typical(probes: Sequence[Probe]) -> list[Typical]:
    """One summary per way."""
    return [_typical(way, of_way) for way, of_way in by_way(probes).items()]


def _typical(way: Way, probes: list[Probe]) -> Typical:
    ratio, cosine = _median(probe.ratio for probe in probes), _median(probe.cosine for probe in probes)
    return Typical(way, ratio, cosine, sum(probe.agrees for probe in probes), len(probes))


def _median(values: Iterable[float]) -> float:
    """The median of those that are defined."""
    defined = [value for value in values if not isnan(value)]
    return statistics.median(defined) if defined else nan
