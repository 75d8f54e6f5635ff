"""docs/cluster.md: its commands exist, and it says what the profile, the rules and the types say."""

import re

import pytest
import yaml
from tests.docs.pages import ROOT, commands

from lets.config.params import Resources
from lets.project.project import load_params

PAGE = (ROOT / "docs/cluster.md").read_text()
PROFILE = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
TRAIN = (ROOT / "workflow/rules/train.smk").read_text()


@pytest.mark.parametrize("command", [one for one in commands(PAGE) if "snakemake" in one])
def test_profiles_and_params_of_the_commands_are_there(command):
    (params,) = re.findall(r"--configfile (\S+)", command)
    load_params(ROOT / params)
    assert all(
        (ROOT / profile / "config.yaml").exists() for profile in re.findall(r"--profile (\S+)", command)
    )


def test_the_default_profile_overrides_nothing_of_the_slurm_profile():
    """Snakemake lets the profile beside the Snakefile win over the one that was asked for."""
    assert not PROFILE.keys() & yaml.safe_load((ROOT / "profiles/default/config.yaml").read_text()).keys()


def test_the_default_profile_overrides_nothing_of_the_kubernetes_profile_and_the_page_names_what_it_sets():
    profile = yaml.safe_load((ROOT / "profiles/kubernetes/config.yaml").read_text())
    assert not profile.keys() & yaml.safe_load((ROOT / "profiles/default/config.yaml").read_text()).keys()
    (volume,) = profile["kubernetes-persistent-volumes"]
    assert f"metadata: {{name: {volume.split(':')[0]}}}" in PAGE
    assert f"{profile['default-storage-prefix']} ." in PAGE
    assert f"--tag {profile['container-image']} ." in PAGE
    assert 'gpu_manufacturer="nvidia"' in profile["default-resources"]


def test_numbers():
    usual = Resources()
    assert f"others get {usual.minutes // 60} hours and {usual.memory_mb // 1000} GB" in PAGE
    assert PROFILE["group-components"] == ["short=10"]
    assert "ten of its trainings make one job" in PAGE
    assert "minutes <= 30" in TRAIN
    assert "asks for 30 minutes or less" in PAGE
    assert "retries: 3" in TRAIN
    assert "three times at most" in PAGE
    assert PROFILE["slurm-requeue"] is True
