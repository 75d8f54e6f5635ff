"""Lightning: `lets.optimizer` is what `configure_optimizers` returns; this callback does the rest.

It hands a learned radius its validation batches, logs the radius, keeps the losses of perturbed weights out of the
logs, and refuses settings of the `Trainer` that a method cannot be right with.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lets.integrations import missing, ours
from lets.optim.closures import MethodOptimizer

try:
    import lightning.pytorch as pl
    from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
except ImportError:
    raise missing("lightning") from None

__all__ = ["Following", "LetsCallback"]

AHEAD = 8
"""batches that nobody reads are forgotten; Lightning is ahead by one"""


class Following(DataLoader[Any]):
    """A DataLoader that has the batch after each in `followers`; after the last of an epoch comes its first.

    A reader takes them from the left, one for each batch. There may be several, because Lightning asks a loader without
    a length for a batch before it trains on the one before.
    """

    followers: deque[Any]

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Yield the batches."""
        self.followers = deque(maxlen=AHEAD)
        batches = super().__iter__()
        first = batch = next(batches, None)
        if batch is None:
            return
        for following in batches:
            self.followers.append(following)
            yield batch
            batch = following
        self.followers.append(first)
        yield batch


class LetsCallback(pl.Callback):
    """For a LightningModule with automatic optimization, whose one optimizer is a `lets.optimizer`.

    `validation`: a loader, which begins anew with every epoch and whenever it ends; None: the next training batch,
    of a training loader that is a `Following`. `log`: whether `rho` is logged at every step.

    `training_step` is called for every gradient that the method takes; it logs in the first call alone, at the
    weights where the step begins.
    """

    def __init__(self, validation: Iterable[Any] | None = None, log: bool = True) -> None:
        self._validation, self._log = validation, log
        self._batches: Iterator[Any] = iter(())

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Refuse what cannot be right."""
        if not pl_module.automatic_optimization:
            raise ValueError(
                "LetsCallback is for automatic optimization – in manual optimization call "
                "self.optimizers().step(closure) or method.step(loss_fn, batch) yourself, without it"
            )
        if trainer.accumulate_grad_batches != 1:
            raise ValueError(
                f"accumulate_grad_batches = {trainer.accumulate_grad_batches} differentiates batches once, a method "
                "more often – set it to 1 and let the loader give whole batches, or call "
                "lets.create(..., micro_batches=4).step in manual optimization"
            )
        if getattr(trainer.precision_plugin, "scaler", None) is not None:
            raise ValueError(
                "precision='16-mixed' scales gradients, and skips steps that a method has begun – set 'bf16-mixed'"
            )
        if not isinstance(trainer.strategy, DDPStrategy | SingleDeviceStrategy):
            raise ValueError(
                f"{type(trainer.strategy).__name__} spreads or scales what a method moves – use strategy='ddp', or "
                "fully_shard and lets.optimizer in a loop of your own (docs/clients.md)"
            )
        self._optimizer(trainer).register_step_post_hook(lambda *_: _unmuted(pl_module))

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin the validation loader anew."""
        if self._validation is not None:
            set_epoch = getattr(getattr(self._validation, "sampler", None), "set_epoch", None)
            if set_epoch:
                set_epoch(trainer.current_epoch)
            self._batches = _endless(self._validation)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Hand over the validation batch of this step."""
        optimizer = self._optimizer(trainer)
        if optimizer.method.info.needs_validation:
            found = trainer.precision_plugin.convert_input(self._next(trainer))
            val_batch = trainer.strategy.batch_to_device(found)
            closure = partial(_differentiated, trainer, pl_module, optimizer, val_batch, batch_idx)
            optimizer.supply(val_closure=closure)

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Let further calls of `training_step` in this step log nothing."""
        _muted(pl_module)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Let the module log again."""
        _unmuted(pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log the radius; the loss of the step is that of where it began."""
        optimizer = self._optimizer(trainer)
        if optimizer.stats is not None and isinstance(outputs, dict):
            outputs["loss"] = optimizer.stats.loss
        if self._log:
            pl_module.log("rho", optimizer.rho)

    def _next(self, trainer: pl.Trainer) -> Any:
        if self._validation is not None:
            return next(self._batches)
        if not isinstance(trainer.train_dataloader, Following):
            raise TypeError(
                "a learned radius needs validation batches – give LetsCallback(validation=loader), or make the "
                "training loader a lets.integrations.lightning.Following(dataset, ...), whose next batch it takes"
            )
        return trainer.train_dataloader.followers.popleft()

    def _optimizer(self, trainer: pl.Trainer) -> MethodOptimizer:
        if len(trainer.optimizers) != 1:
            raise ValueError(
                f"configure_optimizers returned {len(trainer.optimizers)} optimizers – return one lets.optimizer, "
                "around a base optimizer of several groups"
            )
        return ours(trainer.optimizers[0], "the optimizer of configure_optimizers")


def _muted(module: pl.LightningModule) -> None:
    """Let `training_step`, and what follows it, log nothing."""
    step = module.training_step

    def training_step(*arguments: Any, **named: Any) -> Any:
        vars(module)["log"] = lambda *_, **__: None
        return step(*arguments, **named)

    vars(module).setdefault("training_step", training_step)


def _unmuted(module: pl.LightningModule) -> None:
    for name in ("training_step", "log"):
        vars(module).pop(name, None)


def _endless(loader: Iterable[Any]) -> Iterator[Any]:
    """Yield batches; begin anew when they end. ValueError if there is none."""
    while True:
        number = -1
        for number, batch in enumerate(loader):  # noqa: B007
            yield batch
        if number < 0:
            raise ValueError("the validation loader is empty – give LetsCallback one with batches")


def _differentiated(
    trainer: pl.Trainer, module: pl.LightningModule, optimizer: MethodOptimizer, batch: Any, index: int
) -> Tensor:
    """The loss of a validation batch, with its gradient, clipped as those of training batches."""
    output: Any = trainer.strategy.training_step(batch, index)
    loss: Tensor = trainer.strategy.backward(
        output["loss"] if isinstance(output, dict) else output, optimizer
    )
    module.configure_gradient_clipping(optimizer, trainer.gradient_clip_val, trainer.gradient_clip_algorithm)
    return loss
