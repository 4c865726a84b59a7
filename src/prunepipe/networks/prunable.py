"""Find the prunable weights of a network, by one table of layer types that scores and masks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from torch import nn
from torch.nn.modules.conv import _ConvTransposeNd

from prunepipe.errors import ConfigError, ScoreError
from prunepipe.networks.choice import EVERYTHING, PrunableChoice, chosen
from prunepipe.networks.structure import Layer

_CHOICE = "_prunable_choice"
"""Attribute of a network that stores its study's choice; copies of the network keep it."""


def rows_are_units(module: Any, values: np.ndarray) -> np.ndarray:
    """Return values of a weight [units, ...] as [units, inputs]."""
    return values.reshape(len(values), -1)


def columns_are_units(module: Any, values: np.ndarray) -> np.ndarray:
    """Return values of a weight [inputs, units] as [units, inputs]."""
    return values.T


def transposed_units(module: _ConvTransposeNd, values: np.ndarray) -> np.ndarray:
    """Return values of a transposed convolution's weight [in, out / groups, ...] as [out, inputs]."""
    grouped = values.reshape(module.groups, -1, *values.shape[1:])  # [groups, in / groups, out / groups, ...]
    return grouped.swapaxes(1, 2).reshape(module.out_channels, -1)


@dataclass(frozen=True)
class LayerType:
    """Describes a type of prunable layer.

    Attributes:
        module: the class; subclasses count as well.
        kind: how allocations treat its weights: "conv" or "linear".
        weights: names of its prunable parameters.
        by_unit: reshapes values shaped like a weight to one row per output unit.
        on_request: whether it is pruned only if a study's `prunable.include` names it.
    """

    module: type[nn.Module]
    kind: str
    weights: tuple[str, ...] = ("weight",)
    by_unit: Callable[[Any, np.ndarray], np.ndarray] = rows_are_units
    on_request: bool = False


PROJECTIONS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
"""Input projections of attention: one packed parameter, or three if queries, keys and values differ in size."""

LAYER_TYPES: tuple[LayerType, ...] = (
    LayerType(nn.Conv1d, "conv"),
    LayerType(nn.Conv2d, "conv"),
    LayerType(nn.Conv3d, "conv"),
    LayerType(nn.ConvTranspose1d, "conv", by_unit=transposed_units),
    LayerType(nn.ConvTranspose2d, "conv", by_unit=transposed_units),
    LayerType(nn.ConvTranspose3d, "conv", by_unit=transposed_units),
    LayerType(nn.Linear, "linear"),
    LayerType(nn.MultiheadAttention, "linear", PROJECTIONS),  # its out_proj is a Linear module of its own
    LayerType(nn.Embedding, "linear", by_unit=columns_are_units, on_request=True),
)
"""The types of layers that can be pruned; a new type is one row."""


class Weight(NamedTuple):
    """A weight that can be pruned.

    Attributes:
        name: the parameter's name in the network.
        module: the module that owns it.
        parameter: the weight; None if it is computed by a parametrisation or weight normalisation.
        layer_type: its row of the table.
    """

    name: str
    module: nn.Module
    parameter: nn.Parameter | None
    layer_type: LayerType

    def by_unit(self, values: np.ndarray) -> np.ndarray:
        """Return values shaped like the weight as [output units, inputs]."""
        return self.layer_type.by_unit(self.module, values)

    def plain_parameter(self) -> nn.Parameter:
        """Return the parameter.

        Raises:
            ConfigError: the weight is computed.
        """
        if self.parameter is None:
            layer = self.name.rpartition(".")[0]
            raise ConfigError(
                f"the weight of '{layer}' is not a plain parameter, so it cannot be pruned: remove the parametrisation "
                f"or weight normalisation of this layer, or leave it dense with `prunable: {{exclude: [{layer}]}}`."
            )
        return self.parameter


def prunable(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weights to prune, by parameter name, in `modules()` order.

    These are the weights of convolutions (transposed ones too), Linear layers and the projections of attention; a
    study may choose among them (`prunable`). Biases, normalisation and other parameters are never pruned.

    Args:
        network: any module.
    Returns:
        Parameters, for example {"features.0.weight": [64, 3, 3, 3], ...}.
    Raises:
        ScoreError: the network has no prunable weight, or one that another module uses as well.
        ConfigError: a weight is computed instead of being a parameter, or the study's choice does not fit the network.
    """
    return {weight.name: weight.plain_parameter() for weight in pruned_weights(network)}


def prunable_layers(network: nn.Module) -> tuple[Layer, ...]:
    """Return name, kind and shape of every weight to prune, in the order of `prunable`.

    Raises:
        ScoreError, ConfigError: as `prunable`.
    """
    return tuple(
        Layer(weight.name, weight.layer_type.kind, tuple(weight.plain_parameter().shape))
        for weight in pruned_weights(network)
    )


def pruned_weights(network: nn.Module) -> list[Weight]:
    """Return the weights to prune, each with its module.

    Raises:
        ScoreError, ConfigError: as `prunable`.
    """
    known = weights_of(network)
    usual = {weight.name: not weight.layer_type.on_request for weight in known}
    names = set(chosen(usual, choice_of(network)))
    weights = [weight for weight in known if weight.name in names]
    for weight in weights:
        weight.plain_parameter()
    _refuse_shared(network, weights)
    if not weights:
        raise ScoreError(
            f"{type(network).__name__} has no weight of a convolution, a Linear layer or attention, so nothing can be "
            "pruned."
        )
    return weights


def weights_of(network: nn.Module) -> list[Weight]:
    """Return every weight that can be pruned, in `modules()` order, whatever the study chooses."""
    return [weight for prefix, module in network.named_modules() for weight in _own(prefix, module)]


def _own(prefix: str, module: nn.Module) -> Iterator[Weight]:
    layer_type = next((row for row in LAYER_TYPES if isinstance(module, row.module)), None)
    if layer_type is None:
        return
    for attribute in layer_type.weights:
        if getattr(module, attribute, None) is not None:
            name = f"{prefix}.{attribute}" if prefix else attribute
            yield Weight(name, module, module._parameters.get(attribute), layer_type)


def choose(network: nn.Module, choice: PrunableChoice) -> None:
    """Set which weights of a network `prunable` returns from now on; copies of the network keep the choice.

    Raises:
        ConfigError: a pattern matches nothing, or no weight is left.
    """
    setattr(network, _CHOICE, choice)
    chosen({weight.name: not weight.layer_type.on_request for weight in weights_of(network)}, choice)


def choice_of(network: nn.Module) -> PrunableChoice:
    """Return the study's choice of weights for a network."""
    choice: PrunableChoice = getattr(network, _CHOICE, EVERYTHING)
    return choice


def _refuse_shared(network: nn.Module, weights: list[Weight]) -> None:
    """Raise an error if two modules use one weight: it would count twice, or stay dense in one of its uses."""
    uses: dict[int, list[str]] = {}
    for prefix, module in network.named_modules():
        for attribute, parameter in module._parameters.items():
            uses.setdefault(id(parameter), []).append(f"{prefix}.{attribute}" if prefix else attribute)
    for weight in weights:
        first, *others = uses[id(weight.parameter)]
        if others:
            layer = weight.name.rpartition(".")[0]
            raise ScoreError(
                f"'{others[0]}' and '{first}' are one shared weight, which would count twice and cannot be pruned "
                "in one place only: call one module twice instead, untie them, or leave the weight dense with "
                f"`prunable: {{exclude: [{layer}]}}`."
            )
