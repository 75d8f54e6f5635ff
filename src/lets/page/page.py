"""The report as one HTML file that needs nothing else: tables, figures, what ran, how to check it."""

import hashlib
import json
import re
import unicodedata
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from lets.claims.document import claims_table, scale_note
from lets.claims.file import read_claims
from lets.claims.judgement import judge
from lets.config.labels import value_title
from lets.errors import RecordError
from lets.figures.figure import drawn_elsewhere, matplotlib_here
from lets.files import bytes_as_written, read_json, write_text
from lets.page.conclusions import conclusions
from lets.project import Project
from lets.runs import RunRecord
from lets.runs.cost import Cost, cost_of
from lets.runs.history import HistoryRow
from lets.runs.outcomes import Outcome, in_order
from lets.tables.notes import absent, absent_notes, count
from lets.tables.table import Table


@dataclass(frozen=True)
class _Status:
    """The run grid: done and asked for, by method and by what it was trained on."""

    columns: list[str]
    rows: list[tuple[str, list[tuple[str, str, list[str]]]]]
    """method, and per column the count, its state in a word and the runs counted"""


def render_page(
    project: Project, believed: bool = False, comparison: Table | None = None, home: str = ""
) -> str:
    """Return the page, unaudited; the drawn figures (svg) must exist, the rest comes from the run records.

    Only if they are `believed` it shows pictures that say that another matplotlib drew them than the one here. A
    `comparison` with another tree stands before all tables. `home` leads from where the page is to the reports.
    """
    params, outcomes = project.params, list(project.runs.values())
    places = {outcome.id: place for place, outcome in enumerate(outcomes)}
    judged = judge(read_claims(project.layout.paper_claims), project)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lets", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        profile=params.profile,
        conclusions=conclusions(project, judged),
        finished=sum(outcome.state == "finished" for outcome in outcomes),
        total=len(outcomes),
        states=[f"{count(runs)} {state}" for state, runs in absent(outcomes).items()],
        style=(style := _own("page.css")),
        script=(script := _own("page.js")),
        policy=_policy(style, script),
        comparison=comparison,
        home=home,
        claims=claims_table(judged, params),
        scaled=scale_note(judged, params),
        tables=_tables(project),
        figures=_figures(project, {} if believed else drawn_elsewhere(project.layout, params.figures)),
        status=_status(outcomes),
        absent=absent_notes(outcomes),
        cost=_cost_line(cost := cost_of(outcomes)),
        packages=", ".join(cost.packages),
        behind=lambda ids: _behind(ids, places),
        place=_Addresses().place,
        named=named,
        tones=TONES,
        evidence=embedded({"params": f"params/{params.profile}.yaml", **evidence(outcomes)}),
        audited=_AUDITED.format(told=_BESIDE.format(home), data="null") if comparison else UNAUDITED,
        matplotlib=matplotlib_here(),
    )


def write_page(project: Project, audit: dict[str, Any] | None = None) -> Path:
    """Write the page and return its path; `audit` is the content of audit.json, if it is of these records.

    Without it, a page that lies there stays if it is this one with the verdicts of the receipt beside it.
    """
    page, path = render_page(project), project.layout.page
    if audit:
        page = with_verdicts(page, audit)
    if not path.is_file() or path.read_bytes() not in {one.encode() for one in _audited(page, project)}:
        write_text(path, page)
    return path


def accepted_pages(project: Project) -> tuple[str, ...]:
    """Return what the page may be: unaudited, or with the verdicts of the receipt that lies there, if it is one.

    It may show pictures that cannot be compared here if it was made elsewhere.
    """
    elsewhere = drawn_elsewhere(project.layout, project.params.figures)
    pages = [render_page(project), *([render_page(project, believed=True)] if elsewhere else [])]
    return *pages, *(audited for page in pages for audited in _audited(page, project))


def _audited(page: str, project: Project) -> list[str]:
    """Return the page with the verdicts of the receipt that lies there, if it is one."""
    with suppress(RecordError, KeyError, TypeError):
        return [with_verdicts(page, read_json(project.layout.audit))]
    return []


TONES = {"better": "good", "supported": "good", "worse": "bad", "contradicted": "bad"}
TONES |= dict.fromkeys(("undecided", "not supported"), "unsure")
"""verdict → how it is coloured"""


def named(name: str, title: str) -> str:
    """Return a heading, with its number where it is called as the paper calls it: `Table 1 – Test accuracy …`."""
    found = re.fullmatch(r"(table|figure)(\d+)", name)
    return f"{found[1].capitalize()} {found[2]} – {title}" if found else title


