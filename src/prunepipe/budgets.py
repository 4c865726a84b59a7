"""Whether a prune ratio leaves what the layers can share out, known from plain numbers before any job runs."""

from __future__ import annotations

from dataclasses import replace
from math import floor

from prunepipe.allocations import ALLOCATIONS
from prunepipe.choices import Ticket
from prunepipe.datasets.facts import FACTS
from prunepipe.errors import ConfigError
from prunepipe.masks import kept_total
from prunepipe.networks.shapes import layer_maps
from prunepipe.plugins import load_function
from prunepipe.structure import Layer, Structure
from prunepipe.study import Study

DENSE_LINEAR = ("global_conv",)
FIXED_LINEAR = ("smart", "linear", "ascending", "cubic", "uniform")
DEFAULT_LINEAR_KEEP = 0.3


def layers_of(study: Study, dataset: str, network: str) -> list[tuple[Layer, int]] | None:
    """Return a built-in network's layers and map sides for a built-in data set, or None for the user's own."""
    choice, net = study.datasets[dataset], study.networks[network]
    facts = FACTS.get(choice.loader(dataset) or "")
    if facts is None:
        return None
    size = facts.image_size // choice.pool
    return layer_maps(net.architecture or network, facts.channels, facts.classes, size, net.width)


def refuse_impossible_budgets(study: Study) -> None:
    """Refuse prune ratios that layers with a fixed share alone exceed, or whose rest the others cannot hold.

    Raises:
        ConfigError: names ticket, network, prune ratio, and what to change.
    """
    for dataset in study.datasets:
        for network in study.networks:
            layers = layers_of(study, dataset, network)
            if layers is not None:
                _refuse(study, dataset, network, [layer for layer, _ in layers])


def _refuse(study: Study, dataset: str, network: str, layers: list[Layer]) -> None:
    size = sum(layer.size for layer in layers)
    linear = sum(layer.size for layer in layers if layer.kind == "linear")
    for name, ticket in study.tickets.items():
        fixed = floor(linear_keep(ticket) * linear)
        for prune_ratio in study.prune_ratios:
            budget = kept_total(size, prune_ratio)
            if budget - fixed <= 0:
                raise ConfigError(
                    f"prune_ratios: {prune_ratio} keeps {budget:,} of the {size:,} weights of {network} ({dataset}), "
                    f"but allocation '{ticket.allocation}' of ticket '{name}' keeps {fixed:,} in Linear layers alone; "
                    "lower the prune ratio or choose another allocation."
                )
            _refuse_by_trying(f"prune_ratios: {prune_ratio}, ticket '{name}'", ticket, layers, budget)


def _refuse_by_trying(place: str, ticket: Ticket, layers: list[Layer], budget: int) -> None:
    """Allocate, where that needs nothing but the layers' shapes."""
    if built_in(ticket) not in (*FIXED_LINEAR, "uniform_plus"):
        return
    named = tuple(replace(layer, name=f"layer {number}: {layer.name}") for number, layer in enumerate(layers))
    allocate = load_function(ALLOCATIONS[built_in(ticket)])
    try:
        allocate({}, Structure(named, ()), budget, **ticket.allocation_options)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error


def built_in(ticket: Ticket) -> str:
    """Return the name of a ticket's allocation, though it be given by reference, or the reference of another."""
    names = {reference: name for name, reference in ALLOCATIONS.items()}
    return names.get(ticket.allocation, ticket.allocation)


def linear_keep(ticket: Ticket) -> float:
    """Return the share of the Linear weights that a ticket's allocation keeps whatever the scores say."""
    if built_in(ticket) in DENSE_LINEAR:
        return 1.0
    if built_in(ticket) in FIXED_LINEAR:
        return float(ticket.allocation_options.get("linear_keep", DEFAULT_LINEAR_KEEP))
    return 0.0
