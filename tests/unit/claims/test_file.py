"""claims.yaml and quoted.yaml: what is in them exists, and a mistake is named with its line."""

from pathlib import Path

import pytest
from tests.golden.factory import FACTS, Project

from lets.claims.file import Best, claim_sources, read_claims, runs_of
from lets.claims.judgement import MEASURES
from lets.config.paths import Layout
from lets.errors import SpecError
from lets.optim.catalogue import METHODS
from lets.project import Project as Snapshot
from lets.tables.published import read_quoted

CLAIMS, QUOTED = Path("params/claims.yaml"), Path("params/quoted.yaml")


def test_every_section_with_results_has_a_claim_and_every_name_exists() -> None:
    claims = read_claims(CLAIMS).values()
    assert {claim.section for claim in claims} == {"§3.3", *(f"§4.{number}" for number in range(1, 10))}
    assert {claim.metric for claim in claims} <= set(MEASURES)
    for claim in claims:
        values = (
            claim.winners if isinstance(claim, Best) else [value for pair in claim.pairs for value in pair]
        )
        assert claim.by != "method" or set(values) <= set(METHODS)


@pytest.mark.parametrize(
    ("there", "instead", "says"),
    [
        ("    everywhere: true", "    anywhere: true", "8: claims.any-base.anywhere is an unknown key"),
        ("kind: better", "kind: worse", "is 'worse' – want one of better, best, equivalent"),
        ("section: §3.3", "section: §x", "claims.any-base.section is '§x'"),
        ("[[lets-sam, sam]]", "[[lets-sma, sam]]", "'lets-sma' – no such method"),
        ("winners: [lets-sam]", "winners: [lets-x]", "'lets-x' – no such method"),
        ("datasets: [cifar10]", "datasets: [cifar11]", "claims.any-base.datasets[0] is 'cifar11'"),
        ("noise: &noise [symmetric-20,", "noise: &noise [asymmetric-20,", "'asymmetric-20'"),
        ("architectures: [resnet18]", "architectures: [resnet19]", "'resnet19'"),
        ("by: rho", "by: rhoo", "claims.any-start.by is 'rhoo' – no method has it"),
        ("metric: bleu", "metric: blue", "is 'blue' – want one of"),
        ("margin: 0.5 ", "margin: 0.0 ", "claims.any-start.margin"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, there: str, instead: str, says: str) -> None:
    text = CLAIMS.read_text()
    assert there in text
    path = tmp_path / "claims.yaml"
    path.write_text(text.replace(there, instead, 1))
    with pytest.raises(SpecError) as caught:
        read_claims(path)
    assert f"{path}:" in str(caught.value)
    assert says.removeprefix("8: ") in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for read in (read_claims, read_quoted):
        with pytest.raises(SpecError, match=r"any\.yaml – is not there – restore it:  git checkout"):
            read(tmp_path / "any.yaml")


def test_values_of_a_hyperparameter_have_to_be_paired(tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    lines = [line for line in CLAIMS.read_text().split("\n") if "[0.01, 1.0]" not in line]
    path.write_text("\n".join(lines))
    with pytest.raises(SpecError, match="a claim by rho without pairs"):
        read_claims(path)


@pytest.mark.parametrize(
    ("there", "instead", "says"),
    [("methods: [gsam]", "methods: [gsma]", "'gsma'"), ("reason:", "why:", "unknown key")],
)
def test_a_mistake_in_the_quoted_numbers_is_named(
    tmp_path: Path, there: str, instead: str, says: str
) -> None:
    path = tmp_path / "quoted.yaml"
    path.write_text(QUOTED.read_text().replace(there, instead, 1))
    with pytest.raises(SpecError, match=says):
        read_quoted(path)


@pytest.mark.parametrize(
    ("number", "quoted"),
    [
        ((3, "resnet50", "gsam"), True),
        ((2, "wrn28-10", "sam"), True),
        ((1, "vit-s16", "sam"), False),
        ((1, "vit-s16", "rst"), True),
        ((1, "resnet18", "asam"), False),
        ((4, "resnet32", "erm"), True),
        ((4, "resnet32", "lets-sam"), False),
        ((6, "resnet18", "lets-sam"), False),
    ],
)
def test_which_numbers_are_likely_quoted(number: tuple[int, str, str], quoted: bool) -> None:
    assert any(one.covers(*number) for one in read_quoted(QUOTED)) is quoted


def test_the_demo_tests_what_it_has_and_only_that() -> None:
    project, claims = Snapshot.load("params/demo.yaml"), read_claims(CLAIMS)
    places = {name: list(runs_of(claim, project)) for name, claim in claims.items()}
    assert places["best-imagenet"] == []
    assert [setting[2] for setting in places["sam-cifar"]] == ["resnet-small", "vit-small"]
    assert [setting[:2] for setting in places["sam-noise"]] == [("digits", "symmetric-40")]
    # Radii other than the start of SAM belong to Figure 1, of which nothing is claimed here.
    radii = {run.variant["rho"] for run in runs_of(claims["sam-cifar"], project)[places["sam-cifar"][0]]}
    assert radii == {0.05}


def test_sources_are_the_compared_runs_and_their_analyses(tmp_path: Path) -> None:
    experiment = {"datasets": ["digits"], "architectures": ["resnet-small"], "section": "§4.1"}
    minima = {
        "kind": "sharpness",
        "title": "m",
        "experiments": ["clean"],
        "where": {"method": ["sam", "lets-sam"]},
    }
    project = Project(
        tmp_path,
        seeds=[0, 1],
        experiments={
            "clean": {**experiment, "methods": ["sam", "lets-sam"]},
            "other": {**experiment, "methods": ["erm"], "noise": ["symmetric-20"], "section": "§4.5"},
            "free": {**experiment, "methods": ["erm", "sam"], "section": "§4.4"},
        },
        tables={"minima": minima},
        stand_ins={"digits": "cifar10", "resnet-small": "resnet18"},
    )
    claims = read_claims(project.layout.paper_claims)
    found = claim_sources(claims, project.now)
    runs = [*project.runs(method="sam"), *project.runs(method="lets-sam")]
    wanted = {path for run in runs for path in project.layout.run_files(run.id)}
    wanted |= {project.layout.sharpness(run.id) for run in runs if run.seed == 0}
    assert set(found) == wanted
    assert len(found) == len(wanted)


def test_the_factory_knows_every_fact() -> None:
    layout = Layout("any")
    assert {path.name for path in (layout.published, layout.quoted, layout.paper_claims)} == set(FACTS)
