"""Models and base optimizers that a method cannot be right about, each refused with the way out."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import LBFGS, Optimizer

from .errors import caller, is_asked_by
from .sharded import is_sharded, is_spread

_WRAPPERS = ("torch.nn.parallel.distributed", "torch.distributed.")


def refuse_model(model: nn.Module, optimizer: Optimizer, by_backward: bool = False) -> None:
    """TypeError or ValueError if this is no model, no base optimizer, or they do not belong together.

    `by_backward`: gradients come by `backward`, and FSDP2's do.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}; it must be a torch.nn.Module")
    if not isinstance(optimizer, Optimizer) or isinstance(optimizer, LBFGS):
        raise TypeError(
            f"base_optimizer is a {type(optimizer).__name__}; it must be a torch.optim.Optimizer whose "
            "step() takes no closure, such as torch.optim.SGD(model.parameters(), lr=0.1)"
        )
    wrapped = [m for m in model.modules() if not (by_backward and is_sharded(m))]
    if any(c.__module__.startswith(_WRAPPERS) for m in wrapped for c in type(m).__mro__):
        raise TypeError(
            "model is wrapped in DistributedDataParallel or sharded; pass the bare model (ddp.module) to "
            "lets.create and loss_fn, and data_parallel='per-rank': the method averages the gradients itself. A model "
            "of fully_shard trains by lets.optimizer(...), which takes closures"
        )
    if getattr(optimizer, "scaler", None) is not None:
        raise ValueError(
            "base_optimizer scales its gradients (float16 with a GradScaler), and a method hands it unscaled ones; "
            "train in bfloat16, which needs no scaler: Accelerator(mixed_precision='bf16')"
        )
    optimized = {p for group in optimizer.param_groups for p in group["params"] if p.requires_grad}
    if optimized.isdisjoint(model.parameters()):
        raise ValueError(
            "base_optimizer updates no trainable parameter of model; build it from model.parameters()"
        )
    for name, module in model.named_modules():
        if (
            isinstance(module, nn.Embedding | nn.EmbeddingBag)
            and module.sparse
            and module.weight in optimized
        ):
            raise ValueError(
                f"{name or 'model'!r} is an {type(module).__name__} with sparse=True, and norms need the whole "
                f"gradient; write {type(module).__name__}(..., sparse=False)"
            )
        if any(b is not None and is_lazy(b) for b in module._buffers.values()):
            raise ValueError(
                f"{name or 'model'!r} has no shape yet; call model(batch) once before lets.create"
            )


def refuse_parameters(parameters: Sequence[Tensor], model: nn.Module) -> None:
    """TypeError or ValueError if one of them cannot be perturbed."""
    for p in parameters:
        if is_lazy(p):
            raise ValueError(
                f"{named([p], model)} has no shape yet; call model(batch) once before base_optimizer and lets.create"
            )
        if is_spread(p):
            raise TypeError(
                f"{named([p], model)} is a DTensor (tensor parallel or FSDP2), whose gradient comes by backward; make "
                "the method by lets.optimizer(...), and call its step(closure)"
            )
        if p.is_complex():
            raise TypeError(
                f"{named([p], model)} is complex; keep it as a real Parameter: "
                "nn.Parameter(torch.view_as_real(weight)), and torch.view_as_complex(parameter) in the forward"
            )
        if p.layout is not torch.strided or p.dtype.itemsize < 2:
            raise TypeError(
                f"{named([p], model)} is {p.dtype} of layout {p.layout}; a method perturbs dense parameters of "
                "at least 16 bits. Leave it out of base_optimizer or keep it in such a form"
            )
        if torch._debug_has_internal_overlap(p.detach()) == 1:
            raise ValueError(
                f"{named([p], model)} has several entries in one place of memory (expand); make it "
                "nn.Parameter(values.contiguous())"
            )


def refuse_shared_memory(parameters: Sequence[Tensor], model: nn.Module) -> None:
    """ValueError if two of them lie in one place, where a perturbation would be added twice."""
    places = [p.data_ptr() for p in parameters]
    if len(set(places)) == len(places):
        return
    first: dict[tuple[int, torch.device], Tensor] = {}
    for p, place in zip(parameters, places, strict=True):
        other = first.setdefault((place, p.device), p)
        if other is not p and place:  # 0: no memory at all, as on the meta device
            raise ValueError(
                f"{named([other, p], model)}: two parameters of base_optimizer share memory; to tie weights register "
                "one Parameter under both names: model.second = model.first"
            )


