"""Expand experiments into runs; equal runs of different experiments are one run."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, product
from typing import TypeVar

from lets.errors import SpecError
from lets.optim.catalogue import resolve
from lets.optim.presets import spelled_out
from lets.spec.candidates import which_run
from lets.spec.matches import matches
from lets.spec.params import Analysis, Comparison, Experiment, Params, Selection
from lets.spec.run import RunSpec
from lets.spec.strict import Scalar

Kind = TypeVar("Kind", bound=Analysis)


@dataclass(frozen=True)
class Matrix:
    """All runs of a params file by id, and the ids by experiment."""

    runs: dict[str, RunSpec]
    experiments: dict[str, tuple[str, ...]]

    def select(self, item: Selection) -> list[RunSpec]:
        """Return the runs that a table or figure shows, in the order of the params file."""
        runs = self.chosen(item)
        if not isinstance(item, Comparison):
            return runs
        shown = {run.id for match in matches(item, runs) for run in match.runs}
        return [run for run in runs if run.id in shown]

    def chosen(self, item: Selection) -> list[RunSpec]:
        """Return the runs of its experiments that meet its conditions; a comparison shows only those with a partner."""
        return [run for run in self.of(item.experiments) if meets(run, item.where)]

    def of(self, experiments: Iterable[str]) -> list[RunSpec]:
        """Return the runs of some experiments, each once."""
        ids = dict.fromkeys(run for name in experiments for run in self.experiments[name])
        return [self.runs[id] for id in ids]

    def analyses(self, params: Params, kind: type[Kind]) -> dict[str, Kind]:
        """Return run id → table or figure for every analysis of this kind to compute."""
        items = chain(params.tables.values(), params.figures.values())
        return {run.id: item for item in items if isinstance(item, kind) for run in self.analysed(item)}

    def analysed(self, item: Analysis) -> list[RunSpec]:
        """Return the runs whose analysis a table or figure shows: the first seed of each variant."""
        return first_seeds(self.select(item))

    def find(self, run: str) -> RunSpec:
        """Return the run of this id, or of its unambiguous beginning; raises SpecError."""
        found = [spec for id, spec in self.runs.items() if id.startswith(run)]
        if len(found) != 1:
            raise SpecError(which_run(run, found, self.runs))
        return found[0]


def expand(params: Params) -> Matrix:
    """Return the matrix of a params file."""
    runs: dict[str, RunSpec] = {}
    experiments: dict[str, tuple[str, ...]] = {}
    for name, experiment in params.experiments.items():
        asked = {run.id: run for run in _runs(params, experiment)}
        experiments[name] = tuple(asked)
        runs |= asked
    return Matrix(runs, experiments)


def first_seeds(runs: list[RunSpec]) -> list[RunSpec]:
    """Return one run per variant: the one whose seed is listed first."""
    first: dict[str, RunSpec] = {}
    for run in runs:
        first.setdefault(run.model_copy(update={"seed": 0}).canonical(), run)
    return list(first.values())


def _runs(params: Params, experiment: Experiment) -> Iterator[RunSpec]:
    seeds = experiment.seeds or params.seeds
    axes = product(experiment.datasets, experiment.noise, experiment.architectures, experiment.methods)
    for dataset, noise, architecture, method in axes:
        training = params.training
        if architecture in params.architectures:
            training = params.architectures[architecture].applied_to(training)
        training = experiment.training.applied_to(training)
        for values, seed in product(_variations(experiment), seeds):
            yield RunSpec(
                dataset=dataset,
                noise=noise,
                architecture=architecture,
                method=method,
                hyperparameters=_hyperparameters(params, experiment, method, values),
                training=training,
                seed=seed,
            )


def _variations(experiment: Experiment) -> Iterator[dict[str, Scalar]]:
    for values in product(*experiment.vary.values()):
        yield dict(zip(experiment.vary, values, strict=True))


def _hyperparameters(
    params: Params, experiment: Experiment, method: str, values: dict[str, Scalar]
) -> dict[str, Scalar]:
    """Defaults ← file ← experiment ← grid axis, as JSON knows them; a method's seed is derived by role."""
    levels = (params.methods.get(method, {}), experiment.hyperparameters.get(method, {}), values)
    given = {name: value for level in levels for name, value in spelled_out(level).items()}
    resolved = resolve(method, given)
    # As JSON and YAML would give them back: equal runs must have equal specs.
    return {name: list(v) if isinstance(v, tuple) else v for name, v in resolved.items() if name != "seed"}


def meets(run: RunSpec, where: dict[str, list[Scalar]]) -> bool:
    """Whether a run has, of every field, one of the values."""
    return all(run.variant.get(field) in values for field, values in where.items())
