"""Check: every table, figure and document, derived anew from the run records, byte for byte.

Pictures are compared as closely as another machine can draw them: the same matplotlib draws the same svg; on another
kind of processor the last decimal of a coordinate may differ, and with it the names of elements, which are digests. A
png is packed in another way by other versions of zlib: its pixels count, and everything beside them that could change
what is seen.
"""

import io
import math
import os
import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from lets.audit.context import Context, PrintedCell
from lets.audit.findings import Check, Finding, wrong_file
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

SEPARATORS = {".csv": ",", ".md": "|", ".tex": "&"}
MARKS = re.compile(r"\*\*|</?ins>|\\(textbf|underline)|[{}]")
"""of the best of a column and of a group, in Markdown and LaTeX"""
COORDINATE = 1e-5
"""points; matplotlib writes six decimals"""
LEVEL = 2
"""of 255, in any colour of any pixel: edges may be smoothed in another way, and nobody can see it"""
NUMBER = re.compile(r"(?<![#\w.-])-?\d+(?:\.\d+)?")
Suspects = dict[str, tuple[str, ...]]
"""runs that another check blames → what to delete so that they are made again"""


def picture(context: Context, name: str) -> dict[str, bytes]:
    """Draw a figure again: svg and png."""
    return drawing.drawn(name, context.params.figures[name], context.project.numbers(name))


def check_cells(
    context: Context, suspects: Suspects, pictures: Mapping[str, Callable[[], dict[str, bytes]]] | None = None
) -> Check:
    """Compare what is printed with what the runs give; what rests on a suspect is made again with it.

    `pictures` are figures that are being drawn again.
    """
    pictures = pictures or {name: partial(picture, context, name) for name in context.params.figures}
    layout, project = context.layout, context.project
    elsewhere = drawn_elsewhere(layout, context.params.figures)
    found: list[Finding] = []
    for name in context.params.tables:
        item = Item.of(context, name, suspects)
        found += _derived(item, _table(item))
    for name in context.params.figures:
        item = Item.of(context, name, suspects)
        found += _derived(item, _figure(item, None if name in elsewhere else pictures[name]))
    claims = cache(partial(claims_texts, project))
    documents: dict[Path, Callable[[], Sequence[str]]] = {
        layout.page: lambda: accepted_pages(project),
        layout.claims: lambda: (claims()[layout.claims],),
        layout.claims_csv: lambda: (claims()[layout.claims_csv],),
        layout.summary: lambda: (summary_text(project),),
        layout.long_table: lambda: (runs_text(project),),
    }
    for path, derive in documents.items():
        item = Item(context, str(path), suspects, (), frozenset(context.matrix.runs))
        found += _derived(item, _document(item, path, derive))
    if not any(_drawn_or_written(context)):
        found = [replace(one, unchecked=one.unchecked or one.absent) for one in found]
    return Check(
        "cells",
        "printed places derived from run records, figures drawn again",
        len(context.cells),
        tuple(one for one in found if not one.unchecked),
        tuple(_not_compared(elsewhere)),
        uncompared=frozenset(cell.name for cell in context.cells if cell.item in elsewhere),
        unchecked=tuple(one for one in found if one.unchecked),
    )


def _drawn_or_written(context: Context) -> Iterator[Path]:
    """Yield what is there of tables and figures: nothing where none was ever asked for, which is no damage."""
    layout, params = context.layout, context.params
    tables = (layout.table(name, suffix) for name in params.tables for suffix in LINES)
    figures = (layout.figure(name, suffix) for name in params.figures for suffix in ("csv", "svg", "png"))
    yield from (path for path in (*tables, *figures) if os.path.lexists(path))


def _not_compared(elsewhere: dict[str, str]) -> Iterator[str]:
    for version in sorted(set(elsewhere.values())):
        names = ", ".join(name for name, one in elsewhere.items() if one == version)
        yield (
            f"the drawings of {names} cannot be compared here: they say that matplotlib {version} drew them, here is "
            f"{matplotlib_here()}; the numbers in them are compared, and the page does not show them"
        )


