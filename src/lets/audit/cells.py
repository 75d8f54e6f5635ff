"""Check: every table and every figure, derived anew from the run records, byte for byte."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

from lets.audit.case import Case
from lets.audit.differences import Difference, differences
from lets.audit.drawings import drawn_by, matplotlib_here, same_picture
from lets.audit.findings import Check, Finding, wrong_file
from lets.audit.places import Places, figure_places, table_places
from lets.errors import LetsError
from lets.records import Status
from lets.records.files import bytes_as_written
from lets.report.claims import claims_texts
from lets.report.figures import figure_files
from lets.report.page import accepted_pages
from lets.report.runs import runs_text
from lets.report.tables import render_table
from lets.report.variants import summary_text
from lets.spec.params import AnyTable, Figure

MARKS = re.compile(r"\*\*|</?ins>|\\(textbf|underline)|[{}]")
"""of the best of a column and of a group, in Markdown and LaTeX"""
Suspects = dict[str, tuple[str, ...]]
"""runs that another check blames → what to delete so that they are made again"""


def check_cells(case: Case, suspects: Suspects) -> Check:
    """Compare what is printed with what the runs give; what rests on a suspect is made again with it."""
    found: list[Finding] = []
    for name, table in case.params.tables.items():
        found += _guarded(case, name, _table(case, name, table, suspects))
    for name, figure in case.params.figures.items():
        found += _guarded(case, name, _figure(case, name, figure, suspects))
    for path, derive in _summaries(case).items():
        found += _guarded(case, str(path), _summary(case, path, derive, suspects))
    failures = [one for one in found if not one.unchecked]
    unchecked = tuple(one for one in found if one.unchecked)
    others = {name: version for name in case.params.figures if (version := _drawn_elsewhere(case, name))}
    uncompared = frozenset(place.name for place in case.printed if place.item in others)
    about = "printed places derived from run records, figures drawn again"
    warnings = tuple(_not_compared(others))
    return Check(
        "cells",
        about,
        len(case.printed),
        tuple(failures),
        warnings,
        uncompared=uncompared,
        unchecked=unchecked,
    )


def _drawn_elsewhere(case: Case, name: str) -> str:
    """Return what drew a figure if it was another matplotlib than the one here, which may draw otherwise."""
    svg = case.layout.figure(name, "svg")
    return version if svg.is_file() and (version := drawn_by(svg.read_bytes())) != matplotlib_here() else ""


def _not_compared(others: dict[str, str]) -> Iterator[str]:
    for version in sorted(set(others.values())):
        names = ", ".join(name for name, one in others.items() if one == version)
        yield (
            f"the drawings of {names} cannot be compared here: they say that matplotlib {version} drew them, here is "
            f"{matplotlib_here()}; the numbers in them are compared"
        )


def _guarded(case: Case, name: str, findings: Iterator[Finding]) -> list[Finding]:
    try:
        return list(findings)
    except LetsError as error:
        places = [place for place in case.printed if place.item == name]
        absent = any(case.states[run] is Status.MISSING for place in places for run in place.runs)
        cells = tuple(place.name for place in places)
        return [Finding(name, f"cannot be derived: {error}", cells, make=case.make, unchecked=absent)]


def _table(case: Case, name: str, table: AnyTable, suspects: Suspects) -> Iterator[Finding]:
    derived = render_table(name, table, case.params, case.matrix, case.layout)
    places = table_places(name, table, case)
    for suffix, text in derived.items():
        yield from _file(case, case.layout.table(name, suffix), text, places, suspects)


def _figure(case: Case, name: str, figure: Figure, suspects: Suspects) -> Iterator[Finding]:
    derived = figure_files(name, figure, case.matrix, case.layout)
    places = figure_places(name, figure, case)
    numbers = [*_file(case, case.layout.figure(name, "csv"), derived["csv"].decode(), places, suspects)]
    yield from numbers
    # A picture of other numbers is wrong where they are; one of the right numbers could be wrong anywhere.
    cells = next((finding.cells for finding in numbers), places.all)
    for suffix in ("svg", "png"):
        path = case.layout.figure(name, suffix)
        if not path.is_file():
            yield Finding(str(path), "not drawn yet", places.all, make=case.make)
        elif not _drawn_elsewhere(case, name) and not same_picture(suffix, _read(path), derived[suffix]):
            reason = f"is not what matplotlib {matplotlib_here()} draws from the run records"
            yield _wrong(case, path, reason, cells, places.runs, suspects)


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.suffix == ".png" else bytes_as_written(path)


def _summaries(case: Case) -> dict[Path, Callable[[], Sequence[str]]]:
    """What each of them may be."""
    claims = cache(partial(claims_texts, case.params, case.matrix, case.layout))
    return {
        case.layout.page: lambda: accepted_pages(case.params, case.matrix, case.layout),
        case.layout.claims: lambda: (claims()[case.layout.claims],),
        case.layout.claims_csv: lambda: (claims()[case.layout.claims_csv],),
        case.layout.summary: lambda: (summary_text(case.matrix, case.layout),),
        case.layout.long_table: lambda: (runs_text(case.matrix, case.layout),),
    }


def _summary(
    case: Case, path: Path, derive: Callable[[], Sequence[str]], suspects: Suspects
) -> Iterator[Finding]:
    """The page and the tables of all runs repeat what tables and figures print; they need not have been made."""
    if path.is_file() and bytes_as_written(path) not in [text.encode() for text in derive()]:
        yield _wrong(case, path, "is not what the run records give", (), set(case.matrix.runs), suspects)


def _file(case: Case, path: Path, derived: str, places: Places, suspects: Suspects) -> Iterator[Finding]:
    if not path.is_file():
        yield Finding(str(path), "not made yet", places.all, make=case.make)
        return
    printed = bytes_as_written(path)
    if printed == derived.encode():
        return
    first, *more = differences(printed.decode(errors="replace"), derived, path.suffix)
    cells = dict.fromkeys(cell for one in (first, *more) for cell in places.of(one, path.suffix, derived))
    reason = f"{first}" + (f", and {len(more)} more lines differ" if more else "")
    known = [
        cell for one in (first, *more) if not _marked(one) for cell in places.of(one, path.suffix, derived)
    ]
    yield _wrong(case, path, reason, tuple(cells), places.runs, suspects, certain=_known(case, known))


def _marked(one: Difference) -> bool:
    """Whether two cells differ in the marks of the best alone, which rest on the other cells too."""
    printed, derived = (MARKS.sub("", text or "") for text in (one.printed, one.derived))
    return printed == derived


def _known(case: Case, cells: Sequence[str]) -> bool:
    """Whether all runs of one of these places are here, so that it is known to be wrong."""
    return any(
        place.name in cells and not any(case.states[run] is Status.MISSING for run in place.runs)
        for place in case.printed
    )


def _wrong(
    case: Case,
    path: Path,
    reason: str,
    cells: tuple[str, ...],
    runs: set[str],
    suspects: Suspects,
    certain: bool = False,
) -> Finding:
    """What rests on a run that is to be made again is made again with it; else the file itself is wrong.

    Without all of its runs nobody knows whether it is, unless it is `certain`.
    """
    if not certain and (absent := [run for run in runs if case.states[run] is Status.MISSING]):
        reason = f"cannot be checked: {len(absent)} of its {len(runs)} runs are not here"
        return Finding(str(path), reason, cells, make=case.make, unchecked=True)
    if not (blamed := suspects.keys() & runs):
        return wrong_file(case, path, reason, cells)
    remove = tuple(folder for run in suspects if run in blamed for folder in suspects[run])
    return Finding(str(path), reason, cells, remove=remove, make=case.make)
