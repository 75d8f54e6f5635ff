"""The sentences below a table or figure, paired differences in words, and what they answer about LETS."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Protocol, runtime_checkable

from lets.config import RunSpec
from lets.config.labels import value_title
from lets.config.params import Params
from lets.runs.metrics import QUANTITIES, Quantity
from lets.runs.outcomes import STATES, Outcome, Records, State
from lets.stats.paired import ALPHA, Paired

NAMED = 12
_WORDS: dict[State, str] = {
    "diverged": "Diverged",
    "missing": "Missing",
    "partial": "Interrupted",
    "unreadable": "Unreadable",
}


def absent(runs: Iterable[Outcome]) -> dict[State, list[Outcome]]:
    """Return the runs without numbers by state; states that do not occur are left out."""
    different = {run.id: run for run in runs}.values()
    found = {
        state: [run for run in different if run.state == state] for state in STATES if state != "finished"
    }
    return {state: runs for state, runs in found.items() if runs}


def absent_notes(runs: Iterable[Outcome]) -> list[str]:
    """Return one sentence per state that names its runs, up to NAMED of them."""
    return [f"{_WORDS[state]}: {count(runs)}: {_names(runs)}." for state, runs in absent(runs).items()]


def absent_counts(runs: Iterable[Outcome]) -> str:
    """Return the short form for the line under a figure: `missing: 2 runs; diverged: 1 run`."""
    return "; ".join(f"{_WORDS[state].lower()}: {count(runs)}" for state, runs in absent(runs).items())


def count(runs: list[Outcome]) -> str:
    """Return `1 run` or `7 runs`."""
    return f"{len(runs)} run{'' if len(runs) == 1 else 's'}"


def seeds_note(counts: Iterable[int], spread: str) -> str:
    """Say what `±` and n are, given the n of every number shown."""
    shown = sorted({n for n in counts if n})
    if shown in ([], [1]):
        return "One seed, hence no standard deviation" if shown else "No finished run"
    seeds = f"n = {shown[0]}" if len(shown) == 1 else f"n = {shown[0]} to {shown[-1]}"
    return f"Mean {spread} over {seeds} seeds"


def stand_in_note(runs: Iterable[Outcome], stand_ins: Mapping[str, str]) -> str:
    """Say which small data sets and architectures stand in for the paper's; empty if none does."""
    pairs = stand_ins_of((run.spec for run in runs), stand_ins)
    return f"Stand-ins: {', '.join(pairs)}: not comparable with the paper's numbers." if pairs else ""


def stand_ins_of(runs: Iterable[RunSpec], stand_ins: Mapping[str, str]) -> list[str]:
    """Return what stands for what: `Digits for CIFAR-10`."""
    runs = list(runs)
    return [
        f"{value_title(field, name)} for {value_title(field, stand_ins[name])}"
        for field in ("dataset", "architecture")
        for name in dict.fromkeys(str(run.variant[field]) for run in runs)
        if name in stand_ins
    ]


def scale(runs: Iterable[Outcome], params: Params) -> str:
    """Return how runs differ from the paper's experiments, in words; empty if they are its own."""
    stands = stand_ins_of((run.spec for run in runs), params.stand_ins)
    return "; ".join([*stands, *[params.reduced] * bool(params.reduced)])


def _names(runs: list[Outcome]) -> str:
    """The ids of up to NAMED runs."""
    rest = len(runs) - NAMED
    return folded(runs[:NAMED]) + (f"; and {rest} more (lets status --runs)" if rest > 0 else "")


def folded(runs: Iterable[Outcome]) -> str:
    """Return the ids, folded by folder: `digits/clean/resnet-small/sam/{seed-0-…, seed-1-…}`."""
    parts = []
    for folder, ids in groupby((run.id for run in runs), key=lambda id: id.rpartition("/")[0]):
        names = [id.rpartition("/")[2] for id in ids]
        parts.append(f"{folder}/{names[0]}" if len(names) == 1 else f"{folder}/{{{', '.join(names)}}}")
    return "; ".join(parts)


def mean_text(paired: Paired, quantity: Quantity) -> str:
    """Return the mean difference with its sign."""
    return "—" if paired.mean is None else f"{paired.mean:+.{quantity.decimals}f}"


def interval_text(paired: Paired, quantity: Quantity) -> str:
    """Return its interval: `-0.10 to +0.42`."""
    bounds = paired.interval()
    return " to ".join(f"{bound:+.{quantity.decimals}f}" for bound in bounds) if bounds else "—"


def seeds_text(paired: Paired, quantity: Quantity) -> list[str]:
    """Return a line for each seed: `seed 0: +0.28`."""
    return [f"seed {seed}: {value:+.{quantity.decimals}f}" for seed, value in paired.differences.items()]


def p_text(p: float | None) -> str:
    """Return a p as printed: three decimals, or that it is smaller."""
    if p is None:
        return "—"
    return f"{p:.3f}" if p >= 0.0005 else "<0.001"


def verdict(paired: Paired, corrected: float | None, quantity: Quantity) -> str:
    """Return in a word or two what the corrected test says of the first of a pair."""
    if paired.n < 2:
        return "one seed" if paired.n else "no runs"
    if corrected is None or paired.mean is None:
        return "no spread" if paired.mean else "equal"
    if corrected >= ALPHA:
        return "undecided"
    if quantity.better is None:
        return "higher" if paired.mean > 0 else "lower"
    return "better" if (paired.mean > 0) == (quantity.better == "higher") else "worse"


class Question(StrEnum):
    """What a reader wants to know of LETS."""

    BASE = "LETS was better than its base method"
    FIXED = "In the mean over its starts, a learned radius was better than the best fixed one"


@dataclass(frozen=True)
class Answer:
    """One comparison that answers a question: what is compared, seed by seed, of which metric, and its verdict."""

    question: Question
    title: str
    paired: Paired
    quantity: Quantity
    verdict: str

    @classmethod
    def of(
        cls, question: Question, title: str, paired: Paired, corrected: float | None, metric: str
    ) -> "Answer":
        """Judge a paired difference of a metric by its corrected p."""
        quantity = QUANTITIES[metric]
        return cls(question, title, paired, quantity, verdict(paired, corrected, quantity))


@runtime_checkable
class Answering(Protocol):
    """A kind of table or figure whose numbers answer such questions."""

    def answers(self, records: Records) -> list[Answer]:
        """Return every comparison of its runs that answers one."""
