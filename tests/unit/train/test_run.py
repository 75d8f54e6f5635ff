"""A run from spec to folder: what it writes, that it writes the same bytes again, and what stops it."""

import json
import signal
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from lets.config.paths import Layout
from lets.errors import DataError, DivergenceError
from lets.runs import RunRecord, Status
from lets.train import train_run


def train(spec, layout, on_epoch=lambda row: None):
    return train_run(spec, layout, "cpu", 1, on_epoch)


def test_a_finished_run_has_all_its_files_vouches_for_them_and_is_left_alone(layout, digests, make_run):
    spec = make_run("lets-sam")
    metrics = train(spec, layout)
    train(spec, layout, lambda row: pytest.fail("trained again"))
    record = RunRecord.at(layout, spec.id)
    assert record.status is Status.FINISHED
    assert record.spec == spec
    assert record.metrics == metrics
    assert record.provenance.files == digests(layout, spec.id)
    assert [row.epoch for row in record.history] == [1, 2]
    assert not layout.state(spec.id).exists()
    trace = load_file(layout.run_file(spec.id, "trace.safetensors"))
    assert set(trace) == {"loss", "rho", "gap", "hypergradient"}
    assert trace["loss"].shape == (24,)
    assert trace["loss"][:12].mean().item() == pytest.approx(record.history[0].loss, rel=1e-12)
    assert trace["rho"][0].item() == pytest.approx(0.05, rel=1e-6)
    assert not trace["gap"].isnan().any()


def test_it_learns(layout, make_run):
    assert train(make_run("sam", epochs=4), layout).test_accuracy > 90


@pytest.mark.parametrize(("val_batches", "passes"), [("independent", 4 * 12), ("next", 4 + 3 * 11)])
def test_lets_spends_four_passes_or_three_with_reuse(layout, make_run, val_batches, passes):
    assert train(make_run("lets-sam", epochs=1, val_batches=val_batches), layout).passes == passes


def test_the_same_run_gives_the_same_bytes(layout, elsewhere, digests, make_run):
    spec = make_run("lets-asam")
    train(spec, layout)
    train(spec, elsewhere)
    assert digests(layout, spec.id) == digests(elsewhere, spec.id)


class Stop(Exception):
    """Raised by a callback in the middle of a training."""


def stop_at_the_second_epoch():
    seen = []

    def on_epoch(row):
        seen.append(row)
        if len(seen) == 2:
            raise Stop

    return on_epoch


def test_a_run_stopped_again_and_again_ends_with_the_same_bytes(layout, elsewhere, digests, make_run):
    spec = make_run("lets-sam", epochs=3)
    train(spec, layout)
    for _ in range(2):  # each attempt gets one epoch further
        with pytest.raises(Stop):
            train(spec, elsewhere, stop_at_the_second_epoch())
    train(spec, elsewhere)
    assert digests(layout, spec.id) == digests(elsewhere, spec.id)
    assert RunRecord.at(elsewhere, spec.id).provenance.resumed == 2


KILLED = """
import os, signal, sys, threading
from pathlib import Path
from lets.config import Layout, RunSpec
from lets.train import train_run

def kill_soon(row):
    if row.epoch == 3:
        threading.Timer(float(sys.argv[3]), os.kill, (os.getpid(), signal.SIGKILL)).start()

spec = RunSpec.model_validate_json(Path(sys.argv[1]).read_text())
train_run(spec, Layout("test", Path(sys.argv[2])), "cpu", 1, kill_soon)
"""


@pytest.mark.parametrize("delay", [0.0, 0.13])
def test_sigkill_in_the_middle_of_an_epoch_changes_no_byte(layout, elsewhere, digests, make_run, delay):
    spec = make_run("lets-sam", epochs=16)
    train(spec, layout)
    path = elsewhere.root / "spec.json"
    path.write_text(spec.model_dump_json())
    command = [sys.executable, "-c", KILLED, str(path), str(elsewhere.root), str(delay)]
    assert subprocess.run(command, timeout=120, check=False).returncode == -signal.SIGKILL
    assert RunRecord.at(elsewhere, spec.id).status is Status.MISSING
    assert elsewhere.state(spec.id).exists()
    train(spec, elsewhere)
    assert digests(layout, spec.id) == digests(elsewhere, spec.id)
    assert RunRecord.at(elsewhere, spec.id).provenance.resumed == 1


def test_what_was_begun_outside_of_an_image_starts_anew_inside(layout, make_run, monkeypatch, tmp_path):
    spec = make_run("erm", epochs=3)
    with pytest.raises(Stop):
        train(spec, layout, stop_at_the_second_epoch())
    (tmp_path / "lets.sif.sha256").write_text("abc  lets.sif\n")
    monkeypatch.setenv("APPTAINER_CONTAINER", str(tmp_path / "lets.sif"))
    train(spec, layout)
    provenance = RunRecord.at(layout, spec.id).provenance
    assert (provenance.resumed, provenance.image) == (0, "abc")


def test_a_half_written_folder_is_made_whole(layout, digests, make_run):
    spec = make_run("erm")
    train(spec, layout)
    whole = digests(layout, spec.id)
    layout.run_file(spec.id, "metrics.json").unlink()
    layout.run_file(spec.id, "history.csv").write_text("epoch,st")
    assert RunRecord.at(layout, spec.id).status is Status.PARTIAL
    train(spec, layout)
    assert digests(layout, spec.id) == whole


def test_divergence_is_recorded_with_its_last_finite_weights(layout, make_run):
    spec = make_run("sam", epochs=3, lr=1e12)
    with pytest.raises(DivergenceError, match="diverged at step"):
        train(spec, layout)
    record = RunRecord.at(layout, spec.id)
    assert record.status is Status.DIVERGED
    assert record.metrics.divergence is not None
    assert record.metrics.test_accuracy is None
    json.loads(layout.run_file(spec.id, "metrics.json").read_text(), parse_constant=pytest.fail)


def test_missing_data_is_named_with_the_command_that_makes_it(make_run, tmp_path):
    with pytest.raises(DataError, match="lets data prepare digits"):
        train(make_run("erm"), Layout("test", tmp_path))
