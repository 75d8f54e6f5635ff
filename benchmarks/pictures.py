"""How many pictures a second the pipeline of ImageNet reads: `python -m benchmarks.pictures`.

The pictures are JPEGs of ImageNet's usual size, cut from scikit-learn's two photographs, and lie in the page cache:
decoding is measured, not the disk. First one core's work in its own processor seconds, which other processes on
the machine do not change: ours, and Pillow with torchvision's transforms on its images, as torchvision's own
recipe has it. Then batches by the clock, one row for each number of workers.
"""

import argparse
import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter, process_time

import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from lets.data.catalogue import describe
from lets.data.decoding import Request, decode
from lets.data.index import Picture
from lets.data.pictures import Pictures
from lets.data.readers import Readers

from .result import FOLDER, Row, report

DIFFERENT = 64
SIZE = (500, 375)  # ImageNet's most frequent one
TEXT = """\
{pictures} JPEGs of {size[0]}×{size[1]} pixels ({kilobytes:.0f} kB each), pictures a second. `train`: RandomResizedCrop
and flip; `test`: the shorter side to 256, the centre 224. `one core`: decoded and cut, in processor seconds.
`workers`: batches of {batch_size}, normalised on {device}, by the clock, after one batch of warm-up; whatever else
the machine does slows them down."""


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


def rate(batches: Iterable[tuple[torch.Tensor, torch.Tensor]], device: torch.device) -> float:
    """Pictures a second, from the second batch on."""
    count, start = 0, 0.0
    for number, (_, y) in enumerate(batches):
        if number == 0:
            start = perf_counter()
        else:
            count += len(y)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return count / (perf_counter() - start)


def by_pillow(request: Request) -> None:
    """What torchvision's recipe does with its default loader."""
    train = v2.Compose([v2.RandomResizedCrop(224), v2.RandomHorizontalFlip()])
    test = v2.Compose([v2.Resize(256), v2.CenterCrop(224)])
    for path in request.paths:
        F.pil_to_tensor((train if request.seeds else test)(Image.open(path).convert("RGB")))


def one_core(read: Callable[[Request], object], folder: Path, pictures: list[Picture], rounds: int) -> Row:
    """Pictures per processor second of this process."""
    paths = tuple(str(folder / picture.path) for picture in pictures)
    lengths = tuple(picture.bytes for picture in pictures)
    found = {}
    for kind, seeds in (("train", tuple(range(len(pictures)))), ("test", None)):
        request = Request(paths, lengths, seeds, 224)
        read(request)
        start = process_time()
        for _ in range(rounds):
            read(request)
        found[kind] = round(rounds * len(pictures) / (process_time() - start))
    return {"reader": f"one core, {'Pillow' if read is by_pillow else 'ours'}", **found}


def rows(folder: Path, batch_size: int, batches: int, workers: list[int], device: torch.device) -> list[Row]:
    """One core's work, ours and Pillow's, then one row for each number of workers."""
    info, different = describe("imagenet"), write_pictures(folder)
    pictures = (different * (batch_size * batches // DIFFERENT + 1))[: batch_size * batches]
    found = [one_core(read, folder, different, batches) for read in (by_pillow, decode)]
    for count in workers:
        loader = Pictures(
            folder,
            pictures,
            side=224,
            readers=Readers(count, pin=device.type == "cuda"),
            batch_size=batch_size,
            mean=info.mean,
            std=info.std,
            augmentation="crop-flip",
            device=device,
        )
        rates = {"train": rate(loader.epoch(0), device), "test": rate(loader.plain(), device)}
        found.append({"reader": f"{count} workers", **{kind: round(value) for kind, value in rates.items()}})
        print(found[-1], flush=True)
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    options.add_argument("--batch-size", type=int, default=256)
    options.add_argument("--batches", type=int, default=9)
    options.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--folder", type=Path, default=FOLDER)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    warnings.filterwarnings("ignore", message="The image decoding", category=DeprecationWarning)
    with tempfile.TemporaryDirectory() as folder:
        table = rows(Path(folder), given.batch_size, given.batches, given.workers, given.device)
        kilobytes = sum(path.stat().st_size for path in Path(folder).iterdir()) / DIFFERENT / 1e3
    text = TEXT.format(
        pictures=DIFFERENT, size=SIZE, kilobytes=kilobytes, batch_size=given.batch_size, device=given.device
    )
    report("pictures", given.device, text, table, given.folder)


if __name__ == "__main__":
    main()
