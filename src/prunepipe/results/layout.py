"""Where each result is stored below results/runs: the path identifies the run, and can be parsed back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from prunepipe.study.rows import DatasetChoice
from prunepipe.study.study import CLEAN, FULL_NETWORK, Study, check_of
from prunepipe.validation import FILE_POINT

RUNS = "results/runs"
MADE_BY = RUNS + "/{study}/prunepipe.json"
LOOKS = RUNS + "/{study}/looks.json"
NETWORK = RUNS + "/{study}/{dataset}/{network}"
INITIAL = NETWORK + "/initial/{draw}/seed{seed}"
DENSE = NETWORK + "/dense/{data}/seed{seed}"
REWIND = NETWORK + "/rewind/{data}/{point}/seed{seed}"
BUDGET = NETWORK + "/budgets/{ticket}/p{prune_ratio}"
GIVEN = NETWORK + "/given/{given}/seed{seed}"
SCORES = NETWORK + "/scores/{score_id}/{data}/p{scored_ratio}/seed{seed}"
MASK = NETWORK + "/masks/{ticket}/{source}/p{prune_ratio}/seed{seed}"
SEARCH = NETWORK + "/searches/{ticket}/{data}/p{prune_ratio}/seed{seed}"
CELL = NETWORK + "/tickets/{ticket}/{check}/p{prune_ratio}/seed{seed}"

ANY_RATIO = "_any"
"""Stands for the prune ratio in the path of scores that serve every ratio."""


AS_FOUND = "as_found"
"""In the `check` column: the network at the end of the search that found its mask, not retrained."""


def dataset_name(key: str, choice: DatasetChoice) -> str:
    """Return the file name of a prepared data set, which depends on its source and on the study's choices."""
    parts = [key]
    source = choice.own_files or choice.source
    if source not in (None, key):  # two studies may give different sources the same name
        parts += [hashlib.sha256(str(source).encode()).hexdigest()[:8]]
    parts += ["grey"] if choice.channels == 1 else []
    parts += [f"size{choice.image_size}"] if choice.image_size else []
    parts += [f"pool{choice.pool}"] if choice.pool > 1 else []
    parts += [f"train{choice.train_images}"] if choice.train_images else []
    parts += [f"test{choice.test_images}"] if choice.test_images else []
    return "-".join(parts)


def point_name(point: str) -> str:
    """Return the folder name of a rewind point: `epoch 5` is `epoch5`; a file has a checksum of its path."""
    if point.startswith(FILE_POINT):
        return f"file-{hashlib.sha256(point.encode()).hexdigest()[:8]}"
    return point.replace(" ", "")


class Run(NamedTuple):
    """One run of a study: its place in the study, and its results folder relative to the project."""

    dataset: str
    network: str
    ticket: str
    check: str
    prune_ratio: float
    seed: int
    folder: str

    @property
    def place(self) -> dict[str, Any]:
        """The columns that identify this run within its study."""
        return {name: value for name, value in self._asdict().items() if name != "folder"}


def runs(study: Study) -> Iterator[Run]:
    """Enumerate every run of a study: dense runs (the full network under a data variant), searches, then cells."""
    for run in study.dense_runs():
        folder = DENSE.format(study=study.name, **run._asdict())
        yield Run(run.dataset, run.network, FULL_NETWORK, check_of(run.data), 0.0, run.seed, folder)
    for search in study.searches():
        if search.data == CLEAN:
            folder = SEARCH.format(study=study.name, **search._asdict())
            place = search.dataset, search.network, search.ticket, AS_FOUND, search.prune_ratio, search.seed
            yield Run(*place, folder=folder)
    for cell in study.cells():
        yield Run(*cell, folder=CELL.format(study=study.name, **cell._asdict()))


def structure_path(study: Study, dataset: str, network: str) -> str:
    """Return the path of a network's structure on a data set; all seeds share it."""
    place = {"study": study.name, "dataset": dataset, "network": network}
    return INITIAL.format(**place, draw="init", seed=study.seeds[0]) + "/structure.json"


def mask_path(
    study: Study, dataset: str, network: str, ticket: str, prune_ratio: float, source: str, seed: int
) -> str:
    """Return the path of a mask; `source` is the data variant that it is made from."""
    place = {"study": study.name, "dataset": dataset, "network": network, "ticket": ticket}
    place |= {"prune_ratio": str(prune_ratio), "seed": str(seed)}
    if study.tickets[ticket].updater:
        return SEARCH.format(**place, data=source) + "/trained.safetensors"
    return MASK.format(**place, source=source) + "/mask.safetensors"


def mask_sources(study: Study, ticket: str) -> tuple[str, ...]:
    """Return the data variants that a ticket's masks are made from: `clean`, then those of its data checks."""
    return (CLEAN, *(check for check in study.checks_of(ticket) if study.check(check).stage == "data"))


def mask_paths(study: Study) -> list[str]:
    """Return the masks of a study that `prunepipe.results.mask_overlap` compares."""
    return [
        mask_path(study, *place, ticket, prune_ratio, source, seed)
        for place, ticket, prune_ratio in product(study.places, study.tickets, study.prune_ratios)
        for source, seed in product(mask_sources(study, ticket), study.seeds)
    ]
