"""docs/artifacts.md: its commands exist, and what it says of the files is what dvc.yaml says."""

import subprocess
import sys

import pytest
import yaml
from tests.docs.pages import ROOT, commands

PAGE = (ROOT / "docs/artifacts.md").read_text()
COMMANDS = commands(PAGE)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("dvc ")])
def test_dvc_knows_every_verb_and_option(command):
    words = command.split()[1:]
    verb = words[:2] if words[0] in ("remote", "metrics", "plots") else words[:1]
    program = [sys.executable, "-m", "dvc", *verb, "--help"]
    text = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    assert all(word in text for word in words if word.startswith("--"))


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git repository")
def test_what_dvc_keeps_is_what_git_does_not_take():
    head, stages = (yaml.safe_load((ROOT / "dvc.yaml").read_text())[key] for key in ("vars", "stages"))
    assert list(head[0]) == ["params", "profile", "curves"]  # the three lines
    outs = [out for stage in stages.values() for out in stage["outs"]]
    cached = {
        path.replace("${profile}", "demo")
        for out in outs
        for path, how in out.items()
        if how.get("cache", True)
    }
    made = ["audit", "claims.csv", "claims.md", "figures", "index.html", "runs.csv", "summary.json", "tables"]
    reports = {f"reports/demo/{name}" for name in made}
    assert cached == {"results/demo/runs", "results/demo/analysis", *reports}
    ignored = ["git", "check-ignore", "--no-index", *sorted(f"{path}/x" for path in cached)]
    result = subprocess.run(ignored, cwd=ROOT, capture_output=True, text=True)
    assert len(result.stdout.split()) == len(cached)
    pointers = ["data/processed/digits.dvc", "results/demo/snakemake.dvc"]
    assert subprocess.run(["git", "check-ignore", *pointers], cwd=ROOT, capture_output=True).returncode == 1
