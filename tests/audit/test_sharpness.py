"""The audit of a sharpness analysis: one that is whole passes, an edited number is found and its row named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.audit.found import reasons, verdicts

import lets.data
from lets.analyses.compute import measure_sharpness
from lets.analyses.sharpness import Measure, Sharpness, measures_text, read_measures
from lets.data.dataset import write_processed
from lets.files import write_text
from lets.train import train_run

SETTINGS = "samples: 64, m: 32, radii: [0.05, 0.2], eigenvalues: 2, probes: 3"
PARAMS = f"""
profile: test
device: cpu
seeds: [0]
training:
  epochs: 1
  batch_size: 256
  optimizer: {{name: sgd, lr: 0.1, momentum: 0.9}}
  schedule: {{name: cosine}}
experiments:
  clean: {{datasets: [digits], architectures: [resnet-small], methods: [erm, sam]}}
tables:
  sharp: {{kind: sharpness, title: Sharp, experiments: [clean], {SETTINGS}}}
figures:
  drawn: {{kind: sharpness, title: Drawn, experiments: [clean], {SETTINGS}}}
"""


@pytest.fixture(scope="module")
def master(make_project: Callable[..., Path]) -> Path:
    def fill(project: Any) -> None:
        write_processed(lets.data.load("digits"), project.layout.arrays("digits"))
        for run, item in project.now.analyses(Sharpness).items():
            spec = project.matrix.runs[run]
            train_run(spec, project.layout, "cpu", 1, lambda row: None)
            text = measure_sharpness(spec, project.layout, device="cpu", **item.settings)
            write_text(project.layout.sharpness(run), text)
        project.draw()

    return make_project(PARAMS, fill)


def csv() -> Path:
    return next(Path().glob("results/test/analysis/sharpness/**/sam/*.csv"))


def edit(project: Any, change: Callable[[list[Measure]], list[Measure]]) -> None:
    """Rewrite the analysis, and draw anew what rests on it, so that nothing but the analysis is wrong."""
    write_text(csv(), measures_text(change(read_measures(csv()))))
    project.draw()


def test_untouched(project: Any) -> None:
    result = project.audit(weights=2)
    assert result.failures == ()
    assert verdicts(result) == dict.fromkeys(
        ["sharp: ERM", "sharp: SAM", "drawn: ERM", "drawn: SAM"], "verified"
    )
    assert {check.name: check.examined for check in result.checks}["sharpness"] == 2


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("field", ["value", "error"])
def test_any_edited_number(project: Any, place: int, field: str) -> None:
    """Two eigenvalues, the trace, two radii; 1 % of a value, or an error that is twice as large and visible."""
    one = read_measures(csv())[place]
    number = getattr(one, field)
    changed = replace(one, **{field: number * 0.99 if field == "value" else 2 * number + 1e-4})
    edit(project, lambda rows: [*rows[:place], changed, *rows[place + 1 :]])
    result = project.audit(weights=2)
    (reason,) = reasons(result)["sharpness"]
    assert reason.startswith(f"says {getattr(changed, field)} for ")
    assert reason.endswith(f"{one.quantity}{f' {one.at:g}' if one.at else ''}, the weights give {number}")
    assert result.next == f"snakemake --cores all --configfile params/test.yaml --forcerun {csv()}"
    assert verdicts(result) == {
        "sharp: ERM": "verified",
        "sharp: SAM": "mismatch",
        "drawn: ERM": "verified",
        "drawn: SAM": "mismatch",
    }


def test_another_machine_rounds_otherwise(project: Any) -> None:
    edit(project, lambda rows: [replace(one, value=one.value * (1 + 1e-5)) for one in rows])
    assert project.audit(weights=2).passed


def test_edited_iterations(project: Any) -> None:
    edit(project, lambda rows: [replace(one, n=99) if one.at == 1 else one for one in rows])
    assert reasons(project.audit(weights=2))["sharpness"] == [
        "says n = 99 for its eigenvalue 1, the weights give 20"
    ]


@pytest.mark.parametrize(
    ("there", "instead", "reason"),
    [
        ("radii: [0.05, 0.2]", "radii: [0.05, 0.3]", "m-sharpness 0.2; the params ask for"),
        ("radii: [0.05, 0.2]", "radii: [0.05, 0.2, 0.3]", "m-sharpness 0.2; the params ask for"),
        ("eigenvalues: 2", "eigenvalues: 3", "has eigenvalue 1, eigenvalue 2, trace, m-sharpness 0.05,"),
        ("probes: 3", "probes: 4", "its trace is the mean of 3, by the params of 4 vectors, 2 groups"),
        ("m: 32", "m: 16", "its m-sharpness 0.05 is the mean of 2, by the params of 3 vectors, 4 groups"),
    ],
)
def test_other_params_are_noticed_without_computing(
    project: Any, there: str, instead: str, reason: str
) -> None:
    project.file.write_text(project.file.read_text().replace(there, instead))
    project.read()
    project.draw()
    found = reasons(project.audit())["sharpness"]
    assert len(found) == 2
    assert all(reason in one for one in found)


def test_missing(project: Any) -> None:
    csv().unlink()
    assert reasons(project.audit(weights=2))["matrix"] == ["not computed yet"]


def test_unreadable(project: Any) -> None:
    csv().write_text("nonsense")
    assert reasons(project.audit())["sharpness"][0].startswith("cannot be computed again: ")


@pytest.mark.parametrize("suffix", ["md", "tex", "csv"])
@pytest.mark.parametrize("method", ["ERM", "SAM"])
def test_an_edited_cell_of_the_table(project: Any, suffix: str, method: str) -> None:
    path = project.layout.table("sharp", suffix)
    lines = path.read_text().split("\n")
    start = {"md": f"| {method} |", "tex": f"{method} &", "csv": f"sharp,{method.lower()},"}[suffix]
    number = next(i for i, line in enumerate(lines) if line.startswith(start))
    digit = next(i for i in reversed(range(len(lines[number]))) if lines[number][i] in "12345678")
    lines[number] = f"{lines[number][:digit]}9{lines[number][digit + 1 :]}"
    path.write_text("\n".join(lines))
    (failure,) = project.audit().failures
    assert failure.cells == (f"sharp: {method}",)
    assert failure.force == (str(path),)
