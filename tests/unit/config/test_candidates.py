"""What is said of a run that is not named exactly."""

from pathlib import Path

import pytest

from lets.config.matrix import Matrix
from lets.errors import SpecError
from lets.project import expand, load_params

DEMO = Path(__file__).parents[3] / "params" / "demo.yaml"


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return expand(load_params(DEMO))


def said(matrix: Matrix, name: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        matrix.find(name)
    return str(caught.value).splitlines()


def test_runs_that_differ_in_hyperparameters_are_told_apart_by_these(matrix: Matrix) -> None:
    """The six of the demo: other starts, other metrics of the radius, and a radius that learns more rarely."""
    name = "digits/symmetric-40/resnet-small/lets-sam/seed-0"
    first, *lines = said(matrix, name)
    assert first.startswith(f"run {name!r} – begins 6 ids")
    assert len(lines) == len(set(lines)) == 6
    assert len({line.split("  ", 2)[2] for line in lines}) == 6
    for line in lines:
        id, *differing = line.split()
        run = matrix.find(id)
        assert run.id == id
        assert dict(one.split("=") for one in differing) == {
            key: str(run.hyperparameters[key]) for key in ("rho", "metric", "rho_every")
        }


def test_runs_that_their_ids_tell_apart_are_named_alone(matrix: Matrix) -> None:
    lines = said(matrix, "digits/clean/resnet-small/erm/")[1:]
    assert [line.strip() for line in lines] == [
        id for id in matrix.runs if id.startswith("digits/clean/resnet-small/erm/")
    ]


def test_training_settings_tell_runs_apart_too(matrix: Matrix) -> None:
    run = matrix.find("digits/clean/resnet-small/erm/seed-0")
    longer = run.model_copy(update={"training": run.training.model_copy(update={"epochs": 99})})
    lines = said(Matrix({run.id: run, longer.id: longer}, {}), "digits")[1:]
    assert [line.split()[1:] for line in lines] == [[f"epochs={run.training.epochs}"], ["epochs=99"]]


@pytest.mark.parametrize("name", ["", "d", "digits/", "digits/clean/resnet-small/"])
def test_of_many_the_first_few_are_named(matrix: Matrix, name: str) -> None:
    lines = said(matrix, name)
    assert len(lines) <= 10
    assert "lets status --runs" in lines[-1]


def test_near_ids_are_offered(matrix: Matrix) -> None:
    near = said(matrix, "digits/clean/resnet-smal/sam/seed-0")[1:]
    assert near
    assert {line.strip() for line in near} <= set(matrix.runs)
    assert said(matrix, "x") == ["run 'x' – is no run of this params file – list them:  lets status --runs"]
