# Verified arrays, lists of pictures, subsets, and noisy labels.


rule arrays:
    input:
        lambda wildcards: [local(path) for path in sources(wildcards.dataset)],
    output:
        layout.arrays("{dataset}"),
    log:
        layout.log("arrays", "{dataset}"),
    shell:
        "lets data prepare {wildcards.dataset} --download > {log}"


# Of data sets too large for memory: their pictures stay where they are.
rule index:
    output:
        layout.index("{dataset}"),
    log:
        layout.log("index", "{dataset}"),
    shell:
        "lets data prepare {wildcards.dataset} --download > {log}"


rule labels:
    input:
        layout.arrays("{dataset}"),
    output:
        layout.labels("{dataset}", "{noise}"),
        layout.noise_card("{dataset}", "{noise}"),
    log:
        layout.log("labels", "{dataset}-{noise}"),
    shell:
        "lets data noise {wildcards.dataset} {wildcards.noise} --download > {log}"


# The images of `train_samples`, and their noisy labels.
rule subset:
    input:
        lambda wildcards: layout.prepared(wildcards.dataset),
    output:
        layout.subset("{dataset}", "{samples}"),
    log:
        layout.log("subset", "{dataset}-{samples}"),
    shell:
        "lets data subset {wildcards.dataset} {wildcards.samples} > {log}"


rule labels_of_subset:
    input:
        layout.arrays("{dataset}"),
        layout.subset("{dataset}", "{samples}"),
    output:
        layout.labels("{dataset}", "{noise}", "{samples}"),
        layout.noise_card("{dataset}", "{noise}", "{samples}"),
    log:
        layout.log("labels", "{dataset}-{samples}-{noise}"),
    shell:
        "lets data noise {wildcards.dataset} {wildcards.noise} --train-samples {wildcards.samples} --download > {log}"
