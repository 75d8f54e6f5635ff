"""Check: the bytes of every run file against the digests in its provenance, whatever the time stamps say."""

from collections.abc import Iterator

from lets.audit.case import Case
from lets.audit.findings import Check, Finding, damaged
from lets.errors import RecordError
from lets.records import RunRecord
from lets.records.digests import sha256_file
from lets.spec.paths import RUN_FILES


def check_digests(case: Case) -> Check:
    """Every file of a run has the bytes it was written with."""
    records = case.complete()
    failures = [finding for record in records for finding in _run(case, record)]
    return Check("bytes", "sha256 of run files", len(records) * (len(RUN_FILES) - 1), tuple(failures))


def _run(case: Case, record: RunRecord) -> Iterator[Finding]:
    try:
        written = record.provenance.files
    except RecordError:
        return  # named by the check of the matrix
    for name in RUN_FILES:
        if name == "provenance.json":
            continue
        if name not in written:
            yield damaged(case, record.id, f"provenance.json has no digest of {name}")
        elif sha256_file(record.folder / name) != written[name]:
            yield damaged(case, record.id, f"{name} is not the file that was written: its sha256 differs")
