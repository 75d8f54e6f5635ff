"""The S3 remote of docs/artifacts.md, as its commands stand there, against an S3 server of this machine."""

import re

import pytest
from tests.workflow.conftest import ROOT
from tests.workflow.test_dvc import CLEAN, clone_of, commit, turn_time_around, with_dvc

for package in ("moto", "flask", "dvc_s3"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install 'lets-repro[dev]'")

from tests.workflow.object_storage import KEY, SECRET, new_bucket  # noqa: E402


def remote_commands(endpoint: str) -> list[list[str]]:
    """The two commands that name a remote in git, for the bucket of the tests."""
    page = (ROOT / "docs/artifacts.md").read_text()
    lines = re.findall(
        r"^(dvc remote (?:add --default|modify) store .*(?:s3:|https:)\S+)", page, re.MULTILINE
    )
    assert len(lines) == 2
    ours = {"s3://BUCKET/": "s3://lets/", "https://storage.example.org": endpoint}
    return [re.sub("|".join(ours), lambda found: ours[found[0]], line).split() for line in lines]


def test_a_clone_that_pulls_from_a_bucket_has_nothing_to_do(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    project = with_dvc(finished)
    with new_bucket() as bucket:
        for command in remote_commands(bucket.endpoint):
            project.run(*command)
        project.lets("track")
        commit(project)
        project.run("dvc", "push")
        assert all(name.startswith("lets/files/md5/") for name in bucket.names)
        clone = clone_of(project, tmp_path / "clone")
        clone.lets("pull")
    turn_time_around(clone)
    assert clone.metrics() == finished.metrics()
    assert "Nothing to be done" in clone.snakemake("-n").stdout
    assert CLEAN in clone.run("dvc", "status").stdout
