"""The text of `lets plan`: what was found, aligned for a terminal."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from textwrap import wrap
from typing import Any

from lets.cli.amounts import amount

__all__ = ["Found", "plan_text"]

Found = Mapping[str, Any]
"""what `lets plan --json` prints"""


def plan_text(found: Found) -> str:
    """Return the lines for a terminal."""
    return "\n".join(_lines(found))


def _lines(found: Found) -> Iterator[str]:
    yield f"{found['params']}: profile {found['profile']}, device {found['device']}\n"
    yield from _experiment_lines(found)
    total = found["all"]
    yield f"\nto train   {total['runs']:,} runs, {found['steps']:,} steps"
    yield f"           about {total['passes']:,} forward-backward passes"
    for kind in ("tables", "figures"):
        if found[kind]:
            yield from ("", _row(found, kind, None), *(_row(found, *row) for row in found[kind].items()))
    yield from ("", _row(found, "", None), _row(found, "in all", total))
    yield "\nFLOP: three forwards a pass, and what is measured after every epoch; hours: of one GPU, or job on a CPU"
    yield f"disk       {amount(total['bytes_to_go'], 'B')} more when all is done; while a training runs, up to"
    yield f"           {amount(found['state_bytes'], 'B')} in work/, and for a moment twice that"
    for line, label in zip_longest(_speed_lines(found["speed"]), ["speed"], fillvalue=""):
        yield f"{label:<11}{line}"


def _experiment_lines(found: Found) -> Iterator[str]:
    width = max(map(len, [*found["experiments"], "in all"])) + 2
    for name, one in found["experiments"].items():
        product = " × ".join(f"{count} {axis}" for axis, count in one["axes"].items() if count > 1)
        yield f"{name:<{width}}{one['runs']:>5} runs" + (f" = {product}" if product else "")
    shared = f", {found['shared']} shared by experiments" if found["shared"] else ""
    yield f"{'in all':<{width}}{found['all']['runs']:>5} runs{shared}"


def _row(found: Found, name: str, demand: Found | None) -> str:
    """One line of the table; without a demand the titles of its columns."""
    width = max(map(len, [*found["tables"], *found["figures"], "in all"])) + 1
    titles = (
        "runs",
        "done",
        "div.",
        "begun",
        "analyses",
        "passes",
        "FLOP",
        "to go",
        "hours",
        "to go",
        "disk",
    )
    cells = titles if demand is None else _cells(demand)
    return f"{name:<{width}}" + "".join(map(str.rjust, cells, (6, 6, 5, 6, 9, 8, 8, 8, 9, 9, 8)))


def _cells(demand: Found) -> list[str]:
    counts = [f"{demand[key]:,}" for key in ("runs", "finished", "diverged", "begun")]
    analyses = f"{demand['analysed']}/{demand['analyses']}" if demand["analyses"] else "–"
    amounts = [amount(demand[key]) for key in ("passes", "flops", "flops_to_go")]
    hours = [_hours(demand[key]) for key in ("hours", "hours_to_go")]
    return [*counts, analyses, *amounts, *hours, amount(demand["bytes"], "B")]


def _hours(hours: float | None) -> str:
    if hours is None:
        return "?"
    return f"{hours:,.0f}" if hours >= 100 or hours == 0 else f"{hours:.3g}"


def _speed_lines(speed: Found) -> Iterator[str]:
    values = [value for pair in speed["per_second"].values() for value in pair]
    said = []
    if values and speed["device"]:
        slow, fast = amount(min(values), "FLOP"), amount(max(values), "FLOP")
        said += [f"{slow} to {fast} per second, in {speed['runs']} finished runs on {speed['device']}"]
    elif values:
        said += [f"{amount(values[0], 'FLOP')} per second and GPU, as you say"]
    if speed["unknown"]:
        said += [f"unknown for {', '.join(speed['unknown'])}, and so are the hours that read ?"]
        said += ["say what one GPU sustains:  --tflops X,  or train a run of each first"]
    yield from (line for text in said for line in wrap(text, 98))
