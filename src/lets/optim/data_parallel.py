"""Data parallel training: every process ("rank") has its part of the batch, all of them take the same step.

All that a rank learns from its part – losses, gradients, the hyper-gradient – is averaged over the samples of
all ranks, in one all-reduce per pass. What follows from the averages is computed by each rank for itself, and
comes out the same: weights, radius, policy, state and divergence. Only two things remain a rank's own: with
per-rank perturbation the direction in which it climbs, and ESAM's choice of sharp samples in its part.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, get_args

import torch
import torch.distributed as dist
from torch import Tensor, nn

from .passes import Gradient
from .vectors import Mask, Vector, Weights

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

__all__ = ["DataParallel", "Mode", "join"]

Mode = Literal["off", "per-rank", "synchronized"]


def join(
    mode: Mode | None,
    group: "ProcessGroup | None",
    model: nn.Module,
    weights: Weights,
    arguments: Mapping[str, object],
) -> "DataParallel | None":
    """The ranks of `group` (None: all processes) that train together; None where one process trains alone.

    All must bring the same `arguments` and shapes of weights; their values become those of rank 0.
    """
    running = dist.is_available() and dist.is_initialized()
    if mode not in (None, *get_args(Mode)):
        raise ValueError(f"data_parallel = {mode!r} is not one of {', '.join(get_args(Mode))}")
    if mode is None and running and dist.get_world_size() > 1:
        raise ValueError(
            f"torch.distributed runs {dist.get_world_size()} processes; give data_parallel='per-rank', "
            "'synchronized', or 'off' if each of them trains a model of its own"
        )
    if mode is None or mode == "off":
        return None
    if not running:
        raise ValueError(
            f"data_parallel = {mode!r} needs torch.distributed, which is not initialised; start the script "
            "with torchrun and call torch.distributed.init_process_group() before lets.create"
        )
    if dist.get_rank(group) < 0:
        raise ValueError(
            "this process is not in process_group; create the method on the ranks of the group only"
        )
    if dist.get_world_size(group) == 1:
        return None
    ranks = DataParallel(mode == "synchronized", group)
    ranks.refuse_differences({**arguments, "shapes of the weights": [p.shape for p in weights.parameters]})
    ranks.broadcast([*weights.parameters, *model.parameters(), *model.buffers()])
    return ranks


class DataParallel:
    """Averages over the ranks of `group`, which climb `synchronized` or each for itself.

    Synchronized, they climb along the gradient of the whole batch, as one process would. Otherwise each climbs
    along the gradient of its own part, and the gradients there are averaged: m-sharpness with m samples a rank
    (Foret et al., 2021).
    """

    def __init__(self, synchronized: bool, group: "ProcessGroup | None") -> None:
        self._synchronized, self._group = synchronized, group

    def refuse_differences(self, arguments: Mapping[str, object]) -> None:
        """ValueError, on all ranks, if their `arguments` are not the same."""
        of_all: list[Mapping[str, object]] = [{}] * dist.get_world_size(self._group)
        dist.all_gather_object(of_all, arguments, group=self._group)
        differing = [name for name, value in of_all[0].items() if any(a.get(name) != value for a in of_all)]
        if differing:
            raise ValueError(
                f"the ranks have different values of {', '.join(differing)} and would fall out of step; call "
                "lets.create with the same arguments and the same model on every rank"
            )

    @torch.no_grad()
    def broadcast(self, tensors: list[Tensor]) -> None:
        """Give all ranks the values of rank 0."""
        for tensor in dict.fromkeys(tensors):
            values = tensor.contiguous()
            dist.broadcast(values, group=self._group, group_src=0)
            tensor.copy_(values)

    def gradient(self, own: Gradient, wanted: Mask) -> Gradient:
        """The mean loss and gradient of the whole batch, from this rank's `own` with respect to `wanted`."""
        unused = [i for i, here in enumerate(wanted) if here and not own.vector.mask[i]]
        present = own.loss.new_ones(len(wanted))
        if unused:
            present[unused] = 0
        loss, present, *blocks = self.means([own.loss, present, *own.vector.blocks], len(own.losses))
        # Without a gradient is what no rank has a gradient for; to know that, the host must look.
        nowhere = {i for i in unused if not present[i]}
        there = tuple(here and i not in nowhere for i, here in enumerate(wanted))
        vector = Vector(tuple(blocks), there, own.vector.storage)
        return Gradient(own.losses, loss, vector, vector if self._synchronized else own.vector)

    def means(self, values: list[Tensor], samples: int) -> list[Tensor]:
        """Means over the samples of all ranks, from this rank's means over its `samples`: one all-reduce."""
        count = torch.ones(1, dtype=torch.float32, device=values[0].device)  # bfloat16 cannot count samples
        flat = torch.cat([x.flatten() for x in (*values, count)]).mul_(samples)
        dist.all_reduce(flat, group=self._group)
        parts = torch.split(flat[:-1].div_(flat[-1]), [x.numel() for x in values])
        return [part.view(x.shape).to(x.dtype) for part, x in zip(parts, values, strict=True)]
