"""Measure the overlap of masks, without any training."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product, starmap
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from prunepipe.artifacts import Arrays
from prunepipe.pruning.masks import overlap
from prunepipe.pruning.tickets import read_mask
from prunepipe.results.layout import mask_path, mask_sources
from prunepipe.study.study import CLEAN, Study

DATA, SEEDS = "data", "seeds"
"""Kinds of comparison: the same seed on other data, or the same data with another seed."""

COLUMNS = (
    "study", "dataset", "network", "ticket", "prune_ratio", "kind",
    "source", "seed", "other_source", "other_seed", "jaccard", "expected_by_chance", "cause",
)  # fmt: skip
"""Columns of overlap.csv; jaccard and expected_by_chance are shares of 1."""


class Origin(NamedTuple):
    """What a mask of a ticket was made from: the data variant and the seed."""

    source: str
    seed: int


def mask_overlaps(study: Study, root: Path = Path()) -> pd.DataFrame:
    """Compare the masks of every ticket: clean data against every other data variant, and seed against seed.

    At most two masks are in memory at a time.

    Args:
        study: says which masks should exist.
        root: folder that holds `results/`.
    Returns:
        COLUMNS, one row per pair: the Jaccard index over all weights, and its expectation by chance for two masks
        with the same counts per layer. If a mask is missing, its pairs have neither value but a cause.
    Raises:
        ArtifactError: a mask is truncated or foreign.
    """
    rows = []
    for place, ticket, ratio in product(study.places, study.tickets, study.prune_ratios):
        origins = starmap(Origin, product(mask_sources(study, ticket), study.seeds))
        paths = {origin: root / mask_path(study, *place, ticket, ratio, *origin) for origin in origins}
        rows += [(study.name, *place, ticket, ratio, *row) for row in _compare(paths)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _pairs(origins: list[Origin]) -> Iterator[tuple[str, Origin, Origin]]:
    """Enumerate the comparisons, grouped by their first mask."""
    clean = [origin for origin in origins if origin.source == CLEAN]
    for first in clean:
        others = [origin for origin in origins if origin.seed == first.seed and origin.source != CLEAN]
        yield from ((DATA, first, other) for other in others)
        yield from ((SEEDS, one, other) for one, other in combinations(clean, 2) if one == first)


def _compare(paths: dict[Origin, Path]) -> Iterator[tuple[object, ...]]:
    held: Origin | None = None
    mask: Arrays = {}
    for kind, first, second in _pairs(list(paths)):
        absent = [str(paths[origin]) for origin in (first, second) if not paths[origin].is_file()]
        if absent:
            yield (kind, *first, *second, None, None, f"no mask {' and '.join(absent)}")
            continue
        if held != first:
            mask, held = read_mask(paths[first])[0], first
        whole = overlap(mask, read_mask(paths[second])[0])[1]
        yield (kind, *first, *second, whole.jaccard, whole.expected, "")
