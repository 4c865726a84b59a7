"""Build the network that a file belongs to; image channels and classes are read from the file."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from prunepipe.networks.building import call_builder
from prunepipe.networks.shapes import ImageSize, sides
from prunepipe.plugins import load_function
from prunepipe.pruning.audit.subject import NamedTensors

IMAGE_SIZE = 32
"""Default side of the images, pixels."""


@dataclass(frozen=True)
class NetworkRequest:
    """Which network to build for a file.

    Attributes:
        reference: "package.module:build" or "file.py:build".
        image_size: side of the images, pixels, or (height, width).
        channels, classes: None to read them from the file's first convolution and last Linear layer.
        options: further keyword arguments of the builder.
    """

    reference: str
    image_size: ImageSize = IMAGE_SIZE
    channels: int | None = None
    classes: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def build_network(request: NetworkRequest, named: NamedTensors) -> tuple[nn.Module, tuple[int, int, int]]:
    """Build the network that a file belongs to; its weights do not matter.

    Args:
        request: which network.
        named: tensors of the file.
    Returns:
        The network, and the shape of its images (channels, height, width).
    Raises:
        ConfigError: as `make_network`.
    """
    shapes = [tuple(value.shape) for value in {**named.weights, **named.masks}.values()]
    channels = request.channels or _channels(shapes)
    classes = request.classes or _classes(shapes)
    facts = {"channels": channels, "classes": classes, "image_size": request.image_size}
    arguments = {**_taken(request.reference, facts), **request.options}
    network = call_builder(request.reference, arguments)
    return network, (channels, *sides(request.image_size))


def _taken(reference: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the arguments that a builder accepts; a class such as `ResNet18` may accept none."""
    parameters = inspect.signature(load_function(reference)).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return dict(facts)
    return {name: value for name, value in facts.items() if name in parameters}


def _channels(shapes: list[tuple[int, ...]]) -> int:
    """Return the image channels: 3 if some convolution reads 3 channels, else what the first one reads."""
    inputs = [shape[1] for shape in shapes if len(shape) > 2]
    return next((count for count in (3, *inputs) if count in inputs), 3)


def _classes(shapes: list[tuple[int, ...]]) -> int:
    rows = [shape[0] for shape in shapes if len(shape) == 2]
    return rows[-1] if rows else 10
