"""`lets plan` and `lets only`: what a params file asks for, before anybody starts a thousand trainings; and less."""

import json as json_format
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lets.cli.options import DEMO, ParamsFile
from lets.commands import command

if TYPE_CHECKING:
    from lets.config import RunSpec
    from lets.config.matrix import Matrix
    from lets.config.params import Params
    from lets.runs.cost import Networks

Found = Mapping[str, Any]
"""what `lets plan --json` prints"""
PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")


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
    print(json_format.dumps(found, indent=2, ensure_ascii=False) if json else "\n".join(_lines(found)))


def only(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="experiments, tables or figures")
    ] = None,
    params: ParamsFile = DEMO,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="for example training.epochs=5")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="names its results and reports; default: the old one and the names")
    ] = "",
    methods: Annotated[str, typer.Option(metavar="A,B", help="of those, these alone")] = "",
    architectures: Annotated[str, typer.Option(metavar="A,B", help="of those, these alone")] = "",
    datasets: Annotated[str, typer.Option(metavar="A,B", help="of those, these alone")] = "",
    noise: Annotated[str, typer.Option(metavar="A,B", help="of those, these alone")] = "",
) -> None:
    """Write a params file with some experiments of another one, and the tables and figures they can make.

    Its runs are the same, in a folder of their own. The name of a table or figure stands for its experiments.
    --set KEY=VALUE, as often as you like, makes other runs. Without a NAME, all experiments are meant.

    Example: lets only table1 --params params/paper.yaml --methods sam,lets-sam --architectures resnet18
    """
    from lets.errors import SpecError
    from lets.files import write_text
    from lets.project.cut import cut, options
    from lets.project.project import load_params

    asked = {"methods": methods, "architectures": architectures, "datasets": datasets, "noise": noise}
    keep = {axis: values.split(",") for axis, values in asked.items() if values}
    if not (names or changes or keep):
        raise SpecError("no NAME – say which experiments – see them:  lets plan")
    names, changes = names or [], changes or []
    smaller = cut(params, names, profile, changes, keep)
    path = params.parent / f"{smaller.profile}.yaml"
    if path.exists() and path.read_text(encoding="utf-8") != smaller.text:
        named = ["--params", params, "--profile", f"{smaller.profile}-2"]
        again = command("lets", "only", *names, *options(changes, keep), *named)
        raise SpecError(f"{path} – is there already and says something else – {again}")
    if changes:
        said = _runs_changed(path, smaller.text, cut(params, names, keep=keep).text)
    else:
        said, _ = "", load_params(path, smaller.text)
    write_text(path, smaller.text)
    if said:
        print(said)
    if smaller.dropped:
        print(f"without {', '.join(smaller.dropped)}, which need more experiments")
    print(f"{path}\n  {command('lets', 'plan', path)}")
    print(f"  {command('snakemake', '--cores', 'all', '--configfile', path)}")


def _runs_changed(path: Path, text: str, unchanged: str) -> str:
    """Say in which experiments a file asks for other runs than unchanged; raises SpecError for a bad change."""
    from lets.config.params import expand
    from lets.errors import SpecError
    from lets.project.project import load_params

    try:
        changed = expand(load_params(path, text)).experiments
    except SpecError as error:
        raise SpecError(re.sub(rf"(?m)^{re.escape(str(path))}:\d+: ", "--set: ", str(error))) from error
    before = expand(load_params(path, unchanged)).experiments
    other = [name for name in changed if changed[name] != before[name]]
    same = [name for name in changed if name not in other]
    words = [f"other runs than before: {', '.join(other)}"] * bool(other)
    own = "they or their architectures give a value of their own, which stays; give those too"
    words += [f"the same runs as before: {', '.join(same)} ({own})"] * bool(same)
    return "; ".join(words)


def _write_schema() -> None:
    from lets.config.paths import SCHEMA
    from lets.files import write_text
    from lets.project.params import schema_text

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
    from lets.project.workload import add_up, all_jobs, workload_of
    from lets.runs.cost import measured_speeds

    if tflops is not None and not tflops > 0:
        raise SpecError(f"--tflops {tflops:g} – no GPU is that slow – write  --tflops 20")
    project = Project.load(path)
    params, matrix = project.params, project.matrix
    networks = networks_of(matrix)
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
        "tables": {name: asdict(workload_of(item, jobs, matrix)) for name, item in params.tables.items()},
        "figures": {name: asdict(workload_of(item, jobs, matrix)) for name, item in params.figures.items()},
        "all": asdict(add_up(jobs)),
        "state_bytes": max(states, default=0),
        "speed": _speed(runs, speed, "" if tflops else measured.device, measured.runs),
    }


