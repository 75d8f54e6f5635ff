"""The typed form of a params file: experiments, and the tables and figures made of them."""

from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator

from lets.spec.messages import line
from lets.spec.run import RunSpec
from lets.spec.strict import Count, Name, Positive, Scalar, Strict
from lets.spec.training import TrainingOverride, TrainingSpec

RunMetric = Literal[
    "test_accuracy",
    "best_test_accuracy",
    "test_loss",
    "train_accuracy",
    "train_loss",
    "generalization_gap",
    "rho",
    "score",
    "accuracy_mismatched",
    "bleu",
    "sacrebleu",
    "matthews",
    "f1",
    "pearson",
    "spearman",
    "held_out_accuracy",
]
"""score is what the data set is usually judged by: accuracy, BLEU, Matthews' correlation, …; held_out_accuracy is what
one may choose settings by"""
EpochMetric = Literal[
    "test_accuracy", "test_loss", "train_accuracy", "train_loss", "generalization_gap", "rho", "lr", "loss"
]
Seed = Annotated[int, Field(ge=0)]
Seeds = Annotated[list[Seed], Field(min_length=1)]
Hyperparameters = dict[str, Scalar]
NonEmpty = Annotated[list[str], Field(min_length=1)]
Where = dict[str, list[Scalar]]
Section = Annotated[str, Field(pattern=r"^§[1-9](\.[1-9])?$")]
"""of the paper: §4.1"""


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
    training: TrainingOverride = Field(default=TrainingOverride())
    hyperparameters: dict[str, Hyperparameters] = Field(default={})
    """by method, on top of `methods` of the file"""
    vary: dict[str, Annotated[list[Scalar], Field(min_length=1)]] = Field(default={})
    """hyper-parameters that become axes of the grid"""
    section: Section | None = None
    """the section of the paper whose experiment this is: its claims are tested on these runs"""
    title: str = ""
    """what tables and figures call its runs where they compare experiments; by default its name"""


class Selection(Strict):
    """Which runs a table or a figure shows."""

    title: str = Field(examples=["Test accuracy (%)"])
    experiments: Annotated[list[Name], Field(min_length=1)]
    where: Where = Field(default={})
    """keep only the runs whose field (dataset, method, rho, …) has one of these values"""


class Table(Selection):
    """Runs pivoted into rows and columns; a cell is mean ± sd over seeds."""

    kind: Literal["pivot"] = "pivot"
    rows: str = "method"
    columns: Annotated[list[str], Field(min_length=1, max_length=2)] = Field(default=["architecture"])
    metric: RunMetric = "test_accuracy"
    groups: list[list[Scalar]] = Field(default=[])
    """rows compared with one another: the best of each group is underlined, the best of all is bold"""
    paper: Count | None = None
    """the number of this table in the paper; its values are printed beside ours"""


class Comparison(Selection):
    """Two methods at a time, seed by seed, in every data set, noise and architecture that was run with both."""

    kind: Literal["comparison"]
    metric: RunMetric = "test_accuracy"
    pairs: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = Field(default=[])
    """[a, b] compares a with b; without any, every lets-X is compared with its X"""


class Ranking(Selection):
    """Methods ranked over the data sets, noises and architectures in which all of them have all their runs."""

    kind: Literal["ranking"]
    metric: RunMetric = "test_accuracy"
    reference: str = "sam"
    """the method that every other one is asked to improve on"""


class AgainstPaper(Selection):
    """Every number that the tables of this file print beside one of the paper, and how far the two are apart."""

    kind: Literal["published"]


class Starts(Selection):
    """Whether learned radii move, where to, and whether their start matters: a row per experiment and lets-method.

    Its runs differ in seed and `rho` alone.
    """

    kind: Literal["starts"]
    metric: RunMetric = "test_accuracy"
    margin: Positive = Field(examples=[0.5])
    """how far apart, in units of the metric, two starts may be and still be called the same"""


class Baselines(Selection):
    """Learned radii against the fixed ones of the same method: at its start, the best of all, at equal passes.

    A row per experiment with a lets-method; its baselines are the runs of the method without lets-.
    """

    kind: Literal["baselines"]
    metric: RunMetric = "test_accuracy"


class Sensitivity(Selection):
    """A metric over one hyper-parameter, a line per method (Figure 1)."""

    kind: Literal["sensitivity"]
    x: str = Field(examples=["rho"])
    metric: RunMetric = "test_accuracy"


class Curves(Selection):
    """A metric over epochs, a line per method, a panel per value of one field (Figures 2, 6, 7, 9)."""

    kind: Literal["curves"]
    metric: EpochMetric
    panels: str = "architecture"


