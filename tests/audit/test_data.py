"""The check of the data, where it is no array and no drawn label: pictures, and the labels that people gave."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import lets.data
from lets.audit.comparability import check_comparability
from lets.audit.context import Context
from lets.audit.datasets import check_data
from lets.audit.findings import Check, command
from lets.cli.data import noise, subset
from lets.cli.main import app
from lets.config import seed_for
from lets.config.paths import Layout
from lets.data import cifar
from lets.data.catalogue import DATASETS, HUMAN_LABELS, HumanLabels
from lets.data.dataset import arrays_sha256, read_subset, write_processed, write_subset
from lets.data.folder import scan, write_index
from lets.data.noisy_labels import make_human_labels, read_noisy_labels, write_noisy_labels
from lets.data.sources import Archive
from lets.project import Project as Snapshot
from lets.project import expand, load_params

PARAMS = """\
profile: test
seeds: [0]
training:
  epochs: 2
  batch_size: 8
  optimizer: {name: sgd, lr: 0.1}
  schedule: {name: cosine}
experiments:
  main: {datasets: [DATASET], noise: [NOISE], architectures: [resnet-small], methods: [sam]}
tables:
  table1: {kind: pivot, title: Accuracy, experiments: [main]}
"""
LAYOUT = Layout("test")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LETS_DATA", str(tmp_path))


def case(dataset: str, noise: str = "clean", params: str = PARAMS) -> Context:
    Path("test.yaml").write_text(params.replace("DATASET", dataset).replace("NOISE", noise))
    loaded = load_params("test.yaml")
    return Context(Snapshot(loaded, expand(loaded), LAYOUT))


def reasons(check: Check) -> list[str]:
    return [finding.reason for finding in check.failures]


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> Context:
    """A project on the digits, as if people had labelled them anew."""
    archive = Archive("https://example.org/x", "digits_human.pt", 0, "", "")
    monkeypatch.setitem(DATASETS, "digits", replace(DATASETS["digits"], human_labels=True))
    monkeypatch.setitem(HUMAN_LABELS, "human-worse", HumanLabels("worse_label", 144 / 1437))
    monkeypatch.setattr(cifar, "_archive", lambda _: archive)
    digits = lets.data.load("digits")
    write_processed(digits, LAYOUT.arrays("digits"))
    wrong = digits.train.labels.clone()
    wrong[:144] = (wrong[:144] + 1) % 10
    torch.save({"clean_label": digits.train.labels.numpy(), "worse_label": wrong.numpy()}, "digits_human.pt")
    write(*made())
    return case("digits", "human-worse")


def made() -> Any:
    true = lets.data.load("digits").train.labels
    return make_human_labels(
        true, dataset="digits", noise="human-worse", classes=10, path=Path("digits_human.pt")
    )


def write(labels: torch.Tensor, card: Any) -> None:
    write_noisy_labels(
        labels, card, LAYOUT.labels("digits", "human-worse"), LAYOUT.noise_card("digits", "human-worse")
    )


def test_peoples_labels_are_read_from_their_file_again(people: Context) -> None:
    check = check_data(people)
    assert (check.failures, check.warnings, check.examined) == ((), (), 1)


def test_without_the_file_they_are_held_against_their_card_and_that_is_said(people: Context) -> None:
    Path("digits_human.pt").unlink()
    check = check_data(people)
    assert check.failures == ()
    (warning,) = check.warnings
    assert warning.startswith("digits/human-worse is held against its card alone: ")
    assert warning.endswith("digits_human.pt is not here")


@pytest.mark.parametrize("file_is_here", [True, False])
def test_changed_labels_of_people(people: Context, file_is_here: bool) -> None:
    labels, card = made()
    true = lets.data.load("digits").train.labels
    other = int((true[144:] != true[0]).nonzero()[0]) + 144
    labels[0], labels[other] = true[0], (true[other] + 1) % 10  # as many wrong ones, of other classes
    if not file_is_here:
        Path("digits_human.pt").unlink()
    write(labels, card)
    (finding,) = check_data(people).failures
    assert "sha256 of the labels is" in finding.reason
    assert finding.command == "lets data noise digits human-worse --download"
    assert finding.cells != ()
    write(labels, replace(card, sha256=arrays_sha256({"labels": labels})))  # and the card made to fit
    expected = ["2 labels are not those that their file gives"]
    if not file_is_here:
        expected = ["the card beside the labels is not what their file gives"]  # its flips per class
    assert reasons(check_data(people)) == expected


def test_labels_that_are_too_right_are_noticed_without_the_file(people: Context) -> None:
    _, card = made()
    Path("digits_human.pt").unlink()
    true = lets.data.load("digits").train.labels
    digest = arrays_sha256({"labels": true})
    write(true, replace(card, sha256=digest, realised_rate=0.0, flips_per_class=(0,) * 10))
    assert reasons(check_data(people)) == [
        "0.000 % of the labels human-worse are wrong, published are 10.02 %"
    ]


def test_another_file_of_people(people: Context) -> None:
    Path("digits_human.pt").write_bytes(b"x")
    (reason,) = reasons(check_data(people))
    assert "digits_human.pt – not a file of arrays" in reason


def test_a_run_trained_on_other_labels(people: Context, write_run: Callable[..., None]) -> None:
    (run,) = people.matrix.runs.values()
    arrays = arrays_sha256(lets.data.load("digits").arrays)
    write_run(LAYOUT, run, {"arrays": arrays, "training_labels": made()[1].sha256})
    assert reasons(check_data(case("digits", "human-worse"))) == []
    write_run(LAYOUT, run, {"arrays": arrays, "training_labels": "0" * 64})
    for there in (True, False):
        if not there:
            Path("digits_human.pt").unlink()
        assert reasons(check_data(case("digits", "human-worse"))) == [
            "was trained on other training labels than digits/human-worse has"
        ]


PART = PARAMS.replace("  epochs: 2\n", "  epochs: 2\n  train_samples: 500\n")


@pytest.fixture
def part() -> Context:
    """A project on 500 of the digits with noisy labels."""
    write_processed(lets.data.load("digits"), LAYOUT.arrays("digits"))
    subset("digits", 500)
    noise("digits", "symmetric-40", train_samples=500)
    return case("digits", "symmetric-40", PART)


def test_a_subset_and_its_noise_are_drawn_again(part: Context) -> None:
    check = check_data(part)
    assert (check.failures, check.warnings, check.examined) == ((), (), 1)


def test_other_images_than_the_seed_gives(part: Context) -> None:
    file = LAYOUT.subset("digits", 500)
    chosen = read_subset(file)
    chosen[0] = next(i for i in range(1437) if i not in set(chosen.tolist()))
    write_subset(chosen, "digits", seed_for("subset", "digits"), file)
    (finding,) = check_data(part).failures
    assert finding.reason.startswith("the images are not those that seed ")
    assert finding.subject == "data/processed/digits/train-500/indices.safetensors"
    assert finding.command == "lets data subset digits 500"
    assert finding.cells != ()
    file.unlink()
    (finding,) = check_data(part).unchecked
    assert finding.command == "lets data subset digits 500"


def test_what_is_printed_makes_what_is_absent_in_this_order(part: Context) -> None:
    """The labels of a subset are made of the subset."""
    LAYOUT.subset("digits", 500).unlink()
    LAYOUT.labels("digits", "symmetric-40", 500).unlink()
    LAYOUT.arrays("digits").rename("aside")
    printed = [command([*check_data(part).unchecked])]
    Path("aside").rename(LAYOUT.arrays("digits"))
    printed += command([*check_data(part).unchecked]).split(" && ")
    assert len(printed) == 3
    for line in printed:
        done = CliRunner().invoke(app, line.split()[1:], catch_exceptions=False)
        assert done.exit_code == 0, line
    assert check_data(part).unchecked == ()


def test_other_labels_of_a_subset(part: Context) -> None:
    files = LAYOUT.labels("digits", "symmetric-40", 500), LAYOUT.noise_card("digits", "symmetric-40", 500)
    labels, card = read_noisy_labels(*files)
    labels[0] = (labels[0] + 1) % 10
    write_noisy_labels(labels, replace(card, sha256=arrays_sha256({"labels": labels})), *files)
    (finding,) = check_data(part).failures
    assert finding.reason.startswith("1 labels are not those that seed ")
    assert finding.command == "lets data noise digits symmetric-40 --train-samples 500"


def test_a_run_trained_on_other_images(part: Context, write_run: Callable[..., None]) -> None:
    (run,) = part.matrix.runs.values()
    labels, _ = read_noisy_labels(
        LAYOUT.labels("digits", "symmetric-40", 500), LAYOUT.noise_card("digits", "symmetric-40", 500)
    )
    right = {
        "arrays": arrays_sha256(lets.data.load("digits").arrays),
        "images": arrays_sha256({"indices": read_subset(LAYOUT.subset("digits", 500))}),
        "training_labels": arrays_sha256({"labels": labels}),
    }
    write_run(LAYOUT, run, right)
    assert reasons(check_data(case("digits", "symmetric-40", PART))) == []
    for name in right:
        for wrong in ({**right, name: "0" * 64}, {key: right[key] for key in right if key != name}):
            write_run(LAYOUT, run, wrong)
            (reason,) = reasons(check_data(case("digits", "symmetric-40", PART)))
            other = f"was trained on other {name.replace('_', ' ')} than "
            assert reason == f"{other}digits/symmetric-40 (500 images) has"


def test_runs_on_all_images_and_on_some_stand_beside_each_other(
    part: Context, write_run: Callable[..., None]
) -> None:
    """Each is held against those with as many images."""
    noise("digits", "symmetric-40")
    both = PARAMS.replace(
        "methods: [sam]}\n",
        "methods: [sam, asam, erm]}\n  part: {datasets: [DATASET], noise: [NOISE], architectures: [resnet-small], "
        "methods: [sam, asam, erm], training: {train_samples: 500}}\n",
    )
    runs = case("digits", "symmetric-40", both).matrix.runs.values()
    for run in runs:
        data = {"arrays": "a", "training_labels": str(run.training.train_samples)}
        write_run(LAYOUT, run, data)
    assert check_comparability(case("digits", "symmetric-40", both)).failures == ()
    odd = next(run for run in runs if run.training.train_samples)
    write_run(LAYOUT, odd, {"arrays": "a", "training_labels": "None"})
    (finding,) = check_comparability(case("digits", "symmetric-40", both)).failures
    assert finding.run == odd.id
    assert finding.reason.endswith("most runs of digits/symmetric-40 (500 images)")


def test_peoples_labels_of_a_subset(people: Context) -> None:
    subset("digits", 500)
    noise("digits", "human-worse", train_samples=500)
    here = case("digits", "human-worse", PART)
    assert reasons(check_data(here)) == []
    Path("digits_human.pt").unlink()
    assert reasons(check_data(here)) == []
    file = LAYOUT.labels("digits", "human-worse", 500)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    (reason,) = reasons(check_data(here))
    assert "sha256 of the labels is" in reason


def test_a_part_of_the_pictures(pictures: Context) -> None:
    subset("imagenette", 15)
    here = case("imagenette", params=PART.replace("500", "15"))
    assert reasons(check_data(here)) == []
    LAYOUT.subset("imagenette", 15).unlink()
    assert check_data(here).unchecked != ()


@pytest.fixture
def pictures(pictures_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A project on the tiny Imagenette."""
    info = replace(DATASETS["imagenette"], classes=3, train_size=21, test_size=9)
    monkeypatch.setitem(DATASETS, "imagenette", info)
    shutil.copytree(pictures_root / "imagenette2-320", "imagenette2-320")
    write_index(scan("imagenette", tmp_path / "imagenette2-320"), LAYOUT.index("imagenette"))
    return case("imagenette")


