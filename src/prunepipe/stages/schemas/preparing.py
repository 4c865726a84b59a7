"""Settings of the stage that prepares a data set."""

from __future__ import annotations

from pydantic import Field, JsonValue

from prunepipe.validation import Strict


class DatasetSettings(Strict):
    """Which data set, how much of it, and where its source is."""

    reference: str = Field(description="module:function of its loader")
    folder: str = Field(description="the folder that the loader searches and downloads to")
    options: dict[str, JsonValue] = Field({}, description="further keyword arguments of the loader")
    pool: int = Field(1, ge=1, description="mean-pool images by this factor")
    train_images: int | None = Field(None, gt=0, description="training images to keep; null: all")
    test_images: int | None = Field(None, gt=0, description="test images to keep; null: all")
