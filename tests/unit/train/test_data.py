"""Which batches a run sees."""

import torch

from lets.data.noisy_labels import make_noisy_labels, write_noisy_labels
from lets.data.processed import read_processed
from lets.train.data import RunData

CPU = torch.device("cpu")


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
