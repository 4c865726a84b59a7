"""Derive what the workflow's rules pass to their jobs from the wildcards: input files, settings, code."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterable
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from prunepipe import __version__
from prunepipe.artifacts import read_json
from prunepipe.datasets.fingerprint import content_checksum
from prunepipe.errors import PrunepipeError
from prunepipe.planning.partial import figure_files
from prunepipe.reports.plots import FIGURES
from prunepipe.results.code_reach import PACKAGE
from prunepipe.results.code_version import code_version
from prunepipe.results.layout import (
    AS_FOUND,
    CELL,
    DENSE,
    INITIAL,
    MASK,
    REWIND,
    SCORES,
    SEARCH,
    dataset_name,
    point_name,
    structure_path,
)
from prunepipe.results.places import RESULTS
from prunepipe.stages import settings as make
from prunepipe.stages.schemas.evaluating import PlaceSettings
from prunepipe.stages.schemas.reporting import FigureSettings, ReportSettings, TableSettings
from prunepipe.stages.schemas.scoring import NoImages
from prunepipe.study.built_in import TABLES, checks_of_stage
from prunepipe.study.loading import Site
from prunepipe.study.study import CLEAN, FULL_NETWORK, Study

Wildcards = Any
"""The wildcards of a job as attributes; all are strings."""


def alternatives(values: Iterable[Any]) -> str:
    """Return a wildcard constraint that allows exactly these values."""
    return "|".join(re.escape(str(value)) for value in values)


class Jobs:
    """The jobs of one study; methods that take wildcards are input or params functions of rules.

    Args:
        study: what to run.
        site: where and how.
        scripts: folder of the stages' scripts.
        launcher: start of every stage's shell command.
        out: folder of the study's tables, figures and report, relative to the project.
    """

    def __init__(
        self, study: Study, site: Site, scripts: Path, launcher: str = "", out: str = RESULTS
    ) -> None:
        self.study = study
        self.site = site
        self.scripts = scripts
        self.out = out
        self._launcher = launcher
        self.code = cache(self._code)
        self._dataset_text = cache(self._prepared_from)
        self._texts: dict[Any, str] = {}

    def _code(self, stage: str, *references: str | None) -> str:
        """Return the checksum of the code that a stage can reach; invalid Python in a user's file ends the workflow."""
        try:
            return code_version(self.scripts / f"{stage}.py", *filter(None, references))
        except PrunepipeError as error:
            sys.exit(f"error: {error}")

    def _text(self, function: Callable[..., BaseModel], *place: Any, **choices: Any) -> str:
        """Return the settings that a function makes from the study and a place in it, as JSON; many jobs share them."""
        key = function, place, str(choices)
        if key not in self._texts:
            self._texts[key] = function(self.study, *place, **choices).model_dump_json()
        return self._texts[key]

    def launch(self, wildcards: Any, output: Any) -> str:
        """Return the start of a stage's shell command.

        It takes `output` because Snakemake does not remember params that depend on it: moving the project, or another
        Python, then makes nothing stale.
        """
        return self._launcher

    # Names

    @cached_property
    def points(self) -> dict[str, str]:
        """The rewind points of the study's tickets, by folder name."""
        rows = self.study.tickets.values()
        return {point_name(point): point for row in rows for point in row.dense_points}

    @cached_property
    def checks(self) -> set[str]:
        """The checks that apply to at least one ticket."""
        return {check for ticket in self.study.tickets for check in self.study.checks_of(ticket)}

    @cached_property
    def ratios(self) -> list[float]:
        """The prune ratios of the study, and those that its tickets' cycles pass."""
        return list(
            dict.fromkeys(ratio for ticket in self.study.tickets for ratio in self.study.ratios_of(ticket))
        )

    @cached_property
    def ticket_of_scores(self) -> dict[str, str]:
        """The first ticket that uses each set of scores, by the name of the scores."""
        return {make.score_id(row): name for name, row in reversed(self.study.tickets.items())}

    @cached_property
    def dataset_keys(self) -> dict[str, str]:
        """The study's key of each prepared data set, by file name."""
        return {dataset_name(key, choice): key for key, choice in self.study.datasets.items()}

    @cached_property
    def constraints(self) -> dict[str, str]:
        """The allowed values of each wildcard."""
        data = {check for check in self.checks if self.study.check(check).stage == "data"}
        return {
            "dataset": alternatives(self.study.datasets),
            "network": alternatives(self.study.networks),
            "ticket": alternatives(self.study.tickets),
            "check": alternatives(self.checks),
            "prune_ratio": alternatives(self.ratios),
            "scored_ratio": alternatives(["_any", *self.ratios]),
            "seed": alternatives(self.study.seeds),
            "point": alternatives(self.points),
            "score_id": alternatives(self.ticket_of_scores),
            "draw": "init|reinit",
            "data": alternatives({CLEAN, *data, *checks_of_stage("data")}),
            "source": alternatives({CLEAN, *(make.source_of(self.study, check) for check in self.checks)}),
            "name": alternatives(self.dataset_keys),
            "table": alternatives(TABLES),
            "figure": alternatives(FIGURES),
        }

    # Files

    def place(self, template: str, file: str, **fixed: Any) -> str:
        """Return the path of a file in a folder of the layout, filling in the study's name and the fixed parts."""
        for key, value in {"study": self.study.name, **fixed}.items():
            template = template.replace(f"{{{key}}}", str(value))
        return os.path.join(template, file)

    def prepared(self, wildcards: Wildcards) -> str:
        """Return the prepared data set of a run."""
        name = dataset_name(wildcards.dataset, self.study.datasets[wildcards.dataset])
        return os.path.join(self.site.prepared, f"{name}.safetensors")

    def checkpoint(self, wildcards: Wildcards) -> str:
        """Return the file that holds the weights of a rewind point."""
        if wildcards.point == "init":
            return self.place(INITIAL, "weights.safetensors", draw="init")
        return self.place(DENSE, f"{wildcards.point}.safetensors")

    def _rewound(self, data: str, point: str) -> str:
        """Return the path of the weights at a rewind point; initial weights do not depend on data."""
        name = point_name(point)
        return self.place(REWIND, "weights.safetensors", data=CLEAN if name == "init" else data, point=name)

    def scored_weights(self, wildcards: Wildcards) -> str:
        """Return the weights that a score reads: of the dense run, or of the cycle before."""
        ticket = self.ticket_of_scores[wildcards.score_id]
        if self.study.tickets[ticket].cycles:
            return self._before(ticket, wildcards.data, float(wildcards.scored_ratio))
        return self._rewound(wildcards.data, self.study.tickets[ticket].scored)

    def _before(self, ticket: str, data: str, prune_ratio: float) -> str:
        """Return the trained network that the cycle which ends at a prune ratio prunes."""
        level = self.study.level_before(ticket, prune_ratio)
        if level is None:
            return self._rewound(data, "final")
        place = {"ticket": ticket, "prune_ratio": level}
        if data == CLEAN:  # such a cycle is a cell
            return self.place(CELL, "trained.safetensors", check="none", **place)
        return self.place(SEARCH, "trained.safetensors", data=data, **place)

    def _start(self, ticket: str, data: str, prune_ratio: float) -> str:
        """Return the weights that a ticket with a mask made from a data variant starts from."""
        row = self.study.tickets[ticket]
        if row.cycles and row.start == "final":
            return self._before(ticket, data, prune_ratio)
        if row.updater and row.start == "final":
            return self._found(data)
        return self._rewound(data, row.start)

    def _found(self, data: str) -> str:
        """Return the network with a moving mask, as its training left it."""
        return self.place(SEARCH, "trained.safetensors", data=data)

    def scores(self, wildcards: Wildcards) -> str:
        """Return the scores that a mask is made from."""
        row = self.study.tickets[wildcards.ticket]
        return self.place(
            SCORES,
            "scores.safetensors",
            score_id=make.score_id(row),
            data=make.data_of_source(self.study, wildcards.source),
            scored_ratio=make.scored_ratio(row, wildcards.prune_ratio),
        )

    def mask(self, wildcards: Wildcards) -> str:
        """Return the mask of a ticket under a check: from scores, or as it ended to move."""
        source = make.source_of(self.study, wildcards.check)
        if self.study.tickets[wildcards.ticket].updater:
            return self._found(source)
        return self.place(MASK, "mask.safetensors", source=source)

    def start_weights(self, wildcards: Wildcards) -> str:
        """Return the weights that a ticket starts from."""
        data = self.study.data_of(wildcards.check)
        return self._start(wildcards.ticket, data, float(wildcards.prune_ratio))

    def search_weights(self, wildcards: Wildcards) -> str:
        """Return the weights that a search starts from."""
        row = self.study.tickets[wildcards.ticket]
        if row.updater:
            return self._rewound(wildcards.data, row.scored)
        return self._start(wildcards.ticket, wildcards.data, float(wildcards.prune_ratio))

    def search_mask(self, wildcards: Wildcards) -> list[str]:
        """Return the mask that a search starts with; nothing if it starts with all weights."""
        dense = self.study.tickets[wildcards.ticket].starts_dense
        return [] if dense else [self.place(MASK, "mask.safetensors", source=wildcards.data)]

    def fresh_weights(self, wildcards: Wildcards) -> list[str]:
        """Return the second draw of the initial weights, for checks that receive one."""
        row = self.study.check(wildcards.check)
        wanted = row.stage == "weights" and row.redraws
        return [self.place(INITIAL, "weights.safetensors", draw="reinit")] if wanted else []

    def figure_inputs(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the collected tables that a figure reads, and the structures if it reads the layers."""
        needs = FIGURES[wildcards.figure].needs
        inputs: dict[str, Any] = {
            name: f"{self.out}/{name}.csv" if name in needs else []
            for name in ("layers", "histories", "overlap")
        }
        if "layers" in needs:
            inputs["structures"] = [
                structure_path(self.study, dataset, network)
                for dataset in self.study.datasets
                for network in self.study.networks
            ]
        return inputs

    # Settings, as JSON

    def dataset_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `prepare_dataset`, with the checksum of the user's own files."""
        return self._dataset_text(wildcards.name)

    def _prepared_from(self, name: str) -> str:
        settings = make.dataset_settings(self.study, self.dataset_keys[name], self.site.data_folder)
        record = Path(self.site.prepared, f"{name}.content.json")
        try:
            content = content_checksum(settings.model_dump(), record)
        except PrunepipeError as error:
            sys.exit(f"error: datasets.{self.dataset_keys[name]}: {error}")
        options = {**settings.options, "content": content} if content else settings.options
        return settings.model_copy(update={"options": options}).model_dump_json()

    def initial_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `initialise`."""
        return self._text(make.initial_settings, wildcards.network, wildcards.draw, int(wildcards.seed))

    def dense_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `train_dense`."""
        place = wildcards.network, wildcards.data, int(wildcards.seed)
        return self._text(make.dense_settings, *place, numerics=self.site.numerics)

    def rewind_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `rewind`."""
        point = self.points[wildcards.point]
        return make.rewind_settings(wildcards.data, point).model_dump_json()

    def score_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `score`."""
        ticket = self.ticket_of_scores[wildcards.score_id]
        place = wildcards.network, ticket, wildcards.data, wildcards.scored_ratio, int(wildcards.seed)
        return self._text(make.score_settings, *place)

    def mask_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `mask`."""
        place = wildcards.ticket, wildcards.source, float(wildcards.prune_ratio)
        return self._text(make.mask_settings, *place)

    def check_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `check`."""
        return self._text(make.check_settings, wildcards.check, int(wildcards.seed))

    def retrain_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `retrain`.

        `train_collapsed` matters only to tickets with layer collapse: the settings of other finished runs keep the
        recorded value, so that changing it retrains no other ticket.
        """
        place = wildcards.network, wildcards.ticket, int(wildcards.seed)
        told = self._told_of_collapse(wildcards)
        return self._text(make.retrain_settings, *place, numerics=self.site.numerics, train_collapsed=told)

    def search_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `search`."""
        place = wildcards.network, wildcards.ticket, wildcards.data
        which = float(wildcards.prune_ratio), int(wildcards.seed)
        return self._text(make.search_settings, *place, *which, numerics=self.site.numerics)

    def _told_of_collapse(self, wildcards: Wildcards) -> bool | None:
        layers = self.place(CELL, "layers.json").format(**dict(wildcards.items()))
        if not os.path.isfile(layers):
            return None
        found = read_json(layers, "collapsed", "train_collapsed")
        return None if found["collapsed"] else found["train_collapsed"]

    def table_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `table`."""
        return TableSettings(table=wildcards.table).model_dump_json()

    def figure_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `figure`."""
        return FigureSettings(figure=wildcards.figure).model_dump_json()

    def report_settings(self) -> str:
        """Return the settings of `report`."""
        return ReportSettings(figures=figure_files(self.study, self.out)).model_dump_json()

    def dense_place(self, wildcards: Wildcards) -> str:
        """Return the place of a dense run in the study, and its code."""
        check = "none" if wildcards.data == CLEAN else wildcards.data
        code = self.code("train_dense", self._builder(wildcards))
        return self._place(wildcards, FULL_NETWORK, check, 0.0, code)

    def cell_place(self, wildcards: Wildcards) -> str:
        """Return the place of a cell in the study, and its code."""
        source = make.source_of(self.study, wildcards.check)
        moves = self.study.tickets[wildcards.ticket].updater is not None
        masked = (
            self._code_of_search(wildcards, source) if moves else self._code_of_mask(wildcards.ticket, source)
        )
        code = f"{masked}-{self.retrain_code(wildcards)}"
        prune_ratio = float(wildcards.prune_ratio)
        return self._place(wildcards, wildcards.ticket, wildcards.check, prune_ratio, code)

    def search_place(self, wildcards: Wildcards) -> str:
        """Return the place of a search in the study, and its code."""
        prune_ratio, code = float(wildcards.prune_ratio), self.search_code(wildcards)
        return self._place(wildcards, wildcards.ticket, AS_FOUND, prune_ratio, code)

    def _place(self, wildcards: Wildcards, ticket: str, check: str, prune_ratio: float, code: str) -> str:
        return PlaceSettings(
            study=self.study.name,
            dataset=wildcards.dataset,
            network=wildcards.network,
            ticket=ticket,
            check=check,
            prune_ratio=prune_ratio,
            seed=int(wildcards.seed),
            precision=self.site.precision,
            version=__version__,
            code=code,
        ).model_dump_json()

    # Code: a checksum of the code that a stage can reach, including functions that it loads by name

    def _builder(self, wildcards: Wildcards) -> str:
        return make.network_settings(self.study, wildcards.network).reference

    def dataset_code(self, wildcards: Wildcards) -> str:
        """Return the code of `prepare_dataset`."""
        settings = make.dataset_settings(self.study, self.dataset_keys[wildcards.name], self.site.data_folder)
        return self.code("prepare_dataset", settings.reference)

    def initial_code(self, wildcards: Wildcards) -> str:
        """Return the code of `initialise`."""
        return self.code("initialise", self._builder(wildcards))

    def dense_code(self, wildcards: Wildcards) -> str:
        """Return the code of `train_dense`."""
        corruption = make.data_settings(self.study, wildcards.data).corruption
        return self.code("train_dense", self._builder(wildcards), corruption)

    def score_code(self, wildcards: Wildcards) -> str:
        """Return the code of `score`, including the allocation if there are several rounds of pruning."""
        row = self.study.tickets[self.ticket_of_scores[wildcards.score_id]]
        images = make.images_settings(self.study, wildcards.network, row, wildcards.data)
        corruption = None if isinstance(images, NoImages) else images.corruption
        allocation = row.allocation_facts.function if row.pruning_rounds > 1 else None
        return self.code("score", self._builder(wildcards), row.score_facts.function, allocation, corruption)

    def mask_code(self, wildcards: Wildcards) -> str:
        """Return the code of `mask`."""
        return self._code_of_mask(wildcards.ticket, wildcards.source)

    def _code_of_mask(self, ticket: str, source: str) -> str:
        settings = make.mask_settings(self.study, ticket, source, self.study.prune_ratios[0])
        return self.code("mask", settings.allocation, settings.score_check)

    def check_code(self, wildcards: Wildcards) -> str:
        """Return the code of `check`."""
        settings = make.check_settings(self.study, wildcards.check, 0)
        return self.code("check", settings.mask_check, settings.weights_check)

    def retrain_code(self, wildcards: Wildcards) -> str:
        """Return the code of `retrain`."""
        return self.code("retrain", self._builder(wildcards))

    def search_code(self, wildcards: Wildcards) -> str:
        """Return the code of `search`."""
        return self._code_of_search(wildcards, wildcards.data)

    def _code_of_search(self, wildcards: Wildcards, data: str) -> str:
        corruption = make.data_settings(self.study, data).corruption
        row = self.study.tickets[wildcards.ticket]
        moving = (row.updater_facts.function, row.allocation_facts.function) if row.updater else ()
        return self.code("search", self._builder(wildcards), corruption, *moving)

    def figure_code(self, wildcards: Wildcards) -> str:
        """Return the code of `figure`."""
        return self.code("figure", FIGURES[wildcards.figure].function)

    def report_code(self) -> str:
        """Return the checksum of everything that makes the page: code, templates, style and script."""
        parts = sorted((PACKAGE / "reports" / "page").glob("[at]*s/*"))  # assets/ and templates/
        text = b"".join(part.read_bytes() for part in parts)
        return self.code("report") + hashlib.sha256(text).hexdigest()[:12]
