"""What a claim compares, setting by setting: two groups of runs, seed by seed."""

from collections.abc import Mapping
from dataclasses import dataclass

from lets.results.measures import MEASURES, analysis_missing, measured
from lets.results.outcomes import TO_DO, Outcome, read_outcome
from lets.results.paired import Paired
from lets.results.repeats import repeats
from lets.results.summary import Summary
from lets.spec import Layout, Matrix, Params
from lets.spec.claims import Best, Claim, pairs_of, runs_of
from lets.spec.matches import Setting
from lets.spec.strict import Scalar


@dataclass(frozen=True)
class Contest:
    """`first` against `second`, two values of the claim's field, in one setting; `paired` is first - second by seed."""

    first: Scalar
    second: Scalar
    setting: Setting
    paired: Paired


@dataclass(frozen=True)
class Contests:
    """All contests of a claim, every run that it is about, and those of them that are still to be made."""

    all: tuple[Contest, ...]
    runs: tuple[Outcome, ...]
    to_do: tuple[Outcome, ...]
    rivalry: tuple[Contest, ...] = ()
    """of the best: every winner against every other, of which `all` are those of the best ones of a setting"""


Values = Mapping[int, float]
"""seed → the metric"""


def contests_of(claim: Claim, params: Params, matrix: Matrix, layout: Layout) -> Contests:
    """Read the runs of a claim; raises SpecError if a value of its field has several variants in a setting."""
    found: list[Contest] = []
    rivalry: list[Contest] = []
    every: list[Outcome] = []
    for setting, specs in runs_of(claim, params, matrix).items():
        runs = [read_outcome(spec, layout) for spec in specs]
        every += runs
        values = {
            value: {
                run.spec.seed: x for run in group if (x := measured(run, claim.metric, layout)) is not None
            }
            for (value,), group in repeats(runs, (claim.by,)).items()
        }
        if isinstance(claim, Best):
            against = _rivalry(claim, setting, values)
            found += against[:1]
            rivalry += against
        else:
            pairs = pairs_of(claim, specs)
            found += [Contest(a, b, setting, Paired.of(values[a], values[b])) for a, b in pairs]
    to_do = [run for run in every if run.state in TO_DO or analysis_missing(run, claim.metric, layout)]
    return Contests(tuple(found), tuple(every), tuple(to_do), tuple(rivalry))


def _rivalry(claim: Best, setting: Setting, values: Mapping[Scalar, Values]) -> list[Contest]:
    """Every winner against every other; first the best of the winners, by their means, against the best of others."""
    sign = -1 if MEASURES[claim.metric].better == "lower" else 1
    ranked = sorted(
        (value for value in values if values[value]),
        key=lambda value: -sign * Summary.of(list(values[value].values())).mean,
    )
    winners = [value for value in ranked if value in claim.winners]
    others = [value for value in ranked if value not in claim.winners]
    return [Contest(a, b, setting, Paired.of(values[a], values[b])) for a in winners for b in others]
