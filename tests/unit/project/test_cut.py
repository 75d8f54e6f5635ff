"""Some experiments of a params file, as a file of their own: the same runs, and what can be shown of them."""

import re
from pathlib import Path

import pytest

from lets.cli.plan import only
from lets.config.paths import Layout
from lets.errors import SpecError
from lets.project import expand, load_params
from lets.project.cut import cut
from lets.project.params import ParamsFile

FILES = {name: Path(f"params/{name}.yaml") for name in ("demo", "paper")}
WHOLE = {name: load_params(path) for name, path in FILES.items()}
RUNS = {name: expand(params) for name, params in WHOLE.items()}
CASES = [(name, one) for name, params in WHOLE.items() for one in params.experiments]
DROPPED = {("demo", "plain"): {"radius", "figure1"}}  # nothing of plain training is a radius


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are large."""
    loaded = {FILES[name]: params for name, params in WHOLE.items()}
    monkeypatch.setattr("lets.project.cut.load_params", lambda path: loaded.get(path) or load_params(path))


def shown(params: ParamsFile) -> dict[str, set[str]]:
    return {name: {*item.experiments} for name, item in [*params.tables.items(), *params.figures.items()]}


@pytest.mark.parametrize(("name", "experiment"), CASES)
def test_one_experiment(tmp_path: Path, name: str, experiment: str) -> None:
    smaller = cut(FILES[name], [experiment])
    (tmp_path / "params.yaml").write_text(smaller.text)
    params = load_params(tmp_path / "params.yaml")
    assert params.profile == smaller.profile == f"{name}-{experiment}"
    assert Layout.of(params).runs != Layout.of(WHOLE[name]).runs
    assert expand(params).experiments == {experiment: RUNS[name].experiments[experiment]}
    with_runs = {item for item, experiments in shown(WHOLE[name]).items() if experiment in experiments}
    assert {*smaller.dropped} == DROPPED.get((name, experiment), set())
    assert shown(params) == {item: {experiment} for item in with_runs - {*smaller.dropped}}


@pytest.mark.parametrize("item", ["table1", "radius-methods", "pairs"])
def test_the_name_of_a_table_or_figure_stands_for_what_it_shows(tmp_path: Path, item: str) -> None:
    (tmp_path / "params.yaml").write_text(cut(FILES["demo"], [item]).text)
    params = load_params(tmp_path / "params.yaml")
    assert {*params.experiments} == shown(WHOLE["demo"])[item] == shown(params)[item]
    everything = {**WHOLE["demo"].tables, **WHOLE["demo"].figures}
    assert {**params.tables, **params.figures}[item] == everything[item]


def test_what_cannot_be_made_is_named_and_left_out(tmp_path: Path) -> None:
    smaller = cut(Path("params/interpretations.yaml"), ["exact"])
    (tmp_path / "params.yaml").write_text(smaller.text)
    assert smaller.dropped == ("baselines",)
    assert "baselines" not in load_params(tmp_path / "params.yaml").tables


def test_conditions_and_groups_lose_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(
        """profile: two
seeds: [0]
training: {epochs: 1, batch_size: 9, optimizer: {name: sgd, lr: 0.1}, schedule: {name: cosine}}
experiments:
  one: {datasets: [digits], architectures: [resnet-small], methods: [sam, lets-sam]}
  two: {datasets: [digits], architectures: [vit-small], methods: [asam, lets-asam, erm]}
tables:
  both: {title: B, experiments: [one, two], where: {method: [sam, asam, lets-asam]}, groups: [[sam], [asam, lets-asam]]}
  compared: {kind: comparison, title: C, experiments: [one, two], pairs: [[lets-sam, sam], [asam, erm]]}
  ranked: {kind: ranking, title: R, experiments: [one, two], where: {method: [sam, asam, erm]}}
