"""Which batches a run sees."""

import weakref
from dataclasses import replace

import pytest
import torch

import lets.models
from lets.cli.data import noise, subset
from lets.config import seed_for
from lets.data.catalogue import DATASETS
from lets.data.dataset import arrays_sha256, read_processed, read_subset
from lets.data.folder import scan, write_index
from lets.data.noisy_labels import make_noisy_labels, symmetric_noise, write_noisy_labels
from lets.errors import DataError, SpecError
from lets.train.run_data import RunData

CPU = torch.device("cpu")


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_next_hands_on_the_very_same_batch_objects(layout, make_run):
    data = RunData.read(make_run("sam"), layout, CPU)
    pairs = list(data.pairs(0, "next"))
    assert len(pairs) == len(data.train) == 12
    assert all(pairs[i][1] is pairs[i + 1][0] for i in range(11))


def test_the_last_validation_batch_of_next_is_the_next_epochs_first(layout, make_run):
    data = RunData.read(make_run("sam"), layout, CPU)
    *_, (_, last) = data.pairs(0, "next")
    first, _ = next(iter(data.pairs(1, "next")))
    assert torch.equal(last[0], first[0])
    assert torch.equal(last[1], first[1])


def test_independent_batches_cover_the_training_set_in_another_order(layout, make_run):
    data = RunData.read(make_run("sam"), layout, CPU)
    pairs = list(data.pairs(0, "independent"))
    train, validation = (torch.cat([pair[side][1] for pair in pairs]) for side in (0, 1))
    assert not torch.equal(train, validation)
    assert torch.equal(train.bincount(), validation.bincount())


def test_a_stretch_of_next_goes_on_into_the_step_after_it(layout, make_run):
    data = RunData.read(make_run("sam"), layout, CPU)
    pairs = list(data.pairs(0, "next"))
    interval = list(data.pairs(0, "next", 3, 6))
    assert len(interval) == 3
    assert all(interval[i][1] is interval[i + 1][0] for i in range(2))
    for ours, theirs in zip(interval, pairs[3:6], strict=True):
        assert same(ours[0], theirs[0])
        assert same(ours[1], theirs[1])
    assert same(interval[-1][1], pairs[6][0])
    (*_, last) = data.pairs(0, "next", 9, 12)
    assert same(last[1], next(data.train.epoch(1)))
    assert [len(list(data.pairs(0, "next", *part))) for part in ((0, 12), (11, 12), (5, None))] == [12, 1, 7]


def test_a_stretch_of_independent_batches_is_the_same_steps(layout, make_run):
    data = RunData.read(make_run("sam"), layout, CPU)
    pairs = list(data.pairs(1, "independent"))
    for ours, theirs in zip(data.pairs(1, "independent", 4, 9), pairs[4:9], strict=True):
        assert same(ours[0], theirs[0])
        assert same(ours[1], theirs[1])


@pytest.mark.parametrize("val_batches", ["next", "independent", "held-out"])
def test_ranks_share_every_pair(layout, make_run, val_batches):
    spec = make_run("sam")
    together = list(RunData.read(spec, layout, CPU).pairs(1, val_batches))
    for rank in range(2):
        data = RunData.read(spec, layout, CPU, rank, 2)
        for pair, mine in zip(together, data.pairs(1, val_batches), strict=True):
            for batch, part in zip(pair, mine, strict=True):
                assert same(part, (batch[0][rank::2], batch[1][rank::2]))
        parts = torch.cat([y for _, y in data.test.plain()]), torch.cat([y for _, y in data.measured.plain()])
        assert torch.equal(parts[0], data.test.labels[rank::2])
        assert torch.equal(parts[1], data.train.labels[rank::2])


def storages(*loaders):
    """The memory of every tensor that the loaders hold, by its address."""
    tensors = [value for one in loaders for value in vars(one).values() if isinstance(value, torch.Tensor)]
    return {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}


@pytest.mark.parametrize(("augmentation", "side"), [("none", 8), ("crop-flip", 10)])
def test_no_image_is_in_memory_twice(layout, make_run, monkeypatch, augmentation, side):
    read = []

    def remember(path):
        dataset = read_processed(path)
        read.extend(weakref.ref(split.images) for split in (dataset.train, dataset.test))
        return dataset

    monkeypatch.setattr("lets.train.run_data.read_processed", remember)
    data = RunData.read(make_run("sam", training={"augmentation": augmentation}), layout, CPU)
    loaders = (data.train, data.validation, data.measured, data.test)
    images = 1437 * side * side + 360 * 8 * 8
    assert images < sum(storages(*loaders).values()) < images + 8 * (1437 + 360) + 1000
    assert read[0]() is (None if augmentation == "crop-flip" else data.train.padded)  # what was read is gone
    assert read[1]() is data.test.padded


