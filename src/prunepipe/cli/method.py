"""The command-line options of a method, which `prunepipe try` and `prunepipe judge` share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunepipe.cli.derived_study import Method


def add_method_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Declare the options that describe a method, which may be left out unless it is `required`."""
    parser.add_argument(
        "score",
        nargs=None if required else "?",
        help="path/to/file.py:name, package.module:name, or a built-in score; a function, a class or an object with "
        "`score` that returns scores or a mask, or prunes with torch.nn.utils.prune",
    )
    parser.add_argument(
        "--study",
        default="quickstart",
        help="data set, network and recipe: quickstart, fashion, or a .yaml file",
    )
    parser.add_argument(
        "--start",
        help="weights that retraining starts from: init (the default), final, 'epoch K', or 'file PATH'",
    )
    parser.add_argument("--scored", help="weights that are scored; default: same as --start")
    parser.add_argument(
        "--allocation",
        help="how kept weights are distributed over layers; default: global for scores, constructed for a mask",
    )
    parser.add_argument(
        "--reads",
        choices=("none", "balanced", "training_set"),
        help="images that the score receives; default: a few per class",
    )
    _add_reading_arguments(parser)
    _add_trial_arguments(parser)


def _add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how its answer is read, and for which prune ratios."""
    parser.add_argument("--rounds", type=int, help="rounds of iterative pruning")
    parser.add_argument(
        "--missing",
        choices=("refuse", "keep"),
        help="what to do with weights that it does not score; default: refuse",
    )
    parser.add_argument(
        "--zeros",
        choices=("refuse", "removed"),
        help="removed: zeros in a returned network are its mask; default: refuse",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="keyword argument of the score; may be repeated",
    )
    parser.add_argument(
        "--prune-ratio",
        type=share,
        action="append",
        help="share of the weights to remove; may be repeated; default: the study's first",
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
        help="time limit for a call of the method when it is tried (default: %(default)g)",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--data-folder", default="data", help="raw data and prepared data sets (default: %(default)s)"
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
    choices: dict[str, Any] = {"score_options": _options(arguments.option)}
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


def _options(given: list[str]) -> dict[str, Any]:
    import yaml

    from prunepipe.errors import ConfigError

    parts = [option.partition("=") for option in given]
    for option, (key, equals, _) in zip(given, parts, strict=True):
        if not equals or not key.isidentifier():
            raise ConfigError(f"--option {option}: must be KEY=VALUE, for example --option temperature=100.")
    try:
        return {key: yaml.safe_load(value) for key, _, value in parts}
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        raise ConfigError(f"--option {' '.join(given)}: a value cannot be read as YAML: {told}") from error
