"""The command-line options of a method, which `prunepipe try` and `prunepipe judge` share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunepipe.cli.options import count, keyword_arguments

if TYPE_CHECKING:
    from prunepipe.cli.derived_study import Method


def add_method_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Declare the options that describe a method, which may be left out unless it is `required`."""
    parser.add_argument(
        "score",
        nargs=None if required else "?",
        help="the method: path/to/file.py:NAME, package.module:NAME or a built-in score; NAME is a function, class or "
        "an object with a method `score`, which returns scores or a mask, or prunes with torch.nn.utils.prune",
    )
    parser.add_argument(
        "--study",
        default="quickstart",
        help="study that gives data set, network and recipe: a name in config/ or a .yaml file (default: %(default)s)",
    )
    parser.add_argument(
        "--start",
        metavar="POINT",
        help="weights that retraining starts from: init, final or 'epoch K' of the dense run, or 'file PATH' (default: "
        "init)",
    )
    parser.add_argument(
        "--scored", metavar="POINT", help="weights that are scored, named as for --start (default: the same)"
    )
    parser.add_argument(
        "--allocation",
        metavar="NAME",
        help="how the kept weights are distributed over the layers: a built-in name or file.py:NAME (default: global "
        "for scores, constructed for a mask)",
    )
    parser.add_argument(
        "--reads",
        choices=("none", "balanced", "training_set"),
        help="training images that the score receives: none, a few per class, or all (default: balanced, or what a "
        "built-in score reads)",
    )
    _add_reading_arguments(parser)
    _add_trial_arguments(parser)


def _add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how its answer is read, and for which prune ratios."""
    parser.add_argument(
        "--rounds",
        type=count,
        metavar="N",
        help="number of rounds of iterative pruning (default: 1, or a built-in score's own)",
    )
    parser.add_argument(
        "--missing",
        choices=("refuse", "keep"),
        help="weights that the method does not score: refuse the method, or keep them all (default: refuse)",
    )
    parser.add_argument(
        "--zeros",
        choices=("refuse", "removed"),
        help="zeros in a network that the method returns: refuse it, or take them as removed (default: refuse)",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="keyword argument for the method; may be repeated",
    )
    parser.add_argument(
        "--prune-ratio",
        type=share,
        action="append",
        metavar="RATIO",
        help="share of the weights to remove, from 0 to below 1; may be repeated (default: the study's first)",
    )


def share(text: str) -> float:
    """Return a prune ratio.

    Raises:
        ArgumentTypeError: it is no number from 0 to below 1; the study checks the rest.
    """
    number = text.removesuffix("%").strip()
    try:
        given = float(number)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no number; write 0.95") from error
    if 0 <= given < 1 and number == text:
        return given
    hint = f"; for {given:g} percent write {given / 100:g}" if 0 < given < 100 else ""
    raise argparse.ArgumentTypeError(f"'{text}' must be a share from 0 to below 1{hint}")


def _add_trial_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where it is tried, and for how long at most."""
    parser.add_argument(
        "--time-limit",
        type=float,
        default=120.0,
        metavar="SECONDS",
        help="seconds that a call of the method may take when it is tried (default: %(default)g)",
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where to compute; auto takes a GPU if there is one (default: %(default)s)",
    )
    parser.add_argument(
        "--data-folder",
        default="data",
        metavar="FOLDER",
        help="folder of raw data and prepared data sets (default: %(default)s)",
    )


def read_method(arguments: argparse.Namespace, name: str | None = None) -> Method:
    """Return the method that the options describe, without loading its code.

    Args:
        arguments: the arguments declared by `add_method_arguments`.
        name: name of the method; default: the function's.

    Raises:
        ConfigError: an option or a name is invalid.
    """
    from prunepipe.cli.derived_study import Method, method_name, require_own_name
    from prunepipe.errors import ConfigError
    from prunepipe.study.names import score_row

    try:
        reference = score_row(arguments.score).function
    except ValueError as error:
        raise ConfigError(_file_alone(arguments.score) or str(error)) from error
    place = reference.rpartition(":")[0]
    if place.endswith(".py") and not Path(place).is_file():
        raise ConfigError(f"'{arguments.score}': no file {place} in {Path.cwd()}.")
    choices: dict[str, Any] = {"score_options": keyword_arguments("--option", arguments.option)}
    choices |= {key: getattr(arguments, key) for key in ("reads", "rounds", "missing", "zeros")}
    return Method(
        score=arguments.score,
        name=require_own_name(name) if name else method_name(arguments.score),
        start=arguments.start or "init",
        scored=arguments.scored or arguments.start or "init",
        allocation=arguments.allocation or "global",
        choices={key: value for key, value in choices.items() if value},
    )


def _file_alone(score: str) -> str:
    """Return what to say of a score that names a file but none of its functions; empty if it names no file."""
    file = next(
        (path for path in (Path(score), Path(f"{score}.py")) if path.suffix == ".py" and path.is_file()), None
    )
    return f"'{score}': which function of {file}? Write {file}:NAME." if file else ""
