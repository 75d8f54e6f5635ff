"""What a check reports."""

from dataclasses import dataclass

from lets.audit.case import Case


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, and what mends it.

    `subject` is a run id or a path; `cells` the printed places that rest on it.
    `remove` lists what to delete before `make`, so that it is made anew.
    """

    subject: str
    reason: str
    cells: tuple[str, ...] = ()
    run: str = ""
    """the run id, if the finding blames a run"""
    remove: tuple[str, ...] = ()
    make: str = ""

    @property
    def command(self) -> str:
        """The command to run next, for this finding alone."""
        return command([self])


@dataclass(frozen=True)
class Check:
    """One check of the audit: what it looked at, and what it found."""

    name: str
    about: str
    examined: int
    failures: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()
    confirmed: frozenset[str] = frozenset()
    """the runs whose numbers were computed again, and came out the same"""


def damaged(case: Case, run: str, reason: str) -> Finding:
    """A run whose folder cannot be trusted: delete it, make it again."""
    return Finding(run, reason, case.cells_of(run), run, (str(case.layout.run(run)),), case.make)


def command(findings: list[Finding]) -> str:
    """Return one shell line that mends all `findings`: delete what is wrong, then make what is missing."""
    remove = dict.fromkeys(path for finding in findings for path in finding.remove)
    makes = sorted(
        dict.fromkeys(finding.make for finding in findings if finding.make)
    )  # `lets data` comes first
    steps = ([f"rm -r {' '.join(remove)}"] if remove else []) + makes
    return " && ".join(steps) or "nothing to do"
