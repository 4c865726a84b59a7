"""A user's own scores, and methods that return the mask itself: held to their contract, told what they broke."""

from typing import Any

import numpy as np
import pytest
from own_study import OWN, make_place, mask_of, own_study, scored

from prunepipe.errors import ScoreError
from prunepipe.pruning.masks import kept_total
from prunepipe.results.layout import ANY_RATIO
from prunepipe.stages.settings import score_id, scored_ratio


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make_place(tmp_path_factory.mktemp("place"))


# Scores


def test_an_own_score_ranks_the_weights_of_an_own_network_on_own_data(place) -> None:
    scores = scored(place, score_options={"power": 2.0})
    expected = {name: place["weights"][name] ** 2 for name in scores}
    assert list(scores) == [layer.name for layer in place["structure"].layers]
    for name, layer in scores.items():
        np.testing.assert_allclose(layer, expected[name], rtol=1e-6)


@pytest.mark.parametrize("name", ["drawn", "drawn_globally", "drawn_from_numpy"])
def test_a_score_may_draw_from_the_generator_and_from_torchs_own_stream(place, name: str) -> None:
    first, second = scored(place, score=OWN + name), scored(place, score=OWN + name)
    assert all(np.array_equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ignores_generator", "ignores the generator"),
        ("remembers", "keep nothing between calls"),
        ("raises", r"raised KeyError: 'missing' \(line \d+ of .*own_functions.py: return"),
        ("nothing", "returned nothing and pruned nothing; it must return a dictionary"),
        (
            "asks_for_more",
            r"takes \(network, batches, loss, temperature\), which does not fit.*'temperature'",
        ),
        (
            "no_generator",
            r"says nothing|no scores for layer '0.weight' and 1 more: 4.weight.*line \d+ of .*return",
        ),
        ("mask", "asks for kept_total.*per_prune_ratio: true"),
    ],
)
def test_a_score_that_breaks_a_rule_is_told_which(place, name: str, message: str) -> None:
    with pytest.raises(ScoreError, match=message) as error:
        scored(place, score=OWN + name)
    assert f"own_functions.py:{name}" in str(error.value)


def test_an_option_that_a_score_does_not_take_is_named(place) -> None:
    with pytest.raises(ScoreError, match=r"good: takes \(.*power=1.0\).*unexpected keyword argument 'powr'"):
        scored(place, score_options={"powr": 2})


def test_a_score_that_asks_for_the_density_is_told_it_once_for_each_prune_ratio(place) -> None:
    scores = scored(place, score=OWN + "told_density", per_prune_ratio=True)
    density = kept_total(place["structure"].size, 0.5) / place["structure"].size
    for name, layer in scores.items():
        np.testing.assert_allclose(layer, np.abs(place["weights"][name]) * density, rtol=1e-6)


# Constructive methods


def test_a_constructed_mask_is_the_mask(place) -> None:
    scores = scored(place, score=OWN + "mask", allocation="constructed")
    mask = mask_of(place, scores, "prunepipe.pruning.allocations.constructed:constructed")
    ranked = mask_of(place, scored(place), "prunepipe.pruning.allocations.scored:global_")
    assert all(np.array_equal(mask[name], ranked[name]) for name in ranked)


def test_a_constructed_mask_of_another_size_is_refused(place) -> None:
    scores = scored(place, score=OWN + "mask", allocation="constructed", score_options={"spare": 3})
    with pytest.raises(ScoreError, match=r"keeps \d+ weights, must keep exactly \d+ \(2 more or less"):
        mask_of(place, scores, "prunepipe.pruning.allocations.constructed:constructed")


def test_masks_and_scores_are_not_taken_for_each_other(place) -> None:
    with pytest.raises(ScoreError, match="is a mask .* needs `allocation: constructed`"):
        scored(place, score=OWN + "mask", per_prune_ratio=True)
    with pytest.raises(ScoreError, match="bool, True = kept"):
        scored(place, allocation="constructed")
    with pytest.raises(ScoreError, match="holds scores, not a mask"):
        mask_of(place, scored(place), "prunepipe.pruning.allocations.constructed:constructed")


def test_a_constructed_mask_has_no_order_to_invert_and_no_rounds() -> None:
    with pytest.raises(ValueError, match="its own `checks:` without invert"):
        own_study(allocation="constructed", checks=["invert"])
    with pytest.raises(ValueError, match="leave rounds out"):
        own_study(allocation="constructed", rounds=3)


def test_scores_that_depend_on_the_prune_ratio_lie_apart() -> None:
    plain, told = own_study().tickets["mine"], own_study(per_prune_ratio=True).tickets["mine"]
    built = own_study(allocation="constructed").tickets["mine"]
    assert scored_ratio(plain, 0.5) == ANY_RATIO
    assert scored_ratio(told, 0.5) == scored_ratio(built, 0.5) == "0.5"
    assert len({score_id(ticket) for ticket in (plain, told, built)}) == 3
