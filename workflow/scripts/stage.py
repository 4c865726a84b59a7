"""What every stage's script has in common: its command line, its log, its errors."""

import argparse
import json
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from prunepipe.errors import PrunepipeError


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
    parser.add_argument("--device", default="cpu", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1)
    arguments = vars(parser.parse_args())
    settings: dict[str, Any] = arguments.pop("settings")
    try:
        main(SimpleNamespace(**arguments), settings)
    except PrunepipeError as error:
        sys.exit(f"error: {error}")
