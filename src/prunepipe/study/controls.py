"""The controls of a judged method, and their allocations if Linear layers hold nearly all weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from prunepipe.errors import ConfigError
from prunepipe.networks.structure import Layer, Structure
from prunepipe.study.built_in import TICKETS
from prunepipe.study.feasibility import pruned_layers_of, refuse_impossible_budget
from prunepipe.study.study import Study
from prunepipe.study.ticket import Ticket

WITHOUT_FIXED_SHARES = {"lottery": "uniform_all", "random": "erk", "random_uniform": "uniform_all"}
"""The allocation of each control on networks where its own allocation exceeds the budget.

All three fix the share of Linear layers. In a multilayer perceptron or a transformer, this share alone may be more than
the prune ratio leaves. The first lottery tickets on such networks had a uniform share instead.
"""

Kinds = Mapping[str, int]
"""Number of prunable weights of one network by kind of layer, "conv" and "linear"."""


def control_rows(networks: Iterable[Kinds], prune_ratios: Iterable[float]) -> dict[str, dict[str, Any]]:
    """Return the row of each control, as a study writes it.

    Args:
        networks: weights by kind of layer of every network in the study.
        prune_ratios: the study's.
    Returns:
        An empty row if the built-in row leaves a budget for convolutions on every network at every ratio; otherwise
        a row with the other allocation, for all networks and ratios.
    """
    cases = [(kinds, ratio) for kinds in networks for ratio in prune_ratios]
    return {
        name: {}
        if all(leaves_budget(Ticket(**TICKETS[name]), *case) for case in cases)
        else {"allocation": other}
        for name, other in WITHOUT_FIXED_SHARES.items()
    }


def leaves_budget(ticket: Ticket, kinds: Kinds, prune_ratio: float) -> bool:
    """Return whether the layers without a fixed share can hold exactly the rest of the budget, and there is a rest.

    Args:
        ticket: names the allocation and its options.
        kinds: weights of the network.
        prune_ratio: share of the weights that is removed.
    """
    layers = (Layer(kind, kind, (size,)) for kind, size in kinds.items() if size)
    try:
        refuse_impossible_budget("a control", ticket, "a network", Structure(tuple(layers)), prune_ratio)
    except ConfigError:
        return False
    return True


def known_kinds(study: Study) -> list[dict[str, int]] | None:
    """Return the weights by kind of every network of a study on every data set, or None where one is not built in."""
    found = [pruned_layers_of(study, *place) for place in study.places]
    known = [layers for layers in found if layers is not None]
    counted = [weights_by_kind((layer.kind, layer.size) for layer in layers) for layers in known]
    return counted if len(known) == len(found) else None


def weights_by_kind(layers: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the number of weights of each kind of layer, from the kind and the size of every layer."""
    kinds = Counter[str]()
    for kind, size in layers:
        kinds[kind] += size
    return dict(kinds)
