"""Whole projects to be damaged; the usual one is made of records, written as a training does, with invented numbers."""

import json
import math
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import save

import lets.data
from lets.audit import Audit, Sample, perform
from lets.claims.document import write_claims
from lets.config import RunSpec, effort, seed_for
from lets.config.paths import RUN_FILES, Layout
from lets.data.dataset import arrays_sha256, write_processed
from lets.data.noisy_labels import make_noisy_labels, write_noisy_labels
from lets.figures import figure as figures
from lets.figures.figure import write_figure
from lets.files import sha256_file, write_bytes, write_json, write_text
from lets.page.page import write_page
from lets.page.summaries import write_runs, write_summary
from lets.project import Project as Snapshot
from lets.project import expand, load_params
from lets.runs import Divergence, Metrics, RunRecord
from lets.runs.code import code_digest
from lets.runs.history import HistoryRow, history_text
from lets.runs.provenance import Provenance
from lets.tables.render import write_table

PARAMS = Path(__file__).parent / "params.yaml"
PAPER = [
    Path(__file__).parents[2] / "params" / name for name in ("published.csv", "claims.yaml", "quoted.yaml")
]
STEPS = 12


def write_data(layout: Layout) -> dict[str, dict[str, str]]:
    """Write arrays and noisy labels; return their digests by noise."""
    digits = lets.data.load("digits")
    write_processed(digits, layout.arrays("digits"))
    labels, card = make_noisy_labels(
        digits.train.labels,
        dataset="digits",
        noise="symmetric-40",
        rate=0.4,
        exclude_true=False,
        classes=10,
        seed=seed_for("noise", "digits"),
    )
    write_noisy_labels(
        labels, card, layout.labels("digits", "symmetric-40"), layout.noise_card("digits", "symmetric-40")
    )
    trained_on = {"clean": digits.train.labels, "symmetric-40": labels}
    arrays = arrays_sha256(digits.arrays)
    return {
        noise: {"arrays": arrays, "training_labels": arrays_sha256({"labels": used})}
        for noise, used in trained_on.items()
    }


def make_run(
    layout: Layout,
    spec: RunSpec,
    data: dict[str, str],
    diverged: bool = False,
    code: str | None = None,
    image: str | None = None,
) -> None:
    """Write a run folder; its numbers are drawn from its id, as far as spec and method leave a choice."""
    draw, epochs, every = random.Random(spec.id), spec.training.epochs, spec.training.measure_every
    steps = foretold if (foretold := effort.steps(spec) // epochs) < 1000 else STEPS
    losses = numpy.array([_first_loss(spec), *(draw.uniform(0.1, 2) for _ in range(epochs * steps - 1))])
    rho = spec.hyperparameters.get("rho", 0.0)
    each = 1 if spec.method == "erm" else 4 if spec.method.startswith("lets-") else 2
    rows = [
        HistoryRow(
            epoch=epoch,
            steps=every * steps,
            passes=every * steps * each,
            perturbed=every * steps * (spec.method != "erm"),
            lr=spec.training.optimizer.lr * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / epochs)),
            rho=rho,
            loss=float(losses[(epoch - every) * steps : epoch * steps].mean()),
            train_loss=draw.uniform(0.1, 0.5),
            train_accuracy=draw.uniform(90, 100),
            test_loss=draw.uniform(0.5, 1),
            test_accuracy=draw.uniform(80, 90),
        )
        for epoch in range(every, (every if diverged else epochs) + 1, every)
    ]
    trace = {"loss": losses, "rho": numpy.full(len(losses), rho)}
    if spec.method.startswith("lets-"):  # a radius whose hyper-gradient is zero stays where it is
        trace |= {name: numpy.zeros(len(losses)) for name in ("gap", "hypergradient")}
    stopped = Divergence(step=STEPS + 3, rho=0.05, norms={"loss": "nan"}) if diverged else None
    if stopped:
        for column in trace.values():
            column[stopped.step :] = numpy.nan
    metrics = Metrics.of(spec.id, rows, stopped)

    def file(name: str) -> Path:
        return layout.run_file(spec.id, name)

    write_json(file("run.json"), spec.model_dump(mode="json"))
    write_text(file("history.csv"), history_text(rows))
    write_bytes(file("trace.safetensors"), save(trace))
    write_bytes(file("weights.safetensors"), save({"w": losses.astype("float32")}))
    write_json(file("metrics.json"), metrics.model_dump(mode="json"))
    provenance = Provenance(
        run=spec.id,
        files={name: sha256_file(file(name)) for name in RUN_FILES if name != "provenance.json"},
        code=code or code_digest(spec),
        data=data,
        seeds=spec.seeds(),
        packages={"torch": "2"},
        machine={"device": "cpu", "cpu": "invented", "threads": 1},
        image=image,
        started="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        resumed=0,
        samples_per_second=1.0,
        peak_memory_mib=1.0,
    )
    write_json(file("provenance.json"), provenance.model_dump(mode="json"))