class _Addresses:
    """Gives every number of the page an address of its own: `table1--lets-sam--resnet-small`."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def place(self, *words: str) -> str:
        """Return the address of where these words meet; a second one of the same is numbered."""
        plain = (unicodedata.normalize("NFKD", word).lower() for word in words if word)
        found = "--".join(re.sub(r"[^a-z0-9.]+", "-", word).strip("-") for word in plain)
        self._given[found] += 1
        return found if self._given[found] == 1 else f"{found}--{self._given[found]}"


def _behind(ids: Sequence[str], places: dict[str, int]) -> Markup:
    """The attribute that says which runs are behind a number, by their place among all."""
    return Markup(f' data-runs="{" ".join(str(places[id]) for id in ids)}"' if ids else "")


def _tables(project: Project) -> list[tuple[Table, str]]:
    tables = [project.table(name) for name in project.params.tables]
    return [(table, _cost_line(cost_of(table.runs))) for table in tables]


def _figures(project: Project, elsewhere: dict[str, str]) -> list[dict[str, Any]]:
    figures = []
    for name, figure in project.params.figures.items():
        runs = project.numbers(name).runs
        figures.append(
            {
                "name": name,
                "title": figure.title,
                "drawing": _embedded(project, name),
                "elsewhere": elsewhere.get(name, ""),
                "notes": absent_notes(runs),
                "runs": list(dict.fromkeys(run.id for run in runs)),
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


def _embedded(project: Project, name: str) -> str:
    """Return a drawing as the address of an image: there, browsers run nothing that is in it and fetch nothing."""
    path = project.layout.figure(name, "svg")
    try:
        content = bytes_as_written(path)
    except OSError as error:
        raise RecordError(
            f"{path} – is not drawn yet – draw it first:  {project.command('report', '--figure', name)}"
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


_AUDITED = Markup(
    '<div class="files" id="audited">{told}</div><script type="application/json" id="audit-data">{data}</script>'
)
_BESIDE = Markup('What an audit found is on <a href="{}index.html">the page of the reports</a>.')
_NOT_YET = Markup(
    "Not audited since it was made: <code>lets audit</code> checks every number, and puts its verdicts here."
)
_UNVERIFIED = Markup(
    " Executed but unverified: it follows from runs that are whole, but not all that it shows of them was computed "
    "again, or one diverged; <code>lets audit --all</code> computes everything again."
)
UNAUDITED = _AUDITED.format(told=_NOT_YET, data=Markup("null"))
"""as `lets report` leaves it: nobody has audited this page since it was made"""


def embedded(content: Any) -> Markup:
    """Return JSON that may stand in a script element: nothing in it can end the element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def with_verdicts(page: str, audit: dict[str, Any]) -> str:
    """Return an unaudited page with the verdicts of an audit (the content of audit.json) in it."""
    told = {name: audit[name] for name in ("passed", "next", "items", "cells")}
    told["failures"] = [
        {"run": one["run"], "reason": one["reason"], "command": one["command"]}
        for one in audit["failures"]
        if one["run"]
    ]
    return page.replace(UNAUDITED, _AUDITED.format(told=_verdicts(audit), data=embedded(told)), 1)


def _verdicts(audit: dict[str, Any]) -> Markup:
    """Say what the audit found, and if it failed what to do next."""
    counts = Counter(one["verdict"] for one in audit["cells"])
    places = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    word, tone = ("passed", "good") if audit["passed"] else ("failed", "bad")
    told = Markup(
        'Audit: <b class="{}">{}</b>; printed places: {} (<a href="audit/audit.md">audit.md</a>).'
    ).format(tone, word, places)
    if counts["executed but unverified"]:
        told += _UNVERIFIED
    remedy = Markup("<details><summary>What to run next</summary><code>{}</code></details>")
    return told if audit["passed"] else told + remedy.format(audit["next"])


EPOCHS = 60
"""a longer training is thinned to so many epochs, the first and the last among them"""


CURVES = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")


NUMBERS = (
    "test_accuracy",
    "test_loss",
    "train_accuracy",
    "train_loss",
    "generalization_gap",
    "rho",
    "passes",
)


class _Shared:
    """Different values, each kept once: most runs have their settings in common."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[str, int] = {}

    def place(self, value: Any) -> int:
        """Return where a value stands in `values`."""
        key = json.dumps(value, sort_keys=True)
        if key not in self._places:
            self._places[key] = len(self.values)
            self.values.append(value)
        return self._places[key]


def evidence(runs: Iterable[Outcome]) -> dict[str, Any]:
    """Return `runs`, and the different `trainings` and `origins` that they name by number.

    A function of the run records alone; what is damaged is left out, and the state of the run says so.
    """
    trainings, origins = _Shared(), _Shared()
    found = [_run(run, trainings, origins) for run in runs]
    return {"runs": found, "trainings": trainings.values, "origins": origins.values}


def _run(run: Outcome, trainings: _Shared, origins: _Shared) -> dict[str, Any]:
    spec = run.spec
    content: dict[str, Any] = {"id": run.id, "state": run.state, "reason": run.reason}
    content["method"] = {name: spec.variant[name] for name in ("method", *spec.hyperparameters)}
    content["training"] = trainings.place(spec.training.model_dump(mode="json"))
    if run.metrics:
        numbers = {name: getattr(run.metrics, name) for name in NUMBERS}
        content["numbers"] = {name: _short(value) for name, value in numbers.items() if value is not None}
        content |= _curves(run.record, spec.method) | _origin(run, origins)
    return content


def _curves(record: RunRecord, method: str) -> dict[str, Any]:
    try:
        rows = _thinned(record.history)
    except RecordError:
        return {}
    names = (*CURVES, *(["rho"] if method.startswith("lets-") else []))
    curves = {name: [_short(getattr(row, name)) for row in rows] for name in names}
    return {"epochs": [row.epoch for row in rows], "curves": curves}


def _thinned(rows: Sequence[HistoryRow]) -> list[HistoryRow]:
    steps = max(1, EPOCHS - 1)
    places = dict.fromkeys(round(step * (len(rows) - 1) / steps) for step in range(EPOCHS))
    return [rows[place] for place in places] if rows else []


def _origin(run: Outcome, origins: _Shared) -> dict[str, Any]:
    if (fact := run.provenance) is None:
        return {}
    made = fact.model_dump(include={"code", "image", "data", "packages", "machine"})
    made["machine"] = fact.machine.model_dump(exclude_unset=True)
    facts = fact.model_dump(
        include={"started", "seconds", "resumed", "samples_per_second", "peak_memory_mib"}
    )
    short = {name: _short(value) if isinstance(value, float) else value for name, value in facts.items()}
    return {"origin": origins.place(made), "facts": short}


def _short(value: float) -> float | None:
    """Four digits are enough to look at; JSON knows no NaN."""
    return float(f"{value:.4g}") if isfinite(value) else None
