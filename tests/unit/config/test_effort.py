"""Estimates against numbers worked out by hand."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lets.analyses.compute.curvature import largest_eigenvalues
from lets.analyses.hypergradient import Hypergradient
from lets.analyses.landscape import Landscape
from lets.analyses.sharpness import Sharpness
from lets.config import RunSpec
from lets.config.effort import (
    HISTORY_LINE,
    measured_size,
    passes,
    run_bytes,
    setting,
    state_bytes,
    steps,
    trained_on,
    training_flops,
)
from lets.config.paths import Layout
from lets.config.training import Adam, Schedule, Sgd, TrainingSpec, held_out

NETWORK = SimpleNamespace(parameters=1000, flops=10)
COMMON = {"title": "", "experiments": ["some"]}
SGD = Sgd(name="sgd", lr=0.1, momentum=0.9)


def run(
    method: str = "erm", dataset: str = "digits", values: dict[str, Any] | None = None, **training: Any
) -> RunSpec:
    given = {"epochs": 2, "batch_size": 32, "optimizer": SGD, "schedule": Schedule(name="cosine"), **training}
    return RunSpec(
        dataset=dataset,
        noise="clean",
        architecture="resnet-small",
        method=method,
        hyperparameters=values or {},
        training=TrainingSpec(**given),
        seed=0,
    )


@pytest.mark.parametrize(
    ("dataset", "size"),
    [
        ("digits", 1437),
        ("cifar10", 50_000),
        ("cifar100", 50_000),
        ("imagenet", 50_000),
        ("imagenette", 3_925),
    ],
)
def test_of_pictures_a_sample_is_measured(dataset: str, size: int) -> None:
    assert measured_size(run(dataset=dataset)) == size


def test_measuring_seldom_costs_less() -> None:
    seldom = run("sam", epochs=6, measure_every=3)
    assert training_flops(seldom, NETWORK) == 6 * 10 * 6 * 1437 + 2 * 10 * 1797
    lines = run_bytes(run(epochs=6), NETWORK) - run_bytes(run(epochs=6, measure_every=3), NETWORK)
    assert lines == 4 * HISTORY_LINE


def test_a_subset_costs_what_it_has() -> None:
    part = run("sam", train_samples=500)
    assert (trained_on(part), steps(part), measured_size(part)) == (500, 2 * 16, 500)
    assert training_flops(part, NETWORK) == 2 * 10 * (6 * 500 + 860)
    assert measured_size(run(dataset="imagenet", train_samples=10_000)) == 10_000
    held = run("sam", train_samples=500, val_batches="held-out")
    assert trained_on(held) == measured_size(held) == 500 - 64


@pytest.mark.parametrize(
    ("method", "values", "forwards"),
    [  # of the 1,437 training images, in every epoch; 1,437 + 360 more are measured
        ("erm", {}, 3),
        ("sam", {}, 6),
        ("rst", {"p": 0.5}, 4.5),
        ("looksam", {"k": 5}, 3.6),
        ("ae-sam", {}, 4.5),
        ("lets-sam", {"hessian": "diagonal"}, 12),
        ("lets-sam", {"hessian": "finite-difference"}, 12),
        ("lets-sam", {"hessian": "exact"}, 21),  # 3 passes instead of 1 for the product with the Hessian
        ("lets-rst", {"hessian": "exact", "p": 0.5}, 12),
    ],
)
def test_training_flops(method: str, values: dict[str, Any], forwards: float) -> None:
    assert training_flops(run(method, values=values), NETWORK) == round(2 * 10 * (forwards * 1437 + 1797))


def test_training_flops_of_imagenet() -> None:
    sam = run("sam", "imagenet", epochs=90, batch_size=512)
    assert steps(sam) == 90 * 2503  # 1,281,167 images: 2,502 batches and the rest
    assert training_flops(sam, NETWORK) == 90 * 10 * (6 * 1_281_167 + 50_000 + 50_000)


def test_reuse_saves_a_pass_of_four() -> None:
    next_batches = run("lets-sam", values={"hessian": "diagonal"}, val_batches="next")
    assert training_flops(next_batches, NETWORK) == 2 * 10 * (9 * 1437 + 1797)


def test_analysis_flops() -> None:
    lets_sam = run("lets-sam", values={"hessian": "diagonal"})
    landscape = Landscape(**COMMON, kind="landscape", points=5, samples=100)
    assert landscape.flops(lets_sam, NETWORK) == 25 * 100 * 10
    probes = Hypergradient(**COMMON, kind="hypergradient", every=40)  # steps 0, 40, 80 of 90
    assert probes.flops(lets_sam, NETWORK) == 2 * 10 * (12 * 1437 + 1797) + 3 * 8 * 3 * 32 * 10
    sharpness = Sharpness(
        **COMMON, kind="sharpness", samples=64, m=32, radii=[0.1, 0.2], eigenvalues=3, probes=4
    )
    products = (10 + 5 * 3) + 3 + 4  # Lanczos, residuals, trace
    climbs = 1 + 3 + 2  # the loss, the gradient, the loss at two radii
    assert sharpness.flops(lets_sam, NETWORK) == (9 * products + climbs) * 64 * 10


def test_eigenvalues_take_so_many_products() -> None:
    products = 0

    def product(vector: torch.Tensor) -> torch.Tensor:
        nonlocal products
        products += 1
        return torch.arange(200.0) * vector

    largest_eigenvalues(product, torch.ones(200), count=3)
    assert products == (10 + 5 * 3) + 3


def test_bytes_of_a_run() -> None:
    assert run_bytes(run("sam"), NETWORK) == 4 * 1000 + 2 * 8 * 90 + 8192 + 2 * 160
    assert run_bytes(run("lets-sam"), NETWORK) == 4 * 1000 + 4 * 8 * 90 + 8192 + 2 * 160


@pytest.mark.parametrize(
    ("method", "optimizer", "copies"),
    [
        ("sam", SGD, 2),
        ("sam", Sgd(name="sgd", lr=0.1), 1),
        ("sam", Adam(name="adamw", lr=0.1), 3),
        ("looksam", SGD, 3),
    ],
)
def test_bytes_of_a_state(method: str, optimizer: Sgd | Adam, copies: int) -> None:
    expected = copies * 4 * 1000 + 2 * 8 * 90
    assert state_bytes(run(method, optimizer=optimizer), NETWORK) == expected


def test_speed_depends_on_what_a_step_computes_and_how() -> None:
    plain = run()
    assert setting(plain) == setting(run("sam", epochs=7, label_smoothing=0.1))
    others = [run(dataset="cifar10"), run(batch_size=64), run(precision="bfloat16"), run(ranks=2)]
    assert len({setting(one) for one in [plain, *others]}) == 5
    assert setting(run(dataset="cifar10")) == setting(run(dataset="cifar100"))


@pytest.mark.parametrize("method", ["sam", "lets-asam", "looksam"])
def test_bytes_are_those_of_a_real_training(method: str, layout: Layout, make_run: Any) -> None:
    from lets.train import train_run

    spec = make_run(method, epochs=2)
    sizes = []

    def on_epoch(_: object) -> None:
        if layout.state(spec.id).is_file():
            sizes.append(layout.state(spec.id).stat().st_size)

    train_run(spec, layout, "cpu", 1, on_epoch)
    folder = sum(path.stat().st_size for path in layout.run(spec.id).iterdir())
    network = SimpleNamespace(parameters=19_810, flops=97_152)
    assert run_bytes(spec, network) == pytest.approx(folder, rel=0.05)
    packing = sizes[-1] - state_bytes(spec, network)
    assert 0 < packing < 40_000  # names and frames of 60 tensors; a copy of the weights is twice that


@pytest.mark.parametrize(
    ("samples", "batch_size", "held"),
    [(1437, 128, 128), (1437, 32, 128), (50_000, 128, 39 * 128), (50_000, 100, 5_000), (60, 32, 32)],
)
def test_a_tenth_is_held_out_in_whole_batches(samples: int, batch_size: int, held: int) -> None:
    assert held_out(samples, batch_size) == held


def test_what_is_held_out_is_neither_trained_on_nor_measured() -> None:
    spec = run("lets-sam", values={"hessian": "diagonal"}, val_batches="held-out")
    assert trained_on(spec) == 1437 - 128
    assert steps(spec) == 2 * 41  # 1,309 images in batches of 32
    assert passes(spec) == 4 * steps(spec)
    assert training_flops(spec, NETWORK) == 2 * 10 * (4 * 3 * 1309 + 1309 + 360)


def test_a_run_that_keeps_no_weights_is_smaller_by_them() -> None:
    assert run_bytes(run(), NETWORK) - run_bytes(run(), NETWORK, keep_weights=False) == 4 * 1000
