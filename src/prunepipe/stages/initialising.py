"""The stage that draws a network's initial weights and describes its structure."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn
from torch.nn import functional

from prunepipe.artifacts import Arrays
from prunepipe.datasets.dataset import Dataset, read_dataset
from prunepipe.errors import ConfigError, ScoreError
from prunepipe.networks.initialisation import initial_weights
from prunepipe.networks.prunable import prunable
from prunepipe.networks.state import unique_names
from prunepipe.networks.structure import Structure
from prunepipe.networks.tracing import trace
from prunepipe.plugins import explain, is_external
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
        ConfigError, ScoreError: the network cannot be pruned or trained, or does not fit the data.
    """
    return initialise_on(read_dataset(data), settings)


def initialise_on(dataset: Dataset, settings: InitialSettings) -> tuple[Arrays, Structure]:
    """Do the same as `initialise` for a data set in memory."""
    reference = settings.network.reference
    try:
        return _initialise(dataset, settings)
    except (ConfigError, ScoreError) as error:
        raise type(error)(f"network {reference}: {error}") from error
    except Exception as error:  # whatever a user's network raises when it is copied or initialised
        if not is_external(reference):
            raise
        raise ConfigError(
            f"network {reference}: raised {explain(error, reference.rpartition(':')[0])}"
        ) from error


def _initialise(dataset: Dataset, settings: InitialSettings) -> tuple[Arrays, Structure]:
    seed, draw = settings.seed, settings.draw
    network = build(dataset, settings.network, seed, draw)
    prunable(network)  # first: what cannot be pruned may not even be copied
    with seeded_globals(seed, draw, "initialise"):
        drawn = initial_weights(network, generator=torch_generator(seed, draw))
    names = unique_names(network)
    weights = {name: value.numpy() for name, value in drawn.items() if name in names}
    shape = dataset.train_images.shape[1:]
    structure = trace(network, shape)
    for training in (False, True):
        _require_logits(deepcopy(network).train(training), (TRIAL_IMAGES, *shape), dataset.classes)
    return weights, structure


def _require_logits(network: nn.Module, shape: tuple[int, ...], classes: int) -> None:
    """Refuse a network that returns no logits or no gradients in its current mode, before any job depends on it."""
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    mode = "train" if network.training else "eval"
    labels = torch.arange(TRIAL_IMAGES) % classes
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    try:
        with torch.random.fork_rng(devices=[]):
            logits = network.float()(images)
        if (
            isinstance(logits, torch.Tensor)
            and logits.requires_grad
            and logits.shape == (TRIAL_IMAGES, classes)
        ):
            torch.autograd.grad(functional.cross_entropy(logits, labels), trained, allow_unused=True)
    except Exception as error:  # whatever the user's code raises
        told = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ConfigError(f"in {mode} mode, images {list(shape)} raise {told}") from error
    found = list(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if found != [TRIAL_IMAGES, classes]:
        raise ConfigError(
            f"its forward gives {found} for images {list(shape)}, must give logits {[TRIAL_IMAGES, classes]}: "
            f"one a class ({classes}), in eval and in train mode; here in {mode} mode."
        )
    if not logits.requires_grad:
        raise ConfigError(
            f"in {mode} mode no gradient reaches any parameter, so it cannot be trained. Let its parameters require a "
            "gradient, and compute the logits without torch.no_grad or detach."
        )
