"""Whether a prune ratio leaves anything to share out, known from plain numbers before any job runs."""

from __future__ import annotations

from math import floor

from prunepipe.choices import Ticket
from prunepipe.datasets.facts import FACTS
from prunepipe.errors import ConfigError
from prunepipe.masks import kept_total
from prunepipe.networks.shapes import layer_maps
from prunepipe.structure import Layer
from prunepipe.study import Study

DENSE_LINEAR = ("global_conv",)
FIXED_LINEAR = ("smart", "linear", "ascending", "cubic", "uniform")
DEFAULT_LINEAR_KEEP = 0.3


def layers_of(study: Study, dataset: str, network: str) -> list[tuple[Layer, int]] | None:
    """Return a built-in network's layers and map sides for a built-in data set, or None for the user's own."""
    choice, net = study.datasets[dataset], study.networks[network]
    facts = FACTS.get(choice.source or dataset)
    if facts is None:
        return None
    size = facts.image_size // choice.pool
    return layer_maps(net.architecture or network, facts.channels, facts.classes, size, net.width)


def refuse_empty_budgets(study: Study) -> None:
    """Refuse prune ratios that the Linear layers' fixed share alone exceeds.

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


def linear_keep(ticket: Ticket) -> float:
    """Return the share of the Linear weights that a ticket's allocation keeps whatever the scores say."""
    if ticket.allocation in DENSE_LINEAR:
        return 1.0
    if ticket.allocation in FIXED_LINEAR:
        return float(ticket.allocation_options.get("linear_keep", DEFAULT_LINEAR_KEEP))
    return 0.0
