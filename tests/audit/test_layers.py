"""The tampering suite: trained runs, damaged with more and more care, each by the layer and exit code that it meets.

Every case says what a person must do; that is done, and the audit passes again.
"""

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from lets.audit import layers as errors
from lets.cli.main import app, main
from lets.files import digest_file, sha256_bytes, write_json
from lets.runs import Metrics
from lets.runs.history import HistoryRow, history_text, read_history
from lets.train import train_run

PARAMS = """
profile: test
device: cpu
seeds: [0, 1]
training:
  epochs: 1
  batch_size: 512
  optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
  schedule: {name: cosine}
experiments:
  main:
    datasets: [digits]
    noise: [clean, symmetric-40]
    architectures: [resnet-small]
    methods: [erm, sam, lets-sam]
tables:
  table1: {title: Test accuracy (%), experiments: [main], columns: [noise]}
"""
MAKE = "snakemake --cores all --configfile params/test.yaml"
IMAGE = b"the image that was built"


def make(project: Any) -> None:
    """Do what the workflow would: train what is missing, then report."""
    for spec in project.matrix.runs.values():
        train_run(spec, project.layout, "cpu", 1, lambda row: None)
    project.report()


@pytest.fixture(scope="module")
def master(make_project: Callable[..., Path], prepare: Any) -> Path:
    def fill(project: Any) -> None:
        prepare(project.layout)
        make(project)

    return make_project(PARAMS, fill)


def audit(*words: str) -> tuple[int, str]:
    """Run `lets audit` as from a shell; return its exit code and what it says at the end."""
    told = io.StringIO()
    arguments, sys.argv = sys.argv, ["lets", "audit", "--params", "params/test.yaml", *words]
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(told):
            main()
    except SystemExit as ended:
        return int(ended.code or 0), told.getvalue()
    finally:
        sys.argv = arguments
    return 0, told.getvalue()


@pytest.fixture
def caught(project: Any) -> Callable[..., None]:
    """Audit; see which layer catches it and why; do what the message says; see it pass again."""

    def check(
        error: type[errors.AuditError],
        reason: str,
        remove: list[Path] | None = None,
        then: str = MAKE,
        again: Callable[[Any], None] = make,
    ) -> None:
        code, told = audit("--all")
        whole, lacking = project.layout.audit, project.layout.incomplete_audit
        found = json.loads((whole if whole.is_file() else lacking).read_text())
        first = next(layer["name"] for layer in found["layers"] if not layer["passed"])
        assert (first, code) == (error.layer, error.exit_code)
        reasons = [one["reason"] for one in found["failures"] if one["layer"] == first]
        assert reason in " | ".join(reasons)
        assert f"by layer: {first} {len(reasons)}" in told
        command = told.rstrip("\n").rpartition("run next:  ")[2]
        *steps, last = command.split(" && ")
        gone = [word for step in steps if step.startswith(("rm -r ", "mv ")) for word in step.split()]
        assert ({word for word in gone if "/runs/" in word}, last) == ({*map(str, remove or [])}, then)
        subprocess.run(" && ".join(steps) or "true", shell=True, check=True)
        project.read()
        again(project)
        assert audit("--all") == (0, "")

    return check


def relabel(project: Any, folder: Path, run: str) -> None:
    """Let a run folder claim to be another run, consistently: what a careful forger would do."""
    spec = project.matrix.runs[run]
    write_json(folder / "run.json", spec.model_dump(mode="json"))
    for name, claimed in (
        ("metrics.json", {"run": run}),
        ("provenance.json", {"run": run, "seeds": spec.seeds()}),
    ):
        path = folder / name
        write_json(path, json.loads(path.read_text()) | claimed)
    project.reseal(run)


def folders(project: Any, *methods_and_seeds: tuple[str, int]) -> list[Path]:
    return [project.layout.run(project.run(method, seed)) for method, seed in methods_and_seeds]


def test_untouched(project: Any) -> None:
    assert audit("--all") == (0, "")
    items = project.audit(weights=1000).judgement.items
    assert items.pop("table1") == "verified"
    assert set(items.values()) == {"executed but unverified"}  # they repeat learned radii, and a mean loss


def test_a_metric_edited_with_the_same_size_and_time(project: Any, caught: Any, edit: Any) -> None:
    (folder,) = folders(project, ("sam", 1))
    accuracy = repr(json.loads((folder / "metrics.json").read_text())["test_accuracy"])
    edit(folder / "metrics.json", accuracy, f"{int(accuracy[0]) % 9 + 1}{accuracy[1:]}")
    caught(errors.BytesAuditError, "metrics.json is not the file that was written", [folder])


def test_seeds_swapped(project: Any, caught: Any) -> None:
    one, other = folders(project, ("sam", 0), ("sam", 1))
    swap(one, other)
    caught(errors.MatrixAuditError, "run.json is the spec of another run", [one, other])


