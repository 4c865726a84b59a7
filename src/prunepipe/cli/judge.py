"""`prunepipe judge`: one command from a function to a verdict."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunepipe.cli.workflow import WorkflowRun, run_watched, snakemake_command, study_file
from prunepipe.execution.cores import usable_cores

if TYPE_CHECKING:
    from prunepipe.cli.derived_study import Method

FOLDER = "judged"
"""Where judged methods lie, one folder each, so that a study of your own in results/ stays as it is."""

SITE_HEAD = "# Written by prunepipe judge; remove this line, and it leaves the file alone.\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    _add_method(parser)
    _add_execution(parser)


def _add_method(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "score", help="path/to/file.py:function, package.module:function, or a built-in score"
    )
    parser.add_argument(
        "--study",
        default="quickstart",
        help="data set, network and recipe: quickstart, fashion, or a .yaml file",
    )
    parser.add_argument(
        "--start", default="init", help="weights that retraining starts from: init, final, or 'epoch K'"
    )
    parser.add_argument("--scored", help="weights that are scored; default: as --start")
    parser.add_argument(
        "--allocation",
        default="global",
        help="how kept weights are spread over layers; constructed: the function returns the mask itself",
    )
    parser.add_argument(
        "--reads",
        choices=("none", "balanced", "training_set"),
        help="images that the score is given; default: a few of each class",
    )
    parser.add_argument("--rounds", type=int, help="rounds of iterative pruning")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="keyword argument of the score; may be repeated",
    )


def _add_execution(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", help="name of the method; default: the function's")
    parser.add_argument(
        "--seeds", type=int, default=5, help="repetitions; more make a sharper verdict (default: %(default)s)"
    )
    parser.add_argument(
        "--prune-ratio",
        type=float,
        action="append",
        help="share of the weights to remove; may be repeated; default: the study's first",
    )
    parser.add_argument(
        "--cores",
        type=int,
        default=usable_cores(),
        help="jobs at a time (default: %(default)s)",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--data-folder", default="data", help="raw data and prepared data sets (default: %(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, help=f"folder of study, results and log; default: {FOLDER}/NAME"
    )
    parser.add_argument(
        "--upgrade-results", action="store_true", help="go on with results of another version of prunepipe"
    )
    parser.add_argument("--dry-run", action="store_true", help="write the study and say what would run")


def run(arguments: argparse.Namespace) -> int:
    """Judge a method; return 0 if everything ran."""
    from prunepipe.cli.derived_study import derived_study
    from prunepipe.cli.verdict import verdict_text
    from prunepipe.results.layout import PARTIAL
    from prunepipe.results.watching import study_progress
    from prunepipe.study.loading import load_study

    base = load_study(study_file(arguments.study))
    method = _method(arguments)
    folder: Path = (arguments.output or Path(FOLDER) / method.name).resolve()
    study = folder / f"{method.name}.yaml"
    prune_ratios = tuple(arguments.prune_ratio) if arguments.prune_ratio else None
    _write(study, derived_study(base, method, arguments.seeds, prune_ratios))
    choices = {"data_folder": str(Path(arguments.data_folder).resolve()), "device": arguments.device}
    _keep_site(folder / "config.yaml", {"study": study.name, **choices})
    site = [f"{key}={value}" for key, value in choices.items()]
    site += ["upgrade_results=true"] if arguments.upgrade_results else []
    cores = ["--cores", str(arguments.cores)]
    if arguments.dry_run:
        return run_watched_dry(snakemake_command(study, folder, *cores, "--dry-run", "--quiet", site=site))
    print(f"Judging {method.name} ({method.score}): study {study}, log {folder / 'judge.log'}", flush=True)
    progress = partial(study_progress, load_study(study), folder)
    command = snakemake_command(study, folder, *cores, site=site)
    outcome = run_watched(command, folder / "judge.log", progress, environment())
    if not outcome.status:
        print(verdict_text(folder / "results"))
        return 0
    _explain_failure(outcome, folder)
    if outcome.failed:
        pages = snakemake_command(study, folder, "partial", *cores, site=site)
        if run_watched(pages, folder / "judge-partial.log", progress, environment()).status == 0:
            print(verdict_text(folder / PARTIAL))
    return 1


def run_watched_dry(command: list[str]) -> int:
    """Let Snakemake print what it would do."""
    import subprocess

    return subprocess.run(command, env=environment(), check=False).returncode


def environment() -> dict[str, str]:
    """Return this process's environment, in which stages also find the packages of this folder."""
    paths = [*filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)), str(Path.cwd())]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def _method(arguments: argparse.Namespace) -> Method:
    from prunepipe.cli.derived_study import Method, absolute, method_name, require_own_name
    from prunepipe.errors import ConfigError
    from prunepipe.plugins import load_function
    from prunepipe.study.names import score_row

    try:
        reference = score_row(arguments.score).function
    except ValueError as error:
        raise ConfigError(str(error)) from error
    name = require_own_name(arguments.name) if arguments.name else method_name(arguments.score)
    # Imported here and now: that a file does not import should not be learnt after the first training.
    function = load_function(absolute(reference))
    try:
        asked = inspect.signature(function).parameters
    except ValueError as error:
        raise ConfigError(
            f"'{arguments.score}': its arguments cannot be read; a score is a function."
        ) from error
    choices: dict[str, Any] = {"score_options": _options(arguments.option), "reads": arguments.reads}
    choices |= {"rounds": arguments.rounds, "per_prune_ratio": bool({"density", "kept_total"} & set(asked))}
    return Method(
        score=arguments.score,
        name=name,
        start=arguments.start,
        scored=arguments.scored or arguments.start,
        allocation=arguments.allocation,
        choices={key: value for key, value in choices.items() if value},
    )


