"""Where everything lies. No other module and no rule spells a path."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import lets.data.catalogue

if TYPE_CHECKING:
    from lets.config.matrix import Matrix
    from lets.config.params import Params
    from lets.config.run import RunSpec


WEIGHTS = "weights.safetensors"
RUN_FILES = (
    "run.json",
    "history.csv",
    "trace.safetensors",
    WEIGHTS,
    "provenance.json",
    "metrics.json",
)
"""in the order in which they are written: the last one means that all the others are whole"""
TABLE_SUFFIXES = ("csv", "md", "tex")
FIGURE_SUFFIXES = ("csv", "svg", "png")
SCHEMA = Path("workflow/schemas/params.schema.json")
COSTS = Path("src/lets/models/costs.csv")
LOCK = Path("requirements.lock")


@dataclass(frozen=True)
class Layout:
    """All paths of one profile (`demo`, `paper`, …), relative to the project folder `root`."""

    profile: str
    root: Path = Path()
    keep_weights: bool = True
    """whether a run folder holds the weights, or their digest alone (in provenance.json)"""

    @classmethod
    def of(cls, params: "Params", root: Path = Path()) -> "Layout":
        """The layout of a params file's profile."""
        return cls(params.profile, root, params.keep_weights)

    @property
    def runs(self) -> Path:
        """The tree of run folders (tracked by DVC)."""
        return self.root / "results" / self.profile / "runs"

    def run(self, run: str) -> Path:
        """The folder of one run."""
        return self.runs / run

    def run_file(self, run: str, name: str) -> Path:
        """One file of a run folder."""
        assert name in RUN_FILES, name
        return self.run(run) / name

    @property
    def file_names(self) -> tuple[str, ...]:
        """The names of the files that a finished run folder holds."""
        return RUN_FILES if self.keep_weights else tuple(name for name in RUN_FILES if name != WEIGHTS)

    def run_files(self, run: str) -> list[Path]:
        """Every file that a finished run folder holds."""
        return [self.run_file(run, name) for name in self.file_names]

    def landscape(self, run: str) -> Path:
        """The loss on a plane through the final weights of one run."""
        return self.analysis("landscape", run)

    def hypergradient(self, run: str) -> Path:
        """The hyper-gradient along one run, taken in every way."""
        return self.analysis("hypergradient", run)

    def sharpness(self, run: str) -> Path:
        """How sharp the minimum of one run is."""
        return self.analysis("sharpness", run)

    def analysis(self, kind: str, run: str) -> Path:
        """What `lets analyse` computed of one run."""
        return self.root / "results" / self.profile / "analysis" / kind / f"{run}.csv"

    @property
    def memory(self) -> Path:
        """Snakemake's records of what made the files of this profile (tracked by DVC)."""
        return self.root / "results" / self.profile / "snakemake"

    def state(self, run: str) -> Path:
        """The state that an interrupted training resumes from (never a declared output)."""
        return self.root / "work" / self.profile / "state" / run / "state.pt"

    def aside(self, name: str) -> Path:
        """Where something in the tree of runs goes that nobody asks for."""
        return self.root / "work" / self.profile / "aside" / name

    @property
    def curves(self) -> Path:
        """TensorBoard's event files, a folder per run; made of the runs, and part of no record."""
        return self.root / "work" / self.profile / "tensorboard"

    def log(self, stage: str, name: str) -> Path:
        """The log file of one job."""
        return self.root / "work" / self.profile / "logs" / stage / f"{name}.log"

    @property
    def raw(self) -> Path:
        """Downloaded data, in torchvision's layout."""
        return self.root / "data" / "raw"

    @property
    def prepared_data(self) -> Path:
        """What `lets data` makes of downloaded data, a folder for each data set."""
        return self.root / "data" / "processed"

    def arrays(self, dataset: str) -> Path:
        """The verified arrays of a data set."""
        return self.prepared_data / dataset / "arrays.safetensors"

    def index(self, dataset: str) -> Path:
        """The list of a data set's pictures, which stay where they are."""
        return self.prepared_data / dataset / "index.csv.gz"

    def prepared(self, dataset: str) -> Path:
        """What `lets data prepare` makes of a data set: its arrays, or the index of its pictures."""
        pictures = lets.data.catalogue.describe(dataset).pictures
        return self.index(dataset) if pictures else self.arrays(dataset)

    def subset(self, dataset: str, samples: int | str) -> Path:
        """The numbers of the images of a training set of so many samples."""
        return self._training_set(dataset, samples) / "indices.safetensors"

    def labels(self, dataset: str, noise: str, samples: int | str | None = None) -> Path:
        """The noisy training labels of a data set, or of its subset of so many samples."""
        return self._training_set(dataset, samples) / f"{noise}.safetensors"

    def noise_card(self, dataset: str, noise: str, samples: int | str | None = None) -> Path:
        """What a label file holds: nominal and realised rate, seed, digest."""
        return self._training_set(dataset, samples) / f"{noise}.json"

    def _training_set(self, dataset: str, samples: int | str | None) -> Path:
        folder = self.prepared_data / dataset
        return folder / f"train-{samples}" if samples else folder

    def inputs(self, run: "RunSpec") -> list[Path]:
        """The data files that one run is trained on."""
        files, samples = [self.prepared(run.dataset)], run.training.train_samples
        if samples:
            files.append(self.subset(run.dataset, samples))
        if run.noise != "clean":
            named = run.dataset, run.noise, samples
            files += [self.labels(*named), self.noise_card(*named)]
        return files

    def data_folders(self, matrix: "Matrix") -> list[Path]:
        """The folders of data that the runs of a matrix are trained on (tracked by DVC, shared by profiles)."""
        return sorted({self.prepared(run.dataset).parent for run in matrix.runs.values()})

    @property
    def image(self) -> Path:
        """The container image that --use-singularity runs in; `make image` builds it."""
        return self.root / "containers" / "lets.sif"

    def benchmark(self, run: str) -> Path:
        """Time and memory of one training, as Snakemake measured them."""
        return self.root / "work" / self.profile / "benchmarks" / f"{run}.tsv"

    @property
    def reports(self) -> Path:
        """Tables, figures, page and audit of the profile (tracked by DVC)."""
        return self.root / "reports" / self.profile

    def table(self, name: str, suffix: str) -> Path:
        """One rendering of a table."""
        return self.reports / "tables" / f"{name}.{suffix}"

    def tables(self, name: str) -> list[Path]:
        """Every rendering of a table."""
        return [self.table(name, suffix) for suffix in TABLE_SUFFIXES]

    def figure(self, name: str, suffix: str) -> Path:
        """One rendering of a figure, or the numbers drawn in it (csv)."""
        return self.reports / "figures" / f"{name}.{suffix}"

    def figures(self, name: str) -> list[Path]:
        """Every rendering of a figure."""
        return [self.figure(name, suffix) for suffix in FIGURE_SUFFIXES]

    @property
    def claims(self) -> Path:
        """The claims of the paper and their verdicts: what a reviewer reads first."""
        return self.reports / "claims.md"

    @property
    def claims_csv(self) -> Path:
        """The same for machines."""
        return self.reports / "claims.csv"

    @property
    def page(self) -> Path:
        """The self-contained HTML report."""
        return self.reports / "index.html"

    @property
    def summary(self) -> Path:
        """Mean metrics of every variant, for `dvc metrics show`."""
        return self.reports / "summary.json"

    @property
    def long_table(self) -> Path:
        """One line per run of the matrix, with every number."""
        return self.reports / "runs.csv"

    @property
    def audit(self) -> Path:
        """The machine-readable receipt of the last audit."""
        return self.reports / "audit" / "audit.json"

    @property
    def incomplete_audit(self) -> Path:
        """That of an audit which lacked something: it takes the place of no complete one."""
        return self.root / "work" / self.profile / "audit" / "audit.json"

    @property
    def audit_text(self) -> Path:
        """The same receipt for people."""
        return self.reports / "audit" / "audit.md"

    @property
    def crate(self) -> Path:
        """The archive that `lets export` writes."""
        return self.root / "work" / f"{self.profile}.crate.zip"

    @property
    def published(self) -> Path:
        """Every number the paper prints."""
        return self.root / "params" / "published.csv"

    @property
    def quoted(self) -> Path:
        """Which of these are likely those of other papers."""
        return self.root / "params" / "quoted.yaml"

    @property
    def paper_claims(self) -> Path:
        """Every claim of the paper, and how it is tested."""
        return self.root / "params" / "claims.yaml"


def compared(layout: Layout) -> Path:
    """The folder of what `lets compare --page` writes: the page with the comparison on it, and a line per run."""
    return layout.root / "work" / layout.profile / "compare"
