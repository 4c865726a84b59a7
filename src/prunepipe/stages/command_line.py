"""The command line, logging and error handling that all stage scripts share."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from importlib import import_module
from pathlib import Path
from types import NoneType, SimpleNamespace
from typing import Any

from prunepipe.errors import PrunepipeError
from prunepipe.stages.execution import Execution
from prunepipe.training.checkpoint import StopRequestedError
from prunepipe.validation import Strict, parsed

KINDS: dict[type, Callable[[str], Any]] = {
    NoneType: Path,
    str: str,
    int: int,
    float: float,
    bool: lambda text: bool(int(text)),
}
"""How to parse an option, by the type of its default."""


def run(
    description: str | None,
    main: Callable[..., None],
    *files: str,
    optional: tuple[str, ...] = (),
    settings: type[Strict] | None = None,
) -> None:
    """Run one stage from the command line; a user's mistake ends in a message and exit status 1.

    Args:
        description: the script's docstring, shown by --help.
        main: called with the paths, as attributes, and the settings, if any.
        files: names of the stage's input and output files, each a required option.
        optional: names of files that may be omitted.
        settings: model of the stage's settings; None if it needs only files.
    """
    _leave_scripts_folder(main)
    started = time.monotonic()
    arguments = vars(_parser(description, files, optional, settings is not None).parse_args())
    told: str = arguments.pop("settings", "")
    log: str | None = arguments.pop("log")
    execution = Execution(**{field.name: arguments.pop(field.name) for field in fields(Execution)})
    # Loaded by name, so that code that shares GPUs and measures usage does not count as code of the stages.
    lease = import_module("prunepipe.execution.leases").lease_devices(
        arguments.pop("gpus"),
        jobs_per_device=arguments.pop("jobs_per_gpu"),
        required=execution.device == "cuda",
        say=partial(print, flush=True),
    )
    try:
        # Read first: nobody should wait for a GPU only to learn of a mistake.
        values = [] if settings is None else [parsed(settings, told, "--settings")]
        with lease:
            main(SimpleNamespace(**arguments, execution=execution), *values)
        if log:
            usage = Path(log).with_suffix(".benchmark.jsonl")
            import_module("prunepipe.execution.resource_usage").write_usage(usage, started)
    except PrunepipeError as error:
        sys.exit(f"error: {error}")
    except StopRequestedError as stop:
        print(stop)
        sys.exit(128 + signal.SIGTERM)


def _parser(
    description: str | None, files: Sequence[str], optional: Sequence[str], has_settings: bool
) -> argparse.ArgumentParser:
    """Return the parser of a stage's options; the arguments are those of `run`."""
    parser = argparse.ArgumentParser(description=description)
    for name in (*files, *optional):
        given = name in files
        parser.add_argument(f"--{name}", metavar="FILE", required=given, nargs=None if given else "?")
    if has_settings:
        parser.add_argument(
            "--settings", metavar="JSON", required=True, help="what to do: JSON, or the name of a JSON file"
        )
    for field in fields(Execution):
        add_execution_option(parser, field.name, KINDS[type(field.default)], field.default)
    add_execution_option(parser, "gpus", int, 0)
    add_execution_option(parser, "jobs_per_gpu", int, 1)
    parser.add_argument(
        "--log", metavar="FILE", help="time and memory are written next to it, .benchmark.jsonl"
    )
    return parser


def _leave_scripts_folder(main: Callable[..., None]) -> None:
    """Remove the folder of the scripts from the import path, so that our `mask.py` does not shadow the user's."""
    script = Path(main.__code__.co_filename)
    if script.is_file():
        sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != script.resolve().parent]


def add_execution_option(
    parser: argparse.ArgumentParser, name: str, kind: Callable[..., Any], default: Any
) -> None:
    """Add an option that says how to run; the workflow passes the site's choice in PRUNEPIPE_<NAME>.

    It is not a parameter of a rule, because it does not change results and must not make them stale.
    """
    variable = "PRUNEPIPE_" + name.upper()
    option = "--" + name.replace("_", "-")
    parser.add_argument(
        option, type=kind, default=os.environ.get(variable, default), help=f"default: ${variable}"
    )
