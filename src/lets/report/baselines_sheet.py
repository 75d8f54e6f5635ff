"""A table of baselines in words: a block per method, setting and baseline, a row per reading of LETS."""

from collections.abc import Iterable, Iterator

from lets.report.difference import interval_text, mean_text, p_text, seeds_text, verdict
from lets.report.labels import setting_title, value_title
from lets.report.notes import absent_notes
from lets.report.sheet import Block, Entry, Row, Sheet
from lets.report.tidy import computed, csv_text
from lets.results import QUANTITIES
from lets.results.baselines import WAYS, Against, AllAgainst
from lets.results.holm import ALPHA
from lets.spec.matches import SETTING, Setting
from lets.spec.params import Baselines

COLUMNS = (
    "Seeds",
    "Passes",
    "Passes of the baseline",
    "Difference",
    "95 % interval",
    "t p",
    "Holm p",
    "Verdict",
)

CORRECTED = 7
"""the first column that rests on all runs of the table"""
CORRECTED_FIELDS = ("holm_p", "verdict")
"""of the csv: the same"""
PLACE = ("experiment", "method", *SETTING, "against")


def baselines_sheet(name: str, found: AllAgainst) -> Sheet:
    """Put the comparisons into words."""
    every = _ids(found.rows)
    rows: dict[str, list[Row]] = {}
    for row, corrected in zip(found.rows, found.corrected, strict=True):
        entries = tuple(_entries(row, corrected, found, every))
        one = row.reading
        rows.setdefault(title_of(one.method, row.way, one.setting), []).append((one.title, entries))
    blocks = tuple(Block(title, tuple(group)) for title, group in rows.items())
    return Sheet(
        name, found.table.title, "What moves the radius", COLUMNS, blocks, frozenset(), tuple(_notes(found))
    )


def baselines_csv(name: str, found: AllAgainst) -> str:
    """Return one line per reading, method, setting and baseline."""
    header = ["table", *(f"row.{field}" for field in PLACE), "metric", "n", "passes", "baseline_passes"]
    header += ["difference", "sd", "low", "high", "t_p", "permutation_p", *CORRECTED_FIELDS, "seeds", "runs"]
    lines = []
    for row, corrected in zip(found.rows, found.corrected, strict=True):
        one, paired = row.reading, row.paired
        place = [name, one.experiment, one.method, *one.setting, row.way, found.table.metric]
        numbers = [paired.n, row.passes, row.baseline_passes, paired.mean, paired.sd]
        tested = map(
            computed, (*(paired.interval() or (None, None)), paired.t_p, paired.permutation_p, corrected)
        )
        words = (" ".join(map(str, paired.differences)), " ".join(run.id for run in row.runs))
        said = verdict(paired, corrected, QUANTITIES[found.table.metric])
        lines.append([*place, *numbers, *tested, said, *words])
    return csv_text(header, lines)


def heads(table: Baselines) -> tuple[str, ...]:
    """Return the titles of the columns, the same for all tables."""
    return COLUMNS


def title_of(method: str, way: str, setting: Setting) -> str:
    """Return the title of a block of rows: `LETS-SAM against SAM at the best radius of the grid, ResNet-18 on …`."""
    methods = (value_title("method", name) for name in (method, method.removeprefix("lets-")))
    return f"{' against '.join(methods)} at {WAYS[way]}, {setting_title(*setting)}"


def _entries(
    row: Against, corrected: float | None, found: AllAgainst, every: tuple[str, ...]
) -> Iterator[Entry]:
    paired, quantity, runs = row.paired, QUANTITIES[found.table.metric], _ids((row,))
    hover = "\n".join([f"n = {paired.n}", *seeds_text(paired, quantity)])
    words = (
        str(paired.n),
        f"{row.passes:,.0f}",
        f"{row.baseline_passes:,.0f}",
        mean_text(paired, quantity),
        interval_text(paired, quantity),
        p_text(paired.t_p),
    )
    for text in words:
        yield Entry(text, hover=hover, runs=runs)
    yield Entry(p_text(corrected), hover=hover, runs=every)
    yield Entry(verdict(paired, corrected, quantity), hover=hover, runs=every)


def _ids(rows: Iterable[Against]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run.id for row in rows for run in row.runs))


def _notes(found: AllAgainst) -> Iterator[str]:
    quantity = QUANTITIES[found.table.metric]
    yield (
        f"{quantity.label}. Difference: LETS less its baseline, by seed, each the mean over all starts; t interval "
        "over seeds. Passes: forward-backward passes of one training of LETS, and of all that the baseline takes."
    )
    yield (
        "The best radius of the grid: for every seed the one that is best in the mean of the other seeds, so that luck "
        "is not counted; its passes are those of the whole grid. At equal passes: the same training, made longer until "
        "its passes are those of LETS within 2 %. Where nothing was trained so long, the row is not there."
    )
    yield (
        f"Holm p: {sum(p is not None for p in found.corrected)} rows as one family. Verdict: of LETS, better or worse "
        f"where it is below {ALPHA}; undecided does not mean equal."
    )
    yield from absent_notes(run for row in found.rows for run in row.runs)
