"""accelerate: one step over everything that `accelerator.accumulate` collects.

Put `lets.optimizer` in `accelerator.prepare` like any optimizer; it is saved and loaded with the state. Without
accumulation `optimizer.step(closure)` is enough: `Step` is the same, and right with accumulation, too.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from lets.integrations import missing, ours

try:
    from accelerate import Accelerator
    from accelerate.utils import DistributedType
except ImportError:
    raise missing("accelerate") from None

__all__ = ["Step"]

_AVERAGING = (
    DistributedType.NO,
    DistributedType.MULTI_CPU,
    DistributedType.MULTI_GPU,
    DistributedType.MULTI_XPU,
)


class Step:
    """Calls `loss_fn`, `backward`, `clip_grad_norm_` and `optimizer.step()` for a batch, in an `accumulate` region.

    `loss_fn(batch)` returns the mean loss of a batch, forward only. `max_norm` clips every gradient that the method
    takes, of all batches together. `model` and `optimizer` are what `accelerator.prepare` returned.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss_fn: Callable[[Any], Tensor],
        max_norm: float | None = None,
    ) -> None:
        self._accelerator, self._model, self._optimizer = accelerator, model, optimizer
        self._loss_fn, self._max_norm = loss_fn, max_norm
        self._method = ours(optimizer, "optimizer")
        self._batches: list[Any] = []
        self._val_batches: list[Any] = []
        self._losses: list[Tensor] = []
        _refuse_what_is_not_averaged(accelerator)

    def __call__(self, batch: Any, val_batch: Any = None) -> Tensor:
        """Return the loss of this batch; where accelerate synchronizes, step with all batches since the last step.

        A learned radius needs a `val_batch` with every batch.
        """
        loss = self._differentiated(batch)
        self._batches.append(batch)
        self._val_batches += [] if val_batch is None else [val_batch]
        self._losses.append(loss)
        if self._accelerator.sync_gradients:
            self._step()
        return loss

    def _step(self) -> None:
        batches, validation, losses = self._batches, self._val_batches, self._losses
        self._batches, self._val_batches, self._losses = [], [], []
        self._clip()
        self._method.supply(
            partial(self._whole, batches),
            partial(self._whole, validation) if validation else None,
            self._mean(losses),
        )
        self._optimizer.step()

    def _whole(self, batches: Sequence[Any]) -> Tensor:
        """The loss of several batches, with their gradient; only the last one is synchronized."""
        losses = []
        for batch in batches:
            last = batch is batches[-1]
            with nullcontext() if last else self._accelerator.no_sync(self._model):
                losses.append(self._differentiated(batch))
        self._clip()
        return self._mean(losses)

    def _differentiated(self, batch: Any) -> Tensor:
        with torch.enable_grad(), self._accelerator.autocast():
            loss = self._loss_fn(batch)
        self._accelerator.backward(loss)
        return loss.detach()

    def _clip(self) -> None:
        if self._max_norm is not None:
            self._accelerator.clip_grad_norm_(self._model.parameters(), self._max_norm)

    def _mean(self, losses: Sequence[Tensor]) -> Tensor:
        """As `accelerator.backward` weighs them, also where a loader ends early."""
        mean: Tensor = torch.stack(list(losses)).sum() / self._accelerator.gradient_accumulation_steps
        return mean


def _refuse_what_is_not_averaged(accelerator: Accelerator) -> None:
    if accelerator.scaler is not None:
        raise ValueError(
            "mixed_precision='fp16' scales gradients, and skips steps that a method has begun – train in bfloat16: "
            "Accelerator(mixed_precision='bf16')"
        )
    if accelerator.distributed_type not in _AVERAGING:
        raise ValueError(
            f"{accelerator.distributed_type.value} takes steps of its own, in which a method cannot move the weights – "
            "use DistributedDataParallel (accelerate launch --multi_gpu)"
        )