def swap(one: Path, other: Path) -> None:
    one.rename("aside")
    other.rename(one)
    Path("aside").rename(other)


def test_seeds_swapped_and_relabelled(project: Any, caught: Any) -> None:
    """The other methods of each seed began with another loss, and so does the seed itself."""
    one, other = folders(project, ("sam", 0), ("sam", 1))
    swap(one, other)
    for seed, folder in enumerate((one, other)):
        relabel(project, folder, project.run("sam", seed))
    caught(errors.RecordsAuditError, "the other methods of its seed with", [one, other])


def test_all_methods_of_two_seeds_swapped_and_relabelled(project: Any, caught: Any) -> None:
    """The records agree with each other now; only the seed itself knows with which loss it begins."""
    methods = ("erm", "sam", "lets-sam")
    for method in methods:
        swap(*folders(project, (method, 0), (method, 1)))
        for seed in (0, 1):
            run = project.run(method, seed)
            relabel(project, project.layout.run(run), run)
    project.report()
    every = folders(project, *((method, seed) for method in methods for seed in (0, 1)))
    caught(errors.EvidenceAuditError, "its seed and data give", every)


def test_one_seed_copied_over_another(project: Any, caught: Any) -> None:
    one, other = folders(project, ("sam", 0), ("sam", 1))
    shutil.rmtree(other)
    shutil.copytree(one, other)
    caught(errors.MatrixAuditError, "run.json is the spec of another run", [other])


@pytest.mark.parametrize("changed", [0.0, 1e-7])
def test_one_seed_copied_over_another_and_relabelled(project: Any, caught: Any, changed: float) -> None:
    """Even if no file is the same any more: weights moved a little, trace and history with them."""
    one, other = folders(project, ("sam", 0), ("sam", 1))
    shutil.rmtree(other)
    shutil.copytree(one, other)
    run = project.run("sam", 1)
    if changed:
        for name in ("weights.safetensors", "trace.safetensors"):
            tensors = load_file(other / name)
            moved = {key: numpy.asarray(array * (1 + changed), array.dtype) for key, array in tensors.items()}
            save_file(moved, other / name)
        forge(
            other, run, lambda row: {"loss": row.loss * (1 + changed), "test_loss": row.test_loss + changed}
        )
    relabel(project, other, run)
    reason = "almost the losses" if changed else "the history.csv and weights.safetensors"
    caught(errors.RecordsAuditError, f"has {reason}", [one, other])


def forge(folder: Path, run: str, change: Callable[[HistoryRow], dict[str, float]]) -> None:
    """Change history, and the metrics that follow from it."""
    rows = [HistoryRow(**{**vars(row), **change(row)}) for row in read_history(folder / "history.csv")]
    (folder / "history.csv").write_text(history_text(rows))
    write_json(folder / "metrics.json", Metrics.of(run, rows).model_dump(mode="json"))


def test_a_run_deleted(project: Any, caught: Any) -> None:
    shutil.rmtree(project.layout.run(project.run("sam", 1)))
    caught(errors.MatrixAuditError, "not trained yet")


def test_a_printed_cell_edited(project: Any, caught: Any) -> None:
    path = project.layout.table("table1", "md")
    line = next(line for line in path.read_text().split("\n") if line.startswith("| SAM"))
    cell = line.split("|")[2]
    path.write_text(path.read_text().replace(line, line.replace(cell, " **99.99 ± 0.01** ", 1)))
    caught(
        errors.CellsAuditError, "prints '**99.99 ± 0.01**', the runs give", then=f"{MAKE} --forcerun {path}"
    )


def test_the_label_file_changed(project: Any, caught: Any, prepare: Any) -> None:
    path = project.layout.labels("digits", "symmetric-40")
    labels = load_file(path)["labels"].copy()
    labels[7] = (labels[7] + 1) % 10
    save_file({"labels": labels}, path)
    command = "lets data noise digits symmetric-40"
    caught(errors.BytesAuditError, "sha256 of the labels", then=command, again=lambda it: prepare(it.layout))


def test_trained_on_other_labels(project: Any, caught: Any) -> None:
    """Labels and the runs' record of them are forged together, but for one run."""
    folder = project.layout.run(project.run("sam", 0, "symmetric-40"))
    path = folder / "provenance.json"
    content = json.loads(path.read_text())
    content["data"]["training_labels"] = "0" * 64
    write_json(path, content)
    project.report()
    found = {layer.name: [one.reason for one in layer.failures] for layer in project.audit().layers}
    assert found["records"] == ["was trained on other training labels than most runs of digits/symmetric-40"]
    caught(
        errors.BytesAuditError, "was trained on other training labels than digits/symmetric-40 has", [folder]
    )


