"""Expansion: how many runs, and which of them are the same."""

from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import ValidationError

from lets.analyses.hypergradient import Hypergradient
from lets.analyses.landscape import Landscape
from lets.analyses.sharpness import Sharpness
from lets.config import RunSpec
from lets.config.effort import passes, steps
from lets.config.matrix import Matrix
from lets.config.params import TrainingOverride
from lets.config.paths import RUN_FILES, Layout
from lets.config.training import TrainingSpec
from lets.errors import SpecError
from lets.project import Project, expand
from lets.project.params import ANALYSES, ParamsFile

CONTENT = yaml.safe_load((Path(__file__).parent / "params.yaml").read_text())


def params(**changes: Any) -> ParamsFile:
    return ParamsFile.model_validate({**CONTENT, **changes})


def runs(matrix: Matrix, experiment: str) -> list[RunSpec]:
    return [matrix.runs[run] for run in matrix.experiments[experiment]]


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return expand(params())


def test_counts(matrix: Matrix) -> None:
    assert {name: len(ids) for name, ids in matrix.experiments.items()} == {
        "clean": 2 * 3 * 2,
        "metric": 3 * 2,
    }
    assert len(matrix.runs) == 12 + 6 - 2


def test_the_last_row_of_table_6_is_a_run_of_table_1(matrix: Matrix) -> None:
    shared = set(matrix.experiments["clean"]) & set(matrix.experiments["metric"])
    assert {
        (run.architecture, run.method, run.hyperparameters["metric"]) for run in map(matrix.runs.get, shared)
    } == {("resnet-small", "lets-sam", "half-squared-gap")}
    assert len(shared) == 2


def test_sharing_does_not_hang_on_the_order_or_the_profile() -> None:
    turned = {name: CONTENT["experiments"][name] for name in reversed(CONTENT["experiments"])}
    assert set(expand(params(experiments=turned, profile="other")).runs) == set(expand(params()).runs)


def test_training_comes_from_file_then_architecture_then_experiment() -> None:
    clean = {**CONTENT["experiments"]["clean"], "training": {"epochs": 7}}
    found = {
        run.architecture: run.training
        for run in runs(expand(params(experiments={"clean": clean}, tables={}, figures={})), "clean")
    }
    assert found["resnet-small"].optimizer.name == "sgd"
    assert found["vit-small"].optimizer.name == "adamw"
    assert {training.epochs for training in found.values()} == {7}
    assert {training.batch_size for training in found.values()} == {128}


def test_null_in_an_override_is_a_value_of_train_samples_alone_where_it_means_all() -> None:
    experiment = {**CONTENT["experiments"]["clean"], "architectures": ["resnet-small"]}
    training = {**CONTENT["training"], "train_samples": 500}
    for given, samples in (({}, 500), ({"train_samples": None}, None)):
        found = expand(
            params(
                training=training, architectures={}, experiments={"clean": {**experiment, "training": given}}
            )
        )
        expected = TrainingSpec.model_validate({**training, "train_samples": samples})
        assert {run.training.model_dump_json() for run in found.runs.values()} == {expected.model_dump_json()}
    for name in TrainingSpec.model_fields.keys() - {"train_samples"}:
        with pytest.raises(ValidationError):
            TrainingOverride.model_validate({name: None})


def test_an_override_has_the_fields_of_a_training_and_needs_none() -> None:
    assert TrainingOverride.model_fields.keys() == TrainingSpec.model_fields.keys()
    training = TrainingSpec.model_validate(CONTENT["training"])
    for name, value in training:
        given = TrainingOverride.model_validate({name: value})
        assert given.model_fields_set == {name}
        assert given.applied_to(training) == training
    with pytest.raises(ValidationError):
        TrainingOverride.model_validate({"zzz": 1})


