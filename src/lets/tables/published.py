"""The numbers the paper prints (params/published.csv), and which of them are likely quoted (params/quoted.yaml)."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

import lets.models.catalogue
from lets.commands import command
from lets.config import RunSpec
from lets.config.messages import Problem
from lets.config.run import Noise
from lets.config.strict import Count, Name, Strict
from lets.config.yaml_files import read_facts
from lets.errors import RecordError, SpecError
from lets.optim.catalogue import METHODS

COLUMNS = ("table", "dataset", "noise", "architecture", "method", "variant", "mean", "sd", "n")


@dataclass(frozen=True)
class Published:
    """One entry of a table of the paper: accuracy in percent, mean ± sd over n seeds.

    `variant` is empty, or the hyper-parameter a table varies: `rho=0.01` (Table 5), `metric=gap` (Table 6).
    """

    table: int
    dataset: str
    noise: str
    architecture: str
    method: str
    variant: str
    mean: float
    sd: float
    n: int

    @property
    def key(self) -> tuple[object, ...]:
        """Everything but the numbers."""
        return (self.table, self.dataset, self.noise, self.architecture, self.method, self.variant)

    def describes(self, spec: RunSpec, stand_ins: Mapping[str, str]) -> bool:
        """Whether this is the number of `spec`, with its data set and architecture as what they stand for."""
        dataset = stand_ins.get(spec.dataset, spec.dataset)
        architecture = stand_ins.get(spec.architecture, spec.architecture)
        same = (dataset, spec.noise, architecture, spec.method) == (
            self.dataset,
            self.noise,
            self.architecture,
            self.method,
        )
        return same and (not self.variant or self._varies_like(spec))

    def _varies_like(self, spec: RunSpec) -> bool:
        name, _, text = self.variant.partition("=")
        value = spec.hyperparameters.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(text) == value
        return text == value


def find_published(
    numbers: Iterable[Published], table: int | None, spec: RunSpec, stand_ins: Mapping[str, str]
) -> Published | None:
    """Return the entry of the paper's `table` for a run; None if there is none (never a guess)."""
    found = [number for number in numbers if number.table == table and number.describes(spec, stand_ins)]
    return found[0] if len(found) == 1 else None


def read_published(path: Path) -> tuple[Published, ...]:
    """Read and check the csv; raises RecordError naming file, line and remedy."""
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(
            f"{path} – cannot be read ({error}) – restore it:  {command('git', 'checkout', path)}"
        ) from error
    if not lines or tuple(lines[0]) != COLUMNS:
        raise _damage(path, 1, f"want the columns {','.join(COLUMNS)}")
    numbers: dict[tuple[object, ...], Published] = {}
    for line, values in enumerate(lines[1:], start=2):
        try:
            number = _parse(values)
        except (ValueError, SpecError) as error:
            raise _damage(path, line, str(error)) from error
        if number.key in numbers:
            raise _damage(path, line, "duplicate")
        numbers[number.key] = number
    return tuple(numbers.values())


def _parse(values: list[str]) -> Published:
    if len(values) != len(COLUMNS):
        raise ValueError(f"{len(values)} values, want {len(COLUMNS)}")
    table, dataset, noise, architecture, method, variant, mean, sd, n = values
    number = Published(
        int(table), dataset, noise, architecture, method, variant, float(mean), float(sd), int(n)
    )
    Noise.parse(noise)
    if not (0 <= number.mean <= 100 and math.isfinite(number.sd) and number.sd >= 0 and number.n >= 1):
        raise ValueError(f"{mean} ± {sd} over {n} runs is no accuracy in percent")
    if variant and not all(variant.partition("=")):
        raise ValueError(f"variant {variant!r}, want nothing or for example rho=0.05")
    return number


def _damage(path: Path, line: int, reason: str) -> RecordError:
    return RecordError(f"{path}:{line} – {reason} – restore it:  {command('git', 'checkout', path)}")


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
