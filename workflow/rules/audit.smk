# Every printed number back to bytes.


rule audit:
    input:
        rules.runs.input,
        rules.tables.input,
        rules.figures.input,
        layout.page,
    output:
        layout.audit,
        report(layout.audit_text, caption="../report/audit.rst", category="Audit"),
    log:
        layout.log("audit", "audit"),
    params:
        file=params_file,
    shell:
        "lets audit --params {params.file} > {log} || (cat {log}; exit 1)"
