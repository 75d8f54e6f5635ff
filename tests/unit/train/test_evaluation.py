"""Loss and accuracy against a straight-line float64 computation."""

import pytest
import torch

import lets.models
from lets.data.dataset import read_processed
from lets.train.run_data import RunData
from lets.train.tasks import evaluate

CPU = torch.device("cpu")


def test_evaluation_is_the_mean_over_all_samples_in_eval_mode(layout, make_run):
    data = RunData.read(make_run("erm"), layout, CPU)
    torch.manual_seed(0)
    model = lets.models.create("resnet-small", 10, (1, 8, 8))
    model.train()
    found = evaluate(model, data.test)

    test = read_processed(layout.arrays("digits")).test
    reference = model.double().eval()
    images = (test.images.double() / 255 - 0.2873) / 0.3542
    logits = reference(images)
    losses = logits.logsumexp(1) - logits.gather(1, test.labels[:, None])[:, 0]
    assert found.loss == pytest.approx(losses.mean().item(), rel=1e-5)
    assert found.accuracy == pytest.approx(100 * (logits.argmax(1) == test.labels).double().mean().item())


def test_evaluation_leaves_mode_and_buffers_alone(layout, make_run):
    data = RunData.read(make_run("erm"), layout, CPU)
    model = lets.models.create("resnet-small", 10, (1, 8, 8)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gradients = list[bool]()
    model.register_forward_hook(lambda *_: gradients.append(torch.is_grad_enabled()))
    evaluate(model, data.train)
    assert model.training
    assert set(gradients) == {False}
    assert torch.is_grad_enabled()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
