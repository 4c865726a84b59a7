"""The numbers that the paper published, beside those of a study that repeats it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from prunepipe.results.labels import PAPER
from prunepipe.study.rows import DatasetChoice
from prunepipe.study.study import Study

KEY = ["dataset", "network", "prune_ratio", "ticket", "check"]
COLUMNS = ["published_mean", "published_std"]


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
        study: cells of a study that is not the paper's, or of a data set or network that it changed, have none.
    Returns:
        One row a cell, in their order: published_mean and published_std, NaN where none is known.
    """
    numbers = cells[KEY].merge(published_numbers(), how="left", on=KEY)[COLUMNS]
    comparable = np.array(
        [_as_in_paper(study, *place) for place in zip(cells["dataset"], cells["network"], strict=True)], bool
    )
    return numbers.where(np.repeat(comparable[:, None], len(COLUMNS), axis=1)).set_index(cells.index)


def _as_in_paper(study: Study, dataset: str, network: str) -> bool:
    data = study.datasets[dataset]
    whole = DatasetChoice(source=data.source) == data
    return study.name == PAPER and whole and study.networks[network].width == 1.0
