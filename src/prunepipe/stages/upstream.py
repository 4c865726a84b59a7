"""Find the shared stages that a run waits for; if one fails, every run that needs it fails."""

from __future__ import annotations

from pathlib import Path

from prunepipe.results.layout import DENSE, INITIAL, MASK, REWIND, SCORES, Run, dataset_name, point_name
from prunepipe.stages.settings import data_of_source, score_id, scored_ratio, source_of
from prunepipe.study.study import FULL_NETWORK, Study


def upstream_logs(study: Study, run: Run, prepared_folder: Path | str) -> list[str]:
    """Return the logs of the shared stages before a run, the last stage first.

    Args:
        study: of the run.
        run: dense or pruned.
        prepared_folder: where data sets are prepared.
    """
    place = {"study": study.name, "dataset": run.dataset, "network": run.network, "seed": run.seed}
    prepared = dataset_name(run.dataset, study.datasets[run.dataset])
    first = [INITIAL.format(**place, draw=draw) + "/initialise.log" for draw in ("reinit", "init")]
    first.append(str(Path(prepared_folder, f"{prepared}.log")))
    return first if run.ticket == FULL_NETWORK else [*_of_ticket(study, run, place), *first]


def _of_ticket(study: Study, run: Run, place: dict[str, object]) -> list[str]:
    row = study.tickets[run.ticket]
    source, data = source_of(study, run.check), study.data_of(run.check)
    scores_data = data_of_source(study, source)
    mask = MASK.format(**place, ticket=run.ticket, source=source, prune_ratio=run.prune_ratio)
    ratio = scored_ratio(row, run.prune_ratio)
    scores = SCORES.format(**place, score_id=score_id(row), data=scores_data, scored_ratio=ratio)
    points = {(row.start, data), (row.scored, scores_data)}
    rewound = sorted((point_name(point), variant) for point, variant in points if point != "init")
    return [
        f"{mask}/mask.log",
        f"{scores}/score.log",
        *(REWIND.format(**place, data=variant, point=point) + "/rewind.log" for point, variant in rewound),
        *(DENSE.format(**place, data=variant) + "/train_dense.log" for _, variant in rewound),
    ]
