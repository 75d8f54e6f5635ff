"""Two gloo processes, started by torchrun, train one run on real pictures; killed, they go on to the same bytes.

Run as a script this file is one of the two processes.
"""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lets.config import RunSpec
from lets.config.paths import Layout
from lets.data import catalogue
from lets.data.folder import find_pictures, write_index
from lets.errors import SpecError
from lets.runs import RunRecord, Status
from lets.train import job as running
from lets.train import loop, train_run

CHECKPOINT_INTERVAL = 2  # half of an epoch


def small(name: str) -> catalogue.DatasetInfo:
    """Imagenette with as many pictures as the tests have, 56 pixels wide."""
    return replace(catalogue.DATASETS[name], classes=3, train_size=21, test_size=9, image=(3, 56, 56))


def die_after(states: int) -> None:
    """Let rank 0 be killed right after it has written so many states; torchrun ends the other one."""
    write, written = running.save_state, []

    def save_and_die(*arguments: object) -> None:
        write(*arguments)
        written.append(1)
        if len(written) == states:
            os.kill(os.getpid(), signal.SIGKILL)

    running.save_state = save_and_die  # type: ignore[assignment]


def one_of_two(spec_file: str, root: str, states: int) -> None:
    catalogue.DATASETS["imagenette"] = small("imagenette")
    loop.CHECKPOINT_INTERVAL = CHECKPOINT_INTERVAL
    die_after(states)
    spec = RunSpec.model_validate_json(Path(spec_file).read_text())
    train_run(spec, Layout("test", Path(root)), "cpu", 1, lambda row: print(row.epoch, flush=True))


def torchrun(spec: RunSpec, layout: Layout, pictures: Path, states: int = 0) -> subprocess.CompletedProcess:
    path = layout.root / "spec.json"
    path.write_text(spec.model_dump_json())
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.run(
        [*launcher, __file__, str(path), str(layout.root), str(states)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "LETS_DATA": str(pictures)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def projects(layout, elsewhere, pictures_root, monkeypatch):
    """Two project folders with the same prepared data."""
    monkeypatch.setitem(catalogue.DATASETS, "imagenette", small("imagenette"))
    write_index(find_pictures("imagenette", pictures_root), layout.prepared("imagenette"))
    return layout, elsewhere


def test_killed_within_an_epoch_they_end_with_the_same_bytes(projects, digests, make_run, pictures_root):
    whole, broken = projects
    # 21 pictures are four steps of 5; the last step would be of one picture and is left out
    training = {"ranks": 2, "batch_size": 5, "augmentation": "crop-flip"}
    run = make_run("lets-sam", training=training).model_copy(update={"dataset": "imagenette"})
    unbroken = torchrun(run, whole, pictures_root)
    assert unbroken.returncode == 0, unbroken.stderr
    assert unbroken.stdout.split() == ["1", "2"]  # one of the two speaks
    assert torchrun(run, broken, pictures_root, states=1).returncode != 0
    assert RunRecord.at(broken, run.id).status is Status.MISSING
    assert torchrun(run, broken, pictures_root).returncode == 0
    assert digests(broken, run.id) == digests(whole, run.id)
    assert RunRecord.at(broken, run.id).provenance.resumed == 1
    assert RunRecord.at(whole, run.id).metrics.steps == 8


def test_two_processes_take_the_steps_of_one(projects, make_run, pictures_root):
    """Without BatchNorm and without perturbation it does not matter who computes which half of a batch."""
    layout, other = projects
    of_two = make_run("erm", architecture="vit-small", lr=0.02, training={"ranks": 2})
    of_one = make_run("erm", architecture="vit-small", lr=0.02)
    assert torchrun(of_two, layout, pictures_root).returncode == 0
    train_run(of_one, other, "cpu", 1, lambda row: None)
    two, one = RunRecord.at(layout, of_two.id).history, RunRecord.at(other, of_one.id).history
    for ours, theirs in zip(two, one, strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-4)
        assert ours.test_loss == pytest.approx(theirs.test_loss, rel=1e-4)
        assert ours.train_loss == pytest.approx(theirs.train_loss, rel=1e-4)


def test_each_rank_climbs_along_its_own_half(projects, make_run, pictures_root):
    """m-sharpness: with so long a radius the halves of a batch lead elsewhere than the whole."""
    layout, other = projects
    of_two = make_run("sam", rho=0.5, architecture="vit-small", lr=0.02, training={"ranks": 2})
    of_one = make_run("sam", rho=0.5, architecture="vit-small", lr=0.02)
    assert torchrun(of_two, layout, pictures_root).returncode == 0
    train_run(of_one, other, "cpu", 1, lambda row: None)
    two, one = RunRecord.at(layout, of_two.id).history[-1], RunRecord.at(other, of_one.id).history[-1]
    assert abs(two.loss / one.loss - 1) > 1e-3


def test_a_run_of_two_is_refused_alone(layout, make_run):
    with pytest.raises(SpecError, match=r"1 processes – the run is trained by 2 .* plainly  lets train"):
        train_run(make_run("sam", training={"ranks": 2}), layout, "cpu", 1, lambda row: None)


if __name__ == "__main__":
    one_of_two(sys.argv[1], sys.argv[2], int(sys.argv[3]))
