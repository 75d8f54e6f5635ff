"""`lets export`: runs and reports for other people's tools."""

from pathlib import Path
from typing import Annotated

import typer

from lets.cli.options import DEMO, ParamsFile


def export(
    params: ParamsFile = DEMO,
    to: Annotated[Path | None, typer.Option(help="the archive; default: work/<profile>.crate.zip")] = None,
    weights: Annotated[
        bool, typer.Option("--weights", help="checkpoints too, not only their digests")
    ] = False,
) -> None:
    """Write workflow, run records and reports as a Workflow Run RO-Crate, a zip with machine-readable provenance."""
    from lets.page.crate import write_crate
    from lets.project import Project

    project = Project.load(params)
    target = to or project.layout.crate
    count = write_crate(target, params, project, weights)
    print(f"{target}: {count} of {len(project.matrix.runs)} runs, {target.stat().st_size / 2**20:.1f} MiB")
