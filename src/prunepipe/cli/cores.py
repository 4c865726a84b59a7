"""The option `--cores`: how many jobs run in parallel."""

from __future__ import annotations

import argparse

from prunepipe.execution.cores import usable_cores


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


def add_cores(parser: argparse.ArgumentParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--cores",
        type=cores,
        default=usable_cores(),
        help="jobs to run in parallel, or `all` (default: %(default)s)",
    )
