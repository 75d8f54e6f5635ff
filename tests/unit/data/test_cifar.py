import hashlib
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets

import lets.data
from lets.data import cifar
from lets.data.cifar import restricted_loads
from lets.data.sources import File, Source
from lets.errors import ChecksumError, DataError


def fake_cifar100(root: Path) -> tuple[Source, dict[str, np.ndarray]]:
    """A CIFAR-100 of three training and two test images, in its layout."""
    random = np.random.default_rng(0)
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    pixels, files = {}, []
    for split, fine in (("train", [4, 99, 0]), ("test", [7, 5])):
        pixels[split] = random.integers(0, 256, (len(fine), 3072), dtype=np.uint8)
        entry = {
            "data": pixels[split],
            "fine_labels": fine,
            "coarse_labels": [1] * len(fine),
            "filenames": ["a.png"],
        }
        files.append(write_pickle(folder / split, split, entry))
    files.append(
        write_pickle(folder / "meta", "classes", {"fine_label_names": [f"class {i}" for i in range(100)]})
    )
    return Source("cifar100", "", "", "", "", folder="cifar-100-python", files=tuple(files)), pixels


def write_pickle(path: Path, split: str, entry: object) -> File:
    content = pickle.dumps(entry, protocol=4)
    path.write_bytes(content)
    return File(path.name, split, len(content), hashlib.md5(content).hexdigest())


def test_cifar100_layout(tmp_path: Path) -> None:
    source, pixels = fake_cifar100(tmp_path)
    d = cifar.read(source, tmp_path, download=False)
    assert d.train.labels.tolist() == [4, 99, 0]  # the fine labels
    assert d.test.labels.tolist() == [7, 5]
    assert d.train.labels.dtype == torch.int64
    assert d.train.images.shape == (3, 3, 32, 32)
    # planes of 1024 bytes, red, green, blue, rows first
    assert d.train.images[2, 1, 5, 9] == pixels["train"][2, 1024 + 5 * 32 + 9]
    assert d.test.images[1, 2, 31, 0] == pixels["test"][1, 2048 + 31 * 32]
    assert (d.classes, d.class_names[99]) == (100, "class 99")


def test_missing_file_names_it_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data_batch_1 – missing.*run  lets data prepare cifar10 --download"):
        lets.data.load("cifar10", root=tmp_path)
    assert list(tmp_path.iterdir()) == []  # nothing was fetched


def test_root_falls_back_to_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETS_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(DataError, match="elsewhere"):
        lets.data.load("cifar10")
    monkeypatch.delenv("LETS_DATA")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=os.path.join("^data", "raw", "cifar-100-python", "train")):
        lets.data.load("cifar100")


@pytest.mark.parametrize("damage", ["flip a bit", "cut short"])
def test_damaged_file_is_named_with_both_digests(tmp_path: Path, damage: str) -> None:
    source, _ = fake_cifar100(tmp_path)
    path = tmp_path / "cifar-100-python" / "test"
    content = bytearray(path.read_bytes())
    content[300] ^= 1
    path.write_bytes(content if damage == "flip a bit" else content[:-1])
    found = hashlib.md5(path.read_bytes()).hexdigest()
    with pytest.raises(
        ChecksumError, match=f"test – damaged: md5 {found} .*should be {source.files[1].md5} .*prepare"
    ):
        cifar.read(source, tmp_path, download=False)


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_cannot_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="asks for code"):
        restricted_loads(pickle.dumps({"data": Payload()}, protocol))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.eval", "numpy.load", "numpy.core.multiarray.fromfile"]
)
def test_only_three_globals_are_known(name: str) -> None:
    module, _, function = name.rpartition(".")
    with pytest.raises(DataError, match=name):
        restricted_loads(f"c{module}\n{function}\n.".encode())


@pytest.mark.slow
def test_cifar10_equals_torchvision_byte_for_byte_and_its_mean_is_the_catalogues(cifar10_root: Path) -> None:
    d = lets.data.load("cifar10", root=cifar10_root)
    assert (len(d.train), len(d.test)) == (50_000, 10_000)
    for train, split in ((True, d.train), (False, d.test)):
        reference = torchvision.datasets.CIFAR10(cifar10_root, train=train)
        assert np.array_equal(split.images.permute(0, 2, 3, 1), reference.data)
        assert split.labels.tolist() == reference.targets
        assert list(d.class_names) == reference.classes
    grey = torch.arange(256.0, dtype=torch.float64) / 255
    counts = (torch.bincount(d.train.images[:, c].flatten()).double() for c in range(3))
    mean = [float(count @ grey) / (50_000 * 1024) for count in counts]
    assert mean == pytest.approx(lets.data.describe("cifar10").mean, abs=1e-4)
    # the customary .2023 … is the mean standard deviation within an image, not that of all pixels (.2470 …)
    within = d.train.images.float().flatten(2).std(2).mean(0) / 255
    assert within.tolist() == pytest.approx(lets.data.describe("cifar10").std, abs=2e-4)


@pytest.mark.slow
def test_damaged_cifar10_is_refused(cifar10_root: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(cifar10_root / "cifar-10-batches-py", tmp_path / "cifar-10-batches-py")
    with (folder / "data_batch_3").open("r+b") as file:
        file.seek(10_000_000)
        file.write(b"\0\0\0\0\0\0\0\0")
    with pytest.raises(
        ChecksumError, match=r"data_batch_3 – damaged: md5 .*should be 54ebc095f3ab1f0389bbae665268c751"
    ):
        lets.data.load("cifar10", root=tmp_path)
