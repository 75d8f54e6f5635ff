"""How long the engines think about a thousand finished runs: `python -m benchmarks.records`.

The records are generated, without weights: history, trace, metrics and provenance of every run. What is timed is
what a user types who has them all: a dry run of Snakemake, `dvc status`, `lets status`, `lets plan`, and the audit
of all layers but the evidence, which needs weights.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
import yaml
from safetensors.numpy import save_file

from lets.data.digest import arrays_sha256
from lets.data.processed import read_processed
from lets.records import Metrics
from lets.records.digests import sha256_file
from lets.records.files import write_json, write_text
from lets.records.history import HistoryRow, history_text
from lets.records.provenance import Provenance, machine, packages
from lets.spec import Layout, Matrix, RunSpec, expand, load_params

from .result import FOLDER, Row, report

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "dvc.yaml", "params", "profiles", "src", "workflow")
METHODS = ["erm", "sam", "lets-sam", "asam", "lets-asam"]
ARCHITECTURES = ["resnet-small", "wrn-small", "pyramidnet-small", "vit-small"]
EPOCHS, STEPS = 200, 391  # of CIFAR-10 in the paper
FILE = "params/demo.yaml"
TEXT = """\
{runs} finished runs of {epochs} epochs, {files:,} files, {mib:.0f} MiB; medians of {rounds} rounds, interleaved.
Every command begins a process of its own."""
COMMANDS = {
    "snakemake -n runs": ["snakemake", "runs", "--cores", "1", "--dry-run", "--quiet"],
    "dvc status runs": ["dvc", "status", "runs"],
    "lets status": ["lets", "status"],
    "lets plan": ["lets", "plan"],
    "lets audit": ["lets", "audit", "--weights", "0"],
}


def project(folder: Path, runs: int) -> Matrix:
    """Make a project in `folder` whose params ask for this many runs, to the next full seed; return its matrix."""
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, folder / part)
    seeds = list(range(-(-runs // (len(METHODS) * len(ARCHITECTURES)))))
    content = yaml.safe_load((ROOT / FILE).read_text())
    content |= {
        "seeds": seeds,
        "experiments": {
            "clean": {"datasets": ["digits"], "architectures": ARCHITECTURES, "methods": METHODS}
        },
        "tables": {"table1": {"title": "All", "experiments": ["clean"]}},
        "figures": {},
    }
    content["training"]["epochs"] = EPOCHS
    write_text(folder / FILE, yaml.safe_dump(content))
    return expand(load_params(folder / FILE))


def write_run(run: RunSpec, layout: Layout, data: dict[str, str]) -> None:
    """Write a finished run; its numbers are made up, but agree with each other as the audit wants it."""
    draw = np.random.default_rng(run.seeds()["order"])
    losses = draw.uniform(size=EPOCHS * STEPS)
    history = [
        HistoryRow(n, STEPS, 2 * STEPS, STEPS, 0.1, 0.05, float(mean), 1 / n, 90.0, 1 / n, 90.0)
        for n, mean in enumerate(losses.reshape(EPOCHS, STEPS).mean(axis=1), start=1)
    ]
    folder = layout.run(run.id)
    write_json(folder / "run.json", run.model_dump(mode="json"))
    write_text(folder / "history.csv", history_text(history))
    save_file({"loss": losses, "rho": np.full_like(losses, 0.05)}, folder / "trace.safetensors")
    (folder / "weights.safetensors").write_text(run.id)
    write_json(folder / "metrics.json", Metrics.of(run.id, history).model_dump(mode="json"))
    provenance = Provenance(
        run=run.id,
        files={path.name: sha256_file(path) for path in sorted(folder.iterdir())},
        code="0" * 64,
        data=data,
        seeds=run.seeds(),
        packages=packages(),
        machine=machine("cpu", 1),
        started="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        resumed=0,
        samples_per_second=1000.0,
        peak_memory_mib=100.0,
    )
    write_json(folder / "provenance.json", provenance.model_dump(mode="json"))


def seconds(command: list[str], folder: Path) -> float:
    """Run a command to its end in the project; a command that fails ends the benchmark with its words."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(folder / "src")}
    start = perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return perf_counter() - start


def prepare(folder: Path, runs: int) -> int:
    """Fill the project, and let both engines know what is in it; return the number of runs."""
    matrix = project(folder, runs)
    seconds(["lets", "data", "prepare", "digits"], folder)
    layout = Layout("demo", folder)
    digits = read_processed(layout.arrays("digits"))
    labels = arrays_sha256({"labels": digits.train.labels})
    for run in matrix.runs.values():
        write_run(run, layout, {"arrays": arrays_sha256(digits.arrays), "training_labels": labels})
    for command in ("git init -q", "dvc init -q", "snakemake runs --cores 2 --touch --quiet"):
        seconds(command.split(), folder)
    seconds(["dvc", "commit", "--force", "--quiet", "runs"], folder)
    seconds(["lets", "report"], folder)
    return len(matrix.runs)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--runs", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--folder", type=Path, default=FOLDER)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = prepare(folder, given.runs)
        sizes = [path.stat().st_size for path in (folder / "results").rglob("*") if path.is_file()]
        times: dict[str, list[float]] = {command: [] for command in COMMANDS}
        for _ in range(given.rounds):
            for command, words in COMMANDS.items():
                times[command].append(seconds(words, folder))
    rows: list[Row] = [
        {"command": command, "seconds": round(median(found), 2), "slowest": round(max(found), 2)}
        for command, found in times.items()
    ]
    facts = {"runs": count, "epochs": EPOCHS, "files": len(sizes), "mib": sum(sizes) / 2**20}
    report("records", torch.device("cpu"), TEXT.format(**facts, rounds=given.rounds), rows, given.folder)


if __name__ == "__main__":
    main()
