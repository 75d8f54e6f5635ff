"""Losses and counts of every task against straight lines; clipping; dropout masks."""

import pytest
import torch
from torch import nn

from lets.train.device import compute_deterministically
from lets.train.loop import clip_gradients
from lets.train.tasks import in_precision, task_of

LOGITS = torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [1.0, 1.0, 0.0]])
LABELS = torch.tensor([0, 0, 1])


def said(outputs):
    return lambda inputs: outputs


def test_classes_are_told_apart_by_cross_entropy():
    logits = LOGITS.double()
    expected = logits.exp().sum(1).log() - logits[torch.arange(3), LABELS]
    task = task_of("cifar10")
    losses = task.losses(said(LOGITS), (torch.zeros(3), LABELS), 0.0)
    assert torch.allclose(losses.double(), expected, atol=1e-6)
    loss, right, count = task.tally(said(LOGITS), (torch.zeros(3), LABELS)).tolist()
    assert (right, count) == (1.0, 3.0)  # of a tie the first class is the answer
    assert loss == pytest.approx(expected.sum().item(), rel=1e-6)


def test_smoothed_labels_share_with_all_classes():
    """(1 − s) of the loss of the true class, s of the mean over all classes."""
    logits = LOGITS.double()
    each = logits.logsumexp(1, keepdim=True) - logits
    expected = 0.9 * each[torch.arange(3), LABELS] + 0.1 * each.mean(1)
    losses = task_of("mrpc").losses(said(LOGITS), (torch.zeros(3), LABELS), 0.1)
    assert torch.allclose(losses.double(), expected, atol=1e-6)


def test_a_regression_is_right_within_half_a_point():
    outputs, values = torch.tensor([[1.0], [2.5], [4.0]]), torch.tensor([1.5, 2.0, 3.0])
    task = task_of("stsb")
    assert task.losses(said(outputs), (outputs, values), 0.0).tolist() == [0.25, 0.25, 1.0]
    assert task.tally(said(outputs), (outputs, values)).tolist() == [1.5, 2.0, 3.0]


def test_outputs_are_float32_in_every_precision():
    network = nn.Linear(4, 2)
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    exact, coarse = (in_precision(network, name, torch.device("cpu"))(x) for name in ("float32", "bfloat16"))
    assert exact.dtype == coarse.dtype == torch.float32
    assert torch.equal(exact, network(x))
    assert not torch.equal(exact, coarse)


@pytest.mark.parametrize(("longest", "factor"), [(1.0, 0.2), (5.0, 1.0), (9.0, 1.0), (0.0, 1.0)])
def test_a_gradient_is_shortened_to_its_longest(longest, factor):
    weights = [nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))]
    optimizer = torch.optim.SGD([{"params": weights[:1]}, {"params": weights[1:]}], lr=1.0)
    clip_gradients(optimizer, longest)
    for weight, slope in zip(weights, (3.0, 4.0), strict=True):  # the norm over all weights is 5
        weight.grad = torch.full((1,), slope)
    optimizer.step()
    assert [weight.item() for weight in weights] == pytest.approx([-3 * factor, -4 * factor], rel=1e-5)


class Recorded(nn.Module):
    """A network that remembers which inputs its dropout let through."""

    def __init__(self):
        super().__init__()
        self.dropout, self.head = nn.Dropout(0.5), nn.Linear(64, 10)
        self.masks = []

    def forward(self, x):
        kept = self.dropout(torch.ones_like(x.flatten(1)))
        self.masks.append(kept[:8].detach() > 0)
        return self.head(x.flatten(1) * kept)


@pytest.mark.parametrize("dropout", ["fresh", "same"])
def test_passes_of_a_step_share_their_masks_if_they_shall(layout, make_run, monkeypatch, dropout):
    from lets.train import loop
    from lets.train.run_data import RunData

    network = Recorded()
    monkeypatch.setattr(loop.lets.models, "create", lambda *arguments: network)
    compute_deterministically(1)
    spec = make_run("sam", epochs=1, val_batches="independent", training={"dropout": dropout})
    place = torch.device("cpu")
    loop.Training(spec, RunData.read(spec, layout, place), place).run_epoch()
    first, second, third, fourth = network.masks[:4]  # two passes of two steps
    assert torch.equal(first, second) == torch.equal(third, fourth) == (dropout == "same")
    assert not torch.equal(first, third)
