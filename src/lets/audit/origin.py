"""Check: which code made the runs; a difference is a warning: the numbers stand, but may not come again."""

from lets.audit.case import Case
from lets.audit.findings import Check
from lets.commands import command as shell
from lets.errors import RecordError
from lets.runs import RunRecord
from lets.runs.code import code_digest, same_code


def check_origin(case: Case) -> Check:
    """Warn when runs were made by code whose arithmetic may be another than that of the present one."""
    made = {record.id: code for record in case.complete() if (code := _code(record))}
    other = [run for run, code in made.items() if not same_code(code, code_digest(case.matrix.runs[run]))]
    return Check("origin", "code that made the runs", len(made), (), tuple(_warnings(case, made, other)))


def _warnings(case: Case, made: dict[str, str], other: list[str]) -> list[str]:
    if not other:
        return []
    return [
        f"{len(other)} of {len(made)} runs were made by code that may compute other numbers than the present one; "
        f"whether it does, says  {case.again} {shell('--deep', '--run', other[0])}"
    ]


def _code(record: RunRecord) -> str | None:
    try:
        return record.provenance.code
    except RecordError:
        return None
