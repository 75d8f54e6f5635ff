"""`lets audit` and `lets compare`: every printed number back to bytes; did I reproduce it?"""

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lets.cli.options import DEMO, ParamsFile
from lets.commands import REFERENCE

if TYPE_CHECKING:
    from lets.project import Project


def audit(
    params: ParamsFile = DEMO,
    json: Annotated[bool, typer.Option("--json", help="print audit.json instead of the text")] = False,
    receipt: Annotated[
        Path | None, typer.Option(help="also write a receipt here, with date, commit, machine and verdicts")
    ] = None,
    weights: Annotated[
        int | None,
        typer.Option(help="runs to compute again from their weights; default: the params file's", min=0),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="compute every run and every analysis again")] = False,
    salt: Annotated[
        str, typer.Option(help="draw other runs: any word that whoever made the runs cannot have known")
    ] = "",
    deep: Annotated[
        bool, typer.Option("--deep", help="also train one run again, in a folder of its own")
    ] = False,
    run: Annotated[
        list[str] | None,
        typer.Option(help="with --deep: this run instead of one that is drawn; can be given several times"),
    ] = None,
) -> None:
    """Check every printed number back to bytes, in six layers.

    The first layer that fails decides the exit code: 10 bytes (files are what was written), 11 matrix (what the
    params ask for is there), 12 records (they agree with each other), 13 cells (what is printed follows from
    them), 14 evidence (weights, data and seeds give them again), 15 environment (image),
    16 incomplete (nothing is wrong, but not all is here that is to be checked).

    Writes reports/<profile>/audit/audit.json and audit.md, which hold no date: equal trees have equal audits;
    index.html gets its verdicts. Where data, runs or analyses are absent it writes to work/<profile>/audit/ instead.
    """
    from lets import audit as audits
    from lets.errors import SpecError
    from lets.files import check_named, check_writable, write_text
    from lets.project import Project
    from lets.train.startup import leave_out_the_compiler

    check_named(receipt)
    project = Project.load(params)
    if run and not deep:
        remedy = project.command("audit", "--deep", "--run", run[0])
        raise SpecError(f"--run {run[0]} – names a run to train again – write  {remedy}")
    layout = project.layout
    check_writable(layout.incomplete_audit.parent, size=1)
    count = project.params.audit_weights if weights is None else weights
    sample = audits.Sample(sys.maxsize if all_ else count, salt, deep, tuple(run or ()))
    leave_out_the_compiler()
    result = audits.perform(params, sample)
    folder = audits.write_receipt(result, layout)
    if result.complete:
        _write_page(project)
    else:
        kept = f", and {layout.audit.parent} is as it was" if layout.audit.is_file() else ""
        print(f"not everything is here: this audit is in {folder}{kept}", file=sys.stderr)
    print(audits.receipt(result) if json else audits.audit_text(result), end="")
    if receipt:
        write_text(receipt, audits.dated_receipt(result))
    if result.error:
        raise result.error


def _write_page(project: "Project") -> None:
    """Put the verdicts into the page; what keeps it from being made is among the findings."""
    from lets.errors import LetsError
    from lets.files import read_json
    from lets.page.page import write_page

    with suppress(LetsError):
        write_page(project, read_json(project.layout.audit))


def compare(
    reference: Annotated[
        str, typer.Argument(help="a commit, a folder with reports, or a crate of lets export")
    ] = str(REFERENCE),
    params: ParamsFile = DEMO,
    csv: Annotated[Path | None, typer.Option("--csv", help="also write a line per run here")] = None,
    page: Annotated[
        bool, typer.Option("--page", help="also write the HTML page with the comparison on it, below work/")
    ] = False,
) -> None:
    """Say whether the runs that are here agree with those of a reference, by default the reports in `reference/`.

    Exit code 0: reproduced, chance explains every difference; 1: something differs beyond chance; 2: bad input.
    Two runs that round otherwise differ like two seeds, so differences are held against the scatter of the reference's
    seeds: for single runs with Bonferroni's correction, for methods by a paired t test with Holm's.
    Example: lets compare HEAD~3 --params params/cifar-small.yaml
    """
    from lets.compare import trees, words
    from lets.files import check_named, write_text
    from lets.project import Project

    check_named(csv)
    project = Project.load(params)
    found = trees.compare(project, trees.open_reference(reference, project.layout.root))
    print(words.comparison_text(found), end="")
    if csv:
        write_text(csv, words.comparison_csv(found))
    if page:
        print(f"\n{words.write_comparison(found, project)}")
    sys.exit(0 if found.reproduced else 1)
