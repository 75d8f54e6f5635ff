"""provenance.json: who made a run, from what, on what, and the digests of what it wrote."""

import os
import platform
import sys
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, model_validator

from lets.files import image_digest
from lets.runs.metrics import STRICT, Count, Number

PACKAGES = ("torch", "numpy", "torchvision", "timm", "safetensors")
CPU_FACTS = {
    "cpu family": "cpu_family",
    "model": "cpu_model",
    "stepping": "cpu_stepping",
    "CPU implementer": "cpu_family",
    "CPU part": "cpu_model",
    "CPU variant": "cpu_stepping",
}
"""what x86 and ARM call them in /proc/cpuinfo → our field"""


class Machine(BaseModel):
    """Where a run was made. A field is None where it does not apply, is not known, or the record is older."""

    model_config = STRICT

    device: str | None = None
    """the name of the GPU, or `cpu`"""
    cpu: str | None = None
    """as the system names it: virtual machines give different processors one name"""
    cpu_family: int | None = None
    cpu_model: int | None = None
    cpu_stepping: int | None = None
    cpu_capability: str | None = None
    """the instruction set that torch chose its kernels for, `AVX2` or `AVX512`"""
    threads: int | None = Field(default=None, ge=1, le=4096)
    system: str | None = None
    container: str | None = None
    """the path of the image, inside Apptainer"""
    python: str | None = None

    def rounds_like(self, other: "Machine") -> bool:
        """Return whether both machines are known to give the same bits: all that decides rounding is equal."""
        mine, others = self._rounding, other._rounding
        return None not in mine and mine == others

    @property
    def processor(self) -> str | None:
        """The processor as far as it decides rounding, for messages; None if it is not known."""
        facts = (self.cpu, self.cpu_family, self.cpu_model, self.cpu_stepping, self.cpu_capability)
        if None in facts:
            return None
        return "{} (family {}, model {}, stepping {}, {})".format(*facts)

    @property
    def _rounding(self) -> tuple[str | int | None, ...]:
        return self.device, self.processor, self.threads


class Provenance(BaseModel):
    """Everything about a run that is no result; may differ between two equal runs."""

    model_config = STRICT

    run: str
    files: dict[str, str]
    """sha256 of every other file of the run folder"""
    code: str
    """digest of the code that can change its numbers"""
    data: dict[str, str]
    """digests of the arrays and of the training labels"""
    seeds: dict[str, int]
    packages: dict[str, str]
    machine: Machine
    image: str | None = None
    """sha256 of the container image that the run was made in; none outside of one, and in records of old"""
    started: str
    seconds: Annotated[Number, Field(ge=0)]
    """wall-clock time of training, over all resumptions"""
    resumed: Count
    """how often the run was continued after an interruption"""
    samples_per_second: Annotated[Number, Field(ge=0)]
    peak_memory_mib: Annotated[Number, Field(ge=0)]

    @model_validator(mode="after")
    def _ends(self) -> "Provenance":
        try:
            datetime.fromisoformat(self.ended).timestamp()
        except (ValueError, OverflowError) as error:
            raise ValueError(f"started {self.started!r}, lasted {self.seconds} s: that is no time") from error
        return self

    @property
    def ended(self) -> str:
        """When training had ended, as `started` is written; early by its interruptions, which `seconds` leaves out."""
        end = datetime.fromisoformat(self.started) + timedelta(seconds=self.seconds)
        return end.isoformat(timespec="seconds")


def packages() -> dict[str, str]:
    """Return the versions that can change a number."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def machine(device: str, threads: int, capability: str) -> Machine:
    """Return the facts of this machine; `capability` is what `torch.backends.cpu.get_cpu_capability()` says."""
    return Machine(
        device=device,
        cpu=cpu_name(),
        **_cpu_facts(),
        cpu_capability=capability,
        threads=threads,
        system=f"{platform.system()} {platform.machine()}",
        container=os.environ.get("APPTAINER_CONTAINER") or os.environ.get("SINGULARITY_CONTAINER"),
        python=sys.implementation.name,
    )


def image() -> str | None:
    """Return the sha256 of the image that this process runs in, as `make image` wrote it; None outside."""
    container = os.environ.get("APPTAINER_CONTAINER") or os.environ.get("SINGULARITY_CONTAINER")
    return image_digest(Path(container)) if container else None


def cpu_name() -> str:
    """Return the processor's model as the system names it."""
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def _cpu_facts() -> dict[str, int]:
    """Family, model and stepping, as far as the system tells them; ARM writes them as hexadecimal."""
    return {CPU_FACTS[name]: int(value, 0) for name, value in _cpuinfo().items() if name in CPU_FACTS}


def _cpuinfo() -> dict[str, str]:
    """The facts of the first processor; nothing where the system has no such file."""
    try:
        first = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    except OSError:
        return {}
    lines = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


__all__ = ["Machine", "Provenance", "cpu_name", "image", "machine", "packages"]
