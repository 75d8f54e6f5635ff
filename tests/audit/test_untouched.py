"""The audit passes what is whole, says what it looked at, and says it the same way each time."""

import json
import re
from hashlib import sha256
from typing import Any

import pytest
from tests.audit.found import reasons, verdicts

from lets.audit.findings import Check
from lets.audit.receipt import audit_text, receipt, write_receipt
from lets.config.paths import RUN_FILES


def test_it_passes(project: Any) -> None:
    audit = project.audit()
    assert audit.failures == ()
    assert audit.warnings == ()
    assert audit.passed
    assert audit.next == "nothing to do"
    assert {check.name: check.examined for check in audit.checks} == {
        "bytes": 18 * 5,
        "data": 2,
        "endings": 18 * 4 + 2 * 3 + 2 * 2 + 4 + 2,
        "matrix": 18,  # 12 clean, 4 noisy, and 2 of the 4 radii: the other two are in table1 already
        "numbers": 18,
        "losses": 18,
        "schedule": 18,
        "passes": 18,
        "radius": 18,
        "seeds": 18,
        "copies": 18,
        "comparability": 18,
        "cells": 6 + 2 + 2 + 4,
        "weights": 0,
        "initial losses": 0,
        "landscapes": 0,
        "sharpness": 0,
        "hypergradients": 0,
        "origin": 18,
        "packages": 18,
        "machines": 18,
        "image": 0,  # all were made outside of one
    }
    assert {str(verdict): count for verdict, count in audit.verdicts.items()} == {
        "executed but unverified": 14
    }


def test_the_receipt_has_no_date_and_does_not_change(project: Any) -> None:
    first = receipt(project.audit())
    assert first == receipt(project.audit())
    write_receipt(project.audit(), project.layout)
    assert project.layout.audit.read_text() == first
    content = json.loads(first)
    assert content["passed"] is True
    assert content["cells"][0] == {
        "cell": "table1: ERM × ResNet (small)",
        "verdict": "executed but unverified",
        "runs": [project.run("erm", 0), project.run("erm", 1)],
    }


def test_the_text_is_for_people(project: Any) -> None:
    write_receipt(project.audit(), project.layout)
    text = project.layout.audit_text.read_text()
    assert text == audit_text(project.audit())
    assert text.startswith("# Audit of test: PASS\n")
    assert re.search(r"^\| bytes +\| bytes +\| sha256 of run files +\| +90 \| +0 \|$", text, re.M)
    assert "Printed places: 14 executed but unverified. Tables, figures and documents:\n" in text
    items = "table1, table4, figure1, figure2, claims.md, claims.csv, summary.json, runs.csv"
    assert f"\n- executed but unverified: {items}\n" in text
    assert text.endswith("Next: nothing to do\n")


def test_a_diverged_run_is_no_failure(project: Any, write_run: Any) -> None:
    run = project.run("erm", 1)
    write_run(project.layout, project.matrix.runs[run], project.data("clean"), diverged=True)
    project.report()
    audit = project.audit()
    assert audit.failures == ()
    found = verdicts(audit)
    assert set(found.values()) == {"executed but unverified"}  # what diverged cannot be computed again