def refuse_replaced(
    optimized: Sequence[Tensor], before: Sequence[Tensor], now: Sequence[Tensor], model: nn.Module
) -> None:
    """ValueError if the model has new parameters in place of those that the base optimizer updates."""
    held, known, current = set(optimized), set(before), set(now)
    lost = [p for p in before if p in held and p not in current]
    new = [p for p in now if p.requires_grad and p not in held and p not in known]
    if lost and new:
        raise ValueError(
            f"{named(new, model)}: these parameters replaced the ones that base_optimizer updates, which the model "
            "no longer has; call model.load_state_dict(state) without assign=True, or make base_optimizer and method "
            "anew"
        )


def refuse_sparse(gradients: Iterable[Tensor | None], parameters: Sequence[Tensor], model: nn.Module) -> None:
    """ValueError if a gradient is sparse."""
    for gradient, p in zip(gradients, parameters, strict=True):
        if gradient is not None and gradient.layout is not torch.strided:
            raise ValueError(
                f"{named([p], model)} has a sparse gradient, and norms need the whole; write sparse=False where it "
                "is looked up"
            )


def refuse_reentrant(loss: Tensor, absent: Sequence[Tensor], model: nn.Module) -> None:
    """ValueError if the parameters `absent`, which got no gradient, may lie behind a re-entrant checkpoint."""
    seen, waiting = set[Any](), [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        if "CheckpointFunction" in type(node).__name__:
            raise ValueError(
                f"{named(absent, model)} got no gradient, and the forward uses a re-entrant checkpoint, which hides "
                "the parameters inside it; write torch.utils.checkpoint.checkpoint(..., use_reentrant=False)"
            )
        seen.add(node)
        waiting += [following for following, _ in node.next_functions]


def refuse_idle(present: Sequence[bool]) -> None:
    """ValueError if no parameter at all has a gradient."""
    if present and not any(present):
        raise ValueError(
            "the losses of loss_fn do not depend on any trainable parameter of base_optimizer; does loss_fn use the "
            "model that was given to lets.create?"
        )


def refuse_waiting(optimizer: Optimizer) -> None:
    """ValueError inside a framework's gradient accumulation, where the base optimizer skips its step."""
    accumulation: Any = getattr(optimizer, "gradient_state", None)
    if getattr(accumulation, "sync_gradients", True) is False:
        raise ValueError(
            "the framework is accumulating gradients, and base_optimizer would skip this step; a method accumulates "
            "by itself: set gradient_accumulation_steps=1, give step the whole batch, and "
            "lets.create(..., micro_batches=4)"
        )


def refuse_skipped() -> None:
    """ValueError if accelerate skips the steps of all batches but the last that it accumulates, and their closures."""
    if "accelerate.optimizer" not in sys.modules or caller()[0] != "accelerate.optimizer":
        return
    if (count := sys.modules["accelerate.state"].GradientState().num_steps) > 1:
        raise ValueError(
            f"accelerate skips {count - 1} of {count} steps to accumulate gradients, and their closures: those batches "
            "would be dropped; call  lets.integrations.accelerate.Step(accelerator, model, optimizer, loss_fn)(batch)  "
            "in place of step(closure)"
        )


def refuse_distributed_checkpoint() -> None:
    """ValueError if torch.distributed.checkpoint asks, which knows of an optimizer what torch's own have."""
    if is_asked_by("torch.distributed.checkpoint"):
        raise ValueError(
            "torch.distributed.checkpoint would lose the method and its radius – give it the base optimizer, "
            "get_state_dict(model, optimizer.base), and save  optimizer.state_dict()['method']  in a file of each "
            "process: docs/clients.md, Distributed checkpoints"
        )


def refuse_rate(name: str, optimizer: Optimizer) -> None:
    """ValueError if the base optimizer has no learning rate that `name` can read."""
    rate = optimizer.param_groups[0].get("lr")
    if not isinstance(rate, float | int | Tensor):
        kind = type(optimizer).__name__
        raise ValueError(
            f"{name} reads the learning rate of base_optimizer, and that of {kind} is {rate!r}; give it one: "
            f"{kind}(..., lr=1e-3), with relative_step=False if it has that option"
        )


def named(parameters: Sequence[Tensor], model: nn.Module) -> str:
    """The names of some parameters in the model, at most five; their shapes where they have none."""
    names = {p: name for name, p in model.named_parameters()}
    told = [repr(names.get(p)) if p in names else f"a parameter {tuple(p.shape)}" for p in parameters]  # type: ignore[call-overload]
    more = [f"{len(told) - 5} more"] if len(told) > 5 else []
    return ", ".join([*told[:5], *more])
