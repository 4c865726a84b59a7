# From the metrics of all runs to tables and figures.


rule collect:
    input:
        # Not on the command line, where thousands of names would not fit: the script enumerates them itself.
        metrics=[f"{folder}/metrics.json" for folder in RUN_FOLDERS],
        timing=[f"{folder}/timing.json" for folder in RUN_FOLDERS],
    output:
        results="results/results.csv",
        layers="results/layers.csv",
        histories="results/histories.csv",
    log:
        "results/logs/collect.log",
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        benchmark="results/logs/collect.benchmark.jsonl",
        study_file=str(STUDY_FILE),
        study=STUDY_SETTINGS,
        code=version("collect"),
    message:
        "Collect the results of study {STUDY.name}"
    shell:
        "{LAUNCH} collect.py --study {params.study_file:q} --results {output.results:q} --layers {output.layers:q} "
        "--histories {output.histories:q} "
        "--benchmark {params.benchmark:q} &> {log:q}"


rule overlap:
    input:
        masks=mask_paths(STUDY),
    output:
        overlap="results/overlap.csv",
    log:
        "results/logs/overlap.log",
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        benchmark="results/logs/overlap.benchmark.jsonl",
        study_file=str(STUDY_FILE),
        study=STUDY_SETTINGS,
        code=version("overlap"),
    message:
        "Compare the masks of study {STUDY.name}"
    shell:
        "{LAUNCH} overlap.py --study {params.study_file:q} --overlap {output.overlap:q} "
        "--benchmark {params.benchmark:q} &> {log:q}"


rule table:
    input:
        results=rules.collect.output.results,
    output:
        csv=report(
            "results/tables/{table}.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        md="results/tables/{table}.md",
        tex="results/tables/{table}.tex",
    log:
        "results/logs/table-{table}.log",
    wildcard_constraints:
        table=names(TABLES),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        benchmark="results/logs/table-{table}.benchmark.jsonl",
        study_file=str(STUDY_FILE),
        settings=lambda wildcards: json.dumps({"table": wildcards.table}),
        study=STUDY_SETTINGS,
        code=version("table"),
    message:
        "Build the table {wildcards.table}"
    shell:
        "{LAUNCH} table.py --study {params.study_file:q} --results {input.results:q} --csv {output.csv:q} "
        "--md {output.md:q} --tex {output.tex:q} --settings {params.settings:q} "
        "--benchmark {params.benchmark:q} &> {log:q}"


rule figure:
    input:
        unpack(figure_inputs),
    output:
        svg=report(
            "results/figures/{figure}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        png="results/figures/{figure}.png",
    log:
        "results/logs/figure-{figure}.log",
    wildcard_constraints:
        figure=names(FIGURES),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        benchmark="results/logs/figure-{figure}.benchmark.jsonl",
        study_file=str(STUDY_FILE),
        settings=lambda wildcards: json.dumps({"figure": wildcards.figure}),
        files=lambda wildcards: figure_files(wildcards),
        study=STUDY_SETTINGS,
        code=lambda wildcards: version("figure", FIGURES[wildcards.figure].function),
    message:
        "Draw the figure {wildcards.figure}"
    shell:
        "{LAUNCH} figure.py --study {params.study_file:q} --results {input.results:q} {params.files} "
        "--svg {output.svg:q} --png {output.png:q} --settings {params.settings:q} "
        "--benchmark {params.benchmark:q} &> {log:q}"


rule verdicts:
    input:
        results=rules.collect.output.results,
    output:
        csv=report(
            "results/tables/verdicts.csv",
            caption="../report/verdicts.rst",
            category="Verdicts",
            labels={"verdicts": "every comparison"},
        ),
        md="results/tables/verdicts.md",
        effects="results/tables/effects.csv",
        methods=report(
            "results/tables/methods.csv",
            caption="../report/methods.rst",
            category="Verdicts",
            labels={"verdicts": "every method"},
        ),
        gains="results/tables/decomposition.csv",
        gains_md="results/tables/decomposition.md",
    log:
        "results/logs/verdicts.log",
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        benchmark="results/logs/verdicts.benchmark.jsonl",
        study_file=str(STUDY_FILE),
        study=STUDY_SETTINGS,
        code=version("verdicts"),
    message:
        "Judge the methods of study {STUDY.name}"
    shell:
        "{LAUNCH} verdicts.py --study {params.study_file:q} --results {input.results:q} --csv {output.csv:q} --md {output.md:q} "
        "--effects {output.effects:q} --methods {output.methods:q} --gains {output.gains:q} "
        "--gains_md {output.gains_md:q} "
        "--benchmark {params.benchmark:q} &> {log:q}"
