"""Plans that cannot succeed, refused before any job: known from plain numbers, without torch and without data."""

from __future__ import annotations

from prunepipe.budgets import refuse_impossible_budgets
from prunepipe.choices import DatasetChoice, Ticket
from prunepipe.corruptions import CORRUPTIONS, REFERENCE_BATCH
from prunepipe.datasets.facts import FACTS, Facts
from prunepipe.errors import ConfigError
from prunepipe.networks.shapes import POOL, VGG_LAYOUTS
from prunepipe.study import Study


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
