"""A verdict on every claim of the paper, by one rule.

A unit of a test is the difference of one comparison (a pair in a setting), a mean over seeds: seeds repeat a setting,
they are no settings of their own. Of fewer than LEAST comparisons the units are seeds: their differences, averaged over
the comparisons. The mean of the units is tested by t; the p of all claims are one family (Holm).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from statistics import fmean

from lets.analyses.landscape import read_points
from lets.analyses.sharpness import EIGENVALUE, M_SHARPNESS, TRACE, read_measures
from lets.claims.file import ANALYSED, Best, Claim, Equivalent, original, pairs_of, runs_of
from lets.config.matrix import Setting
from lets.config.paths import Layout
from lets.config.strict import Scalar
from lets.project import Project
from lets.runs.metrics import QUANTITIES, Quantity
from lets.runs.outcomes import TO_DO, Outcome, repeats
from lets.stats.paired import ALPHA, Paired, all_within, holm, one_beyond
from lets.stats.summary import Summary, rounded

LEAST = 3
"""units of a test: of two, whose t has one degree of freedom, a family of tests can decide nothing but by accident"""


@dataclass(frozen=True)
class Comparison:
    """`first` against `second`, two values of the claim's field, in one setting; `paired` is first - second by seed."""

    first: Scalar
    second: Scalar
    setting: Setting
    paired: Paired


@dataclass(frozen=True)
class Comparisons:
    """All comparisons of a claim, every run that it is about, and those of them that are still to be made."""

    all: tuple[Comparison, ...]
    runs: tuple[Outcome, ...]
    to_do: tuple[Outcome, ...]
    rivalry: tuple[Comparison, ...] = ()
    """of the best: every winner against every other, of which `all` are those of the best ones of a setting"""


class Ruling(StrEnum):
    """What runs say of a claim."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not supported"
    CONTRADICTED = "contradicted"
    NOT_ENOUGH = "not enough runs"


@dataclass(frozen=True)
class Tested:
    """A claim and its test, before the correction for all others."""

    name: str
    claim: Claim
    comparisons: Comparisons
    absent: tuple[Setting, ...]
    """settings of the paper that nothing in this profile stands for"""

    @property
    def quantity(self) -> Quantity:
        """What is compared."""
        return MEASURES[self.claim.metric]

    @property
    def by_settings(self) -> bool:
        """Whether the units are comparisons rather than seeds."""
        return len(self.group) >= LEAST

    @cached_property
    def group(self) -> tuple[Comparison, ...]:
        """The comparisons whose mean is tested: all, but for an equivalence the pair that is farthest apart."""
        comparisons = self.comparisons.all
        if not isinstance(self.claim, Equivalent):
            return comparisons
        groups = _by_pair(comparisons)
        return max(groups, key=lambda group: abs(units(group).mean or 0), default=())

    @cached_property
    def units(self) -> Paired:
        """The differences that are tested, numbered by comparison, or by seed."""
        return units(self.group)

    @property
    def decidable(self) -> bool:
        """Whether every run is there, and units are enough."""
        return not self.comparisons.to_do and self.units.n >= LEAST

    @cached_property
    def p(self) -> float | None:
        """The p of the test, two-sided; None if there is none."""
        if not self.decidable:
            return None
        if isinstance(self.claim, Equivalent):
            return _equivalence_p(self.comparisons.all, self.claim.margin, self.holds)
        if isinstance(self.claim, Best) and not self.holds:
            return self._beaten_p()
        return self.units.t_p

    def _beaten_p(self) -> float | None:
        """The p that one rival is ahead of every winner, in the mean of all settings (Bonferroni over rivals).

        The best of a setting was picked for being ahead there; a rival that is the same everywhere was not.
        """
        against: dict[Scalar, list[float]] = {}
        for pair in _by_pair(self.comparisons.rivalry):
            sample = units(pair)
            p = 1.0 if self._as_claimed(sample.mean) else sample.t_p
            against.setdefault(pair[0].second, []).append(1.0 if p is None else p)
        return min((min(1.0, len(against) * max(found)) for found in against.values()), default=None)

    @property
    def holds(self) -> bool:
        """Whether the mean difference is on the side of the claim."""
        return self._as_claimed(self.units.mean)

    @property
    def agreeing(self) -> int:
        """In how many comparisons it is."""
        return sum(self._as_claimed(one.paired.mean) for one in self.comparisons.all)

    def _as_claimed(self, difference: float | None) -> bool:
        if difference is None:
            return False
        if isinstance(self.claim, Equivalent):
            return abs(difference) < self.claim.margin
        return difference < 0 if self.quantity.better == "lower" else difference > 0


@dataclass(frozen=True)
class Judged:
    """A claim, its test, the p that Holm's correction leaves, and the ruling."""

    tested: Tested
    corrected: float | None
    ruling: Ruling


def judge(claims: Mapping[str, Claim], project: Project) -> tuple[Judged, ...]:
    """Test every claim on the runs of a profile; raises SpecError if a mean would mix variants."""
    tested = [_test(name, claim, project) for name, claim in claims.items()]
    corrected = holm([one.p for one in tested])
    return tuple(Judged(one, p, ruling(one, p)) for one, p in zip(tested, corrected, strict=True))


def ruling(tested: Tested, corrected: float | None) -> Ruling:
    """Return the verdict that the corrected p leads to."""
    if not tested.decidable:
        return Ruling.NOT_ENOUGH
    if corrected is None or corrected >= ALPHA:
        return Ruling.NOT_SUPPORTED
    if not tested.holds:
        return Ruling.CONTRADICTED
    everywhere = tested.agreeing == len(tested.comparisons.all)
    return Ruling.SUPPORTED if everywhere or not tested.claim.everywhere else Ruling.NOT_SUPPORTED


