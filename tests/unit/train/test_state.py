"""The state a killed run goes on from: what is damaged is noticed, said, and as good as none."""

import os
import random
import subprocess
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
import torch

import lets.data
from lets.config.paths import Layout
from lets.data.dataset import write_processed
from lets.errors import RecordError, StorageError
from lets.files import check_writable
from lets.runs import RunRecord, Status
from lets.train import train_run
from lets.train.job import DIGEST, load_state, save_state

IDENTITY = {"run": "one", "torch": "2", "processor": "a"}
STATE = {"model": {"w": torch.arange(50.0)}, "seconds": 1.0, "resumed": 0}


class Stop(Exception):
    """Raised by a callback in the middle of a training."""


def stop(row: Any) -> None:
    if row.epoch == 2:
        raise Stop


@pytest.fixture(scope="module")
def begun(make_run, tmp_path_factory):
    """The spec, the digests of its unbroken run, and the bytes of its state after one epoch."""
    spec, whole = make_run("lets-sam", epochs=2), Layout("test", tmp_path_factory.mktemp("whole"))
    write_processed(lets.data.load("digits"), whole.arrays("digits"))
    with pytest.raises(Stop):
        train_run(spec, whole, "cpu", 1, stop)
    content = whole.state(spec.id).read_bytes()
    train_run(spec, whole, "cpu", 1, lambda row: None)
    return spec, RunRecord.at(whole, spec.id).provenance, content


def rewritten(content: bytes, change) -> bytes:
    """A state changed by whoever also computes its digest."""
    state = torch.load(BytesIO(content[DIGEST:]), weights_only=True)
    buffer = BytesIO()
    torch.save(change(state) or state, buffer)
    return sha256(buffer.getvalue()).digest() + buffer.getvalue()


def optimizer(state):
    return state["method"]["base_optimizer"]


def go_on(spec, layout, content: bytes):
    path = layout.state(spec.id)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    train_run(spec, layout, "cpu", 1, lambda row: None)
    return RunRecord.at(layout, spec.id).provenance


def test_a_whole_state_is_gone_on_from_without_a_word(elsewhere, begun, capsys):
    spec, unbroken, content = begun
    ended = go_on(spec, elsewhere, content)
    assert (ended.files, ended.resumed) == (unbroken.files, 1)
    assert capsys.readouterr().err == ""


def flipped(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 4
    return bytes(changed)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flipped, "its sha256 differs"),
        (
            lambda content: content[DIGEST:],
            "its sha256 differs",
        ),  # as it was written before there was a digest
        (lambda content: rewritten(content, lambda state: [state]), "is damaged (TypeError"),
        (
            lambda content: rewritten(content, lambda state: state.update(history=[])),
            "0 lines, 1 epochs are done",
        ),
        (lambda content: rewritten(content, lambda state: state.pop("method") and None), "'method'"),
        (
            lambda content: rewritten(content, lambda state: state.update(epoch={"number": 1, "steps": 99})),
            "99",
        ),
        (
            lambda content: rewritten(content, lambda state: state["trace"].update(rho=torch.zeros(1))),
            "its rho has the shape [1], not [24]",
        ),
        (
            lambda content: rewritten(content, lambda state: state["model"].popitem() and None),
            "is damaged (RuntimeError",
        ),
        # What shows only when it is trained from.
        (
            lambda content: rewritten(content, lambda state: optimizer(state)["state"].update({1: 2.5})),
            "is damaged (AttributeError",
        ),
        (
            lambda content: rewritten(
                content, lambda state: optimizer(state)["param_groups"][0].update(momentum=None)
            ),
            "is damaged (TypeError",
        ),
        (
            lambda content: rewritten(content, lambda state: state["schedule"].update(last_epoch="1")),
            "is damaged (TypeError",
        ),
        # What no training gives, and what provenance.json, metrics.json or history.csv could not hold after the end.
        (lambda content: rewritten(content, lambda state: state.update(seconds=-1.0)), "took -1.0 s"),
        (lambda content: rewritten(content, lambda state: state.update(seconds=float("inf"))), "took inf s"),
        (lambda content: rewritten(content, lambda state: state.update(resumed=2.5)), "resumed 2.5 times"),
        (lambda content: rewritten(content, lambda state: state.update(resumed=2**60)), "resumed 1152"),
        (
            lambda content: rewritten(content, lambda state: state["epoch"].update(perturbed=-1)),
            "perturbed is -1",
        ),
        (
            lambda content: rewritten(content, lambda state: state["epoch"].update(passes=10**30)),
            "passes is 1000",
        ),
        (
            lambda content: rewritten(content, lambda state: state["history"][0].__setitem__(7, 1e200)),
            "train_loss is",
        ),
    ],
)
def test_a_damaged_state_is_said_to_be_and_ends_with_the_right_bytes(
    elsewhere, begun, capsys, damage, reason
):
    spec, unbroken, content = begun
    ended = go_on(spec, elsewhere, damage(content))
    assert (ended.files, ended.resumed) == (unbroken.files, 0)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{elsewhere.state(spec.id)} – ")
    assert reason in line
    assert line.endswith("the training starts over")


