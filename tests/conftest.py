import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def cifar10_root(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A data root with the real CIFAR-10, unpacked once for all workers."""
    packed = SHARED / "data" / "cifar10"
    if not packed.is_dir():
        pytest.skip(f"the packed CIFAR-10 of the development machines is not at {packed}")
    base = tmp_path_factory.getbasetemp()
    root = (base if worker_id == "master" else base.parent) / "cifar10-root"
    folder = root / "cifar-10-batches-py"
    with FileLock(f"{root}.lock"):
        if not folder.is_dir():
            unpack = [sys.executable, SHARED / "tools" / "cifar-pack", "unpack", folder]
            subprocess.run([*unpack, *sorted(packed.glob("*.cpk"))], check=True, capture_output=True)
            (folder / "batches.meta").write_bytes((packed / "batches.meta").read_bytes())
    return root
