"""`lets audit`: every printed number back to bytes."""

from typing import Annotated

import typer

from lets.cli.options import DEMO, ParamsFile


def audit(
    params: ParamsFile = DEMO,
    json: Annotated[bool, typer.Option("--json", help="print audit.json instead of the text")] = False,
    weights: Annotated[
        int | None,
        typer.Option(help="runs to evaluate again from their weights; default: the params file's", min=0),
    ] = None,
) -> None:
    """Check every printed number back to bytes; exit code 1 if one of them does not stand.

    Compares run folders with the params, file digests with their provenance, metrics with histories,
    tables and figures with run records, data and label noise with their sources, and a sample of runs with
    their weights. Writes reports/<profile>/audit/audit.json and audit.md.
    """
    from lets.audit import audit_text, perform, receipt, write_receipt
    from lets.spec import Layout

    result = perform(params, DEMO, weights)
    write_receipt(result, Layout(result.profile))
    print(receipt(result) if json else audit_text(result), end="")
    if not result.passed:
        raise typer.Exit(1)
