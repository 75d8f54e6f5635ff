"""The audit of a real training: its weights and its landscape give the stored numbers again."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from lets.analysis import loss_landscape
from lets.audit import perform
from lets.data.processed import write_processed
from lets.records.files import write_text
from lets.report import write_figure, write_table
from lets.spec import Layout, expand, load_params
from lets.train import train_run

PARAMS = """
profile: trained
seeds: [0]
training:
  epochs: 1
  batch_size: 256
  optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
  schedule: {name: cosine}
experiments:
  clean: {datasets: [digits], architectures: [resnet-small], methods: [sam]}
tables:
  table1: {title: Test accuracy, experiments: [clean]}
figures:
  figure5: {kind: landscape, title: Landscape, experiments: [clean], points: 5, samples: 100}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import lets.data

    root = tmp_path_factory.mktemp("trained")
    (root / "params.yaml").write_text(PARAMS)
    params = load_params(root / "params.yaml")
    matrix, layout = expand(params), Layout(params.profile, root)
    write_processed(lets.data.load("digits"), layout.arrays("digits"))
    (spec,) = matrix.runs.values()
    train_run(spec, layout, "cpu", 1, lambda row: None)
    write_text(
        layout.landscape(spec.id), loss_landscape(spec, layout, points=5, extent=1, samples=100, device="cpu")
    )
    write_table("table1", params.tables["table1"], params, matrix, layout)
    write_figure("figure5", params.figures["figure5"], params, matrix, layout)
    return root


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "project")
    return tmp_path / "project"


def audit(root: Path) -> Any:
    return perform(root / "params.yaml", Path("params/demo.yaml"), 1, root)


def reasons(root: Path) -> dict[str, list[str]]:
    checks = audit(root).checks
    return {check.name: [one.reason for one in check.failures] for check in checks if check.failures}


def landscape(root: Path) -> Path:
    return next(root.glob("results/trained/analysis/landscape/**/*.csv"))


def test_untouched(project: Path) -> None:
    result = audit(project)
    assert result.failures == ()
    assert {str(one.verdict) for one in result.judged} == {"verified-by-weights"}


def test_one_weight_moved_and_its_digest_forged(project: Path) -> None:
    from lets.records.digests import sha256_file

    weights = next(project.glob("results/trained/runs/**/weights.safetensors"))
    tensors = {name: array.copy() for name, array in load_file(weights).items()}
    name = next(name for name, array in tensors.items() if array.ndim == 4)
    tensors[name].flat[0] += 0.001
    before = sha256_file(weights)
    save_file(tensors, weights)
    provenance = weights.with_name("provenance.json")
    provenance.write_text(provenance.read_text().replace(before, sha256_file(weights)))
    found = reasons(project)
    assert found["weights"][0].startswith("its weights give test loss ")
    assert "bytes" not in found


def test_missing_data_condemns_no_run(project: Path) -> None:
    """Nothing says that the weights are wrong, and nothing that they are right."""
    Layout("trained", project).prepared("digits").unlink()
    result = audit(project)
    found = reasons(project)
    assert "weights" not in found
    assert "missing" in found["data"][0]
    assert result.next == "lets data prepare digits"
    assert "verified-by-weights" not in {str(one.verdict) for one in result.judged}


@pytest.mark.parametrize("line", [1, 13])
def test_an_edited_landscape(project: Path, line: int) -> None:
    """A corner and the middle; the figure was drawn from the edited numbers."""
    path = landscape(project)
    lines = path.read_text().split("\n")
    a, b, loss = lines[line].split(",")
    lines[line] = f"{a},{b},{float(loss) * 0.99!r}"
    path.write_text("\n".join(lines))
    params = load_params(project / "params.yaml")
    write_figure("figure5", params.figures["figure5"], params, expand(params), Layout("trained", project))
    (reason,) = reasons(project)["landscapes"]
    assert f"at ({float(a):g}, {float(b):g}), the weights give " in reason
    result = audit(project)
    assert result.next == f"rm -r {path} && snakemake --cores all --configfile {project}/params.yaml"
    assert {one.printed.name: str(one.verdict) for one in result.judged} == {
        "table1: SAM × ResNet (small)": "verified-by-weights",
        "figure5: SAM": "mismatch",
    }


def test_a_missing_landscape(project: Path) -> None:
    landscape(project).unlink()
    assert reasons(project)["landscapes"] == ["not computed yet"]


def test_a_landscape_that_is_none(project: Path) -> None:
    landscape(project).write_text("nonsense")
    assert "line 1: want the columns a,b,loss" in reasons(project)["landscapes"][0]


def test_a_landscape_of_another_grid(project: Path) -> None:
    path = landscape(project)
    outside = {"-0.5", "0.5"}
    lines = [line for line in path.read_text().splitlines() if not outside & set(line.split(",")[:2])]
    path.write_text("\n".join(lines) + "\n")
    assert reasons(project)["landscapes"] == ["has 9 points, the params ask for 5 × 5"]
