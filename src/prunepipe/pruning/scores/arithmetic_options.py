"""The arithmetic of a score, an option of several; apart from them, so that a study is checked without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prunepipe.pruning.options import Options


class ArithmeticOptions(Options):
    """In which numbers a score is computed."""

    dtype: Literal["float64", "float32"] = Field("float64", description="of all arithmetic")