def _options(given: list[str]) -> dict[str, Any]:
    import yaml

    from prunepipe.errors import ConfigError

    parts = [option.partition("=") for option in given]
    for option, (key, equals, _) in zip(given, parts, strict=True):
        if not equals or not key.isidentifier():
            raise ConfigError(f"--option {option}: must be KEY=VALUE, for example --option temperature=100.")
    try:
        return {key: yaml.safe_load(value) for key, _, value in parts}
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        raise ConfigError(f"--option {' '.join(given)}: a value cannot be read as YAML: {told}") from error


def _write(path: Path, values: dict[str, Any]) -> None:
    """Write a study once it is known to be valid; a mistake on the command line leaves the file as it was."""
    from tempfile import TemporaryDirectory

    import yaml

    from prunepipe.errors import ConfigError
    from prunepipe.study.loading import load_study

    text = yaml.safe_dump(values, sort_keys=False, width=100)
    with TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        draft.write_text(text, encoding="utf-8")
        try:
            load_study(draft)
        except ConfigError as error:
            raise ConfigError(str(error).replace(f"{draft}: ", "")) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _keep_site(path: Path, values: dict[str, Any]) -> None:
    """Write how the method is judged, so that `prunepipe run` in that folder does the same; a file of yours stays."""
    import yaml

    if not path.is_file() or path.read_text(encoding="utf-8").startswith(SITE_HEAD):
        path.write_text(SITE_HEAD + yaml.safe_dump(values, sort_keys=False, width=1000), encoding="utf-8")


def _explain_failure(outcome: WorkflowRun, folder: Path) -> None:
    what = f"{outcome.failed} jobs failed; the verdict below is of the finished runs."
    print(f"\n{what if outcome.failed else 'The study did not run.'}", file=sys.stderr)
    for message in outcome.told or [f"see {folder / 'judge.log'}"]:
        print(f"error: {message}", file=sys.stderr)
    print("Run the same command again after the fix: what is finished is not repeated.\n", file=sys.stderr)
