"""Train one run and leave its folder behind, from which its network can be restored.

The state file is what an interrupted run goes on from, written whole after every interval.
"""

import io
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save

import lets.models
from lets.config import RunSpec
from lets.config.paths import WEIGHTS, Layout
from lets.errors import LetsError, RecordError
from lets.files import check_no_folder, check_writable, json_text, sha256_bytes, write_bytes
from lets.optim import DivergenceError
from lets.runs import Divergence, Metrics, RunRecord, Status
from lets.runs.code import code_digest
from lets.runs.history import MOST, HistoryRow, history_text
from lets.runs.provenance import Machine, Provenance, image, machine, packages
from lets.train.device import (
    Ranks,
    choose_device,
    compute_deterministically,
    device_name,
    peak_memory_mib,
    placed,
)
from lets.train.loop import Training
from lets.train.run_data import RunData
from lets.train.startup import keep_freed_memory, leave_out_the_compiler, without_garbage_collection

OnEpoch = Callable[[HistoryRow], None]

LONGEST = 1e9
"""seconds of a training, thirty years: provenance.json holds the date of its end"""


def train_run(spec: RunSpec, layout: Layout, device: str, threads: int, on_epoch: OnEpoch) -> Metrics:
    """Train a run, or go on with one that was interrupted, and write its folder.

    A finished run is left as it is. Raises DivergenceError after recording a run whose numbers
    stopped being finite: its folder then holds the last finite weights and says where it stopped.
    """
    record = RunRecord.at(layout, spec.id)
    if record.status in (Status.FINISHED, Status.DIVERGED):
        return record.metrics
    with without_garbage_collection():
        job = _Job(spec, layout, choose_device(device), threads)
    try:
        return job.run(on_epoch)
    finally:
        job.ranks.part()


