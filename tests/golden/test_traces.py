"""No change moves a number unnoticed: the loss of twenty steps of every method, kept at full precision."""

import json

import pytest
from tests.golden.traces import FILE, STEPS, environment, trace

import lets

KEPT = json.loads(FILE.read_text())


def test_every_method_has_a_trace():
    assert list(KEPT["traces"]) == list(lets.methods())
    assert {len(values) for values in KEPT["traces"].values()} == {STEPS + 1}


@pytest.mark.parametrize("name", lets.methods())
def test_losses_are_what_they_were(name):
    found, kept = trace(name), KEPT["traces"][name]
    if environment() == KEPT["environment"]:
        assert found == kept
    else:  # another processor or torch sums in another order
        assert found == pytest.approx(kept, rel=1e-6)


def test_methods_differ():
    traces = {tuple(values) for values in KEPT["traces"].values()}
    assert len(traces) == len(KEPT["traces"])
