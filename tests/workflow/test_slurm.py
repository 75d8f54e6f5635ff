"""Trainings through a real SLURM, where this machine has one: the same bytes as without it, after `scancel` too."""

import json
import shutil
import subprocess
import time

import pytest
from tests.workflow.slurm import PROFILE, answer, cancel_the_job_of

from lets.config.paths import Layout
from lets.project import expand, load_params

SLURM = ["snakemake", "--configfile", "params/tiny.yaml", *PROFILE]  # in this order: a target may follow
pytestmark = pytest.mark.usefixtures("slurm")


def ask(project, minutes: int, epochs: int = 2) -> None:
    """Write into the params what the trainings ask of SLURM, and how long they are."""
    params = project.folder / "params" / "tiny.yaml"
    text = params.read_text().replace("epochs: 2", f"epochs: {epochs}")
    params.write_text(f"{text}\nresources: {{resnet-small: {{minutes: {minutes}, memory_mb: 1000}}}}\n")


@pytest.mark.slow
def test_short_trainings_share_a_job_and_their_bytes_are_the_same(project):
    ask(project, minutes=10)
    output = project.run(*SLURM, "runs").stderr
    (job,) = [
        line.split("jobid ")[1].split()[0] for line in output.splitlines() if "with SLURM jobid" in line
    ]
    assert "TimeLimit=01:00:00" in answer(
        "scontrol", "show", "job", job
    )  # six of ten minutes, one after another
    through_slurm = project.metrics()
    assert len(through_slurm) == 6
    shutil.rmtree(project.folder / "results")
    project.snakemake("runs")
    assert project.metrics() == through_slurm


@pytest.mark.slow
def test_a_cancelled_training_is_sent_again_and_goes_on(project):
    ask(project, minutes=60, epochs=60)
    run = next(iter(expand(load_params(project.folder / "params" / "tiny.yaml")).runs))
    layout = Layout("tiny", project.folder)
    weights = layout.run_file(run, "weights.safetensors")
    target = str(weights.relative_to(project.folder))
    project.snakemake(target)
    undisturbed = weights.read_bytes()
    shutil.rmtree(layout.run(run))

    workflow = subprocess.Popen([*SLURM, target], cwd=project.folder, env=project.env, stdout=-3, stderr=-3)
    deadline = time.monotonic() + 120
    while not layout.state(run).exists():
        assert time.monotonic() < deadline
        assert workflow.poll() is None
        time.sleep(0.05)
    cancel_the_job_of(project.folder)
    assert workflow.wait(timeout=240) == 0
    assert weights.read_bytes() == undisturbed
    assert json.loads(layout.run_file(run, "provenance.json").read_text())["resumed"] == 1
