# One job per run. A killed one goes on from its state in work/, which is no declared output.


rule train:
    input:
        lambda wildcards: layout.inputs(matrix.runs[wildcards.run]),
    output:
        layout.run_files("{run}"),
    log:
        layout.log("train", "{run}"),
    benchmark:
        layout.benchmark("{run}")
    threads: 1
    resources:
        gpu=int(params.device == "cuda"),
    params:
        file=params_file,
    shell:
        # 3: the training diverged; its record says so, and the tables will.
        "lets train --params {params.file} --run {wildcards.run} --threads {threads} --log {log} || test $? -eq 3"
