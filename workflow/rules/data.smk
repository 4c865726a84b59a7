# From a source to one prepared file a data set.


rule prepare_dataset:
    output:
        data=os.path.join(SITE.data_folder, "{name}.safetensors"),
    log:
        os.path.join(SITE.data_folder, "{name}.log"),
    wildcard_constraints:
        name=names(DATASET_KEYS),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        benchmark=os.path.join(SITE.data_folder, "{name}.benchmark.jsonl"),
        settings=lambda wildcards: dataset_settings(wildcards.name),
        code=lambda wildcards: version(
            "prepare_dataset", dataset_reference(wildcards.name)
        ),
    message:
        "Prepare the data set {wildcards.name}"
    shell:
        "{LAUNCH} prepare_dataset.py --output {output.data:q} "
        "--settings {params.settings:q} "
        "--benchmark {params.benchmark:q} &> {log:q}"
