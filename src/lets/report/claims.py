"""claims.md: the verdicts, and behind each of them its comparisons and runs; claims.csv for machines."""

from collections.abc import Iterator
from pathlib import Path

from lets.records.files import write_text
from lets.report.claims_sheet import claims_csv, claims_sheet, difference, interval, scale_note, unit, what
from lets.report.difference import p_text
from lets.report.labels import setting_title, value_title
from lets.report.markdown import markdown
from lets.report.notes import absent_notes, count, folded
from lets.results.claims import LEAST, Judged, Tested, judge
from lets.results.contests import Contest
from lets.results.measures import analysis_missing
from lets.spec import Layout, Matrix, Params
from lets.spec.claims import ANALYSED, Equivalent, read_claims


def claims_texts(params: Params, matrix: Matrix, layout: Layout) -> dict[Path, str]:
    """Return path → text of both files; a function of the run records, the analyses and the params alone."""
    judged = judge(read_claims(layout.paper_claims), params, matrix, layout)
    scaled = scale_note(judged, params)
    lines = ["# The claims of the paper", "", *[f"> {scaled}\n"] * bool(scaled)]
    lines += [markdown(claims_sheet(judged, params)), "## Each claim"]
    for one in judged:
        lines += ["", *_details(one, layout)]
    return {layout.claims: "\n".join(lines) + "\n", layout.claims_csv: claims_csv(judged)}


def write_claims(params: Params, matrix: Matrix, layout: Layout) -> list[Path]:
    """Write both files and return their paths."""
    texts = claims_texts(params, matrix, layout)
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)


def _details(one: Judged, layout: Layout) -> Iterator[str]:
    tested, runs = one.tested, one.tested.contests.runs
    yield f"### {tested.name}: {one.ruling}"
    yield ""
    yield f"{tested.claim.section}: {tested.claim.claim}. {what(tested)}"
    yield ""
    yield from (f"- {reason}" for reason in _reasons(one, layout))
    if tested.contests.all:
        yield ""
        yield "| Comparison | Setting | Seeds | Difference | 95 % interval |"
        yield "| :-- | :-- | --: | --: | --: |"
        yield from (_line(contest, tested) for contest in tested.contests.all)
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
    yield from absent_notes(tested.contests.runs)
    if lacking := [
        run for run in tested.contests.to_do if analysis_missing(run, tested.claim.metric, layout)
    ]:
        yield f"Without its {ANALYSED[tested.claim.metric]}: {folded(lacking)}."


def _counts(one: Judged) -> Iterator[str]:
    tested, units = one.tested, one.tested.units
    if tested.contests.all and not tested.contests.to_do and not tested.decidable:
        yield f"{_counted(units.n, unit(tested))}: less than the {LEAST} that a test needs."
    if tested.p is not None:
        test = "TOST" if isinstance(tested.claim, Equivalent) else "t test"
        yield (
            f"Mean over {_counted(units.n, unit(tested))}: {difference(units, tested)} "
            f"({interval(units, tested)}); {test}: p = {p_text(tested.p)}, after Holm {p_text(one.corrected)}."
        )
    elif tested.decidable:
        yield f"All {units.n} differences are equal: there is no spread to test against."
    if total := len(tested.contests.all):
        yield f"As claimed in {tested.agreeing} of {_counted(total, 'comparison')}."


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _line(contest: Contest, tested: Tested) -> str:
    by, sample = tested.claim.by, contest.paired
    names = [value_title(by, value) for value in (contest.first, contest.second)]
    cells = [" against ".join(names), setting_title(*contest.setting), str(sample.n)]
    return f"| {' | '.join([*cells, difference(sample, tested), interval(sample, tested)])} |"
