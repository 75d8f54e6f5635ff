"""A ranking table in words: a row per method, from the best average rank to the worst."""

from collections.abc import Iterator

from lets.report.difference import p_text
from lets.report.labels import setting_title, value_title
from lets.report.notes import absent_notes
from lets.report.sheet import Block, Entry, Row, Sheet
from lets.report.tidy import computed, csv_text
from lets.results import QUANTITIES
from lets.results.improvement import RESAMPLES, Improvement
from lets.results.ranking import Ranked, Standing
from lets.spec.params import Ranking


def ranking_sheet(name: str, ranked: Ranked) -> Sheet:
    """Put the ranking into words."""
    runs = tuple(run.id for run in ranked.runs)
    best = ranked.standings[0].rank
    rows = tuple(_row(one, best, ranked.table, runs) for one in ranked.standings)
    titles = tuple(heads(ranked.table))
    return Sheet(
        name, ranked.table.title, "Method", titles, (Block("", rows),), frozenset(), tuple(_notes(ranked))
    )


def ranking_csv(name: str, ranked: Ranked) -> str:
    """Return one line per method; Friedman's test and Nemenyi's distance, of all methods, stand on every line."""
    header = ["table", "method", "metric", "average_rank", "mean", "reference"]
    header += ["improvement", "improvement_low", "improvement_high"]
    header += ["settings", "friedman", "friedman_p", "nemenyi_distance"]
    test = ranked.friedman
    whole = (test.statistic if test else None, test.p if test else None, ranked.distance)
    lines = []
    for one in ranked.standings:
        improved = one.improvement
        bounds = (improved and improved.interval) or (None, None)
        told = [name, one.method, ranked.table.metric, one.rank, one.mean, ranked.table.reference]
        told += [improved.probability if improved else None, *bounds, len(ranked.counted)]
        lines.append([*told, *map(computed, whole)])
    return csv_text(header, lines)


def heads(table: Ranking) -> Iterator[str]:
    """Yield the titles of the columns."""
    yield "Average rank"
    yield QUANTITIES[table.metric].label
    yield f"P(improves on {value_title('method', table.reference)})"


def _row(one: Standing, best: float | None, table: Ranking, runs: tuple[str, ...]) -> Row:
    decimals = QUANTITIES[table.metric].decimals
    rank = "—" if one.rank is None else f"{one.rank:.2f}"
    mean = "—" if one.mean is None else f"{one.mean:.{decimals}f}"
    reference = one.method == table.reference
    entries = (
        Entry(rank, best=one.rank is not None and one.rank == best, runs=runs),
        Entry(mean, runs=runs),
        Entry("reference", runs=runs) if reference else _improved(one.improvement, runs),
    )
    return value_title("method", one.method), entries


def _improved(found: Improvement | None, runs: tuple[str, ...]) -> Entry:
    if found is None:
        return Entry("—", runs=runs)
    note = f"{found.interval[0]:.2f} to {found.interval[1]:.2f}" if found.interval else ""
    return Entry(f"{found.probability:.2f}", note, runs=runs)


def _notes(ranked: Ranked) -> Iterator[str]:
    yield from _of_settings(ranked)
    quantity, count = QUANTITIES[ranked.table.metric], len(ranked.counted)
    if not count:
        yield from absent_notes(ranked.runs)
        return
    first = "lowest" if quantity.better == "lower" else "highest"
    yield (
        f"{quantity.label}: mean over settings of the means over seeds. Average rank: over settings, 1 for the "
        f"{first} mean over seeds, ties share; bold: the best. {_tests(ranked)}"
    )
    yield (
        f"{list(heads(ranked.table))[-1]}: how probable it is that a run is better than one of that method in the "
        "same setting, a tie counts half; the mean over settings (Agarwal et al. 2021), and its 95 % interval from "
        f"{RESAMPLES} resamples of the runs of each setting, too narrow with few seeds."
    )
    yield from absent_notes(ranked.runs)


def _of_settings(ranked: Ranked) -> Iterator[str]:
    methods, count = len(ranked.standings), len(ranked.counted)
    names = "; ".join(setting_title(*setting) for setting in ranked.counted)
    yield (
        f"Over {count} setting{'' if count == 1 else 's'} in which all {methods} methods have all their runs"
        f"{f': {names}' if names else ''}."
    )
    if ranked.incomplete:
        without = (
            f"{setting_title(*setting)} (without all runs of {_methods(lacking, methods)})"
            for setting, lacking in ranked.incomplete.items()
        )
        yield f"Left out: {'; '.join(without)}."


def _methods(names: tuple[str, ...], of: int) -> str:
    return "any method" if len(names) == of else ", ".join(value_title("method", name) for name in names)


def _tests(ranked: Ranked) -> str:
    test, distance = ranked.friedman, ranked.distance
    if test is None or distance is None:
        return "Friedman's test needs two settings and three methods that differ."
    degrees = len(ranked.standings) - 1
    p = p_text(test.p)
    return (
        f"Friedman's test: χ² = {test.statistic:.2f} with {degrees} degrees of freedom, "
        f"p {p if p.startswith('<') else f'= {p}'}. Nemenyi's critical distance at the 5 % level: {distance:.2f}; "
        "methods whose average ranks are closer are not told apart."
    )
