"""`prunepipe try`: show in seconds, without training, what a method would do or what is wrong with it."""

from __future__ import annotations

import argparse
import shlex

from prunepipe.cli.method import add_method_arguments, read_method


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_method_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Try the method and print what it would do."""
    from prunepipe.cli.trial import tried_method

    _, text, _ = tried_method(arguments, read_method(arguments))
    print(text)
    print(f"\nNothing was trained. Next: {shlex.join(['prunepipe', 'judge', *arguments.given])}")
    return 0
