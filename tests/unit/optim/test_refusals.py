"""Bad input is refused before anything changes; a step that fails leaves no trace."""

import copy

import pytest
import torch
from torch import nn

import lets

METHODS = lets.methods()


def make(name, model, **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return lets.create(name, model, optimizer, total_steps=10, **options)


def after_five_steps(name, network, draw):
    """LookSAM's next step is a refresh, the adaptive policies have seen some gradients."""
    model = network(0, batchnorm=True)
    method = make(name, model)
    for t in range(5):
        method.step(model, draw(t), draw(50 + t))
    return model, method


def trace(model, method):
    """Everything a step may change, as one comparable value."""
    optimizer = method.state_dict()
    return copy.deepcopy((list(model.state_dict().items()), optimizer))


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("fails_at", [1, 2, 3, 4, 5])
def test_an_exception_in_any_pass_leaves_no_trace(name, fails_at, network, draw):
    model, method = after_five_steps(name, network, draw)
    before, calls = trace(model, method), 0

    def loss_fn(batch):
        nonlocal calls
        calls += 1
        if calls == fails_at:
            raise KeyboardInterrupt
        return model(batch)

    try:
        method.step(loss_fn, draw(7), draw(57))
    except KeyboardInterrupt:
        assert same(before, trace(model, method))
    else:
        assert calls < fails_at
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_divergence_restores_and_reports(name, at, bad, network, draw):
    model, method = after_five_steps(name, network, draw)
    calls = 0

    def loss_fn(batch):
        nonlocal calls
        calls += 1
        return model(batch) * (bad if calls == at else 1.0)

    rehearsal, rehearsed = after_five_steps(name, network, draw)
    scores = name.endswith("esam")  # a forward pass that only decides about samples
    if at > rehearsed.step(rehearsal, draw(7), draw(57)).passes + scores:
        return
    before = trace(model, method)
    with pytest.raises(lets.DivergenceError) as caught:
        method.step(loss_fn, draw(7), draw(57))
    error = caught.value
    assert error.step == 5
    assert f"step 5: {', '.join(f'{k} {v:g}' for k, v in error.norms.items())}" in str(error)
    assert f"radius {error.rho:g}" in str(error)
    assert not all(torch.tensor(v).isfinite() for v in error.norms.values())
    assert same(before, trace(model, method))


@pytest.mark.parametrize("name", ["sam", "lets-sam", "esam"])
@pytest.mark.parametrize(
    ("batch", "error", "word"),
    [
        ((torch.zeros(0, 4), torch.zeros(0)), ValueError, "empty"),
        ((torch.zeros(3, 4), torch.zeros(2)), ValueError, "ragged"),
        ((torch.zeros(3, 4), torch.zeros(())), ValueError, "first dimension"),
        ((torch.zeros(3, 4), [0, 1, 2]), TypeError, "int"),
        ("images", TypeError, "str"),
        ((), ValueError, "no tensor"),
        (None, TypeError, "NoneType"),
    ],
)
def test_not_a_batch(name, batch, error, word, network, draw):
    model = network()
    method = make(name, model)
    before = trace(model, method)
    with pytest.raises(error, match=word):
        method.step(model, batch, draw(1))
    if name == "lets-sam" and batch is not None:
        with pytest.raises(error, match="val_batch"):
            method.step(model, draw(1), batch)
    assert same(before, trace(model, method))


@pytest.mark.parametrize(
    ("spoil", "error", "word"),
    [
        (lambda losses: losses.mean(0, keepdim=True), ValueError, "one loss per sample"),
        (lambda losses: losses.mean().long(), ValueError, "int64"),
        (lambda losses: losses[:-1], ValueError, r"\(8,\)"),
        (lambda losses: losses[:, None], ValueError, r"\(8, 1\)"),
        (lambda losses: losses > 0, ValueError, "bool"),
        (lambda losses: losses.tolist(), TypeError, "list"),
        (lambda losses: losses.detach(), ValueError, "detached"),
    ],
)
@pytest.mark.parametrize("name", ["erm", "lets-sam"])
def test_not_per_sample_losses(name, spoil, error, word, network, draw):
    model = network()
    method = make(name, model)
    before = trace(model, method)
    with pytest.raises(error, match=word):
        method.step(lambda batch: spoil(model(batch)), draw(0), draw(1))
    assert same(before, trace(model, method))


def test_a_learned_radius_needs_a_validation_batch(network, draw):
    model, called = network(), []
    method = make("lets-looksam", model)
    with pytest.raises(ValueError, match="val_batch"):
        method.step(called.append, draw(0))
    assert not called


def test_create_refuses(network):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="total_steps"):
        lets.create("ae-sam", model, optimizer)
    with pytest.raises(ValueError, match="total_steps = 0"):
        lets.create("ae-sam", model, optimizer, total_steps=0)
    with pytest.raises(ValueError, match="micro_batches"):
        lets.create("sam", model, optimizer, micro_batches=0)
    with pytest.raises(TypeError, match="closure"):
        lets.create("sam", model, torch.optim.LBFGS(model.parameters()))
    with pytest.raises(TypeError, match="must be a torch"):
        lets.create("sam", model.parameters(), optimizer)
    with pytest.raises(ValueError, match="no trainable parameter"):
        lets.create("sam", nn.utils.skip_init(nn.Linear, 2, 2), optimizer)
    with pytest.raises(ValueError, match="no method"):
        lets.create("adam", model, optimizer)
    with pytest.raises(ValueError, match="belongs to"):
        lets.create("sam", model, optimizer, rho_lr=0.1)


def test_a_state_of_another_method_is_refused(network):
    one, two = make("sam", network()), make("asam", network())
    with pytest.raises(ValueError, match="'asam', not of 'sam'"):
        one.load_state_dict(two.state_dict())