def networks_of(matrix: "Matrix") -> "Networks":
    """Every network of the runs, with what it costs."""
    from lets.config.effort import shape
    from lets.models.costs import cost

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


def _lines(found: Found) -> Iterator[str]:
    """Yield what was found, aligned for a terminal."""
    yield f"{found['params']}: profile {found['profile']}, device {found['device']}\n"
    yield from _experiment_lines(found)
    total = found["all"]
    yield f"\nto train   {total['runs']:,} runs, {found['steps']:,} steps"
    yield f"           about {total['passes']:,} forward-backward passes"
    for kind in ("tables", "figures"):
        if found[kind]:
            yield from ("", _row(found, kind, None), *(_row(found, *row) for row in found[kind].items()))
    yield from ("", _row(found, "", None), _row(found, "in all", total))
    yield "\nFLOP: three forwards a pass, and what is measured after every epoch; hours: of one GPU, or job on a CPU"
    yield f"disk       {amount(total['bytes_to_go'], 'B')} more when all is done; while a training runs, up to"
    yield f"           {amount(found['state_bytes'], 'B')} in work/, and for a moment twice that"
    for line, label in zip_longest(_speed_lines(found["speed"]), ["speed"], fillvalue=""):
        yield f"{label:<11}{line}"


def _experiment_lines(found: Found) -> Iterator[str]:
    width = max(map(len, [*found["experiments"], "in all"])) + 2
    for name, one in found["experiments"].items():
        product = " × ".join(f"{count} {axis}" for axis, count in one["axes"].items() if count > 1)
        yield f"{name:<{width}}{one['runs']:>5} runs" + (f" = {product}" if product else "")
    shared = f", {found['shared']} shared by experiments" if found["shared"] else ""
    yield f"{'in all':<{width}}{found['all']['runs']:>5} runs{shared}"


def _row(found: Found, name: str, workload: Found | None) -> str:
    """One line of the table; without a workload the titles of its columns."""
    width = max(map(len, [*found["tables"], *found["figures"], "in all"])) + 1
    titles = (
        "runs",
        "done",
        "div.",
        "begun",
        "analyses",
        "passes",
        "FLOP",
        "to go",
        "hours",
        "to go",
        "disk",
    )
    cells = titles if workload is None else _cells(workload)
    return f"{name:<{width}}" + "".join(map(str.rjust, cells, (6, 6, 5, 6, 9, 8, 8, 8, 9, 9, 8)))


def _cells(workload: Found) -> list[str]:
    counts = [f"{workload[key]:,}" for key in ("runs", "finished", "diverged", "begun")]
    analyses = f"{workload['analysed']}/{workload['analyses']}" if workload["analyses"] else "–"
    amounts = [amount(workload[key]) for key in ("passes", "flops", "flops_to_go")]
    hours = [_hours(workload[key]) for key in ("hours", "hours_to_go")]
    return [*counts, analyses, *amounts, *hours, amount(workload["bytes"], "B")]


def _hours(hours: float | None) -> str:
    if hours is None:
        return "?"
    return f"{hours:,.0f}" if hours >= 100 or hours == 0 else f"{hours:.3g}"


def _speed_lines(speed: Found) -> Iterator[str]:
    values = [value for pair in speed["per_second"].values() for value in pair]
    said = []
    if values and speed["device"]:
        slow, fast = amount(min(values), "FLOP"), amount(max(values), "FLOP")
        said += [f"{slow} to {fast} per second, in {speed['runs']} finished runs on {speed['device']}"]
    elif values:
        said += [f"{amount(values[0], 'FLOP')} per second and GPU, as you say"]
    if speed["unknown"]:
        said += [f"unknown for {', '.join(speed['unknown'])}, and so are the hours that read ?"]
        said += ["say what one GPU sustains:  --tflops X,  or train a run of each first"]
    yield from (line for text in said for line in wrap(text, 98))


def amount(value: float, unit: str = "") -> str:
    """Return three digits with a decimal prefix and the unit; whole numbers below a thousand as they are."""
    power = 0
    while float(f"{value:.3g}") >= 1000 and power < len(PREFIXES) - 1:
        value, power = value / 1000, power + 1
    whole = power == 0 and value == int(value)
    digits = f"{value:.0f}" if whole or value >= 100 else f"{value:#.3g}"
    return f"{digits} {PREFIXES[power]}{unit}".rstrip()
