"""The commands of `partial`: tables, verdicts, figures and the page of the finished runs, with gaps marked."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prunepipe.reports.plots import FIGURES, figures_of
from prunepipe.stages.schemas.reporting import FigureSettings, ReportSettings, TableSettings
from prunepipe.study.study import Study

COLLECTED = ("results", "layers", "histories")
"""Names of the tables collected from runs; `overlap` is collected from masks."""


def figure_files(study: Study, folder: str) -> dict[str, str]:
    """Return the .svg file of every figure of a study, by figure name."""
    return {name: f"{folder}/figures/{name}.svg" for name in figures_of(study)}


def partial_commands(study: Study, file: Path, launch: str, folder: str) -> str:
    """Return the shell commands that make the partial results, in order.

    Args:
        study: a study that is still running or had failures.
        file: the study's file.
        launch: start of the shell command of every stage.
        folder: where they are written; what it holds is removed first.
    """
    return "; ".join(_commands(study, file, launch, folder))


def _commands(study: Study, file: Path, launch: str, folder: str) -> Iterator[str]:
    def stage(script: str, **options: Any) -> str:
        words = [f"--{name} {shlex.quote(str(value))}" for name, value in {"study": file, **options}.items()]
        return f"{launch} {script}.py {' '.join(words)}"

    frames = {name: f"{folder}/{name}.csv" for name in (*COLLECTED, "overlap")}
    results, tables = frames["results"], f"{folder}/tables"
    yield f"rm -rf {folder}"  # remove files of other studies or earlier calls
    yield stage("collect", **{name: frames[name] for name in COLLECTED})
    for name in study.tables:
        files = {kind: f"{tables}/{name}.{kind}" for kind in ("csv", "md", "tex")}
        yield stage("table", results=results, **files, settings=TableSettings(table=name).model_dump_json())
    yield stage(
        "verdicts",
        results=results,
        csv=f"{tables}/verdicts.csv",
        md=f"{tables}/verdicts.md",
        effects=f"{tables}/effects.csv",
        methods=f"{tables}/methods.csv",
        against_random=f"{tables}/against_random.csv",
        gains=f"{tables}/decomposition.csv",
        gains_md=f"{tables}/decomposition.md",
    )
    yield stage("overlap", overlap=frames["overlap"])
    figures = figure_files(study, folder)
    for name, svg in figures.items():
        needs = {need: frames[need] for need in FIGURES[name].needs}
        settings = FigureSettings(figure=name).model_dump_json()
        png = svg.replace(".svg", ".png")
        drawing = stage("figure", results=results, **needs, svg=svg, png=png, settings=settings)
        yield f"{drawing} || rm -f {svg}"  # the page marks figures that cannot be drawn yet
    settings = ReportSettings(figures=figures).model_dump_json()
    yield stage("report", **frames, report=f"{folder}/report.html", settings=settings)
