"""The stage that draws a network's initial weights and describes its structure."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn

from prunepipe.artifacts import Arrays
from prunepipe.datasets.dataset import Dataset, read_dataset
from prunepipe.errors import ConfigError, ScoreError
from prunepipe.networks.initialisation import initial_weights
from prunepipe.networks.structure import Structure
from prunepipe.networks.tracing import trace
from prunepipe.seeds import seeded_globals, torch_generator
from prunepipe.stages.inputs import build
from prunepipe.stages.schemas.initialising import InitialSettings

TRIAL_IMAGES = 2


def initialise(data: str, settings: InitialSettings) -> tuple[Arrays, Structure]:
    """Draw a network's initial weights and trace its structure.

    Args:
        data: path of the prepared data set.
        settings: network, seed, and which draw of the weights.

    Returns:
        The weights, and the structure of the network.

    Raises:
        ConfigError, ScoreError: the network cannot be pruned or does not fit the data; the message names its builder.
    """
    return initialise_on(read_dataset(data), settings)


def initialise_on(dataset: Dataset, settings: InitialSettings) -> tuple[Arrays, Structure]:
    """Do the same as `initialise` for a data set in memory."""
    try:
        return _initialise(dataset, settings)
    except (ConfigError, ScoreError) as error:
        raise type(error)(f"network {settings.network.reference}: {error}") from error


def _initialise(dataset: Dataset, settings: InitialSettings) -> tuple[Arrays, Structure]:
    seed, draw = settings.seed, settings.draw
    network = build(dataset, settings.network, seed, draw)
    with seeded_globals(seed, draw, "initialise"):
        drawn = initial_weights(network, generator=torch_generator(seed, draw))
    weights = {name: value.numpy() for name, value in drawn.items()}
    structure = trace(network, dataset.train_images.shape[1:])
    _require_logits(network, (TRIAL_IMAGES, *dataset.train_images.shape[1:]), dataset.classes)
    return weights, structure


def _require_logits(network: nn.Module, images: tuple[int, ...], classes: int) -> None:
    """Raise an error, before any job runs, if a network does not return logits in both modes or has no gradients."""
    for mode in ("eval", "train"):
        with torch.random.fork_rng(devices=[]):
            tried = deepcopy(network).train(mode == "train")
            try:
                logits = tried(torch.zeros(images))
                if mode == "train" and isinstance(logits, torch.Tensor):
                    logits.sum().backward()  # type: ignore[no-untyped-call]
            except Exception as error:  # whatever the user's code raises
                told = f"{type(error).__name__}: {' '.join(str(error).split())}"
                raise ConfigError(f"in {mode} mode, images {list(images)} raise {told}") from error
        found = list(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        if found != [TRIAL_IMAGES, classes]:
            raise ConfigError(
                f"its forward gives {found} for images {list(images)}, must give logits {[TRIAL_IMAGES, classes]}: "
                f"one a class ({classes}), in eval and in train mode; here in {mode} mode."
            )
