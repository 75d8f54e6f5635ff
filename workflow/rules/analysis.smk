# What tables and figures need beyond the run records: from the weights of a run, or from a training of its own.


rule analysis:
    input:
        lambda wildcards: inputs(matrix.runs[wildcards.run]),
        lambda wildcards: (
            layout.run_files(wildcards.run)
            if ANALYSES[wildcards.kind].of_weights
            else []
        ),
    output:
        layout.analysis("{kind}", "{run}"),
    log:
        layout.log("{kind}", "{run}"),
    threads: 1
    resources:
        gpu=int(params.device == "cuda"),
        runtime=lambda wildcards: params.asks(matrix.runs[wildcards.run]).minutes,
        mem_mb=lambda wildcards: params.asks(matrix.runs[wildcards.run]).memory_mb,
    params:
        file=quoted_file,
        settings=lambda wildcards: project.analyses(ANALYSES[wildcards.kind])[
            wildcards.run
        ].settings,
    shell:
        "lets analyse {wildcards.kind} --params {params.file} --run {wildcards.run} --threads {threads} > {log}"
