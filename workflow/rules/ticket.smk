# From weights to a mask, from a mask to a ticket, from a ticket to a trained network and its metrics.


# Layers of the user's own networks are known only now. Impossible prune ratios fail before anything is trained.
rule budget:
    input:
        structure=JOBS.structure,
    output:
        budget=place(BUDGET, "budget.json"),
    log:
        place(BUDGET, "budget.log"),
    priority: 1
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        launch=JOBS.launch,
        settings=JOBS.budget_settings,
        code=JOBS.budget_code,
    message:
        "Check what {wildcards.ticket} keeps of {wildcards.network} on {wildcards.dataset} at prune ratio {wildcards.prune_ratio}"
    shell:
        "{params.launch} budget.py --structure {input.structure:q} --budget {output.budget:q} "
        "--settings {params.settings:q} "
        "--log {log:q} &> {log:q}"


rule score:
    input:
        data=JOBS.prepared,
        structure=place(INITIAL, "structure.json", draw="init"),
        weights=JOBS.scored_weights,
    output:
        scores=place(SCORES, "scores.safetensors"),
    log:
        place(SCORES, "score.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: SITE.threads
    resources:
        gpu=GPUS,
        mem_mb=JOBS.score_memory,
        runtime=24 * 60,
    params:
        launch=JOBS.launch,
        settings=JOBS.score_settings,
        code=JOBS.score_code,
    message:
        "Score {wildcards.network} on {wildcards.dataset} ({wildcards.data}) by {wildcards.score_id}, seed {wildcards.seed}"
    shell:
        "{params.launch} score.py --data {input.data:q} --weights {input.weights:q} --structure {input.structure:q} "
        "--scores {output.scores:q} --settings {params.settings:q} "
        "--gpus {resources.gpu} --threads {threads} "
        "--log {log:q} &> {log:q}"


rule mask:
    input:
        scores=JOBS.scores,
        structure=place(INITIAL, "structure.json", draw="init"),
    output:
        mask=place(MASK, "mask.safetensors"),
    log:
        place(MASK, "mask.log"),
    conda:
        "../../envs/prunepipe.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        launch=JOBS.launch,
        settings=JOBS.mask_settings,
        code=JOBS.mask_code,
    message:
        "Mask of {wildcards.ticket} ({wildcards.source}) at prune ratio {wildcards.prune_ratio}, seed {wildcards.seed}"
    shell:
        "{params.launch} mask.py --scores {input.scores:q} --structure {input.structure:q} --mask {output.mask:q} "
        "--settings {params.settings:q} "
        "--log {log:q} &> {log:q}"


rule check:
    input:
        weights=JOBS.start_weights,
        fresh=JOBS.fresh_weights,
        mask=JOBS.mask,
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
        launch=JOBS.launch,
        settings=JOBS.check_settings,
        code=JOBS.check_code,
    message:
        "Apply check {wildcards.check} to {wildcards.ticket} at prune ratio {wildcards.prune_ratio}, seed {wildcards.seed}"
    shell:
        "{params.launch} check.py --mask {input.mask:q} --weights {input.weights:q} --structure {input.structure:q} "
        "--fresh {input.fresh:q} --ticket {output.ticket:q} --settings {params.settings:q} "
        "--log {log:q} &> {log:q}"


rule retrain:
    input:
        data=JOBS.prepared,
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
        mem_mb=JOBS.training_memory,
        runtime=24 * 60,
    params:
        launch=JOBS.launch,
        checkpoint=place(CELL, "checkpoint.safetensors"),
        settings=JOBS.retrain_settings,
        code=JOBS.retrain_code,
    message:
        "Retrain {wildcards.ticket} ({wildcards.check}) at prune ratio {wildcards.prune_ratio}, seed {wildcards.seed}"
    shell:
        "{params.launch} retrain.py --data {input.data:q} --ticket {input.ticket:q} "
        "--trained {output.trained:q} --layers {output.layers:q} --history {output.history:q} --logits {output.logits:q} --timing {output.timing:q} "
        "--settings {params.settings:q} "
        "--gpus {resources.gpu} --threads {threads} "
        "--checkpoint {params.checkpoint} --code {params.code} "
        "--log {log:q} &> {log:q}"


rule evaluate:
    input:
        data=JOBS.prepared,
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
        launch=JOBS.launch,
        checkpoint=place(CELL, "checkpoint.safetensors"),
        settings=JOBS.cell_place,
        code=JOBS.code("evaluate"),
    message:
        "Evaluate {wildcards.ticket} ({wildcards.check}) at prune ratio {wildcards.prune_ratio}, seed {wildcards.seed}"
    shell:
        "{params.launch} evaluate.py --data {input.data:q} --trained {input.trained:q} --layers {input.layers:q} "
        "--history {input.history:q} --logits {input.logits:q} --metrics {output.metrics:q} "
        "--settings {params.settings:q} "
        "--checkpoint {params.checkpoint} "
        "--log {log:q} &> {log:q}"
