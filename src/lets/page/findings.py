"""What was found about LETS: at most three sentences, each from numbers that a table, a figure or the claims show."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lets.claims.judgement import Judged, Ruling
from lets.config.labels import setting_title
from lets.figures.sensitivity import Sensitivity
from lets.project import Project
from lets.runs.metrics import QUANTITIES
from lets.stats.paired import Paired
from lets.tables.baselines import Baselines
from lets.tables.comparison import Comparison
from lets.tables.notes import interval_text, mean_text, verdict

DECIDED = ("better", "worse", "higher", "lower")
TESTED = (*DECIDED, "undecided")


@dataclass(frozen=True)
class Finding:
    """A sentence, and the part of the page that has every number behind it."""

    text: str
    place: str


@dataclass(frozen=True)
class _Result:
    """One comparison: what is compared, seed by seed, of which metric, and its verdict."""

    title: str
    paired: Paired
    metric: str
    verdict: str


def findings(project: Project, judged: Sequence[Judged]) -> list[Finding]:
    """Return how LETS compares with its base methods, with the best fixed radius, and what became of the claims.

    Where no comparison could be tested, nothing is said of it.
    """
    found = [
        Finding(_sentence(subject, results), place)
        for subject, (place, results) in (
            ("LETS was better than its base method", _against_base(project)),
            (
                "In the mean over its starts, a learned radius was better than the best fixed one",
                _against_fixed(project),
            ),
        )
        if any(one.verdict in TESTED for one in results)
    ]
    return [*found, Finding(_of_claims(judged), "claims")]


def _against_base(project: Project) -> tuple[str, list[_Result]]:
    """Return the first table that compares a lets-X with its X, and those comparisons."""
    for name, table in project.params.tables.items():
        if isinstance(table, Comparison):
            compared = table.compare(project)
            results = [
                _Result(
                    f"{pair.title}, {setting_title(*pair.setting)}", *_tested(pair.paired, p, table.metric)
                )
                for pair, p in zip(compared.pairs, compared.corrected, strict=True)
                if pair.method == f"lets-{pair.against}"
            ]
            if results:
                return name, results
    return "", []


def _against_fixed(project: Project) -> tuple[str, list[_Result]]:
    """Return the first table or figure with learned radii beside a grid of fixed ones, and their comparisons."""
    for name, item in _grids(project):
        if any(item.problems((), project.matrix)):
            continue
        found = item.against(project)
        results = [
            _Result(f"{row.learned.title}: {row.title}", *_tested(row.paired, p, item.metric))
            for row, p in zip(found.rows, found.corrected, strict=True)
            if row.baseline == "best"
        ]
        if results:
            return name, results
    return "", []


def _grids(project: Project) -> Iterator[tuple[str, Baselines]]:
    """Yield what compares learned radii with fixed ones: tables that do, then figures over the radius."""
    tables, figures = project.params.tables, project.params.figures
    yield from ((name, table) for name, table in tables.items() if isinstance(table, Baselines))
    for name, figure in figures.items():
        if isinstance(figure, Sensitivity) and figure.x == "rho":
            shown = figure.model_dump(include={"title", "experiments", "where", "metric"})
            yield name, Baselines(kind="baselines", **shown)


def _tested(paired: Paired, corrected: float | None, metric: str) -> tuple[Paired, str, str]:
    return paired, metric, verdict(paired, corrected, QUANTITIES[metric])


def _sentence(subject: str, results: Sequence[_Result]) -> str:
    """Return how often it was so, and the largest difference, of those that are decided if any is."""
    counts = Counter(one.verdict if one.verdict in TESTED else "not testable" for one in results)
    others = [f"{word} in {counts[word]}" for word in (*TESTED[1:], "not testable") if counts[word]]
    times = f"{subject} in {counts['better'] or 'none'} of {_count(len(results), 'comparison')}"
    return f"{', '.join([times, *others])}{_largest(results)}."


def _largest(results: Sequence[_Result]) -> str:
    for words, kind in ((DECIDED, "the largest decided difference"), (TESTED, "the largest difference")):
        if shown := [one for one in results if one.verdict in words]:
            one = max(shown, key=lambda result: abs(result.paired.mean or 0.0))
            quantity = QUANTITIES[one.metric]
            unit = "points" if quantity.unit == "%" else quantity.unit
            interval = f"95 % interval {interval_text(one.paired, quantity)}, n = {one.paired.n} seeds"
            size = f"{mean_text(one.paired, quantity)} {unit}".rstrip()
            return f"; {kind}, {one.verdict}: {size} ({interval}), {one.title}"
    return ""


def _of_claims(judged: Sequence[Judged]) -> str:
    counts = Counter(one.ruling for one in judged)
    told = [
        f"{counts[ruling]} {ruling}" for ruling in Ruling if counts[ruling] and ruling != Ruling.SUPPORTED
    ]
    supported = f"{counts[Ruling.SUPPORTED] or 'none'} supported"
    return (
        f"The paper's {_count(len(judged), 'claim')}, tested on these runs: {', '.join([supported, *told])}."
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
