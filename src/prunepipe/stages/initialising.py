"""The stage that draws a network's initial weights and describes its structure."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from prunepipe.artifacts import Arrays
from prunepipe.datasets.dataset import Dataset, read_dataset
from prunepipe.errors import ConfigError, ScoreError
from prunepipe.networks import initialisation
from prunepipe.networks.prunable import prunable
from prunepipe.networks.state import arrays_of
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
    _require_float32(network)
    with seeded_globals(seed, draw, "initialise"):
        initialisation.initialise(network, generator=torch_generator(seed, draw))
    weights = arrays_of(network)
    shape = dataset.train_images.shape[1:]
    structure = trace(network, shape)
    for training in (False, True):
        _require_logits(deepcopy(network).train(training), (TRIAL_IMAGES, *shape), dataset.classes)
    return weights, structure


def _require_float32(network: nn.Module) -> None:
    """Refuse parameters that are not float32 like the images."""
    for name, parameter in network.named_parameters():
        if parameter.is_floating_point() and parameter.dtype != torch.float32:
            found = str(parameter.dtype).removeprefix("torch.")
            raise ConfigError(
                f"parameter '{name}' is {found}; build the network in float32 (training in bfloat16 is "
                "`precision: bfloat16` in config.yaml)."
            )


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
            f"its forward returns {found} for images {list(shape)}, must return logits {[TRIAL_IMAGES, classes]}: "
            f"one per class ({classes}), in eval and in train mode; here in {mode} mode."
        )
    if not logits.requires_grad:
        raise ConfigError(
            f"in {mode} mode no gradient reaches any parameter, so it cannot be trained. Let its parameters require a "
            "gradient, and compute the logits without torch.no_grad or detach."
        )
    if bool((logits >= 0).all()) and torch.allclose(logits.sum(1), torch.ones(TRIAL_IMAGES)):
        raise ConfigError(
            "its forward returns probabilities (each row sums to 1), but the loss applies a softmax itself; return the "
            "logits, from before the softmax."
        )
    _require_registered(network, logits)


def _require_registered(network: nn.Module, logits: torch.Tensor) -> None:
    """Refuse a network with trainable tensors that it does not list: they would be neither trained nor stored."""
    known = {id(parameter) for parameter in network.parameters()}
    nodes: list[Any] = [logits.grad_fn]
    seen: set[Any] = {None}
    while nodes:
        node = nodes.pop()
        if node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)  # of an AccumulateGrad
        if leaf is not None and id(leaf) not in known:
            raise ConfigError(
                f"it uses a trainable tensor of shape {list(leaf.shape)} that is not among its parameters, so it would "
                "be neither trained nor stored. Keep layers in nn.ModuleList or nn.Sequential, not in a list or "
                "dictionary, and tensors in nn.Parameter."
            )
        nodes += [inner for inner, _ in node.next_functions]
