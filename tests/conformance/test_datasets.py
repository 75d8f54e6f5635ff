"""What every data set of the catalogue must be; a new row is tested without a new line here.

Data sets that are not embedded are read from LETS_DATA; CIFAR-10 also from the development machines' copy.
"""

import os
from pathlib import Path

import pytest
import torch

import lets.data
from lets.data.corpus import CORPORA
from lets.data.dataset import Dataset, arrays_sha256, read_processed, write_processed
from lets.data.folder import PictureIndex, find_pictures, picture_folder, read_index, write_index
from lets.data.parallel import EOS, UNK, Translation
from lets.data.parallel import read as read_translation
from lets.data.pictures import Pictures, Readers
from lets.data.sources import default_root, sources
from lets.data.texts import LONGEST, TextDataset, encode
from lets.errors import DataError

PAIRS = [name for name in lets.data.names() if lets.data.describe(name).task == "translation"]
TEXTS = [name for name in lets.data.names() if lets.data.describe(name).vocabulary and name not in PAIRS]
PICTURES = [name for name in lets.data.names() if lets.data.describe(name).pictures]
ARRAYS = [name for name in lets.data.names() if lets.data.describe(name).image and name not in PICTURES]


def test_every_data_set_is_arrays_pictures_texts_or_pairs() -> None:
    assert sorted(ARRAYS + PICTURES + TEXTS + PAIRS) == sorted(lets.data.names())


