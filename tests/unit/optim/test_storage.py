"""Parameters keep their own storage, wherever that is: for everybody else they are what they were."""

import copy
import io
import pickle

import pytest
import safetensors.torch
import torch
from torch import nn

import lets
from lets.optim.vectors import Storage


def optimizer_of(model, **options):
    return torch.optim.SGD(model.parameters(), **{"lr": 0.1, "momentum": 0.9, **options})


def blocks(parameters):
    return {p.untyped_storage().data_ptr() for p in parameters}


def channels_last():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 1), nn.Flatten(), nn.Linear(80, 3)
        )
    return model.to(memory_format=torch.channels_last)


class Losses(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network
        self.memory = torch.channels_last if network[0].weight.stride(1) == 1 else torch.contiguous_format

    def forward(self, batch):
        return nn.functional.cross_entropy(self.network(batch[0]), batch[1], reduction="none")


def test_values_shapes_and_strides_stay_what_they_were():
    model = channels_last()
    twin = copy.deepcopy(model)
    places = [p.data_ptr() for p in model.parameters()]
    lets.create("sam", model, optimizer_of(model))
    assert [p.data_ptr() for p in model.parameters()] == places
    assert len(blocks(model.parameters())) == len(places)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(p, q)
        assert p.stride() == q.stride()
        assert p.is_leaf
        assert p.requires_grad


@pytest.mark.parametrize("name", ["sam", "asam", "esam", "gsam", "looksam", "lets-asam"])
def test_channels_last_changes_no_number(name):
    ends = []
    for prepared in (channels_last, lambda: channels_last().to(memory_format=torch.contiguous_format)):
        model = Losses(prepared().double())
        generator = torch.Generator().manual_seed(1)
        images = torch.randn(4, 8, 3, 6, 6, generator=generator, dtype=torch.float64)
        labels = torch.randint(0, 3, (4, 8), generator=generator)
        method = lets.create(name, model, optimizer_of(model))
        for t in range(3):
            method.step(model, *[(images[i].to(memory_format=model.memory), labels[i]) for i in (t, t + 1)])
        ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    torch.testing.assert_close(*ends, rtol=1e-9, atol=1e-12)


def test_two_precisions_are_two_blocks_and_one_vector():
    """The joint norm runs over both: a step of SAM by hand."""
    a = nn.Parameter(torch.tensor([3.0], dtype=torch.float64))
    b = nn.Parameter(torch.tensor([4.0], dtype=torch.float32))
    model = nn.Module()
    model.a, model.b, seen = a, b, []

    def loss_fn(batch):  # L = (a^2 + b^2)/2: the gradient is (3, 4), its norm 5
        seen.append((model.a.item(), model.b.item()))
        return 0.5 * (model.a**2 + model.b.double() ** 2).expand(len(batch))

    method = lets.create("sam", model, torch.optim.SGD([a, b], lr=0.1), rho=0.5)
    method.step(loss_fn, torch.zeros(2, 1))
    assert seen[1] == pytest.approx((3.3, 4.4))
    assert (a.item(), b.item()) == pytest.approx((3 - 0.33, 4 - 0.44))


def test_saving_and_copying(network, draw):
    model = network(0)
    method = lets.create("sam", model, optimizer_of(model))
    method.step(model, draw(0))
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    tensors = safetensors.torch.load(safetensors.torch.save(model.state_dict()))
    twin = copy.deepcopy(model)
    for name, p in model.named_parameters():
        assert torch.equal(p, loaded[name])
        assert torch.equal(p, tensors[name])
        assert torch.equal(p, twin.get_parameter(name))
    assert blocks(twin.parameters()).isdisjoint(blocks(model.parameters()))


@pytest.mark.parametrize("name", lets.methods())
def test_a_method_changes_nothing_about_how_a_model_is_saved_and_shared(name, network, draw, tmp_path):
    """After it was made, and after a step: whole by safetensors, in parts at their own size, in shared memory."""
    model = network(0)
    file = io.BytesIO()
    torch.save(model.last, file)
    method = lets.create(name, model, optimizer_of(model), total_steps=3)
    for t in range(2):
        safetensors.torch.save_model(model, tmp_path / "model.safetensors")
        assert set(safetensors.torch.load_file(tmp_path / "model.safetensors")) == set(model.state_dict())
        part = io.BytesIO()
        torch.save(model.last, part)
        assert part.tell() == file.tell()
        method.step(model, draw(t), draw(50 + t))
    model.share_memory()
    places = [p.data_ptr() for p in model.parameters()]
    method.step(model, draw(2), draw(52))
    assert [p.data_ptr() for p in model.parameters()] == places
    assert all(p.is_shared() for p in model.parameters())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("name", lets.methods())
def test_a_method_copied_with_its_model_goes_on_with_it(name, copied, network, draw):
    """The original and the copy take the same steps, each with its own model; LookSAM keeps its stored part."""
    model = network(0, batchnorm=True)
    method = lets.create(name, model, torch.optim.Adam(model.parameters(), 0.1), total_steps=9)
    for t in range(2):
        method.step(model, draw(t), draw(t + 1))
    twin, other = copied((model, method))
    before = copy.deepcopy(model.state_dict())
    for t in range(2, 4):
        other.step(twin, draw(t), draw(t + 1))
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    for t in range(2, 4):
        method.step(model, draw(t), draw(t + 1))
    assert all(torch.equal(twin.state_dict()[k], v) for k, v in model.state_dict().items())
    assert other.rho == method.rho
    assert copied(lets.describe(name)) == lets.describe(name)
    with pytest.raises(TypeError):
        copied(lets.describe(name)).hyperparameters["rho"] = 1


@pytest.mark.parametrize("name", ["sam", "lets-asam"])
def test_parameters_that_were_replaced_are_noticed(name, network, draw):
    model = network(0)
    method = lets.create(name, model, optimizer_of(model))
    method.step(model, draw(0), draw(1))
    model.load_state_dict(network(1).state_dict(), assign=True)
    before = copy.deepcopy(model.state_dict())
    for _ in range(2):
        with pytest.raises(ValueError, match=r"'first.weight'.*replaced.*without assign=True"):
            method.step(model, draw(0), draw(1))
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_a_new_head_that_the_optimizer_knows_is_no_replacement(network, draw):
    model = network(0)
    optimizer = optimizer_of(model)
    method = lets.create("sam", model, optimizer)
    model.last = nn.utils.skip_init(nn.Linear, 6, 3, dtype=torch.float64)
    nn.init.constant_(model.last.weight, 0.1), nn.init.zeros_(model.last.bias)
    optimizer.add_param_group({"params": model.last.parameters()})
    before = model.last.weight.detach().clone()
    method.step(model, draw(0))
    assert not torch.equal(model.last.weight, before)


def test_a_loss_of_another_model_is_noticed(network, draw):
    model = network(0)
    method = lets.create("sam", model, optimizer_of(model))
    with pytest.raises(ValueError, match="do not depend on any trainable parameter of base_optimizer"):
        method.step(network(1), draw(0))


def test_loading_weights_reaches_the_next_step(network, draw):
    model, twin = network(0), network(1)
    method = lets.create("sam", model, optimizer_of(model, momentum=0.0))
    model.load_state_dict(twin.state_dict())
    other = lets.create("sam", twin, optimizer_of(twin, momentum=0.0))
    method.step(model, draw(0)), other.step(twin, draw(0))
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(p, q)


@pytest.mark.parametrize("name", ["asam", "looksam", "esam", "lets-sam"])
def test_weights_may_be_moved_in_between(name, network, draw):
    """Somebody gives every parameter new memory between two steps; nothing else changes."""
    ends = []
    for moved in (False, True):
        model = network(0)
        method = lets.create(name, model, optimizer_of(model))
        for t in range(4):
            if moved and t == 0:
                for p in model.parameters():
                    p.data = p.data.clone()
            method.step(model, draw(t), draw(50 + t))
        ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(*ends)


def test_a_group_that_is_added_takes_part(network, draw):
    model, seen = network(0), []
    optimizer = torch.optim.SGD(model.first.parameters(), lr=0.1, momentum=0.9)
    method = lets.create("looksam", model, optimizer, rho=0.3, k=2)
    method.step(model, draw(0))
    optimizer.add_param_group({"params": model.last.parameters()})
    method.step(model, draw(1))
    start = {n: p.detach().clone() for n, p in model.named_parameters()}

    def loss_fn(batch):
        seen.append({n: p.detach().clone() for n, p in model.named_parameters()})
        return model(batch)

    method.step(loss_fn, draw(2))
    moved = torch.sqrt(sum(((seen[1][n] - start[n]) ** 2).sum() for n in start))
    assert moved.item() == pytest.approx(0.3, rel=1e-12)
    assert not torch.equal(seen[1]["last.weight"], start["last.weight"])


@pytest.mark.parametrize("name", lets.methods())
def test_a_group_that_is_added_takes_part_in_every_method(name, network, draw):
    """ESAM's mask and ASAM's T grow with it; LookSAM's stored part stays that of the others."""
    model, seen = network(0), []
    optimizer = torch.optim.SGD(model.first.parameters(), lr=0.1)
    method = lets.create(name, model, optimizer, total_steps=9)
    for t in range(4):
        if t == 1:
            optimizer.add_param_group({"params": model.last.parameters()})
        before = model.last.weight.detach().clone()
        method.step(model, draw(t), draw(50 + t))
        seen.append(torch.equal(before, model.last.weight))
    assert seen == [True, False, False, False]


def test_t_of_an_added_layer_is_that_of_the_others(network, draw):
    """ASAM's climb over T^2 is in proportion to the gradient on all of them, weights and biases alike."""
    model, seen = network(0), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    method = lets.create("asam", model, optimizer, rho=0.3)
    method.step(model, draw(0))
    model.extra = nn.utils.skip_init(nn.Linear, 3, 3, dtype=torch.float64)
    nn.init.constant_(model.extra.weight, 0.3), nn.init.constant_(model.extra.bias, 0.2)
    optimizer.add_param_group({"params": model.extra.parameters()})

    def loss_fn(batch):
        seen.append([p.detach().clone() for p in model.parameters()])
        logits = model.extra(model.last(torch.tanh(model.first(batch[0]))))
        return nn.functional.cross_entropy(logits, batch[1], reduction="none")

    gradients = torch.autograd.grad(loss_fn(draw(1)).mean(), list(model.parameters()))
    seen.clear()
    method.step(loss_fn, draw(1))
    names = [name for name, _ in model.named_parameters()]
    t = [
        p.detach().abs() + 0.01 if "weight" in n else torch.ones((), dtype=torch.float64)
        for n, p in zip(names, model.parameters(), strict=True)
    ]
    norm = torch.sqrt(sum(((a * g) ** 2).sum() for a, g in zip(t, gradients, strict=True)))
    for a, g, before, after in zip(t, gradients, *seen, strict=True):
        torch.testing.assert_close(after - before, 0.3 * a**2 * g / norm, rtol=1e-9, atol=1e-12)


def test_gradients_can_be_cleared_in_either_way(network, draw):
    ends = []
    for clear in (lambda o: None, lambda o: o.zero_grad(), lambda o: o.zero_grad(set_to_none=False)):
        model = network(0)
        optimizer = optimizer_of(model)
        method = lets.create("sam", model, optimizer)
        for t in range(3):
            method.step(model, draw(t))
            clear(optimizer)
        ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(ends[0], ends[1])
    assert torch.equal(ends[0], ends[2])


def test_memory_with_gaps_is_closed_up():
    wide = torch.arange(12.0).view(3, 4)
    odd = [wide[:, :2], wide.t(), torch.tensor(7.0).expand(2, 2), torch.empty(0, 3)]
    storage = Storage(odd)
    for given, found in zip(odd, storage.views(storage.gather(odd)), strict=True):
        assert torch.equal(given, found)
    assert [len(block) for block in storage.gather(odd)] == [6 + 12 + 4]


def test_two_parameters_in_one_place_are_refused():
    """A perturbation would be added twice; one Parameter under two names is perturbed once."""
    model = nn.utils.skip_init(nn.Linear, 3, 3, bias=False)
    model.second = nn.Parameter(model.weight.data)
    with pytest.raises(ValueError, match=r"share memory.*one Parameter"):
        lets.create("sam", model, optimizer_of(model))
