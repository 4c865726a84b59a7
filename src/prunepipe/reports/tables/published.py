"""Published numbers next to those of a study: the paper's, another paper's, or a user's own file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from prunepipe.results.labels import PAPER
from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.published_file import read_published
from prunepipe.study.recipe import Augmentation, Recipe
from prunepipe.study.rows import DatasetChoice
from prunepipe.study.study import FULL_NETWORK, Study

KEY = ["dataset", "network", "prune_ratio", "ticket", "check"]
COLUMNS = ["published_mean", "published_std", "published_n"]

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


TANAKA_NETWORKS = {
    "lottery_vgg11_bn": "vgg11_average_pool",
    "lottery_vgg16_bn": "vgg16_average_pool",
    "tiny_resnet18": "resnet18",
}
"""Their names of networks, and ours."""


@cache
def published_numbers() -> pd.DataFrame:
    """Return the paper's cells: KEY and COLUMNS, accuracies in percent, NaN where not given; n never is.

    Source: Su et al., "Sanity-checking pruning methods", NeurIPS 2020, slides.
    """
    with (files("prunepipe") / "data" / "published_numbers.csv").open(encoding="utf-8") as file:
        numbers = pd.read_csv(file, keep_default_na=False, na_values=[""])
    names = {"accuracy_mean": COLUMNS[0], "accuracy_std": COLUMNS[1]}
    numbers = numbers.rename(columns=names).assign(published_n=np.nan)
    return numbers[KEY + COLUMNS].drop_duplicates(KEY)  # lottery and others stand in several tables


def published_beside(cells: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the published numbers of cells.

    Args:
        cells: with the columns KEY.
        study: if it names published numbers, they are taken to be comparable. Otherwise the paper's numbers are used if
            the study has the paper's name and recipe, and unchanged data sets and networks.
    Returns:
        One row per cell, in the same order, with COLUMNS; NaN where nothing is known.
    """
    if study.published:
        return _rounded(cells[KEY]).merge(_asked(study), how="left", on=KEY)[COLUMNS].set_index(cells.index)
    asked = cells[KEY].replace({"check": PAPERS_HALF})
    numbers = asked.merge(published_numbers(), how="left", on=KEY)[COLUMNS]
    comparable = np.array(
        [_as_in_paper(study, *place) for place in zip(cells["dataset"], cells["network"], strict=True)], bool
    )
    return numbers.where(np.repeat(comparable[:, None], len(COLUMNS), axis=1)).set_index(cells.index)


def published_source(study: Study) -> str:
    """Return where the published numbers of a study come from, in words."""
    if study.published is None:
        return "Su et al., NeurIPS 2020, slides"
    return study.published_file or "Tanaka et al., NeurIPS 2020, from their repository"


def tanaka_numbers() -> pd.DataFrame:
    """Return the published cells of Tanaka et al. for CIFAR-10 and CIFAR-100: KEY and COLUMNS, three runs a cell.

    The unpruned network has fifteen runs: three with each of five methods that removed nothing.

    Source: Tanaka, Kunin, Yamins, Ganguli, NeurIPS 2020; github.com/ganguli-lab/Synaptic-Flow.
    """
    with (files("prunepipe") / "data" / "published_synflow.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    runs = table.melt(
        ["dataset", "network", "pruner", "log10_compression"], ["accuracy_1", "accuracy_2", "accuracy_3"]
    )
    dense = runs["log10_compression"] == 0
    runs = runs.assign(
        network=runs["network"].map(TANAKA_NETWORKS),
        ticket=runs["pruner"].replace({"random": "random_global"}).mask(dense, FULL_NETWORK),
        check=NO_CHECK,
        prune_ratio=(1 - 10.0 ** -runs["log10_compression"]).round(4),
    )
    found = runs.dropna(subset=["network"]).groupby(KEY)["value"].agg(["mean", "std", "count"])
    return found.set_axis(COLUMNS, axis=1).reset_index()


def _asked(study: Study) -> pd.DataFrame:
    if study.published_file is None:
        return tanaka_numbers()
    cells = read_published(Path(study.published_file))
    return _rounded(pd.DataFrame(cells, columns=[*KEY, *COLUMNS]).astype(dict.fromkeys(COLUMNS, float)))


def _rounded(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.assign(prune_ratio=cells["prune_ratio"].round(4))


def _as_in_paper(study: Study, dataset: str, network: str) -> bool:
    data, net = study.datasets[dataset], study.networks[network]
    whole = data in (DatasetChoice(), DatasetChoice(source=dataset))
    built_in = net.architecture in (None, network) and net.width == 1.0
    return study.name == PAPER and study.recipe == RECIPE and whole and built_in
