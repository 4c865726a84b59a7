"""Where each result lies below results/runs: the path says what a run is, and is read back as such."""

from __future__ import annotations

import hashlib

from prunepipe.choices import DatasetChoice

RUNS = "results/runs"
PARTIAL = "results/partial"
"""Tables and report of an unfinished study. Apart: Snakemake would take them for finished, and start no missing run."""

MADE_BY = RUNS + "/{study}/prunepipe.json"
NETWORK = RUNS + "/{study}/{dataset}/{network}"
INITIAL = NETWORK + "/initial/{draw}/seed{seed}"
DENSE = NETWORK + "/dense/{data}/seed{seed}"
REWIND = NETWORK + "/rewind/{data}/{point}/seed{seed}"
SCORES = NETWORK + "/scores/{score_id}/{data}/p{scored_ratio}/seed{seed}"
MASK = NETWORK + "/masks/{ticket}/{source}/p{prune_ratio}/seed{seed}"
CELL = NETWORK + "/tickets/{ticket}/{check}/p{prune_ratio}/seed{seed}"

ANY_RATIO = "_any"
"""Stands for the prune ratio in the path of scores that serve every ratio."""


def dataset_name(key: str, choice: DatasetChoice) -> str:
    """Return the file name of a prepared data set; it tells apart what studies make of one source, and sources."""
    parts = [key]
    source = choice.own_files or choice.source
    if source not in (None, key):  # two studies may call different sources alike
        parts += [hashlib.sha256(str(source).encode()).hexdigest()[:8]]
    parts += ["grey"] if choice.channels == 1 else []
    parts += [f"size{choice.image_size}"] if choice.image_size else []
    parts += [f"pool{choice.pool}"] if choice.pool > 1 else []
    parts += [f"train{choice.train_images}"] if choice.train_images else []
    parts += [f"test{choice.test_images}"] if choice.test_images else []
    return "-".join(parts)


def point_name(point: str) -> str:
    """Return the folder name of a rewind point: `epoch 5` is `epoch5`."""
    return point.replace(" ", "")
