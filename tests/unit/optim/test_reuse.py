"""The gradient of the validation batch is the next step's first pass: three passes, the same bytes."""

import pytest
import torch

import lets
from lets.errors import StaleGradientError
from lets.optim import method as method_module
from lets.optim.reuse import CachedGradient
from lets.optim.undo import Guard

LEARNED = [name for name in lets.methods() if name.startswith("lets-")]


def setup(network, name="lets-sam", batchnorm=True, **options):
    model = network(0, batchnorm)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    return model, lets.create(name, model, optimizer, total_steps=8, rho=0.2, **options)


def everything(model, method):
    tensors = [*model.parameters(), *model.buffers()]
    return torch.cat([x.detach().flatten().double() for x in tensors]), method.rho


@pytest.mark.parametrize("name", LEARNED)
def test_reuse_changes_no_number(name, network, draw):
    ends, spent = [], []
    for reuse in (True, False):
        model, method = setup(network, name)
        batches = [draw(t) for t in range(9)]
        passes = []
        for t in range(8):
            batch = batches[t] if reuse else tuple(x.clone() for x in batches[t])
            passes.append(method.step(model, batch, batches[t + 1]).passes)
        ends.append(everything(model, method))
        spent.append(passes)
    assert torch.equal(ends[0][0], ends[1][0])
    assert ends[0][1] == ends[1][1]
    assert 3 in spent[0] or 0 in spent[0]
    assert set(spent[1]) <= {4, 1}


def test_three_passes_are_four_over_sixty_steps_of_a_moving_radius(network, draw):
    """Parameters, radius and BatchNorm's buffers after each of 60 steps in float64, rho moving by more than 10 %."""
    (model, three), (twin, four) = (setup(network, rho_lr=0.05) for _ in range(2))
    batches, radii = [draw(t) for t in range(61)], [three.rho]
    for t in range(60):
        copies = [tuple(x.clone() for x in batches[i]) for i in (t, t + 1)]
        passes = (three.step(model, *batches[t : t + 2]).passes, four.step(twin, *copies).passes)
        assert passes == (3 if t else 4, 4)
        assert torch.equal(everything(model, three)[0], everything(twin, four)[0])
        assert three.rho == four.rho
        radii.append(three.rho)
    assert max(radii) / min(radii) > 1.1
    assert model.norm.num_batches_tracked == twin.norm.num_batches_tracked == 60


def test_passes(network, draw):
    model, method = setup(network)
    a, b = draw(0), draw(1)
    assert [method.step(model, a, b).passes, method.step(model, b, a).passes] == [4, 3]


def scale_weights(model, method, batch):
    with torch.no_grad():
        model.last.weight.mul_(1.01)


def replace_memory(model, method, batch):
    model.last.weight.data = 1.01 * model.last.weight.data


def change_batch(model, method, batch):
    batch[0].mul_(1.01)


def clamp_data(model, method, batch):
    for p in model.parameters():
        p.data.clamp_(-0.2, 0.2)


def scale_one_number(model, method, batch):
    model.last.bias.data[0] *= 1 + 1e-15


def change_batch_data(model, method, batch):
    batch[0].data[0, 0] += 1e-3


def swap_two_labels(model, method, batch):
    batch[1].data.copy_(batch[1].data.roll(1))


def change_average_data(model, method, batch):
    model.norm.running_var.data.mul_(1.01)


def enter_autocast(model, method, batch):
    step = method.step
    method.step = lambda *given: torch.autocast("cpu", dtype=torch.bfloat16)(step)(*given)


def load_state(model, method, batch):
    method.load_state_dict(method.state_dict())


def reset_averages(model, method, batch):
    model.norm.reset_running_stats()


def leave_train_mode(model, method, batch):
    model.norm.eval()


def freeze(model, method, batch):
    model.first.bias.requires_grad_(False)


@pytest.mark.parametrize(
    "change",
    [
        scale_weights,
        replace_memory,
        change_batch,
        clamp_data,
        scale_one_number,
        change_batch_data,
        swap_two_labels,
        change_average_data,
        enter_autocast,
        load_state,
        reset_averages,
        leave_train_mode,
        freeze,
    ],
)
def test_a_change_forbids_reuse(change, network, draw):
    model, method = setup(network)
    a, b = draw(0), draw(1)
    method.step(model, a, b)
    change(model, method, b)
    assert method.step(model, b, a).passes == 4


