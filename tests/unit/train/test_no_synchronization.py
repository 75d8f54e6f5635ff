"""Between two epochs a training never waits for the device, shown without one: the meta device has no numbers.

Whatever reads one on the host raises there: `item`, `float`, `bool`, a copy to the CPU, a mask as index.
"""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from lets.optim import undo
from lets.train import loop as training
from lets.train.device import Ranks
from lets.train.loop import Training
from lets.train.run_data import RunData
from lets.train.tasks import Evaluation, evaluate

META = torch.device("meta")


class NoVerdict:
    """Stands in for the one copy to the host, which a GPU makes in the background."""

    def __init__(self, step, rho, quantities):
        pass

    def raise_if_diverged(self):
        pass


@dataclass(frozen=True)
class Host(Ranks):
    """Where an evaluation ends: its sums, still on the device, are added up over the ranks and read."""

    def sum(self, values):
        assert values.device == META
        return torch.tensor([30.0, 5.0, 20.0])


def on_meta(spec, layout):
    return Training(spec, RunData.read(spec, layout, META), META)


@pytest.mark.parametrize("augmentation", ["none", "crop-flip-cutout"])
@pytest.mark.parametrize("method", ["erm", "lets-sam", "looksam"])
def test_a_stretch_of_steps_reads_no_number(layout, make_run, monkeypatch, method, augmentation):
    monkeypatch.setattr(undo, "Readings", NoVerdict)
    monkeypatch.setattr(training, "CHECKPOINT_INTERVAL", 4)
    here = on_meta(make_run(method, training={"augmentation": augmentation}), layout)
    assert here.run_interval() is None
    assert here.run_interval() is None
    assert here.epoch.steps == 8
    assert {column.device for column in here.trace.columns.values()} == {META}


def test_an_evaluation_reads_its_sums_once_at_the_end(layout, make_run):
    here = on_meta(make_run("erm"), layout)
    assert evaluate(here.model, here.data.test, ranks=Host()) == Evaluation(loss=1.5, accuracy=25.0)


def test_a_read_would_not_go_unnoticed(layout, make_run, monkeypatch):
    monkeypatch.setattr(undo, "Readings", NoVerdict)
    monkeypatch.setattr(training.Trace, "record", lambda self, step, stats: Tensor.item(stats.loss))
    with pytest.raises((RuntimeError, NotImplementedError), match=r"[Mm]eta"):
        on_meta(make_run("erm"), layout).run_interval()


@pytest.mark.gpu
@pytest.mark.parametrize("augmentation", ["none", "crop-flip-cutout"])
@pytest.mark.parametrize("method", ["erm", "lets-sam", "looksam"])
def test_on_a_gpu_no_step_waits_and_everything_lies_there(layout, make_run, method, augmentation):
    """Batches included, from the fourth step of an epoch on: what chance decides in it is sent at its beginning."""
    spec, device = make_run(method, training={"augmentation": augmentation}), torch.device("cuda", 0)
    here = Training(spec, RunData.read(spec, layout, device), device)
    try:
        for step, (batch, val_batch) in enumerate(here.data.pairs(0, spec.training.val_batches)):
            if step == 3:
                torch.cuda.set_sync_debug_mode("error")
            if step < here.steps_per_epoch - 2:  # the last batches: that of the next epoch is drawn there
                here._step(batch, val_batch)
            else:
                break
    finally:
        torch.cuda.set_sync_debug_mode("default")
    parts = (*here.model.parameters(), *here.model.buffers(), *here.trace.columns.values())
    assert {x.device for x in (*parts, *batch, here.data.test.padded, here.data.measured.labels)} == {device}
