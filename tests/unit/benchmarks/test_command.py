"""`lets bench`: every benchmark that needs no GPU runs, small and short; what it leaves is complete."""

import json
from pathlib import Path
from pkgutil import resolve_name

import pytest
from benchmarks import catalogue, command
from benchmarks.catalogue import BENCHMARKS, Benchmark
from benchmarks.result import Findings
from typer.testing import CliRunner

from lets.cli.main import app
from lets.errors import SpecError

ROOT = Path(__file__).parents[3]
COMMANDS = {"records", "demo", "resume", "compiled"}
"""benchmarks that start Snakemake, DVC, trainings or a compiler: a round of them is enough to see that they work"""
LEFT_OUT = {"gpu-check", "tests", "packed", "matrix", "step-resnet8", "peers-resnet8"}
"""tested elsewhere: gpu-check, packed, the matrix in tests/workflow; or as the same on the tiny network is"""
HERE = [
    pytest.param(name, marks=pytest.mark.slow if name in COMMANDS else ())
    for name in BENCHMARKS
    if name not in LEFT_OUT
]


def bench(*words):
    return CliRunner().invoke(app, ["bench", *words], catch_exceptions=True)


@pytest.mark.parametrize("name", HERE)
def test_it_runs_and_leaves_a_whole_result(name, checkout, tmp_path):
    if name == "peers" and not Path("work/peers/pytorch_optimizer").is_dir():
        pytest.skip("pytorch_optimizer is installed by `make peers`")
    out = tmp_path / "result.json"
    rounds = 1 if name in COMMANDS else 2
    done = bench(name, "--rounds", str(rounds), "--quick", "--out", str(out))
    assert done.exit_code in (0, 1), done.exception  # two rounds on a busy machine may well not be valid
    result = json.loads(out.read_text())
    assert (result["name"], result["question"]) == (name, BENCHMARKS[name].question)
    assert (result["rounds"], result["quick"]) == (rounds, True)
    assert (result["valid"], done.exit_code) == (not result["doubts"], 0 if not result["doubts"] else 1)
    assert result["machine"].keys() >= {"cpu", "threads", "torch", "cores", "device"}
    assert not {"{", "\n"} & set(result["how"])
    names = [row["variant"] for row in result["variants"]]
    assert len(names) == len(set(names)) >= 1
    timed = [row for row in result["variants"] if "ratio" in row]
    assert all(row["seconds"] > 0 and row["low"] <= row["ratio"] <= row["high"] for row in timed)
    assert bool(result["controls"]) is (
        name not in ("agreement", "compiled", "resume", "demo")
    )  # the demo's are its further rounds
    assert f"written: {out}" in done.stdout


def made_up(monkeypatch, *controls):
    """A benchmark that finds what we say."""
    findings = Findings("how", [{"variant": "a", "seconds": 1.0}], controls)
    monkeypatch.setattr(Benchmark, "measure", lambda self, given: findings)


def test_exit_code_1_if_a_variant_is_not_like_itself(monkeypatch, checkout, tmp_path):
    control = {"variant": "a (again)", "seconds": 1.0, "ratio": 1.03, "low": 1.0, "high": 1.1}
    made_up(monkeypatch, control)
    out = tmp_path / "result.json"
    done = bench("lets", "--out", str(out))
    assert done.exit_code == 1
    assert "not valid: a (again) against itself: 1.03" in done.stdout
    assert json.loads(out.read_text())["valid"] is False
    made_up(monkeypatch, control | {"ratio": 1.01})
    assert bench("lets", "--out", str(out)).exit_code == 0
    assert json.loads(out.read_text())["valid"] is True


def test_what_is_quick_stays_out_of_the_results(monkeypatch, checkout):
    written = []
    made_up(monkeypatch)
    monkeypatch.setattr(command, "write_result", lambda path, *_: written.append(path.as_posix()))
    bench("lets", "--quick")
    bench("lets")
    assert written == ["work/benchmarks/lets-cpu.json", "benchmarks/results/lets-cpu.json"]


def test_all_makes_those_of_the_device():
    assert {row.name for row in catalogue.chosen("all", "cpu")} >= {"step-tiny", "peers", "demo", "records"}
    assert [row.name for row in catalogue.chosen("all", "cuda")] == ["gpu-check"]


def test_an_unknown_name_gets_near_ones(checkout):
    done = bench("step-tinny")
    assert isinstance(done.exception, SpecError)
    assert "did you mean step-tiny?" in str(done.exception)


def test_one_file_for_all_is_refused(monkeypatch, checkout, tmp_path):
    made_up(monkeypatch)
    assert "leave it out" in str(bench("all", "--out", str(tmp_path / "a.json")).exception)


@pytest.mark.parametrize("words", [(), ("--help",)])
def test_names_and_questions_are_listed(words, checkout):
    done = bench(*words)
    assert done.exit_code == 0
    assert all(f"{row.name} " in done.stdout and row.question in done.stdout for row in BENCHMARKS.values())


def test_outside_a_checkout_it_says_where_to_go(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    done = bench("lets")
    assert isinstance(done.exception, SpecError)
    assert f"{tmp_path} holds no benchmarks/" in str(done.exception)
    assert "root of a checkout" in bench("--help").stdout


def test_every_row_names_a_function():
    assert all(callable(resolve_name(f"benchmarks.{row.function}")) for row in BENCHMARKS.values())
