"""Plans that cannot succeed, refused before any job: known from plain numbers, without torch and without data."""

from __future__ import annotations

from math import floor

from prunepipe.datasets.corruptions import CORRUPTIONS, REFERENCE_BATCH
from prunepipe.datasets.facts import FACTS, Facts
from prunepipe.errors import ConfigError
from prunepipe.networks.choice import PrunableChoice, chosen
from prunepipe.networks.shapes import POOL, VGG_LAYOUTS, VIT, VIT_PATCH, layer_maps
from prunepipe.networks.structure import Layer, Structure
from prunepipe.plugins import load_function
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.pruning.masks import kept_after, kept_total
from prunepipe.study.rows import DatasetChoice, Ticket
from prunepipe.study.study import Study


def refuse_impossible(study: Study) -> None:
    """Refuse a study some job of which is bound to fail; what is not built in is not known and left alone.

    Raises:
        ConfigError: names the key, the value, the bound, and what to change.
    """
    for dataset, choice in study.datasets.items():
        facts = FACTS.get(choice.loader(dataset) or "")
        if facts is not None:
            _refuse_sizes(f"datasets.{dataset}", choice, facts)
            _refuse_small_images(study, dataset, facts.image_size // choice.pool)
            _refuse_cut_patches(study, dataset, facts.image_size // choice.pool)
            _refuse_few_images(study, dataset, facts)
    refuse_impossible_budgets(study)


def _refuse_sizes(key: str, choice: DatasetChoice, facts: Facts) -> None:
    side, least = facts.image_size, facts.classes
    if side % choice.pool:
        raise ConfigError(f"{key}.pool: {choice.pool} must divide the side of the images, {side} pixels.")
    wanted = {"train_images": choice.train_images, "test_images": choice.test_images}
    for name, count in wanted.items():
        held, smallest = getattr(facts, name), getattr(facts, name.replace("images", "class"))
        if count is None:
            continue
        if not least <= count <= held:
            raise ConfigError(f"{key}.{name}: {count} must be from {least} (one a class) to {held:,} (all).")
        if count // facts.classes > smallest:
            raise ConfigError(
                f"{key}.{name}: {count} takes {count // facts.classes} of every class, but the smallest holds "
                f"{smallest}; lower it, or leave it out to take all."
            )


def _refuse_small_images(study: Study, dataset: str, side: int) -> None:
    for key, network in study.networks.items():
        name = network.architecture or key
        least = 2 ** VGG_LAYOUTS.get(name, ()).count(POOL)
        if side < least:
            raise ConfigError(
                f"networks.{key}: {name} needs images of at least {least} x {least} pixels, one halving a max-pool, "
                f"but those of {dataset} are {side} x {side}; lower datasets.{dataset}.pool or take another network."
            )


def _refuse_cut_patches(study: Study, dataset: str, side: int) -> None:
    for key, network in study.networks.items():
        if (network.architecture or key) == VIT and side % VIT_PATCH:
            raise ConfigError(
                f"networks.{key}: {VIT} reads patches of {VIT_PATCH} x {VIT_PATCH} pixels, but the images of {dataset} "
                f"are {side} x {side}; change datasets.{dataset}.pool so that {VIT_PATCH} divides the side."
            )


def _refuse_few_images(study: Study, dataset: str, facts: Facts) -> None:
    choice = study.datasets[dataset]
    count = choice.train_images or facts.train_images
    smallest = count // facts.classes if choice.train_images else facts.train_class
    for name, ticket in study.tickets.items():
        for check in study.checks_of(name):
            function = study.check(check).data or "clean"
            _refuse_first_half(f"datasets.{dataset}.train_images", CORRUPTIONS.get(function, function), count)
            held = -(-smallest // 2) if function == "half_dataset" else smallest
            _refuse_scoring(study, name, ticket, check, f"{dataset} holds {held} images of a class", held)


def _refuse_first_half(key: str, reference: str, count: int) -> None:
    if reference == CORRUPTIONS["first_half"] and count < 2 * REFERENCE_BATCH:
        raise ConfigError(
            f"{key}: {count} is too few for first_half, which needs {2 * REFERENCE_BATCH}; raise it or drop the check."
        )


def _refuse_scoring(study: Study, name: str, ticket: Ticket, check: str, holds: str, held: int) -> None:
    for network in study.networks:
        scoring = study.scoring_of(network)
        need = scoring.images_per_class * scoring.batches
        if ticket.reading == "balanced" and need > held:
            raise ConfigError(
                f"scoring: images_per_class {scoring.images_per_class} x batches {scoring.batches} = {need}, but "
                f"{holds} for ticket '{name}' (check {check}) on {network}; lower one of them."
            )


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
            layers = pruned_layers_of(study, dataset, network)
            if layers is not None:
                _refuse(study, dataset, network, layers)


def pruned_layers_of(study: Study, dataset: str, network: str) -> list[Layer] | None:
    """Return those layers of `layers_of` that the study prunes.

    Raises:
        ConfigError: a pattern of `prunable` matches nothing, or no weight is left.
    """
    layers = layers_of(study, dataset, network)
    if layers is None:
        return None
    choice = PrunableChoice(**study.prunable_of(network).patterns)
    try:
        names = chosen({layer.name: True for layer, _ in layers}, choice)
    except ConfigError as error:
        raise ConfigError(f"network {network}: {error}") from error
    return [layer for layer, _ in layers if layer.name in names]


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
                    "lower the prune ratio or choose another allocation, such as uniform_all or erk."
                )
            place = f"prune_ratios: {prune_ratio}, ticket '{name}'"
            _refuse_by_trying(place, ticket, layers, budget)
            if (rounds := ticket.pruning_rounds) > 1:  # the first keeps most, and layers may not hold it
                most = kept_after(size, budget / size, 1 / rounds)
                _refuse_by_trying(f"{place}, round 1 of {rounds}", ticket, layers, most)


def _refuse_by_trying(place: str, ticket: Ticket, layers: list[Layer], budget: int) -> None:
    """Allocate, where that needs nothing but the layers' shapes."""
    if built_in(ticket) not in (*FIXED_LINEAR, "uniform_plus"):
        return
    allocate = load_function(ALLOCATIONS[built_in(ticket)])
    try:
        allocate({}, Structure(tuple(layers)), budget, **ticket.allocation_options)
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
