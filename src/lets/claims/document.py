"""claims.md: the verdicts, and behind each of them its comparisons and runs; claims.csv for machines."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lets.claims.file import ANALYSED, Best, Equivalent, read_claims
from lets.claims.judgement import LEAST, Comparison, Judged, Ruling, Tested, analysis_missing, judge
from lets.config.labels import setting_title, value_title
from lets.config.paths import Layout
from lets.files import write_text
from lets.project import Params, Project
from lets.stats.paired import ALPHA, Paired
from lets.tables.notes import absent_notes, count, folded, p_text, scale
from lets.tables.render import render
from lets.tables.table import Block, Cell, Csv, Record, Row, Table, computed


def claims_texts(project: Project) -> dict[Path, str]:
    """Return path → text of both files; a function of the run records, the analyses and the params alone."""
    params, layout = project.params, project.layout
    judged = judge(read_claims(layout.paper_claims), project)
    scaled = scale_note(judged, params)
    lines = ["# The claims of the paper", "", *[f"> {scaled}\n"] * bool(scaled)]
    lines += [render(claims_table(judged, params))["md"], "## Each claim"]
    for one in judged:
        lines += ["", *_details(one, layout)]
    return {layout.claims: "\n".join(lines) + "\n", layout.claims_csv: claims_csv(judged).text()}


def write_claims(project: Project) -> list[Path]:
    """Write both files and return their paths."""
    texts = claims_texts(project)
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)


def _details(one: Judged, layout: Layout) -> Iterator[str]:
    tested, runs = one.tested, one.tested.comparisons.runs
    yield f"### {tested.name}: {one.ruling}"
    yield ""
    yield f"{tested.claim.section}: {tested.claim.claim}. {what(tested)}"
    yield ""
    yield from (f"- {reason}" for reason in _reasons(one, layout))
    if tested.comparisons.all:
        yield ""
        yield "| Comparison | Setting | Seeds | Difference | 95 % interval |"
        yield "| :-- | :-- | --: | --: | --: |"
        yield from (_line(comparison, tested) for comparison in tested.comparisons.all)
    if runs:
        yield ""
        yield f"<details><summary>{count(list(runs))}</summary>\n\n{folded(runs)}\n\n</details>"


def _reasons(one: Judged, layout: Layout) -> Iterator[str]:
    tested = one.tested
    yield from _counts(one)
    if tested.absent:
        section, names = (
            tested.claim.runs or tested.claim.section,
            [setting_title(*one) for one in tested.absent],
        )
        yield f"No experiment of {section} in this profile compares them for {'; '.join(names)}."
    yield from absent_notes(tested.comparisons.runs)
    if lacking := [
        run for run in tested.comparisons.to_do if analysis_missing(run, tested.claim.metric, layout)
    ]:
        yield f"Without its {ANALYSED[tested.claim.metric]}: {folded(lacking)}."


def _counts(one: Judged) -> Iterator[str]:
    tested, units = one.tested, one.tested.units
    if tested.comparisons.all and not tested.comparisons.to_do and not tested.decidable:
        yield f"{_counted(units.n, unit(tested))}: fewer than the {LEAST} that a test needs."
    if tested.p is not None:
        test = "TOST" if isinstance(tested.claim, Equivalent) else "t test"
        yield (
            f"Mean over {_counted(units.n, unit(tested))}: {difference(units, tested)} "
            f"({interval(units, tested)}); {test}: p = {p_text(tested.p)}, after Holm {p_text(one.corrected)}."
        )
    elif tested.decidable:
        yield f"All {units.n} differences are equal: there is no spread to test against."
    if total := len(tested.comparisons.all):
        yield f"As claimed in {tested.agreeing} of {_counted(total, 'comparison')}."


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _line(comparison: Comparison, tested: Tested) -> str:
    by, sample = tested.claim.by, comparison.paired
    names = [value_title(by, value) for value in (comparison.first, comparison.second)]
    cells = [" against ".join(names), setting_title(*comparison.setting), str(sample.n)]
    return f"| {' | '.join([*cells, difference(sample, tested), interval(sample, tested)])} |"


COLUMNS = ("Section", "Verdict", "Difference", "95 % interval", "Holm p", "Settings", "Seeds")


def claims_table(judged: Sequence[Judged], params: Params) -> Table:
    """Put the verdicts into words."""
    rows = tuple(_row(one) for one in judged)
    title = f"What the runs of profile “{params.profile}” say of the paper's claims"
    notes, csv = tuple(_notes(judged)), claims_csv(judged)
    runs = tuple(run for one in judged for run in one.tested.comparisons.runs)
    return Table("claims", title, "Claim", COLUMNS, (Block("", rows),), notes, csv, runs)


def claims_csv(judged: Iterable[Judged]) -> Csv:
    """Return one line per claim; settings, seeds and run ids are separated by blanks."""
    header = [
        "claim",
        "section",
        "kind",
        "by",
        "metric",
        "verdict",
        "difference",
        "sd",
        "low",
        "high",
        "p",
        "holm_p",
    ]
    header += [
        "units",
        "unit",
        "comparisons",
        "agreeing",
        "settings",
        "settings_of_paper",
        "seeds",
        "to_do",
        "runs",
    ]
    records = []
    for one in judged:
        tested, claim, units = one.tested, one.tested.claim, one.tested.units
        low, high = units.interval() or (None, None)
        numbers = [units.mean, *map(computed, (units.sd, low, high, tested.p, one.corrected))]
        counted = [units.n, unit(tested), len(tested.comparisons.all), tested.agreeing, settings(tested)]
        counted += [len(claim.settings), " ".join(map(str, seeds(tested)))]
        ids = [
            " ".join(run.id for run in runs) for runs in (tested.comparisons.to_do, tested.comparisons.runs)
        ]
        said = [tested.name, claim.section, claim.kind, claim.by, claim.metric, str(one.ruling)]
        records.append(Record([*said, *numbers, *counted, *ids]))
    return Csv(header, records)


def unit(tested: Tested) -> str:
    """Return what the test counts."""
    return "comparison" if tested.by_settings else "seed"


def settings(tested: Tested) -> int:
    """Return how many settings the claim was tested in."""
    return len({one.setting for one in tested.comparisons.all})


def seeds(tested: Tested) -> list[int]:
    """Return the seeds that any comparison has."""
    return sorted({seed for one in tested.comparisons.all for seed in one.paired.differences})


def difference(sample: Paired, tested: Tested) -> str:
    """Return the mean difference with its unit: `+0.21 points`."""
    if sample.mean is None:
        return "—"
    unit = "points" if tested.quantity.unit == "%" else tested.quantity.unit
    return f"{_signed(sample.mean, tested)} {unit}".rstrip()


def interval(sample: Paired, tested: Tested) -> str:
    """Return the 95 % t interval of the mean difference."""
    bounds = sample.interval()
    return " to ".join(_signed(bound, tested) for bound in bounds) if bounds else "—"


def _signed(value: float, tested: Tested) -> str:
    """Write a difference with its decimals, or what is too small for them with one digit: `-2e-06`."""
    text = f"{value:+.{tested.quantity.decimals}f}"
    return text if float(text) or not value else f"{value:+.0e}"


def scale_note(judged: Iterable[Judged], params: Params) -> str:
    """Say how the runs differ from the paper's; empty if they are its experiments."""
    differs = scale((run for one in judged for run in one.tested.comparisons.runs), params)
    return differs and (
        f"These are not the paper's experiments: {differs}. "
        "A verdict here is about these runs, and neither for nor against what the paper says of its own."
    )


