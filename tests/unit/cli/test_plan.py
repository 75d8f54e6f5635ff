"""`lets plan` on a params file small enough to work every number out by hand.

ResNet (small) on 8×8 digits: 19,810 parameters, 97,152 operations an image. 1,437 + 360 images, in batches
of 32: 45 steps an epoch, 90 in all. An epoch of ERM passes 3·1,437 + 1,437 + 360 forwards, one of SAM
6·1,437 + 1,797, one of LETS-SAM 12·1,437 + 1,797.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.golden.factory import Project, epoch_row

from lets.errors import SpecError
from lets.runs import Divergence

Lets = Callable[..., str]
ERM, SAM, LETS = 1_186_808_832, 2_024_453_376, 3_699_742_464
LANDSCAPE = 242_880_000  # 5² points, 100 images
PROBED = 3_923_580_672  # LETS-SAM once more, and 3 probes of 8 passes of 32 images
ERM_BYTES, LETS_BYTES = 89_192, 90_632  # weights, 90 steps of 2 or 4 numbers, 8,192 + 2·160
FILE = "params/golden.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    digits = {"datasets": ["digits"], "architectures": ["resnet-small"]}
    one = {"experiments": ["clean"], "where": {"method": ["lets-sam"]}}
    return Project(
        tmp_path,
        experiments={
            "clean": {**digits, "methods": ["erm", "sam", "lets-sam"]},
            "again": {**digits, "methods": ["erm"]},
        },
        tables={
            "all": {"kind": "pivot", "title": "All", "experiments": ["clean", "again"]},
            "probes": {"title": "Probes", "kind": "hypergradient", "every": 40, **one},
        },
        figures={
            "plane": {"title": "Plane", "kind": "landscape", "points": 5, "samples": 100, **one},
            "same-plane": {"title": "Plane", "kind": "landscape", "points": 5, "samples": 100, **one},
            "curves": {"title": "Curves", "kind": "curves", "metric": "loss", "experiments": ["again"]},
        },
    )


def found(lets: Lets, *words: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(lets("plan", FILE, "--json", *words))
    return content


def test_every_number(project: Project, lets: Lets) -> None:
    content = found(lets)
    runs = {"finished": 0, "diverged": 0, "begun": 0, "analyses": 0, "analysed": 0}
    unknown = {"hours": None, "hours_to_go": None}
    trained = 2 * (ERM + SAM + LETS)
    assert content["tables"]["all"] == {
        **runs,
        **unknown,
        "runs": 6,
        "passes": 2 * (90 + 180 + 360),
        "flops": trained,
        "flops_to_go": trained,
        "bytes": 2 * (2 * ERM_BYTES + LETS_BYTES),
        "bytes_to_go": 2 * (2 * ERM_BYTES + LETS_BYTES),
    }
    probes, plane, curves = (
        content["tables"]["probes"],
        content["figures"]["plane"],
        content["figures"]["curves"],
    )
    assert (probes["runs"], probes["analyses"], probes["flops"]) == (2, 1, 2 * LETS + PROBED)
    assert (plane["runs"], plane["analyses"], plane["flops"]) == (2, 1, 2 * LETS + LANDSCAPE)
    assert (curves["runs"], curves["passes"], curves["flops"], curves["bytes"]) == (
        2,
        180,
        2 * ERM,
        2 * ERM_BYTES,
    )
    # each training once, and the landscape that two figures show
    total = content["all"]
    assert (total["runs"], total["analyses"]) == (6, 2)
    assert total["flops"] == total["flops_to_go"] == trained + PROBED + LANDSCAPE
    assert content["steps"] == 6 * 90
    assert content["shared"] == 2
    assert content["experiments"]["clean"]["axes"]["methods"] == 3
    assert (
        content["state_bytes"] == 2 * 4 * 19_810 + 4 * 8 * 90
    )  # weights and momentum, the trace of lets-sam


def test_what_exists_is_not_to_go(project: Project, lets: Lets) -> None:
    erm, sam, lets_sam = (project.run(method=name, seed=0) for name in ("erm", "sam", "lets-sam"))
    project.finish(erm, 95.0)
    project.write(sam, [], Divergence(step=3, rho=0.05, norms={}))
    project.layout.state(lets_sam.id).parent.mkdir(parents=True)
    project.layout.state(lets_sam.id).touch()
    partial = project.run(method="lets-sam", seed=1)
    project.finish(partial, 95.0)
    project.layout.run_file(partial.id, "metrics.json").unlink()
    project.landscape(lets_sam, curvature=1.0)
    content = found(lets)
    total, table, plane = content["all"], content["tables"]["all"], content["figures"]["plane"]
    assert [total[key] for key in ("runs", "finished", "diverged", "begun")] == [6, 1, 1, 2]
    assert table["flops"] - table["flops_to_go"] == ERM + SAM
    assert total["flops_to_go"] == ERM + SAM + 2 * LETS + PROBED
    assert table["bytes_to_go"] == 2 * ERM_BYTES + 2 * LETS_BYTES
    assert (plane["analysed"], plane["flops_to_go"]) == (1, 2 * LETS)
    assert content["figures"]["curves"]["flops_to_go"] == ERM


def test_hours_at_a_given_speed(project: Project, lets: Lets) -> None:
    project.finish(project.run(method="erm", seed=0), 95.0)
    content = found(lets, "--tflops", "0.001")  # 10⁹ a second
    table = content["tables"]["all"]
    assert table["hours"] == pytest.approx(2 * (ERM + SAM + LETS) / 1e9 / 3600)
    assert table["hours_to_go"] == pytest.approx((ERM + 2 * SAM + 2 * LETS) / 1e9 / 3600)
    assert content["speed"]["unknown"] == []
    text = lets("plan", FILE, "--tflops", "0.001")
    assert text.endswith("speed      1.00 GFLOP per second and GPU, as you say\n")
    assert re.search(r"^curves .* 0\.000659 +0\.00033 ", text, re.M)  # 2 · 1.1868 s and half of it


def test_hours_at_the_speed_of_finished_runs(project: Project, lets: Lets) -> None:
    first, second = project.runs(method="erm")
    project.write(first, [epoch_row(1, 95.0)], seconds=1.0)
    project.write(second, [epoch_row(1, 95.0)], seconds=3.0)
    content = found(lets)
    assert content["speed"]["per_second"] == {"resnet-small": [ERM / 2, ERM / 2]}  # two of them in 4 s
    assert content["figures"]["curves"]["hours"] == pytest.approx(4 / 3600)
    assert content["all"]["hours_to_go"] == pytest.approx(
        (2 * SAM + 2 * LETS + PROBED + LANDSCAPE) / (ERM / 2) / 3600
    )
    last = lets("plan", FILE).splitlines()[-1]
    assert last == ("speed      593 MFLOP to 593 MFLOP per second, in 2 finished runs on cpu (Example CPU)")


def test_no_speed_is_made_up(project: Project, lets: Lets) -> None:
    text = lets("plan", FILE)
    assert re.search(r"^all .* \? +\? ", text, re.M)
    assert "speed      unknown for resnet-small, and so are the hours that read ?\n" in text
    assert text.endswith("say what one GPU sustains:  --tflops X,  or train a run of each first\n")


SCALE = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}


def test_json_has_what_is_printed(project: Project, lets: Lets) -> None:
    first, second = project.runs(method="erm")
    project.finish(first, 95.0)
    begun = [second, *project.runs(method="lets-sam")]
    for run in begun:
        project.layout.state(run.id).parent.mkdir(parents=True)
        project.layout.state(run.id).touch()
    for run in project.runs(method="sam"):
        project.diverge(run)
    text, content = lets("plan", FILE), found(lets)
    rows = {**content["tables"], **content["figures"], "in all": content["all"]}
    cell = r" +([\d.,?]+ ?[kMGTP]?)"
    for name, row in rows.items():
        pattern = rf"^{name}{cell * 4} +(\d+/\d+|–){cell * 5} +([\d.]+ [kMG]?)B$"
        match = re.findall(pattern, text, re.M)[-1]
        analyses = f"{row['analysed']}/{row['analyses']}" if row["analyses"] else "–"
        assert match[4] == analyses
        keys = ["runs", "finished", "diverged", "begun", "passes", "flops", "flops_to_go"]
        keys += ["hours", "hours_to_go", "bytes"]
        for key, printed in zip(keys, match[:4] + match[5:], strict=True):
            number, _, prefix = printed.strip().partition(" ")
            assert float(number.replace(",", "")) * SCALE[prefix] == pytest.approx(row[key], rel=5e-3)


def test_it_fits_a_terminal(project: Project, lets: Lets) -> None:
    lines = lets("plan", FILE, "--tflops", "1").splitlines()
    table = [line for line in lines if line.startswith(("tables", "all ", "probes", "plane", "in all   "))]
    assert len({len(line) for line in table if "runs" not in line or line.startswith("tables")}) == 1
    assert max(map(len, lines)) <= 110


def test_the_file_may_be_named_in_two_ways(project: Project, lets: Lets) -> None:
    assert lets("plan", FILE) == lets("plan", "--params", FILE) == lets("plan", FILE, "--params", FILE)
    with pytest.raises(SpecError, match=r"params/golden\.yaml and --params other\.yaml – two params files"):
        lets("plan", FILE, "--params", "other.yaml")


@pytest.mark.parametrize("value", ["0", "-3", "nan"])
def test_a_speed_is_positive(project: Project, lets: Lets, value: str) -> None:
    with pytest.raises(SpecError, match=f"--tflops {value} – "):
        lets("plan", FILE, "--tflops", value)