@pytest.fixture(params=ARRAYS)
def dataset(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    source = sources()[request.param]
    if request.param == "cifar10" and "LETS_DATA" not in os.environ:
        monkeypatch.setenv("LETS_DATA", str(request.getfixturevalue("cifar10_root")))
    if source.files and not (default_root() / source.folder).is_dir():
        pytest.skip(f"no {default_root() / source.folder}: set LETS_DATA to the folder that holds it")
    return lets.data.load(request.param)


def test_types_sizes_and_labels_fit_the_catalogue(dataset: Dataset) -> None:
    info = lets.data.describe(dataset.name)
    assert (len(dataset.train), len(dataset.test)) == (info.train_size, info.test_size)
    assert dataset.image == info.image
    assert dataset.classes == info.classes
    for split in (dataset.train, dataset.test):
        assert (split.images.dtype, split.labels.dtype) == (torch.uint8, torch.int64)
        assert split.images.shape == (len(split), *info.image)
        assert split.images.device.type == split.labels.device.type == "cpu"
        assert torch.bincount(split.labels, minlength=info.classes).shape == (info.classes,)
        assert torch.bincount(split.labels).min() > 0


def test_normalised_pixels_are_centred(dataset: Dataset) -> None:
    info = lets.data.describe(dataset.name)
    pixels = dataset.train.images.double().transpose(0, 1).flatten(1) / 255
    standard = (pixels.mean(1) - torch.tensor(info.mean)) / torch.tensor(info.std)
    assert standard.abs().max() < 2e-3


def test_training_and_test_images_differ(dataset: Dataset) -> None:
    train = {image.numpy().tobytes() for image in dataset.train.images}
    shared = sum(image.numpy().tobytes() in train for image in dataset.test.images)
    assert shared <= len(dataset.test) // 100


def test_reading_twice_gives_the_same_arrays(dataset: Dataset) -> None:
    assert arrays_sha256(lets.data.load(dataset.name).arrays) == arrays_sha256(dataset.arrays)


def test_the_processed_artifact_keeps_every_byte(dataset: Dataset, tmp_path: Path) -> None:
    write_processed(dataset, tmp_path / "arrays.safetensors")
    assert arrays_sha256(read_processed(tmp_path / "arrays.safetensors").arrays) == arrays_sha256(
        dataset.arrays
    )


def test_the_reader_leaves_the_data_root_alone(dataset: Dataset, tmp_path: Path) -> None:
    try:
        lets.data.load(dataset.name, root=tmp_path)
    except DataError as error:
        assert f"lets data prepare {dataset.name} --download" in str(error)  # noqa: PT017 – digits need no file
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(params=PICTURES)
def pictures(request: pytest.FixtureRequest) -> PictureIndex:
    """The list of a whole data set of pictures."""
    info, root = lets.data.describe(request.param), default_root()
    if not any((root / name).is_dir() for name in info.pictures):
        pytest.skip(
            f"no {' or '.join(info.pictures)} below {root}: set LETS_DATA to the folder that holds it"
        )
    return find_pictures(request.param, root)


def test_pictures_fit_the_catalogue(pictures: PictureIndex) -> None:
    info = lets.data.describe(pictures.dataset)
    assert pictures.missing == pictures.surplus == ()
    for split in (pictures.train, pictures.test):
        assert len({picture.path for picture in split}) == len(split)
        assert {picture.label for picture in split} == set(range(info.classes))


def test_the_index_keeps_every_picture(pictures: PictureIndex, tmp_path: Path) -> None:
    write_index(pictures, tmp_path / pictures.dataset / "index.csv.gz")
    assert read_index(tmp_path / pictures.dataset / "index.csv.gz") == pictures


def test_some_pictures_of_every_part_can_be_read(pictures: PictureIndex) -> None:
    info = lets.data.describe(pictures.dataset)
    folder = picture_folder(info, default_root(), pictures.folder)
    for split in (pictures.train, pictures.test):
        chosen = split[:: max(1, len(split) // 50)]
        loader = Pictures(
            folder,
            chosen,
            side=info.image[1],
            readers=Readers(0),
            batch_size=len(chosen),
            mean=info.mean,
            std=info.std,
        )
        ((x, y),) = loader.plain()
        assert x.shape == (len(chosen), *info.image)
        assert y.tolist() == [picture.label for picture in chosen]
        assert x.mean((0, 2, 3)).abs().max() < 1  # of normalised pixels


@pytest.fixture(params=TEXTS)
def texts(request: pytest.FixtureRequest) -> TextDataset:
    """Texts of a package, or a task of GLUE from LETS_DATA, or from the development machines' copy of five."""
    source = sources()[request.param]
    root = default_root()
    if not source.package and "LETS_DATA" not in os.environ:
        root = request.getfixturevalue("glue_root")
    folder = root / source.folder
    if not source.package and not folder.is_dir():
        pytest.skip(f"no {folder}: set LETS_DATA to the folder that holds glue/")
    found = lets.data.load(request.param, root=root)
    assert isinstance(found, TextDataset)
    return found


def test_texts_fit_the_catalogue(texts: TextDataset) -> None:
    info = lets.data.describe(texts.name)
    assert (len(texts.train), len(texts.test), texts.classes) == (
        info.train_size,
        info.test_size,
        info.classes,
    )
    for split in texts.splits.values():
        assert all(sentence.strip() for row in split.rows for sentence in row)
        assert len({len(row) for row in split.rows}) == 1
        if info.task == "regression":
            assert split.labels.dtype == torch.float32
            assert (float(split.labels.min()), float(split.labels.max())) == (0, 5)
        else:
            assert split.labels.dtype == torch.int64
            assert torch.bincount(split.labels).shape == (info.classes,)
    shared = sum(row in set(texts.train.rows) for row in texts.test.rows[:100])
    assert shared <= 3


def test_texts_become_tokens_of_the_vocabulary(texts: TextDataset) -> None:
    tokens = encode(texts.test.rows, texts.tokenizer)
    assert len(tokens.lengths) == len(texts.test)
    assert int(tokens.lengths.max()) <= LONGEST
    assert int(tokens.ids.min()) > 0
    assert int(tokens.ids.max()) < lets.data.describe(texts.name).vocabulary
    starts = tokens.lengths.cumsum(0) - tokens.lengths
    assert (tokens.ids[starts] == 1).all()
    assert (tokens.ids[tokens.lengths.cumsum(0) - 1] == 2).all()
    separators = torch.stack([(part == 2).sum() for part in tokens.ids.split(tokens.lengths.tolist())])
    assert (separators == len(texts.test.rows[0])).all()


@pytest.fixture(params=PAIRS)
def translation(request: pytest.FixtureRequest) -> Translation:
    """A parallel corpus of a package, from LETS_DATA or from the development machines' copy, which may be a part."""
    if request.param not in CORPORA:
        found = lets.data.load(request.param)
        assert isinstance(found, Translation)
        return found
    root = default_root() if "LETS_DATA" in os.environ else request.getfixturevalue("parallel_root")
    if not any((root / folder).is_dir() for folder in CORPORA[request.param].folders):
        pytest.skip(f"no {request.param} in {root}: set LETS_DATA to the folder that holds it")
    return read_translation(sources()[request.param], root, partial="LETS_DATA" not in os.environ)


def test_sentence_pairs_fit_the_catalogue(translation: Translation) -> None:
    info = lets.data.describe(translation.name)
    if translation.name in CORPORA:
        assert len(translation.splits["valid"]) == CORPORA[translation.name].valid_size
    assert len(translation.splits["test"]) == info.test_size
    whole = len(translation.splits["train"]) + translation.dropped == info.train_size
    assert whole != bool(translation.missing)
    for pairs in translation.splits.values():
        for sentences in (pairs.source, pairs.target):
            assert int(sentences.ids.min()) == EOS
            assert int(sentences.ids.max()) < info.vocabulary
            assert torch.equal((sentences.ids == EOS).nonzero()[:, 0], sentences.ends - 1)
            assert int(sentences.lengths.min()) > 1


def test_sentence_pairs_can_be_read_back(translation: Translation) -> None:
    target, references = translation.splits["test"].target, translation.references["test"]
    ids = [part.tolist() for part in target.ids.split(target.lengths.tolist())]
    known = [i for i, sentence in enumerate(ids) if UNK not in sentence]
    assert len(known) > 0.98 * len(ids)
    assert [translation.bpe.decode(ids[i]) for i in known] == [references[i] for i in known]
