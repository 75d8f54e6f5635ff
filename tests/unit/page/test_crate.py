"""The Workflow Run RO-Crate, read back by the library's reader."""

import errno
import hashlib
import json
import sys
import zipfile
from pathlib import Path

import pytest
from rocrate.rocrate import ROCrate
from tests.golden.factory import Project

from lets.cli.report import export
from lets.errors import RecordError, SpecError, StorageError
from lets.files import write_text
from lets.page.crate import write_crate


@pytest.fixture
def params_file(figures: Project) -> Path:
    """Beside the runs: a workflow, a params file, and a table."""
    root = figures.layout.root
    write_text(root / "Snakefile", "rule all:\n")
    write_text(root / "workflow/rules/train.smk", "rule train:\n")
    write_text(root / "params/demo.yaml", "profile: demo\n")
    write_text(figures.layout.table("table", "md"), "a table\n")
    return root / "params/demo.yaml"


@pytest.fixture
def unpacked(figures: Project, params_file: Path, tmp_path: Path) -> Path:
    write_crate(tmp_path / "out/crate.zip", params_file, figures.now)
    with zipfile.ZipFile(tmp_path / "out/crate.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def trainings(crate: ROCrate) -> dict[str, object]:
    """The action of every run, by run id."""
    return {one.id[1:]: one for one in crate.root_dataset["mentions"][1:]}


def test_without_the_library_that_writes_it(params_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "lets.page.crate")
    monkeypatch.setitem(sys.modules, "rocrate.rocrate", None)
    with pytest.raises(
        SpecError, match=r"rocrate, .* is not installed – run  pip install 'lets-repro\[crate\]'"
    ):
        export(params_file)


def test_it_says_that_it_is_a_workflow_run_crate(unpacked: Path) -> None:
    crate = ROCrate(unpacked)
    profiles = {one.id for one in crate.root_dataset["conformsTo"]}
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in profiles
    assert crate.mainEntity.id == "Snakefile"
    assert crate.mainEntity["programmingLanguage"]["name"] == "Snakemake"
    (whole, *_) = crate.root_dataset["mentions"]
    assert whole["instrument"] is crate.mainEntity
    assert whole["object"].id == "params/demo.yaml"
    assert whole["object"]["exampleOfWork"] is crate.mainEntity["input"]


def test_every_ended_run_is_an_action_with_its_files(unpacked: Path, figures: Project) -> None:
    actions = trainings(ROCrate(unpacked))
    ended = [run for run in figures.matrix.runs if figures.layout.run_file(run, "metrics.json").is_file()]
    assert 0 < len(ended) < len(figures.matrix.runs)
    assert list(actions) == ended
    for run, action in actions.items():
        names = {Path(file.id).name for file in action["result"]}
        assert names == {"run.json", "history.csv", "trace.safetensors", "metrics.json", "provenance.json"}
        provenance = json.loads(figures.layout.run_file(run, "provenance.json").read_text())
        assert action["startTime"] == provenance["started"]
        assert action["instrument"]["softwareVersion"] == provenance["code"]
        assert run in action["name"]


def test_every_file_has_the_bytes_that_it_is_said_to_have(unpacked: Path, figures: Project) -> None:
    described = [one for one in ROCrate(unpacked).data_entities if one.get("sha256")]
    assert "reports/golden/tables/table.md" in {one.id for one in described}
    for one in described:
        assert hashlib.sha256((unpacked / one.id).read_bytes()).hexdigest() == one["sha256"]
    there = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert there - {"ro-crate-metadata.json"} == {one.id for one in described}


def test_checkpoints_come_along_if_asked_for(figures: Project, params_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "crate.zip"
    count = write_crate(target, params_file, figures.now, weights=True)
    with zipfile.ZipFile(target) as archive:
        names = [name for name in archive.namelist() if name.endswith("weights.safetensors")]
    assert len(names) == count > 0


def test_nothing_to_export_is_refused(tmp_path: Path, figures: Project, params_file: Path) -> None:
    for run in figures.matrix.runs:
        figures.layout.run_file(run, "metrics.json").unlink(missing_ok=True)
    with pytest.raises(RecordError, match=r"no run has ended.*snakemake --cores all --configfile"):
        write_crate(tmp_path / "crate.zip", params_file, figures.now)
    assert not (tmp_path / "crate.zip").exists()


def test_a_disk_that_gets_full_leaves_the_archive_that_was_there(
    figures: Project, params_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (target := tmp_path / "crate.zip").write_text("the one before")

    def full(_: ROCrate, path: Path) -> None:
        Path(path).write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ROCrate, "write_zip", full)
    with pytest.raises(StorageError, match="free some space"):
        write_crate(target, params_file, figures.now)
    assert [(path.name, path.read_text()) for path in tmp_path.glob("*crate*")] == [
        ("crate.zip", "the one before")
    ]
