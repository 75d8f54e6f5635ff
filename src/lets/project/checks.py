"""What types alone cannot see: unknown names, hyper-parameters of other methods, duplicates, grids without end; and
values of one run that are fine alone and impossible together.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from math import prod

import lets.data.catalogue
import lets.models.catalogue
from lets.analyses.analysis import asked_differently
from lets.config import own
from lets.config.effort import steps, trained_on
from lets.config.labels import RUN_FIELDS
from lets.config.matrix import Matrix
from lets.config.messages import Location, Problem, line, near, or_near, readings, renamed, repeated, short
from lets.config.params import CATALOGUES, Experiment, Hyperparameters, Params, expand
from lets.config.run import Noise, RunSpec
from lets.config.selection import Selection, mixture, nearest_field, unselectable
from lets.config.strict import LARGEST, LARGEST_WHOLE, SMALLEST
from lets.errors import SpecError
from lets.optim.catalogue import METHODS, resolve
from lets.optim.hyperparameters import PRESETS
from lets.project.params import ParamsFile

AXES = ("datasets", "noise", "architectures", "methods", "seeds")


MOST_RUNS = 10_000
"""of a file: what is expanded, checked and planned in seconds; the paper's has 780"""


def problems(params: ParamsFile) -> Iterator[Problem]:
    """Yield every problem of a params file: its place, and *value – why – a line to paste*."""
    yield from repeated(("seeds",), params.seeds)
    yield from _beyond((), params.model_dump(exclude_unset=True))
    for key in ("architectures", "resources"):
        for name in getattr(params, key):
            yield from _name((key, name), name, own.network)
    for method, values in params.methods.items():
        yield from _method(("methods", method), method, {}, values)
    if too_many := list(_too_many(params)):
        yield from too_many
        return
    for name, experiment in params.experiments.items():
        yield from _experiment(("experiments", name), experiment, params)
    yield from references(params)
    known = [*lets.data.catalogue.names(), *lets.models.catalogue.names()]
    for name, original in params.stand_ins.items():
        reason = "neither a data set nor an architecture"
        if name not in known:
            yield ("stand_ins", name), f"{name!r} – {reason} – {renamed(name, known)}"
        if original not in known:
            place = ("stand_ins", name)
            yield place, f"{original!r} – {reason} – {or_near(original, known, place)}"


def contradictions(params: ParamsFile) -> Iterator[Problem]:
    """Yield what only the expanded matrix shows; for params without other problems."""
    impossible = list(_impossible(params))
    yield from impossible
    yield from ((at, f"{at[1]!r} – no experiment runs it – delete it") for at in unused(params))
    if not impossible:
        matrix = expand(params)
        yield from _conflicts(params, matrix)
        yield from showable(params, matrix)


def _beyond(at: Location, content: object) -> Iterator[Problem]:
    """Yield the numbers with which no sum comes out right. Seeds are only names of what is drawn."""
    if isinstance(content, dict | list):
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            if key != "seeds":
                yield from _beyond((*at, key), value)
    if isinstance(content, int | float):
        largest = LARGEST_WHOLE if isinstance(content, int) else LARGEST
        if abs(content) > largest:
            reason = "beyond any count" if isinstance(content, int) else "beyond what float32 holds"
            yield at, f"{short(content)} – {reason} – write  {line(at, largest if content > 0 else -largest)}"
        elif 0 < abs(content) < SMALLEST:
            yield at, f"{short(content)} – float32 rounds it to zero – write  {line(at, SMALLEST)}"


def unused(params: Params) -> Iterator[tuple[str, str]]:
    """Yield every place where something is said of an architecture, data set or method that no experiment runs."""
    experiments = params.experiments.values()
    networks = {name for one in experiments for name in one.architectures}
    datasets = {name for one in experiments for name in one.datasets}
    methods = {name for one in experiments for name in one.methods}
    run = {
        "architectures": networks,
        "resources": networks,
        "methods": methods,
        "stand_ins": networks | datasets,
    }
    for key, names in run.items():
        for name in getattr(params, key):
            if name not in names:
                yield key, name


def _too_many(params: Params) -> Iterator[Problem]:
    """Count the runs before they are made."""
    runs = 0
    for name, one in params.experiments.items():
        axes = (one.datasets, one.noise, one.architectures, one.methods, one.seeds or params.seeds)
        sizes = [len(axis) for axis in (*axes, *one.vary.values())]  # type: ignore[arg-type]
        runs += prod(sizes)
        if runs > MOST_RUNS:
            reason = f"{runs:,} runs up to here, and a params file has at most {MOST_RUNS:,}"
            yield ("experiments", name), f"too large – {reason} – make several files of it"
            return


