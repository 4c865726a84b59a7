"""How many weights each layer keeps: the battery over every allocation, and the global rankings."""

from math import ceil

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from small_networks import make_structure
from structure_strategies import FUNCTIONS, SMALL, draw_scores, structures

from prunepipe.errors import ConfigError, ScoreError
from prunepipe.networks.structure import Structure
from prunepipe.pruning.allocations import ALLOCATIONS
from prunepipe.pruning.masks import kept_total, select


def is_possible(name: str, structure: Structure, total: int) -> bool:
    """Whether the layers with a fixed share leave something for the others, and not too much."""
    convolutions = [layer.size for layer in structure.layers if layer.kind == "conv"]
    linears = [layer.size for layer in structure.layers if layer.kind == "linear"]
    if name == "global_conv":
        return total > sum(linears)
    if name == "uniform_plus":
        rest = total - convolutions[0] - (ceil(linears[-1] / 5) if linears else 0)
        assume(rest != 0)  # whether the Linear layer counts as fixed decides then
        return rest > 0
    if name in ("smart", "linear", "ascending", "cubic", "uniform"):
        return 0 < total - sum(3 * size // 10 for size in linears) <= sum(convolutions)
    return True


@pytest.mark.parametrize(
    "name", [name for name in ALLOCATIONS if name != "constructed"]
)  # that one takes a mask
@settings(max_examples=40, deadline=None)
@given(
    structure=structures(), prune_ratio=st.decimals("0", "0.99", places=2).map(float), seed=st.integers(0, 9)
)
def test_every_allocation_meets_the_total_exactly_or_says_why_not(
    name: str, structure: Structure, prune_ratio: float, seed: int
) -> None:
    total = kept_total(structure.size, prune_ratio)
    scores = draw_scores(structure, seed)
    if not is_possible(name, structure, total):
        event("refused")
        with pytest.raises(ConfigError, match=f"allocation '{name}'"):
            FUNCTIONS[name](scores, structure, total)
        return
    kept = FUNCTIONS[name](scores, structure, total)
    assert list(kept) == [layer.name for layer in structure.layers]
    assert sum(kept.values()) == total
    assert all(type(count) is int for count in kept.values())
    assert all(0 <= kept[layer.name] <= layer.size for layer in structure.layers)
    mask = select(scores, kept)
    assert {layer: int(values.sum()) for layer, values in mask.items()} == kept


@pytest.mark.parametrize(
    ("size", "prune_ratio", "kept"),
    [
        (1_000_000, 0.9, 100_000),  # in floating point: 1 - 0.9 is below 0.1, and 99,999
        (20_024_000, 0.98, 400_480),
        (20_070_080, 0.95, 1_003_504),
        (1_855_584, 0.9, 185_558),
        (10, 0.7, 3),
        (3, 1 / 3, 2),  # the ratio is the decimal 0.3333333333333333, a bit below a third
        (7, 0.0, 7),
        (7, 0.999, 0),
    ],
)
def test_kept_total_reads_the_ratio_as_a_decimal(size: int, prune_ratio: float, kept: int) -> None:
    assert kept_total(size, prune_ratio) == kept
    assert kept_total(size, np.float64(prune_ratio)) == kept


@pytest.mark.parametrize("prune_ratio", [-0.1, 1.0, 90.0, float("nan")])
def test_kept_total_refuses_what_is_no_prune_ratio(prune_ratio: float) -> None:
    with pytest.raises(ConfigError, match=r"prune_ratio is .*, must be at least 0 and below 1"):
        kept_total(100, prune_ratio)


# Global ranking


@settings(max_examples=100, deadline=None)
@given(structure=structures(), seed=st.integers(0, 99), levels=st.integers(1, 6), share=st.floats(0, 1))
def test_global_allocation_and_selection_by_layer_are_the_global_selection(
    structure: Structure, seed: int, levels: int, share: float
) -> None:
    scores = draw_scores(structure, seed, levels)
    total = round(share * structure.size)
    mask = select(scores, FUNCTIONS["global"](scores, structure, total))
    flat = np.concatenate([layer.ravel() for layer in scores.values()])
    highest = np.argsort(-flat, kind="stable")[:total]  # ties: layer order, then flat index
    expected = np.zeros(flat.size, dtype=bool)
    expected[highest] = True
    assert np.array_equal(np.concatenate([layer.ravel() for layer in mask.values()]), expected)


def test_global_conv_keeps_linear_layers_dense_and_meets_the_total() -> None:
    structure = make_structure(*SMALL)
    scores = draw_scores(structure)
    scores["layer3"] -= 5  # the lowest of all, and still kept
    kept = FUNCTIONS["global_conv"](scores, structure, 60)
    flat = np.concatenate([scores[name].ravel() for name in ("layer0", "layer1", "layer2")])
    threshold = np.sort(flat)[-40]
    assert kept == {
        "layer3": 20,
        **{name: int((scores[name] >= threshold).sum()) for name in ("layer0", "layer1", "layer2")},
    }


def test_global_conv_refuses_a_budget_that_the_linear_layers_use_up() -> None:
    structure = make_structure(*SMALL)
    with pytest.raises(
        ConfigError,
        match=r"'global_conv': of 20 weights to keep, the dense Linear layers keep 20, which leaves 0",
    ):
        FUNCTIONS["global_conv"](draw_scores(structure), structure, 20)


def test_candidates_that_were_pruned_earlier_are_never_counted() -> None:
    structure = make_structure(*SMALL)
    scores = draw_scores(structure)
    scores["layer2"][:] = -np.inf
    for name in ("global", "lamp"):
        assert FUNCTIONS[name](scores, structure, 130) == {
            "layer0": 10,
            "layer1": 100,
            "layer2": 0,
            "layer3": 20,
        }
        with pytest.raises(ScoreError, match="131 weights are to be kept, but there are 130 candidates"):
            FUNCTIONS[name](scores, structure, 131)


@pytest.mark.parametrize("name", ["global", "global_conv", "lamp"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rankings_refuse_scores_that_cannot_be_ranked(name: str, value: float) -> None:
    structure = make_structure(*SMALL)
    scores = draw_scores(structure)
    scores["layer1"][3] = value
    with pytest.raises(ScoreError, match=rf"'layer1' has score {value}; scores must be finite"):
        FUNCTIONS[name](scores, structure, 60)


@pytest.mark.parametrize("name", ["global", "global_conv", "lamp"])
def test_rankings_refuse_scores_of_other_layers(name: str) -> None:
    structure = make_structure(*SMALL)
    scores = draw_scores(structure)
    with pytest.raises(ScoreError, match="scores lack 'layer2'"):
        FUNCTIONS[name]({k: v for k, v in scores.items() if k != "layer2"}, structure, 60)
    with pytest.raises(ScoreError, match=r"scores of 'layer2' have shape \(5,\), expected \(200,\)"):
        FUNCTIONS[name](scores | {"layer2": np.ones(5)}, structure, 60)
