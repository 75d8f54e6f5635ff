"""The audit: every layer of checks, a verdict for everything printed, and what it was all held against."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

from lets.audit.context import Context, Sample
from lets.audit.findings import Check, Finding, command
from lets.audit.layers import AuditError, IncompleteAuditError, Layer, MatrixAuditError, examine
from lets.audit.verdicts import Judged, Judgement, Verdict, is_absent, judge
from lets.config.own import sources
from lets.files import sha256_file
from lets.project import Project


@dataclass(frozen=True)
class Audit:
    """Every layer of checks and every verdict; no date, so that equal trees give equal audits."""

    profile: str
    params: str
    facts: dict[str, str]
    """file → sha256 of what runs and reports were held against"""
    content: str
    """the digest of all that was audited, which decided what was recomputed"""
    code: str
    """the digest of the code that trains its runs"""
    sample: Sample
    layers: tuple[Layer, ...]
    judgement: Judgement
    lacking: bool = False
    """whether runs or analyses are still to be made"""

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks of all layers."""
        return tuple(chain.from_iterable(layer.checks for layer in self.layers))

    @cached_property
    def failures(self) -> tuple[Finding, ...]:
        """Everything that is wrong."""
        return tuple(chain.from_iterable(layer.failures for layer in self.layers))

    @cached_property
    def unchecked(self) -> tuple[Finding, ...]:
        """Everything that cannot be checked here, because it is not here."""
        return tuple(chain.from_iterable(layer.unchecked for layer in self.layers))

    @property
    def complete(self) -> bool:
        """Whether all could be checked: no data, no run and no analysis is absent."""
        return not self.unchecked and not self.lacking

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know although nothing is wrong."""
        return tuple(chain.from_iterable(check.warnings for check in self.checks))

    @property
    def passed(self) -> bool:
        """Whether all was checked, and nothing is wrong."""
        return not self.failures and not self.unchecked

    @property
    def title(self) -> str:
        """PASS, FAIL, or that it is neither."""
        if self.failures:
            return "FAIL"
        return "INCOMPLETE: nothing is wrong, but not all can be checked here" if self.unchecked else "PASS"

    @property
    def judged(self) -> tuple[Judged, ...]:
        """Every printed cell with its verdict."""
        return self.judgement.cells

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How many printed cells have which verdict."""
        return Counter(one.verdict for one in self.judged)

    @property
    def next(self) -> str:
        """The one command to run next."""
        return command([*self.failures, *self.unchecked])

    @property
    def error(self) -> AuditError | None:
        """The error of the first layer that fails, to be raised: it names the layers and the next command."""
        failed = [layer for layer in self.layers if layer.failures]
        if not failed and self.unchecked:
            return IncompleteAuditError(
                f"audit of {self.profile} – nothing is wrong, but {len(self.unchecked)} things cannot be checked here "
                f"– run next:  {self.next}"
            )
        if not failed:
            return None
        counts = ", ".join(f"{layer.name} {len(layer.failures)}" for layer in failed)
        return failed[0].error(
            f"audit of {self.profile} – failed, by layer: {counts} – run next:  {self.next}"
        )


def perform(params_file: Path, sample: Sample | None = None) -> Audit:
    """Audit the profile of a params file; `sample` overrides how much is recomputed."""
    project = Project.load(params_file)
    params = project.params
    sample = sample or Sample(params.audit_weights)
    context = Context(project, sample)
    layers = examine(context)
    failures = [*chain.from_iterable(layer.failures for layer in layers)]
    absent = [one for layer in layers for one in layer.unchecked if one.absent]
    judgement = judge(context, failures + absent, [*chain.from_iterable(layer.checks for layer in layers)])
    matrix = chain.from_iterable(layer.failures for layer in layers if layer.error is MatrixAuditError)
    return Audit(
        params.profile,
        str(params_file),
        facts(params_file, project),
        context.content,
        context.code,
        sample,
        layers,
        judgement,
        lacking=any(is_absent(context, one) for one in matrix),
    )


def facts(params_file: Path, project: Project) -> dict[str, str]:
    """Return file → sha256, for those that are there: whoever changes one of them changes the receipt."""
    from lets.data.sources import SOURCES_FILE

    layout, runs = project.layout, project.matrix.runs.values()
    own = sources(*{name for run in runs for name in (run.dataset, run.architecture)})
    files = {
        str(params_file): params_file,
        **{str(path): path for path in (layout.published, layout.quoted, layout.paper_claims, *own)},
        "lets/data/datasets.yaml": SOURCES_FILE,
    }
    return {name: sha256_file(path) for name, path in files.items() if path.is_file()}
