"""Build the network that a file is for; what the file itself tells of its images and classes need not be said."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from prunepipe.errors import ConfigError
from prunepipe.plugins import call, load_function
from prunepipe.pruning.audit.subject import NamedTensors
from prunepipe.seeds import seeded_globals

IMAGE_SIZE = 32
"""Side of the images where none is said, pixels."""


@dataclass(frozen=True)
class NetworkRequest:
    """Which network a file is for.

    Attributes:
        reference: "package.module:build" or "file.py:build".
        image_size: height and width of the images, pixels.
        channels, classes: None: as the file's first convolution and last Linear layer say.
        options: further keyword arguments of the builder.
    """

    reference: str
    image_size: int = IMAGE_SIZE
    channels: int | None = None
    classes: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def build_network(request: NetworkRequest, named: NamedTensors) -> tuple[nn.Module, tuple[int, int, int]]:
    """Build a network, whose weights do not matter, and say which images it is for.

    Args:
        request: which.
        named: the file that it must fit.
    Returns:
        The network, and the shape of an image (channels, height, width).
    Raises:
        ConfigError: the builder cannot be loaded or called, or returns no module.
    """
    shapes = [tuple(value.shape) for value in {**named.weights, **named.masks}.values()]
    channels = request.channels or _channels(shapes)
    classes = request.classes or _classes(shapes)
    facts = {"channels": channels, "classes": classes, "image_size": request.image_size}
    arguments = {**_taken(request.reference, facts), **request.options}
    try:
        with seeded_globals(0, "audit"):
            built = call("network", request.reference, **arguments)
    except TypeError as error:
        raise ConfigError(f"network {request.reference}: {error}. Fix --network-options.") from error
    if not isinstance(built, nn.Module):
        raise ConfigError(
            f"network {request.reference} returned {type(built).__name__}, expected a torch.nn.Module."
        )
    return built, (channels, request.image_size, request.image_size)


def _taken(reference: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that a builder takes: a class such as `ResNet18` may take none."""
    parameters = inspect.signature(load_function(reference)).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return dict(facts)
    return {name: value for name, value in facts.items() if name in parameters}


def _channels(shapes: list[tuple[int, ...]]) -> int:
    """Return the channels of the images: few of a network's kernels read 3 or 1, and its first one does."""
    inputs = [shape[1] for shape in shapes if len(shape) == 4]
    return next((count for count in (3, *inputs) if count in inputs), 3)


def _classes(shapes: list[tuple[int, ...]]) -> int:
    rows = [shape[0] for shape in shapes if len(shape) == 2]
    return rows[-1] if rows else 10
