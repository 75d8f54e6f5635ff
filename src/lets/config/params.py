"""What a params file asks to be trained, and the runs that this makes; `lets.project` adds the tables and figures."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Annotated, Literal, TypeVar

from pydantic import Field
from pydantic_core import PydanticUndefined

from lets.config import own
from lets.config.matrix import Matrix
from lets.config.run import Noise, RunSpec
from lets.config.strict import Count, Name, Scalar, Strict
from lets.config.training import TrainingSpec
from lets.optim.catalogue import resolve
from lets.optim.hyperparameters import spelled_out

Seed = Annotated[int, Field(ge=0)]
Seeds = Annotated[list[Seed], Field(min_length=1)]
Hyperparameters = dict[str, Scalar]
NonEmpty = Annotated[list[str], Field(min_length=1)]
Section = Literal["§3.3", "§4.1", "§4.2", "§4.3", "§4.4", "§4.5", "§4.6", "§4.7", "§4.8", "§4.9"]
"""of the paper: those that make claims"""
CATALOGUES: dict[str, Callable[[str], object]] = {
    "datasets": own.dataset,
    "architectures": own.network,
    "noise": Noise.parse,
}
"""axis of an experiment → what raises SpecError for a name that it does not know"""


Model = TypeVar("Model", bound=Strict)


def _in_part(model: type[Model]) -> type[Model]:
    """Let every field of a model be left out; those that are given are in `model_fields_set`."""
    for field in model.model_fields.values():
        field.default, field.default_factory = PydanticUndefined, lambda: None
    model.model_rebuild(force=True)
    return model


@_in_part
class TrainingOverride(TrainingSpec):
    """The part of a training that one architecture or one experiment changes."""

    def applied_to(self, training: TrainingSpec) -> TrainingSpec:
        """Return `training` with every field that is given here put in its place."""
        return training.model_copy(update={name: getattr(self, name) for name in self.model_fields_set})


class Experiment(Strict):
    """A grid of runs: every combination of the lists below."""

    datasets: NonEmpty = Field(examples=[["digits"]])
    architectures: NonEmpty = Field(examples=[["resnet-small"]])
    methods: NonEmpty = Field(examples=[["sam", "lets-sam"]])
    noise: NonEmpty = Field(default=["clean"])
    """labels of the training set: clean, symmetric-20, symmetric-40-exclude-true, or those that people gave
    CIFAR-10 (CIFAR-10N): human-worse, human-aggre, human-random1 to 3"""
    seeds: Seeds | None = None
    """instead of the seeds of the file"""
    training: TrainingOverride = Field(default_factory=lambda: TrainingOverride.model_validate({}))
    hyperparameters: dict[str, Hyperparameters] = Field(default={})
    """by method, on top of `methods` of the file"""
    vary: dict[str, Annotated[list[Scalar], Field(min_length=1)]] = Field(default={})
    """hyper-parameters that become axes of the grid"""
    section: Section | None = None
    """the section of the paper whose experiment this is: its claims are tested on these runs"""
    title: str = ""
    """what tables and figures call its runs where they compare experiments; by default its name"""


class Resources(Strict):
    """What a training asks of a cluster, beside a GPU for each of its ranks; changes no number."""

    minutes: Count = 24 * 60
    """after which the cluster may end it; the next try goes on from its state. Up to 30: several share a job"""
    memory_mb: Count = 16_000
    """of the host, for all its ranks"""


class Params(Strict):
    """A params file, but for its tables and figures."""

    profile: Name = Field(examples=["mine"])
    """names the folders results/<profile> and reports/<profile>"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """cuda: refuse to start on a machine without a GPU"""
    seeds: Seeds = Field(examples=[[0, 1, 2]])
    training: TrainingSpec = Field(
        examples=[
            {
                "epochs": 10,
                "batch_size": 128,
                "optimizer": {"name": "sgd", "lr": 0.1},
                "schedule": {"name": "cosine"},
            }
        ]
    )
    architectures: dict[str, TrainingOverride] = Field(default={})
    """what one architecture changes in the training"""
    methods: dict[str, Hyperparameters] = Field(default={})
    """hyper-parameters by method; defaults: lets list methods"""
    resources: dict[str, Resources] = Field(default={})
    """what a training of one architecture asks of a cluster"""
    experiments: Annotated[dict[Name, Experiment], Field(min_length=1)] = Field(
        examples=[
            {
                "clean": {
                    "datasets": ["digits"],
                    "architectures": ["resnet-small"],
                    "methods": ["sam", "lets-sam"],
                }
            }
        ]
    )
    stand_ins: dict[str, str] = Field(default={})
    """small data sets and architectures → the paper's, to print the paper's numbers beside ours"""
    reduced: str = ""
    """in words, what makes the trainings smaller than the paper's; then its numbers are not comparable"""
    keep_weights: bool = True
    """false: a run folder holds the digest of its weights only, small enough for git; then nothing is computed from
    weights, and an audit can but train again (lets audit --deep)"""
    audit_weights: Annotated[int, Field(ge=0)] = 3
    """how many runs the audit evaluates again from their weights"""

    def asks(self, run: RunSpec) -> Resources:
        """Return what the training of a run asks of a cluster."""
        return self.resources.get(run.architecture, Resources())


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
        for values in _variations(experiment):
            hyperparameters = _hyperparameters(params, experiment, method, values)
            for seed in seeds:
                yield RunSpec(
                    dataset=dataset,
                    noise=noise,
                    architecture=architecture,
                    method=method,
                    hyperparameters=hyperparameters,
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
