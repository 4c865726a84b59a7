"""The files that the rules' jobs read, and the values that the wildcards in their paths may take."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import cached_property
from itertools import product
from typing import Any

from prunepipe.reports.plots import FIGURES
from prunepipe.results.layout import (
    BUDGET,
    CELL,
    DENSE,
    GIVEN,
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
from prunepipe.stages.settings import data_of_source, score_id, scored_ratio, source_of
from prunepipe.study.built_in import NO_CHECK, TABLES, checks_of_stage
from prunepipe.study.feasibility import pruned_layers_of
from prunepipe.study.loading import Site
from prunepipe.study.study import CLEAN, Study
from prunepipe.validation import FILE_POINT

Wildcards = Any
"""The wildcards of a job as attributes; all are strings."""

NO_FILE = "no_file"
"""Constrains a wildcard that names the user's own files, where a study has none."""


class JobFiles:
    """The input files of one study's jobs; methods that take wildcards are input functions of rules.

    Args:
        study: what to run.
        site: where and how.
        out: folder of the study's tables, figures and report, relative to the project.
    """

    def __init__(self, study: Study, site: Site, out: str = RESULTS) -> None:
        self.study = study
        self.site = site
        self.out = out

    @cached_property
    def points(self) -> dict[str, str]:
        """The rewind points of the study's tickets, by folder name."""
        rows = self.study.tickets.values()
        return {point_name(point): point for row in rows for point in row.dense_points}

    @cached_property
    def given(self) -> dict[str, str]:
        """The user's own files of weights that the study's tickets read, by folder name."""
        points = {point for row in self.study.tickets.values() for point in row.points}
        return {
            point_name(point): point.removeprefix(FILE_POINT)
            for point in points
            if point.startswith(FILE_POINT)
        }

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
        return {score_id(row): name for name, row in reversed(self.study.tickets.items())}

    @cached_property
    def dataset_keys(self) -> dict[str, str]:
        """The study's key of each prepared data set, by file name."""
        return {dataset_name(key, choice): key for key, choice in self.study.datasets.items()}

    @cached_property
    def constraints(self) -> dict[str, str]:
        """The allowed values of each wildcard."""
        data = {check for check in self.checks if self.study.check(check).stage == "data"}
        return {
            "dataset": _alternatives(self.study.datasets),
            "network": _alternatives(self.study.networks),
            "ticket": _alternatives(self.study.tickets),
            "check": _alternatives(self.checks),
            "prune_ratio": _alternatives(self.ratios),
            "scored_ratio": _alternatives(["_any", *self.ratios]),
            "seed": _alternatives(self.study.seeds),
            "point": _alternatives(self.points),
            "given": _alternatives(self.given or [NO_FILE]),
            "score_id": _alternatives(self.ticket_of_scores),
            "draw": "init|reinit",
            "data": _alternatives({CLEAN, *data, *checks_of_stage("data")}),
            "source": _alternatives({CLEAN, *(source_of(self.study, check) for check in self.checks)}),
            "name": _alternatives(self.dataset_keys),
            "table": _alternatives(TABLES),
            "figure": _alternatives(FIGURES),
        }

    def place(self, template: str, file: str, **fixed: Any) -> str:
        """Return the path of a file in a folder of the layout, filling in the study's name and the fixed parts."""
        for key, value in {"study": self.study.name, **fixed}.items():
            template = template.replace(f"{{{key}}}", str(value))
        return os.path.join(template, file)

    @cached_property
    def budgets(self) -> list[str]:
        """The files that say that tickets can meet the prune ratios, where a network is known only once it is built."""
        places = [place for place in self.study.places if pruned_layers_of(self.study, *place) is None]
        return [
            self.place(
                BUDGET, "budget.json", dataset=dataset, network=network, ticket=ticket, prune_ratio=ratio
            )
            for dataset, network in places
            for ticket, ratio in product(self.study.tickets, self.study.prune_ratios)
        ]

    def structure(self, wildcards: Wildcards) -> str:
        """Return the structure of a network, which all seeds share."""
        return structure_path(self.study, wildcards.dataset, wildcards.network)

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
        """Return the path of the weights at a rewind point; initial weights and the user's do not depend on data."""
        name = point_name(point)
        if name in self.given:
            return self.place(GIVEN, "weights.safetensors", given=name)
        return self.place(REWIND, "weights.safetensors", data=CLEAN if name == "init" else data, point=name)

    def given_file(self, wildcards: Wildcards) -> str:
        """Return the user's own file of weights."""
        return self.given[wildcards.given]

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
            return self.place(CELL, "trained.safetensors", check=NO_CHECK, **place)
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
            score_id=score_id(row),
            data=data_of_source(self.study, wildcards.source),
            scored_ratio=scored_ratio(row, wildcards.prune_ratio),
        )

    def mask(self, wildcards: Wildcards) -> str:
        """Return the mask of a ticket under a check: made from scores, or found by a search."""
        source = source_of(self.study, wildcards.check)
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
            inputs["structures"] = [structure_path(self.study, *place) for place in self.study.places]
        return inputs


def _alternatives(values: Iterable[Any]) -> str:
    """Return a wildcard constraint that allows exactly these values."""
    return "|".join(re.escape(str(value)) for value in values)
