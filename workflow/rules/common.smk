# The study, the site, and how a rule turns its wildcards into the settings of its stage.
import gc
import json
import re
from functools import cache

from prunepipe import __version__
from prunepipe.study.loading import load_site, load_study, require_threads
from prunepipe.study.loading import require_unique_keys, study_path
from prunepipe.execution.environment import launch_command, prepare_environment
from prunepipe.datasets.fingerprint import content_checksum
from prunepipe.errors import PrunepipeError
from prunepipe.results.layout import (
    CELL,
    DENSE,
    INITIAL,
    MASK,
    NETWORK,
    REWIND,
    RUNS,
    SCORES,
)
from prunepipe.results.layout import dataset_name, point_name
from prunepipe.results.version_mark import record_version, require_same_version
from prunepipe.execution.workflow_lock import claim_folder
from prunepipe.study.study import FULL_NETWORK
from prunepipe.stages import settings as stage_settings
from prunepipe.results.code_version import code_version

# A plan makes many objects and no garbage; Python would look for it again and again.
gc.set_threshold(200_000, 100, 1000)

SCRIPTS = Path(str(workflow.current_basedir)).parent / "scripts"

try:
    require_unique_keys(workflow.configfiles)
    SITE = load_site(config)
    STUDY = load_study(study_path(SITE.study, Path("config")))
except PrunepipeError as error:
    sys.exit(f"error: {error}")
try:
    require_same_version(STUDY.name, SITE.upgrade_results)
except PrunepipeError as error:  # one may look: what a dry run plans, --report, partial
    print(f"warning: {error}", file=sys.stderr)

prepare_environment(SITE)
# With conda or containers, stages run under the python of the environment that Snakemake makes for them.
LAUNCH = launch_command(
    SCRIPTS, own_python=not workflow.deployment_settings.deployment_method
)
GPUS = 0 if SITE.device == "cpu" else 1
POINTS = {
    point_name(point): point
    for row in STUDY.tickets.values()
    for point in (row.scored, row.start)
}
DATA_CHECKS = {
    check
    for ticket in STUDY.tickets
    for check in STUDY.checks_of(ticket)
    if STUDY.check(check).data
}
BY_SCORE_ID = {
    stage_settings.score_id(row): name for name, row in reversed(STUDY.tickets.items())
}


def begin_work():
    """End the workflow, before any job, if this machine or another workflow stands in its way."""
    # `partial` declares no files: it may run beside another workflow, and on results of another version.
    makes_files = any(job.output for job in workflow.dag.needrun_jobs())
    try:
        if workflow.local_exec:
            require_threads(SITE, os.cpu_count())
        if workflow.is_main_process and makes_files:
            require_same_version(STUDY.name, SITE.upgrade_results)
            claim_folder()
            record_version(STUDY.name)
    except PrunepipeError as error:
        sys.exit(f"error: {error}")


def place(template, file, **fixed):
    """Return the path of a file in a folder of the layout, with the study's name and what else is fixed filled in."""
    for key, value in {"study": STUDY.name, **fixed}.items():
        template = template.replace(f"{{{key}}}", str(value))
    return os.path.join(template, file)


def names(values):
    """Return a wildcard constraint that allows just these names."""
    return "|".join(re.escape(str(value)) for value in values)


def prepared(wildcards):
    """Return the prepared data set of a run."""
    name = dataset_name(wildcards.dataset, STUDY.datasets[wildcards.dataset])
    return os.path.join(SITE.data_folder, f"{name}.safetensors")


@cache
def version(stage, *references):
    """Return the checksum of the code that a stage can reach; a user's file that is no Python ends the workflow."""
    try:
        return code_version(SCRIPTS / f"{stage}.py", *references)
    except PrunepipeError as error:
        sys.exit(f"error: {error}")


def settings(function, *fields, **fixed):
    """Return a params function: the stage's settings as JSON, from the named wildcards."""

    def of(wildcards):
        values = {field: cast(field, wildcards) for field in fields}
        return json.dumps(function(STUDY, **values, **fixed), sort_keys=True)

    return of


def cast(field, wildcards):
    """Return a wildcard as the type that it stands for."""
    value = getattr(wildcards, field)
    return {"seed": int, "prune_ratio": float}.get(field, str)(value)


wildcard_constraints:
    dataset=names(STUDY.datasets),
    network=names(STUDY.networks),
    ticket=names(STUDY.tickets),
    check=names(
        {check for ticket in STUDY.tickets for check in STUDY.checks_of(ticket)}
    ),
    prune_ratio=names(STUDY.prune_ratios),
    scored_ratio=names(["_any", *STUDY.prune_ratios]),
    seed=names(STUDY.seeds),
    point=names(POINTS),
    score_id=names(BY_SCORE_ID),
    draw="init|reinit",
    data=names({"clean", *DATA_CHECKS, *stage_settings.STAGE_CHECKS["data"]}),


DATASET_KEYS = {
    dataset_name(key, choice): key for key, choice in STUDY.datasets.items()
}


@cache
def dataset_settings(name):
    """Return the settings of `prepare_dataset` as JSON, with the checksum of the user's own files."""
    values = stage_settings.dataset_settings(STUDY, DATASET_KEYS[name])
    try:
        record = Path(SITE.data_folder, f"{name}.content.json")
        content = content_checksum(values, record)
    except PrunepipeError as error:
        sys.exit(f"error: datasets.{DATASET_KEYS[name]}: {error}")
    if content:
        values["options"]["content"] = content
    return json.dumps({**values, "folder": SITE.data_folder}, sort_keys=True)


def dataset_reference(name):
    """Return the loader of a prepared data set."""
    return stage_settings.dataset_settings(STUDY, DATASET_KEYS[name])["reference"]


def builder(wildcards):
    """Return the "module:function" that builds a run's network."""
    return stage_settings.network_settings(STUDY, wildcards.network)["reference"]


def functions(*values):
    """Return those references among a stage's settings that are set."""
    return [value for value in values if value]


def corruption(data):
    """Return the reference of the function behind a data variant, as a list."""
    return functions(stage_settings.data_settings(STUDY, data)["corruption"])


def initial_settings(wildcards):
    """Return the settings of `initialise` as JSON."""
    network = stage_settings.network_settings(STUDY, wildcards.network)
    return json.dumps(
        {"network": network, "seed": int(wildcards.seed), "draw": wildcards.draw},
        sort_keys=True,
    )


def checkpoint_of(wildcards):
    """Return the file that holds the weights of a rewind point."""
    if wildcards.point == "init":
        return place(INITIAL, "weights.safetensors", draw="init")
    return place(DENSE, f"{wildcards.point}.safetensors")


def run_place(wildcards, ticket, check, prune_ratio, *code):
    """Return where a run stands in the study and which code made it, as JSON, for its metrics."""
    return json.dumps(
        {
            "study": STUDY.name,
            "dataset": wildcards.dataset,
            "network": wildcards.network,
            "ticket": ticket,
            "check": check,
            "prune_ratio": prune_ratio,
            "seed": int(wildcards.seed),
            "precision": SITE.precision,
            "version": __version__,
            "code": "-".join(code),
        }
    )


def dense_place(wildcards):
    """Return the place of a dense run."""
    check = "none" if wildcards.data == "clean" else wildcards.data
    return run_place(
        wildcards, FULL_NETWORK, check, 0.0, version("train_dense", builder(wildcards))
    )
