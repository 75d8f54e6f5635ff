# Every printed number back to bytes, and the page, which shows the verdicts.


rule audit:
    input:
        rules.runs.input,
        rules.tables.input,
        rules.figures.input,
        layout.claims,
        layout.claims_csv,
        layout.summary,
        layout.long_table,
        [path for run in matrix.runs.values() for path in inputs(run)],
        [
            local(path)
            for path in (
                params_file,
                layout.published,
                layout.quoted,
                layout.paper_claims,
            )
        ],
        [
            layout.analysis(kind, run)
            for kind in ANALYSES
            for run in project.analyses(ANALYSES[kind])
        ],
    output:
        layout.audit,
        report(layout.audit_text, caption="../report/audit.rst", category="Audit"),
        report(layout.page, caption="../report/page.rst", category="Page"),
    log:
        text=layout.log("audit", "audit"),
        receipt=layout.log("audit", "receipt").with_suffix(".md"),
    params:
        file=quoted_file,
    shell:
        "lets audit --params {params.file} --receipt {log.receipt} > {log.text} || (cat {log.text}; exit 1)"
