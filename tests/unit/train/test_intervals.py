"""An epoch in several intervals: a run killed within an epoch ends with the bytes of an unbroken one."""

from dataclasses import replace

import pytest

from lets.runs import RunRecord
from lets.train import job as running
from lets.train import loop, train_run


class Killed(Exception):
    """Raised in place of a kill, right after a state was written."""


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_INTERVAL", 5)  # an epoch of 12 steps is 5 + 5 + 2


def train(spec, layout):
    return train_run(spec, layout, "cpu", 1, lambda row: None)


def killed_after_every_state(monkeypatch):
    write = running.save_state

    def save_and_die(*arguments):
        write(*arguments)
        raise Killed

    monkeypatch.setattr(running, "save_state", save_and_die)


def train_whole_and_killed(spec, layout, elsewhere, monkeypatch, times):
    """Train in one go in `layout`; in `elsewhere` killed after so many saved states, and then to the end."""
    train(spec, layout)
    with monkeypatch.context() as patch:
        killed_after_every_state(patch)
        for _ in range(times):
            with pytest.raises(Killed):
                train(spec, elsewhere)
    train(spec, elsewhere)


@pytest.mark.parametrize("val_batches", ["next", "independent"])
@pytest.mark.parametrize("method", ["lets-sam", "ae-looksam", "rst", "lets-esam", "gsam"])
def test_killed_after_every_interval(layout, elsewhere, digests, make_run, monkeypatch, method, val_batches):
    spec = make_run(method, val_batches=val_batches)
    train_whole_and_killed(spec, layout, elsewhere, monkeypatch, times=6)  # two epochs of three intervals
    assert digests(elsewhere, spec.id) == digests(layout, spec.id)
    assert RunRecord.at(elsewhere, spec.id).provenance.resumed == 6


def test_killed_between_two_measurements(layout, elsewhere, digests, make_run, monkeypatch):
    spec = make_run("lets-sam", epochs=4, training={"measure_every": 2})
    train_whole_and_killed(spec, layout, elsewhere, monkeypatch, times=12)  # four epochs of three intervals
    assert digests(elsewhere, spec.id) == digests(layout, spec.id)


def test_measuring_seldom_changes_nothing_but_the_lines_of_the_history(layout, make_run):
    """Every number of the lines that are left is that of a run that measures after every epoch."""
    often = make_run("rst", epochs=6)
    seldom = often.model_copy(update={"training": often.training.model_copy(update={"measure_every": 3})})
    assert seldom.id != often.id
    for spec in (often, seldom):
        train(spec, layout)
    one, other = (RunRecord.at(layout, spec.id) for spec in (often, seldom))
    every = one.history
    assert [row.epoch for row in other.history] == [3, 6]
    for row, part in zip(other.history, (every[:3], every[3:]), strict=True):
        totals = {name: sum(getattr(one, name) for one in part) for name in ("steps", "passes", "perturbed")}
        mean = pytest.approx(sum(one.loss for one in part) / 3)
        assert row == replace(part[-1], **totals, loss=row.loss)
        assert row.loss == mean
    assert one.provenance.files["weights.safetensors"] == other.provenance.files["weights.safetensors"]
    assert one.provenance.files["trace.safetensors"] == other.provenance.files["trace.safetensors"]
    same = {"run", "best_test_accuracy", "best_epoch"}
    assert one.metrics.model_dump(exclude=same) == other.metrics.model_dump(exclude=same)
    assert other.metrics.epochs == 6


def test_dropout_draws_the_same_after_a_kill(layout, elsewhere, digests, make_run, monkeypatch):
    from lets.models import catalogue

    row = catalogue.ARCHITECTURES["vit-small"]
    wet = replace(row, arguments={**row.arguments, "dropout": 0.2})
    monkeypatch.setitem(catalogue.ARCHITECTURES, "vit-small", wet)
    spec = make_run("sam", epochs=1, architecture="vit-small")
    train(spec, layout)
    with monkeypatch.context() as patch:
        killed_after_every_state(patch)
        with pytest.raises(Killed):
            train(spec, elsewhere)
    train(spec, elsewhere)
    assert digests(elsewhere, spec.id) == digests(layout, spec.id)


def test_the_length_of_a_stretch_changes_no_weight(layout, elsewhere, digests, make_run, monkeypatch):
    spec = make_run("lets-sam")
    train(spec, layout)
    monkeypatch.setattr(loop, "CHECKPOINT_INTERVAL", 500)
    train(spec, elsewhere)
    there, here = digests(layout, spec.id), digests(elsewhere, spec.id)
    assert there["weights.safetensors"] == here["weights.safetensors"]
    assert there["trace.safetensors"] == here["trace.safetensors"]


def test_no_gradient_is_carried_over_the_end_of_a_stretch(layout, make_run):
    # three passes with a kept gradient, four for the first step of each of six intervals
    assert train(make_run("lets-sam"), layout).passes == 3 * 24 + 6


def test_an_epoch_is_measured_once(layout, make_run):
    spec = make_run("erm")
    train(spec, layout)
    history = RunRecord.at(layout, spec.id).history
    assert [(row.epoch, row.steps, row.passes) for row in history] == [(1, 12, 12), (2, 12, 12)]
