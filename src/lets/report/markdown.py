"""A sheet as Markdown, readable on a code host and in a terminal."""

from collections.abc import Sequence

from lets.report.sheet import Entry, Sheet


def markdown(sheet: Sheet) -> str:
    """Return the table with its title above and its notes below."""
    lines = [_line([sheet.corner, *sheet.columns]), _line([":--", *["--:"] * len(sheet.columns)])]
    for block in sheet.blocks:
        if block.title:
            lines.append(_line([f"*{block.title}*", *[""] * len(sheet.columns)]))
        lines += [_line([title, *map(_cell, entries)]) for title, entries in block.rows]
    notes = "\n".join(f"- {note}" for note in sheet.notes)
    return f"**{sheet.title}**\n\n" + "\n".join(lines) + f"\n\n{notes}\n"


def _line(fields: Sequence[str]) -> str:
    return f"| {' | '.join(fields)} |"


def _cell(entry: Entry) -> str:
    text = entry.text
    if entry.best:
        text = f"**{text}**"
    if entry.best_of_group:
        text = f"<ins>{text}</ins>"  # code hosts drop <u>
    if entry.note:
        text += f" ({entry.note})"
    return text + (f"<br><sub>paper {entry.paper}</sub>" if entry.paper else "")
