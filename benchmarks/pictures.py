"""How many pictures a second the pipeline of ImageNet reads.

The pictures are JPEGs of ImageNet's usual size, cut from scikit-learn's two photographs, and lie in the page cache:
decoding is measured, not the disk. First one core's work in its own processor seconds, which other processes on
the machine change less: ours, and Pillow with torchvision's transforms on its images, as torchvision's own
recipe has it. Then batches by the clock, one row for each number of workers.
"""

import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from lets.data.catalogue import describe
from lets.data.folder import Picture
from lets.data.pictures import Pictures, Readers, Request, decode

from .measure import AGAIN, Action, interleave, rounded
from .problem import clock
from .result import Conditions, Findings, Row

HOW = """\
JPEGs of {size[0]}×{size[1]} pixels ({kilobytes:.0f} kB each) in the page cache. *train*: RandomResizedCrop
and flip; *test*: the shorter side to 256, the centre 224. One core: {different} pictures decoded and cut,
in processor seconds; Pillow is torchvision's own recipe. Workers: {rounds} batches of {batch} by the clock
after one of warm-up, normalised on the device, a process for each; whatever else the machine does slows
them down."""
DIFFERENT, SIZE = 64, (500, 375)  # ImageNet's most frequent size
PILLOW = "one core, Pillow, train"


def measure(given: Conditions) -> Findings:
    """One core's work, ours and Pillow's, then two rows for each number of workers."""
    warnings.filterwarnings("ignore", message="The image decoding", category=DeprecationWarning)
    device, batch = given.place, 16 if given.quick else 256
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        different = write_pictures(folder)
        times = interleave(one_core(folder, different), PILLOW, given.rounds, process_time)
        rows: list[Row] = [
            times.row(title, PILLOW, pictures_per_second=_rate(DIFFERENT, median(times.seconds[title])))
            for title in times.seconds
            if not title.endswith(AGAIN)
        ]
        for count in (0, 1) if given.quick else (0, 1, 2):
            rows += by_workers(folder, different, count, batch, given.rounds, device)
        kilobytes = sum(picture.bytes for picture in different) / DIFFERENT / 1e3
    how = HOW.format(size=SIZE, kilobytes=kilobytes, different=DIFFERENT, rounds=given.rounds, batch=batch)
    return Findings(how, rows, [times.control()])


def write_pictures(folder: Path) -> list[Picture]:
    """Cut `DIFFERENT` pictures out of the photographs, none like another."""
    photographs = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    pictures = []
    for i in range(DIFFERENT):
        path = folder / f"{i}.JPEG"
        part = photographs[i % 2].crop((i, i // 2, 540 + i, 360 + i // 2))
        part.resize(SIZE, Image.Resampling.BICUBIC).save(path, "JPEG", quality=90)
        pictures.append(Picture(path.name, path.stat().st_size, i % 10))
    return pictures


def one_core(folder: Path, pictures: list[Picture]) -> dict[str, Action]:
    """Decode all of them in this process: ours and Pillow's, as for training and as for testing."""
    paths = tuple(str(folder / picture.path) for picture in pictures)
    lengths = tuple(picture.bytes for picture in pictures)
    return {
        f"one core, {reader}, {kind}": _reading(read, Request(paths, lengths, seeds, 224))
        for kind, seeds in (("train", tuple(range(len(pictures)))), ("test", None))
        for reader, read in (("Pillow", by_pillow), ("ours", decode))
    }


def by_pillow(request: Request) -> None:
    """What torchvision's recipe does with its default loader."""
    train = v2.Compose([v2.RandomResizedCrop(224), v2.RandomHorizontalFlip()])
    test = v2.Compose([v2.Resize(256), v2.CenterCrop(224)])
    for path in request.paths:
        F.pil_to_tensor((train if request.seeds else test)(Image.open(path).convert("RGB")))


def by_workers(
    folder: Path, different: list[Picture], count: int, batch: int, rounds: int, device: torch.device
) -> list[Row]:
    """Pictures a second with a number of worker processes, for training and for testing."""
    pictures = (different * (batch * (rounds + 1) // DIFFERENT + 1))[: batch * (rounds + 1)]
    info = describe("imagenet")
    loader = Pictures(
        folder,
        pictures,
        side=224,
        readers=Readers(count, pin=device.type == "cuda"),
        batch_size=batch,
        mean=info.mean,
        std=info.std,
        augmentation="crop-flip",
        device=device,
    )
    found = {"train": seconds_of(loader.epoch(0), device), "test": seconds_of(loader.plain(), device)}
    return [
        {
            "variant": f"{count} workers, {kind}",
            "pictures_per_second": _rate(batch * rounds, seconds),
            "seconds": rounded(seconds),
        }
        for kind, seconds in found.items()
    ]


def seconds_of(batches: Iterable[tuple[torch.Tensor, torch.Tensor]], device: torch.device) -> float:
    """Seconds from the end of the first batch on."""
    now, start = clock(device), perf_counter()
    for number, _ in enumerate(batches):
        if number == 0:
            start = now()
    return now() - start


def _reading(read: Callable[[Request], object], request: Request) -> Action:
    return lambda _: read(request)


def _rate(pictures: int, seconds: float) -> int:
    return round(pictures / seconds)
