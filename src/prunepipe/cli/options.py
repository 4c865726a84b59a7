"""Arguments that commands share: the study, cores, time, images, numbers and keyword arguments."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prunepipe.execution.cores import usable_cores

if TYPE_CHECKING:
    from prunepipe.networks.shapes import ImageSize

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def add_images(parser: argparse.ArgumentParser, when: str, channels: str, classes: str, size: str) -> None:
    """Declare the images that a network is built for; `when` and the defaults are words of the help."""
    add = parser.add_argument
    add("--channels", type=count, metavar="N", help=f"{when}: number of image channels (default: {channels})")
    add("--classes", type=count, metavar="N", help=f"{when}: number of classes (default: {classes})")
    sides = f"{when}: side of the images, or HEIGHTxWIDTH (default: {size})"
    add("--image-size", type=image_size, metavar="PIXELS", help=sides)


def count(text: str) -> int:
    """Return a whole number above 0.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' must be a number above 0")
    return int(text)


def cores(text: str) -> int:
    """Return the number of cores that the user asks for.

    Raises:
        ArgumentTypeError: it is neither a number above 0 nor `all`.
    """
    try:
        return usable_cores() if text == "all" else count(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, or `all`") from error


def image_size(text: str) -> ImageSize:
    """Return the size of images, for example 32 or 16x48.

    Raises:
        ArgumentTypeError: it is not of that form.
    """
    found = re.fullmatch(r"([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?", text)
    if not found:
        raise argparse.ArgumentTypeError(
            f"'{text}' must be a number of pixels, or HEIGHTxWIDTH, such as 16x48"
        )
    height, width = int(found[1]), int(found[2] or found[1])
    return height if height == width else (height, width)


def keyword_arguments(option: str, given: Sequence[str]) -> dict[str, Any]:
    """Return the keyword arguments that an option such as `--option` names, each as KEY=VALUE.

    Raises:
        ConfigError: one of them is not of that form, or its value is not YAML.
    """
    import yaml

    from prunepipe.errors import ConfigError

    parts = [text.partition("=") for text in given]
    for text, (key, equals, _) in zip(given, parts, strict=True):
        if not equals or not key.isidentifier():
            raise ConfigError(f"{option} {text}: must be KEY=VALUE, for example {option} temperature=100.")
    try:
        return {key: yaml.safe_load(value) for key, _, value in parts}
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        raise ConfigError(f"{option} {' '.join(given)}: a value cannot be read as YAML: {told}") from error


def seconds(text: str) -> float:
    """Return a time such as 90s, 30m, 2h or 1d in seconds.

    Raises:
        ArgumentTypeError: it is not of that form.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"'{text}' is not a time; write 90s, 30m, 2h or 1d")
    return float(found[1]) * UNITS[found[2]]


def add_study(parser: argparse.ArgumentParser) -> None:
    """Declare the study, which is named as STUDY or, as `try` and `judge` do, by --study."""
    named = parser.add_mutually_exclusive_group()
    named.add_argument(
        "study",
        nargs="?",
        metavar="STUDY",
        default=argparse.SUPPRESS,  # otherwise its default would overwrite what --study says
        help="a name in config/ or a .yaml file (default: the study that config.yaml names)",
    )
    named.add_argument("--study", help="another way to name the study")


def add_cores(parser: argparse.ArgumentParser) -> None:
    """Declare `--cores`."""
    parser.add_argument(
        "--cores",
        type=cores,
        default=usable_cores(),
        metavar="N",
        help="number of jobs to run in parallel, or `all` for one per core (default: %(default)s)",
    )


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Declare `--budget`."""
    parser.add_argument(
        "--budget",
        type=seconds,
        metavar="TIME",
        help="stop after this time, such as 90s, 30m or 2h; the same command continues (default: no limit)",
    )
