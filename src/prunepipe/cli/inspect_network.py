"""`prunepipe inspect NETWORK`: every parameter of a network, whether it is pruned, and why."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from prunepipe.cli.options import add_images

if TYPE_CHECKING:
    from prunepipe.networks.parameters import ParameterRow
    from prunepipe.stages.schemas.network import NetworkSettings


IMAGES: dict[str, Any] = {"channels": 3, "classes": 10, "image_size": 32}
"""The images that a network is built for, unless the command line or a study says otherwise."""


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that only a network has."""
    parser.add_argument("--study", help="for a network: study that gives its options and its images")
    defaults = (f"the study's, or {value}" for value in IMAGES.values())
    add_images(parser, "for a network", *defaults)


def describe_network(arguments: argparse.Namespace) -> str:
    """Return the table of a network's parameters.

    Raises:
        ConfigError: the network is unknown, cannot be built or cannot be pruned.
    """
    from prunepipe.networks.building import make_network
    from prunepipe.networks.choice import PrunableChoice
    from prunepipe.networks.parameters import parameter_rows
    from prunepipe.networks.shapes import sides

    settings, images = _settings(arguments)
    choice = PrunableChoice(**settings.prunable)
    network = make_network(settings.reference, **images, options=settings.options, choice=choice)
    size = " x ".join(map(str, sides(images["image_size"])))
    head = f"{arguments.run} for {images['channels']} channels, {images['classes']} classes, {size} pixels"
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


def _settings(arguments: argparse.Namespace) -> tuple[NetworkSettings, dict[str, Any]]:
    """Return how to build the network, and the images that it is built for."""
    from prunepipe.cli.workflow import study_file
    from prunepipe.errors import ConfigError
    from prunepipe.stages.schemas.network import NetworkSettings
    from prunepipe.stages.settings import network_settings
    from prunepipe.study.feasibility import facts_of
    from prunepipe.study.loading import load_study
    from prunepipe.study.names import network_row

    name, images = arguments.run, IMAGES
    if arguments.study:
        study = load_study(study_file(arguments.study))
        if name not in study.networks:
            raise ConfigError(
                f"--study {arguments.study}: has no network '{name}'; it has {', '.join(study.networks)}."
            )
        settings = network_settings(study, name)
        facts = facts_of(study, next(iter(study.datasets)))
        images = {key: getattr(facts, key) for key in IMAGES} if facts else IMAGES
    else:
        try:
            settings = NetworkSettings(reference=network_row(name).function)
        except ValueError as error:
            raise ConfigError(f"{name} is neither a run's folder nor a network: {error}") from error
    given = {key: getattr(arguments, key) for key in IMAGES}
    return settings, images | {key: value for key, value in given.items() if value}