def units(comparisons: tuple[Comparison, ...]) -> Paired:
    """Return the mean of every comparison, or of fewer than LEAST of them the seeds that all have, averaged."""
    if len(comparisons) >= LEAST:
        means = {place: one.paired.mean for place, one in enumerate(comparisons)}
        return Paired({place: rounded(mean) for place, mean in means.items() if mean is not None})
    differences = [one.paired.differences for one in comparisons]
    shared = [seed for seed in differences[0] if all(seed in of for of in differences)] if comparisons else []
    return Paired({seed: rounded(fmean(of[seed] for of in differences)) for seed in shared})


def _test(name: str, claim: Claim, project: Project) -> Tested:
    comparisons = comparisons_of(claim, project)
    there = {original(run.setting, project.params) for run in comparisons.all}
    return Tested(name, claim, comparisons, tuple(place for place in claim.settings if place not in there))


def _by_pair(comparisons: tuple[Comparison, ...]) -> list[tuple[Comparison, ...]]:
    pairs: dict[object, tuple[Comparison, ...]] = {}
    for one in comparisons:
        pairs[one.first, one.second] = (*pairs.get((one.first, one.second), ()), one)
    return list(pairs.values())


def _equivalence_p(comparisons: tuple[Comparison, ...], margin: float, within: bool) -> float | None:
    """The p that all pairs are within the margin, or that one is beyond."""
    samples = [units(group) for group in _by_pair(comparisons)]
    return all_within(samples, margin) if within else one_beyond(samples, margin)


Values = Mapping[int, float]
"""seed → the metric"""


def comparisons_of(claim: Claim, project: Project) -> Comparisons:
    """Read the runs of a claim; raises SpecError if a value of its field has several variants in a setting."""
    found: list[Comparison] = []
    rivalry: list[Comparison] = []
    every: list[Outcome] = []
    for setting, specs in runs_of(claim, project).items():
        runs = [project.outcome(spec) for spec in specs]
        every += runs
        values = {
            value: {
                run.spec.seed: x
                for run in group
                if (x := measured(run, claim.metric, project.layout)) is not None
            }
            for (value,), group in repeats(runs, (claim.by,)).items()
        }
        if isinstance(claim, Best):
            against = _rivalry(claim, setting, values)
            found += against[:1]
            rivalry += against
        else:
            pairs = pairs_of(claim, specs)
            found += [Comparison(a, b, setting, Paired.of(values[a], values[b])) for a, b in pairs]
    to_do = [
        run for run in every if run.state in TO_DO or analysis_missing(run, claim.metric, project.layout)
    ]
    return Comparisons(tuple(found), tuple(every), tuple(to_do), tuple(rivalry))


def _rivalry(claim: Best, setting: Setting, values: Mapping[Scalar, Values]) -> list[Comparison]:
    """Every winner against every other; first the best of the winners, by their means, against the best of others."""
    sign = -1 if MEASURES[claim.metric].better == "lower" else 1
    ranked = sorted(
        (value for value in values if values[value]),
        key=lambda value: -sign * Summary.of(list(values[value].values())).mean,
    )
    winners = [value for value in ranked if value in claim.winners]
    others = [value for value in ranked if value not in claim.winners]
    return [Comparison(a, b, setting, Paired.of(values[a], values[b])) for a in winners for b in others]


RADIUS = 0.05
"""that m-sharpness is compared at: where SAM starts"""
_SHARPNESS = {"top_eigenvalue": (EIGENVALUE, 1), "trace": (TRACE, 0), "m_sharpness": (M_SHARPNESS, RADIUS)}
MEASURES = QUANTITIES | {
    "mean_loss": Quantity("Training loss over all epochs", "nats", 3, "lower"),
    "top_eigenvalue": Quantity("Largest eigenvalue of the Hessian", "", 2, "lower"),
    "trace": Quantity("Trace of the Hessian", "", 1, "lower"),
    "m_sharpness": Quantity(f"m-sharpness at {RADIUS:g}", "nats", 4, "lower"),
    "landscape": Quantity("Rise of the loss over a random plane", "nats", 3, "lower"),
}
"""by the name that claims use"""


def measured(run: Outcome, metric: str, layout: Layout) -> float | None:
    """Return one number of a run; None unless it finished and has it. Raises RecordError for damaged files."""
    if run.state != "finished":
        return None
    if metric == "mean_loss":
        return fmean(row.loss for row in run.record.history)
    if metric in ANALYSED:
        return _analysed(run, metric, layout)
    return run.value(metric)


def analysis_missing(run: Outcome, metric: str, layout: Layout) -> bool:
    """Whether a finished run still lacks the analysis that a metric needs."""
    kind = ANALYSED.get(metric)
    return run.state == "finished" and kind is not None and not layout.analysis(kind, run.id).is_file()


def _analysed(run: Outcome, metric: str, layout: Layout) -> float | None:
    if analysis_missing(run, metric, layout):
        return None
    if metric == "landscape":
        points = read_points(layout.landscape(run.id))
        middle = min(points, key=lambda point: abs(point.a) + abs(point.b))
        return fmean(point.loss for point in points) - middle.loss
    place = _SHARPNESS[metric]
    measures = read_measures(layout.sharpness(run.id))
    return next((one.value for one in measures if (one.quantity, one.at) == place), None)
