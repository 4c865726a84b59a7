"""Estimate the disk space of a study from the files that it writes and their contents."""

from __future__ import annotations

from itertools import product
from math import ceil

from prunepipe.networks.structure import Layer
from prunepipe.pruning.masks import kept_total
from prunepipe.stages.settings import data_of_source, score_id, scored_ratio, source_of
from prunepipe.study.study import CLEAN, Study

FLOAT_BYTES = 4
LABEL_BYTES = 8
SCORE_BYTES = {"float32": 4, "float64": 8}
TEXT_BYTES = 17_000
"""Size in bytes of logs, settings, history and metrics of a run of 20 epochs."""

HEADER_BYTES = 7000
"""Size in bytes of names, shapes, checksums and settings in the header of a ticket's file."""

OTHER_NUMBERS = 5
"""Numbers per output channel in addition to the weights: a bias and BatchNorm's four."""


def network_bytes(study: Study, layers: list[Layer], logits: int) -> int:
    """Estimate the disk space of one network's runs on one data set.

    Weights of dense runs and scores are stored in full; tickets store only the kept weights, and one bit per weight.

    Args:
        study: the study.
        layers: layers of the network.
        logits: number of logits: test images x classes.
    """
    size = sum(layer.size for layer in layers)
    other = FLOAT_BYTES * OTHER_NUMBERS * sum(layer.shape[0] for layer in layers)
    whole, bits = FLOAT_BYTES * size + other, ceil(size / 8)
    ratios = [ratio for name in study.tickets for _, ratio in study.cells_of(name)]
    searched = [ratio for name in study.tickets for _, ratio in study.searches_of(name)]
    networks = 2 * ratios + searched  # a cell is stored before and after retraining
    tickets = sum(HEADER_BYTES + bits + other + FLOAT_BYTES * kept_total(size, ratio) for ratio in networks)
    dense = sum(1 for _ in study.dense_runs()) // (len(study.places) * len(study.seeds))
    checks = [study.check(check) for name in study.tickets for check in study.checks_of(name)]
    redraws = any(
        row.stage == "weights" and row.redraws for row in checks
    )  # the initial weights a second time
    states = 1 + redraws + dense * (1 + len(study.rewind_epochs)) + len(_rewound(study))
    a_seed = (
        states * whole
        + sum(score_files(study).values()) * size
        + len(_masks(study)) * bits
        + tickets
        + (dense + len(ratios) + len(searched)) * (FLOAT_BYTES * logits + TEXT_BYTES)
    )
    return a_seed * len(study.seeds)


def _masks(study: Study) -> set[tuple[str, str, float]]:
    """Return the masks of one network and seed, each as (ticket, source, prune ratio)."""
    scored = [name for name, row in study.tickets.items() if not row.starts_dense]
    cells = {
        (name, source_of(study, check), ratio) for name in scored for check, ratio in study.cells_of(name)
    }
    return cells | {(name, *search) for name in scored for search in study.searches_of(name)}


def score_files(study: Study) -> dict[tuple[str, str, str], int]:
    """Return the sets of scores of one network and seed, which tickets may share, with their bytes per weight."""
    files = {}
    for name, source, ratio in _masks(study):
        row = study.tickets[name]
        place = score_id(row), data_of_source(study, source), scored_ratio(row, ratio)
        asked = row.score_facts.dtype == "asked"
        files[place] = SCORE_BYTES[
            row.score_options.get("dtype", "float64") if asked else row.score_facts.dtype
        ]
    return files


def _rewound(study: Study) -> set[tuple[str, str]]:
    """Return the rewind points that are stored as separate files, each as (data variant, point)."""
    return {
        (CLEAN if point == "init" else study.data_of(check), point)
        for name, row in study.tickets.items()
        for check, point in product(study.checks_of(name), row.dense_points)
    }


def dataset_bytes(channels: int, image_size: int, images: int) -> int:
    """Return the size of a prepared data set: uint8 images and their labels."""
    return images * (channels * image_size**2 + LABEL_BYTES)
