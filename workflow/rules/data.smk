# Verified arrays, lists of pictures, and noisy labels.


rule arrays:
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
