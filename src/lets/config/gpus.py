"""Which GPUs are here, which of them this process may use, and how many trainings may share one. Imports no torch."""

import os
import shutil
import subprocess
from pathlib import Path

from lets.errors import SpecError

__all__ = ["gpu_here", "gpu_slots", "slots_per_gpu", "visible_gpus"]


def gpu_here() -> bool:
    """Whether an NVIDIA or AMD GPU is visible, without importing torch."""
    devices = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
    return any(Path(device).exists() for device in devices) or shutil.which("nvidia-smi") is not None


def visible_gpus() -> list[str]:
    """Return the NVIDIA GPUs that this process may use, in order; none where the driver does not answer.

    A scheduler's or user's CUDA_VISIBLE_DEVICES narrows them down. Names are UUIDs where there are any: two jobs
    that a scheduler keeps apart may both call their GPU "0".
    """
    there = _on_this_host()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return there
    names = [name.strip() for name in chosen.split(",")]
    end = next((at for at, name in enumerate(names) if name in ("", "-1")), len(names))  # as CUDA reads it
    return [there[int(name)] if name.isdigit() and int(name) < len(there) else name for name in names[:end]]


def _on_this_host() -> list[str]:
    """UUIDs from lines such as `GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-…)`."""
    try:
        listing = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = [line for line in listing.stdout.splitlines() if line.startswith("GPU ")]
    return [line.rpartition("UUID: ")[2].rstrip(")") for line in lines]


def slots_per_gpu() -> int:
    """Return how many trainings may share a GPU: the environment variable LETS_SLOTS_PER_GPU, else one."""
    value = os.environ.get("LETS_SLOTS_PER_GPU") or "1"
    if not value.isdecimal() or int(value) < 1:
        raise SpecError(
            f"LETS_SLOTS_PER_GPU={value} – is how many trainings may share a GPU, a whole number from 1 – "
            "write  export LETS_SLOTS_PER_GPU=2"
        )
    return int(value)


def gpu_slots() -> int:
    """Return how many trainings, of one rank each, the GPUs of this process can hold."""
    return len(visible_gpus()) * slots_per_gpu()
