"""What each stage of a study is told: plain settings, resolved from the study and the place in it."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from prunepipe.datasets import ARRAY_FILE, DATASETS, IMAGE_FOLDER
from prunepipe.datasets.corruptions import CORRUPTIONS, ORDERED_VARIANTS
from prunepipe.networks import NETWORKS
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.pruning.scores import SCORES
from prunepipe.results.layout import ANY_RATIO
from prunepipe.study.names import SCORE_REFERENCES, STAGE_CHECKS, resolve
from prunepipe.study.rows import DatasetChoice, Ticket
from prunepipe.study.study import Study

Settings = dict[str, Any]


def dataset_settings(study: Study, dataset: str) -> Settings:
    """Settings of `prepare_dataset`."""
    choice = study.datasets[dataset]
    return {
        **loader_settings(dataset, choice),
        "pool": choice.pool,
        "train_images": choice.train_images,
        "test_images": choice.test_images,
    }


def loader_settings(key: str, choice: DatasetChoice) -> Settings:
    """Which function loads a data set, and the options that the study gives it."""
    if choice.folder:
        options = {"root": choice.folder, "channels": choice.channels or 3, "image_size": choice.image_size}
        return {"reference": IMAGE_FOLDER, "options": options}
    if choice.arrays:
        return {"reference": ARRAY_FILE, "options": {"path": choice.arrays}}
    return {"reference": resolve("data set", choice.source or key, DATASETS)}


def network_settings(study: Study, network: str) -> Settings:
    """How to build a network: part of the settings of every stage that runs one."""
    choice = study.networks[network]
    reference = resolve("network", choice.architecture or network, NETWORKS)
    options = {} if choice.width == 1.0 else {"width": choice.width}
    patterns = study.prunable_of(network).patterns
    # Left out where nothing is chosen, as all settings that a study does not use.
    return {"reference": reference, "options": options, **({"prunable": patterns} if patterns else {})}


def data_settings(study: Study, data: str) -> Settings:
    """How the training data behind a mask is varied; `clean` is left as it is."""
    if data == "clean":
        return {"corruption": None, "shuffle": True}
    reference = resolve("data check", study.check(data).data or "", STAGE_CHECKS["data"])
    ordered = {CORRUPTIONS[name] for name in ORDERED_VARIANTS}
    return {"corruption": reference, "shuffle": reference not in ordered}


def training_settings(study: Study, network: str, seed: int, numerics: Settings) -> Settings:
    """Settings shared by dense training and retraining."""
    return {
        "network": network_settings(study, network),
        "recipe": study.recipe.model_dump(mode="json"),
        "seed": seed,
        "numerics": numerics,
    }


def dense_settings(study: Study, network: str, data: str, seed: int, numerics: Settings) -> Settings:
    """Settings of `train_dense`."""
    return {
        **training_settings(study, network, seed, numerics),
        "data": data_settings(study, data),
        "rewind_epochs": list(study.rewind_epochs),
    }


def retrain_settings(study: Study, network: str, ticket: str, seed: int, numerics: Settings) -> Settings:
    """Settings of `retrain`."""
    row = study.tickets[ticket]
    return {
        **training_settings(study, network, seed, numerics),
        "first_epoch": study.epoch_of(row.start) if row.schedule == "remaining" else 0,
        "train_collapsed": study.train_collapsed,
    }


def per_prune_ratio(ticket: Ticket) -> bool:
    """Return whether a ticket's scores depend on the prune ratio."""
    return ticket.pruning_rounds > 1 or ticket.per_prune_ratio or ticket.constructive


def score_id(ticket: Ticket) -> str:
    """Return the name of a ticket's scores: tickets that score alike share it, and so the work.

    It is a folder's name; options, rounds and functions that are not built in are told apart by a checksum.
    """
    name = re.sub(r"[^A-Za-z0-9_]", "_", ticket.score.rpartition(":")[2])
    extra: Settings = {}
    if ticket.score_options or ticket.score not in SCORES:
        extra = {"score": ticket.score, "options": ticket.score_options}
    if ticket.reads:
        extra |= {"reads": ticket.reads}
    extra |= answer_settings(ticket)
    if per_prune_ratio(ticket):
        extra |= {"rounds": ticket.pruning_rounds, **allocation_settings(ticket)}
    suffix = "-" + hashlib.sha256(json.dumps(extra, sort_keys=True).encode()).hexdigest()[:8] if extra else ""
    return f"{name}-{ticket.scored.replace(' ', '')}{suffix}"


def scored_ratio(ticket: Ticket, prune_ratio: float | str) -> str:
    """Return the prune ratio in the path of the scores: one-shot scores mostly serve every ratio."""
    return str(prune_ratio) if per_prune_ratio(ticket) else ANY_RATIO


def answer_settings(ticket: Ticket) -> Settings:
    """Return how the answer of a score is read, where the ticket says so."""
    chosen = {"missing": ticket.missing, "zeros": ticket.zeros}
    return {key: value for key, value in chosen.items() if value != "refuse"}


def score_settings(study: Study, network: str, ticket: str, data: str, ratio: str, seed: int) -> Settings:
    """Settings of `score`."""
    row = study.tickets[ticket]
    return {
        "network": network_settings(study, network),
        "score": resolve("score", row.score, SCORE_REFERENCES),
        "options": row.score_options,
        "reads": row.reading,
        "rounds": row.pruning_rounds,
        "constructive": row.constructive,
        **answer_settings(row),
        "prune_ratio": None if ratio == ANY_RATIO else float(ratio),
        # Only where scores depend on it: one-shot scores are shared by tickets that allocate differently.
        **(allocation_settings(row) if per_prune_ratio(row) else {}),
        "data": data_settings(study, data),
        "scoring": study.scoring_of(network).model_dump(mode="json"),
        "augmentation": study.recipe.augmentation.model_dump(mode="json"),
        "batch_size": study.recipe.batch_size,
        "seed": seed,
    }


def allocation_settings(ticket: Ticket) -> Settings:
    """How the kept weights are spread over the layers."""
    reference = resolve("allocation", ticket.allocation, ALLOCATIONS)
    return {"allocation": reference, "allocation_options": ticket.allocation_options}


def mask_settings(study: Study, ticket: str, source: str, prune_ratio: float) -> Settings:
    """Settings of `mask`; the source is a data variant, or a check of the scores."""
    function = study.check(source).score if source != "clean" else None
    return {
        **allocation_settings(study.tickets[ticket]),
        "prune_ratio": prune_ratio,
        "score_check": function and resolve("score check", function, STAGE_CHECKS["score"]),
    }


def source_of(study: Study, check: str) -> str:
    """Return where a check's mask comes from: `clean`, a data variant, or a check of the scores."""
    row = study.check(check)
    return check if row.data or row.score else "clean"


def data_of_source(study: Study, source: str) -> str:
    """Return the data variant behind a mask's source."""
    return "clean" if source == "clean" else study.data_of(source)


def check_settings(study: Study, check: str, seed: int) -> Settings:
    """Settings of `check`: what is done to the mask or to the start weights."""
    row = study.check(check)
    return {
        "check": check,
        "mask_check": row.mask and resolve("mask check", row.mask, STAGE_CHECKS["mask"]),
        "weights_check": row.weights and resolve("weights check", row.weights, STAGE_CHECKS["weights"]),
        "seed": seed,
    }
