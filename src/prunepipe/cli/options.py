"""Options that commands share: `--cores`, how many jobs run in parallel, and `--budget`, how long a command may run."""

from __future__ import annotations

import argparse
import re

from prunepipe.execution.cores import usable_cores

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def cores(text: str) -> int:
    """Return the number of cores that the user asks for.

    Raises:
        ArgumentTypeError: it is neither a number above 0 nor `all`.
    """
    if text == "all":
        return usable_cores()
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' must be a number above 0, or `all`")
    return int(text)


def seconds(text: str) -> float:
    """Return a time such as 90s, 30m, 2h or 1d in seconds.

    Raises:
        ArgumentTypeError: it is not of that form.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"'{text}' is not a time; write 90s, 30m, 2h or 1d")
    return float(found[1]) * UNITS[found[2]]


def add_cores(parser: argparse.ArgumentParser) -> None:
    """Declare `--cores`."""
    parser.add_argument(
        "--cores",
        type=cores,
        default=usable_cores(),
        help="jobs to run in parallel, or `all` (default: %(default)s)",
    )


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Declare `--budget`."""
    parser.add_argument(
        "--budget",
        type=seconds,
        metavar="TIME",
        help="stop after this time, for example 30m; repeat the command to continue (default: no limit)",
    )
