# From everything that was collected, drawn and judged to one page.


rule report:
    input:
        rules.collect.output,
        rules.overlap.output,
        # Read from the results by the same functions; here so that the page is never older than they are.
        expand(rules.table.output.csv, table=STUDY.tables),
        rules.verdicts.output,
        figures=list(FIGURE_FILES.values()),
    output:
        html=report(
            "results/report.html",
            caption="../report/report.rst",
            category="Report",
            labels={"report": "the whole study"},
        ),
    log:
        "results/logs/report.log",
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        benchmark="results/logs/report.benchmark.jsonl",
        study_file=str(STUDY_FILE),
        settings=REPORT_SETTINGS,
        frames=REPORT_FRAMES,
        study=STUDY_SETTINGS,
        code=report_code(),
    message:
        "Write the report of study {STUDY.name}"
    shell:
        "{LAUNCH} report.py --study {params.study_file:q} {params.frames} --report {output.html:q} "
        "--settings {params.settings:q} "
        "--benchmark {params.benchmark:q} &> {log:q}"
