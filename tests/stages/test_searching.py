"""The stage that trains on the way to a mask: cycles of iterative pruning, and masks that move."""

from pathlib import Path
from typing import Any

import pytest

from prunepipe.artifacts import Arrays, checksum, write_arrays, write_json
from prunepipe.datasets import prepare, write_dataset
from prunepipe.datasets.dataset import read_dataset
from prunepipe.errors import ConfigError, ScoreError, TrainingError
from prunepipe.planning.plan import plan_text
from prunepipe.pruning.checks import apply_mask
from prunepipe.pruning.masks import kept_total
from prunepipe.pruning.tickets import read_weights, write_ticket
from prunepipe.stages import settings as make
from prunepipe.stages.execution import Execution
from prunepipe.stages.initialising import initialise
from prunepipe.stages.masking import make_mask
from prunepipe.stages.scoring import score
from prunepipe.stages.searching import search
from prunepipe.stages.training import retrain
from prunepipe.study.feasibility import refuse_impossible
from prunepipe.study.study import Study

NUMERICS = {"precision": "float32", "channels_last": True}
NETWORK = "vgg_digits"
MINE = """
import torch

def drop_random(weights, gradients, mask, *, density, generator):
    scores = {name: torch.rand(layer.shape, generator=generator) * layer for name, layer in mask.items()}
    flat = torch.cat([layer.flatten() for layer in scores.values()])
    kept = flat >= flat.topk(round(density * flat.numel())).values.min()
    parts = kept.split([layer.numel() for layer in scores.values()])
    return {name: part.view(mask[name].shape) for name, part in zip(mask, parts)}

def grow(weights, gradients, mask):
    return {name: torch.ones_like(layer) for name, layer in mask.items()}
"""


