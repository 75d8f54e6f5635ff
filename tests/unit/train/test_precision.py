"""Precision, memory format and compilation: what they change, and how little."""

import shutil

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import lets.models
from lets.audit.retraining import evaluated
from lets.errors import SpecError
from lets.runs import RunRecord
from lets.train import train_run
from lets.train.device import compiled, compute_deterministically
from lets.train.loop import Training
from lets.train.run_data import RunData

CPU = torch.device("cpu")


def training_of(spec, layout):
    return Training(spec, RunData.read(spec, layout, CPU), CPU)


def first_batch(training):
    return next(iter(training.data.train.epoch(0)))


def reference(training, batch):
    """The same losses in float64, straight line."""
    images, labels = batch
    model = training.model.double()
    losses = cross_entropy(model(images.double().contiguous()), labels, reduction="none")
    model.float()
    return losses


def test_bfloat16_computes_the_products_in_it_and_nothing_else(layout, make_run):
    training = training_of(make_run("sam", training={"precision": "bfloat16"}), layout)
    batch = first_batch(training)
    losses = training.loss(batch)
    losses.mean().backward()
    assert losses.dtype == torch.float32
    assert {p.grad.dtype for p in training.model.parameters()} == {torch.float32}
    error = (losses - reference(training, batch)).abs().max().item()
    # bfloat16 has 8 bits of significand: rounding is seen, and no more than rounding
    assert 1e-5 < error < 0.1


def test_float32_is_float32(layout, make_run):
    training = training_of(make_run("sam"), layout)
    batch = first_batch(training)
    assert (training.loss(batch) - reference(training, batch)).abs().max() < 1e-5


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_tf32_is_used_when_asked_for_only(precision):
    before = torch.get_deterministic_debug_mode(), torch.get_num_threads()
    try:
        compute_deterministically(1, precision)
        assert torch.backends.cuda.matmul.allow_tf32 == (precision == "tf32")
        assert torch.backends.cudnn.allow_tf32 == (precision == "tf32")
    finally:
        compute_deterministically(before[1])
        torch.set_deterministic_debug_mode(before[0])


def test_channels_last_reaches_images_and_weights_and_changes_roundings_only(layout, make_run):
    training = training_of(make_run("sam", training={"channels_last": True}), layout)
    images, _ = batch = first_batch(training)
    # digits have one channel, which lies the same either way; the second convolution tells
    weight = next(p for p in training.model.parameters() if p.dim() == 4 and p.shape[1] > 1)
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert (training.loss(batch) - reference(training, batch)).abs().max() < 1e-5


@pytest.mark.parametrize("given", [{"channels_last": True}, {"precision": "bfloat16"}])
@pytest.mark.parametrize("method", ["lets-asam", "gsam", "looksam"])
def test_a_run_in_any_precision_is_reproducible_and_its_weights_vouch_for_it(
    layout, make_run, tmp_path, method, given
):
    spec = make_run(method, training=given)
    metrics = train_run(spec, layout, "cpu", 1, lambda row: None)
    weights = layout.run_file(spec.id, "weights.safetensors").read_bytes()
    assert evaluated(spec, layout, "cpu").items() <= metrics.model_dump().items()
    shutil.rmtree(layout.run(spec.id))
    train_run(spec, layout, "cpu", 1, lambda row: None)
    assert layout.run_file(spec.id, "weights.safetensors").read_bytes() == weights
    assert metrics.test_accuracy > 50


def test_they_are_part_of_a_runs_identity(make_run):
    variants = [{}, {"precision": "tf32"}, {"channels_last": True}, {"compile": True}, {"ranks": 2}]
    assert len({make_run("sam", training=given).id for given in variants}) == len(variants)


class Stop(Exception):
    """Raised in the middle of a training."""


def stop(row):
    """Before the state after the second epoch is written."""
    if row.epoch == 2:
        raise Stop


def tiny(*_):
    """A network of which little is to be compiled."""
    layers = [nn.Conv2d(1, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10)]
    return nn.Sequential(*layers)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler: no g++")
@pytest.mark.parametrize("method", ["sam", "lets-sam"])
def test_compiled_steps_are_the_same_to_rounding_and_resume_to_the_byte(
    layout, elsewhere, digests, make_run, monkeypatch, method
):
    """Two epochs of 12 steps, the last of each with fewer samples; a new process has compiled nothing."""
    monkeypatch.setattr(lets.models, "create", tiny)
    eager, fast = (make_run(method, training={"compile": given}) for given in (False, True))
    for spec in (eager, fast):
        train_run(spec, layout, "cpu", 1, lambda row: None)
    traces = [RunRecord.at(layout, spec.id).trace() for spec in (eager, fast)]
    for name, column in traces[0].items():
        assert traces[1][name] == pytest.approx(column, rel=1e-3, abs=1e-5), name
    assert len(traces[0]["loss"]) == 24
    with pytest.raises(Stop):
        train_run(fast, elsewhere, "cpu", 1, stop)
    torch._dynamo.reset()
    train_run(fast, elsewhere, "cpu", 1, lambda row: None)
    assert RunRecord.at(elsewhere, fast.id).provenance.resumed == 1
    assert digests(elsewhere, fast.id) == digests(layout, fast.id)


def test_what_serves_a_batch_does_not_depend_on_those_before_it(monkeypatch):
    """Each number of samples has a graph of its own, with no size left open; the most are compiled, or it fails."""
    seen = []

    def note(graph, inputs):
        seen.append([x for x in inputs if isinstance(x, torch.SymInt)])
        return graph

    real = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda net, dynamic, options: real(net, backend=note, dynamic=dynamic)
    )
    monkeypatch.setattr("lets.train.device.MOST_GRAPHS", 12)
    monkeypatch.setattr("lets.train.device.shutil.which", lambda name: name)
    torch._dynamo.reset()
    forward = compiled(nn.Linear(3, 2), CPU)
    for size in (8, 5, 8, *range(9, 19)):
        forward(torch.ones(size, 3))
    assert seen == [[]] * 12
    with pytest.raises(torch._dynamo.exc.FailOnRecompileLimitHit):
        forward(torch.ones(20, 3))


def test_compiling_without_a_compiler_is_refused_before_the_first_step(layout, make_run, monkeypatch):
    monkeypatch.setattr("lets.train.device.shutil.which", lambda name: None)
    with pytest.raises(SpecError, match=r"needs g\+\+ on this machine.* write  compile: false"):
        training_of(make_run("sam", training={"compile": True}), layout)
