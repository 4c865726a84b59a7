# Tables, verdicts, figures and report of what is there, gaps marked: of a study that still runs, or had failures.


rule partial:
    log:
        "results/logs/partial.log",
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        commands=lambda wildcards: "; ".join(partial_commands()),
    message:
        "Tables, verdicts and report of the finished runs of study {STUDY.name}, in {PARTIAL}"
    shell:
        "({params.commands}) &> {log:q}"
