"""Every kind of damage fails, and the message names the run, the cell and the next command."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import yaml
from safetensors.numpy import load_file, save_file

from lets.audit.audit import Audit
from lets.audit.receipt import audit_text

Edit = Callable[[Path, str, str], None]
MAKE = "snakemake --cores all --configfile params/test.yaml"
CELL = "table1: SAM × ResNet (small)"


def failures(audit: Audit, check: str) -> list[Any]:
    return [one for found in audit.checks if found.name == check for one in found.failures]


def failed(audit: Audit) -> set[str]:
    assert not audit.passed
    return {check.name for check in audit.checks if check.failures}


def verdict(audit: Audit, cell: str) -> str:
    return next(str(one.verdict) for one in audit.judged if one.cell.name == cell)


def stored(path: Path) -> Any:
    return json.loads(path.read_text())


def accuracy(project: Any, run: str) -> tuple[str, str]:
    """The accuracy of a run as its text, and another of the same length."""
    text = repr(stored(project.path(run, "metrics.json"))["test_accuracy"])
    return text, f"9{text[1:]}" if text[0] != "9" else f"8{text[1:]}"


def test_metrics_edited_with_the_same_size_and_time(project: Any, edit: Edit) -> None:
    run = project.run("sam", 1)
    edit(project.path(run, "metrics.json"), '"test_accuracy": 8', '"test_accuracy": 9')
    audit = project.audit()
    assert failed(audit) == {"bytes", "numbers", "cells"}
    (digest,) = failures(audit, "bytes")
    assert digest.run == run
    assert digest.reason == "metrics.json is not the file that was written: its sha256 differs"
    assert CELL in digest.cells
    assert digest.command == audit.next == f"rm -r results/test/runs/{run} && {MAKE}"
    assert re.match(
        r"metrics.json says test_accuracy = 9.+, its history gives 8", failures(audit, "numbers")[0].reason
    )
    printed = failures(audit, "cells")
    assert {one.subject for one in printed} == {
        *(str(project.layout.table("table1", suffix)) for suffix in ("csv", "md", "tex")),
        *map(str, project.layout.figures("figure1")),
        str(project.layout.page),
        str(project.layout.summary),
        str(project.layout.long_table),
    }
    assert all(CELL in one.cells for one in printed if "table1" in one.subject)
    assert {one.command for one in printed} == {audit.next}
    assert verdict(audit, CELL) == "mismatch"
    assert verdict(audit, "table1: ERM × WideResNet (small)") == "executed but unverified"
    text = audit_text(audit)
    assert text.startswith("# Audit of test: FAIL\n")
    assert f"- **{run}**: metrics.json is not the file" in text
    assert text.endswith(f"Next: `rm -r results/test/runs/{run} && {MAKE}`\n")


def test_metrics_forged_together_with_their_digest(project: Any, edit: Edit) -> None:
    run = project.run("sam", 1)
    edit(project.path(run, "metrics.json"), '"test_accuracy": 8', '"test_accuracy": 9')
    project.reseal(run)
    project.report()
    audit = project.audit()
    assert failed(audit) == {"numbers"}
    assert failures(audit, "numbers")[0].run == run
    assert verdict(audit, CELL) == "mismatch"


def test_history_forged_together_with_metrics_and_digests(project: Any) -> None:
    """The trace still knows the losses."""
    from lets.runs.history import HistoryRow, history_text, read_history

    run = project.run("sam", 0)
    path = project.path(run, "history.csv")
    rows = [HistoryRow(**{**vars(row), "loss": row.loss * 0.9}) for row in read_history(path)]
    path.write_text(history_text(rows))
    project.reseal(run)
    audit = project.audit()
    assert failed(audit) == {"numbers"}
    reasons = [one.reason for one in failures(audit, "numbers")]
    assert [reason.split(", its trace")[0].rpartition(" in ")[2] for reason in reasons] == [
        "epoch 1",
        "epoch 2",
    ]


def test_history_edited(project: Any, edit: Edit) -> None:
    run = project.run("lets-sam", 0)
    loss = repr(stored(project.path(run, "metrics.json"))["test_loss"])
    edit(project.path(run, "history.csv"), loss, "0.4" + loss[3:])
    audit = project.audit()
    assert {"bytes", "numbers", "cells"} == failed(audit)
    assert {one.run for one in failures(audit, "numbers")} == {run}
    assert {one.reason.split(" = ")[0] for one in failures(audit, "numbers")} == {
        "metrics.json says test_loss",
        "metrics.json says generalization_gap",
    }
    assert "figure2: LETS-SAM × ResNet (small)" in {
        cell for one in failures(audit, "cells") for cell in one.cells
    }


def test_history_cut_short(project: Any) -> None:
    run = project.run("sam", 0)
    path = project.path(run, "history.csv")
    path.write_text(path.read_text().split("\n")[0] + "\n")
    audit = project.audit()
    assert "history.csv – has no epoch" in failures(audit, "matrix")[0].reason
    path.write_text("nonsense")
    assert "want the columns epoch," in failures(project.audit(), "matrix")[0].reason


@pytest.mark.parametrize("length", [23, 25])
def test_trace_of_another_length(project: Any, length: int) -> None:
    run = project.run("sam", 0)
    path = project.path(run, "trace.safetensors")
    save_file({name: numpy.resize(column, length) for name, column in load_file(path).items()}, path)
    project.reseal(run)
    (failure,) = failures(project.audit(), "numbers")
    assert failure.reason.startswith(f"trace.safetensors has {length} values of ")
    path.write_bytes(b"nonsense")
    assert "trace.safetensors – cannot be read" in failures(project.audit(), "matrix")[0].reason


def test_swapped_seeds(project: Any) -> None:
    one, other = project.layout.run(project.run("sam", 0)), project.layout.run(project.run("sam", 1))
    one.rename("aside")
    other.rename(one)
    Path("aside").rename(other)
    audit = project.audit()
    reasons = {finding.run: finding.reason for finding in reversed(failures(audit, "matrix"))}
    assert reasons == {
        project.run("sam", 0): f"run.json is the spec of another run, {project.run('sam', 1)}",
        project.run("sam", 1): f"run.json is the spec of another run, {project.run('sam', 0)}",
    }
    assert CELL in failures(audit, "matrix")[0].cells
    assert audit.next == f"rm -r {one} {other} && {MAKE}"


def test_swapped_metrics(project: Any) -> None:
    """The mean over seeds stays the same: no table shows it."""
    one, other = (project.path(project.run("sam", seed), "metrics.json") for seed in (0, 1))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    audit = project.audit()
    assert {finding.reason for finding in failures(audit, "matrix")} == {
        f"metrics.json is of another run, {project.run('sam', 1)}",
        f"metrics.json is of another run, {project.run('sam', 0)}",
    }


def test_deleted_run(project: Any) -> None:
    run = project.run("sam", 1)
    shutil.rmtree(project.layout.run(run))
    audit = project.audit()
    (missing,) = failures(audit, "matrix")
    assert (missing.run, missing.reason, missing.command) == (run, "not trained yet", MAKE)
    assert missing.cells[0] == CELL
    assert audit.next == MAKE
    assert verdict(audit, CELL) == "missing"


def test_half_a_folder(project: Any) -> None:
    run = project.run("sam", 1)
    project.path(run, "weights.safetensors").unlink()
    project.path(run, "metrics.json").unlink()
    audit = project.audit()
    (partial,) = failures(audit, "matrix")
    assert partial.reason == "half a folder: no weights.safetensors, metrics.json"
    assert audit.next == f"rm -r results/test/runs/{run} && {MAKE}"


@pytest.mark.parametrize("name", ["metrics.json", "provenance.json", "run.json"])
def test_unreadable_file(project: Any, name: str) -> None:
    run = project.run("sam", 1)
    project.path(run, name).write_text("{")
    audit = project.audit()
    unreadable = failures(audit, "matrix")[0]
    assert unreadable.run == run
    assert re.search(rf"unreadable: .*{re.escape(name)} – is not JSON", unreadable.reason)
    assert audit.next.startswith(f"rm -r results/test/runs/{run}")


@pytest.mark.parametrize("name", ["weights.safetensors", "run.json", "trace.safetensors", "history.csv"])
def test_one_flipped_bit(project: Any, name: str) -> None:
    run = project.run("lets-sam", 1, architecture="wrn-small")
    path = project.path(run, name)
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    flagged = failures(project.audit(), "bytes")
    assert [(one.run, one.reason) for one in flagged] == [
        (run, f"{name} is not the file that was written: its sha256 differs")
    ]
    assert "table1: LETS-SAM × WideResNet (small)" in flagged[0].cells


def test_provenance_without_a_digest(project: Any) -> None:
    run = project.run("sam", 1)
    path = project.path(run, "provenance.json")
    content = stored(path)
    del content["files"]["history.csv"]
    path.write_text(json.dumps(content))
    (failure,) = failures(project.audit(), "bytes")
    assert failure.reason == "provenance.json has no digest of history.csv"


@pytest.mark.parametrize("suffix", ["csv", "md", "tex"])
def test_edited_table_cell(project: Any, suffix: str) -> None:
    path = project.layout.table("table1", suffix)
    lines = path.read_text().split("\n")
    number = next(
        i for i, line in enumerate(lines) if line.startswith(("table1,sam,resnet-small", "| SAM", "SAM"))
    )
    digit = re.search(r"\d\d\.\d", lines[number])
    assert digit
    lines[number] = lines[number].replace(digit[0], digit[0][:-1] + str((int(digit[0][-1]) + 1) % 10), 1)
    path.write_text("\n".join(lines))
    audit = project.audit()
    assert failed(audit) == {"cells"}
    (failure,) = failures(audit, "cells")
    assert failure.subject == str(path)
    assert failure.cells == (CELL,)
    assert re.match(rf"line {number + 1} prints '.+', the runs give '.+'", failure.reason)
    assert audit.next == f"{MAKE} --forcerun {path}"
    assert {one.cell.name for one in audit.judged if str(one.verdict) == "mismatch"} == {CELL}


def test_edited_cell_in_latex(project: Any) -> None:
    path = project.layout.table("table1", "tex")
    lines = path.read_text().split("\n")
    row = next(i for i, line in enumerate(lines) if line.startswith("ERM &"))
    lines[row] = re.sub("[0-9]", lambda digit: "3" if digit[0] == "7" else "7", lines[row], count=1)
    path.write_text("\n".join(lines))
    (failure,) = failures(project.audit(), "cells")
    assert failure.cells == ("table1: ERM × ResNet (small)",)


@pytest.mark.parametrize("suffix", ["csv", "md", "tex"])
def test_edited_cell_of_a_table_over_a_hyperparameter_named_like_a_column(
    project: Any, write_run: Callable[..., None], suffix: str
) -> None:
    """Table 6 varies `metric`, and every csv has a column `metric` besides."""
    text = project.file.read_text().replace("methods: [sam]", "methods: [lets-sam]")
    text = text.replace("vary: {rho: [0.05, 0.5]}", "vary: {metric: [gap, half-squared-gap]}")
    text = text.replace("x: rho", "x: metric").replace(
        "figures:",
        "  table6: {title: Metrics, experiments: [radius], rows: metric, columns: [dataset]}\nfigures:",
    )
    text = text[: text.index("  figure1:")] + text[text.index("  figure2:") :]
    project.file.write_text(text)
    data = project.data("clean")
    project.read()
    for run in project.matrix.experiments["radius"]:
        write_run(project.layout, project.matrix.runs[run], data)
    project.report()
    path = project.layout.table("table6", suffix)
    lines = path.read_text().split("\n")
    row = ("table6,gap", "| Generalization gap", "Generalization gap")
    number = next(i for i, line in enumerate(lines) if line.startswith(row))
    digits = re.findall(r"\d\d\.\d+(?= ±| \$|,)", lines[number])[0]
    lines[number] = lines[number].replace(digits, "11.11", 1)
    path.write_text("\n".join(lines))
    (failure,) = failures(project.audit(), "cells")
    assert failure.cells == ("table6: metric Generalization gap × Digits",)


@pytest.mark.parametrize("suffix", ["csv", "md", "tex"])
def test_edited_cell_of_a_table_in_blocks(project: Any, suffix: str) -> None:
    """Table 4 has a block of rows per architecture: the same row title stands in it twice."""
    changed = project.file.read_text().replace(
        "columns: [architecture, noise]", "columns: [noise, architecture]"
    )
    changed = changed.replace("noise: [symmetric-40]", "noise: [symmetric-40, clean]")
    changed = changed.replace("architectures: [resnet-small]", "architectures: [resnet-small, wrn-small]", 1)
    project.file.write_text(changed)
    project.read()
    project.report()
    path = project.layout.table("table4", suffix)
    lines = path.read_text().split("\n")
    number = [i for i, line in enumerate(lines) if line.startswith(("table4,sam", "| SAM", "SAM"))][-1]
    digits = re.findall(r"\d\d\.\d+(?= ±| \$|,)", lines[number])
    lines[number] = lines[number].replace(digits[0 if suffix == "csv" else -1], "11.11", 1)
    path.write_text("\n".join(lines))
    (failure,) = failures(project.audit(), "cells")
    assert failure.cells == ("table4: SAM × clean labels × WideResNet (small)",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text + "\n", "line 14 prints '', the runs give nothing"),
        (lambda text: text.replace("\n", "\r"), "line 1 prints "),
        (lambda text: text.replace("Test accuracy", "Best accuracy"), "line 1 prints "),
        (lambda text: "", "line 1 prints ''"),
    ],
)
def test_edited_table_outside_its_cells(project: Any, change: Callable[[str], str], reason: str) -> None:
    path = project.layout.table("table4", "md")
    path.write_bytes(change(path.read_text()).encode())
    audit = project.audit()
    assert failed(audit) == {"cells"}
    assert failures(audit, "cells")[0].reason.startswith(reason)
    assert audit.next == f"{MAKE} --forcerun {path}"
    assert audit.judgement.items["table4"] == "mismatch"
    assert audit.judgement.items["table1"] == "executed but unverified"


def test_edited_numbers_of_a_figure(project: Any) -> None:
    path = project.layout.figure("figure1", "csv")
    lines = path.read_text().split("\n")
    lines[2] = lines[2].replace("sam,0.5,8", "sam,0.5,9")
    path.write_text("\n".join(lines))
    (failure,) = failures(project.audit(), "cells")
    assert failure.cells == ("figure1: SAM × rho 0.5",)


@pytest.mark.parametrize("name", ["tables/table1.md", "figures/figure2.csv", "figures/figure2.svg"])
def test_deleted_table_or_figure(project: Any, name: str) -> None:
    path = project.layout.reports / name
    path.unlink()
    audit = project.audit()
    assert str(path) in {failure.subject for failure in failures(audit, "cells")}
    assert audit.next == MAKE


@pytest.mark.parametrize("name", ["page", "summary"])
def test_edited_page_or_summary(project: Any, name: str) -> None:
    path = getattr(project.layout, name)
    text = path.read_text()
    path.write_text(text.replace("8", "9", 1))
    (failure,) = failures(project.audit(), "cells")
    assert (failure.subject, failure.command) == (str(path), f"{MAKE} --forcerun {path}")


def test_changed_label_file(project: Any) -> None:
    path = project.layout.labels("digits", "symmetric-40")
    labels = load_file(path)["labels"].copy()
    labels[7] = (labels[7] + 1) % 10
    save_file({"labels": labels}, path)
    audit = project.audit()
    assert failed(audit) == {"data"}
    (failure,) = failures(audit, "data")
    assert failure.subject == str(path)
    assert "sha256 of the labels" in failure.reason
    assert "table4: SAM × ResNet (small) × 40 % noise" in failure.cells
    assert audit.next == "lets data noise digits symmetric-40"


def test_labels_forged_together_with_their_card(project: Any) -> None:
    import torch

    from lets.data.dataset import arrays_sha256

    path, card = (
        project.layout.labels("digits", "symmetric-40"),
        project.layout.noise_card("digits", "symmetric-40"),
    )
    labels = load_file(path)["labels"].copy()
    labels[:3] = (labels[:3] + 1) % 10
    save_file({"labels": labels}, path)
    content = stored(card) | {"sha256": arrays_sha256({"labels": torch.from_numpy(labels)})}
    card.write_text(json.dumps(content))
    (failure,) = failures(project.audit(), "data")
    assert failure.reason.startswith("3 labels are not those that seed ")


def test_card_with_another_rate(project: Any, edit: Edit) -> None:
    edit(project.layout.noise_card("digits", "symmetric-40"), '"rate": 0.4', '"rate": 0.5')
    (failure,) = failures(project.audit(), "data")
    assert failure.reason == "the card beside the labels is not what their seed gives"


def test_other_arrays(project: Any) -> None:
    import lets.data
    from lets.data.dataset import Dataset, Split, write_processed

    digits = lets.data.load("digits")
    turned = Split(digits.test.images.flip(0), digits.test.labels)
    changed = Dataset(digits.name, digits.title, digits.train, turned, digits.class_names)
    write_processed(changed, project.layout.arrays("digits"))
    audit = project.audit()
    assert (
        failures(audit, "data")[0].reason == "the arrays are not those whose sha256 stands in datasets.yaml"
    )
    assert audit.next == "lets data prepare digits --download"


def test_missing_arrays(project: Any) -> None:
    project.layout.arrays("digits").unlink()
    audit = project.audit()
    assert (audit.failures, audit.passed, audit.complete) == ((), False, False)
    (absent,) = audit.unchecked
    assert absent.subject == str(project.layout.arrays("digits"))
    assert audit.next == "lets data prepare digits --download"
    assert {str(one.verdict) for one in audit.judged} == {"executed but unverified"}


def test_run_trained_on_other_labels(project: Any, write_run: Any) -> None:
    run = project.run("sam", 0, noise="symmetric-40")
    write_run(project.layout, project.matrix.runs[run], project.data("clean"))
    (failure,) = failures(project.audit(), "data")
    assert failure.run == run
    assert failure.reason == "was trained on other training labels than digits/symmetric-40 has"
    assert failure.command == f"rm -r results/test/runs/{run} && {MAKE}"


def test_an_extra_seed_in_the_params(project: Any) -> None:
    project.file.write_text(project.file.read_text().replace("seeds: [0, 1]", "seeds: [0, 1, 2]"))
    project.read()
    audit = project.audit()
    missing = failures(audit, "matrix")
    assert len(missing) == 9
    assert {one.reason for one in missing} == {"not trained yet"}
    assert project.run("sam", 2) in {one.run for one in missing}
    assert {str(one.verdict) for one in audit.judged} == {"missing"}
    assert audit.next == MAKE


def test_a_changed_setting_in_the_params(project: Any) -> None:
    """The old runs are nobody's now, the new ones are missing."""
    project.file.write_text(project.file.read_text().replace("momentum: 0.9", "momentum: 0.8"))
    reasons = [one.reason for one in failures(project.audit(), "matrix")]
    assert reasons.count("not trained yet") == reasons.count("nobody asks for this run") == 18


