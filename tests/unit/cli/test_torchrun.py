"""`lets train` of a run with two ranks: it starts both, one of them speaks, and the exit code is theirs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from lets.config.paths import Layout
from lets.project import expand, load_params
from lets.runs import RunRecord, Status

RUN = "digits/clean/resnet-small/sam/"


def project(root: Path, **training: object) -> list[str]:
    """A params file with one run of two ranks; returns the command that trains it."""
    content = {
        "profile": "test",
        "device": "cpu",
        "seeds": [0],
        "training": {
            "epochs": 2,
            "batch_size": 256,
            "optimizer": {"name": "sgd", "lr": 0.1},
            "schedule": {"name": "constant"},
            "ranks": 2,
            **training,
        },
        "experiments": {
            "one": {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["sam"]}
        },
    }
    (root / "params.yaml").write_text(yaml.safe_dump(content))
    return [sys.executable, "-m", "lets", "train", "--params", "params.yaml", "--run", RUN]


def call(command: list[str], root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)


def record(root: Path) -> RunRecord:
    return RunRecord.at(Layout("test", root), expand(load_params(root / "params.yaml")).find(RUN).id)


def test_two_ranks_train_and_one_speaks(layout):
    done = call(project(layout.root), layout.root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("1/1 runs") == 1
    assert [line.split()[1] for line in done.stderr.splitlines()] == ["1/2", "2/2"]
    assert record(layout.root).status is Status.FINISHED


def test_a_divergence_keeps_its_exit_code(layout):
    done = call(project(layout.root, optimizer={"name": "sgd", "lr": 1e12}), layout.root)
    assert done.returncode == 3
    assert record(layout.root).status is Status.DIVERGED
    assert done.stderr.count("error: training diverged") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process together with its parent")
def test_whoever_kills_it_kills_both_ranks(layout):
    command = project(layout.root, epochs=10_000)
    with subprocess.Popen(command, cwd=layout.root, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("epoch 1/")
        assert len(family(layout.root)) == 3
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while family(layout.root) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert family(layout.root) == []


def family(root: Path) -> list[str]:
    """The processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            here = Path(os.readlink(process / "cwd")) == root
        except OSError:  # ended meanwhile
            continue
        if here and b"train" in (process / "cmdline").read_bytes():
            found.append(process.name)
    return found
