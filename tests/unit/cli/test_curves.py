"""`lets status --tensorboard`: what TensorBoard would read, of a run that ended and of one that is at work."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.golden.factory import Project

from lets.cli.curves import Curves
from lets.errors import SpecError
from lets.train.job import save_state


def read(folder: Path, name: str) -> list[tuple[int, float]]:
    """Return (epoch, value) of the events, as the library of another project parses them."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import struct

    found = []
    for file in sorted(folder.glob("events*")):
        content, at = file.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack("<Q", content[at : at + 8])
            event = Event.FromString(content[at + 12 : at + 12 + length])
            found += [(event.step, one.simple_value) for one in event.summary.value if one.tag == name]
            at += 16 + length
    return found


def test_every_epoch_is_written_once_also_of_a_run_at_work(project: Project) -> None:
    pytest.importorskip("tensorboardX")
    first, second = project.run(seed=0).id, project.run(seed=1).id
    history = project.now.runs[first].record.history
    curves = Curves(project.now)
    curves.update(project.now)
    assert read(curves.folder / first, "test_accuracy") == [(1, 90.0), (2, 95.5)]
    for done in (history[:1], history):
        rows = [list(vars(row).values()) for row in done]
        save_state(project.layout.state(second), {}, {"history": rows})
        curves.update(project.now)
        curves.update(project.now)
        assert read(curves.folder / second, "test_accuracy") == [(1, 90.0), (2, 95.5)][: len(done)]
    assert read(curves.folder / second, "rho") == [
        (row.epoch, pytest.approx(row.rho)) for row in map(replace, history)
    ]


def test_without_the_package_one_sentence_says_so(project: Project, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(SpecError, match=r"not installed – run  pip install 'lets-repro\[curves\]'"):
        Curves(project.now)
