"""The published numbers of the paper, for comparison with a study that repeats it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from prunepipe.results.labels import PAPER
from prunepipe.study.recipe import Augmentation, Recipe
from prunepipe.study.rows import DatasetChoice
from prunepipe.study.study import Study

KEY = ["dataset", "network", "prune_ratio", "ticket", "check"]
COLUMNS = ["published_mean", "published_std"]

RECIPE = Recipe(
    epochs=160,
    learning_rate=0.1,
    milestones=(80, 120),
    gamma=0.1,
    momentum=0.9,
    weight_decay=1e-4,
    batch_size=64,
    augmentation=Augmentation(crop_padding=4, flip=True),
)
"""The paper's, on CIFAR-10 and CIFAR-100."""

PAPERS_HALF = {"first_half": "half_dataset"}
"""The paper's half of a data set is its first 390 batches in file order: our check `first_half`."""


@cache
def published_numbers() -> pd.DataFrame:
    """Return the published cells: KEY, published_mean and published_std in percent; std NaN where not given.

    Source: Su et al., "Sanity-checking pruning methods", NeurIPS 2020, slides.
    """
    with (files("prunepipe") / "data" / "published_numbers.csv").open(encoding="utf-8") as file:
        numbers = pd.read_csv(file, keep_default_na=False, na_values=[""])
    numbers = numbers.rename(columns={"accuracy_mean": COLUMNS[0], "accuracy_std": COLUMNS[1]})
    return numbers[KEY + COLUMNS].drop_duplicates(KEY)  # lottery and others stand in several tables


def published_beside(cells: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the published numbers of cells.

    Args:
        cells: with the columns KEY.
        study: has published numbers only if it is the paper's by name and recipe, and only on unchanged data sets
            and networks.
    Returns:
        One row per cell, in the same order: published_mean and published_std, NaN where none is known.
    """
    numbers = (
        cells[KEY].replace({"check": PAPERS_HALF}).merge(published_numbers(), how="left", on=KEY)[COLUMNS]
    )
    comparable = np.array(
        [_as_in_paper(study, *place) for place in zip(cells["dataset"], cells["network"], strict=True)], bool
    )
    return numbers.where(np.repeat(comparable[:, None], len(COLUMNS), axis=1)).set_index(cells.index)


def _as_in_paper(study: Study, dataset: str, network: str) -> bool:
    data, net = study.datasets[dataset], study.networks[network]
    whole = data in (DatasetChoice(), DatasetChoice(source=dataset))
    built_in = net.architecture in (None, network) and net.width == 1.0
    return study.name == PAPER and study.recipe == RECIPE and whole and built_in