def _row(one: Judged) -> Row:
    tested = one.tested
    runs = tuple(dict.fromkeys(run.id for run in tested.comparisons.runs))
    there, asked = settings(tested), len(tested.claim.settings)
    words = (
        tested.claim.section,
        str(one.ruling),
        difference(tested.units, tested),
        interval(tested.units, tested),
        p_text(one.corrected),
        str(there) if there == asked else f"{there} of {asked}",
        str(len(seeds(tested))),
    )
    return tested.claim.claim, tuple(
        Cell(word, best=place == 1 and one.ruling is not Ruling.NOT_ENOUGH, runs=runs)
        for place, word in enumerate(words)
    )


def _notes(judged: Sequence[Judged]) -> Iterator[str]:
    family = sum(one.corrected is not None for one in judged)
    yield (
        "Difference: what it puts first minus what it puts second; of the best, it minus the best of all others; "
        "of several that are to be equal, the pair farthest apart."
    )
    yield (
        f"Supported: the mean difference is on the side of the claim, in every comparison if it is said of every one, "
        f"and Holm p < {ALPHA}. Contradicted: it is on the other side, and Holm p < {ALPHA}. Not supported: neither. "
        f"Not enough runs: runs are missing, or there are fewer than {LEAST} units to test. "
        "Not supported does not mean refuted."
    )
    yield (
        f"Units: a comparison, which is two methods in one setting (data set, noise, architecture), as its mean over "
        f"seeds; of fewer than {LEAST} comparisons the seeds, averaged over comparisons. A two-sided t test of their "
        "mean; that two are equal, two one-sided ones (TOST) against the margin. "
        "A best that is behind: the p that one rival is ahead of it in the mean of all settings, times the rivals. "
        f"Holm p: the {family} claims that have a p, corrected as one family."
    )


def what(tested: Tested) -> str:
    """Return how a claim is tested, in a sentence."""
    claim, quantity = tested.claim, tested.quantity
    if isinstance(claim, Best):
        winners = " or ".join(value_title(claim.by, value) for value in claim.winners)
        return f"{quantity.label} of {winners} against the best of all others."
    if isinstance(claim, Equivalent):
        unit = "points" if quantity.unit == "%" else quantity.unit
        return f"{quantity.label}, equal within {claim.margin:g} {unit} (our margin)."
    better = f", {quantity.better} is better" if quantity.better else ""
    return f"{quantity.label}{better}."
