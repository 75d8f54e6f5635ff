"""What lies in a run folder besides its files, and folders that are links."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.audit.found import reasons

from lets.config.paths import RUN_FILES


def matrix(project: Any) -> list[Any]:
    return [one for check in project.audit().checks if check.name == "matrix" for one in check.failures]


@pytest.mark.parametrize("name", ["notes.txt", "metrics.json.bak", ".metrics.json.x1y2z3w4", "a link"])
def test_a_file_that_no_training_leaves(project: Any, name: str) -> None:
    folder = project.layout.run(project.run("sam"))
    if name == "a link":
        (folder / name).symlink_to("/")
    else:
        (folder / name).write_text("mine")
    (failure,) = matrix(project)
    assert (Path(failure.subject).name, failure.remove) == (name, ())
    assert failure.reason == "no training leaves this file in the folder of a run"
    subprocess.run(failure.command.partition(" && snakemake")[0], shell=True, check=True)
    assert project.audit().failures == ()
    assert len(list(Path("work").rglob(name))) == 1  # moved, not deleted


@pytest.mark.parametrize("levels", [0, 1, 3])
def test_a_folder_that_is_a_link_out_of_the_tree(
    project: Any, levels: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of a run, or of everything below a method, or below a data set."""
    run = project.run("sam")
    folder = [project.layout.run(run), *project.layout.run(run).parents][levels]
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "kept"
    shutil.move(folder, elsewhere)
    folder.symlink_to(elsewhere)
    (failure,) = matrix(project)
    assert failure.reason.startswith(f"is a link to {elsewhere}")
    assert "table1: SAM × ResNet (small)" in failure.cells
    subprocess.run(failure.command, shell=True, check=True)
    assert not folder.is_symlink()
    assert elsewhere.is_dir()  # what lies elsewhere stays there
    assert project.audit().failures == ()


@pytest.mark.parametrize("name", RUN_FILES)
def test_a_file_that_is_a_link_out_of_the_tree(
    project: Any, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = project.path(project.run("sam"), name)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a file"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)
    (failure,) = matrix(project)
    assert failure.reason.startswith(f"is a link to {elsewhere}")
    assert failure.subject.endswith(f"/{name}")
    assert "table1: SAM × ResNet (small)" in failure.cells
    subprocess.run(failure.command, shell=True, check=True)
    assert elsewhere.is_file()
    assert not path.is_symlink()
    assert project.audit().failures == ()


def test_a_link_to_another_file_goes_with_the_folder_of_its_run(
    project: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What replaces the link cannot run once the folder is deleted."""
    run = project.run("sam")
    path, elsewhere = (
        project.path(run, "weights.safetensors"),
        tmp_path_factory.mktemp("elsewhere") / "a file",
    )
    elsewhere.write_bytes(b"other weights")
    path.unlink()
    path.symlink_to(elsewhere)
    (mend, _, make) = project.audit().next.rpartition(" && ")
    assert make.startswith("snakemake ")
    subprocess.run(mend, shell=True, check=True)
    assert not project.layout.run(run).exists()
    assert elsewhere.is_file()


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("away", [True, False])
def test_links_into_the_cache_of_dvc_are_no_finding(
    project: Any, relative: bool, away: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """That may be a link to another disk itself."""
    cache = Path(".dvc/cache/files/md5/ab")
    if away:
        Path(".dvc").mkdir()
        Path(".dvc/cache").symlink_to(tmp_path_factory.mktemp("disk"))
    cache.mkdir(parents=True)
    path = project.path(project.run("sam"), "weights.safetensors")
    shutil.move(path, cache / "cdef")
    target = (cache / "cdef").absolute()
    path.symlink_to(os.path.relpath(target, path.parent) if relative else target)
    assert project.audit().failures == ()


def test_a_link_that_nobody_asks_for(project: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    dear = tmp_path_factory.mktemp("dear")
    (dear / "to me").write_text("")
    (project.layout.runs / "x").symlink_to(dear)
    (failure,) = matrix(project)
    assert failure.reason == "nobody asks for this link"
    subprocess.run(failure.command.partition(" && snakemake")[0], shell=True, check=True)
    assert (dear / "to me").is_file()
    assert project.audit().failures == ()


def test_results_on_another_disk_are_no_finding(
    project: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("disk") / "results"
    shutil.move("results", elsewhere)
    os.symlink(elsewhere, "results")
    assert reasons(project.audit()) == {}
