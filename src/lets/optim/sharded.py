"""Parameters that are spread over processes (DTensor, as FSDP2's `fully_shard` makes them).

A method works on the shards that this process holds, as plain tensors in the same memory. What it sums over all
weights, norms and products, is summed over the processes too; what is held by several of them counts once.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


def is_spread(x: object) -> bool:
    """Whether a tensor is a DTensor."""
    return hasattr(x, "placements") and hasattr(x, "to_local")


def local(x: Any) -> Tensor:
    """Return what this process holds of a tensor, in the same memory; all of it if it is not spread."""
    held: Tensor = x.to_local() if is_spread(x) else x
    return held


def whole(x: Any) -> Tensor:
    """Return all of a tensor, on every process."""
    gathered: Tensor = x.full_tensor() if is_spread(x) else x
    return gathered


def local_gradient(parameter: Any) -> Tensor | None:
    """Return `.grad` of what this process holds of a parameter."""
    gradient: Any = parameter.grad
    if gradient is None or not is_spread(parameter):
        return gradient  # type: ignore[no-any-return]
    return local(gradient.redistribute(parameter.device_mesh, parameter.placements))


def like(parameter: Any, values: Tensor) -> Tensor:
    """Return a tensor spread as `parameter`, of which this process holds `values`."""
    if not is_spread(parameter):
        return values
    from torch.distributed.tensor import DTensor

    form = {"shape": parameter.shape, "stride": parameter.stride()}
    spread: Tensor = DTensor.from_local(
        values, parameter.device_mesh, parameter.placements, run_check=False, **form
    )
    return spread


def sharded_modules(model: nn.Module) -> list[Any]:
    """Return the modules that `fully_shard` was called on."""
    return [m for m in model.modules() if is_sharded(m)]


def is_sharded(module: nn.Module) -> bool:
    """Whether `fully_shard` was called on it."""
    return any(c.__name__ == "FSDPModule" for c in type(module).__mro__)


def this_process() -> str:
    """Return the number of this process, and of how many."""
    return f"{dist.get_rank()} of {dist.get_world_size()}"


class Shards:
    """The plain tensors that stand for spread parameters, the same ones as long as the shards lie where they lay."""

    def __init__(self) -> None:
        self._known: dict[Tensor, Tensor] = {}

    def of(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        """Return one for each parameter; one that is not spread stands for itself."""
        return [self._of(p) if is_spread(p) else p for p in parameters]

    def _of(self, parameter: Tensor) -> Tensor:
        held, known = local(parameter), self._known.get(parameter)
        if known is None or (known.data_ptr(), known.shape) != (held.data_ptr(), held.shape):
            known = self._known[parameter] = held.detach()
        return known.requires_grad_(parameter.requires_grad)


def holders(parameters: Sequence[Any]) -> list[int]:
    """Return for each parameter how many processes hold the same numbers of it; 1 for all where none is spread.

    TypeError if that cannot be told.
    """
    if not any(map(is_spread, parameters)):
        return [1] * len(parameters)
    return [_holders(p) for p in parameters]


def _holders(parameter: Any) -> int:
    world = dist.get_world_size()
    if not is_spread(parameter):
        return world
    mesh, placements = parameter.device_mesh, parameter.placements
    if mesh.size() != world or any(one.is_partial() for one in placements):
        raise TypeError(
            f"a parameter {tuple(parameter.shape)} is spread over {mesh.size()} of {world} processes as {placements}; "
            "a method needs every process to hold a part of every parameter: make the mesh of all of them"
        )
    shards = 1
    for dimension, one in enumerate(placements):
        shards *= mesh.size(dimension) if one.is_shard() else 1
    return int(world // shards)


def summed(parts: Sequence[Tensor], holders: Sequence[int]) -> Tensor:
    """Sum over all processes of float64 scalars, one for each of `holders`."""
    total = torch.stack([part / count for part, count in zip(parts, holders, strict=True)]).sum()
    dist.all_reduce(total)
    return total
