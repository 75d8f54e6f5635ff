"""`lets why`: one run and its part in the whole."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lets.cli.options import DEMO, ParamsFile
from lets.commands import command

if TYPE_CHECKING:
    from lets.config.paths import Layout
    from lets.project import Project
    from lets.runs.outcomes import Outcome


def why(
    run: Annotated[str, typer.Argument(help="run id, its unambiguous beginning, or its folder")],
    params: ParamsFile = DEMO,
) -> None:
    """Say why a run will or will not be trained, by Snakemake and by DVC, what needs it, and where it lies."""
    from lets.cli.project import as_typed
    from lets.project import Project

    project = Project.load(params)
    matrix, layout = project.matrix, project.layout
    folder = as_typed(Path(run))
    wanted = str(folder.relative_to(layout.runs)) if folder.is_relative_to(layout.runs) else run.rstrip("/")
    spec = project.find(wanted)
    outcome = project.outcome(spec)
    experiments = [name for name, ids in matrix.experiments.items() if spec.id in ids]
    print(spec.id)
    print(f"  state        {outcome.state}: {_decision(outcome, layout)}")
    print(f"  snakemake    {_snakemake(spec.id, params, layout)}")
    print(f"  dvc          {_dvc(spec.id, params, layout)}")
    print(f"  asked by     {', '.join(experiments)}")
    print(f"  needed by    {', '.join(_items(spec.id, project)) or 'no table or figure'}")
    print(f"  settings     {', '.join(f'{key}={value}' for key, value in spec.hyperparameters.items())}")
    print(f"  folder       {layout.run(spec.id)}")
    print(f"  log          {layout.log('train', spec.id)}")


def _decision(outcome: "Outcome", layout: "Layout") -> str:
    begun = layout.state(outcome.id).is_file()
    start = "it goes on where it was interrupted" if begun else "it starts from the beginning"
    remake = f"will be made again; first  {command('rm', '-r', layout.run(outcome.id))}"
    return {
        "finished": "will not be trained again: all its files are there",
        "diverged": f"will not be trained again: it is recorded as diverged ({outcome.reason})",
        "missing": f"will be trained: {start}",
        "partial": f"will be trained: {outcome.reason}; {start}",
        "unreadable": f"{remake} ({outcome.reason})",
    }[outcome.state]


def _snakemake(run: str, params: Path, layout: "Layout") -> str:
    """What a dry run for the files of this run alone answers."""
    from lets.cli.engines import ask

    result = ask("snakemake", *layout.run_files(run), "--dry-run", "--configfile", params)
    if "Nothing to be done" in result.stdout:
        return (
            "would not train it: its files are there, made from the inputs and by the rule that are there now"
        )
    if job := re.search(r"^ *rule train:\n(?: .*\n)*? +reason: (.*)", result.stdout, re.M):
        return f"would train it: {job[1].replace(f'{layout.run(run)}/', '')}"
    return f"no answer: {_last_line(result.stderr or result.stdout)}"


def _dvc(run: str, params: Path, layout: "Layout") -> str:
    """What has changed for the stage `runs`: DVC knows all runs together, not this one."""
    from lets.cli.engines import ask, tracked_params

    if tracked_params() != params:
        return f"knows nothing of it: dvc.yaml is about {tracked_params() or 'nothing here'}"
    result = ask("dvc", "status", "--json", "runs")
    if result.returncode:
        return f"no answer: {_last_line(result.stderr)}"
    changes = json.loads(result.stdout).get("runs", [])
    if not changes:
        return "would not run the stage `runs`: params, code and all runs are as recorded"
    return f"would run the stage `runs`, which leaves it to Snakemake: {', '.join(_words(changes))}"


def _words(changes: list[Any]) -> Iterator[str]:
    """Changes of a stage as DVC lists them: {kind: {path: what happened}}, or a word (changed command)."""
    for change in changes:
        if isinstance(change, str):
            yield change
        else:
            yield from (f"{path} {word}" for paths in change.values() for path, word in paths.items())


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def _items(run: str, project: "Project") -> list[str]:
    """Tables and figures that show a run; a landscape shows the first seed only."""
    items = project.params.items.items()
    return [name for name, item in items if any(one.id == run for one in item.behind(project.matrix))]
