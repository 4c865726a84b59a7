"""A study whose data set, network and method are all the user's own, shared by the tests of own functions."""

from pathlib import Path
from typing import Any

import own_functions

from prunepipe.artifacts import write_json
from prunepipe.datasets import prepare, write_dataset
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.stages.execution import Execution
from prunepipe.stages.initialising import initialise
from prunepipe.stages.masking import make_mask
from prunepipe.stages.schemas.masking import MaskSettings
from prunepipe.stages.schemas.scoring import ScoreSettings
from prunepipe.stages.scoring import score
from prunepipe.stages.settings import initial_settings, score_settings, scored_ratio
from prunepipe.study.study import Study

OWN = str(Path(own_functions.__file__)) + ":"


def make_place(folder: Path) -> dict[str, Any]:
    """Prepare the user's own data set, with the weights and structure of the user's own network."""
    data, structure_file = folder / "squares.safetensors", folder / "structure.json"
    write_dataset(data, prepare(OWN + "squares", folder), "squares")
    settings = initial_settings(own_study(), "mine", "init", 0)
    weights, structure = initialise(str(data), settings)
    write_json(structure_file, structure.to_json())
    return {"data": str(data), "file": str(structure_file), "weights": weights, "structure": structure}


def own_study(**ticket: Any) -> Study:
    row = {"scored": "init", "start": "init", "score": OWN + "good", "allocation": "global", **ticket}
    return Study.model_validate(
        {
            "datasets": {"squares": {"source": OWN + "squares"}},
            "networks": {"mine": {"architecture": OWN + "network"}},
            "recipe": {"epochs": 1, "learning_rate": 0.1},
            "tickets": {"mine": row},
            "prune_ratios": [0.5],
            "seeds": [0],
        }
    )


def scored(place: dict[str, Any], execution: Execution | None = None, **ticket: Any) -> Any:
    study = own_study(**ticket)
    ratio = scored_ratio(study.tickets["mine"], 0.5)
    settings = score_settings(study, "mine", "mine", "clean", ratio, 0)
    told = ScoreSettings.model_validate_json(settings.model_dump_json())
    return score(place["data"], place["file"], place["weights"], told, execution or Execution())


def mask_of(place: dict[str, Any], scores: Any, allocation: str, prune_ratio: float = 0.5) -> Any:
    constructive = allocation == ALLOCATIONS["constructed"].function
    settings = MaskSettings(allocation=allocation, prune_ratio=prune_ratio, constructive=constructive)
    return make_mask(scores, place["structure"], settings)
