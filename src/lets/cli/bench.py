"""`lets bench`: how fast it is, measured in a checkout."""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lets.cli.options import DEMO, InProject, ParamsFile, Threads


class WithNames(InProject):
    """A command whose help ends with the names of the benchmarks, where they are at hand."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the names, or why there are none."""
        from lets.errors import SpecError

        try:
            formatter.write(f"\nBenchmarks:\n{benchmarks('command').listing()}\n")
        except SpecError as error:
            formatter.write(f"\nBenchmarks: {error}\n")


def bench(
    name: Annotated[str, typer.Argument(help="which benchmark, or: all", show_default=False)] = "",
    rounds: Annotated[
        int | None, typer.Option(help="how often every variant is timed; default: the benchmark's", min=1)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="result file; default: benchmarks/results/NAME-DEVICE.json")
    ] = None,
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="where passes are computed")] = "cpu",
    threads: Threads = 1,
    quick: Annotated[
        bool, typer.Option("--quick", help="small and short, to see that it works: no result")
    ] = False,
    params: ParamsFile = DEMO,
    page: Annotated[
        bool, typer.Option("--page", help="write docs/speed.md from the results instead of measuring")
    ] = False,
) -> None:
    """Measure how fast it is, variants side by side, and write the result with the facts of this machine.

    Exit code 1: the result is not valid, for a variant measured against itself is more than 2 % away from 1.

    Example: lets bench step-tiny --rounds 100 --out /tmp/step-tiny.json
    """
    from lets.files import check_named

    check_named(out)
    # Before torch is imported, and for the processes that a benchmark starts.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    command = benchmarks("command")
    if page:
        for path in benchmarks("page").write_page():
            print(path)
    elif not name:
        print(command.listing())
    else:
        how = {"device": device, "threads": threads, "quick": quick, "params": params}
        sys.exit(0 if command.run(name, rounds, out, **how) else 1)


def benchmarks(module: str) -> Any:
    """Import a module of benchmarks/, which lies in the checkout and is not installed."""
    from lets.errors import SpecError

    if not Path("benchmarks/catalogue.py").is_file():
        raise SpecError(
            f"bench – {Path.cwd()} holds no benchmarks/ – go to the root of a checkout of this project and say it again"
        )
    if sys.path[0] != str(Path.cwd()):
        sys.path.insert(0, str(Path.cwd()))
    return import_module(f"benchmarks.{module}")