def test_an_override_of_the_experiment_beats_the_one_of_the_architecture() -> None:
    clean = {**CONTENT["experiments"]["clean"], "training": {"optimizer": {"name": "adam", "lr": 0.5}}}
    found = runs(expand(params(experiments={"clean": clean}, tables={}, figures={})), "clean")
    assert {run.training.optimizer.name for run in found} == {"adam"}


def test_hyperparameters_come_from_defaults_then_file_then_experiment_then_axis() -> None:
    metric = {
        **CONTENT["experiments"]["metric"],
        "hyperparameters": {"lets-sam": {"rho": 0.2, "rho_decay": 0.5}},
        "vary": {"rho": [0.3]},
    }
    (first, _) = runs(expand(params(experiments={"metric": metric}, tables={}, figures={})), "metric")
    values = first.hyperparameters
    assert (values["rho_optimizer"], values["rho_lr"], values["rho_decay"], values["rho"]) == (
        "adam",
        0.01,
        0.5,
        0.3,
    )
    assert "seed" not in values


def test_two_axes_vary_together() -> None:
    metric = {
        **CONTENT["experiments"]["metric"],
        "vary": {"rho": [0.1, 0.2, 0.3], "metric": ["gap", "validation-loss"]},
    }
    found = runs(expand(params(experiments={"metric": metric}, tables={}, figures={})), "metric")
    assert len({(run.hyperparameters["rho"], run.hyperparameters["metric"], run.seed) for run in found}) == 12


def test_seeds_of_the_experiment_replace_those_of_the_file() -> None:
    metric = {**CONTENT["experiments"]["metric"], "seeds": [5]}
    found = runs(expand(params(experiments={"metric": metric}, tables={}, figures={})), "metric")
    assert [run.seed for run in found] == [5, 5, 5]


def test_a_method_with_an_own_generator_gets_no_seed_of_its_own() -> None:
    clean = {**CONTENT["experiments"]["clean"], "methods": ["rst"]}
    found = runs(expand(params(experiments={"clean": clean}, tables={}, figures={})), "clean")
    assert {tuple(run.hyperparameters) for run in found} == {("rho", "p", "bn_stats")}


def test_select_keeps_what_the_condition_names(matrix: Matrix) -> None:
    shown = params().figures["figure2"].select(matrix)
    assert {run.method for run in shown} == {"sam", "lets-sam"}
    assert len(shown) == 8


def test_a_figure_is_made_from_every_file_of_the_runs_it_shows(matrix: Matrix) -> None:
    layout, figure = Layout("test"), params().figures["figure2"]
    folders = [path.parent for path in figure.files(matrix, layout)]
    assert folders == [layout.run(run.id) for run in figure.select(matrix) for _ in RUN_FILES]
    assert {path.name for path in figure.files(matrix, layout)} == set(RUN_FILES)


def test_a_landscape_shows_the_first_seed(matrix: Matrix) -> None:
    found = Project(params(), matrix, Layout("test")).analyses(Landscape)
    assert {(matrix.runs[run].method, matrix.runs[run].seed) for run in found} == {
        ("erm", 0),
        ("sam", 0),
        ("lets-sam", 0),
    }


def test_a_hypergradient_is_taken_along_the_first_seed_of_each_variant_that_a_table_or_figure_shows() -> None:
    def item(*methods: str) -> dict[str, Any]:
        where = {"method": ["lets-sam"], "metric": list(methods)}
        return {
            "kind": "hypergradient",
            "title": "H",
            "experiments": ["metric"],
            "where": where,
            "every": 4,
        }

    content = params(tables={"t": item("validation-loss")}, figures={"f": item("gap", "half-squared-gap")})
    matrix = expand(content)
    project = Project(content, matrix, Layout("test"))
    found = project.analyses(Hypergradient)
    assert [(matrix.runs[run].hyperparameters["metric"], matrix.runs[run].seed) for run in found] == [
        ("validation-loss", 0),
        ("gap", 0),
        ("half-squared-gap", 0),
    ]
    assert {one.every for one in found.values()} == {4}
    assert content.figures["f"].analysis_files(matrix, project.layout) == [
        project.layout.hypergradient(run) for run in list(found)[1:]
    ]
    assert project.analyses(Landscape) == {}


