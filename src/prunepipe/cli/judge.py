"""`prunepipe judge`: one command from a function to a verdict."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

from prunepipe.cli.method import add_method_arguments, prune_ratios, read_method
from prunepipe.cli.trial import environment
from prunepipe.cli.workflow import WorkflowRun, run_watched, snakemake_command, study_file
from prunepipe.execution.cores import usable_cores

FOLDER = "judged"
"""The folder of judged methods, one subfolder each, so that your own study in results/ is not touched."""

SITE_HEAD = "# Written by prunepipe judge; remove this line, and it leaves the file alone.\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_method_arguments(parser)
    _add_execution(parser)


def _add_execution(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", help="name of the method; default: the function's")
    parser.add_argument(
        "--seeds",
        type=int,
        default=5,
        help="repetitions; more make the verdict more precise (default: %(default)s)",
    )
    parser.add_argument(
        "--cores",
        type=int,
        default=usable_cores(),
        help="jobs to run in parallel (default: %(default)s)",
    )
    parser.add_argument(
        "--output", type=Path, help=f"folder of study, results and log; default: {FOLDER}/NAME"
    )
    parser.add_argument(
        "--upgrade-results", action="store_true", help="continue with results of another version of prunepipe"
    )
    parser.add_argument("--dry-run", action="store_true", help="write the study and show what would run")


def run(arguments: argparse.Namespace) -> int:
    """Judge a method; return 0 if all jobs succeeded."""
    from prunepipe.cli.derived_study import derived_study
    from prunepipe.cli.first_screen import first_screen
    from prunepipe.cli.trial import tried_method
    from prunepipe.plugins import is_external
    from prunepipe.results.layout import PARTIAL
    from prunepipe.results.watching import study_progress
    from prunepipe.stages.upstream import upstream_logs
    from prunepipe.study.controls import known_kinds
    from prunepipe.study.loading import load_study
    from prunepipe.study.names import score_row

    given, ratios = study_file(arguments.study), prune_ratios(arguments)
    base = load_study(given)
    method = read_method(arguments, arguments.name)
    folder: Path = (arguments.output or Path(FOLDER) / method.name).resolve()
    study = folder / f"{method.name}.yaml"
    _require_valid(study, derived_study(base, method, arguments.seeds, ratios))
    kinds: list[dict[str, int]] = []
    if is_external(score_row(method.score).function) or known_kinds(base) is None:
        # Tried first, so that mistakes in a method are not found only after the controls have been trained.
        method, text, kinds = tried_method(arguments, method, given, ratios)
        print(text, end="\n\n", flush=True)
    values = derived_study(base, method, arguments.seeds, ratios, kinds)
    _write(study, values)
    _tell_controls(values)
    choices = {"data_folder": str(Path(arguments.data_folder).resolve()), "device": arguments.device}
    _keep_site(folder / "config.yaml", {"study": study.name, **choices})
    site = [f"{key}={value}" for key, value in choices.items()]
    site += ["upgrade_results=true"] if arguments.upgrade_results else []
    cores = ["--cores", str(arguments.cores)]
    if arguments.dry_run:
        dry = ["--dry-run", "--quiet", "host", "rules", "reason"]
        return run_watched_dry(snakemake_command(study, folder, *cores, *dry, site=site))
    print(f"Judging {method.name} ({method.score}): study {study}, log {folder / 'judge.log'}", flush=True)
    planned = load_study(study)
    upstream = partial(upstream_logs, planned, prepared_folder=choices["data_folder"])
    progress = partial(study_progress, planned, folder, upstream=upstream)
    command = snakemake_command(study, folder, *cores, site=site)
    outcome = run_watched(command, folder / "judge.log", progress, environment())
    if not outcome.status:
        print(first_screen(folder / "results"))
        return 0
    _explain_failure(outcome, folder)
    if outcome.failed:
        pages = snakemake_command(study, folder, "partial", *cores, site=site)
        if run_watched(pages, folder / "judge-partial.log", progress, environment()).status == 0:
            print(first_screen(folder / PARTIAL))
    return 1


def _tell_controls(values: dict[str, Any]) -> None:
    from prunepipe.study.controls import WITHOUT_FIXED_SHARES

    rows = {name: values["tickets"][name] for name in WITHOUT_FIXED_SHARES}
    other = {name: row["allocation"] for name, row in rows.items() if "allocation" in row}
    if other:
        told = ", ".join(f"{name} by {allocation}" for name, allocation in other.items())
        print(
            f"Linear layers hold nearly all weights, so the controls share out theirs otherwise: {told}.",
            flush=True,
        )


def run_watched_dry(command: list[str]) -> int:
    """Show what Snakemake would run."""
    import subprocess

    return subprocess.run(command, env=environment(), check=False).returncode


def _require_valid(path: Path, values: dict[str, Any]) -> None:
    """Validate a study before anything is written.

    Raises:
        ConfigError: the same errors as for a study file, except for its name.
    """
    from tempfile import TemporaryDirectory

    from prunepipe.errors import ConfigError
    from prunepipe.study.loading import load_study

    with TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        draft.write_text(_as_yaml(values), encoding="utf-8")
        try:
            load_study(draft)
        except ConfigError as error:
            raise ConfigError(str(error).replace(f"{draft}: ", "")) from error


def _write(path: Path, values: dict[str, Any]) -> None:
    """Write a study after validating it; a mistake on the command line leaves the file unchanged."""
    _require_valid(path, values)
    text = _as_yaml(values)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _as_yaml(values: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(values, sort_keys=False, width=100)


def _keep_site(path: Path, values: dict[str, Any]) -> None:
    """Write the site configuration, so that `prunepipe run` in that folder does the same; keep the user's own file."""
    import yaml

    if not path.is_file() or path.read_text(encoding="utf-8").startswith(SITE_HEAD):
        path.write_text(SITE_HEAD + yaml.safe_dump(values, sort_keys=False, width=1000), encoding="utf-8")


def _explain_failure(outcome: WorkflowRun, folder: Path) -> None:
    what = f"{outcome.failed} jobs failed; the verdict below is of the finished runs."
    print(f"\n{what if outcome.failed else 'The study did not run.'}", file=sys.stderr)
    for message in outcome.told or [f"see {folder / 'judge.log'}"]:
        print(f"error: {message}", file=sys.stderr)
    print("Run the same command again after the fix: what is finished is not repeated.\n", file=sys.stderr)
