from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision.datasets
import torchvision.transforms.functional as TF
from scipy.stats import binomtest, chisquare
from torch import Tensor
from torchvision import transforms

import lets.data
from lets.data import Batches
from lets.errors import SpecError

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
COUNT, SIDE = 500, 8
IMAGES = torch.randint(
    1, 256, (COUNT, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
)
LABELS = torch.arange(COUNT)  # so that a batch says which images it holds


def batches(**changes: Any) -> Batches:
    arguments: dict[str, Any] = {
        "batch_size": 64,
        "mean": MEAN,
        "std": STD,
        "crop_padding": 2,
        "seed": 7,
    } | changes
    return Batches(IMAGES, LABELS, **arguments)


def whole(loader: Batches, epoch: int) -> tuple[Tensor, Tensor]:
    xs, ys = zip(*loader.epoch(epoch), strict=True)
    return torch.cat(xs), torch.cat(ys)


def normalised(image: Tensor) -> Tensor:
    """torchvision's ToTensor and Normalize."""
    return TF.normalize(TF.to_tensor(TF.to_pil_image(image)), MEAN, STD)


@pytest.mark.parametrize("augmentation", ["none", "crop-flip", "crop-flip-cutout"])
def test_every_sample_once_per_epoch_the_last_batch_smaller(augmentation: str) -> None:
    loader = batches(augmentation=augmentation)
    sizes = [len(y) for _, y in loader.epoch(0)]
    assert sizes == [64] * 7 + [52]
    assert len(loader) == 8
    x, y = whole(loader, 0)
    assert y.sort().values.tolist() == list(range(COUNT))
    assert not torch.equal(y, LABELS)
    assert (x.dtype, x.shape, y.dtype) == (torch.float32, (COUNT, 3, SIDE, SIDE), torch.int64)
    assert len(batches(batch_size=500)) == len(list(batches(batch_size=500).epoch(0))) == 1


def test_without_augmentation_x_is_torchvisions_normalisation() -> None:
    x, y = whole(batches(augmentation="none"), 3)
    for row, i in zip(x, y.tolist(), strict=True):
        torch.testing.assert_close(row, normalised(IMAGES[i]), rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_real_cifar10_is_torchvisions_to_tensor_and_normalize(cifar10_root: Path) -> None:
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    reference = torchvision.datasets.CIFAR10(cifar10_root, train=False, transform=transform)
    test = lets.data.load("cifar10", root=cifar10_root).test
    ours = Batches(test.images, test.labels, batch_size=500, mean=MEAN, std=STD)
    chosen = range(0, 10_000, 5)
    x = torch.cat([x for x, _ in ours.plain()])
    expected = torch.stack([reference[i][0] for i in chosen])
    assert float((x[chosen] - expected).abs().max()) <= 2 * 2**-23
    assert torch.cat([y for _, y in ours.plain()]).tolist() == reference.targets


def test_normalisation_of_every_grey_value_is_torchvisions_to_a_rounding() -> None:
    grey = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    (ours, _), *_ = Batches(grey, LABELS[:1], batch_size=1, mean=MEAN, std=STD).plain()
    theirs = transforms.Normalize(MEAN, STD)(grey[0].float().div(255))
    exact = (grey[0].double() / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    # the division by 255 is folded into mean and std: at most two units of float32 between 1 and 2 apart
    assert float((ours[0] - theirs).abs().max()) <= 2 * 2**-23
    assert float((ours[0] - exact).abs().max()) <= 2.5e-7


def test_plain_is_everything_in_order() -> None:
    for loader in (batches(augmentation="none"), batches(augmentation="crop-flip-cutout")):
        parts = list(loader.plain(batch_size=150))
        assert [len(y) for _, y in parts] == [150, 150, 150, 50]
        assert torch.cat([y for _, y in parts]).tolist() == list(range(COUNT))
        expected = torch.stack([normalised(image) for image in IMAGES])
        torch.testing.assert_close(torch.cat([x for x, _ in parts]), expected, rtol=1e-6, atol=1e-6)
    assert [len(y) for _, y in loader.plain()] == [64] * 7 + [52]


def test_epochs_depend_on_seed_and_number_alone() -> None:
    one, other = batches(augmentation="crop-flip-cutout"), batches(augmentation="crop-flip-cutout")
    torch.manual_seed(0)
    first = [whole(one, epoch) for epoch in range(3)]
    torch.manual_seed(1)
    for epoch in (2, 0, 1):  # in another order, and with half an epoch left lying about
        next(iter(other.epoch(9)))
        for ours, again in zip(first[epoch], whole(other, epoch), strict=True):
            assert torch.equal(ours, again)


def test_the_global_generator_rests() -> None:
    before = torch.random.get_rng_state()
    whole(batches(augmentation="crop-flip-cutout"), 0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_seeds_and_epochs_do_not_share_orders() -> None:
    orders = {tuple(whole(batches(seed=s), e)[1].tolist()) for s, e in product(range(4), range(4))}
    assert len(orders) == 16


def test_augmentations_share_the_order_and_the_crops() -> None:
    plain, y = whole(batches(augmentation="none"), 1)
    cropped, y_cropped = whole(batches(augmentation="crop-flip"), 1)
    cut, y_cut = whole(batches(augmentation="crop-flip-cutout"), 1)
    assert torch.equal(y, y_cropped)
    assert torch.equal(y, y_cut)
    assert not torch.equal(plain, cropped)
    blank = cut == 0  # no pixel is 0 after normalisation otherwise
    assert torch.equal(cut[~blank], cropped[~blank])


def crops(image: Tensor, padding: int) -> dict[tuple[int, int, bool], Tensor]:
    """Every image that torchvision's RandomCrop(padding) and RandomHorizontalFlip can make of one image."""
    made = {}
    for top, left in product(range(-padding, padding + 1), repeat=2):
        window = TF.crop(image, top, left, SIDE, SIDE)
        made[top, left, False] = window
        made[top, left, True] = TF.hflip(window)
    return made


def test_crop_and_flip_are_torchvisions_and_uniform() -> None:
    loader = batches(augmentation="crop-flip", crop_padding=1)
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (MEAN, STD))
    seen = dict.fromkeys(crops(IMAGES[0], 1), 0)
    for epoch in range(4):
        for x, i in zip(*whole(loader, epoch), strict=True):
            pixels = ((x * std + mean) * 255).round().to(torch.uint8)
            matching = [key for key, window in crops(IMAGES[i], 1).items() if torch.equal(window, pixels)]
            assert len(matching) == 1
            seen[matching[0]] += 1
    assert sum(seen.values()) == 4 * COUNT
    assert chisquare(list(seen.values())).pvalue > 1e-3  # 9 places × 2 flips, independent of one another


def test_flip_and_cutout_are_drawn_apart() -> None:
    plain, cut = (batches(augmentation=name, crop_padding=0) for name in ("none", "crop-flip-cutout"))
    seen = [0, 0, 0, 0]
    for epoch in range(4):
        for original, x in zip(whole(plain, epoch)[0], whole(cut, epoch)[0], strict=True):
            kept = x != 0
            flipped = not torch.equal(x[kept], original[kept])
            assert torch.equal(x[kept], original.flip(2)[kept]) or not flipped
            seen[2 * flipped + bool(kept.all())] += 1
    assert chisquare(seen).pvalue > 1e-3


def test_cutout_blanks_a_square_of_half_the_side_in_half_of_the_images() -> None:
    loader = batches(augmentation="crop-flip-cutout")
    sizes, struck = [], 0
    for epoch in range(6):
        for x in whole(loader, epoch)[0]:
            blank = x == 0
            assert torch.equal(blank[0], blank[1])
            assert torch.equal(blank[0], blank[2])
            rows, columns = blank[0].any(1), blank[0].any(0)
            assert torch.equal(blank[0], rows[:, None] & columns)  # a rectangle
            struck += bool(blank.any())
            if blank.any():
                sizes += [int(rows.sum()), int(columns.sum())]
    assert binomtest(struck, 6 * COUNT, 0.5).pvalue > 1e-3
    # corners -2 … 5 of a square of side 4 on 8 pixels leave 2, 3, 4, 4, 4, 4, 4, 3 pixels of it
    found = [sizes.count(n) for n in (2, 3, 4)]
    assert sum(found) == len(sizes)
    assert chisquare(found, [len(sizes) * share / 8 for share in (1, 2, 5)]).pvalue > 1e-3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "batch_size 0"),
        ({"mean": (0.5,)}, r"mean \(0.5,\).*one number per channel, 3"),
        ({"rank": 2, "ranks": 2}, "rank 2 of 2, batch_size 64 – every rank, counted from 0"),
        ({"ranks": 65}, r"at least one sample of each batch – write  batch_size: 65"),
        ({"augmentation": "mixup"}, "'mixup' – unknown – choose from: none, crop-flip, crop-flip-cutout"),
    ],
)
def test_impossible_requests(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        batches(**changes)


def test_what_is_left_out_is_named() -> None:
    with pytest.raises(SpecError, match=r"mean \(\), .*one number per channel, 3"):
        Batches(IMAGES, LABELS, batch_size=64, std=(0.5,) * 3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="batch_size"):
        Batches(IMAGES, LABELS, mean=(0.5,) * 3, std=(0.5,) * 3)  # type: ignore[call-arg]


def test_images_must_be_bytes_with_one_label_each() -> None:
    for images, labels in (
        (IMAGES.float(), LABELS),
        (IMAGES, LABELS[1:]),
        (IMAGES[:, 0], LABELS),
        (IMAGES[:0], LABELS[:0]),
    ):
        with pytest.raises(SpecError, match=r"want uint8 \[N, C, H, W\]"):
            Batches(images, labels, batch_size=4, mean=MEAN, std=STD)


def test_a_stretch_is_the_same_steps() -> None:
    loader = batches(augmentation="crop-flip-cutout")
    all_steps = list(loader.epoch(3))
    for start, stop in ((0, None), (2, 5), (7, None), (5, 99), (8, None), (3, 3)):
        stretch = list(loader.epoch(3, start, stop))
        assert len(stretch) == len(all_steps[start:stop])
        for ours, theirs in zip(stretch, all_steps[start:stop], strict=True):
            assert torch.equal(ours[0], theirs[0])
            assert torch.equal(ours[1], theirs[1])


@pytest.mark.parametrize("ranks", [2, 3, 8])
@pytest.mark.parametrize("augmentation", ["none", "crop-flip-cutout"])
def test_ranks_share_every_batch(ranks: int, augmentation: str) -> None:
    together = batches(augmentation=augmentation)
    parts = [batches(augmentation=augmentation, rank=rank, ranks=ranks) for rank in range(ranks)]
    for rank, part in enumerate(parts):
        assert len(part) == len(together)
        for (x, y), (mine, labels) in zip(together.epoch(2), part.epoch(2), strict=True):
            assert torch.equal(mine, x[rank::ranks])
            assert torch.equal(labels, y[rank::ranks])
        sizes = [len(y) for _, y in part.plain(100)]
        assert sum(sizes) == len(range(rank, COUNT, ranks))
        assert max(sizes) <= 100
        x = torch.cat([x for x, _ in part.plain(100)])
        assert torch.equal(x, torch.cat([x for x, _ in together.plain(100)])[rank::ranks])


@pytest.mark.parametrize(
    ("batch_size", "ranks", "steps"), [(165, 5, 4), (165, 6, 3), (166, 2, 4), (166, 3, 3)]
)
def test_a_last_batch_without_a_sample_for_every_rank_is_left_out(
    batch_size: int, ranks: int, steps: int
) -> None:
    # 500 samples are three batches of 165 and five samples, or three of 166 and two
    for rank in range(ranks):
        part = batches(batch_size=batch_size, rank=rank, ranks=ranks)
        sizes = [len(y) for _, y in part.epoch(0)]
        assert len(part) == len(sizes) == steps
        assert min(sizes) > 0


def test_with_seed_is_the_same_images_in_another_order() -> None:
    one = batches(augmentation="crop-flip")
    other = one.with_seed(8)
    assert other.padded.data_ptr() == one.padded.data_ptr()
    assert other.labels.data_ptr() == one.labels.data_ptr()
    assert (one.seed, other.seed) == (7, 8)
    for ours, theirs in zip(other.epoch(1), batches(augmentation="crop-flip", seed=8).epoch(1), strict=True):
        assert torch.equal(ours[0], theirs[0])


def test_images_are_copied_only_for_a_border() -> None:
    assert batches(augmentation="none").padded.data_ptr() == IMAGES.data_ptr()
    assert batches(augmentation="crop-flip", crop_padding=0).padded.data_ptr() == IMAGES.data_ptr()
    assert batches(augmentation="crop-flip").padded.shape == (COUNT, 3, SIDE + 4, SIDE + 4)


def test_channels_last_changes_the_memory_and_no_number() -> None:
    for augmentation in ("none", "crop-flip-cutout"):
        ours = batches(augmentation=augmentation, memory_format=torch.channels_last)
        for (x, _), (y, _) in zip(ours.epoch(0), batches(augmentation=augmentation).epoch(0), strict=True):
            assert torch.equal(x, y)
            assert x.is_contiguous(memory_format=torch.channels_last)
            assert y.is_contiguous()
        assert next(ours.plain())[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.gpu
def test_gpu_and_cpu_see_the_same_batches() -> None:
    for ours, theirs in zip(
        whole(batches(augmentation="crop-flip-cutout"), 2),
        whole(batches(augmentation="crop-flip-cutout", device="cuda"), 2),
        strict=True,
    ):
        assert torch.equal(ours, theirs.cpu())
