"""Check: the bytes of every run file against the digests in its provenance, whatever the time stamps say."""

from collections.abc import Iterator

from lets.audit.case import Case
from lets.audit.findings import Check, Finding, damaged
from lets.errors import RecordError
from lets.runs import RunRecord


def check_digests(case: Case) -> Check:
    """Every file of a run has the bytes it was written with."""
    failures = [finding for run in case.digests for finding in _run(case, case.records[run])]
    examined = sum(map(len, case.digests.values()))
    return Check("bytes", "sha256 of run files", examined, tuple(failures))


def _run(case: Case, record: RunRecord) -> Iterator[Finding]:
    """Hold a run against its provenance, even one whose other files cannot be read."""
    try:
        written = record.provenance.files
    except RecordError:
        return  # named by the check of the matrix
    for name, digest in case.digests[record.id].items():
        if name not in written:
            yield damaged(case, record.id, f"provenance.json has no digest of {name}")
        elif digest != written[name]:
            yield damaged(case, record.id, f"{name} is not the file that was written: its sha256 differs")
