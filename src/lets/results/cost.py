"""What runs cost: time, memory, machines; from their provenance."""

from collections.abc import Iterable
from dataclasses import dataclass

from lets.errors import RecordError
from lets.records import RunRecord
from lets.records.provenance import Provenance
from lets.results.outcomes import Outcome
from lets.spec import Layout


@dataclass(frozen=True)
class Cost:
    """`runs` runs took `seconds` in all (wall clock) and at most `peak_memory_mib` each."""

    runs: int
    seconds: float
    peak_memory_mib: float
    devices: tuple[str, ...]
    packages: tuple[str, ...]
    """`torch 2.14.1`: more than one line per package where runs differ"""


def cost_of(runs: Iterable[Outcome], layout: Layout) -> Cost:
    """Add up the runs that ended, each once; a run whose provenance is damaged is not counted."""
    ended = {run.id for run in runs if run.state in ("finished", "diverged")}
    facts = [fact for id in sorted(ended) if (fact := _provenance(id, layout))]
    devices = {f"{fact.machine.get('device', '?')} ({fact.machine.get('cpu', '?')})" for fact in facts}
    packages = {f"{name} {version}" for fact in facts for name, version in fact.packages.items()}
    peak = max((fact.peak_memory_mib for fact in facts), default=0.0)
    seconds = sum(fact.seconds for fact in facts)
    return Cost(len(facts), seconds, peak, tuple(sorted(devices)), tuple(sorted(packages)))


def _provenance(run: str, layout: Layout) -> Provenance | None:
    try:
        return RunRecord.at(layout, run).provenance
    except RecordError:
        return None
