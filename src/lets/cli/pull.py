"""`lets pull`: the artifacts of a clone, from DVC's remote."""

from lets.cli.options import DEMO, ParamsFile


def pull(params: ParamsFile = DEMO) -> None:
    """Fetch data, runs, analyses and the page from DVC's remote, and give Snakemake its memory of them."""
    from lets.cli.engines import dvc, refuse_other_params
    from lets.project import Project
    from lets.runs.memory import recall_memory

    project = Project.load(params)
    layout = project.layout
    refuse_other_params(params)
    pointers = [f"{folder}.dvc" for folder in (*layout.data_folders(project.matrix), layout.memory)]
    dvc("pull", "dvc.yaml", *pointers)
    recall_memory(layout)
