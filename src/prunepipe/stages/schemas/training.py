"""Settings of the stages that train."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from prunepipe.pruning.updaters.densities import DensitySchedule
from prunepipe.stages.schemas.network import NetworkSettings
from prunepipe.stages.schemas.scoring import AllocationSettings
from prunepipe.study.recipe import Recipe
from prunepipe.validation import Strict


class Numerics(Strict):
    """Site settings that change a run's last digits."""

    precision: Literal["float32", "bfloat16"]
    channels_last: bool


class TrainingSettings(Strict):
    """Settings of every training run."""

    network: NetworkSettings
    recipe: Recipe
    seed: int = Field(ge=0, description="of the run")
    numerics: Numerics


class DataSettings(Strict):
    """How to change the training data that a mask is made from."""

    corruption: str | None = Field(None, description="module:function of the data check; null: clean data")
    shuffle: bool = Field(True, description="whether to shuffle the images in every epoch")


class DenseSettings(TrainingSettings):
    """Settings of `train_dense`."""

    data: DataSettings
    rewind_epochs: tuple[int, ...] = Field((), description="epochs whose weights are kept")


class RetrainSettings(TrainingSettings):
    """Settings of `retrain`."""

    first_epoch: int = Field(0, ge=0, description="number of the recipe's epochs to skip")
    refresh_batch_norm: bool = Field(
        False,
        description="recompute BatchNorm's statistics before the network is tested, before and after training",
    )
    train_collapsed: bool = Field(False, description="train a ticket even if it has no path")


class MovingSettings(Strict):
    """How a mask moves during a search."""

    updater: str = Field(description="module:function of the updater")
    options: dict[str, JsonValue] = Field({}, description="keyword arguments of the updater")
    gradients: bool = Field(description="whether it reads gradients")
    every: int = Field(gt=0, description="training steps between two updates")
    until: float = Field(gt=0, le=1, description="share of the training steps after which the mask stays")
    densities: DensitySchedule = Field(description="weights that the mask keeps from update to update")
    prune_ratio: float = Field(gt=0, lt=1, description="share of the prunable weights to remove in the end")
    allocation: AllocationSettings
    allocation_reads_scores: bool = Field(description="whether the allocation needs the scores")


class SearchSettings(RetrainSettings):
    """Settings of `search`."""

    data: DataSettings
    moving: MovingSettings | None = Field(None, description="null: the mask does not move")
