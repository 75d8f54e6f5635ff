"""The numbers of a hyper-gradient figure or table: what every way to take it gave along one run per method."""

import statistics
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from math import isnan, nan

from lets.records.probes import Probe, Way, read_probes
from lets.records.rows import columns
from lets.report.analysed import analysed_runs
from lets.report.tidy import csv_text
from lets.results import Outcome
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


@dataclass(frozen=True)
class Probed:
    """The probes of one run; none if it was not analysed, and `run` says why."""

    run: Outcome
    probes: tuple[Probe, ...]

    @property
    def ways(self) -> dict[Way, list[Probe]]:
        """The probes by direction and Hessian, in the order of the steps."""
        found: dict[Way, list[Probe]] = {}
        for probe in self.probes:
            found.setdefault(probe.way, []).append(probe)
        return found

    @property
    def typical(self) -> list[Typical]:
        """One summary per way."""
        return [_typical(way, probes) for way, probes in self.ways.items()]


@dataclass(frozen=True)
class Ways:
    """A panel or a block per method, in the order of the params file."""

    probed: tuple[Probed, ...]

    @property
    def runs(self) -> tuple[Outcome, ...]:
        """Every run that was to be shown."""
        return tuple(one.run for one in self.probed)

    def csv(self) -> str:
        """Return exactly the numbers drawn; the medians follow from them."""
        lines = [
            [one.run.spec.method, one.run.id, *astuple(probe)] for one in self.probed for probe in one.probes
        ]
        return csv_text(["method", "run", *columns(Probe)], lines)


def hypergradient_ways(item: Hypergradient, matrix: Matrix, layout: Layout) -> Ways:
    """Read what `lets analyse hypergradient` found along the first seed of each method."""
    return Ways(tuple(_probed(run, layout) for run in analysed_runs(item, matrix, layout)))


def _probed(run: Outcome, layout: Layout) -> Probed:
    probes = read_probes(layout.hypergradient(run.id)) if run.state == "finished" else []
    return Probed(run, tuple(probes))


def _typical(way: Way, probes: list[Probe]) -> Typical:
    ratio, cosine = _median(probe.ratio for probe in probes), _median(probe.cosine for probe in probes)
    return Typical(way, ratio, cosine, sum(probe.agrees for probe in probes), len(probes))


def _median(values: Iterable[float]) -> float:
    """The median of those that are defined."""
    defined = [value for value in values if not isnan(value)]
    return statistics.median(defined) if defined else nan