def study_of(small: dict[str, Any], **tickets: Any) -> Study:
    recipe = {"epochs": 2, "learning_rate": 0.05, "batch_size": 16}
    return Study.model_validate({**small, "recipe": recipe, "tickets": tickets})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A small prepared data set, with initial weights and structure of a network."""
    folder = tmp_path_factory.mktemp("place")
    dataset = prepare("prunepipe.datasets.digits:load", folder, train_images=200, test_images=100)
    write_dataset(folder / "data.safetensors", dataset, "digits")
    study = Study.model_validate(
        {
            "datasets": ["digits"],
            "networks": [NETWORK],
            "recipe": {"epochs": 1, "learning_rate": 0.1},
            "tickets": ["random"],
            "prune_ratios": [0.9],
            "seeds": [0],
        }
    )
    data = str(folder / "data.safetensors")
    weights, structure = initialise(data, make.initial_settings(study, NETWORK, "init", 0))
    write_json(folder / "structure.json", structure.to_json())
    return {
        "data": data,
        "file": str(folder / "structure.json"),
        "weights": weights,
        "structure": structure,
        "folder": folder,
    }


def searched(place: dict[str, Any], study: Study, ticket: str, mask: Arrays, data: str = "clean") -> Any:
    settings = make.search_settings(study, NETWORK, ticket, data, study.prune_ratios[0], 0, NUMERICS)
    told = type(settings).model_validate_json(settings.model_dump_json())
    return search(place["data"], place["file"], place["weights"], mask, told, Execution())


def random_mask(place: dict[str, Any], study: Study, ticket: str) -> Arrays:
    row = study.tickets[ticket]
    ratio = make.scored_ratio(row, study.prune_ratios[0])
    settings = make.score_settings(study, NETWORK, ticket, "clean", ratio, 0)
    scores = score(place["data"], place["file"], place["weights"], settings, Execution())
    return make_mask(scores, place["structure"], make.mask_settings(study, ticket, "clean", 0.9))


def kept(mask: Arrays) -> int:
    return sum(int(layer.sum()) for layer in mask.values())


def test_a_cycle_is_the_cell_of_its_prune_ratio(place: dict[str, Any], small: dict[str, Any]) -> None:
    """Trained on clean data, a cycle ends with the bytes of the retrained ticket, so that one run serves as both."""
    study = study_of(small, imp={}, random={})
    mask = random_mask(place, study, "random")
    cycle = searched(place, study, "imp", mask)
    settings = make.retrain_settings(study, NETWORK, "imp", 0.9, 0, NUMERICS)
    pruned = apply_mask(place["weights"], mask)
    cell = retrain(place["data"], pruned, mask, settings, Execution())
    assert checksum(cycle.weights) == checksum(cell.weights)
    assert cycle.history == cell.history


def test_a_cycle_on_changed_data_trains_on_it_and_tests_on_clean_images(
    place: dict[str, Any], small: dict[str, Any]
) -> None:
    study = study_of(small, imp={}, random={})
    mask = random_mask(place, study, "random")
    clean, corrupted = (searched(place, study, "imp", mask, data) for data in ("clean", "corrupted_data"))
    assert corrupted.history[-1]["test_accuracy"] < clean.history[-1]["test_accuracy"]
    assert checksum(corrupted.mask) == checksum(mask)


def test_a_cycle_prunes_only_what_is_left(
    place: dict[str, Any], small: dict[str, Any], tmp_path: Path
) -> None:
    study = study_of(small, imp={"cycles": [0.5, 0.05], "allocation": "global"}, random={})
    first = random_mask(place, study, "random")
    pruned = apply_mask(place["weights"], first)
    write_ticket(tmp_path / "trained.safetensors", pruned, first)
    weights, mask = read_weights(tmp_path / "trained.safetensors")
    settings = make.score_settings(study, NETWORK, "imp", "clean", "0.95", 0)
    scores = score(place["data"], place["file"], weights, settings, Execution(), mask)
    last = make_mask(scores, place["structure"], make.mask_settings(study, "imp", "clean", 0.95))
    assert kept(last) == kept_total(place["structure"].size, 0.95)
    assert all(not (layer & ~first[name]).any() for name, layer in last.items())
    write_arrays(tmp_path / "dense.safetensors", place["weights"])
    assert read_weights(tmp_path / "dense.safetensors")[1] == {}


@pytest.mark.parametrize("name", ["set", "rigl", "gmp"])
def test_a_search_ends_with_the_wanted_weights_and_a_trained_network(
    place: dict[str, Any], small: dict[str, Any], name: str
) -> None:
    study = study_of(small, **{name: {"every": 4}})
    start = {} if study.tickets[name].starts_dense else random_mask(place, study, name)
    end = searched(place, study, name, start)
    assert kept(end.mask) == kept_total(place["structure"].size, 0.9)
    assert all(not end.weights[layer][~there].any() for layer, there in end.mask.items())
    assert end.shape["density"] == end.history[-1]["density"] == kept(end.mask) / place["structure"].size
    assert checksum(end.mask) != checksum(start or end.weights)
    again = searched(place, study, name, start)
    assert checksum(again.mask) == checksum(end.mask)
    assert checksum(again.weights) == checksum(end.weights)


def test_a_moving_mask_sees_the_data_of_its_check(place: dict[str, Any], small: dict[str, Any]) -> None:
    study = study_of(small, rigl={"every": 4})
    start = random_mask(place, study, "rigl")
    clean, corrupted = (searched(place, study, "rigl", start, data) for data in ("clean", "corrupted_data"))
    assert checksum(clean.mask) != checksum(corrupted.mask)
    images = read_dataset(place["data"]).train_images
    assert corrupted.history[-1]["test_accuracy"] < clean.history[-1]["test_accuracy"], images.shape


def test_an_updater_of_the_users_own_is_called_by_its_path(
    place: dict[str, Any], small: dict[str, Any]
) -> None:
    file = place["folder"] / "mine.py"
    file.write_text(MINE)
    row = {"scored": "init", "score": "magnitude", "allocation": "global", "start": "init", "every": 4}
    cubic = {"density_schedule": "cubic"}
    study = study_of(
        small,
        mine={**row, **cubic, "updater": f"{file}:drop_random"},
        wrong={**row, **cubic, "updater": f"{file}:grow"},
    )
    assert kept(searched(place, study, "mine", {}).mask) == kept_total(place["structure"].size, 0.9)
    with pytest.raises(ScoreError, match="mine.py:grow: its mask keeps 69,904 weights, must keep exactly"):
        searched(place, study, "wrong", {})


def test_updates_that_would_never_come_are_refused_before_any_job_and_by_the_stage(
    place: dict[str, Any], small: dict[str, Any]
) -> None:
    study = study_of(small, set={"every": 700})
    with pytest.raises(
        ConfigError, match=r"tickets.set.every: updates come every 700 steps, but only until step 8\d of 11\d"
    ):
        refuse_impossible(study)
    with pytest.raises(TrainingError, match="updates come every 700 steps, but only until step 19"):
        searched(place, study, "set", random_mask(place, study, "set"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"until": 1.2}, "1.2 is beyond the end of the training"),
        ({"start": "epoch 1"}, "a moving mask is found in a training of its own"),
        (
            {"cycles": {"share": 0.2}, "scored": "final", "allocation": "global"},
            "cycles and an updater are two ways to find a mask",
        ),
        ({"updater": "rigle"}, "unknown updater 'rigle'. Did you mean 'rigl'?"),
        ({"updater_options": {"share": 1.5}}, "updater_options.share"),
        ({"updater": "gmp", "updater_options": {"share": 0.5}}, "updater gmp takes no options"),
        ({"checks": ["invert"]}, "its mask moves after it was scored"),
        ({"updater": None, "every": 5}, "every is for a ticket with an updater"),
        ({"allocation": "constructed"}, "keeps exact counts"),
    ],
)
def test_moving_masks_that_cannot_be_are_refused(
    small: dict[str, Any], row: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        study_of(small, rigl=row)


def test_an_allocation_that_cannot_hold_all_weights_is_refused_where_the_mask_starts_with_all(
    small: dict[str, Any],
) -> None:
    with pytest.raises(ConfigError, match="the mask starts with all weights: allocation 'smart'"):
        refuse_impossible(study_of(small, gmp={"allocation": "smart", "every": 4}))


def test_plans_count_the_trainings_that_lead_to_masks(small: dict[str, Any]) -> None:
    study = study_of(small, rigl={"every": 4}, imp={"cycles": [0.5, 0.1]})
    assert "3 of the runs only lead to a mask" in plan_text(
        study
    )  # rigl: clean and corrupted; imp: one corrupted
    assert len(list(study.cells())) == 3 + 3 + 1
