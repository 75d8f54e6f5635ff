"""`lets report` and `lets export`: tables, figures and the page; and all of it for other people's tools."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from lets.cli.options import DEMO, ParamsFile

if TYPE_CHECKING:
    from lets.runs.outcomes import Outcome

Item = TypeVar("Item")


def report(
    params: ParamsFile = DEMO,
    table: Annotated[list[str] | None, typer.Option(help="only this table; may be repeated")] = None,
    figure: Annotated[list[str] | None, typer.Option(help="only this figure; may be repeated")] = None,
    show: Annotated[bool, typer.Option("--show", help="print the tables instead of writing them")] = False,
    page: Annotated[bool, typer.Option("--page", help="only the HTML page, unaudited")] = False,
    summary: Annotated[bool, typer.Option("--summary", help="only summary.json and runs.csv")] = False,
    claims: Annotated[
        bool,
        typer.Option("--claims", help="only the paper's claims and their verdicts: claims.md, claims.csv"),
    ] = False,
) -> None:
    """Build tables, figures, the page of claims and the HTML page from the run records; without options everything.

    Prints the files written; runs that are not there are named on stderr, and wherever they are missed.
    """
    from lets.claims.document import write_claims
    from lets.figures.figure import write_figure
    from lets.page.page import write_page
    from lets.page.summaries import write_runs, write_summary
    from lets.project import Project
    from lets.tables.render import plain_text, write_table

    project = Project.load(params)
    content, layout = project.params, project.layout
    everything = not (table or figure or page or summary or claims)
    tables = _chosen("table", content.tables, list(content.tables) if everything else table or [])
    figures = _chosen("figure", content.figures, list(content.figures) if everything else figure or [])
    if show:
        print("\n\n".join(plain_text(project.table(name)) for name in tables or content.tables))
        return
    for name in tables:
        _print(write_table(project.table(name), layout))
    for name, one in figures.items():
        _print(write_figure(name, one, project.numbers(name), layout))
    if claims or everything:
        _print(write_claims(project))
    if page or everything:
        _print([write_page(project)])
    if summary or everything:
        _print([write_summary(project), write_runs(project)])
    shown = [run for item in (*tables.values(), *figures.values()) for run in project.shown(item)]
    _name_absent(project.runs.values() if page or summary or claims or everything else shown)


def export(
    params: ParamsFile = DEMO,
    to: Annotated[Path | None, typer.Option(help="the archive; default: work/<profile>.crate.zip")] = None,
    weights: Annotated[
        bool, typer.Option("--weights", help="checkpoints too, not only their digests")
    ] = False,
) -> None:
    """Write workflow, run records and reports as a Workflow Run RO-Crate, a zip with machine-readable provenance."""
    from lets.errors import SpecError
    from lets.files import check_named
    from lets.project import Project

    try:
        from lets.page.crate import write_crate
    except ModuleNotFoundError as error:
        reason = "rocrate, which writes the archive, is not installed"
        raise SpecError(f"lets export – {reason} – run  pip install 'lets-repro[crate]'") from error
    check_named(to)
    project = Project.load(params)
    target = to or project.layout.crate
    count = write_crate(target, params, project, weights)
    print(f"{target}: {count} of {len(project.matrix.runs)} runs, {target.stat().st_size / 2**20:.1f} MiB")


def _chosen(kind: str, items: Mapping[str, Item], names: Sequence[str]) -> Mapping[str, Item]:
    from lets.errors import SpecError

    unknown = [name for name in names if name not in items]
    if unknown:
        known = ", ".join(items) or "none in this params file"
        raise SpecError(f"--{kind} {unknown[0]} – no such {kind} – choose from: {known}")
    return {name: items[name] for name in names}


def _print(paths: Iterable[Path]) -> None:
    for path in paths:
        print(path, flush=True)


def _name_absent(runs: "Iterable[Outcome]") -> None:
    from lets.tables.notes import absent_notes

    for note in absent_notes(runs):
        print(note, file=sys.stderr)
