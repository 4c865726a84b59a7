"""Controls as controls: each check changes what it claims to change and keeps what it claims to keep."""

import numpy as np
import pytest

from prunepipe.artifacts import Arrays
from prunepipe.errors import ScoreError
from prunepipe.plugins import load_function
from prunepipe.pruning.checks import (
    apply_mask,
    invert,
    rearrange,
    reinit,
    shuffle_weights,
)
from prunepipe.pruning.masks import overlap, select
from prunepipe.study.built_in import CHECKS, checks_of_stage

SHAPES = {"conv.weight": (20, 10, 3, 3), "fc.weight": (10, 20)}
KEPT = {"conv.weight": 360, "fc.weight": 100}


def state(seed: int) -> Arrays:
    generator = np.random.default_rng(seed)
    weights = {name: generator.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    return weights | {"fc.bias": generator.normal(size=10).astype(np.float32), "norm.batches": np.array(seed)}


def scores(seed: int = 0) -> Arrays:
    generator = np.random.default_rng(100 + seed)
    return {name: generator.random(shape) for name, shape in SHAPES.items()}


@pytest.fixture
def mask() -> Arrays:
    return select(scores(), KEPT)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def copied(arrays: Arrays) -> Arrays:
    return {name: array.copy() for name, array in arrays.items()}


def same(first: Arrays, second: Arrays) -> bool:
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype and np.array_equal(first[name], second[name])
        for name in first
    )


# The battery


@pytest.mark.parametrize("name", checks_of_stage("mask"))
def test_every_mask_check_keeps_form_and_total_and_follows_its_generator(name: str, mask: Arrays) -> None:
    check = load_function(CHECKS[name].function)
    before = copied(mask)
    checked = check(mask, generator=generator())
    assert same(mask, before)
    assert not same(checked, mask)
    assert {n: (m.shape, m.dtype) for n, m in checked.items()} == {
        n: (m.shape, m.dtype) for n, m in mask.items()
    }
    assert sum(m.sum() for m in checked.values()) == sum(m.sum() for m in mask.values())
    assert same(checked, check(mask, generator=generator()))
    assert not same(checked, check(mask, generator=generator(1)))


@pytest.mark.parametrize("name", checks_of_stage("weights"))
def test_every_weight_check_changes_surviving_weights_and_not_its_arguments(name: str, mask: Arrays) -> None:
    check = load_function(CHECKS[name].function)
    arguments = [state(0), mask, state(1)]
    before = [copied(argument) for argument in arguments]
    checked = check(*arguments, generator=generator())
    assert all(same(now, then) for now, then in zip(arguments, before, strict=True))
    assert {n: (w.shape, w.dtype) for n, w in checked.items()} == {
        n: (w.shape, w.dtype) for n, w in state(0).items()
    }
    for layer in mask:
        assert not np.array_equal(checked[layer][mask[layer]], state(0)[layer][mask[layer]])
        assert not np.shares_memory(checked[layer], arguments[0][layer])
        assert not np.shares_memory(checked[layer], arguments[2][layer])
    assert same(checked, check(*arguments, generator=generator()))


@pytest.mark.parametrize("name", checks_of_stage("score"))
def test_every_score_check_changes_the_selection_and_keeps_its_size(name: str) -> None:
    before = scores()
    checked = load_function(CHECKS[name].function)(before)
    assert same(before, scores())
    assert not same(select(checked, KEPT), select(before, KEPT))


# Rearrange


def test_rearrange_keeps_the_counts_of_every_layer_and_nothing_else(mask: Arrays) -> None:
    rearranged = rearrange(mask, generator=generator())
    assert {name: int(layer.sum()) for name, layer in rearranged.items()} == KEPT


def test_rearrange_leaves_an_overlap_at_chance_level() -> None:
    mask = {"w": np.arange(200_000).reshape(200, 1000) < 20_000}
    whole = overlap(mask, rearrange(mask, generator=generator()))[1]
    assert whole.expected == pytest.approx(0.01 / 0.19)
    assert whole.jaccard == pytest.approx(whole.expected, rel=0.1)


