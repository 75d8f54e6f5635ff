"""How many trainings Snakemake starts at a time on a host with GPUs."""

import re

import pytest


@pytest.fixture
def host(project, monkeypatch):
    """A project whose params want a GPU, on a machine whose nvidia-smi lists three."""
    tool = project.folder / "tools" / "nvidia-smi"
    tool.parent.mkdir()
    lines = "".join(f"echo 'GPU {at}: NVIDIA H100 (UUID: GPU-{at})'\n" for at in range(3))
    tool.write_text(f"#!/bin/sh\n{lines}")
    tool.chmod(0o755)
    params = project.folder / "params" / "tiny.yaml"
    params.write_text(params.read_text().replace("device: cpu", "device: cuda"))
    for name in ("CUDA_VISIBLE_DEVICES", "LETS_SLOTS_PER_GPU"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    project.add_rule("job", "touch {output}")
    return project


@pytest.mark.parametrize(
    ("variables", "arguments", "provided"),
    [
        ({}, (), 3),
        ({"LETS_SLOTS_PER_GPU": "2"}, (), 6),
        ({"LETS_SLOTS_PER_GPU": "2"}, ("--resources", "gpu=2"), 2),
    ],
)
def test_as_many_as_there_are_places(host, variables, arguments, provided, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    told = re.search(r"^Provided resources: gpu=\D*(\d+)\D*$", host.snakemake("job", *arguments).stderr, re.M)
    assert told
    assert int(told[1]) == provided


def test_a_cpu_needs_no_place(project):
    project.add_rule("job", "touch {output}")
    assert "gpu=" not in project.snakemake("job").stderr
