"""Build a network from the reference of its builder, without touching any global random state."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from prunepipe.errors import ConfigError
from prunepipe.plugins import call, load_function


def make_network(
    reference: str, *, channels: int, classes: int, image_size: int, options: Mapping[str, Any] | None = None
) -> nn.Module:
    """Build a network; its weights mean nothing until `initialisation.initialise` draws them.

    Args:
        reference: "package.module:build" or "path/to/file.py:build".
        channels: image channels.
        classes: classes, the number of logits.
        image_size: height and width of the square images, pixels.
        options: further keyword arguments of the builder, for example {"width": 0.5}.
    Returns:
        A float32 network on the CPU in training mode; the global random state is as it was.
    Raises:
        ConfigError: an option that the builder does not take, or it does not return a torch module.
    """
    build = partial(call, "network", reference)
    arguments = {"channels": channels, "classes": classes, "image_size": image_size, **(options or {})}
    _require_accepted(reference, load_function(reference), arguments)
    # Modules draw default weights from the global generator when they are made: lend them a copy of it,
    # always in the same state, so that a builder is a pure function and nobody else's numbers move.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # the CPU only; fork_rng brings the caller's state back
        built = build(**arguments)
    if not isinstance(built, nn.Module):
        raise ConfigError(
            f"its builder {reference} returned {type(built).__name__}, expected a torch.nn.Module."
        )
    return built.train()


def _require_accepted(reference: str, build: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    signature = inspect.signature(build)
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise ConfigError(
            f"its builder {reference} takes {signature}, which does not fit its options ({error}). "
            "Fix the network's options in the study."
        ) from error
