"""`lets status`: how far the matrix of a params file has come."""

from typing import TYPE_CHECKING, Annotated

import typer

from lets.cli.options import DEMO, ParamsFile
from lets.commands import command

if TYPE_CHECKING:
    from lets.cli.curves import Curves
    from lets.config import Matrix
    from lets.config.paths import Layout
    from lets.project import Project
    from lets.runs.outcomes import Outcome


def status(
    params: ParamsFile = DEMO,
    runs: Annotated[bool, typer.Option("--runs", help="list every run instead of the grid")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="look again every other second")] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="write the runs' curves for TensorBoard; with --watch, live")
    ] = False,
) -> None:
    """Show what is done and what is not, by experiment: methods × architectures, finished/asked for.

    `!1` counts diverged runs, `+1` runs that have begun. --watch shows what is running and what ended last, until all
    is done or Ctrl-C; where no terminal is, it prints a line whenever a run has begun or ended.
    """
    from lets.project import Project

    project = Project.load(params)
    curves = _curves(project) if tensorboard else None
    if watch:
        from lets.cli.watch import follow

        return follow(project, curves)
    states = states_of(project)
    if runs:
        print("\n".join(f"{state:<11} {run}" for run, state in states.items()))
    else:
        for experiment in project.matrix.experiments:
            _print_grid(experiment, project.matrix, states)
    print(summary(project, states))


def _curves(project: "Project") -> "Curves":
    from lets.cli.curves import Curves

    curves = Curves(project)
    curves.update(project)
    print(f"curves:  {command('tensorboard', '--logdir', curves.folder)}")
    return curves


def states_of(project: "Project") -> dict[str, str]:
    """Return what became of every run, by id."""
    return {id: _state(run, project.layout) for id, run in project.runs.items()}


def summary(project: "Project", states: dict[str, str]) -> str:
    """Return the line that counts: runs done of all, the time to go, and those in any other state."""
    from lets.cli.plan import networks_of
    from lets.runs.cost import progress

    done = progress(project.matrix, project.layout, networks_of(project.matrix))
    return f"{project.params.profile}: {done}{_others(list(states.values()))}"


def _state(run: "Outcome", layout: "Layout") -> str:
    from lets.runs.outcomes import TO_DO

    return "begun" if run.state in TO_DO and layout.state(run.id).is_file() else run.state


def _others(states: list[str]) -> str:
    special = [state for state in dict.fromkeys(states) if state not in ("finished", "missing")]
    return "".join(f", {states.count(state)} {state}" for state in special)


def _print_grid(experiment: str, matrix: "Matrix", states: dict[str, str]) -> None:
    from lets.config.labels import value_title

    runs = [matrix.runs[run] for run in matrix.experiments[experiment]]
    columns = list(dict.fromkeys(run.architecture for run in runs))
    titles = [value_title("architecture", name) for name in columns]
    widths = [max(len(title), 7) + 2 for title in titles]
    for dataset, noise in dict.fromkeys((run.dataset, run.noise) for run in runs):
        here = [run for run in runs if (run.dataset, run.noise) == (dataset, noise)]
        where = f"{experiment}: {value_title('dataset', dataset)}, {value_title('noise', noise)}"
        print(f"{where}\n{'':<16}" + "".join(map(str.rjust, titles, widths)))
        for method in dict.fromkeys(run.method for run in here):
            row = [run for run in here if run.method == method]
            cells = [_count([states[run.id] for run in row if run.architecture == name]) for name in columns]
            print(f"  {value_title('method', method):<14}" + "".join(map(str.rjust, cells, widths)))
        print()


def _count(states: list[str]) -> str:
    diverged, begun = states.count("diverged"), states.count("begun")
    marks = (f" !{diverged}" if diverged else "") + (f" +{begun}" if begun else "")
    return f"{states.count('finished')}/{len(states)}{marks}"
