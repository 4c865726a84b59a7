"""The controls of a judged method, and their allocations if Linear layers hold nearly all weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prunepipe.errors import ConfigError
from prunepipe.networks.structure import Layer, Structure
from prunepipe.plugins import load_function
from prunepipe.pruning.masks import kept_total
from prunepipe.study.built_in import TICKETS
from prunepipe.study.feasibility import pruned_layers_of
from prunepipe.study.rows import Ticket
from prunepipe.study.study import Study

WITHOUT_FIXED_SHARES = {"lottery": "uniform_all", "random": "erk", "random_uniform": "uniform_all"}
"""The allocation of each control where its own leaves no budget.

All three fix the share of Linear layers. That is no rule for a multilayer perceptron or a transformer, where the fixed
share alone is more than a prune ratio leaves; the uniform share is what lottery tickets first had on such networks.
"""

Kinds = Mapping[str, int]
"""Prunable weights of one network by the kind of their layers, "conv" and "linear"."""


def control_rows(networks: Iterable[Kinds], prune_ratios: Iterable[float]) -> dict[str, dict[str, Any]]:
    """Return the row of each control, as a study writes it.

    Args:
        networks: of every network that is judged on.
        prune_ratios: that are judged at.
    Returns:
        An empty row where the built-in one has a budget for convolutions on every network at every ratio; otherwise
        one with the other allocation, on all of them.
    """
    cases = [(kinds, ratio) for kinds in networks for ratio in prune_ratios]
    return {
        name: {}
        if all(leaves_budget(Ticket(**TICKETS[name]), *case) for case in cases)
        else {"allocation": other}
        for name, other in WITHOUT_FIXED_SHARES.items()
    }


def leaves_budget(ticket: Ticket, kinds: Kinds, prune_ratio: float) -> bool:
    """Return whether a ticket's allocation can share a budget out: what it fixes leaves some, and no more than fits.

    Args:
        ticket: says how.
        kinds: weights of the network.
        prune_ratio: share that is removed.
    """
    layers = [Layer(kind, kind, (size,)) for kind, size in kinds.items() if size]
    row, budget = ticket.allocation_facts, kept_total(sum(kinds.values()), prune_ratio)
    dense = sum(layer.size for layer in layers if layer.kind in row.dense_layers)
    if row.dense_layers:
        return 0 < budget - dense <= sum(kinds.values()) - dense
    if row.reads_scores:
        return True
    try:
        load_function(row.function)({}, Structure(tuple(layers)), budget, **ticket.allocation_options)
    except ConfigError:
        return False
    return True


def known_kinds(study: Study) -> list[dict[str, int]] | None:
    """Return the weights by kind of every network of a study on every data set, or None where one is not built in."""
    found = [
        pruned_layers_of(study, dataset, network) for dataset in study.datasets for network in study.networks
    ]
    known = [layers for layers in found if layers is not None]
    return [kinds_of(layers) for layers in known] if len(known) == len(found) else None


def kinds_of(layers: Iterable[Layer]) -> dict[str, int]:
    """Return the weights of layers by kind."""
    kinds: dict[str, int] = {}
    for layer in layers:
        kinds[layer.kind] = kinds.get(layer.kind, 0) + layer.size
    return kinds
