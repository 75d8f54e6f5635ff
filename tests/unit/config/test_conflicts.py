"""Values that are fine alone and impossible together, refused with the experiment that has them."""

from pathlib import Path

import pytest
import yaml

from lets.errors import SpecError
from lets.project import expand, load_params

GOOD = yaml.safe_load((Path(__file__).parent / "params.yaml").read_text())
EXPERIMENT = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["lets-sam"]}


def load(folder: Path, figures: dict[str, object] | None = None, **experiment: object):
    content = {
        **{key: GOOD[key] for key in ("profile", "seeds", "training")},
        "experiments": {"one": {**EXPERIMENT, **experiment}},
        "figures": figures or {},
    }
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return load_params(path)


def test_more_ranks_than_samples(tmp_path):
    with pytest.raises(
        SpecError, match=r"experiments.one.training.ranks is 9 ranks – a batch of 8 .* write  ranks: 8"
    ):
        load(tmp_path, training={"ranks": 9, "batch_size": 8})
    assert load(tmp_path, training={"ranks": 8, "batch_size": 8}).profile == "test"


def test_more_ranks_than_there_are_to_train_on(tmp_path):
    with pytest.raises(SpecError, match=r"a batch of 1437 has no sample for each – write  ranks: 1437"):
        load(tmp_path, training={"ranks": 2000, "batch_size": 5000})


@pytest.mark.parametrize(
    ("training", "most"),
    [({}, 1437), ({"train_samples": 500}, 500), ({"val_batches": "held-out"}, 359)],
)
def test_a_batch_larger_than_what_is_trained_on(tmp_path, training, most):
    with pytest.raises(
        SpecError, match=rf"experiments.one.training.batch_size .* write  batch_size: {most}$"
    ):
        load(tmp_path, training={"batch_size": 1400, **training} if training else {"batch_size": 1438})
    load(tmp_path, training={"batch_size": most, **training})


@pytest.mark.parametrize(
    ("method", "name"), [("lets-sam", "rho_every"), ("looksam", "k"), ("lets-looksam", "k")]
)
def test_a_rest_longer_than_the_training(tmp_path, method, name):
    every = {"methods": [method], "hyperparameters": {method: {name: 120}}}  # 2 epochs of 12 steps
    with pytest.raises(
        SpecError, match=rf"training.epochs is {name}: 120 .* in 24 steps .* write  epochs: 11$"
    ):
        load(tmp_path, **every)
    load(tmp_path, training={"epochs": 11}, **every)


def test_a_radius_that_float32_holds_as_zero(tmp_path):
    with pytest.raises(SpecError, match=r"1e-320 – float32 rounds it to zero – write  rho: 1.0e-37"):
        load(tmp_path, methods=["sam"], hyperparameters={"sam": {"rho": 1e-320}})


@pytest.mark.parametrize(
    ("training", "remedy"),
    [
        ({"epochs": 10**9}, "epochs: 8333333"),  # 12 steps an epoch, 10^8 at most
        ({"epochs": 8333334}, "epochs: 8333333"),
        ({"epochs": 10**6, "batch_size": 1}, "epochs: 69589"),
        ({"epochs": 10**9, "measure_every": 1000}, "epochs: 8333000"),
        ({"epochs": 10**9, "measure_every": 10**9}, "measure_every: 1"),
    ],
)
def test_a_training_without_end(tmp_path, training, remedy):
    with pytest.raises(SpecError, match=rf"steps in one run, .* – write  {remedy}$"):
        load(tmp_path, training=training)


def test_the_longest_training(tmp_path):
    load(tmp_path, training={"epochs": 8333333})


@pytest.mark.parametrize(
    ("dataset", "architecture", "training", "reason", "remedy"),
    [
        ("digits", "resnet-small", {"train_samples": 1438}, "Digits has 1,437", "delete it"),
        ("digits", "resnet-small", {"train_samples": 1437}, "all are trained on", "delete it"),
        ("digits", "resnet-small", {"train_samples": 9}, "10 classes", "train_samples: 10"),
        ("cifar100", "resnet8", {"train_samples": 99}, "100 classes", "train_samples: 100"),
        ("rte", "deberta-tiny", {"train_samples": 500}, "only images", "delete it"),
        ("emoji", "transformer-tiny", {"train_samples": 500}, "only images", "delete it"),
        (
            "digits",
            "resnet-small",
            {"train_samples": 100, "batch_size": 128, "val_batches": "held-out"},
            "128 samples at least are held out, and there are 100",
            "batch_size: 25",
        ),
    ],
)
def test_a_subset_that_is_none(tmp_path, dataset, architecture, training, reason, remedy):
    with pytest.raises(SpecError) as caught:
        load(tmp_path, datasets=[dataset], architectures=[architecture], training=training)
    assert reason in str(caught.value)
    assert str(caught.value).endswith(remedy) or f"write  {remedy}" in str(caught.value)


@pytest.mark.parametrize("dataset", ["digits", "cifar10", "cifar100", "imagenette"])
def test_a_subset_of_any_images(tmp_path, dataset):
    architecture = "resnet50" if dataset == "imagenette" else "resnet8"
    params = load(tmp_path, datasets=[dataset], architectures=[architecture], training={"train_samples": 500})
    assert {run.training.train_samples for run in expand(params).runs.values()} == {500}


