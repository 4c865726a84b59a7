"""`prunepipe inspect NETWORK`: every parameter of a network, whether it is pruned, and why."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prunepipe.networks.parameters import ParameterRow
    from prunepipe.networks.shapes import ImageSize
    from prunepipe.stages.schemas.network import NetworkSettings


@dataclass(frozen=True)
class Asked:
    """The network that the command line asks for.

    Attributes:
        name: what the user calls it.
        settings: how to build it, as in the settings of a stage.
        channels, classes, image_size: of the images that it is built for.
    """

    name: str
    settings: NetworkSettings
    channels: int
    classes: int
    image_size: ImageSize


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that only a network has."""
    parser.add_argument("--study", help="of a network: take its row, and the images, from this study")
    parser.add_argument("--channels", type=int, help="of a network: image channels (default: 3)")
    parser.add_argument("--classes", type=int, help="of a network: classes (default: 10)")
    parser.add_argument("--image-size", help="of a network: pixels, 32 or 16x48 (default: 32)")


def describe_network(arguments: argparse.Namespace) -> str:
    """Return the table of a network's parameters.

    Raises:
        ConfigError: the network is unknown, cannot be built or cannot be pruned.
    """
    from prunepipe.networks.building import make_network
    from prunepipe.networks.choice import PrunableChoice
    from prunepipe.networks.parameters import parameter_rows

    asked = _asked(arguments)
    network = make_network(
        asked.settings.reference,
        channels=asked.channels,
        classes=asked.classes,
        image_size=asked.image_size,
        options=asked.settings.options,
        choice=PrunableChoice(**asked.settings.prunable),
    )
    head = f"{asked.name} for {asked.channels} channels, {asked.classes} classes, {_size(asked.image_size)} pixels"
    return "\n".join([head, "", *table(parameter_rows(network))])


def table(rows: list[ParameterRow]) -> list[str]:
    """Return the rows and their totals as text."""
    from prunepipe.networks.parameters import TOLERATED

    total = sum(row.size for row in rows)
    width = max(len("parameter"), *(len(row.name) for row in rows))
    shapes = ["x".join(map(str, row.shape)) or "1" for row in rows]
    lines = [f"  {'parameter':<{width}} {'shape':>16} {'weights':>12} {'share':>8}  pruned  why"]
    for row, shape in zip(rows, shapes, strict=True):
        answer = "yes" if row.pruned else "no"
        lines.append(
            f"  {row.name:<{width}} {shape:>16} {row.size:>12,} {row.size / total:>8.2%}  {answer:<6}  {row.why}"
        )
    pruned = sum(row.size for row in rows if row.pruned)
    matrices = sum(row.size for row in rows if len(row.shape) > 1)
    dense = sum(row.size for row in rows if row.unasked)
    lines += [
        "",
        f"{pruned:,} of {total:,} parameters count towards a prune ratio ({pruned / total:.2%}).",
    ]
    if dense > TOLERATED * matrices:
        lines.append(
            f"Note: {dense / matrices:.0%} of the weights in matrices stay dense because their layers are of no "
            "prunable type."
        )
    return lines


def _asked(arguments: argparse.Namespace) -> Asked:
    from prunepipe.cli.workflow import study_file
    from prunepipe.errors import ConfigError
    from prunepipe.stages.schemas.network import NetworkSettings
    from prunepipe.stages.settings import network_settings
    from prunepipe.study.feasibility import facts_of
    from prunepipe.study.loading import load_study
    from prunepipe.study.names import network_row

    name, facts, side = arguments.run, None, 32
    if arguments.study:
        study = load_study(study_file(arguments.study))
        if name not in study.networks:
            raise ConfigError(
                f"--study {arguments.study}: has no network '{name}'; it has {', '.join(study.networks)}."
            )
        settings = network_settings(study, name)
        facts = facts_of(study, next(iter(study.datasets)))
        side = facts.image_size if facts else side
    else:
        try:
            settings = NetworkSettings(reference=network_row(name).function)
        except ValueError as error:
            raise ConfigError(f"{name} is neither a run's folder nor a network: {error}") from error
    return Asked(
        name,
        settings,
        arguments.channels or (facts.channels if facts else 3),
        arguments.classes or (facts.classes if facts else 10),
        _read_size(arguments.image_size) if arguments.image_size else side,
    )


def _read_size(text: str) -> ImageSize:
    from prunepipe.errors import ConfigError

    found = re.fullmatch(r"([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?", text)
    if not found:
        raise ConfigError(
            f"--image-size {text}: must be a number of pixels, or HEIGHTxWIDTH, for example 16x48."
        )
    height, width = int(found[1]), int(found[2] or found[1])
    return height if height == width else (height, width)


def _size(image_size: ImageSize) -> str:
    from prunepipe.networks.shapes import sides

    return " x ".join(map(str, sides(image_size)))
