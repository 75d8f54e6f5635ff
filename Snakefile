"""From params to every table and figure: `snakemake --cores all` builds params/demo.yaml.

Other params: snakemake --cores all --configfile params/paper.yaml · only some: snakemake --cores all tables
"""

from snakemake.utils import min_version

min_version("9.27")

if not config:

    configfile: "params/demo.yaml"


include: "workflow/rules/common.smk"


report: "workflow/report/workflow.rst"


container: str(layout.image)


# Not worth a cluster's queue, or in need of a network that its nodes may lack.
localrules:
    all,
    runs,
    tables,
    figures,
    arrays,
    index,
    labels,
    labels_of_subset,
    subset,
    table,
    figure,
    claims,
    summary,


rule runs:
    input:
        [path for run in matrix.runs for path in layout.run_files(run)],


rule tables:
    input:
        [path for name in params.tables for path in layout.tables(name)],


rule figures:
    input:
        [path for name in params.figures for path in layout.figures(name)],


# Runs, tables and figures are targets too: Snakemake makes a deleted file again only if something asks for it.
rule all:
    default_target: True
    input:
        rules.runs.input,
        rules.tables.input,
        rules.figures.input,
        layout.claims,
        layout.claims_csv,
        layout.page,
        layout.summary,
        layout.long_table,
        layout.audit,
        layout.audit_text,


include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/audit.smk"
