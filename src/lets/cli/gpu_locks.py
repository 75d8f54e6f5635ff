"""A lock for every place on a GPU: no two trainings have the same one, and a killed one has none."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from lets.config.gpus import slots_per_gpu, visible_gpus
from lets.errors import SpecError
from lets.files import sha256_bytes

__all__ = ["take_gpus"]

SECONDS_BETWEEN_TRIES = 0.5
_TAKEN: list[FileLock] = []
"""kept to the end of this process; the operating system then gives them back, however it ended"""


def take_gpus(count: int) -> None:
    """Wait until `count` GPUs have a free place, take one on each, and make these the only ones torch will see.

    Call it before torch is imported. Where no GPU is known it does nothing. Nobody holds a place while waiting
    for another, so there is no deadlock. Who sees the same GPUs stands behind one door while somebody waits
    inside, so a run of many ranks is not passed over for ever.
    """
    gpus, slots = visible_gpus(), slots_per_gpu()
    if not gpus:
        return
    if count > len(gpus):
        raise SpecError(
            f"{count} ranks – each needs a GPU of its own, this machine shows {len(gpus)} – "
            f"write  ranks: {len(gpus)}  (another run: m-sharpness with other m), or go where more are"
        )
    folder = _folder()
    door = FileLock(folder / f"door-{sha256_bytes(' '.join(sorted(gpus)).encode())[:16]}.lock")
    taken = _places(folder, gpus, count, slots) if _acquired(door) else {}
    if not taken:
        print(f"waiting for a GPU (locks in {folder})", file=sys.stderr, flush=True)
        door.acquire(poll_interval=0.1)
        while not (taken := _places(folder, gpus, count, slots)):
            time.sleep(SECONDS_BETWEEN_TRIES)
    door.release(force=True)
    _TAKEN.extend(taken.values())
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)


def _places(folder: Path, gpus: Sequence[str], count: int, slots: int) -> dict[str, FileLock]:
    """Lock a place on each of `count` GPUs, or none; a GPU is shared when every other one is in use."""
    taken: dict[str, FileLock] = {}
    for slot in range(slots):
        for gpu in gpus:
            lock = FileLock(folder / f"{gpu.replace('/', '_')}.{slot}.lock")
            if gpu not in taken and len(taken) < count and _acquired(lock):
                taken[gpu] = lock
    if len(taken) == count:
        return taken
    for lock in taken.values():
        lock.release()
    return {}


def _acquired(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True


def _folder() -> Path:
    """Where all jobs of this user on this machine meet; not TMPDIR, which schedulers set for every job."""
    folder = Path(os.environ.get("LETS_GPU_LOCKS") or f"/tmp/lets-gpus-{os.getuid()}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
