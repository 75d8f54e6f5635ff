"""How long commands think about a thousand finished runs.

The records are generated, without weights: history, trace, metrics and provenance of every run. What is timed is
what a user types who has them all: a dry run of Snakemake, `dvc status`, `lets status`, `lets plan`, and the audit
of all layers but the evidence, which needs weights. One thing is timed inside this process: the audit's sha256 of
every file.
"""

import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from lets.audit.context import Context
from lets.audit.expected import learning_rates
from lets.config import RunSpec
from lets.config.effort import steps
from lets.config.paths import Layout
from lets.data.dataset import arrays_sha256, read_processed
from lets.files import sha256_file, write_json, write_text
from lets.project import Project
from lets.runs import Metrics
from lets.runs.history import LEARNED, HistoryRow, history_text
from lets.runs.provenance import Machine, Provenance, cpu_name, packages

from .measure import Action, interleave
from .project import DEMO, copy_project, demo_with, digits, seconds, write_params
from .result import Conditions, Findings

HOW = """\
{runs} finished runs of {epochs} epochs, {files:,} files, {mib:.0f} MiB, in the page cache. Every command
begins a process of its own; *re-hash* is the audit's own function on all run folders, inside one process."""
METHODS = ["erm", "sam", "lets-sam", "asam", "lets-asam"]
ARCHITECTURES = ["resnet-small", "wrn-small", "pyramidnet-small", "vit-small"]
EPOCHS = 200  # of CIFAR-10 in the paper
WARM_UP = 1
STATUS, REHASH = "lets status", "re-hash of every run folder"
COMMANDS = {
    "snakemake -n runs": ["snakemake", "runs", "--cores", "1", "--dry-run", "--quiet"],
    "dvc status runs": ["dvc", "status", "runs"],
    STATUS: ["lets", "status"],
    "lets plan": ["lets", "plan"],
    "lets audit": ["lets", "audit", "--weights", "0"],
}


def measure(given: Conditions) -> Findings:
    """One row a command, against `lets status`."""
    seeds = 1 if given.quick else 50
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = prepare(folder, seeds)
        variants: dict[str, Action] = {title: _command(words, folder) for title, words in COMMANDS.items()}
        variants[REHASH] = _rehash(project, given.rounds)
        times = interleave(variants, STATUS, given.rounds, warm_up=WARM_UP)
        sizes = [path.stat().st_size for path in (folder / "results").rglob("*") if path.is_file()]
    how = HOW.format(runs=len(project.matrix.runs), epochs=EPOCHS, files=len(sizes), mib=sum(sizes) / 2**20)
    return Findings(how, [times.row(title, STATUS) for title in variants], [times.control()])


def _command(words: list[str], folder: Path) -> Action:
    return lambda _: seconds(words, folder)


def _rehash(project: Project, rounds: int) -> Action:
    """Each round has a context of its own, which knows what is there and has read no file for its digest."""
    contexts = [Context(project) for _ in range(rounds + WARM_UP)]
    for context in contexts:
        _ = context.complete
    return lambda turn: contexts[turn].digests


def prepare(folder: Path, seeds: int) -> Project:
    """Make a project whose runs are finished, and let both engines know what is in it."""
    copy_project(folder)
    experiments = digits(ARCHITECTURES, METHODS)
    write_params(
        folder, demo_with(seeds=list(range(seeds)), experiments=experiments, training={"epochs": EPOCHS})
    )
    project = Project.load(folder / DEMO, folder)
    seconds(["lets", "data", "prepare", "digits"], folder)
    images = read_processed(project.layout.arrays("digits"))
    labels = arrays_sha256({"labels": images.train.labels})
    for spec in project.matrix.runs.values():
        write_run(spec, project.layout, {"arrays": arrays_sha256(images.arrays), "training_labels": labels})
    for command in (
        "git init -q",
        "dvc init -q",
        "snakemake runs --cores 2 --touch --quiet",
        "dvc commit --force --quiet runs",
        "lets report",
    ):
        seconds(command.split(), folder)
    return project


def write_run(run: RunSpec, layout: Layout, data: dict[str, str]) -> None:
    """Write a finished run: made-up numbers that agree with spec, method and each other, as the audit wants it."""
    draw, per_epoch = np.random.default_rng(run.seeds()["order"]), steps(run) // EPOCHS
    losses = draw.uniform(size=EPOCHS * per_epoch)
    losses[1:] = np.random.default_rng(list(run.id.encode())).uniform(size=len(losses) - 1)
    learns, rho = run.method.startswith("lets-"), run.hyperparameters.get("rho", 0.0)
    assert isinstance(rho, float)
    perturbed = 0 if run.method == "erm" else per_epoch
    passes, rates = per_epoch + perturbed * (3 if learns else 1), learning_rates(run, per_epoch)
    history = [
        HistoryRow(
            n, per_epoch, passes, perturbed, rates(n * per_epoch - 1), rho, float(mean), 1.0, 90.0, 1.0, 90.0
        )
        for n, mean in enumerate(losses.reshape(EPOCHS, per_epoch).mean(axis=1), start=1)
    ]
    folder = layout.run(run.id)
    write_json(folder / "run.json", run.model_dump(mode="json"))
    write_text(folder / "history.csv", history_text(history))
    trace = {"loss": losses, "rho": np.full_like(losses, rho)}
    learned = dict.fromkeys(LEARNED, np.zeros_like(losses)) if learns else {}
    save_file(trace | learned, folder / "trace.safetensors")
    save_file({"weights": losses[1:2]}, folder / "weights.safetensors")
    write_json(folder / "metrics.json", Metrics.of(run.id, history).model_dump(mode="json"))
    provenance = Provenance(
        run=run.id,
        files={path.name: sha256_file(path) for path in sorted(folder.iterdir())},
        code="0" * 64,
        data=data,
        seeds=run.seeds(),
        packages=packages(),
        machine=Machine(device="cpu", cpu=cpu_name(), threads=1),
        started="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        resumed=0,
        samples_per_second=1000.0,
        peak_memory_mib=100.0,
    )
    write_json(folder / "provenance.json", provenance.model_dump(mode="json"))
