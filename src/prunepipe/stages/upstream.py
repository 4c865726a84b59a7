"""Find the shared stages that a run waits for; if one fails, every run that needs it fails."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from prunepipe.results.layout import (
    AS_FOUND,
    BUDGET,
    CELL,
    DENSE,
    GIVEN,
    INITIAL,
    MASK,
    REWIND,
    SCORES,
    SEARCH,
    Run,
    dataset_name,
    point_name,
)
from prunepipe.results.standing import Upstream
from prunepipe.stages.settings import data_of_source, score_id, scored_ratio, source_of
from prunepipe.study.built_in import NO_CHECK
from prunepipe.study.study import CLEAN, FULL_NETWORK, Study


def upstream_of(study: Study, prepared_folder: Path | str) -> Upstream:
    """Return a function that names the logs of the shared stages before a run of a study, the last stage first.

    Args:
        study: of the runs.
        prepared_folder: where data sets are prepared.
    """
    return partial(_logs, study, prepared_folder)


def _logs(study: Study, prepared_folder: Path | str, run: Run) -> list[str]:
    place = {"study": study.name, "dataset": run.dataset, "network": run.network, "seed": run.seed}
    prepared = dataset_name(run.dataset, study.datasets[run.dataset])
    first = [INITIAL.format(**place, draw=draw) + "/initialise.log" for draw in ("reinit", "init")]
    first.append(str(Path(prepared_folder, f"{prepared}.log")))
    return first if run.ticket == FULL_NETWORK else [*_of_ticket(study, run, place), *first]


def _of_ticket(study: Study, run: Run, place: dict[str, object]) -> list[str]:
    row = study.tickets[run.ticket]
    check = NO_CHECK if run.check == AS_FOUND else run.check
    source, data = source_of(study, check), study.data_of(check)
    scores_data = data_of_source(study, source)
    mask = MASK.format(**place, ticket=run.ticket, source=source, prune_ratio=run.prune_ratio)
    ratio = scored_ratio(row, run.prune_ratio)
    scores = SCORES.format(**place, score_id=score_id(row), data=scores_data, scored_ratio=ratio)
    points = {(row.scored, scores_data), *((point, data) for point in row.points)}
    rewound = sorted(
        {
            (point_name(point), CLEAN if point == "init" else variant)
            for point, variant in points
            if point in row.dense_points
        }
    )
    given = sorted({point_name(point) for point in row.points} - set(map(point_name, row.dense_points)))
    budget = BUDGET.format(**place, ticket=run.ticket, prune_ratio=run.prune_ratio)
    return [
        *_of_searches(study, run, dict(place), data),
        f"{mask}/mask.log",
        f"{scores}/score.log",
        *(GIVEN.format(**place, given=name) + "/read_given.log" for name in given),
        *(REWIND.format(**place, data=variant, point=point) + "/rewind.log" for point, variant in rewound),
        *(
            DENSE.format(**place, data=variant) + "/train_dense.log"
            for point, variant in rewound
            if point != "init"
        ),
        f"{budget}/budget.log",
    ]


def _of_searches(study: Study, run: Run, place: dict[str, object], data: str) -> list[str]:
    """Return the logs of the trainings that lead to a run's mask, the last first."""
    place |= {"ticket": run.ticket, "data": data}
    if study.tickets[run.ticket].updater:
        return [SEARCH.format(**place, prune_ratio=run.prune_ratio) + "/search.log"]
    levels = [level for level in study.levels_of(run.ticket) if level < run.prune_ratio]
    template, log = (CELL, "retrain.log") if data == CLEAN else (SEARCH, "search.log")
    return [
        template.format(**place, check=NO_CHECK, prune_ratio=level) + "/" + log for level in reversed(levels)
    ]
