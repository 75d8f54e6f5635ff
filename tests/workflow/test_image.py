"""Jobs in the real image, where there is one."""

import json
import shutil

import pytest
from tests.workflow.conftest import put_image

from lets.config.paths import Layout
from lets.files import image_digest
from lets.runs import RunRecord


@pytest.fixture
def with_image(real_image, finished):  # in this order: nothing is built in vain
    """The project, built outside of containers, and the image."""
    put_image(finished, real_image)
    return finished


def test_inside_and_outside_live_together(with_image):
    project, layout = with_image, Layout("tiny", with_image.folder)
    assert "Nothing to be done" in project.snakemake("-n", "--use-singularity").stdout
    before, first = project.metrics(), sorted(project.metrics())[0]
    shutil.rmtree(layout.run(first))
    project.snakemake("--use-singularity")
    assert project.metrics() == before
    images = {run: RunRecord.at(layout, run).provenance.image for run in before}
    assert images == {run: image_digest(layout.image) if run == first else None for run in before}
    for flags in ([], ["--use-singularity"]):
        assert "Nothing to be done" in project.snakemake("-n", *flags).stdout
    assert f"1 in image {images[first][:8]}" in layout.page.read_text()
    audit = json.loads(layout.audit.read_text())
    assert audit["passed"]
    checks = [check for layer in audit["layers"] for check in layer["checks"]]
    assert [check["examined"] for check in checks if check["name"] == "image"] == [1]


def test_only_what_is_named_gets_in(with_image, monkeypatch):
    root = with_image.folder / "elsewhere"
    root.mkdir()
    (with_image.folder / "Snakefile").write_text(
        'include: "workflow/rules/common.smk"\ncontainer: str(layout.image)\n'
        'rule all:\n    output: "env"\n    shell: "env > {output}; ls -d $LETS_DATA; lets list methods > /dev/null"\n'
    )
    for name, value in {"LETS_DATA": str(root), "CUDA_VISIBLE_DEVICES": "3", "SECRET": "x"}.items():
        monkeypatch.setenv(name, value)
    with_image.snakemake("--use-singularity")
    env = dict(
        line.split("=", 1) for line in (with_image.folder / "env").read_text().splitlines() if "=" in line
    )
    assert (env["LETS_DATA"], env["CUDA_VISIBLE_DEVICES"]) == (str(root), "3")
    assert (env["PYTHONPATH"], env["PATH"].split(":")[0]) == ("src", "/opt/lets/bin")
    assert not {"SECRET", "OMP_NUM_THREADS", "VIRTUAL_ENV"} & set(env)
