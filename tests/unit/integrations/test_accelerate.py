"""accelerate: right numbers with `prepare`, `accumulate` and clipping, saved states, refusals."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.unit.integrations import problem
from tests.unit.integrations.problem import BATCHES, MAX_NORM, NAMES, SAMPLES, SIZE, STEPS, assert_is_the_line
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

accelerate = pytest.importorskip("accelerate", reason="accelerate comes with `make integrations`")
from accelerate import Accelerator  # noqa: E402
from accelerate.state import AcceleratorState, GradientState, PartialState  # noqa: E402
from accelerate.utils import DataLoaderConfiguration  # noqa: E402

from lets.integrations.accelerate import Step  # noqa: E402


@pytest.fixture(autouse=True)
def one_accelerator_at_a_time() -> Iterator[None]:
    yield
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()


class Loop:
    """The loop of accelerate's documentation, with `Step` where it differentiates, clips and steps."""

    def __init__(self, name: str, parts: int = 1, max_norm: float | None = None) -> None:
        self.name, self.parts, self.model = name, parts, problem.Network()
        self.accelerator = Accelerator(
            cpu=True,
            gradient_accumulation_steps=parts,
            dataloader_config=DataLoaderConfiguration(split_batches=True),  # a schedule steps once a step
        )
        optimizer = problem.optimizer_of(name, self.model)
        self.wrapped, self.optimizer, self.loader, self.scheduler = self.accelerator.prepare(
            self.model, optimizer, DataLoader(SAMPLES, batch_size=SIZE // parts), problem.schedule(optimizer)
        )
        self.step = Step(self.accelerator, self.wrapped, self.optimizer, self.loss_fn, max_norm)

    def loss_fn(self, batch: problem.Batch) -> Tensor:
        return cross_entropy(self.wrapped(batch[0]), batch[1])

    def train(self, first: int = 0, steps: int = STEPS) -> list[float]:
        small = SIZE // self.parts
        validations = [
            part
            for batch in problem.FOLLOWING
            for part in zip(batch[0].split(small), batch[1].split(small), strict=True)
        ]
        losses = []
        for index, batch in enumerate(self.loader):
            if first <= index // self.parts < first + steps:
                with self.accelerator.accumulate(self.wrapped):
                    losses.append(self.step(batch, validations[index]).item())
                    self.scheduler.step()
        return losses


@pytest.mark.parametrize("parts", [1, 4])
@pytest.mark.parametrize("max_norm", [None, MAX_NORM])
@pytest.mark.parametrize("name", NAMES)
def test_a_training_is_the_straight_line(name: str, max_norm: float | None, parts: int) -> None:
    loop = Loop(name, parts, max_norm)
    losses = loop.train()
    assert_is_the_line(name, loop.model, loop.optimizer.optimizer, max_norm=max_norm)
    with torch.no_grad():
        first = cross_entropy(problem.Network()(BATCHES[0][0]), BATCHES[0][1])
    assert sum(losses[:parts]) / parts == pytest.approx(first.item())


def test_a_plain_step_with_a_closure_is_right_without_accumulation() -> None:
    loop = Loop("sam")
    for batch in loop.loader:

        def closure(batch: problem.Batch = batch) -> Tensor:
            loop.optimizer.zero_grad()
            loss = loop.loss_fn(batch)
            loop.accelerator.backward(loss)
            loop.accelerator.clip_grad_norm_(loop.wrapped.parameters(), MAX_NORM)
            return loss

        loop.optimizer.step(closure)
        loop.scheduler.step()
    assert_is_the_line("sam", loop.model, loop.optimizer.optimizer, max_norm=MAX_NORM)


def test_a_saved_state_goes_on_to_the_bit(tmp_path: Path) -> None:
    whole = Loop("lets-sam", parts=2)
    whole.train(0, 4)
    whole.accelerator.save_state(str(tmp_path))
    whole.train(4, 3)
    other = Loop("lets-sam", parts=2)
    other.train(6, 1)
    other.accelerator.load_state(str(tmp_path))
    other.train(4, 3)
    assert torch.equal(problem.flat(whole.model), problem.flat(other.model))
    assert whole.optimizer.optimizer.rho == other.optimizer.optimizer.rho != problem.GIVEN["rho"]


def test_batches_that_accelerate_would_drop_are_refused() -> None:
    loop = Loop("sam", parts=4)
    before, batches = problem.flat(loop.model), iter(loop.loader)

    def step() -> None:
        loss = loop.loss_fn(next(batches))
        with loop.accelerator.accumulate(loop.wrapped):
            loop.optimizer.step(lambda: loop.accelerator.backward(loss))

    for _ in range(3):
        step()
    with pytest.raises(ValueError, match=r"would be dropped; call  lets\.integrations\.accelerate\.Step"):
        step()
    assert torch.equal(before, problem.flat(loop.model))


def test_an_optimizer_that_is_no_method_is_refused() -> None:
    accelerator, model = Accelerator(cpu=True), problem.Network()
    with pytest.raises(TypeError, match=r"optimizer is a SGD; make it by  lets\.optimizer"):
        Step(accelerator, model, accelerator.prepare(problem.sgd(model)), lambda batch: batch)


def test_what_is_not_averaged_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop("sam")
    given: tuple[Any, ...] = (loop.accelerator, loop.wrapped, loop.optimizer, loop.loss_fn)
    monkeypatch.setattr(loop.accelerator, "scaler", torch.amp.GradScaler("cpu"))
    with pytest.raises(ValueError, match="mixed_precision='bf16'"):
        Step(*given)
    monkeypatch.undo()
    monkeypatch.setattr(
        Accelerator, "distributed_type", property(lambda self: accelerate.DistributedType.DEEPSPEED)
    )
    with pytest.raises(ValueError, match="DEEPSPEED takes steps of its own"):
        Step(*given)