def test_on_another_device_nothing_stays_on_the_host(layout, make_run):
    data = RunData.read(make_run("sam", training={"augmentation": "none"}), layout, torch.device("meta"))
    for loader in (data.train, data.validation, data.measured, data.test):
        assert {v.device.type for v in vars(loader).values() if isinstance(v, torch.Tensor)} == {"meta"}


def test_channels_last_is_the_runs(layout, make_run):
    for channels_last in (False, True):
        spec = make_run("sam", training={"channels_last": channels_last})
        data = RunData.read(spec, layout, CPU)
        wanted = torch.channels_last if channels_last else torch.contiguous_format
        assert {one.memory_format for one in (data.train, data.validation, data.test)} == {wanted}


def test_training_is_measured_on_all_of_the_training_set(layout, make_run):
    data = RunData.read(make_run("sam", training={"augmentation": "crop-flip"}), layout, CPU)
    images = read_processed(layout.arrays("digits")).train.images
    x = torch.cat([x for x, _ in data.measured.plain()])
    assert torch.equal(
        x[:, :, 0].argsort(2), images.float()[:, :, 0].argsort(2)
    )  # normalising keeps the order
    assert torch.equal(data.measured.labels, data.train.labels)


def test_methods_share_batches_and_initial_weights(layout, make_run):
    sam, erm = make_run("sam"), make_run("erm")
    assert sam.id != erm.id
    same = [role for role, seed in sam.seeds().items() if seed == erm.seeds()[role]]
    assert same == ["init", "order", "validation", "dropout", "noise"]


def test_noisy_runs_train_on_the_noisy_labels_and_are_tested_on_clean_ones(layout, make_run):
    clean = read_processed(layout.arrays("digits"))
    noisy, card = make_noisy_labels(
        clean.train.labels,
        dataset="digits",
        noise="symmetric-40",
        rate=0.4,
        exclude_true=False,
        classes=10,
        seed=5,
    )
    write_noisy_labels(
        noisy, card, layout.labels("digits", "symmetric-40"), layout.noise_card("digits", "symmetric-40")
    )
    data = RunData.read(make_run("erm").model_copy(update={"noise": "symmetric-40"}), layout, CPU)
    assert torch.equal(data.train.labels, noisy)
    assert torch.equal(data.validation.labels, noisy)
    assert torch.equal(data.test.labels, clean.test.labels)


@pytest.fixture
def part(layout, monkeypatch):
    """A project with 500 of the digits, and noisy labels for them."""
    monkeypatch.chdir(layout.root)
    subset("digits", 500)
    noise("digits", "symmetric-40", train_samples=500)
    return read_subset(layout.subset("digits", 500))


@pytest.mark.parametrize("val_batches", ["next", "independent", "held-out"])
def test_all_methods_and_seeds_share_a_subset(layout, make_run, part, val_batches):
    """The same images, trained on and measured; tested on the whole test set."""
    training = {"train_samples": 500, "val_batches": val_batches}
    runs = [make_run(name, training=training) for name in ("erm", "lets-asam")]
    runs += [runs[0].model_copy(update={"seed": 5, "architecture": "wrn-small"})]
    whole = RunData.read(make_run("erm"), layout, CPU)
    every = [x for x, _ in whole.train.plain(1)]
    for run in runs:
        data = RunData.read(run, layout, CPU)
        seen = images(data.train) | images(data.validation)
        assert seen == {every[i].numpy().tobytes() for i in part.tolist()}
        assert images(data.measured) == images(data.train)
        assert len(data.test.labels) == 360
    assert {run.seeds()["subset"] for run in runs} == {seed_for("subset", "digits")}


def test_noise_of_a_subset_is_drawn_on_it(layout, make_run, part):
    true = read_processed(layout.arrays("digits")).train.labels[part]
    spec = make_run("erm", training={"train_samples": 500}).model_copy(update={"noise": "symmetric-40"})
    data = RunData.read(spec, layout, CPU)
    assert torch.equal(data.train.labels, symmetric_noise(true, 0.4, 10, seed_for("noise", "digits")))
    assert data.digests["training_labels"] == arrays_sha256({"labels": data.train.labels})
    assert data.digests["images"] == arrays_sha256({"indices": part})
    assert list(data.digests) == ["arrays", "images", "training_labels"]
    clean = RunData.read(make_run("erm", training={"train_samples": 500}), layout, CPU)
    assert torch.equal(clean.train.labels, true)
    layout.labels("digits", "symmetric-40", 500).unlink()
    with pytest.raises(DataError, match=r"run  lets data noise digits symmetric-40 --train-samples 500$"):
        RunData.read(spec, layout, CPU)
    layout.subset("digits", 500).unlink()
    with pytest.raises(DataError, match=r"run  lets data subset digits 500$"):
        RunData.read(spec, layout, CPU)


