"""transformers: a `Trainer` whose optimizer is a method of `lets`."""

import random
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from lets.integrations import missing, ours
from lets.optim import optimizer
from lets.optim.closures import MethodOptimizer

try:
    import accelerate  # noqa: F401 (a Trainer needs it, and says so late)
    from transformers import Trainer
except ImportError:
    raise missing("transformers") from None

__all__ = ["LetsTrainer"]

Part = tuple[dict[str, Any], Any]
"""inputs of the model, and `num_items_in_batch`"""


class LetsTrainer(Trainer):
    """A `Trainer` that trains with the method named `method`, around the optimizer it would have used.

    Its other arguments are those of `Trainer`; `hyperparameters` those of `lets.optimizer`. Accumulation, clipping,
    schedule and checkpoints are as in `TrainingArguments`: the gradients a method takes are those of the whole
    accumulated batch, and each is clipped to `max_grad_norm`.

    A learned radius reads samples of `validation_dataset`, as many as are in the batch; None: of the training set,
    as in the paper. They are drawn by the number of the step, so that a resumed training draws the same.
    """

    def __init__(
        self,
        *arguments: Any,
        method: str = "lets-sam",
        hyperparameters: dict[str, Any] | None = None,
        validation_dataset: Dataset[Any] | None = None,
        **others: Any,
    ) -> None:
        super().__init__(*arguments, **others)
        self.method, self.hyperparameters = method, hyperparameters or {}
        self.validation_dataset = self.train_dataset if validation_dataset is None else validation_dataset
        self._parts: list[Part] = []
        self._losses: list[Tensor] = []

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Make the optimizer that `Trainer` would make, or take the one it was given, and the method around it."""
        if self.args.fp16 or self.is_deepspeed_enabled or self.is_fsdp_enabled:
            raise ValueError(
                "a method moves the weights within a step, where float16's scaler, DeepSpeed and a Trainer's FSDP have "
                "their own – set bf16=True, fp16=False, no deepspeed and no fsdp in TrainingArguments"
            )
        base: torch.optim.Optimizer = super().create_optimizer(model)
        if not isinstance(base, MethodOptimizer):
            steps = {"total_steps": self.args.max_steps} if self.args.max_steps > 0 else {}
            settings = {"data_parallel": "averaged", **steps, **self.hyperparameters}
            self.optimizer = base = optimizer(self.method, model or self.model, base, **settings)
        return base

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        """Forward and backward of a part of a batch, as `Trainer`; the last part is followed by the optimizer's step.

        What was differentiated so far is the method's first pass.
        """
        loss: Tensor = super().training_step(model, inputs, num_items_in_batch)
        self._parts.append((inputs, num_items_in_batch))
        self._losses.append(loss)
        if self.accelerator.sync_gradients:
            self._supply(model)
        return loss

    def _supply(self, model: nn.Module) -> None:
        method = ours(self.optimizer, "the Trainer's optimizer")
        parts, losses = self._parts, self._losses
        self._parts, self._losses = [], []
        validation = None
        if method.method.info.needs_validation:
            validation = partial(
                self._whole, model, self._validation_parts([len(_first(p)) for p, _ in parts])
            )
        method.supply(partial(self._whole, model, parts), validation, torch.stack(losses).sum())

    def _whole(self, model: nn.Module, parts: Sequence[Part]) -> Tensor:
        """The loss of several parts, with their gradient, clipped."""
        losses = [super(LetsTrainer, self).training_step(model, *part) for part in parts]
        if self.args.max_grad_norm > 0:
            self._clip_grad_norm(model)
        return torch.stack(losses).sum()

    def _validation_parts(self, sizes: Sequence[int]) -> list[Part]:
        """Draw as many samples as there are in the parts of the batch."""
        dataset: Any = self.validation_dataset
        if not hasattr(dataset, "__len__"):
            raise TypeError(
                f"validation batches are drawn by number, and {type(dataset).__name__} has no len() – give "
                "LetsTrainer(validation_dataset=...) one that has, or a method whose radius is given: 'sam'"
            )
        seed = (self.args.data_seed or self.args.seed, self.state.global_step, self.args.process_index)
        chosen = iter(random.Random(str(seed)).choices(range(len(dataset)), k=sum(sizes)))
        parts = [self.data_collator([dataset[next(chosen)] for _ in range(size)]) for size in sizes]
        count = self._get_num_items_in_batch(parts, self.args.device)
        return [(self._prepare_inputs(part), count) for part in parts]


def _first(inputs: dict[str, Any]) -> Tensor:
    return next(x for x in inputs.values() if isinstance(x, Tensor))
