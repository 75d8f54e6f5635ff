"""Expand experiments into runs; equal runs of different experiments are one run."""

from collections.abc import Iterator
from itertools import product

from lets.config.matrix import Matrix
from lets.config.params import Experiment, Params
from lets.config.run import RunSpec
from lets.config.strict import Scalar
from lets.optim.catalogue import resolve
from lets.optim.presets import spelled_out


def expand(params: Params) -> Matrix:
    """Return the matrix of a params file."""
    runs: dict[str, RunSpec] = {}
    experiments: dict[str, tuple[str, ...]] = {}
    for name, experiment in params.experiments.items():
        asked = {run.id: run for run in _runs(params, experiment)}
        experiments[name] = tuple(asked)
        runs |= asked
    return Matrix(runs, experiments)


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
