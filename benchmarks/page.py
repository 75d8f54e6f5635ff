"""docs/speed.md and its picture, from the committed results alone."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from lets.files import write_text

from .catalogue import BENCHMARKS
from .picture import draw
from .result import TOLERANCE, Row, read_results
from .targets import Results, Target, read_targets
from .text import table

PAGE, PICTURE = Path("docs/speed.md"), Path("docs/speed.svg")
HEAD = """\
# Speed

*Made by `lets bench --page` from `benchmarks/results` and `benchmarks/targets.yaml`; do not edit.*

Every number below was measured by `lets bench NAME`. Variants run side by side, in another order every
round, and what is compared are the two times of one round: a ratio is the median over the rounds, in
brackets its quartiles. The reference runs twice a round, as if it were another variant: unless its ratio to
itself is within ±{tolerance:.0f} %, the result is not valid and says so.
"""
NO_GPU = """
**Nothing here was measured on a GPU yet.** [`make gpu-check`](scale.md) does it in ten minutes.
"""
SHOWN = """
![What a step costs over its bare passes](speed.svg)
"""


def write_page() -> list[Path]:
    """Write the page, and the picture if there is something to draw; return what was written."""
    results = read_results()
    drawing = draw(results)
    if drawing:
        write_text(PICTURE, drawing)
    write_text(PAGE, page(results, bool(drawing)))
    return [PAGE, PICTURE] if drawing else [PAGE]


def page(results: Results, pictured: bool) -> str:
    """The whole page."""
    targets = read_targets()
    on_gpus = any(result["machine"]["device"] != "cpu" for result in results.values())
    parts = [
        HEAD.format(tolerance=100 * TOLERANCE) + ("" if on_gpus else NO_GPU) + (SHOWN if pictured else ""),
        f"## Targets\n\n{_targets(targets, results)}\n{_reasons(targets, results)}",
        f"## Where and when\n\n{_machines(results)}\n" if results else "",
        *(_section(stem, result) for stem, result in _ordered(results)),
    ]
    return "\n".join(part for part in parts if part)


def _targets(targets: Sequence[Target], results: Results) -> str:
    return table(
        [
            {
                "what": target.what,
                "target": target.wanted(),
                "measured": target.shown(results),
                "": target.verdict(results),
                "from": f"`{target.result}`",
            }
            for target in targets
        ]
    )


def _reasons(targets: Sequence[Target], results: Results) -> str:
    """Why what is missed is missed."""
    missed = [target for target in targets if target.verdict(results) == "missed"]
    lines = [
        f"- **{t.what}** ({t.shown(results)}, wanted {t.wanted()}): {t.why or 'not explained yet'}"
        for t in missed
    ]
    return "\nWhy some are missed:\n\n" + "\n".join(lines) + "\n" if lines else ""


def _machines(results: Results) -> str:
    return table([_facts(stem, result) for stem, result in _ordered(results)])


def _facts(stem: str, result: Any) -> Row:
    machine = result["machine"]
    device = "" if machine["device"] == "cpu" else f"{machine['device']}, "
    return {
        "result": f"`{stem}`",
        "valid": _validity(result),
        "rounds": str(result["rounds"]),
        "date": result["date"],
        "machine": f"{device}{machine['cpu']}, {machine['cores']} cores",
        "threads": str(machine["threads"]),
        "torch": machine["torch"],
    }


def _validity(result: Any) -> str:
    """Whether the result is valid, and how far from 1 the farthest reference was from itself."""
    word = "no: made with --quick" if result["quick"] else "yes" if result["valid"] else "**no**"
    away = [abs(row["ratio"] - 1) for row in result["controls"]]
    return f"{word} (A/A {100 * max(away):.1f} %)" if away else word


def _section(stem: str, result: Any) -> str:
    doubts = "".join(f"\n**Not valid:** {doubt}.\n" for doubt in result["doubts"])
    how = fill(result["how"], 110, break_long_words=False, break_on_hyphens=False)
    return f"## {stem}\n\n{result['question']}\n\n{how}\n{doubts}\n{table(result['variants'])}\n"


def _ordered(results: Results) -> list[tuple[str, Any]]:
    """In the order of the catalogue."""
    names = list(BENCHMARKS)
    return sorted(results.items(), key=lambda item: names.index(item[1]["name"]))
