"""`lets analyse`: what tables and figures need beside the run records."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from lets.cli.options import DEMO, Device, ParamsFile, Threads

if TYPE_CHECKING:
    from lets.spec import Layout, RunSpec
    from lets.spec.params import Analysis

    Kind = TypeVar("Kind", bound=Analysis)

analyse = typer.Typer(
    help="Compute what tables and figures need beside the run records.", no_args_is_help=True
)
RunId = Annotated[str, typer.Option(help="run id, or its unambiguous beginning")]


@analyse.command()
def landscape(
    run: RunId,
    params: ParamsFile = DEMO,
    device: Device = "",
    threads: Threads = 1,
) -> None:
    """Compute the loss on a plane through the final weights of one run (Figures 5 and 8)."""
    from lets.spec.params import Landscape

    spec, figure, layout, where = _asked(run, Landscape, params, device)

    from lets.analysis import loss_landscape
    from lets.train.device import compute_deterministically

    compute_deterministically(threads)
    text = loss_landscape(
        spec, layout, points=figure.points, extent=figure.extent, samples=figure.samples, device=where
    )
    _write(layout.landscape(spec.id), text)


@analyse.command()
def hypergradient(
    run: RunId,
    params: ParamsFile = DEMO,
    device: Device = "",
    threads: Threads = 1,
) -> None:
    """Train one lets-* run again and compare its hyper-gradient with the true one at every few steps."""
    from lets.spec.params import Hypergradient

    spec, item, layout, where = _asked(run, Hypergradient, params, device)

    from lets.analysis import compare_hypergradients
    from lets.train.device import compute_deterministically

    compute_deterministically(threads)
    _write(
        layout.hypergradient(spec.id), compare_hypergradients(spec, layout, every=item.every, device=where)
    )


def _asked(run: str, kind: "type[Kind]", params: Path, device: str) -> "tuple[RunSpec, Kind, Layout, str]":
    """The run, the table or figure whose settings hold, the layout and the device."""
    from lets.errors import SpecError
    from lets.spec import Layout, expand, load_params

    spec_file = load_params(params)
    matrix = expand(spec_file)
    spec = matrix.find(run)
    item = matrix.analyses(spec_file, kind).get(spec.id)
    if item is None:
        name = kind.__name__.lower()
        raise SpecError(f"run {spec.id!r} – no {name} of {params} shows it – add it to one of `figures:`")

    from lets.train.device import choose_device

    return spec, item, Layout(spec_file.profile), str(choose_device(device or spec_file.device))


def _write(path: Path, text: str) -> None:
    from lets.records.files import write_text

    write_text(path, text)
    print(f"analysis: {path}")
