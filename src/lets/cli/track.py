"""`lets track`: a finished matrix, recorded in DVC."""

from pathlib import Path

from lets.cli.options import DEMO, ParamsFile
from lets.commands import command


def track(params: ParamsFile = DEMO) -> None:
    """Record data, runs, analyses and reports of a finished matrix in DVC, and Snakemake's memory of them."""
    from lets.cli.engines import dvc, refuse_other_params
    from lets.project import Project
    from lets.runs.memory import keep_memory

    project = Project.load(params)
    layout = project.layout
    refuse_other_params(params)
    keep_memory(layout, _remembered(params))
    dvc("add", "--quiet", *layout.data_folders(project.matrix), layout.memory)
    dvc("commit", "--force", "dvc.yaml")
    print("recorded; to share it:  git add dvc.lock data results reports; git commit; dvc push")


def _remembered(params: Path) -> set[Path]:
    """Return the files of a finished matrix; those made by hand enter Snakemake's memory as they are."""
    from lets.cli.engines import answer, outputs
    from lets.errors import RecordError

    files = outputs(params)
    if pending := [file.path for file in files if file.pending]:
        raise RecordError(
            f"{len(pending)} of {len(files)} files that {params} asks for are still to be made, first {pending[0]} – "
            f"a clone would make them – run  {command('snakemake', '--cores', 'all', '--configfile', params)}"
        )
    if unknown := [file.path for file in files if not file.remembered]:
        print(
            f"{len(unknown)} files were not made by Snakemake, first {unknown[0]}; it takes them as they are"
        )
        answer("snakemake", *unknown, "--touch", "--force", "--cores", "1", "--configfile", params)
    return {file.path for file in files}
