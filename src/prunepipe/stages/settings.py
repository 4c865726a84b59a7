"""Make the settings of each stage from the study and a place in it, with only what the stage reads."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from prunepipe.datasets.rows import ARRAY_FILE, IMAGE_FOLDER
from prunepipe.pruning.scores import SCORES
from prunepipe.results.layout import ANY_RATIO, point_name
from prunepipe.stages.schemas.budgeting import BudgetSettings
from prunepipe.stages.schemas.checking import CheckSettings
from prunepipe.stages.schemas.initialising import InitialSettings
from prunepipe.stages.schemas.masking import MaskSettings
from prunepipe.stages.schemas.network import NetworkSettings
from prunepipe.stages.schemas.preparing import DatasetSettings
from prunepipe.stages.schemas.rewinding import RewindSettings
from prunepipe.stages.schemas.scoring import (
    AllocationSettings,
    BalancedImages,
    NoImages,
    RatioSettings,
    RefreshSettings,
    ScoreSettings,
    TrainingSet,
)
from prunepipe.stages.schemas.training import (
    DataSettings,
    DenseSettings,
    MovingSettings,
    Numerics,
    RetrainSettings,
    SearchSettings,
)
from prunepipe.study.names import dataset_row, network_row
from prunepipe.study.rows import DatasetChoice
from prunepipe.study.study import CLEAN, Study
from prunepipe.study.ticket import Ticket


def dataset_settings(study: Study, dataset: str, folder: str) -> DatasetSettings:
    """Settings of `prepare_dataset`; the folder comes from the site."""
    choice = study.datasets[dataset]
    reference, options = loader_of(dataset, choice)
    return DatasetSettings(
        reference=reference,
        options=options,
        folder=folder,
        pool=choice.pool,
        train_images=choice.train_images,
        test_images=choice.test_images,
    )


def loader_of(key: str, choice: DatasetChoice) -> tuple[str, dict[str, Any]]:
    """Return the function that loads a data set, and its options in the study."""
    if choice.folder:
        options = {"root": choice.folder, "channels": choice.channels or 3, "image_size": choice.image_size}
        return IMAGE_FOLDER, options
    if choice.arrays:
        return ARRAY_FILE, {"path": choice.arrays}
    return dataset_row(choice.source or key).function, {}


def network_settings(study: Study, network: str) -> NetworkSettings:
    """How to build a network: part of the settings of every stage that runs one."""
    choice = study.networks[network]
    reference = network_row(choice.architecture or network).function
    return NetworkSettings(
        reference=reference,
        options={} if choice.width == 1.0 else {"width": choice.width},
        prunable=study.prunable_of(network).patterns,
    )


def initial_settings(study: Study, network: str, draw: str, seed: int) -> InitialSettings:
    """Settings of `initialise`."""
    return InitialSettings.model_validate(
        {"network": network_settings(study, network), "draw": draw, "seed": seed}
    )


def rewind_settings(data: str, point: str) -> RewindSettings:
    """Settings of `rewind`."""
    return RewindSettings(data=data, point=point)


def data_settings(study: Study, data: str) -> DataSettings:
    """How the training data that a mask is made from are changed; `clean` is unchanged."""
    if data == CLEAN:
        return DataSettings()
    row = study.check(data)
    return DataSettings(corruption=row.function, shuffle=row.shuffle)


def dense_settings(
    study: Study, network: str, data: str, seed: int, numerics: Mapping[str, Any]
) -> DenseSettings:
    """Settings of `train_dense`."""
    return DenseSettings(
        network=network_settings(study, network),
        recipe=study.recipe,
        seed=seed,
        numerics=Numerics(**numerics),
        data=data_settings(study, data),
        rewind_epochs=study.rewind_epochs,
    )


def retrain_settings(
    study: Study,
    network: str,
    ticket: str,
    prune_ratio: float,
    seed: int,
    numerics: Mapping[str, Any],
    *,
    train_collapsed: bool | None = None,
) -> RetrainSettings:
    """Settings of `retrain`.

    Args:
        study, network, ticket, prune_ratio, seed: the parts of the run's place that its training depends on.
        numerics: the site's numerical settings.
        train_collapsed: whether to train the ticket in case of layer collapse; None: as the study says.
    """
    row = study.tickets[ticket]
    return RetrainSettings(
        network=network_settings(study, network),
        recipe=study.recipe_of(row, prune_ratio),
        seed=seed,
        numerics=Numerics(**numerics),
        first_epoch=study.skipped_epochs(row),
        refresh_batch_norm="evaluation" in row.refresh_batch_norm,
        train_collapsed=study.train_collapsed if train_collapsed is None else train_collapsed,
    )


def search_settings(
    study: Study,
    network: str,
    ticket: str,
    data: str,
    prune_ratio: float,
    seed: int,
    numerics: Mapping[str, Any],
) -> SearchSettings:
    """Settings of `search`: how a ticket is trained on the way to its mask."""
    moves = study.tickets[ticket].updater is not None
    # A mask that moves is trained even if it starts with layer collapse.
    collapsed = True if moves else None
    retraining = retrain_settings(
        study, network, ticket, prune_ratio, seed, numerics, train_collapsed=collapsed
    )
    moving = moving_settings(study.tickets[ticket], prune_ratio) if moves else None
    return SearchSettings(**vars(retraining), data=data_settings(study, data), moving=moving)


def moving_settings(ticket: Ticket, prune_ratio: float) -> MovingSettings:
    """Return how the mask of a ticket with an updater moves."""
    row = ticket.updater_facts
    return MovingSettings(
        updater=row.function,
        options=ticket.updater_options,
        gradients=row.gradients,
        every=row.every,
        until=row.until,
        densities=row.densities,
        prune_ratio=prune_ratio,
        allocation=allocation_settings(ticket),
        allocation_reads_scores=ticket.allocation_facts.reads_scores,
    )


def allocation_settings(ticket: Ticket) -> AllocationSettings:
    """Return how a ticket distributes its weights over the layers."""
    return AllocationSettings(reference=ticket.allocation_facts.function, options=ticket.allocation_options)


def per_prune_ratio(ticket: Ticket) -> bool:
    """Return whether a ticket's scores depend on the prune ratio."""
    one_shot = ticket.pruning_rounds == 1 and ticket.cycles is None
    return not one_shot or ticket.per_prune_ratio or ticket.constructive


