"""Start a workflow: read and check its site and study, and lock the folder before the first job."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prunepipe.errors import PrunepipeError
from prunepipe.execution.environment import prepare_environment
from prunepipe.execution.workflow_lock import claim_folder
from prunepipe.planning.targets import require_known_targets, require_plain_place
from prunepipe.reports.plots import FIGURES
from prunepipe.results.version_mark import record_version, require_same_version
from prunepipe.study.built_in import TABLES
from prunepipe.study.loading import (
    Site,
    load_site,
    load_study,
    require_threads,
    require_unique_keys,
    study_path,
)
from prunepipe.study.study import Study

VERDICT_TABLES = ("verdicts", "effects", "methods", "against_random", "decomposition")
"""Files among the tables that are not built one by one."""


def refuse_early(targets: Iterable[str], scripts: Path) -> None:
    """End the workflow with a line where it could not make what it is asked for.

    Args:
        targets: arguments of Snakemake; what is no target among them is like none.
        scripts: folder of the stages' scripts.
    """
    try:
        require_plain_place(scripts)
        require_known_targets(targets, {"table": (*TABLES, *VERDICT_TABLES), "figure": FIGURES})
    except PrunepipeError as error:
        sys.exit(f"error: {error}")


def load_workflow(config: Mapping[str, Any], files: list[str]) -> tuple[Site, Study]:
    """Read and check the site and the study of a workflow, and prepare the environment of its jobs.

    Args:
        config: the site configuration as merged by Snakemake.
        files: the files that it was read from.
    Returns:
        The site and the study. A mistake in them ends the process with a one-line message.
    """
    try:
        require_unique_keys(files)
        site = load_site(dict(config))
        study = load_study(study_path(site.study, Path("config")))
    except PrunepipeError as error:
        sys.exit(f"error: {error}")
    try:
        require_same_version(study.name, site.upgrade_results)
    except PrunepipeError as error:  # reading is allowed: dry runs, --report, partial
        print(f"warning: {error}", file=sys.stderr)
    prepare_environment(site)
    return site, study


def begin_work(site: Site, study: Study, *, here: bool, makes_files: bool) -> None:
    """End the workflow before any job if this machine cannot run it or another workflow is running.

    Args:
        site, study: configuration of the workflow.
        here: whether its jobs run on this machine.
        makes_files: whether this process runs a workflow that writes results. `partial` declares no files, so it may
            run next to another workflow and on results of another version.
    """
    try:
        if here:
            require_threads(site, os.cpu_count())
        if makes_files:
            require_same_version(study.name, site.upgrade_results)
            claim_folder()
            record_version(study.name)
    except PrunepipeError as error:
        sys.exit(f"error: {error}")
