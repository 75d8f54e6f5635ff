"""DVC beside Snakemake: the same commands, the same bytes, nothing undone; and clones that trust what they pull."""

import json
import os
import shutil
import time

import pytest
from tests.workflow.conftest import ROOT, Project, copy_of
from tests.workflow.test_workflow import jobs

CLEAN = "Data and pipelines are up to date."


def with_dvc(project: Project) -> Project:
    """Make the project a git repository with DVC, about the tiny params, as the real one is about the demo."""
    for name in (".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
        (project.folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, project.folder / name)
    shutil.copytree(ROOT / ".dvc/plots", project.folder / ".dvc/plots")
    pipeline = project.folder / "dvc.yaml"
    head, stages = pipeline.read_text().split("\nstages:\n")
    for demo, tiny in (("params/demo.yaml", "params/tiny.yaml"), (": demo", ": tiny"), ("figure6", "loss")):
        assert demo in head
        head = head.replace(demo, tiny)
    pipeline.write_text(f"{head}\nstages:\n{stages}")
    project.run("git", "init", "-q")
    project.run("git", "config", "user.email", "test@example.org")
    project.run("git", "config", "user.name", "test")
    commit(project)
    return project


def commit(project: Project) -> None:
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "as it is now")


def clone_of(project: Project, folder) -> Project:
    project.run("git", "clone", "-q", str(project.folder), str(folder))
    return Project(folder)


def turn_time_around(project: Project) -> None:
    """Make every file newer than what was made from it: DVC writes files in any order."""
    for hours, folder in enumerate(("data", "results", "reports")):
        for path in (path for path in (project.folder / folder).rglob("*") if path.is_file()):
            os.utime(path, (time.time() - 3600 * hours,) * 2)


def ages(project: Project) -> dict[str, int]:
    """When each file of the run tree was written."""
    runs = project.folder / "results" / "tiny" / "runs"
    return {str(path): path.stat().st_mtime_ns for path in runs.rglob("*") if path.is_file()}


@pytest.fixture
def tracked(finished):
    """The built project with DVC; nothing is recorded yet."""
    return with_dvc(finished)


@pytest.fixture(scope="module")
def origin(built, tmp_path_factory):
    """The built project as if made by hand, recorded and pushed to a folder; tests must leave it as it is."""
    folder = tmp_path_factory.mktemp("origin")
    project = with_dvc(copy_of(built, folder / "project"))
    shutil.rmtree(project.folder / ".snakemake" / "metadata")
    project.run("dvc", "remote", "add", "--default", "store", str(folder / "store"))
    assert "70 files were not made by Snakemake" in project.lets("track").stdout
    commit(project)
    project.run("dvc", "push")
    return project


@pytest.fixture
def clone(origin, tmp_path):
    """A fresh clone in another folder, in which nothing has been pulled."""
    return clone_of(origin, tmp_path / "clone")


@pytest.fixture(scope="module")
def with_artifacts(origin, tmp_path_factory):
    """A clone that has its artifacts; tests must leave it as it is."""
    project = clone_of(origin, tmp_path_factory.mktemp("pulled") / "clone")
    project.lets("pull")
    return project


@pytest.fixture
def pulled(with_artifacts, tmp_path):
    """A clone that has its artifacts, for a test to break."""
    return copy_of(with_artifacts, tmp_path / "pulled")


def test_repro_changes_nothing_neither_engine_undoes_the_other_and_what_is_missing_is_built(tracked):
    before = tracked.metrics()
    reports = {path: path.read_bytes() for path in (tracked.folder / "reports").rglob("*") if path.is_file()}
    tracked.run("dvc", "repro")
    assert tracked.metrics() == before
    assert {path: path.read_bytes() for path in reports} == reports
    assert "Nothing to be done" in tracked.snakemake("-n").stdout
    assert CLEAN in tracked.run("dvc", "repro").stdout
    shutil.rmtree(tracked.folder / "results" / "tiny" / "runs" / sorted(before)[0])
    tracked.run("dvc", "repro", "runs")
    assert tracked.metrics() == before


def test_tracking_leaves_everything_as_it_is(origin, built):
    assert origin.metrics() == built.metrics()
    assert "Nothing to be done" in origin.snakemake("-n").stdout
    assert CLEAN in origin.run("dvc", "status").stdout
    assert origin.run("dvc", "data", "status", "--json").stdout.strip() == "{}"
    names = origin.run("git", "ls-files", "data", "results").stdout.split()
    assert names == ["data/processed/digits.dvc", "results/tiny/snakemake.dvc"]


def test_a_bare_clone_knows_that_nothing_has_to_be_made(clone):
    assert not (clone.folder / "results" / "tiny" / "runs").exists()
    output = clone.run("dvc", "repro", "--dry", "--allow-missing").stdout
    assert output.count("didn't change, skipping") == 4
    assert "Running stage" not in output


