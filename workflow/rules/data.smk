# From a source to one prepared file per data set.


rule prepare_dataset:
    output:
        data=os.path.join(SITE.prepared, "{name}.safetensors"),
    log:
        os.path.join(SITE.prepared, "{name}.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=JOBS.dataset_memory,
        runtime=60,
    params:
        launch=JOBS.launch,
        settings=JOBS.dataset_settings,
        code=JOBS.dataset_code,
    message:
        "Prepare the data set {wildcards.name}"
    shell:
        "{params.launch} prepare_dataset.py --output {output.data:q} "
        "--settings {params.settings:q} "
        "--log {log:q} &> {log:q}"
