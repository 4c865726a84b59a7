"""`prunepipe run`: run a study in this folder with a progress bar, and show what it found."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from prunepipe.cli.last_screen import last_screen
from prunepipe.cli.logged_run import CONTINUE, WorkflowRun, run_on_screen, run_watched
from prunepipe.cli.options import add_budget, add_cores
from prunepipe.cli.shown import near
from prunepipe.cli.workflow import place_in, site_of, snakemake_command, study_file
from prunepipe.errors import ConfigError

if TYPE_CHECKING:
    from prunepipe.study.loading import Site

LOG = "results/snakemake.log"
PARTIAL_LOG = "results/snakemake.partial.log"
"""The log of `partial`, which may run while another workflow writes the other."""
YAML = (".yaml", ".yml")
TARGETS = ("all", "partial", "collect", "overlap", "verdicts", "report")
"""Targets that are not files: rules without wildcards."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="STUDY | TARGET",
        help="a study: a name in config/ or a .yaml file (default: the study that config.yaml names); and what to "
        "make: files below results/, or `partial` for the tables of the finished runs (default: everything)",
    )
    parser.add_argument("--study", help="another way to name the study")
    parser.add_argument(
        "--until-decided",
        action="store_true",
        help="go look by look, and make only the runs that undecided tests need, until every test is decided",
    )
    add_budget(parser)
    add_cores(parser)
    parser.add_argument(
        "--config",
        action="extend",
        nargs="+",
        type=setting,
        default=[],
        metavar="KEY=VALUE",
        help="settings to use instead of those in config.yaml",
    )
    parser.add_argument(
        "--force", action="store_true", help="remake the targets, even if they are up to date"
    )
    parser.add_argument("--dry-run", "-n", action="store_true", help="show what would run, and run nothing")
    parser.add_argument(
        "--verbose", "-v", action="store_true", help="show Snakemake's output, not a progress bar"
    )


def setting(text: str) -> str:
    """Return a `KEY=VALUE`; anything else is refused, because it was meant to be a target."""
    key, equals, _ = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not KEY=VALUE; name studies and targets before --config"
        )
    if key == "study":
        raise argparse.ArgumentTypeError(f"'{text}': name the study directly, as in `prunepipe run fashion`")
    return text


def run(arguments: argparse.Namespace) -> int:
    """Run the workflow, print the last screen, and return Snakemake's exit status."""
    from prunepipe.study.loading import load_study

    named, targets = study_and_targets(arguments.words, arguments.study)
    file = study_file(named or site_of(Path()).study)
    if arguments.until_decided:
        return _until_decided(arguments, file, targets)
    if arguments.budget is not None:
        raise ConfigError("--budget needs --until-decided; a plain run has no time limit.")
    study = load_study(file)
    if not Path("results").is_dir():
        print(f"Results go to a new folder, {Path('results').resolve()}", flush=True)
    wanted = {"--dry-run": arguments.dry_run, "--force": arguments.force}
    options = ["--cores", str(arguments.cores), *(name for name, given in wanted.items() if given)]
    command = snakemake_command(file, Path.cwd(), *targets, *options, site=arguments.config)
    if arguments.dry_run or arguments.verbose:
        return run_on_screen(command)

    from prunepipe.execution.workflow_lock import require_free
    from prunepipe.results.failures import failures
    from prunepipe.results.watching import study_progress
    from prunepipe.stages.upstream import upstream_of

    only_looks = targets == ["partial"]
    log = Path(PARTIAL_LOG if only_looks else LOG)
    if not only_looks:
        require_free()  # before the log of the running workflow is replaced
    look = partial(study_progress, study, upstream=upstream_of(study, _site(arguments).prepared))
    try:
        watch = partial(look, since=time.time())  # earlier failures are repeated now
        outcome = run_watched(command, log, watch, study.name)
    except KeyboardInterrupt:
        print(CONTINUE)
        raise
    failed = failures(log.read_text(encoding="utf-8", errors="replace"))
    asked = {"judged": not targets or "all" in targets, "partial": "partial" in targets}
    print(last_screen(study.name, place_in(Path(), study.name), look(), failed, log, **asked))
    _explain(outcome, log)
    return outcome.status


def _until_decided(arguments: argparse.Namespace, file: Path, targets: Sequence[str]) -> int:
    """Run a study look by look, and return the exit status."""
    refused = [*targets, *(["--force"] if arguments.force else [])]
    if refused:
        raise ConfigError(
            f"{' '.join(refused)}: --until-decided chooses the targets itself, and repeats nothing."
        )
    log = Path(LOG)
    if not arguments.dry_run:  # before anything slow is imported
        print(f"Study {near(file)}, look by look until every test is decided; log {log}", flush=True)

    from prunepipe.cli.deciding import Work, decide, dry_run
    from prunepipe.cli.ending import finish
    from prunepipe.cli.screen import screen_of
    from prunepipe.study.loading import load_study

    prepared = _site(arguments).prepared
    work = Work(load_study(file), file, Path.cwd(), log, arguments.cores, arguments.config, prepared)
    if arguments.dry_run:
        return dry_run(work)
    return finish(work, decide(work, screen_of(), budget=arguments.budget))


def _site(arguments: argparse.Namespace) -> Site:
    """Return the configuration of this folder, with what the command line changes."""
    given = dict(option.partition("=")[::2] for option in arguments.config)
    return site_of(Path()).model_copy(update=given)


def study_and_targets(words: Sequence[str], option: str | None) -> tuple[str | None, list[str]]:
    """Return the study that a command line names, if any, and the targets.

    Args:
        words: studies and targets in any order.
        option: the study given as --study.
    Raises:
        ConfigError: two studies are named.
    """
    targets = [word for word in words if word in TARGETS or ("/" in word and not word.endswith(YAML))]
    studies = [*(word for word in words if word not in targets), *([option] if option else [])]
    if len(studies) > 1:
        raise ConfigError(
            f"{' and '.join(studies)}: name one study; targets are files below results/, `partial` and `all`."
        )
    return (studies[0] if studies else None), targets


def _explain(outcome: WorkflowRun, log: Path) -> None:
    """Say why Snakemake itself did not run the study; failures of jobs are part of the last screen."""
    if outcome.status == 0 or outcome.failed:
        return
    for line in [f"error: {told}" for told in outcome.told] or [*outcome.last, f"See {log}"]:
        print(line, file=sys.stderr)
