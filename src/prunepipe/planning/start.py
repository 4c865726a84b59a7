"""Start a workflow: read and check its site and study, and lock the folder before the first job."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prunepipe.errors import PrunepipeError
from prunepipe.execution.environment import prepare_environment, require_cuda
from prunepipe.execution.workflow_lock import claim_folder, running_in
from prunepipe.planning.own_code import require_own_code
from prunepipe.planning.targets import require_known_targets, require_plain_place
from prunepipe.reports.plots import FIGURES
from prunepipe.results.ownership import owner, settle
from prunepipe.results.places import configured_study, place_of
from prunepipe.results.version_mark import record_version, require_same_version
from prunepipe.study.built_in import TABLES
from prunepipe.study.loading import (
    Site,
    load_site,
    load_study,
    make_folder,
    require_threads,
    require_unique_keys,
    study_path,
)
from prunepipe.study.study import Study

VERDICT_TABLES = ("verdicts", "effects", "methods", "against_random", "decomposition")
"""Names in results/tables that no rule for single tables makes."""


def require_site_file(given: Iterable[object]) -> None:
    """End the workflow with a one-line message if it has no config.yaml.

    Args:
        given: configuration files named on the command line.
    """
    if not Path("config.yaml").is_file() and not given:
        sys.exit(
            f"error: {Path.cwd()} has no config.yaml; start Snakemake in the folder that holds config.yaml and "
            "config/, or name it with --directory. In any folder, `prunepipe run STUDY` uses the one of the package."
        )


def tell_of_running_workflow() -> None:
    """Say that another workflow is running in this folder, because Snakemake's own message advises to unlock it."""
    if owner := running_in():
        print(
            f"note: another Snakemake is running here ({owner}). Wait for it or stop it (Ctrl-C) before you start "
            "another, and do not use --unlock. To see the results so far: snakemake partial --cores 1",
            file=sys.stderr,
        )


def refuse_early(targets: Iterable[str], scripts: Path, study: str, out: str) -> None:
    """End the workflow with a one-line message if it cannot make the targets.

    Args:
        targets: arguments of Snakemake; those that are not targets are ignored.
        scripts: folder of the stages' scripts.
        study: name of the study.
        out: folder of its tables, figures and report.
    """
    known = {"table": (*TABLES, *VERDICT_TABLES), "figure": FIGURES}
    try:
        require_plain_place(scripts)
        require_known_targets(targets, known, study, out)
    except PrunepipeError as error:
        sys.exit(f"error: {error}")


def load_workflow(config: Mapping[str, Any], files: list[str]) -> tuple[Site, Study, str]:
    """Read and check the site and the study of a workflow, and prepare the environment of its jobs.

    Args:
        config: the site configuration as merged by Snakemake.
        files: the files that it was read from; the last is the config.yaml of this folder, or of the package.
    Returns:
        The site, the study, and the folder of the study's tables, figures and report. A mistake in them ends the
        process with a one-line message.
    """
    try:
        require_unique_keys(files)
        site = load_site(dict(config))
        study = load_study(study_path(site.study, Path("config")))
        require_own_code(study)
        configured = configured_study(Path(files[-1]), Path("config")) if files else study.name
    except PrunepipeError as error:
        sys.exit(f"error: {error}")
    try:
        require_same_version(study.name, site.upgrade_results)
    except PrunepipeError as error:  # reading is allowed: dry runs, --report, partial
        print(f"warning: {error}", file=sys.stderr)
    out = place_of(study.name, configured)
    _tell_of_other_study(study.name, out)
    prepare_environment(site)
    return site, study, out


def _tell_of_other_study(study: str, out: str) -> None:
    """Say that files of another study lie where this study's will; they are moved when its first job starts."""
    try:
        other = owner(Path(out))
    except PrunepipeError as error:
        print(f"warning: {error}", file=sys.stderr)
        return
    if other not in (None, study):
        away = place_of(str(other), configured=study)
        print(
            f"note: {out} holds study {other}; a run of study {study} first moves it to {away}",
            file=sys.stderr,
        )


def begin_work(site: Site, study: Study, out: str, *, here: bool, makes_files: bool) -> None:
    """End the workflow before any job if this machine cannot run it or another workflow is running.

    Args:
        site, study: configuration of the workflow.
        out: folder of the study's tables, figures and report.
        here: whether its jobs run on this machine.
        makes_files: whether this process runs a workflow that writes results. `partial` declares no files, so it may
            run next to another workflow and on results of another version.
    """
    try:
        if here:
            require_threads(site, os.cpu_count())
            require_cuda(site.device)
        if makes_files:
            require_same_version(study.name, site.upgrade_results)
            make_folder(site.data_folder)
            make_folder(site.prepared, "prepared_folder")
            claim_folder()
            for line in settle(study.name, out):
                print(line, file=sys.stderr)
            record_version(study.name)
    except PrunepipeError as error:
        sys.exit(f"error: {error}")
