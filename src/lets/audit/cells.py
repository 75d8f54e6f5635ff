"""Check: every table and every figure, derived anew from the run records, byte for byte."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from lets.audit.case import Case
from lets.audit.differences import Difference, differences
from lets.audit.drawings import same_picture
from lets.audit.findings import Check, Finding, wrong_file
from lets.audit.printed import Printed
from lets.claims.document import claims_texts
from lets.errors import LetsError
from lets.figures import figure as drawing
from lets.figures.figure import drawn_elsewhere, matplotlib_here
from lets.files import bytes_as_written
from lets.page.page import accepted_pages
from lets.page.summaries import runs_text, summary_text
from lets.runs import Status
from lets.tables.render import LINES
from lets.tables.table import Line

MARKS = re.compile(r"\*\*|</?ins>|\\(textbf|underline)|[{}]")
"""of the best of a column and of a group, in Markdown and LaTeX"""
Suspects = dict[str, tuple[str, ...]]
"""runs that another check blames → what to delete so that they are made again"""


@dataclass(frozen=True)
class Places:
    """The printed places of one table or figure."""

    item: str
    printed: tuple[Printed, ...]

    @classmethod
    def of(cls, case: Case, item: str) -> "Places":
        """Return those of an item."""
        return cls(item, tuple(place for place in case.printed if place.item == item))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all places."""
        return tuple(place.name for place in self.printed)

    @property
    def runs(self) -> set[str]:
        """Every run the item rests on."""
        return {run for place in self.printed for run in place.runs}

    def at(self, difference: Difference, lines: Sequence[Line]) -> tuple[str, ...]:
        """Return the place that a difference touches: one name, or none for a title or a note."""
        addresses = lines[difference.line - 1][1] if difference.line <= len(lines) else ()
        address = addresses[difference.field] if difference.field < len(addresses) else ""
        return (f"{self.item}: {address}",) if address else ()


def check_cells(case: Case, suspects: Suspects) -> Check:
    """Compare what is printed with what the runs give; what rests on a suspect is made again with it."""
    found: list[Finding] = []
    for name in case.params.tables:
        found += _guarded(case, name, _table(case, name, suspects))
    for name in case.params.figures:
        found += _guarded(case, name, _figure(case, name, suspects))
    for path, derive in _summaries(case).items():
        found += _guarded(case, str(path), _summary(case, path, derive, suspects))
    failures = [one for one in found if not one.unchecked]
    unchecked = tuple(one for one in found if one.unchecked)
    others = {
        name: version for name in case.params.figures if (version := drawn_elsewhere(case.layout, name))
    }
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


def _not_compared(others: dict[str, str]) -> Iterator[str]:
    for version in sorted(set(others.values())):
        names = ", ".join(name for name, one in others.items() if one == version)
        yield (
            f"the drawings of {names} cannot be compared here: they say that matplotlib {version} drew them, here is "
            f"{matplotlib_here()}; the numbers in them are compared, and the page does not show them"
        )


def _guarded(case: Case, name: str, findings: Iterator[Finding]) -> list[Finding]:
    try:
        return list(findings)
    except LetsError as error:
        places = [place for place in case.printed if place.item == name]
        absent = any(case.states[run] is Status.MISSING for place in places for run in place.runs)
        cells = tuple(place.name for place in places)
        return [Finding(name, f"cannot be derived: {error}", cells, make=case.make, unchecked=absent)]


def _table(case: Case, name: str, suspects: Suspects) -> Iterator[Finding]:
    table, places = case.project.table(name), Places.of(case, name)
    for suffix, lines in LINES.items():
        yield from _file(case, case.layout.table(name, suffix), [*lines(table)], places, suspects)


def _figure(case: Case, name: str, suspects: Suspects) -> Iterator[Finding]:
    figure, numbers, places = case.params.figures[name], case.project.numbers(name), Places.of(case, name)
    lines = [*numbers.csv().lines()]
    wrong = [*_file(case, case.layout.figure(name, "csv"), lines, places, suspects)]
    yield from wrong
    # A picture of other numbers is wrong where they are; one of the right numbers could be wrong anywhere.
    cells = next((finding.cells for finding in wrong), places.names)
    drawn, elsewhere = drawing.drawn(name, figure, numbers), drawn_elsewhere(case.layout, name)
    for suffix in ("svg", "png"):
        path = case.layout.figure(name, suffix)
        if not path.is_file():
            yield _absent(case, path, places.names)
        elif not elsewhere and not same_picture(suffix, _read(path), drawn[suffix]):
            reason = f"is not what matplotlib {matplotlib_here()} draws from the run records"
            yield _wrong(case, path, reason, cells, places.runs, suspects)


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.suffix == ".png" else bytes_as_written(path)


def _summaries(case: Case) -> dict[Path, Callable[[], Sequence[str]]]:
    """What each of them may be."""
    claims = cache(partial(claims_texts, case.project))
    return {
        case.layout.page: lambda: accepted_pages(case.project),
        case.layout.claims: lambda: (claims()[case.layout.claims],),
        case.layout.claims_csv: lambda: (claims()[case.layout.claims_csv],),
        case.layout.summary: lambda: (summary_text(case.project),),
        case.layout.long_table: lambda: (runs_text(case.project),),
    }


def _summary(
    case: Case, path: Path, derive: Callable[[], Sequence[str]], suspects: Suspects
) -> Iterator[Finding]:
    """The page and the tables of all runs repeat what tables and figures print."""
    if not path.is_file():
        yield from _no_summary(case, path)
    elif bytes_as_written(path) not in [text.encode() for text in derive()]:
        yield _wrong(case, path, "is not what the run records give", (), set(case.matrix.runs), suspects)


def _no_summary(case: Case, path: Path) -> Iterator[Finding]:
    """One without the others is missing; the page is made by every audit, and none of them by `lets report --table`."""
    layout = case.layout
    written_together = layout.claims, layout.claims_csv, layout.summary, layout.long_table
    if os.path.lexists(path) or (path in written_together and any(map(os.path.lexists, written_together))):
        nowhere = any(state is Status.MISSING for state in case.states.values())
        yield replace(_absent(case, path), unchecked=nowhere)


def _absent(case: Case, path: Path, cells: tuple[str, ...] = ()) -> Finding:
    """What is not there; a folder in its place, or a link that leads nowhere, is moved out of the way."""
    if not os.path.lexists(path):
        return Finding(str(path), "not made yet", cells, make=case.make, absent=True)
    target = case.layout.aside(f"reports/{path.relative_to(case.layout.reports)}").parent
    aside = ((str(path), str(target)),)
    return Finding(
        str(path), "is no file, so it is not made yet", cells, make=case.make, aside=aside, absent=True
    )


def _file(
    case: Case, path: Path, lines: Sequence[Line], places: Places, suspects: Suspects
) -> Iterator[Finding]:
    if not path.is_file():
        yield _absent(case, path, places.names)
        return
    printed, derived = bytes_as_written(path), "".join(f"{text}\n" for text, _ in lines)
    if printed == derived.encode():
        return
    found = [*differences(printed.decode(errors="replace"), derived, path.suffix)]
    cells = {one: places.at(one, lines) for one in found}
    reason = f"{found[0]}" + (f", and {len(found) - 1} more lines differ" if len(found) > 1 else "")
    known = [cell for one in found if not _marked(one) for cell in cells[one]]
    named = tuple(dict.fromkeys(cell for one in found for cell in cells[one]))
    yield _wrong(case, path, reason, named, places.runs, suspects, certain=_known(case, known))


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