def test_a_part_of_the_pictures(layout, pictures, monkeypatch):
    monkeypatch.chdir(layout.root)
    subset("imagenette", 6)
    training = pictures.training.model_copy(update={"train_samples": 6})
    data = RunData.read(pictures.model_copy(update={"training": training}), layout, CPU, workers=0)
    whole = RunData.read(pictures, layout, CPU, workers=0)
    chosen = read_subset(layout.subset("imagenette", 6)).tolist()
    assert data.train.pictures == [whole.train.pictures[i] for i in chosen]
    assert data.train.labels.bincount().tolist() == [2, 2, 2]
    assert sorted(data.measured.pictures) == sorted(data.train.pictures)
    assert data.test.pictures == whole.test.pictures
    assert data.digests == {
        "arrays": whole.digests["arrays"],
        "images": arrays_sha256({"indices": torch.tensor(chosen)}),
        "training_labels": arrays_sha256({"labels": data.train.labels}),
    }


@pytest.fixture
def pictures(layout, make_run, pictures_root, monkeypatch):
    """A run on the tiny Imagenette, whose pictures are 32 pixels wide here."""
    info = replace(DATASETS["imagenette"], classes=3, train_size=21, test_size=9, image=(3, 32, 32))
    monkeypatch.setitem(DATASETS, "imagenette", info)
    monkeypatch.setenv("LETS_DATA", str(pictures_root))
    write_index(scan("imagenette", pictures_root / "imagenette2-320"), layout.index("imagenette"))
    spec = make_run("lets-sam", training={"augmentation": "crop-flip"})
    training = spec.training.model_copy(update={"batch_size": 8})
    return spec.model_copy(update={"dataset": "imagenette", "training": training})


@pytest.mark.filterwarnings("ignore:The image decoding:DeprecationWarning")
@pytest.mark.parametrize("val_batches", ["next", "independent"])
def test_pictures_come_in_pairs_as_arrays_do(layout, pictures, val_batches):
    alone = RunData.read(pictures, layout, CPU, workers=0)
    helped = RunData.read(pictures, layout, CPU, workers=2)
    pairs = list(alone.pairs(0, val_batches))
    assert len(pairs) == len(alone.train) == 3
    for ours, theirs in zip(pairs, helped.pairs(0, val_batches), strict=True):
        assert same(ours[0], theirs[0])
        assert same(ours[1], theirs[1])
    for ours, theirs in zip(pairs[1:], alone.pairs(0, val_batches, 1), strict=True):
        assert same(ours[0], theirs[0])
        assert same(ours[1], theirs[1])
    if val_batches == "next":
        assert pairs[0][1] is pairs[1][0]
        assert same(pairs[2][1], next(alone.train.epoch(1)))
    else:
        assert not same(pairs[0][0], pairs[0][1])


@pytest.mark.filterwarnings("ignore:The image decoding:DeprecationWarning")
def test_pictures_are_measured_on_a_sample_as_large_as_the_test_set(layout, pictures):
    data = RunData.read(pictures, layout, CPU, workers=0)
    again = RunData.read(pictures.model_copy(update={"seed": 5, "method": "sam"}), layout, CPU, workers=0)
    assert (data.classes, data.image) == (3, (3, 32, 32))
    assert len(data.measured.labels) == len(data.test.labels) == 9
    plain = [row.numpy().tobytes() for x, _ in data.train.plain() for row in x]
    sample = [row.numpy().tobytes() for x, _ in data.measured.plain() for row in x]
    where = [plain.index(row) for row in sample]  # in the test transform, and each of the training set
    assert len(set(where)) == 9
    assert where != sorted(where)  # a landscape that takes the first of them sees all classes
    assert data.measured.labels.tolist() == data.train.labels[where].tolist()
    assert data.measured.pictures == again.measured.pictures
    next(data.train.plain(5))  # what a landscape asks for


