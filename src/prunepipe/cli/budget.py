"""The option `--budget`: how long a command may run."""

from __future__ import annotations

import argparse
import re

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """Return a time such as 90s, 30m, 2h or 1d in seconds.

    Raises:
        ArgumentTypeError: it is not of that form.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"'{text}' is not a time; write 90s, 30m, 2h or 1d")
    return float(found[1]) * UNITS[found[2]]


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--budget",
        type=seconds,
        metavar="TIME",
        help="stop after this time, for example 30m; repeat the command to continue (default: no limit)",
    )
