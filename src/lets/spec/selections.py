"""What tables and figures cannot show: runs that are not there, and runs that cannot be shown together."""

from collections.abc import Iterator, Sequence

import lets.data.catalogue
import lets.models.catalogue
from lets.optim.catalogue import METHODS
from lets.spec.effort import measured_size
from lets.spec.matches import SETTING, Setting, by_setting, learned, matches
from lets.spec.matrix import Matrix, meets
from lets.spec.messages import Location, Problem, line, one_of, or_near, renamed, repeated, short
from lets.spec.params import (
    Analysis,
    Baselines,
    Comparison,
    Hypergradient,
    Landscape,
    Params,
    Ranking,
    Selection,
    Sensitivity,
    Sharpness,
    Starts,
    Table,
)
from lets.spec.run import RunSpec
from lets.spec.strict import Scalar

RUN_FIELDS = ("dataset", "noise", "architecture", "method")


def references(params: Params) -> Iterator[Problem]:
    """Yield every experiment and field that a table or figure names and that there is not."""
    fields = [
        *RUN_FIELDS,
        *sorted({name for info in METHODS.values() for name in info.hyperparameters} - {"seed"}),
    ]
    for at, item in _items(params):
        for index, name in enumerate(item.experiments):
            if name not in params.experiments:
                place: Location = (*at, "experiments", index)
                yield (
                    place,
                    f"{name!r} – no such experiment – {or_near(name, list(params.experiments), place)}",
                )
        yield from repeated((*at, "experiments"), item.experiments)
        for place, field in _fields(item):
            if field not in fields:
                yield (*at, *place), f"{short(field)} – no field of a run – {_field(field, fields, place)}"
    for name in params.tables.keys() & params.figures.keys():
        yield ("figures", name), f"{name!r} – a table has this name already – rename it  {name}-figure"


def showable(params: Params, matrix: Matrix) -> Iterator[Problem]:
    """Yield what tables and figures cannot show of the runs that there are."""
    for at, item in _items(params):
        if missing := list(_selected(at, item, matrix)):
            yield from missing
            continue
        runs = matrix.chosen(item)
        if isinstance(item, Hypergradient):
            yield from _not_followed(at, item, matrix)
        elif isinstance(item, Landscape | Sharpness):
            yield from _samples(at, item, matrix)
        elif isinstance(item, Comparison):
            yield from _compared(at, item, runs)
        elif isinstance(item, Ranking):
            yield from _ranked(at, item, runs)
        elif isinstance(item, Starts | Baselines):
            yield from _learned(at, item, matrix, runs)
    yield from _analyses(params, matrix)


def _items(params: Params) -> Iterator[tuple[tuple[str, str], Selection]]:
    """Every table and figure, and where it stands."""
    for name, table in params.tables.items():
        yield ("tables", name), table
    for name, figure in params.figures.items():
        yield ("figures", name), figure


def _fields(item: Selection) -> Iterator[tuple[Location, str]]:
    """Every field of a run that a table or figure names, and where."""
    yield from ((("where", field), field) for field in item.where)
    yield from (((key,), getattr(item, key)) for key in ("x", "panels") if hasattr(item, key))
    if isinstance(item, Table):
        yield ("rows",), item.rows
        yield from ((("columns", index), field) for index, field in enumerate(item.columns))


def _field(name: str, fields: Sequence[str], place: Location) -> str:
    """Return the field that was likely meant: of a condition its key, elsewhere the value."""
    return renamed(name, fields) if place[0] == "where" else or_near(name, fields, place)


def _selected(at: Location, item: Selection, matrix: Matrix) -> Iterator[Problem]:
    """Every field is one of the runs of its experiments, and every value of a condition one that a run has there.

    A value that no run has would leave its line out of a figure, and nobody would see it.
    """
    runs = matrix.of(item.experiments)
    for place, field in _fields(item):
        if not any(field in run.variant for run in runs):
            fields = list(dict.fromkeys(name for run in runs for name in run.variant))
            yield (*at, *place), f"{field!r} – no run of it has one – {_field(field, fields, place)}"
            return
    there = {field: _values(runs, field) for field in item.where}
    wrong = list(_unmet(at, item, there, "no run of it has this value"))
    if not wrong:
        for field in item.where:
            others = {name: values for name, values in item.where.items() if name != field}
            there[field] = _values([run for run in runs if meets(run, others)], field)
        wrong = list(_unmet(at, item, there, "no run has it that meets the other conditions"))
    yield from wrong or _shown(at, item, matrix.chosen(item))


def _unmet(at: Location, item: Selection, there: dict[str, list[Scalar]], reason: str) -> Iterator[Problem]:
    for field, values in item.where.items():
        for index, value in enumerate(values):
            yield from _absent((*at, "where", field, index), value, there[field], reason)


