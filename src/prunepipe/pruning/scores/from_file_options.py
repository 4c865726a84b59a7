"""Options of `from_file`; in their own module, so that checking a study needs no torch."""

from __future__ import annotations

from pydantic import Field

from prunepipe.pruning.options import Options


class FromFileOptions(Options):
    """Options of `from_file`."""

    file: str = Field(
        min_length=1, description="a file of masks or pruned weights, as `prunepipe audit` reads it"
    )
    content: str = Field("", description="checksum of the file, which the workflow fills in")
