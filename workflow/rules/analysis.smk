# What tables and figures need beyond the run records.


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
        figure=lambda wildcards: matrix.analyses(params, Landscape)[
            wildcards.run
        ].model_dump_json(),
    shell:
        "lets analyse landscape --params {params.file} --run {wildcards.run} --threads {threads} > {log}"


# A training of its own, so it waits for no run.
rule hypergradient:
    input:
        lambda wildcards: layout.inputs(matrix.runs[wildcards.run]),
    output:
        layout.hypergradient("{run}"),
    log:
        layout.log("hypergradient", "{run}"),
    threads: 1
    resources:
        gpu=int(params.device == "cuda"),
    params:
        file=params_file,
        every=lambda wildcards: matrix.analyses(params, Hypergradient)[
            wildcards.run
        ].every,
    shell:
        "lets analyse hypergradient --params {params.file} --run {wildcards.run} --threads {threads} > {log}"