def test_dvc_lock_is_about_the_params_and_the_code_of_its_commit(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no commit to look at")
    clone = clone_of(Project(ROOT), tmp_path / "clone")
    dry = clone.run("dvc", "repro", "--dry", "--allow-missing", check=False)
    advice = "dvc.lock is of another commit:  snakemake --cores all && lets track,  and commit it\n"
    assert dry.stdout.count("didn't change, skipping") == 4, advice + dry.stdout + dry.stderr


def test_a_pipeline_that_was_never_recorded_would_run(project):
    with_dvc(project)
    assert project.run("dvc", "stage", "list", "--name-only").stdout.split() == [
        "runs",
        "analysis",
        "report",
        "audit",
    ]
    assert "Running stage 'runs'" in project.run("dvc", "repro", "--dry", "--allow-missing", "runs").stdout


def test_a_clone_that_pulled_has_nothing_to_do_in_either_engine(pulled, origin):
    turn_time_around(pulled)
    (pulled.folder / "src/lets/train/__pycache__").mkdir(exist_ok=True)
    (pulled.folder / "src/lets/train/__pycache__/run.pyc").write_bytes(b"of this machine")
    assert "Nothing to be done" in pulled.snakemake("-n").stdout
    assert CLEAN in pulled.run("dvc", "status").stdout
    assert pulled.run("git", "status", "--porcelain").stdout == ""
    assert pulled.metrics() == origin.metrics()
    assert pulled.lets("audit").returncode == 0


def test_without_the_memory_too_a_clone_trains_nothing_again(clone):
    clone.run("dvc", "pull")
    turn_time_around(clone)
    assert "train" not in jobs(clone.snakemake("-n").stdout)


def test_one_more_seed_makes_the_new_run_and_no_other(pulled):
    params = pulled.folder / "params" / "tiny.yaml"
    noise = "    methods: [erm]\n\ntables:"
    assert noise in params.read_text()
    params.write_text(params.read_text().replace(noise, f"    seeds: [0, 1, 2]\n{noise}"))
    planned = jobs(pulled.snakemake("-n").stdout)
    assert planned["train"] == 1
    assert {"arrays", "labels", "analysis"}.isdisjoint(planned)
    status = json.loads(pulled.run("dvc", "status", "--json", "runs").stdout)
    assert status == {"runs": [{"changed deps": {"params/tiny.yaml": "modified"}}]}
    before = ages(pulled)
    pulled.run("dvc", "repro", "runs")
    after = ages(pulled)
    assert len(pulled.metrics()) == 7
    assert {path: after[path] for path in before} == before


def test_repro_rebuilds_the_tables_from_pulled_artifacts_without_training(pulled):
    tables = pulled.folder / "reports" / "tiny" / "tables"
    shown = {path: path.read_bytes() for path in tables.iterdir()}
    before = ages(pulled)
    shutil.rmtree(tables)
    output = pulled.run("dvc", "repro", "report").stdout
    assert "Stage 'runs' didn't change" in output
    assert "Stage 'analysis' didn't change" in output
    assert {path: path.read_bytes() for path in tables.iterdir()} == shown
    assert ages(pulled) == before


def test_metrics_and_plots_show_the_difference_to_the_last_commit(pulled):
    variant = "digits/clean/resnet-small/erm"
    summary = pulled.folder / "reports" / "tiny" / "summary.json"
    content = json.loads(summary.read_text())
    content[variant]["test_accuracy"]["mean"] += 1
    summary.write_text(json.dumps(content))
    changed = json.loads(pulled.run("dvc", "metrics", "diff", "--json").stdout)
    assert changed["reports/tiny/summary.json"][f"{variant}.test_accuracy.mean"]["diff"] == pytest.approx(1)
    pulled.run("dvc", "plots", "diff")
    page = (pulled.folder / "dvc_plots" / "index.html").read_text()
    assert '"field": "x\\\\.epoch"' in page
    assert all(run in page for run in pulled.metrics())


def test_why_asks_both_engines(pulled):
    run = sorted(pulled.metrics())[0]
    text = pulled.lets("why", run).stdout
    assert "snakemake    would not train it" in text
    assert "dvc          would not run the stage `runs`" in text
    (pulled.folder / "results" / "tiny" / "runs" / run / "weights.safetensors").unlink()
    (pulled.folder / "src" / "lets" / "train" / "new.py").write_text("")
    text = pulled.lets("why", run).stdout
    assert "would train it: Missing output files: weights.safetensors\n" in text
    assert "src/lets/train modified, results/tiny/runs modified\n" in text


def test_an_unfinished_matrix_is_not_recorded(tracked):
    victim = sorted(tracked.metrics())[0]
    (tracked.folder / "results" / "tiny" / "runs" / victim / "metrics.json").unlink()
    result = tracked.lets("track", check=False)
    assert result.returncode == 2
    assert "still to be made" in result.stderr
    assert "run  snakemake --cores all --configfile params/tiny.yaml" in result.stderr
    assert not (tracked.folder / "dvc.lock").exists()


@pytest.mark.parametrize("verb", ["track", "pull"])
def test_stages_of_other_params_are_refused(origin, verb):
    result = origin.run("lets", verb, "--params", "params/demo.yaml", check=False)
    assert result.returncode == 2
    assert "dvc.yaml is about params/tiny.yaml" in result.stderr


def test_a_pull_without_a_remote_says_so(clone):
    clone.run("dvc", "remote", "remove", "store")
    result = clone.lets("pull", check=False)
    assert result.returncode == 2
    assert "No remote provided" in result.stderr
    assert not (clone.folder / ".snakemake").exists()