def test_the_last_epoch_is_measured(tmp_path):
    with pytest.raises(SpecError, match=r"of 7 epochs – the last one .* write  epochs: 9"):
        load(tmp_path, training={"epochs": 7, "measure_every": 3})
    load(tmp_path, training={"epochs": 9, "measure_every": 3})


def test_an_exact_hessian_of_a_compiled_network(tmp_path):
    exact = {"lets-sam": {"hessian": "exact"}}
    with pytest.raises(SpecError, match=r"cannot be differentiated twice – write  compile: false"):
        load(tmp_path, training={"compile": True}, hyperparameters=exact)
    load(tmp_path, training={"compile": True})
    load(tmp_path, hyperparameters=exact)


def test_a_compiled_network_that_reads(tmp_path):
    texts = {"datasets": ["mrpc"], "architectures": ["deberta-small"]}
    with pytest.raises(SpecError, match=r"every length of a sentence .* write  compile: false"):
        load(tmp_path, training={"compile": True, "augmentation": "none"}, **texts)


@pytest.mark.parametrize(
    ("training", "remedy"), [({"compile": True}, "compile: false"), ({"ranks": 2}, "ranks: 1")]
)
def test_a_hypergradient_that_cannot_be_followed(tmp_path, training, remedy):
    figure = {"kind": "hypergradient", "title": "g", "experiments": ["one"], "every": 5}
    with pytest.raises(SpecError, match=remedy):
        load(tmp_path, {"g": figure}, training=training)
    load(tmp_path, {"g": figure})


def test_a_conflict_is_named_once_for_all_runs_that_have_it(tmp_path):
    with pytest.raises(SpecError) as caught:
        load(tmp_path, methods=["sam", "asam", "erm"], training={"ranks": 9, "batch_size": 8})
    assert str(caught.value).count("9 ranks") == 1


def test_a_kept_gradient_has_other_masks(tmp_path):
    with pytest.raises(SpecError, match=r"write  val_batches: independent"):
        load(tmp_path, training={"dropout": "same", "val_batches": "next"})
    load(tmp_path, training={"dropout": "same", "val_batches": "independent"})


@pytest.mark.parametrize("kind", ["landscape", "sharpness"])
def test_what_is_taken_of_images_only(tmp_path, kind):
    figure = {"kind": kind, "title": "f", "experiments": ["one"]}
    texts = {"datasets": ["mrpc"], "architectures": ["deberta-small"]}
    with pytest.raises(
        SpecError, match=f"figures.f.where.dataset is a {kind} of mrpc – it is taken of images only"
    ):
        load(tmp_path, {"f": figure}, **texts)
    load(tmp_path, {"f": {**figure, "samples": 1024}})


@pytest.mark.parametrize(
    ("dataset", "architecture", "remedy"),
    [
        ("digits", "deberta-small", "resnet18"),
        ("cifar10", "transformer", "resnet18"),
        ("mrpc", "resnet-small", "deberta-base, deberta-small"),
        ("stsb", "transformer-small", "deberta-base, deberta-small"),
        ("iwslt14", "deberta-small", "transformer, transformer-small"),
    ],
)
def test_texts_and_images_have_networks_of_their_own(tmp_path, dataset, architecture, remedy):
    with pytest.raises(SpecError, match=rf"{architecture} on {dataset} .* write  architectures: \[{remedy}"):
        load(tmp_path, datasets=[dataset], architectures=[architecture])


def test_texts_that_fit(tmp_path):
    load(tmp_path, datasets=["mrpc", "stsb"], architectures=["deberta-small"])
    load(tmp_path, datasets=["multi30k"], architectures=["transformer-small"])


@pytest.mark.parametrize(
    ("training", "remedy"),
    [({"augmentation": "crop-flip"}, "augmentation: none"), ({"ranks": 2}, "ranks: 1")],
)
def test_what_texts_cannot_have(tmp_path, training, remedy):
    with pytest.raises(SpecError, match=f"write  {remedy}"):
        load(tmp_path, datasets=["mrpc"], architectures=["deberta-small"], training=training)


def test_precision_and_ranks_reach_the_runs(tmp_path):
    given = {"precision": "bfloat16", "channels_last": True, "compile": True, "ranks": 2}
    (run, *_) = expand(load(tmp_path, training=given)).runs.values()
    assert {name: getattr(run.training, name) for name in given} == given


@pytest.mark.parametrize(
    ("dataset", "architecture"),
    [("imagenette", "resnet50"), ("sst2", "deberta-small"), ("emoji", "transformer-tiny")],
)
def test_only_images_in_memory_are_held_out(tmp_path, dataset, architecture):
    training = {"val_batches": "held-out"}
    with pytest.raises(
        SpecError, match=r"only images in memory are split .* write  val_batches: independent"
    ):
        load(tmp_path, datasets=[dataset], architectures=[architecture], training=training)
    load(tmp_path, training=training)
