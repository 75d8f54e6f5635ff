"""Which of the numbers that the paper prints are likely those of other papers (params/quoted.yaml)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

import lets.models.catalogue
from lets.optim.catalogue import METHODS
from lets.spec.load import read_facts
from lets.spec.messages import Problem
from lets.spec.strict import Count, Name, Strict


class Quoted(Strict):
    """Entries of the paper's tables, and why they are likely not from its own setup."""

    reason: str
    tables: Annotated[list[Count], Field(min_length=1)]
    methods: Annotated[list[str], Field(min_length=1)]
    architectures: list[str] = Field(default=[])
    """any, if none is named"""

    def covers(self, table: int, architecture: str, method: str) -> bool:
        """Whether one entry of the paper is among these."""
        of = not self.architectures or architecture in self.architectures
        return of and table in self.tables and method in self.methods


class QuotedNumbers(Strict):
    """The file."""

    quoted: dict[Name, Quoted]


def read_quoted(path: Path) -> tuple[Quoted, ...]:
    """Return its entries; raises SpecError that names file, line and remedy."""
    return tuple(read_facts(path, QuotedNumbers, lambda file: list(_problems(file))).quoted.values())


def _problems(file: QuotedNumbers) -> Iterator[Problem]:
    for name, one in file.quoted.items():
        for index, method in enumerate(one.methods):
            if method not in METHODS:
                at = ("quoted", name, "methods", index)
                yield at, f"{method!r} – no such method – list them: lets list methods"
        for index, architecture in enumerate(one.architectures):
            try:
                lets.models.catalogue.describe(architecture)
            except ValueError as error:
                yield ("quoted", name, "architectures", index), str(error)
