"""csv files of typed lines: a dataclass per file, an object per line, floats with every digit."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, TypeVar

from lets.errors import RecordError

Row = TypeVar("Row")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?|nan|-?inf")


def columns(kind: type[Any]) -> tuple[str, ...]:
    """Return the names of the columns: those of the fields."""
    return tuple(field.name for field in fields(kind))


def rows_text(kind: type[Row], rows: Sequence[Row]) -> str:
    """Return the csv; `repr` of a float reads back as the same float."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns(kind))
    writer.writerows([_written(value) for value in astuple(row)] for row in rows)  # type: ignore[call-overload]
    return buffer.getvalue()


def parse_rows(kind: type[Row], text: str) -> list[Row]:
    """Return the lines of a csv; raises ValueError with the number of the first that is none of ours."""
    try:
        lines = list(csv.reader(text.splitlines()))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    if not lines or tuple(lines[0]) != columns(kind):
        raise ValueError(f"line 1: want the columns {','.join(columns(kind))}")
    return [_row(kind, number, values) for number, values in enumerate(lines[1:], start=2)]


def read_rows(kind: type[Row], path: Path, remedy: str) -> list[Row]:
    """Read the csv back; raises RecordError naming the file, the line and the remedy when it is not one of ours."""
    try:
        return parse_rows(kind, path.read_bytes().decode())
    except OSError as error:
        raise RecordError(f"{path} – cannot be read ({error.strerror}) – make it again") from error
    except ValueError as error:
        raise RecordError(f"{path} – {error} – {remedy}") from error


def _row(kind: type[Row], number: int, values: list[str]) -> Row:
    if len(values) != len(columns(kind)):
        raise ValueError(f"line {number}: {len(values)} values, want {len(columns(kind))}")
    try:
        return kind(*(_read(field.type, value) for field, value in zip(fields(kind), values, strict=True)))  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error


def _written(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


def _read(kind: Any, text: str) -> Any:
    """Python reads numbers that it does not write, as 1_0 or ٣: a file that has one is not as it was."""
    if kind in (int, float) and not NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is no number")
    return _READ[kind](text)


def _truth(text: str) -> bool:
    if text not in ("True", "False"):
        raise ValueError(f"{text!r} is neither True nor False")
    return text == "True"


_READ: dict[Any, Callable[[str], Any]] = {int: int, float: float, str: str, bool: _truth}
