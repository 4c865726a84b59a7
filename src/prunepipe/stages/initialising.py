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
from prunepipe.stages.inputs import Settings, build

TRIAL_IMAGES = 2


def initialise(data: str, settings: Settings) -> tuple[Arrays, Structure]:
    """Draw a network's initial weights and trace its structure.

    Args:
        data: path of the prepared data set.
        settings: network, seed, and draw: "init", or "reinit" for a second, independent draw.

    Returns:
        The weights, and the structure of the network.

    Raises:
        ConfigError, ScoreError: the network cannot be pruned or trained, or does not fit the data; names its builder.
    """
    return initialise_on(read_dataset(data), settings)


def initialise_on(dataset: Dataset, settings: Settings) -> tuple[Arrays, Structure]:
    """Do the same for a data set in memory."""
    reference = settings["network"]["reference"]
    try:
        return _initialise(dataset, settings)
    except (ConfigError, ScoreError) as error:
        raise type(error)(f"network {reference}: {error}") from error
    except Exception as error:  # whatever a network that is not ours raises when it is copied, drawn or tried
        if not is_external(reference):
            raise
        raise ConfigError(
            f"network {reference}: raised {explain(error, reference.rpartition(':')[0])}"
        ) from error


def _initialise(dataset: Dataset, settings: Settings) -> tuple[Arrays, Structure]:
    seed, draw = settings["seed"], settings["draw"]
    network = build(dataset, settings, draw)
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
    """Take one step forward and back, as training will, before any job counts on it."""
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    mode = "train" if network.training else "eval"
    with torch.random.fork_rng(devices=[]):
        logits = network(images)
    found = list(logits.shape) if isinstance(logits, torch.Tensor) else f"a {type(logits).__name__}"
    if found != [TRIAL_IMAGES, classes]:
        raise ConfigError(
            f"in {mode} mode its forward gives {found} for images {list(shape)}, must give logits "
            f"{[TRIAL_IMAGES, classes]}: one a class ({classes}), and nothing else."
        )
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if not trained or not logits.requires_grad:
        raise ConfigError(
            f"in {mode} mode no gradient reaches any parameter, so it cannot be trained. Let its parameters require a "
            "gradient, and compute the logits without torch.no_grad or detach."
        )
    loss = functional.cross_entropy(logits.float(), torch.arange(TRIAL_IMAGES) % classes)
    torch.autograd.grad(loss, trained, allow_unused=True)
