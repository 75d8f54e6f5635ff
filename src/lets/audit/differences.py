"""Where two renderings of the same table differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

SEPARATORS = {".csv": ",", ".md": "|", ".tex": "&"}


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


def differences(printed: str, derived: str, suffix: str) -> Iterator[Difference]:
    """Yield the first difference of every line."""
    for number, (there, wanted) in enumerate(zip_longest(printed.split("\n"), derived.split("\n")), start=1):
        if there != wanted:
            yield _first(number, there, wanted, suffix)


def split(line: str, suffix: str) -> list[str]:
    """Return the fields of a line of csv, Markdown or LaTeX; the first one titles the row."""
    text = line.strip("| ") if suffix == ".md" else line
    return [field.strip() for field in text.removesuffix("\\\\").split(SEPARATORS[suffix])]


def _first(line: int, there: str | None, wanted: str | None, suffix: str) -> Difference:
    if there is not None and wanted is not None:
        fields = zip(split(there, suffix), split(wanted, suffix), strict=False)
        for number, (printed, derived) in enumerate(fields):
            if printed != derived:
                return Difference(line, number, printed, derived)
    return Difference(line, 0, there, wanted)


def _quoted(text: str | None) -> str:
    return "nothing" if text is None else repr(text)