def test_an_extra_folder(project: Any) -> None:
    run = project.run("sam", 0)
    (project.layout.runs / ".gitignore").write_text("")
    extra = f"{run[:-8]}deadbeef"
    shutil.copytree(project.layout.run(run), project.layout.run(extra))
    audit = project.audit()
    (failure,) = failures(audit, "matrix")
    assert (failure.subject, failure.reason) == (extra, "nobody asks for this run")
    aside = f"work/test/aside/{extra.rpartition('/')[0]}"
    assert audit.next == f"mkdir -p {aside} && mv results/test/runs/{extra} {aside} && {MAKE}"


def test_what_nobody_asks_for_is_moved_whatever_its_name(project: Any) -> None:
    """Pasted into a shell, the command touches nothing outside the tree of runs, and no run that is asked for."""
    mine = Path("mine")
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    names = [f"x {mine.absolute()}", "a; rm -r mine", "$(rm -r mine)", "it's", "two\nlines", "-rf", "b/../b"]
    for name in names:
        folder = project.layout.runs / name / "below"
        folder.mkdir(parents=True)
        (folder / "file").write_text(name)
    (project.layout.runs / "digits" / "notes.txt").write_text("beside runs that are asked for")
    audit = project.audit()
    assert not any(one.remove for one in failures(audit, "matrix"))
    told = audit_text(audit)
    assert told.endswith(f"Next: `{audit.next}`\n")
    assert audit.next.endswith(f" && {MAKE}")
    subprocess.run(["bash", "-c", audit.next.removesuffix(f" && {MAKE}")], check=True)
    assert (mine / "thesis.tex").read_text() == "years of work"
    aside = project.layout.aside(".")
    assert {path.read_text() for path in aside.rglob("file")} == set(names)
    assert (aside / "digits" / "notes.txt").is_file()
    assert project.audit().passed


