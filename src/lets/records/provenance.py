"""provenance.json: who made a run, from what, on what, and the digests of what it wrote."""

import os
import platform
import sys
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from lets.records.digests import image_digest

PACKAGES = ("torch", "numpy", "torchvision", "timm", "safetensors")


class Provenance(BaseModel):
    """Everything about a run that is no result; may differ between two equal runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str
    files: dict[str, str]
    """sha256 of every other file of the run folder"""
    code: str
    """digest of the code that can change its numbers"""
    data: dict[str, str]
    """digests of the arrays and of the training labels"""
    seeds: dict[str, int]
    packages: dict[str, str]
    machine: dict[str, Any]
    image: str | None = None
    """sha256 of the container image that the run was made in; none outside of one, and in records of old"""
    started: str
    seconds: float
    """wall-clock time of training, over all resumptions"""
    resumed: int
    """how often the run was continued after an interruption"""
    samples_per_second: float
    peak_memory_mib: float

    @property
    def ended(self) -> str:
        """When training had ended, as `started` is written; early by its interruptions, which `seconds` leaves out."""
        end = datetime.fromisoformat(self.started) + timedelta(seconds=self.seconds)
        return end.isoformat(timespec="seconds")


def packages() -> dict[str, str]:
    """Return the versions that can change a number."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def machine(device: str, threads: int) -> dict[str, Any]:
    """Return the facts of this machine; `container` is the image path when inside Apptainer."""
    return {
        "device": device,
        "cpu": cpu_name(),
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
        "container": os.environ.get("APPTAINER_CONTAINER") or os.environ.get("SINGULARITY_CONTAINER"),
        "python": sys.implementation.name,
    }


def image() -> str | None:
    """Return the sha256 of the image that this process runs in, as `make image` wrote it; None outside."""
    container = os.environ.get("APPTAINER_CONTAINER") or os.environ.get("SINGULARITY_CONTAINER")
    return image_digest(Path(container)) if container else None


def cpu_name() -> str:
    """Return the processor's model as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


__all__ = ["Provenance", "cpu_name", "image", "machine", "packages"]
