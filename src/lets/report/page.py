"""The report as one HTML file that needs nothing else: tables, figures, what ran, how to check it."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from lets.errors import RecordError
from lets.records.files import bytes_as_written, read_json, write_text
from lets.report.claims_sheet import claims_sheet, scale_note
from lets.report.evidence import evidence
from lets.report.figures import figure_numbers
from lets.report.labels import value_title
from lets.report.notes import absent, absent_notes, count
from lets.report.sheet import Sheet
from lets.report.tables import laid_out
from lets.report.verdicts import UNAUDITED, embedded, with_verdicts
from lets.results import Outcome, read_outcome
from lets.results.claims import judge
from lets.results.cost import Cost, cost_of
from lets.results.repeats import in_order
from lets.spec import Layout, Matrix, Params
from lets.spec.claims import read_claims


@dataclass(frozen=True)
class _Status:
    """The run grid: done and asked for, by method and by what it was trained on."""

    columns: list[str]
    rows: list[tuple[str, list[tuple[str, str, list[str]]]]]
    """method, and per column the count, its state in a word and the runs counted"""


def render_page(params: Params, matrix: Matrix, layout: Layout) -> str:
    """Return the page, unaudited; the drawn figures (svg) must exist, the rest comes from the run records."""
    outcomes = [read_outcome(spec, layout) for spec in matrix.runs.values()]
    places = {outcome.id: place for place, outcome in enumerate(outcomes)}
    judged = judge(read_claims(layout.paper_claims), params, matrix, layout)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lets", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        profile=params.profile,
        finished=sum(outcome.state == "finished" for outcome in outcomes),
        total=len(outcomes),
        states=[f"{count(runs)} {state}" for state, runs in absent(outcomes).items()],
        style=(style := _own("page.css")),
        script=(script := _own("page.js")),
        policy=_policy(style, script),
        claims=claims_sheet(judged, params),
        scaled=scale_note(judged, params),
        tables=_tables(params, matrix, layout),
        figures=_figures(params, matrix, layout),
        status=_status(outcomes),
        absent=absent_notes(outcomes),
        cost=_cost_line(cost := cost_of(outcomes, layout)),
        packages=", ".join(cost.packages),
        behind=lambda ids: _behind(ids, places),
        evidence=embedded({"params": f"params/{params.profile}.yaml", **evidence(outcomes, layout)}),
        unaudited=UNAUDITED,
    )


def write_page(params: Params, matrix: Matrix, layout: Layout, audit: dict[str, Any] | None = None) -> Path:
    """Write the page and return its path; `audit` is the content of audit.json, if it is of these records."""
    page = render_page(params, matrix, layout)
    write_text(layout.page, with_verdicts(page, audit) if audit else page)
    return layout.page


def accepted_pages(params: Params, matrix: Matrix, layout: Layout) -> tuple[str, ...]:
    """Return what the page may be: unaudited, or with the verdicts of the receipt that lies there, if it is one."""
    page = render_page(params, matrix, layout)
    with suppress(RecordError, KeyError, TypeError):
        return page, with_verdicts(page, read_json(layout.audit))
    return (page,)


def _behind(ids: Sequence[str], places: dict[str, int]) -> Markup:
    """The attribute that says which runs are behind a number, by their place among all."""
    return Markup(f' data-runs="{" ".join(str(places[id]) for id in ids)}"' if ids else "")


def _tables(params: Params, matrix: Matrix, layout: Layout) -> list[tuple[Sheet, str]]:
    tables = [laid_out(name, table, params, matrix, layout) for name, table in params.tables.items()]
    return [(sheet, _cost_line(cost_of(runs, layout))) for sheet, _, runs in tables]


def _figures(params: Params, matrix: Matrix, layout: Layout) -> list[dict[str, Any]]:
    figures = []
    for name, figure in params.figures.items():
        drawing = _embedded(layout.figure(name, "svg"), name)
        runs = figure_numbers(figure, matrix, layout).runs
        ids = list(dict.fromkeys(run.id for run in runs))
        figures.append(
            {
                "name": name,
                "title": figure.title,
                "drawing": drawing,
                "notes": absent_notes(runs),
                "runs": ids,
            }
        )
    return figures


def _own(name: str) -> Markup:
    """Return a file of ours, to be put into the page as it is."""
    return Markup(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def _policy(style: str, script: str) -> str:
    """Return what a browser may do for this page: use our style and our script, show pictures that are in it."""
    ours = {
        name: b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for name, text in (("style", style), ("script", script))
    }
    sources = "; ".join(f"{name}-src 'sha256-{digest}'" for name, digest in ours.items())
    return f"default-src 'none'; {sources}; img-src data:; base-uri 'none'; form-action 'none'"


def _embedded(path: Path, name: str) -> str:
    """Return a drawing as the address of an image: there, browsers run nothing that is in it and fetch nothing."""
    try:
        content = bytes_as_written(path)
    except OSError as error:
        raise RecordError(
            f"{path} – is not drawn yet – draw it first:  lets report --figure {name}"
        ) from error
    return f"data:image/svg+xml;base64,{b64encode(content).decode()}"


def _status(outcomes: list[Outcome]) -> _Status:
    fields = ("dataset", "noise", "architecture")
    cells: dict[tuple[Any, ...], list[Outcome]] = {}
    for outcome in outcomes:
        cells.setdefault((outcome.spec.method, *map(outcome.field, fields)), []).append(outcome)
    columns = in_order(key[1:] for key in cells)
    titles = [
        " · ".join(value_title(f, v) for f, v in zip(fields, column, strict=True)) for column in columns
    ]
    rows = []
    for method in dict.fromkeys(key[0] for key in cells):
        found = [cells.get((method, *column), []) for column in columns]
        rows.append((value_title("method", method), [_progress(runs) for runs in found]))
    return _Status(titles, rows)


def _progress(runs: list[Outcome]) -> tuple[str, str, list[str]]:
    if not runs:
        return "", "unasked", []
    ended = sum(run.state == "finished" for run in runs)
    state = "done" if ended == len(runs) else "some" if ended else "none"
    return f"{ended}/{len(runs)}", state, [run.id for run in runs]


def _cost_line(cost: Cost) -> str:
    if not cost.runs:
        return "nothing trained yet"
    runs = f"{cost.runs} run{'' if cost.runs == 1 else 's'}"
    memory = f"at most {cost.peak_memory_mib:.0f} MiB"
    places = [
        *cost.devices,
        *(f"{count} in image {image[:8]}" for image, count in sorted(cost.images.items())),
    ]
    return f"{runs}, {_duration(cost.seconds)} of training in all, {memory} each, on {', '.join(places)}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
