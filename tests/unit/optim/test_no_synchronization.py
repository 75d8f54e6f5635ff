"""A step never waits for the device, shown without one: on the meta device there are no numbers to wait for.

Whatever reads a number on the host – `item`, `bool`, `tolist`, `nonzero`, a mask as index, a copy to the CPU –
raises on meta tensors. Copies from the host to the device would not raise but may wait too, and are watched
for. Not seen are `torch.tensor(..., device=...)`, an index by a list of the host, and what a kernel does inside:
the test at the end asks a real GPU.
"""

from contextlib import contextmanager
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import lets
from lets.optim import undo
from lets.optim.data_parallel import DataParallel

ADAPTIVE = [name for name in lets.methods() if lets.describe(name).policy == "adaptive"]
OTHERS = [name for name in lets.methods() if name not in ADAPTIVE]


class Transfers(TorchDispatchMode):
    """Notes every operation that moves numbers between host and device; a scalar made on the host is no move."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **kwargs or {})
        if {"copy", "to"} & set(func._schema.name.removeprefix("aten::").strip("_").split("_")):
            places = {x.device.type for x in tree_leaves((args, result)) if isinstance(x, Tensor)}
            if len(places) > 1:
                self.seen.append(str(func))
        return result


class Verdicts:
    """Stands in for `Readings`, the one copy to the host: a GPU makes it in the background."""

    def __init__(self, step, rho, quantities):
        assert all(x.device.type == "meta" for x in (rho, *quantities.values()))
        self.step = step
        sent.append(step)

    def raise_if_diverged(self):
        heard.append((self.step, len(sent)))


sent, heard = [], []


@pytest.fixture(autouse=True)
def verdicts(monkeypatch):
    sent.clear(), heard.clear()
    monkeypatch.setattr(undo, "Readings", Verdicts)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, device="meta")
        self.norm = nn.BatchNorm2d(4, device="meta")
        self.head = nn.Linear(4, 3, device="meta")

    def forward(self, batch):
        features = self.norm(self.convolution(batch[0])).relu().mean((2, 3))
        return nn.functional.cross_entropy(self.head(features), batch[1], reduction="none")


def batch():
    return torch.empty(8, 3, 6, 6, device="meta"), torch.empty(8, dtype=torch.int64, device="meta")


def make(name, model, **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    return lets.create(name, model, optimizer, total_steps=10, **options)


VARIANTS = [
    *((name, {}) for name in OTHERS),
    ("lets-sam", {"hessian": "exact"}),
    ("lets-sam", {"hessian": "finite-difference"}),
    ("lets-gsam", {"rho_optimizer": "sgd", "parametrization": "raw"}),
    ("lets-asam", {"asam_norm": "filterwise", "micro_batches": 2}),
    ("looksam", {"k": 2, "scope": "per-tensor"}),
    ("sam", {"bn_stats": "all"}),
]


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_a_step_reads_no_number(name, options):
    model = Network()
    method = make(name, model, **options)
    batches = [batch() for _ in range(7)]
    kinds = set()
    with Transfers() as transfers:
        for t in range(6):
            stats = method.step(model, batches[t], batches[t + 1])
            kinds.add(stats.perturbed)
    assert transfers.seen == []
    assert kinds == (
        {True, False} if lets.describe(name).policy in ("bernoulli", "every") else {name != "erm"}
    )


@pytest.mark.parametrize("name", ["sam", "esam", "lets-gsam"])
def test_one_of_several_processes_reads_no_number(name, monkeypatch):
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda x, group: None)
    model = Network()
    method = make(name, model)
    method._ranks = method._passes._ranks = DataParallel(synchronized=False, group=None)
    with Transfers() as transfers:
        for _ in range(3):
            method.step(model, batch(), batch())
    assert transfers.seen == []


@pytest.mark.parametrize("name", ["sam", "lets-sam"])
def test_a_verdict_is_heard_when_the_next_step_is_queued(name):
    model = Network()
    method = make(name, model)
    for _ in range(4):
        method.step(model, batch(), batch())
    assert sent == [0, 1, 2, 3]
    assert heard == [(t, t + 2) for t in range(3)], "the verdict on step t waits until step t + 1 is sent"


@pytest.mark.parametrize("name", ADAPTIVE)
def test_the_adaptive_policies_are_the_exception(name):
    """Whether to perturb is decided on the host; it is also the proof that a read does not go unnoticed."""
    model = Network()
    with pytest.raises(NotImplementedError, match=r"[Mm]eta"):
        make(name, model).step(model, batch(), batch())


@pytest.mark.parametrize(
    "read", [Tensor.item, Tensor.tolist, bool, Tensor.cpu, Tensor.nonzero, lambda x: x[x > 0], Tensor.numpy]
)
def test_every_read_would_be_noticed(read):
    with pytest.raises((RuntimeError, NotImplementedError, TypeError)):
        read(torch.ones((), device="meta"))


@pytest.mark.parametrize(
    "send", [lambda: torch.ones(3).to("meta"), lambda: torch.empty(3, device="meta").copy_(torch.ones(3))]
)
def test_every_transfer_would_be_noticed(send):
    with Transfers() as transfers:
        send()
    assert len(transfers.seen) == 1


@contextmanager
def waiting_forbidden():
    """Whatever makes the host wait for the GPU raises.

    Not the event that `lets.optim.undo` waits for: it belongs to the step before the one that has just been queued,
    so the GPU never runs dry.
    """
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@pytest.mark.parametrize("name", lets.methods())
def test_a_step_waits_for_no_gpu(name, monkeypatch):
    monkeypatch.undo()  # the real verdicts
    model = Network().to_empty(device="cuda").train()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    method = make(name, model)
    batches = [(torch.randn(8, 3, 6, 6, device="cuda"), torch.arange(8, device="cuda") % 3) for _ in range(9)]
    for pair in pairwise(batches[:3]):  # the first steps allocate, and choose kernels
        method.step(model, *pair)
    with waiting_forbidden():
        if name in ADAPTIVE:
            with pytest.raises(RuntimeError, match="synchroniz"):
                method.step(model, *batches[3:5])
        else:
            for pair in pairwise(batches[3:]):
                method.step(model, *pair)