def test_other_code_is_a_warning(project: Any, write_run: Any) -> None:
    run = project.run("erm", 1)
    write_run(project.layout, project.matrix.runs[run], project.data("clean"), code="f" * 64)
    project.report()
    audit = project.audit()
    assert audit.passed
    (warning,) = audit.warnings
    assert warning.startswith("1 of 18 runs were made by code that may compute other numbers")
    assert warning.endswith(f"lets audit --params params/test.yaml --deep --run {run}")
    assert "rm" not in warning.split()
    assert "## Warnings" in audit_text(audit)


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let invented weights give what metrics.json says, but for rounding; returns the runs asked for."""
    seen: list[str] = []

    def evaluated(spec: Any, layout: Any, device: str) -> dict[str, float]:
        seen.append(spec.id)
        metrics = json.loads(layout.run_file(spec.id, "metrics.json").read_text())
        names = ("test_accuracy", "train_loss", "train_accuracy")
        return {"test_loss": metrics["test_loss"] * (1 + 1e-6), **{name: metrics[name] for name in names}}

    monkeypatch.setattr("lets.audit.retraining.evaluated", evaluated)
    monkeypatch.setattr(
        "lets.audit.layers.check_initial_losses", lambda context: Check("initial losses", "", 0)
    )
    return seen


@pytest.mark.parametrize("exact", [True, False])
def test_weights(project: Any, again: list[str], monkeypatch: pytest.MonkeyPatch, exact: bool) -> None:
    """What the weights give must be what metrics.json says: to the bit where the run can be repeated."""
    monkeypatch.setattr("lets.audit.retraining.repeatable", lambda record, spec: exact)
    audit = project.audit(weights=3)
    assert len(again) == len(set(again)) == 3
    assert audit.passed is not exact
    if exact:
        assert {finding.run for finding in audit.failures} == set(again)
        assert "its weights give test_loss" in audit.failures[0].reason
    (check,) = (check for check in audit.checks if check.name == "weights")
    assert check.confirmed == (frozenset() if exact else set(again))
    first = list(again)
    project.audit(weights=3)
    assert again[3:] == first


def test_a_table_is_verified_when_all_its_runs_are(
    project: Any, again: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lets.audit.retraining.repeatable", lambda record, spec: False)
    every = project.audit(weights=18)
    items = every.judgement.items
    assert {items[name] for name in ("table1", "table4", "figure1")} == {"verified"}
    most = project.audit(weights=17)
    assert set(most.judgement.items.values()) == {"verified", "executed but unverified"}
    assert set(verdicts(most).values()) == {"verified", "executed but unverified"}


def test_the_draw_follows_from_the_content_of_all_runs(project: Any, again: list[str]) -> None:
    """By hand: the order of sha256(content/salt/run), content being sha256 over lines like those of sha256sum."""
    lines = [
        f"{sha256(path.read_bytes()).hexdigest()}  {run}/{path.name}\n"
        for run in sorted(project.matrix.runs)
        for path in (project.path(run, name) for name in RUN_FILES if name != "provenance.json")
    ]
    content = sha256("".join(lines).encode()).hexdigest()

    def drawn(salt: str) -> list[str]:
        def key(run: str) -> str:
            return sha256(f"{content}/{salt}/{run}".encode()).hexdigest()

        return sorted(project.matrix.runs, key=key)[:4]

    audit = project.audit(weights=4)
    assert (audit.content, again) == (content, drawn(""))
    again.clear()
    project.audit(weights=4, salt="dice")
    assert again == drawn("dice") != drawn("")


def test_the_draw_changes_with_any_run_and_not_with_the_time_it_was_made(
    project: Any, again: list[str], edit: Any
) -> None:
    path = project.path(project.run("erm"), "provenance.json")
    first = project.audit().content
    edit(path, "2026-01-01", "2026-02-02")
    assert project.audit().content == first
    path = project.path(project.run("erm"), "history.csv")
    path.write_text(path.read_text() + " ")
    assert project.audit().content != first


def test_weights_of_another_run(project: Any, again: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "lets.audit.retraining.evaluated", lambda *asked: {"test_loss": 0.4, "train_accuracy": 84.0}
    )
    audit = project.audit(weights=1)
    (failure,) = audit.failures
    assert re.match(
        r"its weights give test_loss 0\.4, metrics.json says 0\.\d+; train_accuracy 84\.0, metrics.json says 9",
        failure.reason,
    )
    assert failure.command.startswith(f"rm -r results/test/runs/{failure.run} && snakemake")
    assert failure.cells


def test_weights_that_do_not_fit_the_network(project: Any) -> None:
    """The invented weights are those of no network: evaluated for real, they are refused and named."""
    (reason,) = reasons(project.audit(weights=1))["weights"]
    assert reason.startswith("its weights cannot be evaluated: ")
