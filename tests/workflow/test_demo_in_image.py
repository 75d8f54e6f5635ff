"""Runs of the demo in the real image: the same bytes as outside, after `kill -9` and after `scancel` too."""

import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest
from tests.workflow.conftest import ROOT, Project, copy_project, put_image
from tests.workflow.slurm import PROFILE, cancel_the_job_of

from lets.config.paths import Layout
from lets.files import image_digest
from lets.project import expand, load_params
from lets.runs import RunRecord

MATRIX = expand(load_params(ROOT / "params" / "demo.yaml"))
VARIANTS = (
    "digits/clean/vit-small/lets-asam",
    "digits/symmetric-40/resnet-small/lets-sam",
    "emoji/clean/transformer-tiny/erm",
    "definitions/clean/deberta-tiny/erm",
)
RUNS = [next(run for run in MATRIX.runs if run.startswith(f"{variant}/")) for variant in VARIANTS]
KILLED = RUNS[0]  # it goes on for seconds after its first state
HERE = ["snakemake", "--cores", "2"]


def files(runs: list[str]) -> list[str]:
    return [str(path) for run in runs for path in Layout("demo").run_files(run)]


def results(project: Project, runs: list[str]) -> dict[str, list[bytes]]:
    """Metrics and weights of these runs."""
    layout, names = Layout("demo", project.folder), ("metrics.json", "weights.safetensors")
    return {run: [layout.run_file(run, name).read_bytes() for name in names] for run in runs}


@pytest.fixture(scope="module")
def outside(real_image, tmp_path_factory) -> Project:
    """A project whose runs were made without containers and undisturbed."""
    project = copy_project(tmp_path_factory.mktemp("outside"))
    project.run(*HERE, *files(RUNS))
    return project


@pytest.fixture
def inside(project, real_image) -> Project:
    """A project in which nothing has run, with the image."""
    put_image(project, real_image)
    return project


def interrupt(project: Project, command: list[str], stop: Callable[[subprocess.Popen], None]) -> int:
    """Start a workflow, stop it as soon as a training left a state, and return how it ended."""
    workflow = subprocess.Popen(
        command, cwd=project.folder, env=project.env, start_new_session=True, stdout=-3, stderr=-3
    )
    deadline = time.monotonic() + 180
    while not Layout("demo", project.folder).state(KILLED).exists():
        assert time.monotonic() < deadline
        assert workflow.poll() is None
        time.sleep(0.02)
    stop(workflow)
    return workflow.wait(timeout=240)


def check(inside: Project, outside: Project, runs: list[str]) -> None:
    layout = Layout("demo", inside.folder)
    provenance = {run: RunRecord.at(layout, run).provenance for run in runs}
    assert results(inside, runs) == results(outside, runs)
    assert {each.image for each in provenance.values()} == {image_digest(layout.image)}
    assert provenance[KILLED].resumed == 1


@pytest.mark.slow
def test_killed_in_the_image_and_resumed_there_the_bytes_are_those_of_outside(inside, outside):
    command = [*HERE, "--use-singularity", *files(RUNS)]
    interrupt(inside, command, lambda workflow: os.killpg(workflow.pid, signal.SIGKILL))
    assert not Layout("demo", inside.folder).run_file(KILLED, "metrics.json").exists()
    inside.run(*command)
    check(inside, outside, RUNS)


@pytest.mark.slow
@pytest.mark.usefixtures("slurm")
def test_through_slurm_in_the_image_and_cancelled_there_the_bytes_are_those_of_outside(inside, outside):
    command = ["snakemake", *PROFILE, "--use-singularity", *files(RUNS[:2])]
    assert interrupt(inside, command, lambda _: cancel_the_job_of(inside.folder)) == 0
    check(inside, outside, RUNS[:2])
