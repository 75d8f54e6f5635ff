"""The claims of the paper (params/claims.yaml) as data: what each compares, and the runs of a project that it takes."""

from collections.abc import Callable, Iterator
from itertools import chain, product
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lets.config.matrix import Setting, by_setting, learned_pairs
from lets.config.messages import Location, Problem
from lets.config.params import CATALOGUES, Section
from lets.config.run import RunSpec
from lets.config.selection import RunMetric, read_for
from lets.config.strict import Name, Positive, Scalar, Strict
from lets.config.yaml_files import read_facts
from lets.optim.catalogue import METHODS
from lets.project import Params, Project
from lets.project.params import ANALYSES

Measure = RunMetric | Literal["mean_loss", "top_eigenvalue", "trace", "m_sharpness", "landscape"]
"""of a run; mean_loss is the mini-batch training loss averaged over all epochs, m_sharpness that at a radius of 0.05,
landscape the mean loss on the plane around the weights minus the loss at the weights"""
ANALYSED = {
    "top_eigenvalue": "sharpness",
    "trace": "sharpness",
    "m_sharpness": "sharpness",
    "landscape": "landscape",
}
"""measure → the analysis that it is computed by; all others stand in the run record"""
Pair = Annotated[list[Scalar], Field(min_length=2, max_length=2)]


class _Claim(Strict):
    """What every claim says; data sets, noises and architectures are the paper's, also where others stand for them."""

    section: Section
    claim: str
    """in words"""
    runs: Section | None = None
    """the section whose experiments it is tested on, if not its own"""
    datasets: Annotated[list[str], Field(min_length=1)]
    noise: Annotated[list[str], Field(min_length=1)] = Field(default=["clean"])
    architectures: Annotated[list[str], Field(min_length=1)]
    by: str = "method"
    """the field of a run whose values are compared"""
    metric: Measure = "test_accuracy"
    everywhere: bool = False
    """whether it is said of every setting, not of their mean alone"""

    @property
    def settings(self) -> list[Setting]:
        """Every setting that the paper has it for."""
        return list(product(self.datasets, self.noise, self.architectures))


class _Pairs(_Claim):
    pairs: list[Pair] = Field(default=[])
    """[a, b] compares a with b; without any, every lets-X is compared with its X"""


class Better(_Pairs):
    """The first of a pair has the better metric."""

    kind: Literal["better"]


class Best(_Claim):
    """One of the winners has the best metric of all that were run."""

    kind: Literal["best"]
    winners: Annotated[list[Scalar], Field(min_length=1)]


class Equivalent(_Pairs):
    """Both of a pair have the same metric, within the margin."""

    kind: Literal["equivalent"]
    margin: Positive
    """in the unit of the metric"""


Claim = Annotated[Better | Best | Equivalent, Field(discriminator="kind")]


class Claims(Strict):
    """A claims file."""

    claims: Annotated[dict[Name, Claim], Field(min_length=1)]


def read_claims(path: Path) -> dict[str, Claim]:
    """Return the claims of a file by name; raises SpecError that names file, line and remedy."""
    return read_facts(path, Claims, lambda file: list(_problems(file))).claims


def runs_of(claim: Claim, project: Project) -> dict[Setting, list[RunSpec]]:
    """Return the runs of a profile that a claim is about, by setting in the profile's own names.

    Of a measure that is computed after the training: those whose analysis a table or figure asks for.
    """
    section = claim.runs or claim.section
    ids = dict.fromkeys(
        run
        for name, experiment in project.params.experiments.items()
        if experiment.section == section
        for run in project.matrix.experiments[name]
    )
    kind = ANALYSED.get(claim.metric)
    computed = project.analyses(ANALYSES[kind]) if kind else project.matrix.runs
    settings = by_setting([project.matrix.runs[id] for id in ids if id in computed])
    found = {
        place: runs for place, runs in settings.items() if original(place, project.params) in claim.settings
    }
    return {place: kept for place, runs in found.items() if (kept := _compared(claim, runs))}


def shown_by(claim: Claim) -> str:
    """Return what a claim is about of a run, by the names of `Selection.reads`."""
    return ANALYSED.get(claim.metric, read_for(claim.metric))


def original(setting: Setting, params: Params) -> Setting:
    """Return the setting of the paper that one of a profile stands for."""
    dataset, noise, architecture = setting
    return params.stand_ins.get(dataset, dataset), noise, params.stand_ins.get(architecture, architecture)


def pairs_of(claim: Better | Equivalent, runs: list[RunSpec]) -> list[tuple[Scalar, Scalar]]:
    """Return the pairs that a claim compares in the runs of one setting."""
    if not claim.pairs:
        return [*learned_pairs(runs)]
    values = [run.variant.get(claim.by) for run in runs]
    return [(first, second) for first, second in claim.pairs if first in values and second in values]


def _compared(claim: Claim, runs: list[RunSpec]) -> list[RunSpec]:
    """Those that are compared with another one."""
    values = [run.variant.get(claim.by) for run in runs]
    if isinstance(claim, Best):
        rivals = any(value not in claim.winners for value in values)
        return runs if rivals and any(winner in values for winner in claim.winners) else []
    shown = [value for pair in pairs_of(claim, runs) for value in pair]
    return [run for run, value in zip(runs, values, strict=True) if value in shown]


def claim_sources(claims: dict[str, Claim], project: Project) -> list[Path]:
    """Return the files that the verdicts follow from: those of every run that is compared, and of its analyses."""
    found: dict[Path, None] = {}
    for claim in claims.values():
        kind = ANALYSED.get(claim.metric)
        for run in chain.from_iterable(runs_of(claim, project).values()):
            found |= dict.fromkeys(project.layout.run_files(run.id))
            found |= dict.fromkeys([project.layout.analysis(kind, run.id)] if kind else [])
    return list(found)


def _problems(file: Claims) -> Iterator[Problem]:
    for name, claim in file.claims.items():
        at: Location = ("claims", name)
        for axis, describe in CATALOGUES.items():
            for index, value in enumerate(getattr(claim, axis)):
                yield from _unknown((*at, axis, index), value, describe)
        fields = {name for info in METHODS.values() for name in info.hyperparameters}
        if claim.by not in {"method", *fields}:
            choices = ", ".join(sorted({"method", *fields}))
            yield (*at, "by"), f"{claim.by!r} – no method has it – choose from: {choices}"
        if claim.by == "method":
            yield from _methods(at, claim)
        elif isinstance(claim, _Pairs) and not claim.pairs:
            yield at, f"a claim by {claim.by} without pairs – nothing is compared – add  pairs: [[a, b]]"


def _methods(at: Location, claim: Claim) -> Iterator[Problem]:
    values = claim.winners if isinstance(claim, Best) else [value for pair in claim.pairs for value in pair]
    key = "winners" if isinstance(claim, Best) else "pairs"
    for value in values:
        if value not in METHODS:
            yield (*at, key), f"{value!r} – no such method – list them: lets list methods"


def _unknown(at: Location, name: str, describe: Callable[[str], object]) -> Iterator[Problem]:
    try:
        describe(name)
    except ValueError as error:
        yield at, f"{name!r} – {str(error).split(' – ', 1)[-1]}"
