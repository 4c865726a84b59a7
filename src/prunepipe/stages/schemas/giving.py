"""Settings of the stage that reads weights from a file of the user's."""

from __future__ import annotations

from pydantic import Field

from prunepipe.validation import Strict


class GivenSettings(Strict):
    """Identifies the file's content; stored with the weights."""

    content: str = Field(description="checksum of the file")
