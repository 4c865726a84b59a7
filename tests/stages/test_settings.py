"""What stages are told: only what they depend on, whatever the order and the spelling of the study."""

import json

import pytest

from prunepipe.results.layout import dataset_name
from prunepipe.stages.schemas.preparing import DatasetSettings
from prunepipe.stages.schemas.training import DataSettings
from prunepipe.stages.settings import (
    data_settings,
    dataset_settings,
    network_settings,
    score_id,
    score_settings,
)
from prunepipe.study.feasibility import facts_of, refuse_impossible
from prunepipe.study.rows import DatasetChoice
from prunepipe.study.study import Study

SNIP = {"scored": "init", "score": "snip", "start": "init"}
SHARING = {"global": SNIP | {"allocation": "global"}, "erk": SNIP | {"allocation": "erk"}}


def test_one_shot_scores_are_told_nothing_of_the_allocation(small: dict) -> None:
    """Tickets that score alike share the scores: which of them stands first must not matter."""
    study = Study.model_validate(small | {"tickets": SHARING})
    assert len({score_id(row) for row in study.tickets.values()}) == 1
    told = [score_settings(study, "vgg_digits", name, "clean", "_any", 0) for name in SHARING]
    assert told[0] == told[1]


@pytest.mark.parametrize("choice", [{"rounds": 2}, {"per_prune_ratio": True}])
def test_scores_that_depend_on_the_allocation_are_told_and_kept_apart(small: dict, choice: dict) -> None:
    study = Study.model_validate(small | {"tickets": {name: row | choice for name, row in SHARING.items()}})
    assert len({score_id(row) for row in study.tickets.values()}) == 2
    told = [score_settings(study, "vgg_digits", name, "clean", "0.9", 0).ratio for name in SHARING]
    assert [ratio.allocation.reference.rpartition(":")[2] for ratio in told] == ["global_", "erk"]


def test_sources_of_one_key_are_prepared_apart() -> None:
    sources = [None, "digits", "mine.py:load", "other.py:load"]
    names = [dataset_name("digits", DatasetChoice(source=source, pool=2)) for source in sources]
    assert names[0] == names[1] == "digits-pool2"
    assert len(set(names)) == 3


def test_first_half_is_read_in_order_however_it_is_named(small: dict) -> None:
    functions = {"by_name": "first_half", "by_reference": "prunepipe.datasets.corruptions:first_half"}
    own = {name: {"data": function} for name, function in functions.items()}
    study = Study.model_validate(small | {"custom_checks": own})
    told = [data_settings(study, name) for name in ("first_half", *own)]
    assert told == [DataSettings(corruption="prunepipe.datasets.corruptions:first_half", shuffle=False)] * 3


def test_a_network_may_have_scoring_images_of_its_own(small: dict) -> None:
    own = {"images_per_class": 1, "batches": 10}
    networks = {"vgg_digits": {}, "resnet8_small": {"scoring": own}}
    study = Study.model_validate(small | {"networks": networks, "tickets": {"snip": SHARING["global"]}})
    told = [score_settings(study, name, "snip", "clean", "_any", 0).images for name in networks]
    counts = [(images.images_per_class, images.batches) for images in told]
    assert counts == [(10, 1), tuple(own.values())]


def test_own_files_are_prepared_apart_and_never_taken_for_a_built_in_data_set(small: dict) -> None:
    choices = [
        {"folder": "a"},
        {"folder": "b"},
        {"folder": "a", "image_size": 8},
        {"folder": "a", "channels": 1},
        {"arrays": "a.npz"},
        {},
    ]
    rows = [DatasetChoice.model_validate(choice) for choice in choices]
    assert len({dataset_name("digits", row) for row in rows}) == len(rows)
    assert dataset_name("digits", DatasetChoice(folder="a/", channels=3)) == dataset_name("digits", rows[0])
    study = Study.model_validate(small | {"datasets": {"digits": {"folder": "a", "channels": 1, "pool": 3}}})
    refuse_impossible(
        study
    )  # nothing is known of it: not that digits have 8 x 8 pixels, which 3 does not divide
    assert facts_of(study, "digits") is None
    assert dataset_settings(study, "digits", "data") == DatasetSettings(
        reference="prunepipe.datasets.image_folder:load",
        options={"root": "a", "channels": 1, "image_size": None},
        folder="data",
        pool=3,
    )


def test_deep_networks_are_scored_on_small_batches_unless_the_study_says_otherwise(small: dict) -> None:
    networks = {"resnet32": {}, "resnet44": {}, "mine": {"architecture": "resnet56"}}
    study = Study.model_validate(small | {"networks": networks})
    told = [(study.scoring_of(name).images_per_class, study.scoring_of(name).batches) for name in networks]
    assert told == [(10, 1), (1, 10), (1, 10)]
    study = Study.model_validate(small | {"networks": networks, "scoring": {"images_per_class": 5}})
    assert {study.scoring_of(name).images_per_class for name in networks} == {5}


def test_a_choice_of_weights_is_told_where_there_is_one_and_a_networks_own_comes_first(small: dict) -> None:
    usual = Study.model_validate(small)
    expected = {"reference": "prunepipe.networks.vgg:vgg_digits", "options": {}}
    assert network_settings(usual, "vgg_digits").model_dump(mode="json") == expected
    rows = {"vgg_digits": {}, "own": {"architecture": "vgg_digits", "prunable": {"include": ["features.*"]}}}
    study = Study.model_validate(small | {"networks": rows, "prunable": {"exclude": ["classifier"]}})
    for network, choice in {
        "vgg_digits": {"exclude": ["classifier"]},
        "own": {"include": ["features.*"]},
    }.items():
        told = network_settings(study, network)
        assert json.loads(told.model_dump_json()) == expected | {"prunable": choice}
        assert type(told).model_validate_json(told.model_dump_json()) == told