def _first_loss(spec: RunSpec) -> float:
    """All methods of a seed start from the same weights."""
    start = spec.model_copy(update={"method": "", "hyperparameters": {}})
    return random.Random(start.canonical()).uniform(1, 2)


@pytest.fixture(scope="session", autouse=True)
def drawn_once() -> Iterator[None]:
    """Draw the same numbers once: most audits of this folder are about other things."""
    draw, kept = figures.drawn, dict[tuple[str, ...], dict[str, bytes]]()

    def cached(name: str, figure: Any, numbers: Any) -> dict[str, bytes]:
        key = (name, figure.model_dump_json(), numbers.csv().text(), figures.full_caption(figure, numbers))
        if key not in kept:
            kept[key] = draw(name, figure, numbers)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "drawn", cached)
        yield


class Project:
    """A project in the current folder."""

    def __init__(self) -> None:
        self.file = Path("params/test.yaml")
        self.read()
        self.layout = Layout.of(self.params)

    def read(self) -> None:
        self.params = load_params(self.file)
        self.matrix = expand(self.params)

    @property
    def now(self) -> Snapshot:
        """The project with what is on disk at this moment."""
        return Snapshot(self.params, self.matrix, self.layout)

    def run(
        self, method: str, seed: int = 0, noise: str = "clean", architecture: str = "resnet-small"
    ) -> str:
        """Return the id of the one run like this (of the first radius)."""
        runs = [
            id
            for id, run in self.matrix.runs.items()
            if (run.method, run.seed, run.noise, run.architecture) == (method, seed, noise, architecture)
        ]
        return runs[0]

    def path(self, run: str, name: str) -> Path:
        return self.layout.run_file(run, name)

    def data(self, noise: str) -> dict[str, str]:
        """Return what a run with this noise was trained on."""
        return RunRecord.at(self.layout, self.run("sam", 0, noise)).provenance.data

    def reseal(self, run: str) -> None:
        """Make the provenance of a run agree with its files: what a careful forger would do."""
        path = self.path(run, "provenance.json")
        content = json.loads(path.read_text())
        content["files"] = {name: sha256_file(self.path(run, name)) for name in content["files"]}
        path.write_text(json.dumps(content))

    def draw(self) -> None:
        """Write tables and figures."""
        for name in self.params.tables:
            write_table(self.now.table(name), self.layout)
        for name, figure in self.params.figures.items():
            write_figure(name, figure, self.now.numbers(name), self.layout)

    def report_page(self) -> None:
        """Write the page alone."""
        write_page(self.now)

    def report(self) -> None:
        """Write everything that is printed."""
        self.draw()
        write_claims(self.now)
        write_page(self.now)
        write_summary(self.now)
        write_runs(self.now)

    def audit(self, weights: int = 0, **how: Any) -> Audit:
        return perform(self.file, Sample(weights, **how))


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all checks run in this process, where a test sees what they do, and what they import is imported once."""
    monkeypatch.setattr("lets.audit.beside._cores", lambda: 1)


@pytest.fixture(scope="session")
def make_project(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, Callable[[Project], None]], Path]:
    """Make a project of the text of its params, and what fills it, in a folder of its own."""

    def make(params: str, fill: Callable[[Project], None]) -> Path:
        root = tmp_path_factory.mktemp("project")
        (root / "params").mkdir()
        for file in PAPER:
            shutil.copy(file, root / "params")
        (root / "params" / "test.yaml").write_text(params)
        with chdir(root):
            fill(Project())
        return root

    return make


@pytest.fixture(scope="session")
def master(make_project: Callable[[str, Callable[[Project], None]], Path]) -> Path:
    """The project that `project` is a copy of, made once; a module of tests may have another one."""

    def fill(project: Project) -> None:
        data = write_data(project.layout)
        for spec in project.matrix.runs.values():
            make_run(project.layout, spec, data[spec.noise])
        project.report()

    return make_project(PARAMS.read_text(), fill)


@pytest.fixture
def project(master: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of `master`, to be damaged."""
    shutil.copytree(master, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Project()


@pytest.fixture
def edit() -> Callable[[Path, str, str], None]:
    """Change a file in place: same size, same time stamp."""

    def change(path: Path, there: str, instead: str) -> None:
        text, stat = path.read_text(), path.stat()
        assert there in text
        assert len(there) == len(instead)
        path.write_text(text.replace(there, instead, 1))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)

    return change


@pytest.fixture
def write_run() -> Callable[..., None]:
    """Write one run folder anew."""
    return make_run


@pytest.fixture(scope="session")
def prepare() -> Callable[[Layout], Any]:
    """Write data and noisy labels of the digits."""
    return write_data
