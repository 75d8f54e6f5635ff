"""What tables and figures ask for: trainings and analyses, what they take, and what of it exists already."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lets.analyses.analysis import Analysis
from lets.config import RunSpec
from lets.config.effort import passes, run_bytes, training_flops
from lets.config.matrix import Matrix
from lets.config.paths import Layout
from lets.config.selection import Selection
from lets.project.project import Project
from lets.runs.cost import Networks
from lets.runs.outcomes import Outcome

TRAINING = "training"


Jobs = Mapping[tuple[str, str], "Job"]
"""(kind, run id) → training or analysis, each once however many tables and figures show it"""


@dataclass(frozen=True)
class Job:
    """A training, or an analysis of one: forward-backward `passes`, operations, seconds of one GPU, bytes.

    `state` is finished, diverged, begun or missing; `seconds` is None where no speed is known.
    """

    state: str
    passes: float
    flops: int
    seconds: float | None
    bytes: int = 0

    @property
    def to_go(self) -> bool:
        """Whether it is still to be made; one that was begun counts in whole."""
        return self.state in ("begun", "missing")


@dataclass(frozen=True)
class Demand:
    """The sum of some jobs: `runs` to train, by state, and `analyses`.

    `…_to_go` is the part of what does not exist yet. Hours are of one GPU, None where a speed is unknown.
    """

    runs: int
    finished: int
    diverged: int
    begun: int
    analyses: int
    analysed: int
    passes: int
    flops: int
    flops_to_go: int
    hours: float | None
    hours_to_go: float | None
    bytes: int
    bytes_to_go: int


def all_jobs(project: Project, networks: Networks, speed: Callable[[RunSpec], float | None]) -> Jobs:
    """Return every training and analysis of a params file; `speed` is in operations per second of one GPU."""
    jobs: dict[tuple[str, str], Job] = {}
    for id, run in project.matrix.runs.items():
        network = networks[run.architecture, run.dataset]
        flops = training_flops(run, network)
        state = _state(project.runs[id], project.layout)
        size = run_bytes(run, network, project.params.keep_weights)
        jobs[TRAINING, id] = Job(state, passes(run), flops, _seconds(flops, speed(run)), size)
    for item in [item for item in project.params.items.values() if isinstance(item, Analysis)]:
        for run in item.analysed(project.matrix):
            flops = item.flops(run, networks[run.architecture, run.dataset])
            state = "finished" if project.layout.analysis(item.kind, run.id).is_file() else "missing"
            jobs[item.kind, run.id] = Job(state, 0, flops, _seconds(flops, speed(run)))
    return jobs


def workload_of(item: Selection, jobs: Jobs, matrix: Matrix) -> Demand:
    """Return what one table or figure asks for."""
    wanted = [(TRAINING, run.id) for run in item.select(matrix)]
    if isinstance(item, Analysis):
        wanted += [(item.kind, run.id) for run in item.analysed(matrix)]
    return add_up({key: jobs[key] for key in wanted})


def add_up(jobs: Jobs) -> Demand:
    """Return the sum of jobs."""
    trainings = [job for (kind, _), job in jobs.items() if kind == TRAINING]
    analyses = [job for (kind, _), job in jobs.items() if kind != TRAINING]
    to_go = [job for job in jobs.values() if job.to_go]
    states = [job.state for job in trainings]
    return Demand(
        runs=len(trainings),
        finished=states.count("finished"),
        diverged=states.count("diverged"),
        begun=states.count("begun"),
        analyses=len(analyses),
        analysed=sum(not job.to_go for job in analyses),
        passes=round(sum(job.passes for job in trainings)),
        flops=sum(job.flops for job in jobs.values()),
        flops_to_go=sum(job.flops for job in to_go),
        hours=_hours(jobs.values()),
        hours_to_go=_hours(to_go),
        bytes=sum(job.bytes for job in jobs.values()),
        bytes_to_go=sum(job.bytes for job in to_go),
    )


def _state(outcome: Outcome, layout: Layout) -> str:
    if outcome.state in ("finished", "diverged"):
        return outcome.state
    return "begun" if outcome.state == "partial" or layout.state(outcome.id).is_file() else "missing"


def _seconds(flops: int, speed: float | None) -> float | None:
    return None if speed is None else flops / speed


def _hours(jobs: Iterable[Job]) -> float | None:
    seconds = [job.seconds for job in jobs]
    known = [one for one in seconds if one is not None]
    return sum(known) / 3600 if len(known) == len(seconds) else None
