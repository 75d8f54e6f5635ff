"""Snakemake end to end on the tiny matrix: what it builds, and that it builds nothing twice."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

from lets.config.paths import Layout
from lets.project import expand, load_params
from lets.runs import RunRecord


def jobs(output: str) -> dict[str, int]:
    """The job counts of a dry run."""
    lines = output.split("Job stats:")[1].split("total")[0].splitlines()[3:] if "Job stats:" in output else []
    return {name: int(count) for name, count in (line.split() for line in lines if line.strip())}


def run_ids(project) -> list[str]:
    return list(expand(load_params(project.folder / "params" / "tiny.yaml")).runs)


def test_everything_is_built(built):
    params = load_params(built.folder / "params" / "tiny.yaml")
    layout = Layout("tiny", built.folder)
    paths = [path for name in params.tables for path in layout.tables(name)]
    paths += [path for name in params.figures for path in layout.figures(name)]
    paths += [layout.page, layout.summary, layout.audit, layout.audit_text]
    paths += [path for run in run_ids(built) for path in layout.run_files(run)]
    assert [path for path in paths if not path.stat().st_size] == []
    assert set(built.metrics()) == set(run_ids(built))


def test_runs_are_trained_in_the_order_of_the_params_file(built):
    """Two at a time, so to a pair."""
    layout, runs = Layout("tiny", built.folder), run_ids(built)
    order = sorted(runs, key=lambda run: RunRecord.at(layout, run).provenance.started)
    assert [{*order[n : n + 2]} for n in (0, 2, 4)] == [{*runs[n : n + 2]} for n in (0, 2, 4)]


def test_a_second_call_has_nothing_to_do_whatever_the_time_stamps(finished):
    for path in (finished.folder / "results").rglob("metrics.json"):
        os.utime(path)
    assert "Nothing to be done" in finished.snakemake("-n").stdout


def test_nor_do_those_of_large_files(project):
    (project.folder / "Snakefile").write_text(
        'rule small:\n    input: "large"\n    output: "small"\n    shell: "cp {input} {output}"\n'
        'rule large:\n    output: "large"\n    shell: "head --bytes 2000000 /dev/zero > {output}"\n'
    )
    project.run("snakemake", "--cores", "1", "small")
    os.utime(project.folder / "large")  # Snakemake by itself compares bytes up to one million
    assert "Nothing to be done" in project.run("snakemake", "-n", "small").stdout


def test_a_deleted_run_is_to_be_made_again_with_what_depends_on_it(finished):
    first, *_ = run_ids(finished)
    assert "/clean/" in first
    shutil.rmtree(Layout("tiny", finished.folder).run(first))
    planned = jobs(finished.snakemake("-n").stdout)
    assert planned["train"] == 1
    assert "labels" not in planned
    assert planned["table"] == 1


def test_records_that_snakemake_knows_nothing_of_are_not_made_again(finished):
    """As they come from git or a colleague, to older data or to none: it would delete them first."""
    shutil.rmtree(finished.folder / ".snakemake")
    for path in (finished.folder / "data").rglob("*"):
        os.utime(path)
    assert "train" not in jobs(finished.snakemake("-n").stdout)
    shutil.rmtree(finished.folder / "data")
    shutil.rmtree(finished.folder / "reports")  # the audit needs data
    planned = jobs(finished.snakemake("-n").stdout)
    assert "arrays" in planned
    assert "train" not in planned
    first, *_ = run_ids(finished)
    shutil.rmtree(Layout("tiny", finished.folder).run(first))
    assert jobs(finished.snakemake("-n").stdout)["train"] == 1


def test_a_new_title_renders_one_table_and_trains_nothing(finished):
    params = finished.folder / "params" / "tiny.yaml"
    params.write_text(
        params.read_text().replace("title: Test accuracy\n", "title: Accuracy on the test set\n")
    )
    planned = jobs(finished.snakemake("-n").stdout)
    assert planned == {"table": 1, "claims": 1, "summary": 1, "audit": 1, "all": 1}


def test_kill_nine_in_the_middle_and_again_gives_the_same_bytes(built, project):
    run = run_ids(project)[0]
    weights = str(Layout("tiny").run_file(run, "weights.safetensors"))
    command = ["snakemake", "--cores", "2", weights, "--configfile", "params/tiny.yaml"]
    process = subprocess.Popen(
        command, cwd=project.folder, env=project.env, start_new_session=True, stdout=-3, stderr=-3
    )
    deadline = time.monotonic() + 120
    while not list((project.folder / "work").rglob("state.pt")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert project.metrics() == {}
    project.snakemake(weights)
    assert project.metrics() == {run: built.metrics()[run]}
    assert (project.folder / weights).read_bytes() == (built.folder / weights).read_bytes()


def test_a_diverged_run_does_not_hold_up_the_rest_and_is_named_in_its_table(project):
    params = project.folder / "params" / "tiny.yaml"
    params.write_text(
        params.read_text().replace("lr: 0.1", "lr: 1.0e+12").replace("seeds: [0, 1]", "seeds: [0]")
    )
    output = project.snakemake("reports/tiny/tables/accuracy.md")
    assert "diverged" in output.stdout
    assert "diverged" in (project.folder / "reports/tiny/tables/accuracy.md").read_text()
    (metrics,) = {json.loads(content)["status"] for content in project.metrics().values()}
    assert metrics == "diverged"


def test_a_typo_is_refused_with_its_line(project):
    params = project.folder / "params" / "tiny.yaml"
    text = params.read_text()
    assert "epochs: 2" in text
    params.write_text(text.replace("epochs: 2", "epoch: 2", 1))
    result = project.snakemake("--quiet", "all", check=False)
    assert result.returncode == 2
    assert "params/tiny.yaml:7" in result.stderr
    assert "write  epochs: 2" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (project.folder / "results").exists()


def test_the_whole_paper_is_listed(project):
    result = project.run("snakemake", "-n", "--quiet", "rules", "--configfile", "params/paper.yaml")
    assert jobs(result.stdout)["train"] == 780


def test_what_wants_a_gpu_refuses_to_start_without(project):
    from lets.config.gpus import gpu_here

    if gpu_here():
        pytest.skip("this machine has a GPU, so it would start")
    params = project.folder / "params" / "tiny.yaml"
    params.write_text(params.read_text().replace("device: cpu", "device: cuda"))
    result = project.snakemake(check=False)
    assert result.returncode != 0
    assert "wants a GPU" in result.stderr
    assert "make demo" in result.stderr
    assert not (project.folder / "data").exists()


def test_what_texts_need_is_asked_for_before_the_first_job(project, monkeypatch):
    monkeypatch.setenv("LETS_DATA", str(project.folder / "none"))
    (project.folder / "params" / "texts.yaml").write_text(
        "profile: texts\nseeds: [0]\n"
        "training: {epochs: 1, batch_size: 8, optimizer: {name: adam, lr: 1.0e-5}, schedule: {name: cosine}}\n"
        "experiments: {one: {datasets: [mrpc], architectures: [deberta-base], methods: [erm]}}\n"
    )
    hide = project.folder / "src" / "sitecustomize.py"
    hide.write_text("import sys\nsys.modules['sacrebleu'] = None\n")
    command = ["snakemake", "--cores", "1", "--configfile", "params/texts.yaml"]
    assert jobs(project.run(*command, "-n").stdout)["train"] == 1
    without_package = project.run(*command, check=False)
    hide.unlink()
    without_weights = project.run(*command, check=False)
    assert 0 not in (without_package.returncode, without_weights.returncode)
    assert "pip install 'lets-repro[language]'" in without_package.stderr
    assert "run  lets data weights microsoft/deberta-base --download" in without_weights.stderr
    assert not (project.folder / "data").exists()


def test_containers_without_an_image_are_refused_at_once(project):
    result = project.snakemake("--use-singularity", check=False)
    assert result.returncode == 2
    assert "no image containers/lets.sif – build it with  make image,  or" in result.stderr
    assert not (project.folder / "data").exists()


def test_values_beside_the_params_file_are_refused(project):
    result = project.snakemake("--config", "seeds=[5]", check=False)
    assert result.returncode == 2
    assert "leave no trace" in result.stderr


def test_a_second_workflow_in_the_same_folder_is_refused_while_the_first_is_alive(project):
    project.add_rule("told", "until test -e go; do sleep 0.1; done; touch {output}")
    command = ["snakemake", "--cores", "1", "told", "--configfile", "params/tiny.yaml"]
    first = subprocess.Popen(command, cwd=project.folder, env=project.env, stdout=-3, stderr=-3)
    while not list((project.folder / ".snakemake" / "locks").glob("*")):
        assert first.poll() is None
        time.sleep(0.05)
    second = project.snakemake("told", "--quiet", "all", check=False)
    (project.folder / "go").touch()
    assert second.returncode == 1
    (line,) = [line for line in second.stderr.splitlines() if line.startswith("error: ")]
    assert line.endswith(f"or end it:  kill {first.pid}")
    assert "--unlock" not in second.stderr
    assert first.wait(timeout=300) == 0


TIMERS = """
import atexit, sys, threading
started = []
class Timer(threading.Timer):
    def start(self):
        started.append(self)
        super().start()
