"""Rows as a Markdown table."""

from collections.abc import Sequence

from .result import Row


def table(rows: Sequence[Row]) -> str:
    """One column for every key that a row has; the ratio's quartiles stand behind it."""
    columns = [key for key in dict.fromkeys(key for row in rows for key in row) if key not in ("low", "high")]
    lines = [[key.replace("_", " ") for key in columns], ["---"] * len(columns)]
    lines += [[_cell(row, key) for key in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(row: Row, key: str) -> str:
    value = row.get(key, "")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key == "seconds" and isinstance(value, float):
        return duration(value)
    if key == "ratio" and value != "":
        return f"{value:.3f} ({row['low']:.3f}–{row['high']:.3f})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Three digits: `1.23 ms`, `12.3 s`."""
    unit, factor = ("s", 1.0) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)
    return f"{seconds * factor:#.3g}".rstrip(".") + f" {unit}"
