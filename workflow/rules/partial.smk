# Tables, verdicts, figures and report of a study that is still running or had failures, with gaps marked.
from prunepipe.planning.partial import partial_commands
from prunepipe.results.places import partial_place


rule partial:
    log:
        os.path.join(OUT, "logs/partial.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        commands=partial_commands(STUDY, STUDY_FILE, LAUNCH, partial_place(OUT)),
    message:
        "Tables, verdicts and report of the finished runs of study {STUDY.name}, in {OUT}/partial"
    shell:
        "({params.commands}) &> {log:q}"
