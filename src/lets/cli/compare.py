"""`lets compare`: did I reproduce it?"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lets.cli.options import DEMO, ParamsFile


def compare(
    reference: Annotated[
        str, typer.Argument(help="a commit, a folder with reports, or a crate of lets export")
    ] = "HEAD",
    params: ParamsFile = DEMO,
    csv: Annotated[Path | None, typer.Option("--csv", help="also write a line per run here")] = None,
) -> None:
    """Say whether the runs that are here agree with those of a reference, by default the reports that are committed.

    Exit code 0: reproduced, chance explains every difference; 1: something differs beyond chance; 2: bad input.
    Two runs that round otherwise differ like two seeds, so differences are held against the scatter of the reference's
    seeds: for single runs with Bonferroni's correction, for methods by a paired t test with Holm's.
    Example: lets compare HEAD~3 --params params/cifar-small.yaml
    """
    from lets.compare import comparison, text
    from lets.compare.reference import open_reference
    from lets.files import write_text
    from lets.project import Project

    project = Project.load(params)
    found = comparison.compare(project, open_reference(reference, project.layout.root))
    print(text.comparison_text(found), end="")
    if csv:
        write_text(csv, text.comparison_csv(found))
    sys.exit(0 if found.reproduced else 1)