def test_rearrange_reaches_every_place_of_a_layer_alike() -> None:
    mask = {"w": np.array([[[True, False], [False, False]]])}
    stream = generator()
    counts = sum(rearrange(mask, generator=stream)["w"].astype(int) for _ in range(4000))
    assert np.abs(counts - 1000).max() < 150  # 5 standard deviations are 137


# Shuffle


def test_shuffle_permutes_surviving_weights_and_leaves_all_else(mask: Arrays) -> None:
    weights = state(0)
    shuffled = shuffle_weights(weights, mask, state(1), generator=generator())
    for name, layer in mask.items():
        assert (shuffled[name][layer] != weights[name][layer]).mean() > 0.9
        assert np.array_equal(np.sort(shuffled[name][layer]), np.sort(weights[name][layer]))
        assert np.array_equal(shuffled[name][~layer], weights[name][~layer])
    assert same(
        {n: w for n, w in shuffled.items() if n not in mask},
        {n: w for n, w in weights.items() if n not in mask},
    )


def test_shuffle_goes_by_the_mask_and_not_by_weights_that_are_zero() -> None:
    weights = {"w": np.array([0.0, 0.0, 3.0, 9.0], np.float32)}
    mask = {"w": np.array([True, True, True, False])}
    places = {
        int(shuffle_weights(weights, mask, weights, generator=generator(s))["w"].argsort()[2])
        for s in range(20)
    }
    assert places == {0, 1, 2}  # the 3 moves to places that hold a zero


# Reinit, invert, apply


def test_reinit_returns_the_fresh_state_buffers_included(mask: Arrays) -> None:
    assert same(reinit(state(0), mask, state(1), generator=generator()), state(1))


def test_reinit_refuses_a_state_of_another_network(mask: Arrays) -> None:
    fresh = state(1) | {"fc.bias": np.zeros(3)}
    with pytest.raises(ScoreError, match=r"fresh state differs from the ticket's in: fc\.bias"):
        reinit(state(0), mask, fresh, generator=generator())


def test_invert_selects_a_disjoint_set_below_half_density() -> None:
    kept = select(scores(), KEPT)
    lowest = select(invert(scores()), KEPT)
    assert not any((kept[name] & lowest[name]).any() for name in kept)
    for name, layer in scores().items():
        assert layer[lowest[name]].max() <= layer[~lowest[name]].min()


def test_invert_twice_is_the_identity_and_never_revives_what_was_pruned() -> None:
    ranked = {"w": np.array([1.0, -np.inf, -2.0, 0.0])}
    assert invert(ranked)["w"].tolist() == [-1.0, -np.inf, 2.0, 0.0]
    assert same(invert(invert(ranked)), ranked)


def test_apply_mask_zeroes_pruned_weights_only(mask: Arrays) -> None:
    weights = state(0)
    before = copied(weights)
    masked = apply_mask(weights, mask)
    assert same(weights, before)
    for name, layer in mask.items():
        assert not masked[name][~layer].any()
        assert np.array_equal(masked[name][layer], weights[name][layer])
        assert masked[name].dtype == weights[name].dtype
    assert np.array_equal(masked["fc.bias"], weights["fc.bias"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"conv1.weight": np.ones((2, 2), bool)}, "masks hold the unknown 'conv1.weight'"),
        (
            {"fc.weight": np.ones((20, 10), bool)},
            r"masks of 'fc.weight' have shape \(20, 10\), expected \(10, 20\)",
        ),
        ({"fc.weight": np.ones((10, 20))}, "mask of layer 'fc.weight' has type float64, must be bool"),
    ],
)
def test_masks_that_do_not_fit_the_weights_are_refused(wrong: Arrays, message: str) -> None:
    for row in checks_of_stage("weights").values():
        with pytest.raises(ScoreError, match=message):
            load_function(row.function)(state(0), wrong, state(1), generator=generator())
    with pytest.raises(ScoreError, match=message):
        apply_mask(state(0), wrong)
