"""Where the files of a whole study lie; light enough for the Snakefile."""

from __future__ import annotations

from prunepipe.layout import CELL, DENSE, INITIAL, MASK
from prunepipe.study import Study


def run_folders(study: Study) -> list[str]:
    """Return the folder of every run of a study, dense runs first."""
    dense = [DENSE.format(study=study.name, **run._asdict()) for run in study.dense_runs()]
    return dense + [CELL.format(study=study.name, **cell._asdict()) for cell in study.cells()]


def structure_path(study: Study, dataset: str, network: str) -> str:
    """Return where the structure of a network on a data set lies; all seeds have the same."""
    place = {"study": study.name, "dataset": dataset, "network": network}
    return INITIAL.format(**place, draw="init", seed=study.seeds[0]) + "/structure.json"


def mask_path(
    study: Study, dataset: str, network: str, ticket: str, prune_ratio: float, source: str, seed: int
) -> str:
    """Return where a mask lies; `source` is the data variant behind it."""
    place = {"study": study.name, "dataset": dataset, "network": network, "ticket": ticket}
    return MASK.format(**place, prune_ratio=prune_ratio, source=source, seed=seed) + "/mask.safetensors"


def mask_sources(study: Study, ticket: str) -> tuple[str, ...]:
    """Return the data variants behind a ticket's masks: `clean` first, then those of its data checks."""
    return ("clean", *(check for check in study.checks_of(ticket) if study.check(check).data))


def mask_paths(study: Study) -> list[str]:
    """Return the masks of a study that `prunepipe.forensics` compares."""
    return [
        mask_path(study, dataset, network, ticket, prune_ratio, source, seed)
        for dataset in study.datasets
        for network in study.networks
        for ticket in study.tickets
        for prune_ratio in study.prune_ratios
        for source in mask_sources(study, ticket)
        for seed in study.seeds
    ]
