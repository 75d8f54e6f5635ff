"""`lets visit`: some minutes on a borrowed GPU. What is worth most is trained first, stopped in time, and packed."""

import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from lets.cli.options import Device, ParamsFile, Threads
from lets.commands import command
from lets.errors import DivergenceError, LetsError

if TYPE_CHECKING:
    from lets.config import RunSpec
    from lets.project import Project

__all__ = ["by_worth", "pack", "visit"]

FIRST = ("erm", "sam", "lets-sam", "asam", "lets-asam")
NOISE = ("clean", "symmetric-40")
PATIENCE_S = 15
"""what a stopped training may take to end, and packing after it"""


def visit(
    params: ParamsFile = Path("params/paper.yaml"),
    minutes: Annotated[float, typer.Option(help="all of it ends after so many", min=0.5)] = 10,
    out: Annotated[Path, typer.Option(help="folder of what is to be carried home")] = Path("work/visit"),
    device: Device = "",
    threads: Threads = 1,
) -> None:
    """Train what is worth most for some minutes, stop in time, and pack what is to be carried home.

    On a GPU that has no result of gpu-check yet, that is made first. records.tar.gz holds the runs that were finished,
    without weights; state.tar the one that was stopped: unpacked at the root of the project, it goes on from there.
    """
    from lets.project import Project
    from lets.runs import RunRecord, Status

    end = monotonic() + 60 * minutes - PATIENCE_S
    project = Project.load(params)
    place = device or project.params.device
    if place == "cuda":
        _check_gpu(threads)
    finished: list[RunSpec] = []
    begun: RunSpec | None = None
    for run in by_worth(project.matrix.runs.values()):
        if RunRecord.at(project.layout, run.id).status in (Status.FINISHED, Status.DIVERGED):
            continue
        if begun or end <= monotonic():
            break
        _make_data(project, run, params)
        words = ["train", "--run", run.id, "--params", params, "--device", place, "--threads", threads]
        done = _ended([sys.executable, "-m", "lets", *map(str, words)], end - monotonic())
        finished, begun = ([*finished, run], None) if done else (finished, run)
        pack(project, finished, begun, out)
    print(f"{len(finished)} runs finished, {1 if begun else 0} stopped; to be carried home: {out}")


def by_worth(runs: Iterable["RunSpec"]) -> list["RunSpec"]:
    """Sort runs: CIFAR-10 on ResNet-18 first, there five methods clean, with 40 % noise; other methods; other seeds.

    Another variant of the same method, as of a table over radii, comes after all of these.
    """
    seen: Counter[tuple[object, ...]] = Counter()

    def key(run: "RunSpec") -> tuple[object, ...]:
        seen[twin := (*run.setting, run.method, run.seed)] += 1
        main = (run.dataset, run.architecture) == ("cifar10", "resnet18") and run.noise in NOISE
        later = FIRST.index(run.method) if run.method in FIRST else len(FIRST)
        noise = NOISE.index(run.noise) if run.noise in NOISE else len(NOISE)
        return not main or seen[twin] > 1, run.seed, run.method not in FIRST, noise, later

    return sorted(runs, key=key)


def pack(project: "Project", finished: Iterable["RunSpec"], begun: "RunSpec | None", out: Path) -> None:
    """Write the two archives, whose paths are those from the root of the project."""
    from lets.config.paths import WEIGHTS

    layout = project.layout
    records = [path for run in finished for path in layout.run_files(run.id) if path.name != WEIGHTS]
    out.mkdir(parents=True, exist_ok=True)
    with tarfile.open(out / "records.tar.gz", "w:gz") as archive:
        for path in records:
            archive.add(path)
    with tarfile.open(out / "state.tar", "w") as archive:
        if begun and layout.state(begun.id).is_file():
            archive.add(layout.state(begun.id))


def _check_gpu(threads: int) -> None:
    """Make gpu-check where this card has no result of it; raises LetsError if it finds something wrong."""
    from lets.cli.bench import benchmarks

    benchmark = benchmarks("catalogue").BENCHMARKS["gpu-check"]
    given = benchmarks("result").Conditions(benchmark.rounds, "cuda", threads)
    path = benchmarks("result").place_of(benchmark, given)
    if path.is_file():
        return
    if subprocess.run([sys.executable, "-m", "lets", "bench", "gpu-check", "--device", "cuda"]).returncode:
        raise LetsError(
            f"{path} – gpu-check found this card wrong – read it; the same command again trains all the same"
        )


def _make_data(project: "Project", run: "RunSpec", params: Path) -> None:
    """Let Snakemake make what a run is trained on, where it is not there yet."""
    missing = [path for path in project.layout.inputs(run) if not path.is_file()]
    words = ["snakemake", "--cores", "all", "--quiet", "all", "--configfile", params, "--", *missing]
    if missing and subprocess.run([sys.executable, "-m", *map(str, words)]).returncode:
        raise LetsError(f"{missing[0]} – cannot be made – see the message above; by hand:  {command(*words)}")


def _ended(words: list[str], seconds: float) -> bool:
    """Run a training; stop it after so many seconds and return False. Raises LetsError if it fails."""
    process = subprocess.Popen(words)
    try:
        code = _wait(process, seconds)
    except subprocess.TimeoutExpired:
        return False
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
    if code not in (0, DivergenceError.exit_code):
        raise LetsError(f"{command(*words[1:])} – ended with {code} – see its message above")
    return True


def _wait(process: "subprocess.Popen[bytes]", seconds: float) -> int:
    return process.wait(seconds)
