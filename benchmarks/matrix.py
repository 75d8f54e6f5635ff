"""How long it takes to know the runs of a params file: read and validate it, expand it, hash every run."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from lets.project import expand, load_params
from lets.project.params import ParamsFile

from .measure import WARM_UP, Action, interleave
from .project import demo_with, digits
from .records import ARCHITECTURES, METHODS
from .result import Conditions, Findings

HOW = """\
A params file that asks for {runs} runs, inside one process. Every time another file, with other seeds:
nothing can be remembered but what holds for any. Expanding gives every run its id, a sha256."""
WHOLE, LOAD, EXPAND = "read, validate, expand, hash", "read and validate", "expand and hash"


def measure(given: Conditions) -> Findings:
    """One row for all of it, and one for each half."""
    seeds = 1 if given.quick else 50
    with tempfile.TemporaryDirectory() as folder:
        files = iter(write_files(Path(folder), seeds, 4 * (given.rounds + WARM_UP)))
        loaded: Iterator[ParamsFile] = iter([load_params(next(files)) for _ in range(given.rounds + WARM_UP)])
        variants: dict[str, Action] = {
            WHOLE: lambda _: expand(load_params(next(files))),
            LOAD: lambda _: load_params(next(files)),
            EXPAND: lambda _: expand(next(loaded)),
        }
        times = interleave(variants, WHOLE, given.rounds)
    how = HOW.format(runs=seeds * len(ARCHITECTURES) * len(METHODS))
    return Findings(how, [times.row(title) for title in variants], [times.control()])


def write_files(folder: Path, seeds: int, count: int) -> list[Path]:
    """Params files that differ in their seeds."""
    paths = [folder / f"{number}.yaml" for number in range(count)]
    for number, path in enumerate(paths):
        wanted = list(range(number * seeds, (number + 1) * seeds))
        path.write_text(demo_with(seeds=wanted, experiments=digits(ARCHITECTURES, METHODS)))
    return paths
