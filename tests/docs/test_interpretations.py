"""docs/interpretations.md: its readings are those of the params files, its example is one, its commands exist."""

import re
from collections import Counter
from math import exp, log
from statistics import fmean

import pytest
import yaml
from pydantic import TypeAdapter
from tests.docs.pages import ROOT, commands, rows, shown

from lets.figures.tradeoff import Pareto
from lets.optim import PRESETS
from lets.project import expand, load_params
from lets.project.params import AnyFigure, AnyTable
from lets.tables.baselines import Baselines
from lets.tables.initial_radii import InitialRadii

PAGE = (ROOT / "docs/interpretations.md").read_text()
FILES = ("interpretations", "interpretations-cifar", "interpretations-short")


@pytest.mark.parametrize("name", FILES)
def test_every_reading_stands_in_the_table_and_is_asked_about(name: str) -> None:
    told = re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.M)
    params = load_params(ROOT / f"params/{name}.yaml")
    starts, baselines = params.tables["starts"], params.tables["baselines"]
    assert isinstance(starts, InitialRadii)
    assert isinstance(baselines, Baselines)
    assert starts.experiments == told
    assert baselines.experiments == [*told, "fixed", "fixed-longer"]
    assert starts.margin == 1.0
    assert "one point of accuracy" in PAGE
    assert set(params.experiments) == {*told, "fixed", "fixed-longer", "plain", "plain-longer"}


def test_the_page_counts_the_records_that_git_does_not_have() -> None:
    runs = sum(
        len(expand(load_params(ROOT / f"params/{name}.yaml")).runs)
        for name in ("interpretations", "confirmation")
    )
    assert f"not the {runs:,} records" in PAGE


def test_presets_are_named() -> None:
    for name in ("paper-literal", "paper-effective"):
        assert name in PRESETS
        assert f"preset `{name}`" in PAGE


def test_the_example_is_one() -> None:
    example = yaml.safe_load(re.search(r"```yaml\n(.*?)```", PAGE, re.S)[1])  # type: ignore[index]
    tables = TypeAdapter(dict[str, AnyTable]).validate_python(example["tables"])
    figures = TypeAdapter(dict[str, AnyFigure]).validate_python(example["figures"])
    assert [type(one) for one in (*tables.values(), *figures.values())] == [InitialRadii, Baselines, Pareto]


def test_every_params_file_is_named_with_the_command_that_runs_it() -> None:
    wanted = [f"snakemake --cores all --configfile params/{name}.yaml" for name in (*FILES, "confirmation")]
    assert [command for command in commands(PAGE) if command.startswith("snakemake")] == wanted


def test_answers_on_digits_are_those_of_the_tables() -> None:
    text = " ".join(PAGE.split())
    starts, against = (rows(f"interpretations/tables/{name}.csv") for name in ("starts", "baselines"))
    moved = {
        name: [exp(float(row["moved"])) for row in starts if row["row.experiment"] == name]
        for name in ("literal", "reach")
    }
    memory = [float(row["memory"]) for row in starts]
    assert f"moves by a factor of 1 + {max(moved['literal']) - 1:.0e} at most" in text
    assert f"moves by a factor of {min(moved['reach']):.1f} to {max(moved['reach']):.1f}" in text
    assert f"in all {len(starts)} rows the slope is between {min(memory):.2f} and {max(memory):.2f}" in text
    matters = Counter((row["row.method"], row["row.noise"], row["start_matters"]) for row in starts)
    yes = matters.pop(("lets-sam", "symmetric-40", "yes"))
    assert {verdict for *_, verdict in matters} == {"undecided"}
    assert f"Undecided in {matters.total()} rows, yes in {yes}, all of LETS-SAM with 40 % noise." in text
    decided = [row for row in against if row["verdict"] not in ("undecided", "equal")]
    assert {(row["row.method"], row["row.against"], row["verdict"]) for row in decided} == {
        ("lets-sam", "best", "worse")
    }
    assert f"of {len(against)} comparisons {len(decided)} are decided" in text


def test_the_confirmation_is_shown_as_it_came_out() -> None:
    name = "reference/reports/confirmation/tables/baselines.md"
    assert shown(PAGE, name) == (ROOT / name).read_text().strip()
    decided = {
        (row["row.method"], row["row.noise"], row["row.against"]): row["verdict"]
        for row in rows("confirmation/tables/baselines.csv")
    }
    assert len(decided) == 12
    assert {place: verdict for place, verdict in decided.items() if verdict != "undecided"} == {
        ("lets-sam", "symmetric-40", "start"): "better",
        ("lets-sam", "clean", "best"): "worse",
        ("lets-sam", "symmetric-40", "best"): "worse",
    }


def test_by_the_rule_no_reading_earns_a_name() -> None:
    lines = rows("confirmation/tables/baselines.csv")
    for method in ("lets-sam", "lets-asam"):
        verdicts = {way: [r["verdict"] for r in lines if (r["row.method"], r["row.against"]) == (method, way)]
                    for way in ("passes", "best")}  # fmt: skip
        earned = "better" in verdicts["passes"] and "worse" not in verdicts["passes"] + verdicts["best"]
        assert not earned
    assert "recommended" not in PRESETS
    assert "there is no preset `recommended`" in PAGE


def test_the_start_matters_for_lets_sam_as_the_page_says() -> None:
    lines = rows("confirmation/tables/starts.csv")
    assert {(row["row.method"], row["start_matters"]) for row in lines} == {
        ("lets-sam", "yes"),
        ("lets-asam", "undecided"),
    }


def test_from_every_start_the_radius_ends_lower_as_the_page_says() -> None:
    ratios: dict[tuple[str, ...], list[float]] = {}
    for row in rows("confirmation/runs.csv"):
        if row["method"].startswith("lets-"):
            place = row["method"], row["noise"], row["rho"]
            ratios.setdefault(place, []).append(log(float(row["final_rho"]) / float(row["rho"])))
    assert {len(seeds) for seeds in ratios.values()} == {10}
    assert len(ratios) == 28
    assert max(fmean(seeds) for seeds in ratios.values()) < 0


def test_the_pairs_on_cifar_are_those_that_were_made() -> None:
    name = "reference/reports/cifar-small/tables/pairs.md"
    assert shown(PAGE, name) == (ROOT / name).read_text().strip()
    lines = rows("cifar-small/tables/pairs.csv")
    verdicts = {(row["row.method"], row["row.noise"]): row["verdict"] for row in lines}
    assert "LETS-ASAM is worse than ASAM in both columns" in PAGE
    assert {verdict for (method, _), verdict in verdicts.items() if method == "lets-asam"} == {"worse"}
    assert {verdict for (method, _), verdict in verdicts.items() if method == "lets-sam"} == {"undecided"}


def test_radii_on_cifar_end_where_the_page_says() -> None:
    lines = rows("cifar-small/figures/radius.csv")  # the last epoch comes last
    ends = {(row["method"], row["panel.noise"]): f"{float(row['mean']):.2g}" for row in lines}
    clean, noisy = (
        {m: end for (m, noise), end in ends.items() if noise == n} for n in ("clean", "symmetric-40")
    )
    text = " ".join(PAGE.split())
    assert (
        f"from 0.05 to {clean['lets-sam']} on clean labels and to {noisy['lets-sam']} with 40 % noise" in text
    )
    assert f"from 1 to {clean['lets-asam']} and {noisy['lets-asam']}" in text
