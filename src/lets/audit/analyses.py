"""What the checks of all analyses share: which are there, computing one again, and reporting one that is wrong."""

from typing import Any, TypeVar

from lets.analyses.analysis import Analysis
from lets.audit.case import Case
from lets.audit.findings import Finding, wrong_file
from lets.runs import Status

Kind = TypeVar("Kind", bound=Analysis)


def analyses(case: Case, kind: type[Kind]) -> dict[str, Kind]:
    """Return the analyses of finished runs that are there, by run in order."""
    return {
        run: item for run, item in asked(case, kind).items() if case.layout.analysis(item.kind, run).is_file()
    }


def asked(case: Case, kind: type[Kind]) -> dict[str, Kind]:
    """Return the analyses that the params ask for, as far as their runs are finished."""
    wanted = sorted(case.project.analyses(kind).items())
    return {run: item for run, item in wanted if case.states[run] is Status.FINISHED}


def computed_again(case: Case, run: str, item: Analysis, **instead: Any) -> str:
    """Return the csv of an analysis, computed where the params say, with other settings `instead`."""
    import torch

    from lets.analyses.compute import COMPUTE
    from lets.train.device import compute_deterministically

    compute_deterministically(torch.get_num_threads())
    settings = item.settings | instead
    return COMPUTE[item.kind](case.matrix.runs[run], case.layout, device=case.device, **settings)


def wrong(case: Case, run: str, item: Analysis, reason: str, there: bool = True) -> Finding:
    """An analysis that is not what it should be, with the printed places that rest on it."""
    items = {**case.params.tables, **case.params.figures}
    names = {name for name, other in items.items() if other.kind == item.kind}
    cells = tuple(cell for cell in case.cells_of(run) if cell.partition(":")[0] in names)
    path = case.layout.analysis(item.kind, run)
    return (
        wrong_file(case, path, reason, cells) if there else Finding(str(path), reason, cells, make=case.make)
    )
