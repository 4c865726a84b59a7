# From the metrics of all runs to tables and figures.
from prunepipe.reports.plots import figures_of
from prunepipe.results.layout import mask_paths, runs
from prunepipe.study.loading import study_path

RUN_FOLDERS = [run.folder for run in runs(STUDY)]
# Tables and figures depend on the whole study, so any change to it makes them stale.
STUDY_FILE = study_path(SITE.study, Path("config"))
# One spelling, so that `prunepipe run` and `snakemake` share results.
if STUDY_FILE.is_relative_to(Path.cwd()):
    STUDY_FILE = STUDY_FILE.relative_to(Path.cwd())
STUDY_SETTINGS = STUDY.model_dump_json()


rule collect:
    input:
        # Not passed on the command line, which cannot hold thousands of names: the script enumerates them itself.
        metrics=[f"{folder}/metrics.json" for folder in RUN_FOLDERS],
        timing=[f"{folder}/timing.json" for folder in RUN_FOLDERS],
        budgets=JOBS.budgets,
    output:
        results=os.path.join(OUT, "results.csv"),
        layers=os.path.join(OUT, "layers.csv"),
        histories=os.path.join(OUT, "histories.csv"),
    log:
        os.path.join(OUT, "logs/collect.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        launch=JOBS.launch,
        study_file=str(STUDY_FILE),
        study=STUDY_SETTINGS,
        code=JOBS.code("collect"),
    message:
        "Collect the results of study {STUDY.name}"
    shell:
        "{params.launch} collect.py --study {params.study_file:q} --results {output.results:q} --layers {output.layers:q} "
        "--histories {output.histories:q} "
        "--log {log:q} &> {log:q}"


rule overlap:
    input:
        masks=mask_paths(STUDY),
    output:
        overlap=os.path.join(OUT, "overlap.csv"),
    log:
        os.path.join(OUT, "logs/overlap.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        launch=JOBS.launch,
        study_file=str(STUDY_FILE),
        study=STUDY_SETTINGS,
        code=JOBS.code("overlap"),
    message:
        "Compare the masks of study {STUDY.name}"
    shell:
        "{params.launch} overlap.py --study {params.study_file:q} --overlap {output.overlap:q} "
        "--log {log:q} &> {log:q}"


rule table:
    input:
        STUDY.published_file or [],
        results=rules.collect.output.results,
    output:
        csv=os.path.join(OUT, "tables/{table}.csv"),
        md=os.path.join(OUT, "tables/{table}.md"),
        tex=os.path.join(OUT, "tables/{table}.tex"),
    log:
        os.path.join(OUT, "logs/table-{table}.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        launch=JOBS.launch,
        study_file=str(STUDY_FILE),
        settings=JOBS.table_settings,
        study=STUDY_SETTINGS,
        code=JOBS.code("table"),
    message:
        "Build the table {wildcards.table}"
    shell:
        "{params.launch} table.py --study {params.study_file:q} --results {input.results:q} --csv {output.csv:q} "
        "--md {output.md:q} --tex {output.tex:q} --settings {params.settings:q} "
        "--log {log:q} &> {log:q}"


rule figure:
    input:
        unpack(JOBS.figure_inputs),
        results=rules.collect.output.results,
    output:
        svg=os.path.join(OUT, "figures/{figure}.svg"),
        png=os.path.join(OUT, "figures/{figure}.png"),
    log:
        os.path.join(OUT, "logs/figure-{figure}.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        launch=JOBS.launch,
        study_file=str(STUDY_FILE),
        settings=JOBS.figure_settings,
        study=STUDY_SETTINGS,
        code=JOBS.figure_code,
    message:
        "Draw the figure {wildcards.figure}"
    shell:
        "{params.launch} figure.py --study {params.study_file:q} --results {input.results:q} --layers {input.layers:q} --histories {input.histories:q} --overlap {input.overlap:q} "
        "--svg {output.svg:q} --png {output.png:q} --settings {params.settings:q} "
        "--log {log:q} &> {log:q}"


rule verdicts:
    input:
        results=rules.collect.output.results,
    output:
        csv=os.path.join(OUT, "tables/verdicts.csv"),
        md=os.path.join(OUT, "tables/verdicts.md"),
        effects=os.path.join(OUT, "tables/effects.csv"),
        methods=os.path.join(OUT, "tables/methods.csv"),
        against_random=os.path.join(OUT, "tables/against_random.csv"),
        gains=os.path.join(OUT, "tables/decomposition.csv"),
        gains_md=os.path.join(OUT, "tables/decomposition.md"),
    log:
        os.path.join(OUT, "logs/verdicts.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        launch=JOBS.launch,
        study_file=str(STUDY_FILE),
        study=STUDY_SETTINGS,
        code=JOBS.code("verdicts"),
    message:
        "Judge the methods of study {STUDY.name}"
    shell:
        "{params.launch} verdicts.py --study {params.study_file:q} --results {input.results:q} --csv {output.csv:q} --md {output.md:q} "
        "--effects {output.effects:q} --methods {output.methods:q} "
        "--against_random {output.against_random:q} --gains {output.gains:q} "
        "--gains_md {output.gains_md:q} "
        "--log {log:q} &> {log:q}"
