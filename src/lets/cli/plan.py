"""`lets plan`: what a params file asks for."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lets.cli.options import DEMO, ParamsFile

if TYPE_CHECKING:
    from lets.spec import Matrix, Params


def plan(
    params: ParamsFile = DEMO,
    write_schema: Annotated[
        bool, typer.Option("--write-schema", help="write the JSON schema of params files instead")
    ] = False,
) -> None:
    """Say what a params file asks for: runs, steps and passes; tables and figures; what cannot be made."""
    if write_schema:
        return _write_schema()
    from lets.spec import expand, load_params

    content = load_params(params)
    matrix = expand(content)
    print(f"{params}: profile {content.profile}, device {content.device}\n")
    _experiments(content, matrix)
    _costs(content, matrix)
    _unavailable(matrix)
    print(f"\ntables   {', '.join(content.tables) or 'none'}")
    print(f"figures  {', '.join(content.figures) or 'none'}")


def _write_schema() -> None:
    from lets.records.files import write_text
    from lets.spec.paths import SCHEMA
    from lets.spec.schema import schema_text

    write_text(SCHEMA, schema_text())
    print(SCHEMA)


def _experiments(params: "Params", matrix: "Matrix") -> None:
    width = max(map(len, [*params.experiments, "in all"])) + 2
    for name, experiment in params.experiments.items():
        axes: dict[str, Sequence[object]] = {
            "data sets": experiment.datasets,
            "noise": experiment.noise,
            "architectures": experiment.architectures,
            "methods": experiment.methods,
            **experiment.vary,
            "seeds": experiment.seeds or params.seeds,
        }
        product = " × ".join(f"{len(values)} {axis}" for axis, values in axes.items() if len(values) > 1)
        print(
            f"{name:<{width}}{len(matrix.experiments[name]):>5} runs" + (f" = {product}" if product else "")
        )
    asked = Counter(run for ids in matrix.experiments.values() for run in ids)
    shared = asked.total() - len(asked)
    print(
        f"{'in all':<{width}}{len(asked):>5} runs" + (f", {shared} shared by experiments" if shared else "")
    )


def _costs(params: "Params", matrix: "Matrix") -> None:
    from lets.spec.effort import passes, steps
    from lets.spec.params import Hypergradient

    runs = matrix.runs.values()
    print(f"\nto train   {len(runs):,} runs, {sum(map(steps, runs)):,} steps")
    print(f"           about {round(sum(map(passes, runs))):,} forward-backward passes")
    if again := matrix.analyses(params, Hypergradient):
        print(f"once more  {len(again):,} of them, for the hyper-gradient along their training")


def _unavailable(matrix: "Matrix") -> None:
    for reason, count in Counter(matrix.unavailable.values()).items():
        print(f"left out   {count:>5} runs: {reason}")
