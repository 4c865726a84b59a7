"""Derive from the wildcards what the rules pass to their jobs: settings, and the version of the code."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from prunepipe import __version__
from prunepipe.artifacts import read_json
from prunepipe.datasets.contents import files_checksum
from prunepipe.datasets.fingerprint import content_checksum
from prunepipe.errors import PrunepipeError
from prunepipe.planning import memory
from prunepipe.planning.job_files import JobFiles, Wildcards
from prunepipe.planning.partial import figure_files
from prunepipe.reports.plots import FIGURES
from prunepipe.results.code_reach import PACKAGE
from prunepipe.results.code_version import code_version
from prunepipe.results.layout import AS_FOUND, CELL, point_name
from prunepipe.results.places import RESULTS
from prunepipe.stages import settings as make
from prunepipe.stages.schemas.evaluating import PlaceSettings
from prunepipe.stages.schemas.giving import GivenSettings
from prunepipe.stages.schemas.reporting import FigureSettings, ReportSettings, TableSettings
from prunepipe.stages.schemas.scoring import NoImages
from prunepipe.study.loading import Site
from prunepipe.study.study import FULL_NETWORK, Study, check_of
from prunepipe.validation import FILE_POINT


class Jobs(JobFiles):
    """The jobs of one study: their files, settings and code; methods that take wildcards are params of rules.

    Args:
        study: what to run.
        site: where and how.
        scripts: folder of the stages' scripts.
        out: folder of the study's tables, figures and report, relative to the project.
        launcher: start of every stage's shell command.
    """

    def __init__(
        self, study: Study, site: Site, scripts: Path, out: str = RESULTS, launcher: str = ""
    ) -> None:
        super().__init__(study, site, out)
        self.scripts = scripts
        self._launcher = launcher
        self.code = cache(self._code)
        self.content_of = cache(self._checksum_of)
        self._dataset_text = cache(self._prepared_from)
        self._texts: dict[Any, str] = {}
        self._score_memory = cache(partial(memory.score_megabytes, study, site.device))
        self._training_memory = cache(partial(memory.training_megabytes, study, site.device))
        self._initial_memory = cache(partial(memory.initialising_megabytes, study))

    def launch(self, wildcards: Any, output: Any) -> str:
        """Return the start of a stage's shell command.

        It takes `output` because Snakemake does not remember params that depend on it: moving the project, or another
        Python, then makes nothing stale.
        """
        return self._launcher

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

    def given_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `read_given`: the checksum of the file."""
        return GivenSettings(content=self.content_of(self.given[wildcards.given])).model_dump_json()

    def _checksum_of(self, path: str) -> str:
        file = Path(path)
        record = Path(self.site.prepared, f"{point_name(FILE_POINT + path)}.content.json")
        try:
            return files_checksum(file.parent, (file.name,), record)
        except PrunepipeError as error:
            sys.exit(f"error: {error}")

    def rewind_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `rewind`."""
        point = self.points[wildcards.point]
        return make.rewind_settings(wildcards.data, point).model_dump_json()

    def score_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `score`."""
        ticket = self.ticket_of_scores[wildcards.score_id]
        place = wildcards.network, ticket, wildcards.data, wildcards.scored_ratio, int(wildcards.seed)
        file = self.study.tickets[ticket].mask_file
        return self._text(make.score_settings, *place, content=self.content_of(file) if file else "")

    def budget_settings(self, wildcards: Wildcards) -> str:
        """Return the settings of `budget`."""
        place = wildcards.dataset, wildcards.network, wildcards.ticket, float(wildcards.prune_ratio)
        return self._text(make.budget_settings, *place)

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
        place = wildcards.network, wildcards.ticket, float(wildcards.prune_ratio), int(wildcards.seed)
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
        code = self.code("train_dense", self._builder(wildcards))
        return self._place(wildcards, FULL_NETWORK, check_of(wildcards.data), 0.0, code)

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

    # Memory in megabytes, as `prunepipe.planning.memory` bounds it; `set-resources` of a profile overrides it

    def dataset_memory(self, wildcards: Wildcards) -> int:
        """Return what `prepare_dataset` asks for."""
        return memory.preparing_megabytes(self.study, self.dataset_keys[wildcards.name])

    def initial_memory(self, wildcards: Wildcards) -> int:
        """Return what `initialise` asks for."""
        return self._initial_memory(wildcards.dataset, wildcards.network)

    def score_memory(self, wildcards: Wildcards) -> int:
        """Return what `score` asks for."""
        ticket = self.ticket_of_scores[wildcards.score_id]
        return self._score_memory(wildcards.dataset, wildcards.network, ticket)

    def training_memory(self, wildcards: Wildcards) -> int:
        """Return what `train_dense`, `search` and `retrain` ask for."""
        return self._training_memory(wildcards.dataset, wildcards.network)

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
        reads_none = isinstance(images, NoImages) and "scoring" not in row.refresh_batch_norm
        corruption = None if reads_none else make.data_settings(self.study, wildcards.data).corruption
        allocation = row.allocation_facts.function if row.pruning_rounds > 1 else None
        return self.code("score", self._builder(wildcards), row.score_facts.function, allocation, corruption)

    def budget_code(self, wildcards: Wildcards) -> str:
        """Return the code of `budget`."""
        row = self.study.tickets[wildcards.ticket].allocation_facts
        return self.code("budget", None if row.reads_scores else row.function)

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


for _method in filter(inspect.isfunction, [*vars(JobFiles).values(), *vars(Jobs).values()]):
    # Snakemake asks a dozen times per job which arguments these methods take. Under this name it finds the answer.
    _arguments = list(inspect.signature(_method).parameters.items())[1:]
    _method.__dict__["_overwrite_params"] = dict(_arguments)
