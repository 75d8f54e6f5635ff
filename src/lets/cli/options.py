"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

from lets.commands import DEMO

__all__ = ["DEMO", "Device", "ParamsFile", "Threads"]

ParamsFile = Annotated[Path, typer.Option("--params", help="what to run: a params file")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda; default: what the params file says")]
Threads = Annotated[int, typer.Option(help="CPU threads; equal bytes need equal threads", min=1)]
