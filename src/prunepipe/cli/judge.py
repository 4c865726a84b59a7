"""`prunepipe judge`: one command from a function to a verdict."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunepipe.cli.given_method import add_mask_arguments, given_method, refuse_mask_options
from prunepipe.cli.method import add_method_arguments, read_method
from prunepipe.cli.options import add_budget, add_cores, count
from prunepipe.cli.workflow import study_file

if TYPE_CHECKING:
    from prunepipe.cli.derived_study import Method
    from prunepipe.study.study import Study

FOLDER = "judged"
"""The folder of judged methods, one subfolder each, so that your own study in results/ is not touched."""

SITE_HEAD = "# Written by prunepipe judge, which overwrites this file unless you remove this line.\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_method_arguments(parser, required=False)
    add_mask_arguments(parser)
    _add_execution(parser)


def _add_execution(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name", help="name of the method in the results (default: the function's or file's)"
    )
    parser.add_argument(
        "--seeds",
        type=count,
        metavar="N",
        help="number of repetitions, at most (default: as many as the last look takes)",
    )
    parser.add_argument(
        "--looks",
        type=looks,
        metavar="N,N,...",
        help="numbers of seeds after which verdicts are drawn (default: the study's if it has several, else "
        "3,5,8,12,20)",
    )
    add_budget(parser)
    add_cores(parser)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help=f"folder of the study, the results and the log (default: {FOLDER}/NAME)",
    )
    parser.add_argument(
        "--upgrade-results", action="store_true", help="continue with results of another version of prunepipe"
    )
    parser.add_argument(
        "--dry-run",
        "-n",
        action="store_true",
        help="write the study, and show what would run for the next look",
    )


def looks(text: str) -> tuple[int, ...]:
    """Return numbers of seeds from a list such as 3,5,8.

    Raises:
        ArgumentTypeError: it is not a list of numbers; the study validates them.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of numbers; write 3,5,8") from error


def run(arguments: argparse.Namespace) -> int:
    """Judge a method; return 0 unless a run failed."""
    from prunepipe.study.loading import load_study

    base = load_study(study_file(arguments.study))
    limits = {"seeds": arguments.seeds, "looks": arguments.looks}
    if arguments.mask:
        method, values, text = given_method(arguments, base, limits)
        print(text, end="\n\n", flush=True)
    else:
        refuse_mask_options(arguments)
        method, values = _tried(arguments, base, limits)
    folder: Path = (arguments.output or Path(FOLDER) / method.name).resolve()
    file = folder / f"{method.name}.yaml"
    _write(file, values)
    _tell_controls(values)
    return _decide(arguments, file, method)


def _tried(
    arguments: argparse.Namespace, base: Study, limits: dict[str, Any]
) -> tuple[Method, dict[str, Any]]:
    """Return a method and the study that judges it, after a trial unless both are built in."""
    from prunepipe.cli.derived_study import derived_study
    from prunepipe.cli.trial import tried_method
    from prunepipe.plugins import is_external
    from prunepipe.study.controls import known_kinds
    from prunepipe.study.names import score_row

    method = read_method(arguments, arguments.name)
    choices = {**limits, "prune_ratios": arguments.prune_ratio}
    _require_valid(derived_study(base, method, **choices))
    kinds: list[dict[str, int]] = []
    if is_external(score_row(method.score).function) or known_kinds(base) is None:
        # Tried first, so that mistakes in a method are not found only after the controls have been trained.
        print(f"Trying {method.score}, without training ...", flush=True)
        method, text, kinds = tried_method(arguments, method)
        print(text, end="\n\n", flush=True)
    return method, derived_study(base, method, kinds=kinds, **choices)


def _decide(arguments: argparse.Namespace, file: Path, method: Method) -> int:
    """Run the study until the method is judged."""
    from prunepipe.cli.deciding import Work, decide, dry_run
    from prunepipe.cli.ending import finish
    from prunepipe.cli.screen import screen_of
    from prunepipe.cli.shown import near
    from prunepipe.study.loading import load_study

    choices = {"data_folder": str(Path(arguments.data_folder).resolve()), "device": arguments.device}
    _keep_site(file.parent / "config.yaml", {"study": file.name, **choices})
    site = [f"{key}={value}" for key, value in choices.items()]
    site += ["upgrade_results=true"] if arguments.upgrade_results else []
    log = file.parent / "judge.log"
    prepared = choices["data_folder"]
    work = Work(load_study(file), file, file.parent, log, arguments.cores, site, prepared, method.name)
    if arguments.dry_run:
        return dry_run(work)
    print(f"Judging {method.name} ({method.score}): study {near(file)}, log {near(log)}", flush=True)
    return finish(work, decide(work, screen_of(), budget=arguments.budget))


def _tell_controls(values: dict[str, Any]) -> None:
    from prunepipe.study.controls import WITHOUT_FIXED_SHARES

    rows = {name: values["tickets"][name] for name in WITHOUT_FIXED_SHARES}
    other = {name: row["allocation"] for name, row in rows.items() if "allocation" in row}
    if other:
        told = ", ".join(f"{allocation} for {name}" for name, allocation in other.items())
        print(
            f"Linear layers hold nearly all weights, so the controls use other allocations: {told}.",
            flush=True,
        )


def _require_valid(values: dict[str, Any]) -> None:
    """Validate a study before anything is written.

    Raises:
        ConfigError: it has a mistake, or cannot reach a look.
    """
    from prunepipe.planning.next_look import require_a_look
    from prunepipe.study.loading import study_of

    require_a_look(study_of(values, values["name"]))


def _write(path: Path, values: dict[str, Any]) -> None:
    """Write a study after validating it; a mistake on the command line leaves the file unchanged."""
    import yaml

    _require_valid(values)
    text = yaml.safe_dump(values, sort_keys=False, width=100)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _keep_site(path: Path, values: dict[str, Any]) -> None:
    """Write the site configuration, so that `prunepipe run` in that folder does the same; keep the user's own file."""
    import yaml

    if not path.is_file() or path.read_text(encoding="utf-8").startswith(SITE_HEAD):
        path.write_text(SITE_HEAD + yaml.safe_dump(values, sort_keys=False, width=1000), encoding="utf-8")
