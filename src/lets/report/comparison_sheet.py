"""A comparison table in words: a block per pair of methods, a row per setting."""

from collections.abc import Iterator

from lets.report.difference import interval_text, mean_text, p_text, seeds_text, verdict
from lets.report.labels import setting_title, value_title
from lets.report.notes import absent_notes
from lets.report.sheet import Block, Entry, Row, Sheet
from lets.report.tidy import computed, csv_text
from lets.results import QUANTITIES
from lets.results.comparison import Compared, Pair
from lets.results.holm import ALPHA
from lets.results.outcomes import TO_DO
from lets.results.paired import least_permutation_p
from lets.spec.matches import SETTING, Match

COLUMNS = ("Seeds", "Difference", "95 % interval", "t p", "Perm. p", "Holm p", "Verdict")
CORRECTED = 6
"""the first column that rests on all runs of the table"""


def comparison_sheet(name: str, compared: Compared) -> Sheet:
    """Put the comparisons into words."""
    blocks: dict[str, list[Row]] = {}
    for pair, corrected in zip(compared.pairs, compared.corrected, strict=True):
        row = setting_title(*pair.setting), tuple(_entries(pair, corrected, compared))
        blocks.setdefault(pair_title(pair), []).append(row)
    return Sheet(
        name,
        compared.table.title,
        "Setting",
        COLUMNS,
        tuple(Block(title, tuple(rows)) for title, rows in blocks.items()),
        frozenset(),
        tuple(_notes(compared)),
    )


def comparison_csv(name: str, compared: Compared) -> str:
    """Return one line per pair and setting; seeds and run ids are separated by blanks."""
    places = [f"row.{field}" for field in ("method", "against", *SETTING)]
    numbers = ["metric", "n", "expected", "difference", "sd", "low", "high", "effect", "t_p", "permutation_p"]
    header = ["table", *places, *numbers, *CORRECTED_FIELDS, "seeds", "missing", "diverged", "runs"]
    lines = []
    for pair, corrected in zip(compared.pairs, compared.corrected, strict=True):
        paired = pair.paired
        low, high = paired.interval() or (None, None)
        counted = [pair.metric, paired.n, len(pair.seeds), paired.mean, paired.sd]
        tested = map(computed, (low, high, paired.effect, paired.t_p, paired.permutation_p, corrected))
        said = verdict(paired, corrected, QUANTITIES[pair.metric])
        lists = (paired.differences, _ids(pair, *TO_DO), _ids(pair, "diverged"), _ids(pair, "finished"))
        words = (" ".join(map(str, one)) for one in lists)
        lines.append([name, pair.method, pair.against, *pair.setting, *counted, *tested, said, *words])
    return csv_text(header, lines)


CORRECTED_FIELDS = ("holm_p", "verdict")
"""of the csv: what rests on all runs of the table"""


def pair_title(pair: Pair | Match) -> str:
    """Return `LETS-SAM against SAM`."""
    return f"{value_title('method', pair.method)} against {value_title('method', pair.against)}"


def _entries(pair: Pair, corrected: float | None, compared: Compared) -> Iterator[Entry]:
    paired, quantity = pair.paired, QUANTITIES[pair.metric]
    runs, every = tuple(run.id for run in pair.runs), tuple(run.id for run in compared.runs)
    hover = _hover(pair)
    yield Entry(str(paired.n), _count_note(pair), hover=hover, runs=runs)
    yield Entry(mean_text(paired, quantity), hover=hover, runs=runs)
    yield Entry(interval_text(paired, quantity), hover=hover, runs=runs)
    yield Entry(p_text(paired.t_p), hover=hover, runs=runs)
    yield Entry(p_text(paired.permutation_p), hover=hover, runs=runs)
    yield Entry(p_text(corrected), hover=hover, runs=every)
    yield Entry(verdict(paired, corrected, quantity), hover=hover, runs=every)


def _count_note(pair: Pair) -> str:
    expected = len(pair.seeds)
    return "" if pair.paired.n == expected else f"of {expected}"


def _hover(pair: Pair) -> str:
    paired = pair.paired
    parts = [f"n = {paired.n} of {len(pair.seeds)}"]
    if paired.effect is not None:
        parts.append(f"Cohen's d = {paired.effect:.2f}")
    parts += seeds_text(paired, QUANTITIES[pair.metric])
    parts += [run.id + (f" ({run.state})" if run.state != "finished" else "") for run in pair.runs]
    return "\n".join(parts)


def _ids(pair: Pair, *states: str) -> list[str]:
    return [run.id for run in pair.runs if run.state in states]


def _notes(compared: Compared) -> Iterator[str]:
    quantity = QUANTITIES[compared.table.metric]
    better = f"; {quantity.better} is better" if quantity.better else ""
    yield (
        f"{quantity.label}{better}. Difference: mean over seeds of the first method less the second; t interval. "
        "The runs of a row differ in their method and what belongs to it alone."
    )
    yield (
        "t p: paired t test, two-sided. Perm. p: permutation test, the signs of the differences flipped in all ways"
        f"{_least(compared)}."
    )
    words = "better or worse" if quantity.better else "higher or lower"
    yield (
        f"Holm p: {_family(compared.family)}. Verdict: {words} where it is below "
        f"{ALPHA}; undecided does not mean equal; one seed has no test."
    )
    if any(pair.paired.constant for pair in compared.pairs):
        yield "Equal, no spread: the difference is the same for every seed, which leaves nothing to test against."
    yield from absent_notes(compared.runs)


def _least(compared: Compared) -> str:
    most = max((pair.paired.n for pair in compared.pairs), default=0)
    least = least_permutation_p(most)
    return f"; {most} seeds can never give less than {least:.2g}" if least else ""


def _family(count: int) -> str:
    if not count:
        return "no row has a t p"
    rows = "the row that has one" if count == 1 else f"the {count} rows that have one"
    return f"the t p of {rows}, corrected as one family"
