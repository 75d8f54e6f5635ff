"""The layers of the audit, one error class each: what a layer proves, and the exit code that its failure ends with."""

from typing import ClassVar

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