class _Job:
    """One run on one device: training, its state file and its folder."""

    def __init__(self, spec: RunSpec, layout: Layout, device: torch.device, threads: int) -> None:
        if not spec.training.compile:
            leave_out_the_compiler()
        compute_deterministically(threads, spec.training.precision)
        keep_freed_memory()
        self.spec, self.layout, self.device, self.threads = spec, layout, device, threads
        self.started, self.clock = datetime.now(UTC), time.monotonic()
        self.seconds_before, self.resumed = 0.0, 0
        self.untried = False
        """whether the training goes on from a state, and nothing has come of it yet"""
        self.saved, self.save_takes = self.clock, 0.0
        """when the last state was written, and how long that took (seconds)"""
        self.ranks = Ranks.join(spec.training.ranks, device)
        self.data = RunData.read(spec, layout, device, self.ranks.rank, self.ranks.count)
        self.training = Training(spec, self.data, device, self.ranks)

    def run(self, on_epoch: OnEpoch) -> Metrics:
        if self.ranks.rank == 0:
            self._check_writable()
        self._resume()
        try:
            while not self.training.finished:
                row = self._run_interval()
                if row and self.ranks.rank == 0:
                    on_epoch(row)
                if self._worth_saving:
                    self._save()
        except DivergenceError as error:
            self._write(_divergence(error))
            raise
        return self._write(None)

    @cached_property
    def _machine(self) -> Machine:
        return machine(device_name(self.device), self.threads, torch.backends.cpu.get_cpu_capability())

    @property
    def _identity(self) -> dict[str, str]:
        """What must be the same for a resumed run to end with the bytes of an unbroken one."""
        return {
            "run": self.spec.id,
            "code": code_digest(self.spec),
            "torch": str(torch.__version__),
            "device": device_name(self.device),
            "threads": str(self.threads),
            "processor": str(self._machine.processor) if self.device.type == "cpu" else "",
            "image": str(image()),
            **self.data.digests,
        }

    def _check_writable(self) -> None:
        """Raise StorageError now rather than after the last epoch, if what a run leaves has no room or no place."""
        trace = _size(self.training.trace.columns.values())
        weights = _size(self.training.model.state_dict().values())
        check_writable(self.layout.run(self.spec.id), trace + weights * self.layout.keep_weights)
        # Weights and momentum; and the state before stays until the new one is whole.
        check_writable(self.layout.state(self.spec.id).parent, 2 * (trace + 2 * weights))
        for path in (*self.layout.run_files(self.spec.id), self.layout.state(self.spec.id)):
            check_no_folder(path, self.layout.aside(self.spec.id))

    def _resume(self) -> None:
        """Go on from the state file; one that cannot be gone on from is as good as none, and said to be."""
        try:
            if state := load_state(self.layout.state(self.spec.id), self._identity):
                self.training.load_state_dict(state)
                self.seconds_before, self.resumed = _so_far(state)
                self.untried = True
        except Exception as error:  # what torch raises of a damaged state is listed nowhere
            self._start_over(error)

    def _run_interval(self) -> HistoryRow | None:
        """Train on; what is wrong with a state may show only until it is trained from to the end of an epoch."""
        try:
            row = self.training.run_interval()
        except (LetsError, DivergenceError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            if not self.untried:
                raise
            self._start_over(error)
            row = self.training.run_interval()
        self.untried = self.untried and not row
        return row

    def _start_over(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, RecordError) else f"is damaged ({_first_line(error)})"
        if self.ranks.rank == 0:
            print(f"{self.layout.state(self.spec.id)} – {reason} – the training starts over", file=sys.stderr)
        self.seconds_before, self.resumed, self.untried = 0.0, 0, False
        self.training = Training(self.spec, self.data, self.device, self.ranks)

    @property
    def _worth_saving(self) -> bool:
        """Whether saving takes a fiftieth of the time since the last state at most: no kill loses more than that.

        Several ranks save together, and their clocks do not agree: they always save.
        """
        return self.ranks.count > 1 or time.monotonic() - self.saved >= 50 * self.save_takes

    def _save(self) -> None:
        begun = time.monotonic()
        state = {**self.training.state_dict(), "seconds": self._seconds(), "resumed": self.resumed}
        if self.ranks.rank == 0:
            save_state(self.layout.state(self.spec.id), self._identity, state)
        self.saved = time.monotonic()
        self.save_takes = self.saved - begun

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.clock

    def _write(self, divergence: Divergence | None) -> Metrics:
        """Write the folder; the digest of the weights is recorded even where they are not kept."""
        scores = None if divergence or not self.data.scores else self.data.scores(self.training.model)
        metrics = Metrics.of(self.spec.id, self.training.history, divergence, scores)
        if self.ranks.rank:
            return metrics
        files = {
            "run.json": json_text(self.spec.model_dump(mode="json")).encode(),
            "history.csv": history_text(self.training.history).encode(),
            "trace.safetensors": save(self.training.trace.state_dict()),
            WEIGHTS: save(_contiguous(self.training.model)),
            "metrics.json": json_text(metrics.model_dump(mode="json")).encode(),
        }
        digests = {name: sha256_bytes(content) for name, content in files.items()}
        files["provenance.json"] = json_text(self._provenance(metrics, digests)).encode()
        for path in self.layout.run_files(self.spec.id):
            write_bytes(path, files[path.name])
        shutil.rmtree(self.layout.state(self.spec.id).parent, ignore_errors=True)
        return metrics

    def _provenance(self, metrics: Metrics, digests: dict[str, str]) -> dict[str, object]:
        seconds = self._seconds()
        samples = metrics.steps * self.spec.training.batch_size
        return Provenance(
            run=self.spec.id,
            files=digests,
            code=code_digest(self.spec),
            data=self.data.digests,
            seeds=self.spec.seeds(),
            packages=packages(),
            machine=self._machine,
            image=image(),
            started=self.started.isoformat(timespec="seconds"),
            seconds=round(seconds, 3),
            resumed=self.resumed,
            samples_per_second=round(samples / seconds, 1),
            peak_memory_mib=round(peak_memory_mib(self.device), 1),
        ).model_dump(mode="json")


def _divergence(error: DivergenceError) -> Divergence:
    """What metrics.json says of it: JSON has numbers for finite values alone."""
    norms = {name: repr(value) for name, value in error.norms.items()}
    if math.isfinite(error.rho):
        return Divergence(step=error.step, rho=error.rho, norms=norms)
    return Divergence(step=error.step, rho=None, norms=norms | {"radius": repr(error.rho)})


def _so_far(state: dict[str, Any]) -> tuple[float, int]:
    """Return the seconds of a training and how often it is resumed; raises ValueError for what cannot be recorded."""
    seconds, resumed = state["seconds"], state["resumed"]
    if not (0 <= seconds <= LONGEST and isinstance(resumed, int) and 0 <= resumed < MOST):
        raise ValueError(f"it took {seconds!r} s and was resumed {resumed!r} times")
    return float(seconds), resumed + 1


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def _size(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes of some tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _contiguous(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}


DIGEST = 32
"""Bytes of the sha256 that the file begins with: torch reads a flipped bit as another number, and says nothing."""


def save_state(path: Path, identity: dict[str, str], state: dict[str, Any]) -> None:
    """Replace the state file; a kill at any moment leaves the old one or the new one."""
    buffer = io.BytesIO()
    torch.save({"identity": identity, **state}, buffer)
    content = buffer.getvalue()
    write_bytes(path, sha256(content).digest() + content)


def load_state(path: Path, identity: dict[str, str]) -> dict[str, Any] | None:
    """Return the state; None if there is none.

    Raises RecordError if the file is damaged, or was made by another code, torch, image, processor or thread count:
    going on from it would give bytes that no unbroken run gives.
    """
    if (state := read_state(path)) is None:
        return None
    made = state.pop("identity")
    if other := [name for name in identity if made.get(name) != identity[name]]:
        raise RecordError(f"was made by another {', another '.join(other)}")
    return state


def read_state(path: Path) -> dict[str, Any] | None:
    """Return what a state file holds, whoever made it; None if there is none, RecordError if it is damaged."""
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited on for ever
            raise RecordError("cannot be read (it is no regular file)")
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordError(f"cannot be read ({error.strerror})") from error
    digest, content = content[:DIGEST], content[DIGEST:]
    if digest != sha256(content).digest():
        raise RecordError("is damaged: its sha256 differs")
    state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    return state


def restored_model(spec: RunSpec, layout: Layout, data: RunData) -> torch.nn.Module:
    """Return the trained model of a finished run on the device of `data`; raises RecordError for damaged weights."""
    model = lets.models.create(spec.architecture, data.classes, data.image)
    path = layout.run_file(spec.id, WEIGHTS)
    try:
        model.load_state_dict(load_file(path))
    except Exception as error:  # what the library raises of a damaged file is listed nowhere
        raise RecordError(f"{path} – are no weights of {spec.architecture} ({error})") from error
    return placed(model, data.test.labels.device, spec.training.channels_last)
