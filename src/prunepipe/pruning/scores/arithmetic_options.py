"""The `dtype` option that several scores share; in its own module, so that checking a study needs no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prunepipe.pruning.options import Options


class ArithmeticOptions(Options):
    """The floating type that a score is computed in."""

    dtype: Literal["float64", "float32"] = Field("float64", description="of all arithmetic")
