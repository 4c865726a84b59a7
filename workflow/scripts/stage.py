"""What every stage's script has in common: its command line, its log, its errors."""

import argparse
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from prunepipe.errors import PrunepipeError
from prunepipe.pipeline.execution import Execution
from prunepipe.progress import StopRequestedError


def run(
    description: str | None, main: Callable[..., None], *files: str, optional: tuple[str, ...] = ()
) -> None:
    """Run one stage from the command line; a user's mistake ends it with a message and status 1.

    Args:
        description: the script's docstring, shown by --help.
        main: called with the paths, as attributes, and the settings.
        files: names of the stage's input and output files, each a required option.
        optional: names of files that may be left out.
    """
    parser = argparse.ArgumentParser(description=description)
    for name in (*files, *optional):
        parser.add_argument(f"--{name}", metavar="FILE", required=name in files)
    parser.add_argument("--settings", metavar="JSON", type=json.loads, default={}, help="what to do, as JSON")
    for field in fields(Execution):
        option = "--" + field.name.replace("_", "-")
        parser.add_argument(option, type=Path if field.default is None else type(field.default), default=field.default)
    parser.add_argument("--gpus", type=int, default=0, help="GPUs to lease for this job")
    parser.add_argument("--jobs-per-gpu", type=int, default=1, help="jobs that may share a GPU")
    arguments = vars(parser.parse_args())
    settings: dict[str, Any] = arguments.pop("settings")
    execution = Execution(**{field.name: arguments.pop(field.name) for field in fields(Execution)})
    # Loaded by name, so that how GPUs are shared is no part of any stage's code version.
    lease = import_module("prunepipe.leases").lease_devices(
        arguments.pop("gpus"),
        jobs_per_device=arguments.pop("jobs_per_gpu"),
        required=execution.device == "cuda",
        say=partial(print, flush=True),
    )
    try:
        with lease:
            main(SimpleNamespace(**arguments, execution=execution), settings)
    except PrunepipeError as error:
        sys.exit(f"error: {error}")
    except StopRequestedError as stop:
        print(stop)
        sys.exit(128 + signal.SIGTERM)