def test_another_loss_forbids_reuse_and_the_same_lambda_does_not(network, draw):
    model, method = setup(network)
    batches = [draw(t) for t in range(5)]
    passes = [method.step(lambda batch: model(batch), batches[t], batches[t + 1]).passes for t in range(2)]
    assert passes == [4, 3]
    assert method.step(lambda batch: 2 * model(batch), batches[2], batches[3]).passes == 4


SCALE = 1.0


def test_a_changed_variable_of_the_loss_forbids_reuse(network, draw, monkeypatch):
    """Captured or global: the loss is another one, though the function is the same object."""
    model, method = setup(network)
    batches = [draw(t) for t in range(6)]
    scale = 1.0

    def loss(batch):
        return SCALE * scale * model(batch)

    passes = []
    for t in range(5):
        scale = 2.0 if t >= 2 else scale
        if t == 4:
            monkeypatch.setitem(globals(), "SCALE", 3.0)
        passes.append(method.step(loss, batches[t], batches[t + 1]).passes)
    assert passes == [4, 3, 4, 3, 4]


def test_an_equal_copy_is_not_the_same_batch(network, draw):
    model, method = setup(network)
    method.step(model, draw(0), draw(1))
    assert method.step(model, draw(1), draw(2)).passes == 4


def test_evaluation_in_between_does_not_forbid_reuse(network, draw):
    model, method = setup(network)
    a, b = draw(0), draw(1)
    method.step(model, a, b)
    model.eval()
    with torch.no_grad():
        model(a)
    model.train()
    assert method.step(model, b, a).passes == 3


def test_bn_stats_all_never_reuses(network, draw):
    model, method = setup(network, bn_stats="all")
    a, b = draw(0), draw(1)
    method.step(model, a, b)
    assert method.step(model, b, a).passes == 4


def test_a_step_that_fails_does_not_reuse_later(network, draw):
    model, method = setup(network)
    a, b = draw(0), draw(1)
    method.step(model, a, b)
    with pytest.raises(ValueError, match="val_batch"):
        method.step(model, b)
    with pytest.raises(ZeroDivisionError):
        method.step(lambda batch: 1 / 0, b, a)
    assert method.step(model, b, a).passes == 4


def test_clamped_weights_give_the_numbers_of_a_method_that_never_reuses(network, draw):
    ends = []
    for reuse in (True, False):
        model, method = setup(network)
        batches = [draw(t) for t in range(6)]
        for t in range(5):
            batch = batches[t] if reuse else tuple(x.clone() for x in batches[t])
            method.step(model, batch, batches[t + 1])
            clamp_data(model, method, batch)
        ends.append(everything(model, method))
    assert torch.equal(ends[0][0], ends[1][0])
    assert ends[0][1] == ends[1][1]


class OfADevice(CachedGradient):
    """Answers as if everything lay on a GPU."""

    def is_valid(self, batch, fingerprint, now, hear_later):
        if batch is not self.batch or self.fingerprint != fingerprint:
            return False
        hear_later(torch.tensor(super().is_valid(batch, fingerprint, now, hear_later)))
        return True


def test_a_gpu_tells_one_step_late_and_both_steps_are_undone(network, draw, monkeypatch):
    monkeypatch.setattr(method_module, "CachedGradient", OfADevice)
    model, method = setup(network)
    method._guard = Guard(late=True)
    batches = [draw(t) for t in range(6)]
    for t in range(2):
        method.step(model, batches[t], batches[t + 1])
    clamp_data(model, method, batches[2])
    before = everything(model, method)
    assert method.step(model, batches[2], batches[3]).passes == 3
    with pytest.raises(StaleGradientError, match=r"step 2 reused .* through \.data"):
        method.step(model, batches[3], batches[4])
    assert torch.equal(everything(model, method)[0], before[0])
    assert method.rho == before[1]
    assert method.step(model, batches[2], batches[3]).passes == 4
