# One job per run. A killed one goes on from its state in work/, which is no declared output.


rule train:
    input:
        lambda wildcards: asked_of(wildcards.run),
    output:
        layout.run_files("{run}"),
    log:
        layout.log("train", "{run}"),
    benchmark:
        layout.benchmark("{run}")
    priority: lambda wildcards: -place[wildcards.run]  # in the order of the params file
    retries: 3  # each goes on where the one before was ended
    # On a cluster several short ones share a job; its profile says how many, and how many of them at a time.
    group:
        lambda wildcards: (
            "short" if params.asks(matrix.runs[wildcards.run]).minutes <= 30 else None
        )
    # A process for every rank, each with one thread: on another number a CPU sums in another order.
    threads: lambda wildcards: matrix.runs[wildcards.run].training.ranks
    resources:
        gpu=lambda wildcards: (
            matrix.runs[wildcards.run].training.ranks if params.device == "cuda" else 0
        ),
        runtime=lambda wildcards: params.asks(matrix.runs[wildcards.run]).minutes,
        mem_mb=lambda wildcards: params.asks(matrix.runs[wildcards.run]).memory_mb,
        trainings=1,
    params:
        file=quoted_file,
    shell:
        # 3: the training diverged; its record says so, and the tables will.
        "lets train --params {params.file} --run {wildcards.run} --threads 1 --log {log} || test $? -eq 3"
