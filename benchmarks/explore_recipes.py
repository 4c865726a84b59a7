"""Try a study's recipe in one process, without Snakemake: one line of JSON per run, dense or pruned.

    python benchmarks/explore_recipes.py STUDY.yaml DATASET.safetensors RUNS.jsonl --seeds 0 1

Nothing is stored between the stages, so a trial takes little more than its trainings; it cannot resume.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from prunepipe.artifacts import write_json
from prunepipe.stages import settings as told
from prunepipe.stages.checking import apply_check, describe
from prunepipe.stages.execution import Execution
from prunepipe.stages.initialising import initialise
from prunepipe.stages.masking import make_mask
from prunepipe.stages.scoring import score
from prunepipe.stages.training import retrain, train_dense
from prunepipe.study.study import Cell, Study


class Trial:
    """One network and one seed of a study, on a prepared data set."""

    def __init__(
        self, study: Study, network: str, data: str, seed: int, numerics: dict[str, Any], folder: Path
    ) -> None:
        self.study, self.network, self.data, self.seed, self.numerics = study, network, data, seed, numerics
        self.execution = Execution(device="cpu", threads=1)
        self.dense = cache(self._dense)
        self.scores = cache(self._scores)
        self.initial, self.structure = self._initialised("init")
        self.fresh, _ = self._initialised("reinit")
        self.path = str(folder / f"{network}-{seed}.json")
        write_json(self.path, self.structure.to_json())

    def _initialised(self, draw: str) -> Any:
        network = told.network_settings(self.study, self.network)
        return initialise(self.data, {"network": network, "seed": self.seed, "draw": draw})

    def _dense(self, variant: str) -> Any:
        settings = told.dense_settings(self.study, self.network, variant, self.seed, self.numerics)
        return train_dense(self.data, self.initial, settings, self.execution)

    def weights_at(self, point: str, variant: str) -> Any:
        """Return the weights of a rewind point."""
        if point == "init":
            return self.initial
        run = self.dense(variant)
        return run.weights if point == "final" else run.snapshots[self.study.epoch_of(point)]

    def _scores(self, ticket: str, variant: str, ratio: str) -> Any:
        settings = told.score_settings(self.study, self.network, ticket, variant, ratio, self.seed)
        weights = self.weights_at(self.study.tickets[ticket].scored, variant)
        return score(self.data, self.path, weights, settings, self.execution)

    def run(self, cell: Cell) -> dict[str, Any]:
        """Prune, check and retrain one cell."""
        row = self.study.tickets[cell.ticket]
        source = told.source_of(self.study, cell.check)
        variant = told.data_of_source(self.study, source)
        scores = self.scores(cell.ticket, variant, told.scored_ratio(row, cell.prune_ratio))
        mask = make_mask(
            scores, self.structure, **told.mask_settings(self.study, cell.ticket, source, cell.prune_ratio)
        )
        start = self.weights_at(row.start, variant)
        settings = told.check_settings(self.study, cell.check, self.seed)
        weights, mask = apply_check(start, mask, self.fresh, **settings)
        if describe(mask, self.structure)["collapsed"]:
            return {"accuracy": None}
        settings = told.retrain_settings(self.study, self.network, cell.ticket, self.seed, self.numerics)
        return facts(retrain(self.data, weights, mask, settings, self.execution))


def facts(outcome: Any) -> dict[str, Any]:
    """Return the reported figures of one training."""
    last = outcome.history[-1]
    return {"accuracy": last["test_accuracy"], "cpu_seconds": outcome.facts["cpu_seconds"]}


def rows(study: Study, data: str, seeds: list[int], numerics: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Run every cell of the study, seed by seed."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            for network in study.networks:
                trial = Trial(study, network, data, seed, numerics, Path(folder))
                dense = {"network": network, "ticket": "full_network", "check": "none", "seed": seed}
                yield {**dense, **facts(trial.dense("clean"))}
                for cell in study.cells():
                    if (cell.network, cell.seed) == (network, study.seeds[0]):
                        own = cell._replace(seed=seed)
                        yield {**own._asdict(), **trial.run(own)}


def main() -> None:
    """Write one line per run as it finishes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("data")
    parser.add_argument("runs", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--channels-last", action="store_true")
    asked = parser.parse_args()
    study = Study.model_validate(yaml.safe_load(asked.study.read_text(encoding="utf-8")))
    numerics = {"precision": asked.precision, "channels_last": asked.channels_last}
    with asked.runs.open("a", encoding="utf-8") as file:
        for row in rows(study, asked.data, asked.seeds, numerics):
            file.write(json.dumps({**row, "at": round(time.process_time(), 1)}) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
