"""Budgets known before any job: the shapes are those of the networks, and hopeless prune ratios are refused."""

import pytest

from prunepipe.datasets.rows import DATASETS
from prunepipe.errors import ConfigError
from prunepipe.networks import NETWORKS
from prunepipe.networks.building import make_network
from prunepipe.networks.shapes import layer_maps
from prunepipe.networks.tracing import trace
from prunepipe.study.feasibility import refuse_impossible_budgets
from prunepipe.study.study import Study


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_without_torch_are_those_of_the_network(name: str) -> None:
    side = 8 if name == "vgg_digits" else 32
    network = make_network(
        NETWORKS[name].function, channels=3, classes=7, image_size=side, options={"width": 0.25}
    )
    known = layer_maps(name, 3, 7, side, 0.25)
    traced = trace(network, (3, side, side)).layers
    assert [layer for layer, _ in known] == list(traced)


@pytest.mark.parametrize(("name", "flops"), [("vgg19", 152.7e9), ("resnet32", 105.7e9)])
def test_map_sides_give_the_known_cost_of_a_training_step(name: str, flops: float) -> None:
    maps = layer_maps(name, 3, 10, 32)
    forward = sum(2 * layer.size * side**2 for layer, side in maps)
    first = 2 * maps[0][0].size * maps[0][1] ** 2
    assert 64 * (3 * forward - first) == pytest.approx(flops, rel=0.01)  # no gradient for the images


@pytest.mark.parametrize(("ticket", "prune_ratio"), [("lottery", 0.995), ("hybrid", 0.999)])
def test_a_prune_ratio_without_budget_is_refused(small: dict, ticket: str, prune_ratio: float) -> None:
    study = Study.model_validate(small | {"tickets": [ticket], "prune_ratios": [prune_ratio]})
    with pytest.raises(
        ConfigError,
        match=rf"prune_ratios: {prune_ratio}, ticket '{ticket}' on vgg_digits .* [^k]*keep.*; lower",
    ):
        refuse_impossible_budgets(study)


def test_a_prune_ratio_that_keeps_nothing_is_refused_with_the_largest_that_keeps_something(
    small: dict,
) -> None:
    study = Study.model_validate(small | {"tickets": ["snip"], "prune_ratios": [0.9, 0.99999]})
    with pytest.raises(ConfigError) as refusal:
        refuse_impossible_budgets(study)
    assert str(refusal.value) == (
        "prune_ratios: on vgg_digits (digits): 0.99999 keeps none of 69,904 prunable weights; "
        "lower it to 0.99998 or less."
    )
    fine = Study.model_validate(small | {"tickets": ["snip"], "prune_ratios": [0.99998]})
    assert refuse_impossible_budgets(fine) is None


def test_allocations_without_a_fixed_share_have_no_such_bound(small: dict) -> None:
    study = Study.model_validate(small | {"tickets": ["snip"], "prune_ratios": [0.999]})
    assert refuse_impossible_budgets(study) is None


def test_facts_of_the_embedded_data_set_are_true() -> None:
    from prunepipe.datasets.digits import load

    digits, facts = load(None), DATASETS["digits"].facts
    assert digits.train_images.shape == (
        facts.train_images,
        facts.channels,
        facts.image_size,
        facts.image_size,
    )
    assert (len(digits.test_images), digits.classes) == (facts.test_images, facts.classes)