def score_id(ticket: Ticket) -> str:
    """Return the name of a ticket's scores; tickets that score alike share the name, and so the scores.

    It is a folder name, with a checksum for options, rounds and functions that are not built in.
    """
    name = re.sub(r"[^A-Za-z0-9_]", "_", ticket.score.rpartition(":")[2])
    extra: dict[str, Any] = {}
    if ticket.score_options or ticket.score not in SCORES:
        extra = {"score": ticket.score, "options": ticket.score_options}
    if ticket.reads:
        extra |= {"reads": ticket.reads}
    if per_prune_ratio(ticket):
        function = ticket.allocation_facts.function
        extra |= {
            "rounds": ticket.pruning_rounds,
            "allocation": function,
            "allocation_options": ticket.allocation_options,
        }
    if "scoring" in ticket.refresh_batch_norm:
        extra |= {"refresh": True}
    if ticket.cycles is not None:  # what they train decides what is scored
        extra |= {"cycles": ticket.cycles.model_dump(), "start": ticket.start, "schedule": ticket.schedule}
    chosen = {"missing": ticket.missing, "zeros": ticket.zeros}  # how to read what it returns
    extra |= {key: value for key, value in chosen.items() if value != "refuse"}
    suffix = "-" + hashlib.sha256(json.dumps(extra, sort_keys=True).encode()).hexdigest()[:8] if extra else ""
    return f"{name}-{point_name(ticket.scored)}{suffix}"


