"""How busy the cores are while the runs of a params file are trained: training seconds over wall clock × cores."""

import csv
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lets.config.matrix import Matrix
from lets.config.paths import Layout
from lets.project import expand, load_params
from lets.runs import RunRecord

from .measure import rounded
from .project import copy_project, demo_with, digits, seconds, write_params
from .result import Conditions, Findings, Row

HOW = """\
`snakemake runs --cores all` on {params} in a fresh folder, {runs} runs, {cores} cores. *busy*: the seconds
of all training jobs over wall clock × cores; a job's seconds are the wall clock of its command, starting
Python included, as Snakemake measures it (`benchmark:`); the wall clock is that of the whole `snakemake`
command, which also prepares the data. *in training*: the same with the seconds of `provenance.json`, which
begin when the data are read and end when the last epoch is evaluated: without starting Python and writing
the folder. The ratio is that of `busy` to the first round's."""


@dataclass(frozen=True)
class Shares:
    """What one round found."""

    wall: float
    jobs: float
    training: float

    def busy(self, cores: int) -> float:
        """The share of all cores' time that training jobs had."""
        return self.jobs / (self.wall * cores)


def measure(given: Conditions) -> Findings:
    """One row a round; each further round is a control of the first."""
    cores = len(os.sched_getaffinity(0))
    found, runs = list[Shares](), 0
    for _ in range(given.rounds):
        shares, runs = one_round(given)
        found.append(shares)
    rows = [_row(f"round {n}", shares, found[0], cores) for n, shares in enumerate(found, start=1)]
    params = "two short runs" if given.quick else str(given.params)
    return Findings(HOW.format(params=params, runs=runs, cores=cores), rows, rows[1:])


def one_round(given: Conditions) -> tuple[Shares, int]:
    """Train everything once; also return how many runs that was."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_project(folder)
        file = Path("params") / given.params.name
        shutil.copyfile(given.params, folder / file)
        if given.quick:
            file = Path("params/demo.yaml")
            write_params(
                folder,
                demo_with(
                    seeds=[0], experiments=digits(["resnet-small"], ["erm", "sam"]), training={"epochs": 1}
                ),
            )
        wall = seconds(["snakemake", "runs", "--cores", "all", "--quiet", "--configfile", str(file)], folder)
        params = load_params(folder / file)
        matrix = expand(params)
        return shares_of(matrix, Layout.of(params, folder), wall), len(matrix.runs)


def shares_of(matrix: Matrix, layout: Layout, wall: float) -> Shares:
    """Add up what Snakemake and the provenance of every run say."""
    jobs = sum(job_seconds(layout.benchmark(run)) for run in matrix.runs)
    training = sum(RunRecord.at(layout, run).provenance.seconds for run in matrix.runs)
    return Shares(wall, jobs, training)


def job_seconds(file: Path) -> float:
    """The wall clock of a job in Snakemake's benchmark file."""
    with file.open(newline="") as lines:
        return sum(float(row["s"]) for row in csv.DictReader(lines, delimiter="\t"))


def _row(name: str, shares: Shares, first: Shares, cores: int) -> Row:
    ratio = round(shares.busy(cores) / first.busy(cores), 4)
    return {
        "variant": name,
        "seconds": rounded(shares.wall),
        "busy": round(shares.busy(cores), 3),
        "in_training": round(shares.training / (shares.wall * cores), 3),
        "job_seconds": rounded(shares.jobs),
        "against": "round 1",
        "ratio": ratio,
        "low": ratio,
        "high": ratio,
    }