class Analysis(Selection):
    """What is computed for one run, the first seed of each variant, beside its record (`lets analyse`)."""

    kind: str
    of_weights: ClassVar[bool] = True
    """whether it starts from the weights of a finished run"""

    @property
    def settings(self) -> dict[str, Any]:
        """What its kind has to be told: the fields that are not of every selection."""
        return {
            name: getattr(self, name) for name in type(self).model_fields if name not in Analysis.model_fields
        }


class Landscape(Analysis):
    """The loss on a random plane through the final weights, a panel per method (Figures 5, 8)."""

    kind: Literal["landscape"]
    points: Annotated[int, Field(ge=3, le=201)] = 21
    """grid points per axis; odd, so that the middle one is the trained weights"""
    extent: Positive = 1.0
    """half the side of the square, in units of the filter-normalised directions"""
    samples: Count = 1000
    """training images the loss is averaged over"""

    @field_validator("points")
    @classmethod
    def _has_a_middle(cls, points: int) -> int:
        if points % 2 == 0:
            raise ValueError(
                f"an even grid has no point at the trained weights – write  points: {points + 1}"
            )
        return points


class Bars(Selection):
    """A metric as a bar per method, a panel per value of one field (Figures 3, 4)."""

    kind: Literal["bars"]
    metric: RunMetric = "test_accuracy"
    panels: str = "dataset"


class Cost(Selection):
    """A metric over the passes that a step takes, a mark per method, a panel per value of one field."""

    kind: Literal["cost"]
    metric: RunMetric = "test_accuracy"
    panels: str = "architecture"


class Pareto(Selection):
    """A metric over all passes of a training, a mark per experiment and method, a panel per value of one field.

    A mark is the mean over radii (or starts), a line through it their range. What is best for its passes is marked.
    """

    kind: Literal["pareto"]
    metric: RunMetric = "test_accuracy"
    panels: str = "noise"


class Hypergradient(Analysis):
    """How far LETS's surrogates are from the true hyper-gradient along a training.

    A figure draws their size over steps, a table prints what is typical of each; both may be asked for.
    """

    kind: Literal["hypergradient"]
    of_weights: ClassVar[bool] = False
    every: Count = Field(examples=[100])
    """steps from one probe to the next; a probe costs about eight passes"""


class Sharpness(Analysis):
    """How sharp the minimum is that a training found: the Hessian of its loss, and what the loss gains nearby.

    A figure draws it, a table prints it, a line or row per method; both may be asked for.
    """

    kind: Literal["sharpness"]
    samples: Count = 1024
    """training images that the loss is averaged over"""
    m: Count = 128
    """images of a group that climb together: m-sharpness (Foret et al. 2021, §4.1)"""
    radii: Annotated[list[Positive], Field(min_length=1)] = Field(default=[0.01, 0.02, 0.05, 0.1, 0.2, 0.5])
    """how far the groups climb, in increasing order"""
    eigenvalues: Count = 5
    """how many of the largest ones"""
    probes: Annotated[int, Field(ge=2)] = 20
    """random vectors that the trace is estimated with"""

    @field_validator("radii")
    @classmethod
    def _increase(cls, radii: list[float]) -> list[float]:
        if any(one >= other for one, other in pairwise(radii)):
            raise ValueError(f"radii that do not increase – write  {line(('radii',), sorted(set(radii)))}")
        return radii


ANALYSES: dict[str, type[Analysis]] = {
    "landscape": Landscape,
    "hypergradient": Hypergradient,
    "sharpness": Sharpness,
}
"""what `lets analyse` computes"""


def _named(table: Any) -> Any:
    """A table without a kind is a pivot of run metrics, unless it has fields of another kind."""
    if isinstance(table, dict) and not _OTHERS & table.keys():
        return {"kind": "pivot", **table}
    return table


_TABLES = (Comparison, Ranking, AgainstPaper, Starts, Baselines, Hypergradient, Sharpness)
_OTHERS = {key for kind in _TABLES for key in kind.model_fields} - Table.model_fields.keys()
"""fields of the tables that have to say their kind"""

Figure = Annotated[
    Sensitivity | Curves | Landscape | Bars | Cost | Pareto | Hypergradient | Sharpness,
    Field(discriminator="kind"),
]
AnyTable = Annotated[
    Table | Comparison | Ranking | AgainstPaper | Starts | Baselines | Hypergradient | Sharpness,
    Field(discriminator="kind"),
    BeforeValidator(_named),
]


class Resources(Strict):
    """What a training asks of a cluster, beside a GPU for each of its ranks; changes no number."""

    minutes: Count = 24 * 60
    """after which the cluster may end it; the next try goes on from its state. Up to 30: several share a job"""
    memory_mb: Count = 16_000
    """of the host, for all its ranks"""


class Params(Strict):
    """A params file."""

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
    tables: dict[Name, AnyTable] = Field(default={})
    figures: dict[Name, Figure] = Field(default={})
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
