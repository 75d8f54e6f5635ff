# Run records to tables and figures.


rule table:
    input:
        lambda wildcards: params.tables[wildcards.table].files(matrix, layout),
        local(layout.published),
        local(layout.quoted),
    output:
        layout.table("{table}", "csv"),
        report(
            layout.table("{table}", "md"),
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        layout.table("{table}", "tex"),
    log:
        layout.log("table", "{table}"),
    params:
        file=quoted_file,
        table=lambda wildcards: params.tables[wildcards.table].model_dump_json(),
        scale=[params.stand_ins, params.reduced],
    shell:
        "lets report --params {params.file} --table {wildcards.table} > {log}"


rule figure:
    input:
        lambda wildcards: params.figures[wildcards.figure].files(matrix, layout),
    output:
        layout.figure("{figure}", "csv"),
        report(
            layout.figure("{figure}", "svg"),
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        layout.figure("{figure}", "png"),
    log:
        layout.log("figure", "{figure}"),
    params:
        file=quoted_file,
        figure=lambda wildcards: params.figures[wildcards.figure].model_dump_json(),
    shell:
        "lets report --params {params.file} --figure {wildcards.figure} > {log}"


# The page that a reviewer reads first; its inputs are the runs and analyses that some claim is tested on.
rule claims:
    input:
        claim_sources,
        local(params_file),
        local(layout.paper_claims),
    output:
        report(layout.claims, caption="../report/claims.rst", category="Claims"),
        layout.claims_csv,
    log:
        layout.log("report", "claims"),
    params:
        file=quoted_file,
    shell:
        "lets report --params {params.file} --claims > {log}"


rule summary:
    input:
        rules.runs.input,
        local(params_file),
    output:
        layout.summary,
        layout.long_table,
    log:
        layout.log("report", "summary"),
    params:
        file=quoted_file,
    shell:
        "lets report --params {params.file} --summary > {log}"