def test_any_flipped_bit_and_any_cut_is_noticed(tmp_path):
    path = tmp_path / "state.pt"
    save_state(path, IDENTITY, STATE)
    content = path.read_bytes()
    assert load_state(path, IDENTITY).keys() == STATE.keys()
    chance = random.Random(0)
    for _ in range(200):
        damaged = bytearray(content)
        damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(RecordError, match="is damaged"):
            load_state(path, IDENTITY)
    for length in (0, 1, DIGEST, DIGEST + 1, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(RecordError, match="is damaged"):
            load_state(path, IDENTITY)


def test_what_another_machine_made_is_named(tmp_path):
    path = tmp_path / "state.pt"
    assert load_state(path, IDENTITY) is None
    save_state(path, IDENTITY, STATE)
    with pytest.raises(RecordError, match="was made by another torch, another processor"):
        load_state(path, IDENTITY | {"torch": "3", "processor": "b"})
    path.unlink()
    path.mkdir()
    with pytest.raises(RecordError, match="cannot be read"):
        load_state(path, IDENTITY)


@pytest.mark.parametrize("target", ["/dev/zero", "."])
def test_a_link_to_what_is_no_file_is_as_good_as_none(elsewhere, begun, capsys, target):
    spec, unbroken, _ = begun
    path = elsewhere.state(spec.id)
    path.parent.mkdir(parents=True)
    path.symlink_to(target)
    train_run(spec, elsewhere, "cpu", 1, lambda row: None)
    assert RunRecord.at(elsewhere, spec.id).provenance.files == unbroken.files
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("the training starts over")


def test_nobody_waits_for_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "state.pt")
    with pytest.raises(RecordError, match="cannot be read"):
        load_state(tmp_path / "state.pt", IDENTITY)


def no_epoch(row: Any) -> None:
    pytest.fail("trained although nothing can be written")


@pytest.mark.parametrize("folder", ["results", "work"])
@pytest.mark.parametrize("how", ["a file", "a dangling link", "a link to a link to itself", "a full disk"])
def test_what_cannot_be_written_is_noticed_before_the_first_epoch(
    elsewhere, make_run, monkeypatch, folder, how
):
    spec, place = make_run("erm"), elsewhere.root / folder
    if how == "a file":
        place.write_text("")
    elif how == "a dangling link":
        place.symlink_to("/nowhere/at all")
    elif how == "a link to a link to itself":
        place.symlink_to("second")
        (elsewhere.root / "second").symlink_to(folder)
    else:
        place.mkdir()
        full(monkeypatch, place)
    with pytest.raises(StorageError) as caught:
        train_run(spec, elsewhere, "cpu", 1, no_epoch)
    remedy = {
        "a dangling link": "run  mkdir -p '/nowhere/at all'",
        "a link to a link to itself": f"run  rm {place}",
        "a full disk": "free some space",
    }
    assert remedy.get(how, "check the path") in str(caught.value)


@pytest.mark.parametrize("name", ["run.json", "weights.safetensors", "state.pt"])
def test_a_folder_in_the_place_of_a_file_is_noticed_before_the_first_epoch(elsewhere, make_run, name):
    spec = make_run("erm", epochs=1)
    places = {path.name: path for path in (*elsewhere.run_files(spec.id), elsewhere.state(spec.id))}
    (places[name] / "precious").mkdir(parents=True)
    with pytest.raises(StorageError) as caught:
        train_run(spec, elsewhere, "cpu", 1, no_epoch)
    assert str(caught.value).startswith(f"{places[name]} – ")
    subprocess.run(str(caught.value).partition(" – run  ")[2], shell=True, check=True)
    train_run(spec, elsewhere, "cpu", 1, lambda row: None)
    assert RunRecord.at(elsewhere, spec.id).status is Status.FINISHED
    assert list((elsewhere.root / "work").rglob("precious"))


def full(monkeypatch, place):
    """Let the files in a folder have no room, as a small disk has none."""
    import tempfile

    real = tempfile.TemporaryFile

    def on_a_full_disk(dir):
        return open("/dev/full", "wb") if place in dir.parents else real(dir=dir)

    monkeypatch.setattr("lets.files.tempfile.TemporaryFile", on_a_full_disk)


def test_nothing_stays_where_it_was_tried(tmp_path):
    check_writable(tmp_path / "runs" / "one", 10_000)
    assert list((tmp_path / "runs" / "one").iterdir()) == []
