"""Some experiments of a params file, as a file of their own: the same runs, and what can be shown of them."""

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
