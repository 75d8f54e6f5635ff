"""DVC beside Snakemake: the same commands, the same bytes, nothing undone."""

import pytest


@pytest.fixture
def tracked(finished):
    """The built project as a git repository with DVC, set to the tiny params."""
    pipeline = finished.folder / "dvc.yaml"
    text = pipeline.read_text()
    pipeline.write_text(
        text.replace("params/demo.yaml", "params/tiny.yaml").replace("profile: demo", "profile: tiny")
    )
    (finished.folder / ".gitignore").write_text("/results/\n/work/\n/data/\n.snakemake/\n")
    finished.run("git", "init", "-q")
    finished.run("git", "config", "user.email", "test@example.org")
    finished.run("git", "config", "user.name", "test")
    finished.run("dvc", "init", "-q")
    finished.run("git", "add", "-A")
    finished.run("git", "commit", "-qm", "start")
    return finished


def test_repro_after_snakemake_changes_nothing_and_neither_undoes_the_other(tracked):
    before = tracked.metrics()
    reports = {path: path.read_bytes() for path in (tracked.folder / "reports").rglob("*") if path.is_file()}
    tracked.run("dvc", "repro")
    assert tracked.metrics() == before
    assert {path: path.read_bytes() for path in reports} == reports
    assert "Nothing to be done" in tracked.snakemake("-n").stdout
    again = tracked.run("dvc", "repro").stdout
    assert again.count("didn't change, skipping") == 3  # the audit always runs


def test_repro_builds_what_is_missing(tracked):
    victim = sorted(tracked.metrics())[0]
    before = tracked.metrics()
    tracked.run("rm", "-r", f"results/tiny/runs/{victim}")
    tracked.run("dvc", "repro")
    assert tracked.metrics() == before