def test_digests_of_pictures_see_the_list(layout, pictures, pictures_root):
    first = RunData.read(pictures, layout, CPU, workers=0).digests
    index = scan("imagenette", pictures_root / "imagenette2-320")
    write_index(replace(index, train=index.train[1:]), layout.index("imagenette"))
    other = RunData.read(pictures, layout, CPU, workers=0).digests
    assert first.keys() == other.keys() == {"arrays", "training_labels"}
    assert first["arrays"] == index.sha256 != other["arrays"]
    assert first["training_labels"] != other["training_labels"]


def test_pictures_that_are_not_here(layout, pictures, monkeypatch, tmp_path):
    monkeypatch.setenv("LETS_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"imagenette2-320 – missing, so imagenette cannot be read"):
        RunData.read(pictures, layout, CPU)


def test_noise_that_a_data_set_does_not_have(layout, pictures, make_run):
    with pytest.raises(SpecError, match="Imagenette is trained on with its own labels"):
        RunData.read(pictures.model_copy(update={"noise": "symmetric-40"}), layout, CPU)
    with pytest.raises(SpecError, match="people labelled CIFAR-10 anew, not Digits"):
        RunData.read(make_run("erm").model_copy(update={"noise": "human-worse"}), layout, CPU)


def images(loader):
    return {x.numpy().tobytes() for batch, _ in loader.plain() for x in batch}


def test_held_out_images_are_trained_on_by_nobody(layout, make_run):
    one, other = (
        RunData.read(make_run(name, training={"val_batches": "held-out"}), layout, CPU)
        for name in ("erm", "lets-sam")
    )
    assert (len(one.train.labels), len(one.validation.labels)) == (1437 - 128, 128)
    whole = RunData.read(make_run("erm"), layout, CPU)
    assert images(one.train) | images(one.validation) == images(whole.train)
    assert not images(one.train) & images(one.validation)
    assert images(one.measured) == images(one.train)
    assert images(one.validation) == images(other.validation)


@pytest.mark.parametrize("ranks", [1, 2])
def test_what_is_held_out_is_measured_by_every_rank_as_a_whole(layout, make_run, ranks):
    """Against a straight count of right answers; runs that hold nothing out have no such number."""
    spec = make_run("erm", training={"val_batches": "held-out"})
    alone = RunData.read(spec, layout, CPU)
    model = lets.models.create("resnet-small", 10, (1, 8, 8)).eval()
    with torch.no_grad():
        right = sum(int((model(x).argmax(1) == y).sum()) for x, y in alone.validation.plain())
    for rank in range(ranks):
        data = RunData.read(spec, layout, CPU, rank, ranks)
        assert data.scores(model) == {"held_out_accuracy": 100 * right / 128}
        assert (data.validation.rank, data.validation.ranks) == (rank, ranks)
    assert RunData.read(make_run("erm"), layout, CPU).scores is None


def test_held_out_batches_come_round_again_in_a_new_order(layout, make_run):
    spec = make_run("sam", training={"val_batches": "held-out", "batch_size": 64})
    data = RunData.read(spec, layout, CPU)
    pairs = list(data.pairs(0, "held-out"))
    assert (len(pairs), len(data.validation)) == (21, 2)  # 1,309 images to train on, 128 held out
    turns = [torch.cat([pairs[i][1][1], pairs[i + 1][1][1]]) for i in (0, 2, 4)]
    assert all(torch.equal(turn.bincount(), data.validation.labels.bincount()) for turn in turns)
    assert not torch.equal(turns[0], turns[1])


@pytest.mark.parametrize(("epoch", "start", "stop"), [(0, 3, 9), (1, 0, 4), (2, 20, None)])
def test_a_stretch_of_held_out_batches_is_the_same_steps(layout, make_run, epoch, start, stop):
    spec = make_run("sam", training={"val_batches": "held-out", "batch_size": 64})
    data = RunData.read(spec, layout, CPU)
    everything = [pair for number in range(3) for pair in data.pairs(number, "held-out")]
    wanted = everything[epoch * 21 + start : epoch * 21 + (stop or 21)]
    for ours, theirs in zip(data.pairs(epoch, "held-out", start, stop), wanted, strict=True):
        assert same(ours[0], theirs[0])
        assert same(ours[1], theirs[1])


def test_the_validation_batches_of_all_epochs_are_one_stream(layout, make_run):
    """21 steps an epoch and 2 batches held out: the second epoch begins in the middle of a turn."""
    spec = make_run("sam", training={"val_batches": "held-out", "batch_size": 64})
    data = RunData.read(spec, layout, CPU)
    stream = [batch for turn in range(21) for batch in data.validation.epoch(turn)]
    used = [pair[1] for epoch in range(2) for pair in data.pairs(epoch, "held-out")]
    assert all(same(one, other) for one, other in zip(used, stream, strict=True))
