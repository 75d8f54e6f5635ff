"""Models, losses, groups and hyper-parameters at random: accepted and right, or refused in one sentence."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import lets

METHODS = lets.methods()
odd = st.sampled_from(
    [None, -1, 0, 0.0, 1e-9, 0.5, 1.0, 3, 1e9, float("nan"), float("inf"), "0.1", True, (0.1, 1.0), []]
)
precisions = st.sampled_from(
    [torch.float64, torch.float32, torch.bfloat16, torch.complex64, torch.float8_e4m3fn]
)


class Model(nn.Module):
    """Layers of any width and precision, some frozen; the loss is smooth."""

    def __init__(self, widths: list[int], dtype: torch.dtype, frozen: list[bool], seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        shapes = list(pairwise(widths))
        values = [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]
        self.layers = nn.ParameterList(
            [nn.Parameter(v, requires_grad=not f) for v, f in zip(values, frozen, strict=False)]
        )

    def forward(self, batch: Tensor) -> Tensor:
        for weight in self.layers:
            batch = torch.tanh(batch.to(weight.dtype) @ weight)
        return batch.abs().double().sum(1)


def accepted(make: Any) -> Any:
    """What `make` returns; None if it was refused in one sentence."""
    try:
        return make()
    except (ValueError, TypeError) as error:
        said = str(error)
        assert "\n" not in said
        assert 10 < len(said) < 700
        return None


def sam_by_hand(model: Model, batch: Tensor, rho: float, lr: float) -> list[Tensor]:
    weights = [p for p in model.layers if p.requires_grad]
    gradient = torch.autograd.grad(model(batch).mean(), weights)
    norm = torch.stack([g.double().norm() for g in gradient]).norm().clamp_min(1e-20)
    start = [p.detach().clone() for p in weights]
    with torch.no_grad():
        for p, g in zip(weights, gradient, strict=True):
            p.add_((g.double() * (rho / norm)).to(p.dtype))
    there = torch.autograd.grad(model(batch).mean(), weights)
    return [s - lr * g for s, g in zip(start, there, strict=True)]


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(METHODS),
    widths=st.lists(st.integers(1, 4), min_size=2, max_size=4),
    frozen=st.lists(st.booleans(), min_size=3, max_size=3),
    dtype=precisions,
    scalar=st.booleans(),
    micro_batches=st.sampled_from([1, 1, 2, 0, 1.5]),
    total_steps=st.sampled_from([4, 4, None, 0, "4"]),
    n=st.integers(1, 5),
    given_=st.dictionaries(
        st.sampled_from(sorted({k for m in METHODS for k in lets.describe(m).hyperparameters})),
        odd,
        max_size=1,
    ),
    seed=st.integers(0, 99),
)
def test_create_and_step(
    name: str,
    widths: list[int],
    frozen: list[bool],
    dtype: torch.dtype,
    scalar: bool,
    micro_batches: Any,
    total_steps: Any,
    n: int,
    given_: dict[str, Any],
    seed: int,
) -> None:
    made = lambda: Model(widths, dtype, frozen, seed)  # noqa: E731
    model, twin = made(), made()
    options = {"total_steps": total_steps, "micro_batches": micro_batches, **given_}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    method = accepted(lambda: lets.create(name, model, optimizer, **options))
    if method is None:
        return
    batches = [torch.randn(n, widths[0], generator=torch.Generator().manual_seed(seed + i)) for i in range(2)]
    before = [p.detach().clone() for p in model.layers]

    def loss_fn(batch: Tensor) -> Tensor:
        return model(batch).mean() if scalar else model(batch)

    try:
        stats = accepted(lambda: method.step(loss_fn, *batches))
    except lets.DivergenceError:
        stats = None
    if stats is None:
        assert all(torch.equal(p, b) for p, b in zip(model.layers, before, strict=True))
        return
    assert all(p.isfinite().all() and p.grad is None for p in model.layers)
    assert all(torch.equal(p, b) for p, b in zip(model.layers, before, strict=True) if not p.requires_grad)
    if name == "sam" and dtype == torch.float64:
        expected = sam_by_hand(twin, batches[0], method.rho, 0.1)
        found = [p.detach() for p in model.layers if p.requires_grad]
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@settings(max_examples=25, deadline=None)
@given(
    widths=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    seed=st.integers(0, 999),
    rho=st.floats(0.001, 1.0),
)
def test_sam_is_straight_line_sam(dtype: torch.dtype, widths: list[int], seed: int, rho: float) -> None:
    model, twin = (Model(widths, dtype, [False] * 3, seed) for _ in range(2))
    batch = torch.randn(3, widths[0], generator=torch.Generator().manual_seed(seed)).to(dtype)
    method = lets.create("sam", model, torch.optim.SGD(model.parameters(), lr=0.1), rho=rho)
    method.step(model, batch)
    tolerance = 1e-9 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(
        list(model.layers), sam_by_hand(twin, batch, rho, 0.1), rtol=tolerance, atol=tolerance
    )
