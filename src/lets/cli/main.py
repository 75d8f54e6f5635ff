"""`lets`: the verbs, and how errors end.

Exit codes: 0 fine · 2 bad input · 3 a training diverged (recorded) · 130 interrupted;
10 to 15 an audit failed: bytes, matrix, records, cells, evidence, environment.
"""

import gc
import os
import sys

import typer

from lets.cli.analyse import analyse
from lets.cli.audit import audit
from lets.cli.bench import WithNames, bench
from lets.cli.data import data
from lets.cli.export import export
from lets.cli.list import list_
from lets.cli.only import only
from lets.cli.plan import plan
from lets.cli.pull import pull
from lets.cli.report import report
from lets.cli.status import status
from lets.cli.track import track
from lets.cli.train import train
from lets.cli.why import why
from lets.errors import DivergenceError, LetsError

app = typer.Typer(
    help="Reproduce LETS: train SAM variants, build the paper's tables and figures, audit every number.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data, name="data")
app.add_typer(analyse, name="analyse")
for verb in (train, status, plan, only, why, report, audit, track, pull, export):
    app.command()(verb)
app.command("list")(list_)
app.command(cls=WithNames)(bench)


def main() -> None:
    """Run the command line; an expected error is one message, not a traceback."""
    try:
        app()
    except (LetsError, DivergenceError) as error:
        if os.environ.get("RANK", "0") == "0":  # of several processes, one says it
            print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on where this one stopped", file=sys.stderr)
        sys.exit(130)
    finally:
        gc.freeze()  # or Python would look for garbage in torch once more before it ends, for a third of a second
