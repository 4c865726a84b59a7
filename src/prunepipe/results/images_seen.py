"""Count the training images behind a run: its own and those of every training that leads to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from prunepipe.artifacts import read_json
from prunepipe.errors import ArtifactError
from prunepipe.results.layout import AS_FOUND, CELL, DENSE, SEARCH, Run
from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.study import CLEAN, FULL_NETWORK, Study

UNKNOWN = float("nan")


def images_seen(study: Study, root: Path = Path()) -> Callable[[Run], dict[str, float]]:
    """Return a function that counts the training images behind a finished run; images read for scoring do not count.

    Args:
        study: of the runs.
        root: folder that holds `results/`.
    Returns:
        A function of the run that returns `images`, of the run itself, each counted as often as a step read it, and
        `images_total`, with the dense run, the searches and the cycles that lead to it; NaN if one is not known.
    """
    count = cache(lambda folder: _count(root / folder / "timing.json"))

    def seen(run: Run) -> dict[str, float]:
        own = count(run.folder)
        before = sum(share * count(folder) for folder, share in _before(study, run))
        return {"images": own, "images_total": own + before}

    return seen


def _count(path: Path) -> float:
    try:
        return float(read_json(path).get("images", UNKNOWN))
    except ArtifactError:
        return UNKNOWN


def _before(study: Study, run: Run) -> Iterator[tuple[str, float]]:
    """Yield the folders of the trainings that lead to a run, and which share of each it needs."""
    if run.ticket == FULL_NETWORK:
        return
    row = study.tickets[run.ticket]
    data = study.data_of(NO_CHECK if run.check == AS_FOUND else run.check)
    place = {"study": study.name, "dataset": run.dataset, "network": run.network, "seed": run.seed}
    place |= {"ticket": run.ticket, "data": data}
    dense = study.dense_epochs(row)
    if dense:
        yield DENSE.format(**place), dense / study.recipe.epochs
    if row.updater and run.check != AS_FOUND:
        yield SEARCH.format(**place, prune_ratio=run.prune_ratio), 1.0
    for level in study.levels_of(run.ticket):
        if level < run.prune_ratio:
            template = CELL if data == CLEAN else SEARCH
            yield template.format(**place, check=NO_CHECK, prune_ratio=level), 1.0
