"""Settings of the stages that make tables, figures and the page."""

from __future__ import annotations

from pydantic import Field

from prunepipe.validation import Strict


class TableSettings(Strict):
    """Which table."""

    table: str


class FigureSettings(Strict):
    """Which figure."""

    figure: str


class ReportSettings(Strict):
    """The inputs of the page."""

    figures: dict[str, str] = Field(description="the .svg file of each figure, by its name")
