"""List every parameter of a network: whether it is pruned, and why."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from torch import nn

from prunepipe.networks.choice import matches
from prunepipe.networks.prunable import choice_of, pruned_weights, weights_of

TOLERATED = 0.1
"""Largest share of the weights in matrices that may stay dense by default without a note to the user."""


@dataclass(frozen=True)
class ParameterRow:
    """Describes one parameter.

    Attributes:
        name: its name in the network.
        shape: its shape.
        pruned: whether it is pruned.
        why: the reason, in a few words.
        unasked: whether it is a weight matrix (two axes or more) that stays dense although no study asks for it.
    """

    name: str
    shape: tuple[int, ...]
    pruned: bool
    why: str
    unasked: bool = False

    @property
    def size(self) -> int:
        """Number of values."""
        return prod(self.shape)


def parameter_rows(network: nn.Module) -> list[ParameterRow]:
    """Describe every parameter, in `modules()` order; one with several names appears under the first.

    Raises:
        ScoreError, ConfigError: as `prunepipe.networks.prunable.prunable`.
    """
    pruned = {weight.name for weight in pruned_weights(network)}
    owners = dict(network.named_modules())
    return [
        _row(network, owners, name, tuple(parameter.shape), pruned)
        for name, parameter in network.named_parameters()
    ]


def unasked_share(network: nn.Module) -> float:
    """Return the share of the weights in matrices (two axes or more) that stay dense although no study asks for it."""
    rows = [row for row in parameter_rows(network) if len(row.shape) > 1]
    return sum(row.size for row in rows if row.unasked) / max(1, sum(row.size for row in rows))


def _row(
    network: nn.Module, owners: dict[str, nn.Module], name: str, shape: tuple[int, ...], pruned: set[str]
) -> ParameterRow:
    owner = type(owners[name.rpartition(".")[0]]).__name__
    if name in pruned:
        return ParameterRow(name, shape, True, f"weight of {owner}")
    if len(shape) < 2:
        return ParameterRow(name, shape, False, "biases and scales are never pruned")
    known = {weight.name: weight.layer_type for weight in weights_of(network)}
    if name not in known:
        return ParameterRow(name, shape, False, f"{owner} is not a prunable type of layer", unasked=True)
    choice = choice_of(network)
    if any(matches(name, pattern) for pattern in choice.exclude):
        return ParameterRow(name, shape, False, "prunable.exclude names it")
    if choice.include:
        return ParameterRow(name, shape, False, "prunable.include does not name it")
    return ParameterRow(name, shape, False, f"{owner}: only where prunable.include names it", unasked=True)
