"""The claims of the paper in words: a row per claim, by section."""

from collections.abc import Iterable, Iterator, Sequence

from lets.report.difference import p_text
from lets.report.labels import value_title
from lets.report.notes import scale
from lets.report.sheet import Block, Entry, Row, Sheet
from lets.report.tidy import computed, csv_text
from lets.results.claims import LEAST, Judged, Ruling, Tested
from lets.results.holm import ALPHA
from lets.results.paired import Paired
from lets.spec import Params
from lets.spec.claims import Best, Equivalent

COLUMNS = ("Section", "Verdict", "Difference", "95 % interval", "Holm p", "Settings", "Seeds")


def claims_sheet(judged: Sequence[Judged], params: Params) -> Sheet:
    """Put the verdicts into words."""
    rows = tuple(_row(one) for one in judged)
    title = f"What the runs of profile “{params.profile}” say of the paper's claims"
    return Sheet("claims", title, "Claim", COLUMNS, (Block("", rows),), frozenset(), tuple(_notes(judged)))


def claims_csv(judged: Iterable[Judged]) -> str:
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
    lines = []
    for one in judged:
        tested, claim, units = one.tested, one.tested.claim, one.tested.units
        low, high = units.interval() or (None, None)
        numbers = [units.mean, *map(computed, (units.sd, low, high, tested.p, one.corrected))]
        counted = [units.n, unit(tested), len(tested.contests.all), tested.agreeing, settings(tested)]
        counted += [len(claim.settings), " ".join(map(str, seeds(tested)))]
        ids = [" ".join(run.id for run in runs) for runs in (tested.contests.to_do, tested.contests.runs)]
        said = [tested.name, claim.section, claim.kind, claim.by, claim.metric, str(one.ruling)]
        lines.append([*said, *numbers, *counted, *ids])
    return csv_text(header, lines)


def unit(tested: Tested) -> str:
    """Return what the test counts."""
    return "comparison" if tested.by_settings else "seed"


def settings(tested: Tested) -> int:
    """Return how many settings the claim was tested in."""
    return len({one.setting for one in tested.contests.all})


def seeds(tested: Tested) -> list[int]:
    """Return the seeds that any comparison has."""
    return sorted({seed for one in tested.contests.all for seed in one.paired.differences})


def difference(sample: Paired, tested: Tested) -> str:
    """Return the mean difference with its unit: `+0.21 points`."""
    if sample.mean is None:
        return "—"
    unit = "points" if tested.quantity.unit == "%" else tested.quantity.unit
    return f"{sample.mean:+.{tested.quantity.decimals}f} {unit}".rstrip()


def interval(sample: Paired, tested: Tested) -> str:
    """Return the 95 % t interval of the mean difference."""
    bounds = sample.interval()
    return " to ".join(f"{bound:+.{tested.quantity.decimals}f}" for bound in bounds) if bounds else "—"


def scale_note(judged: Iterable[Judged], params: Params) -> str:
    """Say how the runs differ from the paper's; empty if they are its experiments."""
    differs = scale((run for one in judged for run in one.tested.contests.runs), params)
    return differs and (
        f"These are not the paper's experiments: {differs}. "
        "A verdict here is about these runs, and neither for nor against what the paper says of its own."
    )


def _row(one: Judged) -> Row:
    tested = one.tested
    runs = tuple(dict.fromkeys(run.id for run in tested.contests.runs))
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
        Entry(word, best=place == 1 and one.ruling is not Ruling.NOT_ENOUGH, runs=runs)
        for place, word in enumerate(words)
    )


def _notes(judged: Sequence[Judged]) -> Iterator[str]:
    family = sum(one.corrected is not None for one in judged)
    yield (
        "Difference: what the claim puts first less what it puts second; of the best, it less the best of all others; "
        "of several that are to be equal, the pair farthest apart."
    )
    yield (
        f"Supported: the mean difference is on the side of the claim, in every comparison if it is said of every one, "
        f"and Holm p < {ALPHA}. Contradicted: it is on the other side, and Holm p < {ALPHA}. Not supported: neither. "
        f"Not enough runs: runs are missing, or there are less than {LEAST} units to test. "
        "Not supported does not mean refuted."
    )
    yield (
        f"Units: a comparison, which is two methods in one setting (data set, noise, architecture), as its mean over "
        f"seeds; of less than {LEAST} comparisons the seeds, averaged over comparisons. A two-sided t test of their "
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
