"""Where a run computes: its device, the same bytes every time, and the processes that share the work."""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from lets.config.training import Precision
from lets.errors import SpecError


def choose_device(wanted: str) -> torch.device:
    """Return the device of `auto`, `cpu` or `cuda`; raises SpecError when a GPU is asked for and there is none."""
    if wanted not in ("auto", "cpu", "cuda"):
        raise SpecError(f"device {wanted!r} – unknown – write  --device auto, cpu or cuda")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise SpecError(
            "device 'cuda' – torch finds no GPU on this machine – use  --device cpu, or a cluster: "
            "snakemake --profile profiles/slurm"
        )
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return _own_gpu() if wanted == "cuda" else torch.device(wanted)


def _own_gpu() -> torch.device:
    """The first GPU, or of several processes that torchrun started the one whose turn it is."""
    place, count = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if place >= count:
        raise SpecError(
            f"rank {place} – needs a GPU of its own, this machine has {count} – "
            f"write  ranks: {count}  (another run: m-sharpness with other m), or go where more are"
        )
    torch.cuda.set_device(place)
    return torch.device("cuda", place)


@dataclass(frozen=True)
class Ranks:
    """The processes that train one run together, one per GPU, as torchrun starts them (paper §4.2).

    This one is `rank` of `count`; alone, everything here does nothing.
    """

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


def compute_deterministically(threads: int, precision: Precision = "float32") -> None:
    """Fix everything besides seeds that can change a bit of a result: threads, kernels, reduced precision.

    On the CPU the number of threads decides the order of sums, so equal bytes need equal `threads`.
    """
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Says the same as use_deterministic_algorithms(True), which would import torch's compiler for a second.
    torch.set_deterministic_debug_mode("error")
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Return the context of a forward pass: with bfloat16, matrix products and convolutions compute in it."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


COMPILERS = {"cpu": ("CXX", "g++"), "cuda": ("CC", "gcc")}
"""type of device → the variable that names the compiler which torch.compile calls, and the one that it calls without"""
MOST_GRAPHS = 64
"""compiled at most: those of a step that differ in the number of samples, in gradients or in BatchNorm's averages"""


def compiled(network: nn.Module, device: torch.device, **options: bool) -> Any:
    """Compile the forward pass of a network, anew for every number of samples; raises SpecError without a compiler.

    Left to itself, torch would compile the second number it meets for any number: what a batch is computed by would
    depend on those before it, and a resumed run end with other bytes. `options` are those of torch's inductor.
    """
    variable, usual = COMPILERS[device.type]
    if not shutil.which(compiler := os.environ.get(variable, usual)):
        raise SpecError(
            f"compile: true – torch.compile needs {compiler} on this machine, which is not there – "
            f"install it, or write  compile: false"
        )
    import torch._dynamo

    torch._dynamo.config.recompile_limit = MOST_GRAPHS
    torch._dynamo.config.fail_on_recompile_limit_hit = True  # instead of going on without compiling
    # deterministic: no kernel is chosen by its speed, which is another one the next time.
    return torch.compile(network, dynamic=False, options={"deterministic": True, **options})


def placed(model: nn.Module, device: torch.device, channels_last: bool) -> nn.Module:
    """Move a network to its device, its weights in the memory format that its images have."""
    memory = torch.channels_last if channels_last else torch.contiguous_format
    return model.to(device, memory_format=memory)  # type: ignore[call-overload, no-any-return]


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Eval mode and no gradients; afterwards the network is in the mode that it was in."""
    training = network.training
    network.eval()
    with torch.no_grad():
        yield
    network.train(training)


def device_name(device: torch.device) -> str:
    """Return the GPU's name, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def peak_memory_mib(device: torch.device) -> float:
    """Return the peak memory of this process: allocated on the GPU, or resident on the CPU (MiB)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