def test_weights_of_two_runs_swapped(project: Any, caught: Any) -> None:
    one, other = folders(project, ("sam", 0), ("lets-sam", 0))
    swap(one / "weights.safetensors", other / "weights.safetensors")
    caught(errors.BytesAuditError, "weights.safetensors is not the file that was written", [one, other])


def test_weights_of_two_runs_swapped_with_their_digests(project: Any, caught: Any) -> None:
    one, other = folders(project, ("sam", 0), ("lets-sam", 0))
    swap(one / "weights.safetensors", other / "weights.safetensors")
    project.reseal(project.run("sam", 0))
    project.reseal(project.run("lets-sam", 0))
    caught(errors.EvidenceAuditError, "its weights give test_loss", [one, other])


@pytest.mark.parametrize(
    ("name", "change"),
    [("test_accuracy", 1.25), ("train_accuracy", 1.25), ("test_loss", -0.01), ("train_loss", -0.01)],
)
def test_a_whole_run_forged(project: Any, caught: Any, name: str, change: float) -> None:
    """History, metrics, digests, tables and page agree: only the weights know better."""
    run = project.run("lets-sam", 0)
    folder = project.layout.run(run)
    forge(folder, run, lambda row: {name: getattr(row, name) + change})
    project.reseal(run)
    project.report()
    caught(errors.EvidenceAuditError, f"its weights give {name} ", [folder])


def test_what_a_sample_proves(project: Any) -> None:
    """A forged run that is not drawn passes, and what rests on it is not called verified; another salt draws it."""
    run = project.run("lets-sam", 0)
    forge(project.layout.run(run), run, lambda row: {"test_accuracy": row.test_accuracy + 1.25})
    project.reseal(run)
    project.report()
    codes, items = [], []
    for salt in map(str, range(10)):
        codes.append(audit("--weights", "3", "--salt", salt)[0])
        items.append(json.loads(project.layout.audit.read_text())["items"]["table1"])
    assert set(zip(codes, items, strict=True)) == {(0, "executed but unverified"), (14, "mismatch")}


def test_params_edited_after_the_runs(project: Any, caught: Any) -> None:
    every = [project.layout.run(run) for run in project.matrix.runs]
    project.file.write_text(project.file.read_text().replace("momentum: 0.9", "momentum: 0.8"))
    caught(errors.MatrixAuditError, "nobody asks for this run", every)


def test_the_image_replaced(project: Any, caught: Any) -> None:
    image: Path = project.layout.image
    image.parent.mkdir()
    digest_file(image).write_text(sha256_bytes(IMAGE))
    image.write_bytes(IMAGE)
    for run in project.matrix.runs:
        path = project.path(run, "provenance.json")
        write_json(path, json.loads(path.read_text()) | {"image": sha256_bytes(IMAGE)})
    project.report()
    assert audit("--all") == (0, "")
    image.write_bytes(b"another image")

    def build(project: Any) -> None:
        image.write_bytes(IMAGE)

    caught(errors.EnvironmentAuditError, "not the image that was built", then="make image", again=build)


def test_seeds_that_are_not_those_of_the_id(project: Any, caught: Any) -> None:
    (folder,) = folders(project, ("sam", 0))
    path = folder / "provenance.json"
    content = json.loads(path.read_text())
    content["seeds"]["init"] += 1
    write_json(path, content)
    caught(errors.RecordsAuditError, "provenance.json has other seeds than its id gives: init", [folder])


def test_several_layers_end_with_the_code_of_the_first(project: Any) -> None:
    shutil.rmtree(project.layout.run(project.run("erm", 0)))
    project.path(project.run("sam", 0), "weights.safetensors").write_bytes(b"")
    project.layout.table("table1", "csv").write_text("")
    code, told = audit()
    assert code == 10
    assert "by layer: bytes 1, matrix 1, records 0" not in told
    assert "error: audit of test – failed, by layer: bytes 1, matrix 1, cells " in told


def test_printed_cells_come_before_the_evidence(project: Any) -> None:
    run = project.run("lets-sam", 0)
    forge(project.layout.run(run), run, lambda row: {"test_accuracy": row.test_accuracy + 1.25})
    project.reseal(run)
    code, told = audit("--all")
    assert code == 13
    assert re.search(r"by layer: cells \d+, evidence 1 ", told)


def test_codes_are_nobody_elses_and_in_the_help() -> None:
    layers = errors.AuditError.__subclasses__()
    codes = [layer.exit_code for layer in layers]
    assert codes == sorted(set(codes))
    assert not {0, 1, 2, 3, 130} & set(codes)
    words = " ".join(CliRunner().invoke(app, ["audit", "--help"]).stdout.split())
    assert all(f"{layer.exit_code} {layer.layer} (" in words for layer in layers)
