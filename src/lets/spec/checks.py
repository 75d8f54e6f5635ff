"""What types alone cannot see: unknown names, foreign hyper-parameters, duplicates, dangling references."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import lets.data.catalogue
import lets.models.catalogue
from lets.optim.catalogue import METHODS, resolve
from lets.spec.conflicts import conflicts
from lets.spec.effort import measured_size
from lets.spec.matches import SETTING, Setting, by_setting, learned, matches
from lets.spec.matrix import Matrix, expand
from lets.spec.messages import Location, Problem, as_number, read_as_text
from lets.spec.noise import Noise
from lets.spec.params import (
    Analysis,
    Baselines,
    Comparison,
    Experiment,
    Hypergradient,
    Hyperparameters,
    Landscape,
    Params,
    Ranking,
    Selection,
    Sharpness,
    Starts,
    Table,
)
from lets.spec.run import RunSpec
from lets.spec.strict import Scalar

RUN_FIELDS = ("dataset", "noise", "architecture", "method")
AXES = ("datasets", "noise", "architectures", "methods", "seeds")
KNOWN: dict[str, Callable[[str], object]] = {
    "datasets": lets.data.catalogue.describe,
    "architectures": lets.models.catalogue.describe,
    "noise": Noise.parse,
}


def problems(params: Params) -> Iterator[Problem]:
    """Yield every problem of a params file: its place, and *value – why – a line to paste*."""
    yield from _duplicates(("seeds",), params.seeds)
    for key in ("architectures", "resources"):
        for name in getattr(params, key):
            yield from _name((key, name), name, lets.models.catalogue.describe)
    for method, values in params.methods.items():
        yield from _method(("methods", method), method, {}, values)
    for name, experiment in params.experiments.items():
        yield from _experiment(("experiments", name), experiment, params)
    for at, item in _items(params):
        yield from _selection(at, item, params)
    for name in params.tables.keys() & params.figures.keys():
        yield ("figures", name), f"{name!r} – a table has this name already – choose another one"
    for name, original in params.stand_ins.items():
        yield from _stand_in(("stand_ins", name), name)
        yield from _stand_in(("stand_ins", name), original)


def contradictions(params: Params) -> Iterator[Problem]:
    """Yield what only the expanded matrix shows; for params without other problems."""
    try:
        matrix = expand(params)
    except ValueError as error:  # two axes of a grid that contradict each other
        yield ("experiments",), f"impossible – {error} – change one of the values"
        return
    yield from _conflicts(matrix)
    for at, item in _items(params):
        if not (runs := matrix.chosen(item)):
            reason = f"no run of {', '.join(item.experiments)} is like this"
            yield (*at, "where"), f"{item.where} – {reason} – delete a condition"
        elif isinstance(item, Hypergradient):
            yield from _not_followed((*at, "where"), item, matrix)
        elif isinstance(item, Landscape | Sharpness):
            yield from _samples((*at, "samples"), item, matrix)
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


def _conflicts(matrix: Matrix) -> Iterator[Problem]:
    """Yield each conflict of an experiment once, however many of its runs have it."""
    for name, ids in matrix.experiments.items():
        found = dict.fromkeys(text for id in ids for text in conflicts(matrix.runs[id]))
        yield from ((("experiments", name), text) for text in found)


def _not_followed(at: Location, item: Hypergradient, matrix: Matrix) -> Iterator[Problem]:
    """A hyper-gradient is followed along a second training, which must be the first one over again."""
    runs = matrix.select(item)
    methods = dict.fromkeys(run.method for run in runs)
    if fixed := [method for method in methods if not METHODS[method].needs_validation]:
        learned = [method for method in methods if method not in fixed] or ["lets-sam"]
        reason = f"there is no hyper-gradient for {', '.join(fixed)}, whose radius is not learned"
        yield at, f"{item.where} – {reason} – write  method: [{', '.join(learned)}]"
    if any(run.training.compile for run in runs):
        yield at, f"{item.where} – a compiled network cannot be differentiated twice – write  compile: false"
    if any(run.training.ranks > 1 for run in runs):
        yield at, f"{item.where} – several ranks are followed by none of them – choose runs with  ranks: 1"


def _samples(at: Location, item: Landscape | Sharpness, matrix: Matrix) -> Iterator[Problem]:
    """As many images as there are, and for sharpness in whole groups."""
    m = item.m if isinstance(item, Sharpness) else 1
    if item.samples % m:
        reason = f"they make no whole groups of {m} images"
        yield at, f"{item.samples} – {reason} – write  samples: {m * -(-item.samples // m)}"
    for name, there in dict.fromkeys((run.dataset, measured_size(run)) for run in matrix.analysed(item)):
        if lets.data.catalogue.describe(name).vocabulary:
            yield (
                at[:-1],
                f"a {item.kind} of {name} – it is taken of images only – write  where: {{dataset: [cifar10]}}",
            )
        elif item.samples > there:
            reason = f"{lets.data.catalogue.describe(name).title} is measured on {there} training images"
            yield at, f"{item.samples} – {reason} – write  samples: {there // m * m}"


def _compared(at: Location, item: Comparison, runs: list[RunSpec]) -> Iterator[Problem]:
    """Every pair has been run in one setting at least, and its two methods were trained alike."""
    found = matches(item, runs)
    missing = "no data set, noise and architecture was run with both – choose other experiments"
    for index, pair in enumerate(item.pairs):
        if not any([one.method, one.against] == pair for one in found):
            yield (*at, "pairs", index), f"{pair} – {missing}, or delete the pair"
    if not found and not item.pairs:
        methods = ", ".join(dict.fromkeys(run.method for run in runs))
        yield at, f"without a row – there is no lets-X beside its X among {methods} – name  pairs: [[a, b]]"
    for one in found:
        yield from _trained_alike(at, one.setting, one.runs)


def _ranked(at: Location, item: Ranking, runs: list[RunSpec]) -> Iterator[Problem]:
    """There is something to rank, the reference is among it, and a setting has one training."""
    methods = list(dict.fromkeys(run.method for run in runs))
    if len(methods) < 2:
        yield at, f"of {methods[0]} alone – one method has no rank – choose other experiments"
    elif item.reference not in methods:
        names = ", ".join(methods)
        reason = f"it is not ranked, {names} are"
        yield (*at, "reference"), f"{item.reference!r} – {reason} – write  reference: {methods[0]}"
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
            yield at, f"a {item.kind} without weights – it is computed from them – write  keep_weights: true"
        for run in matrix.analysed(item):
            other, settings = first.setdefault((item.kind, run.id), (at[-1], item))
            for key, value in item.settings.items():
                if value != (wanted := getattr(settings, key)):
                    reason = f"{other} shows the {item.kind} of the same run, {run.id}, with {wanted}"
                    yield (*at, key), f"{value} – {reason} – write  {key}: {wanted}"
                    return


def _experiment(at: Location, experiment: Experiment, params: Params) -> Iterator[Problem]:
    for axis in AXES:
        yield from _duplicates((*at, axis), getattr(experiment, axis) or [])
    for axis, describe in KNOWN.items():
        for index, name in enumerate(getattr(experiment, axis)):
            yield from _name((*at, axis, index), name, describe)
    for index, method in enumerate(experiment.methods):
        if method not in METHODS:
            yield from _method((*at, "methods", index), method, {}, {})
    for method, values in experiment.hyperparameters.items():
        yield from _method((*at, "hyperparameters", method), method, params.methods.get(method, {}), values)
        if method in METHODS and method not in experiment.methods:
            yield (
                (*at, "hyperparameters", method),
                f"{method!r} – this experiment does not run it – delete the line",
            )
    for name, axis_values in experiment.vary.items():
        yield from _duplicates((*at, "vary", name), axis_values)
        yield from _varied((*at, "vary", name), name, experiment, params)


def _name(at: Location, name: str, describe: Callable[[str], object]) -> Iterator[Problem]:
    try:
        describe(name)
    except ValueError as error:
        yield at, f"{name!r} – {str(error).split(' – ', 1)[-1]}"


def _method(at: Location, method: str, below: Hyperparameters, values: Hyperparameters) -> Iterator[Problem]:
    """Check the values a method is given on top of `below`; a problem stands at the value that causes it."""
    if method not in METHODS:
        yield at, f"{method!r} – {_refused(method, {})} – list them: lets list methods"
        return
    reason = _refused(method, below | values)
    if reason or "seed" in values:
        blamed = [
            ((*at, name), text) for name, value in values.items() if (text := _value(method, name, value))
        ]
        yield from blamed or [(at, f"{values} – {reason} – list what it takes: lets list methods")]


def _value(method: str, name: str, value: Scalar) -> str | None:
    if name == "seed":
        return (
            f"{value!r} – a method's own seed follows from the run's – delete it, and use  seeds: [{value}]"
        )
    if isinstance(value, str) and (number := as_number(value)) is not None:
        return read_as_text(name, value, number)
    reason = _refused(method, {name: value})
    return f"{value!r} – {reason} – list what it takes: lets list methods" if reason else None


def _varied(at: Location, name: str, experiment: Experiment, params: Params) -> Iterator[Problem]:
    """Check one axis of the grid, at its first bad value: every method must take every value."""
    for index, value in enumerate(experiment.vary[name]):
        for method in experiment.methods:
            below = params.methods.get(method, {}) | experiment.hyperparameters.get(method, {})
            if method in METHODS and not _refused(method, below):
                for _, text in _method(at, method, below, {name: value}):
                    yield (*at, index), text
                    return


def _refused(method: str, values: Mapping[str, object]) -> str | None:
    try:
        resolve(method, values)
    except (ValueError, TypeError) as error:
        return str(error)
    return None


def _duplicates(at: Location, values: Sequence[object]) -> Iterator[Problem]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield (
                (*at, index),
                f"{value!r} – stands twice, which would be a duplicate run – delete one of them",
            )


def _selection(at: Location, item: Selection, params: Params) -> Iterator[Problem]:
    for index, name in enumerate(item.experiments):
        if name not in params.experiments:
            known = ", ".join(params.experiments)
            yield (*at, "experiments", index), f"{name!r} – no such experiment – choose from: {known}"
    fields = {*RUN_FIELDS, *(name for info in METHODS.values() for name in info.hyperparameters)}
    for place, field in _fields(item):
        if field not in fields:
            yield (*at, *place), f"{field!r} – no field of a run – choose from: {', '.join(sorted(fields))}"


def _fields(item: Selection) -> Iterator[tuple[Location, str]]:
    """Every field of a run that a table or figure names, and where."""
    yield from ((("where", field), field) for field in item.where)
    yield from (((key,), getattr(item, key)) for key in ("x", "panels") if hasattr(item, key))
    if isinstance(item, Table):
        yield ("rows",), item.rows
        yield from ((("columns", index), field) for index, field in enumerate(item.columns))


def _stand_in(at: Location, name: str) -> Iterator[Problem]:
    if all(list(_name(at, name, KNOWN[kind])) for kind in ("datasets", "architectures")):
        yield (
            at,
            f"{name!r} – neither a data set nor an architecture – list them: lets list architectures",
        )
