"""What an audit found, to be compared with what was damaged."""

from lets.audit.audit import Audit


def reasons(audit: Audit) -> dict[str, list[str]]:
    """Why checks fail."""
    return {check.name: [one.reason for one in check.failures] for check in audit.checks if check.failures}


def verdicts(audit: Audit) -> dict[str, str]:
    """The verdict of every printed place."""
    return {one.cell.name: str(one.verdict) for one in audit.judged}
