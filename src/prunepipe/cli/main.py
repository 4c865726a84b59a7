"""The command line: its commands, and how mistakes are reported."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from prunepipe import __version__

COMMANDS = {
    "try": "show in seconds what your own pruning method would do, or what is wrong with it",
    "judge": "run your own pruning method, or a mask in a file, through the checks, and print the verdict",
    "verdict": "print the verdicts of a finished or running study",
    "plan": "show what a study consists of and what it costs, without running it",
    "inspect": "describe the folder of a run and how to remake it, or list the parameters of a network",
    "audit": "show what a file of masks or weights holds, and what is wrong with it",
    "export": "write the trained network of a run for use in other code",
    "watch": "show the progress of a running study",
    "run": "run a study, or make some of its files, in this folder",
}
"""Each command has a module here, with `add_arguments(parser)` and `run(arguments) -> exit status`."""

MODULES = {"try": "trying"}
"""Modules of commands whose name is a Python keyword."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; default: the process's arguments.

    Returns:
        The exit status: 0, 1 after a mistake or a failed run, 2 for a wrong command line, 3 after an audit's alarm, 130
        if interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser(given)
    if not given:
        parser.print_help(sys.stderr)
        return 2
    parsed = parser.parse_args(given)
    parsed.given = given[1:]
    from prunepipe.errors import PrunepipeError

    try:
        status: int = _module(parsed.command).run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read this has seen enough, as in `prunepipe plan | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains as it ends
        return 1
    except PrunepipeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return status


def _module(command: str) -> Any:
    return import_module(f"prunepipe.cli.{MODULES.get(command, command)}")


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prunepipe",
        description="Is a pruning method sane? Sanity checks of Su et al. (NeurIPS 2020) for any method.",
        epilog="`prunepipe COMMAND --help` explains a command. First steps: `prunepipe try "
        "my_file.py:my_score`, then `prunepipe judge my_file.py:my_score`.",
    )
    parser.add_argument("--version", action="version", version=f"prunepipe {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose[0].upper() + purpose[1:] + ".")
        if name in given:  # import only the module of the chosen command
            _module(name).add_arguments(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
