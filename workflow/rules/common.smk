# What to run and where it lies; the rules take every path from here.

import os
import sys
from pathlib import Path

from lets.cli.fork_server import start as start_fork_server
from lets.commands import command
from lets.claims.file import claim_sources as sources_of_claims, read_claims
from lets.project import Project
from lets.project.params import ANALYSES
from lets.project.workflow import (
    forget_stale_locks,
    keep_copies_in_place,
    let_into_containers,
    made_elsewhere,
    plainly,
    refuse_unfit_networks,
    refuse_unwritable,
    refuse_values_beside,
    refuse_without_gpu,
    refuse_without_image,
    refuse_without_packages,
    refuse_without_weights,
    selected_file,
)
from lets.config.gpus import gpu_slots
from lets.config.own import sources

with plainly():
    params_file = selected_file(workflow.configfiles)
    project = Project.load(params_file)
    params, matrix, layout = project.params, project.matrix, project.layout
    place = {run: number for number, run in enumerate(matrix.runs)}
    refuse_values_beside(params_file, config)
    # As shells read it; still a path, or Snakemake would remember it, and train all again that it remembers otherwise.
    quoted_file = Path(command(params_file))
    claim_sources = sources_of_claims(read_claims(layout.paper_claims), project)
    keep_copies_in_place(layout, workflow.storage_settings)
    refuse_without_image(layout, workflow.deployment_settings.deployment_method)
    let_into_containers(workflow.deployment_settings.deployment_method)
    # One training per place on a GPU of this machine, unless told otherwise; a cluster (nodes) has its own scheduler.
    if params.device == "cuda" and workflow.resource_settings.nodes is None:
        if "gpu" not in workflow.global_resources:
            workflow.register_resource("gpu", max(1, gpu_slots()))

if workflow.is_main_process:
    with plainly():
        at_work = forget_stale_locks()


onstart:
    if workflow.local_exec:
        with plainly():
            refuse_without_gpu(params)
            refuse_without_packages(matrix)
            refuse_without_weights(matrix)
            refuse_unfit_networks(matrix)
            refuse_unwritable(layout)  # last: it makes folders
        if (
            sys.platform == "linux"
            and not workflow.deployment_settings.deployment_method
        ):
            start_fork_server()
        # By itself Snakemake starts at most 100 jobs a second. For that it looks for work again a second after every
        # job that it has started, and a second after that: with hundreds of jobs behind it, it does nothing else.
        workflow.scheduler.job_rate_limiter = None


def inputs(run):
    """What a run is trained on: data, and the user's own modules."""
    own = sources(run.dataset, run.architecture)
    return layout.inputs(run) + [local(path) for path in own]


# In object storage Snakemake has other names for the same files.
in_storage = workflow.storage_settings.default_storage_provider
unknown_runs = frozenset() if in_storage else made_elsewhere(layout, matrix)


def asked_of(run):
    """The inputs of a run; of a record made elsewhere neither their time stamps matter nor that they are not here."""
    files = inputs(matrix.runs[run])
    if run not in unknown_runs:
        return files
    return [ancient(path) for path in files] if all(map(os.path.isfile, files)) else []


# Nothing that a shell would read: rules name runs, data and tables without quotes.
wildcard_constraints:
    run=r"([\w.:+-]+/){4}seed-\d+-[0-9a-f]{8}",
    dataset=r"[\w.:+-]+",
    noise=r"(symmetric|human)-[a-z0-9-]+",
    samples=r"[1-9][0-9]*",
    kind="|".join(ANALYSES),
    table=r"[a-z0-9-]+",
    figure=r"[a-z0-9-]+",
