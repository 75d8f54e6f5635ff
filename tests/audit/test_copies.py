"""Runs that are copies of others, and runs that honestly end the same."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import load_file, save_file
from tests.audit.found import reasons

from lets.audit.audit import Audit
from lets.files import write_json
from lets.runs import Divergence, Metrics
from lets.runs.history import HistoryRow, history_text, read_history


def copy(project: Any, source: str, target: str, names: tuple[str, ...] = ()) -> None:
    """Copy files of one run over another's, with ids rewritten and digests made to agree."""
    spec, data = (
        project.path(target, "run.json").read_bytes(),
        project.path(target, "provenance.json").read_text(),
    )
    names = names or (
        "history.csv",
        "trace.safetensors",
        "weights.safetensors",
        "metrics.json",
        "provenance.json",
    )
    for name in names:
        shutil.copy(project.path(source, name), project.path(target, name))
    project.path(target, "run.json").write_bytes(spec)
    for name in ("metrics.json", "provenance.json"):
        path = project.path(target, name)
        path.write_text(path.read_text().replace(source, target))
    provenance = json.loads(project.path(target, "provenance.json").read_text())
    write_json(project.path(target, "provenance.json"), provenance | {"seeds": json.loads(data)["seeds"]})
    project.reseal(target)
    project.report()


def copies(audit: Audit) -> dict[str, str]:
    return {one.run: one.reason for check in audit.checks if check.name == "copies" for one in check.failures}


def test_nothing_is_a_copy(project: Any) -> None:
    assert copies(project.audit()) == {}


@pytest.mark.parametrize(
    ("method", "seed", "noise", "architecture"),
    [
        ("lets-sam", 0, "clean", "resnet-small"),  # another method
        ("sam", 1, "clean", "resnet-small"),  # another method and seed
        ("sam", 0, "symmetric-40", "resnet-small"),  # other labels
        ("erm", 0, "clean", "wrn-small"),  # another network
    ],
)
def test_a_whole_run_copied_over_another(
    project: Any, method: str, seed: int, noise: str, architecture: str
) -> None:
    source, target = project.run("erm"), project.run(method, seed, noise, architecture)
    copy(project, source, target)
    what = "history.csv and weights.safetensors and losses"
    assert copies(project.audit()) == {
        source: f"has the {what} of another run: {target}",
        target: f"has the {what} of another run: {source}",
    }


@pytest.mark.parametrize("name", ["weights.safetensors", "history.csv", "trace.safetensors"])
def test_one_file_copied(project: Any, name: str) -> None:
    source, target = project.run("erm"), project.run("sam")
    copy(project, source, target, (name,))
    assert copies(project.audit()).keys() == {source, target}


def test_another_radius_of_the_same_method(project: Any) -> None:
    radii = {run.hyperparameters["rho"]: id for id, run in project.matrix.runs.items() if run.method == "sam"}
    assert radii.keys() == {0.05, 0.5}
    copy(project, radii[0.05], radii[0.5])
    assert copies(project.audit()).keys() == set(radii.values())


def test_a_radius_that_never_moved_is_that_of_the_base_method(project: Any) -> None:
    """The same weights and losses, in more passes."""
    source, target = project.run("sam"), project.run("lets-sam")
    trace = load_file(project.path(source, "trace.safetensors"))
    learned = {name: numpy.zeros_like(trace["loss"]) for name in ("gap", "hypergradient")}
    copy(project, source, target)
    save_file(trace | learned, project.path(target, "trace.safetensors"))
    rows = read_history(project.path(source, "history.csv"))
    rows = [HistoryRow(**{**vars(row), "passes": 2 * row.passes}) for row in rows]
    project.path(target, "history.csv").write_text(history_text(rows))
    write_json(project.path(target, "metrics.json"), Metrics.of(target, rows).model_dump(mode="json"))
    project.reseal(target)
    project.report()
    assert reasons(project.audit()) == {}
    moved = {**trace, **learned, "rho": numpy.linspace(0.05, 0.06, len(trace["rho"]))}
    save_file(moved, project.path(target, "trace.safetensors"))
    project.reseal(target)
    assert copies(project.audit()).keys() == {source, target}


