"""gpu-check: what disagrees, fails or does not end is said and gives exit code 1, whatever else agrees."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from benchmarks import agreement, gpu_check
from benchmarks.catalogue import PARTS
from benchmarks.gpu_check import ended, verdict
from benchmarks.result import read_results
from tests.unit.benchmarks.test_command import bench

FINE = {"variants": [{"variant": "a"}], "wrong": [], "doubts": [], "controls": []}
TIMED = FINE | {"controls": [{"ratio": 1.1}], "doubts": ["a against itself: 1.1"]}
WRONG = FINE | {"wrong": ["a differs"], "doubts": ["a differs"]}


@pytest.mark.parametrize(
    ("code", "result", "expected"),
    [
        (0, FINE, "agrees"),
        (1, TIMED, "agrees"),  # shaky times are no disagreement
        (1, WRONG, "differs"),
        (2, None, "failed"),
        (-11, FINE, "failed"),
        (0, None, "failed"),
        (None, TIMED, "cut short"),
        (None, FINE, "unfinished"),
        (None, None, "unfinished"),
        (None, TIMED | {"wrong": ["a differs"]}, "differs"),
    ],
)
def test_verdicts(code, result, expected):
    assert verdict(code, result) == expected


def planted(monkeypatch, **outcomes):
    """Every part ends well, but for those in `outcomes`: their exit code and result."""

    def made_up(words, limit, folder):
        name, out = words[4], words[words.index("--out") + 1]
        code, result = outcomes.get(name, (0, FINE))
        if result:
            Path(out).write_text(json.dumps({"name": name, "question": "?", **result}))
        return code, "error: the last line"

    monkeypatch.setattr(gpu_check, "ended", made_up)


def test_all_agree(monkeypatch, checkout, tmp_path):
    planted(monkeypatch, throughput=(None, TIMED))
    out = tmp_path / "gpu-check-some-card.json"
    done = bench("gpu-check", "--out", str(out))
    assert done.exit_code == 0, done.stdout
    result = json.loads(out.read_text())
    assert (
        [row["variant"] for row in result["variants"]] == [part.name for part in PARTS] == [*result["parts"]]
    )
    assert result["machine"]["cores"] > 0
    assert read_results(tmp_path)["throughput-some-card"]["controls"] == TIMED["controls"]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ((1, WRONG), "agreement differs: a differs"),
        ((2, None), "agreement failed: error: the last line"),
        ((None, FINE), "agreement unfinished"),
    ],
)
def test_one_that_does_not_gives_exit_code_1_and_the_others_are_made(
    outcome,
    said,
    monkeypatch,
    checkout,
    tmp_path,
):
    planted(monkeypatch, agreement=outcome)
    done = bench("gpu-check", "--out", str(tmp_path / "result.json"))
    assert done.exit_code == 1
    assert f"not valid: {said}" in done.stdout
    found = {
        row["variant"]: row["verdict"]
        for row in json.loads((tmp_path / "result.json").read_text())["variants"]
    }
    assert found.pop("agreement") != "agrees"
    assert set(found.values()) == {"agrees"}


def test_what_was_found_before_an_interruption_stays(monkeypatch, checkout, tmp_path):
    planted(monkeypatch)
    real, out = gpu_check.made, tmp_path / "result.json"

    def interrupted(name, *rest):
        if name == "resume":
            raise KeyboardInterrupt
        return real(name, *rest)

    monkeypatch.setattr(gpu_check, "made", interrupted)
    bench("gpu-check", "--out", str(out))
    assert [row["variant"] for row in json.loads(out.read_text())["variants"]] == ["tests", "agreement"]


def test_a_part_is_ended_with_all_that_it_started(tmp_path):
    pid = tmp_path / "pid"
    child = (
        "import subprocess, sys; p = subprocess.Popen(['sleep', '600']); print(p.pid, flush=True); p.wait()"
    )
    assert ended([sys.executable, "-c", child], 3, tmp_path)[0] is None
    pid = (tmp_path / "log").read_text().strip()
    assert subprocess.run(["ps", "-o", "stat=", pid], capture_output=True, text=True).stdout.strip() in (
        "",
        "Z",
    )
    assert ended([sys.executable, "-c", "print('one\\n\\ntwo\\n'); raise SystemExit(7)"], 60, tmp_path) == (
        7,
        "two",
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            lambda call, numbers, kinds: (numbers + (call == 1) * 1e-6, kinds),
            "float64 ",
        ),  # the GPU in float64
        (lambda call, numbers, kinds: (numbers * (1 + (call >= 3) * 0.01), kinds), "float32 "),  # in float32
        (
            lambda call, numbers, kinds: (numbers + (call == 4) * 1e-12, kinds),
            "again False",
        ),  # its second time
        (
            lambda call, numbers, kinds: (numbers, [*kinds, call == 1]),
            "float64 inf",
        ),  # another step perturbed
        (lambda call, numbers, kinds: (numbers * (torch.nan if call == 3 else 1), kinds), "float32 nan"),
    ],
)
def test_a_planted_disagreement_is_found(changed, said, monkeypatch, checkout, tmp_path):
    calls = []

    def trajectory(name, device, steps, dtype=torch.float32, mode="eager"):
        calls.append(name)
        return changed((len(calls) - 1) % 5, torch.linspace(0, 1, 5, dtype=torch.float64), [True])

    monkeypatch.setattr(agreement, "trajectory", trajectory)
    done = bench("agreement", "--quick", "--out", str(tmp_path / "result.json"))
    assert done.exit_code == 1
    assert said in json.loads((tmp_path / "result.json").read_text())["wrong"][0]
    monkeypatch.setattr(agreement, "trajectory", lambda *_, **__: (torch.ones(3), [True]))
    assert bench("agreement", "--quick", "--out", str(tmp_path / "result.json")).exit_code == 0
