"""The checks of the audit in layers, in the order in which a damage shows first."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from lets.audit.case import Case
from lets.audit.cells import Suspects, check_cells
from lets.audit.copies import check_copies
from lets.audit.courses import check_courses
from lets.audit.data import check_data
from lets.audit.digests import check_digests
from lets.audit.endings import check_endings
from lets.audit.errors import (
    AuditError,
    BytesAuditError,
    CellsAuditError,
    EnvironmentAuditError,
    EvidenceAuditError,
    MatrixAuditError,
    RecordsAuditError,
)
from lets.audit.findings import Check, Finding
from lets.audit.hypergradients import check_hypergradients
from lets.audit.image import check_image
from lets.audit.landscapes import check_landscapes
from lets.audit.machines import check_machines
from lets.audit.numbers import check_numbers
from lets.audit.origin import check_origin
from lets.audit.packages import check_packages
from lets.audit.retraining import check_retraining
from lets.audit.seeds import check_seeds
from lets.audit.sharpness import check_sharpness
from lets.audit.starts import check_starts
from lets.audit.terms import check_terms
from lets.audit.tree import check_tree
from lets.audit.weights import check_weights


@dataclass(frozen=True)
class Layer:
    """Checks that prove one thing together, and the error that a failure among them ends with."""

    error: type[AuditError]
    checks: tuple[Check, ...]

    @property
    def name(self) -> str:
        """The name of the layer."""
        return self.error.layer

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Everything that is wrong in this layer."""
        return tuple(chain.from_iterable(check.failures for check in self.checks))

    @property
    def unchecked(self) -> tuple[Finding, ...]:
        """Everything in this layer that cannot be checked here."""
        return tuple(chain.from_iterable(check.unchecked for check in self.checks))


def examine(case: Case) -> tuple[Layer, ...]:
    """Perform every check; printed cells are held against what the other layers blame."""
    first = [
        Layer(BytesAuditError, (check_digests(case), check_endings(case), check_data(case))),
        Layer(MatrixAuditError, (check_tree(case),)),
        Layer(RecordsAuditError, tuple(_records(case))),
    ]
    evidence = Layer(EvidenceAuditError, tuple(_evidence(case)))
    found = chain.from_iterable(layer.failures for layer in (*first, evidence))
    cells = Layer(CellsAuditError, (check_cells(case, _suspects(found)),))
    made_by = (check_origin(case), check_packages(case), check_machines(case), check_image(case))
    return (*first, cells, evidence, Layer(EnvironmentAuditError, made_by))


def _records(case: Case) -> Iterator[Check]:
    yield check_numbers(case)
    yield from check_courses(case)
    yield check_seeds(case)
    yield check_copies(case)
    yield check_terms(case)


def _evidence(case: Case) -> Iterator[Check]:
    yield check_weights(case)
    yield check_starts(case)
    yield check_landscapes(case)
    yield check_sharpness(case)
    yield check_hypergradients(case)
    if case.draw.deep:
        yield check_retraining(case)


def _suspects(findings: Iterator[Finding]) -> Suspects:
    return {finding.run: finding.remove for finding in findings if finding.run}
