"""A comparison in words: one sentence first, then counts, and what differs by name."""

from collections.abc import Iterator

from lets.compare.comparison import Comparison
from lets.compare.runs import METRIC, Agreement, MethodShift, RunPair
from lets.config.labels import value_title
from lets.runs.metrics import QUANTITIES
from lets.tables.notes import p_text
from lets.tables.table import Csv, Record

SHOWN = 10
"""runs and cells named; the csv has them all"""


def comparison_text(found: Comparison) -> str:
    """Return the sentence, and below it what it rests on."""
    return "\n".join([sentence(found), "", *_counts(found), "", *_details(found)]).rstrip() + "\n"


def sentence(found: Comparison) -> str:
    """Return what the comparison comes to."""
    runs, compared = found.runs, len(found.runs.compared)
    of = f"{compared} of {len(runs.pairs)} runs"
    if not found.reproduced:
        return f"Not reproduced: {_causes(found)} beyond chance ({of} compared with {found.reference})."
    if found.identical:
        return f"Reproduced to the last digit: {of}, compared with {found.reference}."
    return (
        f"Reproduced within the scatter of seeds: {of}, compared with {found.reference}; {_verdicts(found)}."
    )


def comparison_csv(found: Comparison) -> str:
    """Return one line per run."""
    header = ["run", "agreement", "here", "reference", "difference", "scatter_of_seeds"]
    lines = [
        [
            pair.id,
            pair.agreement,
            pair.here.get(METRIC),
            pair.there.get(METRIC),
            pair.difference,
            pair.scatter,
        ]
        for pair in found.runs.pairs
    ]
    return Csv(header, [Record(line) for line in lines]).text()


def _causes(found: Comparison) -> str:
    parts = []
    if shifted := found.runs.shifted:
        names = ", ".join(value_title("method", one.method) for one in shifted)
        parts.append(f"{names} differ{'s' if len(shifted) == 1 else ''}")
    if different := found.runs.different:
        parts.append(
            f"{len(different)} run{'s' if len(different) > 1 else ''} differ{'' if len(different) > 1 else 's'}"
        )
    return " and ".join(parts)


def _verdicts(found: Comparison) -> str:
    total = found.verdicts.same + len(found.verdicts.other)
    return f"{found.verdicts.same} of {total} verdicts on the paper's claims are the same"


def _counts(found: Comparison) -> Iterator[str]:
    yield f"{'':18}{'runs':>8}{'cells':>8}"
    runs, cells = found.runs.counts, found.cell_counts
    for agreement in Agreement:
        if runs[agreement] or cells[agreement]:
            yield f"{agreement:18}{runs[agreement]:8}{cells[agreement]:8}"


def _details(found: Comparison) -> Iterator[str]:
    yield from _median(found)
    yield _verdicts(found) + "".join(
        f"\n  {claim}: {here} here, {there} there" for claim, here, there in found.verdicts.other
    )
    for table, moved in found.ranks.items():
        places = ", ".join(f"{value_title('method', name)} {b} → {a}" for name, (a, b) in moved.items())
        said = f"{len(moved)} methods have another place: {places}" if moved else "the same order"
        yield f"{table}: {said}"
    yield from (_shift(one) for one in found.runs.shifted)
    yield from _named("differs", found.runs.different)
    here, there = found.machines
    if here != there and there:
        yield f"made on other machines: {here or 'unknown, run  lets audit'} here, {there} there"


def _median(found: Comparison) -> Iterator[str]:
    differences = sorted(abs(pair.difference) for pair in found.runs.compared if pair.difference is not None)
    if differences:
        middle, within = differences[len(differences) // 2], sum(one <= 1 for one in differences)
        label = QUANTITIES[METRIC].title.lower()
        yield f"{label}: median difference {middle:.2f} points; {within} of {len(differences)} within one point"


def _shift(one: MethodShift) -> str:
    mean, (low, high) = one.paired.mean or 0.0, one.paired.interval() or (0.0, 0.0)
    title = value_title("method", one.method)
    return f"{title}: {mean:+.2f} points ({low:+.2f} to {high:+.2f}) over {one.paired.n} runs, Holm p {p_text(one.p)}"


def _named(word: str, pairs: list[RunPair]) -> Iterator[str]:
    for pair in pairs[:SHOWN]:
        here, there = (row.get(METRIC) or row.get("status", "") for row in (pair.here, pair.there))
        yield f"{word}: {pair.id}: {here[:7]} here, {there[:7]} there"
    if len(pairs) > SHOWN:
        yield f"… and {len(pairs) - SHOWN} more: --csv FILE has them all"