threading.Timer = Timer
atexit.register(lambda: print(len(started), "timers"))
from snakemake.cli import main
main(sys.argv[1:])
"""


def test_snakemake_does_not_look_for_work_again_and_again(project):
    """It would a second after every job it has started, and again after that: after n jobs, n times a second."""
    project.add_rule("job", "touch {output}")
    done = project.run(
        sys.executable, "-c", TIMERS, "--cores", "1", "job", "--configfile", "params/tiny.yaml"
    )
    assert (project.folder / "job").is_file()
    assert "0 timers" in done.stdout.splitlines()


def test_the_params_file_is_one_word_of_every_command_whatever_its_name(project):
    name = "params/it's tiny; touch hacked $(touch hacked) `touch hacked`.yaml"
    (project.folder / "params" / "tiny.yaml").rename(project.folder / name)
    told = project.run("snakemake", "--cores", "1", "-n", "-p", "--configfile", name).stdout
    lines = [line.removeprefix("Shell command: ") for line in told.splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("lets ")]
    named = [words[words.index("--params") + 1] for words in commands if "--params" in words]
    assert {words[1] for words in commands} >= {"data", "train", "analyse", "report", "audit"}
    assert set(named) == {name}
    assert len(named) > 15


def test_what_a_shell_would_run_is_the_name_of_no_file_that_can_be_made(project):
    target = "data/processed/$(touch hacked)/arrays.safetensors"
    refused = project.snakemake("-n", target, check=False)
    assert refused.returncode != 0
    assert "MissingRuleException" in refused.stderr + refused.stdout
