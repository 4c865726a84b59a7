"""Try a method on the real network before any training: check its contract, and show what it would do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from prunepipe.artifacts import Arrays
from prunepipe.datasets import Dataset, prepare, read_dataset
from prunepipe.networks.structure import Structure
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.pruning.masks import Overlap, kept_total, overlap
from prunepipe.pruning.scores.answers import Answer
from prunepipe.results.layout import dataset_name, mask_sources
from prunepipe.seeds import numpy_generator
from prunepipe.stages.describing import describe
from prunepipe.stages.execution import Execution
from prunepipe.stages.initialising import initialise_on
from prunepipe.stages.inputs import build
from prunepipe.stages.masking import make_mask
from prunepipe.stages.schemas.masking import MaskSettings
from prunepipe.stages.schemas.scoring import ScoreSettings
from prunepipe.stages.scoring import ScoringTask, scoring_task
from prunepipe.stages.settings import (
    data_of_source,
    dataset_settings,
    initial_settings,
    mask_settings,
    score_settings,
    scored_ratio,
)
from prunepipe.study.feasibility import refuse_impossible_budget
from prunepipe.study.study import CLEAN, Study


@dataclass(frozen=True)
class Trial:
    """What a method would do to one network.

    Attributes:
        dataset, network, seed, prune_ratio: what it was tried on.
        layers: rows of `prunepipe.stages.describing.describe`.
        kept, asked: number of weights that its mask keeps, and that the prune ratio asks for.
        collapsed: whether no path from input to output is left.
        overlaps: overlap of its mask with those of magnitude and random pruning.
        is_mask: whether it returns the mask itself.
        unused: parameters with scores that are never pruned.
        missing: weights that it does not score, which are kept.
        distinct: number of distinct scores; if there are few, ties decide.
        seconds: average duration of a call.
        sources: data variants that it was tried on.
    """

    dataset: str
    network: str
    seed: int
    prune_ratio: float
    layers: tuple[dict[str, Any], ...]
    kept: int
    asked: int
    collapsed: bool
    overlaps: dict[str, Overlap]
    is_mask: bool
    unused: tuple[str, ...]
    missing: tuple[str, ...]
    distinct: int
    seconds: float
    sources: tuple[str, ...]


def load_dataset(study: Study, key: str, data_folder: Path) -> Dataset:
    """Return a data set of a study, from its prepared file or from its source."""
    prepared = data_folder / f"{dataset_name(key, study.datasets[key])}.safetensors"
    if prepared.is_file():
        return read_dataset(prepared)
    settings = dataset_settings(study, key, str(data_folder))
    amount = settings.model_dump(exclude={"reference", "folder"})
    return prepare(settings.reference, data_folder, **amount)


def try_method(
    study: Study, ticket: str, dataset_key: str, network: str, dataset: Dataset, execution: Execution
) -> Trial:
    """Score the initial weights of the first seed with a ticket's method, on clean data and under its data checks.

    Args:
        study: the study, which says how the ticket scores.
        ticket: the method.
        dataset_key, network: keys of the study.
        dataset: the data set itself.
        execution: device, and the time limit for a call.

    Raises:
        ConfigError: its allocation cannot meet a prune ratio of the study.
        ScoreError: the method violates its contract.
    """
    seed, ratio = study.seeds[0], study.prune_ratios[0]
    drawn = initial_settings(study, network, "init", seed)
    weights, structure = initialise_on(dataset, drawn)
    row = study.tickets[ticket]
    for prune_ratio in study.prune_ratios:
        refuse_impossible_budget(ticket, row, f"{network} ({dataset_key})", structure, prune_ratio)
    settings = partial(_first_settings, study, ticket, network)
    task = scoring_task(dataset, structure, weights, settings(CLEAN), execution)
    answer, seconds = _timed_answer(task)
    once = replace(task.scorer, check_determinism=False)
    scores = task.scores(once) if row.pruning_rounds > 1 else once.arrays_of(answer)
    mask = make_mask(scores, structure, mask_settings(study, ticket, CLEAN, ratio))
    sources = mask_sources(study, ticket)
    for source in sources[1:]:
        varied = scoring_task(dataset, structure, weights, settings(source), execution)
        varied.scorer.arrays_of(replace(varied, scorer=once).answer())
    described = describe(mask, build(dataset, drawn.network, seed), dataset.train_images.shape[1:])
    layers = tuple(described["layers"])
    return Trial(
        dataset=dataset_key,
        network=network,
        seed=seed,
        prune_ratio=ratio,
        layers=layers,
        kept=sum(layer["kept"] for layer in layers),
        asked=kept_total(structure.size, ratio),
        collapsed=described["collapsed"],
        overlaps=_overlaps(mask, weights, structure, ratio, seed),
        is_mask=answer.is_mask,
        unused=answer.unused,
        missing=answer.missing,
        distinct=len(np.unique(np.concatenate([layer.ravel() for layer in scores.values()]))),
        seconds=seconds,
        sources=sources,
    )


def _first_settings(study: Study, ticket: str, network: str, source: str) -> ScoreSettings:
    """Return how a ticket scores on a data variant, at the study's first seed and prune ratio."""
    ratio = scored_ratio(study.tickets[ticket], study.prune_ratios[0])
    return score_settings(study, network, ticket, data_of_source(study, source), ratio, study.seeds[0])


def _timed_answer(task: ScoringTask) -> tuple[Answer, float]:
    """Return the method's answer and the average duration of a call, in seconds."""
    start = perf_counter()
    answer = task.answer()
    return answer, (perf_counter() - start) / (2 if task.scorer.check_determinism else 1)


def _overlaps(
    mask: Arrays, weights: Arrays, structure: Structure, prune_ratio: float, seed: int
) -> dict[str, Overlap]:
    """Compare a mask with global magnitude pruning and global random pruning."""
    generator = numpy_generator(seed, "trial")
    scores: dict[str, Callable[[str], np.ndarray]] = {
        "magnitude": lambda name: np.abs(weights[name]),
        "random": lambda name: generator.random(weights[name].shape),
    }
    found = {}
    settings = MaskSettings(allocation=ALLOCATIONS["global"].function, prune_ratio=prune_ratio)
    for other, score in scores.items():
        ranked = make_mask({layer.name: score(layer.name) for layer in structure.layers}, structure, settings)
        found[other] = overlap(mask, ranked)[1]
    return found
