"""Snakemake and DVC, and the verbs that ask them: `lets why`, `lets track`, `lets pull`."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lets.cli.options import DEMO, ParamsFile, as_typed
from lets.commands import command
from lets.errors import LetsError, RecordError, SpecError

if TYPE_CHECKING:
    from lets.config.paths import Layout
    from lets.project import Project
    from lets.runs.outcomes import Outcome


def why(
    run: Annotated[str, typer.Argument(help="run id, its unambiguous beginning, or its folder")],
    params: ParamsFile = DEMO,
) -> None:
    """Say why a run will or will not be trained, by Snakemake and by DVC, what needs it, and where it lies."""
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
    print(f"  snakemake    {_snakemake_says(spec.id, params, layout)}")
    print(f"  dvc          {_dvc_says(spec.id, params, layout)}")
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


def _snakemake_says(run: str, params: Path, layout: "Layout") -> str:
    """What a dry run for the files of this run alone answers."""
    result = _ask("snakemake", *layout.run_files(run), "--dry-run", "--configfile", params)
    if "Nothing to be done" in result.stdout:
        return (
            "would not train it: its files are there, made from the inputs and by the rule that are there now"
        )
    if job := re.search(r"^ *rule train:\n(?: .*\n)*? +reason: (.*)", result.stdout, re.M):
        return f"would train it: {job[1].replace(f'{layout.run(run)}/', '')}"
    return f"no answer: {_last_line(result.stderr or result.stdout)}"


def _dvc_says(run: str, params: Path, layout: "Layout") -> str:
    """What has changed for the stage `runs`: DVC knows all runs together, not this one."""
    if _tracked_params() != params:
        return f"knows nothing of it: dvc.yaml is about {_tracked_params() or 'nothing here'}"
    result = _ask("dvc", "status", "--json", "runs")
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


def track(params: ParamsFile = DEMO) -> None:
    """Record data, runs, analyses and reports of a finished matrix in DVC, and Snakemake's memory of them."""
    from lets.project import Project
    from lets.project.workflow import keep_memory

    project = Project.load(params)
    layout = project.layout
    _refuse_other_params(params)
    keep_memory(layout, _remembered(params))
    _let_dvc("add", "--quiet", *layout.data_folders(project.matrix), layout.memory)
    _let_dvc("commit", "--force", "dvc.yaml")
    print("recorded; to share it:  git add dvc.lock data results; git commit; dvc push")


def pull(params: ParamsFile = DEMO) -> None:
    """Fetch data, runs, analyses and the page from DVC's remote, and give Snakemake its memory of them."""
    from lets.project import Project
    from lets.project.workflow import recall_memory

    project = Project.load(params)
    layout = project.layout
    _refuse_other_params(params)
    pointers = [f"{folder}.dvc" for folder in (*layout.data_folders(project.matrix), layout.memory)]
    _let_dvc("pull", "dvc.yaml", *pointers)
    recall_memory(layout)


def _remembered(params: Path) -> set[Path]:
    """Return the files of a finished matrix; those made by hand enter Snakemake's memory as they are."""
    files = _outputs(params)
    if pending := [file.path for file in files if file.pending]:
        raise RecordError(
            f"{len(pending)} of {len(files)} files that {params} asks for are still to be made, first {pending[0]} – "
            f"a clone would make them – run  {command('snakemake', '--cores', 'all', '--configfile', params)}"
        )
    if unknown := [file.path for file in files if not file.remembered]:
        print(
            f"{len(unknown)} files were not made by Snakemake, first {unknown[0]}; it takes them as they are"
        )
        _answer("snakemake", *unknown, "--touch", "--force", "--cores", "1", "--configfile", params)
    return {file.path for file in files}


def _ask(engine: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Return what `snakemake` or `dvc` answers."""
    return subprocess.run([sys.executable, "-m", engine, *arguments], capture_output=True, text=True)


def _answer(engine: str, *arguments: str | Path) -> str:
    """Return what `snakemake` or `dvc` prints; raises LetsError with what it says if it fails."""
    result = _ask(engine, *arguments)
    if result.returncode:
        raise LetsError(
            f"{engine} {arguments[0]} – failed – {result.stderr.strip() or result.stdout.strip()}"
        )
    return result.stdout


def _let_dvc(*arguments: str | Path) -> None:
    """Let DVC work in the user's sight; raises LetsError if it fails, after its own message."""
    if code := subprocess.run([sys.executable, "-m", "dvc", *arguments]).returncode:
        raise LetsError(f"dvc {arguments[0]} – ended with {code} – see its message above")


@dataclass(frozen=True)
class _Output:
    """A file that a params file asks for, as Snakemake sees it."""

    path: Path
    remembered: bool
    """whether Snakemake knows what made it"""
    pending: bool
    """whether Snakemake would make it, or make it again"""


def _outputs(params: Path) -> list[_Output]:
    """Return every file that Snakemake makes on the way from a params file to its reports."""
    table = _answer("snakemake", "--summary", "--configfile", params).splitlines()
    return [
        _Output(Path(row["output_file"]), row["log-file(s)"] != "-", row["plan"] != "no update")
        for row in csv.DictReader(table, delimiter="\t")
    ]


def _tracked_params() -> Path | None:
    """Return the params file that the stages of dvc.yaml are about; None where there is no dvc.yaml.

    Raises SpecError if it does not say so.
    """
    import yaml

    pipeline = Path("dvc.yaml")
    try:
        return Path(yaml.safe_load(pipeline.read_text())["vars"][0]["params"]) if pipeline.is_file() else None
    except (yaml.YAMLError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise SpecError(
            f"{pipeline} – does not name  params  first among its vars – see what you changed:  "
            f"{command('git', 'diff', pipeline)}"
        ) from error


def _refuse_other_params(params: Path) -> None:
    """Raise SpecError if the stages of dvc.yaml are those of another params file."""
    tracked = _tracked_params()
    if tracked is None:
        restore = command("git", "checkout", "--", "dvc.yaml")
        raise SpecError(f"dvc.yaml – is not there, and without it DVC knows no stages – run  {restore}")
    if tracked != params:
        raise SpecError(
            f"--params {params} – dvc.yaml is about {tracked} – change  params, profile, curves  at its head"
        )