def test_behind_a_link_nothing_is_deleted(project: Any) -> None:
    """The folder of runs may lie elsewhere as a whole; a part of it that does may be somebody else's."""
    run = project.run("sam", 0)
    project.path(run, "weights.safetensors").write_bytes(b"")
    project.layout.runs.rename("elsewhere")
    project.layout.runs.symlink_to(Path("elsewhere").absolute())
    assert project.audit().next == f"rm -r results/test/runs/{run} && {MAKE}"
    project.layout.runs.unlink()
    Path("elsewhere").rename(project.layout.runs)
    (project.layout.runs / "digits").rename("elsewhere")
    (project.layout.runs / "digits").symlink_to(Path("elsewhere").absolute())
    (digest, *_) = failures(project.audit(), "bytes")
    assert digest.command == f"readlink -f results/test/runs/{run}"


def test_everything_at_once_is_one_command_that_a_shell_can_run(project: Any) -> None:
    first, second = project.run("sam", 0), project.run("erm", 1)
    project.path(first, "history.csv").write_text("")
    project.path(second, "weights.safetensors").unlink()
    project.layout.noise_card("digits", "symmetric-40").unlink()
    project.layout.table("table4", "csv").write_text("")
    audit = project.audit()
    table = project.layout.table("table4", "csv")
    assert audit.next.endswith(f" && lets data noise digits symmetric-40 && {MAKE} --forcerun {table}")
    removed = audit.next.split(" && ")[0].removeprefix("rm -r ").split()
    assert set(removed) == {
        str(project.layout.run(first)),
        str(project.layout.run(second)),
    }
    subprocess.run(audit.next.split(" && ")[0], shell=True, check=True)
    assert not project.layout.run(first).exists()


def test_nothing_made_yet(project: Any) -> None:
    for folder in ("results", "reports", "data"):
        shutil.rmtree(folder)
    audit = project.audit()
    assert not audit.failures
    assert {one.subject for one in audit.unchecked} >= {
        "results/test/runs",
        str(project.layout.arrays("digits")),
    }
    assert {str(one.verdict) for one in audit.judged} == {"missing"}
    assert audit.next == f"lets data prepare digits --download && {MAKE}"


def test_yaml_of_the_project_is_the_one_of_the_tests(project: Any) -> None:
    assert yaml.safe_load(project.file.read_text())["profile"] == "test"
    assert numpy.isfinite(load_file(project.path(project.run("sam"), "trace.safetensors"))["loss"]).all()
