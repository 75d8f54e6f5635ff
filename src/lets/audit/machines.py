"""Check: the kinds of machine that runs were made on; that they differ is a warning."""

from collections import Counter

from lets.audit.case import Case
from lets.audit.findings import Check
from lets.runs import RunRecord


def check_machines(case: Case) -> Check:
    """Warn when runs that are compared were made on different devices: rounding differs, times do not compare."""
    made = Counter(kind for record in case.complete() if (kind := _kind(record)))
    kinds = ", ".join(f"{count} on {kind}" for kind, count in sorted(made.items()))
    warning = f"the runs were made on {len(made)} kinds of machine: {kinds}"
    about = f"where the runs were made: {kinds or 'nowhere'}"
    return Check("machines", about, made.total(), (), (warning,) if len(made) > 1 else ())


def _kind(record: RunRecord) -> str | None:
    """The GPU, or the processor where there was none, in older records by its name alone."""
    machine = record.provenance.machine
    return (machine.processor or machine.cpu) if machine.device == "cpu" else machine.device
