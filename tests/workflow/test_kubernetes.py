"""profiles/kubernetes against a real S3 server, and a Kubernetes API that starts processes in folders of their own."""

import json
import shutil
import signal
import subprocess
import time

import pytest
from tests.workflow.test_workflow import jobs

from lets.config.paths import Layout
from lets.project import expand, load_params

for package in ("moto", "flask", "snakemake_executor_plugin_kubernetes", "snakemake_storage_plugin_s3"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install 'lets-repro[cluster,dev]'")

from tests.workflow.kubernetes_of_folders import Kubernetes  # noqa: E402
from tests.workflow.object_storage import KEY, SECRET, new_bucket  # noqa: E402

OPTIONS = "--jobs 2 --seconds-between-status-checks 1 --container-image registry.example.org/lets@sha256:1"
SNAKEMAKE = f"snakemake --profile profiles/kubernetes --configfile params/tiny.yaml {OPTIONS}".split()
SNAKEMAKE += ["--default-storage-prefix", "s3://lets"]


@pytest.fixture
def bucket(monkeypatch):
    """An empty bucket, where the plugin finds it by itself."""
    with new_bucket() as bucket:
        monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ENDPOINT_URL", bucket.endpoint)
        monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ACCESS_KEY", KEY)
        monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_SECRET_KEY", SECRET)
        yield bucket


@pytest.fixture
def kubernetes(tmp_path_factory, monkeypatch):
    cluster = Kubernetes(tmp_path_factory.mktemp("kubernetes"))
    monkeypatch.setenv("KUBECONFIG", str(cluster.config))
    yield cluster
    cluster.shut_down()


@pytest.fixture
def clone(project):
    """A project as git gives it: pods get the files that git tracks."""
    project.run("git", "init", "-q")
    project.run("git", "add", "-A")
    return project


def wait_for(condition, workflow):
    deadline = time.monotonic() + 120
    while not (found := condition()):
        assert time.monotonic() < deadline
        assert workflow.poll() is None
        time.sleep(0.05)
    return found


def first_run(project) -> str:
    return next(iter(expand(load_params(project.folder / "params" / "tiny.yaml")).runs))


def test_what_lies_in_the_bucket_is_not_made_again(clone, bucket, built):
    planned = jobs(clone.run(*SNAKEMAKE, "-n").stdout)
    assert (planned["train"], planned["all"]) == (6, 1)
    assert bucket.names == []
    bucket.upload(built.folder, "data", "results", "reports")
    assert "Nothing to be done" in clone.run(*SNAKEMAKE, "-n").stdout
    bucket.all.Object(f"results/tiny/runs/{first_run(clone)}/weights.safetensors").delete()
    assert jobs(clone.run(*SNAKEMAKE, "-n").stdout)["train"] == 1


def test_a_table_made_here_from_the_bucket_is_the_same(clone, bucket, kubernetes, built):
    table = "reports/tiny/tables/ways.csv"
    bucket.upload(built.folder, "data", "results")
    clone.run(*SNAKEMAKE, table)
    assert bucket.read(table) == (built.folder / table).read_bytes()
    assert not kubernetes.jobs
    assert not (clone.folder / "results/tiny/runs").exists()


def test_runs_that_were_made_without_the_bucket_are_safe(finished, bucket):
    before = finished.metrics()
    result = finished.run(*SNAKEMAKE, check=False)
    assert result.returncode == 2
    assert "results/tiny/runs holds runs that were made without this storage" in result.stderr
    assert finished.metrics() == before


@pytest.mark.slow
def test_an_evicted_training_goes_on_in_another_pod(clone, bucket, kubernetes, built):
    params = clone.folder / "params" / "tiny.yaml"
    params.write_text(params.read_text().replace("epochs: 2", "epochs: 20"))
    run, layout = first_run(clone), Layout("tiny")
    weights = str(layout.run_file(run, "weights.safetensors"))
    shutil.copytree(built.folder / "data", clone.folder / "data")
    clone.lets("train", "--run", run)
    undisturbed = (clone.folder / weights).read_bytes()
    bucket.upload(clone.folder, "data")
    clone.run("rm", "-r", "results", "data")

    workflow = subprocess.Popen([*SNAKEMAKE, weights], cwd=clone.folder, env=clone.env, stdout=-3, stderr=-3)
    (evicted,) = wait_for(lambda: list(kubernetes.jobs.values()), workflow)
    claim = kubernetes.folder / "claims" / "lets-work"
    wait_for((claim / layout.state(run).relative_to("work")).exists, workflow)
    evicted.evict()
    assert workflow.wait(timeout=120) == 0
    assert bucket.read(weights) == undisturbed
    assert json.loads(bucket.read(str(layout.run_file(run, "provenance.json"))))["resumed"] == 1
    assert len(kubernetes.jobs) == 2
    assert kubernetes.secrets == {}
    assert evicted.container["image"] == "registry.example.org/lets@sha256:1"
    assert evicted.container["resources"]["limits"]["memory"] == "16000M"
    assert "pip install" in evicted.container["args"][1]
    assert "Successfully installed" not in next((kubernetes.folder / "pods").glob("*.log")).read_text()
    assert SECRET not in json.dumps(evicted.spec)


def test_a_gpu_is_asked_for_and_pods_end_with_the_workflow(clone, bucket, kubernetes, built):
    bucket.upload(built.folder, "data")
    params = clone.folder / "params" / "tiny.yaml"
    params.write_text(params.read_text().replace("device: cpu", "device: cuda"))
    kubernetes.runs_pods = False
    weights = str(Layout("tiny").run_file(first_run(clone), "weights.safetensors"))
    workflow = subprocess.Popen(
        [*SNAKEMAKE, weights],
        cwd=clone.folder,
        env=clone.env,
        stdout=-3,
        stderr=-3,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # a shell's background jobs ignore it
    )
    (job,) = wait_for(lambda: list(kubernetes.jobs.values()), workflow)
    time.sleep(1)  # Snakemake has the answer, too
    workflow.send_signal(signal.SIGINT)
    workflow.wait(timeout=60)
    assert job.container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert kubernetes.removed == kubernetes.jobs.keys()
