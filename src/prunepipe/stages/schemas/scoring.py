"""Settings of the stage that scores a network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from prunepipe.stages.schemas.network import NetworkSettings
from prunepipe.study.recipe import Augmentation
from prunepipe.validation import Strict


class NoImages(Strict):
    """One blank image, for scores that read no data but may need its shape."""

    reads: Literal["none"] = "none"


class BalancedImages(Strict):
    """A few training images per class, augmented as in training."""

    reads: Literal["balanced"] = "balanced"
    corruption: str | None = Field(None, description="module:function of the data check; null: clean data")
    images_per_class: int = Field(gt=0, description="images of each class in each batch")
    batches: int = Field(gt=0, description="how many batches")
    augmentation: Augmentation


class TrainingSet(Strict):
    """All training images, in file order and without augmentation."""

    reads: Literal["training_set"] = "training_set"
    corruption: str | None = Field(None, description="module:function of the data check; null: clean data")
    batch_size: int = Field(gt=0, description="images of a batch")


class RefreshSettings(Strict):
    """The training images from which BatchNorm's statistics are recomputed before scoring, augmented as in training."""

    corruption: str | None = Field(None, description="module:function of the data check; null: clean data")
    batch_size: int = Field(gt=0, description="images of a batch")
    augmentation: Augmentation


class AllocationSettings(Strict):
    """How the kept weights are distributed over the layers."""

    reference: str = Field(description="module:function of the allocation")
    options: dict[str, JsonValue] = Field({}, description="keyword arguments of the allocation")


class RatioSettings(Strict):
    """Further settings of scores that depend on the prune ratio."""

    prune_ratio: float = Field(gt=0, lt=1, description="share of the prunable weights to remove")
    rounds: int = Field(1, gt=0, description="rounds of pruning")
    constructive: bool = Field(False, description="whether the score returns the mask itself")
    allocation: AllocationSettings


class ScoreSettings(Strict):
    """Settings of `score`."""

    network: NetworkSettings
    score: str = Field(description="module:function of the score")
    options: dict[str, JsonValue] = Field({}, description="keyword arguments of the score")
    images: Annotated[NoImages | BalancedImages | TrainingSet, Field(discriminator="reads")] = Field(
        description="the images that the score reads"
    )
    ratio: RatioSettings | None = Field(
        None, description="null: one set of scores serves every prune ratio, whatever the allocation"
    )
    refresh: RefreshSettings | None = Field(
        None, description="how to recompute BatchNorm's statistics; null: they stay as they are"
    )
    missing: Literal["refuse", "keep"] = Field("refuse", description="weights that the score leaves out")
    zeros: Literal["refuse", "removed"] = Field("refuse", description="zeros of a network that it returns")
    seed: int = Field(ge=0, description="of the run")
