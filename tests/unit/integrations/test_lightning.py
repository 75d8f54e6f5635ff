"""Lightning's automatic optimization with `lets.optimizer`: right numbers, checkpoints, clipping, logs, refusals."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.unit.integrations import problem
from tests.unit.integrations.problem import BATCHES, MAX_NORM, NAMES, SAMPLES, SIZE, STEPS, assert_is_the_line
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from lets.optim import MethodOptimizer

pl = pytest.importorskip("lightning.pytorch", reason="Lightning comes with `make integrations`")
from lets.integrations.lightning import Following, LetsCallback  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own, about workers and loggers


class Module(pl.LightningModule):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.network, self.seen = name, problem.Network(), list[float]()

    def training_step(self, batch: problem.Batch, batch_idx: int) -> Tensor:
        loss = cross_entropy(self.network(batch[0]), batch[1])
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        self.log("norm", torch.stack([p.grad.norm() for p in self.parameters()]).norm())

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.seen.append(float(outputs["loss"]))

    def configure_optimizers(self) -> Any:
        optimizer = problem.optimizer_of(self.name, self.network)
        return [optimizer], [{"scheduler": problem.schedule(optimizer), "interval": "step"}]


def trainer(*callbacks: Any, **settings: Any) -> Any:
    quiet = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
    )
    given = {"max_epochs": 1, "devices": 1, **quiet, **settings}
    return pl.Trainer(accelerator="cpu", callbacks=list(callbacks), **given)


def method_of(fitted: Any) -> MethodOptimizer:
    (optimizer,) = fitted.optimizers
    return optimizer


@pytest.mark.parametrize("max_norm", [None, MAX_NORM])
@pytest.mark.parametrize("name", NAMES)
def test_a_training_is_the_straight_line(name: str, max_norm: float | None) -> None:
    module, fitted = Module(name), trainer(LetsCallback(), gradient_clip_val=max_norm)
    fitted.fit(module, Following(SAMPLES, batch_size=SIZE))
    assert_is_the_line(name, module, method_of(fitted), max_norm=max_norm)
    assert fitted.global_step == STEPS
    if name.startswith("lets"):
        assert float(fitted.logged_metrics["rho"]) == pytest.approx(method_of(fitted).rho)


def test_batches_of_a_loader_without_a_length_are_validated_by_the_next_one() -> None:
    """Lightning asks such a loader for a batch before the one before it is trained on."""

    class Stream(IterableDataset[Any]):
        def __iter__(self) -> Any:
            return iter(SAMPLES)

    module, fitted = Module("lets-sam"), trainer(LetsCallback())
    fitted.fit(module, Following(Stream(), batch_size=SIZE))
    assert_is_the_line("lets-sam", module, method_of(fitted))


def test_a_given_radius_needs_no_callback() -> None:
    module, fitted = Module("sam"), trainer()
    fitted.fit(module, DataLoader(SAMPLES, batch_size=SIZE))
    assert_is_the_line("sam", module, method_of(fitted))


def test_logs_are_of_the_weights_where_a_step_begins() -> None:
    module, fitted = Module("lets-sam"), trainer(LetsCallback())
    fitted.fit(module, Following(SAMPLES, batch_size=SIZE))
    model, losses = Module("lets-sam"), []
    line = problem.LINE["straight_line"](
        "lets-sam", problem.Losses(), BATCHES, problem.FOLLOWING, problem.RATES
    )
    thetas = [problem.flat(model), *(theta for theta, *_ in line)]
    for theta, batch in zip(thetas, BATCHES, strict=False):
        torch.nn.utils.vector_to_parameters(theta, model.parameters())
        losses.append(cross_entropy(model.network(batch[0]), batch[1]))
    assert module.seen == pytest.approx([loss.item() for loss in losses])
    assert float(fitted.logged_metrics["loss"]) == pytest.approx(torch.stack(losses).mean().item())
    norm = torch.cat([g.flatten() for g in torch.autograd.grad(losses[-1], [*model.parameters()])]).norm()
    assert float(fitted.logged_metrics["norm"]) == pytest.approx(norm.item())


def test_validation_batches_come_from_the_loader_given() -> None:
    """It has four batches, and begins anew when they end."""
    few = TensorDataset(problem.INPUTS[: 4 * SIZE] * 2, problem.TARGETS[: 4 * SIZE])
    module, fitted = (
        Module("lets-sam"),
        trainer(LetsCallback(DataLoader(few, batch_size=SIZE)), gradient_clip_val=MAX_NORM),
    )
    fitted.fit(module, DataLoader(SAMPLES, batch_size=SIZE))
    validations = [(2 * BATCHES[t % 4][0], BATCHES[t % 4][1]) for t in range(STEPS)]
    assert_is_the_line("lets-sam", module, method_of(fitted), validations, MAX_NORM)


def test_a_checkpoint_goes_on_to_the_bit(tmp_path: Path) -> None:
    def fit(epochs: int, **settings: Any) -> tuple[Module, Any]:
        module, fitted = Module("lets-sam"), trainer(LetsCallback(), max_epochs=epochs)
        fitted.fit(module, Following(SAMPLES, batch_size=SIZE), **settings)
        return module, fitted

    unbroken, whole = fit(2)
    _, half = fit(1)
    half.save_checkpoint(tmp_path / "half.ckpt")
    resumed, rest = fit(2, ckpt_path=tmp_path / "half.ckpt")
    assert torch.equal(problem.flat(unbroken), problem.flat(resumed))
    assert method_of(whole).rho == method_of(rest).rho
    assert whole.global_step == rest.global_step == 2 * STEPS


def test_bfloat16_is_that_of_a_loop_by_hand() -> None:
    module, fitted = Module("sam").float(), trainer(precision="bf16-mixed")
    samples = TensorDataset(problem.INPUTS.float(), problem.TARGETS)
    fitted.fit(module, DataLoader(samples, batch_size=SIZE))
    model = problem.Losses().float()
    optimizer = problem.sgd(model)
    method = problem.lets.create("sam", model, optimizer, rho=problem.GIVEN["rho"])

    def loss_fn(batch: problem.Batch) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return cross_entropy(model.network(batch[0].float()), batch[1])

    for batch, rate in zip(BATCHES, problem.RATES, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        method.step(loss_fn, batch)
    assert torch.equal(problem.flat(module), problem.flat(model))


class Manual(Module):
    def __init__(self) -> None:
        super().__init__("sam")
        self.automatic_optimization = False


class Two(Module):
    def configure_optimizers(self) -> Any:
        return [problem.optimizer_of("sam", self.network) for _ in range(2)]


class Plain(Module):
    def configure_optimizers(self) -> Any:
        return problem.sgd(self.network)


@pytest.mark.parametrize(
    ("module", "settings", "told"),
    [
        (Module("sam"), {"accumulate_grad_batches": 2}, "set it to 1 and let the loader give whole batches"),
        (Module("lets-sam"), {}, "give LetsCallback(validation=loader), or make the training loader"),
        (Manual(), {}, "is for automatic optimization"),
        (Two("sam"), {}, "multiple optimizers"),
        (Plain("sam"), {}, "is a SGD; make it by  lets.optimizer"),
    ],
)
def test_what_cannot_be_right_is_refused(module: Module, settings: dict[str, Any], told: str) -> None:
    before = problem.flat(module)
    with pytest.raises((ValueError, TypeError, RuntimeError), match=re.escape(told)):
        trainer(LetsCallback(), **settings).fit(module, DataLoader(SAMPLES, batch_size=SIZE))
    assert torch.equal(before, problem.flat(module))


def test_a_strategy_that_shards_is_refused() -> None:
    fitted = trainer(LetsCallback())
    fitted._accelerator_connector.strategy = pl.strategies.FSDPStrategy()
    with pytest.raises(
        ValueError, match="FSDPStrategy spreads or scales what a method moves – use strategy='ddp'"
    ):
        LetsCallback().on_fit_start(fitted, Module("sam"))


def test_float16_is_refused() -> None:
    from lightning.pytorch.plugins.precision import MixedPrecision

    half = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu"))
    with pytest.raises(ValueError, match="set 'bf16-mixed'"):
        trainer(LetsCallback(), plugins=[half]).fit(Module("sam"), DataLoader(SAMPLES, batch_size=SIZE))


def test_accumulation_is_refused_without_the_callback_too() -> None:
    with pytest.raises(ValueError, match="gradients from before this step"):
        trainer(accumulate_grad_batches=2).fit(Module("sam"), DataLoader(SAMPLES, batch_size=SIZE))
