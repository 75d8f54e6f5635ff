"""`lets analyse`: what tables and figures need beside the run records."""

from pathlib import Path
from typing import Annotated

import typer

from lets.cli.options import DEMO, Device, InProject, ParamsFile, Threads

analyse = typer.Typer(
    help="Compute what tables and figures need beside the run records.", no_args_is_help=True
)
RunId = Annotated[str, typer.Option(help="run id, or its unambiguous beginning")]


@analyse.command(cls=InProject)
def landscape(run: RunId, params: ParamsFile = DEMO, device: Device = "", threads: Threads = 1) -> None:
    """Compute the loss on a plane through the final weights of one run (Figures 5 and 8)."""
    _analyse("landscape", run, params, device, threads)


@analyse.command(cls=InProject)
def hypergradient(run: RunId, params: ParamsFile = DEMO, device: Device = "", threads: Threads = 1) -> None:
    """Train one lets-* run again and compare its hyper-gradient with the true one at every few steps."""
    _analyse("hypergradient", run, params, device, threads)


@analyse.command(cls=InProject)
def sharpness(run: RunId, params: ParamsFile = DEMO, device: Device = "", threads: Threads = 1) -> None:
    """Measure the minimum one run found: Hessian eigenvalues, their trace, m-sharpness at several radii."""
    _analyse("sharpness", run, params, device, threads)


def _analyse(kind: str, run: str, params: Path, device: str, threads: int) -> None:
    """Compute with the settings of the table or figure that shows the run."""
    from lets.errors import SpecError
    from lets.project import Project
    from lets.project.params import ANALYSES
    from lets.train.startup import leave_out_the_compiler, without_garbage_collection

    project = Project.load(params)
    spec, layout = project.find(run), project.layout
    item = project.analyses(ANALYSES[kind]).get(spec.id)
    if item is None:
        where = "`figures:`" if kind == "landscape" else "`tables:` or `figures:`"
        raise SpecError(f"run {spec.id!r} – no {kind} of {params} shows it – add it to one of {where}")

    wanted = device or project.params.device
    if wanted == "cuda":
        from lets.cli.gpu_locks import take_gpus

        take_gpus(1)

    with without_garbage_collection():
        from lets.analyses.compute import COMPUTE
        from lets.files import write_text
        from lets.train.device import choose_device, compute_deterministically

    leave_out_the_compiler()
    place = choose_device(wanted)
    compute_deterministically(threads)
    path = layout.analysis(kind, spec.id)
    write_text(path, COMPUTE[kind](spec, layout, device=str(place), **item.settings))
    print(f"analysis: {path}")
