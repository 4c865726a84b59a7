# Searches, which train to find a mask: moving masks, and cycles of iterative pruning on data that a check changed.


rule search:
    input:
        data=JOBS.prepared,
        structure=place(INITIAL, "structure.json", draw="init"),
        weights=JOBS.search_weights,
        mask=JOBS.search_mask,
    output:
        trained=place(SEARCH, "trained.safetensors"),
        layers=place(SEARCH, "layers.json"),
        history=place(SEARCH, "history.json"),
        logits=place(SEARCH, "logits.safetensors"),
        timing=place(SEARCH, "timing.json"),
    log:
        place(SEARCH, "search.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: SITE.threads
    resources:
        gpu=GPUS,
        mem_mb=JOBS.training_memory,
        runtime=24 * 60,
    params:
        launch=JOBS.launch,
        checkpoint=place(SEARCH, "checkpoint.safetensors"),
        settings=JOBS.search_settings,
        code=JOBS.search_code,
    message:
        "Search the mask of {wildcards.ticket} ({wildcards.data}) at prune ratio {wildcards.prune_ratio}, seed {wildcards.seed}"
    shell:
        "{params.launch} search.py --data {input.data:q} --structure {input.structure:q} --weights {input.weights:q} "
        "--mask {input.mask:q} --trained {output.trained:q} --layers {output.layers:q} --history {output.history:q} --logits {output.logits:q} --timing {output.timing:q} "
        "--settings {params.settings:q} "
        "--gpus {resources.gpu} --threads {threads} "
        "--checkpoint {params.checkpoint} --code {params.code} "
        "--log {log:q} &> {log:q}"


# The network at the end of a search with a moving mask, before the mask that it found is retrained.
rule evaluate_search:
    input:
        data=JOBS.prepared,
        trained=rules.search.output.trained,
        layers=rules.search.output.layers,
        history=rules.search.output.history,
        logits=rules.search.output.logits,
    output:
        metrics=place(SEARCH, "metrics.json"),
    log:
        place(SEARCH, "evaluate.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        launch=JOBS.launch,
        settings=JOBS.search_place,
        code=JOBS.code("evaluate"),
    message:
        "Evaluate the search of {wildcards.ticket} ({wildcards.data}) at prune ratio {wildcards.prune_ratio}, seed {wildcards.seed}"
    shell:
        "{params.launch} evaluate.py --data {input.data:q} --trained {input.trained:q} --layers {input.layers:q} "
        "--history {input.history:q} --logits {input.logits:q} --metrics {output.metrics:q} "
        "--settings {params.settings:q} "
        "--log {log:q} &> {log:q}"