def _impossible(params: Params) -> Iterator[Problem]:
    """Axes of a grid that contradict each other."""
    for name, experiment in params.experiments.items():
        try:
            expand(params.model_copy(update={"experiments": {name: experiment}}))
        except ValueError as error:
            yield ("experiments", name), f"impossible – {error} – change one of the values"


def _conflicts(params: Params, matrix: Matrix) -> Iterator[Problem]:
    """Yield each conflict of an experiment once, however many of its runs have it."""
    found: dict[Problem, None] = {}
    for name, ids in matrix.experiments.items():
        for id in ids:
            run = matrix.runs[id]
            for at, text in conflicts(run):
                found.setdefault((_origin(at, text, name, run, params), text))
    yield from found


def _origin(at: Location, text: str, name: str, run: RunSpec, params: Params) -> Location:
    """The place of a conflict in the file: its experiment, but what is to be deleted goes from where it stands."""
    own, below = params.experiments[name].training, params.architectures.get(run.architecture)
    key = str(at[-1])
    if not text.endswith("delete it") or key in own.model_fields_set:
        return ("experiments", name, *at)
    if below and key in below.model_fields_set:
        return ("architectures", run.architecture, key)
    return at


def _experiment(at: Location, experiment: Experiment, params: Params) -> Iterator[Problem]:
    for axis in AXES:
        yield from repeated((*at, axis), getattr(experiment, axis) or [])
    for axis, describe in CATALOGUES.items():
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
                f"{method!r} – this experiment does not run it – delete it",
            )
    for name, axis_values in experiment.vary.items():
        yield from repeated((*at, "vary", name), axis_values)
        yield from _varied((*at, "vary", name), name, experiment, params)


def _name(at: Location, name: str, describe: Callable[[str], object]) -> Iterator[Problem]:
    try:
        describe(name)
    except ValueError as error:
        _, reason, remedy = str(error).split(" – ", 2)
        if remedy.startswith("choose from: "):
            known = remedy.removeprefix("choose from: ").split(", ")
            remedy = renamed(name, known) if isinstance(at[-1], str) else or_near(name, known, at)
        yield at, f"{short(name)} – {reason} – {remedy}"


def _method(at: Location, method: str, below: Hyperparameters, values: Hyperparameters) -> Iterator[Problem]:
    """Check the values a method is given on top of `below`; a problem stands at the value that causes it."""
    if method not in METHODS:
        remedy = renamed(method, [*METHODS]) if isinstance(at[-1], str) else or_near(method, [*METHODS], at)
        yield at, f"{short(method)} – there is no such method – {remedy}"
        return
    if not (reason := _refused(method, below | values)) and "seed" not in values:
        return
    given = below | values
    blamed = [((*at, name), text) for name in values if (text := _value((*at, name), method, name, given))]
    yield from blamed or [_together(at, method, below, values, str(reason))]


def _value(at: Location, method: str, name: str, given: Hyperparameters) -> str | None:
    """Say what is wrong with one of the values that a method is given, whatever the others are."""
    value, known = given[name], METHODS[method].hyperparameters
    if name == "seed":
        return (
            f"{value!r} – a method's own seed follows from the run's – delete it: runs differ by their  seeds"
        )
    if not (reason := _refused(method, {name: value})):
        return None
    if name not in known and name != "preset":
        taken = [one for one in known if one not in given and not _refused(method, {one: value})]
        return f"{short(value)} – {reason} – {renamed(name, taken)}"
    usual = [known[name].default, *known[name].choices] if name in known else [*PRESETS]
    for other in (*readings(value), *near(value, map(str, usual)), *usual):
        if other is not None and not _refused(method, {**given, name: other}):
            return f"{short(value)} – {reason} – write  {line(at, other)}"
    return f"{short(value)} – {reason} – delete it"


def _together(
    at: Location, method: str, below: Hyperparameters, values: Hyperparameters, reason: str
) -> Problem:
    """Say that values contradict each other, at the last one without which they do not."""
    for name in reversed(values):
        if not _refused(method, below | {key: value for key, value in values.items() if key != name}):
            return (*at, name), f"{short(values[name])} – {reason} – delete it"
    return at, f"{short(values)} – {reason} – delete one of them"


def _varied(at: Location, name: str, experiment: Experiment, params: Params) -> Iterator[Problem]:
    """Check one axis of the grid, at its first bad value: every method must take every value."""
    for index, value in enumerate(experiment.vary[name]):
        for method in experiment.methods:
            below = params.methods.get(method, {}) | experiment.hyperparameters.get(method, {})
            if method not in METHODS or _refused(method, below):
                continue
            taken = name in METHODS[method].hyperparameters or name == "preset"
            place = (*at, index) if taken and name != "seed" else at
            if text := _value(place, method, name, below | {name: value}):
                yield place, text
                return


