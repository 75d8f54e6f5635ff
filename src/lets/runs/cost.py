"""What runs have cost (time, memory, machines), their speed, how far a matrix has come and how long the rest will take.

All but the progress is from the provenance of runs; that takes one `stat` per run, and the last few records.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from lets.config import RunSpec
from lets.config.effort import Network, effort, setting, training_flops
from lets.config.matrix import Matrix
from lets.config.paths import Layout
from lets.errors import RecordError
from lets.runs.outcomes import Outcome
from lets.runs.provenance import Provenance
from lets.runs.record import RunRecord

Networks = Mapping[tuple[str, str], Network]
"""(architecture, data set) → its size"""


@dataclass(frozen=True)
class Cost:
    """`runs` runs took `seconds` in all (wall clock) and at most `peak_memory_mib` each."""

    runs: int
    seconds: float
    peak_memory_mib: float
    devices: tuple[str, ...]
    packages: tuple[str, ...]
    """`torch 2.14.1`: more than one line per package where runs differ"""
    images: Mapping[str, int]
    """sha256 of a container image → how many runs were made in it; all others were made outside"""


def cost_of(runs: Iterable[Outcome]) -> Cost:
    """Add up the runs that ended, each once; a run whose provenance is damaged is not counted."""
    ended = {run.id: run for run in runs}
    facts = [fact for id in sorted(ended) if (fact := ended[id].provenance)]
    devices = {_device(fact) for fact in facts}
    packages = {f"{name} {version}" for fact in facts for name, version in fact.packages.items()}
    peak = max((fact.peak_memory_mib for fact in facts), default=0.0)
    seconds = sum(fact.seconds for fact in facts)
    images = Counter(fact.image for fact in facts if fact.image)
    return Cost(len(facts), seconds, peak, tuple(sorted(devices)), tuple(sorted(packages)), images)


@dataclass(frozen=True)
class Speeds:
    """Floating-point operations per second that the finished `runs` of one device sustained, by `setting`."""

    device: str
    runs: int
    per_second: Mapping[tuple[object, ...], float]

    def of(self, run: RunSpec) -> float | None:
        """That of runs like this one, of one GPU; None if there is none yet."""
        return self.per_second.get(setting(run))


def measured_speeds(runs: Iterable[Outcome], networks: Networks) -> Speeds:
    """Divide what finished runs computed by the time it took, on the device that made most of them."""
    facts = [(run.spec, fact) for run in runs if run.state == "finished" and (fact := run.provenance)]
    devices = Counter(_device(fact) for _, fact in facts)
    device = devices.most_common(1)[0][0] if devices else ""
    flops: Counter[tuple[object, ...]] = Counter()
    seconds: dict[tuple[object, ...], float] = {}
    for run, fact in facts:
        if _device(fact) == device and fact.seconds > 0:
            key = setting(run)
            flops[key] += training_flops(run, networks[run.architecture, run.dataset])
            seconds[key] = seconds.get(key, 0.0) + fact.seconds * run.training.ranks
    return Speeds(device, devices[device], {key: flops[key] / time for key, time in seconds.items()})


def _device(fact: Provenance) -> str:
    return f"{fact.machine.device or '?'} ({fact.machine.cpu or '?'})"


RECENT = 8  # runs the pace is taken from
CLOSE = 60  # seconds within which a file's time stamp must be that of its run's end


@dataclass(frozen=True)
class Progress:
    """Runs done out of all; `eta_seconds` is None while nothing tells the pace."""

    done: int
    total: int
    eta_seconds: float | None

    def __str__(self) -> str:
        if self.done == self.total or self.eta_seconds is None:
            return f"{self.done}/{self.total} runs"
        return f"{self.done}/{self.total} runs, about {duration(self.eta_seconds)} to go"


def progress(matrix: Matrix, layout: Layout, networks: Networks) -> Progress:
    """Count the runs whose metrics.json is there; the pace is the effort of the last runs over the time they took.

    Jobs that train side by side finish more often, so the pace needs not know how many there are. A run that was
    not made here (its files are as old as the clone) or was interrupted tells nothing about it.
    """
    efforts = {id: effort(run, networks[run.architecture, run.dataset]) for id, run in matrix.runs.items()}
    written = {run: time for run in matrix.runs if (time := _written(layout, run)) is not None}
    recent = sorted(written, key=written.__getitem__)[-RECENT:]
    starts = {run: start for run in recent if (start := _started_here(written[run], layout, run)) is not None}
    eta = None
    if len(starts) > 1:
        first, *others = starts  # by their ends
        # From the end of one to that of the last; of the first runs of all, from their start.
        whole = len(written) <= RECENT
        seconds = written[others[-1]] - (min(starts.values()) if whole else written[first])
        done = sum(efforts[run] for run in (starts if whole else others))
        eta = seconds / done * sum(efforts[run] for run in matrix.runs if run not in written)
    return Progress(len(written), len(matrix.runs), eta)


def duration(seconds: float) -> str:
    """Return a duration for people: `40 s`, `3 min`, `2 h 5 min`, `4 d 1 h`."""
    minutes = round(seconds / 60)
    if seconds < 59.5:
        return f"{round(seconds)} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def _written(layout: Layout, run: str) -> float | None:
    try:
        return layout.run_file(run, "metrics.json").stat().st_mtime
    except FileNotFoundError:
        return None


def _started_here(time: float, layout: Layout, run: str) -> float | None:
    """Return when a run began that ended at `time`; None if its record says something else."""
    try:
        fact = RunRecord.at(layout, run).provenance
    except RecordError:  # the audit says what is wrong with it
        return None
    end = datetime.fromisoformat(fact.ended).timestamp()
    return time - fact.seconds if abs(time - end) <= CLOSE else None
