"""Check: which code made the runs; a difference is a warning: the numbers stand, but may not come again."""

from collections import Counter

from lets.audit.case import Case
from lets.audit.findings import Check
from lets.errors import RecordError
from lets.records import RunRecord
from lets.records.digests import code_digest


def check_origin(case: Case) -> Check:
    """Warn when runs were made by other code than the present one, or by different code among each other."""
    made = Counter(digest for record in case.complete() if (digest := _code(record)))
    return Check("origin", "code that made the runs", sum(made.values()), (), tuple(_warnings(case, made)))


def _warnings(case: Case, made: Counter[str]) -> list[str]:
    other = {digest: count for digest, count in made.items() if digest != code_digest()}
    warnings = []
    if other:
        warnings.append(
            f"{sum(other.values())} of {made.total()} runs were made by other code than the present one: "
            f"make them again with  rm -r {case.layout.runs} && {case.make}"
        )
    if len(made) > 1:
        versions = ", ".join(f"{count} by {digest[:8]}" for digest, count in sorted(made.items()))
        warnings.append(f"the runs were made by {len(made)} versions of the code: {versions}")
    return warnings


def _code(record: RunRecord) -> str | None:
    try:
        return record.provenance.code
    except RecordError:
        return None
