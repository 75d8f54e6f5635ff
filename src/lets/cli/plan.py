"""`lets plan`: what a params file asks for, before anybody starts a thousand trainings."""

import json as json_format
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lets.cli.options import DEMO
from lets.cli.plan_text import Found, plan_text

if TYPE_CHECKING:
    from lets.config import RunSpec
    from lets.config.matrix import Matrix
    from lets.config.params import Params
    from lets.runs.cost import Networks


def plan(
    file: Annotated[Path | None, typer.Argument(metavar="PARAMS", help="what to run: a params file")] = None,
    params: Annotated[Path | None, typer.Option("--params", help="the same, as other verbs take it")] = None,
    tflops: Annotated[
        float | None, typer.Option(help="10¹² operations a second that one GPU sustains; default: measured")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="the same numbers, for programs")] = False,
    write_schema: Annotated[
        bool, typer.Option("--write-schema", help="write the JSON schema of params files instead")
    ] = False,
) -> None:
    """Say what tables and figures ask for: runs and how many exist, operations, GPU-hours, disk.

    Of the runs some are done, diverged (div.) or begun. A forward-backward pass counts as three forwards; what
    is measured after every epoch counts too. Hours follow from --tflops, or from the speed of finished runs of
    this profile; without either they are unknown.

    Example: lets plan params/paper.yaml --tflops 20
    """
    if write_schema:
        return _write_schema()
    found = _plan(_chosen(file, params), tflops)
    print(json_format.dumps(found, indent=2, ensure_ascii=False) if json else plan_text(found))


def _write_schema() -> None:
    from lets.config.paths import SCHEMA
    from lets.files import write_text
    from lets.project.schema import schema_text

    write_text(SCHEMA, schema_text())
    print(SCHEMA)


def _chosen(file: Path | None, params: Path | None) -> Path:
    from lets.errors import SpecError

    if file and params and file != params:
        raise SpecError(f"{file} and --params {params} – two params files – name one of them")
    return file or params or DEMO


def _plan(path: Path, tflops: float | None) -> Found:
    """Everything that is told, as JSON knows it; what is printed is made of it."""
    from lets.config.effort import state_bytes, steps
    from lets.errors import SpecError
    from lets.project import Project
    from lets.project.workload import add_up, all_jobs, demand_of
    from lets.runs.cost import measured_speeds

    if tflops is not None and not tflops > 0:
        raise SpecError(f"--tflops {tflops:g} – no GPU is that slow – write  --tflops 20")
    project = Project.load(path)
    params, matrix = project.params, project.matrix
    networks = _networks(matrix)
    measured = measured_speeds(project.runs.values(), networks)
    speed = (lambda run: tflops * 1e12) if tflops else measured.of
    jobs = all_jobs(project, networks, speed)
    runs = matrix.runs.values()
    states = [state_bytes(run, networks[run.architecture, run.dataset]) for run in runs]
    return {
        "params": str(path),
        "profile": params.profile,
        "device": params.device,
        "experiments": _experiments(params, matrix),
        "shared": sum(map(len, matrix.experiments.values())) - len(matrix.runs),
        "steps": sum(map(steps, runs)),
        "tables": {name: asdict(demand_of(item, jobs, matrix)) for name, item in params.tables.items()},
        "figures": {name: asdict(demand_of(item, jobs, matrix)) for name, item in params.figures.items()},
        "all": asdict(add_up(jobs)),
        "state_bytes": max(states, default=0),
        "speed": _speed(runs, speed, "" if tflops else measured.device, measured.runs),
    }


def _networks(matrix: "Matrix") -> "Networks":
    """Every network of the runs, with what it costs."""
    from lets.config.shapes import shape
    from lets.models.cost import cost

    wanted = dict.fromkeys((run.architecture, run.dataset) for run in matrix.runs.values())
    return {(name, dataset): cost(name, *shape(name, dataset)) for name, dataset in wanted}


def _experiments(params: "Params", matrix: "Matrix") -> dict[str, Any]:
    found = {}
    for name, experiment in params.experiments.items():
        axes: dict[str, list[Any]] = {
            "data sets": experiment.datasets,
            "noise": experiment.noise,
            "architectures": experiment.architectures,
            "methods": experiment.methods,
            **experiment.vary,
            "seeds": experiment.seeds or params.seeds,
        }
        sizes = {axis: len(values) for axis, values in axes.items()}
        found[name] = {"runs": len(matrix.experiments[name]), "axes": sizes}
    return found


def _speed(
    runs: "Iterable[RunSpec]", speed: "Callable[[RunSpec], float | None]", device: str, measured: int
) -> dict[str, Any]:
    """Where hours come from; operations per second of one GPU, by architecture, and who has none."""
    known: dict[str, list[float]] = {}
    unknown: dict[str, None] = {}
    for run in runs:
        if (value := speed(run)) is None:
            unknown[run.architecture] = None
        else:
            known.setdefault(run.architecture, []).append(value)
    return {
        "device": device,
        "runs": measured,
        "per_second": {name: [min(values), max(values)] for name, values in known.items()},
        "unknown": list(unknown),
    }
