# Initial weights, the dense run, and the points that tickets rewind to.


rule initialise:
    input:
        data=JOBS.prepared,
    output:
        weights=place(INITIAL, "weights.safetensors"),
        structure=place(INITIAL, "structure.json"),
    log:
        place(INITIAL, "initialise.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=JOBS.initial_memory,
        runtime=10,
    params:
        launch=JOBS.launch,
        settings=JOBS.initial_settings,
        code=JOBS.initial_code,
    message:
        "Draw the initial weights of {wildcards.network} ({wildcards.draw}), seed {wildcards.seed}"
    shell:
        "{params.launch} initialise.py --data {input.data:q} --weights {output.weights:q} "
        "--structure {output.structure:q} --settings {params.settings:q} "
        "--log {log:q} &> {log:q}"


rule train_dense:
    input:
        data=JOBS.prepared,
        weights=place(INITIAL, "weights.safetensors", draw="init"),
    output:
        final=place(DENSE, "final.safetensors"),
        snapshots=[
            place(DENSE, f"epoch{epoch}.safetensors") for epoch in STUDY.rewind_epochs
        ],
        history=place(DENSE, "history.json"),
        logits=place(DENSE, "logits.safetensors"),
        timing=place(DENSE, "timing.json"),
    log:
        place(DENSE, "train_dense.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: SITE.threads
    resources:
        gpu=GPUS,
        mem_mb=JOBS.training_memory,
        runtime=24 * 60,
    params:
        launch=JOBS.launch,
        checkpoint=place(DENSE, "checkpoint.safetensors"),
        settings=JOBS.dense_settings,
        code=JOBS.dense_code,
    message:
        "Train the dense {wildcards.network} on {wildcards.dataset} ({wildcards.data}), seed {wildcards.seed}"
    shell:
        "{params.launch} train_dense.py --data {input.data:q} --weights {input.weights:q} "
        "--final {output.final:q} --history {output.history:q} --logits {output.logits:q} --timing {output.timing:q} "
        "--settings {params.settings:q} "
        "--gpus {resources.gpu} --threads {threads} "
        "--checkpoint {params.checkpoint} --code {params.code} "
        "--log {log:q} &> {log:q}"


rule evaluate_dense:
    input:
        data=JOBS.prepared,
        trained=rules.train_dense.output.final,
        history=rules.train_dense.output.history,
        logits=rules.train_dense.output.logits,
    output:
        metrics=place(DENSE, "metrics.json"),
    log:
        place(DENSE, "evaluate.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        launch=JOBS.launch,
        checkpoint=place(DENSE, "checkpoint.safetensors"),
        settings=JOBS.dense_place,
        code=JOBS.code("evaluate"),
    message:
        "Evaluate the dense {wildcards.network} on {wildcards.dataset} ({wildcards.data}), seed {wildcards.seed}"
    shell:
        "{params.launch} evaluate.py --data {input.data:q} --trained {input.trained:q} --history {input.history:q} "
        "--logits {input.logits:q} --metrics {output.metrics:q} --settings {params.settings:q} "
        "--checkpoint {params.checkpoint} "
        "--log {log:q} &> {log:q}"


rule rewind:
    input:
        source=JOBS.checkpoint,
        structure=place(INITIAL, "structure.json", draw="init"),
    output:
        weights=place(REWIND, "weights.safetensors"),
    log:
        place(REWIND, "rewind.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        launch=JOBS.launch,
        settings=JOBS.rewind_settings,
        code=JOBS.code("rewind"),
    message:
        "Rewind {wildcards.network} on {wildcards.dataset} ({wildcards.data}) to {wildcards.point}, seed {wildcards.seed}"
    shell:
        "{params.launch} rewind.py --source {input.source:q} --structure {input.structure:q} "
        "--weights {output.weights:q} --settings {params.settings:q} "
        "--log {log:q} &> {log:q}"


# Weights in a file of the user's, as if they were a point of the dense run.
rule read_given:
    input:
        source=JOBS.given_file,
        initial=place(INITIAL, "weights.safetensors", draw="init"),
        structure=place(INITIAL, "structure.json", draw="init"),
    output:
        weights=place(GIVEN, "weights.safetensors"),
    log:
        place(GIVEN, "read_given.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=10,
    params:
        launch=JOBS.launch,
        settings=JOBS.given_settings,
        code=JOBS.code("read_given"),
    message:
        "Read the weights in {input.source}, seed {wildcards.seed}"
    shell:
        "{params.launch} read_given.py --source {input.source:q} --initial {input.initial:q} "
        "--structure {input.structure:q} --weights {output.weights:q} --settings {params.settings:q} "
        "--log {log:q} &> {log:q}"
