"""Some minutes on a GPU: what is trained first, what is left of a training that is stopped, and what is packed."""

import subprocess
import tarfile
import time
from pathlib import Path

import pytest
import yaml

from lets.cli import visit
from lets.config.paths import WEIGHTS, Layout
from lets.project import Project, expand, load_params
from lets.runs import RunRecord
from lets.train import train_run

ROOT = Path(__file__).parents[3]


def test_order_of_the_paper():
    runs = visit.by_worth(expand(load_params(ROOT / "params/paper.yaml")).runs.values())
    told = [(run.seed, run.noise, run.method) for run in runs]
    five = ["erm", "sam", "lets-sam", "asam", "lets-asam"]
    assert told[:10] == [(0, noise, name) for noise in ("clean", "symmetric-40") for name in five]
    assert {told[at] for at in range(10, 22)} == {
        (0, noise, name)
        for noise in ("clean", "symmetric-40")
        for name in ("esam", "rst", "ae-sam", "looksam", "ae-looksam", "gsam")
    }
    assert [seed for seed, *_ in told[22:66]] == [1] * 22 + [2] * 22
    assert {(run.dataset, run.architecture) for run in runs[:66]} == {("cifar10", "resnet18")}
    radii = [run.hyperparameters["rho"] for run in runs[:66] if run.method == "lets-asam"]
    assert set(radii) == {1.0}, "the radii of Table 5 come later"
    assert len(set(told[:66])) == 66


@pytest.fixture
def small(tmp_path, layout, monkeypatch):
    """A project of two runs, and what a visit to it prints."""
    content = yaml.safe_load((ROOT / "tests/workflow/tiny.yaml").read_text())
    experiment = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["lets-sam", "erm"]}
    content = {key: content[key] for key in ("device", "seeds", "training")} | {
        "profile": "test", "seeds": [0], "experiments": {"one": experiment},
    }  # fmt: skip
    content["training"]["epochs"] = 6
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.chdir(tmp_path)
    return Project.load("params.yaml")


def visited() -> tuple[list[str], list[str]]:
    """The names in both archives after one more visit."""
    visit.visit(Path("params.yaml"), out=Path("home"))
    return names_in("home/records.tar.gz"), names_in("home/state.tar")


def names_in(path: str) -> list[str]:
    with tarfile.open(path) as archive:
        return sorted(archive.getnames())


def test_three_visits_and_a_move_end_with_the_bytes_of_an_unbroken_training(small, monkeypatch, tmp_path):
    erm, lets_sam = visit.by_worth(small.matrix.runs.values())
    state = small.layout.state(lets_sam.id)

    def until_there_is_a_state(process, seconds):
        while process.poll() is None and not state.is_file():
            time.sleep(0.01)
        if process.poll() is None:
            raise subprocess.TimeoutExpired(process.args, seconds)
        return process.returncode

    names = {run.method: [str(path) for path in small.layout.run_files(run.id)] for run in (erm, lets_sam)}
    five = {
        method: sorted(name for name in all_six if WEIGHTS not in name) for method, all_six in names.items()
    }
    assert len(five["erm"]) == 5
    with monkeypatch.context() as first:
        first.setattr(visit, "_wait", until_there_is_a_state)
        assert visited() == (five["erm"], [str(state)])
    state.unlink()
    with tarfile.open("home/state.tar") as archive:
        archive.extractall(".", filter="data")
    assert visited() == (five["lets-sam"], [])
    record = RunRecord.at(small.layout, lets_sam.id)
    assert record.provenance.resumed == 1
    unbroken = Layout("test", tmp_path / "unbroken")
    (tmp_path / "unbroken").mkdir()
    (tmp_path / "unbroken/data").symlink_to(tmp_path / "data")
    train_run(lets_sam, unbroken, "cpu", 1, lambda row: None)
    assert RunRecord.at(unbroken, lets_sam.id).provenance.files == record.provenance.files
    assert visited() == (five["lets-sam"], []), "nothing is left to do, and nothing is packed anew"


def test_a_training_that_fails_ends_the_visit(small, monkeypatch):
    monkeypatch.setattr(visit, "_wait", lambda process, seconds: 1)
    with pytest.raises(visit.LetsError, match="ended with 1"):
        visit.visit(Path("params.yaml"))


def test_without_time_nothing_begins(small):
    visit.visit(Path("params.yaml"), minutes=0.25, out=Path("home"))
    assert not small.layout.runs.exists()
