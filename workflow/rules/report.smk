# Run records to tables, figures and one page.


rule table:
    input:
        lambda wildcards: layout.sources(matrix, params.tables[wildcards.table]),
        lambda wildcards: layout.analyses(matrix, params.tables[wildcards.table]),
        layout.published,
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
        file=params_file,
        table=lambda wildcards: params.tables[wildcards.table].model_dump_json(),
    shell:
        "lets report --params {params.file} --table {wildcards.table} > {log}"


rule figure:
    input:
        lambda wildcards: layout.sources(matrix, params.figures[wildcards.figure]),
        lambda wildcards: layout.analyses(matrix, params.figures[wildcards.figure]),
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
        file=params_file,
        figure=lambda wildcards: params.figures[wildcards.figure].model_dump_json(),
    shell:
        "lets report --params {params.file} --figure {wildcards.figure} > {log}"


rule page:
    input:
        rules.tables.input,
        rules.figures.input,
        params_file,
    output:
        report(layout.page, caption="../report/page.rst", category="Page"),
        layout.summary,
        layout.long_table,
    log:
        layout.log("report", "page"),
    params:
        file=params_file,
    shell:
        "lets report --params {params.file} --page > {log}"