def _absent(place: Location, value: Scalar, there: Sequence[Scalar], reason: str) -> Iterator[Problem]:
    if value not in there:
        names = {*METHODS, *lets.data.catalogue.names(), *lets.models.catalogue.names()}
        remedy = one_of(there) if str(value) in names else or_near(value, there, place)  # a name is no slip
        yield place, f"{short(value)} – {reason} – {remedy}"


def _shown(at: Location, item: Selection, runs: list[RunSpec]) -> Iterator[Problem]:
    """What a table or figure says of its runs is true of one of them."""
    if not runs:
        yield (*at, "where"), f"{item.where} – no run is like this – delete where"
    if isinstance(item, Table):
        yield from repeated((*at, "columns"), item.columns)
        if item.rows in item.columns:
            other = next(name for name in reversed(RUN_FIELDS) if name not in item.columns)
            yield (*at, "rows"), f"{item.rows!r} – it is a column already – write  rows: {other}"
        rows = _values(runs, item.rows)
        for index, group in enumerate(item.groups):
            for place, row in enumerate(group):
                yield from _absent((*at, "groups", index, place), row, rows, "the table has no such row")
    if isinstance(item, Sensitivity):
        words = [value for value in _values(runs, item.x) if isinstance(value, bool | str | list)]
        if words:
            reason = f"its value {words[0]!r} is no number to draw along"
            yield (*at, "x"), f"{item.x!r} – {reason} – write  x: rho"


def _values(runs: list[RunSpec], field: str) -> list[Scalar]:
    """The different values of a field, as they first appear; runs of methods without it have none."""
    values: list[Scalar] = []
    for value in (run.variant[field] for run in runs if field in run.variant):
        if value not in values:
            values.append(value)
    return values


def _not_followed(at: Location, item: Hypergradient, matrix: Matrix) -> Iterator[Problem]:
    """A hyper-gradient is followed along a second training, which must be the first one over again."""
    runs = matrix.select(item)
    methods = dict.fromkeys(run.method for run in runs)
    if fixed := [method for method in methods if not METHODS[method].needs_validation]:
        learned = [method for method in methods if method not in fixed]
        reason = f"there is no hyper-gradient for {', '.join(fixed)}, whose radius is not learned"
        place = (*at, "where", "method")
        remedy = f"write  {line(place, learned)}" if learned else "choose experiments with a lets-method"
        yield place, f"{item.where.get('method', 'any')} – {reason} – {remedy}"
    for name in item.experiments:
        own = [run for run in runs if run.id in matrix.experiments[name]]
        if any(run.training.compile for run in own):
            reason = (
                f"{at[-1]} shows its hyper-gradient, and a compiled network cannot be differentiated twice"
            )
            yield ("experiments", name, "training", "compile"), f"true – {reason} – write  compile: false"
    if any(run.training.ranks > 1 for run in runs):
        reason = "several ranks are followed by none of them"
        yield (*at, "experiments"), f"{item.experiments} – {reason} – choose runs with  ranks: 1"