def scored_ratio(ticket: Ticket, prune_ratio: float | str) -> str:
    """Return the prune ratio in the path of the scores; most one-shot scores serve all ratios."""
    return str(prune_ratio) if per_prune_ratio(ticket) else ANY_RATIO


def score_settings(
    study: Study, network: str, ticket: str, data: str, ratio: str, seed: int, content: str = ""
) -> ScoreSettings:
    """Settings of `score`; the content of the file that a score reads makes its scores stale when it changes."""
    row = study.tickets[ticket]
    read = {"content": content} if content else {}
    return ScoreSettings(
        network=network_settings(study, network),
        score=row.score_facts.function,
        options={**row.score_options, **read},
        images=images_settings(study, network, row, data),
        ratio=None if ratio == ANY_RATIO else ratio_settings(row, float(ratio)),
        refresh=refresh_settings(study, row, data),
        missing=row.missing,
        zeros=row.zeros,
        seed=seed,
    )


def refresh_settings(study: Study, ticket: Ticket, data: str) -> RefreshSettings | None:
    """Return the images from which BatchNorm's statistics are recomputed before scoring; None: none."""
    if "scoring" not in ticket.refresh_batch_norm:
        return None
    return RefreshSettings(
        corruption=data_settings(study, data).corruption,
        batch_size=study.recipe.batch_size,
        augmentation=study.recipe.augmentation.unmixed,
    )


def images_settings(
    study: Study, network: str, ticket: Ticket, data: str
) -> NoImages | BalancedImages | TrainingSet:
    """Return which images a ticket's score reads, and from which data variant."""
    corruption = data_settings(study, data).corruption
    if ticket.reading == "none":
        return NoImages()
    if ticket.reading == "training_set":
        return TrainingSet(corruption=corruption, batch_size=study.recipe.batch_size)
    scoring = study.scoring_of(network)
    return BalancedImages(
        corruption=corruption,
        images_per_class=scoring.images_per_class,
        batches=scoring.batches,
        augmentation=study.recipe.augmentation.unmixed,
    )


def ratio_settings(ticket: Ticket, prune_ratio: float) -> RatioSettings:
    """Return the further settings of scores that depend on the prune ratio; all allocations share other scores."""
    return RatioSettings(
        prune_ratio=prune_ratio,
        rounds=ticket.pruning_rounds,
        constructive=ticket.constructive,
        allocation=allocation_settings(ticket),
    )


def budget_settings(
    study: Study, dataset: str, network: str, ticket: str, prune_ratio: float
) -> BudgetSettings:
    """Settings of `budget`."""
    return BudgetSettings(
        name=ticket,
        ticket=study.tickets[ticket],
        network=f"{network} ({dataset})",
        prune_ratio=prune_ratio,
    )


def mask_settings(study: Study, ticket: str, source: str, prune_ratio: float) -> MaskSettings:
    """Settings of `mask`; the source is a data variant or a check of the scores."""
    row = study.tickets[ticket]
    check = study.check(source) if source != CLEAN else None
    return MaskSettings(
        allocation=row.allocation_facts.function,
        allocation_options=row.allocation_options,
        constructive=row.constructive,
        prune_ratio=prune_ratio,
        score_check=check.function if check and check.stage == "score" else None,
    )


def source_of(study: Study, check: str) -> str:
    """Return the source of a check's mask: `clean`, a data variant, or a check of the scores."""
    return check if study.check(check).stage in ("data", "score") else CLEAN


def data_of_source(study: Study, source: str) -> str:
    """Return the data variant of a mask's source."""
    return CLEAN if source == CLEAN else study.data_of(source)


def check_settings(study: Study, check: str, seed: int) -> CheckSettings:
    """Settings of `check`: how it changes the mask or the start weights."""
    row = study.check(check)
    return CheckSettings(
        check=check,
        mask_check=row.function if row.stage == "mask" else None,
        weights_check=row.function if row.stage == "weights" else None,
        seed=seed,
    )
