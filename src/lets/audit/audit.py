"""The audit: all checks, in the order in which a damage shows first."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

from lets.audit.case import Case
from lets.audit.cells import check_cells
from lets.audit.data import check_data
from lets.audit.digests import check_digests
from lets.audit.findings import Check, Finding, command
from lets.audit.hypergradients import check_hypergradients
from lets.audit.image import check_image
from lets.audit.landscapes import check_landscapes
from lets.audit.numbers import check_numbers
from lets.audit.origin import check_origin
from lets.audit.sharpness import check_sharpness
from lets.audit.tree import check_tree
from lets.audit.verdicts import Judged, Verdict, judge
from lets.audit.weights import check_weights
from lets.spec import Layout, expand, load_params


@dataclass(frozen=True)
class Audit:
    """Every check, and a verdict for every printed place; no date, so that equal trees give equal audits."""

    profile: str
    params: str
    checks: tuple[Check, ...]
    judged: tuple[Judged, ...]

    @cached_property
    def failures(self) -> tuple[Finding, ...]:
        """Everything that is wrong."""
        return tuple(chain.from_iterable(check.failures for check in self.checks))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know although nothing is wrong."""
        return tuple(chain.from_iterable(check.warnings for check in self.checks))

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.failures

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How many printed places have which verdict."""
        return Counter(one.verdict for one in self.judged)

    @property
    def next(self) -> str:
        """The one command to run next."""
        return command(list(self.failures))


def perform(params_file: Path, default: Path, weights: int | None = None) -> Audit:
    """Audit the profile of a params file; `weights` overrides how many runs are evaluated again.

    `default` is the params file that the workflow takes by itself.
    """
    params = load_params(params_file)
    make = "snakemake --cores all" + ("" if params_file == default else f" --configfile {params_file}")
    case = Case(params, expand(params), Layout(params.profile), make)
    checks = [check_tree(case), check_digests(case), check_numbers(case), check_data(case)]
    count = params.audit_weights if weights is None else weights
    sample = check_weights(case, count)
    checks += [sample.check, check_landscapes(case, count), check_sharpness(case, count)]
    checks += [check_hypergradients(case)]
    suspects = {finding.run: finding.remove for check in checks for finding in check.failures if finding.run}
    checks += [check_cells(case, suspects), check_origin(case), check_image(case)]
    failures = [finding for check in checks for finding in check.failures]
    return Audit(params.profile, str(params_file), tuple(checks), judge(case, failures, sample.confirmed))
