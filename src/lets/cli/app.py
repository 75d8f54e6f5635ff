"""`lets`: the verbs."""

import typer

from lets.cli.analyse import analyse
from lets.cli.audit import audit, compare
from lets.cli.bench import WithNames, bench
from lets.cli.data import data
from lets.cli.engines import pull, track, why
from lets.cli.list import list_
from lets.cli.options import InProject
from lets.cli.plan import only, plan
from lets.cli.report import export, report
from lets.cli.status import status
from lets.cli.train import train
from lets.cli.visit import visit

app = typer.Typer(
    help="Reproduce LETS: train SAM variants, build the paper's tables and figures, audit every number.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data, name="data")
app.add_typer(analyse, name="analyse")
for verb in (train, status, plan, only, why, report, audit, compare, track, pull, export, visit):
    app.command(cls=InProject)(verb)
app.command("list")(list_)
app.command(cls=WithNames)(bench)
