"""docs/speed.md is what the committed results generate; the targets are those that were set."""

import sys

import pytest
from tests.docs.pages import ROOT

sys.path.insert(0, str(ROOT))  # benchmarks/ is not installed

from benchmarks.catalogue import BENCHMARKS
from benchmarks.page import page
from benchmarks.picture import draw
from benchmarks.result import read_results
from benchmarks.targets import Target, read_targets
from benchmarks.text import duration, table

RESULTS = read_results(ROOT / "benchmarks/results")
# set before anything was measured: most or least, in the order of the page
TARGETS = [
    *(
        "≤ 1.05",
        "≤ 1.02",
        "≤ 0.87",
        "≤ 0.8",
        "≤ 0.57",
        "≤ 1",
        "≤ 1",
        "≤ 2.03",
        "≤ 1.53",
        "≤ 1.06",
        "≤ 0.2 s",
        "≤ 3 s",
    ),
    *("≥ 0.9", "≤ 1 s", "≤ 15 s", "≥ 0.36", "≥ 4"),
]


def result(ratio, valid=True, quick=False, more=()):
    row = {"variant": "a", "seconds": ratio, "against": "b", "ratio": ratio, "low": ratio, "high": ratio}
    return {
        "name": "lets",
        "question": "How long?",
        "how": "As it is.",
        "valid": valid,
        "doubts": [] if valid else ["b (again) against itself: 1.1"],
        "quick": quick,
        "rounds": 7,
        "date": "2026-01-02",
        "machine": {"device": "cpu", "cpu": "Some CPU", "cores": 2, "threads": 1, "torch": "2.14.1"},
        "variants": [row, *({**row, "variant": name, "ratio": value} for name, value in more)],
        "controls": [{**row, "variant": "b (again)", "ratio": 1.004}],
    }


def test_the_page_is_what_the_results_generate():
    assert (ROOT / "docs/speed.md").read_text() == page(RESULTS, bool(draw(RESULTS))), (
        "run  lets bench --page"
    )


def test_the_picture_is_what_the_results_generate():
    picture = ROOT / "docs/speed.svg"
    assert (picture.read_text() if picture.exists() else "") == draw(RESULTS), "run  lets bench --page"


def test_what_was_made_to_try_is_not_committed():
    assert not any(found["quick"] for found in RESULTS.values())
    assert {found["name"] for found in RESULTS.values()} <= set(BENCHMARKS)


def test_targets_are_those_that_were_set():
    assert [target.wanted() for target in read_targets()] == TARGETS


def test_every_target_is_measured_by_a_benchmark():
    for target in read_targets():
        places = {f"{name}-{device}" for name in BENCHMARKS for device in ("cpu", "nvidia-h200")}
        assert target.result in places


def test_targets_find_their_rows():
    for target in read_targets():
        if target.result in RESULTS:
            assert target.measured(RESULTS) is not None, target.what


def target(**given):
    return Target(
        **{"what": "it", "result": "lets-cpu", "variants": ["a"], "number": "ratio", "why": "", **given}
    )


@pytest.mark.parametrize(
    ("bounds", "found", "verdict"),
    [
        ({"most": 1.5}, result(1.5), "met"),
        ({"most": 1.5}, result(1.5001), "missed"),
        ({"least": 1.5}, result(1.5), "met"),
        ({"least": 1.5}, result(1.4999), "missed"),
        ({"most": 1.5}, result(1.0, valid=False), "not valid"),
        ({"most": 1.5}, result(1.0, quick=True), "not valid"),
        ({"most": 1.5, "variants": ["another"]}, result(1.0), "not measured"),
        ({"most": 1.5, "variants": None}, result(1.0, more=[("c", 1.6)]), "missed"),
        ({"least": 1.5, "variants": None}, result(1.6, more=[("c", 1.4)]), "missed"),
        ({"most": 1.5, "variants": ["a"]}, result(1.0, more=[("c", 1.6)]), "met"),
    ],
)
def test_verdicts(bounds, found, verdict):
    assert target(**bounds).verdict({"lets-cpu": found}) == verdict


def test_what_was_not_measured_is_said_to_be():
    assert page({}, False).count("| not measured |") == len(TARGETS)


def test_a_miss_is_explained_and_an_invalid_result_says_so():
    text = page({"lets-cpu": result(2.5, more=[("lets-sam, literal", 2.5)])}, False)
    assert "| ≤ 2.03 | 2.500 | missed | `lets-cpu` |" in text
    assert "- **LETS-SAM over SAM, ResNet-8, batch 128, to the letter** (2.500, wanted ≤ 2.03): " in text
    assert "| `lets-cpu` | yes (A/A 0.4 %) | 7 | 2026-01-02 | Some CPU, 2 cores | 1 | 2.14.1 |" in text
    text = page({"lets-cpu": result(2.5, valid=False)}, False)
    assert "**Not valid:** b (again) against itself: 1.1." in text


def test_the_picture_shows_every_method_and_the_peers():
    mine = result(1.04, more=[("gsam, perturbed", 1.03)])
    peers = result(1.2)
    peers["variants"][0] |= {"variant": "davda54/sam", "against": "its passes"}
    svg = draw({"step-tiny-cpu": mine, "peers-cpu": peers})
    assert all(name in svg for name in ("gsam, perturbed", "davda54/sam", "target: 5 %"))
    assert draw({"peers-cpu": peers}) == ""


def test_a_table_has_a_column_for_every_key():
    rows = [{"variant": "a", "seconds": 0.00123}, {"variant": "b", "of_all": 0.5, "agrees": True}]
    assert table(rows).splitlines()[2:] == ["| a | 1.23 ms |  |  |", "| b |  | 0.5 | yes |"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.34, "12.3 s"), (1.0, "1.00 s"), (0.0123, "12.3 ms"), (4.5e-5, "45.0 µs"), (123.4, "123 s")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
