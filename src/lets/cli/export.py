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
    from lets.report.crate import write_crate
    from lets.spec import Layout, expand, load_params

    content = load_params(params)
    matrix, layout = expand(content), Layout.of(content)
    target = to or layout.crate
    count = write_crate(target, params, matrix, layout, weights)
    print(f"{target}: {count} of {len(matrix.runs)} runs, {target.stat().st_size / 2**20:.1f} MiB")
