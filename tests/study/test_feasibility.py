"""Plans that cannot succeed are refused before any job, with the key that has to change."""

from typing import Any

import numpy as np
import pytest

from prunepipe.datasets.digits import load
from prunepipe.datasets.rows import DATASETS
from prunepipe.errors import ConfigError
from prunepipe.study.feasibility import refuse_impossible
from prunepipe.study.study import Study

SNIP = {"tickets": ["snip"], "checks": {"initial": []}}
PLUS = {"tickets": {"random": {"allocation": "uniform_plus"}}}
ROUNDS = {"tickets": {"synflow": {"allocation": "smart"}}, "checks": {"initial": []}, "prune_ratios": [0.2]}
EXCESS = {"tickets": {"random": {"allocation_options": {"linear_keep": 0.0}}}, "prune_ratios": [0.001]}
IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"datasets": {"digits": {"pool": 3}}}, r"datasets.digits.pool: 3 must divide .*, 8 pixels"),
    (
        {"datasets": {"digits": {"train_images": 9}}},
        r"digits.train_images: 9 must be from 10 .* to 898 \(all",
    ),
    ({"datasets": {"digits": {"train_images": 899}}}, "train_images: 899 must be from 10"),
    ({"datasets": {"digits": {"test_images": 899}}}, "takes 89 of every class, but the smallest holds 87"),
    (
        {"datasets": {"mine": {"source": "cifar10", "test_images": 10_001}}},
        "datasets.mine.test_images: 10001",
    ),
    (
        {"recipe": {"epochs": 4, "learning_rate": 0.1, "augmentation": {"cutout": 8}}},
        "recipe.augmentation.cutout: 8 must be below the side of the images of digits, 8 pixels",
    ),
    (
        {
            "datasets": {"digits": {"pool": 2}},
            "recipe": {"epochs": 4, "learning_rate": 0.1, "augmentation": {"cutout": 4}},
        },
        "cutout: 4 must be below the side of the images of digits, 4 pixels",
    ),
    (
        {"networks": ["vgg19"]},
        "networks.vgg19: on digits, 8 x 8 pixels: vgg19 needs images of at least 32 x 32",
    ),
    (
        {"datasets": {"digits": {"pool": 4}}},
        "networks.vgg_digits: on digits, .* needs images of at least 4 x 4",
    ),
    (
        SNIP | {"scoring": {"images_per_class": 45, "batches": 2}},
        "45 x batches 2 = 90, but digits holds 87",
    ),
    (
        SNIP | {"datasets": {"digits": {"train_images": 200}}, "scoring": {"images_per_class": 21}},
        "21 x batches 1 = 21, but digits holds 20",
    ),
    (
        SNIP | {"checks": {"initial": ["half_dataset"]}, "scoring": {"images_per_class": 45}},
        r"digits holds 44 images of a class for ticket 'snip' \(check half_dataset\) on vgg_digits; lower",
    ),
    (
        {"datasets": {"digits": {"train_images": 120}}, "checks": {"initial": ["first_half"]}},
        "datasets.digits.train_images: 120 is too few for first_half, which needs 128",
    ),
    (
        PLUS | {"prune_ratios": [0.999]},
        "prune_ratios: 0.999, ticket 'random' on .*: allocation 'uniform_plus': .* lower",
    ),
    (
        EXCESS,
        "prune_ratios: 0.001, ticket 'random' on .* they have only .*; raise the prune ratio or linear_keep",
    ),
    (
        ROUNDS,
        "prune_ratios: 0.2, ticket 'synflow' on .* round 1 of 100: .* have only .*; raise the prune ratio",
    ),
    (
        {"networks": ["vit_small"], "tickets": ["random"]},
        "ticket 'random' on vit_small .*allocation 'smart': .*write `allocation: erk` or",
    ),
    (
        {"networks": {"vgg_digits": {"prunable": {"include": ["classifier"]}}}, "tickets": ["lottery"]},
        "'lottery' on vgg_digits .*'global_conv' fixes .* but all prunable layers are Linear; write `allocation: erk`",
    ),
    (
        {"networks": {"vgg_digits": {"prunable": {"include": ["classifier"]}}}, "tickets": ["random"]},
        "'random' on vgg_digits .*'smart' fixes .* but all prunable layers are Linear; write `allocation: erk`",
    ),
    (
        {"networks": ["vit_small"], "datasets": {"digits": {"pool": 4}}},
        "networks.vit_small: on digits, 2 x 2 pixels: vit_small reads patches of 4 x 4 pixels",
    ),
    (
        {"prunable": {"exclude": ["conv1"]}},
        "network vgg_digits: prunable.exclude: 'conv1' matches no weight .*features.0",
    ),
    (
        {"networks": {"resnet8": {"prunable": {"include": ["fc"], "exclude": ["*"]}}}},
        "network resnet8: prunable: .*leaves no weight to prune",
    ),
]


@pytest.mark.parametrize(("changes", "message"), IMPOSSIBLE)
def test_a_plan_that_cannot_succeed_is_refused(small: dict, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        refuse_impossible(Study.model_validate(small | changes))
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"datasets": {"digits": {"pool": 2, "train_images": 128, "test_images": 10}}},
        SNIP | {"scoring": {"images_per_class": 87}},
        {"tickets": ["random"], "scoring": {"images_per_class": 1000}},  # it reads no image
        PLUS | {"prune_ratios": [0.99]},
        {"tickets": {"random": {"allocation": "prunepipe.pruning.allocations.depth:smart"}}},
        {"datasets": {"mine": {"source": "mine.py:load", "pool": 7, "train_images": 3}}},
        {"networks": ["vit_small"], "tickets": ["snip", "erk", "magnitude_at_init"]},
        # Without its Linear layer a network has a budget at any prune ratio.
        {"tickets": ["lottery"], "prune_ratios": [0.995], "prunable": {"exclude": ["classifier"]}},
        {"networks": {"mine": {"architecture": "net.py:mlp", "prunable": {"exclude": ["who_knows"]}}}},
    ],
)
def test_what_may_succeed_is_left_alone(small: dict, changes: dict[str, Any]) -> None:
    assert refuse_impossible(Study.model_validate(small | changes)) is None


def test_the_smallest_classes_of_the_embedded_data_set_are_true() -> None:
    digits, facts = load(None), DATASETS["digits"].facts
    assert np.bincount(digits.train_labels).min() == facts.train_class
    assert np.bincount(digits.test_labels).min() == facts.test_class
