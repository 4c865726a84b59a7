# Where the stages of a cell find their inputs, and which functions they load by name.
from prunepipe.results.layout import mask_paths, runs, structure_path
from prunepipe.reports.plots import FIGURES, figures_of
from prunepipe.study.built_in import TABLES

RUN_FOLDERS = [run.folder for run in runs(STUDY)]
ALL_CHECKS = {check for ticket in STUDY.tickets for check in STUDY.checks_of(ticket)}
SOURCES = {stage_settings.source_of(STUDY, check) for check in ALL_CHECKS}


def rewound(data, point):
    """Return the path of the weights at a rewind point; initial weights know no data."""
    name = point_name(point)
    return place(
        REWIND,
        "weights.safetensors",
        data="clean" if name == "init" else data,
        point=name,
    )


def scored_weights(wildcards):
    """Return the weights that a score reads."""
    row = STUDY.tickets[BY_SCORE_ID[wildcards.score_id]]
    return rewound(wildcards.data, row.scored)


def score_settings(wildcards):
    """Return the settings of `score` as JSON."""
    values = stage_settings.score_settings(
        STUDY,
        wildcards.network,
        BY_SCORE_ID[wildcards.score_id],
        wildcards.data,
        wildcards.scored_ratio,
        int(wildcards.seed),
    )
    return json.dumps(values, sort_keys=True)


def score_functions(wildcards):
    """Return the functions that `score` loads by name."""
    values = json.loads(score_settings(wildcards))
    iterative = values["allocation"] if values["rounds"] > 1 else None
    return functions(
        builder(wildcards), values["score"], iterative, values["data"]["corruption"]
    )


def scores_of(wildcards):
    """Return the scores behind a mask."""
    row = STUDY.tickets[wildcards.ticket]
    return place(
        SCORES,
        "scores.safetensors",
        score_id=stage_settings.score_id(row),
        data=stage_settings.data_of_source(STUDY, wildcards.source),
        scored_ratio=stage_settings.scored_ratio(row, wildcards.prune_ratio),
    )


def mask_functions(wildcards):
    """Return the functions that `mask` loads by name."""
    values = stage_settings.mask_settings(
        STUDY, wildcards.ticket, wildcards.source, 0.5
    )
    return functions(values["allocation"], values["score_check"])


def check_inputs(wildcards):
    """Return the start weights of a ticket, and a fresh draw for a check that re-draws weights."""
    row = STUDY.tickets[wildcards.ticket]
    inputs = {"weights": rewound(STUDY.data_of(wildcards.check), row.start)}
    if STUDY.check(wildcards.check).weights:
        inputs["fresh"] = place(INITIAL, "weights.safetensors", draw="reinit")
    return inputs


def check_functions(wildcards):
    """Return the functions that `check` loads by name."""
    values = stage_settings.check_settings(STUDY, wildcards.check, 0)
    return functions(values["mask_check"], values["weights_check"])


def cell_place(wildcards):
    """Return the place of a cell in the study, and its code, as JSON."""
    return run_place(
        wildcards,
        wildcards.ticket,
        wildcards.check,
        float(wildcards.prune_ratio),
        version("mask", *mask_functions_of(wildcards)),
        version("retrain", builder(wildcards)),
    )


def mask_functions_of(wildcards):
    """Return the functions behind the mask of a cell."""
    source = stage_settings.source_of(STUDY, wildcards.check)
    values = stage_settings.mask_settings(STUDY, wildcards.ticket, source, 0.5)
    return functions(values["allocation"], values["score_check"])


# The study as a whole decides what tables and figures show, so any change of it makes them stale.
STUDY_FILE = study_path(SITE.study, Path("config"))
STUDY_SETTINGS = STUDY.model_dump_json()


def figure_inputs(wildcards):
    """Return the collected tables that a figure reads, and the structures beside the layers."""
    needs = FIGURES[wildcards.figure].needs
    inputs = {name: f"results/{name}.csv" for name in ("results", *needs)}
    if "layers" in needs:
        places = [
            (dataset, network)
            for dataset in STUDY.datasets
            for network in STUDY.networks
        ]
        inputs["structures"] = [structure_path(STUDY, *place) for place in places]
    return inputs


def figure_files(wildcards):
    """Return the options that name these tables."""
    return " ".join(
        f"--{name} results/{name}.csv" for name in FIGURES[wildcards.figure].needs
    )
