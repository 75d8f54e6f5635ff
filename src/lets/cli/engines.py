"""Snakemake and DVC, as other verbs ask them."""

import csv
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from lets.errors import LetsError, SpecError


def ask(engine: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Return what `snakemake` or `dvc` answers."""
    return subprocess.run([sys.executable, "-m", engine, *arguments], capture_output=True, text=True)


def answer(engine: str, *arguments: str | Path) -> str:
    """Return what `snakemake` or `dvc` prints; raises LetsError with what it says if it fails."""
    result = ask(engine, *arguments)
    if result.returncode:
        raise LetsError(
            f"{engine} {arguments[0]} – failed – {result.stderr.strip() or result.stdout.strip()}"
        )
    return result.stdout


def dvc(*arguments: str | Path) -> None:
    """Let DVC work in the user's sight; raises LetsError if it fails, after its own message."""
    if code := subprocess.run([sys.executable, "-m", "dvc", *arguments]).returncode:
        raise LetsError(f"dvc {arguments[0]} – ended with {code} – see its message above")


@dataclass(frozen=True)
class Output:
    """A file that a params file asks for, as Snakemake sees it."""

    path: Path
    remembered: bool
    """whether Snakemake knows what made it"""
    pending: bool
    """whether Snakemake would make it, or make it again"""


def outputs(params: Path) -> list[Output]:
    """Return every file that Snakemake makes on the way from a params file to its reports."""
    table = answer("snakemake", "--summary", "--configfile", params).splitlines()
    return [
        Output(Path(row["output_file"]), row["log-file(s)"] != "-", row["plan"] != "no update")
        for row in csv.DictReader(table, delimiter="\t")
    ]


def tracked_params() -> Path | None:
    """Return the params file that the stages of dvc.yaml are about; None where there is no dvc.yaml."""
    pipeline = Path("dvc.yaml")
    return Path(yaml.safe_load(pipeline.read_text())["vars"][0]["params"]) if pipeline.is_file() else None


def refuse_other_params(params: Path) -> None:
    """Raise SpecError if the stages of dvc.yaml are those of another params file."""
    if (tracked := tracked_params()) != params:
        raise SpecError(
            f"--params {params} – dvc.yaml is about {tracked} – change  params, profile, curves  at its head"
        )