@dataclass(frozen=True)
class Item:
    """A table, figure or document, its printed cells, and the runs that it rests on."""

    context: Context
    name: str
    suspects: Suspects
    cells: tuple[PrintedCell, ...]
    runs: frozenset[str]

    @classmethod
    def of(cls, context: Context, name: str, suspects: Suspects) -> "Item":
        """Return the table or figure of a name."""
        cells = tuple(cell for cell in context.cells if cell.item == name)
        return cls(context, name, suspects, cells, frozenset(run for cell in cells for run in cell.runs))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all its cells."""
        return tuple(cell.name for cell in self.cells)

    @property
    def missing(self) -> list[str]:
        """The runs that are not here."""
        return [run for run in self.runs if self.context.states[run] is Status.MISSING]

    def at(self, difference: "Difference", lines: Sequence[Line]) -> tuple[str, ...]:
        """Return the cell that a difference touches: one name, or none for a title or a note."""
        addresses = lines[difference.line - 1][1] if difference.line <= len(lines) else ()
        address = addresses[difference.field] if difference.field < len(addresses) else ""
        return (f"{self.name}: {address}",) if address else ()

    def known(self, names: Sequence[str]) -> bool:
        """Return whether all runs of one of these cells are here, so that it is known to be wrong."""
        missing = set(self.missing)
        return any(cell.name in names and missing.isdisjoint(cell.runs) for cell in self.cells)

    def wrong(self, path: Path, reason: str, cells: tuple[str, ...], certain: bool = False) -> Finding:
        """Return that a file is wrong, or what rests on a run that is to be made again, and is made again with it.

        Without all of its runs nobody knows whether it is, unless it is `certain`.
        """
        make = self.context.make
        if self.missing and not certain:
            reason = f"cannot be checked: {len(self.missing)} of its {len(self.runs)} runs are not here"
            return Finding(str(path), reason, cells, make=make, unchecked=True)
        if not (blamed := self.suspects.keys() & self.runs):
            return wrong_file(self.context, path, reason, cells)
        remove = tuple(folder for run in self.suspects if run in blamed for folder in self.suspects[run])
        return Finding(str(path), reason, cells, remove=remove, make=make)


def _derived(item: Item, findings: Iterator[Finding]) -> list[Finding]:
    try:
        return list(findings)
    except LetsError as error:
        reason, make = f"cannot be derived: {error}", item.context.make
        return [
            Finding(item.name, reason, item.names, make=make, unchecked=bool(item.cells and item.missing))
        ]


def _table(item: Item) -> Iterator[Finding]:
    table = item.context.project.table(item.name)
    for suffix, lines in LINES.items():
        yield from _lines(item, item.context.layout.table(item.name, suffix), [*lines(table)])


def _figure(item: Item, draw: Callable[[], dict[str, bytes]] | None) -> Iterator[Finding]:
    """Yield what is wrong with a figure; without `draw` its pictures cannot be compared here."""
    layout, numbers = item.context.layout, item.context.project.numbers(item.name)
    wrong = [*_lines(item, layout.figure(item.name, "csv"), [*numbers.csv().lines()])]
    yield from wrong
    # A picture of other numbers is wrong where they are; one of the right numbers could be wrong anywhere.
    cells = next((finding.cells for finding in wrong), item.names)
    drawn = draw() if draw else {}
    for suffix in ("svg", "png"):
        path = layout.figure(item.name, suffix)
        if not path.is_file():
            yield _absent(item, path)
        elif drawn and not same_picture(suffix, _picture(path), drawn[suffix]):
            yield item.wrong(
                path, f"is not what matplotlib {matplotlib_here()} draws from the run records", cells
            )


def _picture(path: Path) -> bytes:
    return path.read_bytes() if path.suffix == ".png" else bytes_as_written(path)


def _document(item: Item, path: Path, derive: Callable[[], Sequence[str]]) -> Iterator[Finding]:
    """Compare a document, which repeats what tables and figures print, with each text that it may be.

    One without the others is missing; the page is made by every audit, and none of them by `lets report --table`.
    """
    layout = item.context.layout
    written_together = layout.claims, layout.claims_csv, layout.summary, layout.long_table
    if path.is_file():
        if bytes_as_written(path) not in [text.encode() for text in derive()]:
            yield item.wrong(path, "is not what the run records give", ())
    elif os.path.lexists(path) or (path in written_together and any(map(os.path.lexists, written_together))):
        yield replace(_absent(item, path), unchecked=bool(item.missing))


def _absent(item: Item, path: Path) -> Finding:
    """What is not there; a folder in its place, or a link that leads nowhere, is moved out of the way."""
    layout, make = item.context.layout, item.context.make
    if not os.path.lexists(path):
        return Finding(str(path), "not made yet", item.names, make=make, absent=True)
    target = layout.aside(f"reports/{path.relative_to(layout.reports)}").parent
    aside, reason = ((str(path), str(target)),), "is no file, so it is not made yet"
    return Finding(str(path), reason, item.names, make=make, aside=aside, absent=True)


def _lines(item: Item, path: Path, lines: Sequence[Line]) -> Iterator[Finding]:
    if not path.is_file():
        yield _absent(item, path)
        return
    printed, derived = bytes_as_written(path), "".join(f"{text}\n" for text, _ in lines)
    if printed == derived.encode():
        return
    found = [*differences(printed.decode(errors="replace"), derived, path.suffix)]
    cells = [item.at(one, lines) for one in found]
    reason = f"{found[0]}" + (f", and {len(found) - 1} more lines differ" if len(found) > 1 else "")
    numbers = [*chain.from_iterable(at for one, at in zip(found, cells, strict=True) if not one.of_marks)]
    named = tuple(dict.fromkeys(chain.from_iterable(cells)))
    yield item.wrong(path, reason, named, certain=item.known(numbers))


@dataclass(frozen=True)
class Difference:
    """One line that differs, and the first of its fields that does; `line` counts from 1, `field` from 0.

    A text is None where a file has no such line.
    """

    line: int
    field: int
    printed: str | None
    derived: str | None

    def __str__(self) -> str:
        return f"line {self.line} prints {_quoted(self.printed)}, the runs give {_quoted(self.derived)}"

    @property
    def of_marks(self) -> bool:
        """Whether two cells differ in the marks of the best alone, which rest on the other cells too."""
        printed, derived = (MARKS.sub("", text or "") for text in (self.printed, self.derived))
        return printed == derived


def differences(printed: str, derived: str, suffix: str) -> Iterator[Difference]:
    """Yield the first difference of every line of two renderings of a table."""
    for number, (there, wanted) in enumerate(zip_longest(printed.split("\n"), derived.split("\n")), start=1):
        if there != wanted:
            yield _first(number, there, wanted, suffix)


def _first(line: int, there: str | None, wanted: str | None, suffix: str) -> Difference:
    if there is not None and wanted is not None:
        fields = zip(_fields(there, suffix), _fields(wanted, suffix), strict=False)
        for number, (printed, derived) in enumerate(fields):
            if printed != derived:
                return Difference(line, number, printed, derived)
    return Difference(line, 0, there, wanted)


def _fields(line: str, suffix: str) -> list[str]:
    """Return the fields of a line of csv, Markdown or LaTeX; the first one titles the row."""
    text = line.strip("| ") if suffix == ".md" else line
    return [field.strip() for field in text.removesuffix("\\\\").split(SEPARATORS[suffix])]


def _quoted(text: str | None) -> str:
    return "nothing" if text is None else repr(text)


def same_picture(suffix: str, one: bytes, other: bytes) -> bool:
    """Return whether two files, both svg or both png, show the same."""
    return one == other or {"svg": _same_svg, "png": _same_png}[suffix](one, other)


def _same_svg(one: bytes, other: bytes) -> bool:
    words, numbers = _outline(one)
    other_words, other_numbers = _outline(other)
    return words == other_words and all(
        math.isclose(a, b, rel_tol=0, abs_tol=COORDINATE) for a, b in zip(numbers, other_numbers, strict=True)
    )


def _outline(svg: bytes) -> tuple[list[str], list[float]]:
    """Return the text of an svg between its numbers, elements named by their order; and the numbers."""
    text = svg.decode(errors="surrogateescape")
    order = {name: f"element-{place}" for place, name in enumerate(re.findall(r'\bid="([^"]*)"', text))}
    text = re.sub(r'(\bid="|#)([\w.-]+)', lambda found: found[1] + order.get(found[2], found[2]), text)
    return NUMBER.split(text), [float(number) for number in NUMBER.findall(text)]


def _same_png(one: bytes, other: bytes) -> bool:
    try:
        if _beside_pixels(one) != _beside_pixels(other):
            return False
        return bool(abs(_pixels(one) - _pixels(other)).max() <= LEVEL)
    except (ValueError, OSError, SyntaxError, struct.error):  # what is no png, or half of one
        return False


def _beside_pixels(png: bytes) -> list[tuple[bytes, bytes]]:
    """Return every chunk but the pixels: size, resolution, and what a forger could add: color profiles, more frames."""
    chunks, at = [(b"", png[:8])], 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        if kind != b"IDAT":
            chunks.append((kind, png[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


def _pixels(png: bytes) -> Any:
    import numpy
    from PIL import Image

    return numpy.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), dtype="int16")