def _refused(method: str, values: Mapping[str, object]) -> str | None:
    try:
        resolve(method, values)
    except (ValueError, TypeError) as error:
        return re.sub(r"\S{80,}", lambda word: short(word[0]), str(error))
    return None


def references(params: ParamsFile) -> Iterator[Problem]:
    """Yield every experiment and field that a table or figure names and that there is not."""
    fields = [
        *RUN_FIELDS,
        *sorted({name for info in METHODS.values() for name in info.hyperparameters} - {"seed"}),
    ]
    for at, item in _items(params):
        for index, name in enumerate(item.experiments):
            if name not in params.experiments:
                place: Location = (*at, "experiments", index)
                remedy = or_near(name, list(params.experiments), place)
                yield place, f"{name!r} – no such experiment – {remedy}"
        yield from repeated((*at, "experiments"), item.experiments)
        for field, values in item.where.items():
            yield from repeated((*at, "where", field), values)
        for place, field in item.named_fields():
            if field not in fields:
                yield (
                    (*at, *place),
                    f"{short(field)} – no field of a run – {nearest_field(field, fields, place)}",
                )
    for name in params.tables.keys() & params.figures.keys():
        yield ("figures", name), f"{name!r} – a table has this name already – rename it  {name}-figure"


def showable(params: ParamsFile, matrix: Matrix) -> Iterator[Problem]:
    """Yield what tables and figures cannot show of the runs that there are."""
    for at, item in _items(params):
        yield from (
            list(unselectable(at, item, matrix))
            or list(item.problems(at, matrix))
            or _mixed(at, item, matrix)
        )
    yield from asked_differently(_items(params), params.keep_weights, matrix)


def _mixed(at: Location, item: Selection, matrix: Matrix) -> Iterator[Problem]:
    """Yield that a mean would be taken over more than seeds."""
    if (fields := item.grouped_by()) and (problem := mixture(item.select(matrix), fields, item.where)):
        place, text = problem
        yield (*at, *place), text


def _items(params: ParamsFile) -> Iterator[tuple[tuple[str, str], Selection]]:
    """Every table and figure, and where it stands."""
    for name, table in params.tables.items():
        yield ("tables", name), table
    for name, figure in params.figures.items():
        yield ("figures", name), figure


READERS = {"translation": "transformer", "classification": "deberta", "regression": "deberta"}
"""task of a data set of texts → the family of architectures that can do it"""
MOST_STEPS = 10**8
"""of a run, whose trace holds numbers of every step in memory; the longest of the paper's takes 469,200"""


