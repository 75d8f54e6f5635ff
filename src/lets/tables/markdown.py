"""A table as Markdown, readable on a code host and in a terminal."""

from collections.abc import Iterator, Sequence

from lets.tables.table import Cell, Line, Table


def markdown(table: Table) -> str:
    """Return the table with its title above and its notes below."""
    return "".join(f"{line}\n" for line, _ in markdown_lines(table))


def markdown_lines(table: Table) -> Iterator[Line]:
    """Yield the lines of the same, with the addresses of their cells."""
    yield from ((f"**{table.title}**", ()), ("", ()))
    yield _line([table.corner, *table.columns]), ()
    yield _line([":--", *["--:"] * len(table.columns)]), ()
    for block in table.blocks:
        if block.title:
            yield _line([f"*{block.title}*", *[""] * len(table.columns)]), ()
        for title, cells in block.rows:
            yield _line([title, *map(_cell, cells)]), ("", *(cell.address for cell in cells))
    yield "", ()
    yield from ((f"- {note}", ()) for note in table.notes)
    if not table.notes:
        yield "", ()


def _line(fields: Sequence[str]) -> str:
    return f"| {' | '.join(fields)} |"


def _cell(cell: Cell) -> str:
    text = cell.text
    if cell.best:
        text = f"**{text}**"
    if cell.best_of_group:
        text = f"<ins>{text}</ins>"  # code hosts drop <u>
    if cell.note:
        text += f" ({cell.note})"
    return text + (f"<br><sub>paper {cell.paper}</sub>" if cell.paper else "")
