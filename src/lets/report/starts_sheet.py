"""A table of starts in words: a block per method and setting, a row per reading of LETS."""

from collections.abc import Callable, Iterator
from math import exp, expm1

from lets.report.difference import p_text
from lets.report.labels import setting_title, value_title
from lets.report.notes import absent_notes
from lets.report.sheet import Block, Entry, Row, Sheet
from lets.report.tidy import computed, csv_text
from lets.results import QUANTITIES
from lets.results.starts import Course, Courses, start_matters
from lets.results.summary import Summary
from lets.spec.matches import SETTING, Setting
from lets.spec.params import Starts

COURSE = ("Starts", "Seeds", "Moves by a factor of", "Ends at", "Memory of its start")
TESTED = ("Spread", "Holm p", "Start matters")
CORRECTED = 8
"""the first column that rests on all runs of the table"""
CORRECTED_FIELDS = ("holm_p", "start_matters")
"""of the csv: the same"""
PLACE = ("experiment", "method", *SETTING)


def starts_sheet(name: str, found: Courses) -> Sheet:
    """Put the courses into words."""
    rows: dict[str, list[Row]] = {}
    for course, corrected in zip(found.courses, found.corrected, strict=True):
        entries = tuple(_entries(course, corrected, found))
        one = course.reading
        rows.setdefault(title_of(one.method, one.setting), []).append((one.title, entries))
    blocks = tuple(Block(title, tuple(group)) for title, group in rows.items())
    columns = heads(found.table)
    return Sheet(
        name, found.table.title, "What moves the radius", columns, blocks, frozenset(), tuple(_notes(found))
    )


def starts_csv(name: str, found: Courses) -> str:
    """Return one line per reading, method and setting."""
    header = ["table", *(f"row.{field}" for field in PLACE), "metric", "starts", "n"]
    header += [
        "moved",
        "moved_low",
        "moved_high",
        "end_low",
        "end_high",
        "memory",
        "memory_low",
        "memory_high",
    ]
    header += ["mean", "spread", "margin", "p", *CORRECTED_FIELDS, "runs"]
    lines = []
    for course, corrected in zip(found.courses, found.corrected, strict=True):
        one = course.reading
        moved, memory = (map(computed, _bounded(summary)) for summary in (course.moved, course.memory))
        numbers = [len(one.starts), len(one.seeds), *moved, *(course.ends or (None, None)), *memory]
        means = [_mean(course), course.spread, course.margin, computed(course.p), computed(corrected)]
        ids = " ".join(run.id for run in one.runs)
        place = [name, one.experiment, one.method, *one.setting, course.metric]
        lines.append([*place, *numbers, *means, start_matters(course, corrected), ids])
    return csv_text(header, lines)


def heads(table: Starts) -> tuple[str, ...]:
    """Return the titles of the columns."""
    return (*COURSE, QUANTITIES[table.metric].label, *TESTED)


def title_of(method: str, setting: Setting) -> str:
    """Return the title of a block of rows: `LETS-SAM, ResNet-18 on CIFAR-10, 40 % noise`."""
    return f"{value_title('method', method)}, {setting_title(*setting)}"


def _entries(course: Course, corrected: float | None, found: Courses) -> Iterator[Entry]:
    reading, decimals = course.reading, QUANTITIES[course.metric].decimals
    runs = tuple(run.id for run in reading.runs)
    every = tuple(run.id for one in found.courses for run in one.reading.runs)
    mean, asked = _mean(course), len({run.seed for run in reading.runs})
    count = "" if len(reading.seeds) == asked else f"of {asked}"
    words = (
        (str(len(reading.starts)), ""),
        (str(len(reading.seeds)), count),
        (_interval(course.moved, _factor), ""),
        (" to ".join(f"{end:.3g}" for end in course.ends) if course.ends else "—", ""),
        (_interval(course.memory, lambda x: f"{x:.2f}"), ""),
        ("—" if mean is None else f"{mean:.{decimals}f}", ""),
        ("—" if course.spread is None else f"{course.spread:.{decimals}f}", ""),
    )
    hover = _hover(course, decimals)
    for text, note in words:
        yield Entry(text, note, hover=hover, runs=runs)
    yield Entry(p_text(corrected), hover=hover, runs=every)
    yield Entry(start_matters(course, corrected), hover=hover, runs=every)


def _hover(course: Course, decimals: int) -> str:
    lines = [f"n = {len(course.reading.seeds)} seeds, {len(course.reading.starts)} starts"]
    lines += [
        f"from {start:g}: {summary.mean:.{decimals}f}, n = {summary.n}"
        for start, summary in course.by_start.items()
    ]
    return "\n".join(lines)


def _interval(summary: Summary, text: Callable[[float], str]) -> str:
    """`1.2 (1.1 to 1.3)`; without the bracket if one seed says it."""
    if not summary.n:
        return "—"
    low, high = summary.interval()
    return text(summary.mean) + (f" ({text(low)} to {text(high)})" if low == low else "")


def _factor(logarithm: float) -> str:
    """`1.13`, and of what hardly moves how little: `1 + 3e-07`."""
    if abs(logarithm) >= 0.01:
        return f"{exp(logarithm):.3g}"
    change = expm1(logarithm)
    return f"1 {'-' if change < 0 else '+'} {abs(change):.0e}" if change else "1"


def _bounded(summary: Summary) -> tuple[float, float, float]:
    return (summary.mean, *summary.interval())


def _mean(course: Course) -> float | None:
    """The metric in the mean of all starts."""
    means = [one.mean for one in course.by_start.values()]
    return sum(means) / len(means) if course.reading.seeds else None


def _notes(found: Courses) -> Iterator[str]:
    quantity, margin = QUANTITIES[found.table.metric], found.table.margin
    unit = "points" if quantity.unit == "%" else quantity.unit
    yield (
        "Moves by a factor of: exp of the mean |ln(ρ at the end / ρ at the start)| over starts; 1 stands still. "
        "Memory of its start: slope of ln ρ at the end over ln ρ at the start; 1: all radii are as far apart as they "
        "were, 0: all end at one. Both one number per seed; in brackets the 95 % t interval over seeds. "
        "Ends at: the smallest and the largest radius at the end of all runs."
    )
    yield (
        f"{quantity.label}: mean over starts and seeds; spread: of the means of starts, the largest less the smallest. "
        f"Start matters: no, where every two starts are the same within {margin:g} {unit} (TOST of the differences by "
        "seed, the largest p of all pairs); yes, where two differ by more (t test, the smallest p times the pairs); "
        "undecided does not mean no. Holm p: "
        f"{sum(p is not None for p in found.corrected)} rows as one family, below 0.05 decides; none where two starts "
        "differ by the same for every seed, which leaves nothing to test against."
    )
    yield from absent_notes(run for one in found.courses for run in one.reading.outcomes)
