"""The report as one HTML file that needs nothing else: tables, figures, what ran, how to check it."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from lets.errors import RecordError
from lets.records.files import write_text
from lets.report.figures import figure_numbers
from lets.report.labels import value_title
from lets.report.notes import absent, absent_notes, count
from lets.report.sheet import Sheet
from lets.report.tables import laid_out
from lets.results import Outcome, read_outcome
from lets.results.cost import Cost, cost_of
from lets.results.repeats import in_order
from lets.spec import Layout, Matrix, Params


@dataclass(frozen=True)
class _Status:
    """The run grid: done and asked for, by method and by what it was trained on."""

    columns: list[str]
    rows: list[tuple[str, list[tuple[str, str]]]]
    """method, and per column the count and its state in a word"""


def render_page(params: Params, matrix: Matrix, layout: Layout) -> str:
    """Return the page; the drawn figures (svg) must exist, everything else comes from the run records."""
    outcomes = [read_outcome(spec, layout) for spec in matrix.runs.values()]
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
        tables=_tables(params, matrix, layout),
        figures=_figures(params, matrix, layout),
        status=_status(outcomes),
        absent=absent_notes(outcomes),
        cost=_cost_line(cost := cost_of(outcomes, layout)),
        packages=", ".join(cost.packages),
    )


def write_page(params: Params, matrix: Matrix, layout: Layout) -> Path:
    """Write the page and return its path."""
    write_text(layout.page, render_page(params, matrix, layout))
    return layout.page


def _tables(params: Params, matrix: Matrix, layout: Layout) -> list[tuple[Sheet, str]]:
    tables = [laid_out(name, table, params, matrix, layout) for name, table in params.tables.items()]
    return [(sheet, _cost_line(cost_of(runs, layout))) for sheet, _, runs in tables]


def _figures(params: Params, matrix: Matrix, layout: Layout) -> list[dict[str, Any]]:
    figures = []
    for name, figure in params.figures.items():
        svg = _inline(layout.figure(name, "svg"), name, figure.title)
        notes = absent_notes(figure_numbers(figure, matrix, layout).runs)
        figures.append({"name": name, "title": figure.title, "svg": svg, "notes": notes})
    return figures


def _inline(path: Path, name: str, title: str) -> Markup:
    """Return the svg element alone, its ids made unique on the page."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecordError(
            f"{path} – is not drawn yet – draw it first:  lets report --figure {name}"
        ) from error
    text = text[text.index("<svg") :]
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    title = str(escape(title))
    text = text.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
    return Markup(text)


def _status(outcomes: list[Outcome]) -> _Status:
    fields = ("dataset", "noise", "architecture")
    asked: Counter[tuple[Any, ...]] = Counter()
    ended: Counter[tuple[Any, ...]] = Counter()
    for outcome in outcomes:
        key = (outcome.spec.method, *map(outcome.field, fields))
        asked[key] += 1
        ended[key] += outcome.state == "finished"
    columns = in_order(key[1:] for key in asked)
    titles = [
        " · ".join(value_title(f, v) for f, v in zip(fields, column, strict=True)) for column in columns
    ]
    rows = []
    for method in dict.fromkeys(key[0] for key in asked):
        keys = [(method, *column) for column in columns]
        rows.append((value_title("method", method), [_progress(ended[key], asked[key]) for key in keys]))
    return _Status(titles, rows)


def _progress(ended: int, asked: int) -> tuple[str, str]:
    if not asked:
        return "", "unasked"
    return f"{ended}/{asked}", "done" if ended == asked else "some" if ended else "none"


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
