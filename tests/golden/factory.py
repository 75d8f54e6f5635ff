"""Hand-made run folders: everything a report reads, without a training."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from lets.analyses.hypergradient import Probe, probes_of, probes_text
from lets.analyses.sharpness import EIGENVALUE, M_SHARPNESS, TRACE, Measure, Sharpness, measures_text
from lets.config import RunSpec
from lets.config.matrix import Matrix
from lets.config.paths import Layout
from lets.figures.figure import write_figure
from lets.files import json_text, sha256_file, write_text
from lets.project import Project as Snapshot
from lets.project import expand, load_params
from lets.project.params import ParamsFile
from lets.runs import Divergence, Metrics
from lets.runs.history import HistoryRow, history_text
from lets.runs.provenance import Provenance

PARAMS = Path(__file__).parents[2] / "params"
PUBLISHED = PARAMS / "published.csv"
FACTS = ("published.csv", "quoted.yaml", "claims.yaml")
"""what is known of the paper: the same for every params file"""

TRAINING = {
    "epochs": 2,
    "batch_size": 32,
    "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 5.0e-4},
    "schedule": {"name": "cosine"},
}


class Project:
    """A project folder with a params file and as many run folders as a test writes."""

    def __init__(self, root: Path, **content: object) -> None:
        self.root = root
        text = {"profile": "golden", "seeds": [0, 1], "training": TRAINING, **content}
        (root / "params").mkdir(parents=True, exist_ok=True)
        self.file = root / "params" / "golden.yaml"
        self.file.write_text(yaml.safe_dump(text, sort_keys=False, allow_unicode=True))
        for name in FACTS:
            (root / "params" / name).write_bytes((PARAMS / name).read_bytes())
        self.params: ParamsFile = load_params(self.file)
        self.matrix: Matrix = expand(self.params)
        self.layout = Layout(self.params.profile, root)

    @property
    def now(self) -> Snapshot:
        """The project with what is on disk at this moment."""
        return Snapshot(self.params, self.matrix, self.layout)

    def draw(self, name: str) -> list[Path]:
        """Draw one figure into its files, as `lets report` does."""
        return write_figure(name, self.params.figures[name], self.now.numbers(name), self.layout)

    def runs(self, **fields: object) -> list[RunSpec]:
        """The runs whose fields (seed included) have these values, in the order of the params file."""
        return [
            run
            for run in self.matrix.runs.values()
            if all({**run.variant, "seed": run.seed}.get(k) == v for k, v in fields.items())
        ]

    def run(self, **fields: object) -> RunSpec:
        (run,) = self.runs(**fields)
        return run

    def finish(
        self,
        run: RunSpec,
        *accuracies: float,
        loss: float = 0.5,
        gap: float = 0.25,
        rho: float | None = None,
    ) -> None:
        """Write a finished run whose epochs have these test accuracies; learned radii move."""
        rho = rho or (0.07 if run.method.startswith("lets-") else 0.05)
        rows = [epoch_row(n, accuracy, loss, gap, rho) for n, accuracy in enumerate(accuracies, start=1)]
        self.write(run, rows)

    def write(
        self,
        run: RunSpec,
        history: Sequence[HistoryRow],
        divergence: Divergence | None = None,
        seconds: float = 1.5,
        peak_memory_mib: float = 100.0,
        image: str | None = None,
    ) -> None:
        """Write every file of a run folder."""
        history, folder = list(history), self.layout.run(run.id)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.json").write_text(json_text(run.model_dump(mode="json")))
        (folder / "history.csv").write_text(history_text(history))
        for name in ("trace.safetensors", "weights.safetensors"):
            (folder / name).touch()
        metrics = Metrics.of(run.id, history, divergence)
        (folder / "metrics.json").write_text(json_text(metrics.model_dump(mode="json")))
        files = {
            path.name: sha256_file(path)
            for path in sorted(folder.iterdir())
            if path.name != "provenance.json"
        }
        provenance = Provenance(
            run=run.id,
            files=files,
            code="0" * 64,
            data={},
            seeds={},
            packages={"python": "3.11.9", "torch": "2.14.1"},
            machine={"device": "cpu", "cpu": "Example CPU", "threads": 1, "system": "Linux x86_64"},
            image=image,
            started="2026-01-01T00:00:00+00:00",
            seconds=seconds,
            resumed=0,
            samples_per_second=1000.0,
            peak_memory_mib=peak_memory_mib,
        )
        (folder / "provenance.json").write_text(json_text(provenance.model_dump(mode="json")))

    def diverge(self, run: RunSpec, step: int = 7) -> None:
        """Write a run that stopped being finite in its first epoch."""
        self.write(run, [], Divergence(step=step, rho=0.05, norms={"loss": "nan"}))

    def edit_metrics(self, spec: RunSpec, **changes: object) -> None:
        """Change metrics.json in place."""
        path = self.layout.run_file(spec.id, "metrics.json")
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def landscape(self, run: RunSpec, curvature: float, points: int = 21, extent: float = 1.0) -> None:
        """Write a bowl of this curvature, as `lets analyse landscape` would."""
        axis = [extent * (2 * i / (points - 1) - 1) for i in range(points)]
        lines = [
            f"{a!r},{b!r},{0.02 + curvature * (a * a + 0.7 * b * b + 0.25 * a * b)!r}"
            for a in axis
            for b in axis
        ]
        write_text(self.layout.landscape(run.id), "\n".join(["a,b,loss", *lines]) + "\n")

    def sharpness(self, run: RunSpec, scale: float = 1.0, diverged: bool = False) -> list[Measure]:
        """Write measures as `lets analyse sharpness` would with its default settings, times `scale`."""
        item = Sharpness(kind="sharpness", title="", experiments=["any"])
        groups = item.samples // item.m
        measures = [
            Measure(EIGENVALUE, rank, 6 * scale / rank, rank * 1e-5, 35)
            for rank in range(1, item.eigenvalues + 1)
        ]
        measures.append(Measure(TRACE, 0, 25.25 * scale, 1.5 * scale, item.probes))
        measures += [
            Measure(M_SHARPNESS, radius, scale * radius * (0.1 + radius), scale * radius / 100, groups)
            for radius in item.radii
        ]
        if diverged:
            measures = [replace(one, value=math.nan, error=math.nan) for one in measures]
        write_text(self.layout.sharpness(run.id), measures_text(measures))
        return measures

    def hypergradient(self, run: RunSpec, steps: Sequence[int] = (0, 5, 10)) -> list[Probe]:
        """Write probes as `lets analyse hypergradient` would: at step 5 the diagonal ones have the wrong sign.

        Their size is 1, 2, 4, … thousandths of the true one, which is 0.5 at every step.
        """
        probes: list[Probe] = []
        for place, step in enumerate(steps):
            surrogate = 0.5e-3 * 2**place * (-1 if step == 5 else 1)
            found = {
                ("algorithm", "diagonal"): (surrogate, 0.1 * place),
                ("algorithm", "exact"): (0.4, 1.0),
                ("derivation", "diagonal"): (2 * surrogate, 0.2 * place),
                ("derivation", "finite-difference"): (0.6, 0.9),
                ("derivation", "exact"): (0.5, 1.0),
            }
            probes += probes_of(step, step // 10 + 1, 0.05, found)
        write_text(self.layout.hypergradient(run.id), probes_text(probes))
        return probes


def epoch_row(
    epoch: int, accuracy: float, loss: float = 0.5, gap: float = 0.25, rho: float = 0.05
) -> HistoryRow:
    return HistoryRow(
        epoch=epoch,
        steps=10,
        passes=20,
        perturbed=10,
        lr=0.1,
        rho=rho,
        loss=loss + 0.1,
        train_loss=loss,
        train_accuracy=99.0,
        test_loss=loss + gap,
        test_accuracy=accuracy,
    )
