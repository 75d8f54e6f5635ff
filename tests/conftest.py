import lzma
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from PIL import Image
from sklearn.datasets import load_sample_images

SHARED = Path(__file__).parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where torch sees none."""
    if needing := [item for item in items if item.get_closest_marker("gpu")]:
        import torch

        if not torch.cuda.is_available():
            for item in needing:
                item.add_marker(pytest.mark.skip(reason="needs a GPU"))


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


@pytest.fixture(scope="session")
def pictures_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with imagenette2-320/: three classes of real pictures, of every kind that ImageNet has."""
    china, flower = (Image.fromarray(pixels) for pixels in load_sample_images().images)
    folder = tmp_path_factory.mktemp("pictures") / "imagenette2-320"
    for split, count in (("train", 7), ("val", 3)):
        for number, wnid in enumerate(("n01440764", "n02102040", "n02979186")):
            for i in range(count):
                left, top = 30 * i + 5 * number, 20 * i + 7 * number
                part = (china, flower)[(i + number) % 2].crop(
                    (left, top, left + 150 + 9 * i, top + 190 - 8 * i)
                )
                path = folder / split / wnid / f"{wnid}_{100 - 7 * i}.JPEG"
                path.parent.mkdir(parents=True, exist_ok=True)
                part.convert({1: "L", 2: "CMYK"}.get(i, "RGB")).save(path, "PNG" if i == 3 else "JPEG")
    return folder.parent


@pytest.fixture(scope="session")
def glue_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with the real CoLA, MRPC, RTE, SST-2 and STS-B of GLUE."""
    folder = SHARED / "data" / "glue"
    if not folder.is_dir():
        pytest.skip(f"the GLUE tasks of the development machines are not at {folder}")
    root = tmp_path_factory.mktemp("glue-root")
    (root / "glue").symlink_to(folder)
    return root


@pytest.fixture(scope="session")
def parallel_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with the real Multi30k, and of IWSLT'14 valid, test, the BPE's merges and a part of train."""
    folder = SHARED / "data"
    if not (folder / "multi30k").is_dir() or not (folder / "iwslt14").is_dir():
        pytest.skip(f"the parallel corpora of the development machines are not at {folder}")
    root = tmp_path_factory.mktemp("parallel-root")
    (root / "multi30k").symlink_to(folder / "multi30k")
    (root / "iwslt14.de-en").mkdir()
    for packed in (folder / "iwslt14").glob("*.xz"):
        name = packed.stem.replace("train_partial", "train")
        (root / "iwslt14.de-en" / name).write_bytes(lzma.decompress(packed.read_bytes()))
    return root
