"""Refuse studies that cannot succeed, before any job and without torch or data."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import ceil

from prunepipe.datasets.rows import Facts
from prunepipe.errors import ConfigError
from prunepipe.networks.choice import PrunableChoice, chosen
from prunepipe.networks.structure import Layer, Structure
from prunepipe.plugins import load_function
from prunepipe.pruning.allocations.budget import check_budget
from prunepipe.pruning.allocations.depth import LinearShare
from prunepipe.pruning.masks import kept_after, kept_total, require_budget
from prunepipe.pruning.options import Options
from prunepipe.pruning.updaters.densities import update_steps
from prunepipe.study.batches import batch_bounds
from prunepipe.study.names import dataset_row, network_row
from prunepipe.study.rows import DatasetChoice
from prunepipe.study.study import Study
from prunepipe.study.ticket import Ticket


def refuse_impossible(study: Study) -> None:
    """Refuse a study if one of its jobs is bound to fail, as far as its rows describe its networks and data sets.

    Raises:
        ConfigError: the message names the key, the value, the bound, and what to change.
    """
    for dataset, choice in study.datasets.items():
        facts = given_facts(study, dataset)
        if facts is not None:
            _refuse_sizes(study, dataset, choice, facts)
            _refuse_few_images(study, dataset, facts)
    refuse_impossible_budgets(study)


def given_facts(study: Study, dataset: str) -> Facts | None:
    """Return shape and size of a data set before a study reduces it; None for the user's own files and functions."""
    loader = study.datasets[dataset].loader(dataset)
    return dataset_row(loader).facts if loader else None


def facts_of(study: Study, dataset: str) -> Facts | None:
    """Return shape and size of a data set as a study uses it; None for the user's own files and functions."""
    choice, facts = study.datasets[dataset], given_facts(study, dataset)
    if facts is None:
        return None
    return replace(
        facts,
        image_size=facts.image_size // choice.pool,
        train_images=choice.train_images or facts.train_images,
        test_images=choice.test_images or facts.test_images,
    )


def _refuse_sizes(study: Study, dataset: str, choice: DatasetChoice, facts: Facts) -> None:
    key, side, least = f"datasets.{dataset}", facts.image_size, facts.classes
    if side % choice.pool:
        raise ConfigError(f"{key}.pool: {choice.pool} must divide the side of the images, {side} pixels.")
    if (hole := study.recipe.augmentation.cutout) >= side // choice.pool:
        raise ConfigError(
            f"recipe.augmentation.cutout: {hole} must be below the side of the images of {dataset}, "
            f"{side // choice.pool} pixels."
        )
    wanted = {"train_images": choice.train_images, "test_images": choice.test_images}
    for name, count in wanted.items():
        held, smallest = getattr(facts, name), getattr(facts, name.replace("images", "class"))
        if count is None:
            continue
        if not least <= count <= held:
            raise ConfigError(
                f"{key}.{name}: {count} must be from {least} (one per class) to {held:,} (all)."
            )
        if count // facts.classes > smallest:
            raise ConfigError(
                f"{key}.{name}: {count} takes {count // facts.classes} of every class, but the smallest holds "
                f"{smallest}; lower it, or leave it out to take all."
            )


def _refuse_mask_that_stays(study: Study, name: str, ticket: Ticket, images: int) -> None:
    """Refuse an updater that is never called: of the training steps on so many images too few come before `until`."""
    if ticket.updater is None:
        return
    row, recipe = ticket.updater_facts, study.recipe
    steps = recipe.epochs * len(batch_bounds(images, recipe.batch_size))
    last = update_steps(row.until, steps)
    if row.every > last:
        raise ConfigError(
            f"tickets.{name}.every: updates come every {row.every} steps, but only until step {last} of {steps} (until "
            f"{row.until:g}), so the mask would never move; lower every, or raise until."
        )


def _refuse_few_images(study: Study, dataset: str, facts: Facts) -> None:
    choice = study.datasets[dataset]
    count = choice.train_images or facts.train_images
    smallest = count // facts.classes if choice.train_images else facts.train_class
    for name, ticket in study.tickets.items():
        for check in study.checks_of(name):
            row = study.check(check)
            if row.stage == "data" and not row.images_left(count):
                raise ConfigError(
                    f"datasets.{dataset}.train_images: {count} is too few for {check}, which needs "
                    f"{ceil(row.batch / row.share)}; raise it or drop the check."
                )
            _refuse_mask_that_stays(
                study, name, ticket, row.images_left(count) if row.stage == "data" else count
            )
            held = row.class_images_left(smallest) if row.stage == "data" else smallest
            _refuse_scoring(study, name, ticket, check, f"{dataset} holds {held} images of a class", held)


