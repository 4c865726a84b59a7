"""Exact selection, the form of masks, density and overlap."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from small_networks import make_structure

from prunepipe.errors import ConfigError, ScoreError
from prunepipe.networks.structure import check_mask
from prunepipe.pruning.allocations.scored import global_
from prunepipe.pruning.masks import (
    density,
    kept_total,
    overlap,
    require_budget,
    select,
)


@settings(max_examples=100, deadline=None)
@given(
    scores=arrays(
        np.float32, array_shapes(max_dims=4, max_side=5), elements=st.sampled_from([-2.0, 0.0, 0.5, 3.0])
    ),
    data=st.data(),
)
def test_selection_keeps_exactly_the_highest_and_breaks_ties_by_flat_index(
    scores: np.ndarray, data: st.DataObject
) -> None:
    kept = data.draw(st.integers(0, scores.size))
    mask = select({"w": scores}, {"w": kept})["w"]
    expected = np.zeros(scores.size, dtype=bool)
    expected[np.argsort(-scores.ravel(), kind="stable")[:kept]] = True
    assert mask.dtype == np.bool_
    assert np.array_equal(mask, expected.reshape(scores.shape))


def test_a_dead_layer_keeps_the_declared_number_and_not_all_its_ties() -> None:
    scores = np.zeros((7, 11), np.float32)
    scores[0, :5] = 1
    mask = select({"w": scores}, {"w": 41})["w"]
    assert mask.sum() == 41
    assert mask.ravel()[:41].all()


def test_selection_works_on_scores_that_are_not_contiguous() -> None:
    scores = np.arange(12.0).reshape(3, 4).T
    assert np.array_equal(select({"w": scores}, {"w": 3})["w"], scores >= 9)


@pytest.mark.parametrize(
    ("scores", "kept", "message"),
    [
        ([1.0, np.nan], 1, "layer 'w' has score nan; scores must be finite"),
        ([1.0, np.inf], 1, "layer 'w' has score inf; scores must be finite"),
        ([1.0, 2.0], 3, "layer 'w' is to keep 3 weights, must be between 0 and its size 2"),
        ([1.0, 2.0], -1, "layer 'w' is to keep -1 weights"),
        (
            [1.0, -np.inf, 2.0],
            3,
            "layer 'w' is to keep 3 weights, but earlier rounds of pruning left 2 candidates",
        ),
    ],
)
def test_selection_refuses_what_cannot_be_selected(scores: list[float], kept: int, message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        select({"w": np.array(scores)}, {"w": kept})


def test_selection_refuses_layers_without_a_partner() -> None:
    with pytest.raises(ScoreError, match="layer 'b' is in only one of scores and allocation"):
        select({"a": np.ones(2), "b": np.ones(2)}, {"a": 1})
    with pytest.raises(ScoreError, match="layer 'b' is in only one"):
        select({"a": np.ones(2)}, {"a": 1, "b": 1})


def test_selection_never_takes_what_is_no_candidate() -> None:
    scores = np.array([-np.inf, -5.0, -np.inf, -7.0])
    assert select({"w": scores}, {"w": 2})["w"].tolist() == [False, True, False, True]


def test_selection_of_twenty_million_scores_is_fast() -> None:
    shapes = [(512, 512, 3, 3)] * 8 + [(1150, 1000)]
    generator = np.random.default_rng(0)
    structure = make_structure(*[("conv", shape) for shape in shapes])
    scores = {layer.name: generator.random(layer.shape, dtype=np.float32) for layer in structure.layers}
    start = time.process_time()
    mask = select(scores, global_(scores, structure, 2_000_000))
    seconds = time.process_time() - start
    assert sum(int(layer.sum()) for layer in mask.values()) == 2_000_000
    assert seconds < 2  # about 0.3 on one core of 2023; sorting takes 2.5


@pytest.mark.parametrize("lowest", [-np.inf, 0.0])
def test_selection_takes_no_longer_where_most_weights_are_pruned(lowest: float) -> None:
    generator = np.random.default_rng(0)
    scores = generator.random(2_000_000) + 1
    pruned = np.where(generator.random(scores.size) < 0.9, lowest, scores)
    structure = make_structure(("conv", scores.shape))

    def seconds(layer: np.ndarray) -> float:
        start = time.process_time()
        mask = select({"layer0": layer}, global_({"layer0": layer}, structure, 100_000))["layer0"]
        spent = time.process_time() - start
        assert np.array_equal(mask, layer >= np.sort(layer)[-100_000])
        return spent

    assert seconds(pruned) < 4 * seconds(scores)  # with a partition of all values: 15 times as long


STRUCTURE = make_structure(("conv", (2, 3)), ("linear", (4,)))
MASK = {"layer0": np.array([[True, False, True], [False, False, False]]), "layer1": np.ones(4, dtype=bool)}


def test_a_mask_that_fits_is_accepted() -> None:
    check_mask(MASK, STRUCTURE.shapes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer1": np.ones(4, dtype=np.uint8)}, "mask of layer 'layer1' has type uint8, must be bool"),
        (
            {"layer1": np.ones((4, 1), dtype=bool)},
            r"masks of 'layer1' have shape \(4, 1\), expected \(4,\)",
        ),
        ({"bias": np.ones(4, dtype=bool)}, "masks hold the unknown 'bias'"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(change: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        check_mask(MASK | change, STRUCTURE.shapes)


def test_a_mask_without_a_layer_is_refused() -> None:
    with pytest.raises(ScoreError, match="masks lack 'layer1'; expected exactly: layer0, layer1"):
        check_mask({"layer0": MASK["layer0"]}, STRUCTURE.shapes)


def test_density_is_over_all_weights_not_a_mean_of_layers() -> None:
    assert density(MASK) == 6 / 10


def test_overlap_by_hand() -> None:
    first = {"a": np.array([1, 1, 0, 0], bool), "b": np.array([1, 0, 0, 0], bool)}
    second = {"a": np.array([0, 1, 1, 0], bool), "b": np.array([0, 1, 0, 0], bool)}
    layers, whole = overlap(first, second)
    assert (layers["a"].jaccard, layers["a"].expected) == (1 / 3, 1 / 3)  # by chance 2 * 2 / 4 = 1 in common
    assert (layers["b"].jaccard, layers["b"].expected) == (0.0, 0.25 / 1.75)
    assert whole.jaccard == 1 / 5
    assert whole.expected == pytest.approx(1.25 / 4.75)


def test_overlap_of_a_mask_with_itself_is_one_and_of_empty_masks_too() -> None:
    layers, whole = overlap(MASK, MASK)
    assert whole.jaccard == layers["layer0"].jaccard == layers["layer1"].expected == 1
    assert whole.expected < 1
    empty = {"a": np.zeros(3, bool)}
    assert overlap(empty, empty)[1].jaccard == 1


def test_overlap_of_independent_masks_is_at_chance() -> None:
    generator = np.random.default_rng(0)
    first, second = ({"w": generator.random(100_000) < share} for share in (0.1, 0.3))
    whole = overlap(first, second)[1]
    assert whole.jaccard == pytest.approx(whole.expected, rel=0.05)
    assert whole.expected == pytest.approx(0.03 / 0.37, rel=0.05)


def test_overlap_refuses_masks_of_different_networks() -> None:
    with pytest.raises(ScoreError, match="masks of different networks"):
        overlap(MASK, {"layer0": MASK["layer0"]})


@given(st.integers(2, 10**7), st.integers(1, 12))
def test_the_largest_prune_ratio_that_keeps_something_is_named_right(size: int, nines: int) -> None:
    ratio = float("0." + "9" * nines)
    if kept_total(size, ratio):
        require_budget(size, ratio)
        return
    with pytest.raises(ConfigError) as refusal:
        require_budget(size, ratio)
    named = float(str(refusal.value).rpartition("lower it to ")[2].split()[0])
    assert kept_total(size, named) >= 1
    assert named < ratio