def conflicts(run: RunSpec) -> Iterator[Problem]:
    """Yield every conflict of a run: its place in the experiment, and *value – why – a line to paste*."""
    training, dataset = run.training, lets.data.catalogue.describe(run.dataset)
    try:
        Noise.parse(run.noise).check(dataset)
    except SpecError as error:
        yield ("noise",), str(error)
    yield from _of_texts(run)
    yield from _of_size(run)
    yield from _of_batch(run)
    yield from _of_length(run)
    yield from _of_rests(run)
    yield from _of_warmup(run)
    if dataset.pictures and training.augmentation == "crop-flip-cutout":
        yield (
            ("training", "augmentation"),
            f"{training.augmentation!r} on {dataset.title} – cutout is for data sets in memory – "
            "write  augmentation: crop-flip",
        )
    largest = min(training.batch_size, max(1, trained_on(run)))
    if training.ranks > largest:
        yield (
            ("training", "ranks"),
            f"{training.ranks} ranks – a batch of {largest} has no sample for each – write  ranks: {largest}",
        )
    if training.val_batches == "held-out" and (dataset.pictures or dataset.vocabulary):
        yield (
            ("training", "val_batches"),
            f"val_batches: held-out of {dataset.title} – only images in memory are split – "
            "write  val_batches: independent",
        )
    if training.epochs % training.measure_every:
        whole = training.measure_every * -(-training.epochs // training.measure_every)
        yield (
            ("training", "epochs"),
            f"measure_every: {training.measure_every} of {training.epochs} epochs – the last one would not be "
            f"measured – write  epochs: {whole}",
        )
    if training.dropout == "same" and training.val_batches == "next":
        yield (
            ("training", "val_batches"),
            "dropout: same with val_batches: next – a gradient that is kept for the next step has the masks of "
            "this one – write  val_batches: independent",
        )
    if training.compile and run.hyperparameters.get("hessian") == "exact":
        yield (
            ("training", "compile"),
            "compile with hessian: exact – a compiled network cannot be differentiated twice – "
            "write  compile: false",
        )
    if training.compile and dataset.vocabulary:
        yield (
            ("training", "compile"),
            f"compile with {dataset.title} – every length of a sentence would be compiled anew – "
            "write  compile: false",
        )


def _of_size(run: RunSpec) -> Iterator[Problem]:
    """A subset is a part of the images, with one of each class at least; something is left to train on."""
    dataset, samples = lets.data.catalogue.describe(run.dataset), run.training.train_samples
    at = ("training", "train_samples")
    written, there = f"train_samples: {samples}", f"{dataset.title} has {dataset.train_size:,}"
    if samples and dataset.vocabulary:
        yield at, f"{written} of {dataset.title} – only images are trained on in part – delete it"
    elif samples and samples >= dataset.train_size:
        yield at, f"{written} – {there}, and without it all are trained on – delete it"
    elif samples and samples < dataset.classes:
        yield (
            at,
            f"{written} – {dataset.title} has {dataset.classes} classes – write  train_samples: {dataset.classes}",
        )
    elif run.training.val_batches == "held-out" and trained_on(run) <= 0:
        size = samples or dataset.train_size
        yield (
            ("training", "batch_size"),
            f"val_batches: held-out – {run.training.batch_size} samples at least are held out, and there are "
            f"{size} – write  batch_size: {max(1, size // 4)}",
        )


def _of_batch(run: RunSpec) -> Iterator[Problem]:
    """A batch is a part of what is trained on. Batches of translations count tokens."""
    dataset, training, there = lets.data.catalogue.describe(run.dataset), run.training, trained_on(run)
    if dataset.tokens or there >= training.batch_size or there <= 0:
        return
    largest = (
        there
        if training.val_batches != "held-out"
        else max(1, (training.train_samples or dataset.train_size) // 4)
    )
    yield (
        ("training", "batch_size"),
        f"{training.batch_size} in a batch – {dataset.title} has {there:,} to train on – write  batch_size: {largest}",
    )


def _of_rests(run: RunSpec) -> Iterator[Problem]:
    """What happens every so many steps happens at the second time, too."""
    training, there = run.training, steps(run)
    for name in ("k", "rho_every"):
        every: int = run.hyperparameters.get(name, 1)  # type: ignore[assignment]
        if every >= there > 1:
            epochs = training.epochs * every // there + 1
            whole = training.measure_every * -(-epochs // training.measure_every)
            yield (
                ("training", "epochs"),
                f"{name}: {every} of {run.method} in {there:,} steps – what it waits for comes only once – "
                f"write  epochs: {whole}",
            )


def _of_length(run: RunSpec) -> Iterator[Problem]:
    """A run ends some day, and every step of it fits into memory."""
    training, there = run.training, steps(run)
    if there <= MOST_STEPS:
        return
    epochs, every = MOST_STEPS * training.epochs // there, training.measure_every
    reason = f"{there:,} steps in one run, and a run that keeps numbers of each has at most {MOST_STEPS:,}"
    if every > epochs:
        yield ("training", "measure_every"), f"{short(every)} – {reason} – write  measure_every: 1"
    else:
        yield (
            ("training", "epochs"),
            f"{short(training.epochs)} – {reason} – write  epochs: {epochs - epochs % every}",
        )


def _of_warmup(run: RunSpec) -> Iterator[Problem]:
    """The learning rate is whole before the last epoch or step."""
    schedule, epochs = run.training.schedule, run.training.epochs
    there = epochs if schedule.per == "epoch" else steps(run)
    if schedule.warmup and schedule.warmup >= there:
        name = "constant" if schedule.name == "inverse-sqrt" and there == 1 else schedule.name
        shorter = schedule.model_copy(update={"name": name, "warmup": there - 1})
        written = shorter.model_dump(exclude_defaults=True)
        yield (
            ("training", "schedule"),
            f"warmup: {short(schedule.warmup)} – the rate would never be whole in {there:,} {schedule.per}s – "
            f"write  {line(('schedule',), written)}",
        )


def _of_texts(run: RunSpec) -> Iterator[Problem]:
    """Texts need a network that reads them, and images one that sees."""
    dataset = lets.data.catalogue.describe(run.dataset)
    network = lets.models.catalogue.describe(run.architecture)
    reader = READERS[dataset.task] if dataset.vocabulary else None
    if (reader or network.family in READERS.values()) and network.family != reader:
        yield (
            ("architectures",),
            f"{run.architecture} on {run.dataset} – is not made for it – "
            f"write  architectures: [{', '.join(_fitting(reader))}]",
        )
    if reader and (augmentation := run.training.augmentation) != "none":
        yield (
            ("training", "augmentation"),
            f"augmentation: {augmentation} of texts – there is none – write  augmentation: none",
        )
    if reader and run.training.ranks > 1:
        yield (
            ("training", "ranks"),
            f"{run.training.ranks} ranks on texts – one process trains them – write  ranks: 1",
        )


def _fitting(reader: str | None) -> list[str]:
    every = lets.models.catalogue.ARCHITECTURES.items()
    if reader:
        return [name for name, one in every if one.family == reader]
    return [name for name, one in every if one.family not in READERS.values()]
