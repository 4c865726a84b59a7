# From tables, figures and verdicts to one page.


rule report:
    input:
        results=rules.collect.output.results,
        layers=rules.collect.output.layers,
        histories=rules.collect.output.histories,
        overlap=rules.overlap.output.overlap,
        # The page reads them indirectly; listed here so that it is never older than they are.
        tables=expand(rules.table.output.csv, table=STUDY.tables),
        verdicts=rules.verdicts.output,
        figures=expand(rules.figure.output.svg, figure=figures_of(STUDY)),
    output:
        html=report(
            os.path.join(OUT, "report.html"),
            caption="../report/report.rst",
            labels={"page": "the whole study"},
        ),
    log:
        os.path.join(OUT, "logs/report.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        launch=JOBS.launch,
        study_file=str(STUDY_FILE),
        settings=JOBS.report_settings(),
        study=STUDY_SETTINGS,
        code=JOBS.report_code(),
    message:
        "Write the report of study {STUDY.name}"
    shell:
        "{params.launch} report.py --study {params.study_file:q} --results {input.results:q} --layers {input.layers:q} "
        "--histories {input.histories:q} --overlap {input.overlap:q} --report {output.html:q} "
        "--settings {params.settings:q} "
        "--log {log:q} &> {log:q}"
