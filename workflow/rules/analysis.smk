# What figures need beyond the run records.


rule landscape:
    input:
        lambda wildcards: layout.inputs(matrix.runs[wildcards.run]),
        layout.run_files("{run}"),
    output:
        layout.landscape("{run}"),
    log:
        layout.log("landscape", "{run}"),
    threads: 1
    resources:
        gpu=int(params.device == "cuda"),
    params:
        file=params_file,
        figure=lambda wildcards: matrix.landscapes(params)[
            wildcards.run
        ].model_dump_json(),
    shell:
        "lets analyse landscape --params {params.file} --run {wildcards.run} --threads {threads} > {log}"