def save_again(path: Path, change: Any, **metadata: str) -> None:
    """Write tensors to another file: as `change` makes them of themselves, with a header of their own."""
    save_file(
        {name: change(tensor) for name, tensor in load_file(path).items()}, path, metadata=metadata or None
    )


@pytest.mark.parametrize(
    ("seed", "change", "metadata"),
    [
        (0, lambda tensor: tensor, {"of": "another"}),
        (1, lambda tensor: tensor, {"of": "another"}),  # the check of the seeds names them
        (0, lambda tensor: tensor.astype("float64"), {}),
        (0, lambda tensor: numpy.where(tensor == 0, -tensor, tensor), {}),
    ],
)
def test_the_same_weights_in_another_file(
    project: Any, seed: int, change: Any, metadata: dict[str, str]
) -> None:
    source, target = project.run("sam"), project.run("erm" if seed == 0 else "sam", seed)
    name = "weights.safetensors"
    save_file({"a": numpy.zeros(3, "float32"), "b": numpy.ones(2, "float32")}, project.path(source, name))
    copy(project, source, target, (name,))
    save_again(project.path(target, name), change, **metadata)
    assert project.path(source, name).read_bytes() != project.path(target, name).read_bytes()
    project.reseal(source)
    project.reseal(target)
    found = reasons(project.audit())["copies" if seed == 0 else "seeds"]
    assert len(found) == 2
    assert all(one.startswith(f"has the {name} of another ") for one in found)


def test_a_history_whose_radius_and_passes_are_its_own(project: Any) -> None:
    source, target = project.run("sam"), project.run("erm")
    rows = zip(*(read_history(project.path(run, "history.csv")) for run in (source, target)), strict=True)
    own = ("lr", "rho", "passes", "perturbed", "steps")
    mixed = [HistoryRow(**{**vars(row), **{name: getattr(mine, name) for name in own}}) for row, mine in rows]
    project.path(target, "history.csv").write_text(history_text(mixed))
    project.reseal(target)
    found = copies(project.audit())
    assert found[target] == f"has the history.csv of another run: {source}"


