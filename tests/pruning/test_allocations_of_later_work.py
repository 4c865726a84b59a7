"""LAMP, ERK, uniform and uniform-plus against their definitions."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import make_structure
from structure_strategies import FUNCTIONS, SMALL, draw_scores, structures

from prunepipe.errors import ConfigError, ScoreError
from prunepipe.networks.structure import Structure


@settings(max_examples=50, deadline=None)
@given(
    structure=structures(), seed=st.integers(0, 99), levels=st.sampled_from([None, 3]), share=st.floats(0, 1)
)
def test_lamp_is_the_global_ranking_of_its_definition(
    structure: Structure, seed: int, levels: int | None, share: float
) -> None:
    scores = draw_scores(structure, seed, levels)
    total = round(share * structure.size)
    ranked = []
    for position, layer in enumerate(scores.values()):
        values = sorted((float(value) for value in layer.ravel()), reverse=True)
        sums = np.cumsum([value**2 for value in values])
        ranked += [(-(v * v / s if s else 0.0), position) for v, s in zip(values, sums, strict=True)]
    best = [position for _, position in sorted(ranked)[:total]]
    expected = [best.count(position) for position in range(len(scores))]
    assert list(FUNCTIONS["lamp"](scores, structure, total).values()) == expected


def test_lamp_does_not_lose_a_layer_of_tiny_weights() -> None:
    structure = make_structure(*SMALL)
    scores = {n: s.astype(np.float32) for n, s in draw_scores(structure).items()}
    scores["layer1"] *= np.float32(1e-30)  # squares that float32 cannot hold
    assert FUNCTIONS["global"](scores, structure, 60)["layer1"] == 0
    assert FUNCTIONS["lamp"](scores, structure, 60)["layer1"] > 0


@pytest.mark.parametrize("scale", [1e-170, 1e170])
def test_lamp_does_not_depend_on_the_scale_of_scores(scale: float) -> None:
    structure = make_structure(*SMALL)
    scores = draw_scores(structure, 0, None)
    scaled = {name: layer * scale for name, layer in scores.items()}
    assert FUNCTIONS["lamp"](scaled, structure, 90) == FUNCTIONS["lamp"](scores, structure, 90)


def test_lamp_refuses_signed_scores() -> None:
    structure = make_structure(*SMALL)
    scores = {name: layer - 0.5 for name, layer in draw_scores(structure).items()}
    with pytest.raises(ScoreError, match=r"'lamp': layer 'layer0' has score -0\.\d+, must be at least 0"):
        FUNCTIONS["lamp"](scores, structure, 60)


def test_erk_by_hand_redistributes_what_a_full_layer_cannot_hold() -> None:
    # dimensions sum to 8, 22, 30; sizes 12, 400, 800; in proportion the first would keep 16 of 12
    structure = make_structure(("conv", (2, 6)), ("conv", (10, 10, 1, 4)), ("linear", (20, 40)))
    sums = [8, 25, 60]
    total = 186
    assert total * sums[0] / sum(sums) > 12
    kept = FUNCTIONS["erk"]({}, structure, total)
    rest = Fraction(total - 12, sums[1] + sums[2])
    assert kept["layer0"] == 12
    assert abs(kept["layer1"] - rest * sums[1]) < 1
    assert abs(kept["layer2"] - rest * sums[2]) < 1
    assert sum(kept.values()) == total


def test_uniform_all_keeps_one_share_everywhere() -> None:
    kept = FUNCTIONS["uniform_all"]({}, make_structure(*SMALL), 99)
    assert list(kept.values()) == [3, 30, 60, 6]


def test_uniform_plus_spares_the_first_convolution_and_the_last_linear_layer() -> None:
    structure = make_structure(*SMALL)
    assert list(FUNCTIONS["uniform_plus"]({}, structure, 44).values()) == [10, 10, 20, 4]
    assert list(FUNCTIONS["uniform_plus"]({}, structure, 170).values()) == [10, 50, 100, 10]
    assert FUNCTIONS["uniform_plus"]({}, structure, 44, linear_minimum=0.5)["layer3"] == 10
    with pytest.raises(
        ConfigError, match=r"'uniform_plus': of 14 weights to keep, 'layer0' keeps 10 and 'layer3' keeps 4"
    ):
        FUNCTIONS["uniform_plus"]({}, structure, 14)
    with pytest.raises(ConfigError, match="linear_minimum: got 2; it should be less than or equal to 1"):
        FUNCTIONS["uniform_plus"]({}, structure, 44, linear_minimum=2)


@pytest.mark.parametrize("name", ["uniform_all", "uniform_plus", "erk", "uniform", "smart"])
def test_keeping_more_never_shrinks_the_network(name: str) -> None:
    structure = make_structure(*SMALL, residual=True)
    kept = [FUNCTIONS[name]({}, structure, total) for total in range(30, 310, 7)]
    for fewer, more in pairwise(kept):
        assert all(more[layer] >= fewer[layer] - 1 for layer in fewer)  # rounding may move one weight


def test_balanced_keeps_as_many_weights_in_every_layer() -> None:
    structure = make_structure(
        ("conv", (2, 6)), ("conv", (10, 10, 1, 4)), ("linear", (20, 40))
    )  # 12, 400, 800
    assert list(FUNCTIONS["balanced"]({}, structure, 30).values()) == [10, 10, 10]
    assert list(FUNCTIONS["balanced"]({}, structure, 112).values()) == [12, 50, 50]  # the first is full
    assert list(FUNCTIONS["balanced"]({}, structure, 1012).values()) == [12, 400, 600]


def test_pyramidal_densities_fall_by_one_factor() -> None:
    sizes = [("conv", (10, 10, 3, 3))] * 3 + [("linear", (10, 90))]
    kept = FUNCTIONS["pyramidal"](
        {}, make_structure(*sizes), 450 + 225 + 112 + 56
    )  # p = 1/2 of 900, but for halves
    assert [abs(count - 900 / 2**depth) <= 1 for depth, count in enumerate(kept.values(), 1)] == [True] * 4
    assert sum(kept.values()) == 843