def _refuse_scoring(study: Study, name: str, ticket: Ticket, check: str, holds: str, held: int) -> None:
    for network in study.networks:
        scoring = study.scoring_of(network)
        need = scoring.images_per_class * scoring.batches
        if ticket.reading == "balanced" and need > held:
            raise ConfigError(
                f"scoring: images_per_class {scoring.images_per_class} x batches {scoring.batches} = {need}, but "
                f"{holds} for ticket '{name}' (check {check}) on {network}; lower one of them."
            )


def layers_of(study: Study, dataset: str, network: str) -> list[tuple[Layer, int]] | None:
    """Return a network's layers and feature map sides for a data set, or None if their rows do not say.

    They do not for a network that is named by its function.

    Raises:
        ConfigError: the network does not accept images of that size.
    """
    facts, net = facts_of(study, dataset), study.networks[network]
    name = net.architecture or network
    layers = network_row(name).layers
    if facts is None or not layers or ":" in name:
        return None
    size = facts.image_size
    try:
        maps: list[tuple[Layer, int]] = load_function(layers)(
            name, facts.channels, facts.classes, size, net.width
        )
    except ConfigError as error:
        raise ConfigError(
            f"networks.{network}: on {dataset}, {size} x {size} pixels: {error} See datasets.{dataset}.pool."
        ) from error
    return maps


def refuse_impossible_budgets(study: Study) -> None:
    """Refuse prune ratios whose budget the layers with a fixed share exceed, or the other layers cannot hold.

    Raises:
        ConfigError: the message names ticket, network, prune ratio, and what to change.
    """
    found = (
        (f"{network} ({data})", pruned_layers_of(study, data, network)) for data, network in study.places
    )
    known = [(place, Structure(tuple(layers))) for place, layers in found if layers is not None]
    for (place, structure), ratio, ticket in product(known, study.prune_ratios, study.tickets):
        refuse_impossible_budget(ticket, study.tickets[ticket], place, structure, ratio)


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


def refuse_impossible_budget(
    name: str, ticket: Ticket, network: str, structure: Structure, prune_ratio: float
) -> None:
    """Refuse a prune ratio if a ticket's allocation cannot meet it on a network, as far as the layers' shapes decide.

    Args:
        name, ticket: key and row of the ticket.
        network: what the message calls the network.
        structure: its prunable layers.
        prune_ratio: share of their weights to remove.
    Raises:
        ConfigError: the message names prune ratio, ticket, network, and what to change.
    """
    size = structure.size
    require_budget(size, prune_ratio, f"prune_ratios: on {network}")
    budget = kept_total(size, prune_ratio)
    try:
        _refuse_only_linear(ticket, structure)
        _refuse_dense(ticket, structure, budget)
        _refuse_by_trying(ticket, structure, budget)
        if ticket.starts_dense:
            _refuse_by_trying(ticket, structure, size, "the mask starts with all weights: ")
        if (rounds := ticket.pruning_rounds) > 1:  # the first round keeps most, and layers may not hold it
            most = kept_after(size, budget / size, 1 / rounds)
            _refuse_by_trying(ticket, structure, most, f"round 1 of {rounds}: ")
    except ConfigError as error:
        raise ConfigError(f"prune_ratios: {prune_ratio}, ticket '{name}' on {network}: {error}") from error


def _refuse_only_linear(ticket: Ticket, structure: Structure) -> None:
    """Refuse an allocation that prunes only convolutions to the prune ratio, on a network that has none."""
    row = ticket.allocation_facts
    fixes_linear = "linear" in row.dense_layers or issubclass(row.options or Options, LinearShare)
    if fixes_linear and all(layer.kind == "linear" for layer in structure.layers):
        raise ConfigError(
            f"allocation '{ticket.allocation}' fixes the share of Linear layers and prunes convolutions to the prune "
            "ratio, but all prunable layers are Linear; write `allocation: erk` or `allocation: uniform_all`."
        )


def _refuse_dense(ticket: Ticket, structure: Structure, budget: int) -> None:
    """Refuse a budget that the layers which an allocation keeps dense use up."""
    row = ticket.allocation_facts
    dense = sum(layer.size for layer in structure.layers if layer.kind in row.dense_layers)
    if row.dense_layers:
        fixed = f"the {' and '.join(row.dense_layers).capitalize()} layers stay dense with {dense:,}"
        check_budget(ticket.allocation, budget - dense, budget, structure.size - dense, fixed)


def _refuse_by_trying(ticket: Ticket, structure: Structure, budget: int, when: str = "") -> None:
    """Try an allocation that needs only the layers' shapes."""
    row = ticket.allocation_facts
    if row.reads_scores:
        return
    try:
        load_function(row.function)({}, structure, budget, **ticket.allocation_options)
    except ConfigError as error:
        raise ConfigError(f"{when}{error}") from error
