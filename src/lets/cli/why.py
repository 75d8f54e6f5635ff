"""`lets why`: one run and its part in the whole."""

from typing import TYPE_CHECKING, Annotated

import typer

from lets.cli.options import DEMO, ParamsFile

if TYPE_CHECKING:
    from lets.results import Outcome
    from lets.spec import Layout, Matrix, Params


def why(
    run: Annotated[str, typer.Argument(help="run id, its unambiguous beginning, or its folder")],
    params: ParamsFile = DEMO,
) -> None:
    """Say why a run will or will not be trained, which tables and figures need it, and where it lies."""
    from lets.results import read_outcome
    from lets.spec import Layout, expand, load_params

    content = load_params(params)
    matrix, layout = expand(content), Layout(content.profile)
    wanted = run.removeprefix(f"{layout.runs}/").rstrip("/")
    spec = matrix.find(wanted)
    outcome = read_outcome(spec, layout)
    experiments = [name for name, ids in matrix.experiments.items() if spec.id in ids]
    print(spec.id)
    print(f"  state        {outcome.state}: {_decision(outcome, layout)}")
    print(f"  asked by     {', '.join(experiments)}")
    print(f"  needed by    {', '.join(_items(spec.id, content, matrix)) or 'no table or figure'}")
    print(f"  settings     {', '.join(f'{key}={value}' for key, value in spec.hyperparameters.items())}")
    print(f"  folder       {layout.run(spec.id)}")
    print(f"  log          {layout.log('train', spec.id)}")


def _decision(outcome: "Outcome", layout: "Layout") -> str:
    begun = layout.state(outcome.id).is_file()
    start = "it goes on where it was interrupted" if begun else "it starts from the beginning"
    remake = f"will be made again; first  rm -r {layout.run(outcome.id)}"
    return {
        "finished": "will not be trained again: all its files are there",
        "diverged": f"will not be trained again: it is recorded as diverged ({outcome.reason})",
        "missing": f"will be trained: {start}",
        "partial": f"will be trained: {outcome.reason}; {start}",
        "unreadable": f"{remake} ({outcome.reason})",
    }[outcome.state]


def _items(run: str, params: "Params", matrix: "Matrix") -> list[str]:
    """Tables and figures that show a run; a landscape shows the first seed only."""
    from lets.audit.printed import printed

    return list(dict.fromkeys(place.item for place in printed(params, matrix) if run in place.runs))
