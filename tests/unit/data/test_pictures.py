"""Batches of pictures: the same whoever reads them, and torchvision's numbers."""

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from lets.data import pictures as module
from lets.data.folder import Picture, scan
from lets.data.pictures import Pictures, Readers, default_workers
from lets.errors import DataError, SpecError

pytestmark = pytest.mark.filterwarnings("ignore:The image decoding:DeprecationWarning")

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ALONE = Readers(0)


@pytest.fixture(autouse=True)
def _small_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST", 3)


@pytest.fixture(scope="module")
def crew() -> Readers:
    return Readers(2)


@pytest.fixture
def make(pictures_root: Path) -> Any:
    def loader(**changes: Any) -> Pictures:
        folder = pictures_root / "imagenette2-320"
        arguments: dict[str, Any] = {
            "pictures": scan("imagenette", folder).train,
            "side": 32,
            "readers": ALONE,
            "batch_size": 8,
            "mean": MEAN,
            "std": STD,
            "augmentation": "crop-flip",
            "seed": 7,
        } | changes
        return Pictures(folder, **arguments)

    return loader


def same(ours: Any, theirs: Any) -> bool:
    pairs = list(zip(list(ours), list(theirs), strict=True))
    return all(torch.equal(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))


def test_evaluation_is_torchvisions_image_folder_with_the_reference_transform(
    make: Any, pictures_root: Path
) -> None:
    transform = v2.Compose(
        [
            v2.PILToTensor(),
            v2.Resize(256),
            v2.CenterCrop(224),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    reference = ImageFolder(pictures_root / "imagenette2-320" / "train", transform)
    loader = make(side=224)
    (x, y), rest = next(loader.plain(21)), islice(loader.plain(21), 1, None)
    assert list(rest) == []
    torch.testing.assert_close(x, torch.stack([image for image, _ in reference]), rtol=0, atol=1e-6)
    assert y.tolist() == reference.targets


def test_types_and_every_picture_once_per_epoch(make: Any) -> None:
    loader = make()
    parts = list(loader.epoch(0))
    assert [len(y) for _, y in parts] == [8, 8, 5]
    assert len(loader) == 3
    x, y = (torch.cat(part) for part in zip(*parts, strict=True))
    assert (x.dtype, x.shape, y.dtype) == (torch.float32, (21, 3, 32, 32), torch.int64)
    assert Counter(y.tolist()) == {0: 7, 1: 7, 2: 7}
    assert len({row.numpy().tobytes() for row in x}) == 21


def test_without_augmentation_an_epoch_is_the_test_transform_in_another_order(make: Any) -> None:
    loader = make(augmentation="none")
    plain = {row.numpy().tobytes(): label for x, y in loader.plain() for row, label in zip(x, y, strict=True)}
    epoch = [
        (row.numpy().tobytes(), label) for x, y in loader.epoch(0) for row, label in zip(x, y, strict=True)
    ]
    assert len(plain) == len(epoch) == 21
    assert dict(epoch) == plain
    assert list(plain) != [row for row, _ in epoch]


def test_workers_are_started_once(make: Any) -> None:
    loader = make(readers=Readers(2))

    def processes() -> list[int]:
        return [worker.pid for one in loader.readers._idle for worker in one._iterator._workers]

    assert processes() == []
    list(loader.epoch(0))
    first = processes()
    next(loader.epoch(1))  # abandoned
    list(loader.plain())
    list(loader.with_seed(3).epoch(0))
    assert len(first) == 2
    assert processes() == first


def test_any_number_of_workers_gives_the_same_batches(make: Any, crew: Readers) -> None:
    for augmentation in ("none", "crop-flip"):
        alone = make(augmentation=augmentation)
        for readers in (crew, Readers(1)):
            others = make(augmentation=augmentation, readers=readers)
            assert same(alone.epoch(2), others.epoch(2))
            assert same(alone.plain(5), others.plain(5))


def test_any_size_of_a_request_gives_the_same_batches(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = list(make().epoch(1))
    monkeypatch.setattr(module, "REQUEST", 64)
    assert same(first, make().epoch(1))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stretch_is_the_same_steps_and_reads_no_others(
    make: Any, crew: Readers, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = make(batch_size=4, readers=crew if workers else ALONE)
    whole, asked = list(loader.epoch(3)), []
    request = Pictures._request
    monkeypatch.setattr(
        Pictures, "_request", lambda self, *given: asked.append(given[0]) or request(self, *given)
    )
    assert same(loader.epoch(3, 2, 4), whole[2:4])
    assert same(loader.epoch(3, 4), whole[4:])
    assert same(loader.epoch(3, 6), [])
    assert sum(map(len, asked)) == 2 * 4 + 5


def test_several_streams_at_once_and_abandoned_ones(make: Any, crew: Readers) -> None:
    train = make(readers=crew)
    validation = train.with_seed(8)
    both = zip(train.epoch(0), validation.epoch(0), strict=True)
    expected = zip(make().epoch(0), make(seed=8).epoch(0), strict=True)
    for ours, theirs in zip(both, expected, strict=True):
        assert same(ours, theirs)
    half = train.epoch(5)
    next(half)
    assert same(train.plain(), make().plain())  # while another stream lies about
    del half
    assert same(train.epoch(6), make().epoch(6))
    assert len(crew._idle) <= 2  # two were open at a time, so two are kept


def test_epochs_and_seeds_augment_anew_and_a_resumed_one_does_not(make: Any) -> None:
    def first(seed: int, epoch: int) -> tuple[bytes, bytes]:
        pixels, labels = next(make(seed=seed, batch_size=21).epoch(epoch))
        order = labels.argsort(stable=True)  # other orders alone would make no difference to the sum
        return pixels.numpy().tobytes(), pixels[order].sort(0).values.numpy().tobytes()

    seen = {first(seed, epoch) for seed in (1, 2) for epoch in (1, 2)}
    assert len({order for order, _ in seen}) == len({content for _, content in seen}) == 4
    assert first(2, 2) in seen


def test_with_seed_reads_the_same_list_through_the_same_readers(make: Any) -> None:
    one = make()
    other = one.with_seed(9)
    assert other.seed == 9
    assert other.pictures is one.pictures
    assert other.readers is one.readers
    assert other.labels.data_ptr() == one.labels.data_ptr()


def test_ranks_share_every_batch(make: Any) -> None:
    whole = list(make().epoch(1))
    parts = [list(make(rank=rank, ranks=3).epoch(1)) for rank in range(3)]
    for step, (x, y) in enumerate(whole):
        for rank in range(3):
            assert same([parts[rank][step]], [(x[rank::3], y[rank::3])])
    plain = torch.cat([x for x, _ in make().plain()])
    for rank in range(3):
        assert torch.equal(torch.cat([x for x, _ in make(rank=rank, ranks=3).plain(2)]), plain[rank::3])
    assert list(make(pictures=make().pictures[:2], rank=2, ranks=3).plain()) == []


def test_a_damaged_picture_is_named_by_whoever_reads_it(make: Any, crew: Readers) -> None:
    pictures = make().pictures
    missing = [*pictures[:4], Picture("train/n01440764/gone.JPEG", 9, 0)]
    for readers in (ALONE, crew):
        loader = make(pictures=missing, readers=readers)
        with pytest.raises(
            DataError, match=r"^\S*train/n01440764/gone\.JPEG – damaged or not there"
        ) as caught:
            list(loader.plain())
        assert "Traceback" not in str(caught.value)
        assert same(make(readers=readers).plain(), make().plain())  # the readers go on


def test_the_global_generator_rests(make: Any, crew: Readers) -> None:
    before = torch.random.get_rng_state()
    for readers in (ALONE, crew, Readers(1)):
        list(make(readers=readers).epoch(0))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_channels_last(make: Any) -> None:
    ours = make(memory_format=torch.channels_last)
    assert same(ours.epoch(0), make().epoch(0))
    x: Tensor = next(ours.epoch(0))[0]
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_what_is_refused(make: Any) -> None:
    with pytest.raises(SpecError, match=r"'crop-flip-cutout' – cutout is for data sets in memory"):
        make(augmentation="crop-flip-cutout")
    with pytest.raises(SpecError, match="not one picture"):
        make(pictures=[])


def test_default_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(24)), raising=False)
    assert [default_workers(ranks) for ranks in (1, 2, 4, 8, 64)] == [16, 12, 6, 3, 1]


@pytest.mark.gpu
def test_gpu_and_cpu_see_the_same_batches(make: Any) -> None:
    ours = make(device="cuda", readers=Readers(2, pin=True))
    for step, (x, y) in enumerate(ours.epoch(2)):
        assert same([(x.cpu(), y.cpu())], islice(make().epoch(2), step, step + 1))
