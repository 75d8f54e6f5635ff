"""`lets audit`: what it prints, what it writes, how it ends."""

import json
import re
from typing import Any

from typer.testing import CliRunner

from lets.audit.layers import BytesAuditError
from lets.cli.main import app

ARGUMENTS = ["audit", "--params", "params/test.yaml", "--weights", "0"]


def test_pass(project: Any) -> None:
    done = CliRunner().invoke(app, ARGUMENTS)
    assert done.exit_code == 0
    assert done.stdout == project.layout.audit_text.read_text()
    assert done.stdout.startswith("# Audit of test: PASS")


def test_fail(project: Any) -> None:
    path = project.path(project.run("sam"), "weights.safetensors")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    done = CliRunner().invoke(app, ARGUMENTS)
    assert isinstance(done.exception, BytesAuditError)  # 10, as `main` ends with it
    assert "FAIL" in done.stdout
    assert json.loads(project.layout.audit.read_text())["passed"] is False


def test_json(project: Any) -> None:
    done = CliRunner().invoke(app, [*ARGUMENTS, "--json"])
    assert done.stdout == project.layout.audit.read_text()
    content = json.loads(done.stdout)
    assert content["next"] == "nothing to do"
    assert content["verdicts"] == {"executed but unverified": 14}


def test_status_counts_a_diverged_run_among_those_asked_for(project: Any, write_run: Any) -> None:
    run = project.run("sam", 1)
    write_run(project.layout, project.matrix.runs[run], project.data("clean"), diverged=True)
    done = CliRunner().invoke(app, ["status", "--params", "params/test.yaml"])
    assert re.search(r"^  SAM +1/2 !1 +2/2$", done.stdout, re.M)
    assert done.stdout.endswith("test: 18/18 runs, 1 diverged\n")


def test_status_and_why_and_plan(project: Any) -> None:
    import shutil

    run = project.run("sam", 1)
    shutil.rmtree(project.layout.run(run))
    state = project.layout.state(run)
    state.parent.mkdir(parents=True)
    state.touch()

    def lets(*words: str) -> str:
        done = CliRunner().invoke(app, [*words, "--params", "params/test.yaml"], catch_exceptions=False)
        assert done.exit_code == 0
        return done.stdout

    status = lets("status")
    assert re.search(r"^  SAM +1/2 \+1 +2/2$", status, re.M)
    # Stubs say that they ended long ago, which tells no pace.
    assert status.splitlines()[-1] == "test: 17/18 runs, 1 begun"
    assert f"begun       {run}\n" in lets("status", "--runs")
    why = lets("why", run[:-2])
    assert "missing: will be trained: it goes on where it was interrupted" in why
    assert "asked by     clean, radius\n" in why
    assert "needed by    table1, figure1, figure2\n" in why
    assert "finished: will not be trained again" in lets("why", f"results/test/runs/{project.run('erm')}/")
    plan = lets("plan")
    assert "clean      12 runs = 2 architectures × 3 methods × 2 seeds\n" in plan
    assert "in all     18 runs, 2 shared by experiments\n" in plan
    # two epochs of 12 steps: 4 ERM runs of 1 pass a step, 4+2+2 SAM runs of 2, 4+2 LETS-SAM runs of 4
    assert "to train   18 runs, 432 steps\n           about 1,056 forward-backward passes\n" in plan


def test_a_run_to_train_again_needs_deep(project: Any) -> None:
    done = CliRunner().invoke(app, [*ARGUMENTS, "--run", "digits"])
    assert str(done.exception) == (
        "--run digits – names a run to train again – write  lets audit --params params/test.yaml --deep --run digits"
    )
