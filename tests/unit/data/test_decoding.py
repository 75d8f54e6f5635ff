"""Pixels of one picture: Pillow's decoding, torchvision's transforms."""

import re
from pathlib import Path

import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from lets.data.pictures import Request, decode, read_picture
from lets.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore:The image decoding:DeprecationWarning")

FLOWER = Image.fromarray(load_sample_images().images[1]).resize((120, 90))
KINDS = {
    "colour": (FLOWER, "JPEG", {}),
    "progressive": (FLOWER, "JPEG", {"progressive": True, "subsampling": 0}),
    "grey": (FLOWER.convert("L"), "JPEG", {}),
    "cmyk": (FLOWER.convert("CMYK"), "JPEG", {}),
    "png": (FLOWER, "PNG", {}),
    "palette": (FLOWER.convert("P"), "PNG", {}),
    "alpha": (FLOWER.convert("RGBA"), "PNG", {}),
}


def stored(path: Path, kind: str = "colour") -> tuple[str, int]:
    image, form, options = KINDS[kind]
    image.save(path, form, **options)
    return str(path), path.stat().st_size


def by_pillow(path: str) -> Tensor:
    """torchvision's default loader."""
    pixels: Tensor = F.pil_to_tensor(Image.open(path).convert("RGB"))
    return pixels


def pictures(root: Path) -> list[str]:
    return [str(path) for path in sorted(root.glob("*/train/*/*"))]


def request(paths: list[str], seeds: tuple[int, ...] | None, side: int = 224) -> Request:
    return Request(tuple(paths), tuple(Path(path).stat().st_size for path in paths), seeds, side)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_as_pillow_reads_it(tmp_path: Path, kind: str) -> None:
    path, size = stored(tmp_path / "flower.JPEG", kind)
    pixels = read_picture(path, size)
    assert (pixels.dtype, pixels.shape) == (torch.uint8, (3, 90, 120))
    assert torch.equal(pixels, by_pillow(path))


def test_training_pictures_are_torchvisions_random_resized_crop_and_flip(pictures_root: Path) -> None:
    paths = pictures(pictures_root)
    ours = decode(request(paths, tuple(range(len(paths)))))
    transform = v2.Compose([v2.RandomResizedCrop(224), v2.RandomHorizontalFlip()])
    for seed, (path, row) in enumerate(zip(paths, ours, strict=True)):
        torch.manual_seed(seed)
        assert torch.equal(row, transform(by_pillow(path)))


def test_test_pictures_are_torchvisions_resize_256_and_center_crop(pictures_root: Path) -> None:
    paths = pictures(pictures_root)
    ours = decode(request(paths, None))
    transform = v2.Compose([v2.Resize(256), v2.CenterCrop(224)])
    for path, row in zip(paths, ours, strict=True):
        assert torch.equal(row, transform(by_pillow(path)))


def test_pillows_own_transforms_differ_by_one_grey_value_at_most(pictures_root: Path) -> None:
    paths = pictures(pictures_root)
    ours = decode(request(paths, tuple(range(len(paths))))), decode(request(paths, None))
    train = v2.Compose([v2.RandomResizedCrop(224), v2.RandomHorizontalFlip()])
    test = v2.Compose([v2.Resize(256), v2.CenterCrop(224)])
    for seed, path in enumerate(paths):
        image = Image.open(path).convert("RGB")
        torch.manual_seed(seed)
        for mine, transform in zip(ours, (train, test), strict=True):
            pillows = F.pil_to_tensor(transform(image))
            assert int((mine[seed].int() - pillows.int()).abs().max()) <= 1


def test_the_global_generator_rests(pictures_root: Path) -> None:
    before = torch.random.get_rng_state()
    decode(request(pictures(pictures_root)[:3], (1, 2, 3)))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_side_is_free_and_the_margin_in_proportion(pictures_root: Path) -> None:
    path = pictures(pictures_root)[0]
    ours = decode(request([path], None, side=56))[0]
    assert torch.equal(ours, v2.CenterCrop(56)(v2.Resize(64)(by_pillow(path))))


@pytest.mark.parametrize("damage", ["cut short", "no picture", "gone", "16 bits"])
def test_a_damaged_picture_is_named(tmp_path: Path, damage: str) -> None:
    path, size = stored(tmp_path / "flower.JPEG")
    content = Path(path).read_bytes()
    if damage == "cut short":
        Path(path).write_bytes(content[: size // 2])
        size //= 2
    elif damage == "no picture":
        Path(path).write_bytes(b"x" * size)
    elif damage == "gone":
        Path(path).unlink()
    else:
        FLOWER.convert("L").convert("I;16").save(path, "PNG")
        size = Path(path).stat().st_size
    with pytest.raises(
        DataError, match=f"^{re.escape(path)} – damaged or not there .* – copy this picture once more$"
    ) as caught:
        decode(Request((path,), (size,), None, 224))
    assert ".cpp" not in str(caught.value)


def test_another_length_than_the_index_says(tmp_path: Path) -> None:
    path, size = stored(tmp_path / "flower.JPEG")
    with pytest.raises(DataError, match=rf"flower\.JPEG .*\({size} bytes, its index says {size + 1}\)"):
        read_picture(path, size + 1)
