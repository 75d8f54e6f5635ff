"""The result of a benchmark: one table with the facts of its machine, as csv and as md."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from lets.records.provenance import machine

FOLDER = Path(__file__).parent / "results"
Row = Mapping[str, str | int | float | bool]


def device_name(device: torch.device) -> str:
    """The GPU's name, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def markdown(rows: Sequence[Row]) -> str:
    """A table whose columns are the keys of the first row."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(map(str, row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def report(name: str, device: torch.device, text: str, rows: Sequence[Row], folder: Path = FOLDER) -> None:
    """Print the table and leave it in `folder` as NAME-DEVICE.csv and NAME-DEVICE.md."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{name}-{device_name(device).lower().replace(' ', '-')}"
    facts = {**machine(device_name(device), torch.get_num_threads()), "torch": torch.__version__}
    described = "\n".join(f"- {fact}: {value}" for fact, value in facts.items() if value is not None)
    page = f"# {name}\n\n{text}\n\n{markdown(rows)}\n\n{described}\n"
    stem.with_suffix(".md").write_text(page)
    with stem.with_suffix(".csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    print(page)
    print(f"written: {stem}.csv and {stem}.md")
