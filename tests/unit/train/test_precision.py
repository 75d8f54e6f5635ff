"""Precision, memory format and compilation: what they change, and how little."""

import shutil

import pytest
import torch
from torch.nn.functional import cross_entropy

from lets.audit.retraining import evaluated
from lets.runs import RunRecord
from lets.train import train_run
from lets.train.device import compute_deterministically
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


@pytest.mark.skipif(
    shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on the CPU: no g++"
)
def test_compiled_steps_are_the_same_to_rounding(layout, make_run):
    """LETS with its frozen BatchNorm passes, three steps of equal batches, so that little is compiled."""
    histories = []
    for compiled in (False, True):
        spec = make_run("lets-sam", epochs=1, training={"compile": compiled, "batch_size": 479})
        train_run(spec, layout, "cpu", 1, lambda row: None)
        histories.append(RunRecord.at(layout, spec.id).history[0])
    eager, fast = histories
    assert fast.loss == pytest.approx(eager.loss, rel=1e-5)
    assert fast.rho == pytest.approx(eager.rho, rel=1e-5)
    assert fast.test_loss == pytest.approx(eager.test_loss, rel=1e-3)
    assert (fast.passes, fast.perturbed) == (eager.passes, eager.perturbed)