def _samples(at: Location, item: Landscape | Sharpness, matrix: Matrix) -> Iterator[Problem]:
    """As many images as there are, and for sharpness in whole groups."""
    runs = matrix.analysed(item)
    infos = {run.dataset: lets.data.catalogue.describe(run.dataset) for run in runs}
    if texts := [name for name, info in infos.items() if info.vocabulary]:
        place = (*at, "where", "dataset")
        images = [name for name in infos if name not in texts]
        remedy = f"write  {line(place, images)}" if images else "choose experiments on images"
        yield place, f"a {item.kind} of {texts[0]} – it is taken of images only – {remedy}"
        return
    m = item.m if isinstance(item, Sharpness) else 1
    there, least = min((measured_size(run), run.dataset) for run in runs)
    whole = f"{infos[least].title} is measured on {there} training images"
    if m > there:
        yield (*at, "m"), f"{m} – {whole} – write  m: {there}"
    elif item.samples > there:
        yield (*at, "samples"), f"{item.samples} – {whole} – write  samples: {there // m * m}"
    elif item.samples % m:
        fitting = min(-(-item.samples // m), there // m) * m
        yield (
            (*at, "samples"),
            f"{item.samples} – they make no whole groups of {m} images – write  samples: {fitting}",
        )


def _compared(at: Location, item: Comparison, runs: list[RunSpec]) -> Iterator[Problem]:
    """Every pair has been run in one setting at least, and its two methods were trained alike."""
    found = matches(item, runs)
    methods = list(dict.fromkeys(run.method for run in runs))
    for index, pair in enumerate(item.pairs):
        absent = [
            problem
            for place, method in enumerate(pair)
            for problem in _absent(
                (*at, "pairs", index, place), method, methods, "no run of it has this method"
            )
        ]
        yield from absent
        if not absent and pair[0] == pair[1]:
            yield (*at, "pairs", index), f"{pair} – a method compared with itself – delete it"
        elif not absent and not any([one.method, one.against] == pair for one in found):
            reason = "no data set, noise and architecture was run with both"
            yield (*at, "pairs", index), f"{pair} – {reason} – delete it, or choose other experiments"
    if not found and not item.pairs:
        pairs = [list(group)[:2] for group in _methods_by_setting(runs) if len(group) > 1][:1]
        remedy = f"write  {line(('pairs',), pairs)}" if pairs else "choose experiments with two methods"
        reason = f"there is no lets-X beside its X among {', '.join(methods)}"
        yield (*at, "pairs"), f"missing – {reason} – {remedy}"
    for one in found:
        yield from _trained_alike(at, one.setting, one.runs)


def _methods_by_setting(runs: list[RunSpec]) -> list[dict[str, None]]:
    return [dict.fromkeys(run.method for run in group) for group in by_setting(runs).values()]


def _ranked(at: Location, item: Ranking, runs: list[RunSpec]) -> Iterator[Problem]:
    """There is something to rank, the reference is among it, and a setting has one training."""
    methods = list(dict.fromkeys(run.method for run in runs))
    if len(methods) < 2:
        yield at, f"of {methods[0]} alone – one method has no rank – choose other experiments"
    elif item.reference not in methods:
        place = (*at, "reference")
        remedy = or_near(item.reference, methods, place)
        yield place, f"{item.reference!r} – it is not ranked, {', '.join(methods)} are – {remedy}"
    for setting, group in by_setting(runs).items():
        yield from _trained_alike(at, setting, group)


def _learned(
    at: Location, item: Starts | Baselines, matrix: Matrix, runs: list[RunSpec]
) -> Iterator[Problem]:
    """Some method learns its radius, in runs that differ in seed and start alone, and has its base beside it."""
    found = learned(item, matrix)
    if not found:
        methods = ", ".join(dict.fromkeys(run.method for run in runs))
        yield (*at, "experiments"), f"without a row – none of {methods} learns its radius – add a lets-method"
    for one in found:
        if differing := _differing(one.runs):
            reason = f"its runs of {one.method} differ in {differing}, not in seed and rho alone"
            yield (*at, "experiments"), f"{one.experiment!r} – {reason} – make two experiments of it"
        fixed = [run for run in runs if (run.setting, run.method) == (one.setting, one.base)]
        if isinstance(item, Baselines) and not fixed:
            reason = f"there is no run of {one.base} with a fixed radius beside {one.method}"
            yield (*at, "experiments"), f"{item.experiments} – {reason} – add an experiment with it"


def _differing(runs: Sequence[RunSpec]) -> str:
    """The first field, besides seed and rho, in which runs of one method and setting differ."""
    first = runs[0].variant | {"training": runs[0].training}
    for run in runs[1:]:
        other = run.variant | {"training": run.training}
        for name, value in first.items():
            if name != "rho" and value != other[name]:
                return name
    return ""


def _trained_alike(at: Location, setting: Setting, runs: Sequence[RunSpec]) -> Iterator[Problem]:
    first = runs[0]
    other = next((run for run in runs if run.training != first.training), None)
    if other is not None:
        where = ", ".join(f"{field} {value}" for field, value in zip(SETTING, setting, strict=True))
        key = next(name for name, value in first.training if value != getattr(other.training, name))
        reason = f"{first.method} and {other.method} of {where} differ in the {key} of their training too"
        yield (
            (*at, "experiments"),
            f"made of runs that cannot be compared – {reason} – select fewer experiments",
        )


def _analyses(params: Params, matrix: Matrix) -> Iterator[Problem]:
    """A run has one landscape, and its hyper-gradient is taken once: who shows it must ask for the same."""
    first: dict[tuple[str, str], tuple[str, Analysis]] = {}
    for at, item in _items(params):
        if not isinstance(item, Analysis):
            continue
        if item.of_weights and not params.keep_weights:
            reason = f"{at[-1]} shows the {item.kind}, which is computed from weights"
            yield ("keep_weights",), f"false – {reason} – write  keep_weights: true"
        for run in matrix.analysed(item):
            other, settings = first.setdefault((item.kind, run.id), (at[-1], item))
            for key, value in item.settings.items():
                if value != (wanted := getattr(settings, key)):
                    reason = f"{other} shows the {item.kind} of the same run, {run.id}, with {wanted}"
                    yield (*at, key), f"{value} – {reason} – write  {line((*at, key), wanted)}"
                    return
