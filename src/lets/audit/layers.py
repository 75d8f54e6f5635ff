"""The layers of the audit, in the order in which a damage shows first: what each proves, by which checks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

from lets.audit.analyses import check_hypergradients, check_landscapes, check_sharpness
from lets.audit.beside import Begin, beside
from lets.audit.cells import check_cells, picture
from lets.audit.comparability import check_comparability, check_initial_losses
from lets.audit.context import Context
from lets.audit.copies import check_copies
from lets.audit.datasets import check_data
from lets.audit.disk import check_digests, check_endings, check_matrix
from lets.audit.environment import check_code, check_image, check_machines, check_packages
from lets.audit.findings import Check, Finding
from lets.audit.histories import check_histories, check_numbers
from lets.audit.retraining import check_retraining, check_weights
from lets.errors import LetsError


class AuditError(LetsError):
    """What was audited does not stand; the class says in which layer it failed first."""

    layer: ClassVar[str]
    proves: ClassVar[str]


class BytesAuditError(AuditError):
    """A file of a run or of the data is not the one that was written; exit code 10."""

    exit_code, layer = 10, "bytes"
    proves = "every file of runs and data is the one that was written, whatever its time stamp says"


class MatrixAuditError(AuditError):
    """Run folders or analyses are missing, half there, or not what the params ask for; exit code 11."""

    exit_code, layer = 11, "matrix"
    proves = "what the params ask for is there, once, under its own name, and nothing else is"


class RecordsAuditError(AuditError):
    """The records of a run contradict each other, or those of other runs; exit code 12."""

    exit_code, layer = 12, "records"
    proves = "the records of a run agree with each other, its seeds and data with those of the other runs"


class CellsAuditError(AuditError):
    """Something printed is not what the run records give; exit code 13."""

    exit_code, layer = 13, "cells"
    proves = "everything printed follows from the run records, byte for byte"


class EvidenceAuditError(AuditError):
    """Computed again from weights, data or seeds, a number comes out differently; exit code 14."""

    exit_code, layer = 14, "evidence"
    proves = "weights, data and seeds give the recorded numbers again, for the runs that were drawn"


class EnvironmentAuditError(AuditError):
    """The container image is not the one that the runs were made in; exit code 15."""

    exit_code, layer = 15, "environment"
    proves = "which code, packages, machines and image made the runs; that they differ is only a warning"


class IncompleteAuditError(AuditError):
    """Nothing is wrong, but something cannot be checked here, for it is not here; exit code 16."""

    exit_code, layer = 16, "incomplete"
    proves = "all that there is to check could be checked"


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


def examine(context: Context) -> tuple[Layer, ...]:
    """Perform every check; printed cells are held against what the other layers blame."""
    with beside(context) as begin:
        evidence = [*_evidence(begin)]
        pictures = {name: begin(picture, name) for name in context.params.figures}
        first = (
            Layer(BytesAuditError, (check_digests(context), check_endings(context), check_data(context))),
            Layer(MatrixAuditError, (check_matrix(context),)),
            Layer(RecordsAuditError, tuple(_records(context))),
        )
        again = [check_retraining(context)] if context.sample.deep else []
        computed = Layer(EvidenceAuditError, (*(result() for result in evidence), *again))
        found = chain.from_iterable(layer.failures for layer in (*first, computed))
        suspects = {finding.run: finding.remove for finding in found if finding.run}
        cells = Layer(CellsAuditError, (check_cells(context, suspects, pictures),))
    return (*first, cells, computed, Layer(EnvironmentAuditError, tuple(_environment(context))))


def _records(context: Context) -> Iterator[Check]:
    yield check_numbers(context)
    yield from check_histories(context)
    yield from check_copies(context)
    yield check_comparability(context)


def _evidence(begin: Begin) -> Iterator[Callable[[], Check]]:
    yield begin(check_weights)
    yield begin(check_initial_losses)
    yield begin(check_landscapes)
    yield begin(check_sharpness)
    yield begin(check_hypergradients)


def _environment(context: Context) -> Iterator[Check]:
    yield check_code(context)
    yield check_packages(context)
    yield check_machines(context)
    yield check_image(context)