@pytest.mark.parametrize(
    "forge",
    [
        lambda losses: losses * (1 + 1e-9),
        lambda losses: numpy.where(numpy.arange(len(losses)) == len(losses) - 1, losses + 0.1, losses),
        lambda losses: numpy.where(numpy.arange(len(losses)) < len(losses) // 2, losses + 0.1, losses),
    ],
)
@pytest.mark.parametrize("method", ["lets-sam", "erm"])
def test_almost_the_losses(project: Any, method: str, forge: Any) -> None:
    """A copy whose losses were moved a little everywhere, or a lot somewhere."""
    source, target = project.run("sam", 1), project.run(method)
    losses = load_file(project.path(source, "trace.safetensors"))["loss"]
    path = project.path(target, "trace.safetensors")
    save_file(load_file(path) | {"loss": forge(losses)}, path)
    project.reseal(target)
    assert copies(project.audit())[target] == f"has almost the losses of another run: {source}"


@pytest.mark.parametrize(
    ("method", "last", "found"),
    [("lets-sam", 0.0501, False), ("lets-sam", 0.06, True), ("erm", 0.0, True)],
)
def test_radii_that_hardly_differ_may_give_almost_the_same_losses(
    project: Any, method: str, last: float, found: bool
) -> None:
    source, target = project.run("sam"), project.run(method)
    path = project.path(target, "trace.safetensors")
    losses = load_file(project.path(source, "trace.safetensors"))["loss"]
    radii = numpy.linspace(min(last, 0.05), last, len(losses))
    save_file(load_file(path) | {"loss": losses * (1 + 1e-7), "rho": radii}, path)
    project.reseal(target)
    assert (target in copies(project.audit())) is found


@pytest.mark.parametrize(("last", "found"), [(0.0501, False), (0.06, True)])
def test_radii_that_hardly_differ_may_give_the_same_history(project: Any, last: float, found: bool) -> None:
    """Three steps of SAM and LETS-SAM with a momentum of 0.8 gave one; their weights differ."""
    source, target = project.run("sam"), project.run("lets-sam")
    rows = read_history(project.path(source, "history.csv"))
    rows = [HistoryRow(**{**vars(row), "passes": 2 * row.passes, "rho": last}) for row in rows]
    project.path(target, "history.csv").write_text(history_text(rows))
    path = project.path(target, "trace.safetensors")
    trace = load_file(path)
    save_file(trace | {"rho": numpy.linspace(0.05, last, len(trace["rho"]))}, path)
    project.reseal(target)
    assert (target in copies(project.audit())) is found


def test_what_only_began_alike_is_no_copy(project: Any) -> None:
    """As AE-LookSAM and LETS-AE-LookSAM do, which take the same steps until one perturbs."""
    source, target = project.run("sam"), project.run("erm")
    first, other = (load_file(project.path(run, "trace.safetensors")) for run in (source, target))
    half = len(first["loss"]) // 2
    other["loss"][:half] = first["loss"][:half]
    save_file(other, project.path(target, "trace.safetensors"))
    project.reseal(target)
    assert copies(project.audit()) == {}


def test_two_runs_that_diverged_in_their_first_epoch_are_no_copies(project: Any) -> None:
    """Neither history has an epoch."""
    for run in (project.run("sam"), project.run("erm", 1)):
        path = project.path(run, "trace.safetensors")
        trace = load_file(path)
        for column in trace.values():
            column[11:] = numpy.nan
        save_file(trace, path)
        project.path(run, "history.csv").write_text(history_text([]))
        write_json(
            project.path(run, "metrics.json"),
            Metrics.of(run, [], Divergence(step=11, rho=0.05, norms={"loss": "nan"})).model_dump(mode="json"),
        )
        project.reseal(run)
    assert copies(project.audit()) == {}


DIVERGED = '{"step": 3, "rho": 0.05, "norms": {"loss": "nan"}}'


def test_a_bad_seed_said_to_have_diverged(project: Any) -> None:
    """Everything but metrics.json is that of a training that finished."""
    run = project.run("sam", 1)
    said_to_have_diverged(project, run, DIVERGED)
    found = reasons(project.audit())["numbers"]
    assert any("step 3 diverged, trace.safetensors has loss at step 23" in one for one in found)
    assert any("step 3 diverged, 12 steps an epoch, its history has 2 epochs" in one for one in found)


@pytest.mark.parametrize(
    ("step", "norms", "reason"),
    [
        (15, {"loss": "0.5"}, "what was not finite it does not say"),
        (11, {"loss": "nan"}, "trace.safetensors has loss at step 14"),
        (17, {"loss": "nan"}, "no finite loss at a step before"),
        (30, {"loss": "nan"}, "step 30 of 24 diverged"),
    ],
)
def test_a_diverged_run_whose_step_or_norms_are_others(
    project: Any, write_run: Any, step: int, norms: dict[str, str], reason: str
) -> None:
    run = project.run("erm", 1)
    write_run(project.layout, project.matrix.runs[run], project.data("clean"), diverged=True)
    project.report()
    assert reasons(project.audit()) == {}
    path = project.path(run, "metrics.json")
    content = json.loads(path.read_text())
    content["divergence"] |= {"step": step, "norms": norms}
    write_json(path, content)
    project.reseal(run)
    project.report()
    assert any(reason in one for one in reasons(project.audit())["numbers"])


def said_to_have_diverged(project: Any, run: str, divergence: str) -> None:
    path: Path = project.path(run, "metrics.json")
    totals = {name: value for name, value in json.loads(path.read_text()).items() if name in TOTALS}
    write_json(path, totals | {"status": "diverged", "divergence": json.loads(divergence)})
    project.reseal(run)
    project.report()


TOTALS = ("run", "epochs", "steps", "passes", "perturbed_steps")
