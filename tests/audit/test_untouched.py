"""The audit passes what is whole, says what it looked at, and says it the same way each time."""

import json
import time
from typing import Any

import pytest
from tests.audit.found import verdicts

from lets.audit import audit_text, receipt, write_receipt


def test_it_passes(project: Any) -> None:
    audit = project.audit()
    assert audit.failures == ()
    assert audit.warnings == ()
    assert audit.passed
    assert audit.next == "nothing to do"
    assert {check.name: check.examined for check in audit.checks} == {
        "matrix": 18,  # 12 clean, 4 noisy, and 2 of the 4 radii: the other two are in table1 already
        "bytes": 18 * 5,
        "numbers": 18,
        "data": 2,
        "weights": 0,
        "landscapes": 0,
        "sharpness": 0,
        "hypergradients": 0,
        "cells": 6 + 2 + 2 + 4,
        "origin": 18,
        "image": 0,  # all were made outside of one
    }
    assert {str(verdict): count for verdict, count in audit.verdicts.items()} == {"verified": 14}


def test_the_receipt_has_no_date_and_does_not_change(project: Any) -> None:
    first = receipt(project.audit())
    assert first == receipt(project.audit())
    write_receipt(project.audit(), project.layout)
    assert project.layout.audit.read_text() == first
    content = json.loads(first)
    assert content["passed"] is True
    assert content["cells"][0] == {
        "cell": "table1: ERM × ResNet (small)",
        "verdict": "verified",
        "runs": [project.run("erm", 0), project.run("erm", 1)],
    }


def test_the_text_is_for_people(project: Any) -> None:
    write_receipt(project.audit(), project.layout)
    text = project.layout.audit_text.read_text()
    assert text == audit_text(project.audit())
    assert text.startswith("# Audit of test: PASS\n")
    assert "| bytes          | sha256 of run files " in text
    assert "Printed places: 14 verified.\n" in text
    assert text.endswith("Next: nothing to do\n")


def test_it_is_quick(project: Any) -> None:
    project.audit()
    start = time.perf_counter()
    project.audit()
    assert time.perf_counter() - start < 5


def test_a_diverged_run_is_no_failure_but_its_cell_is_incomplete(project: Any, write_run: Any) -> None:
    run = project.run("erm", 1)
    write_run(project.layout, project.matrix.runs[run], project.data("clean"), diverged=True)
    project.report()
    audit = project.audit()
    assert audit.failures == ()
    found = verdicts(audit)
    assert found["table1: ERM × ResNet (small)"] == "incomplete"
    assert found["table1: SAM × ResNet (small)"] == "verified"


def test_other_code_is_a_warning(project: Any, write_run: Any) -> None:
    run = project.run("erm", 1)
    write_run(project.layout, project.matrix.runs[run], project.data("clean"), code="f" * 64)
    audit = project.audit()
    assert audit.passed
    assert audit.warnings == (
        "1 of 18 runs were made by other code than the present one: make them again with  "
        "rm -r results/test/runs && snakemake --cores all --configfile params/test.yaml",
        audit.warnings[1],
    )
    assert audit.warnings[1].startswith("the runs were made by 2 versions of the code: ")
    assert "## Warnings" in audit_text(audit)


@pytest.mark.parametrize("exact", [True, False])
def test_weights(project: Any, monkeypatch: pytest.MonkeyPatch, exact: bool) -> None:
    """What the weights give must be what metrics.json says: to the bit where the run can be repeated."""
    import lets.audit.weights
    import lets.train.evaluation

    seen: list[str] = []

    def evaluate(spec: Any, layout: Any, device: str) -> tuple[float, float, None]:
        seen.append(spec.id)
        metrics = json.loads(layout.run_file(spec.id, "metrics.json").read_text())
        return metrics["test_loss"] * (1 + 1e-6), metrics["test_accuracy"], None

    monkeypatch.setattr(lets.train.evaluation, "evaluate_weights", evaluate)
    monkeypatch.setattr(lets.audit.weights, "_repeatable", lambda record, spec: exact)
    audit = project.audit(weights=3)
    assert len(seen) == len(set(seen)) == 3
    assert audit.passed is not exact
    if exact:
        assert {finding.run for finding in audit.failures} == set(seen)
        assert "its weights give test loss" in audit.failures[0].reason
    else:
        assert {str(verdict) for verdict in audit.verdicts} == {"verified", "verified-by-weights"}
    first = list(seen)
    project.audit(weights=3)
    assert seen[3:] == first


def test_weights_of_another_run(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import lets.train.evaluation

    monkeypatch.setattr(lets.train.evaluation, "evaluate_weights", lambda *asked: (0.7, 84.0, None))
    audit = project.audit(weights=1)
    (failure,) = audit.failures
    assert failure.reason.startswith("its weights give test loss 0.7 and accuracy 84.0, metrics.json says 0.")
    assert failure.command.startswith(f"rm -r results/test/runs/{failure.run} && snakemake")
    assert failure.cells


def test_weights_that_do_not_fit_the_network(project: Any) -> None:
    """The invented weights are those of no network: evaluated for real, they are refused and named."""
    (failure,) = project.audit(weights=1).failures
    assert failure.reason.startswith("its weights cannot be evaluated: ")
