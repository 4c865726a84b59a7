"""Build a network from a reference to its builder; the global random state stays as it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy

from prunepipe.errors import ConfigError
from prunepipe.networks.choice import EVERYTHING, PrunableChoice
from prunepipe.networks.prunable import choose
from prunepipe.networks.shapes import ImageSize
from prunepipe.plugins import call, load_function
from prunepipe.seeds import seeded_globals


def make_network(
    reference: str,
    *,
    channels: int,
    classes: int,
    image_size: ImageSize,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    draw: str = "init",
    choice: PrunableChoice = EVERYTHING,
) -> nn.Module:
    """Build a network with the weights that its constructor draws; `initialisation.initialise` draws the final ones.

    Args:
        reference: "package.module:build" or "path/to/file.py:build".
        channels: image channels.
        classes: classes, the number of logits.
        image_size: side of square images, pixels; (height, width) of others.
        options: further keyword arguments of the builder, for example {"width": 0.5}.
        choice: which weights to prune.
        seed, draw: the stream that the constructor draws from: "init", or "reinit" for a second draw.
    Returns:
        A network on the CPU in training mode; the global random state is as it was.
    Raises:
        ConfigError: the builder does not accept an option or does not return a torch module, the network has a lazy
            layer, or the choice does not fit the network.
    """
    arguments = {"channels": channels, "classes": classes, "image_size": image_size, **(options or {})}
    network = call_builder(reference, arguments, seed=seed, draw=draw)
    choose(network, choice)
    return network.train()


def call_builder(
    reference: str, arguments: Mapping[str, Any], *, seed: int = 0, draw: str = "init"
) -> nn.Module:
    """Call a builder and return its network.

    Args:
        reference: "package.module:build" or "path/to/file.py:build".
        arguments: keyword arguments of the builder.
        seed, draw: the stream that the constructor draws from.
    Raises:
        ConfigError: as `make_network`.
    """
    _require_accepted(reference, load_function(reference), arguments)
    # Modules draw their weights from the global stream when they are made.
    with seeded_globals(seed, draw):
        network = call("network", reference, **arguments)
    if not isinstance(network, nn.Module):
        raise ConfigError(
            f"its builder {reference} returned {type(network).__name__}, expected a torch.nn.Module."
        )
    _refuse_lazy(network)
    return network


def _refuse_lazy(network: nn.Module) -> None:
    for name, parameter in [*network.named_parameters(), *network.named_buffers()]:
        if is_lazy(parameter):
            raise ConfigError(
                f"'{name}' is of a lazy module, which has no weights before it has seen an image. Give the layer its "
                "size, or run the network once inside the builder: network(torch.zeros(1, channels, height, width))."
            )


def _require_accepted(reference: str, build: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    signature = inspect.signature(build)
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise ConfigError(
            f"its builder {reference} takes {signature}, which does not fit its options ({error}). "
            "Fix the options of the network."
        ) from error
