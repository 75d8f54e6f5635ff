"""What runs have cost: time, memory, machines, and their speed; from their provenance."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lets.config import RunSpec
from lets.config.effort import Network, setting, training_flops
from lets.runs.outcomes import Outcome
from lets.runs.provenance import Provenance

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