def test_pictures(pictures: Context) -> None:
    check = check_data(pictures)
    assert (check.failures, check.warnings, check.examined) == ((), (), 1)


def test_a_part_of_the_pictures_fails(pictures: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "imagenette", replace(DATASETS["imagenette"], train_size=9469, classes=10))
    (finding,) = check_data(pictures).failures
    assert finding.reason == "a part: 3 of 10 classes, 21 of 9469 training pictures"
    assert finding.subject == "data/processed/imagenette/index.csv.gz"
    assert finding.cells != ()
    assert finding.command == "lets data prepare imagenette --download"


def test_a_picture_that_changed(pictures: Context) -> None:
    path = Path("imagenette2-320/val/n01440764/n01440764_100.JPEG")
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    (reason,) = reasons(check_data(pictures))
    assert reason.endswith(
        "imagenette2-320 holds other pictures than the list: other names, lengths or classes"
    )
    path.write_bytes(b"")
    (reason,) = reasons(check_data(pictures))
    assert "1 empty pictures: val/n01440764/n01440764_100.JPEG" in reason
    path.write_bytes(content)
    assert reasons(check_data(pictures)) == []


def test_pictures_that_are_not_here(pictures: Context) -> None:
    shutil.rmtree("imagenette2-320")
    check = check_data(pictures)
    assert check.failures == ()
    assert check.warnings == (
        "the list of imagenette's pictures is held against its own digest alone: their folder is not here",
    )
    LAYOUT.index("imagenette").write_bytes(b"x")
    (reason,) = reasons(check_data(pictures))
    assert "index.csv.gz – damaged, or not the file that was written" in reason
    LAYOUT.index("imagenette").unlink()
    (finding,) = check_data(pictures).unchecked
    assert finding.command == "lets data prepare imagenette --download"


def test_a_run_trained_on_another_list(pictures: Context, write_run: Callable[..., None]) -> None:
    (run,) = pictures.matrix.runs.values()
    index = scan("imagenette", Path("imagenette2-320"))
    labels = arrays_sha256({"labels": torch.tensor([one.label for one in index.train])})
    write_run(LAYOUT, run, {"arrays": index.sha256, "training_labels": labels})
    assert reasons(check_data(case("imagenette"))) == []
    for name in ("arrays", "training_labels"):
        write_run(LAYOUT, run, {"arrays": index.sha256, "training_labels": labels} | {name: "0" * 64})
        assert reasons(check_data(case("imagenette"))) == [
            f"was trained on other {name.replace('_', ' ')} than imagenette/clean has"
        ]
