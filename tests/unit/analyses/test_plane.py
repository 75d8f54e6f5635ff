"""The loss around trained weights: the middle of the grid, the directions, and that nothing moves."""

import csv

import pytest
import torch

from lets.analyses.compute.plane import _directions, loss_landscape
from lets.config import seed_for
from lets.data.dataset import read_processed
from lets.files import sha256_file
from lets.train import train_run
from lets.train.job import restored_model
from lets.train.run_data import RunData

SETTINGS = {"points": 3, "extent": 0.5, "samples": 200, "device": "cpu"}


@pytest.fixture
def trained(layout, make_run):
    spec = make_run("sam", epochs=1)
    train_run(spec, layout, "cpu", 1, lambda row: None)
    return spec


def rows(text: str) -> list[tuple[float, float, float]]:
    return [(float(r["a"]), float(r["b"]), float(r["loss"])) for r in csv.DictReader(text.splitlines())]


def straight_line_loss(spec, layout, a: float, b: float) -> float:
    """The loss at one grid point, computed anew in float64."""
    data = RunData.read(spec, layout, torch.device("cpu"))
    model = restored_model(spec, layout, data).eval()
    weights = [p.detach().clone() for p in model.parameters()]
    one, two = _directions(weights, seed_for("landscape", spec.architecture, spec.seed))
    model.double()
    for parameter, weight, d, e in zip(model.parameters(), weights, one, two, strict=True):
        parameter.data = weight.double() + a * d.double() + b * e.double()
    train = read_processed(layout.arrays("digits")).train
    images, labels = (train.images[:200].double() / 255 - 0.2873) / 0.3542, train.labels[:200]
    logits = model(images)
    return (logits.logsumexp(1) - logits.gather(1, labels[:, None])[:, 0]).mean().item()


def test_every_point_is_the_loss_of_the_moved_weights(layout, trained):
    grid = rows(loss_landscape(trained, layout, **SETTINGS))
    assert [(a, b) for a, b, _ in grid] == [(a, b) for a in (-0.5, 0.0, 0.5) for b in (-0.5, 0.0, 0.5)]
    for a, b, loss in grid:
        assert loss == pytest.approx(straight_line_loss(trained, layout, a, b), rel=1e-4)


def test_directions_are_orthogonal_in_every_filter_and_as_long_as_it():
    generator = torch.Generator().manual_seed(3)
    conv, bias = torch.randn(40, 3, 3, 3, generator=generator), torch.randn(40, generator=generator)
    (d, zero), (e, none) = _directions([conv, bias], seed=1)
    for one in (d, e):
        norms = one.flatten(1).norm(dim=1)
        assert torch.allclose(norms, conv.flatten(1).norm(dim=1), rtol=1e-5)
    overlaps = (d * e).flatten(1).sum(1) / (d.flatten(1).norm(dim=1) * e.flatten(1).norm(dim=1))
    assert overlaps.abs().max() < 1e-6
    assert abs((d * e).sum() / (d.norm() * e.norm())) < 1e-6
    assert not zero.any()
    assert not none.any()


def test_there_is_no_plane_in_a_filter_of_one_number():
    one, two = _directions([torch.ones(5, 1)], seed=1)
    assert not one[0].any()
    assert not two[0].any()


def test_the_run_is_left_alone_and_the_numbers_come_again(layout, trained):
    weights = layout.run_file(trained.id, "weights.safetensors")
    before = sha256_file(weights)
    assert loss_landscape(trained, layout, **SETTINGS) == loss_landscape(trained, layout, **SETTINGS)
    assert sha256_file(weights) == before