"""
    )
    smaller = cut(tmp_path / "params.yaml", ["one"])
    (tmp_path / "one.yaml").write_text(smaller.text)
    tables = load_params(tmp_path / "one.yaml").tables
    assert {name: (item.where, getattr(item, "groups", None)) for name, item in tables.items()} == {
        "both": ({"method": ["sam"]}, [["sam"]]),
        "compared": ({}, None),
    }
    assert tables["compared"].pairs == [["lets-sam", "sam"]]  # type: ignore[union-attr]
    assert smaller.dropped == ("ranked",)


def test_one_row_of_a_table(tmp_path: Path) -> None:
    """Its runs are those of the whole file, so both can share what is trained."""
    keep = {"methods": ["sam", "lets-sam"], "architectures": ["resnet18"], "datasets": ["cifar10"]}
    smaller = cut(FILES["paper"], ["table1"], keep=keep)
    (tmp_path / "params.yaml").write_text(smaller.text)
    params = load_params(tmp_path / "params.yaml")
    assert smaller.profile == "paper-table1-sam-lets-sam-resnet18-cifar10"
    whole = RUNS["paper"].experiments["cifar10"]
    wanted = {run for run in whole if RUNS["paper"].runs[run].method in ("sam", "lets-sam")}
    assert {*expand(params).experiments["cifar10"]} == wanted
    assert len(wanted) == 6
    assert {*params.experiments} == {"cifar10"}
    assert [len(group) for group in params.tables["table1"].groups] == [2]  # type: ignore[union-attr]


def test_a_row_whose_network_has_a_value_of_its_own_is_said_to_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "paper.yaml").write_bytes(FILES["paper"].read_bytes())
    only(["table1"], tmp_path / "paper.yaml", ["training.epochs=5"], methods="lets-sam")
    said = capsys.readouterr().out
    assert said.startswith(
        "other runs than before: cifar10, cifar10-wrn; the same runs as before: cifar10-pyramidnet, "
    )


def test_values_for_methods_that_went_go_too(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(cut(FILES["paper"], ["noise"], keep={"methods": ["erm"]}).text)
    assert load_params(tmp_path / "params.yaml").experiments["noise"].hyperparameters == {}


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (
            {"methods": ["lets-smam"]},
            r"--methods lets-smam – none of the methods of cifar10 in .* – write  lets-sam",
        ),
        ({"architectures": ["resnet32"]}, r"--architectures resnet32 – none .* – write  resnet18"),
        ({"noise": ["symmetric-20"]}, r"--noise symmetric-20 – none .* – choose from: clean"),
    ],
)
def test_a_value_that_no_experiment_has(keep: dict[str, list[str]], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        cut(FILES["paper"], ["cifar10"], keep=keep)


def test_values_that_no_experiment_has_together() -> None:
    keep = {"architectures": ["resnet32"], "datasets": ["cifar100"]}
    with pytest.raises(
        SpecError, match="--architectures resnet32 --datasets cifar100 – no experiment has runs"
    ):
        cut(FILES["paper"], ["noise", "cifar100"], keep=keep)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(SpecError, match=r"'tabel1' – no experiment, table or figure of .* – write  table1"):
        cut(FILES["demo"], ["tabel1"])


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = tmp_path / "my demo.yaml"
    params.write_bytes(FILES["demo"].read_bytes())
    only(["metric"], params)
    only(["metric"], params)
    assert f"--configfile '{tmp_path}" not in capsys.readouterr().out  # its own name has no space
    made = tmp_path / "demo-metric.yaml"
    made.write_text(f"{made.read_text()}# mine\n")
    with pytest.raises(SpecError, match=r"is there already .* --profile demo-metric-2"):
        only(["metric"], params)
    assert made.read_text().endswith("# mine\n")


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A copy of the demo's params file, for others to be written beside."""
    (tmp_path / "demo.yaml").write_bytes(FILES["demo"].read_bytes())
    return tmp_path / "demo.yaml"


def test_a_change_makes_other_runs_and_says_of_which_experiments(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only(["noise", "translation"], demo, ["training.epochs=60", "methods.lets-sam.rho_lr=0.1"])
    said = capsys.readouterr().out
    assert said.startswith("other runs than before: noise; the same runs as before: translation (")
    made = load_params(demo.with_name("demo-noise-translation-epochs-60-rho-lr-0-1.yaml"))
    by_method = {run.method: run for run in expand(made).of(["noise"])}
    assert {run.training.epochs for run in by_method.values()} == {60}
    assert by_method["lets-sam"].hyperparameters["rho_lr"] == 0.1
    assert {run.training.epochs for run in expand(made).of(["translation"])} == {2}  # it has its own
    assert WHOLE["demo"].training.epochs == 30


def test_numbers_of_other_trainings_are_not_compared_with_the_papers(demo: Path) -> None:
    for change, added in (("training.epochs=60", "; training.epochs=60"), ("seeds=[0]", "")):
        only(["noise"], demo, [change], "changed")
        made = load_params(demo.with_name("changed.yaml"))
        assert made.reduced == WHOLE["demo"].reduced + added
        demo.with_name("changed.yaml").unlink()


def test_without_a_name_every_experiment_is_kept(demo: Path) -> None:
    only(None, demo, ["seeds=[7]"])
    made = load_params(demo.with_name("demo-seeds-7.yaml"))
    assert [*made.experiments] == [*WHOLE["demo"].experiments]
    assert {run.seed for run in expand(made).of(["noise"])} == {7}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("training.epochs", "is no key=value – write for example  --set training.epochs=5"),
        ("training.epochs=", "is no key=value"),
        ("training.epochs=[", "is not plain YAML"),
        ("training.epochs.first=5", "training.epochs holds no keys"),
        ("training.epoch=5", "--set: training.epoch is an unknown key"),
        ("training.epochs=five", "--set: training.epochs is 'five' – YAML reads this as text"),
        (
            "training.epochs=5",
            "measure_every: 3 of 5 epochs – the last one would not be measured – write  epochs: 6",
        ),
    ],
)
def test_a_bad_change_writes_nothing(demo: Path, change: str, reason: str) -> None:
    with pytest.raises(SpecError, match=re.escape(reason)):
        only(["noise"], demo, [change])
    assert [*demo.parent.iterdir()] == [demo]


def test_a_file_with_other_changes_is_not_overwritten(demo: Path) -> None:
    only(["noise"], demo, ["seeds=[0]"], "mine")
    with pytest.raises(SpecError, match=r"is there already .* --set 'seeds=\[1\]' .* --profile mine-2"):
        only(["noise"], demo, ["seeds=[1]"], "mine")
    with pytest.raises(SpecError, match="no NAME"):
        only(None, demo)
