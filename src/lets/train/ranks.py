"""The processes that train one run together, one per GPU, as torchrun starts them (paper §4.2)."""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from lets.errors import SpecError

__all__ = ["ALONE", "Ranks"]


@dataclass(frozen=True)
class Ranks:
    """This process is `rank` of `count`; alone, everything here does nothing."""

    rank: int = 0
    count: int = 1

    @classmethod
    def join(cls, wanted: int, device: torch.device) -> "Ranks":
        """Meet the other processes; raises SpecError when there are not as many as the run wants."""
        there = int(os.environ.get("WORLD_SIZE", 1))
        if there != wanted:
            raise SpecError(
                f"{there} processes – the run is trained by {wanted} (training.ranks) – "
                f"run  torchrun --nproc-per-node {wanted} -m -- lets train …,  or plainly  lets train …"
            )
        if wanted == 1:
            return cls()
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(dist.get_rank(), wanted)

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of `values` over all ranks."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def agree_on_buffers(self, model: nn.Module) -> None:
        """Give every rank the BatchNorm averages of rank 0, as DistributedDataParallel does."""
        if self.count > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, 0)

    def part(self) -> None:
        """Leave the others; after a divergence, which all meet, not before all have come this far."""
        if self.count > 1:
            dist.barrier()
            dist.destroy_process_group()


ALONE = Ranks()
