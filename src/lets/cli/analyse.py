"""`lets analyse`: what is computed from finished weights."""

from typing import Annotated

import typer

from lets.cli.options import DEMO, Device, ParamsFile, Threads

analyse = typer.Typer(help="Compute what figures need from finished weights.", no_args_is_help=True)


@analyse.callback()
def _group() -> None:
    """Keep `landscape` a sub-command, however few there are."""


@analyse.command()
def landscape(
    run: Annotated[str, typer.Option(help="run id, or its unambiguous beginning")],
    params: ParamsFile = DEMO,
    device: Device = "",
    threads: Threads = 1,
) -> None:
    """Compute the loss on a plane through the final weights of one run (Figures 5 and 8)."""
    from lets.errors import SpecError
    from lets.spec import Layout, expand, load_params

    spec_file = load_params(params)
    matrix, layout = expand(spec_file), Layout(spec_file.profile)
    spec = matrix.find(run)
    figure = matrix.landscapes(spec_file).get(spec.id)
    if figure is None:
        raise SpecError(
            f"run {spec.id!r} – no landscape figure of {params} shows it – add it to one of `figures:`"
        )

    from lets.analysis import loss_landscape
    from lets.records.files import write_text
    from lets.train.device import choose_device, compute_deterministically

    compute_deterministically(threads)
    where = str(choose_device(device or spec_file.device))
    text = loss_landscape(
        spec, layout, points=figure.points, extent=figure.extent, samples=figure.samples, device=where
    )
    write_text(layout.landscape(spec.id), text)
    print(f"analysis: {layout.landscape(spec.id)}")
