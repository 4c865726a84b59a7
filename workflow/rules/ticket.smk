# From weights to a mask, from a mask to a ticket, from a ticket to a trained network and its metrics.


rule score:
    input:
        data=prepared,
        structure=place(INITIAL, "structure.json", draw="init"),
        weights=lambda wildcards: scored_weights(wildcards),
    output:
        scores=place(SCORES, "scores.safetensors"),
    log:
        place(SCORES, "score.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: SITE.threads
    resources:
        gpu=GPUS,
        mem_mb=4000,
        runtime=120,
    params:
        benchmark=place(SCORES, "score.benchmark.jsonl"),
        settings=lambda wildcards: score_settings(wildcards),
        code=lambda wildcards: version("score", *score_functions(wildcards)),
    message:
        "Score {wildcards.network} on {wildcards.dataset} ({wildcards.data}) by {wildcards.score_id}, seed {wildcards.seed}"
    shell:
        "{LAUNCH} score.py --data {input.data:q} --weights {input.weights:q} --structure {input.structure:q} "
        "--scores {output.scores:q} --settings {params.settings:q} "
        "--gpus {resources.gpu} --threads {threads} "
        "--benchmark {params.benchmark:q} &> {log:q}"


rule mask:
    input:
        scores=lambda wildcards: scores_of(wildcards),
        structure=place(INITIAL, "structure.json", draw="init"),
    output:
        mask=place(MASK, "mask.safetensors"),
    log:
        place(MASK, "mask.log"),
    wildcard_constraints:
        source=names({"clean", *SOURCES}),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        benchmark=place(MASK, "mask.benchmark.jsonl"),
        settings=settings(
            stage_settings.mask_settings, "ticket", "source", "prune_ratio"
        ),
        code=lambda wildcards: version("mask", *mask_functions(wildcards)),
    message:
        "Mask of {wildcards.ticket} ({wildcards.source}) at prune ratio {wildcards.prune_ratio}, seed {wildcards.seed}"
    shell:
        "{LAUNCH} mask.py --scores {input.scores:q} --structure {input.structure:q} --mask {output.mask:q} "
        "--settings {params.settings:q} "
        "--benchmark {params.benchmark:q} &> {log:q}"


rule check:
    input:
        unpack(check_inputs),
        mask=lambda wildcards: place(
            MASK,
            "mask.safetensors",
            source=stage_settings.source_of(STUDY, wildcards.check),
        ),
        structure=place(INITIAL, "structure.json", draw="init"),
    output:
        ticket=place(CELL, "ticket.safetensors"),
    log:
        place(CELL, "check.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        benchmark=place(CELL, "check.benchmark.jsonl"),
        settings=settings(stage_settings.check_settings, "check", "seed"),
        fresh=lambda wildcards, input: (
            f"--fresh {input.fresh}" if "fresh" in input.keys() else ""
        ),
        code=lambda wildcards: version("check", *check_functions(wildcards)),
    message:
        "Apply check {wildcards.check} to {wildcards.ticket} at prune ratio {wildcards.prune_ratio}, seed {wildcards.seed}"
    shell:
        "{LAUNCH} check.py --mask {input.mask:q} --weights {input.weights:q} --structure {input.structure:q} "
        "{params.fresh} --ticket {output.ticket:q} --settings {params.settings:q} "
        "--benchmark {params.benchmark:q} &> {log:q}"


rule retrain:
    input:
        data=prepared,
        ticket=rules.check.output.ticket,
    output:
        trained=place(CELL, "trained.safetensors"),
        layers=place(CELL, "layers.json"),
        history=place(CELL, "history.json"),
        logits=place(CELL, "logits.safetensors"),
        timing=place(CELL, "timing.json"),
    log:
        place(CELL, "retrain.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: SITE.threads
    resources:
        gpu=GPUS,
        mem_mb=4000,
        runtime=24 * 60,
    params:
        benchmark=place(CELL, "retrain.benchmark.jsonl"),
        checkpoint=place(CELL, "checkpoint.safetensors"),
        settings=settings(
            stage_settings.retrain_settings,
            "network",
            "ticket",
            "seed",
            numerics=SITE.numerics,
        ),
        code=lambda wildcards: version("retrain", builder(wildcards)),
    message:
        "Retrain {wildcards.ticket} ({wildcards.check}) at prune ratio {wildcards.prune_ratio}, seed {wildcards.seed}"
    shell:
        "{LAUNCH} retrain.py --data {input.data:q} --ticket {input.ticket:q} "
        "--trained {output.trained:q} --layers {output.layers:q} --history {output.history:q} --logits {output.logits:q} --timing {output.timing:q} "
        "--settings {params.settings:q} "
        "--gpus {resources.gpu} --threads {threads} "
        "--checkpoint {params.checkpoint} --code {params.code} "
        "--benchmark {params.benchmark:q} &> {log:q}"


rule evaluate:
    input:
        data=prepared,
        trained=rules.retrain.output.trained,
        layers=rules.retrain.output.layers,
        history=rules.retrain.output.history,
        logits=rules.retrain.output.logits,
    output:
        metrics=place(CELL, "metrics.json"),
    log:
        place(CELL, "evaluate.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        benchmark=place(CELL, "evaluate.benchmark.jsonl"),
        checkpoint=place(CELL, "checkpoint.safetensors"),
        settings=lambda wildcards: cell_place(wildcards),
        code=version("evaluate"),
    message:
        "Evaluate {wildcards.ticket} ({wildcards.check}) at prune ratio {wildcards.prune_ratio}, seed {wildcards.seed}"
    shell:
        "{LAUNCH} evaluate.py --data {input.data:q} --trained {input.trained:q} --layers {input.layers:q} "
        "--history {input.history:q} --logits {input.logits:q} --metrics {output.metrics:q} "
        "--settings {params.settings:q} "
        "--checkpoint {params.checkpoint} "
        "--benchmark {params.benchmark:q} &> {log:q}"
