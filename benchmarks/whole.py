"""Whether whole commands do on a GPU what they do on a CPU: the tests, a training that is killed, a small matrix."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lets.config.paths import RUN_FILES, Layout
from lets.errors import LetsError
from lets.project import Project
from lets.runs import RunRecord

from .project import ROOT, copy_project, demo_with, digits, environment, seconds, write_params
from .result import Conditions, Findings, Row

TESTS = "`pytest -m gpu`: those that need a GPU, which are skipped without one."
RESUME = """\
LETS-SAM on digits through `lets train`, twice: to its end, and killed (SIGKILL) once it has a state, then resumed.
Wanted: the same bytes in every file but `provenance.json`."""
MATRIX = """\
`snakemake` on tests/workflow/tiny.yaml with `device: {device}`: six trainings, analyses, tables, figures, page, audit.
Wanted: every run finished on this device, and an audit that finds nothing."""
COMPARED = [name for name in RUN_FILES if name != "provenance.json"]


def tests(given: Conditions) -> Findings:
    """One row: what pytest says in its last line."""
    words = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "tests/unit"]
    done = subprocess.run(words, cwd=ROOT, env=environment(ROOT), capture_output=True, text=True, check=False)
    last = (done.stdout + done.stderr).strip().splitlines()[-1]
    wrong = [last] if done.returncode else []
    return Findings(TESTS, [{"variant": "pytest -m gpu", "said": last}], wrong=wrong, timed=False)


def resume(given: Conditions) -> Findings:
    """One row a file of the two run folders."""
    runs = digits(["resnet-small"], ["lets-sam"])
    content = demo_with(
        seeds=[0], device=given.device, experiments=runs, training={"epochs": 10 if given.quick else 40}
    )
    with tempfile.TemporaryDirectory() as name:
        projects = [_project(Path(name) / part, content) for part in ("whole", "killed")]
        (run,) = projects[0].matrix.runs
        words = ["lets", "train", "--run", run]
        seconds(words, projects[0].layout.root)
        kill(words, projects[1].layout, run)
        seconds(words, projects[1].layout.root)
        whole, killed = (
            [one.layout.run_file(run, file).read_bytes() for file in COMPARED] for one in projects
        )
        resumed = RunRecord.at(projects[1].layout, run).provenance.resumed
    same = [one == other for one, other in zip(whole, killed, strict=True)]
    wrong = [f"{file} has other bytes" for file, equal in zip(COMPARED, same, strict=True) if not equal]
    wrong += [] if resumed == 1 else [f"resumed {resumed} times, not once"]
    rows: list[Row] = [{"variant": file, "same": equal} for file, equal in zip(COMPARED, same, strict=True)]
    return Findings(RESUME, rows, wrong=wrong, timed=False)


def _project(folder: Path, content: str) -> Project:
    """A copy of this project with another matrix and the prepared digits."""
    copy_project(folder)
    write_params(folder, content)
    seconds(["lets", "data", "prepare", "digits"], folder)
    return Project.load(folder / "params/demo.yaml", folder)


def kill(words: list[str], layout: Layout, run: str) -> None:
    """Start a command and kill it when its training has a state; LetsError if it ends before."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        words, cwd=layout.root, env=environment(layout.root), stdout=quiet, stderr=quiet
    )
    while not layout.state(run).is_file():
        if process.poll() is not None:
            raise LetsError(f"{' '.join(words)} – ended with {process.returncode} before it could be killed")
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


def matrix(given: Conditions) -> Findings:
    """One row a run."""
    with tempfile.TemporaryDirectory() as name:
        folder, params = Path(name), "params/tiny.yaml"
        copy_project(folder)
        text = (ROOT / "tests/workflow/tiny.yaml").read_text()
        (folder / params).write_text(text.replace("device: cpu", f"device: {given.device}"))
        cores = str(len(os.sched_getaffinity(0)))
        seconds(["snakemake", "--cores", cores, "--quiet", "all", "--configfile", params], folder)
        seconds(["lets", "audit", "--params", params], folder)
        project = Project.load(folder / params, folder)
        records = [RunRecord.at(project.layout, run) for run in project.matrix.runs]
        found = [(one.id, str(one.status), one.provenance.machine.device) for one in records]
    wanted = ("finished", given.device_name)
    wrong = [f"{run} is {state} on {device}" for run, state, device in found if (state, device) != wanted]
    rows: list[Row] = [
        {"variant": run, "state": state, "device": str(device)} for run, state, device in found
    ]
    return Findings(MATRIX.format(device=given.device), rows, wrong=wrong, timed=False)