def test_settings_are_what_an_analysis_is_told() -> None:
    item = Sharpness(kind="sharpness", title="S", experiments=["clean"], samples=256, m=64)
    assert item.settings == {
        "samples": 256,
        "m": 64,
        "radii": [0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
        "eigenvalues": 5,
        "probes": 20,
    }
    kinds = {name: kind.model_fields["kind"].annotation for name, kind in ANALYSES.items()}
    assert kinds == {name: Literal[name] for name in ("landscape", "hypergradient", "sharpness")}
    assert [name for name, kind in ANALYSES.items() if not kind.of_weights] == ["hypergradient"]


def test_find(matrix: Matrix) -> None:
    run = next(iter(matrix.runs))
    assert matrix.find(run).id == matrix.find(run[:-4]).id == run
    with pytest.raises(SpecError, match="begins 2 ids – write more of the one you mean:\n  digits/"):
        matrix.find("digits/clean/resnet-small/s")
    with pytest.raises(
        SpecError, match="'nothing' – is no run of this params file – list them:  lets status --runs"
    ):
        matrix.find("nothing")


@pytest.mark.parametrize(
    ("method", "extra", "per_step"),
    [
        ("erm", {}, 1),
        ("sam", {}, 2),
        ("rst", {"p": 0.25}, 1.25),
        ("looksam", {"k": 4}, 1.25),
        ("lets-sam", {}, 4),
        ("lets-sam", {"hessian": "exact"}, 5),
    ],
)
def test_effort(method: str, extra: dict[str, Any], per_step: float) -> None:
    clean = {
        **CONTENT["experiments"]["clean"],
        "methods": [method],
        "hyperparameters": {method: extra} if extra else {},
    }
    run = runs(expand(params(experiments={"clean": clean}, tables={}, figures={})), "clean")[0]
    assert steps(run) == 2 * 12  # two epochs of 1,437 images in batches of 128
    assert passes(run) == 24 * per_step


def test_effort_with_reuse() -> None:
    content = {**CONTENT["training"], "val_batches": "next"}
    run = next(run for run in expand(params(training=content)).runs.values() if run.method == "lets-sam")
    assert passes(run) == 24 * 3


def with_preset(given: dict[str, Any], file: dict[str, Any]) -> dict[str, Any]:
    clean = {
        **CONTENT["experiments"]["clean"],
        "methods": ["lets-sam"],
        "hyperparameters": {"lets-sam": given},
    }
    matrix = expand(params(experiments={"clean": clean}, methods={"lets-sam": file}, tables={}, figures={}))
    return runs(matrix, "clean")[0].hyperparameters


def test_the_preset_of_an_experiment_wins_over_what_the_file_says() -> None:
    found = with_preset({"preset": "paper-literal"}, {"rho_lr": 0.5, "rho": 0.3})
    assert (found["rho_optimizer"], found["rho_lr"], found["rho"]) == ("sgd", 1e-4, 0.3)
    assert "preset" not in found


def test_a_value_of_an_experiment_wins_over_the_preset_of_the_file() -> None:
    found = with_preset({"rho_lr": 0.5}, {"preset": "paper-literal"})
    assert (found["rho_optimizer"], found["rho_lr"]) == ("sgd", 0.5)


def test_presets_are_an_axis() -> None:
    names = ["paper-literal", "paper-effective"]
    clean = {**CONTENT["experiments"]["clean"], "methods": ["lets-sam"], "vary": {"preset": names}}
    matrix = expand(params(experiments={"clean": clean}, tables={}, figures={}))
    assert {run.hyperparameters["rho_optimizer"] for run in runs(matrix, "clean")} == {"sgd", "adam"}
