"""`lets report`: tables, figures and the page."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from lets.cli.options import DEMO, ParamsFile

if TYPE_CHECKING:
    from lets.spec import Layout, RunSpec

Item = TypeVar("Item")


def report(
    params: ParamsFile = DEMO,
    table: Annotated[list[str] | None, typer.Option(help="only this table; may be repeated")] = None,
    figure: Annotated[list[str] | None, typer.Option(help="only this figure; may be repeated")] = None,
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
    from lets.report import write_claims, write_figure, write_page, write_runs, write_summary, write_table
    from lets.spec import Layout, expand, load_params

    content = load_params(params)
    matrix, layout = expand(content), Layout.of(content)
    everything = not (table or figure or page or summary or claims)
    tables = _chosen("table", content.tables, list(content.tables) if everything else table or [])
    figures = _chosen("figure", content.figures, list(content.figures) if everything else figure or [])
    for name, item in tables.items():
        _print(write_table(name, item, content, matrix, layout))
    for name, drawing in figures.items():
        _print(write_figure(name, drawing, content, matrix, layout))
    if claims or everything:
        _print(write_claims(content, matrix, layout))
    if page or everything:
        _print([write_page(content, matrix, layout)])
    if summary or everything:
        _print([write_summary(matrix, layout), write_runs(matrix, layout)])
    shown = [run for item in (*tables.values(), *figures.values()) for run in matrix.select(item)]
    _name_absent(list(matrix.runs.values()) if page or summary or claims or everything else shown, layout)


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


def _name_absent(runs: "Iterable[RunSpec]", layout: "Layout") -> None:
    from lets.report.notes import absent_notes
    from lets.results import read_outcome

    for note in absent_notes(read_outcome(run, layout) for run in runs):
        print(note, file=sys.stderr)
